// The directory's rows, indexes and change feed over a store. Keys are tuples (common/store/keys.h):
//
//   ("body", body)                               record
//   ("unit", body, unit)                         record
//   ("offer", offer)                             record, with what is counted in its groups
//   ("programme", programme)                     record
//   ("agreement", agreement)                     record
//   ("succession", succession)                   record
//   ("body.parent", parent, body)                children of a body
//   ("body.member", association, body)           members of an association
//   ("body.kind", kind, body)                    bodies of a kind
//   ("body.level", level, body)                  bodies of a level
//   ("place", theme, code, kind, …)              what is recorded for a theme and exactly that territory: the
//                                                bodies competent, offers, agreements
//   ("offer.provider", body, offer)              offers of a body
//   ("offer.programme", programme, offer)        offers under a programme
//   ("succession.from", body, succession)        successions of which a body is the predecessor
//   ("succession.to", body, succession)          successions by which a body took a place
//   ("succession.any")                           there is one, or was
//   ("succession.open", day, succession)         successions by which a body is no more from a day on, and
//                                                whose offers were not all handed on yet
//   ("offer.before", offer)                      the body that delivered it before a succession
//   ("offer.under", body, programme, offer)      a body's offers under a programme, those that are defunct
//   not
//   ("task", body, day, kind, offer, group)      what a body has to do about an offer from a day on; about an
//                                                enquiry, whose id is in the place of the offer's
//   ("succession.due", day, succession)          those of which what is not in this repository has not moved
//   ("task.end", body, day, kind, …)             what of a body ends on a day: theme, function and territory
//   of
//                                                a competence; the id of an agreement
//   ("offer.content", offer)                     OfferContentRecord: what its record elsewhere says besides
//   ("territory", code)                          record; "territory.below": territory_register.h
//   ("change", position)                         ChangeRecord: the one live entry of a resource
//   ("change.place", resource)                   where that entry is
//   ("change.head")                              the last position given out
//   ("index.progress")                           IndexProgress: whether every row has the indexes above
//
// Who serves a place is found by walking the codes that cover it, at most 8 of them, with one cursor. The
// feed is compacted as it is written: a resource has one entry, at its last change, so that it never outgrows
// the directory, and reading it from the start gives a snapshot. None of this is ever deleted (enquiries are,
// which enquiry_repository.h keeps), and the feed is not trimmed by age: what changed last a year ago is
// still a part of what a new replica needs.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_REPOSITORY_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/directory/counted_places.h"
#include "services/directory/routing.h"
#include "services/directory/succession.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/enquiry.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// A resource as stored. Output-only fields that depend on the caller or the clock are empty.
template <typename Resource>
struct Stored {
  Resource resource;
  int64_t revision = 0;
  // Of an offer.
  CountedGroups counted = {};
};

// A page in index order. `next` is where the next one begins after, empty on the last page.
template <typename Resource>
struct Page {
  std::vector<Stored<Resource>> items;
  std::string next;
};

// A page of what a body has to do. `next` as above.
struct TaskPage {
  std::vector<v1::DirectoryTask> tasks;
  std::string next;
};

// A succession by which offers may still have to be handed on, from that day.
struct OpenInheritance {
  absl::CivilDay from;
  v1::Succession succession;
};

// Changes after a position, in order.
struct ChangePage {
  std::vector<v1::Change> changes;
  uint64_t next = 0;
  bool up_to_date = false;
};

// Stateless; thread-safe as its readers and writers are. `Resource` is Body, Unit, Offer, Programme,
// CoordinationAgreement or Succession. Every method may fail with the store's errors, and DATA_LOSS for bytes
// that cannot be read.
class DirectoryRepository {
 public:
  // NOT_FOUND.
  template <typename Resource>
  absl::StatusOr<Stored<Resource>> Get(const store::Reader& reader, std::string_view name) const;

  // Row, indexes and feed for a new resource: revision 1. ALREADY_EXISTS.
  template <typename Resource>
  absl::StatusOr<Stored<Resource>> Create(store::Writer& writer, Resource resource, absl::Time now) const;

  // The same for a changed one. REQUIRES: `before` is what Get gave in this transaction, and `after` has its
  // name.
  template <typename Resource>
  absl::StatusOr<Stored<Resource>> Update(store::Writer& writer, const Stored<Resource>& before,
                                          Resource after, absl::Time now) const;

  // What is counted in the groups of an offer, with its record: no revision, no entry in the feed.
  // REQUIRES: as for Update.
  absl::Status UpdateCounted(store::Writer& writer, Stored<v1::Offer> offer) const;

  // INVALID_FIELD for everything that a resource refers to and that does not exist or does not fit. What
  // `before` referred to already is not looked at again; null for a new resource. A body that is given a
  // parent must leave nobody, neither itself nor a body below it, under more than kMaxParents: LIMIT_EXCEEDED
  // where more than kMaxBodiesBelow are below it.
  absl::Status CheckReferences(const store::Reader& reader, const v1::Body* before,
                               const v1::Body& after) const;
  absl::Status CheckReferences(const store::Reader& reader, const v1::Offer* before,
                               const v1::Offer& after) const;
  absl::Status CheckReferences(const store::Reader& reader, const v1::Programme* before,
                               const v1::Programme& after) const;
  // And AGREEMENT_OVERLAPS where another agreement counts on one of its days.
  absl::Status CheckNew(const store::Reader& reader, const v1::CoordinationAgreement& agreement) const;
  // Nobody's accounts follow an enforcement body. And SUCCESSION_OVERLAPS, SUCCESSION_CYCLE or LIMIT_EXCEEDED
  // as it stands to the others; see succession.h.
  absl::Status CheckNew(const store::Reader& reader, const v1::Succession& succession) const;
  // LIMIT_EXCEEDED where a body has kMaxUnits units. Reads all of them: units are made seldom.
  absl::Status CheckRoomForUnit(const store::Reader& reader, std::string_view body) const;

