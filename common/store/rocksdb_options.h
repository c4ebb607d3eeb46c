// Internal to the RocksDB driver: how RocksDB is set up.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_

#include <memory>

#include "common/store/rocksdb_store.h"
#include "rocksdb/cache.h"
#include "rocksdb/options.h"

namespace waypost::store {

std::shared_ptr<rocksdb::Cache> MakeBlockCache(const RocksOptions& options);

// For the database and each of its families, which share `block_cache`. `env` is what the database uses.
rocksdb::Options MakeRocksOptions(const RocksOptions& options, rocksdb::Env* env,
                                  const std::shared_ptr<rocksdb::Cache>& block_cache);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_OPTIONS_H_
