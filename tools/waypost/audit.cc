// waypost audit: the log, and evidence that can be checked without it.
#include <cstdint>
#include <limits>
#include <memory>
#include <ostream>

#include "absl/strings/escaping.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "services/audit/verify.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/audit/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = audit::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.audit.v1.AuditService/";

void AddEntryList(CLI::App& group, Session& session) {
  ListCommand list = {.name = "list",
                      .help = "Records that the own body is a party to, newest first (auditor)",
                      .method = std::string(kService) + "ListEntries",
                      .request = pb::ListEntriesRequest::default_instance(),
                      .response = pb::ListEntriesResponse::default_instance(),
                      .headings = {"entry", "time", "type", "resource", "rev", "body", "role", "purpose"},
                      .nothing = "No entries."};
  list.flags.help = {{"body", "whose records; the own body's if absent"},
                     {"resource", "only of this resource; one of --resource, --actor, --type"},
                     {"actor", "only what this person of the own body did, by pseudonym"},
                     {"type", "only of this type, as referral.accepted"},
                     {"start_time", "only what the log took at this time or later"},
                     {"end_time", "only what it took before this time"}};
  list.row = [&session](const Message& item) {
    const auto& entry = static_cast<const pb::Entry&>(item);
    const event::v1::Event& record = entry.record();
    return std::vector<std::string>{entry.name(),
                                    ShowTime(record.time(), session.zone()),
                                    record.type(),
                                    record.resource(),
                                    base::Cat(record.revision()),
                                    record.body(),
                                    record.role(),
                                    record.purpose()};
  };
  AddList(group, session, std::move(list));
}

struct ProveOptions {
  std::string subject;
  int64_t revision = 0;
  uint64_t tree_size = 0;
  std::string out;
};

absl::Status Prove(Session& session, const ProveOptions& options) {
  pb::GetProofRequest request;
  if (options.subject.rfind("entries/", 0) == 0) {
    request.set_entry(options.subject);
  } else {
    request.set_resource(options.subject);
  }
  request.set_revision(options.revision);
  request.set_tree_size(options.tree_size);
  pb::Proof bundle;
  WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetProof", request, bundle));
  WAYPOST_RETURN_IF_ERROR(audit::VerifyBundle(bundle));  // no evidence that would fail later
  WAYPOST_ASSIGN_OR_RETURN(const std::string json, audit::BundleToJson(bundle));
  if (options.out.empty() || options.out == "-") {
    session.env().out << json;
    return absl::OkStatus();
  }
  WAYPOST_RETURN_IF_ERROR(WriteFile(options.out, json));
  session.Hint(base::Cat(options.out, ": proof of ", bundle.name(), " in the tree of ", bundle.tree_size(),
                         " entries"));
  return absl::OkStatus();
}

void AddProve(CLI::App& group, Session& session) {
  CLI::App& leaf = *group.add_subcommand(
      "prove", "A bundle that opens one record and proves it, checked offline by verify");
  auto options = std::make_shared<ProveOptions>();
  leaf.add_option("subject", options->subject, "an entry (entries/5) or a resource (referrals/01jd…)")
      ->required();
  leaf.add_option("--revision", options->revision, "of the resource; the newest if absent")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  leaf.add_option("--tree-size", options->tree_size, "the tree to prove it in; the present one if absent");
  leaf.add_option("--out", options->out, "write it to this file instead of standard output")
      ->type_name("FILE");
  session.On(leaf, [&session, options] { return Prove(session, *options); });
}

struct VerifyOptions {
  std::string file;
  std::string tree_head;
  std::string root;
};

absl::Status CheckRoot(const std::string& wanted_hex, std::string_view root) {
  if (wanted_hex.empty()) return absl::OkStatus();
  if (wanted_hex.size() != 64 ||
      wanted_hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return error::InvalidField("--root", "must be 64 hexadecimal digits");
  }
  if (absl::HexStringToBytes(wanted_hex) == root) return absl::OkStatus();
  return error::Make(absl::StatusCode::kInvalidArgument, "PROOF_INVALID",
                     "the root is not the one that is trusted");
}

absl::Status VerifyOne(const Environment& env, const VerifyOptions& options, const pb::Proof& bundle) {
  WAYPOST_RETURN_IF_ERROR(audit::VerifyBundle(bundle));
  WAYPOST_RETURN_IF_ERROR(CheckRoot(options.root, bundle.root_hash()));
  if (options.tree_head.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::string json, ReadDocument(env, options.tree_head));
  pb::TreeHead head;
  WAYPOST_RETURN_IF_ERROR(FromJson(json, options.tree_head, head));
  return audit::VerifyBundleAgainst(bundle, head);
}

