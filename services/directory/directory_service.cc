#include "services/directory/directory_service.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/rpc/watch.h"
#include "common/status/errors.h"
#include "services/directory/account_keeper.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_policy.h"
#include "services/directory/directory_rules.h"
#include "services/directory/enquiry.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"
#include "services/directory/routing.h"
#include "services/directory/succession.h"
#include "services/directory/tasks.h"
#include "services/directory/territory_register.h"

namespace waypost::directory {
namespace {

using policy::Authorized;
using policy::Caller;
using policy::Relation;
using policy::Relations;
using rpc::Call;
using rpc::Mutation;

constexpr absl::Duration kHeartbeat = absl::Seconds(15);

// Picks the check of the request's type.
constexpr auto kCheck = [](const auto& request) { return Check(request); };

// Everybody may know of everything here; what belongs to the caller's body is its own.
Relations RelationsTo(const Caller& caller, std::string_view owner) {
  Relations relations = {Relation::kAnyone};
  if (caller.body == owner) relations.Add(Relation::kOwnBody);
  return relations;
}

// The body that a resource belongs to: nobody owns an agreement.
std::string OwnerOf(const v1::Body& body) {
  return body.name();
}
std::string OwnerOf(const v1::Unit& unit) {
  return std::string(api::BodyOfUnit(unit.name()));
}
std::string OwnerOf(const v1::Offer& offer) {
  return offer.provider();
}
std::string OwnerOf(const v1::Programme& programme) {
  return programme.lead();
}
std::string OwnerOf(const v1::CoordinationAgreement& agreement) {
  return agreement.body();
}
std::string OwnerOf(const v1::Succession& succession) {
  return succession.predecessor();
}

// Who else is told of its changes in the audit log: by a succession others come to act for a body, which that
// body's auditors are to see.
template <typename Resource>
void AddParties(const Resource&, std::vector<std::string_view>&) {}
void AddParties(const v1::Succession& succession, std::vector<std::string_view>& parties) {
  for (const v1::SuccessionShare& share : succession.shares()) {
    if (std::find(parties.begin(), parties.end(), share.successor()) == parties.end()) {
      parties.push_back(share.successor());
    }
  }
}

// The feeds that are told of its changes within this process.
template <typename Resource>
std::vector<std::string> FeedsOf(const Resource&) {
  return {};
}
std::vector<std::string> FeedsOf(const v1::Succession&) {
  return {std::string(kSuccessionsFeed)};
}

std::string_view StateOf(const v1::Body& body) {
  return BodyStatusName(body.status());
}
std::string_view StateOf(const v1::Offer& offer) {
  return OfferStatusName(offer.status());
}
template <typename Resource>
std::string_view StateOf(const Resource&) {
  return {};
}

void ShowTo(const Caller& caller, absl::Time, int64_t revision, v1::Body& body) {
  Show(body, revision,
       {.is_operator = caller.roles.Has(policy::Role::kOperator),
        .is_own_supervisor = caller.roles.Has(policy::Role::kSupervisor) && caller.body == body.name()});
}
void ShowTo(const Caller&, absl::Time now, int64_t revision, v1::Offer& offer) {
  Show(offer, revision, now);
}
template <typename Resource>
void ShowTo(const Caller&, absl::Time, int64_t revision, Resource& resource) {
  Show(resource, revision);
}

// Tells the audit log and the watchers, and fills the response. The last step of every change.
template <typename Resource>
absl::Status Answer(Mutation& mutation, const Authorized& as, std::string_view type, Stored<Resource> stored,
                    Resource& response) {
  const std::string owner = OwnerOf(stored.resource);
  std::vector<std::string_view> parties = {as.caller().body};
  if (owner != as.caller().body) parties.push_back(owner);
  AddParties(stored.resource, parties);
  WAYPOST_RETURN_IF_ERROR(mutation.Publish(as, {.type = type,
                                                .resource = stored.resource.name(),
                                                .revision = stored.revision,
                                                .time = api::FromTimestamp(stored.resource.update_time()),
                                                .state = StateOf(stored.resource),
                                                .parties = std::move(parties),
                                                .feeds = FeedsOf(stored.resource)}));
  response = std::move(stored.resource);
  ShowTo(mutation.caller(), mutation.call().now, stored.revision, response);
  return absl::OkStatus();
}

// How the caller stands to an enquiry: to those of others, not at all.
Relations RelationsTo(const Caller& caller, const v1::Enquiry& enquiry) {
  Relations relations;
  if (caller.body == enquiry.enquirer()) relations.Add(Relation::kReferring);
  if (caller.body == enquiry.body()) relations.Add(Relation::kReceiving);
  return relations;
}

absl::Status Answer(Mutation& mutation, const Authorized& as, std::string_view type,
                    Stored<v1::Enquiry> stored, v1::Enquiry& response) {
  WAYPOST_RETURN_IF_ERROR(
      mutation.Publish(as, {.type = type,
                            .resource = stored.resource.name(),
                            .revision = stored.revision,
                            .time = api::FromTimestamp(stored.resource.update_time()),
                            .state = EnquiryState(stored.resource),
                            .parties = {stored.resource.enquirer(), stored.resource.body()}}));
  response = std::move(stored.resource);
  Show(response, stored.revision);
  return absl::OkStatus();
}

template <typename Resource>
absl::StatusOr<Authorized> AuthorizeNew(Mutation& mutation, const Resource& resource) {
  return mutation.Authorize(
      {.name = resource.name(), .relations = RelationsTo(mutation.caller(), OwnerOf(resource))});
}

template <typename Resource>
absl::StatusOr<Authorized> AuthorizeChange(Mutation& mutation, const Stored<Resource>& current,
                                           std::string_view etag) {
  return mutation.Authorize({.name = current.resource.name(),
                             .relations = RelationsTo(mutation.caller(), OwnerOf(current.resource)),
                             .revision = current.revision,
                             .etag = etag});
}

// The request apart from its paging: a page token is bound to it.
template <typename Request>
std::string QueryOf(Request request) {
  request.clear_page_size();
  request.clear_page_token();
  return request.SerializeAsString();
}

}  // namespace

DirectoryService::DirectoryService(const rpc::Environment& env) : env_(env) {}

DirectoryService::~DirectoryService() = default;

template <typename Request, typename Resource>
DirectoryService::Reactor* DirectoryService::Get(Context* context, const policy::MethodRule& rule,
                                                 const Request& request, Resource* response) {
  return rpc::Query(
      env_, context, rule, kCheck, request,
      [this, &request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, request.name()).status());
        WAYPOST_ASSIGN_OR_RETURN(Stored<Resource> stored, repository_.Get<Resource>(reader, request.name()));
        *response = std::move(stored.resource);
        ShowTo(*call.caller, call.now, stored.revision, *response);
        return absl::OkStatus();
      });
}

