#include "services/referral/breach_ledger.h"

#include <utility>
#include <vector>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "services/referral/breach_rows.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::ReferralRecord;

// A transaction may run twice, and is to make the same id each time.
class FromHash final : public base::Random {
 public:
  explicit FromHash(std::string seed) : seed_(std::move(seed)) {}
  std::string Bytes(size_t size) override { return crypto::Sha256(seed_).substr(0, size); }

 private:
  const std::string seed_;
};

// "HIGH_RISK"; what was assessed is the one code that the log is told.
std::string RiskName(v1::BreachRisk risk) {
  constexpr std::string_view kPrefix = "BREACH_RISK_";
  const std::string name = v1::BreachRisk_Name(risk);
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : name;
}

}  // namespace

std::string NewBreachName(const ReferralRecord& reported) {
  FromHash random(base::Cat("breach ", reported.name(), " ", reported.revision()));
  return rows::BreachNameOfId(api::NewId(api::FromTimestamp(reported.update_time()), random));
}

absl::Status OpenBreach(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& before,
                        const ReferralRecord& reported, int passed_on) {
  const BreachRecord opened = NewBreach(before, reported.breach(), passed_on, as.caller(),
                                        api::FromTimestamp(reported.update_time()));
  return WriteBreach(mutation, as, nullptr, opened, "breach.opened");
}

absl::Status WriteBreach(rpc::Mutation& mutation, const Authorized& as, const BreachRecord* before,
                         const BreachRecord& next, std::string_view event) {
  rows::PutBreach(mutation.writer(), before, next);
  const v1::Breach& breach = next.breach();
  const std::string state = BreachStateName(breach.state());
  const std::string risk = RiskName(breach.risk());
  rpc::Change change{.type = event,
                     .resource = breach.name(),
                     .revision = breach.revision(),
                     .time = api::FromTimestamp(breach.update_time()),
                     .state = state,
                     .parties = {},
                     .sealed = next.is_protected()};
  if (!next.is_protected()) {
    change.parties.push_back(breach.body());
    if (breach.risk() != v1::BREACH_RISK_UNSPECIFIED) change.facts.emplace_back("risk", risk);
  }
  return mutation.Publish(as, change);
}

absl::Status MoveBreach(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& current,
                        const command::BodyMove& move) {
  if (current.breach().empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const BreachRecord before, rows::GetBreach(mutation.writer(), current.breach()));
  if (before.breach().body() != move.from) return absl::OkStatus();
  return WriteBreach(mutation, as, &before, Succeeded(before, move.to, mutation.call().now),
                     "breach.succeeded");
}

}  // namespace waypost::referral
