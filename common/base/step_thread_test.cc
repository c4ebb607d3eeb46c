#include "common/base/step_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace waypost::base {
namespace {

// A rest that only a stop ends.
constexpr absl::Duration kForEver = absl::InfiniteDuration();

TEST(StepThread, GoesOnWhileThereIsMoreAndThenIdles) {
  int steps = 0;
  absl::Notification done;
  StepThread thread("steps", kForEver);
  thread.Start([&]() -> StepAndRest {
    if (++steps < 3) return {.more = true, .rest = -absl::Seconds(1)};
    if (steps == 3) done.Notify();
    return {.more = false, .rest = absl::ZeroDuration()};
  });
  done.WaitForNotification();
  thread.Stop();
  EXPECT_EQ(steps, 3) << "without more there is no rest that ends by itself";
}

TEST(RestAfter, IsWhatTheStepSaysWhereThereIsMore) {
  const absl::Duration idle = absl::Seconds(1);
  EXPECT_EQ(RestAfter({.more = false, .rest = absl::Hours(1)}, idle), idle);
  EXPECT_EQ(RestAfter({.more = true, .rest = absl::Hours(1)}, idle), absl::Hours(1))
      << "longer than it idles";
  EXPECT_EQ(RestAfter({.more = true, .rest = absl::Milliseconds(1)}, idle), absl::Milliseconds(1));
  EXPECT_EQ(RestAfter({.more = true, .rest = -absl::Seconds(1)}, idle), absl::ZeroDuration());
}

TEST(AtRate, RestsWhatIsLeftOfTheTimeThatSoMuchTakes) {
  const StepAndRest step = AtRate(/*done=*/32, /*per_second=*/64, /*spent=*/absl::Milliseconds(100));
  EXPECT_TRUE(step.more);
  EXPECT_EQ(step.rest, absl::Milliseconds(400));
  EXPECT_EQ(AtRate(1, 8, absl::ZeroDuration()).rest, absl::Milliseconds(125)) << "parts of a second count";
  const StepAndRest nothing = AtRate(0, 64, absl::ZeroDuration());
  EXPECT_TRUE(nothing.more) << "what found nothing to do goes on";
  EXPECT_EQ(nothing.rest, absl::ZeroDuration());
  // A slow step makes up for nothing later: below zero is no rest.
  EXPECT_EQ(AtRate(32, 64, absl::Seconds(2)).rest, -absl::Milliseconds(1500));
}

TEST(StepThread, AStopWaitsForTheStepAtHand) {
  absl::Notification began;
  absl::Notification stopping;
  absl::Notification stopped;
  int ended = 0;
  bool stopped_before_the_end = false;
  StepThread thread("steps", kForEver);
  thread.Start([&]() -> StepAndRest {
    if (ended == 0) {
      began.Notify();
      stopping.WaitForNotification();
      // Waits out the time only where the stop waits, as it is to.
      stopped_before_the_end = stopped.WaitForNotificationWithTimeout(absl::Milliseconds(50));
    }
    ++ended;
    return {.more = true};
  });
  began.WaitForNotification();
  std::thread stopper([&] {
    stopping.Notify();
    thread.Stop();
    stopped.Notify();
  });
  stopper.join();
  EXPECT_FALSE(stopped_before_the_end);
  EXPECT_GE(ended, 1);
}

TEST(StepThread, IsStoppedTwiceOrUnstarted) {
  StepThread never("steps", kForEver);
  never.Stop();
  never.Stop();
  StepThread once("steps", kForEver);
  once.Start([]() -> StepAndRest { return {}; });
  once.Stop();
  once.Stop();
}

TEST(StepThread, HasItsName) {
  std::array<char, 16> name = {};
  absl::Notification named;
  StepThread thread("fifteen letters", kForEver);
  thread.Start([&]() -> StepAndRest {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    named.Notify();
    return {};
  });
  named.WaitForNotification();
  EXPECT_EQ(std::string(name.data()), "fifteen letters");
}

}  // namespace
}  // namespace waypost::base
