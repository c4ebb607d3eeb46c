// The referral service over gRPC with everything around it, and people of several bodies who use it. For
// tests only.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_RIG_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_RIG_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/crypto/body_keys.h"
#include "common/crypto/memory_key_provider.h"
#include "common/status/errors.h"
#include "common/testing/service_rig.h"
#include "services/referral/directory_replica.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_sealing.h"
#include "services/referral/referral_testing.h"
#include "waypost/referral/v1/breach_service.grpc.pb.h"
#include "waypost/referral/v1/correction_service.grpc.pb.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"
#include "waypost/referral/v1/intake_service.grpc.pb.h"
#include "waypost/referral/v1/path_service.grpc.pb.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"
#include "waypost/referral/v1/statistics_service.grpc.pb.h"
#include "waypost/referral/v1/succession_service.grpc.pb.h"

namespace waypost::referral::testing {

using Stub = v1::ReferralService::Stub;
using EnrolmentStub = v1::EnrolmentService::Stub;
using BreachStub = v1::BreachService::Stub;
using CorrectionStub = v1::CorrectionService::Stub;
using IntakeStub = v1::IntakeService::Stub;
using PathStub = v1::PathService::Stub;
using StatisticsStub = v1::StatisticsService::Stub;
using SuccessionStub = v1::SuccessionService::Stub;
using ::waypost::testing::RigOptions;
using ::waypost::testing::ServiceRig;

inline constexpr std::string_view kFifthBody = "bodies/es-parla";
inline constexpr std::string_view kSixthBody = "bodies/es-pinto";
inline constexpr std::string_view kSeventhBody = "bodies/es-mostoles";
inline constexpr std::string_view kSuspendedBody = "bodies/es-suspended";
inline constexpr std::string_view kDissolvedBody = "bodies/es-dissolved";
inline constexpr std::string_view kEnforcementBody = "bodies/es-border-police";
inline constexpr std::string_view kOtherReferringUnit = "bodies/es-fuenlabrada/units/housing";
inline constexpr std::string_view kOtherReceivingUnit = "bodies/es-madrid/units/housing";
inline constexpr std::string_view kDutyDesk = "bodies/es-madrid/units/duty";
inline constexpr std::string_view kOffer = "offers/madrid-b1-evening";       // of kReceivingBody
inline constexpr std::string_view kThirdOffer = "offers/getafe-b1-morning";  // of kThirdBody

inline constexpr std::string_view kSuccession = "successions/es-madrid-merged";

// What only those with a key may ever see: no byte of it may lie anywhere in the clear.
inline constexpr std::string_view kGivenName = "Olena-given-in-the-clear";
inline constexpr std::string_view kNeeds = "needs-given-in-the-clear";
inline constexpr std::string_view kScreening = "screening-given-in-the-clear";
inline constexpr std::string_view kAlert = "alert-given-in-the-clear";
inline constexpr std::string_view kOwnReference = "REF-given-in-the-clear-77";
inline constexpr std::string_view kQuestion = "question-given-in-the-clear";

// The options of a rig for this service.
RigOptions ReferralOptions(bool on_disk = true);

// A request about a referral.
template <typename Request>
Request On(std::string_view name, std::string_view etag = {}) {
  Request request;
  request.set_name(std::string(name));
  if constexpr (requires { request.set_etag(""); }) request.set_etag(std::string(etag));
  return request;
}

// All sections of a person, each with its mark.
v1::PersonSections MarkedSections(uint32_t number);

// One body goes up in another from that day on; by default the one after Now(). Named kSuccession.
directory::v1::Succession Merged(std::string_view from, std::string_view to,
                                 std::string_view day = "2026-05-05");

class ReferralRig {
 public:
  explicit ReferralRig(RigOptions options = ReferralOptions());
  ~ReferralRig();

