// Protected referrals over gRPC on the real store: every way by which somebody could learn of one, as every
// role at every body.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "common/api/resource.h"
#include "common/rpc/mutation.h"
#include "common/store/keys.h"
#include "services/referral/breach_policy.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/correction_policy.h"
#include "services/referral/enrolment_policy.h"
#include "services/referral/intake_policy.h"
#include "services/referral/path_policy.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_retention.h"
#include "services/referral/referral_rig.h"
#include "services/referral/statistics_policy.h"
#include "services/referral/succession_service.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of this room
using policy::Role;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kUnknown = "referrals/01jd000000000000000000zzzz";
constexpr std::string_view kUnknownRight = "rightsRequests/01jd000000000000000000zzzz";
constexpr std::string_view kGroupOffer = "offers/asl";
constexpr std::string_view kFamilyName = "Koval";
constexpr std::string_view kBirthDate = "1990-03-04";

// Every table of statistics that a body may ask for of one period.
std::vector<v1::ListStatisticsRequest> TablesOf(std::string_view period) {
  std::vector<v1::ListStatisticsRequest> tables;
  for (const v1::StatisticsSide side :
       {v1::STATISTICS_SIDE_REFERRING, v1::STATISTICS_SIDE_RECEIVING, v1::STATISTICS_SIDE_COORDINATING}) {
    for (const v1::StatisticsBreakdown breakdown :
         {v1::STATISTICS_BREAKDOWN_THEME, v1::STATISTICS_BREAKDOWN_COUNTER_BODY}) {
      v1::ListStatisticsRequest& table = tables.emplace_back();
      table.set_side(side);
      table.set_period(std::string(period));
      table.set_breakdown(breakdown);
    }
  }
  return tables;
}

class ProtectedTest : public ::testing::Test, protected ReferralRig {
 protected:
  ProtectedTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    SetGroups(kGroupOffer, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"alpha", 3}});
  }

  // By the referring caseworker, whose pseudonym is actors/evaxxxxxxxxxxxxx.
  v1::SubmitReferralRequest NewProtected(const std::vector<std::string>& receiving_readers,
                                         int persons = 1) const {
    v1::SubmitReferralRequest request = NewReferral(persons);
    v1::Protection& protection = *request.mutable_referral()->mutable_protection();
    protection.set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
    for (const std::string& reader : receiving_readers) protection.add_receiving_readers(reader);
    v1::PersonDetails& details = *request.mutable_sections(0)->mutable_details();
    details.set_given_name(std::string(kGivenName));
    details.set_family_name(std::string(kFamilyName));
    details.set_birth_date(std::string(kBirthDate));
    return request;
  }
  std::string Protected(const std::vector<std::string>& receiving_readers = {"actors/raulxxxxxxxxxxxx"}) {
    return Must(Do(referring_caseworker, &Stub::SubmitReferral, NewProtected(receiving_readers))).name();
  }

  std::vector<std::string> Box(const std::string& token, v1::Box box, bool mine = false,
                               std::string_view unit = {}) {
    v1::ListReferralsRequest request;
    request.set_box(box);
    for (int state = kDraft; state <= kLapsed; ++state) request.add_states(static_cast<State>(state));
    request.set_assigned_to_me(mine);
    request.set_unit(std::string(unit));
    std::vector<std::string> names;
    // What she may not list shows nothing.
    const auto page = Do(token, &Stub::ListReferrals, request);
    if (!page.ok()) return names;
    for (const auto& row : page->referrals()) names.push_back(row.name());
    return names;
  }

  absl::StatusOr<v1::Referral> Assign(const std::string& token, std::string_view name,
                                      const std::vector<std::string>& readers,
                                      v1::ProtectionGround ground = v1::PROTECTION_GROUND_UNSPECIFIED) {
    auto request = On<v1::AssignReferralRequest>(name);
    for (const std::string& reader : readers) request.add_readers(reader);
    request.set_protection(ground);
    return Do(token, &Stub::AssignReferral, request);
  }

  // Everybody who is not a reader: each role alone, at both bodies, the coordinating one and a stranger.
  struct Other {
    std::string token;
    std::string who;
    std::string body;
    Role role;
  };
  std::vector<Other> Others() {
    std::vector<Other> others;
    for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kFourthBody}) {
      for (int i = 0; i < policy::kRoleCount; ++i) {
        const Role role = static_cast<Role>(i);
        others.push_back(
            {rig.TokenOf(body, {role}, {std::string(kReferringUnit), std::string(kReceivingUnit)},
                         "actors/otherxxxxxxxxxxx"),
             base::Cat(policy::RoleName(role), " of ", body), std::string(body), role});
      }
    }
    return others;
  }

  // What a watch from the first change on tells, up to one about `last`; nothing where she may not watch.
  std::vector<std::string> Watched(const Other& other, const std::string& last) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    context.AddMetadata("authorization", base::Cat("Bearer ", other.token));
    v1::WatchReferralsRequest request;
    request.set_cursor("0");
    const auto reader = stub->WatchReferrals(&context, request);
    std::vector<std::string> told;
    v1::WatchReferralsResponse change;
    while (reader->Read(&change)) {
      told.push_back(change.referral());
      if (change.referral() == last) context.TryCancel();
    }
    EXPECT_NE(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED)
        << other.who << " is not told of " << last;
    return told;
  }

  // Every answer that is not about a referral or an enrolment by its name, as text.
  using Channel = std::function<std::string(const std::string& token)>;
  template <typename Stubs, typename Request, typename Response>
  std::string Answer(const std::string& token,
                     grpc::Status (Stubs::*method)(grpc::ClientContext*, const Request&, Response*),
                     const Request& request) {
    const auto answer = Do(token, method, request);
    return answer.ok() ? std::string(answer->DebugString())
                       : std::string(base::ToStd(answer.status().ToString()));
  }
  std::map<std::string, Channel> Channels();
  void AddFigures(std::map<std::string, Channel>& channels);

  // Rows of the store whose key or value names it, by the first word of their keys.
  std::set<std::string> KindsNaming(std::string_view name, bool in_keys) {
    std::set<std::string> kinds;
    const std::string_view id = rows::IdOfName(name);
    for (const auto& [key, value] : rig.Dump()) {
      if ((in_keys ? key : value).find(id) != std::string::npos) kinds.insert(KindOf(key));
    }
    return kinds;
  }
  static std::string KindOf(std::string_view key) {
    store::KeyParser parser(key);
    return Must(parser.Text());
  }
};

