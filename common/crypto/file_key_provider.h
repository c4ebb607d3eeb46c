// Wrapping keys in a folder of files.
//
//   lock                   held (flock) while the folder is changed
//   node-secret            the node's master secret; made once
//   wrapping-00000001.key  one a wrapping key
//   current                which key is current, and since when
//
// Every file is written whole under another name, synced, renamed and the folder synced, before anything uses
// it. Replicas on several machines share the folder, or are given a copy of it: then call Prepare, copy the
// folder to each, and only then Activate.
#ifndef WAYPOST_COMMON_CRYPTO_FILE_KEY_PROVIDER_H_
#define WAYPOST_COMMON_CRYPTO_FILE_KEY_PROVIDER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/crypto/key_provider.h"

namespace waypost::crypto {

// How old this process's view of the folder may be: what another process rotated or destroyed is seen here
// after that time. Well below kMinRetirement.
inline constexpr absl::Duration kMaxKeyViewAge = absl::Seconds(10);

// FAILED_PRECONDITION unless the two folders lie wholly apart, symbolic links resolved. Neither need exist.
absl::Status CheckFoldersApart(const std::string& key_dir, const std::string& data_dir);

class FileKeyProvider final : public KeyProvider {
 public:
  struct Options {
    std::string dir;
    // Checked to lie apart from `dir`. May be empty for a process that has no data folder.
    std::string data_dir = {};
    // Make the first keys when the folder is missing or empty. Give this only when the data folder is new
    // too: a node whose keys were lost must not start with others.
    bool create = false;
  };

  // FAILED_PRECONDITION when the folder or a file in it is readable or writable by others or belongs to
  // another user (root aside), lies within the data folder or around it, or has no keys and `create` is not
  // set. DATA_LOSS when a file is damaged. `clock` and `random` must outlive it.
  static absl::StatusOr<std::unique_ptr<FileKeyProvider>> Open(Options options, const base::Clock& clock,
                                                               base::Random& random);

  absl::StatusOr<std::shared_ptr<const WrappingKey>> Current() override;
  absl::StatusOr<std::shared_ptr<const WrappingKey>> Get(uint32_t id) override;
  absl::StatusOr<std::vector<KeyInfo>> List() override;
  absl::StatusOr<uint32_t> Rotate(absl::Time now) override;
  absl::Status Destroy(uint32_t id, absl::Time now) override;
  bool RotationDue(absl::Time now) override;
  uint64_t Generation() const override { return generation_.load(std::memory_order_acquire); }
  absl::StatusOr<SecretKey> NodeSecret(std::string_view purpose) override;

  // The two halves of Rotate. Activate: NOT_FOUND for no such key, FAILED_PRECONDITION for a retired one.
  absl::StatusOr<uint32_t> Prepare(absl::Time now);
  absl::Status Activate(uint32_t id, absl::Time now);

  // Reads the folder again now. Otherwise that happens when Current finds its view older than kMaxKeyViewAge,
  // or Get does not know an id. An error leaves the view as it was.
  absl::Status Refresh();

 private:
  using Keys = std::map<uint32_t, std::shared_ptr<const WrappingKey>>;

  FileKeyProvider(Options options, const base::Clock& clock, base::Random& random)
      : options_(std::move(options)), clock_(clock), random_(random) {}

  // Does nothing when there are keys. The folder's lock is held.
  absl::Status CreateFirstKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadIfOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<uint32_t> PrepareLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ActivateLocked(uint32_t id, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string PathOf(std::string_view name) const;

  const Options options_;
  const base::Clock& clock_;
  base::Random& random_;
  std::atomic<uint64_t> generation_{1};

  absl::Mutex mutex_;
  Keys keys_ ABSL_GUARDED_BY(mutex_);
  uint32_t current_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time current_since_ ABSL_GUARDED_BY(mutex_);
  absl::Time loaded_at_ ABSL_GUARDED_BY(mutex_);  // when the view was read
  absl::Time tried_at_ ABSL_GUARDED_BY(mutex_);   // when reading it was last tried
  std::unique_ptr<const SecretKey> node_master_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_FILE_KEY_PROVIDER_H_
