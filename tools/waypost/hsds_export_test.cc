#include "tools/waypost/hsds_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/waypost/hsds_mapping.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kMapping[] = R"({"format": 1, "system": "s", "offer_prefix": "p", "language": "en",
  "defaults": {"body": "bodies/gb-x", "theme": "health", "kind": "one-off", "territories": ["UK"]},
  "organizations": {"d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610": {"body": "bodies/gb-x"}},
  "territories": {"381c64f1-a724-4884-9c21-ac96c21cca3e": ["UK"]}})";

// A service as an offer.
pb::ExportedOffer Imported(const json& service) {
  const HsdsPackage package = ParseHsds(service.dump());
  const HsdsMappingRead mapping = ReadHsdsMapping(kMapping);
  EXPECT_THAT(package.reports, IsEmpty());
  EXPECT_TRUE(mapping.mapping.has_value());
  pb::ExportedOffer exported;
  if (package.services.empty() || !mapping.mapping.has_value()) return exported;
  HsdsOfferRow mapped = MapHsdsService(package.services[0], *mapping.mapping);
  EXPECT_THAT(mapped.reports, IsEmpty());
  *exported.mutable_offer() = mapped.row.offer();
  exported.set_source_content(mapped.row.source_content());
  return exported;
}

json Exported(const pb::ExportedOffer& offer) {
  const auto service = HsdsServiceOf(offer, pb::Body());
  EXPECT_TRUE(service.ok()) << service.status();
  return service.value_or(json());
}

TEST(HsdsExportTest, GivesBackAllThatWasImported) {
  const json service = json::parse(R"({"id": "S/1", "name": "Course", "status": "inactive",
    "description": "Two\r\nlines", "minimum_age": 16, "maximum_age": 25, "assured_date": "2026-01-31",
    "languages": [{"id": "l", "code": "FR", "note": "n"}, {"code": "fr"}, {"name": "Dari"}],
    "required_documents": [{"id": "d", "document": "Permit", "uri": "x"}],
    "schedules": [{"id": "x", "deep": {"a": [1, 2.5, null, true]}}], "unknown": {"ü": "\u0007"},
    "capacities": [{"available": 3, "maximum": 12, "updated": "2026-01-01"}]})");
  EXPECT_EQ(Exported(Imported(service)), service);
}

TEST(HsdsExportTest, GivesBackThePublishedExample) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const auto path = std::filesystem::path(source) / "../shared/data/hsds-3.0/examples/service_full.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "there are no HSDS examples beside the project";
  std::ifstream file(path);
  const json service = json::parse(file);
  EXPECT_EQ(Exported(Imported(service)), service);
}

TEST(HsdsExportTest, WhatHasChangedHereGoesOverTheRecord) {
  const json service = json::parse(R"({"id": "1", "name": "Course", "status": "active", "description": "Old",
    "languages": [{"id": "l", "code": "FR"}, {"code": "ar"}, {"name": "Dari"}],
    "required_documents": [{"document": "Permit"}], "fees": "none"})");
  pb::ExportedOffer exported = Imported(service);
  pb::Offer& offer = *exported.mutable_offer();
  (*offer.mutable_display_name()->mutable_text())["en"] = "New course";
  offer.clear_description();
  offer.set_status(pb::OFFER_STATUS_DEFUNCT);
  offer.clear_languages();
  offer.add_languages("fr");
  offer.add_languages("es");
  offer.clear_required_documents();
  offer.set_assured_date("2026-02-01");
  const json after = Exported(exported);
  EXPECT_EQ(after["name"], "New course");
  EXPECT_FALSE(after.contains("description"));
  EXPECT_EQ(after["status"], "defunct");
  EXPECT_EQ(after["assured_date"], "2026-02-01");
  EXPECT_EQ(after["fees"], "none");
  ASSERT_EQ(after["languages"].size(), 3u);
  EXPECT_EQ(after["languages"][0], service["languages"][0]);
  EXPECT_EQ(after["languages"][1], service["languages"][2]);
  EXPECT_EQ(after["languages"][2]["code"], "es");
  EXPECT_THAT(after["required_documents"], IsEmpty());
}

TEST(HsdsExportTest, AnOfferMadeHereSaysWhoseItIsAndForWhom) {
  pb::ExportedOffer exported;
  pb::Offer& offer = *exported.mutable_offer();
  offer.set_name("offers/es-madrid-housing");
  offer.set_provider("bodies/es-madrid");
  offer.set_theme(type::v1::THEME_MENTAL_HEALTH);
  offer.set_status(pb::OFFER_STATUS_ACTIVE);
  offer.add_territories("ES300");
  (*offer.mutable_display_name()->mutable_text())["es"] = "Vivienda";
  offer.mutable_display_name()->set_original_language("es");
  pb::Body provider;
  (*provider.mutable_display_name()->mutable_text())["es"] = "Madrid";
  provider.mutable_display_name()->set_original_language("es");
  const auto service = HsdsServiceOf(exported, provider);
  ASSERT_TRUE(service.ok());
  EXPECT_EQ((*service)["id"], HsdsUuid("offers/es-madrid-housing", "offer"));
  EXPECT_EQ((*service)["organization"]["name"], "Madrid");
  EXPECT_EQ((*service)["attributes"][0]["taxonomy_term"]["code"], "THEME_MENTAL_HEALTH");
  EXPECT_EQ((*service)["service_areas"][0]["name"], "ES300");
  // It can be read again as it is.
  EXPECT_THAT(ParseHsds(service->dump()).reports, IsEmpty());
  EXPECT_EQ((*HsdsServiceOf(exported, provider)), *service);
}

TEST(HsdsExportTest, UuidsAreUuidsAndStayTheSame) {
  const std::string uuid = HsdsUuid("offers/x", "offer");
  EXPECT_THAT(uuid,
              ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(uuid, HsdsUuid("offers/x", "offer"));
  EXPECT_NE(uuid, HsdsUuid("offers/y", "offer"));
  EXPECT_NE(uuid, HsdsUuid("offers/x", "theme"));
}

}  // namespace
}  // namespace waypost::cli