std::map<std::string, ProtectedTest::Channel> ProtectedTest::Channels() {
  std::map<std::string, Channel> channels;
  channels["ListReferrals"] = [this](const std::string& token) {
    std::string shown;
    for (int box = v1::BOX_INBOX; box <= v1::Box_MAX; ++box) {
      for (const bool mine : {false, true}) {
        for (const std::string_view unit : {std::string_view(), kReferringUnit, kReceivingUnit}) {
          for (const auto& name : Box(token, static_cast<v1::Box>(box), mine, unit)) shown += name;
        }
      }
    }
    return shown;
  };
  channels["FindByOwnReference"] = [this](const std::string& token) {
    v1::FindByOwnReferenceRequest request;
    request.set_own_reference(std::string(kOwnReference));
    return Answer(token, &Stub::FindByOwnReference, request);
  };
  channels["ListReceiptKeys"] = [this](const std::string& token) {
    return Answer(token, &Stub::ListReceiptKeys, v1::ListReceiptKeysRequest());
  };
  channels["GetMyself"] = [this](const std::string& token) {
    return Answer(token, &Stub::GetMyself, v1::GetMyselfRequest());
  };
  channels["ListRightsRequests"] = [this](const std::string& token) {
    v1::ListRightsRequestsRequest request;
    std::string shown = Answer(token, &Stub::ListRightsRequests, request);
    request.set_answered(true);
    return shown + Answer(token, &Stub::ListRightsRequests, request);
  };
  channels["WatchReferrals"] = [this](const std::string&) {
    std::string shown;  // whatever any watcher of any body could read
    for (const auto& [key, value] : rig.Dump()) {
      if (KindOf(key) == "feed") shown += value;
    }
    return shown;
  };
  const std::string list = base::Cat(kGroupOffer, "/groups/alpha/waitingList");
  channels["GetWaitingList"] = [this, list](const std::string& token) {
    return Answer(token, &EnrolmentStub::GetWaitingList, On<v1::GetWaitingListRequest>(list));
  };
  channels["ListWaitingList"] = [this, list](const std::string& token) {
    return Answer(token, &EnrolmentStub::ListWaitingList, On<v1::ListWaitingListRequest>(list));
  };
  channels["ListEnrolments"] = [this](const std::string& token) {
    return Answer(token, &EnrolmentStub::ListEnrolments, v1::ListEnrolmentsRequest());
  };
  channels["ListPaths"] = [this](const std::string& token) {
    v1::ListPathsRequest request;
    std::string shown = Answer(token, &PathStub::ListPaths, request);
    request.set_ended(true);
    return shown + Answer(token, &PathStub::ListPaths, request);
  };
  channels["ListBreaches"] = [this](const std::string& token) {
    v1::ListBreachesRequest request;
    request.set_all(true);
    return Answer(token, &BreachStub::ListBreaches, request);
  };
  AddFigures(channels);
  return channels;
}

// What counts, and what recognises people.
void ProtectedTest::AddFigures(std::map<std::string, Channel>& channels) {
  channels["ListRetention"] = [this](const std::string& token) {
    v1::ListRetentionRequest request;
    request.set_until("2099-12-31");
    std::string shown = Answer(token, &Stub::ListRetention, request);
    request.set_held_back(true);
    return shown + Answer(token, &Stub::ListRetention, request);
  };
  channels["ListRetentionReports"] = [this](const std::string& token) {
    return Answer(token, &Stub::ListRetentionReports, v1::ListRetentionReportsRequest());
  };
  // A count that is 0 is shown as 0, and one that is small is not shown: any count more would be seen.
  channels["ListStatistics"] = [this](const std::string& token) {
    std::string shown;
    for (const v1::ListStatisticsRequest& table : TablesOf("2026-05")) {
      shown += Answer(token, &StatisticsStub::ListStatistics, table);
    }
    return shown;
  };
  channels["ListSuccessionMoves"] = [this](const std::string& token) {
    return Answer(token, &SuccessionStub::ListSuccessionMoves, v1::ListSuccessionMovesRequest());
  };
  // Also as an operator, of every body.
  channels["ListCorrectionTasks"] = [this](const std::string& token) {
    std::string shown;
    for (const bool every_body : {false, true}) {
      v1::ListCorrectionTasksRequest request;
      request.set_every_body(every_body);
      shown += Answer(token, &CorrectionStub::ListCorrectionTasks, request);
    }
    return shown;
  };
  channels["CheckDuplicates"] = [this](const std::string& token) {
    v1::CheckDuplicatesRequest request;
    v1::PersonToCheck& person = *request.add_persons();
    person.set_given_name(std::string(kGivenName));
    person.set_family_name(std::string(kFamilyName));
    person.set_birth_date(std::string(kBirthDate));
    return Answer(token, &IntakeStub::CheckDuplicates, request);
  };
}

// A method that answers about what a body has, and not about one referral by its name.
bool IsAboutABody(const policy::MethodRule& rule) {
  for (const policy::Grant& grant : rule.grants) {
    if (!grant.roles.empty() &&
        (grant.relations.Has(policy::Relation::kOwnBody) || grant.relations.Has(policy::Relation::kAnyone))) {
      return !rule.mutation;
    }
  }
  return false;
}

// The tables of all services of this room.
std::vector<const policy::MethodRule*> AllRules() {
  std::vector<const policy::MethodRule*> all;
  const auto add = [&all](const auto& rules) { all.insert(all.end(), rules.begin(), rules.end()); };
  add(kMethodRules);
  add(kEnrolmentMethodRules);
  add(kPathMethodRules);
  add(kIntakeMethodRules);
  add(kStatisticsMethodRules);
  add(kCorrectionMethodRules);
  add(kBreachMethodRules);
  add(kSuccessionMethodRules);
  return all;
}

TEST_F(ProtectedTest, EveryMethodThatAnswersAboutABodyIsTried) {
  const auto channels = Channels();
  for (const policy::MethodRule* rule : AllRules()) {
    if (!IsAboutABody(*rule)) continue;
    EXPECT_TRUE(channels.contains(std::string(rule->method)))
        << rule->method << ": decide what it says of a protected referral";
  }
}

