// Listings and watches through gRPC, against models computed here.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/api/resource.h"
#include "common/rpc/feed.h"
#include "common/rpc/status_conversion.h"
#include "common/rpc/watch.h"
#include "common/store/keys.h"
#include "services/referral/module.h"
#include "services/referral/referral_rig.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Fills the rig with referrals in many states, by commands drawn at random.
class ListingTest : public ::testing::Test, protected ReferralRig {
 protected:
  ListingTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    other_caseworker_ = rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {std::string(kOtherReceivingUnit)},
                                    "actors/otraxxxxxxxxxxxx");
    both_units_ = rig.TokenOf(kReceivingBody, {Role::kCaseworker},
                              {std::string(kReceivingUnit), std::string(kOtherReceivingUnit)},
                              "actors/ambasxxxxxxxxxxx");
  }

  template <typename Range>
  const auto& OneOf(const Range& range) {
    return range[std::uniform_int_distribution<size_t>(0, range.size() - 1)(engine_)];
  }

  void AddReferral() {
    v1::SubmitReferralRequest request = NewReferral();
    static const std::vector<std::string> kReceivers = {std::string(kReceivingUnit),
                                                        std::string(kOtherReceivingUnit), ""};
    static const std::vector<std::string> kReferrers = {std::string(kReferringUnit),
                                                        std::string(kOtherReferringUnit), ""};
    request.mutable_referral()->mutable_receiving()->set_unit(OneOf(kReceivers));
    request.mutable_referral()->mutable_referring()->set_unit(OneOf(kReferrers));
    request.mutable_referral()->set_priority(OneOf(std::vector{v1::PRIORITY_URGENT, v1::PRIORITY_NORMAL}));
    if (std::bernoulli_distribution(0.1)(engine_)) {
      v1::CreateReferralRequest draft;
      *draft.mutable_referral() = request.referral();
      *draft.mutable_sections() = request.sections();
      names_.push_back(Must(Do(referrer, &Stub::CreateReferral, draft)).name());
    } else {
      names_.push_back(Must(Do(referrer, &Stub::SubmitReferral, request)).name());
    }
  }

  // Any of many commands on any referral; most are refused, and change nothing.
  void Disturb() {
    const std::string& name = OneOf(names_);
    const auto soon = [this] {
      return api::ToTimestamp(rig.clock().Now() +
                              absl::Hours(std::uniform_int_distribution<int>(1, 300)(engine_)));
    };
    switch (std::uniform_int_distribution<int>(0, 13)(engine_)) {
      case 0:
        return Try(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name));
      case 1:
        return Try(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name));
      case 2:
        return Try(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name));
      case 3: {
        auto list = On<v1::WaitlistReferralRequest>(name);
        *list.mutable_review_time() = soon();
        return Try(receiver, &Stub::WaitlistReferral, list);
      }
      case 4: {
        auto assign = On<v1::AssignReferralRequest>(name);
        static const std::vector<std::string> kPeople = {"actors/raulxxxxxxxxxxxx", "actors/otraxxxxxxxxxxxx",
                                                         "actors/ambasxxxxxxxxxxx", ""};
        static const std::vector<std::string> kUnits = {std::string(kReceivingUnit),
                                                        std::string(kOtherReceivingUnit), ""};
        assign.set_assignee(OneOf(kPeople));
        assign.set_unit(OneOf(kUnits));
        return Try(receiver, &Stub::AssignReferral, assign);
      }
      case 5: {
        auto hold = On<v1::HoldReferralRequest>(name);
        hold.set_reason(v1::HOLD_REASON_NO_CAPACITY);
        *hold.mutable_review_time() = soon();
        return Try(receiver, &Stub::HoldReferral, hold);
      }
      case 6:
        return Try(receiver, &Stub::CompleteReferral, Complete(name));
      case 7:
        return Try(receiver, &Stub::DeclineReferral, Decline(name));
      case 8: {
        auto cancel = On<v1::CancelReferralRequest>(name);
        cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
        return Try(referrer, &Stub::CancelReferral, cancel);
      }
      case 9: {
        auto misdirected = On<v1::ReportMisdirectedRequest>(name);
        misdirected.set_text("why");
        if (std::bernoulli_distribution(0.7)(engine_)) return;
        return Try(referrer, &Stub::ReportMisdirected, misdirected);
      }
      case 10: {
        auto assign = On<v1::AssignReferralRequest>(name);
        assign.set_assignee("actors/evaxxxxxxxxxxxxx");
        return Try(referrer, &Stub::AssignReferral, assign);
      }
      case 11: {
        auto raise = On<v1::ChangePriorityRequest>(name);
        raise.set_priority(v1::PRIORITY_URGENT);
        raise.set_text("why");
        return Try(referrer, &Stub::ChangePriority, raise);
      }
      case 12: {
        auto ask = On<v1::RequestInformationRequest>(name);
        ask.set_text("what");
        return Try(receiver, &Stub::RequestInformation, ask);
      }
      default:
        rig.clock().Advance(absl::Minutes(7));
        Refresh();
        return;
    }
  }

  template <typename Request>
  void Try(const std::string& token,
           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Referral*),
           const Request& request) {
    const auto answer = Do(token, method, request);
    if (answer.ok()) {
      ++done_;
    } else {
      EXPECT_THAT(answer.status().code(),
                  ::testing::AnyOf(absl::StatusCode::kFailedPrecondition, absl::StatusCode::kNotFound))
          << answer.status();
    }
  }

  std::vector<ReferralRecord> Records() {
    std::vector<ReferralRecord> records;
    records.reserve(names_.size());
    for (const std::string& name : names_) records.push_back(Record(name));
    return records;
  }

  // Asks page by page.
  std::vector<std::string> List(const std::string& token, v1::ListReferralsRequest request, int page_size) {
    request.set_page_size(page_size);
    std::vector<std::string> names;
    do {
      const auto page = Must(Do(token, &Stub::ListReferrals, request));
      EXPECT_LE(page.referrals_size(), page_size);
      if (!page.next_page_token().empty()) {
        EXPECT_EQ(page.referrals_size(), page_size);
      }
      for (const auto& summary : page.referrals()) names.push_back(summary.name());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }

  // What the listing should be: filtered, by due time, then by name.
  std::vector<std::string> Model(v1::Box box, std::string_view body, const std::set<int>& states,
                                 const std::function<bool(const v1::Side&)>& wanted) {
    std::vector<std::pair<absl::Time, std::string>> rows;
    for (const ReferralRecord& record : Records()) {
      const v1::Side& side = box == v1::BOX_INBOX ? record.receiving() : record.referring();
      if (side.body() != body || states.count(record.state()) == 0 || !wanted(side)) continue;
      const bool never_got =
          !record.has_submit_time() || record.cancel_reason() == v1::CANCEL_REASON_MISDIRECTED;
      if (box == v1::BOX_INBOX && never_got) continue;
      rows.emplace_back(record.has_due() ? api::FromTimestamp(record.due().time()) : absl::InfiniteFuture(),
                        record.name());
    }
    std::sort(rows.begin(), rows.end());
    std::vector<std::string> names;
    names.reserve(rows.size());
    for (auto& [due, name] : rows) names.push_back(std::move(name));
    return names;
  }

  static std::set<int> NotEnds() {
    std::set<int> states;
    for (int state = kDraft; state <= kCancelRequested; ++state) states.insert(state);
    return states;
  }

  std::mt19937 engine_{7};  // NOLINT: the same course every time
  std::vector<std::string> names_;
  std::string other_caseworker_;
  std::string both_units_;
  int done_ = 0;
};

