// Internal to the drivers: the bounded queue of transactions before the writer thread, and the thread that
// answers them after it.
#ifndef WAYPOST_COMMON_STORE_WRITE_QUEUE_H_
#define WAYPOST_COMMON_STORE_WRITE_QUEUE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"

namespace waypost::store {

// One call of Transact on its way. Allocated by the caller's thread and freed by the answering one, so that
// the writer thread between them neither allocates nor moves anything.
struct Transaction {
  Transaction* next = nullptr;
  Store* store = nullptr;  // the part that it was given to
  Body body;
  Done done;
  absl::Status status;
};

// First in, first out; owns its elements. Not thread-safe.
class TransactionList {
 public:
  TransactionList() = default;
  TransactionList(TransactionList&& other) noexcept { Append(std::move(other)); }
  TransactionList& operator=(TransactionList&&) = delete;
  ~TransactionList();

  bool empty() const { return head_ == nullptr; }
  size_t size() const { return size_; }
  void PushBack(std::unique_ptr<Transaction> transaction);
  // REQUIRES: !empty().
  std::unique_ptr<Transaction> PopFront();
  // Constant time.
  void Append(TransactionList&& other);

  template <typename Visit>
  void ForEach(Visit visit) {
    for (Transaction* at = head_; at != nullptr; at = at->next) visit(*at);
  }

 private:
  Transaction* head_ = nullptr;
  Transaction* tail_ = nullptr;
  size_t size_ = 0;
};

// Many producers, one consumer. A producer makes a system call only when the consumer sleeps.
class WriteQueue {
 public:
  enum class Refusal { kNone, kFull, kClosed };

  explicit WriteQueue(size_t limit) : limit_(limit) {}

  // Takes `transaction` unless it returns a refusal. Thread-safe.
  Refusal Push(std::unique_ptr<Transaction>& transaction);

  // For the consumer: appends all that waits to `backlog`, which holds what it took before and did not run
  // yet. What is in it now counts against the limit until the next Take. Sleeps while both are empty, unless
  // woken. False once closed and both are empty.
  bool Take(TransactionList& backlog);

  // Makes one Take return although there is nothing to take. Thread-safe.
  void Wake();

  // From now on Push refuses; Take hands out what is left.
  void Close();

  // Transactions waiting or running, roughly. Thread-safe.
  size_t depth() const;

 private:
  const size_t limit_;
  mutable absl::Mutex mutex_;
  absl::CondVar wake_;
  TransactionList waiting_ ABSL_GUARDED_BY(mutex_);
  size_t backlog_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

// Calls every `done` with its transaction's status, in the order given, on a thread of its own.
class Completions {
 public:
  Completions() : thread_([this] { Run(); }) {}
  // Answers what was posted, then ends.
  ~Completions();

  using After = absl::AnyInvocable<void() &&>;

  // Answers `list`, then calls `after` if there is one. Waits while kGroupsMax are unanswered. Never call it
  // from a `done`.
  void PostGroup(TransactionList list, After after = nullptr);
  // Answers one at once that was never queued. Does not wait. Thread-safe.
  void PostRefused(std::unique_ptr<Transaction> transaction);

 private:
  static constexpr size_t kGroupsMax = 16;
  struct Item {
    TransactionList list;
    After after;
    bool group;
  };

  void Run();
  void Post(Item item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return groups_ < kGroupsMax; }

  absl::Mutex mutex_;
  absl::CondVar wake_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t groups_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_WRITE_QUEUE_H_