// A method that no table has would be tried by nobody.
TEST_F(ProtectedTest, TheTablesHaveEveryMethodOfEveryService) {
  std::set<std::string> ruled;
  std::set<std::string> services;
  for (const policy::MethodRule* rule : AllRules()) {
    services.insert(std::string(rule->service));
    EXPECT_TRUE(ruled.insert(base::Cat(rule->service, ".", rule->method)).second) << rule->method;
  }
  EXPECT_EQ(services.size(), 8u);
  for (const std::string& each : services) {
    const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(each);
    ASSERT_NE(described, nullptr) << each;
    for (int i = 0; i < described->method_count(); ++i) {
      const std::string name(described->method(i)->full_name());
      EXPECT_EQ(ruled.erase(name), 1u) << name << " is in no table of methods";
    }
  }
  EXPECT_THAT(ruled, IsEmpty());
}

TEST_F(ProtectedTest, NoListNoSearchNoCountAndNoWatchTellsAnybodyElse) {
  const auto channels = Channels();
  const std::vector<Other> others = Others();
  std::map<std::string, std::string> before;
  for (const auto& [method, channel] : channels) {
    for (const Other& other : others) before[method + other.who] = channel(other.token);
  }
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)));
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  Must(Do(receiving_caseworker, &Stub::WaitlistReferral, waitlist));
  const std::string ended = Protected();
  Must(Do(receiving_caseworker, &Stub::DeclineReferral, Decline(ended)));
  v1::DeclineReferralRequest not_competent = Decline(Protected());
  not_competent.set_reason(v1::DECLINE_REASON_NOT_COMPETENT);
  Must(Do(receiving_caseworker, &Stub::DeclineReferral, not_competent));
  auto misdirected = On<v1::ReportMisdirectedRequest>(Protected());
  misdirected.set_text("why");
  Must(Do(referring_caseworker, &Stub::ReportMisdirected, misdirected));
  for (const auto& [method, channel] : channels) {
    for (const Other& other : others) {
      EXPECT_EQ(channel(other.token), before[method + other.who]) << method << " as " << other.who;
    }
  }
  // The same tries find it for those who read it.
  for (const std::string& reader : {referring_caseworker, receiving_caseworker}) {
    EXPECT_THAT(channels.at("ListReferrals")(reader), HasSubstr(name));
  }
}

// A real watch, as every role: of what was told before it was protected nothing is told any more, either.
TEST_F(ProtectedTest, NoWatchTellsAnybodyElse) {
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  const std::string belatedly = Requested();
  Must(Assign(referring_caseworker, belatedly, {}, v1::PROTECTION_GROUND_PERSECUTION));
  ASSERT_THAT(KindsNaming(belatedly, /*in_keys=*/false), Contains("feed"));
  // What comes after, to each body, so that whoever may watch is told of something.
  const auto assign = [this](const std::string& token, const std::string& referral) {
    auto request = On<v1::AssignReferralRequest>(referral);
    request.set_assignee("actors/otherxxxxxxxxxxx");
    Must(Do(token, &Stub::AssignReferral, request));
  };
  std::map<std::string, std::string, std::less<>> last;
  for (const auto& [body, token] :
       {std::pair(kReceivingBody, receiver), std::pair(kCoordinatingBody, coordinator),
        std::pair(kFourthBody, fourth)}) {
    v1::SubmitReferralRequest request = NewReferral();
    request.mutable_referral()->mutable_receiving()->set_body(std::string(body));
    request.mutable_referral()->mutable_receiving()->clear_unit();
    last[std::string(body)] = Must(Do(referrer, &Stub::SubmitReferral, request)).name();
    assign(token, last.find(body)->second);
  }
  last[std::string(kReferringBody)] = last.find(kReceivingBody)->second;
  assign(referrer, last.find(kReferringBody)->second);
  int watching = 0;
  for (const Other& other : Others()) {
    const std::vector<std::string> told = Watched(other, last.find(other.body)->second);
    EXPECT_THAT(told, Not(Contains(name))) << other.who;
    EXPECT_THAT(told, Not(Contains(belatedly))) << other.who;
    const bool may = kWatchReferrals.MayCall({other.role});
    EXPECT_EQ(told.empty(), !may) << other.who;
    watching += may ? 1 : 0;
  }
  EXPECT_GE(watching, 8);
}

// A month that is over has figures that stand: nothing is added to them later, and nothing of these was.
TEST_F(ProtectedTest, NoFigureOfAMonthThatIsOverHasIt) {
  ReferralRig without(ReferralOptions(/*on_disk=*/false));
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(receiving_caseworker, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
  Must(Do(receiving_caseworker, &Stub::CompleteReferral, Complete(name)));
  const std::string ended = Protected();
  Must(Do(receiving_caseworker, &Stub::DeclineReferral, Decline(ended)));
  const auto pass_a_month = [&] {
    for (ReferralRig* each : {static_cast<ReferralRig*>(this), &without}) {
      each->rig.clock().Advance(absl::Hours(24 * 31));
      each->Refresh();
    }
  };
  const auto figures = [](ReferralRig& of, std::string_view body, Role role, std::string_view period) {
    const std::string token = of.rig.TokenOf(body, {role}, {}, "actors/otherxxxxxxxxxxx");
    std::string shown;
    for (const v1::ListStatisticsRequest& table : TablesOf(period)) {
      const auto answer = of.Do(token, &StatisticsStub::ListStatistics, table);
      EXPECT_TRUE(role != Role::kSupervisor || answer.ok()) << answer.status();
      EXPECT_TRUE(!answer.ok() || answer->closed()) << period;
      shown += answer.ok() ? std::string(answer->DebugString()) : ReasonOf(answer);
    }
    return shown;
  };
  pass_a_month();
  for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kFourthBody}) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      EXPECT_EQ(figures(*this, body, role, "2026-05"), figures(without, body, role, "2026-05"))
          << policy::RoleName(role) << " of " << body;
    }
  }
  // One that is not protected is in them.
  Requested();
  pass_a_month();
  for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody}) {
    EXPECT_NE(figures(*this, body, Role::kSupervisor, "2026-06"),
              figures(without, body, Role::kSupervisor, "2026-06"))
        << body;
  }
}

