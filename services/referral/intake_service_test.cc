#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/referral/intake_policy.h"
#include "services/referral/key_renewal.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral::testing {
namespace {

using policy::Role;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Ne;
using ::testing::Property;
using ::testing::SizeIs;
using ::testing::StartsWith;

class IntakeTest : public ReferralRig, public ::testing::Test {
 protected:
  static void Name(v1::PersonSections& sections, std::string_view given, std::string_view family,
                   std::string_view birth_date) {
    v1::PersonDetails& details = *sections.mutable_details();
    details.set_given_name(std::string(given));
    details.set_family_name(std::string(family));
    details.set_birth_date(std::string(birth_date));
  }
  std::string Refer(std::string_view given, std::string_view family, std::string_view birth_date) {
    v1::SubmitReferralRequest request = NewReferral();
    Name(*request.mutable_sections(0), given, family, birth_date);
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }

  static v1::CheckDuplicatesRequest About(std::string_view given, std::string_view family,
                                          std::string_view birth_date) {
    v1::CheckDuplicatesRequest request;
    v1::PersonToCheck& person = *request.add_persons();
    person.set_given_name(std::string(given));
    person.set_family_name(std::string(family));
    person.set_birth_date(std::string(birth_date));
    return request;
  }

  absl::StatusOr<v1::CheckDuplicatesResponse> Check(std::string_view token,
                                                    const v1::CheckDuplicatesRequest& request) {
    return Do(token, &IntakeStub::CheckDuplicates, request);
  }

  // The person of every request below, in its place.
  static void MakeOlena(v1::PersonSections& sections) { Name(sections, "Olena", "Koval", "1990-03-04"); }
  v1::SubmitReferralRequest OfOlena() const {
    v1::SubmitReferralRequest request = NewReferral();
    MakeOlena(*request.mutable_sections(0));
    return request;
  }
  // Of a unit that the caseworker of the rig is not of.
  v1::SubmitReferralRequest OfOlenaElsewhere() const {
    v1::SubmitReferralRequest request = OfOlena();
    request.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherReferringUnit));
    return request;
  }
  static void MakeTaras(v1::PersonSections& sections) { Name(sections, "Taras", "Koval", "2012-05-26"); }
  v1::SubmitReferralRequest OfTaras() const {
    v1::SubmitReferralRequest request = NewReferral();
    MakeTaras(*request.mutable_sections(0));
    return request;
  }
  v1::SubmitReferralRequest OfFamily() const {
    v1::SubmitReferralRequest request = NewReferral(2);
    MakeOlena(*request.mutable_sections(0));
    MakeTaras(*request.mutable_sections(1));
    return request;
  }
  // Each a millisecond later: names keep the order of no less than that.
  v1::Referral SentBy(const std::string& token, const v1::SubmitReferralRequest& request) {
    rig.clock().Advance(absl::Milliseconds(1));
    return Must(Do(token, &Stub::SubmitReferral, request));
  }
  static std::vector<std::string> ToldWith(const v1::Referral& referral) {
    std::vector<std::string> names;
    for (const auto& one : referral.possible_duplicates()) names.push_back(one.referral());
    return names;
  }

  int MatchesOf(std::string_view token, std::string_view birth_date = "1990-03-04") {
    return Must(Check(token, About("Olena", "Koval", birth_date))).matches_size();
  }
};

TEST_F(IntakeTest, TheSamePersonIsFoundHoweverTheNameIsWritten) {
  const std::string name = Refer("Olena", "Kovál-Ruiz", "1990-03-04");
  for (const auto& [given, family] : {std::pair("Olena", "Kovál-Ruiz"), std::pair("OLENA", "koval ruiz"),
                                      std::pair("Ruiz Koval", "Olena")}) {
    const auto found = Must(Check(referrer, About(given, family, "1990-03-04")));
    ASSERT_EQ(found.matches_size(), 1) << given;
    EXPECT_EQ(found.matches(0).referral().name(), name);
    EXPECT_EQ(found.matches(0).person(), 1U);
    EXPECT_EQ(found.matches(0).strength(), v1::DUPLICATE_STRENGTH_SAME);
  }
  const auto swapped = Must(Check(referrer, About("Olena", "Koval Ruiz", "1990-04-03")));
  ASSERT_EQ(swapped.matches_size(), 1);
  EXPECT_EQ(swapped.matches(0).strength(), v1::DUPLICATE_STRENGTH_DATE_SWAPPED);
  EXPECT_EQ(Must(Check(referrer, About("Olena", "Koval", "1990-03-04"))).matches_size(), 0);
  EXPECT_EQ(Must(Check(referrer, About("Olena", "Koval Ruiz", "1990-03-05"))).matches_size(), 0);
}

