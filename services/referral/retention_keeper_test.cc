#include "services/referral/retention_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int kFiveYears = 1826;
constexpr std::string_view kRule = "es/ley-39-2015/art-17";

class RetentionKeeperTest : public ::testing::Test {
 protected:
  RetentionKeeperTest() : r(ReferralOptions(/*on_disk=*/false)) { Restart(); }

  // As after a start of the process with the rules in `clocks`.
  void Restart() {
    keeper.reset();
    change = std::make_unique<ReferralChange>(r.sealing, r.replica, clocks);
    keeper = std::make_unique<RetentionKeeper>(r.rig.env(), *change, RetentionOptions());
  }
  void KeepFor(int days) {
    clocks.retention.others.days = days;
    Restart();
  }
  void Pass(int days) {
    r.rig.clock().Advance(days * kDay);
    r.Refresh();
  }
  // Everything that is due now; how many shares were erased.
  int Run() {
    int erased = 0;
    while (true) {
      const RetentionStep step = Must(keeper->Step());
      EXPECT_EQ(step.refused, 0);
      erased += step.erased;
      if (!step.more) return erased;
    }
  }
  std::vector<std::string> EventsOf(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : r.History(name)) events.push_back(entry.event());
    return events;
  }
  v1::ListRetentionResponse Preview(const std::string& token, const std::string& until,
                                    bool held_back = false) {
    v1::ListRetentionRequest request;
    request.set_until(until);
    request.set_held_back(held_back);
    return Must(r.Do(token, &Stub::ListRetention, request));
  }
  v1::ListRetentionReportsResponse Reports(const std::string& token) {
    return Must(r.Do(token, &Stub::ListRetentionReports, v1::ListRetentionReportsRequest()));
  }
  std::string Hold(const std::string& token, const std::string& name) {
    auto hold = On<v1::PlaceLegalHoldRequest>(name);
    hold.set_law("es/ley-1-2000/art-328");
    return ReasonOf(r.Do(token, &Stub::PlaceLegalHold, hold));
  }
  std::string Reopen(const std::string& name) {
    auto reopen = On<v1::ReopenReferralRequest>(name);
    reopen.set_text("why");
    return ReasonOf(r.Do(r.referrer, &Stub::ReopenReferral, reopen));
  }

  ReferralRig r;
  ClockTable clocks;
  std::unique_ptr<ReferralChange> change;
  std::unique_ptr<RetentionKeeper> keeper;
};

TEST_F(RetentionKeeperTest, ErasesBothSharesWhenTheLastDayIsOver) {
  const std::string name = r.Completed();
  Pass(kFiveYears);
  EXPECT_EQ(Run(), 0) << "the last day";
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), SizeIs(1));
  Pass(1);
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(r.Sections(name), IsEmpty());
  EXPECT_THAT(r.Wraps(name), IsEmpty());
  EXPECT_THAT(r.Record(name).persons(), IsEmpty());
  EXPECT_EQ(EventsOf(name).back(), "END_RETENTION");
  EXPECT_EQ(r.History(name).back().body(), "") << "the system";
  const auto event = r.EventsOf(name).back();
  EXPECT_EQ(event.type(), "referral.retention_ended");
  EXPECT_EQ(event.body(), "bodies/waypost-services");
  EXPECT_EQ(event.facts().at("rules"), kRule);
  const auto before = r.rig.Dump();
  EXPECT_EQ(Run(), 0);
  EXPECT_TRUE(r.rig.Dump() == before) << "once";
}

TEST_F(RetentionKeeperTest, ReportsByDayAndRule) {
  r.Completed(2);
  r.Declined();
  Pass(kFiveYears + 1);
  EXPECT_EQ(Reports(r.referrer).due_count(), 2);
  EXPECT_EQ(Run(), 4);
  const auto report = Reports(r.referrer);
  ASSERT_THAT(report.reports(), SizeIs(1));
  const v1::RetentionReport& day = report.reports(0);
  EXPECT_EQ(day.day(), absl::FormatTime("%Y-%m-%d", r.rig.clock().Now(), absl::UTCTimeZone()));
  EXPECT_EQ(day.shares(), 2);
  EXPECT_EQ(day.whole_shares(), 2);
  EXPECT_EQ(day.persons(), 3);
  ASSERT_THAT(day.by_rule(), SizeIs(1));
  EXPECT_EQ(day.by_rule(0).rule(), kRule);
  EXPECT_EQ(day.by_rule(0).shares(), 2);
  EXPECT_EQ(report.due_count(), 0);
  EXPECT_EQ(report.held_back_count(), 0);
  EXPECT_TRUE(report.has_last_run_time());
  EXPECT_EQ(Reports(r.receiver).reports(0).shares(), 2);
  EXPECT_THAT(Reports(r.third).reports(), IsEmpty());
}

