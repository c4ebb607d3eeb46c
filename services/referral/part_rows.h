// The index of parts. Every function works within the caller's snapshot or transaction; none keeps state.
//
//   ("part", id of the parent, id of the part)  empty: a part, a draft and an ended one included
//   ("part.count", id of the parent)            how many rows those are
//   ("part.person", id, person, id of another)  "part": that person is in the other one too, a part of this
//                                               one; "case": the other way round
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

// Those people are in both.
void PutSamePersons(store::Writer& writer, std::string_view parent, std::string_view part,
                    const std::vector<uint32_t>& persons);
void DeleteSamePersons(store::Writer& writer, std::string_view parent, std::string_view part,
                       const std::vector<uint32_t>& persons);
// Of `name` none is said to be in any other.
absl::Status ForgetSamePersons(store::Writer& writer, std::string_view name);

// A part of a referral in which a person of that is too, or the case of which it is a part with them.
struct SamePerson {
  uint32_t person = 0;
  std::string other;
  bool other_is_part = false;
};
// In place of a person's number: whoever it is. Persons have the numbers from 1 to kMaxPersons.
inline constexpr uint32_t kAnybody = 0;
// By person, then by name.
absl::StatusOr<std::vector<SamePerson>> WithSamePerson(const store::Reader& reader, std::string_view name,
                                                       uint32_t person);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_