TEST_F(ListingTest, PagesOfEverySizeTogetherAreTheModel) {
  for (int i = 0; i < 250; ++i) {
    AddReferral();
    if (i % 3 == 0) rig.clock().Advance(absl::Seconds(1));
    Refresh();
  }
  for (int i = 0; i < 900; ++i) Disturb();
  EXPECT_GT(done_, 250);

  const auto everywhere = [](const v1::Side&) { return true; };
  const std::set<int> ends = {kDeclined, kCompleted, kCancelled};
  for (const int size : {1, 7, 50}) {
    v1::ListReferralsRequest inbox;
    inbox.set_box(v1::BOX_INBOX);
    EXPECT_EQ(List(receiver, inbox, size), Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), everywhere))
        << size;
    v1::ListReferralsRequest outbox;
    outbox.set_box(v1::BOX_OUTBOX);
    EXPECT_EQ(List(referrer, outbox, size), Model(v1::BOX_OUTBOX, kReferringBody, NotEnds(), everywhere))
        << size;
    for (const int state : ends) inbox.add_states(static_cast<v1::ReferralState>(state));
    EXPECT_EQ(List(receiver, inbox, size), Model(v1::BOX_INBOX, kReceivingBody, ends, everywhere)) << size;
  }
  v1::ListReferralsRequest inbox;
  inbox.set_box(v1::BOX_INBOX);
  EXPECT_EQ(List(receiving_caseworker, inbox, 7),
            Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), [](const v1::Side& side) {
              return side.unit() == kReceivingUnit || side.assignee() == "actors/raulxxxxxxxxxxxx";
            }));
  EXPECT_EQ(List(both_units_, inbox, 7),
            Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), [](const v1::Side& side) {
              return !side.unit().empty() || side.assignee() == "actors/ambasxxxxxxxxxxx";
            }));
  inbox.set_unit(std::string(kOtherReceivingUnit));
  const auto in_other = [](const v1::Side& side) { return side.unit() == kOtherReceivingUnit; };
  EXPECT_EQ(List(receiver, inbox, 7), Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), in_other));
  EXPECT_EQ(List(other_caseworker_, inbox, 7), Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), in_other));
  EXPECT_EQ(Do(receiving_caseworker, &Stub::ListReferrals, inbox).status().code(),
            absl::StatusCode::kPermissionDenied);
  inbox.clear_unit();
  inbox.set_assigned_to_me(true);
  for (const auto& [token, actor] :
       std::map<std::string, std::string>{{receiving_caseworker, "actors/raulxxxxxxxxxxxx"},
                                          {other_caseworker_, "actors/otraxxxxxxxxxxxx"},
                                          {both_units_, "actors/ambasxxxxxxxxxxx"},
                                          {receiver, "actors/luisxxxxxxxxxxxx"}}) {
    const auto mine = [&actor = actor](const v1::Side& side) { return side.assignee() == actor; };
    const auto expected = Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), mine);
    EXPECT_EQ(List(token, inbox, 7), expected) << actor;
    EXPECT_EQ(expected.empty(), actor == "actors/luisxxxxxxxxxxxx");
  }
  // Both: what is assigned to her within that unit, a member of it or not.
  for (const auto& unit : {kReceivingUnit, kOtherReceivingUnit}) {
    inbox.set_unit(std::string(unit));
    for (const auto& [token, actor] : std::map<std::string, std::string>{
             {both_units_, "actors/ambasxxxxxxxxxxx"}, {receiving_caseworker, "actors/raulxxxxxxxxxxxx"}}) {
      const auto mine_there = [&actor = actor, unit](const v1::Side& side) {
        return side.assignee() == actor && side.unit() == unit;
      };
      const auto expected = Model(v1::BOX_INBOX, kReceivingBody, NotEnds(), mine_there);
      EXPECT_EQ(List(token, inbox, 7), expected) << actor << " in " << unit;
      EXPECT_TRUE(actor == "actors/raulxxxxxxxxxxxx" || !expected.empty()) << actor << " in " << unit;
    }
  }
  v1::ListReferralsRequest none;
  none.set_box(v1::BOX_INBOX);
  EXPECT_THAT(List(third, none, 50), IsEmpty());
}

