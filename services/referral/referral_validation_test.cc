#include "services/referral/referral_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

template <typename Request>
std::vector<std::string> Wrong(const Request& request) {
  return error::ViolationsOf(Validate(request));
}

// --- A good request of each kind -------------------------------------------------------------------------

void SetTime(google::protobuf::Timestamp* time) {
  *time = api::ToTimestamp(testing::Now());
}

template <typename Request>
Request Named() {
  Request request;
  request.set_name(std::string(testing::kName));
  return request;
}

template <typename Request>
Request WithText() {
  Request request = Named<Request>();
  request.set_text("because");
  return request;
}

v1::Referral RichReferral() {
  v1::Referral referral = testing::CompleteReferral();
  referral.set_offer("offers/b1-evening");
  *referral.add_persons() = testing::CompleteChild(2);
  referral.mutable_persons(1)->add_accessibility_needs(v1::ACCESSIBILITY_NEED_SIGN_LANGUAGE);
  referral.mutable_persons(1)->mutable_disclosure()->add_special_category_sections(v1::SECTION_KIND_DETAILS);
  SetTime(referral.mutable_telephone_handover()->mutable_time());
  referral.mutable_telephone_handover()->set_unit(std::string(testing::kReceivingUnit));
  return referral;
}

v1::CreateReferralRequest Create() {
  v1::CreateReferralRequest request;
  *request.mutable_referral() = RichReferral();
  *request.add_sections() = testing::SectionsOf(1, false);
  *request.add_sections() = testing::SectionsOf(2, true);
  request.mutable_sections(0)->mutable_details()->set_birth_date("1990-01-31");
  request.mutable_sections(0)->mutable_alerts()->add_alerts("indicator");
  request.set_own_reference("EXP-2026/0042");
  return request;
}

v1::SubmitReferralRequest Submit() {
  v1::SubmitReferralRequest request;
  const v1::CreateReferralRequest create = Create();
  *request.mutable_referral() = create.referral();
  *request.mutable_sections() = create.sections();
  request.set_own_reference(create.own_reference());
  return request;
}

v1::UpdateReferralRequest Update() {
  v1::UpdateReferralRequest request;
  *request.mutable_referral() = RichReferral();
  request.mutable_referral()->set_name(std::string(testing::kName));
  for (const char* path : {"theme", "priority", "referring.unit", "receiving", "offer", "territory",
                           "persons", "telephone_handover", "sections", "own_reference"}) {
    request.mutable_update_mask()->add_paths(path);
  }
  *request.add_sections() = testing::SectionsOf(1, false);
  return request;
}

template <typename Request>
Request NewRecipient() {
  Request request = WithText<Request>();
  request.set_body(std::string(testing::kThirdBody));
  *request.add_disclosures() = testing::NewDisclosures()[0];
  SetTime(request.mutable_telephone_handover()->mutable_time());
  request.mutable_telephone_handover()->set_unit(std::string(testing::kThirdUnit));
  return request;
}

template <typename Request>
Request Ending(const v1::Outcome& outcome) {
  Request request = WithText<Request>();
  *request.add_outcomes() = testing::Outcomes(outcome)[0];
  request.mutable_outcomes(0)->mutable_outcome()->set_follow_up_date("2026-09-01");
  return request;
}

// A request with its validator, whatever its kind.
struct Sample {
  std::unique_ptr<Message> request;
  std::function<absl::Status(const Message&)> validate;
  std::string name() const { return request->GetDescriptor()->name(); }
};

template <typename Request>
void Add(const Request& request, std::vector<Sample>& samples) {
  samples.push_back({std::make_unique<Request>(request),
                     [](const Message& message) { return Validate(static_cast<const Request&>(message)); }});
}

