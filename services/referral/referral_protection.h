// Referrals that are for named readers alone: for everybody else they do not exist. Pure: no store, no gRPC,
// no clock. Thread-safe.
//
// Nothing that is counted, listed by body, searched, fed to watchers or shown beside another referral may
// tell of one: whatever does any of these leaves out what is IsProtected.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_PROTECTION_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_PROTECTION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/referral_commands.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

bool IsProtected(const storage::v1::ReferralRecord& record);

// Pseudonyms. Empty where it is not protected.
const google::protobuf::RepeatedPtrField<std::string>& ReadersOf(const storage::v1::ReferralRecord& record,
                                                                 v1::Party party);

// --- What is no open case, and has no clock of a case: its readers may be gone, and nobody else finds it
// Is there anything that somebody of that side has to do with it still? With a draft, always; with what has
// ended, where it owes an answer to a right or a next step, or has a legal hold.
bool WantsSomebody(const storage::v1::ReferralRecord& record, v1::Party party);
// Since when it has waited for anybody too long; the infinite future where it has not, or where the officers
// know already. Its clock begins anew when somebody of the side that it waits for does something with it.
absl::Time LeftAloneAt(const storage::v1::ReferralRecord& record);

// True while the safeguarding officers of a side have to name its readers: it has none, or it has let a clock
// run out, which may be because its readers are not there any longer.
bool OfficersNameReaders(const storage::v1::ReferralRecord& record, v1::Party party);

// How a person stands to one: kReader with the side for its readers, kNamesReaders for officers who are to
// name them, nothing for everybody else. REQUIRES: IsProtected(record).
policy::Relations RelationsToProtected(const storage::v1::ReferralRecord& record,
                                       const policy::Caller& caller);

// May this caller see more of it than that it is there? True of what is not protected.
bool Reads(const storage::v1::ReferralRecord& record, const policy::Authorized& as);

// What somebody may do who is only to name its readers: name them, or be one.
bool NamesReaders(Event event);

// READER_FIRST where somebody who is only to name its readers asks for anything else.
absl::Status CheckReads(const storage::v1::ReferralRecord& record, const policy::Authorized& as);

// --- What commands do to the record
// Of a new one: the maker is a reader.
absl::Status ProtectNew(const v1::Protection& given, std::string_view maker, absl::Time now,
                        storage::v1::ReferralRecord& next);
// Protection and readers of AssignReferral, by a person of one side. INVALID_FIELD where readers are given
// to what is not protected; PROTECTED_IS_UNLINKED, PROTECTED_HAS_NO_GROUP where others know of it by a link
// or a place, and that side does, too. Of the other side's parts and paths it is told nothing: the record
// leaves them, and part_ledger.h and path_ledger.h take their rows away.
absl::Status ApplyReaders(const command::Assign& assign, v1::Party party, std::string_view actor,
                          absl::Time now, storage::v1::ReferralRecord& next);
// Whoever takes it from the queue reads it: so that officers who are to name readers can be one without
// having to know a pseudonym. Nothing where it is not protected.
absl::Status AddClaimant(v1::Party party, std::string_view actor, storage::v1::ReferralRecord& next);
// Of a referral that continues `old`: protected as that one, for the same readers on the side that sends it
// on. INVALID_FIELD where readers are given and `old` is not protected.
absl::Status ProtectLinked(const storage::v1::ReferralRecord& old, v1::Party sender,
                           const std::vector<std::string>& readers, absl::Time now,
                           storage::v1::ReferralRecord& linked);
// PROTECTED_HAS_NO_GROUP where a protected referral is to wait in a group or get a place there.
absl::Status CheckGroupless(const storage::v1::ReferralRecord& record, bool in_a_group);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_PROTECTION_H_