// Every index row follows from the records, and every record has its rows.
TEST_F(ListingTest, IndexRowsAreWhatTheRecordsSay) {
  for (int i = 0; i < 60; ++i) AddReferral();
  for (int i = 0; i < 900; ++i) Disturb();
  std::map<std::string, std::string> expected;
  const auto add = [&](const ReferralRecord& record, v1::Box box, const v1::Side& side) {
    const auto key = [&](store::KeyBuilder prefix) {
      return prefix.Uint(record.state())
          .Time(record.has_due() ? api::FromTimestamp(record.due().time()) : absl::InfiniteFuture())
          .Text(record.name().substr(std::string("referrals/").size()))
          .Take();
    };
    policy::Caller reader;
    reader.body = side.body();
    const std::string summary = ToSummary(record, reader).SerializeAsString();
    expected[key(store::KeyBuilder().Text("box").Uint(box).Text(side.body()).Text(side.unit()))] = summary;
    if (side.assignee().empty()) return;
    expected[key(store::KeyBuilder()
                     .Text("mine")
                     .Text(side.body())
                     .Text(side.assignee())
                     .Uint(box)
                     .Text(side.unit()))] = summary;
  };
  for (const ReferralRecord& record : Records()) {
    add(record, v1::BOX_OUTBOX, record.referring());
    const bool got = record.has_submit_time() && record.cancel_reason() != v1::CANCEL_REASON_MISDIRECTED;
    if (got) add(record, v1::BOX_INBOX, record.receiving());
    if (!record.has_due()) continue;
    if (IsEnd(record.state())) {
      // What has ended and is still owed something is on the list of whoever owes it; no clock runs on it.
      const bool receiving = record.due().party() == v1::PARTY_RECEIVING;
      if (!receiving || got) {
        add(record, v1::BOX_FOLLOW_UP, receiving ? record.receiving() : record.referring());
      }
      continue;
    }
    const std::string key = store::KeyBuilder()
                                .Text("clock")
                                .Time(api::FromTimestamp(record.wake_time()))
                                .Text(record.name().substr(std::string("referrals/").size()))
                                .Take();
    expected[key] = "clock";
  }
  std::map<std::string, std::string> stored;
  for (const auto& [key, value] : rig.Dump()) {
    const std::string kind = Must(store::KeyParser(key).Text());
    if (kind == "box" || kind == "mine") stored[key] = value;
    if (kind == "clock") stored[key] = "clock";
  }
  EXPECT_EQ(stored.size(), expected.size());
  EXPECT_TRUE(stored == expected);
  for (const auto& [key, value] : stored) EXPECT_EQ(expected.count(key), 1U) << base::ToHex(key);
}

