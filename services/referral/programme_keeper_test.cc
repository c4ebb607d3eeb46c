// Programmes that end, over gRPC on the real store: what is marked, what is due then, and what an outage, a
// hand-over in between or another day does.
#include "services/referral/programme_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr std::string_view kEstia = "programmes/estia";
constexpr std::string_view kFlats = "offers/flats";
constexpr std::string_view kGroups = "offers/asl";

absl::Time Over(std::string_view day) {
  return DayIsOver(day, nullptr);
}

class ProgrammeKeeperTest : public ::testing::Test {
 protected:
  ProgrammeKeeperTest() {
    r.SetProgramme(kEstia, "");
    r.SetOfferOf(kEstia, kFlats, kReceivingBody);
    LookAtAll();
  }

  ProgrammeKeeper& Keeper() {
    if (keeper_ == nullptr) Restart();
    return *keeper_;
  }
  // As after a start of the process.
  void Restart(int batch = 64) {
    keeper_ =
        std::make_unique<ProgrammeKeeper>(r.rig.env(), r.change(), ProgrammeKeeperOptions{.batch = batch});
  }
  // Until nothing is left to be looked at.
  int LookAtAll() {
    int changed = 0;
    for (int steps = 0; steps < 1000; ++steps) {
      const auto step = Keeper().Step();
      EXPECT_TRUE(step.ok()) << step.status();
      if (!step.ok() || !step->more) return changed;
      EXPECT_EQ(step->failed, 0);
      changed += step->changed;
    }
    ADD_FAILURE() << "the walk does not end";
    return changed;
  }

