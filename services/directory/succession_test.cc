#include "services/directory/succession.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"

namespace waypost::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 10, 0, 0), absl::UTCTimeZone());

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

std::string Share(std::string_view to, std::string_view rest = "") {
  return base::Cat("shares { successor: 'bodies/", to, "' ", rest, " } ");
}

v1::CreateSuccessionRequest Request(std::string_view kind, std::string_view rest) {
  return Parse<v1::CreateSuccessionRequest>(
      base::Cat("succession_id: 'aa-to-bb' succession { kind: SUCCESSION_KIND_", kind,
                " predecessor: 'bodies/aa' reference: 'Decreto 2026-14' ",
                "period { start_date: '2026-01-01' } ", rest, " }"));
}

std::vector<std::string> Fields(const v1::CreateSuccessionRequest& request) {
  std::vector<std::string> fields;
  for (const std::string& violation : error::ViolationsOf(Check(request))) {
    fields.push_back(violation.substr(0, violation.find(": ")));
  }
  return fields;
}

TEST(CheckSuccession, EveryKindHasItsShares) {
  EXPECT_THAT(Fields(Request("MERGED", Share("bb"))), IsEmpty());
  EXPECT_THAT(Fields(Request("MERGED", Share("bb", "themes: THEME_YOUTH"))),
              ElementsAre("succession.shares"));
  EXPECT_THAT(Fields(Request("MERGED", Share("bb", "territories: 'ES300'"))),
              ElementsAre("succession.shares"));
  EXPECT_THAT(Fields(Request("MERGED", Share("bb") + Share("cc", "themes: THEME_YOUTH"))),
              ElementsAre("succession.shares"));
  EXPECT_THAT(Fields(Request("SPLIT", Share("bb"))), ElementsAre("succession.shares"));
  EXPECT_THAT(
      Fields(Request("SPLIT", Share("bb", "themes: THEME_YOUTH") + Share("bb", "themes: THEME_HEALTH"))),
      ElementsAre("succession.shares"));
  EXPECT_THAT(Fields(Request("SPLIT", Share("bb") + Share("cc", "themes: THEME_YOUTH"))), IsEmpty());
  EXPECT_THAT(
      Fields(Request("SPLIT", Share("bb", "territories: 'ES300/1'") + Share("cc", "territories: 'ES300/2'"))),
      IsEmpty());
  EXPECT_THAT(Fields(Request("COMPETENCE_MOVED", Share("bb"))), ElementsAre("succession.shares[0]"));
  EXPECT_THAT(Fields(Request("COMPETENCE_MOVED", Share("bb", "themes: THEME_YOUTH"))), IsEmpty());
  EXPECT_THAT(Fields(Request("COMPETENCE_MOVED", Share("bb", "territories: 'ES300'"))), IsEmpty());
}

TEST(CheckSuccession, OnlyWithACompetenceItIsSaidThatOffersFollow) {
  const std::string_view follow = "offers_follow: true";
  EXPECT_THAT(Fields(Request("COMPETENCE_MOVED", base::Cat(Share("bb", "themes: THEME_YOUTH"), follow))),
              IsEmpty());
  EXPECT_THAT(Fields(Request("MERGED", base::Cat(Share("bb"), follow))),
              ElementsAre("succession.offers_follow"));
  EXPECT_THAT(Fields(Request("SPLIT", base::Cat(Share("bb"), Share("cc", "themes: THEME_YOUTH"), follow))),
              ElementsAre("succession.offers_follow"));
}

TEST(CheckSuccession, TellsEverythingAtOnce) {
  EXPECT_THAT(Fields(v1::CreateSuccessionRequest()),
              ElementsAre("succession_id", "succession.predecessor", "succession.shares", "succession.kind",
                          "succession.period.start_date", "succession.reference"));
  EXPECT_THAT(Fields(Request("COMPETENCE_MOVED",
                             Share("aa", "themes: THEME_YOUTH") +
                                 Share("bb", "territories: 'ES30' territories: 'ES300' territories: 'x'") +
                                 Share("BB", "themes: 99 themes: THEME_YOUTH themes: THEME_YOUTH"))),
              ElementsAre("succession.shares[0].successor", "succession.shares[1].territories[1]",
                          "succession.shares[1].territories[2]", "succession.shares[2].successor",
                          "succession.shares[2].themes[0]", "succession.shares[2].themes[2]",
                          "succession.shares[2]"));
}