TEST_F(ListingTest, APageTokenIsGoodForItsCallerMethodAndQueryAlone) {
  for (int i = 0; i < 5; ++i) Requested();
  v1::ListReferralsRequest request;
  request.set_box(v1::BOX_INBOX);
  request.set_page_size(2);
  const std::string token = Must(Do(receiver, &Stub::ListReferrals, request)).next_page_token();
  request.set_page_token(token);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferrals, request)), "OK");
  request.set_page_size(3);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferrals, request)), "OK") << "the size may change";
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &Stub::ListReferrals, request)), "PAGE_TOKEN_INVALID");
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::ListReferrals, request)), "PAGE_TOKEN_INVALID");
  v1::ListReferralsRequest other = request;
  other.set_box(v1::BOX_OUTBOX);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferrals, other)), "PAGE_TOKEN_INVALID");
  other = request;
  other.add_states(kRequested);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferrals, other)), "PAGE_TOKEN_INVALID");
  for (size_t i = 0; i < token.size(); i += 3) {
    std::string bent = token;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    request.set_page_token(bent);
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferrals, request)), "PAGE_TOKEN_INVALID") << i;
  }
  auto history = On<v1::ListReferralHistoryRequest>(Requested());
  history.set_page_token(token);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ListReferralHistory, history)), "PAGE_TOKEN_INVALID");
}

