// The groups of `waypost` beside referrals, run as people and scripts run them: the directory, routing, the
// audit log, any method by reflection; and what wrong input comes to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CliDirectoryTest : public CliTest {};

TEST_F(CliDirectoryTest, BodiesAreRegisteredListedShownAndChanged) {
  const std::string made =
      "bodies create es-old --display-name es=Viejo --kind association --level regional "
      "--language es --parent bodies/es-from";
  EXPECT_EQ(Change("operator", made).at("kind"), "BODY_KIND_ASSOCIATION");
  ExpectFailure("operator", made, 4, "ALREADY_EXISTS");
  ExpectFailure("worker", made, 3, "NOT_ALLOWED");
  EXPECT_THAT(Text("worker", "bodies list"),
              AllOf(StartsWith("NAME "), HasSubstr("bodies/es-from "), HasSubstr("Body es-third")));
  EXPECT_THAT(Text("worker", "bodies list --parent bodies/es-from"),
              AllOf(HasSubstr("bodies/es-old"), Not(HasSubstr("bodies/es-to"))));
  EXPECT_EQ(Json("worker", "bodies list --parent bodies/es-from").at("bodies").size(), 1u);
  EXPECT_THAT(Text("worker", "bodies tree"), HasSubstr("│  └─ bodies/es-old  Viejo (association)\n"));
  EXPECT_GE(Json("worker", "bodies tree").at("bodies").size(), 4u);
  EXPECT_THAT(Text("worker", "bodies show bodies/es-from"),
              AllOf(HasSubstr("  en  Body es-from\n  es  Cuerpo\n"), HasSubstr("municipality")));
  EXPECT_EQ(Json("worker", "bodies show bodies/es-from").at("displayName").at("originalLanguage"), "en");
  ExpectFailure("worker", "bodies show bodies/es-none", 3, "NOT_FOUND");
  ExpectFailure("worker", "bodies show es-none", 2, "INVALID_FIELD");

  EXPECT_EQ(Change("operator", "bodies update bodies/es-old --website https://old.example").at("website"),
            "https://old.example");
  ExpectFailure("operator", "bodies update bodies/es-old --language en --etag '\"1\"'", 4, "ETAG_MISMATCH");
  ExpectFailure("operator", "bodies update bodies/es-old", 2, "INVALID_FIELD");
  EXPECT_EQ(Change("operator", "bodies suspend bodies/es-old --reason 'being merged'").at("status"),
            "BODY_STATUS_SUSPENDED");
  EXPECT_EQ(Change("operator", "bodies reactivate bodies/es-old --reason 'not merged'").at("status"),
            "BODY_STATUS_ACTIVE");
  ExpectFailure("operator", "bodies dissolve bodies/es-old", 2, "INVALID_FIELD");
  EXPECT_EQ(Change("operator", "bodies dissolve bodies/es-old --reason merged").at("status"),
            "BODY_STATUS_DISSOLVED");
}

TEST_F(CliDirectoryTest, UnitsAreAddedListedShownAndChanged) {
  const json unit = Change("to",
                           "units create bodies/es-to rooms --display-name en='Room desk' --kind department "
                           "--status active --contact-title Desk --contact-email rooms@to.example");
  EXPECT_EQ(unit.at("contact").at("email"), "rooms@to.example");
  EXPECT_THAT(Text("to", "units list bodies/es-to"),
              AllOf(HasSubstr("bodies/es-to/units/rooms"), HasSubstr("Room desk")));
  EXPECT_EQ(Json("to", "units list bodies/es-to").at("units").size(), 1u);
  EXPECT_THAT(Run("to", "units list bodies/es-third").errors, HasSubstr("No units."));
  EXPECT_EQ(
      Change("to", "units update bodies/es-to/units/rooms --theme housing --status closed").at("themes"),
      json::array({"THEME_HOUSING"}));
  EXPECT_THAT(Text("to", "units show bodies/es-to/units/rooms"),
              AllOf(HasSubstr("closed"), HasSubstr("Room desk"), HasSubstr("housing")));
  EXPECT_EQ(Json("to", "units show bodies/es-to/units/rooms").at("status"), "UNIT_STATUS_CLOSED");
  ExpectFailure("to", "units show bodies/es-to/units/none", 3, "NOT_FOUND");
  ExpectFailure("to", "units create bodies/es-to desk --display-name en=Desk --kind desk", 2, "USAGE");
  ExpectFailure("from", "units update bodies/es-to/units/rooms --theme health", 3, "NOT_ALLOWED");
}

