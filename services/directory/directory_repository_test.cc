#include "services/directory/directory_repository.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/names.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"

namespace waypost::directory {
namespace {

using store::Reader;
using store::Writer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 10, 0, 0), absl::UTCTimeZone());

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

v1::Body Body(std::string_view id, std::string_view rest = "") {
  return Parse<v1::Body>(base::Cat("name: 'bodies/", id, "' kind: BODY_KIND_MUNICIPALITY level: LEVEL_LOCAL ",
                                   "status: BODY_STATUS_ACTIVE ", rest));
}
v1::Offer Offer(std::string_view id, std::string_view provider, std::string_view rest = "") {
  return Parse<v1::Offer>(base::Cat("name: 'offers/", id, "' provider: 'bodies/", provider,
                                    "' theme: THEME_HOUSING status: OFFER_STATUS_ACTIVE ", rest));
}

class Repository : public ::testing::Test {
 protected:
  absl::Status Transact(std::function<absl::Status(Writer&)> body) {
    return store::TransactAndWait(store, [&body](Writer& writer) { return body(writer); });
  }
  std::unique_ptr<Reader> Snapshot() { return *store.Snapshot(); }

  template <typename Resource>
  absl::Status Create(Resource resource) {
    return Transact([&](Writer& writer) { return repository.Create(writer, resource, kNow).status(); });
  }
  // Gets, changes, updates.
  template <typename Resource>
  absl::Status Change(std::string_view name, const std::function<void(Resource&)>& change) {
    return Transact([&](Writer& writer) -> absl::Status {
      const auto before = repository.Get<Resource>(writer, name);
      if (!before.ok()) return before.status();
      Resource after = before->resource;
      change(after);
      return repository.Update(writer, *before, std::move(after), kNow).status();
    });
  }

  // All pages of a listing, of `size` each; checks that only the last is short.
  template <typename Request>
  std::vector<std::string> Names(const Request& request, int size = 2) {
    const auto reader = Snapshot();
    std::vector<std::string> names;
    std::string position;
    do {
      const auto page = repository.List(*reader, request, position, size);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return names;
      EXPECT_TRUE(page->next.empty() || page->items.size() == static_cast<size_t>(size));
      for (const auto& item : page->items) names.push_back(item.resource.name());
      position = page->next;
    } while (!position.empty());
    return names;
  }

  store::MemoryStore store;
  DirectoryRepository repository;
};

