// Signatures of transport receipts. A signature is made when a receipt is shown, from the facts that are
// stored: Ed25519 (RFC 8032) gives the same one each time, and the way of a submission stays short.
#ifndef WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_
#define WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_

#include <cstddef>
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
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// What is signed: the facts of a receipt as JSON, its members in alphabetical order.
std::string ReceiptPayload(std::string_view referral, const v1::TransportReceipt& receipt);

// True when the signature is by one of `keys` and is over these very facts. Thread-safe.
bool ReceiptHolds(std::string_view referral, const v1::TransportReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys);

// Thread-safe.
class ReceiptSigner {
 public:
  // Signatures that are remembered; forgotten all at once.
  static constexpr size_t kMaxRemembered = 4'096;

  // The node's key for receipts: one on every replica, kept with its other keys, and never rotated, as no
  // receipt may stop to hold.
  static absl::StatusOr<ReceiptSigner> Make(crypto::KeyProvider& keys);
  ReceiptSigner(ReceiptSigner&& other) noexcept
      : key_(std::move(other.key_)), public_key_(std::move(other.public_key_)) {}

  // The keys by which its signatures are checked.
  std::vector<v1::ReceiptKey> keys() const { return {public_key_}; }
  // Signs every receipt that `referral` shows.
  absl::Status Sign(v1::Referral& referral) const;

 private:
  ReceiptSigner(identity::PrivateKey key, v1::ReceiptKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}

  identity::PrivateKey key_;
  v1::ReceiptKey public_key_;
  mutable absl::Mutex mutex_;
  // By what was signed.
  mutable absl::flat_hash_map<std::string, std::string> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RECEIPT_SIGNATURE_H_
