// Protecting, over gRPC on the real store, what the other side has linked to something else: it is done, the
// link is gone, and nobody learns from it that there was one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "common/rpc/system_change.h"
#include "common/store/keys.h"
#include "services/referral/part_rows.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class UnlinkingTest : public ::testing::Test, protected ReferralRig {
 protected:
  UnlinkingTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {}

  std::string Protect(const std::string& token, const std::string& name) {
    auto request = On<v1::AssignReferralRequest>(name);
    request.set_protection(v1::PROTECTION_GROUND_SHELTER);
    return ReasonOf(Do(token, &Stub::AssignReferral, request));
  }

  v1::SubmitReferralRequest NewPart(std::string_view parent) const {
    v1::SubmitReferralRequest request = NewReferral();
    request.clear_own_reference();
    v1::Referral& referral = *request.mutable_referral();
    referral.set_part_of(std::string(parent));
    referral.mutable_referring()->clear_unit();
    referral.mutable_receiving()->clear_unit();
    referral.mutable_receiving()->set_body(std::string(kThirdBody));
    return request;
  }
  std::string Part(const std::string& token, std::string_view parent) {
    rig.clock().Advance(absl::Milliseconds(1));
    return Must(Do(token, &Stub::SubmitReferral, NewPart(parent))).name();
  }
  std::string DraftPart(const std::string& token, std::string_view parent) {
    rig.clock().Advance(absl::Milliseconds(1));
    const v1::SubmitReferralRequest part = NewPart(parent);
    v1::CreateReferralRequest request;
    *request.mutable_referral() = part.referral();
    *request.mutable_sections() = part.sections();
    return Must(Do(token, &Stub::CreateReferral, request)).name();
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

  // Kinds of rows that name both, answers to requests of before aside.
  std::set<std::string> RowsThatLink(std::string_view one, std::string_view other) {
    const auto id = [](std::string_view name) { return name.substr(name.find('/') + 1); };
    std::set<std::string> kinds;
    for (const auto& [key, value] : rig.Dump()) {
      const std::string row = base::Cat(key, value);
      if (row.find(id(one)) == std::string::npos || row.find(id(other)) == std::string::npos) continue;
      store::KeyParser parser(key);
      const std::string kind = Must(parser.Text());
      if (kind != "idem") kinds.insert(kind);
    }
    return kinds;
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
  EXPECT_THAT(RowsThatLink(step, path), IsEmpty());
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
  EXPECT_EQ(Record(step).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT);
  EXPECT_THAT(OpenableBy(step, kThirdBody), IsEmpty());
}

TEST_F(UnlinkingTest, APathOfWhichNothingIsLeftIsErased) {
  const std::string began = Accepted();
  const std::string path = Led(receiver, began);
  EXPECT_EQ(Protect(referrer, began), "OK");
  EXPECT_FALSE(Stored(path).has_value());
  ExpectBySystem(EventsOf(path).back(), "referral.path_erased");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::GetPath, On<v1::GetPathRequest>(path))), "NOT_FOUND");
}

}  // namespace
}  // namespace waypost::referral
