#include "services/referral/referral_repository.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_protection.h"
#include "services/referral/retention_repository.h"
#include "services/referral/row_page.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::HeldPersonLookup;
using storage::v1::HeldReference;
using storage::v1::HeldWrap;
using storage::v1::HistoryRecord;
using storage::v1::HoldingsRecord;
using storage::v1::NoteRecord;
using storage::v1::OwnReferenceRecord;
using storage::v1::ReferralRecord;
using storage::v1::SectionRecord;
using storage::v1::SectionsRecord;
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

std::string SectionsKey(std::string_view name, uint32_t person) {
  return KeyBuilder(Prefix("s", name)).Uint(person).Take();
}

std::string HoldingsKey(std::string_view name) {
  return Prefix("held", name);
}

std::string LookupPrefix(std::string_view body, std::string_view lookup) {
  return KeyBuilder().Text("look").Text(body).Text(lookup).Take();
}

std::string LookupKey(std::string_view name, std::string_view body, std::string_view lookup) {
  return KeyBuilder(LookupPrefix(body, lookup)).Text(Reversed(IdOfName(name))).Take();
}

std::string PersonPrefix(std::string_view body, std::string_view lookup) {
  return KeyBuilder().Text("dup").Text(body).Text(lookup).Take();
}

std::string PersonKey(std::string_view name, const PersonLookup& lookup) {
  return KeyBuilder(PersonPrefix(lookup.body, lookup.lookup))
      .Text(Reversed(IdOfName(name)))
      .Uint(lookup.person)
      .Take();
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

// `reader` is empty for whoever is to name readers.
std::string ReaderPrefix(std::string_view body, std::string_view reader, v1::Box box) {
  return KeyBuilder().Text("read").Text(body).Text(reader).Uint(box).Take();
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
  const auto add = [&](v1::Box box, v1::Party party, const v1::Side& side) {
    const auto add_below = [&](std::string prefix) {
      rows.push_back({RowKey(KeyBuilder(std::move(prefix)).Text(side.unit()).Take(), record), box});
    };
    if (IsProtected(record)) {
      for (const std::string& reader : ReadersOf(record, party)) {
        add_below(ReaderPrefix(side.body(), reader, box));
      }
      if (OfficersNameReaders(record, party)) add_below(ReaderPrefix(side.body(), {}, box));
      return;
    }
    add_below(BoxPrefix(box, side.body()));
    if (!side.assignee().empty()) add_below(MinePrefix(side.body(), side.assignee(), box));
  };
  add(v1::BOX_OUTBOX, v1::PARTY_REFERRING, record.referring());
  if (InReceiversBox(record)) add(v1::BOX_INBOX, v1::PARTY_RECEIVING, record.receiving());
  if (IsEnd(record.state()) && record.has_due()) {
    const bool receiving = record.due().party() == v1::PARTY_RECEIVING;
    if (!receiving || InReceiversBox(record)) {
      add(v1::BOX_FOLLOW_UP, record.due().party(), receiving ? record.receiving() : record.referring());
    }
  }
  if (!IsEscalated(record)) return rows;
  add(v1::BOX_SILENCE, v1::PARTY_REFERRING, record.referring());
  if (!record.coordinating_body().empty()) {
    v1::Side coordinating;
    coordinating.set_body(record.coordinating_body());
    add(v1::BOX_COORDINATION, v1::PARTY_UNSPECIFIED, coordinating);
  }
  return rows;
}

std::string UnderPrefix(std::string_view offer) {
  return KeyBuilder().Text("under").Text(offer).Take();
}

std::string UnderKey(std::string_view offer, std::string_view name) {
  return KeyBuilder(UnderPrefix(offer)).Text(IdOfName(name)).Take();
}

std::vector<std::string> UnderKeys(const ReferralRecord& record) {
  std::vector<std::string> keys;
  if (!IsOpen(record.state())) return keys;
  for (const std::string& offer : OffersNamedIn(record)) keys.push_back(UnderKey(offer, record.name()));
  return keys;
}

// Written with every change: what was written before there were such rows has them from then on.
void MoveUnder(store::Writer& writer, const ReferralRecord* before, const ReferralRecord& next) {
  const std::vector<std::string> keys = UnderKeys(next);
  for (const std::string& key : before == nullptr ? std::vector<std::string>() : UnderKeys(*before)) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) writer.Delete(key);
  }
  for (const std::string& key : keys) writer.Put(key, "");
}

