#include "services/audit/audit_service.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/big_endian.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "services/audit/audit_policy.h"
#include "services/audit/audit_requests.h"
#include "services/audit/audit_rules.h"
#include "services/audit/audit_view.h"
#include "services/audit/merkle.h"

namespace waypost::audit {
namespace {

using policy::Authorized;
using rpc::Call;
using store::Reader;

// What a refusal names where no single resource is meant.
constexpr std::string_view kLogResource = "entries";

// One Append from arrival to answer: checks and hashes on the calling thread, then one transaction for each
// slice, one after the other, so that records enter the log in the order given. Not a mutation of the usual
// shape: event ids make it idempotent, and it publishes no event of its own.
class RunningAppend : public std::enable_shared_from_this<RunningAppend> {
 public:
  RunningAppend(const rpc::Environment& env, const AuditRepository& repository,
                grpc::CallbackServerContext* context, v1::AppendResponse* response)
      : env_(env),
        repository_(repository),
        incoming_(rpc::IncomingOf(*context)),
        pending_(env.node, kAppend, incoming_),
        reactor_(context->DefaultReactor()),
        response_(response) {}

  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  void Begin(const v1::AppendRequest& request) {
    const absl::Status status = Prepare(request);
    if (!status.ok()) return Answer(status);
    NextSlice();
  }

 private:
  absl::Status Prepare(const v1::AppendRequest& request) {
    WAYPOST_RETURN_IF_ERROR(pending_.Admit(incoming_));
    WAYPOST_RETURN_IF_ERROR(pending_.call().Authorize(kRelationsToLog, kLogResource).status());
    const auto& envelopes = request.envelopes();
    WAYPOST_ASSIGN_OR_RETURN(
        const std::vector<CheckedRecord> checked,
        CheckEnvelopes(std::span(envelopes.data(), static_cast<size_t>(envelopes.size()))));
    records_ = repository_.Prepare(checked);
    slices_ = SlicesOf(records_);
    return absl::OkStatus();
  }

  void NextSlice() {
    if (next_ == slices_.size()) return Answer(absl::OkStatus());
    if (pending_.DeadlinePassed()) return Answer(error::DeadlinePassed());
    env_.store.Transact(
        [self = shared_from_this()](store::Writer& writer) -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(
              self->appended_,
              self->repository_.Append(writer, self->slices_[self->next_], self->pending_.call().now));
          return absl::OkStatus();
        },
        [self = shared_from_this()](const absl::Status& status) { self->SliceDone(status); });
  }

  void SliceDone(const absl::Status& status) {
    if (!status.ok()) return Answer(status);
    response_->mutable_indexes()->Add(appended_.indexes.begin(), appended_.indexes.end());
    response_->set_tree_size(appended_.tree_size);
    ++next_;
    NextSlice();
  }

  void Answer(const absl::Status& status) {
    pending_.Answered(status);
    reactor_->Finish(rpc::ToGrpc(status));
  }

  const rpc::Environment& env_;
  const AuditRepository& repository_;
  const rpc::chain::Incoming incoming_;
  rpc::PendingCall pending_;
  grpc::ServerUnaryReactor* const reactor_;
  v1::AppendResponse* const response_;
  std::vector<PreparedRecord> records_;
  std::vector<std::span<const PreparedRecord>> slices_;
  size_t next_ = 0;
  Appended appended_;  // of the slice that ran last
};

// Requests are read where the caller is known, inside the query.
constexpr auto kReadInside = [](const auto&) { return absl::OkStatus(); };

template <typename Hashes>
void AddPath(const Hashes& hashes, google::protobuf::RepeatedPtrField<std::string>& path) {
  for (const Hash& hash : hashes) path.Add(std::string(crypto::AsText(hash)));
}

// Completes a proof with what comes from the tree.
absl::Status Prove(const NodeSource& tiles, v1::Proof& proof) {
  WAYPOST_ASSIGN_OR_RETURN(const Hash root, TreeRoot(tiles, proof.tree_size()));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<Hash> path,
                           InclusionProof(tiles, proof.index(), proof.tree_size()));
  proof.set_root_hash(std::string(crypto::AsText(root)));
  AddPath(path, *proof.mutable_path());
  return absl::OkStatus();
}

