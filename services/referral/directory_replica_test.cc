// The replica of the directory: what is kept, how fresh it is, and who coordinates where.
#include "services/referral/directory_replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "services/referral/succession_rows.h"

namespace waypost::referral {
namespace {

using directory::v1::WatchChangesResponse;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 5, 4, 10, 0, 0), absl::UTCTimeZone());

class ReplicaTest : public ::testing::Test {
 protected:
  static void AddBody(WatchChangesResponse& changes, std::string_view name, directory::v1::BodyStatus status,
                      int64_t revision, bool enforcement = false) {
    directory::v1::Change& change = *changes.add_changes();
    change.set_resource(std::string(name));
    change.set_revision(revision);
    change.mutable_body()->set_name(std::string(name));
    change.mutable_body()->set_status(status);
    change.mutable_body()->set_enforcement(enforcement);
  }
  static void AddAgreement(WatchChangesResponse& changes, std::string_view territory, std::string_view body,
                           std::string_view start = "2020-01-01", std::string_view end = "",
                           type::v1::Theme theme = type::v1::THEME_HOUSING, std::string_view id = "",
                           int64_t revision = 1) {
    directory::v1::Change& change = *changes.add_changes();
    change.set_revision(revision);
    directory::v1::CoordinationAgreement& agreement = *change.mutable_coordination_agreement();
    agreement.set_name(base::Cat("coordinationAgreements/",
                                 id.empty() ? base::Cat("a", changes.changes_size()) : std::string(id)));
    agreement.set_theme(theme);
    agreement.set_territory(std::string(territory));
    agreement.set_body(std::string(body));
    agreement.mutable_period()->set_start_date(std::string(start));
    agreement.mutable_period()->set_end_date(std::string(end));
  }
  static void AddUnit(WatchChangesResponse& changes, std::string_view name, directory::v1::UnitStatus status,
                      int64_t revision, directory::v1::UnitKind kind = directory::v1::UNIT_KIND_DEPARTMENT) {
    directory::v1::Change& change = *changes.add_changes();
    change.set_revision(revision);
    change.mutable_unit()->set_name(std::string(name));
    change.mutable_unit()->set_status(status);
    change.mutable_unit()->set_kind(kind);
  }
  static void AddOffer(WatchChangesResponse& changes, std::string_view name, std::string_view provider,
                       directory::v1::OfferStatus status, int64_t revision) {
    directory::v1::Change& change = *changes.add_changes();
    change.set_revision(revision);
    change.mutable_offer()->set_name(std::string(name));
    change.mutable_offer()->set_provider(std::string(provider));
    change.mutable_offer()->set_status(status);
  }
  void Apply(WatchChangesResponse changes, std::string_view cursor, bool up_to_date = true) {
    changes.set_next_cursor(std::string(cursor));
    changes.set_up_to_date(up_to_date);
    ASSERT_TRUE(replica_.Apply(changes, kNow).ok());
  }
  BodyFacts Find(std::string_view body) { return *replica_.Find(**store_.Snapshot(), body); }
  UnitFacts FindUnit(std::string_view unit) { return *replica_.FindUnit(**store_.Snapshot(), unit); }
  OfferFacts FindOffer(std::string_view offer) { return *replica_.FindOffer(**store_.Snapshot(), offer); }
  std::string Coordinator(std::string_view territory, type::v1::Theme theme = type::v1::THEME_HOUSING,
                          absl::Time now = kNow) {
    return *replica_.FindCoordinator(**store_.Snapshot(), theme, territory, now);
  }
  // The first moment of a day of 2026.
  static absl::Time Day(int month, int day) {
    return absl::FromCivil(absl::CivilDay(2026, month, day), absl::UTCTimeZone());
  }

  store::MemoryStore store_;
  DirectoryReplica replica_{store_};
};

