#include "services/referral/directory_replica.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/territory/territory.h"
#include "services/referral/programme_rows.h"
#include "services/referral/required_documents.h"
#include "services/referral/succession_rows.h"

namespace waypost::referral {
namespace {

using store::KeyBuilder;
using store::KeyParser;

std::string BodyKey(std::string_view name) {
  return KeyBuilder().Text("dir.body").Text(name).Take();
}
std::string UnitKey(std::string_view name) {
  return KeyBuilder().Text("dir.unit").Text(name).Take();
}
std::string OfferKey(std::string_view name) {
  return KeyBuilder().Text("dir.offer").Text(name).Take();
}
// Beside the offer's row, which ends with its groups: only of those that require any.
std::string DocumentsKey(std::string_view offer) {
  return KeyBuilder().Text("dir.offer_documents").Text(offer).Take();
}
std::string ProgrammeKey(std::string_view name) {
  return KeyBuilder().Text("dir.programme").Text(name).Take();
}
std::string AgreementsKey(type::v1::Theme theme, std::string_view territory) {
  return KeyBuilder().Text("dir.agreements").Uint(theme).Text(territory).Take();
}
// The number is raised when the rows change their form: the replica is then made anew.
std::string CursorKey() {
  return KeyBuilder().Text("dir.cursor").Uint(9).Take();
}

struct BodyRow {
  uint64_t status = 0;
  bool enforcement = false;
  int64_t revision = 0;
  bool approval_required = false;
  std::string calendar = {};  // serialized; empty: none
};

absl::StatusOr<std::optional<BodyRow>> ReadBody(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(BodyKey(name)));
  if (!value.has_value()) return std::nullopt;
  BodyRow row;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(row.status, parser.Uint());
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t enforcement, parser.Uint());
  row.enforcement = enforcement != 0;
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  // A row without it is of the form before, and soon replaced.
  if (parser.AtEnd()) return row;
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t approval, parser.Uint());
  row.approval_required = approval != 0;
  if (parser.AtEnd()) return row;
  WAYPOST_ASSIGN_OR_RETURN(row.calendar, parser.Text());
  return row;
}

// What is older than its row changes nothing: changes may come again.
absl::Status PutBody(store::Writer& writer, const directory::v1::Body& body, int64_t revision) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<BodyRow> row, ReadBody(writer, body.name()));
  if (row.has_value() && row->revision > revision) return absl::OkStatus();
  writer.Put(BodyKey(body.name()), KeyBuilder()
                                       .Uint(body.status())
                                       .Uint(body.enforcement() ? 1 : 0)
                                       .Int(revision)
                                       .Uint(body.approval_required() ? 1 : 0)
                                       .Text(body.calendar().SerializeAsString())
                                       .Take());
  return absl::OkStatus();
}

struct UnitRow {
  uint64_t status = 0;
  uint64_t kind = 0;
  int64_t revision = 0;
  std::string calendar = {};  // serialized; empty: none
};

absl::StatusOr<std::optional<UnitRow>> ReadUnit(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(UnitKey(name)));
  if (!value.has_value()) return std::nullopt;
  UnitRow row;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(row.status, parser.Uint());
  WAYPOST_ASSIGN_OR_RETURN(row.kind, parser.Uint());
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  if (parser.AtEnd()) return row;
  WAYPOST_ASSIGN_OR_RETURN(row.calendar, parser.Text());
  return row;
}

absl::Status PutUnit(store::Writer& writer, const directory::v1::Unit& unit, int64_t revision) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<UnitRow> row, ReadUnit(writer, unit.name()));
  if (row.has_value() && row->revision > revision) return absl::OkStatus();
  writer.Put(UnitKey(unit.name()), KeyBuilder()
                                       .Uint(unit.status())
                                       .Uint(unit.kind())
                                       .Int(revision)
                                       .Text(unit.calendar().SerializeAsString())
                                       .Take());
  return absl::OkStatus();
}

