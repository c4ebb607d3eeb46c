// The service over real gRPC, with everything around it but other services.
#include "services/audit/audit_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/status/errors.h"
#include "common/testing/service_rig.h"
#include "services/audit/audit_policy.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/fsck.h"
#include "services/audit/verify.h"

namespace waypost::audit {
namespace {

using policy::Role;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Stub = v1::AuditService::Stub;

class AuditServiceTest : public ::testing::Test {
 protected:
  explicit AuditServiceTest(testing::RigOptions options = {.service = "audit",
                                                           .on_disk = false,
                                                           .body_runs = 2})
      : rig_(std::move(options)), service_(rig_.env(), kTestLog) {
    rig_.Serve(service_);
    stub_ = v1::AuditService::NewStub(rig_.channel());
    writer_ = rig_.TokenOf("bodies/node", {Role::kService});
    auditor_ = rig_.TokenOf("bodies/b0", {Role::kAuditor});
    stranger_ = rig_.TokenOf("bodies/stranger", {Role::kAuditor, Role::kSupervisor});
    operator_ = rig_.TokenOf("bodies/node", {Role::kOperator});
  }
  // The service goes before the rig.
  ~AuditServiceTest() override { rig_.StopServing(); }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const std::string& token,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                Request request) {
    return rig_.Call(*stub_, token, method, std::move(request));
  }

  static v1::AppendRequest RequestOf(const std::vector<event::v1::Envelope>& envelopes) {
    v1::AppendRequest request;
    for (const auto& envelope : envelopes) *request.add_envelopes() = envelope;
    return request;
  }
  static v1::AppendRequest RequestOf(uint64_t first, uint64_t count) {
    v1::AppendRequest request;
    for (uint64_t i = first; i < first + count; ++i) *request.add_envelopes() = Seal(TestEvent(i));
    return request;
  }
  absl::StatusOr<v1::AppendResponse> Append(uint64_t first, uint64_t count) {
    return Call(writer_, &Stub::Append, RequestOf(first, count));
  }
  v1::TreeHead Head() {
    const auto head = Call(operator_, &Stub::GetTreeHead, v1::GetTreeHeadRequest());
    EXPECT_TRUE(head.ok()) << head.status();
    return head.value_or(v1::TreeHead());
  }
  absl::StatusOr<v1::Entry> GetEntry(const std::string& token, const std::string& name) {
    v1::GetEntryRequest request;
    request.set_name(name);
    return Call(token, &Stub::GetEntry, request);
  }

  testing::ServiceRig rig_;
  AuditService service_;
  std::unique_ptr<Stub> stub_;
  std::string writer_, auditor_, stranger_, operator_;
};

std::vector<uint64_t> IndexesOf(const v1::AppendResponse& response) {
  return {response.indexes().begin(), response.indexes().end()};
}

TEST_F(AuditServiceTest, AppendsListsAndProves) {
  const v1::TreeHead empty = Head();
  EXPECT_EQ(empty.tree_size(), 0u);
  EXPECT_EQ(empty.root_hash(), crypto::AsText(EmptyRoot()));
  EXPECT_FALSE(empty.has_last_append_time());

  const auto appended = Append(0, 10);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_THAT(IndexesOf(*appended), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(appended->tree_size(), 10u);
  EXPECT_EQ(api::FromTimestamp(Head().last_append_time()), rig_.clock().Now());

  const auto entry = GetEntry(auditor_, "entries/3");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->record().SerializeAsString(), TestEvent(3).SerializeAsString());

  v1::GetProofRequest request;
  request.set_entry("entries/3");
  const auto proof = Call(auditor_, &Stub::GetProof, request);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_TRUE(VerifyBundleAgainst(*proof, Head()).ok());
  EXPECT_EQ(OpenBundle(*proof)->SerializeAsString(), TestEvent(3).SerializeAsString());
}

// Of what a body was a party to, its own auditors know, also when accounts of it act for another one.
TEST_F(AuditServiceTest, AnAuditorOfABodyThatMergedReadsThatBodysEntriesStill) {
  ASSERT_TRUE(Append(0, 10).ok());
  const absl::CivilDay today = absl::ToCivilDay(rig_.clock().Now(), absl::UTCTimeZone());
  for (const char* from : {"bodies/b0", "bodies/stranger"}) {
    rig_.accounts().Record({rpc::chain::AccountSuccession{
        .name = from,
        .revision = 1,
        .predecessor = from,
        .successor = from == std::string("bodies/b0") ? "bodies/stranger" : "bodies/b0",
        .first = today,
        .last = today,
        .units = {}}});
  }
  EXPECT_TRUE(GetEntry(auditor_, "entries/3").ok());
  EXPECT_EQ(GetEntry(stranger_, "entries/3").status().code(), absl::StatusCode::kNotFound);
  v1::ListEntriesRequest list;
  EXPECT_GT(Call(auditor_, &Stub::ListEntries, list)->entries_size(), 0);
  for (const policy::MethodRule& rule : kAuditMethods) EXPECT_TRUE(rule.own_body) << rule.method;
}

TEST_F(AuditServiceTest, TheSameRequestAgainIsTheSameAnswer) {
  const auto first = Append(0, 5);
  const v1::TreeHead head = Head();
  const auto again = Append(0, 5);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->SerializeAsString(), again->SerializeAsString());
  EXPECT_EQ(Head().SerializeAsString(), head.SerializeAsString());
}

