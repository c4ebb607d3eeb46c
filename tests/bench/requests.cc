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

}  // namespace

pb::SubmitReferralRequest MakeSubmit(std::string_view from, std::string_view to, std::string_view run,
                                     uint64_t number) {
  pb::SubmitReferralRequest request;
  request.set_request_id(base::Cat("bench-", run, "-", number));
  request.set_own_reference(base::Cat("EXP-", run, "-", number));
  pb::Referral& referral = *request.mutable_referral();
  referral.set_theme(type::v1::THEME_LANGUAGE);
  referral.set_priority(pb::PRIORITY_NORMAL);
  referral.mutable_referring()->set_body(std::string(from));
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
  details.set_family_name("Person");
  details.set_birth_date("1990-03-21");
  details.set_contact("+34 600 000 000");
  details.set_needs(
      "Spanish from the first letter; wants to work as a tailor, which was her trade for nine years.");
  details.set_reason("Arrived in spring; the municipal course is full until autumn.");
  return request;
}

}  // namespace waypost::bench
