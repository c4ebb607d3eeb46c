// A change that nobody asked for: a clock that has run out, a sweep. It goes the way of every other change:
// authorized by a rule, in a transaction, published with its event, told to watchers once it is durable.
#ifndef WAYPOST_COMMON_RPC_SYSTEM_CHANGE_H_
#define WAYPOST_COMMON_RPC_SYSTEM_CHANGE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/call.h"
#include "common/rpc/environment.h"
#include "common/rpc/mutation.h"

namespace waypost::rpc {

// The body that services act for: nobody's.
inline constexpr std::string_view kServiceBody = "bodies/waypost-services";

// Who acts when it is the system itself.
std::shared_ptr<const policy::Caller> SystemCaller();

// `body` authorizes itself with Mutation::Authorize, as in every change, and may run more than once; one that
// returns OK without having changed anything has not been authorized, and that is well. `done` is called once
// it is durable, on a thread of the store. `env` and `rule` must outlive it.
using SystemBody = absl::AnyInvocable<absl::Status(Mutation&)>;
void SystemChange(const Environment& env, const policy::MethodRule& rule, absl::Time now, SystemBody body,
                  absl::AnyInvocable<void(absl::Status) &&> done);

// The same, of several at once, each in a transaction of its own: `body(i, …)` of each number below `count`.
// Returns once each of them is durable or refused, with what came of it, in order.
//
// Bodies run on threads of the store. What they stored in variables of the caller may be read after the
// return, each under its own number. A body may run more than once, so it sets what it stores anew each time;
// where its result is not OK, that may be what a run left that came to nothing, or what was there before any.
// REQUIRES: not called on a thread of the store.
std::vector<absl::Status> SystemChangesAndWait(const Environment& env, const policy::MethodRule& rule,
                                               absl::Time now, size_t count,
                                               absl::FunctionRef<absl::Status(size_t, Mutation&)> body);
// The same, of one.
absl::Status SystemChangeAndWait(const Environment& env, const policy::MethodRule& rule, absl::Time now,
                                 absl::FunctionRef<absl::Status(Mutation&)> body);

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_SYSTEM_CHANGE_H_
