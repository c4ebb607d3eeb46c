// What a command names in the directory besides bodies: units and offers. Each command that names one is
// tried with what does not exist, what is of another body and what is closed. Nothing is written then; the
// same request with a good name is taken.
#include "services/referral/referral_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/api/resource.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kThirdDutyDesk = "bodies/es-getafe/units/duty";

// One field of one request, everything else in it being good.
struct Naming {
  std::string_view what;
  std::string_view field;
  std::string_view body;  // whose unit or offer it has to be
  std::function<absl::Status(std::string_view)> attempt;
};

class NamedTest : public ::testing::Test, protected ReferralRig {
 protected:
  NamedTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    SetUnit(kThirdDutyDesk, directory::v1::UNIT_STATUS_ACTIVE, directory::v1::UNIT_KIND_DUTY_DESK);
  }

  template <typename Request, typename Fill>
  Naming Name(std::string_view what, std::string_view field, std::string_view body, const std::string& token,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Referral*),
              const Request& request, Fill fill) {
    return {.what = what,
            .field = field,
            .body = body,
            .attempt = [this, &token, method, request, fill](std::string_view name) {
              Request filled = request;
              fill(filled, std::string(name));
              return Do(token, method, filled).status();
            }};
  }
  template <typename Fill>
  void NameInNew(std::string_view field, std::string_view body, Fill fill, std::vector<Naming>& namings) {
    const auto in_referral = [fill](auto& request, const std::string& name) {
      fill(*request.mutable_referral(), name);
    };
    namings.push_back(
        Name("submit", field, body, referrer, &Stub::SubmitReferral, NewReferral(), in_referral));
    namings.push_back(Name("create", field, body, referrer, &Stub::CreateReferral, NewDraft(), in_referral));
  }
  template <typename Fill>
  Naming NameInUpdate(std::string_view path, std::string_view field, std::string_view body, Fill fill) {
    v1::UpdateReferralRequest update;
    *update.mutable_referral() = CompleteReferral();
    update.mutable_referral()->set_name(Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name());
    update.mutable_update_mask()->add_paths(std::string(path));
    return Name("update", field, body, referrer, &Stub::UpdateReferral, update,
                [fill](auto& request, const std::string& name) { fill(*request.mutable_referral(), name); });
  }

  // Refused for `reason`, with `says` in the message, and nothing is written.
  void ExpectRefused(const Naming& naming, std::string_view name, std::string_view reason,
                     absl::StatusCode code, std::string_view says) {
    const std::string what = base::Cat(naming.what, " with '", name, "' as ", naming.field);
    const auto before = rig.Dump();
    const absl::Status status = naming.attempt(name);
    EXPECT_EQ(status.code(), code) << what << ": " << status;
    EXPECT_EQ(error::ReasonOf(status), reason) << what;
    EXPECT_THAT(std::string(base::ToStd(status.message())), HasSubstr(base::Cat("'", name, "'"))) << what;
    EXPECT_THAT(std::string(base::ToStd(status.message())), HasSubstr(std::string(says))) << what;
    if (reason == "INVALID_FIELD") {
      EXPECT_THAT(error::ViolationsOf(status), Contains(StartsWith(base::Cat(naming.field, ": ")))) << what;
    }
    EXPECT_TRUE(rig.Dump() == before) << what;
  }
  void ExpectInvalid(const Naming& naming, std::string_view name, std::string_view says) {
    ExpectRefused(naming, name, "INVALID_FIELD", absl::StatusCode::kInvalidArgument, says);
  }
  void ExpectTaken(const Naming& naming, std::string_view name) {
    const absl::Status status = naming.attempt(name);
    EXPECT_TRUE(status.ok()) << naming.what << " with '" << name << "' as " << naming.field << ": " << status;
  }

  void ExpectUnitsLookedUp(const std::vector<Naming>& namings,
                           directory::v1::UnitKind kind = directory::v1::UNIT_KIND_DEPARTMENT) {
    for (const Naming& naming : namings) {
      const std::string closed = base::Cat(naming.body, "/units/closed");
      const std::string open = base::Cat(naming.body, "/units/open");
      SetUnit(closed, directory::v1::UNIT_STATUS_CLOSED, kind);
      SetUnit(open, directory::v1::UNIT_STATUS_ACTIVE, kind);
      ExpectInvalid(naming, base::Cat(naming.body, "/units/none"), "not in the directory");
      for (const std::string_view unit : {kReferringUnit, kReceivingUnit, kThirdUnit}) {
        if (!unit.starts_with(naming.body)) ExpectInvalid(naming, unit, base::Cat("'", naming.body, "'"));
      }
      if (kind == directory::v1::UNIT_KIND_DUTY_DESK) {
        ExpectTaken(naming, closed);  // it was open when it took the call
        continue;
      }
      ExpectRefused(naming, closed, "UNIT_NOT_ACTIVE", absl::StatusCode::kFailedPrecondition, "choose");
      ExpectTaken(naming, open);
    }
  }
  void ExpectOffersLookedUp(const std::vector<Naming>& namings) {
    for (const Naming& naming : namings) {
      ExpectInvalid(naming, "offers/none", "not in the directory");
      ExpectInvalid(naming, naming.body == kThirdBody ? kOffer : kThirdOffer,
                    base::Cat("'", naming.body, "'"));
      for (const auto status : {directory::v1::OFFER_STATUS_TEMPORARILY_CLOSED,
                                directory::v1::OFFER_STATUS_INACTIVE, directory::v1::OFFER_STATUS_DEFUNCT}) {
        SetOffer("offers/closed", naming.body, status);
        ExpectRefused(naming, "offers/closed", "OFFER_NOT_ACTIVE", absl::StatusCode::kFailedPrecondition,
                      "choose");
      }
      ExpectTaken(naming, naming.body == kThirdBody ? kThirdOffer : kOffer);
    }
  }

  // An emergency whose call was answered by a desk of the receiving body.
  template <typename Request>
  static void MakeEmergency(Request& request) {
    v1::TelephoneHandover& call = *request.mutable_telephone_handover();
    *call.mutable_time() = api::ToTimestamp(Now());
    call.set_unit(std::string(kDutyDesk));
  }
};

