// Rights that travel, through gRPC: what a use of a right does along a chain, and the receipts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/key_renewal.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

void SetConsent(v1::Disclosure& disclosure) {
  disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
  disclosure.set_refusal_costs_nothing(true);
}

class RightsServiceTest : public ::testing::Test, protected ReferralRig {
 protected:
  RightsServiceTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {}

  // On the consent of the first person.
  std::string OnConsent(int persons = 1) {
    v1::SubmitReferralRequest request = NewReferral(persons);
    SetConsent(*request.mutable_referral()->mutable_persons(0)->mutable_disclosure());
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }
  std::string Accept(const std::string& name, const std::string& token) {
    return Must(Do(token, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name))).name();
  }
  // The referral that it goes on as.
  std::string HandedOver(const std::string& name, std::string_view body, bool consent = false) {
    auto request = ToBody<v1::HandOverReferralRequest>(name, body);
    if (consent) SetConsent(*request.mutable_disclosures(0)->mutable_disclosure());
    return Must(Do(receiver, &Stub::HandOverReferral, request)).forwarded_to();
  }
  std::string Forwarded(const std::string& name, std::string_view body) {
    auto request = ToBody<v1::ForwardByDutyRequest>(name, body);
    request.set_law("es/ley-40-2015/art-14");
    Must(Do(receiver, &Stub::ForwardByDuty, request));
    return Record(name).forwarded_to();
  }
  v1::RightsRequest Use(const std::string& token, const std::string& name, v1::RightKind kind,
                        uint32_t person = 1) {
    return Must(Do(token, &Stub::RecordRightsRequest, Right(name, kind, person)));
  }
  std::string Answered(const std::string& token, const std::string& right, const std::string& name,
                       v1::RightAnswer answer) {
    return ReasonOf(Do(token, &Stub::AnswerRightsRequest, Receipt(right, name, answer)));
  }
  v1::RightsRequest Shown(const std::string& token, const std::string& right) {
    return Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  }
  std::vector<v1::RightsTask> Tasks(const std::string& token, bool answered = false) {
    v1::ListRightsRequestsRequest request;
    request.set_answered(answered);
    const auto page = Must(Do(token, &Stub::ListRightsRequests, request));
    return {page.tasks().begin(), page.tasks().end()};
  }
  std::string Opened(const std::string& token, const std::string& name, v1::SectionKind section,
                     v1::Purpose purpose = v1::PURPOSE_DELIVER_SERVICE) {
    return ReasonOf(Do(token, &Stub::DiscloseReferral, Disclose(name, {section}, purpose)));
  }
  std::string EventsText(const std::string& name) {
    std::string text;
    for (const auto& entry : History(name)) text += entry.event() + " ";
    return text;
  }
};

std::vector<std::string> HoldersOf(const v1::RightsRequest& right) {
  std::vector<std::string> holders;
  for (const auto& holder : right.holders()) holders.push_back(holder.referral() + " " + holder.body());
  return holders;
}

std::string Held(const std::string& name, std::string_view body) {
  return base::Cat(name, " ", body);
}

TEST_F(RightsServiceTest, AnErasureEndsACaseWhoseHandOverIsPendingAndWhoWasAskedIsFree) {
  const std::string name = Accept(Requested(), receiver);
  const std::string linked = HandedOver(name, kThirdBody);
  const std::string right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION).name();
  ASSERT_EQ(Answered(receiver, right, name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_FALSE(Record(name).hand_over_pending());
  EXPECT_EQ(Record(linked).state(), kCancelled) << "or it could never end";
  EXPECT_THAT(OpenableBy(linked, kThirdBody), IsEmpty());
  EXPECT_EQ(Answered(third, right, linked, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
}

TEST_F(RightsServiceTest, AWithdrawalOfConsentEndsTheReferralAndShutsTheFile) {
  const std::string name = Accept(OnConsent(), receiver);
  ASSERT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK");
  auto request = Right(name, v1::RIGHT_KIND_WITHDRAWAL);
  request.set_text("she-said-in-the-clear that she no longer wants it");
  const v1::RightsRequest right = Must(Do(referring_caseworker, &Stub::RecordRightsRequest, request));
  EXPECT_EQ(right.kind(), v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(right.recorded_by(), kReferringBody);
  EXPECT_EQ(api::FromTimestamp(right.due_time()) - api::FromTimestamp(right.ask_time()),
            absl::Hours(24 * 31));
  EXPECT_THAT(HoldersOf(right), UnorderedElementsAre(Held(name, kReferringBody), Held(name, kReceivingBody)));
  const auto record = Record(name);
  EXPECT_EQ(record.state(), kCancelled);
  EXPECT_EQ(record.cancel_reason(), v1::CANCEL_REASON_PERSON_WITHDREW);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "ACCESS_ENDED");
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(EventsText(name), HasSubstr("WITHDRAW CANCEL "));
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("why");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ReopenReferral, reopen)), "DISCLOSURE_STOPPED");
  // What was said is a note, and nowhere else.
  EXPECT_EQ(Notes(name).back().event(), "WITHDRAW");
  for (const auto& [key, value] : rig.Dump()) EXPECT_THAT(value, Not(HasSubstr("said-in-the-clear")));
  const auto events = EventsOf(name);
  const auto withdrawn = std::find_if(events.begin(), events.end(),
                                      [](const auto& event) { return event.type() == "referral.withdrawn"; });
  ASSERT_NE(withdrawn, events.end());
  EXPECT_EQ(withdrawn->facts().at("kind"), "WITHDRAWAL");
  EXPECT_EQ(withdrawn->facts().at("request"), right.name());
  EXPECT_THAT(Must(Get(referrer, name)).allowed_actions(), Contains("ANSWER_RIGHT"));
}

