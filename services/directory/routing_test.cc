#include "services/directory/routing.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"

namespace waypost::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 10, 0, 0), absl::UTCTimeZone());

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

v1::Body Body(std::string_view id, std::string_view level, std::string_view rest = "") {
  return Parse<v1::Body>(
      base::Cat("name: 'bodies/", id, "' level: ", level, " status: BODY_STATUS_ACTIVE ", rest));
}

std::string Competence(std::string_view territory, std::string_view rest = "") {
  return base::Cat(" territories: '", territory, "' competences { theme: THEME_HOUSING function: ",
                   "COMPETENCE_FUNCTION_PROVIDE territory: '", territory, "' ", rest, " } ");
}

v1::Offer Offer(std::string_view id, std::string_view provider, std::string_view rest = "") {
  return Parse<v1::Offer>(
      base::Cat("name: 'offers/", id, "' provider: 'bodies/", provider,
                "' theme: THEME_HOUSING status: OFFER_STATUS_ACTIVE kind: OFFER_KIND_ONE_OFF ",
                "assured_date: '2026-10-01' ", rest));
}

std::string Places(int places, int free, std::string_view date = "2026-11-20") {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d", std::string(date), &time, &error));
  return base::Cat("groups { group_id: 'all' capacity { places: ", places, " free: ", free,
                   " update_time { seconds: ", absl::ToUnixSeconds(time), " } } } ");
}

class Fixture : public ::testing::Test {
 protected:
  void Add(v1::Body body) {
    const std::string name = body.name();
    material.bodies[name] = std::move(body);
  }
  void Add(v1::Offer offer, std::string_view territory) {
    material.offers.push_back({std::move(offer), std::string(territory)});
  }
  v1::ResolveRouteResponse Ask(std::string_view rest = "") {
    return Rank(
        Parse<v1::ResolveRouteRequest>(base::Cat("theme: THEME_HOUSING territory: 'ES300/28058' ", rest)),
        material, kNow);
  }
  static std::vector<std::string> Names(const v1::ResolveRouteResponse& response) {
    std::vector<std::string> names;
    for (const auto& each : response.candidates())
      names.push_back(each.offer().empty() ? each.body() : each.offer());
    return names;
  }
  static std::vector<std::string> Reasons(const v1::RouteCandidate& candidate) {
    std::vector<std::string> codes;
    for (const auto& reason : candidate.reasons()) {
      codes.push_back(
          v1::RouteReasonCode_Name(reason.code()).substr(std::string("ROUTE_REASON_CODE_").size()));
    }
    return codes;
  }
  // The reasons of the only candidate.
  std::vector<std::string> OnlyReasons(std::string_view rest = "") {
    const auto response = Ask(base::Cat("include_unmatched: true ", rest));
    EXPECT_EQ(response.candidates_size(), 1) << response.DebugString();
    return response.candidates().empty() ? std::vector<std::string>() : Reasons(response.candidates(0));
  }

  RouteMaterial material;
};

using Routing = Fixture;

TEST_F(Routing, NothingRecordedIsSaid) {
  EXPECT_EQ(Ask().empty_reason(), v1::ROUTE_EMPTY_REASON_NOTHING_RECORDED);
  material.recorded_for_parts = true;
  EXPECT_EQ(Ask().empty_reason(), v1::ROUTE_EMPTY_REASON_ONLY_FOR_PARTS);
  EXPECT_EQ(Ask().match_count(), 0);
}

TEST_F(Routing, TheNearestLevelComesFirstWhateverElseSpeaksForTheOthers) {
  Add(Body("eu", "LEVEL_EUROPEAN", Competence("EU")));
  Add(Body("state", "LEVEL_NATIONAL", Competence("ES") + "languages: 'ar'"));
  Add(Body("region", "LEVEL_REGIONAL", Competence("ES30")));
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300/28058")));
  Add(Offer("state-flats", "state", Places(100, 50)), "ES");
  const auto response = Ask("languages: 'ar'");
  EXPECT_THAT(Names(response),
              ElementsAre("bodies/town", "bodies/region", "offers/state-flats", "bodies/eu"));
  EXPECT_THAT(Reasons(response.candidates(0)),
              ElementsAre("COMPETENT", "NEAREST_LEVEL", "INTERPRETER_NEEDED"));
  EXPECT_THAT(Reasons(response.candidates(2)),
              ElementsAre("COMPETENT", "NEARER_LEVEL_FIRST", "ELIGIBLE", "PLACES_FREE", "LANGUAGE_SERVED"));
  EXPECT_EQ(response.candidates(3).rank(), 4);
  EXPECT_EQ(response.empty_reason(), v1::ROUTE_EMPTY_REASON_UNSPECIFIED);
}

