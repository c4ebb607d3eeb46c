// Who may call what, through gRPC: every method × every role × every part that somebody can have in a
// referral, against a table written down here and nowhere else.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "common/api/resource.h"
#include "common/rpc/status_conversion.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;

// Who may, in words.
enum class Who {
  kReferring,          // supervisors of the referring body; its caseworkers who have the case
  kReceiving,          // the same of the receiving body
  kEither,             // of either
  kSupervisors,        // supervisors of either
  kEitherAndAlerted,   // of either, and its safeguarding officers
  kReaders,            // these, and supervisors of the coordinating body
  kHolders,            // of either; for anybody else there is none
  kHolderSupervisors,  // the same, supervisors alone
  kCoordinators,       // supervisors of the coordinating body
  kOwnSupervisors,     // supervisors, of their own body
  kOwnBody,            // supervisors and caseworkers, of their own body
  kOwnBoxes,           // these, and safeguarding officers
  kAnybody,            // with a token
  kAnyReferrer,        // supervisors, and caseworkers of the unit, of whatever body makes the referral
};

// What somebody is to the referral at hand.
enum class Part {
  kReferringMember,
  kReferringOther,  // of the body, of another unit
  kReferringAssignee,
  kReceivingMember,
  kReceivingOther,
  kReceivingAssignee,
  kCoordinating,
  kStranger,
};
constexpr std::array kParts = {Part::kReferringMember, Part::kReferringOther, Part::kReferringAssignee,
                               Part::kReceivingMember, Part::kReceivingOther, Part::kReceivingAssignee,
                               Part::kCoordinating,    Part::kStranger};

constexpr bool IsReferring(Part part) {
  return part == Part::kReferringMember || part == Part::kReferringOther || part == Part::kReferringAssignee;
}
constexpr bool IsReceiving(Part part) {
  return part == Part::kReceivingMember || part == Part::kReceivingOther || part == Part::kReceivingAssignee;
}
constexpr bool HasTheCase(Part part) {
  return part != Part::kReferringOther && part != Part::kReceivingOther && part != Part::kCoordinating &&
         part != Part::kStranger;
}

enum class Answer { kAllowed, kDenied, kHidden };

std::string_view NameOf(Answer answer) {
  return answer == Answer::kAllowed ? "allowed" : answer == Answer::kDenied ? "denied" : "hidden";
}

bool SidesMatch(Who who, Part part) {
  if (who == Who::kReferring) return IsReferring(part);
  if (who == Who::kReceiving) return IsReceiving(part);
  return IsReferring(part) || IsReceiving(part);
}

// The table's meaning.
Answer Expected(Who who, Role role, Part part) {
  const bool works = role == Role::kSupervisor || role == Role::kCaseworker;
  if (who == Who::kAnybody) return Answer::kAllowed;
  if (who == Who::kOwnSupervisors) return role == Role::kSupervisor ? Answer::kAllowed : Answer::kDenied;
  if (who == Who::kOwnBoxes && role == Role::kSafeguardingOfficer) return Answer::kAllowed;
  if (who == Who::kOwnBody || who == Who::kOwnBoxes) return works ? Answer::kAllowed : Answer::kDenied;
  if (who == Who::kAnyReferrer) {
    if (!works) return Answer::kDenied;
    return role == Role::kSupervisor || part == Part::kReferringMember ? Answer::kAllowed : Answer::kDenied;
  }
  if (who == Who::kCoordinators) {
    if (role != Role::kSupervisor) return Answer::kDenied;
    if (part == Part::kStranger) return Answer::kHidden;
    return part == Part::kCoordinating ? Answer::kAllowed : Answer::kDenied;
  }
  const bool opens = who == Who::kEitherAndAlerted || who == Who::kReaders;
  const bool of_holders = who == Who::kHolders || who == Who::kHolderSupervisors;
  const bool for_supervisors = who == Who::kSupervisors || who == Who::kHolderSupervisors;
  const bool named = role == Role::kSupervisor || (role == Role::kCaseworker && !for_supervisors) ||
                     (role == Role::kSafeguardingOfficer && opens);
  // As a named reader of what is protected each of these might: whether it is there must not be told.
  if (!works && role != Role::kSafeguardingOfficer) return Answer::kDenied;
  if (part == Part::kStranger) return Answer::kHidden;
  if (part == Part::kCoordinating && of_holders) return Answer::kHidden;
  if (part == Part::kCoordinating) {
    return who == Who::kReaders && role == Role::kSupervisor ? Answer::kAllowed : Answer::kDenied;
  }
  if (!named) return Answer::kDenied;
  if (!SidesMatch(who, part)) return Answer::kDenied;
  if (role == Role::kCaseworker && !HasTheCase(part)) return Answer::kDenied;
  return Answer::kAllowed;
}

