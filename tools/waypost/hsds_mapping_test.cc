#include "tools/waypost/hsds_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "nlohmann/json.hpp"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json Mapping() {
  return {
      {"format", 1},
      {"system", "https://services.example.org"},
      {"offer_prefix", "isere"},
      {"language", "fr"},
      {"themes", {{"term-1", "housing"}, {"BH-1800", "mental-health"}}},
      {"territories", {{"area-1", {"FRK24"}}, {"Grenoble", {"FRK24/38185", "FRK25"}}, {"place-1", {"FRK2"}}}},
      {"organizations",
       {{"o1", {{"body", "bodies/fr-grenoble"}, {"programme", "programmes/rising"}, {"kind", "enrolment"}}},
        {"o2", {{"theme", "health"}}}}},
      {"services",
       {{"special",
         {{"body", "bodies/fr-other"},
          {"theme", "language"},
          {"kind", "one-off"},
          {"territories", {"FR"}}}}}},
      {"defaults", {{"kind", "one-off"}}}};
}

json Service() {
  return {{"id", "s1"},
          {"name", "Course"},
          {"status", "active"},
          {"organization", {{"id", "o1"}, {"name", "House"}}},
          {"attributes", {{{"id", "x"}, {"taxonomy_term", {{"id", "term-1"}}}}}},
          {"service_areas", {{{"id", "area-1"}}}}};
}

std::vector<std::string> Problems(const json& mapping) {
  const HsdsMappingRead read = ReadHsdsMapping(mapping.dump());
  EXPECT_NE(read.mapping.has_value(), !read.problems.empty());
  std::vector<std::string> told;
  for (const auto& [pointer, problem] : read.problems) told.push_back(base::Cat(pointer, " ", problem));
  return told;
}

HsdsOfferRow Map(const json& service, const json& mapping = Mapping()) {
  const HsdsPackage package = ParseHsds(service.dump());
  EXPECT_THAT(package.reports, IsEmpty());
  EXPECT_EQ(package.services.size(), 1u);
  const HsdsMappingRead read = ReadHsdsMapping(mapping.dump());
  if (!read.mapping.has_value() || package.services.empty()) {
    ADD_FAILURE() << mapping.dump();
    return {};
  }
  return MapHsdsService(package.services[0], *read.mapping);
}

// What is told of a service with this over it.
std::vector<std::string> Told(const json& patch, const json& mapping_patch = json::object()) {
  json service = Service();
  service.merge_patch(patch);
  json mapping = Mapping();
  mapping.merge_patch(mapping_patch);
  std::vector<std::string> told;
  for (const HsdsReport& report : Map(service, mapping).reports) {
    told.push_back(base::Cat(report.pointer, " ", report.problem, " [", report.value, "]"));
    EXPECT_EQ(report.id, service["id"]);
  }
  return told;
}

TEST(HsdsMappingTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Problems(Mapping()), IsEmpty());
  json mapping = Mapping();
  mapping.merge_patch(json::parse(R"({"format": 2, "more": 1, "offer_prefix": "Isère", "language": null,
    "system": 3, "themes": {"a/b": "food"}, "territories": {"x": [], "y": ["es"], "z": "ES"},
    "organizations": {"o1": {"body": "offers/x", "kind": "both", "names": 1}}, "services": [],
    "defaults": 1, "leave_out": ["contacts", ""]})"));
  EXPECT_THAT(
      Problems(mapping),
      ElementsAre("/more is not known here: take it out, or correct its name",
                  "/format is not 1, the form that is known here: give it", "/system is not a text: give one",
                  "/offer_prefix is not lower-case letters, digits and inner hyphens: correct it",
                  "/language is missing: give it",
                  "/themes/a~1b is not a theme, as housing or mental-health: correct it",
                  "/territories/x is not an array of 1 to 200 territory codes: give one",
                  "/territories/y/0 is not a territory code as in ES300 or ES300/28058: correct it",
                  "/territories/z is not an array of 1 to 200 territory codes: give one",
                  "/organizations/o1/names is not known here: take it out, or correct its name",
                  "/organizations/o1/body is not a name as in bodies/example: correct it",
                  "/organizations/o1/kind is neither one-off nor enrolment: give one of them",
                  "/services is not an object: give one", "/defaults is not an object: give one",
                  "/leave_out/1 is not the name of a field: correct it"));
  EXPECT_THAT(ReadHsdsMapping(R"({"format": 1, "format": 1})").problems, ::testing::SizeIs(1));
  EXPECT_THAT(Problems(json::array()), ElementsAre(" is not an object: give one"));
}

