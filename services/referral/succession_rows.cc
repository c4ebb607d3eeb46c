#include "services/referral/succession_rows.h"

#include <utility>

#include "absl/time/civil_time.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/territory/share_fit.h"

namespace waypost::referral::rows {
namespace {

using directory::v1::Succession;
using directory::v1::SuccessionShare;
using storage::v1::SuccessionMoveRecord;
using store::KeyBuilder;
using store::KeyParser;

// As many as the directory lets follow one another.
constexpr int kMaxSteps = 8;

std::string FromPrefix(std::string_view predecessor) {
  return KeyBuilder().Text("succ").Text(predecessor).Take();
}
std::string OpenPrefix() {
  return KeyBuilder().Text("succ.open").Take();
}
std::string OpenKey(std::string_view start_date, std::string_view name) {
  return KeyBuilder(OpenPrefix()).Text(start_date).Text(name).Take();
}
std::string MovePrefix() {
  return KeyBuilder().Text("succ.move").Take();
}
std::string MoveKey(std::string_view name) {
  return KeyBuilder(MovePrefix()).Text(name).Take();
}
std::string DayKey() {
  return KeyBuilder().Text("succ.day").Take();
}

absl::StatusOr<std::pair<int64_t, Succession>> ParseSuccession(std::string_view value) {
  std::pair<int64_t, Succession> row;
  KeyParser parser(value);
  WAYPOST_ASSIGN_OR_RETURN(row.first, parser.Int());
  WAYPOST_ASSIGN_OR_RETURN(const std::string bytes, parser.Text());
  if (!row.second.ParseFromString(bytes)) return error::DataLoss("a succession of the directory");
  return row;
}

absl::Status ParseMove(std::string_view value, SuccessionMoveRecord& move) {
  if (move.ParseFromArray(value.data(), static_cast<int>(value.size()))) return absl::OkStatus();
  return error::DataLoss("the move of a succession");
}

bool Counts(const directory::v1::Period& period, std::string_view day) {
  return period.start_date() <= day && (period.end_date().empty() || day <= period.end_date());
}

Successor SuccessorBy(const Succession& succession, const SuccessionShare& share) {
  Successor found{.body = share.successor(),
                  .whole = succession.kind() != directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED,
                  .offers = succession.offers_follow()};
  for (const directory::v1::UnitSuccession& unit : share.units()) {
    found.units.emplace(unit.unit(), unit.successor_unit());
  }
  return found;
}

// One step; nothing where the body keeps its place.
absl::StatusOr<std::optional<Successor>> Step(const store::Reader& reader, std::string_view body,
                                              type::v1::Theme theme, std::string_view territory,
                                              std::string_view day) {
  std::optional<std::pair<int, bool>> best;
  std::optional<Successor> found;
  const auto at = reader.Scan(store::PrefixRange(FromPrefix(body)));
  for (; at->Valid(); at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto row, ParseSuccession(at->value()));
    if (!Counts(row.second.period(), day)) continue;
    for (const SuccessionShare& share : row.second.shares()) {
      const auto fit = territory::FitOf(share, theme, territory);
      if (!fit || (best && *fit <= *best)) continue;
      best = fit;
      found = SuccessorBy(row.second, share);
    }
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return found;
}

// The body that all of this one went over to; empty where there is none on that day.
absl::StatusOr<std::string> WholeStep(const store::Reader& reader, std::string_view body,
                                      std::string_view day) {
  const auto at = reader.Scan(store::PrefixRange(FromPrefix(body)));
  for (; at->Valid(); at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto row, ParseSuccession(at->value()));
    const bool whole =
        row.second.kind() == directory::v1::SUCCESSION_KIND_MERGED && territory::TakesEverything(row.second);
    if (whole && Counts(row.second.period(), day)) return row.second.shares(0).successor();
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return std::string();
}

// Units of the first body, each with that of the last one.
void FollowUnits(const Successor& next, Successor& so_far) {
  std::map<std::string, std::string, std::less<>> units;
  for (const auto& [unit, between] : so_far.units) {
    if (const auto found = next.units.find(between); found != next.units.end()) {
      units.emplace(unit, found->second);
    }
  }
  so_far.units = std::move(units);
}

// The day from which `other` has what `ended` had kept from it, both of one predecessor; nothing where it
// never does: `ended` has no end, or only one before the other begins, or the other has ended by then.
std::optional<std::string> HasTheRestFrom(const Succession& other, const Succession& ended) {
  absl::CivilDay last;
  if (other.name() == ended.name()) return std::nullopt;
  if (!absl::ParseCivilTime(ended.period().end_date(), &last)) return std::nullopt;
  std::string from = absl::FormatCivilTime(last + 1);
  if (other.period().start_date() >= from || !Counts(other.period(), from)) return std::nullopt;
  return from;
}

// What one that ends keeps from the others of its predecessor goes by these from the day after; whichever of
// the two is known first.
absl::Status OpenAfterEnds(store::Writer& writer, const Succession& written) {
  std::vector<Succession> others;
  const auto at = writer.Scan(store::PrefixRange(FromPrefix(written.predecessor())));
  for (; at->Valid(); at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(auto row, ParseSuccession(at->value()));
    others.push_back(std::move(row.second));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  for (const Succession& other : others) {
    for (const auto& [has, ended] : {std::pair(&other, &written), std::pair(&written, &other)}) {
      const auto from = HasTheRestFrom(*has, *ended);
      if (from.has_value()) writer.Put(OpenKey(*from, has->name()), written.predecessor());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PutSuccession(store::Writer& writer, const Succession& succession, int64_t revision) {
  const std::string key = KeyBuilder(FromPrefix(succession.predecessor())).Text(succession.name()).Take();
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, writer.Get(key));
  bool another_period = true;
  if (value.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto row, ParseSuccession(*value));
    if (row.first > revision) return absl::OkStatus();
    another_period = row.second.period().end_date() != succession.period().end_date() ||
                     row.second.period().start_date() != succession.period().start_date();
  }
  writer.Put(key, KeyBuilder().Int(revision).Text(succession.SerializeAsString()).Take());
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<SuccessionMoveRecord> move,
                           GetMove(writer, succession.name()));
  // One that was begun anew has had its first day, and has a row of its own.
  const bool done = move.has_value() && (move->has_end_time() || !move->reopen_date().empty());
  if (!done)
    writer.Put(OpenKey(succession.period().start_date(), succession.name()), succession.predecessor());
  return another_period ? OpenAfterEnds(writer, succession) : absl::OkStatus();
}

absl::StatusOr<std::vector<KnownSuccession>> AllSuccessions(const store::Reader& reader) {
  std::vector<KnownSuccession> all;
  const auto at = reader.Scan(store::PrefixRange(KeyBuilder().Text("succ").Take()));
  for (; at->Valid(); at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(auto row, ParseSuccession(at->value()));
    all.push_back({.revision = row.first, .succession = std::move(row.second)});
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return all;
}

absl::StatusOr<std::string> SuccessionDay(const store::Reader& reader, absl::Time now) {
  std::string today = absl::FormatCivilTime(absl::ToCivilDay(now, absl::UTCTimeZone()));
  WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> begun, reader.Get(DayKey()));
  return begun.has_value() && *begun > today ? *std::move(begun) : std::move(today);
}

absl::StatusOr<std::optional<Successor>> FindSuccessor(const store::Reader& reader, std::string_view body,
                                                       type::v1::Theme theme, std::string_view territory,
                                                       std::string_view day) {
  if (body.empty()) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> found, Step(reader, body, theme, territory, day));
  for (int steps = 1; found.has_value() && steps < kMaxSteps; ++steps) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<Successor> next, Step(reader, found->body, theme, territory, day));
    if (!next.has_value()) break;
    FollowUnits(*next, *found);
    found->body = std::move(next->body);
  }
  return found;
}

