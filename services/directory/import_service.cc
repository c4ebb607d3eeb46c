// The part of the directory's gRPC surface that takes in and gives out many at once: offers of other systems,
// and the register of territories.
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_policy.h"
#include "services/directory/directory_rules.h"
#include "services/directory/directory_service.h"
#include "services/directory/field_checks.h"
#include "services/directory/import_rules.h"
#include "services/directory/names.h"
#include "services/directory/territory_register.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"

namespace waypost::directory {
namespace {

using policy::Authorized;
using policy::Relation;
using policy::Relations;
using rpc::Call;
using rpc::Mutation;

constexpr uint32_t kFormatVersion = 1;

constexpr auto kCheck = [](const auto& request) { return Check(request); };

// Everybody may know of everything here; the offers of the caller's body are its own.
Relations RelationsTo(const policy::Caller& caller, std::string_view owner) {
  Relations relations = {Relation::kAnyone};
  if (caller.body == owner) relations.Add(Relation::kOwnBody);
  return relations;
}

std::string ContentKey(std::string_view offer) {
  return store::KeyBuilder()
      .Text("offer.content")
      .Text(IdOf(ResourceKind::kOffer, offer).value_or(""))
      .Take();
}

absl::StatusOr<std::string> ContentOf(const store::Reader& reader, std::string_view offer) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(ContentKey(offer)));
  if (!bytes) return std::string();
  storage::v1::OfferContentRecord record;
  if (!record.ParseFromString(*bytes) || record.format_version() != kFormatVersion) {
    return error::DataLoss("offer content record");
  }
  return std::move(*record.mutable_content());
}

void PutContent(store::Writer& writer, std::string_view offer, const std::string& content) {
  if (content.empty()) return writer.Delete(ContentKey(offer));
  storage::v1::OfferContentRecord record;
  record.set_format_version(kFormatVersion);
  record.set_content(content);
  writer.Put(ContentKey(offer), record.SerializeAsString());
}

// What became of each row: the outcome, or why it was refused. Whatever is not the row's fault is returned.
template <typename Rows, typename TakeRow, typename Response>
absl::Status TakeRows(const Rows& rows, const TakeRow& take, Response& response) {
  response.clear_results();
  for (int i = 0; i < rows.size(); ++i) {
    absl::StatusOr<v1::ImportOutcome> outcome = take(i);
    if (!outcome.ok() && !IsRowFailure(outcome.status())) return outcome.status();
    v1::ImportResult& result = *response.add_results();
    result.set_outcome(outcome.ok() ? *outcome : v1::IMPORT_OUTCOME_REFUSED);
    if (!outcome.ok()) *result.mutable_failure() = FailureOf(outcome.status());
  }
  return absl::OkStatus();
}

using PreparedOffers = std::vector<absl::StatusOr<v1::Offer>>;

PreparedOffers Prepare(const v1::ImportOffersRequest& request, absl::Time now) {
  PreparedOffers offers;
  offers.reserve(static_cast<size_t>(request.offers_size()));
  for (const v1::OfferToImport& row : request.offers()) offers.push_back(NewImportedOffer(row, now));
  return offers;
}

// The rows of one call, in one transaction. What they refer to is looked up once for all of them.
class OfferImport {
 public:
  OfferImport(const DirectoryRepository& repository, Mutation& mutation)
      : repository_(repository), mutation_(mutation) {}

