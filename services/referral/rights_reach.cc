#include "services/referral/rights_reach.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using storage::v1::RightsPartLinkRecord;

bool IsCasePerson(const ReferralRecord& part, uint32_t person) {
  const auto& said = part.case_persons();
  return std::find(said.begin(), said.end(), person) != said.end();
}

// Is there anybody in this part of whom nobody has said who they are in the case?
bool HasUnsaid(const ReferralRecord& part) {
  const auto unsaid = [&part](const v1::Person& person) { return !IsCasePerson(part, person.number()); };
  return std::any_of(part.persons().begin(), part.persons().end(), unsaid) ||
         std::any_of(part.withdrawn_persons().begin(), part.withdrawn_persons().end(), unsaid);
}

// The walk from chain to chain.
class Walk {
 public:
  Walk(const store::Reader& reader, uint32_t person, int limit)
      : reader_(reader), person_(person), limit_(limit) {}

  absl::Status From(std::string_view name) {
    to_enter_.emplace_back(name);
    while (!to_enter_.empty()) {
      const std::string entry = std::move(to_enter_.front());
      to_enter_.pop_front();
      if (!found_.contains(entry)) WAYPOST_RETURN_IF_ERROR(Enter(entry));
    }
    return absl::OkStatus();
  }

  // What it did not go to is known once it is over.
  absl::StatusOr<std::vector<ReachedChain>> Take() {
    for (ReachedChain& chain : chains_) {
      for (const ReferralRecord& referral : chain.referrals) {
        WAYPOST_RETURN_IF_ERROR(AddMissed(referral, chain));
      }
    }
    return std::move(chains_);
  }

 private:
  absl::Status Enter(const std::string& entry) {
    auto chain = rows::Chain(reader_, entry, limit_ - static_cast<int>(found_.size()));
    if (error::ReasonOf(chain.status()) == "LIMIT_EXCEEDED") {
      return error::LimitExceeded("referrals that hang together with one", limit_, limit_ + 1);
    }
    WAYPOST_RETURN_IF_ERROR(chain.status());
    ReachedChain& reached =
        chains_.emplace_back(ReachedChain{.entry = entry, .referrals = *std::move(chain)});
    for (const ReferralRecord& referral : reached.referrals) found_.insert(referral.name());
    for (const ReferralRecord& referral : reached.referrals) {
      const std::string& name = referral.name();
      WAYPOST_ASSIGN_OR_RETURN(const auto others, rows::WithSamePerson(reader_, name, person_));
      for (const rows::SamePerson& same : others) {
        Link(name, same.other_is_part ? same.other : name, same.other, reached);
        to_enter_.push_back(same.other);
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddMissed(const ReferralRecord& referral, ReachedChain& chain) {
    if (!Concerns(referral, person_)) return absl::OkStatus();
    const std::string& name = referral.name();
    WAYPOST_ASSIGN_OR_RETURN(const int parts, rows::CountParts(reader_, name));
    if (parts > 0) {
      WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> listed, rows::ListParts(reader_, name));
      for (const std::string& each : listed) {
        if (found_.contains(each)) continue;
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord part, rows::Get(reader_, each));
        if (HasUnsaid(part)) Link(name, each, each, chain).set_missed(true);
      }
    }
    const std::string& parent = referral.part_of();
    const bool missed = !parent.empty() && !found_.contains(parent) && !IsCasePerson(referral, person_);
    if (missed) Link(name, name, parent, chain).set_missed(true);
    return absl::OkStatus();
  }

  static RightsPartLinkRecord& Link(const std::string& from, const std::string& part,
                                    const std::string& other, ReachedChain& chain) {
    RightsPartLinkRecord& link = chain.links.emplace_back();
    link.set_referral(from);
    link.set_part(part);
    link.set_other(other);
    return link;
  }

  const store::Reader& reader_;
  const uint32_t person_;
  const int limit_;
  std::deque<std::string> to_enter_;
  std::set<std::string, std::less<>> found_;
  std::vector<ReachedChain> chains_;
};

absl::StatusOr<bool> MayReadNamed(const store::Reader& reader, const policy::Caller& caller,
                                  const std::string& name) {
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, name));
  return MayRead(record, caller);
}

// Parts are told to their referring body alone, and to whoever of it may read both ends: one of them may have
// been protected since.
absl::StatusOr<bool> IsToldTo(const store::Reader& reader, const policy::Caller& caller,
                              const RightsPartLinkRecord& link) {
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord part, rows::Get(reader, link.part()));
  if (part.referring().body() != caller.body || !MayRead(part, caller)) return false;
  for (const std::string& end : {link.referral(), link.other()}) {
    if (end.empty()) return false;  // of a node that did not note it yet
    if (end == link.part()) continue;
    WAYPOST_ASSIGN_OR_RETURN(const bool may, MayReadNamed(reader, caller, end));
    if (!may) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<ReachedChain>> ChainsReached(const store::Reader& reader, std::string_view name,
                                                        uint32_t person, int limit) {
  Walk walk(reader, person, limit);
  WAYPOST_RETURN_IF_ERROR(walk.From(name));
  return walk.Take();
}

std::vector<const ReferralRecord*> InOrderOfEnding(const std::vector<ReachedChain>& chains) {
  std::vector<const ReferralRecord*> left;
  std::multiset<std::string> waits_for;  // names of those that end after another one that is left
  for (const ReachedChain& chain : chains) {
    for (const ReferralRecord& referral : chain.referrals) {
      left.push_back(&referral);
      waits_for.insert(referral.part_of());
      waits_for.insert(referral.forwarded_from());
    }
  }
  std::vector<const ReferralRecord*> ordered;
  while (!left.empty()) {
    auto next = std::find_if(left.begin(), left.end(), [&waits_for](const ReferralRecord* referral) {
      return !waits_for.contains(referral->name());
    });
    if (next == left.end()) next = left.begin();  // never: nothing is a part of itself
    const ReferralRecord& referral = **next;
    for (const std::string& name : {referral.part_of(), referral.forwarded_from()}) {
      waits_for.erase(waits_for.find(name));
    }
    ordered.push_back(&referral);
    left.erase(next);
  }
  return ordered;
}

absl::Status FillPartLinks(const store::Reader& reader, const storage::v1::RightsRequestRecord& record,
                           const policy::Caller& caller, v1::RightsRequest& view) {
  std::set<std::string> linked;
  std::set<std::string> missed;
  for (const RightsPartLinkRecord& link : record.part_links()) {
    WAYPOST_ASSIGN_OR_RETURN(const bool told, IsToldTo(reader, caller, link));
    if (!told) continue;
    if (link.missed()) {
      missed.insert(link.other());
    } else {
      linked.insert(link.request());
    }
  }
  for (const std::string& request : linked) view.add_linked_requests(request);
  for (const std::string& name : missed) view.add_not_reached(name);
  return absl::OkStatus();
}

}  // namespace waypost::referral
