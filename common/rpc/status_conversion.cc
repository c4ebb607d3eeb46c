#include "common/rpc/status_conversion.h"

#include <string>

#include "absl/strings/cord.h"
#include "common/base/abseil.h"
#include "google/rpc/status.pb.h"

namespace waypost::rpc {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(std::string(base::ToStd(status.message())));
  status.ForEachPayload([&wire](absl::string_view url, const absl::Cord& payload) {
    auto* detail = wire.add_details();
    detail->set_type_url(std::string(base::ToStd(url)));
    detail->set_value(std::string(payload));
  });
  return {static_cast<grpc::StatusCode>(status.code()), wire.message(), wire.SerializeAsString()};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      base::ToAbsl(status.error_message()));
  google::rpc::Status wire;
  if (wire.ParseFromString(status.error_details())) {
    for (const auto& detail : wire.details()) {
      result.SetPayload(base::ToAbsl(detail.type_url()), absl::Cord(detail.value()));
    }
  }
  return result;
}

}  // namespace waypost::rpc
