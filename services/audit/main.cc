// waypost-audit: the audit service in a process of its own.
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/node.h"
#include "services/audit/module.h"

namespace {

absl::StatusOr<waypost::runtime::Modules> Make(waypost::runtime::Workshop& workshop) {
  waypost::runtime::Modules modules;
  WAYPOST_ASSIGN_OR_RETURN(modules.emplace_back(), waypost::audit::MakeModule(workshop.ContextOf("audit")));
  return modules;
}

}  // namespace

int main(int argc, char** argv) {
  return waypost::runtime::Run("waypost-audit", {"audit"}, Make, argc, argv);
}
