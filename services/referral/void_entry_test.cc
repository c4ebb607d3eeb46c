// Wrong entries, voided one by one, through gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kWhy = "why-given-in-the-clear";

class VoidEntryTest : public ::testing::Test, protected ReferralRig {
 protected:
  VoidEntryTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {}

  // Its number.
  uint32_t Noted(const std::string& token, const std::string& name, v1::NoteVisibility visibility) {
    auto note = On<v1::AddNoteRequest>(name);
    note.set_visibility(visibility);
    note.set_text("a note");
    Must(Do(token, &Stub::AddNote, note));
    return Notes(name).back().number();
  }
  static std::string NoteName(const std::string& name, uint32_t number) {
    return base::Cat(name, "/notes/", number);
  }
  static v1::VoidEntryRequest OfNote(const std::string& name, uint32_t number) {
    auto request = On<v1::VoidEntryRequest>(name);
    request.set_note(NoteName(name, number));
    request.set_reason(v1::VOID_REASON_WRONG_PERSON);
    return request;
  }
  static v1::VoidEntryRequest OfAppointment(const std::string& name, uint32_t number) {
    auto request = On<v1::VoidEntryRequest>(name);
    request.set_appointment(number);
    request.set_reason(v1::VOID_REASON_ENTERED_TWICE);
    return request;
  }
  std::string Void(const std::string& token, const v1::VoidEntryRequest& request) {
    return ReasonOf(Do(token, &Stub::VoidEntry, request));
  }
  std::vector<v1::Note> Listed(const std::string& token, const std::string& name) {
    const auto page = Must(Do(token, &Stub::ListNotes, On<v1::ListNotesRequest>(name)));
    return {page.notes().begin(), page.notes().end()};
  }
  std::string Opened(const std::string& token, const std::string& name, uint32_t number) {
    auto look = On<v1::DiscloseNotesRequest>(name);
    look.add_notes(NoteName(name, number));
    look.set_purpose(v1::PURPOSE_COORDINATE_CASE);
    return ReasonOf(Do(token, &Stub::DiscloseNotes, look));
  }
  v1::HistoryEntry LastEntry(const std::string& token, const std::string& name) {
    const auto history =
        Must(Do(token, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(name)));
    return *history.entries().rbegin();
  }
  uint32_t Appointment(const std::string& name) {
    auto request = On<v1::RecordAppointmentRequest>(name);
    request.set_status(v1::APPOINTMENT_STATUS_SCHEDULED);
    *request.mutable_time() = api::ToTimestamp(Now() - absl::Hours(1));
    request.set_zone("Europe/Madrid");
    return static_cast<uint32_t>(Must(Do(receiver, &Stub::RecordAppointment, request)).appointments_size());
  }
};

TEST_F(VoidEntryTest, AVoidNoteIsListedAndOpenedByWhoWroteItAlone) {
  const std::string name = InProgress();
  const uint32_t number = Noted(receiver, name, v1::NOTE_VISIBILITY_BOTH_SIDES);
  ASSERT_EQ(Opened(referrer, name, number), "OK");
  const size_t notes = Notes(name).size();
  const auto after = Must(Do(receiving_caseworker, &Stub::VoidEntry, OfNote(name, number)));
  EXPECT_EQ(after.state(), kInProgress);
  const auto event = EventsOf(name).back();
  ASSERT_EQ(event.type(), "referral.entry_voided");
  EXPECT_EQ(event.facts().at("entry"), base::Cat("notes/", number));
  EXPECT_EQ(event.facts().at("reason"), "WRONG_PERSON");
  EXPECT_THAT(Notes(name), SizeIs(notes)) << "nothing is deleted";
  EXPECT_EQ(Opened(referrer, name, number), "ENTRY_VOID");
  EXPECT_EQ(Opened(receiver, name, number), "OK");
  for (const std::string& token : {referrer, receiver}) {
    const auto listed = Listed(token, name);
    ASSERT_THAT(listed, SizeIs(notes));
    EXPECT_EQ(listed.back().voided().reason(), v1::VOID_REASON_WRONG_PERSON);
    EXPECT_EQ(listed.back().voided().actor(), token == receiver ? "actors/raulxxxxxxxxxxxx" : "");
    EXPECT_EQ(LastEntry(token, name).event(), "VOID_ENTRY");
    EXPECT_EQ(LastEntry(token, name).voided_entry(), NoteName(name, number));
    EXPECT_EQ(LastEntry(token, name).void_reason(), v1::VOID_REASON_WRONG_PERSON);
  }
  EXPECT_EQ(Void(receiver, OfNote(name, number)), "ENTRY_VOID") << "once";
}

TEST_F(VoidEntryTest, AnotherBodysNoteIsNotYours) {
  const std::string name = InProgress();
  const uint32_t both = Noted(receiver, name, v1::NOTE_VISIBILITY_BOTH_SIDES);
  const uint32_t own = Noted(receiver, name, v1::NOTE_VISIBILITY_OWN_SIDE);
  const auto before = rig.Dump();
  EXPECT_EQ(Void(referrer, OfNote(name, both)), "NOT_YOUR_ENTRY");
  EXPECT_EQ(Void(referrer, OfNote(name, own)), "NOT_FOUND") << "as one that is not there";
  EXPECT_EQ(Void(referrer, OfNote(name, 99)), "NOT_FOUND");
  EXPECT_EQ(Void(third, OfNote(name, both)), "NOT_FOUND");
  EXPECT_TRUE(rig.Dump() == before);
  EXPECT_EQ(Void(receiver, OfNote(name, own)), "OK");
  EXPECT_EQ(Opened(receiver, name, own), "OK");
}