absl::StatusOr<bool> StandsInWholePlace(const store::Reader& reader, std::string_view body,
                                        std::string_view predecessor, std::string_view day) {
  std::string end(predecessor);
  for (int steps = 0; steps < kMaxSteps; ++steps) {
    WAYPOST_ASSIGN_OR_RETURN(std::string next, WholeStep(reader, end, day));
    if (next.empty()) break;
    end = std::move(next);
  }
  return end == body && end != predecessor;
}

absl::StatusOr<bool> IsNoMore(const store::Reader& reader, std::string_view predecessor,
                              std::string_view succession, std::string_view day) {
  const std::string key = KeyBuilder(FromPrefix(predecessor)).Text(succession).Take();
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(key));
  if (!value.has_value()) return false;
  WAYPOST_ASSIGN_OR_RETURN(const auto row, ParseSuccession(*value));
  return row.second.kind() != directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED &&
         Counts(row.second.period(), day);
}

absl::StatusOr<std::vector<OpenMove>> OpenMoves(const store::Reader& reader, std::string_view day,
                                                int limit) {
  std::vector<OpenMove> moves;
  const std::string prefix = OpenPrefix();
  const auto at = reader.Scan(store::PrefixRange(prefix));
  for (; at->Valid() && static_cast<int>(moves.size()) < limit; at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    OpenMove open;
    WAYPOST_ASSIGN_OR_RETURN(open.start_date, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(open.succession, parser.Text());
    open.predecessor = std::string(at->value());
    if (open.start_date > day) break;
    moves.push_back(std::move(open));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return moves;
}

absl::StatusOr<std::optional<SuccessionMoveRecord>> GetMove(const store::Reader& reader,
                                                            std::string_view succession) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(MoveKey(succession)));
  if (!value.has_value()) return std::nullopt;
  SuccessionMoveRecord move;
  WAYPOST_RETURN_IF_ERROR(ParseMove(*value, move));
  return move;
}

void PutMove(store::Writer& writer, const SuccessionMoveRecord& move) {
  writer.Put(MoveKey(move.succession()), move.SerializeAsString());
  if (!move.has_end_time()) return;
  const bool anew = !move.reopen_date().empty();
  writer.Delete(OpenKey(anew ? move.reopen_date() : move.start_date(), move.succession()));
}

absl::Status PutSuccessionDay(store::Writer& writer, std::string_view day) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> begun, writer.Get(DayKey()));
  if (!begun.has_value() || *begun < day) writer.Put(DayKey(), std::string(day));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SuccessionMoveRecord>> ListMoves(const store::Reader& reader,
                                                            std::string_view after, int limit) {
  std::vector<SuccessionMoveRecord> moves;
  const std::string prefix = MovePrefix();
  const auto at = reader.Scan(after.empty() ? store::PrefixRange(prefix)
                                            : store::PrefixRangeAfter(prefix, MoveKey(after)));
  for (; at->Valid() && static_cast<int>(moves.size()) < limit; at->Next()) {
    WAYPOST_RETURN_IF_ERROR(ParseMove(at->value(), moves.emplace_back()));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return moves;
}

}  // namespace waypost::referral::rows