TEST_F(RetentionKeeperTest, NothingOpenIsErased) {
  const std::string open = r.InProgress();
  r.Requested();
  Must(r.Do(r.referrer, &Stub::CreateReferral, r.NewDraft()));
  Pass(10 * kFiveYears);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(r.OpenableBy(open, kReceivingBody), SizeIs(1));
  EXPECT_THAT(Preview(r.referrer, "2199-12-31").entries(), IsEmpty());
}

TEST_F(RetentionKeeperTest, AHoldKeepsAShareUntilItIsReleased) {
  const std::string name = r.Completed();
  ASSERT_EQ(Hold(r.receiver, name), "OK");
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 1) << "the other side's";
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), SizeIs(1));
  EXPECT_EQ(Reports(r.receiver).held_back_count(), 1);
  const auto held = Preview(r.receiver, "2199-12-31", true);
  ASSERT_THAT(held.entries(), SizeIs(1));
  EXPECT_EQ(held.entries(0).held_back(), v1::HELD_BACK_REASON_LEGAL_HOLD);
  EXPECT_THAT(Preview(r.receiver, "2199-12-31").entries(), IsEmpty());
  Must(r.Do(r.receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name)));
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(r.Sections(name), IsEmpty());
  EXPECT_EQ(Reports(r.receiver).held_back_count(), 0);
}

TEST_F(RetentionKeeperTest, WhoWaitsForACopyDoesNotFindItGone) {
  const std::string name = r.Completed();
  Pass(kFiveYears);
  auto ask = r.Right(name, v1::RIGHT_KIND_ACCESS);
  *ask.mutable_ask_time() = api::ToTimestamp(r.rig.clock().Now() - absl::Hours(1));
  const std::string right = Must(r.Do(r.referrer, &Stub::RecordRightsRequest, ask)).name();
  Pass(1);
  EXPECT_EQ(Run(), 0);
  Must(r.Do(r.receiver, &Stub::AnswerRightsRequest, r.Receipt(right, name, v1::RIGHT_ANSWER_PROVIDED)));
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(r.Wraps(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(r.OpenableBy(name, kReferringBody), SizeIs(1));
}

TEST_F(RetentionKeeperTest, OnePersonsRestrictionKeepsNobodyElse) {
  const std::string name = r.Completed(2);
  const std::string right =
      Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(name, v1::RIGHT_KIND_RESTRICTION, 2))).name();
  for (const std::string& token : {r.referrer, r.receiver}) {
    Must(r.Do(token, &Stub::AnswerRightsRequest, r.Receipt(right, name, v1::RIGHT_ANSWER_RESTRICTED)));
  }
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 2);
  for (const std::string_view body : {kReferringBody, kReceivingBody}) {
    const auto opened = r.OpenableBy(name, body);
    ASSERT_THAT(opened, SizeIs(1));
    EXPECT_EQ(opened[0].person(), 2U);
  }
  const auto held = Preview(r.referrer, "2199-12-31", true);
  ASSERT_THAT(held.entries(), SizeIs(1));
  EXPECT_EQ(held.entries(0).held_back(), v1::HELD_BACK_REASON_RESTRICTION);
  EXPECT_THAT(held.entries(0).persons(), ElementsAre(2));
  Pass(kFiveYears);
  EXPECT_EQ(Run(), 0);
}

TEST_F(RetentionKeeperTest, AHoldWhoseDayPassesLetsGoWhatItAloneKept) {
  const std::string name = r.InProgress();
  const std::string right =
      Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(name, v1::RIGHT_KIND_OBJECTION))).name();
  Must(r.Do(r.referrer, &Stub::AnswerRightsRequest, r.Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  auto hold = On<v1::PlaceLegalHoldRequest>(name);
  hold.set_law("es/ley-1-2000/art-328");
  hold.set_until("2026-06-30");
  Must(r.Do(r.receiver, &Stub::PlaceLegalHold, hold));
  auto end = On<v1::EndReferralWithoutResultRequest>(name);
  for (const auto& outcome : Outcomes(NegativeOutcome())) *end.add_outcomes() = outcome;
  Must(r.Do(r.receiver, &Stub::EndReferralWithoutResult, end));
  Pass(57);  // the last day
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), SizeIs(1));
  Pass(1);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(r.Sections(name), IsEmpty());
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), IsEmpty());
  EXPECT_EQ(Run(), 0);
  EXPECT_FALSE(r.Record(name).has_receiving_erase_time());
}