  // A method of any of the services, as in Do(referrer, &Stub::GetReferral, request).
  template <typename Any, typename Request, typename Response>
  absl::StatusOr<Response> Do(std::string_view token,
                              grpc::Status (Any::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request) {
    return rig.Call(StubOf<Any>(), token, method, request);
  }

  // --- Requests that are complete
  v1::SubmitReferralRequest NewReferral(int persons = 1) const;
  v1::CreateReferralRequest NewDraft(int persons = 1) const;
  template <typename Request>
  Request ToBody(std::string_view name, std::string_view body, int persons = 1) const {
    auto request = On<Request>(name);
    request.set_body(std::string(body));
    for (int i = 1; i <= persons; ++i) {
      *request.add_disclosures() = NewDisclosures()[0];
      request.mutable_disclosures(i - 1)->set_person(static_cast<uint32_t>(i));
    }
    return request;
  }
  v1::CompleteReferralRequest Complete(std::string_view name, int persons = 1) const;
  v1::DeclineReferralRequest Decline(std::string_view name) const;
  v1::DiscloseReferralRequest Disclose(std::string_view name, const std::vector<v1::SectionKind>& sections,
                                       v1::Purpose purpose = v1::PURPOSE_DELIVER_SERVICE) const;

  // A use of a right by a person who asked an hour ago.
  v1::RecordRightsRequestRequest Right(std::string_view referral, v1::RightKind kind,
                                       uint32_t person = 1) const;
  v1::AnswerRightsRequestRequest Receipt(std::string_view rights_request, std::string_view referral,
                                         v1::RightAnswer answer) const;

  // --- Ways to a state; each fails the test when it is refused
  std::string Requested(int persons = 1);
  std::string Acknowledged(int persons = 1);
  std::string Accepted(int persons = 1);
  std::string InProgress(int persons = 1);
  std::string Completed(int persons = 1);
  std::string Declined(int persons = 1);

  // --- What is stored
  storage::v1::ReferralRecord Record(std::string_view name);
  std::vector<Wrap> Wraps(std::string_view name, std::string_view body = {});
  std::vector<storage::v1::SectionRecord> Sections(std::string_view name);
  std::vector<storage::v1::NoteRecord> Notes(std::string_view name);
  std::vector<storage::v1::HistoryRecord> History(std::string_view name);
  // Events about one referral.
  std::vector<event::v1::Event> EventsOf(std::string_view name);
  // What the wraps of one body alone open of a referral: what a copy of the store and that body's keys give.
  std::vector<v1::PersonSections> OpenableBy(std::string_view name, std::string_view body);

  absl::StatusOr<v1::Referral> Get(std::string_view token, std::string_view name) {
    return Do(token, &Stub::GetReferral, On<v1::GetReferralRequest>(name));
  }

  // The directory says so of a body from now on.
  // Appoints who coordinates language courses in ES30; `to` empty: until further notice.
  void SetCoordinator(std::string_view agreement, std::string_view body, std::string_view from,
                      std::string_view to);
  void SetBody(std::string_view body, directory::v1::BodyStatus status, bool enforcement = false,
               bool approval_required = false);
  void SetUnit(std::string_view unit, directory::v1::UnitStatus status,
               directory::v1::UnitKind kind = directory::v1::UNIT_KIND_DEPARTMENT);
  void SetOffer(std::string_view offer, std::string_view provider, directory::v1::OfferStatus status);
  // An offer in use with these groups; -1 stands for no places declared.
  struct OfferedGroup {
    std::string_view group_id;
    int places = -1;
    std::string_view cohort_start = {};
  };
  void SetGroups(std::string_view offer, std::string_view provider, directory::v1::OfferKind kind,
                 const std::vector<OfferedGroup>& groups, std::string_view programme = {});
  // The directory says so of a programme from now on; an empty day stands for no end.
  void SetProgramme(std::string_view programme, std::string_view end_date);
  // An offer in use that a programme pays for.
  void SetOfferOf(std::string_view programme, std::string_view offer, std::string_view provider);
  // The directory has it recorded from now on.
  void SetSuccession(const directory::v1::Succession& succession);
  // The same, its first day comes, and everything has moved.
  void Succeed(const directory::v1::Succession& succession);
  // Moves what successions whose day has come move, until nothing is left.
  void RunMover();
  // By the rig's clock, as in "2026-05-04".
  std::string Today();
  // Nothing has changed; the replica is fresh.
  void Refresh();

  // The course of every change, for those that nobody asks for.
  ReferralChange& change();

  ServiceRig rig;
  crypto::MemoryKeyProvider key_provider;
  crypto::BodyKeys keys;
  Sealing sealing;
  // While this is set nothing can be signed.
  std::atomic<bool> signing_fails = false;
  ReceiptSigner signer;
  DirectoryReplica replica;
  std::unique_ptr<Stub> stub;
  std::unique_ptr<EnrolmentStub> enrolment_stub;
  std::unique_ptr<IntakeStub> intake_stub;
  std::unique_ptr<CorrectionStub> correction_stub;
  std::unique_ptr<BreachStub> breach_stub;
  std::unique_ptr<StatisticsStub> statistics_stub;
  std::unique_ptr<SuccessionStub> succession_stub;
  std::unique_ptr<PathStub> path_stub;

  // Supervisors.
  std::string referrer;
  std::string receiver;
  std::string coordinator;
  std::string third;
  std::string fourth;
  // Of the units that the complete referral names.
  std::string referring_caseworker;
  std::string receiving_caseworker;
  // Of both sides, and a supervisor of nothing.
  std::string referring_safeguarding;
  std::string receiving_safeguarding;

 private:
  template <typename Any>
  Any& StubOf() {
    if constexpr (std::is_same_v<Any, Stub>) return *stub;
    if constexpr (std::is_same_v<Any, EnrolmentStub>) return *enrolment_stub;
    if constexpr (std::is_same_v<Any, IntakeStub>) return *intake_stub;
    if constexpr (std::is_same_v<Any, CorrectionStub>) return *correction_stub;
    if constexpr (std::is_same_v<Any, BreachStub>) return *breach_stub;
    if constexpr (std::is_same_v<Any, StatisticsStub>) return *statistics_stub;
    if constexpr (std::is_same_v<Any, SuccessionStub>) return *succession_stub;
    if constexpr (std::is_same_v<Any, PathStub>) return *path_stub;
  }

  // A change that is yet to be filled in.
  directory::v1::WatchChangesResponse NextChange();

  // Not in this header: each use of theirs takes the compiler longer than the rest of a test.
  struct Services;
  std::unique_ptr<Services> services_;
  int64_t directory_revision_ = 0;
};

// The same for cases with parts.
class PartsRig : public ReferralRig {
 public:
  using ReferralRig::ReferralRig;

