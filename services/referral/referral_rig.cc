#include "services/referral/referral_rig.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <thread>

#include "absl/time/civil_time.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "services/referral/breach_service.h"
#include "services/referral/correction_service.h"
#include "services/referral/enrolment_service.h"
#include "services/referral/intake_service.h"
#include "services/referral/path_service.h"
#include "services/referral/referral_service.h"
#include "services/referral/statistics_service.h"
#include "services/referral/succession_mover.h"
#include "services/referral/succession_service.h"

namespace waypost::referral::testing {
namespace {

using policy::Role;

std::string Text(std::string_view text) {
  return std::string(text);
}

template <typename Request>
void Fill(int persons, Request& request) {
  *request.mutable_referral() = CompleteReferral();
  request.mutable_referral()->clear_persons();
  for (int i = 1; i <= persons; ++i) {
    *request.mutable_referral()->add_persons() = CompletePerson(static_cast<uint32_t>(i));
    *request.add_sections() = MarkedSections(static_cast<uint32_t>(i));
  }
  request.set_own_reference(Text(kOwnReference));
}

}  // namespace

RigOptions ReferralOptions(bool on_disk) {
  RigOptions options;
  options.service = "referral";
  options.on_disk = on_disk;
  options.now = Now();
  return options;
}

v1::PersonSections MarkedSections(uint32_t number) {
  v1::PersonSections sections;
  sections.set_person(number);
  sections.mutable_screening()->set_text(base::Cat(kScreening, "-", number));
  sections.mutable_details()->set_given_name(base::Cat(kGivenName, "-", number));
  sections.mutable_details()->set_needs(base::Cat(kNeeds, "-", number));
  sections.mutable_alerts()->add_alerts(base::Cat(kAlert, "-", number));
  return sections;
}

directory::v1::Succession Merged(std::string_view from, std::string_view to, std::string_view day) {
  directory::v1::Succession succession;
  succession.set_name(Text(kSuccession));
  succession.set_kind(directory::v1::SUCCESSION_KIND_MERGED);
  succession.set_predecessor(Text(from));
  succession.mutable_period()->set_start_date(Text(day));
  succession.add_shares()->set_successor(Text(to));
  return succession;
}

struct ReferralRig::Services {
  explicit Services(ReferralRig& r)
      : referral(r.rig.env(), r.sealing, r.replica, r.signer),
        enrolment(r.rig.env(), referral.change().clockwork()),
        intake(r.rig.env(), r.sealing, referral.change()),
        correction(r.rig.env()),
        breach(r.rig.env(), referral.change().clockwork()),
        statistics(r.rig.env(), {}),
        succession(r.rig.env()),
        path(r.rig.env(), referral.change()) {}