TEST_F(NamedTest, TheReceivingUnitOfANewReferral) {
  const auto fill = [](v1::Referral& referral, const std::string& unit) {
    referral.mutable_receiving()->set_unit(unit);
  };
  std::vector<Naming> namings;
  NameInNew("referral.receiving.unit", kReceivingBody, fill, namings);
  namings.push_back(NameInUpdate("receiving", "referral.receiving.unit", kReceivingBody, fill));
  ExpectUnitsLookedUp(namings);
}

TEST_F(NamedTest, TheReferringUnitOfANewReferral) {
  const auto fill = [](v1::Referral& referral, const std::string& unit) {
    referral.mutable_referring()->set_unit(unit);
  };
  std::vector<Naming> namings;
  NameInNew("referral.referring.unit", kReferringBody, fill, namings);
  namings.push_back(NameInUpdate("referring.unit", "referral.referring.unit", kReferringBody, fill));
  ExpectUnitsLookedUp(namings);
}

TEST_F(NamedTest, TheOfferOfANewReferral) {
  const auto fill = [](v1::Referral& referral, const std::string& offer) { referral.set_offer(offer); };
  std::vector<Naming> namings;
  NameInNew("referral.offer", kReceivingBody, fill, namings);
  namings.push_back(NameInUpdate("offer", "referral.offer", kReceivingBody, fill));
  ExpectOffersLookedUp(namings);
}

TEST_F(NamedTest, TheUnitOfABodyThatIsToHaveTheCase) {
  const auto fill = [](auto& request, const std::string& unit) { request.set_unit(unit); };
  auto propose = On<v1::ProposeForwardRequest>(Acknowledged());
  propose.set_body(std::string(kThirdBody));
  auto duty = ToBody<v1::ForwardByDutyRequest>(Requested(), kThirdBody);
  duty.set_law("es/ley-40-2015/art-14");
  const auto hand_over = ToBody<v1::HandOverReferralRequest>(InProgress(), kThirdBody);
  ExpectUnitsLookedUp(
      {Name("propose", "unit", kThirdBody, receiver, &Stub::ProposeForward, propose, fill),
       Name("forward", "unit", kThirdBody, receiver, &Stub::ForwardByDuty, duty, fill),
       Name("hand over", "unit", kThirdBody, receiver, &Stub::HandOverReferral, hand_over, fill)});
}

