#include "services/audit/fsck.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "common/store/keys.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_limits.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/hash_tiles.h"
#include "waypost/audit/storage/v1/audit_storage.pb.h"

namespace waypost::audit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Rows = std::map<std::string, std::string>;

// A log whose rows are changed at will.
class FsckTest : public testing::Test {
 protected:
  explicit FsckTest(uint64_t entries = 300) {
    EXPECT_TRUE(AppendTo(store_, TestRecords(0, entries), kTestTime).ok());
    rows_ = RowsOf(store_);
  }

  void Put(const std::string& key, const std::string& value) {
    ASSERT_TRUE(store::TransactAndWait(store_, [&](store::Writer& writer) {
                  writer.Put(key, value);
                  return absl::OkStatus();
                }).ok());
  }
  void Delete(const std::string& key) {
    ASSERT_TRUE(store::TransactAndWait(store_, [&](store::Writer& writer) {
                  writer.Delete(key);
                  return absl::OkStatus();
                }).ok());
  }
  // The findings with the row at `key` flipped at one bit.
  std::vector<std::string> WithFlip(const std::string& key, size_t byte, int bit) {
    std::string value = rows_.at(key);
    value[byte] = static_cast<char>(value[byte] ^ (1 << bit));
    Put(key, value);
    auto findings = Findings();
    Put(key, rows_.at(key));
    return findings;
  }
  std::vector<std::string> Findings() {
    const auto report = Fsck(*SnapshotOf(store_), kTestLog);
    EXPECT_TRUE(report.ok()) << report.status();
    return report->findings;
  }

  const AuditKeys keys_{kTestLog};
  store::MemoryStore store_;
  Rows rows_;
};

TEST_F(FsckTest, ASoundLogHasNoFindings) {
  const auto report = Fsck(*SnapshotOf(store_), kTestLog);
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->sound());
  EXPECT_EQ(report->entries, 300u);
  EXPECT_EQ(report->root, AuditRepository(kTestLog).Tree(*SnapshotOf(store_))->root);
  EXPECT_TRUE(Fsck(*SnapshotOf(store_), "another")->sound());
}

TEST_F(FsckTest, NamesTheEntryWhoseRecordWasChanged) {
  const std::string key = keys_.Entry(123);
  const size_t record = rows_.at(key).find("ACCEPTED");
  ASSERT_NE(record, std::string::npos);
  EXPECT_THAT(WithFlip(key, record, 0),
              ElementsAre("entries/123: the record and the nonce do not open the leaf",
                          "indexes: not compared, since an entry is damaged"));
}

TEST_F(FsckTest, NamesTheEntryWhoseLeafWasChanged) {
  const std::string key = keys_.Entry(5);
  const size_t leaf = rows_.at(key).find(TestRecords(5, 1)[0].leaf);
  ASSERT_NE(leaf, std::string::npos);
  EXPECT_THAT(WithFlip(key, leaf + 20, 3),
              Contains("entries/5: the record and the nonce do not open the leaf"));
  EXPECT_THAT(WithFlip(key, leaf + 20, 3), testing::SizeIs(2));
}

TEST_F(FsckTest, NamesTheHashThatWasChanged) {
  EXPECT_THAT(WithFlip(TileKey(keys_.tiles(), 0, 3), 2 * 32 + 7, 1),
              ElementsAre("tile 0/3: hash 2 is not that of the entries from entries/50"));
  EXPECT_THAT(WithFlip(TileKey(keys_.tiles(), 1, 0), 4 * 32, 7),
              ElementsAre("tile 1/0: hash 4 is not that of the entries from entries/64"));
  EXPECT_THAT(WithFlip(TileKey(keys_.tiles(), 2, 0), 31, 0),
              ElementsAre("tile 2/0: hash 0 is not that of the entries from entries/0"));
}