// As whom a row is read.
const std::string& BytesFor(v1::Box box, const ReferralRecord& record, const std::string& outbox,
                            const std::string& inbox, const std::string& coordination) {
  if (box == v1::BOX_COORDINATION) return coordination;
  const bool receiving =
      box == v1::BOX_INBOX || (box == v1::BOX_FOLLOW_UP && record.due().party() == v1::PARTY_RECEIVING);
  return receiving ? inbox : outbox;
}

// Empty when the clocks have nothing to do with it.
std::string ClockKey(const ReferralRecord& record) {
  const NextWake wake = StoredWake(record);
  if (wake.wake == storage::v1::WAKE_NEVER) return {};
  return KeyBuilder().Text("clock").Time(wake.time).Text(IdOfName(record.name())).Take();
}

// Of a record of before, which had a row as long as something was due.
std::string ClockKeyBefore(const ReferralRecord& record) {
  if (record.wake() != storage::v1::WAKE_UNSPECIFIED || !record.has_due()) return ClockKey(record);
  return KeyBuilder().Text("clock").Time(DueOf(record)).Text(IdOfName(record.name())).Take();
}

absl::StatusOr<WakeRow> ParseWake(std::string_view key, size_t prefix, std::string_view value) {
  WakeRow row;
  row.key = std::string(key);
  KeyParser of_key(key.substr(prefix));
  WAYPOST_ASSIGN_OR_RETURN(row.time, of_key.Time());
  WAYPOST_ASSIGN_OR_RETURN(const std::string id, of_key.Text());
  row.name = NameOfId(id);
  KeyParser of_value(value);
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t wake, of_value.Uint());
  row.wake = static_cast<storage::v1::Wake>(wake);
  WAYPOST_ASSIGN_OR_RETURN(row.revision, of_value.Int());
  return row;
}

std::string BeatKey() {
  return KeyBuilder().Text("clock.beat").Take();
}

