// Keys and codecs of what the retention job goes by, and of its reports. As referral_repository.
//
//   ("retain", look time, id, side)                   empty: when the job looks at a side's share
//   ("retain.body", body, held back, erase time, id, side)
//                                                     RetentionEntry: what a body will erase, or holds back
//   ("retain.report", body, reversed day)             RetentionReport
//   ("retain.run")                                    when the job ran last and left nothing
//   ("retain.sweep")                                  RetentionSweepRecord
#ifndef WAYPOST_SERVICES_REFERRAL_RETENTION_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_RETENTION_REPOSITORY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/row_page.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/retention.pb.h"

namespace waypost::referral::rows {

// Moves a referral's rows from where `before` (null for a new one) had them. A protected one has no row that
// a body lists: the job alone knows of it.
void MoveRetention(store::Writer& writer, const storage::v1::ReferralRecord* before,
                   const storage::v1::ReferralRecord& next);

// What the job looks at.
struct RetentionRow {
  std::string key;
  std::string name;
  v1::Party party = v1::PARTY_UNSPECIFIED;
};
// Up to `until`, at most `limit`, earliest first, from the row after `after` (empty: from the first).
absl::StatusOr<std::vector<RetentionRow>> ListDueRetention(const store::Reader& reader,
                                                           std::string_view after, absl::Time until,
                                                           int limit);

// Of serialized v1::RetentionEntry, or RetentionReport.
using RetentionPage = RowPage;
// What a body erases, or holds back, before `before`; earliest first. `position` is empty or what a page
// before returned.
absl::StatusOr<RetentionPage> ListRetention(const store::Reader& reader, std::string_view body,
                                            bool held_back, absl::Time before, std::string_view position,
                                            int limit);
// How many these are, counted up to `limit`.
absl::StatusOr<int> CountRetention(const store::Reader& reader, std::string_view body, bool held_back,
                                   absl::Time before, int limit);

// The report of a body and day; an empty one when nothing was erased.
absl::StatusOr<v1::RetentionReport> GetRetentionReport(const store::Reader& reader, std::string_view body,
                                                       absl::CivilDay day);
void PutRetentionReport(store::Writer& writer, std::string_view body, absl::CivilDay day,
                        const v1::RetentionReport& report);
// The newest day first.
absl::StatusOr<RetentionPage> ListRetentionReports(const store::Reader& reader, std::string_view body,
                                                   std::string_view position, int limit);

// Nothing when it never ran.
absl::StatusOr<std::optional<absl::Time>> GetRetentionRun(const store::Reader& reader);
void PutRetentionRun(store::Writer& writer, absl::Time time);

absl::StatusOr<storage::v1::RetentionSweepRecord> GetRetentionSweep(const store::Reader& reader);
void PutRetentionSweep(store::Writer& writer, const storage::v1::RetentionSweepRecord& sweep);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_RETENTION_REPOSITORY_H_