template <typename Request, typename Response, typename Add>
DirectoryService::Reactor* DirectoryService::List(Context* context, const policy::MethodRule& rule,
                                                  const Request& request, Response* response, Add add) {
  return rpc::Query(
      env_, context, rule, kCheck, request,
      [this, &request, response, add](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, call.rule.method).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request.page_size()));
        const std::string query = QueryOf(request);
        const api::PageScope scope = {.body = call.caller->body,
                                      .actor = call.caller->actor,
                                      .method = call.rule.method,
                                      .query = query};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request.page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(auto page, repository_.List(reader, request, position, page_size));
        for (auto& item : page.items) {
          auto& shown = *add(*response);
          shown = std::move(item.resource);
          ShowTo(*call.caller, call.now, item.revision, shown);
        }
        if (page.next.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.next, scope));
        return absl::OkStatus();
      });
}

// --- Bodies -----------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateBody(Context* context,
                                                        const v1::CreateBodyRequest* request,
                                                        v1::Body* response) {
  return rpc::MutateAfter(
      env_, context, kCreateBody, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(v1::Body body, NewBody(*request, call.now));
        return rpc::MutationBody([=, this, body = std::move(body)](Mutation& mutation) -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, body));
          WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), nullptr, body));
          WAYPOST_ASSIGN_OR_RETURN(auto created,
                                   repository_.Create(mutation.writer(), body, mutation.call().now));
          return Answer(mutation, as, "directory.body_created", std::move(created), *response);
        });
      });
}

