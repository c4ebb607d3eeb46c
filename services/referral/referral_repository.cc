#include "services/referral/referral_repository.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::HistoryRecord;
using storage::v1::NoteRecord;
using storage::v1::OwnReferenceRecord;
using storage::v1::ReferralRecord;
using storage::v1::SectionRecord;
using storage::v1::WrapRecord;
using store::KeyBuilder;
using store::KeyParser;
using store::KeyRange;
using store::PrefixRange;

constexpr std::string_view kNamePrefix = "referrals/";

std::string Prefix(std::string_view kind, std::string_view name) {
  return KeyBuilder().Text(kind).Text(IdOfName(name)).Take();
}

std::string RecordKey(std::string_view name) {
  return Prefix("r", name);
}

std::string SectionKey(std::string_view name, const SectionRecord& section) {
  return KeyBuilder(Prefix("s", name)).Uint(section.person()).Uint(section.section()).Take();
}

std::string WrapKey(std::string_view name, const Wrap& wrap) {
  return KeyBuilder(Prefix("w", name)).Uint(wrap.person).Text(wrap.body).Uint(wrap.record.scope()).Take();
}

std::string OwnReferenceKey(std::string_view name, std::string_view body) {
  return KeyBuilder(Prefix("own", name)).Text(body).Take();
}

std::string LookupPrefix(std::string_view body, std::string_view lookup) {
  return KeyBuilder().Text("look").Text(body).Text(lookup).Take();
}

// Ids begin with their time and have one length: with every byte turned round, the newest comes first.
std::string Reversed(std::string_view id) {
  std::string reversed(id);
  for (char& byte : reversed) byte = static_cast<char>(~byte);
  return reversed;
}

std::string LookupKey(std::string_view name, std::string_view body, std::string_view lookup) {
  return KeyBuilder(LookupPrefix(body, lookup)).Text(Reversed(IdOfName(name))).Take();
}

std::string NoteKey(std::string_view name, uint32_t number) {
  return KeyBuilder(Prefix("n", name)).Uint(number).Take();
}

absl::Time DueOf(const ReferralRecord& record) {
  return record.has_due() ? api::FromTimestamp(record.due().time()) : absl::InfiniteFuture();
}

std::string BoxPrefix(v1::Box box, std::string_view body) {
  return KeyBuilder().Text("box").Uint(box).Text(body).Take();
}

std::string MinePrefix(std::string_view body, std::string_view actor, v1::Box box) {
  return KeyBuilder().Text("mine").Text(body).Text(actor).Uint(box).Take();
}

std::string RowKey(std::string prefix, const ReferralRecord& record) {
  return KeyBuilder(std::move(prefix))
      .Uint(record.state())
      .Time(DueOf(record))
      .Text(IdOfName(record.name()))
      .Take();
}

// A receiver does not see a draft, even one that was cancelled, nor what was misdirected to it.
bool InReceiversBox(const ReferralRecord& record) {
  return record.state() != kDraft && record.has_submit_time() &&
         record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT;
}

struct IndexRow {
  std::string key;
  v1::Box box;
};

// Every index row that a record has.
std::vector<IndexRow> IndexRows(const ReferralRecord& record) {
  std::vector<IndexRow> rows;
  const auto add = [&](v1::Box box, const v1::Side& side) {
    rows.push_back({RowKey(KeyBuilder(BoxPrefix(box, side.body())).Text(side.unit()).Take(), record), box});
    if (side.assignee().empty()) return;
    rows.push_back({RowKey(MinePrefix(side.body(), side.assignee(), box), record), box});
  };
  add(v1::BOX_OUTBOX, record.referring());
  if (InReceiversBox(record)) add(v1::BOX_INBOX, record.receiving());
  return rows;
}

std::string ClockKey(const ReferralRecord& record) {
  return KeyBuilder().Text("clock").Time(DueOf(record)).Text(IdOfName(record.name())).Take();
}

