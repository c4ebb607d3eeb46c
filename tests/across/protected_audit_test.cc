// What the audit log, which is told of everything, tells of protected referrals to those who may not know of
// them: every method, as every role at every body, after whole lives of some. Both services are real, and the
// log has each record just as the referral service wrote it.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/rpc/mutation.h"
#include "common/status/errors.h"
#include "common/testing/service_rig.h"
#include "services/audit/audit_policy.h"
#include "services/audit/audit_service.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/referral_rig.h"
#include "waypost/audit/v1/audit_service.grpc.pb.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of that room
using policy::Role;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using AuditStub = audit::v1::AuditService::Stub;

constexpr std::string_view kUnknown = "referrals/01jd000000000000000000zzzz";
// More than any of these lives has.
constexpr int kMostRevisions = 14;

// What an answer says, whichever it is.
template <typename Response>
std::string TextOf(const absl::StatusOr<Response>& answer) {
  if (answer.ok()) return std::string(answer->DebugString());
  return base::Cat(static_cast<int>(answer.status().code()), " ", error::ReasonOf(answer.status()), " ",
                   base::ToStd(answer.status().message()));
}

// The same without the name that was asked for, so that answers about two names can be compared.
std::string Without(std::string_view name, std::string text) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
    text.replace(at, name.size(), "it");
  }
  return text;
}

class ProtectedAuditTest : public ::testing::Test, protected PartsRig {
 protected:
  // Somebody who is no reader.
  struct Other {
    std::string token;
    std::string who;
    std::string body;
    Role role;
  };

