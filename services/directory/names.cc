#include "services/directory/names.h"

#include "common/api/names.h"
#include "common/base/strings.h"

namespace waypost::directory {
namespace {

constexpr std::string_view kBodies = "bodies/";
constexpr std::string_view kUnits = "/units/";
constexpr std::string_view kOffers = "offers/";
constexpr std::string_view kProgrammes = "programmes/";
constexpr std::string_view kAgreements = "coordinationAgreements/";
constexpr std::string_view kSuccessions = "successions/";
constexpr std::string_view kEnquiries = "enquiries/";

std::optional<ResourceName> Flat(ResourceKind kind, std::string_view id) {
  if (!api::IsId(id)) return std::nullopt;
  return ResourceName{kind, {}, id};
}

std::optional<ResourceName> BodyOrUnit(std::string_view rest) {
  const size_t units = rest.find(kUnits);
  if (units == std::string_view::npos) return Flat(ResourceKind::kBody, rest);
  const std::string_view body_id = rest.substr(0, units);
  const std::string_view unit_id = rest.substr(units + kUnits.size());
  if (!api::IsId(body_id) || !api::IsId(unit_id)) return std::nullopt;
  return ResourceName{ResourceKind::kUnit, body_id, unit_id};
}

}  // namespace

std::optional<ResourceName> ParseName(std::string_view name) {
  if (name.starts_with(kBodies)) return BodyOrUnit(name.substr(kBodies.size()));
  if (name.starts_with(kOffers)) return Flat(ResourceKind::kOffer, name.substr(kOffers.size()));
  if (name.starts_with(kProgrammes)) return Flat(ResourceKind::kProgramme, name.substr(kProgrammes.size()));
  if (name.starts_with(kAgreements)) {
    return Flat(ResourceKind::kCoordinationAgreement, name.substr(kAgreements.size()));
  }
  if (name.starts_with(kEnquiries)) return Flat(ResourceKind::kEnquiry, name.substr(kEnquiries.size()));
  if (name.starts_with(kSuccessions)) {
    return Flat(ResourceKind::kSuccession, name.substr(kSuccessions.size()));
  }
  return std::nullopt;
}

std::optional<std::string_view> IdOf(ResourceKind kind, std::string_view name) {
  const std::optional<ResourceName> parsed = ParseName(name);
  if (!parsed || parsed->kind != kind) return std::nullopt;
  return parsed->id;
}

std::string BodyName(std::string_view body_id) {
  return base::Cat(kBodies, body_id);
}
std::string UnitName(std::string_view body_id, std::string_view unit_id) {
  return base::Cat(kBodies, body_id, kUnits, unit_id);
}
std::string OfferName(std::string_view offer_id) {
  return base::Cat(kOffers, offer_id);
}
std::string ProgrammeName(std::string_view programme_id) {
  return base::Cat(kProgrammes, programme_id);
}
std::string CoordinationAgreementName(std::string_view agreement_id) {
  return base::Cat(kAgreements, agreement_id);
}
std::string SuccessionName(std::string_view succession_id) {
  return base::Cat(kSuccessions, succession_id);
}
std::string EnquiryName(std::string_view enquiry_id) {
  return base::Cat(kEnquiries, enquiry_id);
}

}  // namespace waypost::directory
