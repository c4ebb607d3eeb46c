#include "services/directory/directory_repository.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "common/api/resource.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rules.h"
#include "services/directory/errors.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"
#include "services/directory/succession.h"
#include "services/directory/tasks.h"
#include "services/directory/territory_register.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"

namespace waypost::directory {
namespace {

namespace records = storage::v1;

using store::Cursor;
using store::KeyBuilder;
using store::KeyParser;
using store::KeyRange;
using store::Reader;
using store::Writer;

constexpr uint32_t kFormatVersion = 1;

using Keys = std::vector<std::string>;

// --- Kinds of resource ------------------------------------------------------------------------------

template <typename Resource>
struct Kind;

template <>
struct Kind<v1::Body> {
  static constexpr std::string_view kTable = "body";
  static constexpr ResourceKind kKind = ResourceKind::kBody;
  static bool In(const records::ResourceRecord& record) { return record.has_body(); }
  static v1::Body* Mutable(records::ResourceRecord& record) { return record.mutable_body(); }
};

template <>
struct Kind<v1::Unit> {
  static constexpr std::string_view kTable = "unit";
  static constexpr ResourceKind kKind = ResourceKind::kUnit;
  static bool In(const records::ResourceRecord& record) { return record.has_unit(); }
  static v1::Unit* Mutable(records::ResourceRecord& record) { return record.mutable_unit(); }
};

template <>
struct Kind<v1::Offer> {
  static constexpr std::string_view kTable = "offer";
  static constexpr ResourceKind kKind = ResourceKind::kOffer;
  static bool In(const records::ResourceRecord& record) { return record.has_offer(); }
  static v1::Offer* Mutable(records::ResourceRecord& record) { return record.mutable_offer(); }
};

template <>
struct Kind<v1::Programme> {
  static constexpr std::string_view kTable = "programme";
  static constexpr ResourceKind kKind = ResourceKind::kProgramme;
  static bool In(const records::ResourceRecord& record) { return record.has_programme(); }
  static v1::Programme* Mutable(records::ResourceRecord& record) { return record.mutable_programme(); }
};

template <>
struct Kind<v1::CoordinationAgreement> {
  static constexpr std::string_view kTable = "agreement";
  static constexpr ResourceKind kKind = ResourceKind::kCoordinationAgreement;
  static bool In(const records::ResourceRecord& record) { return record.has_coordination_agreement(); }
  static v1::CoordinationAgreement* Mutable(records::ResourceRecord& record) {
    return record.mutable_coordination_agreement();
  }
};

template <>
struct Kind<v1::Succession> {
  static constexpr std::string_view kTable = "succession";
  static constexpr ResourceKind kKind = ResourceKind::kSuccession;
  static bool In(const records::ResourceRecord& record) { return record.has_succession(); }
  static v1::Succession* Mutable(records::ResourceRecord& record) { return record.mutable_succession(); }
};

// --- Keys -------------------------------------------------------------------------------------------

KeyBuilder Table(std::string_view table) {
  return std::move(KeyBuilder().Text(table));
}

// The id in a name that has been checked, or was stored by us; empty otherwise.
std::string_view IdIn(ResourceKind kind, std::string_view name) {
  return IdOf(kind, name).value_or("");
}
std::string_view BodyId(std::string_view name) {
  return IdIn(ResourceKind::kBody, name);
}
std::string_view OfferId(std::string_view name) {
  return IdIn(ResourceKind::kOffer, name);
}
std::string_view ProgrammeId(std::string_view name) {
  return IdIn(ResourceKind::kProgramme, name);
}

std::string UnitsPrefix(std::string_view body) {
  return Table("unit").Text(BodyId(body)).Take();
}

// nullopt for a name that is not one of this kind.
template <typename Resource>
std::optional<std::string> RecordKey(std::string_view name) {
  const std::optional<ResourceName> parsed = ParseName(name);
  if (!parsed || parsed->kind != Kind<Resource>::kKind) return std::nullopt;
  KeyBuilder key = Table(Kind<Resource>::kTable);
  if (parsed->kind == ResourceKind::kUnit) key.Text(parsed->parent_id);
  return key.Text(parsed->id).Take();
}

// What is recorded for a theme and exactly one territory stands together, so that a question finds all of it
// in one walk.
enum class AtPlace : uint64_t { kCompetence = 1, kOffer = 2, kAgreement = 3 };

std::string PlacePrefix(type::v1::Theme theme, std::string_view code) {
  return Table("place").Uint(static_cast<uint64_t>(theme)).Text(code).Take();
}
std::string PlacePrefix(AtPlace kind, type::v1::Theme theme, std::string_view code) {
  return KeyBuilder(PlacePrefix(theme, code)).Uint(static_cast<uint64_t>(kind)).Take();
}

std::string SuccessionsFromPrefix(std::string_view body) {
  return Table("succession.from").Text(BodyId(body)).Take();
}
std::string SuccessionsToPrefix(std::string_view body) {
  return Table("succession.to").Text(BodyId(body)).Take();
}

// A row that is there once there is a succession: where none is, a question is spared the walks for them.
std::string AnySuccessionKey() {
  return Table("succession.any").Take();
}

std::string OpenSuccessionsPrefix() {
  return Table("succession.open").Take();
}
std::string ProviderBeforeKey(std::string_view offer) {
  return Table("offer.before").Text(OfferId(offer)).Take();
}

std::string ChangeKey(uint64_t position) {
  return Table("change").Uint(position).Take();
}
std::string ChangePlaceKey(std::string_view resource) {
  return Table("change.place").Text(resource).Take();
}
std::string ChangeHeadKey() {
  return Table("change.head").Take();
}

// --- Index entries of a resource --------------------------------------------------------------------

// What a question for a route begins with.
Keys RouteKeys(const v1::Body& body) {
  Keys keys;
  for (const v1::Competence& competence : body.competences()) {
    keys.push_back(KeyBuilder(PlacePrefix(AtPlace::kCompetence, competence.theme(), competence.territory()))
                       .Uint(static_cast<uint64_t>(body.level()))  // the nearest are found first
                       .Text(BodyId(body.name()))
                       .Take());
  }
  return keys;
}
Keys RouteKeys(const v1::Offer& offer) {
  Keys keys;
  for (const std::string& code : offer.territories()) {
    keys.push_back(
        KeyBuilder(PlacePrefix(AtPlace::kOffer, offer.theme(), code)).Text(OfferId(offer.name())).Take());
  }
  return keys;
}
Keys RouteKeys(const v1::CoordinationAgreement& agreement) {
  return {KeyBuilder(PlacePrefix(AtPlace::kAgreement, agreement.theme(), agreement.territory()))
              .Text(IdIn(ResourceKind::kCoordinationAgreement, agreement.name()))
              .Take()};
}
Keys RouteKeys(const v1::Succession&) {
  return {AnySuccessionKey()};
}
template <typename Resource>
Keys RouteKeys(const Resource&) {
  return {};
}

Keys IndexKeys(const v1::Body& body) {
  const std::string_view id = BodyId(body.name());
  Keys keys;
  keys.push_back(Table("body.kind").Uint(static_cast<uint64_t>(body.kind())).Text(id).Take());
  keys.push_back(Table("body.level").Uint(static_cast<uint64_t>(body.level())).Text(id).Take());
  if (!body.parent().empty())
    keys.push_back(Table("body.parent").Text(BodyId(body.parent())).Text(id).Take());
  for (const v1::Membership& membership : body.memberships()) {
    keys.push_back(Table("body.member").Text(BodyId(membership.association())).Text(id).Take());
  }
  return keys;
}

Keys IndexKeys(const v1::Offer& offer) {
  const std::string_view id = OfferId(offer.name());
  Keys keys;
  keys.push_back(Table("offer.provider").Text(BodyId(offer.provider())).Text(id).Take());
  if (!offer.programme().empty()) {
    keys.push_back(Table("offer.programme").Text(ProgrammeId(offer.programme())).Text(id).Take());
  }
  return keys;
}

Keys IndexKeys(const v1::Succession& succession) {
  const std::string_view id = IdIn(ResourceKind::kSuccession, succession.name());
  Keys keys = {KeyBuilder(SuccessionsFromPrefix(succession.predecessor())).Text(id).Take()};
  for (const v1::SuccessionShare& share : succession.shares()) {
    keys.push_back(KeyBuilder(SuccessionsToPrefix(share.successor())).Text(id).Take());
  }
  return keys;
}

template <typename Resource>
Keys IndexKeys(const Resource&) {
  return {};
}

// --- What becomes due ---------------------------------------------------------------------------------

int64_t DayNumber(absl::CivilDay day) {
  return day - absl::CivilDay(1970, 1, 1);
}
absl::CivilDay DayOfNumber(int64_t number) {
  return absl::CivilDay(1970, 1, 1) + number;
}
// Of a date that we wrote.
int64_t DayNumber(std::string_view date) {
  return DayNumber(ParseDate(date).value_or(absl::CivilDay()));
}

std::string TaskPrefix(std::string_view body_id) {
  return Table("task").Text(body_id).Take();
}
std::string TaskEndPrefix(std::string_view body_id) {
  return Table("task.end").Text(body_id).Take();
}
std::string OffersUnderPrefix(std::string_view body_id) {
  return Table("offer.under").Text(body_id).Take();
}

// Of an offer or an enquiry.
std::string_view SubjectId(const v1::DirectoryTask& task) {
  return task.kind() == v1::DIRECTORY_TASK_KIND_ENQUIRY_UNANSWERED
             ? IdIn(ResourceKind::kEnquiry, task.resource())
             : OfferId(task.resource());
}

std::string TaskKey(std::string_view body_id, const v1::DirectoryTask& task) {
  const auto kind = static_cast<uint64_t>(task.kind());
  if (!EndsByItself(task.kind())) {
    return KeyBuilder(TaskPrefix(body_id))
        .Int(DayNumber(task.since_date()))
        .Uint(kind)
        .Text(SubjectId(task))
        .Text(task.kind() == v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE ? task.language() : task.group_id())
        .Take();
  }
  KeyBuilder key(TaskEndPrefix(body_id));
  key.Int(DayNumber(task.end_date())).Uint(kind);
  if (task.kind() == v1::DIRECTORY_TASK_KIND_AGREEMENT_ENDING)
    return key.Text(IdIn(ResourceKind::kCoordinationAgreement, task.resource())).Take();
  return key.Uint(static_cast<uint64_t>(task.theme()))
      .Uint(static_cast<uint64_t>(task.function()))
      .Text(task.territory())
      .Take();
}

// What the rest of a key under TaskPrefix or TaskEndPrefix says; `body_id` is the one of its prefix.
absl::StatusOr<v1::DirectoryTask> TaskOfKey(std::string_view body_id, bool ends, KeyParser rest) {
  v1::DirectoryTask task;
  WAYPOST_ASSIGN_OR_RETURN(const int64_t day, rest.Int());
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t kind, rest.Uint());
  task.set_kind(static_cast<v1::DirectoryTaskKind>(kind));
  task.set_since_date(DateOf(DayOfNumber(ends ? day - kTaskAheadDays : day)));
  if (!ends) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
    const bool is_review = task.kind() == v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE;
    WAYPOST_ASSIGN_OR_RETURN(*(is_review ? task.mutable_language() : task.mutable_group_id()), rest.Text());
    const bool enquiry = task.kind() == v1::DIRECTORY_TASK_KIND_ENQUIRY_UNANSWERED;
    task.set_resource(enquiry ? EnquiryName(id) : OfferName(id));
    return task;
  }
  task.set_end_date(DateOf(DayOfNumber(day)));
  if (task.kind() == v1::DIRECTORY_TASK_KIND_AGREEMENT_ENDING) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string agreement, rest.Text());
    task.set_resource(CoordinationAgreementName(agreement));
    return task;
  }
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t theme, rest.Uint());
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t function, rest.Uint());
  WAYPOST_ASSIGN_OR_RETURN(*task.mutable_territory(), rest.Text());
  task.set_resource(BodyName(body_id));
  task.set_theme(static_cast<type::v1::Theme>(theme));
  task.set_function(static_cast<v1::CompetenceFunction>(function));
  return task;
}

