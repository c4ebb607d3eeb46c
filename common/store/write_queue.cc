#include "common/store/write_queue.h"

#include <utility>

#include "common/base/thread_name.h"

namespace waypost::store {

TransactionList::~TransactionList() {
  while (!empty()) PopFront();
}

void TransactionList::PushBack(std::unique_ptr<Transaction> transaction) {
  Transaction* const last = transaction.release();
  last->next = nullptr;
  (head_ == nullptr ? head_ : tail_->next) = last;
  tail_ = last;
  ++size_;
}

std::unique_ptr<Transaction> TransactionList::PopFront() {
  std::unique_ptr<Transaction> first(head_);
  head_ = first->next;
  if (head_ == nullptr) tail_ = nullptr;
  --size_;
  return first;
}

void TransactionList::Append(TransactionList&& other) {
  if (other.empty()) return;
  (head_ == nullptr ? head_ : tail_->next) = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  size_ += std::exchange(other.size_, 0);
}

WriteQueue::Refusal WriteQueue::Push(std::unique_ptr<Transaction>& transaction) {
  const absl::MutexLock lock(&mutex_);
  if (closed_) return Refusal::kClosed;
  if (waiting_.size() + backlog_ >= limit_) return Refusal::kFull;
  waiting_.PushBack(std::move(transaction));
  if (sleeping_) {
    sleeping_ = false;
    wake_.Signal();
  }
  return Refusal::kNone;
}

bool WriteQueue::Take(TransactionList& backlog) {
  const absl::MutexLock lock(&mutex_);
  while (backlog.empty() && waiting_.empty() && !closed_ && !woken_) {
    backlog_ = 0;
    sleeping_ = true;
    wake_.Wait(&mutex_);
  }
  sleeping_ = false;
  backlog.Append(std::move(waiting_));
  backlog_ = backlog.size();
  return std::exchange(woken_, false) || !backlog.empty();
}

void WriteQueue::Wake() {
  const absl::MutexLock lock(&mutex_);
  woken_ = true;
  if (sleeping_) {
    sleeping_ = false;
    wake_.Signal();
  }
}

void WriteQueue::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
  wake_.Signal();
}

size_t WriteQueue::depth() const {
  const absl::MutexLock lock(&mutex_);
  return waiting_.size() + backlog_;
}

Completions::~Completions() {
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
    wake_.Signal();
  }
  thread_.join();
}

void Completions::Post(Item item) {
  items_.push_back(std::move(item));
  if (sleeping_) {
    sleeping_ = false;
    wake_.Signal();
  }
}

void Completions::PostGroup(TransactionList list, After after) {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &Completions::HasRoom));
  ++groups_;
  Post(Item{std::move(list), std::move(after), true});
}

void Completions::PostRefused(std::unique_ptr<Transaction> transaction) {
  Item item{{}, nullptr, false};
  item.list.PushBack(std::move(transaction));
  const absl::MutexLock lock(&mutex_);
  Post(std::move(item));
}

void Completions::Run() {
  base::NameThisThread("completions");
  std::deque<Item> items;
  size_t groups_answered = 0;
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      groups_ -= std::exchange(groups_answered, 0);
      while (items_.empty() && !closed_) {
        sleeping_ = true;
        wake_.Wait(&mutex_);
      }
      sleeping_ = false;
      if (items_.empty()) return;
      items.swap(items_);
    }
    for (; !items.empty(); items.pop_front()) {
      Item& item = items.front();
      while (!item.list.empty()) {
        const std::unique_ptr<Transaction> transaction = item.list.PopFront();
        std::move(transaction->done)(std::move(transaction->status));
      }
      if (item.after) std::move(item.after)();
      if (item.group) ++groups_answered;
    }
  }
}

}  // namespace waypost::store