template <typename Record>
absl::Status Parse(std::string_view bytes, std::string_view what, Record& record) {
  if (record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return error::DataLoss(what);
}

// Reads every record under a prefix, from `begin`, at most `limit`, and the key of the last one.
template <typename Record>
absl::StatusOr<std::vector<Record>> ReadAll(const store::Reader& reader, const KeyRange& range,
                                            std::string_view what, int limit,
                                            std::string* last_key = nullptr) {
  std::vector<Record> records;
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(records.size()) < limit; at->Next()) {
    WAYPOST_RETURN_IF_ERROR(Parse(at->value(), what, records.emplace_back()));
    if (last_key != nullptr) *last_key = at->key();
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return records;
}

constexpr int kNoLimit = 1 << 30;

// --- Listing

// One run of index rows with the same prefix and state, in order of (due, id).
struct Run {
  std::unique_ptr<store::Cursor> cursor;
  std::string order;  // the encoded (due, id) of the row at the cursor

  bool Valid() const { return cursor->Valid(); }
};

// Units of a body that have rows in a box: found by leaping from each to the next.
absl::StatusOr<std::vector<std::string>> UnitsIn(const store::Reader& reader, v1::Box box,
                                                 std::string_view body) {
  std::vector<std::string> units;
  const std::string prefix = BoxPrefix(box, body);
  KeyRange range = PrefixRange(prefix);
  while (static_cast<int>(units.size()) < kMaxUnitsMerged) {
    const auto at = reader.Scan(range);
    if (!at->Valid()) {
      WAYPOST_RETURN_IF_ERROR(at->status());
      break;
    }
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(std::string unit, parser.Text());
    range.begin = PrefixRange(KeyBuilder(prefix).Text(unit).Take()).end;
    units.push_back(std::move(unit));
  }
  return units;
}

absl::StatusOr<std::vector<std::string>> RowPrefixes(const store::Reader& reader, const BoxQuery& query) {
  std::vector<std::string> prefixes;
  if (!query.actor.empty()) {
    prefixes.push_back(MinePrefix(query.body, query.actor, query.box));
    return prefixes;
  }
  std::vector<std::string> units;
  if (query.units.has_value()) {
    units = *query.units;
  } else {
    WAYPOST_ASSIGN_OR_RETURN(units, UnitsIn(reader, query.box, query.body));
  }
  for (const std::string& unit : units) {
    prefixes.push_back(KeyBuilder(BoxPrefix(query.box, query.body)).Text(unit).Take());
  }
  return prefixes;
}

}  // namespace

std::string_view IdOfName(std::string_view name) {
  if (name.substr(0, kNamePrefix.size()) == kNamePrefix) name.remove_prefix(kNamePrefix.size());
  return name;
}

std::string NameOfId(std::string_view id) {
  return base::Cat(kNamePrefix, id);
}

absl::StatusOr<ReferralRecord> Get(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RecordKey(name)));
  if (!value.has_value()) return error::NotFound(name);
  ReferralRecord record;
  WAYPOST_RETURN_IF_ERROR(Parse(*value, name, record));
  return record;
}

absl::StatusOr<std::vector<std::string>> ListNames(const store::Reader& reader, std::string_view after,
                                                   int limit) {
  const std::string prefix = KeyBuilder().Text("r").Take();
  KeyRange range = PrefixRange(prefix);
  if (!after.empty()) range = store::PrefixRangeAfter(prefix, RecordKey(after));
  std::vector<std::string> names;
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(names.size()) < limit; at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    names.push_back(NameOfId(id));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return names;
}

absl::StatusOr<bool> Has(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RecordKey(name)));
  return value.has_value();
}

void Put(store::Writer& writer, const ReferralRecord* before, const ReferralRecord& next,
         const Summaries& summaries) {
  const std::vector<IndexRow> rows = IndexRows(next);
  if (before != nullptr) {
    for (const IndexRow& old : IndexRows(*before)) {
      const bool stays =
          std::any_of(rows.begin(), rows.end(), [&](const IndexRow& row) { return row.key == old.key; });
      if (!stays) writer.Delete(old.key);
    }
    if (before->has_due() && (!next.has_due() || ClockKey(*before) != ClockKey(next)))
      writer.Delete(ClockKey(*before));
  }
  const std::string outbox = summaries.outbox.SerializeAsString();
  const std::string inbox = summaries.inbox.SerializeAsString();
  for (const IndexRow& row : rows) writer.Put(row.key, row.box == v1::BOX_OUTBOX ? outbox : inbox);
  if (next.has_due()) {
    writer.Put(ClockKey(next), KeyBuilder().Uint(next.due().clock()).Int(next.revision()).Take());
  }
  writer.Put(RecordKey(next.name()), next.SerializeAsString());
}

