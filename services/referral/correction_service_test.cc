// Correction tasks over gRPC on the real store: which declines open them, who sees and settles them, and what
// becomes of them when a body is succeeded.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "common/api/resource.h"
#include "common/store/keys.h"
#include "services/referral/correction_rows.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using policy::Role;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);

class CorrectionTest : public ::testing::Test {
 protected:
  std::vector<v1::CorrectionTask> Tasks(const std::string& token, bool settled = false, int page_size = 0,
                                        bool every_body = false) {
    std::vector<v1::CorrectionTask> tasks;
    v1::ListCorrectionTasksRequest request;
    request.set_every_body(every_body);
    request.set_settled(settled);
    request.set_page_size(page_size);
    do {
      const auto page = Must(r.Do(token, &CorrectionStub::ListCorrectionTasks, request));
      tasks.insert(tasks.end(), page.tasks().begin(), page.tasks().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return tasks;
  }
  std::string OperatorElsewhere() { return r.rig.TokenOf(kThirdBody, {Role::kOperator}, {}, "p-operator"); }
  // Those of every body, as an operator of another body.
  std::vector<v1::CorrectionTask> OperatorsTasks(bool settled = false, int page_size = 0) {
    return Tasks(OperatorElsewhere(), settled, page_size, /*every_body=*/true);
  }
  std::string Declined(v1::DeclineReason reason, std::string_view offer = kOffer,
                       v1::DeclinedBy by = v1::DECLINED_BY_PROVIDER) {
    v1::SubmitReferralRequest request = r.NewReferral();
    request.mutable_referral()->set_offer(std::string(offer));
    const std::string name = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
    v1::DeclineReferralRequest decline = r.Decline(name);
    decline.set_reason(reason);
    decline.set_declined_by(by);
    if (reason == v1::DECLINE_REASON_OTHER) decline.set_text("another cause");
    Must(r.Do(r.receiver, &Stub::DeclineReferral, decline));
    return name;
  }
  absl::StatusOr<v1::CorrectionTask> Settle(const std::string& token, std::string_view name,
                                            v1::CorrectionFinding finding = v1::CORRECTION_FINDING_CORRECTED,
                                            std::string_view etag = {}) {
    auto request = On<v1::SettleCorrectionTaskRequest>(name, etag);
    request.set_finding(finding);
    return r.Do(token, &CorrectionStub::SettleCorrectionTask, request);
  }
  int RowsOfTasks() {
    int rows = 0;
    for (const auto& [key, value] : r.rig.Dump()) {
      store::KeyParser parser(key);
      rows += Must(parser.Text()).starts_with("corr") ? 1 : 0;
    }
    return rows;
  }

  ReferralRig r;
};

TEST_F(CorrectionTest, DeclinesForOneReasonOfOneOfferAreOneTask) {
  const std::string first = Declined(v1::DECLINE_REASON_NO_CAPACITY);
  r.rig.clock().Advance(absl::Hours(1));
  r.Refresh();
  const std::string second = Declined(v1::DECLINE_REASON_NO_CAPACITY);
  Declined(v1::DECLINE_REASON_NOT_ELIGIBLE);
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  const auto tasks = Tasks(r.receiver);
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[0].reason(), v1::DECLINE_REASON_NO_CAPACITY) << "the oldest first";
  EXPECT_EQ(tasks[0].body(), kReceivingBody);
  EXPECT_EQ(tasks[0].offer(), kOffer);
  EXPECT_EQ(tasks[0].territory(), "");
  EXPECT_EQ(tasks[0].decline_count(), 2);
  EXPECT_EQ(tasks[0].revision(), 2);
  EXPECT_EQ(api::FromTimestamp(tasks[0].first_time()), Now());
  EXPECT_EQ(api::FromTimestamp(tasks[0].last_time()), Now() + absl::Hours(1));
  EXPECT_EQ(tasks[1].reason() + tasks[2].reason(),
            v1::DECLINE_REASON_NOT_ELIGIBLE + v1::DECLINE_REASON_NOT_COMPETENT);
  for (const v1::CorrectionTask& task : tasks) {
    EXPECT_EQ(task.offer().empty(), !task.territory().empty());
    // No referral, no person, no referring body.
    for (const std::string_view word :
         {std::string_view(first).substr(10), std::string_view(second).substr(10), kReferringBody}) {
      EXPECT_THAT(task.DebugString(), Not(HasSubstr(std::string(word))));
    }
  }
  EXPECT_EQ(Tasks(r.receiver, false, 1).size(), 3U) << "page by page";
  EXPECT_THAT(Tasks(r.referrer), IsEmpty());
  EXPECT_THAT(Tasks(r.third), IsEmpty());
}

TEST_F(CorrectionTest, OtherReasonsAndRefusalsOfThePersonOpenNoneAndAreWithTheReferringBody) {
  v1::ListReferralsRequest box;
  box.set_box(v1::BOX_FOLLOW_UP);
  int declined = 0;
  for (const auto reason : {v1::DECLINE_REASON_DUPLICATE, v1::DECLINE_REASON_PERSON_DECLINED,
                            v1::DECLINE_REASON_UNREACHABLE, v1::DECLINE_REASON_SAFETY}) {
    Declined(reason);
    ++declined;
  }
  Declined(v1::DECLINE_REASON_NO_CAPACITY, kOffer, v1::DECLINED_BY_PERSON);
  v1::DeclineReferralRequest other = r.Decline(r.Requested());
  other.set_reason(v1::DECLINE_REASON_OTHER);
  other.set_text("another cause");
  const v1::Referral answer = Must(r.Do(r.receiver, &Stub::DeclineReferral, other));
  EXPECT_EQ(answer.due().clock(), v1::CLOCK_FOLLOW_UP) << "the answer says who mends it";
  EXPECT_EQ(answer.due().party(), v1::PARTY_REFERRING);
  EXPECT_THAT(Tasks(r.receiver), IsEmpty());
  EXPECT_EQ(Must(r.Do(r.referrer, &Stub::ListReferrals, box)).referrals_size(), declined + 2);
}

TEST_F(CorrectionTest, ASupervisorOfTheBodySettlesItAndTheNextDeclineOpensANewOne) {
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  const v1::CorrectionTask task = Tasks(r.receiver)[0];
  EXPECT_EQ(ReasonOf(Settle(r.referrer, task.name())), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(Settle(r.third, task.name())), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(Settle(r.receiving_caseworker, task.name())), "NOT_ALLOWED");
  EXPECT_EQ(ReasonOf(Settle(r.receiver, task.name(), v1::CORRECTION_FINDING_UNSPECIFIED)), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Settle(r.receiver, "referrals/x")), "INVALID_FIELD");
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  EXPECT_EQ(ReasonOf(Settle(r.receiver, task.name(), v1::CORRECTION_FINDING_CORRECTED, task.etag())),
            "ETAG_MISMATCH")
      << "it has been counted in since";
  const auto settled = Must(Settle(r.receiver, task.name()));
  EXPECT_EQ(settled.finding(), v1::CORRECTION_FINDING_CORRECTED);
  EXPECT_EQ(settled.decline_count(), 2);
  EXPECT_EQ(ReasonOf(Settle(r.receiver, task.name())), "INVALID_TRANSITION");
  EXPECT_THAT(Tasks(r.receiver), IsEmpty());
  ASSERT_EQ(Tasks(r.receiver, true).size(), 1U);
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  ASSERT_EQ(Tasks(r.receiver).size(), 1U);
  EXPECT_NE(Tasks(r.receiver)[0].name(), task.name());
  EXPECT_EQ(Tasks(r.receiver)[0].decline_count(), 1);
  // The operator of that body keeps its entry, too.
  const std::string operator_token =
      r.rig.TokenOf(kReceivingBody, {Role::kOperator}, {}, "actors/opxxxxxxxxxxxxxx");
  EXPECT_EQ(Tasks(operator_token).size(), 1U);
  Must(Settle(operator_token, Tasks(operator_token)[0].name(), v1::CORRECTION_FINDING_ENTRY_RIGHT));
  std::vector<std::string> types;
  for (const auto& event : r.EventsOf(task.name())) types.push_back(event.type());
  EXPECT_THAT(types, ElementsAre("correction.opened", "correction.counted", "correction.settled"));
}

