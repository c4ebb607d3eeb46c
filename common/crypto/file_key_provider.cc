#include "common/crypto/file_key_provider.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/key_rules.h"
#include "common/crypto/private_file.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

constexpr std::string_view kNodeSecretName = "node-secret";
constexpr std::string_view kCurrentName = "current";
constexpr std::string_view kKeyPrefix = "wrapping-";
constexpr std::string_view kKeySuffix = ".key";
constexpr std::string_view kHeading = "waypost-key 1";
constexpr absl::Duration kLockPatience = absl::Seconds(5);
// A folder that cannot be read is retried this long before Current and Get fail; kMinRetirement is longer.
constexpr absl::Duration kMaxBlindness = absl::Minutes(5);

std::string KeyName(uint32_t id) {
  return absl::StrFormat("wrapping-%08u.key", id);
}

// The id in a key file's name; nullopt for any other name.
std::optional<uint32_t> IdInName(std::string_view name) {
  if (name.size() != kKeyPrefix.size() + 8 + kKeySuffix.size()) return std::nullopt;
  uint32_t id = 0;
  if (!absl::SimpleAtoi(base::ToAbsl(name.substr(kKeyPrefix.size(), 8)), &id) || id == 0) return std::nullopt;
  return KeyName(id) == name ? std::optional<uint32_t>(id) : std::nullopt;
}

// One file's content: what it holds, an id, an instant in microseconds of Unix time, and for keys the secret.
struct Entry {
  std::string kind = {};
  uint32_t id = 0;
  absl::Time at = {};
  std::optional<SecretKey> secret = {};
};

std::string Encode(const Entry& entry) {
  std::string lines =
      base::Cat(kHeading, "\nkind ", entry.kind, "\nid ", entry.id, "\nat ", absl::ToUnixMicros(entry.at),
                "\nsecret ", entry.secret.has_value() ? base::ToHex(entry.secret->bytes()) : "-", "\n");
  lines += base::Cat("check ", base::ToHex(Sha256(lines)), "\n");
  return lines;
}

absl::StatusOr<Entry> Decode(std::string_view content, std::string_view kind, const std::string& path) {
  const absl::Status damaged = error::DataLoss(base::Cat("key file '", path, "'"));
  const size_t check_at = content.rfind("check ");
  if (check_at == std::string_view::npos) return damaged;
  const std::string_view checked = content.substr(0, check_at);
  if (content.substr(check_at) != base::Cat("check ", base::ToHex(Sha256(checked)), "\n")) return damaged;
  const std::vector<absl::string_view> lines = absl::StrSplit(base::ToAbsl(checked), '\n');
  if (lines.size() != 6 || base::ToStd(lines[0]) != kHeading || !lines[5].empty()) return damaged;
  Entry entry{.kind = std::string(kind)};
  int64_t micros = 0;
  if (base::ToStd(lines[1]) != base::Cat("kind ", kind) || !absl::StartsWith(lines[2], "id ") ||
      !absl::SimpleAtoi(lines[2].substr(3), &entry.id) || !absl::StartsWith(lines[3], "at ") ||
      !absl::SimpleAtoi(lines[3].substr(3), &micros) || !absl::StartsWith(lines[4], "secret ")) {
    return damaged;
  }
  entry.at = absl::FromUnixMicros(micros);
  const absl::string_view hex = lines[4].substr(7);
  if (base::ToStd(hex) != "-") {
    std::string bytes = absl::HexStringToBytes(hex);
    absl::StatusOr<SecretKey> key = SecretKey::FromBytes(bytes);
    Wipe(bytes);
    if (!key.ok()) return damaged;
    entry.secret = *std::move(key);
  }
  return entry;
}

absl::StatusOr<Entry> ReadEntry(const std::string& path, std::string_view kind) {
  WAYPOST_ASSIGN_OR_RETURN(std::string content, ReadPrivateFile(path));
  absl::StatusOr<Entry> entry = Decode(content, kind, path);
  Wipe(content);
  return entry;
}

absl::Status WriteEntry(const std::string& dir, std::string_view name, const Entry& entry,
                        base::Random& random) {
  std::string content = Encode(entry);
  absl::Status status = WritePrivateFile(dir, name, content, IfExists::kReplace, random);
  Wipe(content);
  return status;
}

absl::Status KeysRefused(const std::string& dir, std::string_view why) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "KEY_FOLDER_REFUSED",
                     base::Cat("the key folder '", dir, "' ", why), {{"path", dir}});
}

// True when `inner` is `outer` or lies below it.
bool Within(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// Absolute, links resolved as far as the path exists, and without a trailing separator.
absl::StatusOr<std::filesystem::path> Resolved(const std::string& dir) {
  std::error_code error;
  std::filesystem::path path =
      std::filesystem::weakly_canonical(std::filesystem::absolute(dir, error), error);
  if (error || dir.empty()) return KeysRefused(dir, "or the data folder cannot be resolved");
  if (!path.has_filename()) path = path.parent_path();
  return path;
}

}  // namespace