DirectoryService::Reactor* DirectoryService::GetBody(Context* context, const v1::GetBodyRequest* request,
                                                     v1::Body* response) {
  return Get(context, kGetBody, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListBodies(Context* context,
                                                        const v1::ListBodiesRequest* request,
                                                        v1::ListBodiesResponse* response) {
  return List(context, kListBodies, *request, response, [](auto& page) { return page.add_bodies(); });
}

DirectoryService::Reactor* DirectoryService::UpdateBody(Context* context,
                                                        const v1::UpdateBodyRequest* request,
                                                        v1::Body* response) {
  return rpc::Mutate(
      env_, context, kUpdateBody, kCheck, *request, response, [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Body>(mutation.writer(), request->body().name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 AuthorizeChange(mutation, current, request->body().etag()));
        if (NeedsOperator(*request) && as.role() != policy::Role::kOperator) {
          return error::PermissionDenied(kUpdateBody.method,
                                         "update_mask names a field that the operator keeps");
        }
        WAYPOST_ASSIGN_OR_RETURN(v1::Body body, UpdatedBody(current.resource, *request, now));
        WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), &current.resource, body));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(body), now));
        return Answer(mutation, as, "directory.body_updated", std::move(updated), *response);
      });
}

template <typename Request>
DirectoryService::Reactor* DirectoryService::ChangeStatus(Context* context, const policy::MethodRule& rule,
                                                          const Request& request, BodyEvent event,
                                                          v1::Body* response) {
  return rpc::Mutate(
      env_, context, rule, kCheck, request, response,
      [this, &request, event, response](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Body>(mutation.writer(), request.name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeChange(mutation, current, request.etag()));
        WAYPOST_ASSIGN_OR_RETURN(v1::Body body, ChangedBody(current.resource, event, request.reason(), now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(body), now));
        return Answer(mutation, as, BodyEventType(event), std::move(updated), *response);
      });
}

DirectoryService::Reactor* DirectoryService::SuspendBody(Context* context,
                                                         const v1::SuspendBodyRequest* request,
                                                         v1::Body* response) {
  return ChangeStatus(context, kSuspendBody, *request, BodyEvent::kSuspend, response);
}

DirectoryService::Reactor* DirectoryService::ReactivateBody(Context* context,
                                                            const v1::ReactivateBodyRequest* request,
                                                            v1::Body* response) {
  return ChangeStatus(context, kReactivateBody, *request, BodyEvent::kReactivate, response);
}

DirectoryService::Reactor* DirectoryService::DissolveBody(Context* context,
                                                          const v1::DissolveBodyRequest* request,
                                                          v1::Body* response) {
  return ChangeStatus(context, kDissolveBody, *request, BodyEvent::kDissolve, response);
}

// --- Units ------------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateUnit(Context* context,
                                                        const v1::CreateUnitRequest* request,
                                                        v1::Unit* response) {
  return rpc::MutateAfter(
      env_, context, kCreateUnit, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        return rpc::MutationBody(
            [=, this, unit = NewUnit(*request, call.now)](Mutation& mutation) -> absl::Status {
              WAYPOST_ASSIGN_OR_RETURN(const auto body,
                                       repository_.Get<v1::Body>(mutation.writer(), request->parent()));
              WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, unit));
              WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(body.resource, "CREATE_UNIT"));
              WAYPOST_RETURN_IF_ERROR(repository_.CheckRoomForUnit(mutation.writer(), body.resource.name()));
              WAYPOST_ASSIGN_OR_RETURN(auto created,
                                       repository_.Create(mutation.writer(), unit, mutation.call().now));
              return Answer(mutation, as, "directory.unit_created", std::move(created), *response);
            });
      });
}

