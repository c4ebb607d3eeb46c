#include "tests/bench/requests.h"

#include <string>

#include "common/base/strings.h"

namespace waypost::bench {
namespace {

namespace pb = referral::v1;

void FillDisclosure(std::string_view to, pb::Disclosure& disclosure) {
  disclosure.set_purpose(pb::PURPOSE_DELIVER_SERVICE);
  disclosure.set_recipient(std::string(to));
  disclosure.add_sections(pb::SECTION_KIND_SCREENING);
  disclosure.add_sections(pb::SECTION_KIND_DETAILS);
  disclosure.mutable_referring_basis()->set_article_6(pb::LEGAL_BASIS_PUBLIC_TASK);
  disclosure.mutable_referring_basis()->set_law("es/ley-7-1985/art-25");
  disclosure.mutable_receiving_basis()->set_article_6(pb::LEGAL_BASIS_PUBLIC_TASK);
  disclosure.mutable_receiving_basis()->set_law("es/ley-7-1985/art-25");
  disclosure.set_retention_rule("es/ley-39-2015/art-17");
  disclosure.set_informed_how(pb::INFORMED_HOW_IN_PERSON);
  disclosure.set_informed_language("prs");
}

// Every number has as many digits, so that only they change in a serialized request.
constexpr size_t kDigits = 12;

std::string Digits(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

}  // namespace

pb::SubmitReferralRequest MakeSubmit(std::string_view from, std::string_view to, std::string_view run,
                                     uint64_t number) {
  pb::SubmitReferralRequest request;
  request.set_request_id(base::Cat("bench-", run, "-", Digits(number)));
  request.set_own_reference(base::Cat("EXP-", run, "-", Digits(number)));
  pb::Referral& referral = *request.mutable_referral();
  referral.set_theme(type::v1::THEME_LANGUAGE);
  referral.set_priority(pb::PRIORITY_NORMAL);
  referral.mutable_referring()->set_body(std::string(from));
  referral.mutable_referring()->set_unit(base::Cat(from, "/units/intake"));
  referral.mutable_receiving()->set_body(std::string(to));
  referral.set_territory("ES300");
  pb::Person& person = *referral.add_persons();
  person.set_number(1);
  person.set_age_band(type::v1::AGE_BAND_25_TO_39);
  person.add_languages("prs");
  person.set_interpreter_language("prs");
  person.set_agreement(pb::AGREEMENT_AGREED);
  person.set_secrecy_release(pb::SECRECY_RELEASE_NOT_BOUND);
  FillDisclosure(to, *person.mutable_disclosure());
  pb::PersonSections& sections = *request.add_sections();
  sections.set_person(1);
  sections.mutable_screening()->set_text("Needs a beginners' course in the morning; no Latin script yet.");
  pb::PersonDetails& details = *sections.mutable_details();
  details.set_given_name("Invented");
  details.set_family_name(base::Cat("Person-", run, "-", Digits(number)));
  details.set_birth_date("1990-03-21");
  details.set_contact("+34 600 000 000");
  details.set_needs(
      "Spanish from the first letter; wants to work as a tailor, which was her trade for nine years.");
  details.set_reason("Arrived in spring; the municipal course is full until autumn.");
  return request;
}

SubmitBytes::SubmitBytes(std::string_view from, std::string_view to, std::string_view run) {
  constexpr uint64_t kPlaceholder = 111'222'333'444;
  const std::string digits = Digits(kPlaceholder);
  bytes_ = MakeSubmit(from, to, run, kPlaceholder).SerializeAsString();
  for (size_t at = bytes_.find(digits); at != std::string::npos; at = bytes_.find(digits, at + kDigits)) {
    places_.push_back(at);
  }
}

std::string SubmitBytes::Numbered(uint64_t number) const {
  std::string bytes = bytes_;
  const std::string digits = Digits(number);
  for (const size_t place : places_) bytes.replace(place, kDigits, digits);
  return bytes;
}

}  // namespace waypost::bench
