#include "tools/waypost/hsds_export.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/strings.h"
#include "tools/waypost/hsds_attributes.h"
#include "tools/waypost/hsds_mapping.h"
#include "tools/waypost/hsds_schema.h"

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

// An offer made here that says all that one can say.
pb::ExportedOffer Whole(const std::string& eligibility) {
  pb::ExportedOffer exported;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      name: "offers/es-alpha" provider: "bodies/gb-x" theme: THEME_HEALTH kind: OFFER_KIND_ENROLMENT
      status: OFFER_STATUS_ACTIVE territories: "UK" languages: "es" assured_date: "2026-01-31"
      display_name { original_language: "es" text { key: "es" value: "Curso" }
                     text { key: "ar" value: "دورة" } }
      description { original_language: "ca" text { key: "ca" value: "Per a tothom" }
                    text { key: "fr" value: "Pour tous" } }
      schedule { original_language: "es" text { key: "es" value: "lunes" }
                 text { key: "en" value: "Mondays" } }
      required_documents { original_language: "es" text { key: "es" value: "Pasaporte" }
                           text { key: "uk" value: "Паспорт" } }
      required_documents { original_language: "fr" text { key: "fr" value: "Une lettre" } }
      groups { group_id: "alpha" permanent: true level: "ALPHA"
               display_name { original_language: "es" text { key: "es" value: "Grupo" } }
               capacity { places: 12 free: 3 waiting: 4 update_time { seconds: 1767225600 nanos: 5000000 } } }
      groups { group_id: "beta" cohort_start_date: "2026-09-01" })",
                                                            exported.mutable_offer()));
  if (!eligibility.empty()) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        eligibility, exported.mutable_offer()->mutable_eligibility()));
  }
  return exported;
}

pb::Body Provider() {
  pb::Body body;
  (*body.mutable_display_name()->mutable_text())["en"] = "House";
  body.mutable_display_name()->set_original_language("en");
  return body;
}

HsdsMapping EnrolmentMapping() {
  json mapping = json::parse(kMapping);
  mapping["defaults"]["kind"] = "enrolment";
  mapping["organizations"] = {{HsdsUuid("bodies/gb-x", "body"), {{"body", "bodies/gb-x"}}}};
  mapping["territories"]["UK"] = json::array({"UK"});
  return ReadHsdsMapping(mapping.dump()).mapping.value_or(HsdsMapping());
}

// What an import reads back from a service.
HsdsOfferRow ReadBack(const json& service) {
  HsdsPackage package = ParseHsds(service.dump());
  EXPECT_THAT(package.reports, IsEmpty());
  if (package.services.empty()) return {};
  std::vector<HsdsReport> reports;
  HsdsSchema().Hold(package.services[0], /*strict=*/true, reports);
  EXPECT_THAT(reports, IsEmpty());
  return MapHsdsService(package.services[0], EnrolmentMapping());
}

constexpr char kRefugees[] = "rules { legal_status { any_of: LEGAL_STATUS_REFUGEE } }";

TEST(HsdsExportTest, ARuleIsToldInWordsAndItsAgesWhereTheyHoldForEverybody) {
  const auto exported = HsdsServiceOf(
      Whole(base::Cat("all_of { rules { age { min_years: 18 max_years: 30 } } ", kRefugees, " }")),
      Provider());
  ASSERT_TRUE(exported.ok());
  EXPECT_EQ((*exported)["minimum_age"], 18);
  EXPECT_EQ((*exported)["maximum_age"], 30);
  EXPECT_EQ((*exported)["eligibility_description"],
            "Only for people of whom this holds: age from 18 to 30 years; and legal status is refugee.");

  const auto any = HsdsServiceOf(
      Whole(base::Cat("any_of { rules { age { min_years: 18 } } ", kRefugees, " }")), Provider());
  ASSERT_TRUE(any.ok());
  EXPECT_FALSE(any->contains("minimum_age"));
  EXPECT_TRUE(any->contains("eligibility_description"));

  // Ages say all of it, and nothing is said of an offer that is for everybody.
  const auto ages = HsdsServiceOf(Whole("age { min_years: 0 max_years: 17 }"), Provider());
  ASSERT_TRUE(ages.ok());
  EXPECT_EQ((*ages)["minimum_age"], 0);
  EXPECT_EQ((*ages)["maximum_age"], 17);
  EXPECT_FALSE(ages->contains("eligibility_description"));
  const auto everybody = HsdsServiceOf(Whole(""), Provider());
  ASSERT_TRUE(everybody.ok());
  EXPECT_FALSE(everybody->contains("eligibility_description"));
  EXPECT_FALSE(everybody->contains("minimum_age"));
}