TEST_F(RightsServiceTest, AnyHolderMayRecordItAndItReachesAllUpAndDown) {
  // Fuenlabrada → Madrid, forwarded to Getafe; and what Madrid would have had is closed but still its file.
  const std::string first = Requested();
  const std::string second = Accept(Forwarded(first, kThirdBody), third);
  const v1::RightsRequest right = Use(third, second, v1::RIGHT_KIND_OBJECTION);
  EXPECT_EQ(right.holder_count(), 4);
  EXPECT_THAT(HoldersOf(right), UnorderedElementsAre(Held(second, kReferringBody), Held(second, kThirdBody)))
      << "the others are told to the body that referred first";
  EXPECT_THAT(HoldersOf(Shown(referrer, right.name())), SizeIs(4));
  EXPECT_THAT(HoldersOf(Shown(receiver, right.name())),
              UnorderedElementsAre(Held(first, kReferringBody), Held(first, kReceivingBody)));
  EXPECT_EQ(Record(first).right_marks(0).request(), right.name());
  EXPECT_EQ(Record(second).right_marks(0).request(), right.name());
  EXPECT_EQ(Record(second).state(), kAccepted) << "it rests on a public task";
  ASSERT_THAT(Tasks(receiver), SizeIs(1));
  EXPECT_EQ(Tasks(receiver)[0].referral(), first);
  EXPECT_THAT(Tasks(referrer), SizeIs(2));
  EXPECT_THAT(Tasks(third), SizeIs(1));
  EXPECT_EQ(ReasonOf(Do(fourth, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right.name()))),
            "NOT_FOUND");
}

TEST_F(RightsServiceTest, AHandOverThatWasNotTakenIsReachedToo) {
  const std::string first = InProgress();
  const std::string refused = HandedOver(first, kThirdBody);
  Must(Do(third, &Stub::DeclineReferral, Decline(refused)));
  const std::string second = HandedOver(first, kFourthBody);
  EXPECT_EQ(Use(referrer, first, v1::RIGHT_KIND_OBJECTION).holder_count(), 6);
  EXPECT_THAT(Record(refused).right_marks(), SizeIs(1));
  EXPECT_THAT(Record(second).right_marks(), SizeIs(1));
}

// Whichever commits first decides, and either way nobody is left out.
TEST_F(RightsServiceTest, AForwardBeforeTheWithdrawalIsReachedByIt) {
  const std::string first = Requested();
  const std::string second = Forwarded(first, kThirdBody);
  const v1::RightsRequest right = Use(receiver, first, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_THAT(HoldersOf(Shown(referrer, right.name())), Contains(Held(second, kThirdBody)));
  Accept(second, third);
  EXPECT_EQ(Opened(third, second, v1::SECTION_KIND_DETAILS), "DISCLOSURE_STOPPED");
  EXPECT_EQ(Opened(third, second, v1::SECTION_KIND_SCREENING), "OK") << "it has had that";
  for (const auto& sections : OpenableBy(second, kThirdBody)) EXPECT_FALSE(sections.has_details());
}

TEST_F(RightsServiceTest, AForwardAfterTheWithdrawalIsRefused) {
  const std::string name = Requested();
  auto propose = On<v1::ProposeForwardRequest>(name);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  Use(receiver, name, v1::RIGHT_KIND_WITHDRAWAL);
  const auto before = rig.Dump();
  auto confirm = ToBody<v1::ConfirmForwardRequest>(name, kThirdBody);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ConfirmForward, confirm)), "DISCLOSURE_STOPPED");
  auto forward = ToBody<v1::ForwardByDutyRequest>(name, kThirdBody);
  forward.set_law("es/ley-40-2015/art-14");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, forward)), "DISCLOSURE_STOPPED");
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(RightsServiceTest, OfAForwardAndAWithdrawalAtOnceNobodyIsLeftOut) {
  const auto run = [this](RaceOrder order) -> std::string {
    const std::string name = Requested();
    absl::StatusOr<v1::RightsRequest> right;
    absl::StatusOr<v1::Referral> forwarded;
    RunBoth(
        order,
        [&] { right = Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL)); },
        [&] {
          auto forward = ToBody<v1::ForwardByDutyRequest>(name, kThirdBody);
          forward.set_law("es/ley-40-2015/art-14");
          forwarded = Do(receiver, &Stub::ForwardByDuty, forward);
        });
    EXPECT_TRUE(right.ok()) << right.status();
    if (!right.ok()) return "not withdrawn";
    if (!forwarded.ok()) {
      EXPECT_EQ(ReasonOf(forwarded), "DISCLOSURE_STOPPED");
      EXPECT_EQ(right->holder_count(), 2);
      EXPECT_EQ(Record(name).state(), kRequested);
      return "withdrawn first";
    }
    const std::string linked = Record(name).forwarded_to();
    EXPECT_EQ(right->holder_count(), 4);
    EXPECT_THAT(HoldersOf(*right), Contains(Held(linked, kThirdBody)));
    const auto marks = Record(linked).right_marks();
    EXPECT_THAT(marks, SizeIs(1));
    if (!marks.empty()) {
      EXPECT_EQ(marks[0].request(), right->name());
    }
    return "forwarded first";
  };
  EXPECT_EQ(run(RaceOrder::kOneFirst), "withdrawn first");
  EXPECT_EQ(run(RaceOrder::kOtherFirst), "forwarded first");
  for (int round = 0; round < 30 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    run(RaceOrder::kAtOnce);
  }
}

