// The register of territories over a store: which codes there are. Its rows are the repository's too:
//
//   ("territory", code)                 record
//   ("territory.below", parent, code)   the units directly below one; the countries are below ""
#ifndef WAYPOST_SERVICES_DIRECTORY_TERRITORY_REGISTER_H_
#define WAYPOST_SERVICES_DIRECTORY_TERRITORY_REGISTER_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status/errors.h"
#include "common/store/store.h"
#include "services/directory/directory_repository.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// All may fail with the store's errors, and DATA_LOSS for bytes that cannot be read. Codes are well-formed.

absl::StatusOr<std::optional<Stored<v1::Territory>>> FindTerritory(const store::Reader& reader,
                                                                   std::string_view code);
void PutTerritory(store::Writer& writer, const v1::Territory& territory, int64_t revision);

// A page of what lies directly below `parent` (empty: the countries), by code. `position` is a former page's
// `next`, or empty; one of another parent is PAGE_TOKEN_INVALID. REQUIRES: limit > 0.
absl::StatusOr<Page<v1::Territory>> ListTerritories(const store::Reader& reader, std::string_view parent,
                                                    std::string_view position, int limit);

// False for a code that is held to the register and not in it. A NUTS code is, once the register of its
// country is complete. Of local units, those below a unit that has any in the register are.
absl::StatusOr<bool> MayBeATerritory(const store::Reader& reader, std::string_view code);

// Adds a violation, with the code, for every territory that a resource names, that MayBeATerritory denies,
// and that `before` did not name in the same place; null for a new resource.
absl::Status CheckTerritoriesOf(const store::Reader& reader, const v1::Body* before, const v1::Body& after,
                                error::FieldViolations& violations);
absl::Status CheckTerritoriesOf(const store::Reader& reader, const v1::Offer* before, const v1::Offer& after,
                                error::FieldViolations& violations);
absl::Status CheckTerritoriesOf(const store::Reader& reader, const v1::CoordinationAgreement& agreement,
                                error::FieldViolations& violations);
absl::Status CheckTerritoriesOf(const store::Reader& reader, const v1::Succession& succession,
                                error::FieldViolations& violations);

// INVALID_FIELD, without the code: where a person is asked about, it is hers.
absl::Status CheckAskedTerritory(const store::Reader& reader, std::string_view field, std::string_view code);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_TERRITORY_REGISTER_H_
