#include "services/audit/audit_view.h"

#include "common/api/resource.h"
#include "services/audit/audit_requests.h"
#include "services/audit/verify.h"

namespace waypost::audit {

v1::Entry View(const LoggedRecord& record, const policy::Authorized& /*as*/) {
  v1::Entry entry;
  entry.set_name(EntryName(record.index));
  entry.set_index(record.index);
  *entry.mutable_append_time() = api::ToTimestamp(record.append_time);
  entry.set_leaf(record.leaf);
  *entry.mutable_record() = record.event;
  return entry;
}

v1::Proof ClosedProof(const LoggedRecord& record, uint64_t tree_size) {
  v1::Proof proof;
  proof.set_format(std::string(kProofFormat));
  proof.set_name(EntryName(record.index));
  proof.set_index(record.index);
  proof.set_tree_size(tree_size);
  proof.set_leaf(record.leaf);
  return proof;
}

v1::Proof OpenedProof(const LoggedRecord& record, uint64_t tree_size, const policy::Authorized& /*as*/) {
  v1::Proof proof = ClosedProof(record, tree_size);
  proof.set_record(record.envelope.event());
  proof.set_nonce(record.envelope.nonce());
  return proof;
}

}  // namespace waypost::audit