TEST_F(ReplicaTest, KnowsBodiesAsTheyLastWere) {
  EXPECT_FALSE(Find("bodies/a").exists);
  WatchChangesResponse changes;
  AddBody(changes, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 1);
  AddBody(changes, "bodies/p", directory::v1::BODY_STATUS_ACTIVE, 1, /*enforcement=*/true);
  AddBody(changes, "bodies/s", directory::v1::BODY_STATUS_SUSPENDED, 4);
  AddBody(changes, "bodies/d", directory::v1::BODY_STATUS_DISSOLVED, 2);
  Apply(changes, "c1");
  EXPECT_TRUE(Find("bodies/a").active);
  EXPECT_FALSE(Find("bodies/a").enforcement);
  EXPECT_TRUE(Find("bodies/p").enforcement);
  EXPECT_TRUE(Find("bodies/s").exists);
  EXPECT_FALSE(Find("bodies/s").active);
  EXPECT_EQ(Find("bodies/s").revision, 4);
  EXPECT_FALSE(Find("bodies/d").active);
  WatchChangesResponse later;
  AddBody(later, "bodies/a", directory::v1::BODY_STATUS_SUSPENDED, 2);
  Apply(later, "c2");
  EXPECT_FALSE(Find("bodies/a").active);
}

TEST_F(ReplicaTest, KnowsWhichBodiesHaveTheirReferralsApproved) {
  WatchChangesResponse changes;
  AddBody(changes, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 1);
  AddBody(changes, "bodies/b", directory::v1::BODY_STATUS_ACTIVE, 1);
  changes.mutable_changes(1)->mutable_body()->set_approval_required(true);
  Apply(changes, "c1");
  EXPECT_FALSE(Find("bodies/a").approval_required);
  EXPECT_TRUE(Find("bodies/b").approval_required);
  WatchChangesResponse lifted;
  AddBody(lifted, "bodies/b", directory::v1::BODY_STATUS_ACTIVE, 2);
  Apply(lifted, "c2");
  EXPECT_FALSE(Find("bodies/b").approval_required);
}

TEST_F(ReplicaTest, KnowsUnitsAsTheyLastWere) {
  EXPECT_FALSE(FindUnit("bodies/a/units/u").exists);
  WatchChangesResponse changes;
  AddUnit(changes, "bodies/a/units/u", directory::v1::UNIT_STATUS_ACTIVE, 1);
  AddUnit(changes, "bodies/a/units/d", directory::v1::UNIT_STATUS_ACTIVE, 1,
          directory::v1::UNIT_KIND_DUTY_DESK);
  AddUnit(changes, "bodies/a/units/c", directory::v1::UNIT_STATUS_CLOSED, 3);
  Apply(changes, "c1");
  EXPECT_TRUE(FindUnit("bodies/a/units/u").exists);
  EXPECT_TRUE(FindUnit("bodies/a/units/u").active);
  EXPECT_FALSE(FindUnit("bodies/a/units/u").duty_desk);
  EXPECT_TRUE(FindUnit("bodies/a/units/d").duty_desk);
  EXPECT_TRUE(FindUnit("bodies/a/units/c").exists);
  EXPECT_FALSE(FindUnit("bodies/a/units/c").active);
  EXPECT_FALSE(FindUnit("bodies/a/units/uu").exists);
  WatchChangesResponse later;
  AddUnit(later, "bodies/a/units/u", directory::v1::UNIT_STATUS_CLOSED, 2);
  AddUnit(later, "bodies/a/units/c", directory::v1::UNIT_STATUS_ACTIVE, 4);
  Apply(later, "c2");
  EXPECT_FALSE(FindUnit("bodies/a/units/u").active);
  EXPECT_TRUE(FindUnit("bodies/a/units/c").active) << "opened again";
  WatchChangesResponse older;
  AddUnit(older, "bodies/a/units/u", directory::v1::UNIT_STATUS_ACTIVE, 1);
  Apply(older, "c3");
  EXPECT_FALSE(FindUnit("bodies/a/units/u").active) << "what is older changes nothing";
}

