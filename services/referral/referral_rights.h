// What happens to a referral when a person in it uses a right, and what each holder may answer. Rights:
// Chapter III of Regulation (EU) 2016/679 (GDPR). Pure: no store, no gRPC, no clock. Thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_RIGHTS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_RIGHTS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/referral_rules.h"
#include "waypost/referral/storage/v1/rights_storage.pb.h"
#include "waypost/referral/v1/retention.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// --- Tables
// May a holder give this answer to this right?
bool Fits(v1::RightKind kind, v1::RightAnswer answer);
// Is this a ground for not following this right?
bool Fits(v1::RightKind kind, v1::RefusalGround ground);
// May `next` take the place of `given`? What is erased is erased, what was handed out or lifted, too; what
// was put right can be put right again; only what is restricted is lifted.
bool MayReplace(v1::RightAnswer given, v1::RightAnswer next);
// May what is restricted be opened for this purpose? Article 18(2) GDPR.
bool AllowedUnderRestriction(v1::Purpose purpose);

// "WITHDRAWAL", as events say it; and so on.
std::string KindName(v1::RightKind kind);
std::string AnswerName(v1::RightAnswer answer);
std::string GroundName(v1::RefusalGround ground);

// When a person who asked then is owed an answer: the same day of the next month, or its last one.
absl::Time AnswerDue(absl::Time asked);

// --- A referral and the people in it
// Is that person in it, or was taken out of it?
bool Concerns(const ReferralRecord& record, uint32_t person);
// Does that side hold anything of the person, if only a file of its own?
bool Holds(const ReferralRecord& record, uint32_t person, v1::Party party);
// Does the disclosure of that person rest on consent, on either side?
bool RestsOnConsent(const ReferralRecord& record, uint32_t person);
// Nothing further is disclosed of that person: a right was used that stops it, and not every side that was
// asked has refused it, or lifted the restriction.
bool IsStopped(const ReferralRecord& record, uint32_t person);
bool AnyoneIsStopped(const ReferralRecord& record);
// That person asked to have put right what is held of them, no side has done so, and not every side that was
// asked has refused it. Meanwhile nobody knows whether it is right.
bool AwaitsRectification(const ReferralRecord& record, uint32_t person);
// No person is left of whom anything could be disclosed further.
bool EveryoneIsStopped(const ReferralRecord& record);
// Somebody in it withdrew the consent that the disclosure rests on. Only of what has ended: while it is open
// they are taken out, or it is cancelled.
bool AnyoneWithdrewConsent(const ReferralRecord& record);
// Is there anything for that side to answer, or to answer anew?
bool HasAnswerToGive(const ReferralRecord& record, v1::Party party);

// Does a withdrawal by that person end this referral? True where it is open or a draft, rests on consent, and
// nobody else is in it.
bool WithdrawalEnds(const ReferralRecord& record, uint32_t person);
// Does it end when that side has stopped and erased that person? True of the last one of whom that side has
// anything while it is open, unless it is the referring side of a case that another body has taken: that goes
// on there.
bool ErasureEnds(const ReferralRecord& record, uint32_t person, v1::Party party);

// --- What a side keeps. Where both sides are one body, each of them stands for both.
// A right because of which that side keeps what it holds of that person, whatever its retention rules say.
v1::HeldBackReason HeldBackByRights(const ReferralRecord& record, uint32_t person, v1::Party party);
bool AnyoneIsHeldByRight(const ReferralRecord& record, v1::Party party);
// The last day, YYYY-MM-DD, until which that side has answered that a law makes it keep what it holds of that
// person. Empty: it has not, or the law names none.
std::string RetainedUntil(const ReferralRecord& record, uint32_t person, v1::Party party);

// Is that side's share under a legal hold at `now`?
bool IsUnderHold(const ReferralRecord& record, v1::Party party, absl::Time now);

// Persons whom the referring body has erased, and whose sections the receiving one alone has keys to: while
// it has access; and once that has ended or they were taken out, where a legal hold made it keep them.
std::vector<uint32_t> HeldByReceiverAlone(const ReferralRecord& record);
// Is that person taken out, and only a legal hold of the receiving body keeps the last keys?
bool IsKeptForHold(const ReferralRecord& record, uint32_t person);

// --- Steps of a decision; `decision.next` is changed
// LIMIT_EXCEEDED, INVALID_FIELD where the person is not in it.
absl::Status MarkRight(v1::RightKind kind, const command::RightUse& use, absl::Time now, Decision& decision);
// NOTHING_TO_ANSWER; INVALID_FIELD for what does not fit; LEGAL_HOLD for a correction of what is to stay as
// it is. An erasure is not carried out here.
absl::Status RecordAnswer(const command::AnswerRight& answer, v1::Party party, absl::Time now,
                          Decision& decision);
