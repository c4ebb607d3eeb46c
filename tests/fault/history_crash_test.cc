// Two to six bodies do with a few cases whatever they may, all at once and with clocks of seconds, and the
// node is killed in the middle, again and again. Whatever was acknowledged is in the history once; of each
// case one body has it at every revision, whoever looks; each section of each person is read by whom the
// course of the case gives it to, and by nobody else; no clock rings twice for one thing; and what is counted
// of the places in two offers' groups is what referrals and enrolments say. Of two people in a case one is
// referred by consent; either withdraws, objects, has something put right or use restricted, asks what is
// held of her or is erased in the middle of it, and that reaches every referral of the case or none. What a
// body keeps under a legal hold it does not erase.
// Beside them two people play with referrals that are protected, of which nobody else ever learns. At last
// one of the bodies goes up in another one, and the node is killed while its work moves: all that must hold
// holds for the successor, and nothing is the predecessor's any more.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_play_testing.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"
#include "waypost/referral/v1/succession_service.grpc.pb.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;
using referral::testing::Deed;
using referral::testing::EnrolmentDeed;
using referral::testing::Play;
using referral::testing::PlayedOffer;
using referral::testing::Player;
using referral::testing::RightsDeed;
using EnrolmentStub = pb::EnrolmentService::Stub;
using SuccessionStub = pb::SuccessionService::Stub;

constexpr int kPlayers = 6;
constexpr uint32_t kPersons = 2;  // of a referral; the second one by consent
constexpr std::string_view kNeverWas = "referrals/01jd000000000000000000zzzz";
constexpr std::string_view kSuccessor = "bodies/es-test-3";  // of kTo, once they merge
constexpr std::string_view kCoordinator = "bodies/es-test-4";
// No request takes longer.
constexpr absl::Duration kUnderWay = absl::Seconds(5);
// Restarts are quick: they are no outage, and clocks go on through them.
constexpr std::string_view kConfig =
    "clocks {\n  step_times { normal_seconds: 2 urgent_seconds: 2 emergency_seconds: 2 }\n"
    "  lapse_percent: 200\n  outage_seconds: 60\n  remind_again_percent: 0\n}\n";

// A deed and what became of it.
struct Done {
  Deed deed;
  absl::StatusOr<pb::Referral> answer;
};

struct EnrolmentDone {
  EnrolmentDeed deed;
  absl::StatusOr<pb::Enrolment> answer;
};

struct RightsDone {
  RightsDeed deed;
  absl::StatusOr<pb::RightsRequest> answer;
};

// What the people of one circle did until the node was killed.
struct Played {
  std::vector<Done> deeds;
  std::vector<RightsDone> of_rights;
  std::vector<EnrolmentDone> of_enrolments;
};

struct PlayedByAll {
  Played by_everybody;
  Played by_readers;
};

// What there is of one group, counted one by one.
struct Tally {
  int held = 0;
  int enrolled = 0;
  int waiting = 0;
  int waiting_persons = 0;
};

// A course and a flat, with few places, so that they are often taken.
const std::vector<PlayedOffer>& Offers() {
  static const auto* const kOffers = new std::vector<PlayedOffer>{
      {std::string(kTo), "offers/es-test-course", {"a", "b"}},
      {std::string(kTo), "offers/es-test-flat", {"flat"}},
  };
  return *kOffers;
}
constexpr int kPlaces = 3;
constexpr size_t kMostProtected = 10;

using Course = std::vector<pb::HistoryEntry>;

bool IsWorkedOn(pb::ReferralState state) {
  return state == pb::REFERRAL_STATE_ACCEPTED || state == pb::REFERRAL_STATE_IN_PROGRESS ||
         state == pb::REFERRAL_STATE_ON_HOLD;
}

bool HasEnded(pb::ReferralState state) {
  return state == pb::REFERRAL_STATE_DECLINED || state == pb::REFERRAL_STATE_FORWARDED ||
         state == pb::REFERRAL_STATE_COMPLETED || state == pb::REFERRAL_STATE_ENDED_WITHOUT_RESULT ||
         state == pb::REFERRAL_STATE_CANCELLED || state == pb::REFERRAL_STATE_LAPSED;
}

// Has the receiving body the case after each of these? It has what it works on, also while it is asked to
// give it back.
std::vector<bool> ReceiverHasIt(const Course& course) {
  std::vector<bool> has;
  for (const pb::HistoryEntry& entry : course) {
    const bool before = !has.empty() && has.back();
    has.push_back(IsWorkedOn(entry.state()) ||
                  (entry.state() == pb::REFERRAL_STATE_CANCEL_REQUESTED && before));
  }
  return has;
}

bool EverHasIt(const Course& course) {
  const std::vector<bool> has = ReceiverHasIt(course);
  return std::find(has.begin(), has.end(), true) != has.end();
}

bool Has(const Course& course, std::string_view event) {
  return std::any_of(course.begin(), course.end(),
                     [event](const auto& each) { return each.event() == event; });
}

std::string TextOf(const Course& course) {
  std::string text;
  for (const pb::HistoryEntry& entry : course) {
    text += base::Cat(entry.revision(), " ", entry.event(), " ", pb::ReferralState_Name(entry.state()),
                      " by ", entry.body(), "; ");
  }
  return text;
}

// What somebody may open of a person.
struct Access {
  bool screening = false;
  bool details = false;
  friend bool operator==(const Access&, const Access&) = default;
};

// The rights that people in a referral have used, oldest first. Each is one entry of its history.
using Marks = google::protobuf::RepeatedPtrField<pb::RightMark>;

// Those after which nothing further is given of whoever uses them. They do not go along to what is sent on
// later, since she does not; what is to be put right does.
bool Stops(pb::RightKind kind) {
  return kind == pb::RIGHT_KIND_WITHDRAWAL || kind == pb::RIGHT_KIND_OBJECTION ||
         kind == pb::RIGHT_KIND_RESTRICTION;
}

Marks StoppingMarks(const pb::Referral& seen) {
  Marks marks;
  for (const pb::RightMark& mark : seen.right_marks()) {
    if (Stops(mark.kind())) *marks.Add() = mark;
  }
  return marks;
}

bool IsStoppingUse(const pb::HistoryEntry& entry) {
  return entry.event() == "WITHDRAW" || entry.event() == "OBJECT" || entry.event() == "RESTRICT";
}

bool IsUseOfRight(const pb::HistoryEntry& entry) {
  return IsStoppingUse(entry) || entry.event() == "RECTIFY" || entry.event() == "ASK_ACCESS";
}

// A case is opened with the second one by consent; what goes on elsewhere rests on what was given there.
bool IsByConsent(const pb::Referral& referral, uint32_t person) {
  return referral.forwarded_from().empty() && person % 2 == 0;
}

// Those of whom the body that sees it so has erased what it had.
std::set<uint32_t> ErasedIn(const pb::Referral& seen) {
  std::set<uint32_t> erased;
  for (const pb::RightMark& mark : seen.right_marks()) {
    if (mark.answer() == pb::RIGHT_ANSWER_STOPPED_ERASED) erased.insert(mark.person());
  }
  return erased;
}

// Those who are in it, or were taken out.
std::set<uint32_t> PersonsIn(const pb::Referral& seen) {
  std::set<uint32_t> persons(seen.withdrawn_persons().begin(), seen.withdrawn_persons().end());
  for (const pb::Person& person : seen.persons()) persons.insert(person.number());
  return persons;
}

