// The service over gRPC on a real store: what only shows when the chain, the rules, the keys and the rows
// work together. Who may call what, refusals, listings, watches and erasure on disk have files of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "common/api/resource.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const std::vector<v1::SectionKind> kScreeningOnly = {v1::SECTION_KIND_SCREENING};
const std::vector<v1::SectionKind> kDetailsOnly = {v1::SECTION_KIND_DETAILS};
const std::vector<v1::SectionKind> kAlertsOnly = {v1::SECTION_KIND_ALERTS};
const std::vector<v1::SectionKind> kScreeningAndDetails = {v1::SECTION_KIND_SCREENING,
                                                           v1::SECTION_KIND_DETAILS};

std::vector<std::string> Marks() {
  return {std::string(kGivenName), std::string(kNeeds),        std::string(kScreening),
          std::string(kAlert),     std::string(kOwnReference), std::string(kQuestion)};
}

template <typename Request>
Request WithText(std::string_view name, std::string_view text) {
  auto request = On<Request>(name);
  request.set_text(std::string(text));
  return request;
}

std::vector<std::string> TypesOf(const std::vector<event::v1::Event>& events) {
  std::vector<std::string> types;
  for (const auto& event : events) types.push_back(event.type());
  return types;
}

class ReferralServiceTest : public ::testing::Test, protected ReferralRig {
 protected:
  // What must hold of every referral, whatever happened to it.
  void CheckInvariants(const std::string& name) {
    const ReferralRecord record = Record(name);
    const std::vector<event::v1::Event> events = EventsOf(name);
    int64_t revision = 0;
    for (const event::v1::Event& event : events) {
      if (event.kind() != event::v1::Event::KIND_CHANGE) continue;
      EXPECT_EQ(event.revision(), ++revision) << event.type();
      EXPECT_FALSE(event.state().empty());
      EXPECT_THAT(event.parties(), Contains(record.referring().body()));
    }
    EXPECT_EQ(revision, record.revision());
    const auto history = History(name);
    ASSERT_EQ(history.size(), static_cast<size_t>(revision));
    for (size_t i = 0; i < history.size(); ++i) EXPECT_EQ(history[i].revision(), static_cast<int64_t>(i) + 1);
    EXPECT_EQ(history.back().state(), record.state());
    const bool one_holder = record.case_holding_body() == record.referring().body() ||
                            record.case_holding_body() == record.receiving().body() ||
                            (record.state() == kForwarded && !record.case_holding_body().empty());
    EXPECT_TRUE(one_holder) << record.case_holding_body();
  }

  void ExpectNothingInTheClear() {
    for (const auto& [key, value] : rig.Dump()) {
      for (const std::string& mark : Marks()) {
        EXPECT_THAT(key, Not(HasSubstr(mark)));
        EXPECT_THAT(value, Not(HasSubstr(mark)));
      }
      EXPECT_THAT(value, Not(HasSubstr("in-the-clear")));
    }
  }
};

// --- 1. The usual course -----------------------------------------------------------------------------------

TEST_F(ReferralServiceTest, FromSubmissionToCompletion) {
  const v1::Referral sent = Must(Do(referring_caseworker, &Stub::SubmitReferral, NewReferral(2)));
  const std::string& name = sent.name();
  EXPECT_EQ(sent.state(), kRequested);
  EXPECT_EQ(sent.revision(), 1);
  EXPECT_EQ(sent.referring().body(), kReferringBody);
  EXPECT_EQ(sent.case_holding_body(), kReferringBody);
  EXPECT_EQ(sent.coordinating_body(), kCoordinatingBody);
  EXPECT_EQ(sent.due().clock(), v1::CLOCK_ACKNOWLEDGE);
  EXPECT_EQ(sent.due().party(), v1::PARTY_RECEIVING);
  EXPECT_THAT(sent.allowed_actions(), IsSupersetOf({"CANCEL", "REPORT_MISDIRECTED", "NOTE", "ASSIGN"}));
  EXPECT_THAT(sent.allowed_actions(), Not(Contains("ACCEPT")));

  rig.clock().Advance(absl::Hours(1));
  Refresh();
  const v1::Referral seen = Must(Do(receiving_caseworker, &Stub::AcknowledgeReferral,
                                    On<v1::AcknowledgeReferralRequest>(name, sent.etag())));
  EXPECT_EQ(seen.state(), kAcknowledged);
  EXPECT_EQ(seen.revision(), 2);
  EXPECT_NE(seen.etag(), sent.etag());
  EXPECT_THAT(seen.allowed_actions(), IsSupersetOf({"REQUEST_INFORMATION", "ACCEPT", "DECLINE", "WAITLIST"}));
  EXPECT_THAT(seen.allowed_actions(), Not(Contains("CANCEL")));

  const v1::Referral asked = Must(Do(receiving_caseworker, &Stub::RequestInformation,
                                     WithText<v1::RequestInformationRequest>(name, kQuestion)));
  EXPECT_EQ(asked.state(), kNeedsInfo);
  EXPECT_EQ(asked.due().clock(), v1::CLOCK_INFORMATION);
  EXPECT_EQ(asked.due().party(), v1::PARTY_REFERRING);
  rig.clock().Advance(absl::Hours(2));
  const v1::Referral answered = Must(Do(referring_caseworker, &Stub::ProvideInformation,
                                        WithText<v1::ProvideInformationRequest>(name, kQuestion)));
  EXPECT_EQ(answered.state(), kAcknowledged);
  // The receiver gets the two hours back.
  EXPECT_EQ(api::FromTimestamp(answered.due().time()),
            api::FromTimestamp(seen.due().time()) + absl::Hours(2));

  auto accept = On<v1::AcceptReferralRequest>(name, answered.etag());
  *accept.mutable_appointment()->mutable_time() = api::ToTimestamp(Now() + absl::Hours(48));
  accept.mutable_appointment()->set_zone("Europe/Madrid");
  accept.set_own_reference("MAD-2026-1");
  const v1::Referral accepted = Must(Do(receiving_caseworker, &Stub::AcceptReferral, accept));
  EXPECT_EQ(accepted.state(), kAccepted);
  EXPECT_EQ(accepted.case_holding_body(), kReceivingBody);
  ASSERT_THAT(accepted.appointments(), SizeIs(1));
  EXPECT_THAT(accepted.persons(), SizeIs(2));
  EXPECT_TRUE(accepted.persons(0).has_disclosure());

  EXPECT_EQ(Must(Do(receiving_caseworker, &Stub::StartReferral, On<v1::StartReferralRequest>(name))).state(),
            kInProgress);
  const v1::Referral done = Must(Do(receiving_caseworker, &Stub::CompleteReferral, Complete(name, 2)));
  EXPECT_EQ(done.state(), kCompleted);
  EXPECT_EQ(done.revision(), 7);
  EXPECT_TRUE(done.has_end_time());
  const v1::Referral told = Must(Get(referring_caseworker, name));
  ASSERT_THAT(told.persons(), SizeIs(2));
  EXPECT_EQ(told.persons(0).outcome().kind(), v1::OUTCOME_KIND_PROVIDED);
  EXPECT_EQ(told.persons(1).outcome().kind(), v1::OUTCOME_KIND_REFUSED);
  EXPECT_EQ(told.persons(1).outcome().remedy(), v1::REMEDY_ADMINISTRATIVE_APPEAL);

  CheckInvariants(name);
  EXPECT_THAT(TypesOf(EventsOf(name)),
              ElementsAre("referral.submitted", "referral.acknowledged", "referral.information_requested",
                          "referral.information_provided", "referral.accepted", "referral.started",
                          "referral.completed"));
  ExpectNothingInTheClear();
}

TEST_F(ReferralServiceTest, TheHistoryNamesBodiesAndShowsPseudonymsToTheirOwnBodyAlone) {
  const std::string name = InProgress();
  const auto history =
      Must(Do(referrer, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(name)));
  ASSERT_THAT(history.entries(), SizeIs(3));
  EXPECT_THAT(history.next_page_token(), IsEmpty());
  EXPECT_EQ(history.entries(0).event(), "SUBMIT");
  EXPECT_EQ(history.entries(0).body(), kReferringBody);
  EXPECT_EQ(history.entries(0).actor(), "actors/anaxxxxxxxxxxxxx");
  EXPECT_EQ(history.entries(1).event(), "ACCEPT");
  EXPECT_EQ(history.entries(1).body(), kReceivingBody);
  EXPECT_EQ(history.entries(1).actor(), "");
  EXPECT_EQ(history.entries(2).state(), kInProgress);
}

TEST_F(ReferralServiceTest, TellsACallerWhoSheIs) {
  const absl::Time until = rig.clock().Now() + absl::Minutes(10);
  const std::string token =
      rig.TokenOf(kReceivingBody, {policy::Role::kSupervisor, policy::Role::kCaseworker},
                  {std::string(kReceivingUnit)}, "actors/luzxxxxxxxxxxxxx", until);
  const v1::Myself luz = Must(Do(token, &Stub::GetMyself, v1::GetMyselfRequest()));
  EXPECT_EQ(luz.body(), kReceivingBody);
  EXPECT_EQ(luz.actor(), "actors/luzxxxxxxxxxxxxx");
  EXPECT_THAT(luz.roles(), ElementsAre("caseworker", "supervisor"));
  EXPECT_THAT(luz.units(), ElementsAre(kReceivingUnit));
  EXPECT_EQ(api::FromTimestamp(luz.expire_time()), until);
  const v1::Myself endless = Must(Do(referrer, &Stub::GetMyself, v1::GetMyselfRequest()));
  EXPECT_EQ(endless.actor(), "actors/anaxxxxxxxxxxxxx");
  EXPECT_FALSE(endless.has_expire_time());
}

