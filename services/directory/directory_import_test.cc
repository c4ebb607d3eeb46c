// Imports through gRPC: each row stands for itself, repeating changes nothing, and what the register of
// territories does not have is refused once it is complete.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rig.h"
#include "services/directory/import_rules.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT: the rig of this room
using policy::Role;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<v1::ImportOutcome> Outcomes(const google::protobuf::RepeatedPtrField<v1::ImportResult>& results) {
  std::vector<v1::ImportOutcome> outcomes;
  for (const v1::ImportResult& result : results) {
    outcomes.push_back(result.outcome());
    EXPECT_EQ(result.has_failure(), result.outcome() == v1::IMPORT_OUTCOME_REFUSED);
  }
  return outcomes;
}

constexpr auto kCreated = v1::IMPORT_OUTCOME_CREATED;
constexpr auto kUpdated = v1::IMPORT_OUTCOME_UPDATED;
constexpr auto kUnchanged = v1::IMPORT_OUTCOME_UNCHANGED;
constexpr auto kRefused = v1::IMPORT_OUTCOME_REFUSED;

class DirectoryImport : public ::testing::Test, protected DirectoryRig {
 protected:
  DirectoryImport() {
    Make("100");
    Make("200");
  }

  static v1::OfferToImport Row(const std::string& id, std::string_view more = "") {
    v1::OfferToImport row = Valid<v1::ImportOffersRequest>("100").offers(0);
    row.set_offer_id(id);
    row.mutable_offer()->mutable_source()->set_id(id);
    Merge(more, row);
    return row;
  }

  absl::StatusOr<v1::ImportOffersResponse> Import(const std::vector<v1::OfferToImport>& rows,
                                                  const std::string& token = "") {
    v1::ImportOffersRequest request;
    for (const auto& row : rows) *request.add_offers() = row;
    return Do(token.empty() ? node_operator : token, &Stub::ImportOffers, request);
  }

  std::vector<v1::ImportOutcome> OutcomesOf(const std::vector<v1::OfferToImport>& rows) {
    const auto response = Import(rows);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? Outcomes(response->results()) : std::vector<v1::ImportOutcome>();
  }

  // The only violation of the only row, which is refused.
  std::string Violation(const v1::OfferToImport& row) {
    const auto response = Import({row});
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok() || response->results(0).outcome() != kRefused) return "";
    const v1::ImportFailure& failure = response->results(0).failure();
    EXPECT_EQ(failure.reason(), "INVALID_FIELD");
    EXPECT_EQ(failure.violations_size(), 1) << failure.message();
    return base::Cat(failure.violations(0).field(), " ", failure.violations(0).description());
  }

  v1::Offer Offer(const std::string& id) {
    v1::GetOfferRequest request;
    request.set_name(base::Cat("offers/", id));
    const auto offer = Do(node_operator, &Stub::GetOffer, request);
    EXPECT_TRUE(offer.ok()) << offer.status();
    return offer.value_or(v1::Offer());
  }

  std::vector<v1::ExportedOffer> Export(int page_size) {
    std::vector<v1::ExportedOffer> all;
    v1::ExportOffersRequest request;
    request.set_page_size(page_size);
    request.set_provider("bodies/100");
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = Do(node_operator, &Stub::ExportOffers, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return all;
      EXPECT_LE(page->offers_size(), page_size);
      all.insert(all.end(), page->offers().begin(), page->offers().end());
      request.set_page_token(page->next_page_token());
      if (page->next_page_token().empty()) break;
    }
    return all;
  }

  // Registers units below ES, which the rig has.
  absl::StatusOr<v1::ImportTerritoriesResponse> Register(const std::vector<std::string>& codes,
                                                         const std::vector<std::string>& complete = {}) {
    v1::ImportTerritoriesRequest request;
    for (const std::string& code : codes) {
      v1::Territory& territory = *request.add_territories();
      territory.set_code(code);
      territory.set_display_name(base::Cat("name of ", code));
      const size_t slashes = static_cast<size_t>(std::count(code.begin(), code.end(), '/'));
      territory.set_level(static_cast<int32_t>(slashes == 0 ? code.size() - 2 : 3 + slashes));
      territory.set_version("NUTS 2013");
      territory.set_valid_from("2015-01-01");
    }
    for (const std::string& country : complete) request.add_complete_countries(country);
    return Do(node_operator, &Stub::ImportTerritories, request);
  }
};

// --- Offers -----------------------------------------------------------------------------------------

