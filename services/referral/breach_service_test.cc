// Breaches over gRPC on the real store: what opens them, who sees and records them, what becomes of the
// referral's follow-up, and where they go with a succession.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_replace.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/rpc/mutation.h"
#include "common/store/keys.h"
#include "services/referral/breach_rules.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using policy::Role;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kUnknownBreach = "breaches/01jd000000000000000000zzzz";

class BreachTest : public ::testing::Test {
 protected:
  v1::Referral Report(const std::string& token, std::string_view name) {
    auto report = On<v1::ReportMisdirectedRequest>(name);
    report.set_text("Sent to the wrong town.");
    return Must(r.Do(token, &Stub::ReportMisdirected, report));
  }
  // The breach of a referral that was accepted by the wrong body.
  std::string Opened() { return Report(r.referrer, r.Accepted()).breach(); }

  absl::StatusOr<v1::Breach> Get(const std::string& token, std::string_view name) {
    return r.Do(token, &BreachStub::GetBreach, On<v1::GetBreachRequest>(name));
  }
  std::vector<std::string> Listed(const std::string& token, bool all = false, int page_size = 0) {
    std::vector<std::string> names;
    v1::ListBreachesRequest request;
    request.set_all(all);
    request.set_page_size(page_size);
    do {
      const auto page = Must(r.Do(token, &BreachStub::ListBreaches, request));
      for (const v1::Breach& breach : page.breaches()) names.push_back(breach.name());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
  static v1::AssessBreachRequest AsRisk(std::string_view name, v1::BreachRisk risk) {
    auto request = On<v1::AssessBreachRequest>(name);
    request.set_risk(risk);
    request.set_risk_reason(v1::BREACH_RISK_REASON_SPECIAL_CATEGORIES);
    return request;
  }
  absl::StatusOr<v1::Breach> Assess(const std::string& token, std::string_view name, v1::BreachRisk risk) {
    return r.Do(token, &BreachStub::AssessBreach, AsRisk(name, risk));
  }
  absl::StatusOr<v1::Breach> Notify(const std::string& token, std::string_view name) {
    auto request = On<v1::RecordBreachNotificationRequest>(name);
    *request.mutable_notify_time() = api::ToTimestamp(r.rig.clock().Now());
    request.set_reference("AEPD-2026/17");
    return r.Do(token, &BreachStub::RecordBreachNotification, request);
  }
  absl::StatusOr<v1::Breach> Tell(const std::string& token, std::string_view name) {
    auto request = On<v1::RecordPersonsToldRequest>(name);
    *request.mutable_tell_time() = api::ToTimestamp(r.rig.clock().Now());
    request.set_informed_how(v1::INFORMED_HOW_IN_PERSON);
    return r.Do(token, &BreachStub::RecordPersonsTold, request);
  }
  absl::StatusOr<v1::Breach> Confirm(const std::string& token, std::string_view name) {
    auto request = On<v1::RecordBreachDeletionRequest>(name);
    *request.mutable_confirm_time() = api::ToTimestamp(r.rig.clock().Now());
    return r.Do(token, &BreachStub::RecordBreachDeletion, request);
  }
  absl::StatusOr<v1::Breach> Close(const std::string& token, std::string_view name) {
    return r.Do(token, &BreachStub::CloseBreach, On<v1::CloseBreachRequest>(name));
  }
  // The answer of each method that is about one breach, and of getting it.
  std::vector<absl::StatusOr<v1::Breach>> AnswersOfAll(const std::string& token, std::string_view name) {
    return {Get(token, name),     Assess(token, name, v1::BREACH_RISK_RISK),
            Notify(token, name),  Tell(token, name),
            Confirm(token, name), Close(token, name)};
  }
  // The reason of each.
  std::vector<std::string> ReasonsOfAll(const std::string& token, std::string_view name) {
    std::vector<std::string> reasons;
    for (const auto& answer : AnswersOfAll(token, name)) reasons.push_back(ReasonOf(answer));
    return reasons;
  }
  // The whole text of each, but for the name that was asked.
  std::vector<std::string> TextsOfAll(const std::string& token, std::string_view name) {
    std::vector<std::string> texts;
    for (const auto& answer : AnswersOfAll(token, name)) {
      EXPECT_FALSE(answer.ok());
      texts.push_back(absl::StrReplaceAll(answer.status().ToString(), {{base::ToAbsl(name), "NAME"}}));
    }
    return texts;
  }
  bool FollowUpIsOwed(std::string_view referral) { return r.Record(referral).has_due(); }

  ReferralRig r;
};

TEST_F(BreachTest, AReportOpensOneWithTheFacts) {
  const std::string name = r.Accepted(2);
  Must(r.Do(r.receiver, &Stub::DiscloseReferral, r.Disclose(name, {v1::SECTION_KIND_DETAILS})));
  r.rig.clock().Advance(absl::Hours(5));
  r.Refresh();
  const v1::Referral reported = Report(r.referrer, name);
  const v1::Breach breach = Must(Get(r.referrer, reported.breach()));
  EXPECT_EQ(breach.state(), v1::BREACH_STATE_OPEN);
  EXPECT_EQ(breach.referral(), name);
  EXPECT_EQ(breach.body(), kReferringBody);
  EXPECT_EQ(breach.wrong_body(), kReceivingBody);
  EXPECT_EQ(breach.person_count(), 2);
  EXPECT_EQ(api::FromTimestamp(breach.send_time()), Now());
  EXPECT_EQ(api::FromTimestamp(breach.discover_time()), Now() + absl::Hours(5));
  EXPECT_EQ(api::FromTimestamp(breach.notify_by_time()), Now() + absl::Hours(77));
  EXPECT_TRUE(breach.has_read_time());
  EXPECT_GT(breach.open_sections_size(), 1);
  EXPECT_EQ(breach.passed_on_count(), 0);
  EXPECT_EQ(Must(r.Get(r.referrer, name)).breach(), breach.name());
  EXPECT_THAT(Listed(r.referrer), ElementsAre(breach.name()));
  // What people wrote is in none of it.
  for (const std::string_view word : {kGivenName, kNeeds, kScreening, kAlert, kOwnReference}) {
    EXPECT_THAT(breach.DebugString(), Not(HasSubstr(std::string(word))));
  }
  EXPECT_THAT(breach.DebugString(), Not(HasSubstr("wrong town")));
}

TEST_F(BreachTest, WhatWasPassedOnIsCountedAndIsNoBreachOfItsOwn) {
  const std::string name = r.Accepted();
  const std::string linked =
      Must(r.Do(r.receiver, &Stub::HandOverReferral, r.ToBody<v1::HandOverReferralRequest>(name, kThirdBody)))
          .forwarded_to();
  const std::string breach = Report(r.referrer, name).breach();
  EXPECT_EQ(Must(Get(r.referrer, breach)).passed_on_count(), 1);
  EXPECT_THAT(Listed(r.receiver, true), IsEmpty());
  EXPECT_EQ(r.Record(linked).breach(), "");
}

TEST_F(BreachTest, NothingElseOpensOne) {
  const std::string name = r.Requested();
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  EXPECT_EQ(Must(r.Do(r.referrer, &Stub::CancelReferral, cancel)).breach(), "");
  r.Declined();
  EXPECT_THAT(Listed(r.referrer, true), IsEmpty());
}

TEST_F(BreachTest, AReplayedReportOpensOneAndAReplayedStepRecordsOnce) {
  const std::string name = r.Requested();
  auto report = On<v1::ReportMisdirectedRequest>(name);
  report.set_text("why");
  report.set_request_id("5f0c1e52-2a55-4c0e-9b0e-3a1d7d6f0a21");
  const std::string breach = Must(r.Do(r.referrer, &Stub::ReportMisdirected, report)).breach();
  EXPECT_EQ(Must(r.Do(r.referrer, &Stub::ReportMisdirected, report)).breach(), breach);
  EXPECT_THAT(Listed(r.referrer), ElementsAre(breach));
  auto assess = AsRisk(breach, v1::BREACH_RISK_NONE);
  assess.set_request_id("5f0c1e52-2a55-4c0e-9b0e-3a1d7d6f0a22");
  Must(r.Do(r.referrer, &BreachStub::AssessBreach, assess));
  EXPECT_EQ(Must(r.Do(r.referrer, &BreachStub::AssessBreach, assess)).revision(), 2);
  assess.set_risk(v1::BREACH_RISK_RISK);
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &BreachStub::AssessBreach, assess)), "REQUEST_ID_REUSED");
  EXPECT_EQ(Must(Get(r.referrer, breach)).entries_size(), 2);
}

