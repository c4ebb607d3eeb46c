#include "services/audit/merkle.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/escaping.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::audit {
namespace {

using base::Cat;

// The definitions of RFC 6962, section 2.1, word for word: slow, recursive, and nothing in common with
// merkle.cc but the hash function.
class NaiveTree final : public NodeSource {
 public:
  explicit NaiveTree(uint64_t size) {
    for (uint64_t i = 0; i < size; ++i) leaves_.push_back(Cat("leaf ", i));
  }

  const std::string& leaf(uint64_t index) const { return leaves_[index]; }

  const Hash& Root(uint64_t begin, uint64_t end) const {
    const auto found = roots_.find({begin, end});
    if (found != roots_.end()) return found->second;
    return roots_[{begin, end}] = Compute(begin, end);
  }
  const Hash& Root(uint64_t size) const { return Root(0, size); }

  std::vector<Hash> Path(uint64_t m, uint64_t begin, uint64_t end) const {
    if (end - begin <= 1) return {};
    const uint64_t k = Split(end - begin);
    std::vector<Hash> path = m < k ? Path(m, begin, begin + k) : Path(m - k, begin + k, end);
    path.push_back(m < k ? Root(begin + k, end) : Root(begin, begin + k));
    return path;
  }

  std::vector<Hash> Proof(uint64_t m, uint64_t n) const { return SubProof(m, 0, n, true); }

  absl::StatusOr<Hash> Node(NodeId id) const override {
    return Root(id.index << id.level, (id.index + 1) << id.level);
  }

 private:
  static uint64_t Split(uint64_t count) {
    uint64_t k = 1;
    while (k * 2 < count) k *= 2;
    return k;
  }

  Hash Compute(uint64_t begin, uint64_t end) const {
    if (begin == end) return crypto::Sha256Array("");
    if (end - begin == 1) return crypto::Sha256Array(std::string(1, '\0') + leaves_[begin]);
    const uint64_t k = Split(end - begin);
    return crypto::Sha256Array(
        Cat("\x01", crypto::AsText(Root(begin, begin + k)), crypto::AsText(Root(begin + k, end))));
  }

  std::vector<Hash> SubProof(uint64_t m, uint64_t begin, uint64_t end, bool whole) const {
    const uint64_t count = end - begin;
    if (m == count) return whole ? std::vector<Hash>{} : std::vector<Hash>{Root(begin, end)};
    const uint64_t k = Split(count);
    std::vector<Hash> proof =
        m <= k ? SubProof(m, begin, begin + k, whole) : SubProof(m - k, begin + k, end, false);
    proof.push_back(m <= k ? Root(begin + k, end) : Root(begin, begin + k));
    return proof;
  }