// What rests on consent, sent on by whoever has it while the person withdraws.
class ConsentRaceTest : public RightsServiceTest {
 protected:
  using Send = std::function<absl::StatusOr<v1::Referral>(const std::string& name)>;

  v1::Referral Proposed() {
    auto propose = On<v1::ProposeForwardRequest>(OnConsent());
    propose.set_body(std::string(kThirdBody));
    return Must(Do(receiver, &Stub::ProposeForward, propose));
  }
  absl::StatusOr<v1::Referral> ConfirmForward(const std::string& name) {
    auto request = ToBody<v1::ConfirmForwardRequest>(name, kThirdBody);
    SetConsent(*request.mutable_disclosures(0)->mutable_disclosure());
    return Do(referring_caseworker, &Stub::ConfirmForward, request);
  }
  absl::StatusOr<v1::Referral> HandOver(const std::string& name) {
    auto request = ToBody<v1::HandOverReferralRequest>(name, kThirdBody);
    SetConsent(*request.mutable_disclosures(0)->mutable_disclosure());
    return Do(receiver, &Stub::HandOverReferral, request);
  }

  // Which of the two came first: the referral was not sent on, or what it was sent on as is stopped, too. The
  // one that was sent on is in `sent_state` then.
  std::string Run(const std::string& name, const Send& send, RaceOrder order, State sent_state) {
    absl::StatusOr<v1::Referral> sent;
    absl::StatusOr<v1::RightsRequest> right;
    const auto withdraw = [&] {
      right = Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL));
    };
    RunBoth(order, withdraw, [&] { sent = send(name); });
    EXPECT_TRUE(right.ok()) << right.status();
    if (!right.ok()) return "not withdrawn";
    EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
    EXPECT_FALSE(Record(name).hand_over_pending());
    if (!sent.ok()) {
      EXPECT_EQ(ReasonOf(sent), "INVALID_TRANSITION");
      EXPECT_EQ(right->holder_count(), 2);
      EXPECT_EQ(Record(name).state(), kCancelled);
      EXPECT_EQ(Record(name).forwarded_to(), "");
      return "withdrawn first";
    }
    const std::string& linked = sent->forwarded_to();
    EXPECT_EQ(right->holder_count(), 4);
    EXPECT_EQ(Record(name).state(), sent_state);
    EXPECT_EQ(Record(linked).state(), kCancelled);
    EXPECT_EQ(Record(linked).cancel_reason(), v1::CANCEL_REASON_PERSON_WITHDREW);
    EXPECT_THAT(Record(linked).right_marks(), SizeIs(1));
    EXPECT_THAT(OpenableBy(linked, kThirdBody), IsEmpty());
    return "sent first";
  }

  void RunAll(const std::function<std::string()>& begin, const Send& send, State sent_state) {
    EXPECT_EQ(Run(begin(), send, RaceOrder::kOneFirst, sent_state), "withdrawn first");
    EXPECT_EQ(Run(begin(), send, RaceOrder::kOtherFirst, sent_state), "sent first");
    for (int round = 0; round < 20 && !HasFailure(); ++round) {
      SCOPED_TRACE(round);
      Run(begin(), send, RaceOrder::kAtOnce, sent_state);
    }
  }
};

TEST_F(ConsentRaceTest, OfAConfirmedForwardAndAWithdrawalTheFirstDecidesAndEitherStopsIt) {
  RunAll([this] { return Proposed().name(); },
         [this](const std::string& name) { return ConfirmForward(name); }, kForwarded);
}

