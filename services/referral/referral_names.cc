#include "services/referral/referral_names.h"

#include "common/api/names.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral {

absl::StatusOr<std::string> NameFor(const rpc::Environment& env, const rpc::Call& call,
                                    const v1::Referral& referral) {
  const std::string& given = referral.name();
  if (given.empty()) return rows::NameOfId(api::NewId(env.node.clock.Now(), env.node.random));
  const auto made = api::TimeOfIdOf(rows::IdOfName(given), call.caller->body);
  if (!api::IsName(given, {"referrals"}) || !made.has_value()) {
    return error::InvalidField("referral.name",
                               "must be empty, or have an id of 26 characters with the mark of your body");
  }
  if (*made < call.now - kMaxNameAge || *made > call.now + kMaxNameAhead) {
    return error::InvalidField("referral.name", "must have been made in the last 90 days");
  }
  // Colleagues who know the name would learn that it is in use.
  if (referral.has_protection()) {
    return error::InvalidField("referral.name", "must be empty with protection");
  }
  return given;
}

}  // namespace waypost::referral