TEST_F(FsckTest, NamesWhatIsMissing) {
  Delete(keys_.Entry(7));
  EXPECT_THAT(Findings(), ElementsAre("entries/7: is missing", HasSubstr("indexes: not compared")));
  Put(keys_.Entry(7), rows_.at(keys_.Entry(7)));
  Delete(keys_.Entry(299));
  EXPECT_THAT(Findings(), Contains("tree: has size 300, but there are 299 entries"));
  Put(keys_.Entry(299), rows_.at(keys_.Entry(299)));
  Delete(TileKey(keys_.tiles(), 0, 1));
  EXPECT_THAT(Findings(), testing::SizeIs(16));
  Put(TileKey(keys_.tiles(), 0, 1), rows_.at(TileKey(keys_.tiles(), 0, 1)));
  Delete(keys_.tree());
  EXPECT_THAT(Findings(), Contains("tree: has size 0, but there are 300 entries"));
  Put(keys_.tree(), rows_.at(keys_.tree()));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(FsckTest, FindsEveryRowThatIsMissing) {
  for (const auto& [key, value] : rows_) {
    Delete(key);
    EXPECT_FALSE(Findings().empty()) << base::ToHex(key);
    Put(key, value);
  }
}

TEST_F(FsckTest, FindsEveryRowTooMany) {
  const std::vector<std::pair<std::string, std::string>> extra = {
      {keys_.Entry(300), rows_.at(keys_.Entry(1))},
      {keys_.Event(std::string(16, 'e')), rows_.at(keys_.Event(TestEvent(3).event_id()))},
      {keys_.Revision("referrals/x", 1), rows_.at(keys_.Revision("referrals/r1", 1))},
      {keys_.List({"bodies/b9", ListBy::kAll, ""}), rows_.at(keys_.List({"bodies/b0", ListBy::kAll, ""}))},
      {TileKey(keys_.tiles(), 0, 40), rows_.at(TileKey(keys_.tiles(), 0, 1))},
      {TileKey(keys_.tiles(), 7, 0), std::string(32, 'h')},
      {store::KeyBuilder(keys_.tiles()).Text("x").Take(), ""},
      {store::KeyBuilder(keys_.entries()).Text("x").Take(), ""},
  };
  for (const auto& [key, value] : extra) {
    Put(key, value);
    EXPECT_FALSE(Findings().empty()) << base::ToHex(key);
    Delete(key);
  }
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(FsckTest, StopsNamingAtTheLimit) {
  for (uint64_t index = 0; index < 200; ++index) Put(keys_.Entry(index), "damaged");
  EXPECT_EQ(Findings().size(), kMaxFindings);
}

TEST_F(FsckTest, FindsARecordThatWasExchangedWithItsIndexes) {
  // Someone who rewrites a record, its nonce, its leaf and the leaf's hash still fails at the levels above.
  event::v1::Event forged = TestEvent(40);
  forged.set_state("DECLINED");
  const auto records = Prepare({Seal(forged)});
  storage::v1::EntryRow row;
  ASSERT_TRUE(row.ParseFromString(rows_.at(keys_.Entry(40))));
  row.set_leaf(records[0].leaf);
  *row.mutable_envelope() = Seal(forged);
  Put(keys_.Entry(40), row.SerializeAsString());
  std::string tile = rows_.at(TileKey(keys_.tiles(), 0, 2));
  tile.replace(8 * 32, 32, crypto::AsText(records[0].leaf_hash));
  Put(TileKey(keys_.tiles(), 0, 2), tile);
  EXPECT_THAT(Findings(), Contains(StartsWith("tile 1/0: hash 2")));
  EXPECT_THAT(Findings(), Contains("tree: the root is not that of the entries"));
}

// A small log, so that every bit of it can be flipped.
class EveryBit : public FsckTest {
 protected:
  EveryBit() : FsckTest(18) {}
};

// What the tree does not commit to, and nothing repeats: the outbox position, and times within their order.
bool SaysTheSame(std::string_view before, std::string_view after) {
  storage::v1::EntryRow a, b;
  return a.ParseFromArray(before.data(), static_cast<int>(before.size())) &&
         b.ParseFromArray(after.data(), static_cast<int>(after.size())) && a.leaf() == b.leaf() &&
         a.format_version() == b.format_version() && a.envelope().event() == b.envelope().event() &&
         a.envelope().nonce() == b.envelope().nonce();
}

TEST_F(EveryBit, IsFoundWhereverItFlips) {
  const google::protobuf::LogSilencer quiet;  // flips make texts that are not UTF-8
  const std::string entries = keys_.entries();
  uint64_t flips = 0;
  for (const auto& [key, value] : rows_) {
    for (size_t byte = 0; byte < value.size(); ++byte) {
      const int bit = static_cast<int>((byte + key.size()) % 8);
      std::string flipped = value;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      if (key.compare(0, entries.size(), entries) == 0 && SaysTheSame(value, flipped)) continue;
      ++flips;
      ASSERT_FALSE(WithFlip(key, byte, bit).empty())
          << base::ToHex(key) << " byte " << byte << " bit " << bit;
    }
  }
  EXPECT_GT(flips, 5000u);
}

}  // namespace
}  // namespace waypost::audit
