#include "common/runtime/metrics_listener.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "absl/time/clock.h"

namespace waypost::runtime {
namespace {

TEST(MetricsListener, EndsAtOnceWhereverItListens) {
  const auto registry = std::make_shared<prometheus::Registry>();
  for (const std::string address : {"127.0.0.1:0", "0.0.0.0:0"}) {
    auto listener = MetricsListener::Start(address, registry);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_GT((*listener)->port(), 0);
    const absl::Time began = absl::Now();
    listener->reset();
    EXPECT_LT(absl::Now() - began, absl::Seconds(1)) << address;
  }
}

TEST(MetricsListener, APortThatIsTakenIsRefused) {
  const auto registry = std::make_shared<prometheus::Registry>();
  const auto first = MetricsListener::Start("127.0.0.1:0", registry);
  ASSERT_TRUE(first.ok());
  const auto second = MetricsListener::Start("127.0.0.1:" + std::to_string((*first)->port()), registry);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace waypost::runtime
