// The offers of bodies that are no more, through gRPC: who keeps them, who reports on them, under whom they
// are found.
#include "services/directory/offer_inheritance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rig.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

template <typename Value>
Value Must(absl::StatusOr<Value> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::ToStd(value.status().ToString())));
  return *std::move(value);
}

template <typename Value>
std::string ReasonOf(const absl::StatusOr<Value>& value) {
  return value.ok() ? "OK" : error::ReasonOf(value.status());
}

// "11" is the predecessor, "22" and "33" are others; "offers/11" is of theme housing, in all of ES300.
class OfferInheritanceTest : public ::testing::Test, protected DirectoryRig {
 protected:
  OfferInheritanceTest() {
    for (const std::string id : {"11", "22", "33"}) {
      Make(id);
      supervisors_.push_back(rig.TokenOf(base::Cat("bodies/", id), {Role::kSupervisor}));
    }
  }
  const std::string& Of(int body) { return supervisors_[static_cast<size_t>(body - 1)]; }

  void Record(std::string_view text, std::string_view id = "decree") {
    v1::CreateSuccessionRequest request;
    request.set_succession_id(std::string(id));
    Merge(base::Cat("succession { predecessor: 'bodies/11' reference: 'Decreto' ", text, " }"), request);
    Must(Do(node_operator, &Stub::CreateSuccession, request));
  }
  void Merge12(std::string_view period = "start_date: '2026-01-01'") {
    Record(
        base::Cat("kind: SUCCESSION_KIND_MERGED shares { successor: 'bodies/22' } period { ", period, " }"));
  }
  void Dissolve() {
    auto request = Valid<v1::DissolveBodyRequest>("11");
    Must(Do(node_operator, &Stub::DissolveBody, request));
  }
  void HandOn() {
    for (int i = 0; i < 1000; ++i) {
      if (!Must(inheritance_.Step(rig.clock().Now()))) return;
    }
    ADD_FAILURE() << "it does not end";
  }
  std::string Add(const std::string& id, std::string_view fields) {
    auto request = Valid<v1::CreateOfferRequest>("11");
    request.set_offer_id(id);
    request.mutable_offer()->clear_territories();
    Merge(base::Cat("offer { ", fields, " }"), request);
    return Must(Do(Of(1), &Stub::CreateOffer, request)).name();
  }
  std::string ProviderOf(std::string_view offer) {
    v1::GetOfferRequest request;
    request.set_name(std::string(offer));
    return Must(Do(node_operator, &Stub::GetOffer, request)).provider();
  }
  std::vector<std::string> OffersOf(std::string_view body) {
    v1::ListOffersRequest request;
    request.set_provider(std::string(body));
    std::vector<std::string> names;
    const auto page = Must(Do(node_operator, &Stub::ListOffers, request));
    for (const auto& offer : page.offers()) names.push_back(offer.name());
    return names;
  }
  std::vector<std::string> TasksOf(int body) {
    v1::ListDirectoryTasksRequest request;
    request.set_body(base::Cat("bodies/", body, body));
    std::vector<std::string> resources;
    const auto page = Must(Do(Of(body), &Stub::ListDirectoryTasks, request));
    for (const auto& task : page.tasks()) resources.push_back(task.resource());
    return resources;
  }
  // The body that "offers/11" is proposed under, and in whose place that one stands.
  std::vector<std::string> Route() {
    const auto answer = Must(Do(node_operator, &Stub::ResolveRoute, Valid<v1::ResolveRouteRequest>("11")));
    std::vector<std::string> found;
    for (const v1::RouteCandidate& candidate : answer.candidates()) {
      if (candidate.offer() != "offers/11") continue;
      found.push_back(candidate.body());
      for (const v1::RouteReason& reason : candidate.reasons()) {
        if (reason.code() == v1::ROUTE_REASON_CODE_SUCCEEDED) found.push_back(reason.subject());
      }
    }
    return found;
  }
  std::string Update(int by) {
    return ReasonOf(Do(Of(by), &Stub::UpdateOffer, Valid<v1::UpdateOfferRequest>("11")));
  }
  std::string Report(int by) {
    return ReasonOf(Do(Of(by), &Stub::ReportCapacity, Valid<v1::ReportCapacityRequest>("11")));
  }

  std::vector<std::string> supervisors_;
  OfferInheritance inheritance_{rig.env()};
};

