#include "tools/waypost/app.h"

#include <algorithm>
#include <exception>
#include <ostream>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/commands.h"

namespace waypost::cli {
namespace {

void AddGlobalFlags(CLI::App& app, Session& session) {
  GlobalOptions& options = session.options();
  const std::string group = "Everywhere";
  app.add_option("--server", options.server, "HOST:PORT; else $WAYPOST_SERVER, else 127.0.0.1:7400")
      ->group(group)
      ->type_name("HOST:PORT");
  app.add_option("--token", options.token,
                 "the bearer token; else $WAYPOST_TOKEN. Other users of the machine can "
                 "see it: --token-file is better")
      ->group(group);
  app.add_option("--token-file", options.token_file,
                 "a file with the token, read again for each call; else $WAYPOST_TOKEN_FILE")
      ->group(group)
      ->type_name("FILE");
  app.add_option("--tls-ca", options.tls_ca_file,
                 "the authorities to trust (PEM); without it, plain text to this "
                 "machine only")
      ->group(group)
      ->type_name("FILE");
  app.add_option("--output", options.output, "how results are written")
      ->group(group)
      ->type_name("WORD")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout, "for each attempt of a call, as 10s or 2m")
      ->group(group)
      ->capture_default_str();
  app.add_option("--request-id", options.request_id,
                 "of a change; a random one if absent. The same id again, with "
                 "the same content, gives the first answer again")
      ->group(group);
  app.add_flag("--utc", options.utc, "times in UTC instead of the local zone")->group(group);
}

// CLI11 has read nothing when it fails; the raw words tell how the failure is to be written.
bool WantsJson(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--output=json") return true;
    if (arguments[i] == "--output" && i + 1 < arguments.size() && arguments[i + 1] == "json") return true;
  }
  return false;
}

ExitCode TellUsage(const CLI::App& app, const CLI::ParseError& error,
                   const std::vector<std::string>& arguments, Session& session) {
  const bool is_help = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
  if (is_help) {
    app.exit(error, session.env().out, session.env().err);
    return ExitCode::kOk;
  }
  if (WantsJson(arguments)) session.options().output = "json";
  // An unknown command shows as none at all.
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string problem = error.get_name() == "RequiredError" && !unknown.empty()
                                  ? base::Cat("no such command or argument: ", unknown.front())
                                  : std::string(error.what());
  session.TellFailure(error::Make(absl::StatusCode::kInvalidArgument, "USAGE", problem));
  session.Hint("Run with --help for more information.");
  return ExitCode::kUsage;
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(Session& session) {
  auto app =
      std::make_unique<CLI::App>("Waypost: referrals from body to body, and the evidence of them", "waypost");
  app->require_subcommand(1);
  app->fallthrough();
  app->set_version_flag("--version", "waypost 0.1.0");
  app->set_help_all_flag("--help-all", "Help for every command");
  app->get_formatter()->column_width(36);
  AddGlobalFlags(*app, session);
  app->footer("What every command takes, and the exit codes: waypost --help");  // the commands inherit it
  AddBodyCommands(*app, session);
  AddUnitCommands(*app, session);
  AddOfferCommands(*app, session);
  AddProgrammeCommands(*app, session);
  AddSuccessionCommands(*app, session);
  AddEnquiryCommands(*app, session);
  AddAgreementCommands(*app, session);
  AddTerritoryCommands(*app, session);
  AddRouteCommand(*app, session);
  AddReferralCommands(*app, session);
  AddSendLaterCommand(*app, session);
  AddWaitingListCommands(*app, session);
  AddCorrectionCommands(*app, session);
  AddBreachCommands(*app, session);
  AddStatisticsCommand(*app, session);
  AddRightsCommands(*app, session);
  AddRetentionCommands(*app, session);
  AddEnrolmentCommands(*app, session);
  AddPathCommands(*app, session);
  AddAuditCommands(*app, session);
  AddWhoamiCommand(*app, session);
  AddTokenCommand(*app, session);
  AddReflectionCommand(*app, session);
  AddCompletionCommand(*app, session);
  app->footer(
      "Times are RFC 3339, 2026-03-01 14:05, 2026-03-01, or a span from now such as 14d or 36h.\n"
      "A span is counted anew in each run: a change that is made again with --request-id needs a time.\n\n" +
      std::string(ExitCodeHelp()));
  return app;
}

ExitCode RunCli(const std::vector<std::string>& arguments, const Environment& env) {
  Session session(env);
  try {
    const std::unique_ptr<CLI::App> app = MakeApp(session);
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes them
    try {
      app->parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      return TellUsage(*app, error, arguments, session);
    }
    return session.Run();
  } catch (const std::exception& error) {
    session.TellFailure(error::Make(absl::StatusCode::kInternal, "UNEXPECTED", error.what()));
    return ExitCode::kUnexpected;
  }
}

}  // namespace waypost::cli