absl::Status ShowVerified(Session& session, const pb::Proof& bundle, bool is_trusted) {
  std::ostream& out = session.env().out;
  event::v1::Event record;
  const bool is_open = !bundle.record().empty();
  if (is_open) {
    WAYPOST_ASSIGN_OR_RETURN(record, audit::OpenBundle(bundle));
  }
  if (session.json()) {
    nlohmann::ordered_json result = {{"verified", true},
                                     {"rootTrusted", is_trusted},
                                     {"name", bundle.name()},
                                     {"treeSize", base::Cat(bundle.tree_size())},
                                     {"rootHash", base::ToHex(bundle.root_hash())}};
    if (is_open) {
      WAYPOST_ASSIGN_OR_RETURN(const std::string json, ToJsonLine(record));
      result["record"] = nlohmann::ordered_json::parse(json);
    }
    out << result.dump(1) << '\n';
    return absl::OkStatus();
  }
  out << "The proof holds: " << bundle.name() << " is in the tree of " << bundle.tree_size()
      << " entries with root\n  " << base::ToHex(bundle.root_hash()) << '\n';
  if (!is_trusted) {
    out << "Compare that root with one of the same size from a source that you trust (--tree-head, "
           "--root).\n";
  }
  if (is_open) out << "The record:\n" << Details(record, session.zone());
  return absl::OkStatus();
}

absl::Status Verify(Session& session, const VerifyOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string content,
                           ReadDocument(session.env(), options.file, audit::kMaxBundleBytes));
  const size_t first = content.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string::npos && content[first] == '{';
  WAYPOST_ASSIGN_OR_RETURN(const pb::Proof bundle,
                           is_json ? audit::BundleFromJson(content) : audit::BundleFromBinary(content));
  WAYPOST_RETURN_IF_ERROR(VerifyOne(session.env(), options, bundle));
  return ShowVerified(session, bundle, !options.tree_head.empty() || !options.root.empty());
}

void AddVerify(CLI::App& group, Session& session) {
  CLI::App& leaf =
      *group.add_subcommand("verify", "Check a bundle, with no server; exit code 7 when it does not hold");
  auto options = std::make_shared<VerifyOptions>();
  leaf.add_option("bundle", options->file, "the file; - for standard input")->required();
  leaf.add_option("--tree-head", options->tree_head,
                  "a trusted tree head of that size, as audit head --output json gives it")
      ->type_name("FILE");
  leaf.add_option("--root", options->root, "the trusted root of that size")->type_name("HEX");
  session.On(leaf, [&session, options] { return Verify(session, *options); });
}

struct ConsistencyOptions {
  uint64_t first = 0;
  uint64_t second = 0;
  std::string first_root;
};

absl::Status CheckConsistency(Session& session, const ConsistencyOptions& options) {
  pb::GetConsistencyProofRequest request;
  request.set_first_size(options.first);
  request.set_second_size(options.second);
  pb::ConsistencyProof proof;
  WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetConsistencyProof", request, proof));
  WAYPOST_RETURN_IF_ERROR(audit::VerifyGrowth(proof));
  const bool is_what_was_asked =
      proof.first_size() == options.first && (options.second == 0 || proof.second_size() == options.second);
  if (!is_what_was_asked) {
    return error::Make(absl::StatusCode::kInvalidArgument, "PROOF_INVALID", "the proof is about other trees");
  }
  WAYPOST_RETURN_IF_ERROR(CheckRoot(options.first_root, proof.first_root_hash()));
  if (session.json()) return session.ShowJson(proof);
  session.env().out << "The log only grew: its first " << proof.first_size()
                    << " entries are the same in the tree of " << proof.second_size() << ".\n  "
                    << proof.first_size() << "  " << base::ToHex(proof.first_root_hash()) << "\n  "
                    << proof.second_size() << "  " << base::ToHex(proof.second_root_hash()) << '\n';
  return absl::OkStatus();
}

void AddConsistency(CLI::App& group, Session& session) {
  CLI::App& leaf =
      *group.add_subcommand("consistency", "Check that the log only grew; exit code 7 when it did not");
  auto options = std::make_shared<ConsistencyOptions>();
  leaf.add_option("first", options->first, "the size of the older tree")->required();
  leaf.add_option("second", options->second, "the size of the newer tree; the present one if absent");
  leaf.add_option("--root", options->first_root, "the root of the older tree that was kept")
      ->type_name("HEX");
  session.On(leaf, [&session, options] { return CheckConsistency(session, *options); });
}

}  // namespace

void AddAuditCommands(CLI::App& root, Session& session) {
  CLI::App& group = AddGroup(root, "audit", "The verifiable log of every change and every look");
  AddEntryList(group, session);
  AddCall(group, session,
          {.name = "show",
           .help = "One entry with its record (auditor)",
           .method = std::string(kService) + "GetEntry",
           .request = pb::GetEntryRequest::default_instance(),
           .response = pb::Entry::default_instance(),
           .arguments = {{"name", "entry", "as in entries/5"}}});
  AddCall(group, session,
          {.name = "head",
           .help = "The size of the log and its root hash",
           .method = std::string(kService) + "GetTreeHead",
           .request = pb::GetTreeHeadRequest::default_instance(),
           .response = pb::TreeHead::default_instance()});
  AddProve(group, session);
  AddVerify(group, session);
  AddConsistency(group, session);
}

}  // namespace waypost::cli
