#include "common/store/rocksdb_store.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "common/base/status_macros.h"
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
  Part(Node& node, size_t index, rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family)
      : node_(node), index_(index), family_(family), newest_(db, family) {}

  absl::StatusOr<std::unique_ptr<Reader>> Snapshot() const override;
  void Transact(Body body, Done done) override;

 private:
  friend class Node;

  Node& node_;
  const size_t index_;
  rocksdb::ColumnFamilyHandle* const family_;
  const RocksReader newest_;
  Overlay overlay_;  // the writer thread's
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
  void Enqueue(size_t part, Body body, Done done);

 private:
  // On the writer thread only, down to AnswerAllFailed.
  void RunWriter();
  // Runs bodies from the front of `backlog` up to a bound, each into its part's overlay.
  TransactionList RunBodies(TransactionList& backlog);
  // Moves the overlays into batch_ and empties them.
  void FillBatch();
  // Makes batch_ durable. DISK_FULL: nothing of it will ever be seen. UNAVAILABLE: the store has failed.
  absl::Status WriteBatch();
  bool HasRoom() const;
  // Brings RocksDB back to work after an error in it, onto a new log file if the old one was severed.
  rocksdb::Status Resume();
  // RocksDB begins a new log file when it is resumed only if some memtable holds a row: see to it.
  rocksdb::Status EnsureResumable();
  absl::Status Fail(const rocksdb::Status& why);
  void Count(const TransactionList& group, const absl::Status& written);
  void Answer(TransactionList group);
  // Answers `backlog` and all that waits UNAVAILABLE, then calls on_fatal.
  void AnswerAllFailed(TransactionList backlog);

  rocksdb::Status RewriteFiles();
  absl::Status WaitForSnapshotsBefore(uint64_t sequence) const;
  Part& own_part() { return *parts_.back(); }

  RocksOptions options_;
  const std::unique_ptr<RocksDatabase> database_;
  rocksdb::DB* const db_;
  std::vector<std::unique_ptr<Part>> parts_;  // as options_.parts, then the driver's own

  // The writer thread's.
  rocksdb::WriteBatch batch_;
  size_t group_bytes_ = 0;
  bool needs_resume_ = false;
  absl::Status fatal_;

  std::atomic<bool> failed_ = false;
  std::atomic<bool> disk_full_ = false;
  std::atomic<uint64_t> groups_ = 0;
  std::atomic<uint64_t> bodies_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> answered_disk_full_ = 0;

  WriteQueue queue_;
  Completions completions_;
  std::thread writer_;  // last: it uses the others
};

absl::StatusOr<std::unique_ptr<Reader>> Part::Snapshot() const {
  return node_.Snapshot(*this);
}

void Part::Transact(Body body, Done done) {
  node_.Enqueue(index_, std::move(body), std::move(done));
}

Node::Node(RocksOptions options, std::unique_ptr<RocksDatabase> database)
    : options_(std::move(options)),
      database_(std::move(database)),
      db_(database_->db()),
      queue_(options_.queue_max) {
  std::vector<std::string> names = options_.parts;
  names.push_back(rocksdb::kDefaultColumnFamilyName);
  for (const std::string& name : names) {
    parts_.push_back(std::make_unique<Part>(*this, parts_.size(), db_, database_->Family(name)));
  }
  writer_ = std::thread([this] { RunWriter(); });
}

Node::~Node() {
  queue_.Close();
  writer_.join();
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
  return RocksReader::OfSnapshot(db_, part.family_);
}

void Node::Enqueue(size_t part, Body body, Done done) {
  auto transaction = std::make_unique<Transaction>();
  transaction->part = part;
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
  TransactionList backlog;
  while (queue_.Take(backlog)) {
    const auto run_start = SteadyClock::now();
    TransactionList group = RunBodies(backlog);
    FillBatch();
    const auto write_start = SteadyClock::now();
    const bool writes = batch_.Count() > 0;
    const absl::Status written = writes ? WriteBatch() : absl::OkStatus();
    const auto write_end = writes ? SteadyClock::now() : write_start;
    if (failed_) {
      group.Append(std::move(backlog));
      AnswerAllFailed(std::move(group));
      return;
    }
    if (!written.ok()) {
      // The failed ones too: they may have read what was not written.
      group.ForEach([&](Transaction& transaction) { transaction.status = written; });
    }
    Count(group, written);
    if (options_.observer != nullptr) {
      options_.observer->OnGroup(group.size(), group_bytes_, absl::FromChrono(write_start - run_start),
                                 absl::FromChrono(write_end - write_start));
    }
    Answer(std::move(group));
  }
}