struct OfferRow {
  std::string provider;
  uint64_t status = 0;
  int64_t revision = 0;
  uint64_t kind = 0;
  type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
  std::string territory;  // the first one that it serves
  std::string programme;  // that pays for it; empty: none
  std::vector<GroupFacts> groups;
};

// Places are written one higher: 0 stands for none declared.
absl::StatusOr<std::vector<GroupFacts>> ReadGroups(KeyParser& parser) {
  std::vector<GroupFacts> groups;
  while (!parser.AtEnd()) {
    GroupFacts& group = groups.emplace_back();
    WAYPOST_ASSIGN_OR_RETURN(group.group_id, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t places, parser.Uint());
    if (places > 0) group.places = static_cast<int>(places - 1);
    WAYPOST_ASSIGN_OR_RETURN(group.cohort_start, parser.Text());
  }
  return groups;
}

absl::StatusOr<std::optional<OfferRow>> ReadOffer(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(OfferKey(name)));
  if (!value.has_value()) return std::nullopt;
  OfferRow row;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(row.provider, parser.Text());
  WAYPOST_ASSIGN_OR_RETURN(row.status, parser.Uint());
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  // A row without them is of the form before, and soon replaced.
  if (parser.AtEnd()) return row;
  WAYPOST_ASSIGN_OR_RETURN(row.kind, parser.Uint());
  // The form before has its groups here, which begin with a text.
  const KeyParser here = parser;
  if (const absl::StatusOr<uint64_t> theme = parser.Uint(); theme.ok()) {
    row.theme = static_cast<type::v1::Theme>(*theme);
    WAYPOST_ASSIGN_OR_RETURN(row.territory, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(row.programme, parser.Text());
  } else {
    parser = here;
  }
  WAYPOST_ASSIGN_OR_RETURN(row.groups, ReadGroups(parser));
  return row;
}

absl::Status PutOffer(store::Writer& writer, const directory::v1::Offer& offer, int64_t revision) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<OfferRow> row, ReadOffer(writer, offer.name()));
  if (row.has_value() && row->revision > revision) return absl::OkStatus();
  KeyBuilder value;
  value.Text(offer.provider()).Uint(offer.status()).Int(revision).Uint(offer.kind());
  value.Uint(static_cast<uint64_t>(offer.theme()))
      .Text(offer.territories().empty() ? std::string() : offer.territories(0))
      .Text(offer.programme());
  for (const directory::v1::OfferGroup& group : offer.groups()) {
    // One more than declared: 0 says that nothing is.
    const int64_t places = group.has_capacity() ? int64_t{group.capacity().places()} : -1;
    value.Text(group.group_id())
        .Uint(static_cast<uint64_t>(std::max<int64_t>(places, -1) + 1))
        .Text(group.cohort_start_date());
  }
  writer.Put(OfferKey(offer.name()), value.key());
  if (!offer.required_documents().empty()) {
    writer.Put(DocumentsKey(offer.name()), KeptDocuments(offer.required_documents()).SerializeAsString());
  } else if (row.has_value()) {
    writer.Delete(DocumentsKey(offer.name()));
  }
  return rows::PutOfferUnder(writer, offer.name(), row.has_value() ? row->programme : std::string(),
                             offer.programme());
}

absl::StatusOr<DocumentsPtr> ReadDocuments(const store::Reader& reader, std::string_view offer) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(DocumentsKey(offer)));
  if (!value.has_value()) return DocumentsPtr();
  auto documents = std::make_shared<storage::v1::RequiredDocuments>();
  if (!documents->ParseFromString(*value)) return error::DataLoss("the documents of an offer");
  return DocumentsPtr(std::move(documents));
}

struct ProgrammeRow {
  int64_t revision = 0;
  std::string end;  // a day as in "2026-05-04"; no end: empty
};

