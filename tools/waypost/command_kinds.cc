#include "tools/waypost/command_kinds.h"

#include <google/protobuf/field_mask.pb.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;

// Values of arguments, in their order; they outlive the parse.
using ArgumentValues = std::shared_ptr<std::vector<std::string>>;

ArgumentValues AddArguments(CLI::App& leaf, const std::vector<Argument>& arguments) {
  auto values = std::make_shared<std::vector<std::string>>(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    leaf.add_option(arguments[i].name, (*values)[i], arguments[i].help)->required();
  }
  return values;
}

void SetArguments(Message& message, const std::vector<Argument>& arguments,
                  const std::vector<std::string>& values) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(arguments[i].field);
    message.GetReflection()->SetString(&message, field, values[i]);
  }
}

// What every request has, or has a flag of its own.
FlagOptions ForRequest(FlagOptions options, const std::vector<Argument>& arguments) {
  for (const char* common : {"request_id", "page_size", "page_token"}) options.skip.insert(common);
  for (const Argument& argument : arguments) options.skip.insert(argument.field);
  options.help.insert({"etag", "only if it is still this version"});
  return options;
}

// The top-level members of a JSON object, as names of fields of `type`.
std::vector<std::string> FieldsIn(std::string_view json, const Descriptor& type) {
  std::vector<std::string> fields;
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (!parsed.is_object()) return fields;
  for (const auto& [key, value] : parsed.items()) {
    const FieldDescriptor* field = type.FindFieldByCamelcaseName(key);
    if (field == nullptr) field = type.FindFieldByName(key);
    if (field != nullptr) fields.push_back(field->name());
  }
  return fields;
}

// Reads the resource, and adds the names of the fields that were given to `given`.
absl::Status ReadResource(Session& session, const std::string& file, const MessageFlags& flags,
                          Message& resource, std::vector<std::string>& given) {
  if (!file.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string json, ReadDocument(session.env(), file));
    WAYPOST_RETURN_IF_ERROR(FromJson(json, file == "-" ? "standard input" : file, resource));
    given = FieldsIn(json, *resource.GetDescriptor());
  }
  WAYPOST_RETURN_IF_ERROR(flags.Fill(resource, session.values()));
  for (const std::string& name : flags.Given()) given.push_back(name);
  return absl::OkStatus();
}

absl::Status FillMask(const std::vector<std::string>& given, Message& request) {
  const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName("update_mask");
  FieldMask mask;
  for (const std::string& name : given) {
    const bool says_which = name == "name" || name == "etag";
    const bool is_new = std::find(mask.paths().begin(), mask.paths().end(), name) == mask.paths().end();
    if (!says_which && is_new) mask.add_paths(name);
  }
  if (mask.paths_size() == 0) return error::InvalidField("update", "nothing to change was given");
  request.GetReflection()->MutableMessage(&request, field)->CopyFrom(mask);
  return absl::OkStatus();
}

Message& Resource(Message& request, const std::string& name) {
  return *request.GetReflection()->MutableMessage(&request, request.GetDescriptor()->FindFieldByName(name));
}

absl::Status SendAndShow(Session& session, const std::string& method, Message& request,
                         const Message& response) {
  const std::unique_ptr<Message> answer(response.New());
  WAYPOST_RETURN_IF_ERROR(session.Call(method, request, *answer));
  return session.Show(*answer);
}

FlagOptions ForResource(FlagOptions options) {
  for (const char* output : {"name", "etag", "create_time", "update_time"}) options.skip.insert(output);
  return options;
}

const Descriptor& TypeOf(const WriteCommand& command) {
  return *command.request.GetDescriptor()->FindFieldByName(command.resource)->message_type();
}

}  // namespace

CLI::App& AddCall(CLI::App& group, Session& session, CallCommand command) {
  CLI::App& leaf = *group.add_subcommand(command.name, command.help);
  const ArgumentValues arguments = AddArguments(leaf, command.arguments);
  const MessageFlags flags(leaf, *command.request.GetDescriptor(),
                           ForRequest(command.flags, command.arguments));
  auto json = std::make_shared<std::string>();
  leaf.add_option("--json", *json, "the request as JSON; @FILE, or - for standard input; flags go over it")
      ->type_name("JSON|@FILE");
  session.On(leaf, [&session, command = std::move(command), arguments, flags, json]() -> absl::Status {
    const std::unique_ptr<Message> request(command.request.New());
    if (!json->empty()) {
      WAYPOST_ASSIGN_OR_RETURN(const std::string text, InlineDocument(session.env(), *json));
      WAYPOST_RETURN_IF_ERROR(FromJson(text, "--json", *request));
    }
    SetArguments(*request, command.arguments, *arguments);
    WAYPOST_RETURN_IF_ERROR(flags.Fill(*request, session.values()));
    if (command.complete) WAYPOST_RETURN_IF_ERROR(command.complete(*request));
    WAYPOST_RETURN_IF_ERROR(flags.CheckRequired(*request));
    if (!command.show) return SendAndShow(session, command.method, *request, command.response);
    const std::unique_ptr<Message> answer(command.response.New());
    WAYPOST_RETURN_IF_ERROR(session.Call(command.method, *request, *answer));
    return command.show(session, *answer);
  });
  return leaf;
}

