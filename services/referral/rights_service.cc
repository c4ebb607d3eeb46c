// The part of the service that is about rights of the people in a referral.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/api/stored_rows.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/receipt_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_service.h"
#include "services/referral/referral_validation.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_change.h"
#include "services/referral/rights_reach.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using rpc::Call;

// What a body holds of a referral, read in the transaction that records the look.
struct Export {
  std::vector<v1::SectionKind> kinds;  // that the caller may open
  std::vector<Wrap> wraps = {};
  std::vector<storage::v1::SectionRecord> sections = {};
  std::vector<storage::v1::NoteRecord> notes = {};
  std::optional<storage::v1::OwnReferenceRecord> own_reference = {};
  std::vector<EnrolmentRecord> enrolments = {};  // one more than are exported, where there are more
};

absl::Status ReadExport(const store::Reader& reader, const ReferralRecord& record, uint32_t person,
                        const policy::Authorized& as, Export& found) {
  const std::string& body = as.caller().body;
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, record.name()));
  found.wraps = holdings.WrapsOf(body);
  if (const auto* reference = holdings.OwnReferenceOf(body); reference != nullptr) {
    found.own_reference = *reference;
  }
  WAYPOST_ASSIGN_OR_RETURN(found.sections, rows::ListSections(reader, record.name()));
  WAYPOST_ASSIGN_OR_RETURN(found.notes, rows::ListNotes(reader, record.name(), 0, kMaxNotes));
  // An enrolment is its provider's alone.
  if (!as.Is(policy::Relation::kReceiving)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(
      found.enrolments, rows::EnrolmentsOfPerson(reader, record.name(), person, kMaxEnrolmentsExported + 1));
  return absl::OkStatus();
}

// Is there a section of the person that the caller's body has a key to and the caller may open?
bool OpensAny(const Export& found, uint32_t person) {
  const bool has_key = std::any_of(found.wraps.begin(), found.wraps.end(),
                                   [person](const Wrap& wrap) { return wrap.person == person; });
  return has_key && std::any_of(found.sections.begin(), found.sections.end(), [&](const auto& section) {
           return section.person() == person &&
                  std::find(found.kinds.begin(), found.kinds.end(), section.section()) != found.kinds.end();
         });
}

// Where she waits, what is offered to her or is hers, and what came of it. `view` is the caller's of the
// referral.
void FillCourse(const v1::Referral& view, const policy::Authorized& as, uint32_t person, const Export& found,
                v1::ExportPersonResponse& response) {
  response.set_state(view.state());
  for (const v1::PersonPlace& place : view.places()) {
    if (place.person() != person) continue;
    *response.add_places() = place;
    if (!as.Is(policy::Relation::kReceiving)) response.mutable_places()->rbegin()->clear_enrolment();
  }
  const auto& waiting = view.waiting().persons();
  if (std::find(waiting.begin(), waiting.end(), person) != waiting.end()) {
    // Where on the list is worked out when somebody looks, and no part of what is kept.
    *response.mutable_waiting() = view.waiting();
    response.mutable_waiting()->clear_persons();
    response.mutable_waiting()->add_persons(person);
  }
  *response.mutable_appointments() = view.appointments();
  for (const EnrolmentRecord& record : found.enrolments) {
    if (response.enrolments_size() == kMaxEnrolmentsExported) {
      response.set_more_enrolments(true);
      break;
    }
    v1::Enrolment& enrolment = *response.add_enrolments() = ToEnrolment(record);
    enrolment.clear_etag();
    enrolment.clear_allowed_actions();
  }
}

