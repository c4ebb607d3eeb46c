// Names of new referrals: the service's own, or those that clients make so that work done offline can go on
// with what it has made.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_NAMES_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_NAMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "common/rpc/environment.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// The name of a referral that is created: the client's where the request gives one, which the transaction is
// to find free. INVALID_FIELD for one that the caller's body may not use.
absl::StatusOr<std::string> NameFor(const rpc::Environment& env, const rpc::Call& call,
                                    const v1::Referral& referral);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_NAMES_H_
