// Rows, indexes and codecs over a store in memory.
#include "services/referral/referral_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::ReferralRecord;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kName = "referrals/01jd0000000000000000000001";
constexpr std::string_view kNext = "referrals/01jd0000000000000000000002";  // its neighbour in every range
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class RepositoryTest : public ::testing::Test {
 protected:
  template <typename Body>
  void Write(Body body) {
    const absl::Status status =
        store::TransactAndWait(store_, [&body](store::Writer& writer) -> absl::Status {
          if constexpr (std::is_void_v<decltype(body(writer))>) {
            body(writer);
            return absl::OkStatus();
          } else {
            return body(writer);
          }
        });
    ASSERT_TRUE(status.ok()) << status;
  }
  std::unique_ptr<store::Reader> Reader() { return *store_.Snapshot(); }
  Holdings Held(std::string_view name) { return *Holdings::Load(*Reader(), name); }
  template <typename Edit>
  static void Change(store::Writer& writer, std::string_view name, const Edit& edit) {
    Holdings holdings = *Holdings::Load(writer, name);
    edit(holdings);
    holdings.Save(writer);
  }
  std::vector<std::string> Keys(std::string_view kind) {
    std::vector<std::string> keys;
    const auto reader = Reader();
    for (auto at = reader->Scan(store::PrefixRange(store::KeyBuilder().Text(kind).Take())); at->Valid();
         at->Next()) {
      keys.emplace_back(at->key());
    }
    return keys;
  }

  static ReferralRecord Record(std::string_view name, State state = kRequested) {
    ReferralRecord record;
    record.set_format_version(1);
    record.set_name(std::string(name));
    record.set_revision(1);
    record.set_state(state);
    record.mutable_referring()->set_body("bodies/a");
    record.mutable_receiving()->set_body("bodies/b");
    record.set_receiver_access(state == kDraft ? storage::v1::RECEIVER_ACCESS_NONE
                                               : storage::v1::RECEIVER_ACCESS_SCREENING);
    if (state != kDraft) *record.mutable_submit_time() = api::ToTimestamp(kNow);
    return record;
  }
  static void SetDue(ReferralRecord& record, absl::Time time) {
    record.mutable_due()->set_clock(v1::CLOCK_DECIDE);
    *record.mutable_due()->mutable_time() = api::ToTimestamp(time);
  }
  static Summaries SummariesOf(const ReferralRecord& record) {
    Summaries summaries;
    summaries.outbox.set_name(record.name());
    summaries.outbox.set_revision(record.revision());
    summaries.inbox = summaries.outbox;
    return summaries;
  }
  void PutRecord(const ReferralRecord* before, const ReferralRecord& next) {
    Write([&](store::Writer& writer) { Put(writer, before, next, SummariesOf(next)); });
  }

  store::MemoryStore store_;
};

