#include "tools/waypost/referral_actions.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "tools/waypost/app.h"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/completion.h"
#include "tools/waypost/referral_view.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

// The methods of a service, as its proto file says.
std::vector<std::string> MethodsOf(const std::string& proto) {
  const char* root = std::getenv("WAYPOST_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) + "/proto/waypost/" + proto);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  std::vector<std::string> methods;
  const std::regex rpc(R"(\n  rpc (\w+)\()");
  for (std::sregex_iterator at(text.begin(), text.end(), rpc), end; at != end; ++at)
    methods.push_back((*at)[1]);
  return methods;
}

std::set<std::string> Commands() {
  Runner runner;
  const RunResult result = runner.Run({"completion", "fish"});
  std::set<std::string> commands;
  // Nothing comes before a command that is in no group.
  const std::regex line(R"(-n '__fish_(?:seen_subcommand_from (\w+)|use_subcommand)' -a ([a-z-]+) -d)");
  for (std::sregex_iterator at(result.out.begin(), result.out.end(), line), end; at != end; ++at) {
    commands.insert((*at)[1].str() + " " + (*at)[2].str());
  }
  return commands;
}

TEST(ReferralActionsTest, EveryMethodHasACommand) {
  const std::map<std::string, std::string> others = {{"GetReferral", "show"},
                                                     {"ListReferrals", "list"},
                                                     {"WatchReferrals", "watch"},
                                                     {"ListReferralHistory", "history"},
                                                     {"ListNotes", "notes"},
                                                     {"ListParts", "parts"},
                                                     {"FindByOwnReference", "find"},
                                                     {"ListReceiptKeys", "receipts"},
                                                     {"GetMyself", " whoami"},
                                                     {"DiscloseReferral", "disclose"},
                                                     {"DiscloseNotes", "disclose-notes"},
                                                     {"CreateReferral", "create"},
                                                     {"UpdateReferral", "update"},
                                                     {"SubmitReferral", "submit"},
                                                     {"RecordRightsRequest", "rights record"},
                                                     {"GetRightsRequest", "rights show"},
                                                     {"ListRightsRequests", "rights list"},
                                                     {"AnswerRightsRequest", "rights answer"},
                                                     {"ExportPerson", "rights export"},
                                                     {"ListRetention", "retention preview"},
                                                     {"ListRetentionReports", "retention report"}};
  const std::set<std::string> commands = Commands();
  const std::vector<std::string> methods = MethodsOf("referral/v1/referral_service.proto");
  ASSERT_GT(methods.size(), 30u);
  for (const std::string& method : methods) {
    const auto other = others.find(method);
    const std::string command = other != others.end() ? other->second : ActionName(method);
    const bool elsewhere = command.find(' ') != std::string::npos;
    EXPECT_EQ(commands.count(elsewhere ? command : "referral " + command), 1u)
        << method << " has no command " << command;
  }
}

TEST(ReferralActionsTest, EveryActionFitsItsMethod) {
  const std::vector<std::string> methods = MethodsOf("referral/v1/referral_service.proto");
  for (const ReferralAction& action : ReferralActions()) {
    EXPECT_THAT(methods, ::testing::Contains(action.method));
    EXPECT_EQ(action.request.GetDescriptor()->name(), action.method + "Request");
    EXPECT_NE(action.request.GetDescriptor()->FindFieldByName("name"), nullptr);
    for (const std::string& field : action.required) {
      EXPECT_NE(action.request.GetDescriptor()->FindFieldByName(field), nullptr)
          << action.method << " " << field;
    }
  }
}

TEST(ReferralActionsTest, AListSaysWhoseItIs) {
  pb::ReferralSummary summary;
  summary.mutable_referring()->set_body("bodies/a");
  summary.mutable_receiving()->set_body("bodies/b");
  const std::vector<std::string> headings = ReferralHeadings();
  const auto at =
      static_cast<size_t>(std::find(headings.begin(), headings.end(), "assigned here") - headings.begin());
  const auto shown = [&] {
    const std::vector<std::string> row = ReferralRow(summary, testing::TestNow(), absl::UTCTimeZone());
    EXPECT_EQ(row.size(), headings.size());
    return row.at(at);
  };
  EXPECT_EQ(shown(), "-");
  // Of the other side nobody is told.
  summary.mutable_receiving()->set_assignee("actors/luisxxxxxxxxxxxx");
  EXPECT_EQ(shown(), "actors/luisxxxxxxxxxxxx");
  summary.mutable_receiving()->clear_assignee();
  summary.mutable_referring()->set_assignee("actors/evaxxxxxxxxxxxxx");
  EXPECT_EQ(shown(), "actors/evaxxxxxxxxxxxxx");
  // Between two units of one body both are its own.
  summary.mutable_receiving()->set_body("bodies/a");
  EXPECT_EQ(shown(), "actors/evaxxxxxxxxxxxxx / -");
}

TEST(ReferralActionsTest, SendsADecline) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "decline", "01jd", "--reason", "no-capacity", "--declined-by", "provider",
                  "--server", server.address(), "--etag", "e1"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.referrals.received().declined.size(), 1u);
  const pb::DeclineReferralRequest request = server.referrals.received().declined[0];
  EXPECT_EQ(request.name(), "referrals/01jd");
  EXPECT_EQ(request.reason(), pb::DECLINE_REASON_NO_CAPACITY);
  EXPECT_EQ(request.declined_by(), pb::DECLINED_BY_PROVIDER);
  EXPECT_EQ(request.etag(), "e1");
  EXPECT_EQ(request.request_id(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
  EXPECT_EQ(result.out, "referrals/01jd: declined (revision 0, etag )\n  next: NOTE\n");
}

TEST(ReferralActionsTest, NamesTheDocumentsThatAreMissing) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "decline", "01jd", "--reason", "missing-documents", "--declined-by", "provider",
                  "--missing-document", "2", "--missing-document", "1", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.referrals.received().declined.size(), 1u);
  const pb::DeclineReferralRequest request = server.referrals.received().declined[0];
  EXPECT_EQ(request.reason(), pb::DECLINE_REASON_MISSING_DOCUMENTS);
  ASSERT_EQ(request.missing_documents_size(), 2);
  EXPECT_EQ(request.missing_documents(0), 2u);
  EXPECT_EQ(request.missing_documents(1), 1u);
}