std::string OutagesPrefix() {
  return KeyBuilder().Text("clock.outage").Take();
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

// The earliest rows of several runs, each in order of (due, id): a run has one prefix and one state.
class Earliest {
 public:
  explicit Earliest(size_t limit) : limit_(limit) { rows_.reserve(limit); }

  // Reads the rows of `run` after `position` as long as they can be among the earliest. The cursor's range
  // holds the run. REQUIRES: it was made for this, and the runs that were read with it came before this one:
  // so it stands on the first row after them, and most runs, which have no rows, are passed without a seek.
  absl::Status Read(store::Cursor& cursor, const std::string& run, std::string_view position) {
    const KeyRange range =
        position.empty() ? PrefixRange(run) : store::PrefixRangeAfter(run, base::Cat(run, position));
    if (cursor.Valid() && cursor.key() < range.begin) cursor.Seek(range.begin);
    if (cursor.Valid() && cursor.key() < range.end && !rows_.empty()) Merge();
    for (; cursor.Valid() && cursor.key() < range.end; cursor.Next()) {
      const std::string_view order = cursor.key().substr(run.size());
      if (rows_.size() == limit_) {
        more_ = true;
        if (!merges_ || order > rows_.front().order()) return absl::OkStatus();
        std::pop_heap(rows_.begin(), rows_.end());
        rows_.pop_back();
      }
      rows_.emplace_back(order, cursor.value());
      if (merges_) std::push_heap(rows_.begin(), rows_.end());
    }
    return cursor.Valid() ? absl::OkStatus() : cursor.status();
  }

  BoxPage Take() && {
    if (merges_) std::sort_heap(rows_.begin(), rows_.end());
    BoxPage page;
    if (more_) page.position = rows_.back().order();
    // An officer who is to name readers may be a reader already, and has two rows.
    const auto same = [](const Row& a, const Row& b) { return a.order() == b.order(); };
    rows_.erase(std::unique(rows_.begin(), rows_.end(), same), rows_.end());
    page.rows.reserve(rows_.size());
    for (Row& row : rows_) page.rows.push_back(std::move(row).TakeValue());
    return page;
  }

 private:
  // In one piece of memory: there are many.
  class Row {
   public:
    // `order` is the encoded (due, id).
    Row(std::string_view order, std::string_view value)
        : bytes_(base::Cat(order, value)), order_bytes_(order.size()) {}

    std::string_view order() const { return std::string_view(bytes_).substr(0, order_bytes_); }
    std::string TakeValue() && {
      bytes_.erase(0, order_bytes_);
      return std::move(bytes_);
    }
    bool operator<(const Row& other) const { return order() < other.order(); }

   private:
    std::string bytes_;
    size_t order_bytes_;
  };

  void Merge() {
    if (!merges_) std::make_heap(rows_.begin(), rows_.end());
    merges_ = true;
  }

  const size_t limit_;
  // In order as long as they are of one run, as most pages are; then a heap, the latest in front.
  std::vector<Row> rows_;
  bool merges_ = false;
  bool more_ = false;
};

template <typename Value>
std::vector<Value> InOrder(std::vector<Value> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// Reads the runs of a listing into the earliest rows, unit by unit.
class BoxReader {
 public:
  BoxReader(const store::Reader& reader, const BoxQuery& query, std::string_view position, size_t limit)
      : reader_(reader), states_(InOrder(query.states)), position_(position), earliest_(limit) {}

  absl::Status ReadUnits(const std::string& below, const std::vector<std::string>& units) {
    const auto cursor = reader_.Scan(PrefixRange(below));
    for (const std::string& unit : units) {
      WAYPOST_RETURN_IF_ERROR(ReadRuns(*cursor, KeyBuilder(below).Text(unit).Take()));
    }
    return absl::OkStatus();
  }

  // Every unit that has rows below the prefix, but for those of `read_already`, which is in order.
  absl::Status ReadAllUnits(const std::string& below, const std::vector<std::string>& read_already) {
    const auto cursor = reader_.Scan(PrefixRange(below));
    int units = 0;
    while (cursor->Valid()) {
      // Rows left out without a word would be worse.
      if (units++ == kMaxUnitsMerged) {
        return error::LimitExceeded("the number of units in one listing (name one in `unit`)",
                                    kMaxUnitsMerged, kMaxUnitsMerged + 1);
      }
      KeyParser parser(cursor->key().substr(below.size()));
      WAYPOST_ASSIGN_OR_RETURN(const std::string unit, parser.Text());
      const std::string prefix = KeyBuilder(below).Text(unit).Take();
      if (!std::binary_search(read_already.begin(), read_already.end(), unit)) {
        WAYPOST_RETURN_IF_ERROR(ReadRuns(*cursor, prefix));
      }
      const std::string end = PrefixRange(prefix).end;
      if (cursor->Valid() && cursor->key() < end) cursor->Seek(end);
    }
    return cursor->status();
  }

  BoxPage Take() && { return std::move(earliest_).Take(); }

 private:
  absl::Status ReadRuns(store::Cursor& cursor, const std::string& prefix) {
    for (const v1::ReferralState state : states_) {
      WAYPOST_RETURN_IF_ERROR(earliest_.Read(cursor, KeyBuilder(prefix).Uint(state).Take(), position_));
    }
    return absl::OkStatus();
  }

  const store::Reader& reader_;
  const std::vector<v1::ReferralState> states_;
  const std::string_view position_;
  Earliest earliest_;
};

// By the same way whether there are any or not.
absl::Status ReadProtected(const BoxQuery& query, BoxReader& rows) {
  const auto read = [&](std::string_view reader) {
    const std::string below = ReaderPrefix(query.body, reader, query.box);
    if (query.reader_unit.empty()) return rows.ReadAllUnits(below, {});
    return rows.ReadUnits(below, {query.reader_unit});
  };
  if (!query.reader.empty()) WAYPOST_RETURN_IF_ERROR(read(query.reader));
  return query.names_readers ? read({}) : absl::OkStatus();
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
  return ReadNames(reader, prefix, range, kNamePrefix, limit);
}

absl::StatusOr<std::vector<std::string>> ListContinuations(const store::Reader& reader, std::string_view name,
                                                           int limit) {
  const std::string prefix = Prefix("next", name);
  return ReadNames(reader, prefix, PrefixRange(prefix), kNamePrefix, limit);
}

absl::StatusOr<bool> Has(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RecordKey(name)));
  return value.has_value();
}