TEST_F(ConsentRaceTest, OfAHandOverAndAWithdrawalTheFirstDecidesAndEitherStopsIt) {
  const auto begin = [this] {
    const std::string name = Accept(OnConsent(), receiver);
    return Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name))).name();
  };
  RunAll(
      begin, [this](const std::string& name) { return HandOver(name); }, kCancelled);
}

TEST_F(RightsServiceTest, AWithdrawalEndsACaseThatWasToBeHandedOver) {
  const std::string first = Accept(OnConsent(), receiver);
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(first)));
  const std::string asked = HandedOver(first, kThirdBody);  // on another basis, not taken yet
  Use(referrer, first, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Record(first).state(), kCancelled);
  EXPECT_EQ(Record(asked).state(), kCancelled) << "there is no case to take over";
  EXPECT_FALSE(Record(first).hand_over_pending());
}

TEST_F(RightsServiceTest, AWithdrawalFromAHandOverAloneGivesTheCaseBack) {
  const std::string first = InProgress();
  const std::string asked = HandedOver(first, kThirdBody, /*consent=*/true);
  Use(third, asked, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Record(asked).state(), kCancelled);
  EXPECT_EQ(Record(first).state(), kInProgress);
  EXPECT_FALSE(Record(first).hand_over_pending());
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::HandOverReferral,
                        ToBody<v1::HandOverReferralRequest>(first, kFourthBody))),
            "DISCLOSURE_STOPPED");
}

TEST_F(RightsServiceTest, OneOfSeveralIsTakenOutAndTheOthersGoOn) {
  const std::string name = Accept(OnConsent(2), receiver);
  Use(receiving_caseworker, name, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Record(name).state(), kAccepted);
  const auto opened = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_EQ(opened[0].person(), 2U);
  EXPECT_THAT(OpenableBy(name, kReferringBody), SizeIs(2)) << "its own file, until it answers";
  const auto view = Must(Get(receiver, name));
  ASSERT_THAT(view.persons(), SizeIs(1));
  EXPECT_EQ(view.persons(0).number(), 2U);
  EXPECT_THAT(view.withdrawn_persons(), ElementsAre(1));
  auto complete = On<v1::CompleteReferralRequest>(name);
  complete.add_outcomes()->set_person(2);
  *complete.mutable_outcomes(0)->mutable_outcome() = PositiveOutcome();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, complete)), "OK")
      << "no outcome of person 1 is owed";
}

TEST_F(RightsServiceTest, WhoIsTakenOutHoldsNoPlace) {
  constexpr std::string_view kAsl = "offers/madrid-asl";
  SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"alpha", 2}});
  const std::string name = OnConsent(2);
  auto accept = On<v1::AcceptReferralRequest>(name);
  accept.set_offer(std::string(kAsl));
  for (const uint32_t person : {1U, 2U}) {
    auto& place = *accept.add_places();
    place.set_person(person);
    place.set_group_id("alpha");
  }
  Must(Do(receiver, &Stub::AcceptReferral, accept));
  const auto taken = [&] {
    return Must(Do(receiver, &EnrolmentStub::GetWaitingList,
                   On<v1::GetWaitingListRequest>(base::Cat(kAsl, "/groups/alpha/waitingList"))))
        .taken();
  };
  ASSERT_EQ(taken(), 2);
  Use(referrer, name, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(taken(), 1);
  ASSERT_THAT(Record(name).places(), SizeIs(1));
  EXPECT_EQ(Record(name).places(0).person(), 2U);
}

TEST_F(RightsServiceTest, AcceptingDoesNotGiveTheKeysOfWhoWasTakenOut) {
  const std::string name = OnConsent(2);
  Use(referrer, name, v1::RIGHT_KIND_WITHDRAWAL);
  Accept(name, receiver);
  const auto opened = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_EQ(opened[0].person(), 2U);
  EXPECT_TRUE(opened[0].has_details());
}

TEST_F(RightsServiceTest, TheLastWhoWithdrawsEndsIt) {
  v1::SubmitReferralRequest request = NewReferral(2);
  for (auto& person : *request.mutable_referral()->mutable_persons())
    SetConsent(*person.mutable_disclosure());
  const std::string name = Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  Use(referrer, name, v1::RIGHT_KIND_WITHDRAWAL, 2);
  EXPECT_EQ(Record(name).state(), kRequested);
  Use(referrer, name, v1::RIGHT_KIND_WITHDRAWAL, 1);
  EXPECT_EQ(Record(name).state(), kCancelled);
}