  // The call as a whole needs the right to the offers of every provider: what is not the caller's is refused
  // with nothing done.
  absl::Status Authorize(const PreparedOffers& offers) {
    std::unordered_set<std::string> providers;
    for (const auto& offer : offers) {
      if (offer.ok()) providers.insert(offer->provider());
    }
    // Where no row is right, the right to any is asked for.
    if (providers.empty()) providers.insert(mutation_.caller().body);
    for (const std::string& provider : providers) {
      WAYPOST_ASSIGN_OR_RETURN(
          as_,
          mutation_.Authorize({.name = provider, .relations = RelationsTo(mutation_.caller(), provider)}));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<v1::ImportOutcome> Take(const v1::Offer& offer, const std::string& content) {
    WAYPOST_RETURN_IF_ERROR(CheckProvider(offer.provider()));
    auto current = repository_.Get<v1::Offer>(mutation_.writer(), offer.name());
    if (!current.ok() && current.status().code() != absl::StatusCode::kNotFound) return current.status();
    const v1::Offer* const before = current.ok() ? &current->resource : nullptr;
    WAYPOST_RETURN_IF_ERROR(CheckReferences(before, offer));
    WAYPOST_RETURN_IF_ERROR(CheckRoom(before, offer));
    return current.ok() ? Change(*current, offer, content) : Add(offer, content);
  }

 private:
  absl::StatusOr<v1::ImportOutcome> Add(const v1::Offer& offer, const std::string& content) {
    WAYPOST_RETURN_IF_ERROR(
        repository_.CheckProviderStands(mutation_.writer(), offer, DayOf(mutation_.call().now)));
    WAYPOST_ASSIGN_OR_RETURN(const auto stored,
                             repository_.Create(mutation_.writer(), offer, mutation_.call().now));
    PutContent(mutation_.writer(), offer.name(), content);
    WAYPOST_RETURN_IF_ERROR(Publish("directory.offer_created", stored));
    return v1::IMPORT_OUTCOME_CREATED;
  }

  absl::StatusOr<v1::ImportOutcome> Change(const Stored<v1::Offer>& current, const v1::Offer& offer,
                                           const std::string& content) {
    const absl::Time now = api::NotBefore(mutation_.call().now, current.resource);
    WAYPOST_ASSIGN_OR_RETURN(v1::Offer after, ImportedOver(current.resource, offer, now));
    WAYPOST_RETURN_IF_ERROR(
        repository_.CheckProviderKeeps(mutation_.writer(), current.resource, after, DayOf(now)));
    WAYPOST_ASSIGN_OR_RETURN(const std::string content_before, ContentOf(mutation_.writer(), offer.name()));
    const bool is_same = SameOffer(current.resource, after);
    if (is_same && content == content_before) return v1::IMPORT_OUTCOME_UNCHANGED;
    if (is_same) *after.mutable_update_time() = api::ToTimestamp(now);
    WAYPOST_ASSIGN_OR_RETURN(const auto stored,
                             repository_.Update(mutation_.writer(), current, std::move(after), now));
    if (content != content_before) PutContent(mutation_.writer(), offer.name(), content);
    WAYPOST_RETURN_IF_ERROR(Publish("directory.offer_updated", stored));
    return v1::IMPORT_OUTCOME_UPDATED;
  }

  absl::Status CheckProvider(const std::string& provider) {
    const auto [found, is_new] = providers_.try_emplace(provider);
    if (!is_new) return found->second;
    const auto body = repository_.Get<v1::Body>(mutation_.writer(), provider);
    if (body.status().code() == absl::StatusCode::kNotFound) {
      found->second = error::InvalidField("offer.provider", base::Cat("'", provider, "' does not exist"));
    } else {
      found->second = body.ok() ? CheckBodyMayGrow(body->resource, "IMPORT_OFFERS") : body.status();
    }
    return found->second;
  }

  // Most rows name the same few programmes and places as the rows before them.
  absl::Status CheckReferences(const v1::Offer* before, const v1::Offer& offer) {
    std::string references = offer.programme();
    for (const std::string& code : offer.territories()) references += base::Cat("\n", code);
    const bool is_plain = before == nullptr && !offer.has_eligibility();
    if (is_plain && right_.contains(references)) return absl::OkStatus();
    WAYPOST_RETURN_IF_ERROR(repository_.CheckReferences(mutation_.writer(), before, offer));
    if (is_plain) right_.insert(std::move(references));
    return absl::OkStatus();
  }

  // Every territory is a write, those it had before included.
  absl::Status CheckRoom(const v1::Offer* before, const v1::Offer& offer) {
    const int places = offer.territories_size() + (before == nullptr ? 0 : before->territories_size());
    if (places_ + places > kMaxImportPlaces) {
      return error::LimitExceeded("territories of the offers of one import", kMaxImportPlaces,
                                  places_ + places);
    }
    places_ += places;
    return absl::OkStatus();
  }

  absl::Status Publish(std::string_view type, const Stored<v1::Offer>& stored) {
    const v1::Offer& offer = stored.resource;
    std::vector<std::string_view> parties = {mutation_.caller().body};
    if (offer.provider() != mutation_.caller().body) parties.push_back(offer.provider());
    return mutation_.Publish(*as_, {.type = type,
                                    .resource = offer.name(),
                                    .revision = stored.revision,
                                    .time = api::FromTimestamp(offer.update_time()),
                                    .state = OfferStatusName(offer.status()),
                                    .parties = std::move(parties)});
  }

  const DirectoryRepository& repository_;
  Mutation& mutation_;
  std::optional<Authorized> as_;
  std::unordered_map<std::string, absl::Status> providers_;
  std::unordered_set<std::string> right_;
  int places_ = 0;
};

absl::Status PublishTerritory(Mutation& mutation, const Authorized& as, std::string_view type,
                              const v1::Territory& territory, int64_t revision) {
  const std::string resource = base::Cat("territories/", territory.code());
  return mutation.Publish(as, {.type = type,
                               .resource = resource,
                               .revision = revision,
                               .time = api::FromTimestamp(territory.update_time()),
                               .parties = {mutation.caller().body}});
}

absl::StatusOr<v1::ImportOutcome> TakeTerritory(Mutation& mutation, const Authorized& as,
                                                const v1::Territory& row) {
  WAYPOST_ASSIGN_OR_RETURN(v1::Territory territory, NewTerritory(row, mutation.call().now));
  const std::string_view parent = ParentOf(territory.code());
  if (!parent.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto above, FindTerritory(mutation.writer(), parent));
    if (!above) {
      return error::InvalidField("code", base::Cat("lies in '", parent, "', which is not in the register"));
    }
  }
  WAYPOST_ASSIGN_OR_RETURN(const auto current, FindTerritory(mutation.writer(), territory.code()));
  int64_t revision = 1;
  if (current) {
    const absl::Time now = api::NotBefore(mutation.call().now, current->resource);
    WAYPOST_ASSIGN_OR_RETURN(territory, TerritoryOver(current->resource, territory, now));
    if (SameTerritory(current->resource, territory)) return v1::IMPORT_OUTCOME_UNCHANGED;
    revision = current->revision + 1;
  }
  PutTerritory(mutation.writer(), territory, revision);
  WAYPOST_RETURN_IF_ERROR(
      PublishTerritory(mutation, as, "directory.territory_recorded", territory, revision));
  return current ? v1::IMPORT_OUTCOME_UPDATED : v1::IMPORT_OUTCOME_CREATED;
}

// From now on the codes of the country are held to the register.
absl::Status CompleteCountry(Mutation& mutation, const Authorized& as, std::string_view field,
                             const std::string& code) {
  WAYPOST_ASSIGN_OR_RETURN(const auto country, FindTerritory(mutation.writer(), code));
  if (!country) return error::InvalidField(field, base::Cat("'", code, "' is not in the register"));
  if (country->resource.register_complete()) return absl::OkStatus();
  v1::Territory complete = country->resource;
  complete.set_register_complete(true);
  *complete.mutable_update_time() = api::ToTimestamp(api::NotBefore(mutation.call().now, complete));
  PutTerritory(mutation.writer(), complete, country->revision + 1);
  return PublishTerritory(mutation, as, "directory.territory_register_completed", complete,
                          country->revision + 1);
}

absl::Status TakeTerritories(Mutation& mutation, const v1::ImportTerritoriesRequest& request,
                             v1::ImportTerritoriesResponse& response) {
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as, mutation.Authorize({.name = mutation.call().rule.method,
                                                                    .relations = {Relation::kAnyone}}));
  const auto take = [&](int i) { return TakeTerritory(mutation, as, request.territories(i)); };
  WAYPOST_RETURN_IF_ERROR(TakeRows(request.territories(), take, response));
  for (int i = 0; i < request.complete_countries_size(); ++i) {
    const std::string& country = request.complete_countries(i);
    const std::string field = At("complete_countries", i);
    for (int row = 0; row < response.results_size(); ++row) {
      const bool is_refused = response.results(row).outcome() == v1::IMPORT_OUTCOME_REFUSED;
      if (!is_refused || !request.territories(row).code().starts_with(country)) continue;
      return error::InvalidField(
          field, base::Cat("has a row that is refused: ", response.results(row).failure().message()));
    }
    WAYPOST_RETURN_IF_ERROR(CompleteCountry(mutation, as, field, country));
  }
  return absl::OkStatus();
}