absl::StatusOr<std::optional<ReferralRecord>> WhereItWent(const store::Reader& reader, ReferralRecord at) {
  while (at.state() == kForwarded && !at.forwarded_to().empty()) {
    absl::StatusOr<ReferralRecord> next = Get(reader, at.forwarded_to());
    if (absl::IsNotFound(next.status())) return std::nullopt;
    WAYPOST_RETURN_IF_ERROR(next.status());
    at = *std::move(next);
  }
  return at;
}

absl::StatusOr<std::vector<std::string>> ListUnder(const store::Reader& reader, std::string_view offer,
                                                   std::string_view after, int limit) {
  const std::string prefix = UnderPrefix(offer);
  return ReadNames(
      reader, prefix,
      after.empty() ? PrefixRange(prefix) : store::PrefixRangeAfter(prefix, UnderKey(offer, after)),
      kNamePrefix, limit);
}

void PutUnder(store::Writer& writer, const ReferralRecord& record) {
  MoveUnder(writer, nullptr, record);
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
    const std::string clock = ClockKeyBefore(*before);
    if (!clock.empty() && clock != ClockKey(next)) writer.Delete(clock);
  } else if (!next.forwarded_from().empty()) {
    writer.Put(KeyBuilder(Prefix("next", next.forwarded_from())).Text(IdOfName(next.name())).Take(), "");
  }
  const std::string outbox = summaries.outbox.SerializeAsString();
  const std::string inbox = summaries.inbox.SerializeAsString();
  const std::string coordination = summaries.coordination.SerializeAsString();
  for (const IndexRow& row : rows) writer.Put(row.key, BytesFor(row.box, next, outbox, inbox, coordination));
  if (const std::string clock = ClockKey(next); !clock.empty()) {
    writer.Put(clock, KeyBuilder().Uint(StoredWake(next).wake).Int(next.revision()).Take());
  }
  MoveUnder(writer, before, next);
  PutRetention(writer, before, next);
}

void PutRetention(store::Writer& writer, const ReferralRecord* before, const ReferralRecord& next) {
  MoveRetention(writer, before, next);
  PutRecordAlone(writer, next);
}

void PutRecordAlone(store::Writer& writer, const ReferralRecord& next) {
  writer.Put(RecordKey(next.name()), next.SerializeAsString());
}

absl::StatusOr<BoxPage> ListBox(const store::Reader& reader, const BoxQuery& query, std::string_view position,
                                int limit) {
  BoxReader rows(reader, query, position, static_cast<size_t>(limit));
  const std::string below =
      query.actor.empty() ? BoxPrefix(query.box, query.body) : MinePrefix(query.body, query.actor, query.box);
  WAYPOST_RETURN_IF_ERROR(ReadProtected(query, rows));
  if (!query.units.has_value()) {
    WAYPOST_RETURN_IF_ERROR(rows.ReadAllUnits(below, {}));
    return std::move(rows).Take();
  }
  const std::vector<std::string> units = InOrder(*query.units);
  WAYPOST_RETURN_IF_ERROR(rows.ReadUnits(below, units));
  if (!query.also_assigned_to.empty()) {
    const std::string mine = MinePrefix(query.body, query.also_assigned_to, query.box);
    WAYPOST_RETURN_IF_ERROR(rows.ReadAllUnits(mine, units));
  }
  return std::move(rows).Take();
}

void PutSections(store::Writer& writer, std::string_view name, const std::vector<SectionRecord>& sections) {
  std::map<uint32_t, SectionsRecord> by_person;
  for (const SectionRecord& section : sections) *by_person[section.person()].add_sections() = section;
  for (auto& [person, record] : by_person) {
    record.set_format_version(1);
    writer.Put(SectionsKey(name, person), record.SerializeAsString());
  }
}