TEST_F(BreachTest, GoesItsWholeWayAndSettlesTheFollowUpOnceItIsAnswered) {
  const std::string breach = Opened();
  const std::string referral = Must(Get(r.referrer, breach)).referral();
  ASSERT_TRUE(FollowUpIsOwed(referral));
  const v1::Breach assessed = Must(Assess(r.referrer, breach, v1::BREACH_RISK_HIGH_RISK));
  EXPECT_EQ(assessed.state(), v1::BREACH_STATE_ASSESSED);
  EXPECT_TRUE(FollowUpIsOwed(referral)) << "the authority is not told yet";
  EXPECT_EQ(ReasonOf(Close(r.referrer, breach)), "BREACH_NOT_ANSWERED");
  const v1::Breach notified = Must(Notify(r.referrer, breach));
  EXPECT_EQ(notified.notification_reference(), "AEPD-2026/17");
  EXPECT_FALSE(FollowUpIsOwed(referral));
  EXPECT_EQ(r.History(referral).back().event(), "SETTLE_FOLLOW_UP");
  EXPECT_EQ(ReasonOf(Close(r.referrer, breach)), "BREACH_NOT_ANSWERED") << "the people are not told yet";
  Must(Tell(r.referring_safeguarding, breach));
  Must(Confirm(r.referrer, breach));
  const v1::Breach closed = Must(Close(r.referrer, breach));
  EXPECT_EQ(closed.state(), v1::BREACH_STATE_CLOSED);
  EXPECT_THAT(closed.allowed_actions(), ElementsAre("ASSESS"));
  EXPECT_EQ(closed.entries_size(), 6);
  EXPECT_THAT(Listed(r.referrer), IsEmpty());
  EXPECT_THAT(Listed(r.referrer, true), ElementsAre(breach));
  std::vector<std::string> types;
  for (const auto& event : r.EventsOf(breach)) types.push_back(event.type());
  EXPECT_THAT(types, ElementsAre("breach.opened", "breach.assessed", "breach.notified", "breach.persons_told",
                                 "breach.deletion_confirmed", "breach.closed"));
  EXPECT_EQ(r.EventsOf(breach)[1].facts().at("risk"), "HIGH_RISK");
  EXPECT_THAT(r.EventsOf(breach)[1].parties(), ElementsAre(std::string(kReferringBody)));
  Must(Assess(r.referrer, breach, v1::BREACH_RISK_RISK));
  EXPECT_THAT(Listed(r.referrer), ElementsAre(breach)) << "open again";
}

