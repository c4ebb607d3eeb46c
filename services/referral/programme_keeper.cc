#include "services/referral/programme_keeper.h"

#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "prometheus/registry.h"
#include "services/referral/enrolment_ledger.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral {
namespace {

constexpr absl::Duration kIdle = absl::Seconds(1);
constexpr std::string_view kProgrammesPrefix = "programmes/";

prometheus::Gauge& GaugeOf(const rpc::Environment& env, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*env.node.metrics.registry()).Add({});
}

}  // namespace

ProgrammeKeeper::ProgrammeKeeper(const rpc::Environment& env, ReferralChange& change,
                                 ProgrammeKeeperOptions options)
    : env_(env),
      change_(change),
      options_(options),
      changed_(prometheus::BuildCounter()
                   .Name("waypost_programme_marked_total")
                   .Help("Referrals and enrolments of which it was noted that a programme ends, or does "
                         "not any longer")
                   .Register(*env.node.metrics.registry())
                   .Add({})),
      walking_(GaugeOf(env, "waypost_programme_walking",
                       "1 while what is open under programmes is looked at, otherwise 0")),
      failed_(
          GaugeOf(env, "waypost_programme_failed",
                  "Referrals or enrolments that could not be looked at in this walk, and are tried again")),
      thread_("programmes", kIdle) {}

void ProgrammeKeeper::Start() {
  thread_.Start([this] { return StepThenRest(); });
}

base::StepAndRest ProgrammeKeeper::StepThenRest() {
  const absl::Time began = env_.node.clock.Now();
  const absl::StatusOr<ProgrammeStep> step = Step();
  if (!step.ok() || !step->more) return {};
  return base::AtRate(step->looked_at, options_.rate, env_.node.clock.Now() - began);
}

absl::StatusOr<ProgrammeStep> ProgrammeKeeper::Step() {
  const absl::Time now = env_.node.clock.Now();
  // Later than it ever waits: the clock was put back since.
  if (not_before_ > now + options_.retry_after) not_before_ = absl::InfinitePast();
  if (now < not_before_) return ProgrammeStep{};
  WAYPOST_RETURN_IF_ERROR(AskForFirst());
  std::optional<rows::ProgrammeWalk> walk;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(walk, rows::NextWalk(*reader, turn_));
  }
  walking_.Set(walk.has_value() ? 1 : 0);
  if (!walk.has_value()) return ProgrammeStep{};
  const bool programme = walk->resource.starts_with(kProgrammesPrefix);
  return programme ? WalkProgramme(*std::move(walk)) : WalkBatch(*std::move(walk), now);
}

// What was there before there was a row for it.
absl::Status ProgrammeKeeper::AskForFirst() {
  if (asked_for_first_) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(const bool lacks, rows::LacksFirstWalks(*reader));
  if (lacks) {
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(
        env_.store, [](store::Writer& writer) { return rows::AskForFirstWalks(writer); }));
  }
  asked_for_first_ = true;
  return absl::OkStatus();
}

// Asks for the walks of each of its offers.
absl::StatusOr<ProgrammeStep> ProgrammeKeeper::WalkProgramme(rows::ProgrammeWalk walk) {
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(
        const std::vector<std::string> offers,
        rows::ListOffersUnder(writer, walk.resource, walk.record.after(), options_.batch));
    for (const std::string& offer : offers) {
      WAYPOST_RETURN_IF_ERROR(rows::AskForWalksOf(writer, offer));
    }
    rows::ProgrammeWalk next = walk;
    if (!offers.empty()) next.record.set_after(offers.back());
    return rows::NoteWalk(writer, next, static_cast<int>(offers.size()) < options_.batch).status();
  }));
  return ProgrammeStep{.more = true};
}

absl::StatusOr<std::vector<std::string>> ProgrammeKeeper::NextNames(const rows::ProgrammeWalk& walk) {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  const std::string& after = walk.record.after();
  if (walk.resource == rows::kAllReferrals) return rows::ListNames(*reader, after, options_.batch);
  if (walk.resource == rows::kAllEnrolments) return rows::ListEnrolmentNames(*reader, after, options_.batch);
  const std::optional<std::string> offer = rows::OfferOfEnrolments(walk.resource);
  if (offer.has_value()) return rows::ListEnrolmentsUnder(*reader, *offer, after, options_.batch);
  return rows::ListUnder(*reader, walk.resource, after, options_.batch);
}