TEST_F(IntakeTest, NoBodyLearnsOfAnotherOnes) {
  const std::string name = Refer("Olena", "Koval", "1990-03-04");
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(MatchesOf(referrer), 1);
  EXPECT_EQ(MatchesOf(receiver), 0);
  EXPECT_EQ(MatchesOf(third), 0);
  // Nor a caseworker of a colleague's.
  EXPECT_EQ(MatchesOf(referring_caseworker), 1);
  EXPECT_EQ(MatchesOf(rig.TokenOf(kReferringBody, {Role::kCaseworker}, {std::string(kOtherReferringUnit)},
                                  "actors/otherxxxxxxxxxxx")),
            0);
}

TEST_F(IntakeTest, TheNewestComeFirstAndWhatEndedLongAgoDoesNotCome) {
  const std::string first = Refer("Olena", "Koval", "1990-03-04");
  rig.clock().Advance(absl::Seconds(5));
  Refresh();
  const std::string second = Refer("Olena", "Koval", "1990-03-04");
  const auto found = Must(Check(referrer, About("Olena", "Koval", "1990-03-04")));
  ASSERT_EQ(found.matches_size(), 2);
  EXPECT_EQ(found.matches(0).referral().name(), second);
  Must(Do(receiver, &Stub::DeclineReferral, Decline(first)));
  EXPECT_EQ(MatchesOf(referrer), 2);
  rig.clock().Advance(absl::Hours(24 * 367));
  EXPECT_EQ(MatchesOf(rig.TokenOf(kReferringBody, {Role::kSupervisor}, {}, "actors/anaxxxxxxxxxxxxx")), 1);
}

TEST_F(IntakeTest, ErasingTheShareErasesWhatFindsIt) {
  const std::string name = Refer("Olena", "Koval", "1990-03-04");
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  const auto reader = Must(rig.store().Snapshot());
  EXPECT_EQ(Must(rows::Holdings::Load(*reader, name)).person_lookups().size(), 1U);
  EXPECT_EQ(MatchesOf(referrer), 1);
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  const auto after = Must(rig.store().Snapshot());
  EXPECT_TRUE(Must(rows::Holdings::Load(*after, name)).person_lookups().empty());
  EXPECT_EQ(MatchesOf(referrer), 0);
}

TEST_F(IntakeTest, ADraftIsFoundByWhatItSaysNow) {
  v1::CreateReferralRequest draft = NewDraft();
  draft.mutable_sections(0)->mutable_details()->set_given_name("Olena");
  draft.mutable_sections(0)->mutable_details()->set_family_name("Koval");
  draft.mutable_sections(0)->mutable_details()->set_birth_date("1990-03-04");
  const auto made = Must(Do(referrer, &Stub::CreateReferral, draft));
  EXPECT_EQ(MatchesOf(referrer), 1);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(made.name());
  update.mutable_update_mask()->add_paths("sections");
  *update.add_sections() = draft.sections(0);
  update.mutable_sections(0)->mutable_details()->set_birth_date("1991-12-24");
  Must(Do(referrer, &Stub::UpdateReferral, update));
  EXPECT_EQ(MatchesOf(referrer), 0);
  EXPECT_EQ(MatchesOf(referrer, "1991-12-24"), 1);
}

