#include "services/audit/audit_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/audit/audit_limits.h"
#include "services/audit/audit_policy.h"
#include "services/audit/audit_requests.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/audit_view.h"
#include "services/audit/leaf.h"

namespace waypost::audit {
namespace {

using policy::Relation;
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status CheckOne(const event::v1::Envelope& envelope) {
  const event::v1::Envelope* const pointers[] = {&envelope};
  return CheckEnvelopes(pointers).status();
}

// The status of an otherwise good event that `spoil` has changed.
template <typename Spoil>
absl::Status Spoiled(Spoil spoil) {
  event::v1::Event event = TestEvent(1);
  spoil(event);
  return CheckOne(Seal(event));
}

policy::Caller CallerOf(std::string body, policy::Roles roles) {
  return {.body = std::move(body), .actor = "x", .roles = roles, .units = {}};
}

// --- What the log takes ---------------------------------------------------------------------------------

TEST(CheckEnvelopes, MakesTheLeafThatIsDocumented) {
  const event::v1::Envelope envelope = Seal(TestEvent(1));
  const event::v1::Envelope* const pointers[] = {&envelope};
  const auto records = CheckEnvelopes(pointers).value();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].leaf,
            base::Cat("\x01", TestEvent(1).event_id(), crypto::Sha256(envelope.nonce() + envelope.event())));
  EXPECT_EQ(records[0].leaf.size(), 49u);
  EXPECT_EQ(records[0].leaf_hash, crypto::Sha256Array(std::string(1, '\0') + records[0].leaf));
  EXPECT_EQ(records[0].envelope, &envelope);
}

TEST(CheckEnvelopes, TheRecordsBytesAreHashedAsTheyCame) {
  // The same event, serialized with its fields in another order: other bytes, another leaf, read all the
  // same.
  const event::v1::Event event = TestEvent(1);
  event::v1::Event head = event;
  head.clear_state();
  event::v1::Event tail;
  tail.set_state(event.state());
  event::v1::Envelope reordered = Seal(event);
  reordered.set_event(tail.SerializeAsString() + head.SerializeAsString());
  const event::v1::Envelope plain = Seal(event);
  const event::v1::Envelope* const pointers[] = {&plain, &reordered};
  const auto records = CheckEnvelopes(pointers).value();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].event.SerializeAsString(), records[1].event.SerializeAsString());
  EXPECT_NE(records[0].leaf, records[1].leaf);
}

