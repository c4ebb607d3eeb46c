// What is valid and what follows from what: every request checked, all that is wrong with it told at once;
// every change of a resource worked out from its present state. Pure: no store, no gRPC, no clock.
// Thread-safe.
//
// Checks of a request need nothing but the request and run before the transaction. Decisions take the stored
// resource and run inside it.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RULES_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RULES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/directory/directory_machine.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// --- Checks of requests: OK, or INVALID_ARGUMENT / INVALID_FIELD with every violation -------------------
absl::Status Check(const v1::CreateBodyRequest& request);
absl::Status Check(const v1::GetBodyRequest& request);
absl::Status Check(const v1::ListBodiesRequest& request);
absl::Status Check(const v1::UpdateBodyRequest& request);
absl::Status Check(const v1::SuspendBodyRequest& request);
absl::Status Check(const v1::ReactivateBodyRequest& request);
absl::Status Check(const v1::DissolveBodyRequest& request);
absl::Status Check(const v1::CreateUnitRequest& request);
absl::Status Check(const v1::GetUnitRequest& request);
absl::Status Check(const v1::ListUnitsRequest& request);
absl::Status Check(const v1::UpdateUnitRequest& request);
absl::Status Check(const v1::CreateOfferRequest& request);
absl::Status Check(const v1::GetOfferRequest& request);
absl::Status Check(const v1::ListOffersRequest& request);
absl::Status Check(const v1::UpdateOfferRequest& request);
absl::Status Check(const v1::ReportCapacityRequest& request);
absl::Status Check(const v1::CreateProgrammeRequest& request);
absl::Status Check(const v1::GetProgrammeRequest& request);
absl::Status Check(const v1::ListProgrammesRequest& request);
absl::Status Check(const v1::UpdateProgrammeRequest& request);
absl::Status Check(const v1::EndProgrammeRequest& request);
absl::Status Check(const v1::CreateCoordinationAgreementRequest& request);
absl::Status Check(const v1::GetCoordinationAgreementRequest& request);
absl::Status Check(const v1::ListCoordinationAgreementsRequest& request);
absl::Status Check(const v1::EndCoordinationAgreementRequest& request);
absl::Status Check(const v1::ResolveRouteRequest& request);
absl::Status Check(const v1::ListChangesRequest& request);

// --- Decisions. REQUIRES: the request passed its check --------------------------------------------------

// As registered: ACTIVE. INVALID_FIELD where its parts contradict each other.
absl::StatusOr<v1::Body> NewBody(const v1::CreateBodyRequest& request, absl::Time now);

// INVALID_TRANSITION for a dissolved body; INVALID_FIELD where the result's parts contradict each other.
absl::StatusOr<v1::Body> UpdatedBody(const v1::Body& current, const v1::UpdateBodyRequest& request,
                                     absl::Time now);

// True when the update names a field that only the operator may change.
bool NeedsOperator(const v1::UpdateBodyRequest& request);

// By the table; INVALID_TRANSITION for what is not in it.
absl::StatusOr<v1::Body> ChangedBody(const v1::Body& current, BodyEvent event, std::string_view reason,
                                     absl::Time now);

// OK unless the body is dissolved: nothing is added to it any more, and its parts do not change.
absl::Status CheckBodyMayGrow(const v1::Body& body, std::string_view event);

v1::Unit NewUnit(const v1::CreateUnitRequest& request, absl::Time now);
absl::StatusOr<v1::Unit> UpdatedUnit(const v1::Unit& current, const v1::UpdateUnitRequest& request,
                                     absl::Time now);

// Capacity that comes with groups counts as reported now.
absl::StatusOr<v1::Offer> NewOffer(const v1::CreateOfferRequest& request, absl::Time now);
// Groups that exist keep their capacity. INVALID_TRANSITION for a defunct offer.
absl::StatusOr<v1::Offer> UpdatedOffer(const v1::Offer& current, const v1::UpdateOfferRequest& request,
                                       absl::Time now);
// INVALID_FIELD for a group that the offer does not have; INVALID_TRANSITION for a defunct offer.
absl::StatusOr<v1::Offer> WithCapacity(const v1::Offer& current, const v1::ReportCapacityRequest& request,
                                       absl::Time now);

v1::Programme NewProgramme(const v1::CreateProgrammeRequest& request, absl::Time now);
// INVALID_FIELD where the lead would be a partner.
absl::StatusOr<v1::Programme> UpdatedProgramme(const v1::Programme& current,
                                               const v1::UpdateProgrammeRequest& request, absl::Time now);
// INVALID_FIELD when it would end before it begins, or after the end it has.
absl::StatusOr<v1::Programme> EndedProgramme(const v1::Programme& current,
                                             const v1::EndProgrammeRequest& request, absl::Time now);

v1::CoordinationAgreement NewAgreement(const v1::CreateCoordinationAgreementRequest& request, absl::Time now);
// INVALID_FIELD when it would end before it begins, or after the end it has.
absl::StatusOr<v1::CoordinationAgreement> EndedAgreement(const v1::CoordinationAgreement& current,
                                                         const v1::EndCoordinationAgreementRequest& request,
                                                         absl::Time now);

// --- What is shown ------------------------------------------------------------------------------------

// What a caller who stands so to a body may do with it now.
struct BodyRights {
  bool is_operator = false;
  bool is_own_supervisor = false;
};

// The output-only fields that are not stored.
void Show(v1::Body& body, int64_t revision, BodyRights rights);
void Show(v1::Unit& unit, int64_t revision);
void Show(v1::Offer& offer, int64_t revision, absl::Time now);
void Show(v1::Programme& programme, int64_t revision);
void Show(v1::CoordinationAgreement& agreement, int64_t revision);

// The last confirmation is more than kAssuranceDays old, or there is none.
bool AssuranceOverdue(const v1::Offer& offer, absl::Time now);
// Places reported more than kCapacityStaleAfter ago.
bool IsStale(absl::Time reported, absl::Time now);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RULES_H_