TEST_F(DirectoryImport, OneBadRowStopsNoOther) {
  const auto response = Import({Row("good-1"), Row("bad-1", "offer { territories: 'nowhere' }"), Row("B A D"),
                                Row("bad-2", "offer { provider: 'bodies/absent' }"),
                                Row("bad-3", "offer { programme: 'programmes/absent' }"), Row("good-2")});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(Outcomes(response->results()),
              ElementsAre(kCreated, kRefused, kRefused, kRefused, kRefused, kCreated));
  EXPECT_EQ(response->results(1).failure().violations(0).field(), "offer.territories[1]");
  EXPECT_EQ(response->results(2).failure().violations(0).field(), "offer_id");
  EXPECT_EQ(response->results(3).failure().violations(0).field(), "offer.provider");
  EXPECT_EQ(response->results(4).failure().violations(0).field(), "offer.programme");
  EXPECT_EQ(Offer("good-2").source().id(), "good-2");
  EXPECT_EQ(rig.Events().back().type(), "directory.offer_created");
  EXPECT_EQ(rig.Events().back().resource(), "offers/good-2");
  EXPECT_THAT(rig.Events().back().parties(), ElementsAre("bodies/es-node", "bodies/100"));
}

TEST_F(DirectoryImport, RepeatingChangesNothingAndWhatDiffersIsUpdated) {
  EXPECT_THAT(OutcomesOf({Row("a1"), Row("b1")}), ElementsAre(kCreated, kCreated));
  const auto events = rig.Events().size();
  rig.clock().Advance(absl::Hours(1));
  EXPECT_THAT(OutcomesOf({Row("a1"), Row("b1"), Row("c1")}), ElementsAre(kUnchanged, kUnchanged, kCreated));
  EXPECT_EQ(rig.Events().size(), events + 1);
  const v1::Offer before = Offer("a1");
  auto changed = Row("a1", "offer { languages: 'ar' }");
  auto only_content = Row("b1");
  only_content.set_source_content(R"({"url":"https://y.eu"})");
  EXPECT_THAT(OutcomesOf({changed, only_content}), ElementsAre(kUpdated, kUpdated));
  EXPECT_THAT(Offer("a1").languages(), ElementsAre("ar"));
  EXPECT_NE(Offer("a1").etag(), before.etag());
  EXPECT_EQ(Offer("a1").create_time().seconds(), before.create_time().seconds());
  EXPECT_EQ(rig.Events().back().type(), "directory.offer_updated");
  EXPECT_THAT(OutcomesOf({changed, only_content}), ElementsAre(kUnchanged, kUnchanged));
}

TEST_F(DirectoryImport, LeavesWhatPeopleHereKeep) {
  EXPECT_THAT(OutcomesOf({Row("a1")}), ElementsAre(kCreated));
  v1::UpdateOfferRequest update;
  Merge(
      "offer { name: 'offers/a1' review_date: '2027-01-01' groups { group_id: 'all' capacity { places: 3 "
      "free: 1 "
      "} } schedule { text { key: 'es' value: 'lunes' } original_language: 'es' } } "
      "update_mask { paths: 'review_date' paths: 'groups' paths: 'schedule' }",
      update);
  ASSERT_TRUE(Do(rig.TokenOf("bodies/100", {Role::kSupervisor}), &Stub::UpdateOffer, update).ok());
  EXPECT_THAT(OutcomesOf({Row("a1")}), ElementsAre(kUnchanged));
  EXPECT_THAT(OutcomesOf({Row("a1", "offer { languages: 'ar' }")}), ElementsAre(kUpdated));
  const v1::Offer after = Offer("a1");
  EXPECT_EQ(after.review_date(), "2027-01-01");
  EXPECT_EQ(after.groups(0).capacity().free(), 1);
  EXPECT_EQ(after.schedule().text().at("es"), "lunes");
}

TEST_F(DirectoryImport, PlacesKeepTheTimeAtWhichTheyWereReported) {
  constexpr char kGroups[] =
      "offer { kind: OFFER_KIND_ENROLMENT groups { group_id: 'alpha' permanent: true "
      "capacity { places: 12 free: 3 waiting: 4 update_time { seconds: 1000 } } } "
      "groups { group_id: 'beta' permanent: true capacity { places: 5 free: 5 } } }";
  v1::OfferToImport row = Row("a1");
  row.mutable_offer()->clear_groups();
  Merge(kGroups, row);
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kCreated));
  const v1::Offer offer = Offer("a1");
  ASSERT_EQ(offer.groups_size(), 2);
  EXPECT_EQ(offer.groups(0).capacity().update_time().seconds(), 1000);
  EXPECT_EQ(offer.groups(0).capacity().waiting(), 4);
  EXPECT_GT(offer.groups(1).capacity().update_time().seconds(), 1000);  // none was given: now
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kUnchanged));

  row.set_offer_id("a2");
  row.mutable_offer()->mutable_source()->set_id("a2");
  row.mutable_offer()->mutable_groups(0)->mutable_capacity()->mutable_update_time()->set_seconds(
      250'000'000'000);
  EXPECT_EQ(Violation(row), "offer.groups[0].capacity.update_time lies in the future");
}