TEST_F(ProtectedTest, NoRowOfTheStoreNamesItButItsOwnAndItsReaders) {
  const auto before = rig.Dump();
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)));
  // A kind of row that is new here is a decision to make: who lists it, and whom does it tell?
  const std::set<std::string> known = {"r", "s", "held", "n", "h", "read", "clock", "under"};
  for (const std::string& kind : KindsNaming(name, /*in_keys=*/true)) EXPECT_THAT(known, Contains(kind));
  const std::set<std::string> values = {"r", "read", "right", "idem"};
  for (const std::string& kind : KindsNaming(name, /*in_keys=*/false)) EXPECT_THAT(values, Contains(kind));
  // Nor is it in a number that somebody reads: no row is changed that does not name it.
  const std::set<std::string> of_the_call = {"idem", "right"};
  for (const auto& [key, value] : rig.Dump()) {
    const auto was = before.find(key);
    const bool changed = was == before.end() || was->second != value;
    if (!changed || key.find(rows::IdOfName(name)) != std::string::npos) continue;
    const std::string kind = KindOf(key);
    EXPECT_TRUE(of_the_call.contains(kind) || kind.starts_with("outbox")) << kind;
  }
}

TEST_F(ProtectedTest, OfALegalOrderTheLogHasACommitmentAlone) {
  const std::string name = Protected();
  auto look = Disclose(name, {v1::SECTION_KIND_SCREENING}, v1::PURPOSE_LEGAL_OBLIGATION);
  look.set_law("es/ley-40-2015/art-14");
  look.set_order_reference("DP 42/2026");
  look.set_recipient_body(std::string(kEnforcementBody));
  for (const Other& other : Others()) {
    EXPECT_THAT(Do(other.token, &Stub::DiscloseReferral, look).status().code(),
                AnyOf(absl::StatusCode::kNotFound, absl::StatusCode::kPermissionDenied))
        << other.who;
  }
  const size_t before = rig.Events().size();
  Must(Do(receiving_caseworker, &Stub::DiscloseReferral, look));
  const std::vector<event::v1::Event> events = rig.Events();
  ASSERT_GT(events.size(), before);
  const event::v1::Event& event = events[before];
  ASSERT_EQ(event.type(), "referral.disclosed");
  EXPECT_EQ(event.resource(), rpc::SealedResource(name));
  EXPECT_TRUE(event.commitments().contains("1.legal_order"));
  EXPECT_TRUE(event.facts().empty());
  EXPECT_EQ(event.purpose(), "");
  for (const std::string_view word :
       {std::string_view("ley-40"), std::string_view("DP 42"), kEnforcementBody, std::string_view(name)}) {
    EXPECT_THAT(std::string(event.DebugString()), Not(HasSubstr(std::string(word))));
  }
}

TEST_F(ProtectedTest, TheLogIsToldThatSomethingHappenedAndNotToWhom) {
  const size_t before = rig.Events().size();
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(receiving_caseworker, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  std::vector<event::v1::Event> events = rig.Events();
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(before));
  ASSERT_EQ(events.size(), 5u);
  for (const event::v1::Event& event : events) {
    const bool is_receipt = event.type() == "referral.transport_receipt";
    EXPECT_EQ(event.resource() == rpc::SealedResource(name), !is_receipt);
    EXPECT_TRUE(event.resource().starts_with("sealed/"));
    EXPECT_THAT(event.parties(), IsEmpty());
    EXPECT_EQ(event.body(), rpc::kSealed);
    EXPECT_EQ(event.actor(), rpc::kSealed);
    EXPECT_TRUE(event.facts().empty());
    EXPECT_EQ(event.role() + event.state() + event.purpose(), "");
    const std::string text = event.SerializeAsString();
    for (const std::string_view word :
         {rows::IdOfName(name), kReferringBody, kReceivingBody, std::string_view("actors/evaxxxxxxxxxxxxx"),
          std::string_view("actors/raulxxxxxxxxxxxx"), std::string_view("TRAFFICKING")}) {
      EXPECT_THAT(text, Not(HasSubstr(std::string(word))));
    }
  }
  std::erase_if(events, [](const auto& event) { return event.type() == "referral.transport_receipt"; });
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].revision(), 1);
  EXPECT_EQ(events[1].revision(), 2);
  // Who knows its name can prove who looked.
  EXPECT_EQ(events[2].commitments().at("actor"),
            rpc::SealedActor(name, kReceivingBody, "actors/raulxxxxxxxxxxxx"));
  const std::string log = rig.EndLog();
  EXPECT_THAT(log, Not(HasSubstr(std::string(rows::IdOfName(name)))));
  EXPECT_THAT(log, Not(HasSubstr("TRAFFICKING")));
}

