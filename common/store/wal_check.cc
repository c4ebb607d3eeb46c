#include "common/store/wal_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::store {
namespace {

// The format, as RocksDB's wiki describes it ("Write Ahead Log File Format"): blocks of 32 KiB; in each,
// fragments {masked CRC-32C of type and payload, length, type, payload}; a group is one full fragment or
// a first, any middle and a last one. A fragment never begins in the last six bytes of a block.
constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kSequenceBytes = 8;
enum FragmentType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t MaskedCrc(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) crc = kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i > 0; --i) number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return number;
}

struct Fragment {
  FragmentType type;
  std::string_view payload;
  size_t size() const { return kHeaderBytes + payload.size(); }
  bool begins_group() const { return type == kFull || type == kFirst; }
  bool ends_group() const { return type == kFull || type == kLast; }
};

// The fragment at the front of `rest`, if there is a whole and undamaged one.
std::optional<Fragment> ReadFragment(std::string_view rest) {
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const auto type = static_cast<uint8_t>(rest[6]);
  const size_t length = LittleEndian(rest.substr(4, 2));
  if (type < kFull || type > kLast || kHeaderBytes + length > rest.size()) return std::nullopt;
  if (LittleEndian(rest.substr(0, 4)) != MaskedCrc(rest.substr(6, 1 + length))) return std::nullopt;
  return Fragment{static_cast<FragmentType>(type), rest.substr(kHeaderBytes, length)};
}

// Walks the log files in order, a block at a time.
class WalScan {
 public:
  void BeginFile(const std::string& path) {
    EndFile();
    path_ = path;
    offset_ = 0;
    end_of_last_group_ = 0;
  }

  // REQUIRES: only the last block of a file is shorter than kBlockBytes.
  void AddBlock(std::string_view block) {
    size_t at = 0;
    while (!damaged_ && block.size() - at >= kHeaderBytes) {
      const auto fragment = ReadFragment(block.substr(at));
      // A group that begins inside another one leaves that one without its end.
      if (!fragment.has_value() || fragment->begins_group() == in_group_) break;
      at += fragment->size();
      if (fragment->begins_group()) NoteSequence(*fragment);
      in_group_ = !fragment->ends_group();
      if (!in_group_) end_of_last_group_ = offset_ + at;
    }
    // Up to six bytes at the end of a block are filled with zeros.
    if (!damaged_ && (block.size() - at >= kHeaderBytes || HasNonzero(block.substr(at)))) {
      SetDamaged();
    }
    if (damaged_) SearchForGroup(block.substr(at));
    offset_ += block.size();
  }

  void EndFile() {
    if (!damaged_ && in_group_) SetDamaged();
    in_group_ = false;
  }

  bool damaged() const { return damaged_; }
  bool hole() const { return hole_; }
  const std::string& damaged_path() const { return damaged_path_; }
  uint64_t whole_bytes() const { return whole_bytes_; }

 private:
  static bool HasNonzero(std::string_view bytes) {
    return bytes.find_first_not_of('\0') != std::string::npos;
  }

  void SetDamaged() {
    damaged_ = true;
    damaged_path_ = path_;
    whole_bytes_ = end_of_last_group_;
  }

  void NoteSequence(const Fragment& fragment) {
    if (fragment.payload.size() >= kSequenceBytes) {
      last_sequence_ = LittleEndian(fragment.payload.substr(0, kSequenceBytes));
    }
  }

  // Stored bytes may look like a fragment; a group also carries a later sequence number.
  bool IsLaterGroup(const Fragment& fragment) const {
    if (!fragment.begins_group()) return false;
    if (fragment.payload.size() < kSequenceBytes) return true;
    const uint64_t sequence = LittleEndian(fragment.payload.substr(0, kSequenceBytes));
    return sequence > last_sequence_ && sequence - last_sequence_ < uint64_t{1} << 32;
  }

