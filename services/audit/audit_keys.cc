#include "services/audit/audit_keys.h"

#include <array>

#include "common/store/keys.h"

namespace waypost::audit {
namespace {

using store::KeyBuilder;

// By ListBy. Stored: never changed.
constexpr std::array<std::string_view, 4> kListNames = {"all", "resource", "actor", "type"};

std::string Prefix(std::string_view log, std::string_view table) {
  return KeyBuilder().Text(log).Text(table).Take();
}

}  // namespace

AuditKeys::AuditKeys(std::string_view log)
    : tree_(Prefix(log, "tree")),
      tiles_(Prefix(log, "tile")),
      entries_(Prefix(log, "entry")),
      events_(Prefix(log, "event")),
      revisions_(Prefix(log, "revision")),
      lists_(Prefix(log, "list")) {}

std::string AuditKeys::Entry(uint64_t index) const {
  return KeyBuilder(entries_).Uint(index).Take();
}

std::string AuditKeys::Event(std::string_view event_id) const {
  return KeyBuilder(events_).Text(event_id).Take();
}

std::string AuditKeys::Revision(std::string_view resource, int64_t revision) const {
  return KeyBuilder(revisions_).Text(resource).Int(revision).Take();
}

std::string AuditKeys::List(const ListPlace& place) const {
  return KeyBuilder(lists_)
      .Text(place.body)
      .Text(kListNames[static_cast<size_t>(place.by)])
      .Text(place.value)
      .Take();
}

}  // namespace waypost::audit