TEST_F(ProtectedTest, ItsReadersTakeItThroughItsWholeCourse) {
  const std::string name = Protected();
  const v1::Referral shown = Must(Get(referring_caseworker, name));
  EXPECT_EQ(shown.protection().ground(), v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  EXPECT_THAT(shown.protection().referring_readers(), ElementsAre("actors/evaxxxxxxxxxxxxx"));
  EXPECT_THAT(shown.protection().receiving_readers(), IsEmpty()) << "of the other side";
  EXPECT_THAT(Must(Get(receiving_caseworker, name)).protection().receiving_readers(),
              ElementsAre("actors/raulxxxxxxxxxxxx"));
  EXPECT_EQ(shown.coordinating_body(), "") << "nobody watches over it by lists";

  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  EXPECT_EQ(
      Must(Do(receiving_caseworker, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})))
          .sections_size(),
      1);
  Must(Do(receiving_caseworker, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
  Must(Do(receiving_caseworker, &Stub::CompleteReferral, Complete(name)));
  EXPECT_THAT(Box(referring_caseworker, v1::BOX_OUTBOX), ElementsAre(name));
  EXPECT_THAT(Box(receiving_caseworker, v1::BOX_INBOX), ElementsAre(name));
  // Readers who are no supervisors do what supervisors do elsewhere: nobody else could.
  Must(Do(receiving_caseworker, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  Must(Do(referring_caseworker, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_EQ(Record(name).protection().ground(), v1::PROTECTION_GROUND_UNSPECIFIED) << "about the person";
  EXPECT_EQ(Get(referrer, name).status().code(), absl::StatusCode::kNotFound) << "and still hidden";
}

TEST_F(ProtectedTest, WithoutReadersItComesToTheOfficersWhoNameThemAndReadNothing) {
  const std::string name = Protected({});
  EXPECT_EQ(Get(receiving_caseworker, name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), ElementsAre(name));
  EXPECT_THAT(Box(referring_safeguarding, v1::BOX_OUTBOX), IsEmpty()) << "its side has a reader";
  const v1::Referral shown = Must(Get(receiving_safeguarding, name));
  EXPECT_TRUE(shown.has_protection());
  EXPECT_EQ(shown.protection().ground(), v1::PROTECTION_GROUND_UNSPECIFIED);
  EXPECT_THAT(shown.persons(), IsEmpty());
  EXPECT_THAT(shown.allowed_actions(), ElementsAre("ASSIGN", "CLAIM"));
  const auto screening = Disclose(name, {v1::SECTION_KIND_SCREENING}, v1::PURPOSE_ASSESS_REQUEST);
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::DiscloseReferral, screening)), "READER_FIRST");
  v1::ExportPersonRequest person = On<v1::ExportPersonRequest>(name);
  person.set_person(1);
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::ExportPerson, person)), "READER_FIRST");
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::ListReferralHistory,
                        On<v1::ListReferralHistoryRequest>(name))),
            "READER_FIRST");
  // Nor with another role beside: a supervisor who is an officer is not a reader.
  const std::string both = rig.TokenOf(kReceivingBody, {Role::kSafeguardingOfficer, Role::kSupervisor});
  EXPECT_EQ(ReasonOf(Do(both, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name))), "READER_FIRST");

  Must(Do(receiving_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(name)));
  EXPECT_THAT(Must(Get(receiving_safeguarding, name)).protection().receiving_readers(),
              ElementsAre("actors/teresaxxxxxxxxxx"));
  Must(Assign(receiving_safeguarding, name, {"actors/raulxxxxxxxxxxxx", "actors/teresaxxxxxxxxxx"}));
  EXPECT_EQ(Must(Get(receiving_caseworker, name)).persons_size(), 1);
  EXPECT_EQ(Must(Do(receiving_safeguarding, &Stub::DiscloseReferral, screening)).sections_size(), 1);
  Must(Assign(receiving_safeguarding, name, {"actors/raulxxxxxxxxxxxx"}));
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), IsEmpty());
  EXPECT_EQ(Get(receiving_safeguarding, name).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ProtectedTest, SilenceComesToReadersAndToOfficersOfTheSilentSideAndToNobodyElse) {
  const std::string name = Protected();
  ClockKeeper keeper(rig.env(), change(), KeeperOptions());
  const auto run_for = [&](absl::Duration span) {
    const absl::Time until = rig.clock().Now() + span;
    while (rig.clock().Now() < until) {
      rig.clock().Advance(absl::Minutes(4));
      while (Must(keeper.Step()).more) {
      }
    }
    Refresh();
  };
  Must(keeper.Step());
  run_for(api::FromTimestamp(Record(name).due().time()) - rig.clock().Now() + absl::Minutes(8));
  ASSERT_TRUE(Record(name).has_escalate_time());
  EXPECT_THAT(Box(referring_caseworker, v1::BOX_SILENCE), ElementsAre(name));
  EXPECT_THAT(Box(referrer, v1::BOX_SILENCE), IsEmpty());
  EXPECT_THAT(Box(coordinator, v1::BOX_COORDINATION), IsEmpty());
  EXPECT_EQ(Get(coordinator, name).status().code(), absl::StatusCode::kNotFound);
  // Its readers there may be gone: the officers can name others.
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), ElementsAre(name));
  EXPECT_THAT(Box(referring_safeguarding, v1::BOX_SILENCE), IsEmpty());
  // One who is a reader as well sees it once.
  const std::string officer =
      rig.TokenOf(kReceivingBody, {Role::kSafeguardingOfficer}, {}, "actors/raulxxxxxxxxxxxx");
  EXPECT_THAT(Box(officer, v1::BOX_INBOX), ElementsAre(name));
  Must(Assign(receiving_safeguarding, name, {"actors/newxxxxxxxxxxxxx"}));

  run_for(absl::Hours(24 * 14) + absl::Minutes(8));
  ASSERT_EQ(Record(name).state(), kLapsed);
  EXPECT_THAT(Box(referring_caseworker, v1::BOX_FOLLOW_UP), ElementsAre(name)) << "what is owed has a reader";
  EXPECT_THAT(Box(referrer, v1::BOX_FOLLOW_UP), IsEmpty());
  Must(Do(referring_caseworker, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(name)));
}

TEST_F(ProtectedTest, WhatHasLostItsReadersComesToTheOfficersInTheEnd) {
  v1::CreateReferralRequest unsent = NewDraft();
  unsent.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  unsent.mutable_referral()->mutable_referring()->clear_unit();  // so that its maker has it
  const std::string draft = Must(Do(referring_caseworker, &Stub::CreateReferral, unsent)).name();
  const std::string ended = Protected();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(ended)));
  Must(Do(receiving_caseworker, &Stub::CompleteReferral, Complete(ended)));
  const std::string right =
      Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(ended, v1::RIGHT_KIND_ACCESS))).name();
  ClockKeeper keeper(rig.env(), change(), KeeperOptions{.outage = absl::Hours(24 * 365)});
  const auto run = [&](absl::Duration span) {
    rig.clock().Advance(span);
    while (Must(keeper.Step()).more) {
    }
    Refresh();
  };
  run(absl::ZeroDuration());
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), IsEmpty()) << "its reader has time";
  run(kLeftAloneEnd + absl::Hours(1));
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), ElementsAre(ended));
  EXPECT_THAT(Box(receiver, v1::BOX_INBOX), IsEmpty());
  EXPECT_EQ(Get(receiver, ended).status().code(), absl::StatusCode::kNotFound);
  Must(Do(receiving_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(ended)));
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::AnswerRightsRequest,
                        Receipt(right, ended, v1::RIGHT_ANSWER_PROVIDED))),
            "OK");

  run(kLeftAloneDraft);
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_INBOX), ElementsAre(ended)) << "as its reader";
  EXPECT_THAT(Box(referring_safeguarding, v1::BOX_OUTBOX), ::testing::UnorderedElementsAre(draft, ended));
  EXPECT_THAT(Must(Get(referring_safeguarding, draft)).allowed_actions(), ElementsAre("ASSIGN", "CLAIM"));
  Must(Do(referring_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(draft)));
  auto cancel = On<v1::CancelReferralRequest>(draft);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referring_safeguarding, &Stub::CancelReferral, cancel));
  EXPECT_EQ(Record(draft).state(), kCancelled);
  EXPECT_TRUE(RetentionOf(Record(draft), v1::PARTY_REFERRING)->has_look_time()) << "and is erased by itself";
  for (const auto& event : rig.Events()) EXPECT_THAT(event.resource(), Not(HasSubstr(draft)));
}

