#include "services/referral/retention_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_retention.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using storage::v1::RetentionSweepRecord;
using storage::v1::ShareRetention;

constexpr absl::Duration kIdle = absl::Seconds(10);
// How often it notes that nothing was due.
constexpr absl::Duration kNoteEvery = absl::Minutes(15);

// From when the rules of a side count.
struct Begin {
  absl::Time ended;
  bool open = false;  // an enrolment has not ended
  int enrolments = 0;
};

absl::StatusOr<Begin> BeginOf(const store::Reader& reader, const ReferralRecord& record, v1::Party party) {
  Begin begin{.ended = EndOf(record)};
  if (party == v1::PARTY_REFERRING && !IsInternal(record)) return begin;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(reader, record.name()));
  for (const EnrolmentRecord& enrolment : enrolments) {
    ++begin.enrolments;
    begin.open = begin.open || HasPlace(enrolment.state());
    if (enrolment.has_end_time())
      begin.ended = std::max(begin.ended, api::FromTimestamp(enrolment.end_time()));
  }
  return begin;
}

void Count(const std::string& rule, int64_t persons, v1::RetentionReport& report) {
  auto& counts = *report.mutable_by_rule();
  auto found = std::find_if(counts.begin(), counts.end(),
                            [&](const v1::RetentionRuleCount& each) { return each.rule() == rule; });
  if (found == counts.end() && counts.size() >= kMaxRulesInReport && !rule.empty()) {
    Count({}, persons, report);
    return;
  }
  if (found == counts.end()) {
    counts.Add()->set_rule(rule);
    std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.rule() < b.rule(); });
    found = std::find_if(counts.begin(), counts.end(),
                         [&](const v1::RetentionRuleCount& each) { return each.rule() == rule; });
  }
  found->set_shares(found->shares() + 1);
  found->set_persons(found->persons() + persons);
}

// In the transaction that erases, so that nothing is counted twice or not at all.
absl::Status Report(store::Writer& writer, std::string_view body, const NextErasure& erased, int enrolments,
                    absl::Time now) {
  const absl::CivilDay day = absl::ToCivilDay(now, absl::UTCTimeZone());
  WAYPOST_ASSIGN_OR_RETURN(v1::RetentionReport report, rows::GetRetentionReport(writer, body, day));
  const auto persons = static_cast<int64_t>(erased.persons.size());
  report.set_shares(report.shares() + 1);
  report.set_whole_shares(report.whole_shares() + (erased.whole ? 1 : 0));
  report.set_persons(report.persons() + persons);
  report.set_enrolments(report.enrolments() + enrolments);
  for (const std::string& rule : erased.rules) Count(rule, persons, report);
  rows::PutRetentionReport(writer, body, day, report);
  return absl::OkStatus();
}

}  // namespace

RetentionKeeper::RetentionKeeper(const rpc::Environment& env, ReferralChange& change,
                                 RetentionOptions options)
    : env_(env), change_(change), options_(options), thread_("retention", kIdle) {}

void RetentionKeeper::Start() {
  thread_.Start([this] { return StepThenRest(); });
}

base::StepAndRest RetentionKeeper::StepThenRest() {
  const absl::Time began = env_.node.clock.Now();
  const absl::StatusOr<RetentionStep> step = Step();
  if (!step.ok() || !step->more) return {};
  return base::AtRate(kBatch, options_.erase_rate, env_.node.clock.Now() - began);
}

absl::StatusOr<RetentionStep> RetentionKeeper::Step() {
  const absl::Time now = env_.node.clock.Now();
  RetentionStep dating;
  WAYPOST_ASSIGN_OR_RETURN(const bool dated, DateAll(now, dating));
  if (!dated) return dating;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<rows::RetentionRow> rows, NextRows(now));
  if (rows.empty()) {
    WAYPOST_RETURN_IF_ERROR(NoteTheRun(now));
    return dating;
  }
  next_note_ = absl::InfinitePast();
  RetentionStep step = Erase(rows, now);
  step.dated += dating.dated;
  step.more = true;
  return step;
}

