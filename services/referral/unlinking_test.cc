// Protecting, over gRPC on the real store, what the other side has linked to something else: it is done, the
// link is gone, and nobody learns from it that there was one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "common/store/keys.h"
#include "services/referral/part_rows.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class UnlinkingTest : public ::testing::Test, protected PartsRig {
 protected:
  UnlinkingTest() : PartsRig(ReferralOptions(/*on_disk=*/false)) {}

  std::string Protect(const std::string& token, const std::string& name) {
    auto request = On<v1::AssignReferralRequest>(name);
    request.set_protection(v1::PROTECTION_GROUND_SHELTER);
    return ReasonOf(Do(token, &Stub::AssignReferral, request));
  }

  std::vector<std::string> Linked(const std::string& name) {
    return Must(rows::ListParts(**rig.store().Snapshot(), name));
  }

  // Led by that body, from a referral of its own.
  std::string Led(const std::string& token, std::string_view referral) {
    v1::CreatePathRequest request;
    request.set_referral(std::string(referral));
    request.set_person(1);
    request.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
    request.add_steps()->set_theme(type::v1::THEME_EMPLOYMENT);
    return Must(Do(token, &PathStub::CreatePath, request)).name();
  }
  std::string Take(const std::string& token, std::string_view path, uint32_t step, std::string_view body) {
    auto request = On<v1::TakeStepRequest>(path);
    request.set_step(step);
    request.mutable_receiving()->set_body(std::string(body));
    request.set_territory("ES300/28065");
    request.set_priority(v1::PRIORITY_NORMAL);
    *request.mutable_disclosure() = CompleteDisclosure();
    return Must(Do(token, &PathStub::TakeStep, request)).referral().name();
  }
  std::optional<PathRecord> Stored(std::string_view path) {
    return Must(rows::FindPath(**rig.store().Snapshot(), path));
  }

  // What somebody sees of a use of a right.
  v1::RightsRequest Seen(const std::string& token, const std::string& right) {
    return Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  }
  // The same as text, its revision included.
  std::string Shown(const std::string& token, const std::string& right) {
    return std::string(Seen(token, right).DebugString());
  }
  // The referrals for which a body owes an answer, as its list has them.
  std::vector<std::string> Owed(const std::string& token) {
    const auto page = Must(Do(token, &Stub::ListRightsRequests, v1::ListRightsRequestsRequest()));
    std::vector<std::string> names;
    for (const v1::RightsTask& task : page.tasks()) names.push_back(task.referral());
    return names;
  }
  std::string Answer(const std::string& token, const v1::RightsRequest& right, std::string_view name) {
    auto receipt = Receipt(right.name(), name, v1::RIGHT_ANSWER_RESTRICTED);
    receipt.set_etag(right.etag());
    return ReasonOf(Do(token, &Stub::AnswerRightsRequest, receipt));
  }
  // A supervisor who reads nothing that is protected.
  std::string Colleague(std::string_view body) {
    return rig.TokenOf(body, {policy::Role::kSupervisor}, {}, "actors/colleaguexxxxxxx");
  }

  // Since `before`: no event names it.
  void ExpectUntold(size_t before, std::string_view name) {
    const std::vector<event::v1::Event> events = rig.Events();
    for (size_t i = before; i < events.size(); ++i) {
      EXPECT_THAT(events[i].SerializeAsString(), Not(HasSubstr(std::string(rows::IdOfName(name)))));
    }
  }
  void ExpectBySystem(const event::v1::Event& event, std::string_view type) {
    EXPECT_EQ(event.type(), type);
    EXPECT_EQ(event.body(), rpc::kServiceBody) << "by whom would say what hung together";
    EXPECT_EQ(event.actor(), rpc::SystemCaller()->actor);
  }
};

TEST_F(UnlinkingTest, WhoReceivesAPartProtectsItWithoutLearningThatItIsOne) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  const std::string other = Part(receiver, parent);
  ASSERT_FALSE(RowsThatLink(part, parent).empty());
  const size_t before = rig.Events().size();
  EXPECT_EQ(Protect(third, part), "OK");
  EXPECT_EQ(Record(part).part_of(), "");
  EXPECT_THAT(Linked(parent), ElementsAre(other));
  EXPECT_EQ(Record(parent).open_part_count(), 1);
  EXPECT_EQ(Must(Get(receiver, parent)).open_part_count(), 1);
  EXPECT_THAT(RowsThatLink(part, parent), IsEmpty());
  ExpectUntold(before, parent);
  ExpectUntold(before, part);
  // What the case waited for is not waited for any longer.
  Must(Do(receiver, &Stub::DetachReferral, On<v1::DetachReferralRequest>(other)));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent))), "OK");
}