TransactionList Node::RunBodies(TransactionList& backlog) {
  TransactionList group;
  group_bytes_ = 0;
  while (!backlog.empty() && group.size() < options_.group_bodies_max &&
         group_bytes_ < options_.group_bytes_max) {
    std::unique_ptr<Transaction> transaction = backlog.PopFront();
    Part& part = *parts_[transaction->part];
    const size_t bytes_before = part.overlay_.bytes();
    transaction->status = RunBody(transaction->body, part.newest_, part.overlay_);
    group_bytes_ += part.overlay_.bytes() - bytes_before;
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
  needs_resume_ |= database_->events().TakeError();
  disk_full_ = !HasRoom();
  if (disk_full_) return error::DiskFull();
  rocksdb::Status status = needs_resume_ ? Resume() : rocksdb::Status::OK();
  if (status.ok()) status = EnsureResumable();
  if (status.ok()) {
    rocksdb::WriteOptions write;
    write.sync = !options_.testing_skip_sync;
    status = db_->Write(write, &batch_);
  }
  if (status.ok()) return absl::OkStatus();
  if (!status.IsNoSpace()) return Fail(status);
  const absl::Status dropped = database_->guard().DropUnsynced();
  if (!dropped.ok()) return Fail(rocksdb::Status::IOError(std::string(dropped.message())));
  needs_resume_ = true;
  disk_full_ = true;
  return error::DiskFull();
}

bool Node::HasRoom() const {
  uint64_t bytes = 0;
  const auto status = database_->guard().GetFreeSpace(options_.path, rocksdb::IOOptions(), &bytes, nullptr);
  return !status.ok() || bytes >= options_.free_bytes_min;
}

rocksdb::Status Node::Resume() {
  const rocksdb::Status status = db_->Resume();
  if (!status.ok()) return status;
  if (database_->guard().severed()) return rocksdb::Status::IOError("the log was not replaced");
  needs_resume_ = false;
  return status;
}

rocksdb::Status Node::EnsureResumable() {
  if (!database_->events().TakeOwnMemtableEmpty()) return rocksdb::Status::OK();
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  return db_->Put(write, own_part().family_, "in memory", "");
}

absl::Status Node::Fail(const rocksdb::Status& why) {
  failed_ = true;
  fatal_ = error::Unavailable("the store", why.ToString());
  return error::StoreFailed();
}

void Node::Count(const TransactionList& group, const absl::Status& written) {
  groups_.fetch_add(1, std::memory_order_relaxed);
  bodies_.fetch_add(group.size(), std::memory_order_relaxed);
  bytes_.fetch_add(group_bytes_, std::memory_order_relaxed);
  if (!written.ok()) answered_disk_full_.fetch_add(group.size(), std::memory_order_relaxed);
}

void Node::Answer(TransactionList group) {
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
  stats.approximate_table_bytes = database_->SumOfProperty(Properties::kTotalSstFilesSize);
  stats.approximate_memory_bytes =
      database_->SumOfProperty(Properties::kSizeAllMemTables) + database_->block_cache().GetUsage();
  return stats;
}

absl::Status Node::WaitForSnapshotsBefore(uint64_t sequence) const {
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(options_.purge_wait_max);
  while (true) {
    const uint64_t oldest =
        database_->Property(db_->DefaultColumnFamily(), Properties::kOldestSnapshotSequence);
    if (oldest == 0 || oldest >= sequence) return absl::OkStatus();
    if (SteadyClock::now() >= deadline)
      return error::Unavailable("the purge", "an old snapshot is still read");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

rocksdb::Status Node::RewriteFiles() {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  rocksdb::Status status = db_->Flush(flush, database_->families());
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  for (auto* family : database_->families()) {
    if (status.ok()) status = db_->CompactRange(compact, family, nullptr, nullptr);
  }
  // Deletes the files that are no longer needed before it returns.
  if (status.ok()) status = db_->DisableFileDeletions();
  if (status.ok()) status = db_->EnableFileDeletions(/*force=*/false);
  return status;
}

absl::Status Node::PurgeDeleted() {
  // A write of the driver's own, so that the flush begins a new log file and the old ones can go.
  WAYPOST_RETURN_IF_ERROR(TransactAndWait(own_part(), [](Writer& writer) {
    writer.Put("purged", "");
    return absl::OkStatus();
  }));
  WAYPOST_RETURN_IF_ERROR(WaitForSnapshotsBefore(db_->GetLatestSequenceNumber()));
  const rocksdb::Status status = RewriteFiles();
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) return error::DiskFull();
  return error::Unavailable("the purge", status.ToString());
}

absl::Status Node::Checkpoint(const std::string& path) {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(path);
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) return error::DiskFull();
  return error::Unavailable("the checkpoint", status.ToString());
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksNode>> RocksNode::Open(RocksOptions options) {
  WAYPOST_ASSIGN_OR_RETURN(std::unique_ptr<RocksDatabase> database, RocksDatabase::Open(options));
  return std::make_unique<Node>(std::move(options), std::move(database));
}

}  // namespace waypost::store
