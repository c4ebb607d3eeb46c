// The shapes of a handler. Each runs the chain, then the handler's own code where it belongs, and
// answers exactly once.
//
//   Mutate       a change: body(Mutation&) in a transaction
//   MutateAfter  the same, where something costly comes first: prepare(const Call&) on the calling thread
//                returns the body
//   MutatePrepared
//                the same, where what comes first reads the store: prepare(const Call&, const store::Reader&)
//                runs on the executor over a snapshot; a body that finds its preparation out of date
//                returns PrepareAgain(), and both run again
//   Apply        a change whose idempotency the service keeps itself (by event id, say): no request_id
//   Query        a read: body(const Call&, const store::Reader&) on the executor, over a snapshot
//   QueryNoting  the same, where having been read is to be noted: what the body leaves in its SystemBody is
//                carried out before the answer. A note that fails fails no read: it is left to the next one
//   Disclose     a read that opens personal data: body(Mutation&) re-checks authority and publishes the
//                access in a transaction, and returns what to do once that is durable, on the executor
//   DisclosePrepared
//                the same, where much has to be looked through to find what to open:
//                prepare(const Call&, const store::Reader&) runs on the executor over a snapshot and returns
//                the body, which checks again what it opens
//
// A preparation that fails gives its error as the answer, unless the same request was carried out before:
// then the first answer is given, whatever has changed since. One that fails for what it read in the store
// must have found the caller's authority over it first.
//
// `request` and `response` are gRPC's and live until the answer. A validator takes the request and returns
// all its field violations; it runs after authentication and before the body.
#ifndef WAYPOST_COMMON_RPC_MUTATE_H_
#define WAYPOST_COMMON_RPC_MUTATE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "common/policy/policy.h"
#include "common/rpc/call.h"
#include "common/rpc/environment.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "google/protobuf/message.h"

namespace waypost::rpc {

using MutationBody = absl::AnyInvocable<absl::Status(Mutation&)>;
using QueryBody = absl::AnyInvocable<absl::Status(const Call&, const store::Reader&)>;
using NotingBody = absl::AnyInvocable<absl::Status(const Call&, const store::Reader&, SystemBody&)>;
// Fills the response; runs on the executor, once the access is durable.
using Opening = absl::AnyInvocable<absl::Status() &&>;
using DiscloseBody = absl::AnyInvocable<absl::StatusOr<Opening>(Mutation&)>;
// Runs on the executor, once.
using DisclosePreparation =
    absl::AnyInvocable<absl::StatusOr<DiscloseBody>(const Call&, const store::Reader&)>;

// Runs on the executor; may run several times.
using Preparation = absl::AnyInvocable<absl::StatusOr<MutationBody>(const Call&, const store::Reader&)>;

// From a body: the store has moved on since the preparation. Not an answer.
absl::Status PrepareAgain();

// How often a mutation is prepared before it is answered with ABORTED / CONTENDED.
inline constexpr int kMaxPreparations = 8;

namespace internal {

// A unary call from arrival to answer.
struct UnaryCall {
  UnaryCall(const Environment& environment, grpc::CallbackServerContext* context,
            const policy::MethodRule& rule);

  absl::Status Admit() { return pending.Admit(incoming); }
  void Answer(const absl::Status& status);

