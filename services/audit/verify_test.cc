#include "services/audit/verify.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/status/errors.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/leaf.h"
#include "services/audit/merkle.h"

namespace waypost::audit {
namespace {

// Real evidence: entry `index` of a log of `size`, opened.
class VerifyTest : public testing::Test {
 protected:
  static constexpr uint64_t kEntries = 45;

  VerifyTest() {
    EXPECT_TRUE(AppendTo(store_, TestRecords(0, kEntries), kTestTime).ok());
    snapshot_ = SnapshotOf(store_);
  }

  v1::Proof Bundle(uint64_t index, uint64_t size) const {
    const auto record = repository_.Get(*snapshot_, index);
    EXPECT_TRUE(record.ok());
    v1::Proof proof = ClosedProof(*record, size);
    proof.set_record(record->envelope.event());
    proof.set_nonce(record->envelope.nonce());
    const TileReader tiles = repository_.Tiles(*snapshot_);
    proof.set_root_hash(std::string(crypto::AsText(TreeRoot(tiles, size).value())));
    const std::vector<Hash> path = InclusionProof(tiles, index, size).value();
    for (const Hash& hash : path) proof.add_path(std::string(crypto::AsText(hash)));
    return proof;
  }

  static void ExpectInvalid(const v1::Proof& bundle) {
    const absl::Status status = VerifyBundle(bundle);
    EXPECT_EQ(error::ReasonOf(status), "PROOF_INVALID") << status << "\n" << bundle.ShortDebugString();
  }

  const AuditRepository repository_{kTestLog};
  store::MemoryStore store_;
  std::unique_ptr<store::Reader> snapshot_;
};

TEST_F(VerifyTest, EveryEntryAtEverySize) {
  for (uint64_t size = 1; size <= kEntries; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const v1::Proof bundle = Bundle(index, size);
      ASSERT_TRUE(VerifyBundle(bundle).ok()) << VerifyBundle(bundle);
      ASSERT_EQ(OpenBundle(bundle)->SerializeAsString(), TestEvent(index).SerializeAsString());
    }
  }
}

TEST_F(VerifyTest, BothFormsReadBackAsTheyWereWritten) {
  for (const uint64_t index : {uint64_t{0}, uint64_t{17}, kEntries - 1}) {
    const v1::Proof bundle = Bundle(index, kEntries);
    const auto json = BundleToJson(bundle);
    ASSERT_TRUE(json.ok());
    const auto from_json = BundleFromJson(*json);
    ASSERT_TRUE(from_json.ok()) << from_json.status();
    EXPECT_EQ(from_json->SerializeAsString(), bundle.SerializeAsString());
    EXPECT_TRUE(VerifyBundle(*from_json).ok());
    const auto from_binary = BundleFromBinary(bundle.SerializeAsString());
    ASSERT_TRUE(from_binary.ok());
    EXPECT_EQ(from_binary->SerializeAsString(), bundle.SerializeAsString());
  }
}

TEST_F(VerifyTest, TheJsonFormIsAsDocumented) {
  const auto json = nlohmann::json::parse(BundleToJson(Bundle(0, 1)).value());
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  EXPECT_THAT(members, testing::UnorderedElementsAre("format", "name", "index", "treeSize", "rootHash",
                                                     "path", "leaf", "record", "nonce"));
  EXPECT_EQ(json["format"], "waypost-audit-proof/1");
  EXPECT_EQ(json["name"], "entries/0");
  EXPECT_EQ(json["index"], "0");
  EXPECT_EQ(json["treeSize"], "1");
  EXPECT_TRUE(json["path"].is_array());
}

TEST_F(VerifyTest, AKnownBundleStaysReadable) {
  // Written by hand from the description: one entry, whose leaf hash is therefore the root.
  event::v1::Event event;
  event.set_event_id(std::string(16, 'i'));
  event.set_type("t");
  const std::string nonce(32, 'n');
  const std::string leaf =
      std::string("\x01", 1) + std::string(16, 'i') + crypto::Sha256(nonce + event.SerializeAsString());
  v1::Proof bundle;
  bundle.set_format("waypost-audit-proof/1");
  bundle.set_name("entries/0");
  bundle.set_tree_size(1);
  bundle.set_leaf(leaf);
  bundle.set_record(event.SerializeAsString());
  bundle.set_nonce(nonce);
  bundle.set_root_hash(crypto::Sha256(std::string(1, '\0') + leaf));
  EXPECT_TRUE(VerifyBundle(bundle).ok()) << VerifyBundle(bundle);
}

TEST_F(VerifyTest, EveryFlippedBitIsFound) {
  const google::protobuf::LogSilencer quiet;  // flips make texts that are not UTF-8
  const v1::Proof bundle = Bundle(21, kEntries);
  const std::string good = bundle.SerializeAsString();
  v1::TreeHead head;
  head.set_tree_size(bundle.tree_size());
  head.set_root_hash(bundle.root_hash());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto read = BundleFromBinary(bad);
    if (!read.ok()) continue;
    // A path may fit another size of the same shape; only the tree head binds the size.
    ASSERT_TRUE(!VerifyBundle(*read).ok() || read->tree_size() != bundle.tree_size()) << "bit " << bit;
    ASSERT_FALSE(VerifyBundleAgainst(*read, head).ok()) << "bit " << bit << "\n" << read->ShortDebugString();
  }
}

