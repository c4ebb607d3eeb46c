// waypost path: the steps by which a person gets somewhere, each of them a referral.
#include <memory>
#include <ostream>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/path.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.PathService/";
const Argument kPathArgument = {"name", "path", "as in paths/01jd… or 01jd…"};
using Texts = std::shared_ptr<std::vector<std::string>>;

// For CallCommand::complete.
absl::Status CompleteName(Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("name");
  const std::string name = message.GetReflection()->GetString(message, field);
  if (name.find('/') == std::string::npos) {
    message.GetReflection()->SetString(&message, field, base::Cat("paths/", name));
  }
  return absl::OkStatus();
}

// The path, then a line for each step.
absl::Status ShowPath(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  pb::Path path = static_cast<const pb::Path&>(message);
  Table steps({"step", "theme", "state", "offer", "referral"});
  for (const pb::PathStep& step : path.steps()) {
    steps.Add({std::to_string(step.number()), EnumWords(step.theme()), EnumWords(step.state()), step.offer(),
               step.draft().empty() ? step.referral() : step.draft()});
  }
  path.clear_steps();
  session.env().out << Details(path, session.zone()) << '\n' << steps.ToText(session.colour());
  return absl::OkStatus();
}

// What was sent or is to be approved, then the path.
absl::Status ShowTaken(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  const auto& taken = static_cast<const pb::TakeStepResponse&>(message);
  WAYPOST_RETURN_IF_ERROR(ShowChange(session, taken.referral()));
  if (taken.referral().state() == pb::REFERRAL_STATE_DRAFT) {
    const std::string name(Printable(taken.referral().name()));
    session.env().out << "  nothing is sent yet: somebody else approves it with `waypost referral approve "
                      << name << "`, then `waypost referral submit " << name << "` sends it\n";
  }
  session.env().out << '\n';
  return ShowPath(session, taken.path());
}

// THEME or THEME=OFFER, of a step that is planned; NUMBER or NUMBER=skipped, of one that is there.
absl::StatusOr<pb::PathStep> OneStep(const std::string& text) {
  pb::PathStep step;
  const size_t equals = text.find('=');
  const std::string head = text.substr(0, equals);
  const std::string tail = equals == std::string::npos ? "" : text.substr(equals + 1);
  uint32_t number = 0;
  if (absl::SimpleAtoi(head, &number)) {
    step.set_number(number);
    if (tail == "skipped") step.set_state(pb::PATH_STEP_STATE_SKIPPED);
    if (tail.empty() || tail == "skipped") return step;
    return error::InvalidField("--step", "must be NUMBER or NUMBER=skipped of a step that is there");
  }
  const auto* theme = FindEnumValue(*type::v1::Theme_descriptor(), head);
  if (theme == nullptr || theme->number() == 0) {
    return error::InvalidField("--step", "must be THEME or THEME=OFFER, as language=offers/getafe-b1");
  }
  step.set_theme(static_cast<type::v1::Theme>(theme->number()));
  step.set_offer(tail);
  return step;
}

template <typename Request>
absl::Status AddSteps(const Texts& texts, Request& request) {
  if (!texts->empty()) request.clear_steps();
  for (const std::string& text : *texts) {
    WAYPOST_ASSIGN_OR_RETURN(*request.add_steps(), OneStep(text));
  }
  return absl::OkStatus();
}

void AddStepFlag(CLI::App& leaf, const Texts& texts, const std::string& help, const std::string& type) {
  leaf.add_option("--step", *texts, help)->type_name(type)->allow_extra_args(false);
}

void AddCreate(CLI::App& group, Session& session) {
  auto steps = std::make_shared<std::vector<std::string>>();
  CallCommand create = {.name = "create",
                        .help = "Plan the steps of a person of a referral",
                        .method = std::string(kService) + "CreatePath",
                        .request = pb::CreatePathRequest::default_instance(),
                        .response = pb::Path::default_instance(),
                        .arguments = {{"referral", "referral", "as in referrals/01jd… or 01jd…"}},
                        .show = ShowPath};
  create.flags.required = {"person"};
  create.flags.skip = {"steps"};
  create.flags.help = {{"person", "the person's number in the referral"}};
  create.complete = [steps](Message& message) -> absl::Status {
    auto& request = static_cast<pb::CreatePathRequest&>(message);
    request.set_referral(ReferralName(request.referral()));
    return AddSteps(steps, request);
  };
  AddStepFlag(AddCall(group, session, std::move(create)), steps,
              "what it is about, in order, once for each; with the offer it is meant for, if that is known",
              "THEME[=OFFER]");
}

