#include "services/referral/clock_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/api/resource.h"
#include "common/store/keys.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

// Passes everything on, until its snapshots are told to fail.
class BlindStore final : public store::Store {
 public:
  explicit BlindStore(store::Store& store) : store_(store) {}
  bool blind = false;

  absl::StatusOr<std::unique_ptr<store::Reader>> Snapshot() const override {
    if (blind) return absl::UnavailableError("no snapshot");
    return store_.Snapshot();
  }
  void Transact(store::Body body, store::Done done) override {
    store_.Transact(std::move(body), std::move(done));
  }

 private:
  store::Store& store_;
};

double Failures(rpc::NodeEnvironment const& node, std::string_view what) {
  for (const auto& family : node.metrics.registry()->Collect()) {
    if (family.name != "waypost_clock_failures_total") continue;
    for (const auto& metric : family.metric) {
      for (const auto& label : metric.label) {
        if (label.name == "what" && label.value == what) return metric.counter.value;
      }
    }
  }
  return -1;
}

class ClockKeeperTest : public ::testing::Test {
 protected:
  ClockKeeper& Keeper() {
    if (keeper_ == nullptr) Restart();
    return *keeper_;
  }
  // As after a start of the process.
  void Restart() { keeper_ = std::make_unique<ClockKeeper>(r.rig.env(), r.change(), options); }
  void Write(const std::function<void(store::Writer&)>& body) {
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  body(writer);
                  return absl::OkStatus();
                }).ok());
  }
  std::vector<Outage> Outages() { return Must(rows::ListOutages(*Must(r.rig.store().Snapshot()))); }

  // Lets the clocks run as they do, every ten seconds at most in a test's own time, up to `until`.
  int RunUntil(absl::Time until) {
    int fired = 0;
    while (r.rig.clock().Now() < until) {
      r.rig.clock().Advance(std::min(until - r.rig.clock().Now(), absl::Minutes(4)));
      fired += RunNow();
    }
    return fired;
  }
  int RunNow() {
    int fired = 0;
    while (true) {
      const absl::StatusOr<KeeperStep> step = Keeper().Step();
      EXPECT_TRUE(step.ok()) << step.status();
      EXPECT_EQ(step->refused, 0);
      fired += step->fired;
      if (!step->more) return fired;
    }
  }
  // More than a batch is due then: rows that are taken away, as they are of no referral.
  void FillABatch() {
    Write([&](store::Writer& writer) {
      for (int i = 0; i <= ClockKeeper::kBatch; ++i) {
        const std::string id = base::Cat("01jdnobody", 10'000 + made_++);
        writer.Put(store::KeyBuilder().Text("clock").Time(absl::UnixEpoch()).Text(id).Take(),
                   store::KeyBuilder().Uint(storage::v1::WAKE_MISSED).Int(1).Take());
      }
    });
  }
  int RowsLeft() {
    int rows = 0;
    const auto reader = Must(r.rig.store().Snapshot());
    const auto at = reader->Scan(store::PrefixRange(store::KeyBuilder().Text("clock").Take()));
    for (; at->Valid(); at->Next()) ++rows;
    return rows;
  }
  // How many clocks a second it looks at with more due than a batch. On this clock a step takes no time.
  double PaceAfter(absl::Duration pause) {
    r.rig.clock().Advance(pause);
    FillABatch();
    const int before = RowsLeft();
    const base::StepAndRest step = Keeper().StepThenRest();
    EXPECT_TRUE(step.more);
    EXPECT_LE(step.rest, absl::Seconds(1)) << "it beats, and looks for what is due, between";
    return (before - RowsLeft()) / absl::ToDoubleSeconds(step.rest);
  }
  double PaceAt(absl::Time time) { return PaceAfter(time - r.rig.clock().Now()); }
  absl::Time DueOf(const std::string& name) { return api::FromTimestamp(r.Record(name).due().time()); }
  std::vector<std::string> EventsOf(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : r.History(name)) events.push_back(entry.event());
    return events;
  }
  std::vector<std::string> Box(const std::string& token, v1::Box box,
                               std::vector<v1::ReferralState> states = {}) {
    v1::ListReferralsRequest request;
    request.set_box(box);
    for (const v1::ReferralState state : states) request.add_states(state);
    const auto page = Must(r.Do(token, &Stub::ListReferrals, request));
    std::vector<std::string> names;
    for (const auto& row : page.referrals()) names.push_back(row.name());
    return names;
  }

  ReferralRig r;
  KeeperOptions options;
  std::unique_ptr<ClockKeeper> keeper_;
  int made_ = 0;  // rows of FillABatch
};

