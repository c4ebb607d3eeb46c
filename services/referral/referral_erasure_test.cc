// What is erased is gone from the disk: table files, write-ahead log and all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/referral/key_renewal.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ErasureTest : public ::testing::Test, protected ReferralRig {
 protected:
  ErasureTest() : ReferralRig(Options()) {}

  static RigOptions Options() {
    RigOptions options = ReferralOptions(/*on_disk=*/true);
    options.system_random = true;  // so that no two rows have bytes in common by chance
    return options;
  }

  struct Traces {
    std::vector<std::pair<std::string, std::string>> bytes;  // what it is, and the bytes
  };

  // Everything of a referral that could, with a key, give a person away: ciphertexts, wrapped keys, lookups.
  // A piece from the middle of each: what was written in one go stands in one piece on the disk, too.
  Traces TracesOf(const std::string& name) {
    Traces traces;
    const auto add = [&traces](std::string what, const std::string& bytes) {
      ASSERT_GE(bytes.size(), 20U) << what;
      traces.bytes.emplace_back(std::move(what), bytes.substr(bytes.size() / 2 - 8, 16));
    };
    for (const auto& section : Sections(name))
      add(base::Cat("section ", static_cast<int>(section.section())), section.sealed());
    for (const auto& section : Sections(name))
      add(base::Cat("commitment ", static_cast<int>(section.section())), section.commitment());
    for (const Wrap& wrap : Wraps(name)) add(base::Cat("wrap of ", wrap.body), wrap.record.wrapped());
    for (const auto& note : Notes(name)) add(base::Cat("note ", note.number()), note.sealed());
    for (const std::string_view body : {kReferringBody, kReceivingBody}) {
      const auto holdings = Must(rows::Holdings::Load(**rig.store().Snapshot(), name));
      const auto* own = holdings.OwnReferenceOf(body);
      if (own == nullptr) continue;
      add(base::Cat("own reference of ", body), own->sealed());
      add(base::Cat("lookup of ", body), own->lookup());
    }
    return traces;
  }

  // A case as it comes: references and notes of both sides, completed.
  std::string Worked() {
    const std::string name = Requested();
    auto accept = On<v1::AcceptReferralRequest>(name);
    accept.set_own_reference("MAD-2026-77");
    Must(Do(receiver, &Stub::AcceptReferral, accept));
    for (const auto visibility : {v1::NOTE_VISIBILITY_OWN_SIDE, v1::NOTE_VISIBILITY_BOTH_SIDES}) {
      for (const std::string& token : {referrer, receiver}) {
        auto note = On<v1::AddNoteRequest>(name);
        note.set_visibility(visibility);
        note.set_text("a note of some length, so that it is more than a few bytes");
        Must(Do(token, &Stub::AddNote, note));
      }
    }
    Must(Do(receiver, &Stub::CompleteReferral, Complete(name)));
    return name;
  }

  // Rotation as the job does it: a new key, everything live renewed, the old key destroyed.
  void RotateAndDestroy() {
    const uint32_t old_key = Must(key_provider.Current())->id;
    Must(key_provider.Rotate(rig.clock().Now()));
    rig.clock().Advance(crypto::kMinRetirement);
    const RenewalReport report = Must(RenewKeys(rig.store(), sealing, rig.clock().Now()));
    EXPECT_EQ(report.missed, 0U);
    const absl::Status destroyed = keys.Destroy(old_key, rig.clock().Now());
    ASSERT_TRUE(destroyed.ok()) << destroyed;
  }
};

TEST_F(ErasureTest, AfterBothSharesAreErasedNothingIsLeftOnTheDisk) {
  const std::string name = Worked();
  const std::string live = Worked();
  const Traces traces = TracesOf(name);
  ASSERT_GE(traces.bytes.size(), 3U + 3U + 4U + 4U + 4U);
  // The control: all of it is there to be found, in the log at first and then in a table file.
  for (const auto& [what, bytes] : traces.bytes) EXPECT_THAT(rig.FilesHolding(bytes), Not(IsEmpty())) << what;
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const auto& [what, bytes] : traces.bytes) EXPECT_THAT(rig.FilesHolding(bytes), Not(IsEmpty())) << what;

  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  RotateAndDestroy();
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const auto& [what, bytes] : traces.bytes) {
    if (what.rfind("commitment", 0) == 0) continue;  // events keep them; without the key they say nothing
    EXPECT_THAT(rig.FilesHolding(bytes), IsEmpty()) << what;
  }
  // The event of the erasure, and the events before it, stay; so does the other referral, under the new key.
  EXPECT_EQ(EventsOf(name).back().type(), "referral.erased");
  EXPECT_EQ(Must(Do(receiver, &Stub::DiscloseReferral, Disclose(live, {v1::SECTION_KIND_DETAILS})))
                .sections(0)
                .details()
                .given_name(),
            base::Cat(kGivenName, "-1"));
}

