// Internal to the RocksDB driver: tells a torn tail of the write-ahead log from a hole in it.
//
// The driver writes a group only after the one before it was synced and acknowledged. So what a crash can
// damage is the last group, which was not acknowledged: a torn tail, which is cut off. A damaged place with
// a whole group after it can only be acknowledged data that went bad on the disk: a hole. RocksDB's own
// recovery modes either drop everything after a hole without a word or refuse a torn tail too.
#ifndef WAYPOST_COMMON_STORE_WAL_CHECK_H_
#define WAYPOST_COMMON_STORE_WAL_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "rocksdb/file_system.h"

namespace waypost::store {

// Reads every log file in `folder`, at some hundred MB/s. DATA_LOSS when there is a hole; nothing was
// changed then. Otherwise OK, and a torn tail has been cut off durably. Damage to the very last group cannot
// be told from a torn tail. REQUIRES: nobody has the database open.
absl::Status CheckWal(rocksdb::FileSystem& files, const std::string& folder);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_WAL_CHECK_H_
