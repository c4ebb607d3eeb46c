// What a decision does to parts, and to what they are parts of, in its transaction. Every function works
// within that transaction, or a snapshot; none keeps state.
//
// At all times the open_part_count of a record is the number of its parts that are open and of the body that
// holds the case; none once it has ended, since what was open then has been detached. A part whose case was
// handed over is open as long as that case is, of which its referring body sees no more than that.
#ifndef WAYPOST_SERVICES_REFERRAL_PART_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_PART_LEDGER_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "common/store/store.h"
#include "services/referral/referral_rules.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

struct Clockwork;

// Where a caller's decision makes, changes or sends a part: may it be one? What it is to be a part of is
// NOT_FOUND for whoever may not read it. INVALID_FIELD for case_persons of no case; LIMIT_EXCEEDED where more
// than kMaxReachOfParts hang together by them. Otherwise as CheckPart.
absl::Status CheckLink(const store::Reader& reader, const policy::Caller& caller,
                       const ReferralRecord& before, const Decision& decision);

// Where a caller cancels a referral: carries out what the request says of its parts, each as the caller's own
// change of that part. REQUIRES: the decision itself is not written yet.
absl::Status CarryOutParts(rpc::Mutation& mutation, const Clockwork& by, const ReferralRecord& before,
                           const Decision& decision);

// Before a decision is written: the number of its open parts from now on.
absl::Status CountOpenParts(const store::Reader& reader, const ReferralRecord& before, Decision& decision);

// After it is written: rows of parts, those of the people who are in both, and the number of open parts of
// what it is a part of. What is to be detached then is added to its follow-ups.
absl::Status CarryParts(store::Writer& writer, const ReferralRecord& before, Decision& decision);

// Of what is protected from now on, each part names it. PROTECTED_IS_UNLINKED where it has any of `body`,
// which protects it; those of the other side, of which `body` knows nothing, the system is to detach.
absl::Status UnlinkParts(const store::Reader& reader, std::string_view name, std::string_view body,
                         std::vector<FollowUp>& follow_ups);

// The refusal of a decision; PARTS_OPEN with how many they are, and the first of them.
absl::Status NamingOpenParts(const store::Reader& reader, const ReferralRecord& record,
                             const absl::Status& refusal);

// The number of open parts of the caller's body, where it is not the one that holds the case.
absl::Status FillParts(const store::Reader& reader, const ReferralRecord& record,
                       const policy::Authorized& as, v1::Referral& view);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PART_LEDGER_H_
