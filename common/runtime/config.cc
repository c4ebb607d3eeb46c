#include "common/runtime/config.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/listen.h"
#include "common/status/errors.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace waypost::runtime {
namespace {

using config::v1::NodeConfig;

class ErrorCollector final : public google::protobuf::io::ErrorCollector {
 public:
  explicit ErrorCollector(std::string path) : path_(std::move(path)) {}
  // Lines and columns count from 0.
  void AddError(int line, int column, const std::string& message) override {
    violations.Add(base::Cat(path_, ":", line + 1, ":", column + 1), message);
  }

  error::FieldViolations violations;

 private:
  const std::string path_;
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::ifstream file(path);
  if (!file) return error::InvalidField("--config", base::Cat("cannot read '", path, "'"));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void SetDefault(int32_t value, const std::function<void(int32_t)>& set, int32_t current) {
  if (current == 0) set(value);
}

}  // namespace

absl::StatusOr<NodeConfig> ParseConfig(const std::string& text, const std::string& path) {
  NodeConfig config;
  ErrorCollector errors(path);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(text, &config)) return errors.violations.ToStatus();
  return config;
}

absl::Status CompleteConfig(NodeConfig& config) {
  if (config.listen().empty()) config.set_listen(base::Cat("127.0.0.1:", kDefaultPort));
  auto& limits = *config.mutable_limits();
  SetDefault(
      2, [&](int32_t n) { limits.set_read_threads(n); }, limits.read_threads());
  SetDefault(
      1024, [&](int32_t n) { limits.set_read_queue(n); }, limits.read_queue());
  SetDefault(
      8192, [&](int32_t n) { limits.set_write_queue(n); }, limits.write_queue());
  SetDefault(
      4096, [&](int32_t n) { limits.set_in_flight(n); }, limits.in_flight());
  SetDefault(
      20'000, [&](int32_t n) { limits.set_body_rate(n); }, limits.body_rate());
  error::FieldViolations violations;
  for (const auto& [name, value] : {std::pair{"limits.read_threads", limits.read_threads()},
                                    {"limits.read_queue", limits.read_queue()},
                                    {"limits.write_queue", limits.write_queue()},
                                    {"limits.in_flight", limits.in_flight()},
                                    {"limits.body_rate", limits.body_rate()}}) {
    if (value < 1 || value > 10'000'000) violations.Add(name, "must be from 1 to 10,000,000");
  }
  if (config.data_dir().empty()) violations.Add("data_dir", "is required: where the store is to be");
  if (config.key_dir().empty())
    violations.Add("key_dir", "is required: a folder for keys, apart from data_dir");
  const bool tls = !config.tls_certificate_file().empty();
  if (tls != !config.tls_key_file().empty()) {
    violations.Add("tls_key_file", "a certificate and a key are needed, or neither");
  }
  if (!tls && !identity::IsLoopback(config.listen())) {
    violations.Add("listen",
                   base::Cat("'", config.listen(),
                             "' is not a loopback address: give tls_certificate_file and tls_key_file"));
  }
  if (config.demo() && !identity::IsLoopback(config.listen())) {
    violations.Add("listen", "a demonstration listens on loopback addresses only");
  }
  if (config.demo() && !config.metrics_listen().empty() && !identity::IsLoopback(config.metrics_listen())) {
    violations.Add("metrics_listen", "a demonstration listens on loopback addresses only");
  }
  if (config.demo() && config.issuers_size() > 0) {
    violations.Add("issuers", "a demonstration has its own issuer and takes no other");
  }
  if (!config.demo() && config.issuers_size() == 0) {
    violations.Add("issuers", "at least one is required: your organisation's OpenID Connect provider");
  }
  return violations.ToStatus();
}

absl::StatusOr<std::optional<CommandLine>> ParseCommandLine(const std::string& program, int argc,
                                                            char** argv) {
  CLI::App app{
      base::Cat(program, ": a Waypost process. Flags go before the file; docs/operating explains both.")};
  std::string file;
  CommandLine line;
  NodeConfig flags;
  const auto text = [&app](const char* name, const char* help, auto set) {
    app.add_option_function<std::string>(name, set, help);
  };
  app.add_option("--config", file, "configuration in protobuf text format (waypost.config.v1.NodeConfig)");
  text("--listen", "where gRPC listens (127.0.0.1:7400)", [&](const std::string& v) { flags.set_listen(v); });
  text("--metrics-listen", "where metrics are (127.0.0.1:9464; 'none' for nowhere)",
       [&](const std::string& v) { flags.set_metrics_listen(v); });
  text("--data-dir", "the folder of the store", [&](const std::string& v) { flags.set_data_dir(v); });
  text("--key-dir", "the folder of the keys", [&](const std::string& v) { flags.set_key_dir(v); });
  text("--access-log", "where the access log goes ('-': standard output)",
       [&](const std::string& v) { flags.set_access_log_file(v); });
  text("--directory", "address of the directory, where it is another process",
       [&](const std::string& v) { flags.set_directory_address(v); });
  text("--audit", "address of the audit service, where it is another process",
       [&](const std::string& v) { flags.set_audit_address(v); });
  text("--service-secret-file", "the secret that the services of a cluster share",
       [&](const std::string& v) { flags.set_service_secret_file(v); });
  app.add_flag_callback(
      "--demo", [&] { flags.set_demo(true); }, "a demonstration, on a folder of its own");
  app.add_option("--port-file", line.port_file, "write the ports taken to this file, as JSON, once serving");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& wrong) {
    return error::InvalidField("command line", wrong.what());
  }
  if (!file.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(file));
    WAYPOST_ASSIGN_OR_RETURN(line.config, ParseConfig(content, file));
  }
  line.config.MergeFrom(flags);
  if (line.config.metrics_listen().empty()) {
    line.config.set_metrics_listen(base::Cat("127.0.0.1:", kDefaultMetricsPort));
  }
  if (line.config.metrics_listen() == "none") line.config.clear_metrics_listen();
  WAYPOST_RETURN_IF_ERROR(CompleteConfig(line.config));
  return line;
}

}  // namespace waypost::runtime