TEST_F(ReplicaTest, KnowsOffersAsTheyLastWere) {
  EXPECT_FALSE(FindOffer("offers/o").exists);
  WatchChangesResponse changes;
  AddOffer(changes, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 2);
  AddOffer(changes, "offers/t", "bodies/a", directory::v1::OFFER_STATUS_TEMPORARILY_CLOSED, 1);
  AddOffer(changes, "offers/i", "bodies/b", directory::v1::OFFER_STATUS_INACTIVE, 1);
  AddOffer(changes, "offers/d", "bodies/b", directory::v1::OFFER_STATUS_DEFUNCT, 1);
  Apply(changes, "c1");
  EXPECT_TRUE(FindOffer("offers/o").active);
  EXPECT_EQ(FindOffer("offers/o").provider, "bodies/a");
  for (const std::string_view closed : {"offers/t", "offers/i", "offers/d"}) {
    EXPECT_TRUE(FindOffer(closed).exists) << closed;
    EXPECT_FALSE(FindOffer(closed).active) << closed;
  }
  EXPECT_EQ(FindOffer("offers/d").provider, "bodies/b");
  WatchChangesResponse older;
  AddOffer(older, "offers/o", "bodies/b", directory::v1::OFFER_STATUS_DEFUNCT, 1);
  Apply(older, "c2");
  EXPECT_TRUE(FindOffer("offers/o").active) << "what is older changes nothing";
  WatchChangesResponse later;
  AddOffer(later, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_TEMPORARILY_CLOSED, 3);
  Apply(later, "c3");
  EXPECT_FALSE(FindOffer("offers/o").active);
}

TEST_F(ReplicaTest, KnowsTheGroupsOfAnOfferAndTheirPlaces) {
  WatchChangesResponse changes;
  AddOffer(changes, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 2);
  directory::v1::Offer& offer = *changes.mutable_changes(0)->mutable_offer();
  offer.set_kind(directory::v1::OFFER_KIND_ENROLMENT);
  offer.add_groups()->set_group_id("alpha");
  offer.mutable_groups(0)->set_permanent(true);
  offer.mutable_groups(0)->mutable_capacity()->set_places(8);
  offer.add_groups()->set_group_id("fle1");
  offer.mutable_groups(1)->set_cohort_start_date("2026-09-01");
  offer.add_groups()->set_group_id("full");
  offer.mutable_groups(2)->mutable_capacity()->set_places(0);
  AddOffer(changes, "offers/p", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 1);
  Apply(changes, "c1");
  const OfferFacts facts = FindOffer("offers/o");
  EXPECT_TRUE(facts.enrolment);
  ASSERT_NE(facts.FindGroup("alpha"), nullptr);
  EXPECT_EQ(facts.FindGroup("alpha")->places, 8);
  EXPECT_EQ(facts.FindGroup("alpha")->cohort_start, "");
  EXPECT_EQ(facts.FindGroup("fle1")->places, std::nullopt) << "none declared";
  EXPECT_EQ(facts.FindGroup("fle1")->cohort_start, "2026-09-01");
  EXPECT_EQ(facts.FindGroup("full")->places, 0) << "declared: none";
  EXPECT_EQ(facts.FindGroup("fle2"), nullptr);
  EXPECT_FALSE(FindOffer("offers/p").enrolment);
  EXPECT_TRUE(FindOffer("offers/p").groups.empty());
  WatchChangesResponse later;
  AddOffer(later, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 3);
  later.mutable_changes(0)->mutable_offer()->add_groups()->set_group_id("alpha");
  Apply(later, "c2");
  EXPECT_EQ(FindOffer("offers/o").groups.size(), 1U);
  EXPECT_EQ(FindOffer("offers/o").FindGroup("alpha")->places, std::nullopt);
}

TEST_F(ReplicaTest, AReplicaFromBeforeItKeptGroupsIsMadeAnew) {
  ASSERT_TRUE(
      store::TransactAndWait(store_, [](store::Writer& writer) {
        writer.Put(
            store::KeyBuilder().Text("dir.offer").Text("offers/o").Take(),
            store::KeyBuilder().Text("bodies/a").Uint(directory::v1::OFFER_STATUS_ACTIVE).Int(7).Take());
        writer.Put(store::KeyBuilder().Text("dir.cursor").Uint(4).Take(), "c1");
        return absl::OkStatus();
      }).ok());
  EXPECT_TRUE(FindOffer("offers/o").active);
  EXPECT_TRUE(FindOffer("offers/o").groups.empty());
  EXPECT_EQ(*replica_.Cursor(), "") << "from the beginning";
  WatchChangesResponse again;
  AddOffer(again, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 7);
  again.mutable_changes(0)->mutable_offer()->add_groups()->set_group_id("alpha");
  Apply(again, "c1");
  EXPECT_NE(FindOffer("offers/o").FindGroup("alpha"), nullptr);
}

