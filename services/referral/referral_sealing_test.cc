// What is sealed, for whom, and what opens it.
#include "services/referral/referral_sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/crypto/memory_key_provider.h"
#include "common/status/errors.h"
#include "common/testing/fakes.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MarkedSections;
using testing::Must;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kName = "referrals/01jd0000000000000000000001";
constexpr std::string_view kOther = "referrals/01jd0000000000000000000002";
constexpr std::string_view kA = "bodies/a";
constexpr std::string_view kB = "bodies/b";
constexpr std::string_view kC = "bodies/c";
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class SealingTest : public ::testing::Test {
 protected:
  SealedContent SealTwo(std::string_view reference = "REF 1/a") {
    google::protobuf::RepeatedPtrField<v1::PersonSections> sections;
    *sections.Add() = MarkedSections(1);
    *sections.Add() = MarkedSections(2);
    return Must(sealing_.SealNew(kName, {std::string(kA), std::string(kB)}, sections, reference, kNow));
  }
  std::vector<v1::PersonSections> Open(const SealedContent& content, const std::vector<Wrap>& wraps,
                                       std::string_view body, const std::vector<uint32_t>& persons = {},
                                       const std::vector<v1::SectionKind>& kinds = {}) {
    const OpenedKeys keys = Must(sealing_.OpenKeys(kName, wraps, body));
    return Must(sealing_.OpenSections(kName, keys, content.sections, persons, kinds));
  }

  ::waypost::testing::FakeRandom random_;
  crypto::MemoryKeyProvider provider_{random_, kNow};
  crypto::BodyKeys keys_{provider_, random_};
  Sealing sealing_{keys_, random_};
};

TEST_F(SealingTest, EachSideOpensItsPartAndNobodyElseAnything) {
  const SealedContent content = SealTwo();
  EXPECT_THAT(content.sections, SizeIs(6));
  EXPECT_THAT(content.wraps, SizeIs(5));  // two persons × two bodies, and the own reference
  const auto all = Open(content, content.wraps, kA);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].SerializeAsString(), MarkedSections(1).SerializeAsString());
  EXPECT_EQ(all[1].SerializeAsString(), MarkedSections(2).SerializeAsString());
  const auto screened = Open(content, content.wraps, kB);
  ASSERT_THAT(screened, SizeIs(2));
  EXPECT_TRUE(screened[0].has_screening());
  EXPECT_FALSE(screened[0].has_details());
  EXPECT_FALSE(screened[0].has_alerts());
  EXPECT_THAT(Open(content, content.wraps, kC), IsEmpty());
  EXPECT_THAT(Open(content, content.wraps, kA, {2}, {v1::SECTION_KIND_ALERTS}), SizeIs(1));
  EXPECT_THAT(Open(content, content.wraps, kA, {3}), IsEmpty());
}

TEST_F(SealingTest, NothingSealedShowsWhatIsInIt) {
  const SealedContent content = SealTwo("REF-given-in-the-clear");
  for (const auto& section : content.sections) {
    EXPECT_THAT(section.SerializeAsString(), Not(HasSubstr("in-the-clear")));
    EXPECT_THAT(section.commitment(), SizeIs(32));
  }
  EXPECT_THAT(content.own_reference->SerializeAsString(), Not(HasSubstr("clear")));
  // The same content twice gives other bytes: keys, ciphertexts and commitments.
  const SealedContent again = SealTwo("REF-given-in-the-clear");
  for (size_t i = 0; i < content.sections.size(); ++i) {
    EXPECT_NE(content.sections[i].sealed(), again.sections[i].sealed());
    EXPECT_NE(content.sections[i].commitment(), again.sections[i].commitment());
  }
}