void AddDeciding(std::vector<Sample>& samples) {
  auto waitlist = WithText<v1::WaitlistReferralRequest>();
  SetTime(waitlist.mutable_review_time());
  Add(waitlist, samples);
  auto offer = WithText<v1::OfferPlaceRequest>();
  SetTime(offer.mutable_answer_by_time());
  Add(offer, samples);
  auto answer = WithText<v1::AnswerOfferRequest>();
  answer.set_answer(v1::AnswerOfferRequest::ANSWER_TAKE_PLACE);
  Add(answer, samples);
  auto accept = WithText<v1::AcceptReferralRequest>();
  SetTime(accept.mutable_appointment()->mutable_time());
  accept.mutable_appointment()->set_zone("Europe/Madrid");
  accept.set_unit(std::string(testing::kReceivingUnit));
  accept.set_own_reference("R-1");
  Add(accept, samples);
  auto decline = WithText<v1::DeclineReferralRequest>();
  decline.set_reason(v1::DECLINE_REASON_OTHER);
  decline.set_declined_by(v1::DECLINED_BY_PROVIDER);
  decline.set_suggested_body(std::string(testing::kThirdBody));
  Add(decline, samples);
  auto propose = WithText<v1::ProposeForwardRequest>();
  propose.set_body(std::string(testing::kThirdBody));
  propose.set_unit(std::string(testing::kThirdUnit));
  propose.set_offer("offers/b1-evening");
  Add(propose, samples);
  Add(NewRecipient<v1::ConfirmForwardRequest>(), samples);
  auto by_duty = NewRecipient<v1::ForwardByDutyRequest>();
  by_duty.set_law("es/ley-40-2015/art-14");
  Add(by_duty, samples);
  Add(NewRecipient<v1::HandOverReferralRequest>(), samples);
}

void AddWorking(std::vector<Sample>& samples) {
  auto hold = WithText<v1::HoldReferralRequest>();
  hold.set_reason(v1::HOLD_REASON_OTHER);
  SetTime(hold.mutable_review_time());
  Add(hold, samples);
  Add(Ending<v1::CompleteReferralRequest>(testing::PositiveOutcome()), samples);
  Add(Ending<v1::EndReferralWithoutResultRequest>(testing::NegativeOutcome()), samples);
  auto cancel = WithText<v1::CancelReferralRequest>();
  cancel.set_reason(v1::CANCEL_REASON_OTHER);
  Add(cancel, samples);
  auto reopen = WithText<v1::ReopenReferralRequest>();
  *reopen.add_disclosures() = testing::NewDisclosures()[0];
  Add(reopen, samples);
  auto assign = Named<v1::AssignReferralRequest>();
  assign.set_unit(std::string(testing::kReceivingUnit));
  assign.set_assignee("actors/luisxxxxxxxxxxxx");
  Add(assign, samples);
  auto priority = WithText<v1::ChangePriorityRequest>();
  priority.set_priority(v1::PRIORITY_EMERGENCY);
  SetTime(priority.mutable_telephone_handover()->mutable_time());
  priority.mutable_telephone_handover()->set_unit(std::string(testing::kReceivingUnit));
  Add(priority, samples);
  auto propose = WithText<v1::ProposeDateRequest>();
  SetTime(propose.mutable_time());
  propose.set_clock(v1::CLOCK_START);
  Add(propose, samples);
  auto answer = WithText<v1::AnswerDateRequest>();
  answer.set_answer(v1::AnswerDateRequest::ANSWER_AGREE);
  Add(answer, samples);
  auto appointment = Named<v1::RecordAppointmentRequest>();
  appointment.set_number(1);
  appointment.set_status(v1::APPOINTMENT_STATUS_MOVED);
  SetTime(appointment.mutable_time());
  appointment.set_zone("Europe/Madrid");
  Add(appointment, samples);
  auto note = WithText<v1::AddNoteRequest>();
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  Add(note, samples);
  auto voided = WithText<v1::VoidEntryRequest>();
  voided.set_note(base::Cat(voided.name(), "/notes/3"));
  voided.set_reason(v1::VOID_REASON_OTHER);
  Add(voided, samples);
  auto outcome = WithText<v1::VoidOutcomeRequest>();
  outcome.set_person(1);
  outcome.set_reason(v1::VOID_REASON_OTHER);
  *outcome.mutable_outcome() = testing::PositiveOutcome();
  outcome.mutable_outcome()->set_follow_up_date("2026-09-01");
  Add(outcome, samples);
}

