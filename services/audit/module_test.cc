#include "services/audit/module.h"

#include <gtest/gtest.h>

#include "common/testing/service_rig.h"
#include "services/audit/audit_repository.h"
#include "services/audit/audit_service.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/fsck.h"

namespace waypost::audit {
namespace {

class ModuleTest : public ::testing::Test {
 protected:
  runtime::ModuleContext Context() { return {.node = rig_.env().node, .store = rig_.store()}; }

  testing::ServiceRig rig_{{.service = "audit", .on_disk = false}};
};

TEST_F(ModuleTest, ServesTheLogOfItsStore) {
  const auto module = MakeModule(Context());
  ASSERT_TRUE(module.ok()) << module.status();
  EXPECT_EQ((*module)->name(), "audit");
  rig_.Serve((*module)->service());
  const auto stub = v1::AuditService::NewStub(rig_.channel());
  v1::AppendRequest request;
  for (uint64_t i = 0; i < 3; ++i) *request.add_envelopes() = Seal(TestEvent(i));
  const auto appended = rig_.Call(*stub, rig_.TokenOf("bodies/node", {policy::Role::kService}),
                                  &v1::AuditService::Stub::Append, request);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->tree_size(), 3u);
  (*module)->Stop();
  rig_.StopServing();
  const auto report = Fsck(**rig_.store().Snapshot(), kLogName);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->entries, 3u);
  EXPECT_TRUE(report->sound());
}

TEST_F(ModuleTest, DoesNotServeATreeThatCannotBeRead) {
  ASSERT_TRUE(store::TransactAndWait(rig_.store(), [](store::Writer& writer) {
                writer.Put(AuditKeys(kLogName).tree(), "damaged");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(MakeModule(Context()).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waypost::audit
