#include "services/directory/import_rules.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/api/field_mask.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/territory/territory.h"
#include "nlohmann/json.hpp"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rules.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"

namespace waypost::directory {
namespace {

using error::FieldViolations;
using google::protobuf::util::MessageDifferencer;

// What an import brings to an offer that is there already. The rest is kept by people here.
std::vector<std::string_view> ImportedPaths() {
  return {"programme",   "theme",     "display_name", "description", "territories",
          "eligibility", "languages", "assured_date", "status",      "required_documents"};
}

void CheckCode(std::string_view field, std::string_view code, FieldViolations& violations) {
  CheckTerritory(field, code, violations);
  if (code == territory::kWholeUnion)
    violations.Add(field, "is the whole Union, which the register leaves out");
}

void CheckPaging(int32_t page_size, FieldViolations& violations) {
  if (page_size < 0) violations.Add("page_size", "must not be negative");
}

bool IsJsonObject(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && text[begin] == '{' &&
         nlohmann::json::accept(text.begin(), text.end());
}

void CheckSource(const v1::OfferToImport& row, FieldViolations& violations) {
  const v1::OfferSource& source = row.offer().source();
  CheckText("offer.source.system", source.system(), kMaxSourceSystemBytes, /*required=*/true, violations);
  CheckText("offer.source.id", source.id(), kMaxSourceIdBytes, /*required=*/true, violations);
  const std::string& content = row.source_content();
  if (content.size() > kMaxSourceContentBytes) {
    violations.Add("source_content", base::Cat("is longer than ", kMaxSourceContentBytes, " bytes"));
  } else if (!content.empty() && !IsJsonObject(content)) {
    violations.Add("source_content", "is not a JSON object");
  }
}

// Places keep the day on which they were reported elsewhere, which has been: as of today they would look
// fresh.
absl::Status CheckReported(const v1::Offer& offer, absl::Time now) {
  FieldViolations violations;
  for (int i = 0; i < offer.groups_size(); ++i) {
    const v1::Capacity& capacity = offer.groups(i).capacity();
    if (!capacity.has_update_time()) continue;
    const std::string path = base::Cat(At("offer.groups", i), ".capacity.update_time");
    if (!CheckTime(path, capacity.update_time(), violations)) continue;
    if (api::FromTimestamp(capacity.update_time()) > now) violations.Add(path, "lies in the future");
  }
  return violations.ToStatus();
}

// What concerns a whole list: how long it is, and that nothing stands in it twice.
template <typename Row, typename IdOfRow>
void CheckRows(std::string_view field, const google::protobuf::RepeatedPtrField<Row>& rows, int max,
               const IdOfRow& id_of, FieldViolations& violations) {
  if (!CheckCount(field, rows.size(), max, violations)) return;
  std::set<std::string_view> ids;
  for (int i = 0; i < rows.size(); ++i) {
    if (!ids.insert(id_of(rows[i])).second) violations.Add(At(field, i), "is there twice");
  }
}

bool IsExtraRegio(std::string_view code) {
  return code.size() > 2 && code.find_first_not_of('Z', 2) == std::string_view::npos;
}

bool HasBlankEdge(std::string_view text) {
  return !text.empty() && (text.front() == ' ' || text.back() == ' ');
}

}  // namespace

absl::Status Check(const v1::ImportOffersRequest& request) {
  FieldViolations violations;
  if (request.offers().empty()) violations.Add("offers", "is required");
  CheckRows(
      "offers", request.offers(), kMaxImportOffers,
      [](const v1::OfferToImport& row) -> std::string_view { return row.offer_id(); }, violations);
  int territories = 0;
  for (const v1::OfferToImport& row : request.offers()) territories += row.offer().territories_size();
  if (territories > kMaxImportTerritories) {
    violations.Add("offers", base::Cat("name more than ", kMaxImportTerritories, " territories: send fewer"));
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::ExportOffersRequest& request) {
  FieldViolations violations;
  CheckPaging(request.page_size(), violations);
  CheckName("provider", ResourceKind::kBody, request.provider(), /*required=*/false, violations);
  CheckName("programme", ResourceKind::kProgramme, request.programme(), /*required=*/false, violations);
  if (!request.provider().empty() && !request.programme().empty()) {
    violations.Add("provider", "provider and programme exclude each other");
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::ImportTerritoriesRequest& request) {
  FieldViolations violations;
  if (request.territories().empty() && request.complete_countries().empty()) {
    violations.Add("territories", "is required");
  }
  CheckRows(
      "territories", request.territories(), kMaxRegisterRows,
      [](const v1::Territory& row) -> std::string_view { return row.code(); }, violations);
  const auto& countries = request.complete_countries();
  CheckRows(
      "complete_countries", countries, kMaxCompleteCountries,
      [](const std::string& code) -> std::string_view { return code; }, violations);
  for (int i = 0; i < std::min(countries.size(), kMaxCompleteCountries); ++i) {
    const std::string field = At("complete_countries", i);
    CheckCode(field, countries[i], violations);
    if (countries[i].size() > 2) violations.Add(field, "is not the code of a country, as in ES");
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::GetTerritoryRequest& request) {
  FieldViolations violations;
  CheckCode("code", request.code(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::ListTerritoriesRequest& request) {
  FieldViolations violations;
  CheckPaging(request.page_size(), violations);
  if (!request.parent().empty()) CheckCode("parent", request.parent(), violations);
  return violations.ToStatus();
}

absl::StatusOr<v1::Offer> NewImportedOffer(const v1::OfferToImport& row, absl::Time now) {
  FieldViolations violations;
  CheckSource(row, violations);
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  v1::CreateOfferRequest request;
  request.set_offer_id(row.offer_id());
  *request.mutable_offer() = row.offer();
  WAYPOST_RETURN_IF_ERROR(Check(request));
  WAYPOST_RETURN_IF_ERROR(CheckReported(row.offer(), now));
  WAYPOST_ASSIGN_OR_RETURN(v1::Offer offer, NewOffer(request, now));
  for (int i = 0; i < offer.groups_size(); ++i) {
    const v1::Capacity& reported = row.offer().groups(i).capacity();
    if (!reported.has_update_time()) continue;
    *offer.mutable_groups(i)->mutable_capacity()->mutable_update_time() = reported.update_time();
  }
  *offer.mutable_source() = row.offer().source();
  return offer;
}

absl::StatusOr<v1::Offer> ImportedOver(const v1::Offer& current, const v1::Offer& incoming, absl::Time now) {
  if (!MessageDifferencer::Equals(current.source(), incoming.source())) {
    return error::AlreadyExists(current.name());
  }
  FieldViolations violations;
  if (current.provider() != incoming.provider()) {
    violations.Add("offer.provider", base::Cat("cannot be changed: the offer is of ", current.provider()));
  }
  if (current.kind() != incoming.kind()) violations.Add("offer.kind", "cannot be changed");
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());

  v1::UpdateOfferRequest request;
  *request.mutable_offer() = incoming;
  for (const std::string_view path : ImportedPaths())
    request.mutable_update_mask()->add_paths(std::string(path));
  v1::Offer same = current;
  WAYPOST_RETURN_IF_ERROR(api::ApplyMask(request.update_mask(), ImportedPaths(), incoming, same));
  if (MessageDifferencer::Equals(same, current)) return same;
  return UpdatedOffer(current, request, now);
}

absl::StatusOr<v1::Territory> NewTerritory(const v1::Territory& row, absl::Time now) {
  FieldViolations violations;
  CheckCode("code", row.code(), violations);
  CheckText("display_name", row.display_name(), kMaxNameBytes, /*required=*/true, violations);
  if (HasBlankEdge(row.display_name())) violations.Add("display_name", "begins or ends with a blank");
  CheckText("version", row.version(), kMaxVersionBytes, /*required=*/true, violations);
  CheckDate("valid_from", row.valid_from(), /*required=*/true, violations);
  if (territory::IsTerritory(row.code()) && row.level() != territory::TerritoryDepth(row.code()) - 1) {
    violations.Add("level", base::Cat("is ", row.level(), ", but the code is of level ",
                                      territory::TerritoryDepth(row.code()) - 1));
  }
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  v1::Territory territory = row;
  territory.set_extra_regio(IsExtraRegio(row.code()));
  territory.clear_register_complete();
  territory.clear_etag();
  *territory.mutable_create_time() = api::ToTimestamp(now);
  *territory.mutable_update_time() = api::ToTimestamp(now);
  return territory;
}

absl::StatusOr<v1::Territory> TerritoryOver(const v1::Territory& current, const v1::Territory& incoming,
                                            absl::Time now) {
  // Both are days of the same form: the order of their letters is that of the days.
  if (incoming.valid_from() < current.valid_from()) {
    return error::InvalidField(
        "valid_from", base::Cat("is before ", current.valid_from(), ", from when the record counts"));
  }
  v1::Territory territory = incoming;
  territory.set_register_complete(current.register_complete());
  *territory.mutable_create_time() = current.create_time();
  *territory.mutable_update_time() =
      SameTerritory(current, incoming) ? current.update_time() : api::ToTimestamp(now);
  return territory;
}

bool SameTerritory(const v1::Territory& a, const v1::Territory& b) {
  return a.code() == b.code() && a.display_name() == b.display_name() && a.level() == b.level() &&
         a.version() == b.version() && a.valid_from() == b.valid_from();
}

bool SameOffer(const v1::Offer& a, const v1::Offer& b) {
  return MessageDifferencer::Equals(a, b);
}

std::string_view ParentOf(std::string_view code) {
  const size_t slash = code.rfind('/');
  if (slash != std::string_view::npos) return code.substr(0, slash);
  return code.size() <= 2 ? std::string_view() : code.substr(0, code.size() - 1);
}

bool IsRowFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

v1::ImportFailure FailureOf(const absl::Status& status) {
  v1::ImportFailure failure;
  failure.set_reason(error::ReasonOf(status));
  failure.set_message(std::string(base::ToStd(status.message())));
  for (const std::string& line : error::ViolationsOf(status)) {
    const size_t colon = line.find(": ");
    v1::ImportViolation& violation = *failure.add_violations();
    violation.set_field(line.substr(0, colon));
    if (colon != std::string::npos) violation.set_description(line.substr(colon + 2));
  }
  return failure;
}

}  // namespace waypost::directory
