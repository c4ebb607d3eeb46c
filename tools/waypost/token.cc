// waypost token: for demonstrations, where the node is its own issuer.
#include <memory>
#include <optional>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/data_folder.h"
#include "common/identity/demo_issuer.h"
#include "common/policy/policy.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/commands.h"
#include "tools/waypost/times.h"

namespace waypost::cli {
namespace {

struct TokenOptions {
  std::string data_dir;
  std::string body;
  std::string subject;
  std::vector<std::string> roles;
  std::vector<std::string> units;
  std::string ttl = "8h";
};

std::string RoleChoices() {
  std::string choices;
  for (int i = 0; i < policy::kRoleCount; ++i) {
    choices += (i == 0 ? "" : ",") + std::string(policy::RoleName(static_cast<policy::Role>(i)));
  }
  return "{" + choices + "}";
}

// "funding-officer" and "funding officer" are "funding_officer".
std::optional<policy::Role> RoleOf(std::string text) {
  for (char& c : text) c = c == '-' || c == ' ' ? '_' : c;
  return policy::RoleFromName(text);
}

CLI::Validator RoleChoice() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        return RoleOf(text).has_value() ? "" : text + " is not one of " + RoleChoices();
      },
      RoleChoices());
}

absl::StatusOr<identity::DemoIssuer::Grant> MakeGrant(const TokenOptions& options) {
  identity::DemoIssuer::Grant grant;
  grant.body = options.body.find('/') == std::string::npos ? "bodies/" + options.body : options.body;
  grant.subject = options.subject;
  for (const std::string& unit : options.units) {
    grant.units.push_back(unit.find('/') == std::string::npos ? base::Cat(grant.body, "/units/", unit)
                                                              : unit);
  }
  for (const std::string& role : options.roles) {
    const auto known = RoleOf(role);
    if (!known.has_value()) return error::InvalidField("--role", base::Cat("must be one of ", RoleChoices()));
    grant.roles.Add(*known);
  }
  const auto ttl = ParseSpan(options.ttl);
  if (!ttl.has_value()) return error::InvalidField("--ttl", "must be a span as 8h");
  grant.lifetime = *ttl;
  return grant;
}

absl::Status Mint(Session& session, const TokenOptions& options) {
  const Environment& env = session.env();
  WAYPOST_ASSIGN_OR_RETURN(const identity::DemoIssuer::Grant grant, MakeGrant(options));
  // Opening an unused folder would make it a demonstration.
  WAYPOST_ASSIGN_OR_RETURN(const bool is_unused, identity::DataFolder::IsUnused(options.data_dir));
  if (is_unused)
    return error::InvalidField("--data-dir", "is no data folder; start a node with --demo first");
  WAYPOST_ASSIGN_OR_RETURN(const identity::DataFolder folder,
                           identity::DataFolder::Open(
                               {.dir = options.data_dir, .demo = true, .now = env.clock.Now()}, env.random));
  WAYPOST_ASSIGN_OR_RETURN(const auto issuer, identity::DemoIssuer::Open(folder, env.random));
  WAYPOST_ASSIGN_OR_RETURN(const std::string token, issuer->Mint(grant, env.clock.Now()));
  if (!session.json()) {
    env.out << token << '\n';
    return absl::OkStatus();
  }
  const nlohmann::ordered_json result = {
      {"token", token},
      {"body", grant.body},
      {"expireTime", ShowTime(env.clock.Now() + grant.lifetime, absl::UTCTimeZone())}};
  env.out << result.dump(1) << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddTokenCommand(CLI::App& root, Session& session) {
  CLI::App& leaf = *root.add_subcommand("token", "Mint a token; only for the data folder of a demonstration");
  auto options = std::make_shared<TokenOptions>();
  leaf.add_option("--data-dir", options->data_dir, "the node's data folder")->required()->type_name("FOLDER");
  leaf.add_option("--body", options->body, "the body acted for, as bodies/es-fuenlabrada")->required();
  leaf.add_option("--role", options->roles, "may be repeated")
      ->required()
      ->type_name("WORD")
      ->allow_extra_args(false)
      ->check(RoleChoice());
  leaf.add_option("--unit", options->units, "a unit that the caller is a member of; may be repeated")
      ->allow_extra_args(false);
  leaf.add_option("--subject", options->subject, "who it is")->required();
  leaf.add_option("--ttl", options->ttl, "how long it lasts, at most 24h")->capture_default_str();
  session.On(leaf, [&session, options] { return Mint(session, *options); });
}

}  // namespace waypost::cli