TEST_F(RightsServiceTest, AReceiptErasesThatBodysShareAloneAndSaysSo) {
  const std::string name = Completed();
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION);
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(OpenableBy(name, kReferringBody), SizeIs(1));
  EXPECT_EQ(Opened(referrer, name, v1::SECTION_KIND_DETAILS), "OK");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "SHARE_ERASED");
  const auto receipt = EventsOf(name);
  const auto found = std::find_if(receipt.begin(), receipt.end(), [](const auto& event) {
    return event.type() == "referral.right_answered";
  });
  ASSERT_NE(found, receipt.end());
  EXPECT_EQ(found->body(), kReceivingBody);
  EXPECT_EQ(found->facts().at("answer"), "STOPPED_ERASED");
  EXPECT_EQ(found->facts().at("kind"), "OBJECTION");
  EXPECT_EQ(found->commitments().count("1.details"), 1U) << "what was erased, by its commitment";
  auto retained = Receipt(right.name(), name, v1::RIGHT_ANSWER_RETAINED);
  retained.set_retained_until("2031-12-31");
  const v1::RightsRequest after = Must(Do(referrer, &Stub::AnswerRightsRequest, retained));
  EXPECT_EQ(after.answered_count(), 2);
  EXPECT_EQ(EventsOf(name).back().facts().at("law"), "es/ley-39-2015/art-17");
  EXPECT_EQ(EventsOf(name).back().facts().at("retained_until"), "2031-12-31");
  EXPECT_THAT(Tasks(referrer), IsEmpty());
  ASSERT_THAT(Tasks(referrer, true), SizeIs(1));
  EXPECT_EQ(Tasks(referrer, true)[0].answer(), v1::RIGHT_ANSWER_RETAINED);
  // The law has run out: answered anew. What is erased is final.
  EXPECT_EQ(Answered(referrer, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_THAT(Sections(name), IsEmpty()) << "nobody holds it any longer";
  EXPECT_EQ(Answered(referrer, right.name(), name, v1::RIGHT_ANSWER_RETAINED), "NOTHING_TO_ANSWER");
}

TEST_F(RightsServiceTest, AnErasureWhileItIsOpenEndsIt) {
  const std::string name = InProgress();
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_WITHDRAWAL);
  ASSERT_EQ(Record(name).state(), kInProgress) << "it rests on a public task";
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
}

TEST_F(RightsServiceTest, TheReferringBodysErasureLeavesTheCaseToTheBodyThatHasIt) {
  const std::string name = InProgress();
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION);
  EXPECT_EQ(Answered(referrer, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_EQ(Record(name).state(), kInProgress);
  EXPECT_THAT(Wraps(name, kReferringBody), IsEmpty());
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(name))), "OK");
}

TEST_F(RightsServiceTest, OneOfSeveralErasedLeavesTheOthersKeys) {
  const std::string name = Completed(2);
  const v1::RightsRequest right = Use(receiver, name, v1::RIGHT_KIND_OBJECTION, 2);
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  const auto left = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].person(), 1U);
  EXPECT_THAT(OpenableBy(name, kReferringBody), SizeIs(2));
  EXPECT_EQ(Answered(referrer, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  for (const auto& section : Sections(name)) EXPECT_EQ(section.person(), 1U);
  EXPECT_THAT(OpenableBy(name, kReferringBody), SizeIs(1));
}

TEST_F(RightsServiceTest, ARefusedObjectionGivesWhatItKeptBack) {
  const std::string name = Requested();
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION);
  Accept(name, receiver);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "DISCLOSURE_STOPPED");
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_REFUSED), "OK");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "DISCLOSURE_STOPPED");
  EXPECT_EQ(Answered(referrer, right.name(), name, v1::RIGHT_ANSWER_REFUSED), "OK");
  const auto shown = Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  ASSERT_THAT(shown.sections(), SizeIs(1));
  EXPECT_EQ(shown.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
}

TEST_F(RightsServiceTest, UnderRestrictionTheReceivingBodyOpensForWhatTheArticleAllows) {
  const std::string name = InProgress();
  auto note = On<v1::AddNoteRequest>(name);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_text("note");
  Must(Do(referrer, &Stub::AddNote, note));
  Use(referrer, name, v1::RIGHT_KIND_RESTRICTION);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "USE_RESTRICTED");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS, v1::PURPOSE_PROTECT_PERSON), "OK");
  EXPECT_EQ(Opened(referrer, name, v1::SECTION_KIND_DETAILS), "OK");
  auto look = On<v1::DiscloseNotesRequest>(name);
  look.add_notes(name + "/notes/1");
  look.set_purpose(v1::PURPOSE_COORDINATE_CASE);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseNotes, look)), "USE_RESTRICTED");
  look.set_purpose(v1::PURPOSE_HANDLE_COMPLAINT);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseNotes, look)), "OK");
}