TEST_F(ClockKeeperTest, SilenceIsRemindedEscalatedAndLapses) {
  const std::string name = r.Requested();
  RunNow();
  EXPECT_EQ(RunUntil(DueOf(name)), 1) << "the reminder";
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), IsEmpty());
  EXPECT_EQ(RunUntil(r.rig.clock().Now() + absl::Minutes(5)), 1);
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "REMINDER", "ESCALATE"));
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), ElementsAre(name));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), ElementsAre(name));
  EXPECT_TRUE(Must(r.Get(r.referrer, name)).silence().has_escalate_time());

  RunUntil(r.rig.clock().Now() + 14 * kDay + absl::Minutes(5));
  EXPECT_EQ(r.Record(name).state(), kLapsed);
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), IsEmpty());
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), IsEmpty());
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kLapsed}), ElementsAre(name));
  r.Refresh();
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(name)));
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kLapsed}), IsEmpty());
}

TEST_F(ClockKeeperTest, WhoCoordinatesIsLookedUpWhenAClockRings) {
  const std::string name = r.Requested();
  RunNow();
  RunUntil(DueOf(name) + absl::Minutes(5));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), ElementsAre(name));
  // Its agreement ends; another body is appointed.
  r.SetCoordinator("coordinationAgreements/madrid-language", kCoordinatingBody, "2025-01-01", "2025-12-31");
  r.SetCoordinator("coordinationAgreements/madrid-language-2", kFourthBody, "2026-01-01", "");
  r.Refresh();
  const absl::Status late =
      r.Do(r.coordinator, &Stub::RemindReferral, On<v1::RemindReferralRequest>(name)).status();
  EXPECT_EQ(error::ReasonOf(late), "NOT_COORDINATED");
  EXPECT_THAT(std::string(late.message()), ::testing::HasSubstr(std::string(kFourthBody)));
  EXPECT_THAT(Box(r.fourth, v1::BOX_COORDINATION), IsEmpty());

  // Reminded again after as much time as the step has.
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(r.rig.clock().Now() + 5 * kDay);
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, waitlist));
  RunUntil(r.rig.clock().Now() + 5 * kDay + absl::Minutes(5));
  EXPECT_THAT(Box(r.fourth, v1::BOX_COORDINATION), ElementsAre(name));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), IsEmpty());
  r.Refresh();
  Must(r.Do(r.fourth, &Stub::RemindReferral, On<v1::RemindReferralRequest>(name)));
  EXPECT_EQ(r.Do(r.coordinator, &Stub::RemindReferral, On<v1::RemindReferralRequest>(name)).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ClockKeeperTest, WhereNobodyIsAppointedTheReferringBodysSupervisorReminds) {
  auto other_theme = r.NewReferral();
  other_theme.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  auto elsewhere = r.NewReferral();
  elsewhere.mutable_referral()->set_territory("ES511/08019");
  for (const v1::SubmitReferralRequest& request : {other_theme, elsewhere}) {
    const v1::Referral sent = Must(r.Do(r.referrer, &Stub::SubmitReferral, request));
    const std::string& name = sent.name();
    ASSERT_EQ(sent.coordinating_body(), "");
    EXPECT_THAT(Must(r.Get(r.referrer, name)).allowed_actions(), ::testing::Contains("REMIND"));

    const auto remind = On<v1::RemindReferralRequest>(name);
    EXPECT_EQ(ReasonOf(r.Do(r.referring_caseworker, &Stub::RemindReferral, remind)), "NOT_ALLOWED");
    EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::RemindReferral, remind)), "NOT_ALLOWED");
    EXPECT_EQ(ReasonOf(r.Do(r.coordinator, &Stub::RemindReferral, remind)), "NOT_FOUND");
    EXPECT_EQ(r.Record(name).reminder_count(), 0);
    Must(r.Do(r.referrer, &Stub::RemindReferral, remind));
    EXPECT_EQ(r.Record(name).reminder_count(), 1);

    auto rule = On<v1::RuleOnCompetenceRequest>(name);
    rule.set_body(std::string(kThirdBody));
    rule.set_law("es/ley-40-2015/art-14");
    EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::RuleOnCompetence, rule)), "NOT_COORDINATED");
    auto assume = On<v1::AssumeResponsibilityRequest>(name);
    assume.set_law("es/ley-7-1985/art-58");
    EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::AssumeResponsibility, assume)), "NOT_COORDINATED");
    EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "REMIND"));
  }
}