void AddReading(std::vector<Sample>& samples) {
  Add(Named<v1::GetReferralRequest>(), samples);
  v1::ListReferralsRequest list;
  list.set_box(v1::BOX_INBOX);
  list.add_states(kRequested);
  list.set_unit(std::string(testing::kReceivingUnit));
  Add(list, samples);
  Add(v1::WatchReferralsRequest(), samples);
  auto disclose = Named<v1::DiscloseReferralRequest>();
  disclose.add_persons(1);
  disclose.add_sections(v1::SECTION_KIND_DETAILS);
  const auto under_order = [](auto request) {
    request.set_purpose(v1::PURPOSE_LEGAL_OBLIGATION);
    request.set_law("es/ley-40-2015/art-14");
    request.set_order_reference("DP 42/2026");
    request.set_recipient_body("bodies/es-border-police");
    return request;
  };
  Add(under_order(disclose), samples);
  Add(Named<v1::ListNotesRequest>(), samples);
  auto notes = Named<v1::DiscloseNotesRequest>();
  notes.add_notes(std::string(testing::kName) + "/notes/3");
  Add(under_order(notes), samples);
  Add(Named<v1::ListReferralHistoryRequest>(), samples);
  Add(Named<v1::ListPartsRequest>(), samples);
  Add(v1::ListReceiptKeysRequest(), samples);
  Add(v1::GetMyselfRequest(), samples);
  v1::FindByOwnReferenceRequest find;
  find.set_own_reference("EXP-2026/0042");
  Add(find, samples);
}

std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  Add(Create(), samples);
  Add(Update(), samples);
  Add(Submit(), samples);
  Add(Named<v1::ApproveReferralRequest>(), samples);
  auto acknowledge = Named<v1::AcknowledgeReferralRequest>();
  acknowledge.set_own_reference("R-1");
  Add(acknowledge, samples);
  Add(WithText<v1::RequestInformationRequest>(), samples);
  Add(WithText<v1::ProvideInformationRequest>(), samples);
  AddDeciding(samples);
  Add(Named<v1::StartReferralRequest>(), samples);
  Add(Named<v1::ResumeReferralRequest>(), samples);
  Add(Named<v1::ConfirmCancelRequest>(), samples);
  Add(Named<v1::DetachReferralRequest>(), samples);
  Add(WithText<v1::RefuseCancelRequest>(), samples);
  Add(WithText<v1::ReportMisdirectedRequest>(), samples);
  Add(Named<v1::ClaimReferralRequest>(), samples);
  Add(Named<v1::EraseReferralRequest>(), samples);
  Add(Named<v1::RemindReferralRequest>(), samples);
  Add(Named<v1::SettleFollowUpRequest>(), samples);
  auto rule = Named<v1::RuleOnCompetenceRequest>();
  rule.set_body(std::string(testing::kThirdBody));
  rule.set_law("es/ley-40-2015/art-14");
  Add(rule, samples);
  auto assume = Named<v1::AssumeResponsibilityRequest>();
  assume.set_law("es/ley-7-1985/art-58");
  Add(assume, samples);
  AddWorking(samples);
  AddReading(samples);
  return samples;
}

TEST(Validate, EveryRequestHasAGoodSample) {
  std::set<std::string> names;
  for (const Sample& sample : Samples()) {
    EXPECT_TRUE(sample.validate(*sample.request).ok())
        << sample.name() << ": " << sample.validate(*sample.request);
    names.insert(sample.name());
  }
  const auto& file = *v1::Referral::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const std::string& name = file.message_type(i)->name();
    const bool is_request = name.size() > 7 && name.substr(name.size() - 7) == "Request";
    EXPECT_EQ(is_request, names.contains(name)) << name;
  }
}

// --- What holds of every field of every request ----------------------------------------------------------

// Calls `body` with each field that is set, anywhere inside, and its index (-1 where it is not repeated).
using FieldBody = std::function<void(Message& owner, const FieldDescriptor& field, int index)>;
void ForEachSetField(Message& message, const FieldBody& body) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const auto& reflection = *message.GetReflection();
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const int index = field->is_repeated() ? i : -1;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ForEachSetField(index < 0 ? *reflection.MutableMessage(&message, field)
                                  : *reflection.MutableRepeatedMessage(&message, field, i),
                        body);
      }
      body(message, *field, index);
    }
  }
}