TEST_F(ListingTest, ALineShowsEachSideItsOwnAssigneeAndBeforeAcceptanceNoNumberOfPersons) {
  const std::string name = Requested(2);
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_assignee("actors/raulxxxxxxxxxxxx");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  assign.set_assignee("actors/evaxxxxxxxxxxxxx");
  assign.clear_request_id();
  Must(Do(referrer, &Stub::AssignReferral, assign));
  v1::ListReferralsRequest request;
  request.set_box(v1::BOX_INBOX);
  const auto inbox = Must(Do(receiver, &Stub::ListReferrals, request));
  ASSERT_THAT(inbox.referrals(), SizeIs(1));
  EXPECT_EQ(inbox.referrals(0).receiving().assignee(), "actors/raulxxxxxxxxxxxx");
  EXPECT_EQ(inbox.referrals(0).referring().assignee(), "");
  EXPECT_EQ(inbox.referrals(0).etag(), Must(Get(receiver, name)).etag());
  request.set_box(v1::BOX_OUTBOX);
  const auto outbox = Must(Do(referrer, &Stub::ListReferrals, request));
  EXPECT_EQ(outbox.referrals(0).receiving().assignee(), "");
  EXPECT_EQ(outbox.referrals(0).referring().assignee(), "actors/evaxxxxxxxxxxxxx");
  EXPECT_EQ(outbox.referrals(0).person_count(), 2);
}

TEST_F(ListingTest, AFullExecutorAnswersInsteadOfQueueing) {
  Requested();
  // Outlives the test: the threads still hold it while they wake up.
  struct Gate {
    absl::BlockingCounter taken{2};
    absl::Notification release;
  };
  const auto gate = std::make_shared<Gate>();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(rig.executor().Submit([gate] {
      gate->taken.DecrementCount();
      gate->release.WaitForNotification();
    }));
  }
  gate->taken.Wait();
  while (rig.executor().Submit([] {})) {
  }
  v1::ListReferralsRequest request;
  request.set_box(v1::BOX_INBOX);
  EXPECT_EQ(Do(receiver, &Stub::ListReferrals, request).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewReferral())), "OK")
      << "what needs no executor goes on";
  gate->release.Notify();
}

// --- 7. Watches
// ------------------------------------------------------------------------------------------------

class WatchTest : public ::testing::Test, protected ReferralRig {
 protected:
  WatchTest() : ReferralRig(Options()) {}
  ~WatchTest() override {
    streams_.clear();
    EXPECT_EQ(AwaitListeners(0), 0);
  }

  static RigOptions Options() {
    RigOptions options = ReferralOptions(/*on_disk=*/true);
    options.over_socket = true;
    options.executor_threads = 1;  // in order
    return options;
  }

  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchReferralsResponse>> reader;
    ~Stream() {
      context.TryCancel();
      if (reader != nullptr) reader->Finish();
    }
    // The next change; the test hangs, and is ended, when there is none.
    v1::WatchReferralsResponse Next() {
      v1::WatchReferralsResponse change;
      EXPECT_TRUE(reader->Read(&change));
      return change;
    }
    absl::Status End() {
      v1::WatchReferralsResponse change;
      EXPECT_FALSE(reader->Read(&change)) << change.ShortDebugString();
      const absl::Status status = rpc::FromGrpc(reader->Finish());
      reader.reset();
      return status;
    }
  };

  Stream& Open(const std::string& token, std::string_view cursor) {
    Stream& stream = *streams_.emplace_back(std::make_unique<Stream>());
    stream.context.AddMetadata("authorization", base::Cat("Bearer ", token));
    v1::WatchReferralsRequest request;
    request.set_cursor(std::string(cursor));
    stream.reader = stub->WatchReferrals(&stream.context, request);
    return stream;
  }

  // What the server has noticed of streams that ended reaches the hub a moment later.
  int AwaitListeners(int count) {
    const absl::Time give_up = absl::Now() + absl::Seconds(20);
    while (rig.hub().listeners() != count && absl::Now() < give_up) std::this_thread::yield();
    return rig.hub().listeners();
  }

  std::vector<std::unique_ptr<Stream>> streams_;
};

