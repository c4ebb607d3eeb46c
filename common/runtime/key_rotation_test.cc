#include "common/runtime/key_rotation.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/service_type.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/strings.h"
#include "common/crypto/memory_key_provider.h"
#include "common/runtime/config.h"
#include "common/runtime/node.h"
#include "common/status/errors.h"
#include "common/testing/fakes.h"
#include "common/testing/temp_folder.h"

namespace waypost::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr api::PageScope kScope = {.body = "bodies/a", .actor = "x", .method = "List", .query = "q"};

std::string Opened(const api::PageTokens& tokens, std::string_view token) {
  const auto position = tokens.Open(token, kScope);
  return position.ok() ? *position : error::ReasonOf(position.status());
}

class PageTokenKeysTest : public ::testing::Test {
 protected:
  api::PageTokens TokensOfNow() {
    crypto::PeriodSecrets keys = *PageTokenKeys(provider_, clock_.Now());
    return api::PageTokens(std::move(keys.current), std::move(keys.previous), random_);
  }

  testing::FakeRandom random_;
  // A period begins here.
  testing::FakeClock clock_{absl::UnixEpoch() + 700 * crypto::kSecretPeriod};
  crypto::MemoryKeyProvider provider_{random_, clock_.Now()};
};

TEST_F(PageTokenKeysTest, ATokenIsReadInItsPeriodAndTheNextAndNoLonger) {
  api::PageTokens tokens = TokensOfNow();
  const std::string token = *tokens.Seal("position", kScope);
  clock_.Advance(crypto::kSecretPeriod - absl::Seconds(1));
  ASSERT_TRUE(RenewPageTokenKeys(provider_, clock_.Now(), tokens).ok());
  const std::string last = *tokens.Seal("last", kScope);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(RenewPageTokenKeys(provider_, clock_.Now(), tokens).ok());
  EXPECT_EQ(Opened(tokens, token), "position");
  const std::string next = *tokens.Seal("next", kScope);
  clock_.Advance(crypto::kSecretPeriod);
  ASSERT_TRUE(RenewPageTokenKeys(provider_, clock_.Now(), tokens).ok());
  EXPECT_EQ(Opened(tokens, token), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(Opened(tokens, last), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(Opened(tokens, next), "next");
}

TEST_F(PageTokenKeysTest, AReplicaThatStartsLaterHasTheSameKeys) {
  api::PageTokens old = TokensOfNow();
  const std::string token = *old.Seal("position", kScope);
  clock_.Advance(crypto::kSecretPeriod);
  ASSERT_TRUE(RenewPageTokenKeys(provider_, clock_.Now(), old).ok());
  const api::PageTokens young = TokensOfNow();
  EXPECT_EQ(Opened(young, token), "position");
  EXPECT_EQ(Opened(old, *young.Seal("theirs", kScope)), "theirs");
  EXPECT_EQ(Opened(young, *old.Seal("ours", kScope)), "ours");
}

// Renewing and purging as they are told to, and what they were called in the middle of.
class RotateKeysTest : public ::testing::Test {
 protected:
  absl::StatusOr<int> Pass() {
    return RotateKeys(keys_,
                      {.renew =
                           [this](absl::Time) {
                             steps_.push_back("renew");
                             return renewed_;
                           },
                       .purge =
                           [this] {
                             steps_.push_back(base::Cat("purge with ", provider_.List()->size()));
                             return purged_;
                           }},
                      clock_.Now());
  }

  testing::FakeRandom random_;
  testing::FakeClock clock_;
  crypto::MemoryKeyProvider provider_{random_, clock_.Now()};
  crypto::BodyKeys keys_{provider_, random_};
  std::vector<std::string> steps_;
  absl::Status renewed_;
  absl::Status purged_;
};

TEST_F(RotateKeysTest, NothingIsDoneWhileAKeyIsYoung) {
  clock_.Advance(crypto::kRotationPeriod - absl::Seconds(1));
  EXPECT_EQ(*Pass(), 0);
  EXPECT_THAT(steps_, IsEmpty());
  EXPECT_EQ(provider_.List()->size(), 1U);
}

TEST_F(RotateKeysTest, AKeyOutlivesItsRetirementAndGoesAfterThePurge) {
  clock_.Advance(crypto::kRotationPeriod);
  EXPECT_EQ(*Pass(), 0) << "a command under way may still use it";
  EXPECT_EQ(provider_.List()->size(), 2U);
  clock_.Advance(crypto::kMinRetirement);
  steps_.clear();
  EXPECT_EQ(*Pass(), 1);
  EXPECT_THAT(steps_, ElementsAre("renew", "purge with 2"));
  EXPECT_EQ(provider_.List()->size(), 1U);
  EXPECT_EQ(*Pass(), 0);
  EXPECT_THAT(steps_, SizeIs(2)) << "it is done";
}

TEST_F(RotateKeysTest, WhatFailsIsDoneAgainByTheNextPassAndNoKeyGoesBefore) {
  clock_.Advance(crypto::kRotationPeriod);
  EXPECT_TRUE(Pass().ok());
  clock_.Advance(crypto::kMinRetirement);
  for (absl::Status* step : {&renewed_, &purged_}) {
    *step = absl::UnavailableError("not now");
    EXPECT_EQ(Pass().status(), *step);
    EXPECT_EQ(provider_.List()->size(), 2U);
    *step = absl::OkStatus();
  }
  EXPECT_EQ(*Pass(), 1);
}

// Knows when the process ticked.
class TickingModule final : public Module {
 public:
  explicit TickingModule(const ModuleContext& context) : context_(context) {}
  std::string_view name() const override { return "test"; }
  grpc::Service& service() override { return service_; }
  absl::Status Start(const Peers&) override { return absl::OkStatus(); }
  void Stop() override {}
  void Tick(absl::Time now) override {
    const absl::MutexLock lock(&mutex_);
    ticked_ = now;
  }
  // Returns once the process has ticked at `time` or later.
  void AwaitTick(absl::Time time) {
    const auto ticked = [this, time]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ticked_ >= time; };
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&ticked));
  }
  const api::PageTokens& tokens() const { return context_.node.page_tokens; }

 private:
  const ModuleContext context_;
  grpc::Service service_;
  absl::Mutex mutex_;
  absl::Time ticked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

TEST_F(PageTokenKeysTest, ARunningNodeTurnsThemWithThePeriod) {
  const testing::TempFolder folder;
  config::v1::NodeConfig config;
  config.set_demo(true);
  config.set_data_dir(folder / "data");
  config.set_key_dir(folder / "keys");
  config.set_listen("127.0.0.1:0");
  config.set_access_log_file(folder / "access.log");
  ASSERT_TRUE(CompleteConfig(config).ok());
  TickingModule* module = nullptr;
  const auto node = Node::Start(
      config, {"test", "unused"},
      [&module](Workshop& workshop) -> absl::StatusOr<Modules> {
        Modules modules;
        modules.push_back(std::make_unique<TickingModule>(workshop.ContextOf("test")));
        module = static_cast<TickingModule*>(modules.front().get());
        return modules;
      },
      clock_);
  ASSERT_TRUE(node.ok()) << node.status();
  const std::string token = *module->tokens().Seal("position", kScope);
  for (const char* expected : {"position", "PAGE_TOKEN_INVALID"}) {
    clock_.Advance(crypto::kSecretPeriod);
    module->AwaitTick(clock_.Now());
    EXPECT_EQ(Opened(module->tokens(), token), expected);
  }
  (*node)->Stop();
}

}  // namespace
}  // namespace waypost::runtime