absl::Status ReplaceSections(store::Writer& writer, std::string_view name,
                             const std::vector<SectionRecord>& sections) {
  WAYPOST_ASSIGN_OR_RETURN(std::vector<SectionRecord> held, ListSections(writer, name));
  // Of those people alone to whom something changes.
  std::vector<SectionRecord> next = sections;
  for (SectionRecord& section : held) {
    bool same_person = false;
    bool same_section = false;
    for (const SectionRecord& given : sections) {
      if (given.person() != section.person()) continue;
      same_person = true;
      same_section = same_section || given.section() == section.section();
    }
    if (same_person && !same_section) next.push_back(std::move(section));
  }
  PutSections(writer, name, next);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SectionRecord>> ListSections(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(
      std::vector<SectionsRecord> persons,
      ReadAll<SectionsRecord>(reader, PrefixRange(Prefix("s", name)), "sections", kNoLimit));
  std::vector<SectionRecord> sections;
  for (SectionsRecord& person : persons) {
    for (SectionRecord& section : *person.mutable_sections()) sections.push_back(std::move(section));
  }
  return sections;
}

absl::StatusOr<Holdings> Holdings::Load(const store::Reader& reader, std::string_view name) {
  Holdings holdings(name);
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(HoldingsKey(name)));
  if (!value.has_value()) return holdings;
  HoldingsRecord record;
  WAYPOST_RETURN_IF_ERROR(Parse(*value, "keys of a referral", record));
  holdings.wraps_.reserve(static_cast<size_t>(record.wraps_size()));
  for (HeldWrap& held : *record.mutable_wraps()) {
    holdings.wraps_.push_back({.person = held.person(),
                               .body = std::move(*held.mutable_body()),
                               .record = std::move(*held.mutable_wrap())});
  }
  for (HeldReference& held : *record.mutable_own_references()) {
    holdings.stored_lookups_[held.body()] = held.reference().lookup();
    holdings.references_[held.body()] = std::move(*held.mutable_reference());
  }
  for (HeldPersonLookup& held : *record.mutable_person_lookups()) {
    holdings.person_lookups_.push_back({.person = held.person(),
                                        .body = std::move(*held.mutable_body()),
                                        .lookup = std::move(*held.mutable_lookup())});
  }
  holdings.stored_person_lookups_ = holdings.person_lookups_;
  return holdings;
}

std::vector<Wrap> Holdings::WrapsOf(std::string_view body) const {
  std::vector<Wrap> wraps;
  std::copy_if(wraps_.begin(), wraps_.end(), std::back_inserter(wraps),
               [&](const Wrap& wrap) { return wrap.body == body; });
  return wraps;
}

const OwnReferenceRecord* Holdings::OwnReferenceOf(std::string_view body) const {
  const auto found = references_.find(body);
  return found == references_.end() ? nullptr : &found->second;
}

void Holdings::Put(const Wrap& wrap) {
  const auto same = std::find_if(wraps_.begin(), wraps_.end(), [&](const Wrap& held) {
    return held.person == wrap.person && held.body == wrap.body && held.record.scope() == wrap.record.scope();
  });
  if (same == wraps_.end()) {
    wraps_.push_back(wrap);
  } else {
    *same = wrap;
  }
}

void Holdings::EraseWraps(absl::FunctionRef<bool(const Wrap&)> goes) {
  std::erase_if(wraps_, goes);
}

void Holdings::PutOwnReference(std::string_view body, const OwnReferenceRecord& reference) {
  references_.insert_or_assign(std::string(body), reference);
}

void Holdings::EraseOwnReference(std::string_view body) {
  if (const auto found = references_.find(body); found != references_.end()) references_.erase(found);
}

void Holdings::HideFromSearch() {
  for (auto& [body, reference] : references_) reference.clear_lookup();
  person_lookups_.clear();
}

void Holdings::PutPersonLookup(const PersonLookup& lookup) {
  ErasePersonLookups(
      [&](const PersonLookup& held) { return held.person == lookup.person && held.body == lookup.body; });
  person_lookups_.push_back(lookup);
}