TEST_F(CorrectionTest, WhatIsSettledIsGoneAfterNinetyDaysAndLeavesNoRow) {
  const int none = RowsOfTasks();
  Declined(v1::DECLINE_REASON_NOT_COMPETENT);
  Must(Settle(r.receiver, Tasks(r.receiver)[0].name()));
  r.rig.clock().Advance(kSettledKept - absl::Seconds(1));
  r.Refresh();
  EXPECT_EQ(Tasks(r.receiver, true).size(), 1U);
  EXPECT_FALSE(rows::AnyCorrectionExpired(**r.rig.store().Snapshot(), r.rig.clock().Now()));
  r.rig.clock().Advance(absl::Seconds(1));
  EXPECT_THAT(Tasks(r.receiver, true), IsEmpty()) << "also before it is removed";
  ASSERT_TRUE(rows::AnyCorrectionExpired(**r.rig.store().Snapshot(), r.rig.clock().Now()));
  ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                return rows::SweepCorrections(writer, r.rig.clock().Now(), 10);
              }).ok());
  EXPECT_EQ(RowsOfTasks(), none);
}

TEST_F(CorrectionTest, OfABodyThatIsNoMoreTheOffersTasksGoWithTheOfferAndTheRestIsDropped) {
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  const std::string moved = Tasks(r.receiver)[0].name();
  const std::string dropped = Tasks(r.receiver)[1].name();
  r.Succeed(Merged(kReceivingBody, kThirdBody));
  EXPECT_THAT(Tasks(r.receiver), IsEmpty());
  const auto tasks = Tasks(r.third);
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].name(), moved);
  EXPECT_EQ(tasks[0].body(), kThirdBody);
  EXPECT_EQ(tasks[0].decline_count(), 2);
  EXPECT_EQ(r.EventsOf(moved).back().type(), "correction.succeeded");
  EXPECT_EQ(r.EventsOf(dropped).back().type(), "correction.dropped");
  EXPECT_THAT(OperatorsTasks(), IsEmpty());
  Must(Settle(r.third, moved));
}

