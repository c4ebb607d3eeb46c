#include "services/referral/referral_basis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Complete with its sections filled in.
v1::Person Filled(v1::Person person) {
  google::protobuf::RepeatedPtrField<v1::PersonSections> sections;
  *sections.Add() = testing::SectionsOf(person.number(), IsMinor(person.age_band()));
  const FilledSections filled = FilledIn(sections)[0];
  for (const auto section : filled.sections) person.mutable_disclosure()->add_sections(section);
  for (const auto& field : filled.fields) person.mutable_disclosure()->add_fields(field);
  return person;
}

std::vector<std::string> Missing(const v1::Person& person, type::v1::Theme theme = type::v1::THEME_LANGUAGE) {
  error::FieldViolations missing;
  CheckDisclosure("p", person, theme, missing);
  return error::ViolationsOf(missing.ToStatus());
}

TEST(Disclosure, CompleteLacksNothing) {
  EXPECT_THAT(Missing(Filled(testing::CompletePerson(1))), IsEmpty());
  EXPECT_THAT(Missing(Filled(testing::CompleteChild(1))), IsEmpty());
}

struct Lack {
  std::string field;
  std::function<void(v1::Person&)> take;
};

TEST(Disclosure, EachThingThatIsMissingIsNamed) {
  const std::vector<Lack> lacks = {
      {"p.age_band", [](auto& p) { p.clear_age_band(); }},
      {"p.agreement", [](auto& p) { p.clear_agreement(); }},
      {"p.secrecy_release", [](auto& p) { p.clear_secrecy_release(); }},
      {"p.disclosure.purpose", [](auto& p) { p.mutable_disclosure()->clear_purpose(); }},
      {"p.disclosure.retention_rule", [](auto& p) { p.mutable_disclosure()->clear_retention_rule(); }},
      {"p.disclosure.referring_basis.article_6",
       [](auto& p) { p.mutable_disclosure()->mutable_referring_basis()->clear_article_6(); }},
      {"p.disclosure.receiving_basis.article_6",
       [](auto& p) { p.mutable_disclosure()->mutable_receiving_basis()->clear_article_6(); }},
      {"p.disclosure.referring_basis.law",
       [](auto& p) { p.mutable_disclosure()->mutable_referring_basis()->clear_law(); }},
      {"p.disclosure.receiving_basis.law",
       [](auto& p) { p.mutable_disclosure()->mutable_receiving_basis()->clear_law(); }},
      {"p.disclosure.informed_how", [](auto& p) { p.mutable_disclosure()->clear_informed_how(); }},
      {"p.disclosure.informed_language", [](auto& p) { p.mutable_disclosure()->clear_informed_language(); }},
      {"p.disclosure.override_ground",
       [](auto& p) { p.mutable_disclosure()->set_informed_how(v1::INFORMED_HOW_NOT_INFORMED); }},
      {"p.disclosure.override_ground", [](auto& p) { p.set_agreement(v1::AGREEMENT_REFUSED); }},
      {"p.disclosure.override_ground",
       [](auto& p) { p.set_secrecy_release(v1::SECRECY_RELEASE_NOT_RELEASED); }},
      {"sections", [](auto& p) { p.mutable_disclosure()->clear_sections(); }},
      {"p.parental_responsibility", [](auto& p) { p.mutable_parental_responsibility(); }},
      {"p.disclosure.special_category_sections[0]",
       [](auto& p) {
         v1::Disclosure& disclosure = *p.mutable_disclosure();
         disclosure.add_special_category_sections(v1::SECTION_KIND_ALERTS);
         disclosure.mutable_referring_basis()->set_article_9(
             v1::SPECIAL_CATEGORY_CONDITION_SOCIAL_PROTECTION);
         disclosure.mutable_receiving_basis()->set_article_9(
             v1::SPECIAL_CATEGORY_CONDITION_SOCIAL_PROTECTION);
       }},
  };
  for (const Lack& lack : lacks) {
    v1::Person person = Filled(testing::CompletePerson(1));
    lack.take(person);
    EXPECT_THAT(Missing(person), ElementsAre(StartsWith(lack.field + ": "))) << lack.field;
  }
}

