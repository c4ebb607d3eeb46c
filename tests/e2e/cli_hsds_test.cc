// Services of HSDS 3.0 into a directory and out of it, and the register of territories, with `waypost` and a
// node: what a public directory and its operator do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::string_view kNoShared =
    "there is no reference data beside the project, or WAYPOST_SOURCE_DIR does not say where that is";

// Of the reference data beside the project; nullopt only where there is none at all. Where there is some,
// what is missing of it fails whoever reads it.
std::optional<std::filesystem::path> Shared(std::string_view name) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  if (source == nullptr) return std::nullopt;
  const auto shared = std::filesystem::path(source) / ".." / "shared";
  if (!std::filesystem::exists(shared)) return std::nullopt;
  return shared / "data" / name;
}

json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

class CliHsdsTest : public CliTest {
 protected:
  static std::string Write(const std::string& name, std::string_view content) {
    const std::string path = *folder_ / name;
    std::ofstream(path) << content;
    return path;
  }

  static std::string Mapping(const std::string& prefix, const json& organizations) {
    return Write(base::Cat(prefix, ".mapping.json"),
                 json{{"format", 1},
                      {"system", base::Cat("https://", prefix, ".example.org")},
                      {"offer_prefix", prefix},
                      {"language", "en"},
                      {"organizations", organizations},
                      {"themes", {{"33333333-3333-4333-8333-333333333333", "housing"}}},
                      {"territories",
                       {{"381c64f1-a724-4884-9c21-ac96c21cca3e", {"PT17"}},
                        {"44444444-4444-4444-8444-444444444444", {"PT17"}}}},
                      {"defaults", {{"kind", "one-off"}, {"theme", "health"}, {"territories", {"PT"}}}}}
                     .dump());
  }

  // What the last line of an import says.
  static json Import(std::string_view who, const std::string& file, const std::string& mapping,
                     int exit_code) {
    const Outcome outcome =
        Run(who, base::Cat("offers import ", file, " --mapping ", mapping, " --output json"));
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.errors << outcome.printed;
    const std::vector<json> lines = JsonLines(outcome.printed);
    return lines.empty() ? json() : lines.back();
  }

  static json Export(std::string_view provider) {
    const std::string out = *folder_ / "export.json";
    const Outcome outcome = Run("worker", base::Cat("offers export --provider ", provider, " --out ", out));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return ReadJson(out);
  }

  // A validator that is none of ours finds the last export valid by the published schema. Fails where there
  // is no validator; to be called last, since the test is skipped where there is no schema.
  static void ExpectValid() {
    const auto schema = Shared("hsds-3.0/schema/compiled/service.json");
    if (!schema.has_value()) GTEST_SKIP() << kNoShared;
    const std::string script = base::Cat(std::getenv("WAYPOST_SOURCE_DIR"), "/tests/e2e/hsds_validate.py");
    const Outcome outcome =
        RunApart({"/usr/bin/env", "python3", script, schema->string(), *folder_ / "export.json"}, *folder_);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.printed << outcome.errors;
  }
};

TEST_F(CliHsdsTest, WhatIsImportedIsServedAndGivenBack) {
  const json services = json::parse(R"([
    {"id": "7f0c2d9e-8a55-4a4e-9b0f-0d8c7a1b2c3d", "name": "Night shelter", "status": "active",
     "minimum_age": 18, "wait_time": "none", "made_up": {"deep": [1, 2]},
     "organization": {"id": "11111111-1111-4111-8111-111111111111", "name": "House", "description": "x"},
     "attributes": [{"id": "22222222-2222-4222-8222-222222222222",
                     "taxonomy_term": {"id": "33333333-3333-4333-8333-333333333333", "name": "Shelter",
                                       "description": "x"}}],
     "service_areas": [{"id": "44444444-4444-4444-8444-444444444444", "name": "Lisboa"}]},
    {"id": "not-mapped", "name": "x", "status": "active", "organization": {"id": "org-9", "name": "y"}},
    {"id": "dirty", "name": "x", "status": "open",
     "organization": {"id": "11111111-1111-4111-8111-111111111111", "name": "y"}}])");
  const std::string file = Write("services.json", services.dump());
  const std::string mapping =
      Mapping("shelter", {{"11111111-1111-4111-8111-111111111111", {{"body", "bodies/es-third"}}}});
  EXPECT_EQ(Import("worker", file, mapping, 5)["created"], 0);  // a caseworker may not
  json counts = Import("third", file, mapping, 5);
  EXPECT_EQ(counts["created"], 1);
  EXPECT_EQ(counts["failed"], 2);
  EXPECT_EQ(Import("operator", file, mapping, 5)["unchanged"], 1);

  const std::string name = "offers/shelter-7f0c2d9e-8a55-4a4e-9b0f-0d8c7a1b2c3d";
  const json offer = Json("worker", base::Cat("offers show ", name));
  EXPECT_EQ(offer["theme"], "THEME_HOUSING");
  EXPECT_EQ(offer["source"]["id"], "7f0c2d9e-8a55-4a4e-9b0f-0d8c7a1b2c3d");
  EXPECT_THAT(Text("worker", "route housing PT170 --age 30"), HasSubstr("Night shelter"));

  EXPECT_EQ(Export("bodies/es-third"), json::array({services[0]}));
  ExpectValid();
}