TEST(Validate, UnknownEnumValuesAreRefusedEverywhere) {
  int checked = 0;
  for (const Sample& sample : Samples()) {
    ForEachSetField(*sample.request, [&](Message& owner, const FieldDescriptor& field, int index) {
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM) return;
      const auto& reflection = *owner.GetReflection();
      const int before = index < 0 ? reflection.GetEnumValue(owner, &field)
                                   : reflection.GetRepeatedEnumValue(owner, &field, index);
      const auto set = [&](int value) {
        if (index < 0) {
          reflection.SetEnumValue(&owner, &field, value);
        } else {
          reflection.SetRepeatedEnumValue(&owner, &field, index, value);
        }
      };
      for (const int unknown : {9'999, -1}) {
        set(unknown);
        EXPECT_FALSE(sample.validate(*sample.request).ok()) << sample.name() << " " << field.full_name();
      }
      if (index >= 0) {
        set(0);
        EXPECT_FALSE(sample.validate(*sample.request).ok()) << sample.name() << " " << field.full_name();
      }
      set(before);
      ++checked;
    });
  }
  EXPECT_GT(checked, 60);
}

TEST(Validate, TextsAreUtf8AndNeverEndless) {
  const std::string endless(1 << 20, 'a');
  for (const Sample& sample : Samples()) {
    ForEachSetField(*sample.request, [&](Message& owner, const FieldDescriptor& field, int index) {
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
      const auto& reflection = *owner.GetReflection();
      const std::string before = index < 0 ? reflection.GetString(owner, &field)
                                           : reflection.GetRepeatedString(owner, &field, index);
      const auto set = [&](const std::string& value) {
        if (index < 0) {
          reflection.SetString(&owner, &field, value);
        } else {
          reflection.SetRepeatedString(&owner, &field, index, value);
        }
      };
      for (const std::string& bad : {std::string("\xC3\x28"), endless}) {
        set(bad);
        EXPECT_FALSE(sample.validate(*sample.request).ok()) << sample.name() << " " << field.full_name();
      }
      set(before);
    });
  }
}

TEST(Validate, TimesAreSane) {
  int checked = 0;
  for (const Sample& sample : Samples()) {
    ForEachSetField(*sample.request, [&](Message& owner, const FieldDescriptor& field, int) {
      if (field.full_name() != "google.protobuf.Timestamp.seconds") return;
      const auto& reflection = *owner.GetReflection();
      const int64_t before = reflection.GetInt64(owner, &field);
      for (const int64_t bad : {int64_t{-1}, int64_t{1} << 40}) {
        reflection.SetInt64(&owner, &field, bad);
        EXPECT_FALSE(sample.validate(*sample.request).ok()) << sample.name();
      }
      reflection.SetInt64(&owner, &field, before);
      ++checked;
    });
  }
  EXPECT_GT(checked, 10);
}

TEST(Validate, EveryNameMustBeAReferrals) {
  for (const Sample& sample : Samples()) {
    const FieldDescriptor* field = sample.request->GetDescriptor()->FindFieldByName("name");
    if (field == nullptr || sample.name() == "SubmitReferralRequest") continue;
    for (const std::string bad : {"", "referrals/", "referrals/A", "bodies/es-x", "referrals/a b",
                                  "referrals/01jd/notes/1", "/referrals/01jd0000000000000000000001"}) {
      sample.request->GetReflection()->SetString(sample.request.get(), field, bad);
      EXPECT_THAT(error::ViolationsOf(sample.validate(*sample.request)), Contains(StartsWith("name: ")))
          << sample.name() << " '" << bad << "'";
    }
  }
}