TEST(Disclosure, SpecialCategoriesNeedAnArticle9ConditionOfBothSides) {
  const auto both = ElementsAre(StartsWith("p.disclosure.referring_basis.article_9: "),
                                StartsWith("p.disclosure.receiving_basis.article_9: "));
  EXPECT_THAT(Missing(Filled(testing::CompletePerson(1)), type::v1::THEME_HEALTH), both);
  EXPECT_THAT(Missing(Filled(testing::CompletePerson(1)), type::v1::THEME_MENTAL_HEALTH), both);
  v1::Person accessibility = Filled(testing::CompletePerson(1));
  accessibility.add_accessibility_needs(v1::ACCESSIBILITY_NEED_STEP_FREE_ACCESS);
  EXPECT_THAT(Missing(accessibility), both);
  v1::Person marked = Filled(testing::CompletePerson(1));
  marked.mutable_disclosure()->add_special_category_sections(v1::SECTION_KIND_DETAILS);
  EXPECT_THAT(Missing(marked), both);
  for (auto* basis : {marked.mutable_disclosure()->mutable_referring_basis(),
                      marked.mutable_disclosure()->mutable_receiving_basis()}) {
    basis->set_article_9(v1::SPECIAL_CATEGORY_CONDITION_HEALTH_OR_SOCIAL_CARE);
  }
  EXPECT_THAT(Missing(marked), IsEmpty());
}

TEST(Disclosure, ConsentOnlyWhereRefusingCostsNothingAndWithAgreement) {
  v1::Person person = Filled(testing::CompletePerson(1));
  person.mutable_disclosure()->mutable_referring_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
  EXPECT_THAT(Missing(person), ElementsAre(HasSubstr("refusal_costs_nothing")));
  person.mutable_disclosure()->set_refusal_costs_nothing(true);
  EXPECT_THAT(Missing(person), IsEmpty());
  person.set_agreement(v1::AGREEMENT_NOT_ASKED);
  EXPECT_THAT(Missing(person), ElementsAre(StartsWith("p.agreement: ")));
  v1::Person explicit_consent = Filled(testing::CompletePerson(1));
  explicit_consent.mutable_disclosure()->mutable_receiving_basis()->set_article_9(
      v1::SPECIAL_CATEGORY_CONDITION_EXPLICIT_CONSENT);
  EXPECT_THAT(Missing(explicit_consent), ElementsAre(HasSubstr("refusal_costs_nothing")));
}

TEST(Disclosure, TheOtherBasesNeedNoLaw) {
  for (const auto basis :
       {v1::LEGAL_BASIS_CONTRACT, v1::LEGAL_BASIS_VITAL_INTERESTS, v1::LEGAL_BASIS_LEGITIMATE_INTERESTS}) {
    v1::Person person = Filled(testing::CompletePerson(1));
    person.mutable_disclosure()->mutable_referring_basis()->set_article_6(basis);
    person.mutable_disclosure()->mutable_referring_basis()->clear_law();
    EXPECT_THAT(Missing(person), IsEmpty());
  }
}

TEST(Disclosure, AgainstTheViewOfAChildNeedsAGroundAndASecondPerson) {
  v1::Person child = Filled(testing::CompleteChild(1));
  child.mutable_parental_responsibility()->set_holders(v1::PARENTAL_HOLDERS_NONE_KNOWN);
  EXPECT_FALSE(NeedsApproval(child));
  child.mutable_parental_responsibility()->set_child_view(v1::CHILD_VIEW_OPPOSES);
  EXPECT_TRUE(NeedsApproval(child));
  EXPECT_THAT(Missing(child), ElementsAre(StartsWith("p.disclosure.override_ground: ")));
  child.mutable_disclosure()->set_override_ground(v1::OVERRIDE_GROUND_CHILD_AT_RISK);
  EXPECT_THAT(Missing(child), IsEmpty());
  // Of an adult it says nothing.
  v1::Person adult = Filled(testing::CompletePerson(1));
  adult.mutable_parental_responsibility()->set_child_view(v1::CHILD_VIEW_OPPOSES);
  EXPECT_FALSE(NeedsApproval(adult));
}