  // As a store of before there were such rows: of each of these kinds there is one.
  void RemoveRows(const std::set<std::string>& kinds) {
    std::vector<std::string> gone;
    for (const auto& [key, value] : r.rig.Dump()) {
      store::KeyParser parser(key);
      if (kinds.contains(Must(parser.Text()))) gone.push_back(key);
    }
    ASSERT_EQ(gone.size(), kinds.size());
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  for (const std::string& key : gone) writer.Delete(key);
                  return absl::OkStatus();
                }).ok());
  }
  // In batches, with another process after every third: each of so many is looked at, and changed, once.
  void WalkThroughRestarts(int batch, int count) {
    Restart(batch);
    int changed = 0;
    int walked = 0;
    for (int steps = 0; steps < 100; ++steps) {
      const auto step = Must(Keeper().Step());
      if (!step.more) break;
      EXPECT_LE(step.looked_at, batch);
      changed += step.changed;
      walked += step.looked_at;
      if (steps % 3 == 2) Restart(batch);
    }
    EXPECT_EQ(changed, count);
    EXPECT_EQ(walked, count) << "and looks at none twice";
  }

  std::string Submit(std::string_view offer = kFlats) {
    v1::SubmitReferralRequest request = r.NewReferral();
    request.mutable_referral()->set_offer(std::string(offer));
    return Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
  }
  std::string Begin(std::string_view offer = kFlats) {
    const std::string name = Submit(offer);
    Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
    return Must(r.Do(r.receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name))).name();
  }
  // In the words of the directory's change.
  void Ends(std::string_view day) { r.SetProgramme(kEstia, day); }
  absl::Time DueOf(const std::string& name) { return api::FromTimestamp(r.Record(name).due().time()); }
  bool HandOverDue(const std::string& name) { return r.Record(name).due().clock() == v1::CLOCK_HAND_OVER; }
  std::vector<std::string> EventsOf(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : r.History(name)) events.push_back(entry.event());
    return events;
  }
  std::vector<std::string> Box(const std::string& token, v1::Box box) {
    v1::ListReferralsRequest request;
    request.set_box(box);
    std::vector<std::string> names;
    const auto page = Must(r.Do(token, &Stub::ListReferrals, request));
    for (const auto& row : page.referrals()) names.push_back(row.name());
    return names;
  }
  void RunClocksUntil(absl::Time until) {
    ClockKeeper clocks(r.rig.env(), r.change(), KeeperOptions());
    while (r.rig.clock().Now() < until) {
      r.rig.clock().Advance(std::min(until - r.rig.clock().Now(), absl::Minutes(4)));
      for (bool more = true; more;) more = Must(clocks.Step()).more;
    }
  }

  // An offer attended in a group, which a programme pays for.
  void SetCourse(std::string_view programme, std::string_view offer = kGroups) {
    r.SetGroups(offer, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", -1}}, programme);
  }
  // The enrolment of the first person of a new referral.
  std::string Placed(std::string_view offer = kGroups) {
    auto accept = On<v1::AcceptReferralRequest>(r.Requested());
    accept.set_offer(std::string(offer));
    accept.add_places()->set_person(1);
    accept.mutable_places(0)->set_group_id("alpha");
    return Must(r.Do(r.receiver, &Stub::AcceptReferral, accept)).places(0).enrolment();
  }
  // The same of who has begun: the referral is completed.
  std::string Attending(std::string_view offer = kGroups) {
    auto start = On<v1::StartEnrolmentRequest>(Placed(offer));
    v1::PersonOutcome& outcome = *start.add_outcomes();
    outcome = Outcomes(PositiveOutcome())[0];
    outcome.set_person(1);
    outcome.mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
    return Must(r.Do(r.receiver, &EnrolmentStub::StartEnrolment, start)).name();
  }
  void Leave(const std::string& enrolment) {
    auto leave = On<v1::LeaveEnrolmentRequest>(enrolment);
    leave.set_reason(v1::LEAVE_REASON_OFFER_ENDED);
    leave.set_destination(v1::LEAVE_DESTINATION_LANGUAGE_COURSE);
    Must(r.Do(r.receiver, &EnrolmentStub::LeaveEnrolment, leave));
  }
  v1::Enrolment Enrolment(const std::string& name) {
    return Must(r.Do(r.receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(name)));
  }
  // Its last day of the programme; empty: it is not marked. A mark and what is due go together.
  std::string LastDayOf(const std::string& name) {
    const v1::Enrolment enrolment = Enrolment(name);
    EXPECT_EQ(enrolment.has_due(), enrolment.has_programme_end());
    if (!enrolment.has_programme_end()) return {};
    const std::string& day = enrolment.programme_end().end_date();
    EXPECT_EQ(enrolment.due().clock(), v1::CLOCK_HAND_OVER);
    EXPECT_EQ(enrolment.due().party(), v1::PARTY_RECEIVING);
    EXPECT_EQ(api::FromTimestamp(enrolment.due().time()), Over(day));
    return day;
  }
  // Enrolments of which a hand-over is owed, page by page.
  std::vector<std::string> Owed(const std::string& token, std::string_view programme = {},
                                bool overdue = false) {
    v1::ListEnrolmentsRequest request;
    request.set_hand_over_owed(true);
    request.set_overdue(overdue);
    request.set_programme(std::string(programme));
    request.set_page_size(1);
    std::vector<std::string> names;
    for (int page = 0; page < 100; ++page) {
      const auto response = Must(r.Do(token, &EnrolmentStub::ListEnrolments, request));
      EXPECT_LE(response.enrolments_size(), 1);
      for (const auto& enrolment : response.enrolments()) {
        EXPECT_TRUE(enrolment.has_programme_end()) << enrolment.name();
        EXPECT_TRUE(enrolment.has_due()) << enrolment.name();
        names.push_back(enrolment.name());
      }
      if (response.next_page_token().empty()) return names;
      request.set_page_token(response.next_page_token());
    }
    ADD_FAILURE() << "the listing does not end";
    return names;
  }

  ReferralRig r;
  std::unique_ptr<ProgrammeKeeper> keeper_;
};

