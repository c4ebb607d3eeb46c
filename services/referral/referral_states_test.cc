#include "services/referral/referral_states.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace waypost::referral {
namespace {

std::string SourceDirectory() {
  const char* const directory = std::getenv("WAYPOST_SOURCE_DIR");
  return directory == nullptr ? "." : directory;
}

TEST(StatesReference, IsWhatTheDocumentationSays) {
  const std::string path = SourceDirectory() + "/docs/reference/referral-states.md";
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == StatesReference())
      << "regenerate it: build/bin/referral_states_doc > docs/reference/referral-states.md";
}

}  // namespace
}  // namespace waypost::referral