TEST_F(IntakeTest, ItIsFoundThroughARotationOfKeys) {
  Refer("Olena", "Koval", "1990-03-04");
  ASSERT_TRUE(key_provider.Rotate(rig.clock().Now()).ok());
  EXPECT_EQ(MatchesOf(referrer), 1);
  rig.clock().Advance(crypto::kMinRetirement);
  const auto report = RenewKeys(rig.store(), sealing, rig.clock().Now());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(MatchesOf(referrer), 1);
  for (const auto& key : Must(key_provider.List())) {
    if (key.state != crypto::KeyState::kCurrent) {
      ASSERT_TRUE(keys.Destroy(key.id, rig.clock().Now()).ok());
    }
  }
  EXPECT_EQ(MatchesOf(referrer), 1);
}

TEST_F(IntakeTest, AMatchIsRecordedAsALook) {
  const std::string name = Refer("Olena", "Koval", "1990-03-04");
  const auto looks = [&] {
    int count = 0;
    for (const auto& event : EventsOf(name)) count += event.type() == "referral.duplicate_found" ? 1 : 0;
    return count;
  };
  EXPECT_EQ(MatchesOf(referrer, "1990-03-05"), 0);
  EXPECT_EQ(looks(), 0);
  EXPECT_EQ(MatchesOf(referrer), 1);
  EXPECT_EQ(looks(), 1);
}

TEST_F(IntakeTest, WhoIsReferredIsTakenForSomebodyReferredBefore) {
  const std::string first = Refer("Olena", "Koval", "1990-03-04");
  const std::string swapped = Refer("Olena", "Koval", "1990-04-03");
  const auto looks = [&](std::string_view name) {
    int count = 0;
    for (const auto& event : EventsOf(name)) count += event.type() == "referral.duplicate_found" ? 1 : 0;
    return count;
  };
  EXPECT_EQ(looks(first), 1) << "as swapped was sent";
  auto again = NewReferral(2);
  v1::PersonDetails& details = *again.mutable_sections(1)->mutable_details();
  details.set_given_name("KOVAL");
  details.set_family_name("Olena");
  details.set_birth_date("1990-03-04");
  again.set_request_id("sent-again");
  const auto sent = Must(Do(referrer, &Stub::SubmitReferral, again));
  ASSERT_EQ(sent.possible_duplicates_size(), 2);
  EXPECT_EQ(sent.possible_duplicates(0).person(), 2U);
  EXPECT_EQ(sent.possible_duplicates(0).referral(), first);
  EXPECT_EQ(sent.possible_duplicates(0).referral_person(), 1U);
  EXPECT_EQ(sent.possible_duplicates(0).strength(), v1::DUPLICATE_STRENGTH_SAME);
  EXPECT_EQ(sent.possible_duplicates(1).referral(), swapped);
  EXPECT_EQ(sent.possible_duplicates(1).strength(), v1::DUPLICATE_STRENGTH_DATE_SWAPPED);
  EXPECT_EQ(looks(first), 2);
  // The same call again is the same answer, and no other look.
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, again)).SerializeAsString(), sent.SerializeAsString());
  EXPECT_EQ(looks(first), 2);
  EXPECT_EQ(Must(Get(referrer, sent.name())).possible_duplicates_size(), 0) << "it is told once";
}

TEST_F(IntakeTest, DraftsAndRowsAreToldOfToo) {
  const std::string first = Refer("Olena", "Koval", "1990-03-04");
  v1::CreateReferralRequest draft = NewDraft();
  v1::PersonDetails& details = *draft.mutable_sections(0)->mutable_details();
  details.set_given_name("Olena");
  details.set_family_name("Koval");
  details.set_birth_date("1990-03-04");
  const auto made = Must(Do(referrer, &Stub::CreateReferral, draft));
  ASSERT_EQ(made.possible_duplicates_size(), 1);
  EXPECT_EQ(made.possible_duplicates(0).referral(), first);
  const auto sent = Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(made.name())));
  ASSERT_EQ(sent.possible_duplicates_size(), 1) << "and not of itself";
  EXPECT_EQ(sent.possible_duplicates(0).referral(), first);
  v1::BatchSubmitReferralsRequest batch;
  v1::SubmitReferralRequest& row = *batch.add_requests();
  row = NewReferral();
  row.set_request_id("row-of-somebody");
  *row.mutable_sections(0)->mutable_details() = details;
  const auto rows = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  ASSERT_EQ(rows.results_size(), 1);
  EXPECT_EQ(rows.results(0).referral().possible_duplicates_size(), 2);
}

