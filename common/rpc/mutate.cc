#include "common/rpc/mutate.h"

#include <string>

#include "common/crypto/hash.h"
#include "common/rpc/request_state.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace waypost::rpc::internal {
namespace {

// The same content gives the same bytes: map entries are sorted.
std::string Canonical(const google::protobuf::Message& message) {
  std::string bytes;
  bytes.reserve(message.ByteSizeLong());
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeWithCachedSizes(&coded);
  }
  return bytes;
}

constexpr std::string_view kPrepareAgain = "PREPARE_AGAIN";

bool IsPrepareAgain(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted && error::ReasonOf(status) == kPrepareAgain;
}

absl::Status Contended() {
  return error::WithRetry(error::Make(absl::StatusCode::kAborted, "CONTENDED",
                                      "others kept changing the resource meanwhile: repeat the call"),
                          absl::Milliseconds(50));
}

// Everything a mutation needs until its answer.
struct RunningMutation {
  RunningMutation(std::unique_ptr<UnaryCall> unary, google::protobuf::Message* out, MutationBody transaction)
      : call(std::move(unary)),
        state{.env = call->env, .call = call->pending.call()},
        response(out),
        body(std::move(transaction)) {}

  absl::Status Run(store::Writer& writer) {
    Mutation mutation(state, writer);
    WAYPOST_RETURN_IF_ERROR(body(mutation));
    if (!state.authorized) return absl::InternalError("a handler changed something without authority");
    if (response != nullptr) mutation.Remember(response->SerializeAsString());
    return absl::OkStatus();
  }

  // Prepares on the executor, then runs; again when the body asks for it.
  static void Prepare(std::shared_ptr<RunningMutation> self) {
    const bool taken = self->call->env.node.executor.Submit([self] {
      const auto snapshot = self->call->env.store.Snapshot();
      if (!snapshot.ok()) return self->Done(snapshot.status());
      auto prepared = self->prepare(self->state.call, **snapshot);
      if (!prepared.ok()) return self->Refuse(**snapshot, prepared.status());
      self->body = *std::move(prepared);
      self->call->env.store.Transact([self](store::Writer& writer) { return self->Run(writer); },
                                     [self](absl::Status status) {
                                       if (!IsPrepareAgain(status)) return self->Done(std::move(status));
                                       if (++self->preparations < kMaxPreparations) return Prepare(self);
                                       self->Done(Contended());
                                     });
    });
    if (!taken) self->Done(error::Overloaded("changes"));
  }

  // It cannot be prepared now. Perhaps it could before, and was carried out.
  void Refuse(const store::Reader& reader, absl::Status failure) {
    absl::Status replay = CheckReplay(state, reader);
    Done(replay.ok() ? std::move(failure) : std::move(replay));
  }

  void Done(absl::Status status) {
    if (state.replayed && status.code() == absl::StatusCode::kAborted) {
      status = response->ParseFromString(state.replayed_response) ? absl::OkStatus()
                                                                  : error::DataLoss("idempotency record");
    } else if (status.ok()) {
      Notify(state);
    }
    call->Answer(status);
  }

  std::unique_ptr<UnaryCall> call;
  MutationState state;
  google::protobuf::Message* response;
  MutationBody body;
  Preparation prepare = nullptr;
  int preparations = 0;
};

// A look: like a mutation, but with nothing to remember, and with work after it is durable.
struct RunningDisclosure {
  RunningDisclosure(std::unique_ptr<UnaryCall> unary, DiscloseBody transaction)
      : call(std::move(unary)),
        state{.env = call->env, .call = call->pending.call()},
        body(std::move(transaction)) {}

  absl::Status Run(store::Writer& writer) {
    Mutation mutation(state, writer);
    WAYPOST_ASSIGN_OR_RETURN(opening, body(mutation));
    if (!state.authorized) return absl::InternalError("a handler disclosed something without authority");
    return absl::OkStatus();
  }

  std::unique_ptr<UnaryCall> call;
  MutationState state;
  DiscloseBody body;
  Opening opening;
};

}  // namespace

void SetRequest(MutationState& state, const google::protobuf::Message& request, std::string_view request_id) {
  state.request_id = request_id;
  state.idempotency_key = IdempotencyKey(state.call, request_id);
  state.request_hash = crypto::HmacSha256(state.env.node.idempotency_key, Canonical(request));
}

void Notify(const MutationState& state) {
  for (const std::string& feed : state.feeds) state.env.hub.Changed(feed);
  state.env.hub.Changed(kOutboxFeed);
}

UnaryCall::UnaryCall(const Environment& environment, grpc::CallbackServerContext* context,
                     const policy::MethodRule& rule)
    : env(environment),
      incoming(IncomingOf(*context)),
      pending(environment.node, rule, incoming),
      reactor(context->DefaultReactor()) {}

void UnaryCall::Answer(const absl::Status& status) {
  pending.Answered(status);
  reactor->Finish(ToGrpc(status));
}

void RunMutation(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                 std::string_view request_id, google::protobuf::Message* response, MutationBody body) {
  const Environment& env = call->env;
  auto running = std::make_unique<RunningMutation>(std::move(call), response, std::move(body));
  SetRequest(running->state, request, request_id);
  RunningMutation* const raw = running.get();
  env.store.Transact(
      [raw](store::Writer& writer) { return raw->Run(writer); },
      [running = std::move(running)](absl::Status status) mutable { running->Done(std::move(status)); });
}

