#include "services/directory/territory_register.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/field_checks.h"
#include "services/directory/import_rules.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"

namespace waypost::directory {
namespace {

using store::KeyBuilder;
using store::Reader;

constexpr uint32_t kFormatVersion = 1;
constexpr size_t kCountryBytes = 2;

std::string RecordKey(std::string_view code) {
  return KeyBuilder().Text("territory").Text(code).Take();
}
std::string BelowPrefix(std::string_view parent) {
  return KeyBuilder().Text("territory.below").Text(parent).Take();
}

absl::StatusOr<bool> IsRegistered(const Reader& reader, std::string_view code) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(RecordKey(code)));
  return bytes.has_value();
}

absl::StatusOr<bool> HasAnyBelow(const Reader& reader, std::string_view parent) {
  const std::unique_ptr<store::Cursor> at = reader.Scan(store::PrefixRange(BelowPrefix(parent)));
  const bool any = at->Valid();
  WAYPOST_RETURN_IF_ERROR(at->status());
  return any;
}

using Codes = std::vector<std::pair<std::string, std::string>>;  // with the fields that name them

// Of the rules of a tree, the territories of residence.
void AddResidences(const std::string& field, const v1::EligibilityRule& root, Codes& codes) {
  std::vector<const v1::EligibilityRule*> open = {&root};
  while (!open.empty()) {
    const v1::EligibilityRule& rule = *open.back();
    open.pop_back();
    for (const std::string& code : rule.residence().territories()) codes.emplace_back(field, code);
    for (const auto* list : {&rule.all_of(), &rule.any_of(), &rule.none_of()}) {
      for (const v1::EligibilityRule& inner : list->rules()) open.push_back(&inner);
    }
  }
}

Codes CodesOf(const v1::Body& body) {
  Codes codes;
  for (int i = 0; i < body.territories_size(); ++i) {
    codes.emplace_back(At("body.territories", i), body.territories(i));
  }
  for (int i = 0; i < body.competences_size(); ++i) {
    codes.emplace_back(base::Cat(At("body.competences", i), ".territory"), body.competences(i).territory());
  }
  return codes;
}

Codes CodesOf(const v1::Offer& offer) {
  Codes codes;
  for (int i = 0; i < offer.territories_size(); ++i) {
    codes.emplace_back(At("offer.territories", i), offer.territories(i));
  }
  if (offer.has_eligibility()) AddResidences("offer.eligibility", offer.eligibility(), codes);
  return codes;
}

bool Has(const Codes& codes, std::string_view code) {
  return std::any_of(codes.begin(), codes.end(), [code](const auto& each) { return each.second == code; });
}

absl::Status CheckCodes(const Reader& reader, const Codes& before, const Codes& after,
                        error::FieldViolations& violations) {
  for (const auto& [field, code] : after) {
    if (Has(before, code)) continue;
    WAYPOST_ASSIGN_OR_RETURN(const bool may_be, MayBeATerritory(reader, code));
    if (!may_be) violations.Add(field, base::Cat("'", code, "' is not in the register of territories"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Stored<v1::Territory>>> FindTerritory(const Reader& reader,
                                                                   std::string_view code) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(RecordKey(code)));
  if (!bytes) return std::nullopt;
  storage::v1::ResourceRecord record;
  if (!record.ParseFromString(*bytes) || record.format_version() != kFormatVersion ||
      !record.has_territory()) {
    return error::DataLoss("territory record");
  }
  return Stored<v1::Territory>{std::move(*record.mutable_territory()), record.revision()};
}

void PutTerritory(store::Writer& writer, const v1::Territory& territory, int64_t revision) {
  storage::v1::ResourceRecord record;
  record.set_format_version(kFormatVersion);
  record.set_revision(revision);
  *record.mutable_territory() = territory;
  writer.Put(RecordKey(territory.code()), record.SerializeAsString());
  if (revision > 1) return;
  writer.Put(KeyBuilder(BelowPrefix(ParentOf(territory.code()))).Text(territory.code()).Take(), "");
}

absl::StatusOr<Page<v1::Territory>> ListTerritories(const Reader& reader, std::string_view parent,
                                                    std::string_view position, int limit) {
  const std::string prefix = BelowPrefix(parent);
  if (!position.empty() && !position.starts_with(prefix)) return error::PageTokenInvalid();
  const std::unique_ptr<store::Cursor> at =
      reader.Scan(position.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, position));
  Page<v1::Territory> page;
  std::string last;
  for (; at->Valid(); at->Next()) {
    if (std::ssize(page.items) == limit) {
      page.next = last;
      break;
    }
    WAYPOST_ASSIGN_OR_RETURN(const std::string code,
                             store::KeyParser(at->key().substr(prefix.size())).Text());
    WAYPOST_ASSIGN_OR_RETURN(std::optional<Stored<v1::Territory>> stored, FindTerritory(reader, code));
    if (!stored) return error::DataLoss("territory index");
    page.items.push_back(*std::move(stored));
    last = std::string(at->key());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return page;
}

absl::StatusOr<bool> MayBeATerritory(const Reader& reader, std::string_view code) {
  if (code == territory::kWholeUnion) return true;
  WAYPOST_ASSIGN_OR_RETURN(const auto country, FindTerritory(reader, code.substr(0, kCountryBytes)));
  if (!country || !country->resource.register_complete()) return true;
  std::string_view unit = code.substr(0, code.find('/'));
  WAYPOST_ASSIGN_OR_RETURN(const bool is_nuts, IsRegistered(reader, unit));
  if (!is_nuts) return false;
  while (unit.size() < code.size()) {
    WAYPOST_ASSIGN_OR_RETURN(const bool has_locals, HasAnyBelow(reader, unit));
    if (!has_locals) return true;
    unit = code.substr(0, code.find('/', unit.size() + 1));
    WAYPOST_ASSIGN_OR_RETURN(const bool is_local, IsRegistered(reader, unit));
    if (!is_local) return false;
  }
  return true;
}

absl::Status CheckTerritoriesOf(const Reader& reader, const v1::Body* before, const v1::Body& after,
                                error::FieldViolations& violations) {
  return CheckCodes(reader, before == nullptr ? Codes() : CodesOf(*before), CodesOf(after), violations);
}

absl::Status CheckTerritoriesOf(const Reader& reader, const v1::Offer* before, const v1::Offer& after,
                                error::FieldViolations& violations) {
  return CheckCodes(reader, before == nullptr ? Codes() : CodesOf(*before), CodesOf(after), violations);
}

absl::Status CheckTerritoriesOf(const Reader& reader, const v1::CoordinationAgreement& agreement,
                                error::FieldViolations& violations) {
  return CheckCodes(reader, {}, {{"coordination_agreement.territory", agreement.territory()}}, violations);
}

absl::Status CheckTerritoriesOf(const Reader& reader, const v1::Succession& succession,
                                error::FieldViolations& violations) {
  Codes codes;
  for (int i = 0; i < succession.shares_size(); ++i) {
    const std::string field = base::Cat(At("succession.shares", i), ".territories");
    const auto& territories = succession.shares(i).territories();
    for (int j = 0; j < territories.size(); ++j) codes.emplace_back(At(field, j), territories[j]);
  }
  return CheckCodes(reader, {}, codes, violations);
}

absl::Status CheckAskedTerritory(const Reader& reader, std::string_view field, std::string_view code) {
  WAYPOST_ASSIGN_OR_RETURN(const bool may_be, MayBeATerritory(reader, code));
  if (may_be) return absl::OkStatus();
  return error::InvalidField(field, "is not in the register of territories: ask with one that is");
}

}  // namespace waypost::directory