// What the bases of a person give to the receiving body, by what has happened: the screening with the
// request, the rest with the acceptance, and nothing after an end that is no completion, or its own erasure.
// Once she has used a right nothing further is given. Who withdraws a consent while the case is open is taken
// out, or ends it.
Access GivenToReceiver(const Course& course, const pb::Referral& referral, uint32_t person) {
  const Marks marks = StoppingMarks(referral);
  Access given;
  bool stopped = false;
  int used = 0;
  pb::ReferralState state = pb::REFERRAL_STATE_UNSPECIFIED;
  for (const pb::HistoryEntry& entry : course) {
    const bool hers = IsStoppingUse(entry) && used < marks.size() && marks.Get(used++).person() == person;
    stopped = stopped || hers;
    const bool withdrawn =
        hers && entry.event() == "WITHDRAW" && IsByConsent(referral, person) && !HasEnded(state);
    const bool sent =
        entry.event() == "SUBMIT" || entry.event() == "OPEN_LINKED" || entry.event() == "REOPEN";
    const bool erased = entry.event() == "ERASE" && entry.body() == referral.receiving().body();
    if (withdrawn || erased || (HasEnded(entry.state()) && entry.state() != pb::REFERRAL_STATE_COMPLETED)) {
      given = {};
    } else if (sent && entry.state() == pb::REFERRAL_STATE_REQUESTED) {
      given = {.screening = !stopped, .details = false};
    } else if (entry.state() == pb::REFERRAL_STATE_ACCEPTED && state != entry.state() && !stopped) {
      given = {.screening = true, .details = true};
    }
    state = entry.state();
  }
  return given;
}

// The referring body has what it gave until it erases it. What was passed on by a body that should never have
// had the case goes with that body's part.
Access LeftToReferrer(const Course& course, const std::string& referring) {
  const bool lost = std::any_of(course.begin(), course.end(), [&referring](const pb::HistoryEntry& entry) {
    return (entry.event() == "ERASE" && entry.body() == referring) ||
           (entry.event() == "REPORT_MISDIRECTED" && entry.body().empty());
  });
  return {.screening = !lost, .details = !lost};
}

// Since the merger some are work within one body.
bool IsWithinOneBody(const pb::Referral& referral) {
  return referral.referring().body() == referral.receiving().body();
}

// Names of referrals that all players know. Thread-safe.
class Names {
 public:
  void Add(const std::string& name) {
    const absl::MutexLock lock(&mutex_);
    if (!name.empty() && seen_.insert(name).second) names_.push_back(name);
  }
  // One of the newest: what has ended long ago is no play.
  std::string Any(Play& play) {
    const absl::MutexLock lock(&mutex_);
    const int newest = std::min<int>(12, static_cast<int>(names_.size()));
    return names_[names_.size() - 1 - static_cast<size_t>(play.Below(newest))];
  }
  std::vector<std::string> all() {
    const absl::MutexLock lock(&mutex_);
    return names_;
  }