TEST(Disclosure, OfAMinorNamesParentalResponsibility) {
  v1::Person child = Filled(testing::CompleteChild(1));
  child.clear_parental_responsibility();
  EXPECT_THAT(Missing(child), ElementsAre(StartsWith("p.parental_responsibility.holders: "),
                                          StartsWith("p.parental_responsibility.conflict: "),
                                          StartsWith("p.parental_responsibility.child_view: ")));
  v1::Person unnamed = testing::CompleteChild(1);
  unnamed.mutable_disclosure()->add_sections(v1::SECTION_KIND_DETAILS);
  EXPECT_THAT(Missing(unnamed), ElementsAre(HasSubstr("parental_responsibility_holders")));
  unnamed.mutable_parental_responsibility()->set_holders(v1::PARENTAL_HOLDERS_NONE_KNOWN);
  EXPECT_THAT(Missing(unnamed), IsEmpty());
}

TEST(Minor, IsUnderEighteen) {
  for (int i = 1; i <= type::v1::AgeBand_MAX; ++i) {
    const auto band = static_cast<type::v1::AgeBand>(i);
    EXPECT_EQ(IsMinor(band), band < type::v1::AGE_BAND_18_TO_24) << i;
  }
  EXPECT_FALSE(IsMinor(type::v1::AGE_BAND_UNSPECIFIED));
}

std::vector<std::string> Wrong(const v1::Outcome& outcome, bool results) {
  google::protobuf::RepeatedPtrField<v1::Person> persons;
  persons.Add()->set_number(1);
  error::FieldViolations wrong;
  CheckOutcomes(persons, testing::Outcomes(outcome), results, testing::Now(), wrong);
  return error::ViolationsOf(wrong.ToStatus());
}

TEST(Outcomes, GoodOnesPass) {
  EXPECT_THAT(Wrong(testing::PositiveOutcome(), true), IsEmpty());
  EXPECT_THAT(Wrong(testing::NegativeOutcome(), false), IsEmpty());
}

TEST(Outcomes, CompletionNeedsAResultAndTheOtherEndNone) {
  EXPECT_THAT(Wrong(testing::NegativeOutcome(), true), ElementsAre(HasSubstr("none is a result")));
  EXPECT_THAT(Wrong(testing::PositiveOutcome(), false), ElementsAre(HasSubstr("one is a result")));
}

TEST(Outcomes, NegativeDecisionsNeedARemedyAndNothingElseDoes) {
  for (int i = 1; i <= v1::OutcomeKind_MAX; ++i) {
    const auto kind = static_cast<v1::OutcomeKind>(i);
    v1::Outcome outcome = testing::PositiveOutcome();
    outcome.set_kind(kind);
    const bool decision = kind == v1::OUTCOME_KIND_REFUSED || kind == v1::OUTCOME_KIND_NOT_ELIGIBLE ||
                          kind == v1::OUTCOME_KIND_NO_PLACE;
    EXPECT_EQ(Wrong(outcome, IsResult(kind)).size(), decision ? 1u : 0u) << v1::OutcomeKind_Name(kind);
  }
}

