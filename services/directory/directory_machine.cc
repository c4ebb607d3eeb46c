#include "services/directory/directory_machine.h"

namespace waypost::directory {

std::string_view BodyStatusName(v1::BodyStatus status) {
  constexpr std::string_view kPrefix = "BODY_STATUS_";
  const std::string_view name = v1::BodyStatus_Name(status);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "UNKNOWN";
}

std::string_view OfferStatusName(v1::OfferStatus status) {
  constexpr std::string_view kPrefix = "OFFER_STATUS_";
  const std::string_view name = v1::OfferStatus_Name(status);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "UNKNOWN";
}

}  // namespace waypost::directory