TEST(CheckSuccession, NoTwoSharesCoverTheSame) {
  const auto fields = [](std::string_view a, std::string_view b) {
    return Fields(Request("SPLIT", Share("bb", a) + Share("cc", b)));
  };
  EXPECT_THAT(fields("", ""), ElementsAre("succession.shares[1]"));
  EXPECT_THAT(fields("themes: [1, 2]", "themes: [2, 3]"), ElementsAre("succession.shares[1]"));
  EXPECT_THAT(fields("territories: 'ES300'", "territories: ['ES511', 'ES300']"),
              ElementsAre("succession.shares[1]"));
  // What is narrower, or names the theme, is the more specific.
  EXPECT_THAT(fields("themes: 1", ""), IsEmpty());
  EXPECT_THAT(fields("territories: 'ES30'", "territories: 'ES300'"), IsEmpty());
  EXPECT_THAT(fields("themes: 1 territories: 'ES30'", "themes: 2 territories: 'ES30'"), IsEmpty());
  EXPECT_THAT(fields("themes: 1 territories: 'ES30'", "territories: 'ES30'"), IsEmpty());
}

TEST(CheckSuccession, AccountsFollowAWholeBodyForAYearAtMost) {
  const auto until = [](std::string_view kind, std::string_view shares, std::string_view day) {
    return Fields(Request(kind, base::Cat(shares, "accounts_until: '", day, "'")));
  };
  EXPECT_THAT(until("MERGED", Share("bb"), "2026-06-30"), IsEmpty());
  EXPECT_THAT(until("MERGED", Share("bb"), "2025-12-31"), IsEmpty()) << "nobody's follow";
  EXPECT_THAT(until("MERGED", Share("bb"), "2027-01-01"), IsEmpty());
  EXPECT_THAT(until("MERGED", Share("bb"), "2027-01-02"), ElementsAre("succession.accounts_until"));
  EXPECT_THAT(until("MERGED", Share("bb"), "2026-02-30"), ElementsAre("succession.accounts_until"));
  EXPECT_THAT(until("SPLIT", Share("bb") + Share("cc", "themes: THEME_YOUTH"), "2026-06-30"),
              ElementsAre("succession.accounts_until"));
  EXPECT_THAT(until("COMPETENCE_MOVED", Share("bb", "themes: THEME_YOUTH"), "2026-06-30"),
              ElementsAre("succession.accounts_until"));
}

constexpr std::string_view kUnits =
    "themes: THEME_YOUTH units { unit: 'bodies/aa/units/xx' successor_unit: 'bodies/bb/units/xx' } ";

TEST(CheckSuccession, AccountsFollowUnitsThatAShareNames) {
  const auto until = [](std::string_view kind, std::string_view day) {
    const std::string other = kind == "SPLIT" ? Share("cc") : "";
    return Fields(Request(kind, base::Cat(Share("bb", kUnits), other, "accounts_until: '", day, "'")));
  };
  for (const std::string_view kind : {"SPLIT", "COMPETENCE_MOVED"}) {
    EXPECT_THAT(until(kind, "2026-06-30"), IsEmpty()) << kind;
    EXPECT_THAT(until(kind, "2025-12-31"), IsEmpty()) << kind;
    EXPECT_THAT(until(kind, "2027-01-01"), IsEmpty()) << kind;
    EXPECT_THAT(until(kind, "2027-01-02"), ElementsAre("succession.accounts_until")) << kind;
  }
}

TEST(Succession, SaysUntilWhenAccountsFollowWhereTheRequestDoesNot) {
  const auto until = [](std::string_view kind, std::string_view rest) {
    return NewSuccession(Request(kind, rest), kNow).accounts_until();
  };
  EXPECT_EQ(until("MERGED", Share("bb")), "2026-04-01") << "ninety days after the first";
  EXPECT_EQ(until("MERGED", Share("bb") + "accounts_until: '2026-01-31'"), "2026-01-31");
  EXPECT_EQ(until("MERGED", Share("bb") + "accounts_until: '2025-12-31'"), "2025-12-31");
  EXPECT_EQ(until("SPLIT", Share("bb") + Share("cc", "themes: THEME_YOUTH")), "");
  EXPECT_EQ(until("COMPETENCE_MOVED", Share("bb", "themes: THEME_YOUTH")), "");
  EXPECT_EQ(until("SPLIT", Share("bb", kUnits) + Share("cc")), "2026-04-01");
  EXPECT_EQ(until("SPLIT", Share("bb", kUnits) + Share("cc") + "accounts_until: '2025-12-31'"), "2025-12-31");
  EXPECT_EQ(until("COMPETENCE_MOVED", Share("bb", kUnits)), "");
  EXPECT_EQ(until("COMPETENCE_MOVED", Share("bb", kUnits) + "accounts_until: '2026-02-28'"), "2026-02-28");
  auto last = Request("MERGED", Share("bb"));
  last.mutable_succession()->mutable_period()->set_start_date("9999-12-01");
  EXPECT_EQ(NewSuccession(last, kNow).accounts_until(), "9999-12-31") << "there is no later day";
}

