// Histories by chance of two to six bodies: what must hold at every revision of every referral, whoever does
// what when. The model here knows the states of the domain and the course of the history, and none of the
// fields that the rules keep to themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_play_testing.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room

using base::Cat;

// All referrals at one moment.
using World = std::map<std::string, ReferralRecord>;

World LookAt(const store::Reader& reader) {
  World world;
  std::string after;
  while (true) {
    const std::vector<std::string> names = Must(rows::ListNames(reader, after, 100));
    if (names.empty()) return world;
    for (const std::string& name : names) world[name] = Must(rows::Get(reader, name));
    after = names.back();
  }
}

bool IsAcceptedAndOpen(const ReferralRecord& record) {
  return record.state() == kAccepted || record.state() == kInProgress || record.state() == kOnHold ||
         (record.state() == kCancelRequested && record.has_accept_time());
}

// Open, and nobody has said yes.
bool IsAsked(const ReferralRecord& record) {
  return IsOpen(record.state()) && !IsAcceptedAndOpen(record);
}

// The referrals of each case: one that was opened by itself, and all that continue it.
std::vector<std::vector<const ReferralRecord*>> CasesOf(const World& world) {
  std::map<std::string, std::vector<const ReferralRecord*>> cases;
  for (const auto& [name, record] : world) {
    const ReferralRecord* first = &record;
    while (!first->forwarded_from().empty()) first = &world.at(first->forwarded_from());
    cases[first->name()].push_back(&record);
  }
  std::vector<std::vector<const ReferralRecord*>> all;
  for (auto& [name, members] : cases) all.push_back(std::move(members));
  return all;
}

// At most one body has said yes and works; at most one is asked; and who is asked is asked by whom has it.
void CheckOneHolder(const std::vector<const ReferralRecord*>& members) {
  const ReferralRecord* working = nullptr;
  const ReferralRecord* asked = nullptr;
  for (const ReferralRecord* record : members) {
    if (IsAcceptedAndOpen(*record)) {
      EXPECT_EQ(working, nullptr) << "two bodies work on one case: " << record->name();
      working = record;
    }
    if (IsAsked(*record)) {
      EXPECT_EQ(asked, nullptr) << "two bodies are asked at once: " << record->name();
      asked = record;
    }
  }
  if (working != nullptr && asked != nullptr) {
    EXPECT_EQ(asked->referring().body(), working->receiving().body()) << asked->name();
    EXPECT_TRUE(working->state() == kOnHold || working->state() == kCancelRequested) << working->name();
  }
  if (working == nullptr && asked == nullptr) return;
  const std::string& holder = working != nullptr ? working->receiving().body() : asked->referring().body();
  for (const ReferralRecord* record : members) {
    if (IsOpen(record->state())) {
      EXPECT_EQ(record->case_holding_body(), holder) << record->name();
    }
  }
}

void CheckCases(const World& world) {
  for (const auto& members : CasesOf(world)) CheckOneHolder(members);
}

// Is the case that a part is about open, wherever it was handed over to?
bool GoesOn(const World& world, const ReferralRecord& part) {
  const ReferralRecord* at = &part;
  while (at->state() == kForwarded) at = &world.at(at->forwarded_to());
  return IsOpen(at->state());
}

// Each body waits for its own parts while it holds the case; what has ended waits for none, and has none that
// are open.
void CheckParts(const World& world) {
  std::map<std::string, int> counted;
  for (const auto& [name, part] : world) {
    if (part.part_of().empty() || !GoesOn(world, part)) continue;
    const ReferralRecord& parent = world.at(part.part_of());
    EXPECT_FALSE(IsEnd(parent.state())) << name << " is open, and " << parent.name() << " has ended";
    if (part.referring().body() == parent.case_holding_body()) ++counted[parent.name()];
  }
  for (const auto& [name, record] : world) EXPECT_EQ(record.open_part_count(), counted[name]) << name;
}

