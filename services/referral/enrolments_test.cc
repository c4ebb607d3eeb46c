// Enrolments through gRPC: what acceptance opens, that starting completes the referral, that places are
// counted from them, and who may see and do what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "common/api/resource.h"
#include "services/referral/enrolment_policy.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kAsl = "offers/madrid-asl";

class EnrolmentTest : public ::testing::Test, protected ReferralRig {
 protected:
  EnrolmentTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT,
              {{"alpha", 2}, {"fle1", 1}, {"entry", -1}, {"autumn", 5, "2026-05-01"}});
  }

  v1::WaitingList List(std::string_view group) {
    return Must(Do(receiver, &EnrolmentStub::GetWaitingList,
                   On<v1::GetWaitingListRequest>(base::Cat(kAsl, "/groups/", group, "/waitingList"))));
  }
  absl::StatusOr<v1::Referral> Accept(std::string_view name, std::string_view group, int persons = 1) {
    auto request = On<v1::AcceptReferralRequest>(name);
    request.set_offer(std::string(kAsl));
    for (int i = 1; i <= persons; ++i) {
      request.add_places()->set_person(static_cast<uint32_t>(i));
      request.mutable_places(i - 1)->set_group_id(std::string(group));
    }
    request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
    return Do(receiver, &Stub::AcceptReferral, request);
  }
  // The enrolment of the first person of a new referral.
  std::string Placed(std::string_view group = "alpha") {
    return Must(Accept(Acknowledged(), group)).places(0).enrolment();
  }
  static v1::PersonOutcome Outcome(uint32_t person, v1::OutcomeKind kind) {
    v1::PersonOutcome outcome = Outcomes(PositiveOutcome())[0];
    outcome.set_person(person);
    outcome.mutable_outcome()->set_kind(kind);
    return outcome;
  }
  v1::StartEnrolmentRequest Starting(std::string_view name, int persons = 1) const {
    auto request = On<v1::StartEnrolmentRequest>(name);
    for (int i = 1; i <= persons; ++i) {
      *request.add_outcomes() = Outcome(static_cast<uint32_t>(i), v1::OUTCOME_KIND_ENROLLED);
    }
    return request;
  }
  std::string Attending(std::string_view group = "alpha") {
    const std::string name = Placed(group);
    Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(name)));
    return name;
  }
  v1::Enrolment Seen(std::string_view name) {
    return Must(Do(receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(name)));
  }
  v1::LeaveEnrolmentRequest Leaving(std::string_view name) const {
    auto request = On<v1::LeaveEnrolmentRequest>(name);
    request.set_reason(v1::LEAVE_REASON_MOVED_ON);
    request.set_destination(v1::LEAVE_DESTINATION_EMPLOYMENT);
    return request;
  }
  v1::MoveEnrolmentRequest Moving(std::string_view name, std::string_view group) const {
    auto request = On<v1::MoveEnrolmentRequest>(name);
    request.set_group_id(std::string(group));
    return request;
  }
  v1::PauseEnrolmentRequest Pausing(std::string_view name) const {
    auto request = On<v1::PauseEnrolmentRequest>(name);
    *request.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
    return request;
  }
  v1::RecordAssessmentRequest Assessing(std::string_view name) const {
    auto request = On<v1::RecordAssessmentRequest>(name);
    request.mutable_assessment()->set_date("2026-05-04");
    request.mutable_assessment()->set_level("FLE1");
    request.mutable_assessment()->set_placement_test(true);
    return request;
  }
  v1::VoidAssessmentRequest Voiding(std::string_view name) const {
    auto request = On<v1::VoidAssessmentRequest>(name);
    request.set_number(1);
    request.set_reason(v1::VOID_REASON_WRONG_PERSON);
    return request;
  }
  v1::RecordAttendanceRequest AttendanceOf(std::string_view name) const {
    auto request = On<v1::RecordAttendanceRequest>(name);
    request.add_days()->set_date("2026-05-04");
    request.mutable_days(0)->set_status(v1::ATTENDANCE_STATUS_PRESENT);
    return request;
  }
  // Everybody in it on consent.
  std::string OnConsent(int persons) {
    v1::SubmitReferralRequest request = NewReferral(persons);
    for (v1::Person& person : *request.mutable_referral()->mutable_persons()) {
      v1::Disclosure& disclosure = *person.mutable_disclosure();
      disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
      disclosure.set_refusal_costs_nothing(true);
    }
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }
  std::string OnList(std::string_view group) {
    const std::string name = Acknowledged();
    auto request = On<v1::WaitlistReferralRequest>(name);
    *request.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
    request.set_offer(std::string(kAsl));
    request.set_group_id(std::string(group));
    Must(Do(receiver, &Stub::WaitlistReferral, request));
    return name;
  }
};

class ExportTest : public EnrolmentTest {
 protected:
  absl::StatusOr<v1::ExportPersonResponse> Export(const std::string& token, std::string_view name,
                                                  uint32_t person = 1) {
    auto request = On<v1::ExportPersonRequest>(name);
    request.set_person(person);
    return Do(token, &Stub::ExportPerson, request);
  }
  // Two people with a place in "alpha" each, and an appointment.
  v1::Referral TwoAccepted() {
    auto request = On<v1::AcceptReferralRequest>(Acknowledged(2));
    request.set_offer(std::string(kAsl));
    for (const uint32_t person : {1U, 2U}) {
      v1::PersonPlace& place = *request.add_places();
      place.set_person(person);
      place.set_group_id("alpha");
    }
    *request.mutable_appointment()->mutable_time() = api::ToTimestamp(Now() + absl::Hours(48));
    request.mutable_appointment()->set_zone("Europe/Madrid");
    return Must(Do(receiver, &Stub::AcceptReferral, request));
  }
};

