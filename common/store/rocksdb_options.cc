#include "common/store/rocksdb_options.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"

namespace waypost::store {
namespace {

constexpr size_t kMebibyte = 1024 * 1024;

rocksdb::CompressionType BestCompression() {
  const auto linked = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::find(linked.begin(), linked.end(), rocksdb::kLZ4Compression) != linked.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

void SetDurability(rocksdb::Options& db) {
  // A torn tail is a group that was never acknowledged: recovery stops there. Damage before the tail is
  // found before the database is opened (wal_check.h), since this mode would silently drop what follows it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.recycle_log_file_num = 0;  // a reused log would hold old records after the tail
  db.manual_wal_flush = false;
  db.avoid_flush_during_shutdown = true;  // the log has it
  db.paranoid_checks = true;
  db.wal_bytes_per_sync = 0;  // every group is synced as a whole
  db.bytes_per_sync = kMebibyte;
}

// Rows of one kind mostly come in the order of their ids or positions: an insertion that begins where the
// last one of its kind ended finds its place at once. A kind is what keys begin with, a text (keys.h).
class KindOfKey final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "WaypostKindOfKey"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    const auto* end = static_cast<const char*>(std::memchr(key.data(), '\0', key.size()));
    return {key.data(), end == nullptr ? key.size() : static_cast<size_t>(end - key.data())};
  }
  bool InDomain(const rocksdb::Slice& key) const override { return !key.empty(); }
};

// The memory of an idle node is to stay below 80 MB and that of a loaded one below 400 MB.
void SetMemory(rocksdb::Options& db, const RocksOptions& options, const RocksCaches& caches) {
  db.db_write_buffer_size = options.write_buffer_bytes;
  // Large, so that what lives for seconds only, as the rows of an outbox do, is gone before it is ever
  // flushed.
  db.write_buffer_size = std::max(options.write_buffer_bytes / 3, kMebibyte);
  db.max_write_buffer_number = 4;
  db.arena_block_size = 256 * 1024;
  // Most reads of a body ask for a key that is not there (a request id, a new name): let the memtable say so.
  db.memtable_prefix_bloom_size_ratio = 0.02;
  db.memtable_whole_key_filtering = true;

  db.memtable_insert_with_hint_prefix_extractor = std::make_shared<const KindOfKey>();

  rocksdb::BlockBasedTableOptions table;
  db.row_cache = caches.rows;
  table.block_cache = caches.blocks;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 8 * 1024;
  table.format_version = 5;
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

void SetFiles(rocksdb::Options& db, const RocksOptions& options) {
  db.max_background_jobs = options.background_jobs_max;
  db.max_total_wal_size = options.wal_bytes_max;
  // The upper levels are rewritten often: compressing them cost more than a third of what compaction cost.
  db.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression, BestCompression()};
  db.level0_file_num_compaction_trigger = 8;
  db.level0_slowdown_writes_trigger = 24;
  db.level0_stop_writes_trigger = 40;
  db.level_compaction_dynamic_level_bytes = true;
  db.target_file_size_base = 32 * kMebibyte;
  db.max_bytes_for_level_base = 256 * kMebibyte;
  db.max_manifest_file_size = 4 * kMebibyte;
  db.avoid_unnecessary_blocking_io = true;
  db.skip_stats_update_on_db_open = true;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.max_log_file_size = 4 * kMebibyte;
  db.keep_log_file_num = 2;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
}

}  // namespace

RocksCaches MakeCaches(const RocksOptions& options) {
  constexpr int kShardBits = 4;
  return {.blocks = rocksdb::NewLRUCache(options.block_cache_bytes, kShardBits),
          .rows = rocksdb::NewLRUCache(options.row_cache_bytes, kShardBits)};
}

rocksdb::Options MakeRocksOptions(const RocksOptions& options, rocksdb::Env* env, const RocksCaches& caches) {
  rocksdb::Options db;
  db.env = env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  // One thread writes.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  SetDurability(db);
  SetMemory(db, options, caches);
  SetFiles(db, options);
  return db;
}

}  // namespace waypost::store
