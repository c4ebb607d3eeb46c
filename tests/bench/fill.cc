#include "tests/bench/fill.h"

#include <optional>
#include <thread>
#include <utility>

#include "common/api/names.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/outbox/keys.h"
#include "common/rpc/mutation.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_repository.h"
#include "tests/bench/requests.h"

namespace waypost::bench {

// One call without its gRPC, alive from its preparation to its answer.
struct FillModule::Submission {
  Submission(const rpc::Environment& env, std::shared_ptr<const policy::Caller> caller, absl::Time now)
      : call{.rule = referral::kSubmitReferral, .caller = std::move(caller), .now = now, .trace = {}},
        state{.env = env, .call = call} {}

  const rpc::Call call;
  referral::v1::SubmitReferralRequest request;
  referral::Asked asked;
  referral::Prepared prepared;
  rpc::MutationState state;
  referral::v1::Referral response;
};

namespace {

referral::ClockTable ClocksOf(const FillOptions& options) {
  referral::ClockTable clocks;
  if (options.due_in > absl::ZeroDuration()) {
    clocks.step_times = {.emergency = options.due_in, .urgent = options.due_in, .normal = options.due_in};
  }
  return clocks;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FillModule>> FillModule::Make(const runtime::ModuleContext& context,
                                                             crypto::BodyKeys& keys,
                                                             const FillOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(auto outbox, runtime::OutboxBase::Open(context, "referral"));
  return std::unique_ptr<FillModule>(new FillModule(context, keys, std::move(outbox), options));
}

FillModule::FillModule(const runtime::ModuleContext& context, crypto::BodyKeys& keys,
                       std::unique_ptr<runtime::OutboxBase> outbox, const FillOptions& options)
    : context_(context),
      options_(options),
      clocks_(ClocksOf(options)),
      outbox_(std::move(outbox)),
      bodies_(context.store),
      sealing_(keys, context.node.random),
      change_(sealing_, bodies_, clocks_) {}

absl::Status FillModule::Start(const runtime::Peers& peers) {
  outbox_->Start(peers);
  return absl::OkStatus();
}

void FillModule::Stop() {
  outbox_->Stop();
}

absl::Status FillModule::Fill() {
  began_ = context_.node.clock.Now();
  caller_ = std::make_shared<const policy::Caller>(policy::Caller{
      .body = options_.from, .actor = "bench-loader", .roles = {policy::Role::kSupervisor}, .units = {}});
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.threads; ++i) threads.emplace_back([this] { Submit(); });
  for (std::thread& thread : threads) thread.join();
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &FillModule::Idle));
  return failure_;
}

void FillModule::Submit() {
  while (Enter()) {
    const uint64_t number = next_.fetch_add(1);
    if (number >= options_.referrals) return Leave(absl::OkStatus());
    absl::StatusOr<std::unique_ptr<Submission>> prepared = Prepare(number);
    if (!prepared.ok()) return Leave(prepared.status());
    Submission* const submission = prepared->get();
    context_.store.Transact(
        [this, submission](store::Writer& writer) -> absl::Status {
          rpc::Mutation mutation(submission->state, writer);
          WAYPOST_RETURN_IF_ERROR(
              change_.Run(mutation, submission->asked, submission->prepared, submission->response));
          mutation.Remember(submission->response.SerializeAsString());
          return absl::OkStatus();
        },
        [this, kept = *std::move(prepared)](absl::Status status) {
          if (status.ok()) done_.fetch_add(1, std::memory_order_relaxed);
          outbox_->hub().Changed(rpc::kOutboxFeed);
          Leave(status);
        });
  }
}

absl::StatusOr<std::unique_ptr<FillModule::Submission>> FillModule::Prepare(uint64_t number) {
  const bool at_once = options_.due_in > absl::ZeroDuration();
  auto submission =
      std::make_unique<Submission>(outbox_->env(), caller_, at_once ? began_ : context_.node.clock.Now());
  const std::string& to = options_.to[number % options_.to.size()];
  referral::v1::SubmitReferralRequest& request = submission->request;
  request = MakeSubmit(options_.from, to, options_.run, number);
  const rpc::NodeEnvironment& node = context_.node;
  referral::Asked& asked = submission->asked;
  asked.sections = &request.sections();
  asked.own_reference = request.own_reference();
  asked.command =
      referral::SubmitOf(request, referral::rows::NameOfId(api::NewId(submission->call.now, node.random)));
  WAYPOST_ASSIGN_OR_RETURN(
      submission->prepared,
      change_.PrepareNew(submission->call, asked, {.referring = options_.from, .receiving = to}));
  submission->state.request_id = request.request_id();
  submission->state.idempotency_key = rpc::IdempotencyKey(submission->call, request.request_id());
  submission->state.request_hash = crypto::HmacSha256(node.idempotency_key, request.SerializeAsString());
  return submission;
}

bool FillModule::Enter() {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &FillModule::MayEnter));
  if (!failure_.ok()) return false;
  ++in_flight_;
  return true;
}

void FillModule::Leave(const absl::Status& status) {
  const absl::MutexLock lock(&mutex_);
  --in_flight_;
  failure_.Update(status);
}

absl::StatusOr<bool> FillModule::Relayed() const {
  WAYPOST_ASSIGN_OR_RETURN(const std::unique_ptr<store::Reader> reader, context_.store.Snapshot());
  const std::string& lane = outbox_->env().lane.name();
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t head, outbox::HeadOf(*reader, lane));
  // Events go in order: when the last has gone, all have.
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> last, reader->Get(outbox::EventKey(lane, head)));
  return !last.has_value();
}

}  // namespace waypost::bench
