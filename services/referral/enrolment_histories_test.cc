// Histories by chance of referrals, lists, places and enrolments over a few groups: what must hold at every
// moment, by what is stored of each of them. The model here counts one by one, and knows nothing of the
// ledgers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/api/resource.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room

constexpr std::string_view kCourse = "offers/madrid-asl";
constexpr std::string_view kShelter = "offers/madrid-shelter";

// Everything at one moment.
struct World {
  std::map<std::string, ReferralRecord> referrals;
  std::vector<EnrolmentRecord> enrolments;
};

World LookAt(const store::Reader& reader) {
  World world;
  std::string after;
  while (true) {
    const std::vector<std::string> names = Must(rows::ListNames(reader, after, 100));
    if (names.empty()) break;
    for (const std::string& name : names) world.referrals[name] = Must(rows::Get(reader, name));
    after = names.back();
  }
  const rows::EnrolmentQuery all{.group = std::nullopt,
                                 .body = std::string(kReceivingBody),
                                 .states = {kPlaced, kAttending, kPaused, kLeft}};
  world.enrolments = Must(rows::ListEnrolments(reader, all, {}, 100'000)).records;
  return world;
}

bool HasPerson(const ReferralRecord& record, uint32_t number) {
  return std::any_of(record.persons().begin(), record.persons().end(),
                     [number](const v1::Person& person) { return person.number() == number; });
}

// The receiving body has said yes, and nobody no.
bool HasSaidYes(const ReferralRecord& record) {
  return record.state() == kAccepted || record.state() == kInProgress || record.state() == kOnHold ||
         (record.state() == kCancelRequested && record.has_accept_time());
}

// What a group has, counted from referrals and enrolments one by one.
struct Tally {
  int64_t held = 0;
  int64_t enrolled = 0;
  int64_t waiting = 0;
  int64_t waiting_persons = 0;
  int64_t coming_back = 0;
  std::set<std::string> list;
};

void CountReferral(const ReferralRecord& record, std::map<GroupKey, Tally>& tallies) {
  std::set<uint32_t> with_place;
  for (const v1::PersonPlace& place : record.places()) {
    EXPECT_TRUE(with_place.insert(place.person()).second) << record.name() << ": two places";
    if (record.state() == kCompleted || !place.enrolment().empty()) continue;
    EXPECT_TRUE(record.state() == kOffered || HasSaidYes(record)) << record.name();
    EXPECT_TRUE(HasPerson(record, place.person())) << record.name() << ": a place of nobody";
    ++tallies[{place.offer(), place.group_id()}].held;
  }
  if (!record.has_waiting()) return;
  EXPECT_TRUE(record.state() == kWaitlisted || record.state() == kOffered) << record.name();
  for (const uint32_t person : record.waiting().persons()) {
    EXPECT_TRUE(HasPerson(record, person)) << record.name() << ": somebody waits who is not in it";
  }
  Tally& tally = tallies[{record.waiting().offer(), record.waiting().group_id()}];
  if (record.state() == kOffered) {
    ++tally.coming_back;
    return;
  }
  ++tally.waiting;
  tally.waiting_persons += record.waiting().persons_size();
  tally.list.insert(record.name());
}

void CountEnrolment(const EnrolmentRecord& enrolment, const World& world,
                    std::map<GroupKey, Tally>& tallies) {
  if (!HasPlace(enrolment.state())) return;
  ++tallies[{enrolment.offer(), enrolment.group_id()}].enrolled;
  const ReferralRecord& referral = world.referrals.at(enrolment.referral());
  EXPECT_TRUE(HasPerson(referral, enrolment.person())) << enrolment.name() << " is of nobody";
  EXPECT_NE(referral.receiver_access(), storage::v1::RECEIVER_ACCESS_CUT) << enrolment.name();
  EXPECT_FALSE(referral.has_receiving_erase_time()) << enrolment.name();
  for (const auto& erasure : referral.person_erasures()) {
    EXPECT_FALSE(erasure.person() == enrolment.person() && erasure.party() == v1::PARTY_RECEIVING)
        << enrolment.name();
  }
  if (enrolment.state() != kPlaced) return;
  EXPECT_TRUE(HasSaidYes(referral) || referral.state() == kCompleted)
      << enrolment.name() << " waits to start, and its referral is " << StateName(referral.state());
}

// Of one person, referral and offer at most one enrolment is open; and none is named that is not there.
void CheckPeople(const World& world) {
  std::set<std::string> names;
  std::set<std::string> open;
  for (const EnrolmentRecord& enrolment : world.enrolments) {
    names.insert(enrolment.name());
    if (!HasPlace(enrolment.state())) continue;
    const std::string who = base::Cat(enrolment.referral(), " ", enrolment.person(), " ", enrolment.offer());
    EXPECT_TRUE(open.insert(who).second) << enrolment.name() << " is the second of " << who;
  }
  for (const auto& [name, record] : world.referrals) {
    for (const v1::PersonPlace& place : record.places()) {
      EXPECT_TRUE(place.enrolment().empty() || names.contains(place.enrolment())) << name;
    }
  }
}

// The list's rows, in order, are the referrals that wait there.
void CheckList(const store::Reader& reader, const GroupKey& group, const Tally& tally) {
  const auto list = Must(rows::AllWaiting(reader, group));
  std::set<std::string> names;
  const Criteria criteria = rows::CriteriaOf(Must(rows::GetWaitingList(reader, group)));
  for (size_t i = 0; i < list.size(); ++i) {
    names.insert(list[i].referral());
    if (i > 0) {
      EXPECT_LE(OrderOf(criteria, list[i - 1]), OrderOf(criteria, list[i])) << GroupName(group);
    }
  }
  EXPECT_EQ(names, tally.list) << GroupName(group);
  EXPECT_EQ(names.size(), list.size()) << "nobody is on it twice";
}

// Several hands at once may play. Each does what makes some sense in the state that it finds.
class EnrolmentHistories : public ReferralRig {
 public:
  static constexpr int kReferrals = 9;

  explicit EnrolmentHistories(unsigned seed) : ReferralRig(ReferralOptions(/*on_disk=*/false)), seed_(seed) {
    SetGroups(kCourse, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT,
              {{"alpha", 3}, {"fle1", 2}, {"entry", -1}});
    SetGroups(kShelter, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"beds", 3}});
    std::minstd_rand random(seed);
    for (int i = 0; i < kReferrals; ++i) names_.push_back(OnConsent(1 + static_cast<int>(random() % 3)));
  }

  // Everybody in it on consent, so that each may leave it.
  std::string OnConsent(int persons) {
    v1::SubmitReferralRequest request = NewReferral(persons);
    for (v1::Person& person : *request.mutable_referral()->mutable_persons()) {
      v1::Disclosure& disclosure = *person.mutable_disclosure();
      disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
      disclosure.set_refusal_costs_nothing(true);
    }
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }

  // At a moment when every transaction is whole.
  void Check() {
    const auto snapshot = Must(rig.store().Snapshot());
    const World world = LookAt(*snapshot);
    std::map<GroupKey, Tally> tallies;
    for (const auto& [name, record] : world.referrals) CountReferral(record, tallies);
    for (const EnrolmentRecord& enrolment : world.enrolments) CountEnrolment(enrolment, world, tallies);
    CheckPeople(world);
    for (const auto& [group, places] : declared_) {
      const Tally& tally = tallies[group];
      const auto count = Must(rows::GetGroupCount(*snapshot, group));
      EXPECT_EQ(count.held(), tally.held) << GroupName(group);
      EXPECT_EQ(count.enrolled(), tally.enrolled) << GroupName(group);
      EXPECT_EQ(count.waiting(), tally.waiting) << GroupName(group);
      EXPECT_EQ(count.waiting_persons(), tally.waiting_persons) << GroupName(group);
      EXPECT_EQ(count.coming_back(), tally.coming_back) << GroupName(group);
      EXPECT_LE(tally.held + tally.enrolled, places) << GroupName(group) << " is oversold";
      CheckList(*snapshot, group, tally);
    }
  }

  const std::string& NameAt(int which) {
    absl::MutexLock lock(&mutex_);
    return names_[static_cast<size_t>(which)];
  }
  // Of the referrals that play, from now on.
  void Replace(int which, std::string name) {
    absl::MutexLock lock(&mutex_);
    retired_.push_back(std::move(names_[static_cast<size_t>(which)]));
    names_[static_cast<size_t>(which)] = std::move(name);
  }
  unsigned seed() const { return seed_; }

 private:
  const unsigned seed_;
  const std::map<GroupKey, int64_t> declared_ = {{{std::string(kCourse), "alpha"}, 3},
                                                 {{std::string(kCourse), "fle1"}, 2},
                                                 {{std::string(kCourse), "entry"}, 1'000},
                                                 {{std::string(kShelter), "beds"}, 3}};
  absl::Mutex mutex_;
  std::vector<std::string> names_;
  std::vector<std::string> retired_;
};

enum class Deed {
  kWaitlist,
  kOffer,
  kTake,
  kStay,
  kLeave,
  kAccept,
  kDecline,
  kStart,
  kHold,
  kResume,
  kComplete,
  kEnd,
  kCancel,
  kConfirm,
  kRefuse,
  kMisdirect,
  kHandOver,
  kAnswerHandOver,
  kSendAgain,
  kOpenAgain,
  kWithdraw,
  kErase,
  kAnother,
};

const std::map<State, std::vector<Deed>>& Sensible() {
  using D = Deed;
  static const auto* const deeds = new std::map<State, std::vector<Deed>>{
      {kRequested,
       {D::kWaitlist, D::kWaitlist, D::kAccept, D::kAccept, D::kDecline, D::kMisdirect, D::kWithdraw}},
      {kWaitlisted, {D::kOffer, D::kOffer, D::kOffer, D::kAccept, D::kDecline, D::kCancel, D::kWithdraw}},
      {kOffered,
       {D::kTake, D::kStay, D::kStay, D::kLeave, D::kAccept, D::kAccept, D::kWithdraw, D::kMisdirect}},
      {kAccepted,
       {D::kStart, D::kDecline, D::kHandOver, D::kCancel, D::kWithdraw, D::kErase, D::kMisdirect,
        D::kComplete}},
      {kInProgress, {D::kHold, D::kHandOver, D::kComplete, D::kEnd, D::kCancel, D::kWithdraw, D::kErase}},
      {kOnHold, {D::kResume, D::kAnswerHandOver, D::kAnswerHandOver, D::kCancel, D::kWithdraw}},
      {kCancelRequested, {D::kConfirm, D::kRefuse, D::kRefuse, D::kComplete, D::kAnswerHandOver}},
      {kCompleted, {D::kSendAgain, D::kSendAgain, D::kOpenAgain, D::kOpenAgain, D::kWithdraw}},
      {kEndedWithoutResult, {D::kSendAgain, D::kAnother}},
      {kCancelled, {D::kSendAgain, D::kAnother, D::kAnother}},
      {kDeclined, {D::kAnother}},
      {kForwarded, {D::kAnother}},
  };
  return *deeds;
}

class Hand {
 public:
  // `erases`: the provider erases people, too. Of what has been completed meanwhile it would erase them all.
  Hand(EnrolmentHistories& r, unsigned seed, bool erases) : r_(r), random_(seed), erases_(erases) {}

  // What came of it: "OK", or the reason of a refusal.
  std::string Step() {
    std::string reason;
    if (Below(3) == 0) reason = StepOfEnrolment();
    if (reason.empty()) reason = StepOfReferral(Below(EnrolmentHistories::kReferrals));
    ++outcomes_[reason];
    return reason;
  }
  const std::map<std::string, int>& outcomes() const { return outcomes_; }

 private:
  int Below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  template <typename Requests>
  auto& AnyOf(Requests& requests) {
    return requests[static_cast<size_t>(Below(static_cast<int>(requests.size())))];
  }
  std::string AnyGroup() {
    static const auto* const groups = new std::vector<std::string>{"alpha", "alpha", "fle1", "entry"};
    return AnyOf(*groups);
  }
  google::protobuf::Timestamp InDays(int days) {
    return api::ToTimestamp(r_.rig.clock().Now() + absl::Hours(24 * days));
  }
  template <typename Request, typename Response>
  std::string Do(const std::string& token,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 const Request& request) {
    return ReasonOf(r_.Do(token, method, request));
  }
  template <typename Request>
  Request Explained(const std::string& name) {
    auto request = On<Request>(name);
    request.set_text("why");
    return request;
  }
  uint32_t AnyPerson(const v1::Referral& seen) {
    return seen.persons().empty() ? 1 : seen.persons(Below(seen.persons_size())).number();
  }
  template <typename Request>
  void AddOutcomes(const v1::Referral& seen, const v1::Outcome& outcome, Request& request) {
    for (const v1::Person& person : seen.persons()) {
      v1::PersonOutcome& one = *request.add_outcomes() = Outcomes(outcome)[0];
      one.set_person(person.number());
    }
  }

  std::string StepOfReferral(int which) {
    const std::string name = r_.NameAt(which);
    const auto seen = r_.Get(r_.referrer, name);
    if (!seen.ok()) return ReasonOf(seen);
    const auto sensible = Sensible().find(seen->state());
    if (sensible == Sensible().end()) return "NOTHING_SENSIBLE";
    const Deed deed = AnyOf(sensible->second);
    if (deed == Deed::kAnother) {
      r_.Replace(which, r_.OnConsent(1 + Below(3)));
      return "OK";
    }
    if (deed <= Deed::kDecline) return Decide(deed, *seen);
    return deed <= Deed::kEnd ? Work(deed, *seen) : Leave(deed, *seen);
  }

  std::string Decide(Deed deed, const v1::Referral& seen) {
    const std::string& name = seen.name();
    if (deed == Deed::kWaitlist) return Waitlist(name);
    if (deed == Deed::kAccept) return Accept(seen);
    if (deed == Deed::kDecline) return Do(r_.receiver, &Stub::DeclineReferral, r_.Decline(name));
    if (deed == Deed::kOffer) {
      auto offer = On<v1::OfferPlaceRequest>(name);
      *offer.mutable_answer_by_time() = InDays(3);
      offer.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
      return Do(r_.receiver, &Stub::OfferPlace, offer);
    }
    auto answer = On<v1::AnswerOfferRequest>(name);
    answer.set_answer(deed == Deed::kTake   ? v1::AnswerOfferRequest::ANSWER_TAKE_PLACE
                      : deed == Deed::kStay ? v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST
                                            : v1::AnswerOfferRequest::ANSWER_LEAVE_LIST);
    return Do(r_.referrer, &Stub::AnswerOffer, answer);
  }
  std::string Waitlist(const std::string& name) {
    auto request = On<v1::WaitlistReferralRequest>(name);
    *request.mutable_review_time() = InDays(30);
    const bool shelter = Below(4) == 0;
    request.set_offer(std::string(shelter ? kShelter : kCourse));
    request.set_group_id(shelter ? "beds" : AnyGroup());
    return Do(r_.receiver, &Stub::WaitlistReferral, request);
  }
  // For some of the people in it, or as it was offered.
  std::string Accept(const v1::Referral& seen) {
    auto request = On<v1::AcceptReferralRequest>(seen.name());
    request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
    if (Below(3) == 0) return Do(r_.receiver, &Stub::AcceptReferral, request);
    const bool shelter = Below(4) == 0;
    request.set_offer(std::string(shelter ? kShelter : kCourse));
    for (const v1::Person& person : seen.persons()) {
      if (Below(4) == 0) continue;
      v1::PersonPlace& place = *request.add_places();
      place.set_person(person.number());
      place.set_group_id(shelter ? "beds" : AnyGroup());
    }
    if (request.places().empty()) request.clear_offer();
    return Do(r_.receiver, &Stub::AcceptReferral, request);
  }

  std::string Work(Deed deed, const v1::Referral& seen) {
    const std::string& name = seen.name();
    if (deed == Deed::kStart) {
      return Do(r_.receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name));
    }
    if (deed == Deed::kResume) {
      return Do(r_.receiver, &Stub::ResumeReferral, On<v1::ResumeReferralRequest>(name));
    }
    if (deed == Deed::kHold) {
      auto hold = On<v1::HoldReferralRequest>(name);
      hold.set_reason(v1::HOLD_REASON_WAITING_FOR_PERSON);
      *hold.mutable_review_time() = InDays(7);
      return Do(r_.receiver, &Stub::HoldReferral, hold);
    }
    if (deed == Deed::kComplete) {
      auto complete = On<v1::CompleteReferralRequest>(name);
      AddOutcomes(seen, PositiveOutcome(), complete);
      return Do(r_.receiver, &Stub::CompleteReferral, complete);
    }
    auto end = Explained<v1::EndReferralWithoutResultRequest>(name);
    AddOutcomes(seen, NegativeOutcome(), end);
    return Do(r_.receiver, &Stub::EndReferralWithoutResult, end);
  }

  std::string Leave(Deed deed, const v1::Referral& seen) {
    const std::string& name = seen.name();
    switch (deed) {
      case Deed::kCancel: {
        auto cancel = On<v1::CancelReferralRequest>(name);
        cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
        return Do(r_.referrer, &Stub::CancelReferral, cancel);
      }
      case Deed::kConfirm:
        return Do(r_.receiver, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(name));
      case Deed::kRefuse:
        return Do(r_.receiver, &Stub::RefuseCancel, Explained<v1::RefuseCancelRequest>(name));
      case Deed::kMisdirect:
        // Of ten, one or two: it is the end of a history.
        if (Below(3) != 0) return "OK";
        return Do(r_.referrer, &Stub::ReportMisdirected, Explained<v1::ReportMisdirectedRequest>(name));
      case Deed::kHandOver:
      case Deed::kAnswerHandOver:
        return HandOver(deed, seen);
      case Deed::kSendAgain:
      case Deed::kOpenAgain:
        return Do(deed == Deed::kSendAgain ? r_.referrer : r_.receiver, &Stub::ReopenReferral,
                  Explained<v1::ReopenReferralRequest>(name));
      default:
        return UseRight(deed, seen);
    }
  }
  std::string HandOver(Deed deed, const v1::Referral& seen) {
    const std::string linked = r_.Record(seen.name()).forwarded_to();
    if (deed == Deed::kAnswerHandOver) {
      if (Below(2) == 0) return Do(r_.third, &Stub::DeclineReferral, r_.Decline(linked));
      return Do(r_.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked));
    }
    auto request = On<v1::HandOverReferralRequest>(seen.name());
    request.set_body(std::string(kThirdBody));
    for (const v1::Person& person : seen.persons()) {
      *request.add_disclosures() = NewDisclosures()[0];
      request.mutable_disclosures(request.disclosures_size() - 1)->set_person(person.number());
    }
    return Do(r_.receiver, &Stub::HandOverReferral, request);
  }
  std::string UseRight(Deed deed, const v1::Referral& seen) {
    const bool erases = deed == Deed::kErase && erases_;
    const auto right =
        r_.Do(r_.referrer, &Stub::RecordRightsRequest,
              r_.Right(seen.name(), erases ? v1::RIGHT_KIND_OBJECTION : v1::RIGHT_KIND_WITHDRAWAL,
                       AnyPerson(seen)));
    if (!right.ok() || !erases) return ReasonOf(right);
    return Do(r_.receiver, &Stub::AnswerRightsRequest,
              r_.Receipt(right->name(), seen.name(), v1::RIGHT_ANSWER_STOPPED_ERASED));
  }

  // Empty when there is none.
  std::string StepOfEnrolment() {
    v1::ListEnrolmentsRequest all;
    all.set_page_size(500);
    const auto open = r_.Do(r_.receiver, &EnrolmentStub::ListEnrolments, all);
    if (!open.ok() || open->enrolments().empty()) return "";
    const v1::Enrolment& one = open->enrolments(Below(open->enrolments_size()));
    const std::string& name = one.name();
    switch (Below(6)) {
      case 0:
      case 1:
        return Start(one);
      case 2: {
        auto pause = On<v1::PauseEnrolmentRequest>(name);
        *pause.mutable_review_time() = InDays(7);
        return ReasonOf(r_.Do(r_.receiver, &EnrolmentStub::PauseEnrolment, pause));
      }
      case 3:
        return ReasonOf(
            r_.Do(r_.receiver, &EnrolmentStub::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(name)));
      case 4: {
        auto move = On<v1::MoveEnrolmentRequest>(name);
        move.set_group_id(AnyGroup());
        return ReasonOf(r_.Do(r_.receiver, &EnrolmentStub::MoveEnrolment, move));
      }
      default: {
        auto leave = On<v1::LeaveEnrolmentRequest>(name);
        leave.set_reason(v1::LEAVE_REASON_MOVED_ON);
        leave.set_destination(v1::LEAVE_DESTINATION_EMPLOYMENT);
        return ReasonOf(r_.Do(r_.receiver, &EnrolmentStub::LeaveEnrolment, leave));
      }
    }
  }
  std::string Start(const v1::Enrolment& one) {
    auto start = On<v1::StartEnrolmentRequest>(one.name());
    const auto seen = r_.Get(r_.receiver, one.referral());
    if (!seen.ok()) return ReasonOf(seen);
    v1::Outcome enrolled = PositiveOutcome();
    enrolled.set_kind(v1::OUTCOME_KIND_ENROLLED);
    if (!IsEnd(seen->state())) AddOutcomes(*seen, enrolled, start);
    return ReasonOf(r_.Do(r_.receiver, &EnrolmentStub::StartEnrolment, start));
  }

  EnrolmentHistories& r_;
  std::minstd_rand random_;
  const bool erases_;
  std::map<std::string, int> outcomes_;
};