TEST_F(Repository, CreatesOnceAndCountsRevisions) {
  EXPECT_EQ(error::ReasonOf(repository.Get<v1::Body>(*Snapshot(), "bodies/aa").status()), "NOT_FOUND");
  EXPECT_TRUE(Create(Body("aa")).ok());
  EXPECT_EQ(Create(Body("aa")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(repository.Get<v1::Body>(*Snapshot(), "bodies/aa")->revision, 1);
  EXPECT_TRUE(Change<v1::Body>("bodies/aa", [](v1::Body& body) { body.set_website("https://x.eu"); }).ok());
  const auto body = repository.Get<v1::Body>(*Snapshot(), "bodies/aa");
  EXPECT_EQ(body->revision, 2);
  EXPECT_EQ(body->resource.website(), "https://x.eu");
}

TEST_F(Repository, ANameOfAnotherKindIsNotFound) {
  EXPECT_TRUE(Create(Body("aa")).ok());
  for (const std::string_view name : {"offers/aa", "bodies/aa/units/aa", "", "bodies/", "bodies/AA"}) {
    EXPECT_EQ(repository.Get<v1::Body>(*Snapshot(), name).status().code(), absl::StatusCode::kNotFound)
        << name;
  }
}

TEST_F(Repository, BytesThatCannotBeReadAreDataLoss) {
  const std::string key = store::KeyBuilder().Text("body").Text("aa").Take();
  for (const std::string& bytes : {std::string("\xFF"), std::string(), std::string("\x08\x02")}) {
    EXPECT_TRUE(Transact([&](Writer& writer) {
                  writer.Put(key, bytes);
                  return absl::OkStatus();
                }).ok());
    EXPECT_EQ(error::ReasonOf(repository.Get<v1::Body>(*Snapshot(), "bodies/aa").status()), "DATA_LOSS");
  }
}

TEST_F(Repository, EveryListingOfBodies) {
  EXPECT_TRUE(Create(Body("femp")).ok());
  EXPECT_TRUE(
      Change<v1::Body>("bodies/femp", [](v1::Body& b) { b.set_kind(v1::BODY_KIND_ASSOCIATION); }).ok());
  EXPECT_TRUE(
      Create(Parse<v1::Body>("name: 'bodies/region' kind: BODY_KIND_REGION level: LEVEL_REGIONAL")).ok());
  for (const std::string_view id : {"cc", "aa", "bb"}) {
    EXPECT_TRUE(Create(Body(id, "parent: 'bodies/region' memberships { association: 'bodies/femp' }")).ok());
  }
  EXPECT_THAT(Names(v1::ListBodiesRequest()),
              ElementsAre("bodies/aa", "bodies/bb", "bodies/cc", "bodies/femp", "bodies/region"));
  EXPECT_THAT(Names(Parse<v1::ListBodiesRequest>("parent: 'bodies/region'")),
              ElementsAre("bodies/aa", "bodies/bb", "bodies/cc"));
  EXPECT_THAT(Names(Parse<v1::ListBodiesRequest>("association: 'bodies/femp'"), 1),
              ElementsAre("bodies/aa", "bodies/bb", "bodies/cc"));
  EXPECT_THAT(Names(Parse<v1::ListBodiesRequest>("kind: BODY_KIND_ASSOCIATION")), ElementsAre("bodies/femp"));
  EXPECT_THAT(Names(Parse<v1::ListBodiesRequest>("level: LEVEL_REGIONAL")), ElementsAre("bodies/region"));
  EXPECT_THAT(Names(Parse<v1::ListBodiesRequest>("level: LEVEL_EUROPEAN")), IsEmpty());
}

TEST_F(Repository, UnitsOfOneBodyOnly) {
  for (const std::string_view name : {"bodies/aa/units/u2", "bodies/aa/units/u1", "bodies/aab/units/u1"}) {
    v1::Unit unit;
    unit.set_name(std::string(name));
    EXPECT_TRUE(Create(unit).ok());
  }
  EXPECT_THAT(Names(Parse<v1::ListUnitsRequest>("parent: 'bodies/aa'"), 1),
              ElementsAre("bodies/aa/units/u1", "bodies/aa/units/u2"));
  EXPECT_THAT(Names(Parse<v1::ListUnitsRequest>("parent: 'bodies/ab'")), IsEmpty());
}

TEST_F(Repository, UnitsOfABodyAreLimited) {
  v1::Unit unit;
  unit.set_name("bodies/ab/units/of-another");
  ASSERT_TRUE(Create(unit).ok());
  for (int i = 0; i < kMaxUnits; ++i) {
    EXPECT_TRUE(repository.CheckRoomForUnit(*Snapshot(), "bodies/aa").ok()) << i;
    unit.set_name(base::Cat("bodies/aa/units/u", i));
    ASSERT_TRUE(Create(unit).ok());
  }
  EXPECT_EQ(error::ReasonOf(repository.CheckRoomForUnit(*Snapshot(), "bodies/aa")), "LIMIT_EXCEEDED");
  EXPECT_TRUE(repository.CheckRoomForUnit(*Snapshot(), "bodies/ab").ok());
}

TEST_F(Repository, OffersByProviderProgrammeAndPlaceNearestFirst) {
  EXPECT_TRUE(Create(Offer("wide", "aa", "territories: 'ES'")).ok());
  EXPECT_TRUE(
      Create(Offer("near", "bb", "territories: 'ES300/28058' territories: 'FR' programme: 'programmes/pp'"))
          .ok());
  EXPECT_TRUE(Create(Offer("middle", "aa", "territories: 'ES300'")).ok());
  EXPECT_TRUE(Create(Offer("other", "aa", "territories: 'ES300/28059'")).ok());
  EXPECT_THAT(Names(v1::ListOffersRequest()),
              ElementsAre("offers/middle", "offers/near", "offers/other", "offers/wide"));
  EXPECT_THAT(Names(Parse<v1::ListOffersRequest>("provider: 'bodies/aa'")),
              ElementsAre("offers/middle", "offers/other", "offers/wide"));
  EXPECT_THAT(Names(Parse<v1::ListOffersRequest>("programme: 'programmes/pp'")), ElementsAre("offers/near"));
  for (const int size : {1, 2, 3, 10}) {
    EXPECT_THAT(Names(Parse<v1::ListOffersRequest>("theme: THEME_HOUSING territory: 'ES300/28058'"), size),
                ElementsAre("offers/near", "offers/middle", "offers/wide"));
  }
  EXPECT_THAT(Names(Parse<v1::ListOffersRequest>("theme: THEME_YOUTH territory: 'ES300/28058'")), IsEmpty());
}

TEST_F(Repository, APositionOfAnotherQueryIsRefused) {
  EXPECT_TRUE(Create(Offer("one", "aa", "territories: 'ES'")).ok());
  EXPECT_TRUE(Create(Offer("two", "aa", "territories: 'ES'")).ok());
  const auto reader = Snapshot();
  const auto page = repository.List(*reader, v1::ListOffersRequest(), "", 1);
  ASSERT_TRUE(page.ok());
  ASSERT_FALSE(page->next.empty());
  const auto request = Parse<v1::ListOffersRequest>("provider: 'bodies/aa'");
  EXPECT_EQ(error::ReasonOf(repository.List(*reader, request, page->next, 1).status()), "PAGE_TOKEN_INVALID");
}

TEST_F(Repository, APageEndsBeforeItOutgrowsAMessage) {
  for (int i = 0; i < 6; ++i) {
    v1::Offer offer = Offer(base::Cat("of", i), "aa", "territories: 'ES'");
    (*offer.mutable_description()->mutable_text())["es"] = std::string(1'000'000, 'x');
    EXPECT_TRUE(Create(offer).ok());
  }
  const auto reader = Snapshot();
  for (const std::string_view request : {"", "provider: 'bodies/aa'"}) {
    const auto page = repository.List(*reader, Parse<v1::ListOffersRequest>(request), "", 100);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->items.size(), 3u);
    const auto rest = repository.List(*reader, Parse<v1::ListOffersRequest>(request), page->next, 100);
    EXPECT_EQ(rest->items.size(), 3u);
    EXPECT_TRUE(rest->next.empty());
  }
  const auto changes = repository.Changes(*reader, 0, 100);
  ASSERT_TRUE(changes.ok());
  EXPECT_EQ(changes->changes.size(), 3u);
  EXPECT_FALSE(changes->up_to_date);
}

// --- References -------------------------------------------------------------------------------------

TEST_F(Repository, WhatABodyRefersToMustExistAndFit) {
  EXPECT_TRUE(Create(Body("town")).ok());
  EXPECT_TRUE(Create(Body("femp", "")).ok());
  const v1::Body body = Body("aa", R"(
      parent: "bodies/nowhere" memberships { association: "bodies/gone" }
      memberships { association: "bodies/femp" }
      contacts { unit: "bodies/aa/units/uu" })");
  EXPECT_THAT(error::ViolationsOf(repository.CheckReferences(*Snapshot(), nullptr, body)),
              ElementsAre("body.parent: does not exist", "body.memberships[0].association: does not exist",
                          "body.memberships[1].association: is not an association",
                          "body.contacts[0].unit: does not exist"));
  // What was there already is not looked at again.
  EXPECT_TRUE(repository.CheckReferences(*Snapshot(), &body, body).ok());
}

TEST_F(Repository, NoBodyIsAboveItselfAndLinesAreShort) {
  EXPECT_TRUE(Create(Body("b0")).ok());
  for (int i = 1; i <= kMaxParents; ++i) {
    const v1::Body body = Body(base::Cat("b", i), base::Cat("parent: 'bodies/b", i - 1, "'"));
    EXPECT_TRUE(repository.CheckReferences(*Snapshot(), nullptr, body).ok()) << i;
    EXPECT_TRUE(Create(body).ok());
  }
  EXPECT_FALSE(repository
                   .CheckReferences(*Snapshot(), nullptr,
                                    Body("deep", base::Cat("parent: 'bodies/b", kMaxParents, "'")))
                   .ok());
  const v1::Body before = Body("b0");
  EXPECT_THAT(error::ViolationsOf(
                  repository.CheckReferences(*Snapshot(), &before, Body("b0", "parent: 'bodies/b3'"))),
              ElementsAre("body.parent: is below this body"));
}

TEST_F(Repository, ABodyIsNotMovedWhereTheBodiesBelowItWouldLieTooDeep) {
  // a0 above a1 ... above a8; b0 above b1 above b2, and b9 beside b1.
  EXPECT_TRUE(Create(Body("a0")).ok());
  for (int i = 1; i <= kMaxParents; ++i) {
    EXPECT_TRUE(Create(Body(base::Cat("a", i), base::Cat("parent: 'bodies/a", i - 1, "'"))).ok());
  }
  EXPECT_TRUE(Create(Body("b0")).ok());
  EXPECT_TRUE(Create(Body("b1", "parent: 'bodies/b0'")).ok());
  EXPECT_TRUE(Create(Body("b2", "parent: 'bodies/b1'")).ok());
  EXPECT_TRUE(Create(Body("b9", "parent: 'bodies/b0'")).ok());
  const auto moved = [&](std::string_view id, std::string_view parent) {
    const auto before = repository.Get<v1::Body>(*Snapshot(), base::Cat("bodies/", id));
    v1::Body after = before->resource;
    after.set_parent(std::string(parent));
    return repository.CheckReferences(*Snapshot(), &before->resource, after);
  };
  for (int i = 0; i <= kMaxParents; ++i) {
    // With its two levels below it, b0 has room where at most six bodies stand above it.
    const absl::Status status = moved("b0", base::Cat("bodies/a", i));
    EXPECT_EQ(status.ok(), i + 1 + 2 <= kMaxParents) << i << ": " << status;
    EXPECT_EQ(error::ReasonOf(status), status.ok() ? "" : "INVALID_FIELD") << i;
    EXPECT_EQ(moved("b2", base::Cat("bodies/a", i)).ok(), i + 1 <= kMaxParents) << i;
  }
  EXPECT_TRUE(moved("b0", "").ok());
  EXPECT_TRUE(moved("a1", "").ok()) << "up, with seven below it";
  EXPECT_TRUE(moved("a1", "bodies/a0").ok()) << "where it is";
}

TEST_F(Repository, ABodyWithTooManyBelowItToLookAtIsNotMoved) {
  EXPECT_TRUE(Create(Body("top")).ok());
  EXPECT_TRUE(Create(Body("wide")).ok());
  for (int i = 0; i < kMaxBodiesBelow; ++i) {
    ASSERT_TRUE(Create(Body(base::Cat("w", i), "parent: 'bodies/wide'")).ok()) << i;
  }
  const v1::Body before = repository.Get<v1::Body>(*Snapshot(), "bodies/wide")->resource;
  v1::Body after = before;
  after.set_parent("bodies/top");
  EXPECT_TRUE(repository.CheckReferences(*Snapshot(), &before, after).ok());
  EXPECT_TRUE(Create(Body("one-more", "parent: 'bodies/wide'")).ok());
  EXPECT_EQ(error::ReasonOf(repository.CheckReferences(*Snapshot(), &before, after)), "LIMIT_EXCEEDED");
}

TEST_F(Repository, WhatOffersAndProgrammesReferToMustExist) {
  EXPECT_THAT(error::ViolationsOf(repository.CheckReferences(
                  *Snapshot(), nullptr, Offer("of", "aa", "programme: 'programmes/pp'"))),
              ElementsAre("offer.provider: does not exist", "offer.programme: does not exist"));
  EXPECT_THAT(error::ViolationsOf(repository.CheckReferences(
                  *Snapshot(), nullptr, Parse<v1::Programme>("lead: 'bodies/aa' partners: 'bodies/bb'"))),
              ElementsAre("programme.lead: does not exist", "programme.partners[0]: does not exist"));
  const auto before = Parse<v1::Programme>("lead: 'bodies/aa' partners: 'bodies/bb'");
  EXPECT_THAT(error::ViolationsOf(repository.CheckReferences(
                  *Snapshot(), &before,
                  Parse<v1::Programme>("lead: 'bodies/aa' partners: 'bodies/cc' partners: 'bodies/bb'"))),
              ElementsAre("programme.partners[0]: does not exist"));
}

v1::CoordinationAgreement Agreement(std::string_view id, std::string_view code, std::string_view period) {
  return Parse<v1::CoordinationAgreement>(base::Cat("name: 'coordinationAgreements/", id,
                                                    "' theme: THEME_HOUSING body: 'bodies/", id,
                                                    "' territory: '", code, "' period { ", period, " }"));
}

TEST_F(Repository, TheCoordinatingBodyIsOfTheNearestCurrentAgreement) {
  const auto coordinating = [&](std::string_view code) {
    return *repository.CoordinatingBody(*Snapshot(), type::v1::THEME_HOUSING, code, kNow);
  };
  EXPECT_EQ(coordinating("ES300"), "");
  EXPECT_TRUE(Create(Agreement("state", "ES", "start_date: '2020-01-01'")).ok());
  EXPECT_TRUE(Create(Agreement("past", "ES300", "start_date: '2020-01-01' end_date: '2026-11-20'")).ok());
  EXPECT_TRUE(Create(Agreement("future", "ES300", "start_date: '2026-11-22'")).ok());
  EXPECT_EQ(coordinating("ES300/28058"), "bodies/state");
  EXPECT_TRUE(Create(Agreement("today", "ES300", "start_date: '2026-11-21' end_date: '2026-11-21'")).ok());
  EXPECT_EQ(coordinating("ES300/28058"), "bodies/today");
  EXPECT_EQ(coordinating("ES30"), "bodies/state");
  EXPECT_EQ(coordinating("FR"), "");
}

TEST_F(Repository, AgreementsOfOnePlaceNeverOverlap) {
  EXPECT_TRUE(Create(Body("aa")).ok());
  EXPECT_TRUE(Create(Agreement("aa", "ES300", "start_date: '2026-01-01' end_date: '2026-12-31'")).ok());
  const auto reason = [&](std::string_view code, std::string_view period) {
    v1::CoordinationAgreement agreement = Agreement("aa", code, period);
    return error::ReasonOf(repository.CheckNew(*Snapshot(), agreement));
  };
  EXPECT_EQ(reason("ES300", "start_date: '2026-12-31'"), "AGREEMENT_OVERLAPS");
  EXPECT_EQ(reason("ES300", "start_date: '2027-01-01'"), "");
  EXPECT_EQ(reason("ES30", "start_date: '2026-12-31'"), "");
  EXPECT_EQ(
      error::ReasonOf(repository.CheckNew(*Snapshot(), Agreement("zz", "ES511", "start_date: '2027-01-01'"))),
      "INVALID_FIELD");
}

v1::Succession Merger(std::string_view from, std::string_view to, std::string_view rest = "") {
  return Parse<v1::Succession>(base::Cat("name: 'successions/", from, "-", to,
                                         "' kind: SUCCESSION_KIND_MERGED predecessor: 'bodies/", from,
                                         "' shares { successor: 'bodies/", to, "' ", rest,
                                         " } period { start_date: '2026-01-01' } reference: 'x'"));
}

TEST_F(Repository, SuccessionsAreListedFromBothSides) {
  EXPECT_TRUE(Create(Merger("aa", "cc")).ok());
  EXPECT_TRUE(Create(Merger("bb", "cc")).ok());
  EXPECT_TRUE(Create(Merger("dd", "ee", "themes: 1")).ok());
  v1::Succession split = Merger("dd", "ff", "themes: 2");
  *split.add_shares() = Parse<v1::SuccessionShare>("successor: 'bodies/cc' themes: 3");
  EXPECT_TRUE(Create(split).ok());
  EXPECT_THAT(Names(v1::ListSuccessionsRequest()), ElementsAre("successions/aa-cc", "successions/bb-cc",
                                                               "successions/dd-ee", "successions/dd-ff"));
  EXPECT_THAT(Names(Parse<v1::ListSuccessionsRequest>("predecessor: 'bodies/dd'")),
              ElementsAre("successions/dd-ee", "successions/dd-ff"));
  EXPECT_THAT(Names(Parse<v1::ListSuccessionsRequest>("successor: 'bodies/cc'")),
              ElementsAre("successions/aa-cc", "successions/bb-cc", "successions/dd-ff"));
  EXPECT_THAT(Names(Parse<v1::ListSuccessionsRequest>("successor: 'bodies/dd'")), IsEmpty());
}

TEST_F(Repository, ASuccessionIsRefusedWhereItContradictsOthers) {
  for (const std::string_view id : {"aa", "bb", "cc", "dd"}) EXPECT_TRUE(Create(Body(id)).ok());
  EXPECT_TRUE(Create(Merger("aa", "bb")).ok());
  const auto check = [&](const v1::Succession& succession) {
    return repository.CheckNew(*Snapshot(), succession);
  };
  EXPECT_THAT(error::ViolationsOf(check(Merger("yy", "zz"))),
              ElementsAre("succession.predecessor: does not exist",
                          "succession.shares[0].successor: does not exist"));
  EXPECT_EQ(error::ReasonOf(check(Merger("aa", "cc"))), "SUCCESSION_OVERLAPS");
  EXPECT_EQ(error::MetadataOf(check(Merger("aa", "cc")), "succession"), "successions/aa-bb");
  EXPECT_EQ(error::ReasonOf(check(Merger("bb", "aa"))), "SUCCESSION_CYCLE");
  EXPECT_EQ(error::MetadataOf(check(Merger("bb", "aa")), "body"), "bodies/bb");
  EXPECT_TRUE(check(Merger("aa", "cc", "themes: 1")).ok());
  EXPECT_TRUE(check(Merger("bb", "cc")).ok());
}

TEST_F(Repository, ABodyHasOnlySoManySuccessions) {
  for (const std::string_view id : {"aa", "bb"}) EXPECT_TRUE(Create(Body(id)).ok());
  for (int i = 0; i < kMaxSuccessionsOfBody; ++i) {
    v1::Succession each = Merger("aa", "bb", base::Cat("territories: 'ES300/", i, "'"));
    each.set_name(base::Cat("successions/s", i));
    if (i + 1 == kMaxSuccessionsOfBody) {
      EXPECT_TRUE(repository.CheckNew(*Snapshot(), each).ok());
    }
    EXPECT_TRUE(Create(each).ok());
  }
  EXPECT_EQ(error::ReasonOf(repository.CheckNew(*Snapshot(), Merger("aa", "bb"))), "LIMIT_EXCEEDED");
}

TEST_F(Repository, ARouteKnowsWhoSucceededWhatItFound) {
  const std::string_view competence =
      "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' }";
  for (const std::string_view id : {"aa", "cc", "ee"}) EXPECT_TRUE(Create(Body(id, competence)).ok());
  for (const std::string_view id : {"bb", "dd", "ff"}) EXPECT_TRUE(Create(Body(id)).ok());
  EXPECT_TRUE(Create(Merger("cc", "bb")).ok());
  EXPECT_TRUE(Create(Merger("bb", "dd", "themes: THEME_HOUSING")).ok());
  EXPECT_TRUE(Create(Merger("ee", "ff", "themes: THEME_YOUTH")).ok());
  const auto gather = [&](absl::Time now) {
    return *repository.Gather(
        *Snapshot(), Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'ES300/28058'"), now);
  };
  const RouteMaterial material = gather(kNow);
  ASSERT_EQ(material.successors.size(), 1u);
  EXPECT_EQ(material.successors.at("bodies/cc").body, "bodies/dd");
  EXPECT_EQ(material.bodies.count("bodies/dd"), 1u);
  EXPECT_EQ(material.bodies.count("bodies/bb"), 0u);
  EXPECT_TRUE(gather(kNow - absl::Hours(24 * 365)).successors.empty());
}

// --- Tasks ------------------------------------------------------------------------------------------

class TasksOfBody : public Repository {
 protected:
  // "OFFER_REVIEW_DUE offers/of 2026-01-01", read in pages of `size`.
  std::vector<std::string> Tasks(std::string_view body, absl::CivilDay today, int size = 2) {
    const auto reader = Snapshot();
    std::vector<std::string> words;
    std::string position;
    do {
      const auto page = repository.Tasks(*reader, base::Cat("bodies/", body), today, position, size);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return words;
      EXPECT_TRUE(page->next.empty() || page->tasks.size() == static_cast<size_t>(size));
      for (const v1::DirectoryTask& task : page->tasks) {
        words.push_back(base::Cat(v1::DirectoryTaskKind_Name(task.kind()).substr(20), " ", task.resource(),
                                  " ", task.since_date(), task.group_id().empty() ? "" : " ",
                                  task.group_id()));
      }
      position = page->next;
    } while (!position.empty());
    return words;
  }
  // Every row that is not one of the store's own.
  std::map<std::string, std::string> Dump() {
    std::map<std::string, std::string> rows;
    const auto reader = Snapshot();
    for (auto at = reader->Scan({}); at->Valid(); at->Next()) {
      rows.emplace(std::string(at->key()), std::string(at->value()));
    }
    return rows;
  }
  absl::Status Programme(std::string_view id, std::string_view end) {
    return Create(Parse<v1::Programme>(
        base::Cat("name: 'programmes/", id, "' period { start_date: '2020-01-01' end_date: '", end, "' }")));
  }
};

constexpr std::string_view kStale =
    "groups { group_id: 'all' capacity { places: 1 update_time { seconds: 1788000000 } } } ";  // 29 August
                                                                                               // 2026

TEST_F(TasksOfBody, AreThereFromTheirDayOnAndNotBefore) {
  EXPECT_TRUE(Create(Offer("aa", "xx", base::Cat("assured_date: '2025-11-20' ", kStale))).ok());
  EXPECT_TRUE(Create(Offer("bb", "xx", "assured_date: '2026-11-20' review_date: '2026-11-20'")).ok());
  EXPECT_TRUE(Create(Offer("cc", "yy")).ok());
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 9, 28)), IsEmpty());
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 9, 29)),
              ElementsAre("CAPACITY_STALE offers/aa 2026-09-29 all"));
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 11, 20)),
              ElementsAre("CAPACITY_STALE offers/aa 2026-09-29 all"));
  EXPECT_THAT(
      Tasks("xx", absl::CivilDay(2026, 11, 21)),
      ElementsAre("CAPACITY_STALE offers/aa 2026-09-29 all", "OFFER_ASSURANCE_OVERDUE offers/aa 2026-11-21",
                  "OFFER_REVIEW_DUE offers/bb 2026-11-21"));
  EXPECT_THAT(Tasks("yy", absl::CivilDay(2026, 11, 21)),
              ElementsAre("OFFER_ASSURANCE_OVERDUE offers/cc 1970-01-01"));
  EXPECT_THAT(Tasks("zz", absl::CivilDay(2026, 11, 21)), IsEmpty());
}

