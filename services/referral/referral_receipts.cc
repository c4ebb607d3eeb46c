#include "services/referral/referral_receipts.h"

#include <algorithm>
#include <charconv>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "services/referral/canonical_lines.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using storage::v1::ReferralRecord;

void AddBasis(std::string_view side, const v1::Basis& basis, CanonicalLines& lines) {
  lines.Add(base::Cat("disclosure.", side, ".article-6"), basis.article_6());
  lines.Add(base::Cat("disclosure.", side, ".article-9"), basis.article_9());
  lines.Add(base::Cat("disclosure.", side, ".law"), basis.law());
}

void AddDisclosure(const v1::Disclosure& disclosure, CanonicalLines& lines) {
  lines.Add("disclosure.purpose", disclosure.purpose());
  lines.Add("disclosure.recipient", disclosure.recipient());
  lines.AddAll("disclosure.section", disclosure.sections());
  lines.AddAll("disclosure.field", disclosure.fields());
  lines.AddAll("disclosure.special-category-section", disclosure.special_category_sections());
  AddBasis("referring", disclosure.referring_basis(), lines);
  AddBasis("receiving", disclosure.receiving_basis(), lines);
  lines.Add("disclosure.retention-rule", disclosure.retention_rule());
  lines.Add("disclosure.informed-how", disclosure.informed_how());
  lines.Add("disclosure.informed-language", disclosure.informed_language());
  lines.Add("disclosure.refusal-costs-nothing", disclosure.refusal_costs_nothing() ? 1 : 0);
  lines.Add("disclosure.override-ground", disclosure.override_ground());
}

void AddPerson(const v1::Person& person, CanonicalLines& lines) {
  lines.Add("person", person.number());
  lines.Add("age-band", person.age_band());
  lines.AddAll("language", person.languages());
  lines.Add("interpreter-language", person.interpreter_language());
  lines.AddAll("accessibility-need", person.accessibility_needs());
  lines.Add("agreement", person.agreement());
  lines.Add("secrecy-release", person.secrecy_release());
  const v1::ParentalResponsibility& parents = person.parental_responsibility();
  lines.Add("parental-holders", parents.holders());
  lines.Add("parental-conflict", parents.conflict());
  lines.Add("child-view", parents.child_view());
  AddDisclosure(person.disclosure(), lines);
}

// Is "2.details" a section of a person who is in the record?
bool IsOfAny(const ReferralRecord& record, std::string_view section) {
  uint32_t number = 0;
  std::from_chars(section.data(), section.data() + section.size(), number);
  return FindPerson(record, number) != nullptr;
}

// Where the sending under way begins; the size of the list where there is none.
int BeginOf(const ReferralRecord& record) {
  for (int i = record.receipts_size() - 1; i >= 0; --i) {
    if (record.receipts(i).kind() == v1::TRANSPORT_RECEIPT_KIND_RECEIVED) return i;
  }
  return record.receipts_size();
}

// Makes room for a whole sending: the oldest ones, of which some may have had one receipt alone, are in the
// log alone.
void ForgetOldest(ReferralRecord& record) {
  constexpr int kKinds = 3;
  auto& receipts = *record.mutable_receipts();
  const int too_many = receipts.size() + kKinds - kMaxReceipts;
  if (too_many <= 0) return;
  const auto next = std::find_if(
      receipts.begin() + std::min(too_many, receipts.size()), receipts.end(),
      [](const v1::TransportReceipt& one) { return one.kind() == v1::TRANSPORT_RECEIPT_KIND_RECEIVED; });
  receipts.erase(receipts.begin(), next);
}

v1::TransportReceipt Append(v1::TransportReceiptKind kind, absl::Time now, ReferralRecord& record) {
  const bool begins = kind == v1::TRANSPORT_RECEIPT_KIND_RECEIVED;
  if (!record.receipts().empty()) {
    const absl::Time last = api::FromTimestamp(record.receipts(record.receipts_size() - 1).time());
    // No two sendings begin at one time: it is their name.
    now = std::max(now, begins ? last + absl::Microseconds(1) : last);
  }
  v1::TransportReceipt& receipt = *record.add_receipts();
  receipt.set_kind(kind);
  *receipt.mutable_time() = api::ToTimestamp(now);
  *receipt.mutable_sent_time() =
      begins ? receipt.time() : api::ToTimestamp(SendingUnderWay(record).value_or(now));
  receipt.set_body(record.receiving().body());
  receipt.set_content_hash(record.content_hash());
  return receipt;
}

}  // namespace

