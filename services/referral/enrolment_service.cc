#include "services/referral/enrolment_service.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_policy.h"
#include "services/referral/enrolment_validation.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using policy::Relation;
using rpc::Call;
using storage::v1::WaitingListRecord;
using storage::v1::WaitingRecord;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// A group, as the directory knows it. What it has is public; so is that there is none.
struct Group {
  GroupKey key;
  std::string provider;
  std::optional<int> places;

  policy::Relations RelationsOf(const policy::Caller& caller) const {
    policy::Relations relations = {Relation::kAnyone};
    if (caller.body == provider) relations.Add(Relation::kOwnBody);
    return relations;
  }
};

// REQUIRES: the name passed validation.
absl::StatusOr<Group> FindGroup(const BodyRegistry& bodies, const store::Reader& reader,
                                const std::string& list_name) {
  const std::optional<GroupKey> key = GroupOfWaitingList(list_name);
  if (!key.has_value()) return error::NotFound(list_name);
  WAYPOST_ASSIGN_OR_RETURN(const OfferFacts offer, bodies.FindOffer(reader, key->offer));
  const GroupFacts* group = offer.FindGroup(key->group_id);
  if (group == nullptr) return error::NotFound(list_name);
  return Group{.key = *key, .provider = offer.provider, .places = group->places};
}

// The first on the list that the caller may read; empty when there is none. A list has a limit.
absl::StatusOr<std::string> FirstReadable(const store::Reader& reader, const GroupKey& group,
                                          const policy::Caller& caller) {
  constexpr int kAtOnce = 50;
  rows::WaitingPage page;
  do {
    WAYPOST_ASSIGN_OR_RETURN(page, rows::ListWaiting(reader, group, page.position, kAtOnce));
    for (const WaitingRecord& waiting : page.records) {
      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, waiting.referral()));
      if (MayRead(record, caller)) return record.name();
    }
  } while (!page.position.empty());
  return std::string();
}

absl::Status Fill(const store::Reader& reader, const Group& group, const WaitingListRecord& list,
                  const Authorized& as, v1::WaitingList& view) {
  view.set_name(WaitingListName(group.key));
  view.set_etag(api::EtagOf(list.revision()));
  view.set_revision(list.revision());
  *view.mutable_criteria() = list.criteria();
  if (list.has_update_time()) *view.mutable_update_time() = list.update_time();
  view.set_provider(group.provider);
  if (!as.Is(Relation::kOwnBody)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto count, rows::GetGroupCount(reader, group.key));
  if (group.places.has_value()) view.set_places(*group.places);
  const int64_t taken = count.held() + count.enrolled();
  view.set_taken(static_cast<int32_t>(taken));
  if (group.places.has_value()) {
    view.set_free(static_cast<int32_t>(std::max<int64_t>(0, *group.places - taken)));
  }
  view.set_enrolled(static_cast<int32_t>(count.enrolled()));
  view.set_waiting_count(static_cast<int32_t>(count.waiting()));
  view.set_waiting_person_count(static_cast<int32_t>(count.waiting_persons()));
  WAYPOST_ASSIGN_OR_RETURN(*view.mutable_next_referral(), FirstReadable(reader, group.key, as.caller()));
  return absl::OkStatus();
}

// One place of the list, without what a caller may not read.
absl::StatusOr<v1::WaitingListEntry> EntryOf(const store::Reader& reader, const WaitingRecord& waiting,
                                             int position, const policy::Caller& caller) {
  v1::WaitingListEntry entry;
  entry.set_position(position);
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, waiting.referral()));
  if (!MayRead(record, caller)) return entry;
  entry.set_referral(record.name());
  entry.set_referring_body(record.referring().body());
  entry.set_priority(record.priority());
  *entry.mutable_since_time() = record.waiting().since_time();
  *entry.mutable_submit_time() = record.submit_time();
  *entry.mutable_persons() = record.waiting().persons();
  if (record.has_due()) *entry.mutable_due() = record.due();
  return entry;
}

// Where a page of a list begins: after how many that were shown, and after which row.
struct PageStart {
  int shown = 0;
  std::string_view row;
};

// As a page token has it, under criteria of that revision.
std::string PositionOf(int64_t revision, const PageStart& start) {
  return base::Cat(revision, ":", start.shown, ":", start.row);
}