TEST_F(CliDirectoryTest, ProgrammesAndAgreementsAreRecordedListedAndShown) {
  EXPECT_THAT(Run("to", "programmes list").errors, HasSubstr("No programmes."));
  EXPECT_EQ(Change("to",
                   "programmes create rising --display-name en=Rising --lead bodies/es-to "
                   "--partner bodies/es-from --start-date 2024-01-01")
                .at("period")
                .at("startDate"),
            "2024-01-01");
  EXPECT_THAT(Text("from", "programmes list"), AllOf(HasSubstr("programmes/rising"), HasSubstr("Rising")));
  EXPECT_EQ(Json("from", "programmes list").at("programmes").at(0).at("lead"), "bodies/es-to");
  EXPECT_THAT(Text("from", "programmes show programmes/rising"), HasSubstr("partners     bodies/es-from"));
  EXPECT_EQ(Json("from", "programmes show programmes/rising").at("name"), "programmes/rising");
  ExpectFailure("from", "programmes show programmes/none", 3, "NOT_FOUND");

  const std::string made =
      "agreements create es300-legal --theme legal-aid --territory ES300 "
      "--body bodies/es-third --start-date 2024-01-01";
  ExpectFailure("operator", made, 2, "INVALID_FIELD");
  EXPECT_EQ(Change("operator", base::Cat(made, " --reference BOE-1")).at("theme"), "THEME_LEGAL_AID");
  EXPECT_THAT(Text("from", "agreements list"), HasSubstr("coordinationAgreements/es300-legal"));
  EXPECT_EQ(Json("from", "agreements list").at("coordinationAgreements").size(), 1u);
  EXPECT_THAT(Text("from", "agreements show coordinationAgreements/es300-legal"), HasSubstr("BOE-1"));
  const std::string end = "agreements end coordinationAgreements/es300-legal";
  ExpectFailure("operator", end, 2, "INVALID_FIELD");
  ExpectFailure("operator", base::Cat(end, " --end-date soon"), 2, "INVALID_FIELD");
  EXPECT_EQ(Change("operator", base::Cat(end, " --end-date 2030-01-01")).at("period").at("endDate"),
            "2030-01-01");
}

TEST_F(CliDirectoryTest, OffersAreAddedListedShownAndRoutedTo) {
  const std::string made =
      "offers create es-rooms --provider bodies/es-to --theme housing --kind one-off "
      "--display-name es=Cuartos --territory ES300 --language es --status active "
      "--assured-date 2026-01-02 --required-document es=Pasaporte "
      "--required-document es=Padron ";
  ExpectFailure("to", base::Cat(made, "--group '{\"cheese\":1}'"), 2, "INVALID_FIELD");
  ExpectFailure("worker", base::Cat(made, "--group '{\"groupId\":\"a\"}'"), 3, "NOT_ALLOWED");
  const json offer = Change("to", base::Cat(made, "--group '{\"groupId\":\"a\"}'"));
  EXPECT_EQ(offer.at("requiredDocuments").at(1).at("text").at("es"), "Padron");
  EXPECT_EQ(Change("to", "offers update offers/es-rooms --schedule en=Mornings").at("schedule").at("text"),
            json({{"en", "Mornings"}}));
  Change("to", "offers capacity offers/es-rooms a --places 12 --free 0");
  EXPECT_THAT(Text("from", "offers list"), HasSubstr("0 of 12 free"));
  EXPECT_THAT(Text("from", "offers show offers/es-rooms"),
              AllOf(HasSubstr("places       12\n"), HasSubstr("free         0\n"), HasSubstr("Pasaporte")));
  EXPECT_EQ(Json("from", "offers show offers/es-rooms")["groups"][0]["capacity"]["places"], 12);
  EXPECT_EQ(Json("from", "offers list --theme housing --territory ES300").at("offers").size(), 1u);
  EXPECT_THAT(Run("from", "offers list --provider bodies/es-from").errors, HasSubstr("No offers."));
  ExpectFailure("from", "offers list --theme housing", 2, "INVALID_FIELD");

  const std::string route = "route housing ES300 --age 30 --language-skill es=a2 --language es";
  EXPECT_THAT(Text("from", route), AllOf(HasSubstr("1. bodies/es-to  Body es-to (local)"),
                                         HasSubstr("offer: offers/es-rooms  Cuartos"),
                                         HasSubstr("! it reported no free place: expect a waiting list")));
  EXPECT_EQ(Json("from", route).at("candidates").at(0).at("offer"), "offers/es-rooms");
  EXPECT_THAT(Text("from", "route housing ES511"), StartsWith("Nobody: no body is recorded"));
  EXPECT_EQ(Json("from", "route housing ES511").at("emptyReason"), "ROUTE_EMPTY_REASON_NOTHING_RECORDED");
  ExpectFailure("from", "route housing nowhere", 2, "INVALID_FIELD");
  ExpectFailure("from", "route cheese ES300", 2, "USAGE");
  ExpectFailure("from", "route housing ES300 --language-skill es", 2, "INVALID_FIELD");
}

