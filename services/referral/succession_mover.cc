#include "services/referral/succession_mover.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "prometheus/registry.h"
#include "services/referral/breach_ledger.h"
#include "services/referral/correction_ledger.h"
#include "services/referral/enrolment_ledger.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/path_ledger.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/rights_repository.h"
#include "services/referral/succession_rules.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using command::BodyMove;
using storage::v1::NoteRecord;
using storage::v1::RightsRequestRecord;
using storage::v1::SuccessionMoveRecord;

constexpr absl::Duration kIdle = absl::Seconds(1);
constexpr uint32_t kMoveFormat = 1;
// Looked at for whose turn it is.
constexpr int kMaxOpenMoves = 1000;

bool SameReference(const rows::Holdings& a, const rows::Holdings& b, std::string_view body) {
  const auto* const one = a.OwnReferenceOf(body);
  const auto* const other = b.OwnReferenceOf(body);
  if (one == nullptr || other == nullptr) return one == other;
  return one->SerializeAsString() == other->SerializeAsString();
}

prometheus::Gauge& GaugeOf(const rpc::Environment& env, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*env.node.metrics.registry()).Add({});
}

// Is it one whose work goes on here? Where a referral began, and who holds it elsewhere, is no work.
bool WorksOn(const ReferralRecord& record, std::string_view body) {
  return record.referring().body() == body || record.receiving().body() == body ||
         record.coordinating_body() == body || record.forward_proposal().body() == body;
}

// Somebody attends, also where the referral has forgotten their place: it was sent again, or has ended since.
absl::StatusOr<bool> HasOpenEnrolment(const store::Reader& reader, const ReferralRecord& record,
                                      std::string_view provider) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(reader, record.name()));
  return std::any_of(enrolments.begin(), enrolments.end(), [&](const EnrolmentRecord& enrolment) {
    return enrolment.provider() == provider && HasPlace(enrolment.state());
  });
}

// All that came from the referral, whether it still names them or not.
absl::Status MoveEnrolments(rpc::Mutation& mutation, const policy::Authorized& as,
                            const ReferralRecord& current, const BodyMove& move) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(mutation.writer(), current.name()));
  for (const EnrolmentRecord& enrolment : enrolments) {
    if (enrolment.provider() != move.from) continue;
    WAYPOST_ASSIGN_OR_RETURN(const EnrolmentDecision moved,
                             DecideEnrolment(enrolment, enrolment::Succeed{move.to}, mutation.call().now));
    WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, as, &enrolment, moved));
  }
  return absl::OkStatus();
}

// Those of the offers in which it waits, or is offered a place, that whoever has it then does not deliver.
// The offer of a proposed forward goes by whom it is proposed to. A move to the same body: the referral
// stays.
absl::StatusOr<std::vector<std::string>> LostOffers(const BodyRegistry& bodies, const store::Reader& reader,
                                                    const ReferralRecord& current, const BodyMove& move) {
  std::vector<std::string> lost;
  const auto offers = OffersIn(current);
  if (offers.empty()) return lost;
  ReferralRecord next = current;
  MoveBodies({move}, next);
  for (const std::string& offer : offers) {
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies.FindOffer(reader, offer));
    const bool forward = current.forward_proposal().offer() == offer;
    const std::string& keeper = forward ? next.forward_proposal().body() : next.receiving().body();
    const std::string& kept_by = forward ? current.forward_proposal().body() : current.receiving().body();
    if (facts.provider == keeper || kept_by != move.from) continue;
    // Where the referral stays, an offer that nobody knows has not gone to another body.
    if (move.from != move.to || facts.exists) lost.push_back(offer);
  }
  return lost;
}

absl::Status MoveRights(store::Writer& writer, const ReferralRecord& current, const BodyMove& move,
                        absl::Time now) {
  ReferralRecord next = current;
  MoveBodies({move}, next);
  std::set<std::string> requests;
  for (const auto& mark : current.right_marks()) requests.insert(mark.request());
  for (const std::string& name : requests) {
    WAYPOST_ASSIGN_OR_RETURN(const RightsRequestRecord before, rows::GetRightsRequest(writer, name));
    RightsRequestRecord after = before;
    if (!MoveBodies({move}, next, after)) continue;
    after.set_revision(before.revision() + 1);
    *after.mutable_update_time() = api::ToTimestamp(now);
    rows::PutRightsRequest(writer, &before, after);
  }
  return absl::OkStatus();
}