  // Pages, of fewer than `limit` where they would be larger than kMaxAnswerBytes. `position` is a former
  // page's `next`, or empty; one of another query is PAGE_TOKEN_INVALID. REQUIRES: the request passed its
  // check; limit > 0.
  absl::StatusOr<Page<v1::Body>> List(const store::Reader& reader, const v1::ListBodiesRequest& request,
                                      std::string_view position, int limit) const;
  absl::StatusOr<Page<v1::Unit>> List(const store::Reader& reader, const v1::ListUnitsRequest& request,
                                      std::string_view position, int limit) const;
  absl::StatusOr<Page<v1::Offer>> List(const store::Reader& reader, const v1::ListOffersRequest& request,
                                       std::string_view position, int limit) const;
  absl::StatusOr<Page<v1::Programme>> List(const store::Reader& reader,
                                           const v1::ListProgrammesRequest& request,
                                           std::string_view position, int limit) const;
  absl::StatusOr<Page<v1::CoordinationAgreement>> List(const store::Reader& reader,
                                                       const v1::ListCoordinationAgreementsRequest& request,
                                                       std::string_view position, int limit) const;

  absl::StatusOr<Page<v1::Succession>> List(const store::Reader& reader,
                                            const v1::ListSuccessionsRequest& request,
                                            std::string_view position, int limit) const;

  // What a body has to do today, in the order of ListDirectoryTasksResponse. `position` as above.
  absl::StatusOr<TaskPage> Tasks(const store::Reader& reader, std::string_view body, absl::CivilDay today,
                                 std::string_view position, int limit) const;

  // Who stands in a body's place on a day; nullopt where it keeps it.
  absl::StatusOr<std::optional<Successor>> FindSuccessor(const store::Reader& reader, std::string_view body,
                                                         type::v1::Theme theme, std::string_view territory,
                                                         absl::CivilDay day) const;
  // Whoever stands in the place of the offer's provider on that day, where that body is no more or its offers
  // went with a competence, by the offer's theme and first territory. Empty: the provider delivers it.
  absl::StatusOr<std::string> HeirOf(const store::Reader& reader, const v1::Offer& offer,
                                     absl::CivilDay day) const;
  // INVALID_FIELD where a new offer names a provider in whose place another body stands.
  absl::Status CheckProviderStands(const store::Reader& reader, const v1::Offer& offer,
                                   absl::CivilDay day) const;
  // INVALID_FIELD where a change of its theme or first territory brings an offer to where another body stands
  // in its provider's place: nobody would hand it on.
  absl::Status CheckProviderKeeps(const store::Reader& reader, const v1::Offer& before,
                                  const v1::Offer& after, absl::CivilDay day) const;
  // Of the successions that have begun by that day and by which offers go, the first that may have some that
  // were not handed on yet; nothing when there is none.
  absl::StatusOr<std::optional<OpenInheritance>> NextInheritance(const store::Reader& reader,
                                                                 absl::CivilDay today) const;
  // All of its offers that go have gone.
  void EndInheritance(store::Writer& writer, const OpenInheritance& inheritance) const;
  // What a succession with an end keeps from its predecessor's other ones goes by these from the day after.
  // For one that was just recorded or ended: whichever of the two is known first.
  absl::Status OpenAfterEnds(store::Writer& writer, const v1::Succession& written) const;
  // For Gather: who delivered the offer before it was handed on.
  void PutProviderBefore(store::Writer& writer, std::string_view offer, std::string_view provider) const;

  // Gives the rows of a store from before the indexes that this version reads: at most kIndexedInStep of
  // them. Returns true once every row has them. Harmless to repeat.
  absl::StatusOr<bool> CompleteIndexes(store::Writer& writer) const;

  // What Rank needs. Reads at most kMaxRouteEntries competences and offers, and their records.
  absl::StatusOr<RouteMaterial> Gather(const store::Reader& reader, const v1::ResolveRouteRequest& request,
                                       absl::Time now) const;

  // The body that coordinates a theme in a territory on the day of `now`: of the current agreements the one
  // on the narrowest covering territory. Empty: nobody.
  absl::StatusOr<std::string> CoordinatingBody(const store::Reader& reader, type::v1::Theme theme,
                                               std::string_view territory, absl::Time now) const;

  // At most `limit` changes, and about kMaxAnswerBytes, after `position` (0: from the beginning).
  // CURSOR_TOO_OLD for a position that was never given out. Cursors in the changes are set; fields that
  // depend on the caller are not.
  absl::StatusOr<ChangePage> Changes(const store::Reader& reader, uint64_t position, int limit) const;
};

// The rows that a task has as long as its enquiry waits, which EnquiryRepository writes.
std::vector<std::string> TaskKeysOf(const v1::Enquiry& enquiry);
// Where ("succession.due", …) begins, for whoever moves what is due.
std::string DueSuccessionsPrefix();

// A feed position as a cursor, and back; empty is 0. INVALID_FIELD for what is not a cursor.
std::string CursorOf(uint64_t position);
absl::StatusOr<uint64_t> PositionOfCursor(std::string_view cursor);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_REPOSITORY_H_
