// Many changes in one call, each apart from the others: every row has its own request_id, is a transaction of
// its own, and gets its own result. A row that is refused stops no other. The call is answered once every row
// that went through is durable; so it can be repeated as it is, and each row is carried out once.
//
// A row is remembered as a call of the method that makes one such change: sent by that method and again in a
// batch, it is the same request.
#ifndef WAYPOST_COMMON_RPC_MUTATE_BATCH_H_
#define WAYPOST_COMMON_RPC_MUTATE_BATCH_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/rpc/mutate.h"

namespace waypost::rpc {

// One change of a batch. Request and response live until the call is answered.
struct BatchRow {
  const google::protobuf::Message* request = nullptr;
  std::string_view request_id;
  google::protobuf::Message* response = nullptr;
  // On the executor: validates, does what is costly, and gives the body.
  std::function<absl::StatusOr<MutationBody>(const Call&)> prepare;
};

// In the order of the rows.
using BatchResults = std::vector<absl::Status>;

namespace internal {
void RunBatch(std::unique_ptr<UnaryCall> call, const policy::MethodRule& row_rule, std::vector<BatchRow> rows,
              std::function<void(const BatchResults&)> fill);
}  // namespace internal

// `check` finds what is wrong with the request as a whole. `fill` makes the answer of what became of rows.
template <typename Request>
grpc::ServerUnaryReactor* MutateBatch(const Environment& env, grpc::CallbackServerContext* context,
                                      const policy::MethodRule& rule, const policy::MethodRule& row_rule,
                                      const std::function<absl::Status(const Request&)>& check,
                                      const Request& request,
                                      const std::function<std::vector<BatchRow>()>& rows,
                                      std::function<void(const BatchResults&)> fill) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = check(request);
  if (status.ok()) {
    internal::RunBatch(std::move(call), row_rule, rows(), std::move(fill));
  } else {
    call->Answer(status);
  }
  return reactor;
}

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_MUTATE_BATCH_H_