  // Of a part of `parent`, as AsPart makes it.
  v1::SubmitReferralRequest NewPart(std::string_view parent, std::string_view to = kThirdBody) const;
  // A part, sent or not yet. Each is made a millisecond after the one before: names keep the order of no less
  // than that. Fails the test when it is refused.
  std::string Part(std::string_view token, std::string_view parent, std::string_view to = kThirdBody);
  std::string DraftPart(std::string_view token, std::string_view parent);
  // Kinds of stored rows that name both, answers to requests of before aside.
  std::set<std::string> RowsThatLink(std::string_view one, std::string_view other);
};

// Which of two goes first: each order is to be forced once where they are let race.
enum class RaceOrder { kOneFirst, kOtherFirst, kAtOnce };
// Runs both in that order; at once: on two threads that begin together.
void RunBoth(RaceOrder order, const std::function<void()>& one, const std::function<void()>& other);

// The value; without one the test fails at once.
template <typename Value>
Value Must(absl::StatusOr<Value> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::ToStd(value.status().ToString())));
  return *std::move(value);
}

// "OK", or the reason.
template <typename Value>
std::string ReasonOf(const absl::StatusOr<Value>& value) {
  if (value.ok()) return "OK";
  const std::string reason = error::ReasonOf(value.status());
  return reason.empty() ? std::string(base::ToStd(value.status().ToString())) : reason;
}

}  // namespace waypost::referral::testing

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_RIG_H_
