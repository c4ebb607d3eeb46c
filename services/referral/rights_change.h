// The course of a use of a right: one transaction that reaches every referral of the chain.
#ifndef WAYPOST_SERVICES_REFERRAL_RIGHTS_CHANGE_H_
#define WAYPOST_SERVICES_REFERRAL_RIGHTS_CHANGE_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/rpc/mutation.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_rights.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// What RecordRightsRequest asks of the referral at which it is recorded. `name` is the new rights request's.
Asked AskedOf(const v1::RecordRightsRequestRequest& request, const std::string& name);
// What AnswerRightsRequest asks of the referral for which the caller's body answers. The person is filled in
// by Answer.
Asked AskedOf(const v1::AnswerRightsRequestRequest& request);

// How a caller stands to a rights request: as to the referrals in which its body holds something of the
// person.
absl::StatusOr<policy::Relations> RelationsOf(const store::Reader& reader,
                                              const storage::v1::RightsRequestRecord& record,
                                              const policy::Caller& caller);
// Those of its protected referrals that the caller does not read.
absl::StatusOr<Unread> UnreadBy(const store::Reader& reader, const storage::v1::RightsRequestRecord& record,
                                const policy::Caller& caller);

// Both run within the transaction. Thread-safe.
class RightsChange {
 public:
  // Both must outlive this.
  RightsChange(ReferralChange& change, const ReceiptSigner& signer) : change_(change), signer_(signer) {}

  // `new_name` makes the names of the requests with which it goes on to parts and cases.
  absl::Status Record(rpc::Mutation& mutation, const v1::RecordRightsRequestRequest& request,
                      const std::string& name, absl::FunctionRef<std::string()> new_name, const Asked& asked,
                      const Prepared& prepared, v1::RightsRequest& response);
  absl::Status Answer(rpc::Mutation& mutation, const v1::AnswerRightsRequestRequest& request,
                      const Asked& asked, const Prepared& prepared, v1::RightsRequest& response);

 private:
  ReferralChange& change_;
  const ReceiptSigner& signer_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RIGHTS_CHANGE_H_
