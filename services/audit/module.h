// The audit service, built from what it depends on.
#ifndef WAYPOST_SERVICES_AUDIT_MODULE_H_
#define WAYPOST_SERVICES_AUDIT_MODULE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/runtime/module.h"

namespace waypost::audit {

// Blocks while it opens the store. What `context` refers to must outlive the module.
absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_MODULE_H_
