// The actions on a referral that are one request each.
#ifndef WAYPOST_TOOLS_WAYPOST_REFERRAL_ACTIONS_H_
#define WAYPOST_TOOLS_WAYPOST_REFERRAL_ACTIONS_H_

#include <google/protobuf/message.h>

#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "tools/waypost/message_flags.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::cli {

struct ReferralAction {
  // As in "AcceptReferral".
  std::string method;
  std::string help;
  // A default instance; it has a `name`.
  const google::protobuf::Message& request;
  // Fields without which the server always refuses.
  std::set<std::string> required;
};

// The outcome of each person, by flags that they share.
struct OutcomeFlags {
  std::vector<std::string> outcomes;
  std::string date;
  std::string informed_by;
  std::string informed_how;
  std::string informed_language;
  std::string remedy;
  std::string follow_up_date;
};
void AddOutcomeFlags(CLI::App& leaf, OutcomeFlags& flags);
// One "PERSON=KIND" with what the flags say of all. INVALID_FIELD when it is none.
absl::StatusOr<referral::v1::PersonOutcome> OneOutcome(const std::string& text, const OutcomeFlags& flags,
                                                       const ValueContext& context);

// Every method that changes one existing referral, but for UpdateReferral and SubmitReferral, which take
// documents.
std::vector<ReferralAction> ReferralActions();

// "accept" for "AcceptReferral", "offer-place" for "OfferPlace".
std::string ActionName(const std::string& method);

// An outcome by decision of a body, against which something can be done.
bool NeedsRemedy(referral::v1::OutcomeKind kind);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_REFERRAL_ACTIONS_H_
