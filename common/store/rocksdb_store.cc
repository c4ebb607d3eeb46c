#include "common/store/rocksdb_store.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/thread_name.h"
#include "common/status/errors.h"
#include "common/store/overlay.h"
#include "common/store/rocksdb_database.h"
#include "common/store/rocksdb_reader.h"
#include "common/store/write_queue.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"

namespace waypost::store {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Properties = rocksdb::DB::Properties;

// A larger batch gives its memory back.
constexpr size_t kBatchBytesKept = 8 * 1024 * 1024;

class Node;

// One part: a column family as a Store.
class Part final : public Store {
 public:
  Part(Node& node, std::string name) : node_(node), name_(std::move(name)) {}

  absl::StatusOr<std::unique_ptr<Reader>> Snapshot() const override;
  void Transact(Body body, Done done) override;

 private:
  friend class Node;

  Node& node_;
  const std::string name_;
  // The writer thread's.
  rocksdb::ColumnFamilyHandle* family_ = nullptr;
  std::optional<RocksReader> newest_;
  Overlay overlay_;
};

class Node final : public RocksNode {
 public:
  Node(RocksOptions options, std::unique_ptr<RocksDatabase> database);
  ~Node() override;

  Store& store(std::string_view part) override;
  RocksStats Stats() const override;
  absl::Status PurgeDeleted() override;
  absl::Status Checkpoint(const std::string& path) override;

  absl::StatusOr<std::unique_ptr<Reader>> Snapshot(const Part& part) const;
  void Enqueue(Part& part, Body body, Done done);

 private:
  // Null while it is being reopened.
  std::shared_ptr<RocksDatabase> database() const {
    const absl::MutexLock lock(&mutex_);
    return database_;
  }

  // On the writer thread only, down to AnswerAllFailed.
  void RunWriter();
  // Whether a group may be written now: OK; DISK_FULL; or the store has failed. Reopens the database first
  // when the disk has been full and has room again.
  absl::Status PrepareToWrite();
  rocksdb::Env& env() const;
  bool HasFree(uint64_t bytes) const;
  // What opening the database may take.
  uint64_t RecoveryBytes() const { return options_.write_buffer_bytes + options_.wal_bytes_max; }
  // Whether that much can really be written, whatever HasFree says: a quota, for one, it does not know of.
  rocksdb::IOStatus ProbeRoom() const;
  absl::Status Reopen();
  // Once its readers have left. DISK_FULL: they stay, and so does the database.
  absl::Status CloseDatabase();
  void Use(std::shared_ptr<RocksDatabase> database);
  // Runs bodies from the front of `backlog` up to a bound, each into its part's overlay.
  TransactionList RunBodies(TransactionList& backlog);
  // Moves the overlays into batch_ and empties them.
  void FillBatch();
  // Makes batch_ durable. DISK_FULL: nothing of it will ever be seen.
  absl::Status WriteBatch();
  absl::Status Fail(const rocksdb::Status& why);
  void Finish(TransactionList group, const absl::Status& written);
  // Answers `backlog` and all that waits UNAVAILABLE, then calls on_fatal.
  void AnswerAllFailed(TransactionList backlog);

  static rocksdb::Status RewriteFiles(const RocksDatabase& database);
  absl::Status WaitForSnapshotsBefore(uint64_t sequence, const RocksDatabase& database) const;

  RocksOptions options_;
  std::vector<std::unique_ptr<Part>> parts_;  // as options_.parts, then the driver's own
  WriteQueue queue_;                          // the database wakes it: it outlives that

  mutable absl::Mutex mutex_;
  std::shared_ptr<RocksDatabase> database_ ABSL_GUARDED_BY(mutex_);

  // The writer thread's.
  RocksDatabase* open_ = nullptr;  // database_
  bool needs_reopen_ = false;
  uint64_t next_probe_ns_ = 0;  // of the environment's clock
  rocksdb::WriteBatch batch_;
  size_t group_bytes_ = 0;
  absl::Status fatal_;

  std::atomic<bool> failed_ = false;
  std::atomic<bool> disk_full_ = false;
  std::atomic<uint64_t> groups_ = 0;
  std::atomic<uint64_t> bodies_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> answered_disk_full_ = 0;

