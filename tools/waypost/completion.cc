#include "tools/waypost/completion.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <string_view>

#include "common/base/strings.h"
#include "tools/waypost/commands.h"

namespace waypost::cli {
namespace {

// "{a,b}" at the end of a type name, as EnumChoice and CLI::IsMember describe themselves.
std::vector<std::string> ChoicesIn(const std::string& type_name) {
  const size_t open = type_name.rfind('{');
  const size_t close = type_name.rfind('}');
  std::vector<std::string> choices;
  if (open == std::string::npos || close == std::string::npos || close < open) return choices;
  for (size_t begin = open + 1; begin < close;) {
    const size_t end = std::min(type_name.find(',', begin), close);
    if (end > begin) choices.push_back(type_name.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

CompletionNode NodeOf(const CLI::App& app, const std::string& path) {
  CompletionNode node;
  node.path = path;
  node.help = app.get_description();
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    node.subcommands.emplace_back(sub->get_name(), sub->get_description());
  }
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> choices = ChoicesIn(option->get_type_name());
    if (option->get_positional() && node.choices.empty()) node.choices = choices;
    for (const std::string& name : option->get_lnames()) {
      node.flags.push_back({"--" + name, option->get_description(), option->get_expected_max() > 0, choices});
    }
  }
  return node;
}

void Walk(const CLI::App& app, const std::string& path, std::vector<CompletionNode>& nodes) {
  nodes.push_back(NodeOf(app, path));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    Walk(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), nodes);
  }
}

// For single quotes of a shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c == '\n' ? ' ' : c;
    }
  }
  return quoted + "'";
}

std::string Words(const CompletionNode& node) {
  std::string words;
  for (const auto& [name, help] : node.subcommands) words += name + " ";
  for (const std::string& choice : node.choices) words += choice + " ";
  for (const CompletionFlag& flag : node.flags) words += flag.name + " ";
  if (!words.empty()) words.pop_back();
  return words;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The cases of a shell's `case`, which set `variable`: what can stand after each command.
std::string WordCases(const std::vector<CompletionNode>& tree, std::string_view variable) {
  std::string cases;
  for (const CompletionNode& node : tree) {
    cases += base::Cat("    ", Quoted(node.path), ") ", variable, "=", Quoted(Words(node)), " ;;\n");
  }
  return cases;
}

// What can stand after each flag; "-" for a file or anything else.
std::string ValueCases(const std::vector<CompletionNode>& tree) {
  std::string cases;
  for (const CompletionNode& node : tree) {
    for (const CompletionFlag& flag : node.flags) {
      if (!flag.takes_value) continue;
      cases += base::Cat("    ", Quoted(node.path + "|" + flag.name),
                         ") values=", flag.choices.empty() ? std::string("-") : Quoted(Joined(flag.choices)),
                         " ;;\n");
    }
  }
  return cases;
}

std::string CommandCases(const std::vector<CompletionNode>& tree, std::string_view variable) {
  std::string cases;
  for (const CompletionNode& node : tree) {
    if (node.path.empty()) continue;
    cases += base::Cat("      ", Quoted(node.path), ") ", variable, "=$try ;;\n");
  }
  return cases;
}

std::string FishCondition(const std::string& path) {
  if (path.empty()) return "__fish_use_subcommand";
  std::string condition;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find(' ', begin), path.size());
    condition += (condition.empty() ? "" : "; and ") +
                 ("__fish_seen_subcommand_from " + path.substr(begin, end - begin));
    begin = end + 1;
  }
  return condition;
}

}  // namespace

std::vector<CompletionNode> CompletionTree(const CLI::App& root) {
  std::vector<CompletionNode> nodes;
  Walk(root, "", nodes);
  return nodes;
}