TEST_F(ExportTest, ALearnerGetsAllThatIsKeptOfHerAndNothingOfAnother) {
  const v1::Referral accepted = TwoAccepted();
  const std::string& name = accepted.name();
  const std::string hers = accepted.places(0).enrolment();
  const std::string another = accepted.places(1).enrolment();
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(hers, 2)));
  Must(Do(receiver, &EnrolmentStub::RecordAssessment, Assessing(hers)));
  Must(Do(receiver, &EnrolmentStub::RecordAttendance, AttendanceOf(hers)));
  Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(hers, "fle1")));
  Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(hers)));

  const auto held = Must(Export(receiver, name));
  const auto events = EventsOf(name);
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const auto& event) { return event.type() == "referral.person_exported"; }),
            1);
  EXPECT_EQ(held.sections().details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_EQ(held.state(), kCompleted);
  ASSERT_EQ(held.places_size(), 1);
  EXPECT_EQ(held.places(0).person(), 1U);
  EXPECT_EQ(held.places(0).enrolment(), hers);
  ASSERT_EQ(held.appointments_size(), 1);
  EXPECT_EQ(held.appointments(0).status(), v1::APPOINTMENT_STATUS_SCHEDULED);
  ASSERT_EQ(held.enrolments_size(), 1);
  const v1::Enrolment& enrolment = held.enrolments(0);
  EXPECT_EQ(enrolment.name(), hers);
  EXPECT_EQ(enrolment.state(), v1::ENROLMENT_STATE_LEFT);
  EXPECT_EQ(enrolment.leave_reason(), v1::LEAVE_REASON_MOVED_ON);
  EXPECT_EQ(enrolment.destination(), v1::LEAVE_DESTINATION_EMPLOYMENT);
  EXPECT_TRUE(enrolment.has_start_time());
  EXPECT_TRUE(enrolment.has_end_time());
  ASSERT_EQ(enrolment.assessments_size(), 1);
  EXPECT_EQ(enrolment.assessments(0).level(), "FLE1");
  EXPECT_TRUE(enrolment.assessments(0).placement_test());
  ASSERT_EQ(enrolment.moves_size(), 1);
  EXPECT_EQ(enrolment.moves(0).to_group_id(), "fle1");
  ASSERT_EQ(enrolment.attendance_size(), 1);
  EXPECT_EQ(enrolment.attendance(0).status(), v1::ATTENDANCE_STATUS_PRESENT);
  EXPECT_EQ(enrolment.etag(), "");
  EXPECT_FALSE(held.more_enrolments());

  const auto of_another = Must(Export(receiver, name, 2));
  ASSERT_EQ(of_another.enrolments_size(), 1);
  EXPECT_EQ(of_another.enrolments(0).name(), another);
  EXPECT_EQ(of_another.enrolments(0).attendance_size(), 0);
  ASSERT_EQ(of_another.places_size(), 1);
  EXPECT_EQ(of_another.places(0).person(), 2U);

  const auto sender = Must(Export(referrer, name));
  EXPECT_EQ(sender.enrolments_size(), 0) << "they are the provider's";
  ASSERT_EQ(sender.places_size(), 1);
  EXPECT_EQ(sender.places(0).enrolment(), "");
  EXPECT_EQ(ReasonOf(Export(third, name)), "NOT_FOUND");
}

TEST_F(ExportTest, WhoWaitsIsToldWhereAndWhoIsOfferedAPlaceWhich) {
  const std::string name = OnList("alpha");
  auto held = Must(Export(receiver, name));
  EXPECT_EQ(held.state(), kWaitlisted);
  EXPECT_EQ(held.waiting().offer(), kAsl);
  EXPECT_EQ(held.waiting().group_id(), "alpha");
  EXPECT_THAT(held.waiting().persons(), ElementsAre(1U));
  EXPECT_TRUE(held.waiting().has_since_time());
  EXPECT_EQ(held.enrolments_size(), 0);
  EXPECT_EQ(held.places_size(), 0);
  auto offer = On<v1::OfferPlaceRequest>(name);
  *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(72));
  Must(Do(receiver, &Stub::OfferPlace, offer));
  held = Must(Export(receiver, name));
  EXPECT_EQ(held.state(), kOffered);
  ASSERT_EQ(held.places_size(), 1);
  EXPECT_EQ(held.places(0).group_id(), "alpha");
  EXPECT_EQ(held.places(0).person(), 1U);
}

TEST_F(ExportTest, OfSeveralWhoAreInAReferralOnlyWhoWaitsIsNamedAsWaiting) {
  const std::string name = Acknowledged(2);
  auto request = On<v1::WaitlistReferralRequest>(name);
  *request.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  request.set_offer(std::string(kAsl));
  request.set_group_id("alpha");
  Must(Do(receiver, &Stub::WaitlistReferral, request));
  EXPECT_THAT(Must(Export(receiver, name, 2)).waiting().persons(), ElementsAre(2U));
}

TEST_F(ExportTest, MoreEnrolmentsThanAreExportedAreSaid) {
  const std::string hers = Attending();
  const EnrolmentRecord record = Must(rows::GetEnrolment(**rig.store().Snapshot(), hers));
  const auto add = [&](int from, int to) {
    return store::TransactAndWait(
               rig.store(),
               [&](store::Writer& writer) {
                 for (int i = from; i < to; ++i) {
                   EnrolmentRecord next = record;
                   next.set_name(NewEnrolmentName(record.referral(), record.person(), 1'000 + i));
                   next.set_state(kLeft);
                   rows::PutEnrolment(writer, nullptr, next);
                 }
                 return absl::OkStatus();
               })
        .ok();
  };
  ASSERT_TRUE(add(1, kMaxEnrolmentsExported));
  auto held = Must(Export(receiver, record.referral()));
  EXPECT_EQ(held.enrolments_size(), kMaxEnrolmentsExported);
  EXPECT_FALSE(held.more_enrolments());
  ASSERT_TRUE(add(kMaxEnrolmentsExported, kMaxEnrolmentsExported + 1));
  held = Must(Export(receiver, record.referral()));
  EXPECT_EQ(held.enrolments_size(), kMaxEnrolmentsExported);
  EXPECT_TRUE(held.more_enrolments());
}

TEST_F(EnrolmentTest, AcceptanceOpensOneForEachPersonWithAPlace) {
  const std::string name = Acknowledged(3);
  auto request = On<v1::AcceptReferralRequest>(name);
  request.set_offer(std::string(kAsl));
  for (const auto& [person, group] : std::map<uint32_t, std::string>{{1, "alpha"}, {3, "fle1"}}) {
    v1::PersonPlace& place = *request.add_places();
    place.set_person(person);
    place.set_group_id(group);
  }
  const v1::Referral accepted = Must(Do(receiver, &Stub::AcceptReferral, request));
  ASSERT_EQ(accepted.places_size(), 2);
  const v1::Enrolment first = Seen(accepted.places(0).enrolment());
  EXPECT_EQ(first.state(), v1::ENROLMENT_STATE_PLACED);
  EXPECT_EQ(first.referral(), name);
  EXPECT_EQ(first.person(), 1U);
  EXPECT_EQ(first.offer(), kAsl);
  EXPECT_EQ(first.group_id(), "alpha");
  EXPECT_EQ(first.provider(), kReceivingBody);
  EXPECT_EQ(Seen(accepted.places(1).enrolment()).person(), 3U);
  EXPECT_EQ(List("alpha").taken(), 1);
  EXPECT_EQ(List("alpha").enrolled(), 1);
  EXPECT_EQ(List("fle1").taken(), 1);
  // The referring body sees the places, and nothing of the enrolments.
  const v1::Referral seen = Must(Get(referrer, name));
  ASSERT_EQ(seen.places_size(), 2);
  EXPECT_EQ(seen.places(0).enrolment(), "");
  const auto events = EventsOf(accepted.places(0).enrolment());
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type(), "referral.enrolment_placed");
  EXPECT_EQ(events[0].state(), "PLACED");
  EXPECT_THAT(events[0].parties(), ElementsAre(kReceivingBody));
}

TEST_F(EnrolmentTest, WhatIsAttendedInGroupsTakesNobodyWithoutAPlaceInOne) {
  const auto asked_for = [this](std::string_view offer, bool is_protected = false) {
    v1::SubmitReferralRequest request = NewReferral();
    request.mutable_referral()->set_offer(std::string(offer));
    if (is_protected) {
      v1::Protection& protection = *request.mutable_referral()->mutable_protection();
      protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
      protection.add_receiving_readers("actors/luisxxxxxxxxxxxx");
    }
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  };
  const auto accept = [this](const std::string& name) {
    return Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name));
  };
  const std::string name = asked_for(kAsl);
  const auto refused = accept(name);
  EXPECT_EQ(ReasonOf(refused), "GROUP_REQUIRED");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error::MetadataOf(refused.status(), "offer"), kAsl);
  EXPECT_EQ(error::MetadataOf(refused.status(), "groups"), "alpha, fle1, entry, autumn");
  EXPECT_EQ(Record(name).state(), kRequested);
  EXPECT_NE(Must(Accept(name, "alpha")).places(0).enrolment(), "");
  // Who waits in a group, or has a place there, names it by that.
  const std::string waiting = OnList("fle1");
  EXPECT_EQ(ReasonOf(accept(waiting)), "OK");
  // What is not attended in groups, declares none, or is in none because others would see it.
  EXPECT_EQ(ReasonOf(accept(asked_for(kAsl, /*is_protected=*/true))), "OK");
  SetGroups(kOffer, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {});
  EXPECT_EQ(ReasonOf(accept(asked_for(kOffer))), "OK");
  SetGroups(kOffer, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"a", 3}});
  EXPECT_EQ(ReasonOf(accept(asked_for(kOffer))), "OK");
  EXPECT_EQ(ReasonOf(accept(Requested())), "OK") << "no offer is asked for";
  // A replica that is too old does not know whether there are groups still.
  const std::string late = asked_for(kAsl);
  rig.clock().Advance(absl::Minutes(2));
  EXPECT_EQ(accept(late).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EnrolmentTest, AnOfferedPlaceGoesOverToTheEnrolmentAndIsCountedOnce) {
  const std::string name = OnList("fle1");
  auto offer = On<v1::OfferPlaceRequest>(name);
  *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(48));
  Must(Do(receiver, &Stub::OfferPlace, offer));
  EXPECT_EQ(List("fle1").taken(), 1);
  EXPECT_EQ(List("fle1").enrolled(), 0);
  const v1::Referral accepted =
      Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(Seen(accepted.places(0).enrolment()).state(), v1::ENROLMENT_STATE_PLACED);
  EXPECT_EQ(List("fle1").taken(), 1);
  EXPECT_EQ(List("fle1").enrolled(), 1);
}

