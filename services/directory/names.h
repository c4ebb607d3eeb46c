// Resource names of the directory. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_DIRECTORY_NAMES_H_
#define WAYPOST_SERVICES_DIRECTORY_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

namespace waypost::directory {

enum class ResourceKind { kBody, kUnit, kOffer, kProgramme, kCoordinationAgreement, kSuccession, kEnquiry };

// A name taken apart. `id` and `parent_id` are views into it.
struct ResourceName {
  ResourceKind kind;
  std::string_view parent_id;  // of a unit: its body's id; empty otherwise
  std::string_view id;
};

// nullopt unless `name` is exactly a well-formed name of a resource of the directory.
std::optional<ResourceName> ParseName(std::string_view name);

// The id in a name of that kind; nullopt otherwise.
std::optional<std::string_view> IdOf(ResourceKind kind, std::string_view name);

std::string BodyName(std::string_view body_id);
std::string UnitName(std::string_view body_id, std::string_view unit_id);
std::string OfferName(std::string_view offer_id);
std::string ProgrammeName(std::string_view programme_id);
std::string CoordinationAgreementName(std::string_view agreement_id);
std::string SuccessionName(std::string_view succession_id);
std::string EnquiryName(std::string_view enquiry_id);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_NAMES_H_