// What cannot begin another clock, where the state stays.
bool LeavesClocksAlone(std::string_view event) {
  for (const std::string_view other :
       {"ASSIGN", "CLAIM", "NOTE", "VOID_ENTRY", "RECORD_APPOINTMENT", "PROPOSE_DATE", "REFUSE_DATE",
        "REMIND", "GIVE_BACK_TIME", "DETACH", "WITHDRAW", "OBJECT", "RECTIFY", "RESTRICT", "ASK_ACCESS",
        "ANSWER_RIGHT", "PLACE_LEGAL_HOLD", "RELEASE_LEGAL_HOLD"}) {
    if (event == other) return true;
  }
  return false;
}

// How often the clocks of one referral rang, by its history. A history does not say for which due time: one
// run of a clock is what lies between two events that can begin another one, however much happens besides. A
// question and a wish to cancel set it aside; it goes on with what it has told.
class Rings {
 public:
  // False when one run rings more often than it may.
  bool Add(const storage::v1::HistoryRecord& entry) {
    const bool escalates = entry.event() == "ESCALATE";
    if (!escalates && entry.event() != "REMINDER") {
      Follow(entry);
      return true;
    }
    // The clock of the start runs beside.
    const int clocks = state_ == kWaitlisted || state_ == kOnHold ? 2 : 1;
    if (escalates) {
      escalated_ = true;
      return ++run_.escalations <= clocks;
    }
    // The silent side is reminded again of what was escalated.
    return ++run_.reminders <= clocks + (escalated_ ? kMaxRepeatedReminders : 0);
  }

 private:
  struct Run {
    int reminders = 0;
    int escalations = 0;
  };

  void Follow(const storage::v1::HistoryRecord& entry) {
    const std::string& event = entry.event();
    if (entry.state() == state_ && LeavesClocksAlone(event)) return;
    const bool asks =
        event == "REQUEST_INFORMATION" || (event == "CANCEL" && entry.state() == kCancelRequested);
    const bool returns =
        event == "PROVIDE_INFORMATION" || event == "INFORMATION_LAPSE" || event == "REFUSE_CANCEL";
    if (asks) aside_.push_back(run_);
    run_ = {};
    if (returns && !aside_.empty()) {
      // It may be escalated once more, and that is told again.
      run_.reminders = std::min(aside_.back().reminders, 1);
      aside_.pop_back();
    } else if (!asks) {
      aside_.clear();
    }
    state_ = entry.state();
  }

  State state_ = kNothing;
  Run run_;
  std::vector<Run> aside_;  // the last one goes on first
  bool escalated_ = false;
};

// Which of these events was one ring too many, from 0; -1: none.
int RungTooOften(const std::vector<std::pair<std::string, State>>& events) {
  Rings rings;
  for (size_t i = 0; i < events.size(); ++i) {
    storage::v1::HistoryRecord entry;
    entry.set_event(events[i].first);
    entry.set_state(events[i].second);
    if (!rings.Add(entry)) return static_cast<int>(i);
  }
  return -1;
}

TEST(RingsTest, OneRunOfAClockRingsOnceWhateverHappensBesides) {
  EXPECT_EQ(
      RungTooOften(
          {{"SUBMIT", kRequested}, {"REMINDER", kRequested}, {"NOTE", kRequested}, {"REMINDER", kRequested}}),
      3);
  EXPECT_EQ(RungTooOften({{"SUBMIT", kRequested},
                          {"ESCALATE", kRequested},
                          {"ASSIGN", kRequested},
                          {"REMINDER", kRequested},
                          {"REMIND", kRequested},
                          {"ESCALATE", kRequested}}),
            5);
}

TEST(RingsTest, AClockThatWasSetAsideHasToldWhatItTold) {
  EXPECT_EQ(RungTooOften({{"SUBMIT", kRequested},
                          {"REMINDER", kRequested},
                          {"REQUEST_INFORMATION", kNeedsInfo},
                          {"REMINDER", kNeedsInfo},
                          {"PROVIDE_INFORMATION", kRequested},
                          {"NOTE", kRequested},
                          {"REMINDER", kRequested}}),
            6);
}