void ShowTerritory(Stored<v1::Territory> stored, v1::Territory& shown) {
  shown = std::move(stored.resource);
  shown.set_etag(api::EtagOf(stored.revision));
}

// The request apart from its paging: a page token is bound to it.
template <typename Request>
std::string QueryOf(Request request) {
  request.clear_page_size();
  request.clear_page_token();
  return request.SerializeAsString();
}

// Answers with a page: `fill` adds at most so many items after a position, and gives the next position.
template <typename Request, typename Response, typename Fill>
absl::Status AnswerPage(const rpc::Environment& env, const Call& call, const Request& request,
                        Response& response, const Fill& fill) {
  WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, call.rule.method).status());
  WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request.page_size()));
  const std::string query = QueryOf(request);
  const api::PageScope scope = {
      .body = call.caller->body, .actor = call.caller->actor, .method = call.rule.method, .query = query};
  WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                           env.node.page_tokens.Open(request.page_token(), scope));
  WAYPOST_ASSIGN_OR_RETURN(const std::string next, fill(position, page_size));
  if (next.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(*response.mutable_next_page_token(), env.node.page_tokens.Seal(next, scope));
  return absl::OkStatus();
}

// Offers with their contents, of fewer than `limit` where they would be larger than kMaxAnswerBytes.
absl::StatusOr<std::string> FillExport(const DirectoryRepository& repository, const store::Reader& reader,
                                       const v1::ExportOffersRequest& request, std::string position,
                                       int limit, absl::Time now, v1::ExportOffersResponse& response) {
  v1::ListOffersRequest query;
  query.set_provider(request.provider());
  query.set_programme(request.programme());
  size_t bytes = 0;
  while (response.offers_size() < limit && bytes < kMaxAnswerBytes) {
    WAYPOST_ASSIGN_OR_RETURN(auto page, repository.List(reader, query, position, 1));
    for (auto& item : page.items) {
      v1::ExportedOffer& exported = *response.add_offers();
      WAYPOST_ASSIGN_OR_RETURN(*exported.mutable_source_content(), ContentOf(reader, item.resource.name()));
      *exported.mutable_offer() = std::move(item.resource);
      Show(*exported.mutable_offer(), item.revision, now);
      bytes += exported.ByteSizeLong();
    }
    position = std::move(page.next);
    if (position.empty()) break;
  }
  return position;
}

}  // namespace

