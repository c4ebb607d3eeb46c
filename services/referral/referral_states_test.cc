#include "services/referral/referral_states.h"

#include <gmock/gmock.h>
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

TEST(StatesReference, MarksWhatCannotBeCalledYet) {
  const std::string text = StatesReference();
  for (const std::string event : {"RECTIFY"}) {
    const size_t row = text.find("| " + event + " |");
    ASSERT_NE(row, std::string::npos) << event;
    EXPECT_THAT(text.substr(row, text.find('\n', row) - row), ::testing::EndsWith("| later |"));
  }
}

}  // namespace
}  // namespace waypost::referral