// What is protected is in no figure, and is tried again all the same.
void NoteFailure(bool is_protected, int count, SuccessionMoveRecord& move) {
  if (count == 0) return;
  if (is_protected) {
    move.set_walks_again(true);
  } else {
    move.set_failed(move.failed() + count);
  }
}

}  // namespace

// One referral that moves; or one that stays, and leaves the lists of offers that went.
struct SuccessionMover::Plan {
  bool stays() const { return move.from == move.to; }

  std::string name;
  bool is_protected = false;  // and so in no number that somebody reads
  int64_t revision = 0;
  BodyMove move;
  rows::Holdings before;
  rows::Holdings after;
  std::vector<NoteRecord> notes;   // in place of those with their numbers
  std::optional<NoteRecord> note;  // a new one
};

SuccessionMover::SuccessionMover(const rpc::Environment& env, ReferralChange& change, Sealing& sealing,
                                 const BodyRegistry& bodies, MoverOptions options)
    : env_(env),
      change_(change),
      sealing_(sealing),
      bodies_(bodies),
      options_(options),
      moved_(prometheus::BuildCounter()
                 .Name("waypost_succession_moved_total")
                 .Help("Referrals moved to whoever stands in the place of a body")
                 .Register(*env.node.metrics.registry())
                 .Add({})),
      moving_(GaugeOf(env, "waypost_succession_moving", "1 while the work of a body moves, otherwise 0")),
      left_behind_(
          GaugeOf(env, "waypost_succession_left_behind",
                  "Open referrals of bodies that are no more which nobody took over, in the last walks")),
      failed_(
          GaugeOf(env, "waypost_succession_failed",
                  "Referrals that could not be moved in the last walks, and are tried again in the next")),
      thread_("successions", kIdle) {}

void SuccessionMover::Start() {
  thread_.Start([this] { return StepThenRest(); });
}

base::StepAndRest SuccessionMover::StepThenRest() {
  const absl::Time began = env_.node.clock.Now();
  const absl::StatusOr<MoverStep> step = Step();
  if (!step.ok() || !step->more) return {};
  return base::AtRate(step->looked_at, options_.rate, env_.node.clock.Now() - began);
}

absl::StatusOr<MoverStep> SuccessionMover::Step() {
  const absl::Time now = env_.node.clock.Now();
  std::vector<rows::OpenMove> open;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(*reader, now));
    WAYPOST_ASSIGN_OR_RETURN(open, rows::OpenMoves(*reader, day, kMaxOpenMoves));
  }
  if (open.empty()) moving_.Set(0);
  const rows::OpenMove* const next = Choose(open, now);
  if (next == nullptr) return MoverStep{};
  absl::StatusOr<MoverStep> step = Walk(*next, now);
  // What keeps one from going on at all keeps no other.
  if (!step.ok()) Rest(*next, now);
  return step;
}

const rows::OpenMove* SuccessionMover::Choose(const std::vector<rows::OpenMove>& open, absl::Time now) const {
  const auto key = [](const rows::OpenMove& move) { return std::pair(move.start_date, move.succession); };
  const auto from =
      std::find_if(open.begin(), open.end(), [&](const rows::OpenMove& move) { return key(move) >= turn_; });
  const auto first = static_cast<size_t>(from - open.begin());
  for (size_t i = 0; i < open.size(); ++i) {
    const rows::OpenMove& move = open[(first + i) % open.size()];
    const auto rests = not_before_.find(move.succession);
    if (rests == not_before_.end() || now >= rests->second) return &move;
  }
  return nullptr;
}

void SuccessionMover::PassOn(const rows::OpenMove& walked) {
  turn_ = {walked.start_date, walked.succession + '\0'};
  not_before_.erase(walked.succession);
}

void SuccessionMover::Rest(const rows::OpenMove& walked, absl::Time now) {
  PassOn(walked);
  not_before_[walked.succession] = now + options_.retry_after;
}