TEST_F(TasksOfBody, GoOnceTheyAreDone) {
  const absl::CivilDay today(2026, 11, 21);
  EXPECT_TRUE(
      Create(Offer("aa", "xx", base::Cat("review_date: '2026-01-01' assured_date: '2025-01-01' ", kStale)))
          .ok());
  EXPECT_EQ(Tasks("xx", today).size(), 3u);
  // A report of places changes no other index, and this one.
  EXPECT_TRUE(Change<v1::Offer>("offers/aa", [](v1::Offer& offer) {
                offer.mutable_groups(0)->mutable_capacity()->mutable_update_time()->set_seconds(
                    absl::ToUnixSeconds(kNow));
              }).ok());
  EXPECT_EQ(Tasks("xx", today).size(), 2u);
  EXPECT_TRUE(Change<v1::Offer>("offers/aa", [](v1::Offer& offer) {
                offer.set_assured_date("2026-11-21");
                offer.clear_review_date();
              }).ok());
  EXPECT_THAT(Tasks("xx", today), IsEmpty());
  EXPECT_EQ(Tasks("xx", today + 31).size(), 1u);
  EXPECT_TRUE(Change<v1::Offer>("offers/aa", [](v1::Offer& offer) {
                offer.set_status(v1::OFFER_STATUS_DEFUNCT);
              }).ok());
  EXPECT_THAT(Tasks("xx", today + 1000), IsEmpty());
}

