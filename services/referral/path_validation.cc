#include "services/referral/path_validation.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "common/api/names.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "google/rpc/error_details.pb.h"
#include "services/referral/path_rules.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_validation.h"

namespace waypost::referral {
namespace {

using base::Cat;

constexpr size_t kMaxEtagBytes = 64;
constexpr absl::string_view kBadRequestUrl = "type.googleapis.com/google.rpc.BadRequest";

void CheckOffer(std::string_view field, std::string_view offer, error::FieldViolations& wrong) {
  if (!offer.empty() && !api::IsName(offer, {"offers"})) {
    wrong.Add(field, "must be the name of an offer, 'offers/{id}'");
  }
}

// Required and known.
void CheckEnum(std::string_view field, int value, bool is_known, error::FieldViolations& wrong) {
  if (value == 0) wrong.Add(field, "is required");
  if (!is_known) wrong.Add(field, "must be a known value");
}

void CheckSteps(const google::protobuf::RepeatedPtrField<v1::PathStep>& steps, bool numbered,
                error::FieldViolations& wrong) {
  if (steps.empty() || steps.size() > kMaxPathSteps) wrong.Add("steps", Cat("must be 1 to ", kMaxPathSteps));
  for (int i = 0; i < std::min(steps.size(), kMaxPathSteps); ++i) {
    const v1::PathStep& step = steps[i];
    // What is there already keeps its theme where it was taken.
    const bool is_new = !numbered || step.number() == 0;
    const std::string theme = Cat("steps[", i, "].theme");
    if (is_new && step.theme() == type::v1::THEME_UNSPECIFIED) wrong.Add(theme, "is required");
    if (!type::v1::Theme_IsValid(step.theme())) wrong.Add(theme, "must be a known value");
    if (!v1::PathStepState_IsValid(step.state())) {
      wrong.Add(Cat("steps[", i, "].state"), "must be a known value");
    }
    CheckOffer(Cat("steps[", i, "].offer"), step.offer(), wrong);
  }
}

// Of what goes along.
void CheckSectionKinds(const v1::TakeStepRequest& request, error::FieldViolations& wrong) {
  std::set<int> seen;
  if (request.sections_size() > kMaxSectionsDisclosed) {
    wrong.Add("sections", Cat("must be at most ", kMaxSectionsDisclosed));
    return;
  }
  for (int i = 0; i < request.sections_size(); ++i) {
    const int section = request.sections(i);
    const std::string field = Cat("sections[", i, "]");
    CheckEnum(field, section, v1::SectionKind_IsValid(section), wrong);
    if (!seen.insert(section).second) wrong.Add(field, "is given twice");
  }
}

template <typename Request>
error::FieldViolations CheckPath(const Request& request) {
  error::FieldViolations wrong;
  if (!IsPathName(request.name())) wrong.Add("name", "must be the name of a path, 'paths/{id}'");
  if constexpr (requires { request.etag(); }) {
    if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  }
  return wrong;
}

std::string FieldOfStep(std::string field) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"referral.", "persons[0].", "sections[0]."};
  for (const std::string_view prefix : kPrefixes) {
    if (field.compare(0, prefix.size(), prefix) == 0) field.erase(0, prefix.size());
  }
  return field;
}

}  // namespace

absl::Status Validate(const v1::CreatePathRequest& request) {
  error::FieldViolations wrong;
  if (!IsReferralName(request.referral())) {
    wrong.Add("referral", "must be the name of a referral, 'referrals/{id}'");
  }
  if (request.person() < 1 || request.person() > kMaxPersonNumber) {
    wrong.Add("person", Cat("must be 1 to ", kMaxPersonNumber));
  }
  CheckSteps(request.steps(), /*numbered=*/false, wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::GetPathRequest& request) {
  return CheckPath(request).ToStatus();
}

absl::Status Validate(const v1::ListPathsRequest& request) {
  error::FieldViolations wrong;
  if (request.page_size() < 0) wrong.Add("page_size", "must not be negative");
  if (request.page_token().size() > kMaxPageTokenBytes) {
    wrong.Add("page_token", "is none that was returned to you");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::UpdatePathRequest& request) {
  error::FieldViolations wrong = CheckPath(request);
  CheckSteps(request.steps(), /*numbered=*/true, wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::TakeStepRequest& request) {
  error::FieldViolations wrong = CheckPath(request);
  if (request.step() == 0) wrong.Add("step", "is required");
  if (request.receiving().body().empty()) wrong.Add("receiving.body", "is required");
  if (request.territory().empty()) wrong.Add("territory", "is required");
  if (request.priority() == v1::PRIORITY_UNSPECIFIED) wrong.Add("priority", "is required");
  if (!request.has_disclosure()) wrong.Add("disclosure", "is required");
  CheckSectionKinds(request, wrong);
  if (!wrong.empty()) return wrong.ToStatus();
  // The very fields of a submission.
  return InFieldsOfStep(Validate(SubmissionOf(request)));
}

absl::Status Validate(const v1::EndPathRequest& request) {
  error::FieldViolations wrong = CheckPath(request);
  CheckEnum("reason", request.reason(), v1::PathEndReason_IsValid(request.reason()), wrong);
  if (request.reason() == v1::PATH_END_REASON_SHARE_ENDED) wrong.Add("reason", "is set by the system alone");
  return wrong.ToStatus();
}

v1::SubmitReferralRequest SubmissionOf(const v1::TakeStepRequest& request) {
  v1::SubmitReferralRequest submission;
  v1::Referral& referral = *submission.mutable_referral();
  referral.mutable_receiving()->set_body(request.receiving().body());
  referral.mutable_receiving()->set_unit(request.receiving().unit());
  referral.set_offer(request.offer());
  referral.set_territory(request.territory());
  referral.set_priority(request.priority());
  if (request.has_telephone_handover()) {
    *referral.mutable_telephone_handover() = request.telephone_handover();
  }
  v1::Person& person = *referral.add_persons();
  person.set_number(1);
  *person.mutable_disclosure() = request.disclosure();
  v1::PersonSections& sections = *submission.add_sections();
  sections.set_person(1);
  if (request.has_screening()) *sections.mutable_screening() = request.screening();
  return submission;
}

absl::Status InFieldsOfStep(const absl::Status& status) {
  const auto payload = status.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest bad;
  if (!payload.has_value() || !bad.ParseFromString(std::string(*payload))) return status;
  error::FieldViolations wrong;
  for (const auto& violation : bad.field_violations()) {
    wrong.Add(FieldOfStep(violation.field()), violation.description());
  }
  if (status.code() == absl::StatusCode::kInvalidArgument) return wrong.ToStatus();
  return Incomplete(error::MetadataOf(status, "resource"), wrong);
}

}  // namespace waypost::referral
