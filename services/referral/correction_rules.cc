#include "services/referral/correction_rules.h"

#include <algorithm>
#include <utility>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_protection.h"

namespace waypost::referral {
namespace {

using storage::v1::CorrectionRecord;
using storage::v1::ReferralRecord;

// The next revision of a task.
CorrectionRecord Changed(const CorrectionRecord& record, absl::Time now) {
  CorrectionRecord next = record;
  next.set_revision(record.revision() + 1);
  *next.mutable_update_time() = api::ToTimestamp(api::NotBefore(now, record));
  return next;
}

}  // namespace

CorrectionKey KeyOf(const CorrectionRecord& record) {
  return {.body = record.body(),
          .reason = record.reason(),
          .offer = record.offer(),
          .theme = record.theme(),
          .territory = record.territory()};
}

bool IsCausedByAnEntry(v1::DeclineReason reason) {
  switch (reason) {
    case v1::DECLINE_REASON_NO_CAPACITY:
    case v1::DECLINE_REASON_NOT_ELIGIBLE:
    case v1::DECLINE_REASON_OUT_OF_AREA:
    case v1::DECLINE_REASON_NOT_COMPETENT:
    case v1::DECLINE_REASON_MISSING_DOCUMENTS:
      return true;
    default:
      return false;
  }
}

v1::CorrectionKeeper KeeperOf(v1::DeclineReason reason, bool has_offer) {
  if (!IsCausedByAnEntry(reason)) return v1::CORRECTION_KEEPER_UNSPECIFIED;
  const bool of_the_body =
      reason == v1::DECLINE_REASON_NOT_COMPETENT || (reason == v1::DECLINE_REASON_OUT_OF_AREA && !has_offer);
  return of_the_body ? v1::CORRECTION_KEEPER_OPERATOR : v1::CORRECTION_KEEPER_SUPERVISOR;
}

v1::CorrectionKeeper KeeperOf(const CorrectionRecord& record) {
  return KeeperOf(record.reason(), !record.offer().empty());
}

std::optional<CorrectionKey> CorrectionOf(const ReferralRecord& before, const ReferralRecord& next) {
  if (next.state() != kDeclined || before.state() == kDeclined || IsProtected(next)) return std::nullopt;
  const v1::Decline& decline = next.decline();
  const bool by_provider = decline.declined_by() == v1::DECLINED_BY_PROVIDER;
  if (!by_provider || !IsCausedByAnEntry(decline.reason())) return std::nullopt;
  CorrectionKey key{.body = next.receiving().body(), .reason = decline.reason(), .theme = next.theme()};
  // Where it waited or had a place says more than what it asked for; the decline has taken that away.
  const std::vector<std::string> offers = OffersOf(before);
  if (offers.empty()) {
    key.territory = next.territory();
  } else {
    key.offer = offers.front();
  }
  return key;
}

CorrectionRecord NewCorrection(const CorrectionKey& key, std::string name, absl::Time now) {
  CorrectionRecord record;
  record.set_format_version(kCorrectionFormat);
  record.set_name(std::move(name));
  record.set_revision(1);
  record.set_body(key.body);
  record.set_reason(key.reason);
  record.set_offer(key.offer);
  record.set_theme(key.theme);
  record.set_territory(key.territory);
  record.set_decline_count(1);
  *record.mutable_first_time() = api::ToTimestamp(now);
  *record.mutable_last_time() = api::ToTimestamp(now);
  *record.mutable_update_time() = api::ToTimestamp(now);
  return record;
}

CorrectionRecord WithDecline(const CorrectionRecord& record, absl::Time now) {
  CorrectionRecord next = Changed(record, now);
  next.set_decline_count(record.decline_count() + 1);
  *next.mutable_last_time() = next.update_time();
  return next;
}

absl::StatusOr<CorrectionRecord> Settled(const CorrectionRecord& record, v1::CorrectionFinding finding,
                                         absl::Time now) {
  if (IsSettled(record)) {
    return error::InvalidTransition(record.name(), CorrectionState(record), "SETTLE", {});
  }
  CorrectionRecord next = Changed(record, now);
  next.set_finding(finding);
  *next.mutable_settle_time() = next.update_time();
  return next;
}

CorrectionRecord Inherited(const CorrectionRecord& record, std::string_view body, const CorrectionRecord* own,
                           absl::Time now) {
  CorrectionRecord next = Changed(record, now);
  next.set_body(std::string(body));
  if (own == nullptr) return next;
  next.set_decline_count(record.decline_count() + own->decline_count());
  if (api::FromTimestamp(own->first_time()) < api::FromTimestamp(record.first_time())) {
    *next.mutable_first_time() = own->first_time();
  }
  if (api::FromTimestamp(own->last_time()) > api::FromTimestamp(record.last_time())) {
    *next.mutable_last_time() = own->last_time();
  }
  return next;
}

bool IsSettled(const CorrectionRecord& record) {
  return record.has_settle_time();
}

std::string_view CorrectionState(const CorrectionRecord& record) {
  return IsSettled(record) ? "SETTLED" : "OPEN";
}

v1::CorrectionTask ToCorrectionTask(const CorrectionRecord& record) {
  v1::CorrectionTask task;
  task.set_name(record.name());
  task.set_etag(api::EtagOf(record.revision()));
  task.set_revision(record.revision());
  task.set_body(record.body());
  task.set_reason(record.reason());
  task.set_offer(record.offer());
  task.set_theme(record.theme());
  task.set_territory(record.territory());
  task.set_decline_count(record.decline_count());
  *task.mutable_first_time() = record.first_time();
  *task.mutable_last_time() = record.last_time();
  task.set_finding(record.finding());
  if (record.has_settle_time()) *task.mutable_settle_time() = record.settle_time();
  task.set_keeper(KeeperOf(record));
  return task;
}

v1::CorrectionTask ToOperatorsTask(const CorrectionRecord& record) {
  v1::CorrectionTask task = ToCorrectionTask(record);
  task.clear_etag();
  task.clear_revision();
  task.clear_decline_count();
  task.clear_first_time();
  task.clear_last_time();
  return task;
}

}  // namespace waypost::referral