TEST_F(TasksOfBody, WhatEndsIsToldThirtyDaysAheadUntilItHasEnded) {
  const std::string competence =
      "competences { theme: THEME_YOUTH function: COMPETENCE_FUNCTION_FUND territory: 'ES300' "
      "validity { end_date: '2026-12-31' } } ";
  EXPECT_TRUE(Create(Body("xx", competence)).ok());
  EXPECT_TRUE(Create(Parse<v1::CoordinationAgreement>(
                         "name: 'coordinationAgreements/cc' theme: THEME_HOUSING territory: 'ES' "
                         "body: 'bodies/xx' period { start_date: '2020-01-01' end_date: '2026-12-20' }"))
                  .ok());
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 11, 19)), IsEmpty());
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 11, 20)),
              ElementsAre("AGREEMENT_ENDING coordinationAgreements/cc 2026-11-20"));
  for (const absl::CivilDay day : {absl::CivilDay(2026, 12, 1), absl::CivilDay(2026, 12, 20)}) {
    EXPECT_THAT(Tasks("xx", day, 1), ElementsAre("AGREEMENT_ENDING coordinationAgreements/cc 2026-11-20",
                                                 "COMPETENCE_ENDING bodies/xx 2026-12-01"));
  }
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 12, 31)),
              ElementsAre("COMPETENCE_ENDING bodies/xx 2026-12-01"));
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2027, 1, 1)), IsEmpty());
  const auto task = repository.Tasks(*Snapshot(), "bodies/xx", absl::CivilDay(2026, 12, 31), "", 1)->tasks[0];
  EXPECT_EQ(task.theme(), type::v1::THEME_YOUTH);
  EXPECT_EQ(task.function(), v1::COMPETENCE_FUNCTION_FUND);
  EXPECT_EQ(task.territory(), "ES300");
  EXPECT_EQ(task.end_date(), "2026-12-31");
}