TEST_F(ReferralServiceTest, HistoryAndNotesGoPageByPage) {
  const std::string name = Requested();
  for (int i = 0; i < 12; ++i) {
    auto note = WithText<v1::AddNoteRequest>(name, kQuestion);
    note.set_visibility(i % 3 == 0 ? v1::NOTE_VISIBILITY_OWN_SIDE : v1::NOTE_VISIBILITY_BOTH_SIDES);
    Must(Do(referrer, &Stub::AddNote, note));
  }
  for (const int size : {1, 5, 13, 500}) {
    auto history = On<v1::ListReferralHistoryRequest>(name);
    history.set_page_size(size);
    std::vector<int64_t> revisions;
    do {
      const auto page = Must(Do(receiver, &Stub::ListReferralHistory, history));
      EXPECT_LE(page.entries_size(), size);
      for (const auto& entry : page.entries()) revisions.push_back(entry.revision());
      history.set_page_token(page.next_page_token());
    } while (!history.page_token().empty());
    ASSERT_THAT(revisions, SizeIs(13));
    for (int i = 0; i < 13; ++i) EXPECT_EQ(revisions[static_cast<size_t>(i)], i + 1);

    auto notes = On<v1::ListNotesRequest>(name);
    notes.set_page_size(size);
    std::vector<std::string> names;
    do {
      const auto page = Must(Do(receiver, &Stub::ListNotes, notes));
      for (const auto& note : page.notes()) names.push_back(note.name());
      notes.set_page_token(page.next_page_token());
    } while (!notes.page_token().empty());
    EXPECT_THAT(names, SizeIs(8)) << size;
    EXPECT_THAT(names, Not(Contains(base::Cat(name, "/notes/1"))));
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end(), [](const auto& a, const auto& b) {
      return a.size() < b.size() || (a.size() == b.size() && a < b);
    }));
  }
}

TEST_F(ReferralServiceTest, AnEventNamesItsPartiesAndCommitsToWhatItDisclosed) {
  const std::string name = Requested(2);
  const std::vector<event::v1::Event> events = EventsOf(name);
  ASSERT_THAT(events, SizeIs(1));
  const event::v1::Event& event = events[0];
  EXPECT_EQ(event.service(), "referral");
  EXPECT_EQ(event.body(), kReferringBody);
  EXPECT_EQ(event.actor(), "actors/anaxxxxxxxxxxxxx");
  EXPECT_EQ(event.role(), "supervisor");
  EXPECT_EQ(event.state(), "REQUESTED");
  EXPECT_THAT(event.event_id(), SizeIs(16));
  EXPECT_EQ(event.policy_version(), policy::kPolicyVersion);
  EXPECT_THAT(event.parties(), UnorderedElementsAre(kReferringBody, kReceivingBody, kCoordinatingBody));
  std::set<std::string> names;
  std::set<std::string> values;
  for (const auto& [commitment, value] : event.commitments()) {
    names.insert(commitment);
    values.insert(value);
    EXPECT_THAT(value, SizeIs(32));
  }
  EXPECT_THAT(names, ElementsAre("1.alerts", "1.details", "1.screening", "2.alerts", "2.details",
                                 "2.screening", "content"));
  EXPECT_THAT(values, SizeIs(7));
  EXPECT_EQ(event.commitments().at("content"), Record(name).content_hash());
  EXPECT_EQ(event.facts().at("transport_receipt"), "RECEIVED");
  for (const auto& section : Sections(name)) EXPECT_THAT(values, Contains(section.commitment()));
  // The commitment opens with the data key and the content.
  const OpenedKeys opened = Must(sealing.OpenKeys(name, Wraps(name), kReferringBody));
  EXPECT_EQ(
      crypto::Commitment(opened.data.at(1), "1.details", MarkedSections(1).details().SerializeAsString()),
      event.commitments().at("1.details"));
}

TEST_F(ReferralServiceTest, ADraftIsItsBodysOwnUntilItIsSent) {
  const v1::Referral draft = Must(Do(referring_caseworker, &Stub::CreateReferral, NewDraft()));
  EXPECT_EQ(draft.state(), kDraft);
  EXPECT_THAT(draft.allowed_actions(), IsSupersetOf({"UPDATE", "SUBMIT", "CANCEL"}));
  EXPECT_THAT(EventsOf(draft.name())[0].parties(), ElementsAre(kReferringBody));
  EXPECT_THAT(Wraps(draft.name(), kReceivingBody), IsEmpty());
  for (const std::string& other : {receiver, coordinator, third}) {
    EXPECT_EQ(Get(other, draft.name()).status().code(), absl::StatusCode::kNotFound);
  }
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft.name());
  update.mutable_referral()->set_etag(draft.etag());
  update.mutable_referral()->set_priority(v1::PRIORITY_URGENT);
  update.mutable_update_mask()->add_paths("priority");
  const v1::Referral urgent = Must(Do(referring_caseworker, &Stub::UpdateReferral, update));
  EXPECT_EQ(urgent.priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(urgent.theme(), type::v1::THEME_LANGUAGE);
  update.clear_request_id();
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::UpdateReferral, update)), "ETAG_MISMATCH");

  const v1::Referral sent = Must(Do(referring_caseworker, &Stub::SubmitReferral,
                                    On<v1::SubmitReferralRequest>(draft.name(), urgent.etag())));
  EXPECT_EQ(sent.state(), kRequested);
  EXPECT_THAT(Wraps(draft.name(), kReceivingBody), SizeIs(1));
  EXPECT_EQ(Must(Get(receiver, draft.name())).state(), kRequested);
  CheckInvariants(draft.name());
  ExpectNothingInTheClear();
}

TEST_F(ReferralServiceTest, AnUpdateReplacesThePersonsSectionsWholly) {
  const v1::Referral draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft(2)));
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft.name());
  update.mutable_update_mask()->add_paths("sections");
  v1::PersonSections& sections = *update.add_sections();
  sections.set_person(1);
  sections.mutable_details()->set_given_name("Changed");
  Must(Do(referrer, &Stub::UpdateReferral, update));

  const std::vector<v1::PersonSections> opened = OpenableBy(draft.name(), kReferringBody);
  ASSERT_THAT(opened, SizeIs(2));
  EXPECT_EQ(opened[0].details().given_name(), "Changed");
  EXPECT_FALSE(opened[0].has_screening());
  EXPECT_FALSE(opened[0].has_alerts());
  EXPECT_EQ(opened[1].SerializeAsString(), MarkedSections(2).SerializeAsString());
  const auto shown =
      Must(Do(referrer, &Stub::DiscloseReferral, Disclose(draft.name(), kScreeningAndDetails)));
  ASSERT_THAT(shown.sections(), SizeIs(2));
  EXPECT_EQ(shown.sections(0).details().given_name(), "Changed");
}

TEST_F(ReferralServiceTest, APersonTakenOutOfADraftLeavesNothing) {
  const v1::Referral draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft(2)));
  v1::UpdateReferralRequest update;
  *update.mutable_referral() = CompleteReferral();
  update.mutable_referral()->set_name(draft.name());
  update.mutable_update_mask()->add_paths("persons");
  Must(Do(referrer, &Stub::UpdateReferral, update));
  for (const auto& section : Sections(draft.name())) EXPECT_EQ(section.person(), 1U);
  for (const Wrap& wrap : Wraps(draft.name())) EXPECT_NE(wrap.person, 2U);
}

TEST_F(ReferralServiceTest, OwnReferencesFindReferralsAndAReplacedOneDoesNot) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  const auto found = [&](const std::string& token, std::string_view reference) {
    v1::FindByOwnReferenceRequest request;
    request.set_own_reference(std::string(reference));
    std::vector<std::string> names;
    const auto answer = Must(Do(token, &Stub::FindByOwnReference, request));
    for (const auto& summary : answer.referrals()) names.push_back(summary.name());
    return names;
  };
  EXPECT_THAT(found(referrer, kOwnReference), ElementsAre(name));
  EXPECT_THAT(found(receiver, kOwnReference), IsEmpty());

  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(name);
  update.mutable_update_mask()->add_paths("own_reference");
  update.set_own_reference("OTHER-1");
  Must(Do(referrer, &Stub::UpdateReferral, update));
  EXPECT_THAT(found(referrer, "OTHER-1"), ElementsAre(name));
  EXPECT_THAT(found(referrer, kOwnReference), IsEmpty());
  const auto shown = Must(Do(referrer, &Stub::DiscloseReferral, Disclose(name, kScreeningOnly)));
  EXPECT_EQ(shown.own_reference(), "OTHER-1");

  update.clear_own_reference();
  update.clear_request_id();
  Must(Do(referrer, &Stub::UpdateReferral, update));
  EXPECT_THAT(found(referrer, "OTHER-1"), IsEmpty());
  EXPECT_EQ(Must(Do(referrer, &Stub::DiscloseReferral, Disclose(name, kScreeningOnly))).own_reference(), "");
  for (const auto& [key, value] : rig.Dump()) EXPECT_THAT(key, Not(HasSubstr("look")));
}

TEST_F(ReferralServiceTest, AnOwnReferenceFindsTheNewestFirstAndAtMostFifty) {
  std::vector<std::string> names;
  for (int i = 0; i < 53; ++i) {
    names.push_back(Requested());
    rig.clock().Advance(absl::Milliseconds(1));
    if (i == 20) Must(key_provider.Rotate(rig.clock().Now()));  // lookups under two keys
  }
  v1::FindByOwnReferenceRequest request;
  request.set_own_reference(std::string(kOwnReference));
  const auto found = Must(Do(referrer, &Stub::FindByOwnReference, request));
  ASSERT_THAT(found.referrals(), SizeIs(50));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(found.referrals(i).name(), names[static_cast<size_t>(52 - i)]) << i;
}

// --- 2. The same call again --------------------------------------------------------------------------------

