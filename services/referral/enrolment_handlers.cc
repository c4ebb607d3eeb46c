// The handlers of enrolments; those of waiting lists are in enrolment_service.cc.
#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_ledger.h"
#include "services/referral/enrolment_policy.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/enrolment_service.h"
#include "services/referral/enrolment_validation.h"
#include "services/referral/group_ledger.h"
#include "services/referral/part_ledger.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using policy::Relation;
using rpc::Call;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// An enrolment is its provider's: who may do what with it is who may with the referral, on the receiving
// side. For everybody else it does not exist.
policy::Relations RelationsToEnrolment(const ReferralRecord& referral, const policy::Caller& caller) {
  const policy::Relations relations = RelationsOf(referral, caller);
  return relations.Has(Relation::kReceiving) ? relations : policy::Relations();
}

bool MayRead(const ReferralRecord& referral, const policy::Caller& caller, std::string_view name) {
  return policy::Authorize(kGetEnrolment, caller, RelationsToEnrolment(referral, caller), name).ok();
}

// One enrolment at hand in a change.
struct Held {
  EnrolmentRecord record;
  ReferralRecord referral;
  Authorized as;
};

template <typename Request>
absl::StatusOr<Held> Hold(rpc::Mutation& mutation, const Request& request) {
  WAYPOST_ASSIGN_OR_RETURN(EnrolmentRecord record, rows::GetEnrolment(mutation.writer(), request.name()));
  WAYPOST_ASSIGN_OR_RETURN(ReferralRecord referral, rows::Get(mutation.writer(), record.referral()));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                           mutation.Authorize({.name = request.name(),
                                               .relations = RelationsToEnrolment(referral, mutation.caller()),
                                               .revision = record.revision(),
                                               .etag = request.etag()}));
  return Held{.record = std::move(record), .referral = std::move(referral), .as = as};
}

// Decides, writes, answers; who is first on the list of a group in which a place became free is named.
absl::Status Carry(rpc::Mutation& mutation, const Held& held, const EnrolmentCommand& command,
                   v1::Enrolment& response) {
  WAYPOST_ASSIGN_OR_RETURN(const EnrolmentDecision decision,
                           DecideEnrolment(held.record, command, mutation.call().now));
  WAYPOST_RETURN_IF_ERROR(WriteEnrolment(mutation, held.as, &held.record, decision));
  response = ToEnrolment(decision.next);
  const GroupKey before = GroupOf(held.record);
  if (HasPlace(decision.next.state()) && GroupOf(decision.next) == before) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(*response.mutable_next_on_list(),
                           NextOf(mutation.writer(), before, {}, held.referral.receiving().body()));
  return absl::OkStatus();
}

// Completes the referral, where nobody has.
absl::Status CompleteReferral(rpc::Mutation& mutation, const Clockwork& by, const Held& held,
                              const v1::StartEnrolmentRequest& request) {
  if (IsEnd(held.referral.state())) {
    if (request.outcomes().empty()) return absl::OkStatus();
    return error::InvalidField("outcomes",
                               "must be empty: the referral has ended, and its outcomes are kept");
  }
  for (int i = 0; i < request.outcomes_size(); ++i) {
    const v1::PersonOutcome& outcome = request.outcomes(i);
    if (outcome.person() == held.record.person() && outcome.outcome().kind() != v1::OUTCOME_KIND_ENROLLED) {
      return error::InvalidField(base::Cat("outcomes[", i, "].outcome.kind"),
                                 "must be ENROLLED for who starts");
    }
  }
  const command::Complete complete{{request.outcomes().begin(), request.outcomes().end()}};
  const absl::Time now = api::NotBefore(mutation.call().now, held.referral);
  WAYPOST_ASSIGN_OR_RETURN(SideCalendars calendars,
                           CalendarsOf(by.bodies, mutation.writer(), complete, held.referral));
  WAYPOST_ASSIGN_OR_RETURN(std::vector<Outage> outages,
                           rows::OutagesFor(mutation.writer(), held.referral, now));
  const Moment at(now, by.clocks, std::move(calendars), std::nullopt, std::move(outages));
  absl::StatusOr<Decision> decision = Decide(held.referral, complete, held.as, at);
  if (!decision.ok()) return NamingOpenParts(mutation.writer(), held.referral, decision.status());
  return CarryOutOfCaller(mutation, held.as, by, held.referral, *std::move(decision));
}