template <typename Resource>
Keys TaskKeys(std::string_view body_id, const Resource& resource) {
  Keys keys;
  for (const v1::DirectoryTask& task : TasksOf(resource)) keys.push_back(TaskKey(body_id, task));
  return keys;
}

Keys DueKeys(const v1::Body& body) {
  return TaskKeys(BodyId(body.name()), body);
}
Keys DueKeys(const v1::Offer& offer) {
  Keys keys = TaskKeys(BodyId(offer.provider()), offer);
  if (NeedsItsProgramme(offer)) {
    keys.push_back(KeyBuilder(OffersUnderPrefix(BodyId(offer.provider())))
                       .Text(ProgrammeId(offer.programme()))
                       .Text(OfferId(offer.name()))
                       .Take());
  }
  return keys;
}
Keys DueKeys(const v1::CoordinationAgreement& agreement) {
  return TaskKeys(BodyId(agreement.body()), agreement);
}
Keys DueKeys(const v1::Enquiry& enquiry) {
  return TaskKeys(BodyId(enquiry.body()), enquiry);
}
std::string OpenSuccessionKey(int64_t from, std::string_view name) {
  return KeyBuilder(OpenSuccessionsPrefix()).Int(from).Text(IdIn(ResourceKind::kSuccession, name)).Take();
}
// The offers are to be handed on of a body that is no more, or where they go with a competence.
bool OffersGo(const v1::Succession& succession) {
  return succession.kind() != v1::SUCCESSION_KIND_COMPETENCE_MOVED || succession.offers_follow();
}
// The day from which `other` has what `ended` had kept from it, both of one predecessor; nothing where it
// never does, or takes over no offers.
std::optional<absl::CivilDay> HasTheRestFrom(const v1::Succession& other, const v1::Succession& ended) {
  const std::optional<absl::CivilDay> last = ParseDate(ended.period().end_date());
  const std::optional<absl::CivilDay> first = ParseDate(other.period().start_date());
  if (other.name() == ended.name() || !OffersGo(other) || !last || !first || *first > *last)
    return std::nullopt;
  const std::optional<absl::CivilDay> end = ParseDate(other.period().end_date());
  if (end && *end <= *last) return std::nullopt;
  return *last + 1;
}
Keys DueKeys(const v1::Succession& succession) {
  const std::string_view id = IdIn(ResourceKind::kSuccession, succession.name());
  Keys keys = {KeyBuilder(DueSuccessionsPrefix()).Text(succession.period().start_date()).Text(id).Take()};
  if (OffersGo(succession))
    keys.push_back(OpenSuccessionKey(DayNumber(succession.period().start_date()), succession.name()));
  return keys;
}
template <typename Resource>
Keys DueKeys(const Resource&) {
  return {};
}

// Spares the frequent small change, as a report of capacity, the making of hundreds of keys. False is always
// safe.
bool SameIndex(const v1::Offer& a, const v1::Offer& b) {
  return a.theme() == b.theme() && a.provider() == b.provider() && a.programme() == b.programme() &&
         std::equal(a.territories().begin(), a.territories().end(), b.territories().begin(),
                    b.territories().end());
}
template <typename Resource>
bool SameIndex(const Resource&, const Resource&) {
  return false;
}

void SortUnique(Keys& keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

void WriteIndex(Writer& writer, Keys before, Keys after) {
  SortUnique(before);
  SortUnique(after);
  Keys gone;
  Keys come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(gone));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(come));
  for (const std::string& key : gone) writer.Delete(key);
  for (const std::string& key : come) writer.Put(key, "");
}

// --- Records ----------------------------------------------------------------------------------------

template <typename Message>
absl::StatusOr<std::optional<Message>> Read(const Reader& reader, std::string_view key,
                                            std::string_view what) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(key));
  if (!bytes) return std::nullopt;
  Message message;
  if (!message.ParseFromString(*bytes) || message.format_version() != kFormatVersion)
    return error::DataLoss(what);
  return message;
}

template <typename Resource>
absl::StatusOr<Stored<Resource>> Decode(std::string_view bytes) {
  records::ResourceRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.format_version() != kFormatVersion || !Kind<Resource>::In(record)) {
    return error::DataLoss(base::Cat(Kind<Resource>::kTable, " record"));
  }
  return Stored<Resource>{std::move(*Kind<Resource>::Mutable(record)), record.revision(),
                          std::move(*record.mutable_counted())};
}

template <typename Resource>
absl::StatusOr<std::optional<Stored<Resource>>> Find(const Reader& reader, std::string_view key) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(key));
  if (!bytes) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(Stored<Resource> stored, Decode<Resource>(*bytes));
  return stored;
}

// Gives the resource its one entry in the feed, at a new position.
absl::Status WriteChange(Writer& writer, std::string_view resource, int64_t revision, absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<records::FeedHead> head,
                           Read<records::FeedHead>(writer, ChangeHeadKey(), "change head"));
  const std::string place_key = ChangePlaceKey(resource);
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<records::FeedPlace> old_place,
                           Read<records::FeedPlace>(writer, place_key, "change place"));
  if (old_place) writer.Delete(ChangeKey(old_place->position()));
  if (!head) head.emplace();
  head->set_format_version(kFormatVersion);
  head->set_position(head->position() + 1);
  records::FeedPlace place;
  place.set_format_version(kFormatVersion);
  place.set_position(head->position());
  records::ChangeRecord change;
  change.set_format_version(kFormatVersion);
  change.set_resource(std::string(resource));
  change.set_revision(revision);
  *change.mutable_time() = api::ToTimestamp(now);
  writer.Put(ChangeHeadKey(), head->SerializeAsString());
  writer.Put(place_key, place.SerializeAsString());
  writer.Put(ChangeKey(head->position()), change.SerializeAsString());
  return absl::OkStatus();
}