DirectoryService::Reactor* DirectoryService::GetUnit(Context* context, const v1::GetUnitRequest* request,
                                                     v1::Unit* response) {
  return Get(context, kGetUnit, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListUnits(Context* context, const v1::ListUnitsRequest* request,
                                                       v1::ListUnitsResponse* response) {
  return List(context, kListUnits, *request, response, [](auto& page) { return page.add_units(); });
}

DirectoryService::Reactor* DirectoryService::UpdateUnit(Context* context,
                                                        const v1::UpdateUnitRequest* request,
                                                        v1::Unit* response) {
  return rpc::Mutate(
      env_, context, kUpdateUnit, kCheck, *request, response, [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Unit>(mutation.writer(), request->unit().name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 AuthorizeChange(mutation, current, request->unit().etag()));
        WAYPOST_ASSIGN_OR_RETURN(const auto body,
                                 repository_.Get<v1::Body>(mutation.writer(), OwnerOf(current.resource)));
        WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(body.resource, "UPDATE_UNIT"));
        WAYPOST_ASSIGN_OR_RETURN(v1::Unit unit, UpdatedUnit(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(unit), now));
        return Answer(mutation, as, "directory.unit_updated", std::move(updated), *response);
      });
}

// --- Offers -----------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateOffer(Context* context,
                                                         const v1::CreateOfferRequest* request,
                                                         v1::Offer* response) {
  return rpc::MutateAfter(
      env_, context, kCreateOffer, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(v1::Offer offer, NewOffer(*request, call.now));
        return rpc::MutationBody([=, this, offer = std::move(offer)](Mutation& mutation) -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, offer));
          WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), nullptr, offer));
          WAYPOST_ASSIGN_OR_RETURN(const auto provider,
                                   repository_.Get<v1::Body>(mutation.writer(), offer.provider()));
          WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(provider.resource, "CREATE_OFFER"));
          WAYPOST_RETURN_IF_ERROR(
              repository_.CheckProviderStands(mutation.writer(), offer, DayOf(mutation.call().now)));
          WAYPOST_ASSIGN_OR_RETURN(auto created,
                                   repository_.Create(mutation.writer(), offer, mutation.call().now));
          return Answer(mutation, as, "directory.offer_created", std::move(created), *response);
        });
      });
}

DirectoryService::Reactor* DirectoryService::GetOffer(Context* context, const v1::GetOfferRequest* request,
                                                      v1::Offer* response) {
  return Get(context, kGetOffer, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListOffers(Context* context,
                                                        const v1::ListOffersRequest* request,
                                                        v1::ListOffersResponse* response) {
  return List(context, kListOffers, *request, response, [](auto& page) { return page.add_offers(); });
}

DirectoryService::Reactor* DirectoryService::UpdateOffer(Context* context,
                                                         const v1::UpdateOfferRequest* request,
                                                         v1::Offer* response) {
  return rpc::Mutate(
      env_, context, kUpdateOffer, kCheck, *request, response, [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Offer>(mutation.writer(), request->offer().name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 AuthorizeChange(mutation, current, request->offer().etag()));
        WAYPOST_ASSIGN_OR_RETURN(const auto provider,
                                 repository_.Get<v1::Body>(mutation.writer(), current.resource.provider()));
        WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(provider.resource, "UPDATE_OFFER"));
        WAYPOST_ASSIGN_OR_RETURN(v1::Offer offer, UpdatedOffer(current.resource, *request, now));
        WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), &current.resource, offer));
        WAYPOST_RETURN_IF_ERROR(
            repository_.CheckProviderKeeps(mutation.writer(), current.resource, offer, DayOf(now)));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(offer), now));
        return Answer(mutation, as, "directory.offer_updated", std::move(updated), *response);
      });
}

DirectoryService::Reactor* DirectoryService::ReportCapacity(Context* context,
                                                            const v1::ReportCapacityRequest* request,
                                                            v1::Offer* response) {
  return rpc::Mutate(
      env_, context, kReportCapacity, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Offer>(mutation.writer(), request->name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeChange(mutation, current, request->etag()));
        WAYPOST_ASSIGN_OR_RETURN(const auto provider,
                                 repository_.Get<v1::Body>(mutation.writer(), current.resource.provider()));
        WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(provider.resource, "REPORT_CAPACITY"));
        WAYPOST_ASSIGN_OR_RETURN(v1::Offer offer, WithCapacity(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(offer), now));
        return Answer(mutation, as, "directory.capacity_reported", std::move(updated), *response);
      });
}

DirectoryService::Reactor* DirectoryService::ReportPlaces(Context* context,
                                                          const v1::ReportPlacesRequest* request,
                                                          v1::ReportPlacesResponse* response) {
  return rpc::Apply(
      env_, context, kReportPlaces, kCheck, *request, [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(
            mutation.Authorize({.name = kReportPlaces.method, .relations = {Relation::kAnyone}}).status());
        response->Clear();
        for (const v1::PlacesReport& report : request->reports()) {
          WAYPOST_RETURN_IF_ERROR(
              KeepReport(mutation.writer(), report, mutation.call().now, *response->add_results()));
        }
        return absl::OkStatus();
      });
}

