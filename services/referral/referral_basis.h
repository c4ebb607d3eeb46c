// What the law asks of a disclosure and of telling an outcome, as far as codes can tell. Pure; thread-safe.
// Source: Regulation (EU) 2016/679 (GDPR), Articles 6, 7(4), 9 and 13.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_BASIS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_BASIS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/status/errors.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::referral {

// The day that `text` names as YYYY-MM-DD; nullopt when it is not one.
std::optional<absl::CivilDay> ParseDay(std::string_view text);

// True for the age bands under 18.
bool IsMinor(type::v1::AgeBand band);

// True of somebody under 18 of whom nobody is named who holds parental responsibility, though somebody does.
bool LacksNamedHolders(const v1::Person& person);

// The person of that number who is in it; null where none is. Who was taken out of it is in it no longer.
const v1::Person* FindPerson(const storage::v1::ReferralRecord& record, uint32_t number);

// Does that section go along?
bool Discloses(const v1::Disclosure& disclosure, v1::SectionKind section);

// True when the disclosure goes against the person's wish (of a child also where her own view is against it,
// whatever the holders of parental responsibility agree to), or against professional secrecy that nobody
// released: it then needs a named ground and a second person's approval.
bool NeedsApproval(const v1::Person& person);

// A step of a path that is to be approved: sent as it is, or not at all.
bool IsDraftOfStep(const storage::v1::ReferralRecord& record);

// That approval by somebody of one side, not used yet; null: there is none. It is part of the record.
const v1::Approval* ApprovalOf(const storage::v1::ReferralRecord& record, v1::Party party);
// Neither side's holds any longer: what it was given for is done, or is not what it was.
void ForgetApprovals(storage::v1::ReferralRecord& record);

// True when the basis or the condition of either side is the person's consent (Articles 6(1)(a) and 9(2)(a)):
// it was given for one recipient, and what is left without it may not be disclosed.
bool RestsOnConsent(const v1::Disclosure& disclosure);

// Adds to `missing` everything that a disclosure of `person` still lacks. `path` as in "persons[0]".
// `theme` of health makes every disclosure one of special categories.
void CheckDisclosure(std::string_view path, const v1::Person& person, type::v1::Theme theme,
                     error::FieldViolations& missing);

// A result, as against its absence.
bool IsResult(v1::OutcomeKind kind);

// Adds to `wrong` everything wrong with the outcome of one person. `path` as in "outcome". `now` decides what
// is in the future.
void CheckOutcome(std::string_view path, const v1::Outcome& outcome, absl::Time now,
                  error::FieldViolations& wrong);

// Adds to `wrong` everything wrong with `outcomes` for exactly these persons. With `results`, at least one
// must be a result; without, none may be. `now` decides what is in the future.
void CheckOutcomes(const google::protobuf::RepeatedPtrField<v1::Person>& persons,
                   const std::vector<v1::PersonOutcome>& outcomes, bool results, absl::Time now,
                   error::FieldViolations& wrong);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_BASIS_H_
