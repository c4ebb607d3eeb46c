// What a command does to a path, and what of its referrals it rests on. Pure: (record, courses, command, now)
// → decision; no store, no gRPC, no clock. Thread-safe. The referral that a step opens is decided by
// referral_rules.h, as any other that is submitted.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_RULES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/path_machine.h"
#include "services/referral/referral_machine.h"
#include "waypost/referral/storage/v1/path_storage.pb.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/path.pb.h"

namespace waypost::referral {

using storage::v1::PathRecord;

// What became of a step that was taken: the state of its referral or, where that was forwarded, of where the
// case went; and whether an enrolment of the person from it has not ended.
struct StepCourse {
  State referral = kNothing;
  bool enrolment_open = false;
};
// By the step's number; of every step that was taken.
using StepCourses = std::map<uint32_t, StepCourse>;

namespace path {

struct Create {
  std::string name;  // made by the service
  std::string body;
  std::string referral;
  uint32_t person = 0;
  std::vector<v1::PathStep> steps;  // theme and offer
};
// The steps from now on. One with a number is there already: of one that was taken, or is left out, theme and
// offer stay, and of one to come what is not given; with another theme alone, its offer goes. Those that were
// taken are all named, in the order in which they stand.
struct Update {
  std::vector<v1::PathStep> steps;
};
struct TakeStep {
  uint32_t step = 0;
  std::string referral;  // the one that is opened
};
// The same where a second person has to approve it first.
struct DraftStep {
  uint32_t step = 0;
  std::string draft;
  std::vector<storage::v1::PathSourceRecord> sources;  // what it takes along
};
// Its draft is submitted: the step is taken. STEP_OUTDATED where no step has that draft.
struct SendDraft {
  std::string draft;
};
// By the system: the draft was cancelled, or is another body's. The step is as it was before.
struct GiveBack {
  std::string draft;
};
struct End {
  v1::PathEndReason reason = v1::PATH_END_REASON_UNSPECIFIED;
};
// By the system: the person withdrew, or nothing is left to be carried along.
struct EndShare {};
// Another body stands in the place of the one that leads it.
struct Succeed {
  std::string body;
};

}  // namespace path

using PathCommand = std::variant<path::Update, path::TakeStep, path::End, path::EndShare, path::Succeed,
                                 path::DraftStep, path::SendDraft, path::GiveBack>;

struct PathDecision {
  PathRecord next;
  PathEvent event;
};

bool HasEnded(const PathRecord& path);
// The step that has this draft; null: none. It is part of the path.
const storage::v1::PathStepRecord* FindDrafted(const PathRecord& path, std::string_view draft);

// By the system: one of its referrals is for named readers alone from now on. The path ends, and names it no
// longer; one that has ended forgets it all the same.
PathDecision ForgetReferral(const PathRecord& current, std::string_view referral, absl::Time now);

// Where a step stands.
StepState StateOf(const storage::v1::PathStepRecord& step, const StepCourses& courses);

PathDecision OpenPath(const path::Create& create, absl::Time now);

// INVALID_TRANSITION of a path that has ended, and of a step whose state does not take it; INVALID_FIELD when
// the request does not fit the path. REQUIRES: the request passed validation; `courses` are those of
// `current`.
absl::StatusOr<PathDecision> DecidePath(const PathRecord& current, const StepCourses& courses,
                                        const PathCommand& command, absl::Time now);

// --- A path and its referrals
// Does that body hold anything of the person in this referral, if only a file?
bool HoldsAnything(const storage::v1::ReferralRecord& referral, std::string_view body, uint32_t person);
// Has it the keys to all that the referral says of the person?
bool HoldsSections(const storage::v1::ReferralRecord& referral, std::string_view body, uint32_t person);

// May a path of that person begin from the referral? INVALID_FIELD, PROTECTED_IS_UNLINKED, SHARE_ERASED,
// ACCESS_ENDED, NOT_YET_DISCLOSED, DISCLOSURE_STOPPED. `as` was authorized with the relations to the
// referral.
absl::Status CheckMayBegin(const storage::v1::ReferralRecord& referral, uint32_t person,
                           const policy::Authorized& as);

// Which sections the caller sends along with a step, if they are held: those that are named, details where
// none is, and the screening section. PERMISSION_DENIED for alerts that she may not open herself.
absl::StatusOr<std::vector<v1::SectionKind>> SectionsOfStep(const v1::TakeStepRequest& request,
                                                            const policy::Caller& caller);

// A referral from which sections go along. Valid as long as the referrals that it was found in are.
struct StepSource {
  const storage::v1::ReferralRecord* referral = nullptr;
  std::vector<v1::SectionKind> sections;
};
// From which of the path's referrals these sections go along: each from the last one in which the body holds
// it. The first source is the last referral in which it holds anything that the person told, and says who she
// is; others follow for what that one has not. `referrals` in the order in which they were made.
// DISCLOSURE_STOPPED where a right stops one of them, SHARE_ERASED where nothing is left,
// RECTIFICATION_PENDING where what would go along is to be put right first; each names the path and none of
// the referrals.
absl::StatusOr<std::vector<StepSource>> SourcesOf(const PathRecord& path,
                                                  const std::vector<storage::v1::ReferralRecord>& referrals,
                                                  const std::vector<v1::SectionKind>& sections);

// May the draft of a step still be sent? `now` is what step.draft_sources names, with the commitments of
// today. DISCLOSURE_STOPPED, RECTIFICATION_PENDING as SourcesOf, also of the draft itself; STEP_OUTDATED
// where what it takes along was changed, or is not the body's any longer. REQUIRES: `step` has a draft.
absl::Status CheckDraftHolds(const PathRecord& path, const storage::v1::PathStepRecord& step,
                             const std::vector<storage::v1::ReferralRecord>& referrals,
                             const std::vector<storage::v1::PathSourceRecord>& now);

// How `caller` stands to a path: as one who refers, if she may read one of its referrals. Empty for everybody
// else: for them it does not exist.
policy::Relations RelationsToPath(const PathRecord& path,
                                  const std::vector<storage::v1::ReferralRecord>& referrals,
                                  const policy::Caller& caller);

// What a person of the leading body may see of it: without the names of referrals that she may not read.
v1::Path ToPath(const PathRecord& path, const StepCourses& courses,
                const std::vector<storage::v1::ReferralRecord>& referrals, const policy::Caller& caller);

// "paths/…", by its form.
bool IsPathName(std::string_view name);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_RULES_H_