TEST_F(IntakeTest, NobodyIsToldOfWhatTheyMayNotReadNorOfMoreThanTen) {
  Refer("Olena", "Koval", "1990-03-04");
  v1::SubmitReferralRequest other = NewReferral();
  v1::PersonDetails& details = *other.mutable_sections(0)->mutable_details();
  details.set_given_name("Olena");
  details.set_family_name("Koval");
  details.set_birth_date("1990-03-04");
  other.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherReferringUnit));
  const std::string colleague = rig.TokenOf(kReferringBody, {Role::kCaseworker},
                                            {std::string(kOtherReferringUnit)}, "actors/otherxxxxxxxxxxx");
  EXPECT_EQ(Must(Do(colleague, &Stub::SubmitReferral, other)).possible_duplicates_size(), 0);
  // Of another body's people nobody hears.
  other.mutable_referral()->mutable_referring()->clear_unit();
  other.mutable_referral()->mutable_receiving()->set_body(std::string(kFourthBody));
  other.mutable_referral()->mutable_receiving()->clear_unit();
  other.mutable_referral()->clear_offer();
  other.mutable_referral()->mutable_persons(0)->mutable_disclosure()->clear_recipient();
  const auto elsewhere = Do(third, &Stub::SubmitReferral, other);
  ASSERT_EQ(ReasonOf(elsewhere), "OK");
  EXPECT_EQ(elsewhere->possible_duplicates_size(), 0);
  for (int i = 0; i < 12; ++i) Refer("Olena", "Koval", "1990-03-04");
  v1::SubmitReferralRequest last = NewReferral();
  *last.mutable_sections(0)->mutable_details() = details;
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, last)).possible_duplicates_size(), 10);
}

// Everybody who writes waits for a submission, however common the name.
TEST_F(IntakeTest, ACommonNameTakesNoMoreOfTheWriterThanItsBudget) {
  const auto reads_of = [&](const v1::SubmitReferralRequest& request) {
    const uint64_t before = rig.store().reads_by_bodies();
    const v1::Referral sent = SentBy(referring_caseworker, request);
    return std::pair(rig.store().reads_by_bodies() - before, sent);
  };
  for (int i = 0; i < 19; ++i) SentBy(referrer, OfOlenaElsewhere());
  const auto [rare, alone] = reads_of(NewReferral());
  EXPECT_THAT(ToldWith(alone), IsEmpty());
  EXPECT_FALSE(alone.more_possible_duplicates());
  const auto [some, all_looked_at] = reads_of(OfOlena());
  EXPECT_THAT(ToldWith(all_looked_at), IsEmpty());
  EXPECT_FALSE(all_looked_at.more_possible_duplicates()) << "none of 19 may be told, and all were looked at";
  for (int i = 0; i < 30; ++i) SentBy(referrer, OfOlenaElsewhere());
  const auto [many, not_all] = reads_of(OfOlena());
  EXPECT_THAT(ToldWith(not_all), IsEmpty()) << "the newest were looked at, and are a colleague's";
  EXPECT_TRUE(not_all.more_possible_duplicates());
  EXPECT_LE(some, rare + 25);
  EXPECT_LE(many, rare + 25);
  // One that is refused has looked at nobody.
  v1::SubmitReferralRequest refused = OfOlena();
  refused.mutable_referral()->mutable_receiving()->set_body("bodies/es-nowhere");
  const uint64_t before = rig.store().reads_by_bodies();
  EXPECT_NE(ReasonOf(Do(referring_caseworker, &Stub::SubmitReferral, refused)), "OK");
  EXPECT_LE(rig.store().reads_by_bodies() - before, rare + 5);
}

