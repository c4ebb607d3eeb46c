// The service over real gRPC, with fakes around it: what only shows when all of it works together.
#include "services/directory/directory_service.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/outbox/keys.h"
#include "common/outbox/lane.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/executor.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/testing/fakes.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_policy.h"
#include "services/directory/field_checks.h"
#include "services/directory/module.h"
#include "services/directory/tasks.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::directory {
namespace {

using policy::Role;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Stub = v1::DirectoryService::Stub;

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

// Where the log of one test goes: read it with Text() once the writer has ended.
class LogFile {
 public:
  LogFile() : file_(std::tmpfile()) {}
  ~LogFile() { std::fclose(file_); }
  std::FILE* get() { return file_; }
  std::string Text() {
    std::string text;
    std::rewind(file_);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text.push_back(static_cast<char>(c));
    return text;
  }

 private:
  std::FILE* file_;
};

class DirectoryServiceTest : public ::testing::Test {
 protected:
  DirectoryServiceTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::DirectoryService::NewStub(
        grpc::CreateChannel(base::Cat("127.0.0.1:", port_), grpc::InsecureChannelCredentials()));
    operator_ = TokenOf("bodies/es-madrid", {Role::kOperator});
    supervisor_ = TokenOf("bodies/es-fuenlabrada", {Role::kSupervisor});
    caseworker_ = TokenOf("bodies/es-fuenlabrada", {Role::kCaseworker});
    stranger_ = TokenOf("bodies/es-getafe", {Role::kSupervisor, Role::kCaseworker});
  }
  ~DirectoryServiceTest() override { server_->Shutdown(); }

  std::string TokenOf(std::string body, policy::Roles roles) {
    policy::Caller caller;
    caller.body = std::move(body);
    caller.actor = base::Cat("actor-", ++actors_);
    caller.roles = roles;
    return authenticator_.Add(std::move(caller));
  }

  // One unary call as somebody; a mutation gets a new request id unless it has one.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const std::string& token,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                Request request) {
    if constexpr (requires { request.set_request_id(""); }) {
      if (request.request_id().empty()) request.set_request_id(base::Cat("request-", ++requests_));
    }
    grpc::ClientContext context;
    context.AddMetadata("authorization", base::Cat("Bearer ", token));
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }

  absl::StatusOr<v1::Body> CreateBody(std::string_view id, std::string_view rest = "") {
    return Call(
        operator_, &Stub::CreateBody,
        Parse<v1::CreateBodyRequest>(base::Cat(
            "body_id: '", id,
            "' body { kind: BODY_KIND_MUNICIPALITY level: LEVEL_LOCAL territories: 'ES300' ",
            "display_name { text { key: 'es' value: '", id, "' } original_language: 'es' } ", rest, " }")));
  }
  absl::StatusOr<v1::Offer> CreateOffer(std::string_view id, std::string_view rest = "") {
    return Call(
        supervisor_, &Stub::CreateOffer,
        Parse<v1::CreateOfferRequest>(base::Cat(
            "offer_id: '", id, "' offer { provider: 'bodies/es-fuenlabrada' theme: THEME_HOUSING ",
            "kind: OFFER_KIND_ONE_OFF status: OFFER_STATUS_ACTIVE territories: 'ES300/28058' ",
            "groups { group_id: 'all' } assured_date: '2027-01-01' ",
            "display_name { text { key: 'es' value: '", id, "' } original_language: 'es' } ", rest, " }")));
  }
  template <typename Response>
  static std::string Reason(const absl::StatusOr<Response>& response) {
    return response.ok() ? "OK" : error::ReasonOf(response.status());
  }
  uint64_t Events() { return *outbox::HeadOf(**store_.Snapshot(), "directory"); }
  // The outbox, in order.
  std::vector<event::v1::Event> EventList() {
    std::vector<event::v1::Event> events;
    const auto reader = *store_.Snapshot();
    for (auto at = reader->Scan(store::PrefixRange(outbox::EventPrefix("directory"))); at->Valid();
         at->Next()) {
      event::v1::Envelope envelope;
      EXPECT_TRUE(envelope.ParseFromString(std::string(at->value())));
      EXPECT_TRUE(events.emplace_back().ParseFromString(envelope.event()));
    }
    return events;
  }

  LogFile log_file_;
  ::waypost::testing::FakeClock clock_;  // 15 January 2027
  ::waypost::testing::FakeRandom random_;
  ::waypost::testing::FakeAuthenticator authenticator_;
  rpc::chain::Admission admission_{{}};
  rpc::Executor executor_{2, 100};
  telemetry::Metrics metrics_;
  std::unique_ptr<telemetry::LogWriter> log_ = std::make_unique<telemetry::LogWriter>(log_file_.get());
  api::PageTokens page_tokens_{crypto::SecretKey::Generate(random_), crypto::SecretKey::Generate(random_),
                               random_};
  std::string idempotency_key_ = std::string(32, 'k');
  rpc::chain::SuccessorAccounts accounts_;
  rpc::NodeEnvironment node_{authenticator_, admission_, clock_,       random_,          executor_,
                             metrics_,       *log_,      page_tokens_, idempotency_key_, accounts_};
  store::MemoryStore store_;
  outbox::Lane lane_ = *outbox::Lane::Open(store_, "directory");
  rpc::ChangeHub hub_;
  rpc::Environment env_{node_, store_, lane_, hub_};
  DirectoryService service_{env_};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Stub> stub_;
  std::string operator_, supervisor_, caseworker_, stranger_;
  int actors_ = 0;
  int requests_ = 10'000'000;
};

TEST_F(DirectoryServiceTest, EveryMethodOfTheServiceHasARuleAndTheOtherWayRound) {
  const auto* descriptor = v1::CreateBodyRequest::descriptor()->file()->pool()->FindServiceByName(
      "waypost.directory.v1.DirectoryService");
  ASSERT_NE(descriptor, nullptr);
  EXPECT_EQ(static_cast<size_t>(descriptor->method_count()), kDirectoryRules.size());
  for (const policy::MethodRule* rule : kDirectoryRules) {
    const auto* method = descriptor->FindMethodByName(std::string(rule->method));
    ASSERT_NE(method, nullptr) << rule->method;
    EXPECT_EQ(method->input_type()->FindFieldByName("request_id") != nullptr, rule->mutation) << rule->method;
  }
}