TEST(Validate, RequiredEnumsMustBeSet) {
  const std::set<std::string> required = {"answer", "reason",     "declined_by", "priority",
                                          "status", "visibility", "box",         "purpose"};
  int checked = 0;
  for (const Sample& sample : Samples()) {
    const auto* descriptor = sample.request->GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto& field = *descriptor->field(i);
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM || field.is_repeated()) continue;
      if (field.name() == "out_of_order_reason") continue;  // it depends on the list
      if (field.name() == "protection") continue;           // it may be protected already, or not at all
      if (field.name() == "clock") continue;                // empty is what is due
      ASSERT_TRUE(required.contains(field.name())) << field.full_name();
      std::unique_ptr<Message> copy(sample.request->New());
      copy->CopyFrom(*sample.request);
      copy->GetReflection()->ClearField(copy.get(), &field);
      EXPECT_THAT(error::ViolationsOf(sample.validate(*copy)), Contains(StartsWith(field.name() + ": ")))
          << sample.name();
      ++checked;
    }
  }
  EXPECT_EQ(checked, 14);
}

TEST(Validate, TextsThatMustBeThereMustNotBeBlank) {
  const std::set<std::string> optional = {"WaitlistReferralRequest", "OfferPlaceRequest",
                                          "AnswerOfferRequest",      "AcceptReferralRequest",
                                          "ProposeForwardRequest",   "ConfirmForwardRequest",
                                          "ForwardByDutyRequest",    "HandOverReferralRequest",
                                          "CompleteReferralRequest", "EndReferralWithoutResultRequest",
                                          "ProposeDateRequest",      "AnswerDateRequest",
                                          "SettleFollowUpRequest"};
  for (const Sample& sample : Samples()) {
    const FieldDescriptor* field = sample.request->GetDescriptor()->FindFieldByName("text");
    if (field == nullptr) continue;
    sample.request->GetReflection()->SetString(sample.request.get(), field, " \n");
    EXPECT_EQ(sample.validate(*sample.request).ok(), optional.contains(sample.name())) << sample.name();
  }
}

// --- Particular fields -----------------------------------------------------------------------------------

TEST(Validate, TellsEverythingAtOnce) {
  v1::CreateReferralRequest request = Create();
  request.mutable_referral()->set_territory("Madrid");
  request.mutable_referral()->set_offer("bodies/x/offers/y");
  request.mutable_referral()->mutable_persons(1)->set_number(1);
  request.mutable_referral()->mutable_persons(0)->set_interpreter_language("Ukrainian language");
  request.mutable_sections(0)->mutable_details()->set_birth_date("31.01.1990");
  EXPECT_EQ(Wrong(request).size(), 5u);
}

TEST(Validate, AViolationNeverRepeatsWhatWasWritten) {
  v1::CreateReferralRequest request = Create();
  request.mutable_sections(0)->mutable_details()->set_birth_date("born 1990 in Odesa");
  request.mutable_sections(0)->mutable_details()->set_given_name(std::string(201, 'Z'));
  const absl::Status status = Validate(request);
  EXPECT_EQ(status.message().find("Odesa"), absl::string_view::npos);
  EXPECT_EQ(status.message().find("ZZ"), absl::string_view::npos);
}

TEST(Validate, PersonsHaveALimitAndNumbersOfTheirOwn) {
  v1::CreateReferralRequest request;
  for (uint32_t i = 1; i <= kMaxPersons; ++i)
    *request.mutable_referral()->add_persons() = testing::CompletePerson(i);
  EXPECT_THAT(Wrong(request), IsEmpty());
  *request.mutable_referral()->add_persons() = testing::CompletePerson(21);
  EXPECT_THAT(Wrong(request),
              ElementsAre(StartsWith("referral.persons: "), StartsWith("referral.persons[20].number: ")));
  request = Create();
  request.mutable_referral()->mutable_persons(0)->set_number(0);
  EXPECT_THAT(Wrong(request), Contains(StartsWith("referral.persons[0].number: "))) << "0 is the case itself";
  request = Create();
  request.mutable_sections(1)->set_person(1);
  EXPECT_THAT(Wrong(request), ElementsAre("sections[1].person: is used twice"));
  request = Create();
  for (uint32_t i = 1; i <= kMaxPersons; ++i) request.mutable_referral()->add_case_persons(i);
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.mutable_referral()->add_case_persons(1);
  EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("referral.case_persons: ")));
}

