#include "services/directory/counted_places.h"

#include <algorithm>
#include <string>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/field_checks.h"

namespace waypost::directory {
namespace {

using storage::v1::CountedGroup;

const v1::OfferGroup* FindGroup(const v1::Offer& offer, std::string_view group_id) {
  const auto found =
      std::find_if(offer.groups().begin(), offer.groups().end(),
                   [group_id](const v1::OfferGroup& group) { return group.group_id() == group_id; });
  return found == offer.groups().end() ? nullptr : &*found;
}

const CountedGroup* FindCount(const CountedGroups& counted, std::string_view group_id) {
  const auto found = std::find_if(counted.begin(), counted.end(), [group_id](const CountedGroup& each) {
    return each.group_id() == group_id;
  });
  return found == counted.end() ? nullptr : &*found;
}

absl::Time ReportTimeOf(const v1::OfferGroup& group) {
  if (!group.has_capacity()) return absl::InfinitePast();
  return api::FromTimestamp(group.capacity().update_time());
}

}  // namespace

absl::Status Check(const v1::ReportPlacesRequest& request) {
  error::FieldViolations violations;
  if (request.reports().empty()) violations.Add("reports", "is required");
  if (!CheckCount("reports", request.reports_size(), kMaxPlacesReports, violations)) {
    return violations.ToStatus();
  }
  for (int i = 0; i < request.reports_size(); ++i) {
    const v1::PlacesReport& report = request.reports(i);
    const std::string path = At("reports", i);
    CheckName(base::Cat(path, ".offer"), ResourceKind::kOffer, report.offer(), /*required=*/true, violations);
    if (report.group_id().empty() || report.group_id().size() > api::kMaxIdLength) {
      violations.Add(base::Cat(path, ".group_id"), "is not the id of a group");
    }
    if (report.taken() < 0 || report.taken() > kMaxPlaces) {
      violations.Add(base::Cat(path, ".taken"), "is not from 0 to 1 000 000");
    }
    if (report.revision() < 0) violations.Add(base::Cat(path, ".revision"), "is below zero");
    if (!report.has_count_time()) {
      violations.Add(base::Cat(path, ".count_time"), "is required");
    } else {
      CheckTime(base::Cat(path, ".count_time"), report.count_time(), violations);
    }
  }
  return violations.ToStatus();
}

v1::ReportPlacesResponse::Result KeepCount(const v1::Offer& offer, const v1::PlacesReport& report,
                                           absl::Time now, CountedGroups& counted) {
  v1::ReportPlacesResponse::Result result;
  const v1::OfferGroup* const group = FindGroup(offer, report.group_id());
  if (group == nullptr) {
    result.set_outcome(v1::PLACES_OUTCOME_UNKNOWN);
    return result;
  }
  const CountedGroup* const before = FindCount(counted, report.group_id());
  if (before != nullptr && before->revision() >= report.revision()) {
    result.set_outcome(v1::PLACES_OUTCOME_OLDER);
    result.set_revision(before->revision());
    result.set_taken(before->taken());
    return result;
  }
  CountedGroup count;
  count.set_group_id(report.group_id());
  count.set_taken(report.taken());
  count.set_revision(report.revision());
  *count.mutable_count_time() = api::ToTimestamp(std::min(now, api::FromTimestamp(report.count_time())));
  counted.erase(std::remove_if(counted.begin(), counted.end(),
                               [&](const CountedGroup& each) {
                                 return each.group_id() == report.group_id() ||
                                        FindGroup(offer, each.group_id()) == nullptr;
                               }),
                counted.end());
  counted.Add(std::move(count));
  result.set_outcome(v1::PLACES_OUTCOME_KEPT);
  result.set_revision(report.revision());
  result.set_taken(report.taken());
  return result;
}

FreePlaces FreePlacesOf(const v1::OfferGroup& group, const CountedGroups& counted) {
  const v1::Capacity& reported = group.capacity();
  FreePlaces places{.free = reported.free(), .report_time = ReportTimeOf(group)};
  const CountedGroup* const count = FindCount(counted, group.group_id());
  if (count == nullptr) return places;
  const int32_t left = std::max(0, reported.places() - count->taken());
  places.none_left = left == 0;
  places.counted = places.none_left || left < reported.free();
  places.free = std::min(left, reported.free());
  places.count_time = api::FromTimestamp(count->count_time());
  return places;
}

}  // namespace waypost::directory