TEST_F(AuditServiceTest, AnotherRecordUnderAnIdIsRefused) {
  ASSERT_TRUE(Append(0, 2).ok());
  event::v1::Event other = TestEvent(1);
  other.set_state("DECLINED");
  const auto refused = Call(writer_, &Stub::Append, RequestOf({Seal(TestEvent(5)), Seal(other)}));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error::ReasonOf(refused.status()), "EVENT_ID_REUSED");
  EXPECT_EQ(Head().tree_size(), 2u);
}

TEST_F(AuditServiceTest, AMalformedEnvelopeRefusesTheWholeRequest) {
  event::v1::Envelope bad = Seal(TestEvent(1));
  bad.set_nonce("short");
  const auto refused = Call(writer_, &Stub::Append, RequestOf({Seal(TestEvent(0)), bad}));
  EXPECT_THAT(error::ViolationsOf(refused.status()), ElementsAre("envelopes[1].nonce: must be 32 bytes"));
  EXPECT_EQ(error::ReasonOf(Call(writer_, &Stub::Append, v1::AppendRequest()).status()), "INVALID_FIELD");
  EXPECT_EQ(Head().tree_size(), 0u);
}

TEST_F(AuditServiceTest, ARequestMayHaveAThousandEnvelopesAndNoMore) {
  const auto appended = Append(0, 1000);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->tree_size(), 1000u);
  EXPECT_THAT(appended->indexes(), SizeIs(1000));
  EXPECT_TRUE(std::is_sorted(appended->indexes().begin(), appended->indexes().end()));
  EXPECT_EQ(error::ReasonOf(Append(1000, 1001).status()), "LIMIT_EXCEEDED");
  EXPECT_EQ(Head().tree_size(), 1000u);
  EXPECT_THAT(Fsck(**rig_.store().Snapshot(), kTestLog)->findings, IsEmpty());
}

TEST_F(AuditServiceTest, NothingIsAnsweredBeforeItIsDurable) {
  rig_.store().FailCommits(error::StoreFailed());
  EXPECT_EQ(Append(0, 5).status().code(), absl::StatusCode::kUnavailable);
  rig_.store().FailCommits(absl::OkStatus());
  EXPECT_EQ(Head().tree_size(), 0u);
  rig_.store().Refuse(error::Overloaded("changes"));
  EXPECT_EQ(Append(0, 5).status().code(), absl::StatusCode::kResourceExhausted);
  rig_.store().Refuse(absl::OkStatus());
  EXPECT_THAT(IndexesOf(*Append(0, 5)), ElementsAre(0, 1, 2, 3, 4));
}