TEST_F(DirectoryServiceTest, ABodysLife) {
  const auto created = CreateBody("es-fuenlabrada");
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), "bodies/es-fuenlabrada");
  EXPECT_EQ(created->etag(), "\"1\"");
  EXPECT_THAT(created->allowed_actions(), ElementsAre("SUSPEND", "DISSOLVE", "UPDATE"));
  const auto get = Parse<v1::GetBodyRequest>("name: 'bodies/es-fuenlabrada'");
  EXPECT_THAT(Call(stranger_, &Stub::GetBody, get)->allowed_actions(), IsEmpty());
  EXPECT_THAT(Call(supervisor_, &Stub::GetBody, get)->allowed_actions(), ElementsAre("UPDATE"));

  const auto suspend =
      Parse<v1::SuspendBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'audit' etag: '\"1\"'");
  EXPECT_EQ(Reason(Call(supervisor_, &Stub::SuspendBody, suspend)), "NOT_ALLOWED");
  EXPECT_EQ(Call(operator_, &Stub::SuspendBody, suspend)->status(), v1::BODY_STATUS_SUSPENDED);
  EXPECT_EQ(Reason(Call(operator_, &Stub::SuspendBody, suspend)), "ETAG_MISMATCH");
  const auto again = Call(operator_, &Stub::SuspendBody,
                          Parse<v1::SuspendBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'audit'"));
  EXPECT_EQ(Reason(again), "INVALID_TRANSITION");
  EXPECT_EQ(error::MetadataOf(again.status(), "state"), "SUSPENDED");
  EXPECT_EQ(Call(operator_, &Stub::ReactivateBody,
                 Parse<v1::ReactivateBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'done'"))
                ->status(),
            v1::BODY_STATUS_ACTIVE);
  EXPECT_EQ(Call(operator_, &Stub::DissolveBody,
                 Parse<v1::DissolveBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'merged'"))
                ->status(),
            v1::BODY_STATUS_DISSOLVED);
  EXPECT_EQ(Reason(CreateOffer("flats")), "INVALID_TRANSITION");
  EXPECT_EQ(Events(), 4u);
}

TEST_F(DirectoryServiceTest, WhoMayChangeWhichFieldOfABody) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  const auto update = [&](const std::string& token, std::string_view path) {
    return Reason(
        Call(token, &Stub::UpdateBody,
             Parse<v1::UpdateBodyRequest>(base::Cat(
                 "body { name: 'bodies/es-fuenlabrada' languages: 'ar' territories: 'ES300/28058' } ",
                 "update_mask { paths: '", path, "' }"))));
  };
  EXPECT_EQ(update(supervisor_, "languages"), "OK");
  EXPECT_EQ(update(supervisor_, "territories"), "NOT_ALLOWED");
  EXPECT_EQ(update(operator_, "territories"), "OK");
  EXPECT_EQ(update(caseworker_, "languages"), "NOT_ALLOWED");
  EXPECT_EQ(update(stranger_, "languages"), "NOT_ALLOWED");
  EXPECT_EQ(update(operator_, "status"), "INVALID_FIELD");
  EXPECT_EQ(update("nobody", "languages"), "TOKEN_REFUSED");
}

TEST_F(DirectoryServiceTest, TheSameRequestAgainGetsTheFirstAnswer) {
  auto request = Parse<v1::CreateBodyRequest>(
      "body_id: 'es-fuenlabrada' request_id: 'the-first' body { kind: BODY_KIND_MUNICIPALITY level: "
      "LEVEL_LOCAL "
      "display_name { text { key: 'es' value: 'Fuenlabrada' } original_language: 'es' } }");
  const auto first = Call(operator_, &Stub::CreateBody, request);
  ASSERT_TRUE(first.ok());
  clock_.Advance(absl::Hours(1));
  const auto again = Call(operator_, &Stub::CreateBody, request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(Events(), 1u);
  request.mutable_body()->set_kind(v1::BODY_KIND_REGION);
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateBody, request)), "REQUEST_ID_REUSED");
  request.set_request_id("another-one");
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateBody, request)), "ALREADY_EXISTS");
}

TEST_F(DirectoryServiceTest, UnitsOffersAndCapacityBelongToTheirBody) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  const auto unit = Parse<v1::CreateUnitRequest>(
      "parent: 'bodies/es-fuenlabrada' unit_id: 'vivienda' unit { kind: UNIT_KIND_DEPARTMENT status: "
      "UNIT_STATUS_ACTIVE "
      "display_name { text { key: 'es' value: 'Vivienda' } original_language: 'es' } }");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::CreateUnit, unit)), "NOT_ALLOWED");
  EXPECT_EQ(Call(supervisor_, &Stub::CreateUnit, unit)->name(), "bodies/es-fuenlabrada/units/vivienda");
  EXPECT_EQ(
      Call(caseworker_, &Stub::ListUnits, Parse<v1::ListUnitsRequest>("parent: 'bodies/es-fuenlabrada'"))
          ->units_size(),
      1);
  EXPECT_EQ(
      Call(supervisor_, &Stub::UpdateUnit,
           Parse<v1::UpdateUnitRequest>("unit { name: 'bodies/es-fuenlabrada/units/vivienda' status: "
                                        "UNIT_STATUS_CLOSED etag: '\"1\"' } update_mask { paths: 'status' }"))
          ->status(),
      v1::UNIT_STATUS_CLOSED);

  for (int i = 1; i < kMaxUnits; ++i) {
    v1::CreateUnitRequest more = unit;
    more.set_unit_id(base::Cat("unit-", i));
    ASSERT_TRUE(Call(supervisor_, &Stub::CreateUnit, more).ok()) << i;
  }
  v1::CreateUnitRequest too_many = unit;
  too_many.set_unit_id("one-too-many");
  EXPECT_EQ(Reason(Call(supervisor_, &Stub::CreateUnit, too_many)), "LIMIT_EXCEEDED");

  const auto offer = CreateOffer("flats");
  ASSERT_TRUE(offer.ok()) << offer.status();
  EXPECT_FALSE(offer->assurance_overdue());
  const auto report = Parse<v1::ReportCapacityRequest>(
      "name: 'offers/flats' group_id: 'all' capacity { places: 8 free: 2 waiting: 15 }");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::ReportCapacity, report)), "NOT_ALLOWED");
  const auto reported = Call(caseworker_, &Stub::ReportCapacity, report);
  ASSERT_TRUE(reported.ok()) << reported.status();
  EXPECT_EQ(reported->groups(0).capacity().free(), 2);
  EXPECT_EQ(reported->etag(), "\"2\"");
  EXPECT_EQ(
      Reason(Call(caseworker_, &Stub::UpdateOffer,
                  Parse<v1::UpdateOfferRequest>("offer { name: 'offers/flats' status: OFFER_STATUS_DEFUNCT } "
                                                "update_mask { paths: 'status' }"))),
      "NOT_ALLOWED");
  clock_.Advance(absl::Hours(24 * 400));
  EXPECT_TRUE(Call(caseworker_, &Stub::GetOffer, Parse<v1::GetOfferRequest>("name: 'offers/flats'"))
                  ->assurance_overdue());
}

