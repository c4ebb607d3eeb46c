// The index of parts. Every function works within the caller's snapshot or transaction; none keeps state.
//
//   ("part", id of the parent, id of the part)  empty: a part, a draft and an ended one included
//   ("part.count", id of the parent)            how many rows those are
//   ("part.person", id, person, id of another)  empty: that person of a case is in a part of it, or the other
//                                               way round; each is written from both
//
// The last stay when a part is detached: a right goes along them. They go when either is protected.
#ifndef WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"

namespace waypost::referral::rows {

// REQUIRES: it has no such row, and has it for DeletePart.
absl::Status PutPart(store::Writer& writer, std::string_view parent, std::string_view part);
absl::Status DeletePart(store::Writer& writer, std::string_view parent, std::string_view part);

// One look-up: most referrals have no parts.
absl::StatusOr<int> CountParts(const store::Reader& reader, std::string_view parent);

// Names, in the order in which they were made, after that of a part (empty: from the first); those of one
// millisecond in any order, which stays. There are at most kMaxParts of each side.
absl::StatusOr<std::vector<std::string>> ListParts(const store::Reader& reader, std::string_view parent,
                                                   std::string_view after = {});

// Those people are in both: the case and the part.
void PutSamePersons(store::Writer& writer, std::string_view one, std::string_view other,
                    const std::vector<uint32_t>& persons);
void DeleteSamePersons(store::Writer& writer, std::string_view one, std::string_view other,
                       const std::vector<uint32_t>& persons);
// Of `name` none is said to be in any other.
absl::Status ForgetSamePersons(store::Writer& writer, std::string_view name);

// In place of a person's number: whoever it is, and nobody. Persons have the numbers from 1 to kMaxPersons.
inline constexpr uint32_t kAnybody = 0;
inline constexpr uint32_t kNobody = UINT32_MAX;
// Names of the parts of `name` that this person of it is in, and of the cases of which it is a part with that
// person; one may be named twice for kAnybody.
absl::StatusOr<std::vector<std::string>> WithSamePerson(const store::Reader& reader, std::string_view name,
                                                        uint32_t person);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_