TEST_F(BreachTest, AFollowUpThatWasSettledByHandLeavesTheBreachAsItIs) {
  const std::string breach = Opened();
  const std::string referral = Must(Get(r.referrer, breach)).referral();
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(referral)));
  EXPECT_THAT(Listed(r.referrer), ElementsAre(breach));
  const int64_t revision = r.Record(referral).revision();
  Must(Assess(r.referrer, breach, v1::BREACH_RISK_NONE));
  EXPECT_EQ(r.Record(referral).revision(), revision);
  Must(Close(r.referrer, breach));
}

TEST_F(BreachTest, AnEtagThatIsOutOfDateIsRefused) {
  const std::string breach = Opened();
  auto assess = AsRisk(breach, v1::BREACH_RISK_RISK);
  assess.set_etag(Must(Get(r.referrer, breach)).etag());
  Must(r.Do(r.referrer, &BreachStub::AssessBreach, assess));
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &BreachStub::AssessBreach, assess)), "ETAG_MISMATCH");
}

// Each role alone, of the body whose breach it is, of the one to which it went, and of a stranger.
TEST_F(BreachTest, EveryRoleOfEveryBody) {
  const std::string breach = Opened();
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    const bool officer = role == Role::kSupervisor || role == Role::kSafeguardingOfficer;
    const bool may_be_reader = role == Role::kCaseworker;
    for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kThirdBody}) {
      const std::string token =
          r.rig.TokenOf(body, {role}, {std::string(kReferringUnit)}, "actors/anyxxxxxxxxxxxxx");
      const auto page = r.Do(token, &BreachStub::ListBreaches, v1::ListBreachesRequest());
      ASSERT_EQ(ReasonOf(page), officer ? "OK" : "NOT_ALLOWED") << policy::RoleName(role);
      const bool own = body == kReferringBody;
      if (page.ok()) {
        EXPECT_EQ(page->breaches_size(), own ? 1 : 0) << policy::RoleName(role) << " " << body;
      }
      if (own && officer) {
        EXPECT_EQ(ReasonOf(Get(token, breach)), "OK") << policy::RoleName(role);
        continue;
      }
      const bool hidden = !own && (officer || may_be_reader);
      for (const std::string& reason : ReasonsOfAll(token, breach)) {
        EXPECT_EQ(reason, hidden ? "NOT_FOUND" : "NOT_ALLOWED") << policy::RoleName(role) << " of " << body;
      }
    }
  }
  EXPECT_EQ(Must(Get(r.referrer, breach)).revision(), 1);
}