TEST(ReferralActionsTest, VoidsANoteByItsNumberOrNameAndAnAppointment) {
  FakeServer server;
  Runner runner;
  const auto run = [&](const std::string& flag, const std::string& value) {
    return runner.Run(
        {"referral", "void", "01jd", flag, value, "--reason", "wrong-person", "--server", server.address()});
  };
  ASSERT_EQ(run("--note", "3").code, ExitCode::kOk);
  ASSERT_EQ(run("--note", "referrals/01jd/notes/4").code, ExitCode::kOk);
  ASSERT_EQ(run("--appointment", "2").code, ExitCode::kOk);
  const auto voided = server.referrals.received().voided;
  ASSERT_EQ(voided.size(), 3u);
  EXPECT_EQ(voided[0].name(), "referrals/01jd");
  EXPECT_EQ(voided[0].note(), "referrals/01jd/notes/3");
  EXPECT_EQ(voided[0].reason(), pb::VOID_REASON_WRONG_PERSON);
  EXPECT_EQ(voided[1].note(), "referrals/01jd/notes/4");
  EXPECT_EQ(voided[2].appointment(), 2u);
}

TEST(ReferralActionsTest, TakesTheRequestAsJsonUnderTheFlags) {
  FakeServer server;
  Runner runner;
  runner.input = R"({"reason":"DECLINE_REASON_OTHER","declinedBy":"DECLINED_BY_PERSON","text":"x"})";
  const RunResult result = runner.Run({"referral", "decline", "referrals/01jd", "--json", "-", "--reason",
                                       "unreachable", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(server.referrals.received().declined[0].reason(), pb::DECLINE_REASON_UNREACHABLE);
  EXPECT_EQ(server.referrals.received().declined[0].text(), "x");
}

TEST(ReferralActionsTest, RefusesAnIncompleteActionWithoutSending) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "decline", "01jd", "--reason", "no-capacity", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_THAT(result.err, HasSubstr("--declined-by"));
  EXPECT_TRUE(server.referrals.received().declined.empty());
}

TEST(ReferralActionsTest, TellsAConflict) {
  FakeServer server;
  server.referrals.on_decline = [] {
    return rpc::ToGrpc(
        error::InvalidTransition("referrals/01jd", "COMPLETED", "DECLINE", {"NOTE", "REOPEN"}));
  };
  Runner runner;
  const std::vector<std::string> words = {"referral", "decline",     "01jd",
                                          "--reason", "no-capacity", "--declined-by",
                                          "provider", "--server",    server.address()};
  const RunResult text = runner.Run(words);
  EXPECT_EQ(text.code, ExitCode::kConflict);
  EXPECT_EQ(text.out, "");
  EXPECT_THAT(text.err, HasSubstr("INVALID_TRANSITION"));
  EXPECT_THAT(text.err, HasSubstr("--request-id 00010203-0405-4607-8809-0a0b0c0d0e0f"));
  EXPECT_EQ(server.referrals.received().declined.size(), 1u);  // never repeated

  std::vector<std::string> json_words = words;
  json_words.insert(json_words.end(), {"--output", "json", "--request-id", "mine-1234"});
  const RunResult json = runner.Run(json_words);
  const auto failure = nlohmann::json::parse(json.err).at("error");
  EXPECT_EQ(failure.at("reason"), "INVALID_TRANSITION");
  EXPECT_EQ(failure.at("requestId"), "mine-1234");
  EXPECT_EQ(failure.at("exitCode"), 4);
}

TEST(ReferralActionsTest, RepeatsWhatIsSafeToRepeatWithTheSameId) {
  FakeServer server;
  int calls = 0;
  server.referrals.on_decline = [&calls] {
    return ++calls < 3 ? rpc::ToGrpc(error::Overloaded("the executor")) : grpc::Status::OK;
  };
  Runner runner;
  const RunResult result = runner.Run({"referral", "decline", "01jd", "--reason", "no-capacity",
                                       "--declined-by", "provider", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.referrals.received().declined.size(), 3u);
  EXPECT_EQ(server.referrals.received().declined[0].request_id(),
            server.referrals.received().declined[2].request_id());
  EXPECT_GT(runner.slept, absl::ZeroDuration());
}

TEST(ReferralActionsTest, ALimitThatTheCallPassesIsToldAtOnce) {
  FakeServer server;
  server.referrals.on_decline = [] {
    return rpc::ToGrpc(error::LimitExceeded("events of a referral", 1000, 1001));
  };
  Runner runner;
  const RunResult result = runner.Run({"referral", "decline", "01jd", "--reason", "no-capacity",
                                       "--declined-by", "provider", "--server", server.address()});
  EXPECT_THAT(result.err, HasSubstr("LIMIT_EXCEEDED"));
  EXPECT_EQ(server.referrals.received().declined.size(), 1u);
  EXPECT_EQ(runner.slept, absl::ZeroDuration());
}

TEST(ReferralActionsTest, OpensPersonalDataOnceOnly) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"referral", "disclose", "01jd", "--section", "details", "--purpose",
                                       "deliver-service", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kUnavailable);
  EXPECT_EQ(server.referrals.received().disclosures, 1);
}