TEST_F(ReferralServiceTest, TheSameCallAgainGetsTheFirstAnswerToTheByte) {
  const auto twice = [this](const std::string& token, auto method, auto request) {
    request.set_request_id(rig.NewRequestId());
    const auto first = Must(Do(token, method, request));
    const size_t events = rig.Events().size();
    const auto rows = rig.Dump();
    const auto second = Must(Do(token, method, request));
    EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString()) << request.GetTypeName();
    EXPECT_EQ(rig.Events().size(), events) << request.GetTypeName();
    EXPECT_EQ(rig.Dump(), rows) << request.GetTypeName();
    return first;
  };
  const std::string draft = twice(referrer, &Stub::CreateReferral, NewDraft()).name();
  twice(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft));
  const v1::Referral sent = twice(referrer, &Stub::SubmitReferral, NewReferral());
  const std::string& name = sent.name();
  auto acknowledge = On<v1::AcknowledgeReferralRequest>(name, sent.etag());
  acknowledge.set_own_reference("MAD-1");
  twice(receiver, &Stub::AcknowledgeReferral, acknowledge);
  twice(receiver, &Stub::RequestInformation, WithText<v1::RequestInformationRequest>(name, kQuestion));
  twice(referrer, &Stub::ProvideInformation, WithText<v1::ProvideInformationRequest>(name, kQuestion));
  auto note = WithText<v1::AddNoteRequest>(name, kQuestion);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  twice(receiver, &Stub::AddNote, note);
  twice(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name));
  twice(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name));
  twice(receiver, &Stub::CompleteReferral, Complete(name));
  twice(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name));
  const std::string forwarded = Requested();
  auto duty = ToBody<v1::ForwardByDutyRequest>(forwarded, kThirdBody);
  duty.set_law("es/ley-40-2015/art-14");
  const v1::Referral left = twice(receiver, &Stub::ForwardByDuty, duty);
  EXPECT_EQ(Must(Get(third, Record(forwarded).forwarded_to())).revision(), 1);
}

TEST_F(ReferralServiceTest, TheSameCallIsAnsweredAfterLaterChangesAndWithItsOldEtag) {
  v1::SubmitReferralRequest submit = NewReferral();
  submit.set_request_id("same-request-1");
  const v1::Referral sent = Must(Do(referrer, &Stub::SubmitReferral, submit));
  auto acknowledge = On<v1::AcknowledgeReferralRequest>(sent.name(), sent.etag());
  acknowledge.set_request_id("same-request-2");
  const v1::Referral seen = Must(Do(receiver, &Stub::AcknowledgeReferral, acknowledge));
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(sent.name())));
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(sent.name())));
  EXPECT_EQ(Must(Do(receiver, &Stub::AcknowledgeReferral, acknowledge)).SerializeAsString(),
            seen.SerializeAsString());
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, submit)).SerializeAsString(), sent.SerializeAsString());
  EXPECT_EQ(Record(sent.name()).revision(), 4);
}

TEST_F(ReferralServiceTest, TheSameIdWithOtherContentIsRefusedAndSaysNothingOfTheFirst) {
  v1::SubmitReferralRequest submit = NewReferral();
  submit.set_request_id("same-request-1");
  Must(Do(referrer, &Stub::SubmitReferral, submit));
  submit.mutable_referral()->set_priority(v1::PRIORITY_URGENT);
  const auto other = Do(referrer, &Stub::SubmitReferral, submit);
  EXPECT_EQ(ReasonOf(other), "REQUEST_ID_REUSED");
  EXPECT_EQ(other.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rig.Events().size(), 1U);

  const std::string name = Requested();
  auto note = WithText<v1::AddNoteRequest>(name, "one");
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_request_id("same-request-2");
  Must(Do(referrer, &Stub::AddNote, note));
  note.set_text("two");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::AddNote, note)), "REQUEST_ID_REUSED");
  // Another person's id of the same text is another id.
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::AddNote, note)), "OK");
}

// The last note that fits leaves no room, so that the same call could not be prepared once more.
TEST(ReferralReplay, TheLastNoteThatFitsIsAnsweredAgain) {
  ReferralRig rig(ReferralOptions(/*on_disk=*/false));
  const std::string name = rig.Requested();
  auto note = WithText<v1::AddNoteRequest>(name, "note");
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  for (uint32_t i = 1; i < kMaxNotes; ++i) Must(rig.Do(rig.referrer, &Stub::AddNote, note));
  note.set_request_id("the-last-note");
  const v1::Referral first = Must(rig.Do(rig.referrer, &Stub::AddNote, note));
  const auto again = rig.Do(rig.referrer, &Stub::AddNote, note);
  ASSERT_EQ(ReasonOf(again), "OK");
  EXPECT_EQ(again->SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(rig.Record(name).revision(), kMaxNotes + 1);
  note.set_text("another");
  EXPECT_EQ(ReasonOf(rig.Do(rig.referrer, &Stub::AddNote, note)), "REQUEST_ID_REUSED");
  note.set_request_id("one-too-many");
  EXPECT_EQ(ReasonOf(rig.Do(rig.referrer, &Stub::AddNote, note)), "LIMIT_EXCEEDED");
}

TEST_F(ReferralServiceTest, AStaleEtagAbortsAndAFailedCallIsNotRemembered) {
  const std::string name = Requested();
  const std::string old_etag = Must(Get(receiver, name)).etag();
  Must(Do(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  auto accept = On<v1::AcceptReferralRequest>(name, old_etag);
  accept.set_request_id("same-request-1");
  const auto rows = rig.Dump();
  const auto stale = Do(receiver, &Stub::AcceptReferral, accept);
  EXPECT_EQ(stale.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(stale), "ETAG_MISMATCH");
  EXPECT_EQ(rig.Dump(), rows);

  auto start = On<v1::StartReferralRequest>(name);
  start.set_request_id("same-request-2");
  const auto early = Do(receiver, &Stub::StartReferral, start);
  EXPECT_EQ(ReasonOf(early), "INVALID_TRANSITION");
  EXPECT_EQ(error::MetadataOf(early.status(), "state"), "ACKNOWLEDGED");
  EXPECT_EQ(error::MetadataOf(early.status(), "event"), "START");
  EXPECT_THAT(error::MetadataOf(early.status(), "allowed"), HasSubstr("ACCEPT"));
  EXPECT_EQ(rig.Dump(), rows);
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(Must(Do(receiver, &Stub::StartReferral, start)).state(), kInProgress);
}

TEST_F(ReferralServiceTest, AChangeThatIsNotDurableIsNotAnsweredAsDone) {
  const std::string name = Requested();
  auto acknowledge = On<v1::AcknowledgeReferralRequest>(name);
  acknowledge.set_request_id("same-request-1");
  rig.store().FailCommits(error::StoreFailed());
  EXPECT_EQ(Do(receiver, &Stub::AcknowledgeReferral, acknowledge).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(Record(name).state(), kRequested);
  rig.store().FailCommits(absl::OkStatus());
  EXPECT_EQ(Must(Do(receiver, &Stub::AcknowledgeReferral, acknowledge)).state(), kAcknowledged);
}

// --- 3. What opens when
// --------------------------------------------------------------------------------------

TEST_F(ReferralServiceTest, BeforeAcceptanceTheReceiverOpensTheScreeningAlone) {
  const std::string name = Acknowledged(2);
  const auto shown = Must(Do(receiving_caseworker, &Stub::DiscloseReferral, Disclose(name, kScreeningOnly)));
  ASSERT_THAT(shown.sections(), SizeIs(2));
  EXPECT_EQ(shown.sections(1).screening().text(), base::Cat(kScreening, "-2"));
  EXPECT_FALSE(shown.sections(0).has_details());
  EXPECT_THAT(shown.own_reference(), IsEmpty());

  const size_t events = rig.Events().size();
  for (const auto& sections : {kDetailsOnly, kAlertsOnly, kScreeningAndDetails}) {
    const auto refused = Do(receiver, &Stub::DiscloseReferral, Disclose(name, sections));
    EXPECT_EQ(ReasonOf(refused), "NOT_YET_DISCLOSED");
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::DiscloseReferral, Disclose(name, sections))),
              "NOT_YET_DISCLOSED");
  }
  EXPECT_EQ(rig.Events().size(), events) << "nothing was looked at";
  const v1::Referral view = Must(Get(receiver, name));
  EXPECT_FALSE(view.persons(0).has_disclosure());
  EXPECT_EQ(view.persons(0).agreement(), v1::AGREEMENT_UNSPECIFIED);
}

TEST_F(ReferralServiceTest, BeforeAcceptanceTheReceiversKeysOpenTheScreeningAlone) {
  const std::string name = Acknowledged(2);
  const OpenedKeys opened = Must(sealing.OpenKeys(name, Wraps(name, kReceivingBody), kReceivingBody));
  EXPECT_THAT(opened.data, IsEmpty());
  EXPECT_THAT(opened.screening, SizeIs(2));
  const std::vector<v1::PersonSections> sections = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(sections, SizeIs(2));
  for (const v1::PersonSections& section : sections) {
    EXPECT_TRUE(section.has_screening());
    EXPECT_FALSE(section.has_details());
    EXPECT_FALSE(section.has_alerts());
  }
  // Neither does the screening key open the other sections, nor does a key of another body open anything.
  for (const auto& section : Sections(name)) {
    if (section.section() == v1::SECTION_KIND_SCREENING) continue;
    const std::string context =
        base::Cat("section/", name, "/", section.person(), "/", static_cast<int>(section.section()));
    EXPECT_FALSE(crypto::Open(opened.screening.at(section.person()), context, section.sealed()).ok());
  }
  EXPECT_THAT(OpenableBy(name, kThirdBody), IsEmpty());
  EXPECT_THAT(OpenableBy(name, kCoordinatingBody), IsEmpty());
}

TEST_F(ReferralServiceTest, AcceptanceOpensTheRestAndAlertsToSafeguardingOfficersAlone) {
  const std::string name = Accepted(2);
  const auto shown =
      Must(Do(receiving_caseworker, &Stub::DiscloseReferral, Disclose(name, kScreeningAndDetails)));
  ASSERT_THAT(shown.sections(), SizeIs(2));
  EXPECT_EQ(shown.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_FALSE(shown.sections(0).has_alerts());
  v1::DiscloseReferralRequest one = Disclose(name, kDetailsOnly);
  one.add_persons(2);
  const auto second = Must(Do(receiver, &Stub::DiscloseReferral, one));
  ASSERT_THAT(second.sections(), SizeIs(1));
  EXPECT_EQ(second.sections(0).person(), 2U);

  for (const std::string& token : {receiver, referrer, receiving_caseworker, referring_caseworker}) {
    EXPECT_EQ(Do(token, &Stub::DiscloseReferral, Disclose(name, kAlertsOnly)).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
  for (const std::string& token : {receiving_safeguarding, referring_safeguarding}) {
    const auto alerts = Must(Do(token, &Stub::DiscloseReferral, Disclose(name, kAlertsOnly)));
    EXPECT_EQ(alerts.sections(0).alerts().alerts(0), base::Cat(kAlert, "-1"));
  }
  EXPECT_EQ(Do(coordinator, &Stub::DiscloseReferral, Disclose(name, kScreeningOnly)).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(ReferralServiceTest, AnEndOtherThanCompletionClosesWhatWasOpen) {
  const std::string declined = Declined();
  const std::string cancelled = Accepted();
  auto cancel = On<v1::CancelReferralRequest>(cancelled);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  Must(Do(receiver, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(cancelled)));
  const std::string ended = InProgress();
  auto end = On<v1::EndReferralWithoutResultRequest>(ended);
  for (const auto& outcome : Outcomes(NegativeOutcome())) *end.add_outcomes() = outcome;
  Must(Do(receiver, &Stub::EndReferralWithoutResult, end));
  for (const std::string& name : {declined, cancelled, ended}) {
    for (const auto& sections : {kScreeningOnly, kDetailsOnly}) {
      EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, Disclose(name, sections))), "ACCESS_ENDED");
    }
    EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
    EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
    EXPECT_THAT(Must(Get(receiver, name)).persons(), IsEmpty());
    EXPECT_THAT(OpenableBy(name, kReferringBody), SizeIs(1));
  }
  const std::string completed = Completed();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, Disclose(completed, kDetailsOnly))), "OK");
}

