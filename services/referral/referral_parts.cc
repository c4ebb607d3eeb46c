#include "services/referral/referral_parts.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"

namespace waypost::referral {
namespace {

using base::Cat;
using storage::v1::ReferralRecord;

const PartAtHand* Find(const std::vector<PartAtHand>& parts, std::string_view name) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [name](const PartAtHand& part) { return part.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

bool IsDecided(const std::vector<v1::PartDecision>& decisions, const PartAtHand& part) {
  return std::any_of(decisions.begin(), decisions.end(),
                     [&part](const v1::PartDecision& decision) { return decision.referral() == part.name; });
}

// Do the people who are said to be people of the case fit, and may more be disclosed of them?
absl::Status CheckCasePersons(const ReferralRecord& parent, const ReferralRecord& part) {
  if (part.case_persons().empty()) return absl::OkStatus();
  if (parent.state() == kDraft) {
    return error::InvalidField("referral.case_persons",
                               "must be empty while the case is a draft, whose people may still change: send "
                               "the case first");
  }
  error::FieldViolations wrong;
  std::set<uint32_t> seen;
  for (int i = 0; i < part.case_persons_size(); ++i) {
    const uint32_t person = part.case_persons(i);
    const std::string field = Cat("referral.case_persons[", i, "]");
    if (!seen.insert(person).second) wrong.Add(field, "is named twice");
    if (!Concerns(part, person)) wrong.Add(field, "is no person of this referral");
    if (!Concerns(parent, person)) {
      wrong.Add(field, "is no person of the case: who is in both has the same number in both");
    }
  }
  if (!wrong.empty()) return wrong.ToStatus();
  const bool stopped =
      std::any_of(seen.begin(), seen.end(), [&](uint32_t person) { return IsStopped(parent, person); });
  if (stopped) return DisclosureStopped(parent.name());
  // What may be wrong there is not sent here: who got it would not be asked to put it right.
  for (const ReferralRecord* each : {&parent, &part}) {
    const bool awaits = std::any_of(seen.begin(), seen.end(),
                                    [each](uint32_t person) { return AwaitsRectification(*each, person); });
    if (awaits) return RectificationPending(each->name());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPart(const ParentFacts& facts, const ReferralRecord& part, std::string_view body) {
  const ReferralRecord& parent = facts.parent;
  if (parent.name() == part.name()) {
    return error::InvalidField("referral.part_of", "must be another referral");
  }
  if (IsProtected(parent)) return ProtectedIsUnlinked(parent.name());
  if (IsProtected(part)) return ProtectedIsUnlinked(part.name());
  if (IsEnd(parent.state())) return ParentEnded(parent.name());
  if (parent.case_holding_body() != body) return ParentNotHeld(parent.name());
  // Whoever has it as a receiving body must not learn from a refusal that it is a part.
  const bool knows_that_it_is_one = parent.referring().body() == body;
  if (!parent.part_of().empty() && knows_that_it_is_one) return PartsOneLevel(parent.name(), "is a part");
  if (facts.parts_of_part > 0) return PartsOneLevel(part.name(), "has parts");
  if (facts.is_new_link && facts.linked >= kMaxParts) {
    return error::LimitExceeded("parts that one body makes of a referral", kMaxParts, facts.linked + 1);
  }
  return CheckCasePersons(parent, part);
}

absl::Status CheckPartDecisions(std::string_view name, const std::vector<v1::PartDecision>& decisions,
                                const std::vector<PartAtHand>& parts) {
  error::FieldViolations wrong;
  for (size_t i = 0; i < decisions.size(); ++i) {
    const PartAtHand* const part = Find(parts, decisions[i].referral());
    if (part == nullptr || !(part->open || part->state == kDraft)) {
      wrong.Add(Cat("parts[", i, "].referral"),
                "is no part of this referral that your body made, or has ended: see ListParts");
    }
  }
  if (!wrong.empty()) return wrong.ToStatus();
  int undecided = 0;
  const PartAtHand* first = nullptr;
  for (const PartAtHand& part : parts) {
    if (!part.open || IsDecided(decisions, part)) continue;
    if (first == nullptr) first = &part;
    ++undecided;
  }
  return first == nullptr ? absl::OkStatus() : PartsOpenFrom(name, undecided, first->name);
}

bool OpensOrEnds(const ReferralRecord& before, const ReferralRecord& next) {
  if (IsOpen(before.state()) == IsOpen(next.state())) return false;
  return before.state() != kNothing && next.state() != kForwarded;
}

}  // namespace waypost::referral