TEST(Validate, LimitsOfTextsAreInCharacters) {
  v1::AddNoteRequest note;
  note.set_name(std::string(testing::kName));
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  std::string text;
  for (size_t i = 0; i < kMaxNoteCharacters; ++i) text += "й";
  note.set_text(text);
  EXPECT_THAT(Wrong(note), IsEmpty());
  note.set_text(text + "й");
  EXPECT_THAT(Wrong(note), ElementsAre("text: must be at most 10000 characters"));
}

TEST(Validate, OutputOnlyFieldsAreIgnored) {
  v1::CreateReferralRequest request = Create();
  request.mutable_referral()->set_name("made up");
  request.mutable_referral()->set_case_holding_body("me");
  v1::Person& person = *request.mutable_referral()->mutable_persons(0);
  person.mutable_outcome()->set_date("whenever");
  person.add_voided_outcomes()->mutable_outcome()->set_date("whenever");
  EXPECT_THAT(Wrong(request), IsEmpty());
}

TEST(Validate, ADraftIsNamedOrGivenNotBoth) {
  v1::SubmitReferralRequest request = Submit();
  request.set_name(std::string(testing::kName));
  EXPECT_THAT(Wrong(request),
              ElementsAre(StartsWith("referral: "), StartsWith("sections: "), StartsWith("own_reference: ")));
  EXPECT_THAT(Wrong(Named<v1::SubmitReferralRequest>()), IsEmpty());
  EXPECT_THAT(Wrong(v1::SubmitReferralRequest()), ElementsAre(StartsWith("referral: ")));
  request = Named<v1::SubmitReferralRequest>();
  request.set_name("drafts/1");
  EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("name: ")));
}

TEST(Validate, AMaskNamesWhatCanBeChanged) {
  v1::UpdateReferralRequest request = Update();
  request.mutable_update_mask()->clear_paths();
  EXPECT_THAT(Wrong(request), Contains(StartsWith("update_mask: ")));
  for (const std::string path : {"*", "state", "referring", "referring.body", "case_holding_body", ""}) {
    request = Update();
    request.mutable_update_mask()->set_paths(0, path);
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("update_mask.paths[0]: "))) << path;
  }
  request = Update();
  request.mutable_update_mask()->clear_paths();
  request.mutable_update_mask()->add_paths("theme");
  EXPECT_THAT(Wrong(request), ElementsAre("sections: are not named in update_mask"));
}

// Who is named falsely never comes, and of a protected referral nobody else reads it.
TEST(Validate, PeopleAreNamedByPseudonymsInEveryRequest) {
  const std::string good = "actors/abcdefghijklmn27";
  const std::vector<std::string> bad = {"ana",
                                        "abcdefghijklmn27",
                                        "actors/abcdefghijklmn2",
                                        "actors/abcdefghijklmn277",
                                        "actors/abcdefghijklmn20",
                                        "actors/Abcdefghijklmn27",
                                        "ACTORS/abcdefghijklmn27",
                                        "actors/abcdefghijklmn2 ",
                                        "actors/service"};
  // Every field of a request that names somebody, found by its name.
  const std::set<std::string> fields = {"readers", "referring_readers", "receiving_readers", "assignee"};
  int tried = 0;
  const auto refused = [](const Sample& sample, const std::string& field) {
    const std::vector<std::string> wrong = error::ViolationsOf(sample.validate(*sample.request));
    return std::any_of(wrong.begin(), wrong.end(), [&field](const std::string& violation) {
      return violation.find(field) < violation.find(": must be a pseudonym") &&
             violation.find("`waypost whoami`") != std::string::npos;
    });
  };
  for (const Sample& sample : Samples()) {
    Message* message = sample.request.get();
    const FieldDescriptor* referral = message->GetDescriptor()->FindFieldByName("referral");
    if (referral != nullptr && referral->message_type() == v1::Referral::descriptor()) {
      auto* made = dynamic_cast<v1::Referral*>(message->GetReflection()->MutableMessage(message, referral));
      made->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
      message = made->mutable_protection();
    }
    for (const std::string& name : fields) {
      const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
      if (field == nullptr) continue;
      ++tried;
      const auto set = [&](const std::string& actor) {
        if (!field->is_repeated()) return message->GetReflection()->SetString(message, field, actor);
        message->GetReflection()->ClearField(message, field);
        message->GetReflection()->AddString(message, field, actor);
      };
      for (const std::string& actor : bad) {
        set(actor);
        EXPECT_TRUE(refused(sample, name)) << sample.name() << " " << name << " " << actor;
      }
      set("");
      EXPECT_EQ(refused(sample, name), field->is_repeated()) << sample.name() << ": the queue has no name";
      set(good);
      EXPECT_TRUE(sample.validate(*sample.request).ok()) << sample.name() << " " << name;
    }
  }
  EXPECT_EQ(tried, 11)
      << "three requests with a referral of two sides, three new recipients, two of assigning";
}