class AuthorityTest : public ::testing::Test, protected ReferralRig {
 protected:
  using Caller = std::function<absl::Status(const std::string& token, const std::string& name)>;
  struct Method {
    std::string name;
    Who who;
    Caller call;
  };

  AuthorityTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    AddReferringMethods();
    AddReceivingMethods();
    AddOtherMethods();
    AddReads();
  }

  template <typename Request>
  void Add(std::string_view name, Who who,
           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Referral*),
           std::function<void(Request&)> fill = nullptr) {
    methods_.push_back(
        {std::string(name), who, [this, method, fill](const std::string& token, const std::string& referral) {
           Request request;
           if (fill != nullptr) fill(request);
           request.set_name(referral);
           request.set_etag(stale_ ? "\"999\"" : "");
           return Do(token, method, request).status();
         }});
  }

  void AddReferringMethods() {
    const auto text = [](auto& request) { request.set_text("why"); };
    Add<v1::SubmitReferralRequest>("SubmitReferral", Who::kReferring, &Stub::SubmitReferral);
    Add<v1::ProvideInformationRequest>("ProvideInformation", Who::kReferring, &Stub::ProvideInformation,
                                       text);
    Add<v1::AnswerOfferRequest>("AnswerOffer", Who::kReferring, &Stub::AnswerOffer, [](auto& request) {
      request.set_answer(v1::AnswerOfferRequest::ANSWER_TAKE_PLACE);
    });
    Add<v1::ConfirmForwardRequest>(
        "ConfirmForward", Who::kReferring, &Stub::ConfirmForward,
        [this](auto& request) { request = ToBody<v1::ConfirmForwardRequest>("", kThirdBody); });
    Add<v1::CancelReferralRequest>("CancelReferral", Who::kReferring, &Stub::CancelReferral,
                                   [](auto& request) { request.set_reason(v1::CANCEL_REASON_NEED_MET); });
    Add<v1::DetachReferralRequest>("DetachReferral", Who::kReferring, &Stub::DetachReferral);
    Add<v1::ReportMisdirectedRequest>("ReportMisdirected", Who::kReferring, &Stub::ReportMisdirected, text);
    methods_.push_back(
        {"UpdateReferral", Who::kReferring, [this](const std::string& token, const std::string& name) {
           v1::UpdateReferralRequest request;
           request.mutable_referral()->set_name(name);
           request.mutable_referral()->set_etag(stale_ ? "\"999\"" : "");
           request.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
           request.mutable_update_mask()->add_paths("theme");
           return Do(token, &Stub::UpdateReferral, request).status();
         }});
    methods_.push_back(
        {"CreateReferral", Who::kAnyReferrer, [this](const std::string& token, const std::string&) {
           return Do(token, &Stub::CreateReferral, NewDraft()).status();
         }});
    methods_.push_back(
        {"SubmitReferral", Who::kAnyReferrer, [this](const std::string& token, const std::string&) {
           return Do(token, &Stub::SubmitReferral, NewReferral()).status();
         }});
  }

  void AddReceivingMethods() {
    const auto later = [] { return api::ToTimestamp(Now() + absl::Hours(48)); };
    Add<v1::AcknowledgeReferralRequest>("AcknowledgeReferral", Who::kReceiving, &Stub::AcknowledgeReferral);
    Add<v1::RequestInformationRequest>("RequestInformation", Who::kReceiving, &Stub::RequestInformation,
                                       [](auto& request) { request.set_text("what"); });
    Add<v1::WaitlistReferralRequest>("WaitlistReferral", Who::kReceiving, &Stub::WaitlistReferral,
                                     [later](auto& request) { *request.mutable_review_time() = later(); });
    Add<v1::OfferPlaceRequest>("OfferPlace", Who::kReceiving, &Stub::OfferPlace,
                               [later](auto& request) { *request.mutable_answer_by_time() = later(); });
    Add<v1::AcceptReferralRequest>("AcceptReferral", Who::kReceiving, &Stub::AcceptReferral);
    Add<v1::DeclineReferralRequest>("DeclineReferral", Who::kReceiving, &Stub::DeclineReferral,
                                    [this](auto& request) { request = Decline(""); });
    Add<v1::ProposeForwardRequest>("ProposeForward", Who::kReceiving, &Stub::ProposeForward,
                                   [](auto& request) { request.set_body(std::string(kThirdBody)); });
    Add<v1::ForwardByDutyRequest>("ForwardByDuty", Who::kReceiving, &Stub::ForwardByDuty,
                                  [this](auto& request) {
                                    request = ToBody<v1::ForwardByDutyRequest>("", kThirdBody);
                                    request.set_law("es/ley-40-2015/art-14");
                                  });
    Add<v1::HandOverReferralRequest>(
        "HandOverReferral", Who::kReceiving, &Stub::HandOverReferral,
        [this](auto& request) { request = ToBody<v1::HandOverReferralRequest>("", kThirdBody); });
    Add<v1::StartReferralRequest>("StartReferral", Who::kReceiving, &Stub::StartReferral);
    Add<v1::HoldReferralRequest>("HoldReferral", Who::kReceiving, &Stub::HoldReferral,
                                 [later](auto& request) {
                                   request.set_reason(v1::HOLD_REASON_NO_CAPACITY);
                                   *request.mutable_review_time() = later();
                                 });
    Add<v1::ResumeReferralRequest>("ResumeReferral", Who::kReceiving, &Stub::ResumeReferral);
    Add<v1::CompleteReferralRequest>("CompleteReferral", Who::kReceiving, &Stub::CompleteReferral,
                                     [this](auto& request) { request = Complete(""); });
    Add<v1::EndReferralWithoutResultRequest>("EndReferralWithoutResult", Who::kReceiving,
                                             &Stub::EndReferralWithoutResult, [](auto& request) {
                                               for (const auto& outcome : Outcomes(NegativeOutcome()))
                                                 *request.add_outcomes() = outcome;
                                             });
    Add<v1::VoidOutcomeRequest>("VoidOutcome", Who::kReceiving, &Stub::VoidOutcome, [](auto& request) {
      request.set_person(1);
      request.set_reason(v1::VOID_REASON_WRONG_CONTENT);
      *request.mutable_outcome() = NegativeOutcome();
    });
    Add<v1::ConfirmCancelRequest>("ConfirmCancel", Who::kReceiving, &Stub::ConfirmCancel);
    Add<v1::RefuseCancelRequest>("RefuseCancel", Who::kReceiving, &Stub::RefuseCancel,
                                 [](auto& request) { request.set_text("why"); });
    Add<v1::RecordAppointmentRequest>("RecordAppointment", Who::kReceiving, &Stub::RecordAppointment,
                                      [later](auto& request) {
                                        request.set_status(v1::APPOINTMENT_STATUS_SCHEDULED);
                                        *request.mutable_time() = later();
                                        request.set_zone("Europe/Madrid");
                                      });
  }

  void AddOtherMethods() {
    Add<v1::ReopenReferralRequest>("ReopenReferral", Who::kEither, &Stub::ReopenReferral,
                                   [](auto& request) { request.set_text("why"); });
    Add<v1::AssignReferralRequest>("AssignReferral", Who::kEither, &Stub::AssignReferral);
    Add<v1::ClaimReferralRequest>("ClaimReferral", Who::kEither, &Stub::ClaimReferral);
    Add<v1::ChangePriorityRequest>("ChangePriority", Who::kEither, &Stub::ChangePriority, [](auto& request) {
      request.set_priority(v1::PRIORITY_URGENT);
      request.set_text("why");
    });
    Add<v1::ProposeDateRequest>("ProposeDate", Who::kEither, &Stub::ProposeDate, [](auto& request) {
      *request.mutable_time() = api::ToTimestamp(Now() + absl::Hours(48));
    });
    Add<v1::AnswerDateRequest>("AnswerDate", Who::kEither, &Stub::AnswerDate, [](auto& request) {
      request.set_answer(v1::AnswerDateRequest::ANSWER_AGREE);
    });
    Add<v1::AddNoteRequest>("AddNote", Who::kEither, &Stub::AddNote, [](auto& request) {
      request.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
      request.set_text("note");
    });
    methods_.push_back({"VoidEntry", Who::kEither, [this](const std::string& token, const std::string& name) {
                          auto request = On<v1::VoidEntryRequest>(name, stale_ ? "\"999\"" : "");
                          request.set_note(base::Cat(name, "/notes/1"));
                          request.set_reason(v1::VOID_REASON_WRONG_CONTENT);
                          return Do(token, &Stub::VoidEntry, request).status();
                        }});
    AddRights();
    Add<v1::SettleFollowUpRequest>("SettleFollowUp", Who::kEither, &Stub::SettleFollowUp);
    Add<v1::RemindReferralRequest>("RemindReferral", Who::kCoordinators, &Stub::RemindReferral);
    Add<v1::RuleOnCompetenceRequest>("RuleOnCompetence", Who::kCoordinators, &Stub::RuleOnCompetence,
                                     [](auto& request) {
                                       request.set_body(std::string(kThirdBody));
                                       request.set_law("es/ley-40-2015/art-14");
                                     });
    Add<v1::AssumeResponsibilityRequest>("AssumeResponsibility", Who::kCoordinators,
                                         &Stub::AssumeResponsibility,
                                         [](auto& request) { request.set_law("es/ley-7-1985/art-58"); });
    Add<v1::ApproveReferralRequest>("ApproveReferral", Who::kSupervisors, &Stub::ApproveReferral);
    Add<v1::EraseReferralRequest>("EraseReferral", Who::kSupervisors, &Stub::EraseReferral);
  }

  // Of the rights request that hangs on the referral at hand; another one's name where there is none.
  std::string RightsOf(const std::string& referral) {
    const auto found = rights_of_.find(referral);
    return found == rights_of_.end() ? "rightsRequests/01jd000000000000000000zzzz" : found->second;
  }

  void AddRights() {
    methods_.push_back(
        {"RecordRightsRequest", Who::kEither, [this](const std::string& token, const std::string& name) {
           auto request = Right(name, v1::RIGHT_KIND_OBJECTION);
           request.set_etag(stale_ ? "\"999\"" : "");
           return Do(token, &Stub::RecordRightsRequest, request).status();
         }});
    methods_.push_back({"AnswerRightsRequest", Who::kHolderSupervisors,
                        [this](const std::string& token, const std::string& name) {
                          v1::AnswerRightsRequestRequest request;
                          request.set_name(RightsOf(name));
                          request.set_referral(name);
                          request.set_answer(v1::RIGHT_ANSWER_RESTRICTED);
                          request.set_etag(stale_ ? "\"999\"" : "");
                          return Do(token, &Stub::AnswerRightsRequest, request).status();
                        }});
    Add<v1::PlaceLegalHoldRequest>("PlaceLegalHold", Who::kSupervisors, &Stub::PlaceLegalHold,
                                   [](auto& request) { request.set_law("es/ley-1-2000/art-328"); });
    Add<v1::ReleaseLegalHoldRequest>("ReleaseLegalHold", Who::kSupervisors, &Stub::ReleaseLegalHold);
    AddRead<v1::ExportPersonRequest, v1::ExportPersonResponse>(
        "ExportPerson", Who::kEitherAndAlerted, &Stub::ExportPerson,
        [](auto& request, const std::string& referral) {
          request.set_name(referral);
          request.set_person(1);
        });
    AddRead<v1::GetRightsRequestRequest, v1::RightsRequest>(
        "GetRightsRequest", Who::kHolders, &Stub::GetRightsRequest,
        [this](auto& request, const std::string& referral) { request.set_name(RightsOf(referral)); });
    AddRead<v1::ListRightsRequestsRequest, v1::ListRightsRequestsResponse>(
        "ListRightsRequests", Who::kOwnSupervisors, &Stub::ListRightsRequests,
        [](auto&, const std::string&) {});
    AddRead<v1::ListRetentionRequest, v1::ListRetentionResponse>(
        "ListRetention", Who::kOwnSupervisors, &Stub::ListRetention,
        [](auto& request, const std::string&) { request.set_until("2031-12-31"); });
    AddRead<v1::ListRetentionReportsRequest, v1::ListRetentionReportsResponse>(
        "ListRetentionReports", Who::kOwnSupervisors, &Stub::ListRetentionReports,
        [](auto&, const std::string&) {});
  }

  template <typename Request, typename Response>
  void AddRead(std::string_view name, Who who,
               grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
               std::function<void(Request&, const std::string&)> fill) {
    methods_.push_back(
        {std::string(name), who, [this, method, fill](const std::string& token, const std::string& referral) {
           Request request;
           fill(request, referral);
           return Do(token, method, request).status();
         }});
  }

  void AddReads() {
    const auto named = [](auto& request, const std::string& referral) { request.set_name(referral); };
    AddRead<v1::GetReferralRequest, v1::Referral>("GetReferral", Who::kReaders, &Stub::GetReferral, named);
    AddRead<v1::ListReferralHistoryRequest, v1::ListReferralHistoryResponse>(
        "ListReferralHistory", Who::kReaders, &Stub::ListReferralHistory, named);
    AddRead<v1::ListNotesRequest, v1::ListNotesResponse>("ListNotes", Who::kEitherAndAlerted,
                                                         &Stub::ListNotes, named);
    AddRead<v1::ListPartsRequest, v1::ListPartsResponse>("ListParts", Who::kEitherAndAlerted,
                                                         &Stub::ListParts, named);
    AddRead<v1::DiscloseReferralRequest, v1::DiscloseReferralResponse>(
        "DiscloseReferral", Who::kEitherAndAlerted, &Stub::DiscloseReferral,
        [this](auto& request, const std::string& referral) {
          request = Disclose(referral, {v1::SECTION_KIND_SCREENING});
        });
    AddRead<v1::DiscloseNotesRequest, v1::DiscloseNotesResponse>(
        "DiscloseNotes", Who::kEitherAndAlerted, &Stub::DiscloseNotes,
        [](auto& request, const std::string& referral) {
          request.set_name(referral);
          request.add_notes(referral + "/notes/1");
          request.set_purpose(v1::PURPOSE_COORDINATE_CASE);
        });
    AddRead<v1::ListReferralsRequest, v1::ListReferralsResponse>(
        "ListReferrals", Who::kOwnBoxes, &Stub::ListReferrals,
        [](auto& request, const std::string&) { request.set_box(v1::BOX_INBOX); });
    AddRead<v1::FindByOwnReferenceRequest, v1::FindByOwnReferenceResponse>(
        "FindByOwnReference", Who::kOwnBody, &Stub::FindByOwnReference,
        [](auto& request, const std::string&) { request.set_own_reference("none"); });
    AddRead<v1::ListReceiptKeysRequest, v1::ListReceiptKeysResponse>(
        "ListReceiptKeys", Who::kAnybody, &Stub::ListReceiptKeys, [](auto&, const std::string&) {});
    AddRead<v1::GetMyselfRequest, v1::Myself>("GetMyself", Who::kAnybody, &Stub::GetMyself,
                                              [](auto&, const std::string&) {});
    methods_.push_back(
        {"WatchReferrals", Who::kOwnBody, [this](const std::string& token, const std::string&) {
           grpc::ClientContext context;
           context.AddMetadata("authorization", base::Cat("Bearer ", token));
           // A cursor that cannot be read ends the watches of those who may watch.
           v1::WatchReferralsRequest request;
           request.set_cursor("x");
           const auto reader = stub->WatchReferrals(&context, request);
           v1::WatchReferralsResponse response;
           while (reader->Read(&response)) {
           }
           const absl::Status status = rpc::FromGrpc(reader->Finish());
           return error::ReasonOf(status) == "INVALID_FIELD" ? absl::OkStatus() : status;
         }});
  }

  // A referral in the usual units, assigned on both sides, with a note that both may open.
  std::string Referral() {
    const std::string name = Requested();
    auto assign = On<v1::AssignReferralRequest>(name);
    assign.set_assignee("actors/assignedxxxxxxxx");
    Must(Do(referrer, &Stub::AssignReferral, assign));
    Must(Do(receiver, &Stub::AssignReferral, assign));
    auto note = On<v1::AddNoteRequest>(name);
    note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
    note.set_text("note");
    Must(Do(referrer, &Stub::AddNote, note));
    rights_of_[name] =
        Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION))).name();
    return name;
  }

  std::string TokenFor(Role role, Part part) {
    const std::string_view body = IsReferring(part)             ? kReferringBody
                                  : IsReceiving(part)           ? kReceivingBody
                                  : part == Part::kCoordinating ? kCoordinatingBody
                                                                : kThirdBody;
    std::vector<std::string> units;
    if (part == Part::kReferringMember) units = {std::string(kReferringUnit)};
    if (part == Part::kReceivingMember) units = {std::string(kReceivingUnit)};
    if (part == Part::kReferringOther) units = {std::string(kOtherReferringUnit)};
    if (part == Part::kReceivingOther) units = {std::string(kOtherReceivingUnit)};
    const bool assigned = part == Part::kReferringAssignee || part == Part::kReceivingAssignee;
    return rig.TokenOf(body, {role}, units, assigned ? "actors/assignedxxxxxxxx" : "actors/plainxxxxxxxxxxx");
  }

  static Answer AnswerOf(const absl::Status& status) {
    if (status.code() == absl::StatusCode::kPermissionDenied) return Answer::kDenied;
    if (status.code() == absl::StatusCode::kNotFound) return Answer::kHidden;
    return Answer::kAllowed;
  }

  std::vector<Method> methods_;
  std::map<std::string, std::string> rights_of_;
  // Changes are sent with an etag of nothing: who may make them is told ABORTED, and nothing changes.
  bool stale_ = true;
};