TEST_F(WatchTest, CatchesUpInOrderThenTellsOfWhatHappens) {
  const std::string first = Requested();
  const std::string second = Acknowledged();
  Stream& stream = Open(receiver, "0");
  EXPECT_EQ(stream.Next().referral(), first);
  const v1::WatchReferralsResponse submitted = stream.Next();
  EXPECT_EQ(submitted.referral(), second);
  EXPECT_EQ(submitted.event(), "SUBMIT");
  EXPECT_EQ(submitted.revision(), 1);
  EXPECT_EQ(submitted.state(), kRequested);
  const v1::WatchReferralsResponse seen = stream.Next();
  EXPECT_EQ(seen.event(), "ACKNOWLEDGE");
  EXPECT_EQ(seen.revision(), 2);
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second)));
  const v1::WatchReferralsResponse live = stream.Next();
  EXPECT_EQ(live.event(), "ACCEPT");
  EXPECT_EQ(live.state(), kAccepted);
  EXPECT_EQ(api::FromTimestamp(live.time()), rig.clock().Now());

  Stream& resumed = Open(receiver, submitted.cursor());
  EXPECT_EQ(resumed.Next().SerializeAsString(), seen.SerializeAsString());
  EXPECT_EQ(resumed.Next().SerializeAsString(), live.SerializeAsString());
  EXPECT_EQ(AwaitListeners(4), 4);
}

TEST_F(WatchTest, FromNowOnSaysAtOnceWhereThatIsAndTellsOnlyOfWhatComes) {
  Requested();
  Stream& stream = Open(receiver, "");
  const v1::WatchReferralsResponse now = stream.Next();
  v1::WatchReferralsResponse cursor_alone;
  cursor_alone.set_cursor(now.cursor());
  EXPECT_EQ(now.SerializeAsString(), cursor_alone.SerializeAsString());
  EXPECT_EQ(now.cursor(), base::Cat(rig.Events().size()));
  const std::string name = Requested();
  EXPECT_EQ(stream.Next().referral(), name);
}

TEST_F(WatchTest, AWatchFromNowThatIsCutBeforeAnyChangeMissesNothing) {
  const std::string cursor = Open(receiver, "").Next().cursor();
  EXPECT_EQ(cursor, "0") << "nothing was ever published";
  streams_.clear();
  const std::string first = Requested();
  Stream& resumed = Open(receiver, cursor);
  EXPECT_EQ(resumed.Next().referral(), first) << "no message of its own before the first change";
}

TEST_F(WatchTest, ACursorThatWasNeverGivenIsRefused) {
  const std::string name = Requested();
  const uint64_t head = rig.Events().size();
  for (const std::string& cursor : {base::Cat(head + 1), std::string("18446744073709551615")}) {
    const absl::Status status = Open(receiver, cursor).End();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
    EXPECT_EQ(error::ReasonOf(status), "CURSOR_TOO_OLD");
    EXPECT_EQ(Open(receiver, error::MetadataOf(status, "oldest")).Next().referral(), name);
  }
  Stream& stream = Open(receiver, base::Cat(head));
  const std::string next = Requested();
  EXPECT_EQ(stream.Next().referral(), next) << "the last one given is good";
}

TEST_F(WatchTest, EachBodyIsToldOfItsOwnAndEachPersonOfWhatSheMayRead) {
  const std::string name = Requested();
  v1::SubmitReferralRequest elsewhere = NewReferral();
  elsewhere.mutable_referral()->mutable_receiving()->set_unit(std::string(kOtherReceivingUnit));
  const std::string other = Must(Do(referrer, &Stub::SubmitReferral, elsewhere)).name();
  Must(Do(referrer, &Stub::CreateReferral, NewDraft()));
  const std::string last = Requested();

  Stream& caseworker = Open(receiving_caseworker, "0");
  EXPECT_EQ(caseworker.Next().referral(), name);
  EXPECT_EQ(caseworker.Next().referral(), last);
  Stream& supervisor = Open(receiver, "0");
  EXPECT_EQ(supervisor.Next().referral(), name);
  EXPECT_EQ(supervisor.Next().referral(), other);
  EXPECT_EQ(supervisor.Next().referral(), last);
  Stream& sender = Open(referrer, "0");
  for (int i = 0; i < 3; ++i) sender.Next();
  EXPECT_EQ(sender.Next().referral(), last);
  Stream& coordinating = Open(coordinator, "0");
  EXPECT_EQ(coordinating.Next().referral(), name);
}

