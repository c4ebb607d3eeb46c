#include "tools/waypost/hsds_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "common/base/strings.h"
#include "nlohmann/json.hpp"

namespace waypost::cli {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Told(const json& patch, bool strict, json* kept = nullptr) {
  json service = {{"id", "s1"}, {"name", "Course"}, {"status", "active"}};
  service.merge_patch(patch);
  HsdsPackage package = ParseHsds(service.dump());
  EXPECT_THAT(package.reports, IsEmpty());
  HoldToSchema(package, strict);
  EXPECT_NE(package.services.empty(), package.reports.empty());
  if (kept != nullptr && !package.services.empty()) *kept = package.services[0].document;
  std::vector<std::string> told;
  for (const HsdsReport& report : package.reports) {
    told.push_back(base::Cat(report.pointer, " ", report.problem, " [", report.value, "]"));
    EXPECT_EQ(report.id, "s1");
  }
  return told;
}

TEST(HsdsSchemaTest, TellsWhatIsNotOfItsTypeHoweverDeepItStands) {
  EXPECT_THAT(
      Told(json::parse(R"({"wait_time": 3, "email": ["a"], "phones": {"number": "1"},
      "schedules": [{"timezone": "3", "wkst": "MO", "freq": "DAILY"}, 7],
      "service_at_locations": [{"location": {"latitude": true, "location_type": "floating",
                                             "addresses": [{"city": 1}]}}], "program": []})"),
           false),
      ElementsAre("/email is not a text: give one or leave it out []",
                  "/phones is not an array: give one or leave it out []",
                  "/program is not an object: give one or leave it out []",
                  "/schedules/0/freq is none of MONTHLY, WEEKLY: give one of them [\"DAILY\"]",
                  "/schedules/0/timezone is not a number: give one or leave it out [\"3\"]",
                  "/schedules/1 is not an object: give one or leave it out [7]",
                  "/service_at_locations/0/location/addresses/0/city is not a text: give one or leave "
                  "it out [1]",
                  "/service_at_locations/0/location/latitude is not a number: give one or leave it out "
                  "[true]",
                  "/service_at_locations/0/location/location_type is none of physical, postal, virtual: "
                  "give one of them [\"floating\"]",
                  "/wait_time is not a text: give one or leave it out [3]"));
}

TEST(HsdsSchemaTest, WhatIsNotKnownMayBeAnything) {
  json kept;
  const json patch = {{"made_up", {{"phones", 7}}}, {"contacts", {{{"shoe_size", {1, nullptr}}}}}};
  EXPECT_THAT(Told(patch, false, &kept), IsEmpty());
  EXPECT_EQ(kept["made_up"], patch["made_up"]);
  EXPECT_EQ(kept["contacts"], patch["contacts"]);
}

TEST(HsdsSchemaTest, AKnownFieldThatIsNullIsAbsent) {
  HsdsPackage package = ParseHsds(
      R"({"id": "s1", "name": "x", "status": "active", "url": null, "own": null,
          "phones": [{"type": null}]})");
  HoldToSchema(package, false);
  ASSERT_EQ(package.services.size(), 1u);
  EXPECT_EQ(package.services[0].document,
            json::parse(R"({"id": "s1", "name": "x", "status": "active", "own": null, "phones": [{}]})"));
}

TEST(HsdsSchemaTest, WhatIsRequiredIsMissedOnlyWhereThatIsAskedFor) {
  const json patch = {{"phones", {{{"number", "1"}}}}, {"organization", {{"id", "o"}, {"name", "n"}}}};
  EXPECT_THAT(Told(patch, false), IsEmpty());
  EXPECT_THAT(Told(patch, true), ElementsAre("/organization/description is missing: give it []",
                                             "/phones/0/id is missing: give it []"));
}

// --- The table against the published schemas, where they stand beside the project ----------------------

std::set<std::string> Words(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::set<std::string> all;
  for (std::string word; words >> word;) all.insert(word);
  return all;
}

struct Published {
  std::set<std::string> required, texts, numbers, lists, objects, words;
};

void Collect(const json& object, std::map<std::string, Published>& shapes) {
  Published& shape = shapes[object.at("name")];
  for (const auto& name : object.value("required", json::array())) shape.required.insert(name);
  for (const auto& [name, field] : object.at("properties").items()) {
    const std::string type = field.at("type");
    if (type == "array") {
      shape.lists.insert(base::Cat(name, ":", field.at("items").at("name").get<std::string>()));
      Collect(field.at("items"), shapes);
    } else if (type == "object") {
      shape.objects.insert(base::Cat(name, ":", field.at("name").get<std::string>()));
      Collect(field, shapes);
    } else if (field.contains("enum")) {
      std::string words;
      for (std::string word : field.at("enum")) {
        std::replace(word.begin(), word.end(), ' ', '_');
        words += base::Cat(words.empty() ? "" : "|", word);
      }
      shape.words.insert(base::Cat(name, "=", words));
    } else {
      (type == "number" ? shape.numbers : shape.texts).insert(name);
    }
  }
}

TEST(HsdsSchemaTest, IsThatOfThePublishedSchemas) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const auto folder = std::filesystem::path(source) / "../shared/data/hsds-3.0/schema/compiled";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "there are no HSDS schemas beside the project";
  std::map<std::string, Published> published;
  for (const char* const name : {"service.json", "organization.json"}) {
    std::ifstream file(folder / name);
    Collect(json::parse(file), published);
  }
  EXPECT_EQ(HsdsShapes().size(), published.size());
  for (const HsdsShape& shape : HsdsShapes()) {
    SCOPED_TRACE(shape.kind);
    const Published& same = published[std::string(shape.kind)];
    EXPECT_EQ(Words(shape.required), same.required);
    EXPECT_EQ(Words(shape.texts), same.texts);
    EXPECT_EQ(Words(shape.numbers), same.numbers);
    EXPECT_EQ(Words(shape.lists), same.lists);
    EXPECT_EQ(Words(shape.objects), same.objects);
    EXPECT_EQ(Words(shape.words), same.words);
  }
}

}  // namespace
}  // namespace waypost::cli