TEST_F(AuthorityTest, TheTableNamesEveryMethodOfTheService) {
  std::set<std::string> named;
  for (const Method& method : methods_) named.insert(method.name);
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "waypost.referral.v1.ReferralService");
  ASSERT_NE(described, nullptr);
  for (int i = 0; i < described->method_count(); ++i) {
    EXPECT_EQ(named.count(described->method(i)->name()), 1U) << described->method(i)->name();
    named.erase(described->method(i)->name());
  }
  EXPECT_TRUE(named.empty());
}

TEST_F(AuthorityTest, EveryMethodRoleAndPart) {
  const std::string name = Referral();
  int cells = 0;
  for (const Part part : kParts) {
    for (int role = 0; role < policy::kRoleCount; ++role) {
      const std::string token = TokenFor(static_cast<Role>(role), part);
      for (const Method& method : methods_) {
        // Made for the unit that the request names, of whatever body; another body's unit is no unit of its
        // own.
        if (method.who == Who::kAnyReferrer && !IsReferring(part)) continue;
        const absl::Status status = method.call(token, name);
        const Answer expected = Expected(method.who, static_cast<Role>(role), part);
        EXPECT_EQ(AnswerOf(status), expected)
            << method.name << " as " << policy::RoleName(static_cast<Role>(role)) << ", part "
            << static_cast<int>(part) << ": expected " << NameOf(expected) << ", got " << status;
        const bool is_change = method.who != Who::kAnyReferrer && method.who != Who::kAnybody &&
                               method.who != Who::kOwnBody && method.who != Who::kOwnBoxes &&
                               method.who != Who::kOwnSupervisors && method.who != Who::kHolders &&
                               method.who != Who::kEitherAndAlerted && method.who != Who::kReaders;
        if (expected == Answer::kAllowed && is_change) {
          EXPECT_EQ(error::ReasonOf(status), "ETAG_MISMATCH") << method.name;
        } else if (expected == Answer::kAllowed) {
          EXPECT_TRUE(status.ok()) << method.name << ": " << status;
        }
        ++cells;
      }
    }
  }
  EXPECT_EQ(Record(name).revision(), 5) << "nothing was changed on the way";
  EXPECT_GT(cells, 3000);
}