TEST_F(CorrectionTest, OfACompetenceTheTasksOfItsOffersGoWithThemAndTheRestStays) {
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  const auto before = Tasks(r.receiver);
  ASSERT_EQ(before.size(), 2U);
  const size_t with_offer = before[0].offer().empty() ? 1 : 0;
  const std::string of_the_offer = before[with_offer].name();
  const std::string stays = before[1 - with_offer].name();
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.set_offers_follow(true);
  r.Succeed(moved);
  ASSERT_EQ(Tasks(r.receiver).size(), 1U);
  EXPECT_EQ(Tasks(r.receiver)[0].name(), stays);
  ASSERT_EQ(Tasks(r.third).size(), 1U);
  EXPECT_EQ(Tasks(r.third)[0].name(), of_the_offer);
  EXPECT_EQ(r.EventsOf(of_the_offer).back().type(), "correction.succeeded");
}

TEST_F(CorrectionTest, OfAnOfferThatIsAnothersByNowNobodyMendsTheEntry) {
  auto asks = r.NewReferral();
  asks.mutable_referral()->set_offer(std::string(kOffer));
  const std::string name = Must(r.Do(r.referrer, &Stub::SubmitReferral, asks)).name();
  r.SetGroups(kOffer, kThirdBody, directory::v1::OFFER_KIND_ONE_OFF, {});
  auto decline = r.Decline(name);
  decline.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
  Must(r.Do(r.receiver, &Stub::DeclineReferral, decline));
  EXPECT_THAT(Tasks(r.third), IsEmpty());
  EXPECT_THAT(Tasks(r.receiver), IsEmpty());
}

TEST_F(CorrectionTest, WhereItsOffersStayTheirTasksDo) {
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  const std::string task = Tasks(r.receiver)[0].name();
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  r.Succeed(moved);
  ASSERT_EQ(Tasks(r.receiver).size(), 1U);
  EXPECT_EQ(Tasks(r.receiver)[0].name(), task);
}

