#include "services/referral/receipt_rows.h"

#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_sealing.h"

namespace waypost::referral {

using policy::Authorized;
using policy::Relation;
using storage::v1::ReferralRecord;

absl::StatusOr<Commitments> StoredCommitments(const store::Reader& reader, std::string_view name,
                                              std::optional<uint32_t> person) {
  WAYPOST_ASSIGN_OR_RETURN(const auto sections, rows::ListSections(reader, name));
  Commitments stored;
  for (const storage::v1::SectionRecord& section : sections) {
    if (person.has_value() && section.person() != *person) continue;
    stored.emplace_back(base::Cat(section.person(), ".", SectionName(section.section())),
                        section.commitment());
  }
  return stored;
}

absl::Status PublishReceipts(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& record,
                             const std::vector<v1::TransportReceipt>& receipts) {
  for (const v1::TransportReceipt& receipt : receipts) {
    if (receipt.kind() == v1::TRANSPORT_RECEIPT_KIND_RECEIVED) continue;
    const std::string name = ReceiptName(record.name(), receipt);
    rpc::Change change{.type = "referral.transport_receipt",
                       .resource = name,
                       .revision = 1,
                       .time = api::FromTimestamp(receipt.time()),
                       .parties = {record.referring().body()},
                       .commitments = {{"content", receipt.content_hash()}},
                       .facts = {{"transport_receipt", ReceiptKindName(receipt.kind())}},
                       .sealed = IsProtected(record)};
    if (receipt.body() != record.referring().body()) change.parties.emplace_back(receipt.body());
    WAYPOST_RETURN_IF_ERROR(mutation.Publish(as, change));
  }
  return absl::OkStatus();
}

absl::Status RecordReading(rpc::Mutation& mutation, const Authorized& as, ReferralRecord record) {
  const absl::Time now = api::NotBefore(mutation.call().now, record);
  std::vector<v1::TransportReceipt> added;
  for (const auto kind : {v1::TRANSPORT_RECEIPT_KIND_DELIVERED, v1::TRANSPORT_RECEIPT_KIND_READ}) {
    const auto receipt = AddReceipt(kind, now, record);
    if (receipt.has_value()) added.push_back(*receipt);
  }
  if (added.empty()) return absl::OkStatus();
  rows::PutRecordAlone(mutation.writer(), record);
  return PublishReceipts(mutation, as, record, added);
}

bool IsDeliveredTo(const Authorized& as, const ReferralRecord& record) {
  // Officers who are to name readers see that it is there, and are not those it is for.
  return as.Is(Relation::kReceiving) && Reads(record, as) &&
         WantsReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, record);
}

rpc::SystemBody Delivering(const ReferralRecord& shown) {
  return [name = shown.name(), sending = SendingUnderWay(shown),
          hash = shown.content_hash()](rpc::Mutation& mutation) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(ReferralRecord record, rows::Get(mutation.writer(), name));
    if (SendingUnderWay(record) != sending || record.content_hash() != hash) return absl::OkStatus();
    const auto receipt =
        AddReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, api::NotBefore(mutation.call().now, record), record);
    if (!receipt.has_value()) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                             mutation.Authorize({.name = name, .relations = {Relation::kAnyone}}));
    rows::PutRecordAlone(mutation.writer(), record);
    return PublishReceipts(mutation, as, record, {*receipt});
  };
}

}  // namespace waypost::referral
