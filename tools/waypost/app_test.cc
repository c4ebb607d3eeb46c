#include "tools/waypost/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace dir = directory::v1;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

dir::Body MakeBody(const std::string& id, const std::string& name, const std::string& parent) {
  dir::Body body;
  body.set_name("bodies/" + id);
  body.set_kind(dir::BODY_KIND_MUNICIPALITY);
  body.set_level(type::v1::LEVEL_LOCAL);
  body.set_status(dir::BODY_STATUS_ACTIVE);
  body.set_parent(parent);
  (*body.mutable_display_name()->mutable_text())["es"] = name;
  body.mutable_display_name()->set_original_language("es");
  return body;
}

TEST(AppTest, ListsAcrossPages) {
  FakeServer server;
  for (const char* id : {"a", "b", "c", "d", "e"})
    server.directory.bodies.push_back(MakeBody(id, "Móstoles", ""));
  Runner runner;
  const RunResult result = runner.Run({"bodies", "list", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("NAME      KIND          LEVEL  STATUS  PARENT  DISPLAY NAME\n"
                                    "bodies/a  municipality  local  active          Móstoles\n"));
  EXPECT_THAT(result.out, HasSubstr("bodies/e"));
  const RunResult three = runner.Run({"bodies", "list", "--limit", "3", "--server", server.address()});
  EXPECT_THAT(three.out, Not(HasSubstr("bodies/d")));
  EXPECT_THAT(three.err, HasSubstr("--page-token 3"));
  const RunResult rest = runner.Run({"bodies", "list", "--page-token", "3", "--server", server.address()});
  EXPECT_THAT(rest.out, HasSubstr("bodies/d"));
  EXPECT_THAT(rest.out, Not(HasSubstr("bodies/c")));
}

TEST(AppTest, WritesJson) {
  FakeServer server;
  server.directory.bodies = {MakeBody("a", "A", "")};
  const RunResult result = Runner().Run({"bodies", "list", "--output", "json", "--server", server.address()});
  EXPECT_EQ(nlohmann::json::parse(result.out).at("bodies").at(0).at("name"), "bodies/a");
  EXPECT_EQ(result.err, "");
}

TEST(AppTest, DrawsTheTree) {
  FakeServer server;
  server.directory.bodies = {MakeBody("a", "A", ""), MakeBody("b", "B", "bodies/a"),
                             MakeBody("c", "C", "bodies/b"), MakeBody("d", "D", "bodies/a"),
                             MakeBody("e", "E", "bodies/elsewhere")};
  const RunResult result = Runner().Run({"bodies", "tree", "--server", server.address()});
  EXPECT_EQ(result.out,
            "├─ bodies/a  A (municipality)\n"
            "│  ├─ bodies/b  B (municipality)\n"
            "│  │  └─ bodies/c  C (municipality)\n"
            "│  └─ bodies/d  D (municipality)\n"
            "└─ bodies/e  E (municipality)\n");
}

TEST(AppTest, MakesTheUpdateMaskOfWhatIsGiven) {
  FakeServer server;
  const TestFolder folder;
  const std::string file =
      folder.Write("body.json", R"({"website":"https://example.org","territories":["ES300"]})");
  Runner runner;
  RunResult result = runner.Run({"bodies", "update", "bodies/a", "--file", file, "--language", "es",
                                 "--language", "ar", "--etag", "e1", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const dir::UpdateBodyRequest& request = server.directory.updated;
  EXPECT_EQ(request.body().name(), "bodies/a");
  EXPECT_EQ(request.body().etag(), "e1");
  EXPECT_THAT(request.body().languages(), ElementsAre("es", "ar"));
  EXPECT_THAT(request.update_mask().paths(),
              ::testing::UnorderedElementsAre("website", "territories", "languages"));
  EXPECT_FALSE(request.request_id().empty());
  EXPECT_EQ(runner.Run({"bodies", "update", "bodies/a", "--server", server.address()}).code,
            ExitCode::kUsage);
}

TEST(AppTest, ABodyCanRequireApprovalAndLiftItAndShowsIt) {
  FakeServer server;
  Runner runner;
  for (const bool required : {true, false}) {
    const RunResult result = runner.Run({"bodies", "update", "bodies/a",
                                         required ? "--approval-required" : "--no-approval-required",
                                         "--server", server.address()});
    ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
    EXPECT_EQ(server.directory.updated.body().approval_required(), required);
    EXPECT_THAT(server.directory.updated.update_mask().paths(), ElementsAre("approval_required"));
    EXPECT_EQ(result.out.find("approval required  yes") != std::string::npos, required) << result.out;
  }
}

TEST(AppTest, TakesAndShowsTheCalendarOfABody) {
  FakeServer server;
  const RunResult result = Runner().Run({"bodies", "update", "bodies/a", "--calendar-zone", "Europe/Madrid",
                                         "--working-day", "monday", "--working-day", "friday", "--holiday",
                                         "2026-12-25", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const dir::WorkingCalendar& calendar = server.directory.updated.body().calendar();
  EXPECT_EQ(calendar.zone(), "Europe/Madrid");
  EXPECT_THAT(calendar.working_days(), ElementsAre(dir::WEEKDAY_MONDAY, dir::WEEKDAY_FRIDAY));
  EXPECT_THAT(calendar.holidays(), ElementsAre("2026-12-25"));
  EXPECT_THAT(server.directory.updated.update_mask().paths(), ElementsAre("calendar"));
  EXPECT_THAT(result.out, HasSubstr("working days  monday, friday"));
}

TEST(AppTest, TakesAndShowsTheDutyHoursOfAUnit) {
  FakeServer server;
  const RunResult result = Runner().Run(
      {"units", "update", "bodies/a/units/b", "--duty-hours",
       R"({"day":"WEEKDAY_MONDAY","opens":"22:00","closes":"24:00"})", "--duty-hours",
       R"({"day":"WEEKDAY_TUESDAY","opens":"00:00","closes":"06:00"})", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.directory.updated_unit.unit().duty_hours_size(), 2);
  EXPECT_EQ(server.directory.updated_unit.unit().duty_hours(1).day(), dir::WEEKDAY_TUESDAY);
  EXPECT_THAT(server.directory.updated_unit.update_mask().paths(), ElementsAre("duty_hours"));
  EXPECT_THAT(result.out, HasSubstr("day     monday"));
  EXPECT_THAT(result.out, HasSubstr("closes  06:00"));
}

TEST(AppTest, UpdatesAndEndsAProgramme) {
  FakeServer server;
  Runner runner;
  const RunResult updated =
      runner.Run({"programmes", "update", "programmes/rising", "--partner", "bodies/a", "--partner",
                  "bodies/b", "--etag", "e1", "--server", server.address()});
  ASSERT_EQ(updated.code, ExitCode::kOk) << updated.err;
  EXPECT_THAT(server.directory.updated_programme.programme().partners(), ElementsAre("bodies/a", "bodies/b"));
  EXPECT_EQ(server.directory.updated_programme.programme().etag(), "e1");
  EXPECT_THAT(server.directory.updated_programme.update_mask().paths(), ElementsAre("partners"));
  const RunResult ended = runner.Run({"programmes", "end", "programmes/rising", "--end-date", "2026-06-30",
                                      "--reason", "no funds", "--server", server.address()});
  ASSERT_EQ(ended.code, ExitCode::kOk) << ended.err;
  EXPECT_EQ(server.directory.ended_programme.end_date(), "2026-06-30");
  EXPECT_FALSE(server.directory.ended_programme.request_id().empty());
  EXPECT_THAT(ended.out, HasSubstr("end reason  no funds"));
  EXPECT_EQ(runner.Run({"programmes", "end", "programmes/rising", "--reason", "x"}).code, ExitCode::kUsage);
}

TEST(AppTest, RecordsListsAndEndsSuccessions) {
  FakeServer server;
  Runner runner;
  const RunResult made = runner.Run(
      {"successions", "create", "merger", "--kind", "split", "--predecessor", "bodies/a", "--share",
       R"({"successor":"bodies/b","themes":["THEME_YOUTH"]})", "--share", R"({"successor":"bodies/c"})",
       "--start-date", "2026-01-01", "--reference", "Ley 1", "--server", server.address()});
  ASSERT_EQ(made.code, ExitCode::kOk) << made.err;
  const dir::CreateSuccessionRequest& request = server.directory.created_succession;
  EXPECT_EQ(request.succession_id(), "merger");
  EXPECT_EQ(request.succession().kind(), dir::SUCCESSION_KIND_SPLIT);
  EXPECT_EQ(request.succession().shares(0).themes(0), type::v1::THEME_YOUTH);
  EXPECT_EQ(request.succession().shares(1).successor(), "bodies/c");
  EXPECT_EQ(request.succession().period().start_date(), "2026-01-01");
  const RunResult list =
      runner.Run({"successions", "list", "--predecessor", "bodies/a", "--server", server.address()});
  EXPECT_THAT(list.out, HasSubstr("successions/merger  split  bodies/a     bodies/b, bodies/c  2026-01-01"));
  const RunResult ended = runner.Run(
      {"successions", "end", "successions/merger", "--end-date", "2026-06-30", "--server", server.address()});
  ASSERT_EQ(ended.code, ExitCode::kOk) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("2026-06-30"));
  EXPECT_EQ(runner.Run({"successions", "end", "successions/merger"}).code, ExitCode::kUsage);
}

TEST(AppTest, SaysWhetherOffersFollowACompetence) {
  FakeServer server;
  Runner runner;
  const RunResult made = runner.Run(
      {"successions", "create", "housing", "--kind", "competence-moved", "--predecessor", "bodies/a",
       "--share", R"({"successor":"bodies/b","themes":["THEME_HOUSING"]})", "--start-date", "2026-01-01",
       "--reference", "Ley 1", "--offers-follow", "--server", server.address()});
  ASSERT_EQ(made.code, ExitCode::kOk) << made.err;
  EXPECT_EQ(server.directory.created_succession.succession().kind(), dir::SUCCESSION_KIND_COMPETENCE_MOVED);
  EXPECT_TRUE(server.directory.created_succession.succession().offers_follow());
}

TEST(AppTest, SaysUntilWhenTheAccountsOfAMergerFollow) {
  FakeServer server;
  Runner runner;
  const RunResult made =
      runner.Run({"successions", "create", "merger", "--kind", "merged", "--predecessor", "bodies/a",
                  "--share", R"({"successor":"bodies/b"})", "--start-date", "2026-01-01", "--reference",
                  "Ley 1", "--accounts-until", "2026-02-28", "--server", server.address()});
  ASSERT_EQ(made.code, ExitCode::kOk) << made.err;
  EXPECT_THAT(made.out, HasSubstr("2026-02-28"));
  EXPECT_EQ(server.directory.created_succession.succession().accounts_until(), "2026-02-28");
  const RunResult list =
      runner.Run({"successions", "list", "--predecessor", "bodies/a", "--server", server.address()});
  EXPECT_THAT(list.out, HasSubstr("ACCOUNTS UNTIL"));
  EXPECT_THAT(list.out, HasSubstr("2026-02-28"));
}

TEST(AppTest, ListsWhatABodyHasToDo) {
  FakeServer server;
  auto& stale = *server.directory.tasks.add_tasks();
  stale.set_kind(dir::DIRECTORY_TASK_KIND_CAPACITY_STALE);
  stale.set_resource("offers/flats");
  stale.set_since_date("2026-02-01");
  stale.set_group_id("all");
  auto& ending = *server.directory.tasks.add_tasks();
  ending.set_kind(dir::DIRECTORY_TASK_KIND_COMPETENCE_ENDING);
  ending.set_resource("bodies/a");
  ending.set_since_date("2026-02-02");
  ending.set_end_date("2026-03-04");
  ending.set_theme(type::v1::THEME_YOUTH);
  ending.set_function(dir::COMPETENCE_FUNCTION_ASSESS);
  ending.set_territory("ES300");
  Runner runner;
  const RunResult result = runner.Run({"bodies", "tasks", "bodies/a", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("capacity stale     offers/flats  2026-02-01              all\n"));
  EXPECT_THAT(result.out,
              HasSubstr("competence ending  bodies/a      2026-02-02  2026-03-04  youth, assess, ES300\n"));
  EXPECT_THAT(runner.Run({"bodies", "tasks", "bodies/b", "--server", server.address()}).err,
              HasSubstr("Nothing to do."));
}

TEST(AppTest, AsksListsAndAnswersEnquiries) {
  FakeServer server;
  Runner runner;
  const RunResult asked =
      runner.Run({"enquiries", "ask", "--body", "bodies/b", "--theme", "housing", "--territory", "ES300",
                  "--age-band", "18-to-24", "--household", "4", "--server", server.address()});
  ASSERT_EQ(asked.code, ExitCode::kOk) << asked.err;
  const dir::EnquireRequest& request = server.directory.asked_enquiry;
  EXPECT_EQ(request.enquiry_id().size(), 32u);
  EXPECT_EQ(request.enquiry_id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(request.enquiry().body(), "bodies/b");
  EXPECT_EQ(request.enquiry().age_band(), type::v1::AGE_BAND_18_TO_24);
  EXPECT_EQ(request.enquiry().household_persons(), 4);
  const RunResult answered =
      runner.Run({"enquiries", "answer", "enquiries/e", "--verdict", "yes-with-wait", "--reason",
                  "no-capacity", "--wait-days", "30", "--server", server.address()});
  ASSERT_EQ(answered.code, ExitCode::kOk) << answered.err;
  EXPECT_EQ(server.directory.answered_enquiry.answer().expected_wait_days(), 30);
  EXPECT_THAT(answered.out, HasSubstr("expected wait days  30"));
  const RunResult list =
      runner.Run({"enquiries", "list", "--box", "to-answer", "--server", server.address()});
  EXPECT_THAT(list.out, HasSubstr("bodies/b  housing  ES300      yes with wait, no capacity, 30 d"));
  EXPECT_EQ(runner.Run({"enquiries", "list"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"enquiries", "ask", "--body", "bodies/b"}).code, ExitCode::kUsage);
}

TEST(AppTest, ExplainsARoute) {
  FakeServer server;
  auto& candidate = *server.directory.route.add_candidates();
  candidate.set_rank(1);
  candidate.set_body("bodies/a");
  candidate.set_level(type::v1::LEVEL_LOCAL);
  candidate.set_matches(true);
  auto& reason = *candidate.add_reasons();
  reason.set_code(dir::ROUTE_REASON_CODE_COMPETENT);
  reason.set_effect(dir::ROUTE_EFFECT_FOR);
  reason.set_subject("ES300");
  const auto fill = [](dir::ContactPoint& point, const char* title, const char* email,
                       const char* telephone) {
    point.set_title(title);
    point.set_email(email);
    point.set_telephone(telephone);
  };
  dir::Contact& contact = *candidate.mutable_contact();
  fill(*contact.mutable_interlocutor(), "Intake", "intake@a.example", "+34 910 000 001");
  fill(*contact.add_deputies(), "Head of service", "", "+34 910 000 002");
  fill(*contact.add_deputies(), "Front desk", "desk@a.example", "");
  const RunResult result =
      Runner().Run({"route", "mental-health", "ES300/28058", "--age", "30", "--language-skill", "es=a2",
                    "--no-with-minors", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(server.directory.asked.theme(), type::v1::THEME_MENTAL_HEALTH);
  EXPECT_EQ(server.directory.asked.territory(), "ES300/28058");
  EXPECT_EQ(server.directory.asked.attributes().age_years(), 30u);
  EXPECT_EQ(server.directory.asked.attributes().language_skills(0).level(), type::v1::LANGUAGE_LEVEL_A2);
  EXPECT_TRUE(server.directory.asked.attributes().has_household_has_minors());
  EXPECT_THAT(result.out, HasSubstr("1. bodies/a"));
  EXPECT_THAT(result.out, HasSubstr("+ it has a recorded competence here [ES300]"));
  EXPECT_THAT(result.out, HasSubstr("     contact: Intake, intake@a.example, +34 910 000 001\n"
                                    "     stands in: Head of service, +34 910 000 002\n"
                                    "     stands in: Front desk, desk@a.example\n"));
}

TEST(AppTest, SaysOfPlacesWhoseWordItIs) {
  FakeServer server;
  auto& declared = *server.directory.route.add_candidates();
  declared.set_matches(true);
  declared.mutable_capacity()->mutable_capacity()->set_places(8);
  declared.mutable_capacity()->mutable_capacity()->set_free(2);
  declared.mutable_capacity()->mutable_capacity()->mutable_update_time()->set_seconds(1'767'225'600);
  auto& counted = *server.directory.route.add_candidates();
  counted = declared;
  counted.mutable_capacity()->mutable_counted()->set_free(0);
  counted.mutable_capacity()->mutable_counted()->mutable_count_time()->set_seconds(1'767'229'200);
  auto& reason = *counted.add_reasons();
  reason.set_code(dir::ROUTE_REASON_CODE_FULL_COUNTED);
  reason.set_effect(dir::ROUTE_EFFECT_CAUTION);
  const RunResult result = Runner().Run({"route", "housing", "ES300", "--utc", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("     places: 2 of 8 free, reported by the provider at 2026-01-01T00:00:00Z\n"));
  EXPECT_THAT(result.out, HasSubstr("     places: 0 of 8 free, counted by Waypost at 2026-01-01T01:00:00Z; 2 "
                                    "reported by the provider at "
                                    "2026-01-01T00:00:00Z\n"));
  EXPECT_THAT(result.out, HasSubstr("! no place is free, as Waypost counts: expect a waiting list\n"));
}

TEST(AppTest, ExplainsAnEmptyRoute) {
  FakeServer server;
  server.directory.route.set_empty_reason(dir::ROUTE_EMPTY_REASON_ALL_EXCLUDED);
  auto& exclusion = *server.directory.route.add_exclusions();
  exclusion.set_code(dir::ROUTE_REASON_CODE_BODY_SUSPENDED);
  exclusion.set_count(3);
  const RunResult result = Runner().Run({"route", "housing", "ES300", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, HasSubstr("3 x the body is suspended"));
}

TEST(AppTest, SubmitsOnePersonFromFlags) {
  FakeServer server;
  const RunResult result = Runner().Run({"referral",
                                         "submit",
                                         "--theme",
                                         "housing",
                                         "--priority",
                                         "urgent",
                                         "--receiving-body",
                                         "bodies/b",
                                         "--territory",
                                         "ES300",
                                         "--age-band",
                                         "25-to-39",
                                         "--referring-article-6",
                                         "public-task",
                                         "--given-name",
                                         "Layla",
                                         "--alert",
                                         "one",
                                         "--own-reference",
                                         "AB-1",
                                         "--server",
                                         server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.referrals.received().submitted.size(), 1u);
  const auto request = server.referrals.received().submitted[0];
  EXPECT_EQ(request.referral().receiving().body(), "bodies/b");
  ASSERT_EQ(request.referral().persons_size(), 1);
  EXPECT_EQ(request.referral().persons(0).number(), 1u);
  EXPECT_EQ(request.referral().persons(0).disclosure().referring_basis().article_6(),
            referral::v1::LEGAL_BASIS_PUBLIC_TASK);
  EXPECT_EQ(request.sections(0).details().given_name(), "Layla");
  EXPECT_THAT(request.sections(0).alerts().alerts(), ElementsAre("one"));
  EXPECT_EQ(request.own_reference(), "AB-1");
}

TEST(AppTest, SubmitsADraft) {
  FakeServer server;
  Runner runner;
  ASSERT_EQ(runner.Run({"referral", "submit", "01jd", "--etag", "e", "--server", server.address()}).code,
            ExitCode::kOk);
  EXPECT_EQ(server.referrals.received().submitted[0].name(), "referrals/01jd");
  EXPECT_FALSE(server.referrals.received().submitted[0].has_referral());
  EXPECT_EQ(runner.Run({"referral", "submit", "--server", server.address()}).code, ExitCode::kUsage);
}

TEST(AppTest, SendsTheTokenItIsGiven) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("token", "from-file\n");
  Runner runner;
  runner.variables = {{"WAYPOST_SERVER", server.address()}, {"WAYPOST_TOKEN", "from-variable"}};
  ASSERT_EQ(runner.Run({"referral", "submit", "01jd"}).code, ExitCode::kOk);
  ASSERT_EQ(runner.Run({"referral", "submit", "01jd", "--token-file", file}).code, ExitCode::kOk);
  ASSERT_EQ(runner.Run({"referral", "submit", "01jd", "--token", "from-flag"}).code, ExitCode::kOk);
  EXPECT_THAT(server.referrals.received().authorizations,
              ElementsAre("Bearer from-variable", "Bearer from-file", "Bearer from-flag"));
  EXPECT_EQ(runner.Run({"referral", "submit", "01jd", "--token", "a b"}).code, ExitCode::kUsage);
}

TEST(AppTest, NeverSendsATokenInPlainTextToAnotherMachine) {
  Runner runner;
  const RunResult result = runner.Run({"bodies", "list", "--server", "192.0.2.1:7400", "--token", "t"});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_THAT(result.err, HasSubstr("plain text"));
}

TEST(AppTest, TellsWrongUsage) {
  Runner runner;
  const RunResult unknown = runner.Run({"bodies", "lst"});
  EXPECT_EQ(unknown.code, ExitCode::kUsage);
  EXPECT_THAT(unknown.err, HasSubstr("lst"));
  EXPECT_EQ(runner.Run({}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"bodies", "list", "--none-such"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"bodies", "list", "--kind", "castle"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"bodies", "list", "--timeout", "soon", "--server", "127.0.0.1:1"}).code,
            ExitCode::kUsage);
  const RunResult json = runner.Run({"bodies", "lst", "--output", "json"});
  EXPECT_EQ(nlohmann::json::parse(json.err).at("error").at("exitCode"), 2);
}

TEST(AppTest, HelpsAndNamesItsExitCodes) {
  Runner runner;
  const RunResult help = runner.Run({"--help"});
  EXPECT_EQ(help.code, ExitCode::kOk);
  EXPECT_THAT(help.out, HasSubstr("7  verification failed"));
  EXPECT_THAT(help.out, HasSubstr("WAYPOST_TOKEN_FILE"));
  const RunResult leaf = runner.Run({"referral", "decline", "--help"});
  EXPECT_EQ(leaf.code, ExitCode::kOk);
  EXPECT_THAT(leaf.out, HasSubstr("no-capacity"));
  EXPECT_EQ(runner.Run({"--version"}).code, ExitCode::kOk);
}

TEST(AppTest, ColoursOnlyATerminalThatWantsIt) {
  FakeServer server;
  server.directory.bodies = {MakeBody("a", "A", "")};
  Runner runner;
  const std::vector<std::string> words = {"bodies", "list", "--server", server.address()};
  EXPECT_THAT(runner.Run(words).out, Not(HasSubstr("\x1b")));
  runner.out_is_terminal = true;
  EXPECT_THAT(runner.Run(words).out, HasSubstr("\x1b[1m"));
  runner.variables["NO_COLOR"] = "1";
  EXPECT_THAT(runner.Run(words).out, Not(HasSubstr("\x1b")));
}

using Words = std::vector<std::string>;

// The flags in a help: those that it defines, at the beginning of a line, and all others that it names.
struct HelpFlags {
  std::set<std::string> defined;
  std::set<std::string> named;
};

void ReadFlags(const std::string& line, HelpFlags& flags) {
  const size_t first = line.find_first_not_of(' ');
  for (size_t at = line.find("--"); at != std::string::npos; at = line.find("--", at + 2)) {
    const size_t end = std::min(line.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at), line.size());
    const bool is_definition = at == first || line[at - 1] == ',' || line[at - 1] == '!';
    (is_definition ? flags.defined : flags.named).insert(line.substr(at, end - at));
  }
}

// Counts the commands at and below `path`. Each may name its own flags and those in `everywhere`.
int CheckHelps(const Words& path, const std::set<std::string>& everywhere) {
  Words words = path;
  words.emplace_back("--help");
  HelpFlags flags{.defined = everywhere, .named = {}};
  std::istringstream help(Runner().Run(words).out);
  int commands = 1;
  bool in_subcommands = false;
  for (std::string line; std::getline(help, line);) {
    in_subcommands = line == "Subcommands:" || (in_subcommands && !line.empty());
    if (in_subcommands && line.rfind("  ", 0) == 0 && line[2] != ' ') {
      // Without its aliases, which follow a comma.
      words.back() = line.substr(2, line.find_first_of(" ,", 2) - 2);
      commands += CheckHelps(words, everywhere);
    }
    ReadFlags(line, flags);
  }
  for (const std::string& flag : flags.named) {
    EXPECT_EQ(flags.defined.count(flag), 1u) << flag << " in the help of " << ::testing::PrintToString(path);
  }
  return commands;
}

TEST(AppTest, EveryFlagThatAHelpNamesExists) {
  const std::set<std::string> everywhere = {"--help", "--server", "--token-file", "--output", "--request-id"};
  EXPECT_GT(CheckHelps({}, everywhere), 80);
}

TEST(AppTest, TellsHowLongANoteMayBe) {
  EXPECT_THAT(Runner().Run({"referral", "add-note", "--help"}).out, HasSubstr("at most 10,000 characters"));
  EXPECT_THAT(Runner().Run({"referral", "decline", "--help"}).out, HasSubstr("at most 4,000 characters"));
}

}  // namespace
}  // namespace waypost::cli
