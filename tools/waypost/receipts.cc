// waypost referral receipts, waypost rights receipts: how far a referral has come, and what bodies have
// answered when a person used a right; and whether what says so holds.
#include <memory>
#include <ostream>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "services/referral/receipt_signature.h"
#include "services/referral/rights_receipts.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/referral/v1/rights.pb.h"

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

constexpr char kHolds[] = "holds";
constexpr char kDoesNotHold[] = "DOES NOT HOLD";

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
               base::ToHex(receipt.content_hash()), holds ? kHolds : kDoesNotHold});
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

// The receipts of the answers to one use of a right, as they are gone through.
struct CheckedAnswers {
  Table table = Table({"referral", "body", "answer", "law", "until", "ground", "time", "signature"});
  ordered_json lines = ordered_json::array();
  ordered_json unsigned_answers = ordered_json::array();
  bool all_hold = true;
};

absl::Status CheckReceipt(Session& session, const pb::RightsHolder& holder, const pb::RightsReceipt& receipt,
                          bool holds, CheckedAnswers& checked) {
  checked.all_hold = checked.all_hold && holds;
  checked.table.Add({holder.referral(), receipt.body(), EnumWords(receipt.answer()), receipt.law(),
                     receipt.retained_until(), EnumWords(receipt.refusal_ground()),
                     ShowTime(receipt.time(), session.zone()), holds ? kHolds : kDoesNotHold});
  WAYPOST_ASSIGN_OR_RETURN(const std::string json, ToJsonLine(receipt));
  ordered_json line = {{"referral", holder.referral()}};
  line.update(ordered_json::parse(json));
  line["holds"] = holds;
  checked.lines.push_back(std::move(line));
  return absl::OkStatus();
}

// The answer as it is shown has no receipt: from before there were any, or it is not what was signed.
void AddUnsigned(Session& session, const pb::RightsHolder& holder, CheckedAnswers& checked) {
  const bool forged = !holder.receipts().empty();
  checked.all_hold = checked.all_hold && !forged;
  checked.table.Add({holder.referral(), holder.body(), EnumWords(holder.answer()), holder.law(),
                     holder.retained_until(), EnumWords(holder.refusal_ground()),
                     ShowTime(holder.answer_time(), session.zone()),
                     forged ? "NOT WHAT WAS SIGNED" : "not signed"});
  checked.unsigned_answers.push_back(
      {{"referral", holder.referral()}, {"body", holder.body()}, {"notWhatWasSigned", forged}});
}

absl::Status CheckHolder(Session& session, const pb::RightsRequest& shown, const pb::RightsHolder& holder,
                         const std::vector<pb::ReceiptKey>& keys, CheckedAnswers& checked) {
  for (const pb::RightsReceipt& receipt : holder.receipts()) {
    const bool holds = referral::ReceiptHolds(referral::UsedIn(shown, holder), receipt, keys);
    WAYPOST_RETURN_IF_ERROR(CheckReceipt(session, holder, receipt, holds, checked));
  }
  if (holder.answer() == pb::RIGHT_ANSWER_UNSPECIFIED) return absl::OkStatus();
  const bool is_signed =
      !holder.receipts().empty() && referral::SaysTheAnswer(*holder.receipts().rbegin(), holder);
  if (!is_signed) AddUnsigned(session, holder, checked);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> ShowRightsReceipts(Session& session, const ReceiptOptions& options) {
  pb::GetRightsRequestRequest get;
  get.set_name(RightsName(options.name));
  pb::RightsRequest shown;
  WAYPOST_RETURN_IF_ERROR(session.Call(base::Cat(kService, "GetRightsRequest"), get, shown));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<pb::ReceiptKey> keys, KeysOf(session, options.keys_file));
  // What was asked for, not what the server says that it is.
  shown.set_name(get.name());
  CheckedAnswers checked;
  for (const pb::RightsHolder& holder : shown.holders()) {
    WAYPOST_RETURN_IF_ERROR(CheckHolder(session, shown, holder, keys, checked));
  }
  if (session.json()) {
    session.env().out << ordered_json{{"request", get.name()},
                                      {"receipts", checked.lines},
                                      {"unsigned", checked.unsigned_answers}}
                             .dump(1)
                      << '\n';
  } else if (checked.table.empty()) {
    session.Hint("Nobody whose answers you may see has answered yet.");
  } else {
    session.env().out << checked.table.ToText(session.colour());
  }
  return checked.all_hold ? ExitCode::kOk : ExitCode::kVerificationFailed;
}

void AddKeysOption(CLI::App& leaf, ReceiptOptions& options) {
  leaf.add_option(
          "--keys", options.keys_file,
          "the keys to check with, as `call ReferralService/ListReceiptKeys '{}'` gave them once; the "
          "server's own if absent")
      ->type_name("FILE");
}

}  // namespace

void AddReferralReceipts(CLI::App& referral, Session& session) {
  CLI::App& leaf = *referral.add_subcommand(
      "receipts", "When it was received, delivered and read; exit code 7 when a signature does not hold");
  auto options = std::make_shared<ReceiptOptions>();
  leaf.add_option("referral", options->name, "as in referrals/01jd… or 01jd…")->required();
  AddKeysOption(leaf, *options);
  session.OnWithCode(leaf, [&session, options] { return ShowReceipts(session, *options); });
}

void AddRightsReceipts(CLI::App& rights, Session& session) {
  CLI::App& leaf = *rights.add_subcommand(
      "receipts", "What each body answered, signed; exit code 7 when a signature does not hold");
  auto options = std::make_shared<ReceiptOptions>();
  leaf.add_option("request", options->name, "as in rightsRequests/01jd… or 01jd…")->required();
  AddKeysOption(leaf, *options);
  session.OnWithCode(leaf, [&session, options] { return ShowRightsReceipts(session, *options); });
}

}  // namespace waypost::cli
