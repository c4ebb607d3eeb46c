#include "common/base/thread_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

namespace waypost::base {
namespace {

TEST(NameThisThread, NamesTheCallingThreadAlone) {
  std::array<char, 16> before = {};
  pthread_getname_np(pthread_self(), before.data(), before.size());
  std::array<char, 16> named = {};
  std::thread thread([&named] {
    NameThisThread("fifteen letters");
    pthread_getname_np(pthread_self(), named.data(), named.size());
  });
  thread.join();
  std::array<char, 16> after = {};
  pthread_getname_np(pthread_self(), after.data(), after.size());
  EXPECT_EQ(std::string(named.data()), "fifteen letters");
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace waypost::base
