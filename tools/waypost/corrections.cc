// waypost corrections: entries of the directory to look at, because of declines.
#include <string>
#include <vector>

#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/correction.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

constexpr char kService[] = "waypost.referral.v1.CorrectionService/";

// The entry that whoever keeps it is to look at.
std::string EntryWords(pb::DeclineReason reason) {
  switch (reason) {
    case pb::DECLINE_REASON_NO_CAPACITY:
      return "declared capacity";
    case pb::DECLINE_REASON_NOT_ELIGIBLE:
      return "eligibility";
    case pb::DECLINE_REASON_OUT_OF_AREA:
      return "territory served";
    case pb::DECLINE_REASON_NOT_COMPETENT:
      return "competence";
    case pb::DECLINE_REASON_MISSING_DOCUMENTS:
      return "required documents";
    default:
      return "";
  }
}

std::vector<std::string> Row(const google::protobuf::Message& item, absl::TimeZone zone) {
  const auto& task = static_cast<const pb::CorrectionTask&>(item);
  const std::string about =
      task.offer().empty() ? EnumWords(task.theme()) + " in " + task.territory() : task.offer();
  return {task.name(),
          EntryWords(task.reason()),
          about,
          task.body(),
          EnumWords(task.keeper()),
          task.decline_count() == 0 ? "" : std::to_string(task.decline_count()),
          ShowTime(task.first_time(), zone),
          ShowTime(task.last_time(), zone),
          task.has_settle_time() ? EnumWords(task.finding()) : "open"};
}

}  // namespace

void AddCorrectionCommands(CLI::App& root, Session& session) {
  CLI::App& corrections =
      AddGroup(root, "corrections", "Entries of the directory to look at, because referrals were declined");
  ListCommand list = {
      .name = "list",
      .help = "Those of your body, the oldest first, and who can mend the cause (supervisor, operator)",
      .method = std::string(kService) + "ListCorrectionTasks",
      .request = pb::ListCorrectionTasksRequest::default_instance(),
      .response = pb::ListCorrectionTasksResponse::default_instance(),
      .headings = {"name", "entry", "of", "body", "mended by", "declines", "first", "last", "finding"},
      .row = [&session](const google::protobuf::Message& item) { return Row(item, session.zone()); },
      .nothing = "Nothing to correct."};
  list.flags.help = {
      {"settled", "what was settled in the last 90 days, instead of what is open"},
      {"every_body",
       "those of every body that only an operator can mend, instead of your body's (operator)"}};
  AddList(corrections, session, std::move(list));
  CallCommand settle = {.name = "settle",
                        .help = "Say what you found; the next decline opens a new one (supervisor, operator)",
                        .method = std::string(kService) + "SettleCorrectionTask",
                        .request = pb::SettleCorrectionTaskRequest::default_instance(),
                        .response = pb::CorrectionTask::default_instance(),
                        .arguments = {{"name", "task", "as in correctionTasks/01jd…"}}};
  settle.flags.help = {{"finding", "corrected, or entry-right where nothing was wrong"}};
  settle.flags.required = {"finding"};
  AddCall(corrections, session, std::move(settle));
}

}  // namespace waypost::cli