// The row alone. Gives back what it has written.
template <typename Resource>
Stored<Resource> PutRecord(Writer& writer, const std::string& key, Stored<Resource> stored) {
  records::ResourceRecord record;
  record.set_format_version(kFormatVersion);
  record.set_revision(stored.revision);
  *Kind<Resource>::Mutable(record) = std::move(stored.resource);
  *record.mutable_counted() = std::move(stored.counted);
  writer.Put(key, record.SerializeAsString());
  return Stored<Resource>{std::move(*Kind<Resource>::Mutable(record)), stored.revision,
                          std::move(*record.mutable_counted())};
}

template <typename Resource>
absl::StatusOr<Stored<Resource>> Write(Writer& writer, const std::string& key, Stored<Resource> changed,
                                       absl::Time now) {
  Stored<Resource> stored = PutRecord(writer, key, std::move(changed));
  WAYPOST_RETURN_IF_ERROR(WriteChange(writer, stored.resource.name(), stored.revision, now));
  return stored;
}

// --- Pages ------------------------------------------------------------------------------------------

// A range that begins with whole elements: entries under `prefix`, of which some are read.
struct Segment {
  std::string prefix;
  KeyRange range;
};

// The ranges still to be read after `position`, which lies in one of them.
absl::StatusOr<std::vector<KeyRange>> RangesAfter(const Keys& prefixes, std::string_view position) {
  std::vector<KeyRange> ranges;
  bool reached = position.empty();
  for (const std::string& prefix : prefixes) {
    if (reached) {
      ranges.push_back(store::PrefixRange(prefix));
    } else if (position.starts_with(prefix)) {
      ranges.push_back(store::PrefixRangeAfter(prefix, position));
      reached = true;
    }
  }
  if (!reached) return error::PageTokenInvalid();
  return ranges;
}

// Calls take(key, value), which returns the size of what it took, for at most `limit` entries of the ranges
// and kMaxAnswerBytes, in their order. Returns the key of the last one taken when there are more, empty
// otherwise. REQUIRES: limit > 0.
template <typename Take>
absl::StatusOr<std::string> Walk(const Reader& reader, const std::vector<KeyRange>& ranges, int limit,
                                 Take&& take) {
  std::string last;
  int taken = 0;
  size_t bytes = 0;
  for (const KeyRange& range : ranges) {
    const std::unique_ptr<Cursor> at = reader.Scan(range);
    for (; at->Valid(); at->Next()) {
      if (!last.empty()) return last;
      absl::StatusOr<size_t> size = take(at->key(), at->value());
      WAYPOST_RETURN_IF_ERROR(size.status());
      ++taken;
      bytes += *size;
      if (taken == limit || bytes >= kMaxAnswerBytes) last = std::string(at->key());
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  return std::string();
}

// A page of the records themselves.
template <typename Resource>
absl::StatusOr<Page<Resource>> PageOfRecords(const Reader& reader, const std::string& prefix,
                                             std::string_view position, int limit) {
  Page<Resource> page;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<KeyRange> ranges, RangesAfter({prefix}, position));
  const auto take = [&page](std::string_view, std::string_view value) -> absl::StatusOr<size_t> {
    WAYPOST_ASSIGN_OR_RETURN(Stored<Resource> stored, Decode<Resource>(value));
    page.items.push_back(std::move(stored));
    return value.size();
  };
  WAYPOST_ASSIGN_OR_RETURN(page.next, Walk(reader, ranges, limit, take));
  return page;
}

// The last element of an index key: the id that it stands for.
absl::StatusOr<std::string> LastText(std::string_view key, std::string_view prefix) {
  return KeyParser(key.substr(prefix.size())).Text();
}

template <typename Resource>
absl::StatusOr<Stored<Resource>> GetIndexed(const Reader& reader, std::string_view id) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Stored<Resource>> stored,
                           Find<Resource>(reader, Table(Kind<Resource>::kTable).Text(id).Take()));
  if (!stored) return error::DataLoss(base::Cat(Kind<Resource>::kTable, " index"));
  return *std::move(stored);
}

// The records of these ids, in their order: read together, which costs less than one by one.
template <typename Resource>
absl::StatusOr<std::vector<Stored<Resource>>> GetManyIndexed(const Reader& reader,
                                                             const std::vector<std::string>& ids) {
  Keys keys;
  keys.reserve(ids.size());
  for (const std::string& id : ids) keys.push_back(Table(Kind<Resource>::kTable).Text(id).Take());
  WAYPOST_ASSIGN_OR_RETURN(const auto rows, reader.GetMany(keys));
  std::vector<Stored<Resource>> resources;
  resources.reserve(rows.size());
  for (const std::optional<std::string>& bytes : rows) {
    if (!bytes) return error::DataLoss(base::Cat(Kind<Resource>::kTable, " index"));
    WAYPOST_ASSIGN_OR_RETURN(Stored<Resource> stored, Decode<Resource>(*bytes));
    resources.push_back(std::move(stored));
  }
  return resources;
}

// A page through index entries (prefix…, id), the prefixes one after the other.
template <typename Resource>
absl::StatusOr<Page<Resource>> PageOfIndex(const Reader& reader, const Keys& prefixes,
                                           std::string_view position, int limit) {
  Page<Resource> page;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<KeyRange> ranges, RangesAfter(prefixes, position));
  const auto take = [&](std::string_view key, std::string_view) -> absl::StatusOr<size_t> {
    const auto prefix = std::find_if(prefixes.begin(), prefixes.end(),
                                     [key](const std::string& each) { return key.starts_with(each); });
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, LastText(key, *prefix));
    WAYPOST_ASSIGN_OR_RETURN(Stored<Resource> stored, GetIndexed<Resource>(reader, id));
    page.items.push_back(std::move(stored));
    return page.items.back().resource.ByteSizeLong();
  };
  WAYPOST_ASSIGN_OR_RETURN(page.next, Walk(reader, ranges, limit, take));
  return page;
}

// The successions under an index prefix, at most `limit`.
absl::StatusOr<std::vector<v1::Succession>> SuccessionsUnder(const Reader& reader, const std::string& prefix,
                                                             int limit) {
  std::vector<v1::Succession> successions;
  const auto take = [&](std::string_view key, std::string_view) -> absl::StatusOr<size_t> {
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, LastText(key, prefix));
    WAYPOST_ASSIGN_OR_RETURN(Stored<v1::Succession> stored, GetIndexed<v1::Succession>(reader, id));
    successions.push_back(std::move(stored.resource));
    return size_t{0};
  };
  WAYPOST_RETURN_IF_ERROR(Walk(reader, {store::PrefixRange(prefix)}, limit, take).status());
  return successions;
}

absl::StatusOr<std::vector<v1::Succession>> SuccessionsFrom(const Reader& reader, std::string_view body) {
  return SuccessionsUnder(reader, SuccessionsFromPrefix(body), kMaxSuccessionsOfBody);
}

// --- Tasks --------------------------------------------------------------------------------------------

// Reads the tasks of one body. Lives for one page.
class TaskReader {
 public:
  TaskReader(const Reader& reader, std::string_view body, absl::CivilDay today)
      : reader_(reader), body_id_(BodyId(body)), today_(today) {}

  absl::StatusOr<TaskPage> Read(std::string_view position, int limit);

 private:
  absl::Status AddProgrammes();
  absl::StatusOr<v1::DirectoryTask> TaskAt(std::string_view key, const Segment& segment) const;

  const Reader& reader_;
  const std::string body_id_;
  const absl::CivilDay today_;
  std::vector<Segment> segments_;
  // Of the segments after the first two.
  std::vector<v1::DirectoryTask> of_programmes_;
};

// Leaps from programme to programme: there are few, with many offers.
absl::Status TaskReader::AddProgrammes() {
  const std::string prefix = OffersUnderPrefix(body_id_);
  const std::unique_ptr<Cursor> at = reader_.Scan(store::PrefixRange(prefix));
  for (int seen = 0; at->Valid() && seen < kMaxProgrammesOfBody; ++seen) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, KeyParser(at->key().substr(prefix.size())).Text());
    WAYPOST_ASSIGN_OR_RETURN(const auto programme, GetIndexed<v1::Programme>(reader_, id));
    std::string under = KeyBuilder(prefix).Text(id).Take();
    KeyRange range = store::PrefixRange(under);
    const std::string end = range.end;
    if (std::optional<v1::DirectoryTask> task = TaskOfProgramme(programme.resource, today_)) {
      of_programmes_.push_back(*std::move(task));
      segments_.push_back({std::move(under), std::move(range)});
    }
    at->Seek(end);
  }
  return at->status();
}

