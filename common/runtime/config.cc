#include "common/runtime/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/api/names.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/listen.h"
#include "common/identity/token_verifier.h"
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

struct LimitRule {
  const char* name;
  int32_t standard;  // what 0 stands for
  int32_t most;      // beyond it the machine would fail, not the caller
};

void CompleteLimit(const LimitRule& rule, int32_t& value, error::FieldViolations& violations) {
  if (value == 0) value = rule.standard;
  if (value >= 1 && value <= rule.most) return;
  violations.Add(rule.name,
                 base::Cat(value, " is out of bounds: give 1 to ", rule.most, ", or 0 for ", rule.standard));
}

void CompleteLimits(NodeConfig::Limits& limits, error::FieldViolations& violations) {
  const auto complete = [&](const LimitRule& rule, auto get, auto set) {
    int32_t value = (limits.*get)();
    CompleteLimit(rule, value, violations);
    (limits.*set)(value);
  };
  using Limits = NodeConfig::Limits;
  complete({"limits.read_threads", 2, 256}, &Limits::read_threads, &Limits::set_read_threads);
  complete({"limits.read_queue", 1024, 1'000'000}, &Limits::read_queue, &Limits::set_read_queue);
  complete({"limits.write_queue", 8192, 1'000'000}, &Limits::write_queue, &Limits::set_write_queue);
  complete({"limits.in_flight", 4096, 1'000'000}, &Limits::in_flight, &Limits::set_in_flight);
  complete({"limits.body_rate", 20'000, 10'000'000}, &Limits::body_rate, &Limits::set_body_rate);
  complete({"limits.watches", 10'000, 1'000'000}, &Limits::watches, &Limits::set_watches);
  complete({"limits.body_watches", 200, 1'000'000}, &Limits::body_watches, &Limits::set_body_watches);
  complete({"limits.signature_rate", identity::kSignatureRate, 1'000'000}, &Limits::signature_rate,
           &Limits::set_signature_rate);
}

constexpr int32_t kMaxStepSeconds = 400 * 24 * 3600;

void CompleteStepTimes(NodeConfig::Clocks& clocks, error::FieldViolations& violations) {
  using Times = NodeConfig::StepTimes;
  std::set<int> themes;
  for (Times& times : *clocks.mutable_step_times()) {
    if (!themes.insert(times.theme()).second) {
      violations.Add("clocks.step_times", "at most one for each theme, and one without a theme");
    }
    const auto complete = [&](const LimitRule& rule, auto get, auto set) {
      int32_t value = (times.*get)();
      CompleteLimit(rule, value, violations);
      (times.*set)(value);
    };
    complete({"clocks.step_times.emergency_seconds", 24 * 3600, kMaxStepSeconds}, &Times::emergency_seconds,
             &Times::set_emergency_seconds);
    complete({"clocks.step_times.urgent_seconds", 72 * 3600, kMaxStepSeconds}, &Times::urgent_seconds,
             &Times::set_urgent_seconds);
    complete({"clocks.step_times.normal_seconds", 14 * 24 * 3600, kMaxStepSeconds}, &Times::normal_seconds,
             &Times::set_normal_seconds);
  }
}

void CompleteClocks(NodeConfig::Clocks& clocks, error::FieldViolations& violations) {
  CompleteStepTimes(clocks, violations);
  const auto complete = [&](const LimitRule& rule, auto get, auto set) {
    int32_t value = (clocks.*get)();
    CompleteLimit(rule, value, violations);
    (clocks.*set)(value);
  };
  using Clocks = NodeConfig::Clocks;
  complete({"clocks.reminder_percent", 25, 90}, &Clocks::reminder_percent, &Clocks::set_reminder_percent);
  complete({"clocks.lapse_percent", 100, 1000}, &Clocks::lapse_percent, &Clocks::set_lapse_percent);
  if (!clocks.has_remind_again_percent()) clocks.set_remind_again_percent(100);
  const int32_t again = clocks.remind_again_percent();
  if (again < 0 || again > 1000) {
    violations.Add("clocks.remind_again_percent", base::Cat(again, " is out of bounds: give 0 to 1000"));
  }
  complete({"clocks.outage_seconds", 300, 86'400}, &Clocks::outage_seconds, &Clocks::set_outage_seconds);
  complete({"clocks.fire_rate", 4500, 100'000}, &Clocks::fire_rate, &Clocks::set_fire_rate);
  complete({"clocks.catch_up_rate", 500, 100'000}, &Clocks::catch_up_rate, &Clocks::set_catch_up_rate);
}

// With 2, every suppressed count would be known to be 1.
constexpr int32_t kLeastThreshold = 3;

void CompleteStatistics(NodeConfig::Statistics& statistics, error::FieldViolations& violations) {
  int32_t threshold = statistics.threshold();
  CompleteLimit({"statistics.threshold", 5, 1000}, threshold, violations);
  if (threshold == 1 || threshold == 2) {
    violations.Add("statistics.threshold", base::Cat("must be ", kLeastThreshold, " or more"));
  }
  statistics.set_threshold(threshold);
}

// As Basis.law: lower-case letters, digits, '.', '-' and '/'.
bool IsCode(std::string_view code) {
  constexpr size_t kMaxCodeBytes = 100;
  return code.size() <= kMaxCodeBytes &&
         code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-/") == std::string_view::npos;
}

void CompleteRetention(NodeConfig::Retention& retention, error::FieldViolations& violations) {
  constexpr int kMaxRules = 1000;
  std::set<std::string> codes;
  if (retention.rules_size() > kMaxRules) {
    violations.Add("retention.rules", base::Cat("at most ", kMaxRules));
  }
  for (NodeConfig::RetentionRule& rule : *retention.mutable_rules()) {
    if (!codes.insert(rule.code()).second) {
      violations.Add("retention.rules", "at most one for each code, and one without a code");
    }
    if (!IsCode(rule.code())) violations.Add("retention.rules.code", "is no code of a rule");
    if (!IsCode(rule.law())) violations.Add("retention.rules.law", "is no code of a law");
    int32_t days = rule.days();
    CompleteLimit({"retention.rules.days", 1826, 36'525}, days, violations);
    rule.set_days(days);
  }
  int32_t rate = retention.erase_rate();
  CompleteLimit({"retention.erase_rate", 50, 10'000}, rate, violations);
  retention.set_erase_rate(rate);
}

bool IsPort(std::string_view text, int least) {
  int port = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failed == std::errc() && end == text.data() + text.size() && text.size() <= 5 && port >= least &&
         port <= 65'535;
}

bool IsHost(std::string_view text) {
  const bool brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (brackets) text = text.substr(1, text.size() - 2);
  // A colon only in brackets, so that in "::1:80" nobody takes the 80 for a port.
  const std::string_view allowed = brackets ? "0123456789abcdefABCDEF:.%" : "-._";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return (alphanumeric && !brackets) || allowed.find(c) != std::string_view::npos;
  });
}

// Host and port. `least_port` is 0 where a free one may be picked.
bool IsHostAndPort(std::string_view address, int least_port) {
  const size_t colon = address.rfind(':');
  return colon != std::string_view::npos && IsHost(address.substr(0, colon)) &&
         IsPort(address.substr(colon + 1), least_port);
}

// As gRPC takes it: also a socket in the file system.
bool IsGrpcAddress(std::string_view address, int least_port) {
  constexpr std::string_view kUnix = "unix:";
  if (address.substr(0, kUnix.size()) == kUnix) return address.size() > kUnix.size();
  return IsHostAndPort(address, least_port);
}

void CheckListeners(const NodeConfig& config, error::FieldViolations& violations) {
  const bool tls = !config.tls_certificate_file().empty();
  if (tls != !config.tls_key_file().empty()) {
    violations.Add(tls ? "tls_key_file" : "tls_certificate_file",
                   "a certificate and a key are needed, or neither");
  }
  if (!IsGrpcAddress(config.listen(), 0)) {
    violations.Add("listen", base::Cat("'", config.listen(),
                                       "' is no address: give host and port, as in 127.0.0.1:7400"));
  } else if (config.demo() && !identity::IsLoopback(config.listen())) {
    violations.Add("listen", "a demonstration listens on loopback addresses only, as on 127.0.0.1:7400");
  } else if (!tls && !identity::IsLoopback(config.listen())) {
    violations.Add("listen",
                   base::Cat("'", config.listen(),
                             "' is not a loopback address: give tls_certificate_file and tls_key_file"));
  }
  if (config.metrics_listen().empty()) return;
  if (!IsHostAndPort(config.metrics_listen(), 0)) {
    violations.Add("metrics_listen",
                   base::Cat("'", config.metrics_listen(),
                             "' is no address: give host and port, as in 127.0.0.1:9464, or none"));
  } else if (config.demo() && !identity::IsLoopback(config.metrics_listen())) {
    violations.Add("metrics_listen",
                   "a demonstration listens on loopback addresses only, as on 127.0.0.1:9464");
  }
}

void CheckPeers(const NodeConfig& config, error::FieldViolations& violations) {
  for (const auto& [name, address] : {std::pair{"directory_address", config.directory_address()},
                                      std::pair{"audit_address", config.audit_address()}}) {
    if (address.empty()) continue;
    if (!IsGrpcAddress(address, 1)) {
      violations.Add(name,
                     base::Cat("'", address, "' is no address: give host and port, as in 10.0.0.4:7400"));
    } else if (config.peer_ca_file().empty() && !identity::IsLoopback(address)) {
      violations.Add("peer_ca_file", base::Cat("is required to reach '", address, "' (", name, ")"));
    }
  }
}

void CheckIssuers(const NodeConfig& config, error::FieldViolations& violations) {
  if (config.demo()) {
    if (config.issuers_size() > 0) {
      violations.Add("issuers", "a demonstration has its own issuer and takes no other");
    }
    return;
  }
  if (config.issuers_size() == 0) {
    violations.Add("issuers", "at least one is required: your organisation's OpenID Connect provider");
  }
  if (config.issuers_size() > static_cast<int>(identity::kMaxIssuers)) {
    violations.Add("issuers", base::Cat("are limited to ", identity::kMaxIssuers));
  }
  std::set<std::string_view> names;
  for (int i = 0; i < config.issuers_size(); ++i) {
    const NodeConfig::Issuer& issuer = config.issuers(i);
    const std::string path = base::Cat("issuers[", i, "]");
    const auto required = [&](const char* field, const std::string& value, const char* what) {
      if (value.empty()) violations.Add(base::Cat(path, ".", field), base::Cat("is required: ", what));
    };
    required("issuer", issuer.issuer(), "what the token's \"iss\" is, exactly");
    required("audience", issuer.audience(), "what the token's \"aud\" holds");
    required("jwks", issuer.jwks(), "where its keys are, an https address or a file");
    if (!issuer.issuer().empty() && !names.insert(issuer.issuer()).second) {
      violations.Add(base::Cat(path, ".issuer"), "is given twice: name all of its bodies in one entry");
    }
    for (int body = 0; body < issuer.bodies_size(); ++body) {
      if (api::IsName(issuer.bodies(body), {"bodies"})) continue;
      violations.Add(base::Cat(path, ".bodies[", body, "]"),
                     base::Cat("'", issuer.bodies(body), "' is no body, as in bodies/es-fuenlabrada"));
    }
  }
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
  error::FieldViolations violations;
  CompleteLimits(*config.mutable_limits(), violations);
  CompleteClocks(*config.mutable_clocks(), violations);
  CompleteStatistics(*config.mutable_statistics(), violations);
  CompleteRetention(*config.mutable_retention(), violations);
  if (config.data_dir().empty()) violations.Add("data_dir", "is required: where the store is to be");
  if (config.key_dir().empty())
    violations.Add("key_dir", "is required: a folder for keys, apart from data_dir");
  CheckListeners(config, violations);
  CheckPeers(config, violations);
  CheckIssuers(config, violations);
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