TEST_F(NamedTest, TheOfferOfABodyThatIsToHaveTheCase) {
  const auto fill = [](auto& request, const std::string& offer) { request.set_offer(offer); };
  auto propose = On<v1::ProposeForwardRequest>(Acknowledged());
  propose.set_body(std::string(kThirdBody));
  const auto hand_over = ToBody<v1::HandOverReferralRequest>(InProgress(), kThirdBody);
  ExpectOffersLookedUp(
      {Name("propose", "offer", kThirdBody, receiver, &Stub::ProposeForward, propose, fill),
       Name("hand over", "offer", kThirdBody, receiver, &Stub::HandOverReferral, hand_over, fill)});
}

TEST_F(NamedTest, AUnitOfTheCallersOwnBody) {
  const auto fill = [](auto& request, const std::string& unit) { request.set_unit(unit); };
  const auto accept = On<v1::AcceptReferralRequest>(Requested());
  const auto assign = On<v1::AssignReferralRequest>(Requested());
  ExpectUnitsLookedUp(
      {Name("accept", "unit", kReceivingBody, receiver, &Stub::AcceptReferral, accept, fill),
       Name("assign", "unit", kReceivingBody, receiver, &Stub::AssignReferral, assign, fill),
       Name("assign", "unit", kReferringBody, referrer, &Stub::AssignReferral, assign, fill)});
}

TEST_F(NamedTest, TheDutyDeskThatAnsweredTheTelephone) {
  const auto in_referral = [](v1::Referral& referral, const std::string& unit) {
    referral.set_priority(v1::PRIORITY_EMERGENCY);
    MakeEmergency(referral);
    referral.mutable_telephone_handover()->set_unit(unit);
  };
  const auto in_request = [](auto& request, const std::string& unit) {
    MakeEmergency(request);
    request.mutable_telephone_handover()->set_unit(unit);
  };
  std::vector<Naming> namings;
  NameInNew("referral.telephone_handover.unit", kReceivingBody, in_referral, namings);
  namings.push_back(
      NameInUpdate("telephone_handover", "referral.telephone_handover.unit", kReceivingBody, in_referral));
  auto priority = On<v1::ChangePriorityRequest>(Acknowledged());
  priority.set_priority(v1::PRIORITY_EMERGENCY);
  priority.set_text("nowhere to sleep tonight");
  namings.push_back(Name("change priority", "telephone_handover.unit", kReceivingBody, receiver,
                         &Stub::ChangePriority, priority, in_request));
  auto duty = ToBody<v1::ForwardByDutyRequest>(Requested(), kThirdBody);
  duty.set_law("es/ley-40-2015/art-14");
  namings.push_back(Name("forward", "telephone_handover.unit", kThirdBody, receiver, &Stub::ForwardByDuty,
                         duty, in_request));
  namings.push_back(Name("hand over", "telephone_handover.unit", kThirdBody, receiver,
                         &Stub::HandOverReferral,
                         ToBody<v1::HandOverReferralRequest>(InProgress(), kThirdBody), in_request));
  for (const Naming& naming : namings) {
    ExpectInvalid(naming, naming.body == kThirdBody ? kThirdUnit : kReceivingUnit, "duty desk");
  }
  ExpectUnitsLookedUp(namings, directory::v1::UNIT_KIND_DUTY_DESK);
}