CLI::App& AddList(CLI::App& group, Session& session, ListCommand command) {
  CLI::App& leaf = *group.add_subcommand(command.name, command.help);
  const ArgumentValues arguments = AddArguments(leaf, command.arguments);
  auto page = std::make_shared<PageOptions>();
  AddPageFlags(leaf, *page);
  const MessageFlags flags(leaf, *command.request.GetDescriptor(),
                           ForRequest(command.flags, command.arguments));
  session.On(leaf, [&session, command = std::move(command), arguments, page, flags]() -> absl::Status {
    const std::unique_ptr<Message> request(command.request.New());
    const std::unique_ptr<Message> response(command.response.New());
    SetArguments(*request, command.arguments, *arguments);
    WAYPOST_RETURN_IF_ERROR(flags.Fill(*request, session.values()));
    if (command.complete) WAYPOST_RETURN_IF_ERROR(command.complete(*request));
    WAYPOST_RETURN_IF_ERROR(flags.CheckRequired(*request));
    WAYPOST_RETURN_IF_ERROR(session.ListAll(command.method, *page, *request, *response));
    const FieldDescriptor* items = ItemsOf(*response->GetDescriptor());
    Table table(command.headings);
    for (int i = 0; i < response->GetReflection()->FieldSize(*response, items); ++i) {
      table.Add(command.row(response->GetReflection()->GetRepeatedMessage(*response, items, i)));
    }
    return session.Show(*response, table, command.nothing);
  });
  return leaf;
}

CLI::App& AddCreate(CLI::App& group, Session& session, WriteCommand command) {
  CLI::App& leaf = *group.add_subcommand(command.name, command.help);
  const ArgumentValues arguments = AddArguments(leaf, command.arguments);
  auto file = std::make_shared<std::string>();
  leaf.add_option("--file", *file, "the resource as JSON; - for standard input; flags go over it")
      ->type_name("FILE");
  const MessageFlags flags(leaf, TypeOf(command), ForResource(command.flags));
  session.On(leaf, [&session, command = std::move(command), arguments, file, flags]() -> absl::Status {
    const std::unique_ptr<Message> request(command.request.New());
    std::vector<std::string> given;
    WAYPOST_RETURN_IF_ERROR(ReadResource(session, *file, flags, Resource(*request, command.resource), given));
    SetArguments(*request, command.arguments, *arguments);
    return SendAndShow(session, command.method, *request, command.response);
  });
  return leaf;
}

CLI::App& AddUpdate(CLI::App& group, Session& session, WriteCommand command) {
  CLI::App& leaf = *group.add_subcommand(command.name, command.help);
  const ArgumentValues arguments = AddArguments(leaf, command.arguments);
  auto file = std::make_shared<std::string>();
  auto etag = std::make_shared<std::string>();
  leaf.add_option("--file", *file, "the fields to change as JSON; - for standard input; flags go over it")
      ->type_name("FILE");
  leaf.add_option("--etag", *etag, "only if it is still this version");
  FlagOptions options = ForResource(command.flags);
  options.with_no = true;
  const MessageFlags flags(leaf, TypeOf(command), options);
  session.On(leaf, [&session, command = std::move(command), arguments, file, etag, flags]() -> absl::Status {
    const std::unique_ptr<Message> request(command.request.New());
    Message& resource = Resource(*request, command.resource);
    std::vector<std::string> given;
    WAYPOST_RETURN_IF_ERROR(ReadResource(session, *file, flags, resource, given));
    WAYPOST_RETURN_IF_ERROR(FillMask(given, *request));
    SetArguments(resource, command.arguments, *arguments);
    if (!etag->empty()) {
      const FieldDescriptor* field = request->GetDescriptor()->FindFieldByName("etag");
      Message& holder = field != nullptr ? *request : resource;
      holder.GetReflection()->SetString(&holder, holder.GetDescriptor()->FindFieldByName("etag"), *etag);
    }
    return SendAndShow(session, command.method, *request, command.response);
  });
  return leaf;
}

CLI::App& AddGroup(CLI::App& root, const std::string& name, const std::string& help) {
  CLI::App& group = *root.add_subcommand(name, help);
  group.require_subcommand(1);
  return group;
}

}  // namespace waypost::cli