TEST_F(EnrolmentTest, StartingCompletesTheReferralWithItsOutcomes) {
  const v1::Referral accepted = Must(Accept(Acknowledged(2), "alpha", 2));
  const std::string first = accepted.places(0).enrolment();
  const std::string second = accepted.places(1).enrolment();
  const auto before = rig.Dump();
  const auto refused = [&](const v1::StartEnrolmentRequest& request, std::string_view what) {
    EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, request)), "INVALID_FIELD") << what;
    EXPECT_TRUE(rig.Dump() == before) << what;
  };
  refused(On<v1::StartEnrolmentRequest>(first), "no outcome");
  refused(Starting(first, 1), "one for each person");
  v1::StartEnrolmentRequest advised = Starting(first, 2);
  advised.mutable_outcomes(0)->mutable_outcome()->set_kind(v1::OUTCOME_KIND_ADVISED);
  refused(advised, "who starts is enrolled");
  const v1::Enrolment started = Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(first, 2)));
  EXPECT_EQ(started.state(), v1::ENROLMENT_STATE_ATTENDING);
  EXPECT_TRUE(started.has_start_time());
  const v1::Referral completed = Must(Get(referrer, accepted.name()));
  EXPECT_EQ(completed.state(), kCompleted);
  EXPECT_EQ(completed.persons(1).outcome().kind(), v1::OUTCOME_KIND_ENROLLED);
  EXPECT_EQ(History(accepted.name()).back().event(), "COMPLETE");
  EXPECT_EQ(List("alpha").taken(), 2) << "places are counted from enrolments, not from the referral";
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(second, 2))), "INVALID_FIELD")
      << "the outcomes are there";
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, On<v1::StartEnrolmentRequest>(second))),
            "OK");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, On<v1::StartEnrolmentRequest>(second))),
            "INVALID_TRANSITION");
}

TEST_F(EnrolmentTest, AWrongAssessmentIsVoidAndStaysInItsCourse) {
  const std::string name = Attending();
  Must(Do(receiver, &EnrolmentStub::RecordAssessment, Assessing(name)));
  auto request = Voiding(name);
  request.set_reason(v1::VOID_REASON_OTHER);
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::VoidAssessment, request)), "INVALID_FIELD");
  request = Voiding(name);
  request.set_request_id("sent-only-once");
  const v1::Enrolment after = Must(Do(receiver, &EnrolmentStub::VoidAssessment, request));
  ASSERT_EQ(after.assessments_size(), 1);
  EXPECT_EQ(after.assessments(0).level(), "FLE1");
  EXPECT_EQ(after.assessments(0).voided().reason(), v1::VOID_REASON_WRONG_PERSON);
  EXPECT_EQ(after.assessments(0).voided().actor(), "actors/luisxxxxxxxxxxxx");
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::VoidAssessment, request)).revision(), after.revision());
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::VoidAssessment, Voiding(name))), "ENTRY_VOID");
  Must(Do(receiver, &EnrolmentStub::RecordAssessment, Assessing(name)));
  EXPECT_EQ(Seen(name).assessments(1).number(), 2U);
}

TEST_F(EnrolmentTest, ItsCourseIsKept) {
  const std::string name = Attending();
  Must(Do(receiver, &EnrolmentStub::RecordAssessment, Assessing(name)));
  Must(Do(receiver, &EnrolmentStub::RecordAttendance, AttendanceOf(name)));
  EXPECT_TRUE(Must(Do(receiver, &EnrolmentStub::PauseEnrolment, Pausing(name))).has_review_time());
  Must(Do(receiver, &EnrolmentStub::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(name)));
  Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "fle1")));
  EXPECT_EQ(List("alpha").taken(), 0);
  EXPECT_EQ(List("fle1").taken(), 1);
  Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(name)));
  const v1::Enrolment left = Seen(name);
  EXPECT_EQ(left.state(), v1::ENROLMENT_STATE_LEFT);
  EXPECT_EQ(left.leave_reason(), v1::LEAVE_REASON_MOVED_ON);
  EXPECT_EQ(left.destination(), v1::LEAVE_DESTINATION_EMPLOYMENT);
  ASSERT_EQ(left.assessments_size(), 1);
  EXPECT_TRUE(left.assessments(0).placement_test());
  EXPECT_EQ(left.attendance_size(), 1);
  ASSERT_EQ(left.moves_size(), 1);
  EXPECT_EQ(left.moves(0).to_group_id(), "fle1");
  EXPECT_EQ(List("fle1").taken(), 0);
  EXPECT_EQ(left.revision(), 8);
  EXPECT_THAT(left.allowed_actions(), ElementsAre("VOID_ASSESSMENT")) << "what is wrong may be found later";
  std::vector<int64_t> revisions;
  for (const auto& event : EventsOf(name)) revisions.push_back(event.revision());
  EXPECT_THAT(revisions, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8)) << "without gaps";
}