TEST_F(AuthorityTest, WithoutATokenOrWithABadOneNothingIsAnswered) {
  const std::string name = Referral();
  const size_t events = rig.Events().size();
  const std::string expired =
      rig.TokenOf(kReferringBody, {Role::kSupervisor}, {}, "actors/latexxxxxxxxxxxx", rig.clock().Now());
  for (const Method& method : methods_) {
    for (const std::string& token : {std::string("no-such-token"), std::string(), expired}) {
      EXPECT_EQ(method.call(token, name).code(), absl::StatusCode::kUnauthenticated) << method.name;
    }
  }
  EXPECT_EQ(rig.Events().size(), events);
}

// The text with the name taken out.
std::string Shaped(std::string text, const std::string& name) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name))
    text.replace(at, name.size(), "NAME");
  return text;
}

// The status as text, payloads and all, with the name taken out.
std::string Shape(const absl::Status& status, const std::string& name) {
  return Shaped(std::string(base::ToStd(status.ToString(absl::StatusToStringMode::kWithEverything))), name);
}

TEST_F(AuthorityTest, AnothersReferralLooksJustLikeOneThatDoesNotExist) {
  const std::string requested = Referral();
  const std::string draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  const std::string cut = Referral();
  auto misdirected = On<v1::ReportMisdirectedRequest>(cut);
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  const std::string nothing = "referrals/01jd000000000000000000zzzz";
  ASSERT_EQ(nothing.size(), requested.size());
  for (const bool stale : {true, false}) {
    stale_ = stale;
    for (const Method& method : methods_) {
      const bool own =
          method.who == Who::kOwnBody || method.who == Who::kOwnBoxes || method.who == Who::kOwnSupervisors;
      if (own || method.who == Who::kAnyReferrer || method.who == Who::kAnybody) continue;
      const auto same = [&](const std::string& token, const std::string& name) {
        const absl::Status hidden = method.call(token, name);
        EXPECT_EQ(hidden.code(), absl::StatusCode::kNotFound) << method.name << " " << hidden;
        const std::string shown = Shape(method.call(token, nothing), nothing);
        EXPECT_EQ(Shaped(Shape(hidden, name), RightsOf(name)), Shaped(shown, RightsOf(nothing)))
            << method.name;
      };
      same(third, requested);
      same(third, draft);
      same(receiver, draft);
      same(receiver, cut);
      same(coordinator, draft);
    }
  }
  EXPECT_EQ(Record(requested).revision(), 5);
  EXPECT_EQ(Record(draft).revision(), 1);
}

