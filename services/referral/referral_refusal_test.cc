// What is refused, through gRPC: every field beyond its limit, malformed names, unknown enum values, bad
// pages, missing request ids. Each is answered as documented, and the store is byte for byte what it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/api/resource.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RefusalTest : public ::testing::Test, protected ReferralRig {
 protected:
  RefusalTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {}

  // Refused as INVALID_FIELD that names `field`; nothing is written, nothing is repeated in the message.
  template <typename Request, typename Response>
  void Refused(const std::string& token,
               grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
               const Request& request, std::string_view field) {
    const auto before = rig.Dump();
    const auto answer = Do(token, method, request);
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument) << field << ": " << answer.status();
    EXPECT_EQ(ReasonOf(answer), "INVALID_FIELD") << field;
    EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": ")))) << field;
    EXPECT_TRUE(rig.Dump() == before) << field;
  }

  using FillNew = std::function<void(v1::SubmitReferralRequest&)>;
  void RefusedNew(std::string_view field, const FillNew& fill) {
    v1::SubmitReferralRequest request = NewReferral();
    fill(request);
    Refused(referrer, &Stub::SubmitReferral, request, field);
    v1::CreateReferralRequest draft;
    *draft.mutable_referral() = request.referral();
    *draft.mutable_sections() = request.sections();
    draft.set_own_reference(request.own_reference());
    Refused(referrer, &Stub::CreateReferral, draft, field);
  }
  void AcceptedNew(const FillNew& fill) {
    v1::SubmitReferralRequest request = NewReferral();
    fill(request);
    EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, request)), "OK");
  }
};

// Characters of several bytes: limits count characters.
std::string Long(size_t characters) {
  std::string text;
  for (size_t i = 0; i < characters; ++i) text += "ñ";
  return text;
}

TEST_F(RefusalTest, TextsBeyondTheirLimits) {
  struct Limit {
    std::string_view field;
    size_t most;
    std::function<void(v1::PersonSections&, std::string)> set;
  };
  const std::vector<Limit> limits = {
      {"screening.text", 4'000,
       [](auto& person, std::string text) { person.mutable_screening()->set_text(text); }},
      {"details.given_name", 200,
       [](auto& person, std::string text) { person.mutable_details()->set_given_name(text); }},
      {"details.family_name", 200,
       [](auto& person, std::string text) { person.mutable_details()->set_family_name(text); }},
      {"details.contact", 1'000,
       [](auto& person, std::string text) { person.mutable_details()->set_contact(text); }},
      {"details.legal_status", 200,
       [](auto& person, std::string text) { person.mutable_details()->set_legal_status(text); }},
      {"details.needs", 10'000,
       [](auto& person, std::string text) { person.mutable_details()->set_needs(text); }},
      {"details.reason", 10'000,
       [](auto& person, std::string text) { person.mutable_details()->set_reason(text); }},
      {"details.documents", 4'000,
       [](auto& person, std::string text) { person.mutable_details()->set_documents(text); }},
      {"details.child_view", 4'000,
       [](auto& person, std::string text) { person.mutable_details()->set_child_view(text); }},
      {"details.parental_responsibility_holders[0]", 400,
       [](auto& person, std::string text) {
         person.mutable_details()->add_parental_responsibility_holders(text);
       }},
      {"alerts.alerts[0]", 2'000,
       [](auto& person, std::string text) { person.mutable_alerts()->set_alerts(0, text); }},
  };
  for (const Limit& limit : limits) {
    AcceptedNew([&](auto& request) { limit.set(*request.mutable_sections(0), Long(limit.most)); });
    RefusedNew(base::Cat("sections[0].", limit.field),
               [&](auto& request) { limit.set(*request.mutable_sections(0), Long(limit.most + 1)); });
  }
  AcceptedNew([](auto& request) { request.set_own_reference(Long(100)); });
  RefusedNew("own_reference", [](auto& request) { request.set_own_reference(Long(101)); });
}