TEST_F(VoidEntryTest, OfAnEndedReferralTooUnlessErasedOrCut) {
  const std::string declined = Requested();
  const uint32_t number = Noted(receiver, declined, v1::NOTE_VISIBILITY_BOTH_SIDES);
  const uint32_t own = Noted(referrer, declined, v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(Do(receiver, &Stub::DeclineReferral, Decline(declined)));
  EXPECT_EQ(Void(receiver, OfNote(declined, number)), "OK") << "what it wrote, though it cannot open it";
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(declined)));
  EXPECT_EQ(Void(referrer, OfNote(declined, own)), "NOT_FOUND") << "it is erased";
  const std::string completed = Completed();
  const uint32_t shared = Noted(referrer, completed, v1::NOTE_VISIBILITY_BOTH_SIDES);
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(completed)));
  EXPECT_EQ(Void(referrer, OfNote(completed, shared)), "SHARE_ERASED");
  const std::string cut = InProgress();
  const uint32_t wrong = Noted(receiver, cut, v1::NOTE_VISIBILITY_OWN_SIDE);
  auto misdirected = On<v1::ReportMisdirectedRequest>(cut);
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(Void(receiver, OfNote(cut, wrong)), "NOT_FOUND");
}

TEST_F(VoidEntryTest, AReasonInWordsIsAnOwnNote) {
  const std::string name = InProgress();
  const uint32_t number = Noted(receiver, name, v1::NOTE_VISIBILITY_BOTH_SIDES);
  auto request = OfNote(name, number);
  request.set_reason(v1::VOID_REASON_OTHER);
  EXPECT_EQ(Void(receiver, request), "INVALID_FIELD") << "OTHER needs words";
  request.set_text(std::string(kWhy));
  ASSERT_EQ(Void(receiver, request), "OK");
  const auto note = Notes(name).back();
  EXPECT_EQ(note.event(), "VOID_ENTRY");
  EXPECT_EQ(note.visibility(), v1::NOTE_VISIBILITY_OWN_SIDE);
  EXPECT_EQ(note.body(), kReceivingBody);
  EXPECT_EQ(Opened(receiver, name, note.number()), "OK");
  EXPECT_EQ(Opened(referrer, name, note.number()), "NOT_FOUND");
  for (const auto& [key, value] : rig.Dump()) EXPECT_THAT(value, Not(HasSubstr(std::string(kWhy))));
}

TEST_F(VoidEntryTest, NothingFollowsFromAVoidAppointment) {
  const std::string name = Accepted();
  const uint32_t number = Appointment(name);
  EXPECT_EQ(Void(referrer, OfAppointment(name, number)), "NOT_YOUR_ENTRY");
  EXPECT_EQ(Void(receiver, OfAppointment(name, number + 1)), "INVALID_FIELD");
  const auto after = Must(Do(receiver, &Stub::VoidEntry, OfAppointment(name, number)));
  const auto& appointment = after.appointments(static_cast<int>(number) - 1);
  EXPECT_EQ(appointment.voided().reason(), v1::VOID_REASON_ENTERED_TWICE);
  EXPECT_EQ(appointment.voided().actor(), "actors/luisxxxxxxxxxxxx");
  EXPECT_EQ(LastEntry(referrer, name).voided_entry(), base::Cat("appointments/", number));
  auto attended = On<v1::RecordAppointmentRequest>(name);
  attended.set_number(number);
  attended.set_status(v1::APPOINTMENT_STATUS_ATTENDED);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::RecordAppointment, attended)), "ENTRY_VOID");
  EXPECT_EQ(Void(receiver, OfAppointment(name, number)), "ENTRY_VOID");
  attended.set_number(Appointment(name));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::RecordAppointment, attended)), "OK") << "as it was to be";
}

TEST_F(VoidEntryTest, RepeatedItHappensOnceAndAnOldRevisionIsRefused) {
  const std::string name = InProgress();
  const uint32_t number = Noted(referrer, name, v1::NOTE_VISIBILITY_BOTH_SIDES);
  auto request = OfNote(name, number);
  request.set_etag("\"1\"");
  EXPECT_EQ(Void(referrer, request), "ETAG_MISMATCH");
  request.set_etag(Must(Get(referrer, name)).etag());
  request.set_request_id("sent-only-once");
  ASSERT_EQ(Void(referrer, request), "OK");
  const auto after = rig.Dump();
  EXPECT_EQ(Void(referrer, request), "OK");
  EXPECT_TRUE(rig.Dump() == after);
}

TEST_F(VoidEntryTest, WhatIsAskedIsAskedWhole) {
  const std::string name = InProgress();
  const std::string other = InProgress();
  const auto wrong = [&](const v1::VoidEntryRequest& request) {
    return error::ViolationsOf(Do(receiver, &Stub::VoidEntry, request).status());
  };
  const auto names = [](const char* field) { return ::testing::ElementsAre(::testing::StartsWith(field)); };
  auto request = On<v1::VoidEntryRequest>(name);
  request.set_reason(v1::VOID_REASON_WRONG_PERSON);
  EXPECT_THAT(wrong(request), names("note: "));
  request.set_note(NoteName(other, 1));
  EXPECT_THAT(wrong(request), names("note: ")) << "of another referral";
  request.set_note(NoteName(name, 0));
  EXPECT_THAT(wrong(request), names("note: "));
  request.set_appointment(0);
  EXPECT_THAT(wrong(request), names("appointment: "));
  request.set_appointment(1);
  request.clear_reason();
  EXPECT_THAT(wrong(request), names("reason: "));
  request.set_reason(v1::VOID_REASON_OTHER);
  request.set_text(std::string(4'001, 'x'));
  EXPECT_THAT(wrong(request), names("text: "));
}

}  // namespace
}  // namespace waypost::referral