TEST_F(ProtectedTest, WhatIsThereIsTakenOutOfEveryListWhenItIsProtected) {
  const std::string name = Requested();
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_assignee("actors/raulxxxxxxxxxxxx");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)));
  auto waitlist = On<v1::WaitlistReferralRequest>(name);
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  waitlist.set_offer(std::string(kGroupOffer));
  waitlist.set_group_id("alpha");
  Must(Do(receiver, &Stub::WaitlistReferral, waitlist));
  const auto channels = Channels();
  for (const char* method : {"ListReferrals", "ListRightsRequests", "ListWaitingList"}) {
    ASSERT_THAT(channels.at(method)(receiver), HasSubstr(name)) << method;
  }
  ASSERT_THAT(channels.at("FindByOwnReference")(referrer), HasSubstr(name));

  Must(Assign(referring_caseworker, name, {}, v1::PROTECTION_GROUND_PERSECUTION));
  for (const Other& other : Others()) {
    for (const auto& [method, channel] : channels) {
      if (method == "WatchReferrals") continue;  // what was told before stays told; see below
      EXPECT_THAT(channel(other.token), Not(HasSubstr(name))) << method << " as " << other.who;
    }
    EXPECT_THAT(Get(other.token, name).status().code(),
                AnyOf(absl::StatusCode::kNotFound, absl::StatusCode::kPermissionDenied));
    EXPECT_EQ(Get(other.token, name).status().code(), Get(other.token, kUnknown).status().code());
  }
  v1::WaitingList list =
      Must(Do(receiver, &EnrolmentStub::GetWaitingList,
              On<v1::GetWaitingListRequest>(base::Cat(kGroupOffer, "/groups/alpha/waitingList"))));
  EXPECT_EQ(list.waiting_count(), 0);
  for (const std::string_view kind : {"box", "mine", "look", "rights", "wait"}) {
    EXPECT_THAT(KindsNaming(name, /*in_keys=*/true), Not(Contains(kind)));
  }
  // Whoever protects it, and whoever had it on the other side, read it.
  EXPECT_EQ(Must(Get(referring_caseworker, name)).protection().ground(), v1::PROTECTION_GROUND_PERSECUTION);
  EXPECT_EQ(Must(Get(receiving_caseworker, name)).protection().receiving_readers(0),
            "actors/raulxxxxxxxxxxxx");
  // The log's revisions of the sealed name begin at one.
  int64_t sealed = 0;
  for (const auto& event : rig.Events()) {
    if (event.resource() != rpc::SealedResource(name)) continue;
    EXPECT_EQ(event.revision(), ++sealed);
  }
  EXPECT_EQ(sealed, 1);
}

TEST_F(ProtectedTest, WhatOthersKnowByALinkOrAPlaceIsNotProtectedBelatedly) {
  const std::string name = Accepted();
  Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, kThirdBody)));
  EXPECT_EQ(ReasonOf(Assign(referrer, name, {}, v1::PROTECTION_GROUND_SHELTER)), "PROTECTED_IS_UNLINKED");
  const std::string shelter = Protected();
  auto waitlist = On<v1::WaitlistReferralRequest>(shelter);
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  waitlist.set_offer(std::string(kGroupOffer));
  waitlist.set_group_id("alpha");
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &Stub::WaitlistReferral, waitlist)), "PROTECTED_HAS_NO_GROUP");
  auto accept = On<v1::AcceptReferralRequest>(shelter);
  accept.set_offer(std::string(kGroupOffer));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &Stub::AcceptReferral, accept)), "PROTECTED_HAS_NO_GROUP");
  const std::string began = Requested();
  v1::CreatePathRequest path;
  path.set_referral(began);
  path.set_person(1);
  path.add_steps()->set_theme(type::v1::THEME_EMPLOYMENT);
  Must(Do(referrer, &PathStub::CreatePath, path));
  EXPECT_EQ(ReasonOf(Assign(referrer, began, {}, v1::PROTECTION_GROUND_SHELTER)), "PROTECTED_IS_UNLINKED");
  path.set_referral(shelter);
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &PathStub::CreatePath, path)), "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(ReasonOf(Assign(referrer, Requested(), {"actors/evaxxxxxxxxxxxxx"})), "INVALID_FIELD")
      << "readers of nothing protected";
}

TEST_F(ProtectedTest, AHandOverThatWasNotTakenIsALinkToo) {
  const std::string name = Accepted();
  const std::string asked =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, kThirdBody)))
          .forwarded_to();
  Must(Do(third, &Stub::DeclineReferral, Decline(asked)));
  ASSERT_EQ(Record(name).forwarded_to(), "");
  EXPECT_EQ(ReasonOf(Assign(referrer, name, {}, v1::PROTECTION_GROUND_SHELTER)), "PROTECTED_IS_UNLINKED");
  const std::string again =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, kFourthBody)))
          .forwarded_to();
  EXPECT_EQ(ReasonOf(Assign(fourth, again, {}, v1::PROTECTION_GROUND_SHELTER)), "PROTECTED_IS_UNLINKED");
}

TEST_F(ProtectedTest, WhatHasAnEnrolmentStillIsNotProtectedBelatedly) {
  constexpr std::string_view kWorkshop = "offers/workshop";
  SetGroups(kWorkshop, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 3}});
  const std::string name = Requested();
  auto accept = On<v1::AcceptReferralRequest>(name);
  accept.set_offer(std::string(kWorkshop));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  const std::string enrolment = Must(Do(receiver, &Stub::AcceptReferral, accept)).places(0).enrolment();
  auto start = On<v1::StartEnrolmentRequest>(enrolment);
  start.add_outcomes()->set_person(1);
  *start.mutable_outcomes(0)->mutable_outcome() = PositiveOutcome();
  start.mutable_outcomes(0)->mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, start));
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("why");
  Must(Do(referrer, &Stub::ReopenReferral, reopen));
  ASSERT_THAT(Record(name).places(), IsEmpty());
  EXPECT_EQ(ReasonOf(Assign(referrer, name, {}, v1::PROTECTION_GROUND_SHELTER)), "PROTECTED_HAS_NO_GROUP")
      << "its name stands in the enrolment";
}