TEST_F(SealingTest, AWrapOrSectionMovedElsewhereDoesNotOpen) {
  const SealedContent content = SealTwo();
  EXPECT_FALSE(sealing_.OpenKeys(kOther, content.wraps, kA).ok());
  std::vector<Wrap> moved = content.wraps;
  for (Wrap& wrap : moved) wrap.person = 3 - wrap.person;
  EXPECT_FALSE(sealing_.OpenKeys(kName, moved, kA).ok());
  std::vector<Wrap> taken = content.wraps;
  for (Wrap& wrap : taken) wrap.body = kC;
  EXPECT_FALSE(sealing_.OpenKeys(kName, taken, kC).ok());
  std::vector<Wrap> raised = content.wraps;
  for (Wrap& wrap : raised) wrap.record.set_scope(storage::v1::KEY_SCOPE_DATA);
  EXPECT_FALSE(sealing_.OpenKeys(kName, raised, kB).ok()) << "a screening key does not pass for a data key";

  const OpenedKeys keys = Must(sealing_.OpenKeys(kName, content.wraps, kA));
  SealedContent swapped = content;
  std::swap(*swapped.sections[0].mutable_sealed(), *swapped.sections[3].mutable_sealed());
  EXPECT_FALSE(sealing_.OpenSections(kName, keys, swapped.sections, {}, {}).ok());
  EXPECT_FALSE(sealing_.OpenSections(kOther, keys, content.sections, {}, {}).ok());
  for (size_t at = 0; at < content.sections[1].sealed().size(); ++at) {
    SealedContent bent = content;
    (*bent.sections[1].mutable_sealed())[at] ^= 1;
    EXPECT_FALSE(sealing_.OpenSections(kName, keys, bent.sections, {1}, {}).ok()) << at;
  }
}

TEST_F(SealingTest, AGrantGivesWhatIsAskedForAndNoMore) {
  const SealedContent content = SealTwo();
  const auto screening = Must(sealing_.Grant(kName, content.wraps, kA, kC, /*full=*/false, kNow));
  ASSERT_THAT(screening, SizeIs(2));
  EXPECT_FALSE(Open(content, screening, kC)[0].has_details());
  const auto full = Must(sealing_.Grant(kName, content.wraps, kA, kC, /*full=*/true, kNow));
  EXPECT_EQ(Open(content, full, kC)[1].SerializeAsString(), MarkedSections(2).SerializeAsString());
  // Who holds screening keys alone cannot give away more.
  EXPECT_THAT(Must(sealing_.Grant(kName, content.wraps, kB, kC, /*full=*/true, kNow)), IsEmpty());
  for (const Wrap& wrap : full)
    EXPECT_NE(wrap.record.scope(), storage::v1::KEY_SCOPE_BODY) << "own references stay own";
}

TEST_F(SealingTest, OwnReferencesOpenAndAreFoundByTheirBodyAlone) {
  const SealedContent content = SealTwo("REF 1/a");
  const OpenedKeys keys = Must(sealing_.OpenKeys(kName, content.wraps, kA));
  EXPECT_EQ(Must(sealing_.OpenOwnReference(kName, keys, *content.own_reference)), "REF 1/a");
  EXPECT_EQ(Must(sealing_.LookupsOf(kA, "REF 1/a"))[0], content.own_reference->lookup());
  EXPECT_NE(Must(sealing_.LookupsOf(kB, "REF 1/a"))[0], content.own_reference->lookup());
  EXPECT_NE(Must(sealing_.LookupsOf(kA, "REF 1/b"))[0], content.own_reference->lookup());
  const OpenedKeys others = Must(sealing_.OpenKeys(kName, content.wraps, kB));
  EXPECT_EQ(Must(sealing_.OpenOwnReference(kName, others, *content.own_reference)), "");
  // A second one of the same body is under the same key.
  const SealedContent more = Must(sealing_.SealOwnReference(kName, kA, content.wraps, "REF 2", kNow));
  EXPECT_THAT(more.wraps, IsEmpty());
  EXPECT_EQ(Must(sealing_.OpenOwnReference(kName, keys, *more.own_reference)), "REF 2");
  EXPECT_THAT(Must(sealing_.SealOwnReference(kName, kB, content.wraps, "REF 2", kNow)).wraps, SizeIs(1));
}

