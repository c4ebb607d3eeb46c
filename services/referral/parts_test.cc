// Parts over gRPC on the real store: who makes them, what they hold up, and every way by which a part, or
// what it is a part of, ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "common/api/resource.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_limits.h"
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

using base::Cat;

constexpr std::string_view kUnknown = "referrals/01jd000000000000000000zzzz";

class PartsTest : public ::testing::Test, protected PartsRig {
 protected:
  PartsTest() : PartsRig(ReferralOptions(/*on_disk=*/false)) {}

  absl::StatusOr<v1::Referral> SendDraft(const std::string& token, const std::string& draft) {
    return Do(token, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft));
  }
  absl::StatusOr<v1::Referral> Detach(const std::string& token, const std::string& part) {
    return Do(token, &Stub::DetachReferral, On<v1::DetachReferralRequest>(part));
  }

  int Counted(const std::string& name) { return Record(name).open_part_count(); }
  std::vector<std::string> Linked(const std::string& name) {
    return Must(rows::ListParts(**rig.store().Snapshot(), name));
  }
  std::vector<std::string> Course(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : History(name)) events.push_back(entry.event());
    return events;
  }
  std::vector<std::string> ShownCourse(const std::string& token, const std::string& name) {
    std::vector<std::string> events;
    const auto shown = Must(Do(token, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(name)));
    for (const auto& entry : shown.entries()) events.push_back(entry.event());
    return events;
  }
  std::vector<std::string> PartsSeen(const std::string& token, const std::string& name) {
    std::vector<std::string> names;
    const auto page = Must(Do(token, &Stub::ListParts, On<v1::ListPartsRequest>(name)));
    for (const auto& part : page.parts()) names.push_back(part.name());
    return names;
  }

  void Accept(const std::string& token, const std::string& name) {
    Must(Do(token, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  }
  void Acknowledge(const std::string& token, const std::string& name) {
    Must(Do(token, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  }
  v1::CancelReferralRequest Cancelling(
      std::string_view name,
      const std::vector<std::pair<std::string, v1::PartDecision::Action>>& decisions = {}) const {
    auto request = On<v1::CancelReferralRequest>(name);
    request.set_reason(v1::CANCEL_REASON_NEED_MET);
    for (const auto& [part, action] : decisions) {
      v1::PartDecision& decision = *request.add_parts();
      decision.set_referral(part);
      decision.set_action(action);
    }
    return request;
  }
  absl::StatusOr<v1::Referral> Misdirect(const std::string& token, const std::string& name) {
    auto request = On<v1::ReportMisdirectedRequest>(name);
    request.set_text("To the wrong body.");
    return Do(token, &Stub::ReportMisdirected, request);
  }
  v1::EndReferralWithoutResultRequest WithoutResult(std::string_view name) const {
    auto request = On<v1::EndReferralWithoutResultRequest>(name);
    *request.add_outcomes() = Outcomes(NegativeOutcome())[0];
    return request;
  }
  std::string ForwardByDuty(const std::string& token, const std::string& name, std::string_view to) {
    auto request = ToBody<v1::ForwardByDutyRequest>(name, to);
    request.set_law("es/ley-40-2015/art-14");
    Must(Do(token, &Stub::ForwardByDuty, request));
    return Record(name).forwarded_to();
  }
  std::string HandOver(const std::string& token, const std::string& name, std::string_view to) {
    return Must(Do(token, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, to)))
        .forwarded_to();
  }
  void LetLapse(const std::string& name) {
    ClockKeeper keeper(rig.env(), change(), KeeperOptions());
    for (int i = 0; i < 40'000 && Record(name).state() != kLapsed; ++i) {
      rig.clock().Advance(absl::Minutes(4));
      while (Must(keeper.Step()).more) {
      }
    }
    ASSERT_EQ(Record(name).state(), kLapsed);
    Refresh();
  }
  static void OnConsent(v1::SubmitReferralRequest& request) {
    for (v1::Person& person : *request.mutable_referral()->mutable_persons()) {
      v1::Disclosure& disclosure = *person.mutable_disclosure();
      disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
      disclosure.set_refusal_costs_nothing(true);
    }
  }
};

constexpr auto kCancel = v1::PartDecision::ACTION_CANCEL;
constexpr auto kDetach = v1::PartDecision::ACTION_DETACH;

// --- Making one ------------------------------------------------------------------------------------------

TEST_F(PartsTest, TheBodyThatHoldsTheCaseMakesThemAndADraftHoldsNothingUp) {
  const std::string parent = Requested();
  const std::string draft = DraftPart(referrer, parent);
  EXPECT_EQ(Must(Get(referrer, draft)).part_of(), parent);
  EXPECT_EQ(Counted(parent), 0);
  EXPECT_THAT(Linked(parent), ElementsAre(draft));
  EXPECT_EQ(Must(SendDraft(referrer, draft)).part_of(), parent);
  EXPECT_EQ(Counted(parent), 1);
  EXPECT_EQ(Must(Get(referrer, parent)).open_part_count(), 1);
  EXPECT_EQ(Record(parent).revision(), 1) << "its other side is not told by a new revision";
  // Sent at once.
  const std::string second = Part(referrer, parent);
  EXPECT_EQ(Counted(parent), 2);
  EXPECT_THAT(PartsSeen(referrer, parent), ElementsAre(draft, second));
  // Accepted, the case is the receiving body's, and so are parts from now on.
  Accept(receiver, parent);
  EXPECT_EQ(Counted(parent), 0) << "none of the receiving body's";
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewPart(parent))), "PARENT_NOT_HELD");
  const std::string theirs = Part(receiver, parent);
  EXPECT_EQ(Counted(parent), 1);
  EXPECT_EQ(Must(Get(receiver, parent)).open_part_count(), 1);
  EXPECT_EQ(Must(Get(referrer, parent)).open_part_count(), 2) << "of its own";
  EXPECT_THAT(PartsSeen(receiver, parent), ElementsAre(theirs));
  EXPECT_THAT(PartsSeen(referrer, parent), ElementsAre(draft, second));
}