TEST(RingsTest, AnotherClockRingsAnew) {
  EXPECT_EQ(RungTooOften({{"SUBMIT", kRequested},
                          {"REMINDER", kRequested},
                          {"AGREE_DATE", kRequested},
                          {"REMINDER", kRequested},
                          {"ESCALATE", kRequested},
                          {"REMINDER", kRequested},
                          {"ACKNOWLEDGE", kAcknowledged},
                          {"REMINDER", kAcknowledged},
                          {"ESCALATE", kAcknowledged}}),
            -1);
  EXPECT_EQ(RungTooOften({{"WAITLIST", kWaitlisted}, {"REMINDER", kWaitlisted}, {"REMINDER", kWaitlisted}}),
            -1)
      << "the start of what waits has a clock beside";
}

enum class Access { kNone, kScreening, kAll };

// What the event of one revision says of a use of a right; of anything else nothing.
using Facts = std::map<std::string, std::string>;

// What may be opened of each person of one referral, by what has happened.
class Disclosures {
 public:
  Disclosures(const std::set<uint32_t>& persons, const std::set<uint32_t>& by_consent, std::string receiving)
      : receiving_body_(std::move(receiving)) {
    for (const uint32_t number : persons) persons_[number].by_consent = by_consent.contains(number);
  }

  void Add(const storage::v1::HistoryRecord& entry, const Facts& facts) {
    const auto person = facts.find("person");
    if (person != facts.end())
      UseRight(entry, facts, persons_[static_cast<uint32_t>(std::stoul(person->second))]);
    if (entry.body() == receiving_body_) {
      under_hold_ =
          (under_hold_ || entry.event() == "PLACE_LEGAL_HOLD") && entry.event() != "RELEASE_LEGAL_HOLD";
    }
    for (auto& [number, each] : persons_) Follow(entry, each);
    state_ = entry.state();
  }

  Access Receiving(uint32_t person) const {
    const auto found = persons_.find(person);
    return found == persons_.end() ? Access::kNone : found->second.receiving;
  }
  bool HasReferringErased(uint32_t person) const {
    const auto found = persons_.find(person);
    return found == persons_.end() || found->second.erased_by_referring;
  }
  // Who was taken out, and whose last keys a legal hold keeps.
  std::set<uint32_t> SetAside() const {
    std::set<uint32_t> kept;
    for (const auto& [number, person] : persons_) {
      if (person.set_aside) kept.insert(number);
    }
    return kept;
  }

 private:
  struct Person {
    bool by_consent = false;
    bool is_in = true;  // or was taken out
    bool stopped = false;
    bool erased_by_referring = false;
    bool erased_by_receiving = false;
    bool kept_by_hold = false;  // since the end; the keys are there, though nobody may open it
    bool set_aside = false;     // the same, since she was taken out
    Access receiving = Access::kNone;
  };

  void UseRight(const storage::v1::HistoryRecord& entry, const Facts& facts, Person& person) {
    if (entry.event() == "WITHDRAW") {
      const auto left =
          std::count_if(persons_.begin(), persons_.end(), [](const auto& each) { return each.second.is_in; });
      if (person.is_in && person.by_consent && IsOpen(state_) && left > 1) {
        person.set_aside = under_hold_ && person.erased_by_referring && !person.erased_by_receiving;
        TakeOut(person);
      }
    }
    const bool used = entry.event() == "WITHDRAW" || entry.event() == "OBJECT" || entry.event() == "RESTRICT";
    person.stopped = person.stopped || used;
    const auto answer = facts.find("answer");
    if (answer == facts.end() || answer->second != "STOPPED_ERASED") return;
    if (entry.body() != receiving_body_) {
      person.erased_by_referring = true;
      return;
    }
    person.erased_by_receiving = true;
    person.receiving = Access::kNone;
    if (IsOpen(state_)) TakeOut(person);
  }

  static void TakeOut(Person& person) {
    person.is_in = false;
    person.receiving = Access::kNone;
  }