TEST_F(OfferInheritanceTest, TheSuccessorKeepsItReportsOnItAndHasItsTasks) {
  EXPECT_THAT(TasksOf(1), Contains("offers/11"));
  Merge12();
  Dissolve();
  EXPECT_EQ(Report(2), "NOT_ALLOWED");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/22");
  EXPECT_EQ(Update(2), "OK");
  EXPECT_EQ(Report(2), "OK");
  EXPECT_EQ(Update(1), "NOT_ALLOWED");
  EXPECT_EQ(Report(3), "NOT_ALLOWED");
  EXPECT_THAT(TasksOf(2), Contains("offers/11"));
  EXPECT_THAT(OffersOf("bodies/11"), IsEmpty());
  EXPECT_THAT(OffersOf("bodies/22"), UnorderedElementsAre("offers/11", "offers/22"));
  v1::ExportOffersRequest exported;
  exported.set_provider("bodies/22");
  EXPECT_EQ(Must(Do(Of(2), &Stub::ExportOffers, exported)).offers_size(), 2);
  const auto events = rig.Events();
  const auto inherited = std::find_if(events.begin(), events.end(), [](const event::v1::Event& event) {
    return event.type() == "directory.offer_inherited";
  });
  ASSERT_NE(inherited, events.end());
  EXPECT_EQ(inherited->resource(), "offers/11");
  EXPECT_EQ(inherited->revision(), 2);
  EXPECT_THAT(inherited->parties(), ElementsAre("bodies/11", "bodies/22"));
}

TEST_F(OfferInheritanceTest, NothingGoesBeforeItsDay) {
  Merge12("start_date: '2027-01-16'");  // the day after that of the rig
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11");
  rig.clock().Advance(absl::Hours(24));
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/22");
}

TEST_F(OfferInheritanceTest, ATakenBackSuccessionHandsNothingOn) {
  Merge12("start_date: '2025-01-01' end_date: '2025-02-01'");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11");
  EXPECT_EQ(Update(1), "OK");
}

TEST_F(OfferInheritanceTest, BySplitEachGoesByItsThemeAndFirstTerritory) {
  const std::string south = Add("south", "territories: 'ES300/1' territories: 'ES300/9'");
  const std::string north = Add("north", "territories: 'ES300/2'");
  const std::string east = Add("east", "territories: 'ES300/3'");
  Record(
      "kind: SUCCESSION_KIND_SPLIT shares { successor: 'bodies/22' territories: 'ES300/1' } "
      "shares { successor: 'bodies/33' territories: 'ES300/2' } period { start_date: '2026-01-01' }");
  HandOn();
  EXPECT_EQ(ProviderOf(south), "bodies/22");
  EXPECT_EQ(ProviderOf(north), "bodies/33");
  EXPECT_EQ(ProviderOf(east), "bodies/11") << "nobody took it over";
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11") << "it is wider than any share";
}

TEST_F(OfferInheritanceTest, WhereACompetenceMovedTheOffersStay) {
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "period { start_date: '2026-01-01' }");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11");
  EXPECT_EQ(Report(1), "OK");
}

TEST_F(OfferInheritanceTest, UnlessItIsSaidThatThoseOfItGo) {
  const std::string youth = Add("youth", "theme: THEME_YOUTH territories: 'ES300'");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "offers_follow: true period { start_date: '2027-01-16' }");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11") << "before its day";
  rig.clock().Advance(absl::Hours(24));
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/22");
  EXPECT_EQ(ProviderOf(youth), "bodies/11") << "that did not move";
  EXPECT_EQ(Report(2), "OK");
  EXPECT_EQ(Report(1), "NOT_ALLOWED");
  EXPECT_EQ(Update(2), "OK");
  EXPECT_THAT(OffersOf("bodies/11"), ElementsAre(youth));
  EXPECT_THAT(OffersOf("bodies/22"), UnorderedElementsAre("offers/11", "offers/22"));
}

TEST_F(OfferInheritanceTest, ThoseOfACompetenceGoByTheirFirstTerritory) {
  const std::string south = Add("south", "territories: 'ES300/1' territories: 'ES300/9'");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' territories: 'ES300/1' } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  HandOn();
  EXPECT_EQ(ProviderOf(south), "bodies/22");
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/11") << "it is wider than what moved";
}