TEST_F(IntakeTest, AFamilyThatWasReferredBeforeIsReadOnceForEachReferral) {
  const auto reads_of_family = [&] {
    const uint64_t before = rig.store().reads_by_bodies();
    const v1::Referral sent = SentBy(referrer, OfFamily());
    return std::pair(rig.store().reads_by_bodies() - before, sent);
  };
  const auto [rare, first] = reads_of_family();
  EXPECT_THAT(ToldWith(first), IsEmpty());
  for (int i = 1; i < 5; ++i) SentBy(referrer, OfFamily());
  const auto [known, told] = reads_of_family();
  EXPECT_THAT(ToldWith(told), SizeIs(10)) << "both persons of each of five";
  EXPECT_FALSE(told.more_possible_duplicates());
  // A record and the event of the look, of each of five; however many persons are found and told.
  EXPECT_LE(known, rare + 10 + 4);
}

TEST_F(IntakeTest, TheAnswerSaysWhenThereMayBeOthers) {
  for (int i = 0; i < 10; ++i) {
    const auto sent = Must(Do(referrer, &Stub::SubmitReferral, OfOlena()));
    EXPECT_EQ(sent.possible_duplicates_size(), i);
    EXPECT_FALSE(sent.more_possible_duplicates()) << i;
  }
  const auto ten = Must(Do(referrer, &Stub::SubmitReferral, OfOlena()));
  EXPECT_EQ(ten.possible_duplicates_size(), 10);
  EXPECT_FALSE(ten.more_possible_duplicates()) << "that is all";
  const auto eleven = Must(Do(referrer, &Stub::SubmitReferral, OfOlena()));
  EXPECT_EQ(eleven.possible_duplicates_size(), 10);
  EXPECT_TRUE(eleven.more_possible_duplicates());
}

TEST_F(IntakeTest, ThatThereMayBeOthersTellsOfNoneThatIsNotShown) {
  SentBy(referrer, OfOlenaElsewhere());
  for (int i = 0; i < 10; ++i) SentBy(referring_caseworker, OfOlena());
  const auto own = SentBy(referring_caseworker, OfOlena());
  EXPECT_THAT(ToldWith(own), SizeIs(10));
  EXPECT_FALSE(own.more_possible_duplicates()) << "the eleventh is a colleague's";
  const auto another = SentBy(referring_caseworker, OfOlena());
  EXPECT_THAT(ToldWith(another), SizeIs(10));
  EXPECT_TRUE(another.more_possible_duplicates()) << "now the eleventh is one that may be told";
}

TEST_F(IntakeTest, WhetherAnyFollowsThoseThatWereLookedAtIsNotTold) {
  for (int i = 0; i < 20; ++i) SentBy(referrer, OfOlenaElsewhere());
  const auto sent = SentBy(referring_caseworker, OfOlena());
  EXPECT_THAT(ToldWith(sent), IsEmpty());
  EXPECT_TRUE(sent.more_possible_duplicates()) << "as where there are more than twenty";
}

TEST_F(IntakeTest, ACommonNameInAFamilyKeepsNobodyElseFromBeingLookedFor) {
  const std::string brother = SentBy(referring_caseworker, OfTaras()).name();
  for (int i = 0; i < 30; ++i) SentBy(referrer, OfOlenaElsewhere());
  const auto sent = SentBy(referring_caseworker, OfFamily());
  ASSERT_THAT(ToldWith(sent), ElementsAre(brother));
  EXPECT_EQ(sent.possible_duplicates(0).person(), 2U);
  EXPECT_TRUE(sent.more_possible_duplicates());
}

TEST_F(IntakeTest, TheSureOnesOfAFamilyComeBeforeTheWeakOnes) {
  for (int i = 0; i < 12; ++i) Refer("Olena", "Koval", "1990-04-03");
  const std::string brother = SentBy(referrer, OfTaras()).name();
  const auto sent = SentBy(referrer, OfFamily());
  ASSERT_EQ(sent.possible_duplicates_size(), 10);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(sent.possible_duplicates(i).person(), 1U);
    EXPECT_EQ(sent.possible_duplicates(i).strength(), v1::DUPLICATE_STRENGTH_DATE_SWAPPED);
  }
  EXPECT_EQ(sent.possible_duplicates(9).referral(), brother);
  EXPECT_EQ(sent.possible_duplicates(9).strength(), v1::DUPLICATE_STRENGTH_SAME);
  EXPECT_TRUE(sent.more_possible_duplicates());
}

