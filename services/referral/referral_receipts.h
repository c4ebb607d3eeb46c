// Transport receipts: how far a referral has come on its way to the people of the receiving body, beside its
// state. Pure; thread-safe.
//
// A receipt changes no revision and no etag: what a client has read is not out of date because somebody else
// has read it too.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_RECEIPTS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_RECEIPTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/referral/referral_machine.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// "1.details" → keyed commitment to what that section holds.
using Commitments = std::vector<std::pair<std::string, std::string>>;

// What a content hash is made over: docs/reference/receipts.md has the format. Of `commitments` those of the
// persons who are in the record, in whatever order.
std::string ContentText(const storage::v1::ReferralRecord& record, const Commitments& commitments);

// True when the change has brought it to its receiving body: at first, as what continues another referral, or
// again.
bool IsSending(Event event, const storage::v1::ReferralRecord& after);

// Names a sending: the time of its RECEIVED, which is later than every receipt of those before. Nothing of
// what was never sent.
std::optional<absl::Time> SendingUnderWay(const storage::v1::ReferralRecord& record);

// Begins the receipts of a sending: RECEIVED, with this hash.
v1::TransportReceipt BeginReceipts(std::string_view content_hash, absl::Time now,
                                   storage::v1::ReferralRecord& record);

// What was sent has been put right since: what comes to be from now on says this hash. Receipts there are
// stay as they were given. Nothing of what was never sent.
void RenewContentHash(std::string_view content_hash, storage::v1::ReferralRecord& record);

// Adds one to the sending under way. Nothing where that has one of the kind, and of what was never sent.
std::optional<v1::TransportReceipt> AddReceipt(v1::TransportReceiptKind kind, absl::Time now,
                                               storage::v1::ReferralRecord& record);

// True when AddReceipt would add one. Not where the body to which it was sent has been succeeded: what it was
// given, its successor was not, until it is sent again.
bool WantsReceipt(v1::TransportReceiptKind kind, const storage::v1::ReferralRecord& record);

// What the log calls it: "referrals/01jd…/receipts/read-1767225600000000", its kind and time in microseconds.
std::string ReceiptName(std::string_view referral, const v1::TransportReceipt& receipt);

// "DELIVERED".
std::string_view ReceiptKindName(v1::TransportReceiptKind kind);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_RECEIPTS_H_