TEST_F(DirectoryServiceTest, ABodyWithBodiesBelowItIsNotMovedBeyondTheDepthLimitAndNothingIsWritten) {
  ASSERT_TRUE(CreateBody("a0").ok());
  ASSERT_TRUE(CreateBody("b0").ok());
  for (int i = 1; i <= kMaxParents - 1; ++i) {
    ASSERT_TRUE(CreateBody(base::Cat("a", i), base::Cat("parent: 'bodies/a", i - 1, "'")).ok()) << i;
  }
  ASSERT_TRUE(CreateBody("b1", "parent: 'bodies/b0'").ok());
  const auto move = [&](int below) {
    return Call(operator_, &Stub::UpdateBody,
                Parse<v1::UpdateBodyRequest>(base::Cat("body { name: 'bodies/b0' parent: 'bodies/a", below,
                                                       "' } update_mask { paths: 'parent' }")));
  };
  const uint64_t events = Events();
  const auto refused = move(kMaxParents - 1);
  EXPECT_EQ(Reason(refused), "INVALID_FIELD");
  EXPECT_THAT(error::ViolationsOf(refused.status()),
              ElementsAre(HasSubstr("body.parent: puts a body below this one under more than 8")));
  EXPECT_EQ(Events(), events);
  EXPECT_EQ(Call(operator_, &Stub::GetBody, Parse<v1::GetBodyRequest>("name: 'bodies/b0'"))->etag(), "\"1\"");
  EXPECT_EQ(Reason(move(kMaxParents - 2)), "OK");
}

TEST_F(DirectoryServiceTest, TheOffersOfADissolvedBodyAreAsFinalAsTheBody) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateOffer("flats").ok());
  const auto update = [&] {
    return Call(supervisor_, &Stub::UpdateOffer,
                Parse<v1::UpdateOfferRequest>("offer { name: 'offers/flats' languages: 'ar' } "
                                              "update_mask { paths: 'languages' }"));
  };
  const auto close = [&] {
    return Call(supervisor_, &Stub::UpdateOffer,
                Parse<v1::UpdateOfferRequest>("offer { name: 'offers/flats' status: OFFER_STATUS_DEFUNCT } "
                                              "update_mask { paths: 'status' }"));
  };
  const auto report = [&](const std::string& token) {
    return Call(token, &Stub::ReportCapacity,
                Parse<v1::ReportCapacityRequest>(
                    "name: 'offers/flats' group_id: 'all' capacity { places: 8 free: 2 }"));
  };
  // What a suspended body has goes on; it is given nothing new by being left out of every route.
  ASSERT_TRUE(Call(operator_, &Stub::SuspendBody,
                   Parse<v1::SuspendBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'audit'"))
                  .ok());
  EXPECT_EQ(Reason(update()), "OK");
  EXPECT_EQ(Reason(report(caseworker_)), "OK");
  EXPECT_EQ(Reason(CreateOffer("rooms")), "OK");

  ASSERT_TRUE(Call(operator_, &Stub::DissolveBody,
                   Parse<v1::DissolveBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'merged'"))
                  .ok());
  const uint64_t events = Events();
  const auto like_creating = CreateOffer("houses").status();
  ASSERT_EQ(error::ReasonOf(like_creating), "INVALID_TRANSITION");
  for (const absl::Status& status :
       {update().status(), close().status(), report(supervisor_).status(), report(caseworker_).status()}) {
    EXPECT_EQ(status.code(), like_creating.code());
    EXPECT_EQ(error::ReasonOf(status), "INVALID_TRANSITION");
    EXPECT_EQ(error::MetadataOf(status, "resource"), error::MetadataOf(like_creating, "resource"));
    EXPECT_EQ(error::MetadataOf(status, "state"), "DISSOLVED");
  }
  EXPECT_EQ(Reason(report(stranger_)), "NOT_ALLOWED") << "authority comes first";
  EXPECT_EQ(Events(), events);
  const auto offer = Call(stranger_, &Stub::GetOffer, Parse<v1::GetOfferRequest>("name: 'offers/flats'"));
  EXPECT_EQ(offer->etag(), "\"3\"");
}

TEST_F(DirectoryServiceTest, TimeNeverGoesBackwardsWithinAResourceThoughTheClockDoes) {
  const absl::Time began = clock_.Now();
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateOffer("flats").ok());
  const std::string name = "name: 'bodies/es-fuenlabrada/units/vivienda'";
  ASSERT_TRUE(
      Call(supervisor_, &Stub::CreateUnit,
           Parse<v1::CreateUnitRequest>(
               "parent: 'bodies/es-fuenlabrada' unit_id: 'vivienda' unit { kind: UNIT_KIND_DEPARTMENT "
               "status: UNIT_STATUS_ACTIVE "
               "display_name { text { key: 'es' value: 'Vivienda' } original_language: 'es' } }"))
          .ok());
  ASSERT_TRUE(
      Call(operator_, &Stub::CreateCoordinationAgreement,
           Parse<v1::CreateCoordinationAgreementRequest>(
               "coordination_agreement_id: 'aa' coordination_agreement { theme: THEME_HOUSING territory: "
               "'ES3' "
               "body: 'bodies/es-fuenlabrada' reference: 'Convenio 1' period { start_date: '2026-01-01' } }"))
          .ok());
  clock_.Advance(-absl::Hours(1));
  const auto expect_not_before = [&](const auto& changed) {
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_EQ(api::FromTimestamp(changed->update_time()), began) << changed->name();
  };
  expect_not_before(
      Call(supervisor_, &Stub::UpdateBody,
           Parse<v1::UpdateBodyRequest>("body { name: 'bodies/es-fuenlabrada' languages: 'ar' } "
                                        "update_mask { paths: 'languages' }")));
  expect_not_before(Call(operator_, &Stub::SuspendBody,
                         Parse<v1::SuspendBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'audit'")));
  expect_not_before(
      Call(supervisor_, &Stub::UpdateUnit,
           Parse<v1::UpdateUnitRequest>(
               base::Cat("unit { ", name, " status: UNIT_STATUS_CLOSED } update_mask { paths: 'status' }"))));
  expect_not_before(Call(
      supervisor_, &Stub::UpdateOffer,
      Parse<v1::UpdateOfferRequest>("offer { name: 'offers/flats' status: OFFER_STATUS_TEMPORARILY_CLOSED } "
                                    "update_mask { paths: 'status' }")));
  const auto reported = Call(caseworker_, &Stub::ReportCapacity,
                             Parse<v1::ReportCapacityRequest>(
                                 "name: 'offers/flats' group_id: 'all' capacity { places: 8 free: 2 }"));
  expect_not_before(reported);
  EXPECT_EQ(api::FromTimestamp(reported->groups(0).capacity().update_time()), began);
  expect_not_before(Call(operator_, &Stub::EndCoordinationAgreement,
                         Parse<v1::EndCoordinationAgreementRequest>(
                             "name: 'coordinationAgreements/aa' end_date: '2026-06-30'")));
  EXPECT_EQ(Events(), 10U);
  for (const event::v1::Event& event : EventList()) {
    EXPECT_EQ(api::FromTimestamp(event.time()), began) << event.type();
  }
  const auto changes = Call(caseworker_, &Stub::ListChanges, v1::ListChangesRequest());
  ASSERT_EQ(changes->changes_size(), 4);
  for (const v1::Change& change : changes->changes()) {
    EXPECT_EQ(api::FromTimestamp(change.time()), began) << change.resource();
  }
}

TEST_F(DirectoryServiceTest, ListingsGoPageByPageAndATokenIsForItsQueryAlone) {
  for (const std::string_view id : {"aa", "bb", "cc"}) ASSERT_TRUE(CreateBody(id).ok());
  auto request = Parse<v1::ListBodiesRequest>("kind: BODY_KIND_MUNICIPALITY page_size: 2");
  const auto first = Call(caseworker_, &Stub::ListBodies, request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->bodies_size(), 2);
  request.set_page_token(first->next_page_token());
  const auto second = Call(caseworker_, &Stub::ListBodies, request);
  EXPECT_EQ(second->bodies(0).name(), "bodies/cc");
  EXPECT_EQ(second->next_page_token(), "");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::ListBodies, request)), "PAGE_TOKEN_INVALID");
  request.clear_kind();
  EXPECT_EQ(Reason(Call(caseworker_, &Stub::ListBodies, request)), "PAGE_TOKEN_INVALID");
}