TEST(CheckSuccession, ListingTakesOneFilter) {
  EXPECT_TRUE(Check(Parse<v1::ListSuccessionsRequest>("")).ok());
  EXPECT_TRUE(Check(Parse<v1::ListSuccessionsRequest>("predecessor: 'bodies/aa'")).ok());
  EXPECT_TRUE(Check(Parse<v1::ListSuccessionsRequest>("successor: 'bodies/aa'")).ok());
  EXPECT_FALSE(
      Check(Parse<v1::ListSuccessionsRequest>("predecessor: 'bodies/aa' successor: 'bodies/bb'")).ok());
  EXPECT_FALSE(Check(Parse<v1::ListSuccessionsRequest>("page_size: -1")).ok());
}

TEST(Succession, IsMadeAndEndsWithinItself) {
  auto request = Request("MERGED", Share("bb"));
  request.mutable_succession()->set_name("successions/other");
  request.mutable_succession()->set_etag("x");
  const v1::Succession made = NewSuccession(request, kNow);
  EXPECT_EQ(made.name(), "successions/aa-to-bb");
  EXPECT_EQ(made.etag(), "");
  EXPECT_EQ(api::FromTimestamp(made.create_time()), kNow);
  const auto ended = [&made](std::string_view date) {
    v1::EndSuccessionRequest end;
    end.set_end_date(std::string(date));
    return EndedSuccession(made, end, kNow + absl::Hours(1));
  };
  EXPECT_EQ(ended("2026-06-30")->period().end_date(), "2026-06-30");
  EXPECT_EQ(api::FromTimestamp(ended("2026-06-30")->update_time()), kNow + absl::Hours(1));
  EXPECT_TRUE(ended("2026-01-01").ok());
  EXPECT_THAT(error::ViolationsOf(ended("2025-12-31").status()), ElementsAre(StartsWith("end_date: ")));
}

// Successions as a store would give them.
class Following : public ::testing::Test {
 protected:
  void Add(std::string_view from, std::string_view shares, std::string_view start = "2026-01-01",
           std::string_view end = "", std::string_view kind = "SPLIT") {
    all_.push_back(Make(from, shares, start, end, kind));
  }
  v1::Succession Make(std::string_view from, std::string_view shares, std::string_view start = "2026-01-01",
                      std::string_view end = "", std::string_view kind = "SPLIT") {
    return Parse<v1::Succession>(base::Cat("name: 'successions/s", all_.size(), "' predecessor: 'bodies/",
                                           from, "' kind: SUCCESSION_KIND_", kind, " period { start_date: '",
                                           start, "' end_date: '", end, "' } ", shares));
  }
  absl::StatusOr<std::vector<v1::Succession>> From(std::string_view body) {
    std::vector<v1::Succession> found;
    for (const v1::Succession& each : all_) {
      if (each.predecessor() == body) found.push_back(each);
    }
    return found;
  }
  absl::StatusOr<std::vector<v1::Succession>> To(std::string_view body) {
    std::vector<v1::Succession> found;
    for (const v1::Succession& each : all_) {
      for (const v1::SuccessionShare& share : each.shares()) {
        if (share.successor() != body) continue;
        found.push_back(each);
        break;
      }
    }
    return found;
  }
  // The successor's id; "" where the body keeps its place.
  std::string Of(std::string_view body, std::string_view territory = "ES300/28058",
                 type::v1::Theme theme = type::v1::THEME_YOUTH,
                 absl::CivilDay day = absl::CivilDay(2026, 11, 21)) {
    const auto found = FindSuccessor(base::Cat("bodies/", body), theme, territory, day,
                                     [this](std::string_view each) { return From(each); });
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && *found ? (*found)->body.substr(7) : "";
  }
  Successor Found(std::string_view body) {
    return **FindSuccessor(base::Cat("bodies/", body), type::v1::THEME_YOUTH, "ES300",
                           absl::CivilDay(2026, 11, 21),
                           [this](std::string_view each) { return From(each); });
  }
  bool Whole(std::string_view body) { return Found(body).whole; }
  std::string Reason(const v1::Succession& added) {
    return error::ReasonOf(CheckChains(
        added, [this](std::string_view body) { return From(body); },
        [this](std::string_view body) { return To(body); }));
  }

  std::vector<v1::Succession> all_;
};

