#include "services/referral/receipt_signature.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/time/time.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/identity/base64url.h"
#include "common/identity/signing_keys.h"
#include "common/status/errors.h"
#include "services/referral/referral_receipts.h"

namespace waypost::referral {
namespace {

using nlohmann::json;

constexpr std::string_view kPurpose = "receipt-signature";
constexpr std::string_view kKeyType = "OKP";  // RFC 8037
constexpr std::string_view kCurve = "Ed25519";

// Microseconds, in UTC.
std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", api::FromTimestamp(time), absl::UTCTimeZone());
}

absl::StatusOr<identity::KeySet> KeySetOf(const v1::ReceiptKey& key) {
  const json jwk = {{"kty", kKeyType},
                    {"crv", kCurve},
                    {"alg", identity::AlgorithmName(identity::Algorithm::kEdDsa)},
                    {"kid", key.key_id()},
                    {"x", identity::EncodeBase64Url(key.public_key())}};
  json set = json::object();
  set["keys"].push_back(jwk);
  return identity::ParseKeySet(set.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::string ReceiptPayload(std::string_view referral, const v1::TransportReceipt& receipt) {
  json payload = {{"body", receipt.body()},
                  {"contentHash", identity::EncodeBase64Url(receipt.content_hash())},
                  {"kind", ReceiptKindName(receipt.kind())},
                  {"referral", referral},
                  {"time", TimeText(receipt.time())}};
  // What was received before sendings had a name has none.
  if (receipt.has_sent_time()) payload["sent"] = TimeText(receipt.sent_time());
  return payload.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool ReceiptHolds(std::string_view referral, const v1::TransportReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys) {
  const auto signed_facts = identity::ParseJws(receipt.signature());
  if (!signed_facts.ok() || signed_facts->algorithm != identity::Algorithm::kEdDsa) return false;
  if (signed_facts->payload != ReceiptPayload(referral, receipt)) return false;
  for (const v1::ReceiptKey& key : keys) {
    if (key.key_id() != signed_facts->kid) continue;
    const auto set = KeySetOf(key);
    const identity::SigningKey* const found = set.ok() ? set->Find(key.key_id()) : nullptr;
    if (found != nullptr && identity::SignatureHolds(*signed_facts, *found)) return true;
  }
  return false;
}

absl::StatusOr<ReceiptSigner> ReceiptSigner::Make(crypto::KeyProvider& keys) {
  WAYPOST_ASSIGN_OR_RETURN(const crypto::SecretKey seed, keys.NodeSecret(kPurpose));
  WAYPOST_ASSIGN_OR_RETURN(identity::PrivateKey key, identity::PrivateKey::FromEd25519Seed(seed.bytes()));
  const json open = json::parse(key.public_jwk(), nullptr, false);
  const std::optional<std::string> bytes = identity::DecodeBase64Url(open.value("x", ""));
  if (!bytes.has_value()) return error::DataLoss("the key of the receipts");
  v1::ReceiptKey public_key;
  public_key.set_key_id(key.kid());
  public_key.set_public_key(*bytes);
  return ReceiptSigner(std::move(key), std::move(public_key));
}

absl::Status ReceiptSigner::Sign(v1::Referral& referral) const {
  for (v1::TransportReceipt& receipt : *referral.mutable_receipts()) {
    const std::string payload = ReceiptPayload(referral.name(), receipt);
    {
      const absl::MutexLock lock(&mutex_);
      if (const auto made = made_.find(payload); made != made_.end()) {
        receipt.set_signature(made->second);
        continue;
      }
    }
    WAYPOST_ASSIGN_OR_RETURN(*receipt.mutable_signature(), key_.Sign(payload));
    const absl::MutexLock lock(&mutex_);
    if (made_.size() >= kMaxRemembered) made_.clear();
    made_.emplace(payload, receipt.signature());
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