absl::Status DirectoryService::KeepReport(store::Writer& writer, const v1::PlacesReport& report,
                                          absl::Time now, v1::ReportPlacesResponse::Result& result) const {
  auto offer = repository_.Get<v1::Offer>(writer, report.offer());
  if (absl::IsNotFound(offer.status())) {
    result.set_outcome(v1::PLACES_OUTCOME_UNKNOWN);
    return absl::OkStatus();
  }
  WAYPOST_RETURN_IF_ERROR(offer.status());
  result = KeepCount(offer->resource, report, now, offer->counted);
  if (result.outcome() != v1::PLACES_OUTCOME_KEPT) return absl::OkStatus();
  return repository_.UpdateCounted(writer, *std::move(offer));
}

// --- Programmes -------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateProgramme(Context* context,
                                                             const v1::CreateProgrammeRequest* request,
                                                             v1::Programme* response) {
  return rpc::MutateAfter(
      env_, context, kCreateProgramme, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        return rpc::MutationBody(
            [=, this, programme = NewProgramme(*request, call.now)](Mutation& mutation) -> absl::Status {
              WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, programme));
              WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), nullptr, programme));
              WAYPOST_ASSIGN_OR_RETURN(auto created,
                                       repository_.Create(mutation.writer(), programme, mutation.call().now));
              return Answer(mutation, as, "directory.programme_created", std::move(created), *response);
            });
      });
}

DirectoryService::Reactor* DirectoryService::GetProgramme(Context* context,
                                                          const v1::GetProgrammeRequest* request,
                                                          v1::Programme* response) {
  return Get(context, kGetProgramme, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListProgrammes(Context* context,
                                                            const v1::ListProgrammesRequest* request,
                                                            v1::ListProgrammesResponse* response) {
  return List(context, kListProgrammes, *request, response, [](auto& page) { return page.add_programmes(); });
}

DirectoryService::Reactor* DirectoryService::UpdateProgramme(Context* context,
                                                             const v1::UpdateProgrammeRequest* request,
                                                             v1::Programme* response) {
  return rpc::Mutate(
      env_, context, kUpdateProgramme, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current, repository_.Get<v1::Programme>(
                                                         mutation.writer(), request->programme().name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 AuthorizeChange(mutation, current, request->programme().etag()));
        WAYPOST_ASSIGN_OR_RETURN(v1::Programme programme, UpdatedProgramme(current.resource, *request, now));
        WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation.writer(), &current.resource, programme));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(programme), now));
        return Answer(mutation, as, "directory.programme_updated", std::move(updated), *response);
      });
}

DirectoryService::Reactor* DirectoryService::EndProgramme(Context* context,
                                                          const v1::EndProgrammeRequest* request,
                                                          v1::Programme* response) {
  return rpc::Mutate(
      env_, context, kEndProgramme, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Programme>(mutation.writer(), request->name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeChange(mutation, current, request->etag()));
        WAYPOST_ASSIGN_OR_RETURN(v1::Programme programme, EndedProgramme(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(programme), now));
        return Answer(mutation, as, "directory.programme_ended", std::move(updated), *response);
      });
}

// --- Agreements on coordination -----------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateCoordinationAgreement(
    Context* context, const v1::CreateCoordinationAgreementRequest* request,
    v1::CoordinationAgreement* response) {
  return rpc::MutateAfter(
      env_, context, kCreateCoordinationAgreement, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        return rpc::MutationBody(
            [=, this, agreement = NewAgreement(*request, call.now)](Mutation& mutation) -> absl::Status {
              WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, agreement));
              WAYPOST_RETURN_IF_ERROR(repository_.CheckNew(mutation.writer(), agreement));
              WAYPOST_ASSIGN_OR_RETURN(auto created,
                                       repository_.Create(mutation.writer(), agreement, mutation.call().now));
              return Answer(mutation, as, "directory.coordination_agreed", std::move(created), *response);
            });
      });
}