TEST_F(RefusalTest, CountsBeyondTheirLimits) {
  RefusedNew("referral.persons", [](auto& request) {
    for (int i = 0; i < 20; ++i) *request.mutable_referral()->add_persons() = CompletePerson(1);
  });
  RefusedNew("sections", [](auto& request) {
    for (int i = 0; i < 20; ++i) request.add_sections()->set_person(1);
  });
  RefusedNew("referral.persons[0].languages", [](auto& request) {
    for (int i = 0; i < 10; ++i) request.mutable_referral()->mutable_persons(0)->add_languages("uk");
  });
  RefusedNew("referral.persons[0].accessibility_needs", [](auto& request) {
    for (int i = 0; i < 9; ++i) {
      request.mutable_referral()->mutable_persons(0)->add_accessibility_needs(
          v1::ACCESSIBILITY_NEED_EASY_LANGUAGE);
    }
  });
  RefusedNew("sections[0].alerts.alerts", [](auto& request) {
    for (int i = 0; i < 10; ++i) request.mutable_sections(0)->mutable_alerts()->add_alerts("x");
  });
  RefusedNew("sections[0].details.parental_responsibility_holders", [](auto& request) {
    for (int i = 0; i < 6; ++i)
      request.mutable_sections(0)->mutable_details()->add_parental_responsibility_holders("x");
  });
  RefusedNew("referral.persons[0].disclosure.special_category_sections", [](auto& request) {
    for (int i = 0; i < 4; ++i) {
      request.mutable_referral()->mutable_persons(0)->mutable_disclosure()->add_special_category_sections(
          v1::SECTION_KIND_DETAILS);
    }
  });
  RefusedNew("referral.persons[1].number",
             [](auto& request) { *request.mutable_referral()->add_persons() = CompletePerson(1); });
  RefusedNew("referral.persons[0].number",
             [](auto& request) { request.mutable_referral()->mutable_persons(0)->set_number(21); });
  RefusedNew("sections[0].person", [](auto& request) { request.mutable_sections(0)->set_person(0); });
  RefusedNew("sections[1].person", [](auto& request) { request.add_sections()->set_person(1); });
  RefusedNew("sections[1].person", [](auto& request) { request.add_sections()->set_person(2); });
}

TEST_F(RefusalTest, MalformedNamesAndCodes) {
  for (const std::string name :
       {"bodies/", "bodies/A", "body/x", "bodies/x/units/y", "x", "bodies/../x", "bodies/x "}) {
    RefusedNew("referral.receiving.body",
               [&](auto& request) { request.mutable_referral()->mutable_receiving()->set_body(name); });
  }
  for (const std::string name :
       {"units/y", "bodies/es-madrid/units/", "bodies/es-madrid", "bodies/es-madrid/units/a/b"}) {
    RefusedNew("referral.receiving.unit",
               [&](auto& request) { request.mutable_referral()->mutable_receiving()->set_unit(name); });
    RefusedNew("referral.referring.unit",
               [&](auto& request) { request.mutable_referral()->mutable_referring()->set_unit(name); });
  }
  RefusedNew("referral.receiving.unit", [](auto& request) {
    request.mutable_referral()->mutable_receiving()->set_unit(std::string(kThirdUnit));
  });
  RefusedNew("referral.receiving.body", [](auto& request) {
    request.mutable_referral()->mutable_receiving()->set_body(std::string(kReferringBody));
    request.mutable_referral()->mutable_receiving()->clear_unit();
  });
  RefusedNew("referral.offer", [](auto& request) { request.mutable_referral()->set_offer("offer-1"); });
  for (const std::string code : {"es300", "E", "ES3000", "ES30/1", "ES300/", "ES300/a", "EU1"}) {
    RefusedNew("referral.territory", [&](auto& request) { request.mutable_referral()->set_territory(code); });
  }
  for (const std::string tag : {"e", "es_ES", "-es", "españa", "x-very-long-subtag-beyond"}) {
    RefusedNew("referral.persons[0].interpreter_language", [&](auto& request) {
      request.mutable_referral()->mutable_persons(0)->set_interpreter_language(tag);
    });
  }
  RefusedNew("referral.persons[0].disclosure.retention_rule", [](auto& request) {
    request.mutable_referral()->mutable_persons(0)->mutable_disclosure()->set_retention_rule("Ley 7");
  });
  RefusedNew("sections[0].details.birth_date", [](auto& request) {
    request.mutable_sections(0)->mutable_details()->set_birth_date("2001-02-30");
  });

  for (const std::string name :
       {"", "referrals/", "referrals/A", "bodies/x", "referrals/x/notes/1", "01jd0000"}) {
    Refused(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name), "name");
    Refused(receiver, &Stub::GetReferral, On<v1::GetReferralRequest>(name), "name");
    Refused(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING}), "name");
  }
  const std::string name = Requested();
  for (const std::string& note :
       {name + "/notes/0", name + "/notes/01", name + "/notes/", std::string("notes/1"),
        std::string("referrals/other/notes/1"), name + "/notes/-1", name + "/notes/99999999999"}) {
    auto look = On<v1::DiscloseNotesRequest>(name);
    look.add_notes(note);
    look.set_purpose(v1::PURPOSE_COORDINATE_CASE);
    Refused(receiver, &Stub::DiscloseNotes, look, "notes[0]");
  }
}