TEST_F(IntakeTest, APartIsNoDuplicateOfWhatItIsAPartOfNorOfItsOtherParts) {
  const std::string parent = Must(Do(referrer, &Stub::SubmitReferral, OfOlena())).name();
  const auto part = [&](std::string_view to) {
    return Must(Do(referrer, &Stub::SubmitReferral, AsPart(OfOlena(), parent, to)));
  };
  const v1::Referral first = part(kThirdBody);
  EXPECT_THAT(ToldWith(first), IsEmpty());
  EXPECT_THAT(ToldWith(part(kFourthBody)), IsEmpty());
  EXPECT_THAT(EventsOf(parent), SizeIs(1)) << "nor was it looked at";
  // To what is not of the case, each is one.
  EXPECT_THAT(ToldWith(Must(Do(referrer, &Stub::SubmitReferral, OfOlena()))), SizeIs(3));
  const auto again = part(kFourthBody);
  EXPECT_THAT(ToldWith(again), SizeIs(1)) << "and it is one to a part";
}

TEST_F(IntakeTest, APartIsNoDuplicateOfWhatTheCaseWasBeforeNorOfWhereItGoes) {
  const auto olena_to = [&](std::string_view to, std::string_view part_of) {
    return AsPart(OfOlena(), part_of, to);
  };
  const auto told = [&](const std::string& token, const v1::SubmitReferralRequest& request) {
    return ToldWith(Must(Do(token, &Stub::SubmitReferral, request)));
  };
  const std::string first = Must(Do(referrer, &Stub::SubmitReferral, OfOlena())).name();
  auto propose = On<v1::ProposeForwardRequest>(first);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  const std::string next =
      Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(first, kThirdBody)))
          .forwarded_to();
  EXPECT_THAT(told(referrer, olena_to(kFourthBody, next)), IsEmpty()) << "neither of it nor of the first";
  EXPECT_THAT(told(referrer, olena_to(kFourthBody, "")), SizeIs(3)) << "each is one to what is no part";

  // The body that has the case now asks twice for a part of it, once while it hands it over.
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(next)));
  EXPECT_THAT(told(third, olena_to(kReceivingBody, next)), IsEmpty());
  Must(Do(third, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(next, kFourthBody)));
  EXPECT_THAT(told(third, olena_to(kReceivingBody, next)), IsEmpty()) << "nor of the hand-over";
  EXPECT_THAT(told(third, olena_to(kReceivingBody, "")), SizeIs(3)) << "two parts and the hand-over";
}

TEST_F(IntakeTest, AStepOfAPathIsNoDuplicateOfWhatItBeganFrom) {
  const std::string began = Must(Do(referrer, &Stub::SubmitReferral, OfOlena())).name();
  v1::CreatePathRequest create;
  create.set_referral(began);
  create.set_person(1);
  create.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
  create.add_steps()->set_theme(type::v1::THEME_CULTURE_AND_SPORT);
  create.add_steps()->set_theme(type::v1::THEME_EMPLOYMENT);
  const std::string path = Must(Do(referrer, &PathStub::CreatePath, create)).name();
  const auto take = [&](uint32_t step, std::string_view to) {
    auto request = On<v1::TakeStepRequest>(path);
    request.set_step(step);
    request.mutable_receiving()->set_body(std::string(to));
    request.set_territory("ES300/28065");
    request.set_priority(v1::PRIORITY_NORMAL);
    *request.mutable_disclosure() = CompleteDisclosure();
    return Must(Do(referrer, &PathStub::TakeStep, request)).referral();
  };
  EXPECT_THAT(ToldWith(take(1, kThirdBody)), IsEmpty());
  EXPECT_THAT(ToldWith(take(2, kFourthBody)), IsEmpty()) << "nor of the step before";
  EXPECT_THAT(EventsOf(began), Each(Property(&event::v1::Event::type, Ne("referral.duplicate_found"))));
  // What was sent beside the path is.
  const std::string other = Must(Do(referrer, &Stub::SubmitReferral, OfOlena())).name();
  EXPECT_THAT(ToldWith(take(3, kFourthBody)), ElementsAre(other));
}

