#include "services/referral/referral_protection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using policy::Relations;
using policy::Role;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// In that state, with one reader on each side.
ReferralRecord ProtectedIn(State state) {
  ReferralRecord record = testing::RecordIn(state);
  record.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  record.mutable_protection()->add_referring_readers("p-eva");
  record.mutable_protection()->add_receiving_readers("p-raul");
  record.set_protected_since_revision(1);
  record.clear_coordinating_body();
  return record;
}

policy::Caller Somebody(std::string_view body, policy::Roles roles, std::string_view actor) {
  return {.body = std::string(body),
          .actor = std::string(actor),
          .roles = roles,
          .units = {std::string(testing::kReferringUnit), std::string(testing::kReceivingUnit)}};
}

command::Assign Readers(std::vector<std::string> readers,
                        v1::ProtectionGround ground = v1::PROTECTION_GROUND_UNSPECIFIED) {
  return {.unit = {}, .assignee = {}, .readers = std::move(readers), .protection = ground};
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : error::ReasonOf(status);
}

TEST(Protection, InEveryStateItIsForItsReadersWhateverTheRoleAndForNobodyElse) {
  for (int i = kDraft; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord record = ProtectedIn(state);
    const bool sent = record.has_submit_time();
    for (int r = 0; r < policy::kRoleCount; ++r) {
      const policy::Roles role = {static_cast<Role>(r)};
      const auto relations = [&](std::string_view body, std::string_view actor) {
        return RelationsOf(record, Somebody(body, role, actor));
      };
      EXPECT_EQ(relations(testing::kReferringBody, "p-eva"),
                (Relations{Relation::kReferring, Relation::kReader, Relation::kAssignee}));
      EXPECT_EQ(
          relations(testing::kReceivingBody, "p-raul"),
          sent ? (Relations{Relation::kReceiving, Relation::kReader, Relation::kAssignee}) : Relations())
          << StateName(state);
      // The same pseudonym of another body is another person; all others have no part.
      for (const std::string_view body : {testing::kReferringBody, testing::kReceivingBody,
                                          testing::kCoordinatingBody, testing::kFourthBody}) {
        EXPECT_EQ(relations(body, "p-other"), Relations()) << body << " " << StateName(state);
      }
      EXPECT_EQ(relations(testing::kReceivingBody, "p-eva"), Relations());
      EXPECT_EQ(relations(testing::kReferringBody, "p-raul"), Relations());
    }
  }
}

TEST(Protection, WhatWasMisdirectedHasNoReadersThere) {
  ReferralRecord record = ProtectedIn(kRequested);
  record.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
  EXPECT_TRUE(RelationsOf(record, Somebody(testing::kReceivingBody, {Role::kCaseworker}, "p-raul")).empty());
  record.mutable_protection()->clear_receiving_readers();
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_RECEIVING));
}

TEST(Protection, OfficersNameReadersWhereASideHasNoneOrIsSilent) {
  const auto officer = [](std::string_view body) {
    return Somebody(body, {Role::kSafeguardingOfficer}, "p-officer");
  };
  ReferralRecord record = ProtectedIn(kRequested);
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_RECEIVING));
  *record.mutable_escalate_time() = record.update_time();
  EXPECT_TRUE(OfficersNameReaders(record, v1::PARTY_RECEIVING)) << "it owes the acknowledgement";
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_REFERRING));
  record.clear_escalate_time();
  record.mutable_protection()->clear_receiving_readers();
  EXPECT_EQ(RelationsOf(record, officer(testing::kReceivingBody)),
            (Relations{Relation::kReceiving, Relation::kNamesReaders}));
  EXPECT_TRUE(RelationsOf(record, officer(testing::kReferringBody)).empty());
  const policy::Caller supervisor = Somebody(testing::kReceivingBody, {Role::kSupervisor}, "p-boss");
  EXPECT_TRUE(RelationsOf(record, supervisor).empty());
  EXPECT_FALSE(OfficersNameReaders(testing::RecordIn(kRequested), v1::PARTY_RECEIVING)) << "not protected";
}

TEST(Protection, ANewOneHasItsMakerAsReaderAndAtMostTen) {
  v1::Protection given;
  given.set_ground(v1::PROTECTION_GROUND_PERSECUTION);
  given.add_referring_readers("p-eva");
  given.add_referring_readers("p-ana");
  given.add_receiving_readers("p-raul");
  ReferralRecord next;
  ASSERT_TRUE(ProtectNew(given, "p-eva", testing::Now(), next).ok());
  EXPECT_TRUE(IsProtected(next));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva", "p-ana")) << "each once";
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-raul"));
  for (int i = 0; i < kMaxReaders; ++i) given.add_referring_readers(base::Cat("p-", i));
  EXPECT_EQ(ReasonOf(ProtectNew(given, "p-eva", testing::Now(), next)), "INVALID_FIELD");
}