TEST_F(DirectoryServiceTest, AnEnforcementBodyTakesNoPartInCases) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-police", "enforcement: true").ok());
  const auto agreement = Parse<v1::CreateCoordinationAgreementRequest>(
      "coordination_agreement_id: 'aa' coordination_agreement { theme: THEME_HOUSING territory: 'ES300' "
      "body: 'bodies/es-police' reference: 'Convenio 1' period { start_date: '2026-01-01' } }");
  EXPECT_THAT(error::ViolationsOf(Call(operator_, &Stub::CreateCoordinationAgreement, agreement).status()),
              ElementsAre(StartsWith("coordination_agreement.body: is an enforcement body")));
  const auto succession = Parse<v1::CreateSuccessionRequest>(
      "succession_id: 'aa' succession { predecessor: 'bodies/es-fuenlabrada' kind: SUCCESSION_KIND_MERGED "
      "period { start_date: '2026-12-01' } reference: 'Ley 1' shares { successor: 'bodies/es-police' } }");
  EXPECT_THAT(error::ViolationsOf(Call(operator_, &Stub::CreateSuccession, succession).status()),
              ElementsAre(StartsWith("succession.shares[0].successor: is an enforcement body")));
  // Nobody who reads cases becomes one.
  EXPECT_EQ(
      Reason(Call(operator_, &Stub::UpdateBody,
                  Parse<v1::UpdateBodyRequest>("body { name: 'bodies/es-fuenlabrada' enforcement: true } "
                                               "update_mask { paths: 'enforcement' }"))),
      "INVALID_FIELD");
}

TEST_F(DirectoryServiceTest, ATranslationIsLookedThroughByItself) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  EXPECT_THAT(
      error::ViolationsOf(
          CreateOffer("flats", "translation_reviews { language: 'xx' review_date: '2027-01-01' }").status()),
      ElementsAre(StartsWith("offer.translation_reviews[0].language: ")));
  ASSERT_TRUE(CreateOffer("flats", "translation_reviews { language: 'es' review_date: '2025-01-01' }").ok());
  v1::ListDirectoryTasksRequest request;
  request.set_body("bodies/es-fuenlabrada");
  const auto tasks = Call(supervisor_, &Stub::ListDirectoryTasks, request);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->tasks_size(), 1);
  EXPECT_EQ(tasks->tasks(0).kind(), v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE);
  EXPECT_EQ(tasks->tasks(0).language(), "es");
}

TEST_F(DirectoryServiceTest, ProgrammesAndAgreements) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  const auto programme = Parse<v1::CreateProgrammeRequest>(
      "programme_id: 'milma' programme { lead: 'bodies/es-fuenlabrada' funders: 'EU' "
      "period { start_date: '2018-03-01' end_date: '2021-08-31' } "
      "display_name { text { key: 'en' value: 'MILMA' } original_language: 'en' } }");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::CreateProgramme, programme)), "NOT_ALLOWED");
  EXPECT_EQ(Call(supervisor_, &Stub::CreateProgramme, programme)->name(), "programmes/milma");
  EXPECT_EQ(Call(caseworker_, &Stub::ListProgrammes, v1::ListProgrammesRequest())->programmes_size(), 1);

  auto agreement = Parse<v1::CreateCoordinationAgreementRequest>(
      "coordination_agreement_id: 'aa' coordination_agreement { theme: THEME_HOUSING territory: 'ES300' "
      "body: 'bodies/es-fuenlabrada' reference: 'Convenio 1' period { start_date: '2026-01-01' } }");
  EXPECT_EQ(Reason(Call(supervisor_, &Stub::CreateCoordinationAgreement, agreement)), "NOT_ALLOWED");
  ASSERT_TRUE(Call(operator_, &Stub::CreateCoordinationAgreement, agreement).ok());
  agreement.set_coordination_agreement_id("bb");
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateCoordinationAgreement, agreement)), "AGREEMENT_OVERLAPS");
  ASSERT_TRUE(Call(operator_, &Stub::EndCoordinationAgreement,
                   Parse<v1::EndCoordinationAgreementRequest>(
                       "name: 'coordinationAgreements/aa' end_date: '2026-06-30' etag: '\"1\"'"))
                  .ok());
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateCoordinationAgreement, agreement)), "AGREEMENT_OVERLAPS");
  agreement.mutable_coordination_agreement()->mutable_period()->set_start_date("2026-07-01");
  ASSERT_TRUE(Call(operator_, &Stub::CreateCoordinationAgreement, agreement).ok());
  EXPECT_EQ(Call(caseworker_, &Stub::ResolveRoute,
                 Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'ES300/28058'"))
                ->coordinating_body(),
            "bodies/es-fuenlabrada");
}

