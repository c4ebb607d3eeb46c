// waypost referral receipts: how far a referral has come, and whether what says so holds.
#include <memory>
#include <ostream>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "services/referral/receipt_signature.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using nlohmann::ordered_json;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";

struct ReceiptOptions {
  std::string name;
  std::string keys_file;
};

absl::StatusOr<std::vector<pb::ReceiptKey>> KeysOf(Session& session, const std::string& file) {
  pb::ListReceiptKeysResponse keys;
  if (file.empty()) {
    pb::ListReceiptKeysRequest request;
    WAYPOST_RETURN_IF_ERROR(session.Call(base::Cat(kService, "ListReceiptKeys"), request, keys));
  } else {
    WAYPOST_ASSIGN_OR_RETURN(const std::string json, ReadDocument(session.env(), file));
    WAYPOST_RETURN_IF_ERROR(FromJson(json, file, keys));
  }
  return std::vector<pb::ReceiptKey>(keys.keys().begin(), keys.keys().end());
}

absl::StatusOr<ExitCode> ShowReceipts(Session& session, const ReceiptOptions& options) {
  pb::GetReferralRequest get;
  get.set_name(ReferralName(options.name));
  pb::Referral shown;
  WAYPOST_RETURN_IF_ERROR(session.Call(base::Cat(kService, "GetReferral"), get, shown));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<pb::ReceiptKey> keys, KeysOf(session, options.keys_file));
  bool all_hold = true;
  Table table({"receipt", "time", "body", "content hash", "signature"});
  ordered_json lines = ordered_json::array();
  for (const pb::TransportReceipt& receipt : shown.receipts()) {
    const bool holds = referral::ReceiptHolds(get.name(), receipt, keys);
    all_hold = all_hold && holds;
    table.Add({EnumWords(receipt.kind()), ShowTime(receipt.time(), session.zone()), receipt.body(),
               base::ToHex(receipt.content_hash()), holds ? "holds" : "DOES NOT HOLD"});
    WAYPOST_ASSIGN_OR_RETURN(const std::string json, ToJsonLine(receipt));
    ordered_json line = ordered_json::parse(json);
    line["holds"] = holds;
    lines.push_back(std::move(line));
  }
  if (session.json()) {
    session.env().out << ordered_json{{"referral", get.name()}, {"receipts", lines}}.dump(1) << '\n';
  } else if (table.empty()) {
    session.Hint("It has none: it was not sent, or you are not of one of its two sides.");
  } else {
    session.env().out << table.ToText(session.colour());
  }
  return all_hold ? ExitCode::kOk : ExitCode::kVerificationFailed;
}

}  // namespace

void AddReferralReceipts(CLI::App& referral, Session& session) {
  CLI::App& leaf = *referral.add_subcommand(
      "receipts", "When it was received, delivered and read; exit code 7 when a signature does not hold");
  auto options = std::make_shared<ReceiptOptions>();
  leaf.add_option("referral", options->name, "as in referrals/01jd… or 01jd…")->required();
  leaf.add_option(
          "--keys", options->keys_file,
          "the keys to check with, as `call ReferralService/ListReceiptKeys '{}'` gave them once; the "
          "server's own if absent")
      ->type_name("FILE");
  session.OnWithCode(leaf, [&session, options] { return ShowReceipts(session, *options); });
}

}  // namespace waypost::cli
