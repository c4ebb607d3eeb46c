#include "services/referral/programme_rows.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::ProgrammeWalkRecord;
using store::KeyBuilder;
using store::KeyParser;

constexpr uint32_t kWalkFormat = 1;
constexpr std::string_view kEnrolmentsPrefix = "enrolments/";

std::string OffersPrefix(std::string_view programme) {
  return KeyBuilder().Text("prog.offer").Text(programme).Take();
}
std::string OfferKey(std::string_view programme, std::string_view offer) {
  return KeyBuilder(OffersPrefix(programme)).Text(offer).Take();
}
std::string WalkPrefix() {
  return KeyBuilder().Text("prog.walk").Take();
}
std::string WalkKey(std::string_view resource) {
  return KeyBuilder(WalkPrefix()).Text(resource).Take();
}
std::string GenerationKey() {
  return KeyBuilder().Text("prog.generation").Take();
}

// A walk over everything that there is, and the key that is written once it was asked for.
struct FirstWalkOf {
  std::string_view resource;
  std::string_view asked;
};
constexpr FirstWalkOf kFirstWalks[] = {{kAllReferrals, "prog.first"},
                                       {kAllEnrolments, "prog.first.enrolments"}};

std::string AskedKey(const FirstWalkOf& first) {
  return KeyBuilder().Text(first.asked).Take();
}
absl::StatusOr<bool> WasAsked(const store::Reader& reader, const FirstWalkOf& first) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> asked, reader.Get(AskedKey(first)));
  return asked.has_value();
}

absl::StatusOr<std::optional<ProgrammeWalkRecord>> ReadWalk(const store::Reader& reader,
                                                            std::string_view resource) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(WalkKey(resource)));
  if (!value.has_value()) return std::nullopt;
  ProgrammeWalkRecord record;
  if (!record.ParseFromString(*value)) return error::DataLoss("a walk over what a programme leaves");
  return record;
}

// A number that no walk had before, not even one that has ended.
absl::StatusOr<int64_t> NextGeneration(store::Writer& writer) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, writer.Get(GenerationKey()));
  int64_t last = 0;
  if (value.has_value()) {
    KeyParser parser(*value);
    WAYPOST_ASSIGN_OR_RETURN(last, parser.Int());
  }
  writer.Put(GenerationKey(), KeyBuilder().Int(last + 1).Take());
  return last + 1;
}

// The first walk of a range.
absl::StatusOr<std::optional<ProgrammeWalk>> FirstWalk(const store::Reader& reader,
                                                       const store::KeyRange& range) {
  const auto at = reader.Scan(range);
  if (!at->Valid()) {
    WAYPOST_RETURN_IF_ERROR(at->status());
    return std::nullopt;
  }
  ProgrammeWalk walk;
  KeyParser parser(at->key().substr(WalkPrefix().size()));
  WAYPOST_ASSIGN_OR_RETURN(walk.resource, parser.Text());
  if (!walk.record.ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
    return error::DataLoss("a walk over what a programme leaves");
  }
  return walk;
}

}  // namespace

std::string EnrolmentsIn(std::string_view offer) {
  return base::Cat(kEnrolmentsPrefix, offer);
}

std::optional<std::string> OfferOfEnrolments(std::string_view resource) {
  if (!resource.starts_with(kEnrolmentsPrefix)) return std::nullopt;
  return std::string(resource.substr(kEnrolmentsPrefix.size()));
}

absl::Status PutOfferUnder(store::Writer& writer, std::string_view offer, std::string_view before,
                           std::string_view programme) {
  if (!programme.empty()) writer.Put(OfferKey(programme, offer), "");
  if (before == programme) return absl::OkStatus();
  if (!before.empty()) writer.Delete(OfferKey(before, offer));
  return AskForWalksOf(writer, offer);
}

absl::StatusOr<std::vector<std::string>> ListOffersUnder(const store::Reader& reader,
                                                         std::string_view programme, std::string_view after,
                                                         int limit) {
  const std::string prefix = OffersPrefix(programme);
  std::vector<std::string> offers;
  const auto at = reader.Scan(after.empty() ? store::PrefixRange(prefix)
                                            : store::PrefixRangeAfter(prefix, OfferKey(programme, after)));
  for (; at->Valid() && static_cast<int>(offers.size()) < limit; at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(offers.emplace_back(), parser.Text());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return offers;
}

absl::Status AskForWalk(store::Writer& writer, std::string_view resource) {
  ProgrammeWalkRecord record;
  record.set_format_version(kWalkFormat);
  WAYPOST_ASSIGN_OR_RETURN(const int64_t generation, NextGeneration(writer));
  record.set_generation(generation);
  writer.Put(WalkKey(resource), record.SerializeAsString());
  return absl::OkStatus();
}

absl::Status AskForWalksOf(store::Writer& writer, std::string_view offer) {
  WAYPOST_RETURN_IF_ERROR(AskForWalk(writer, offer));
  return AskForWalk(writer, EnrolmentsIn(offer));
}

absl::StatusOr<bool> LacksFirstWalks(const store::Reader& reader) {
  for (const FirstWalkOf& first : kFirstWalks) {
    WAYPOST_ASSIGN_OR_RETURN(const bool asked, WasAsked(reader, first));
    if (!asked) return true;
  }
  return false;
}

absl::Status AskForFirstWalks(store::Writer& writer) {
  for (const FirstWalkOf& first : kFirstWalks) {
    WAYPOST_ASSIGN_OR_RETURN(const bool asked, WasAsked(writer, first));
    if (asked) continue;
    writer.Put(AskedKey(first), "");
    WAYPOST_RETURN_IF_ERROR(AskForWalk(writer, first.resource));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ProgrammeWalk>> NextWalk(const store::Reader& reader, std::string_view turn) {
  const std::string prefix = WalkPrefix();
  if (!turn.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<ProgrammeWalk> next,
                             FirstWalk(reader, store::PrefixRangeAfter(prefix, WalkKey(turn))));
    if (next.has_value()) return next;
  }
  return FirstWalk(reader, store::PrefixRange(prefix));
}

absl::StatusOr<bool> NoteWalk(store::Writer& writer, const ProgrammeWalk& walk, bool ended) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<ProgrammeWalkRecord> now_there,
                           ReadWalk(writer, walk.resource));
  if (!now_there.has_value() || now_there->generation() != walk.record.generation()) return false;
  if (ended) {
    writer.Delete(WalkKey(walk.resource));
  } else {
    writer.Put(WalkKey(walk.resource), walk.record.SerializeAsString());
  }
  return true;
}

}  // namespace waypost::referral::rows
