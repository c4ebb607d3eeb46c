#include "tests/bench/directory_requests.h"

#include <array>
#include <string>
#include <string_view>

#include "common/base/strings.h"

namespace waypost::bench {
namespace {

namespace pb = directory::v1;

constexpr std::array<std::string_view, 27> kCountries = {
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"};
constexpr uint64_t kRegionsOfCountry = 60;
constexpr int kThemes = 19;

// Every 200th is a national agency, the three after it are regions.
type::v1::Level LevelOf(uint64_t number) {
  if (number % 200 == 0) return type::v1::LEVEL_NATIONAL;
  return number % 200 <= 3 ? type::v1::LEVEL_REGIONAL : type::v1::LEVEL_LOCAL;
}

// Not by the number itself: its remainders say what sort of body it is.
uint64_t Mixed(uint64_t number) {
  return (number * 0x9E3779B97F4A7C15ULL) >> 20;
}

std::string Country(uint64_t number) {
  return std::string(kCountries[Mixed(number) % kCountries.size()]);
}

std::string Region(uint64_t number) {
  const uint64_t region = Mixed(number) / kCountries.size() % kRegionsOfCountry;
  return base::Cat(Country(number), std::to_string(1 + region / 9), std::to_string(1 + region % 9), "1");
}

std::string TerritoryOf(uint64_t number) {
  switch (LevelOf(number)) {
    case type::v1::LEVEL_NATIONAL:
      return Country(number);
    case type::v1::LEVEL_REGIONAL:
      return Region(number);
    default:
      return base::Cat(Region(number), "/", std::to_string(100'000 + number));
  }
}

std::string BodyId(uint64_t number) {
  return base::Cat("bench-", std::to_string(number));
}

type::v1::Theme Theme(uint64_t number) {
  return static_cast<type::v1::Theme>(1 + number % kThemes);
}

void SetText(std::string_view text, type::v1::LocalizedText& localized) {
  (*localized.mutable_text())["en"] = std::string(text);
  localized.set_original_language("en");
}

std::string ServedBy(uint64_t offer, uint64_t body) {
  if (offer % 100 == 7) return Country(body);
  return offer % 10 == 3 ? Region(body) : TerritoryOf(body);
}

void FillOffer(uint64_t number, uint64_t body, pb::OfferToImport& row) {
  row.set_offer_id(base::Cat("bench-", std::to_string(number)));
  pb::Offer& offer = *row.mutable_offer();
  offer.set_provider(base::Cat("bodies/", BodyId(body)));
  offer.set_theme(Theme(number));
  offer.set_kind(pb::OFFER_KIND_ONE_OFF);
  SetText(base::Cat("Support ", std::to_string(number)), *offer.mutable_display_name());
  SetText(
      "Advice and support for people who have arrived lately. Ask at the reception; bring what papers "
      "you have. An interpreter can be called.",
      *offer.mutable_description());
  offer.add_territories(ServedBy(number, body));
  offer.mutable_eligibility()->mutable_age()->set_min_years(16);
  offer.add_languages("en");
  offer.add_languages("uk");
  offer.set_status(pb::OFFER_STATUS_ACTIVE);
  offer.mutable_source()->set_system("https://services.example.org");
  offer.mutable_source()->set_id(std::to_string(number));
}

}  // namespace

pb::CreateBodyRequest MakeBody(uint64_t number) {
  pb::CreateBodyRequest request;
  request.set_request_id(base::Cat("bench-body-", std::to_string(number)));
  request.set_body_id(BodyId(number));
  pb::Body& body = *request.mutable_body();
  SetText(base::Cat("Body ", std::to_string(number)), *body.mutable_display_name());
  const type::v1::Level level = LevelOf(number);
  body.set_level(level);
  body.set_kind(level == type::v1::LEVEL_NATIONAL   ? pb::BODY_KIND_NATIONAL_AGENCY
                : level == type::v1::LEVEL_REGIONAL ? pb::BODY_KIND_REGION
                                                    : pb::BODY_KIND_MUNICIPALITY);
  body.add_territories(TerritoryOf(number));
  body.add_languages("en");
  for (uint64_t i = 0; i < 3; ++i) {
    pb::Competence& competence = *body.add_competences();
    competence.set_theme(Theme(number + i * 5));
    competence.set_function(i == 0 ? pb::COMPETENCE_FUNCTION_ASSESS : pb::COMPETENCE_FUNCTION_PROVIDE);
    competence.set_territory(TerritoryOf(number));
    competence.mutable_validity()->set_start_date("2025-01-01");
  }
  return request;
}

pb::ImportOffersRequest MakeOffers(uint64_t number, uint64_t bodies) {
  pb::ImportOffersRequest request;
  request.set_request_id(base::Cat("bench-offers-", std::to_string(number)));
  for (uint64_t i = 0; i < kOffersInCall; ++i) {
    const uint64_t offer = number * kOffersInCall + i;
    FillOffer(offer, offer % bodies, *request.add_offers());
  }
  return request;
}

pb::ResolveRouteRequest MakeRoute(uint64_t number, uint64_t bodies) {
  uint64_t body = Mixed(number + 1) % bodies;
  while (LevelOf(body) != type::v1::LEVEL_LOCAL) body = (body + 1) % bodies;
  pb::ResolveRouteRequest request;
  request.set_theme(Theme(Mixed(number) / 7));
  request.set_territory(TerritoryOf(body));
  request.mutable_attributes()->set_age_band(type::v1::AGE_BAND_25_TO_39);
  request.add_languages("uk");
  request.add_languages("en");
  return request;
}

}  // namespace waypost::bench
