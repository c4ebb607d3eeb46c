#include "services/audit/verify.h"

#include <google/protobuf/util/json_util.h>

#include <span>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/audit/audit_errors.h"
#include "services/audit/audit_limits.h"
#include "services/audit/leaf.h"
#include "services/audit/merkle.h"

namespace waypost::audit {
namespace {

absl::StatusOr<Hash> ReadHash(std::string_view bytes, std::string_view what) {
  const auto hash = HashFromBytes(bytes);
  if (!hash.has_value()) return ProofInvalid(base::Cat(what, " is not 32 bytes long"));
  return *hash;
}

absl::StatusOr<std::vector<Hash>> ReadPath(const google::protobuf::RepeatedPtrField<std::string>& path) {
  // A consistency proof has one hash more than a tree has levels, at most.
  if (path.size() > kMaxTreeLevel + 1) return ProofInvalid("the path is longer than any can be");
  std::vector<Hash> hashes;
  for (const std::string& bytes : path) {
    WAYPOST_ASSIGN_OR_RETURN(const Hash hash, ReadHash(bytes, "a hash of the path"));
    hashes.push_back(hash);
  }
  return hashes;
}

// The record and its nonce must make exactly the leaf that the tree holds.
absl::Status CheckOpening(const v1::Proof& bundle) {
  if (bundle.record().empty() && bundle.nonce().empty()) return absl::OkStatus();
  if (bundle.nonce().size() != kNonceBytes) return ProofInvalid("the nonce is not 32 bytes long");
  if (bundle.record().size() > kMaxRecordBytes) return ProofInvalid("the record is larger than any can be");
  event::v1::Event event;
  if (!event.ParseFromString(bundle.record())) return ProofInvalid("the record cannot be read as an event");
  if (event.event_id() != EventIdOf(bundle.leaf())) return ProofInvalid("the leaf is that of another event");
  if (MakeLeaf(event.event_id(), bundle.nonce(), bundle.record()) != bundle.leaf()) {
    return ProofInvalid("the record and the nonce do not open the leaf");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyBundle(const v1::Proof& bundle) {
  if (bundle.format() != kProofFormat) {
    return ProofInvalid(base::Cat("the format is not ", kProofFormat));
  }
  if (bundle.name() != base::Cat("entries/", bundle.index())) {
    return ProofInvalid("the name is not that of the index");
  }
  if (!IsLeaf(bundle.leaf())) return ProofInvalid("the leaf is not one of version 1");
  WAYPOST_RETURN_IF_ERROR(CheckOpening(bundle));
  WAYPOST_ASSIGN_OR_RETURN(const Hash root, ReadHash(bundle.root_hash(), "the root"));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<Hash> path, ReadPath(bundle.path()));
  return VerifyInclusion(bundle.index(), bundle.tree_size(), HashLeaf(bundle.leaf()), path, root);
}

absl::Status VerifyBundleAgainst(const v1::Proof& bundle, const v1::TreeHead& head) {
  WAYPOST_RETURN_IF_ERROR(VerifyBundle(bundle));
  if (bundle.tree_size() != head.tree_size()) return ProofInvalid("the tree head is of another size");
  if (bundle.root_hash() != head.root_hash()) return ProofInvalid("the root is not that of the tree head");
  return absl::OkStatus();
}

absl::StatusOr<event::v1::Event> OpenBundle(const v1::Proof& bundle) {
  WAYPOST_RETURN_IF_ERROR(VerifyBundle(bundle));
  if (bundle.nonce().empty()) return ProofInvalid("the bundle opens no record");
  event::v1::Event event;
  if (!event.ParseFromString(bundle.record())) return ProofInvalid("the record cannot be read as an event");
  return event;
}

absl::Status VerifyGrowth(const v1::ConsistencyProof& proof) {
  WAYPOST_ASSIGN_OR_RETURN(const Hash first, ReadHash(proof.first_root_hash(), "the first root"));
  WAYPOST_ASSIGN_OR_RETURN(const Hash second, ReadHash(proof.second_root_hash(), "the second root"));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<Hash> path, ReadPath(proof.path()));
  return VerifyConsistency(proof.first_size(), proof.second_size(), path, first, second);
}

absl::StatusOr<v1::Proof> BundleFromJson(std::string_view json) {
  if (json.size() > kMaxBundleBytes) return ProofInvalid("the bundle is larger than any can be");
  if (!base::IsValidUtf8(json)) return ProofInvalid("the bundle is not UTF-8");
  v1::Proof bundle;
  // Its message repeats the input, which may hold a record; ours does not.
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &bundle);
  if (!status.ok()) return ProofInvalid("the bundle is not the JSON form of one");
  return bundle;
}

absl::StatusOr<v1::Proof> BundleFromBinary(std::string_view bytes) {
  if (bytes.size() > kMaxBundleBytes) return ProofInvalid("the bundle is larger than any can be");
  v1::Proof bundle;
  if (!bundle.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return ProofInvalid("the bundle is not the binary form of one");
  }
  if (!bundle.GetReflection()->GetUnknownFields(bundle).empty()) {
    return ProofInvalid("the bundle has fields that no bundle has");
  }
  return bundle;
}

absl::StatusOr<std::string> BundleToJson(const v1::Proof& bundle) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;  // "index": "0" is part of the form
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(bundle, &json, options);
  if (!status.ok()) return ProofInvalid("the bundle has texts that are not UTF-8");
  return json;
}

}  // namespace waypost::audit
