#include "services/referral/path_rules.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using base::Cat;
using policy::Relation;
using storage::v1::PathStepRecord;
using storage::v1::ReferralRecord;

constexpr uint32_t kPathFormat = 1;

const PathStepRecord* FindStep(const PathRecord& path, uint32_t number) {
  for (const PathStepRecord& step : path.steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

absl::Status CheckTakes(const PathRecord& path, const PathStepRecord& step, StepState state, StepAct act) {
  if (Takes(state, act)) return absl::OkStatus();
  return error::InvalidTransition(Cat(path.name(), "/steps/", step.number()), StepStateName(state),
                                  StepActName(act), AllowedActs(state));
}

PathStepRecord NewStep(const v1::PathStep& given, PathRecord& next) {
  PathStepRecord step;
  step.set_number(next.next_step());
  step.set_theme(given.theme());
  step.set_offer(given.offer());
  step.set_skipped(given.state() == kStepSkipped);
  next.set_next_step(next.next_step() + 1);
  return step;
}

// One that is there already. That a step which was taken is named, its own state included, changes nothing.
absl::StatusOr<PathStepRecord> ChangedStep(const PathRecord& path, const PathStepRecord& before,
                                           const v1::PathStep& given, StepState state) {
  PathStepRecord step = before;
  if (given.state() == kStepSkipped) {
    WAYPOST_RETURN_IF_ERROR(CheckTakes(path, before, state, StepAct::kLeaveOut));
    step.set_skipped(true);
    return step;
  }
  if (!Takes(state, StepAct::kPlan)) return step;
  step.set_skipped(false);
  if (!before.referral().empty()) return step;
  // What is not given stays; but an offer is one for its theme.
  const bool other_theme = given.theme() != type::v1::THEME_UNSPECIFIED && given.theme() != before.theme();
  if (other_theme) step.set_theme(given.theme());
  if (other_theme || !given.offer().empty()) step.set_offer(given.offer());
  return step;
}

// It was taken, or its draft is to be approved.
bool IsKept(const PathStepRecord& step) {
  return !step.referral().empty() || !step.draft().empty();
}

// What was taken stays, in the order in which it stands.
absl::Status CheckTakenStay(const PathRecord& before, const PathRecord& next) {
  std::vector<uint32_t> kept;
  for (const PathStepRecord& step : next.steps()) {
    if (IsKept(step)) kept.push_back(step.number());
  }
  std::vector<uint32_t> taken;
  for (const PathStepRecord& step : before.steps()) {
    if (IsKept(step)) taken.push_back(step.number());
  }
  if (kept == taken) return absl::OkStatus();
  return error::InvalidField(
      "steps", "name all steps that were taken or are to be approved, in the order in which they stand");
}

// One decision in the making.
struct Making {
  const PathRecord& current;
  const StepCourses& courses;
  const absl::Time now;
  PathRecord next;
};

PathStepRecord* MutableDrafted(PathRecord& path, std::string_view draft) {
  for (PathStepRecord& step : *path.mutable_steps()) {
    if (!draft.empty() && step.draft() == draft) return &step;
  }
  return nullptr;
}

void ForgetDraft(PathStepRecord& step) {
  step.clear_draft();
  step.clear_draft_sources();
}

// What is to be approved still is sent no more.
void End(v1::PathEndReason reason, Making& making) {
  for (PathStepRecord& step : *making.next.mutable_steps()) ForgetDraft(step);
  *making.next.mutable_end_time() = api::ToTimestamp(making.now);
  making.next.set_end_reason(reason);
}

absl::StatusOr<PathEvent> Apply(const path::Update& update, Making& making) {
  making.next.clear_steps();
  std::set<uint32_t> seen;
  error::FieldViolations wrong;
  for (size_t i = 0; i < update.steps.size(); ++i) {
    const v1::PathStep& given = update.steps[i];
    if (given.number() == 0) {
      *making.next.add_steps() = NewStep(given, making.next);
      continue;
    }
    const PathStepRecord* const before = FindStep(making.current, given.number());
    if (before == nullptr) wrong.Add(Cat("steps[", i, "].number"), "is no step of this path");
    if (!seen.insert(given.number()).second) wrong.Add(Cat("steps[", i, "].number"), "is given twice");
    if (!wrong.empty()) continue;
    WAYPOST_ASSIGN_OR_RETURN(*making.next.add_steps(),
                             ChangedStep(making.current, *before, given, StateOf(*before, making.courses)));
  }
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  WAYPOST_RETURN_IF_ERROR(CheckTakenStay(making.current, making.next));
  return PathEvent::kUpdate;
}

absl::StatusOr<PathEvent> Apply(const path::TakeStep& take, Making& making) {
  for (PathStepRecord& step : *making.next.mutable_steps()) {
    if (step.number() != take.step) continue;
    WAYPOST_RETURN_IF_ERROR(CheckTakes(making.current, step, StateOf(step, making.courses), StepAct::kTake));
    step.set_referral(take.referral);
    return PathEvent::kTake;
  }
  return error::InvalidField("step", "is no step of this path");
}

absl::StatusOr<PathEvent> Apply(const path::DraftStep& draft, Making& making) {
  for (PathStepRecord& step : *making.next.mutable_steps()) {
    if (step.number() != draft.step) continue;
    WAYPOST_RETURN_IF_ERROR(CheckTakes(making.current, step, StateOf(step, making.courses), StepAct::kTake));
    step.set_draft(draft.draft);
    for (const storage::v1::PathSourceRecord& source : draft.sources) *step.add_draft_sources() = source;
    return PathEvent::kDraftStep;
  }
  return error::InvalidField("step", "is no step of this path");
}

absl::StatusOr<PathEvent> Apply(const path::SendDraft& send, Making& making) {
  PathStepRecord* const step = MutableDrafted(making.next, send.draft);
  if (step == nullptr) return StepOutdated(send.draft);
  step->set_referral(send.draft);
  ForgetDraft(*step);
  return PathEvent::kTake;
}

absl::StatusOr<PathEvent> Apply(const path::GiveBack& back, Making& making) {
  PathStepRecord* const step = MutableDrafted(making.next, back.draft);
  if (step == nullptr) return StepOutdated(back.draft);
  ForgetDraft(*step);
  return PathEvent::kGiveBack;
}

absl::StatusOr<PathEvent> Apply(const path::End& end, Making& making) {
  End(end.reason, making);
  return PathEvent::kEnd;
}

absl::StatusOr<PathEvent> Apply(const path::EndShare&, Making& making) {
  End(v1::PATH_END_REASON_SHARE_ENDED, making);
  return PathEvent::kShareEnded;
}

absl::StatusOr<PathEvent> Apply(const path::Succeed& succeed, Making& making) {
  making.next.set_body(succeed.body);
  return PathEvent::kSucceed;
}

PathEvent EventOf(const PathCommand& command) {
  constexpr std::array kEvents = {PathEvent::kUpdate,     PathEvent::kTake,    PathEvent::kEnd,
                                  PathEvent::kShareEnded, PathEvent::kSucceed, PathEvent::kDraftStep,
                                  PathEvent::kTake,       PathEvent::kGiveBack};
  static_assert(kEvents.size() == std::variant_size_v<PathCommand>);
  return kEvents[command.index()];
}

bool IsReferring(const ReferralRecord& referral, std::string_view body) {
  return referral.referring().body() == body;
}

bool IsReceiving(const ReferralRecord& referral, std::string_view body) {
  return referral.receiving().body() == body;
}

// By her own hands, or as a supervisor of the body that leads the path.
bool MayReadForPath(const ReferralRecord& referral, const policy::Caller& caller) {
  const policy::Relations relations = RelationsOf(referral, caller);
  const bool side = relations.Has(Relation::kReferring) || relations.Has(Relation::kReceiving);
  const bool hands = relations.Has(Relation::kUnitMember) || relations.Has(Relation::kAssignee);
  return side && (hands || caller.roles.Has(policy::Role::kSupervisor));
}

// May the body take anything of the person along from there?
bool IsSource(const PathRecord& path, const ReferralRecord& referral) {
  return FindPerson(referral, path.person()) != nullptr && !IsProtected(referral) &&
         HoldsSections(referral, path.body(), path.person());
}

}  // namespace

bool HasEnded(const PathRecord& path) {
  return path.has_end_time();
}

const PathStepRecord* FindDrafted(const PathRecord& path, std::string_view draft) {
  for (const PathStepRecord& step : path.steps()) {
    if (!draft.empty() && step.draft() == draft) return &step;
  }
  return nullptr;
}

StepState StateOf(const PathStepRecord& step, const StepCourses& courses) {
  if (!step.draft().empty()) return kStepToBeApproved;
  if (step.skipped()) return kStepSkipped;
  const auto course = courses.find(step.number());
  if (step.referral().empty() || course == courses.end()) return kStepPlanned;
  if (course->second.enrolment_open || !IsEnd(course->second.referral)) return kStepUnderWay;
  return course->second.referral == kCompleted ? kStepDone : kStepNotReached;
}

PathDecision OpenPath(const path::Create& create, absl::Time now) {
  PathDecision decision{.next = {}, .event = PathEvent::kCreate};
  PathRecord& next = decision.next;
  next.set_format_version(kPathFormat);
  next.set_name(create.name);
  next.set_revision(1);
  next.set_body(create.body);
  next.set_referral(create.referral);
  next.set_person(create.person);
  next.set_next_step(1);
  for (const v1::PathStep& given : create.steps) *next.add_steps() = NewStep(given, next);
  *next.mutable_create_time() = api::ToTimestamp(now);
  *next.mutable_update_time() = api::ToTimestamp(now);
  return decision;
}

absl::StatusOr<PathDecision> DecidePath(const PathRecord& current, const StepCourses& courses,
                                        const PathCommand& command, absl::Time now) {
  // Who leads it may change after its end: its archive goes where the body's goes.
  if (HasEnded(current) && !std::holds_alternative<path::Succeed>(command)) {
    return error::InvalidTransition(current.name(), "ENDED", PathEventName(EventOf(command)), {});
  }
  Making making{current, courses, api::NotBefore(now, current), current};
  WAYPOST_ASSIGN_OR_RETURN(
      const PathEvent event,
      std::visit([&making](const auto& typed) { return Apply(typed, making); }, command));
  making.next.set_revision(current.revision() + 1);
  *making.next.mutable_update_time() = api::ToTimestamp(making.now);
  return PathDecision{.next = std::move(making.next), .event = event};
}

PathDecision ForgetReferral(const PathRecord& current, std::string_view referral, absl::Time now) {
  Making making{current, {}, api::NotBefore(now, current), current};
  PathRecord& next = making.next;
  if (next.referral() == referral) next.clear_referral();
  for (PathStepRecord& step : *next.mutable_steps()) {
    if (step.referral() == referral) step.clear_referral();
  }
  if (!HasEnded(current)) End(v1::PATH_END_REASON_SHARE_ENDED, making);
  next.set_revision(current.revision() + 1);
  *next.mutable_update_time() = api::ToTimestamp(making.now);
  return {.next = std::move(next), .event = HasEnded(current) ? PathEvent::kUpdate : PathEvent::kShareEnded};
}

bool HoldsAnything(const ReferralRecord& referral, std::string_view body, uint32_t person) {
  return (IsReferring(referral, body) && Holds(referral, person, v1::PARTY_REFERRING)) ||
         (IsReceiving(referral, body) && Holds(referral, person, v1::PARTY_RECEIVING));
}

bool HoldsSections(const ReferralRecord& referral, std::string_view body, uint32_t person) {
  if (IsReferring(referral, body) && Holds(referral, person, v1::PARTY_REFERRING)) return true;
  return IsReceiving(referral, body) && Holds(referral, person, v1::PARTY_RECEIVING) &&
         referral.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
}

absl::Status CheckMayBegin(const ReferralRecord& referral, uint32_t person, const policy::Authorized& as) {
  if (IsProtected(referral)) return ProtectedIsUnlinked(referral.name());
  if (!referral.has_submit_time()) {
    return error::InvalidField("referral", "is a draft: a path begins from what was sent");
  }
  WAYPOST_RETURN_IF_ERROR(CheckMayOpen(referral, {v1::SECTION_KIND_DETAILS}, as));
  if (!Concerns(referral, person)) return error::InvalidField("person", "is no person of this referral");
  if (FindPerson(referral, person) == nullptr || IsStopped(referral, person))
    return DisclosureStopped(referral.name());
  if (!HoldsSections(referral, as.caller().body, person)) return ShareErased(referral.name());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::SectionKind>> SectionsOfStep(const v1::TakeStepRequest& request,
                                                            const policy::Caller& caller) {
  std::set<v1::SectionKind> sections = {v1::SECTION_KIND_SCREENING};
  for (const int section : request.sections()) sections.insert(static_cast<v1::SectionKind>(section));
  if (request.sections().empty()) sections.insert(v1::SECTION_KIND_DETAILS);
  if (sections.contains(v1::SECTION_KIND_ALERTS)) {
    WAYPOST_RETURN_IF_ERROR(CheckOpensAlerts(caller, "TakeStep"));
  }
  return std::vector<v1::SectionKind>(sections.begin(), sections.end());
}

absl::Status CheckDraftHolds(const PathRecord& path, const PathStepRecord& step,
                             const std::vector<ReferralRecord>& referrals,
                             const std::vector<storage::v1::PathSourceRecord>& now) {
  const auto find = [&referrals](std::string_view name) {
    return std::find_if(referrals.begin(), referrals.end(),
                        [name](const ReferralRecord& referral) { return referral.name() == name; });
  };
  for (const ReferralRecord& referral : referrals) {
    if (IsStopped(referral, path.person())) return StepsStopped(path.name());
  }
  const auto draft = find(step.draft());
  if (draft == referrals.end() || static_cast<size_t>(step.draft_sources_size()) != now.size()) {
    return StepOutdated(step.draft());
  }
  if (AwaitsRectification(*draft, path.person())) return RectificationPending(path.name());
  for (size_t i = 0; i < now.size(); ++i) {
    const storage::v1::PathSourceRecord& before = step.draft_sources(static_cast<int>(i));
    const auto source = find(before.referral());
    if (source == referrals.end() || !IsSource(path, *source)) return StepOutdated(step.draft());
    if (AwaitsRectification(*source, path.person())) return RectificationPending(path.name());
    const bool same = before.referral() == now[i].referral() && before.section() == now[i].section() &&
                      before.commitment() == now[i].commitment();
    if (!same) return StepOutdated(step.draft());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StepSource>> SourcesOf(const PathRecord& path,
                                                  const std::vector<ReferralRecord>& referrals,
                                                  const std::vector<v1::SectionKind>& sections) {
  std::vector<const ReferralRecord*> held;  // the last one first; the person is in each
  for (const ReferralRecord& referral : referrals) {
    // In which of them is not said: it may be one that the caller does not read.
    if (IsStopped(referral, path.person())) return StepsStopped(path.name());
    // A draft holds nothing that it was not given from the others.
    if (referral.has_submit_time() && IsSource(path, referral)) held.insert(held.begin(), &referral);
  }
  if (held.empty()) return ShareErased(path.name());
  std::vector<StepSource> sources = {{.referral = held.front(), .sections = {}}};
  for (const v1::SectionKind section : sections) {
    const auto from = std::find_if(held.begin(), held.end(), [&](const ReferralRecord* referral) {
      return Discloses(FindPerson(*referral, path.person())->disclosure(), section);
    });
    if (from == held.end()) continue;
    auto source = std::find_if(sources.begin(), sources.end(),
                               [&](const StepSource& each) { return each.referral == *from; });
    if (source == sources.end()) source = sources.insert(source, {.referral = *from, .sections = {}});
    source->sections.push_back(section);
  }
  // Whom a right has reached already knows what is right once it is answered; a new recipient never would.
  for (const StepSource& source : sources) {
    const bool waits = !source.sections.empty() && AwaitsRectification(*source.referral, path.person());
    if (waits) return RectificationPending(path.name());
  }
  return sources;
}

policy::Relations RelationsToPath(const PathRecord& path, const std::vector<ReferralRecord>& referrals,
                                  const policy::Caller& caller) {
  policy::Relations relations;
  if (caller.body.empty() || caller.body != path.body()) return relations;
  if (caller.roles.Has(policy::Role::kSupervisor)) relations.Add(Relation::kReferring);
  for (const ReferralRecord& referral : referrals) {
    const policy::Relations to_it = RelationsOf(referral, caller);
    if (!MayReadForPath(referral, caller)) continue;
    relations.Add(Relation::kReferring);
    for (const Relation hands : {Relation::kUnitMember, Relation::kAssignee}) {
      if (to_it.Has(hands)) relations.Add(hands);
    }
  }
  return relations;
}

v1::Path ToPath(const PathRecord& path, const StepCourses& courses,
                const std::vector<ReferralRecord>& referrals, const policy::Caller& caller) {
  const auto readable = [&](const std::string& name) -> std::string {
    for (const ReferralRecord& referral : referrals) {
      if (referral.name() == name && MayReadForPath(referral, caller)) return name;
    }
    return {};
  };
  v1::Path view;
  view.set_name(path.name());
  view.set_etag(api::EtagOf(path.revision()));
  view.set_revision(path.revision());
  view.set_body(path.body());
  view.set_referral(readable(path.referral()));
  view.set_person(path.person());
  for (const PathStepRecord& step : path.steps()) {
    v1::PathStep& shown = *view.add_steps();
    shown.set_number(step.number());
    shown.set_theme(step.theme());
    shown.set_offer(step.offer());
    shown.set_state(StateOf(step, courses));
    shown.set_referral(readable(step.referral()));
    shown.set_draft(readable(step.draft()));
  }
  *view.mutable_create_time() = path.create_time();
  *view.mutable_update_time() = path.update_time();
  if (path.has_end_time()) *view.mutable_end_time() = path.end_time();
  view.set_end_reason(path.end_reason());
  return view;
}

bool IsPathName(std::string_view name) {
  return api::IsName(name, {"paths"});
}

}  // namespace waypost::referral