TEST_F(ReferralServiceTest, ATextGivenWithAnEndLeavesTheReceiverNoKeyEither) {
  const std::string name = Acknowledged();
  v1::DeclineReferralRequest decline = Decline(name);
  decline.set_text(std::string(kQuestion));
  Must(Do(receiver, &Stub::DeclineReferral, decline));
  EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
  v1::DiscloseNotesRequest look = On<v1::DiscloseNotesRequest>(name);
  look.add_notes(name + "/notes/1");
  look.set_purpose(v1::PURPOSE_COORDINATE_CASE);
  EXPECT_EQ(Must(Do(referrer, &Stub::DiscloseNotes, look)).notes(0).text(), kQuestion);
  EXPECT_EQ(Do(receiver, &Stub::DiscloseNotes, look).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ReferralServiceTest, ALookIsRecordedWithItsPurposeBeforeItIsServed) {
  const std::string name = Accepted();
  const size_t before = rig.Events().size();
  Must(Do(receiving_caseworker, &Stub::DiscloseReferral,
          Disclose(name, kDetailsOnly, v1::PURPOSE_ANSWER_RIGHTS_REQUEST)));
  std::vector<event::v1::Event> events = rig.Events();
  ASSERT_EQ(events.size(), before + 2);
  EXPECT_EQ(events.back().type(), "referral.transport_receipt") << "it was read";
  events.pop_back();
  EXPECT_EQ(events.back().kind(), event::v1::Event::KIND_ACCESS);
  EXPECT_EQ(events.back().type(), "referral.disclosed");
  EXPECT_EQ(events.back().purpose(), "PURPOSE_ANSWER_RIGHTS_REQUEST");
  EXPECT_EQ(events.back().actor(), "actors/raulxxxxxxxxxxxx");
  EXPECT_EQ(events.back().revision(), Record(name).revision());
  ExpectNothingInTheClear();

  // No record, no data: refused by a full queue, or run and not committed.
  const auto rows = rig.Dump();
  rig.store().Refuse(error::Overloaded("transactions"));
  EXPECT_EQ(Do(receiver, &Stub::DiscloseReferral, Disclose(name, kDetailsOnly)).status().code(),
            absl::StatusCode::kResourceExhausted);
  rig.store().Refuse(absl::OkStatus());
  rig.store().FailCommits(error::StoreFailed());
  EXPECT_EQ(Do(receiver, &Stub::DiscloseReferral, Disclose(name, kDetailsOnly)).status().code(),
            absl::StatusCode::kUnavailable);
  rig.store().FailCommits(absl::OkStatus());
  EXPECT_EQ(rig.Dump(), rows);
}

template <typename Request>
Request UnderOrder(Request request, std::string_view recipient = kEnforcementBody) {
  request.set_purpose(v1::PURPOSE_LEGAL_OBLIGATION);
  request.set_law("es/ley-40-2015/art-14");
  request.set_order_reference("DP 42/2026 order-in-the-clear");
  request.set_recipient_body(std::string(recipient));
  return request;
}

TEST_F(ReferralServiceTest, ALookThatObeysALegalOrderRecordsLawAndRecipientAndCommitsToTheReference) {
  const std::string name = Accepted();
  const auto look = UnderOrder(Disclose(name, kDetailsOnly));
  const auto disclosed = [&](const std::string& token, const v1::DiscloseReferralRequest& request) {
    EXPECT_EQ(Must(Do(token, &Stub::DiscloseReferral, request)).sections_size(), 1);
    std::vector<event::v1::Event> events = rig.Events();
    while (events.back().type() != "referral.disclosed") events.pop_back();
    return events.back();
  };
  const event::v1::Event event = disclosed(receiver, look);
  EXPECT_EQ(event.kind(), event::v1::Event::KIND_ACCESS);
  EXPECT_EQ(event.purpose(), "PURPOSE_LEGAL_OBLIGATION");
  EXPECT_EQ(event.facts().size(), 2U);
  EXPECT_EQ(event.facts().at("law"), "es/ley-40-2015/art-14");
  EXPECT_EQ(event.facts().at("recipient"), kEnforcementBody);
  EXPECT_THAT(event.parties(), Not(Contains(std::string(kEnforcementBody))));
  ASSERT_TRUE(event.commitments().contains("1.legal_order"));
  const std::string commitment = event.commitments().at("1.legal_order");
  ExpectNothingInTheClear();
  EXPECT_THAT(std::string(event.DebugString()), Not(HasSubstr("DP 42")));

  // Whoever holds a key of hers makes the same one of the same order, and another one of another order.
  EXPECT_EQ(disclosed(referrer, look).commitments().at("1.legal_order"), commitment);
  auto other = look;
  other.set_order_reference("DP 43/2026");
  EXPECT_NE(disclosed(receiver, other).commitments().at("1.legal_order"), commitment);
  other = UnderOrder(Disclose(name, kDetailsOnly), "");
  const event::v1::Event obliged = disclosed(receiver, other);
  EXPECT_FALSE(obliged.facts().contains("recipient")) << "the body itself is obliged";
  EXPECT_NE(obliged.commitments().at("1.legal_order"), commitment);
  // Any other look says nothing of the kind.
  const event::v1::Event plain = disclosed(receiver, Disclose(name, kDetailsOnly));
  EXPECT_THAT(plain.facts(), IsEmpty());
  EXPECT_THAT(plain.commitments(), IsEmpty());
}

TEST_F(ReferralServiceTest, NotesAreOpenedUnderAnOrderToo) {
  const std::string name = Requested();
  auto note = WithText<v1::AddNoteRequest>(name, "note-in-the-clear");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::AddNote, note));
  auto look = UnderOrder(On<v1::DiscloseNotesRequest>(name));
  look.add_notes(name + "/notes/1");
  EXPECT_EQ(Must(Do(receiver, &Stub::DiscloseNotes, look)).notes(0).text(), "note-in-the-clear");
  const auto event_of_look = [&] {
    const std::vector<event::v1::Event> events = rig.Events();
    return events.back();
  };
  EXPECT_EQ(event_of_look().type(), "referral.notes_disclosed");
  EXPECT_EQ(event_of_look().facts().at("recipient"), kEnforcementBody);
  EXPECT_TRUE(event_of_look().commitments().contains("1.legal_order"));
  // Whoever has nothing but a key of its own any more commits under that.
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  EXPECT_EQ(Must(Do(receiver, &Stub::DiscloseNotes, look)).notes(0).text(), "note-in-the-clear");
  EXPECT_TRUE(event_of_look().commitments().contains("own.legal_order"));
  ExpectNothingInTheClear();
}

TEST_F(ReferralServiceTest, AnOrderIsNamedWholeOrTheLookIsRefusedAndNothingIsRecorded) {
  const std::string name = Accepted();
  const auto rows = rig.Dump();
  const auto refused = [&](const v1::DiscloseReferralRequest& look) {
    return ReasonOf(Do(receiver, &Stub::DiscloseReferral, look));
  };
  const auto whole = UnderOrder(Disclose(name, kDetailsOnly));
  EXPECT_EQ(refused(Disclose(name, kDetailsOnly, v1::PURPOSE_LEGAL_OBLIGATION)), "INVALID_FIELD");
  for (const std::string_view recipient :
       {std::string_view("bodies/nowhere"), std::string_view("offers/x"), kReceivingBody}) {
    EXPECT_EQ(refused(UnderOrder(whole, recipient)), "INVALID_FIELD") << recipient;
  }
  auto other = whole;
  other.set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  EXPECT_EQ(refused(other), "INVALID_FIELD");
  // Nor does an order open anything to anybody who could not open it without one.
  EXPECT_EQ(ReasonOf(Do(third, &Stub::DiscloseReferral, whole)), "NOT_FOUND");
  const std::string police = rig.TokenOf(kEnforcementBody, {policy::Role::kSupervisor}, {}, "p-police");
  EXPECT_EQ(ReasonOf(Do(police, &Stub::DiscloseReferral, whole)), "NOT_FOUND");
  EXPECT_EQ(rig.Dump(), rows);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, UnderOrder(Disclose(Requested(), kDetailsOnly)))),
            "NOT_YET_DISCLOSED");
}

