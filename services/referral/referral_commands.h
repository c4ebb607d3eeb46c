// What can be asked of a referral, as the rules take it: codes, names and times, never free text. Texts of a
// request are sealed by the service and kept as notes. Made from requests that passed validation. Pure.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_COMMANDS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_COMMANDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/referral_machine.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// Which sections and fields of a person are filled in; never what is in them.
struct FilledSections {
  uint32_t person = 0;
  std::vector<v1::SectionKind> sections;
  std::vector<std::string> fields;  // "details.given_name"
};
std::vector<FilledSections> FilledIn(const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections);

// Sections of one person that are given anew, each whole; never what is in them.
struct CorrectedSections {
  uint32_t person = 0;
  std::vector<v1::SectionKind> sections;  // those given, the empty ones included
  std::vector<std::string> fields;        // what is filled in of them: "details.given_name"
};
CorrectedSections CorrectedIn(const v1::PersonSections& sections);

// Places in one group of an offer, as a request names them.
struct GroupChoice {
  std::string offer;                   // empty: the one that the referral has to do with already
  std::string group_id;                // empty: as it waits, or none
  std::vector<uint32_t> persons = {};  // empty: whoever waits, or else everybody
};

// What the directory says of a group that a command takes places in.
struct GroupLimit {
  std::string offer;
  std::string group_id;
  std::optional<int> places;  // nothing declared is no limit
  bool enrolment = false;     // of an ENROLMENT offer
};

// Who of a referral has a place already, by an enrolment that has not ended.
struct EnrolledPerson {
  uint32_t person = 0;
  std::string offer;
  std::string group_id;
  std::string enrolment;
};

// What an offer requires, as the service knows it from the directory. Null: nothing.
using DocumentsPtr = std::shared_ptr<const storage::v1::RequiredDocuments>;

