#include "services/referral/intake_service.h"

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

// One run in the transaction: finds, records each look, and fills the answer.
class DuplicateCheck {
 public:
  DuplicateCheck(rpc::Mutation& mutation, const Authorized& as, v1::CheckDuplicatesResponse& response)
      : mutation_(mutation), as_(as), response_(response) {}

  absl::Status Run(const Search& search) {
    rows::PersonFinder finder(mutation_.writer(), mutation_.caller().body);
    WAYPOST_ASSIGN_OR_RETURN(const auto found, FindAll(finder, search));
    if (search.person != person_index_) shown_ = 0;
    person_index_ = search.person;
    for (const rows::FoundPerson& person : found) {
      if (shown_ >= kMaxDuplicatesOfPerson) return absl::OkStatus();
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation_.writer(), person.referral));
      if (!IsShownAsDuplicate(record, mutation_.call())) continue;
      WAYPOST_RETURN_IF_ERROR(RecordFound(mutation_, as_, record));
      v1::DuplicateMatch& match = *response_.add_matches();
      match.set_person_index(search.person);
      *match.mutable_referral() = ToSummary(record, mutation_.caller());
      match.set_person(person.person);
      match.set_strength(search.strength);
      ++shown_;
    }
    return absl::OkStatus();
  }

 private:
  rpc::Mutation& mutation_;
  const Authorized& as_;
  v1::CheckDuplicatesResponse& response_;
  uint32_t person_index_ = 0;
  int shown_ = 0;
};

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

grpc::ServerUnaryReactor* IntakeService::CheckDuplicates(grpc::CallbackServerContext* context,
                                                         const v1::CheckDuplicatesRequest* request,
                                                         v1::CheckDuplicatesResponse* response) {
  return rpc::Disclose(env_, context, kCheckDuplicates, CheckPersons, *request,
                       [this, request, response](rpc::Mutation& mutation) -> absl::StatusOr<rpc::Opening> {
                         const std::string& body = mutation.caller().body;
                         WAYPOST_ASSIGN_OR_RETURN(
                             const Authorized as,
                             mutation.Authorize({.name = body, .relations = RelationsToOwnBody()}));
                         WAYPOST_ASSIGN_OR_RETURN(const auto searches, SearchesOf(sealing_, body, *request));
                         auto found = std::make_shared<v1::CheckDuplicatesResponse>();
                         DuplicateCheck check(mutation, as, *found);
                         for (const Search& search : searches) WAYPOST_RETURN_IF_ERROR(check.Run(search));
                         return rpc::Opening([found, response]() -> absl::Status {
                           *response = std::move(*found);
                           return absl::OkStatus();
                         });
                       });
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