TEST_F(Routing, ASuccessorStandsInThePlaceOfABodyThatMergedIntoIt) {
  v1::Body village = Body("village", "LEVEL_LOCAL", Competence("ES300/28058"));
  village.set_status(v1::BODY_STATUS_DISSOLVED);
  Add(village);
  Add(Offer("village-flats", "village", Places(3, 1)), "ES300/28058");
  Add(Body("city", "LEVEL_LOCAL", "languages: 'ar'"));
  Add(Body("state", "LEVEL_NATIONAL", Competence("ES")));
  material.successors["bodies/village"] = {.body = "bodies/city", .whole = true};
  const auto response = Ask("include_unmatched: true languages: 'ar'");
  EXPECT_THAT(Names(response),
              ElementsAre("bodies/city", "bodies/state", "bodies/village", "offers/village-flats"));
  EXPECT_EQ(response.match_count(), 2);
  EXPECT_THAT(Reasons(response.candidates(0)), ElementsAre("SUCCEEDED", "NEAREST_LEVEL", "LANGUAGE_SERVED"));
  EXPECT_EQ(response.candidates(0).reasons(0).subject(), "bodies/village");
  EXPECT_EQ(response.candidates(0).territory(), "ES300/28058");
  EXPECT_THAT(Reasons(response.candidates(2)), ElementsAre("COMPETENT", "HAS_SUCCESSOR", "BODY_DISSOLVED",
                                                           "NO_MATCHING_OFFER", "INTERPRETER_NEEDED"));
  EXPECT_EQ(response.candidates(2).reasons(1).subject(), "bodies/city");
}

TEST_F(Routing, WhereOnlyAnOfferWentTheSuccessorStandsAsAnOfferAloneWould) {
  v1::Body charity = Body("charity", "LEVEL_LOCAL");
  charity.set_status(v1::BODY_STATUS_DISSOLVED);
  Add(charity);
  Add(Offer("beds", "charity"), "ES300");
  Add(Body("league", "LEVEL_LOCAL"));
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300")));
  material.successors["bodies/charity"] = {.body = "bodies/league", .whole = true};
  EXPECT_THAT(Names(Ask()), ElementsAre("bodies/town", "bodies/league"));
  // An offer that would be no match anyway leaves nothing behind.
  material.offers[0].offer.set_status(v1::OFFER_STATUS_DEFUNCT);
  EXPECT_THAT(Names(Ask()), ElementsAre("bodies/town"));
}

TEST_F(Routing, ABodyWhoseCompetenceMovedKeepsItsOffers) {
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300/28058")));
  Add(Body("region", "LEVEL_REGIONAL"));
  material.successors["bodies/town"] = {.body = "bodies/region", .whole = false};
  EXPECT_THAT(Names(Ask()), ElementsAre("bodies/region"));
  const auto excluded = Ask("include_unmatched: true").candidates(1);
  EXPECT_THAT(Reasons(excluded), ElementsAre("COMPETENT", "HAS_SUCCESSOR"));
  Add(Offer("flats", "town"), "ES300/28058");
  const auto response = Ask();
  EXPECT_THAT(Names(response), ElementsAre("offers/flats", "bodies/region"));
  EXPECT_THAT(Reasons(response.candidates(0)),
              ElementsAre("OFFER_ONLY", "NEAREST_LEVEL", "ELIGIBLE", "CAPACITY_UNKNOWN"));
}

