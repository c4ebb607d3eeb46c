// Shell completion, from the tree of commands.
#ifndef WAYPOST_TOOLS_WAYPOST_COMPLETION_H_
#define WAYPOST_TOOLS_WAYPOST_COMPLETION_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace waypost::cli {

// A flag and what can follow it.
struct CompletionFlag {
  // "--reason".
  std::string name;
  std::string help;
  bool takes_value = false;
  // Empty: any value.
  std::vector<std::string> choices;
};

// A command with what can follow it.
struct CompletionNode {
  // "referral accept"; empty for the root.
  std::string path;
  std::string help;
  // The last words of the paths of its subcommands, with their help.
  std::vector<std::pair<std::string, std::string>> subcommands;
  // Its own, without those of the root.
  std::vector<CompletionFlag> flags;
  // Of its first argument; empty: any value.
  std::vector<std::string> choices;
};

// Every command, the root first, parents before children.
std::vector<CompletionNode> CompletionTree(const CLI::App& root);

// Scripts to be sourced; see `waypost completion --help`.
std::string BashCompletion(const std::vector<CompletionNode>& tree);
std::string ZshCompletion(const std::vector<CompletionNode>& tree);
std::string FishCompletion(const std::vector<CompletionNode>& tree);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_COMPLETION_H_