TEST_F(ErasureTest, ACopyOfTheFolderFromBeforeOpensNothingOnceTheKeyIsDestroyed) {
  const std::string name = Worked();
  const std::vector<Wrap> copied = Wraps(name);
  const auto sections = Sections(name);
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_TRUE(sealing.OpenKeys(name, copied, kReferringBody).ok()) << "until then a backup would still open";
  RotateAndDestroy();
  for (const std::string_view body : {kReferringBody, kReceivingBody}) {
    EXPECT_EQ(error::ReasonOf(sealing.OpenKeys(name, copied, body).status()), "KEY_DESTROYED");
  }
}

TEST_F(ErasureTest, OneBodysErasureLeavesNoneOfItsKeysOnTheDiskAndTheOthersWhole) {
  const std::string name = Worked();
  std::vector<std::string> own;
  for (const Wrap& wrap : Wraps(name, kReferringBody)) own.push_back(wrap.record.wrapped().substr(20, 16));
  ASSERT_THAT(own, SizeIs(3));  // a person, the case, its own
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  RotateAndDestroy();
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const std::string& bytes : own) EXPECT_THAT(rig.FilesHolding(bytes), IsEmpty());
  const auto still = Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  EXPECT_EQ(still.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_EQ(still.own_reference(), "MAD-2026-77");
}

TEST_F(ErasureTest, AfterAWithdrawalAnsweredWithErasureNothingOfThePersonIsLeftOnTheDisk) {
  const std::string name = Worked();
  const Traces traces = TracesOf(name);
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const auto& [what, bytes] : traces.bytes) EXPECT_THAT(rig.FilesHolding(bytes), Not(IsEmpty())) << what;
  const std::string right =
      Must(Do(receiver, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL))).name();
  for (const std::string& token : {receiver, referrer}) {
    Must(Do(token, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  }
  RotateAndDestroy();
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const auto& [what, bytes] : traces.bytes) {
    if (what.rfind("commitment", 0) == 0) continue;  // receipts keep them; without the key they say nothing
    EXPECT_THAT(rig.FilesHolding(bytes), IsEmpty()) << what;
  }
}

TEST_F(ErasureTest, AfterOneOfSeveralWithdrewOnlyTheOthersAreLeftOnTheDisk) {
  const std::string name = Completed(2);
  std::vector<std::pair<uint32_t, std::string>> traces;
  for (const auto& section : Sections(name)) {
    traces.emplace_back(section.person(), section.sealed().substr(section.sealed().size() / 2 - 8, 16));
  }
  for (const Wrap& wrap : Wraps(name)) {
    if (wrap.person == 2) traces.emplace_back(2, wrap.record.wrapped().substr(20, 16));
  }
  ASSERT_THAT(traces, SizeIs(3 + 3 + 3));  // two wraps of data keys, one of the screening key
  for (const auto& [person, bytes] : traces) EXPECT_THAT(rig.FilesHolding(bytes), Not(IsEmpty())) << person;
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL, 2))).name();
  for (const std::string& token : {receiver, referrer}) {
    Must(Do(token, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  }
  RotateAndDestroy();
  ASSERT_TRUE(rig.rocks().PurgeDeleted().ok());
  for (const auto& [person, bytes] : traces) {
    EXPECT_EQ(rig.FilesHolding(bytes).empty(), person == 2) << person;
  }
  const auto still = Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  EXPECT_EQ(still.sections(0).details().given_name(), base::Cat(kGivenName, "-1"));
}

TEST_F(ErasureTest, RenewalLosesNoChangeThatIsMadeMeanwhile) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  Must(key_provider.Rotate(rig.clock().Now()));
  // Between reading and writing of the renewal, the reference is replaced: the same wraps, another reference.
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(name);
  update.mutable_update_mask()->add_paths("own_reference");
  update.set_own_reference("OTHER-1");
  class Meanwhile final : public store::Store {
   public:
    Meanwhile(store::Store& store, std::function<void()> act) : store_(store), act_(std::move(act)) {}
    absl::StatusOr<std::unique_ptr<store::Reader>> Snapshot() const override { return store_.Snapshot(); }
    void Transact(store::Body body, store::Done done) override {
      if (act_ != nullptr) std::exchange(act_, nullptr)();
      store_.Transact(std::move(body), std::move(done));
    }

   private:
    store::Store& store_;
    std::function<void()> act_;
  };
  Meanwhile racing(rig.store(), [&] { Must(Do(referrer, &Stub::UpdateReferral, update)); });
  const RenewalReport report = Must(RenewKeys(racing, sealing, rig.clock().Now()));
  EXPECT_EQ(report.missed, 1U);
  EXPECT_EQ(Must(RenewKeys(rig.store(), sealing, rig.clock().Now())).missed, 0U);
  const auto shown =
      Must(Do(referrer, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
  EXPECT_EQ(shown.own_reference(), "OTHER-1");
}

}  // namespace
}  // namespace waypost::referral