  Completions completions_;
  std::thread writer_;  // last: it uses the others
};

absl::StatusOr<std::unique_ptr<Reader>> Part::Snapshot() const {
  return node_.Snapshot(*this);
}

void Part::Transact(Body body, Done done) {
  node_.Enqueue(*this, std::move(body), std::move(done));
}

Node::Node(RocksOptions options, std::unique_ptr<RocksDatabase> database)
    : options_(std::move(options)), queue_(options_.queue_max) {
  for (const std::string& name : options_.parts) parts_.push_back(std::make_unique<Part>(*this, name));
  parts_.push_back(std::make_unique<Part>(*this, rocksdb::kDefaultColumnFamilyName));
  Use(std::move(database));
  writer_ = std::thread([this] { RunWriter(); });
}

Node::~Node() {
  queue_.Close();
  writer_.join();
}

void Node::Use(std::shared_ptr<RocksDatabase> database) {
  open_ = database.get();
  open_->disk_error().TellOfFailures([this] { queue_.Wake(); });
  for (const auto& part : parts_) {
    part->family_ = open_->Family(part->name_);
    part->newest_.emplace(open_->db(), part->family_, open_->disk_error());
  }
  const absl::MutexLock lock(&mutex_);
  database_ = std::move(database);
}

Store& Node::store(std::string_view part) {
  for (size_t i = 0; i < options_.parts.size(); ++i) {
    if (options_.parts[i] == part) return *parts_[i];
  }
  std::fprintf(stderr, "store: no part '%.*s' was named at Open\n", static_cast<int>(part.size()),
               part.data());
  std::abort();
}

absl::StatusOr<std::unique_ptr<Reader>> Node::Snapshot(const Part& part) const {
  if (failed_.load(std::memory_order_relaxed)) return error::StoreFailed();
  const std::shared_ptr<RocksDatabase> open = database();
  if (open == nullptr) return error::Unavailable("the store", "it is being reopened after its disk was full");
  return std::make_unique<RocksReader>(open, open->db(), open->Family(part.name_), open->disk_error());
}

void Node::Enqueue(Part& part, Body body, Done done) {
  auto transaction = std::make_unique<Transaction>();
  transaction->store = &part;
  transaction->body = std::move(body);
  transaction->done = std::move(done);
  const auto refusal = queue_.Push(transaction);
  if (refusal == WriteQueue::Refusal::kNone) return;
  if (refusal == WriteQueue::Refusal::kFull) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    transaction->status = error::Overloaded("writes");
  } else {
    transaction->status = error::StoreFailed();
  }
  completions_.PostRefused(std::move(transaction));
}

void Node::RunWriter() {
  base::NameThisThread("writer");
  TransactionList backlog;
  while (queue_.Take(backlog)) {
    const absl::Status ready = PrepareToWrite();
    const auto run_start = SteadyClock::now();
    TransactionList group = RunBodies(backlog);
    FillBatch();
    const auto write_start = SteadyClock::now();
    absl::Status written = open_ == nullptr ? ready : absl::OkStatus();
    if (batch_.Count() > 0) written = ready.ok() ? WriteBatch() : ready;
    if (failed_) {
      group.Append(std::move(backlog));
      AnswerAllFailed(std::move(group));
      return;
    }
    if (group.empty()) continue;
    if (options_.observer != nullptr) {
      options_.observer->OnGroup({.bodies = group.size(),
                                  .rows = batch_.Count(),
                                  .bytes = group_bytes_,
                                  .run_time = absl::FromChrono(write_start - run_start),
                                  .sync_time = absl::FromChrono(SteadyClock::now() - write_start)});
    }
    Finish(std::move(group), written);
  }
}

absl::Status Node::PrepareToWrite() {
  if (failed_) return error::StoreFailed();
  if (open_ != nullptr) {
    const rocksdb::Status met = open_->disk_error().Get();
    if (!met.ok() && !IsDiskFull(met)) return Fail(met);
    needs_reopen_ |= !met.ok();
  }
  absl::Status ready = HasFree(options_.free_bytes_min) ? absl::OkStatus() : error::DiskFull();
  if (ready.ok() && needs_reopen_) ready = Reopen();
  disk_full_ = !ready.ok();
  return ready;
}

rocksdb::Env& Node::env() const {
  return options_.env != nullptr ? *options_.env : *rocksdb::Env::Default();
}

bool Node::HasFree(uint64_t bytes) const {
  uint64_t free = 0;
  const auto status =
      env().GetFileSystem()->GetFreeSpace(options_.path, rocksdb::IOOptions(), &free, nullptr);
  return !status.ok() || free >= bytes;
}