TEST_F(ProgrammeKeeperTest, WhatIsOpenUnderItIsToBeHandedOverByItsLastDay) {
  const std::string begun = Begin();
  const std::string other = Begin(kOffer);
  const std::string asked = Submit();
  const std::string ended = Submit();
  Must(r.Do(r.receiver, &Stub::DeclineReferral, r.Decline(ended)));
  EXPECT_FALSE(r.Record(begun).has_due());
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 2);
  EXPECT_EQ(LookAtAll(), 0) << "once";
  ASSERT_TRUE(HandOverDue(begun));
  EXPECT_EQ(DueOf(begun), Over("2026-05-10"));
  EXPECT_TRUE(HandOverDue(asked)) << "undecided in fourteen days, and it ends in six";
  EXPECT_EQ(EventsOf(begun).back(), "PROGRAMME_ENDING");
  const event::v1::Event event = r.EventsOf(begun).back();
  EXPECT_EQ(event.type(), "referral.programme_ending");
  EXPECT_EQ(event.facts().at("programme"), kEstia);
  EXPECT_EQ(event.facts().at("end_date"), "2026-05-10");
  for (const std::string& token : {r.referrer, r.receiver}) {
    const v1::Referral shown = Must(r.Get(token, begun));
    EXPECT_EQ(shown.programme_end().programme(), kEstia);
    EXPECT_EQ(shown.programme_end().end_date(), "2026-05-10");
    EXPECT_EQ(shown.due().clock(), v1::CLOCK_HAND_OVER);
    EXPECT_EQ(shown.due().party(), v1::PARTY_RECEIVING);
  }
  EXPECT_FALSE(Must(r.Get(r.coordinator, begun)).has_programme_end()) << "of the two sides";
  for (const std::string& name : {other, ended}) {
    EXPECT_FALSE(r.Record(name).has_programme_end());
    EXPECT_THAT(EventsOf(name), Not(Contains("PROGRAMME_ENDING")));
  }
}

TEST_F(ProgrammeKeeperTest, ItsDayIsOverWhereTheReceivingBodyIs) {
  const std::string begun = Begin();
  directory::v1::WatchChangesResponse changes;
  directory::v1::Change& change = *changes.add_changes();
  change.set_revision(1'000);
  directory::v1::Body& body = *change.mutable_body();
  body.set_name(std::string(kReceivingBody));
  body.set_status(directory::v1::BODY_STATUS_ACTIVE);
  body.mutable_calendar()->set_zone("Europe/Madrid");
  for (int day = directory::v1::WEEKDAY_MONDAY; day <= directory::v1::WEEKDAY_FRIDAY; ++day) {
    body.mutable_calendar()->add_working_days(static_cast<directory::v1::Weekday>(day));
  }
  changes.set_next_cursor("madrid");
  changes.set_up_to_date(true);
  ASSERT_TRUE(r.replica.Apply(changes, r.rig.clock().Now()).ok());
  Ends("2026-05-10");
  LookAtAll();
  EXPECT_EQ(DueOf(begun), absl::FromCivil(absl::CivilSecond(2026, 5, 10, 22, 0, 0), absl::UTCTimeZone()));
}

TEST_F(ProgrammeKeeperTest, AnEndThatWasPlannedFromTheStartIsKnownFromTheStart) {
  Ends("2026-12-31");
  LookAtAll();
  const std::string asked = Submit();
  EXPECT_EQ(r.Record(asked).programme_end().end_date(), "2026-12-31") << "as it was sent";
  EXPECT_EQ(r.Record(asked).due().clock(), v1::CLOCK_ACKNOWLEDGE) << "which is due before";
  EXPECT_THAT(EventsOf(asked), ElementsAre("SUBMIT"));
  const std::string begun = Begin();
  EXPECT_EQ(DueOf(begun), Over("2026-12-31"));
  EXPECT_EQ(LookAtAll(), 0);
}

TEST_F(ProgrammeKeeperTest, EndedPutOffAndEndedAgain) {
  const std::string begun = Begin();
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 1);
  r.rig.clock().Advance(kDay);
  r.Refresh();
  Ends("");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_FALSE(r.Record(begun).has_due());
  EXPECT_FALSE(r.Record(begun).has_programme_end());
  Ends("2026-06-30");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_EQ(DueOf(begun), Over("2026-06-30"));
  Ends("2026-07-31");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_EQ(DueOf(begun), Over("2026-07-31"));
  EXPECT_THAT(EventsOf(begun), ElementsAre("SUBMIT", "ACCEPT", "START", "PROGRAMME_ENDING",
                                           "PROGRAMME_GOES_ON", "PROGRAMME_ENDING", "PROGRAMME_ENDING"));
}