TEST(Validate, ReasonsThatOnlyTheSystemGivesAreRefused) {
  auto hold = WithText<v1::HoldReferralRequest>();
  SetTime(hold.mutable_review_time());
  hold.set_reason(v1::HOLD_REASON_HAND_OVER);
  EXPECT_THAT(Wrong(hold), ElementsAre(StartsWith("reason: ")));
  for (const auto reason : {v1::CANCEL_REASON_MISDIRECTED, v1::CANCEL_REASON_PLACE_REFUSED}) {
    auto cancel = WithText<v1::CancelReferralRequest>();
    cancel.set_reason(reason);
    EXPECT_THAT(Wrong(cancel), ElementsAre(StartsWith("reason: ")));
  }
}

TEST(Validate, OtherNeedsATextAndTheRestDoesNot) {
  auto decline = Named<v1::DeclineReferralRequest>();
  decline.set_declined_by(v1::DECLINED_BY_PERSON);
  decline.set_reason(v1::DECLINE_REASON_OTHER);
  EXPECT_THAT(Wrong(decline), ElementsAre("text: is required"));
  decline.set_reason(v1::DECLINE_REASON_PERSON_DECLINED);
  EXPECT_THAT(Wrong(decline), IsEmpty());
}

TEST(Validate, AppointmentsHaveATimeWhereTheyAreMade) {
  auto request = Named<v1::RecordAppointmentRequest>();
  request.set_status(v1::APPOINTMENT_STATUS_SCHEDULED);
  EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("time: "), StartsWith("zone: ")));
  request.set_number(1);
  request.set_status(v1::APPOINTMENT_STATUS_ATTENDED);
  EXPECT_THAT(Wrong(request), IsEmpty());
  SetTime(request.mutable_time());
  EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("time: ")));
}

// Of a look: all of the order where it obeys one, and nothing of it where it does not.
TEST(Validate, ALegalOrderIsNamedWithItsPurposeAlone) {
  const auto check = [](auto request) {
    for (int purpose = v1::Purpose_MIN + 1; purpose <= v1::Purpose_MAX; ++purpose) {
      const bool obeys = purpose == v1::PURPOSE_LEGAL_OBLIGATION;
      request.set_purpose(static_cast<v1::Purpose>(purpose));
      request.clear_law();
      request.clear_order_reference();
      request.clear_recipient_body();
      const std::vector<std::string> without = Wrong(request);
      if (obeys) {
        EXPECT_THAT(without, ElementsAre(StartsWith("law: "), StartsWith("order_reference: ")));
      } else {
        EXPECT_THAT(without, IsEmpty());
      }
      request.set_law("es/ley-40-2015/art-14");
      request.set_order_reference("DP 42/2026");
      EXPECT_EQ(Wrong(request).size(), obeys ? 0U : 2U) << "without a recipient";
      request.set_recipient_body("bodies/es-border-police");
      EXPECT_EQ(Wrong(request).size(), obeys ? 0U : 3U);
    }
    request.set_purpose(v1::PURPOSE_LEGAL_OBLIGATION);
    request.set_order_reference(std::string(kMaxOrderReferenceCharacters, 'x'));
    EXPECT_THAT(Wrong(request), IsEmpty());
    request.set_order_reference(std::string(kMaxOrderReferenceCharacters + 1, 'x'));
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("order_reference: ")));
    request.set_order_reference(" ");
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("order_reference: ")));
    request.set_order_reference("DP 42/2026");
    request.set_law("Ley 40/2015");
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("law: ")));
    request.set_law("es/ley-40-2015/art-14");
    request.set_recipient_body("the police");
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("recipient_body: ")));
  };
  auto sections = Named<v1::DiscloseReferralRequest>();
  sections.add_sections(v1::SECTION_KIND_DETAILS);
  check(sections);
  auto notes = Named<v1::DiscloseNotesRequest>();
  notes.add_notes(std::string(testing::kName) + "/notes/3");
  check(notes);
}