absl::StatusOr<v1::DirectoryTask> TaskReader::TaskAt(std::string_view key, const Segment& segment) const {
  KeyParser rest(key.substr(segment.prefix.size()));
  const size_t index = static_cast<size_t>(&segment - segments_.data());
  if (index < 2) return TaskOfKey(body_id_, /*ends=*/index == 1, rest);
  WAYPOST_ASSIGN_OR_RETURN(const std::string offer, rest.Text());
  v1::DirectoryTask task = of_programmes_[index - 2];
  task.set_resource(OfferName(offer));
  return task;
}

absl::StatusOr<TaskPage> TaskReader::Read(std::string_view position, int limit) {
  const auto until = [](const std::string& prefix, absl::CivilDay day) {
    return KeyBuilder(prefix).Int(DayNumber(day)).Take();
  };
  const std::string due = TaskPrefix(body_id_);
  const std::string ends = TaskEndPrefix(body_id_);
  segments_.push_back({due, {.begin = due, .end = until(due, today_ + 1)}});
  segments_.push_back(
      {ends, {.begin = until(ends, today_), .end = until(ends, today_ + kTaskAheadDays + 1)}});
  WAYPOST_RETURN_IF_ERROR(AddProgrammes());
  std::vector<KeyRange> ranges;
  bool reached = position.empty();
  for (const Segment& segment : segments_) {
    KeyRange range = segment.range;
    if (!reached && !position.starts_with(segment.prefix)) continue;
    if (!reached) range.begin = store::PrefixRangeAfter(segment.prefix, position).begin;
    reached = true;
    // Days may have passed since the last page.
    if (range.begin < range.end) ranges.push_back(std::move(range));
  }
  if (!reached) return error::PageTokenInvalid();
  TaskPage page;
  const auto take = [&](std::string_view key, std::string_view) -> absl::StatusOr<size_t> {
    const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                      [key](const Segment& each) { return key.starts_with(each.prefix); });
    WAYPOST_ASSIGN_OR_RETURN(v1::DirectoryTask task, TaskAt(key, *segment));
    page.tasks.push_back(std::move(task));
    return page.tasks.back().ByteSizeLong();
  };
  WAYPOST_ASSIGN_OR_RETURN(page.next, Walk(reader_, ranges, limit, take));
  return page;
}

// The keys of a row in one of the tables below that a store from before may lack.
template <typename Resource>
absl::StatusOr<Keys> LaterKeysOf(std::string_view bytes) {
  WAYPOST_ASSIGN_OR_RETURN(const Stored<Resource> stored, Decode<Resource>(bytes));
  Keys keys = DueKeys(stored.resource);
  const Keys route = RouteKeys(stored.resource);
  keys.insert(keys.end(), route.begin(), route.end());
  return keys;
}

absl::StatusOr<Keys> LaterKeysOfEnquiry(std::string_view bytes) {
  records::EnquiryRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.format_version() != kFormatVersion) {
    return error::DataLoss("enquiry record");
  }
  return DueKeys(record.enquiry());
}

// 2: with what NextInheritance reads. 3: with the tasks of enquiries and what EnquiryMover reads. 4: with
// what is recorded for a place in one table.
constexpr uint32_t kIndexGeneration = 4;

std::string IndexProgressKey() {
  return Table("index.progress").Take();
}

// --- References -------------------------------------------------------------------------------------

// Looks up what resources refer to, and collects what is wrong.
class References {
 public:
  explicit References(const Reader& reader) : reader_(reader) {}

  // nullopt, with a violation, when there is no such resource.
  template <typename Resource>
  absl::StatusOr<std::optional<Stored<Resource>>> Find(std::string_view field, std::string_view name) {
    const std::optional<std::string> key = RecordKey<Resource>(name);
    std::optional<Stored<Resource>> found;
    if (key) {
      WAYPOST_ASSIGN_OR_RETURN(found, directory::Find<Resource>(reader_, *key));
    }
    if (!found) violations_.Add(field, "does not exist");
    return found;
  }

  void Add(std::string_view field, std::string_view description) { violations_.Add(field, description); }
  error::FieldViolations& violations() { return violations_; }
  absl::Status ToStatus() const { return violations_.ToStatus(); }

 private:
  const Reader& reader_;
  error::FieldViolations violations_;
};

// A body that comes to have part in cases: an enforcement body does not.
absl::Status FindWhoTakesCases(References& references, std::string_view field, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const auto body, references.Find<v1::Body>(field, name));
  if (body && body->resource.enforcement()) {
    references.Add(field, "is an enforcement body, which takes no part in cases");
  }
  return absl::OkStatus();
}

// How many bodies stand in line above `body`; nullopt, with a violation, where it would be above itself, or
// where they are too many or one of them does not exist.
absl::StatusOr<std::optional<int>> CountAbove(References& references, const v1::Body& body) {
  std::string above = body.parent();
  int count = 0;
  for (; !above.empty(); ++count) {
    if (above == body.name()) {
      references.Add("body.parent", "is below this body");
      return std::nullopt;
    }
    if (count == kMaxParents) {
      references.Add("body.parent", base::Cat("has more than ", kMaxParents, " bodies in line above"));
      return std::nullopt;
    }
    WAYPOST_ASSIGN_OR_RETURN(const auto parent, references.Find<v1::Body>("body.parent", above));
    if (!parent) return std::nullopt;
    above = parent->resource.parent();
  }
  return count;
}

// Does a body lie more than `levels` levels below this one? LIMIT_EXCEEDED when there are too many to look
// at.
absl::StatusOr<bool> ReachesBelow(const Reader& reader, std::string_view body, int levels) {
  std::vector<std::pair<std::string, int>> open = {{std::string(BodyId(body)), 0}};  // with how deep they lie
  int seen = 0;
  while (!open.empty()) {
    const auto [id, depth] = std::move(open.back());
    open.pop_back();
    const std::string prefix = Table("body.parent").Text(id).Take();
    const std::unique_ptr<Cursor> at = reader.Scan(store::PrefixRange(prefix));
    for (; at->Valid(); at->Next()) {
      if (depth == levels) return true;
      if (++seen > kMaxBodiesBelow) {
        return error::LimitExceeded("bodies below one that is given a parent", kMaxBodiesBelow, seen);
      }
      WAYPOST_ASSIGN_OR_RETURN(std::string child, LastText(at->key(), prefix));
      open.emplace_back(std::move(child), depth + 1);
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  return false;
}

// No body is above itself, and nothing lies deeper than the limit: neither this one nor what is below it.
absl::Status CheckParents(const Reader& reader, References& references, const v1::Body& body) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<int> above, CountAbove(references, body));
  // Without a parent nothing can come to lie deeper than before.
  if (above.value_or(0) == 0) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const bool too_deep, ReachesBelow(reader, body.name(), kMaxParents - *above));
  if (too_deep) {
    references.Add("body.parent",
                   base::Cat("puts a body below this one under more than ", kMaxParents, " bodies in line"));
  }
  return absl::OkStatus();
}

bool HadAssociation(const v1::Body* before, std::string_view association) {
  return before != nullptr &&
         std::any_of(before->memberships().begin(), before->memberships().end(),
                     [association](const v1::Membership& each) { return each.association() == association; });
}

bool HadPartner(const v1::Programme* before, std::string_view partner) {
  return before != nullptr &&
         std::find(before->partners().begin(), before->partners().end(), partner) != before->partners().end();
}

bool HadUnit(const v1::Body* before, std::string_view unit) {
  return before != nullptr && std::any_of(before->contacts().begin(), before->contacts().end(),
                                          [unit](const v1::Contact& each) { return each.unit() == unit; });
}

// --- Routing ----------------------------------------------------------------------------------------

// Forward to the first row at or after `key`.
void LeapTo(std::string_view key, Cursor& at) {
  if (at.Valid() && at.key() < key) at.Seek(key);
}

// Is there a competence, or an offer if they count, for a territory within `code`, other than `code` itself?
// nullopt: not in the first kMaxRouteEntries places where anything is recorded, and there are more.
absl::StatusOr<std::optional<bool>> HasParts(const Reader& reader, type::v1::Theme theme,
                                             std::string_view code, bool offers_count) {
  // A text ends with two bytes, below every character of a code: leaving them off gives what it begins.
  const auto open = [theme](std::string_view text) {
    std::string prefix = PlacePrefix(theme, text);
    prefix.resize(prefix.size() - 2);
    return prefix;
  };
  const bool local = code.find('/') != std::string_view::npos;
  const std::string begins =
      code == territory::kWholeUnion ? open("") : open(local ? base::Cat(code, "/") : std::string(code));
  const size_t before_code = Table("place").Uint(static_cast<uint64_t>(theme)).Take().size();
  const std::unique_ptr<Cursor> at = reader.Scan({.begin = begins, .end = begins + '\xFF'});
  for (int seen = 0; at->Valid(); ++seen) {
    KeyParser rest(at->key().substr(before_code));
    WAYPOST_ASSIGN_OR_RETURN(const std::string place, rest.Text());
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t number, rest.Uint());
    const auto kind = static_cast<AtPlace>(number);
    const bool counts = kind == AtPlace::kCompetence || (kind == AtPlace::kOffer && offers_count);
    if (place != code && counts) return true;
    if (seen == kMaxRouteEntries) return std::nullopt;
    LeapTo(PlacePrefix(theme, place) + '\xFF', *at);
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return false;
}

