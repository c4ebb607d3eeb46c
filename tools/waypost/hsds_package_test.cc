#include "tools/waypost/hsds_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/strings.h"
#include "nlohmann/json.hpp"

namespace waypost::cli {
namespace {

using base::Cat;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

json Service(const std::string& id = "s1") {
  return {{"id", id}, {"name", "Course"}, {"status", "active"}};
}

std::vector<std::string> Told(const HsdsPackage& package) {
  std::vector<std::string> told;
  for (const HsdsReport& report : package.reports) {
    told.push_back(Cat(report.row, " ", report.pointer, " ", report.problem));
  }
  return told;
}

std::vector<std::string> Told(std::string_view content) {
  const HsdsPackage package = ParseHsds(content);
  EXPECT_THAT(package.services, IsEmpty());
  return Told(package);
}

// What is told of a service with this in it, which is not imported; a good one beside it is.
std::vector<std::string> ToldWith(const json& patch) {
  json dirty = Service("dirty");
  dirty.update(patch);
  const HsdsPackage package = ParseHsds(json::array({dirty, Service("good")}).dump());
  EXPECT_EQ(package.rows, 2u);
  EXPECT_EQ(package.services.size(), 1u);
  if (package.services.size() == 1) {
    EXPECT_EQ(package.services[0].id, "good");
  }
  return Told(package);
}

json Without(const char* field) {
  json service = Service();
  service.erase(field);
  return service;
}

TEST(HsdsTest, MapsAService) {
  const HsdsPackage package = ParseHsds(R"({
    "id": "s1", "name": "Course", "status": "temporarily closed", "description": "Two\nlines",
    "minimum_age": 0.5, "maximum_age": 17, "eligibility_description": "children",
    "languages": [{"code": "pt-BR"}, {"name": "Dari"}], "required_documents": [{"document": "Permit"}],
    "assured_date": "2024-02-29", "organization": {"id": "o1", "name": "House"}, "organization_id": "o1",
    "service_capacities": [{"available": 3, "maximum": 12.0, "updated": "2024-05-01T10:00:00+02:00"},
                           {"available": 0, "updated": "2024-05-01"}]})");
  EXPECT_THAT(Told(package), IsEmpty());
  ASSERT_EQ(package.services.size(), 1u);
  const HsdsService& service = package.services[0];
  EXPECT_EQ(service.row, 1u);
  EXPECT_EQ(service.id, "s1");
  EXPECT_EQ(service.name, "Course");
  EXPECT_EQ(service.description, "Two\nlines");
  EXPECT_EQ(service.status, HsdsStatus::kTemporarilyClosed);
  EXPECT_EQ(service.minimum_age, 0.5);
  EXPECT_EQ(service.maximum_age, 17);
  EXPECT_EQ(service.eligibility_description, "children");
  ASSERT_EQ(service.languages.size(), 2u);
  EXPECT_EQ(service.languages[0].code, "pt-BR");
  EXPECT_EQ(service.languages[1].name, "Dari");
  EXPECT_THAT(service.required_documents, ElementsAre("Permit"));
  EXPECT_EQ(service.assured_date, "2024-02-29");
  ASSERT_EQ(service.capacities.size(), 2u);
  EXPECT_EQ(service.capacities[0].available, 3);
  EXPECT_EQ(service.capacities[0].maximum, 12);
  EXPECT_EQ(service.capacities[1].maximum, std::nullopt);
  EXPECT_EQ(service.capacities[1].updated, "2024-05-01");
  EXPECT_EQ(service.organization.id, "o1");
  EXPECT_EQ(service.organization.name, "House");
  EXPECT_THAT(service.unmapped, IsEmpty());
}

TEST(HsdsTest, ReadsEveryKindOfDocument) {
  const json organization = {
      {"id", "o1"}, {"name", "House"}, {"services", {Service("a"), Service("b")}}, {"email", "x"}};
  const HsdsPackage one = ParseHsds(organization.dump());
  ASSERT_EQ(one.services.size(), 2u);
  EXPECT_EQ(one.services[1].organization.name, "House");
  EXPECT_EQ(one.services[1].pointer, "/services/1");
  const HsdsPackage mixed = ParseHsds(json::array({Service("c"), organization}).dump());
  ASSERT_EQ(mixed.services.size(), 3u);
  EXPECT_EQ(mixed.services[2].row, 3u);
  EXPECT_EQ(mixed.services[2].pointer, "/1/services/1");
  const HsdsPackage page = ParseHsds(json{{"total_items", 1}, {"contents", {Service()}}}.dump());
  ASSERT_EQ(page.services.size(), 1u);
  EXPECT_EQ(page.services[0].pointer, "/contents/0");
  EXPECT_THAT(Told("[]"), IsEmpty());
  EXPECT_EQ(ParseHsds("\xEF\xBB\xBF" + Service().dump()).services.size(), 1u);
}

TEST(HsdsTest, KnowsEveryStatus) {
  for (const auto status :
       {HsdsStatus::kActive, HsdsStatus::kInactive, HsdsStatus::kDefunct, HsdsStatus::kTemporarilyClosed}) {
    json service = Service();
    service["status"] = std::string(HsdsStatusWords(status));
    const HsdsPackage package = ParseHsds(service.dump());
    ASSERT_EQ(package.services.size(), 1u);
    EXPECT_EQ(package.services[0].status, status);
  }
}

TEST(HsdsTest, KeepsWhatItDoesNotMap) {
  json service = Service();
  service["fees"] = "none";
  service["x/y~z"] = {{"b", 1}, {"a", {true, nullptr}}};
  service["languages"] = {{{"code", "fr"}, {"note", "mornings"}}};
  service["required_documents"] = {{{"document", "Permit"}, {"uri", "u"}}};
  service["capacities"] = {{{"available", 1}, {"unit_id", "beds"}}};
  service["organization"] = {{"id", "o"}, {"name", "O"}, {"website", "w"}};
  const HsdsPackage package = ParseHsds(service.dump());
  ASSERT_EQ(package.services.size(), 1u);
  EXPECT_THAT(package.services[0].unmapped,
              UnorderedElementsAre(
                  Pair("/fees", "\"none\""), Pair("/x~1y~0z", R"({"a":[true,null],"b":1})"),
                  Pair("/languages/0/note", "\"mornings\""), Pair("/required_documents/0/uri", "\"u\""),
                  Pair("/capacities/0/unit_id", "\"beds\""), Pair("/organization/website", "\"w\"")));
}

TEST(HsdsTest, AFieldThatIsNullIsAbsent) {
  json service = Service();
  for (const char* const field :
       {"description", "eligibility_description", "assured_date", "minimum_age", "maximum_age", "languages",
        "required_documents", "service_capacities", "organization", "organization_id", "services", "fees"}) {
    service[field] = nullptr;
  }
  service["capacities"] = {{{"available", 1}, {"maximum", nullptr}, {"updated", nullptr}, {"unit", nullptr}}};
  const json organization = {{"id", "o"}, {"name", "O"}, {"status", nullptr}, {"services", {service}}};
  for (const json& document : {service, organization, json{{"contents", {service}}}}) {
    const HsdsPackage package = ParseHsds(document.dump());
    EXPECT_THAT(Told(package), IsEmpty()) << document;
    ASSERT_EQ(package.services.size(), 1u) << document;
    EXPECT_THAT(package.services[0].unmapped, IsEmpty());
    EXPECT_EQ(package.services[0].minimum_age, std::nullopt);
    EXPECT_EQ(package.services[0].capacities.size(), 1u);
  }
  for (const char* const field : {"id", "name"}) {
    EXPECT_THAT(ToldWith({{field, nullptr}}), ElementsAre(Cat("1 /0/", field, " is missing: give it")));
  }
  EXPECT_THAT(ToldWith({{"status", nullptr}}), ElementsAre(StartsWith("1 /0 has neither a status")));
  EXPECT_THAT(Told(R"({"contents":null})"), ElementsAre(StartsWith("1  has neither a status")));
  EXPECT_THAT(ToldWith({{"languages", {nullptr}}}),
              ElementsAre(StartsWith("1 /0/languages/0 is not an object")));
  EXPECT_THAT(Told(R"({"id":null,"id":"b"})"), ElementsAre("0 /id is given twice: keep the right one"));
}

// The whole file, and not only the service: what comes after it is not read.
TEST(HsdsTest, ANameGivenTwiceRefusesTheFile) {
  const std::string good = Service("b").dump();
  const HsdsPackage package =
      ParseHsds(Cat("[", good, R"(,{"id":"a","name":"x","name":"y","status":"active"},)", good, "]"));
  EXPECT_THAT(Told(package), ElementsAre("0 /1/name is given twice: keep the right one"));
  EXPECT_THAT(package.services, IsEmpty());
}

TEST(HsdsTest, ReportsWrongTypes) {
  for (const char* const field : {"description", "eligibility_description", "assured_date"}) {
    for (const json& value : {json(1), json::array()}) {
      EXPECT_THAT(ToldWith({{field, value}}),
                  ElementsAre(Cat("1 /0/", field, " is not a text: give one or leave it out")));
    }
  }
  for (const char* const field : {"id", "name", "status", "organization_id"}) {
    EXPECT_THAT(ToldWith({{field, 7}}), ElementsAre(Cat("1 /0/", field, " is not a text: give one")));
  }
  for (const char* const field : {"minimum_age", "maximum_age"}) {
    EXPECT_THAT(ToldWith({{field, "12"}}),
                ElementsAre(Cat("1 /0/", field, " is not a number: give one or leave it out")));
  }
  for (const char* const field : {"languages", "required_documents", "capacities", "service_capacities"}) {
    EXPECT_THAT(ToldWith({{field, "x"}}),
                ElementsAre(Cat("1 /0/", field, " is not an array: give one or leave it out")));
    EXPECT_THAT(ToldWith({{field, {"x"}}}),
                ElementsAre(Cat("1 /0/", field, "/0 is not an object: give one or take it out")));
  }
  EXPECT_THAT(ToldWith({{"organization", "x"}}),
              ElementsAre("1 /0/organization is not an object: give one or leave it out"));
  EXPECT_THAT(ToldWith({{"languages", {{{"code", 1}}}}}),
              ElementsAre("1 /0/languages/0/code is not a text: give one or leave it out"));
}

TEST(HsdsTest, ReportsWhatIsMissing) {
  EXPECT_THAT(Told(Without("id").dump()), ElementsAre("1 /id is missing: give it"));
  EXPECT_THAT(Told(Without("name").dump()), ElementsAre("1 /name is missing: give it"));
  EXPECT_THAT(Told(Without("status").dump()), ElementsAre(StartsWith("1  has neither a status")));
  EXPECT_THAT(ToldWith({{"name", " \t"}}), ElementsAre("1 /0/name is empty: give it"));
  EXPECT_THAT(ToldWith({{"languages", {{{"note", "x"}}}}}),
              ElementsAre("1 /0/languages/0 has neither a code nor a name: give one"));
  EXPECT_THAT(ToldWith({{"required_documents", {{{"uri", "x"}}}}}),
              ElementsAre("1 /0/required_documents/0/document is missing: give it"));
  EXPECT_THAT(ToldWith({{"capacities", {{{"maximum", 3}}}}}),
              ElementsAre("1 /0/capacities/0/available is missing: give it"));
  EXPECT_THAT(ToldWith({{"organization", {{"name", "O"}}}}),
              ElementsAre("1 /0/organization/id is missing: give it"));
}

TEST(HsdsTest, ReportsDatesThatAreNone) {
  for (const char* const day : {"2023-02-29", "2024-13-01", "2024-1-1", "01/02/2024", "2024-00-10",
                                "2024-05-01T10:00:00Z", " 2024-05-1", "20-4-05-01", "2024-05-0x"}) {
    EXPECT_THAT(ToldWith({{"assured_date", day}}), ElementsAre(StartsWith("1 /0/assured_date is no day")))
        << day;
  }
  for (const char* const time : {"2024-05-01T10:00:00", "2024-05-01T25:00:00Z", "infinite-future",
                                 "2024-05-01T10:00:00Z ", "yesterday", "2024-02-30T10:00:00Z"}) {
    EXPECT_THAT(ToldWith({{"capacities", {{{"available", 1}, {"updated", time}}}}}),
                ElementsAre(StartsWith("1 /0/capacities/0/updated is no day")))
        << time;
  }
}

TEST(HsdsTest, ReportsValuesThatCannotBe) {
  EXPECT_THAT(ToldWith({{"status", "Active"}}), ElementsAre(StartsWith("1 /0/status is not known")));
  const auto capacity = [](const json& available, const json& maximum) {
    return ToldWith({{"capacities", {{{"available", available}, {"maximum", maximum}}}}});
  };
  EXPECT_THAT(capacity(-1, 3), ElementsAre("1 /0/capacities/0/available is negative: correct it"));
  EXPECT_THAT(capacity(1, 3.5), ElementsAre("1 /0/capacities/0/maximum is a fraction: give a whole number"));
  EXPECT_THAT(capacity(4, 3), ElementsAre(StartsWith("1 /0/capacities/0/available is more than maximum")));
  EXPECT_THAT(capacity(1, 1'000'001), ElementsAre(StartsWith("1 /0/capacities/0/maximum is more than")));
  EXPECT_THAT(capacity("1", 3), ElementsAre(StartsWith("1 /0/capacities/0/available is not a number")));
  EXPECT_THAT(ToldWith({{"minimum_age", 18}, {"maximum_age", 17.5}}),
              ElementsAre("1 /0/minimum_age is more than maximum_age: correct one of them"));
  EXPECT_THAT(ToldWith({{"minimum_age", -1}}), ElementsAre(StartsWith("1 /0/minimum_age is no age")));
  EXPECT_THAT(ToldWith({{"maximum_age", 151}}), ElementsAre(StartsWith("1 /0/maximum_age is no age")));
  for (const char* const code : {"f", "french", "fr-", "f1", "fr--be", "fr_BE", "fr-abcdefghi"}) {
    EXPECT_THAT(ToldWith({{"languages", {{{"code", code}}}}}),
                ElementsAre(StartsWith("1 /0/languages/0/code is no language code")))
        << code;
  }
  EXPECT_THAT(ToldWith({{"name", "a\nb"}}), ElementsAre(StartsWith("1 /0/name has control characters")));
  EXPECT_THAT(ToldWith({{"description", std::string("a\0b", 3)}}),
              ElementsAre(StartsWith("1 /0/description has control characters")));
}

TEST(HsdsTest, ReportsWhatContradictsItself) {
  EXPECT_THAT(ToldWith({{"capacities", json::array()}, {"service_capacities", json::array()}}),
              ElementsAre(StartsWith("1 /0/capacities is there beside")));
  EXPECT_THAT(ToldWith({{"organization", {{"id", "a"}, {"name", "A"}}}, {"organization_id", "b"}}),
              ElementsAre(StartsWith("1 /0/organization_id names another organization")));
  EXPECT_THAT(ToldWith({{"services", json::array()}}),
              ElementsAre("1 /0 has a status and services: keep one of them"));
  EXPECT_THAT(Told(R"({"id":"a","name":"x","id":"b"})"),
              ElementsAre("0 /id is given twice: keep the right one"));
  EXPECT_THAT(Told(R"([1,{"a":[{}, {"b":{"c":1},"b":2}]}])"),
              ElementsAre("0 /1/a/1/b is given twice: keep the right one"));
}

TEST(HsdsTest, TellsAllOfOneService) {
  EXPECT_THAT(ToldWith({{"name", ""}, {"status", "x"}, {"assured_date", "x"}}).size(), 3u);
}

TEST(HsdsTest, KeepsOutEveryServiceOfADuplicateId) {
  const HsdsPackage package =
      ParseHsds(json::array({Service("a"), Service("b"), Service("a"), Service("c")}).dump());
  EXPECT_THAT(Told(package), ElementsAre("1 /0/id is the id of several services: keep one of them",
                                         "3 /2/id is the id of several services: keep one of them"));
  ASSERT_EQ(package.services.size(), 2u);
  EXPECT_EQ(package.services[0].id, "b");
  EXPECT_EQ(package.services[1].row, 4u);
}

TEST(HsdsTest, KeepsOutWhatAWrongOrganizationHolds) {
  const json wrong = {{"id", "o"}, {"services", {Service("a"), Service("b")}}};
  const HsdsPackage package = ParseHsds(json::array({wrong, Service("c")}).dump());
  EXPECT_THAT(Told(package), ElementsAre("0 /0/name is missing: give it"));
  ASSERT_EQ(package.services.size(), 1u);
  EXPECT_EQ(package.services[0].row, 3u);
  EXPECT_THAT(Told(R"({"id":"o","name":"O","services":{}})"),
              ElementsAre("0 /services is not an array: give one"));
  EXPECT_THAT(Told(R"({"id":"o","name":"O","services":[5]})"),
              ElementsAre("1 /services/0 is not an object: give a service"));
  EXPECT_THAT(Told(R"({"contents":5})"), ElementsAre("0 /contents is not an array: give one"));
}

TEST(HsdsTest, ReportsWhatIsNotUtf8OrNotJson) {
  EXPECT_THAT(Told("[1,{\"name\":\"caf\xE9\"}]"),
              ElementsAre(StartsWith("0 /1/name is not UTF-8, at byte ")));
  EXPECT_THAT(Told("[1,{\"name\":\"\\ud800\"}]"), ElementsAre(StartsWith("0 /1/name is not JSON, at byte ")));
  for (const char* const text : {"", "{", "[1,]", "{} {}", "NaN", "{'a':1}"}) {
    EXPECT_THAT(Told(text), ElementsAre(StartsWith("0 "))) << text;
  }
  EXPECT_THAT(Told("[1e999]"), ElementsAre("0 /0 is too large a number: correct it"));
  EXPECT_THAT(Told("5"), ElementsAre(StartsWith("1  is not an object")));
}

std::string Nested(size_t depth) {
  json service = Service();
  service["x"] = "HERE";
  std::string text = service.dump();
  const std::string inner = std::string(depth - 1, '[') + std::string(depth - 1, ']');
  return text.replace(text.find("\"HERE\""), 6, inner);
}

TEST(HsdsTest, HoldsTheLimitsOfTheText) {
  EXPECT_EQ(ParseHsds(Nested(kMaxHsdsDepth)).services.size(), 1u);
  EXPECT_THAT(Told(Nested(kMaxHsdsDepth + 1)), ElementsAre(::testing::HasSubstr("is nested deeper than 32")));
  // The limit ends the reading: what follows is not looked at.
  EXPECT_THAT(Told(std::string(kMaxHsdsBytes, '[')), ElementsAre(::testing::HasSubstr("is nested deeper")));
  std::string padded = Service().dump();
  padded.resize(kMaxHsdsBytes, ' ');
  EXPECT_EQ(ParseHsds(padded).services.size(), 1u);
  EXPECT_THAT(Told(padded + " "), ElementsAre("0  has more than 16777216 bytes: split the file"));
  json service = Service();
  service[std::string(kMaxHsdsKeyBytes, 'k')] = 1;
  EXPECT_EQ(ParseHsds(service.dump()).services.size(), 1u);
  service[std::string(kMaxHsdsKeyBytes + 1, 'k')] = 1;
  EXPECT_THAT(Told(service.dump()), ElementsAre(StartsWith("0  has a name of more than 200 bytes")));
  std::string many = "[";
  for (size_t i = 0; i < kMaxHsdsValues; ++i) many += "1,";
  EXPECT_THAT(Told(many + "1]"), ElementsAre(::testing::HasSubstr("more than 2000000 values")));
}

TEST(HsdsTest, HoldsTheNumberOfServices) {
  json list = json::array();
  for (size_t i = 0; i < kMaxHsdsServices; ++i) list.push_back(Service(Cat("s", i)));
  EXPECT_EQ(ParseHsds(list.dump()).services.size(), kMaxHsdsServices);
  const std::string within = json{{"id", "o"}, {"name", "O"}, {"services", list}}.dump();
  EXPECT_EQ(ParseHsds(within).services.size(), kMaxHsdsServices);
  list.push_back(Service("more"));
  EXPECT_THAT(Told(list.dump()), ElementsAre("0  has more than 10000 services: split it"));
}

TEST(HsdsTest, HoldsTheLengthsOfTextsAndLists) {
  const auto check = [](const std::string& field, size_t bytes_max) {
    json service = Service();
    service[field] = std::string(bytes_max, 'x');
    EXPECT_EQ(ParseHsds(service.dump()).services.size(), 1u) << field;
    EXPECT_THAT(ToldWith({{field, std::string(bytes_max + 1, 'x')}}),
                ElementsAre(Cat("1 /0/", field, " has more than ", bytes_max, " bytes: shorten it")));
  };
  check("id", kMaxHsdsIdBytes);
  check("organization_id", kMaxHsdsIdBytes);
  check("name", kMaxHsdsNameBytes);
  check("description", kMaxHsdsTextBytes);
  check("eligibility_description", kMaxHsdsTextBytes);
  const auto check_list = [](const std::string& field, const json& item, size_t items_max) {
    json service = Service();
    service[field] = std::vector<json>(items_max, item);
    EXPECT_EQ(ParseHsds(service.dump()).services.size(), 1u) << field;
    EXPECT_THAT(ToldWith({{field, std::vector<json>(items_max + 1, item)}}),
                ElementsAre(Cat("1 /0/", field, " has more than ", items_max, " items: keep as many")));
  };
  check_list("languages", {{"code", "fr"}}, kMaxHsdsLanguages);
  check_list("required_documents", {{"document", "x"}}, kMaxHsdsDocuments);
  check_list("capacities", {{"available", 1}}, kMaxHsdsCapacities);
}

// As the published examples have it, which may not be there.
TEST(HsdsTest, ReadsAServiceWithAllThatBelongsToIt) {
  json service = json::parse(R"({"id": "s1", "name": "Counselling", "status": "active",
    "description": "For everybody", "minimum_age": 12, "maximum_age": 100, "assured_date": "2005-01-01",
    "interpretation_services": "Urdu", "fees_description": "free", "wait_time": "none",
    "last_modified": "2023-03-15T10:30:45.123Z", "url": "https://example.org",
    "phones": [{"id": "p1", "number": "+351 21 000 000", "languages": [{"id": "l1", "code": "ur"}]}],
    "schedules": [{"id": "c1", "freq": "WEEKLY", "byday": "MO"}],
    "service_areas": [{"id": "a1", "name": "Town"}], "languages": [{"id": "l2", "code": "pt"}],
    "contacts": [{"id": "t1", "title": "Front desk"}], "cost_options": [{"id": "o1", "option": "hour"}],
    "required_documents": [{"id": "d1", "document": "A letter"}]})");
  json organization = {{"id", "o1"}, {"name", "House"}, {"description", "x"}};
  json within = service;
  within["organization"] = organization;
  organization["services"] = json::array({service});
  for (const json& document : {within, organization, json::array({within})}) {
    const HsdsPackage package = ParseHsds(document.dump());
    EXPECT_THAT(Told(package), IsEmpty()) << document;
    ASSERT_EQ(package.services.size(), 1u) << document;
    EXPECT_EQ(package.services[0].name, "Counselling");
    EXPECT_EQ(package.services[0].minimum_age, 12);
    EXPECT_EQ(package.services[0].organization.name, "House");
    EXPECT_TRUE(package.services[0].unmapped.contains("/schedules"));
  }
}

TEST(HsdsTest, ReadsThePublishedExamples) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const auto folder = std::filesystem::path(source) / ".." / "shared" / "data" / "hsds-3.0" / "examples";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "there are no HSDS examples beside the project";
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    std::ifstream file(entry.path());
    const std::string content(std::istreambuf_iterator<char>(file), {});
    const HsdsPackage package = ParseHsds(content);
    EXPECT_THAT(Told(package), IsEmpty()) << entry.path();
    ASSERT_EQ(package.services.size(), 1u) << entry.path();
    EXPECT_EQ(package.services[0].name, "Community Counselling");
    EXPECT_EQ(package.services[0].minimum_age, 12);
    EXPECT_FALSE(package.services[0].organization.name.empty());
    EXPECT_TRUE(package.services[0].unmapped.contains("/schedules"));
  }
  EXPECT_GE(files, 2u);
}

}  // namespace
}  // namespace waypost::cli