// `linked` continues `record`, and has what is held there: a rectification that `record` awaits, as
// AwaitsRectification says, is asked of both sides of `linked` too, of each person who goes along.
void CarryRectifications(const ReferralRecord& record, absl::Time now, ReferralRecord& linked);
// The receiving body was cut off, and has nothing to answer for any more. Nor has the referring one, where it
// passed on what it should never have had itself.
void ForgetCut(bool passed_on, Decision& decision);
// That side of a referral among the holders of a rights request, with no answer yet.
storage::v1::RightsHolderRecord HolderOf(const ReferralRecord& record, v1::Party party);
// `opened`, a new referral that continues another one, is marked so: its sides that are asked become holders
// of that request.
void JoinHolders(const ReferralRecord& opened, const storage::v1::RightMarkRecord& mark,
                 storage::v1::RightsRequestRecord& request);
// As ForgetCut in the rights request of one of its marks: who is not asked in `referral` any longer leaves
// the holders, and is shown none of it. False when nothing changes. Where `referral` is protected its readers
// alone see that, unless it was passed on: then others are told of the cut by what they have a part in.
bool LeaveHolders(const ReferralRecord& referral, const storage::v1::RightMarkRecord& mark, bool passed_on,
                  storage::v1::RightsRequestRecord& request);
// Is that person the only one whom this referral concerns? Then an erasure takes the whole share.
bool IsOnlyPerson(const ReferralRecord& record, uint32_t person);
// In place of the hold that the side has. INVALID_FIELD where `until` has passed.
absl::Status PlaceHold(const command::PlaceHold& hold, v1::Party party, std::string_view actor,
                       absl::Time now, Decision& decision);
void ReleaseHold(v1::Party party, Decision& decision);
// One side erases one of several people.
void ErasePerson(uint32_t person, v1::Party party, absl::Time now, Decision& decision);
// Sections and codes of a person whom no side can read any longer go; of others nothing does.
void DropPerson(uint32_t person, Decision& decision);

// --- Reading
// OK when no right of these persons (empty: of all) forbids the caller to open these sections for that
// purpose: SHARE_ERASED, DISCLOSURE_STOPPED, USE_RESTRICTED.
absl::Status CheckRights(const ReferralRecord& record, const std::vector<uint32_t>& persons,
                         const std::vector<v1::SectionKind>& sections, v1::Purpose purpose,
                         const policy::Authorized& as);
// The same of notes, which are about everybody in it.
absl::Status CheckRightsOfNotes(const ReferralRecord& record, v1::Purpose purpose,
                                const policy::Authorized& as);
// How many uses of rights a side has yet to answer.
int AnswersOwed(const ReferralRecord& record, v1::Party party);
// Since when it owes the first of them.
std::optional<absl::Time> AnswerOwedSince(const ReferralRecord& record, v1::Party party);
// What the caller's side sees of the rights used.
void CopyRights(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view);
// OK when the caller may open now what this answer puts right, as CheckMayOpen and CheckRights say, and so
// may say how it is to be.
absl::Status CheckMayCorrect(const ReferralRecord& record, const command::AnswerRight& answer,
                             const policy::Authorized& as);
// Those protected referrals of a rights request which somebody does not read, by name.
using Unread = std::set<std::string, std::less<>>;
// What somebody of a body sees of a rights request: of what they do not read, no more than how many holders
// there were when it was protected, and had answered.
v1::RightsRequest ToRightsRequest(const storage::v1::RightsRequestRecord& record, std::string_view body,
                                  const Unread& unread);
// Its revision for them: they see no change of what they do not read.
int64_t RevisionOf(const storage::v1::RightsRequestRecord& record, const Unread& unread);
// Is the referral of this holder protected?
bool IsProtectedHolder(const storage::v1::RightsRequestRecord& record,
                       const storage::v1::RightsHolderRecord& held);
// One of its holders has changed: whoever may know of that sees a higher revision.
void MarkChanged(absl::Time now, storage::v1::RightsRequestRecord& record,
                 storage::v1::RightsHolderRecord& held);
// From now on its readers alone see who holds something in that referral.
void HideHolders(std::string_view referral, storage::v1::RightsRequestRecord& record);
// A line of a body's list.
v1::RightsTask ToTask(const storage::v1::RightsRequestRecord& record, const v1::RightsHolder& holder);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_RIGHTS_H_
