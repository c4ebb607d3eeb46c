// Names that clients make, over gRPC on the real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/api/names.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of this room
using policy::Role;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ReferralNamesTest : public ::testing::Test, protected ReferralRig {
 protected:
  std::string NameOf(std::string_view body, absl::Duration ago = absl::ZeroDuration()) {
    return rows::NameOfId(api::NewIdOf(rig.clock().Now() - ago, rig.random(), body));
  }
  v1::SubmitReferralRequest Named(std::string_view name) const {
    v1::SubmitReferralRequest request = NewReferral();
    request.mutable_referral()->set_name(std::string(name));
    return request;
  }
  v1::CreateReferralRequest DraftNamed(std::string_view name) const {
    v1::CreateReferralRequest request = NewDraft();
    request.mutable_referral()->set_name(std::string(name));
    return request;
  }
  // Everything that a client is told; ToString() gives the details in no certain order.
  static std::map<std::string, std::string> Told(const absl::Status& status) {
    std::map<std::string, std::string> told = {{"code", absl::StatusCodeToString(status.code())},
                                               {"message", std::string(base::ToStd(status.message()))}};
    status.ForEachPayload([&told](absl::string_view url, const absl::Cord& payload) {
      told.emplace(base::ToStd(url), std::string(payload));
    });
    return told;
  }
};

TEST_F(ReferralNamesTest, AClientNamesWhatItMakesAndGoesOnWithIt) {
  const std::string name = NameOf(kReferringBody, absl::Hours(40));
  EXPECT_EQ(Must(Do(referrer, &Stub::CreateReferral, DraftNamed(name))).name(), name);
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(name))).state(),
            v1::REFERRAL_STATE_REQUESTED);
  const std::string sent = NameOf(kReferringBody);
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, Named(sent))).name(), sent);
  EXPECT_EQ(Must(Get(receiver, sent)).name(), sent);
}

TEST_F(ReferralNamesTest, ANameIsTakenOnce) {
  const std::string name = NameOf(kReferringBody);
  auto request = Named(name);
  request.set_request_id("made-offline");
  const auto first = Must(Do(referrer, &Stub::SubmitReferral, request));
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, request)).SerializeAsString(),
            first.SerializeAsString());
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, Named(name))), "ALREADY_EXISTS");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CreateReferral, DraftNamed(name))), "ALREADY_EXISTS");
  EXPECT_EQ(Record(name).revision(), 1);
  // Also when nobody remembers the request any more.
  rig.clock().Advance(absl::Hours(24 * 5));
  Refresh();
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, request)), "ALREADY_EXISTS");
  // Who may not make one is told that, whether it is taken or not.
  const std::string officer = rig.TokenOf(kReferringBody, {Role::kAuditor});
  EXPECT_EQ(ReasonOf(Do(officer, &Stub::SubmitReferral, Named(name))), "NOT_ALLOWED");
}

// Whether a name of another body is taken cannot be told from the answer.
TEST_F(ReferralNamesTest, NobodyCanTryTheNamesOfAnotherBody) {
  const std::string taken = NameOf(kReferringBody);
  Must(Do(referrer, &Stub::SubmitReferral, Named(taken)));
  const std::string made_here = Requested();
  const std::string never = NameOf(kReferringBody);
  const auto answer = [&](const std::string& token, const std::string& name) {
    const auto refused = Do(token, &Stub::SubmitReferral, Named(name));
    EXPECT_EQ(ReasonOf(refused), "INVALID_FIELD") << name;
    EXPECT_THAT(error::ViolationsOf(refused.status()), Contains(StartsWith("referral.name: ")));
    return Told(refused.status());
  };
  for (const std::string& token : {receiver, third}) {
    EXPECT_EQ(answer(token, taken), answer(token, never));
    EXPECT_EQ(answer(token, made_here), answer(token, never));
  }
  EXPECT_EQ(answer(referrer, made_here), answer(referrer, NameOf(kThirdBody))) << "one that the service made";
}

TEST_F(ReferralNamesTest, WhatIsNoNameIsRefused) {
  const std::string good = NameOf(kReferringBody);
  const auto refused = [&](const std::string& name) {
    EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, Named(name))), "INVALID_FIELD") << name;
    EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CreateReferral, DraftNamed(name))), "INVALID_FIELD") << name;
  };
  refused("x");
  refused("referrals/x");
  refused(good + "0");
  refused(good.substr(0, good.size() - 1));
  refused("bodies/" + std::string(rows::IdOfName(good)));
  std::string upper = good;
  upper[12] = 'U';
  refused(upper);
  refused(NameOf(kReferringBody, kMaxNameAge + absl::Hours(1)));
  refused(NameOf(kReferringBody, -(kMaxNameAhead + absl::Hours(1))));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, Named(NameOf(kReferringBody, -absl::Hours(1))))),
            "OK")
      << "the client's clock may be ahead";
}

// Who works offline learns which clock is wrong, and what to do.
TEST_F(ReferralNamesTest, ANameFromTheFutureTellsOfTheClock) {
  const absl::Time now = rig.clock().Now();
  const auto told = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
  };
  const std::string ahead = NameOf(kReferringBody, -absl::Hours(72));
  const auto refused = Do(referrer, &Stub::SubmitReferral, Named(ahead));
  EXPECT_EQ(ReasonOf(refused), "INVALID_FIELD");
  EXPECT_THAT(error::ViolationsOf(refused.status()),
              ElementsAre(AllOf(StartsWith("referral.name: "), HasSubstr(told(now + absl::Hours(72))),
                                HasSubstr("more than 24 hours ahead"), HasSubstr("Set that clock"),
                                HasSubstr(told(now + absl::Hours(48))))));
  const auto late =
      Do(referrer, &Stub::SubmitReferral, Named(NameOf(kReferringBody, kMaxNameAge + absl::Hours(1))));
  EXPECT_THAT(error::ViolationsOf(late.status()), ElementsAre(HasSubstr("more than 90 days ago")));
}

TEST_F(ReferralNamesTest, WhatIsProtectedIsNamedByTheServiceAlone) {
  auto request = Named(NameOf(kReferringBody));
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::SubmitReferral, request)), "INVALID_FIELD");
  request.mutable_referral()->clear_name();
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::SubmitReferral, request)), "OK");
}

TEST_F(ReferralNamesTest, ARowOfABatchMayHaveOne) {
  v1::BatchSubmitReferralsRequest batch;
  const std::string name = NameOf(kReferringBody);
  for (int i = 0; i < 3; ++i) {
    *batch.add_requests() = Named(i == 2 ? NameOf(kThirdBody) : name);
    batch.mutable_requests(i)->set_request_id(base::Cat("row-with-a-name-", i));
  }
  const auto sent = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  EXPECT_NE(sent.results(0).has_referral(), sent.results(1).has_referral()) << "one of the two takes it";
  EXPECT_TRUE(sent.results(2).has_error());
}

}  // namespace
}  // namespace waypost::referral