TEST_F(Routing, UnlessTheyGoWithTheCompetence) {
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300/28058")));
  Add(Body("region", "LEVEL_REGIONAL"));
  Add(Offer("flats", "town"), "ES300/28058");
  Add(Offer("beds", "town"), "ES300");
  material.successors["bodies/town"] = {.body = "bodies/region", .offers = true};
  material.offers[0].goes = true;
  const auto response = Ask("include_unmatched: true");
  EXPECT_EQ(response.match_count(), 2);
  EXPECT_THAT(Names(response), ElementsAre("offers/beds", "bodies/region", "offers/flats"));
  EXPECT_THAT(Reasons(response.candidates(2)), ::testing::Contains("HAS_SUCCESSOR"));
}

TEST_F(Routing, ASuccessorWithSomethingOfItsOwnStandsByThat) {
  v1::Body village = Body("village", "LEVEL_LOCAL", Competence("ES300/28058"));
  village.set_status(v1::BODY_STATUS_DISSOLVED);
  Add(village);
  Add(Body("city", "LEVEL_LOCAL", Competence("ES300")));
  material.successors["bodies/village"] = {.body = "bodies/city", .whole = true};
  const auto competent = Ask();
  EXPECT_THAT(Names(competent), ElementsAre("bodies/city"));
  EXPECT_THAT(Reasons(competent.candidates(0)), ElementsAre("COMPETENT", "NEAREST_LEVEL"));
  // With offers alone, these are of a body that has inherited the competence.
  material.bodies["bodies/city"].clear_competences();
  Add(Offer("flats", "city"), "ES300");
  const auto offers = Ask();
  EXPECT_THAT(Names(offers), ElementsAre("offers/flats"));
  EXPECT_EQ(Reasons(offers.candidates(0))[0], "SUCCEEDED");
  // An offer that is no match leaves the successor itself, once.
  material.offers[0].offer.set_status(v1::OFFER_STATUS_INACTIVE);
  EXPECT_THAT(Names(Ask()), ElementsAre("bodies/city"));
}

TEST_F(Routing, ASuccessorIsExcludedLikeAnyOtherBodyAndStandsOnceForAllItSucceeded) {
  for (const std::string_view id : {"village", "hamlet"}) {
    v1::Body body = Body(id, "LEVEL_LOCAL", Competence("ES300/28058"));
    body.set_status(v1::BODY_STATUS_DISSOLVED);
    Add(body);
    material.successors[base::Cat("bodies/", id)] = {.body = "bodies/city", .whole = true};
  }
  Add(Body("city", "LEVEL_LOCAL"));
  const auto response = Ask();
  EXPECT_THAT(Names(response), ElementsAre("bodies/city"));
  EXPECT_THAT(Reasons(response.candidates(0)), ElementsAre("SUCCEEDED", "NEAREST_LEVEL", "SUCCEEDED"));
  EXPECT_EQ(Ask("origin: 'bodies/city'").match_count(), 0);
  material.bodies["bodies/city"].set_status(v1::BODY_STATUS_SUSPENDED);
  EXPECT_EQ(Ask().match_count(), 0);
  // What the predecessor was not competent for any more is not inherited.
  material.bodies["bodies/city"].set_status(v1::BODY_STATUS_ACTIVE);
  for (auto& [name, body] : material.bodies) {
    for (auto& competence : *body.mutable_competences())
      competence.mutable_validity()->set_end_date("2020-01-01");
  }
  EXPECT_EQ(Ask().match_count(), 0);
}

TEST_F(Routing, ANearerBodyThatIsExcludedMakesNobodySecond) {
  v1::Body town = Body("town", "LEVEL_LOCAL", Competence("ES300/28058"));
  town.set_status(v1::BODY_STATUS_SUSPENDED);
  Add(town);
  Add(Body("state", "LEVEL_NATIONAL", Competence("ES")));
  const auto response = Ask("include_unmatched: true");
  EXPECT_THAT(Names(response), ElementsAre("bodies/state", "bodies/town"));
  EXPECT_THAT(Reasons(response.candidates(0)), ElementsAre("COMPETENT", "NEAREST_LEVEL"));
  EXPECT_THAT(Reasons(response.candidates(1)), ElementsAre("COMPETENT", "BODY_SUSPENDED"));
}

