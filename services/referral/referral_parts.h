// Parts: sub-referrals that the body which holds a case makes of it, and waits for. Pure: no store, no gRPC,
// no clock. Thread-safe.
//
// A part is its referring body's: that body alone is told what it is a part of, and whoever has the case
// besides is not told of it. So each body waits for its own parts alone.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_PARTS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_PARTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/referral/referral_machine.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// What a referral is to be a part of, as it stands. REQUIRES: the body that wants it may read it.
struct ParentFacts {
  const storage::v1::ReferralRecord& parent;
  int linked = 0;           // parts that the body made of it, drafts and ended ones included
  bool is_new_link = true;  // `part` is not one of them yet
  int parts_of_part = 0;    // that the part itself has
};

// May `body` make `part` a part of it? PROTECTED_IS_UNLINKED, PARENT_ENDED, PARENT_NOT_HELD, PARTS_ONE_LEVEL,
// LIMIT_EXCEEDED; INVALID_FIELD for a part of itself, and where case_persons are of a draft, are not people
// of both, or name one twice; DISCLOSURE_STOPPED where a right stops disclosure of one of them in the case,
// RECTIFICATION_PENDING where something of them is to be put right in either.
absl::Status CheckPart(const ParentFacts& facts, const storage::v1::ReferralRecord& part,
                       std::string_view body);

// One part, of the body that cancels what it is a part of.
struct PartAtHand {
  std::string name;
  State state = kNothing;
  bool open = false;  // sent, and its case has not ended, here or where it was handed over to
};

// Do the decisions fit? INVALID_FIELD where one is about what is no part, or has ended; PARTS_OPEN where an
// open part has none. A draft may have one.
absl::Status CheckPartDecisions(std::string_view name, const std::vector<v1::PartDecision>& decisions,
                                const std::vector<PartAtHand>& parts);

// Has the case that a part is about ended or been opened with this change, whoever has it? A case that goes
// on in another referral has done neither.
bool OpensOrEnds(const storage::v1::ReferralRecord& before, const storage::v1::ReferralRecord& next);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_PARTS_H_
