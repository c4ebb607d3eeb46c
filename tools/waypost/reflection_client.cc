#include "tools/waypost/reflection_client.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::cli {
namespace {

namespace pb = reflection::v1;
using google::protobuf::FileDescriptorProto;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr char kMethod[] = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

constexpr char kHealthService[] = "grpc.health.v1.Health";

// gRPC's own health service answers without descriptors, so that reflection lists it and cannot describe it.
// As published in grpc/health/v1/health.proto.
constexpr char kHealthFile[] = R"(
  name: "grpc/health/v1/health.proto" package: "grpc.health.v1" syntax: "proto3"
  message_type { name: "HealthCheckRequest"
    field { name: "service" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }
  message_type { name: "HealthCheckResponse"
    field { name: "status" number: 1 label: LABEL_OPTIONAL type: TYPE_ENUM
            type_name: ".grpc.health.v1.HealthCheckResponse.ServingStatus" }
    enum_type { name: "ServingStatus"
      value { name: "UNKNOWN" number: 0 } value { name: "SERVING" number: 1 }
      value { name: "NOT_SERVING" number: 2 } value { name: "SERVICE_UNKNOWN" number: 3 } } }
  service { name: "Health"
    method { name: "Check" input_type: ".grpc.health.v1.HealthCheckRequest"
             output_type: ".grpc.health.v1.HealthCheckResponse" }
    method { name: "Watch" input_type: ".grpc.health.v1.HealthCheckRequest"
             output_type: ".grpc.health.v1.HealthCheckResponse" server_streaming: true } })";

pb::FileDescriptors HealthFiles() {
  FileDescriptorProto file;
  pb::FileDescriptors files;
  if (google::protobuf::TextFormat::ParseFromString(kHealthFile, &file)) {
    files.add_file_descriptor_protos(file.SerializeAsString());
  }
  return files;
}

absl::Status ServiceNotFound(std::string_view name, std::string_view why) {
  return error::Make(absl::StatusCode::kNotFound, "SERVICE_NOT_FOUND", base::Cat("service ", name, " ", why));
}

std::string LastPart(const std::string& name) {
  return name.substr(name.rfind('.') + 1);
}

}  // namespace

ReflectionClient::ReflectionClient(Caller& caller, absl::Duration timeout)
    : caller_(caller), timeout_(timeout), pool_(&database_), factory_(&pool_) {}

absl::StatusOr<pb::ReflectionResponse> ReflectionClient::Ask(const pb::ReflectionRequest& request) {
  pb::ReflectionResponse response;
  const auto stream = caller_.Open(kMethod, request, response);
  switch (stream->Next(timeout_)) {
    case ServerStream::Event::kIdle:
      return error::DeadlinePassed();
    case ServerStream::Event::kEnded: {
      absl::Status status = stream->Finish();
      return status.ok() ? error::Unavailable("server reflection", "the server gave no answer") : status;
    }
    case ServerStream::Event::kMessage:
      break;
  }
  if (response.has_error()) {
    return absl::Status(static_cast<absl::StatusCode>(response.error().code()), response.error().message());
  }
  return response;
}

absl::Status ReflectionClient::AddFiles(const pb::FileDescriptors& files) {
  for (const std::string& bytes : files.file_descriptor_protos()) {
    bytes_ += bytes.size();
    if (bytes_ > kMaxReflectedBytes || known_.size() >= kMaxReflectedFiles) {
      return error::LimitExceeded("bytes of descriptors", static_cast<int64_t>(kMaxReflectedBytes),
                                  static_cast<int64_t>(bytes_));
    }
    FileDescriptorProto file;
    if (!file.ParseFromString(bytes)) return error::DataLoss("a descriptor from the server");
    wanted_.erase(file.name());
    if (!known_.insert(file.name()).second) continue;
    for (const std::string& dependency : file.dependency()) {
      if (known_.count(dependency) == 0) wanted_.insert(dependency);
    }
    database_.Add(file);
  }
  return absl::OkStatus();
}

absl::Status ReflectionClient::Fetch(const pb::ReflectionRequest& request) {
  WAYPOST_ASSIGN_OR_RETURN(const pb::ReflectionResponse response, Ask(request));
  WAYPOST_RETURN_IF_ERROR(AddFiles(response.file_descriptors()));
  while (!wanted_.empty()) {
    const std::string name = *wanted_.begin();
    pb::ReflectionRequest next;
    next.set_file_by_filename(name);
    WAYPOST_ASSIGN_OR_RETURN(const pb::ReflectionResponse more, Ask(next));
    WAYPOST_RETURN_IF_ERROR(AddFiles(more.file_descriptors()));
    if (wanted_.count(name) > 0) return error::DataLoss(base::Cat("the server's description of ", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReflectionClient::ListServices() {
  pb::ReflectionRequest request;
  request.set_list_services("*");
  WAYPOST_ASSIGN_OR_RETURN(const pb::ReflectionResponse response, Ask(request));
  std::vector<std::string> names;
  for (const pb::ServiceName& service : response.services().services()) names.push_back(service.name());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<const ServiceDescriptor*> ReflectionClient::FindService(const std::string& name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> services, ListServices());
  std::vector<std::string> matches;
  for (const std::string& service : services) {
    if (service == name || LastPart(service) == name) matches.push_back(service);
  }
  if (matches.empty()) return ServiceNotFound(name, "is not offered by the server; see waypost call --list");
  if (matches.size() > 1) return ServiceNotFound(name, "is the end of several names; give one of them whole");
  pb::ReflectionRequest request;
  request.set_file_containing_symbol(matches.front());
  absl::Status described = Fetch(request);
  if (absl::IsNotFound(described) && matches.front() == kHealthService) described = AddFiles(HealthFiles());
  WAYPOST_RETURN_IF_ERROR(described);
  const ServiceDescriptor* service = pool_.FindServiceByName(matches.front());
  if (service == nullptr)
    return ServiceNotFound(matches.front(), "cannot be made out from the server's description");
  return service;
}

absl::StatusOr<const MethodDescriptor*> ReflectionClient::FindMethod(const std::string& name) {
  const size_t slash = name.find('/');
  const size_t split = slash != std::string::npos ? slash : name.rfind('.');
  if (split == std::string::npos || split == 0 || split + 1 == name.size()) {
    return error::InvalidField("method", "must be Service/Method, as in ReferralService/GetReferral");
  }
  WAYPOST_ASSIGN_OR_RETURN(const ServiceDescriptor* service, FindService(name.substr(0, split)));
  const MethodDescriptor* method = service->FindMethodByName(name.substr(split + 1));
  if (method == nullptr) {
    return error::Make(absl::StatusCode::kNotFound, "METHOD_NOT_FOUND",
                       base::Cat(service->full_name(), " has no method ", name.substr(split + 1)));
  }
  return method;
}

std::unique_ptr<google::protobuf::Message> ReflectionClient::NewMessage(
    const google::protobuf::Descriptor& type) {
  return std::unique_ptr<google::protobuf::Message>(factory_.GetPrototype(&type)->New());
}

}  // namespace waypost::cli