TEST_F(CliHsdsTest, AnOfferMadeHereIsAValidServiceToo) {
  Change("to",
         "offers create es-to-housing --provider bodies/es-to --theme housing --kind one-off --status active "
         "--territory ES300 --display-name es=Vivienda --language ar --required-document es=Pasaporte "
         "--schedule es=lunes --assured-date 2026-01-31");
  const json services = Export("bodies/es-to");
  ASSERT_EQ(services.size(), 1u);
  EXPECT_EQ(services[0]["organization"]["name"], "Body es-to");
  ExpectValid();
}

TEST_F(CliHsdsTest, WhatIsGivenBackIsValidByThePublishedSchema) {
  const std::string file = Write("offer.json", R"({
    "displayName": {"text": {"es": "Salud", "ar": "صحة"}, "originalLanguage": "es"},
    "requiredDocuments": [{"text": {"es": "Pasaporte", "uk": "Паспорт"}, "originalLanguage": "es"}],
    "schedule": {"text": {"es": "lunes", "en": "Mondays"}, "originalLanguage": "es"},
    "eligibility": {"allOf": {"rules": [{"age": {"minYears": 18}},
                                        {"legalStatus": {"anyOf": ["LEGAL_STATUS_REFUGEE"]}}]}},
    "groups": [{"groupId": "all", "capacity": {"places": 3, "free": 1, "waiting": 2}}]})");
  Change("from", base::Cat("offers create es-from-health --file ", file,
                           " --provider bodies/es-from --theme health --kind one-off --status active "
                           "--territory ES300 --language uk"));
  const json services = Export("bodies/es-from");
  ASSERT_EQ(services.size(), 1u);
  EXPECT_EQ(services[0]["minimum_age"], 18);
  EXPECT_EQ(services[0]["eligibility_description"],
            "Only for people of whom this holds: age from 18 years; and legal status is refugee.");
  EXPECT_EQ(services[0]["capacities"][0]["available"], 1);
  ExpectValid();
}

// As the published examples, which are not beside every checkout.
TEST_F(CliHsdsTest, AServiceWithAllThatBelongsToItComesBackEqual) {
  const json organization = {{"id", "55555555-5555-4555-8555-555555555555"},
                             {"name", "Advice"},
                             {"description", "Advice for people who are new in town"},
                             {"website", "https://advice.example.org"},
                             {"phones", json::array({{{"id", "p1"}, {"number", "+351 21 000 000"}}})}};
  const json service = json::parse(R"({"id": "66666666-6666-4666-8666-666666666666", "name": "Open hours",
    "description": "Bring your letters", "status": "active", "minimum_age": 12, "maximum_age": 100,
    "assured_date": "2026-01-31", "interpretation_services": "Arabic", "fees_description": "free",
    "phones": [{"id": "p2", "number": "+351 21 000 001", "languages": [{"id": "l1", "code": "ar"}]}],
    "schedules": [{"id": "s1", "freq": "WEEKLY", "byday": "MO", "opens_at": "09:00"}],
    "languages": [{"id": "l2", "code": "pt"}], "contacts": [{"id": "c1", "title": "Front desk"}],
    "required_documents": [{"id": "d1", "document": "A letter"}]})");
  Change("operator", "bodies create es-advice --display-name en=Advice --kind association --level regional");
  const std::string mapping = Mapping("advice", {{organization["id"], {{"body", "bodies/es-advice"}}}});
  json document = organization;
  document["services"] = json::array({service});
  const std::string file = Write("organization.json", document.dump());
  EXPECT_EQ(Import("operator", file, mapping, 0)["created"], 1);
  EXPECT_EQ(Import("operator", file, mapping, 0)["unchanged"], 1);
  json within = service;
  within["organization"] = organization;
  EXPECT_EQ(Export("bodies/es-advice"), json::array({within}));

  // As a document of its own it is the same service.
  within["fees_description"] = "two euros";
  EXPECT_EQ(Import("operator", Write("service.json", within.dump()), mapping, 0)["updated"], 1);
  EXPECT_EQ(Export("bodies/es-advice"), json::array({within}));
}