TEST_F(SealingTest, NotesAreUnderTheKeyOfThoseWhoMayOpenThem) {
  std::vector<Wrap> wraps = SealTwo().wraps;
  const Sides sides{std::string(kA), std::string(kB)};
  const auto seal = [&](std::string_view body, v1::NoteVisibility visibility, uint32_t number, bool full) {
    storage::v1::NoteRecord note;
    note.set_number(number);
    note.set_body(std::string(body));
    note.set_visibility(visibility);
    const SealedContent made = Must(
        sealing_.SealNote(kName, sides, full, wraps, base::Cat("note-in-the-clear ", number), kNow, note));
    EXPECT_THAT(note.SerializeAsString(), Not(HasSubstr("in-the-clear")));
    wraps.insert(wraps.end(), made.wraps.begin(), made.wraps.end());
    return note;
  };
  const auto opens = [&](std::string_view body, const storage::v1::NoteRecord& note) {
    return sealing_.OpenNote(kName, Must(sealing_.OpenKeys(kName, wraps, body)), note).ok();
  };
  const auto own = seal(kB, v1::NOTE_VISIBILITY_OWN_SIDE, 1, false);
  EXPECT_TRUE(opens(kB, own));
  EXPECT_FALSE(opens(kA, own));
  const auto both = seal(kB, v1::NOTE_VISIBILITY_BOTH_SIDES, 2, false);
  const size_t wrapped = wraps.size();
  const auto second = seal(kA, v1::NOTE_VISIBILITY_BOTH_SIDES, 3, true);
  EXPECT_EQ(wraps.size(), wrapped) << "the case has one key";
  for (const auto& note : {both, second}) {
    EXPECT_TRUE(opens(kA, note));
    EXPECT_TRUE(opens(kB, note));
    EXPECT_FALSE(opens(kC, note));
  }
  storage::v1::NoteRecord moved = both;
  moved.set_number(3);
  EXPECT_FALSE(opens(kA, moved));
}

TEST_F(SealingTest, RotationRenewsEveryWrapAndLookupAndTheOldKeyCanGo) {
  SealedContent content = SealTwo();
  std::vector<Wrap> wraps = content.wraps;
  EXPECT_THAT(Must(sealing_.Rewrap(kName, wraps, kNow)), IsEmpty());
  EXPECT_FALSE(Must(sealing_.RenewLookup(kName, kA, wraps, *content.own_reference)).has_value());
  Must(provider_.Rotate(kNow));
  EXPECT_THAT(Must(sealing_.LookupsOf(kA, "REF 1/a")), SizeIs(2));
  const std::vector<Wrap> renewed = Must(sealing_.Rewrap(kName, wraps, kNow));
  ASSERT_THAT(renewed, SizeIs(5));
  const auto lookup = Must(sealing_.RenewLookup(kName, kA, wraps, *content.own_reference));
  ASSERT_TRUE(lookup.has_value());
  EXPECT_FALSE(SameWraps(wraps, renewed));
  EXPECT_TRUE(SameWraps(renewed, renewed));
  EXPECT_THAT(Must(sealing_.Rewrap(kName, renewed, kNow)), IsEmpty());
  ASSERT_TRUE(keys_.Destroy(1, kNow + absl::Hours(1)).ok());
  EXPECT_EQ(error::ReasonOf(sealing_.OpenKeys(kName, wraps, kA).status()), "KEY_DESTROYED");
  EXPECT_EQ(Open(content, renewed, kA)[0].SerializeAsString(), MarkedSections(1).SerializeAsString());
  EXPECT_FALSE(Open(content, renewed, kB)[0].has_details());
  EXPECT_EQ(Must(sealing_.LookupsOf(kA, "REF 1/a"))[0], lookup->lookup());
}

TEST_F(SealingTest, SameWrapsNoticesEveryDifference) {
  const std::vector<Wrap> wraps = SealTwo().wraps;
  EXPECT_TRUE(SameWraps(wraps, wraps));
  EXPECT_TRUE(SameWraps({}, {}));
  for (size_t i = 0; i < wraps.size(); ++i) {
    std::vector<Wrap> other = wraps;
    other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(SameWraps(wraps, other));
    other = wraps;
    other[i].body += "x";
    EXPECT_FALSE(SameWraps(wraps, other));
    other = wraps;
    other[i].person += 1;
    EXPECT_FALSE(SameWraps(wraps, other));
    other = wraps;
    other[i].record.mutable_wrapped()->back() ^= 1;
    EXPECT_FALSE(SameWraps(wraps, other));
  }
}

}  // namespace
}  // namespace waypost::referral
