#include "services/referral/duplicate_search.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {

using policy::Authorized;
using storage::v1::ReferralRecord;

absl::Status AddSearches(Sealing& sealing, std::string_view body, uint32_t person,
                         const v1::PersonDetails& details, std::vector<Search>& searches) {
  WAYPOST_ASSIGN_OR_RETURN(Sealing::PersonLookups lookups, sealing.PersonLookupsOf(body, details));
  if (!lookups.same.empty()) {
    searches.push_back({person, v1::DUPLICATE_STRENGTH_SAME, std::move(lookups.same)});
  }
  if (!lookups.swapped.empty()) {
    searches.push_back({person, v1::DUPLICATE_STRENGTH_DATE_SWAPPED, std::move(lookups.swapped)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<rows::FoundPerson>> FindAll(rows::PersonFinder& finder, const Search& search) {
  std::vector<rows::FoundPerson> found;
  for (const std::string& lookup : search.lookups) {
    WAYPOST_RETURN_IF_ERROR(finder.Find(lookup, kMaxDuplicatesLookedAt, found));
  }
  std::sort(found.begin(), found.end(), [](const rows::FoundPerson& a, const rows::FoundPerson& b) {
    return std::pair(a.referral, a.person) > std::pair(b.referral, b.person);  // names begin with their time
  });
  return found;
}

bool IsShownAsDuplicate(const ReferralRecord& record, const rpc::Call& call) {
  if (record.has_end_time() && call.now > api::FromTimestamp(record.end_time()) + kDuplicateWithin) {
    return false;
  }
  return policy::Authorize(kGetReferral, *call.caller, RelationsOf(record, *call.caller), record.name()).ok();
}

absl::Status RecordFound(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& record) {
  return mutation.Publish(as, {.type = "referral.duplicate_found",
                               .resource = record.name(),
                               .revision = record.revision(),
                               .time = mutation.call().now,
                               .parties = {record.referring().body()},
                               .access = true,
                               .purpose = v1::Purpose_Name(v1::PURPOSE_COORDINATE_CASE)});
}

absl::StatusOr<std::vector<v1::PossibleDuplicate>> FindPossible(const store::Reader& reader,
                                                                const rpc::Call& call, std::string_view name,
                                                                const std::vector<Search>& searches) {
  std::vector<v1::PossibleDuplicate> possible;
  if (searches.empty()) return possible;
  rows::PersonFinder finder(reader, call.caller->body);
  for (const Search& search : searches) {
    WAYPOST_ASSIGN_OR_RETURN(const auto found, FindAll(finder, search));
    for (const rows::FoundPerson& person : found) {
      if (possible.size() >= kMaxPossibleDuplicates) return possible;
      if (person.referral == name) continue;
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, person.referral));
      if (!IsShownAsDuplicate(record, call)) continue;
      v1::PossibleDuplicate& one = possible.emplace_back();
      one.set_person(search.person);
      one.set_referral(person.referral);
      one.set_referral_person(person.person);
      one.set_strength(search.strength);
    }
  }
  return possible;
}

absl::Status TellPossible(rpc::Mutation& mutation, const Authorized& as,
                          const std::vector<v1::PossibleDuplicate>& found, v1::Referral& response) {
  std::set<std::string> recorded;
  for (const v1::PossibleDuplicate& one : found) {
    *response.add_possible_duplicates() = one;
    if (!recorded.insert(one.referral()).second) continue;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation.writer(), one.referral()));
    WAYPOST_RETURN_IF_ERROR(RecordFound(mutation, as, record));
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