TEST(HsdsMappingTest, MakesAnOffer) {
  json service = Service();
  service.merge_patch(json::parse(R"({"description": "Two\r\nlines", "minimum_age": 16, "maximum_age": 25.0,
    "status": "temporarily closed", "assured_date": "2026-01-31", "wait_time": "long",
    "languages": [{"code": "FR"}, {"code": "fr"}, {"code": "pt-BR"}, {"name": "Dari"}],
    "required_documents": [{"document": "Permit"}]})"));
  const HsdsOfferRow mapped = Map(service);
  EXPECT_THAT(mapped.reports, IsEmpty());
  EXPECT_EQ(mapped.row.offer_id(), "isere-s1");
  const pb::Offer& offer = mapped.row.offer();
  EXPECT_EQ(offer.provider(), "bodies/fr-grenoble");
  EXPECT_EQ(offer.programme(), "programmes/rising");
  EXPECT_EQ(offer.theme(), type::v1::THEME_HOUSING);
  EXPECT_EQ(offer.kind(), pb::OFFER_KIND_ENROLMENT);
  EXPECT_TRUE(offer.groups(0).permanent());
  EXPECT_EQ(offer.display_name().text().at("fr"), "Course");
  EXPECT_EQ(offer.description().text().at("fr"), "Two\nlines");
  EXPECT_THAT(offer.territories(), ElementsAre("FRK24"));
  EXPECT_EQ(offer.eligibility().age().min_years(), 16u);
  EXPECT_EQ(offer.eligibility().age().max_years(), 25u);
  EXPECT_THAT(offer.languages(), ElementsAre("fr", "pt-BR"));
  EXPECT_EQ(offer.required_documents(0).text().at("fr"), "Permit");
  EXPECT_EQ(offer.assured_date(), "2026-01-31");
  EXPECT_EQ(offer.status(), pb::OFFER_STATUS_TEMPORARILY_CLOSED);
  EXPECT_EQ(offer.source().system(), "https://services.example.org");
  EXPECT_EQ(offer.source().id(), "s1");
  const json content = json::parse(mapped.row.source_content());
  EXPECT_EQ(content["wait_time"], "long");
  EXPECT_EQ(content["description"], "Two\r\nlines");  // an offer's has other line ends
  EXPECT_EQ(content["languages"].size(), 4u);
  for (const char* const held : {"id", "name", "status", "minimum_age", "maximum_age", "assured_date"}) {
    EXPECT_FALSE(content.contains(held)) << held;
  }
}