TEST_F(Routing, WithinALevelTheNarrowestTerritoryThenTheRecordedCompetence) {
  Add(Body("metropole", "LEVEL_LOCAL", Competence("ES300")));
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300/28058")));
  Add(Body("charity", "LEVEL_LOCAL"));
  Add(Offer("charity-flats", "charity", Places(10, 5)), "ES300/28058");
  EXPECT_THAT(Names(Ask()), ElementsAre("bodies/town", "offers/charity-flats", "bodies/metropole"));
}

TEST_F(Routing, AnOfferAloneIsEnoughWhereHelpItselfIsAskedFor) {
  Add(Body("charity", "LEVEL_LOCAL"));
  Add(Offer("flats", "charity"), "ES300");
  EXPECT_THAT(OnlyReasons(), ElementsAre("OFFER_ONLY", "NEAREST_LEVEL", "ELIGIBLE", "CAPACITY_UNKNOWN"));
  EXPECT_EQ(Ask("function: COMPETENCE_FUNCTION_PROVIDE").match_count(), 1);
  EXPECT_EQ(Ask("function: COMPETENCE_FUNCTION_DECIDE").match_count(), 0);
}

TEST_F(Routing, CompetenceMustBeForTheFunctionAndTheDay) {
  const auto with = [](std::string_view function, std::string_view validity) {
    return base::Cat("territories: 'ES300' competences { theme: THEME_HOUSING territory: 'ES300' function: ",
                     "COMPETENCE_FUNCTION_", function, " validity { ", validity, " } }");
  };
  struct Case {
    std::string_view function, validity, asked, reason;
  };
  for (const Case& each :
       {Case{"PROVIDE", "start_date: '2026-11-21' end_date: '2026-11-21'", "", "COMPETENT"},
        Case{"PROVIDE", "start_date: '2026-11-22'", "", "COMPETENCE_NOT_YET_VALID"},
        Case{"PROVIDE", "end_date: '2026-11-20'", "", "COMPETENCE_EXPIRED"},
        Case{"DECIDE", "", "", "COMPETENT"}, Case{"ASSESS", "", "", "COMPETENT"},
        Case{"FUND", "", "", "OTHER_FUNCTION"}, Case{"INFORM", "", "", "OTHER_FUNCTION"},
        Case{"COORDINATE", "", "", "OTHER_FUNCTION"},
        Case{"FUND", "", "function: COMPETENCE_FUNCTION_FUND", "COMPETENT"},
        Case{"PROVIDE", "", "function: COMPETENCE_FUNCTION_DECIDE", "OTHER_FUNCTION"}}) {
    material = {};
    Add(Body("town", "LEVEL_LOCAL", with(each.function, each.validity)));
    EXPECT_EQ(OnlyReasons(each.asked).front(), each.reason) << each.function << " " << each.validity;
    EXPECT_EQ(Ask(each.asked).match_count(), each.reason == "COMPETENT" ? 1 : 0);
  }
}

TEST_F(Routing, AValidCompetenceCountsBesideExpiredOnesInAnyOrder) {
  const std::string valid =
      "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES' } ";
  const std::string expired =
      "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' "
      "validity { end_date: '2020-01-01' } } ";
  const std::string elsewhere =
      "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'FR' } "
      "competences { theme: THEME_YOUTH function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' } ";
  for (const std::string& order : {valid + expired + elsewhere, elsewhere + expired + valid}) {
    material = {};
    Add(Body("state", "LEVEL_NATIONAL", "territories: 'ES' " + order));
    EXPECT_THAT(OnlyReasons(), ElementsAre("COMPETENT", "NEAREST_LEVEL"));
    EXPECT_EQ(Ask().candidates(0).territory(), "ES");
  }
}

TEST_F(Routing, ANeighbourServedByAgreementIsCompetentAndSaysSo) {
  Add(Body(
      "getafe", "LEVEL_LOCAL",
      "territories: 'ES300/28065' competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE "
      "territory: 'ES300/28058' basis: 'Convenio 2024/117' }"));
  EXPECT_THAT(OnlyReasons(), ElementsAre("COMPETENT_BY_AGREEMENT", "NEAREST_LEVEL"));
}

