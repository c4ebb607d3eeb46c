// Keys, indexes and codecs of the referral service over a store. Every function works within the caller's
// snapshot or transaction; none keeps state. Thread-safe in so far as the Reader or Writer is.
//
//   ("r", id)                                  ReferralRecord
//   ("s", id, person)                          SectionsRecord
//   ("held", id)                               HoldingsRecord: each body's keys and own reference
//   ("look", body, lookup, reversed id)        empty: finds referrals by a body's own reference, newest first
//   ("dup", body, lookup, reversed id, person) empty: finds a body's referrals of one person, newest first
//   ("n", id, number)                          NoteRecord
//   ("h", id, revision)                        HistoryRecord
//   ("box", box, body, unit, state, due, id)   ReferralSummary, for inbox and outbox
//   ("mine", body, actor, box, unit, state, due, id)
//                                              ReferralSummary, for what is assigned to somebody
//   ("read", body, actor, box, unit, state, due, id)
//                                              ReferralSummary, for each reader of a protected referral,
//                                              which has no row in "box" and "mine"; the actor is empty for
//                                              the officers who are to name readers
//   ("next", id, id of a continuation)
//                                              empty: what continues a referral, hand-overs not taken
//                                              included
//   ("under", offer, id)                       empty: open referrals that name an offer; read by the keeper
//                                              of programmes alone, and so of protected ones, too
//   ("clock", wake time, id)                   wake and revision: when the clocks look at it next
//   ("clock.beat")                             when the clocks ran last
//   ("clock.outage", end)                      begin of a time in which they did not run
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/referral_clocks.h"
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

// What a person is found by, by one body.
struct PersonLookup {
  uint32_t person = 0;
  std::string body;
  std::string lookup;
  friend bool operator==(const PersonLookup&, const PersonLookup&) = default;
};

// Which rows a listing walks.
struct BoxQuery {
  v1::Box box = v1::BOX_INBOX;
  std::string body;
  std::vector<v1::ReferralState> states;
  // Rows of these units, of which "" stands for no unit; nullopt for every unit of the body.
  std::optional<std::vector<std::string>> units;
  // With `units`: and the rows of other units that are assigned to this pseudonym; empty for none.
  std::string also_assigned_to = {};
  // Of these, only the rows assigned to this pseudonym; empty for all.
  std::string actor;
  // And what is protected and read by this pseudonym, in whatever unit, or in `reader_unit` where that is
  // given.
  std::string reader = {};
  std::string reader_unit = {};
  // And what is protected and wants readers of that body.
  bool names_readers = false;
};

struct BoxPage {
  std::vector<std::string> rows;  // each a serialized v1::ReferralSummary, as the index has it
  // Where to go on; empty at the end.
  std::string position;
};

// The most units of one body that a listing over all of them merges: as many as the directory gives a body,
// and what is addressed to none.
inline constexpr int kMaxUnitsMerged = 201;

// --- Referrals
// NOT_FOUND when there is none.
absl::StatusOr<storage::v1::ReferralRecord> Get(const store::Reader& reader, std::string_view name);
// Names in order, after `after` (empty: from the first), at most `limit`.
absl::StatusOr<std::vector<std::string>> ListNames(const store::Reader& reader, std::string_view after,
                                                   int limit);
// Names of the referrals that were opened to continue this one, at most `limit`.
absl::StatusOr<std::vector<std::string>> ListContinuations(const store::Reader& reader, std::string_view name,
                                                           int limit);
absl::StatusOr<bool> Has(const store::Reader& reader, std::string_view name);
// The referral in which the case of a record is now: itself, or where it was sent on to. Nothing where that
// is only being opened, in the transaction at hand.
absl::StatusOr<std::optional<storage::v1::ReferralRecord>> WhereItWent(const store::Reader& reader,
                                                                       storage::v1::ReferralRecord at);
// Names of the open referrals that name an offer, in order, after `after` (empty: from the first), at most
// `limit`.
absl::StatusOr<std::vector<std::string>> ListUnder(const store::Reader& reader, std::string_view offer,
                                                   std::string_view after, int limit);
// The rows of one that was written before there were such rows.
void PutUnder(store::Writer& writer, const storage::v1::ReferralRecord& record);

// A referral's listing rows, as each side may see them.
struct Summaries {
  v1::ReferralSummary outbox;
  v1::ReferralSummary inbox;
  v1::ReferralSummary coordination = {};  // of the coordinating body
};

// Writes `next` and moves its index rows from where `before` (null for a new one) had them.
void Put(store::Writer& writer, const storage::v1::ReferralRecord* before,
         const storage::v1::ReferralRecord& next, const Summaries& summaries);

// The same of a record that differs in nothing but the dates of its retention: no other row changes.
void PutRetention(store::Writer& writer, const storage::v1::ReferralRecord* before,
                  const storage::v1::ReferralRecord& next);

// The same of a record that differs in nothing that a row says, as in its receipts.
void PutRecordAlone(store::Writer& writer, const storage::v1::ReferralRecord& next);

// By due time, then id; `position` is empty or what a page before returned. LIMIT_EXCEEDED where all units
// are asked for and there are rows of more than kMaxUnitsMerged.
absl::StatusOr<BoxPage> ListBox(const store::Reader& reader, const BoxQuery& query, std::string_view position,
                                int limit);