TEST_F(OfferInheritanceTest, WhatANarrowerOneKeptGoesWhenThatEnds) {
  const std::string south = Add("south", "territories: 'ES300/1'");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/33' themes: THEME_HOUSING "
      "territories: 'ES300/1' } period { start_date: '2026-01-01' }",
      "narrow");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/22");
  EXPECT_EQ(ProviderOf(south), "bodies/11");
  v1::EndSuccessionRequest end;
  end.set_name("successions/narrow");
  end.set_end_date("2027-01-15");  // that of the rig
  Must(Do(node_operator, &Stub::EndSuccession, end));
  HandOn();
  EXPECT_EQ(ProviderOf(south), "bodies/11") << "its last day";
  rig.clock().Advance(absl::Hours(24));
  HandOn();
  EXPECT_EQ(ProviderOf(south), "bodies/22");
}

TEST_F(OfferInheritanceTest, SoDoesWhatOneKeptWhoseEndWasKnownFromTheFirst) {
  const std::string south = Add("south", "territories: 'ES300/1'");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/33' themes: THEME_HOUSING "
      "territories: 'ES300/1' } period { start_date: '2026-01-01' end_date: '2027-01-15' }",
      "narrow");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "offers_follow: true period { start_date: '2026-06-01' }");
  HandOn();
  EXPECT_EQ(ProviderOf("offers/11"), "bodies/22");
  EXPECT_EQ(ProviderOf(south), "bodies/11");
  rig.clock().Advance(absl::Hours(24));
  HandOn();
  EXPECT_EQ(ProviderOf(south), "bodies/22");
}

TEST_F(OfferInheritanceTest, NothingNewIsOfferedOfACompetenceWhoseOffersWent) {
  Add("youth", "theme: THEME_YOUTH territories: 'ES300'");
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  HandOn();
  auto create = Valid<v1::CreateOfferRequest>("11");
  const auto refused = Do(Of(1), &Stub::CreateOffer, create);
  EXPECT_EQ(ReasonOf(refused), "INVALID_FIELD");
  EXPECT_THAT(error::ViolationsOf(refused.status()), ElementsAre(::testing::HasSubstr("bodies/22")));
  const auto imported = Must(Do(node_operator, &Stub::ImportOffers, Valid<v1::ImportOffersRequest>("11")));
  ASSERT_EQ(imported.results_size(), 1);
  EXPECT_THAT(imported.results(0).failure().message(), ::testing::HasSubstr("bodies/22"));
  create.mutable_offer()->set_theme(type::v1::THEME_EDUCATION);
  EXPECT_EQ(ReasonOf(Do(Of(1), &Stub::CreateOffer, create)), "OK") << "of what stayed";
  // Nor does one that it has come to be of it.
  v1::UpdateOfferRequest update;
  Merge("offer { name: 'offers/youth' theme: THEME_HOUSING } update_mask { paths: 'theme' }", update);
  const auto moved = Do(Of(1), &Stub::UpdateOffer, update);
  EXPECT_THAT(error::ViolationsOf(moved.status()), ElementsAre(::testing::StartsWith("offer.theme: ")));
  update.mutable_offer()->set_theme(type::v1::THEME_EDUCATION);
  EXPECT_EQ(ReasonOf(Do(Of(1), &Stub::UpdateOffer, update)), "OK");
}