TEST_F(DirectoryImport, AnOfferOfAnotherRecordIsNeverTakenOver) {
  EXPECT_THAT(OutcomesOf({Row("a1")}), ElementsAre(kCreated));
  auto other_system = Row("a1");
  other_system.mutable_offer()->mutable_source()->set_system("https://other.eu");
  const auto refused = Import({other_system, Row("100")});  // the second was made by hand
  ASSERT_TRUE(refused.ok());
  EXPECT_THAT(Outcomes(refused->results()), ElementsAre(kRefused, kRefused));
  for (const auto& result : refused->results()) EXPECT_EQ(result.failure().reason(), "ALREADY_EXISTS");
}

TEST_F(DirectoryImport, ProviderAndKindStay) {
  EXPECT_THAT(OutcomesOf({Row("a1")}), ElementsAre(kCreated));
  EXPECT_THAT(Violation(Row("a1", "offer { provider: 'bodies/200' }")),
              "offer.provider cannot be changed: the offer is of bodies/100");
  EXPECT_THAT(
      Violation(Row("a1", "offer { kind: OFFER_KIND_ENROLMENT groups { group_id: 'a' permanent: true } }")),
      "offer.kind cannot be changed");
}

TEST_F(DirectoryImport, ADefunctOfferMayBeRepeatedAndNotChanged) {
  const auto defunct = Row("a1", "offer { status: OFFER_STATUS_DEFUNCT }");
  EXPECT_THAT(OutcomesOf({defunct}), ElementsAre(kCreated));
  EXPECT_THAT(OutcomesOf({defunct}), ElementsAre(kUnchanged));
  const auto response = Import({Row("a1")});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->results(0).failure().reason(), "INVALID_TRANSITION");
}

TEST_F(DirectoryImport, ADissolvedBodyTakesNothing) {
  ASSERT_TRUE(Do(node_operator, &Stub::DissolveBody, Valid<v1::DissolveBodyRequest>("100")).ok());
  const auto response = Import({Row("a1")});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->results(0).failure().reason(), "INVALID_TRANSITION");
}

TEST_F(DirectoryImport, ChecksTheSource) {
  auto row = Row("a1");
  row.mutable_offer()->mutable_source()->clear_system();
  EXPECT_THAT(Violation(row), "offer.source.system is required");
  row = Row("a1");
  row.mutable_offer()->mutable_source()->clear_id();
  EXPECT_THAT(Violation(row), "offer.source.id is required");
  EXPECT_THAT(Violation(Row("a1", base::Cat("offer { source { id: '", std::string(201, 'x'), "' } }"))),
              "offer.source.id is longer than 200 bytes");
  for (const std::string_view content : {"[]", "{", "{}{}", "1", "{'a':1}", " "}) {
    row = Row("a1");
    row.set_source_content(std::string(content));
    EXPECT_EQ(Violation(row), "source_content is not a JSON object") << content;
  }
  row.set_source_content(base::Cat(R"({"a":")", std::string(kMaxSourceContentBytes - 8, 'x'), R"("})"));
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kCreated));
  row.set_source_content(base::Cat(R"({"a":")", std::string(kMaxSourceContentBytes - 7, 'x'), R"("})"));
  EXPECT_EQ(Violation(row), "source_content is longer than 32768 bytes");
}

TEST_F(DirectoryImport, OnlyAnImportSetsTheSource) {
  auto request = Valid<v1::CreateOfferRequest>("100");
  Merge("offer { source { system: 'https://x.eu' id: '7' } }", request);
  const auto made = Do(rig.TokenOf("bodies/100", {Role::kSupervisor}), &Stub::CreateOffer, request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->has_source());
}

