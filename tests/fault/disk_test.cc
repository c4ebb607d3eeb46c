// A node whose disk fills, runs out of quota, or fails. What it had acknowledged is there; what it had not is
// answered as such, and is done once when it is asked again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;

constexpr std::string_view kRun = "disk";
constexpr int kExitStoreFailed = 74;  // docs/operating/README.md
// Until there is room again. A node that had found none asks again after 10 s.
constexpr absl::Duration kAnswerLimit = absl::Seconds(20);

class DiskTest : public ::testing::Test {
 protected:
  std::string data() const { return folder_ / "disk/data"; }

  absl::Status TryToStart() {
    auto server = Server::Start(
        {"/usr/bin/env", "LD_PRELOAD=" + Program("disk_faults.so"), "WAYPOST_DISK_FAULT=" + fault_,
         Program("waypost-node"), "--demo", "--data-dir", data(), "--key-dir", folder_ / "keys"},
        folder_, "node");
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    referrals_ = pb::ReferralService::NewStub(server_->Connect());
    return absl::OkStatus();
  }
  void Start() { ASSERT_EQ(TryToStart(), absl::OkStatus()); }

  // Starts a new node and has it acknowledge something.
  void Begin() {
    std::filesystem::create_directories(folder_ / "disk");
    ASSERT_NO_FATAL_FAILURE(Start());
    const auto tokens = DemoTokens(data());
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *tokens;
    const auto directory = directory::v1::DirectoryService::NewStub(server_->Connect());
    const absl::Status created = CreateBodies(*directory, tokens_);
    ASSERT_TRUE(created.ok()) << created;
    const auto first = SubmitFirst(*referrals_, *server_, tokens_, kRun, 0);
    ASSERT_TRUE(first.ok()) << first.status();
    acknowledged_[0] = first->name();
    for (uint64_t number = 1; number < 50; ++number) ASSERT_EQ(ReasonOf(Submit(number)), "OK");
  }

  // With the details of an error, unlike Ask.
  absl::Status Submit(uint64_t number) {
    grpc::ClientContext context;
    Prepare(tokens_.from, context);
    pb::Referral referral;
    const grpc::Status status = referrals_->SubmitReferral(&context, SubmitOf(kRun, number), &referral);
    if (!status.ok()) return rpc::FromGrpc(status);
    const auto [known, is_new] = acknowledged_.emplace(number, referral.name());
    EXPECT_EQ(known->second, referral.name()) << "the same request, another referral";
    return absl::OkStatus();
  }

  static std::string ReasonOf(const absl::Status& status) {
    return status.ok() ? "OK" : std::string(error::ReasonOf(status));
  }

  // Asks again until it is acknowledged or the node ends.
  void SubmitUntilAcknowledged(uint64_t number) {
    const absl::Time until = absl::Now() + kAnswerLimit;
    absl::Status status = Submit(number);
    while (!status.ok() && absl::Now() < until) {
      ASSERT_EQ(ReasonOf(status), "DISK_FULL") << status;
      ASSERT_FALSE(server_->process().WaitForExit(absl::Milliseconds(20)).has_value());
      status = Submit(number);
    }
    EXPECT_TRUE(status.ok()) << status;
  }

  // Everything that was acknowledged is there, and nothing else is.
  void CheckReferrals() {
    std::map<std::string, int> listed;
    pb::ListReferralsRequest list;
    list.set_box(pb::BOX_OUTBOX);
    list.set_page_size(500);
    const auto page = Ask(*referrals_, &ReferralStub::ListReferrals, tokens_.from, list);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& row : page->referrals()) ++listed[row.name()];
    for (const auto& [number, name] : acknowledged_) {
      pb::GetReferralRequest get;
      get.set_name(name);
      const auto found = Ask(*referrals_, &ReferralStub::GetReferral, tokens_.from, get);
      EXPECT_TRUE(found.ok()) << "acknowledged, and lost: " << number << ": " << found.status();
      EXPECT_EQ(listed[name], 1) << number;
    }
    EXPECT_EQ(listed.size(), acknowledged_.size()) << "a referral that nobody knows of";
  }

  void Restart() {
    server_.reset();
    ASSERT_NO_FATAL_FAILURE(Start());
  }

  void Fail(int error, std::string_view call, std::string_view suffix) {
    WriteFile(fault_ + ".new", base::Cat(error, " ", call, " ", suffix));
    std::filesystem::rename(fault_ + ".new", fault_);
  }
  void FailNoMore() { std::filesystem::remove(fault_); }

  void RefusesAndResumes(int error);
  void ExpectEnd();
  void EndsAndRecovers(std::string_view call);

  const TempFolder folder_;
  const std::string fault_ = folder_ / "fault";
  std::unique_ptr<Server> server_;
  std::unique_ptr<ReferralStub> referrals_;
  Tokens tokens_;
  std::map<uint64_t, std::string> acknowledged_;  // number to name
};

// A disk of its own, of so many bytes.
class SmallDiskTest : public DiskTest {
 protected:
  static constexpr std::string_view kSize = "size=320m";

