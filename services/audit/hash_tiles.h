// Where the hashes of the tree lie. A stored tile holds up to 16 neighbouring hashes of tree level 0, 4, 8,
// …, one after the other; the levels between are recomputed from them, at most 15 hashes each. An append
// rewrites little (512 bytes a level at most), a proof reads few rows, and a tile of the tlog-tiles format
// (256 hashes of level 8 L) is the 16 rows of stored level 2 L that stand side by side.
#ifndef WAYPOST_SERVICES_AUDIT_HASH_TILES_H_
#define WAYPOST_SERVICES_AUDIT_HASH_TILES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/audit/merkle.h"

namespace waypost::audit {

inline constexpr int kTileLevels = 4;
inline constexpr uint64_t kTileWidth = uint64_t{1} << kTileLevels;

// The key of a stored tile: `prefix`, stored level (tree level / 4), number of the tile in it.
std::string TileKey(std::string_view prefix, int stored_level, uint64_t tile);

// Hashes of complete subtrees out of stored tiles. Keeps the tiles that it has read. Not thread-safe.
class TileReader final : public NodeSource {
 public:
  // `reader` must outlive this; `prefix` is the encoded beginning of the keys.
  TileReader(const store::Reader& reader, std::string prefix) : reader_(reader), prefix_(std::move(prefix)) {}

  // DATA_LOSS when the tile that should hold the hash does not.
  absl::StatusOr<Hash> Node(NodeId id) const override;

 private:
  absl::StatusOr<const std::string*> Tile(int stored_level, uint64_t tile) const;

  const store::Reader& reader_;
  const std::string prefix_;
  mutable std::map<std::pair<int, uint64_t>, std::string> tiles_;
};

// Collects the hashes that one transaction adds and writes them to their tiles. Not thread-safe.
class TileWriter {
 public:
  // `writer` must outlive this.
  TileWriter(store::Writer& writer, std::string prefix) : writer_(writer), prefix_(std::move(prefix)) {}

  // The next hash of its level. Hashes of levels that are not stored are dropped.
  void Add(NodeId id, const Hash& hash);
  // Once, after the last Add. DATA_LOSS when a stored tile does not end where the new hashes begin.
  absl::Status Flush();

 private:
  struct Addition {
    uint64_t first = 0;  // position in the tile
    std::string hashes;
  };

  store::Writer& writer_;
  const std::string prefix_;
  std::map<std::pair<int, uint64_t>, Addition> additions_;
};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_HASH_TILES_H_
