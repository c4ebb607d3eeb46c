// The gRPC surface of statistics: thin. What is counted is in statistics_counting, what may be shown in
// statistics_table, where counts are kept in statistics_rows.
#ifndef WAYPOST_SERVICES_REFERRAL_STATISTICS_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_STATISTICS_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "services/referral/statistics_table.h"
#include "waypost/referral/v1/statistics_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class StatisticsService final : public v1::StatisticsService::CallbackService {
 public:
  // `env` must outlive this.
  StatisticsService(const rpc::Environment& env, const Publication& publication);
  ~StatisticsService() override;

  grpc::ServerUnaryReactor* ListStatistics(grpc::CallbackServerContext*, const v1::ListStatisticsRequest*,
                                           v1::ListStatisticsResponse*) override;

 private:
  // `own`: it is the caller's own body that is asked about.
  absl::StatusOr<Period> PeriodOf(const v1::ListStatisticsRequest& request, bool own, absl::Time now) const;
  void Describe(const Period& period, absl::Time now, v1::ListStatisticsResponse& response) const;

  const rpc::Environment& env_;
  const Publication publication_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_STATISTICS_SERVICE_H_
