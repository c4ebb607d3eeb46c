#include "tools/waypost/json_text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/status/errors.h"
#include "tools/waypost/cli_test_util.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

TEST(FromJsonTest, ReadsTheProtoMapping) {
  referral::v1::SubmitReferralRequest request;
  ASSERT_TRUE(
      FromJson(R"({"referral":{"theme":"THEME_HOUSING","persons":[{"number":1}]}})", "x", request).ok());
  EXPECT_EQ(request.referral().theme(), type::v1::THEME_HOUSING);
  EXPECT_EQ(request.referral().persons(0).number(), 1u);
}

TEST(FromJsonTest, RefusesWhatItDoesNotKnow) {
  referral::v1::SubmitReferralRequest request;
  for (const char* json : {"", "[]", "{", R"({"unknown":1})", R"({"referral":{"theme":"THEME_NONE_SUCH"}})",
                           R"({"referral":{}} trailing)", R"({"referral":{"theme":"THEME_HOUSING"})"}) {
    EXPECT_EQ(FromJson(json, "x", request).code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

TEST(FromJsonTest, NeverRepeatsAValue) {
  referral::v1::SubmitReferralRequest request;
  for (const char* json :
       {R"({"referral":{"theme":"María"}})", R"({"sections":[{"person":"María"}]})",
        R"({"referral":{"persons":[{"number":1,"ageBand":"María"}]}})", R"({"a" "María"})"}) {
    const absl::Status status = FromJson(json, "x", request);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.ToString().find("María"), std::string::npos) << status;
  }
}

TEST(FilesTest, AreWrittenForTheirOwnerAlone) {
  const testing::TestFolder folder;
  ASSERT_TRUE(WriteFile(folder.Path("a"), "one").ok());
  ASSERT_TRUE(WriteFile(folder.Path("a"), "two").ok());
  EXPECT_EQ(folder.Read("a"), "two");
  EXPECT_FALSE(folder.Has("a.part"));
  struct stat about {};
  ASSERT_EQ(stat(folder.Path("a").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_FALSE(WriteFile(folder.Path("absent/a"), "x").ok());
}

TEST(FilesTest, HaveALimit) {
  const testing::TestFolder folder;
  const std::string path = folder.Write("a", "12345");
  EXPECT_EQ(*ReadFile(path, 5), "12345");
  EXPECT_FALSE(ReadFile(path, 4).ok());
  EXPECT_FALSE(ReadFile(folder.Path("absent"), 5).ok());
}

}  // namespace
}  // namespace waypost::cli