void RunPrepared(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                 std::string_view request_id, google::protobuf::Message* response, Preparation prepare) {
  auto running = std::make_shared<RunningMutation>(std::move(call), response, nullptr);
  running->prepare = std::move(prepare);
  SetRequest(running->state, request, request_id);
  RunningMutation::Prepare(std::move(running));
}

void RunUnprepared(std::unique_ptr<UnaryCall> call, const google::protobuf::Message& request,
                   std::string_view request_id, google::protobuf::Message* response, absl::Status failure) {
  auto running = std::make_shared<RunningMutation>(std::move(call), response, nullptr);
  SetRequest(running->state, request, request_id);
  const bool taken = running->call->env.node.executor.Submit([running, failure = std::move(failure)] {
    const auto snapshot = running->call->env.store.Snapshot();
    if (!snapshot.ok()) return running->Done(snapshot.status());
    running->Refuse(**snapshot, failure);
  });
  if (!taken) running->Done(error::Overloaded("changes"));
}

void RunApply(std::unique_ptr<UnaryCall> call, MutationBody body) {
  const Environment& env = call->env;
  auto running = std::make_unique<RunningMutation>(std::move(call), nullptr, std::move(body));
  RunningMutation* const raw = running.get();
  env.store.Transact(
      [raw](store::Writer& writer) { return raw->Run(writer); },
      [running = std::move(running)](absl::Status status) mutable { running->Done(std::move(status)); });
}

void RunQuery(std::unique_ptr<UnaryCall> call, QueryBody body) {
  Executor& executor = call->env.node.executor;
  // The call is kept here, so that it can be answered when the executor takes no more.
  auto shared = std::make_shared<std::unique_ptr<UnaryCall>>(std::move(call));
  const bool taken = executor.Submit([shared, body = std::move(body)]() mutable {
    UnaryCall& running = **shared;
    if (running.pending.DeadlinePassed()) return running.Answer(error::DeadlinePassed());
    const auto snapshot = running.env.store.Snapshot();
    running.Answer(snapshot.ok() ? body(running.pending.call(), **snapshot) : snapshot.status());
  });
  if (!taken) (*shared)->Answer(error::Overloaded("reads"));
}

void RunQueryNoting(std::unique_ptr<UnaryCall> call, const policy::MethodRule& note_rule, NotingBody body) {
  Executor& executor = call->env.node.executor;
  auto shared = std::make_shared<std::unique_ptr<UnaryCall>>(std::move(call));
  const bool taken = executor.Submit([shared, &note_rule, body = std::move(body)]() mutable {
    UnaryCall& running = **shared;
    if (running.pending.DeadlinePassed()) return running.Answer(error::DeadlinePassed());
    const auto snapshot = running.env.store.Snapshot();
    if (!snapshot.ok()) return running.Answer(snapshot.status());
    SystemBody note;
    const Call& read = running.pending.call();
    const absl::Status status = body(read, **snapshot, note);
    if (!status.ok() || note == nullptr) return running.Answer(status);
    SystemChange(running.env, note_rule, read.now, std::move(note),
                 [shared](const absl::Status&) { (*shared)->Answer(absl::OkStatus()); });
  });
  if (!taken) (*shared)->Answer(error::Overloaded("reads"));
}

void RunDisclose(std::unique_ptr<UnaryCall> call, DiscloseBody body) {
  const Environment& env = call->env;
  auto running = std::make_shared<RunningDisclosure>(std::move(call), std::move(body));
  env.store.Transact([running](store::Writer& writer) { return running->Run(writer); },
                     [running](absl::Status status) {
                       if (!status.ok()) return running->call->Answer(status);
                       Notify(running->state);
                       const bool taken = running->call->env.node.executor.Submit(
                           [running] { running->call->Answer(std::move(running->opening)()); });
                       if (!taken) running->call->Answer(error::Overloaded("reads"));
                     });
}

void RunDisclosePrepared(std::unique_ptr<UnaryCall> call, DisclosePreparation prepare) {
  Executor& executor = call->env.node.executor;
  // The call is kept here, so that it can be answered when the executor takes no more.
  auto shared = std::make_shared<std::unique_ptr<UnaryCall>>(std::move(call));
  const bool taken = executor.Submit([shared, prepare = std::move(prepare)]() mutable {
    UnaryCall& running = **shared;
    if (running.pending.DeadlinePassed()) return running.Answer(error::DeadlinePassed());
    absl::StatusOr<DiscloseBody> body;
    {
      const auto snapshot = running.env.store.Snapshot();
      if (!snapshot.ok()) return running.Answer(snapshot.status());
      body = prepare(running.pending.call(), **snapshot);
    }
    if (!body.ok()) return running.Answer(body.status());
    RunDisclose(std::move(*shared), *std::move(body));
  });
  if (!taken) (*shared)->Answer(error::Overloaded("reads"));
}

}  // namespace waypost::rpc::internal

namespace waypost::rpc {

absl::Status PrepareAgain() {
  return error::Make(absl::StatusCode::kAborted, internal::kPrepareAgain, "prepare again");
}

}  // namespace waypost::rpc
