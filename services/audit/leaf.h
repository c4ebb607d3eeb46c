// The public leaf of a record: version 0x01, event id (16 bytes), commitment (32 bytes). The commitment is
// SHA-256(nonce || canonical record): the nonce keeps anyone without it from guessing the record, and once it
// is deleted the leaf says nothing and still proves.
#ifndef WAYPOST_SERVICES_AUDIT_LEAF_H_
#define WAYPOST_SERVICES_AUDIT_LEAF_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "common/crypto/hash.h"

namespace waypost::audit {

inline constexpr size_t kLeafBytes = 49;

// REQUIRES: event_id is 16 bytes, nonce is 32 bytes.
std::string MakeLeaf(std::string_view event_id, std::string_view nonce, std::string_view record);

// True for 49 bytes that begin with the one version there is.
bool IsLeaf(std::string_view bytes);

// Parts of a leaf. REQUIRES: IsLeaf(leaf). The views are into `leaf`.
std::string_view EventIdOf(std::string_view leaf);
std::string_view CommitmentOf(std::string_view leaf);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_LEAF_H_