TEST_F(ReferralServiceTest, NotesOpenToTheSidesThatTheyAreFor) {
  const std::string name = Requested();
  const auto write = [&](const std::string& token, v1::NoteVisibility visibility, const std::string& text) {
    auto note = WithText<v1::AddNoteRequest>(name, text);
    note.set_visibility(visibility);
    Must(Do(token, &Stub::AddNote, note));
  };
  write(referrer, v1::NOTE_VISIBILITY_OWN_SIDE, "referring-side-in-the-clear");
  write(referrer, v1::NOTE_VISIBILITY_BOTH_SIDES, "both-sides-in-the-clear");
  write(receiver, v1::NOTE_VISIBILITY_OWN_SIDE, "receiving-side-in-the-clear");
  write(receiver, v1::NOTE_VISIBILITY_BOTH_SIDES, "both-sides-in-the-clear too");
  const auto open = [&](const std::string& token, int number) {
    auto look = On<v1::DiscloseNotesRequest>(name);
    look.add_notes(base::Cat(name, "/notes/", number));
    look.set_purpose(v1::PURPOSE_COORDINATE_CASE);
    const auto notes = Do(token, &Stub::DiscloseNotes, look);
    return notes.ok() ? notes->notes(0).text() : ReasonOf(notes);
  };
  EXPECT_EQ(open(referrer, 1), "referring-side-in-the-clear");
  EXPECT_EQ(open(receiver, 1), "NOT_FOUND");
  EXPECT_EQ(open(referrer, 2), "both-sides-in-the-clear");
  EXPECT_EQ(open(receiver, 2), "both-sides-in-the-clear");
  EXPECT_EQ(open(referrer, 3), "NOT_FOUND");
  EXPECT_EQ(open(receiver, 3), "receiving-side-in-the-clear");
  EXPECT_EQ(open(referrer, 4), "both-sides-in-the-clear too");
  EXPECT_EQ(open(receiver, 5), "NOT_FOUND");
  EXPECT_EQ(open(coordinator, 2), "NOT_ALLOWED");
  EXPECT_EQ(rig.Events().back().type(), "referral.notes_disclosed");
  ExpectNothingInTheClear();
  // After acceptance the notes of before still open.
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(open(receiver, 2), "both-sides-in-the-clear");
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  EXPECT_EQ(open(receiver, 2), "NOT_FOUND");
  EXPECT_EQ(open(receiver, 3), "receiving-side-in-the-clear");
  EXPECT_EQ(open(referrer, 4), "both-sides-in-the-clear too");
}

TEST_F(ReferralServiceTest, AReferralOfOtherBodiesIsNotFound) {
  const std::string name = Accepted();
  EXPECT_EQ(Do(third, &Stub::DiscloseReferral, Disclose(name, kScreeningOnly)).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Do(third, &Stub::ListNotes, On<v1::ListNotesRequest>(name)).status().code(),
            absl::StatusCode::kNotFound);
}

// --- 8. From body to body
// --------------------------------------------------------------------------------------

TEST_F(ReferralServiceTest, AForwardIsProposedConfirmedAndOpensALinkedReferralUnderNewKeys) {
  const std::string old_name = Acknowledged(2);
  auto propose = On<v1::ProposeForwardRequest>(old_name);
  propose.set_body(std::string(kThirdBody));
  propose.set_unit(std::string(kThirdUnit));
  EXPECT_EQ(Must(Do(receiver, &Stub::ProposeForward, propose)).forward_proposal().body(), kThirdBody);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ConfirmForward,
                        ToBody<v1::ConfirmForwardRequest>(old_name, kFourthBody, 2))),
            "FORWARD_DIFFERS");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ConfirmForward,
                        ToBody<v1::ConfirmForwardRequest>(old_name, kThirdBody, 1))),
            "INVALID_FIELD");
  const v1::Referral left =
      Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(old_name, kThirdBody, 2)));
  EXPECT_EQ(left.state(), kForwarded);
  ASSERT_FALSE(left.forwarded_to().empty());
  const std::string& name = left.forwarded_to();

  const v1::Referral next = Must(Get(third, name));
  EXPECT_EQ(next.state(), kRequested);
  EXPECT_EQ(next.receiving().body(), kThirdBody);
  EXPECT_EQ(next.receiving().unit(), kThirdUnit);
  EXPECT_EQ(next.referring().body(), kReferringBody);
  EXPECT_EQ(next.forwarded_from(), old_name);
  ASSERT_THAT(next.hops(), SizeIs(1));
  EXPECT_EQ(next.hops(0).from_body(), kReceivingBody);
  EXPECT_EQ(Must(Get(referrer, name)).case_holding_body(), kReferringBody);
  EXPECT_EQ(Get(receiver, name).status().code(), absl::StatusCode::kNotFound);

  // The old receiver has lost its keys, the new one has the screening alone; sections are sealed anew.
  EXPECT_THAT(Wraps(old_name, kReceivingBody), IsEmpty());
  EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
  ASSERT_THAT(OpenableBy(name, kThirdBody), SizeIs(2));
  EXPECT_FALSE(OpenableBy(name, kThirdBody)[0].has_details());
  EXPECT_EQ(OpenableBy(name, kReferringBody)[1].SerializeAsString(), MarkedSections(2).SerializeAsString());
  const OpenedKeys old_keys = Must(sealing.OpenKeys(old_name, Wraps(old_name), kReferringBody));
  EXPECT_THAT(Must(sealing.OpenSections(old_name, old_keys, Sections(old_name), {}, {})), SizeIs(2));
  EXPECT_FALSE(sealing.OpenSections(name, old_keys, Sections(name), {}, {}).ok());
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(OpenableBy(name, kThirdBody)[1].SerializeAsString(), MarkedSections(2).SerializeAsString());
  CheckInvariants(old_name);
  CheckInvariants(name);
  ExpectNothingInTheClear();
}

TEST_F(ReferralServiceTest, ADutyToForwardNeedsNoConfirmation) {
  const std::string old_name = Requested();
  auto duty = ToBody<v1::ForwardByDutyRequest>(old_name, kThirdBody);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, duty)), "INVALID_FIELD");
  duty.set_law("es/ley-40-2015/art-14");
  for (const std::string_view gone : {kSuspendedBody, kDissolvedBody}) {
    duty.set_body(std::string(gone));
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, duty)), "BODY_NOT_ACTIVE") << gone;
  }
  for (const std::string_view wrong : {std::string_view("bodies/nowhere"), kEnforcementBody}) {
    duty.set_body(std::string(wrong));
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, duty)), "INVALID_FIELD") << wrong;
  }
  duty.set_body(std::string(kReferringBody));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, duty)), "ALREADY_VISITED");
  duty.set_body(std::string(kThirdBody));
  const v1::Referral left = Must(Do(receiver, &Stub::ForwardByDuty, duty));
  EXPECT_EQ(left.state(), kForwarded);
  EXPECT_THAT(left.forwarded_to(), IsEmpty()) << "the body that forwarded it has no part in what follows";
  const std::string name = Must(Get(referrer, old_name)).forwarded_to();
  EXPECT_EQ(Must(Get(third, name)).hops(0).law(), "es/ley-40-2015/art-14");
  CheckInvariants(old_name);
  CheckInvariants(name);
}

TEST_F(ReferralServiceTest, AHandOverHoldsTheOldCaseUntilTheNewBodyTakesIt) {
  const std::string old_name = InProgress();
  const size_t before = rig.Envelopes().size();
  const v1::Referral held =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(old_name, kThirdBody)));
  EXPECT_EQ(held.state(), kOnHold);
  EXPECT_EQ(held.hold_reason(), v1::HOLD_REASON_HAND_OVER);
  EXPECT_EQ(held.case_holding_body(), kReceivingBody);
  const std::string& name = held.forwarded_to();
  EXPECT_EQ(rig.Envelopes().size(), before + 2);
  EXPECT_EQ(Must(Get(third, name)).referring().body(), kReceivingBody);
  EXPECT_EQ(Get(referrer, name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(OpenableBy(name, kThirdBody)[0].has_details());

  const v1::Referral taken = Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(taken.case_holding_body(), kThirdBody);
  const v1::Referral old_case = Must(Get(referrer, old_name));
  EXPECT_EQ(old_case.state(), kForwarded);
  EXPECT_EQ(old_case.case_holding_body(), kThirdBody);
  EXPECT_THAT(Wraps(old_name, kReceivingBody), IsEmpty());
  // Both happened in one transaction: two events side by side, and a follow-up that nobody did by hand.
  auto events = rig.Events();
  std::erase_if(events, [](const auto& event) { return event.type() == "referral.transport_receipt"; });
  EXPECT_EQ(events[events.size() - 2].type(), "referral.accepted");
  EXPECT_EQ(events.back().type(), "referral.hand_over_taken");
  EXPECT_EQ(events.back().resource(), old_name);
  const auto history = History(old_name);
  EXPECT_EQ(history.back().event(), "HAND_OVER_TAKEN");
  EXPECT_EQ(history.back().body(), "") << "the system did it";
  EXPECT_EQ(history.back().actor(), "");
  CheckInvariants(old_name);
  CheckInvariants(name);
}

TEST_F(ReferralServiceTest, AHandOverThatIsNotTakenLeadsBack) {
  const std::string old_name = InProgress();
  const v1::Referral held =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(old_name, kThirdBody)));
  Must(Do(third, &Stub::DeclineReferral, Decline(held.forwarded_to())));
  const v1::Referral back = Must(Get(receiver, old_name));
  EXPECT_EQ(back.state(), kInProgress);
  EXPECT_EQ(back.case_holding_body(), kReceivingBody);
  EXPECT_THAT(back.forwarded_to(), IsEmpty());
  EXPECT_EQ(OpenableBy(old_name, kReceivingBody)[0].SerializeAsString(),
            MarkedSections(1).SerializeAsString());
  EXPECT_EQ(History(old_name).back().event(), "HAND_OVER_NOT_TAKEN");
  CheckInvariants(old_name);
}

