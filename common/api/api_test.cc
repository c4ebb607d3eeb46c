#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <set>

#include "common/api/field_mask.h"
#include "common/api/names.h"
#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/status/errors.h"
#include "common/testing/fakes.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::api {
namespace {

using ::testing::ElementsAre;

TEST(IsId, TakesLabelsOnly) {
  for (const std::string_view id :
       {"es-fuenlabrada", "a1", "01jd2", "x23456789012345678901234567890123456789012345678901234567890123"}) {
    EXPECT_TRUE(IsId(id)) << id;
  }
  for (const std::string_view id : {"", "a", "-a", "a-", "A1", "a_b", "a/b", "ñu", "a b",
                                    "x234567890123456789012345678901234567890123456789012345678901234"}) {
    EXPECT_FALSE(IsId(id)) << id;
  }
}

TEST(ParseName, ReadsTheIdsOfExactlyTheseCollections) {
  const auto ids = ParseName("bodies/es-x/units/u1", {"bodies", "units"}, "unit");
  ASSERT_TRUE(ids.ok());
  EXPECT_THAT(*ids, ElementsAre("es-x", "u1"));
  for (const std::string_view name :
       {"", "bodies", "bodies/", "bodies/es-x", "bodies/es-x/", "bodies/es-x/units", "bodies/es-x/units/",
        "bodies/es-x/units/u1/", "bodies/es-x/units/u1/x", "units/u1/bodies/es-x", "bodies/es-x/unit/u1",
        "bodies//units/u1"}) {
    const auto refused = ParseName(name, {"bodies", "units"}, "unit");
    EXPECT_EQ(error::ReasonOf(refused.status()), "INVALID_FIELD") << name;
  }
}

TEST(NewId, IsAnIdAndSortsByTime) {
  waypost::testing::FakeRandom random;
  std::set<std::string> ids;
  absl::Time now = absl::FromUnixMillis(1'800'000'000'000);
  std::string before;
  for (int i = 0; i < 1000; ++i) {
    now += absl::Milliseconds(1);
    const std::string id = NewId(now, random);
    EXPECT_TRUE(IsId(id)) << id;
    EXPECT_EQ(id.size(), 26U);
    EXPECT_LT(before, id);
    before = id;
  }
}

TEST(NewIdOf, IsOfItsOwnerAloneAndSaysWhenItWasMade) {
  waypost::testing::FakeRandom random;
  const absl::Time made = absl::FromUnixMillis(1'800'000'000'123);
  const std::string id = NewIdOf(made, random, "bodies/es-x");
  EXPECT_TRUE(IsId(id)) << id;
  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(TimeOfIdOf(id, "bodies/es-x"), made);
  EXPECT_EQ(TimeOfIdOf(id, "bodies/es-y"), std::nullopt);
  EXPECT_NE(NewIdOf(made, random, "bodies/es-x"), id);
  for (size_t i = 0; i < id.size(); ++i) {
    for (const char other : {'i', 'l', 'o', 'u', 'A', '-', ' '}) {
      std::string wrong = id;
      wrong[i] = other;
      EXPECT_EQ(TimeOfIdOf(wrong, "bodies/es-x"), std::nullopt) << wrong;
    }
  }
  EXPECT_EQ(TimeOfIdOf(id.substr(1), "bodies/es-x"), std::nullopt);
  EXPECT_EQ(TimeOfIdOf(id + "0", "bodies/es-x"), std::nullopt);
  EXPECT_EQ(TimeOfIdOf("", "bodies/es-x"), std::nullopt);
}

// The mark that docs/reference/referral-names.md shows.
TEST(NewIdOf, MarksAnOwnerAsItIsDocumented) {
  waypost::testing::FakeRandom random;
  EXPECT_EQ(NewIdOf(absl::UnixEpoch(), random, "bodies/es-fuenlabrada").substr(18), "4mrzw8gt");
}

TEST(Etag, MatchesItsRevisionAlone) {
  EXPECT_TRUE(CheckEtag("referrals/1", EtagOf(3), 3).ok());
  EXPECT_TRUE(CheckEtag("referrals/1", "", 3).ok());
  EXPECT_EQ(CheckEtag("referrals/1", EtagOf(2), 3).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(CheckEtag("referrals/1", "3", 3).code(), absl::StatusCode::kAborted);
}

TEST(PageSize, IsClampedAndNeverNegative) {
  EXPECT_EQ(*PageSizeOf(0), kDefaultPageSize);
  EXPECT_EQ(*PageSizeOf(7), 7);
  EXPECT_EQ(*PageSizeOf(100'000), kMaxPageSize);
  EXPECT_FALSE(PageSizeOf(-1).ok());
}

TEST(Timestamp, GoesThereAndBackBeforeTheEpochToo) {
  for (const int64_t micros : {0LL, 1LL, -1LL, 1'800'000'000'123'456LL, -62'135'596'800'000'000LL}) {
    const absl::Time time = absl::FromUnixMicros(micros);
    const auto timestamp = ToTimestamp(time);
    EXPECT_GE(timestamp.nanos(), 0);
    EXPECT_EQ(FromTimestamp(timestamp), time);
  }
}

class PageTokenTest : public ::testing::Test {
 protected:
  waypost::testing::FakeRandom random_;
  waypost::testing::FakeRandom renewals_{2};
  const crypto::SecretKey first_ = crypto::SecretKey::Generate(random_);
  PageTokens tokens_{first_.Duplicate(), crypto::SecretKey::Generate(random_), random_};
  const PageScope scope_{.body = "bodies/a", .actor = "x", .method = "List", .query = "q"};
};

TEST_F(PageTokenTest, OpensForItsOwnScopeAlone) {
  const auto token = tokens_.Seal("position", scope_);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->find("position"), std::string::npos);
  EXPECT_EQ(*tokens_.Open(*token, scope_), "position");
  for (const PageScope& other :
       {PageScope{"bodies/b", "x", "List", "q"}, PageScope{"bodies/a", "y", "List", "q"},
        PageScope{"bodies/a", "x", "Other", "q"}, PageScope{"bodies/a", "x", "List", "r"},
        PageScope{"bodies/a", "x", "Listq", ""}}) {
    EXPECT_EQ(error::ReasonOf(tokens_.Open(*token, other).status()), "PAGE_TOKEN_INVALID");
  }
}

TEST_F(PageTokenTest, RefusesAnotherSpellingOfAToken) {
  const std::string token = *tokens_.Seal("position", scope_);
  for (const std::string& other : {" " + token, token + "\n", "\f" + token,
                                   token.substr(0, 4) + "\t" + token.substr(4), token + "=", token + "=="}) {
    EXPECT_EQ(error::ReasonOf(tokens_.Open(other, scope_).status()), "PAGE_TOKEN_INVALID") << other;
  }
}

TEST_F(PageTokenTest, RefusesEverySingleChange) {
  const std::string token = *tokens_.Seal("position", scope_);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens_.Open(changed, scope_).ok()) << i;
  }
  EXPECT_FALSE(tokens_.Open(token.substr(1), scope_).ok());
  EXPECT_FALSE(tokens_.Open(std::string(PageTokens::kMaxTokenBytes + 1, 'A'), scope_).ok());
  EXPECT_EQ(*tokens_.Open("", scope_), "");
}

TEST_F(PageTokenTest, OutlivesOneRenewalOfTheKeysAndNotTwo) {
  const std::string token = *tokens_.Seal("position", scope_);
  const crypto::SecretKey second = crypto::SecretKey::Generate(random_);
  const crypto::SecretKey third = crypto::SecretKey::Generate(random_);
  tokens_.Renew(second.Duplicate(), first_.Duplicate());
  EXPECT_EQ(*tokens_.Open(token, scope_), "position");
  tokens_.Renew(second.Duplicate(), first_.Duplicate());
  EXPECT_EQ(*tokens_.Open(token, scope_), "position") << "the same keys once more are no renewal";
  const std::string later = *tokens_.Seal("later", scope_);
  tokens_.Renew(third.Duplicate(), second.Duplicate());
  EXPECT_EQ(*tokens_.Open(later, scope_), "later");
  EXPECT_EQ(error::ReasonOf(tokens_.Open(token, scope_).status()), "PAGE_TOKEN_INVALID");
}

TEST_F(PageTokenTest, IsSealedAndOpenedWhileKeysAreRenewed) {
  constexpr int kRenewals = 200;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      // Keys may turn between the two, once: the token is then of the key before.
      const auto token = tokens_.Seal("position", scope_);
      const auto position = tokens_.Open(token.value_or(""), scope_);
      EXPECT_TRUE(position.ok() || error::ReasonOf(position.status()) == "PAGE_TOKEN_INVALID");
    }
  });
  crypto::SecretKey last = first_.Duplicate();
  for (int i = 0; i < kRenewals; ++i) {
    crypto::SecretKey next = crypto::SecretKey::Generate(renewals_);
    tokens_.Renew(next.Duplicate(), std::move(last));
    last = std::move(next);
  }
  done = true;
  reader.join();
  EXPECT_EQ(*tokens_.Open(*tokens_.Seal("position", scope_), scope_), "position");
}

