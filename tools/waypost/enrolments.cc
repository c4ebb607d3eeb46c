// waypost enrolment: people in the groups of ENROLMENT offers.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/referral_actions.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.EnrolmentService/";
const Argument kEnrolmentArgument = {"name", "enrolment", "as in enrolments/01jd…-1-7 or 01jd…-1-7"};

// For CallCommand::complete.
void CompleteName(Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("name");
  const std::string name = message.GetReflection()->GetString(message, field);
  if (name.rfind("enrolments/", 0) == 0) return;
  message.GetReflection()->SetString(&message, field, base::Cat("enrolments/", name));
}

absl::Status ShowEnrolmentChange(Session& session, const Message& message) {
  const auto& enrolment = static_cast<const pb::Enrolment&>(message);
  if (session.json()) return session.Show(enrolment);
  std::ostream& out = session.env().out;
  out << enrolment.name() << ": " << EnumWords(enrolment.state()) << " (revision " << enrolment.revision()
      << ", etag " << enrolment.etag() << ")\n";
  std::string next;
  for (const std::string& action : enrolment.allowed_actions()) {
    next += base::Cat(next.empty() ? "" : ", ", action);
  }
  if (!next.empty()) out << "  next: " << next << '\n';
  if (enrolment.has_programme_end()) {
    out << "  ends with its programme: " << Printable(enrolment.programme_end().programme()) << ", "
        << Printable(enrolment.programme_end().end_date()) << '\n';
  }
  if (!enrolment.next_on_list().empty()) {
    out << "  first on the waiting list now: " << enrolment.next_on_list() << '\n';
  }
  return absl::OkStatus();
}

template <typename Request>
CallCommand Command(const char* name, const char* help, const char* method) {
  return {.name = name,
          .help = help,
          .method = std::string(kService) + method,
          .request = Request::default_instance(),
          .response = pb::Enrolment::default_instance(),
          .arguments = {kEnrolmentArgument},
          .complete =
              [](Message& message) {
                CompleteName(message);
                return absl::OkStatus();
              },
          .show = ShowEnrolmentChange};
}

void AddEnrolmentList(CLI::App& group, Session& session) {
  ListCommand list = {
      .name = "list",
      .help =
          "Who is in a group of an offer, or in all groups of the own body; or whom programmes that "
          "end leave to hand over",
      .method = std::string(kService) + "ListEnrolments",
      .request = pb::ListEnrolmentsRequest::default_instance(),
      .response = pb::ListEnrolmentsResponse::default_instance(),
      .headings = {"name", "state", "offer", "group", "referral", "person", "since", "due"},
      .nothing = "No enrolments."};
  list.flags.rename = {{"states", "state"}, {"group_id", "group"}};
  list.flags.help = {
      {"offer", "an offer of the own body; goes with --group"},
      {"group_id", "the group's id in the offer"},
      {"states", "only these; placed, attending and paused if absent"},
      {"review_due", "only those whose pause is to be looked at again"},
      {"hand_over_owed", "only those to hand over because a programme ends, the first due first"},
      {"overdue", "only those whose day has passed; goes with --hand-over-owed"},
      {"programme", "only under this programme; goes with --hand-over-owed"}};
  list.row = [&session](const Message& item) {
    const auto& enrolment = static_cast<const pb::Enrolment&>(item);
    return std::vector<std::string>{enrolment.name(),
                                    EnumWords(enrolment.state()),
                                    enrolment.offer(),
                                    enrolment.group_id(),
                                    enrolment.referral(),
                                    base::Cat(enrolment.person()),
                                    ShowTime(enrolment.create_time(), session.zone()),
                                    DueWords(enrolment.due(), session.env().clock.Now(), session.zone())};
  };
  AddList(group, session, std::move(list));
}

void AddStart(CLI::App& group, Session& session) {
  auto outcomes = std::make_shared<OutcomeFlags>();
  CallCommand start = Command<pb::StartEnrolmentRequest>(
      "start", "The person begins; completes the referral where nobody has", "StartEnrolment");
  start.flags.skip = {"outcomes"};
  start.complete = [&session, outcomes](Message& message) -> absl::Status {
    CompleteName(message);
    auto& request = static_cast<pb::StartEnrolmentRequest&>(message);
    if (!outcomes->outcomes.empty()) request.clear_outcomes();
    for (const std::string& text : outcomes->outcomes) {
      WAYPOST_ASSIGN_OR_RETURN(*request.add_outcomes(), OneOutcome(text, *outcomes, session.values()));
    }
    return absl::OkStatus();
  };
  AddOutcomeFlags(AddCall(group, session, std::move(start)), *outcomes);
}

