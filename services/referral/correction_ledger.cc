#include "services/referral/correction_ledger.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "services/referral/correction_rows.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::CorrectionRecord;
using storage::v1::ReferralRecord;

// A transaction may run twice, and is to make the same id each time. Nobody can tell from the id which
// decline it was: who knows a referral's name can at most try it. Nor when it was: operators of other bodies
// see the name, and are not to learn that.
class FromHash final : public base::Random {
 public:
  explicit FromHash(std::string seed) : seed_(std::move(seed)) {}
  std::string Bytes(size_t size) override { return crypto::Sha256(seed_).substr(0, size); }

 private:
  const std::string seed_;
};

std::string NewName(const ReferralRecord& declined) {
  FromHash random(base::Cat("correction ", declined.name(), " ", declined.revision()));
  return rows::CorrectionNameOfId(api::NewId(absl::UnixEpoch(), random));
}

absl::Status Tell(rpc::Mutation& mutation, const Authorized& as, const CorrectionRecord& task,
                  std::string_view event) {
  return mutation.Publish(as, {.type = event,
                               .resource = task.name(),
                               .revision = task.revision(),
                               .time = api::FromTimestamp(task.update_time()),
                               .state = CorrectionState(task),
                               .parties = {task.body()}});
}

absl::Status GiveAway(rpc::Mutation& mutation, const Authorized& as, const BodyRegistry& bodies,
                      const CorrectionRecord& task) {
  store::Writer& writer = mutation.writer();
  std::string heir;
  if (!task.offer().empty()) {
    WAYPOST_ASSIGN_OR_RETURN(OfferFacts offer, bodies.FindOffer(writer, task.offer()));
    heir = std::move(offer.provider);
  }
  const absl::Time now = mutation.call().now;
  if (heir.empty() || heir == task.body()) {
    rows::PutCorrection(writer, &task, nullptr);
    CorrectionRecord gone = task;
    gone.set_revision(task.revision() + 1);
    *gone.mutable_update_time() = api::ToTimestamp(api::NotBefore(now, task));
    return Tell(mutation, as, gone, "correction.dropped");
  }
  CorrectionKey key = KeyOf(task);
  key.body = heir;
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<CorrectionRecord> own, rows::FindCorrection(writer, key));
  const CorrectionRecord next = Inherited(task, heir, own.has_value() ? &*own : nullptr, now);
  if (own.has_value()) {
    rows::PutCorrection(writer, &*own, nullptr);
    CorrectionRecord gone = *own;
    gone.set_revision(own->revision() + 1);
    *gone.mutable_update_time() = next.update_time();
    WAYPOST_RETURN_IF_ERROR(Tell(mutation, as, gone, "correction.merged"));
  }
  return WriteCorrection(mutation, as, &task, next, "correction.succeeded");
}

}  // namespace

absl::Status WriteCorrection(rpc::Mutation& mutation, const Authorized& as, const CorrectionRecord* before,
                             const CorrectionRecord& next, std::string_view event) {
  rows::PutCorrection(mutation.writer(), before, &next);
  return Tell(mutation, as, next, event);
}

absl::Status CountDecline(rpc::Mutation& mutation, const Authorized& as, const BodyRegistry& bodies,
                          const ReferralRecord& before, const ReferralRecord& next) {
  const std::optional<CorrectionKey> key = CorrectionOf(before, next);
  if (!key.has_value()) return absl::OkStatus();
  if (!key->offer.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies.FindOffer(mutation.writer(), key->offer));
    if (offer.exists && offer.provider != key->body) return absl::OkStatus();
  }
  const absl::Time now = api::FromTimestamp(next.update_time());
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<CorrectionRecord> open,
                           rows::FindCorrection(mutation.writer(), *key));
  if (!open.has_value()) {
    const CorrectionRecord opened = NewCorrection(*key, NewName(next), now);
    return WriteCorrection(mutation, as, nullptr, opened, "correction.opened");
  }
  return WriteCorrection(mutation, as, &*open, WithDecline(*open, now), "correction.counted");
}

absl::StatusOr<std::string> GiveAwayCorrections(rpc::Mutation& mutation, const BodyRegistry& bodies,
                                                std::string_view body, Predecessor predecessor,
                                                std::string_view position, int limit) {
  WAYPOST_ASSIGN_OR_RETURN(rows::CorrectionPage page,
                           rows::ListCorrections(mutation.writer(), body, /*settled=*/false,
                                                 mutation.call().now, position, limit));
  std::vector<CorrectionRecord> gone;
  for (CorrectionRecord& task : page.tasks) {
    bool goes = predecessor == Predecessor::kIsNoMore;
    if (!goes && !task.offer().empty()) {
      WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies.FindOffer(mutation.writer(), task.offer()));
      goes = offer.exists && offer.provider != body;
    }
    if (goes) gone.push_back(std::move(task));
  }
  if (gone.empty()) return std::move(page.position);
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                           mutation.Authorize({.name = body, .relations = {policy::Relation::kAnyone}}));
  for (const CorrectionRecord& task : gone) {
    WAYPOST_RETURN_IF_ERROR(GiveAway(mutation, as, bodies, task));
  }
  return std::move(page.position);
}

}  // namespace waypost::referral