absl::StatusOr<MoverStep> SuccessionMover::Walk(const rows::OpenMove& open, absl::Time now) {
  turn_ = {open.start_date, open.succession};
  WAYPOST_ASSIGN_OR_RETURN(SuccessionMoveRecord move, Begin(open, now));
  std::vector<std::string> names;
  {
    // After the beginning: whatever is not in it comes to the successor.
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(names, rows::ListNames(*reader, move.after(), options_.batch));
  }
  const int64_t failed_before = move.failed();
  WAYPOST_ASSIGN_OR_RETURN(const auto plans, Prepare(names, now, move));
  const Carried carried = Carry(plans, now, move.succession());
  NoteFailure(/*is_protected=*/false, carried.failed, move);
  NoteFailure(/*is_protected=*/true, carried.failed_protected, move);
  const int failed_now = static_cast<int>(move.failed() - failed_before);
  Count(move, carried.moved_in_figures);
  const bool walked = static_cast<int>(names.size()) < options_.batch;
  const bool left_over = move.failed() > 0 || move.walks_again();
  // With the last batch of a walk: what else was the body's.
  if (walked) WAYPOST_RETURN_IF_ERROR(GiveAway(move, now));
  WAYPOST_RETURN_IF_ERROR(Note(std::move(move), names, now));
  if (walked && left_over) Rest(open, now);
  if (walked && !left_over) PassOn(open);
  return MoverStep{.looked_at = static_cast<int>(names.size()),
                   .moved = carried.moved,
                   .failed = failed_now,
                   .more = true};
}

void SuccessionMover::BeginAnew(store::Writer& writer, const rows::OpenMove& open,
                                SuccessionMoveRecord& move) {
  move.clear_end_time();
  move.clear_after();
  move.clear_looked_at();
  move.clear_left_behind();
  move.set_walk(move.walk() + 1);
  move.set_reopen_date(open.start_date);
  rows::PutMove(writer, move);
}

absl::StatusOr<SuccessionMoveRecord> SuccessionMover::Begin(const rows::OpenMove& open, absl::Time now) {
  SuccessionMoveRecord move;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<SuccessionMoveRecord> begun,
                             rows::GetMove(writer, open.succession));
    if (begun.has_value()) {
      move = *std::move(begun);
      if (move.has_end_time()) BeginAnew(writer, open, move);
      return rows::PutSuccessionDay(writer, open.start_date);
    }
    move.Clear();
    move.set_format_version(kMoveFormat);
    move.set_succession(open.succession);
    move.set_predecessor(open.predecessor);
    move.set_start_date(open.start_date);
    *move.mutable_begin_time() = api::ToTimestamp(now);
    move.set_walk(1);
    rows::PutMove(writer, move);
    return rows::PutSuccessionDay(writer, open.start_date);
  }));
  return move;
}

absl::StatusOr<std::vector<std::shared_ptr<const SuccessionMover::Plan>>> SuccessionMover::Prepare(
    const std::vector<std::string>& names, absl::Time now, SuccessionMoveRecord& move) {
  std::vector<std::shared_ptr<const Plan>> plans;
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(*reader, now));
  WAYPOST_ASSIGN_OR_RETURN(const bool no_more,
                           rows::IsNoMore(*reader, move.predecessor(), move.succession(), day));
  for (const std::string& name : names) {
    const absl::StatusOr<ReferralRecord> read = rows::Get(*reader, name);
    if (!read.ok()) {
      move.set_failed(move.failed() + 1);
      continue;
    }
    const ReferralRecord& record = *read;
    const std::vector<std::string> bodies = BodiesOf(record);
    if (std::find(bodies.begin(), bodies.end(), move.predecessor()) == bodies.end()) continue;
    bool works = WorksOn(record, move.predecessor());
    if (works && !IsOpenWork(record)) {
      WAYPOST_ASSIGN_OR_RETURN(works, HasOpenEnrolment(*reader, record, move.predecessor()));
    }
    WAYPOST_ASSIGN_OR_RETURN(
        std::optional<Successor> successor,
        bodies_.FindSuccessor(*reader, move.predecessor(), record.theme(), record.territory(), now));
    const bool left = !successor.has_value() && works && no_more;
    if (left && !IsProtected(record)) move.set_left_behind(move.left_behind() + 1);
    if (!successor.has_value() || (!successor->whole && !works)) {
      if (no_more) continue;
      WAYPOST_ASSIGN_OR_RETURN(const auto stays, PrepareStay(*reader, record, move.predecessor()));
      if (stays != nullptr) plans.push_back(stays);
      continue;
    }
    BodyMove body{
        .from = move.predecessor(), .to = std::move(successor->body), .units = std::move(successor->units)};
    absl::StatusOr<std::shared_ptr<const Plan>> plan = PrepareOne(*reader, record, std::move(body), now);
    if (!plan.ok()) NoteFailure(IsProtected(record), 1, move);
    if (plan.ok()) plans.push_back(*std::move(plan));
  }
  return plans;
}