// What is recorded for one territory: ids, by what they are of.
struct EntriesOfPlace {
  std::string_view code;
  std::map<AtPlace, std::vector<std::string>> ids;
};

// What is recorded of `kinds`, in their order, for a territory and for each that covers it, the nearest
// first; at most `limit` of each. One cursor goes over them in the order of the keys, and leaps only where
// something may lie in between: to make a cursor and to place it is most of what a question costs.
absl::StatusOr<std::vector<EntriesOfPlace>> EntriesOver(const Reader& reader, std::span<const AtPlace> kinds,
                                                        type::v1::Theme theme, std::string_view territory,
                                                        size_t limit) {
  std::vector<EntriesOfPlace> places;
  std::map<std::string_view, size_t> in_order;  // the codes in the order of the keys, with their places
  for (const std::string_view code : territory::CoveringCodes(territory)) {
    in_order.emplace(code, places.size());
    places.push_back({.code = code, .ids = {}});
  }
  store::KeyRange range = store::PrefixRange(PlacePrefix(theme, in_order.rbegin()->first));
  range.begin = PlacePrefix(kinds.front(), theme, in_order.begin()->first);
  const std::unique_ptr<Cursor> at = reader.Scan(range);
  for (const auto& [code, place] : in_order) {
    for (const AtPlace kind : kinds) {
      const std::string prefix = PlacePrefix(kind, theme, code);
      LeapTo(prefix, *at);
      std::vector<std::string>& ids = places[place].ids[kind];
      for (; at->Valid() && at->key().starts_with(prefix) && ids.size() < limit; at->Next()) {
        KeyParser rest(at->key().substr(prefix.size()));
        if (kind == AtPlace::kCompetence) WAYPOST_RETURN_IF_ERROR(rest.Uint().status());  // the level
        WAYPOST_ASSIGN_OR_RETURN(std::string id, rest.Text());
        ids.push_back(std::move(id));
      }
    }
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return places;
}

// The body that coordinates by one of these agreements; empty when none runs today.
absl::StatusOr<std::string> CoordinatingBodyOf(const Reader& reader,
                                               const std::vector<EntriesOfPlace>& places,
                                               absl::CivilDay today) {
  for (const EntriesOfPlace& place : places) {
    for (const std::string& id : place.ids.at(AtPlace::kAgreement)) {
      WAYPOST_ASSIGN_OR_RETURN(const auto agreement, GetIndexed<v1::CoordinationAgreement>(reader, id));
      // Agreements of one place never overlap: at most one is current.
      if (PositionOf(agreement.resource.period(), today) == PeriodPosition::kCurrent) {
        return agreement.resource.body();
      }
    }
  }
  return std::string();
}

// By which an offer goes to a successor. Empty: it has none yet.
std::string_view FirstTerritory(const v1::Offer& offer) {
  return offer.territories().empty() ? std::string_view() : std::string_view(offer.territories(0));
}

// As DirectoryRepository::HeirOf.
absl::StatusOr<std::string> HeirOf(const v1::Offer& offer, absl::CivilDay day, SuccessionsOf from) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> successor,
                           FindSuccessor(offer.provider(), offer.theme(), FirstTerritory(offer), day, from));
  return successor && successor->TakesOffers() ? std::move(successor->body) : std::string();
}

// Fills a RouteMaterial. Lives for one question.
class Gathering {
 public:
  Gathering(const Reader& reader, const v1::ResolveRouteRequest& request, absl::CivilDay today)
      : reader_(reader), request_(request), today_(today) {}

  absl::StatusOr<RouteMaterial> Gather() &&;

 private:
  absl::Status Offers();
  absl::Status Inherited();
  // Of these, those that are not there yet.
  absl::Status AddBodies(const std::set<std::string>& body_ids);
  absl::Status AddProgrammeOf(const v1::Offer& offer);
  // Of the bodies that are there.
  absl::Status Successions();
  // Whose offers those are by now of a body that goes on. REQUIRES: Successions.
  absl::Status Heirs();
  // The successions of a body: read once for all of it.
  absl::StatusOr<std::vector<v1::Succession>> From(std::string_view body);

  // Every entry of a kind, the nearest first, up to the limit.
  void ForEach(AtPlace kind, absl::FunctionRef<void(std::string_view code, const std::string& id)> take);

  const Reader& reader_;
  const v1::ResolveRouteRequest& request_;
  const absl::CivilDay today_;
  std::vector<EntriesOfPlace> places_;
  std::map<std::string, std::vector<v1::Succession>, std::less<>> successions_;
  RouteMaterial material_;
};

absl::Status Gathering::AddBodies(const std::set<std::string>& body_ids) {
  std::vector<std::string> missing;
  for (const std::string& id : body_ids) {
    if (!material_.bodies.contains(BodyName(id))) missing.push_back(id);
  }
  WAYPOST_ASSIGN_OR_RETURN(std::vector<Stored<v1::Body>> bodies, GetManyIndexed<v1::Body>(reader_, missing));
  for (Stored<v1::Body>& body : bodies) {
    std::string name = body.resource.name();
    material_.bodies.emplace(std::move(name), std::move(body.resource));
  }
  return absl::OkStatus();
}

absl::Status Gathering::AddProgrammeOf(const v1::Offer& offer) {
  const std::string& programme = offer.programme();
  if (programme.empty() || material_.programmes.contains(programme)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(Stored<v1::Programme> found,
                           GetIndexed<v1::Programme>(reader_, ProgrammeId(programme)));
  material_.programmes.emplace(programme, std::move(found.resource));
  return absl::OkStatus();
}

void Gathering::ForEach(AtPlace kind,
                        absl::FunctionRef<void(std::string_view code, const std::string& id)> take) {
  int left = kMaxRouteEntries;
  for (const EntriesOfPlace& place : places_) {
    const auto ids = place.ids.find(kind);
    if (ids == place.ids.end()) return;
    for (const std::string& id : ids->second) {
      if (left == 0) {
        material_.truncated = true;
        return;
      }
      --left;
      take(place.code, id);
    }
  }
}

absl::Status Gathering::Offers() {
  std::vector<std::string> codes;
  std::vector<std::string> ids;
  ForEach(AtPlace::kOffer, [&](std::string_view code, const std::string& id) {
    codes.emplace_back(code);
    ids.push_back(id);
  });
  WAYPOST_ASSIGN_OR_RETURN(std::vector<Stored<v1::Offer>> offers, GetManyIndexed<v1::Offer>(reader_, ids));
  for (size_t i = 0; i < offers.size(); ++i) {
    WAYPOST_RETURN_IF_ERROR(AddProgrammeOf(offers[i].resource));
    material_.offers.push_back(
        {std::move(offers[i].resource), std::move(codes[i]), std::move(offers[i].counted)});
  }
  return absl::OkStatus();
}

absl::Status Gathering::Inherited() {
  for (const FoundOffer& found : material_.offers) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> before,
                             reader_.Get(ProviderBeforeKey(found.offer.name())));
    if (!before) continue;
    WAYPOST_ASSIGN_OR_RETURN(const std::string body_id, KeyParser(*before).Text());
    material_.inherited.emplace(found.offer.name(), BodyName(body_id));
  }
  return absl::OkStatus();
}

// Bodies and index are in the same order.
absl::Status Gathering::Successions() {
  const auto from = [this](std::string_view body) { return From(body); };
  std::vector<std::string> bodies;
  for (const auto& [name, body] : material_.bodies) bodies.push_back(name);
  const std::unique_ptr<Cursor> at = reader_.Scan(store::PrefixRange(Table("succession.from").Take()));
  for (const std::string& name : bodies) {
    const std::string prefix = SuccessionsFromPrefix(name);
    LeapTo(prefix, *at);
    if (!at->Valid()) break;
    if (!at->key().starts_with(prefix)) continue;
    WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> successor,
                             FindSuccessor(name, request_.theme(), request_.territory(), today_, from));
    if (!successor) continue;
    WAYPOST_RETURN_IF_ERROR(AddBodies({std::string(BodyId(successor->body))}));
    material_.successors.emplace(name, *std::move(successor));
  }
  return at->status();
}

