// Rectification and the lifting of restrictions through gRPC, and what becomes of those who were cut off:
// along chains of three bodies, as from Livadia by Athens to Vienna.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "services/referral/key_renewal.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kRightName = "Olha-as-it-is-written";
constexpr std::string_view kFamilyName = "Koval";
constexpr std::string_view kBirthDate = "1990-03-04";
constexpr std::string_view kRightDate = "1990-04-05";

class RectificationTest : public ::testing::Test, protected ReferralRig {
 protected:
  RectificationTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    receiving_officer = rig.TokenOf(kReceivingBody, {Role::kSupervisor, Role::kSafeguardingOfficer}, {},
                                    "actors/bothxxxxxxxxxxxx");
  }

  std::string Referred(int persons = 1) {
    v1::SubmitReferralRequest request = NewReferral(persons);
    for (auto& sections : *request.mutable_sections()) {
      sections.mutable_details()->set_family_name(std::string(kFamilyName));
      sections.mutable_details()->set_birth_date(std::string(kBirthDate));
    }
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }
  std::string Taken(const std::string& name, const std::string& token) {
    Must(Do(token, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
    return name;
  }
  // From the receiving body on to the third one, which has not answered yet.
  std::string Offered(const std::string& name) {
    const auto request = ToBody<v1::HandOverReferralRequest>(name, kThirdBody);
    return Must(Do(receiver, &Stub::HandOverReferral, request)).forwarded_to();
  }
  // And which has the case.
  std::string HandedOver(const std::string& name) { return Taken(Offered(name), third); }
  v1::RightsRequest Asked(const std::string& name, v1::RightKind kind = v1::RIGHT_KIND_RECTIFICATION,
                          uint32_t person = 1) {
    return Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, kind, person)));
  }
  // The details as they are to be.
  v1::AnswerRightsRequestRequest Corrected(const std::string& right, const std::string& name,
                                           uint32_t person = 1) const {
    auto request = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
    request.mutable_corrected()->set_person(person);
    v1::PersonDetails& details = *request.mutable_corrected()->mutable_details();
    details.set_given_name(std::string(kRightName));
    details.set_family_name(std::string(kFamilyName));
    details.set_birth_date(std::string(kRightDate));
    return request;
  }
  std::string Answered(const std::string& token, const v1::AnswerRightsRequestRequest& request) {
    return ReasonOf(Do(token, &Stub::AnswerRightsRequest, request));
  }
  v1::PersonSections Opened(const std::string& token, const std::string& name, v1::SectionKind section,
                            uint32_t person = 1) {
    auto request = Disclose(name, {section});
    request.add_persons(person);
    return Must(Do(token, &Stub::DiscloseReferral, request)).sections(0);
  }
  std::string NameAt(const std::string& token, const std::string& name) {
    return Opened(token, name, v1::SECTION_KIND_DETAILS).details().given_name();
  }
  int Found(const std::string& token, std::string_view given_name, std::string_view birth_date) {
    v1::CheckDuplicatesRequest request;
    request.add_persons()->set_given_name(std::string(given_name));
    request.mutable_persons(0)->set_family_name(std::string(kFamilyName));
    request.mutable_persons(0)->set_birth_date(std::string(birth_date));
    return Must(Do(token, &IntakeStub::CheckDuplicates, request)).matches_size();
  }
  int TasksOf(const std::string& token, bool answered = false) {
    v1::ListRightsRequestsRequest request;
    request.set_answered(answered);
    return Must(Do(token, &Stub::ListRightsRequests, request)).tasks_size();
  }
  v1::RightsRequest Shown(const std::string& token, const std::string& right) {
    return Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  }
  event::v1::Event LastEvent(const std::string& name) { return EventsOf(name).back(); }

  std::string receiving_officer;
};

std::string OldName() {
  return base::Cat(kGivenName, "-1");
}