void AddAssess(CLI::App& group, Session& session) {
  CallCommand assess =
      Command<pb::RecordAssessmentRequest>("assess", "Record what the person can do", "RecordAssessment");
  assess.flags.skip = {"assessment.number", "assessment.voided"};
  assess.flags.flatten = {"assessment"};
  assess.flags.rename = {{"assessment.date", "date"},
                         {"assessment.placement_test", "placement-test"},
                         {"assessment.cefr_level", "cefr-level"},
                         {"assessment.level", "level"}};
  assess.flags.help = {{"assessment.date", "the day, YYYY-MM-DD; today if absent"},
                       {"assessment.placement_test", "it decides in which group the person begins"},
                       {"assessment.cefr_level", "as in a2"},
                       {"assessment.level", "the provider's word for its level, as FLE1"}};
  assess.complete = [&session](Message& message) {
    CompleteName(message);
    pb::Assessment& made = *static_cast<pb::RecordAssessmentRequest&>(message).mutable_assessment();
    if (made.date().empty()) {
      made.set_date(absl::FormatTime("%Y-%m-%d", session.values().now, session.values().zone));
    }
    return absl::OkStatus();
  };
  AddCall(group, session, std::move(assess));
}

void AddVoidAssessment(CLI::App& group, Session& session) {
  CallCommand wrong =
      Command<pb::VoidAssessmentRequest>("void-assessment", "Void a wrong assessment", "VoidAssessment");
  wrong.flags.required = {"number", "reason"};
  wrong.flags.help = {{"number", "of the assessment"}, {"reason", "why; not other"}};
  AddCall(group, session, std::move(wrong));
}

absl::StatusOr<pb::Attendance> OneDay(const std::string& text) {
  const size_t equals = text.find('=');
  const auto* status = equals == std::string::npos
                           ? nullptr
                           : FindEnumValue(*pb::AttendanceStatus_descriptor(), text.substr(equals + 1));
  if (status == nullptr || status->number() == 0) {
    return error::InvalidField("--day", "must be DAY=STATUS, as in 2026-05-04=present");
  }
  pb::Attendance day;
  day.set_date(text.substr(0, equals));
  day.set_status(static_cast<pb::AttendanceStatus>(status->number()));
  return day;
}

void AddAttendance(CLI::App& group, Session& session) {
  auto days = std::make_shared<std::vector<std::string>>();
  CallCommand attendance = Command<pb::RecordAttendanceRequest>(
      "attendance", "Record on which days the person was there", "RecordAttendance");
  attendance.flags.skip = {"days"};
  attendance.complete = [days](Message& message) -> absl::Status {
    CompleteName(message);
    auto& request = static_cast<pb::RecordAttendanceRequest&>(message);
    if (!days->empty()) request.clear_days();
    for (const std::string& text : *days) {
      WAYPOST_ASSIGN_OR_RETURN(*request.add_days(), OneDay(text));
    }
    return absl::OkStatus();
  };
  AddCall(group, session, std::move(attendance))
      .add_option("--day", *days, "DAY=STATUS, as 2026-05-04=present, absent or excused; once for each")
      ->type_name("DAY=STATUS")
      ->allow_extra_args(false);
}

void AddSimpleChanges(CLI::App& group, Session& session) {
  CallCommand show = Command<pb::GetEnrolmentRequest>("show", "One enrolment", "GetEnrolment");
  show.show = {};
  AddCall(group, session, std::move(show));
  CallCommand pause = Command<pb::PauseEnrolmentRequest>(
      "pause", "The person comes back later, and keeps the place", "PauseEnrolment");
  pause.flags.required = {"review_time"};
  pause.flags.help = {{"review_time", "when it is looked at again"}};
  AddCall(group, session, std::move(pause));
  AddCall(group, session,
          Command<pb::ResumeEnrolmentRequest>("resume", "The person is back", "ResumeEnrolment"));
  CallCommand leave =
      Command<pb::LeaveEnrolmentRequest>("leave", "The person leaves; the place is free", "LeaveEnrolment");
  leave.flags.required = {"reason", "destination"};
  AddCall(group, session, std::move(leave));
  CallCommand move =
      Command<pb::MoveEnrolmentRequest>("move", "To another group of the offer", "MoveEnrolment");
  move.flags.required = {"group_id"};
  move.flags.rename = {{"group_id", "group"}};
  AddCall(group, session, std::move(move));
}

}  // namespace

void AddEnrolmentCommands(CLI::App& root, Session& session) {
  CLI::App& group = AddGroup(root, "enrolment", "People in the groups of workshops and training paths");
  AddEnrolmentList(group, session);
  AddSimpleChanges(group, session);
  AddStart(group, session);
  AddAssess(group, session);
  AddVoidAssessment(group, session);
  AddAttendance(group, session);
}

}  // namespace waypost::cli