TEST_F(PartsTest, AreNamedInADraftByMaskAndInABatch) {
  const std::string parent = InProgress();
  const std::string other = InProgress();
  const std::string draft = DraftPart(receiver, parent);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft);
  update.mutable_referral()->set_part_of(other);
  update.mutable_update_mask()->add_paths("part_of");
  EXPECT_EQ(Must(Do(receiver, &Stub::UpdateReferral, update)).part_of(), other);
  EXPECT_THAT(Linked(parent), IsEmpty());
  EXPECT_THAT(Linked(other), ElementsAre(draft));
  update.mutable_referral()->set_part_of(std::string(kUnknown));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::UpdateReferral, update)), "NOT_FOUND");
  update.mutable_referral()->set_part_of(draft);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::UpdateReferral, update)), "INVALID_FIELD");
  update.mutable_referral()->clear_part_of();
  EXPECT_EQ(Must(Do(receiver, &Stub::UpdateReferral, update)).part_of(), "");
  EXPECT_THAT(Linked(other), IsEmpty());

  v1::BatchSubmitReferralsRequest batch;
  *batch.add_requests() = NewPart(parent);
  *batch.add_requests() = NewPart(kUnknown);
  batch.mutable_requests(0)->set_request_id("batch-row-1");
  batch.mutable_requests(1)->set_request_id("batch-row-2");
  const auto results = Must(Do(receiver, &IntakeStub::BatchSubmitReferrals, batch));
  EXPECT_EQ(results.results(0).referral().part_of(), parent);
  EXPECT_THAT(results.results(1).error().message(), HasSubstr(std::string(kUnknown)));
  EXPECT_EQ(Counted(parent), 1);
}

TEST_F(PartsTest, WhatMayNotBeReadIsNotFoundAsIfItNeverWas) {
  const auto refusal = [this](const std::string& token, std::string_view parent) {
    const auto answer = Do(token, &Stub::SubmitReferral, NewPart(parent, kFourthBody));
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound) << parent;
    std::string text(base::ToStd(answer.status().ToString(absl::StatusToStringMode::kWithEverything)));
    for (size_t at = text.find(parent); at != std::string::npos; at = text.find(parent)) {
      text.replace(at, parent.size(), "NAME");
    }
    return text;
  };
  const std::string never = refusal(referring_caseworker, kUnknown);
  v1::SubmitReferralRequest elsewhere = NewReferral();
  elsewhere.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherReferringUnit));
  const std::string of_another_unit = Must(Do(referrer, &Stub::SubmitReferral, elsewhere)).name();
  EXPECT_EQ(refusal(referring_caseworker, of_another_unit), never);
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string hidden = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  EXPECT_EQ(refusal(referrer, hidden), refusal(referrer, kUnknown));
  EXPECT_EQ(refusal(third, Requested()), refusal(third, kUnknown));
  // Who reads it is told why it has none.
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::SubmitReferral, NewPart(hidden))),
            "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(Do(referrer, &Stub::ListParts, On<v1::ListPartsRequest>(hidden)).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(PartsSeen(referring_caseworker, hidden), IsEmpty());
}

TEST_F(PartsTest, OfWhatHasEndedOrIsAPartItselfThereAreNone) {
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, NewPart(Completed()))), "PARENT_ENDED");
  const std::string parent = Requested();
  const std::string part = Part(referrer, parent);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewPart(part, kFourthBody))), "PARTS_ONE_LEVEL");
  // Who has it does not know that it is one, and may make parts of the case that it holds.
  Accept(third, part);
  EXPECT_EQ(ReasonOf(Do(third, &Stub::SubmitReferral, NewPart(part, kFourthBody))), "OK");
  EXPECT_EQ(Counted(part), 1);
  // What has parts becomes none.
  const std::string draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  Part(referrer, draft);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft);
  update.mutable_referral()->set_part_of(parent);
  update.mutable_update_mask()->add_paths("part_of");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::UpdateReferral, update)), "PARTS_ONE_LEVEL");

  v1::SubmitReferralRequest protected_part = NewPart(parent);
  protected_part.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, protected_part)), "PROTECTED_IS_UNLINKED");
  v1::SubmitReferralRequest malformed = NewPart("bodies/es-getafe");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, malformed)), "INVALID_FIELD");
}

TEST_F(PartsTest, ADraftOfWhatHasEndedSinceIsNotSentUntilItIsDetached) {
  const std::string parent = Requested();
  const std::string draft = DraftPart(referrer, parent);
  Must(Do(referrer, &Stub::CancelReferral, Cancelling(parent)));
  EXPECT_EQ(Record(draft).part_of(), parent) << "it did not hold it up";
  EXPECT_EQ(ReasonOf(SendDraft(referrer, draft)), "PARENT_ENDED");
  EXPECT_EQ(Must(Detach(referrer, draft)).part_of(), "");
  EXPECT_EQ(ReasonOf(SendDraft(referrer, draft)), "OK");
  EXPECT_EQ(Counted(parent), 0);
}