absl::StatusOr<bool> RetentionKeeper::DateAll(absl::Time now, RetentionStep& step) {
  if (all_dated_) return true;
  const std::string rules = table().Text();
  int dated = 0;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    dated = 0;
    WAYPOST_ASSIGN_OR_RETURN(RetentionSweepRecord sweep, rows::GetRetentionSweep(writer));
    if (sweep.rules() != rules) {
      sweep.Clear();
      sweep.set_format_version(1);
      sweep.set_rules(rules);
    }
    all_dated_ = sweep.done();
    if (all_dated_) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                             rows::ListNames(writer, sweep.after(), kDatedAtOnce));
    for (const std::string& name : names) {
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(writer, name));
      if (!IsEnd(record.state())) continue;
      ReferralRecord next = record;
      DateRetention(record, table(), now, next);
      if (next.SerializeAsString() == record.SerializeAsString()) continue;
      rows::PutRetention(writer, &record, next);
      ++dated;
    }
    if (!names.empty()) sweep.set_after(names.back());
    sweep.set_done(static_cast<int>(names.size()) < kDatedAtOnce);
    all_dated_ = sweep.done();
    rows::PutRetentionSweep(writer, sweep);
    return absl::OkStatus();
  }));
  step.dated = dated;
  step.more = !all_dated_;
  return all_dated_;
}

absl::StatusOr<std::vector<rows::RetentionRow>> RetentionKeeper::NextRows(absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(std::vector<rows::RetentionRow> rows,
                           rows::ListDueRetention(*reader, after_, now, kBatch));
  // What was refused is come back to in the next round.
  after_ = rows.empty() ? std::string() : rows.back().key;
  return rows;
}

RetentionStep RetentionKeeper::Erase(const std::vector<rows::RetentionRow>& rows, absl::Time now) {
  std::vector<Did> did(rows.size(), Did::kLooked);
  const std::vector<absl::Status> results = rpc::SystemChangesAndWait(
      env_, kRetention, now, rows.size(),
      [&](size_t i, rpc::Mutation& mutation) { return EraseOne(mutation, rows[i], did[i]); });
  RetentionStep step;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!results[i].ok()) {
      ++step.refused;
    } else if (did[i] == Did::kErased) {
      ++step.erased;
    } else if (did[i] == Did::kDated) {
      ++step.dated;
    }
  }
  return step;
}

absl::Status RetentionKeeper::EraseOne(rpc::Mutation& mutation, const rows::RetentionRow& row, Did& did) {
  did = Did::kLooked;
  store::Writer& writer = mutation.writer();
  const absl::StatusOr<ReferralRecord> current = rows::Get(writer, row.name);
  if (absl::IsNotFound(current.status())) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(current.status());
  const absl::Time now = mutation.call().now;
  const ShareRetention* const share = RetentionOf(*current, row.party);
  const bool due =
      share != nullptr && share->has_look_time() && api::FromTimestamp(share->look_time()) <= now;
  if (!due) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const Begin begin, BeginOf(writer, *current, row.party));
  const command::EndRetention end{.party = row.party, .ended = begin.ended};
  const absl::StatusOr<NextErasure> erasure = DueErasure(*current, end, table(), now);
  const bool waits = begin.open && !(erasure.ok() && erasure->after_hold);
  if (waits || !erasure.ok()) {
    ReferralRecord next = *current;
    DateRetentionFrom(row.party, table(), begin.ended, begin.open ? now + kLookAgain : absl::InfinitePast(),
                      now, next);
    rows::PutRetention(writer, &*current, next);
    did = Did::kDated;
    return absl::OkStatus();
  }
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = row.name, .relations = {policy::Relation::kAnyone}}));
  WAYPOST_RETURN_IF_ERROR(change_.RunAsSystem(mutation, as, *current, end));
  const bool referring = row.party == v1::PARTY_REFERRING;
  WAYPOST_ASSIGN_OR_RETURN(const Begin after, BeginOf(writer, *current, row.party));
  if (!IsProtected(*current)) {
    WAYPOST_RETURN_IF_ERROR(Report(writer,
                                   referring ? current->referring().body() : current->receiving().body(),
                                   *erasure, begin.enrolments - after.enrolments, now));
  }
  did = Did::kErased;
  return absl::OkStatus();
}

absl::Status RetentionKeeper::NoteTheRun(absl::Time now) {
  if (now < next_note_) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    rows::PutRetentionRun(writer, now);
    return absl::OkStatus();
  }));
  next_note_ = now + kNoteEvery;
  return absl::OkStatus();
}

}  // namespace waypost::referral