TEST(Protection, ProtectingKeepsWhoeverHasTheCaseAndTakesItOffItsList) {
  ReferralRecord next = testing::RecordIn(kWaitlisted);
  next.mutable_receiving()->set_assignee("p-raul");
  next.mutable_waiting()->set_group_id("alpha");
  ASSERT_TRUE(ApplyReaders(Readers({"p-ana"}, v1::PROTECTION_GROUND_SHELTER), v1::PARTY_REFERRING, "p-eva",
                           testing::Now(), next)
                  .ok());
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva", "p-ana"));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-raul"));
  EXPECT_FALSE(next.has_waiting());
  EXPECT_EQ(next.coordinating_body(), "");
  EXPECT_EQ(next.protected_since_revision(), next.revision() + 1);
}

TEST(Protection, ReadersOfOneSideAreNamedByThatSide) {
  ReferralRecord next = ProtectedIn(kAcknowledged);
  next.mutable_receiving()->set_assignee("p-raul");
  ASSERT_TRUE(ApplyReaders(Readers({"p-new"}), v1::PARTY_RECEIVING, "p-raul", testing::Now(), next).ok());
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-new"));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva"));
  EXPECT_EQ(next.receiving().assignee(), "") << "who does not read it cannot have it";
  ASSERT_TRUE(ApplyReaders(Readers({}, v1::PROTECTION_GROUND_PERSECUTION), v1::PARTY_RECEIVING, "p-new",
                           testing::Now(), next)
                  .ok());
  EXPECT_EQ(next.protection().ground(), v1::PROTECTION_GROUND_PERSECUTION) << "corrected";
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-new"));
  command::Assign to_other = Readers({});
  to_other.assignee = "p-raul";
  EXPECT_EQ(ReasonOf(ApplyReaders(to_other, v1::PARTY_RECEIVING, "p-new", testing::Now(), next)),
            "INVALID_FIELD");
}

TEST(Protection, NobodyTakesItBack) {
  ReferralRecord next = ProtectedIn(kAcknowledged);
  ASSERT_TRUE(ApplyReaders(Readers({}), v1::PARTY_REFERRING, "p-eva", testing::Now(), next).ok());
  EXPECT_TRUE(IsProtected(next));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva")) << "never empty";
}

TEST(Protection, WhatIsLinkedOrEnrolledIsNotProtectedBelatedly) {
  const auto protect = [](ReferralRecord record) {
    return ReasonOf(ApplyReaders(Readers({}, v1::PROTECTION_GROUND_SHELTER), v1::PARTY_REFERRING, "p-eva",
                                 testing::Now(), record));
  };
  ReferralRecord record = testing::RecordIn(kAccepted);
  EXPECT_EQ(protect(record), "OK");
  record.set_forwarded_from("referrals/other");
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED");
  record.clear_forwarded_from();
  record.set_forwarded_to("referrals/other");
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED");
  record.clear_forwarded_to();
  record.add_places()->set_enrolment("enrolments/x");
  EXPECT_EQ(protect(record), "PROTECTED_HAS_NO_GROUP");
}

TEST(Protection, WhatContinuesItIsProtectedForTheReadersOfWhoSendsItOn) {
  const ReferralRecord old = ProtectedIn(kAccepted);
  ReferralRecord linked;
  ASSERT_TRUE(ProtectLinked(old, v1::PARTY_RECEIVING, {"p-luz"}, testing::Now(), linked).ok());
  EXPECT_THAT(ReadersOf(linked, v1::PARTY_REFERRING), ElementsAre("p-raul"));
  EXPECT_THAT(ReadersOf(linked, v1::PARTY_RECEIVING), ElementsAre("p-luz"));
  EXPECT_EQ(linked.protection().ground(), v1::PROTECTION_GROUND_SHELTER);
  ReferralRecord ordinary;
  EXPECT_TRUE(
      ProtectLinked(testing::RecordIn(kAccepted), v1::PARTY_RECEIVING, {}, testing::Now(), ordinary).ok());
  EXPECT_FALSE(IsProtected(ordinary));
  EXPECT_EQ(ReasonOf(ProtectLinked(testing::RecordIn(kAccepted), v1::PARTY_RECEIVING, {"p-luz"},
                                   testing::Now(), ordinary)),
            "INVALID_FIELD");
}

TEST(Protection, ItHasNoPartiesAndNobodyCoordinatesIt) {
  EXPECT_THAT(PartiesOf(ProtectedIn(kRequested), ProtectedIn(kRequested)), IsEmpty());
  command::Submit submit;
  submit.created = std::make_shared<command::Create>(testing::CreateCommand());
  submit.coordinating_body = std::string(testing::kCoordinatingBody);
  v1::Protection& protection =
      *std::const_pointer_cast<command::Create>(submit.created)->referral.mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
  const auto decision = testing::DecideBy(Actor::kReferring, ReferralRecord(), submit);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.coordinating_body(), "");
}

}  // namespace
}  // namespace waypost::referral
