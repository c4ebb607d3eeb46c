// Merkle tree mathematics of RFC 6962 (section 2.1), with the verification algorithms of RFC 9162 (sections
// 2.1.3.2 and 2.1.4.2). Pure: hashes of a tree come from whatever NodeSource the caller has, so that the same
// code proves from a store and from a plain list. Every function is thread-safe.
#ifndef WAYPOST_SERVICES_AUDIT_MERKLE_H_
#define WAYPOST_SERVICES_AUDIT_MERKLE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/hash.h"

namespace waypost::audit {

using crypto::Hash;

// No tree is larger. Verification refuses larger sizes, so that no arithmetic on them can wrap around.
inline constexpr int kMaxTreeLevel = 62;
inline constexpr uint64_t kMaxTreeSize = uint64_t{1} << kMaxTreeLevel;

// A complete subtree: the one over leaves [index << level, (index + 1) << level). Leaves are at level 0.
struct NodeId {
  int level = 0;
  uint64_t index = 0;
  friend bool operator==(const NodeId&, const NodeId&) = default;
};

// Leaves [begin, end).
struct LeafRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  friend bool operator==(const LeafRange&, const LeafRange&) = default;
};

// SHA-256(0x00 || leaf).
Hash HashLeaf(std::string_view leaf);
// SHA-256(0x01 || left || right).
Hash HashChildren(const Hash& left, const Hash& right);
// The root of the tree without leaves: SHA-256 of nothing.
Hash EmptyRoot();
// Nothing unless `bytes` are exactly 32.
std::optional<Hash> HashFromBytes(std::string_view bytes);

// Where the hashes of complete subtrees come from. Thread-safety is the implementation's.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // Asked only for subtrees that are complete in the tree at hand.
  virtual absl::StatusOr<Hash> Node(NodeId id) const = 0;
};

// The complete subtrees that a range falls into, from left to right. REQUIRES: range.begin is a multiple of
// the smallest power of two that is not below the range's length, as is true of every range made here.
std::vector<NodeId> CompleteSubtrees(LeafRange range);

// What an inclusion proof is made of: the ranges whose hashes form the path, from the leaf's sibling up.
// REQUIRES: index < size <= kMaxTreeSize.
std::vector<LeafRange> InclusionRanges(uint64_t index, uint64_t size);

// What a consistency proof is made of, in the order of RFC 6962; empty when the sizes are equal.
// REQUIRES: 0 < first <= second <= kMaxTreeSize.
std::vector<LeafRange> ConsistencyRanges(uint64_t first, uint64_t second);

// The hash over `range`, by folding its complete subtrees. REQUIRES: as CompleteSubtrees; not empty.
absl::StatusOr<Hash> RangeHash(const NodeSource& source, LeafRange range);
// The root of the tree's first `size` leaves.
absl::StatusOr<Hash> TreeRoot(const NodeSource& source, uint64_t size);
// The proofs themselves. REQUIRES: as InclusionRanges and ConsistencyRanges. Errors: the source's.
absl::StatusOr<std::vector<Hash>> InclusionProof(const NodeSource& source, uint64_t index, uint64_t size);
absl::StatusOr<std::vector<Hash>> ConsistencyProof(const NodeSource& source, uint64_t first, uint64_t second);

// OK when `path` proves that the leaf with `leaf_hash` stands at `index` of the tree with `size` leaves and
// `root`. Otherwise INVALID_ARGUMENT / PROOF_INVALID that says why. Arguments may be anything.
absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf_hash, std::span<const Hash> path,
                             const Hash& root);

// OK when `path` proves that the tree with `second` leaves and `second_root` begins with the tree with
// `first` leaves and `first_root`. The empty tree begins every tree, which proves nothing: it is refused
// unless both are empty. Otherwise INVALID_ARGUMENT / PROOF_INVALID. Arguments may be anything.
absl::Status VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash> path,
                               const Hash& first_root, const Hash& second_root);

// What is needed to append: the roots of the complete subtrees of a tree, largest first (one for each bit set
// in its size). Not thread-safe.
class RightEdge {
 public:
  // Told of each subtree that an append completes, the leaf first, upwards.
  using Completed = absl::FunctionRef<void(NodeId, const Hash&)>;

  RightEdge() = default;
  // Nothing when the number of subtrees does not fit the size, or the size is over the limit.
  static std::optional<RightEdge> Restore(uint64_t size, std::vector<Hash> subtrees);

  // REQUIRES: size() < kMaxTreeSize.
  void Append(const Hash& leaf_hash, Completed completed);

  uint64_t size() const { return size_; }
  std::span<const Hash> subtrees() const { return subtrees_; }
  Hash Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> subtrees_;
};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_MERKLE_H_