TEST_F(PartsTest, AreFiftyAtMostEndedOnesIncludedAndDetachedOnesNot) {
  const std::string parent = Requested();
  std::string first;
  for (int i = 0; i < kMaxParts; ++i) {
    const std::string part = Part(referrer, parent);
    if (i == 0) first = part;
  }
  EXPECT_EQ(Counted(parent), kMaxParts);
  Must(Do(third, &Stub::DeclineReferral, Decline(first)));
  EXPECT_EQ(Counted(parent), kMaxParts - 1);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewPart(parent))), "LIMIT_EXCEEDED");
  Must(Detach(referrer, first));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewPart(parent))), "OK");
  // Those of the other side take no room, nor does a refusal tell of them.
  Accept(receiver, parent);
  const std::string theirs = Part(receiver, parent);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DetachReferral, On<v1::DetachReferralRequest>(theirs))), "OK");
  // All of them at once.
  Must(Do(receiver, &Stub::CompleteReferral, Complete(parent)));
  EXPECT_THAT(Linked(parent), IsEmpty());
}

TEST_F(PartsTest, AreListedPageByPage) {
  const std::string parent = InProgress();
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(Part(receiver, parent));
  std::vector<std::string> seen;
  auto request = On<v1::ListPartsRequest>(parent);
  request.set_page_size(2);
  int pages = 0;
  do {
    const auto page = Must(Do(receiver, &Stub::ListParts, request));
    for (const auto& part : page.parts()) seen.push_back(part.name());
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, made);
  EXPECT_EQ(pages, 3);
  request = On<v1::ListPartsRequest>(parent);
  request.set_page_size(5);
  EXPECT_EQ(Must(Do(receiver, &Stub::ListParts, request)).next_page_token(), "");
  // What she may not read is not shown to a colleague: these are in no unit, and hers who made them.
  EXPECT_THAT(PartsSeen(receiving_caseworker, parent), IsEmpty());
}

// --- What they hold up -----------------------------------------------------------------------------------

TEST_F(PartsTest, TheCaseIsCompletedOnlyWhenTheyAreFinalOrDetached) {
  const std::string parent = InProgress();
  const std::string first = Part(receiver, parent);
  const std::string second = Part(receiver, parent);
  const auto refused = Do(receiver, &Stub::CompleteReferral, Complete(parent));
  EXPECT_EQ(ReasonOf(refused), "PARTS_OPEN");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error::MetadataOf(refused.status(), "count"), "2");
  EXPECT_EQ(error::MetadataOf(refused.status(), "first"), first);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::EndReferralWithoutResult, WithoutResult(parent))), "PARTS_OPEN");
  auto with_text = WithoutResult(parent);
  with_text.set_text("Nobody came.");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::EndReferralWithoutResult, with_text)), "PARTS_OPEN");
  EXPECT_THAT(Must(Get(receiver, parent)).allowed_actions(), Not(Contains("COMPLETE")));
  Must(Do(third, &Stub::DeclineReferral, Decline(first)));
  Must(Detach(receiver, second));
  EXPECT_THAT(Must(Get(receiver, parent)).allowed_actions(), Contains("COMPLETE"));
  EXPECT_THAT(Linked(parent), ElementsAre(first)) << "an ended part is one still";
  Must(Do(receiver, &Stub::EndReferralWithoutResult, with_text));
  EXPECT_EQ(Record(first).part_of(), parent);
  EXPECT_THAT(Course(first), ElementsAre("SUBMIT", "DECLINE"));
}

TEST_F(PartsTest, APersonWhoStartsInAGroupCompletesNothingThatHasOpenParts) {
  SetGroups("offers/asl", kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 3}});
  const std::string parent = Acknowledged();
  auto accept = On<v1::AcceptReferralRequest>(parent);
  accept.set_offer("offers/asl");
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  const std::string enrolment = Must(Do(receiver, &Stub::AcceptReferral, accept)).places(0).enrolment();
  const std::string part = Part(receiver, parent);
  auto start = On<v1::StartEnrolmentRequest>(enrolment);
  *start.add_outcomes() = Outcomes(PositiveOutcome())[0];
  start.mutable_outcomes(0)->mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
  const auto refused = Do(receiver, &EnrolmentStub::StartEnrolment, start);
  EXPECT_EQ(ReasonOf(refused), "PARTS_OPEN");
  EXPECT_EQ(error::MetadataOf(refused.status(), "first"), part);
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(enrolment))).state(),
            v1::ENROLMENT_STATE_PLACED);
  Must(Detach(receiver, part));
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, start));
  EXPECT_EQ(Record(parent).state(), kCompleted);
}

// --- Every way by which a part ends ----------------------------------------------------------------------

class PartEnds : public PartsTest {
 protected:
  // `end` brings the only part of a case to its end; then the case can be completed.
  void Ends(const std::function<void(const std::string& part)>& end, std::string_view what,
            const std::function<void(v1::SubmitReferralRequest&)>& of = nullptr) {
    const std::string parent = InProgress();
    v1::SubmitReferralRequest request = NewPart(parent);
    if (of != nullptr) of(request);
    const std::string part = Must(Do(receiver, &Stub::SubmitReferral, request)).name();
    EXPECT_EQ(Counted(parent), 1) << what;
    parent_ = parent;
    end(part);
    EXPECT_EQ(Counted(parent), 0) << what;
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent))), "OK") << what;
    EXPECT_EQ(Record(parent).open_part_count(), 0) << what;
  }
  void ExpectOpen(std::string_view what) {
    EXPECT_EQ(Counted(parent_), 1) << what;
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent_))), "PARTS_OPEN") << what;
  }

  std::string parent_;
};

