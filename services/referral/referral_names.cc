#include "services/referral/referral_names.h"

#include "absl/time/time.h"
#include "common/api/names.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral {
namespace {

// Whoever made it is not told otherwise that the clock is wrong.
absl::Status MadeInTheFuture(absl::Time made, absl::Time now) {
  const auto told = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
  };
  return error::InvalidField(
      "referral.name",
      base::Cat("was made at ", told(made), " by the clock of the machine that made it, which is more than ",
                absl::ToInt64Hours(kMaxNameAhead), " hours ahead: here it is ", told(now),
                ". Set that clock and make a new name, or send it again from ", told(made - kMaxNameAhead),
                " on"));
}

}  // namespace

absl::StatusOr<std::string> NameFor(const rpc::Environment& env, const rpc::Call& call,
                                    const v1::Referral& referral) {
  const std::string& given = referral.name();
  if (given.empty()) return rows::NameOfId(api::NewId(env.node.clock.Now(), env.node.random));
  const auto made = api::TimeOfIdOf(rows::IdOfName(given), call.caller->body);
  if (!api::IsName(given, {"referrals"}) || !made.has_value()) {
    return error::InvalidField("referral.name",
                               "must be empty, or have an id of 26 characters with the mark of your body");
  }
  if (*made < call.now - kMaxNameAge) {
    return error::InvalidField("referral.name", "was made more than 90 days ago: make a new one");
  }
  if (*made > call.now + kMaxNameAhead) return MadeInTheFuture(*made, call.now);
  // Colleagues who know the name would learn that it is in use.
  if (referral.has_protection()) {
    return error::InvalidField("referral.name", "must be empty with protection");
  }
  return given;
}

}  // namespace waypost::referral