TEST_F(RefusalTest, UnknownEnumValues) {
  RefusedNew("referral.theme",
             [](auto& request) { request.mutable_referral()->set_theme(static_cast<type::v1::Theme>(999)); });
  RefusedNew("referral.priority",
             [](auto& request) { request.mutable_referral()->set_priority(static_cast<v1::Priority>(-1)); });
  RefusedNew("referral.persons[0].age_band", [](auto& request) {
    request.mutable_referral()->mutable_persons(0)->set_age_band(static_cast<type::v1::AgeBand>(99));
  });
  RefusedNew("referral.persons[0].disclosure.purpose", [](auto& request) {
    request.mutable_referral()->mutable_persons(0)->mutable_disclosure()->set_purpose(
        static_cast<v1::Purpose>(99));
  });
  const std::string name = Requested();
  v1::DeclineReferralRequest decline = Decline(name);
  decline.set_reason(static_cast<v1::DeclineReason>(99));
  Refused(receiver, &Stub::DeclineReferral, decline, "reason");
  Refused(receiver, &Stub::DiscloseReferral, Disclose(name, {static_cast<v1::SectionKind>(9)}),
          "sections[0]");
  Refused(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_UNSPECIFIED}), "sections[0]");
  Refused(receiver, &Stub::DiscloseReferral,
          Disclose(name, {v1::SECTION_KIND_SCREENING}, v1::PURPOSE_UNSPECIFIED), "purpose");
  Refused(receiver, &Stub::DiscloseReferral, Disclose(name, {}), "sections");
  v1::DiscloseReferralRequest stranger = Disclose(name, {v1::SECTION_KIND_SCREENING});
  stranger.add_persons(1);
  stranger.add_persons(7);
  Refused(receiver, &Stub::DiscloseReferral, stranger, "persons[1]");
  v1::ListReferralsRequest list;
  Refused(receiver, &Stub::ListReferrals, list, "box");
  list.set_box(static_cast<v1::Box>(7));
  Refused(receiver, &Stub::ListReferrals, list, "box");
  list.set_box(v1::BOX_INBOX);
  list.add_states(static_cast<v1::ReferralState>(77));
  Refused(receiver, &Stub::ListReferrals, list, "states[0]");
  auto note = On<v1::AddNoteRequest>(name);
  note.set_text("x");
  Refused(receiver, &Stub::AddNote, note, "visibility");
  note.set_visibility(static_cast<v1::NoteVisibility>(9));
  Refused(receiver, &Stub::AddNote, note, "visibility");
}

