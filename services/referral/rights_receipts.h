// Receipts of what bodies answer when a person uses a right: what is signed, and how they are kept. Pure;
// thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_RIGHTS_RECEIPTS_H_
#define WAYPOST_SERVICES_REFERRAL_RIGHTS_RECEIPTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "waypost/referral/storage/v1/rights_storage.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// Which use of a right, and in which referral, a receipt is about. Views live as long as what they are of.
struct RightUsed {
  std::string_view request;
  v1::RightKind kind = v1::RIGHT_KIND_UNSPECIFIED;
  uint32_t person = 0;
  std::string_view referral;
};
RightUsed UsedIn(const v1::RightsRequest& request, const v1::RightsHolder& holder);
RightUsed UsedIn(const storage::v1::RightsRequestRecord& request, const v1::RightsHolder& holder);

// What is signed: docs/reference/receipts.md has the format. Empty of facts that give no text with one
// reading.
std::string RightsReceiptText(const RightUsed& used, const v1::RightsReceipt& receipt);

// A receipt of what this holder has answered, without a signature yet.
v1::RightsReceipt ReceiptOf(const storage::v1::RightsRequestRecord& request, const v1::RightsHolder& holder);
// Is it of the very answer that this holder shows?
bool SaysTheAnswer(const v1::RightsReceipt& receipt, const v1::RightsHolder& holder);

// Keeps it as the last one of the holder's; the oldest one beyond the limit goes.
void KeepReceipt(v1::RightsReceipt receipt, v1::RightsHolder& holder);
// Two holders are one body now, and `kept` has its answer: it keeps the receipts of both, its own last. An
// answer from before answers were signed stays without.
void KeepReceiptsOfBoth(const v1::RightsHolder& other, v1::RightsHolder& kept);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RIGHTS_RECEIPTS_H_
