#include "services/referral/path_change.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/part_rows.h"
#include "services/referral/path_ledger.h"
#include "services/referral/path_repository.h"
#include "services/referral/path_validation.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_reach.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::PathStepRecord;
using storage::v1::ReferralRecord;

// An offer that is not there is a slip. Whether it takes anybody is asked when the step is taken.
absl::Status CheckOffers(const BodyRegistry& bodies, const store::Reader& reader, absl::Time now,
                         const google::protobuf::RepeatedPtrField<v1::PathStep>& steps) {
  error::FieldViolations wrong;
  for (int i = 0; i < steps.size(); ++i) {
    if (steps[i].offer().empty()) continue;
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies.FindOffer(reader, steps[i].offer()));
    if (!offer.exists) {
      wrong.Add(base::Cat("steps[", i, "].offer"),
                base::Cat("'", steps[i].offer(), "' is not in the directory: look it up with ListOffers"));
    }
  }
  // A newer replica may know it.
  if (!wrong.empty()) WAYPOST_RETURN_IF_ERROR(bodies.CheckFresh(now));
  return wrong.ToStatus();
}

// A right must reach all that hangs together, parts of which it is said whose they are included.
absl::Status CheckReach(const store::Reader& reader, std::string_view referral) {
  return ChainsReached(reader, referral, rows::kAnybody, kMaxReachOfPaths).status();
}

// One open path of a body for a person, whichever referral of all that hang together it is of; and not too
// many that it has led from one referral, erased ones included: a right must reach all of them. Those of the
// other side are not its to know of.
absl::Status CheckNoOther(const store::Reader& reader, std::string_view body, const ReferralRecord& referral,
                          uint32_t person) {
  WAYPOST_ASSIGN_OR_RETURN(const auto chain, rows::Chain(reader, referral.name(), kMaxReachOfPaths));
  WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPathsOf(reader, body, chain));
  const auto other = open.find(person);
  if (other != open.end()) return PathOpen(referral.name(), other->second);
  WAYPOST_RETURN_IF_ERROR(CheckReach(reader, referral.name()));
  WAYPOST_ASSIGN_OR_RETURN(const auto links, rows::LinksOfReferral(reader, referral.name()));
  int own = 0;
  for (const rows::PathLink& link : links) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string leader, LeaderOf(reader, referral, link));
    own += leader == body ? 1 : 0;
  }
  if (own < kMaxPathsOfReferral) return absl::OkStatus();
  return error::LimitExceeded("paths of a referral", kMaxPathsOfReferral, own + 1);
}

const PathStepRecord* FindStep(const PathRecord& path, uint32_t number) {
  for (const PathStepRecord& step : path.steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

// The person as the source has her; what is disclosed, and why, is another matter for each recipient.
v1::Person PersonOf(const ReferralRecord& source, uint32_t number, const v1::Disclosure& disclosure) {
  const v1::Person* const held = FindPerson(source, number);
  v1::Person person = held == nullptr ? v1::Person() : *held;
  person.clear_outcome();
  person.clear_voided_outcomes();
  *person.mutable_disclosure() = disclosure;
  return person;
}

// In place of the submission: the draft of it.
void MakeDraftOf(Asked& asked) {
  const std::shared_ptr<const command::Create> created = std::get<command::Submit>(asked.command).created;
  asked.command = *created;
}

// One live draft a step. Who may not read it is not told its name.
absl::Status CheckNotDrafted(const HeldPath& path, uint32_t number, const policy::Caller& caller) {
  const PathStepRecord* const step = FindStep(path.record, number);
  if (step == nullptr || step->draft().empty()) return absl::OkStatus();
  const v1::Path shown = path.View(caller);
  for (const v1::PathStep& each : shown.steps()) {
    if (each.number() == number) return StepToBeApproved(path.record.name(), number, each.draft());
  }
  return absl::OkStatus();
}

// What goes along, to be compared when the draft is approved and sent.
std::vector<storage::v1::PathSourceRecord> SourceRecords(const std::vector<StepSource>& sources) {
  std::vector<storage::v1::PathSourceRecord> records;
  for (const StepSource& source : sources) {
    for (const v1::SectionKind section : source.sections) {
      storage::v1::PathSourceRecord& record = records.emplace_back();
      record.set_referral(source.referral->name());
      record.set_section(section);
    }
  }
  return records;
}

// Of a draft that nobody can send any longer.
v1::CancelReason CancelReasonOf(v1::PathEndReason reason) {
  switch (reason) {
    case v1::PATH_END_REASON_GOAL_REACHED:
      return v1::CANCEL_REASON_NEED_MET;
    case v1::PATH_END_REASON_PERSON_STOPPED:
      return v1::CANCEL_REASON_PERSON_WITHDREW;
    case v1::PATH_END_REASON_MOVED_AWAY:
      return v1::CANCEL_REASON_MOVED_AWAY;
    case v1::PATH_END_REASON_REPLACED:
      return v1::CANCEL_REASON_DUPLICATE;
    default:
      return v1::CANCEL_REASON_OTHER;
  }
}

template <typename Request>
absl::StatusOr<Authorized> Authorize(rpc::Mutation& mutation, const Request& request, const HeldPath& path) {
  return mutation.Authorize({.name = request.name(),
                             .relations = path.RelationsOf(mutation.caller()),
                             .revision = path.record.revision(),
                             .etag = request.etag()});
}

// Decides and writes; `path` is as it is then.
absl::Status Carry(rpc::Mutation& mutation, const Authorized& as, const PathCommand& command,
                   HeldPath& path) {
  WAYPOST_ASSIGN_OR_RETURN(PathDecision decision,
                           DecidePath(path.record, path.courses, command, mutation.call().now));
  WAYPOST_RETURN_IF_ERROR(WritePath(mutation, as, &path.record, decision));
  path.record = std::move(decision.next);
  return absl::OkStatus();
}

// Was it prepared from these very sources, as they are now? What nothing goes along from may change.
absl::StatusOr<bool> IsUpToDate(const store::Reader& reader, const PreparedStep& prepared,
                                const std::vector<StepSource>& sources) {
  if (!prepared.made) return false;
  size_t compared = 0;
  for (const StepSource& source : sources) {
    if (source.sections.empty()) continue;
    if (compared == prepared.sources.size()) return false;
    const PreparedStep::Source& before = prepared.sources[compared++];
    const ReferralRecord& now = *source.referral;
    if (before.referral != now.name() || before.revision != now.revision()) return false;
    WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, now.name()));
    if (!SameWraps(before.based_on, holdings.wraps())) return false;
  }
  return compared == prepared.sources.size();
}

}  // namespace