TEST_F(RefusalTest, BadPages) {
  const std::string name = Requested();
  const auto bad = [&](auto method, auto request) {
    request.set_page_size(-1);
    Refused(receiver, method, request, "page_size");
    request.set_page_size(0);
    for (const std::string& token : {std::string("x"), std::string("AAAA"), std::string(100, 'A')}) {
      request.set_page_token(token);
      const auto before = rig.Dump();
      EXPECT_EQ(ReasonOf(Do(receiver, method, request)), "PAGE_TOKEN_INVALID") << token;
      EXPECT_TRUE(rig.Dump() == before);
    }
    request.set_page_token(std::string(8 * 1024 + 1, 'A'));
    Refused(receiver, method, request, "page_token");
    request.clear_page_token();
    request.set_page_size(2'000'000'000);
    EXPECT_EQ(ReasonOf(Do(receiver, method, request)), "OK") << "as many as the limit";
  };
  v1::ListReferralsRequest list;
  list.set_box(v1::BOX_INBOX);
  bad(&Stub::ListReferrals, list);
  bad(&Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(name));
  bad(&Stub::ListNotes, On<v1::ListNotesRequest>(name));
  bad(&Stub::ListRightsRequests, v1::ListRightsRequestsRequest());
  v1::ListRetentionRequest retention;
  retention.set_until("2031-12-31");
  bad(&Stub::ListRetention, retention);
  bad(&Stub::ListRetentionReports, v1::ListRetentionReportsRequest());
}

TEST_F(RefusalTest, AChangeWithoutAGoodRequestId) {
  const std::string name = Requested();
  const auto before = rig.Dump();
  const auto refused = [&](auto method, auto request) {
    for (const std::string& id :
         {std::string(), std::string("short"), std::string(65, 'a'), std::string("has space in"),
          std::string("sl/ash-slash"), std::string("ñññññññññ")}) {
      request.set_request_id(id);
      const auto answer = rig.CallAsItIs(*stub, receiver, method, request);
      EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument)
          << request.GetTypeName() << " '" << id << "'";
      EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith("request_id: ")));
    }
  };
  refused(&Stub::CreateReferral, NewDraft());
  refused(&Stub::SubmitReferral, NewReferral());
  refused(&Stub::UpdateReferral, v1::UpdateReferralRequest());
  refused(&Stub::ApproveReferral, On<v1::ApproveReferralRequest>(name));
  refused(&Stub::ProvideInformation, On<v1::ProvideInformationRequest>(name));
  refused(&Stub::AnswerOffer, On<v1::AnswerOfferRequest>(name));
  refused(&Stub::ConfirmForward, On<v1::ConfirmForwardRequest>(name));
  refused(&Stub::CancelReferral, On<v1::CancelReferralRequest>(name));
  refused(&Stub::DetachReferral, On<v1::DetachReferralRequest>(name));
  refused(&Stub::ReportMisdirected, On<v1::ReportMisdirectedRequest>(name));
  refused(&Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name));
  refused(&Stub::RequestInformation, On<v1::RequestInformationRequest>(name));
  refused(&Stub::WaitlistReferral, On<v1::WaitlistReferralRequest>(name));
  refused(&Stub::OfferPlace, On<v1::OfferPlaceRequest>(name));
  refused(&Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name));
  refused(&Stub::DeclineReferral, Decline(name));
  refused(&Stub::ProposeForward, On<v1::ProposeForwardRequest>(name));
  refused(&Stub::ForwardByDuty, On<v1::ForwardByDutyRequest>(name));
  refused(&Stub::HandOverReferral, On<v1::HandOverReferralRequest>(name));
  refused(&Stub::StartReferral, On<v1::StartReferralRequest>(name));
  refused(&Stub::HoldReferral, On<v1::HoldReferralRequest>(name));
  refused(&Stub::ResumeReferral, On<v1::ResumeReferralRequest>(name));
  refused(&Stub::CompleteReferral, On<v1::CompleteReferralRequest>(name));
  refused(&Stub::EndReferralWithoutResult, On<v1::EndReferralWithoutResultRequest>(name));
  refused(&Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(name));
  refused(&Stub::RefuseCancel, On<v1::RefuseCancelRequest>(name));
  refused(&Stub::RecordAppointment, On<v1::RecordAppointmentRequest>(name));
  refused(&Stub::ReopenReferral, On<v1::ReopenReferralRequest>(name));
  refused(&Stub::AssignReferral, On<v1::AssignReferralRequest>(name));
  refused(&Stub::ClaimReferral, On<v1::ClaimReferralRequest>(name));
  refused(&Stub::ChangePriority, On<v1::ChangePriorityRequest>(name));
  refused(&Stub::ProposeDate, On<v1::ProposeDateRequest>(name));
  refused(&Stub::AnswerDate, On<v1::AnswerDateRequest>(name));
  refused(&Stub::AddNote, On<v1::AddNoteRequest>(name));
  refused(&Stub::VoidEntry, On<v1::VoidEntryRequest>(name));
  refused(&Stub::VoidOutcome, On<v1::VoidOutcomeRequest>(name));
  refused(&Stub::EraseReferral, On<v1::EraseReferralRequest>(name));
  refused(&Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(name));
  refused(&Stub::RuleOnCompetence, On<v1::RuleOnCompetenceRequest>(name));
  refused(&Stub::AssumeResponsibility, On<v1::AssumeResponsibilityRequest>(name));
  refused(&Stub::PlaceLegalHold, On<v1::PlaceLegalHoldRequest>(name));
  refused(&Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name));
  refused(&Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL));
  refused(&Stub::AnswerRightsRequest,
          Receipt("rightsRequests/01jd000000000000000000zzzz", name, v1::RIGHT_ANSWER_REFUSED));
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(RefusalTest, TextsAndTimesOfCommands) {
  const std::string name = Acknowledged();
  const auto text = [&](const std::string& token, auto method, auto request, bool required) {
    request.set_text(Long(4'001));
    Refused(token, method, request, "text");
    if (!required) return;
    request.set_text(" \t\n");
    Refused(token, method, request, "text");
  };
  text(receiver, &Stub::RequestInformation, On<v1::RequestInformationRequest>(name), true);
  text(referrer, &Stub::ProvideInformation, On<v1::ProvideInformationRequest>(name), true);
  text(receiver, &Stub::DeclineReferral, Decline(name), false);
  text(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name), false);
  text(receiver, &Stub::RefuseCancel, On<v1::RefuseCancelRequest>(name), true);
  text(referrer, &Stub::ReportMisdirected, On<v1::ReportMisdirectedRequest>(name), true);
  text(referrer, &Stub::ReopenReferral, On<v1::ReopenReferralRequest>(name), true);
  v1::DeclineReferralRequest other = Decline(name);
  other.set_reason(v1::DECLINE_REASON_OTHER);
  Refused(receiver, &Stub::DeclineReferral, other, "text");
  auto note = On<v1::AddNoteRequest>(name);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_text(Long(10'001));
  Refused(receiver, &Stub::AddNote, note, "text");

  const auto at = [](absl::Time time) { return api::ToTimestamp(time); };
  auto list = On<v1::WaitlistReferralRequest>(name);
  Refused(receiver, &Stub::WaitlistReferral, list, "review_time");
  for (const absl::Time time : {Now(), Now() - absl::Hours(1), Now() + kMaxReviewAhead + absl::Seconds(1)}) {
    *list.mutable_review_time() = at(time);
    Refused(receiver, &Stub::WaitlistReferral, list, "review_time");
  }
  list.mutable_review_time()->set_seconds(-5);
  Refused(receiver, &Stub::WaitlistReferral, list, "review_time");
  list.mutable_review_time()->set_seconds(1);
  list.mutable_review_time()->set_nanos(1'000'000'000);
  Refused(receiver, &Stub::WaitlistReferral, list, "review_time");
  auto propose = On<v1::ProposeDateRequest>(name);
  *propose.mutable_time() = at(Now());
  Refused(receiver, &Stub::ProposeDate, propose, "time");
  *propose.mutable_time() = at(Now() + absl::Hours(1));
  propose.set_clock(static_cast<v1::Clock>(99));
  Refused(receiver, &Stub::ProposeDate, propose, "clock");
  auto accept = On<v1::AcceptReferralRequest>(name);
  *accept.mutable_appointment()->mutable_time() = at(Now() + absl::Hours(1));
  Refused(receiver, &Stub::AcceptReferral, accept, "appointment.zone");
  accept.mutable_appointment()->set_zone("madrid");
  Refused(receiver, &Stub::AcceptReferral, accept, "appointment.zone");
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_assignee("actors/raul");
  Refused(receiver, &Stub::AssignReferral, assign, "assignee");
  assign.set_assignee("actors/raulxxxxxxxxxxxx");
  assign.set_unit(std::string(kReferringUnit));
  Refused(receiver, &Stub::AssignReferral, assign, "unit");
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(name);
  Refused(referrer, &Stub::UpdateReferral, update, "update_mask");
  update.mutable_update_mask()->add_paths("state");
  Refused(referrer, &Stub::UpdateReferral, update, "update_mask.paths[0]");
  update.mutable_update_mask()->set_paths(0, "theme");
  update.set_own_reference("not named in the mask");
  Refused(referrer, &Stub::UpdateReferral, update, "own_reference");
  update.clear_own_reference();
  *update.add_sections() = MarkedSections(1);
  Refused(referrer, &Stub::UpdateReferral, update, "sections");
}

TEST_F(RefusalTest, UsesOfRights) {
  const std::string name = Requested();
  const auto recorded = [&](std::string_view field, const auto& fill) {
    auto request = Right(name, v1::RIGHT_KIND_OBJECTION);
    fill(request);
    Refused(referrer, &Stub::RecordRightsRequest, request, field);
  };
  recorded("name", [](auto& request) { request.set_name("rightsRequests/x"); });
  recorded("kind", [](auto& request) { request.clear_kind(); });
  recorded("kind", [](auto& request) { request.set_kind(static_cast<v1::RightKind>(99)); });
  recorded("person", [](auto& request) { request.set_person(0); });
  recorded("person", [](auto& request) { request.set_person(21); });
  recorded("person", [](auto& request) { request.set_person(2); });  // nobody of this referral
  recorded("asked_how", [](auto& request) { request.clear_asked_how(); });
  recorded("asked_how", [](auto& request) { request.set_asked_how(static_cast<v1::AskedHow>(99)); });
  recorded("ask_time", [](auto& request) { request.clear_ask_time(); });
  recorded("ask_time", [](auto& request) { request.mutable_ask_time()->set_seconds(-1); });
  recorded("ask_time",
           [](auto& request) { *request.mutable_ask_time() = api::ToTimestamp(Now() + absl::Hours(1)); });
  recorded("text", [](auto& request) { request.set_text(Long(4'001)); });

  const std::string rights =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION))).name();
  const auto answered = [&](std::string_view field, v1::RightAnswer answer, const auto& fill) {
    auto request = Receipt(rights, name, answer);
    fill(request);
    Refused(referrer, &Stub::AnswerRightsRequest, request, field);
  };
  answered("name", v1::RIGHT_ANSWER_RESTRICTED, [](auto& request) { request.set_name("referrals/x"); });
  answered("referral", v1::RIGHT_ANSWER_RESTRICTED, [](auto& request) { request.set_referral("x"); });
  answered("answer", v1::RIGHT_ANSWER_RESTRICTED, [](auto& request) { request.clear_answer(); });
  answered("answer", v1::RIGHT_ANSWER_RESTRICTED,
           [](auto& request) { request.set_answer(static_cast<v1::RightAnswer>(99)); });
  answered("law", v1::RIGHT_ANSWER_RETAINED, [](auto& request) { request.clear_law(); });
  answered("law", v1::RIGHT_ANSWER_RETAINED, [](auto& request) { request.set_law("Ley 39"); });
  answered("law", v1::RIGHT_ANSWER_RESTRICTED, [](auto& request) { request.set_law("es/ley-1"); });
  answered("retained_until", v1::RIGHT_ANSWER_RETAINED,
           [](auto& request) { request.set_retained_until("2031-02-30"); });
  answered("retained_until", v1::RIGHT_ANSWER_RETAINED,
           [](auto& request) { request.set_retained_until("2026-05-04"); });  // today
  answered("retained_until", v1::RIGHT_ANSWER_RESTRICTED,
           [](auto& request) { request.set_retained_until("2031-01-01"); });
  answered("refusal_ground", v1::RIGHT_ANSWER_REFUSED, [](auto& request) { request.clear_refusal_ground(); });
  answered("refusal_ground", v1::RIGHT_ANSWER_REFUSED,
           [](auto& request) { request.set_refusal_ground(static_cast<v1::RefusalGround>(99)); });
  answered("refusal_ground", v1::RIGHT_ANSWER_RESTRICTED,
           [](auto& request) { request.set_refusal_ground(v1::REFUSAL_GROUND_LEGAL_CLAIMS); });
  Refused(referrer, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>("rightsRequests/A"), "name");

  auto stale = Receipt(rights, name, v1::RIGHT_ANSWER_RESTRICTED);
  stale.set_etag("\"7\"");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::AnswerRightsRequest, stale)), "ETAG_MISMATCH");
  auto reused = Right(name, v1::RIGHT_KIND_OBJECTION);
  reused.set_request_id("the-same-request-id");
  const auto first = Must(Do(referrer, &Stub::RecordRightsRequest, reused));
  EXPECT_EQ(Must(Do(referrer, &Stub::RecordRightsRequest, reused)).name(), first.name())
      << "repeated, not done";
  reused.set_kind(v1::RIGHT_KIND_RESTRICTION);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::RecordRightsRequest, reused)), "REQUEST_ID_REUSED");
}

