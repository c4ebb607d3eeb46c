// Command line flags made from the fields of a request, so that a new field is a new flag without more code.
//
//   string, number, enum    --own-reference TEXT, --reason no-capacity
//   bool                    --enforcement; an optional one, and all in an update, have --no-… too
//   Timestamp               --review-time 14d; see ParseTime
//   repeated scalars        the flag once for each
//   LocalizedText           --display-name es=Vivienda, once for each language, the original first
//   repeated LocalizedText  --required-document es=Pasaporte, once for each text; JSON where it has more
//                           languages
//   HeldDocument            --stated-document held=Passport, once for each; JSON where it has a note
//   messages of scalars     a flag for each field: --appointment-time, --appointment-zone
//   other messages          JSON, or @FILE: --eligibility '{"age": …}'; repeated ones, once for each
#ifndef WAYPOST_TOOLS_WAYPOST_MESSAGE_FLAGS_H_
#define WAYPOST_TOOLS_WAYPOST_MESSAGE_FLAGS_H_

#include <google/protobuf/message.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace waypost::cli {

// Fields are named by their path from the message, as in "appointment.time".
struct FlagOptions {
  // No flags for these.
  std::set<std::string> skip = {};
  // When not empty: flags for these only, with all that lies under them.
  std::set<std::string> only = {};
  // Messages with more than scalars whose fields are flags all the same.
  std::set<std::string> flatten = {};
  // The flag's name without dashes, where it is not the path.
  std::map<std::string, std::string> rename = {};
  std::map<std::string, std::string> help = {};
  // Fields that the whole request must have, from a flag or otherwise; see MessageFlags::CheckRequired.
  std::set<std::string> required = {};
  // Every bool has --no-… too: what an update does not name stays as it is.
  bool with_no = false;
};

// What reading a value depends on.
struct ValueContext {
  absl::Time now;
  absl::TimeZone zone;
};

// Cheap to copy; copies share the values. Lives at least as long as the app's parse.
class MessageFlags {
 public:
  // Adds the flags to `app`.
  MessageFlags(CLI::App& app, const google::protobuf::Descriptor& type, const FlagOptions& options = {});
  ~MessageFlags();
  MessageFlags(const MessageFlags&);
  MessageFlags& operator=(const MessageFlags&);

  // Sets the fields whose flags were given; the others stay. INVALID_ARGUMENT names the flag.
  // REQUIRES: `message` has the type that this was made for.
  absl::Status Fill(google::protobuf::Message& message, const ValueContext& context) const;

  // INVALID_ARGUMENT that names the flag of every required field that `message` does not have.
  absl::Status CheckRequired(const google::protobuf::Message& message) const;

  // The names of the top-level fields whose flags were given, each once, in order.
  std::vector<std::string> Given() const;

  // One flag and its values; for the implementation.
  struct Flag;

 private:
  std::vector<std::shared_ptr<Flag>> flags_;
};

// Accepts the words of an enum (FindEnumValue) and replaces them by the value's full name. Its description
// lists the choices in braces.
CLI::Validator EnumChoice(const google::protobuf::EnumDescriptor& type);

// Refuses what ParseTime does not read.
CLI::Validator TimeText();

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_MESSAGE_FLAGS_H_