TEST_F(ProgrammeKeeperTest, AnOfferThatComesUnderAnotherProgrammeTakesTheMarkAway) {
  const std::string begun = Begin();
  const std::string asked = Submit();
  Ends("2026-05-10");
  LookAtAll();
  r.SetOfferOf("programmes/rising", kFlats, kReceivingBody);
  // Whoever comes before the walk sees it so as well.
  Must(r.Do(r.receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(asked)));
  EXPECT_FALSE(r.Record(asked).has_programme_end());
  EXPECT_EQ(r.Record(asked).due().clock(), v1::CLOCK_DECIDE);
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_FALSE(r.Record(begun).has_due());
  r.SetProgramme("programmes/rising", "2026-05-20");
  EXPECT_EQ(LookAtAll(), 2);
  EXPECT_EQ(r.Record(begun).programme_end().programme(), "programmes/rising");
  // Its own programme is not asked any longer.
  Ends("2026-05-06");
  EXPECT_EQ(LookAtAll(), 0);
}

TEST_F(ProgrammeKeeperTest, ByTheListAndByThePlaceAsWellAsByWhatWasAskedFor) {
  r.SetGroups(kGroups, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"alpha", 5}});
  const std::string placed = r.Requested();
  auto accept = On<v1::AcceptReferralRequest>(placed);
  accept.set_offer(std::string(kGroups));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  Must(r.Do(r.receiver, &Stub::AcceptReferral, accept));
  const std::string waits = r.Requested();
  auto waitlist = On<v1::WaitlistReferralRequest>(waits);
  waitlist.set_offer(std::string(kGroups));
  waitlist.set_group_id("alpha");
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + 30 * kDay);
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, waitlist));
  directory::v1::WatchChangesResponse changes;
  directory::v1::Change& change = *changes.add_changes();
  change.set_revision(1'000);
  directory::v1::Offer& offer = *change.mutable_offer();
  offer.set_name(std::string(kGroups));
  offer.set_provider(std::string(kReceivingBody));
  offer.set_status(directory::v1::OFFER_STATUS_ACTIVE);
  offer.set_kind(directory::v1::OFFER_KIND_ONE_OFF);
  offer.set_programme(std::string(kEstia));
  offer.add_groups()->set_group_id("alpha");
  offer.mutable_groups(0)->set_permanent(true);
  changes.set_next_cursor("asl");
  changes.set_up_to_date(true);
  ASSERT_TRUE(r.replica.Apply(changes, r.rig.clock().Now()).ok());
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 2);
  EXPECT_TRUE(HandOverDue(waits));
  EXPECT_TRUE(HandOverDue(placed));
}

TEST_F(ProgrammeKeeperTest, SilenceIsRemindedAndEscalatedAndEndsNothing) {
  const std::string begun = Begin();
  Ends("2026-05-20");
  LookAtAll();
  RunClocksUntil(Over("2026-05-20"));
  EXPECT_EQ(EventsOf(begun).back(), "REMINDER");
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), IsEmpty());
  RunClocksUntil(Over("2026-05-20") + absl::Minutes(5));
  EXPECT_EQ(EventsOf(begun).back(), "ESCALATE");
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), ElementsAre(begun));
  EXPECT_THAT(Box(r.coordinator, v1::BOX_COORDINATION), ElementsAre(begun));
  RunClocksUntil(Over("2026-05-20") + 3 * kDay);
  EXPECT_EQ(r.Record(begun).state(), kInProgress);
  // What is in order by then is handed over all the same.
  r.Refresh();
  Must(r.Do(r.receiver, &Stub::HandOverReferral, r.ToBody<v1::HandOverReferralRequest>(begun, kThirdBody)));
  EXPECT_THAT(Box(r.referrer, v1::BOX_SILENCE), IsEmpty());
  EXPECT_EQ(r.Record(begun).due().clock(), v1::CLOCK_REVIEW);
}

