// Tells ThreadSanitizer what Debian's gRPC, which is not instrumented, orders: what was done before a batch
// of a call's operations was handed to it, and the callback or the event that says that the batch is done.
// Both have the same tag. Preloaded into the tests by tools/test --deep tsan.
#include <grpc/grpc.h>

#include "tests/sanitizers/tsan_order.h"

using waypost::tsan::Acquired;
using waypost::tsan::Real;
using waypost::tsan::Releasing;

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static auto* const real = Real<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  Releasing(tag);
  return real(call, ops, count, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  static auto* const real = Real<decltype(grpc_completion_queue_next)>("grpc_completion_queue_next");
  const grpc_event event = real(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) Acquired(event.tag);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag, gpr_timespec deadline,
                                       void* reserved) {
  static auto* const real = Real<decltype(grpc_completion_queue_pluck)>("grpc_completion_queue_pluck");
  const grpc_event event = real(queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) Acquired(tag);
  return event;
}

}  // extern "C"