TEST_F(ReferralServiceTest, AHandOverThatIsForwardedIsFollowedToItsNewReferral) {
  const std::string old_name = InProgress();
  const std::string first =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(old_name, kThirdBody)))
          .forwarded_to();
  auto duty = ToBody<v1::ForwardByDutyRequest>(first, kFourthBody);
  duty.set_law("es/ley-40-2015/art-14");
  Must(Do(third, &Stub::ForwardByDuty, duty));
  const std::string second = Record(first).forwarded_to();
  EXPECT_EQ(Record(old_name).forwarded_to(), second);
  EXPECT_EQ(Record(old_name).state(), kOnHold);
  Must(Do(fourth, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second)));
  EXPECT_EQ(Record(old_name).state(), kForwarded);
  EXPECT_EQ(Record(old_name).case_holding_body(), kFourthBody);
  for (const std::string& name : {old_name, first, second}) CheckInvariants(name);
}

TEST_F(ReferralServiceTest, MisdirectedReachesHandOversThatWereDeclinedOrSentOn) {
  const std::string name = Accepted();
  const auto hand_over = [&](std::string_view body) {
    const auto request = ToBody<v1::HandOverReferralRequest>(name, body);
    return Must(Do(receiver, &Stub::HandOverReferral, request)).forwarded_to();
  };
  const std::string declined = hand_over(kThirdBody);
  Must(Do(third, &Stub::DeclineReferral, Decline(declined)));
  const std::string sent_on = hand_over(kThirdBody);
  auto duty = ToBody<v1::ForwardByDutyRequest>(sent_on, kFourthBody);
  duty.set_law("es/ley-40-2015/art-14");
  Must(Do(third, &Stub::ForwardByDuty, duty));
  const std::string last = Record(sent_on).forwarded_to();
  ASSERT_THAT(OpenableBy(declined, kReceivingBody), Not(IsEmpty()));

  Must(Do(referrer, &Stub::ReportMisdirected, WithText<v1::ReportMisdirectedRequest>(name, kQuestion)));
  for (const std::string& copy : {declined, sent_on, last}) {
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, Disclose(copy, kDetailsOnly))), "SHARE_ERASED");
    for (const std::string_view body : {kReceivingBody, kThirdBody, kFourthBody}) {
      EXPECT_THAT(OpenableBy(copy, body), IsEmpty()) << copy << " " << body;
    }
    EXPECT_THAT(Sections(copy), IsEmpty());
    EXPECT_EQ(Record(copy).persons_size(), 0);
    EXPECT_EQ(ReasonOf(Get(third, copy)), "NOT_FOUND");
    CheckInvariants(copy);
  }
  EXPECT_EQ(Record(declined).state(), kDeclined) << "what has ended stays ended as it was";
  EXPECT_EQ(Record(last).state(), kCancelled);
}

TEST_F(ReferralServiceTest, MisdirectedCutsAccessAtOnceAlongTheChain) {
  const std::string old_name = InProgress();
  const std::string linked =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(old_name, kThirdBody)))
          .forwarded_to();
  auto own = WithText<v1::AddNoteRequest>(old_name, "own");
  own.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::AddNote, own));
  Must(Do(referrer, &Stub::ReportMisdirected, WithText<v1::ReportMisdirectedRequest>(old_name, kQuestion)));
  EXPECT_EQ(Get(receiver, old_name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Get(third, linked).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(OpenableBy(old_name, kReceivingBody), IsEmpty());
  EXPECT_THAT(OpenableBy(linked, kThirdBody), IsEmpty());
  EXPECT_THAT(OpenableBy(linked, kReceivingBody), IsEmpty()) << "it keeps no copy in what it passed on";
  for (const Wrap& wrap : Wraps(old_name, kReceivingBody)) {
    EXPECT_EQ(wrap.record.scope(), storage::v1::KEY_SCOPE_BODY) << "only what it wrote for itself";
  }
  EXPECT_EQ(Record(old_name).state(), kCancelled);
  EXPECT_EQ(Record(linked).state(), kCancelled);
  EXPECT_EQ(Record(old_name).case_holding_body(), kReferringBody);
  // What happened is kept on the referring side only.
  const auto notes = Notes(old_name);
  ASSERT_THAT(notes, SizeIs(2));
  EXPECT_EQ(notes[1].visibility(), v1::NOTE_VISIBILITY_OWN_SIDE);
  EXPECT_EQ(notes[1].scope(), storage::v1::KEY_SCOPE_BODY);
  EXPECT_EQ(EventsOf(old_name).back().type(), "referral.misdirected");
  EXPECT_EQ(rig.Events().back().type(), "breach.opened");
  const auto looked = Do(receiver, &Stub::DiscloseReferral, Disclose(linked, {v1::SECTION_KIND_DETAILS}));
  EXPECT_TRUE(!looked.ok() || looked->sections().empty());
  CheckInvariants(old_name);
  CheckInvariants(linked);
}

TEST_F(ReferralServiceTest, AFifthHopIsTheLast) {
  const std::vector<std::string> bodies = {std::string(kThirdBody), std::string(kFourthBody),
                                           std::string(kFifthBody), std::string(kSixthBody),
                                           std::string(kSeventhBody)};
  std::string name = Requested();
  std::string holder = receiver;
  for (const std::string& body : bodies) {
    auto duty = ToBody<v1::ForwardByDutyRequest>(name, body);
    duty.set_law("es/ley-40-2015/art-14");
    Must(Do(holder, &Stub::ForwardByDuty, duty));
    name = Record(name).forwarded_to();
    holder = rig.TokenOf(body, {policy::Role::kSupervisor});
  }
  EXPECT_THAT(Must(Get(holder, name)).hops(), SizeIs(5));
  auto duty = ToBody<v1::ForwardByDutyRequest>(name, kCoordinatingBody);
  duty.set_law("es/ley-40-2015/art-14");
  EXPECT_EQ(ReasonOf(Do(holder, &Stub::ForwardByDuty, duty)), "TOO_MANY_HOPS");
}

TEST_F(ReferralServiceTest, ADeclineCanSuggestABodyWhichIsNotToldOfIt) {
  const std::string name = Requested();
  v1::DeclineReferralRequest decline = Decline(name);
  decline.set_suggested_body(std::string(kThirdBody));
  Must(Do(receiving_caseworker, &Stub::DeclineReferral, decline));
  for (const std::string& token : {referrer, referring_caseworker, receiver}) {
    const v1::Referral seen = Must(Get(token, name));
    EXPECT_EQ(seen.decline().suggested_body(), kThirdBody);
    EXPECT_EQ(seen.decline().reason(), v1::DECLINE_REASON_NO_CAPACITY);
  }
  const std::string other_unit = rig.TokenOf(kReceivingBody, {policy::Role::kCaseworker},
                                             {std::string(kOtherReceivingUnit)}, "actors/otherxxxxxxxxxxx");
  EXPECT_EQ(ReasonOf(Get(other_unit, name)), "NOT_ALLOWED");
  EXPECT_EQ(ReasonOf(Get(third, name)), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(Get(fourth, name)), "NOT_FOUND");
  for (const event::v1::Event& event : EventsOf(name)) {
    EXPECT_THAT(event.parties(), Not(Contains(kThirdBody))) << event.type();
  }
}

TEST_F(ReferralServiceTest, AnOfferedPlaceIsAnswered) {
  const auto offered = [this] {
    const std::string name = Acknowledged();
    auto list = On<v1::WaitlistReferralRequest>(name);
    *list.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(240));
    EXPECT_EQ(Must(Do(receiver, &Stub::WaitlistReferral, list)).state(), kWaitlisted);
    auto offer = On<v1::OfferPlaceRequest>(name);
    *offer.mutable_answer_by_time() = api::ToTimestamp(Now() + absl::Hours(48));
    EXPECT_EQ(Must(Do(receiver, &Stub::OfferPlace, offer)).state(), kOffered);
    return name;
  };
  const auto answer = [this](const std::string& name, v1::AnswerOfferRequest::Answer what) {
    auto request = On<v1::AnswerOfferRequest>(name);
    request.set_answer(what);
    return Must(Do(referrer, &Stub::AnswerOffer, request));
  };
  const std::string taken = offered();
  EXPECT_TRUE(answer(taken, v1::AnswerOfferRequest::ANSWER_TAKE_PLACE).place_taken());
  EXPECT_EQ(Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(taken))).state(),
            kAccepted);
  EXPECT_EQ(answer(offered(), v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST).state(), kWaitlisted);
  const std::string left = offered();
  EXPECT_EQ(answer(left, v1::AnswerOfferRequest::ANSWER_LEAVE_LIST).state(), kCancelled);
  EXPECT_THAT(Wraps(left, kReceivingBody), IsEmpty());
  CheckInvariants(left);
}

