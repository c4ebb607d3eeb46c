#include "services/audit/hash_tiles.h"

#include <optional>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"

namespace waypost::audit {
namespace {

std::string NameOf(int stored_level, uint64_t tile) {
  return base::Cat("audit tile ", stored_level, "/", tile);
}

}  // namespace

std::string TileKey(std::string_view prefix, int stored_level, uint64_t tile) {
  return store::KeyBuilder(std::string(prefix)).Uint(static_cast<uint64_t>(stored_level)).Uint(tile).Take();
}

absl::StatusOr<const std::string*> TileReader::Tile(int stored_level, uint64_t tile) const {
  const auto id = std::make_pair(stored_level, tile);
  const auto found = tiles_.find(id);
  if (found != tiles_.end()) return &found->second;
  WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                           reader_.Get(TileKey(prefix_, stored_level, tile)));
  if (!bytes.has_value()) return error::DataLoss(NameOf(stored_level, tile));
  return &tiles_.emplace(id, *std::move(bytes)).first->second;
}

absl::StatusOr<Hash> TileReader::Node(NodeId id) const {
  const int stored_level = id.level / kTileLevels;
  const int above = id.level % kTileLevels;
  const uint64_t first = id.index << above;  // in units of the stored level
  const uint64_t tile = first / kTileWidth;
  WAYPOST_ASSIGN_OR_RETURN(const std::string* const bytes, Tile(stored_level, tile));
  const size_t offset = static_cast<size_t>(first % kTileWidth) * crypto::kHashBytes;
  size_t count = size_t{1} << above;
  if (bytes->size() < offset + count * crypto::kHashBytes) return error::DataLoss(NameOf(stored_level, tile));
  std::array<Hash, kTileWidth / 2> hashes;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view hash = std::string_view(*bytes).substr(offset + i * crypto::kHashBytes);
    std::copy_n(hash.begin(), crypto::kHashBytes, hashes[i].begin());
  }
  for (; count > 1; count /= 2) {
    for (size_t i = 0; i < count / 2; ++i) hashes[i] = HashChildren(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes[0];
}

void TileWriter::Add(NodeId id, const Hash& hash) {
  if (id.level % kTileLevels != 0) return;
  const auto place = std::make_pair(id.level / kTileLevels, id.index / kTileWidth);
  const auto [addition, fresh] = additions_.try_emplace(place);
  if (fresh) addition->second.first = id.index % kTileWidth;
  addition->second.hashes.append(crypto::AsText(hash));
}

absl::Status TileWriter::Flush() {
  for (const auto& [place, addition] : additions_) {
    const auto& [stored_level, tile] = place;
    const std::string key = TileKey(prefix_, stored_level, tile);
    if (addition.first == 0) {
      writer_.Put(key, addition.hashes);
      continue;
    }
    WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> bytes, writer_.Get(key));
    if (!bytes.has_value() || bytes->size() != addition.first * crypto::kHashBytes) {
      return error::DataLoss(NameOf(stored_level, tile));
    }
    writer_.Put(key, bytes->append(addition.hashes));
  }
  additions_.clear();
  return absl::OkStatus();
}

}  // namespace waypost::audit
