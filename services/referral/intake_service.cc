#include "services/referral/intake_service.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/rpc/mutate_batch.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "services/referral/duplicate_search.h"
#include "services/referral/intake_policy.h"
#include "services/referral/person_lookup.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_names.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_validation.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::ReferralRecord;

v1::PersonDetails DetailsOf(const v1::PersonToCheck& person) {
  v1::PersonDetails details;
  details.set_given_name(person.given_name());
  details.set_family_name(person.family_name());
  details.set_birth_date(person.birth_date());
  return details;
}

absl::Status CheckPersons(const v1::CheckDuplicatesRequest& request) {
  error::FieldViolations wrong;
  if (request.persons().empty() || request.persons_size() > kMaxPersons) {
    wrong.Add("persons", base::Cat("must be 1 to ", kMaxPersons));
    return wrong.ToStatus();
  }
  for (int i = 0; i < request.persons_size(); ++i) {
    if (LookupTextOf(DetailsOf(request.persons(i))).has_value()) continue;
    wrong.Add(base::Cat("persons[", i, "]"), "needs a name, not too long, and a birth date as YYYY-MM-DD");
  }
  return wrong.ToStatus();
}

absl::StatusOr<std::vector<Search>> SearchesOf(Sealing& sealing, std::string_view body,
                                               const v1::CheckDuplicatesRequest& request) {
  std::vector<Search> searches;
  for (int i = 0; i < request.persons_size(); ++i) {
    WAYPOST_RETURN_IF_ERROR(
        AddSearches(sealing, body, static_cast<uint32_t>(i), DetailsOf(request.persons(i)), searches));
  }
  return searches;
}

// Somebody who may be shown, and what they were found by.
struct Candidate {
  const Search* search;
  rows::FoundPerson found;
};

// As far as the snapshot tells; at most kMaxDuplicatesOfPerson of each person. `searches` must outlive them.
absl::StatusOr<std::vector<Candidate>> CandidatesOf(const rpc::Call& call, const store::Reader& reader,
                                                    const std::vector<Search>& searches) {
  std::vector<Candidate> candidates;
  std::map<uint32_t, int> count;  // by person
  rows::PersonFinder finder(reader, call.caller->body);
  for (const Search& search : searches) {
    WAYPOST_ASSIGN_OR_RETURN(const auto found, FindAll(finder, search, kMaxDuplicatesLookedAt));
    for (const rows::FoundPerson& person : found) {
      if (count[search.person] >= kMaxDuplicatesOfPerson) break;
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, person.referral));
      if (!IsShownAsDuplicate(record, call)) continue;
      ++count[search.person];
      candidates.push_back({&search, person});
    }
  }
  return candidates;
}

absl::StatusOr<bool> IsStillFound(const store::Reader& reader, std::string_view body,
                                  const Candidate& candidate) {
  for (const std::string& lookup : candidate.search->lookups) {
    WAYPOST_ASSIGN_OR_RETURN(const bool there, rows::IsFoundByPerson(reader, body, lookup, candidate.found));
    if (there) return true;
  }
  return false;
}

// In the transaction: looks at those again that are to be shown, records each look, and fills the answer. Who
// was erased, or is not to be read any longer, is left out.
absl::Status Show(rpc::Mutation& mutation, const Authorized& as, const std::vector<Candidate>& candidates,
                  v1::CheckDuplicatesResponse& response) {
  const store::Reader& reader = mutation.writer();
  for (const Candidate& candidate : candidates) {
    WAYPOST_ASSIGN_OR_RETURN(const bool there, IsStillFound(reader, mutation.caller().body, candidate));
    if (!there) continue;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, candidate.found.referral));
    if (!IsShownAsDuplicate(record, mutation.call())) continue;
    WAYPOST_RETURN_IF_ERROR(RecordFound(mutation, as, record));
    v1::DuplicateMatch& match = *response.add_matches();
    match.set_person_index(candidate.search->person);
    *match.mutable_referral() = ToSummary(record, mutation.caller());
    match.set_person(candidate.found.person);
    match.set_strength(candidate.search->strength);
  }
  return absl::OkStatus();
}

absl::Status CheckBatch(const v1::BatchSubmitReferralsRequest& request) {
  error::FieldViolations wrong;
  if (request.requests().empty() || request.requests_size() > kMaxBatchRows) {
    wrong.Add("requests", base::Cat("must be 1 to ", kMaxBatchRows));
  }
  return wrong.ToStatus();
}