TEST(HsdsMappingTest, WhatIsSaidOfTheServiceGoesFirst) {
  json service = Service();
  service["id"] = "special";
  const HsdsOfferRow mapped = Map(service);
  EXPECT_THAT(mapped.reports, IsEmpty());
  EXPECT_EQ(mapped.row.offer().provider(), "bodies/fr-other");
  EXPECT_EQ(mapped.row.offer().theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(mapped.row.offer().kind(), pb::OFFER_KIND_ONE_OFF);
  EXPECT_THAT(mapped.row.offer().territories(), ElementsAre("FR"));
}

TEST(HsdsMappingTest, ABodyIsNeverGuessed) {
  EXPECT_THAT(
      Told({{"organization", {{"id", "o9"}}}}, {{"defaults", {{"body", "bodies/fr-all"}}}}),
      ElementsAre("/organization/id has no body: give it one under organizations of the mapping [o9]"));
  EXPECT_THAT(
      Told({{"organization", {{"id", "o2"}}}}),
      ElementsAre("/organization/id has no body: give it one under organizations of the mapping [o2]"));
  EXPECT_THAT(
      Told({{"organization", nullptr}}),
      ElementsAre(
          "/organization is missing: give it, or a body under defaults or services of the mapping []"));
  EXPECT_THAT(Told({{"organization", nullptr}}, {{"defaults", {{"body", "bodies/fr-all"}}}}), IsEmpty());
}

TEST(HsdsMappingTest, AThemeIsThatOfItsTermsAndNeverGuessed) {
  const auto terms = [](const std::vector<std::string>& ids) {
    json attributes = json::array();
    for (const std::string& id : ids) attributes.push_back({{"taxonomy_term", {{"id", id}}}});
    return json{{"attributes", attributes}};
  };
  json by_code = Service();
  by_code["attributes"] = {{{"taxonomy_term", {{"id", "unknown"}, {"code", "BH-1800"}}}}};
  EXPECT_EQ(Map(by_code).row.offer().theme(), type::v1::THEME_MENTAL_HEALTH);
  by_code["attributes"] = {{{"taxonomy_term_id", "term-1"}}, {{"taxonomy_term_id", "other"}}};
  EXPECT_EQ(Map(by_code).row.offer().theme(), type::v1::THEME_HOUSING);
  EXPECT_THAT(Told(terms({"term-1", "BH-1800"})),
              ElementsAre("/attributes are of several themes: give the one that counts under services of the "
                          "mapping [term-1, BH-1800]"));
  EXPECT_THAT(Told(terms({"a", "b"})),
              ElementsAre("/attributes are of no theme: give one of their terms a theme under themes of the "
                          "mapping [a, b]"));
  EXPECT_THAT(Told(terms({"a"}), {{"defaults", {{"theme", "culture-and-sport"}}}}), IsEmpty());
}

TEST(HsdsMappingTest, TerritoriesAreThoseOfAllItsAreasOrOfNone) {
  const auto areas = [](const json& list) {
    json service = Service();
    service["service_areas"] = list;
    return service;
  };
  EXPECT_THAT(Map(areas({{{"id", "area-1"}}, {{"id", "x"}, {"name", "Grenoble"}}})).row.offer().territories(),
              ElementsAre("FRK24", "FRK25"));  // FRK24 covers FRK24/38185
  EXPECT_THAT(
      Told({{"service_areas", {{{"id", "area-1"}}, {{"id", "x"}}}}}),
      ElementsAre("/service_areas are not all territories: give each its codes under territories of the "
                  "mapping [x]"));
  json by_location = areas(nullptr);
  by_location["service_at_locations"] = {{{"location", {{"id", "place-1"}}}}};
  EXPECT_THAT(Map(by_location).row.offer().territories(), ElementsAre("FRK2"));
  by_location["service_at_locations"].push_back({{"location_id", "y"}});
  EXPECT_THAT(Map(by_location).reports, ::testing::SizeIs(1));
  // Where no location has codes, a location says nothing of whom the service is for.
  EXPECT_THAT(Told({{"service_areas", nullptr}, {"service_at_locations", {{{"location_id", "y"}}}}}),
              ElementsAre("/service_areas are missing: give them, or territories in the mapping []"));
  EXPECT_THAT(Told({{"service_areas", nullptr}}, {{"defaults", {{"territories", {"FR"}}}}}), IsEmpty());
}

TEST(HsdsMappingTest, WhatAnOfferCannotHoldIsAReport) {
  EXPECT_THAT(Told({{"minimum_age", 0.5}}),
              ElementsAre("/minimum_age is not a whole number of years up to 130: correct it [0.5]"));
  EXPECT_THAT(Told({{"maximum_age", 131}}),
              ElementsAre("/maximum_age is not a whole number of years up to 130: correct it [131]"));
  EXPECT_THAT(
      Told({{"organization", {{"id", "o1"}}}},
           {{"organizations", {{"o1", {{"kind", nullptr}}}}}, {"defaults", {{"kind", nullptr}}}}),
      ElementsAre("/id has no kind: give one under services, organizations or defaults of the mapping "
                  "[s1]"));
  const json big = {{"alert", std::string(kMaxHsdsContentBytes, 'x')}};
  EXPECT_THAT(Told(big),
              ElementsAre(::testing::HasSubstr("name fields under leave_out of the mapping [s1]")));
  EXPECT_THAT(Told(big, {{"leave_out", {"alert"}}}), IsEmpty());
}

TEST(HsdsMappingTest, LeavesFieldsOutWhereverTheyStand) {
  json service = Service();
  service["contacts"] = {{{"name", "Ann"}}};
  service["organization"]["contacts"] = {{{"name", "Bob"}}};
  service["phones"] = {{{"number", "1"}, {"contacts", 1}}};
  json mapping = Mapping();
  mapping["leave_out"] = {"contacts"};
  const std::string content = Map(service, mapping).row.source_content();
  EXPECT_EQ(content.find("contacts"), std::string::npos);
  EXPECT_NE(content.find("phones"), std::string::npos);
  EXPECT_NE(Map(service).row.source_content().find("Bob"), std::string::npos);
}

TEST(HsdsMappingTest, AnOrganizationGoesWithItsServices) {
  json service = Service();
  service.erase("organization");
  const json organization = {{"id", "o1"}, {"name", "House"}, {"tax_id", "7"}, {"services", {service}}};
  const HsdsOfferRow mapped = Map(organization);
  EXPECT_THAT(mapped.reports, IsEmpty());
  const json content = json::parse(mapped.row.source_content());
  EXPECT_EQ(content["organization"], json::parse(R"({"id": "o1", "name": "House", "tax_id": "7"})"));
}

TEST(HsdsMappingTest, OfferIdsAreNamesWhateverTheIdIs) {
  EXPECT_EQ(HsdsOfferId("p", "s", "ac148810-d857-441c-9679-408f346de14b"),
            "p-ac148810-d857-441c-9679-408f346de14b");
  EXPECT_EQ(HsdsOfferId("p", "s", "A/1").size(), 35u);
  EXPECT_NE(HsdsOfferId("p", "s", "A/1"), HsdsOfferId("p", "s", "A/2"));
  EXPECT_NE(HsdsOfferId("p", "s", "A/1"), HsdsOfferId("p", "t", "A/1"));
  EXPECT_EQ(HsdsOfferId("p", "s", std::string(62, 'a')).size(), 35u);
}

}  // namespace
}  // namespace waypost::cli
