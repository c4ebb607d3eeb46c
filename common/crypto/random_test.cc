#include "common/crypto/random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <string>

#include "common/crypto/testing.h"

namespace waypost::crypto {
namespace {

TEST(SystemRandom, GivesTheSizeAskedFor) {
  SystemRandom random;
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{12}, size_t{256}, size_t{257}, (size_t{1} << 20) + 1}) {
    EXPECT_EQ(random.Bytes(size).size(), size);
  }
}

TEST(SystemRandom, NeverRepeats) {
  SystemRandom random;
  std::mutex mutex;
  std::set<std::string> seen;
  InThreads(4, [&](int) {
    for (int i = 0; i < 2000; ++i) {
      const std::string bytes = random.Bytes(12);
      const std::lock_guard<std::mutex> lock(mutex);
      EXPECT_TRUE(seen.insert(bytes).second);
    }
  });
  EXPECT_EQ(seen.size(), 8000U);
  EXPECT_EQ(seen.count(std::string(12, '\0')), 0U);
}

TEST(SystemRandom, AForkedChildDoesNotGetItsParentsBytes) {
  SystemRandom random;
  random.Bytes(16);  // fills this thread's pool
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string bytes = random.Bytes(16);
    const bool written = ::write(ends[1], bytes.data(), bytes.size()) == 16;
    ::_exit(written ? 0 : 1);
  }
  std::string from_child(16, '\0');
  ASSERT_EQ(::read(ends[0], from_child.data(), from_child.size()), 16);
  EXPECT_NE(from_child, random.Bytes(16));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace waypost::crypto