TEST_F(EnrolmentTest, AMoveNeedsAPlaceAndWhoFreesOneNamesTheNext) {
  const std::string name = Attending();
  const std::string in_fle1 = Attending("fle1");
  const auto refused = Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "fle1"));
  EXPECT_EQ(ReasonOf(refused), "NO_PLACE_FREE");
  EXPECT_EQ(error::MetadataOf(refused.status(), "taken"), "1");
  const std::string waits_for_fle1 = OnList("fle1");
  const std::string waits_for_alpha = OnList("alpha");
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(in_fle1))).next_on_list(),
            waits_for_fle1);
  // Who is in the offer already comes before its list.
  const v1::Enrolment moved = Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "fle1")));
  EXPECT_EQ(moved.next_on_list(), waits_for_alpha);
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::PauseEnrolment, Pausing(name))).next_on_list(), "")
      << "who pauses keeps the place";
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "autumn"))), "GROUP_NOT_OPEN");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "none"))), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "fle1"))), "INVALID_FIELD")
      << "it is there already";
}

TEST_F(EnrolmentTest, InAnOfferThatIsAnothersByNowNobodyTakesAnotherPlace) {
  const std::string name = Attending();
  SetGroups(kAsl, kThirdBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 2}, {"fle1", 1}});
  const auto refused = Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "fle1"));
  EXPECT_THAT(error::ViolationsOf(refused.status()), ElementsAre(StartsWith("group_id: ")));
  EXPECT_EQ(Seen(name).group_id(), "alpha") << "her own she keeps";
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(name))), "OK");
}

TEST_F(EnrolmentTest, WhatHasNotStartedEndsWithItsReferral) {
  const auto left = [&](const std::string& name) {
    EXPECT_EQ(
        Must(Do(receiver, &EnrolmentStub::ListEnrolments, v1::ListEnrolmentsRequest())).enrolments_size(), 0);
    EXPECT_EQ(List("alpha").taken(), 0);
    const auto events = EventsOf(name);
    const bool erased = events.back().type() == "referral.enrolment_erased";
    EXPECT_EQ(events[events.size() - (erased ? 2 : 1)].type(), "referral.enrolment_ended_with_referral");
  };
  std::string name = Placed();
  const std::string referral = Seen(name).referral();
  const v1::Referral declined = Must(Do(receiver, &Stub::DeclineReferral, Decline(referral)));
  EXPECT_EQ(Seen(name).leave_reason(), v1::LEAVE_REASON_REFERRAL_ENDED);
  left(name);
  name = Placed();
  auto misdirected = On<v1::ReportMisdirectedRequest>(Seen(name).referral());
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(name))),
            "NOT_FOUND");
  EXPECT_EQ(EventsOf(name).back().type(), "referral.enrolment_erased") << "it should never have been there";
  EXPECT_THAT(Must(rows::EnrolmentsOf(**rig.store().Snapshot(), misdirected.name())), ::testing::IsEmpty());
  left(name);
  name = Placed();
  const std::string linked = Must(Do(receiver, &Stub::HandOverReferral,
                                     ToBody<v1::HandOverReferralRequest>(Seen(name).referral(), kThirdBody)))
                                 .forwarded_to();
  EXPECT_EQ(Seen(name).state(), v1::ENROLMENT_STATE_PLACED) << "kept until the other body takes over";
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked)));
  left(name);
}

TEST_F(EnrolmentTest, WhoWithdrawsIsOfferedNoPlaceAndHasNoEnrolment) {
  const std::string name = OnConsent(2);
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  waitlist.set_offer(std::string(kAsl));
  waitlist.set_group_id("alpha");
  Must(Do(receiver, &Stub::WaitlistReferral, waitlist));
  EXPECT_EQ(List("alpha").waiting_person_count(), 2);
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL, 1)));
  EXPECT_EQ(List("alpha").waiting_count(), 1);
  EXPECT_EQ(List("alpha").waiting_person_count(), 1);
  EXPECT_THAT(Must(Get(receiver, name)).waiting().persons(), ElementsAre(2));
  auto offer = On<v1::OfferPlaceRequest>(name);
  *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(48));
  Must(Do(receiver, &Stub::OfferPlace, offer));
  EXPECT_EQ(List("alpha").taken(), 1);
  const v1::Referral accepted =
      Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  ASSERT_EQ(accepted.places_size(), 1);
  EXPECT_EQ(Seen(accepted.places(0).enrolment()).person(), 2U);
  EXPECT_EQ(List("alpha").taken(), 1);
}

TEST_F(EnrolmentTest, TheEnrolmentOfWhoWithdrawsEndsAndTheNextIsNamed) {
  const v1::Referral accepted = Must(Accept(OnConsent(2), "alpha", 2));
  const std::string first = accepted.places(0).enrolment();
  const std::string waiting = OnList("alpha");
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(accepted.name(), v1::RIGHT_KIND_WITHDRAWAL, 1)));
  EXPECT_EQ(Seen(first).state(), v1::ENROLMENT_STATE_LEFT);
  EXPECT_EQ(Seen(first).leave_reason(), v1::LEAVE_REASON_REFERRAL_ENDED);
  EXPECT_EQ(List("alpha").taken(), 1);
  EXPECT_EQ(History(accepted.name()).back().next_on_list(), waiting);
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(first))), "INVALID_TRANSITION");
  EXPECT_EQ(Seen(accepted.places(1).enrolment()).state(), v1::ENROLMENT_STATE_PLACED);
}

TEST_F(EnrolmentTest, TheEnrolmentOfWhomTheProviderErasesEnds) {
  const v1::Referral accepted = Must(Accept(Acknowledged(2), "alpha", 2));
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(accepted.name(), v1::RIGHT_KIND_OBJECTION, 2)))
          .name();
  EXPECT_EQ(List("alpha").taken(), 2) << "nobody has answered";
  Must(Do(receiver, &Stub::AnswerRightsRequest,
          Receipt(right, accepted.name(), v1::RIGHT_ANSWER_STOPPED_ERASED)));
  EXPECT_EQ(List("alpha").taken(), 1);
  EXPECT_EQ(Seen(accepted.places(0).enrolment()).state(), v1::ENROLMENT_STATE_PLACED);
}

TEST_F(EnrolmentTest, AReferralThatIsSentAgainForgetsNoEnrolment) {
  const v1::Referral accepted = Must(Accept(Acknowledged(2), "alpha", 2));
  const std::string started = accepted.places(0).enrolment();
  const std::string placed = accepted.places(1).enrolment();
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(started, 2)));
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(Seen(placed).state(), v1::ENROLMENT_STATE_LEFT) << "the provider is asked afresh";
  EXPECT_EQ(Seen(started).state(), v1::ENROLMENT_STATE_ATTENDING) << "who has begun is there";
  EXPECT_EQ(List("alpha").taken(), 1);
  const std::string waiting = OnList("alpha");
  auto misdirected = On<v1::ReportMisdirectedRequest>(accepted.name());
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(List("alpha").taken(), 0) << "or its place would be taken for ever";
  EXPECT_EQ(EventsOf(started).back().type(), "referral.enrolment_erased");
  EXPECT_THAT(Must(rows::EnrolmentsOf(**rig.store().Snapshot(), accepted.name())), ::testing::IsEmpty());
  EXPECT_EQ(History(accepted.name()).back().next_on_list(), waiting);
}