TEST_F(Routing, BodiesThatMustNotBeProposedAreNotAndTheReasonIsGiven) {
  struct Case {
    std::string_view body, asked, reason;
  };
  for (const Case& each :
       {Case{"status: BODY_STATUS_SUSPENDED", "", "BODY_SUSPENDED"},
        Case{"status: BODY_STATUS_DISSOLVED", "", "BODY_DISSOLVED"},
        Case{"enforcement: true", "", "ENFORCEMENT_BODY"}, Case{"", "origin: 'bodies/town'", "IS_ORIGIN"}}) {
    material = {};
    v1::Body body = Body("town", "LEVEL_LOCAL", Competence("ES300"));
    body.MergeFrom(Parse<v1::Body>(std::string(each.body)));
    Add(body);
    Add(Offer("flats", "town", Places(5, 5)), "ES300");
    EXPECT_THAT(Names(Ask(each.asked)), IsEmpty()) << each.reason;
    const auto all = Ask(base::Cat(each.asked, " include_unmatched: true"));
    EXPECT_THAT(Names(all), ::testing::UnorderedElementsAre("offers/flats", "bodies/town"));
    for (const auto& candidate : all.candidates()) {
      EXPECT_FALSE(candidate.matches());
      EXPECT_THAT(Reasons(candidate), ::testing::Contains(each.reason));
    }
    EXPECT_EQ(all.empty_reason(), v1::ROUTE_EMPTY_REASON_ALL_EXCLUDED);
    ASSERT_EQ(all.exclusions_size(), 1);
    EXPECT_EQ(all.exclusions(0).count(), 2);
  }
}

TEST_F(Routing, OffersThatCannotBeUsedAreNoMatchAndTheCompetentBodyStandsForItself) {
  material.programmes["programmes/estia"] = Parse<v1::Programme>(
      "name: 'programmes/estia' period { start_date: '2016-01-01' end_date: '2022-12-31' }");
  material.programmes["programmes/rising"] =
      Parse<v1::Programme>("name: 'programmes/rising' period { start_date: '2020-01-01' }");
  struct Case {
    std::string_view offer, reason;
    bool matches;
  };
  for (const Case& each :
       {Case{"status: OFFER_STATUS_TEMPORARILY_CLOSED", "OFFER_NOT_ACTIVE", false},
        Case{"status: OFFER_STATUS_INACTIVE", "OFFER_NOT_ACTIVE", false},
        Case{"status: OFFER_STATUS_DEFUNCT", "OFFER_NOT_ACTIVE", false},
        Case{"programme: 'programmes/estia'", "PROGRAMME_NOT_RUNNING", false},
        Case{"programme: 'programmes/lost'", "PROGRAMME_NOT_RUNNING", false},
        Case{"programme: 'programmes/rising'", "ELIGIBLE", true},
        Case{"eligibility { age { max_years: 17 } }", "NOT_ELIGIBLE", false},
        Case{"eligibility { age { min_years: 18 } }", "ELIGIBLE", true},
        Case{"eligibility { household { minors: MINORS_REQUIREMENT_WITH } }", "ELIGIBILITY_UNKNOWN", true},
        Case{"kind: OFFER_KIND_ENROLMENT groups { group_id: 'a' cohort_start_date: '2026-11-20' }",
             "NO_OPEN_GROUP", false},
        Case{"kind: OFFER_KIND_ENROLMENT groups { group_id: 'a' cohort_start_date: '2026-11-21' }",
             "CAPACITY_UNKNOWN", true},
        Case{"kind: OFFER_KIND_ENROLMENT groups { group_id: 'a' permanent: true }", "CAPACITY_UNKNOWN", true},
        Case{"assured_date: '2025-11-20'", "ASSURANCE_OVERDUE", true},
        Case{"assured_date: ''", "ASSURANCE_OVERDUE", true}}) {
    material.offers.clear();
    Add(Body("town", "LEVEL_LOCAL", Competence("ES300")));
    v1::Offer offer = Offer("flats", "town");
    offer.MergeFrom(Parse<v1::Offer>(std::string(each.offer)));
    if (each.offer == "assured_date: ''") offer.clear_assured_date();
    Add(offer, "ES300");
    const auto response = Ask("include_unmatched: true attributes { age_years: 30 }");
    const auto found = std::find_if(response.candidates().begin(), response.candidates().end(),
                                    [](const auto& candidate) { return !candidate.offer().empty(); });
    ASSERT_NE(found, response.candidates().end());
    EXPECT_THAT(Reasons(*found), ::testing::Contains(each.reason)) << each.offer;
    EXPECT_EQ(found->matches(), each.matches) << each.offer;
    if (each.matches) {
      EXPECT_EQ(response.candidates_size(), 1);
    } else {
      EXPECT_THAT(Names(response), ElementsAre("bodies/town", "offers/flats"));
      EXPECT_THAT(Reasons(response.candidates(0)),
                  ElementsAre("COMPETENT", "NEAREST_LEVEL", "NO_MATCHING_OFFER"));
    }
  }
}