absl::StatusOr<HeldPath> HoldPath(const store::Reader& reader, std::string_view name) {
  HeldPath held;
  WAYPOST_ASSIGN_OR_RETURN(held.record, rows::GetPath(reader, name));
  WAYPOST_ASSIGN_OR_RETURN(held.referrals, rows::ReferralsOfPath(reader, name));
  WAYPOST_ASSIGN_OR_RETURN(held.courses, rows::CoursesOf(reader, held.record));
  return held;
}

absl::Status PathChange::Create(rpc::Mutation& mutation, const v1::CreatePathRequest& request,
                                const std::string& name, v1::Path& response) {
  store::Writer& writer = mutation.writer();
  const policy::Caller& caller = mutation.caller();
  const absl::Time now = mutation.call().now;
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(writer, request.referral()));
  WAYPOST_ASSIGN_OR_RETURN(
      const Authorized as,
      mutation.Authorize({.name = request.referral(), .relations = RelationsOf(referral, caller)}));
  WAYPOST_RETURN_IF_ERROR(CheckMayBegin(referral, request.person(), as));
  WAYPOST_RETURN_IF_ERROR(CheckNoOther(writer, caller.body, referral, request.person()));
  WAYPOST_RETURN_IF_ERROR(CheckOffers(change_.clockwork().bodies, writer, now, request.steps()));
  const PathDecision decision = OpenPath({.name = name,
                                          .body = caller.body,
                                          .referral = request.referral(),
                                          .person = request.person(),
                                          .steps = {request.steps().begin(), request.steps().end()}},
                                         now);
  const bool referring = referral.referring().body() == caller.body;
  rows::PutPathLink(writer, {.path = name,
                             .referral = referral.name(),
                             .kind = referring ? storage::v1::PATH_LINK_KIND_BEGAN_REFERRING
                                               : storage::v1::PATH_LINK_KIND_BEGAN_RECEIVING});
  WAYPOST_RETURN_IF_ERROR(WritePath(mutation, as, nullptr, decision));
  response = ToPath(decision.next, {}, {referral}, caller);
  return absl::OkStatus();
}

absl::Status PathChange::Update(rpc::Mutation& mutation, const v1::UpdatePathRequest& request,
                                v1::Path& response) {
  WAYPOST_ASSIGN_OR_RETURN(HeldPath path, HoldPath(mutation.writer(), request.name()));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as, Authorize(mutation, request, path));
  WAYPOST_RETURN_IF_ERROR(
      CheckOffers(change_.clockwork().bodies, mutation.writer(), mutation.call().now, request.steps()));
  const path::Update update{{request.steps().begin(), request.steps().end()}};
  WAYPOST_RETURN_IF_ERROR(Carry(mutation, as, update, path));
  response = path.View(mutation.caller());
  return absl::OkStatus();
}

