// The encrypted part of a referral. One random data key for each person and referral (person 0 is the case
// itself: notes and reasons); from it derived keys for each section. What a body can open is what is wrapped
// for it: the referring body holds data keys; the receiving one only the derived screening keys, until it
// accepts. Own references and own notes are under a key that one body alone holds.
//
// All of it runs outside the transaction. Rows are read before, sealed for, and checked again inside: see
// SameWraps.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_SEALING_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_SEALING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/crypto/body_keys.h"
#include "services/referral/referral_repository.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

using rows::Wrap;

// The person number of the case itself.
inline constexpr uint32_t kCase = 0;

// "details", as commitments name a section.
std::string_view SectionName(v1::SectionKind kind);

// Rows made by sealing, ready to be written.
struct SealedContent {
  std::vector<storage::v1::SectionRecord> sections;
  std::vector<Wrap> wraps;
  std::optional<storage::v1::OwnReferenceRecord> own_reference;
  // What the referring body finds these people by again.
  std::vector<rows::PersonLookup> person_lookups = {};
  // For the event: "1.details" → keyed commitment.
  std::vector<std::pair<std::string, std::string>> commitments;
};

// The keys that one body can open, in the clear for the moment of one command.
struct OpenedKeys {
  std::map<uint32_t, crypto::DataKey> data;         // by person
  std::map<uint32_t, crypto::SecretKey> screening;  // by person; present wherever `data` is, too
  std::optional<crypto::SecretKey> own;             // the body's own key
};

// What a body that stands in another's place cannot just be given the keys of.
struct Inheritance {
  // Own notes of the predecessor, now the successor's.
  std::vector<storage::v1::NoteRecord> notes;
  // The predecessor's own reference, where the successor has one of its own already: for an own note.
  std::string spare_reference;
};

// The two sides of a referral.
struct Sides {
  std::string referring;  // empty once it has erased its share
  std::string receiving;  // empty in a draft: nothing is wrapped for it
};

// Thread-safe.
class Sealing {
 public:
  // Both must outlive this.
  Sealing(crypto::BodyKeys& keys, base::Random& random) : keys_(keys), random_(random) {}

  // Seals the sections of a new referral under new data keys, and `own_reference` (may be empty) for the
  // referring body. With an empty sides.receiving the wraps are for the referring body alone.
  absl::StatusOr<SealedContent> SealNew(
      std::string_view name, const Sides& sides,
      const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections, std::string_view own_reference,
      absl::Time now);

  // Seals sections of a person anew, under the keys that there are: whoever holds one opens them as before.
  // `finders` find that person again by the details given, where these suffice. REQUIRES: somebody holds a
  // key that opens the sections.
  absl::StatusOr<SealedContent> SealAnew(std::string_view name, const std::vector<Wrap>& wraps,
                                         const v1::PersonSections& sections,
                                         const std::vector<std::string>& finders);

  // Seals `own_reference` for `body`, under its own key, which is made when `wraps` holds none.
  absl::StatusOr<SealedContent> SealOwnReference(std::string_view name, std::string_view body,
                                                 const std::vector<Wrap>& wraps,
                                                 std::string_view own_reference, absl::Time now);

  // Seals a note's text: for both sides under the case's screening key, for one side under its own key. Keys
  // that do not exist yet are made and wrapped for whom they concern. Fills sealed, scope and commitment of
  // `note`. `full`: the receiving body may open everything.
  absl::StatusOr<SealedContent> SealNote(std::string_view name, const Sides& sides, bool full,
                                         const std::vector<Wrap>& wraps, std::string_view text,
                                         absl::Time now, storage::v1::NoteRecord& note);

  // Wraps for `to` what `from` can open: data keys when `full`, screening keys otherwise.
  absl::StatusOr<std::vector<Wrap>> Grant(std::string_view name, const std::vector<Wrap>& wraps,
                                          std::string_view from, std::string_view to, bool full,
                                          absl::Time now);

  // Gives `to` what `from` holds of a referral, and leaves `from` nothing: keys, own reference and, of
  // `notes`, its own ones. Where `to` has part in the referral already, there is one key of its own
  // afterwards. A key that was destroyed opens nothing, and goes.
  absl::StatusOr<Inheritance> Inherit(std::string_view name, std::string_view from, std::string_view to,
                                      const std::vector<storage::v1::NoteRecord>& notes, absl::Time now,
                                      rows::Holdings& holdings);

  // Every key of `body` among `wraps`.
  absl::StatusOr<OpenedKeys> OpenKeys(std::string_view name, const std::vector<Wrap>& wraps,
                                      std::string_view body);

  // The sections that `keys` open, of `persons` (empty: of all) and `kinds` (empty: all), by person.
  absl::StatusOr<std::vector<v1::PersonSections>> OpenSections(
      std::string_view name, const OpenedKeys& keys, const std::vector<storage::v1::SectionRecord>& sections,
      const std::vector<uint32_t>& persons, const std::vector<v1::SectionKind>& kinds);

