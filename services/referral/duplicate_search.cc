#include "services/referral/duplicate_search.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/part_rows.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {

using policy::Authorized;
using storage::v1::ReferralRecord;

namespace {

using Names = std::set<std::string, std::less<>>;

// A referral, what it continues, and what continues it.
absl::Status AddChain(const store::Reader& reader, const std::string& name, Names& names) {
  if (name.empty() || !names.insert(name).second) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord from, rows::Get(reader, name));
  for (const bool back : {true, false}) {
    std::string at = back ? from.forwarded_from() : from.forwarded_to();
    for (int hops = 0; hops < kMaxHopsRuled && !at.empty() && names.insert(at).second; ++hops) {
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, at));
      at = back ? record.forwarded_from() : record.forwarded_to();
    }
  }
  return absl::OkStatus();
}

// What is the same case as `record`, by name.
absl::StatusOr<Names> NamesOfCase(const store::Reader& reader, const ReferralRecord& record) {
  Names names = {record.name()};
  WAYPOST_RETURN_IF_ERROR(AddChain(reader, record.part_of(), names));
  if (!record.part_of().empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto parts, rows::ListParts(reader, record.part_of()));
    names.insert(parts.begin(), parts.end());
  }
  if (record.path().empty()) return names;
  WAYPOST_ASSIGN_OR_RETURN(const auto links, rows::LinksOfPath(reader, record.path()));
  for (const rows::PathLink& link : links) {
    if (link.kind == storage::v1::PATH_LINK_KIND_STEP) {
      names.insert(link.referral);
    } else {
      WAYPOST_RETURN_IF_ERROR(AddChain(reader, link.referral, names));
    }
  }
  return names;
}

// The same of what others name it by: a part of it, a hand-over of it that nobody took.
bool IsOfCase(const ReferralRecord& record, const Names& names) {
  return names.contains(record.part_of()) || names.contains(record.forwarded_from());
}

}  // namespace

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

absl::StatusOr<std::vector<rows::FoundPerson>> FindAll(rows::PersonFinder& finder, const Search& search,
                                                       int limit) {
  std::vector<rows::FoundPerson> found;
  for (const std::string& lookup : search.lookups) {
    WAYPOST_RETURN_IF_ERROR(finder.Find(lookup, limit, found));
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

absl::StatusOr<PossibleDuplicates> FindPossible(const store::Reader& reader, const rpc::Call& call,
                                                const ReferralRecord& next,
                                                const std::vector<Search>& searches) {
  PossibleDuplicates possible;
  if (searches.empty()) return possible;
  WAYPOST_ASSIGN_OR_RETURN(const Names same_case, NamesOfCase(reader, next));
  // Enough to see that there is another one.
  const int limit = kMaxPossibleLookedAt + 1 + static_cast<int>(same_case.size());
  int looked_at = 0;
  rows::PersonFinder finder(reader, call.caller->body);
  for (const Search& search : searches) {
    WAYPOST_ASSIGN_OR_RETURN(const auto found, FindAll(finder, search, limit));
    for (const rows::FoundPerson& person : found) {
      if (same_case.contains(person.referral)) continue;
      if (looked_at == kMaxPossibleLookedAt || possible.found.size() == kMaxPossibleDuplicates) {
        possible.more = true;
        return possible;
      }
      ++looked_at;
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, person.referral));
      if (!IsShownAsDuplicate(record, call) || IsOfCase(record, same_case)) continue;
      v1::PossibleDuplicate& one = possible.found.emplace_back();
      one.set_person(search.person);
      one.set_referral(person.referral);
      one.set_referral_person(person.person);
      one.set_strength(search.strength);
    }
  }
  return possible;
}

absl::Status TellPossible(rpc::Mutation& mutation, const Authorized& as, const PossibleDuplicates& possible,
                          v1::Referral& response) {
  response.set_more_possible_duplicates(possible.more);
  std::set<std::string> recorded;
  for (const v1::PossibleDuplicate& one : possible.found) {
    *response.add_possible_duplicates() = one;
    if (!recorded.insert(one.referral()).second) continue;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation.writer(), one.referral()));
    WAYPOST_RETURN_IF_ERROR(RecordFound(mutation, as, record));
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
