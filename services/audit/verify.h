// Offline verification of evidence: no server, no store, no network. The file form of a bundle is described
// with the message, in proto/waypost/audit/v1/audit.proto. All functions are thread-safe; input may be
// anything.
#ifndef WAYPOST_SERVICES_AUDIT_VERIFY_H_
#define WAYPOST_SERVICES_AUDIT_VERIFY_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "waypost/audit/v1/audit.pb.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::audit {

inline constexpr std::string_view kProofFormat = "waypost-audit-proof/1";

// A bundle as text or bytes is never larger.
inline constexpr size_t kMaxBundleBytes = 256 * 1024;

// OK when the bundle is sound in itself: the record and its nonce open the leaf (when it is an opened one),
// and the path leads from the leaf to the root. It says nothing about the root: compare `root_hash` with a
// tree head of that size from a source that you trust, or use VerifyBundleAgainst. Otherwise INVALID_ARGUMENT
// / PROOF_INVALID that says what is wrong.
absl::Status VerifyBundle(const v1::Proof& bundle);

// VerifyBundle, and the root is `head`'s, of the same size.
absl::Status VerifyBundleAgainst(const v1::Proof& bundle, const v1::TreeHead& head);

// VerifyBundle, and the record that the bundle opens. PROOF_INVALID for one that opens nothing.
absl::StatusOr<event::v1::Event> OpenBundle(const v1::Proof& bundle);

// OK when the path proves that the older tree begins the newer. Otherwise PROOF_INVALID.
absl::Status VerifyGrowth(const v1::ConsistencyProof& proof);

// The two forms of a bundle: proto3 JSON, and serialized. Reading refuses unknown members, what comes after
// the end, and input above kMaxBundleBytes (PROOF_INVALID); it verifies nothing.
absl::StatusOr<v1::Proof> BundleFromJson(std::string_view json);
absl::StatusOr<v1::Proof> BundleFromBinary(std::string_view bytes);
// With line breaks and a final one. Fails only for a bundle whose texts are not UTF-8.
absl::StatusOr<std::string> BundleToJson(const v1::Proof& bundle);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_VERIFY_H_