TEST_F(RectificationTest, ReachesEveryHolderAndStopsNothing) {
  const std::string first = Taken(Referred(), receiver);
  const std::string second = HandedOver(first);
  const v1::RightsRequest right =
      Must(Do(third, &Stub::RecordRightsRequest, Right(second, v1::RIGHT_KIND_RECTIFICATION)));
  EXPECT_EQ(right.holder_count(), 4);
  EXPECT_EQ(TasksOf(referrer), 1);
  EXPECT_EQ(TasksOf(receiver), 2) << "of both its referrals";
  EXPECT_EQ(TasksOf(third), 1);
  const auto view = Must(Get(third, second));
  ASSERT_EQ(view.right_marks_size(), 1);
  EXPECT_FALSE(view.right_marks(0).stops_disclosure());
  EXPECT_TRUE(view.right_marks(0).answer_pending());
  EXPECT_EQ(NameAt(third, second), OldName());
  EXPECT_EQ(LastEvent(first).type(), "referral.rectification_asked");
  EXPECT_EQ(LastEvent(first).facts().at("kind"), "RECTIFICATION");
}

TEST_F(RectificationTest, OneSideCorrectsWhatBothHoldAndTheOtherSaysSo) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  EXPECT_EQ(Answered(referrer, Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED)), "INVALID_FIELD")
      << "nobody has put it right";
  const auto before = Sections(name);
  const v1::RightsRequest answered = Must(Do(receiver, &Stub::AnswerRightsRequest, Corrected(right, name)));
  EXPECT_EQ(answered.answered_count(), 1);
  EXPECT_EQ(NameAt(receiver, name), kRightName);
  EXPECT_EQ(NameAt(referrer, name), kRightName);
  const auto details = Opened(referrer, name, v1::SECTION_KIND_DETAILS).details();
  EXPECT_EQ(details.needs(), "") << "the section is whole as it was given";
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_SCREENING).screening().text(),
            base::Cat(kScreening, "-1"))
      << "others stay";
  EXPECT_TRUE(Opened(referring_safeguarding, name, v1::SECTION_KIND_ALERTS).has_alerts());
  EXPECT_EQ(Answered(referrer, Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_EQ(Shown(referrer, right).answered_count(), 2);
  EXPECT_EQ(TasksOf(referrer) + TasksOf(receiver), 0);
  // What the section held is sealed anew, and nothing of it lies anywhere.
  EXPECT_THAT(Sections(name), SizeIs(before.size()));
  for (const auto& [key, value] : rig.Dump()) {
    EXPECT_THAT(value, Not(HasSubstr(std::string(kRightName))));
    for (const auto& section : before) {
      if (section.section() == v1::SECTION_KIND_DETAILS) {
        EXPECT_THAT(value, Not(HasSubstr(section.sealed())));
      }
    }
  }
}

TEST_F(RectificationTest, TheReceiptSaysThatAndNotWhat) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  const auto commitment = [&] {
    for (const auto& section : Sections(name)) {
      if (section.section() == v1::SECTION_KIND_DETAILS) return section.commitment();
    }
    return std::string();
  };
  const std::string before = commitment();
  ASSERT_EQ(Answered(receiver, Corrected(right, name)), "OK");
  EXPECT_NE(commitment(), before);
  const auto event = LastEvent(name);
  EXPECT_EQ(event.type(), "referral.right_answered");
  EXPECT_EQ(event.facts().at("answer"), "RECTIFIED");
  EXPECT_EQ(event.facts().at("kind"), "RECTIFICATION");
  ASSERT_EQ(event.commitments_size(), 3) << "of what is new alone, and of the receipt";
  EXPECT_EQ(event.commitments().count("receipt"), 1U);
  EXPECT_EQ(event.commitments().at("1.details"), commitment());
  EXPECT_EQ(event.commitments().at("content"), Record(name).content_hash());
  EXPECT_EQ(History(name).back().event(), "ANSWER_RIGHT");
  EXPECT_EQ(History(name).back().body(), kReceivingBody);
  EXPECT_THAT(Record(name).persons(0).disclosure().fields(),
              UnorderedElementsAre("screening.text", "alerts.alerts", "details.given_name",
                                   "details.family_name", "details.birth_date"));
}