TEST_F(Following, AMergerTakesEverythingFromItsDayOn) {
  Add("aa", Share("bb"), "2026-07-01", "", "MERGED");
  Add("cc", Share("bb"), "2026-07-01", "", "MERGED");
  EXPECT_EQ(Of("aa"), "bb");
  EXPECT_EQ(Of("cc", "EU", type::v1::THEME_HOUSING), "bb");
  EXPECT_EQ(Of("bb"), "");
  const auto on = [this](int month, int day) {
    return Of("aa", "ES300", type::v1::THEME_YOUTH, absl::CivilDay(2026, month, day));
  };
  EXPECT_EQ(on(6, 30), "");
  EXPECT_EQ(on(7, 1), "bb");
}

TEST_F(Following, ItIsTakenBackAfterItsEnd) {
  Add("aa", Share("bb"), "2026-07-01", "2026-07-31", "MERGED");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_YOUTH, absl::CivilDay(2026, 7, 31)), "bb");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_YOUTH, absl::CivilDay(2026, 8, 1)), "");
}

TEST_F(Following, TheNarrowestTerritoryCountsThenANamedTheme) {
  Add("aa", Share("rest") + Share("region", "territories: 'ES30'") + Share("youth", "themes: THEME_YOUTH") +
                Share("regional-youth", "territories: 'ES30' themes: THEME_YOUTH") +
                Share("town", "territories: 'ES300/28058'"));
  EXPECT_EQ(Of("aa", "ES300/28058", type::v1::THEME_YOUTH), "town");
  EXPECT_EQ(Of("aa", "ES300/28058/01", type::v1::THEME_HOUSING), "town");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_YOUTH), "regional-youth");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_HOUSING), "region");
  EXPECT_EQ(Of("aa", "FR", type::v1::THEME_YOUTH), "youth");
  EXPECT_EQ(Of("aa", "FR", type::v1::THEME_HOUSING), "rest");
}

TEST_F(Following, APlaceWiderThanAShareIsNotItsOwn) {
  Add("aa", Share("bb", "territories: 'ES300/28058'") + Share("cc", "territories: 'ES300/28065'"));
  EXPECT_EQ(Of("aa", "ES300/28065"), "cc");
  EXPECT_EQ(Of("aa", "ES300"), "");
  EXPECT_EQ(Of("aa", "ES300/28079"), "");
}

TEST_F(Following, AChainIsFollowedToItsEnd) {
  Add("aa", Share("bb"), "2020-01-01", "", "MERGED");
  Add("bb", Share("cc", "themes: THEME_YOUTH"), "2022-01-01", "", "COMPETENCE_MOVED");
  Add("cc", Share("dd", "territories: 'ES'") + Share("ee", "territories: 'FR'"), "2024-01-01");
  EXPECT_EQ(Of("aa", "ES300"), "dd");
  EXPECT_EQ(Of("aa", "FR1"), "ee");
  EXPECT_EQ(Of("aa", "PT"), "cc");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_HOUSING), "bb");
  EXPECT_EQ(Of("aa", "ES300", type::v1::THEME_YOUTH, absl::CivilDay(2023, 1, 1)), "cc");
  // The body that is asked about says whether all of its own went.
  EXPECT_TRUE(Whole("aa"));
  EXPECT_FALSE(Whole("bb"));
  EXPECT_TRUE(Whole("cc"));
}

TEST_F(Following, TheFirstStepSaysWhetherOffersGo) {
  Add("aa", base::Cat(Share("bb", "themes: THEME_YOUTH"), "offers_follow: true"), "2026-01-01", "",
      "COMPETENCE_MOVED");
  Add("bb", Share("cc", "themes: THEME_YOUTH"), "2026-01-01", "", "COMPETENCE_MOVED");
  Add("dd", Share("aa"), "2026-01-01", "", "MERGED");
  EXPECT_EQ(Found("aa").body, "bodies/cc");
  EXPECT_FALSE(Found("aa").whole);
  EXPECT_TRUE(Found("aa").TakesOffers());
  EXPECT_FALSE(Found("bb").TakesOffers());
  EXPECT_EQ(Found("dd").body, "bodies/cc");
  EXPECT_TRUE(Found("dd").TakesOffers());
  EXPECT_FALSE(Found("dd").offers);
}