namespace command {

struct Create {
  std::string name;  // made by the service
  v1::Referral referral;
  std::vector<FilledSections> filled;
  std::string path = {};  // of which it is a step; made by the service
  // What the service knows from the directory; of what is sent at once, in Submit.
  DocumentsPtr required_documents = nullptr;
};
struct Update {
  v1::Referral referral;
  std::vector<FilledSections> filled;
  std::vector<std::string> paths;
  DocumentsPtr required_documents = nullptr;  // of the offer that it then has, from the directory
};
struct Approve {};
struct Submit {
  std::shared_ptr<const Create> created;  // created and submitted in one step; null: a draft is sent
  // What the service knows from the directory.
  bool approval_required = false;  // the referring body has all its referrals approved
  std::string coordinating_body;
  SideCalendars calendars = {};
  DocumentsPtr required_documents = nullptr;
};
struct Acknowledge {};
struct RequestInformation {
  std::vector<uint32_t> documents = {};  // required ones that it is about, by number
};
struct ProvideInformation {};
struct InformationLapse {};
struct Waitlist {
  absl::Time review;
  GroupChoice choice = {};
};
struct OfferPlace {
  absl::Time answer_by;
  GroupChoice choice = {};
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  std::vector<GroupLimit> limits = {};  // what the service knows from the directory
};
struct TakePlace {};
struct StayOnList {};
struct LeaveList {};
struct OfferLapse {};
struct Accept {
  std::optional<v1::Appointment> appointment;  // its time and zone
  std::string unit;
  std::string offer = {};
  std::vector<v1::PersonPlace> places = {};
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  std::vector<GroupLimit> limits = {};        // what the service knows from the directory
  std::vector<EnrolledPerson> enrolled = {};  // and of those who are there already
};
struct Decline {
  v1::Decline decline;
};
struct ProposeForward {
  std::string body;
  std::string unit;
  std::string offer;
};
// Another body is to have the case: what all three ways have in common.
struct NewRecipient {
  std::string linked_name;  // of the referral that is opened; made by the service
  std::string body;
  std::string unit;   // ignored by ConfirmForward: as proposed
  std::string offer;  // the same
  std::vector<v1::PersonDisclosure> disclosures;
  std::optional<v1::TelephoneHandover> telephone_handover;
  std::vector<std::string> readers = {};  // at the new recipient, of a protected referral
  // What the service knows from the directory: whoever sends it on by its own wish has that approved.
  bool approval_required = false;
  DocumentsPtr required_documents = nullptr;  // of the offer that is asked for there
};
struct ConfirmForward {
  NewRecipient to;
};
struct ForwardByDuty {
  NewRecipient to;
  std::string law;
};
struct HandOver {
  NewRecipient to;
};
struct HandOverTaken {
  std::string body;  // which has it now
};
struct HandOverNotTaken {};
struct HandOverMoved {
  std::string linked_name;  // the referral that now asks for it
};
struct Start {};
struct Hold {
  v1::HoldReason reason;
  absl::Time review;
};
struct Resume {};
struct Complete {
  std::vector<v1::PersonOutcome> outcomes;
};
struct EndWithoutResult {
  std::vector<v1::PersonOutcome> outcomes;
};
struct Cancel {
  v1::CancelReason reason;
  std::vector<v1::PartDecision> parts = {};
};
struct Detach {};
struct ConfirmCancel {};
struct RefuseCancel {};
struct Reminder {
  storage::v1::Wake why = storage::v1::WAKE_REMIND;   // or of the start, or once more
  std::optional<std::string> coordinating_body = {};  // today, as the service knows it from the directory
};
struct GiveBackTime {
  PutOff to;
  absl::Time until;  // the end of the last outage that is counted in it
};
struct Escalate {
  std::optional<std::string> coordinating_body = {};  // as above
};
struct Lapse {};
struct Reopen {
  std::vector<v1::PersonDisclosure> disclosures;
  std::vector<GroupLimit> limits = {};  // what the service knows from the directory
  std::optional<std::string> coordinating_body = {};
  bool approval_required = false;  // the referring body, where it sends it again, has that approved
};
struct Misdirected {};
struct Assign {
  std::string unit;
  std::string assignee;
  std::vector<std::string> readers = {};  // of a protected referral: those of the caller's side
  v1::ProtectionGround protection = v1::PROTECTION_GROUND_UNSPECIFIED;  // protects it
};
struct Claim {};
struct AddNote {};
// One of them: a note by its number, or an appointment.
struct VoidEntry {
  uint32_t note = 0;
  uint32_t appointment = 0;
  v1::VoidReason reason = v1::VOID_REASON_UNSPECIFIED;
  // Of the note, what the service knows: rules read no rows.
  std::string note_body = {};
  bool note_void = false;
};
// The right outcome of a person in place of the wrong one.
struct VoidOutcome {
  uint32_t person = 0;
  v1::VoidReason reason = v1::VOID_REASON_UNSPECIFIED;
  v1::Outcome outcome = {};
};
struct ProposeDate {
  absl::Time time;
  v1::Clock clock = v1::CLOCK_UNSPECIFIED;  // that of what is due
};
struct AgreeDate {};
struct RefuseDate {};
struct RecordAppointment {
  uint32_t number = 0;
  v1::AppointmentStatus status;
  std::optional<absl::Time> time;
  std::string zone;
};
struct ChangePriority {
  v1::Priority priority;
  std::optional<v1::TelephoneHandover> telephone_handover;
};
struct Remind {};
// By the rules made into ConfirmCompetence where the body named is the receiving one.
struct Rule {
  NewRecipient to;
  std::string law;
};
struct ConfirmCompetence {};
struct Assume {
  NewRecipient to;  // its body is the coordinating one
  std::string law;
};
struct SettleFollowUp {};
struct Erase {};
// One side's retention rules have run out.
struct EndRetention {
  v1::Party party = v1::PARTY_UNSPECIFIED;
  absl::Time ended;  // from when they counted
};
// Who stands in the place of a body that has part in it.
struct BodyMove {
  std::string from;
  std::string to;
  std::map<std::string, std::string, std::less<>> units = {};  // of `from`, each with that of `to`
};
struct Succeed {
  std::vector<BodyMove> moves;  // each of another body; none: it stays, and offers went
  // Of the offers that OffersIn(record) gives: those that whoever has the case then does not deliver.
  std::vector<std::string> lost_offers = {};
};
// The programme of its offer ends, on another day than was known; or it does not end any longer, or the offer
// is under another one. Which day, the moment says.
struct ProgrammeEnding {};
struct ProgrammeGoesOn {};
// That a person uses a right.
struct RightUse {
  std::string request;  // as in "rightsRequests/01jd…"
  uint32_t person = 0;
};
struct Withdraw {
  RightUse use;
};
struct Object {
  RightUse use;
};
struct Rectify {
  RightUse use;
};
struct Restrict {
  RightUse use;
};
struct AskAccess {
  RightUse use;
};
struct PlaceHold {
  std::string law;
  std::string until;
};
struct ReleaseHold {};
struct AnswerRight {
  RightUse use;  // what is answered
  v1::RightAnswer answer = v1::RIGHT_ANSWER_UNSPECIFIED;
  std::string law;
  std::string retained_until;
  v1::RefusalGround ground = v1::REFUSAL_GROUND_UNSPECIFIED;
  std::optional<CorrectedSections> corrected = std::nullopt;
  v1::InformedHow informed_how = v1::INFORMED_HOW_UNSPECIFIED;
  std::string informed_language = {};
};

}  // namespace command