TEST_F(RectificationTest, WhoIsInTheMiddleCorrectsBothItsReferrals) {
  const std::string first = Taken(Referred(), receiver);
  const std::string second = Offered(first);
  const std::string right = Asked(first).name();
  EXPECT_EQ(TasksOf(receiver), 2);
  ASSERT_EQ(Answered(receiver, Corrected(right, first)), "OK");
  EXPECT_EQ(NameAt(referrer, first), kRightName);
  EXPECT_EQ(NameAt(receiver, first), kRightName);
  EXPECT_EQ(NameAt(receiver, second), OldName()) << "each referral by its own answer";
  EXPECT_EQ(TasksOf(receiver), 1);
  ASSERT_EQ(Answered(receiver, Corrected(right, second)), "OK");
  EXPECT_EQ(NameAt(receiver, second), kRightName);
  Taken(second, third);
  EXPECT_EQ(NameAt(third, second), kRightName);
  EXPECT_EQ(Answered(referrer, Receipt(right, first, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_EQ(Answered(third, Receipt(right, second, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_EQ(Shown(referrer, right).answered_count(), Shown(referrer, right).holder_count());
}

TEST_F(RectificationTest, WhoIsAskedToTakeTheCaseOverMeanwhileIsReachedToo) {
  const std::string first = Taken(Referred(), receiver);
  const v1::RightsRequest right = Asked(first);
  ASSERT_EQ(right.holder_count(), 2);
  const std::string second = Offered(first);
  const v1::RightsRequest reached = Shown(referrer, right.name());
  EXPECT_EQ(reached.holder_count(), 4);
  EXPECT_EQ(reached.revision(), right.revision() + 1);
  EXPECT_EQ(TasksOf(receiver), 2) << "of both its referrals";
  EXPECT_EQ(TasksOf(third), 1);
  const auto view = Must(Get(third, second));
  ASSERT_EQ(view.right_marks_size(), 1);
  EXPECT_TRUE(view.right_marks(0).answer_pending());
  EXPECT_EQ(Shown(third, right.name()).holders_size(), 2) << "of its own referral alone";
  ASSERT_EQ(Answered(receiver, Corrected(right.name(), first)), "OK");
  ASSERT_EQ(Answered(receiver, Corrected(right.name(), second)), "OK");
  Taken(second, third);
  EXPECT_EQ(NameAt(third, second), kRightName);
  EXPECT_EQ(Answered(referrer, Receipt(right.name(), first, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_EQ(Answered(third, Receipt(right.name(), second, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  const v1::RightsRequest done = Shown(referrer, right.name());
  EXPECT_EQ(done.answered_count(), done.holder_count());
}

TEST_F(RectificationTest, SoIsWhoGetsItByAForwardOrARuling) {
  const std::string confirmed = Referred();
  auto propose = On<v1::ProposeForwardRequest>(confirmed);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  const std::string by_duty = Referred();
  const std::string ruled = Referred();
  std::vector<std::string> rights;
  for (const std::string& name : {confirmed, by_duty, ruled}) rights.push_back(Asked(name).name());
  Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(confirmed, kThirdBody)));
  auto duty = ToBody<v1::ForwardByDutyRequest>(by_duty, kThirdBody);
  duty.set_law("es/ley-40-2015/art-14");
  Must(Do(receiver, &Stub::ForwardByDuty, duty));
  auto rule = On<v1::RuleOnCompetenceRequest>(ruled);
  rule.set_body(std::string(kThirdBody));
  rule.set_law("es/ley-40-2015/art-14");
  Must(Do(coordinator, &Stub::RuleOnCompetence, rule));
  EXPECT_EQ(TasksOf(third), 3);
  for (size_t i = 0; i < rights.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string name = i == 0 ? confirmed : i == 1 ? by_duty : ruled;
    const std::string linked = Record(name).forwarded_to();
    EXPECT_EQ(Shown(referrer, rights[i]).holder_count(), 4);
    ASSERT_EQ(Answered(referrer, Corrected(rights[i], linked)), "OK");
    Taken(linked, third);
    EXPECT_EQ(NameAt(third, linked), kRightName);
    EXPECT_EQ(Answered(third, Receipt(rights[i], linked, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  }
}

TEST_F(RectificationTest, WhatWasPutRightBeforeItIsSentOnIsAskedNoMore) {
  const std::string first = Taken(Referred(), receiver);
  const std::string right = Asked(first).name();
  ASSERT_EQ(Answered(receiver, Corrected(right, first)), "OK");
  const std::string second = HandedOver(first);
  EXPECT_EQ(NameAt(third, second), kRightName);
  EXPECT_EQ(Shown(referrer, right).holder_count(), 2);
  EXPECT_EQ(TasksOf(third), 0);
}

TEST_F(RectificationTest, WhoWasReachedOnTheWayLeavesTheRequestWhereItIsCutOff) {
  const std::string first = Taken(Referred(), receiver);
  const std::string right = Asked(first).name();
  Offered(first);
  ASSERT_EQ(TasksOf(third), 1);
  auto misdirected = On<v1::ReportMisdirectedRequest>(first);
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(TasksOf(third) + TasksOf(receiver), 0);
  EXPECT_EQ(Shown(referrer, right).holder_count(), 1);
}

TEST_F(RectificationTest, WhoPassedTheCaseOnCorrectsWhatItStillOpens) {
  const std::string first = Taken(Referred(), receiver);
  const std::string second = HandedOver(first);
  const std::string right = Asked(first).name();
  const auto before = rig.Dump();
  EXPECT_EQ(Answered(receiver, Corrected(right, first)), "ACCESS_ENDED");
  EXPECT_TRUE(rig.Dump() == before);
  ASSERT_EQ(Answered(receiver, Corrected(right, second)), "OK");
  EXPECT_EQ(NameAt(third, second), kRightName);
  EXPECT_EQ(NameAt(receiver, second), kRightName);
  EXPECT_EQ(NameAt(referrer, first), OldName()) << "each referral by its own answer";
  EXPECT_EQ(Answered(receiver, Receipt(right, first, v1::RIGHT_ANSWER_RECTIFIED)), "INVALID_FIELD")
      << "nobody has put that right";
  EXPECT_EQ(Answered(referrer, Corrected(right, first)), "OK");
  EXPECT_EQ(NameAt(referrer, first), kRightName);
  EXPECT_EQ(Answered(receiver, Receipt(right, first, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_THAT(OpenableBy(first, kReceivingBody), IsEmpty()) << "it opens nothing for that";
  EXPECT_EQ(Answered(third, Receipt(right, second, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_EQ(Shown(referrer, right).answered_count(), Shown(referrer, right).holder_count());
}

TEST_F(RectificationTest, WhoHasNotAcceptedCorrectsTheScreeningAlone) {
  const std::string name = Referred();
  const std::string right = Asked(name).name();
  const auto before = rig.Dump();
  EXPECT_EQ(Answered(receiver, Corrected(right, name)), "NOT_YET_DISCLOSED");
  auto screening = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
  screening.mutable_corrected()->set_person(1);
  screening.mutable_corrected()->mutable_screening()->set_text("mornings only");
  auto both = screening;
  both.mutable_corrected()->mutable_details()->set_given_name("x");
  EXPECT_EQ(Answered(receiver, both), "NOT_YET_DISCLOSED");
  EXPECT_TRUE(rig.Dump() == before);
  EXPECT_EQ(Answered(receiver, screening), "OK");
  EXPECT_EQ(Opened(referrer, name, v1::SECTION_KIND_SCREENING).screening().text(), "mornings only");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_SCREENING).screening().text(), "mornings only");
  EXPECT_EQ(NameAt(referrer, name), OldName());
  // The referring body knows more, and corrects it for the same request.
  EXPECT_EQ(Answered(referrer, Corrected(right, name)), "OK");
  EXPECT_EQ(NameAt(referrer, name), kRightName);
  for (const auto& opened : OpenableBy(name, kReceivingBody)) EXPECT_FALSE(opened.has_details());
  Taken(name, receiver);
  EXPECT_EQ(NameAt(receiver, name), kRightName);
}

// The keys that are left say nothing to who may not use them.
TEST_F(RectificationTest, WhoMayNotCorrectIsToldSoAlsoWhereTheOtherSideHasErased) {
  const auto erased_by_referrer = [&](const std::string& name) {
    const std::string objection = Asked(name, v1::RIGHT_KIND_OBJECTION).name();
    const std::string right = Asked(name).name();
    EXPECT_EQ(Answered(referrer, Receipt(objection, name, v1::RIGHT_ANSWER_STOPPED_ERASED)), "OK");
    return right;
  };
  const std::string open = Referred(2);
  const std::string of_open = erased_by_referrer(open);
  ASSERT_THAT(Wraps(open, kReceivingBody), Not(IsEmpty())) << "it has the screening";
  const auto refused = Do(receiver, &Stub::AnswerRightsRequest, Corrected(of_open, open));
  EXPECT_EQ(ReasonOf(refused), "NOT_YET_DISCLOSED");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Answered(referrer, Corrected(of_open, open)), "SHARE_ERASED");

  const std::string taken = Referred(2);
  const std::string of_taken = erased_by_referrer(taken);
  Taken(taken, receiver);
  EXPECT_EQ(Answered(receiver, Corrected(of_taken, taken)), "DISCLOSURE_STOPPED");
  // What it may open it puts right.
  auto screening = Receipt(of_taken, taken, v1::RIGHT_ANSWER_RECTIFIED);
  screening.mutable_corrected()->set_person(1);
  screening.mutable_corrected()->mutable_screening()->set_text("mornings only");
  EXPECT_EQ(Answered(receiver, screening), "OK");
}

TEST_F(RectificationTest, AlertsAreCorrectedByTheirRole) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  auto alerts = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
  alerts.mutable_corrected()->set_person(1);
  alerts.mutable_corrected()->mutable_alerts();
  EXPECT_EQ(Answered(receiver, alerts), "NOT_ALLOWED");
  EXPECT_EQ(Answered(receiving_safeguarding, alerts), "NOT_ALLOWED") << "supervisors answer";
  EXPECT_EQ(Answered(receiving_officer, alerts), "OK");
  EXPECT_THAT(Opened(referring_safeguarding, name, v1::SECTION_KIND_ALERTS).alerts().alerts(), IsEmpty())
      << "what was not so is gone";
  // It is a section still.
  alerts.mutable_corrected()->mutable_alerts()->add_alerts("allergic to nuts");
  EXPECT_EQ(Answered(receiving_officer, alerts), "OK");
  EXPECT_THAT(Opened(receiving_safeguarding, name, v1::SECTION_KIND_ALERTS).alerts().alerts(),
              ElementsAre("allergic to nuts"));
}

TEST_F(RectificationTest, WhoHasNoAccessSaysItOnlyAfterTheOtherSide) {
  const std::string name = Referred();
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  const std::string right = Asked(name).name();
  EXPECT_EQ(Answered(receiver, Corrected(right, name)), "ACCESS_ENDED");
  EXPECT_EQ(Answered(receiver, Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED)), "INVALID_FIELD");
  EXPECT_EQ(Answered(referrer, Corrected(right, name)), "OK");
  EXPECT_EQ(Answered(receiver, Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED)), "OK");
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty()) << "it opens nothing for that";
}

TEST_F(RectificationTest, WhatIsRightIsRefused) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  auto refused = Receipt(right, name, v1::RIGHT_ANSWER_REFUSED);
  EXPECT_EQ(Answered(receiver, refused), "INVALID_FIELD") << "DOES_NOT_APPLY is no ground";
  refused.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
  EXPECT_EQ(Answered(receiver, refused), "OK");
  EXPECT_EQ(LastEvent(name).facts().at("ground"), "ACCURATE");
  EXPECT_EQ(Answered(receiver, Corrected(right, name)), "OK") << "on second thoughts";
  EXPECT_EQ(Answered(receiver, refused), "NOTHING_TO_ANSWER") << "what is put right is so";
}

TEST_F(RectificationTest, ThePersonIsFoundByWhatIsRight) {
  const std::string first = Taken(Referred(), receiver);
  const std::string second = HandedOver(first);
  ASSERT_EQ(Found(referrer, OldName(), kBirthDate), 1);
  ASSERT_EQ(Found(receiver, OldName(), kBirthDate), 1) << "it passed her on";
  const std::string right = Asked(first).name();
  ASSERT_EQ(Answered(referrer, Corrected(right, first)), "OK");
  EXPECT_EQ(Found(referrer, OldName(), kBirthDate), 0);
  EXPECT_EQ(Found(referrer, kRightName, kRightDate), 1);
  EXPECT_EQ(Found(receiver, OldName(), kBirthDate), 1) << "the other referral is not put right yet";
  ASSERT_EQ(Answered(third, Corrected(right, second)), "OK");
  EXPECT_EQ(Found(receiver, OldName(), kBirthDate), 0);
  EXPECT_EQ(Found(receiver, kRightName, kRightDate), 1);
  EXPECT_EQ(Found(third, kRightName, kRightDate), 0);
  // What does not suffice to find anybody is no lookup.
  auto nameless = Corrected(right, first);
  nameless.mutable_corrected()->mutable_details()->clear_birth_date();
  ASSERT_EQ(Answered(referrer, nameless), "OK");
  EXPECT_EQ(Found(referrer, kRightName, kRightDate), 0);
  ASSERT_EQ(Answered(referrer, Corrected(right, first)), "OK");
  EXPECT_EQ(Found(referrer, kRightName, kRightDate), 1) << "and one that does is";
}

TEST_F(RectificationTest, OneOfSeveralIsCorrectedAlone) {
  const std::string name = Taken(Referred(2), receiver);
  const std::string right = Asked(name, v1::RIGHT_KIND_RECTIFICATION, 2).name();
  EXPECT_EQ(Answered(receiver, Corrected(right, name, 1)), "INVALID_FIELD") << "it is not hers to ask";
  EXPECT_EQ(Answered(receiver, Corrected(right, name, 2)), "OK");
  EXPECT_EQ(NameAt(receiver, name), OldName());
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS, 2).details().given_name(), kRightName);
  EXPECT_EQ(Found(referrer, OldName(), kBirthDate), 1);
}

TEST_F(RectificationTest, RepeatedItHappensOnce) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  auto request = Corrected(right, name);
  request.set_request_id("sent-only-once");
  const auto first = Must(Do(receiver, &Stub::AnswerRightsRequest, request));
  const auto after = rig.Dump();
  const auto again = Must(Do(receiver, &Stub::AnswerRightsRequest, request));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_TRUE(rig.Dump() == after);
  request.mutable_corrected()->mutable_details()->set_given_name("another");
  EXPECT_EQ(Answered(receiver, request), "REQUEST_ID_REUSED");
}

TEST_F(RectificationTest, OfTwoAnswersToOneRevisionOneIsCarriedOut) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = Taken(Referred(), receiver);
    const v1::RightsRequest right = Asked(name);
    const auto answer = [&](std::string_view who) {
      auto request = Corrected(right.name(), name);
      request.set_etag(right.etag());
      request.mutable_corrected()->mutable_details()->set_given_name(std::string(who));
      return request;
    };
    std::string by_referrer;
    std::string by_receiver;
    std::thread one([&] { by_referrer = Answered(referrer, answer("referrer")); });
    std::thread other([&] { by_receiver = Answered(receiver, answer("receiver")); });
    one.join();
    other.join();
    EXPECT_THAT((std::vector<std::string>{by_referrer, by_receiver}),
                UnorderedElementsAre("OK", "ETAG_MISMATCH"));
    const std::string expected = by_referrer == "OK" ? "referrer" : "receiver";
    EXPECT_EQ(NameAt(referrer, name), expected);
    EXPECT_EQ(NameAt(receiver, name), expected);
  }
}

// Whichever commits first: nobody is given what is not right, or keeps a key that opens nothing.
TEST_F(RectificationTest, ACorrectionAndAnAcceptanceAtOnce) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = Referred();
    const std::string right = Asked(name).name();
    std::string corrected;
    std::thread one([&] { corrected = Answered(referrer, Corrected(right, name)); });
    std::thread other([&] { Taken(name, receiver); });
    one.join();
    other.join();
    EXPECT_EQ(corrected, "OK");
    EXPECT_EQ(NameAt(receiver, name), kRightName);
  }
}

TEST_F(RectificationTest, AHoldKeepsWhatWasThere) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  auto hold = On<v1::PlaceLegalHoldRequest>(name);
  hold.set_law("es/ley-1-2000/art-328");
  Must(Do(receiver, &Stub::PlaceLegalHold, hold));
  const auto before = rig.Dump();
  EXPECT_EQ(Answered(referrer, Corrected(right, name)), "LEGAL_HOLD");
  EXPECT_EQ(Answered(receiver, Corrected(right, name)), "LEGAL_HOLD");
  EXPECT_TRUE(rig.Dump() == before);
  Must(Do(receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name)));
  EXPECT_EQ(Answered(referrer, Corrected(right, name)), "OK");
}

TEST_F(RectificationTest, ADraftIsCorrectedByItsBodyAndSentAsItIsRight) {
  v1::CreateReferralRequest draft = NewDraft();
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, draft)).name();
  const std::string right = Asked(name).name();
  ASSERT_EQ(Answered(referrer, Corrected(right, name)), "OK");
  EXPECT_EQ(Shown(referrer, right).answered_count(), 1);
  Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(name)));
  Taken(name, receiver);
  EXPECT_EQ(NameAt(receiver, name), kRightName);
}