TEST_F(CliDirectoryTest, OffersCheckReportsWhatIsWrongInAFile) {
  const std::string file = *folder_ / "services.json";
  WriteFile(file, R"([{"id":"1","name":"Rooms","status":"active"},{"id":"2","name":"x","status":"odd"}])");
  const Outcome checked = Run("from", base::Cat("offers check ", file));
  EXPECT_EQ(checked.exit_code, 8);
  EXPECT_THAT(checked.printed, AllOf(HasSubstr("Rooms"), HasSubstr("row 2: /1/status")));
  const std::vector<json> lines =
      JsonLines(Run("from", base::Cat("offers check --output json ", file)).printed);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].at("pointer"), "/1/status");
  WriteFile(file, R"({"id":"1","name":"Rooms","status":"active"})");
  EXPECT_EQ(Run("from", base::Cat("offers check ", file)).exit_code, 0);
  ExpectFailure("from", base::Cat("offers check ", *folder_ / "none.json"), 2, "INVALID_FIELD");
}

class CliAuditTest : public CliTest {
 protected:
  // The size of the log once it has the referral `name`; empty when it has it not after 20 s.
  static std::string SizeWith(const std::string& name) {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (Run("from", base::Cat("audit prove ", name)).exit_code != 0) {
      if (absl::Now() > until || !Wait()) return "";
    }
    return Json("from", "audit head").value("treeSize", "");
  }
};

TEST_F(CliAuditTest, EntriesAreListedAndShown) {
  const std::string name = Submit();
  ASSERT_NE(SizeWith(name), "");
  const std::string list = base::Cat("audit list --resource ", name);
  EXPECT_THAT(Text("to", list), AllOf(HasSubstr("referral.submitted"), HasSubstr("caseworker")));
  const json entries = Json("to", list).at("entries");
  ASSERT_EQ(entries.size(), 1u);
  const std::string entry = entries[0].at("name");
  EXPECT_THAT(Text("to", base::Cat("audit show ", entry)), HasSubstr(name));
  EXPECT_EQ(Json("to", base::Cat("audit show ", entry)).at("record").at("type"), "referral.submitted");
  EXPECT_THAT(Text("to", "audit list --type referral.submitted --limit 1"), HasSubstr(entry));
  EXPECT_EQ(
      Json("to", "audit list --limit 1 --order oldest-first --start-time 2020-01-01").at("entries").size(),
      1u);
  EXPECT_THAT(Run("to", "audit list --end-time 2020-01-01").errors, HasSubstr("No entries."));
  ExpectFailure("to", base::Cat(list, " --type x"), 2, "INVALID_FIELD");
  ExpectFailure("worker", list, 3, "NOT_ALLOWED");
  ExpectFailure("to", "audit show entries/99999", 3, "NOT_FOUND");
  ExpectFailure("to", "audit show five", 2, "INVALID_FIELD");
  EXPECT_THAT(Text("to", "audit head"), AllOf(HasSubstr("tree size "), HasSubstr("root hash ")));
}

