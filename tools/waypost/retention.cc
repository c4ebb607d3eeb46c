// waypost retention: what the own body will erase and when, and what was erased.
#include <ostream>
#include <string>

#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/retention.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";

// How it stands, then a line for each day and rule.
absl::Status ShowReports(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  const auto& response = static_cast<const pb::ListRetentionReportsResponse&>(message);
  std::ostream& out = session.env().out;
  out << "due now: " << response.due_count() << "\nheld back: " << response.held_back_count()
      << "\nnext kept until: " << (response.next_kept_until().empty() ? "-" : response.next_kept_until())
      << "\nlast run: "
      << (response.has_last_run_time() ? ShowTime(response.last_run_time(), session.zone()) : "never")
      << '\n';
  if (response.reports().empty()) {
    out << "Nothing was erased.\n";
    return absl::OkStatus();
  }
  Table days({"day", "rule", "shares", "whole", "persons", "enrolments"});
  for (const pb::RetentionReport& report : response.reports()) {
    days.Add({report.day(), "(all)", std::to_string(report.shares()), std::to_string(report.whole_shares()),
              std::to_string(report.persons()), std::to_string(report.enrolments())});
    for (const pb::RetentionRuleCount& count : report.by_rule()) {
      days.Add({report.day(), count.rule().empty() ? "(others)" : count.rule(),
                std::to_string(count.shares()), "", std::to_string(count.persons()), ""});
    }
  }
  out << '\n' << days.ToText(session.colour());
  if (!response.next_page_token().empty()) out << "More: --page-token " << response.next_page_token() << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddRetentionCommands(CLI::App& root, Session& session) {
  CLI::App& retention =
      AddGroup(root, "retention", "Until when the own body keeps its share of what has ended");
  ListCommand preview = {
      .name = "preview",
      .help = "What will be erased up to a day; erases nothing (supervisor)",
      .method = std::string(kService) + "ListRetention",
      .request = pb::ListRetentionRequest::default_instance(),
      .response = pb::ListRetentionResponse::default_instance(),
      .headings = {"kept until", "referral", "side", "persons", "share", "rules", "held back"},
      .nothing = "Nothing."};
  preview.flags.required = {"until"};
  preview.flags.help = {{"until", "the day to look ahead to, YYYY-MM-DD"},
                        {"held_back", "what a hold or a right keeps, instead"}};
  preview.row = [](const Message& item) -> std::vector<std::string> {
    const auto& entry = static_cast<const pb::RetentionEntry&>(item);
    return {entry.kept_until(),
            entry.referral(),
            EnumWords(entry.party()),
            Joined(entry.persons()),
            entry.whole_share() ? "whole" : "part",
            Joined(entry.rules()),
            EnumWords(entry.held_back())};
  };
  AddList(retention, session, std::move(preview));
  CallCommand report = {.name = "report",
                        .help = "What was erased, by day and rule, and how it stands (supervisor)",
                        .method = std::string(kService) + "ListRetentionReports",
                        .request = pb::ListRetentionReportsRequest::default_instance(),
                        .response = pb::ListRetentionReportsResponse::default_instance(),
                        .show = ShowReports};
  AddCall(retention, session, std::move(report));
}

}  // namespace waypost::cli
