// Carries decisions on paths out, and what follows for them from their referrals: rows and events, in the
// transaction at hand.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/path_repository.h"
#include "services/referral/path_rules.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_directory.h"

namespace waypost::referral {

// `before` is null for a new one.
absl::Status WritePath(rpc::Mutation& mutation, const policy::Authorized& as, const PathRecord* before,
                       const PathDecision& decision);

// The open paths of that body in a chain of referrals, by the person; the first of them in that order where
// there are several. Each path is read once, however many of the referrals it is of.
absl::StatusOr<std::map<uint32_t, std::string>> OpenPathsOf(
    const store::Reader& reader, std::string_view body,
    const std::vector<storage::v1::ReferralRecord>& chain);

// What follows from a changed referral, which is written already. A path of which nothing is left that could
// be carried along ends; a step whose draft is cancelled is as it was before. Once its body holds nothing of
// the person in any of its referrals, it is erased. So it is where a referral moved to another body and the
// path did not.
absl::Status CarryPaths(rpc::Mutation& mutation, const policy::Authorized& as,
                        const storage::v1::ReferralRecord& before, const storage::v1::ReferralRecord& next);

// What these sections are today: by the commitments of the referrals that they are in.
absl::StatusOr<std::vector<storage::v1::PathSourceRecord>> SourcesToday(
    const store::Reader& reader, uint32_t person, std::vector<storage::v1::PathSourceRecord> sources);

// Somebody approves or submits the draft of a step: is the path open still, and what the draft takes along as
// it was? When it is submitted, the step is taken. INVALID_TRANSITION of a path that has ended; otherwise as
// CheckDraftHolds. REQUIRES: IsDraftOfStep(draft), as it was before.
enum class DraftAct { kApprove, kSubmit };
absl::Status CarryDraft(rpc::Mutation& mutation, const policy::Authorized& as,
                        const storage::v1::ReferralRecord& draft, DraftAct act);

// Who leads a path of `referral`; of one that is erased, the side of it that led it when they were linked.
absl::StatusOr<std::string> LeaderOf(const store::Reader& reader, const storage::v1::ReferralRecord& referral,
                                     const rows::PathLink& link);

// A referral is for named readers alone from now on: nothing leads from its paths to it any longer, and they
// end. PROTECTED_IS_UNLINKED where `body`, which protects it, leads one of them; of the other side's it is
// told nothing, and `as` is the system.
absl::Status LeavePaths(rpc::Mutation& mutation, const policy::Authorized& as,
                        const storage::v1::ReferralRecord& referral, std::string_view body);

// A person withdrew: the paths on which she is, by any referral of the chain, end.
absl::Status EndPathsOf(rpc::Mutation& mutation, const policy::Authorized& as,
                        const std::vector<storage::v1::ReferralRecord>& chain, uint32_t person);

// The paths of this referral go with it to who stands in its body's place. Where that body leads an open path
// of the person already, by any referral that hangs together with this one, that one goes on and the other
// ends. Of a body that lost a competence alone, a path goes along where the competence covers every step that
// is not over; otherwise it stays with that body, and `referral`, which is not written here, names it no
// longer.
absl::Status MovePaths(rpc::Mutation& mutation, const policy::Authorized& as, const BodyRegistry& bodies,
                       const command::BodyMove& move, storage::v1::ReferralRecord& referral);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_LEDGER_H_
