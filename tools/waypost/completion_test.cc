#include "tools/waypost/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(CompletionTreeTest, HasCommandsFlagsAndChoices) {
  CLI::App root("root", "tool");
  std::string text;
  root.add_option("--output", text, "how")->type_name("WORD")->check(CLI::IsMember({"table", "json"}));
  CLI::App& group = *root.add_subcommand("group", "a group");
  CLI::App& leaf = *group.add_subcommand("leaf", "a leaf");
  leaf.add_option("shell", text, "which")->type_name("WORD")->check(CLI::IsMember({"bash", "fish"}));
  bool yes = false;
  leaf.add_flag("--yes", yes, "surely");
  leaf.add_option("--name", text, "any");
  const std::vector<CompletionNode> tree = CompletionTree(root);
  ASSERT_EQ(tree.size(), 3u);
  EXPECT_EQ(tree[0].path, "");
  EXPECT_EQ(tree[1].path, "group");
  EXPECT_EQ(tree[2].path, "group leaf");
  EXPECT_THAT(tree[2].choices, ElementsAre("bash", "fish"));
  const auto flag = [](const CompletionNode& node, const std::string& name) {
    for (const CompletionFlag& one : node.flags) {
      if (one.name == name) return one;
    }
    return CompletionFlag{};
  };
  EXPECT_THAT(flag(tree[0], "--output").choices, ElementsAre("table", "json"));
  EXPECT_TRUE(flag(tree[0], "--output").takes_value);
  EXPECT_FALSE(flag(tree[2], "--yes").takes_value);
  EXPECT_TRUE(flag(tree[2], "--name").takes_value);
  EXPECT_TRUE(flag(tree[2], "--name").choices.empty());
}

TEST(CompletionTest, KnowsCommandsAndEnumWordsInEveryShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const RunResult result = Runner().Run({"completion", shell});
    ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
    for (const char* word : {"propose-forward", "no-capacity", "mental-health", "import-id", "--output"}) {
      if (std::string(shell) == "fish" && std::string(word) == "--output") continue;
      EXPECT_THAT(result.out, HasSubstr(word)) << shell;
    }
  }
  EXPECT_EQ(Runner().Run({"completion", "csh"}).code, ExitCode::kUsage);
}

TEST(CompletionTest, QuotesForTheShell) {
  CLI::App root("root", "tool");
  root.add_subcommand("leaf", "it's $HOME `here`\nand there");
  const std::string fish = FishCompletion(CompletionTree(root));
  EXPECT_THAT(fish, HasSubstr("'it'\\''s $HOME `here` and there'"));
}

}  // namespace
}  // namespace waypost::cli