TEST_F(ProgrammeKeeperTest, AHandOverADeclineAnEndAndACancellationSettleIt) {
  const std::string handed = Begin();
  const std::string done = Begin();
  const std::string refused = Submit();
  const std::string cancelled = Submit();
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 4);
  Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(done)));
  Must(r.Do(r.receiver, &Stub::DeclineReferral, r.Decline(refused)));
  auto cancel = On<v1::CancelReferralRequest>(cancelled);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(r.Do(r.referrer, &Stub::CancelReferral, cancel));
  const auto linked = Must(
      r.Do(r.receiver, &Stub::HandOverReferral, r.ToBody<v1::HandOverReferralRequest>(handed, kThirdBody)));
  Must(r.Do(r.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked.forwarded_to())));
  EXPECT_EQ(r.Record(handed).state(), kForwarded);
  for (const std::string& name : {handed, done, refused, cancelled}) {
    EXPECT_FALSE(r.Record(name).has_programme_end()) << name;
    EXPECT_FALSE(HandOverDue(name)) << name;
  }
  EXPECT_FALSE(r.Record(linked.forwarded_to()).has_programme_end()) << "not under an offer of it";
  // No row of it is left: another end of the programme costs nothing.
  EXPECT_THAT(Must(rows::ListUnder(**r.rig.store().Snapshot(), kFlats, "", 10)), IsEmpty());
}

TEST_F(ProgrammeKeeperTest, OpenedAgainItIsUnderTheProgrammeAgain) {
  const std::string name = Begin();
  Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(name)));
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 0);
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("it was not over");
  Must(r.Do(r.receiver, &Stub::ReopenReferral, reopen));
  EXPECT_TRUE(HandOverDue(name));
}

TEST_F(ProgrammeKeeperTest, AProtectedReferralIsMarkedAndItsEventNamesNothing) {
  v1::SubmitReferralRequest request = r.NewReferral();
  request.mutable_referral()->set_offer(std::string(kFlats));
  v1::Protection& protection = *request.mutable_referral()->mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  protection.add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string name = Must(r.Do(r.referring_caseworker, &Stub::SubmitReferral, request)).name();
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 0) << "in no number";
  EXPECT_TRUE(HandOverDue(name));
  EXPECT_EQ(Must(r.Get(r.receiving_caseworker, name)).programme_end().programme(), kEstia);
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND");
  EXPECT_THAT(r.EventsOf(name), IsEmpty()) << "sealed";
  EXPECT_TRUE(r.rig.Events().back().facts().empty());
}