TEST_F(RepositoryTest, ARecordIsReadAsItWasWritten) {
  EXPECT_EQ(Get(*Reader(), kName).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(*Has(*Reader(), kName));
  ReferralRecord record = Record(kName);
  SetDue(record, kNow);
  record.set_territory("ES300");
  PutRecord(nullptr, record);
  EXPECT_EQ(Get(*Reader(), kName)->SerializeAsString(), record.SerializeAsString());
  EXPECT_TRUE(*Has(*Reader(), kName));
  EXPECT_FALSE(*Has(*Reader(), kNext));
}

TEST_F(RepositoryTest, DamagedRowsAreErrorsAndNameNoContent) {
  PutRecord(nullptr, Record(kName));
  Write([&](store::Writer& writer) {
    writer.Put(store::KeyBuilder().Text("r").Text(IdOfName(kName)).Take(), "\xff\xff\xff");
  });
  EXPECT_EQ(error::ReasonOf(Get(*Reader(), kName).status()), "DATA_LOSS");
}

TEST_F(RepositoryTest, NamesAreIdsWithAPrefix) {
  EXPECT_EQ(IdOfName("referrals/x"), "x");
  EXPECT_EQ(NameOfId("x"), "referrals/x");
}

TEST_F(RepositoryTest, RowsMoveWithTheRecordAndNoneIsLeftBehind) {
  ReferralRecord record = Record(kName);
  SetDue(record, kNow);
  PutRecord(nullptr, record);
  EXPECT_THAT(Keys("box"), SizeIs(2));
  EXPECT_THAT(Keys("clock"), SizeIs(1));
  EXPECT_THAT(Keys("mine"), IsEmpty());

  std::mt19937 engine(3);  // NOLINT: the same course every time
  const auto pick = [&engine](int count) { return std::uniform_int_distribution<int>(0, count - 1)(engine); };
  for (int i = 0; i < 2'000; ++i) {
    ReferralRecord next = record;
    next.set_revision(record.revision() + 1);
    switch (pick(6)) {
      case 0:
        next.set_state(static_cast<State>(1 + pick(kStateCount - 1)));
        break;
      case 1:
        SetDue(next, kNow + absl::Seconds(pick(5)));
        break;
      case 2:
        next.clear_due();
        break;
      case 3:
        next.mutable_receiving()->set_unit(pick(2) == 0 ? "" : "bodies/b/units/u");
        break;
      case 4:
        next.mutable_receiving()->set_assignee(pick(2) == 0 ? "" : base::Cat("p-", pick(3)));
        break;
      default:
        next.mutable_referring()->set_assignee(pick(2) == 0 ? "" : "p-1");
    }
    if (pick(50) == 0) next.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
    PutRecord(&record, next);
    record = next;
    const bool receives =
        record.state() != kDraft && record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT;
    // What has ended and is owed something is on one more list: of the side that owes it.
    const bool owed = IsEnd(record.state()) && record.has_due() &&
                      (receives || record.due().party() != v1::PARTY_RECEIVING);
    const v1::Side& owing =
        record.due().party() == v1::PARTY_RECEIVING ? record.receiving() : record.referring();
    const size_t mine = (record.referring().assignee().empty() ? 0U : 1U) +
                        (record.receiving().assignee().empty() || !receives ? 0U : 1U) +
                        (owed && !owing.assignee().empty() ? 1U : 0U);
    ASSERT_THAT(Keys("box"), SizeIs((receives ? 2U : 1U) + (owed ? 1U : 0U))) << i;
    ASSERT_THAT(Keys("mine"), SizeIs(mine)) << i;
    ASSERT_THAT(Keys("clock"), SizeIs(record.has_due() && IsOpen(record.state()) ? 1 : 0)) << i;
    ASSERT_THAT(Keys("r"), SizeIs(1));
  }
}

TEST_F(RepositoryTest, ADraftAndWhatWasNeverSentHaveNoRowForTheReceiver) {
  const ReferralRecord draft = Record(kName, kDraft);
  PutRecord(nullptr, draft);
  EXPECT_THAT(Keys("box"), SizeIs(1));
  ReferralRecord cancelled = draft;
  cancelled.set_state(kCancelled);
  PutRecord(&draft, cancelled);
  EXPECT_THAT(Keys("box"), SizeIs(1));
}

TEST_F(RepositoryTest, ADraftWithoutARecipientHasOneRow) {
  ReferralRecord draft = Record(kName, kDraft);
  draft.clear_receiving();
  PutRecord(nullptr, draft);
  EXPECT_THAT(Keys("box"), SizeIs(1));
}

TEST_F(RepositoryTest, ListingsMergeUnitsAndStatesInOrder) {
  struct Row {
    absl::Time due;
    std::string name;
    std::string unit;
    State state;
  };
  std::vector<Row> rows;
  std::mt19937 engine(5);  // NOLINT: the same course every time
  const std::vector<std::string> units = {"", "bodies/b/units/u", "bodies/b/units/u2", "bodies/b/units/v"};
  const std::vector<State> states = {kRequested, kAcknowledged, kAccepted, kCompleted};
  for (int i = 0; i < 300; ++i) {
    ReferralRecord record = Record(base::Cat("referrals/", 1'000 + i), states[engine() % states.size()]);
    record.mutable_receiving()->set_unit(units[engine() % units.size()]);
    const bool timed = engine() % 4 != 0;
    // Few times, so that many rows have the same one.
    if (timed) SetDue(record, kNow + absl::Seconds(static_cast<int>(engine() % 20)));
    PutRecord(nullptr, record);
    rows.push_back({timed ? api::FromTimestamp(record.due().time()) : absl::InfiniteFuture(), record.name(),
                    record.receiving().unit(), record.state()});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return std::tie(a.due, a.name) < std::tie(b.due, b.name); });
  const auto check = [&](const BoxQuery& query, int limit) {
    std::vector<std::string> expected;
    for (const Row& row : rows) {
      const bool unit = !query.units.has_value() ||
                        std::find(query.units->begin(), query.units->end(), row.unit) != query.units->end();
      const bool state = std::find(query.states.begin(), query.states.end(), row.state) != query.states.end();
      if (unit && state) expected.push_back(row.name);
    }
    std::vector<std::string> listed;
    std::string position;
    do {
      const BoxPage page = *ListBox(*Reader(), query, position, limit);
      EXPECT_LE(static_cast<int>(page.rows.size()), limit);
      for (const std::string& row : page.rows) {
        v1::ReferralSummary summary;
        EXPECT_TRUE(summary.ParseFromString(row));
        listed.push_back(summary.name());
      }
      position = page.position;
    } while (!position.empty());
    EXPECT_EQ(listed, expected) << limit;
  };
  for (const int limit : {1, 3, 299, 300, 301, 1'000}) {
    check({.body = "bodies/b", .states = {kRequested, kAccepted}, .units = std::nullopt, .actor = {}}, limit);
    check({.body = "bodies/b", .states = states, .units = std::nullopt, .actor = {}}, limit);
    // In any order, and twice.
    check({.body = "bodies/b",
           .states = {kCompleted, kRequested, kAccepted, kRequested},
           .units = {},
           .actor = {}},
          limit);
    check({.body = "bodies/b",
           .states = states,
           .units = {{"bodies/b/units/u", "", "bodies/b/units/u"}},
           .actor = {}},
          limit);
    check({.body = "bodies/b", .states = states, .units = {{"", "bodies/b/units/u"}}, .actor = {}}, limit);
    check({.body = "bodies/b", .states = {kCompleted}, .units = {{"bodies/b/units/none"}}, .actor = {}},
          limit);
  }
  EXPECT_THAT(
      ListBox(*Reader(), {.body = "bodies/", .states = states, .units = std::nullopt, .actor = {}}, "", 10)
          ->rows,
      IsEmpty());
}

TEST_F(RepositoryTest, RowsOfMoreUnitsThanAListingMergesAreAnErrorAndNotLeftOut) {
  const auto put = [this](int i) {
    ReferralRecord record = Record(base::Cat("referrals/", 1'000 + i), kRequested);
    if (i > 0) record.mutable_receiving()->set_unit(base::Cat("bodies/b/units/u", i));
    record.mutable_receiving()->set_assignee("p");
    PutRecord(nullptr, record);
  };
  for (int i = 0; i < kMaxUnitsMerged; ++i) put(i);
  BoxQuery query{.body = "bodies/b", .states = {kRequested}, .units = std::nullopt, .actor = {}};
  EXPECT_THAT(ListBox(*Reader(), query, "", 1'000)->rows, SizeIs(kMaxUnitsMerged));
  put(kMaxUnitsMerged);
  for (const std::string_view actor : {"", "p"}) {
    query.actor = actor;
    query.units.reset();
    EXPECT_EQ(error::ReasonOf(ListBox(*Reader(), query, "", 1'000).status()), "LIMIT_EXCEEDED") << actor;
    query.units = {base::Cat("bodies/b/units/u", kMaxUnitsMerged)};
    EXPECT_THAT(ListBox(*Reader(), query, "", 1'000)->rows, SizeIs(1)) << actor;
  }
}

TEST_F(RepositoryTest, SectionsWrapsAndReferencesOfOneReferralAreNotItsNeighbours) {
  const auto section = [](uint32_t person, v1::SectionKind kind) {
    storage::v1::SectionRecord record;
    record.set_person(person);
    record.set_section(kind);
    record.set_sealed(base::Cat(person, "/", static_cast<int>(kind)));
    return record;
  };
  const auto wrap = [](uint32_t person, std::string_view body, storage::v1::KeyScope scope) {
    Wrap made{.person = person, .body = std::string(body), .record = {}};
    made.record.set_scope(scope);
    made.record.set_wrapped(base::Cat(person, body));
    return made;
  };
  storage::v1::OwnReferenceRecord reference;
  reference.set_lookup("lookup");
  Write([&](store::Writer& writer) {
    for (const std::string_view name : {kName, kNext}) {
      for (const uint32_t person : {1U, 2U, 12U}) {
        PutSections(writer, name, {section(person, v1::SECTION_KIND_DETAILS)});
      }
      Change(writer, name, [&](Holdings& holdings) {
        for (const uint32_t person : {1U, 2U, 12U}) {
          holdings.Put(wrap(person, "bodies/a", storage::v1::KEY_SCOPE_DATA));
          holdings.Put(wrap(person, "bodies/b", storage::v1::KEY_SCOPE_SCREENING));
        }
        holdings.PutOwnReference("bodies/a", reference);
        holdings.PutOwnReference("bodies/ab", reference);
      });
    }
  });
  ASSERT_THAT(*ListSections(*Reader(), kName), SizeIs(3));
  EXPECT_EQ((*ListSections(*Reader(), kName))[2].person(), 12U);
  const std::vector<Wrap> wraps = Held(kName).wraps();
  ASSERT_THAT(wraps, SizeIs(6));
  EXPECT_EQ(wraps[1].body, "bodies/b");
  EXPECT_EQ(wraps[1].person, 1U);

  Write([&](store::Writer& writer) { return DeletePerson(writer, kName, 1); });
  EXPECT_THAT(*ListSections(*Reader(), kName), SizeIs(2));
  EXPECT_THAT(Held(kName).wraps(), SizeIs(4));
  EXPECT_THAT(Held(kNext).wraps(), SizeIs(6));
  Write([&](store::Writer& writer) {
    Change(writer, kName, [](Holdings& holdings) {
      holdings.EraseWraps([](const Wrap& held) { return held.person == 2 && held.body == "bodies/a"; });
    });
  });
  EXPECT_THAT(Held(kName).wraps(), SizeIs(3));
  EXPECT_THAT(Held(kName).WrapsOf("bodies/b"), SizeIs(2));

  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "lookup", 10),
              ::testing::UnorderedElementsAre(kName, kNext));
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "lookup", 1), SizeIs(1));
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "look", 10), IsEmpty());
  const auto erase = [](Holdings& holdings) { holdings.EraseOwnReference("bodies/a"); };
  Write([&](store::Writer& writer) { Change(writer, kName, erase); });
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "lookup", 10), ElementsAre(kNext));
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/ab", "lookup", 10), SizeIs(2));
  EXPECT_EQ(Held(kName).OwnReferenceOf("bodies/a"), nullptr);
  Write([&](store::Writer& writer) { Change(writer, kName, erase); });
}

TEST_F(RepositoryTest, HoldingsOfNothingLeaveNoRow) {
  Wrap wrap{.person = 1, .body = "bodies/a", .record = {}};
  Write(
      [&](store::Writer& writer) { Change(writer, kName, [&](Holdings& holdings) { holdings.Put(wrap); }); });
  EXPECT_THAT(Keys("held"), SizeIs(1));
  Write([&](store::Writer& writer) {
    Change(writer, kName, [&](Holdings& holdings) {
      wrap.record.set_key_id(2);
      holdings.Put(wrap);
      EXPECT_THAT(holdings.wraps(), SizeIs(1)) << "in place of the same person's, body's and scope's";
      holdings.EraseWraps([](const Wrap&) { return true; });
    });
  });
  EXPECT_THAT(Keys("held"), IsEmpty());
}

TEST_F(RepositoryTest, AReplacedOwnReferenceLeavesNoLookupBehind) {
  storage::v1::OwnReferenceRecord first;
  first.set_lookup("first");
  storage::v1::OwnReferenceRecord second;
  second.set_lookup("second");
  for (const auto& reference : {first, second}) {
    Write([&](store::Writer& writer) {
      Change(writer, kName, [&](Holdings& holdings) { holdings.PutOwnReference("bodies/a", reference); });
    });
  }
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "first", 10), IsEmpty());
  EXPECT_THAT(*FindByLookup(*Reader(), "bodies/a", "second", 10), ElementsAre(kName));
  EXPECT_THAT(Keys("look"), SizeIs(1));
}

TEST_F(RepositoryTest, NotesGoByNumberAndHistoryByRevision) {
  Write([&](store::Writer& writer) {
    for (uint32_t number = 1; number <= 12; ++number) {
      storage::v1::NoteRecord note;
      note.set_number(number);
      note.set_body(number % 2 == 0 ? "bodies/a" : "bodies/b");
      note.set_scope(number % 3 == 0 ? storage::v1::KEY_SCOPE_BODY : storage::v1::KEY_SCOPE_SCREENING);
      PutNote(writer, kName, note);
      storage::v1::HistoryRecord entry;
      entry.set_revision(number);
      PutHistory(writer, kName, entry);
    }
  });
  const auto notes = *ListNotes(*Reader(), kName, 9, 10);
  ASSERT_THAT(notes, SizeIs(3));
  EXPECT_EQ(notes[0].number(), 10U);
  EXPECT_EQ((*GetNote(*Reader(), kName, 12))->number(), 12U);
  EXPECT_FALSE(GetNote(*Reader(), kName, 13)->has_value());
  EXPECT_FALSE(GetNote(*Reader(), kNext, 1)->has_value());
  std::string last;
  const auto first = *ListHistory(*Reader(), kName, "", 5, &last);
  const auto rest = *ListHistory(*Reader(), kName, last, 50, &last);
  ASSERT_THAT(first, SizeIs(5));
  ASSERT_THAT(rest, SizeIs(7));
  EXPECT_EQ(rest[0].revision(), 6);
  EXPECT_THAT(*ListHistory(*Reader(), kName, last, 50, &last), IsEmpty());
  // A body's own notes are those that it alone can open: 6 and 12 of a; 3 and 9 of b.
  Write([&](store::Writer& writer) { return DeleteNotesOf(writer, kName, "bodies/a"); });
  EXPECT_THAT(*ListNotes(*Reader(), kName, 0, 100), SizeIs(10));
  EXPECT_FALSE(GetNote(*Reader(), kName, 6)->has_value());
  EXPECT_TRUE(GetNote(*Reader(), kName, 3)->has_value());
}

TEST_F(RepositoryTest, WhatIsDueComesEarliestFirstUpToTheInstantItself) {
  for (int i = 0; i < 5; ++i) {
    ReferralRecord record = Record(base::Cat("referrals/", 5 - i));
    SetDue(record, kNow + absl::Seconds(i));
    PutRecord(nullptr, record);
  }
  EXPECT_THAT(ListWakes(*Reader(), "", kNow - absl::Microseconds(1), 10)->rows, IsEmpty());
  ASSERT_THAT(ListWakes(*Reader(), "", kNow, 10)->rows, SizeIs(1));
  const auto due = ListWakes(*Reader(), "", kNow + absl::Seconds(4), 3)->rows;
  ASSERT_THAT(due, SizeIs(3));
  EXPECT_EQ(due[0].name, "referrals/5");
  EXPECT_EQ(due[2].time, kNow + absl::Seconds(2));
  EXPECT_EQ(due[0].wake, storage::v1::WAKE_MISSED);
  EXPECT_EQ(due[0].revision, 1);
  const auto rest = ListWakes(*Reader(), due[2].key, kNow + absl::Seconds(4), 3)->rows;
  ASSERT_THAT(rest, SizeIs(2));
  EXPECT_EQ(rest[0].name, "referrals/2");
}

TEST_F(RepositoryTest, ARowOfTheClocksThatCannotBeReadIsPassedOver) {
  for (int i = 0; i < 3; ++i) {
    ReferralRecord record = Record(base::Cat("referrals/", i));
    SetDue(record, kNow + absl::Seconds(i));
    PutRecord(nullptr, record);
  }
  const std::string key = ListWakes(*Reader(), "", kNow, 10)->rows[0].key;
  Write([&](store::Writer& writer) {
    writer.Put(key, "?");
    return absl::OkStatus();
  });
  const auto wakes = ListWakes(*Reader(), "", kNow + absl::Seconds(9), 2);
  ASSERT_TRUE(wakes.ok()) << wakes.status();
  EXPECT_EQ(wakes->unreadable, 1);
  ASSERT_THAT(wakes->rows, SizeIs(1));
  EXPECT_EQ(wakes->rows[0].name, "referrals/1");
  EXPECT_TRUE(wakes->more);
  const auto rest = ListWakes(*Reader(), wakes->last_key, kNow + absl::Seconds(9), 2);
  EXPECT_THAT(rest->rows, SizeIs(1));
  EXPECT_FALSE(rest->more);
}

TEST_F(RepositoryTest, NamesAreListedInOrderFromAnyOfThem) {
  for (int i = 0; i < 7; ++i) PutRecord(nullptr, Record(base::Cat("referrals/", i)));
  EXPECT_THAT(*ListNames(*Reader(), "", 3), ElementsAre("referrals/0", "referrals/1", "referrals/2"));
  EXPECT_THAT(*ListNames(*Reader(), "referrals/4", 10), ElementsAre("referrals/5", "referrals/6"));
  EXPECT_THAT(*ListNames(*Reader(), "referrals/6", 10), IsEmpty());
}

}  // namespace
}  // namespace waypost::referral::rows