TEST(Validate, NotesAreOfThatReferral) {
  for (const std::string bad : {"referrals/other/notes/1", "notes/1", "/notes/1", "/notes/0", "/notes/01",
                                "/notes/", "/notes/-1", "/notes/99999999999"}) {
    auto request = Named<v1::DiscloseNotesRequest>();
    request.set_purpose(v1::PURPOSE_SUPERVISE);
    request.add_notes(bad[0] == '/' && bad != "/notes/1" ? std::string(testing::kName) + bad : bad);
    EXPECT_THAT(Wrong(request), ElementsAre(StartsWith("notes[0]: "))) << bad;
  }
}

TEST(Validate, ListingsAndLooks) {
  v1::ListReferralsRequest list;
  list.set_box(v1::BOX_OUTBOX);
  list.set_page_size(-1);
  list.add_states(kRequested);
  list.add_states(kRequested);
  list.set_unit("units/x");
  EXPECT_EQ(Wrong(list).size(), 3u);
  v1::DiscloseReferralRequest look;
  look.set_name(std::string(testing::kName));
  look.add_persons(0);
  look.add_persons(21);
  EXPECT_THAT(Wrong(look), ElementsAre(StartsWith("purpose: "), StartsWith("sections: "),
                                       StartsWith("persons[0]: "), StartsWith("persons[1]: ")));
}

// --- Forms -----------------------------------------------------------------------------------------------

TEST(Forms, LanguageTags) {
  for (const std::string good : {"ar", "uk", "zh-Hant-TW", "es-419", "prs", "de-CH-1996"}) {
    EXPECT_TRUE(IsLanguageTag(good)) << good;
  }
  for (const std::string bad : {"", "a", "1a", "en_GB", "en-", "-en", "en--GB", "verylonglanguage", "en GB",
                                "en-abcdefghi", "aa-bbbbbbbb-cccccccc-dddddddd-eeeeeeee"}) {
    EXPECT_FALSE(IsLanguageTag(bad)) << bad;
  }
}

TEST(Forms, LawCodes) {
  EXPECT_TRUE(IsLawCode("es/ley-7-1985/art-25.2"));
  for (const std::string bad : {"", "Art. 6", "/es", "-es", "es_x", "ES/ley"})
    EXPECT_FALSE(IsLawCode(bad)) << bad;
  EXPECT_TRUE(IsLawCode(std::string(kMaxLawBytes, 'a')));
  EXPECT_FALSE(IsLawCode(std::string(kMaxLawBytes + 1, 'a')));
}

TEST(Forms, TerritoryCodes) {
  for (const std::string good :
       {"EU", "ES", "ES3", "ES30", "ES300", "ES300/28058", "AT130/90001/07", "DE21H"}) {
    EXPECT_TRUE(IsTerritoryCode(good)) << good;
  }
  for (const std::string bad : {"", "E", "es300", "EU1", "ES3000", "ES30/28058", "ES300/", "ES300//1",
                                "ES300/a", "ES300/1/2/3/4", "1S300", "Madrid"}) {
    EXPECT_FALSE(IsTerritoryCode(bad)) << bad;
  }
}

TEST(Forms, ZoneNames) {
  for (const std::string good : {"UTC", "Europe/Madrid", "America/Argentina/Buenos_Aires", "Etc/GMT+1"}) {
    EXPECT_TRUE(IsZoneName(good)) << good;
  }
  for (const std::string bad : {"", "CET", "europe/madrid", "Europe/", "/Europe", "Europe/../etc",
                                "Europe/Ma drid", "../../etc/passwd"}) {
    EXPECT_FALSE(IsZoneName(bad)) << bad;
  }
}

}  // namespace
}  // namespace waypost::referral