TEST_F(ProgrammeKeeperTest, NoFigureCountsAProtectedOneThatFailsAndItIsTriedAgainAllTheSame) {
  constexpr std::string_view kShelter = "offers/shelter";
  const auto failed = [&] {
    for (const auto& family : r.rig.env().node.metrics.registry()->Collect()) {
      if (family.name == "waypost_programme_failed") return family.metric.front().gauge.value;
    }
    return -1.0;
  };
  const auto put = [&](const std::string& key, std::string_view value) {
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  writer.Put(key, value);
                  return absl::OkStatus();
                }).ok());
  };
  r.SetOfferOf(kEstia, kShelter, kReceivingBody);
  LookAtAll();
  v1::SubmitReferralRequest request = r.NewReferral();
  request.mutable_referral()->set_offer(std::string(kShelter));
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string hidden = Must(r.Do(r.referring_caseworker, &Stub::SubmitReferral, request)).name();
  const std::string shown = Submit();
  Ends("2026-05-10");
  // What the protected one is under cannot be read.
  const std::string offer = store::KeyBuilder().Text("dir.offer").Text(kShelter).Take();
  const auto before = r.rig.Dump();
  ASSERT_TRUE(before.contains(offer));
  put(offer, "not a record");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_TRUE(HandOverDue(shown));
  EXPECT_FALSE(HandOverDue(hidden));
  EXPECT_EQ(failed(), 0);
  // Nor is it in the figure beside another one that fails.
  put(offer, before.at(offer));
  const std::string beside = Submit(kShelter);
  put(offer, "not a record");
  r.rig.clock().Advance(absl::Minutes(1));
  EXPECT_EQ(Must(Keeper().Step()).failed, 1);
  EXPECT_EQ(failed(), 1);
  // Also by a process that was not there.
  Restart();
  put(offer, before.at(offer));
  r.rig.clock().Advance(absl::Minutes(1));
  LookAtAll();
  EXPECT_TRUE(HandOverDue(hidden));
  EXPECT_TRUE(HandOverDue(beside));
  EXPECT_EQ(failed(), 0);
}

TEST_F(ProgrammeKeeperTest, FiveHundredAreWalkedInBatchesWhateverStopsIt) {
  std::vector<std::string> names;
  names.reserve(500);
  for (int i = 0; i < 500; ++i) names.push_back(Submit());
  Ends("2026-05-10");
  WalkThroughRestarts(/*batch=*/64, 500);
  for (const std::string& name : names) ASSERT_TRUE(HandOverDue(name)) << name;
  // Put off in the middle of a walk: it begins anew, and none is left as it was.
  Ends("2026-06-10");
  Must(Keeper().Step());
  Must(Keeper().Step());
  Ends("2026-12-31");
  LookAtAll();
  for (const std::string& name : names) {
    ASSERT_EQ(r.Record(name).programme_end().end_date(), "2026-12-31") << name;
    ASSERT_EQ(r.Record(name).due().clock(), v1::CLOCK_ACKNOWLEDGE) << name;
  }
}

TEST_F(ProgrammeKeeperTest, BesideHandOversAndSubmissionsEveryOneIsMarkedOrSettled) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back(Begin());
  Ends("2026-05-10");
  Restart(/*batch=*/4);
  std::vector<std::string> later;
  std::thread people([&] {
    for (size_t i = 0; i < names.size(); i += 2) {
      Must(r.Do(r.receiver, &Stub::HandOverReferral,
                r.ToBody<v1::HandOverReferralRequest>(names[i], kThirdBody)));
      later.push_back(Submit());
    }
  });
  LookAtAll();
  people.join();
  LookAtAll();
  for (size_t i = 0; i < names.size(); ++i) {
    const ReferralRecord record = r.Record(names[i]);
    EXPECT_TRUE(record.has_programme_end()) << "of both: one that waits for an answer is under it still";
    EXPECT_EQ(record.hand_over_pending(), i % 2 == 0);
    EXPECT_EQ(record.due().clock(), i % 2 == 0 ? v1::CLOCK_REVIEW : v1::CLOCK_HAND_OVER);
    // One that was handed over first is marked with the hand-over.
    EXPECT_LE(std::ranges::count(EventsOf(names[i]), "PROGRAMME_ENDING"), 1);
  }
  for (const std::string& name : later) EXPECT_TRUE(r.Record(name).has_programme_end());
}

TEST_F(ProgrammeKeeperTest, WhatWasSentBeforeThereWereRowsIsFoundByTheFirstWalk) {
  const std::string begun = Begin();
  RemoveRows({"under", "prog.first"});
  Ends("2026-05-10");
  Restart();
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_TRUE(HandOverDue(begun));
  EXPECT_THAT(Must(rows::ListUnder(**r.rig.store().Snapshot(), kFlats, "", 10)), ElementsAre(begun));
}

// --- Who attends -----------------------------------------------------------------------------------------