TEST(ReferralActionsTest, ALookThatObeysAnOrderNamesIt) {
  FakeServer server;
  Runner runner;
  runner.Run({"referral", "disclose", "01jd", "--section", "details", "--purpose", "legal-obligation",
              "--law", "es/ley-40-2015/art-14", "--order-reference", "DP 42/2026", "--recipient-body",
              "bodies/es-border-police", "--server", server.address()});
  const referral::v1::DiscloseReferralRequest asked = server.referrals.received().disclosed;
  EXPECT_EQ(asked.purpose(), referral::v1::PURPOSE_LEGAL_OBLIGATION);
  EXPECT_EQ(asked.law(), "es/ley-40-2015/art-14");
  EXPECT_EQ(asked.order_reference(), "DP 42/2026");
  EXPECT_EQ(asked.recipient_body(), "bodies/es-border-police");
}

TEST(ReferralActionsTest, ErasesOnlyWhenSure) {
  Runner runner;
  EXPECT_EQ(runner.Run({"referral", "erase", "01jd", "--server", "127.0.0.1:1"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"referral", "erase", "01jd", "--yes", "--server", "127.0.0.1:1"}).code,
            ExitCode::kUnavailable);
}

TEST(ReferralActionsTest, SaysWhatBecomesOfEachPart) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "cancel", "01jd", "--reason", "need-met", "--cancel-part", "01je",
                  "--cancel-part", "referrals/01jf", "--detach-part", "01jg", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::CancelReferralRequest request = server.referrals.received().cancelled;
  EXPECT_EQ(request.reason(), pb::CANCEL_REASON_NEED_MET);
  ASSERT_EQ(request.parts_size(), 3);
  EXPECT_EQ(request.parts(0).referral(), "referrals/01je");
  EXPECT_EQ(request.parts(0).action(), pb::PartDecision::ACTION_CANCEL);
  EXPECT_EQ(request.parts(1).referral(), "referrals/01jf");
  EXPECT_EQ(request.parts(1).action(), pb::PartDecision::ACTION_CANCEL);
  EXPECT_EQ(request.parts(2).referral(), "referrals/01jg");
  EXPECT_EQ(request.parts(2).action(), pb::PartDecision::ACTION_DETACH);
  EXPECT_THAT(result.out, HasSubstr("open parts: 1"));
}