TEST_F(PartEnds, ByEitherSide) {
  Ends([this](const std::string& part) { Must(Do(third, &Stub::DeclineReferral, Decline(part))); },
       "decline");
  Ends([this](const std::string& part) { Must(Do(receiver, &Stub::CancelReferral, Cancelling(part))); },
       "cancel");
  Ends(
      [this](const std::string& part) {
        Acknowledge(third, part);
        Must(Do(receiver, &Stub::CancelReferral, Cancelling(part)));
        ExpectOpen("a wish to cancel");
        Must(Do(third, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(part)));
      },
      "confirm cancel");
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        ExpectOpen("accepted");
        Must(Do(third, &Stub::CompleteReferral, Complete(part)));
      },
      "complete");
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        Must(Do(third, &Stub::EndReferralWithoutResult, WithoutResult(part)));
      },
      "end without result");
  Ends([this](const std::string& part) { Must(Misdirect(receiver, part)); }, "misdirected");
  Ends([this](const std::string& part) { Must(Detach(receiver, part)); }, "detach");
  Ends(
      [this](const std::string& part) {
        auto waitlist = On<v1::WaitlistReferralRequest>(part);
        *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
        Must(Do(third, &Stub::WaitlistReferral, waitlist));
        auto offer = On<v1::OfferPlaceRequest>(part);
        *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(24));
        Must(Do(third, &Stub::OfferPlace, offer));
        auto answer = On<v1::AnswerOfferRequest>(part);
        answer.set_answer(v1::AnswerOfferRequest::ANSWER_LEAVE_LIST);
        Must(Do(receiver, &Stub::AnswerOffer, answer));
      },
      "leave list");
}

TEST_F(PartEnds, ByTheClocks) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  LetLapse(part);
  EXPECT_EQ(Counted(parent), 0);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent))), "OK");
}

TEST_F(PartEnds, ByTheWithdrawalOfItsOnlyPersonAndByErasure) {
  Ends(
      [this](const std::string& part) {
        Must(Do(receiver, &Stub::RecordRightsRequest, Right(part, v1::RIGHT_KIND_WITHDRAWAL)));
        EXPECT_EQ(Record(part).state(), kCancelled);
      },
      "withdrawal", OnConsent);
  Ends(
      [this](const std::string& part) {
        const auto right =
            Must(Do(receiver, &Stub::RecordRightsRequest, Right(part, v1::RIGHT_KIND_OBJECTION)));
        ExpectOpen("objected");
        Must(Do(receiver, &Stub::AnswerRightsRequest,
                Receipt(right.name(), part, v1::RIGHT_ANSWER_STOPPED_ERASED)));
        EXPECT_TRUE(IsEnd(Record(part).state()));
      },
      "erased by right");
}

TEST_F(PartEnds, WhereItWasForwardedTo) {
  Ends(
      [this](const std::string& part) {
        const std::string next = ForwardByDuty(third, part, kFourthBody);
        EXPECT_EQ(Record(part).part_of(), "");
        EXPECT_EQ(Must(Get(receiver, next)).part_of(), parent_);
        EXPECT_EQ(Must(Get(fourth, next)).part_of(), "");
        EXPECT_THAT(Linked(parent_), ElementsAre(next));
        ExpectOpen("forwarded");
        Must(Do(fourth, &Stub::DeclineReferral, Decline(next)));
      },
      "forwarded, and declined there");
  Ends(
      [this](const std::string& part) {
        auto propose = On<v1::ProposeForwardRequest>(part);
        propose.set_body(std::string(kFourthBody));
        Must(Do(third, &Stub::ProposeForward, propose));
        const auto confirmed =
            Must(Do(receiver, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(part, kFourthBody)));
        ExpectOpen("forwarded with the referring body's consent");
        Must(Detach(receiver, confirmed.forwarded_to()));
      },
      "forwarded, and detached there");
  Ends(
      [this](const std::string& part) {
        auto rule = On<v1::RuleOnCompetenceRequest>(part);
        rule.set_body(std::string(kFourthBody));
        rule.set_law("es/ley-40-2015/art-14");
        Must(Do(coordinator, &Stub::RuleOnCompetence, rule));
        ExpectOpen("ruled on");
        const std::string next = Record(part).forwarded_to();
        Accept(fourth, next);
        Must(Do(fourth, &Stub::CompleteReferral, Complete(next)));
      },
      "ruled on, and completed there");
  Ends(
      [this](const std::string& part) {
        auto assume = On<v1::AssumeResponsibilityRequest>(part);
        assume.set_law("es/ley-7-1985/art-58");
        Must(Do(coordinator, &Stub::AssumeResponsibility, assume));
        ExpectOpen("assumed");
        const std::string next = Record(part).forwarded_to();
        EXPECT_EQ(Must(Get(coordinator, next)).part_of(), "");
        Must(Do(coordinator, &Stub::CompleteReferral, Complete(next)));
      },
      "assumed, and completed there");
}