TEST_F(RetentionKeeperTest, OtherRulesDateAllAnew) {
  const std::string name = r.Completed();
  EXPECT_EQ(Run(), 0);
  Pass(11);
  KeepFor(20);
  EXPECT_EQ(Run(), 0);
  KeepFor(10);
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(r.Sections(name), IsEmpty());
}

TEST_F(RetentionKeeperTest, APersonWhoseRuleIsShorterGoesFirst) {
  auto request = r.NewReferral(2);
  request.mutable_referral()->mutable_persons(1)->mutable_disclosure()->set_retention_rule("es/short");
  const std::string name = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
  Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(name, 2)));
  clocks.retention.by_code["es/short"] = {.days = 10};
  Restart();
  Pass(11);
  EXPECT_EQ(Run(), 2);
  for (const std::string_view body : {kReferringBody, kReceivingBody}) {
    const auto opened = r.OpenableBy(name, body);
    ASSERT_THAT(opened, SizeIs(1));
    EXPECT_EQ(opened[0].person(), 1U);
  }
  EXPECT_EQ(Reports(r.referrer).reports(0).whole_shares(), 0);
  Pass(kFiveYears);
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(r.Sections(name), IsEmpty());
}

TEST_F(RetentionKeeperTest, AProcessThatStopsInTheMiddleCountsNothingTwice) {
  constexpr int kReferrals = RetentionKeeper::kBatch;  // two shares each: two batches
  for (int i = 0; i < kReferrals; ++i) r.Declined();
  Pass(kFiveYears + 1);
  EXPECT_TRUE(Must(keeper->Step()).more);
  Restart();
  const RetentionStep first = Must(keeper->Step());
  RetentionKeeper beside(r.rig.env(), *change, RetentionOptions());
  while (Must(beside.Step()).more) {
  }
  EXPECT_LE(first.erased, RetentionKeeper::kBatch);
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(Reports(r.referrer).reports(0).shares(), kReferrals);
  EXPECT_EQ(Reports(r.receiver).reports(0).shares(), kReferrals);
}

TEST_F(RetentionKeeperTest, OfTheJobAndAReopeningOneDecides) {
  KeepFor(1);
  for (int round = 0; round < 20; ++round) {
    const std::string name = r.Completed();
    Must(keeper->Step());
    Pass(2);
    Restart();
    std::string reopened;
    std::thread first([&] { reopened = Reopen(name); });
    std::thread second([&] { Run(); });
    first.join();
    second.join();
    const auto record = r.Record(name);
    if (reopened == "OK") {
      EXPECT_EQ(record.state(), kRequested);
      EXPECT_FALSE(record.has_referring_erase_time() || record.has_receiving_erase_time());
      EXPECT_THAT(r.OpenableBy(name, kReferringBody), SizeIs(1));
    } else {
      EXPECT_EQ(reopened, "SHARE_ERASED");
      EXPECT_EQ(record.state(), kCompleted);
    }
  }
}

TEST_F(RetentionKeeperTest, OfTheJobAndAHoldOneDecides) {
  KeepFor(1);
  for (int round = 0; round < 20; ++round) {
    const std::string name = r.Completed();
    Pass(2);
    Restart();
    std::string held;
    std::thread first([&] { held = Hold(r.receiver, name); });
    std::thread second([&] { Run(); });
    first.join();
    second.join();
    EXPECT_EQ(r.Record(name).has_receiving_erase_time(), held != "OK") << held;
    EXPECT_TRUE(held == "OK" || held == "SHARE_ERASED") << held;
    EXPECT_EQ(r.OpenableBy(name, kReceivingBody).size(), held == "OK" ? 1U : 0U);
  }
}