TEST_F(ClockKeeperTest, AMisdirectedReferralIsOwedAFollowUpWithin72Hours) {
  const std::string name = r.Requested();
  auto report = On<v1::ReportMisdirectedRequest>(name);
  report.set_text("Sent to the wrong town.");
  Must(r.Do(r.referrer, &Stub::ReportMisdirected, report));
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kCancelled}), ElementsAre(name));
  EXPECT_EQ(DueOf(name), r.rig.clock().Now() + 3 * kDay);
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(name)));
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kCancelled}), IsEmpty());
}

TEST_F(ClockKeeperTest, AnAnswerInTimeKeepsTheClocksStill) {
  const std::string name = r.Requested();
  RunNow();
  r.rig.clock().Advance(kDay);
  r.Refresh();
  RunNow();
  Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(r.Do(r.receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
  RunUntil(r.rig.clock().Now() + 60 * kDay);
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "ACCEPT", "START"));
}

TEST_F(ClockKeeperTest, AnEventOfTheClocksNamesTheSystem) {
  const std::string name = r.Requested();
  RunNow();
  RunUntil(DueOf(name));
  const auto events = r.EventsOf(name);
  ASSERT_EQ(events.back().type(), "referral.reminder_due");
  EXPECT_EQ(events.back().body(), "bodies/waypost-services");
  EXPECT_EQ(events.back().role(), "service");
  EXPECT_EQ(r.History(name).back().body(), "");
}

TEST_F(ClockKeeperTest, TheTimeOfAnOutageIsGivenBackAndLapsesNothing) {
  const std::string name = r.Requested();
  RunNow();
  const absl::Time due = DueOf(name);
  RunUntil(due - absl::Hours(1));
  r.rig.clock().Advance(40 * kDay);  // longer than to lapse
  Restart();
  EXPECT_EQ(RunNow(), 1);
  EXPECT_EQ(r.Record(name).state(), kRequested);
  EXPECT_EQ(EventsOf(name).back(), "GIVE_BACK_TIME");
  EXPECT_EQ(DueOf(name), due + 40 * kDay);
  RunUntil(DueOf(name) + absl::Minutes(5));
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE") << "the silence that was left counts";
}