TEST(CheckEnvelopes, RefusesEveryMalformedField) {
  using Event = event::v1::Event;
  EXPECT_TRUE(Spoiled([](Event&) {}).ok());
  const std::vector<std::function<void(Event&)>> spoilers = {
      [](Event& e) { e.clear_event_id(); },
      [](Event& e) { e.set_event_id(std::string(15, 'x')); },
      [](Event& e) { e.set_event_id(std::string(17, 'x')); },
      [](Event& e) { e.clear_service(); },
      [](Event& e) { e.clear_type(); },
      [](Event& e) { e.set_type("has\ttab"); },
      [](Event& e) { e.set_type(std::string(kMaxWordBytes + 1, 'x')); },
      [](Event& e) { e.clear_resource(); },
      [](Event& e) { e.set_resource(std::string("referrals/\0x", 12)); },
      [](Event& e) { e.set_resource(std::string(kMaxNameBytes + 1, 'x')); },
      [](Event& e) { e.clear_revision(); },
      [](Event& e) { e.set_revision(-1); },
      [](Event& e) { e.clear_time(); },
      [](Event& e) { e.mutable_time()->set_seconds(253'402'300'800); },
      [](Event& e) { e.mutable_time()->set_nanos(-1); },
      [](Event& e) { e.mutable_time()->set_nanos(1'000'000'000); },
      [](Event& e) { e.clear_actor(); },
      [](Event& e) { e.clear_body(); },
      [](Event& e) { e.set_body("bodies/\x7f"); },
      [](Event& e) { e.set_role("a\nb"); },
      [](Event& e) { e.set_purpose(std::string(kMaxWordBytes + 1, 'x')); },
      [](Event& e) { e.add_parties(""); },
      [](Event& e) { e.add_parties("bodies/a\nb"); },
      [](Event& e) { e.clear_kind(); },
      [](Event& e) { e.set_kind(static_cast<Event::Kind>(3)); },
  };
  for (size_t i = 0; i < spoilers.size(); ++i) {
    EXPECT_EQ(error::ReasonOf(Spoiled(spoilers[i])), "INVALID_FIELD") << i;
  }
}

TEST(CheckEnvelopes, RefusesMalformedEnvelopes) {
  event::v1::Envelope envelope = Seal(TestEvent(1));
  envelope.set_nonce(std::string(31, 'x'));
  EXPECT_EQ(error::ReasonOf(CheckOne(envelope)), "INVALID_FIELD");
  envelope = Seal(TestEvent(1));
  envelope.mutable_event()->pop_back();
  EXPECT_EQ(error::ReasonOf(CheckOne(envelope)), "INVALID_FIELD");
  EXPECT_EQ(error::ReasonOf(CheckEnvelopes({}).status()), "INVALID_FIELD");
}

TEST(CheckEnvelopes, NamesEverythingThatIsWrongAtOnce) {
  event::v1::Event no_type = TestEvent(1);
  no_type.clear_type();
  event::v1::Envelope bad_nonce = Seal(TestEvent(2));
  bad_nonce.clear_nonce();
  const event::v1::Envelope good = Seal(TestEvent(3));
  const event::v1::Envelope first = Seal(no_type);
  const event::v1::Envelope* const pointers[] = {&first, &good, &bad_nonce};
  const auto violations = error::ViolationsOf(CheckEnvelopes(pointers).status());
  EXPECT_THAT(violations, Contains(HasSubstr("envelopes[0].type")));
  EXPECT_THAT(violations, Contains(HasSubstr("envelopes[2].nonce")));
  EXPECT_EQ(violations.size(), 2u);
}

TEST(CheckEnvelopes, EveryLimitHoldsExactly) {
  event::v1::Event many = TestEvent(1);
  many.clear_parties();
  for (size_t i = 1; i < kMaxParties; ++i) many.add_parties(base::Cat("bodies/p", i));
  EXPECT_TRUE(CheckOne(Seal(many)).ok());  // with the acting body, exactly the limit
  many.add_parties("bodies/one-more");
  EXPECT_EQ(error::ReasonOf(CheckOne(Seal(many))), "LIMIT_EXCEEDED");

  event::v1::Event large = TestEvent(1);
  const size_t rest = large.ByteSizeLong();
  (*large.mutable_commitments())["c"] = std::string(kMaxRecordBytes - rest - 16, 'x');
  while (large.ByteSizeLong() < kMaxRecordBytes) (*large.mutable_commitments())["c"].push_back('x');
  EXPECT_TRUE(CheckOne(Seal(large)).ok());
  (*large.mutable_commitments())["c"].push_back('x');
  EXPECT_EQ(error::ReasonOf(CheckOne(Seal(large))), "LIMIT_EXCEEDED");

  const event::v1::Envelope envelope = Seal(TestEvent(1));
  std::vector<const event::v1::Envelope*> pointers(kMaxAppendEnvelopes, &envelope);
  EXPECT_TRUE(CheckEnvelopes(pointers).ok());
  pointers.push_back(&envelope);
  EXPECT_EQ(error::ReasonOf(CheckEnvelopes(pointers).status()), "LIMIT_EXCEEDED");
}

TEST(ListsOf, EachPartyHasThreeAndOnlyTheActingBodyListsItsPeople) {
  event::v1::Event event = TestEvent(0);
  event.add_parties("bodies/b1");  // twice
  std::vector<std::string> lists;
  for (const ListPlace& list : ListsOf(event)) {
    lists.push_back(base::Cat(list.body, " ", static_cast<int>(list.by), " ", list.value));
  }
  EXPECT_THAT(lists,
              testing::UnorderedElementsAre("bodies/b0 0 ", "bodies/b0 1 referrals/r0", "bodies/b0 2 actor0",
                                            "bodies/b0 3 referral.type0", "bodies/b1 0 ",
                                            "bodies/b1 1 referrals/r0", "bodies/b1 3 referral.type0"));
}

// --- Names -----------------------------------------------------------------------------------------------

TEST(EntryName, OnlyTheCanonicalFormIsRead) {
  for (const uint64_t index : {uint64_t{0}, uint64_t{7}, uint64_t{10}, ~uint64_t{0}}) {
    EXPECT_EQ(ParseEntryName(EntryName(index), "name").value(), index);
  }
  for (const std::string_view name :
       {"", "entries", "entries/", "entries/-1", "entries/+1", "entries/01", "entries/1 ", "entries/ 1",
        "entries/0x1", "entries/1/2", "entry/1", "Entries/1", "entries/18446744073709551616", "/entries/1"}) {
    const absl::Status status = ParseEntryName(name, "name").status();
    EXPECT_EQ(error::ReasonOf(status), "INVALID_FIELD") << name;
  }
}

// --- Who sees what -----------------------------------------------------------------------------------------

TEST(Relations, OnlyPartiesAndTheActingBodyStandInOne) {
  event::v1::Event event = TestEvent(0);  // b0 acts; b0 and b1 are parties
  EXPECT_TRUE(RelationsToRecord(event, CallerOf("bodies/b0", {})).Has(Relation::kParty));
  EXPECT_TRUE(RelationsToRecord(event, CallerOf("bodies/b1", {})).Has(Relation::kParty));
  EXPECT_TRUE(RelationsToRecord(event, CallerOf("bodies/b2", {})).empty());
  EXPECT_TRUE(RelationsToRecord(event, CallerOf("bodies/b", {})).empty());
  event.clear_parties();
  EXPECT_TRUE(RelationsToRecord(event, CallerOf("bodies/b0", {})).Has(Relation::kParty));
  EXPECT_TRUE(RelationsToListing("bodies/b0", CallerOf("bodies/b0", {})).Has(Relation::kParty));
  EXPECT_TRUE(RelationsToListing("bodies/b0", CallerOf("bodies/b1", {})).empty());
}

// The whole table, retyped: who may call a method, standing how.
struct Allowed {
  std::string_view method;
  policy::Roles roles;
  Relation relation;
};
std::vector<Allowed> AllowedTable() {
  return {
      {"Append", {Role::kService}, Relation::kAnyone},
      {"ListEntries", {Role::kAuditor}, Relation::kParty},
      {"GetEntry", {Role::kAuditor}, Relation::kParty},
      {"GetProof", {Role::kAuditor, Role::kSupervisor}, Relation::kParty},
      {"GetInclusionProof", {Role::kAuditor, Role::kSupervisor, Role::kOperator}, Relation::kAnyone},
      {"GetConsistencyProof", {Role::kAuditor, Role::kSupervisor, Role::kOperator}, Relation::kAnyone},
      {"GetTreeHead",
       {Role::kAuditor, Role::kSupervisor, Role::kOperator, Role::kService},
       Relation::kAnyone},
  };
}

TEST(Policy, EveryMethodRoleAndRelation) {
  ASSERT_EQ(kAuditMethods.size(), AllowedTable().size());
  for (const Allowed& row : AllowedTable()) {
    const auto* const rule =
        std::find_if(kAuditMethods.begin(), kAuditMethods.end(),
                     [&](const auto& candidate) { return candidate.method == row.method; });
    ASSERT_NE(rule, kAuditMethods.end()) << row.method;
    EXPECT_EQ(rule->service, "waypost.audit.v1.AuditService");
    for (int role = 0; role < policy::kRoleCount; ++role) {
      const policy::Caller caller = CallerOf("bodies/b0", {static_cast<Role>(role)});
      EXPECT_EQ(policy::MayCallAtAll(*rule, caller).ok(), row.roles.Has(static_cast<Role>(role)));
      for (int relation = 0; relation < policy::kRelationCount; ++relation) {
        const bool expected =
            row.roles.Has(static_cast<Role>(role)) && row.relation == static_cast<Relation>(relation);
        EXPECT_EQ(policy::Authorize(*rule, caller, {static_cast<Relation>(relation)}, "entries/1").ok(),
                  expected)
            << row.method << ", " << policy::RoleName(static_cast<Role>(role)) << ", "
            << policy::RelationName(static_cast<Relation>(relation));
      }
      EXPECT_FALSE(policy::Authorize(*rule, caller, {}, "entries/1").ok());
    }
  }
}

// Role by role and body by body: what a caller reaches of one record that b0 and b1 share.
TEST(Policy, ARecordIsOpenToAuditorsOfItsPartiesOnly) {
  const event::v1::Event event = TestEvent(0);
  for (int role = 0; role < policy::kRoleCount; ++role) {
    for (int body = 0; body < 4; ++body) {
      const policy::Caller caller = CallerOf(base::Cat("bodies/b", body), {static_cast<Role>(role)});
      const auto relations = RelationsToRecord(event, caller);
      const bool party = body < 2;
      const bool auditor = static_cast<Role>(role) == Role::kAuditor;
      const bool supervisor = static_cast<Role>(role) == Role::kSupervisor;
      const auto entry = policy::Authorize(kGetEntry, caller, relations, "entries/0");
      EXPECT_EQ(entry.ok(), party && auditor);
      EXPECT_EQ(entry.status().code() == absl::StatusCode::kNotFound, !party);
      EXPECT_EQ(policy::Authorize(kGetProof, caller, relations, "entries/0").ok(),
                party && (auditor || supervisor));
    }
  }
}

TEST(View, ShowsTheRecordAndProofsOpenOnlyWhenAskedTo) {
  const policy::Caller caller = CallerOf("bodies/b0", {Role::kAuditor});
  LoggedRecord record;
  record.index = 7;
  record.append_time = kTestTime;
  record.envelope = Seal(TestEvent(0));
  record.event = TestEvent(0);
  record.leaf = MakeLeaf(record.event.event_id(), record.envelope.nonce(), record.envelope.event());
  const auto as = policy::Authorize(kGetEntry, caller, RelationsToRecord(record.event, caller), "entries/7");
  ASSERT_TRUE(as.ok());
  const v1::Entry entry = View(record, *as);
  EXPECT_EQ(entry.name(), "entries/7");
  EXPECT_EQ(entry.index(), 7u);
  EXPECT_EQ(entry.leaf(), record.leaf);
  EXPECT_EQ(entry.record().SerializeAsString(), TestEvent(0).SerializeAsString());
  EXPECT_EQ(api::FromTimestamp(entry.append_time()), kTestTime);
  const v1::Proof closed = ClosedProof(record, 9);
  EXPECT_TRUE(closed.record().empty() && closed.nonce().empty());
  EXPECT_EQ(closed.leaf(), record.leaf);
  const v1::Proof opened = OpenedProof(record, 9, *as);
  EXPECT_EQ(opened.record(), record.envelope.event());
  EXPECT_EQ(opened.nonce(), record.envelope.nonce());
}

// --- Requests ----------------------------------------------------------------------------------------------

TEST(CheckListEntries, ReadsEveryFilterAndDefault) {
  const policy::Caller caller = CallerOf("bodies/b0", {Role::kAuditor});
  v1::ListEntriesRequest request;
  auto query = CheckListEntries(request, caller);
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->body, "bodies/b0");
  EXPECT_EQ(query->by, ListBy::kAll);
  EXPECT_TRUE(query->newest_first);
  EXPECT_EQ(query->limit, 50u);
  EXPECT_EQ(query->start, absl::InfinitePast());
  EXPECT_EQ(query->end, absl::InfiniteFuture());
  request.set_body("bodies/other");
  request.set_resource("referrals/r1");
  request.set_order(v1::ListEntriesRequest::ORDER_OLDEST_FIRST);
  request.set_page_size(10'000);
  *request.mutable_start_time() = api::ToTimestamp(kTestTime);
  *request.mutable_end_time() = api::ToTimestamp(kTestTime + absl::Hours(1));
  query = CheckListEntries(request, caller);
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->body, "bodies/other");
  EXPECT_EQ(query->by, ListBy::kResource);
  EXPECT_EQ(query->value, "referrals/r1");
  EXPECT_FALSE(query->newest_first);
  EXPECT_EQ(query->limit, 500u);
  EXPECT_EQ(query->end - query->start, absl::Hours(1));
  request.set_actor("actor1");
  EXPECT_EQ(CheckListEntries(request, caller)->by, ListBy::kActor);
  request.set_type("referral.accept");
  EXPECT_EQ(CheckListEntries(request, caller)->by, ListBy::kType);
}

TEST(CheckListEntries, RefusesWhatItCannotServe) {
  const policy::Caller caller = CallerOf("bodies/b0", {Role::kAuditor});
  const std::vector<std::function<void(v1::ListEntriesRequest&)>> spoilers = {
      [](auto& r) { r.set_resource(""); },
      [](auto& r) { r.set_actor("a\nb"); },
      [](auto& r) { r.set_type(std::string(kMaxWordBytes + 1, 'x')); },
      [](auto& r) { r.set_body(std::string(kMaxNameBytes + 1, 'x')); },
      [](auto& r) { r.set_page_size(-1); },
      [](auto& r) { r.set_order(static_cast<v1::ListEntriesRequest::Order>(9)); },
      [](auto& r) { r.mutable_start_time()->set_nanos(-5); },
      [](auto& r) {
        *r.mutable_start_time() = api::ToTimestamp(kTestTime);
        *r.mutable_end_time() = api::ToTimestamp(kTestTime - absl::Microseconds(1));
      },
  };
  for (size_t i = 0; i < spoilers.size(); ++i) {
    v1::ListEntriesRequest request;
    spoilers[i](request);
    EXPECT_EQ(error::ReasonOf(CheckListEntries(request, caller).status()), "INVALID_FIELD") << i;
  }
}

TEST(CheckGetProof, WantsOneSubject) {
  v1::GetProofRequest request;
  EXPECT_EQ(error::ReasonOf(CheckGetProof(request)), "INVALID_FIELD");
  request.set_entry("entries/1");
  EXPECT_TRUE(CheckGetProof(request).ok());
  request.set_revision(1);
  EXPECT_EQ(error::ReasonOf(CheckGetProof(request)), "INVALID_FIELD");
  request.set_resource("referrals/r1");
  EXPECT_TRUE(CheckGetProof(request).ok());
  request.set_revision(-1);
  EXPECT_EQ(error::ReasonOf(CheckGetProof(request)), "INVALID_FIELD");
  request.set_resource("");
  request.set_revision(0);
  EXPECT_EQ(error::ReasonOf(CheckGetProof(request)), "INVALID_FIELD");
}

TEST(TreeSizeOf, ZeroIsTheWholeLogAndMoreIsUnknown) {
  EXPECT_EQ(TreeSizeOf(0, 9).value(), 9u);
  EXPECT_EQ(TreeSizeOf(9, 9).value(), 9u);
  EXPECT_EQ(TreeSizeOf(1, 9).value(), 1u);
  const absl::Status status = TreeSizeOf(10, 9).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(error::ReasonOf(status), "TREE_SIZE_UNKNOWN");
}

}  // namespace
}  // namespace waypost::audit
