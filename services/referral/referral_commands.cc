#include "services/referral/referral_commands.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "common/api/resource.h"
#include "common/base/strings.h"

namespace waypost::referral {
namespace {

template <typename Field>
std::vector<typename Field::value_type> ToVector(const Field& field) {
  return {field.begin(), field.end()};
}

// Names the set fields of a section.
void AddFields(std::string_view section, const google::protobuf::Message& message,
               std::vector<std::string>& names) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const auto* field : fields) names.push_back(base::Cat(section, ".", field->name()));
}

// Of a note's name, which ends with it.
uint32_t NoteNumber(std::string_view name) {
  uint32_t number = 0;
  const std::string_view last = name.substr(name.rfind('/') + 1);
  std::from_chars(last.data(), last.data() + last.size(), number);
  return number;
}

template <typename Request>
std::optional<v1::TelephoneHandover> TelephoneOf(const Request& request) {
  if (!request.has_telephone_handover()) return std::nullopt;
  return request.telephone_handover();
}

// In the order of Command.
constexpr std::array<Event, std::variant_size_v<Command>> kEvents = {Event::kCreate,
                                                                     Event::kUpdate,
                                                                     Event::kApprove,
                                                                     Event::kSubmit,
                                                                     Event::kAcknowledge,
                                                                     Event::kRequestInformation,
                                                                     Event::kProvideInformation,
                                                                     Event::kInformationLapse,
                                                                     Event::kWaitlist,
                                                                     Event::kOfferPlace,
                                                                     Event::kTakePlace,
                                                                     Event::kStayOnList,
                                                                     Event::kLeaveList,
                                                                     Event::kOfferLapse,
                                                                     Event::kAccept,
                                                                     Event::kDecline,
                                                                     Event::kProposeForward,
                                                                     Event::kConfirmForward,
                                                                     Event::kForwardByDuty,
                                                                     Event::kHandOver,
                                                                     Event::kHandOverTaken,
                                                                     Event::kHandOverNotTaken,
                                                                     Event::kHandOverMoved,
                                                                     Event::kStart,
                                                                     Event::kHold,
                                                                     Event::kResume,
                                                                     Event::kComplete,
                                                                     Event::kEndWithoutResult,
                                                                     Event::kCancel,
                                                                     Event::kConfirmCancel,
                                                                     Event::kRefuseCancel,
                                                                     Event::kReminder,
                                                                     Event::kGiveBackTime,
                                                                     Event::kEscalate,
                                                                     Event::kLapse,
                                                                     Event::kReopen,
                                                                     Event::kMisdirected,
                                                                     Event::kAssign,
                                                                     Event::kClaim,
                                                                     Event::kNote,
                                                                     Event::kProposeDate,
                                                                     Event::kAgreeDate,
                                                                     Event::kRefuseDate,
                                                                     Event::kRecordAppointment,
                                                                     Event::kChangePriority,
                                                                     Event::kRemind,
                                                                     Event::kRule,
                                                                     Event::kConfirmCompetence,
                                                                     Event::kAssume,
                                                                     Event::kSettleFollowUp,
                                                                     Event::kErase,
                                                                     Event::kWithdraw,
                                                                     Event::kObject,
                                                                     Event::kRestrict,
                                                                     Event::kAnswerRight,
                                                                     Event::kAskAccess,
                                                                     Event::kPlaceHold,
                                                                     Event::kReleaseHold,
                                                                     Event::kEndRetention,
                                                                     Event::kSucceed,
                                                                     Event::kProgrammeEnding,
                                                                     Event::kProgrammeGoesOn,
                                                                     Event::kDetach,
                                                                     Event::kRectify,
                                                                     Event::kVoidEntry,
                                                                     Event::kVoidOutcome};

template <typename Request>
GroupChoice ChoiceOf(const Request& request) {
  return {.offer = request.offer(),
          .group_id = request.group_id(),
          .persons = {request.persons().begin(), request.persons().end()}};
}

}  // namespace

std::vector<FilledSections> FilledIn(const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections) {
  std::vector<FilledSections> all;
  for (const v1::PersonSections& person : sections) {
    FilledSections filled{.person = person.person(), .sections = {}, .fields = {}};
    AddFields("screening", person.screening(), filled.fields);
    if (!filled.fields.empty()) filled.sections.push_back(v1::SECTION_KIND_SCREENING);
    size_t before = filled.fields.size();
    AddFields("details", person.details(), filled.fields);
    if (filled.fields.size() > before) filled.sections.push_back(v1::SECTION_KIND_DETAILS);
    before = filled.fields.size();
    AddFields("alerts", person.alerts(), filled.fields);
    if (filled.fields.size() > before) filled.sections.push_back(v1::SECTION_KIND_ALERTS);
    all.push_back(std::move(filled));
  }
  return all;
}

