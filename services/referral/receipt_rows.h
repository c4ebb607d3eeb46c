// Receipts that come to be by themselves, written in a transaction: the row, and the event of each. And what
// is read for their content hash.
#ifndef WAYPOST_SERVICES_REFERRAL_RECEIPT_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_RECEIPT_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "common/store/store.h"
#include "services/referral/referral_receipts.h"

namespace waypost::referral {

// To what a referral holds, as it is stored: of that person, or of everybody.
absl::StatusOr<Commitments> StoredCommitments(const store::Reader& reader, std::string_view name,
                                              std::optional<uint32_t> person = std::nullopt);

// `referral.transport_receipt`, of the two sides alone, for each but RECEIVED, which is told by the event
// that sends. REQUIRES: `as` was authorized in this run.
absl::Status PublishReceipts(rpc::Mutation& mutation, const policy::Authorized& as,
                             const storage::v1::ReferralRecord& record,
                             const std::vector<v1::TransportReceipt>& receipts);

// Somebody of the receiving body opens a section of it, in the transaction that records the look: READ, and
// DELIVERED before it where nothing had delivered it yet.
absl::Status RecordReading(rpc::Mutation& mutation, const policy::Authorized& as,
                           storage::v1::ReferralRecord record);

// True when showing it to this caller delivers it.
bool IsDeliveredTo(const policy::Authorized& as, const storage::v1::ReferralRecord& record);

// DELIVERED, by the system: `shown` was shown to its receiving body. Looks at the record again, since others
// may have been quicker; nothing where it has been sent again since, is another body's, or has another
// content hash: a receipt says none that was not shown.
rpc::SystemBody Delivering(const storage::v1::ReferralRecord& shown);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RECEIPT_ROWS_H_