TEST_F(ReferralServiceTest, AReopenedReferralOpensTheScreeningAgainAndNoMore) {
  const std::string name = Completed();
  rig.clock().Advance(absl::Hours(24));
  Refresh();
  const v1::Referral again =
      Must(Do(referrer, &Stub::ReopenReferral, WithText<v1::ReopenReferralRequest>(name, "needs more")));
  EXPECT_EQ(again.state(), kRequested);
  EXPECT_EQ(again.case_holding_body(), kReferringBody);
  const auto opened = OpenableBy(name, kReceivingBody);
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_TRUE(opened[0].has_screening());
  EXPECT_FALSE(opened[0].has_details());
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, Disclose(name, kDetailsOnly))),
            "NOT_YET_DISCLOSED");
  CheckInvariants(name);

  const std::string declined = Requested();
  auto cancel = On<v1::CancelReferralRequest>(declined);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  rig.clock().Advance(kReopenWithin + absl::Seconds(1));
  Refresh();
  EXPECT_EQ(
      ReasonOf(Do(referrer, &Stub::ReopenReferral, WithText<v1::ReopenReferralRequest>(declined, "late"))),
      "REOPEN_TOO_LATE");
}

TEST_F(ReferralServiceTest, AReferralIsNotReopenedTowardsABodyThatIsNotActive) {
  const std::string name = Requested();
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  const auto reopen = WithText<v1::ReopenReferralRequest>(name, "again");
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_SUSPENDED);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ReopenReferral, reopen)), "BODY_NOT_ACTIVE");
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), IsEmpty());
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
  rig.clock().Advance(kMaxReplicaAge + absl::Microseconds(1));
  EXPECT_EQ(Do(referrer, &Stub::ReopenReferral, reopen).status().code(), absl::StatusCode::kUnavailable);
  Refresh();
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
}

TEST_F(ReferralServiceTest, ABodyThatTheDirectoryDoesNotKnowSendsNothing) {
  const std::string stranger =
      rig.TokenOf("bodies/xx-unknown", {policy::Role::kSupervisor}, {}, "actors/nobodyxxxxxxxxxx");
  auto request = NewReferral();
  EXPECT_EQ(ReasonOf(Do(stranger, &Stub::SubmitReferral, request)), "BODY_NOT_ACTIVE");
}

TEST_F(ReferralServiceTest, ABodyThatErasedItsShareGetsNoNewKey) {
  const std::string name = Completed();
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  auto note = WithText<v1::AddNoteRequest>(name, "after it");
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  Must(Do(receiver, &Stub::AddNote, note));
  EXPECT_THAT(Wraps(name, kReferringBody), IsEmpty());
}

TEST_F(ReferralServiceTest, ASubmissionNeedsAFreshDirectoryAndAnActiveRecipient) {
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_SUSPENDED);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewReferral())), "BODY_NOT_ACTIVE");
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
  rig.clock().Advance(kMaxReplicaAge);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewReferral())), "OK");
  rig.clock().Advance(absl::Microseconds(1));
  const auto stale = Do(referrer, &Stub::SubmitReferral, NewReferral());
  EXPECT_EQ(stale.status().code(), absl::StatusCode::kUnavailable);
  Refresh();
  SetBody(kReferringBody, directory::v1::BODY_STATUS_SUSPENDED);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewReferral())), "BODY_NOT_ACTIVE");
}

TEST_F(ReferralServiceTest, ABodyCanHaveEveryReferralApprovedByASecondPersonBeforeItIsSent) {
  SetBody(kReferringBody, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/false,
          /*approval_required=*/true);
  const auto at_once = Do(referring_caseworker, &Stub::SubmitReferral, NewReferral());
  EXPECT_EQ(ReasonOf(at_once), "APPROVAL_MISSING");
  EXPECT_THAT(std::string(at_once.status().message()), ::testing::HasSubstr("draft"));

  const std::string name = Must(Do(referring_caseworker, &Stub::CreateReferral, NewDraft())).name();
  const auto submit = [&](const std::string& token) {
    return Do(token, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(name));
  };
  const auto approve = [&](const std::string& token) {
    return Do(token, &Stub::ApproveReferral, On<v1::ApproveReferralRequest>(name));
  };
  EXPECT_EQ(ReasonOf(submit(referring_caseworker)), "APPROVAL_MISSING");
  EXPECT_EQ(ReasonOf(submit(referrer)), "APPROVAL_MISSING") << "a supervisor approves first as well";
  EXPECT_EQ(approve(referring_caseworker).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(approve(receiver).status().code(), absl::StatusCode::kNotFound) << "nobody else's supervisor";
  EXPECT_EQ(Record(name).state(), kDraft);
  EXPECT_EQ(Must(approve(referrer)).approval().actor(), "actors/anaxxxxxxxxxxxxx");
  EXPECT_EQ(Must(submit(referring_caseworker)).state(), kRequested);

  // Her own draft a supervisor does not approve.
  const std::string own = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ApproveReferral, On<v1::ApproveReferralRequest>(own))),
            "SECOND_PERSON_REQUIRED");
  SetBody(kReferringBody, directory::v1::BODY_STATUS_ACTIVE);
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::SubmitReferral, NewReferral())), "OK");
}

TEST_F(ReferralServiceTest, ABodyThatHasItsReferralsApprovedHasWhatItSendsOnOrAgainApprovedToo) {
  const std::string forwarded = Requested();
  auto propose = On<v1::ProposeForwardRequest>(forwarded);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  const std::string sent_again = Completed();
  const std::string goes_on = Completed();
  const std::string handed_over = InProgress();
  const std::string by_duty = Acknowledged();
  const std::string ruled_on = Requested();
  for (const std::string_view body : {kReferringBody, kReceivingBody}) {
    SetBody(body, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/false, /*approval_required=*/true);
  }
  // Refused, approved by a supervisor, and then done; she herself is no second person.
  const auto needs_approval = [&](const std::string& name, const std::string& supervisor,
                                  const std::string& caseworker, const auto& act) {
    EXPECT_EQ(ReasonOf(act(caseworker)), "APPROVAL_MISSING");
    Must(Do(supervisor, &Stub::ApproveReferral, On<v1::ApproveReferralRequest>(name)));
    EXPECT_EQ(ReasonOf(act(supervisor)), "APPROVAL_MISSING");
    EXPECT_EQ(ReasonOf(act(caseworker)), "OK");
    EXPECT_FALSE(Record(name).has_approval() || Record(name).has_receiving_approval());
  };
  needs_approval(forwarded, referrer, referring_caseworker, [&](const std::string& token) {
    return Do(token, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(forwarded, kThirdBody));
  });
  needs_approval(handed_over, receiver, receiving_caseworker, [&](const std::string& token) {
    return Do(token, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(handed_over, kThirdBody));
  });
  const auto reopen = [&](const std::string& token, const std::string& name) {
    return Do(token, &Stub::ReopenReferral, WithText<v1::ReopenReferralRequest>(name, kQuestion));
  };
  needs_approval(sent_again, referrer, referring_caseworker,
                 [&](const std::string& token) { return reopen(token, sent_again); });
  EXPECT_EQ(ReasonOf(reopen(receiver, goes_on)), "OK") << "nothing is sent";
  // What a law or a ruling says is nobody's to approve.
  auto duty = ToBody<v1::ForwardByDutyRequest>(by_duty, kThirdBody);
  duty.set_law("es/ley-40-2015/art-14");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ForwardByDuty, duty)), "OK");
  auto rule = On<v1::RuleOnCompetenceRequest>(ruled_on);
  rule.set_body(std::string(kFourthBody));
  rule.set_law("es/ley-40-2015/art-14");
  EXPECT_EQ(ReasonOf(Do(coordinator, &Stub::RuleOnCompetence, rule)), "OK");
}

TEST_F(ReferralServiceTest, ABodyThatHasItsReferralsApprovedApprovesTheForwardThatIsProposed) {
  const std::string name = Requested();
  SetBody(kReferringBody, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/false,
          /*approval_required=*/true);
  const auto propose = [&](std::string_view body) {
    auto request = On<v1::ProposeForwardRequest>(name);
    request.set_body(std::string(body));
    Must(Do(receiver, &Stub::ProposeForward, request));
  };
  const auto approve = [&](const std::string& token) {
    return Must(Do(token, &Stub::ApproveReferral, On<v1::ApproveReferralRequest>(name))).approval().actor();
  };
  const auto confirm = [&](std::string_view body) {
    return ReasonOf(
        Do(referring_caseworker, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(name, body)));
  };
  approve(referrer);
  propose(kThirdBody);
  EXPECT_EQ(confirm(kThirdBody), "APPROVAL_MISSING") << "nothing was proposed when it was approved";
  approve(referrer);
  propose(kFourthBody);
  EXPECT_EQ(confirm(kFourthBody), "APPROVAL_MISSING") << "it was approved for another body";
  EXPECT_FALSE(Must(Get(referrer, name)).has_approval());
  const std::string approver = approve(referrer);
  EXPECT_NE(approve(receiver), approver) << "the other side's own, and no other one";
  EXPECT_EQ(Must(Get(referrer, name)).approval().actor(), approver);
  EXPECT_EQ(confirm(kFourthBody), "OK");
}

TEST_F(ReferralServiceTest, ADraftThatIsCancelledNeverExistedForTheReceiver) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  auto cancel = WithText<v1::CancelReferralRequest>(name, kQuestion);
  cancel.set_reason(v1::CANCEL_REASON_ENTERED_IN_ERROR);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  EXPECT_EQ(Get(receiver, name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Wraps(name, kReceivingBody), IsEmpty());
  v1::ListReferralsRequest list;
  list.set_box(v1::BOX_INBOX);
  list.add_states(kCancelled);
  EXPECT_THAT(Must(Do(receiver, &Stub::ListReferrals, list)).referrals(), IsEmpty());
  for (const event::v1::Event& event : EventsOf(name))
    EXPECT_THAT(event.parties(), ElementsAre(kReferringBody));
}