TEST_F(IntakeTest, WithAProtectedReferralNobodyIsLookedForAndItIsNoDuplicate) {
  const std::string first = Refer("Olena", "Koval", "1990-03-04");
  v1::SubmitReferralRequest request = NewReferral();
  v1::PersonDetails& details = *request.mutable_sections(0)->mutable_details();
  details.set_given_name("Olena");
  details.set_family_name("Koval");
  details.set_birth_date("1990-03-04");
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const size_t events = EventsOf(first).size();
  const auto sent = Must(Do(referring_caseworker, &Stub::SubmitReferral, request));
  EXPECT_EQ(sent.possible_duplicates_size(), 0);
  EXPECT_EQ(EventsOf(first).size(), events) << "a look at it would tell when";
  request.mutable_referral()->clear_protection();
  const auto open = Must(Do(referring_caseworker, &Stub::SubmitReferral, request));
  ASSERT_EQ(open.possible_duplicates_size(), 1);
  EXPECT_EQ(open.possible_duplicates(0).referral(), first);
}

// Whatever is looked through is looked through before: the transactions of everybody wait for this one.
TEST_F(IntakeTest, TheTransactionReadsWhatIsShownAndLittleElse) {
  for (int i = 0; i < 45; ++i) {
    v1::SubmitReferralRequest request = NewReferral();
    request.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherReferringUnit));
    v1::PersonDetails& details = *request.mutable_sections(0)->mutable_details();
    details.set_given_name("Olena");
    details.set_family_name("Koval");
    details.set_birth_date("1990-03-04");
    Must(Do(referrer, &Stub::SubmitReferral, request));
  }
  const std::string own = Refer("Olena", "Koval", "1990-03-04");
  const uint64_t before = rig.store().reads_by_bodies();
  const auto found = Must(Check(referring_caseworker, About("Olena", "Koval", "1990-03-04")));
  ASSERT_EQ(found.matches_size(), 1);
  EXPECT_EQ(found.matches(0).referral().name(), own);
  EXPECT_LT(rig.store().reads_by_bodies() - before, 10U);
}

TEST_F(IntakeTest, WhatIsErasedMeanwhileIsNotShown) {
  const std::string name = Refer("Olena", "Koval", "1990-03-04");
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  // The check looks through the store before the erasure commits, and is carried out after it.
  rig.store().BeforeNext(
      [&] { Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))); });
  EXPECT_EQ(MatchesOf(referrer), 0);
  for (const auto& event : EventsOf(name)) EXPECT_NE(event.type(), "referral.duplicate_found");
}

TEST_F(IntakeTest, WhatIsWrongIsSaidWithoutTheName) {
  const auto refused = [&](const v1::CheckDuplicatesRequest& request, std::string_view field) {
    const auto answer = Check(referrer, request);
    EXPECT_EQ(ReasonOf(answer), "INVALID_FIELD");
    EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": "))));
    EXPECT_EQ(answer.status().ToString().find("Olena"), std::string::npos);
  };
  refused({}, "persons");
  refused(About("Olena", "Koval", ""), "persons[0]");
  refused(About("Olena", "Koval", "1990-02-30"), "persons[0]");
  refused(About("", "", "1990-03-04"), "persons[0]");
  v1::CheckDuplicatesRequest many;
  for (int i = 0; i < 21; ++i) *many.add_persons() = About("Olena", "Koval", "1990-03-04").persons(0);
  refused(many, "persons");
}

