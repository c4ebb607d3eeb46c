#include "services/referral/referral_basis.h"

#include <algorithm>
#include <string>

#include "common/base/strings.h"
#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using base::Cat;

bool IsHealth(type::v1::Theme theme) {
  return theme == type::v1::THEME_HEALTH || theme == type::v1::THEME_MENTAL_HEALTH;
}

bool IsConsent(const v1::Basis& basis) {
  return basis.article_6() == v1::LEGAL_BASIS_CONSENT ||
         basis.article_9() == v1::SPECIAL_CATEGORY_CONDITION_EXPLICIT_CONSENT;
}

void CheckBasis(std::string_view path, const v1::Basis& basis, bool special,
                error::FieldViolations& missing) {
  const v1::LegalBasis article_6 = basis.article_6();
  if (article_6 == v1::LEGAL_BASIS_UNSPECIFIED) {
    missing.Add(Cat(path, ".article_6"), "name the basis in Article 6(1) GDPR");
  }
  if ((article_6 == v1::LEGAL_BASIS_LEGAL_OBLIGATION || article_6 == v1::LEGAL_BASIS_PUBLIC_TASK) &&
      basis.law().empty()) {
    missing.Add(Cat(path, ".law"), "name the law that lays down the obligation or task (Article 6(3) GDPR)");
  }
  if (special && basis.article_9() == v1::SPECIAL_CATEGORY_CONDITION_UNSPECIFIED) {
    missing.Add(Cat(path, ".article_9"),
                "name the condition in Article 9(2) GDPR: special categories of data are disclosed");
  }
}

void CheckInformed(std::string_view path, const v1::Disclosure& disclosure, error::FieldViolations& missing) {
  switch (disclosure.informed_how()) {
    case v1::INFORMED_HOW_UNSPECIFIED:
      missing.Add(Cat(path, ".informed_how"), "say how the person was informed");
      break;
    case v1::INFORMED_HOW_NOT_INFORMED:
      if (disclosure.override_ground() == v1::OVERRIDE_GROUND_UNSPECIFIED) {
        missing.Add(Cat(path, ".override_ground"), "name the ground for not informing the person");
      }
      break;
    default:
      if (disclosure.informed_language().empty()) {
        missing.Add(Cat(path, ".informed_language"), "say in which language the person was informed");
      }
  }
}

void CheckConsent(std::string_view path, const v1::Person& person, error::FieldViolations& missing) {
  const v1::Disclosure& disclosure = person.disclosure();
  if (!RestsOnConsent(disclosure)) return;
  if (!disclosure.refusal_costs_nothing()) {
    missing.Add(Cat(path, ".disclosure.refusal_costs_nothing"),
                "consent is a basis only where refusing costs the person nothing (Article 7(4) GDPR)");
  }
  if (person.agreement() != v1::AGREEMENT_AGREED) {
    missing.Add(Cat(path, ".agreement"), "without agreement, consent is no basis: name another");
  }
}

void CheckSections(std::string_view path, const v1::Disclosure& disclosure, error::FieldViolations& missing) {
  if (disclosure.sections().empty()) missing.Add("sections", Cat(path, " has no section to disclose"));
  for (int i = 0; i < disclosure.special_category_sections_size(); ++i) {
    if (!Discloses(disclosure, disclosure.special_category_sections(i))) {
      missing.Add(Cat(path, ".disclosure.special_category_sections[", i, "]"),
                  "is a section that is not filled in");
    }
  }
}

void CheckMinority(std::string_view path, const v1::Person& person, error::FieldViolations& missing) {
  const std::string field = Cat(path, ".parental_responsibility");
  if (!IsMinor(person.age_band())) {
    if (person.has_parental_responsibility()) missing.Add(field, "is for persons under 18 only");
    return;
  }
  const v1::ParentalResponsibility& parental = person.parental_responsibility();
  if (parental.holders() == v1::PARENTAL_HOLDERS_UNSPECIFIED) {
    missing.Add(Cat(field, ".holders"), "say who holds parental responsibility");
  }
  if (parental.conflict() == v1::PARENTAL_CONFLICT_UNSPECIFIED) {
    missing.Add(Cat(field, ".conflict"), "say whether the holders are in conflict");
  }
  if (parental.child_view() == v1::CHILD_VIEW_UNSPECIFIED) {
    missing.Add(Cat(field, ".child_view"), "record the child's own view");
  }
  if (LacksNamedHolders(person)) {
    missing.Add("sections", Cat(path, " needs details.parental_responsibility_holders: name them"));
  }
}

