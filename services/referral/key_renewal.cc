#include "services/referral/key_renewal.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral {
namespace {

constexpr int kBatch = 200;

// What one referral needs.
struct Renewal {
  std::vector<Wrap> based_on;
  std::vector<Wrap> wraps;
  struct Reference {
    std::string body;
    storage::v1::OwnReferenceRecord before;
    storage::v1::OwnReferenceRecord renewed;
  };
  std::vector<Reference> references;
  std::vector<rows::PersonLookup> person_lookups_before;
  std::vector<rows::PersonLookup> person_lookups;

  bool empty() const { return wraps.empty() && references.empty() && person_lookups.empty(); }
};

absl::StatusOr<Renewal> Plan(const store::Reader& reader, Sealing& sealing, const std::string& name,
                             absl::Time now) {
  Renewal renewal;
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, name));
  renewal.based_on = holdings.wraps();
  WAYPOST_ASSIGN_OR_RETURN(renewal.wraps, sealing.Rewrap(name, renewal.based_on, now));
  std::set<std::string> bodies;
  for (const Wrap& wrap : renewal.based_on) bodies.insert(wrap.body);
  for (const std::string& body : bodies) {
    const auto* reference = holdings.OwnReferenceOf(body);
    if (reference == nullptr) continue;
    WAYPOST_ASSIGN_OR_RETURN(auto renewed, sealing.RenewLookup(name, body, renewal.based_on, *reference));
    if (renewed.has_value()) renewal.references.push_back({body, *reference, *std::move(renewed)});
  }
  renewal.person_lookups_before = holdings.person_lookups();
  if (renewal.person_lookups_before.empty()) return renewal;
  WAYPOST_ASSIGN_OR_RETURN(const auto sections, rows::ListSections(reader, name));
  WAYPOST_ASSIGN_OR_RETURN(
      renewal.person_lookups,
      sealing.RenewPersonLookups(name, renewal.based_on, sections, renewal.person_lookups_before));
  return renewal;
}

absl::Status Write(store::Writer& writer, const std::string& name, const Renewal& renewal) {
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, name));
  if (!SameWraps(renewal.based_on, holdings.wraps())) return rpc::PrepareAgain();
  for (const Wrap& wrap : renewal.wraps) holdings.Put(wrap);
  for (const Renewal::Reference& reference : renewal.references) {
    const auto* now = holdings.OwnReferenceOf(reference.body);
    const bool same = now != nullptr && now->sealed() == reference.before.sealed() &&
                      now->lookup() == reference.before.lookup();
    if (!same) return rpc::PrepareAgain();
    holdings.PutOwnReference(reference.body, reference.renewed);
  }
  // With the same wraps and lookups, what the lookups are made from is the same.
  if (!renewal.person_lookups.empty() && renewal.person_lookups_before != holdings.person_lookups()) {
    return rpc::PrepareAgain();
  }
  for (const rows::PersonLookup& lookup : renewal.person_lookups) holdings.PutPersonLookup(lookup);
  holdings.Save(writer);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RenewalReport> RenewKeys(store::Store& store, Sealing& sealing, absl::Time now) {
  RenewalReport report;
  std::string after;
  while (true) {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, rows::ListNames(*reader, after, kBatch));
    for (const std::string& name : names) {
      ++report.referrals;
      WAYPOST_ASSIGN_OR_RETURN(const Renewal renewal, Plan(*reader, sealing, name, now));
      if (renewal.empty()) continue;
      const absl::Status written =
          store::TransactAndWait(store, [&](store::Writer& writer) { return Write(writer, name, renewal); });
      if (written.code() == absl::StatusCode::kAborted) {
        ++report.missed;
        continue;
      }
      WAYPOST_RETURN_IF_ERROR(written);
      report.wraps += renewal.wraps.size();
      report.lookups += renewal.references.size() + renewal.person_lookups.size();
    }
    if (static_cast<int>(names.size()) < kBatch) return report;
    after = names.back();
  }
}

}  // namespace waypost::referral
