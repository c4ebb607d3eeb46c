// Places of a group of an offer: what its provider reported, and what the referral service counts beside it.
// Neither is ever written over the other. Pure; thread-safe.
//
// A report knows of places that others gave; a count knows what Waypost has left to give of all of them. So
// fewer of the two are free: nobody is told of a place that the referral service would refuse. A count adds
// nothing to a report, and takes nothing off it: whether the provider knew of it when it reported, nobody can
// tell.
#ifndef WAYPOST_SERVICES_DIRECTORY_COUNTED_PLACES_H_
#define WAYPOST_SERVICES_DIRECTORY_COUNTED_PLACES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// One entry a group.
using CountedGroups = google::protobuf::RepeatedPtrField<storage::v1::CountedGroup>;

// OK, or INVALID_FIELD with every violation.
absl::Status Check(const v1::ReportPlacesRequest& request);

// What becomes of a report about this offer, whose counts are `counted`: kept there, or nothing. Counts of
// groups that the offer has no more go when another one is kept. REQUIRES: the request passed its check.
v1::ReportPlacesResponse::Result KeepCount(const v1::Offer& offer, const v1::PlacesReport& report,
                                           absl::Time now, CountedGroups& counted);

struct FreePlaces {
  int32_t free = 0;
  // Of the report; how fresh `free` is.
  absl::Time report_time = absl::InfinitePast();
  // Waypost has fewer left than were reported as free, or none.
  bool counted = false;
  // Waypost has none left, whatever was reported, and however long ago.
  bool none_left = false;
  absl::Time count_time = absl::InfinitePast();
};
// By the report of a group and what was counted in it.
FreePlaces FreePlacesOf(const v1::OfferGroup& group, const CountedGroups& counted);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_COUNTED_PLACES_H_