TEST_F(Routing, EligibilityThenCapacityThenLanguageDecideBetweenEquals) {
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300")));
  const std::string unknown = "eligibility { household { minors: MINORS_REQUIREMENT_WITH } } ";
  Add(Offer("a-unknown-free", "town", unknown + Places(9, 9)), "ES300");
  Add(Offer("b-full", "town", Places(9, 0)), "ES300");
  Add(Offer("c-stale", "town", Places(9, 9, "2026-10-01")), "ES300");
  Add(Offer("d-free-no-language", "town", Places(9, 9)), "ES300");
  Add(Offer("e-free-second-language", "town", Places(9, 1) + "languages: 'fr-FR'"), "ES300");
  Add(Offer("f-free-first-language", "town", Places(9, 1) + "languages: 'ar'"), "ES300");
  const auto response = Ask("languages: 'ar' languages: 'fr'");
  EXPECT_THAT(Names(response), ElementsAre("offers/f-free-first-language", "offers/e-free-second-language",
                                           "offers/d-free-no-language", "offers/c-stale", "offers/b-full",
                                           "offers/a-unknown-free"));
  EXPECT_TRUE(response.candidates(3).capacity().stale());
  EXPECT_THAT(Reasons(response.candidates(3)), ::testing::Contains("CAPACITY_STALE"));
  EXPECT_THAT(Reasons(response.candidates(4)), ::testing::Contains("FULL"));
}

TEST_F(Routing, WhatIsCountedDecidesTheOrder) {
  Add(Body("town", "LEVEL_LOCAL", Competence("ES300")));
  Add(Offer("a-full-by-count", "town", Places(9, 9)), "ES300");
  Add(Offer("b-full-by-report", "town", Places(9, 0)), "ES300");
  Add(Offer("c-few-left", "town", Places(9, 9)), "ES300");
  Add(Offer("d-stale", "town", Places(9, 9, "2026-09-01")), "ES300");
  Add(Offer("e-stale-and-full-by-count", "town", Places(9, 9, "2026-09-01")), "ES300");
  const auto count = [this](size_t offer, int32_t taken, absl::Duration ago) {
    auto& counted = *material.offers[offer].counted.Add();
    counted.set_group_id("all");
    counted.set_taken(taken);
    *counted.mutable_count_time() = api::ToTimestamp(kNow - ago);
  };
  count(0, 9, absl::Hours(24 * 3));
  count(2, 1, absl::Hours(1));
  count(3, 1, absl::Hours(1));
  count(4, 9, absl::Hours(24 * 40));
  const auto response = Ask();
  EXPECT_THAT(Names(response), ElementsAre("offers/c-few-left", "offers/d-stale", "offers/a-full-by-count",
                                           "offers/b-full-by-report", "offers/e-stale-and-full-by-count"));
  const auto has = [&response](int candidate, const char* reason) {
    EXPECT_THAT(Reasons(response.candidates(candidate)), ::testing::Contains(reason)) << candidate;
  };
  has(0, "PLACES_FREE_COUNTED");
  has(1, "CAPACITY_STALE");
  has(2, "FULL_COUNTED");
  has(3, "FULL");
  has(4, "FULL_COUNTED");
  EXPECT_FALSE(response.candidates(0).capacity().stale());
  EXPECT_EQ(response.candidates(0).capacity().counted().free(), 8);
  EXPECT_TRUE(response.candidates(1).capacity().stale());
  EXPECT_FALSE(response.candidates(3).capacity().has_counted());
}