TEST_F(PartEnds, WhereItWasHandedOverTo) {
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        const std::string next = HandOver(third, part, kFourthBody);
        ExpectOpen("to be handed over");
        Accept(fourth, next);
        EXPECT_EQ(Record(part).state(), kForwarded);
        ExpectOpen("handed over");
        EXPECT_EQ(Must(Get(receiver, part)).part_of(), parent_);
        EXPECT_EQ(Must(Get(third, next)).part_of(), "") << "who handed it over is not told";
        EXPECT_THAT(PartsSeen(receiver, parent_), ElementsAre(part));
        const std::string further = HandOver(fourth, next, kFifthBody);
        const std::string fifth = rig.TokenOf(kFifthBody, {Role::kSupervisor});
        Accept(fifth, further);
        ExpectOpen("handed over twice");
        Must(Do(fifth, &Stub::CompleteReferral, Complete(further)));
      },
      "handed over twice, and completed there");
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        const std::string next = HandOver(third, part, kFourthBody);
        Must(Do(fourth, &Stub::DeclineReferral, Decline(next)));
        ExpectOpen("not taken");
        Must(Do(third, &Stub::CompleteReferral, Complete(part)));
      },
      "not taken, and completed");
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        Accept(fourth, HandOver(third, part, kFourthBody));
        Must(Detach(receiver, part));
      },
      "handed over, and detached");
  Ends(
      [this](const std::string& part) {
        Accept(third, part);
        const std::string next = HandOver(third, part, kFourthBody);
        Accept(fourth, next);
        auto assume = On<v1::AssumeResponsibilityRequest>(next);
        assume.set_law("es/ley-7-1985/art-58");
        Must(Do(coordinator, &Stub::AssumeResponsibility, assume));
        ExpectOpen("handed over, and assumed");
        Must(Do(coordinator, &Stub::EndReferralWithoutResult, WithoutResult(Record(next).forwarded_to())));
      },
      "handed over, assumed, and ended there");
}