// Offers may go with a competence of which the referral is not: by their theme or their place.
absl::StatusOr<std::shared_ptr<const SuccessionMover::Plan>> SuccessionMover::PrepareStay(
    const store::Reader& reader, const ReferralRecord& record, const std::string& body) {
  BodyMove stay{.from = body, .to = body};
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> lost, LostOffers(bodies_, reader, record, stay));
  if (lost.empty()) return nullptr;
  return std::make_shared<const Plan>(Plan{.name = record.name(),
                                           .is_protected = IsProtected(record),
                                           .revision = record.revision(),
                                           .move = std::move(stay),
                                           .before = rows::Holdings::OfNew(record.name()),
                                           .after = rows::Holdings::OfNew(record.name()),
                                           .notes = {},
                                           .note = std::nullopt});
}

absl::StatusOr<std::shared_ptr<const SuccessionMover::Plan>> SuccessionMover::PrepareOne(
    const store::Reader& reader, const ReferralRecord& record, BodyMove body, absl::Time now) {
  const std::string& name = record.name();
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, name));
  auto plan = std::make_shared<Plan>(Plan{.name = name,
                                          .is_protected = IsProtected(record),
                                          .revision = record.revision(),
                                          .move = std::move(body),
                                          .before = holdings,
                                          .after = holdings,
                                          .notes = {},
                                          .note = std::nullopt});
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<NoteRecord> notes, rows::ListNotes(reader, name, 0, kMaxNotes));
  WAYPOST_ASSIGN_OR_RETURN(Inheritance inheritance,
                           sealing_.Inherit(name, plan->move.from, plan->move.to, notes, now, plan->after));
  // By the predecessor's key nobody finds a person any longer.
  plan->after.ErasePersonLookups(
      [&plan](const rows::PersonLookup& lookup) { return lookup.body == plan->move.from; });
  if (IsProtected(record)) plan->after.HideFromSearch();
  plan->notes = std::move(inheritance.notes);
  // Where there is no room for another note, the reference that is not looked up by any longer is given up.
  ReferralRecord next = record;
  const absl::StatusOr<uint32_t> number = TakeNoteNumber(next);
  if (inheritance.spare_reference.empty() || !number.ok()) return plan;
  NoteRecord& note = plan->note.emplace();
  note.set_format_version(kRecordFormat);
  note.set_number(*number);
  note.set_kind(v1::NOTE_KIND_NOTE);
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  note.set_body(plan->move.to);
  *note.mutable_create_time() = api::ToTimestamp(now);
  note.set_event(std::string(EventName(Event::kSucceed)));
  WAYPOST_ASSIGN_OR_RETURN(const SealedContent sealed,
                           sealing_.SealNote(name, {.referring = plan->move.to, .receiving = {}}, false,
                                             plan->after.wraps(), inheritance.spare_reference, now, note));
  for (const Wrap& wrap : sealed.wraps) plan->after.Put(wrap);
  return plan;
}

SuccessionMover::Carried SuccessionMover::Carry(const std::vector<std::shared_ptr<const Plan>>& plans,
                                                absl::Time now, const std::string& succession) {
  const std::vector<absl::Status> results = rpc::SystemChangesAndWait(
      env_, kSuccessions, now, plans.size(),
      [&](size_t i, rpc::Mutation& mutation) { return CarryOne(mutation, *plans[i], succession); });
  Carried carried;
  for (size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = *plans[i];
    if (!results[i].ok()) {
      ++(plan.is_protected ? carried.failed_protected : carried.failed);
    } else if (!plan.stays()) {
      ++carried.moved;
      if (!plan.is_protected) ++carried.moved_in_figures;
    }
  }
  return carried;
}