TEST_F(RetentionKeeperTest, ThePreviewIsPagedAndEndsWithItsDay) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(r.Declined());
    Pass(1);
  }
  const std::string last = r.Record(names[3]).retention(0).entry().kept_until();
  v1::ListRetentionRequest request;
  request.set_until(last);
  request.set_page_size(3);
  std::vector<std::string> listed;
  for (int page = 0; page < 9; ++page) {
    const auto rows = Must(r.Do(r.referrer, &Stub::ListRetention, request));
    for (const auto& entry : rows.entries()) listed.push_back(entry.referral());
    request.set_page_token(rows.next_page_token());
    if (request.page_token().empty()) break;
  }
  names.pop_back();
  EXPECT_EQ(listed, names);
  EXPECT_EQ(Reports(r.referrer).next_kept_until(), Preview(r.referrer, last).entries(0).kept_until());
  EXPECT_THAT(Preview(r.third, "2199-12-31").entries(), IsEmpty());
  request.set_until("tomorrow");
  EXPECT_EQ(r.Do(r.referrer, &Stub::ListRetention, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// --- What is told beforehand is what happens

class RetentionPreviewTest : public RetentionKeeperTest {
 protected:
  // A case that has ended, of as many people as rules are given.
  std::string CompletedUnder(const std::vector<std::string>& rules) {
    const int persons = static_cast<int>(rules.size());
    auto request = r.NewReferral(persons);
    for (int i = 0; i < persons; ++i) {
      v1::Person& person = *request.mutable_referral()->mutable_persons(i);
      person.mutable_disclosure()->set_retention_rule(rules[static_cast<size_t>(i)]);
    }
    const std::string name = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
    Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
    return Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(name, persons))).name();
  }
  static std::string Line(const std::string& name, v1::Party party, const std::set<uint32_t>& persons,
                          bool whole) {
    std::string line = base::Cat(name, party == v1::PARTY_REFERRING ? " referring" : " receiving");
    for (const uint32_t person : persons) line += base::Cat(" ", person);
    return line + (whole ? " whole" : "");
  }
  // What both bodies are told that is kept until that day or less.
  std::vector<std::string> Told(const std::string& until) {
    std::vector<std::string> lines;
    for (const std::string& token : {r.referrer, r.receiver}) {
      const auto preview = Preview(token, until);
      for (const v1::RetentionEntry& entry : preview.entries()) {
        EXPECT_LE(entry.kept_until(), until);
        EXPECT_EQ(entry.held_back(), v1::HELD_BACK_REASON_UNSPECIFIED);
        lines.push_back(Line(entry.referral(), entry.party(),
                             {entry.persons().begin(), entry.persons().end()}, entry.whole_share()));
      }
    }
    return lines;
  }
  // Whom a side opens with its own keys, and whether its share has been erased.
  struct Share {
    std::set<uint32_t> persons;
    bool erased = false;
  };
  using Shares = std::map<std::pair<std::string, v1::Party>, Share>;
  Shares Stored(const std::vector<std::string>& names) {
    Shares shares;
    for (const std::string& name : names) {
      const auto record = r.Record(name);
      for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
        const bool referring = party == v1::PARTY_REFERRING;
        Share& share = shares[{name, party}];
        for (const auto& opened : r.OpenableBy(name, referring ? kReferringBody : kReceivingBody)) {
          share.persons.insert(opened.person());
        }
        share.erased = referring ? record.has_referring_erase_time() : record.has_receiving_erase_time();
      }
    }
    return shares;
  }
  static std::vector<std::string> Gone(const Shares& before, const Shares& after) {
    std::vector<std::string> lines;
    for (const auto& [side, had] : before) {
      const Share& has = after.at(side);
      std::set<uint32_t> gone;
      std::set_difference(had.persons.begin(), had.persons.end(), has.persons.begin(), has.persons.end(),
                          std::inserter(gone, gone.end()));
      const bool whole = has.erased && !had.erased;
      if (whole || !gone.empty()) lines.push_back(Line(side.first, side.second, gone, whole));
    }
    return lines;
  }
};

TEST_F(RetentionPreviewTest, WritesNothingAndNamesExactlyWhatTheJobThenErases) {
  const std::string kept(kRule);
  const std::string brief = "es/short";
  clocks.retention.by_code[brief] = {.days = 10};
  Restart();
  const std::string one = CompletedUnder({brief});
  const std::string both = CompletedUnder({brief, brief});
  const std::string in_part = CompletedUnder({kept, brief});
  const std::string held = CompletedUnder({brief});
  ASSERT_EQ(Hold(r.receiver, held), "OK");
  const std::string later = CompletedUnder({kept});
  Pass(1);
  const std::string next_day = CompletedUnder({brief});
  ASSERT_EQ(Run(), 0) << "all are dated, and nothing is due";
  Pass(9);
  const std::string last_day = r.Today();
  Pass(1);
  const auto before = r.rig.Dump();
  const std::vector<std::string> told = Told(last_day);
  const int64_t due = Reports(r.referrer).due_count() + Reports(r.receiver).due_count();
  EXPECT_TRUE(r.rig.Dump() == before) << "to look ahead changes nothing";
  EXPECT_THAT(
      told, UnorderedElementsAre(
                Line(one, v1::PARTY_REFERRING, {1}, true), Line(one, v1::PARTY_RECEIVING, {1}, true),
                Line(both, v1::PARTY_REFERRING, {1, 2}, true), Line(both, v1::PARTY_RECEIVING, {1, 2}, true),
                Line(in_part, v1::PARTY_REFERRING, {2}, false),
                Line(in_part, v1::PARTY_RECEIVING, {2}, false), Line(held, v1::PARTY_REFERRING, {1}, true)));
  EXPECT_EQ(due, static_cast<int64_t>(told.size()));
  const std::vector<std::string> names = {one, both, in_part, held, later, next_day};
  const Shares stored = Stored(names);
  EXPECT_EQ(Run(), static_cast<int>(told.size()));
  EXPECT_THAT(Gone(stored, Stored(names)), UnorderedElementsAreArray(told));
  EXPECT_THAT(Told(last_day), IsEmpty());
}