rocksdb::IOStatus Node::ProbeRoom() const {
  const std::shared_ptr<rocksdb::FileSystem>& files = env().GetFileSystem();
  const std::string path = base::Cat(options_.path, "/room.probe");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = files->NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  const std::string zeros(64 * 1024, '\0');
  for (uint64_t written = 0; status.ok() && written < RecoveryBytes(); written += zeros.size()) {
    status = file->Append(zeros, rocksdb::IOOptions(), nullptr);
  }
  if (status.ok()) status = file->Sync(rocksdb::IOOptions(), nullptr);
  if (file != nullptr) file->Close(rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  files->DeleteFile(path, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  return status;
}

absl::Status Node::Reopen() {
  const uint64_t now_ns = env().GetSystemClock()->NowNanos();
  if (now_ns < next_probe_ns_ || !HasFree(RecoveryBytes())) return error::DiskFull();
  // Before the database is closed: once it is, there are no reads until it opens.
  WAYPOST_RETURN_IF_ERROR(CheckRoom(options_.path, *env().GetFileSystem()));
  const rocksdb::IOStatus probed = ProbeRoom();
  if (!probed.ok() && !IsDiskFull(probed)) return Fail(probed);
  next_probe_ns_ = now_ns + static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.probe_pause));
  if (!probed.ok()) return error::DiskFull();
  if (open_ != nullptr) WAYPOST_RETURN_IF_ERROR(CloseDatabase());
  auto database = RocksDatabase::Open(options_);
  if (absl::IsResourceExhausted(database.status())) return database.status();
  if (!database.ok()) return Fail(rocksdb::Status::IOError(std::string(database.status().message())));
  Use(*std::move(database));
  needs_reopen_ = false;
  next_probe_ns_ = 0;
  return absl::OkStatus();
}

