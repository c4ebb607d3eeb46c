// The kinds of commands that most subcommands are, made from a method and its messages.
#ifndef WAYPOST_TOOLS_WAYPOST_COMMAND_KINDS_H_
#define WAYPOST_TOOLS_WAYPOST_COMMAND_KINDS_H_

#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "tools/waypost/message_flags.h"
#include "tools/waypost/session.h"

namespace waypost::cli {

// A required argument that fills a text field of the request.
struct Argument {
  std::string field;
  std::string name;
  std::string help;
};

// A command that sends one request and shows the answer. Every field of the request but `request_id` and the
// arguments' is a flag; --json takes the request in JSON, under the flags.
struct CallCommand {
  std::string name;
  std::string help;
  // "waypost.directory.v1.DirectoryService/GetBody".
  std::string method;
  // Default instances.
  const google::protobuf::Message& request;
  const google::protobuf::Message& response;
  std::vector<Argument> arguments = {};
  FlagOptions flags = {};
  // Completes the request from what is not a flag. Optional.
  std::function<absl::Status(google::protobuf::Message& request)> complete = {};
  // Instead of the details. Optional.
  std::function<absl::Status(Session& session, const google::protobuf::Message& response)> show = {};
};
CLI::App& AddCall(CLI::App& group, Session& session, CallCommand command);

// A command that lists, page by page.
struct ListCommand {
  std::string name;
  std::string help;
  std::string method;
  const google::protobuf::Message& request;
  const google::protobuf::Message& response;
  std::vector<Argument> arguments = {};
  FlagOptions flags = {};
  // Completes the request from what is not a flag. Optional.
  std::function<absl::Status(google::protobuf::Message& request)> complete = {};
  std::vector<std::string> headings;
  std::function<std::vector<std::string>(const google::protobuf::Message& item)> row = {};
  std::string nothing;
};
CLI::App& AddList(CLI::App& group, Session& session, ListCommand command);

// A command that creates or updates a resource, from flags, a file, or a file with flags over it.
struct WriteCommand {
  std::string name;
  std::string help;
  std::string method;
  const google::protobuf::Message& request;
  const google::protobuf::Message& response;
  // The field of the request that holds the resource, as in "body".
  std::string resource;
  std::vector<Argument> arguments;
  // For the resource's fields.
  FlagOptions flags = {};
};
// The arguments are fields of the request.
CLI::App& AddCreate(CLI::App& group, Session& session, WriteCommand command);
// The one argument is a field of the resource: its name. What is given becomes the update mask.
CLI::App& AddUpdate(CLI::App& group, Session& session, WriteCommand command);

// A group that only has subcommands.
CLI::App& AddGroup(CLI::App& root, const std::string& name, const std::string& help);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_COMMAND_KINDS_H_