TEST_F(DirectoryServiceTest, AProgrammeThatEndedIsNotProposedFromTheDayAfterItsLast) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  ASSERT_TRUE(
      Call(supervisor_, &Stub::CreateProgramme,
           Parse<v1::CreateProgrammeRequest>(
               "programme_id: 'rising' programme { lead: 'bodies/es-fuenlabrada' period { start_date: "
               "'2026-01-01' } display_name { text { key: 'es' value: 'R' } original_language: 'es' } }"))
          .ok());
  ASSERT_TRUE(CreateOffer("flats", "programme: 'programmes/rising'").ok());
  const auto update = Parse<v1::UpdateProgrammeRequest>(
      "programme { name: 'programmes/rising' partners: 'bodies/es-getafe' } update_mask { paths: 'partners' "
      "}");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::UpdateProgramme, update)), "NOT_ALLOWED");
  EXPECT_THAT(Call(supervisor_, &Stub::UpdateProgramme, update)->partners(), ElementsAre("bodies/es-getafe"));
  EXPECT_EQ(Reason(Call(supervisor_, &Stub::UpdateProgramme,
                        Parse<v1::UpdateProgrammeRequest>("programme { name: 'programmes/rising' partners: "
                                                          "'bodies/es-nowhere' } "
                                                          "update_mask { paths: 'partners' }"))),
            "INVALID_FIELD");
  const auto matches = [&] {
    return Call(caseworker_, &Stub::ResolveRoute,
                Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'ES300/28058'"))
        ->match_count();
  };
  EXPECT_EQ(matches(), 1);
  // A partner takes part; it does not end what another one leads.
  const auto end = Parse<v1::EndProgrammeRequest>(
      "name: 'programmes/rising' end_date: '2027-01-15' reason: 'funds' etag: '\"2\"'");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::EndProgramme, end)), "NOT_ALLOWED");
  const auto ended = Call(supervisor_, &Stub::EndProgramme, end);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->end_reason(), "funds");
  EXPECT_EQ(matches(), 1);
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(matches(), 0);
  std::vector<std::string> types;
  for (const auto& event : EventList()) types.push_back(event.type());
  EXPECT_THAT(types, ::testing::IsSupersetOf({"directory.programme_updated", "directory.programme_ended"}));
}

TEST_F(DirectoryServiceTest, ARepeatedSuccessionGetsTheFirstAnswer) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  const auto request = Parse<v1::CreateSuccessionRequest>(
      "request_id: 'succession-once' succession_id: 'merger' succession { kind: SUCCESSION_KIND_MERGED "
      "predecessor: 'bodies/es-fuenlabrada' shares { successor: 'bodies/es-getafe' } reference: 'Ley 1/2027' "
      "period { start_date: '2027-01-15' } }");
  const auto first = Call(operator_, &Stub::CreateSuccession, request);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Call(operator_, &Stub::CreateSuccession, request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  auto other = request;
  other.set_succession_id("another");
  EXPECT_FALSE(Call(operator_, &Stub::CreateSuccession, other).ok()) << "the id is of another request";
  EXPECT_EQ(
      Call(operator_, &Stub::ListSuccessions, Parse<v1::ListSuccessionsRequest>(""))->successions_size(), 1);
}

TEST_F(DirectoryServiceTest, ASuccessionSaysWhereTheWorkOfAUnitGoes) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  const auto with = [](std::string_view units) {
    return Parse<v1::CreateSuccessionRequest>(
        base::Cat("succession_id: 'merger' succession { kind: SUCCESSION_KIND_MERGED predecessor: "
                  "'bodies/es-fuenlabrada' shares { successor: 'bodies/es-getafe' ",
                  units, " } reference: 'Ley 1/2027' period { start_date: '2027-01-15' } }"));
  };
  const std::string_view known =
      "units { unit: 'bodies/es-fuenlabrada/units/housing' successor_unit: 'bodies/es-getafe/units/housing' "
      "} ";
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateSuccession, with(known))), "INVALID_FIELD")
      << "neither is there";
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateSuccession,
                        with("units { unit: 'bodies/es-getafe/units/a' "
                             "successor_unit: 'bodies/es-fuenlabrada/units/b' } "))),
            "INVALID_FIELD");
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateSuccession, with(base::Cat(known, known)))), "INVALID_FIELD");
  for (const char* body : {"bodies/es-fuenlabrada", "bodies/es-getafe"}) {
    const auto made =
        Call(TokenOf(body, {Role::kSupervisor}), &Stub::CreateUnit,
             Parse<v1::CreateUnitRequest>(base::Cat(
                 "parent: '", body,
                 "' unit_id: 'housing' unit { display_name { text { key: 'es' value: 'Vivienda' } "
                 "original_language: 'es' } kind: UNIT_KIND_DEPARTMENT status: UNIT_STATUS_ACTIVE }")));
    ASSERT_TRUE(made.ok()) << made.status();
  }
  const auto made = Call(operator_, &Stub::CreateSuccession, with(known));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->shares(0).units(0).successor_unit(), "bodies/es-getafe/units/housing");
}