TEST_F(ProgrammeKeeperTest, WhoAttendsIsToBeHandedOverByItsLastDay) {
  SetCourse(kEstia);
  LookAtAll();
  const std::string placed = Placed();
  const std::string attending = Attending();
  const std::string paused = Attending();
  auto pause = On<v1::PauseEnrolmentRequest>(paused);
  *pause.mutable_review_time() = api::ToTimestamp(Now() + 2 * kDay);
  Must(r.Do(r.receiver, &EnrolmentStub::PauseEnrolment, pause));
  const std::string left = Attending();
  Leave(left);
  const int64_t revision = Enrolment(attending).revision();
  Ends("2026-05-10");
  EXPECT_EQ(LookAtAll(), 4) << "the three, and the referral of who has not begun";
  EXPECT_EQ(LookAtAll(), 0) << "once";
  for (const std::string& name : {placed, attending, paused}) {
    EXPECT_EQ(LastDayOf(name), "2026-05-10");
    EXPECT_EQ(Enrolment(name).programme_end().programme(), kEstia);
  }
  EXPECT_EQ(LastDayOf(left), "");
  EXPECT_EQ(Enrolment(attending).revision(), revision + 1);
  EXPECT_EQ(Enrolment(attending).state(), v1::ENROLMENT_STATE_ATTENDING);
  const event::v1::Event event = r.EventsOf(attending).back();
  EXPECT_EQ(event.type(), "referral.enrolment_programme_ending");
  EXPECT_EQ(event.facts().at("programme"), kEstia);
  EXPECT_EQ(event.facts().at("end_date"), "2026-05-10");
  Leave(attending);
  EXPECT_EQ(LastDayOf(attending), "") << "where to is known";
  Ends("2026-06-30");
  EXPECT_EQ(LookAtAll(), 3);
  EXPECT_EQ(LastDayOf(paused), "2026-06-30");
  Ends("");
  EXPECT_EQ(LookAtAll(), 3);
  for (const std::string& name : {placed, paused}) EXPECT_EQ(LastDayOf(name), "");
  EXPECT_EQ(r.EventsOf(paused).back().type(), "referral.enrolment_programme_goes_on");
  EXPECT_THAT(Owed(r.receiver), IsEmpty());
}

TEST_F(ProgrammeKeeperTest, WhoIsEnrolledUnderItsEndIsMarkedFromTheStart) {
  SetCourse(kEstia);
  Ends("2026-12-31");
  LookAtAll();
  const std::string placed = Placed();
  EXPECT_EQ(LastDayOf(placed), "2026-12-31");
  EXPECT_EQ(Enrolment(placed).revision(), 1);
  EXPECT_EQ(LastDayOf(Attending()), "2026-12-31");
  EXPECT_EQ(LookAtAll(), 0);
}

TEST_F(ProgrammeKeeperTest, ACourseThatComesUnderAnotherProgrammeTakesTheMarksAway) {
  SetCourse(kEstia);
  const std::string name = Attending();
  Ends("2026-05-10");
  LookAtAll();
  EXPECT_THAT(Owed(r.receiver, kEstia), ElementsAre(name));
  SetCourse("programmes/rising");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_EQ(LastDayOf(name), "");
  r.SetProgramme("programmes/rising", "2026-05-20");
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_EQ(LastDayOf(name), "2026-05-20");
  EXPECT_THAT(Owed(r.receiver, kEstia), IsEmpty());
  EXPECT_THAT(Owed(r.receiver, "programmes/rising"), ElementsAre(name));
}