class AuditServiceOnDiskTest : public AuditServiceTest {
 protected:
  AuditServiceOnDiskTest() : AuditServiceTest({.service = "audit"}) {}
};

TEST_F(AuditServiceOnDiskTest, RelaysThatOverlapGiveOneLog) {
  std::vector<std::thread> relays;
  for (uint64_t r = 0; r < 4; ++r) {
    relays.emplace_back([this, r] {
      for (uint64_t first = 0; first < 300; first += 20 + r) EXPECT_TRUE(Append(first, 40).ok());
    });
  }
  for (auto& relay : relays) relay.join();
  const auto report = Fsck(**rig_.store().Snapshot(), kTestLog);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->findings, IsEmpty());
  EXPECT_EQ(report->entries, Head().tree_size());
  EXPECT_EQ(crypto::AsText(report->root), Head().root_hash());
}

// --- Listing
// -------------------------------------------------------------------------------------------------

TEST_F(AuditServiceTest, PagesAreBoundToTheirCallerAndQuery) {
  ASSERT_TRUE(Append(0, 30).ok());
  v1::ListEntriesRequest request;
  request.set_page_size(6);
  request.set_order(v1::ListEntriesRequest::ORDER_OLDEST_FIRST);
  std::vector<uint64_t> seen;
  std::string second_page;
  for (int pages = 0; pages < 10; ++pages) {
    const auto page = Call(auditor_, &Stub::ListEntries, request);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->total_size(), 20u);  // b0 is a party to two of three records
    for (const v1::Entry& entry : page->entries()) seen.push_back(entry.index());
    if (pages == 0) second_page = page->next_page_token();
    request.set_page_token(page->next_page_token());
    if (page->next_page_token().empty()) break;
  }
  EXPECT_THAT(seen, SizeIs(20));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));

  request.set_page_token(second_page);
  EXPECT_TRUE(Call(auditor_, &Stub::ListEntries, request).ok());
  const std::string other = rig_.TokenOf("bodies/b1", {Role::kAuditor});
  EXPECT_EQ(error::ReasonOf(Call(other, &Stub::ListEntries, request).status()), "PAGE_TOKEN_INVALID");
  request.set_type("referral.type0");
  EXPECT_EQ(error::ReasonOf(Call(auditor_, &Stub::ListEntries, request).status()), "PAGE_TOKEN_INVALID");
}

TEST_F(AuditServiceTest, FiltersAndTimesNarrowTheListing) {
  ASSERT_TRUE(Append(0, 30).ok());
  rig_.clock().Advance(absl::Hours(1));
  ASSERT_TRUE(Append(30, 30).ok());
  const auto list = [&](const v1::ListEntriesRequest& request) {
    const auto page = Call(auditor_, &Stub::ListEntries, request);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.value_or(v1::ListEntriesResponse());
  };
  const auto entries = [&](const v1::ListEntriesRequest& asked) {
    const v1::ListEntriesResponse page = list(asked);
    return std::vector<v1::Entry>(page.entries().begin(), page.entries().end());
  };
  v1::ListEntriesRequest request;
  request.set_resource("referrals/r3");
  for (const v1::Entry& entry : entries(request)) EXPECT_EQ(entry.record().resource(), "referrals/r3");
  request.set_type("referral.type2");
  for (const v1::Entry& entry : entries(request)) EXPECT_EQ(entry.record().type(), "referral.type2");
  request.set_actor("actor1");
  EXPECT_GT(list(request).entries_size(), 0);
  for (const v1::Entry& entry : entries(request)) {
    EXPECT_EQ(entry.record().actor(), "actor1");
    EXPECT_EQ(entry.record().body(), "bodies/b0");
  }
  request.clear_actor();
  *request.mutable_start_time() = api::ToTimestamp(rig_.clock().Now());
  EXPECT_EQ(list(request).entries_size(), 20);
  EXPECT_EQ(list(request).entries(0).index(), 59u);
  *request.mutable_end_time() = request.start_time();
  EXPECT_EQ(list(request).entries_size(), 0);
  EXPECT_EQ(list(request).total_size(), 40u);
}