// As it would have gone over the wire by itself.
google::rpc::Status ToError(const absl::Status& status) {
  google::rpc::Status error;
  const grpc::Status sent = rpc::ToGrpc(status);
  if (!error.ParseFromString(sent.error_details()) || error.code() == 0) {
    error.Clear();
    error.set_code(static_cast<int>(sent.error_code()));
    error.set_message(sent.error_message());
  }
  return error;
}

}  // namespace

IntakeService::IntakeService(const rpc::Environment& env, Sealing& sealing, ReferralChange& change)
    : env_(env), sealing_(sealing), change_(change) {}

IntakeService::~IntakeService() = default;

grpc::ServerUnaryReactor* IntakeService::CheckDuplicates(grpc::CallbackServerContext* context,
                                                         const v1::CheckDuplicatesRequest* request,
                                                         v1::CheckDuplicatesResponse* response) {
  // Many of a body's referrals may be looked through: not where everybody who writes waits for it.
  const auto prepare = [this, request, response](
                           const rpc::Call& call,
                           const store::Reader& reader) -> absl::StatusOr<rpc::DiscloseBody> {
    const std::string& body = call.caller->body;
    WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), body).status());
    auto searches = std::make_shared<std::vector<Search>>();
    WAYPOST_ASSIGN_OR_RETURN(*searches, SearchesOf(sealing_, body, *request));
    WAYPOST_ASSIGN_OR_RETURN(std::vector<Candidate> candidates, CandidatesOf(call, reader, *searches));
    return rpc::DiscloseBody([searches, candidates = std::move(candidates),
                              response](rpc::Mutation& mutation) -> absl::StatusOr<rpc::Opening> {
      WAYPOST_ASSIGN_OR_RETURN(const Authorized as, mutation.Authorize({.name = mutation.caller().body,
                                                                        .relations = RelationsToOwnBody()}));
      auto found = std::make_shared<v1::CheckDuplicatesResponse>();
      WAYPOST_RETURN_IF_ERROR(Show(mutation, as, candidates, *found));
      return rpc::Opening([found, response]() -> absl::Status {
        *response = std::move(*found);
        return absl::OkStatus();
      });
    });
  };
  return rpc::DisclosePrepared(env_, context, kCheckDuplicates, CheckPersons, *request, prepare);
}

absl::StatusOr<rpc::MutationBody> IntakeService::PrepareRow(const rpc::Call& call,
                                                            const v1::SubmitReferralRequest& request,
                                                            v1::Referral& response) {
  if (!request.name().empty())
    return error::InvalidField("name", "a draft is sent by itself: SubmitReferral");
  WAYPOST_RETURN_IF_ERROR(Validate(request));
  Asked asked;
  asked.client_name = request.referral().name();
  asked.sections = &request.sections();
  asked.own_reference = request.own_reference();
  WAYPOST_ASSIGN_OR_RETURN(std::string name, NameFor(env_, call, request.referral()));
  asked.command = SubmitOf(request, std::move(name));
  const Sides sides{.referring = call.caller->body, .receiving = request.referral().receiving().body()};
  WAYPOST_ASSIGN_OR_RETURN(Prepared prepared, change_.PrepareNew(call, asked, sides));
  return rpc::MutationBody(
      [this, asked = std::move(asked), prepared = std::move(prepared), &response](rpc::Mutation& mutation) {
        return change_.Run(mutation, asked, prepared, response);
      });
}

grpc::ServerUnaryReactor* IntakeService::BatchSubmitReferrals(grpc::CallbackServerContext* context,
                                                              const v1::BatchSubmitReferralsRequest* request,
                                                              v1::BatchSubmitReferralsResponse* response) {
  const auto rows = [this, request, response] {
    std::vector<rpc::BatchRow> batch;
    for (const v1::SubmitReferralRequest& row : request->requests()) {
      v1::BatchSubmitResult& result = *response->add_results();
      result.set_request_id(row.request_id());
      v1::Referral& referral = *result.mutable_referral();
      batch.push_back({&row, row.request_id(), &referral, [this, &row, &referral](const rpc::Call& call) {
                         return PrepareRow(call, row, referral);
                       }});
    }
    return batch;
  };
  const auto fill = [response](const rpc::BatchResults& results) {
    for (size_t i = 0; i < results.size(); ++i) {
      v1::BatchSubmitResult& result = *response->mutable_results(static_cast<int>(i));
      if (!results[i].ok()) *result.mutable_error() = ToError(results[i]);
    }
  };
  return rpc::MutateBatch<v1::BatchSubmitReferralsRequest>(env_, context, kBatchSubmitReferrals,
                                                           kSubmitReferral, CheckBatch, *request, rows, fill);
}

}  // namespace waypost::referral