void CheckToldOutcome(std::string_view path, const v1::Outcome& outcome, error::FieldViolations& wrong) {
  if (outcome.informed_by() == v1::INFORMED_BY_UNSPECIFIED) {
    wrong.Add(Cat(path, ".informed_by"), "say who told the person");
    return;
  }
  if (outcome.informed_by() == v1::INFORMED_BY_NOBODY) {
    if (outcome.kind() != v1::OUTCOME_KIND_UNREACHABLE && outcome.kind() != v1::OUTCOME_KIND_MOVED_AWAY) {
      wrong.Add(Cat(path, ".informed_by"), "somebody has to tell the person, unless they are out of reach");
    }
    return;
  }
  if (outcome.informed_how() == v1::INFORMED_HOW_UNSPECIFIED ||
      outcome.informed_how() == v1::INFORMED_HOW_NOT_INFORMED) {
    wrong.Add(Cat(path, ".informed_how"), "say how the person was told");
  }
  if (outcome.informed_language().empty()) {
    wrong.Add(Cat(path, ".informed_language"), "say in which language the person was told");
  }
}

bool NeedsRemedy(v1::OutcomeKind kind) {
  return kind == v1::OUTCOME_KIND_REFUSED || kind == v1::OUTCOME_KIND_NOT_ELIGIBLE ||
         kind == v1::OUTCOME_KIND_NO_PLACE;
}

}  // namespace

std::optional<absl::CivilDay> ParseDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int parts[3] = {};
  int part = 0;
  for (const char c : text) {
    if (c == '-') {
      if (++part > 2) return std::nullopt;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    parts[part] = parts[part] * 10 + (c - '0');
  }
  const absl::CivilDay day(parts[0], parts[1], parts[2]);
  // A civil day normalises what is out of range: a day that exists stays as it was.
  if (day.year() != parts[0] || day.month() != parts[1] || day.day() != parts[2]) return std::nullopt;
  if (parts[0] < 1900) return std::nullopt;
  return day;
}

bool IsMinor(type::v1::AgeBand band) {
  return band >= type::v1::AGE_BAND_0_TO_5 && band <= type::v1::AGE_BAND_16_TO_17;
}

bool LacksNamedHolders(const v1::Person& person) {
  if (!IsMinor(person.age_band())) return false;
  if (person.parental_responsibility().holders() == v1::PARENTAL_HOLDERS_NONE_KNOWN) return false;
  const auto& fields = person.disclosure().fields();
  return std::find(fields.begin(), fields.end(), "details.parental_responsibility_holders") == fields.end();
}

const v1::Person* FindPerson(const storage::v1::ReferralRecord& record, uint32_t number) {
  for (const v1::Person& person : record.persons()) {
    if (person.number() == number) return &person;
  }
  return nullptr;
}

bool Discloses(const v1::Disclosure& disclosure, v1::SectionKind section) {
  return std::find(disclosure.sections().begin(), disclosure.sections().end(), section) !=
         disclosure.sections().end();
}

bool NeedsApproval(const v1::Person& person) {
  const bool child_opposes =
      IsMinor(person.age_band()) && person.parental_responsibility().child_view() == v1::CHILD_VIEW_OPPOSES;
  return child_opposes || person.agreement() == v1::AGREEMENT_REFUSED ||
         person.secrecy_release() == v1::SECRECY_RELEASE_NOT_RELEASED;
}

bool IsDraftOfStep(const storage::v1::ReferralRecord& record) {
  return record.state() == v1::REFERRAL_STATE_DRAFT && !record.path().empty();
}

const v1::Approval* ApprovalOf(const storage::v1::ReferralRecord& record, v1::Party party) {
  if (party == v1::PARTY_RECEIVING && record.has_receiving_approval()) return &record.receiving_approval();
  return record.has_approval() && record.approval().party() == party ? &record.approval() : nullptr;
}

void ForgetApprovals(storage::v1::ReferralRecord& record) {
  record.clear_approval();
  record.clear_receiving_approval();
}

bool RestsOnConsent(const v1::Disclosure& disclosure) {
  return IsConsent(disclosure.referring_basis()) || IsConsent(disclosure.receiving_basis());
}