TEST_F(ReplicaTest, AnOfferFromBeforeItKeptProgrammesIsReadUntilTheReplicaIsMadeAnew) {
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("dir.offer").Text("offers/o").Take(),
                           store::KeyBuilder()
                               .Text("bodies/a")
                               .Uint(directory::v1::OFFER_STATUS_ACTIVE)
                               .Int(7)
                               .Uint(directory::v1::OFFER_KIND_ENROLMENT)
                               .Text("alpha")
                               .Uint(13)
                               .Text("")
                               .Take());
                writer.Put(store::KeyBuilder().Text("dir.cursor").Uint(6).Take(), "c1");
                return absl::OkStatus();
              }).ok());
  ASSERT_NE(FindOffer("offers/o").FindGroup("alpha"), nullptr);
  EXPECT_EQ(FindOffer("offers/o").FindGroup("alpha")->places, 12);
  EXPECT_TRUE(FindOffer("offers/o").enrolment);
  EXPECT_EQ(*replica_.Cursor(), "") << "from the beginning";
}

TEST_F(ReplicaTest, KnowsWhatOffersRequireBesideTheirGroups) {
  WatchChangesResponse changes;
  AddOffer(changes, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 1);
  directory::v1::Offer& offer = *changes.mutable_changes(0)->mutable_offer();
  offer.add_groups()->set_group_id("alpha");
  type::v1::LocalizedText& passport = *offer.add_required_documents();
  (*passport.mutable_text())["es"] = "Pasaporte";
  passport.set_original_language("es");
  AddOffer(changes, "offers/p", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 1);
  Apply(changes, "c1");
  const OfferFacts facts = FindOffer("offers/o");
  ASSERT_NE(facts.required_documents, nullptr);
  ASSERT_EQ(facts.required_documents->documents_size(), 1);
  EXPECT_EQ(facts.required_documents->documents(0).text().at("es"), "Pasaporte");
  EXPECT_NE(facts.FindGroup("alpha"), nullptr);
  EXPECT_EQ(FindOffer("offers/p").required_documents, nullptr);
  WatchChangesResponse later;
  AddOffer(later, "offers/o", "bodies/a", directory::v1::OFFER_STATUS_ACTIVE, 3);
  Apply(later, "c2");
  EXPECT_EQ(FindOffer("offers/o").required_documents, nullptr) << "it requires none any more";
  Apply(changes, "c2");
  EXPECT_EQ(FindOffer("offers/o").required_documents, nullptr) << "what is older changes nothing";
}

TEST_F(ReplicaTest, AReplicaFromBeforeItKeptDocumentsIsReadUntilItIsMadeAnew) {
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("dir.offer").Text("offers/o").Take(),
                           store::KeyBuilder()
                               .Text("bodies/a")
                               .Uint(directory::v1::OFFER_STATUS_ACTIVE)
                               .Int(7)
                               .Uint(directory::v1::OFFER_KIND_ENROLMENT)
                               .Uint(type::v1::THEME_LANGUAGE)
                               .Text("ES300")
                               .Text("")
                               .Text("alpha")
                               .Uint(13)
                               .Text("")
                               .Take());
                writer.Put(store::KeyBuilder().Text("dir.cursor").Uint(8).Take(), "c1");
                return absl::OkStatus();
              }).ok());
  EXPECT_TRUE(FindOffer("offers/o").active);
  EXPECT_NE(FindOffer("offers/o").FindGroup("alpha"), nullptr);
  EXPECT_EQ(FindOffer("offers/o").required_documents, nullptr);
  EXPECT_EQ(*replica_.Cursor(), "") << "from the beginning";
}

