#include "services/directory/offer_inheritance.h"

#include <optional>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_policy.h"
#include "services/directory/directory_rules.h"
#include "services/directory/field_checks.h"
#include "services/directory/succession.h"

namespace waypost::directory {
namespace {

absl::Status HandOnOne(const DirectoryRepository& repository, rpc::Mutation& mutation,
                       const std::string& name) {
  WAYPOST_ASSIGN_OR_RETURN(const auto current, repository.Get<v1::Offer>(mutation.writer(), name));
  const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
  WAYPOST_ASSIGN_OR_RETURN(const std::string heir,
                           repository.HeirOf(mutation.writer(), current.resource, DayOf(now)));
  if (heir.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(
      const policy::Authorized as,
      mutation.Authorize(
          {.name = name, .relations = {policy::Relation::kAnyone}, .revision = current.revision}));
  v1::Offer offer = current.resource;
  offer.set_provider(heir);
  *offer.mutable_update_time() = api::ToTimestamp(now);
  WAYPOST_ASSIGN_OR_RETURN(const auto updated,
                           repository.Update(mutation.writer(), current, std::move(offer), now));
  repository.PutProviderBefore(mutation.writer(), name, current.resource.provider());
  return mutation.Publish(as, {.type = "directory.offer_inherited",
                               .resource = name,
                               .revision = updated.revision,
                               .time = now,
                               .state = OfferStatusName(updated.resource.status()),
                               .parties = {current.resource.provider(), updated.resource.provider()}});
}

}  // namespace

absl::StatusOr<bool> OfferInheritance::Step(absl::Time now) {
  std::optional<OpenInheritance> open;
  Page<v1::Offer> offers;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(open, repository_.NextInheritance(*reader, DayOf(now)));
    if (!open.has_value()) return false;
    const v1::Succession& succession = open->succession;
    if (succession.name() != succession_) position_.clear();
    succession_ = succession.name();
    v1::ListOffersRequest request;
    request.set_provider(succession.predecessor());
    WAYPOST_ASSIGN_OR_RETURN(offers, repository_.List(*reader, request, position_, kOffersInheritedInStep));
  }
  WAYPOST_RETURN_IF_ERROR(HandOn(offers, now));
  position_ = offers.next;
  if (!position_.empty()) return true;
  WAYPOST_RETURN_IF_ERROR(
      store::TransactAndWait(env_.store, [this, &open](store::Writer& writer) -> absl::Status {
        repository_.EndInheritance(writer, *open);
        return absl::OkStatus();
      }));
  return true;
}

absl::Status OfferInheritance::HandOn(const Page<v1::Offer>& offers, absl::Time now) {
  if (offers.items.empty()) return absl::OkStatus();
  return rpc::SystemChangeAndWait(
      env_, kInheritOffers, now, [this, &offers](rpc::Mutation& mutation) -> absl::Status {
        for (const Stored<v1::Offer>& offer : offers.items) {
          WAYPOST_RETURN_IF_ERROR(HandOnOne(repository_, mutation, offer.resource.name()));
        }
        return absl::OkStatus();
      });
}

}  // namespace waypost::directory