TEST_F(Following, IsBoundedWhateverTheStoreHolds) {
  Add("aa", Share("bb"), "2026-01-01", "", "MERGED");
  Add("bb", Share("aa"), "2026-01-01", "", "MERGED");
  EXPECT_EQ(Of("aa"), "aa");
  EXPECT_EQ(
      error::ReasonOf(FindSuccessor("bodies/aa", type::v1::THEME_YOUTH, "ES", absl::CivilDay(2026, 1, 1),
                                    [](std::string_view) -> absl::StatusOr<std::vector<v1::Succession>> {
                                      return error::DataLoss("succession record");
                                    })
                          .status()),
      "DATA_LOSS");
}

TEST_F(Following, TwoTieWhenADayIsInBothAndNeitherIsMoreSpecific) {
  const v1::Succession moved = Make("aa", Share("bb", "themes: [1, 2]"), "2026-01-01", "2026-12-31");
  const auto tie = [&](std::string_view share, std::string_view start, std::string_view end = "") {
    const v1::Succession other = Make("aa", Share("cc", share), start, end);
    EXPECT_EQ(Tie(moved, other), Tie(other, moved));
    return Tie(moved, other);
  };
  EXPECT_TRUE(tie("themes: [2, 3]", "2026-12-31"));
  EXPECT_FALSE(tie("themes: [2, 3]", "2027-01-01"));
  EXPECT_FALSE(tie("themes: [2, 3]", "2020-01-01", "2025-12-31"));
  EXPECT_FALSE(tie("themes: 3", "2026-06-01"));
  EXPECT_FALSE(tie("", "2026-06-01"));
  EXPECT_FALSE(tie("themes: 1 territories: 'ES'", "2026-06-01"));
}

TEST_F(Following, NobodyComesToStandInTheOwnPlace) {
  Add("aa", Share("bb", "themes: THEME_YOUTH territories: 'ES30'"), "2026-01-01", "2026-12-31");
  Add("bb", Share("cc"), "2026-01-01", "", "MERGED");
  EXPECT_EQ(Reason(Make("cc", Share("aa", "themes: THEME_YOUTH"))), "SUCCESSION_CYCLE");
  EXPECT_EQ(Reason(Make("cc", Share("aa", "territories: 'ES300'"))), "SUCCESSION_CYCLE");
  EXPECT_EQ(Reason(Make("cc", Share("aa"), "2026-12-31", "", "MERGED")), "SUCCESSION_CYCLE");
  EXPECT_EQ(Reason(Make("cc", Share("bb", "themes: THEME_YOUTH"))), "SUCCESSION_CYCLE");
  // On no theme, in no place, on no day would it lead back.
  EXPECT_EQ(Reason(Make("cc", Share("aa", "themes: THEME_HOUSING"))), "");
  EXPECT_EQ(Reason(Make("cc", Share("aa", "territories: 'ES511'"))), "");
  EXPECT_EQ(Reason(Make("cc", Share("aa"), "2027-01-01", "", "MERGED")), "");
  EXPECT_EQ(Reason(Make("cc", Share("dd"), "2026-01-01", "", "MERGED")), "");
}

TEST_F(Following, AChainHasAtMostSoManySteps) {
  const auto body = [](int i) { return base::Cat("b", i); };
  // From b0 to b4, and from b5 to b9: four steps each.
  for (const int first : {0, 5}) {
    for (int i = first; i < first + 4; ++i) Add(body(i), Share(body(i + 1)), "2026-01-01", "", "MERGED");
  }
  EXPECT_EQ(Reason(Make("b4", Share("b5"), "2026-01-01", "", "MERGED")), "LIMIT_EXCEEDED");
  EXPECT_EQ(Reason(Make("b4", Share("b6"), "2026-01-01", "", "MERGED")), "");
  EXPECT_EQ(Reason(Make("b3", Share("b5", "themes: 1"), "2026-01-01")), "");
  Add("b4", Share("b6"), "2026-01-01", "", "MERGED");
  EXPECT_EQ(Of("b0"), "b9");
  EXPECT_EQ(Reason(Make("zz", Share("b0"), "2026-01-01", "", "MERGED")), "LIMIT_EXCEEDED");
  EXPECT_EQ(Reason(Make("b9", Share("zz"), "2026-01-01", "", "MERGED")), "LIMIT_EXCEEDED");
}

TEST_F(Following, OnlySoManyAreLookedAt) {
  for (int i = 0; i <= kMaxSuccessionsAround; ++i) {
    Add(base::Cat("p", i), Share("hub"), "2026-01-01", "", "MERGED");
  }
  EXPECT_EQ(Reason(Make("hub", Share("zz", "themes: 1"))), "LIMIT_EXCEEDED");
  all_.pop_back();
  EXPECT_EQ(Reason(Make("hub", Share("zz", "themes: 1"))), "");
}

}  // namespace
}  // namespace waypost::directory