TEST_F(TasksOfBody, OffersOfAProgrammeThatEndsAreToBeHandedOver) {
  EXPECT_TRUE(Programme("ended", "2020-12-31").ok());
  EXPECT_TRUE(Programme("open", "").ok());
  EXPECT_TRUE(Programme("soon", "2026-12-31").ok());
  const std::string_view assured = "assured_date: '2026-11-20' ";
  for (const std::string_view programme : {"ended", "open", "soon"}) {
    for (const std::string_view id : {"a", "b"}) {
      EXPECT_TRUE(Create(Offer(base::Cat(programme, "-", id), "xx",
                               base::Cat(assured, "programme: 'programmes/", programme, "'")))
                      .ok());
    }
  }
  EXPECT_TRUE(Create(Offer("of-another", "yy", base::Cat(assured, "programme: 'programmes/ended'"))).ok());
  EXPECT_THAT(Tasks("xx", absl::CivilDay(2026, 11, 30)),
              ElementsAre("PROGRAMME_ENDING offers/ended-a 2020-12-01",
                          "PROGRAMME_ENDING offers/ended-b 2020-12-01"));
  for (const int size : {1, 2, 3, 500}) {
    EXPECT_THAT(
        Tasks("xx", absl::CivilDay(2026, 12, 1),
              size == 500 ? 4
              : size == 3 ? 1
                          : size),
        ElementsAre("PROGRAMME_ENDING offers/ended-a 2020-12-01",
                    "PROGRAMME_ENDING offers/ended-b 2020-12-01", "PROGRAMME_ENDING offers/soon-a 2026-12-01",
                    "PROGRAMME_ENDING offers/soon-b 2026-12-01"));
  }
  // What ends a programme is told to all at once, without a write to any offer.
  EXPECT_TRUE(Change<v1::Programme>("programmes/open", [](v1::Programme& programme) {
                programme.mutable_period()->set_end_date("2026-12-01");
              }).ok());
  EXPECT_EQ(Tasks("xx", absl::CivilDay(2026, 12, 1)).size(), 6u);
  EXPECT_TRUE(Change<v1::Offer>("offers/ended-a", [](v1::Offer& offer) {
                offer.set_status(v1::OFFER_STATUS_DEFUNCT);
              }).ok());
  EXPECT_TRUE(Change<v1::Offer>("offers/ended-b", [](v1::Offer& offer) { offer.clear_programme(); }).ok());
  EXPECT_EQ(Tasks("xx", absl::CivilDay(2026, 12, 1)).size(), 4u);
  const auto page = repository.Tasks(*Snapshot(), "bodies/xx", absl::CivilDay(2026, 12, 1), "nothing", 1);
  EXPECT_EQ(error::ReasonOf(page.status()), "PAGE_TOKEN_INVALID");
}

TEST_F(TasksOfBody, APageGoesOnWhereTheLastEndedThoughADayHasPassed) {
  EXPECT_TRUE(Create(Offer("aa", "xx", "assured_date: '2025-01-01'")).ok());
  EXPECT_TRUE(Create(Offer("bb", "xx", "assured_date: '2025-01-02'")).ok());
  EXPECT_TRUE(Create(Body("xx",
                          "competences { theme: 1 function: 1 territory: 'ES' "
                          "validity { end_date: '2026-11-21' } }"))
                  .ok());
  const absl::CivilDay today(2026, 11, 21);
  const auto page = repository.Tasks(*Snapshot(), "bodies/xx", today, "", 1);
  ASSERT_FALSE(page->next.empty());
  EXPECT_EQ(repository.Tasks(*Snapshot(), "bodies/xx", today, page->next, 5)->tasks.size(), 2u);
  EXPECT_EQ(repository.Tasks(*Snapshot(), "bodies/xx", today + 1, page->next, 5)->tasks.size(), 1u);
}

