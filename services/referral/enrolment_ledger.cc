#include "services/referral/enrolment_ledger.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_errors.h"

namespace waypost::referral {
namespace {

absl::Status Count(store::Writer& writer, const GroupKey& group, int64_t change) {
  WAYPOST_ASSIGN_OR_RETURN(storage::v1::GroupCountRecord count, rows::GetGroupCount(writer, group));
  count.set_enrolled(count.enrolled() + change);
  if (change != 0) rows::NoteTaken(writer, group, count);
  return rows::PutGroupCount(writer, group, count);
}

bool Names(const ReferralRecord& referral, const std::string& enrolment) {
  return std::any_of(referral.places().begin(), referral.places().end(),
                     [&](const v1::PersonPlace& place) { return place.enrolment() == enrolment; });
}

bool IsCut(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
}

// It was misdirected: what came of it should never have been there.
bool IsCutNow(const ReferralRecord& before, const ReferralRecord& next) {
  return IsCut(next) && !IsCut(before);
}

// Has the receiving body's share of that person gone with this change?
bool ShareGoes(const ReferralRecord& before, const ReferralRecord& next, uint32_t person) {
  if (IsCutNow(before, next)) return true;
  if (next.has_receiving_erase_time()) return !before.has_receiving_erase_time();
  const auto erased = [person](const ReferralRecord& record) {
    return std::any_of(record.person_erasures().begin(), record.person_erasures().end(),
                       [person](const storage::v1::PersonErasure& erasure) {
                         return erasure.person() == person && erasure.party() == v1::PARTY_RECEIVING;
                       });
  };
  return erased(next) && !erased(before);
}

bool AnyShareGoes(const ReferralRecord& before, const ReferralRecord& next) {
  return IsCutNow(before, next) || next.has_receiving_erase_time() != before.has_receiving_erase_time() ||
         next.person_erasures_size() != before.person_erasures_size();
}

absl::Status EraseEnrolment(rpc::Mutation& mutation, const policy::Authorized& as, EnrolmentRecord enrolment,
                            absl::Time now) {
  if (HasPlace(enrolment.state())) {
    WAYPOST_ASSIGN_OR_RETURN(const EnrolmentDecision ended,
                             DecideEnrolment(enrolment, enrolment::EndWithReferral{}, now));
    WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, as, &enrolment, ended));
    enrolment = ended.next;
  }
  rows::DeleteEnrolment(mutation.writer(), enrolment);
  return mutation.Publish(as, {.type = "referral.enrolment_erased",
                               .resource = enrolment.name(),
                               .revision = enrolment.revision() + 1,
                               .time = now,
                               .parties = {enrolment.provider()}});
}

absl::Status EraseEnrolments(rpc::Mutation& mutation, const policy::Authorized& as,
                             const ReferralRecord& before, const Decision& decision,
                             std::map<GroupKey, int64_t>& changes) {
  const ReferralRecord& next = decision.next;
  if (!AnyShareGoes(before, next)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(mutation.writer(), next.name()));
  for (const EnrolmentRecord& enrolment : enrolments) {
    if (!ShareGoes(before, next, enrolment.person())) continue;
    // Who is still there is not forgotten by the way; who asked to be forgotten is.
    const bool at_once = decision.event == Event::kAnswerRight || IsCutNow(before, next);
    if (!at_once && HasPlace(enrolment.state())) return EnrolmentOpen(enrolment.name());
    if (HasPlace(enrolment.state())) --changes[GroupOf(enrolment)];
    WAYPOST_RETURN_IF_ERROR(EraseEnrolment(mutation, as, enrolment, api::FromTimestamp(next.update_time())));
  }
  return absl::OkStatus();
}

// Another state, or somebody less: nothing else ends an enrolment.
bool MayEndEnrolments(const ReferralRecord& before, const ReferralRecord& next) {
  if (before.state() == kNothing) return false;
  return before.state() != next.state() || before.persons_size() != next.persons_size();
}

}  // namespace

absl::Status WriteEnrolment(rpc::Mutation& mutation, const policy::Authorized& as,
                            const EnrolmentRecord* before, const EnrolmentDecision& decision) {
  store::Writer& writer = mutation.writer();
  const EnrolmentRecord& next = decision.next;
  const auto place_of = [](const EnrolmentRecord& record) {
    return HasPlace(record.state()) ? std::optional<GroupKey>(GroupOf(record)) : std::nullopt;
  };
  const std::optional<GroupKey> had = before == nullptr ? std::nullopt : place_of(*before);
  const std::optional<GroupKey> has = place_of(next);
  if (had != has) {
    if (had.has_value()) WAYPOST_RETURN_IF_ERROR(Count(writer, *had, -1));
    if (has.has_value()) WAYPOST_RETURN_IF_ERROR(Count(writer, *has, 1));
  }
  rows::PutEnrolment(writer, before, next);
  rpc::Change change{.type = EnrolmentEventType(decision.event),
                     .resource = next.name(),
                     .revision = next.revision(),
                     .time = api::FromTimestamp(next.update_time()),
                     .state = StayName(next.state()),
                     .parties = {next.provider()}};
  if (decision.event == EnrolmentEvent::kProgrammeEnding) {
    change.facts.emplace_back("programme", next.programme_end().programme());
    change.facts.emplace_back("end_date", next.programme_end().end_date());
  }
  return mutation.Publish(as, change);
}

absl::StatusOr<std::map<GroupKey, int64_t>> CarryEnrolments(rpc::Mutation& mutation,
                                                            const policy::Authorized& as,
                                                            const ReferralRecord& before,
                                                            const Decision& decision) {
  const ReferralRecord& next = decision.next;
  const absl::Time now = api::FromTimestamp(next.update_time());
  std::map<GroupKey, int64_t> changes;
  for (const v1::PersonPlace& place : next.places()) {
    if (place.enrolment().empty() || Names(before, place.enrolment())) continue;
    // Who is enrolled already goes on as they are.
    const bool opens = place.enrolment() == NewEnrolmentName(next.name(), place.person(), next.revision());
    if (!opens) continue;
    const EnrolmentDecision opened = OpenEnrolment(next, place, now);
    WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, as, nullptr, opened));
    ++changes[GroupOf(opened.next)];
  }
  WAYPOST_RETURN_IF_ERROR(EraseEnrolments(mutation, as, before, decision, changes));
  if (!MayEndEnrolments(before, next)) return changes;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(mutation.writer(), next.name()));
  for (const EnrolmentRecord& enrolment : enrolments) {
    if (!EndsWithReferral(enrolment, next)) continue;
    WAYPOST_ASSIGN_OR_RETURN(const EnrolmentDecision ended,
                             DecideEnrolment(enrolment, enrolment::EndWithReferral{}, now));
    WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, as, &enrolment, ended));
    --changes[GroupOf(enrolment)];
  }
  return changes;
}

}  // namespace waypost::referral