// --- Sections
// Writes them in place of all that each of these persons had.
void PutSections(store::Writer& writer, std::string_view name,
                 const std::vector<storage::v1::SectionRecord>& sections);
// Writes them in place of those of the same kind; others stay.
absl::Status ReplaceSections(store::Writer& writer, std::string_view name,
                             const std::vector<storage::v1::SectionRecord>& sections);
absl::StatusOr<std::vector<storage::v1::SectionRecord>> ListSections(const store::Reader& reader,
                                                                     std::string_view name);

// --- Keys and own references
// What every body holds of one referral: the keys wrapped for it, and its own reference. Changed in memory,
// then saved; saving keeps the rows that own references are found by. Not thread-safe.
class Holdings {
 public:
  // Empty where the referral has none.
  static absl::StatusOr<Holdings> Load(const store::Reader& reader, std::string_view name);
  // Of a referral that is being made: nothing is held of it yet, and nothing is read.
  static Holdings OfNew(std::string_view name) { return Holdings(name); }

  const std::vector<Wrap>& wraps() const { return wraps_; }
  std::vector<Wrap> WrapsOf(std::string_view body) const;
  // Null when the body has none. Valid until the next change.
  const storage::v1::OwnReferenceRecord* OwnReferenceOf(std::string_view body) const;

  // In place of the wrap of the same person, body and scope.
  void Put(const Wrap& wrap);
  void EraseWraps(absl::FunctionRef<bool(const Wrap&)> goes);
  // In place of the one that the body had.
  void PutOwnReference(std::string_view body, const storage::v1::OwnReferenceRecord& reference);
  void EraseOwnReference(std::string_view body);
  // Own references stay, but are not found any longer; nor are people.
  void HideFromSearch();

  const std::vector<PersonLookup>& person_lookups() const { return person_lookups_; }
  // In place of the one of the same person and body.
  void PutPersonLookup(const PersonLookup& lookup);
  void ErasePersonLookups(absl::FunctionRef<bool(const PersonLookup&)> goes);

  void Save(store::Writer& writer) const;

 private:
  // Both by body.
  using References = std::map<std::string, storage::v1::OwnReferenceRecord, std::less<>>;
  using Lookups = std::map<std::string, std::string, std::less<>>;

  explicit Holdings(std::string_view name) : name_(name) {}

  // Writes what differs from stored_lookups_.
  void SaveLookups(store::Writer& writer) const;

  std::string name_;
  std::vector<Wrap> wraps_;
  References references_;
  Lookups stored_lookups_;  // those that have a row
  std::vector<PersonLookup> person_lookups_;
  std::vector<PersonLookup> stored_person_lookups_;  // those that have a row
};

// Names of the referrals that `body` has under a lookup, newest first, at most `limit`.
absl::StatusOr<std::vector<std::string>> FindByLookup(const store::Reader& reader, std::string_view body,
                                                      std::string_view lookup, int limit);

// A person of a referral who was found.
struct FoundPerson {
  std::string referral;
  uint32_t person = 0;
};
// Finds whom `body` has under lookups of persons, by one walk over its rows: a leap costs less than a new
// walk. Used before anything is written. Not thread-safe.
class PersonFinder {
 public:
  // `reader` must outlive this.
  PersonFinder(const store::Reader& reader, std::string_view body);

  // Adds them, newest first, at most `limit`.
  absl::Status Find(std::string_view lookup, int limit, std::vector<FoundPerson>& found);

 private:
  std::string body_;
  std::unique_ptr<store::Cursor> at_;
};

// Is that person still under it?
absl::StatusOr<bool> IsFoundByPerson(const store::Reader& reader, std::string_view body,
                                     std::string_view lookup, const FoundPerson& person);

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
struct WakeRow {
  absl::Time time;
  std::string name;
  storage::v1::Wake wake = storage::v1::WAKE_UNSPECIFIED;
  int64_t revision = 0;
  std::string key;
};
struct Wakes {
  std::vector<WakeRow> rows;
  int unreadable = 0;    // rows that say nothing that makes sense: passed over
  std::string last_key;  // of the last row seen; empty when there was none
  bool more = false;     // the limit ended it
};
// What the clocks have to look at up to `until`, at most `limit` rows, earliest first, from the row after
// `after` (empty: from the first).
absl::StatusOr<Wakes> ListWakes(const store::Reader& reader, std::string_view after, absl::Time until,
                                int limit);
// The key of the row that a record has among them. Empty when the clocks have nothing to do with it.
std::string WakeKeyOf(const storage::v1::ReferralRecord& record);

// When the clocks ran last; nothing when they never did.
absl::StatusOr<std::optional<absl::Time>> GetBeat(const store::Reader& reader);
void PutBeat(store::Writer& writer, absl::Time time);
void PutOutage(store::Writer& writer, const Outage& outage);
// In order.
absl::StatusOr<std::vector<Outage>> ListOutages(const store::Reader& reader);
// The same where a clock of the record has run out by then, so that something may be late; none otherwise.
absl::StatusOr<std::vector<Outage>> OutagesFor(const store::Reader& reader,
                                               const storage::v1::ReferralRecord& record, absl::Time now);
// Of those that ended before `before`, or that end after `after`.
absl::Status DeleteOutages(store::Writer& writer, absl::Time before, absl::Time after);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_REPOSITORY_H_