  ProtectedAuditTest()
      : PartsRig(ReferralOptions(/*on_disk=*/false)),
        log_(RigOptions{.service = "audit", .on_disk = false}),
        service_(log_.env(), audit::kLogName) {
    log_.Serve(service_);
    audit_ = audit::v1::AuditService::NewStub(log_.channel());
    relay_ = log_.TokenOf("bodies/es-node", {Role::kService});
    // Each role alone, at both bodies, at those that have a part of the case, and at a stranger.
    for (const std::string_view body :
         {kReferringBody, kReceivingBody, kThirdBody, kCoordinatingBody, kFourthBody}) {
      for (int i = 0; i < policy::kRoleCount; ++i) {
        const Role role = static_cast<Role>(i);
        others_.push_back({log_.TokenOf(body, {role}, {}, "actors/otherxxxxxxxxxxx"),
                           base::Cat(policy::RoleName(role), " of ", body), std::string(body), role});
      }
    }
  }
  // The service goes before its rig.
  ~ProtectedAuditTest() override {
    audit_.reset();
    log_.StopServing();
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(const std::string& token,
                               grpc::Status (AuditStub::*method)(grpc::ClientContext*, const Request&,
                                                                 Response*),
                               const Request& request) {
    return log_.CallAsItIs(*audit_, token, method, request);
  }

  // Takes to the log what the referral service has written since.
  void Ship() {
    const std::vector<event::v1::Envelope> all = rig.Envelopes();
    audit::v1::AppendRequest request;
    for (size_t i = shipped_; i < all.size(); ++i) *request.add_envelopes() = all[i];
    if (request.envelopes().empty()) return;
    const auto appended = Must(Ask(relay_, &AuditStub::Append, request));
    ASSERT_EQ(appended.tree_size(), all.size()) << "an index is a place in the outbox";
    shipped_ = all.size();
  }

  // --- Lives
  static v1::SubmitReferralRequest Protect(v1::SubmitReferralRequest request) {
    v1::Protection& protection = *request.mutable_referral()->mutable_protection();
    protection.set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
    protection.add_receiving_readers("actors/raulxxxxxxxxxxxx");
    return request;
  }
  std::string Submit(const std::string& from, bool is_protected) {
    const v1::SubmitReferralRequest request = NewReferral();
    return Must(Do(from, &Stub::SubmitReferral, is_protected ? Protect(request) : request)).name();
  }
  std::string WholeLife(const std::string& from, const std::string& to, bool is_protected);
  // Three that go different ways.
  std::vector<std::string> Lives(const std::string& from, const std::string& to, bool is_protected);
  // A referral in which none of the others has a part; its name.
  std::string OfOtherBodies();

  // --- Ways to learn of one
  // All that is listed to somebody without a name being asked for.
  std::string Lists(const std::string& token);
  // All that is said of a resource to somebody who knows its name.
  std::string ByName(const std::string& token, std::string_view resource);
  // Everything but the closed leaf that is said of an entry.
  std::string ByIndex(const std::string& token, uint64_t index);
  // By who asks.
  std::map<std::string, std::string> ListsOfAll() {
    std::map<std::string, std::string> all;
    for (const Other& other : others_) all[other.who] = Lists(other.token);
    return all;
  }
  // Every type of event that there is now: they are asked for from now on.
  void KnowTypes() {
    for (const event::v1::Event& event : rig.Events()) types_.insert(event.type());
  }
  std::vector<uint64_t> SealedEntries() {
    std::vector<uint64_t> indexes;
    const std::vector<event::v1::Event> events = rig.Events();
    for (uint64_t i = 0; i < events.size(); ++i) {
      if (events[i].body() == rpc::kSealed) indexes.push_back(i);
    }
    return indexes;
  }

  ServiceRig log_;
  audit::AuditService service_;
  std::unique_ptr<AuditStub> audit_;
  std::string relay_;
  std::vector<Other> others_;
  std::set<std::string> types_;
  size_t shipped_ = 0;
};

std::string ProtectedAuditTest::WholeLife(const std::string& from, const std::string& to, bool is_protected) {
  const std::string name = Submit(from, is_protected);
  Must(Do(to, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  auto question = On<v1::RequestInformationRequest>(name);
  question.set_text("Which evenings?");
  Must(Do(to, &Stub::RequestInformation, question));
  auto answer = On<v1::ProvideInformationRequest>(name);
  answer.set_text("Tuesdays.");
  Must(Do(from, &Stub::ProvideInformation, answer));
  auto note = On<v1::AddNoteRequest>(name);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_text("Was called.");
  Must(Do(to, &Stub::AddNote, note));
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  Must(Do(to, &Stub::WaitlistReferral, waitlist));
  Must(Do(to, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(to, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  Must(Do(to, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
  Must(Do(to, &Stub::CompleteReferral, Complete(name)));
  Must(Do(to, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  Must(Do(from, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  return name;
}

std::vector<std::string> ProtectedAuditTest::Lives(const std::string& from, const std::string& to,
                                                   bool is_protected) {
  const std::string whole = WholeLife(from, to, is_protected);
  const std::string objected = Submit(from, is_protected);
  Must(Do(to, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(objected)));
  const std::string right =
      Must(Do(from, &Stub::RecordRightsRequest, Right(objected, v1::RIGHT_KIND_OBJECTION))).name();
  Must(Do(to, &Stub::AnswerRightsRequest, Receipt(right, objected, v1::RIGHT_ANSWER_RESTRICTED)));
  const std::string declined = Submit(from, is_protected);
  Must(Do(to, &Stub::DeclineReferral, Decline(declined)));
  return {whole, objected, declined};
}

std::string ProtectedAuditTest::OfOtherBodies() {
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_referral()->set_theme(type::v1::THEME_HOUSING);  // which nobody coordinates
  request.mutable_referral()->mutable_referring()->clear_unit();
  request.mutable_referral()->mutable_receiving()->set_body(std::string(kSixthBody));
  request.mutable_referral()->mutable_receiving()->clear_unit();
  const std::string fifth = rig.TokenOf(kFifthBody, {Role::kSupervisor});
  return Must(Do(fifth, &Stub::SubmitReferral, request)).name();
}

std::string ProtectedAuditTest::Lists(const std::string& token) {
  std::string shown;
  audit::v1::ListEntriesRequest request;
  request.set_page_size(500);
  // Their own, one another's, and what is no body's.
  for (const std::string_view body : {std::string_view(), kReferringBody, kReceivingBody, rpc::kSealed}) {
    request.set_body(std::string(body));
    shown += TextOf(Ask(token, &AuditStub::ListEntries, request));
  }
  request.clear_body();
  for (const std::string_view actor : {std::string_view("actors/evaxxxxxxxxxxxxx"),
                                       std::string_view("actors/raulxxxxxxxxxxxx"), rpc::kSealed}) {
    request.set_actor(std::string(actor));
    shown += TextOf(Ask(token, &AuditStub::ListEntries, request));
  }
  for (const std::string& type : types_) {
    request.set_type(type);
    shown += TextOf(Ask(token, &AuditStub::ListEntries, request));
  }
  return shown;
}

std::string ProtectedAuditTest::ByName(const std::string& token, std::string_view resource) {
  audit::v1::ListEntriesRequest listing;
  listing.set_resource(std::string(resource));
  std::string shown = TextOf(Ask(token, &AuditStub::ListEntries, listing));
  audit::v1::GetProofRequest proof;
  proof.set_resource(std::string(resource));
  for (int revision = 0; revision <= kMostRevisions; ++revision) {  // 0: the newest
    proof.set_revision(revision);
    auto answer = Ask(token, &AuditStub::GetProof, proof);
    if (answer.ok()) {
      // That the log grew is public.
      answer->clear_tree_size();
      answer->clear_root_hash();
      answer->clear_path();
    }
    shown += TextOf(answer);
  }
  return Without(resource, std::move(shown));
}

std::string ProtectedAuditTest::ByIndex(const std::string& token, uint64_t index) {
  const std::string name = base::Cat("entries/", index);
  audit::v1::GetEntryRequest entry;
  entry.set_name(name);
  audit::v1::GetProofRequest proof;
  proof.set_entry(name);
  return Without(name, base::Cat(TextOf(Ask(token, &AuditStub::GetEntry, entry)), "; ",
                                 TextOf(Ask(token, &AuditStub::GetProof, proof))));
}

// A method that is new is a decision to make: what does it say of a protected referral?
TEST_F(ProtectedAuditTest, EveryMethodIsTried) {
  std::set<std::string> tried = {"Append",   "ListEntries",         "GetEntry",   "GetInclusionProof",
                                 "GetProof", "GetConsistencyProof", "GetTreeHead"};
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      std::string(audit::kAuditService));
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string name(service->method(i)->name());
    EXPECT_EQ(tried.erase(name), 1u) << name << ": try it here";
  }
  EXPECT_THAT(tried, IsEmpty());
}

TEST_F(ProtectedAuditTest, NoListingTellsAnybodyElse) {
  const std::string open = Lives(referrer, receiver, /*is_protected=*/false)[0];
  Ship();
  KnowTypes();
  const auto before = ListsOfAll();
  const std::vector<std::string> hidden =
      Lives(referring_caseworker, receiving_caseworker, /*is_protected=*/true);
  Ship();
  const std::vector<event::v1::Event> events = rig.Events();
  ASSERT_GT(SealedEntries().size(), 18u);
  for (const uint64_t index : SealedEntries()) {
    EXPECT_THAT(types_, Contains(events[index].type())) << "or this type is not asked for";
  }
  for (const auto& [who, shown] : ListsOfAll()) EXPECT_EQ(shown, before.at(who)) << who;
  // The same tries find the other one, for auditors of both bodies and nobody else.
  for (const Other& other : others_) {
    const bool finds =
        other.role == Role::kAuditor && (other.body == kReferringBody || other.body == kReceivingBody);
    if (finds) {
      EXPECT_THAT(before.at(other.who), HasSubstr(open)) << other.who;
    }
    if (other.body == kFourthBody) {
      EXPECT_THAT(before.at(other.who), Not(HasSubstr(open))) << other.who;
    }
  }
}

TEST_F(ProtectedAuditTest, WhoAsksByNameHearsWhatIsSaidOfANameThatNeverWas) {
  const std::string open = Lives(referrer, receiver, /*is_protected=*/false)[0];
  const std::vector<std::string> hidden =
      Lives(referring_caseworker, receiving_caseworker, /*is_protected=*/true);
  Ship();
  for (const Other& other : others_) {
    const std::string unknown = ByName(other.token, kUnknown);
    for (const std::string& name : hidden) {
      EXPECT_EQ(ByName(other.token, name), unknown) << other.who;
      EXPECT_EQ(ByName(other.token, rpc::SealedResource(name)), unknown) << other.who;
    }
  }
  const std::string auditor = log_.TokenOf(kReceivingBody, {Role::kAuditor, Role::kSupervisor});
  EXPECT_NE(ByName(auditor, open), ByName(auditor, kUnknown));
}

TEST_F(ProtectedAuditTest, NoEntryOfItIsOpenedAndNoneDiffersFromThatOfAStranger) {
  const std::string foreign = OfOtherBodies();
  const std::string open = Submit(referrer, /*is_protected=*/false);
  Lives(referring_caseworker, receiving_caseworker, /*is_protected=*/true);
  Ship();
  const std::vector<event::v1::Event> events = rig.Events();
  const auto index_of = [&events](const std::string& resource) {
    const auto found = std::find_if(events.begin(), events.end(), [&](const event::v1::Event& each) {
      return each.resource() == resource;
    });
    return static_cast<uint64_t>(found - events.begin());
  };
  ASSERT_LT(index_of(foreign), events.size());
  for (const Other& other : others_) {
    const std::string closed = ByIndex(other.token, index_of(foreign));
    for (const uint64_t sealed : SealedEntries()) {
      ASSERT_EQ(ByIndex(other.token, sealed), closed) << other.who << " of " << events[sealed].type();
    }
  }
  const std::string auditor = log_.TokenOf(kReferringBody, {Role::kAuditor});
  EXPECT_THAT(ByIndex(auditor, index_of(open)), HasSubstr(std::string(kReceivingBody)));
  EXPECT_THAT(ByIndex(auditor, index_of(foreign)), HasSubstr("NOT_FOUND"));
}

// What everybody may see of every entry is a leaf that says nothing without its nonce.
TEST_F(ProtectedAuditTest, WhatIsPublicOfItsEntriesIsHashes) {
  const std::string foreign = OfOtherBodies();
  Ship();
  const uint64_t size_before = rig.Events().size();
  Lives(referring_caseworker, receiving_caseworker, /*is_protected=*/true);
  Ship();
  const std::vector<event::v1::Event> events = rig.Events();
  for (const Other& other : others_) {
    for (const uint64_t sealed : SealedEntries()) {
      audit::v1::GetInclusionProofRequest request;
      request.set_index(sealed);
      const auto proof = Ask(other.token, &AuditStub::GetInclusionProof, request);
      ASSERT_EQ(proof.ok(), audit::kGetInclusionProof.MayCall({other.role})) << other.who;
      if (!proof.ok()) continue;
      EXPECT_EQ(proof->record() + proof->nonce(), "") << other.who;
      EXPECT_EQ(proof->leaf().size(), 49u);
      EXPECT_EQ(proof->leaf().substr(1, 16), events[sealed].event_id()) << "chance, and nothing else";
    }
    audit::v1::GetConsistencyProofRequest grown;
    grown.set_first_size(size_before);
    const auto path = Ask(other.token, &AuditStub::GetConsistencyProof, grown);
    ASSERT_EQ(path.ok(), audit::kGetConsistencyProof.MayCall({other.role})) << other.who;
    if (path.ok()) {
      for (const std::string& hash : path->path()) EXPECT_EQ(hash.size(), 32u);
    }
    const auto head = Ask(other.token, &AuditStub::GetTreeHead, audit::v1::GetTreeHeadRequest());
    ASSERT_EQ(head.ok(), audit::kGetTreeHead.MayCall({other.role})) << other.who;
    if (head.ok()) {
      EXPECT_EQ(head->tree_size(), events.size());
      EXPECT_EQ(head->out_of_order_count(), 0u) << "its changes come in order, as all others do";
    }
  }
}

// To append is for services, whose relay has the records anyway: nobody else learns by trying whether the log
// has one.
TEST_F(ProtectedAuditTest, NobodyLearnsByAppendingThatItIsThere) {
  const std::string name = Submit(referring_caseworker, /*is_protected=*/true);
  Ship();
  ASSERT_EQ(rig.Events().at(0).resource(), rpc::SealedResource(name));
  audit::v1::AppendRequest known;
  *known.add_envelopes() = rig.Envelopes().at(0);
  event::v1::Event other_event = rig.Events().at(0);
  other_event.set_event_id(std::string(16, 'x'));
  audit::v1::AppendRequest unknown = known;
  unknown.mutable_envelopes(0)->set_event(other_event.SerializeAsString());
  for (const Other& other : others_) {
    if (other.role == Role::kService) continue;
    const std::string refused = TextOf(Ask(other.token, &AuditStub::Append, unknown));
    EXPECT_EQ(TextOf(Ask(other.token, &AuditStub::Append, known)), refused) << other.who;
    EXPECT_THAT(refused, HasSubstr("NOT_ALLOWED")) << other.who;
  }
}

// What the system does by itself: a succession, clocks, an end by silence.
TEST_F(ProtectedAuditTest, WhatTheSystemDoesWithItIsToldToNobody) {
  const std::string open = OfOtherBodies();
  Ship();
  KnowTypes();
  const auto before = ListsOfAll();
  const std::string name = Submit(referring_caseworker, /*is_protected=*/true);
  Succeed(Merged(kReceivingBody, kThirdBody));
  ClockKeeper keeper(rig.env(), change(), KeeperOptions{.outage = absl::Hours(24 * 365)});
  const auto run = [&](absl::Duration span) {
    rig.clock().Advance(span);
    while (Must(keeper.Step()).more) {
    }
    Refresh();
  };
  run(absl::ZeroDuration());
  for (int i = 0; i < 4; ++i) run(absl::Hours(24 * 12));
  Ship();
  std::set<std::string> happened;
  for (const auto& entry : History(name)) happened.insert(entry.event());
  for (const char* event : {"SUCCEED", "ESCALATE", "LAPSE"}) EXPECT_THAT(happened, Contains(event));
  ASSERT_GT(SealedEntries().size(), 3u);
  // The clocks of the open one rang as well, to bodies that are none of these.
  for (const auto& [who, shown] : ListsOfAll()) EXPECT_EQ(shown, before.at(who)) << who;
  for (const Other& other : others_) {
    EXPECT_EQ(ByName(other.token, name), ByName(other.token, kUnknown)) << other.who;
    EXPECT_EQ(ByName(other.token, rpc::SealedResource(name)), ByName(other.token, kUnknown)) << other.who;
  }
}

// One that is protected belatedly: the records of before stay, and there are none of it afterwards. Nor is
// there one of what it was linked to.
TEST_F(ProtectedAuditTest, OnceItIsProtectedNothingIsAddedToWhatWasTold) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  const std::string alone = Requested();
  auto assign = On<v1::AssignReferralRequest>(alone);
  assign.set_assignee("actors/raulxxxxxxxxxxxx");  // who reads it then
  Must(Do(receiver, &Stub::AssignReferral, assign));
  Ship();
  KnowTypes();
  const auto said = [this](const Other& other, const std::string& name) { return ByName(other.token, name); };
  const auto before = ListsOfAll();
  std::map<std::string, std::string> named;
  for (const Other& other : others_) {
    for (const std::string& name : {parent, part, alone}) named[other.who + name] = said(other, name);
  }
  const auto protect = [this](const std::string& token, const std::string& name) {
    auto request = On<v1::AssignReferralRequest>(name);
    request.set_protection(v1::PROTECTION_GROUND_SHELTER);
    Must(Do(token, &Stub::AssignReferral, request));
  };
  protect(third, part);
  protect(referring_caseworker, alone);
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(part)));
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(alone)));
  Ship();
  ASSERT_GE(SealedEntries().size(), 4u);
  for (const auto& [who, shown] : ListsOfAll()) EXPECT_EQ(shown, before.at(who)) << who;
  for (const Other& other : others_) {
    for (const std::string& name : {parent, part, alone}) {
      EXPECT_EQ(said(other, name), named[other.who + name]) << other.who << " of " << name;
    }
    for (const std::string& name : {part, alone}) {
      EXPECT_EQ(said(other, rpc::SealedResource(name)), said(other, std::string(kUnknown))) << other.who;
    }
  }
  const std::string auditor = log_.TokenOf(kReferringBody, {Role::kAuditor});
  EXPECT_THAT(TextOf(Ask(auditor, &AuditStub::ListEntries, audit::v1::ListEntriesRequest())),
              HasSubstr(alone))
      << "the log of that time keeps its records";
}

}  // namespace
}  // namespace waypost::referral