TEST_F(TasksOfBody, RowsFromBeforeAreGivenWhatTheyLackStepByStep) {
  for (int i = 0; i < kIndexedInStep; ++i) {
    EXPECT_TRUE(Create(Offer(base::Cat("of-", i), "xx")).ok());
  }
  std::string many;
  for (int i = 0; i < kMaxCompetences; ++i) {
    many += base::Cat("competences { theme: 1 function: 1 territory: 'ES300/", i,
                      "' validity { end_date: '2026-12-31' } } ");
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Create(Body(base::Cat("body-", i), many)).ok());
  EXPECT_TRUE(Create(Parse<v1::CoordinationAgreement>("name: 'coordinationAgreements/cc' theme: 1 territory: "
                                                      "'ES' body: 'bodies/xx' period { end_date: "
                                                      "'2026-12-20' }"))
                  .ok());
  EXPECT_TRUE(Create(Merger("body-0", "body-1")).ok());
  const auto whole = Dump();
  for (const std::string_view gone : {"task", "task.end", "offer.under", "place", "succession.any"}) {
    EXPECT_TRUE(Transact([&](Writer& writer) -> absl::Status {
                  for (const auto& [key, value] : whole) {
                    if (*store::KeyParser(key).Text() == gone) writer.Delete(key);
                  }
                  return absl::OkStatus();
                }).ok());
  }
  EXPECT_TRUE(Transact([&](Writer& writer) -> absl::Status {
                // Tables that stood where "place" stands now, and a walk that was not ended.
                for (int i = 0; i < kIndexedInStep; ++i) {
                  writer.Put(store::KeyBuilder().Text("competence").Uint(i).Take(), "");
                }
                for (const std::string_view table : {"agreement.place", "offer.place"}) {
                  writer.Put(store::KeyBuilder().Text(table).Uint(1).Take(), "");
                }
                storage::v1::IndexProgress progress;
                progress.set_format_version(1);
                progress.set_generation(2);
                progress.set_position(store::KeyBuilder().Text("offer").Text("of-9").Take());
                writer.Put(store::KeyBuilder().Text("index.progress").Take(), progress.SerializeAsString());
                return absl::OkStatus();
              }).ok());
  EXPECT_NE(Dump(), whole);
  int steps = 0;
  const auto step = [&] {
    bool done = false;
    EXPECT_TRUE(Transact([&](Writer& writer) -> absl::Status {
                  const auto result = repository.CompleteIndexes(writer);
                  if (!result.ok()) return result.status();
                  done = *result;
                  return absl::OkStatus();
                }).ok());
    ++steps;
    return done;
  };
  while (!step()) ASSERT_LT(steps, 100);
  EXPECT_GT(steps, 2);
  auto now = Dump();
  EXPECT_EQ(std::erase_if(
                now, [](const auto& row) { return *store::KeyParser(row.first).Text() == "index.progress"; }),
            1u);
  EXPECT_EQ(now, whole);
  EXPECT_TRUE(step());
}

// --- The feed ---------------------------------------------------------------------------------------

std::vector<std::string> Seen(const ChangePage& page) {
  std::vector<std::string> seen;
  for (const v1::Change& change : page.changes)
    seen.push_back(base::Cat(change.resource(), "@", change.revision()));
  return seen;
}

TEST_F(Repository, TheFeedGivesEachResourceOnceAtItsLastChange) {
  EXPECT_TRUE(Create(Body("aa")).ok());
  EXPECT_TRUE(Create(Offer("of", "aa", "territories: 'ES'")).ok());
  const auto first = repository.Changes(*Snapshot(), 0, 10);
  EXPECT_THAT(Seen(*first), ElementsAre("bodies/aa@1", "offers/of@1"));
  EXPECT_TRUE(first->up_to_date);
  EXPECT_TRUE(Change<v1::Body>("bodies/aa", [](v1::Body& body) { body.set_website("https://x.eu"); }).ok());
  const auto all = repository.Changes(*Snapshot(), 0, 10);
  EXPECT_THAT(Seen(*all), ElementsAre("offers/of@1", "bodies/aa@2"));
  EXPECT_EQ(all->changes[1].body().website(), "https://x.eu");
  EXPECT_EQ(all->changes[1].body().etag(), "\"2\"");
  const auto later = repository.Changes(*Snapshot(), first->next, 10);
  EXPECT_THAT(Seen(*later), ElementsAre("bodies/aa@2"));
  EXPECT_THAT(Seen(*repository.Changes(*Snapshot(), later->next, 10)), IsEmpty());
}

TEST_F(Repository, ACursorThatWasNeverGivenIsRefused) {
  EXPECT_TRUE(repository.Changes(*Snapshot(), 0, 1).ok());
  EXPECT_EQ(repository.Changes(*Snapshot(), 1, 1).status().code(), absl::StatusCode::kOutOfRange);
  for (const std::string_view cursor : {"x", "-1", "01", " 1", "1 ", "18446744073709551616"}) {
    EXPECT_FALSE(PositionOfCursor(cursor).ok()) << cursor;
  }
  EXPECT_EQ(*PositionOfCursor(""), 0u);
  EXPECT_EQ(*PositionOfCursor(CursorOf(77)), 77u);
}

// --- Routing over the indexes -----------------------------------------------------------------------

TEST_F(Repository, SomethingForAPartOfThePlaceIsNoticed) {
  EXPECT_TRUE(Create(Offer("of", "aa", "territories: 'ES300/28058'")).ok());
  EXPECT_TRUE(Create(Body("aa", "competences { theme: THEME_YOUTH territory: 'AT130/90001/07' }")).ok());
  const auto parts = [&](std::string_view theme, std::string_view code, std::string_view rest = "") {
    return repository
        .Gather(
            *Snapshot(),
            Parse<v1::ResolveRouteRequest>(base::Cat("theme: ", theme, " territory: '", code, "' ", rest)),
            kNow)
        ->recorded_for_parts;
  };
  for (const std::string_view code : {"EU", "ES", "ES3", "ES30", "ES300"})
    EXPECT_TRUE(parts("THEME_HOUSING", code)) << code;
  for (const std::string_view code : {"FR", "ES5", "ES300/2805", "ES300/28059", "AT130"}) {
    EXPECT_FALSE(parts("THEME_HOUSING", code)) << code;
  }
  EXPECT_TRUE(parts("THEME_YOUTH", "AT130/90001"));
  EXPECT_FALSE(parts("THEME_YOUTH", "AT130/9000"));
  EXPECT_FALSE(parts("THEME_YOUTH", "AT130/90001/07/1"));
  EXPECT_FALSE(parts("THEME_EMPLOYMENT", "EU"));
  EXPECT_FALSE(parts("THEME_HOUSING", "ES", "function: COMPETENCE_FUNCTION_DECIDE"));
  // Beyond a place where there is nothing but an offer, or an agreement.
  EXPECT_TRUE(
      Create(Parse<v1::CoordinationAgreement>("name: 'coordinationAgreements/cc' theme: THEME_HOUSING "
                                              "territory: 'ES300/3' body: 'bodies/aa'"))
          .ok());
  EXPECT_FALSE(parts("THEME_HOUSING", "ES300/3"));
  EXPECT_TRUE(Create(Body("bb", "competences { theme: THEME_HOUSING territory: 'ES512' }")).ok());
  EXPECT_TRUE(parts("THEME_HOUSING", "ES", "function: COMPETENCE_FUNCTION_DECIDE"));
  EXPECT_FALSE(parts("THEME_HOUSING", "ES3", "function: COMPETENCE_FUNCTION_DECIDE"));
}