TEST_F(Routing, TheBestOpenGroupIsShown) {
  Add(Body("pont", "LEVEL_LOCAL"));
  const auto group = [](std::string_view id, std::string_view entry, int free, int64_t age_days) {
    return base::Cat(
        "groups { group_id: '", id, "' ", entry, " capacity { places: 20 free: ", free, " waiting: 15 ",
        "update_time { seconds: ", absl::ToUnixSeconds(kNow - absl::Hours(24 * age_days)), " } } } ");
  };
  v1::Offer offer =
      Offer("asl", "pont",
            group("alpha", "cohort_start_date: '2026-09-01'", 9, 1) + group("fle1", "permanent: true", 0, 1) +
                group("fle2", "permanent: true", 3, 30) + group("fle3", "permanent: true", 9, 31));
  offer.set_kind(v1::OFFER_KIND_ENROLMENT);
  Add(offer, "ES300");
  const auto response = Ask();
  ASSERT_EQ(response.candidates_size(), 1);
  EXPECT_EQ(response.candidates(0).capacity().group_id(), "fle2");
  EXPECT_FALSE(response.candidates(0).capacity().stale());
}

TEST_F(Routing, TheContactForTheThemeOrElseTheGeneralOne) {
  const std::string general = "contacts { interlocutor { title: 'general' } } ";
  const std::string housing = "contacts { theme: THEME_HOUSING interlocutor { title: 'housing' } } ";
  const std::string youth = "contacts { theme: THEME_YOUTH interlocutor { title: 'youth' } } ";
  const auto title = [&](const std::string& contacts) {
    material = {};
    Add(Body("town", "LEVEL_LOCAL", Competence("ES300") + contacts));
    return Ask().candidates(0).contact().interlocutor().title();
  };
  EXPECT_EQ(title(general + housing + youth), "housing");
  EXPECT_EQ(title(housing + general), "housing");
  EXPECT_EQ(title(youth + general), "general");
  EXPECT_EQ(title(youth), "");
}

TEST_F(Routing, NoMoreCandidatesThanAskedForAndTheCountTellsOfAll) {
  for (int i = 0; i < 130; ++i) Add(Body(base::Cat("b", i), "LEVEL_LOCAL", Competence("ES300")));
  EXPECT_EQ(Ask().candidates_size(), kDefaultRouteCandidates);
  EXPECT_EQ(Ask("max_candidates: 100").candidates_size(), 100);
  EXPECT_EQ(Ask("max_candidates: 1").candidates_size(), 1);
  EXPECT_EQ(Ask("max_candidates: 1").match_count(), 130);
}

// --- Properties over random worlds --------------------------------------------------------------------

class RandomRouting : public Fixture, public ::testing::WithParamInterface<int> {
 protected:
  RandomRouting() : random_(static_cast<unsigned>(GetParam())) {}

  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  template <typename T>
  T OneOf(const std::vector<T>& of) {
    return of[static_cast<size_t>(Pick(static_cast<int>(of.size())))];
  }

  void Build() {
    const std::vector<std::string> places = {"EU", "ES", "ES3", "ES30", "ES300", "ES300/28058"};
    const int bodies = 1 + Pick(12);
    for (int i = 0; i < bodies; ++i) {
      std::string rest;
      if (Pick(3) > 0) {
        rest += base::Cat(
            Competence(OneOf(places), OneOf<std::string>({"", "", "validity { end_date: '2020-01-01' }"})));
      }
      if (Pick(2) == 0) rest += "languages: 'ar' ";
      if (Pick(8) == 0) rest += "enforcement: true ";
      v1::Body body = Body(
          base::Cat("b", i),
          OneOf<std::string>({"LEVEL_LOCAL", "LEVEL_REGIONAL", "LEVEL_NATIONAL", "LEVEL_EUROPEAN"}), rest);
      if (Pick(6) == 0) body.set_status(v1::BODY_STATUS_SUSPENDED);
      Add(body);
    }
    const int offers = Pick(15);
    for (int i = 0; i < offers; ++i) {
      const std::string rule = OneOf<std::string>({"", "eligibility { age { min_years: 18 } } ",
                                                   "eligibility { age { max_years: 17 } } ",
                                                   "eligibility { household { min_persons: 2 } } "});
      const std::string capacity =
          OneOf<std::string>({"", Places(5, 0), Places(5, 5), Places(5, 5, "2025-01-01")});
      v1::Offer offer = Offer(base::Cat("of", i), base::Cat("b", Pick(bodies)), rule + capacity);
      if (Pick(6) == 0) offer.set_status(v1::OFFER_STATUS_INACTIVE);
      Add(offer, OneOf(places));
    }
  }