TEST_F(DirectoryServiceTest, ASuccessionIsRecordedFollowedAndEnded) {
  const std::string_view competence =
      "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' }";
  ASSERT_TRUE(CreateBody("es-fuenlabrada", competence).ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  ASSERT_TRUE(Call(operator_, &Stub::DissolveBody,
                   Parse<v1::DissolveBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'merged'"))
                  .ok());
  auto request = Parse<v1::CreateSuccessionRequest>(
      "succession_id: 'merger' succession { kind: SUCCESSION_KIND_MERGED predecessor: "
      "'bodies/es-fuenlabrada' "
      "shares { successor: 'bodies/es-getafe' } reference: 'Ley 1/2027' period { start_date: '2027-01-15' } "
      "}");
  EXPECT_EQ(Reason(Call(supervisor_, &Stub::CreateSuccession, request)), "NOT_ALLOWED");
  const auto made = Call(operator_, &Stub::CreateSuccession, request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "successions/merger");
  EXPECT_EQ(made->etag(), "\"1\"");
  request.set_succession_id("again");
  EXPECT_EQ(Reason(Call(operator_, &Stub::CreateSuccession, request)), "SUCCESSION_OVERLAPS");
  EXPECT_EQ(Call(caseworker_, &Stub::ListSuccessions,
                 Parse<v1::ListSuccessionsRequest>("predecessor: 'bodies/es-fuenlabrada'"))
                ->successions_size(),
            1);
  const auto first = [&] {
    const auto route = *Call(caseworker_, &Stub::ResolveRoute,
                             Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'ES300/28058'"));
    return route.candidates().empty() ? "" : route.candidates(0).body();
  };
  EXPECT_EQ(first(), "bodies/es-getafe");
  const auto changes = Call(stranger_, &Stub::ListChanges, Parse<v1::ListChangesRequest>(""));
  EXPECT_EQ(changes->changes(changes->changes_size() - 1).succession().name(), "successions/merger");
  EXPECT_EQ(changes->changes(changes->changes_size() - 1).succession().etag(), "\"1\"");
  EXPECT_EQ(Call(operator_, &Stub::EndSuccession,
                 Parse<v1::EndSuccessionRequest>("name: 'successions/merger' end_date: '2027-01-15'"))
                ->etag(),
            "\"2\"");
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(first(), "");
  std::vector<std::string> types;
  for (const auto& event : EventList()) types.push_back(event.type());
  EXPECT_THAT(types,
              ::testing::IsSupersetOf({"directory.succession_recorded", "directory.succession_ended"}));
}

TEST_F(DirectoryServiceTest, ABodySeesWhatItHasToDoAndNobodyElseButTheOperatorDoes) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateOffer("flats", "review_date: '2027-01-20'").ok());
  ASSERT_TRUE(Call(caseworker_, &Stub::ReportCapacity,
                   Parse<v1::ReportCapacityRequest>(
                       "name: 'offers/flats' group_id: 'all' capacity { places: 8 free: 2 }"))
                  .ok());
  const auto tasks = [&](const std::string& token) {
    return Call(token, &Stub::ListDirectoryTasks,
                Parse<v1::ListDirectoryTasksRequest>("body: 'bodies/es-fuenlabrada'"));
  };
  EXPECT_EQ(tasks(caseworker_)->tasks_size(), 0);
  clock_.Advance(absl::Hours(24 * 31));
  EXPECT_EQ(Reason(tasks(stranger_)), "NOT_ALLOWED");
  for (const std::string& token : {caseworker_, supervisor_, operator_}) {
    const auto answer = tasks(token);
    ASSERT_EQ(answer->tasks_size(), 2);
    EXPECT_EQ(answer->tasks(0).kind(), v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE);
    EXPECT_EQ(answer->tasks(0).since_date(), "2027-01-21");
    EXPECT_EQ(answer->tasks(1).kind(), v1::DIRECTORY_TASK_KIND_CAPACITY_STALE);
    EXPECT_EQ(answer->tasks(1).group_id(), "all");
  }
  ASSERT_TRUE(Call(operator_, &Stub::DissolveBody,
                   Parse<v1::DissolveBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'merged'"))
                  .ok());
  EXPECT_EQ(tasks(operator_)->tasks_size(), 0);
}

TEST_F(DirectoryServiceTest, AnEnquiryIsOfTheTwoBodiesAlone) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  auto ask = Parse<v1::EnquireRequest>(
      "enquiry_id: '0123456789abcdef0123456789abcdef' enquiry { body: 'bodies/es-fuenlabrada' "
      "theme: THEME_HOUSING territory: 'ES300' language: 'ckb' household_persons: 4 }");
  EXPECT_EQ(Reason(Call(operator_, &Stub::Enquire, ask)), "NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(caseworker_, &Stub::Enquire, ask)), "INVALID_FIELD");  // itself
  const auto asked = Call(stranger_, &Stub::Enquire, ask);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->enquirer(), "bodies/es-getafe");
  ask.set_enquiry_id("1123456789abcdef0123456789abcdef");
  ask.mutable_enquiry()->set_body("bodies/es-nowhere");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::Enquire, ask)), "INVALID_FIELD");

  const std::string third = TokenOf("bodies/es-madrid", {Role::kCaseworker, Role::kSupervisor});
  const auto get = [&](const std::string& token) {
    v1::GetEnquiryRequest request;
    request.set_name(asked->name());
    return Reason(Call(token, &Stub::GetEnquiry, request));
  };
  EXPECT_EQ(get(caseworker_), "OK");
  EXPECT_EQ(get(stranger_), "OK");
  EXPECT_EQ(get(third), "NOT_FOUND");
  const auto box = [&](const std::string& token, v1::EnquiryBox which) {
    v1::ListEnquiriesRequest request;
    request.set_box(which);
    return Call(token, &Stub::ListEnquiries, request)->enquiries_size();
  };
  EXPECT_EQ(box(caseworker_, v1::ENQUIRY_BOX_TO_ANSWER), 1);
  EXPECT_EQ(box(stranger_, v1::ENQUIRY_BOX_SENT), 1);
  EXPECT_EQ(box(third, v1::ENQUIRY_BOX_RECEIVED), 0);

  auto answer = Parse<v1::AnswerEnquiryRequest>(
      "answer { verdict: ENQUIRY_VERDICT_YES_WITH_WAIT reason: ENQUIRY_REASON_NO_CAPACITY "
      "expected_wait_days: 30 }");
  answer.set_name(asked->name());
  EXPECT_EQ(Reason(Call(stranger_, &Stub::AnswerEnquiry, answer)), "NOT_ALLOWED");
  EXPECT_EQ(Reason(Call(third, &Stub::AnswerEnquiry, answer)), "NOT_FOUND");
  const auto answered = Call(caseworker_, &Stub::AnswerEnquiry, answer);
  ASSERT_TRUE(answered.ok()) << answered.status();
  EXPECT_EQ(answered->etag(), "\"2\"");
  EXPECT_EQ(Reason(Call(caseworker_, &Stub::AnswerEnquiry, answer)), "INVALID_TRANSITION");
  EXPECT_EQ(box(caseworker_, v1::ENQUIRY_BOX_TO_ANSWER), 0);
  EXPECT_EQ(box(stranger_, v1::ENQUIRY_BOX_SENT), 1);

  // Told to the audit log, without what was asked; and in no feed.
  const auto events = EventList();
  EXPECT_EQ(events.back().type(), "directory.enquiry_answered");
  EXPECT_EQ(events.back().resource(), asked->name());
  for (const auto& event : events) EXPECT_EQ(event.SerializeAsString().find("ckb"), std::string::npos);
  const auto changes = Call(third, &Stub::ListChanges, Parse<v1::ListChangesRequest>(""));
  EXPECT_EQ(changes->changes_size(), 2);

  ASSERT_TRUE(Call(operator_, &Stub::SuspendBody,
                   Parse<v1::SuspendBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'x'"))
                  .ok());
  ask.mutable_enquiry()->set_body("bodies/es-fuenlabrada");
  EXPECT_EQ(Reason(Call(stranger_, &Stub::Enquire, ask)), "INVALID_TRANSITION");
  clock_.Advance(kEnquiryKept);
  EXPECT_EQ(get(caseworker_), "NOT_FOUND");
}

// The whole module, as a process runs it: what it does each second is all that removes.
TEST_F(DirectoryServiceTest, TheModuleRemovesEnquiriesThatHaveExpired) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  const std::string id = "0123456789abcdef0123456789abcdef";
  ASSERT_TRUE(Call(stranger_, &Stub::Enquire,
                   Parse<v1::EnquireRequest>(base::Cat("enquiry_id: '", id,
                                                       "' enquiry { body: 'bodies/es-fuenlabrada' "
                                                       "theme: THEME_HOUSING territory: 'ES300' }")))
                  .ok());
  const auto is_there = [&] {
    return (*store_.Snapshot())->Get(store::KeyBuilder().Text("enquiry").Text(id).Take())->has_value();
  };
  const auto module = MakeModule({.node = node_, .store = store_});
  ASSERT_TRUE(module.ok()) << module.status();
  clock_.Advance(kEnquiryKept - absl::Seconds(1));
  (*module)->Tick(clock_.Now());
  EXPECT_TRUE(is_there());
  clock_.Advance(absl::Seconds(1));
  (*module)->Tick(clock_.Now());
  EXPECT_FALSE(is_there());
  (*module)->Stop();
}