  ReferralService referral;
  EnrolmentService enrolment;
  IntakeService intake;
  CorrectionService correction;
  BreachService breach;
  StatisticsService statistics;
  SuccessionService succession;
  PathService path;
};

namespace {

// The node's signer, which fails while it is told to.
ReceiptSigner FallibleSigner(crypto::KeyProvider& keys, const std::atomic<bool>& fails) {
  const auto node = std::make_shared<ReceiptSigner>(Must(ReceiptSigner::Make(keys)));
  return ReceiptSigner::With(node->keys().front(),
                             [node, &fails](std::string_view text) -> absl::StatusOr<std::string> {
                               if (fails) return error::Unavailable("the signer", "it fails in this test");
                               return node->SignText(text);
                             });
}

}  // namespace

ReferralRig::ReferralRig(RigOptions options)
    : rig(std::move(options)),
      key_provider(rig.random(), rig.clock().Now()),
      keys(key_provider, rig.random()),
      sealing(keys, rig.random()),
      signer(FallibleSigner(key_provider, signing_fails)),
      replica(rig.store(), &rig.accounts()),
      services_(std::make_unique<Services>(*this)) {
  for (const std::string_view body : {kReferringBody, kReceivingBody, kThirdBody, kFourthBody, kFifthBody,
                                      kSixthBody, kSeventhBody, kCoordinatingBody}) {
    SetBody(body, directory::v1::BODY_STATUS_ACTIVE);
  }
  for (const std::string_view unit :
       {kReferringUnit, kOtherReferringUnit, kReceivingUnit, kOtherReceivingUnit, kThirdUnit}) {
    SetUnit(unit, directory::v1::UNIT_STATUS_ACTIVE);
  }
  SetUnit(kDutyDesk, directory::v1::UNIT_STATUS_ACTIVE, directory::v1::UNIT_KIND_DUTY_DESK);
  SetOffer(kOffer, kReceivingBody, directory::v1::OFFER_STATUS_ACTIVE);
  SetOffer(kThirdOffer, kThirdBody, directory::v1::OFFER_STATUS_ACTIVE);
  SetBody(kSuspendedBody, directory::v1::BODY_STATUS_SUSPENDED);
  SetBody(kDissolvedBody, directory::v1::BODY_STATUS_DISSOLVED);
  SetBody(kEnforcementBody, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/true);
  SetCoordinator("coordinationAgreements/madrid-language", kCoordinatingBody, "2025-01-01", "");

  rig.Serve({&services_->referral, &services_->enrolment, &services_->intake, &services_->correction,
             &services_->statistics, &services_->succession, &services_->path, &services_->breach});
  stub = v1::ReferralService::NewStub(rig.channel());
  enrolment_stub = v1::EnrolmentService::NewStub(rig.channel());
  intake_stub = v1::IntakeService::NewStub(rig.channel());
  correction_stub = v1::CorrectionService::NewStub(rig.channel());
  breach_stub = v1::BreachService::NewStub(rig.channel());
  statistics_stub = v1::StatisticsService::NewStub(rig.channel());
  succession_stub = v1::SuccessionService::NewStub(rig.channel());
  path_stub = v1::PathService::NewStub(rig.channel());
  referrer = rig.TokenOf(kReferringBody, {Role::kSupervisor}, {}, "actors/anaxxxxxxxxxxxxx");
  receiver = rig.TokenOf(kReceivingBody, {Role::kSupervisor}, {}, "actors/luisxxxxxxxxxxxx");
  coordinator = rig.TokenOf(kCoordinatingBody, {Role::kSupervisor}, {}, "actors/martaxxxxxxxxxxx");
  third = rig.TokenOf(kThirdBody, {Role::kSupervisor}, {}, "actors/carmenxxxxxxxxxx");
  fourth = rig.TokenOf(kFourthBody, {Role::kSupervisor}, {}, "actors/jorgexxxxxxxxxxx");
  referring_caseworker =
      rig.TokenOf(kReferringBody, {Role::kCaseworker}, {Text(kReferringUnit)}, "actors/evaxxxxxxxxxxxxx");
  receiving_caseworker =
      rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {Text(kReceivingUnit)}, "actors/raulxxxxxxxxxxxx");
  referring_safeguarding =
      rig.TokenOf(kReferringBody, {Role::kSafeguardingOfficer}, {}, "actors/soniaxxxxxxxxxxx");
  receiving_safeguarding =
      rig.TokenOf(kReceivingBody, {Role::kSafeguardingOfficer}, {}, "actors/teresaxxxxxxxxxx");
}

ReferralChange& ReferralRig::change() {
  return services_->referral.change();
}

ReferralRig::~ReferralRig() {
  stub.reset();
  enrolment_stub.reset();
  intake_stub.reset();
  correction_stub.reset();
  breach_stub.reset();
  statistics_stub.reset();
  succession_stub.reset();
  path_stub.reset();
  rig.StopServing();
}