absl::Status CheckFoldersApart(const std::string& key_dir, const std::string& data_dir) {
  WAYPOST_ASSIGN_OR_RETURN(const std::filesystem::path keys, Resolved(key_dir));
  WAYPOST_ASSIGN_OR_RETURN(const std::filesystem::path data, Resolved(data_dir));
  if (!Within(keys, data) && !Within(data, keys)) return absl::OkStatus();
  return KeysRefused(key_dir, base::Cat("and the data folder '", data_dir,
                                        "' must lie apart: a backup of the data must not hold its keys"));
}

absl::StatusOr<std::unique_ptr<FileKeyProvider>> FileKeyProvider::Open(Options options,
                                                                       const base::Clock& clock,
                                                                       base::Random& random) {
  if (!options.data_dir.empty()) WAYPOST_RETURN_IF_ERROR(CheckFoldersApart(options.dir, options.data_dir));
  if (!options.create && !std::filesystem::exists(options.dir)) {
    return KeysRefused(options.dir, "does not exist: restore it; without its keys the data cannot be read");
  }
  WAYPOST_RETURN_IF_ERROR(EnsurePrivateFolder(options.dir));
  std::unique_ptr<FileKeyProvider> provider(new FileKeyProvider(std::move(options), clock, random));
  const absl::MutexLock lock(&provider->mutex_);
  {
    WAYPOST_ASSIGN_OR_RETURN(const FolderLock folder_lock,
                             FolderLock::Take(provider->options_.dir, kLockPatience));
    WAYPOST_RETURN_IF_ERROR(DestroyTemporaries(provider->options_.dir));
    WAYPOST_RETURN_IF_ERROR(provider->CreateFirstKeys());
  }
  WAYPOST_ASSIGN_OR_RETURN(Entry node, ReadEntry(provider->PathOf(kNodeSecretName), "node"));
  if (!node.secret.has_value()) return error::DataLoss("the node secret");
  provider->node_master_ = std::make_unique<const SecretKey>(*std::move(node.secret));
  WAYPOST_RETURN_IF_ERROR(provider->Load());
  return provider;
}

std::string FileKeyProvider::PathOf(std::string_view name) const {
  return base::Cat(options_.dir, "/", name);
}

// `current` comes last: until it is there nothing was made with the keys, and a crash starts afresh.
absl::Status FileKeyProvider::CreateFirstKeys() {
  if (std::filesystem::exists(PathOf(kCurrentName))) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(options_.dir));
  for (const std::string& name : names) {
    if (name == "lock" || name == kNodeSecretName || name == KeyName(1)) continue;
    return KeysRefused(options_.dir,
                       base::Cat("has no file 'current' but holds '", name, "': restore it whole"));
  }
  if (!options_.create) return KeysRefused(options_.dir, "holds no keys: restore them");
  const absl::Time now = clock_.Now();
  WAYPOST_RETURN_IF_ERROR(WriteEntry(options_.dir, kNodeSecretName,
                                     {.kind = "node", .at = now, .secret = SecretKey::Generate(random_)},
                                     random_));
  WAYPOST_RETURN_IF_ERROR(
      WriteEntry(options_.dir, KeyName(1),
                 {.kind = "wrapping", .id = 1, .at = now, .secret = SecretKey::Generate(random_)}, random_));
  return WriteEntry(options_.dir, kCurrentName, {.kind = "current", .id = 1, .at = now}, random_);
}

absl::Status FileKeyProvider::Load() {
  WAYPOST_ASSIGN_OR_RETURN(const Entry current, ReadEntry(PathOf(kCurrentName), "current"));
  if (current.id < current_id_)
    return KeysRefused(options_.dir, "has gone back to an older key: restore it whole");
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(options_.dir));
  Keys keys;
  for (const std::string& name : names) {
    const std::optional<uint32_t> id = IdInName(name);
    if (!id.has_value()) continue;
    if (const auto known = keys_.find(*id); known != keys_.end()) {
      keys.insert(*known);
      continue;
    }
    absl::StatusOr<Entry> entry = ReadEntry(PathOf(name), "wrapping");
    if (entry.status().code() == absl::StatusCode::kNotFound) continue;  // destroyed since it was listed
    if (!entry.ok()) return entry.status();
    if (entry->id != *id || !entry->secret.has_value())
      return error::DataLoss(base::Cat("key file '", name, "'"));
    keys.emplace(*id, std::make_shared<const WrappingKey>(
                          WrappingKey{.id = *id, .created_at = entry->at, .key = *std::move(entry->secret)}));
  }
  if (keys.find(current.id) == keys.end()) return error::DataLoss(base::Cat("wrapping key ", current.id));
  const auto id_of = [](const Keys::value_type& entry) { return entry.first; };
  const bool changed = current.id != current_id_ || keys.size() != keys_.size() ||
                       !std::equal(keys.begin(), keys.end(), keys_.begin(),
                                   [id_of](const auto& a, const auto& b) { return id_of(a) == id_of(b); });
  keys_ = std::move(keys);
  current_id_ = current.id;
  current_since_ = current.at;
  loaded_at_ = clock_.Now();
  tried_at_ = loaded_at_;
  if (changed) generation_.fetch_add(1, std::memory_order_acq_rel);
  return absl::OkStatus();
}