// As every role, at both bodies, the coordinating one and another: also to those who have its unit, or all of
// their body, a protected referral looks like one that does not exist. Its readers find it.
TEST_F(AuthorityTest, AProtectedReferralLooksJustLikeOneThatDoesNotExist) {
  v1::SubmitReferralRequest request = NewReferral();
  v1::Protection& protection = *request.mutable_referral()->mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
  protection.add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  auto note = On<v1::AddNoteRequest>(name);
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.set_text("note");
  Must(Do(referring_caseworker, &Stub::AddNote, note));
  rights_of_[name] =
      Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION)))
          .name();
  const std::string nothing = "referrals/01jd000000000000000000zzzz";
  int cells = 0;
  for (const bool stale : {true, false}) {
    stale_ = stale;
    for (const Part part : kParts) {
      for (int role = 0; role < policy::kRoleCount; ++role) {
        const std::string token = TokenFor(static_cast<Role>(role), part);
        for (const Method& method : methods_) {
          const bool own = method.who == Who::kOwnBody || method.who == Who::kOwnBoxes ||
                           method.who == Who::kOwnSupervisors || method.who == Who::kAnyReferrer ||
                           method.who == Who::kAnybody;
          if (own) continue;
          const std::string hidden = Shaped(Shape(method.call(token, name), name), RightsOf(name));
          const std::string shown = Shaped(Shape(method.call(token, nothing), nothing), RightsOf(nothing));
          EXPECT_EQ(hidden, shown) << method.name << " as " << policy::RoleName(static_cast<Role>(role));
          EXPECT_NE(hidden, "OK") << method.name;
          ++cells;
        }
      }
    }
  }
  EXPECT_GT(cells, 5000);
  EXPECT_EQ(Record(name).revision(), 3) << "nothing was changed on the way";
  for (const std::string& reader : {referring_caseworker, receiving_caseworker}) {
    EXPECT_EQ(ReasonOf(Get(reader, name)), "OK");
  }
}