DirectoryService::Reactor* DirectoryService::GetCoordinationAgreement(
    Context* context, const v1::GetCoordinationAgreementRequest* request,
    v1::CoordinationAgreement* response) {
  return Get(context, kGetCoordinationAgreement, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListCoordinationAgreements(
    Context* context, const v1::ListCoordinationAgreementsRequest* request,
    v1::ListCoordinationAgreementsResponse* response) {
  return List(context, kListCoordinationAgreements, *request, response,
              [](auto& page) { return page.add_coordination_agreements(); });
}

DirectoryService::Reactor* DirectoryService::EndCoordinationAgreement(
    Context* context, const v1::EndCoordinationAgreementRequest* request,
    v1::CoordinationAgreement* response) {
  return rpc::Mutate(
      env_, context, kEndCoordinationAgreement, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current, repository_.Get<v1::CoordinationAgreement>(
                                                         mutation.writer(), request->name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeChange(mutation, current, request->etag()));
        WAYPOST_ASSIGN_OR_RETURN(v1::CoordinationAgreement agreement,
                                 EndedAgreement(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(agreement), now));
        return Answer(mutation, as, "directory.coordination_ended", std::move(updated), *response);
      });
}

// --- Successions --------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::CreateSuccession(Context* context,
                                                              const v1::CreateSuccessionRequest* request,
                                                              v1::Succession* response) {
  return rpc::MutateAfter(
      env_, context, kCreateSuccession, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        return rpc::MutationBody(
            [=, this, succession = NewSuccession(*request, call.now)](Mutation& mutation) -> absl::Status {
              WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeNew(mutation, succession));
              WAYPOST_RETURN_IF_ERROR(repository_.CheckNew(mutation.writer(), succession));
              WAYPOST_ASSIGN_OR_RETURN(
                  auto created, repository_.Create(mutation.writer(), succession, mutation.call().now));
              WAYPOST_RETURN_IF_ERROR(repository_.OpenAfterEnds(mutation.writer(), created.resource));
              return Answer(mutation, as, "directory.succession_recorded", std::move(created), *response);
            });
      });
}

DirectoryService::Reactor* DirectoryService::GetSuccession(Context* context,
                                                           const v1::GetSuccessionRequest* request,
                                                           v1::Succession* response) {
  return Get(context, kGetSuccession, *request, response);
}

DirectoryService::Reactor* DirectoryService::ListSuccessions(Context* context,
                                                             const v1::ListSuccessionsRequest* request,
                                                             v1::ListSuccessionsResponse* response) {
  return List(context, kListSuccessions, *request, response,
              [](auto& page) { return page.add_successions(); });
}

DirectoryService::Reactor* DirectoryService::EndSuccession(Context* context,
                                                           const v1::EndSuccessionRequest* request,
                                                           v1::Succession* response) {
  return rpc::Mutate(
      env_, context, kEndSuccession, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 repository_.Get<v1::Succession>(mutation.writer(), request->name()));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as, AuthorizeChange(mutation, current, request->etag()));
        WAYPOST_ASSIGN_OR_RETURN(v1::Succession succession, EndedSuccession(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 repository_.Update(mutation.writer(), current, std::move(succession), now));
        WAYPOST_RETURN_IF_ERROR(repository_.OpenAfterEnds(mutation.writer(), updated.resource));
        return Answer(mutation, as, "directory.succession_ended", std::move(updated), *response);
      });
}

// --- Routing and changes ------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::ResolveRoute(Context* context,
                                                          const v1::ResolveRouteRequest* request,
                                                          v1::ResolveRouteResponse* response) {
  return rpc::Query(env_, context, kResolveRoute, kCheck, *request,
                    [=, this](const Call& call, const store::Reader& reader) -> absl::Status {
                      WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, call.rule.method).status());
                      WAYPOST_RETURN_IF_ERROR(CheckAskedTerritory(reader, "territory", request->territory()));
                      WAYPOST_ASSIGN_OR_RETURN(const RouteMaterial material,
                                               repository_.Gather(reader, *request, call.now));
                      *response = Rank(*request, material, call.now);
                      return absl::OkStatus();
                    });
}