  // Looks for a whole beginning of a group at any byte, since the lengths before it may be damaged.
  void SearchForGroup(std::string_view bytes) {
    for (size_t at = 0; at + kHeaderBytes <= bytes.size() && !hole_;) {
      const auto fragment = ReadFragment(bytes.substr(at));
      hole_ = fragment.has_value() && IsLaterGroup(*fragment);
      at += fragment.has_value() ? fragment->size() : 1;
    }
  }

  std::string path_;
  uint64_t offset_ = 0;             // of the next block
  uint64_t end_of_last_group_ = 0;  // in this file
  bool in_group_ = false;
  uint64_t last_sequence_ = 0;

  bool damaged_ = false;
  bool hole_ = false;
  std::string damaged_path_;
  uint64_t whole_bytes_ = 0;
};

absl::Status Failed(const std::string& path, const rocksdb::IOStatus& status) {
  return error::Unavailable(base::Cat("the log file '", path, "'"), status.ToString());
}

absl::Status ScanFile(rocksdb::FileSystem& files, const std::string& path, WalScan& scan) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status = files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return Failed(path, status);
  scan.BeginFile(path);
  std::vector<char> buffer(kBlockBytes);
  size_t filled = 0;
  while (true) {
    rocksdb::Slice read;
    status = file->Read(kBlockBytes - filled, rocksdb::IOOptions(), &read, buffer.data() + filled, nullptr);
    if (!status.ok()) return Failed(path, status);
    if (read.data() != buffer.data() + filled) std::copy_n(read.data(), read.size(), buffer.data() + filled);
    filled += read.size();
    if (filled == kBlockBytes || read.empty()) {
      scan.AddBlock({buffer.data(), filled});
      if (read.empty()) break;
      filled = 0;
    }
  }
  scan.EndFile();
  return absl::OkStatus();
}

absl::Status CutOffTail(const std::string& path, uint64_t size, rocksdb::FileSystem& files) {
  rocksdb::IOStatus status = files.Truncate(path, size, rocksdb::IOOptions(), nullptr);
  if (status.IsNotSupported()) {
    std::error_code error;
    std::filesystem::resize_file(path, size, error);
    status = error ? rocksdb::IOStatus::IOError(error.message()) : rocksdb::IOStatus::OK();
  }
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  if (status.ok()) status = files.NewRandomRWFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Fsync(rocksdb::IOOptions(), nullptr);
  return status.ok() ? absl::OkStatus() : Failed(path, status);
}

// "000123.log" in the order of their numbers.
absl::StatusOr<std::vector<std::string>> LogFiles(rocksdb::FileSystem& files, const std::string& folder) {
  std::vector<std::string> children;
  std::vector<std::pair<uint64_t, std::string>> logs;
  const rocksdb::IOStatus listed = files.GetChildren(folder, rocksdb::IOOptions(), &children, nullptr);
  if (!listed.ok()) return Failed(folder, listed);
  for (const std::string& name : children) {
    if (name.size() <= 4 || name.size() > 20 || !name.ends_with(".log")) continue;
    const std::string number = name.substr(0, name.size() - 4);
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    logs.emplace_back(std::stoull(number), base::Cat(folder, "/", name));
  }
  std::sort(logs.begin(), logs.end());
  std::vector<std::string> paths;
  paths.reserve(logs.size());
  for (auto& log : logs) paths.push_back(std::move(log.second));
  return paths;
}

}  // namespace

absl::Status CheckWal(rocksdb::FileSystem& files, const std::string& folder) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> paths, LogFiles(files, folder));
  WalScan scan;
  for (const std::string& path : paths) {
    WAYPOST_RETURN_IF_ERROR(ScanFile(files, path, scan));
    if (scan.hole()) break;
  }
  if (!scan.damaged()) return absl::OkStatus();
  if (scan.hole()) {
    return error::DataLoss(base::Cat("'", scan.damaged_path(), "' is damaged after byte ", scan.whole_bytes(),
                                     " and acknowledged writes follow: restore the folder from a backup"));
  }
  return CutOffTail(scan.damaged_path(), scan.whole_bytes(), files);
}

}  // namespace waypost::store