// What is not encrypted: legal facts, who it went to and came from, which notes there are.
void FillFacts(const ReferralRecord& record, const policy::Authorized& as, uint32_t person,
               const Export& found, absl::Time now, v1::ExportPersonResponse& response) {
  const v1::Referral view = ToReferral(record, as, now);
  FillCourse(view, as, person, found, response);
  for (const v1::Person& each : view.persons()) {
    if (each.number() == person) *response.mutable_person() = each;
  }
  if (as.Is(policy::Relation::kReferring)) {
    for (const v1::Person& each : record.withdrawn_persons()) {
      if (each.number() == person) *response.mutable_person() = each;
    }
    // Who voided an outcome is the receiving body's to know.
    const bool hides = response.has_person() && !as.Is(policy::Relation::kReceiving);
    if (hides) {
      for (v1::VoidedOutcome& wrong : *response.mutable_person()->mutable_voided_outcomes()) {
        wrong.mutable_voided()->clear_actor();
      }
    }
  }
  for (const storage::v1::SectionRecord& section : found.sections) {
    const bool opened =
        std::find(found.kinds.begin(), found.kinds.end(), section.section()) != found.kinds.end();
    if (section.person() == person && !opened) response.add_left_out(section.section());
  }
  std::set<std::string> bodies = {record.origin_body(), record.referring().body()};
  if (record.has_submit_time()) bodies.insert(record.receiving().body());
  for (const v1::Hop& hop : record.hops()) {
    bodies.insert(hop.from_body());
    bodies.insert(hop.to_body());
  }
  for (const std::string& body : bodies) response.add_recipients(body);
  for (const storage::v1::NoteRecord& note : found.notes) {
    if (MayOpenNote(record, note, as)) *response.add_notes() = ToNote(record, note, as.caller());
  }
}

constexpr auto kValidate = [](const auto& request) { return Validate(request); };

}  // namespace

ReferralService::Reactor* ReferralService::RecordRightsRequest(Context* context,
                                                               const v1::RecordRightsRequestRequest* request,
                                                               v1::RightsRequest* response) {
  auto asked = std::make_shared<Asked>();
  const auto new_name = [this] {
    return rows::RightsNameOfId(api::NewId(env_.node.clock.Now(), env_.node.random));
  };
  const std::string name = new_name();
  const auto validate = [asked, name](const v1::RecordRightsRequestRequest& checked) -> absl::Status {
    WAYPOST_RETURN_IF_ERROR(Validate(checked));
    *asked = AskedOf(checked, name);
    return absl::OkStatus();
  };
  return rpc::MutatePrepared(
      env_, context, kRecordRightsRequest, validate, *request, response,
      [this, request, response, asked, name, new_name](
          const Call& call, const store::Reader& reader) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(Prepared prepared, change_.Prepare(call, reader, *asked));
        return rpc::MutationBody([this, request, response, asked, name, new_name,
                                  prepared = std::move(prepared)](rpc::Mutation& mutation) {
          return RightsChange(change_, signer_)
              .Record(mutation, *request, name, new_name, *asked, prepared, *response);
        });
      });
}

ReferralService::Reactor* ReferralService::GetRightsRequest(Context* context,
                                                            const v1::GetRightsRequestRequest* request,
                                                            v1::RightsRequest* response) {
  return rpc::Query(env_, context, kGetRightsRequest, kValidate, *request,
                    [request, response](const Call& call, const store::Reader& reader) -> absl::Status {
                      WAYPOST_ASSIGN_OR_RETURN(const auto record,
                                               rows::GetRightsRequest(reader, request->name()));
                      WAYPOST_ASSIGN_OR_RETURN(const policy::Relations relations,
                                               RelationsOf(reader, record, *call.caller));
                      WAYPOST_RETURN_IF_ERROR(call.Authorize(relations, request->name()).status());
                      WAYPOST_ASSIGN_OR_RETURN(const Unread unread, UnreadBy(reader, record, *call.caller));
                      *response = ToRightsRequest(record, call.caller->body, unread);
                      return FillPartLinks(reader, record, *call.caller, *response);
                    });
}

ReferralService::Reactor* ReferralService::ListRightsRequests(Context* context,
                                                              const v1::ListRightsRequestsRequest* request,
                                                              v1::ListRightsRequestsResponse* response) {
  return rpc::Query(
      env_, context, kListRightsRequests, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        const policy::Caller& caller = *call.caller;
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), caller.body).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string query = request->answered() ? "answered" : "owed";
        const api::PageScope scope = {
            .body = caller.body, .actor = caller.actor, .method = call.rule.method, .query = query};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(
            rows::TaskPage page,
            rows::ListRightsTasks(reader, caller.body, request->answered(), position, page_size));
        for (std::string& row : page.rows) {
          api::AddStoredRow(*response, v1::ListRightsRequestsResponse::kTasksFieldNumber, std::move(row));
        }
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