TEST_F(PartsTest, OneThatIsOpenedAgainIsWaitedForAgainOrNotAPartAnyLonger) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  Accept(third, part);
  Must(Do(third, &Stub::CompleteReferral, Complete(part)));
  auto reopen = On<v1::ReopenReferralRequest>(part);
  reopen.set_text("There is more to do.");
  Must(Do(third, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(Counted(parent), 1);
  Must(Do(third, &Stub::CompleteReferral, Complete(part)));
  Must(Do(receiver, &Stub::CompleteReferral, Complete(parent)));
  EXPECT_EQ(Record(part).part_of(), parent);
  const v1::Referral reopened = Must(Do(third, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(Record(part).part_of(), "") << "what it was a part of has ended";
  EXPECT_EQ(reopened.revision(), Record(part).revision()) << "it was detached after it was opened";
  EXPECT_EQ(ReasonOf(Do(third, &Stub::StartReferral, On<v1::StartReferralRequest>(part, reopened.etag()))),
            "INVALID_TRANSITION")
      << "and not that it has changed";
  EXPECT_EQ(Counted(parent), 0);
  EXPECT_EQ(Course(part).back(), "DETACH");
  EXPECT_EQ(ShownCourse(third, part).back(), "REOPEN");
  // Nor does it come back.
  auto again = On<v1::ReopenReferralRequest>(parent);
  again.set_text("Another look.");
  Must(Do(receiver, &Stub::ReopenReferral, again));
  EXPECT_EQ(Counted(parent), 0);
}

TEST_F(PartsTest, TheEndOfACaseThatWasHandedOverIsTakenBackToo) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  Accept(third, part);
  const std::string next = HandOver(third, part, kFourthBody);
  Accept(fourth, next);
  Must(Do(fourth, &Stub::CompleteReferral, Complete(next)));
  EXPECT_EQ(Counted(parent), 0);
  auto reopen = On<v1::ReopenReferralRequest>(next);
  reopen.set_text("There is more to do.");
  Must(Do(fourth, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(Counted(parent), 1);
  Must(Do(fourth, &Stub::CompleteReferral, Complete(next)));
  Must(Do(receiver, &Stub::CompleteReferral, Complete(parent)));
  Must(Do(fourth, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(Record(part).part_of(), "");
}

// --- Every way by which what they are parts of ends ------------------------------------------------------

class ParentEnds : public PartsTest {
 protected:
  // Its open parts are detached by the system, and go on; an ended one and a draft stay what they are.
  void Detaches(const std::string& parent, const std::string& maker, const std::function<void()>& end,
                std::string_view what) {
    const std::string open = Part(maker, parent);
    const std::string accepted = Part(maker, parent);
    Accept(third, accepted);
    const std::string ended = Part(maker, parent);
    Must(Do(third, &Stub::DeclineReferral, Decline(ended)));
    const std::string draft = DraftPart(maker, parent);
    end();
    EXPECT_TRUE(IsEnd(Record(parent).state())) << what;
    EXPECT_EQ(Counted(parent), 0) << what;
    EXPECT_THAT(Linked(parent), ElementsAre(ended, draft)) << what;
    for (const std::string& part : {open, accepted}) {
      EXPECT_EQ(Record(part).part_of(), "") << what;
      EXPECT_TRUE(IsOpen(Record(part).state())) << what;
      EXPECT_EQ(Course(part).back(), "DETACH") << what;
      EXPECT_EQ(History(part).back().body(), "") << what << ": by the system";
      EXPECT_THAT(ShownCourse(third, part), Not(Contains("DETACH"))) << what;
      const event::v1::Event event = EventsOf(part).back();
      EXPECT_EQ(event.type(), "referral.detached") << what;
      EXPECT_THAT(event.parties(), ElementsAre(Record(part).referring().body())) << what;
    }
    Must(Do(third, &Stub::CompleteReferral, Complete(accepted)));
  }
};

TEST_F(ParentEnds, BeforeItWasAccepted) {
  std::string name = Acknowledged();
  Detaches(
      name, referrer, [&] { Must(Do(receiver, &Stub::DeclineReferral, Decline(name))); }, "declined");
  name = Acknowledged();
  Detaches(
      name, referrer, [&] { ForwardByDuty(receiver, name, kFourthBody); }, "forwarded");
  name = Requested();
  Detaches(
      name, referrer, [&] { Must(Misdirect(referrer, name)); }, "misdirected");
  name = Acknowledged();
  Detaches(
      name, referrer,
      [&] {
        auto assume = On<v1::AssumeResponsibilityRequest>(name);
        assume.set_law("es/ley-7-1985/art-58");
        Must(Do(coordinator, &Stub::AssumeResponsibility, assume));
      },
      "assumed");
  v1::SubmitReferralRequest on_consent = NewReferral();
  OnConsent(on_consent);
  name = Must(Do(referrer, &Stub::SubmitReferral, on_consent)).name();
  Detaches(
      name, referrer,
      [&] { Must(Do(receiver, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL))); },
      "withdrawn");
}

TEST_F(ParentEnds, ByTheClocks) {
  const std::string parent = Requested();
  const std::string accepted = Part(referrer, parent);
  Accept(third, accepted);
  LetLapse(parent);
  EXPECT_EQ(Record(accepted).part_of(), "");
  EXPECT_EQ(Counted(parent), 0);
}

TEST_F(ParentEnds, AfterItWasAccepted) {
  std::string name = Accepted();
  Detaches(
      name, receiver, [&] { Must(Do(receiver, &Stub::DeclineReferral, Decline(name))); }, "declined");
  name = InProgress();
  Detaches(
      name, receiver, [&] { Accept(fourth, HandOver(receiver, name, kFourthBody)); }, "handed over");
  name = InProgress();
  Detaches(
      name, receiver,
      [&] {
        Must(Do(referrer, &Stub::CancelReferral, Cancelling(name)));
        EXPECT_EQ(Counted(name), 2) << "a wish is no end, and these are none of the referring body's";
        Must(Do(receiver, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(name)));
      },
      "cancel confirmed");
  name = InProgress();
  Detaches(
      name, receiver, [&] { Must(Misdirect(referrer, name)); }, "misdirected");
}

TEST_F(ParentEnds, CompletedByTheReceivingBodyWhateverTheReferringBodyHadBegun) {
  const std::string parent = Acknowledged();
  Detaches(
      parent, referrer,
      [&] {
        Accept(receiver, parent);
        EXPECT_EQ(Counted(parent), 0) << "they hold up nothing of the receiving body's";
        Must(Do(receiver, &Stub::CompleteReferral, Complete(parent)));
      },
      "completed");
}

// --- Cancelling it asks about each -----------------------------------------------------------------------

TEST_F(PartsTest, CancellingSaysWhatBecomesOfEach) {
  const std::string parent = Requested();
  const std::string requested = Part(referrer, parent);
  const std::string accepted = Part(referrer, parent);
  Accept(third, accepted);
  const std::string going_on = Part(referrer, parent);
  const auto refused = Do(referrer, &Stub::CancelReferral, Cancelling(parent, {{requested, kCancel}}));
  EXPECT_EQ(ReasonOf(refused), "PARTS_OPEN");
  EXPECT_EQ(error::MetadataOf(refused.status(), "count"), "2");
  EXPECT_EQ(error::MetadataOf(refused.status(), "first"), accepted);
  EXPECT_EQ(Record(requested).state(), kRequested) << "all or nothing";

  auto request = Cancelling(parent, {{requested, kCancel}, {accepted, kCancel}, {going_on, kDetach}});
  request.set_text("She has found a place herself.");
  request.set_request_id("cancel-with-parts");
  const v1::Referral cancelled = Must(Do(referrer, &Stub::CancelReferral, request));
  EXPECT_EQ(cancelled.state(), kCancelled);
  EXPECT_EQ(cancelled.open_part_count(), 0);
  EXPECT_EQ(Record(requested).state(), kCancelled);
  EXPECT_EQ(Record(requested).cancel_reason(), v1::CANCEL_REASON_NEED_MET);
  EXPECT_EQ(Record(accepted).state(), kCancelRequested) << "as for a part by itself";
  EXPECT_EQ(Record(going_on).state(), kRequested);
  EXPECT_EQ(Record(going_on).part_of(), "");
  EXPECT_EQ(History(going_on).back().body(), kReferringBody) << "by whoever said so";
  EXPECT_EQ(EventsOf(requested).back().type(), "referral.cancelled");
  EXPECT_EQ(EventsOf(going_on).back().type(), "referral.detached");
  EXPECT_EQ(EventsOf(parent).back().type(), "referral.cancelled");
  EXPECT_EQ(Record(accepted).part_of(), "") << "still open, it goes on without what has ended";

  // Said again, it is done once.
  const size_t events = rig.Events().size();
  EXPECT_EQ(Must(Do(referrer, &Stub::CancelReferral, request)).SerializeAsString(),
            cancelled.SerializeAsString());
  EXPECT_EQ(rig.Events().size(), events);
  request.mutable_parts(2)->set_action(kCancel);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, request)), "REQUEST_ID_REUSED");
  // Its receiving body may refuse, and go on.
  auto refuse = On<v1::RefuseCancelRequest>(accepted);
  refuse.set_text("It has begun.");
  Must(Do(third, &Stub::RefuseCancel, refuse));
  EXPECT_EQ(Record(accepted).state(), kAccepted);
}

TEST_F(PartsTest, AWishToCancelSaysItTooAndThePartsOfTheReceivingBodyAreItsOwn) {
  const std::string parent = Acknowledged();
  const std::string first = Part(referrer, parent);
  const std::string second = Part(referrer, parent);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, Cancelling(parent))), "PARTS_OPEN");
  Accept(third, second);
  const v1::Referral asked =
      Must(Do(referrer, &Stub::CancelReferral, Cancelling(parent, {{first, kDetach}, {second, kCancel}})));
  EXPECT_EQ(asked.state(), kCancelRequested);
  EXPECT_EQ(asked.open_part_count(), 1);
  EXPECT_EQ(Counted(parent), 1) << "the wish to cancel the second is not answered";
  EXPECT_EQ(Record(second).part_of(), parent);
  Must(Do(third, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(second)));
  EXPECT_EQ(Counted(parent), 0);

  const std::string held = InProgress();
  const std::string theirs = Part(receiver, held);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, Cancelling(held, {{theirs, kCancel}}))),
            "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, Cancelling(held))), "OK");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(held))), "PARTS_OPEN");
}