// --- Enquiries --------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::Enquire(Context* context, const v1::EnquireRequest* request,
                                                     v1::Enquiry* response) {
  return rpc::MutateAfter(
      env_, context, kEnquire, kCheck, *request, response,
      [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(v1::Enquiry enquiry, NewEnquiry(*request, call.caller->body, call.now));
        return rpc::MutationBody([=, this, enquiry = std::move(enquiry)](Mutation& mutation) -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(
              const Authorized as,
              mutation.Authorize({.name = enquiry.name(), .relations = {Relation::kOwnBody}}));
          const auto body = repository_.Get<v1::Body>(mutation.writer(), enquiry.body());
          if (absl::IsNotFound(body.status())) return error::InvalidField("enquiry.body", "does not exist");
          WAYPOST_RETURN_IF_ERROR(body.status());
          WAYPOST_ASSIGN_OR_RETURN(
              const std::optional<Successor> successor,
              repository_.FindSuccessor(mutation.writer(), enquiry.body(), enquiry.theme(),
                                        enquiry.territory(), DayOf(mutation.call().now)));
          if (successor.has_value()) return AskTheSuccessor(enquiry.body(), successor->body);
          WAYPOST_RETURN_IF_ERROR(CheckMayBeAsked(body->resource));
          WAYPOST_RETURN_IF_ERROR(
              CheckAskedTerritory(mutation.writer(), "enquiry.territory", enquiry.territory()));
          WAYPOST_ASSIGN_OR_RETURN(auto created, enquiries_.Create(mutation.writer(), enquiry));
          return Answer(mutation, as, "directory.enquired", std::move(created), *response);
        });
      });
}

DirectoryService::Reactor* DirectoryService::GetEnquiry(Context* context,
                                                        const v1::GetEnquiryRequest* request,
                                                        v1::Enquiry* response) {
  return rpc::Query(
      env_, context, kGetEnquiry, kCheck, *request,
      [=, this](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(Stored<v1::Enquiry> stored,
                                 enquiries_.Get(reader, request->name(), call.now));
        WAYPOST_RETURN_IF_ERROR(
            call.Authorize(RelationsTo(*call.caller, stored.resource), request->name()).status());
        *response = std::move(stored.resource);
        Show(*response, stored.revision);
        return absl::OkStatus();
      });
}

DirectoryService::Reactor* DirectoryService::ListEnquiries(Context* context,
                                                           const v1::ListEnquiriesRequest* request,
                                                           v1::ListEnquiriesResponse* response) {
  return rpc::Query(
      env_, context, kListEnquiries, kCheck, *request,
      [=, this](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kOwnBody}, call.rule.method).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string query = QueryOf(*request);
        const api::PageScope scope = {.body = call.caller->body,
                                      .actor = call.caller->actor,
                                      .method = call.rule.method,
                                      .query = query};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(
            Page<v1::Enquiry> page,
            enquiries_.List(reader, call.caller->body, request->box(), call.now, position, page_size));
        for (Stored<v1::Enquiry>& item : page.items) {
          v1::Enquiry& shown = *response->add_enquiries();
          shown = std::move(item.resource);
          Show(shown, item.revision);
        }
        if (page.next.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.next, scope));
        return absl::OkStatus();
      });
}

DirectoryService::Reactor* DirectoryService::AnswerEnquiry(Context* context,
                                                           const v1::AnswerEnquiryRequest* request,
                                                           v1::Enquiry* response) {
  return rpc::Mutate(
      env_, context, kAnswerEnquiry, kCheck, *request, response,
      [=, this](Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const auto current,
                                 enquiries_.Get(mutation.writer(), request->name(), mutation.call().now));
        const absl::Time now = api::NotBefore(mutation.call().now, current.resource);
        WAYPOST_ASSIGN_OR_RETURN(
            const Authorized as,
            mutation.Authorize({.name = current.resource.name(),
                                .relations = RelationsTo(mutation.caller(), current.resource),
                                .revision = current.revision,
                                .etag = request->etag()}));
        WAYPOST_ASSIGN_OR_RETURN(v1::Enquiry answered, AnsweredEnquiry(current.resource, *request, now));
        WAYPOST_ASSIGN_OR_RETURN(auto updated,
                                 enquiries_.Update(mutation.writer(), current, std::move(answered)));
        return Answer(mutation, as, "directory.enquiry_answered", std::move(updated), *response);
      });
}