TEST_F(RectificationTest, KeysAreRenewedAfterItAsBefore) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  ASSERT_EQ(Answered(receiver, Corrected(right, name)), "OK");
  rig.clock().Advance(absl::Hours(24 * 31));
  ASSERT_TRUE(key_provider.Rotate(rig.clock().Now()).ok());
  ASSERT_TRUE(RenewKeys(rig.store(), sealing, rig.clock().Now()).ok());
  const std::string later = rig.TokenOf(kReferringBody, {Role::kSupervisor}, {}, "actors/anaxxxxxxxxxxxxx");
  EXPECT_EQ(NameAt(later, name), kRightName);
  EXPECT_EQ(Found(later, kRightName, kRightDate), 1);
}

TEST_F(RectificationTest, WhatIsWrongWithARequestIsToldAtOnce) {
  const std::string name = Taken(Referred(), receiver);
  const std::string right = Asked(name).name();
  const auto wrong = [&](v1::AnswerRightsRequestRequest request) {
    return error::ViolationsOf(Do(receiver, &Stub::AnswerRightsRequest, request).status());
  };
  auto request = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
  request.mutable_corrected()->set_person(1);
  EXPECT_THAT(wrong(request), Contains("corrected: has no section"));
  request.mutable_corrected()->mutable_details()->set_birth_date("1990-02-30");
  request.mutable_corrected()->mutable_screening()->set_text(std::string(4'001, 'x'));
  request.mutable_corrected()->mutable_alerts()->add_alerts("");
  EXPECT_THAT(wrong(request), UnorderedElementsAre(StartsWith("corrected.details.birth_date: "),
                                                   StartsWith("corrected.screening.text: "),
                                                   StartsWith("corrected.alerts.alerts[0]: ")));
  request = Corrected(right, name);
  request.set_answer(v1::RIGHT_ANSWER_REFUSED);
  request.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
  EXPECT_THAT(wrong(request), ElementsAre("corrected: is for RECTIFIED alone"));
  request = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
  request.set_informed_how(v1::INFORMED_HOW_IN_PERSON);
  request.set_informed_language("uk");
  EXPECT_THAT(wrong(request), ElementsAre(StartsWith("informed_how: "), StartsWith("informed_language: ")));
}

// --- Restrictions that end

TEST_F(RectificationTest, ARestrictionIsLiftedByEachSide) {
  const std::string name = Referred();
  const std::string right = Asked(name, v1::RIGHT_KIND_RESTRICTION).name();
  Taken(name, receiver);
  for (const std::string& token : {referrer, receiver}) {
    ASSERT_EQ(Answered(token, Receipt(right, name, v1::RIGHT_ANSWER_RESTRICTED)), "OK");
  }
  const auto look = [&](const std::string& token) {
    return ReasonOf(Do(token, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  };
  EXPECT_EQ(look(receiver), "DISCLOSURE_STOPPED");
  auto lifted = Receipt(right, name, v1::RIGHT_ANSWER_LIFTED);
  EXPECT_EQ(Answered(receiver, lifted), "INVALID_FIELD");
  lifted.set_informed_how(v1::INFORMED_HOW_NOT_INFORMED);
  lifted.set_informed_language("uk");
  EXPECT_EQ(Answered(receiver, lifted), "INVALID_FIELD") << "the person is told before";
  lifted.set_informed_how(v1::INFORMED_HOW_BY_LETTER);
  EXPECT_EQ(Answered(receiver, lifted), "OK");
  EXPECT_EQ(LastEvent(name).facts().at("answer"), "LIFTED");
  EXPECT_EQ(LastEvent(name).facts().at("informed_how"), "BY_LETTER");
  EXPECT_EQ(look(receiver), "DISCLOSURE_STOPPED") << "the other side has not lifted it";
  EXPECT_EQ(Answered(referrer, lifted), "OK");
  EXPECT_EQ(look(receiver), "OK") << "and has the keys that were kept back";
  EXPECT_EQ(Answered(receiver, Receipt(right, name, v1::RIGHT_ANSWER_RESTRICTED)), "NOTHING_TO_ANSWER");
  EXPECT_EQ(
      ReasonOf(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, kThirdBody))),
      "OK");
}

// --- What was cut off

TEST_F(RectificationTest, WhoWasCutOffOwesNoAnswer) {
  const std::string name = Taken(Referred(), receiver);
  const v1::RightsRequest right = Asked(name, v1::RIGHT_KIND_OBJECTION);
  auto misdirected = On<v1::ReportMisdirectedRequest>(name);
  misdirected.set_text("sent to the wrong Madrid");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(TasksOf(receiver), 0) << "it cannot answer for what does not exist for it";
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right.name()))),
            "NOT_FOUND");
  EXPECT_EQ(Answered(receiver, Receipt(right.name(), name, v1::RIGHT_ANSWER_RESTRICTED)), "NOT_FOUND");
  const v1::RightsRequest left = Shown(referrer, right.name());
  EXPECT_EQ(left.holder_count(), 1);
  EXPECT_EQ(left.revision(), right.revision() + 1);
  ASSERT_EQ(Answered(referrer, Receipt(right.name(), name, v1::RIGHT_ANSWER_RESTRICTED)), "OK");
  const v1::RightsRequest done = Shown(referrer, right.name());
  EXPECT_EQ(done.answered_count(), done.holder_count()) << "it is complete";
}

TEST_F(RectificationTest, NorWhoHadItFromThere) {
  const std::string first = Taken(Referred(), receiver);
  Offered(first);
  const std::string right = Asked(first, v1::RIGHT_KIND_ACCESS).name();
  ASSERT_EQ(Shown(referrer, right).holder_count(), 4);
  // What was answered before goes too: there is no such referral for that body.
  ASSERT_EQ(Answered(receiver, Receipt(right, first, v1::RIGHT_ANSWER_PROVIDED)), "OK");
  auto misdirected = On<v1::ReportMisdirectedRequest>(first);
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(TasksOf(receiver) + TasksOf(receiver, true), 0);
  EXPECT_EQ(TasksOf(third) + TasksOf(third, true), 0);
  const v1::RightsRequest left = Shown(referrer, right);
  ASSERT_EQ(left.holder_count(), 1);
  EXPECT_EQ(left.holders(0).body(), kReferringBody);
  EXPECT_EQ(TasksOf(referrer), 1);
}

}  // namespace
}  // namespace waypost::referral