TEST_F(EnrolmentTest, WhoAttendsKeepsTheOnePlaceWhenTheReferralIsAcceptedAgain) {
  for (const std::string group : {"fle1", "alpha"}) {  // of one place, and of two
    const v1::Referral accepted = Must(Accept(Acknowledged(), group));
    const std::string& name = accepted.name();
    const std::string enrolment = accepted.places(0).enrolment();
    Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(enrolment)));
    auto reopen = On<v1::ReopenReferralRequest>(name);
    reopen.set_text("why");
    Must(Do(referrer, &Stub::ReopenReferral, reopen));
    const std::string waiting = OnList(group);
    auto again = On<v1::AcceptReferralRequest>(name);
    again.set_offer(std::string(kAsl));
    again.add_places()->set_person(1);
    again.mutable_places(0)->set_group_id(group);
    const auto answer = Do(receiver, &Stub::AcceptReferral, again);
    ASSERT_EQ(ReasonOf(answer), "OK") << "it takes nothing: not before others either";
    ASSERT_EQ(answer->places_size(), 1);
    EXPECT_EQ(answer->places(0).enrolment(), enrolment);
    EXPECT_EQ(Seen(enrolment).state(), v1::ENROLMENT_STATE_ATTENDING);
    EXPECT_EQ(Seen(enrolment).revision(), 2) << "nothing has happened to it";
    EXPECT_EQ(List(group).taken(), 1);
    EXPECT_EQ(List(group).enrolled(), 1);
    Must(Do(receiver, &Stub::CompleteReferral, Complete(name)));
    EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(enrolment))).next_on_list(), waiting);
    EXPECT_EQ(List(group).taken(), 0);
  }
}

TEST_F(EnrolmentTest, WhoAttendsIsMovedToAnotherGroupAndNotAcceptedIntoIt) {
  const v1::Referral accepted = Must(Accept(Acknowledged(2), "alpha", 2));
  const std::string& name = accepted.name();
  const std::string enrolment = accepted.places(0).enrolment();
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(enrolment, 2)));
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("why");
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(List("alpha").taken(), 1);
  const auto before = rig.Dump();
  const auto refused = Accept(name, "entry", 2);
  EXPECT_EQ(ReasonOf(refused), "ALREADY_ENROLLED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "enrolment"), enrolment);
  EXPECT_EQ(error::MetadataOf(refused.status(), "group"), base::Cat(kAsl, "/groups/alpha"));
  EXPECT_TRUE(rig.Dump() == before);
  // Moved, and then accepted where they are; the other one gets a place of their own.
  Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(enrolment, "entry")));
  const v1::Referral again = Must(Accept(name, "entry", 2));
  EXPECT_EQ(again.places(0).enrolment(), enrolment);
  EXPECT_NE(again.places(1).enrolment(), accepted.places(1).enrolment());
  EXPECT_EQ(List("entry").taken(), 2);
  EXPECT_EQ(List("alpha").taken(), 0);
}

TEST_F(EnrolmentTest, WhoAttendsKeepsTheirPlaceInACohortThatHasBegun) {
  SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"autumn", 5, "2026-05-10"}});
  const v1::Referral accepted = Must(Accept(Acknowledged(), "autumn"));
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(accepted.places(0).enrolment())));
  rig.clock().Advance(absl::Hours(24 * 20));
  Refresh();
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
  const auto again = Accept(accepted.name(), "autumn");
  ASSERT_EQ(ReasonOf(again), "OK") << "the group takes nobody more";
  EXPECT_EQ(again->places(0).enrolment(), accepted.places(0).enrolment());
}

TEST_F(EnrolmentTest, WhatWasOfferedToWhoAttendsAlreadyIsFree) {
  const v1::Referral accepted = Must(Accept(Acknowledged(), "alpha"));
  const std::string enrolment = accepted.places(0).enrolment();
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(enrolment)));
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
  auto offer = On<v1::OfferPlaceRequest>(accepted.name());
  *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(48));
  offer.set_offer(std::string(kAsl));
  offer.set_group_id("alpha");
  auto waitlist = On<v1::WaitlistReferralRequest>(accepted.name());
  *waitlist.mutable_review_time() = offer.answer_by_time();
  waitlist.set_offer(std::string(kAsl));
  waitlist.set_group_id("alpha");
  Must(Do(receiver, &Stub::WaitlistReferral, waitlist));
  Must(Do(receiver, &Stub::OfferPlace, offer));
  EXPECT_EQ(List("alpha").taken(), 2);
  const std::string waiting = OnList("alpha");
  const auto again =
      Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(accepted.name())));
  EXPECT_EQ(again.places(0).enrolment(), enrolment);
  EXPECT_EQ(List("alpha").taken(), 1);
  EXPECT_EQ(again.next_on_list(), waiting);
}

TEST_F(EnrolmentTest, TheNextIsNamedWhereAPlaceBecameFreeAndOnlyThere) {
  const std::string moved = Placed("alpha");
  Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(moved, "fle1")));
  const std::string waits_for_alpha = OnList("alpha");
  const std::string waits_for_fle1 = OnList("fle1");
  const v1::Referral declined = Must(Do(receiver, &Stub::DeclineReferral, Decline(Seen(moved).referral())));
  EXPECT_EQ(declined.next_on_list(), waits_for_fle1) << "it was there last";
  EXPECT_EQ(History(declined.name()).back().next_on_list(), waits_for_fle1);
  // Opened again and ended again: who attends stays, and frees nothing.
  const v1::Referral accepted = Must(Accept(Acknowledged(), "alpha"));
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(accepted.places(0).enrolment())));
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(Do(receiver, &Stub::ReopenReferral, reopen));
  auto end = On<v1::EndReferralWithoutResultRequest>(accepted.name());
  end.set_text("why");
  *end.add_outcomes() = Outcomes(NegativeOutcome())[0];
  const v1::Referral ended = Must(Do(receiver, &Stub::EndReferralWithoutResult, end));
  EXPECT_EQ(ended.next_on_list(), "");
  EXPECT_EQ(History(ended.name()).back().next_on_list(), "");
  EXPECT_EQ(List("alpha").taken(), 1);
}

TEST_F(EnrolmentTest, ACompletedReferralLeavesItsEnrolmentsAlone) {
  const v1::Referral accepted = Must(Accept(Acknowledged(), "alpha"));
  const std::string name = accepted.places(0).enrolment();
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(accepted.name())));
  Must(Do(receiver, &Stub::CompleteReferral, Complete(accepted.name())));
  EXPECT_EQ(Seen(name).state(), v1::ENROLMENT_STATE_PLACED);
  EXPECT_EQ(List("alpha").taken(), 1);
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(Do(receiver, &Stub::ReopenReferral, reopen));
  EXPECT_EQ(List("alpha").taken(), 1) << "the enrolment has the place";
}