TEST_F(WatchTest, ManyChangesThatAreNotForTheCallerDoNotStopTheRest) {
  v1::SubmitReferralRequest elsewhere = NewReferral();
  elsewhere.mutable_referral()->mutable_receiving()->set_unit(std::string(kOtherReceivingUnit));
  for (int i = 0; i < 250; ++i) {
    elsewhere.clear_request_id();
    Must(Do(referrer, &Stub::SubmitReferral, elsewhere));
  }
  const std::string name = Requested();
  Stream& stream = Open(receiving_caseworker, "0");
  EXPECT_EQ(stream.Next().referral(), name);
}

TEST_F(WatchTest, HundredsOfChangesComeInOrderWithoutGaps) {
  const std::string name = Requested();
  Stream& stream = Open(receiver, "0");
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      auto note = On<v1::AddNoteRequest>(name);
      note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
      note.set_text("note");
      Must(Do(referrer, &Stub::AddNote, note));
    }
  });
  uint64_t cursor = 0;
  for (int64_t revision = 1; revision <= 301; ++revision) {
    const v1::WatchReferralsResponse change = stream.Next();
    EXPECT_EQ(change.revision(), revision);
    EXPECT_GT(std::stoull(change.cursor()), cursor);
    cursor = std::stoull(change.cursor());
  }
  writer.join();
}