TEST_F(ClockKeeperTest, AnAnswerAfterAnOutageIsInTimeBeforeTheKeeperHasLooked) {
  const std::string name = r.Requested();
  const std::string accepted = r.Accepted();
  const absl::Time due = DueOf(name);
  const absl::Time start_due = DueOf(accepted);
  const absl::Time began = std::min(due, start_due) - absl::Hours(1);
  const absl::Time end = std::max(due, start_due) + kDay;
  Write([&](store::Writer& writer) { rows::PutOutage(writer, {.begin = began, .end = end}); });
  r.rig.clock().Advance(end - r.rig.clock().Now() + absl::Minutes(10));
  r.Refresh();
  Must(r.Do(r.receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  ASSERT_EQ(r.History(name).back().counted_size(), 1);
  EXPECT_EQ(r.History(name).back().counted(0).measure(), v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME);
  Must(r.Do(r.receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(accepted)));
  ASSERT_EQ(r.History(accepted).back().counted_size(), 1);
  EXPECT_EQ(r.History(accepted).back().counted(0).measure(), v1::STATISTICS_MEASURE_STARTED_IN_TIME);
}

TEST_F(ClockKeeperTest, WhileNothingIsDueOrItFailsItIdles) {
  r.Requested();
  EXPECT_FALSE(Keeper().StepThenRest().more);
  FillABatch();
  r.rig.store().Refuse(absl::UnavailableError("the disk is full"));
  r.rig.clock().Advance(absl::Seconds(16));
  EXPECT_FALSE(Keeper().StepThenRest().more);
  r.rig.store().Refuse(absl::OkStatus());
  EXPECT_TRUE(Keeper().StepThenRest().more);
}

TEST_F(ClockKeeperTest, AfterAnOutageItFiresMoreSlowlyForAWhile) {
  options.fire_rate = 64;
  options.catch_up_rate = 8;
  const double usual = options.fire_rate;
  const double slow = options.catch_up_rate;
  const absl::Duration moment = absl::Nanoseconds(1);
  EXPECT_DOUBLE_EQ(PaceAfter(absl::ZeroDuration()), usual) << "the first step of all is after no outage";
  EXPECT_DOUBLE_EQ(PaceAfter(absl::ZeroDuration()), usual);
  EXPECT_DOUBLE_EQ(PaceAfter(options.outage), usual) << "as long as that is none";
  EXPECT_DOUBLE_EQ(PaceAfter(options.outage + moment), slow);
  absl::Time noticed = r.rig.clock().Now();
  EXPECT_DOUBLE_EQ(PaceAfter(absl::Minutes(4)), slow);
  EXPECT_DOUBLE_EQ(PaceAfter(absl::Minutes(4)), slow);
  EXPECT_DOUBLE_EQ(PaceAt(noticed + ClockKeeper::kCatchUp - moment), slow);
  EXPECT_DOUBLE_EQ(PaceAt(noticed + ClockKeeper::kCatchUp), usual);
  // Another one meanwhile begins it anew; a start without one does not.
  EXPECT_DOUBLE_EQ(PaceAfter(options.outage + absl::Seconds(1)), slow);
  noticed = r.rig.clock().Now();
  EXPECT_DOUBLE_EQ(PaceAfter(options.outage + absl::Seconds(1)), slow);
  const absl::Time anew = r.rig.clock().Now();
  EXPECT_DOUBLE_EQ(PaceAt(noticed + ClockKeeper::kCatchUp), slow);
  EXPECT_DOUBLE_EQ(PaceAfter(absl::Minutes(4)), slow);
  EXPECT_DOUBLE_EQ(PaceAt(anew + ClockKeeper::kCatchUp - moment), slow);
  EXPECT_DOUBLE_EQ(PaceAt(anew + ClockKeeper::kCatchUp), usual);
  EXPECT_DOUBLE_EQ(PaceAfter(options.outage + moment), slow);
  Restart();
  EXPECT_DOUBLE_EQ(PaceAfter(absl::ZeroDuration()), usual);
}

TEST_F(ClockKeeperTest, ItFiresAsManyASecondAsItMay) {
  for (const int rate : {1, 3, 4, 100, 256, 4'500, 100'000}) {
    SCOPED_TRACE(rate);
    options.fire_rate = rate;
    Restart();
    EXPECT_NEAR(PaceAfter(absl::Seconds(1)), rate, 1e-6 * rate);
  }
}

// It can go on nowhere: whoever referred first has to find another way, whether it is declined or nobody says
// anything.
TEST_F(ClockKeeperTest, AfterTheFifthHopTheNextStepIsTheFirstReferrers) {
  const std::vector<std::string> tokens = {
      r.receiver, r.third, r.fourth, r.rig.TokenOf(kFifthBody, {policy::Role::kSupervisor}), r.coordinator};
  const std::vector<std::string_view> to = {kThirdBody, kFourthBody, kFifthBody, kCoordinatingBody,
                                            kSixthBody};
  const std::string last_token = r.rig.TokenOf(kSixthBody, {policy::Role::kSupervisor});
  const auto forward = [&](const std::string& token, const std::string& name, std::string_view body) {
    auto request = r.ToBody<v1::ForwardByDutyRequest>(name, body);
    request.set_law("es/ley-40-2015/art-14");
    return ReasonOf(r.Do(token, &Stub::ForwardByDuty, request));
  };
  const auto at_the_end = [&] {
    std::string name = r.Requested();
    for (size_t hop = 0; hop < to.size(); ++hop) {
      EXPECT_EQ(forward(tokens[hop], name, to[hop]), "OK") << hop;
      name = r.Record(name).forwarded_to();
    }
    EXPECT_EQ(r.Record(name).hops_size(), 5);
    EXPECT_EQ(forward(last_token, name, kReceivingBody), "TOO_MANY_HOPS");
    return name;
  };
  const std::string declined = at_the_end();
  Must(r.Do(last_token, &Stub::DeclineReferral, r.Decline(declined)));
  EXPECT_EQ(r.Record(declined).due().clock(), v1::CLOCK_FOLLOW_UP);
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kDeclined}), ElementsAre(declined));
  for (const std::string& token : tokens) {
    EXPECT_THAT(Box(token, v1::BOX_FOLLOW_UP, {kDeclined}), IsEmpty()) << "it is not theirs any more";
  }
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(declined)));
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kDeclined}), IsEmpty());

  const std::string silent = at_the_end();
  RunNow();
  RunUntil(DueOf(silent) + absl::Minutes(5));
  RunUntil(r.rig.clock().Now() + 14 * kDay + absl::Minutes(5));
  ASSERT_EQ(r.Record(silent).state(), kLapsed);
  EXPECT_EQ(r.Record(silent).due().party(), v1::PARTY_REFERRING);
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP, {kLapsed}), ElementsAre(silent));
}

