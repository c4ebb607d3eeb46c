#include "common/base/thread_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <type_traits>

namespace waypost::base {
namespace {

// A literal of so many characters.
template <size_t kCharacters>
using Literal = const char (&)[kCharacters + 1];

TEST(ThreadName, IsALiteralAsLongAsLinuxKeepsIt) {
  EXPECT_STREQ(ThreadName("fifteen letters").c_str(), "fifteen letters");
  EXPECT_TRUE((std::is_convertible_v<Literal<15>, ThreadName>));
  EXPECT_FALSE((std::is_constructible_v<ThreadName, Literal<16>>));
  EXPECT_FALSE((std::is_constructible_v<ThreadName, const char*>));
}

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