TEST_F(AuthorityTest, ACaseworkerActsForTheUnitsSheIsAMemberOf) {
  const std::string other_unit =
      rig.TokenOf(kReferringBody, {Role::kCaseworker}, {std::string(kOtherReferringUnit)});
  EXPECT_EQ(Do(other_unit, &Stub::SubmitReferral, NewReferral()).status().code(),
            absl::StatusCode::kPermissionDenied);
  v1::SubmitReferralRequest own = NewReferral();
  own.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherReferringUnit));
  EXPECT_EQ(ReasonOf(Do(other_unit, &Stub::SubmitReferral, own)), "OK");
  own.mutable_referral()->mutable_referring()->clear_unit();
  own.clear_request_id();
  const std::string hers = Must(Do(other_unit, &Stub::SubmitReferral, own)).name();
  EXPECT_EQ(ReasonOf(Get(other_unit, hers)), "OK") << "in no unit: she has it herself";
  EXPECT_EQ(Get(referring_caseworker, hers).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(Get(referrer, hers)), "OK") << "and her supervisors";
  // Neither a unit nor a body of others can be acted for.
  own.mutable_referral()->mutable_referring()->set_unit(std::string(kReceivingUnit));
  EXPECT_EQ(Do(referrer, &Stub::SubmitReferral, own).status().code(), absl::StatusCode::kInvalidArgument);
  own.mutable_referral()->mutable_referring()->set_body(std::string(kReceivingBody));
  own.mutable_referral()->mutable_referring()->clear_unit();
  const auto sent = Do(referrer, &Stub::SubmitReferral, own);
  if (sent.ok()) {
    EXPECT_EQ(sent->referring().body(), kReferringBody) << "the body comes from the token";
  }
}