  // Nothing further is given of who withdrew, objected or had it restricted; what was given before stays.
  void Follow(const storage::v1::HistoryRecord& entry, Person& person) const {
    const State state = entry.state();
    const bool gives =
        person.is_in && !person.stopped && !person.erased_by_referring && !person.erased_by_receiving;
    const bool share_erased = entry.event() == "ERASE" && entry.body() == receiving_body_;
    const bool sent =
        entry.event() == "SUBMIT" || entry.event() == "OPEN_LINKED" || entry.event() == "REOPEN";
    const bool closes = IsEnd(state) && state != kCompleted;
    // Whom the referring body has erased nobody else has anything of: a hold on the receiving side keeps
    // that.
    const bool held_alone = person.is_in && person.erased_by_referring && !person.erased_by_receiving;
    if (closes && state_ != state) person.kept_by_hold = held_alone;
    if (!under_hold_ || entry.event() == "REPORT_MISDIRECTED") person.kept_by_hold = false;
    if (share_erased || !under_hold_ || entry.event() == "REPORT_MISDIRECTED") person.set_aside = false;
    if (share_erased || (closes && !person.kept_by_hold)) {
      person.receiving = Access::kNone;
    } else if (sent && state == kRequested) {
      person.receiving = gives ? Access::kScreening : Access::kNone;
    } else if (state == kAccepted && state_ != kAccepted && gives) {
      person.receiving = Access::kAll;
    }
  }

  const std::string receiving_body_;
  std::map<uint32_t, Person> persons_;
  bool under_hold_ = false;  // the receiving body's share
  State state_ = kNothing;
};

// Which bodies keep their share of one referral for a court or an audit, by what has happened.
class LegalHolds {
 public:
  // False when somebody erased or overwrote what is kept.
  bool Add(const storage::v1::HistoryRecord& entry, const Facts& facts) {
    const std::string& body = entry.body();
    const auto answered = facts.find("answer");
    const std::string answer = answered == facts.end() ? "" : answered->second;
    const bool stops = answer == "STOPPED_ERASED";
    // Of whom the other side erased everything there may be nothing left to keep.
    const bool nothing_left = lost_ || erasers_.size() > erasers_.count(body);
    const bool again = stops && !stopped_.insert({body, facts.at("person")}).second;
    const bool erases = entry.event() == "ERASE" || (stops && !again && !nothing_left);
    // Who says first that it is right has put it right.
    const bool first = answer == "RECTIFIED" && put_right_.insert(facts.at("request")).second;
    const bool overwrites = first && !lost_ && erasers_.empty();
    if (entry.event() == "ERASE" || stops) erasers_.insert(body);
    lost_ = lost_ || entry.event() == "REPORT_MISDIRECTED";
    if (entry.event() == "PLACE_LEGAL_HOLD") bodies_.insert(body);
    if (entry.event() == "RELEASE_LEGAL_HOLD") return bodies_.erase(body) == 1;
    return (!erases || !bodies_.contains(body)) && (!overwrites || bodies_.empty());
  }
  const std::set<std::string>& bodies() const { return bodies_; }

 private:
  std::set<std::string> bodies_;
  std::set<std::pair<std::string, std::string>> stopped_;  // by body and person
  std::set<std::string> put_right_;                        // by request
  std::set<std::string> erasers_;                          // bodies that have erased anything
  bool lost_ = false;                                      // it never should have got there
};

// Has the referring body nothing left? What was passed on by a body that should never have had the case goes
// with that body's part.
bool HasLostIt(const std::vector<storage::v1::HistoryRecord>& history, const std::string& referring) {
  return std::any_of(history.begin(), history.end(), [&referring](const auto& entry) {
    return (entry.event() == "ERASE" && entry.body() == referring) ||
           (entry.event() == "REPORT_MISDIRECTED" && entry.body().empty());
  });
}

// "SUBMIT REQUESTED, ACCEPT ACCEPTED".
std::string Course(const std::vector<storage::v1::HistoryRecord>& history) {
  std::string course;
  for (const auto& entry : history) {
    course += Cat(course.empty() ? "" : ", ", entry.event(), " ", StateName(entry.state()));
  }
  return course;
}

class HistoriesTest : public ::testing::TestWithParam<int>, protected ReferralRig {
 protected:
  HistoriesTest() : ReferralRig(ReferralOptions(/*on_disk=*/GetParam() % 2 == 0)) {
    const std::vector<Player> all = {
        {std::string(kReferringBody), referrer},
        {std::string(kReceivingBody), receiver},
        {std::string(kThirdBody), third},
        {std::string(kCoordinatingBody), coordinator},
        {std::string(kFourthBody), fourth},
        {std::string(kFifthBody), rig.TokenOf(kFifthBody, {policy::Role::kSupervisor})},
    };
    const size_t bodies = 2 + static_cast<size_t>(GetParam()) % 5;
    players_.assign(all.begin(), all.begin() + static_cast<int64_t>(bodies));
  }

