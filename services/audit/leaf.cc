#include "services/audit/leaf.h"

#include "services/audit/audit_limits.h"

namespace waypost::audit {
namespace {

constexpr char kVersion = 0x01;

}  // namespace

static_assert(kLeafBytes == 1 + kEventIdBytes + crypto::kHashBytes);

std::string MakeLeaf(std::string_view event_id, std::string_view nonce, std::string_view record) {
  std::string salted;
  salted.reserve(nonce.size() + record.size());
  salted.append(nonce).append(record);
  std::string leaf;
  leaf.reserve(kLeafBytes);
  leaf.push_back(kVersion);
  leaf.append(event_id).append(crypto::AsText(crypto::Sha256Array(salted)));
  return leaf;
}

bool IsLeaf(std::string_view bytes) {
  return bytes.size() == kLeafBytes && bytes[0] == kVersion;
}

std::string_view EventIdOf(std::string_view leaf) {
  return leaf.substr(1, kEventIdBytes);
}

std::string_view CommitmentOf(std::string_view leaf) {
  return leaf.substr(1 + kEventIdBytes);
}

}  // namespace waypost::audit
