// A disk that loses power and goes wrong, for RocksDB to run on in tests.
//
// What it models, over real files of another FileSystem:
//   - Bytes appended and not synced may be lost at a power cut: any suffix of them, and what is left of them
//     may be damaged (pages written out of order).
//   - Creations, renames and deletions not followed by a sync of their directory may be lost: any suffix of
//     them, in order, as on a journaling file system. A sync of a file does not make its name durable.
//   - Faults: an append, sync, creation or read of chosen files fails, once or for ever; an append may leave
//     half of its bytes.
//   - A disk of limited room: an append beyond it leaves what fits and fails with NoSpace.
// What it does not model: damage to synced bytes, lost truncations, memory-mapped writes, the info LOG.
#ifndef WAYPOST_COMMON_STORE_TESTING_LOSSY_FILE_SYSTEM_H_
#define WAYPOST_COMMON_STORE_TESTING_LOSSY_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace waypost::store {

// Thread-safe, except ApplyPowerCut.
class LossyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Operation { kAppend, kSync, kCreate, kRead };

  struct Fault {
    Operation operation = Operation::kAppend;
    std::string name_has;   // part of the file's name: ".log" for the write-ahead log
    int skip = 0;           // so many matching operations succeed first
    bool for_ever = false;  // otherwise once
    bool partial = false;   // an append leaves half of its bytes
    rocksdb::IOStatus status = rocksdb::IOStatus::IOError("injected");
    std::function<void()> before = nullptr;  // called before it fails, if there is one
  };

  // `graveyard`: an existing folder outside the database, on the same file system, for deleted files that a
  // power cut may bring back.
  LossyFileSystem(std::shared_ptr<rocksdb::FileSystem> base, std::string graveyard);

  static const char* kClassName() { return "LossyFileSystem"; }
  const char* Name() const override { return kClassName(); }

  void Inject(Fault fault);
  void ClearFaults();
  // How many injected faults have failed something.
  int faults_hit() const;
  // Room left on the disk from now on; nullopt: as much as the real one has. Deleting and truncating
  // add what was written through this object.
  void SetFreeBytes(std::optional<uint64_t> bytes);

  // The power goes after so many more changes: from then on every change fails and leaves nothing.
  void CutPowerAfter(uint64_t changes);
  bool power_is_off() const;
  // Changes so far.
  uint64_t changes() const;

  // Makes the files what a power cut leaves of them; `seed` chooses among what is possible. REQUIRES:
  // power_is_off(), and everything that used this file system is closed.
  void ApplyPowerCut(uint64_t seed);

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options, uint64_t* bytes,
                                 rocksdb::IODebugContext* debug) override;

 private:
  friend class LossyFile;
  friend class LossyRandomReader;
  friend class LossySequentialReader;
  friend class LossyDirectory;

  struct FileState {
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  // One change of a directory that is not yet durable, and how to undo it.
  struct DirectoryChange {
    enum class Kind { kCreate, kRename, kDelete } kind;
    std::string path;                    // kRename: the new name
    std::string from;                    // kRename
    std::string backup;                  // what was at `path` before, if anything
    std::optional<FileState> old_state;  // of what was at `path`
  };

  // Decides on one change before it is made: the power, then the faults.
  rocksdb::IOStatus Admit(Operation operation, const std::string& path, bool* partial);
  rocksdb::IOStatus AdmitName(const std::string& path);
  // The faults alone; of reads, which need no power to leave the disk as it is.
  rocksdb::IOStatus Fail(Operation operation, const std::string& path, bool* partial);
  // How many of `bytes` fit on the disk; takes them.
  uint64_t TakeRoom(uint64_t bytes);
  void OnAppended(const std::string& path, uint64_t bytes);
  void OnSynced(const std::string& path);
  void OnTruncated(const std::string& path, uint64_t size);
  void OnDirectorySynced(const std::string& directory);
  std::string Backup(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Undo(const DirectoryChange& change);

  const std::string graveyard_;
  mutable absl::Mutex mutex_;
  std::map<std::string, FileState> files_ ABSL_GUARDED_BY(mutex_);
  std::vector<DirectoryChange> pending_ ABSL_GUARDED_BY(mutex_);
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> free_bytes_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> changes_left_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t backups_ ABSL_GUARDED_BY(mutex_) = 0;
  int faults_hit_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_TESTING_LOSSY_FILE_SYSTEM_H_
