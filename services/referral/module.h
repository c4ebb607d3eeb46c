// The referral service, built from what it depends on.
#ifndef WAYPOST_SERVICES_REFERRAL_MODULE_H_
#define WAYPOST_SERVICES_REFERRAL_MODULE_H_

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/body_keys.h"
#include "common/runtime/module.h"
#include "waypost/config/v1/config.pb.h"

namespace waypost::referral {

// `keys` must outlive the module. Of `config` it reads clocks and retention, which are complete and within
// bounds.
absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context,
                                                            crypto::BodyKeys& keys,
                                                            const config::v1::NodeConfig& config);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_MODULE_H_