TEST_F(EnrolmentTest, TwoAcceptancesRaceForTheLastPlaceAndOneWins) {
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::string> names = {Acknowledged(), Acknowledged()};
    std::vector<std::string> reasons(2);
    std::barrier together(2);
    const auto accept = [&](size_t which) {
      together.arrive_and_wait();
      reasons[which] = ReasonOf(Accept(names[which], "fle1"));
    };
    std::thread other([&] { accept(1); });
    accept(0);
    other.join();
    const size_t winner = reasons[0] == "OK" ? 0 : 1;
    std::sort(reasons.begin(), reasons.end());
    ASSERT_THAT(reasons, ElementsAre("NO_PLACE_FREE", "OK")) << round;
    ASSERT_EQ(List("fle1").taken(), 1);
    Must(Do(receiver, &Stub::DeclineReferral, Decline(names[winner])));
    ASSERT_EQ(List("fle1").taken(), 0);
  }
}

// The socio-linguistic workshops of Pont-de-Claix, as a paper of 2023 has them: 33 learners on four levels
// and in an entry group, every place taken, and 15 people on the waiting list.
TEST_F(EnrolmentTest, TheWorkshopsOfPontDeClaix) {
  const std::vector<OfferedGroup> groups = {
      {"alpha", 8}, {"fle1", 19}, {"fle2", 2}, {"fle3", 3}, {"entry", 1}};
  SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, groups);
  std::map<std::string, std::vector<std::string>> learners;
  for (const OfferedGroup& group : groups) {
    for (int i = 0; i < group.places; ++i) {
      learners[std::string(group.group_id)].push_back(Attending(group.group_id));
    }
    EXPECT_EQ(ReasonOf(Accept(Acknowledged(), group.group_id)), "NO_PLACE_FREE") << group.group_id;
  }
  std::vector<std::string> waiting;
  for (int i = 0; i < 15; ++i) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    waiting.push_back(OnList("entry"));
  }
  EXPECT_EQ(Must(Get(referrer, waiting.back())).waiting().position(), 15);
  const auto move = [&](const std::string& from, const std::string& to, int count) {
    std::string next;
    for (int i = 0; i < count; ++i) {
      const std::string name = learners[from].back();
      learners[from].pop_back();
      next = Must(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, to))).next_on_list();
      learners[to].push_back(name);
    }
    return next;
  };
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(learners["fle2"][0], "fle3"))),
            "NO_PLACE_FREE")
      << "a level is reached, and there is no place yet";
  for (const std::string& name : learners["fle3"]) {
    Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(name)));
  }
  learners["fle3"].clear();
  move("fle2", "fle3", 2);
  move("fle1", "fle2", 2);
  move("alpha", "fle1", 2);
  EXPECT_EQ(move("entry", "alpha", 1), waiting.front()) << "whoever is first is named";
  auto offer = On<v1::OfferPlaceRequest>(waiting.front());
  *offer.mutable_answer_by_time() = api::ToTimestamp(rig.clock().Now() + absl::Hours(48));
  Must(Do(receiver, &Stub::OfferPlace, offer));
  EXPECT_EQ(Must(Get(referrer, waiting.back())).waiting().position(), 14);
  int taken = 0;
  for (const OfferedGroup& group : groups) {
    EXPECT_LE(List(group.group_id).taken(), group.places);
    taken += List(group.group_id).taken();
  }
  EXPECT_EQ(taken, 33 - 3 + 1) << "three have left, one is offered a place";
  EXPECT_EQ(List("entry").waiting_count(), 14);
}

// --- Listings and authority ------------------------------------------------------------------------------

TEST_F(EnrolmentTest, ListingsAreByGroupOrBodyAndPaged) {
  std::vector<std::string> entry;
  for (int i = 0; i < 5; ++i) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    entry.push_back(Placed("entry"));
  }
  const std::string alpha = Attending();
  Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(entry[4])));
  const auto names = [&](v1::ListEnrolmentsRequest request) {
    std::vector<std::string> all;
    for (int page = 0; page < 10; ++page) {
      const auto response = Must(Do(receiver, &EnrolmentStub::ListEnrolments, request));
      EXPECT_LE(response.enrolments_size(), request.page_size());
      for (const auto& enrolment : response.enrolments()) all.push_back(enrolment.name());
      if (response.next_page_token().empty()) break;
      request.set_page_token(response.next_page_token());
    }
    return all;
  };
  v1::ListEnrolmentsRequest request;
  request.set_page_size(2);
  EXPECT_THAT(names(request), ElementsAre(entry[0], entry[1], entry[2], entry[3], alpha)) << "placed first";
  request.set_offer(std::string(kAsl));
  request.set_group_id("entry");
  EXPECT_THAT(names(request), ElementsAre(entry[0], entry[1], entry[2], entry[3]));
  request.add_states(v1::ENROLMENT_STATE_LEFT);
  EXPECT_THAT(names(request), ElementsAre(entry[4]));
  request.add_states(v1::ENROLMENT_STATE_PLACED);
  request.set_page_size(4);
  EXPECT_EQ(names(request).size(), 5U);
  request.clear_states();
  request.set_page_token("nonsense");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::ListEnrolments, request)), "PAGE_TOKEN_INVALID");
  request.clear_page_token();
  EXPECT_EQ(Do(third, &EnrolmentStub::ListEnrolments, request).status().code(),
            absl::StatusCode::kPermissionDenied);
  const std::string elsewhere =
      rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {std::string(kOtherReceivingUnit)});
  EXPECT_EQ(Must(Do(elsewhere, &EnrolmentStub::ListEnrolments, request)).enrolments_size(), 0);
  EXPECT_EQ(Must(Do(receiving_caseworker, &EnrolmentStub::ListEnrolments, request)).enrolments_size(), 4);
}

TEST_F(EnrolmentTest, PausesThatAreToBeLookedAtAgainAreListed) {
  std::vector<std::string> paused;
  for (int i = 0; i < 4; ++i) {
    paused.push_back(Attending("entry"));
    auto pause = On<v1::PauseEnrolmentRequest>(paused.back());
    *pause.mutable_review_time() = api::ToTimestamp(rig.clock().Now() + absl::Hours(24 * (i + 1)));
    Must(Do(receiver, &EnrolmentStub::PauseEnrolment, pause));
  }
  Attending();
  const auto due = [&](bool in_group) {
    v1::ListEnrolmentsRequest request;
    request.set_review_due(true);
    request.set_page_size(1);
    if (in_group) {
      request.set_offer(std::string(kAsl));
      request.set_group_id("entry");
    }
    std::vector<std::string> names;
    for (int page = 0; page < 10; ++page) {
      const auto response = Must(Do(receiver, &EnrolmentStub::ListEnrolments, request));
      for (const auto& enrolment : response.enrolments()) names.push_back(enrolment.name());
      if (response.next_page_token().empty()) break;
      request.set_page_token(response.next_page_token());
    }
    return names;
  };
  EXPECT_THAT(due(false), IsEmpty());
  rig.clock().Advance(absl::Hours(24 * 2));
  Refresh();
  EXPECT_THAT(due(false), ::testing::UnorderedElementsAre(paused[0], paused[1])) << "its time has come";
  EXPECT_EQ(due(true).size(), 2U);
  Must(Do(receiver, &EnrolmentStub::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(paused[0])));
  EXPECT_THAT(due(true), ElementsAre(paused[1]));
  v1::ListEnrolmentsRequest wrong;
  wrong.set_review_due(true);
  wrong.add_states(v1::ENROLMENT_STATE_ATTENDING);
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::ListEnrolments, wrong)), "INVALID_FIELD");
  wrong.set_states(0, v1::ENROLMENT_STATE_PAUSED);
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::ListEnrolments, wrong)).enrolments_size(), 1);
}