  const Environment& env;
  chain::Incoming incoming;
  PendingCall pending;
  grpc::ServerUnaryReactor* reactor;
};

void RunMutation(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                 std::string_view request_id, google::protobuf::Message* response, MutationBody body);
void RunPrepared(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                 std::string_view request_id, google::protobuf::Message* response, Preparation prepare);
// Of a request that could not be prepared.
void RunUnprepared(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                   std::string_view request_id, google::protobuf::Message* response, absl::Status failure);
void RunApply(std::unique_ptr<UnaryCall> call, MutationBody body);
void RunQuery(std::unique_ptr<UnaryCall> call, QueryBody body);
void RunQueryNoting(std::unique_ptr<UnaryCall> call, const policy::MethodRule& note_rule, NotingBody body);
void RunDisclose(std::unique_ptr<UnaryCall> call, DiscloseBody body);
void RunDisclosePrepared(std::unique_ptr<UnaryCall> call, DisclosePreparation prepare);

}  // namespace internal

template <typename Request, typename Response, typename Validate, typename Prepare>
grpc::ServerUnaryReactor* MutateAfter(const Environment& env, grpc::CallbackServerContext* context,
                                      const policy::MethodRule& rule, const Validate& validate,
                                      const Request& request, Response* response, Prepare&& prepare) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = CheckRequestId(request.request_id());
  if (status.ok()) status = validate(request);
  if (!status.ok()) {
    call->Answer(status);
    return reactor;
  }
  absl::StatusOr<MutationBody> body = prepare(call->pending.call());
  if (body.ok()) {
    internal::RunMutation(std::move(call), request, request.request_id(), response, *std::move(body));
  } else {
    internal::RunUnprepared(std::move(call), request, request.request_id(), response, body.status());
  }
  return reactor;
}

template <typename Request, typename Response, typename Validate, typename Body>
grpc::ServerUnaryReactor* Mutate(const Environment& env, grpc::CallbackServerContext* context,
                                 const policy::MethodRule& rule, const Validate& validate,
                                 const Request& request, Response* response, Body body) {
  return MutateAfter(
      env, context, rule, validate, request, response,
      [&body](const Call&) -> absl::StatusOr<MutationBody> { return MutationBody(std::move(body)); });
}

template <typename Request, typename Response, typename Validate, typename Prepare>
grpc::ServerUnaryReactor* MutatePrepared(const Environment& env, grpc::CallbackServerContext* context,
                                         const policy::MethodRule& rule, const Validate& validate,
                                         const Request& request, Response* response, Prepare prepare) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = CheckRequestId(request.request_id());
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunPrepared(std::move(call), request, request.request_id(), response,
                          Preparation(std::move(prepare)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

template <typename Request, typename Validate, typename Body>
grpc::ServerUnaryReactor* Apply(const Environment& env, grpc::CallbackServerContext* context,
                                const policy::MethodRule& rule, const Validate& validate,
                                const Request& request, Body body) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunApply(std::move(call), MutationBody(std::move(body)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

template <typename Request, typename Validate, typename Body>
grpc::ServerUnaryReactor* Query(const Environment& env, grpc::CallbackServerContext* context,
                                const policy::MethodRule& rule, const Validate& validate,
                                const Request& request, Body body) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunQuery(std::move(call), QueryBody(std::move(body)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

// `note_rule`: of the system; outlives the server.
template <typename Request, typename Validate, typename Body>
grpc::ServerUnaryReactor* QueryNoting(const Environment& env, grpc::CallbackServerContext* context,
                                      const policy::MethodRule& rule, const policy::MethodRule& note_rule,
                                      const Validate& validate, const Request& request, Body body) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunQueryNoting(std::move(call), note_rule, NotingBody(std::move(body)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

template <typename Request, typename Validate, typename Body>
grpc::ServerUnaryReactor* Disclose(const Environment& env, grpc::CallbackServerContext* context,
                                   const policy::MethodRule& rule, const Validate& validate,
                                   const Request& request, Body body) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunDisclose(std::move(call), DiscloseBody(std::move(body)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

template <typename Request, typename Validate, typename Prepare>
grpc::ServerUnaryReactor* DisclosePrepared(const Environment& env, grpc::CallbackServerContext* context,
                                           const policy::MethodRule& rule, const Validate& validate,
                                           const Request& request, Prepare prepare) {
  auto call = std::make_unique<internal::UnaryCall>(env, context, rule);
  grpc::ServerUnaryReactor* reactor = call->reactor;
  absl::Status status = call->Admit();
  if (status.ok()) status = validate(request);
  if (status.ok()) {
    internal::RunDisclosePrepared(std::move(call), DisclosePreparation(std::move(prepare)));
  } else {
    call->Answer(status);
  }
  return reactor;
}

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_MUTATE_H_