absl::StatusOr<ProgrammeRow> ReadProgramme(const store::Reader& reader, std::string_view name) {
  ProgrammeRow row;
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(ProgrammeKey(name)));
  if (!value.has_value()) return row;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  WAYPOST_ASSIGN_OR_RETURN(row.end, parser.Text());
  return row;
}

absl::Status PutProgramme(store::Writer& writer, const directory::v1::Programme& programme,
                          int64_t revision) {
  WAYPOST_ASSIGN_OR_RETURN(const ProgrammeRow row, ReadProgramme(writer, programme.name()));
  if (row.revision > revision) return absl::OkStatus();
  writer.Put(ProgrammeKey(programme.name()),
             KeyBuilder().Int(revision).Text(programme.period().end_date()).Take());
  if (row.end == programme.period().end_date()) return absl::OkStatus();
  return rows::AskForWalk(writer, programme.name());
}

struct Agreement {
  std::string name;
  std::string body;
  // Days as in "2026-05-04", the last included; no end: empty.
  std::string start;
  std::string end;
  int64_t revision = 0;
};

// Those of one theme and territory. They follow one another in time, so they are few; being one row, they
// cost a submission one read for each territory that covers its own.
absl::StatusOr<std::vector<Agreement>> ReadAgreements(const store::Reader& reader, std::string_view key) {
  std::vector<Agreement> agreements;
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(key));
  if (!value.has_value()) return agreements;
  for (KeyParser parser(*value); !parser.AtEnd();) {
    Agreement& agreement = agreements.emplace_back();
    WAYPOST_ASSIGN_OR_RETURN(agreement.name, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(agreement.body, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(agreement.start, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(agreement.end, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(agreement.revision, parser.Int());
  }
  return agreements;
}

// Kept whatever its period is: whether it counts is asked when it is read. What is older changes nothing.
absl::Status PutAgreement(store::Writer& writer, const directory::v1::CoordinationAgreement& given,
                          int64_t revision) {
  const std::string key = AgreementsKey(given.theme(), given.territory());
  WAYPOST_ASSIGN_OR_RETURN(std::vector<Agreement> agreements, ReadAgreements(writer, key));
  auto mine = std::find_if(agreements.begin(), agreements.end(),
                           [&](const Agreement& agreement) { return agreement.name == given.name(); });
  if (mine == agreements.end()) mine = agreements.insert(mine, Agreement{});
  if (mine->revision > revision) return absl::OkStatus();
  *mine = {.name = given.name(),
           .body = given.body(),
           .start = given.period().start_date(),
           .end = given.period().end_date(),
           .revision = revision};
  KeyBuilder value;
  for (const Agreement& agreement : agreements) {
    value.Text(agreement.name)
        .Text(agreement.body)
        .Text(agreement.start)
        .Text(agreement.end)
        .Int(agreement.revision);
  }
  writer.Put(key, value.key());
  return absl::OkStatus();
}

absl::StatusOr<CalendarPtr> ParseCalendar(const std::string& bytes) {
  directory::v1::WorkingCalendar given;
  if (!given.ParseFromString(bytes)) return error::DataLoss("a calendar of the directory");
  auto calendar = std::make_shared<calendar::WorkingCalendar>();
  // A zone that this server does not know: its days still count, though they begin elsewhere.
  if (!absl::LoadTimeZone(given.zone(), &calendar->zone)) calendar->zone = absl::UTCTimeZone();
  calendar->works = {};
  for (const int day : given.working_days()) {
    if (day >= directory::v1::WEEKDAY_MONDAY && day <= directory::v1::WEEKDAY_SUNDAY) {
      calendar->works[static_cast<size_t>(day - directory::v1::WEEKDAY_MONDAY)] = true;
    }
  }
  for (const std::string& holiday : given.holidays()) {
    absl::CivilDay day;
    if (absl::ParseCivilTime(holiday, &day)) calendar->holidays.push_back(day);
  }
  std::sort(calendar->holidays.begin(), calendar->holidays.end());
  return CalendarPtr(std::move(calendar));
}

absl::StatusOr<CalendarPtr> ReadCalendar(const store::Reader& reader, std::string_view body,
                                         std::string_view unit) {
  if (!unit.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<UnitRow> row, ReadUnit(reader, unit));
    if (row.has_value() && !row->calendar.empty()) return ParseCalendar(row->calendar);
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<BodyRow> row, ReadBody(reader, body));
  if (row.has_value() && !row->calendar.empty()) return ParseCalendar(row->calendar);
  return CalendarPtr();
}

// Days in this form sort as the days do.
bool Counts(const Agreement& agreement, std::string_view today) {
  return agreement.start <= today && (agreement.end.empty() || today <= agreement.end);
}

// What depends on who has a place on a day is found in one version of it. The beginning of a move changes who
// that is, and is no change of the directory. Nullopt: there are no rows yet.
absl::StatusOr<std::optional<std::string>> VersionOfDay(const store::Reader& reader, absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> version, reader.Get(CursorKey()));
  if (!version.has_value()) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(const std::string begun, rows::SuccessionDay(reader, absl::UnixEpoch()));
  const std::string today = absl::FormatCivilTime(absl::ToCivilDay(now, absl::UTCTimeZone()));
  return KeyBuilder().Text(*version).Text(begun).Text(today).Take();
}

}  // namespace