// Unread, the feed's units and offers would stay unknown until each changes.
TEST_F(ReplicaTest, AReplicaFromBeforeItKeptUnitsAndOffersIsMadeAnew) {
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("dir.cursor").Uint(3).Take(), "c9");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(*replica_.Cursor(), "") << "from the beginning";
  WatchChangesResponse again;
  AddUnit(again, "bodies/a/units/u", directory::v1::UNIT_STATUS_ACTIVE, 5);
  Apply(again, "c9");
  EXPECT_EQ(*replica_.Cursor(), "c9");
  EXPECT_TRUE(FindUnit("bodies/a/units/u").active);
}

TEST_F(ReplicaTest, ARowFromBeforeBodiesCouldRequireApprovalIsMadeAnew) {
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("dir.body").Text("bodies/a").Take(),
                           store::KeyBuilder().Uint(directory::v1::BODY_STATUS_ACTIVE).Uint(0).Int(7).Take());
                writer.Put(store::KeyBuilder().Text("dir.cursor").Uint(2).Take(), "c1");
                return absl::OkStatus();
              }).ok());
  EXPECT_TRUE(Find("bodies/a").active);
  EXPECT_FALSE(Find("bodies/a").approval_required);
  EXPECT_EQ(*replica_.Cursor(), "") << "from the beginning";
  WatchChangesResponse again;
  AddBody(again, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 7);
  again.mutable_changes(0)->mutable_body()->set_approval_required(true);
  Apply(again, "c1");
  EXPECT_TRUE(Find("bodies/a").approval_required);
}

TEST_F(ReplicaTest, WhatCameBeforeChangesNothingWhenItComesAgain) {
  WatchChangesResponse first;
  AddBody(first, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 1);
  WatchChangesResponse second;
  AddBody(second, "bodies/a", directory::v1::BODY_STATUS_SUSPENDED, 2);
  Apply(first, "c1");
  Apply(second, "c2");
  Apply(second, "c2");
  EXPECT_EQ(Find("bodies/a").revision, 2);
  Apply(first, "c1");
  EXPECT_EQ(Find("bodies/a").revision, 2) << "a suspension is not undone by what is older";
  EXPECT_FALSE(Find("bodies/a").active);
}

TEST_F(ReplicaTest, TheCursorIsDurableWithTheChanges) {
  EXPECT_EQ(*replica_.Cursor(), "");
  WatchChangesResponse changes;
  AddBody(changes, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 1);
  Apply(changes, "c1");
  DirectoryReplica another(store_);
  EXPECT_EQ(*another.Cursor(), "c1");
  EXPECT_TRUE(another.Find(**store_.Snapshot(), "bodies/a")->active);
  EXPECT_FALSE(another.CheckFresh(kNow).ok()) << "until it has heard from the directory";
}

TEST_F(ReplicaTest, IsReliedOnForAMinuteAfterItWasComplete) {
  EXPECT_EQ(replica_.CheckFresh(kNow).code(), absl::StatusCode::kUnavailable);
  WatchChangesResponse changes;
  AddBody(changes, "bodies/a", directory::v1::BODY_STATUS_ACTIVE, 1);
  Apply(changes, "c1", /*up_to_date=*/false);
  EXPECT_FALSE(replica_.CheckFresh(kNow).ok()) << "there is more to come";
  Apply({}, "c1");
  EXPECT_TRUE(replica_.CheckFresh(kNow).ok());
  EXPECT_TRUE(replica_.CheckFresh(kNow + kMaxReplicaAge).ok());
  EXPECT_FALSE(replica_.CheckFresh(kNow + kMaxReplicaAge + absl::Microseconds(1)).ok());
  EXPECT_EQ(replica_.Age(kNow + absl::Seconds(5)), absl::Seconds(5));
}