TEST_F(PartsTest, WhatTheReferringBodyBeganBeforeAcceptanceItDecidesWhenItCancels) {
  const std::string parent = Acknowledged();
  const std::string part = Part(referrer, parent);
  Accept(receiver, parent);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, Cancelling(parent))), "PARTS_OPEN");
  const v1::Referral asked = Must(Do(referrer, &Stub::CancelReferral, Cancelling(parent, {{part, kCancel}})));
  EXPECT_EQ(asked.state(), kCancelRequested);
  EXPECT_EQ(asked.open_part_count(), 0);
  EXPECT_EQ(Record(part).state(), kCancelled);
}

TEST_F(PartsTest, ADecisionThatCannotBeCarriedOutIsRefusedWithAllOthers) {
  const std::string parent = Requested();
  const std::string part = Part(referrer, parent);
  const std::string ended = Part(referrer, parent);
  Must(Do(third, &Stub::DeclineReferral, Decline(ended)));
  const std::string asked_already = Part(referrer, parent);
  Accept(third, asked_already);
  Must(Do(referrer, &Stub::CancelReferral, Cancelling(asked_already)));
  const auto try_with = [&](const std::string& name, v1::PartDecision::Action action) {
    auto request = Cancelling(parent, {{part, kCancel}});
    if (name != asked_already) {
      v1::PartDecision& other = *request.add_parts();
      other.set_referral(asked_already);
      other.set_action(kDetach);
    }
    if (name != part) {
      v1::PartDecision& wrong = *request.add_parts();
      wrong.set_referral(name);
      wrong.set_action(action);
    }
    return ReasonOf(Do(referrer, &Stub::CancelReferral, request));
  };
  EXPECT_EQ(try_with(ended, kDetach), "INVALID_FIELD");
  EXPECT_EQ(try_with(Requested(), kDetach), "INVALID_FIELD") << "no part";
  EXPECT_EQ(try_with(std::string(kUnknown), kDetach), "INVALID_FIELD");
  EXPECT_EQ(try_with(asked_already, kCancel), "INVALID_TRANSITION");
  EXPECT_EQ(Record(part).state(), kRequested);
  EXPECT_EQ(Record(parent).state(), kRequested);
  auto twice = Cancelling(parent, {{part, kCancel}, {part, kDetach}});
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, twice)), "INVALID_FIELD");
  twice.mutable_parts()->RemoveLast();
  twice.mutable_parts(0)->clear_action();
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, twice)), "INVALID_FIELD");
  EXPECT_EQ(try_with(part, kCancel), "OK");
}

TEST_F(PartsTest, EachDecisionNeedsTheAuthorityOverThePart) {
  const std::string parent = Requested();
  const std::string part = Part(referrer, parent);  // in no unit: hers who made it
  const auto request = Cancelling(parent, {{part, kCancel}});
  EXPECT_EQ(Do(referring_caseworker, &Stub::CancelReferral, request).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Record(parent).state(), kRequested);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CancelReferral, request)), "OK");
}

TEST_F(PartsTest, ADraftAmongThemMayBeDecidedAndNeedNot) {
  const std::string parent = Requested();
  const std::string first = DraftPart(referrer, parent);
  const std::string second = DraftPart(referrer, parent);
  Must(Do(referrer, &Stub::CancelReferral, Cancelling(parent, {{first, kCancel}})));
  EXPECT_EQ(Record(first).state(), kCancelled);
  EXPECT_EQ(Record(second).state(), kDraft);
}

// --- Who sees what ---------------------------------------------------------------------------------------

TEST_F(PartsTest, NobodyElseLearnsThatItIsAPartOrThatThereAreAny) {
  const std::string parent = Requested();
  Must(Get(receiver, parent));  // delivers it, which is an event of its own and comes once
  const size_t before = rig.Events().size();
  const std::string part = Part(referrer, parent);
  Accept(third, part);
  const auto shown = [this](const std::string& token, const std::string& name) {
    return std::string(Must(Get(token, name)).DebugString());
  };
  EXPECT_THAT(shown(referrer, part), HasSubstr(Cat("part_of: \"", parent)));
  for (const std::string& token : {third, coordinator}) {
    EXPECT_THAT(shown(token, part), Not(HasSubstr(parent)));
  }
  for (const std::string& token : {receiver, coordinator}) {
    EXPECT_THAT(shown(token, parent), Not(HasSubstr("open_part_count")));
  }
  EXPECT_THAT(PartsSeen(receiver, parent), IsEmpty());
  EXPECT_EQ(Do(third, &Stub::ListParts, On<v1::ListPartsRequest>(parent)).status().code(),
            absl::StatusCode::kNotFound);
  // No event says so, either.
  const std::vector<event::v1::Event> events = rig.Events();
  for (size_t i = before; i < events.size(); ++i) {
    EXPECT_THAT(events[i].SerializeAsString(), Not(HasSubstr(std::string(rows::IdOfName(parent)))));
  }
  // Of its end the receiving body of the part sees a revision, and not why.
  Must(Detach(referrer, part));
  EXPECT_THAT(ShownCourse(third, part), ElementsAre("SUBMIT", "ACCEPT"));
  EXPECT_THAT(ShownCourse(coordinator, part), ElementsAre("SUBMIT", "ACCEPT"));
  EXPECT_THAT(ShownCourse(referrer, part), ElementsAre("SUBMIT", "ACCEPT", "DETACH"));
  EXPECT_EQ(Detach(third, part).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(Detach(referrer, part)), "NOT_A_PART");
}