absl::Status DirectoryReplica::CheckFresh(absl::Time now) const {
  if (Age(now) <= kMaxReplicaAge) return absl::OkStatus();
  return error::Unavailable("the directory's replica", "it has not been confirmed for more than a minute");
}

absl::Duration DirectoryReplica::Age(absl::Time now) const {
  return now - absl::FromUnixMicros(complete_at_.load(std::memory_order_relaxed));
}

absl::StatusOr<BodyFacts> DirectoryReplica::Find(const store::Reader& reader, std::string_view body) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<BodyRow> row, ReadBody(reader, body));
  if (!row.has_value()) return BodyFacts{};
  return BodyFacts{.exists = true,
                   .active = row->status == directory::v1::BODY_STATUS_ACTIVE,
                   .enforcement = row->enforcement,
                   .approval_required = row->approval_required,
                   .revision = row->revision};
}

absl::StatusOr<UnitFacts> DirectoryReplica::FindUnit(const store::Reader& reader,
                                                     std::string_view unit) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<UnitRow> row, ReadUnit(reader, unit));
  if (!row.has_value()) return UnitFacts{};
  return UnitFacts{.exists = true,
                   .active = row->status == directory::v1::UNIT_STATUS_ACTIVE,
                   .duty_desk = row->kind == directory::v1::UNIT_KIND_DUTY_DESK};
}

absl::StatusOr<OfferFacts> DirectoryReplica::FindOffer(const store::Reader& reader,
                                                       std::string_view offer) const {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<OfferRow> row, ReadOffer(reader, offer));
  if (!row.has_value()) return OfferFacts{};
  // It changes hands when the work of its provider begins to move, and not by the hour of a call.
  WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(reader, absl::UnixEpoch()));
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> successor,
                           rows::FindSuccessor(reader, row->provider, row->theme, row->territory, day));
  if (successor.has_value() && successor->TakesOffers()) row->provider = std::move(successor->body);
  ProgrammeRow programme;
  if (!row->programme.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(programme, ReadProgramme(reader, row->programme));
  }
  WAYPOST_ASSIGN_OR_RETURN(DocumentsPtr documents, ReadDocuments(reader, offer));
  return OfferFacts{.exists = true,
                    .active = row->status == directory::v1::OFFER_STATUS_ACTIVE,
                    .provider = std::move(row->provider),
                    .enrolment = row->kind == directory::v1::OFFER_KIND_ENROLMENT,
                    .programme = std::move(row->programme),
                    .programme_end = std::move(programme.end),
                    .groups = std::move(row->groups),
                    .required_documents = std::move(documents)};
}

