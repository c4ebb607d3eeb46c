// The audit log's gRPC surface: thin. What the log takes and shows is in audit_rules, how requests are read
// in audit_requests, where everything lies in audit_repository.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_SERVICE_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <string_view>

#include "common/rpc/environment.h"
#include "services/audit/audit_repository.h"
#include "waypost/audit/v1/audit_service.grpc.pb.h"

namespace waypost::audit {

// The log that all services of a node write to.
inline constexpr std::string_view kLogName = "changes";

// Thread-safe.
class AuditService final : public v1::AuditService::CallbackService {
 public:
  // `env` must outlive this. Its lane is not used: the log is where events end.
  AuditService(const rpc::Environment& env, std::string_view log);
  ~AuditService() override;

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* Append(Context*, const v1::AppendRequest*, v1::AppendResponse*) override;
  Reactor* ListEntries(Context*, const v1::ListEntriesRequest*, v1::ListEntriesResponse*) override;
  Reactor* GetEntry(Context*, const v1::GetEntryRequest*, v1::Entry*) override;
  Reactor* GetInclusionProof(Context*, const v1::GetInclusionProofRequest*, v1::Proof*) override;
  Reactor* GetConsistencyProof(Context*, const v1::GetConsistencyProofRequest*,
                               v1::ConsistencyProof*) override;
  Reactor* GetProof(Context*, const v1::GetProofRequest*, v1::Proof*) override;
  Reactor* GetTreeHead(Context*, const v1::GetTreeHeadRequest*, v1::TreeHead*) override;

 private:
  const rpc::Environment& env_;
  const AuditRepository repository_;
};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_SERVICE_H_