// OK when the entry is in the tree that it is to be proved in.
absl::Status CheckIn(uint64_t index, uint64_t tree_size, std::string_view field) {
  if (index < tree_size) return absl::OkStatus();
  return error::InvalidField(field, "the entry is not in the tree of that size");
}

// The entry that a proof is asked for. NOT_FOUND for a resource that the log does not know.
absl::StatusOr<uint64_t> SubjectOf(const v1::GetProofRequest& request, const AuditRepository& repository,
                                   const Reader& reader, const policy::Caller& caller) {
  if (request.has_entry()) return ParseEntryName(request.entry(), "entry");
  if (request.revision() != 0) return repository.FindRevision(reader, request.resource(), request.revision());
  return repository.FindNewest(reader, caller.body, request.resource());
}

// The request apart from its paging: a page token is bound to it.
std::string QueryOf(v1::ListEntriesRequest request) {
  request.clear_page_size();
  request.clear_page_token();
  return request.SerializeAsString();
}

absl::StatusOr<std::optional<uint64_t>> PositionOf(const api::PageTokens& tokens, std::string_view token,
                                                   const api::PageScope& scope) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string position, tokens.Open(token, scope));
  if (position.empty()) return std::optional<uint64_t>();
  if (position.size() != sizeof(uint64_t)) return error::PageTokenInvalid();
  return std::optional<uint64_t>(base::ReadBigEndian(position));
}

}  // namespace

AuditService::AuditService(const rpc::Environment& env, std::string_view log) : env_(env), repository_(log) {}

AuditService::~AuditService() = default;

AuditService::Reactor* AuditService::Append(Context* context, const v1::AppendRequest* request,
                                            v1::AppendResponse* response) {
  const auto running = std::make_shared<RunningAppend>(env_, repository_, context, response);
  Reactor* const reactor = running->reactor();
  running->Begin(*request);
  return reactor;
}

AuditService::Reactor* AuditService::ListEntries(Context* context, const v1::ListEntriesRequest* request,
                                                 v1::ListEntriesResponse* response) {
  return rpc::Query(
      env_, context, kListEntries, kReadInside, *request,
      [this, request, response](const Call& call, const Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const ListQuery query, CheckListEntries(*request, *call.caller));
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 call.Authorize(RelationsToListing(query.body, *call.caller), query.body));
        const std::string bound = QueryOf(*request);
        const api::PageScope scope = {.body = call.caller->body,
                                      .actor = call.caller->actor,
                                      .method = call.rule.method,
                                      .query = bound};
        const api::PageTokens& tokens = env_.node.page_tokens;
        WAYPOST_ASSIGN_OR_RETURN(const std::optional<uint64_t> position,
                                 PositionOf(tokens, request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(const ListPage page, repository_.List(reader, query, position));
        for (const LoggedRecord& record : page.records) *response->add_entries() = View(record, as);
        response->set_total_size(page.total);
        if (!page.next.has_value()) return absl::OkStatus();
        std::string next;
        base::AppendBigEndian(*page.next, next);
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(), tokens.Seal(next, scope));
        return absl::OkStatus();
      });
}

AuditService::Reactor* AuditService::GetEntry(Context* context, const v1::GetEntryRequest* request,
                                              v1::Entry* response) {
  return rpc::Query(env_, context, kGetEntry, kReadInside, *request,
                    [this, request, response](const Call& call, const Reader& reader) -> absl::Status {
                      WAYPOST_ASSIGN_OR_RETURN(const uint64_t index, ParseEntryName(request->name(), "name"));
                      WAYPOST_ASSIGN_OR_RETURN(const LoggedRecord record, repository_.Get(reader, index));
                      WAYPOST_ASSIGN_OR_RETURN(
                          const Authorized as,
                          call.Authorize(RelationsToRecord(record.event, *call.caller), request->name()));
                      *response = View(record, as);
                      return absl::OkStatus();
                    });
}