TEST_F(ProtectedTest, WhoIsNextOnAListIsNotNamedOnceItIsProtected) {
  const auto in_alpha = [](auto request) {
    request.set_offer(std::string(kGroupOffer));
    return request;
  };
  const std::string first = Requested();
  auto accept = in_alpha(On<v1::AcceptReferralRequest>(first));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  Must(Do(receiver, &Stub::AcceptReferral, accept));
  const std::string next = Requested();
  auto waitlist = in_alpha(On<v1::WaitlistReferralRequest>(next));
  *waitlist.mutable_review_time() = api::ToTimestamp(Now() + absl::Hours(48));
  waitlist.set_group_id("alpha");
  Must(Do(receiver, &Stub::WaitlistReferral, waitlist));
  ASSERT_EQ(Must(Do(receiver, &Stub::DeclineReferral, Decline(first))).next_on_list(), next);
  const auto history = [&](const std::string& token) {
    return std::string(Answer(token, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(first)));
  };
  EXPECT_THAT(history(receiver), HasSubstr(next));
  Must(Assign(receiving_caseworker, next, {}, v1::PROTECTION_GROUND_SHELTER));
  EXPECT_THAT(history(receiver), Not(HasSubstr(next)));
  EXPECT_THAT(history(receiver), HasSubstr("DECLINE"));
  EXPECT_THAT(history(receiving_caseworker), HasSubstr(next)) << "who reads it, too";
}

TEST_F(ProtectedTest, WhoIsToReadItSaysHerselfHowSheIsNamed) {
  const std::string luz = rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {}, "actors/luzxxxxxxxxxxxxx");
  const std::string actor = Must(Do(luz, &Stub::GetMyself, v1::GetMyselfRequest())).actor();
  EXPECT_EQ(actor, "actors/luzxxxxxxxxxxxxx");
  const std::string name = Protected({actor});
  EXPECT_EQ(Must(Get(luz, name)).protection().receiving_readers(0), actor);
  EXPECT_EQ(ReasonOf(Get(receiving_caseworker, name)), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(Get(receiving_safeguarding, name)), "NOT_FOUND") << "its side has a reader";
}

// A letter too few, and nobody would ever read it.
TEST_F(ProtectedTest, WhoIsNamedWronglyIsRefusedAndNothingIsSent) {
  const std::string wrong = "actors/luzxxxxxxxxxxxx";
  const auto before = rig.Dump();
  for (const auto& request : {NewProtected({wrong}), NewProtected({"actors/raulxxxxxxxxxxxx", "Luz"})}) {
    const auto sent = Do(referring_caseworker, &Stub::SubmitReferral, request);
    EXPECT_EQ(ReasonOf(sent), "INVALID_FIELD");
    v1::CreateReferralRequest draft;
    *draft.mutable_referral() = request.referral();
    EXPECT_EQ(ReasonOf(Do(referring_caseworker, &Stub::CreateReferral, draft)), "INVALID_FIELD");
  }
  EXPECT_TRUE(rig.Dump() == before);
  const std::string name = Protected();
  const auto sent = rig.Dump();
  EXPECT_EQ(ReasonOf(Assign(receiving_caseworker, name, {"actors/raulxxxxxxxxxxxx", wrong})),
            "INVALID_FIELD");
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_assignee(wrong);
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &Stub::AssignReferral, assign)), "INVALID_FIELD");
  EXPECT_TRUE(rig.Dump() == sent);
}

TEST_F(ProtectedTest, WhereItGoesOnItStaysProtectedAndTheWayThereIsNotShown) {
  const std::string name = Protected();
  auto propose = On<v1::ProposeForwardRequest>(name);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiving_caseworker, &Stub::ProposeForward, propose));
  auto confirm = ToBody<v1::ConfirmForwardRequest>(name, kThirdBody);
  confirm.add_readers("actors/luzxxxxxxxxxxxxx");
  const std::string linked = Must(Do(referring_caseworker, &Stub::ConfirmForward, confirm)).forwarded_to();
  ASSERT_NE(linked, "");
  const std::string luz = rig.TokenOf(kThirdBody, {Role::kCaseworker}, {}, "actors/luzxxxxxxxxxxxxx");
  const v1::Referral there = Must(Get(luz, linked));
  EXPECT_EQ(there.protection().ground(), v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  EXPECT_EQ(there.forwarded_from(), "");
  EXPECT_THAT(std::string(there.DebugString()), Not(HasSubstr(name)));
  EXPECT_EQ(Must(Get(referring_caseworker, linked)).forwarded_from(), name) << "she reads both";
  EXPECT_EQ(Must(Get(receiving_caseworker, name)).forwarded_to(), "");
  Must(Do(luz, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked)));
  EXPECT_THAT(std::string(Must(Get(receiving_caseworker, name)).DebugString()),
              Not(HasSubstr(std::string(kThirdBody))))
      << "nor who has the case there";
  EXPECT_EQ(Get(third, linked).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Box(third, v1::BOX_INBOX), IsEmpty());
  EXPECT_THAT(Box(luz, v1::BOX_INBOX), ElementsAre(linked));
  for (const std::string& each : {name, linked}) {
    EXPECT_THAT(KindsNaming(each, /*in_keys=*/true), Not(Contains("feed")));
  }
}