TEST_F(AuthorityTest, AnAssignmentOpensTheCaseAndItsEndClosesIt) {
  const std::string name = Requested();
  const std::string helper = rig.TokenOf(kReceivingBody, {Role::kCaseworker},
                                         {std::string(kOtherReceivingUnit)}, "actors/helperxxxxxxxxxx");
  EXPECT_EQ(Get(helper, name).status().code(), absl::StatusCode::kPermissionDenied);
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.set_assignee("actors/helperxxxxxxxxxx");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  EXPECT_EQ(Must(Get(helper, name)).receiving().assignee(), "actors/helperxxxxxxxxxx");
  EXPECT_EQ(Must(Get(referrer, name)).receiving().assignee(), "") << "shown to its own side only";
  Must(Do(receiver, &Stub::AssignReferral, On<v1::AssignReferralRequest>(name)));
  EXPECT_EQ(Get(helper, name).status().code(), absl::StatusCode::kPermissionDenied);
  // The same pseudonym of another body is another person.
  Must(Do(receiver, &Stub::AssignReferral, assign));
  const std::string namesake =
      rig.TokenOf(kReferringBody, {Role::kCaseworker}, {}, "actors/helperxxxxxxxxxx");
  EXPECT_EQ(Get(namesake, name).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace waypost::referral