std::string ContentText(const ReferralRecord& record, const Commitments& commitments) {
  CanonicalLines lines;
  lines.Add("waypost-referral-content", 1);
  lines.Add("name", record.name());
  lines.Add("referring", record.referring().body());
  lines.Add("receiving", record.receiving().body());
  lines.Add("theme", record.theme());
  lines.Add("territory", record.territory());
  lines.Add("offer", record.offer());
  std::vector<const v1::Person*> persons;
  for (const v1::Person& person : record.persons()) persons.push_back(&person);
  std::sort(persons.begin(), persons.end(),
            [](const v1::Person* a, const v1::Person* b) { return a->number() < b->number(); });
  for (const v1::Person* person : persons) AddPerson(*person, lines);
  std::vector<std::string> sealed;
  for (const auto& [name, commitment] : commitments) {
    if (IsOfAny(record, name)) sealed.push_back(base::Cat(name, " ", base::ToHex(commitment)));
  }
  std::sort(sealed.begin(), sealed.end());
  lines.AddAll("sealed", sealed);
  return std::move(lines).Take();
}

bool IsSending(Event event, const ReferralRecord& after) {
  if (event == Event::kSubmit || event == Event::kOpenLinked) return true;
  // Opened again by the receiving body, it is where it was.
  return event == Event::kReopen && after.state() == v1::REFERRAL_STATE_REQUESTED;
}

std::optional<absl::Time> SendingUnderWay(const ReferralRecord& record) {
  const int begin = BeginOf(record);
  if (begin == record.receipts_size()) return std::nullopt;
  return api::FromTimestamp(record.receipts(begin).time());
}

v1::TransportReceipt BeginReceipts(std::string_view content_hash, absl::Time now, ReferralRecord& record) {
  record.set_content_hash(std::string(content_hash));
  ForgetOldest(record);
  return Append(v1::TRANSPORT_RECEIPT_KIND_RECEIVED, now, record);
}

void RenewContentHash(std::string_view content_hash, ReferralRecord& record) {
  if (record.content_hash().empty()) return;
  record.set_content_hash(std::string(content_hash));
}

bool WantsReceipt(v1::TransportReceiptKind kind, const ReferralRecord& record) {
  const int begin = BeginOf(record);
  if (begin == record.receipts_size()) return false;
  if (record.receipts(begin).body() != record.receiving().body()) return false;
  for (int i = begin; i < record.receipts_size(); ++i) {
    if (record.receipts(i).kind() == kind) return false;
  }
  return true;
}

std::optional<v1::TransportReceipt> AddReceipt(v1::TransportReceiptKind kind, absl::Time now,
                                               ReferralRecord& record) {
  if (!WantsReceipt(kind, record)) return std::nullopt;
  return Append(kind, now, record);
}

std::string_view ReceiptKindName(v1::TransportReceiptKind kind) {
  switch (kind) {
    case v1::TRANSPORT_RECEIPT_KIND_RECEIVED:
      return "RECEIVED";
    case v1::TRANSPORT_RECEIPT_KIND_DELIVERED:
      return "DELIVERED";
    case v1::TRANSPORT_RECEIPT_KIND_READ:
      return "READ";
    default:
      return {};
  }
}

std::string ReceiptName(std::string_view referral, const v1::TransportReceipt& receipt) {
  std::string kind(ReceiptKindName(receipt.kind()));
  std::transform(kind.begin(), kind.end(), kind.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  return base::Cat(referral, "/receipts/", kind, "-", absl::ToUnixMicros(api::FromTimestamp(receipt.time())));
}

}  // namespace waypost::referral