TEST_F(CliAuditTest, ProofsAreMadeAndCheckedOffline) {
  const std::string name = Submit();
  const std::string size = SizeWith(name);
  ASSERT_NE(size, "");
  const std::string file = *folder_ / "proof.json";
  const std::string prove = base::Cat("audit prove ", name, " --tree-size ", size);
  Text("to", base::Cat(prove, " --out ", file));
  const json proof = Json("to", prove);
  EXPECT_EQ(proof, json::parse(ReadFile(file)));
  const std::string verify = base::Cat("audit verify ", file);
  EXPECT_THAT(Text("worker", verify), AllOf(HasSubstr("The proof holds: "), HasSubstr(name)));
  EXPECT_EQ(Json("worker", verify).at("rootTrusted"), false);
  const json growth = Json("to", base::Cat("audit consistency ", size));
  WriteFile(*folder_ / "head.json",
            json({{"treeSize", size}, {"rootHash", growth.at("firstRootHash")}}).dump());
  EXPECT_EQ(Json("worker", base::Cat(verify, " --tree-head ", *folder_ / "head.json")).at("rootTrusted"),
            true);

  ExpectFailure("worker", base::Cat(verify, " --root ", std::string(64, '0')), 7, "PROOF_INVALID");
  ExpectFailure("worker", base::Cat(verify, " --root 12"), 2, "INVALID_FIELD");
  json forged = proof;
  forged["rootHash"] = base::Cat(std::string(43, 'A'), "=");
  WriteFile(file, forged.dump());
  ExpectFailure("worker", verify, 7, "PROOF_INVALID");
  ExpectFailure("worker", base::Cat("audit verify ", *folder_ / "none.json"), 2, "INVALID_FIELD");
  const Outcome negative = Run("to", base::Cat("audit prove --revision -1 ", name));
  EXPECT_EQ(negative.exit_code, 2);
  EXPECT_LT(negative.errors.size(), 200u) << "a range that can be read: " << negative.errors;
  ExpectFailure("third", base::Cat("audit prove ", name), 3, "NOT_FOUND");
  ExpectFailure("to", "audit prove entries/five", 2, "INVALID_FIELD");
}

TEST_F(CliAuditTest, TheLogIsShownToHaveOnlyGrown) {
  ASSERT_NE(SizeWith(Submit()), "");
  EXPECT_THAT(Text("to", "audit consistency 1"), StartsWith("The log only grew: its first 1 entries"));
  EXPECT_EQ(Json("to", "audit consistency 1 2").at("secondSize"), "2");
  ExpectFailure("to", base::Cat("audit consistency 1 --root ", std::string(64, '0')), 7, "PROOF_INVALID");
  ExpectFailure("to", "audit consistency 1 99999", 2, "TREE_SIZE_UNKNOWN");
  ExpectFailure("to", "audit consistency one", 2, "USAGE");
}

class CliAnyTest : public CliTest {};

TEST_F(CliAnyTest, CallReachesEveryMethodByItsName) {
  EXPECT_THAT(Text("to", "call --list"), HasSubstr("waypost.referral.v1.ReferralService\n"));
  EXPECT_THAT(Json("to", "call --list").at("services"), ::testing::Contains("waypost.audit.v1.AuditService"));
  EXPECT_THAT(Text("to", "call --describe AuditService"), HasSubstr("rpc GetTreeHead("));
  EXPECT_EQ(Json("to", "call --describe AuditService").at("service"), "waypost.audit.v1.AuditService");
  EXPECT_THAT(Text("to", "call --describe AuditService/GetTreeHead"), HasSubstr("uint64 tree_size = 1;"));
  EXPECT_EQ(Json("to", "call --describe AuditService/GetTreeHead").at("response"),
            "waypost.audit.v1.TreeHead");
  const std::string get = R"(call DirectoryService/GetBody '{"name":"bodies/es-to"}')";
  EXPECT_EQ(json::parse(Text("to", get)).at("name"), "bodies/es-to");
  EXPECT_EQ(Json("to", get).at("name"), "bodies/es-to");
  WriteFile(*folder_ / "request.json", R"({"name":"bodies/es-from"})");
  EXPECT_EQ(Json("to", base::Cat("call DirectoryService/GetBody @", *folder_ / "request.json")).at("name"),
            "bodies/es-from");
  ExpectFailure("to", R"(call ReferralService/AcceptReferral '{"name":"referrals/none"}')", 3, "NOT_FOUND");
  ExpectFailure("to", "call ReferralService/Sing", 3, "METHOD_NOT_FOUND");
  ExpectFailure("to", R"(call DirectoryService/GetBody '{"nom":"x"}')", 2, "INVALID_FIELD");
  ExpectFailure("to", "call", 2, "INVALID_FIELD");
}

