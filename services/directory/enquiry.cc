#include "services/directory/enquiry.h"

#include <algorithm>
#include <string>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_machine.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"

namespace waypost::directory {
namespace {

using error::FieldViolations;

bool IsRandomId(std::string_view id) {
  return id.size() == kEnquiryIdDigits && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// An answer says just as much as its verdict needs.
void CheckAnswer(const v1::EnquiryAnswer& answer, FieldViolations& violations) {
  CheckEnum("answer.verdict", answer.verdict(), v1::EnquiryVerdict_IsValid, violations);
  const bool waits = answer.verdict() == v1::ENQUIRY_VERDICT_YES_WITH_WAIT;
  if (waits || answer.verdict() == v1::ENQUIRY_VERDICT_NO) {
    CheckEnum("answer.reason", answer.reason(), v1::EnquiryReason_IsValid, violations);
  } else if (answer.reason() != v1::ENQUIRY_REASON_UNSPECIFIED) {
    violations.Add("answer.reason", "does not go with this verdict");
  }
  const int32_t days = answer.expected_wait_days();
  if (waits && (days < 1 || days > kMaxWaitDays)) {
    violations.Add("answer.expected_wait_days", base::Cat("is not from 1 to ", kMaxWaitDays));
  }
  if (!waits && days != 0) violations.Add("answer.expected_wait_days", "goes with YES_WITH_WAIT alone");
}

}  // namespace

absl::Status Check(const v1::EnquireRequest& request) {
  FieldViolations violations;
  const v1::Enquiry& enquiry = request.enquiry();
  if (!IsRandomId(request.enquiry_id())) {
    violations.Add("enquiry_id", "is not 32 hexadecimal digits in lower case, made at random");
  }
  CheckName("enquiry.body", ResourceKind::kBody, enquiry.body(), /*required=*/true, violations);
  CheckTheme("enquiry.theme", enquiry.theme(), violations);
  CheckTerritory("enquiry.territory", enquiry.territory(), violations);
  CheckEnum("enquiry.age_band", enquiry.age_band(), type::v1::AgeBand_IsValid, violations, /*optional=*/true);
  if (!enquiry.language().empty() && !IsLanguageTag(enquiry.language())) {
    violations.Add("enquiry.language", "is not a language tag as in fr or pt-BR");
  }
  if (enquiry.household_persons() < 0 ||
      enquiry.household_persons() > static_cast<int32_t>(kMaxHouseholdPersons)) {
    violations.Add("enquiry.household_persons", base::Cat("is not from 0 to ", kMaxHouseholdPersons));
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::GetEnquiryRequest& request) {
  return CheckOneName(ResourceKind::kEnquiry, request.name());
}

absl::Status Check(const v1::ListEnquiriesRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckEnum("box", request.box(), v1::EnquiryBox_IsValid, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::AnswerEnquiryRequest& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kEnquiry, request.name(), /*required=*/true, violations);
  CheckAnswer(request.answer(), violations);
  return violations.ToStatus();
}

absl::StatusOr<v1::Enquiry> NewEnquiry(const v1::EnquireRequest& request, std::string_view enquirer,
                                       absl::Time now) {
  if (request.enquiry().body() == enquirer) {
    return error::InvalidField("enquiry.body", "is the body that asks");
  }
  v1::Enquiry enquiry = request.enquiry();
  enquiry.set_name(EnquiryName(request.enquiry_id()));
  enquiry.set_enquirer(std::string(enquirer));
  enquiry.clear_answer();
  *enquiry.mutable_create_time() = api::ToTimestamp(now);
  *enquiry.mutable_update_time() = api::ToTimestamp(now);
  *enquiry.mutable_expire_time() = api::ToTimestamp(now + kEnquiryKept);
  enquiry.clear_etag();
  return enquiry;
}

absl::Status CheckMayBeAsked(const v1::Body& body) {
  if (body.enforcement()) {
    return error::InvalidField("enquiry.body", "is an enforcement body, which is asked nothing about people");
  }
  if (body.status() == v1::BODY_STATUS_ACTIVE) return absl::OkStatus();
  return error::InvalidTransition(body.name(), BodyStatusName(body.status()), "ENQUIRE", {});
}

absl::StatusOr<v1::Enquiry> AnsweredEnquiry(const v1::Enquiry& current,
                                            const v1::AnswerEnquiryRequest& request, absl::Time now) {
  if (current.has_answer()) {
    return error::InvalidTransition(current.name(), EnquiryState(current), "ANSWER", {});
  }
  v1::Enquiry enquiry = current;
  *enquiry.mutable_answer() = request.answer();
  *enquiry.mutable_answer()->mutable_answer_time() = api::ToTimestamp(now);
  *enquiry.mutable_update_time() = api::ToTimestamp(now);
  return enquiry;
}

absl::Status AskTheSuccessor(std::string_view body, std::string_view successor) {
  return error::InvalidField("enquiry.body", base::Cat("'", successor, "' stands in the place of '", body,
                                                       "' for this: ask it instead"));
}

v1::Enquiry SucceededEnquiry(const v1::Enquiry& current, std::string_view successor, absl::Time now) {
  v1::Enquiry enquiry = current;
  enquiry.set_body(std::string(successor));
  *enquiry.mutable_update_time() = api::ToTimestamp(now);
  return enquiry;
}

void Show(v1::Enquiry& enquiry, int64_t revision) {
  enquiry.set_etag(api::EtagOf(revision));
}

std::string_view EnquiryState(const v1::Enquiry& enquiry) {
  return enquiry.has_answer() ? "ANSWERED" : "OPEN";
}

bool HasExpired(const v1::Enquiry& enquiry, absl::Time now) {
  return api::FromTimestamp(enquiry.expire_time()) <= now;
}

}  // namespace waypost::directory