TEST_F(CliHsdsTest, ThePublishedExamplesComeBackEqual) {
  const auto examples = Shared("hsds-3.0/examples");
  if (!examples.has_value()) GTEST_SKIP() << kNoShared;
  Change("operator",
         "bodies create es-example --display-name en=Example --kind association --level regional");
  const std::string service_file = (*examples / "service_full.json").string();
  const json service = ReadJson(service_file);
  const json target = {{service["organization"]["id"], {{"body", "bodies/es-example"}}}};
  const std::string mapping = Mapping("example", target);
  EXPECT_EQ(Import("operator", service_file, mapping, 0)["created"], 1);
  EXPECT_EQ(Export("bodies/es-example"), json::array({service}));
  ExpectValid();

  // An organization with its services gives each of them, with the organization in it.
  const std::string organization_file = (*examples / "organization_full.json").string();
  json organization = ReadJson(organization_file);
  json within = organization["services"][0];
  organization.erase("services");
  within["organization"] = organization;
  Change("operator", "bodies create es-around --display-name en=Around --kind association --level regional");
  const std::string around = Mapping("around", {{organization["id"], {{"body", "bodies/es-around"}}}});
  EXPECT_EQ(Import("operator", organization_file, around, 0)["created"], 1);
  EXPECT_EQ(Export("bodies/es-around"), json::array({within}));
  ExpectValid();
}

TEST_F(CliHsdsTest, ARegisterOfTerritoriesIsHeldTo) {
  const std::string small =
      Write("small.tsv", "code\tlabel\nMT\tMalta\nMT0\tMALTA\nMT00\tMalta\nMT001\tMalta\n");
  const std::string flags = " --classification 'NUTS 2013' --valid-from 2015-01-01";
  EXPECT_EQ(Run("worker", base::Cat("territories import ", small, flags)).exit_code, 3);
  EXPECT_EQ(Run("operator", base::Cat("territories import ", small, flags)).exit_code, 0);
  EXPECT_THAT(Text("worker", "territories list --parent MT0"), HasSubstr("MT00  2      Malta"));
  EXPECT_EQ(Json("worker", "territories show MT")["registerComplete"], true);
  ExpectFailure("worker", "route housing MT002", 2, "INVALID_FIELD");
  EXPECT_EQ(Run("worker", "route housing MT001").exit_code, 0);
}

TEST_F(CliHsdsTest, Nuts2013IsTakenWhole) {
  const auto nuts = Shared("nuts-2013.tsv");
  if (!nuts.has_value()) GTEST_SKIP() << kNoShared;
  const std::string command = base::Cat("territories import ", nuts->string(),
                                        " --classification 'NUTS 2013' --valid-from 2015-01-01 --errors ",
                                        *folder_ / "nuts.errors.csv --output json");
  const auto counts = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    const std::vector<json> lines = JsonLines(outcome.printed);
    return lines.empty() ? json() : lines.back();
  };
  const json first = counts(Run("operator", command));
  EXPECT_EQ(first["created"].get<int>() + first["updated"].get<int>() + first["unchanged"].get<int>(), 1827);
  EXPECT_EQ(counts(Run("operator", command))["unchanged"], 1827);
  EXPECT_EQ(Json("worker", "territories list --limit 0")["territories"].size(), 28u);
  EXPECT_EQ(Json("worker", "territories show ATZZZ")["extraRegio"], true);
  ExpectFailure(
      "operator",
      "bodies create es-nowhere --display-name en=N --kind municipality --level local --territory ES999", 2,
      "INVALID_FIELD");
}

}  // namespace
}  // namespace waypost::e2e