 private:
  absl::Mutex mutex_;
  std::set<std::string> seen_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

// People, and the referrals that they know of.
struct Circle {
  std::vector<Player> players;
  Names names;
};

class HistoryCrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(folder_ / "node.textproto", kConfig);
    ASSERT_NO_FATAL_FAILURE(StartNode());
    const auto tokens = DemoTokens(folder_ / "data");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    std::vector<std::string> bodies = {std::string(kFrom), std::string(kTo)};
    for (int i = 3; i <= kPlayers; ++i) bodies.push_back(base::Cat("bodies/es-test-", i));
    operators_ = tokens->operators;
    for (const std::string& body : bodies) ASSERT_TRUE(CreateBody(*directory_, *tokens, body).ok());
    ASSERT_NO_FATAL_FAILURE(CreateOffers(*tokens));
    ASSERT_NO_FATAL_FAILURE(CreateAgreement(*tokens));
    const auto supervisors = DemoSupervisors(folder_ / "data", bodies);
    ASSERT_TRUE(supervisors.ok()) << supervisors.status();
    for (size_t i = 0; i < bodies.size(); ++i) everybody_.players.push_back({bodies[i], (*supervisors)[i]});
    ASSERT_NO_FATAL_FAILURE(OpenFirst());
    ASSERT_NO_FATAL_FAILURE(OpenProtected());
  }

  void StartNode() {
    auto server = StartDemoNode(folder_, {"--config", folder_ / "node.textproto"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = server_->Connect();
    directory_ = directory::v1::DirectoryService::NewStub(channel);
    referrals_ = pb::ReferralService::NewStub(channel);
    enrolments_ = pb::EnrolmentService::NewStub(channel);
    successions_ = pb::SuccessionService::NewStub(channel);
  }

  void CreateOffers(const Tokens& tokens) {
    for (const PlayedOffer& played : Offers()) {
      directory::v1::CreateOfferRequest request;
      request.set_offer_id(played.offer.substr(played.offer.find('/') + 1));
      request.set_request_id(base::Cat("create-", request.offer_id()));
      directory::v1::Offer& offer = *request.mutable_offer();
      offer.set_provider(played.body);
      offer.set_theme(type::v1::THEME_LANGUAGE);
      offer.set_kind(played.groups.size() > 1 ? directory::v1::OFFER_KIND_ENROLMENT
                                              : directory::v1::OFFER_KIND_ONE_OFF);
      offer.set_status(directory::v1::OFFER_STATUS_ACTIVE);
      offer.add_territories("ES300");
      (*offer.mutable_display_name()->mutable_text())["es"] = "prueba";
      offer.mutable_display_name()->set_original_language("es");
      for (const std::string& id : played.groups) {
        directory::v1::OfferGroup& group = *offer.add_groups();
        group.set_group_id(id);
        if (offer.kind() == directory::v1::OFFER_KIND_ENROLMENT) group.set_permanent(true);
        group.mutable_capacity()->set_places(kPlaces);
        group.mutable_capacity()->set_free(kPlaces);
      }
      const auto made = Ask(*directory_, &DirectoryStub::CreateOffer, tokens.to, request);
      ASSERT_TRUE(made.ok()) << made.status();
    }
  }

  void CreateAgreement(const Tokens& tokens) {
    directory::v1::CreateCoordinationAgreementRequest request;
    request.set_request_id("agreement-1");
    request.set_coordination_agreement_id("es-test-language");
    auto& agreement = *request.mutable_coordination_agreement();
    agreement.set_theme(type::v1::THEME_LANGUAGE);
    agreement.set_territory("ES300");
    agreement.set_body(std::string(kCoordinator));
    agreement.set_reference("Acuerdo 2026-1");
    agreement.mutable_period()->set_start_date("2020-01-01");
    const auto made =
        Ask(*directory_, &DirectoryStub::CreateCoordinationAgreement, tokens.operators, request);
    ASSERT_TRUE(made.ok()) << made.status();
  }

  // The referral service has heard of all bodies once a case goes to the last one.
  void OpenFirst() {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    Play play = PlayOf(1);
    std::set<std::string> asked;
    while (asked.size() + 1 < circle_->players.size() && absl::Now() < until) {
      const auto made = play.Open().send(*referrals_);
      if (!made.ok()) continue;
      circle_->names.Add(made->name());
      asked.insert(made->receiving().body());
    }
    ASSERT_EQ(asked.size() + 1, circle_->players.size());
  }

  // By other people of two of the bodies, who are asked first for the pseudonym of the one to be named.
  void OpenProtected() {
    const std::vector<std::string> bodies = {std::string(kFrom), std::string(kTo)};
    const auto tokens = DemoSupervisors(folder_ / "data", bodies, "reader");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    for (size_t i = 0; i < bodies.size(); ++i) readers_.players.push_back({bodies[i], (*tokens)[i]});
    const auto reader =
        Ask(*referrals_, &ReferralStub::GetMyself, readers_.players[1].token, pb::GetMyselfRequest());
    ASSERT_TRUE(reader.ok()) << reader.status();
    receiving_reader_ = reader->actor();
    const auto made = PlayOfReaders(1).Open().send(*referrals_);
    ASSERT_TRUE(made.ok()) << made.status();
    readers_.names.Add(made->name());
  }

  // With the first so many of the bodies.
  Play PlayOf(unsigned seed, int players = kPlayers) {
    Play::Options options = OptionsOf(seed);
    options.players.assign(everybody_.players.begin(), everybody_.players.begin() + players);
    options.offers = Offers();
    return Play(*referrals_, std::move(options));
  }
  // What is protected takes no place that others see.
  Play PlayOfReaders(unsigned seed) {
    Play::Options options = OptionsOf(seed);
    options.players = readers_.players;
    options.receiving_readers = {receiving_reader_};
    return Play(*referrals_, std::move(options));
  }
  Play::Options OptionsOf(unsigned seed) {
    return {.players = {},
            .now = [] { return absl::Now(); },
            .seed = seed,
            .run = base::Cat("crash-history-", ++plays_),
            .persons = static_cast<int>(kPersons),
            .every_second_consents = true,
            .legal_holds = true,
            .date_ahead = absl::Seconds(2)};
  }

  // With the first so many of the bodies; the kill comes after `meanwhile`.
  PlayedByAll PlayAndKill(int players, absl::FunctionRef<void()> meanwhile);
  void PlayForAWhile();
  // From today on kTo is a part of kSuccessor, and its work begins to move.
  void Merge();
  void AwaitMove(absl::FunctionRef<bool(const pb::SuccessionMove&)> reached);
  // Who had an account of kTo acts for kSuccessor.
  void AwaitAccount(const std::string& token);
  void CheckMerged(const PlayedByAll& all);
  // What a body that is no more did before is not repeated in its name.
  bool MayRepeat(const std::string& body) const { return !merged_ || body != kTo; }
  std::string_view BodyNow(std::string_view body) const { return merged_ && body == kTo ? kSuccessor : body; }
  // One deed of somebody of a circle; false when the node is gone.
  bool PlayOnce(Play& play, Circle& circle, absl::Mutex& mutex, Played& all);
  // What they did is there, and all of theirs is as it must be.
  void CheckCircle(Circle& circle, const Played& all);
  // Who is no reader learns nothing of what is protected.
  void CheckHidden();
  // That somebody is answered as if it had never been.
  void CheckUnknownTo(const Player& player, const std::string& name);
  // Whether the node still answers.
  bool Answers();
  // Whether clocks have rung, places were taken, and somebody withdrew a consent in the middle of a case.
  bool ProvesAnything();
  void CheckEnrolmentsDone(const std::vector<EnrolmentDone>& all);
  void CheckRightsDone(const std::vector<RightsDone>& all);
  void CheckMarked(const RightsDeed& deed, const std::string& request);
  void CheckRightsReached(const std::vector<std::string>& members);
  void CheckPlaces();
  void CheckDone(const std::vector<Done>& all);
  void CheckDoubtful(const Done& done);
  void CheckAcknowledged(const Done& done);
  void CheckCases();
  void CheckCase(const std::vector<std::string>& members);
  // What a body sees of the course of a referral; nothing where it does not find it.
  std::optional<Course> CourseFor(const std::string& body, const std::string& name);
  void CheckHolder(const std::vector<std::string>& members, const std::string& shown);
  void CheckBothSides(const pb::Referral& referral);
  void CheckLegalHolds(const pb::Referral& referral);
  void CheckReaders(const pb::Referral& referral);
  // Whoever reads what they should not, or not what they should.
  std::string WrongReaders(const pb::Referral& referral, const Course& course);
  // As the history and the rights used give it, by person.
  std::map<uint32_t, Access> AccessGivenTo(const std::string& body, const pb::Referral& referral,
                                           const Course& course);
  Access AccessOf(const std::string& body, const pb::Referral& referral, uint32_t person,
                  pb::Purpose purpose);
  void CheckClocks(const pb::Referral& referral);
  void AwaitRing(const pb::Referral& referral);
  std::vector<std::vector<std::string>> Cases();
  const std::string& TokenOf(const std::string& body);

  const TempFolder folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<DirectoryStub> directory_;
  std::unique_ptr<ReferralStub> referrals_;
  std::unique_ptr<EnrolmentStub> enrolments_;
  std::unique_ptr<SuccessionStub> successions_;
  std::string operators_;  // their token
  bool merged_ = false;
  Circle everybody_;
  Circle readers_;  // of what is protected: one at kFrom and one at kTo, none of the players
  std::string receiving_reader_;
  Circle* circle_ = &everybody_;  // who looks
  std::mt19937 random_{std::random_device{}()};
  int plays_ = 0;
  std::map<std::string, int> acknowledged_;  // by event
  std::map<std::string, pb::Referral> as_seen_by_referring_;
};

const std::string& HistoryCrashTest::TokenOf(const std::string& body) {
  return std::find_if(circle_->players.begin(), circle_->players.end(),
                      [&](const Player& each) { return each.body == BodyNow(body); })
      ->token;
}

bool HistoryCrashTest::Answers() {
  pb::GetReferralRequest request;
  request.set_name(std::string(kNeverWas));
  const auto answer = Ask(*referrals_, &ReferralStub::GetReferral, circle_->players[0].token, request);
  return answer.ok() || !error::ReasonOf(answer.status()).empty();
}

bool HistoryCrashTest::PlayOnce(Play& play, Circle& circle, absl::Mutex& mutex, Played& all) {
  const auto keep = [&mutex](auto& list, auto deed, auto answer) {
    const bool alive = answer.ok() || !error::ReasonOf(answer.status()).empty();
    const absl::MutexLock lock(&mutex);
    list.push_back({std::move(deed), std::move(answer)});
    return alive;
  };
  if (play.Below(6) == 0) {
    if (const auto deed = play.ChooseEnrolment(*enrolments_); deed.has_value()) {
      return keep(all.of_enrolments, *deed, deed->send(*enrolments_));
    }
  }
  if (play.Below(15) == 0) {
    if (const auto deed = play.ChooseRight(circle.names.Any(play)); deed.has_value()) {
      return keep(all.of_rights, *deed, deed->send(*referrals_));
    }
  }
  // Few are enough of what is protected, and are played with for longer.
  const bool opens =
      play.Below(15) == 0 && (&circle != &readers_ || circle.names.all().size() < kMostProtected);
  const std::optional<Deed> deed = opens ? play.Open() : play.Choose(circle.names.Any(play));
  // None of these bodies may do anything with it, or the node is gone.
  if (!deed.has_value()) return Answers();
  auto answer = deed->send(*referrals_);
  if (answer.ok()) circle.names.Add(answer->name());
  if (answer.ok()) circle.names.Add(answer->forwarded_to());
  return keep(all.deeds, *deed, std::move(answer));
}

void HistoryCrashTest::PlayForAWhile() {
  const absl::Duration time = absl::Milliseconds(std::uniform_int_distribution(700, 2500)(random_));
  EXPECT_FALSE(server_->process().WaitForExit(time).has_value()) << server_->process().Printed();
}

PlayedByAll HistoryCrashTest::PlayAndKill(int players, absl::FunctionRef<void()> meanwhile) {
  absl::Mutex mutex;
  PlayedByAll all;
  std::vector<std::thread> threads;
  for (int i = 0; i < kPlayers; ++i) {
    threads.emplace_back([&, play = PlayOf(static_cast<unsigned>(random_()), players)]() mutable {
      while (PlayOnce(play, everybody_, mutex, all.by_everybody)) continue;
    });
  }
  threads.emplace_back([&, play = PlayOfReaders(static_cast<unsigned>(random_()))]() mutable {
    while (PlayOnce(play, readers_, mutex, all.by_readers)) continue;
  });
  meanwhile();
  server_->process().Signal(SIGKILL);
  EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
  for (std::thread& thread : threads) thread.join();
  return all;
}

void HistoryCrashTest::CheckAcknowledged(const Done& done) {
  pb::ListReferralHistoryRequest request;
  request.set_name(done.answer->name());
  request.set_page_size(500);
  int64_t found = 0;
  do {
    const auto history =
        Ask(*referrals_, &ReferralStub::ListReferralHistory, TokenOf(done.deed.body), request);
    // A body that was reached by mistake does not find it any longer.
    if (!history.ok()) return;
    const auto& entries = history->entries();
    found += std::count_if(entries.begin(), entries.end(), [&done](const auto& entry) {
      return entry.revision() == done.answer->revision() && entry.state() == done.answer->state();
    });
    request.set_page_token(history->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(found, 1) << done.deed.event << " was acknowledged: " << done.answer->ShortDebugString();
}

// Whether it was done is for the node to say, and then it is that for good.
void HistoryCrashTest::CheckDoubtful(const Done& done) {
  const auto once = done.deed.send(*referrals_);
  const auto twice = done.deed.send(*referrals_);
  ASSERT_EQ(once.status().code(), twice.status().code()) << done.deed.event << ": " << twice.status();
  if (!once.ok()) {
    EXPECT_FALSE(error::ReasonOf(once.status()).empty()) << once.status();
    return;
  }
  EXPECT_EQ(once->revision(), twice->revision()) << done.deed.event;
  circle_->names.Add(once->name());
  circle_->names.Add(once->forwarded_to());
}

void HistoryCrashTest::CheckDone(const std::vector<Done>& all) {
  int number = 0;
  for (const Done& done : all) {
    if (!done.answer.ok()) {
      if (error::ReasonOf(done.answer.status()).empty() && MayRepeat(done.deed.body)) CheckDoubtful(done);
      continue;
    }
    ++acknowledged_[done.deed.event];
    CheckAcknowledged(done);
    if (!MayRepeat(done.deed.body) || ++number % 10 != 0) continue;
    const auto again = done.deed.send(*referrals_);
    // To a body that was reached by mistake nothing is said any more, not even what it did.
    if (absl::IsNotFound(again.status()) || absl::IsPermissionDenied(again.status())) continue;
    ASSERT_TRUE(again.ok()) << done.deed.event << ": " << again.status();
    EXPECT_EQ(again->revision(), done.answer->revision()) << "it was done again: " << done.deed.event;
  }
}

// What was acknowledged was done, and is not done again; what was not is one or the other for good.
void HistoryCrashTest::CheckEnrolmentsDone(const std::vector<EnrolmentDone>& all) {
  for (const EnrolmentDone& done : all) {
    if (done.answer.ok()) ++acknowledged_[base::Cat("ENROLMENT ", done.deed.event)];
    const bool refused = !done.answer.ok() && !error::ReasonOf(done.answer.status()).empty();
    if (refused || !MayRepeat(done.deed.body)) continue;
    const auto once = done.deed.send(*enrolments_);
    // With its referral it may be gone since.
    if (absl::IsNotFound(once.status()) || absl::IsPermissionDenied(once.status())) continue;
    if (done.answer.ok()) {
      ASSERT_TRUE(once.ok()) << done.deed.event << ": " << once.status();
      EXPECT_EQ(once->revision(), done.answer->revision()) << "it was done again: " << done.deed.event;
      continue;
    }
    const auto twice = done.deed.send(*enrolments_);
    ASSERT_EQ(once.status().code(), twice.status().code()) << done.deed.event << ": " << twice.status();
    if (once.ok()) {
      EXPECT_EQ(once->revision(), twice->revision()) << done.deed.event;
    }
  }
}

// It stands in the referral in which it was used or answered, where that body still sees it.
void HistoryCrashTest::CheckMarked(const RightsDeed& deed, const std::string& request) {
  pb::GetReferralRequest look;
  look.set_name(deed.referral);
  const auto seen = Ask(*referrals_, &ReferralStub::GetReferral, TokenOf(deed.body), look);
  if (!seen.ok()) return;
  const auto& marks = seen->right_marks();
  const auto mark = std::find_if(marks.begin(), marks.end(),
                                 [&request](const pb::RightMark& each) { return each.request() == request; });
  ASSERT_NE(mark, marks.end()) << deed.event << " was acknowledged: " << seen->ShortDebugString();
  EXPECT_EQ(mark->person(), deed.person) << seen->ShortDebugString();
  // Where both sides are one body now, it has the answer of either, or owes one.
  if (deed.answer != pb::RIGHT_ANSWER_UNSPECIFIED && !IsWithinOneBody(*seen)) {
    EXPECT_EQ(mark->answer(), deed.answer) << seen->ShortDebugString();
  }
}

// What was acknowledged was done, and is not done again; what was not is one or the other for good.
void HistoryCrashTest::CheckRightsDone(const std::vector<RightsDone>& all) {
  for (const RightsDone& done : all) {
    const bool refused = !done.answer.ok() && !error::ReasonOf(done.answer.status()).empty();
    if (refused || !MayRepeat(done.deed.body)) continue;
    const auto once = done.deed.send(*referrals_);
    const auto twice = done.deed.send(*referrals_);
    ASSERT_EQ(once.status().code(), twice.status().code()) << done.deed.event << ": " << twice.status();
    if (once.ok()) {
      EXPECT_EQ(once->name(), twice->name()) << done.deed.event;
      EXPECT_EQ(once->revision(), twice->revision()) << done.deed.event;
      ASSERT_NO_FATAL_FAILURE(CheckMarked(done.deed, once->name()));
    }
    if (!done.answer.ok()) continue;
    ++acknowledged_[done.deed.event];
    // To a body that was reached by mistake nothing is said any more, not even what it did.
    if (absl::IsNotFound(once.status()) || absl::IsPermissionDenied(once.status())) continue;
    ASSERT_TRUE(once.ok()) << done.deed.event << ": " << once.status();
    EXPECT_EQ(once->name(), done.answer->name()) << "it was done again: " << done.deed.event;
    EXPECT_EQ(once->revision(), done.answer->revision()) << "it was done again: " << done.deed.event;
  }
}

// A right that was used anywhere in a case stands in each of its referrals that the person is in, and where
// she withdrew the consent that an open one rests on, she is in it no longer. What stops nothing stands in
// each that there was when it was used: what is sent on later need not be asked about any more.
void HistoryCrashTest::CheckRightsReached(const std::vector<std::string>& members) {
  struct Use {
    uint32_t person = 0;
    bool stops = false;
    absl::Time time = absl::InfiniteFuture();
  };
  std::map<std::string, Use> used;  // by the name of the request
  for (const std::string& name : members) {
    for (const pb::RightMark& mark : as_seen_by_referring_.at(name).right_marks()) {
      Use& use = used[mark.request()];
      use.person = mark.person();
      use.stops = Stops(mark.kind());
      use.time = std::min(use.time, api::FromTimestamp(mark.time()));
    }
  }
  for (const std::string& name : members) {
    const pb::Referral& referral = as_seen_by_referring_.at(name);
    const Marks& marks = referral.right_marks();
    const std::set<uint32_t> persons = PersonsIn(referral);
    for (const auto& [key, use] : used) {
      const std::string& request = key;
      const bool reached = std::any_of(marks.begin(), marks.end(),
                                       [&](const pb::RightMark& mark) { return mark.request() == request; });
      // Of two that were under way at once either may have come first, whatever their times.
      const bool was_there = api::FromTimestamp(referral.create_time()) + kUnderWay < use.time;
      EXPECT_TRUE(reached || !persons.contains(use.person) || !(use.stops || was_there))
          << request << " did not reach " << referral.ShortDebugString();
    }
    for (const pb::RightMark& mark : marks) {
      const bool leaves = mark.kind() == pb::RIGHT_KIND_WITHDRAWAL && !HasEnded(referral.state()) &&
                          IsByConsent(referral, mark.person());
      const bool is_in =
          std::any_of(referral.persons().begin(), referral.persons().end(),
                      [&mark](const pb::Person& each) { return each.number() == mark.person(); });
      EXPECT_FALSE(leaves && is_in) << "withdrew, and goes on: " << referral.ShortDebugString();
    }
    acknowledged_["TAKEN OUT"] += referral.withdrawn_persons_size();
  }
}

// Nobody plays, and what clocks do takes and frees no place.
void HistoryCrashTest::CheckPlaces() {
  const std::string& token = TokenOf(std::string(kTo));
  std::map<std::string, Tally> tallies;  // by the name of the list
  const auto list_of = [](const std::string& offer, const std::string& group) {
    return base::Cat(offer, "/groups/", group, "/waitingList");
  };
  for (const std::string& name : circle_->names.all()) {
    pb::GetReferralRequest request;
    request.set_name(name);
    const auto seen = Ask(*referrals_, &ReferralStub::GetReferral, token, request);
    if (!seen.ok() || seen->receiving().body() != BodyNow(kTo)) continue;
    const bool holds = seen->state() == pb::REFERRAL_STATE_OFFERED || IsWorkedOn(seen->state()) ||
                       seen->state() == pb::REFERRAL_STATE_CANCEL_REQUESTED;
    for (const pb::PersonPlace& place : seen->places()) {
      if (holds && place.enrolment().empty()) ++tallies[list_of(place.offer(), place.group_id())].held;
    }
    if (seen->state() != pb::REFERRAL_STATE_WAITLISTED || !seen->has_waiting()) continue;
    Tally& tally = tallies[list_of(seen->waiting().offer(), seen->waiting().group_id())];
    ++tally.waiting;
    tally.waiting_persons += seen->waiting().persons_size();
  }
  pb::ListEnrolmentsRequest listing;
  listing.set_page_size(500);
  do {
    const auto page = Ask(*enrolments_, &EnrolmentStub::ListEnrolments, token, listing);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const pb::Enrolment& enrolment : page->enrolments()) {
      ++tallies[list_of(enrolment.offer(), enrolment.group_id())].enrolled;
    }
    listing.set_page_token(page->next_page_token());
  } while (!listing.page_token().empty());
  for (const PlayedOffer& played : Offers()) {
    for (const std::string& group : played.groups) {
      pb::GetWaitingListRequest request;
      request.set_name(list_of(played.offer, group));
      const auto list = Ask(*enrolments_, &EnrolmentStub::GetWaitingList, token, request);
      ASSERT_TRUE(list.ok()) << list.status();
      const Tally& tally = tallies[request.name()];
      EXPECT_EQ(list->enrolled(), tally.enrolled) << request.name();
      EXPECT_EQ(list->taken(), tally.held + tally.enrolled) << request.name();
      EXPECT_LE(list->taken(), kPlaces) << request.name();
      EXPECT_EQ(list->free(), kPlaces - list->taken()) << request.name();
      EXPECT_EQ(list->waiting_count(), tally.waiting) << request.name();
      EXPECT_EQ(list->waiting_person_count(), tally.waiting_persons) << request.name();
      acknowledged_["PLACES"] += list->taken();
    }
  }
}

// The referrals of each case, as their referring bodies see them.
std::vector<std::vector<std::string>> HistoryCrashTest::Cases() {
  as_seen_by_referring_.clear();
  std::vector<std::string> to_visit = circle_->names.all();
  while (!to_visit.empty()) {
    const std::string name = to_visit.back();
    to_visit.pop_back();
    if (as_seen_by_referring_.contains(name)) continue;
    pb::GetReferralRequest request;
    request.set_name(name);
    for (const Player& player : circle_->players) {
      const auto seen = Ask(*referrals_, &ReferralStub::GetReferral, player.token, request);
      if (!seen.ok() || seen->referring().body() != player.body) continue;
      as_seen_by_referring_[name] = *seen;
      for (const std::string& other : {seen->forwarded_from(), seen->forwarded_to()}) {
        if (!other.empty()) to_visit.push_back(other);
      }
    }
    EXPECT_TRUE(as_seen_by_referring_.contains(name)) << "lost: " << name;
  }
  std::map<std::string, std::vector<std::string>> cases;
  for (const auto& [name, referral] : as_seen_by_referring_) {
    circle_->names.Add(name);
    const pb::Referral* first = &referral;
    while (!first->forwarded_from().empty()) first = &as_seen_by_referring_.at(first->forwarded_from());
    cases[first->name()].push_back(name);
  }
  std::vector<std::vector<std::string>> all;
  for (auto& [first, members] : cases) all.push_back(std::move(members));
  return all;
}

std::optional<Course> HistoryCrashTest::CourseFor(const std::string& body, const std::string& name) {
  pb::ListReferralHistoryRequest request;
  request.set_name(name);
  request.set_page_size(500);
  const auto history = Ask(*referrals_, &ReferralStub::ListReferralHistory, TokenOf(body), request);
  if (!history.ok()) return std::nullopt;
  Course course(history->entries().begin(), history->entries().end());
  // What the predecessor did is the successor's.
  for (pb::HistoryEntry& entry : course) entry.set_body(std::string(BodyNow(entry.body())));
  return course;
}

void HistoryCrashTest::CheckCase(const std::vector<std::string>& members) {
  std::map<std::string, std::string> holders;
  for (const std::string& name : members) {
    pb::GetReferralRequest request;
    request.set_name(name);
    for (const Player& player : circle_->players) {
      const auto seen = Ask(*referrals_, &ReferralStub::GetReferral, player.token, request);
      if (seen.ok()) holders[seen->case_holding_body()] += base::Cat(name, " to ", player.body, "; ");
    }
    CheckReaders(as_seen_by_referring_.at(name));
    CheckBothSides(as_seen_by_referring_.at(name));
    CheckLegalHolds(as_seen_by_referring_.at(name));
    CheckClocks(as_seen_by_referring_.at(name));
    if (HasFailure()) return;
  }
  ASSERT_EQ(holders.size(), 1U) << ::testing::PrintToString(holders);
  CheckHolder(members, holders.begin()->first);
}

// By its histories, who has a case at each revision: of what goes on elsewhere the body before has nothing
// from then on, and of several that it went to one at most took it.
void HistoryCrashTest::CheckHolder(const std::vector<std::string>& members, const std::string& shown) {
  std::map<std::string, Course> courses;
  std::map<std::string, int> taken;  // how many that continue it were taken
  std::vector<std::string> now;      // who has it, by what is open
  std::string asking;                // whose it is while somebody is asked
  for (const std::string& name : members) {
    const pb::Referral& referral = as_seen_by_referring_.at(name);
    const std::optional<Course> course = CourseFor(referral.referring().body(), name);
    ASSERT_TRUE(course.has_value() && !course->empty()) << name;
    courses[name] = *course;
    if (EverHasIt(*course) && !referral.forwarded_from().empty()) ++taken[referral.forwarded_from()];
    if (ReceiverHasIt(*course).back()) {
      now.push_back(referral.receiving().body());
    } else if (!HasEnded(course->back().state())) {
      EXPECT_EQ(asking, "") << "two are asked at once: " << name;
      asking = referral.referring().body();
    }
  }
  EXPECT_LE(now.size(), 1U) << "of " << members[0];
  for (const auto& [name, count] : taken) {
    EXPECT_EQ(count, 1) << "two took what " << name << " was: " << TextOf(courses[name]);
    // What was taken elsewhere was given up here, once and for good.
    const Course& course = courses[name];
    const std::vector<bool> has = ReceiverHasIt(course);
    bool given_up = false;
    for (size_t i = 0; i < course.size(); ++i) {
      given_up = given_up || course[i].state() == pb::REFERRAL_STATE_FORWARDED;
      EXPECT_FALSE(given_up && has[i]) << name << ": " << TextOf(course);
    }
    EXPECT_TRUE(given_up) << name << ": " << TextOf(course);
  }
  // A case that is over has nobody who would have to be the one.
  const std::string holder = now.empty() ? asking : now[0];
  if (!now.empty() && !asking.empty()) {
    EXPECT_EQ(asking, holder) << "who asks further has it";
  }
  if (!holder.empty()) {
    EXPECT_EQ(shown, holder) << members[0];
  }
}

// Both sides are told the same course. Read after it, the receiving side's may have gone on.
void HistoryCrashTest::CheckBothSides(const pb::Referral& referral) {
  const auto here = CourseFor(referral.referring().body(), referral.name());
  ASSERT_TRUE(here.has_value()) << referral.name();
  const auto there = CourseFor(referral.receiving().body(), referral.name());
  if (!there.has_value()) {
    EXPECT_TRUE(Has(*here, "REPORT_MISDIRECTED")) << referral.name() << ": " << TextOf(*here);
    return;
  }
  ASSERT_GE(there->size(), here->size()) << referral.name();
  EXPECT_EQ(TextOf({there->begin(), there->begin() + static_cast<std::ptrdiff_t>(here->size())}),
            TextOf(*here))
      << referral.name();
}

// Who keeps its share for a court or an audit erases nothing of it before it lets go, and sees that it does.
void HistoryCrashTest::CheckLegalHolds(const pb::Referral& referral) {
  const std::string& body = referral.referring().body();
  const auto course = CourseFor(body, referral.name());
  ASSERT_TRUE(course.has_value()) << referral.name();
  // Whose hold it was, of two that are one body now, their history does not say.
  if (merged_ && (IsWithinOneBody(referral) || Has(*course, "REPORT_MISDIRECTED"))) return;
  std::set<std::string> holding;
  for (const pb::HistoryEntry& entry : *course) {
    if (entry.event() == "PLACE_LEGAL_HOLD") holding.insert(entry.body());
    if (entry.event() == "RELEASE_LEGAL_HOLD") {
      EXPECT_EQ(holding.erase(entry.body()), 1U) << referral.name() << ": " << TextOf(*course);
    }
    EXPECT_FALSE(entry.event() == "ERASE" && holding.contains(entry.body()))
        << referral.name() << ": " << TextOf(*course);
  }
  EXPECT_EQ(referral.has_legal_hold(), holding.contains(body)) << referral.name() << ": " << TextOf(*course);
}

Access HistoryCrashTest::AccessOf(const std::string& body, const pb::Referral& referral, uint32_t person,
                                  pb::Purpose purpose) {
  const auto opens = [&](pb::SectionKind kind) {
    pb::DiscloseReferralRequest request;
    request.set_name(referral.name());
    request.add_persons(person);
    request.add_sections(kind);
    request.set_purpose(purpose);
    const auto opened = Ask(*referrals_, &ReferralStub::DiscloseReferral, TokenOf(body), request);
    if (!opened.ok()) return false;
    return std::any_of(opened->sections().begin(), opened->sections().end(), [&](const auto& sections) {
      return sections.person() == person &&
             (kind == pb::SECTION_KIND_SCREENING ? sections.has_screening() : sections.has_details());
    });
  };
  return {.screening = opens(pb::SECTION_KIND_SCREENING), .details = opens(pb::SECTION_KIND_DETAILS)};
}

// Of somebody who is not in what a case went on with nobody has anything there.
std::map<uint32_t, Access> HistoryCrashTest::AccessGivenTo(const std::string& body,
                                                           const pb::Referral& referral,
                                                           const Course& course) {
  const bool referring = body == referral.referring().body();
  if (!referring && body != referral.receiving().body()) return {};
  std::set<uint32_t> persons = PersonsIn(referral);
  std::set<uint32_t> erased = ErasedIn(referral);
  pb::GetReferralRequest request;
  request.set_name(referral.name());
  const auto there =
      Ask(*referrals_, &ReferralStub::GetReferral, TokenOf(referral.receiving().body()), request);
  if (there.ok()) persons.merge(PersonsIn(*there));
  if (!referring) erased = there.ok() ? ErasedIn(*there) : std::set<uint32_t>();
  for (uint32_t person = 1; referral.forwarded_from().empty() && person <= kPersons; ++person) {
    persons.insert(person);
  }
  std::map<uint32_t, Access> given;
  for (const uint32_t person : persons) {
    if (erased.contains(person)) continue;
    given[person] = referring ? LeftToReferrer(course, body) : GivenToReceiver(course, referral, person);
  }
  return given;
}

std::string HistoryCrashTest::WrongReaders(const pb::Referral& referral, const Course& course) {
  std::string wrong;
  for (const Player& player : circle_->players) {
    // It has what either side had.
    if (IsWithinOneBody(referral) && player.body == referral.referring().body()) continue;
    std::map<uint32_t, Access> given = AccessGivenTo(player.body, referral, course);
    for (uint32_t person = 1; person <= kPersons; ++person) {
      const auto expect = [&](pb::Purpose purpose, const Access& expected) {
        const Access found = AccessOf(player.body, referral, person, purpose);
        if (found == expected) return;
        wrong +=
            base::Cat(player.body, " opens of person ", person, " for ", pb::Purpose_Name(purpose),
                      ": screening ", found.screening ? 1 : 0, ", details ", found.details ? 1 : 0, "; ");
      };
      const Marks& marks = referral.right_marks();
      const bool restricted = player.body == referral.receiving().body() &&
                              std::any_of(marks.begin(), marks.end(), [person](const pb::RightMark& mark) {
                                return mark.person() == person && mark.kind() == pb::RIGHT_KIND_RESTRICTION;
                              });
      expect(pb::PURPOSE_DELIVER_SERVICE, restricted ? Access{} : given[person]);
      // Article 18(2) of the GDPR.
      if (restricted) expect(pb::PURPOSE_PROTECT_PERSON, given[person]);
    }
  }
  return wrong;
}

// Clocks go on while this looks: where the course went on meanwhile, it looks again.
void HistoryCrashTest::CheckReaders(const pb::Referral& referral) {
  const std::string& body = referral.referring().body();
  auto course = CourseFor(body, referral.name());
  while (course.has_value()) {
    ASSERT_EQ(std::count_if(course->begin(), course->end(), IsStoppingUse), StoppingMarks(referral).size())
        << "a right is told and not marked, or marked and not told: " << referral.ShortDebugString()
        << " after " << TextOf(*course);
    const std::string wrong = WrongReaders(referral, *course);
    auto after = CourseFor(body, referral.name());
    ASSERT_TRUE(after.has_value()) << referral.name();
    if (wrong.empty()) return;
    if (after->size() == course->size()) {
      FAIL() << referral.name() << ": " << wrong << " after " << TextOf(*course);
    }
    course = std::move(after);
  }
  FAIL() << "no history of " << referral.name();
}

bool Rings(const pb::HistoryEntry& entry) {
  return entry.event() == "REMINDER" || entry.event() == "ESCALATE" || entry.event() == "LAPSE";
}

// The state stays, and what is due: the clock that ran before runs on.
bool LeavesClocks(const pb::HistoryEntry& entry) {
  static constexpr std::array kEvents = {"NOTE",
                                         "ASSIGN",
                                         "CLAIM",
                                         "APPROVE",
                                         "PROPOSE_DATE",
                                         "REFUSE_DATE",
                                         "VOID_ENTRY",
                                         "REMIND",
                                         "PROPOSE_FORWARD",
                                         "RECORD_APPOINTMENT",
                                         "PLACE_LEGAL_HOLD",
                                         "RELEASE_LEGAL_HOLD"};
  return Rings(entry) || IsUseOfRight(entry) || entry.event() == "ANSWER_RIGHT" ||
         std::find(kEvents.begin(), kEvents.end(), entry.event()) != kEvents.end();
}

// That of the start runs beside that of the review there.
int ClocksIn(pb::ReferralState state) {
  return state == pb::REFERRAL_STATE_ON_HOLD || state == pb::REFERRAL_STATE_WAITLISTED ? 2 : 1;
}

// A clock that has run out, of the steps that escalate: it rings, though the node was killed meanwhile.
void HistoryCrashTest::AwaitRing(const pb::Referral& referral) {
  pb::GetReferralRequest request;
  request.set_name(referral.name());
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (true) {
    const auto seen =
        Ask(*referrals_, &ReferralStub::GetReferral, TokenOf(referral.referring().body()), request);
    ASSERT_TRUE(seen.ok()) << seen.status();
    const pb::Clock clock = seen->silence().clock();
    const bool step = clock == pb::CLOCK_ACKNOWLEDGE || clock == pb::CLOCK_DECIDE || clock == pb::CLOCK_START;
    if (!step || seen->silence().has_escalate_time()) return;
    ASSERT_LT(absl::Now(), until) << "a clock that has run out does not ring: " << seen->ShortDebugString();
    ASSERT_FALSE(server_->process().WaitForExit(absl::Milliseconds(100)).has_value())
        << server_->process().Printed();
  }
}

// Each clock rings once for each thing that it has to say, and not less often than that.
void HistoryCrashTest::CheckClocks(const pb::Referral& referral) {
  if (!IsWithinOneBody(referral)) {
    ASSERT_NO_FATAL_FAILURE(AwaitRing(referral));
  }
  pb::ListReferralHistoryRequest request;
  request.set_name(referral.name());
  request.set_page_size(500);
  const auto history =
      Ask(*referrals_, &ReferralStub::ListReferralHistory, TokenOf(referral.referring().body()), request);
  ASSERT_TRUE(history.ok()) << history.status();
  int64_t revision = 0;
  pb::ReferralState state = pb::REFERRAL_STATE_UNSPECIFIED;
  std::map<std::string, int> rung;  // since the clocks that run began
  for (const auto& entry : history->entries()) {
    EXPECT_EQ(entry.revision(), ++revision) << referral.name();
    // Whatever is done with what has ended, its readers have their time anew.
    const bool anew = referral.has_protection() && HasEnded(entry.state()) && !Rings(entry);
    if (anew || !LeavesClocks(entry)) rung.clear();
    if (Rings(entry)) {
      const int most = entry.event() == "LAPSE" ? 1 : ClocksIn(entry.state());
      EXPECT_LE(++rung[entry.event()], most) << referral.name() << " rings twice at " << revision;
      EXPECT_TRUE(entry.event() != "LAPSE" || state != entry.state())
          << referral.name() << " at " << revision;
      ++acknowledged_[entry.event()];
    }
    if (state != entry.state()) rung.clear();
    state = entry.state();
  }
}

bool HistoryCrashTest::ProvesAnything() {
  return acknowledged_["ESCALATE"] > 0 && acknowledged_["PLACES"] > 0 && acknowledged_["TAKEN OUT"] > 0;
}

void HistoryCrashTest::CheckCases() {
  const auto cases = Cases();
  for (const auto& members : cases) {
    CheckCase(members);
    CheckRightsReached(members);
    if (HasFailure()) return;
  }
}

void HistoryCrashTest::CheckCircle(Circle& circle, const Played& all) {
  circle_ = &circle;
  ASSERT_NO_FATAL_FAILURE(CheckDone(all.deeds));
  ASSERT_NO_FATAL_FAILURE(CheckRightsDone(all.of_rights));
  ASSERT_NO_FATAL_FAILURE(CheckEnrolmentsDone(all.of_enrolments));
  ASSERT_NO_FATAL_FAILURE(CheckCases());
  circle_ = &everybody_;
}

void HistoryCrashTest::CheckUnknownTo(const Player& player, const std::string& name) {
  const auto answers_to = [&](const std::string& asked) {
    pb::GetReferralRequest get;
    get.set_name(asked);
    pb::ListReferralHistoryRequest history;
    history.set_name(asked);
    pb::DiscloseReferralRequest disclose;
    disclose.set_name(asked);
    disclose.add_persons(1);
    disclose.add_sections(pb::SECTION_KIND_SCREENING);
    disclose.set_purpose(pb::PURPOSE_DELIVER_SERVICE);
    const auto text = [](const auto& answer) {
      return answer.ok() ? std::string("told") : error::ReasonOf(answer.status());
    };
    return std::vector<std::string>{
        text(Ask(*referrals_, &ReferralStub::GetReferral, player.token, get)),
        text(Ask(*referrals_, &ReferralStub::ListReferralHistory, player.token, history)),
        text(Ask(*referrals_, &ReferralStub::DiscloseReferral, player.token, disclose))};
  };
  const std::vector<std::string> told = answers_to(name);
  EXPECT_EQ(told, answers_to(std::string(kNeverWas))) << name << " to " << player.body;
  EXPECT_EQ(std::count(told.begin(), told.end(), "told"), 0) << name << " to " << player.body;
}

void HistoryCrashTest::CheckHidden() {
  const std::vector<std::string> hidden = readers_.names.all();
  for (const Player& player : everybody_.players) {
    for (const std::string& name : hidden) CheckUnknownTo(player, name);
    for (const pb::Box box : {pb::BOX_INBOX, pb::BOX_OUTBOX}) {
      pb::ListReferralsRequest listing;
      listing.set_box(box);
      listing.set_page_size(500);
      for (int state = pb::REFERRAL_STATE_DRAFT; state <= pb::REFERRAL_STATE_LAPSED; ++state) {
        listing.add_states(static_cast<pb::ReferralState>(state));
      }
      do {
        const auto page = Ask(*referrals_, &ReferralStub::ListReferrals, player.token, listing);
        ASSERT_TRUE(page.ok()) << page.status();
        for (const pb::ReferralSummary& row : page->referrals()) {
          EXPECT_EQ(std::count(hidden.begin(), hidden.end(), row.name()), 0) << "listed to " << player.body;
        }
        listing.set_page_token(page->next_page_token());
      } while (!listing.page_token().empty());
    }
  }
}

void HistoryCrashTest::Merge() {
  PlayForAWhile();
  directory::v1::CreateSuccessionRequest request;
  request.set_request_id("merger-1");
  request.set_succession_id("es-test-merger");
  directory::v1::Succession& succession = *request.mutable_succession();
  succession.set_kind(directory::v1::SUCCESSION_KIND_MERGED);
  succession.set_predecessor(std::string(kTo));
  succession.add_shares()->set_successor(std::string(kSuccessor));
  succession.mutable_period()->set_start_date(absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()));
  succession.set_reference("Decreto 2026-14");
  const auto made = Ask(*directory_, &DirectoryStub::CreateSuccession, operators_, request);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_NO_FATAL_FAILURE(AwaitMove([](const pb::SuccessionMove& move) { return move.has_begin_time(); }));
  const absl::Duration time = absl::Milliseconds(std::uniform_int_distribution(0, 200)(random_));
  EXPECT_FALSE(server_->process().WaitForExit(time).has_value()) << server_->process().Printed();
}

void HistoryCrashTest::AwaitMove(absl::FunctionRef<bool(const pb::SuccessionMove&)> reached) {
  const absl::Time until = absl::Now() + absl::Seconds(40);
  while (true) {
    const auto page = Ask(*successions_, &SuccessionStub::ListSuccessionMoves, operators_,
                          pb::ListSuccessionMovesRequest());
    ASSERT_TRUE(page.ok()) << page.status();
    if (std::any_of(page->moves().begin(), page->moves().end(), reached)) return;
    ASSERT_LT(absl::Now(), until) << "the work does not move: " << page->ShortDebugString();
    ASSERT_FALSE(server_->process().WaitForExit(absl::Milliseconds(20)).has_value())
        << server_->process().Printed();
  }
}

void HistoryCrashTest::AwaitAccount(const std::string& token) {
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (true) {
    const auto who = Ask(*referrals_, &ReferralStub::GetMyself, token, pb::GetMyselfRequest());
    ASSERT_TRUE(who.ok()) << who.status();
    if (who->body() == kSuccessor) return;
    ASSERT_LT(absl::Now(), until) << "the account does not follow: " << who->ShortDebugString();
    ASSERT_FALSE(server_->process().WaitForExit(absl::Milliseconds(20)).has_value())
        << server_->process().Printed();
  }
}

// Whoever had an account of the predecessor has all that the successor's own people have. What was protected
// is read there by nobody, until its officers name somebody.
void HistoryCrashTest::CheckMerged(const PlayedByAll& all) {
  merged_ = true;
  ASSERT_NO_FATAL_FAILURE(AwaitMove([](const pb::SuccessionMove& move) { return move.has_end_time(); }));
  for (Player& player : everybody_.players) {
    if (player.body != kTo) continue;
    ASSERT_NO_FATAL_FAILURE(AwaitAccount(player.token));
    player.body = std::string(kSuccessor);
  }
  ASSERT_NO_FATAL_FAILURE(CheckCircle(everybody_, all.by_everybody));
  ASSERT_NO_FATAL_FAILURE(CheckPlaces());
  ASSERT_NO_FATAL_FAILURE(CheckHidden());
  for (const auto& [name, referral] : as_seen_by_referring_) {
    const auto course = CourseFor(referral.referring().body(), name);
    ASSERT_TRUE(course.has_value()) << name;
    EXPECT_NE(referral.referring().body(), kTo) << name << ": " << TextOf(*course);
    EXPECT_NE(referral.case_holding_body(), kTo) << name << ": " << TextOf(*course);
    // Whom it should never have reached has no part in it.
    EXPECT_TRUE(referral.receiving().body() != kTo || Has(*course, "REPORT_MISDIRECTED"))
        << name << ": " << TextOf(*course);
    acknowledged_["MOVED"] += Has(*course, "SUCCEED") ? 1 : 0;
  }
  EXPECT_GT(acknowledged_["MOVED"], 0) << "a merger that moves nothing proves nothing";
  for (const std::string& name : readers_.names.all()) CheckUnknownTo(readers_.players[1], name);
}

TEST_F(HistoryCrashTest, OneBodyHasEachCaseAndEachClockRingsOnce) {
  const char* wanted = std::getenv("WAYPOST_KILLS");
  const int least = wanted != nullptr ? std::atoi(wanted) : 4;
  ASSERT_GT(least, 0);
  // What the players do is chance: where none has taken a place yet, they play on.
  const int most = least + 8;
  const auto seed = static_cast<int>(random_() % 5);
  int kills = 0;
  // The last one comes with the merger.
  while (kills + 1 < least || (kills < most && !ProvesAnything())) {
    SCOPED_TRACE(base::Cat("kill ", ++kills));
    // Two to six: another number each time, and each number within five.
    const PlayedByAll all = PlayAndKill(2 + (seed + 2 * kills) % 5, [this] { PlayForAWhile(); });
    ASSERT_NO_FATAL_FAILURE(StartNode());
    ASSERT_NO_FATAL_FAILURE(CheckCircle(readers_, all.by_readers));
    for (const Done& done : all.by_readers.deeds) acknowledged_["PROTECTED"] += done.answer.ok() ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(CheckCircle(everybody_, all.by_everybody));
    ASSERT_NO_FATAL_FAILURE(CheckPlaces());
    ASSERT_NO_FATAL_FAILURE(CheckHidden());
    if (HasFailure()) return;
  }
  SCOPED_TRACE(base::Cat("kill ", ++kills, ", in the middle of a merger"));
  const PlayedByAll all = PlayAndKill(kPlayers, [this] { Merge(); });
  ASSERT_NO_FATAL_FAILURE(StartNode());
  ASSERT_NO_FATAL_FAILURE(CheckMerged(all));
  EXPECT_GT(acknowledged_["ESCALATE"], 0) << "clocks that never ring prove nothing";
  EXPECT_GT(acknowledged_["PLACES"], 0) << "places that nobody takes prove nothing";
  EXPECT_GT(acknowledged_["TAKEN OUT"], 0) << "consents that nobody withdraws prove nothing";
  EXPECT_GT(acknowledged_["PROTECTED"], 0) << "what is protected and lies still proves nothing";
  EXPECT_GT(acknowledged_.size(), 15U) << ::testing::PrintToString(acknowledged_);
  std::printf("%d kills, %zu referrals; %s\n", kills, everybody_.names.all().size(),
              ::testing::PrintToString(acknowledged_).c_str());
}

}  // namespace
}  // namespace waypost::e2e