absl::Status Gathering::Heirs() {
  for (FoundOffer& found : material_.offers) {
    const auto successor = material_.successors.find(found.offer.provider());
    if (successor == material_.successors.end() || successor->second.whole) continue;
    WAYPOST_ASSIGN_OR_RETURN(
        const std::string heir,
        HeirOf(found.offer, today_, [this](std::string_view body) { return From(body); }));
    found.goes = !heir.empty();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Succession>> Gathering::From(std::string_view body) {
  auto known = successions_.find(body);
  if (known == successions_.end()) {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<v1::Succession> found, SuccessionsFrom(reader_, body));
    known = successions_.emplace(std::string(body), std::move(found)).first;
  }
  return known->second;
}

absl::StatusOr<RouteMaterial> Gathering::Gather() && {
  std::vector<AtPlace> kinds = {AtPlace::kCompetence, AtPlace::kOffer, AtPlace::kAgreement};
  if (!OffersCountFor(request_.function())) std::erase(kinds, AtPlace::kOffer);
  WAYPOST_ASSIGN_OR_RETURN(
      places_, EntriesOver(reader_, kinds, request_.theme(), request_.territory(), kMaxRouteEntries + 1));
  std::set<std::string> body_ids;
  ForEach(AtPlace::kCompetence,
          [&body_ids](std::string_view, const std::string& id) { body_ids.insert(id); });
  WAYPOST_RETURN_IF_ERROR(Offers());
  for (const FoundOffer& found : material_.offers) body_ids.emplace(BodyId(found.offer.provider()));
  WAYPOST_RETURN_IF_ERROR(AddBodies(body_ids));
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> any_succession, reader_.Get(AnySuccessionKey()));
  if (any_succession) {
    WAYPOST_RETURN_IF_ERROR(Inherited());
    WAYPOST_RETURN_IF_ERROR(Successions());
    WAYPOST_RETURN_IF_ERROR(Heirs());
  }
  if (material_.bodies.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(
        const std::optional<bool> parts,
        HasParts(reader_, request_.theme(), request_.territory(), OffersCountFor(request_.function())));
    material_.recorded_for_parts = parts.value_or(false);
    material_.truncated |= !parts.has_value();
  }
  WAYPOST_ASSIGN_OR_RETURN(material_.coordinating_body, CoordinatingBodyOf(reader_, places_, today_));
  return std::move(material_);
}

// The resource that a feed entry speaks of, as it is in `reader`.
absl::Status FillContent(const Reader& reader, const DirectoryRepository& repository, v1::Change& change) {
  const auto fill = [&change](auto stored, auto* content) -> absl::Status {
    if (!stored.ok()) return error::DataLoss("change feed");
    stored->resource.set_etag(api::EtagOf(stored->revision));
    change.set_revision(stored->revision);
    *content = std::move(stored->resource);
    return absl::OkStatus();
  };
  const std::string& name = change.resource();
  const std::optional<ResourceName> parsed = ParseName(name);
  if (!parsed) return error::DataLoss("change feed");
  switch (parsed->kind) {
    case ResourceKind::kBody:
      return fill(repository.Get<v1::Body>(reader, name), change.mutable_body());
    case ResourceKind::kUnit:
      return fill(repository.Get<v1::Unit>(reader, name), change.mutable_unit());
    case ResourceKind::kOffer:
      return fill(repository.Get<v1::Offer>(reader, name), change.mutable_offer());
    case ResourceKind::kProgramme:
      return fill(repository.Get<v1::Programme>(reader, name), change.mutable_programme());
    case ResourceKind::kCoordinationAgreement:
      return fill(repository.Get<v1::CoordinationAgreement>(reader, name),
                  change.mutable_coordination_agreement());
    case ResourceKind::kSuccession:
      return fill(repository.Get<v1::Succession>(reader, name), change.mutable_succession());
    case ResourceKind::kEnquiry:
      break;  // in no feed
  }
  return error::DataLoss("change feed");
}

}  // namespace

template <typename Resource>
absl::StatusOr<Stored<Resource>> DirectoryRepository::Get(const Reader& reader, std::string_view name) const {
  const std::optional<std::string> key = RecordKey<Resource>(name);
  if (!key) return error::NotFound(name);
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Stored<Resource>> stored, Find<Resource>(reader, *key));
  if (!stored) return error::NotFound(name);
  return *std::move(stored);
}

template <typename Resource>
absl::StatusOr<Stored<Resource>> DirectoryRepository::Create(Writer& writer, Resource resource,
                                                             absl::Time now) const {
  const std::optional<std::string> key = RecordKey<Resource>(resource.name());
  if (!key) return absl::InternalError("a resource was made with a name that is not one");
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> taken, writer.Get(*key));
  if (taken) return error::AlreadyExists(resource.name());
  WriteIndex(writer, {}, IndexKeys(resource));
  WriteIndex(writer, {}, RouteKeys(resource));
  WriteIndex(writer, {}, DueKeys(resource));
  return Write<Resource>(writer, *key, {std::move(resource), 1}, now);
}

template <typename Resource>
absl::StatusOr<Stored<Resource>> DirectoryRepository::Update(Writer& writer, const Stored<Resource>& before,
                                                             Resource after, absl::Time now) const {
  const std::optional<std::string> key = RecordKey<Resource>(before.resource.name());
  if (!key || before.resource.name() != after.name()) return absl::InternalError("a resource was renamed");
  if (!SameIndex(before.resource, after)) {
    WriteIndex(writer, IndexKeys(before.resource), IndexKeys(after));
    WriteIndex(writer, RouteKeys(before.resource), RouteKeys(after));
  }
  WriteIndex(writer, DueKeys(before.resource), DueKeys(after));
  return Write<Resource>(writer, *key, {std::move(after), before.revision + 1, before.counted}, now);
}

absl::Status DirectoryRepository::UpdateCounted(Writer& writer, Stored<v1::Offer> offer) const {
  const std::optional<std::string> key = RecordKey<v1::Offer>(offer.resource.name());
  if (!key) return absl::InternalError("an offer has a name that is not one");
  PutRecord(writer, *key, std::move(offer));
  return absl::OkStatus();
}

#define WAYPOST_INSTANTIATE(Resource)                                                                        \
  template absl::StatusOr<Stored<Resource>> DirectoryRepository::Get(const Reader&, std::string_view) const; \
  template absl::StatusOr<Stored<Resource>> DirectoryRepository::Create(Writer&, Resource, absl::Time)       \
      const;                                                                                                 \
  template absl::StatusOr<Stored<Resource>> DirectoryRepository::Update(Writer&, const Stored<Resource>&,    \
                                                                        Resource, absl::Time) const
WAYPOST_INSTANTIATE(v1::Body);
WAYPOST_INSTANTIATE(v1::Unit);
WAYPOST_INSTANTIATE(v1::Offer);
WAYPOST_INSTANTIATE(v1::Programme);
WAYPOST_INSTANTIATE(v1::CoordinationAgreement);
WAYPOST_INSTANTIATE(v1::Succession);
#undef WAYPOST_INSTANTIATE

absl::Status DirectoryRepository::CheckReferences(const Reader& reader, const v1::Body* before,
                                                  const v1::Body& after) const {
  References references(reader);
  if (before == nullptr || before->parent() != after.parent()) {
    WAYPOST_RETURN_IF_ERROR(CheckParents(reader, references, after));
  }
  for (int i = 0; i < after.memberships_size(); ++i) {
    const std::string& association = after.memberships(i).association();
    if (HadAssociation(before, association)) continue;
    const std::string field = base::Cat(At("body.memberships", i), ".association");
    WAYPOST_ASSIGN_OR_RETURN(const auto found, references.Find<v1::Body>(field, association));
    if (found && found->resource.kind() != v1::BODY_KIND_ASSOCIATION)
      references.Add(field, "is not an association");
  }
  for (int i = 0; i < after.contacts_size(); ++i) {
    const std::string& unit = after.contacts(i).unit();
    if (unit.empty() || HadUnit(before, unit)) continue;
    WAYPOST_RETURN_IF_ERROR(
        references.Find<v1::Unit>(base::Cat(At("body.contacts", i), ".unit"), unit).status());
  }
  WAYPOST_RETURN_IF_ERROR(CheckTerritoriesOf(reader, before, after, references.violations()));
  return references.ToStatus();
}

absl::Status DirectoryRepository::CheckReferences(const Reader& reader, const v1::Offer* before,
                                                  const v1::Offer& after) const {
  References references(reader);
  if (before == nullptr) {
    WAYPOST_RETURN_IF_ERROR(references.Find<v1::Body>("offer.provider", after.provider()).status());
  }
  if (!after.programme().empty() && (before == nullptr || before->programme() != after.programme())) {
    WAYPOST_RETURN_IF_ERROR(references.Find<v1::Programme>("offer.programme", after.programme()).status());
  }
  WAYPOST_RETURN_IF_ERROR(CheckTerritoriesOf(reader, before, after, references.violations()));
  return references.ToStatus();
}