TEST_F(Repository, PlacesWithinTheOneAskedForAreLookedAtUpToALimit) {
  const auto ask = [this](std::string_view rest) {
    return *repository.Gather(
        *Snapshot(), Parse<v1::ResolveRouteRequest>(base::Cat("theme: 1 territory: 'ES' ", rest)), kNow);
  };
  const std::string_view decide = "function: COMPETENCE_FUNCTION_DECIDE";
  std::string many;
  for (int i = 0; i < kMaxRouteEntries; ++i) many += base::Cat("territories: 'ES300/", 100'000 + i, "' ");
  EXPECT_TRUE(Create(Offer("of", "aa", many)).ok());
  EXPECT_FALSE(ask(decide).truncated);
  EXPECT_TRUE(Create(Offer("more", "aa", "territories: 'ES511'")).ok());
  EXPECT_TRUE(ask(decide).truncated) << "it is not known whether there is a competence";
  EXPECT_FALSE(ask(decide).recorded_for_parts);
  EXPECT_TRUE(ask("").recorded_for_parts);
  EXPECT_FALSE(ask("").truncated);
}

TEST_F(Repository, AQuestionLooksAtSoMuchAndSaysWhenThereIsMore) {
  EXPECT_TRUE(Create(Body("aa")).ok());
  EXPECT_TRUE(Create(Offer("near", "aa", "territories: 'ES300'")).ok());
  for (int i = 0; i < kMaxRouteEntries - 1; ++i) {
    EXPECT_TRUE(Create(Offer(base::Cat("of", i), "aa", "territories: 'ES'")).ok());
  }
  const auto request = Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'ES300'");
  auto material = repository.Gather(*Snapshot(), request, kNow);
  EXPECT_FALSE(material->truncated);
  EXPECT_EQ(material->offers.size(), static_cast<size_t>(kMaxRouteEntries));
  EXPECT_TRUE(Create(Offer("one-more", "aa", "territories: 'EU'")).ok());
  material = repository.Gather(*Snapshot(), request, kNow);
  EXPECT_TRUE(material->truncated);
  EXPECT_EQ(material->offers.size(), static_cast<size_t>(kMaxRouteEntries));
  EXPECT_EQ(material->offers[0].offer.name(), "offers/near");
}

// --- Everything against a model, under random changes -------------------------------------------------

class Random : public Repository, public ::testing::WithParamInterface<int> {
 protected:
  Random() : random_(static_cast<unsigned>(GetParam())) {}

  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string Place() {
    static constexpr std::array kPlaces = {"EU",    "ES",          "ES3",         "ES30",          "ES300",
                                           "ES511", "ES300/28058", "ES300/28059", "ES300/28058/1", "FR"};
    return kPlaces[static_cast<size_t>(Pick(kPlaces.size()))];
  }
  std::string BodyNamed() { return base::Cat("bodies/b", Pick(8)); }
  type::v1::Theme Theme() { return static_cast<type::v1::Theme>(1 + Pick(3)); }

  v1::Body RandomBody(const std::string& name) {
    v1::Body body = Body(name.substr(7));
    body.set_kind(static_cast<v1::BodyKind>(1 + Pick(7)));
    body.set_level(static_cast<type::v1::Level>(1 + Pick(4)));
    if (Pick(2) == 0) body.set_parent(BodyNamed());
    for (int i = Pick(3); i > 0; --i) body.add_memberships()->set_association(BodyNamed());
    for (int i = Pick(4); i > 0; --i) {
      v1::Competence& competence = *body.add_competences();
      competence.set_theme(Theme());
      competence.set_territory(Place());
      competence.set_function(v1::COMPETENCE_FUNCTION_PROVIDE);
    }
    return body;
  }

  v1::Offer RandomOffer(const std::string& name) {
    v1::Offer offer = Offer(name.substr(7), "b0");
    offer.set_theme(Theme());
    if (Pick(2) == 0) offer.set_programme("programmes/pp");
    for (int i = 1 + Pick(3); i > 0; --i) {
      const std::string code = Place();
      const bool covered =
          std::any_of(offer.territories().begin(), offer.territories().end(), [&](const auto& other) {
            return territory::Covers(other, code) || territory::Covers(code, other);
          });
      if (!covered) offer.add_territories(code);
    }
    return offer;
  }

  // One for a theme and territory at most, so that none overlap.
  v1::CoordinationAgreement RandomAgreement() {
    v1::CoordinationAgreement agreement;
    agreement.set_theme(Theme());
    agreement.set_territory(Place());
    std::string id = base::Cat("c", static_cast<int>(agreement.theme()), "-", agreement.territory());
    absl::AsciiStrToLower(&id);
    std::replace(id.begin(), id.end(), '/', '-');
    agreement.set_name(base::Cat("coordinationAgreements/", id));
    agreement.set_body(BodyNamed());
    if (Pick(3) == 0) agreement.mutable_period()->set_end_date("2020-12-31");
    return agreement;
  }

  // One change of one resource, in the store and in the model.
  void Step() {
    if (const int kind = Pick(5); kind < 2) {
      const std::string name = BodyNamed();
      Apply(RandomBody(name), bodies_);
    } else if (kind == 2) {
      Apply(RandomAgreement(), agreements_);
    } else {
      v1::Offer offer = RandomOffer(base::Cat("offers/o", Pick(10)));
      const auto known = offers_.find(offer.name());
      offer.set_provider(known == offers_.end() ? BodyNamed() : known->second.provider());
      Apply(offer, offers_);
    }
  }

  template <typename Resource>
  void Apply(const Resource& resource, std::map<std::string, Resource>& model) {
    const bool fails = Pick(5) == 0;  // the body ends in an error: nothing may be left of it
    const absl::Status status = Transact([&](Writer& writer) -> absl::Status {
      const auto before = repository.Get<Resource>(writer, resource.name());
      const auto written = before.ok() ? repository.Update(writer, *before, resource, kNow)
                                       : repository.Create(writer, resource, kNow);
      EXPECT_TRUE(written.ok());
      return fails ? absl::AbortedError("on purpose") : absl::OkStatus();
    });
    EXPECT_EQ(status.ok(), !fails);
    if (fails) return;
    model[resource.name()] = resource;
    order_.erase(std::remove(order_.begin(), order_.end(), resource.name()), order_.end());
    order_.push_back(resource.name());
  }

  template <typename Resource, typename Belongs>
  static std::vector<std::string> Those(const std::map<std::string, Resource>& model, Belongs belongs) {
    std::vector<std::string> names;
    for (const auto& [name, resource] : model) {
      if (belongs(resource)) names.push_back(name);
    }
    return names;
  }

  void ExpectListingsOfBodies();
  void ExpectListingsOfOffers();
  void ExpectRoutes();
  void ExpectCoordination(const v1::ResolveRouteRequest& request);
  void ExpectFeed();

  std::mt19937 random_;
  std::map<std::string, v1::Body> bodies_;
  std::map<std::string, v1::Offer> offers_;
  std::map<std::string, v1::CoordinationAgreement> agreements_;
  std::vector<std::string> order_;  // by last change
};

void Random::ExpectListingsOfBodies() {
  EXPECT_EQ(Names(v1::ListBodiesRequest()), Those(bodies_, [](const auto&) { return true; }));
  v1::ListBodiesRequest request;
  for (int kind = 1; kind <= 7; ++kind) {
    request.set_kind(static_cast<v1::BodyKind>(kind));
    EXPECT_EQ(Names(request), Those(bodies_, [&](const v1::Body& body) { return body.kind() == kind; }));
  }
  request.Clear();
  for (int level = 1; level <= 4; ++level) {
    request.set_level(static_cast<type::v1::Level>(level));
    EXPECT_EQ(Names(request), Those(bodies_, [&](const v1::Body& body) { return body.level() == level; }));
  }
  for (int i = 0; i < 8; ++i) {
    const std::string above = base::Cat("bodies/b", i);
    request.Clear();
    request.set_parent(above);
    EXPECT_EQ(Names(request), Those(bodies_, [&](const v1::Body& body) { return body.parent() == above; }));
    request.Clear();
    request.set_association(above);
    EXPECT_EQ(Names(request), Those(bodies_, [&](const v1::Body& body) {
                return std::any_of(body.memberships().begin(), body.memberships().end(),
                                   [&](const v1::Membership& each) { return each.association() == above; });
              }));
  }
}

void Random::ExpectListingsOfOffers() {
  v1::ListOffersRequest request;
  EXPECT_EQ(Names(request), Those(offers_, [](const auto&) { return true; }));
  request.set_programme("programmes/pp");
  EXPECT_EQ(Names(request),
            Those(offers_, [](const v1::Offer& offer) { return !offer.programme().empty(); }));
  for (int i = 0; i < 8; ++i) {
    request.Clear();
    request.set_provider(base::Cat("bodies/b", i));
    EXPECT_EQ(Names(request),
              Those(offers_, [&](const v1::Offer& offer) { return offer.provider() == request.provider(); }));
  }
}

// Who coordinates is found alone, with everything else, and where offers are passed over.
void Random::ExpectCoordination(const v1::ResolveRouteRequest& request) {
  std::string body;
  int depth = -1;
  for (const auto& [name, agreement] : agreements_) {
    if (agreement.theme() != request.theme() || agreement.period().end_date() != "" ||
        !territory::Covers(agreement.territory(), request.territory()) ||
        territory::TerritoryDepth(agreement.territory()) <= depth)
      continue;
    body = agreement.body();
    depth = territory::TerritoryDepth(agreement.territory());
  }
  EXPECT_EQ(*repository.CoordinatingBody(*Snapshot(), request.theme(), request.territory(), kNow), body);
  EXPECT_EQ(repository.Gather(*Snapshot(), request, kNow)->coordinating_body, body);
  v1::ResolveRouteRequest decides = request;
  decides.set_function(v1::COMPETENCE_FUNCTION_DECIDE);
  const auto without_offers = repository.Gather(*Snapshot(), decides, kNow);
  EXPECT_EQ(without_offers->coordinating_body, body);
  EXPECT_THAT(without_offers->offers, IsEmpty());
}

// What Gather finds is what a look at every single resource finds.
void Random::ExpectRoutes() {
  for (const std::string_view code :
       {"EU", "ES", "ES300", "ES300/28058", "ES300/28058/1", "ES511", "FR", "AT"}) {
    for (int theme = 1; theme <= 4; ++theme) {
      v1::ResolveRouteRequest request;
      request.set_theme(static_cast<type::v1::Theme>(theme));
      request.set_territory(std::string(code));
      // Providers and programmes are looked up: a world in which they are missing is corrupt, not empty.
      const auto competent = [&](const v1::Body& body) {
        return std::any_of(body.competences().begin(), body.competences().end(),
                           [&](const v1::Competence& each) {
                             return each.theme() == theme && territory::Covers(each.territory(), code);
                           });
      };
      const auto serves = [&](const v1::Offer& offer) {
        return offer.theme() == theme &&
               std::any_of(offer.territories().begin(), offer.territories().end(),
                           [&](const std::string& each) { return territory::Covers(each, code); });
      };
      const auto material = repository.Gather(*Snapshot(), request, kNow);
      ASSERT_TRUE(material.ok()) << material.status();
      std::vector<std::string> found;
      for (const FoundOffer& offer : material->offers) {
        found.push_back(offer.offer.name());
        EXPECT_TRUE(territory::Covers(offer.territory, code));
      }
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, Those(offers_, serves));
      std::set<std::string> bodies;
      for (const std::string& name : Those(bodies_, competent)) bodies.insert(name);
      for (const std::string& name : Those(offers_, serves)) bodies.insert(offers_.at(name).provider());
      std::set<std::string> gathered;
      for (const auto& [name, body] : material->bodies) gathered.insert(name);
      EXPECT_EQ(gathered, bodies);
      v1::ListOffersRequest list;
      list.set_theme(request.theme());
      list.set_territory(request.territory());
      std::vector<std::string> listed = Names(list);
      std::sort(listed.begin(), listed.end());
      EXPECT_EQ(listed, found);
      ExpectCoordination(request);
    }
  }
}