TEST_F(WatchTest, AWatchEndsWithItsToken) {
  const std::string token = rig.TokenOf(kReceivingBody, {Role::kSupervisor}, {}, "actors/shortxxxxxxxxxxx",
                                        rig.clock().Now() + absl::Seconds(20));
  Requested();
  Stream& stream = Open(token, "0");
  stream.Next();
  ASSERT_EQ(AwaitListeners(2), 2);
  rig.hub().Changed(rpc::kTickFeed);
  EXPECT_EQ(rig.hub().listeners(), 2) << "still good";
  rig.clock().Advance(absl::Seconds(20));
  // The first tick may come while gRPC is still busy with the last message.
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (rig.hub().listeners() != 0 && absl::Now() < give_up) {
    rig.hub().Changed(rpc::kTickFeed);
    std::this_thread::yield();
  }
  EXPECT_EQ(stream.End().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(AwaitListeners(0), 0);
}

TEST_F(WatchTest, ACursorTooOldSaysWhereToGoOn) {
  for (int i = 0; i < 3; ++i) {
    Requested();
    rig.clock().Advance(absl::Seconds(10));
  }
  const std::string feed = FeedOf(kReceivingBody);
  ASSERT_EQ(Must(rpc::TrimFeed(rig.store(), feed, rig.clock().Now() - absl::Seconds(15), 100)), 2);
  const absl::Status status = Open(receiver, "1").End();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(error::ReasonOf(status), "CURSOR_TOO_OLD");
  const std::string oldest = error::MetadataOf(status, "oldest");
  EXPECT_EQ(Open(receiver, oldest).Next().revision(), 1);
}

// As a configuration without a word of clocks or retention is completed.
config::v1::NodeConfig StandardConfig() {
  config::v1::NodeConfig config;
  config.mutable_retention()->set_erase_rate(50);
  config::v1::NodeConfig::Clocks& clocks = *config.mutable_clocks();
  clocks.set_reminder_percent(25);
  clocks.set_lapse_percent(100);
  clocks.set_outage_seconds(300);
  clocks.set_fire_rate(4000);
  clocks.set_catch_up_rate(500);
  return config;
}

// The whole module, as a process runs it: what it does each second is all that trims.
TEST_F(WatchTest, TheModuleTrimsEveryFeedByAgeAndTellsWhereToGoOn) {
  const std::string old = Requested();
  rig.clock().Advance(rpc::kFeedRetention);
  Refresh();
  const std::string young = Requested();
  rig.StopServing();
  const auto module =
      Must(MakeModule({.node = rig.env().node, .store = rig.store()}, keys, StandardConfig()));
  rig.Serve(module->service());
  stub = v1::ReferralService::NewStub(rig.channel());
  module->Tick(rig.clock().Now());
  EXPECT_EQ(Open(receiver, "0").Next().referral(), old) << "kept for all of the retention";
  streams_.clear();

  rig.clock().Advance(rpc::FeedTrimmer::kPassEvery);
  module->Tick(rig.clock().Now());
  for (const std::string& token : {receiver, referrer}) {
    const absl::Status status = Open(token, "0").End();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
    EXPECT_EQ(error::ReasonOf(status), "CURSOR_TOO_OLD");
    EXPECT_EQ(Open(token, error::MetadataOf(status, "oldest")).Next().referral(), young);
  }
  streams_.clear();
  module->Stop();
  stub.reset();
  rig.StopServing();
}

TEST_F(WatchTest, ACursorThatIsNoneIsRefused) {
  for (const std::string_view cursor : {"x", "-1", "1 ", "0x1", "18446744073709551616", "1.5"}) {
    EXPECT_EQ(Open(receiver, cursor).End().code(), absl::StatusCode::kInvalidArgument) << cursor;
  }
  EXPECT_EQ(Open(receiver, std::string(300, '1')).End().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WatchTest, ARowThatCannotBeReadEndsTheWatchAndIsNotSkipped) {
  const std::string first = Requested();
  const std::string damaged = Requested();
  Requested();
  const auto write = [&](const std::string& key, std::string_view value) {
    ASSERT_TRUE(store::TransactAndWait(rig.store(), [&](store::Writer& writer) {
                  writer.Put(key, std::string(value));
                  return absl::OkStatus();
                }).ok());
  };
  const std::string key = store::KeyBuilder().Text("r").Text(rows::IdOfName(damaged)).Take();
  const std::string whole = rig.Dump().at(key);
  write(key, "\xff\xff\xff");
  Stream& stream = Open(receiver, "0");
  const absl::Status status = stream.End();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;

  write(key, whole);
  EXPECT_EQ(Open(receiver, "0").Next().referral(), first);
  write(store::KeyBuilder().Text("feed").Text(FeedOf(kReceivingBody)).Uint(2).Take(), "damaged");
  EXPECT_EQ(Open(receiver, "0").End().code(), absl::StatusCode::kDataLoss);
}

TEST_F(WatchTest, AClientThatGoesAwayLeavesNothingBehind) {
  const std::string name = Requested();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) Open(i % 2 == 0 ? receiver : referrer, "0");
    EXPECT_EQ(AwaitListeners(20), 20);
    // Some go while a change is on its way to them, and none has read anything.
    auto note = On<v1::AddNoteRequest>(name);
    note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
    note.set_text("note");
    Must(Do(referrer, &Stub::AddNote, note));
    streams_.clear();
    EXPECT_EQ(AwaitListeners(0), 0);
  }
  EXPECT_EQ(rig.admission().in_flight(), 0);
}

TEST_F(WatchTest, AfterAMisdirectionTheReceiverIsToldNothingMore) {
  const std::string name = Acknowledged();
  Stream& stream = Open(receiver, "0");
  stream.Next();
  stream.Next();
  auto misdirected = On<v1::ReportMisdirectedRequest>(name);
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  const std::string next = Requested();
  EXPECT_EQ(stream.Next().referral(), next);
  Stream& again = Open(receiver, "0");
  EXPECT_EQ(again.Next().referral(), next) << "nor of what was before";
}

}  // namespace
}  // namespace waypost::referral