absl::StatusOr<BoxPage> ListBox(const store::Reader& reader, const BoxQuery& query, std::string_view position,
                                int limit) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> prefixes, RowPrefixes(reader, query));
  std::vector<Run> runs;
  for (const std::string& prefix : prefixes) {
    for (const v1::ReferralState state : query.states) {
      const std::string run = KeyBuilder(prefix).Uint(state).Take();
      KeyRange range = PrefixRange(run);
      if (!position.empty()) range = store::PrefixRangeAfter(run, run + std::string(position));
      std::unique_ptr<store::Cursor> cursor = reader.Scan(range);
      if (!cursor->Valid()) {
        WAYPOST_RETURN_IF_ERROR(cursor->status());
        continue;
      }
      std::string order(cursor->key().substr(run.size()));
      runs.push_back(Run{.cursor = std::move(cursor), .order = std::move(order)});
    }
  }
  BoxPage page;
  page.summaries.reserve(std::min(limit, 64));
  while (!runs.empty()) {
    const auto next = std::min_element(runs.begin(), runs.end(),
                                       [](const Run& a, const Run& b) { return a.order < b.order; });
    if (static_cast<int>(page.summaries.size()) == limit) return page;
    WAYPOST_RETURN_IF_ERROR(
        Parse(next->cursor->value(), "referral index row", page.summaries.emplace_back()));
    page.position = next->order;
    const size_t run_size = next->cursor->key().size() - next->order.size();
    next->cursor->Next();
    if (next->Valid()) {
      next->order = next->cursor->key().substr(run_size);
    } else {
      WAYPOST_RETURN_IF_ERROR(next->cursor->status());
      runs.erase(next);
    }
  }
  page.position.clear();
  return page;
}

void PutSection(store::Writer& writer, std::string_view name, const SectionRecord& section) {
  writer.Put(SectionKey(name, section), section.SerializeAsString());
}

absl::StatusOr<std::vector<SectionRecord>> ListSections(const store::Reader& reader, std::string_view name) {
  return ReadAll<SectionRecord>(reader, PrefixRange(Prefix("s", name)), "section", kNoLimit);
}

void PutWrap(store::Writer& writer, std::string_view name, const Wrap& wrap) {
  writer.Put(WrapKey(name, wrap), wrap.record.SerializeAsString());
}

void DeleteWrap(store::Writer& writer, std::string_view name, const Wrap& wrap) {
  writer.Delete(WrapKey(name, wrap));
}

absl::StatusOr<std::vector<Wrap>> ListWraps(const store::Reader& reader, std::string_view name) {
  const std::string prefix = Prefix("w", name);
  std::vector<Wrap> wraps;
  const auto at = reader.Scan(PrefixRange(prefix));
  for (; at->Valid(); at->Next()) {
    Wrap& wrap = wraps.emplace_back();
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t person, parser.Uint());
    WAYPOST_ASSIGN_OR_RETURN(wrap.body, parser.Text());
    wrap.person = static_cast<uint32_t>(person);
    WAYPOST_RETURN_IF_ERROR(Parse(at->value(), "wrapped key", wrap.record));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return wraps;
}

void PutOwnReference(store::Writer& writer, std::string_view name, std::string_view body,
                     const OwnReferenceRecord& reference) {
  writer.Put(OwnReferenceKey(name, body), reference.SerializeAsString());
  writer.Put(LookupKey(name, body, reference.lookup()), "");
}

absl::StatusOr<std::optional<OwnReferenceRecord>> GetOwnReference(const store::Reader& reader,
                                                                  std::string_view name,
                                                                  std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(OwnReferenceKey(name, body)));
  if (!value.has_value()) return std::nullopt;
  OwnReferenceRecord record;
  WAYPOST_RETURN_IF_ERROR(Parse(*value, "own reference", record));
  return record;
}

absl::Status DeleteOwnReference(store::Writer& writer, std::string_view name, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<OwnReferenceRecord> record,
                           GetOwnReference(writer, name, body));
  if (!record.has_value()) return absl::OkStatus();
  writer.Delete(LookupKey(name, body, record->lookup()));
  writer.Delete(OwnReferenceKey(name, body));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindByLookup(const store::Reader& reader, std::string_view body,
                                                      std::string_view lookup, int limit) {
  const std::string prefix = LookupPrefix(body, lookup);
  std::vector<std::string> names;
  const auto at = reader.Scan(PrefixRange(prefix));
  for (; at->Valid() && static_cast<int>(names.size()) < limit; at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    names.push_back(NameOfId(Reversed(id)));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return names;
}

absl::Status DeleteNotesOf(store::Writer& writer, std::string_view name, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<NoteRecord> notes, ListNotes(writer, name, 0, kNoLimit));
  for (const NoteRecord& note : notes) {
    const bool own = note.body() == body && note.scope() == storage::v1::KEY_SCOPE_BODY;
    if (own) writer.Delete(NoteKey(name, note.number()));
  }
  return absl::OkStatus();
}