TEST_F(CorrectionTest, EveryOtherRoleIsRefused) {
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  const std::string task = Tasks(r.receiver)[0].name();
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    const bool keeps = role == Role::kSupervisor || role == Role::kOperator;
    const std::string own =
        r.rig.TokenOf(kReceivingBody, {role}, {std::string(kReceivingUnit)}, "actors/anyxxxxxxxxxxxxx");
    const auto page = r.Do(own, &CorrectionStub::ListCorrectionTasks, v1::ListCorrectionTasksRequest());
    EXPECT_EQ(ReasonOf(page), keeps ? "OK" : "NOT_ALLOWED") << policy::RoleName(role);
    const std::string other = r.rig.TokenOf(kThirdBody, {role}, {}, "actors/otherxxxxxxxxxxx");
    EXPECT_EQ(ReasonOf(Settle(other, task)), keeps ? "NOT_FOUND" : "NOT_ALLOWED") << policy::RoleName(role);
    if (!keeps) {
      EXPECT_EQ(ReasonOf(Settle(own, task)), "NOT_ALLOWED") << policy::RoleName(role);
    }
  }
}

// Every reason, with an offer and without one: with whom its task is.
TEST_F(CorrectionTest, EachTaskReachesWhoCanMendItsCause) {
  using Entry = std::pair<v1::DeclineReason, bool>;
  std::set<Entry> supervisors;
  std::set<Entry> operators;
  for (int i = v1::DeclineReason_MIN + 1; i <= v1::DeclineReason_MAX; ++i) {
    const auto reason = static_cast<v1::DeclineReason>(i);
    for (const bool has_offer : {true, false}) {
      Declined(reason, has_offer ? kOffer : std::string_view());
      if (reason > v1::DECLINE_REASON_MISSING_DOCUMENTS) continue;  // no entry is the cause
      supervisors.emplace(reason, has_offer);
      const bool area = reason == v1::DECLINE_REASON_OUT_OF_AREA && !has_offer;
      if (area || reason == v1::DECLINE_REASON_NOT_COMPETENT) operators.emplace(reason, has_offer);
    }
  }
  std::set<Entry> seen;
  for (const v1::CorrectionTask& task : Tasks(r.receiver)) {
    const Entry entry(task.reason(), !task.offer().empty());
    EXPECT_TRUE(seen.insert(entry).second);
    EXPECT_EQ(task.keeper(),
              operators.contains(entry) ? v1::CORRECTION_KEEPER_OPERATOR : v1::CORRECTION_KEEPER_SUPERVISOR)
        << task.DebugString();
  }
  EXPECT_EQ(seen, supervisors) << "of the body: both kinds";
  seen.clear();
  for (const v1::CorrectionTask& task : OperatorsTasks()) {
    EXPECT_TRUE(seen.emplace(task.reason(), !task.offer().empty()).second);
    EXPECT_EQ(task.body(), kReceivingBody);
    EXPECT_EQ(task.keeper(), v1::CORRECTION_KEEPER_OPERATOR);
    EXPECT_EQ(task.decline_count(), 0) << "the body's own";
    EXPECT_FALSE(task.has_first_time() || task.has_last_time() || task.revision() != 0);
    EXPECT_EQ(task.etag(), "");
  }
  EXPECT_EQ(seen, operators);
  EXPECT_EQ(OperatorsTasks(false, 1).size(), operators.size()) << "page by page";
  EXPECT_THAT(Tasks(OperatorElsewhere()), IsEmpty()) << "of its own body";
}