absl::StatusOr<PageStart> ParsePosition(std::string_view position, int64_t revision) {
  PageStart start;
  if (position.empty()) return start;
  const std::string prefix = base::Cat(revision, ":");
  if (position.substr(0, prefix.size()) != prefix) return error::PageTokenInvalid();
  position.remove_prefix(prefix.size());
  const char* const end = position.data() + position.size();
  const auto [at, error] = std::from_chars(position.data(), end, start.shown);
  if (error != std::errc() || at == end || *at != ':') return error::PageTokenInvalid();
  start.row = position.substr(static_cast<size_t>(at - position.data()) + 1);
  return start;
}

// The list in the order of other criteria.
absl::Status OrderAnew(store::Writer& writer, const GroupKey& group, const Criteria& before,
                       const Criteria& after) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<WaitingRecord> list, rows::AllWaiting(writer, group));
  for (const WaitingRecord& waiting : list) rows::DeleteWaiting(writer, group, before, waiting);
  for (const WaitingRecord& waiting : list) rows::PutWaiting(writer, group, after, waiting);
  return absl::OkStatus();
}

}  // namespace

EnrolmentService::EnrolmentService(const rpc::Environment& env, const Clockwork& clockwork)
    : env_(env), clockwork_(clockwork), bodies_(clockwork.bodies) {}

EnrolmentService::~EnrolmentService() = default;

EnrolmentService::Reactor* EnrolmentService::GetWaitingList(Context* context,
                                                            const v1::GetWaitingListRequest* request,
                                                            v1::WaitingList* response) {
  return rpc::Query(
      env_, context, kGetWaitingList, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Group group, FindGroup(bodies_, reader, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 call.Authorize(group.RelationsOf(*call.caller), request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const WaitingListRecord list, rows::GetWaitingList(reader, group.key));
        return Fill(reader, group, list, as, *response);
      });
}

EnrolmentService::Reactor* EnrolmentService::ListWaitingList(Context* context,
                                                             const v1::ListWaitingListRequest* request,
                                                             v1::ListWaitingListResponse* response) {
  return rpc::Query(
      env_, context, kListWaitingList, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Group group, FindGroup(bodies_, reader, request->name()));
        WAYPOST_RETURN_IF_ERROR(call.Authorize(group.RelationsOf(*call.caller), request->name()).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const api::PageScope scope{.body = call.caller->body,
                                   .actor = call.caller->actor,
                                   .method = call.rule.method,
                                   .query = request->name()};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(const WaitingListRecord criteria, rows::GetWaitingList(reader, group.key));
        WAYPOST_ASSIGN_OR_RETURN(PageStart start, ParsePosition(position, criteria.revision()));
        WAYPOST_ASSIGN_OR_RETURN(const rows::WaitingPage page,
                                 rows::ListWaiting(reader, group.key, start.row, page_size));
        for (const WaitingRecord& waiting : page.records) {
          WAYPOST_ASSIGN_OR_RETURN(*response->add_entries(),
                                   EntryOf(reader, waiting, ++start.shown, *call.caller));
        }
        if (page.position.empty()) return absl::OkStatus();
        start.row = page.position;
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(PositionOf(criteria.revision(), start), scope));
        return absl::OkStatus();
      });
}

EnrolmentService::Reactor* EnrolmentService::SetWaitingListCriteria(
    Context* context, const v1::SetWaitingListCriteriaRequest* request, v1::WaitingList* response) {
  return rpc::Mutate(
      env_, context, kSetWaitingListCriteria, kValidate, *request, response,
      [this, request, response](rpc::Mutation& mutation) -> absl::Status {
        store::Writer& writer = mutation.writer();
        WAYPOST_ASSIGN_OR_RETURN(const Group group, FindGroup(bodies_, writer, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(WaitingListRecord list, rows::GetWaitingList(writer, group.key));
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 mutation.Authorize({.name = request->name(),
                                                     .relations = group.RelationsOf(mutation.caller()),
                                                     .revision = list.revision(),
                                                     .etag = request->etag()}));
        const Criteria before = rows::CriteriaOf(list);
        const absl::Time now = api::NotBefore(mutation.call().now, list);
        list.set_format_version(1);
        list.set_revision(list.revision() + 1);
        *list.mutable_criteria() = request->criteria();
        *list.mutable_update_time() = api::ToTimestamp(now);
        rows::PutWaitingList(writer, group.key, list);
        WAYPOST_RETURN_IF_ERROR(OrderAnew(writer, group.key, before, rows::CriteriaOf(list)));
        WAYPOST_RETURN_IF_ERROR(mutation.Publish(as, {.type = "referral.waiting_list_ordered",
                                                      .resource = request->name(),
                                                      .revision = list.revision(),
                                                      .time = now,
                                                      .parties = {group.provider}}));
        return Fill(writer, group, list, as, *response);
      });
}

}  // namespace waypost::referral
