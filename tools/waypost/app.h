// The whole tool as a function, so that tests run it in their own process.
#ifndef WAYPOST_TOOLS_WAYPOST_APP_H_
#define WAYPOST_TOOLS_WAYPOST_APP_H_

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "tools/waypost/environment.h"
#include "tools/waypost/exit_codes.h"
#include "tools/waypost/session.h"

namespace waypost::cli {

// Every command. `session` outlives the app.
std::unique_ptr<CLI::App> MakeApp(Session& session);

// Parses `arguments` (without the program's name) and runs the command. Never throws.
ExitCode RunCli(const std::vector<std::string>& arguments, const Environment& env);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_APP_H_