// --- Who sees what
// -------------------------------------------------------------------------------------------

TEST_F(AuditServiceTest, StrangersFindNothing) {
  ASSERT_TRUE(Append(0, 3).ok());
  EXPECT_EQ(GetEntry(stranger_, "entries/0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetEntry(auditor_, "entries/1").status().code(), absl::StatusCode::kNotFound);  // b1 and b2
  // What is not there and what must not be known look alike.
  EXPECT_EQ(GetEntry(auditor_, "entries/1").status().message(),
            std::string(error::NotFound("entries/1").message()));
  EXPECT_EQ(GetEntry(auditor_, "entries/99").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(error::ReasonOf(GetEntry(auditor_, "entries/01").status()), "INVALID_FIELD");

  v1::GetProofRequest proof;
  proof.set_resource("referrals/r1");
  EXPECT_EQ(Call(stranger_, &Stub::GetProof, proof).status().code(), absl::StatusCode::kNotFound);
  proof.set_revision(1);
  EXPECT_EQ(Call(stranger_, &Stub::GetProof, proof).status(),
            Call(auditor_, &Stub::GetProof, proof).status());
  v1::ListEntriesRequest list;
  list.set_body("bodies/b0");
  EXPECT_EQ(Call(stranger_, &Stub::ListEntries, list).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Call(stranger_, &Stub::ListEntries, v1::ListEntriesRequest())->entries_size(), 0);
}

TEST_F(AuditServiceTest, EveryMethodTakesItsRolesOnly) {
  ASSERT_TRUE(Append(0, 3).ok());
  v1::GetInclusionProofRequest inclusion;
  v1::GetConsistencyProofRequest consistency;
  consistency.set_first_size(1);
  v1::GetProofRequest proof;
  proof.set_entry("entries/0");
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const policy::Roles roles = {static_cast<Role>(i)};
    const std::string token = rig_.TokenOf("bodies/b0", roles);
    EXPECT_EQ(Call(token, &Stub::Append, RequestOf(0, 1)).ok(), kAppend.MayCall(roles));
    EXPECT_EQ(Call(token, &Stub::ListEntries, v1::ListEntriesRequest()).ok(), kListEntries.MayCall(roles));
    EXPECT_EQ(GetEntry(token, "entries/0").ok(), kGetEntry.MayCall(roles));
    EXPECT_EQ(Call(token, &Stub::GetInclusionProof, inclusion).ok(), kGetInclusionProof.MayCall(roles));
    EXPECT_EQ(Call(token, &Stub::GetConsistencyProof, consistency).ok(), kGetConsistencyProof.MayCall(roles));
    EXPECT_EQ(Call(token, &Stub::GetProof, proof).ok(), kGetProof.MayCall(roles));
    EXPECT_EQ(Call(token, &Stub::GetTreeHead, v1::GetTreeHeadRequest()).ok(), kGetTreeHead.MayCall(roles));
  }
  EXPECT_EQ(GetEntry("nobody", "entries/0").status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Call("nobody", &Stub::Append, RequestOf(9, 1)).status().code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Call(auditor_, &Stub::Append, RequestOf(9, 1)).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Head().tree_size(), 3u);
}

// --- Proofs
// --------------------------------------------------------------------------------------------------

TEST_F(AuditServiceTest, AnOperatorProvesWithoutSeeingRecords) {
  ASSERT_TRUE(Append(0, 20).ok());
  v1::TreeHead old = Head();
  ASSERT_TRUE(Append(20, 50).ok());
  for (const uint64_t size : {uint64_t{20}, uint64_t{0}}) {
    const v1::TreeHead head = size == 0 ? Head() : old;
    for (uint64_t index = 0; index < head.tree_size(); ++index) {
      v1::GetInclusionProofRequest request;
      request.set_index(index);
      request.set_tree_size(size);
      const auto proof = Call(operator_, &Stub::GetInclusionProof, request);
      ASSERT_TRUE(proof.ok()) << proof.status();
      EXPECT_TRUE(VerifyBundleAgainst(*proof, head).ok());
      EXPECT_TRUE(proof->record().empty() && proof->nonce().empty());
    }
  }
  v1::GetInclusionProofRequest request;
  request.set_index(20);
  request.set_tree_size(20);
  EXPECT_EQ(error::ReasonOf(Call(operator_, &Stub::GetInclusionProof, request).status()), "INVALID_FIELD");
  request.set_tree_size(71);
  EXPECT_EQ(error::ReasonOf(Call(operator_, &Stub::GetInclusionProof, request).status()),
            "TREE_SIZE_UNKNOWN");
}

TEST_F(AuditServiceTest, GrowthIsProvedBetweenAnyTwoHeads) {
  std::vector<v1::TreeHead> heads;
  for (uint64_t i = 0; i < 12; ++i) {
    ASSERT_TRUE(Append(5 * i, 5).ok());
    heads.push_back(Head());
  }
  for (size_t second = 0; second < heads.size(); ++second) {
    for (size_t first = 0; first <= second; ++first) {
      v1::GetConsistencyProofRequest request;
      request.set_first_size(heads[first].tree_size());
      request.set_second_size(heads[second].tree_size());
      const auto proof = Call(operator_, &Stub::GetConsistencyProof, request);
      ASSERT_TRUE(proof.ok()) << proof.status();
      EXPECT_TRUE(VerifyGrowth(*proof).ok());
      EXPECT_EQ(proof->first_root_hash(), heads[first].root_hash());
      EXPECT_EQ(proof->second_root_hash(), heads[second].root_hash());
    }
  }
  v1::GetConsistencyProofRequest request;
  EXPECT_EQ(error::ReasonOf(Call(operator_, &Stub::GetConsistencyProof, request).status()), "INVALID_FIELD");
  request.set_first_size(61);
  EXPECT_EQ(error::ReasonOf(Call(operator_, &Stub::GetConsistencyProof, request).status()), "INVALID_FIELD");
  request.set_second_size(61);
  EXPECT_EQ(error::ReasonOf(Call(operator_, &Stub::GetConsistencyProof, request).status()),
            "TREE_SIZE_UNKNOWN");
}

TEST_F(AuditServiceTest, AResourceIsProvedAtARevisionOrAtItsNewest) {
  ASSERT_TRUE(Append(0, 42).ok());
  v1::GetProofRequest request;
  request.set_resource("referrals/r0");  // events 0, 7, 14, 21, …; those with b0 are 0, 14, 21, 35
  const auto newest = Call(auditor_, &Stub::GetProof, request);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->name(), "entries/35");
  request.set_revision(3);
  const auto third = Call(auditor_, &Stub::GetProof, request);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->name(), "entries/14");
  EXPECT_EQ(OpenBundle(*third)->revision(), 3);
  request.set_tree_size(14);
  EXPECT_EQ(error::ReasonOf(Call(auditor_, &Stub::GetProof, request).status()), "INVALID_FIELD");
  request.set_tree_size(15);
  EXPECT_TRUE(VerifyBundle(*Call(auditor_, &Stub::GetProof, request)).ok());
  request.set_revision(2);  // event 7 is between b1 and b2
  EXPECT_EQ(Call(auditor_, &Stub::GetProof, request).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(error::ReasonOf(Call(auditor_, &Stub::GetProof, v1::GetProofRequest()).status()),
            "INVALID_FIELD");
  // What the gateway would hand out reads back and holds.
  const auto json = BundleToJson(*third);
  ASSERT_TRUE(json.ok());
  EXPECT_TRUE(VerifyBundleAgainst(*BundleFromJson(*json), Head()).ok());
}

}  // namespace
}  // namespace waypost::audit