void Holdings::ErasePersonLookups(absl::FunctionRef<bool(const PersonLookup&)> goes) {
  std::erase_if(person_lookups_, goes);
}

void Holdings::SaveLookups(store::Writer& writer) const {
  // The lookup of one that is gone would find the referral for ever.
  for (const auto& [body, lookup] : stored_lookups_) {
    const OwnReferenceRecord* now = OwnReferenceOf(body);
    const bool goes = now == nullptr || now->lookup() != lookup;
    if (goes && !lookup.empty()) writer.Delete(LookupKey(name_, body, lookup));
  }
  for (const auto& [body, reference] : references_) {
    const auto stored = stored_lookups_.find(body);
    if (stored != stored_lookups_.end() && stored->second == reference.lookup()) continue;
    if (reference.lookup().empty()) continue;
    writer.Put(LookupKey(name_, body, reference.lookup()), "");
  }
  const auto is_in = [](const std::vector<PersonLookup>& lookups, const PersonLookup& lookup) {
    return std::find(lookups.begin(), lookups.end(), lookup) != lookups.end();
  };
  for (const PersonLookup& lookup : stored_person_lookups_) {
    if (!is_in(person_lookups_, lookup)) writer.Delete(PersonKey(name_, lookup));
  }
  for (const PersonLookup& lookup : person_lookups_) {
    if (!is_in(stored_person_lookups_, lookup)) writer.Put(PersonKey(name_, lookup), "");
  }
}

void Holdings::Save(store::Writer& writer) const {
  SaveLookups(writer);
  HoldingsRecord record;
  record.set_format_version(1);
  for (const Wrap& wrap : wraps_) {
    HeldWrap& held = *record.add_wraps();
    held.set_person(wrap.person);
    held.set_body(wrap.body);
    *held.mutable_wrap() = wrap.record;
  }
  for (const auto& [body, reference] : references_) {
    HeldReference& held = *record.add_own_references();
    held.set_body(body);
    *held.mutable_reference() = reference;
  }
  for (const PersonLookup& lookup : person_lookups_) {
    HeldPersonLookup& held = *record.add_person_lookups();
    held.set_person(lookup.person);
    held.set_body(lookup.body);
    held.set_lookup(lookup.lookup);
  }
  if (wraps_.empty() && references_.empty() && person_lookups_.empty()) {
    writer.Delete(HoldingsKey(name_));
  } else {
    writer.Put(HoldingsKey(name_), record.SerializeAsString());
  }
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

PersonFinder::PersonFinder(const store::Reader& reader, std::string_view body)
    : body_(body), at_(reader.Scan(PrefixRange(KeyBuilder().Text("dup").Text(body).Take()))) {}

absl::Status PersonFinder::Find(std::string_view lookup, int limit, std::vector<FoundPerson>& found) {
  const std::string prefix = PersonPrefix(body_, lookup);
  at_->Seek(prefix);
  for (int i = 0; i < limit && at_->Valid() && at_->key().substr(0, prefix.size()) == prefix; ++i) {
    KeyParser parser(at_->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t person, parser.Uint());
    found.push_back({.referral = NameOfId(Reversed(id)), .person = static_cast<uint32_t>(person)});
    at_->Next();
  }
  return at_->status();
}

absl::StatusOr<bool> IsFoundByPerson(const store::Reader& reader, std::string_view body,
                                     std::string_view lookup, const FoundPerson& person) {
  const PersonLookup row{.person = person.person, .body = std::string(body), .lookup = std::string(lookup)};
  WAYPOST_ASSIGN_OR_RETURN(const auto value, reader.Get(PersonKey(person.referral, row)));
  return value.has_value();
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
  writer.Delete(SectionsKey(name, person));
  WAYPOST_ASSIGN_OR_RETURN(Holdings holdings, Holdings::Load(writer, name));
  holdings.EraseWraps([&](const Wrap& wrap) { return wrap.person == person; });
  holdings.ErasePersonLookups([&](const PersonLookup& lookup) { return lookup.person == person; });
  holdings.Save(writer);
  return absl::OkStatus();
}

absl::Status DeleteContent(store::Writer& writer, std::string_view name) {
  std::vector<std::string> keys;
  const auto at = writer.Scan(PrefixRange(Prefix("s", name)));
  for (; at->Valid(); at->Next()) keys.emplace_back(at->key());
  WAYPOST_RETURN_IF_ERROR(at->status());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<NoteRecord> notes, ListNotes(writer, name, 0, kNoLimit));
  for (const NoteRecord& note : notes) {
    if (note.scope() != storage::v1::KEY_SCOPE_BODY) keys.push_back(NoteKey(name, note.number()));
  }
  for (const std::string& key : keys) writer.Delete(key);
  WAYPOST_ASSIGN_OR_RETURN(Holdings holdings, Holdings::Load(writer, name));
  holdings.EraseWraps([](const Wrap& wrap) { return wrap.record.scope() != storage::v1::KEY_SCOPE_BODY; });
  holdings.ErasePersonLookups([](const PersonLookup&) { return true; });
  holdings.Save(writer);
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

absl::StatusOr<Wakes> ListWakes(const store::Reader& reader, std::string_view after, absl::Time until,
                                int limit) {
  Wakes wakes;
  const std::string prefix = KeyBuilder().Text("clock").Take();
  KeyRange range = after.empty() ? PrefixRange(prefix) : store::PrefixRangeAfter(prefix, after);
  range.end = KeyBuilder(prefix).Time(until + absl::Microseconds(1)).Take();
  if (range.begin >= range.end) return wakes;
  int seen = 0;
  const auto at = reader.Scan(range);
  for (; at->Valid() && seen < limit; at->Next(), ++seen) {
    wakes.last_key = std::string(at->key());
    absl::StatusOr<WakeRow> row = ParseWake(at->key(), prefix.size(), at->value());
    if (row.ok()) {
      wakes.rows.push_back(std::move(*row));
    } else {
      ++wakes.unreadable;
    }
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  wakes.more = seen == limit;
  return wakes;
}

std::string WakeKeyOf(const ReferralRecord& record) {
  return ClockKey(record);
}

absl::StatusOr<std::optional<absl::Time>> GetBeat(const store::Reader& reader) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(BeatKey()));
  if (!value.has_value()) return std::nullopt;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(const absl::Time time, parser.Time());
  return time;
}