TEST_F(CliAnyTest, WrongUsageIsExplainedAndEndsWithTwo) {
  for (const std::string_view line :
       {"", "cheese", "bodies", "bodies cheese", "bodies show", "bodies list --cheese",
        "bodies list --limit -1", "referral accept", "referral accept x y", "route housing"}) {
    ExpectFailure("to", line, 2, "USAGE");
  }
  for (const std::string_view line : {"bodies list --timeout soon", "bodies list --page-token cheese"}) {
    EXPECT_EQ(Run("to", line).exit_code, 2) << line;
  }
  EXPECT_EQ(Run("to", "bodies list --output xml").exit_code, 2);
  for (const std::string_view line : {"--help", "--help-all", "referral accept --help", "--version"}) {
    const Outcome help = Run("to", line);
    EXPECT_EQ(help.exit_code, 0) << line;
    EXPECT_THAT(help.printed, HasSubstr("aypost")) << line;
  }
}

TEST_F(CliAnyTest, WhoMayNotOrCannotBeReachedIsToldApart) {
  const auto alone = [](const std::string& words) {
    std::vector<std::string> command = {Program("waypost")};
    for (std::string& word : Words(words)) command.push_back(std::move(word));
    return RunApart(command, *folder_);
  };
  const std::string server = base::Cat(" --server ", node_->address());
  const Outcome nobody = alone(base::Cat("bodies list", server));
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_THAT(nobody.errors, HasSubstr("TOKEN_MISSING"));
  const Outcome stranger = alone(base::Cat("bodies list --token no.token", server));
  EXPECT_EQ(stranger.exit_code, 3);
  EXPECT_THAT(stranger.errors, HasSubstr("TOKEN_REFUSED"));
  EXPECT_EQ(alone(base::Cat("bodies list --token-file ", *folder_ / "none", server)).exit_code, 2);
  const Outcome away = alone("bodies list --token x --server 127.0.0.1:1");
  EXPECT_EQ(away.exit_code, 6);
  EXPECT_THAT(away.errors, HasSubstr("UNAVAILABLE"));
  const Outcome plain = alone("bodies list --token secret --server example.org:7400");
  EXPECT_EQ(plain.exit_code, 2);
  EXPECT_THAT(plain.errors, AllOf(HasSubstr("plain text"), Not(HasSubstr("secret"))));
  // From the environment, as a session of work has it.
  ASSERT_EQ(setenv("WAYPOST_SERVER", node_->address().c_str(), 1), 0);
  ASSERT_EQ(setenv("WAYPOST_TOKEN_FILE", (*folder_ / "to.token").c_str(), 1), 0);
  EXPECT_EQ(alone("bodies list").exit_code, 0);
  unsetenv("WAYPOST_SERVER");
  unsetenv("WAYPOST_TOKEN_FILE");
}

TEST_F(CliAnyTest, TokensAreMadeOnlyForADemonstrationAndOnlyGoodOnes) {
  const auto mint = [](const std::string& flags) {
    std::vector<std::string> command = {Program("waypost"), "token", "--subject", "x"};
    for (std::string& word : Words(flags)) command.push_back(std::move(word));
    return RunApart(command, *folder_);
  };
  const std::string here = base::Cat("--data-dir ", *folder_ / "data", " --body es-to --role ");
  const Outcome good = mint(base::Cat(here, "auditor --output json"));
  EXPECT_EQ(good.exit_code, 0) << good.errors;
  EXPECT_EQ(json::parse(good.printed).at("body"), "bodies/es-to");
  EXPECT_EQ(mint(base::Cat(here, "king")).exit_code, 2);
  EXPECT_EQ(mint(base::Cat(here, "auditor --ttl 48h")).exit_code, 2);
  EXPECT_EQ(mint(base::Cat("--body es-to --role auditor --data-dir ", *folder_ / "none")).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "none"));
}

TEST_F(CliAnyTest, OutputThatCannotBeWrittenIsAFailure) {
  Process full(Command("to", "bodies list"), "/dev/full", *folder_ / "errors");
  EXPECT_EQ(full.WaitForExit(absl::Seconds(30)), 1);
  EXPECT_THAT(ReadFile(*folder_ / "errors"), HasSubstr("OUTPUT_FAILED"));
}

}  // namespace
}  // namespace waypost::e2e