TEST_F(RightsServiceTest, AccessIsAnsweredWithWhatThatBodyHolds) {
  const std::string name = Requested(2);
  auto accept = On<v1::AcceptReferralRequest>(name);
  accept.set_own_reference("MAD-2026-77");
  Must(Do(receiver, &Stub::AcceptReferral, accept));
  for (const auto visibility : {v1::NOTE_VISIBILITY_OWN_SIDE, v1::NOTE_VISIBILITY_BOTH_SIDES}) {
    auto note = On<v1::AddNoteRequest>(name);
    note.set_visibility(visibility);
    note.set_text("note");
    Must(Do(referrer, &Stub::AddNote, note));
  }
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_ACCESS, 2);
  EXPECT_EQ(Record(name).state(), kAccepted);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK") << "it stops nothing";
  auto look = On<v1::ExportPersonRequest>(name);
  look.set_person(2);
  const size_t before = EventsOf(name).size();
  const auto held = Must(Do(receiver, &Stub::ExportPerson, look));
  EXPECT_EQ(held.sections().person(), 2U);
  EXPECT_EQ(held.sections().details().given_name(), base::Cat(kGivenName, "-2"));
  EXPECT_FALSE(held.sections().has_alerts()) << "they need their role";
  EXPECT_THAT(held.left_out(), ElementsAre(v1::SECTION_KIND_ALERTS));
  EXPECT_EQ(held.own_reference(), "MAD-2026-77");
  EXPECT_EQ(held.person().disclosure().retention_rule(), "es/ley-39-2015/art-17");
  EXPECT_THAT(held.recipients(),
              UnorderedElementsAre(std::string(kReferringBody), std::string(kReceivingBody)));
  EXPECT_THAT(held.notes(), SizeIs(1)) << "the other side's own note is not among them";
  ASSERT_EQ(EventsOf(name).size(), before + 1) << "every look is recorded";
  EXPECT_EQ(EventsOf(name).back().type(), "referral.person_exported");
  EXPECT_EQ(EventsOf(name).back().kind(), event::v1::Event::KIND_ACCESS);
  EXPECT_EQ(EventsOf(name).back().purpose(), "PURPOSE_ANSWER_RIGHTS_REQUEST");
  EXPECT_TRUE(Must(Do(receiving_safeguarding, &Stub::ExportPerson, look)).sections().has_alerts());
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_PROVIDED), "OK");
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_REFUSED), "NOTHING_TO_ANSWER");
}

TEST_F(RightsServiceTest, OfAnErasedShareNothingIsExported) {
  const std::string name = Completed(2);
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION, 2);
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  auto look = On<v1::ExportPersonRequest>(name);
  look.set_person(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ExportPerson, look)), "SHARE_ERASED");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ExportPerson, look)), "OK");
  look.set_person(1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ExportPerson, look)), "OK");
}

TEST_F(RightsServiceTest, BeforeItAcceptsABodyExportsTheScreeningAlone) {
  const std::string name = Requested();
  auto look = On<v1::ExportPersonRequest>(name);
  look.set_person(1);
  const auto held = Must(Do(receiver, &Stub::ExportPerson, look));
  EXPECT_TRUE(held.sections().has_screening());
  EXPECT_FALSE(held.sections().has_details());
  EXPECT_THAT(held.left_out(), ElementsAre(v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS));
}

TEST_F(RightsServiceTest, ALegalHoldKeepsAShareAndIsRecorded) {
  const std::string name = Completed();
  const v1::RightsRequest right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION);
  auto hold = On<v1::PlaceLegalHoldRequest>(name);
  hold.set_law("es/ley-1-2000/art-328");
  EXPECT_EQ(Must(Do(receiver, &Stub::PlaceLegalHold, hold)).legal_hold().law(), "es/ley-1-2000/art-328");
  EXPECT_FALSE(Must(Get(referrer, name)).has_legal_hold()) << "the other side's own affair";
  EXPECT_EQ(EventsOf(name).back().type(), "referral.legal_hold_placed");
  EXPECT_EQ(EventsOf(name).back().facts().at("law"), "es/ley-1-2000/art-328");
  const auto before = rig.Dump();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))), "LEGAL_HOLD");
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "LEGAL_HOLD");
  EXPECT_TRUE(rig.Dump() == before);
  EXPECT_THAT(Must(Get(receiver, name)).allowed_actions(), Not(Contains("ERASE")));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))), "OK");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK");
  Must(Do(receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name)));
  EXPECT_EQ(EventsOf(name).back().type(), "referral.legal_hold_released");
  EXPECT_EQ(Answered(receiver, right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  EXPECT_THAT(Sections(name), IsEmpty());
}

TEST_F(RightsServiceTest, TheLastOfSeveralWhomTheReferringBodyErasesEndsIt) {
  const std::string name = Requested(2);
  for (const uint32_t person : {1U, 2U}) {
    EXPECT_EQ(Record(name).state(), kRequested);
    const std::string right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION, person).name();
    EXPECT_EQ(Answered(referrer, right, name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  }
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_THAT(Sections(name), IsEmpty());
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
}

class HeldCaseTest : public RightsServiceTest {
 protected:
  void Hold(const std::string& name, std::string_view until = {}) {
    auto hold = On<v1::PlaceLegalHoldRequest>(name);
    hold.set_law("es/ley-1-2000/art-328");
    hold.set_until(std::string(until));
    Must(Do(receiver, &Stub::PlaceLegalHold, hold));
  }
  void EraseByReferrer(const std::string& name, uint32_t person = 1) {
    const std::string right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION, person).name();
    ASSERT_EQ(Answered(referrer, right, name, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  }
  void EndWithoutResult(const std::string& name, int persons = 1) {
    auto end = On<v1::EndReferralWithoutResultRequest>(name);
    for (int i = 1; i <= persons; ++i) {
      *end.add_outcomes() = Outcomes(NegativeOutcome())[0];
      end.mutable_outcomes(i - 1)->set_person(static_cast<uint32_t>(i));
    }
    Must(Do(receiver, &Stub::EndReferralWithoutResult, end));
  }
  void Release(const std::string& name) {
    Must(Do(receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name)));
  }
};

TEST_F(HeldCaseTest, ItsEndKeepsWhatNobodyElseHasUntilTheHoldIsReleased) {
  const std::string name = InProgress();
  EraseByReferrer(name);
  Hold(name);
  EndWithoutResult(name);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "ACCESS_ENDED");
  EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1)) << "kept, for the court";
  Release(name);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(Sections(name), IsEmpty());
}