// --- Tasks ------------------------------------------------------------------------------------------

DirectoryService::Reactor* DirectoryService::ListDirectoryTasks(Context* context,
                                                                const v1::ListDirectoryTasksRequest* request,
                                                                v1::ListDirectoryTasksResponse* response) {
  return rpc::Query(
      env_, context, kListDirectoryTasks, kCheck, *request,
      [=, this](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(
            call.Authorize(RelationsTo(*call.caller, request->body()), request->body()).status());
        WAYPOST_ASSIGN_OR_RETURN(const auto body, repository_.Get<v1::Body>(reader, request->body()));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string query = QueryOf(*request);
        const api::PageScope scope = {.body = call.caller->body,
                                      .actor = call.caller->actor,
                                      .method = call.rule.method,
                                      .query = query};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        if (body.resource.status() == v1::BODY_STATUS_DISSOLVED) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(TaskPage page, repository_.Tasks(reader, body.resource.name(),
                                                                  DayOf(call.now), position, page_size));
        for (v1::DirectoryTask& task : page.tasks) {
          // That there is an enquiry is for its two bodies alone; the operator sees the rest.
          const bool enquiry = task.kind() == v1::DIRECTORY_TASK_KIND_ENQUIRY_UNANSWERED;
          if (enquiry && call.caller->body != request->body()) continue;
          *response->add_tasks() = std::move(task);
        }
        if (page.next.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.next, scope));
        return absl::OkStatus();
      });
}

DirectoryService::Reactor* DirectoryService::ListChanges(Context* context,
                                                         const v1::ListChangesRequest* request,
                                                         v1::ListChangesResponse* response) {
  return rpc::Query(env_, context, kListChanges, kCheck, *request,
                    [=, this](const Call& call, const store::Reader& reader) -> absl::Status {
                      WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, call.rule.method).status());
                      WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
                      WAYPOST_ASSIGN_OR_RETURN(const uint64_t after, PositionOfCursor(request->cursor()));
                      WAYPOST_ASSIGN_OR_RETURN(ChangePage page,
                                               repository_.Changes(reader, after, page_size));
                      for (v1::Change& change : page.changes) *response->add_changes() = std::move(change);
                      response->set_next_cursor(CursorOf(page.next));
                      response->set_up_to_date(page.up_to_date);
                      return absl::OkStatus();
                    });
}

grpc::ServerWriteReactor<v1::WatchChangesResponse>* DirectoryService::WatchChanges(
    Context* context, const v1::WatchChangesRequest* request) {
  using Response = v1::WatchChangesResponse;
  return rpc::Watch<Response>::Begin(
      env_, context, kWatchChanges, [=, this](const Call& call) -> absl::StatusOr<rpc::WatchPlan<Response>> {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, call.rule.method).status());
        // Every change here is one of the outbox too.
        rpc::WatchPlan<Response> plan{.feed = std::string(rpc::kOutboxFeed)};
        WAYPOST_ASSIGN_OR_RETURN(plan.after, PositionOfCursor(request->cursor()));
        plan.read = [this](const store::Reader& reader,
                           uint64_t& cursor) -> absl::StatusOr<std::vector<Response>> {
          WAYPOST_ASSIGN_OR_RETURN(ChangePage page,
                                   repository_.Changes(reader, cursor, kMaxChangesInMessage));
          if (page.changes.empty()) return std::vector<Response>();
          cursor = page.next;
          std::vector<Response> batch(1);
          for (v1::Change& change : page.changes) *batch[0].add_changes() = std::move(change);
          batch[0].set_next_cursor(CursorOf(page.next));
          batch[0].set_up_to_date(page.up_to_date);
          *batch[0].mutable_as_of() = api::ToTimestamp(env_.node.clock.Now());
          return batch;
        };
        plan.heartbeat = kHeartbeat;
        plan.make_quiet = [this](uint64_t cursor) {
          Response quiet;
          quiet.set_next_cursor(CursorOf(cursor));
          quiet.set_up_to_date(true);
          *quiet.mutable_as_of() = api::ToTimestamp(env_.node.clock.Now());
          return quiet;
        };
        return plan;
      });
}

}  // namespace waypost::directory