  std::mt19937 random_;
};

constexpr std::string_view kAsked =
    "include_unmatched: true max_candidates: 100 attributes { age_years: 30 } languages: 'ar' origin: "
    "'bodies/b0'";

TEST_P(RandomRouting, TheAnswerDoesNotDependOnTheOrderOfTheMaterial) {
  Build();
  const std::string first = Ask(kAsked).SerializeAsString();
  std::shuffle(material.offers.begin(), material.offers.end(), random_);
  EXPECT_EQ(Ask(kAsked).SerializeAsString(), first);
}

TEST_P(RandomRouting, MatchesComeFirstInOrderOfLevelAndNearness) {
  Build();
  const auto response = Ask(kAsked);
  int matches = 0;
  for (int i = 0; i < response.candidates_size(); ++i) {
    const auto& each = response.candidates(i);
    EXPECT_EQ(each.rank(), i + 1);
    if (each.matches()) ++matches;
    if (i == 0) continue;
    const auto& before = response.candidates(i - 1);
    EXPECT_GE(before.matches(), each.matches());
    if (before.matches() != each.matches()) continue;
    EXPECT_LE(before.level(), each.level());
    if (before.level() != each.level()) continue;
    EXPECT_GE(territory::TerritoryDepth(before.territory()), territory::TerritoryDepth(each.territory()));
  }
  EXPECT_EQ(matches, response.match_count());
  EXPECT_EQ(response.match_count() == 0, response.empty_reason() != v1::ROUTE_EMPTY_REASON_UNSPECIFIED);
}

TEST_P(RandomRouting, AMatchHasNoExcludingReasonAndWhatIsExcludedHasOne) {
  Build();
  const auto response = Ask(kAsked);
  std::map<int, int> excluded;
  for (const auto& each : response.candidates()) {
    int exclusions = 0;
    std::set<int> codes;
    for (const auto& reason : each.reasons()) {
      EXPECT_TRUE(codes.insert(reason.code()).second) << "a reason twice";
      EXPECT_NE(reason.effect(), v1::ROUTE_EFFECT_UNSPECIFIED);
      if (reason.effect() == v1::ROUTE_EFFECT_EXCLUDES) ++exclusions, ++excluded[reason.code()];
    }
    EXPECT_EQ(each.matches(), exclusions == 0);
    if (!each.matches()) continue;
    const v1::Body& body = material.bodies.at(each.body());
    EXPECT_EQ(body.status(), v1::BODY_STATUS_ACTIVE);
    EXPECT_FALSE(body.enforcement());
    EXPECT_NE(each.body(), "bodies/b0");
  }
  ASSERT_EQ(static_cast<size_t>(response.exclusions_size()), excluded.size());
  for (const auto& exclusion : response.exclusions())
    EXPECT_EQ(exclusion.count(), excluded[exclusion.code()]);
}

TEST_P(RandomRouting, WithoutUnmatchedTheMatchesAreTheSame) {
  Build();
  const auto all = Ask(kAsked);
  std::string asked(kAsked);
  asked.replace(asked.find("true"), 4, "false");
  const auto matching = Ask(asked);
  ASSERT_EQ(matching.candidates_size(), all.match_count());
  for (int i = 0; i < matching.candidates_size(); ++i) {
    EXPECT_EQ(matching.candidates(i).SerializeAsString(), all.candidates(i).SerializeAsString());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRouting, ::testing::Range(0, 60));

}  // namespace
}  // namespace waypost::directory