TEST(ApplyMask, ReplacesWhatIsNamedAndRefusesTheRest) {
  event::v1::Event source;
  source.set_type("new");
  source.add_parties("bodies/b");
  event::v1::Event target;
  target.set_type("old");
  target.set_state("kept");
  target.add_parties("bodies/a");
  google::protobuf::FieldMask mask;
  mask.add_paths("parties");
  ASSERT_TRUE(ApplyMask(mask, {"type", "parties"}, source, target).ok());
  EXPECT_EQ(target.type(), "old");
  EXPECT_THAT(target.parties(), ElementsAre("bodies/b"));

  ASSERT_TRUE(ApplyMask({}, {"type", "state"}, source, target).ok());
  EXPECT_EQ(target.type(), "new");
  EXPECT_EQ(target.state(), "kept");

  mask.add_paths("state");
  mask.add_paths("*");
  const absl::Status refused = ApplyMask(mask, {"type", "parties"}, source, target);
  EXPECT_EQ(error::ViolationsOf(refused).size(), 2U);
}

TEST(ApplyMask, ANamedFieldThatIsAbsentIsCleared) {
  event::v1::Event source;
  event::v1::Event target;
  target.set_type("old");
  google::protobuf::FieldMask mask;
  mask.add_paths("type");
  ASSERT_TRUE(ApplyMask(mask, {"type"}, source, target).ok());
  EXPECT_EQ(target.type(), "");
}

}  // namespace
}  // namespace waypost::api
