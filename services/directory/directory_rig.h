// The directory service over gRPC with everything around it, and a complete request for each of its methods.
// For tests only.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RIG_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RIG_H_

#include <memory>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "common/testing/service_rig.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"

namespace waypost::directory {

class DirectoryService;

namespace testing {

using Stub = v1::DirectoryService::Stub;
using ::waypost::testing::ServiceRig;

// The operator's body: in the directory, and a party to nothing else.
inline constexpr std::string_view kNodeBody = "bodies/es-node";
// A body of the directory that nothing in a test belongs to.
inline constexpr std::string_view kOtherBody = "bodies/es-other";
inline constexpr std::string_view kAssociation = "bodies/es-association";

// What a method takes, as text; "" for what is no request of the directory. `id` is digits, for which
// DirectoryRig::Make made a body and all that belongs to it; what is new
// is "new-<id>".
std::string ValidText(std::string_view request_type, std::string_view id);

// Takes the fields of `text` over what `message` has; lists grow. Fails the test when it cannot be read.
void Merge(std::string_view text, google::protobuf::Message& message);

template <typename Request>
Request Valid(std::string_view id) {
  Request request;
  Merge(ValidText(Request::descriptor()->name(), id), request);
  return request;
}

class DirectoryRig {
 public:
  DirectoryRig();
  ~DirectoryRig();

  template <typename Request, typename Response>
  absl::StatusOr<Response> Do(std::string_view token,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request) {
    return rig.Call(*stub, token, method, request);
  }

  // A body and one of everything that belongs to it, all called `id`.
  void Make(const std::string& id);

  ServiceRig rig;
  std::unique_ptr<DirectoryService> service;  // its header takes the compiler longer than the rest of a test
  std::unique_ptr<Stub> stub;
  std::string node_operator;
};

}  // namespace testing
}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_RIG_H_