TEST_F(HeldCaseTest, TheReferringBodysErasureThatEndsItTakesNothingFromTheHold) {
  const std::string name = Requested();
  Hold(name);
  EraseByReferrer(name);
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_THAT(Wraps(name, kReferringBody), IsEmpty());
  const auto kept = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_TRUE(kept[0].has_screening());
  Release(name);
  EXPECT_THAT(Sections(name), IsEmpty());
  EXPECT_THAT(Wraps(name), IsEmpty());
}

TEST_F(HeldCaseTest, OfThoseWhomTheOtherBodyHasTheKeysCloseAsAlways) {
  const std::string name = InProgress();
  const std::string two =
      Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(Requested(2)))).name();
  Hold(name);
  EndWithoutResult(name);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty()) << "the referring body has it";
  EraseByReferrer(two, 2);
  Hold(two);
  EndWithoutResult(two, 2);
  const auto kept = OpenableBy(two, kReceivingBody);
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].person(), 2U);
  for (const Wrap& wrap : Wraps(two, kReceivingBody)) EXPECT_EQ(wrap.person, 2U);
  Release(two);
  EXPECT_THAT(OpenableBy(two, kReceivingBody), IsEmpty());
  EXPECT_THAT(OpenableBy(two, kReferringBody), SizeIs(1));
}

// Two people, of whom the referring body has erased the first, who had consented.
class HeldPersonTest : public HeldCaseTest {
 protected:
  // Of an accepted case; the receiving body has a hold then, and she withdraws.
  std::string TakenOut(std::string_view until = {}) {
    std::string name = Accept(OnConsent(2), receiver);
    EraseByReferrer(name);
    Hold(name, until);
    right_ = Use(receiver, name, v1::RIGHT_KIND_WITHDRAWAL).name();
    return name;
  }
  int KeysOf(const std::string& name, uint32_t person) {
    const auto wraps = Wraps(name, kReceivingBody);
    return static_cast<int>(std::count_if(wraps.begin(), wraps.end(),
                                          [person](const Wrap& wrap) { return wrap.person == person; }));
  }
  bool HasSections(const std::string& name, uint32_t person) {
    const auto sections = Sections(name);
    return std::any_of(sections.begin(), sections.end(),
                       [person](const auto& section) { return section.person() == person; });
  }
  std::string right_;
};

TEST_F(HeldPersonTest, WhoIsTakenOutOfAnOpenCaseIsKeptAndNotOpened) {
  const std::string name = TakenOut();
  EXPECT_EQ(Record(name).state(), kAccepted);
  EXPECT_THAT(Record(name).kept_for_hold(), ElementsAre(1U));
  EXPECT_GT(KeysOf(name, 1), 0) << "kept, for the court";
  EXPECT_TRUE(HasSections(name, 1));
  const auto open = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].person(), 2U);
  auto disclose = On<v1::DiscloseReferralRequest>(name);
  disclose.add_sections(v1::SECTION_KIND_SCREENING);
  disclose.set_purpose(v1::PURPOSE_ANSWER_RIGHTS_REQUEST);
  disclose.add_persons(1);
  const auto seen = Do(receiver, &Stub::DiscloseReferral, disclose);
  EXPECT_EQ(seen.ok() ? seen->sections_size() : 0, 0);
  EXPECT_EQ(Answered(receiver, right_, name, v1::RIGHT_ANSWER_STOPPED_ERASED), "LEGAL_HOLD");
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK") << "of who stays";
}

TEST_F(HeldPersonTest, SheGoesWhenTheHoldIsReleasedAndNobodyElse) {
  const std::string name = TakenOut();
  Release(name);
  EXPECT_EQ(KeysOf(name, 1), 0);
  EXPECT_FALSE(HasSections(name, 1));
  EXPECT_THAT(Record(name).kept_for_hold(), IsEmpty());
  EXPECT_THAT(Record(name).withdrawn_persons(), IsEmpty());
  EXPECT_GT(KeysOf(name, 2), 0);
  EXPECT_EQ(Opened(receiver, name, v1::SECTION_KIND_DETAILS), "OK");
}