AuditService::Reactor* AuditService::GetInclusionProof(Context* context,
                                                       const v1::GetInclusionProofRequest* request,
                                                       v1::Proof* response) {
  return rpc::Query(
      env_, context, kGetInclusionProof, kReadInside, *request,
      [this, request, response](const Call& call, const Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize(kRelationsToLog, kLogResource).status());
        WAYPOST_ASSIGN_OR_RETURN(const TreeState tree, repository_.Tree(reader));
        WAYPOST_ASSIGN_OR_RETURN(const uint64_t size, TreeSizeOf(request->tree_size(), tree.size()));
        WAYPOST_RETURN_IF_ERROR(CheckIn(request->index(), size, "index"));
        WAYPOST_ASSIGN_OR_RETURN(const LoggedRecord record, repository_.Get(reader, request->index()));
        *response = ClosedProof(record, size);
        return Prove(repository_.Tiles(reader), *response);
      });
}

AuditService::Reactor* AuditService::GetConsistencyProof(Context* context,
                                                         const v1::GetConsistencyProofRequest* request,
                                                         v1::ConsistencyProof* response) {
  return rpc::Query(
      env_, context, kGetConsistencyProof, kReadInside, *request,
      [this, request, response](const Call& call, const Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize(kRelationsToLog, kLogResource).status());
        WAYPOST_ASSIGN_OR_RETURN(const TreeState tree, repository_.Tree(reader));
        const uint64_t first = request->first_size();
        if (first == 0) return error::InvalidField("first_size", "must be at least 1");
        WAYPOST_ASSIGN_OR_RETURN(const uint64_t second, TreeSizeOf(request->second_size(), tree.size()));
        if (first > second) return error::InvalidField("first_size", "is above the second size");
        const TileReader tiles = repository_.Tiles(reader);
        WAYPOST_ASSIGN_OR_RETURN(const Hash first_root, TreeRoot(tiles, first));
        WAYPOST_ASSIGN_OR_RETURN(const Hash second_root, TreeRoot(tiles, second));
        WAYPOST_ASSIGN_OR_RETURN(const std::vector<Hash> path, ConsistencyProof(tiles, first, second));
        response->set_first_size(first);
        response->set_second_size(second);
        response->set_first_root_hash(std::string(crypto::AsText(first_root)));
        response->set_second_root_hash(std::string(crypto::AsText(second_root)));
        AddPath(path, *response->mutable_path());
        return absl::OkStatus();
      });
}

AuditService::Reactor* AuditService::GetProof(Context* context, const v1::GetProofRequest* request,
                                              v1::Proof* response) {
  return rpc::Query(
      env_, context, kGetProof, CheckGetProof, *request,
      [this, request, response](const Call& call, const Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const uint64_t index,
                                 SubjectOf(*request, repository_, reader, *call.caller));
        WAYPOST_ASSIGN_OR_RETURN(const LoggedRecord record, repository_.Get(reader, index));
        const std::string& asked = request->has_entry() ? request->entry() : request->resource();
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 call.Authorize(RelationsToRecord(record.event, *call.caller), asked));
        WAYPOST_ASSIGN_OR_RETURN(const TreeState tree, repository_.Tree(reader));
        WAYPOST_ASSIGN_OR_RETURN(const uint64_t size, TreeSizeOf(request->tree_size(), tree.size()));
        WAYPOST_RETURN_IF_ERROR(CheckIn(index, size, "tree_size"));
        *response = OpenedProof(record, size, as);
        return Prove(repository_.Tiles(reader), *response);
      });
}

AuditService::Reactor* AuditService::GetTreeHead(Context* context, const v1::GetTreeHeadRequest* request,
                                                 v1::TreeHead* response) {
  return rpc::Query(env_, context, kGetTreeHead, kReadInside, *request,
                    [this, response](const Call& call, const Reader& reader) -> absl::Status {
                      WAYPOST_RETURN_IF_ERROR(call.Authorize(kRelationsToLog, kLogResource).status());
                      WAYPOST_ASSIGN_OR_RETURN(const TreeState tree, repository_.Tree(reader));
                      response->set_tree_size(tree.size());
                      response->set_root_hash(std::string(crypto::AsText(tree.root)));
                      response->set_out_of_order_count(tree.out_of_order_count);
                      if (tree.size() == 0) return absl::OkStatus();
                      *response->mutable_last_append_time() = api::ToTimestamp(tree.last_append_time);
                      return absl::OkStatus();
                    });
}

}  // namespace waypost::audit