using Command = std::variant<
    command::Create, command::Update, command::Approve, command::Submit, command::Acknowledge,
    command::RequestInformation, command::ProvideInformation, command::InformationLapse, command::Waitlist,
    command::OfferPlace, command::TakePlace, command::StayOnList, command::LeaveList, command::OfferLapse,
    command::Accept, command::Decline, command::ProposeForward, command::ConfirmForward,
    command::ForwardByDuty, command::HandOver, command::HandOverTaken, command::HandOverNotTaken,
    command::HandOverMoved, command::Start, command::Hold, command::Resume, command::Complete,
    command::EndWithoutResult, command::Cancel, command::ConfirmCancel, command::RefuseCancel,
    command::Reminder, command::GiveBackTime, command::Escalate, command::Lapse, command::Reopen,
    command::Misdirected, command::Assign, command::Claim, command::AddNote, command::ProposeDate,
    command::AgreeDate, command::RefuseDate, command::RecordAppointment, command::ChangePriority,
    command::Remind, command::Rule, command::ConfirmCompetence, command::Assume, command::SettleFollowUp,
    command::Erase, command::Withdraw, command::Object, command::Restrict, command::AnswerRight,
    command::AskAccess, command::PlaceHold, command::ReleaseHold, command::EndRetention, command::Succeed,
    command::ProgrammeEnding, command::ProgrammeGoesOn, command::Detach, command::Rectify, command::VoidEntry,
    command::VoidOutcome>;

// The event in the table that a command is.
Event EventOf(const Command& command);

// The command that a request asks for. Those with a `name` open a referral under that new name.
Command CommandOf(const v1::CreateReferralRequest& request, std::string name);
Command CommandOf(const v1::UpdateReferralRequest& request);
Command CommandOf(const v1::ApproveReferralRequest& request);
// `name` is used only where the request creates the referral too. The caller fills in what the directory
// knows.
command::Submit SubmitOf(const v1::SubmitReferralRequest& request, std::string name);
Command CommandOf(const v1::AcknowledgeReferralRequest& request);
Command CommandOf(const v1::RequestInformationRequest& request);
Command CommandOf(const v1::ProvideInformationRequest& request);
Command CommandOf(const v1::WaitlistReferralRequest& request);
Command CommandOf(const v1::OfferPlaceRequest& request);
Command CommandOf(const v1::AnswerOfferRequest& request);
Command CommandOf(const v1::AcceptReferralRequest& request);
Command CommandOf(const v1::DeclineReferralRequest& request);
Command CommandOf(const v1::ProposeForwardRequest& request);
Command CommandOf(const v1::ConfirmForwardRequest& request, std::string name);
Command CommandOf(const v1::ForwardByDutyRequest& request, std::string name);
Command CommandOf(const v1::HandOverReferralRequest& request, std::string name);
Command CommandOf(const v1::StartReferralRequest& request);
Command CommandOf(const v1::HoldReferralRequest& request);
Command CommandOf(const v1::ResumeReferralRequest& request);
Command CommandOf(const v1::CompleteReferralRequest& request);
Command CommandOf(const v1::EndReferralWithoutResultRequest& request);
Command CommandOf(const v1::CancelReferralRequest& request);
Command CommandOf(const v1::DetachReferralRequest& request);
Command CommandOf(const v1::ConfirmCancelRequest& request);
Command CommandOf(const v1::RefuseCancelRequest& request);
Command CommandOf(const v1::ReopenReferralRequest& request);
Command CommandOf(const v1::ReportMisdirectedRequest& request);
Command CommandOf(const v1::AssignReferralRequest& request);
Command CommandOf(const v1::ClaimReferralRequest& request);
Command CommandOf(const v1::AddNoteRequest& request);
Command CommandOf(const v1::ProposeDateRequest& request);
Command CommandOf(const v1::AnswerDateRequest& request);
Command CommandOf(const v1::RecordAppointmentRequest& request);
Command CommandOf(const v1::ChangePriorityRequest& request);
Command CommandOf(const v1::VoidEntryRequest& request);
Command CommandOf(const v1::VoidOutcomeRequest& request);
Command CommandOf(const v1::RemindReferralRequest& request);
Command CommandOf(const v1::RuleOnCompetenceRequest& request, std::string name);
// The body is filled in by the rules: the one that coordinates.
Command CommandOf(const v1::AssumeResponsibilityRequest& request, std::string name);
Command CommandOf(const v1::SettleFollowUpRequest& request);
Command CommandOf(const v1::EraseReferralRequest& request);
Command CommandOf(const v1::PlaceLegalHoldRequest& request);
Command CommandOf(const v1::ReleaseLegalHoldRequest& request);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_COMMANDS_H_