  Play PlayOf(unsigned seed, int persons = 1) {
    return Play(*stub, {.players = players_,
                        .now = [this] { return rig.clock().Now(); },
                        .seed = seed,
                        .run = Cat("history-", GetParam()),
                        .persons = persons,
                        .every_second_consents = consents_,
                        .legal_holds = true});
  }
  std::unique_ptr<store::Reader> Snapshot() { return Must(rig.store().Snapshot()); }
  World Now() { return LookAt(*Snapshot()); }

  // What was told of uses of rights, by referral and revision.
  using Told = std::map<std::pair<std::string, int64_t>, Facts>;
  Told RightsTold() {
    Told told;
    for (const event::v1::Event& event : rig.Events()) {
      if (!event.facts().contains("person") || !event.facts().contains("request")) continue;
      told[{event.resource(), event.revision()}] = Facts(event.facts().begin(), event.facts().end());
    }
    return told;
  }

  // Everybody who is in it, or was.
  static std::set<uint32_t> PersonsOf(const ReferralRecord& record, const Told& told) {
    std::set<uint32_t> persons;
    for (const v1::Person& person : record.persons()) persons.insert(person.number());
    for (const v1::Person& person : record.withdrawn_persons()) persons.insert(person.number());
    for (const auto& [at, facts] : told) {
      if (at.first == record.name()) persons.insert(static_cast<uint32_t>(std::stoul(facts.at("person"))));
    }
    return persons;
  }

  Disclosures DisclosuresOf(const ReferralRecord& record, const Told& told,
                            const std::vector<storage::v1::HistoryRecord>& history) const {
    const std::set<uint32_t> persons = PersonsOf(record, told);
    // What goes on elsewhere rests on what was given there.
    std::set<uint32_t> by_consent;
    for (const uint32_t person : persons) {
      if (consents_ && record.forwarded_from().empty() && person % 2 == 0) by_consent.insert(person);
    }
    Disclosures disclosures(persons, by_consent, record.receiving().body());
    for (const auto& entry : history) {
      const auto facts = told.find({record.name(), entry.revision()});
      disclosures.Add(entry, facts == told.end() ? Facts() : facts->second);
    }
    return disclosures;
  }

  // What that body's keys open of each person of a referral, at the moment of a snapshot.
  std::map<uint32_t, Access> OpenedAt(const store::Reader& reader, const std::string& name,
                                      std::string_view body) {
    const auto wraps = Must(rows::Holdings::Load(reader, name)).WrapsOf(body);
    const OpenedKeys opened = Must(sealing.OpenKeys(name, wraps, body));
    std::map<uint32_t, Access> found;
    for (const auto& sections :
         Must(sealing.OpenSections(name, opened, Must(rows::ListSections(reader, name)), {}, {}))) {
      found[sections.person()] = sections.has_details() ? Access::kAll : Access::kScreening;
    }
    return found;
  }

  // Nothing under hold was erased or overwritten, and the record says who keeps its share.
  static void CheckLegalHolds(const ReferralRecord& record, const Told& told,
                              const std::vector<storage::v1::HistoryRecord>& history) {
    LegalHolds holds;
    for (const auto& entry : history) {
      const auto facts = told.find({record.name(), entry.revision()});
      EXPECT_TRUE(holds.Add(entry, facts == told.end() ? Facts() : facts->second))
          << record.name() << " at " << entry.revision() << " of " << Course(history);
    }
    std::set<std::string> bodies;
    for (const auto& hold : record.legal_holds()) {
      const bool referring = hold.party() == v1::PARTY_REFERRING;
      bodies.insert(referring ? record.referring().body() : record.receiving().body());
    }
    EXPECT_EQ(bodies, holds.bodies()) << record.name() << " after " << Course(history);
  }