absl::Status Node::CloseDatabase() {
  std::shared_ptr<RocksDatabase> closing;
  {
    const absl::MutexLock lock(&mutex_);
    closing.swap(database_);
  }
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(options_.readers_leave_max);
  while (closing.use_count() > 1 && SteadyClock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (closing.use_count() > 1) {
    Use(std::move(closing));
    next_probe_ns_ = 0;
    return error::DiskFull();
  }
  // The error goes with the database that met it; readers tell of theirs before they leave.
  const rocksdb::Status met = closing->disk_error().Get();
  if (!met.ok() && !IsDiskFull(met)) {
    Use(std::move(closing));
    return Fail(met);
  }
  open_ = nullptr;
  for (const auto& part : parts_) part->newest_.reset();
  return absl::OkStatus();
}

TransactionList Node::RunBodies(TransactionList& backlog) {
  TransactionList group;
  group_bytes_ = 0;
  while (!backlog.empty() && group.size() < options_.group_bodies_max &&
         group_bytes_ < options_.group_bytes_max) {
    std::unique_ptr<Transaction> transaction = backlog.PopFront();
    if (open_ != nullptr) {
      Part& part = static_cast<Part&>(*transaction->store);
      const size_t bytes_before = part.overlay_.bytes();
      transaction->status = RunBody(transaction->body, *part.newest_, part.overlay_);
      group_bytes_ += part.overlay_.bytes() - bytes_before;
    }
    group.PushBack(std::move(transaction));
  }
  return group;
}

void Node::FillBatch() {
  if (batch_.GetDataSize() > kBatchBytesKept) {
    batch_ = rocksdb::WriteBatch();
  } else {
    batch_.Clear();
  }
  for (const auto& part : parts_) {
    part->overlay_.ForEach([&](const Overlay::Entry& entry) {
      if (entry.state == Overlay::State::kPut) {
        batch_.Put(part->family_, ToSlice(entry.key), ToSlice(entry.value));
      } else {
        batch_.Delete(part->family_, ToSlice(entry.key));
      }
    });
    part->overlay_.Clear();
  }
}

absl::Status Node::WriteBatch() {
  rocksdb::WriteOptions write;
  write.sync = !options_.testing_skip_sync;
  const rocksdb::Status status = open_->db()->Write(write, &batch_);
  if (status.ok()) return absl::OkStatus();
  if (!IsDiskFull(status)) return Fail(status);
  const absl::Status dropped = open_->guard().DropUnsynced();
  if (!dropped.ok()) return Fail(rocksdb::Status::IOError(std::string(dropped.message())));
  needs_reopen_ = true;
  disk_full_ = true;
  return error::DiskFull();
}

absl::Status Node::Fail(const rocksdb::Status& why) {
  failed_ = true;
  fatal_ = error::Unavailable("the store", why.ToString());
  return error::StoreFailed();
}

void Node::Finish(TransactionList group, const absl::Status& written) {
  groups_.fetch_add(1, std::memory_order_relaxed);
  bodies_.fetch_add(group.size(), std::memory_order_relaxed);
  bytes_.fetch_add(group_bytes_, std::memory_order_relaxed);
  if (!written.ok()) {
    answered_disk_full_.fetch_add(group.size(), std::memory_order_relaxed);
    // The failed ones too: they may have read what was not written.
    group.ForEach([&](Transaction& transaction) { transaction.status = written; });
  }
  if (!options_.answer_on_writer) {
    completions_.PostGroup(std::move(group));
    return;
  }
  while (!group.empty()) {
    const std::unique_ptr<Transaction> transaction = group.PopFront();
    std::move(transaction->done)(std::move(transaction->status));
  }
}

void Node::AnswerAllFailed(TransactionList backlog) {
  queue_.Close();
  while (queue_.Take(backlog)) {
    backlog.ForEach([](Transaction& transaction) { transaction.status = error::StoreFailed(); });
    completions_.PostGroup(std::move(backlog));
  }
  completions_.PostGroup({}, [this] {
    if (options_.on_fatal) options_.on_fatal(fatal_);
  });
}

RocksStats Node::Stats() const {
  RocksStats stats;
  stats.groups = groups_.load(std::memory_order_relaxed);
  stats.bodies = bodies_.load(std::memory_order_relaxed);
  stats.bytes = bytes_.load(std::memory_order_relaxed);
  stats.refused = refused_.load(std::memory_order_relaxed);
  stats.disk_full = answered_disk_full_.load(std::memory_order_relaxed);
  stats.disk_is_full = disk_full_.load(std::memory_order_relaxed);
  stats.failed = failed_.load(std::memory_order_relaxed);
  stats.queue_depth = queue_.depth();
  if (const std::shared_ptr<RocksDatabase> open = database(); open != nullptr) {
    stats.approximate_table_bytes = open->SumOfProperty(Properties::kTotalSstFilesSize);
    stats.approximate_memory_bytes =
        open->SumOfProperty(Properties::kSizeAllMemTables) + open->caches().Bytes();
  }
  return stats;
}

absl::Status Node::WaitForSnapshotsBefore(uint64_t sequence, const RocksDatabase& database) const {
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(options_.purge_wait_max);
  while (true) {
    const uint64_t oldest =
        database.Property(database.db()->DefaultColumnFamily(), Properties::kOldestSnapshotSequence);
    if (oldest == 0 || oldest >= sequence) return absl::OkStatus();
    if (SteadyClock::now() >= deadline)
      return error::Unavailable("the purge", "an old snapshot is still read");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

rocksdb::Status Node::RewriteFiles(const RocksDatabase& database) {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  rocksdb::Status status = database.db()->Flush(flush, database.families());
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (auto* family : database.families()) {
    if (status.ok()) status = database.db()->CompactRange(compact, family, nullptr, nullptr);
  }
  // Deletes the files that are no longer needed before it returns.
  if (status.ok()) status = database.db()->DisableFileDeletions();
  if (status.ok()) status = database.db()->EnableFileDeletions(/*force=*/false);
  return status;
}

absl::Status Node::PurgeDeleted() {
  // A write of the driver's own, so that the flush begins a new log file and the old ones can go.
  WAYPOST_RETURN_IF_ERROR(TransactAndWait(*parts_.back(), [](Writer& writer) {
    writer.Put("purged", "");
    return absl::OkStatus();
  }));
  const std::shared_ptr<RocksDatabase> open = database();
  if (open == nullptr) return error::DiskFull();
  WAYPOST_RETURN_IF_ERROR(WaitForSnapshotsBefore(open->db()->GetLatestSequenceNumber(), *open));
  const rocksdb::Status status = RewriteFiles(*open);
  if (status.ok()) return absl::OkStatus();
  if (IsDiskFull(status)) return error::DiskFull();
  return error::Unavailable("the purge", status.ToString());
}

absl::Status Node::Checkpoint(const std::string& path) {
  const std::shared_ptr<RocksDatabase> open = database();
  if (open == nullptr) return error::DiskFull();
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(open->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path);
  if (status.ok()) return absl::OkStatus();
  if (IsDiskFull(status)) return error::DiskFull();
  return error::Unavailable("the checkpoint", status.ToString());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksNode>> RocksNode::Open(RocksOptions options) {
  WAYPOST_ASSIGN_OR_RETURN(std::unique_ptr<RocksDatabase> database, RocksDatabase::Open(options));
  return std::make_unique<Node>(std::move(options), std::move(database));
}

}  // namespace waypost::store
