// The store seam: ordered keys, snapshots, and transactions given as bodies. Small on purpose; every
// driver passes the same conformance suite (common/store/conformance.h).
#ifndef WAYPOST_COMMON_STORE_STORE_H_
#define WAYPOST_COMMON_STORE_STORE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace waypost::store {

// Limits that every driver enforces: over one, Put fails the transaction with INVALID_ARGUMENT.
inline constexpr size_t kMaxKeyBytes = 4 * 1024;
inline constexpr size_t kMaxValueBytes = 8 * 1024 * 1024;
inline constexpr size_t kMaxWritesPerTransaction = 10'000;
// Sum of the keys and values of one transaction.
inline constexpr size_t kMaxTransactionBytes = 64 * 1024 * 1024;

// [begin, end) in bytewise order. An empty `end` means no upper bound.
struct KeyRange {
  std::string begin;
  std::string end;
};

// A walk over a range, in key order. Not thread-safe. Of a Writer's Scan, it does not survive the next
// Put or Delete on that Writer: using it afterwards is a programming error. Views are valid until Next.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  // REQUIRES: Valid().
  virtual void Next() = 0;
  // Moves to the first row of the range at or after `key`, forward or back: a leap costs less than a new
  // walk.
  virtual void Seek(std::string_view key) = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Not OK when the walk ended early because of an error. Check it once Valid() is false.
  virtual absl::Status status() const = 0;
};

// A consistent view. A snapshot's Reader may be used from any one thread at a time; it should live for
// seconds at most, since it holds back compaction.
class Reader {
 public:
  virtual ~Reader() = default;
  // nullopt when there is no such key.
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const = 0;
  // The same of each key, in their order; one that cannot be read fails all. A driver may read them together
  // for less than one by one.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      std::span<const std::string> keys) const;
  virtual std::unique_ptr<Cursor> Scan(const KeyRange& range) const = 0;
};

// What a transaction body sees: everything committed before it, and its own writes.
class Writer : public Reader {
 public:
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
};

// May run more than once; does no I/O, keeps no state between runs, takes microseconds. A status other
// than OK leaves no trace of it in the store.
using Body = absl::AnyInvocable<absl::Status(Writer&)>;

// Called exactly once, on a thread of the store. Short and non-blocking.
using Done = absl::AnyInvocable<void(absl::Status) &&>;

// Thread-safe. Transactions are serializable.
class Store {
 public:
  virtual ~Store() = default;

  virtual absl::StatusOr<std::unique_ptr<Reader>> Snapshot() const = 0;

  // Runs `body` and, if it returns OK, makes its writes durable together; then calls `done`:
  //   OK                   its writes are on disk and visible to every later Snapshot;
  //   the body's status    nothing was written;
  //   RESOURCE_EXHAUSTED   too many transactions are waiting, or the disk is full; nothing was written;
  //   UNAVAILABLE          the store has failed and will not recover in this process; whether the writes
  //                        are on disk is known after a restart.
  virtual void Transact(Body body, Done done) = 0;
};

// Runs a transaction and waits for it. For start-up, tools and tests; never on a gRPC thread.
absl::Status TransactAndWait(Store& store, Body body);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_STORE_H_