absl::StatusOr<std::string> DirectoryReplica::ReadCoordinator(const store::Reader& reader,
                                                              type::v1::Theme theme,
                                                              std::string_view territory,
                                                              absl::Time now) const {
  const absl::CivilDay day = absl::ToCivilDay(now, absl::UTCTimeZone());
  const std::string today = absl::FormatCivilTime(day);
  for (const std::string_view code : territory::CoveringCodes(territory)) {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<Agreement> agreements,
                             ReadAgreements(reader, AgreementsKey(theme, code)));
    for (Agreement& agreement : agreements) {
      // The directory lets no two agreements of one theme and territory overlap: at most one counts.
      if (!Counts(agreement, today)) continue;
      WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> successor,
                               FindSuccessor(reader, agreement.body, theme, territory, now));
      return successor.has_value() ? std::move(successor->body) : std::move(agreement.body);
    }
  }
  return std::string();
}

absl::StatusOr<std::string> DirectoryReplica::FindCoordinator(const store::Reader& reader,
                                                              type::v1::Theme theme,
                                                              std::string_view territory,
                                                              absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> version, VersionOfDay(reader, now));
  if (!version.has_value()) return ReadCoordinator(reader, theme, territory, now);
  const std::string key = KeyBuilder().Uint(theme).Text(territory).Take();
  if (std::optional<std::string> found = found_coordinators_.Find(*version, key)) return *std::move(found);
  WAYPOST_ASSIGN_OR_RETURN(std::string coordinator, ReadCoordinator(reader, theme, territory, now));
  found_coordinators_.Keep(*version, key, coordinator);
  return coordinator;
}

absl::StatusOr<CalendarPtr> DirectoryReplica::FindCalendar(const store::Reader& reader, std::string_view body,
                                                           std::string_view unit) const {
  if (body.empty()) return CalendarPtr();
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> version, reader.Get(CursorKey()));
  if (!version.has_value()) return ReadCalendar(reader, body, unit);
  const std::string owner(unit.empty() ? body : unit);
  if (std::optional<CalendarPtr> found = found_calendars_.Find(*version, owner)) return *std::move(found);
  WAYPOST_ASSIGN_OR_RETURN(CalendarPtr calendar, ReadCalendar(reader, body, unit));
  found_calendars_.Keep(*version, owner, calendar);
  return calendar;
}

absl::StatusOr<RouteFacts> DirectoryReplica::ReadRoute(const store::Reader& reader, const Route& route,
                                                       absl::Time now) const {
  RouteFacts facts;
  WAYPOST_ASSIGN_OR_RETURN(facts.referring, Find(reader, route.referring));
  WAYPOST_ASSIGN_OR_RETURN(facts.receiving, Find(reader, route.receiving));
  WAYPOST_ASSIGN_OR_RETURN(facts.coordinating_body,
                           ReadCoordinator(reader, route.theme, route.territory, now));
  for (const auto& [body, successor] : {std::pair(route.referring, &facts.referring_successor),
                                        std::pair(route.receiving, &facts.receiving_successor)}) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> found,
                             FindSuccessor(reader, body, route.theme, route.territory, now));
    if (found.has_value()) *successor = std::move(found->body);
  }
  if (!route.referring_unit.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(facts.referring_unit, FindUnit(reader, route.referring_unit));
  }
  if (!route.receiving_unit.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(facts.receiving_unit, FindUnit(reader, route.receiving_unit));
  }
  if (!route.offer.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(facts.offer, FindOffer(reader, route.offer));
    facts.offer.groups.clear();  // a route names none, and what was found is kept
  }
  WAYPOST_ASSIGN_OR_RETURN(facts.referring_calendar,
                           FindCalendar(reader, route.referring, route.referring_unit));
  WAYPOST_ASSIGN_OR_RETURN(facts.receiving_calendar,
                           FindCalendar(reader, route.receiving, route.receiving_unit));
  return facts;
}