directory::v1::WatchChangesResponse ReferralRig::NextChange() {
  directory::v1::WatchChangesResponse changes;
  changes.add_changes()->set_revision(++directory_revision_);
  changes.set_next_cursor(base::Cat(directory_revision_));
  changes.set_up_to_date(true);
  return changes;
}

void ReferralRig::SetCoordinator(std::string_view agreement, std::string_view body, std::string_view from,
                                 std::string_view to) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::CoordinationAgreement& changed =
      *changes.mutable_changes(0)->mutable_coordination_agreement();
  changed.set_name(Text(agreement));
  changed.set_theme(type::v1::THEME_LANGUAGE);
  changed.set_territory("ES30");
  changed.set_body(Text(body));
  changed.mutable_period()->set_start_date(Text(from));
  changed.mutable_period()->set_end_date(Text(to));
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetBody(std::string_view body, directory::v1::BodyStatus status, bool enforcement,
                          bool approval_required) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Body& changed = *changes.mutable_changes(0)->mutable_body();
  changed.set_name(Text(body));
  changed.set_status(status);
  changed.set_enforcement(enforcement);
  changed.set_approval_required(approval_required);
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetUnit(std::string_view unit, directory::v1::UnitStatus status,
                          directory::v1::UnitKind kind) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Unit& changed = *changes.mutable_changes(0)->mutable_unit();
  changed.set_name(Text(unit));
  changed.set_status(status);
  changed.set_kind(kind);
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetOffer(std::string_view offer, std::string_view provider,
                           directory::v1::OfferStatus status) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Offer& changed = *changes.mutable_changes(0)->mutable_offer();
  changed.set_name(Text(offer));
  changed.set_provider(Text(provider));
  changed.set_status(status);
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetGroups(std::string_view offer, std::string_view provider, directory::v1::OfferKind kind,
                            const std::vector<OfferedGroup>& groups, std::string_view programme) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Offer& changed = *changes.mutable_changes(0)->mutable_offer();
  changed.set_name(Text(offer));
  changed.set_provider(Text(provider));
  changed.set_status(directory::v1::OFFER_STATUS_ACTIVE);
  changed.set_kind(kind);
  changed.set_programme(Text(programme));
  for (const OfferedGroup& group : groups) {
    directory::v1::OfferGroup& added = *changed.add_groups();
    added.set_group_id(Text(group.group_id));
    if (group.cohort_start.empty()) {
      added.set_permanent(true);
    } else {
      added.set_cohort_start_date(Text(group.cohort_start));
    }
    if (group.places >= 0) added.mutable_capacity()->set_places(group.places);
  }
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetProgramme(std::string_view programme, std::string_view end_date) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Programme& changed = *changes.mutable_changes(0)->mutable_programme();
  changed.set_name(Text(programme));
  changed.mutable_period()->set_start_date("2020-01-01");
  changed.mutable_period()->set_end_date(Text(end_date));
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetOfferOf(std::string_view programme, std::string_view offer, std::string_view provider) {
  directory::v1::WatchChangesResponse changes = NextChange();
  directory::v1::Offer& changed = *changes.mutable_changes(0)->mutable_offer();
  changed.set_name(Text(offer));
  changed.set_provider(Text(provider));
  changed.set_status(directory::v1::OFFER_STATUS_ACTIVE);
  changed.set_programme(Text(programme));
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::SetSuccession(const directory::v1::Succession& succession) {
  directory::v1::WatchChangesResponse changes = NextChange();
  *changes.mutable_changes(0)->mutable_succession() = succession;
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

void ReferralRig::Succeed(const directory::v1::Succession& succession) {
  SetSuccession(succession);
  absl::CivilDay first;
  if (!absl::ParseCivilTime(succession.period().start_date(), &first)) std::abort();
  const absl::CivilDay today = absl::ToCivilDay(rig.clock().Now(), absl::UTCTimeZone());
  if (first > today) rig.clock().Advance((first - today) * absl::Hours(24));
  Refresh();
  RunMover();
}

void ReferralRig::RunMover() {
  constexpr int kMaxSteps = 1000;
  SuccessionMover mover(rig.env(), change(), sealing, replica);
  for (int steps = 0; steps < kMaxSteps; ++steps) {
    if (!Must(mover.Step()).more) return;
  }
  throw std::runtime_error("the move does not end");
}

std::string ReferralRig::Today() {
  return absl::FormatTime("%Y-%m-%d", rig.clock().Now(), absl::UTCTimeZone());
}

void ReferralRig::Refresh() {
  directory::v1::WatchChangesResponse changes;
  changes.set_up_to_date(true);
  if (!replica.Apply(changes, rig.clock().Now()).ok()) std::abort();
}

v1::SubmitReferralRequest ReferralRig::NewReferral(int persons) const {
  v1::SubmitReferralRequest request;
  Fill(persons, request);
  return request;
}

v1::CreateReferralRequest ReferralRig::NewDraft(int persons) const {
  v1::CreateReferralRequest request;
  Fill(persons, request);
  return request;
}

v1::CompleteReferralRequest ReferralRig::Complete(std::string_view name, int persons) const {
  auto request = On<v1::CompleteReferralRequest>(name);
  for (int i = 1; i <= persons; ++i) {
    v1::PersonOutcome& outcome = *request.add_outcomes();
    outcome.set_person(static_cast<uint32_t>(i));
    *outcome.mutable_outcome() = i == 1 ? PositiveOutcome() : NegativeOutcome();
  }
  return request;
}

v1::DeclineReferralRequest ReferralRig::Decline(std::string_view name) const {
  auto request = On<v1::DeclineReferralRequest>(name);
  request.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
  request.set_declined_by(v1::DECLINED_BY_PROVIDER);
  return request;
}

v1::DiscloseReferralRequest ReferralRig::Disclose(std::string_view name,
                                                  const std::vector<v1::SectionKind>& sections,
                                                  v1::Purpose purpose) const {
  auto request = On<v1::DiscloseReferralRequest>(name);
  for (const v1::SectionKind section : sections) request.add_sections(section);
  request.set_purpose(purpose);
  return request;
}

v1::RecordRightsRequestRequest ReferralRig::Right(std::string_view referral, v1::RightKind kind,
                                                  uint32_t person) const {
  auto request = On<v1::RecordRightsRequestRequest>(referral);
  request.set_kind(kind);
  request.set_person(person);
  *request.mutable_ask_time() = api::ToTimestamp(Now() - absl::Hours(1));
  request.set_asked_how(v1::ASKED_HOW_BY_TELEPHONE);
  return request;
}

v1::AnswerRightsRequestRequest ReferralRig::Receipt(std::string_view rights_request,
                                                    std::string_view referral, v1::RightAnswer answer) const {
  auto request = On<v1::AnswerRightsRequestRequest>(rights_request);
  request.set_referral(Text(referral));
  request.set_answer(answer);
  if (answer == v1::RIGHT_ANSWER_RETAINED) request.set_law("es/ley-39-2015/art-17");
  if (answer == v1::RIGHT_ANSWER_REFUSED) request.set_refusal_ground(v1::REFUSAL_GROUND_DOES_NOT_APPLY);
  return request;
}

std::string ReferralRig::Requested(int persons) {
  return Must(Do(referrer, &Stub::SubmitReferral, NewReferral(persons))).name();
}

std::string ReferralRig::Acknowledged(int persons) {
  const std::string name = Requested(persons);
  return Must(Do(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name))).name();
}

std::string ReferralRig::Accepted(int persons) {
  const std::string name = Requested(persons);
  return Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name))).name();
}