TEST_F(ClockKeeperTest, AStartThatWasAgreedOnRingsThenAndOnceAndNotBefore) {
  const std::string name = r.Requested();
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(r.rig.clock().Now() + 90 * kDay);
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, waitlist));
  RunNow();
  const absl::Time first = api::FromTimestamp(r.Record(name).start_due_time());
  const auto agree = [&](absl::Time start) {
    r.Refresh();
    auto propose = On<v1::ProposeDateRequest>(name);
    *propose.mutable_time() = api::ToTimestamp(start);
    propose.set_clock(v1::CLOCK_START);
    EXPECT_EQ(Must(r.Do(r.receiver, &Stub::ProposeDate, propose)).date_proposal().clock(), v1::CLOCK_START);
    auto answer = On<v1::AnswerDateRequest>(name);
    answer.set_answer(v1::AnswerDateRequest::ANSWER_AGREE);
    const v1::Referral agreed = Must(r.Do(r.referrer, &Stub::AnswerDate, answer));
    EXPECT_EQ(api::FromTimestamp(agreed.start_due_time()), start);
    EXPECT_FALSE(agreed.has_date_proposal());
    EXPECT_FALSE(agreed.has_silence());
  };
  agree(first + 5 * kDay);
  EXPECT_EQ(RunUntil(first + kDay), 0) << "neither a reminder of the first date nor its end";
  EXPECT_EQ(RunUntil(first + 5 * kDay), 1) << "the reminder";
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE, {kWaitlisted}), IsEmpty());
  EXPECT_EQ(RunUntil(first + 5 * kDay + absl::Minutes(5)), 1);
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE");
  r.Refresh();
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE, {kWaitlisted}), ElementsAre(name));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION, {kWaitlisted}), ElementsAre(name));

  agree(first + 7 * kDay);
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE, {kWaitlisted}), IsEmpty());
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION, {kWaitlisted}), IsEmpty());
  EXPECT_EQ(RunUntil(first + 7 * kDay), 0) << "it never had more time than a reminder leaves";
  EXPECT_EQ(RunUntil(first + 8 * kDay), 1);
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE");
  r.Refresh();
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION, {kWaitlisted}), ElementsAre(name));
}