TEST_F(VerifyTest, EveryCutIsFound) {
  const std::string binary = Bundle(21, kEntries).SerializeAsString();
  for (size_t size = 0; size < binary.size(); ++size) {
    const auto read = BundleFromBinary(binary.substr(0, size));
    ASSERT_FALSE(read.ok() && VerifyBundle(*read).ok() && OpenBundle(*read).ok()) << size;
  }
  const std::string json = BundleToJson(Bundle(21, kEntries)).value();
  for (size_t size = 0; size < json.size() - 2; ++size) {
    ASSERT_FALSE(BundleFromJson(json.substr(0, size)).ok() && size > 0) << size;
  }
}

TEST_F(VerifyTest, EveryFieldCounts) {
  const v1::Proof good = Bundle(21, kEntries);
  const v1::Proof other = Bundle(22, kEntries);
  v1::Proof bad = good;
  bad.set_format("waypost-audit-proof/2");
  ExpectInvalid(bad);
  bad = good;
  bad.set_name(other.name());
  ExpectInvalid(bad);
  bad = good;
  bad.set_index(22);
  bad.set_name("entries/22");
  ExpectInvalid(bad);
  bad = good;
  bad.set_tree_size(20);
  ExpectInvalid(bad);
  bad = good;
  bad.set_tree_size(~uint64_t{0});
  ExpectInvalid(bad);
  bad = good;
  bad.set_root_hash("");
  ExpectInvalid(bad);
  bad = good;
  *bad.mutable_path() = other.path();
  ExpectInvalid(bad);
  bad = good;
  bad.mutable_path()->RemoveLast();
  ExpectInvalid(bad);
  bad = good;
  for (int i = 0; i < 70; ++i) bad.add_path(std::string(32, 'x'));
  ExpectInvalid(bad);
  bad = good;
  bad.set_leaf(other.leaf());
  ExpectInvalid(bad);
  bad = good;
  bad.mutable_leaf()->at(0) = 2;
  ExpectInvalid(bad);
  bad = good;
  bad.set_record(other.record());
  ExpectInvalid(bad);
  bad = good;
  bad.set_nonce(other.nonce());
  ExpectInvalid(bad);
  bad = good;
  bad.clear_nonce();
  ExpectInvalid(bad);
  bad = good;
  bad.clear_record();
  ExpectInvalid(bad);
  ExpectInvalid(v1::Proof());
}

