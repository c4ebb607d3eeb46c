// waypost offers import, against a directory that the test decides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/hsds_import.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using nlohmann::json;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

constexpr char kMapping[] = R"({"format": 1, "system": "https://x.eu", "offer_prefix": "p", "language": "en",
  "organizations": {"o1": {"body": "bodies/es-x"}},
  "defaults": {"theme": "health", "kind": "one-off", "territories": ["ES"]}})";

json Service(const std::string& id) {
  return {
      {"id", id}, {"name", "Course"}, {"status", "active"}, {"organization", {{"id", "o1"}, {"name", "H"}}}};
}

class HsdsImportTest : public ::testing::Test {
 protected:
  HsdsImportTest() : mapping_(folder_.Write("mapping.json", kMapping)) {}

  RunResult Import(const std::vector<std::string>& files, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"offers",          "import",    "--server",
                                      server_.address(), "--mapping", mapping_};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), files.begin(), files.end());
    return runner_.Run(words);
  }

  std::string Lines(const std::string& name, const std::vector<json>& services) {
    std::string content;
    for (const json& service : services) content += service.dump() + "\n";
    return folder_.Write(name, content);
  }

  // The offers that were sent, in order of their ids.
  std::vector<std::string> Sent() const {
    std::vector<std::string> ids;
    for (const auto& request : server_.directory.imported_offers()) {
      for (const auto& row : request.offers()) ids.push_back(row.offer_id());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  FakeServer server_;
  const TestFolder folder_;
  const std::string mapping_;
  Runner runner_;
};

TEST_F(HsdsImportTest, SendsTheServicesOfEveryFileOnce) {
  const std::string array = folder_.Write("a.json", json::array({Service("a1"), Service("a2")}).dump());
  const std::string lines = Lines("b.jsonl", {Service("b1"), Service("b2"), Service("b3")});
  const RunResult result = Import({array, lines}, {"--progress"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err << result.out;
  EXPECT_THAT(result.err, HasSubstr("5 of 5 services sent, 0 failed"));
  EXPECT_THAT(result.err, HasSubstr("5 offers created, 0 updated, 0 unchanged, 0 failed, 0 not sent"));
  EXPECT_THAT(Sent(), ::testing::ElementsAre("p-a1", "p-a2", "p-b1", "p-b2", "p-b3"));
  EXPECT_FALSE(folder_.Has("a.json.errors.csv"));
}

TEST_F(HsdsImportTest, SendsManyInCallsOfAHundredEachUnderAnIdOfItsOwn) {
  std::vector<json> services;
  for (int i = 0; i < 350; ++i) services.push_back(Service(base::Cat("s", i)));
  EXPECT_EQ(Import({Lines("many.jsonl", services)}).code, ExitCode::kOk);
  const auto requests = server_.directory.imported_offers();
  EXPECT_EQ(requests.size(), 4u);
  std::set<std::string> ids;
  for (const auto& request : requests) {
    EXPECT_LE(request.offers_size(), kHsdsRowsPerCall);
    EXPECT_TRUE(ids.insert(request.request_id()).second);
  }
  EXPECT_EQ(Sent().size(), 350u);
}

TEST_F(HsdsImportTest, ADirtyRowStopsNoOtherAndIsToldWithWhatToDo) {
  json no_body = Service("r3");
  no_body["organization"]["id"] = "o9";
  json dirty = Service("r2");
  dirty["assured_date"] = "31/01/2026";
  const std::string file = Lines("rows.jsonl", {Service("r1"), dirty, no_body});
  const RunResult result = Import({file});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(Sent(), ::testing::ElementsAre("p-r1"));
  EXPECT_THAT(result.err, HasSubstr("1 offers created, 0 updated, 0 unchanged, 2 failed"));
  const std::string errors = folder_.Read("rows.jsonl.errors.csv");
  EXPECT_THAT(errors, HasSubstr("file,row,id,field,value,problem,reason\r\n"));
  EXPECT_THAT(errors,
              HasSubstr("rows.jsonl,2,r2,/assured_date,\"\"\"31/01/2026\"\"\",is no day (YYYY-MM-DD): "
                        "correct it or leave it out,ROW_INVALID\r\n"));
  EXPECT_THAT(errors, HasSubstr("rows.jsonl,3,r3,/organization/id,o9,has no body: give it one under "
                                "organizations of the mapping,ROW_INVALID\r\n"));
  EXPECT_THAT(result.out, HasSubstr("row 2, r2: /assured_date is no day"));
  // Once it is right, the file of errors goes.
  EXPECT_EQ(Import({Lines("rows.jsonl", {Service("r1")})}).code, ExitCode::kOk);
  EXPECT_FALSE(folder_.Has("rows.jsonl.errors.csv"));
}

TEST_F(HsdsImportTest, OfServicesThatShareAnIdNoneIsSentWhereverTheyStand) {
  json dirty = Service("two");
  dirty["name"] = 7;
  const std::string a = folder_.Write(
      "a.json", json::array({Service("one"), Service("one"), Service("good"), Service("two")}).dump());
  const std::string b = Lines("b.jsonl", {Service("three"), dirty, Service("one"), Service("three")});
  const RunResult result = Import({a, b});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(Sent(), ::testing::ElementsAre("p-good"));
  EXPECT_THAT(result.err, HasSubstr("1 offers created, 0 updated, 0 unchanged, 7 failed, 0 not sent"));
  EXPECT_THAT(folder_.Read("a.json.errors.csv"),
              HasSubstr("b.jsonl,4,three,/id,,is the id of several services: keep one of them"));
}

TEST_F(HsdsImportTest, WhatTheServerRefusesIsToldByRow) {
  server_.directory.on_import_offers = [](const pb::ImportOffersRequest& request,
                                          pb::ImportOffersResponse& response) {
    for (const auto& row : request.offers()) {
      pb::ImportResult& result = *response.add_results();
      result.set_outcome(row.offer_id() == "p-b" ? pb::IMPORT_OUTCOME_REFUSED : pb::IMPORT_OUTCOME_UPDATED);
      if (row.offer_id() != "p-b") continue;
      result.mutable_failure()->set_reason("ALREADY_EXISTS");
      result.mutable_failure()->set_message("'offers/p-b' exists");
    }
    return grpc::Status::OK;
  };
  const std::string file = Lines("rows.jsonl", {Service("a"), Service("b"), Service("c")});
  const RunResult result = Import({file}, {"--output", "json"});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  const std::string last = result.out.substr(result.out.rfind('\n', result.out.size() - 2) + 1);
  EXPECT_EQ(json::parse(last)["updated"], 2);
  EXPECT_THAT(result.out, HasSubstr(R"("row":2,"id":"b")"));
  EXPECT_THAT(result.out, HasSubstr(R"("reason":"ALREADY_EXISTS")"));
}

TEST_F(HsdsImportTest, ACallThatIsRefusedWholeFailsItsRowsAndTheRunGoesOn) {
  server_.directory.on_import_offers = [](const auto&, auto&) {
    return rpc::ToGrpc(error::PermissionDenied("ImportOffers", "not the own body"));
  };
  const RunResult result = Import({Lines("rows.jsonl", {Service("a"), Service("b")})});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(folder_.Read("rows.jsonl.errors.csv"), HasSubstr("NOT_ALLOWED"));
}

TEST_F(HsdsImportTest, ATokenThatIsNoLongerGoodEndsTheRun) {
  std::vector<json> services;
  for (int i = 0; i < 1000; ++i) services.push_back(Service(base::Cat("s", i)));
  server_.directory.on_import_offers = [](const auto&, auto&) {
    return rpc::ToGrpc(error::TokenRefused("expired"));
  };
  const RunResult result = Import({Lines("many.jsonl", services)}, {"--in-flight", "1"});
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_EQ(server_.directory.imported_offers().size(), 1u);
  EXPECT_THAT(result.err, HasSubstr("0 failed, 1000 not sent"));
}

TEST_F(HsdsImportTest, ADryRunChecksEverythingAndSendsNothing) {
  json dirty = Service("b");
  dirty["status"] = "open";
  const RunResult result = Import({Lines("rows.jsonl", {Service("a"), dirty})}, {"--dry-run"});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(result.err, HasSubstr("1 offers can be sent, 1 cannot"));
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_TRUE(folder_.Has("rows.jsonl.errors.csv"));
}

TEST_F(HsdsImportTest, NothingIsSentWithAMappingOrAFileThatCannotBeRead) {
  const std::string file = Lines("rows.jsonl", {Service("a")});
  folder_.Write("mapping.json", R"({"format": 1, "sistem": "x"})");
  const RunResult wrong = Import({file});
  EXPECT_EQ(wrong.code, ExitCode::kUsage);
  EXPECT_THAT(wrong.err, HasSubstr("mapping.json#/sistem: is not known here"));
  folder_.Write("mapping.json", kMapping);
  EXPECT_EQ(Import({folder_.Write("x.csv", "")}).code, ExitCode::kUsage);
  EXPECT_EQ(Import({file, folder_.Path("absent.jsonl")}).code, ExitCode::kUsage);
  EXPECT_EQ(Import({file, folder_.Write("long.jsonl", std::string(kMaxHsdsLineBytes + 1, ' '))}).code,
            ExitCode::kUsage);
  EXPECT_THAT(Sent(), IsEmpty());
  // A document that is none is one row that failed.
  const RunResult broken = Import({file, folder_.Write("broken.jsonl", "{\n\n[]\n")});
  EXPECT_EQ(broken.code, ExitCode::kPartial);
  EXPECT_THAT(broken.err, HasSubstr("1 offers created, 0 updated, 0 unchanged, 2 failed, 0 not sent"));
}

}  // namespace
}  // namespace waypost::cli