  absl::StatusOr<std::string> OpenNote(std::string_view name, const OpenedKeys& keys,
                                       const storage::v1::NoteRecord& note);
  absl::StatusOr<std::string> OpenOwnReference(std::string_view name, const OpenedKeys& keys,
                                               const storage::v1::OwnReferenceRecord& record);

  // What to look an own reference up by: one for each live key.
  absl::StatusOr<std::vector<std::string>> LookupsOf(std::string_view body, std::string_view own_reference);

  // What to look a person up by: one for each live key. Empty where the details do not suffice.
  struct PersonLookups {
    std::vector<std::string> same;
    std::vector<std::string> swapped;  // with day and month of the birth date changed over
  };
  absl::StatusOr<PersonLookups> PersonLookupsOf(std::string_view body, const v1::PersonDetails& details);
  // Those of `lookups` that are under a retired key, renewed. REQUIRES: `sections` are all of the referral.
  absl::StatusOr<std::vector<rows::PersonLookup>> RenewPersonLookups(
      std::string_view name, const std::vector<Wrap>& wraps,
      const std::vector<storage::v1::SectionRecord>& sections,
      const std::vector<rows::PersonLookup>& lookups);

  // The wraps and lookups under a retired key, renewed under the current one: what a rotation replaces.
  absl::StatusOr<std::vector<Wrap>> Rewrap(std::string_view name, const std::vector<Wrap>& wraps,
                                           absl::Time now);
  absl::StatusOr<std::optional<storage::v1::OwnReferenceRecord>> RenewLookup(
      std::string_view name, std::string_view body, const std::vector<Wrap>& wraps,
      const storage::v1::OwnReferenceRecord& record);

 private:
  // Nothing where it has none, or it was destroyed.
  absl::StatusOr<std::optional<crypto::SecretKey>> OpenOwnKey(std::string_view name,
                                                              const std::vector<Wrap>& wraps,
                                                              std::string_view body);
  // Wraps the keys of `given` for `to`.
  absl::Status GiveWraps(std::string_view name, const std::vector<Wrap>& given, std::string_view to,
                         bool has_own, absl::Time now, rows::Holdings& holdings);
  // Own notes and own reference of `from` for `to`, which are under `before` and come under `own`.
  absl::Status InheritNotes(std::string_view name, std::string_view from, std::string_view to,
                            const std::vector<storage::v1::NoteRecord>& notes, const OpenedKeys& before,
                            const crypto::SecretKey* own, Inheritance& inheritance);
  absl::Status InheritReference(std::string_view name, std::string_view from, std::string_view to,
                                const OpenedKeys& before, const crypto::SecretKey* own,
                                rows::Holdings& holdings, Inheritance& inheritance);
  absl::StatusOr<Wrap> MakeWrap(std::string_view name, uint32_t person, std::string_view body,
                                storage::v1::KeyScope scope, const crypto::SecretKey& key, absl::Time now);
  // The keys of one person. Without a data key only the screening section can be sealed.
  struct PersonKeys {
    std::optional<crypto::DataKey> data;
    std::optional<crypto::SecretKey> screening;
  };
  // Those that any body holds. A key that was destroyed opens nothing.
  absl::StatusOr<PersonKeys> KeysOf(std::string_view name, const std::vector<Wrap>& wraps, uint32_t person);
  absl::Status SealPerson(std::string_view name, const v1::PersonSections& sections, const PersonKeys& keys,
                          SealedContent& out);
  // Adds what `body` finds a person by; nothing where the details do not suffice.
  absl::Status AddPersonLookup(std::string_view body, uint32_t person, const v1::PersonDetails& details,
                               std::vector<rows::PersonLookup>& lookups);
  absl::Status SealReference(std::string_view name, std::string_view body, const crypto::SecretKey& own,
                             std::string_view own_reference, SealedContent& out);

  crypto::BodyKeys& keys_;
  base::Random& random_;
};

// Commitments to the legal order of a look, for its event: "1.legal_order" under the screening key of each of
// `persons` (empty: of everybody, and of the case) of whom `keys` hold one, since everybody who holds any key
// of hers has that. Of who holds none, "own.legal_order" under the body's own key.
std::vector<std::pair<std::string, std::string>> OrderCommitments(std::string_view order,
                                                                  const OpenedKeys& keys,
                                                                  const std::vector<uint32_t>& persons);

// True when the wraps that a command was prepared with are those that the transaction sees. When they are
// not, the command is prepared again: a key may have been renewed, granted or erased in between.
bool SameWraps(const std::vector<Wrap>& prepared, const std::vector<Wrap>& now);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_SEALING_H_