// The states asked for, in ascending order; none means those with a place.
std::vector<Stay> StaysOf(const v1::ListEnrolmentsRequest& request) {
  std::set<int> states(request.states().begin(), request.states().end());
  if (states.empty() && request.review_due()) states = {kPaused};
  if (states.empty()) states = {kPlaced, kAttending, kPaused};
  std::vector<Stay> stays;
  for (const int state : states) stays.push_back(static_cast<Stay>(state));
  return stays;
}

absl::StatusOr<rows::EnrolmentPage> ReadPage(const store::Reader& reader,
                                             const v1::ListEnrolmentsRequest& request,
                                             const rows::EnrolmentQuery& query, absl::Time now,
                                             std::string_view position, int page_size) {
  if (!request.hand_over_owed()) return rows::ListEnrolments(reader, query, position, page_size);
  rows::OwedQuery owed{.body = query.body, .programme = request.programme()};
  if (request.overdue()) owed.over_before = now;
  return rows::ListOwed(reader, owed, position, page_size);
}

}  // namespace

// A change of one enrolment.
template <typename Request>
EnrolmentService::Reactor* EnrolmentService::Change(
    Context* context, const policy::MethodRule& rule, const Request& request, v1::Enrolment* response,
    std::function<EnrolmentCommand(const Request&)> command_of) {
  return rpc::Mutate(
      env_, context, rule, kValidate, request, response,
      [&request, response, command_of = std::move(command_of)](rpc::Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Held held, Hold(mutation, request));
        return Carry(mutation, held, command_of(request), *response);
      });
}

EnrolmentService::Reactor* EnrolmentService::GetEnrolment(Context* context,
                                                          const v1::GetEnrolmentRequest* request,
                                                          v1::Enrolment* response) {
  return rpc::Query(
      env_, context, kGetEnrolment, kValidate, *request,
      [request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const EnrolmentRecord record, rows::GetEnrolment(reader, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(reader, record.referral()));
        WAYPOST_RETURN_IF_ERROR(
            call.Authorize(RelationsToEnrolment(referral, *call.caller), request->name()).status());
        *response = ToEnrolment(record);
        return absl::OkStatus();
      });
}