TEST_F(CorrectionTest, AnOperatorSettlesWhatOnlyAnOperatorCanMend) {
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  const std::string task = OperatorsTasks().at(0).name();
  v1::ListCorrectionTasksRequest every;
  every.set_every_body(true);
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    if (role == Role::kOperator) continue;
    for (const std::string_view body : {kReceivingBody, kThirdBody}) {
      const std::string token = r.rig.TokenOf(body, {role}, {}, "p-else");
      EXPECT_EQ(ReasonOf(r.Do(token, &CorrectionStub::ListCorrectionTasks, every)), "NOT_ALLOWED")
          << policy::RoleName(role);
    }
  }
  EXPECT_EQ(ReasonOf(Settle(r.third, task)), "NOT_FOUND") << "of another body nobody else knows of it";
  const v1::CorrectionTask settled = Must(Settle(OperatorElsewhere(), task));
  EXPECT_EQ(settled.finding(), v1::CORRECTION_FINDING_CORRECTED);
  EXPECT_EQ(settled.decline_count(), 0);
  EXPECT_THAT(OperatorsTasks(), IsEmpty());
  ASSERT_EQ(OperatorsTasks(true).size(), 1U);
  EXPECT_TRUE(OperatorsTasks(true)[0].has_settle_time());
  EXPECT_THAT(Tasks(r.receiver), IsEmpty());
  ASSERT_EQ(Tasks(r.receiver, true).size(), 1U);
  EXPECT_EQ(Tasks(r.receiver, true)[0].decline_count(), 2);
  const auto event = r.EventsOf(task).back();
  EXPECT_EQ(event.type(), "correction.settled");
  EXPECT_EQ(event.body(), kThirdBody);
  EXPECT_THAT(event.parties(), ElementsAre(std::string(kReceivingBody)));
  // What a supervisor can mend is none of theirs.
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  EXPECT_THAT(OperatorsTasks(), IsEmpty());
  EXPECT_EQ(ReasonOf(Settle(OperatorElsewhere(), Tasks(r.receiver).at(0).name())), "NOT_FOUND");
  // A supervisor of the body may still say that the entry is right.
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  Must(Settle(r.receiver, OperatorsTasks().at(0).name(), v1::CORRECTION_FINDING_ENTRY_RIGHT));
  EXPECT_THAT(OperatorsTasks(), IsEmpty());
}

TEST_F(CorrectionTest, ATokenOfOnePageIsForThatListAlone) {
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  Declined(v1::DECLINE_REASON_NOT_COMPETENT);
  v1::ListCorrectionTasksRequest request;
  request.set_every_body(true);
  request.set_page_size(1);
  const auto page = Must(r.Do(OperatorElsewhere(), &CorrectionStub::ListCorrectionTasks, request));
  ASSERT_NE(page.next_page_token(), "");
  request.set_page_token(page.next_page_token());
  request.set_every_body(false);
  EXPECT_FALSE(r.Do(OperatorElsewhere(), &CorrectionStub::ListCorrectionTasks, request).ok());
}

// A store that was written before operators had lists: their rows are made once, and never again.
TEST_F(CorrectionTest, TasksOfAnOlderStoreAreInTheOperatorsListsToo) {
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  Must(Settle(r.receiver, Tasks(r.receiver).at(0).name()));
  Declined(v1::DECLINE_REASON_NOT_COMPETENT, "");
  Declined(v1::DECLINE_REASON_NO_CAPACITY);
  const auto forget = [&] {
    std::vector<std::string> keys;
    for (const auto& [key, value] : r.rig.Dump()) {
      store::KeyParser parser(key);
      if (Must(parser.Text()) == "corr.operator") keys.push_back(key);
    }
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  for (const std::string& key : keys) writer.Delete(key);
                  return absl::OkStatus();
                }).ok());
    ASSERT_THAT(OperatorsTasks(), IsEmpty());
  };
  forget();
  ASSERT_TRUE(rows::CompleteOperatorRows(r.rig.store()).ok());
  ASSERT_EQ(OperatorsTasks().size(), 1U);
  EXPECT_EQ(OperatorsTasks()[0].reason(), v1::DECLINE_REASON_NOT_COMPETENT);
  EXPECT_EQ(OperatorsTasks(true).size(), 1U);
  forget();
  ASSERT_TRUE(rows::CompleteOperatorRows(r.rig.store()).ok());
  EXPECT_THAT(OperatorsTasks(), IsEmpty()) << "it was done";
}

TEST_F(CorrectionTest, AReplayedDeclineCountsOnce) {
  const std::string name = r.Requested();
  v1::DeclineReferralRequest decline = r.Decline(name);
  decline.set_request_id("5f0c1e52-2a55-4c0e-9b0e-3a1d7d6f0a11");
  Must(r.Do(r.receiver, &Stub::DeclineReferral, decline));
  Must(r.Do(r.receiver, &Stub::DeclineReferral, decline));
  ASSERT_EQ(Tasks(r.receiver).size(), 1U);
  EXPECT_EQ(Tasks(r.receiver)[0].decline_count(), 1);
}

}  // namespace
}  // namespace waypost::referral