TEST_F(HeldPersonTest, TheEndOfTheCaseAndTheReferringBodysErasureTakeNothingFromTheHold) {
  const std::string name = TakenOut();
  auto end = On<v1::EndReferralWithoutResultRequest>(name);
  *end.add_outcomes() = Outcomes(NegativeOutcome())[0];
  end.mutable_outcomes(0)->set_person(2);
  Must(Do(receiver, &Stub::EndReferralWithoutResult, end));
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_GT(KeysOf(name, 1), 0);
  EXPECT_TRUE(HasSections(name, 1));
  Release(name);
  EXPECT_EQ(KeysOf(name, 1), 0);
  EXPECT_THAT(Sections(name), IsEmpty());
}

TEST_F(HeldPersonTest, AfterTheLastDayTheNextThatHappensTakesHer) {
  const std::string name = TakenOut(absl::FormatTime("%Y-%m-%d", Now(), absl::UTCTimeZone()));
  rig.clock().Advance(absl::Hours(48));
  EXPECT_GT(KeysOf(name, 1), 0);
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
  EXPECT_EQ(KeysOf(name, 1), 0);
  EXPECT_FALSE(HasSections(name, 1));
}

TEST_F(HeldPersonTest, WithoutAHoldTheLastKeysGo) {
  const std::string name = Accept(OnConsent(2), receiver);
  EraseByReferrer(name);
  Use(receiver, name, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(KeysOf(name, 1), 0);
  EXPECT_THAT(Record(name).kept_for_hold(), IsEmpty());
}

TEST_F(HeldPersonTest, NewKeysAreKeptAsTheOldOnesWere) {
  const std::string name = TakenOut();
  Must(key_provider.Rotate(Now()));
  Must(RenewKeys(rig.store(), sealing, Now()));
  EXPECT_GT(KeysOf(name, 1), 0);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
  rows::Holdings holdings = Must(rows::Holdings::Load(**rig.store().Snapshot(), name));
  Must(sealing.Inherit(name, kReceivingBody, kFourthBody, {}, Now(), holdings));
  const auto heir = holdings.WrapsOf(kFourthBody);
  EXPECT_TRUE(std::any_of(heir.begin(), heir.end(),
                          [](const Wrap& wrap) { return wrap.person == 1 && wrap.record.kept_for_hold(); }));
}

TEST_F(RightsServiceTest, TheListIsPagedOldestFirst) {
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    auto request = Right(Requested(), v1::RIGHT_KIND_OBJECTION);
    *request.mutable_ask_time() = api::ToTimestamp(Now() - absl::Hours(24 * (i + 1)));
    expected.insert(expected.begin(), Must(Do(referrer, &Stub::RecordRightsRequest, request)).name());
  }
  std::vector<std::string> listed;
  v1::ListRightsRequestsRequest request;
  request.set_page_size(2);
  int pages = 0;
  do {
    const auto page = Must(Do(receiver, &Stub::ListRightsRequests, request));
    for (const auto& task : page.tasks()) listed.push_back(task.request());
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty() && pages < 10);
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(pages, 3);
  request.set_page_token("");
  request.set_answered(true);
  const auto none = Must(Do(receiver, &Stub::ListRightsRequests, request));
  EXPECT_THAT(none.tasks(), IsEmpty());
}

TEST_F(RightsServiceTest, AnotherBodysAnswerIsNotGivenForIt) {
  const std::string name = Requested();
  const std::string right = Use(referrer, name, v1::RIGHT_KIND_OBJECTION).name();
  const std::string other = Requested();
  EXPECT_EQ(Answered(third, right, name, v1::RIGHT_ANSWER_RESTRICTED), "NOT_FOUND");
  EXPECT_EQ(Answered(receiver, right, other, v1::RIGHT_ANSWER_RESTRICTED), "NOT_FOUND");
  EXPECT_EQ(
      Answered(receiver, "rightsRequests/01jd000000000000000000zzzz", name, v1::RIGHT_ANSWER_RESTRICTED),
      "NOT_FOUND");
}

TEST_F(RightsServiceTest, TheWalkAlongAChainIsBounded) {
  const std::string first = Requested();
  Forwarded(first, kThirdBody);
  const auto reader = Must(rig.store().Snapshot());
  EXPECT_THAT(Must(rows::Chain(*reader, first, 2)), SizeIs(2));
  EXPECT_EQ(ReasonOf(rows::Chain(*reader, first, 1)), "LIMIT_EXCEEDED");
  EXPECT_THAT(Must(rows::ChainUpTo(*reader, first, 2)), SizeIs(2));
  const auto some = Must(rows::ChainUpTo(*reader, first, 1));
  ASSERT_THAT(some, SizeIs(1));
  EXPECT_EQ(some[0].name(), first);
}

}  // namespace
}  // namespace waypost::referral