void CheckDisclosure(std::string_view path, const v1::Person& person, type::v1::Theme theme,
                     error::FieldViolations& missing) {
  const v1::Disclosure& disclosure = person.disclosure();
  const std::string inner = Cat(path, ".disclosure");
  if (person.age_band() == type::v1::AGE_BAND_UNSPECIFIED) missing.Add(Cat(path, ".age_band"), "is required");
  if (person.agreement() == v1::AGREEMENT_UNSPECIFIED) {
    missing.Add(Cat(path, ".agreement"), "record whether the person agrees to be referred");
  }
  if (person.secrecy_release() == v1::SECRECY_RELEASE_UNSPECIFIED) {
    missing.Add(Cat(path, ".secrecy_release"), "record whether professional secrecy binds and was released");
  }
  if (disclosure.purpose() == v1::PURPOSE_UNSPECIFIED) missing.Add(Cat(inner, ".purpose"), "is required");
  if (disclosure.retention_rule().empty()) missing.Add(Cat(inner, ".retention_rule"), "is required");
  const bool special = IsHealth(theme) || !person.accessibility_needs().empty() ||
                       !disclosure.special_category_sections().empty();
  CheckBasis(Cat(inner, ".referring_basis"), disclosure.referring_basis(), special, missing);
  CheckBasis(Cat(inner, ".receiving_basis"), disclosure.receiving_basis(), special, missing);
  CheckSections(path, disclosure, missing);
  CheckInformed(inner, disclosure, missing);
  CheckConsent(path, person, missing);
  CheckMinority(path, person, missing);
  if (NeedsApproval(person) && disclosure.override_ground() == v1::OVERRIDE_GROUND_UNSPECIFIED) {
    missing.Add(Cat(inner, ".override_ground"),
                "name the ground for disclosing against the person's wish or secrecy");
  }
}

bool IsResult(v1::OutcomeKind kind) {
  return kind >= v1::OUTCOME_KIND_PROVIDED && kind <= v1::OUTCOME_KIND_ADVISED;
}

void CheckOutcome(std::string_view path, const v1::Outcome& outcome, absl::Time now,
                  error::FieldViolations& wrong) {
  if (outcome.kind() == v1::OUTCOME_KIND_UNSPECIFIED) wrong.Add(Cat(path, ".kind"), "is required");
  const auto day = ParseDay(outcome.date());
  const absl::CivilDay today = absl::ToCivilDay(now + kFurthestZone, absl::UTCTimeZone());
  if (!day.has_value()) {
    wrong.Add(Cat(path, ".date"), "must be a day, YYYY-MM-DD");
  } else if (*day > today) {
    wrong.Add(Cat(path, ".date"), "must not be in the future");
  }
  CheckToldOutcome(path, outcome, wrong);
  if (NeedsRemedy(outcome.kind()) && outcome.remedy() == v1::REMEDY_UNSPECIFIED) {
    wrong.Add(Cat(path, ".remedy"), "name the remedy against a negative decision");
  }
  if (outcome.follow_up_date().empty()) return;
  const auto follow_up = ParseDay(outcome.follow_up_date());
  if (!follow_up.has_value() || (day.has_value() && *follow_up <= *day)) {
    wrong.Add(Cat(path, ".follow_up_date"), "must be a day after the outcome, YYYY-MM-DD");
  }
}

void CheckOutcomes(const google::protobuf::RepeatedPtrField<v1::Person>& persons,
                   const std::vector<v1::PersonOutcome>& outcomes, bool results, absl::Time now,
                   error::FieldViolations& wrong) {
  int result_count = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const std::string path = Cat("outcomes[", i, "]");
    const auto same_person = [&outcomes, i](const auto& other) {
      return other.person() == outcomes[i].person();
    };
    if (std::none_of(persons.begin(), persons.end(),
                     [&](const v1::Person& person) { return person.number() == outcomes[i].person(); })) {
      wrong.Add(Cat(path, ".person"), "is no person of this referral");
    } else if (std::count_if(outcomes.begin(), outcomes.end(), same_person) > 1) {
      wrong.Add(Cat(path, ".person"), "has more than one outcome");
    }
    CheckOutcome(Cat(path, ".outcome"), outcomes[i].outcome(), now, wrong);
    if (IsResult(outcomes[i].outcome().kind())) ++result_count;
  }
  for (const v1::Person& person : persons) {
    if (std::none_of(outcomes.begin(), outcomes.end(),
                     [&](const auto& outcome) { return outcome.person() == person.number(); })) {
      wrong.Add("outcomes", Cat("person ", person.number(), " has no outcome"));
    }
  }
  if (results && result_count == 0) wrong.Add("outcomes", "none is a result: end it without result instead");
  if (!results && result_count > 0) wrong.Add("outcomes", "one is a result: complete it instead");
}

}  // namespace waypost::referral