ReferralService::Reactor* ReferralService::AnswerRightsRequest(Context* context,
                                                               const v1::AnswerRightsRequestRequest* request,
                                                               v1::RightsRequest* response) {
  auto asked = std::make_shared<Asked>();
  const auto validate = [asked](const v1::AnswerRightsRequestRequest& checked) -> absl::Status {
    WAYPOST_RETURN_IF_ERROR(Validate(checked));
    *asked = AskedOf(checked);
    return absl::OkStatus();
  };
  return rpc::MutatePrepared(
      env_, context, kAnswerRightsRequest, validate, *request, response,
      [this, request, response, asked](const Call& call,
                                       const store::Reader& reader) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(Prepared prepared, change_.Prepare(call, reader, *asked));
        return rpc::MutationBody(
            [this, request, response, asked, prepared = std::move(prepared)](rpc::Mutation& mutation) {
              return RightsChange(change_, signer_).Answer(mutation, *request, *asked, prepared, *response);
            });
      });
}

ReferralService::Reactor* ReferralService::ExportPerson(Context* context,
                                                        const v1::ExportPersonRequest* request,
                                                        v1::ExportPersonResponse* response) {
  return rpc::Disclose(
      env_, context, kExportPerson, kValidate, *request,
      [this, request, response](rpc::Mutation& mutation) -> absl::StatusOr<rpc::Opening> {
        store::Writer& writer = mutation.writer();
        const policy::Caller& caller = mutation.caller();
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(writer, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(
            const policy::Authorized as,
            mutation.Authorize({.name = request->name(), .relations = RelationsOf(record, caller)}));
        if (!Concerns(record, request->person())) {
          return error::InvalidField("person", "is no person of this referral");
        }
        WAYPOST_RETURN_IF_ERROR(CheckReads(record, as));
        Export found{.kinds = OpenSections(record, as)};
        WAYPOST_RETURN_IF_ERROR(CheckRights(record, {request->person()}, {v1::SECTION_KIND_SCREENING},
                                            v1::PURPOSE_ANSWER_RIGHTS_REQUEST, as));
        WAYPOST_RETURN_IF_ERROR(ReadExport(writer, record, request->person(), as, found));
        response->Clear();
        FillFacts(record, as, request->person(), found, mutation.call().now, *response);
        const std::vector<std::string> parties = PartiesOf(record, record);
        WAYPOST_RETURN_IF_ERROR(
            mutation.Publish(as, {.type = "referral.person_exported",
                                  .resource = record.name(),
                                  .revision = record.revision(),
                                  .time = mutation.call().now,
                                  .parties = {parties.begin(), parties.end()},
                                  .access = true,
                                  .purpose = v1::Purpose_Name(v1::PURPOSE_ANSWER_RIGHTS_REQUEST),
                                  .sealed = IsProtected(record)}));
        if (as.Is(policy::Relation::kReceiving) && OpensAny(found, request->person())) {
          WAYPOST_RETURN_IF_ERROR(RecordReading(mutation, as, record));
        }
        return rpc::Opening([this, request, response, body = caller.body,
                             found = std::move(found)]() -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys,
                                   sealing_.OpenKeys(request->name(), found.wraps, body));
          if (!found.kinds.empty()) {
            WAYPOST_ASSIGN_OR_RETURN(auto sections,
                                     sealing_.OpenSections(request->name(), keys, found.sections,
                                                           {request->person()}, found.kinds));
            for (auto& section : sections) *response->mutable_sections() = std::move(section);
          }
          if (!found.own_reference.has_value()) return absl::OkStatus();
          WAYPOST_ASSIGN_OR_RETURN(*response->mutable_own_reference(),
                                   sealing_.OpenOwnReference(request->name(), keys, *found.own_reference));
          return absl::OkStatus();
        });
      });
}

}  // namespace waypost::referral
