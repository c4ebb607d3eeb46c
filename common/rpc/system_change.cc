#include "common/rpc/system_change.h"

#include <string>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "common/rpc/feed.h"

namespace waypost::rpc {
namespace {

struct RunningChange {
  RunningChange(const Environment& environment, const policy::MethodRule& rule, absl::Time now,
                SystemBody transaction)
      : call{.rule = rule,
             .caller = SystemCaller(),
             .now = now,
             .trace = telemetry::ContinueTrace({}, environment.node.random)},
        state{.env = environment, .call = call},
        body(std::move(transaction)) {}

  const Call call;
  MutationState state;
  SystemBody body;
};

void Notify(const MutationState& state) {
  for (const std::string& feed : state.feeds) state.env.hub.Changed(feed);
  if (state.authorized) state.env.hub.Changed(kOutboxFeed);
}

}  // namespace

std::shared_ptr<const policy::Caller> SystemCaller() {
  auto caller = std::make_shared<policy::Caller>();
  caller->body = std::string(kServiceBody);
  caller->actor = "actors/service";
  caller->roles = {policy::Role::kService};
  return caller;
}

void SystemChange(const Environment& env, const policy::MethodRule& rule, absl::Time now, SystemBody body,
                  absl::AnyInvocable<void(absl::Status) &&> done) {
  auto running = std::make_unique<RunningChange>(env, rule, now, std::move(body));
  RunningChange* const raw = running.get();
  env.store.Transact(
      [raw](store::Writer& writer) {
        Mutation mutation(raw->state, writer);
        return raw->body(mutation);
      },
      [running = std::move(running), done = std::move(done)](absl::Status status) mutable {
        if (status.ok()) Notify(running->state);
        std::move(done)(std::move(status));
      });
}

std::vector<absl::Status> SystemChangesAndWait(const Environment& env, const policy::MethodRule& rule,
                                               absl::Time now, size_t count,
                                               absl::FunctionRef<absl::Status(size_t, Mutation&)> body) {
  std::vector<absl::Status> results(count);
  absl::BlockingCounter left(static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    SystemChange(
        env, rule, now, [body, i](Mutation& mutation) { return body(i, mutation); },
        [&results, &left, i](absl::Status status) {
          results[i] = std::move(status);
          left.DecrementCount();
        });
  }
  left.Wait();
  return results;
}

absl::Status SystemChangeAndWait(const Environment& env, const policy::MethodRule& rule, absl::Time now,
                                 absl::FunctionRef<absl::Status(Mutation&)> body) {
  return SystemChangesAndWait(env, rule, now, 1,
                              [body](size_t, Mutation& mutation) { return body(mutation); })
      .front();
}

}  // namespace waypost::rpc