TEST_F(RefusalTest, LegalHoldsAndExports) {
  const std::string name = Requested();
  auto hold = On<v1::PlaceLegalHoldRequest>(name);
  Refused(receiver, &Stub::PlaceLegalHold, hold, "law");
  hold.set_law("Ley 1");
  Refused(receiver, &Stub::PlaceLegalHold, hold, "law");
  hold.set_law("es/ley-1-2000/art-328");
  hold.set_until("2026-13-01");
  Refused(receiver, &Stub::PlaceLegalHold, hold, "until");
  hold.set_until("2026-05-03");  // yesterday
  Refused(receiver, &Stub::PlaceLegalHold, hold, "until");
  hold.set_until("2026-05-04");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::PlaceLegalHold, hold)), "OK") << "today is in time";
  hold.set_name("bodies/x");
  Refused(receiver, &Stub::PlaceLegalHold, hold, "name");
  Refused(receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>("x"), "name");
  auto release = On<v1::ReleaseLegalHoldRequest>(name, "\"999\"");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ReleaseLegalHold, release)), "ETAG_MISMATCH");
  auto look = On<v1::ExportPersonRequest>(name);
  Refused(receiver, &Stub::ExportPerson, look, "person");
  look.set_person(2);
  Refused(receiver, &Stub::ExportPerson, look, "person");
  look.set_person(1);
  look.set_name("referrals/");
  Refused(receiver, &Stub::ExportPerson, look, "name");
}