// What a refusal may say, whoever comes first.
void CheckOutcomes(const std::map<std::string, int>& outcomes) {
  static const auto* const expected = new std::set<std::string>{"OK",
                                                                "INVALID_TRANSITION",
                                                                "NO_PLACE_FREE",
                                                                "INVALID_FIELD",
                                                                "HAND_OVER_PENDING",
                                                                "CONTENDED",
                                                                "DISCLOSURE_STOPPED",
                                                                "REFERRAL_INCOMPLETE",
                                                                "SHARE_ERASED",
                                                                "ACCESS_ENDED",
                                                                "NOT_FOUND",
                                                                "NO_HAND_OVER_PENDING",
                                                                "NEVER_ACCEPTED",
                                                                "LIMIT_EXCEEDED",
                                                                "TOO_MANY_HOPS",
                                                                "NEVER_SENT",
                                                                "HAND_OVER_AGAIN",
                                                                "ALREADY_VISITED",
                                                                "REOPEN_TOO_LATE",
                                                                "NOTHING_TO_ANSWER",
                                                                "ALREADY_ENROLLED",
                                                                "ALREADY_ON_LIST"};
  for (const auto& [reason, count] : outcomes) {
    EXPECT_TRUE(expected->contains(reason)) << reason << " " << count;
  }
}

class EnrolmentHistoriesTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(EnrolmentHistoriesTest, PlacesListsAndEnrolmentsAreWhatTheirRecordsSay) {
  EnrolmentHistories r(GetParam());
  Hand hand(r, GetParam(), /*erases=*/true);
  std::map<std::string, int> seen;
  for (int step = 0; step < 220 && !::testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(base::Cat("step ", step));
    r.rig.clock().Advance(absl::Seconds(1));
    if (step % 20 == 0) r.Refresh();
    const std::string reason = hand.Step();
    SCOPED_TRACE(base::Cat("which was ", reason));
    r.Check();
  }
  CheckOutcomes(hand.outcomes());
  EXPECT_GT(hand.outcomes().at("OK"), 80) << "or the history tests little";
}

TEST_P(EnrolmentHistoriesTest, AlsoWhenTwoPlayAtOnce) {
  EnrolmentHistories r(GetParam());
  std::vector<Hand> hands = {Hand(r, 2 * GetParam(), false), Hand(r, 2 * GetParam() + 1, false)};
  std::vector<std::thread> threads;
  for (Hand& hand : hands) {
    threads.emplace_back([&hand] {
      for (int step = 0; step < 110; ++step) hand.Step();
    });
  }
  for (int look = 0; look < 25; ++look) r.Check();
  for (std::thread& thread : threads) thread.join();
  r.Check();
  int accepted = 0;
  for (const Hand& hand : hands) {
    CheckOutcomes(hand.outcomes());
    const auto ok = hand.outcomes().find("OK");
    if (ok != hand.outcomes().end()) accepted += ok->second;
  }
  EXPECT_GT(accepted, 30) << "of 220, or the histories test little";
}

INSTANTIATE_TEST_SUITE_P(Chance, EnrolmentHistoriesTest, ::testing::Range(1U, 7U));

}  // namespace
}  // namespace waypost::referral