TEST_F(DirectoryImport, ASupervisorImportsForTheOwnBodyAloneAndNothingIsDoneOtherwise) {
  const std::string supervisor = rig.TokenOf("bodies/100", {Role::kSupervisor});
  EXPECT_TRUE(Import({Row("a1")}, supervisor).ok());
  const auto before = rig.Dump();
  const auto refused = Import({Row("b1"), Row("c1", "offer { provider: 'bodies/200' }")}, supervisor);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(DirectoryImport, ARepeatedCallGetsTheFirstAnswer) {
  v1::ImportOffersRequest request;
  *request.add_offers() = Row("a1");
  request.set_request_id("import-0001");
  for (int i = 0; i < 2; ++i) {
    const auto response = Do(node_operator, &Stub::ImportOffers, request);
    ASSERT_TRUE(response.ok());
    EXPECT_THAT(Outcomes(response->results()), ElementsAre(kCreated));
  }
}

TEST_F(DirectoryImport, FitsIntoATransactionWhateverTheOffersHave) {
  const auto places = [](int from, int count) {
    std::string text = "offer { ";
    for (int i = 0; i < count; ++i) text += base::Cat("territories: 'PT100/", from + i, "' ");
    return text + "}";
  };
  std::vector<v1::OfferToImport> rows;
  for (int i = 0; i < 15; ++i) rows.push_back(Row(base::Cat("many-", i), places(1000, 199)));
  EXPECT_THAT(OutcomesOf(rows), ::testing::Each(kCreated));
  for (auto& row : rows) {
    row.mutable_offer()->clear_territories();
    Merge(places(5000, 200), row);
  }
  EXPECT_THAT(OutcomesOf(rows), ::testing::Each(kUpdated));
  rows.push_back(Row("one-more"));
  const auto refused = Import(rows);
  EXPECT_THAT(error::ViolationsOf(refused.status()),
              ElementsAre("offers: name more than 3000 territories: send fewer"));
}

TEST_F(DirectoryImport, ExportGivesEveryOfferOnceWithWhatItsRecordSaysBesides) {
  std::vector<v1::OfferToImport> rows;
  for (int i = 0; i < 7; ++i) {
    rows.push_back(Row(base::Cat("x-", i)));
    rows.back().set_source_content(base::Cat(R"({"n":)", i, "}"));
  }
  EXPECT_THAT(OutcomesOf(rows), ::testing::Each(kCreated));
  for (const int page_size : {1, 3, 500}) {
    const auto all = Export(page_size);
    ASSERT_EQ(all.size(), 8u);  // and offers/100, made by hand
    EXPECT_EQ(all[0].offer().name(), "offers/100");
    EXPECT_EQ(all[0].source_content(), "");
    for (size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(all[i + 1].offer().name(), base::Cat("offers/x-", i));
      EXPECT_EQ(all[i + 1].source_content(), base::Cat(R"({"n":)", i, "}"));
    }
  }
}

TEST_F(DirectoryImport, TheFeedHasImportedOffersWithoutTheirContent) {
  auto row = Row("a1");
  row.set_source_content(R"({"secret-looking":"words"})");
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kCreated));
  v1::ListChangesRequest request;
  request.set_page_size(500);
  const auto changes = Do(node_operator, &Stub::ListChanges, request);
  ASSERT_TRUE(changes.ok());
  EXPECT_EQ(changes->changes().rbegin()->offer().source().id(), "a1");
  EXPECT_EQ(changes->SerializeAsString().find("secret-looking"), std::string::npos);
}

// --- Territories ------------------------------------------------------------------------------------