CorrectedSections CorrectedIn(const v1::PersonSections& sections) {
  CorrectedSections corrected{.person = sections.person(), .sections = {}, .fields = {}};
  if (sections.has_screening()) corrected.sections.push_back(v1::SECTION_KIND_SCREENING);
  AddFields("screening", sections.screening(), corrected.fields);
  if (sections.has_details()) corrected.sections.push_back(v1::SECTION_KIND_DETAILS);
  AddFields("details", sections.details(), corrected.fields);
  if (sections.has_alerts()) corrected.sections.push_back(v1::SECTION_KIND_ALERTS);
  AddFields("alerts", sections.alerts(), corrected.fields);
  return corrected;
}

Event EventOf(const Command& command) {
  return kEvents[command.index()];
}

Command CommandOf(const v1::CreateReferralRequest& request, std::string name) {
  return command::Create{std::move(name), request.referral(), FilledIn(request.sections())};
}

Command CommandOf(const v1::UpdateReferralRequest& request) {
  return command::Update{request.referral(), FilledIn(request.sections()),
                         ToVector(request.update_mask().paths())};
}

Command CommandOf(const v1::ApproveReferralRequest&) {
  return command::Approve{};
}

command::Submit SubmitOf(const v1::SubmitReferralRequest& request, std::string name) {
  command::Submit submit;
  if (request.name().empty()) {
    submit.created = std::make_shared<const command::Create>(
        command::Create{std::move(name), request.referral(), FilledIn(request.sections())});
  }
  return submit;
}

Command CommandOf(const v1::AcknowledgeReferralRequest&) {
  return command::Acknowledge{};
}
Command CommandOf(const v1::RequestInformationRequest& request) {
  return command::RequestInformation{.documents = {request.documents().begin(), request.documents().end()}};
}
Command CommandOf(const v1::ProvideInformationRequest&) {
  return command::ProvideInformation{};
}

Command CommandOf(const v1::WaitlistReferralRequest& request) {
  return command::Waitlist{api::FromTimestamp(request.review_time()), ChoiceOf(request)};
}

Command CommandOf(const v1::OfferPlaceRequest& request) {
  return command::OfferPlace{
      api::FromTimestamp(request.answer_by_time()), ChoiceOf(request), request.out_of_order_reason(), {}};
}

Command CommandOf(const v1::AnswerOfferRequest& request) {
  if (request.answer() == v1::AnswerOfferRequest::ANSWER_TAKE_PLACE) return command::TakePlace{};
  if (request.answer() == v1::AnswerOfferRequest::ANSWER_LEAVE_LIST) return command::LeaveList{};
  return command::StayOnList{};
}

Command CommandOf(const v1::AcceptReferralRequest& request) {
  command::Accept accept;
  if (request.has_appointment()) accept.appointment = request.appointment();
  accept.unit = request.unit();
  accept.offer = request.offer();
  accept.places.assign(request.places().begin(), request.places().end());
  accept.out_of_order = request.out_of_order_reason();
  return accept;
}

Command CommandOf(const v1::DeclineReferralRequest& request) {
  command::Decline decline;
  decline.decline.set_reason(request.reason());
  decline.decline.set_declined_by(request.declined_by());
  decline.decline.set_suggested_body(request.suggested_body());
  *decline.decline.mutable_missing_documents() = request.missing_documents();
  return decline;
}

Command CommandOf(const v1::ProposeForwardRequest& request) {
  return command::ProposeForward{request.body(), request.unit(), request.offer()};
}

Command CommandOf(const v1::ConfirmForwardRequest& request, std::string name) {
  return command::ConfirmForward{{.linked_name = std::move(name),
                                  .body = request.body(),
                                  .unit = {},
                                  .offer = {},
                                  .disclosures = ToVector(request.disclosures()),
                                  .telephone_handover = TelephoneOf(request),
                                  .readers = ToVector(request.readers())}};
}

Command CommandOf(const v1::ForwardByDutyRequest& request, std::string name) {
  return command::ForwardByDuty{{.linked_name = std::move(name),
                                 .body = request.body(),
                                 .unit = request.unit(),
                                 .offer = {},
                                 .disclosures = ToVector(request.disclosures()),
                                 .telephone_handover = TelephoneOf(request),
                                 .readers = ToVector(request.readers())},
                                request.law()};
}

