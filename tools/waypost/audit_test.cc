#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/json_text.h"
#include "waypost/audit/v1/audit.pb.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::cli {
namespace {

using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

// The proof of the only entry of a log, made by the description in audit.proto.
audit::v1::Proof MakeProof() {
  event::v1::Event record;
  record.set_event_id("0123456789abcdef");
  record.set_type("referral.accepted");
  record.set_resource("referrals/1");
  record.set_revision(3);
  audit::v1::Proof proof;
  proof.set_format("waypost-audit-proof/1");
  proof.set_name("entries/0");
  proof.set_tree_size(1);
  proof.set_nonce(std::string(32, 'n'));
  proof.set_record(record.SerializeAsString());
  proof.set_leaf(base::Cat("\x01", record.event_id(), crypto::Sha256(proof.nonce() + proof.record())));
  proof.set_root_hash(crypto::Sha256(std::string(1, '\0') + proof.leaf()));
  return proof;
}

TEST(AuditVerifyTest, AcceptsASoundBundle) {
  const TestFolder folder;
  const std::string file = folder.Write("bundle.json", *ToJson(MakeProof()));
  const RunResult result = Runner().Run({"audit", "verify", file});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("entries/0"));
  EXPECT_THAT(result.out, HasSubstr("referral.accepted"));
  EXPECT_THAT(result.out, HasSubstr("Compare that root"));
  const RunResult json = Runner().Run({"audit", "verify", file, "--output", "json"});
  EXPECT_EQ(nlohmann::json::parse(json.out).at("record").at("type"), "referral.accepted");
}

TEST(AuditVerifyTest, RefusesEveryChange) {
  const TestFolder folder;
  const auto code = [&folder](const audit::v1::Proof& proof) {
    return Runner().Run({"audit", "verify", folder.Write("bundle.json", *ToJson(proof))}).code;
  };
  audit::v1::Proof record = MakeProof();
  (*record.mutable_record())[record.record().size() - 1] ^= 1;
  EXPECT_EQ(code(record), ExitCode::kVerificationFailed);
  audit::v1::Proof root = MakeProof();
  (*root.mutable_root_hash())[0] ^= 1;
  EXPECT_EQ(code(root), ExitCode::kVerificationFailed);
  audit::v1::Proof nonce = MakeProof();
  (*nonce.mutable_nonce())[31] ^= 1;
  EXPECT_EQ(code(nonce), ExitCode::kVerificationFailed);
  EXPECT_EQ(Runner().Run({"audit", "verify", folder.Write("x.json", "{\"format\":")}).code,
            ExitCode::kVerificationFailed);
  EXPECT_EQ(Runner().Run({"audit", "verify", folder.Path("absent")}).code, ExitCode::kUsage);
}

TEST(AuditVerifyTest, ComparesTheRootWithATrustedOne) {
  const TestFolder folder;
  const std::string file = folder.Write("bundle.json", *ToJson(MakeProof()));
  const std::string root = base::ToHex(MakeProof().root_hash());
  const RunResult trusted = Runner().Run({"audit", "verify", file, "--root", root});
  EXPECT_EQ(trusted.code, ExitCode::kOk);
  EXPECT_EQ(trusted.out.find("Compare that root"), std::string::npos);
  EXPECT_EQ(Runner().Run({"audit", "verify", file, "--root", std::string(64, 'a')}).code,
            ExitCode::kVerificationFailed);
  EXPECT_EQ(Runner().Run({"audit", "verify", file, "--root", "abc"}).code, ExitCode::kUsage);

  audit::v1::TreeHead head;
  head.set_tree_size(1);
  head.set_root_hash(MakeProof().root_hash());
  EXPECT_EQ(
      Runner().Run({"audit", "verify", file, "--tree-head", folder.Write("head.json", *ToJson(head))}).code,
      ExitCode::kOk);
  head.set_root_hash(std::string(32, 'x'));
  EXPECT_EQ(
      Runner().Run({"audit", "verify", file, "--tree-head", folder.Write("head.json", *ToJson(head))}).code,
      ExitCode::kVerificationFailed);
}

}  // namespace
}  // namespace waypost::cli