TEST_F(DirectoryImport, TerritoriesAreRecordedOnceAndListedByParent) {
  const auto first = Register({"ES1", "ES11", "ES111", "ES12", "ES111/15001", "ESZ"});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Outcomes(first->results()), ::testing::Each(kCreated));
  EXPECT_EQ(rig.Events().back().type(), "directory.territory_recorded");
  EXPECT_EQ(rig.Events().back().resource(), "territories/ESZ");
  const auto events = rig.Events().size();
  EXPECT_THAT(Outcomes(Register({"ES1", "ES11"})->results()), ElementsAre(kUnchanged, kUnchanged));
  EXPECT_EQ(rig.Events().size(), events);

  const auto codes = [this](const std::string& parent) {
    std::vector<std::string> all;
    v1::ListTerritoriesRequest request;
    request.set_parent(parent);
    request.set_page_size(1);
    do {
      const auto page = Do(node_operator, &Stub::ListTerritories, request);
      if (!page.ok()) break;
      for (const auto& unit : page->territories()) all.push_back(unit.code());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return all;
  };
  EXPECT_THAT(codes(""), ElementsAre("ES", "PT"));
  EXPECT_THAT(codes("ES"), ElementsAre("ES1", "ESZ"));
  EXPECT_THAT(codes("ES1"), ElementsAre("ES11", "ES12"));
  EXPECT_THAT(codes("ES111"), ElementsAre("ES111/15001"));
  v1::GetTerritoryRequest get;
  get.set_code("ESZ");
  const auto extra = Do(node_operator, &Stub::GetTerritory, get);
  ASSERT_TRUE(extra.ok());
  EXPECT_TRUE(extra->extra_regio());
  EXPECT_EQ(extra->display_name(), "name of ESZ");
  get.set_code("ES2");
  EXPECT_EQ(Do(node_operator, &Stub::GetTerritory, get).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DirectoryImport, ATerritoryRowIsCheckedForItself) {
  v1::ImportTerritoriesRequest request;
  Merge(
      "territories { code: 'ES1' display_name: 'a' level: 1 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'ES2' display_name: 'a' level: 2 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'ES31' display_name: 'a' level: 2 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'es4' display_name: 'a' level: 1 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'EU' display_name: 'a' version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'ES5' display_name: 'a ' level: 1 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'ES6' level: 1 version: 'v' valid_from: '2015-01-01' } "
      "territories { code: 'ES7' display_name: 'a' level: 1 valid_from: '2015-01-01' } "
      "territories { code: 'ES8' display_name: 'a' level: 1 version: 'v' valid_from: '2015-02-30' }",
      request);
  const auto response = Do(node_operator, &Stub::ImportTerritories, request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results(0).outcome(), kCreated);
  const std::vector<std::string> fields = {"level",        "code",         "code",    "code",
                                           "display_name", "display_name", "version", "valid_from"};
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(response->results(i + 1).failure().violations(0).field(), fields[static_cast<size_t>(i)]) << i;
  }
}

TEST_F(DirectoryImport, ALaterClassificationCountsAndAnEarlierDoesNot) {
  ASSERT_TRUE(Register({"ES1"}).ok());
  v1::ImportTerritoriesRequest later;
  Merge(
      "territories { code: 'ES1' display_name: 'b' level: 1 version: 'NUTS 2021' valid_from: '2021-01-01' }",
      later);
  EXPECT_THAT(Outcomes(Do(node_operator, &Stub::ImportTerritories, later)->results()), ElementsAre(kUpdated));
  const auto earlier = Register({"ES1"});
  ASSERT_TRUE(earlier.ok());
  EXPECT_EQ(earlier->results(0).failure().violations(0).field(), "valid_from");
}

TEST_F(DirectoryImport, BeforeTheRegisterIsCompleteOnlyTheFormCounts) {
  ASSERT_TRUE(Register({"ES1"}).ok());
  EXPECT_THAT(OutcomesOf({Row("a1", "offer { territories: 'ES999' }")}), ElementsAre(kCreated));
}

