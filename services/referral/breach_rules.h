// What is known of a breach when it is opened, what each thing that is recorded does to it, and what is owed
// before it may be closed (Articles 33 and 34 GDPR). Pure: no store, no gRPC, no clock. Thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_RULES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/breach_machine.h"
#include "waypost/referral/storage/v1/breach_storage.pb.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/breach.pb.h"

namespace waypost::referral {

using storage::v1::BreachRecord;

inline constexpr uint32_t kBreachFormat = 1;
// Whoever records so much of one records something else.
inline constexpr int kMaxBreachEntries = 100;
inline constexpr size_t kMaxBreachReferenceBytes = 64;

// Of a referral as it was before it was reported as misdirected. Further ones to which it was passed on:
// `passed_on`. `by` has reported it.
BreachRecord NewBreach(const storage::v1::ReferralRecord& before, std::string name, int passed_on,
                       const policy::Caller& by, absl::Time now);

// Who records something, and when.
struct BreachStep {
  const policy::Caller& by;
  absl::Time now;
};
// Each: INVALID_TRANSITION, LIMIT_EXCEEDED, INVALID_FIELD where a time is none that can be; and of the last
// one BREACH_NOT_ANSWERED.
absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::AssessBreachRequest& request,
                                      const BreachStep& step);
absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record,
                                      const v1::RecordBreachNotificationRequest& request,
                                      const BreachStep& step);
absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::RecordPersonsToldRequest& request,
                                      const BreachStep& step);
absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record,
                                      const v1::RecordBreachDeletionRequest& request, const BreachStep& step);
absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::CloseBreachRequest& request,
                                      const BreachStep& step);
// The body's successor has it.
BreachRecord Succeeded(const BreachRecord& record, std::string_view body, absl::Time now);

// The risk was assessed, and of a risk the authority was told, or it was said why not: what is owed within 72
// hours is done.
bool IsAnswered(const BreachRecord& record);
// The name of what has to be recorded before it may be closed; empty: nothing.
std::string_view OwedToClose(const BreachRecord& record);

// How the caller stands to it: its body refers the case. Of a protected one, readers alone; officers who are
// to name readers have no part in it. REQUIRES: `referral` is the one it is about.
policy::Relations RelationsToBreach(const BreachRecord& record, const storage::v1::ReferralRecord& referral,
                                    const policy::Caller& caller);

v1::Breach ToBreach(const BreachRecord& record);

// --- What is wrong with a request, all of it
absl::Status Validate(const v1::GetBreachRequest& request);
absl::Status Validate(const v1::ListBreachesRequest& request);
absl::Status Validate(const v1::AssessBreachRequest& request);
absl::Status Validate(const v1::RecordBreachNotificationRequest& request);
absl::Status Validate(const v1::RecordPersonsToldRequest& request);
absl::Status Validate(const v1::RecordBreachDeletionRequest& request);
absl::Status Validate(const v1::CloseBreachRequest& request);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_RULES_H_
