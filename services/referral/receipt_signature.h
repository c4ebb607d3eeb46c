// Signatures of receipts: Ed25519 (RFC 8032), which gives the same one each time. That of a transport receipt
// is made when it is shown, from the facts that are stored, so that the way of a submission stays short; that
// of an answer to a person who uses a right is stored with the answer.
#ifndef WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_
#define WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/key_provider.h"
#include "common/identity/jws.h"
#include "services/referral/rights_receipts.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// What is signed: the facts of a receipt as JSON, its members in alphabetical order.
std::string ReceiptPayload(std::string_view referral, const v1::TransportReceipt& receipt);

// True when the signature is by one of `keys` and is over these very facts. Thread-safe.
bool ReceiptHolds(std::string_view referral, const v1::TransportReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys);
// The same of what a body has answered when a person used a right.
bool ReceiptHolds(const RightUsed& used, const v1::RightsReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys);

// Thread-safe.
class ReceiptSigner {
 public:
  // Signatures that are remembered; forgotten all at once.
  static constexpr size_t kMaxRemembered = 4'096;

  // The node's key for receipts: one on every replica, kept with its other keys, and never rotated, as no
  // receipt may stop to hold.
  static absl::StatusOr<ReceiptSigner> Make(crypto::KeyProvider& keys);
  // Signs by that function, which is thread-safe and gives a compact JWS with this content under
  // `public_key`.
  using SignFunction = std::function<absl::StatusOr<std::string>(std::string_view content)>;
  static ReceiptSigner With(v1::ReceiptKey public_key, SignFunction sign) {
    return ReceiptSigner(std::move(public_key), std::move(sign));
  }
  ReceiptSigner(ReceiptSigner&& other) noexcept
      : sign_(std::move(other.sign_)), public_key_(std::move(other.public_key_)) {}

  // The keys by which its signatures are checked.
  std::vector<v1::ReceiptKey> keys() const { return {public_key_}; }
  // Signs every receipt that `referral` shows.
  absl::Status Sign(v1::Referral& referral) const;
  // Signs one answer. DATA_LOSS where its facts give no text; what the function says where it fails.
  absl::Status Sign(const RightUsed& used, v1::RightsReceipt& receipt) const;
  // The compact JWS with this content.
  absl::StatusOr<std::string> SignText(std::string_view content) const { return sign_(content); }

 private:
  ReceiptSigner(v1::ReceiptKey public_key, SignFunction sign)
      : sign_(std::move(sign)), public_key_(std::move(public_key)) {}

  SignFunction sign_;
  v1::ReceiptKey public_key_;
  mutable absl::Mutex mutex_;
  // By what was signed.
  mutable absl::flat_hash_map<std::string, std::string> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_