absl::StatusOr<ProgrammeStep> ProgrammeKeeper::WalkBatch(rows::ProgrammeWalk walk, absl::Time now) {
  const bool all = walk.resource == rows::kAllReferrals || walk.resource == rows::kAllEnrolments;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, NextNames(walk));
  ProgrammeStep step = Look(names, all, now);
  changed_.Increment(step.changed);
  walk.record.set_failed(walk.record.failed() + step.failed);
  failed_.Set(static_cast<double>(walk.record.failed()));
  const bool walked = static_cast<int>(names.size()) < options_.batch;
  if (!names.empty()) walk.record.set_after(names.back());
  if (step.walks_again) walk.record.set_walks_again(true);
  const bool again = walked && (walk.record.failed() > 0 || walk.record.walks_again());
  if (again) {
    walk.record.clear_after();
    walk.record.clear_failed();
    walk.record.clear_walks_again();
    not_before_ = now + options_.retry_after;
  }
  if (walked) turn_ = walk.resource;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) {
    return rows::NoteWalk(writer, walk, walked && !again).status();
  }));
  return step;
}

ProgrammeStep ProgrammeKeeper::Look(const std::vector<std::string>& names, bool index, absl::Time now) {
  std::vector<Looked> looked(names.size());
  const std::vector<absl::Status> results =
      rpc::SystemChangesAndWait(env_, kProgrammes, now, names.size(), [&](size_t i, rpc::Mutation& mutation) {
        return IsEnrolmentName(names[i]) ? LookAtEnrolment(mutation, names[i], index, looked[i])
                                         : LookAtReferral(mutation, names[i], index, looked[i]);
      });
  ProgrammeStep step{.looked_at = static_cast<int>(names.size()), .more = true};
  for (size_t i = 0; i < names.size(); ++i) {
    if (!results[i].ok()) step.walks_again = true;
    if (looked[i].is_protected) continue;
    if (!results[i].ok()) ++step.failed;
    if (results[i].ok() && looked[i].changed) ++step.changed;
  }
  return step;
}

absl::Status ProgrammeKeeper::LookAtReferral(rpc::Mutation& mutation, const std::string& name, bool index,
                                             Looked& looked) {
  looked = {};
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord current, rows::Get(writer, name));
  looked.is_protected = IsProtected(current);
  if (index) rows::PutUnder(writer, current);
  WAYPOST_ASSIGN_OR_RETURN(const ProgrammeEnds ends, ProgrammeEndsOf(change_.clockwork().bodies, writer,
                                                                     command::ProgrammeEnding{}, current));
  const std::optional<Command> command = WhatEnds(current, ends);
  if (!command.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = name, .relations = {policy::Relation::kAnyone}}));
  WAYPOST_RETURN_IF_ERROR(change_.RunAsSystem(mutation, as, current, *command));
  looked.changed = true;
  return absl::OkStatus();
}

// Nobody is enrolled from a protected referral, so each may be counted.
absl::Status ProgrammeKeeper::LookAtEnrolment(rpc::Mutation& mutation, const std::string& name, bool index,
                                              Looked& looked) {
  looked = {};
  store::Writer& writer = mutation.writer();
  const absl::StatusOr<EnrolmentRecord> current = rows::GetEnrolment(writer, name);
  // Erased since its row was read.
  if (absl::IsNotFound(current.status())) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(current.status());
  if (index) rows::PutEnrolmentUnder(writer, *current);
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<ProgrammeEndFacts> end,
                           ProgrammeEndOf(change_.clockwork().bodies, writer, current->offer()));
  const std::optional<EnrolmentCommand> command = WhatEnds(*current, end);
  if (!command.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = name, .relations = {policy::Relation::kAnyone}}));
  WAYPOST_ASSIGN_OR_RETURN(const EnrolmentDecision decision,
                           DecideEnrolment(*current, *command, mutation.call().now));
  WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, as, &*current, decision));
  looked.changed = true;
  return absl::OkStatus();
}

}  // namespace waypost::referral