absl::Status FileKeyProvider::LoadIfOld() {
  const absl::Time now = clock_.Now();
  if (now >= tried_at_ && now - tried_at_ <= kMaxKeyViewAge) return absl::OkStatus();
  tried_at_ = now;
  const absl::Status status = Load();
  if (status.ok() || now - loaded_at_ <= kMaxBlindness) return absl::OkStatus();
  tried_at_ = absl::InfinitePast();  // until it can be read, every call tries
  return error::Unavailable("the key folder", "it cannot be read");
}

absl::Status FileKeyProvider::Refresh() {
  const absl::MutexLock lock(&mutex_);
  return Load();
}

absl::StatusOr<std::shared_ptr<const WrappingKey>> FileKeyProvider::Current() {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_RETURN_IF_ERROR(LoadIfOld());
  return keys_.at(current_id_);
}

absl::StatusOr<std::shared_ptr<const WrappingKey>> FileKeyProvider::Get(uint32_t id) {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_RETURN_IF_ERROR(LoadIfOld());
  // Ids rise, so one that is not above those known here and not among them was destroyed.
  if (id > keys_.rbegin()->first) WAYPOST_RETURN_IF_ERROR(Load());
  const auto found = keys_.find(id);
  if (found == keys_.end()) return NoSuchKey(id);
  return found->second;
}

absl::StatusOr<std::vector<KeyInfo>> FileKeyProvider::List() {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_RETURN_IF_ERROR(LoadIfOld());
  return InfoOf(keys_, current_id_);
}

absl::StatusOr<uint32_t> FileKeyProvider::PrepareLocked(absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(Load());
  WAYPOST_RETURN_IF_ERROR(CheckRoomForKey(keys_.size()));
  const uint32_t id = keys_.rbegin()->first + 1;
  WAYPOST_RETURN_IF_ERROR(
      WriteEntry(options_.dir, KeyName(id),
                 {.kind = "wrapping", .id = id, .at = now, .secret = SecretKey::Generate(random_)}, random_));
  WAYPOST_RETURN_IF_ERROR(Load());
  return id;
}

absl::Status FileKeyProvider::ActivateLocked(uint32_t id, absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(Load());
  if (keys_.find(id) == keys_.end()) return NoSuchKey(id);
  if (id == current_id_) return absl::OkStatus();
  if (id < current_id_) return KeysRefused(options_.dir, base::Cat("has retired key ", id, " already"));
  WAYPOST_RETURN_IF_ERROR(
      WriteEntry(options_.dir, kCurrentName, {.kind = "current", .id = id, .at = now}, random_));
  return Load();
}

absl::StatusOr<uint32_t> FileKeyProvider::Prepare(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(options_.dir, kLockPatience));
  return PrepareLocked(now);
}

absl::Status FileKeyProvider::Activate(uint32_t id, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(options_.dir, kLockPatience));
  return ActivateLocked(id, now);
}

absl::StatusOr<uint32_t> FileKeyProvider::Rotate(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(options_.dir, kLockPatience));
  WAYPOST_ASSIGN_OR_RETURN(const uint32_t id, PrepareLocked(now));
  WAYPOST_RETURN_IF_ERROR(ActivateLocked(id, now));
  return id;
}

absl::Status FileKeyProvider::Destroy(uint32_t id, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  WAYPOST_ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(options_.dir, kLockPatience));
  WAYPOST_RETURN_IF_ERROR(Load());
  WAYPOST_RETURN_IF_ERROR(CheckMayDestroy(id, current_id_, current_since_, now));
  WAYPOST_RETURN_IF_ERROR(DestroyFile(options_.dir, KeyName(id)));
  return Load();
}

bool FileKeyProvider::RotationDue(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  return !LoadIfOld().ok() || now - current_since_ >= kRotationPeriod;
}

absl::StatusOr<SecretKey> FileKeyProvider::NodeSecret(std::string_view purpose) {
  const absl::MutexLock lock(&mutex_);
  return DeriveNodeSecret(*node_master_, purpose);
}

}  // namespace waypost::crypto