TEST_F(ProgrammeKeeperTest, WhatIsOwedIsListedByBodyProgrammeAndDay) {
  constexpr std::string_view kFrench = "offers/fle";
  SetCourse(kEstia);
  SetCourse("programmes/rising", kFrench);
  std::vector<std::string> asl = {Attending(), Attending()};
  std::ranges::sort(asl);
  const std::string french = Attending(kFrench);
  EXPECT_THAT(Owed(r.receiver), IsEmpty());
  Ends("2026-05-20");
  r.SetProgramme("programmes/rising", "2026-05-10");
  EXPECT_EQ(LookAtAll(), 3);
  EXPECT_THAT(Owed(r.receiver), ElementsAre(french, asl[0], asl[1])) << "the first due first";
  EXPECT_THAT(Owed(r.receiver, kEstia), ElementsAre(asl[0], asl[1]));
  EXPECT_THAT(Owed(r.receiver, "programmes/rising"), ElementsAre(french));
  EXPECT_THAT(Owed(r.receiver, "programmes/milma"), IsEmpty());
  // Of the provider, and there of whoever may read the enrolment: nobody else sees that it is.
  EXPECT_EQ(Owed(r.receiving_caseworker).size(), 3U);
  const std::string elsewhere =
      r.rig.TokenOf(kReceivingBody, {policy::Role::kCaseworker}, {std::string(kOtherReceivingUnit)});
  EXPECT_THAT(Owed(elsewhere), IsEmpty());
  for (const std::string& token : {r.referrer, r.coordinator, r.third}) EXPECT_THAT(Owed(token), IsEmpty());
  v1::ListEnrolmentsRequest request;
  request.set_hand_over_owed(true);
  EXPECT_EQ(r.Do(r.receiving_safeguarding, &EnrolmentStub::ListEnrolments, request).status().code(),
            absl::StatusCode::kPermissionDenied);
  // A day is over with its last instant.
  r.rig.clock().Advance(Over("2026-05-10") - r.rig.clock().Now());
  r.Refresh();
  EXPECT_THAT(Owed(r.receiver, "", /*overdue=*/true), IsEmpty());
  r.rig.clock().Advance(absl::Seconds(1));
  EXPECT_THAT(Owed(r.receiver, "", true), ElementsAre(french));
  EXPECT_THAT(Owed(r.receiver, "programmes/rising", true), ElementsAre(french));
  EXPECT_THAT(Owed(r.receiver, kEstia, true), IsEmpty());
  EXPECT_EQ(Enrolment(french).state(), v1::ENROLMENT_STATE_ATTENDING) << "nothing ends by it";
  Leave(french);
  EXPECT_THAT(Owed(r.receiver, "", true), IsEmpty());
  EXPECT_THAT(Owed(r.receiver), ElementsAre(asl[0], asl[1]));
  EXPECT_THAT(Must(rows::ListEnrolmentsUnder(**r.rig.store().Snapshot(), kFrench, "", 10)), IsEmpty());
}

TEST_F(ProgrammeKeeperTest, EnrolmentsAreWalkedInBatchesWhateverStopsIt) {
  SetCourse(kEstia);
  LookAtAll();
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(Attending());
  Ends("2026-05-10");
  WalkThroughRestarts(/*batch=*/4, 20);
  // Put off in the middle of a walk, in which one leaves: none is left as it was.
  Ends("2026-06-10");
  for (int steps = 0; steps < 3; ++steps) Must(Keeper().Step());
  Leave(names[0]);
  Ends("2026-12-31");
  LookAtAll();
  EXPECT_EQ(LastDayOf(names[0]), "");
  for (size_t i = 1; i < names.size(); ++i) ASSERT_EQ(LastDayOf(names[i]), "2026-12-31") << names[i];
}

TEST_F(ProgrammeKeeperTest, WhoWasEnrolledBeforeThereWereRowsIsFoundByTheFirstWalk) {
  SetCourse(kEstia);
  const std::string name = Attending();
  RemoveRows({"e.under", "prog.first.enrolments"});
  Ends("2026-05-10");
  Restart();
  EXPECT_EQ(LookAtAll(), 1);
  EXPECT_EQ(LastDayOf(name), "2026-05-10");
  EXPECT_THAT(Must(rows::ListEnrolmentsUnder(**r.rig.store().Snapshot(), kGroups, "", 10)),
              ElementsAre(name));
}

}  // namespace
}  // namespace waypost::referral