DirectoryService::Reactor* DirectoryService::ImportOffers(Context* context,
                                                          const v1::ImportOffersRequest* request,
                                                          v1::ImportOffersResponse* response) {
  return rpc::MutateAfter(env_, context, kImportOffers, kCheck, *request, response,
                          [=, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
                            return rpc::MutationBody([=, this, offers = Prepare(*request, call.now)](
                                                         Mutation& mutation) -> absl::Status {
                              OfferImport import(repository_, mutation);
                              WAYPOST_RETURN_IF_ERROR(import.Authorize(offers));
                              const auto take = [&](int i) -> absl::StatusOr<v1::ImportOutcome> {
                                const auto& offer = offers[static_cast<size_t>(i)];
                                if (!offer.ok()) return offer.status();
                                return import.Take(*offer, request->offers(i).source_content());
                              };
                              return TakeRows(request->offers(), take, *response);
                            });
                          });
}

DirectoryService::Reactor* DirectoryService::ExportOffers(Context* context,
                                                          const v1::ExportOffersRequest* request,
                                                          v1::ExportOffersResponse* response) {
  return rpc::Query(
      env_, context, kExportOffers, kCheck, *request,
      [=, this](const Call& call, const store::Reader& reader) {
        return AnswerPage(env_, call, *request, *response, [&](const std::string& position, int limit) {
          return FillExport(repository_, reader, *request, position, limit, call.now, *response);
        });
      });
}

DirectoryService::Reactor* DirectoryService::ImportTerritories(Context* context,
                                                               const v1::ImportTerritoriesRequest* request,
                                                               v1::ImportTerritoriesResponse* response) {
  return rpc::Mutate(env_, context, kImportTerritories, kCheck, *request, response,
                     [=](Mutation& mutation) { return TakeTerritories(mutation, *request, *response); });
}

DirectoryService::Reactor* DirectoryService::GetTerritory(Context* context,
                                                          const v1::GetTerritoryRequest* request,
                                                          v1::Territory* response) {
  return rpc::Query(env_, context, kGetTerritory, kCheck, *request,
                    [=](const Call& call, const store::Reader& reader) -> absl::Status {
                      const std::string name = base::Cat("territories/", request->code());
                      WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, name).status());
                      WAYPOST_ASSIGN_OR_RETURN(auto stored, FindTerritory(reader, request->code()));
                      if (!stored) return error::NotFound(name);
                      ShowTerritory(*std::move(stored), *response);
                      return absl::OkStatus();
                    });
}

DirectoryService::Reactor* DirectoryService::ListTerritories(Context* context,
                                                             const v1::ListTerritoriesRequest* request,
                                                             v1::ListTerritoriesResponse* response) {
  return rpc::Query(env_, context, kListTerritories, kCheck, *request,
                    [=, this](const Call& call, const store::Reader& reader) {
                      return AnswerPage(
                          env_, call, *request, *response,
                          [&](const std::string& position, int limit) -> absl::StatusOr<std::string> {
                            WAYPOST_ASSIGN_OR_RETURN(
                                auto page,
                                directory::ListTerritories(reader, request->parent(), position, limit));
                            for (auto& item : page.items) {
                              ShowTerritory(std::move(item), *response->add_territories());
                            }
                            return page.next;
                          });
                    });
}

}  // namespace waypost::directory
