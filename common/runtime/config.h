// The configuration of a process: a file, and flags that go before it.
#ifndef WAYPOST_COMMON_RUNTIME_CONFIG_H_
#define WAYPOST_COMMON_RUNTIME_CONFIG_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "waypost/config/v1/config.pb.h"

namespace waypost::runtime {

inline constexpr int kDefaultPort = 7400;
inline constexpr int kDefaultMetricsPort = 9464;

// What the command line says.
struct CommandLine {
  config::v1::NodeConfig config;
  // Where to write the ports that were taken, as JSON, once the process serves; empty: nowhere.
  std::string port_file;
};

// Reads `--config FILE` and the flags; see `--help`, which prints and returns nullopt. INVALID_ARGUMENT with
// the line or flag that is wrong.
absl::StatusOr<std::optional<CommandLine>> ParseCommandLine(const std::string& program, int argc,
                                                            char** argv);

// Parses the text format; unknown keys and wrong values are refused with their line and column.
absl::StatusOr<config::v1::NodeConfig> ParseConfig(const std::string& text, const std::string& path);

// Fills defaults and checks everything that can be checked without starting.
absl::Status CompleteConfig(config::v1::NodeConfig& config);

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_CONFIG_H_