TEST_F(OfferInheritanceTest, NorIsAnOfferBroughtToWhereOneWent) {
  const std::string north = Add("north", "territories: 'ES300/2'");
  auto import = Valid<v1::ImportOffersRequest>("11");
  import.mutable_offers(0)->set_offer_id("listed");
  import.mutable_offers(0)->mutable_offer()->clear_territories();
  import.mutable_offers(0)->mutable_offer()->add_territories("ES300/2");
  const auto first = Must(Do(node_operator, &Stub::ImportOffers, import));
  ASSERT_EQ(first.results(0).outcome(), v1::IMPORT_OUTCOME_CREATED);
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' territories: 'ES300/1' } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  HandOn();
  v1::UpdateOfferRequest update;
  Merge("offer { name: 'offers/north' territories: 'ES300/1' } update_mask { paths: 'territories' }", update);
  const auto moved = Do(Of(1), &Stub::UpdateOffer, update);
  EXPECT_THAT(error::ViolationsOf(moved.status()), ElementsAre(::testing::StartsWith("offer.territories: ")));
  update.mutable_offer()->set_territories(0, "ES300/3");
  EXPECT_EQ(ReasonOf(Do(Of(1), &Stub::UpdateOffer, update)), "OK");
  EXPECT_EQ(ProviderOf(north), "bodies/11");
  // An import says the same of each row, and changes nothing.
  import.mutable_offers(0)->mutable_offer()->set_territories(0, "ES300/1");
  import.clear_request_id();
  const auto imported = Must(Do(node_operator, &Stub::ImportOffers, import));
  ASSERT_EQ(imported.results_size(), 1);
  EXPECT_THAT(imported.results(0).failure().message(), ::testing::HasSubstr("bodies/22"));
  v1::GetOfferRequest get;
  get.set_name("offers/listed");
  const v1::Offer listed = Must(Do(node_operator, &Stub::GetOffer, get));
  EXPECT_EQ(listed.provider(), "bodies/11");
  EXPECT_THAT(listed.territories(), ElementsAre("ES300/2"));
}

TEST_F(OfferInheritanceTest, ItGoesOnToTheEndOfTheChainAndFurther) {
  Merge12();
  HandOn();
  v1::CreateSuccessionRequest further;
  further.set_succession_id("further");
  Merge(
      "succession { predecessor: 'bodies/22' reference: 'Decreto' kind: SUCCESSION_KIND_MERGED "
      "shares { successor: 'bodies/33' } period { start_date: '2026-02-01' } }",
      further);
  Must(Do(node_operator, &Stub::CreateSuccession, further));
  HandOn();
  EXPECT_THAT(OffersOf("bodies/33"), UnorderedElementsAre("offers/11", "offers/22", "offers/33"));
}

TEST_F(OfferInheritanceTest, ManyGoStepByStepAndBegunAgainNothingTwice) {
  for (int i = 0; i < 3 * kOffersInheritedInStep; ++i) Add(base::Cat("many-", i), "territories: 'ES300'");
  Merge12();
  for (int i = 0; i < 1000; ++i) {
    OfferInheritance anew(rig.env());
    if (!Must(anew.Step(rig.clock().Now()))) break;
  }
  EXPECT_THAT(OffersOf("bodies/11"), IsEmpty());
  v1::GetOfferRequest request;
  request.set_name("offers/many-0");
  EXPECT_EQ(Must(Do(node_operator, &Stub::GetOffer, request)).etag(), api::EtagOf(2));
}

TEST_F(OfferInheritanceTest, NobodyGivesTheBodyANewOffer) {
  Merge12();
  HandOn();
  auto create = Valid<v1::CreateOfferRequest>("11");
  EXPECT_EQ(ReasonOf(Do(Of(1), &Stub::CreateOffer, create)), "INVALID_FIELD");
  const auto imported = Must(Do(node_operator, &Stub::ImportOffers, Valid<v1::ImportOffersRequest>("11")));
  ASSERT_EQ(imported.results_size(), 1);
  EXPECT_EQ(imported.results(0).outcome(), v1::IMPORT_OUTCOME_REFUSED);
  EXPECT_THAT(imported.results(0).failure().message(), ::testing::HasSubstr("bodies/22"));
}

TEST_F(OfferInheritanceTest, ARouteProposesItUnderTheSuccessorAndSaysWhoseItWas) {
  Merge12();
  EXPECT_THAT(Route(), IsEmpty()) << "until it was handed on";
  HandOn();
  EXPECT_THAT(Route(), ElementsAre("bodies/22", "bodies/11"));
}

TEST_F(OfferInheritanceTest, OneOfAMovedCompetenceToo) {
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  EXPECT_THAT(Route(), IsEmpty()) << "until it was handed on";
  HandOn();
  EXPECT_THAT(Route(), ElementsAre("bodies/22", "bodies/11"));
}

TEST_F(OfferInheritanceTest, OneThatIsWiderThanWhatMovedIsProposedAsBefore) {
  Record(
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' territories: 'ES300/28058' } "
      "offers_follow: true period { start_date: '2026-01-01' }");
  EXPECT_THAT(Route(), ElementsAre("bodies/11"));
  HandOn();
  EXPECT_THAT(Route(), ElementsAre("bodies/11"));
}

}  // namespace
}  // namespace waypost::directory