TEST_F(ClockKeeperTest, WhatIsDueAfterAnEndAndAnAnswerToARightRingForNobodyAndAreListedWhereTheyAreOwed) {
  const std::string declined = r.Declined();
  const std::string completed = r.InProgress();
  auto complete = r.Complete(completed);
  complete.mutable_outcomes(0)->mutable_outcome()->set_follow_up_date("2026-05-20");
  Must(r.Do(r.receiver, &Stub::CompleteReferral, complete));
  const std::string asked = r.InProgress();
  Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(asked, v1::RIGHT_KIND_ACCESS)));
  RunNow();
  EXPECT_EQ(RunUntil(r.rig.clock().Now() + 40 * kDay), 0);
  EXPECT_LT(DueOf(declined), r.rig.clock().Now());
  EXPECT_LT(DueOf(completed), r.rig.clock().Now());
  EXPECT_THAT(Box(r.referrer, v1::BOX_FOLLOW_UP), ElementsAre(declined));
  EXPECT_THAT(Box(r.receiver, v1::BOX_FOLLOW_UP), ElementsAre(completed));
  for (const std::string& token : {r.referrer, r.receiver}) {
    const auto owed = Must(r.Do(token, &Stub::ListRightsRequests, v1::ListRightsRequestsRequest()));
    ASSERT_EQ(owed.tasks_size(), 1);
    EXPECT_EQ(owed.tasks(0).referral(), asked);
    EXPECT_LT(api::FromTimestamp(owed.tasks(0).due_time()), r.rig.clock().Now());
  }
}

TEST_F(ClockKeeperTest, AShortRestIsNoOutage) {
  const std::string name = r.Requested();
  RunNow();
  RunUntil(DueOf(name));
  r.rig.clock().Advance(absl::Minutes(2));
  Restart();
  RunNow();
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE");
}

TEST_F(ClockKeeperTest, TwoKeepersFireOnce) {
  const std::string name = r.Requested();
  RunNow();
  ClockKeeper other(r.rig.env(), r.change(), options);
  RunUntil(DueOf(name));
  r.rig.clock().Advance(absl::Minutes(1));
  ASSERT_TRUE(other.Step().ok());
  RunNow();
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "REMINDER", "ESCALATE"));
}

TEST_F(ClockKeeperTest, ManyDueAtOnceAllFire) {
  std::vector<std::string> names;
  for (int i = 0; i < 2 * ClockKeeper::kBatch + 10; ++i) names.push_back(r.Requested());
  RunNow();
  const absl::Time last = DueOf(names.back());
  RunUntil(last + absl::Minutes(5));
  for (const std::string& name : names) {
    ASSERT_THAT(EventsOf(name), ElementsAre("SUBMIT", "REMINDER", "ESCALATE")) << name;
  }
}

// Rows that lead nowhere, before all others.
TEST_F(ClockKeeperTest, RowsAtTheHeadThatCannotRingStarveNoOther) {
  const std::string name = r.Requested();
  RunNow();
  RunUntil(DueOf(name));
  // The rows of records that cannot be read: what is to be done with them is refused for ever.
  Write([&](store::Writer& writer) {
    for (int i = 0; i < 3 * ClockKeeper::kBatch; ++i) {
      const std::string id = base::Cat("broken", 1000 + i);
      writer.Put(store::KeyBuilder().Text("clock").Time(absl::UnixEpoch()).Text(id).Take(),
                 store::KeyBuilder().Uint(storage::v1::WAKE_MISSED).Int(1).Take());
      writer.Put(store::KeyBuilder().Text("r").Text(id).Take(), "?");
    }
  });
  r.rig.clock().Advance(absl::Seconds(3));
  for (int i = 0; i < 4; ++i) {
    const auto step = Keeper().Step();
    ASSERT_TRUE(step.ok()) << step.status();
    EXPECT_EQ(step->refused, i < 3 ? ClockKeeper::kBatch : 0);
    EXPECT_EQ(step->fired, i < 3 ? 0 : 1);
    r.rig.clock().Advance(absl::Seconds(3));  // it begins anew no sooner than it has come to the end
  }
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE");
}