TEST_F(UnlinkingTest, PartsOfTheOtherSideAreDetachedWhereTheCaseIsProtected) {
  const std::string parent = Requested();
  const std::string open = Part(referrer, parent);
  const std::string ended = Part(referrer, parent);
  Must(Do(third, &Stub::DeclineReferral, Decline(ended)));
  const std::string draft = DraftPart(referrer, parent);
  const size_t before = rig.Events().size();
  EXPECT_EQ(Protect(receiver, parent), "OK");
  EXPECT_THAT(Linked(parent), IsEmpty());
  EXPECT_EQ(Record(parent).open_part_count(), 0);
  for (const std::string& part : {open, ended, draft}) {
    EXPECT_EQ(Record(part).part_of(), "");
    EXPECT_EQ(History(part).back().event(), "DETACH");
    EXPECT_EQ(History(part).back().body(), "");
    ExpectBySystem(EventsOf(part).back(), "referral.detached");
    EXPECT_THAT(EventsOf(part).back().parties(), ElementsAre(kReferringBody));
    EXPECT_THAT(RowsThatLink(part, parent), IsEmpty());
  }
  ExpectUntold(before, parent);
  EXPECT_EQ(ReasonOf(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(open))), "OK");

  // Its own parts a body knows, and detaches them itself.
  const std::string held = InProgress();
  const std::string theirs = Part(receiver, held);
  EXPECT_EQ(Protect(receiver, held), "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(Record(theirs).part_of(), held);
  EXPECT_EQ(Protect(referrer, held), "OK");
  EXPECT_EQ(Record(theirs).part_of(), "");
}