// --- Enrolments

class RetainedEnrolmentTest : public RetentionKeeperTest {
 protected:
  static constexpr std::string_view kOfferName = "offers/madrid-asl";

  // Accepted into a group, and started there, which completes the referral.
  std::string Attending() {
    r.SetGroups(kOfferName, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 9}});
    const std::string name = r.Requested();
    auto accept = On<v1::AcceptReferralRequest>(name);
    accept.set_offer(std::string(kOfferName));
    accept.add_places()->set_person(1);
    accept.mutable_places(0)->set_group_id("alpha");
    Must(r.Do(r.receiver, &Stub::AcceptReferral, accept));
    enrolment = Of(name).front().name();
    auto start = On<v1::StartEnrolmentRequest>(enrolment);
    start.add_outcomes()->set_person(1);
    *start.mutable_outcomes(0)->mutable_outcome() = PositiveOutcome();
    start.mutable_outcomes(0)->mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
    Must(r.Do(r.receiver, &EnrolmentStub::StartEnrolment, start));
    return name;
  }
  void Leave() {
    auto leave = On<v1::LeaveEnrolmentRequest>(enrolment);
    leave.set_reason(v1::LEAVE_REASON_GOAL_REACHED);
    leave.set_destination(v1::LEAVE_DESTINATION_UNKNOWN);
    Must(r.Do(r.receiver, &EnrolmentStub::LeaveEnrolment, leave));
  }
  std::vector<EnrolmentRecord> Of(const std::string& name) {
    const auto reader = Must(r.rig.store().Snapshot());
    return Must(rows::EnrolmentsOf(*reader, name));
  }

  std::string enrolment;
};

TEST_F(RetainedEnrolmentTest, WhoStillAttendsIsKeptAndTheRuleCountsFromWhenTheyLeft) {
  const std::string name = Attending();
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 1) << "the referring body's share";
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), SizeIs(1));
  Leave();
  Pass(31);
  EXPECT_EQ(Run(), 0);
  Pass(kFiveYears);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(r.Sections(name), IsEmpty());
  EXPECT_THAT(Of(name), IsEmpty());
  EXPECT_EQ(Reports(r.receiver).reports(0).enrolments(), 1);
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(enrolment))),
            "NOT_FOUND");
}

TEST_F(RetainedEnrolmentTest, ErasingByHandTakesWhatHasEndedAndRefusesWhatHasNot) {
  const std::string name = Attending();
  const auto before = r.rig.Dump();
  const auto erase = On<v1::EraseReferralRequest>(name);
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::EraseReferral, erase)), "ENROLMENT_OPEN");
  EXPECT_TRUE(r.rig.Dump() == before);
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::EraseReferral, erase)), "OK") << "its own share alone";
  Leave();
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::EraseReferral, erase)), "OK");
  EXPECT_THAT(Of(name), IsEmpty());
}

TEST_F(RetainedEnrolmentTest, WhoAsksToBeForgottenLeavesThePlaceToo) {
  const std::string name = Attending();
  const std::string right =
      Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(name, v1::RIGHT_KIND_OBJECTION))).name();
  Must(r.Do(r.receiver, &Stub::AnswerRightsRequest, r.Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  EXPECT_THAT(Of(name), IsEmpty());
  const auto list =
      Must(r.Do(r.receiver, &EnrolmentStub::GetWaitingList,
                On<v1::GetWaitingListRequest>(base::Cat(kOfferName, "/groups/alpha/waitingList"))));
  EXPECT_EQ(list.taken(), 0);
}

}  // namespace
}  // namespace waypost::referral
