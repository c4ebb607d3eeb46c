// waypost-node: every service in one process, on one port and one data folder.
#include <memory>
#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/node.h"
#include "services/audit/module.h"
#include "services/directory/module.h"
#include "services/referral/module.h"

namespace {

using waypost::runtime::Modules;
using waypost::runtime::Workshop;

absl::StatusOr<Modules> MakeAll(Workshop& workshop) {
  Modules modules;
  WAYPOST_ASSIGN_OR_RETURN(modules.emplace_back(), waypost::audit::MakeModule(workshop.ContextOf("audit")));
  WAYPOST_ASSIGN_OR_RETURN(modules.emplace_back(),
                           waypost::directory::MakeModule(workshop.ContextOf("directory")));
  WAYPOST_ASSIGN_OR_RETURN(
      modules.emplace_back(),
      waypost::referral::MakeModule(workshop.ContextOf("referral"), workshop.keys(), workshop.config()));
  return modules;
}

}  // namespace

int main(int argc, char** argv) {
  return waypost::runtime::Run("waypost-node", {"audit", "directory", "referral"}, MakeAll, argc, argv);
}
