// Keys, indexes and codecs of enrolments. Every function works within the caller's snapshot or transaction;
// none keeps state.
//
//   ("e", id)                              EnrolmentRecord
//   ("e.group", offer, group, state, id)   empty: the enrolments of a group
//   ("e.body", provider, state, id)        empty: those of a body
//   ("e.under", offer, id)                 empty: of the offer, who has a place; for the programme keeper
//   ("e.owed", provider, time, id)         empty: those that a programme which ends leaves to hand over, by
//                                          when its last day is over
//   ("e.owed.of", provider, programme, time, id)   empty: the same, of one programme
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/enrolment_rules.h"

namespace waypost::referral::rows {

// NOT_FOUND when there is none.
absl::StatusOr<EnrolmentRecord> GetEnrolment(const store::Reader& reader, std::string_view name);
// All that came from one referral, in the order of person and acceptance.
absl::StatusOr<std::vector<EnrolmentRecord>> EnrolmentsOf(const store::Reader& reader,
                                                          std::string_view referral);
// Those of one person, in the order of their names; at most `limit`.
absl::StatusOr<std::vector<EnrolmentRecord>> EnrolmentsOfPerson(const store::Reader& reader,
                                                                std::string_view referral, uint32_t person,
                                                                int limit);
void DeleteEnrolment(store::Writer& writer, const EnrolmentRecord& record);
// Moves the index rows from where `before` (null for a new one) had them.
void PutEnrolment(store::Writer& writer, const EnrolmentRecord* before, const EnrolmentRecord& next);

// Which enrolments a listing walks: of a group, or else of a body.
struct EnrolmentQuery {
  std::optional<GroupKey> group;
  std::string body;
  std::vector<Stay> states;  // in ascending order, each once
  // Only what is to be looked at again by then. A page then reads at most kMaxReviewsRead, and may be empty.
  std::optional<absl::Time> review_by = std::nullopt;
};
inline constexpr int kMaxReviewsRead = 500;
struct EnrolmentPage {
  std::vector<EnrolmentRecord> records;
  // Where to go on; empty at the end.
  std::string position;
};
// By state, then in the order of the acceptances; at most `limit`.
absl::StatusOr<EnrolmentPage> ListEnrolments(const store::Reader& reader, const EnrolmentQuery& query,
                                             std::string_view position, int limit);

// Of which a hand-over is owed: of a body, and perhaps of one programme.
struct OwedQuery {
  std::string body;
  std::string programme = {};  // empty: of all
  // Only those whose day was over before then.
  std::optional<absl::Time> over_before = std::nullopt;
};
// By when the day is over, the first first; at most `limit`.
absl::StatusOr<EnrolmentPage> ListOwed(const store::Reader& reader, const OwedQuery& query,
                                       std::string_view position, int limit);

// Names of whoever has a place in the offer, in the order of their ids, after `after` (empty: from the
// first); at most `limit`.
absl::StatusOr<std::vector<std::string>> ListEnrolmentsUnder(const store::Reader& reader,
                                                             std::string_view offer, std::string_view after,
                                                             int limit);
// The same of all that there are, ended ones included.
absl::StatusOr<std::vector<std::string>> ListEnrolmentNames(const store::Reader& reader,
                                                            std::string_view after, int limit);
// The row below "e.under", for what was written before there were any.
void PutEnrolmentUnder(store::Writer& writer, const EnrolmentRecord& record);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_REPOSITORY_H_