  std::vector<std::string> leaves_;
  mutable std::map<std::pair<uint64_t, uint64_t>, Hash> roots_;
};

constexpr uint64_t kSizes = 130;

const NaiveTree& Naive() {
  static const NaiveTree tree(kSizes);
  return tree;
}

std::string Hex(const Hash& hash) {
  return base::ToHex(crypto::AsText(hash));
}

bool Includes(uint64_t index, uint64_t size, const Hash& leaf, const std::vector<Hash>& path,
              const Hash& root) {
  const absl::Status status = VerifyInclusion(index, size, leaf, path, root);
  EXPECT_TRUE(status.ok() || error::ReasonOf(status) == "PROOF_INVALID") << status;
  return status.ok();
}

bool Consistent(uint64_t first, uint64_t second, const std::vector<Hash>& path, const Hash& first_root,
                const Hash& second_root) {
  const absl::Status status = VerifyConsistency(first, second, path, first_root, second_root);
  EXPECT_TRUE(status.ok() || error::ReasonOf(status) == "PROOF_INVALID") << status;
  return status.ok();
}

// Every path that differs from `path` by one flipped bit a byte, one hash dropped, doubled or inserted, or
// two neighbours swapped.
std::vector<std::vector<Hash>> Mutations(const std::vector<Hash>& path) {
  std::vector<std::vector<Hash>> all;
  for (size_t i = 0; i < path.size(); ++i) {
    for (size_t byte = 0; byte < path[i].size(); ++byte) {
      all.push_back(path);
      all.back()[i][byte] ^= static_cast<uint8_t>(1u << (byte % 8));
    }
    all.push_back(path);
    all.back().erase(all.back().begin() + static_cast<std::ptrdiff_t>(i));
    all.push_back(path);
    all.back().insert(all.back().begin() + static_cast<std::ptrdiff_t>(i), path[i]);
    if (i + 1 < path.size() && path[i] != path[i + 1]) {
      all.push_back(path);
      std::swap(all.back()[i], all.back()[i + 1]);
    }
  }
  for (size_t i = 0; i <= path.size(); ++i) {
    all.push_back(path);
    all.back().insert(all.back().begin() + static_cast<std::ptrdiff_t>(i), Hash{});
  }
  return all;
}

TEST(Hashing, KnownValues) {
  EXPECT_EQ(Hex(EmptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(HashLeaf("")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

TEST(Hashing, LeavesAndNodesNeverCollide) {
  const Hash left = HashLeaf("l");
  const Hash right = HashLeaf("r");
  EXPECT_NE(HashChildren(left, right), HashLeaf(Cat(crypto::AsText(left), crypto::AsText(right))));
  EXPECT_NE(HashChildren(left, right), HashChildren(right, left));
}

TEST(Hashing, OnlyThirtyTwoBytesAreAHash) {
  for (size_t size = 0; size < 70; ++size) {
    EXPECT_EQ(HashFromBytes(std::string(size, 'x')).has_value(), size == 32) << size;
  }
}

TEST(Ranges, CompleteSubtreesCoverARangeFromLeftToRight) {
  EXPECT_TRUE(CompleteSubtrees({0, 0}).empty());
  EXPECT_EQ(CompleteSubtrees({0, 7}), (std::vector<NodeId>{{2, 0}, {1, 2}, {0, 6}}));
  EXPECT_EQ(CompleteSubtrees({8, 11}), (std::vector<NodeId>{{1, 4}, {0, 10}}));
}

TEST(Ranges, TheLargestTreesNeitherOverflowNorGrowLongPaths) {
  for (const uint64_t size : {kMaxTreeSize, kMaxTreeSize - 1, kMaxTreeSize / 2 + 1}) {
    for (const uint64_t index : {uint64_t{0}, size / 3, size - 1}) {
      EXPECT_LE(InclusionRanges(index, size).size(), static_cast<size_t>(kMaxTreeLevel));
      EXPECT_LE(ConsistencyRanges(index + 1, size).size(), static_cast<size_t>(kMaxTreeLevel) + 1);
    }
  }
}

TEST(Inclusion, EveryLeafOfEverySizeAsTheDefinitionSays) {
  for (uint64_t size = 1; size <= kSizes; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const auto path = InclusionProof(Naive(), index, size);
      ASSERT_TRUE(path.ok());
      ASSERT_EQ(*path, Naive().Path(index, 0, size)) << index << " of " << size;
      ASSERT_TRUE(Includes(index, size, HashLeaf(Naive().leaf(index)), *path, Naive().Root(size)));
    }
  }
}

TEST(Inclusion, NothingElseHolds) {
  for (const uint64_t size : {1u, 2u, 3u, 5u, 7u, 8u, 9u, 21u, 64u, 77u}) {
    for (uint64_t index = 0; index < size; ++index) {
      const Hash leaf = HashLeaf(Naive().leaf(index));
      const Hash root = Naive().Root(size);
      const std::vector<Hash> path = Naive().Path(index, 0, size);
      for (const auto& wrong : Mutations(path)) ASSERT_FALSE(Includes(index, size, leaf, wrong, root));
      for (uint64_t other = 0; other <= size + 1; ++other) {
        if (other == index) continue;
        ASSERT_FALSE(Includes(other, size, leaf, path, root)) << other << " for " << index;
      }
      ASSERT_FALSE(Includes(index, size, HashLeaf("other"), path, root));
      ASSERT_FALSE(Includes(index, size, leaf, path, Naive().Root(size - 1)));
    }
  }
}

TEST(Inclusion, AWrongSizeHoldsOnlyWhereThePathDoesNotDependOnIt) {
  // The path of a leaf in a tree may be that of the same leaf in a tree of another shape to its right; the
  // root is what tells sizes apart, and it is bound to its size by whoever vouches for it.
  for (uint64_t size = 1; size <= 40; ++size) {
    for (uint64_t other = 0; other <= 45; ++other) {
      if (other == size) continue;
      const std::vector<Hash> path = Naive().Path(0, 0, size);
      const bool same_length = other > 0 && Naive().Path(0, 0, other).size() == path.size();
      ASSERT_EQ(Includes(0, other, HashLeaf(Naive().leaf(0)), path, Naive().Root(size)), same_length);
    }
  }
}

TEST(Inclusion, HugeAndImpossibleNumbersAreRefused) {
  const Hash hash = HashLeaf("x");
  EXPECT_FALSE(Includes(0, 0, hash, {}, hash));
  EXPECT_FALSE(Includes(1, 1, hash, {}, hash));
  EXPECT_FALSE(Includes(~uint64_t{0}, ~uint64_t{0}, hash, {}, hash));
  EXPECT_FALSE(Includes(0, kMaxTreeSize + 1, hash, {}, hash));
  EXPECT_FALSE(Includes(0, ~uint64_t{0}, hash, std::vector<Hash>(64, hash), hash));
}

TEST(Consistency, EveryPairOfSizesAsTheDefinitionSays) {
  for (uint64_t second = 1; second <= kSizes; ++second) {
    for (uint64_t first = 1; first <= second; ++first) {
      const auto path = ConsistencyProof(Naive(), first, second);
      ASSERT_TRUE(path.ok());
      ASSERT_EQ(*path, Naive().Proof(first, second)) << first << " to " << second;
      ASSERT_TRUE(Consistent(first, second, *path, Naive().Root(first), Naive().Root(second)));
    }
  }
}

TEST(Consistency, NothingElseHolds) {
  for (const uint64_t second : {2u, 3u, 6u, 7u, 8u, 13u, 32u, 45u}) {
    for (uint64_t first = 1; first < second; ++first) {
      const Hash& first_root = Naive().Root(first);
      const Hash& second_root = Naive().Root(second);
      const std::vector<Hash> path = Naive().Proof(first, second);
      for (const auto& wrong : Mutations(path)) {
        ASSERT_FALSE(Consistent(first, second, wrong, first_root, second_root)) << first << " to " << second;
      }
      ASSERT_FALSE(Consistent(first, second, path, second_root, first_root));
      ASSERT_FALSE(Consistent(first, second, path, HashLeaf("x"), second_root));
      ASSERT_FALSE(Consistent(first, second, path, first_root, HashLeaf("x")));
      ASSERT_FALSE(Consistent(second, first, path, second_root, first_root));
    }
  }
}

TEST(Consistency, TheEmptyTreeProvesNothing) {
  const Hash root = Naive().Root(5);
  EXPECT_TRUE(Consistent(0, 0, {}, EmptyRoot(), EmptyRoot()));
  EXPECT_FALSE(Consistent(0, 0, {}, root, root));
  EXPECT_FALSE(Consistent(0, 5, {}, EmptyRoot(), root));
  EXPECT_FALSE(Consistent(0, 5, {root}, EmptyRoot(), root));
  EXPECT_FALSE(Consistent(5, 5, {root}, root, root));
  EXPECT_FALSE(Consistent(1, kMaxTreeSize + 1, {root}, root, root));
}

TEST(RightEdge, GivesEveryRootAndEveryCompleteSubtreeOnce) {
  RightEdge edge;
  std::map<std::pair<int, uint64_t>, Hash> nodes;
  for (uint64_t size = 0; size < kSizes; ++size) {
    ASSERT_EQ(edge.size(), size);
    ASSERT_EQ(edge.Root(), Naive().Root(size));
    ASSERT_EQ(edge.subtrees().size(), static_cast<size_t>(std::popcount(size)));
    const auto restored = RightEdge::Restore(size, {edge.subtrees().begin(), edge.subtrees().end()});
    ASSERT_TRUE(restored.has_value());
    ASSERT_EQ(restored->Root(), edge.Root());
    edge.Append(HashLeaf(Naive().leaf(size)), [&nodes](NodeId id, const Hash& hash) {
      ASSERT_TRUE(nodes.emplace(std::make_pair(id.level, id.index), hash).second);
    });
  }
  size_t expected = 0;
  for (int level = 0; (kSizes >> level) > 0; ++level) {
    for (uint64_t index = 0; index < kSizes >> level; ++index, ++expected) {
      ASSERT_EQ(nodes.at({level, index}), Naive().Node({level, index}).value()) << level << "/" << index;
    }
  }
  EXPECT_EQ(nodes.size(), expected);
}

TEST(RightEdge, RefusesAnEdgeOfAnotherSize) {
  EXPECT_FALSE(RightEdge::Restore(3, {HashLeaf("x")}).has_value());
  EXPECT_FALSE(RightEdge::Restore(0, {HashLeaf("x")}).has_value());
  EXPECT_FALSE(RightEdge::Restore(kMaxTreeSize * 2, {HashLeaf("x")}).has_value());
}

// --- Probes of another implementation -----------------------------------------------------------------

std::optional<std::filesystem::path> ProbeFolder(std::string_view kind) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  if (source == nullptr) return std::nullopt;
  const auto folder = std::filesystem::path(source) / ".." / "shared" / "data" / "merkle" / kind;
  return std::filesystem::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

std::vector<nlohmann::json> ReadProbes(const std::filesystem::path& folder) {
  std::vector<nlohmann::json> probes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    probes.push_back(nlohmann::json::parse(file));
    probes.back()["file"] = entry.path().string();
  }
  return probes;
}

// The probes treat hashes as bytes of any length. Ours have 32: others become a hash of themselves and their
// part, which keeps equal ones equal and matches nothing else, so that every probe reaches the verification.
Hash ProbeHash(const nlohmann::json& text, std::string_view part) {
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(text.get<std::string>(), &bytes));
  return HashFromBytes(bytes).value_or(crypto::Sha256Array(Cat(part, bytes)));
}

std::vector<Hash> ProbePath(const nlohmann::json& texts) {
  std::vector<Hash> path;
  for (const auto& text : texts) path.push_back(ProbeHash(text, "path"));
  return path;
}

TEST(Probes, Inclusion) {
  const auto folder = ProbeFolder("inclusion");
  if (!folder.has_value()) GTEST_SKIP() << "there are no Merkle probes beside the project";
  const auto probes = ReadProbes(*folder);
  EXPECT_EQ(probes.size(), 98u);
  for (const auto& probe : probes) {
    const bool holds = Includes(probe["leafIdx"], probe["treeSize"], ProbeHash(probe["leafHash"], "leaf"),
                                ProbePath(probe["proof"]), ProbeHash(probe["root"], "root"));
    EXPECT_EQ(holds, !probe["wantErr"].get<bool>()) << probe["file"];
  }
}

TEST(Probes, Consistency) {
  const auto folder = ProbeFolder("consistency");
  if (!folder.has_value()) GTEST_SKIP() << "there are no Merkle probes beside the project";
  const auto probes = ReadProbes(*folder);
  EXPECT_EQ(probes.size(), 98u);
  for (const auto& probe : probes) {
    const bool holds = Consistent(probe["size1"], probe["size2"], ProbePath(probe["proof"]),
                                  ProbeHash(probe["root1"], "root"), ProbeHash(probe["root2"], "root"));
    EXPECT_EQ(holds, !probe["wantErr"].get<bool>()) << probe["file"];
  }
}

}  // namespace
}  // namespace waypost::audit
