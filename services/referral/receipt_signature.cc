#include "services/referral/receipt_signature.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/base64url.h"
#include "common/identity/signing_keys.h"
#include "common/status/errors.h"
#include "services/referral/canonical_lines.h"
#include "services/referral/referral_receipts.h"

namespace waypost::referral {
namespace {

using nlohmann::json;

constexpr std::string_view kPurpose = "receipt-signature";
constexpr std::string_view kKeyType = "OKP";  // RFC 8037
constexpr std::string_view kCurve = "Ed25519";

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

// True when the token is by one of `keys` and its content is `payload`.
bool Holds(std::string_view token, std::string_view payload, const std::vector<v1::ReceiptKey>& keys) {
  const auto signed_facts = identity::ParseJws(token);
  if (!signed_facts.ok() || signed_facts->algorithm != identity::Algorithm::kEdDsa) return false;
  if (signed_facts->payload != payload) return false;
  for (const v1::ReceiptKey& key : keys) {
    if (key.key_id() != signed_facts->kid) continue;
    const auto set = KeySetOf(key);
    const identity::SigningKey* const found = set.ok() ? set->Find(key.key_id()) : nullptr;
    if (found != nullptr && identity::SignatureHolds(*signed_facts, *found)) return true;
  }
  return false;
}

// RFC 7515, Appendix F: the token without its content, which whoever checks it makes anew from the facts.
constexpr std::string_view kNoContent = "..";

std::string Detached(std::string_view token) {
  return base::Cat(token.substr(0, token.find('.')), kNoContent, token.substr(token.rfind('.') + 1));
}

}  // namespace

std::string ReceiptPayload(std::string_view referral, const v1::TransportReceipt& receipt) {
  json payload = {{"body", receipt.body()},
                  {"contentHash", identity::EncodeBase64Url(receipt.content_hash())},
                  {"kind", ReceiptKindName(receipt.kind())},
                  {"referral", referral},
                  {"time", CanonicalTime(receipt.time())}};
  // What was received before sendings had a name has none.
  if (receipt.has_sent_time()) payload["sent"] = CanonicalTime(receipt.sent_time());
  return payload.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool ReceiptHolds(std::string_view referral, const v1::TransportReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys) {
  return Holds(receipt.signature(), ReceiptPayload(referral, receipt), keys);
}

bool ReceiptHolds(const RightUsed& used, const v1::RightsReceipt& receipt,
                  const std::vector<v1::ReceiptKey>& keys) {
  const std::string_view signature = receipt.signature();
  const size_t gap = signature.find(kNoContent);
  const std::string text = RightsReceiptText(used, receipt);
  if (gap == std::string_view::npos || text.empty()) return false;
  const std::string token =
      base::Cat(signature.substr(0, gap + 1), identity::EncodeBase64Url(text), signature.substr(gap + 1));
  return Holds(token, text, keys);
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
  return With(std::move(public_key),
              [key = std::move(key)](std::string_view text) { return key.Sign(text); });
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
    WAYPOST_ASSIGN_OR_RETURN(*receipt.mutable_signature(), sign_(payload));
    const absl::MutexLock lock(&mutex_);
    if (made_.size() >= kMaxRemembered) made_.clear();
    made_.emplace(payload, receipt.signature());
  }
  return absl::OkStatus();
}

absl::Status ReceiptSigner::Sign(const RightUsed& used, v1::RightsReceipt& receipt) const {
  const std::string text = RightsReceiptText(used, receipt);
  if (text.empty()) return error::DataLoss(used.request);
  WAYPOST_ASSIGN_OR_RETURN(const std::string token, sign_(text));
  receipt.set_signature(Detached(token));
  return absl::OkStatus();
}

}  // namespace waypost::referral
