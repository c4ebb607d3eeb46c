// The keys of a log. Each begins with the log's name, so that a store can hold several.
//
//   (log, "tree")                             TreeRow
//   (log, "tile", stored level, tile)         up to 16 hashes of 32 bytes (hash_tiles.h)
//   (log, "entry", index)                     EntryRow
//   (log, "event", event id)                  EventRow
//   (log, "revision", name, revision)         RevisionRow
//   (log, "list", body, by, value)            ListRow; `by` is "all", "resource", "actor" or "type"
//   (log, "list", body, by, value, block)     ListBlockRow
//
// Lists are kept for each body, since nobody reads across bodies. There is no index by time: entries are in
// the order of the time at which the log took them, so that a time is found by bisection.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_KEYS_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "services/audit/audit_rules.h"

namespace waypost::audit {

// Thread-safe once made.
class AuditKeys {
 public:
  explicit AuditKeys(std::string_view log);

  const std::string& tree() const { return tree_; }
  const std::string& tiles() const { return tiles_; }  // the prefix of TileKey
  const std::string& entries() const { return entries_; }
  const std::string& events() const { return events_; }
  const std::string& revisions() const { return revisions_; }
  const std::string& lists() const { return lists_; }

  std::string Entry(uint64_t index) const;
  std::string Event(std::string_view event_id) const;
  std::string Revision(std::string_view resource, int64_t revision) const;
  std::string List(const ListPlace& place) const;

 private:
  std::string tree_, tiles_, entries_, events_, revisions_, lists_;
};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_KEYS_H_
