#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

constexpr char kRows[] =
    "code\tlabel\tlevel\tcountry\n"
    "ES1\tNOROESTE \t1\tES\n"
    "ES\tESPAÑA\t0\tES\n"
    "PT\tPORTUGAL\t0\tPT\n";

class TerritoriesTest : public ::testing::Test {
 protected:
  RunResult Import(const std::string& content, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"territories", "import",          folder_.Write("nuts.tsv", content),
                                      "--server",    server_.address(), "--classification",
                                      "NUTS 2013",   "--valid-from",    "2015-01-01"};
    words.insert(words.end(), more.begin(), more.end());
    return Runner().Run(words);
  }

  // The countries that were said to be complete.
  std::vector<std::string> Complete() const {
    std::vector<std::string> countries;
    for (const auto& request : server_.directory.imported_territories()) {
      countries.insert(countries.end(), request.complete_countries().begin(),
                       request.complete_countries().end());
    }
    return countries;
  }

  FakeServer server_;
  const TestFolder folder_;
};

TEST_F(TerritoriesTest, RecordsCountriesFirstAndThenHoldsCodesToTheRegister) {
  const RunResult result = Import(kRows);
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 names had blanks at their ends"));
  EXPECT_THAT(result.err, HasSubstr("3 territories created, 0 updated, 0 unchanged, 0 failed, 0 not sent"));
  const auto requests = server_.directory.imported_territories();
  ASSERT_EQ(requests.size(), 2u);
  ASSERT_EQ(requests[0].territories_size(), 3);
  EXPECT_EQ(requests[0].territories(0).code(), "ES");
  EXPECT_EQ(requests[0].territories(2).display_name(), "NOROESTE");
  EXPECT_EQ(requests[0].territories(2).version(), "NUTS 2013");
  EXPECT_EQ(requests[0].territories(2).valid_from(), "2015-01-01");
  EXPECT_NE(requests[0].request_id(), requests[1].request_id());
  EXPECT_THAT(Complete(), ElementsAre("ES", "PT"));
  EXPECT_FALSE(folder_.Has("nuts.tsv.errors.csv"));
}

TEST_F(TerritoriesTest, ACountryWithAWrongRowStaysOpen) {
  const RunResult result = Import(std::string(kRows) + "ES2\tNORESTE\t2\tES\n");
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(Complete(), ElementsAre("PT"));
  EXPECT_THAT(result.err, HasSubstr("ES: not every row is right"));
  EXPECT_THAT(folder_.Read("nuts.tsv.errors.csv"),
              HasSubstr("nuts.tsv,5,ES2,level,2,\"is not 1, which the code says: correct one of them\","
                        "ROW_INVALID\r\n"));
}

TEST_F(TerritoriesTest, ARowThatTheServerRefusesIsToldAndLeavesItsCountryOpen) {
  server_.directory.on_import_territories = [](const auto& request, auto& response) {
    for (const auto& unit : request.territories()) {
      auto& result = *response.add_results();
      result.set_outcome(directory::v1::IMPORT_OUTCOME_UNCHANGED);
      if (unit.code() != "PT") continue;
      result.set_outcome(directory::v1::IMPORT_OUTCOME_REFUSED);
      result.mutable_failure()->set_reason("INVALID_FIELD");
      auto& violation = *result.mutable_failure()->add_violations();
      violation.set_field("valid_from");
      violation.set_description("is before");
    }
    return grpc::Status::OK;
  };
  const RunResult result = Import(kRows, {"--output", "json"});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(Complete(), ElementsAre("ES"));
  EXPECT_THAT(result.out, HasSubstr(R"("row":4,"id":"PT","field":"valid_from","value":"PORTUGAL")"));
  EXPECT_THAT(result.out, HasSubstr(R"({"created":0,"updated":0,"unchanged":2,"failed":1,"notSent":0)"));
}

TEST_F(TerritoriesTest, ADryRunAndAFileThatIsNoneSendNothing) {
  const RunResult dry = Import(kRows, {"--dry-run"});
  EXPECT_EQ(dry.code, ExitCode::kOk);
  EXPECT_THAT(dry.err, HasSubstr("3 territories can be sent, 0 cannot"));
  EXPECT_EQ(Import("code;label\n").code, ExitCode::kPartial);
  EXPECT_THAT(server_.directory.imported_territories(), IsEmpty());
}

TEST_F(TerritoriesTest, FormOnlyHoldsNothingToTheRegister) {
  EXPECT_EQ(Import(kRows, {"--form-only"}).code, ExitCode::kOk);
  EXPECT_THAT(Complete(), IsEmpty());
}

TEST_F(TerritoriesTest, AServerThatIsNotThereEndsTheRun) {
  server_.directory.on_import_territories = [](const auto&, auto&) {
    return rpc::ToGrpc(error::TokenRefused("expired"));
  };
  const RunResult result = Import(kRows);
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.err, HasSubstr("0 failed, 3 not sent"));
  EXPECT_THAT(Complete(), IsEmpty());
}

}  // namespace
}  // namespace waypost::cli
