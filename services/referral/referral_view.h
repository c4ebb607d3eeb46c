// Who stands how to a referral, and what of it they may see and do. Nothing here opens a section; these
// functions decide who may. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_VIEW_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_VIEW_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/referral_rules.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// How `caller` stands to a stored referral. Empty for a body without part in it: for such a body it does not
// exist. The receiving and the coordinating body have part in it once it was sent, and the receiving body no
// longer once it was reported as misdirected.
policy::Relations RelationsOf(const ReferralRecord& record, const policy::Caller& caller);
// Is `body` its referring or its receiving body?
bool IsSideOf(const ReferralRecord& record, std::string_view body);
// May this caller read the referral at all? Listings and watches show only these.
bool MayRead(const ReferralRecord& record, const policy::Caller& caller);

// How `caller` stands to a referral it is about to make, in that unit of its body (empty: in none, so that it
// is assigned to its maker). Of a protected one the maker is a reader.
policy::Relations RelationsToNew(std::string_view unit, bool is_protected, const policy::Caller& caller);

// For listings of the caller's own body.
policy::Relations RelationsToOwnBody();

// The events that this caller may cause now, as names, in table order.
std::vector<std::string> AllowedActions(const ReferralRecord& record, const policy::Authorized& as,
                                        absl::Time now);

// What the caller may see of a referral: codes and dates only.
v1::Referral ToReferral(const ReferralRecord& record, const policy::Authorized& as, absl::Time now);
// The same, in place of what `view` holds.
void FillReferral(const ReferralRecord& record, const policy::Authorized& as, absl::Time now,
                  v1::Referral& view);

// Who the caller is. An end that never comes is left out.
v1::Myself ToMyself(const policy::Caller& caller);

// A line of a listing for a person or system of that body: one of the two sides, or the coordinating body,
// which is not told how many people there are.
v1::ReferralSummary ToSummary(const ReferralRecord& record, const policy::Caller& caller);

// The sections of a person that the caller may open now. Empty when there are none.
std::vector<v1::SectionKind> OpenSections(const ReferralRecord& record, const policy::Authorized& as);

// OK when the caller may open all of `sections` (SHARE_ERASED, ACCESS_ENDED, NOT_YET_DISCLOSED, and
// PERMISSION_DENIED for safeguarding alerts without the role), by that method.
absl::Status CheckMayOpen(const ReferralRecord& record, const std::vector<v1::SectionKind>& sections,
                          const policy::Authorized& as, std::string_view method = "DiscloseReferral");

// PERMISSION_DENIED for who may open no safeguarding alerts, whatever else she may open.
absl::Status CheckOpensAlerts(const policy::Caller& caller, std::string_view method);

// May the caller know of this note? A note for both sides is there for the receiving body while its access
// lasts.
bool MayKnowNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                 const policy::Authorized& as);

// And open it? A void note is opened by the body that wrote it alone.
bool MayOpenNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                 const policy::Authorized& as);

// A note without its text. REQUIRES: MayKnowNote.
v1::Note ToNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                const policy::Caller& caller);

// An entry of the history. The pseudonym is shown to its own body only.
v1::HistoryEntry ToHistoryEntry(const storage::v1::HistoryRecord& entry, const policy::Caller& caller);

// May the caller know that this happened? That a referral was a part, its referring body alone.
bool MayKnow(const storage::v1::HistoryRecord& entry, const policy::Authorized& as);

// The bodies that an event of this referral is for: both sides and the coordinating body, as far as they have
// part in it. `before` is the record before the event: a body whose part ends hears of that. None of a
// protected referral.
std::vector<std::string> PartiesOf(const ReferralRecord& before, const ReferralRecord& after);
// The same of the event of a decision: one that others may not know of is for the referring body.
std::vector<std::string> PartiesOf(const ReferralRecord& before, const Decision& decision);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_VIEW_H_
