// Keys, indexes and codecs of the referral service over a store. Every function works within the caller's
// snapshot or transaction; none keeps state. Thread-safe in so far as the Reader or Writer is.
//
//   ("r", id)                                  ReferralRecord
//   ("s", id, person, section)                 SectionRecord
//   ("w", id, person, body, scope)             WrapRecord
//   ("own", id, body)                          OwnReferenceRecord
//   ("look", body, lookup, reversed id)        empty: finds referrals by a body's own reference, newest first
//   ("n", id, number)                          NoteRecord
//   ("h", id, revision)                        HistoryRecord
//   ("box", box, body, unit, state, due, id)   ReferralSummary, for inbox and outbox
//   ("mine", body, actor, box, state, due, id) ReferralSummary, for what is assigned to somebody
//   ("clock", due, id)                         clock and revision: what is due next, over all referrals
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral::rows {

// "referrals/x" is stored under x.
std::string_view IdOfName(std::string_view name);
std::string NameOfId(std::string_view id);

// A wrap with its place.
struct Wrap {
  uint32_t person = 0;
  std::string body;
  storage::v1::WrapRecord record;
};

// Which rows a listing walks.
struct BoxQuery {
  v1::Box box = v1::BOX_INBOX;
  std::string body;
  std::vector<v1::ReferralState> states;
  // Rows of these units, of which "" is the body as a whole; nullopt for every unit of the body.
  std::optional<std::vector<std::string>> units;
  // Rows assigned to this pseudonym instead, whatever the unit.
  std::string actor;
};

struct BoxPage {
  std::vector<v1::ReferralSummary> summaries;
  // Where to go on; empty at the end.
  std::string position;
};

// The most units of one body that a listing over all of them merges.
inline constexpr int kMaxUnitsMerged = 200;

// --- Referrals
// NOT_FOUND when there is none.
absl::StatusOr<storage::v1::ReferralRecord> Get(const store::Reader& reader, std::string_view name);
// Names in order, after `after` (empty: from the first), at most `limit`.
absl::StatusOr<std::vector<std::string>> ListNames(const store::Reader& reader, std::string_view after,
                                                   int limit);
absl::StatusOr<bool> Has(const store::Reader& reader, std::string_view name);

// A referral's listing rows, as each side may see them.
struct Summaries {
  v1::ReferralSummary outbox;
  v1::ReferralSummary inbox;
};

// Writes `next` and moves its index rows from where `before` (null for a new one) had them.
void Put(store::Writer& writer, const storage::v1::ReferralRecord* before,
         const storage::v1::ReferralRecord& next, const Summaries& summaries);

// By due time, then id; `position` is empty or what a page before returned.
absl::StatusOr<BoxPage> ListBox(const store::Reader& reader, const BoxQuery& query, std::string_view position,
                                int limit);

// --- Sections, keys, own references
void PutSection(store::Writer& writer, std::string_view name, const storage::v1::SectionRecord& section);
absl::StatusOr<std::vector<storage::v1::SectionRecord>> ListSections(const store::Reader& reader,
                                                                     std::string_view name);
void PutWrap(store::Writer& writer, std::string_view name, const Wrap& wrap);
void DeleteWrap(store::Writer& writer, std::string_view name, const Wrap& wrap);
absl::StatusOr<std::vector<Wrap>> ListWraps(const store::Reader& reader, std::string_view name);

// REQUIRES: the body has none on this referral; DeleteOwnReference first where it may.
void PutOwnReference(store::Writer& writer, std::string_view name, std::string_view body,
                     const storage::v1::OwnReferenceRecord& reference);
absl::StatusOr<std::optional<storage::v1::OwnReferenceRecord>> GetOwnReference(const store::Reader& reader,
                                                                               std::string_view name,
                                                                               std::string_view body);
// With its lookup row.
absl::Status DeleteOwnReference(store::Writer& writer, std::string_view name, std::string_view body);
// Names of the referrals that `body` has under a lookup, newest first, at most `limit`.
absl::StatusOr<std::vector<std::string>> FindByLookup(const store::Reader& reader, std::string_view body,
                                                      std::string_view lookup, int limit);

// The notes of one body that it alone can open.
absl::Status DeleteNotesOf(store::Writer& writer, std::string_view name, std::string_view body);
// Sections and wraps of one person.
absl::Status DeletePerson(store::Writer& writer, std::string_view name, uint32_t person);
// Removes sections, and the keys and notes that the two sides share: nobody may open them any longer. What a
// body keeps under a key of its own stays: its reference, its own notes.
absl::Status DeleteContent(store::Writer& writer, std::string_view name);

// --- Notes and history
void PutNote(store::Writer& writer, std::string_view name, const storage::v1::NoteRecord& note);
absl::StatusOr<std::optional<storage::v1::NoteRecord>> GetNote(const store::Reader& reader,
                                                               std::string_view name, uint32_t number);
// Notes with numbers above `after`, at most `limit`.
absl::StatusOr<std::vector<storage::v1::NoteRecord>> ListNotes(const store::Reader& reader,
                                                               std::string_view name, uint32_t after,
                                                               int limit);
// Each event has a revision of its own.
void PutHistory(store::Writer& writer, std::string_view name, const storage::v1::HistoryRecord& entry);
absl::StatusOr<std::vector<storage::v1::HistoryRecord>> ListHistory(const store::Reader& reader,
                                                                    std::string_view name,
                                                                    std::string_view after, int limit,
                                                                    std::string* last_key);

// --- Clocks
struct DueRow {
  absl::Time due;
  std::string name;
  v1::Clock clock = v1::CLOCK_UNSPECIFIED;
  int64_t revision = 0;
};
// What is due up to `until`, at most `limit`, earliest first.
absl::StatusOr<std::vector<DueRow>> ListDue(const store::Reader& reader, absl::Time until, int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_