TEST_F(DirectoryServiceTest, AnEnquiryThatWaitsForMoreThanAWeekIsATaskOfTheBodyAsked) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  const auto ask = [&](char digit) {
    const std::string id = std::string(1, digit) + "123456789abcdef0123456789abcdef";
    return Call(stranger_, &Stub::Enquire,
                Parse<v1::EnquireRequest>(base::Cat("enquiry_id: '", id,
                                                    "' enquiry { body: 'bodies/es-fuenlabrada' "
                                                    "theme: THEME_HOUSING territory: 'ES300' }")))
        ->name();
  };
  const std::string answered = ask('0');
  const std::string forgotten = ask('1');
  const auto tasks = [&](const std::string& token) {
    std::vector<std::string> resources;
    const auto answer = Call(token, &Stub::ListDirectoryTasks,
                             Parse<v1::ListDirectoryTasksRequest>("body: 'bodies/es-fuenlabrada'"));
    EXPECT_TRUE(answer.ok()) << answer.status();
    for (const v1::DirectoryTask& task : answer->tasks()) {
      EXPECT_EQ(task.kind(), v1::DIRECTORY_TASK_KIND_ENQUIRY_UNANSWERED);
      resources.push_back(task.resource());
    }
    return resources;
  };
  clock_.Advance(absl::Hours(24 * 7));
  EXPECT_THAT(tasks(caseworker_), IsEmpty());
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(tasks(caseworker_), ElementsAre(answered, forgotten));
  EXPECT_THAT(tasks(supervisor_), ElementsAre(answered, forgotten));
  EXPECT_THAT(tasks(operator_), IsEmpty()) << "that there is an enquiry is for its two bodies";
  auto answer = Parse<v1::AnswerEnquiryRequest>("answer { verdict: ENQUIRY_VERDICT_YES }");
  answer.set_name(answered);
  ASSERT_TRUE(Call(caseworker_, &Stub::AnswerEnquiry, answer).ok());
  EXPECT_THAT(tasks(caseworker_), ElementsAre(forgotten));
  const auto module = MakeModule({.node = node_, .store = store_});
  ASSERT_TRUE(module.ok()) << module.status();
  clock_.Advance(kEnquiryKept);
  (*module)->Tick(clock_.Now());
  EXPECT_THAT(tasks(caseworker_), IsEmpty()) << "gone";
  (*module)->Stop();
}

// Housing goes to Parla, employment to Getafe; nobody takes over the rest.
v1::CreateSuccessionRequest SplitOfFuenlabrada(std::string_view day) {
  return Parse<v1::CreateSuccessionRequest>(
      base::Cat("succession_id: 'split' succession { kind: SUCCESSION_KIND_SPLIT "
                "predecessor: 'bodies/es-fuenlabrada' shares { successor: 'bodies/es-parla' "
                "themes: THEME_HOUSING } shares { successor: 'bodies/es-getafe' "
                "themes: THEME_EMPLOYMENT } period { start_date: '",
                day, "' } reference: 'Ley 1/2027' }"));
}

TEST_F(DirectoryServiceTest, EnquiriesThatWaitGoToWhoeverStandsInThePlaceOfTheBodyAsked) {
  for (const std::string_view body : {"es-fuenlabrada", "es-getafe", "es-parla"}) {
    ASSERT_TRUE(CreateBody(body).ok());
  }
  const std::string heir = TokenOf("bodies/es-parla", {Role::kCaseworker, Role::kSupervisor});
  int asked = 0;
  const auto ask = [&](std::string_view theme) {
    std::string id = base::Cat(1'000'000 + asked++);
    id.append(32 - id.size(), 'a');
    return Call(stranger_, &Stub::Enquire,
                Parse<v1::EnquireRequest>(
                    base::Cat("enquiry_id: '", id, "' enquiry { body: 'bodies/es-fuenlabrada' theme: ", theme,
                              " territory: 'ES300' }")));
  };
  const std::string youth = ask("THEME_YOUTH")->name();
  const std::string answered = ask("THEME_HOUSING")->name();
  auto answer = Parse<v1::AnswerEnquiryRequest>("answer { verdict: ENQUIRY_VERDICT_YES }");
  answer.set_name(answered);
  ASSERT_TRUE(Call(caseworker_, &Stub::AnswerEnquiry, answer).ok());
  std::vector<std::string> housing;
  for (int i = 0; i < kEnquiriesMovedInStep + 20; ++i) housing.push_back(ask("THEME_HOUSING")->name());
  const std::string day = DateOf(DayOf(clock_.Now()) + 1);
  ASSERT_TRUE(Call(operator_, &Stub::CreateSuccession, SplitOfFuenlabrada(day)).ok());
  // As after a restart each time. Whoever opens the lane last has it: the service here takes it back.
  const auto tick = [&] {
    const auto module = MakeModule({.node = node_, .store = store_});
    ASSERT_TRUE(module.ok()) << module.status();
    (*module)->Tick(clock_.Now());
    (*module)->Stop();
    lane_ = *outbox::Lane::Open(store_, "directory");
  };
  const auto waiting = [&](const std::string& token) {
    v1::ListEnquiriesRequest request;
    request.set_box(v1::ENQUIRY_BOX_TO_ANSWER);
    request.set_page_size(500);
    return Call(token, &Stub::ListEnquiries, request)->enquiries_size();
  };
  tick();
  EXPECT_EQ(waiting(heir), 0) << "not before its day";
  ASSERT_TRUE(Call(operator_, &Stub::DissolveBody,
                   Parse<v1::DissolveBodyRequest>("name: 'bodies/es-fuenlabrada' reason: 'split'"))
                  .ok());
  clock_.Advance(absl::Hours(24) + kEnquiriesMovedAfter);
  const auto refused = ask("THEME_HOUSING");
  EXPECT_EQ(Reason(refused), "INVALID_FIELD") << "nothing new comes to it";
  EXPECT_THAT(error::ViolationsOf(refused.status()), ElementsAre(HasSubstr("'bodies/es-parla'")));
  tick();
  EXPECT_LE(waiting(heir), kEnquiriesMovedInStep) << "step by step";
  for (int more = 0; more < 3; ++more) tick();
  EXPECT_EQ(waiting(heir), static_cast<int>(housing.size()));
  EXPECT_EQ(waiting(caseworker_), 1) << "what nobody took over stays";
  v1::GetEnquiryRequest get;
  get.set_name(housing[0]);
  EXPECT_EQ(Call(stranger_, &Stub::GetEnquiry, get)->body(), "bodies/es-parla");
  EXPECT_EQ(Reason(Call(caseworker_, &Stub::GetEnquiry, get)), "NOT_FOUND");
  answer.set_name(housing[0]);
  ASSERT_TRUE(Call(heir, &Stub::AnswerEnquiry, answer).ok());
  EXPECT_EQ(waiting(heir), static_cast<int>(housing.size()) - 1);
  // What was answered is where it was, and the successor's tasks know how long the rest has waited.
  get.set_name(answered);
  EXPECT_EQ(Call(stranger_, &Stub::GetEnquiry, get)->body(), "bodies/es-fuenlabrada");
  clock_.Advance(absl::Hours(24 * 7));
  EXPECT_EQ(Call(heir, &Stub::ListDirectoryTasks,
                 Parse<v1::ListDirectoryTasksRequest>("body: 'bodies/es-parla' page_size: 500"))
                ->tasks_size(),
            static_cast<int>(housing.size()) - 1);
  using ::testing::Contains;
  using ::testing::Property;
  EXPECT_THAT(EventList(), Contains(Property(&event::v1::Event::type, "directory.enquiry_succeeded")));
}

