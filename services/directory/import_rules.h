// What an import of offers or territories may say, and what follows from it. Pure: no store, no gRPC, no
// clock. Thread-safe.
//
// A request is checked as a whole for what concerns all of it; each row has rules of its own, and one that is
// refused stops no other.
#ifndef WAYPOST_SERVICES_DIRECTORY_IMPORT_RULES_H_
#define WAYPOST_SERVICES_DIRECTORY_IMPORT_RULES_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// --- Checks of requests: OK, or INVALID_ARGUMENT / INVALID_FIELD with every violation -------------------
absl::Status Check(const v1::ImportOffersRequest& request);
absl::Status Check(const v1::ExportOffersRequest& request);
absl::Status Check(const v1::ImportTerritoriesRequest& request);
absl::Status Check(const v1::GetTerritoryRequest& request);
absl::Status Check(const v1::ListTerritoriesRequest& request);

// --- Rows -----------------------------------------------------------------------------------------------

// The offer of a row as it would be made anew. By the rules of CreateOffer, and those of its source; fields
// are named from the row on, as "offer.theme".
absl::StatusOr<v1::Offer> NewImportedOffer(const v1::OfferToImport& row, absl::Time now);

// `incoming` over an offer that is there already. Nothing an import does not bring changes. The same offer
// with the same update_time when nothing would. ALREADY_EXISTS where `current` was not made from the same
// record; INVALID_FIELD where provider or kind differ; INVALID_TRANSITION for a defunct offer that would
// change.
absl::StatusOr<v1::Offer> ImportedOver(const v1::Offer& current, const v1::Offer& incoming, absl::Time now);

// The record of a row as it would be made anew.
absl::StatusOr<v1::Territory> NewTerritory(const v1::Territory& row, absl::Time now);

// The same over one that is there. INVALID_FIELD where `current` counts from a later day.
absl::StatusOr<v1::Territory> TerritoryOver(const v1::Territory& current, const v1::Territory& incoming,
                                            absl::Time now);

// True when all a caller can say of the two is the same.
bool SameOffer(const v1::Offer& a, const v1::Offer& b);
bool SameTerritory(const v1::Territory& a, const v1::Territory& b);

// What lies directly above a code in the register; empty for a country. REQUIRES: well-formed, not "EU".
std::string_view ParentOf(std::string_view code);

// True for an error of a row alone. What else goes wrong, as a store that fails, is not the row's.
bool IsRowFailure(const absl::Status& status);
v1::ImportFailure FailureOf(const absl::Status& status);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_IMPORT_RULES_H_
