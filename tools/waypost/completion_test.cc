#include "tools/waypost/completion.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <sstream>

#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

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

// What bash offers for the last of these words, as when a person has typed them and presses the tab key.
class BashCompletionTest : public ::testing::Test {
 protected:
  BashCompletionTest() {
    const RunResult script = Runner().Run({"completion", "bash"});
    EXPECT_EQ(script.code, ExitCode::kOk) << script.err;
    folder_.Write("waypost.bash", script.out);
    folder_.Write("complete.bash", R"(
set -u  # a name that is not set is a defect
source "$1" || exit 1
shift
complete -p waypost >/dev/null || exit 2
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
_waypost
for word in ${COMPREPLY[@]+"${COMPREPLY[@]}"}; do printf '%s\n' "$word"; done
)");
  }

  std::vector<std::string> Complete(const std::vector<std::string>& words) {
    std::vector<std::string> command = {
        "bash",   "--norc", "--noprofile", folder_.Path("complete.bash"), folder_.Path("waypost.bash"),
        "waypost"};
    command.insert(command.end(), words.begin(), words.end());
    EXPECT_EQ(Spawn(command), 0) << folder_.Read("printed");
    std::istringstream lines(folder_.Read("printed"));
    std::vector<std::string> offered;
    for (std::string line; std::getline(lines, line);) offered.push_back(line);
    return offered;
  }

  // The exit code. What it prints, errors included, goes to the file "printed".
  int Spawn(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const std::string printed = folder_.Path("printed");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, printed.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    char* no_variables[] = {nullptr};
    pid_t child = 0;
    const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), no_variables);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (failed != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }

  TestFolder folder_;
};

TEST_F(BashCompletionTest, OffersCommandsFlagsAndValues) {
  EXPECT_THAT(Complete({"ref"}), ElementsAre("referral"));
  EXPECT_THAT(Complete({""}), IsSupersetOf({"bodies", "offers", "referral", "audit", "call", "completion"}));
  EXPECT_THAT(Complete({"referral", "propose-f"}), ElementsAre("propose-forward"));
  EXPECT_THAT(Complete({"referral", "list", "--st"}), ElementsAre("--state"));
  EXPECT_THAT(Complete({"referral", "list", "--ou"}), ElementsAre("--output")) << "what every command takes";
  EXPECT_THAT(Complete({"referral", "list", "--output", "j"}), ElementsAre("json"));
  EXPECT_THAT(Complete({"completion", ""}), IsSupersetOf({"bash", "fish", "zsh"}));
  EXPECT_THAT(Complete({"referral", "decline", "referrals/1", "--reason", "no-c"}),
              ElementsAre("no-capacity"));
  EXPECT_THAT(Complete({"nonsense", "x"}), IsEmpty());
}

TEST_F(BashCompletionTest, LooksPastFlagsAndTheirValuesForTheCommand) {
  EXPECT_THAT(Complete({"--output", "json", "referral", "propose-f"}), ElementsAre("propose-forward"));
  EXPECT_THAT(Complete({"referral", "--utc", "list", "--st"}), ElementsAre("--state"));
  EXPECT_THAT(Complete({"--server", "referral", "off"}), ElementsAre("offers")) << "a value is no command";
}

TEST_F(BashCompletionTest, OffersFilesWhereAFileIsWanted) {
  EXPECT_THAT(Complete({"referral", "list", "--token-file", folder_.Path("compl")}),
              ElementsAre(folder_.Path("complete.bash")));
}

TEST(CompletionTest, QuotesForTheShell) {
  CLI::App root("root", "tool");
  root.add_subcommand("leaf", "it's $HOME `here`\nand there");
  const std::string fish = FishCompletion(CompletionTree(root));
  EXPECT_THAT(fish, HasSubstr("'it'\\''s $HOME `here` and there'"));
}

}  // namespace
}  // namespace waypost::cli