TEST_F(ReferralServiceTest, EachBodyErasesItsOwnShare) {
  const std::string name = Must(Do(referrer, &Stub::SubmitReferral, NewReferral())).name();
  auto accept = On<v1::AcceptReferralRequest>(name);
  accept.set_own_reference("MAD-2026-7");
  Must(Do(receiver, &Stub::AcceptReferral, accept));
  auto note = WithText<v1::AddNoteRequest>(name, "of the receiver alone");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::AddNote, note));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))),
            "INVALID_TRANSITION");
  Must(Do(receiver, &Stub::CompleteReferral, Complete(name)));

  EXPECT_TRUE(Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))).erased());
  EXPECT_THAT(Wraps(name, kReferringBody), IsEmpty());
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::DiscloseReferral, Disclose(name, kDetailsOnly))), "SHARE_ERASED");
  v1::FindByOwnReferenceRequest find;
  find.set_own_reference(std::string(kOwnReference));
  EXPECT_THAT(Must(Do(referrer, &Stub::FindByOwnReference, find)).referrals(), IsEmpty());
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))), "SHARE_ERASED");
  // The other share is whole.
  const auto still = Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, kDetailsOnly)));
  EXPECT_EQ(still.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_EQ(still.own_reference(), "MAD-2026-7");

  EXPECT_TRUE(Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))).erased());
  EXPECT_THAT(Wraps(name), IsEmpty());
  EXPECT_THAT(Sections(name), IsEmpty());
  EXPECT_THAT(Notes(name), IsEmpty());
  EXPECT_THAT(Record(name).persons(), IsEmpty());
  EXPECT_EQ(EventsOf(name).back().type(), "referral.erased");
  CheckInvariants(name);
}

TEST_F(ReferralServiceTest, TheReferrersErasureLeavesWhatTheReceiverWroteForItself) {
  const std::string name = Must(Do(referrer, &Stub::SubmitReferral, NewReferral())).name();
  auto acknowledge = On<v1::AcknowledgeReferralRequest>(name);
  acknowledge.set_own_reference("MAD-2026-8");
  Must(Do(receiver, &Stub::AcknowledgeReferral, acknowledge));
  auto note = WithText<v1::AddNoteRequest>(name, "of the receiver alone");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::AddNote, note));
  Must(Do(receiver, &Stub::DeclineReferral, Decline(name)));
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_THAT(Sections(name), IsEmpty()) << "nobody holds a key to them";

  v1::FindByOwnReferenceRequest find;
  find.set_own_reference("MAD-2026-8");
  EXPECT_THAT(Must(Do(receiver, &Stub::FindByOwnReference, find)).referrals(), SizeIs(1));
  auto look = On<v1::DiscloseNotesRequest>(name);
  look.add_notes(name + "/notes/1");
  look.set_purpose(v1::PURPOSE_HANDLE_COMPLAINT);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseNotes, look)), "OK");
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_THAT(Wraps(name), IsEmpty());
  EXPECT_THAT(Notes(name), IsEmpty());
  EXPECT_THAT(Must(Do(receiver, &Stub::FindByOwnReference, find)).referrals(), IsEmpty());
}

TEST_F(ReferralServiceTest, WhatABodyThatWasCutOffWroteGoesWithTheReferrersErasure) {
  const std::string name = Acknowledged();
  auto note = WithText<v1::AddNoteRequest>(name, "of the receiver alone");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::AddNote, note));
  Must(Do(referrer, &Stub::ReportMisdirected, WithText<v1::ReportMisdirectedRequest>(name, kQuestion)));
  EXPECT_EQ(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)).status().code(),
            absl::StatusCode::kNotFound);
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_THAT(Wraps(name), IsEmpty());
  EXPECT_THAT(Notes(name), IsEmpty());
  EXPECT_THAT(Sections(name), IsEmpty());
}

// --- 9. Many at once
// ---------------------------------------------------------------------------------------------

TEST_F(ReferralServiceTest, OfConflictingCommandsOneWinsEachRevision) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 4; ++round) {
    const v1::Referral sent = Must(Do(referrer, &Stub::SubmitReferral, NewReferral()));
    const std::string& name = sent.name();
    std::vector<std::thread> threads;
    std::atomic<int> won = 0;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        absl::Status status;
        auto cancel = On<v1::CancelReferralRequest>(name, sent.etag());
        cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
        v1::DeclineReferralRequest decline = Decline(name);
        decline.set_etag(sent.etag());
        decline.set_text(std::string(kQuestion));
        if (i % 4 == 0)
          status =
              Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name, sent.etag())).status();
        if (i % 4 == 1) status = Do(receiver, &Stub::DeclineReferral, decline).status();
        if (i % 4 == 2) status = Do(referrer, &Stub::CancelReferral, cancel).status();
        if (i % 4 == 3)
          status =
              Do(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name, sent.etag()))
                  .status();
        if (status.ok()) {
          ++won;
        } else {
          EXPECT_EQ(error::ReasonOf(status), "ETAG_MISMATCH") << status;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(Record(name).revision(), 2);
    CheckInvariants(name);
  }
}

// Whoever comes first, the draft is cancelled and nobody can send it. By etag, the second is told of the
// first.
class DraftRaceTest : public ReferralServiceTest {
 protected:
  DraftRaceTest() {
    SetBody(kReferringBody, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/false,
            /*approval_required=*/true);
  }

  // The first of the two events.
  std::string Run(RaceOrder order, bool by_etag) {
    const v1::Referral draft = Must(Do(referring_caseworker, &Stub::CreateReferral, NewDraft()));
    const std::string etag = by_etag ? draft.etag() : std::string();
    auto cancel = On<v1::CancelReferralRequest>(draft.name(), etag);
    cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
    std::string approved;
    std::string cancelled;
    RunBoth(
        order,
        [&] {
          const auto approve = On<v1::ApproveReferralRequest>(draft.name(), etag);
          approved = ReasonOf(Do(referrer, &Stub::ApproveReferral, approve));
        },
        [&] { cancelled = ReasonOf(Do(referring_caseworker, &Stub::CancelReferral, cancel)); });
    std::vector<std::string> reasons = {approved, cancelled};
    std::sort(reasons.begin(), reasons.end());
    EXPECT_THAT(reasons, ElementsAre(by_etag ? "ETAG_MISMATCH" : "OK", "OK"));
    if (cancelled != "OK") {
      EXPECT_EQ(Record(draft.name()).state(), kDraft);
      cancel.clear_etag();
      Must(Do(referring_caseworker, &Stub::CancelReferral, cancel));
    }
    EXPECT_EQ(Record(draft.name()).state(), kCancelled);
    EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft.name()))),
              "INVALID_TRANSITION");
    EXPECT_EQ(Get(receiver, draft.name()).status().code(), absl::StatusCode::kNotFound);
    return History(draft.name()).at(1).event();
  }
};

TEST_F(DraftRaceTest, OfAnApprovalAndACancelAtOnceTheDraftIsCancelled) {
  for (const bool by_etag : {false, true}) {
    EXPECT_EQ(Run(RaceOrder::kOneFirst, by_etag), "APPROVE");
    EXPECT_EQ(Run(RaceOrder::kOtherFirst, by_etag), "CANCEL");
  }
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    Run(RaceOrder::kAtOnce, /*by_etag=*/round % 2 == 1);
  }
}

TEST_F(ReferralServiceTest, ManyCommandsAtOnceKeepOneHolderAndNoGaps) {
  const std::string name = Requested();
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 12; ++j) {
        absl::Status status;
        auto note = WithText<v1::AddNoteRequest>(name, kQuestion);
        note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
        if (i == 0 && j == 3)
          status =
              Do(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)).status();
        if (i == 1 && j == 6)
          status = Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)).status();
        if (i == 2 && j == 9)
          status = Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name)).status();
        note.clear_request_id();
        status = Do(i % 2 == 0 ? referrer : receiver, &Stub::AddNote, note).status();
        // Under contention a note may be told to come again; nothing else may happen to it.
        if (status.ok()) {
          ++done;
        } else {
          EXPECT_EQ(error::ReasonOf(status), "CONTENDED") << status;
        }
        const v1::Referral seen = Must(Get(referrer, name));
        EXPECT_TRUE(seen.case_holding_body() == kReferringBody || seen.case_holding_body() == kReceivingBody);
        const bool accepted = seen.state() == kAccepted || seen.state() == kInProgress;
        EXPECT_EQ(seen.case_holding_body(), accepted ? kReceivingBody : kReferringBody);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CheckInvariants(name);
  const auto notes = Notes(name);
  EXPECT_EQ(notes.size(), static_cast<size_t>(done.load()));
  for (size_t i = 0; i < notes.size(); ++i) EXPECT_EQ(notes[i].number(), i + 1);
  const OpenedKeys opened = Must(sealing.OpenKeys(name, Wraps(name), kReceivingBody));
  for (const auto& note : notes) EXPECT_EQ(Must(sealing.OpenNote(name, opened, note)), kQuestion);
}

// --- Bodies of transactions run again
// --------------------------------------------------------------------------

TEST(ReferralBodies, MayRunSeveralTimes) {
  RigOptions options = ReferralOptions(/*on_disk=*/false);
  options.body_runs = 3;
  ReferralRig again(options);
  const std::string name = again.Requested();
  auto note = WithText<v1::AddNoteRequest>(name, kQuestion);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  Must(again.Do(again.receiver, &Stub::AddNote, note));
  Must(again.Do(again.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  const std::string linked = Must(again.Do(again.receiver, &Stub::HandOverReferral,
                                           again.ToBody<v1::HandOverReferralRequest>(name, kThirdBody)))
                                 .forwarded_to();
  Must(again.Do(again.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked)));
  EXPECT_EQ(again.Record(name).state(), kForwarded);
  EXPECT_EQ(again.Record(name).revision(), 5);
  std::map<std::string, int> events;
  for (const auto& event : again.rig.Events()) ++events[event.type()];
  EXPECT_EQ(events["referral.transport_receipt"], 2) << "each body was given it once, whatever it did then";
  EXPECT_EQ(again.rig.Envelopes().size(), 9U);
  const auto shown =
      Must(again.Do(again.third, &Stub::DiscloseReferral, again.Disclose(linked, kScreeningAndDetails)));
  EXPECT_EQ(shown.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
}

}  // namespace
}  // namespace waypost::referral