absl::Status DirectoryRepository::CheckReferences(const Reader& reader, const v1::Programme* before,
                                                  const v1::Programme& after) const {
  References references(reader);
  if (before == nullptr) {
    WAYPOST_RETURN_IF_ERROR(references.Find<v1::Body>("programme.lead", after.lead()).status());
  }
  for (int i = 0; i < after.partners_size(); ++i) {
    if (HadPartner(before, after.partners(i))) continue;
    WAYPOST_RETURN_IF_ERROR(
        references.Find<v1::Body>(At("programme.partners", i), after.partners(i)).status());
  }
  return references.ToStatus();
}

absl::Status DirectoryRepository::CheckNew(const Reader& reader,
                                           const v1::CoordinationAgreement& agreement) const {
  References references(reader);
  WAYPOST_RETURN_IF_ERROR(FindWhoTakesCases(references, "coordination_agreement.body", agreement.body()));
  WAYPOST_RETURN_IF_ERROR(CheckTerritoriesOf(reader, agreement, references.violations()));
  WAYPOST_RETURN_IF_ERROR(references.ToStatus());
  const std::string prefix = PlacePrefix(AtPlace::kAgreement, agreement.theme(), agreement.territory());
  const auto take = [&](std::string_view key, std::string_view) -> absl::StatusOr<size_t> {
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, LastText(key, prefix));
    WAYPOST_ASSIGN_OR_RETURN(const auto other, GetIndexed<v1::CoordinationAgreement>(reader, id));
    if (!PeriodsOverlap(other.resource.period(), agreement.period())) return size_t{0};
    return AgreementOverlaps(other.resource.name());
  };
  WAYPOST_ASSIGN_OR_RETURN(const std::string more,
                           Walk(reader, {store::PrefixRange(prefix)}, kMaxAgreementsOfPlace - 1, take));
  if (more.empty()) return absl::OkStatus();
  return error::LimitExceeded("agreements of one theme and territory", kMaxAgreementsOfPlace,
                              kMaxAgreementsOfPlace + 1);
}

absl::Status DirectoryRepository::CheckNew(const Reader& reader, const v1::Succession& succession) const {
  References references(reader);
  WAYPOST_ASSIGN_OR_RETURN(const auto predecessor,
                           references.Find<v1::Body>("succession.predecessor", succession.predecessor()));
  if (predecessor && predecessor->resource.enforcement() && AccountsFollow(succession)) {
    references.Add("succession.accounts_until",
                   "the predecessor is an enforcement body, whose people never come to act for another one: "
                   "give a day before the first one");
  }
  for (int i = 0; i < succession.shares_size(); ++i) {
    WAYPOST_RETURN_IF_ERROR(FindWhoTakesCases(references, base::Cat(At("succession.shares", i), ".successor"),
                                              succession.shares(i).successor()));
    for (int j = 0; j < succession.shares(i).units_size(); ++j) {
      const v1::UnitSuccession& unit = succession.shares(i).units(j);
      const std::string path = At(base::Cat(At("succession.shares", i), ".units"), j);
      WAYPOST_RETURN_IF_ERROR(references.Find<v1::Unit>(base::Cat(path, ".unit"), unit.unit()).status());
      WAYPOST_RETURN_IF_ERROR(
          references.Find<v1::Unit>(base::Cat(path, ".successor_unit"), unit.successor_unit()).status());
    }
  }
  WAYPOST_RETURN_IF_ERROR(CheckTerritoriesOf(reader, succession, references.violations()));
  WAYPOST_RETURN_IF_ERROR(references.ToStatus());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<v1::Succession> others,
                           SuccessionsFrom(reader, succession.predecessor()));
  if (others.size() >= kMaxSuccessionsOfBody) {
    return error::LimitExceeded("successions of one predecessor", kMaxSuccessionsOfBody,
                                kMaxSuccessionsOfBody + 1);
  }
  for (const v1::Succession& other : others) {
    if (Tie(succession, other)) return SuccessionOverlaps(other.name());
  }
  return CheckChains(
      succession, [&reader](std::string_view body) { return SuccessionsFrom(reader, body); },
      [&reader](std::string_view body) {
        return SuccessionsUnder(reader, SuccessionsToPrefix(body), kMaxSuccessionsAround + 1);
      });
}

absl::Status DirectoryRepository::CheckRoomForUnit(const Reader& reader, std::string_view body) const {
  const auto take = [](std::string_view, std::string_view) -> absl::StatusOr<size_t> { return size_t{0}; };
  WAYPOST_ASSIGN_OR_RETURN(const std::string more,
                           Walk(reader, {store::PrefixRange(UnitsPrefix(body))}, kMaxUnits - 1, take));
  if (more.empty()) return absl::OkStatus();
  return error::LimitExceeded("units of a body", kMaxUnits, kMaxUnits + 1);
}

absl::StatusOr<Page<v1::Body>> DirectoryRepository::List(const Reader& reader,
                                                         const v1::ListBodiesRequest& request,
                                                         std::string_view position, int limit) const {
  std::string prefix;
  if (!request.parent().empty()) {
    prefix = Table("body.parent").Text(BodyId(request.parent())).Take();
  } else if (!request.association().empty()) {
    prefix = Table("body.member").Text(BodyId(request.association())).Take();
  } else if (request.kind() != v1::BODY_KIND_UNSPECIFIED) {
    prefix = Table("body.kind").Uint(static_cast<uint64_t>(request.kind())).Take();
  } else if (request.level() != type::v1::LEVEL_UNSPECIFIED) {
    prefix = Table("body.level").Uint(static_cast<uint64_t>(request.level())).Take();
  } else {
    return PageOfRecords<v1::Body>(reader, Table("body").Take(), position, limit);
  }
  return PageOfIndex<v1::Body>(reader, {prefix}, position, limit);
}

absl::StatusOr<Page<v1::Unit>> DirectoryRepository::List(const Reader& reader,
                                                         const v1::ListUnitsRequest& request,
                                                         std::string_view position, int limit) const {
  return PageOfRecords<v1::Unit>(reader, UnitsPrefix(request.parent()), position, limit);
}

absl::StatusOr<Page<v1::Offer>> DirectoryRepository::List(const Reader& reader,
                                                          const v1::ListOffersRequest& request,
                                                          std::string_view position, int limit) const {
  Keys prefixes;
  if (!request.provider().empty()) {
    prefixes.push_back(Table("offer.provider").Text(BodyId(request.provider())).Take());
  } else if (!request.programme().empty()) {
    prefixes.push_back(Table("offer.programme").Text(ProgrammeId(request.programme())).Take());
  } else if (request.theme() != type::v1::THEME_UNSPECIFIED) {
    WAYPOST_RETURN_IF_ERROR(CheckAskedTerritory(reader, "territory", request.territory()));
    // An offer's territories never cover each other, so that none is met under two of these.
    for (const std::string_view code : territory::CoveringCodes(request.territory())) {
      prefixes.push_back(PlacePrefix(AtPlace::kOffer, request.theme(), code));
    }
  } else {
    return PageOfRecords<v1::Offer>(reader, Table("offer").Take(), position, limit);
  }
  return PageOfIndex<v1::Offer>(reader, prefixes, position, limit);
}

absl::StatusOr<Page<v1::Programme>> DirectoryRepository::List(const Reader& reader,
                                                              const v1::ListProgrammesRequest&,
                                                              std::string_view position, int limit) const {
  return PageOfRecords<v1::Programme>(reader, Table("programme").Take(), position, limit);
}

absl::StatusOr<Page<v1::CoordinationAgreement>> DirectoryRepository::List(
    const Reader& reader, const v1::ListCoordinationAgreementsRequest&, std::string_view position,
    int limit) const {
  return PageOfRecords<v1::CoordinationAgreement>(reader, Table("agreement").Take(), position, limit);
}

absl::StatusOr<Page<v1::Succession>> DirectoryRepository::List(const Reader& reader,
                                                               const v1::ListSuccessionsRequest& request,
                                                               std::string_view position, int limit) const {
  if (!request.predecessor().empty())
    return PageOfIndex<v1::Succession>(reader, {SuccessionsFromPrefix(request.predecessor())}, position,
                                       limit);
  if (!request.successor().empty())
    return PageOfIndex<v1::Succession>(reader, {SuccessionsToPrefix(request.successor())}, position, limit);
  return PageOfRecords<v1::Succession>(reader, Table("succession").Take(), position, limit);
}

absl::StatusOr<TaskPage> DirectoryRepository::Tasks(const Reader& reader, std::string_view body,
                                                    absl::CivilDay today, std::string_view position,
                                                    int limit) const {
  return TaskReader(reader, body, today).Read(position, limit);
}

absl::StatusOr<std::optional<Successor>> DirectoryRepository::FindSuccessor(const Reader& reader,
                                                                            std::string_view body,
                                                                            type::v1::Theme theme,
                                                                            std::string_view territory,
                                                                            absl::CivilDay day) const {
  return directory::FindSuccessor(body, theme, territory, day,
                                  [&reader](std::string_view each) { return SuccessionsFrom(reader, each); });
}

