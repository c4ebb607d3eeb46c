#include "services/referral/rights_receipts.h"

#include <utility>

#include "services/referral/canonical_lines.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rights.h"

namespace waypost::referral {
namespace {

// The word of a code; its number where this program knows no word for it. 0 is empty.
std::string CodeText(int code, const std::string& word) {
  if (code == 0) return {};
  return word.empty() ? base::Cat(code) : word;
}

std::string WordOf(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string();
}

void KeepNewest(v1::RightsHolder& holder) {
  auto& receipts = *holder.mutable_receipts();
  const int too_many = receipts.size() - kMaxRightsReceipts;
  if (too_many > 0) receipts.DeleteSubrange(0, too_many);
}

}  // namespace

RightUsed UsedIn(const v1::RightsRequest& request, const v1::RightsHolder& holder) {
  return {.request = request.name(),
          .kind = request.kind(),
          .person = request.person(),
          .referral = holder.referral()};
}

RightUsed UsedIn(const storage::v1::RightsRequestRecord& request, const v1::RightsHolder& holder) {
  return {.request = request.name(),
          .kind = request.kind(),
          .person = request.person(),
          .referral = holder.referral()};
}

std::string RightsReceiptText(const RightUsed& used, const v1::RightsReceipt& receipt) {
  CanonicalLines lines;
  lines.Add("waypost-rights-receipt", 1);
  lines.Add("request", used.request);
  lines.Add("kind", CodeText(used.kind, KindName(used.kind)));
  lines.Add("person", used.person);
  lines.Add("referral", used.referral);
  lines.Add("body", receipt.body());
  lines.Add("side", CodeText(receipt.party(), WordOf(v1::Party_Name(receipt.party()), "PARTY_")));
  lines.Add("answer", CodeText(receipt.answer(), AnswerName(receipt.answer())));
  lines.Add("law", receipt.law());
  lines.Add("retained-until", receipt.retained_until());
  lines.Add("ground", CodeText(receipt.refusal_ground(), GroundName(receipt.refusal_ground())));
  lines.Add("informed-how", CodeText(receipt.informed_how(),
                                     WordOf(v1::InformedHow_Name(receipt.informed_how()), "INFORMED_HOW_")));
  lines.Add("informed-language", receipt.informed_language());
  lines.Add("text-commitment", base::ToHex(receipt.text_commitment()));
  lines.Add("time", CanonicalTime(receipt.time()));
  return lines.is_plain() ? std::move(lines).Take() : std::string();
}

v1::RightsReceipt ReceiptOf(const storage::v1::RightsRequestRecord& request, const v1::RightsHolder& holder) {
  v1::RightsReceipt receipt;
  receipt.set_body(holder.body());
  receipt.set_party(holder.party());
  receipt.set_answer(holder.answer());
  receipt.set_law(holder.law());
  receipt.set_retained_until(holder.retained_until());
  receipt.set_refusal_ground(holder.refusal_ground());
  *receipt.mutable_time() = holder.answer_time();
  receipt.set_text_commitment(request.text_commitment());
  return receipt;
}

bool SaysTheAnswer(const v1::RightsReceipt& receipt, const v1::RightsHolder& holder) {
  return receipt.answer() == holder.answer() && receipt.law() == holder.law() &&
         receipt.retained_until() == holder.retained_until() &&
         receipt.refusal_ground() == holder.refusal_ground() &&
         receipt.time().seconds() == holder.answer_time().seconds() &&
         receipt.time().nanos() == holder.answer_time().nanos();
}

void KeepReceipt(v1::RightsReceipt receipt, v1::RightsHolder& holder) {
  *holder.add_receipts() = std::move(receipt);
  KeepNewest(holder);
}

void KeepReceiptsOfBoth(const v1::RightsHolder& other, v1::RightsHolder& kept) {
  if (kept.answer() != v1::RIGHT_ANSWER_UNSPECIFIED && kept.receipts().empty()) return;
  google::protobuf::RepeatedPtrField<v1::RightsReceipt> both = other.receipts();
  both.MergeFrom(kept.receipts());
  *kept.mutable_receipts() = std::move(both);
  KeepNewest(kept);
}

}  // namespace waypost::referral