TEST_F(ClockKeeperTest, ARowThatIsNotTheRecordsOwnIsTakenAway) {
  const std::string name = r.Requested();
  RunNow();
  const std::string id = name.substr(std::string("referrals/").size());
  Write([&](store::Writer& writer) {
    for (const std::string& of : {id, std::string("01jdnobody")}) {
      writer.Put(store::KeyBuilder().Text("clock").Time(absl::UnixEpoch()).Text(of).Take(),
                 store::KeyBuilder().Uint(storage::v1::WAKE_MISSED).Int(1).Take());
    }
  });
  const auto rows = [&] {
    return Must(rows::ListWakes(*Must(r.rig.store().Snapshot()), "", DueOf(name), 10)).rows;
  };
  ASSERT_EQ(rows().size(), 3U);
  r.rig.clock().Advance(absl::Seconds(3));
  EXPECT_EQ(RunNow(), 0);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows()[0].name, name);
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT"));
}

TEST_F(ClockKeeperTest, AStepThatFailsIsCountedAndLogged) {
  RunNow();
  EXPECT_EQ(Failures(r.rig.env().node, "step"), 0);
  r.rig.store().Refuse(absl::UnavailableError("the disk is full"));
  for (int i = 0; i < 3; ++i) {
    r.rig.clock().Advance(absl::Seconds(16));
    EXPECT_FALSE(Keeper().Step().ok());
  }
  r.rig.store().Refuse(absl::OkStatus());
  EXPECT_EQ(Failures(r.rig.env().node, "step"), 3);
  const std::string log = r.rig.EndLog();
  const size_t line = log.find("the clocks of referrals stand still");
  ASSERT_NE(line, std::string::npos) << log;
  EXPECT_EQ(log.find("the clocks of referrals stand still", line + 1), std::string::npos) << "once a minute";
}

TEST_F(ClockKeeperTest, ARowThatCannotBeReadIsCountedAndHoldsUpNoOther) {
  const std::string name = r.Requested();
  RunNow();
  RunUntil(DueOf(name));
  Write([](store::Writer& writer) {
    writer.Put(store::KeyBuilder().Text("clock").Time(absl::UnixEpoch()).Text("odd").Take(), "?");
  });
  r.rig.clock().Advance(absl::Seconds(3));
  EXPECT_EQ(RunNow(), 1);
  EXPECT_EQ(EventsOf(name).back(), "ESCALATE");
  EXPECT_EQ(Failures(r.rig.env().node, "row"), 1);
}

// For one beat the clock of the machine said 2030.
TEST_F(ClockKeeperTest, AClockThatRanAheadAndWasSetRightTellsOfNoOutageAndHidesNone) {
  const std::string name = r.Requested();
  RunNow();
  const absl::Time due = DueOf(name);
  const absl::Time before = r.rig.clock().Now();
  Write([&](store::Writer& writer) {
    rows::PutOutage(writer, {.begin = before, .end = before + 1500 * kDay});
    rows::PutBeat(writer, before + 1500 * kDay);
  });
  Restart();
  RunNow();
  EXPECT_TRUE(Outages().empty());
  RunUntil(due - absl::Hours(1));
  r.rig.clock().Advance(2 * kDay);  // an outage that is one
  RunNow();
  EXPECT_EQ(Outages().size(), 1U);
  EXPECT_EQ(DueOf(name), due + 2 * kDay);
}

TEST_F(ClockKeeperTest, OneProcessThatSawTheClockRunAheadGoesOn) {
  RunNow();
  const absl::Time before = r.rig.clock().Now();
  r.rig.clock().Advance(1500 * kDay);
  RunNow();
  r.rig.clock().Advance(before + absl::Seconds(30) - r.rig.clock().Now());
  const std::string name = r.Requested();
  RunNow();
  EXPECT_TRUE(Outages().empty());
  const absl::Time due = DueOf(name);
  RunUntil(due + absl::Minutes(5));
  EXPECT_EQ(DueOf(name), due);
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "REMINDER", "ESCALATE"));
}