std::string ReferralRig::InProgress(int persons) {
  const std::string name = Accepted(persons);
  return Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name))).name();
}

std::string ReferralRig::Completed(int persons) {
  const std::string name = InProgress(persons);
  return Must(Do(receiver, &Stub::CompleteReferral, Complete(name, persons))).name();
}

std::string ReferralRig::Declined(int persons) {
  const std::string name = Requested(persons);
  return Must(Do(receiver, &Stub::DeclineReferral, Decline(name))).name();
}

storage::v1::ReferralRecord ReferralRig::Record(std::string_view name) {
  return Must(rows::Get(**rig.store().Snapshot(), name));
}

std::vector<Wrap> ReferralRig::Wraps(std::string_view name, std::string_view body) {
  std::vector<Wrap> wraps = Must(rows::Holdings::Load(**rig.store().Snapshot(), name)).wraps();
  if (!body.empty()) std::erase_if(wraps, [body](const Wrap& wrap) { return wrap.body != body; });
  return wraps;
}

std::vector<storage::v1::SectionRecord> ReferralRig::Sections(std::string_view name) {
  return Must(rows::ListSections(**rig.store().Snapshot(), name));
}

std::vector<storage::v1::NoteRecord> ReferralRig::Notes(std::string_view name) {
  return Must(rows::ListNotes(**rig.store().Snapshot(), name, 0, 10'000));
}

std::vector<storage::v1::HistoryRecord> ReferralRig::History(std::string_view name) {
  return Must(rows::ListHistory(**rig.store().Snapshot(), name, "", 10'000, nullptr));
}

std::vector<event::v1::Event> ReferralRig::EventsOf(std::string_view name) {
  std::vector<event::v1::Event> events = rig.Events();
  std::erase_if(events, [name](const event::v1::Event& event) { return event.resource() != name; });
  return events;
}

std::vector<v1::PersonSections> ReferralRig::OpenableBy(std::string_view name, std::string_view body) {
  const OpenedKeys opened = Must(sealing.OpenKeys(name, Wraps(name, body), body));
  return Must(sealing.OpenSections(name, opened, Sections(name), {}, {}));
}

v1::SubmitReferralRequest PartsRig::NewPart(std::string_view parent, std::string_view to) const {
  return AsPart(NewReferral(), parent, to);
}

std::string PartsRig::Part(std::string_view token, std::string_view parent, std::string_view to) {
  rig.clock().Advance(absl::Milliseconds(1));
  return Must(Do(token, &Stub::SubmitReferral, NewPart(parent, to))).name();
}

std::string PartsRig::DraftPart(std::string_view token, std::string_view parent) {
  rig.clock().Advance(absl::Milliseconds(1));
  v1::SubmitReferralRequest part = NewPart(parent);
  v1::CreateReferralRequest request;
  *request.mutable_referral() = std::move(*part.mutable_referral());
  *request.mutable_sections() = std::move(*part.mutable_sections());
  return Must(Do(token, &Stub::CreateReferral, request)).name();
}

std::set<std::string> PartsRig::RowsThatLink(std::string_view one, std::string_view other) {
  const auto id = [](std::string_view name) { return name.substr(name.find('/') + 1); };
  std::set<std::string> kinds;
  for (const auto& [key, value] : rig.Dump()) {
    const std::string row = base::Cat(key, value);
    if (row.find(id(one)) == std::string::npos || row.find(id(other)) == std::string::npos) continue;
    store::KeyParser parser(key);
    const std::string kind = Must(parser.Text());
    if (kind != "idem") kinds.insert(kind);
  }
  return kinds;
}

void RunBoth(RaceOrder order, const std::function<void()>& one, const std::function<void()>& other) {
  if (order == RaceOrder::kAtOnce) {
    std::barrier together(2);
    std::thread beside([&] {
      together.arrive_and_wait();
      other();
    });
    together.arrive_and_wait();
    one();
    beside.join();
    return;
  }
  if (order == RaceOrder::kOtherFirst) other();
  one();
  if (order == RaceOrder::kOneFirst) other();
}

}  // namespace waypost::referral::testing