TEST(HsdsExportTest, PlacesHaveTheirUnitAndTheirDay) {
  const auto exported = HsdsServiceOf(Whole(""), Provider());
  ASSERT_TRUE(exported.ok());
  const json& places = (*exported)["capacities"];
  ASSERT_EQ(places.size(), 1u);  // the other group never reported
  EXPECT_EQ(places[0]["available"], 3);
  EXPECT_EQ(places[0]["maximum"], 12);
  EXPECT_EQ(places[0]["unit"]["name"], "place");
  EXPECT_EQ(places[0]["updated"], "2026-01-01T00:00:00.005Z");
  EXPECT_EQ(places[0]["description"], "Places of Grupo");
}

TEST(HsdsExportTest, AnImportReadsBackTheSameOffer) {
  const std::string rules[] = {"",
                               "age { min_years: 18 }",
                               base::Cat("all_of { rules { age { min_years: 18 } } ", kRefugees, " }"),
                               base::Cat("any_of { rules { age { min_years: 18 } } ", kRefugees, " }"),
                               base::Cat("none_of { ", kRefugees, " rules { age { max_years: 17 } } }"),
                               "age_band { from_band: AGE_BAND_18_TO_24 to_band: AGE_BAND_25_TO_39 }",
                               "residence { territories: 'ES300' }",
                               "language { language: 'es' max_level: LANGUAGE_LEVEL_A2 }",
                               "household { min_persons: 3 minors: MINORS_REQUIREMENT_WITHOUT }"};
  for (const std::string& rule : rules) {
    SCOPED_TRACE(rule);
    const pb::ExportedOffer before = Whole(rule);
    const auto service = HsdsServiceOf(before, Provider());
    ASSERT_TRUE(service.ok());
    const HsdsOfferRow read = ReadBack(*service);
    EXPECT_THAT(read.reports, IsEmpty());
    pb::Offer expected = before.offer();
    expected.clear_name();
    expected.mutable_source()->set_system("s");
    expected.mutable_source()->set_id((*service)["id"]);
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read.row.offer(), expected))
        << read.row.offer().DebugString();

    // From there it goes out as it came.
    pb::ExportedOffer there;
    *there.mutable_offer() = read.row.offer();
    there.set_source_content(read.row.source_content());
    EXPECT_EQ(Exported(there), *service);
  }
}

TEST(HsdsExportTest, WordsOfTheRecordStayBesideThoseOfTheRule) {
  pb::ExportedOffer exported = Imported(json::parse(R"({"id": "1", "name": "Course", "status": "active",
    "eligibility_description": "For newcomers", "minimum_age": 18})"));
  EXPECT_EQ(exported.offer().eligibility().age().min_years(), 18u);
  EXPECT_EQ(Exported(exported)["eligibility_description"], "For newcomers");
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      base::Cat("all_of { rules { age { min_years: 21 } } ", kRefugees, " }"),
      exported.mutable_offer()->mutable_eligibility()));
  const json after = Exported(exported);
  EXPECT_EQ(
      after["eligibility_description"],
      "For newcomers\n\nOnly for people of whom this holds: age from 21 years; and legal status is refugee.");
  EXPECT_EQ(after["minimum_age"], 21);
  const HsdsPackage package = ParseHsds(after.dump());
  ASSERT_EQ(package.services.size(), 1u);
  const HsdsOfferRow read = MapHsdsService(package.services[0], *ReadHsdsMapping(kMapping).mapping);
  EXPECT_THAT(read.reports, IsEmpty());
  EXPECT_TRUE(read.row.offer().eligibility().has_all_of());
  EXPECT_EQ(json::parse(read.row.source_content())["eligibility_description"], "For newcomers");
}