// Read in small pages, the feed gives every resource once, in the order of their last changes.
void Random::ExpectFeed() {
  const auto reader = Snapshot();
  std::vector<std::string> names;
  uint64_t position = 0;
  while (true) {
    const auto page = repository.Changes(*reader, position, 3);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::Change& change : page->changes) names.push_back(change.resource());
    position = page->next;
    if (page->up_to_date) break;
  }
  EXPECT_EQ(names, order_);
}

TEST_P(Random, IndexesAndFeedAgreeWithTheModel) {
  v1::Programme programme;
  programme.set_name("programmes/pp");
  ASSERT_TRUE(Create(programme).ok());
  order_.push_back(programme.name());
  for (int i = 0; i < 8; ++i) Apply(RandomBody(base::Cat("bodies/b", i)), bodies_);
  for (int i = 0; i < 8; ++i) {  // those whose first write failed on purpose
    if (!bodies_.contains(base::Cat("bodies/b", i))) {
      const v1::Body body = RandomBody(base::Cat("bodies/b", i));
      ASSERT_TRUE(Create(body).ok());
      bodies_[body.name()] = body;
      order_.push_back(body.name());
    }
  }
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 40; ++i) Step();
    ExpectListingsOfBodies();
    ExpectListingsOfOffers();
    ExpectRoutes();
    ExpectFeed();
  }
}

// A replica that follows the feed from wherever it stands ends with what the directory has.
TEST_P(Random, AReplicaThatFollowsTheFeedConverges) {
  v1::Programme programme;
  programme.set_name("programmes/pp");
  ASSERT_TRUE(Create(programme).ok());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Create(RandomBody(base::Cat("bodies/b", i))).ok());
  std::map<std::string, int64_t> replica;
  uint64_t position = 0;
  bool up_to_date = false;
  for (int round = 0; round < 60 || !up_to_date; ++round) {
    if (round < 60) {
      Step();
      up_to_date = false;
    }
    if (Pick(2) == 0 && round < 60) continue;
    const auto page = repository.Changes(*Snapshot(), position, 1 + Pick(4));
    ASSERT_TRUE(page.ok());
    for (const v1::Change& change : page->changes) {
      EXPECT_GT(change.revision(), replica[change.resource()]);
      replica[change.resource()] = change.revision();
    }
    position = page->next;
    up_to_date = page->up_to_date;
  }
  for (const auto& [name, revision] : replica) {
    const int64_t present =
        name.rfind("bodies/", 0) == 0   ? repository.Get<v1::Body>(*Snapshot(), name)->revision
        : name.rfind("offers/", 0) == 0 ? repository.Get<v1::Offer>(*Snapshot(), name)->revision
        : name.rfind("coordinationAgreements/", 0) == 0
            ? repository.Get<v1::CoordinationAgreement>(*Snapshot(), name)->revision
            : 1;
    EXPECT_EQ(revision, present) << name;
  }
  EXPECT_EQ(replica.size(), 9u + offers_.size() + agreements_.size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, Random, ::testing::Range(0, 12));

}  // namespace
}  // namespace waypost::directory