TEST_F(NamedTest, WhatClosedSinceTheDraftWasWrittenIsFoundWhenItIsSent) {
  v1::CreateReferralRequest draft = NewDraft();
  draft.mutable_referral()->set_offer(std::string(kOffer));
  draft.mutable_referral()->set_priority(v1::PRIORITY_EMERGENCY);
  MakeEmergency(*draft.mutable_referral());
  const auto submit = On<v1::SubmitReferralRequest>(Must(Do(referrer, &Stub::CreateReferral, draft)).name());
  const auto refused = [&](std::string_view reason, std::string_view key, std::string_view name) {
    const auto before = rig.Dump();
    const auto answer = Do(referrer, &Stub::SubmitReferral, submit);
    EXPECT_EQ(ReasonOf(answer), reason) << name;
    EXPECT_EQ(error::MetadataOf(answer.status(), key), name);
    EXPECT_TRUE(rig.Dump() == before) << name;
  };
  for (const std::string_view unit : {kReferringUnit, kReceivingUnit}) {
    SetUnit(unit, directory::v1::UNIT_STATUS_CLOSED);
    refused("UNIT_NOT_ACTIVE", "unit", unit);
    SetUnit(unit, directory::v1::UNIT_STATUS_ACTIVE);
  }
  // The desk that took the call may go home meanwhile.
  SetUnit(kDutyDesk, directory::v1::UNIT_STATUS_CLOSED, directory::v1::UNIT_KIND_DUTY_DESK);
  SetOffer(kOffer, kReceivingBody, directory::v1::OFFER_STATUS_TEMPORARILY_CLOSED);
  refused("OFFER_NOT_ACTIVE", "offer", kOffer);
  SetOffer(kOffer, kReceivingBody, directory::v1::OFFER_STATUS_ACTIVE);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, submit)), "OK");
}

TEST_F(NamedTest, WhatClosedSinceAForwardWasProposedIsFoundWhenItIsConfirmed) {
  auto propose = On<v1::ProposeForwardRequest>(Acknowledged());
  propose.set_body(std::string(kThirdBody));
  propose.set_unit(std::string(kThirdUnit));
  propose.set_offer(std::string(kThirdOffer));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  auto confirm = ToBody<v1::ConfirmForwardRequest>(propose.name(), kThirdBody);
  const auto confirming = [&] {
    const auto before = rig.Dump();
    const std::string reason = ReasonOf(Do(referrer, &Stub::ConfirmForward, confirm));
    EXPECT_EQ(rig.Dump() == before, reason != "OK") << reason;
    return reason;
  };
  SetUnit(kThirdUnit, directory::v1::UNIT_STATUS_CLOSED);
  EXPECT_EQ(confirming(), "UNIT_NOT_ACTIVE");
  SetUnit(kThirdUnit, directory::v1::UNIT_STATUS_ACTIVE);
  SetOffer(kThirdOffer, kThirdBody, directory::v1::OFFER_STATUS_DEFUNCT);
  EXPECT_EQ(confirming(), "OFFER_NOT_ACTIVE");
  SetOffer(kThirdOffer, kThirdBody, directory::v1::OFFER_STATUS_ACTIVE);
  MakeEmergency(confirm);
  EXPECT_EQ(confirming(), "INVALID_FIELD") << "a desk of another body";
  confirm.mutable_telephone_handover()->set_unit(std::string(kThirdDutyDesk));
  EXPECT_EQ(confirming(), "OK");
}

TEST_F(NamedTest, EverythingThatIsWrongIsToldAtOnce) {
  v1::SubmitReferralRequest request = NewReferral();
  v1::Referral& referral = *request.mutable_referral();
  referral.mutable_referring()->set_unit(base::Cat(kReferringBody, "/units/none"));
  referral.mutable_receiving()->set_unit(base::Cat(kReceivingBody, "/units/none"));
  referral.set_offer(std::string(kThirdOffer));
  const auto wrong = error::ViolationsOf(Do(referrer, &Stub::SubmitReferral, request).status());
  ASSERT_THAT(wrong, SizeIs(3));
  EXPECT_THAT(wrong[0], StartsWith("referral.referring.unit: "));
  EXPECT_THAT(wrong[1], StartsWith("referral.receiving.unit: "));
  EXPECT_THAT(wrong[2], StartsWith("referral.offer: "));
}

TEST_F(NamedTest, OnlyWhatAnUpdateNamesIsLookedUp) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  SetUnit(kReceivingUnit, directory::v1::UNIT_STATUS_CLOSED);
  v1::UpdateReferralRequest update;
  *update.mutable_referral() = CompleteReferral();
  update.mutable_referral()->set_name(name);
  update.mutable_referral()->set_offer("offers/none");
  update.mutable_update_mask()->add_paths("priority");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::UpdateReferral, update)), "OK");
}