  void SetUp() override {
    std::filesystem::create_directories(folder_ / "disk");
    // In a mount namespace of the test, so that it goes with the test.
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", (folder_ / "disk").c_str(), "tmpfs", 0, kSize.data()) != 0) {
      GTEST_SKIP() << "mounting a tmpfs takes root";
    }
    mounted_ = true;
  }
  void TearDown() override {
    server_.reset();
    if (mounted_) {
      EXPECT_EQ(umount2((folder_ / "disk").c_str(), MNT_DETACH), 0);
    }
  }

  // Takes all room but so much.
  void LeaveFree(uint64_t bytes) {
    const uint64_t free = std::filesystem::space(folder_ / "disk").available;
    const int file = open((folder_ / "disk/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(posix_fallocate(file, 0, static_cast<off_t>(free - bytes)), 0);
    close(file);
  }

 private:
  bool mounted_ = false;
};

TEST_F(SmallDiskTest, AFullDiskRefusesChangesAndReadsGoOnUntilThereIsRoom) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (const uint64_t left : {uint64_t{100} << 20, uint64_t{0}}) {
    const uint64_t number = acknowledged_.size();
    ASSERT_NO_FATAL_FAILURE(LeaveFree(left));
    const absl::Status refused = Submit(number);
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
    EXPECT_EQ(ReasonOf(refused), "DISK_FULL");
    CheckReferrals();
    std::filesystem::remove(folder_ / "disk/filler");
    EXPECT_EQ(ReasonOf(Submit(number)), "OK") << "at once, and by itself";
    CheckReferrals();
  }
  ASSERT_NO_FATAL_FAILURE(Restart());
  CheckReferrals();
}

TEST_F(SmallDiskTest, ANodeThatFindsNoRoomAtItsStartSaysSoAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  server_->process().Signal(SIGKILL);
  server_.reset();
  ASSERT_NO_FATAL_FAILURE(LeaveFree(0));
  for (int i = 0; i < 2; ++i) {
    const absl::Status refused = TryToStart();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAborted) << "it ended by itself";
    EXPECT_NE(refused.message().find("disk is full"), absl::string_view::npos) << refused;
  }
  std::filesystem::remove(folder_ / "disk/filler");
  ASSERT_NO_FATAL_FAILURE(Start());
  CheckReferrals();
}

// A write of the log itself finds no room.
void DiskTest::RefusesAndResumes(int error) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Fail(error, "write", ".log");
  const absl::Status refused = Submit(50);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_EQ(ReasonOf(refused), "DISK_FULL");
  FailNoMore();
  ASSERT_NO_FATAL_FAILURE(SubmitUntilAcknowledged(50));
  CheckReferrals();
  ASSERT_NO_FATAL_FAILURE(Restart());
  CheckReferrals();
}

TEST_F(DiskTest, ALogWithoutRoomRefusesChangesUntilThereIsRoom) {
  RefusesAndResumes(ENOSPC);
}

TEST_F(DiskTest, ALogWithoutQuotaRefusesChangesUntilThereIsSome) {
  RefusesAndResumes(EDQUOT);
}

// With its own exit code, and a last line that says what failed.
void DiskTest::ExpectEnd() {
  EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), kExitStoreFailed);
  const std::string printed = server_->process().Printed();
  const size_t last = printed.rfind('\n', printed.size() - 2) + 1;
  EXPECT_EQ(printed.find("waypost: the store has failed: ", last), last) << printed;
  EXPECT_NE(printed.find("Input/output error", last), std::string::npos) << printed;
}

void DiskTest::EndsAndRecovers(std::string_view call) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  Fail(EIO, call, ".log");
  const absl::Status failed = Submit(50);
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable) << failed;
  ExpectEnd();
  FailNoMore();
  ASSERT_NO_FATAL_FAILURE(Restart());
  EXPECT_EQ(ReasonOf(Submit(50)), "OK");
  EXPECT_EQ(ReasonOf(Submit(49)), "OK") << "which was acknowledged before";
  CheckReferrals();
}

TEST_F(DiskTest, AFailedWriteOfTheLogEndsTheNodeAndLosesNothing) {
  EndsAndRecovers("write");
}

TEST_F(DiskTest, AFailedSyncOfTheLogEndsTheNodeAndLosesNothing) {
  EndsAndRecovers("fdatasync");
}

TEST_F(DiskTest, AFailedReadEndsTheNodeAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  // Opening it again moves what the log has into table files.
  server_->process().Signal(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(Restart());
  Fail(EIO, "pread", ".sst");
  // What nothing has read since the start, and so is not in memory.
  pb::ListReferralsRequest list;
  list.set_box(pb::BOX_OUTBOX);
  const auto unread = Ask(*referrals_, &ReferralStub::ListReferrals, tokens_.from, list);
  EXPECT_EQ(unread.status().code(), absl::StatusCode::kUnavailable) << unread.status();
  ExpectEnd();
  FailNoMore();
  ASSERT_NO_FATAL_FAILURE(Restart());
  CheckReferrals();
  EXPECT_EQ(ReasonOf(Submit(50)), "OK");
}

}  // namespace
}  // namespace waypost::e2e
