#include "services/referral/enrolment_validation.h"

#include <set>
#include <string_view>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using base::Cat;

constexpr size_t kMaxEtagBytes = 64;

void CheckListName(std::string_view name, error::FieldViolations& wrong) {
  if (!GroupOfWaitingList(name).has_value()) {
    wrong.Add("name", "must be the name of a waiting list, 'offers/{id}/groups/{group}/waitingList'");
  }
}

}  // namespace

absl::Status Validate(const v1::GetWaitingListRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::ListWaitingListRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  if (request.page_size() < 0) wrong.Add("page_size", "must not be negative");
  if (request.page_token().size() > kMaxPageTokenBytes) {
    wrong.Add("page_token", "is none that was returned to you");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::SetWaitingListCriteriaRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  if (request.criteria().empty()) wrong.Add("criteria", "name at least one");
  if (request.criteria_size() > kMaxCriteria) {
    wrong.Add("criteria", Cat("must have at most ", kMaxCriteria, " entries"));
  }
  std::set<int> seen;
  for (int i = 0; i < request.criteria_size(); ++i) {
    const int criterion = request.criteria(i);
    const std::string path = Cat("criteria[", i, "]");
    if (criterion == 0 || !v1::WaitingListCriterion_IsValid(criterion))
      wrong.Add(path, "must be a known value");
    if (!seen.insert(criterion).second) wrong.Add(path, "is given twice");
  }
  return wrong.ToStatus();
}

}  // namespace waypost::referral