absl::Status PathChange::End(rpc::Mutation& mutation, const v1::EndPathRequest& request, v1::Path& response) {
  WAYPOST_ASSIGN_OR_RETURN(HeldPath path, HoldPath(mutation.writer(), request.name()));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as, Authorize(mutation, request, path));
  std::vector<FollowUp> drafts;
  for (const PathStepRecord& step : path.record.steps()) {
    if (!step.draft().empty()) {
      drafts.push_back({step.draft(), command::Cancel{CancelReasonOf(request.reason())}});
    }
  }
  WAYPOST_RETURN_IF_ERROR(Carry(mutation, as, path::End{request.reason()}, path));
  WAYPOST_RETURN_IF_ERROR(CarryOut(mutation, as, change_.clockwork(), drafts));
  response = path.View(mutation.caller());
  return absl::OkStatus();
}

absl::StatusOr<PreparedStep> PathChange::Prepare(const rpc::Call& call, const store::Reader& reader,
                                                 const v1::TakeStepRequest& request,
                                                 const std::string& name) {
  PreparedStep prepared;
  const absl::StatusOr<HeldPath> path = HoldPath(reader, request.name());
  if (!path.ok()) return prepared;
  const auto as = call.Authorize(path->RelationsOf(*call.caller), request.name());
  if (!as.ok()) return prepared;
  const path::TakeStep take{.step = request.step(), .referral = name};
  if (!DecidePath(path->record, path->courses, take, call.now).ok()) return prepared;
  const auto kinds = SectionsOfStep(request, *call.caller);
  if (!kinds.ok()) return prepared;
  const auto sources = SourcesOf(path->record, path->referrals, *kinds);
  if (!sources.ok()) return prepared;
  prepared.made = true;
  google::protobuf::RepeatedPtrField<v1::PersonSections> sections;
  v1::PersonSections& along = *sections.Add();
  along.set_person(path->record.person());
  for (const StepSource& source : *sources) {
    WAYPOST_RETURN_IF_ERROR(AddFrom(reader, path->record, source, prepared, along));
  }
  if (request.has_screening()) *along.mutable_screening() = request.screening();
  prepared.filled = FilledIn(sections);
  WAYPOST_ASSIGN_OR_RETURN(Asked asked, SubmissionFor(reader, *call.caller, request, *path,
                                                      *sources->front().referral, name, prepared.filled));
  asked.sections = &sections;
  const auto how = HowToSend(call, reader, *as, asked);
  // The transaction says why not; it may know better.
  prepared.how = how.ok() ? *how : Sending::kAtOnce;
  Sides sides{.referring = path->record.body(), .receiving = {}};
  if (prepared.how == Sending::kAtOnce) {
    sides.receiving = request.receiving().body();
  } else {
    MakeDraftOf(asked);
  }
  WAYPOST_ASSIGN_OR_RETURN(prepared.sealed, change_.PrepareNew(call, asked, sides));
  return prepared;
}

absl::StatusOr<Sending> PathChange::HowToSend(const rpc::Call& call, const store::Reader& reader,
                                              const Authorized& as, const Asked& asked) const {
  const Clockwork& by = change_.clockwork();
  const ReferralRecord none;
  WAYPOST_ASSIGN_OR_RETURN(const Command command,
                           WithDirectory(by.bodies, reader, call, asked.command, none));
  WAYPOST_ASSIGN_OR_RETURN(const Moment moment,
                           MomentOf(by.bodies, reader, call.now, by.clocks, command, none));
  const absl::Status decided = Decide(none, command, as, moment).status();
  if (error::ReasonOf(decided) == "APPROVAL_MISSING") return Sending::kOnceApproved;
  WAYPOST_RETURN_IF_ERROR(decided);
  return Sending::kAtOnce;
}

absl::Status PathChange::AddFrom(const store::Reader& reader, const PathRecord& path,
                                 const StepSource& source, PreparedStep& prepared,
                                 v1::PersonSections& along) {
  if (source.sections.empty()) return absl::OkStatus();
  const std::string& name = source.referral->name();
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, name));
  prepared.sources.push_back(
      {.referral = name, .revision = source.referral->revision(), .based_on = holdings.wraps()});
  google::protobuf::RepeatedPtrField<v1::Person> persons;
  v1::Person& person = *persons.Add();
  person.set_number(path.person());
  for (const v1::SectionKind section : source.sections) person.mutable_disclosure()->add_sections(section);
  WAYPOST_ASSIGN_OR_RETURN(auto opened,
                           change_.OpenHeld(reader, name, holdings.wraps(), path.body(), persons));
  const bool screens = std::find(source.sections.begin(), source.sections.end(),
                                 v1::SECTION_KIND_SCREENING) != source.sections.end();
  for (v1::PersonSections& held : opened) {
    // It is opened with all that is.
    if (!screens) held.clear_screening();
    along.MergeFrom(held);
  }
  return absl::OkStatus();
}

