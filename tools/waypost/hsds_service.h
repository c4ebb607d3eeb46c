// The fields of one HSDS service, checked.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_SERVICE_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_SERVICE_H_

#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/waypost/hsds_package.h"

namespace waypost::cli {

// The id and name of `object`, an organization at `pointer`. Reports on row 0.
HsdsOrganization ReadHsdsOrganization(const nlohmann::json& object, const std::string& pointer,
                                      std::vector<HsdsReport>& reports);

// `object` at service.pointer into `service`, which has its row, and the organization it was found in if
// any; every violation is added to `reports`.
void ReadHsdsService(const nlohmann::json& object, HsdsService& service, std::vector<HsdsReport>& reports);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_SERVICE_H_