TEST_F(ClockKeeperTest, AnOutageThatCouldNotBeReadIsReadLater) {
  const std::string name = r.Requested();
  RunNow();
  const absl::Time due = DueOf(name);
  RunUntil(due - absl::Hours(1));
  BlindStore blind(r.rig.store());
  const rpc::Environment& env = r.rig.env();
  const rpc::Environment seen{.node = env.node, .store = blind, .lane = env.lane, .hub = env.hub};
  keeper_ = std::make_unique<ClockKeeper>(seen, r.change(), options);
  RunNow();
  r.rig.clock().Advance(2 * kDay);
  blind.blind = true;
  EXPECT_FALSE(Keeper().Step().ok());
  blind.blind = false;
  RunNow();
  EXPECT_EQ(EventsOf(name).back(), "GIVE_BACK_TIME");
  EXPECT_EQ(DueOf(name), due + 2 * kDay);
  keeper_.reset();
}

TEST_F(ClockKeeperTest, TheStartOfWhatWaitsOnAListIsEscalatedAndRemindedOf) {
  const std::string name = r.Requested();
  RunNow();
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(r.rig.clock().Now() + 90 * kDay);
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, waitlist));
  RunUntil(r.rig.clock().Now() + 14 * kDay + absl::Minutes(5));
  EXPECT_THAT(EventsOf(name), ElementsAre("SUBMIT", "WAITLIST", "REMINDER", "ESCALATE"));
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), ElementsAre(name));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), ElementsAre(name));
  EXPECT_EQ(Must(r.Get(r.referrer, name)).silence().clock(), v1::CLOCK_START);
  RunUntil(r.rig.clock().Now() + 14 * kDay + absl::Minutes(5));
  EXPECT_EQ(EventsOf(name).size(), 5U);
  EXPECT_EQ(EventsOf(name).back(), "REMINDER");
  r.Refresh();
  Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), IsEmpty());
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), IsEmpty());
}

TEST_F(ClockKeeperTest, ACoordinatingBodyThatAssumesReadsTheCaseFromThenOn) {
  auto request = r.NewReferral();
  for (auto& person : *request.mutable_referral()->mutable_persons()) {
    v1::Disclosure& disclosure = *person.mutable_disclosure();
    for (v1::Basis* basis : {disclosure.mutable_referring_basis(), disclosure.mutable_receiving_basis()}) {
      basis->set_article_6(v1::LEGAL_BASIS_PUBLIC_TASK);
      basis->set_law("es/ley-7-1985/art-25");
    }
  }
  const std::string name = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
  EXPECT_THAT(r.OpenableBy(name, kCoordinatingBody), IsEmpty());
  auto assume = On<v1::AssumeResponsibilityRequest>(name);
  assume.set_law("es/ley-7-1985/art-58");
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::AssumeResponsibility, assume)), "NOT_ALLOWED");
  const v1::Referral old = Must(r.Do(r.coordinator, &Stub::AssumeResponsibility, assume));
  EXPECT_EQ(old.state(), kForwarded);
  const std::string linked = r.Record(name).forwarded_to();
  EXPECT_EQ(r.Record(linked).state(), kAccepted);
  EXPECT_EQ(r.Record(linked).case_holding_body(), kCoordinatingBody);
  const auto opened =
      r.Do(r.coordinator, &Stub::DiscloseReferral, r.Disclose(linked, {v1::SECTION_KIND_DETAILS}));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(opened->sections(0).details().given_name(), ::testing::StartsWith(std::string(kGivenName)));
  EXPECT_THAT(r.OpenableBy(name, kReceivingBody), IsEmpty()) << "who had it reads it no longer";
}

TEST_F(ClockKeeperTest, TheCoordinatingBodySeesNoPeopleInItsBox) {
  const std::string name = r.Requested(3);
  RunNow();
  RunUntil(DueOf(name) + absl::Minutes(5));
  v1::ListReferralsRequest request;
  request.set_box(v1::BOX_COORDINATION);
  const auto page = Must(r.Do(r.coordinator, &Stub::ListReferrals, request));
  ASSERT_EQ(page.referrals_size(), 1);
  EXPECT_EQ(page.referrals(0).person_count(), 0);
  EXPECT_TRUE(page.referrals(0).has_escalate_time());
  const std::string caseworker = r.rig.TokenOf(kCoordinatingBody, {policy::Role::kCaseworker});
  EXPECT_FALSE(r.Do(caseworker, &Stub::ListReferrals, request).ok());
}

}  // namespace
}  // namespace waypost::referral