TEST_F(VerifyTest, AnEventUnderAnotherIdDoesNotOpenTheLeaf) {
  // The commitment covers the record; the id in the leaf must be that of the record too.
  v1::Proof bundle = Bundle(0, 1);
  std::string leaf = bundle.leaf();
  leaf.replace(1, 16, std::string(16, 'z'));
  bundle.set_leaf(leaf);
  bundle.set_root_hash(std::string(crypto::AsText(HashLeaf(leaf))));
  ExpectInvalid(bundle);
}

TEST_F(VerifyTest, AClosedBundleHoldsButOpensNothing) {
  v1::Proof bundle = Bundle(21, kEntries);
  bundle.clear_record();
  bundle.clear_nonce();
  EXPECT_TRUE(VerifyBundle(bundle).ok());
  EXPECT_EQ(error::ReasonOf(OpenBundle(bundle).status()), "PROOF_INVALID");
}

TEST_F(VerifyTest, AgainstATreeHead) {
  const v1::Proof bundle = Bundle(3, 30);
  v1::TreeHead head;
  head.set_tree_size(30);
  head.set_root_hash(bundle.root_hash());
  EXPECT_TRUE(VerifyBundleAgainst(bundle, head).ok());
  head.set_tree_size(31);
  EXPECT_FALSE(VerifyBundleAgainst(bundle, head).ok());
  head.set_tree_size(30);
  head.set_root_hash(Bundle(3, 31).root_hash());
  EXPECT_FALSE(VerifyBundleAgainst(bundle, head).ok());
}

TEST_F(VerifyTest, StrangeTextIsRefused) {
  const std::string json = BundleToJson(Bundle(1, 3)).value();
  EXPECT_TRUE(BundleFromJson(json).ok());
  EXPECT_FALSE(BundleFromJson(json + "x").ok());
  EXPECT_FALSE(BundleFromJson("").ok());
  EXPECT_FALSE(BundleFromJson("[]").ok());
  EXPECT_FALSE(BundleFromJson("{\"unknown\": 1}").ok());
  EXPECT_FALSE(BundleFromJson("{\"index\": \"-1\"}").ok());
  EXPECT_FALSE(BundleFromJson("{\"format\": \"\xff\"}").ok());
  EXPECT_FALSE(BundleFromJson(std::string(100'000, '[')).ok());
  EXPECT_FALSE(BundleFromJson(std::string(kMaxBundleBytes + 1, ' ')).ok());
  v1::Proof unknown;
  unknown.GetReflection()->MutableUnknownFields(&unknown)->AddVarint(99, 1);
  EXPECT_FALSE(BundleFromBinary(unknown.SerializeAsString()).ok());
  EXPECT_FALSE(BundleFromBinary(std::string(kMaxBundleBytes + 1, '\0')).ok());
}

TEST_F(VerifyTest, Growth) {
  const TileReader tiles = repository_.Tiles(*snapshot_);
  v1::ConsistencyProof proof;
  proof.set_first_size(20);
  proof.set_second_size(45);
  proof.set_first_root_hash(std::string(crypto::AsText(TreeRoot(tiles, 20).value())));
  proof.set_second_root_hash(std::string(crypto::AsText(TreeRoot(tiles, 45).value())));
  const std::vector<Hash> path = ConsistencyProof(tiles, 20, 45).value();
  for (const Hash& hash : path) proof.add_path(std::string(crypto::AsText(hash)));
  EXPECT_TRUE(VerifyGrowth(proof).ok());
  v1::ConsistencyProof bad = proof;
  bad.mutable_path(0)->at(0) ^= 1;
  EXPECT_FALSE(VerifyGrowth(bad).ok());
  bad = proof;
  bad.mutable_first_root_hash()->pop_back();
  EXPECT_FALSE(VerifyGrowth(bad).ok());
  bad = proof;
  bad.set_first_size(0);
  EXPECT_FALSE(VerifyGrowth(bad).ok());
}

}  // namespace
}  // namespace waypost::audit