void AddUpdate(CLI::App& group, Session& session) {
  auto steps = std::make_shared<std::vector<std::string>>();
  CallCommand update = {.name = "update",
                        .help = "Plan the steps to come anew; those that were taken are named too",
                        .method = std::string(kService) + "UpdatePath",
                        .request = pb::UpdatePathRequest::default_instance(),
                        .response = pb::Path::default_instance(),
                        .arguments = {kPathArgument},
                        .show = ShowPath};
  update.flags.skip = {"steps"};
  update.complete = [steps](Message& message) -> absl::Status {
    WAYPOST_RETURN_IF_ERROR(CompleteName(message));
    return AddSteps(steps, static_cast<pb::UpdatePathRequest&>(message));
  };
  AddStepFlag(AddCall(group, session, std::move(update)), steps,
              "by its number, NUMBER=skipped to leave it out, or a new one; once for each, in order", "STEP");
}

void AddTake(CLI::App& group, Session& session) {
  CallCommand take = {
      .name = "take",
      .help =
          "Refer the person for a step, with what is held of her already; as a draft where that is to be "
          "approved",
      .method = std::string(kService) + "TakeStep",
      .request = pb::TakeStepRequest::default_instance(),
      .response = pb::TakeStepResponse::default_instance(),
      .arguments = {kPathArgument},
      .complete = CompleteName,
      .show = ShowTaken};
  take.flags.required = {"step", "receiving.body", "territory", "priority", "disclosure"};
  take.flags.skip = {"receiving.assignee"};
  take.flags.flatten = {"screening"};
  take.flags.rename = {{"sections", "section"}, {"screening.documents", "stated-document"}};
  take.flags.help = {{"step", "its number: planned, or not reached"},
                     {"receiving.body", "who is asked, as in bodies/es-getafe"},
                     {"receiving.unit", "a unit of that body; none if absent"},
                     {"offer", "an offer of that body; the step's if absent"},
                     {"territory", "as in ES300 or ES300/28058"},
                     {"disclosure", R"(what the law asks, as {"purpose":"PURPOSE_DELIVER_SERVICE",…})"},
                     {"screening.text", "what the recipient decides by, if it is not what others did"},
                     {"screening.documents", "with --screening-text: a document, as held=Passport"},
                     {"sections",
                      "what goes along beside the screening, once for each; details if absent; alerts "
                      "from a safeguarding officer alone"}};
  AddCall(group, session, std::move(take));
}

void AddEnd(CLI::App& group, Session& session) {
  CallCommand end = {.name = "end",
                     .help = "End a path; its referrals go on, and what is to be approved is cancelled",
                     .method = std::string(kService) + "EndPath",
                     .request = pb::EndPathRequest::default_instance(),
                     .response = pb::Path::default_instance(),
                     .arguments = {kPathArgument},
                     .complete = CompleteName,
                     .show = ShowPath};
  end.flags.required = {"reason"};
  AddCall(group, session, std::move(end));
}

// How far it is, as in "2 of 4 done".
std::string Progress(const pb::Path& path) {
  int done = 0;
  int all = 0;
  for (const pb::PathStep& step : path.steps()) {
    if (step.state() == pb::PATH_STEP_STATE_DONE) ++done;
    if (step.state() != pb::PATH_STEP_STATE_SKIPPED) ++all;
  }
  return base::Cat(done, " of ", all, " done");
}

void AddReads(CLI::App& group, Session& session) {
  CallCommand show = {.name = "show",
                      .help = "One path",
                      .method = std::string(kService) + "GetPath",
                      .request = pb::GetPathRequest::default_instance(),
                      .response = pb::Path::default_instance(),
                      .arguments = {kPathArgument},
                      .complete = CompleteName,
                      .show = ShowPath};
  AddCall(group, session, std::move(show)).alias("get");
  ListCommand list = {.name = "list",
                      .help = "The paths of the own body, the newest first",
                      .method = std::string(kService) + "ListPaths",
                      .request = pb::ListPathsRequest::default_instance(),
                      .response = pb::ListPathsResponse::default_instance(),
                      .headings = {"path", "referral", "person", "steps", "changed", "ended"},
                      .nothing = "No paths."};
  list.flags.help = {{"ended", "those that have ended, instead of those that go on"}};
  list.row = [&session](const Message& item) -> std::vector<std::string> {
    const auto& path = static_cast<const pb::Path&>(item);
    return {path.name(),
            path.referral(),
            std::to_string(path.person()),
            Progress(path),
            ShowTime(path.update_time(), session.zone()),
            EnumWords(path.end_reason())};
  };
  AddList(group, session, std::move(list));
}

}  // namespace

void AddPathCommands(CLI::App& root, Session& session) {
  CLI::App& group = AddGroup(root, "path", "Paths of several steps, told once");
  AddCreate(group, session);
  AddReads(group, session);
  AddUpdate(group, session);
  AddTake(group, session);
  AddEnd(group, session);
}

}  // namespace waypost::cli