TEST_F(UnlinkingTest, WhoReceivesAStepProtectsItAndThePathEnds) {
  const std::string began = Completed();
  const std::string path = Led(receiver, began);
  const std::string step = Take(receiver, path, 1, kThirdBody);
  ASSERT_FALSE(RowsThatLink(step, path).empty());
  const size_t before = rig.Events().size();
  EXPECT_EQ(Protect(receiver, step), "PROTECTED_IS_UNLINKED") << "who leads the path knows of it";
  EXPECT_EQ(Protect(third, step), "OK");
  EXPECT_EQ(Record(step).path(), "");
  EXPECT_THAT(RowsThatLink(step, path), ElementsAre("path.left")) << "by which it is cut, and nothing else";
  EXPECT_THAT(Must(rows::LinksOfReferral(**rig.store().Snapshot(), step)), IsEmpty());
  EXPECT_THAT(RowsThatLink(step, began), IsEmpty());
  ExpectUntold(before, step);
  ExpectBySystem(EventsOf(path).back(), "referral.path_ended");
  const v1::Path shown = Must(Do(receiver, &PathStub::GetPath, On<v1::GetPathRequest>(path)));
  EXPECT_EQ(shown.end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(shown.steps(0).referral(), "");
  EXPECT_EQ(shown.steps(0).state(), kStepPlanned) << "what became of it is not shown, either";
  EXPECT_EQ(shown.referral(), began) << "which is not protected";
}

TEST_F(UnlinkingTest, APathThatBeganFromItEndsAndWhatWasPassedOnIsStillCutWhereItWasMisdirected) {
  const std::string began = Accepted();
  const std::string path = Led(receiver, began);
  const std::string step = Take(receiver, path, 1, kThirdBody);
  const size_t before = rig.Events().size();
  EXPECT_EQ(Protect(receiver, began), "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(Protect(referrer, began), "OK");
  ASSERT_TRUE(Stored(path).has_value()) << "its step goes on";
  EXPECT_EQ(Stored(path)->referral(), "");
  EXPECT_EQ(Stored(path)->end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(Must(rows::LinksOfPath(**rig.store().Snapshot(), path)).size(), 1u);
  EXPECT_EQ(Record(step).state(), kRequested);
  ExpectUntold(before, began);
  auto misdirected = On<v1::ReportMisdirectedRequest>(began);
  misdirected.set_text("To the wrong body.");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  ExpectBySystem(EventsOf(step).back(), "referral.misdirected");
  ExpectBySystem(EventsOf(path).back(), "referral.path_erased");
  EXPECT_EQ(Record(step).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT);
  EXPECT_THAT(OpenableBy(step, kThirdBody), IsEmpty());
}

TEST_F(UnlinkingTest, AProtectedStepIsCutWhereWhatItsPathBeganFromWasMisdirected) {
  const std::string began = Accepted();
  const std::string path = Led(receiver, began);
  const std::string step = Take(receiver, path, 1, kThirdBody);
  const std::string other = Take(receiver, path, 2, kFourthBody);
  const std::string right =
      Must(Do(fourth, &Stub::RecordRightsRequest, Right(other, v1::RIGHT_KIND_OBJECTION))).name();
  ASSERT_EQ(Protect(third, step), "OK");
  ASSERT_EQ(Seen(referrer, right).holder_count(), 6);
  const size_t before = rig.Events().size();
  auto misdirected = On<v1::ReportMisdirectedRequest>(began);
  misdirected.set_text("To the wrong body.");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  for (const std::string& name : {step, other}) {
    EXPECT_EQ(Record(name).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT) << name;
    EXPECT_THAT(Sections(name), IsEmpty());
    EXPECT_THAT(Wraps(name), IsEmpty());
  }
  EXPECT_EQ(Get(third, step).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(EventsOf(other).back().body(), kReferringBody) << "of what is not protected it is told";
  ExpectUntold(before, step);
  const std::vector<event::v1::Event> sealed = EventsOf(rpc::SealedResource(step));
  ASSERT_EQ(sealed.size(), 2u) << "protected, and cut";
  EXPECT_EQ(sealed.back().commitments().at("actor"),
            rpc::SealedActor(step, rpc::kServiceBody, rpc::SystemCaller()->actor));
  EXPECT_EQ(Seen(referrer, right).holder_count(), 1)
      << "all that was passed on is gone, that one as the others";
}

TEST_F(UnlinkingTest, APathOfWhichNothingIsLeftIsErased) {
  const std::string began = Accepted();
  const std::string path = Led(receiver, began);
  EXPECT_EQ(Protect(referrer, began), "OK");
  EXPECT_FALSE(Stored(path).has_value());
  ExpectBySystem(EventsOf(path).back(), "referral.path_erased");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::GetPath, On<v1::GetPathRequest>(path))), "NOT_FOUND");
}

std::vector<std::string> HoldersOf(const v1::RightsRequest& right) {
  std::vector<std::string> holders;
  for (const auto& holder : right.holders()) holders.push_back(holder.referral() + " " + holder.body());
  return holders;
}

TEST_F(UnlinkingTest, ARightThatReachedItGoesOnForTheOthersAsIfNothingHadHappened) {
  const std::string began = Completed();
  const std::string step = Take(receiver, Led(receiver, began), 1, kThirdBody);
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_OBJECTION))).name();
  const std::string leader = Colleague(kReceivingBody);
  const std::string shown = Shown(referrer, right);
  const v1::RightsRequest led = Seen(leader, right);
  ASSERT_EQ(led.holders_size(), 4);
  ASSERT_EQ(Seen(third, right).holders_size(), 2);

  ASSERT_EQ(Protect(third, step), "OK");
  EXPECT_THAT(Owed(referrer), ElementsAre(began)) << "its work is there still";
  EXPECT_THAT(Owed(leader), ElementsAre(began));
  EXPECT_THAT(Owed(third), IsEmpty()) << "its readers see it with the referral";
  EXPECT_EQ(Shown(referrer, right), shown);
  const v1::RightsRequest left = Seen(leader, right);
  EXPECT_THAT(HoldersOf(left), UnorderedElementsAre(base::Cat(began, " ", kReferringBody),
                                                    base::Cat(began, " ", kReceivingBody)));
  EXPECT_EQ(left.holder_count(), 4) << "what it knows already";
  EXPECT_EQ(left.etag(), led.etag());
  EXPECT_EQ(
      ReasonOf(Do(Colleague(kThirdBody), &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right))),
      "NOT_FOUND");
  const v1::RightsRequest read = Seen(third, right);
  EXPECT_THAT(HoldersOf(read),
              UnorderedElementsAre(base::Cat(step, " ", kReceivingBody), base::Cat(step, " ", kThirdBody)));
  EXPECT_EQ(read.holder_count(), 4);

  // An answer there is its readers' to see.
  const std::string unanswered = Shown(leader, right);
  EXPECT_EQ(
      ReasonOf(Do(leader, &Stub::AnswerRightsRequest, Receipt(right, step, v1::RIGHT_ANSWER_RESTRICTED))),
      "NOT_FOUND");
  ASSERT_EQ(Answer(third, read, step), "OK");
  EXPECT_EQ(Seen(third, right).answered_count(), 1);
  EXPECT_EQ(Seen(third, right).revision(), read.revision() + 1);
  EXPECT_EQ(Shown(referrer, right), shown);
  EXPECT_EQ(Shown(leader, right), unanswered);
  ASSERT_EQ(Answer(leader, left, began), "OK") << "nothing that it may know of has changed";
  EXPECT_EQ(Seen(referrer, right).answered_count(), 1);
  EXPECT_EQ(Seen(referrer, right).revision(), left.revision() + 1);
  EXPECT_EQ(Seen(third, right).answered_count(), 2);
  EXPECT_EQ(Seen(third, right).revision(), read.revision() + 2);
  EXPECT_EQ(Answer(third, read, step), "ETAG_MISMATCH");
}

