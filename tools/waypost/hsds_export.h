// Offers as services of HSDS 3.0.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_EXPORT_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_EXPORT_H_

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {

// The service that an offer is. Of an offer that was imported: what its record said, with what has changed
// here since. Of one that was not: with the provider as its organization, its theme as an attribute and its
// territories as service areas, under ids that are made from the offer's name and so stay the same. What HSDS
// has no field for is in attributes (hsds_attributes.h), so that an import reads back the same rule, texts
// and groups; places are in the form of HSDS 3.1. DATA_LOSS where the record cannot be read. Pure;
// thread-safe.
absl::StatusOr<nlohmann::json> HsdsServiceOf(const directory::v1::ExportedOffer& exported,
                                             const directory::v1::Body& provider);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_EXPORT_H_
