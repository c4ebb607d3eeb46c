// waypost-referral: the referral service in a process of its own.
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/node.h"
#include "services/referral/module.h"

namespace {

absl::StatusOr<waypost::runtime::Modules> Make(waypost::runtime::Workshop& workshop) {
  waypost::runtime::Modules modules;
  WAYPOST_ASSIGN_OR_RETURN(
      modules.emplace_back(),
      waypost::referral::MakeModule(workshop.ContextOf("referral"), workshop.keys(), workshop.config()));
  return modules;
}

}  // namespace

int main(int argc, char** argv) {
  return waypost::runtime::Run("waypost-referral", {"referral"}, Make, argc, argv);
}