TEST(HsdsExportTest, WordsAloneAreNeverReadAsARule) {
  json service = *HsdsServiceOf(
      Whole(base::Cat("all_of { rules { age { min_years: 18 } } ", kRefugees, " }")), Provider());
  service.erase("attributes");
  const HsdsOfferRow read = ReadBack(service);
  EXPECT_FALSE(read.row.offer().eligibility().has_all_of());
  EXPECT_EQ(json::parse(read.row.source_content())["eligibility_description"],
            service["eligibility_description"]);
}

TEST(HsdsExportTest, ARuleOfALaterVersionIsToldAndNotReadBack) {
  const json service =
      *HsdsServiceOf(Whole("all_of { rules { age { min_years: 18 } } rules { } }"), Provider());
  EXPECT_THAT(service["eligibility_description"].get<std::string>(), ::testing::HasSubstr("unknown here"));
  const HsdsOfferRow read = ReadBack(service);
  ASSERT_EQ(read.reports.size(), 1u);
  EXPECT_EQ(read.reports[0].pointer, "/attributes");
  EXPECT_THAT(read.reports[0].problem, ::testing::HasSubstr("import with a newer waypost"));
}

// The attribute of ours with this link_type, to be spoilt.
json& Own(json& item, std::string_view link_type) {
  for (json& attribute : item["attributes"]) {
    if (attribute.value("link_type", "") == link_type) return attribute;
  }
  ADD_FAILURE() << link_type;
  return item;
}

TEST(HsdsExportTest, WhatDoesNotFitTogetherIsAReport) {
  const json right = *HsdsServiceOf(
      Whole(base::Cat("all_of { rules { age { min_years: 18 } } ", kRefugees, " }")), Provider());
  const auto told = [](const json& service) {
    const HsdsOfferRow read = ReadBack(service);
    return read.reports.empty() ? "" : read.reports[0].pointer;
  };
  EXPECT_EQ(told(right), "");
  json wrong = right;
  wrong["minimum_age"] = 16;
  EXPECT_EQ(told(wrong), "/minimum_age");
  for (const char* const value : {"", "{", "{}", R"({"age": {"minYears": 18}, "more": 1})"}) {
    wrong = right;
    Own(wrong, "eligibility")["value"] = value;
    EXPECT_EQ(told(wrong), "/attributes") << value;
  }
  wrong = right;
  wrong["attributes"].push_back(Own(wrong, "eligibility"));
  EXPECT_EQ(told(wrong), "/attributes");
  EXPECT_THAT(ReadBack(wrong).reports[0].problem, ::testing::HasSubstr("two rules of eligibility"));
  wrong = right;
  Own(wrong, "translation")["taxonomy_term"].erase("language");
  EXPECT_EQ(told(wrong), "/name");
  wrong = right;
  Own(wrong, "group")["value"] = "[]";
  EXPECT_EQ(told(wrong), "/attributes");
  wrong = right;
  wrong["capacities"][0].erase("maximum");
  EXPECT_EQ(told(wrong), "/capacities");
  wrong = right;
  wrong["capacities"][0]["updated"] = "2026-01-01";  // at what time is not known
  EXPECT_EQ(told(wrong), "/capacities");
  wrong = right;
  wrong["capacities"].push_back(json(wrong["capacities"][0]));
  EXPECT_EQ(told(wrong), "/capacities");
  wrong = right;
  wrong["attributes"].push_back(json(Own(wrong, "original-language")));
  EXPECT_EQ(told(wrong), "/name");
  wrong = right;
  wrong.erase("description");
  EXPECT_EQ(told(wrong), "/description") << "its translation is left";
  wrong = right;
  Own(wrong["capacities"][0], "waiting")["value"] = "many";
  EXPECT_EQ(told(wrong), "/capacities");
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