absl::StatusOr<bool> DirectoryRepository::CompleteIndexes(Writer& writer) const {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<records::IndexProgress> progress,
                           Read<records::IndexProgress>(writer, IndexProgressKey(), "index progress"));
  if (progress && progress->generation() >= kIndexGeneration) return true;
  // Who was half way to an earlier generation begins anew.
  if (!progress || progress->towards() != kIndexGeneration) progress.emplace();
  const Keys tables = {Table("agreement").Take(), Table("body").Take(), Table("offer").Take(),
                       Table("enquiry").Take(), Table("succession").Take()};
  // What "place" took the place of.
  const Keys gone_tables = {Table("agreement.place").Take(), Table("competence").Take(),
                            Table("offer.place").Take()};
  Keys walked = tables;
  walked.insert(walked.end(), gone_tables.begin(), gone_tables.end());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<KeyRange> ranges, RangesAfter(walked, progress->position()));
  Keys keys;  // no walk survives a Put
  Keys gone;
  const auto take = [&](std::string_view key, std::string_view value) -> absl::StatusOr<size_t> {
    if (std::any_of(gone_tables.begin(), gone_tables.end(),
                    [key](const std::string& table) { return key.starts_with(table); })) {
      gone.emplace_back(key);
      return kMaxAnswerBytes / kIndexEntriesInStep;
    }
    const auto read = key.starts_with(tables[0])   ? LaterKeysOf<v1::CoordinationAgreement>(value)
                      : key.starts_with(tables[1]) ? LaterKeysOf<v1::Body>(value)
                      : key.starts_with(tables[2]) ? LaterKeysOf<v1::Offer>(value)
                      : key.starts_with(tables[3]) ? LaterKeysOfEnquiry(value)
                                                   : LaterKeysOf<v1::Succession>(value);
    // The node does not start with it: whoever is to mend it must find it.
    if (!read.ok())
      return error::DataLoss(
          base::Cat("directory row '", base::ToStd(absl::CHexEscape(base::ToAbsl(key))), "'"));
    keys.insert(keys.end(), read->begin(), read->end());
    return read->size() * (kMaxAnswerBytes / kIndexEntriesInStep);
  };
  WAYPOST_ASSIGN_OR_RETURN(const std::string last, Walk(writer, ranges, kIndexedInStep, take));
  WriteIndex(writer, std::move(gone), std::move(keys));
  progress->set_format_version(kFormatVersion);
  progress->set_towards(kIndexGeneration);
  progress->set_position(last);
  if (last.empty()) progress->set_generation(kIndexGeneration);
  writer.Put(IndexProgressKey(), progress->SerializeAsString());
  return last.empty();
}

absl::StatusOr<std::string> DirectoryRepository::HeirOf(const Reader& reader, const v1::Offer& offer,
                                                        absl::CivilDay day) const {
  return directory::HeirOf(offer, day,
                           [&reader](std::string_view body) { return SuccessionsFrom(reader, body); });
}

absl::Status DirectoryRepository::CheckProviderStands(const Reader& reader, const v1::Offer& offer,
                                                      absl::CivilDay day) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::string heir, HeirOf(reader, offer, day));
  if (heir.empty()) return absl::OkStatus();
  return error::InvalidField("offer.provider", base::Cat("'", heir, "' stands in its place: name it"));
}

absl::Status DirectoryRepository::CheckProviderKeeps(const Reader& reader, const v1::Offer& before,
                                                     const v1::Offer& after, absl::CivilDay day) const {
  const bool another_theme = before.theme() != after.theme();
  const bool another_place = FirstTerritory(before) != FirstTerritory(after);
  if (!another_theme && !another_place) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::string heir, HeirOf(reader, after, day));
  if (heir.empty()) return absl::OkStatus();
  return error::InvalidField(another_theme ? "offer.theme" : "offer.territories",
                             base::Cat("'", heir,
                                       "' stands there in the place of the offer's provider: "
                                       "an offer of this is to be its own"));
}

absl::StatusOr<std::optional<OpenInheritance>> DirectoryRepository::NextInheritance(
    const Reader& reader, absl::CivilDay today) const {
  const std::string prefix = OpenSuccessionsPrefix();
  const std::unique_ptr<Cursor> at = reader.Scan(store::PrefixRange(prefix));
  WAYPOST_RETURN_IF_ERROR(at->status());
  if (!at->Valid()) return std::nullopt;
  KeyParser rest(at->key().substr(prefix.size()));
  WAYPOST_ASSIGN_OR_RETURN(const int64_t day, rest.Int());
  if (DayOfNumber(day) > today) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
  WAYPOST_ASSIGN_OR_RETURN(Stored<v1::Succession> succession, GetIndexed<v1::Succession>(reader, id));
  return OpenInheritance{.from = DayOfNumber(day), .succession = std::move(succession.resource)};
}

void DirectoryRepository::EndInheritance(Writer& writer, const OpenInheritance& inheritance) const {
  // Its enquiries may still have to move.
  writer.Delete(OpenSuccessionKey(DayNumber(inheritance.from), inheritance.succession.name()));
}

absl::Status DirectoryRepository::OpenAfterEnds(Writer& writer, const v1::Succession& written) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<v1::Succession> successions,
                           SuccessionsFrom(writer, written.predecessor()));
  for (const v1::Succession& other : successions) {
    for (const auto& [has, ended] : {std::pair(&other, &written), std::pair(&written, &other)}) {
      const std::optional<absl::CivilDay> from = HasTheRestFrom(*has, *ended);
      if (from) writer.Put(OpenSuccessionKey(DayNumber(*from), has->name()), "");
    }
  }
  return absl::OkStatus();
}

void DirectoryRepository::PutProviderBefore(Writer& writer, std::string_view offer,
                                            std::string_view provider) const {
  writer.Put(ProviderBeforeKey(offer), KeyBuilder().Text(BodyId(provider)).Take());
}

absl::StatusOr<RouteMaterial> DirectoryRepository::Gather(const Reader& reader,
                                                          const v1::ResolveRouteRequest& request,
                                                          absl::Time now) const {
  return Gathering(reader, request, DayOf(now)).Gather();
}

absl::StatusOr<std::string> DirectoryRepository::CoordinatingBody(const Reader& reader, type::v1::Theme theme,
                                                                  std::string_view territory,
                                                                  absl::Time now) const {
  constexpr AtPlace kKinds[] = {AtPlace::kAgreement};
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EntriesOfPlace> places,
                           EntriesOver(reader, kKinds, theme, territory, kMaxAgreementsOfPlace));
  return CoordinatingBodyOf(reader, places, DayOf(now));
}

absl::StatusOr<ChangePage> DirectoryRepository::Changes(const Reader& reader, uint64_t position,
                                                        int limit) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<records::FeedHead> head,
                           Read<records::FeedHead>(reader, ChangeHeadKey(), "change head"));
  const uint64_t last = head ? head->position() : 0;
  if (position > last) return error::CursorTooOld(CursorOf(0));
  ChangePage page;
  KeyRange range = store::PrefixRange(Table("change").Take());
  range.begin = ChangeKey(position + 1);
  const auto take = [&](std::string_view key, std::string_view value) -> absl::StatusOr<size_t> {
    records::ChangeRecord record;
    if (!record.ParseFromArray(value.data(), static_cast<int>(value.size())))
      return error::DataLoss("change feed");
    KeyParser parser(key);
    WAYPOST_RETURN_IF_ERROR(parser.Text().status());
    WAYPOST_ASSIGN_OR_RETURN(page.next, parser.Uint());
    v1::Change change;
    change.set_resource(record.resource());
    *change.mutable_time() = record.time();
    change.set_cursor(CursorOf(page.next));
    WAYPOST_RETURN_IF_ERROR(FillContent(reader, *this, change));
    page.changes.push_back(std::move(change));
    return page.changes.back().ByteSizeLong();
  };
  WAYPOST_ASSIGN_OR_RETURN(const std::string more, Walk(reader, {range}, limit, take));
  page.up_to_date = more.empty();
  if (page.up_to_date) page.next = last;
  return page;
}

std::string CursorOf(uint64_t position) {
  return base::Cat(position);
}

absl::StatusOr<uint64_t> PositionOfCursor(std::string_view cursor) {
  uint64_t position = 0;
  if (cursor.empty()) return position;
  const auto [end, failure] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), position);
  if (failure == std::errc() && end == cursor.data() + cursor.size() && CursorOf(position) == cursor)
    return position;
  return error::InvalidField("cursor", "is not a cursor of this directory");
}

std::vector<std::string> TaskKeysOf(const v1::Enquiry& enquiry) {
  return DueKeys(enquiry);
}

std::string DueSuccessionsPrefix() {
  return Table("succession.due").Take();
}

}  // namespace waypost::directory