TEST(Outcomes, SomebodyTellsThePersonUnlessOutOfReach) {
  v1::Outcome untold = testing::NegativeOutcome();
  untold.set_informed_by(v1::INFORMED_BY_NOBODY);
  EXPECT_THAT(Wrong(untold, false), ElementsAre(HasSubstr("informed_by")));
  untold.set_kind(v1::OUTCOME_KIND_UNREACHABLE);
  untold.clear_informed_how();
  untold.clear_informed_language();
  EXPECT_THAT(Wrong(untold, false), IsEmpty());
  v1::Outcome vague = testing::PositiveOutcome();
  vague.clear_informed_by();
  EXPECT_THAT(Wrong(vague, true), ElementsAre(HasSubstr("informed_by")));
  vague = testing::PositiveOutcome();
  vague.set_informed_how(v1::INFORMED_HOW_NOT_INFORMED);
  EXPECT_THAT(Wrong(vague, true), ElementsAre(HasSubstr("informed_how")));
  vague = testing::PositiveOutcome();
  vague.clear_informed_language();
  EXPECT_THAT(Wrong(vague, true), ElementsAre(HasSubstr("informed_language")));
}

TEST(Outcomes, DatesArePastAndFollowUpsLater) {
  v1::Outcome outcome = testing::PositiveOutcome();
  outcome.set_date("2026-05-05");  // has begun in Kiribati
  EXPECT_THAT(Wrong(outcome, true), IsEmpty());
  outcome.set_date("2026-05-06");
  EXPECT_THAT(Wrong(outcome, true), ElementsAre(HasSubstr("future")));
  outcome.set_date("2026-02-30");
  EXPECT_THAT(Wrong(outcome, true), ElementsAre(HasSubstr("YYYY-MM-DD")));
  outcome = testing::PositiveOutcome();
  outcome.set_follow_up_date(outcome.date());
  EXPECT_THAT(Wrong(outcome, true), ElementsAre(HasSubstr("follow_up_date")));
}

TEST(Outcomes, OneForEachPersonAndForNobodyElse) {
  google::protobuf::RepeatedPtrField<v1::Person> persons;
  persons.Add()->set_number(1);
  auto outcomes = testing::Outcomes(testing::PositiveOutcome());
  outcomes.push_back(outcomes[0]);
  error::FieldViolations twice;
  CheckOutcomes(persons, outcomes, true, testing::Now(), twice);
  EXPECT_EQ(error::ViolationsOf(twice.ToStatus()).size(), 2u);
  outcomes.pop_back();
  outcomes[0].set_person(2);
  error::FieldViolations other;
  CheckOutcomes(persons, outcomes, true, testing::Now(), other);
  EXPECT_THAT(error::ViolationsOf(other.ToStatus()),
              ElementsAre(StartsWith("outcomes[0].person: "), "outcomes: person 1 has no outcome"));
}

TEST(Persons, WhoWasTakenOutIsInItNoLonger) {
  storage::v1::ReferralRecord record;
  *record.add_persons() = testing::CompletePerson(2);
  *record.add_persons() = testing::CompletePerson(3);
  *record.add_withdrawn_persons() = testing::CompletePerson(1);
  EXPECT_EQ(FindPerson(record, 3), &record.persons(1));
  EXPECT_EQ(FindPerson(record, 1), nullptr);
}

TEST(Persons, ASectionGoesAlongThatIsNamed) {
  v1::Disclosure disclosure;
  disclosure.add_sections(v1::SECTION_KIND_DETAILS);
  EXPECT_TRUE(Discloses(disclosure, v1::SECTION_KIND_DETAILS));
  EXPECT_FALSE(Discloses(disclosure, v1::SECTION_KIND_ALERTS));
}

TEST(Day, IsStrict) {
  EXPECT_EQ(ParseDay("2024-02-29"), absl::CivilDay(2024, 2, 29));
  for (const std::string bad :
       {"", "2026-2-3", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "26-01-01", "2026/01/01",
        "2026-01-01 ", " 2026-01-01", "2026-01-0a", "1899-12-31", "-026-01-01", "2026-01--1"}) {
    EXPECT_EQ(ParseDay(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace waypost::referral