absl::Status SuccessionMover::CarryOne(rpc::Mutation& mutation, const Plan& plan,
                                       const std::string& succession) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(ReferralRecord current, rows::Get(writer, plan.name));
  if (current.revision() != plan.revision) return rpc::PrepareAgain();
  if (plan.stays()) return LeaveLists(mutation, current, plan.move);
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(writer, plan.name));
  const bool same = SameWraps(plan.before.wraps(), holdings.wraps()) &&
                    SameReference(plan.before, holdings, plan.move.from) &&
                    SameReference(plan.before, holdings, plan.move.to);
  if (!same) return rpc::PrepareAgain();
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = plan.name, .relations = {policy::Relation::kAnyone}}));
  plan.after.Save(writer);
  for (const NoteRecord& note : plan.notes) rows::PutNote(writer, plan.name, note);
  WAYPOST_RETURN_IF_ERROR(MoveEnrolments(mutation, as, current, plan.move));
  WAYPOST_RETURN_IF_ERROR(MoveRights(writer, current, plan.move, mutation.call().now));
  WAYPOST_RETURN_IF_ERROR(MoveBreach(mutation, as, current, plan.move));
  WAYPOST_RETURN_IF_ERROR(MovePaths(mutation, as, bodies_, plan.move, current));
  WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> lost, LostOffers(bodies_, writer, current, plan.move));
  WAYPOST_RETURN_IF_ERROR(
      change_.RunAsSystem(mutation, as, current, command::Succeed{{plan.move}, std::move(lost)}, plan.note));
  WAYPOST_ASSIGN_OR_RETURN(std::optional<SuccessionMoveRecord> move, rows::GetMove(writer, succession));
  if (!move.has_value()) return absl::InternalError("a succession moves that has not begun");
  // What is protected is in no number that somebody reads.
  if (!IsProtected(current)) move->set_moved(move->moved() + 1);
  rows::PutMove(writer, *move);
  return absl::OkStatus();
}

absl::Status SuccessionMover::LeaveLists(rpc::Mutation& mutation, const ReferralRecord& current,
                                         const BodyMove& stay) {
  WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> lost,
                           LostOffers(bodies_, mutation.writer(), current, stay));
  if (lost.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(
      const policy::Authorized as,
      mutation.Authorize({.name = current.name(), .relations = {policy::Relation::kAnyone}}));
  return change_.RunAsSystem(mutation, as, current, command::Succeed{{}, std::move(lost)});
}

// Correction tasks of a body that is no more. One that is there still keeps its entries, and its tasks, but
// for those of offers that went.
absl::Status SuccessionMover::GiveAway(const SuccessionMoveRecord& move, absl::Time now) {
  bool no_more = false;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(*reader, now));
    WAYPOST_ASSIGN_OR_RETURN(no_more, rows::IsNoMore(*reader, move.predecessor(), move.succession(), day));
  }
  const Predecessor predecessor = no_more ? Predecessor::kIsNoMore : Predecessor::kGoesOn;
  std::string position;
  do {
    std::string next;
    WAYPOST_RETURN_IF_ERROR(
        rpc::SystemChangeAndWait(env_, kSuccessions, now, [&](rpc::Mutation& mutation) -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(next, GiveAwayCorrections(mutation, bodies_, move.predecessor(),
                                                             predecessor, position, options_.batch));
          return absl::OkStatus();
        }));
    position = std::move(next);
  } while (!position.empty());
  return absl::OkStatus();
}

void SuccessionMover::Count(const SuccessionMoveRecord& move, int moved) {
  moved_.Increment(moved);
  moving_.Set(1);
  last_walks_[move.succession()] = {.left_behind = move.left_behind(), .failed = move.failed()};
  LastWalk all;
  for (const auto& [succession, walk] : last_walks_) {
    all.left_behind += walk.left_behind;
    all.failed += walk.failed;
  }
  left_behind_.Set(static_cast<double>(all.left_behind));
  failed_.Set(static_cast<double>(all.failed));
}

// Remembers how far the walk is, and ends it, or begins another one.
absl::Status SuccessionMover::Note(SuccessionMoveRecord move, const std::vector<std::string>& names,
                                   absl::Time now) {
  move.set_looked_at(move.looked_at() + static_cast<int64_t>(names.size()));
  const bool walked = static_cast<int>(names.size()) < options_.batch;
  if (!walked) move.set_after(names.back());
  const bool again = move.failed() > 0 || move.walks_again();
  if (walked && !again) *move.mutable_end_time() = api::ToTimestamp(now);
  if (walked && again) {
    move.clear_after();
    // A walk more for what is protected alone would tell of it.
    if (move.failed() > 0) move.set_walk(move.walk() + 1);
    move.clear_walks_again();
    move.clear_looked_at();
    move.clear_left_behind();
    move.clear_failed();
  }
  return store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<SuccessionMoveRecord> now_there,
                             rows::GetMove(writer, move.succession()));
    // Counted by each as it moved.
    if (now_there.has_value()) move.set_moved(now_there->moved());
    rows::PutMove(writer, move);
    return absl::OkStatus();
  });
}

}  // namespace waypost::referral