TEST_F(EnrolmentTest, EveryMethodRoleAndPart) {
  const std::string name = Attending();
  using Caller = std::function<absl::Status(const std::string&)>;
  const std::string stale = "\"999\"";
  const auto change = [&](auto method, auto request) -> Caller {
    request.set_etag(stale);
    return [this, method, request](const std::string& token) {
      const absl::Status status = Do(token, method, request).status();
      return error::ReasonOf(status) == "ETAG_MISMATCH" ? absl::OkStatus() : status;
    };
  };
  const std::map<std::string, Caller> methods = {
      {"GetEnrolment",
       [&](const std::string& token) {
         return Do(token, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(name)).status();
       }},
      {"StartEnrolment", change(&EnrolmentStub::StartEnrolment, Starting(name))},
      {"PauseEnrolment", change(&EnrolmentStub::PauseEnrolment, Pausing(name))},
      {"ResumeEnrolment", change(&EnrolmentStub::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(name))},
      {"LeaveEnrolment", change(&EnrolmentStub::LeaveEnrolment, Leaving(name))},
      {"MoveEnrolment", change(&EnrolmentStub::MoveEnrolment, Moving(name, "fle1"))},
      {"RecordAssessment", change(&EnrolmentStub::RecordAssessment, Assessing(name))},
      {"VoidAssessment", change(&EnrolmentStub::VoidAssessment, Voiding(name))},
      {"RecordAttendance", change(&EnrolmentStub::RecordAttendance, AttendanceOf(name))},
  };
  EXPECT_EQ(methods.size() + 4, kEnrolmentMethodRules.size()) << "the others are about groups and bodies";
  struct Part {
    std::string_view body;
    std::string_view unit;
    bool has_the_case;
  };
  for (const Part& part :
       {Part{kReceivingBody, kReceivingUnit, true}, Part{kReceivingBody, kOtherReceivingUnit, false},
        Part{kReferringBody, kReferringUnit, false}, Part{kCoordinatingBody, "", false},
        Part{kThirdBody, kThirdUnit, false}}) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      const std::string token = rig.TokenOf(part.body, {role}, {std::string(part.unit)});
      for (const auto& [method, call] : methods) {
        const bool works = role == Role::kSupervisor || role == Role::kCaseworker;
        const bool own = part.body == kReceivingBody;
        absl::StatusCode expected = absl::StatusCode::kPermissionDenied;
        if (works && !own) expected = absl::StatusCode::kNotFound;
        if (works && own && (role == Role::kSupervisor || part.has_the_case)) {
          expected = absl::StatusCode::kOk;
        }
        EXPECT_EQ(call(token).code(), expected)
            << method << " " << policy::RoleName(role) << " of " << part.body << " " << part.unit;
      }
    }
  }
  EXPECT_EQ(Seen(name).revision(), 2) << "nothing was changed on the way";
  for (const auto& [method, call] : methods) {
    EXPECT_EQ(call("none").code(), absl::StatusCode::kUnauthenticated) << method;
  }
}

TEST_F(EnrolmentTest, WhatIsWrongIsRefusedAndNothingIsWritten) {
  const std::string name = Attending();
  const auto before = rig.Dump();
  const auto refused = [&](const auto& answer, std::string_view field) {
    EXPECT_EQ(ReasonOf(answer), "INVALID_FIELD") << field;
    EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": ")))) << field;
    EXPECT_TRUE(rig.Dump() == before) << field;
  };
  const auto leave = [&](const std::function<void(v1::LeaveEnrolmentRequest&)>& fill) {
    auto request = Leaving(name);
    fill(request);
    return Do(receiver, &EnrolmentStub::LeaveEnrolment, request);
  };
  refused(leave([](auto& r) { r.clear_reason(); }), "reason");
  refused(leave([](auto& r) { r.set_reason(v1::LEAVE_REASON_REFERRAL_ENDED); }), "reason");
  refused(leave([](auto& r) { r.set_reason(v1::LEAVE_REASON_NEVER_STARTED); }), "reason");
  refused(leave([](auto& r) { r.set_reason(static_cast<v1::LeaveReason>(99)); }), "reason");
  refused(leave([](auto& r) { r.clear_destination(); }), "destination");
  refused(leave([](auto& r) { r.set_destination(static_cast<v1::LeaveDestination>(99)); }), "destination");
  refused(leave([](auto& r) { r.set_etag(std::string(65, 'x')); }), "etag");
  for (const std::string bad : {"", "enrolments/", "referrals/x", "enrolments/X", "enrolments/a/b"}) {
    refused(leave([&](auto& r) { r.set_name(bad); }), "name");
    refused(Do(receiver, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(bad)), "name");
  }
  const auto assess = [&](const std::function<void(v1::Assessment&)>& fill) {
    auto request = Assessing(name);
    fill(*request.mutable_assessment());
    return Do(receiver, &EnrolmentStub::RecordAssessment, request);
  };
  refused(assess([](auto& a) { a.set_date("2026-02-30"); }), "assessment.date");
  refused(assess([](auto& a) { a.set_date("2026-06-01"); }), "assessment.date");
  refused(assess([](auto& a) { a.clear_level(); }), "assessment.level");
  refused(assess([](auto& a) { a.set_level("She speaks well"); }), "assessment.level");
  refused(assess([](auto& a) { a.set_level(std::string(61, 'A')); }), "assessment.level");
  refused(assess([](auto& a) { a.set_cefr_level(static_cast<v1::CefrLevel>(99)); }), "assessment.cefr_level");
  const auto attend = [&](const std::function<void(v1::RecordAttendanceRequest&)>& fill) {
    auto request = AttendanceOf(name);
    fill(request);
    return Do(receiver, &EnrolmentStub::RecordAttendance, request);
  };
  refused(attend([](auto& r) { r.clear_days(); }), "days");
  refused(attend([](auto& r) { r.mutable_days(0)->clear_status(); }), "days[0].status");
  refused(attend([](auto& r) { r.mutable_days(0)->set_date("2026-06-01"); }), "days[0].date");
  refused(attend([](auto& r) { r.mutable_days(0)->set_date("today"); }), "days[0].date");
  refused(attend([](auto& r) { *r.add_days() = r.days(0); }), "days[1].date");
  refused(attend([](auto& r) {
            while (r.days_size() < 32) r.add_days();
          }),
          "days");
  auto pause = On<v1::PauseEnrolmentRequest>(name);
  refused(Do(receiver, &EnrolmentStub::PauseEnrolment, pause), "review_time");
  *pause.mutable_review_time() = api::ToTimestamp(Now() - absl::Hours(1));
  refused(Do(receiver, &EnrolmentStub::PauseEnrolment, pause), "review_time");
  refused(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, "Fle1")), "group_id");
  v1::ListEnrolmentsRequest list;
  list.set_offer(std::string(kAsl));
  refused(Do(receiver, &EnrolmentStub::ListEnrolments, list), "group_id");
  list.set_group_id("alpha");
  list.add_states(static_cast<v1::EnrolmentState>(99));
  refused(Do(receiver, &EnrolmentStub::ListEnrolments, list), "states[0]");
  list.clear_states();
  list.set_page_size(-1);
  refused(Do(receiver, &EnrolmentStub::ListEnrolments, list), "page_size");
}