TEST_F(RefusalTest, AnIncompleteReferralIsToldAllThatIsMissingAtOnce) {
  v1::SubmitReferralRequest request;
  request.mutable_referral()->add_persons()->set_number(1);
  const auto before = rig.Dump();
  const auto answer = Do(referrer, &Stub::SubmitReferral, request);
  ASSERT_FALSE(answer.ok());
  EXPECT_TRUE(rig.Dump() == before);
  request = NewReferral();
  request.mutable_referral()->mutable_persons(0)->clear_disclosure();
  request.mutable_referral()->clear_territory();
  const auto incomplete = Do(referrer, &Stub::SubmitReferral, request);
  EXPECT_EQ(ReasonOf(incomplete), "REFERRAL_INCOMPLETE");
  EXPECT_EQ(incomplete.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto missing = error::ViolationsOf(incomplete.status());
  EXPECT_THAT(missing, Contains(StartsWith("territory: ")));
  EXPECT_THAT(missing, Contains(StartsWith("persons[0].disclosure.purpose: ")));
  EXPECT_THAT(missing, Contains(StartsWith("persons[0].disclosure.referring_basis.article_6: ")));
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(RefusalTest, AMessageBeyondFourMebibytesIsNotRead) {
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_sections(0)->mutable_details()->set_needs(std::string(5 * 1024 * 1024, 'x'));
  const auto before = rig.Dump();
  EXPECT_EQ(Do(referrer, &Stub::SubmitReferral, request).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(RefusalTest, NeitherErrorsNorTheAccessLogRepeatWhatPeopleWrote) {
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_sections(0)->mutable_details()->set_given_name(base::Cat(kGivenName, Long(300)));
  request.mutable_sections(0)->mutable_details()->set_birth_date(std::string(kNeeds));
  request.set_own_reference(base::Cat(kOwnReference, Long(100)));
  const absl::Status status = Do(referrer, &Stub::SubmitReferral, request).status();
  const std::string text(base::ToStd(status.ToString(absl::StatusToStringMode::kWithEverything)));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("in-the-clear")));
  const std::string name = Accepted();
  Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  stub.reset();
  const std::string log = rig.EndLog();
  EXPECT_THAT(log, HasSubstr("DiscloseReferral"));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("in-the-clear")));
}

}  // namespace
}  // namespace waypost::referral