TEST_F(ProtectedTest, ARightIsAnsweredByReaders) {
  const std::string name = Protected();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  const std::string right =
      Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)))
          .name();
  v1::ListReferralsRequest inbox;
  inbox.set_box(v1::BOX_INBOX);
  const auto page = Must(Do(receiving_caseworker, &Stub::ListReferrals, inbox));
  ASSERT_EQ(page.referrals_size(), 1);
  EXPECT_TRUE(page.referrals(0).is_protected());
  EXPECT_EQ(page.referrals(0).rights_owed(), 1);
  Must(Do(receiving_caseworker, &Stub::AnswerRightsRequest,
          Receipt(right, name, v1::RIGHT_ANSWER_RESTRICTED)));
  EXPECT_EQ(Must(Do(receiving_caseworker, &Stub::ListReferrals, inbox)).referrals(0).rights_owed(), 0);
  EXPECT_EQ(Must(Do(referring_caseworker, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)))
                .answered_count(),
            1);
  EXPECT_EQ(Do(receiver, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ProtectedTest, AFamilyWithOneProtectedMemberShowsNothingOfHer) {
  auto draft = NewDraft(3);
  const std::string family = Must(Do(referring_caseworker, &Stub::CreateReferral, draft)).name();
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(family);
  *update.mutable_referral()->add_persons() = CompletePerson(1);
  *update.mutable_referral()->add_persons() = CompletePerson(2);
  update.mutable_update_mask()->add_paths("persons");
  Must(Do(referring_caseworker, &Stub::UpdateReferral, update));
  auto submit = On<v1::SubmitReferralRequest>(family);
  Must(Do(referring_caseworker, &Stub::SubmitReferral, submit));
  const std::string hers = Protected();

  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(family)));
  const v1::Referral seen = Must(Get(receiver, family));
  EXPECT_EQ(seen.persons_size(), 2);
  EXPECT_THAT(seen.withdrawn_persons(), IsEmpty());
  const auto sections = Must(
      Do(receiving_safeguarding, &Stub::DiscloseReferral,
         Disclose(family, {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS})));
  EXPECT_EQ(sections.sections_size(), 2);
  for (const std::string_view mark : {kGivenName, kScreening, kNeeds, kAlert}) {
    EXPECT_THAT(std::string(sections.DebugString()), Not(HasSubstr(base::Cat(mark, "-3"))));
  }
  const auto history =
      Must(Do(receiver, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(family)));
  for (const std::string& text : {std::string(seen.DebugString()), std::string(history.DebugString())}) {
    EXPECT_THAT(text, Not(HasSubstr(hers)));
  }
  EXPECT_THAT(std::string(Record(hers).DebugString()), Not(HasSubstr(family))) << "unlinked";
}

// --- Time ------------------------------------------------------------------------------------------------

// How long each of two kinds of answer took, taken by turns, so that whatever else runs slows both.
struct Times {
  std::vector<absl::Duration> hidden;
  std::vector<absl::Duration> unknown;

  static absl::Duration Quantile(std::vector<absl::Duration>& times, double at) {
    std::sort(times.begin(), times.end());
    return times[static_cast<size_t>(static_cast<double>(times.size()) * at)];
  }
  // Reading one row is microseconds; unsealing a key, or looking for readers anywhere else, would be more.
  void ExpectAlike(std::string_view what) {
    for (const double at : {0.1, 0.5}) {
      const absl::Duration a = Quantile(hidden, at);
      const absl::Duration b = Quantile(unknown, at);
      EXPECT_LT(a, 1.5 * b + absl::Microseconds(200)) << what << " at " << at;
      EXPECT_LT(b, 1.5 * a + absl::Microseconds(200)) << what << " at " << at;
    }
  }
};

class TimesTest : public ProtectedTest {
 protected:
  using Try = std::function<absl::Status(const std::string& token, std::string_view of)>;
  // Each asks for what has that name, or changes it; by its method.
  std::map<std::string, Try> Methods();
};

std::map<std::string, TimesTest::Try> TimesTest::Methods() {
  const auto named = [this]<typename Request, typename Response>(
                         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                         const Request& filled = {}) -> Try {
    return [this, method, filled](const std::string& token, std::string_view of) {
      Request request = filled;
      request.set_name(std::string(of));
      return Do(token, method, request).status();
    };
  };
  v1::ExportPersonRequest person;
  person.set_person(1);
  v1::AddNoteRequest note;
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_text("note");
  v1::CancelReferralRequest cancel;
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  v1::ReportMisdirectedRequest misdirected;
  misdirected.set_text("why");
  v1::PlaceLegalHoldRequest hold;
  hold.set_law("es/ley-1-2000/art-328");
  return {
      {"GetReferral", named(&Stub::GetReferral)},
      {"ListReferralHistory", named(&Stub::ListReferralHistory)},
      {"ListNotes", named(&Stub::ListNotes)},
      {"ListParts", named(&Stub::ListParts)},
      {"DiscloseReferral", named(&Stub::DiscloseReferral, Disclose("", {v1::SECTION_KIND_SCREENING}))},
      {"ExportPerson", named(&Stub::ExportPerson, person)},
      {"AcceptReferral", named(&Stub::AcceptReferral)},
      {"AddNote", named(&Stub::AddNote, note)},
      {"AssignReferral", named(&Stub::AssignReferral)},
      {"ClaimReferral", named(&Stub::ClaimReferral)},
      {"AcknowledgeReferral", named(&Stub::AcknowledgeReferral)},
      {"DeclineReferral", named(&Stub::DeclineReferral, Decline(""))},
      {"StartReferral", named(&Stub::StartReferral)},
      {"CancelReferral", named(&Stub::CancelReferral, cancel)},
      {"ReportMisdirected", named(&Stub::ReportMisdirected, misdirected)},
      {"RecordRightsRequest", named(&Stub::RecordRightsRequest, Right("", v1::RIGHT_KIND_WITHDRAWAL))},
      {"PlaceLegalHold", named(&Stub::PlaceLegalHold, hold)},
      {"EraseReferral", named(&Stub::EraseReferral)},
      {"GetRightsRequest", named(&Stub::GetRightsRequest)},
  };
}

TEST_F(TimesTest, HidingTakesNoLongerThanNotBeingThere) {
  const std::map<std::string, Try> methods = Methods();
  // Who has its unit, who leads the body, who is an officer there, who coordinates, and a stranger.
  const std::map<std::string, std::string> callers = {
      {"supervisor", receiver},
      {"caseworker", rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {std::string(kReceivingUnit)})},
      {"officer", receiving_safeguarding},
      {"coordinator", coordinator},
      {"stranger", fourth}};
  const std::string name = Protected();
  const std::string right =
      Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)))
          .name();
  std::map<std::string, Times> times;  // by method, and by caller
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& [method, call] : methods) {
      for (const auto& [who, token] : callers) {
        const auto time = [&](std::string_view of) {
          const absl::Time begin = absl::Now();
          EXPECT_EQ(call(token, of).code(), absl::StatusCode::kNotFound) << method << " as " << who;
          return absl::Now() - begin;
        };
        const bool of_right = method == "GetRightsRequest";
        const absl::Duration hidden = time(of_right ? right : name);
        const absl::Duration unknown = time(of_right ? kUnknownRight : kUnknown);
        for (Times* const each : {&times[method], &times[who]}) {
          each->hidden.push_back(hidden);
          each->unknown.push_back(unknown);
        }
      }
    }
  }
  for (auto& [what, each] : times) each.ExpectAlike(what);
}

}  // namespace
}  // namespace waypost::referral