TEST_F(ReplicaTest, TheNearestAgreementThatCoversATerritoryCounts) {
  WatchChangesResponse changes;
  AddAgreement(changes, "EU", "bodies/eu");
  AddAgreement(changes, "ES", "bodies/es");
  AddAgreement(changes, "ES30", "bodies/madrid");
  AddAgreement(changes, "ES300/28058", "bodies/fuenlabrada");
  AddAgreement(changes, "ES3", "bodies/language", "2020-01-01", "", type::v1::THEME_LANGUAGE);
  Apply(changes, "c1");
  EXPECT_EQ(Coordinator("ES300/28058"), "bodies/fuenlabrada");
  EXPECT_EQ(Coordinator("ES300/28058/01"), "bodies/fuenlabrada");
  EXPECT_EQ(Coordinator("ES300/28079"), "bodies/madrid");
  EXPECT_EQ(Coordinator("ES300"), "bodies/madrid");
  EXPECT_EQ(Coordinator("ES3"), "bodies/es");
  EXPECT_EQ(Coordinator("ES51"), "bodies/es");
  EXPECT_EQ(Coordinator("FR101"), "bodies/eu");
  EXPECT_EQ(Coordinator("EU"), "bodies/eu");
  EXPECT_EQ(Coordinator("ES300", type::v1::THEME_LANGUAGE), "bodies/language");
  EXPECT_EQ(Coordinator("FR101", type::v1::THEME_LANGUAGE), "");
}

TEST_F(ReplicaTest, WhoCoordinatesFollowsAMoveThatHasBegun) {
  WatchChangesResponse changes;
  AddAgreement(changes, "ES1", "bodies/before");
  directory::v1::Change& change = *changes.add_changes();
  change.set_resource("successions/before");
  change.set_revision(1);
  directory::v1::Succession& succession = *change.mutable_succession();
  succession.set_name("successions/before");
  succession.set_kind(directory::v1::SUCCESSION_KIND_MERGED);
  succession.set_predecessor("bodies/before");
  succession.add_shares()->set_successor("bodies/after");
  succession.mutable_period()->set_start_date("2026-05-05");
  Apply(changes, "c1");
  EXPECT_EQ(Coordinator("ES1"), "bodies/before");
  EXPECT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                return rows::PutSuccessionDay(writer, "2026-05-05");
              }).ok());
  EXPECT_EQ(Coordinator("ES1"), "bodies/after") << "on the day before, as the directory is still the same";
}

TEST_F(ReplicaTest, AnAgreementCountsFromItsFirstDayToItsLast) {
  WatchChangesResponse changes;
  AddAgreement(changes, "ES1", "bodies/begins-today", "2026-05-04");
  AddAgreement(changes, "ES2", "bodies/begins-tomorrow", "2026-05-05");
  AddAgreement(changes, "ES3", "bodies/ends-today", "2020-01-01", "2026-05-04");
  AddAgreement(changes, "ES4", "bodies/ended-yesterday", "2020-01-01", "2026-05-03");
  Apply(changes, "c1");
  EXPECT_EQ(Coordinator("ES1"), "bodies/begins-today");
  EXPECT_EQ(Coordinator("ES2"), "");
  EXPECT_EQ(Coordinator("ES3"), "bodies/ends-today");
  EXPECT_EQ(Coordinator("ES4"), "");
  // Days pass and the directory says nothing new.
  const absl::Time tomorrow = kNow + absl::Hours(24);
  EXPECT_EQ(Coordinator("ES2", type::v1::THEME_HOUSING, tomorrow), "bodies/begins-tomorrow");
  EXPECT_EQ(Coordinator("ES3", type::v1::THEME_HOUSING, tomorrow), "");
}

TEST_F(ReplicaTest, TheEndOfAnOldAgreementLeavesItsSuccessor) {
  WatchChangesResponse first;
  AddAgreement(first, "ES1", "bodies/old", "2020-01-01", "2026-04-30");
  AddAgreement(first, "ES1", "bodies/new", "2026-05-01");
  Apply(first, "c1");
  EXPECT_EQ(Coordinator("ES1"), "bodies/new");
  WatchChangesResponse second;  // the same body as the current one, in an agreement of its own
  AddAgreement(second, "ES1", "bodies/new", "2020-01-01", "2026-04-29", type::v1::THEME_HOUSING, "a1", 2);
  Apply(second, "c2");
  EXPECT_EQ(Coordinator("ES1"), "bodies/new");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(4, 30)), "") << "its last day was moved back";
}

TEST_F(ReplicaTest, AFutureAgreementTakesEffectOnItsFirstDayWithoutAnotherChange) {
  WatchChangesResponse changes;
  AddAgreement(changes, "ES1", "bodies/old", "2020-01-01", "2026-05-31");
  AddAgreement(changes, "ES1", "bodies/new", "2026-06-01");
  Apply(changes, "c1");
  EXPECT_EQ(Coordinator("ES1"), "bodies/old");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(5, 31) + absl::Hours(23)), "bodies/old");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(6, 1)), "bodies/new");
}

