// waypost-directory: the directory service in a process of its own.
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/node.h"
#include "services/directory/module.h"

namespace {

absl::StatusOr<waypost::runtime::Modules> Make(waypost::runtime::Workshop& workshop) {
  waypost::runtime::Modules modules;
  WAYPOST_ASSIGN_OR_RETURN(modules.emplace_back(),
                           waypost::directory::MakeModule(workshop.ContextOf("directory")));
  return modules;
}

}  // namespace

int main(int argc, char** argv) {
  return waypost::runtime::Run("waypost-directory", {"directory"}, Make, argc, argv);
}