TEST_F(DirectoryServiceTest, ARouteIsFoundAndWhatIsKnownOfThePersonIsNowhereAfterwards) {
  ASSERT_TRUE(
      CreateBody(
          "es-fuenlabrada",
          "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' }")
          .ok());
  ASSERT_TRUE(
      CreateOffer("flats", "eligibility { language { language: 'ckb' min_level: LANGUAGE_LEVEL_A1 } }").ok());
  const auto request = Parse<v1::ResolveRouteRequest>(R"(
      theme: THEME_HOUSING territory: "ES300/28058" origin: "bodies/es-getafe"
      attributes { age_years: 117 language_skills { language: "ckb-IRZZ" level: LANGUAGE_LEVEL_B2 } })");
  const auto route = Call(stranger_, &Stub::ResolveRoute, request);
  ASSERT_TRUE(route.ok()) << route.status();
  ASSERT_EQ(route->candidates_size(), 1);
  EXPECT_EQ(route->candidates(0).offer(), "offers/flats");
  EXPECT_EQ(route->candidates(0).eligibility().outcome(), v1::OUTCOME_MET);
  auto wrong = request;
  wrong.mutable_attributes()->set_age_years(1117);
  const auto refused = Call(stranger_, &Stub::ResolveRoute, wrong);
  EXPECT_EQ(Reason(refused), "INVALID_FIELD");
  EXPECT_EQ(refused.status().ToString().find("1117"), std::string::npos);

  server_->Shutdown();
  log_.reset();
  const std::string log = log_file_.Text();
  EXPECT_THAT(log, HasSubstr("ResolveRoute"));
  for (const std::string_view trace : {"IRZZ", "\"117\"", ":117", "1117", "28058"}) {
    EXPECT_EQ(log.find(trace), std::string::npos) << trace;
  }
  const auto reader = *store_.Snapshot();
  for (auto at = reader->Scan({}); at->Valid(); at->Next()) {
    EXPECT_EQ(at->value().find("IRZZ"), std::string_view::npos);
  }
}

// --- The feed ---------------------------------------------------------------------------------------

class WatchTest : public DirectoryServiceTest {
 protected:
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchChangesResponse>> reader;
  };
  std::unique_ptr<Stream> Open(const std::string& cursor) {
    auto stream = std::make_unique<Stream>();
    stream->context.AddMetadata("authorization", base::Cat("Bearer ", stranger_));
    v1::WatchChangesRequest request;
    request.set_cursor(cursor);
    stream->reader = stub_->WatchChanges(&stream->context, request);
    return stream;
  }
  // The next resources with their revisions, until the stream says it is up to date.
  static std::vector<std::string> Next(Stream& stream, std::string& cursor) {
    std::vector<std::string> seen;
    v1::WatchChangesResponse response;
    while (stream.reader->Read(&response)) {
      for (const v1::Change& change : response.changes()) {
        seen.push_back(base::Cat(change.resource(), "@", change.revision()));
      }
      cursor = response.next_cursor();
      if (response.up_to_date() && !seen.empty()) break;  // not a mere sign of life
    }
    return seen;
  }
};

TEST_F(WatchTest, GivesWhatIsThereThenWhatHappensAndResumes) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  ASSERT_TRUE(CreateBody("es-getafe").ok());
  std::string cursor;
  auto stream = Open("");
  EXPECT_THAT(Next(*stream, cursor), ElementsAre("bodies/es-fuenlabrada@1", "bodies/es-getafe@1"));
  ASSERT_TRUE(CreateOffer("flats").ok());
  EXPECT_THAT(Next(*stream, cursor), ElementsAre("offers/flats@1"));
  ASSERT_TRUE(Call(operator_, &Stub::SuspendBody,
                   Parse<v1::SuspendBodyRequest>("name: 'bodies/es-getafe' reason: 'audit'"))
                  .ok());
  EXPECT_THAT(Next(*stream, cursor), ElementsAre("bodies/es-getafe@2"));
  stream->context.TryCancel();
  EXPECT_EQ(stream->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);

  ASSERT_TRUE(Call(operator_, &Stub::ReactivateBody,
                   Parse<v1::ReactivateBodyRequest>("name: 'bodies/es-getafe' reason: 'done'"))
                  .ok());
  stream = Open(cursor);
  EXPECT_THAT(Next(*stream, cursor), ElementsAre("bodies/es-getafe@3"));
  stream->context.TryCancel();

  const auto list = Call(caseworker_, &Stub::ListChanges, v1::ListChangesRequest());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->changes_size(), 3);
  EXPECT_EQ(list->next_cursor(), cursor);
  EXPECT_TRUE(list->up_to_date());
  EXPECT_THAT(list->changes(2).body().allowed_actions(), IsEmpty());
}

TEST_F(WatchTest, AQuietStreamSaysThatItIsUpToDate) {
  ASSERT_TRUE(CreateBody("es-fuenlabrada").ok());
  std::string cursor;
  auto stream = Open("");
  Next(*stream, cursor);
  // At once, without waiting for the clock: a replica is complete as soon as it has everything.
  v1::WatchChangesResponse quiet;
  ASSERT_TRUE(stream->reader->Read(&quiet));
  EXPECT_EQ(quiet.changes_size(), 0);
  EXPECT_TRUE(quiet.up_to_date());
  EXPECT_EQ(quiet.next_cursor(), cursor);
  stream->context.TryCancel();
}

TEST_F(WatchTest, ACursorThatWasNeverGivenEndsTheStream) {
  std::string cursor;
  auto stream = Open("99");
  EXPECT_THAT(Next(*stream, cursor), IsEmpty());
  EXPECT_EQ(stream->reader->Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  stream = Open("x");
  Next(*stream, cursor);
  EXPECT_EQ(stream->reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace waypost::directory