TEST_F(ReplicaTest, AnEndSetAheadTakesEffectAfterItsLastDayAndAWiderAgreementCountsAgain) {
  WatchChangesResponse first;
  AddAgreement(first, "ES", "bodies/es");
  AddAgreement(first, "ES1", "bodies/near");
  Apply(first, "c1");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(7, 1)), "bodies/near");
  WatchChangesResponse second;
  AddAgreement(second, "ES1", "bodies/near", "2020-01-01", "2026-06-30", type::v1::THEME_HOUSING, "a2", 2);
  Apply(second, "c2");
  EXPECT_EQ(Coordinator("ES1"), "bodies/near");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(6, 30) + absl::Hours(23)), "bodies/near");
  EXPECT_EQ(Coordinator("ES1", type::v1::THEME_HOUSING, Day(7, 1)), "bodies/es");
}

// FindRoute remembers what it found. These ask first, so that there is something to remember.
class RouteTest : public ReplicaTest {
 protected:
  void SetUp() override {
    WatchChangesResponse changes;
    AddBody(changes, "bodies/from", directory::v1::BODY_STATUS_ACTIVE, 1);
    AddBody(changes, "bodies/to", directory::v1::BODY_STATUS_ACTIVE, 1);
    AddAgreement(changes, "ES3", "bodies/wide");
    AddAgreement(changes, "ES300", "bodies/near", "2020-01-01", "2026-05-04");
    AddUnit(changes, "bodies/from/units/u", directory::v1::UNIT_STATUS_ACTIVE, 1);
    AddUnit(changes, "bodies/to/units/u", directory::v1::UNIT_STATUS_ACTIVE, 1);
    AddOffer(changes, "offers/o", "bodies/to", directory::v1::OFFER_STATUS_ACTIVE, 1);
    Apply(changes, "c1");
    const RouteFacts facts = Ask(**store_.Snapshot());
    EXPECT_TRUE(facts.referring_unit.active);
    EXPECT_TRUE(facts.receiving_unit.active);
    EXPECT_TRUE(facts.offer.active);
    EXPECT_EQ(facts.offer.provider, "bodies/to");
    EXPECT_TRUE(facts.referring.active);
    EXPECT_TRUE(facts.receiving.active);
    EXPECT_EQ(facts.coordinating_body, "bodies/near");
  }
  RouteFacts Ask(const store::Reader& reader, absl::Time now = kNow, std::string_view to = "bodies/to") {
    Route route = kRoute;
    route.receiving = to;
    return *replica_.FindRoute(reader, route, now);
  }
  // Of the form that the rows have now.
  static std::string CursorKey(const store::Reader& reader) {
    const auto at = reader.Scan(store::PrefixRange(store::KeyBuilder().Text("dir.cursor").Take()));
    return at->Valid() ? std::string(at->key()) : std::string();
  }
  RouteFacts AskFor(const Route& route) { return *replica_.FindRoute(**store_.Snapshot(), route, kNow); }
  static constexpr Route kRoute = {.referring = "bodies/from",
                                   .receiving = "bodies/to",
                                   .theme = type::v1::THEME_HOUSING,
                                   .territory = "ES300/28058",
                                   .referring_unit = "bodies/from/units/u",
                                   .receiving_unit = "bodies/to/units/u",
                                   .offer = "offers/o"};
  static WatchChangesResponse Suspension() {
    WatchChangesResponse changes;
    AddBody(changes, "bodies/to", directory::v1::BODY_STATUS_SUSPENDED, 2);
    changes.set_next_cursor("c2");
    return changes;
  }
};

TEST_F(RouteTest, ASuspensionIsSeenByTheVeryNextCall) {
  const auto before = *store_.Snapshot();
  Apply(Suspension(), "c2");
  EXPECT_FALSE(Ask(**store_.Snapshot()).receiving.active);
  EXPECT_TRUE(Ask(*before).receiving.active) << "a reader sees the rows of its own snapshot";
  EXPECT_FALSE(Ask(**store_.Snapshot()).receiving.active);
}