TEST_F(DirectoryImport, OnceItIsCompleteWhatIsNotInItIsRefusedWhereverItIsNamed) {
  ASSERT_TRUE(Register({"ES3", "ES30", "ES300"}, {"ES"}).ok());
  EXPECT_EQ(rig.Events().back().type(), "directory.territory_register_completed");
  EXPECT_THAT(OutcomesOf({Row("a1")}), ElementsAre(kCreated));
  EXPECT_EQ(Violation(Row("a2", "offer { territories: 'ES999' }")),
            "offer.territories[1] 'ES999' is not in the register of territories");
  EXPECT_EQ(
      Violation(Row("a2", "offer { eligibility { all_of { rules { residence { territories: 'ES9' } } } } }")),
      "offer.eligibility 'ES9' is not in the register of territories");
  // Another country's is checked for its form, and so are local units while there are none in the register.
  EXPECT_THAT(
      OutcomesOf({Row("a3", "offer { territories: 'PT999' }"), Row("a4", "offer { territories: 'FR1' }")}),
      ElementsAre(kCreated, kCreated));
  const auto asked = [this](std::string_view text) {
    auto request = Valid<v1::ResolveRouteRequest>("100");
    request.set_territory(std::string(text));
    return error::ViolationsOf(Do(node_operator, &Stub::ResolveRoute, request).status());
  };
  EXPECT_THAT(asked("ES300/28058"), ElementsAre());
  EXPECT_THAT(asked("ES301"),
              ElementsAre("territory: is not in the register of territories: ask with one that is"));
  auto enquiry = Valid<v1::EnquireRequest>("100");
  enquiry.mutable_enquiry()->set_territory("ES301");
  const std::string asks = rig.TokenOf(kOtherBody, {Role::kCaseworker});
  EXPECT_THAT(error::ViolationsOf(Do(asks, &Stub::Enquire, enquiry).status()),
              ElementsAre("enquiry.territory: is not in the register of territories: ask with one that is"));
  enquiry.mutable_enquiry()->set_territory("ES300/28058");
  EXPECT_TRUE(Do(asks, &Stub::Enquire, enquiry).ok());
  v1::ListOffersRequest list;
  list.set_theme(type::v1::THEME_HOUSING);
  list.set_territory("ES301");
  EXPECT_EQ(error::ReasonOf(Do(node_operator, &Stub::ListOffers, list).status()), "INVALID_FIELD");
  const auto body = [this](std::string_view more) {
    auto request = Valid<v1::CreateBodyRequest>("300");
    Merge(more, request);
    return error::ViolationsOf(Do(node_operator, &Stub::CreateBody, request).status());
  };
  EXPECT_THAT(body("body { territories: 'ES4' }"),
              ElementsAre("body.territories[1]: 'ES4' is not in the register of territories"));
  EXPECT_THAT(
      body("body { competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: "
           "'ES4' basis: 'x' } }"),
      ElementsAre("body.competences[0].territory: 'ES4' is not in the register of territories"));
  auto agreement = Valid<v1::CreateCoordinationAgreementRequest>("100");
  agreement.mutable_coordination_agreement()->set_territory("ES301");
  EXPECT_THAT(error::ViolationsOf(Do(node_operator, &Stub::CreateCoordinationAgreement, agreement).status()),
              ElementsAre("coordination_agreement.territory: 'ES301' is not in the register of territories"));
}

TEST_F(DirectoryImport, ASuccessionIsHeldToTheRegisterToo) {
  ASSERT_TRUE(Register({"ES3", "ES30", "ES300"}, {"ES"}).ok());
  auto succession = Valid<v1::CreateSuccessionRequest>("100");
  succession.mutable_succession()->mutable_shares(0)->add_territories("ES301");
  EXPECT_THAT(
      error::ViolationsOf(Do(node_operator, &Stub::CreateSuccession, succession).status()),
      ElementsAre("succession.shares[0].territories[0]: 'ES301' is not in the register of territories"));
}

TEST_F(DirectoryImport, WhatIsThereAlreadyMayStay) {
  EXPECT_THAT(OutcomesOf({Row("a1", "offer { territories: 'ES999' }")}), ElementsAre(kCreated));
  ASSERT_TRUE(Register({"ES3", "ES30", "ES300"}, {"ES"}).ok());
  EXPECT_THAT(OutcomesOf({Row("a1", "offer { territories: 'ES999' languages: 'ar' }")}),
              ElementsAre(kUpdated));
}

TEST_F(DirectoryImport, LocalUnitsAreHeldToTheRegisterWhereItHasAny) {
  ASSERT_TRUE(Register({"ES3", "ES30", "ES300", "ES300/28058", "ES300/28058/01"}, {"ES"}).ok());
  auto row = Row("a1");
  row.mutable_offer()->set_territories(0, "ES300/28059");
  EXPECT_EQ(Violation(row), "offer.territories[0] 'ES300/28059' is not in the register of territories");
  row = Row("a2");
  row.mutable_offer()->set_territories(0, "ES300/28058/02");
  EXPECT_EQ(Violation(row), "offer.territories[0] 'ES300/28058/02' is not in the register of territories");
  row.mutable_offer()->set_territories(0, "ES300/28058/01");
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kCreated));
  // Below a unit that has none, only the form counts.
  row = Row("a3");
  row.mutable_offer()->set_territories(0, "ES300/28058/01/A");
  EXPECT_THAT(OutcomesOf({row}), ElementsAre(kCreated));
}

TEST_F(DirectoryImport, ARegisterIsNotCompletedOverARefusedRowOrWithoutItsCountry) {
  const auto before = rig.Dump();
  EXPECT_THAT(error::ViolationsOf(Register({"ES3", "ES999"}, {"ES"}).status()),
              ElementsAre(HasSubstr("complete_countries[0]: has a row that is refused: ")));
  EXPECT_THAT(error::ViolationsOf(Register({}, {"FR"}).status()),
              ElementsAre("complete_countries[0]: 'FR' is not in the register"));
  EXPECT_TRUE(rig.Dump() == before);
}

}  // namespace
}  // namespace waypost::directory