TEST_F(UnlinkingTest, WhereARightWasRecordedIsNotNamedOnceThatIsProtected) {
  const std::string began = Completed();
  const std::string step = Take(receiver, Led(receiver, began), 1, kThirdBody);
  const v1::RightsRequest recorded =
      Must(Do(third, &Stub::RecordRightsRequest, Right(step, v1::RIGHT_KIND_OBJECTION)));
  ASSERT_EQ(Answer(third, recorded, step), "OK");
  const std::string right = recorded.name();
  const std::string leader = Colleague(kReceivingBody);
  ASSERT_EQ(Seen(leader, right).referral(), step);
  ASSERT_THAT(std::string(Seen(leader, right).DebugString()), HasSubstr("signature"));
  ASSERT_EQ(Protect(third, step), "OK");
  const v1::RightsRequest left = Seen(leader, right);
  EXPECT_THAT(std::string(left.DebugString()), Not(HasSubstr(step)));
  EXPECT_THAT(std::string(left.DebugString()), Not(HasSubstr(std::string(kThirdBody))));
  EXPECT_THAT(std::string(left.DebugString()), Not(HasSubstr("signature"))) << "nor its receipt shown";
  EXPECT_EQ(left.answered_count(), 1) << "it had answered before";
  EXPECT_EQ(Seen(third, right).referral(), step);
}

TEST_F(UnlinkingTest, WhoIsCutOffFromItIsCountedOnByTheOthers) {
  const std::string began = Completed();
  const std::string step = Take(receiver, Led(receiver, began), 1, kThirdBody);
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_OBJECTION))).name();
  ASSERT_EQ(Protect(third, step), "OK");
  auto reader = On<v1::AssignReferralRequest>(step);
  reader.add_readers("actors/raulxxxxxxxxxxxx");
  Must(Do(receiving_safeguarding, &Stub::AssignReferral, reader));
  const std::string leader = Colleague(kReceivingBody);
  const std::string shown = Shown(referrer, right);
  const std::string led = Shown(leader, right);
  const v1::RightsRequest read = Seen(receiving_caseworker, right);
  ASSERT_EQ(read.holders_size(), 4);
  auto misdirected = On<v1::ReportMisdirectedRequest>(step);
  misdirected.set_text("To the wrong body.");
  Must(Do(receiving_caseworker, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(Shown(referrer, right), shown);
  EXPECT_EQ(Shown(leader, right), led);
  const v1::RightsRequest after = Seen(receiving_caseworker, right);
  EXPECT_THAT(HoldersOf(after), Not(Contains(base::Cat(step, " ", kThirdBody))));
  EXPECT_EQ(after.holder_count(), 3);
  EXPECT_EQ(after.revision(), read.revision() + 1);
  EXPECT_EQ(ReasonOf(Do(third, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right))),
            "NOT_FOUND");
}

}  // namespace
}  // namespace waypost::referral