TEST_F(IntakeTest, EveryRowOfABatchHasItsOwnEnd) {
  v1::BatchSubmitReferralsRequest batch;
  for (int i = 0; i < 60; ++i) {
    *batch.add_requests() = NewReferral();
    batch.mutable_requests(i)->set_request_id(base::Cat("row-of-a-batch-", i));
  }
  batch.mutable_requests(7)->mutable_referral()->set_territory("?");
  batch.mutable_requests(20)->mutable_referral()->mutable_receiving()->set_body("bodies/es-nowhere");
  batch.mutable_requests(31)->set_request_id("x");
  batch.mutable_requests(32)->set_request_id("row-of-a-batch-0");
  batch.mutable_requests(33)->set_name("referrals/01jd0000000000000000000001");
  const auto sent = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  ASSERT_EQ(sent.results_size(), 60);
  std::set<std::string> names;
  for (int i = 0; i < 60; ++i) {
    const v1::BatchSubmitResult& result = sent.results(i);
    EXPECT_EQ(result.request_id(), batch.requests(i).request_id());
    const bool wrong = i == 7 || i == 20 || i == 31 || i == 33;
    EXPECT_EQ(result.has_error(), wrong) << i << result.ShortDebugString();
    if (wrong) {
      EXPECT_NE(result.error().code(), 0);
      EXPECT_GT(result.error().details_size(), 0) << i;
      continue;
    }
    EXPECT_EQ(result.referral().state(), v1::REFERRAL_STATE_REQUESTED);
    names.insert(result.referral().name());
  }
  EXPECT_EQ(names.size(), 55U) << "row 32 is row 0, sent again";
  // Sent again, as after a lost connection: the same answers, and nothing new.
  const auto again = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  for (int i = 0; i < 60; ++i)
    EXPECT_EQ(again.results(i).referral().name(), sent.results(i).referral().name());
  // By itself, too.
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, batch.requests(0))).name(),
            sent.results(0).referral().name());
  batch.mutable_requests(1)->set_own_reference("other");
  const auto changed = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  EXPECT_NE(changed.results(1).error().message().find("row-of-a-batch-1"), std::string::npos);
  const auto reader = Must(rig.store().Snapshot());
  EXPECT_EQ(Must(rows::ListNames(*reader, "", 1'000)).size(), 55U);
}

TEST_F(IntakeTest, ABatchIsOfSoManyRowsAtMost) {
  EXPECT_EQ(ReasonOf(Do(referrer, &IntakeStub::BatchSubmitReferrals, v1::BatchSubmitReferralsRequest())),
            "INVALID_FIELD");
  v1::BatchSubmitReferralsRequest batch;
  for (int i = 0; i < 501; ++i) batch.add_requests();
  EXPECT_EQ(ReasonOf(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch)), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Do(referring_safeguarding, &IntakeStub::BatchSubmitReferrals, batch)), "NOT_ALLOWED");
}

TEST_F(IntakeTest, ACaseworkerSendsFromHerUnitsAlone) {
  v1::BatchSubmitReferralsRequest batch;
  for (int i = 0; i < 2; ++i) {
    *batch.add_requests() = NewReferral();
    batch.mutable_requests(i)->set_request_id(base::Cat("row-of-a-unit-", i));
  }
  batch.mutable_requests(1)->mutable_referral()->mutable_referring()->set_unit(
      std::string(kOtherReferringUnit));
  const auto sent = Must(Do(referring_caseworker, &IntakeStub::BatchSubmitReferrals, batch));
  EXPECT_TRUE(sent.results(0).has_referral());
  EXPECT_TRUE(sent.results(1).has_error());
}

TEST_F(IntakeTest, OnlyThoseWhoReferAsk) {
  for (int role = 0; role < policy::kRoleCount; ++role) {
    const bool may =
        static_cast<Role>(role) == Role::kSupervisor || static_cast<Role>(role) == Role::kCaseworker;
    EXPECT_EQ(!kCheckDuplicates.Allows({static_cast<Role>(role)}, {policy::Relation::kOwnBody}).empty(), may);
  }
  EXPECT_EQ(ReasonOf(Check(referring_safeguarding, About("Olena", "Koval", "1990-03-04"))), "NOT_ALLOWED");
}

}  // namespace
}  // namespace waypost::referral::testing