TEST_F(EnrolmentTest, WhatIsOwedIsAskedForByItself) {
  const auto refused = [](const auto& answer, std::string_view field) {
    EXPECT_EQ(ReasonOf(answer), "INVALID_FIELD") << field;
    EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": ")))) << field;
  };
  const auto owed = [&](bool is_owed, const std::function<void(v1::ListEnrolmentsRequest&)>& fill) {
    v1::ListEnrolmentsRequest request;
    request.set_hand_over_owed(is_owed);
    fill(request);
    return Do(receiver, &EnrolmentStub::ListEnrolments, request);
  };
  refused(owed(false, [](auto& r) { r.set_overdue(true); }), "overdue");
  refused(owed(false, [](auto& r) { r.set_programme("programmes/estia"); }), "programme");
  refused(owed(true, [](auto& r) { r.set_programme("estia"); }), "programme");
  refused(owed(true, [](auto& r) { r.set_review_due(true); }), "hand_over_owed");
  refused(owed(true, [](auto& r) { r.add_states(v1::ENROLMENT_STATE_PAUSED); }), "hand_over_owed");
  refused(owed(true,
               [](auto& r) {
                 r.set_offer(std::string(kAsl));
                 r.set_group_id("alpha");
               }),
          "hand_over_owed");
}

TEST_F(EnrolmentTest, ARequestIdIsGoodForOneContent) {
  const std::string name = Attending();
  auto request = Leaving(name);
  request.set_request_id("request-of-this-test");
  const auto first = Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, request));
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, request)).revision(), first.revision());
  request.set_destination(v1::LEAVE_DESTINATION_NONE);
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::LeaveEnrolment, request)), "REQUEST_ID_REUSED");
}

// --- Many at once ----------------------------------------------------------------------------------------

// Referrals and enrolments go their ways as chance has it. The places taken are those of the open enrolments
// and of the offers, one by one; a place is refused when there is none, and never otherwise.
class EnrolmentHistoryTest : public EnrolmentTest, public ::testing::WithParamInterface<int> {
 protected:
  int Below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  std::string AnyGroup() {
    return std::vector<std::string>{"alpha", "fle1", "entry"}[static_cast<size_t>(Below(3))];
  }

  std::map<std::string, int> Taken() {
    std::map<std::string, int> taken;
    v1::ListEnrolmentsRequest all;
    all.set_page_size(500);
    const auto open = Must(Do(receiver, &EnrolmentStub::ListEnrolments, all));
    for (const auto& enrolment : open.enrolments()) ++taken[enrolment.group_id()];
    for (const std::string& name : referrals_) {
      const v1::Referral referral = Must(Get(receiver, name));
      if (referral.state() != kOffered) continue;
      for (const auto& place : referral.places()) ++taken[place.group_id()];
    }
    return taken;
  }

  std::string StepOfReferral(std::string& name) {
    switch (Below(5)) {
      case 0: {
        auto request = On<v1::WaitlistReferralRequest>(name);
        *request.mutable_review_time() = api::ToTimestamp(rig.clock().Now() + absl::Hours(48));
        request.set_offer(std::string(kAsl));
        request.set_group_id(AnyGroup());
        return ReasonOf(Do(receiver, &Stub::WaitlistReferral, request));
      }
      case 1: {
        auto request = On<v1::OfferPlaceRequest>(name);
        *request.mutable_answer_by_time() = api::ToTimestamp(rig.clock().Now() + absl::Hours(48));
        request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
        return ReasonOf(Do(receiver, &Stub::OfferPlace, request));
      }
      case 2:
      case 3:
        return ReasonOf(Accept(name, AnyGroup()));
      default: {
        const std::string reason = ReasonOf(Do(receiver, &Stub::DeclineReferral, Decline(name)));
        name = Acknowledged();
        return reason;
      }
    }
  }

  std::string StepOfEnrolment(const v1::Enrolment& one) {
    const std::string& name = one.name();
    switch (Below(5)) {
      case 0: {
        const bool ended = IsEnd(Must(Get(receiver, one.referral())).state());
        return ReasonOf(Do(receiver, &EnrolmentStub::StartEnrolment, Starting(name, ended ? 0 : 1)));
      }
      case 1:
        return ReasonOf(Do(receiver, &EnrolmentStub::PauseEnrolment, Pausing(name)));
      case 2:
        return ReasonOf(Do(receiver, &EnrolmentStub::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(name)));
      case 3:
        return ReasonOf(Do(receiver, &EnrolmentStub::MoveEnrolment, Moving(name, AnyGroup())));
      default:
        return ReasonOf(Do(receiver, &EnrolmentStub::LeaveEnrolment, Leaving(name)));
    }
  }

  std::vector<std::string> referrals_;
  std::minstd_rand random_{static_cast<unsigned>(GetParam())};
};

TEST_P(EnrolmentHistoryTest, PlacesAreNeverBelowZeroAndNeverOversold) {
  const std::map<std::string, int> places = {{"alpha", 2}, {"fle1", 1}};
  for (int i = 0; i < 8; ++i) referrals_.push_back(Acknowledged());
  std::map<std::string, int> outcomes;
  for (int step = 0; step < 200; ++step) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    const std::map<std::string, int> before = Taken();
    v1::ListEnrolmentsRequest all;
    all.set_page_size(500);
    const auto open = Must(Do(receiver, &EnrolmentStub::ListEnrolments, all));
    const bool enrolment = open.enrolments_size() > 0 && Below(2) == 0;
    const std::string reason = enrolment ? StepOfEnrolment(open.enrolments(Below(open.enrolments_size())))
                                         : StepOfReferral(referrals_[static_cast<size_t>(Below(8))]);
    ++outcomes[reason];
    const std::map<std::string, int> after = Taken();
    for (const std::string group : {"alpha", "fle1", "entry"}) {
      const int taken = after.contains(group) ? after.at(group) : 0;
      ASSERT_EQ(List(group).taken(), taken) << group << " after step " << step << " " << reason;
      if (places.contains(group)) {
        ASSERT_LE(taken, places.at(group)) << group << " after step " << step;
      }
    }
    if (reason == "NO_PLACE_FREE") {
      EXPECT_EQ(after, before);
      const auto full = [&](const std::string& group) {
        return before.contains(group) && before.at(group) == places.at(group);
      };
      EXPECT_TRUE(full("alpha") || full("fle1")) << "refused for nothing at step " << step;
    }
  }
  EXPECT_GT(outcomes["OK"], 60);
  EXPECT_GT(outcomes["NO_PLACE_FREE"], 0) << "or the history tests little";
}
INSTANTIATE_TEST_SUITE_P(Chance, EnrolmentHistoryTest, ::testing::Range(1, 7));

}  // namespace
}  // namespace waypost::referral