Command CommandOf(const v1::HandOverReferralRequest& request, std::string name) {
  return command::HandOver{{.linked_name = std::move(name),
                            .body = request.body(),
                            .unit = request.unit(),
                            .offer = request.offer(),
                            .disclosures = ToVector(request.disclosures()),
                            .telephone_handover = TelephoneOf(request),
                            .readers = ToVector(request.readers())}};
}

Command CommandOf(const v1::StartReferralRequest&) {
  return command::Start{};
}

Command CommandOf(const v1::HoldReferralRequest& request) {
  return command::Hold{request.reason(), api::FromTimestamp(request.review_time())};
}

Command CommandOf(const v1::ResumeReferralRequest&) {
  return command::Resume{};
}

Command CommandOf(const v1::CompleteReferralRequest& request) {
  return command::Complete{ToVector(request.outcomes())};
}

Command CommandOf(const v1::EndReferralWithoutResultRequest& request) {
  return command::EndWithoutResult{ToVector(request.outcomes())};
}

Command CommandOf(const v1::CancelReferralRequest& request) {
  return command::Cancel{request.reason(), ToVector(request.parts())};
}
Command CommandOf(const v1::DetachReferralRequest&) {
  return command::Detach{};
}
Command CommandOf(const v1::ConfirmCancelRequest&) {
  return command::ConfirmCancel{};
}
Command CommandOf(const v1::RefuseCancelRequest&) {
  return command::RefuseCancel{};
}

Command CommandOf(const v1::ReopenReferralRequest& request) {
  return command::Reopen{ToVector(request.disclosures())};
}

Command CommandOf(const v1::ReportMisdirectedRequest&) {
  return command::Misdirected{};
}

Command CommandOf(const v1::AssignReferralRequest& request) {
  return command::Assign{.unit = request.unit(),
                         .assignee = request.assignee(),
                         .readers = ToVector(request.readers()),
                         .protection = request.protection()};
}

Command CommandOf(const v1::ClaimReferralRequest&) {
  return command::Claim{};
}
Command CommandOf(const v1::AddNoteRequest&) {
  return command::AddNote{};
}
Command CommandOf(const v1::VoidEntryRequest& request) {
  command::VoidEntry entry;
  if (request.has_note()) entry.note = NoteNumber(request.note());
  entry.appointment = request.appointment();
  entry.reason = request.reason();
  return entry;
}

Command CommandOf(const v1::VoidOutcomeRequest& request) {
  return command::VoidOutcome{
      .person = request.person(), .reason = request.reason(), .outcome = request.outcome()};
}

Command CommandOf(const v1::ProposeDateRequest& request) {
  return command::ProposeDate{.time = api::FromTimestamp(request.time()), .clock = request.clock()};
}

Command CommandOf(const v1::AnswerDateRequest& request) {
  if (request.answer() == v1::AnswerDateRequest::ANSWER_AGREE) return command::AgreeDate{};
  return command::RefuseDate{};
}

Command CommandOf(const v1::RecordAppointmentRequest& request) {
  command::RecordAppointment record{
      .number = request.number(), .status = request.status(), .time = {}, .zone = {}};
  if (request.has_time()) record.time = api::FromTimestamp(request.time());
  record.zone = request.zone();
  return record;
}

Command CommandOf(const v1::ChangePriorityRequest& request) {
  return command::ChangePriority{request.priority(), TelephoneOf(request)};
}

Command CommandOf(const v1::RemindReferralRequest&) {
  return command::Remind{};
}

Command CommandOf(const v1::RuleOnCompetenceRequest& request, std::string name) {
  command::Rule rule;
  rule.to.linked_name = std::move(name);
  rule.to.body = request.body();
  rule.to.unit = request.unit();
  rule.to.telephone_handover = TelephoneOf(request);
  rule.law = request.law();
  return rule;
}

Command CommandOf(const v1::AssumeResponsibilityRequest& request, std::string name) {
  command::Assume assume;
  assume.to.linked_name = std::move(name);
  assume.to.unit = request.unit();
  assume.law = request.law();
  return assume;
}

Command CommandOf(const v1::SettleFollowUpRequest&) {
  return command::SettleFollowUp{};
}

Command CommandOf(const v1::EraseReferralRequest&) {
  return command::Erase{};
}

Command CommandOf(const v1::PlaceLegalHoldRequest& request) {
  return command::PlaceHold{request.law(), request.until()};
}
Command CommandOf(const v1::ReleaseLegalHoldRequest&) {
  return command::ReleaseHold{};
}

}  // namespace waypost::referral