TEST_F(BreachTest, ListsPageByPageTheOldestFirst) {
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    names.push_back(Opened());
    r.rig.clock().Advance(absl::Minutes(1));
    r.Refresh();
  }
  EXPECT_EQ(Listed(r.referrer, false, 1), names);
  Must(Assess(r.referrer, names[1], v1::BREACH_RISK_NONE));
  Must(Close(r.referrer, names[1]));
  EXPECT_THAT(Listed(r.referrer, false, 1), ElementsAre(names[0], names[2]));
  EXPECT_EQ(Listed(r.referrer, true, 2), names);
}

TEST_F(BreachTest, OfAProtectedReferralItIsForItsReadersAlone) {
  v1::SubmitReferralRequest request = r.NewReferral();
  v1::Protection& protection = *request.mutable_referral()->mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  protection.add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string name = Must(r.Do(r.referring_caseworker, &Stub::SubmitReferral, request)).name();
  const std::string breach = Report(r.referring_caseworker, name).breach();
  ASSERT_FALSE(breach.empty());
  for (const std::string& token :
       {r.referrer, r.receiver, r.receiving_caseworker, r.referring_safeguarding, r.third, r.coordinator}) {
    for (const std::string& reason : ReasonsOfAll(token, breach)) EXPECT_EQ(reason, "NOT_FOUND");
  }
  // Nor does the wording tell anybody, in any role at any body.
  for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kFourthBody}) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      const std::string token =
          r.rig.TokenOf(body, {role}, {std::string(kReferringUnit), std::string(kReceivingUnit)},
                        "actors/otherxxxxxxxxxxx");
      EXPECT_EQ(TextsOfAll(token, breach), TextsOfAll(token, kUnknownBreach))
          << policy::RoleName(role) << " of " << body;
    }
  }
  EXPECT_THAT(Listed(r.referrer, true), IsEmpty());
  EXPECT_THAT(Listed(r.referring_safeguarding, true), IsEmpty());
  for (const auto& [key, value] : r.rig.Dump()) {
    store::KeyParser parser(key);
    EXPECT_NE(Must(parser.Text()), "breach.of") << "no list has it";
  }
  EXPECT_THAT(r.EventsOf(breach), IsEmpty()) << "the log is not told its name";
  EXPECT_THAT(r.EventsOf(rpc::SealedResource(breach)), ::testing::SizeIs(1));
  // Its reader finds it in the referral, and goes the whole way.
  EXPECT_EQ(Must(r.Get(r.referring_caseworker, name)).breach(), breach);
  Must(Assess(r.referring_caseworker, breach, v1::BREACH_RISK_RISK));
  Must(Notify(r.referring_caseworker, breach));
  EXPECT_FALSE(FollowUpIsOwed(name));
  EXPECT_EQ(Must(Close(r.referring_caseworker, breach)).state(), v1::BREACH_STATE_CLOSED);
}

TEST_F(BreachTest, StaysWhenTheReferralIsErased) {
  const std::string breach = Opened();
  const std::string referral = Must(Get(r.referrer, breach)).referral();
  Must(r.Do(r.referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(referral)));
  Must(Assess(r.referrer, breach, v1::BREACH_RISK_NONE));
  EXPECT_EQ(Must(Close(r.referrer, breach)).state(), v1::BREACH_STATE_CLOSED);
}

TEST_F(BreachTest, GoesToTheSuccessorWithTheWork) {
  const std::string breach = Opened();
  r.Succeed(Merged(kReferringBody, kThirdBody));
  EXPECT_THAT(Listed(r.referrer, true), IsEmpty());
  EXPECT_THAT(Listed(r.third), ElementsAre(breach));
  EXPECT_EQ(ReasonOf(Get(r.referrer, breach)), "NOT_FOUND");
  EXPECT_EQ(Must(Get(r.third, breach)).wrong_body(), kReceivingBody);
  EXPECT_EQ(r.EventsOf(breach).back().type(), "breach.succeeded");
  Must(Assess(r.third, breach, v1::BREACH_RISK_NONE));
  Must(Close(r.third, breach));
}

}  // namespace
}  // namespace waypost::referral
