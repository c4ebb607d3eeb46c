// The directory's gRPC surface: thin. What is valid and what follows is in directory_rules, the order of
// candidates in routing, where all is kept in directory_repository.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_SERVICE_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "services/directory/directory_machine.h"
#include "services/directory/directory_repository.h"
#include "services/directory/enquiry_repository.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"

namespace waypost::directory {

// Thread-safe.
class DirectoryService final : public v1::DirectoryService::CallbackService {
 public:
  // `env` must outlive this.
  explicit DirectoryService(const rpc::Environment& env);
  ~DirectoryService() override;

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateBody(Context*, const v1::CreateBodyRequest*, v1::Body*) override;
  Reactor* GetBody(Context*, const v1::GetBodyRequest*, v1::Body*) override;
  Reactor* ListBodies(Context*, const v1::ListBodiesRequest*, v1::ListBodiesResponse*) override;
  Reactor* UpdateBody(Context*, const v1::UpdateBodyRequest*, v1::Body*) override;
  Reactor* SuspendBody(Context*, const v1::SuspendBodyRequest*, v1::Body*) override;
  Reactor* ReactivateBody(Context*, const v1::ReactivateBodyRequest*, v1::Body*) override;
  Reactor* DissolveBody(Context*, const v1::DissolveBodyRequest*, v1::Body*) override;

  Reactor* CreateUnit(Context*, const v1::CreateUnitRequest*, v1::Unit*) override;
  Reactor* GetUnit(Context*, const v1::GetUnitRequest*, v1::Unit*) override;
  Reactor* ListUnits(Context*, const v1::ListUnitsRequest*, v1::ListUnitsResponse*) override;
  Reactor* UpdateUnit(Context*, const v1::UpdateUnitRequest*, v1::Unit*) override;

  Reactor* CreateOffer(Context*, const v1::CreateOfferRequest*, v1::Offer*) override;
  Reactor* GetOffer(Context*, const v1::GetOfferRequest*, v1::Offer*) override;
  Reactor* ListOffers(Context*, const v1::ListOffersRequest*, v1::ListOffersResponse*) override;
  Reactor* UpdateOffer(Context*, const v1::UpdateOfferRequest*, v1::Offer*) override;
  Reactor* ReportCapacity(Context*, const v1::ReportCapacityRequest*, v1::Offer*) override;
  Reactor* ReportPlaces(Context*, const v1::ReportPlacesRequest*, v1::ReportPlacesResponse*) override;

  Reactor* CreateProgramme(Context*, const v1::CreateProgrammeRequest*, v1::Programme*) override;
  Reactor* GetProgramme(Context*, const v1::GetProgrammeRequest*, v1::Programme*) override;
  Reactor* ListProgrammes(Context*, const v1::ListProgrammesRequest*, v1::ListProgrammesResponse*) override;
  Reactor* UpdateProgramme(Context*, const v1::UpdateProgrammeRequest*, v1::Programme*) override;
  Reactor* EndProgramme(Context*, const v1::EndProgrammeRequest*, v1::Programme*) override;

  Reactor* CreateCoordinationAgreement(Context*, const v1::CreateCoordinationAgreementRequest*,
                                       v1::CoordinationAgreement*) override;
  Reactor* GetCoordinationAgreement(Context*, const v1::GetCoordinationAgreementRequest*,
                                    v1::CoordinationAgreement*) override;
  Reactor* ListCoordinationAgreements(Context*, const v1::ListCoordinationAgreementsRequest*,
                                      v1::ListCoordinationAgreementsResponse*) override;
  Reactor* EndCoordinationAgreement(Context*, const v1::EndCoordinationAgreementRequest*,
                                    v1::CoordinationAgreement*) override;

  Reactor* CreateSuccession(Context*, const v1::CreateSuccessionRequest*, v1::Succession*) override;
  Reactor* GetSuccession(Context*, const v1::GetSuccessionRequest*, v1::Succession*) override;
  Reactor* ListSuccessions(Context*, const v1::ListSuccessionsRequest*,
                           v1::ListSuccessionsResponse*) override;
  Reactor* EndSuccession(Context*, const v1::EndSuccessionRequest*, v1::Succession*) override;

  // In import_service.cc.
  Reactor* ImportOffers(Context*, const v1::ImportOffersRequest*, v1::ImportOffersResponse*) override;
  Reactor* ExportOffers(Context*, const v1::ExportOffersRequest*, v1::ExportOffersResponse*) override;
  Reactor* ImportTerritories(Context*, const v1::ImportTerritoriesRequest*,
                             v1::ImportTerritoriesResponse*) override;
  Reactor* GetTerritory(Context*, const v1::GetTerritoryRequest*, v1::Territory*) override;
  Reactor* ListTerritories(Context*, const v1::ListTerritoriesRequest*,
                           v1::ListTerritoriesResponse*) override;

  Reactor* ResolveRoute(Context*, const v1::ResolveRouteRequest*, v1::ResolveRouteResponse*) override;
  Reactor* Enquire(Context*, const v1::EnquireRequest*, v1::Enquiry*) override;
  Reactor* GetEnquiry(Context*, const v1::GetEnquiryRequest*, v1::Enquiry*) override;
  Reactor* ListEnquiries(Context*, const v1::ListEnquiriesRequest*, v1::ListEnquiriesResponse*) override;
  Reactor* AnswerEnquiry(Context*, const v1::AnswerEnquiryRequest*, v1::Enquiry*) override;

  Reactor* ListDirectoryTasks(Context*, const v1::ListDirectoryTasksRequest*,
                              v1::ListDirectoryTasksResponse*) override;
  Reactor* ListChanges(Context*, const v1::ListChangesRequest*, v1::ListChangesResponse*) override;
  grpc::ServerWriteReactor<v1::WatchChangesResponse>* WatchChanges(Context*,
                                                                   const v1::WatchChangesRequest*) override;

 private:
  // One resource by its name.
  template <typename Request, typename Resource>
  Reactor* Get(Context* context, const policy::MethodRule& rule, const Request& request, Resource* response);
  // A page of a listing; `add` gives the place for one more item of the response.
  template <typename Request, typename Response, typename Add>
  Reactor* List(Context* context, const policy::MethodRule& rule, const Request& request, Response* response,
                Add add);
  template <typename Request>
  Reactor* ChangeStatus(Context* context, const policy::MethodRule& rule, const Request& request,
                        BodyEvent event, v1::Body* response);

  // One report, in the transaction of all of them.
  absl::Status KeepReport(store::Writer& writer, const v1::PlacesReport& report, absl::Time now,
                          v1::ReportPlacesResponse::Result& result) const;

  const rpc::Environment& env_;
  const DirectoryRepository repository_ = {};
  const EnquiryRepository enquiries_ = {};
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_SERVICE_H_