absl::StatusOr<std::optional<Successor>> DirectoryReplica::FindSuccessor(const store::Reader& reader,
                                                                         std::string_view body,
                                                                         type::v1::Theme theme,
                                                                         std::string_view territory,
                                                                         absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(reader, now));
  return rows::FindSuccessor(reader, body, theme, territory, day);
}

absl::StatusOr<RouteFacts> DirectoryReplica::FindRoute(const store::Reader& reader, const Route& route,
                                                       absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> version, VersionOfDay(reader, now));
  if (!version.has_value()) return ReadRoute(reader, route, now);
  const std::string key = KeyBuilder()
                              .Text(route.referring)
                              .Text(route.receiving)
                              .Uint(route.theme)
                              .Text(route.territory)
                              .Text(route.referring_unit)
                              .Text(route.receiving_unit)
                              .Text(route.offer)
                              .Take();
  if (std::optional<RouteFacts> found = found_routes_.Find(*version, key)) return *std::move(found);
  WAYPOST_ASSIGN_OR_RETURN(RouteFacts facts, ReadRoute(reader, route, now));
  found_routes_.Keep(*version, key, facts);
  return facts;
}

absl::Status DirectoryReplica::Apply(const directory::v1::WatchChangesResponse& changes, absl::Time now) {
  if (changes.changes_size() > 0) {
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
      for (const directory::v1::Change& change : changes.changes()) {
        if (change.has_body()) WAYPOST_RETURN_IF_ERROR(PutBody(writer, change.body(), change.revision()));
        if (change.has_unit()) WAYPOST_RETURN_IF_ERROR(PutUnit(writer, change.unit(), change.revision()));
        if (change.has_offer()) WAYPOST_RETURN_IF_ERROR(PutOffer(writer, change.offer(), change.revision()));
        if (change.has_coordination_agreement()) {
          WAYPOST_RETURN_IF_ERROR(PutAgreement(writer, change.coordination_agreement(), change.revision()));
        }
        if (change.has_programme()) {
          WAYPOST_RETURN_IF_ERROR(PutProgramme(writer, change.programme(), change.revision()));
        }
        if (change.has_succession()) {
          WAYPOST_RETURN_IF_ERROR(rows::PutSuccession(writer, change.succession(), change.revision()));
        }
      }
      writer.Put(CursorKey(), changes.next_cursor());
      return absl::OkStatus();
    }));
    TellAccounts(changes);
  }
  if (changes.up_to_date()) complete_at_.store(absl::ToUnixMicros(now), std::memory_order_relaxed);
  return absl::OkStatus();
}

void DirectoryReplica::TellAccounts(const directory::v1::WatchChangesResponse& changes) const {
  if (accounts_ == nullptr) return;
  std::vector<rpc::chain::AccountSuccession> told;
  for (const directory::v1::Change& change : changes.changes()) {
    if (!change.has_succession()) continue;
    auto said = rpc::chain::AccountSuccessionOf(change.succession(), change.revision());
    if (said.has_value()) told.push_back(*std::move(said));
  }
  if (!told.empty()) accounts_->Record(told);
}

absl::Status DirectoryReplica::LoadAccounts() const {
  if (accounts_ == nullptr) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, store_.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<rows::KnownSuccession> all, rows::AllSuccessions(*reader));
  std::vector<rpc::chain::AccountSuccession> told;
  for (const rows::KnownSuccession& known : all) {
    auto said = rpc::chain::AccountSuccessionOf(known.succession, known.revision);
    if (said.has_value()) told.push_back(*std::move(said));
  }
  accounts_->Record(told);
  return absl::OkStatus();
}

absl::StatusOr<std::string> DirectoryReplica::Cursor() const {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, store_.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> cursor, reader->Get(CursorKey()));
  return cursor.has_value() ? *std::move(cursor) : std::string();
}

}  // namespace waypost::referral