std::string BashCompletion(const std::vector<CompletionNode>& tree) {
  return base::Cat(
      R"(# bash completion for waypost
# Sets `values` to what can stand after the flag $2 of the command $1; nothing where it takes no value.
_waypost_values() {
  values=
  case "$1|$2" in
)",
      ValueCases(tree), R"(  esac
  if [ -z "$values" ]; then case "|$2" in
)",
      ValueCases({tree.front()}), R"(  esac; fi
}
_waypost() {
  local current=${COMP_WORDS[COMP_CWORD]} path= try= word= words= values= globals= i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    _waypost_values "$path" "${COMP_WORDS[i-1]}"
    if [ -n "$values" ]; then continue; fi
    word=${COMP_WORDS[i]}
    try=${path:+$path }$word
    case "$try" in
)",
      CommandCases(tree, "path"), R"(    esac
  done
  _waypost_values "$path" "${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$values" = - ]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  if [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$current")); return; fi
  case "$path" in
)",
      WordCases(tree, "words"), R"(  esac
  case "$current" in -*) globals=)",
      Quoted(Words({.path = "", .help = "", .subcommands = {}, .flags = tree.front().flags, .choices = {}})),
      R"( ;; esac
  COMPREPLY=($(compgen -W "$words $globals" -- "$current"))
}
complete -o default -F _waypost waypost
)");
}

std::string ZshCompletion(const std::vector<CompletionNode>& tree) {
  return base::Cat(
      R"(#compdef waypost
_waypost() {
  local at= try= word= values= globals= choices=
  local -i i
  local current=${words[CURRENT]} previous=${words[CURRENT-1]}
  for ((i = 2; i < CURRENT; ++i)); do
    word=${words[i]}
    try=${at:+$at }$word
    case "$try" in
)",
      CommandCases(tree, "at"), R"(    esac
  done
  case "$at|$previous" in
)",
      ValueCases(tree), R"(  esac
  if [[ -z "$values" ]]; then case "|$previous" in
)",
      ValueCases({tree.front()}), R"(  esac; fi
  if [[ "$values" = - ]]; then _files; return; fi
  if [[ -n "$values" ]]; then compadd -- ${=values}; return; fi
  case "$at" in
)",
      WordCases(tree, "choices"), R"(  esac
  if [[ "$current" = -* ]]; then globals=)",
      Quoted(Words({.path = "", .help = "", .subcommands = {}, .flags = tree.front().flags, .choices = {}})),
      R"(; fi
  compadd -- ${=choices} ${=globals}
}
compdef _waypost waypost
)");
}

std::string FishCompletion(const std::vector<CompletionNode>& tree) {
  std::string script = "# fish completion for waypost\ncomplete -c waypost -f\n";
  for (const CompletionNode& node : tree) {
    const std::string where = Quoted(FishCondition(node.path));
    for (const auto& [name, help] : node.subcommands) {
      script += base::Cat("complete -c waypost -n ", where, " -a ", name, " -d ", Quoted(help), "\n");
    }
    if (!node.choices.empty()) {
      script += base::Cat("complete -c waypost -n ", where, " -a ", Quoted(Joined(node.choices)), "\n");
    }
    for (const CompletionFlag& flag : node.flags) {
      const std::string condition = node.path.empty() ? "" : base::Cat(" -n ", where);
      script +=
          base::Cat("complete -c waypost", condition, " -l ", flag.name.substr(2), " -d ", Quoted(flag.help));
      if (flag.takes_value)
        script += flag.choices.empty() ? " -r -F" : " -x -a " + Quoted(Joined(flag.choices));
      script += '\n';
    }
  }
  return script;
}

void AddCompletionCommand(CLI::App& root, Session& session) {
  CLI::App& leaf =
      *root.add_subcommand("completion", "A completion script: source <(waypost completion bash)");
  auto shell = std::make_shared<std::string>();
  leaf.add_option("shell", *shell, "which")
      ->required()
      ->type_name("WORD")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  leaf.footer(
      "bash:  waypost completion bash > /etc/bash_completion.d/waypost\n"
      "zsh:   source <(waypost completion zsh)\n"
      "fish:  waypost completion fish > ~/.config/fish/completions/waypost.fish");
  session.On(leaf, [&session, &root, shell]() -> absl::Status {
    const std::vector<CompletionNode> tree = CompletionTree(root);
    session.env().out << (*shell == "bash"  ? BashCompletion(tree)
                          : *shell == "zsh" ? ZshCompletion(tree)
                                            : FishCompletion(tree));
    return absl::OkStatus();
  });
}

}  // namespace waypost::cli