absl::Status DeletePerson(store::Writer& writer, std::string_view name, uint32_t person) {
  for (const std::string_view kind : {"s", "w"}) {
    std::vector<std::string> keys;
    const auto at = writer.Scan(PrefixRange(KeyBuilder(Prefix(kind, name)).Uint(person).Take()));
    for (; at->Valid(); at->Next()) keys.emplace_back(at->key());
    WAYPOST_RETURN_IF_ERROR(at->status());
    for (const std::string& key : keys) writer.Delete(key);
  }
  return absl::OkStatus();
}

absl::Status DeleteContent(store::Writer& writer, std::string_view name) {
  std::vector<std::string> keys;
  const auto at = writer.Scan(PrefixRange(Prefix("s", name)));
  for (; at->Valid(); at->Next()) keys.emplace_back(at->key());
  WAYPOST_RETURN_IF_ERROR(at->status());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<Wrap> wraps, ListWraps(writer, name));
  for (const Wrap& wrap : wraps) {
    if (wrap.record.scope() != storage::v1::KEY_SCOPE_BODY) keys.push_back(WrapKey(name, wrap));
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<NoteRecord> notes, ListNotes(writer, name, 0, kNoLimit));
  for (const NoteRecord& note : notes) {
    if (note.scope() != storage::v1::KEY_SCOPE_BODY) keys.push_back(NoteKey(name, note.number()));
  }
  for (const std::string& key : keys) writer.Delete(key);
  return absl::OkStatus();
}

void PutNote(store::Writer& writer, std::string_view name, const NoteRecord& note) {
  writer.Put(NoteKey(name, note.number()), note.SerializeAsString());
}

absl::StatusOr<std::optional<NoteRecord>> GetNote(const store::Reader& reader, std::string_view name,
                                                  uint32_t number) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(NoteKey(name, number)));
  if (!value.has_value()) return std::nullopt;
  NoteRecord record;
  WAYPOST_RETURN_IF_ERROR(Parse(*value, "note", record));
  return record;
}

absl::StatusOr<std::vector<NoteRecord>> ListNotes(const store::Reader& reader, std::string_view name,
                                                  uint32_t after, int limit) {
  KeyRange range = PrefixRange(Prefix("n", name));
  if (after > 0) range.begin = NoteKey(name, after + 1);
  return ReadAll<NoteRecord>(reader, range, "note", limit);
}

void PutHistory(store::Writer& writer, std::string_view name, const HistoryRecord& entry) {
  writer.Put(KeyBuilder(Prefix("h", name)).Int(entry.revision()).Take(), entry.SerializeAsString());
}

absl::StatusOr<std::vector<HistoryRecord>> ListHistory(const store::Reader& reader, std::string_view name,
                                                       std::string_view after, int limit,
                                                       std::string* last_key) {
  const std::string prefix = Prefix("h", name);
  KeyRange range = PrefixRange(prefix);
  if (!after.empty()) range = store::PrefixRangeAfter(prefix, after);
  return ReadAll<HistoryRecord>(reader, range, "history", limit, last_key);
}

absl::StatusOr<std::vector<DueRow>> ListDue(const store::Reader& reader, absl::Time until, int limit) {
  std::vector<DueRow> rows;
  const std::string prefix = KeyBuilder().Text("clock").Take();
  KeyRange range = PrefixRange(prefix);
  range.end = KeyBuilder(prefix).Time(until + absl::Microseconds(1)).Take();
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(rows.size()) < limit; at->Next()) {
    DueRow& row = rows.emplace_back();
    KeyParser key(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(row.due, key.Time());
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, key.Text());
    row.name = NameOfId(id);
    KeyParser value(at->value());
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t clock, value.Uint());
    row.clock = static_cast<v1::Clock>(clock);
    WAYPOST_ASSIGN_OR_RETURN(row.revision, value.Int());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return rows;
}

}  // namespace waypost::referral::rows
