// Internal to the RocksDB driver: how RocksDB is set up.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_

#include <cstddef>
#include <memory>

#include "common/store/rocksdb_store.h"
#include "rocksdb/cache.h"
#include "rocksdb/options.h"

namespace waypost::store {

// What a database keeps in memory of its files.
struct RocksCaches {
  std::shared_ptr<rocksdb::Cache> blocks;
  // Of single reads: to find a row in its block costs more than the rest of reading it.
  std::shared_ptr<rocksdb::Cache> rows;

  size_t Bytes() const { return blocks->GetUsage() + rows->GetUsage(); }
};

RocksCaches MakeCaches(const RocksOptions& options);

// For the database and each of its families, which share the caches. `env` is what the database uses.
rocksdb::Options MakeRocksOptions(const RocksOptions& options, rocksdb::Env* env, const RocksCaches& caches);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_
