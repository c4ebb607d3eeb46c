#include "services/audit/merkle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/base/status_macros.h"
#include "services/audit/audit_errors.h"

namespace waypost::audit {
namespace {

constexpr char kLeafPrefix = 0x00;
constexpr char kNodePrefix = 0x01;

// The largest power of two below `count`. REQUIRES: count > 1.
uint64_t SplitOf(uint64_t count) {
  return std::bit_floor(count - 1);
}

// The root of subtrees that stand side by side, largest first. REQUIRES: not empty.
Hash Fold(std::span<const Hash> subtrees) {
  Hash root = subtrees.back();
  for (size_t i = subtrees.size() - 1; i-- > 0;) root = HashChildren(subtrees[i], root);
  return root;
}

absl::StatusOr<std::vector<Hash>> RangeHashes(const NodeSource& source,
                                              const std::vector<LeafRange>& ranges) {
  std::vector<Hash> hashes;
  hashes.reserve(ranges.size());
  for (const LeafRange& range : ranges) {
    WAYPOST_ASSIGN_OR_RETURN(const Hash hash, RangeHash(source, range));
    hashes.push_back(hash);
  }
  return hashes;
}

// The steps of RFC 9162, section 2.1.4.2, from its step 4. `first_node` and `last_node` are the indexes of
// the last leaves of the two trees; `path` begins with the subtree that both have.
absl::Status WalkConsistency(uint64_t first_node, uint64_t last_node, std::span<const Hash> path,
                             const Hash& first_root, const Hash& second_root) {
  const int shared_levels = std::countr_one(first_node);
  first_node >>= shared_levels;
  last_node >>= shared_levels;
  Hash first = path[0];
  Hash second = path[0];
  for (const Hash& hash : path.subspan(1)) {
    if (last_node == 0) return ProofInvalid("the path is too long");
    if ((first_node & 1) != 0 || first_node == last_node) {
      first = HashChildren(hash, first);
      second = HashChildren(hash, second);
      while ((first_node & 1) == 0 && first_node != 0) {
        first_node >>= 1;
        last_node >>= 1;
      }
    } else {
      second = HashChildren(second, hash);
    }
    first_node >>= 1;
    last_node >>= 1;
  }
  if (last_node != 0) return ProofInvalid("the path is too short");
  if (first != first_root) return ProofInvalid("the path does not lead to the first root");
  if (second != second_root) return ProofInvalid("the path does not lead to the second root");
  return absl::OkStatus();
}

}  // namespace

Hash HashLeaf(std::string_view leaf) {
  std::string prefixed;
  prefixed.reserve(leaf.size() + 1);
  prefixed.push_back(kLeafPrefix);
  prefixed.append(leaf);
  return crypto::Sha256Array(prefixed);
}

Hash HashChildren(const Hash& left, const Hash& right) {
  std::array<char, 1 + 2 * crypto::kHashBytes> prefixed;
  prefixed[0] = kNodePrefix;
  std::memcpy(&prefixed[1], left.data(), left.size());
  std::memcpy(&prefixed[1 + crypto::kHashBytes], right.data(), right.size());
  return crypto::Sha256Array({prefixed.data(), prefixed.size()});
}

Hash EmptyRoot() {
  return crypto::Sha256Array("");
}

std::optional<Hash> HashFromBytes(std::string_view bytes) {
  if (bytes.size() != crypto::kHashBytes) return std::nullopt;
  Hash hash;
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

std::vector<NodeId> CompleteSubtrees(LeafRange range) {
  std::vector<NodeId> subtrees;
  while (range.begin < range.end) {
    // At least 0: the range is not empty.
    const auto level = static_cast<unsigned>(std::bit_width(range.end - range.begin) - 1) & 63U;
    subtrees.push_back({.level = static_cast<int>(level), .index = range.begin >> level});
    range.begin += uint64_t{1} << level;
  }
  return subtrees;
}

std::vector<LeafRange> InclusionRanges(uint64_t index, uint64_t size) {
  std::vector<LeafRange> ranges;
  LeafRange around = {0, size};
  while (around.end - around.begin > 1) {
    const uint64_t middle = around.begin + SplitOf(around.end - around.begin);
    if (index < middle) {
      ranges.push_back({middle, around.end});
      around.end = middle;
    } else {
      ranges.push_back({around.begin, middle});
      around.begin = middle;
    }
  }
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

std::vector<LeafRange> ConsistencyRanges(uint64_t first, uint64_t second) {
  std::vector<LeafRange> ranges;
  LeafRange around = {0, second};
  while (around.end != first) {
    const uint64_t middle = around.begin + SplitOf(around.end - around.begin);
    if (first <= middle) {
      ranges.push_back({middle, around.end});
      around.end = middle;
    } else {
      ranges.push_back({around.begin, middle});
      around.begin = middle;
    }
  }
  // The subtree that both trees have; the verifier knows it already when it is the whole first tree.
  if (around.begin != 0) ranges.push_back(around);
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

absl::StatusOr<Hash> RangeHash(const NodeSource& source, LeafRange range) {
  std::vector<Hash> hashes;
  for (const NodeId& id : CompleteSubtrees(range)) {
    WAYPOST_ASSIGN_OR_RETURN(const Hash hash, source.Node(id));
    hashes.push_back(hash);
  }
  return Fold(hashes);
}

absl::StatusOr<Hash> TreeRoot(const NodeSource& source, uint64_t size) {
  if (size == 0) return EmptyRoot();
  return RangeHash(source, {0, size});
}

absl::StatusOr<std::vector<Hash>> InclusionProof(const NodeSource& source, uint64_t index, uint64_t size) {
  return RangeHashes(source, InclusionRanges(index, size));
}

absl::StatusOr<std::vector<Hash>> ConsistencyProof(const NodeSource& source, uint64_t first,
                                                   uint64_t second) {
  return RangeHashes(source, ConsistencyRanges(first, second));
}

absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf_hash, std::span<const Hash> path,
                             const Hash& root) {
  if (size > kMaxTreeSize) return ProofInvalid("the tree is larger than any can be");
  if (index >= size) return ProofInvalid("the leaf lies outside the tree");
  uint64_t node = index;
  uint64_t last_node = size - 1;
  Hash hash = leaf_hash;
  for (const Hash& sibling : path) {
    if (last_node == 0) return ProofInvalid("the path is too long");
    if ((node & 1) != 0 || node == last_node) {
      hash = HashChildren(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last_node >>= 1;
      }
    } else {
      hash = HashChildren(hash, sibling);
    }
    node >>= 1;
    last_node >>= 1;
  }
  if (last_node != 0) return ProofInvalid("the path is too short");
  if (hash != root) return ProofInvalid("the path does not lead from the leaf to the root");
  return absl::OkStatus();
}

absl::Status VerifyConsistency(uint64_t first, uint64_t second, std::span<const Hash> path,
                               const Hash& first_root, const Hash& second_root) {
  if (second > kMaxTreeSize) return ProofInvalid("the tree is larger than any can be");
  if (first > second) return ProofInvalid("the first tree is larger than the second");
  if (first == second) {
    if (!path.empty()) return ProofInvalid("trees of one size need no path");
    if (first_root != second_root) return ProofInvalid("trees of one size have different roots");
    if (first == 0 && first_root != EmptyRoot()) return ProofInvalid("the root of the empty tree is another");
    return absl::OkStatus();
  }
  if (first == 0) return ProofInvalid("the empty tree begins every tree, which proves nothing");
  if (path.empty()) return ProofInvalid("the path is empty");
  if (!std::has_single_bit(first)) {
    return WalkConsistency(first - 1, second - 1, path, first_root, second_root);
  }
  std::vector<Hash> with_first = {first_root};
  with_first.insert(with_first.end(), path.begin(), path.end());
  return WalkConsistency(first - 1, second - 1, with_first, first_root, second_root);
}

std::optional<RightEdge> RightEdge::Restore(uint64_t size, std::vector<Hash> subtrees) {
  if (size > kMaxTreeSize || subtrees.size() != static_cast<size_t>(std::popcount(size))) return std::nullopt;
  RightEdge edge;
  edge.size_ = size;
  edge.subtrees_ = std::move(subtrees);
  return edge;
}

void RightEdge::Append(const Hash& leaf_hash, Completed completed) {
  NodeId id = {.level = 0, .index = size_};
  Hash hash = leaf_hash;
  completed(id, hash);
  while ((id.index & 1) != 0) {
    hash = HashChildren(subtrees_.back(), hash);
    subtrees_.pop_back();
    id = {.level = id.level + 1, .index = id.index >> 1};
    completed(id, hash);
  }
  subtrees_.push_back(hash);
  ++size_;
}

Hash RightEdge::Root() const {
  return subtrees_.empty() ? EmptyRoot() : Fold(subtrees_);
}

}  // namespace waypost::audit
