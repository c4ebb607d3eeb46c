// The directory, built from what it depends on.
#ifndef WAYPOST_SERVICES_DIRECTORY_MODULE_H_
#define WAYPOST_SERVICES_DIRECTORY_MODULE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/runtime/module.h"

namespace waypost::directory {

// Blocks while it opens its lane of the outbox. What `context` refers to must outlive the module.
absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_MODULE_H_
