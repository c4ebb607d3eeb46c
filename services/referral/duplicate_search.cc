#include "services/referral/duplicate_search.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/part_rows.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_limits.h"
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

// Somebody who answers a search and is of another case: one of those of that person, from 0, the surest and
// the newest first.
struct Candidate {
  const Search* search;
  rows::FoundPerson found;
  int place;
};

// In the order in which they are looked at: at first of each person a share, then what is left; the surest of
// all persons first in both, and of these the first of each. So neither a common name nor a weak match keeps
// the others from being looked for. `searches` must outlive them.
absl::StatusOr<std::vector<Candidate>> CandidatesOf(rows::PersonFinder& finder,
                                                    const std::vector<Search>& searches,
                                                    const Names& same_case) {
  const int limit = kMaxPossibleLookedAt + static_cast<int>(same_case.size());
  std::vector<Candidate> candidates;
  std::map<uint32_t, int> count;  // by person
  for (const Search& search : searches) {
    int& place = count[search.person];
    WAYPOST_ASSIGN_OR_RETURN(auto found, FindAll(finder, search, limit));
    for (rows::FoundPerson& person : found) {
      if (!same_case.contains(person.referral)) candidates.push_back({&search, std::move(person), place++});
    }
  }
  const int share = std::max(1, kMaxPossibleDuplicates / std::max(1, static_cast<int>(count.size())));
  const auto turn = [share](const Candidate& candidate) {
    return std::tuple(candidate.place >= share, candidate.search->strength, candidate.place);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&turn](const Candidate& a, const Candidate& b) { return turn(a) < turn(b); });
  return candidates;
}

v1::PossibleDuplicate ToTell(const Candidate& candidate) {
  v1::PossibleDuplicate one;
  one.set_person(candidate.search->person);
  one.set_referral(candidate.found.referral);
  one.set_referral_person(candidate.found.person);
  one.set_strength(candidate.search->strength);
  return one;
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
  return MayRead(record, *call.caller);
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
  rows::PersonFinder finder(reader, call.caller->body);
  WAYPOST_ASSIGN_OR_RETURN(const auto candidates, CandidatesOf(finder, searches, same_case));
  int looked_at = 0;
  for (const Candidate& candidate : candidates) {
    const auto [at, is_new] = possible.looked_at.try_emplace(candidate.found.referral);
    ReferralRecord& record = at->second;
    if (is_new) {
      WAYPOST_ASSIGN_OR_RETURN(record, rows::Get(reader, at->first));
    }
    // Whether any follows is not said: it may be one that the caller is not to know of.
    if (++looked_at == kMaxPossibleLookedAt) possible.more = true;
    if (IsShownAsDuplicate(record, call) && !IsOfCase(record, same_case)) {
      if (possible.found.size() == kMaxPossibleDuplicates) possible.more = true;
      if (possible.found.size() < kMaxPossibleDuplicates) possible.found.push_back(ToTell(candidate));
    }
    if (possible.more) break;
  }
  std::stable_sort(possible.found.begin(), possible.found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.person(), a.strength()) < std::pair(b.person(), b.strength());
  });
  return possible;
}

absl::Status TellPossible(rpc::Mutation& mutation, const Authorized& as, const PossibleDuplicates& possible,
                          v1::Referral& response) {
  response.set_more_possible_duplicates(possible.more);
  std::set<std::string> recorded;
  for (const v1::PossibleDuplicate& one : possible.found) {
    *response.add_possible_duplicates() = one;
    if (!recorded.insert(one.referral()).second) continue;
    WAYPOST_RETURN_IF_ERROR(RecordFound(mutation, as, possible.looked_at.at(one.referral())));
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