absl::StatusOr<Asked> PathChange::SubmissionFor(const store::Reader& reader, const policy::Caller& caller,
                                                const v1::TakeStepRequest& request, const HeldPath& path,
                                                const ReferralRecord& source, const std::string& name,
                                                const std::vector<FilledSections>& filled) const {
  v1::SubmitReferralRequest submission = SubmissionOf(request);
  v1::Referral& referral = *submission.mutable_referral();
  const PathStepRecord* const step = FindStep(path.record, request.step());
  if (step != nullptr) {
    referral.set_theme(step->theme());
    if (request.offer().empty()) referral.set_offer(step->offer());
  }
  referral.clear_persons();
  *referral.add_persons() = PersonOf(source, path.record.person(), request.disclosure());
  // It is with the unit that has the person's case. Who is not of that unit, and no supervisor, has it
  // herself; so has anybody where that unit is closed.
  const bool refers = source.referring().body() == path.record.body();
  const std::string& unit = refers ? source.referring().unit() : source.receiving().unit();
  const bool knows_unit = caller.roles.Has(policy::Role::kSupervisor) || caller.MemberOf(unit);
  if (!unit.empty() && knows_unit) {
    WAYPOST_ASSIGN_OR_RETURN(const UnitFacts facts, change_.clockwork().bodies.FindUnit(reader, unit));
    if (facts.active) referral.mutable_referring()->set_unit(unit);
  }
  command::Submit submit = SubmitOf(submission, name);
  auto created = std::make_shared<command::Create>(*submit.created);
  created->filled = filled;
  created->path = path.record.name();
  submit.created = std::move(created);
  Asked asked;
  asked.command = std::move(submit);
  return asked;
}

absl::Status PathChange::Take(rpc::Mutation& mutation, const v1::TakeStepRequest& request,
                              const std::string& name, const PreparedStep& prepared,
                              v1::TakeStepResponse& response) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(HeldPath path, HoldPath(writer, request.name()));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as, Authorize(mutation, request, path));
  WAYPOST_RETURN_IF_ERROR(CheckNotDrafted(path, request.step(), mutation.caller()));
  const path::TakeStep take{.step = request.step(), .referral = name};
  WAYPOST_ASSIGN_OR_RETURN(PathDecision decision,
                           DecidePath(path.record, path.courses, take, mutation.call().now));
  WAYPOST_ASSIGN_OR_RETURN(const auto kinds, SectionsOfStep(request, mutation.caller()));
  WAYPOST_ASSIGN_OR_RETURN(const auto sources, SourcesOf(path.record, path.referrals, kinds));
  const ReferralRecord& source = *sources.front().referral;
  const auto taken = static_cast<int>(path.referrals.size());
  if (taken >= kMaxPathReferrals) {
    return error::LimitExceeded("referrals of a path", kMaxPathReferrals, taken + 1);
  }
  WAYPOST_RETURN_IF_ERROR(CheckReach(writer, source.name()));
  WAYPOST_ASSIGN_OR_RETURN(const bool up_to_date, IsUpToDate(writer, prepared, sources));
  if (!up_to_date) return rpc::PrepareAgain();
  WAYPOST_ASSIGN_OR_RETURN(
      Asked asked, SubmissionFor(writer, mutation.caller(), request, path, source, name, prepared.filled));
  const absl::StatusOr<Sending> how = HowToSend(mutation.call(), writer, as, asked);
  if (!how.ok()) return InFieldsOfStep(how.status());
  if (*how != prepared.how) return rpc::PrepareAgain();
  if (*how == Sending::kOnceApproved) {
    WAYPOST_ASSIGN_OR_RETURN(auto today, SourcesToday(writer, path.record.person(), SourceRecords(sources)));
    const path::DraftStep draft{.step = request.step(), .draft = name, .sources = std::move(today)};
    WAYPOST_ASSIGN_OR_RETURN(decision, DecidePath(path.record, path.courses, draft, mutation.call().now));
    MakeDraftOf(asked);
  }
  WAYPOST_RETURN_IF_ERROR(
      InFieldsOfStep(change_.RunNew(mutation, as, asked, prepared.sealed, *response.mutable_referral())));
  WAYPOST_RETURN_IF_ERROR(WritePath(mutation, as, &path.record, decision));
  rows::PutPathLink(writer,
                    {.path = request.name(), .referral = name, .kind = storage::v1::PATH_LINK_KIND_STEP});
  WAYPOST_ASSIGN_OR_RETURN(path, HoldPath(writer, request.name()));
  *response.mutable_path() = path.View(mutation.caller());
  return absl::OkStatus();
}

}  // namespace waypost::referral