TEST_F(NamedTest, AnOfferIsOfTheBodyThatAnUpdateLeadsTo) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(name);
  update.mutable_referral()->mutable_receiving()->set_body(std::string(kThirdBody));
  update.mutable_referral()->set_offer(std::string(kThirdOffer));
  update.mutable_update_mask()->add_paths("receiving");
  update.mutable_update_mask()->add_paths("offer");
  EXPECT_EQ(Must(Do(referrer, &Stub::UpdateReferral, update)).offer(), kThirdOffer);
}

TEST_F(NamedTest, ADraftMayNameAnOfferBeforeItNamesABody) {
  v1::CreateReferralRequest draft = NewDraft();
  draft.mutable_referral()->clear_receiving();
  draft.mutable_referral()->set_offer(std::string(kOffer));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CreateReferral, draft)), "OK");
}

TEST_F(NamedTest, ARepeatIsAnsweredAsBeforeWhateverHasClosedSince) {
  v1::SubmitReferralRequest submit = NewReferral();
  submit.mutable_referral()->set_offer(std::string(kOffer));
  submit.set_request_id("sent-before-it-closed");
  const std::string name = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_unit(std::string(kOtherReceivingUnit));
  assign.set_request_id("assigned-before-it-closed");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  SetUnit(kReceivingUnit, directory::v1::UNIT_STATUS_CLOSED);
  SetUnit(kOtherReceivingUnit, directory::v1::UNIT_STATUS_CLOSED);
  SetOffer(kOffer, kReceivingBody, directory::v1::OFFER_STATUS_DEFUNCT);
  const auto before = rig.Dump();
  EXPECT_EQ(Must(Do(referrer, &Stub::SubmitReferral, submit)).name(), name);
  EXPECT_EQ(Must(Do(receiver, &Stub::AssignReferral, assign)).name(), name);
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(NamedTest, WhoMayNotKnowOfAReferralLearnsNothingOfUnits) {
  auto assign = On<v1::AssignReferralRequest>(Requested());
  for (const std::string_view unit : {std::string_view("bodies/es-getafe/units/none"), kThirdUnit}) {
    assign.set_unit(std::string(unit));
    EXPECT_EQ(ReasonOf(Do(third, &Stub::AssignReferral, assign)), "NOT_FOUND");
  }
}

// A replica that has not been confirmed may lack what was registered since.
TEST_F(NamedTest, NothingIsRefusedOnTheWordOfAReplicaThatIsTooOld) {
  const std::string name = Requested();
  rig.clock().Advance(kMaxReplicaAge + absl::Microseconds(1));
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_unit(base::Cat(kReceivingBody, "/units/new"));
  EXPECT_EQ(Do(receiver, &Stub::AssignReferral, assign).status().code(), absl::StatusCode::kUnavailable);
  assign.set_unit(std::string(kThirdUnit));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AssignReferral, assign)), "INVALID_FIELD")
      << "for ever another body's";
  assign.set_unit(std::string(kOtherReceivingUnit));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AssignReferral, assign)), "OK") << "what it knows is taken";
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::CreateReferral, NewDraft())), "OK");
}

TEST_F(NamedTest, AfterItsProgrammeHasEndedAnOfferTakesNobody) {
  SetProgramme("programmes/rising", "2026-05-04");
  SetOfferOf("programmes/rising", kOffer, kReceivingBody);
  auto request = NewReferral();
  request.mutable_referral()->set_offer(std::string(kOffer));
  const std::string open = Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  auto draft = NewDraft();
  draft.mutable_referral()->set_offer(std::string(kOffer));
  const std::string written = Must(Do(referrer, &Stub::CreateReferral, draft)).name();

  rig.clock().Advance(absl::Hours(24));
  Refresh();
  const auto refused = Do(referrer, &Stub::SubmitReferral, request);
  ASSERT_EQ(ReasonOf(refused), "PROGRAMME_ENDED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "end_date"), "2026-05-04");
  EXPECT_EQ(error::MetadataOf(refused.status(), "programme"), "programmes/rising");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(written))),
            "PROGRAMME_ENDED");
  // What is open goes on.
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(open)));

  SetProgramme("programmes/rising", "");
  Must(Do(referrer, &Stub::SubmitReferral, request));
}

}  // namespace
}  // namespace waypost::referral