TEST_F(PartsTest, AreLinksThatKeepBothFromBeingProtectedBelatedly) {
  const auto protect = [this](const std::string& name) {
    auto request = On<v1::AssignReferralRequest>(name);
    request.set_protection(v1::PROTECTION_GROUND_SHELTER);
    return ReasonOf(Do(referrer, &Stub::AssignReferral, request));
  };
  const std::string parent = Requested();
  const std::string part = Part(referrer, parent);
  EXPECT_EQ(protect(parent), "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(protect(part), "PROTECTED_IS_UNLINKED");
  Must(Do(third, &Stub::DeclineReferral, Decline(part)));
  EXPECT_EQ(protect(parent), "PROTECTED_IS_UNLINKED") << "the ended part names it";
  Must(Detach(referrer, part));
  EXPECT_EQ(protect(parent), "OK");
}

// --- Bodies that are succeeded ---------------------------------------------------------------------------

TEST_F(PartsTest, GoOverToTheSuccessorWithWhatTheyArePartsOf) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  const std::string later = Part(receiver, parent);
  Succeed(Merged(kReceivingBody, kFourthBody));
  EXPECT_EQ(Record(parent).case_holding_body(), kFourthBody);
  EXPECT_EQ(Record(part).referring().body(), kFourthBody);
  EXPECT_EQ(Record(part).part_of(), parent);
  EXPECT_EQ(Counted(parent), 2);
  EXPECT_EQ(ReasonOf(Do(fourth, &Stub::CompleteReferral, Complete(parent))), "PARTS_OPEN");
  Must(Detach(fourth, part));
  Must(Do(third, &Stub::DeclineReferral, Decline(later)));
  EXPECT_EQ(ReasonOf(Do(fourth, &Stub::CompleteReferral, Complete(parent))), "OK");
}

// --- At once ---------------------------------------------------------------------------------------------

TEST_F(PartsTest, OfTwoPartsThatEndAtOnceTheCountIsNeverWrongAndTheCaseIsCompletedAtNone) {
  int waited = 0;
  for (int round = 0; round < 30; ++round) {
    const std::string parent = InProgress();
    const std::string first = Part(receiver, parent);
    const std::string second = Part(receiver, parent);
    std::atomic<bool> over = false;
    std::thread one([&] { Must(Do(third, &Stub::DeclineReferral, Decline(first))); });
    std::thread other([&] { Must(Do(receiver, &Stub::CancelReferral, Cancelling(second))); });
    std::thread watcher([&] {
      while (!over) {
        const auto snapshot = rig.store().Snapshot();
        const auto get = [&](const std::string& name) { return Must(rows::Get(**snapshot, name)); };
        const int open = (IsOpen(get(first).state()) ? 1 : 0) + (IsOpen(get(second).state()) ? 1 : 0);
        EXPECT_EQ(get(parent).open_part_count(), open);
        if (get(parent).state() == kCompleted) {
          EXPECT_EQ(open, 0);
        }
      }
    });
    auto complete = Complete(parent);
    while (true) {
      complete.clear_request_id();
      const auto answer = Do(receiver, &Stub::CompleteReferral, complete);
      if (answer.ok()) break;
      ++waited;
      ASSERT_EQ(ReasonOf(answer), "PARTS_OPEN");
    }
    one.join();
    other.join();
    over = true;
    watcher.join();
    EXPECT_TRUE(IsEnd(Record(first).state()) && IsEnd(Record(second).state()));
    EXPECT_EQ(Counted(parent), 0);
  }
  EXPECT_GT(waited, 0) << "or nothing raced";
}

TEST_F(PartsTest, OfAPartThatIsSentAndACaseThatIsCompletedTheFirstDecides) {
  std::set<std::string> outcomes;
  for (int round = 0; round < 200 && (round < 40 || outcomes.size() < 2); ++round) {
    const std::string parent = InProgress();
    std::string sent;
    std::string completed;
    std::thread one([&] { sent = ReasonOf(Do(receiver, &Stub::SubmitReferral, NewPart(parent))); });
    std::thread other([&] {
      if (round % 2 == 0) std::this_thread::yield();
      completed = ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent)));
    });
    one.join();
    other.join();
    outcomes.insert(Cat(sent, " ", completed));
    EXPECT_EQ(Counted(parent), sent == "OK" ? 1 : 0);
  }
  for (const std::string& outcome : outcomes) {
    EXPECT_TRUE(outcome == "OK PARTS_OPEN" || outcome == "PARENT_ENDED OK") << outcome;
  }
  // And in either order, one after the other.
  const std::string first = InProgress();
  Part(receiver, first);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(first))), "PARTS_OPEN");
  const std::string second = Completed();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, NewPart(second))), "PARENT_ENDED");
}

}  // namespace
}  // namespace waypost::referral
