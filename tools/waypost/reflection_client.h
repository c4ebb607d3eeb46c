// What a server offers, learnt from the server itself.
#ifndef WAYPOST_TOOLS_WAYPOST_REFLECTION_CLIENT_H_
#define WAYPOST_TOOLS_WAYPOST_REFLECTION_CLIENT_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/waypost/caller.h"
#include "waypost/reflection/v1/reflection.pb.h"

namespace waypost::cli {

// What a server may describe itself with: files, and bytes of all of them together.
inline constexpr size_t kMaxReflectedFiles = 1000;
inline constexpr size_t kMaxReflectedBytes = 16 * 1024 * 1024;

// Not thread-safe. Descriptors and messages live as long as this.
class ReflectionClient {
 public:
  // `timeout` for each question. `caller` outlives this.
  ReflectionClient(Caller& caller, absl::Duration timeout);

  // Full names, sorted.
  absl::StatusOr<std::vector<std::string>> ListServices();

  // By full name, or by its last part where that names one service alone ("ReferralService"). NOT_FOUND /
  // SERVICE_NOT_FOUND otherwise.
  absl::StatusOr<const google::protobuf::ServiceDescriptor*> FindService(const std::string& name);

  // "Service/Method", the service as in FindService; a dot before the method is taken too.
  absl::StatusOr<const google::protobuf::MethodDescriptor*> FindMethod(const std::string& name);

  // An empty message of a type that a method takes or gives.
  std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor& type);

 private:
  absl::StatusOr<reflection::v1::ReflectionResponse> Ask(const reflection::v1::ReflectionRequest& request);
  // Fetches the files that the answer to `request` names, and what they depend on.
  absl::Status Fetch(const reflection::v1::ReflectionRequest& request);
  absl::Status AddFiles(const reflection::v1::FileDescriptors& files);

  Caller& caller_;
  absl::Duration timeout_;
  google::protobuf::SimpleDescriptorDatabase database_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::set<std::string> known_;   // files in `database_`
  std::set<std::string> wanted_;  // files that others depend on, not fetched yet
  size_t bytes_ = 0;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_REFLECTION_CLIENT_H_