TEST(ReferralActionsTest, SaysWhoOfAPartIsWhoOfTheCase) {
  FakeServer server;
  Runner runner;
  const RunResult sent =
      runner.Run({"referral", "submit", "--part-of", "01jd", "--case-person", "3", "--theme", "housing",
                  "--age-band", "25-to-39", "--given-name", "Olha", "--server", server.address()});
  ASSERT_EQ(sent.code, ExitCode::kOk) << sent.err;
  const pb::SubmitReferralRequest request = server.referrals.received().submitted[0];
  ASSERT_EQ(request.referral().case_persons_size(), 1);
  EXPECT_EQ(request.referral().case_persons(0), 3u);
  ASSERT_EQ(request.referral().persons_size(), 1);
  EXPECT_EQ(request.referral().persons(0).number(), 3u) << "the same in both";
  ASSERT_EQ(request.sections_size(), 1);
  EXPECT_EQ(request.sections(0).person(), 3u);
}

TEST(ReferralActionsTest, MakesPartsAndListsThem) {
  FakeServer server;
  Runner runner;
  const RunResult sent = runner.Run(
      {"referral", "submit", "--part-of", "01jd", "--theme", "housing", "--server", server.address()});
  ASSERT_EQ(sent.code, ExitCode::kOk) << sent.err;
  EXPECT_EQ(server.referrals.received().submitted[0].referral().part_of(), "referrals/01jd");
  EXPECT_THAT(sent.out, HasSubstr("part of: referrals/01jd"));
  const RunResult listed = runner.Run({"referral", "parts", "01jd", "--server", server.address()});
  ASSERT_EQ(listed.code, ExitCode::kOk) << listed.err;
  EXPECT_EQ(server.referrals.received().parts_of, "referrals/01jd");
  EXPECT_THAT(listed.out, HasSubstr("referrals/01je"));
}

TEST(ReferralActionsTest, FillsTheOutcomesOfPeople) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "complete", "01jd", "--outcome", "1=provided", "--outcome", "2=no-place",
                  "--informed-by", "receiving-body", "--informed-how", "in-person", "--informed-language",
                  "es", "--remedy", "objection", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::CompleteReferralRequest request = server.referrals.received().completed;
  ASSERT_EQ(request.outcomes_size(), 2);
  EXPECT_EQ(request.outcomes(0).person(), 1u);
  EXPECT_EQ(request.outcomes(0).outcome().kind(), pb::OUTCOME_KIND_PROVIDED);
  EXPECT_EQ(request.outcomes(0).outcome().date(), "2026-03-01");
  EXPECT_EQ(request.outcomes(0).outcome().remedy(), pb::REMEDY_UNSPECIFIED);  // nothing to remedy
  EXPECT_EQ(request.outcomes(1).outcome().kind(), pb::OUTCOME_KIND_NO_PLACE);
  EXPECT_EQ(request.outcomes(1).outcome().remedy(), pb::REMEDY_OBJECTION);
  EXPECT_EQ(request.outcomes(1).outcome().informed_language(), "es");
  for (const char* bad : {"provided", "1", "1=", "x=provided", "1=none-such", "-1=provided"}) {
    EXPECT_EQ(
        runner.Run({"referral", "complete", "01jd", "--outcome", bad, "--server", server.address()}).code,
        ExitCode::kUsage)
        << bad;
  }
}

TEST(ReferralActionsTest, VoidsAnOutcomeWithTheRightOne) {
  FakeServer server;
  Runner runner;
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"referral", "void-outcome", "01jd", "--reason", "wrong-content"});
    words.insert(words.end(), {"--informed-by", "receiving-body", "--informed-how", "in-person",
                               "--informed-language", "es", "--server", server.address()});
    return runner.Run(words);
  };
  const RunResult result = run({"--outcome", "2=no-place", "--date", "2026-02-27", "--remedy", "objection"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_EQ(server.referrals.received().outcomes_voided.size(), 1u);
  const pb::VoidOutcomeRequest request = server.referrals.received().outcomes_voided[0];
  EXPECT_EQ(request.name(), "referrals/01jd");
  EXPECT_EQ(request.person(), 2u);
  EXPECT_EQ(request.reason(), pb::VOID_REASON_WRONG_CONTENT);
  EXPECT_EQ(request.outcome().kind(), pb::OUTCOME_KIND_NO_PLACE);
  EXPECT_EQ(request.outcome().date(), "2026-02-27");
  EXPECT_EQ(request.outcome().remedy(), pb::REMEDY_OBJECTION);
  EXPECT_EQ(request.outcome().informed_by(), pb::INFORMED_BY_RECEIVING_BODY);
  EXPECT_EQ(run({}).code, ExitCode::kUsage) << "what is right has to be said";
  EXPECT_EQ(run({"--outcome", "1=provided", "--outcome", "2=advised"}).code, ExitCode::kUsage)
      << "one by one";
  EXPECT_EQ(server.referrals.received().outcomes_voided.size(), 1u);
}

}  // namespace
}  // namespace waypost::cli