  // Whom a hold keeps of those who were taken out: the record says it, and so do the keys.
  void CheckSetAside(const store::Reader& reader, const ReferralRecord& record,
                     const std::set<uint32_t>& expected, const std::string& course) {
    EXPECT_EQ(std::set<uint32_t>(record.kept_for_hold().begin(), record.kept_for_hold().end()), expected)
        << record.name() << " after " << course;
    const rows::Holdings holdings = Must(rows::Holdings::Load(reader, record.name()));
    for (const Wrap& wrap : holdings.wraps()) {
      if (!wrap.record.kept_for_hold()) continue;
      EXPECT_TRUE(expected.contains(wrap.person)) << record.name() << " person " << wrap.person;
      EXPECT_EQ(wrap.body, record.receiving().body());
    }
  }

  // What each body's keys open of each person of a referral is what its history up to then gives. `told` may
  // go on beyond the snapshot.
  void CheckAccess(const store::Reader& reader, const ReferralRecord& record, const Told& told) {
    const auto history = Must(rows::ListHistory(reader, record.name(), "", 10'000, nullptr));
    CheckLegalHolds(record, told, history);
    const Disclosures disclosures = DisclosuresOf(record, told, history);
    CheckSetAside(reader, record, disclosures.SetAside(), Course(history));
    for (const std::string_view body : {kReferringBody, kReceivingBody, kThirdBody, kFourthBody, kFifthBody,
                                        kSixthBody, kCoordinatingBody}) {
      std::map<uint32_t, Access> found = OpenedAt(reader, record.name(), body);
      std::set<uint32_t> persons = PersonsOf(record, told);
      for (const auto& [person, access] : found) persons.insert(person);
      for (const uint32_t person : persons) {
        Access expected = Access::kNone;
        if (body == record.receiving().body()) expected = disclosures.Receiving(person);
        if (body == record.referring().body()) {
          const bool lost = HasLostIt(history, std::string(body)) || disclosures.HasReferringErased(person);
          expected = lost ? Access::kNone : Access::kAll;
        }
        EXPECT_EQ(static_cast<int>(found[person]), static_cast<int>(expected))
            << record.name() << " person " << person << " by " << body << " after " << Course(history);
      }
    }
  }

  // Whoever of a case looks at whatever of it sees the same body holding it.
  void CheckShownHolder(const std::vector<const ReferralRecord*>& members) {
    std::map<std::string, std::string> shown;
    for (const ReferralRecord* record : members) {
      for (const Player& player : players_) {
        const auto seen = Get(player.token, record->name());
        if (seen.ok()) shown[seen->case_holding_body()] += Cat(record->name(), " to ", player.body, "; ");
      }
    }
    EXPECT_EQ(shown.size(), 1U) << ::testing::PrintToString(shown);
    EXPECT_FALSE(shown.contains(""));
  }

  // Revisions without gaps; a clock rings once, and once more only for another.
  void CheckHistory(const ReferralRecord& record) {
    int64_t revision = 0;
    Rings rings;
    const auto history = History(record.name());
    for (const auto& entry : history) {
      EXPECT_EQ(entry.revision(), ++revision) << record.name();
      EXPECT_TRUE(rings.Add(entry)) << record.name() << " rings again at " << revision << " of "
                                    << Course(history);
    }
    EXPECT_EQ(revision, record.revision());
  }

  // The index of parts says what the parts say.
  void CheckPartRows(const World& world) {
    std::map<std::string, std::vector<std::string>> parts;
    for (const auto& [name, part] : world) {
      if (!part.part_of().empty()) parts[part.part_of()].push_back(name);
    }
    const auto snapshot = rig.store().Snapshot();
    for (const auto& [name, record] : world) {
      EXPECT_EQ(Must(rows::ListParts(**snapshot, name)), parts[name]) << name;
      EXPECT_EQ(Must(rows::CountParts(**snapshot, name)), static_cast<int>(parts[name].size())) << name;
    }
  }

  void CheckAll() {
    const auto snapshot = Snapshot();
    const World world = LookAt(*snapshot);
    const Told told = RightsTold();
    CheckCases(world);
    CheckParts(world);
    CheckPartRows(world);
    for (const auto& members : CasesOf(world)) CheckShownHolder(members);
    for (const auto& [name, record] : world) {
      CheckAccess(*snapshot, record, told);
      CheckHistory(record);
    }
  }

  std::vector<Player> players_;
  bool consents_ = false;  // who has an even number, to the first disclosure
};

// What the listing of allowed actions cannot know: where the case is to go.
bool IsMove(std::string_view event) {
  for (const std::string_view move :
       {"PROPOSE_FORWARD", "CONFIRM_FORWARD", "FORWARD_BY_DUTY", "HAND_OVER", "RULE"}) {
    if (event == move) return true;
  }
  return false;
}

class OneAfterTheOther : public HistoriesTest {};

TEST_P(OneAfterTheOther, EachRevisionHasOneHolderAndNobodyReadsMoreThanTheBasesAllow) {
  Play play = PlayOf(static_cast<unsigned>(GetParam()), 1 + GetParam() % 2);
  ClockKeeper keeper(rig.env(), change(), KeeperOptions());
  std::vector<std::string> names;
  std::map<std::string, int> done;
  for (int step = 0; step < 250; ++step) {
    rig.clock().Advance(play.Below(20) == 0 ? absl::Hours(24 * 8) : absl::Minutes(1));
    Refresh();
    ASSERT_TRUE(keeper.Step().ok());
    if (names.empty() || play.Below(40) == 0) {
      names.push_back(Must(play.Open().send(*stub)).name());
    } else if (play.Below(12) == 0) {
      const auto part = play.OpenPart(names[static_cast<size_t>(play.Below(static_cast<int>(names.size())))]);
      if (part.has_value()) names.push_back(Must(part->send(*stub)).name());
    } else {
      const auto deed = play.Choose(names[static_cast<size_t>(play.Below(static_cast<int>(names.size())))]);
      if (!deed.has_value()) continue;
      const auto answer = deed->send(*stub);
      ASSERT_TRUE(answer.ok() || IsMove(deed->event)) << deed->event << ": " << answer.status();
      if (answer.ok()) ++done[deed->event];
      const auto again = deed->send(*stub);
      ASSERT_EQ(again.ok(), answer.ok()) << deed->event << " again: " << again.status();
      if (answer.ok()) {
        EXPECT_EQ(again->revision(), answer->revision()) << "repeated, it is done once";
      }
    }
    for (const auto& [name, record] : Now()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    CheckAll();
    if (HasFailure()) {
      FAIL() << "after step " << step;
    }
  }
  EXPECT_GT(done.size(), 8U) << "or the history tests little: " << ::testing::PrintToString(done);
}
INSTANTIATE_TEST_SUITE_P(Chance, OneAfterTheOther, ::testing::Range(0, 15));

// People withdraw, and are erased one by one, while their cases go on, and some of it is under hold.
class RightsOfOne : public HistoriesTest {
 protected:
  RightsOfOne() { consents_ = true; }

  const Player& AnyPlayer(Play& play) {
    return players_[static_cast<size_t>(play.Below(static_cast<int>(players_.size())))];
  }
  // By whoever of the players may; true when it was recorded.
  bool Withdraw(const std::string& name, uint32_t person) {
    for (const Player& player : players_) {
      const auto recorded =
          Do(player.token, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL, person));
      if (!recorded.ok()) continue;
      requests_.push_back(recorded->name());
      return true;
    }
    return false;
  }
  // One body stops for a person who withdrew, in one referral; true when it has.
  bool EraseOne(Play& play) {
    if (requests_.empty()) return false;
    const std::string& name = requests_[static_cast<size_t>(play.Below(static_cast<int>(requests_.size())))];
    const Player& player = AnyPlayer(play);
    const auto seen = Do(player.token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(name));
    if (!seen.ok()) return false;
    for (const v1::RightsHolder& holder : seen->holders()) {
      if (holder.body() != player.body || holder.answer() != v1::RIGHT_ANSWER_UNSPECIFIED) continue;
      return Do(player.token, &Stub::AnswerRightsRequest,
                Receipt(name, holder.referral(), v1::RIGHT_ANSWER_STOPPED_ERASED))
          .ok();
    }
    return false;
  }

  std::vector<std::string> requests_;
};

TEST_P(RightsOfOne, EachPersonIsOpenToThoseWhomHerBasisAllowsAndNobodyElse) {
  constexpr int kPersons = 3;
  Play play = PlayOf(static_cast<unsigned>(GetParam()), kPersons);
  std::vector<std::string> names;
  int withdrawn = 0;
  int erased = 0;
  for (int step = 0; step < 120; ++step) {
    rig.clock().Advance(absl::Minutes(1));
    Refresh();
    const auto any = [&] { return names[static_cast<size_t>(play.Below(static_cast<int>(names.size())))]; };
    if (names.empty() || play.Below(15) == 0) {
      Must(play.Open().send(*stub));
    } else if (play.Below(8) == 0) {
      withdrawn += Withdraw(any(), 1 + static_cast<uint32_t>(play.Below(kPersons))) ? 1 : 0;
    } else if (play.Below(4) == 0) {
      erased += EraseOne(play) ? 1 : 0;
    } else if (const auto deed = play.Choose(any()); deed.has_value()) {
      // What a right stops is refused, and changes nothing.
      (void)deed->send(*stub);
    }
    const auto snapshot = Snapshot();
    const World world = LookAt(*snapshot);
    const Told told = RightsTold();
    CheckCases(world);
    names.clear();
    for (const auto& [name, record] : world) {
      names.push_back(name);
      CheckAccess(*snapshot, record, told);
      CheckHistory(record);
    }
    if (HasFailure()) {
      FAIL() << "after step " << step;
    }
  }
  EXPECT_GT(withdrawn, 0) << "or this tests nothing";
  EXPECT_GT(withdrawn + erased, 3);
}
INSTANTIATE_TEST_SUITE_P(Chance, RightsOfOne, ::testing::Range(0, 10));

// Also people who withdraw, object, have something put right or use restricted, ask what is held of them and
// are erased, one of two by consent.
class AllAtOnce : public HistoriesTest {
 protected:
  AllAtOnce() { consents_ = true; }

  // One deed of somebody; true when it was done.
  bool PlayOnce(Play& play, const std::string& name) {
    if (play.Below(12) == 0) return play.Open().send(*stub).ok();
    if (play.Below(10) == 0) {
      const auto right = play.ChooseRight(name);
      if (!right.has_value() || !right->send(*stub).ok()) return false;
      ++rights_;
      return true;
    }
    const auto deed = play.Below(5) == 0 ? play.OpenPart(name) : play.Choose(name);
    return deed.has_value() && deed->send(*stub).ok();
  }

  // All that must hold at one moment, whatever goes on meanwhile.
  World CheckMoment() {
    const auto snapshot = Snapshot();
    World world = LookAt(*snapshot);
    const Told told = RightsTold();
    CheckCases(world);
    CheckParts(world);
    for (const auto& [name, record] : world) CheckAccess(*snapshot, record, told);
    return world;
  }

  std::atomic<int> rights_ = 0;  // used, or answered
};

TEST_P(AllAtOnce, EverySnapshotHasOneHolderAndIsReadByWhomTheBasesAllow) {
  absl::Mutex mutex;
  std::vector<std::string> names;
  Play opening = PlayOf(1000, 2);
  for (int i = 0; i < 3; ++i) names.push_back(Must(opening.Open().send(*stub)).name());
  std::atomic<int> done = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      Play play = PlayOf(i + 1, 2);
      for (int step = 0; step < 60; ++step) {
        std::string name;
        {
          const absl::MutexLock lock(&mutex);
          name = names[static_cast<size_t>(play.Below(static_cast<int>(names.size())))];
        }
        done += PlayOnce(play, name) ? 1 : 0;
      }
    });
  }
  std::thread watcher([&] {
    while (!over && !HasFailure()) {
      const World world = CheckMoment();
      const absl::MutexLock lock(&mutex);
      names.clear();
      for (const auto& [name, record] : world) names.push_back(name);
    }
  });
  for (std::thread& thread : threads) thread.join();
  over = true;
  watcher.join();
  EXPECT_GT(done, 20);
  EXPECT_GT(rights_, 0) << "rights that nobody uses prove nothing";
  CheckAll();
}
INSTANTIATE_TEST_SUITE_P(Chance, AllAtOnce, ::testing::Range(0, 10));

}  // namespace
}  // namespace waypost::referral