// As after a failover: the rows decide, not who wrote them.
TEST_F(RouteTest, ASuspensionThatAnotherProcessWroteIsSeenToo) {
  DirectoryReplica another(store_);
  ASSERT_TRUE(another.Apply(Suspension(), kNow).ok());
  EXPECT_FALSE(Ask(**store_.Snapshot()).receiving.active);
}

TEST_F(RouteTest, TheTurnOfTheDayEndsAnAgreementThoughNothingIsWritten) {
  EXPECT_EQ(Ask(**store_.Snapshot(), Day(5, 5) - absl::Microseconds(1)).coordinating_body, "bodies/near");
  EXPECT_EQ(Ask(**store_.Snapshot(), Day(5, 5)).coordinating_body, "bodies/wide");
  EXPECT_EQ(Ask(**store_.Snapshot(), kNow).coordinating_body, "bodies/near") << "a clock that went back";
}

TEST_F(RouteTest, ATransactionSeesItsOwnWritesAndLeavesNothingWhenItFails) {
  const absl::Status status = store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
    writer.Put(store::KeyBuilder().Text("dir.body").Text("bodies/to").Take(),
               store::KeyBuilder().Uint(directory::v1::BODY_STATUS_SUSPENDED).Uint(0).Int(2).Uint(0).Take());
    writer.Put(CursorKey(writer), "c2");
    EXPECT_FALSE(Ask(writer).receiving.active);
    return absl::AbortedError("on purpose");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Ask(**store_.Snapshot()).receiving.active);
}

TEST_F(RouteTest, RoutesAreToldApart) {
  EXPECT_FALSE(Ask(**store_.Snapshot(), kNow, "bodies/none").receiving.exists);
  EXPECT_TRUE(Ask(**store_.Snapshot()).receiving.exists);
  for (std::string_view Route::*const part :
       {&Route::referring_unit, &Route::receiving_unit, &Route::offer}) {
    for (const std::string_view name : {"", "bodies/from/units/none"}) {
      Route other = kRoute;
      other.*part = name;
      const RouteFacts facts = AskFor(other);
      EXPECT_EQ(facts.referring_unit.exists, part != &Route::referring_unit) << name;
      EXPECT_EQ(facts.receiving_unit.exists, part != &Route::receiving_unit) << name;
      EXPECT_EQ(facts.offer.exists, part != &Route::offer) << name;
    }
  }
  EXPECT_TRUE(Ask(**store_.Snapshot()).offer.exists);
}

TEST_F(RouteTest, WhatClosesIsSeenByTheVeryNextCall) {
  const auto before = *store_.Snapshot();
  WatchChangesResponse changes;
  AddUnit(changes, "bodies/from/units/u", directory::v1::UNIT_STATUS_CLOSED, 2);
  AddUnit(changes, "bodies/to/units/u", directory::v1::UNIT_STATUS_CLOSED, 2);
  AddOffer(changes, "offers/o", "bodies/to", directory::v1::OFFER_STATUS_DEFUNCT, 2);
  Apply(changes, "c2");
  const RouteFacts facts = Ask(**store_.Snapshot());
  EXPECT_FALSE(facts.referring_unit.active);
  EXPECT_FALSE(facts.receiving_unit.active);
  EXPECT_FALSE(facts.offer.active);
  EXPECT_TRUE(Ask(*before).offer.active) << "a reader sees the rows of its own snapshot";
}

TEST_F(ReplicaTest, AnOlderRevisionOfAnAgreementChangesNothing) {
  WatchChangesResponse ended;
  AddAgreement(ended, "ES1", "bodies/a", "2020-01-01", "2026-04-30", type::v1::THEME_HOUSING, "a1", 2);
  Apply(ended, "c2");
  WatchChangesResponse before;
  AddAgreement(before, "ES1", "bodies/a", "2020-01-01", "", type::v1::THEME_HOUSING, "a1", 1);
  Apply(before, "c1");
  EXPECT_EQ(Coordinator("ES1"), "");
}

}  // namespace
}  // namespace waypost::referral