void PutBeat(store::Writer& writer, absl::Time time) {
  writer.Put(BeatKey(), KeyBuilder().Time(time).Take());
}

void PutOutage(store::Writer& writer, const Outage& outage) {
  writer.Put(KeyBuilder(OutagesPrefix()).Time(outage.end).Take(), KeyBuilder().Time(outage.begin).Take());
}

absl::StatusOr<std::vector<Outage>> ListOutages(const store::Reader& reader) {
  std::vector<Outage> outages;
  const std::string prefix = OutagesPrefix();
  const auto at = reader.Scan(PrefixRange(prefix));
  for (; at->Valid(); at->Next()) {
    Outage& outage = outages.emplace_back();
    KeyParser key(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(outage.end, key.Time());
    KeyParser value(at->value());
    WAYPOST_ASSIGN_OR_RETURN(outage.begin, value.Time());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return outages;
}

absl::StatusOr<std::vector<Outage>> OutagesFor(const store::Reader& reader, const ReferralRecord& record,
                                               absl::Time now) {
  const auto has_passed = [now](bool runs, const v1::Due& due) {
    return runs && now > api::FromTimestamp(due.time());
  };
  const bool late = has_passed(record.has_due(), record.due()) ||
                    has_passed(record.has_paused_due(), record.paused_due()) ||
                    has_passed(record.has_due_before_cancel(), record.due_before_cancel());
  if (!late) return std::vector<Outage>();
  return ListOutages(reader);
}

absl::Status DeleteOutages(store::Writer& writer, absl::Time before, absl::Time after) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<Outage> outages, ListOutages(writer));
  for (const Outage& outage : outages) {
    const bool goes = outage.end < before || outage.end > after;
    if (goes) writer.Delete(KeyBuilder(OutagesPrefix()).Time(outage.end).Take());
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral::rows
