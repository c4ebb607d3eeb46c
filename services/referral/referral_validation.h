// Field rules of every request: all violations at once, INVALID_FIELD. What depends on the stored referral or
// on the time is decided by the rules; the request_id is checked by common/rpc. Pure; thread-safe.
//
// In every request: enum values must be known, texts well-formed UTF-8 within their limits, names
// well-formed, times valid. Fields that are output only are ignored.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_VALIDATION_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_VALIDATION_H_

#include <string_view>

#include "absl/status/status.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/referral/v1/retention.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

absl::Status Validate(const v1::CreateReferralRequest& request);
absl::Status Validate(const v1::UpdateReferralRequest& request);
absl::Status Validate(const v1::SubmitReferralRequest& request);
absl::Status Validate(const v1::ApproveReferralRequest& request);
absl::Status Validate(const v1::AcknowledgeReferralRequest& request);
absl::Status Validate(const v1::RequestInformationRequest& request);
absl::Status Validate(const v1::ProvideInformationRequest& request);
absl::Status Validate(const v1::WaitlistReferralRequest& request);
absl::Status Validate(const v1::OfferPlaceRequest& request);
absl::Status Validate(const v1::AnswerOfferRequest& request);
absl::Status Validate(const v1::AcceptReferralRequest& request);
absl::Status Validate(const v1::DeclineReferralRequest& request);
absl::Status Validate(const v1::ProposeForwardRequest& request);
absl::Status Validate(const v1::ConfirmForwardRequest& request);
absl::Status Validate(const v1::ForwardByDutyRequest& request);
absl::Status Validate(const v1::HandOverReferralRequest& request);
absl::Status Validate(const v1::StartReferralRequest& request);
absl::Status Validate(const v1::HoldReferralRequest& request);
absl::Status Validate(const v1::ResumeReferralRequest& request);
absl::Status Validate(const v1::CompleteReferralRequest& request);
absl::Status Validate(const v1::EndReferralWithoutResultRequest& request);
absl::Status Validate(const v1::CancelReferralRequest& request);
absl::Status Validate(const v1::DetachReferralRequest& request);
absl::Status Validate(const v1::ConfirmCancelRequest& request);
absl::Status Validate(const v1::RefuseCancelRequest& request);
absl::Status Validate(const v1::ReopenReferralRequest& request);
absl::Status Validate(const v1::ReportMisdirectedRequest& request);
absl::Status Validate(const v1::AssignReferralRequest& request);
absl::Status Validate(const v1::ClaimReferralRequest& request);
absl::Status Validate(const v1::ChangePriorityRequest& request);
absl::Status Validate(const v1::ProposeDateRequest& request);
absl::Status Validate(const v1::AnswerDateRequest& request);
absl::Status Validate(const v1::RecordAppointmentRequest& request);
absl::Status Validate(const v1::AddNoteRequest& request);
absl::Status Validate(const v1::VoidEntryRequest& request);
absl::Status Validate(const v1::VoidOutcomeRequest& request);
absl::Status Validate(const v1::RemindReferralRequest& request);
absl::Status Validate(const v1::RuleOnCompetenceRequest& request);
absl::Status Validate(const v1::AssumeResponsibilityRequest& request);
absl::Status Validate(const v1::SettleFollowUpRequest& request);
absl::Status Validate(const v1::EraseReferralRequest& request);
absl::Status Validate(const v1::GetReferralRequest& request);
absl::Status Validate(const v1::ListReferralsRequest& request);
absl::Status Validate(const v1::WatchReferralsRequest& request);
absl::Status Validate(const v1::DiscloseReferralRequest& request);
absl::Status Validate(const v1::ListNotesRequest& request);
absl::Status Validate(const v1::ListPartsRequest& request);
absl::Status Validate(const v1::DiscloseNotesRequest& request);
absl::Status Validate(const v1::ListReferralHistoryRequest& request);
absl::Status Validate(const v1::FindByOwnReferenceRequest& request);
absl::Status Validate(const v1::RecordRightsRequestRequest& request);
absl::Status Validate(const v1::GetRightsRequestRequest& request);
absl::Status Validate(const v1::ListRightsRequestsRequest& request);
absl::Status Validate(const v1::AnswerRightsRequestRequest& request);
absl::Status Validate(const v1::ListReceiptKeysRequest& request);
absl::Status Validate(const v1::GetMyselfRequest& request);
absl::Status Validate(const v1::ListRetentionRequest& request);
absl::Status Validate(const v1::ListRetentionReportsRequest& request);
absl::Status Validate(const v1::ExportPersonRequest& request);
absl::Status Validate(const v1::PlaceLegalHoldRequest& request);
absl::Status Validate(const v1::ReleaseLegalHoldRequest& request);

// The forms, for tests and other rooms' readers of this one's fields.
bool IsReferralName(std::string_view name);   // "referrals/01jd…"
bool IsLanguageTag(std::string_view tag);     // BCP 47: "ar", "zh-Hant-TW"
bool IsLawCode(std::string_view code);        // "es/ley-7-1985/art-25"
bool IsTerritoryCode(std::string_view code);  // "EU", "ES300", "ES300/28058"
// An IANA zone by its form ("Europe/Madrid", "UTC"); whether there is such a place is not known here.
bool IsZoneName(std::string_view zone);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_VALIDATION_H_