EnrolmentService::Reactor* EnrolmentService::ListEnrolments(Context* context,
                                                            const v1::ListEnrolmentsRequest* request,
                                                            v1::ListEnrolmentsResponse* response) {
  return rpc::Query(
      env_, context, kListEnrolments, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        policy::Relations relations = {Relation::kOwnBody};
        rows::EnrolmentQuery query{
            .group = std::nullopt, .body = call.caller->body, .states = StaysOf(*request)};
        if (request->review_due()) query.review_by = call.now;
        if (!request->offer().empty()) {
          WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies_.FindOffer(reader, request->offer()));
          if (!offer.exists) return error::NotFound(request->offer());
          if (offer.provider != call.caller->body) relations = {Relation::kAnyone};
          query.group = GroupKey{.offer = request->offer(), .group_id = request->group_id()};
        }
        WAYPOST_RETURN_IF_ERROR(call.Authorize(relations, call.caller->body).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        v1::ListEnrolmentsRequest bound = *request;
        bound.clear_page_size();
        bound.clear_page_token();
        const std::string query_text = bound.SerializeAsString();
        const api::PageScope scope{.body = call.caller->body,
                                   .actor = call.caller->actor,
                                   .method = call.rule.method,
                                   .query = query_text};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(const rows::EnrolmentPage page,
                                 ReadPage(reader, *request, query, call.now, position, page_size));
        for (const EnrolmentRecord& record : page.records) {
          WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(reader, record.referral()));
          if (MayRead(referral, *call.caller, record.name())) {
            *response->add_enrolments() = ToEnrolmentLine(record);
          }
        }
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

EnrolmentService::Reactor* EnrolmentService::StartEnrolment(Context* context,
                                                            const v1::StartEnrolmentRequest* request,
                                                            v1::Enrolment* response) {
  return rpc::Mutate(env_, context, kStartEnrolment, kValidate, *request, response,
                     [this, request, response](rpc::Mutation& mutation) -> absl::Status {
                       WAYPOST_ASSIGN_OR_RETURN(const Held held, Hold(mutation, *request));
                       WAYPOST_RETURN_IF_ERROR(Carry(mutation, held, enrolment::Start{}, *response));
                       return CompleteReferral(mutation, clockwork_, held, *request);
                     });
}

EnrolmentService::Reactor* EnrolmentService::PauseEnrolment(Context* context,
                                                            const v1::PauseEnrolmentRequest* request,
                                                            v1::Enrolment* response) {
  return Change<v1::PauseEnrolmentRequest>(context, kPauseEnrolment, *request, response,
                                           [](const v1::PauseEnrolmentRequest& asked) {
                                             return enrolment::Pause{api::FromTimestamp(asked.review_time())};
                                           });
}

EnrolmentService::Reactor* EnrolmentService::ResumeEnrolment(Context* context,
                                                             const v1::ResumeEnrolmentRequest* request,
                                                             v1::Enrolment* response) {
  return Change<v1::ResumeEnrolmentRequest>(
      context, kResumeEnrolment, *request, response,
      [](const v1::ResumeEnrolmentRequest&) { return enrolment::Resume{}; });
}

EnrolmentService::Reactor* EnrolmentService::LeaveEnrolment(Context* context,
                                                            const v1::LeaveEnrolmentRequest* request,
                                                            v1::Enrolment* response) {
  return Change<v1::LeaveEnrolmentRequest>(context, kLeaveEnrolment, *request, response,
                                           [](const v1::LeaveEnrolmentRequest& asked) {
                                             return enrolment::Leave{asked.reason(), asked.destination()};
                                           });
}

EnrolmentService::Reactor* EnrolmentService::MoveEnrolment(Context* context,
                                                           const v1::MoveEnrolmentRequest* request,
                                                           v1::Enrolment* response) {
  return rpc::Mutate(
      env_, context, kMoveEnrolment, kValidate, *request, response,
      [this, request, response](rpc::Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Held held, Hold(mutation, *request));
        const absl::Time now = mutation.call().now;
        const GroupKey to{.offer = held.record.offer(), .group_id = request->group_id()};
        WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies_.FindOffer(mutation.writer(), to.offer));
        const GroupFacts* group = offer.FindGroup(to.group_id);
        if (group == nullptr) {
          WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(now));
          return error::InvalidField("group_id", base::Cat("'", to.group_id, "' is no group of '", to.offer,
                                                           "': look them up with GetOffer"));
        }
        const bool elsewhere = to != GroupOf(held.record);
        if (elsewhere && offer.provider != held.record.provider()) {
          WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(now));
          return error::InvalidField("group_id", base::Cat("'", to.offer, "' is '", offer.provider,
                                                           "''s now: whoever has a place keeps it, and takes "
                                                           "no other one past its list"));
        }
        if (HasBegun(group->cohort_start, now)) return GroupNotOpen(GroupName(to), group->cohort_start);
        const absl::Status free = CheckPlaceFree(mutation.writer(), held.record.name(), to, group->places, 1);
        if (!free.ok() && elsewhere) {
          WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(now));
          return free;
        }
        return Carry(mutation, held, enrolment::Move{to.group_id}, *response);
      });
}

EnrolmentService::Reactor* EnrolmentService::RecordAssessment(Context* context,
                                                              const v1::RecordAssessmentRequest* request,
                                                              v1::Enrolment* response) {
  return Change<v1::RecordAssessmentRequest>(
      context, kRecordAssessment, *request, response,
      [](const v1::RecordAssessmentRequest& asked) { return enrolment::Assess{asked.assessment()}; });
}

EnrolmentService::Reactor* EnrolmentService::VoidAssessment(Context* context,
                                                            const v1::VoidAssessmentRequest* request,
                                                            v1::Enrolment* response) {
  return rpc::Mutate(env_, context, kVoidAssessment, kValidate, *request, response,
                     [request, response](rpc::Mutation& mutation) -> absl::Status {
                       WAYPOST_ASSIGN_OR_RETURN(const Held held, Hold(mutation, *request));
                       return Carry(mutation, held,
                                    enrolment::VoidAssessment{.number = request->number(),
                                                              .reason = request->reason(),
                                                              .actor = mutation.caller().actor},
                                    *response);
                     });
}

EnrolmentService::Reactor* EnrolmentService::RecordAttendance(Context* context,
                                                              const v1::RecordAttendanceRequest* request,
                                                              v1::Enrolment* response) {
  return Change<v1::RecordAttendanceRequest>(
      context, kRecordAttendance, *request, response, [](const v1::RecordAttendanceRequest& asked) {
        return enrolment::Attend{{asked.days().begin(), asked.days().end()}};
      });
}

}  // namespace waypost::referral
