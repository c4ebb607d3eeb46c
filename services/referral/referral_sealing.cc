#include "services/referral/referral_sealing.h"

#include <algorithm>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/normalise.h"
#include "common/status/errors.h"
#include "services/referral/person_lookup.h"

namespace waypost::referral {
namespace {

using crypto::DataKey;
using crypto::SecretKey;
using storage::v1::KeyScope;
using storage::v1::NoteRecord;
using storage::v1::OwnReferenceRecord;
using storage::v1::SectionRecord;

constexpr std::string_view kOwnReferenceKind = "own-reference";
constexpr std::string_view kPersonKind = "person";
constexpr std::string_view kScreeningKey = "screening";

// What a ciphertext is bound to: moved to another place, it does not open.
std::string WrapContext(std::string_view name, uint32_t person, KeyScope scope) {
  return base::Cat("wrap/", name, "/", person, "/", static_cast<int>(scope));
}
std::string SectionContext(std::string_view name, uint32_t person, v1::SectionKind kind) {
  return base::Cat("section/", name, "/", person, "/", static_cast<int>(kind));
}
std::string NoteContext(std::string_view name, uint32_t number) {
  return base::Cat("note/", name, "/", number);
}
std::string ReferenceContext(std::string_view name) {
  return base::Cat("own-reference/", name);
}

std::string_view KeyNameOf(v1::SectionKind kind) {
  switch (kind) {
    case v1::SECTION_KIND_SCREENING:
      return kScreeningKey;
    case v1::SECTION_KIND_ALERTS:
      return "alerts";
    default:
      return "details";
  }
}

crypto::WrappedKey WrappedOf(const Wrap& wrap) {
  return {.key_id = wrap.record.key_id(), .bytes = wrap.record.wrapped()};
}

// The key that opens a section of a person, null when `keys` has none.
std::optional<SecretKey> SectionKeyOf(const OpenedKeys& keys, uint32_t person, v1::SectionKind kind) {
  if (const auto data = keys.data.find(person); data != keys.data.end()) {
    return crypto::DeriveSectionKey(data->second, KeyNameOf(kind));
  }
  const auto screening = keys.screening.find(person);
  if (kind != v1::SECTION_KIND_SCREENING || screening == keys.screening.end()) return std::nullopt;
  return screening->second.Duplicate();
}

absl::Status ParseSection(v1::SectionKind kind, const std::string& plaintext, v1::PersonSections& out) {
  bool parsed = false;
  switch (kind) {
    case v1::SECTION_KIND_SCREENING:
      parsed = out.mutable_screening()->ParseFromString(plaintext);
      break;
    case v1::SECTION_KIND_DETAILS:
      parsed = out.mutable_details()->ParseFromString(plaintext);
      break;
    case v1::SECTION_KIND_ALERTS:
      parsed = out.mutable_alerts()->ParseFromString(plaintext);
      break;
    default:
      break;
  }
  return parsed ? absl::OkStatus() : error::DataLoss("encrypted section");
}

}  // namespace

std::string_view SectionName(v1::SectionKind kind) {
  return KeyNameOf(kind);
}

absl::StatusOr<Wrap> Sealing::MakeWrap(std::string_view name, uint32_t person, std::string_view body,
                                       KeyScope scope, const SecretKey& key, absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(crypto::WrappedKey wrapped,
                           keys_.Wrap(body, WrapContext(name, person, scope), key));
  Wrap wrap{.person = person, .body = std::string(body), .record = {}};
  wrap.record.set_format_version(1);
  wrap.record.set_key_id(wrapped.key_id);
  wrap.record.set_wrapped(std::move(wrapped.bytes));
  wrap.record.set_scope(scope);
  *wrap.record.mutable_create_time() = api::ToTimestamp(now);
  return wrap;
}

absl::Status Sealing::SealPerson(std::string_view name, const v1::PersonSections& sections,
                                 const PersonKeys& keys, SealedContent& out) {
  const SecretKey commitment_key =
      crypto::CommitmentKey(keys.data.has_value() ? *keys.data : *keys.screening);
  const auto seal = [&](v1::SectionKind kind, const SecretKey& key,
                        const std::string& plaintext) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(
        std::string sealed,
        crypto::Seal(key, SectionContext(name, sections.person(), kind), plaintext, random_));
    const std::string commitment_name = base::Cat(sections.person(), ".", KeyNameOf(kind));
    SectionRecord& record = out.sections.emplace_back();
    record.set_format_version(1);
    record.set_person(sections.person());
    record.set_section(kind);
    record.set_sealed(std::move(sealed));
    record.set_commitment(crypto::CommitmentUnder(commitment_key, commitment_name, plaintext));
    out.commitments.emplace_back(commitment_name, record.commitment());
    return absl::OkStatus();
  };
  if (sections.has_screening()) {
    WAYPOST_RETURN_IF_ERROR(
        seal(v1::SECTION_KIND_SCREENING, *keys.screening, sections.screening().SerializeAsString()));
  }
  if (!keys.data.has_value() && (sections.has_details() || sections.has_alerts())) {
    return error::DataLoss("the key of a person's sections");
  }
  if (sections.has_details()) {
    WAYPOST_RETURN_IF_ERROR(seal(v1::SECTION_KIND_DETAILS,
                                 crypto::DeriveSectionKey(*keys.data, KeyNameOf(v1::SECTION_KIND_DETAILS)),
                                 sections.details().SerializeAsString()));
  }
  if (sections.has_alerts()) {
    WAYPOST_RETURN_IF_ERROR(seal(v1::SECTION_KIND_ALERTS,
                                 crypto::DeriveSectionKey(*keys.data, KeyNameOf(v1::SECTION_KIND_ALERTS)),
                                 sections.alerts().SerializeAsString()));
  }
  return absl::OkStatus();
}

absl::Status Sealing::SealReference(std::string_view name, std::string_view body, const SecretKey& own,
                                    std::string_view own_reference, SealedContent& out) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string normalised, crypto::NormaliseReference(own_reference));
  OwnReferenceRecord& record = out.own_reference.emplace();
  record.set_format_version(1);
  WAYPOST_ASSIGN_OR_RETURN(*record.mutable_sealed(),
                           crypto::Seal(own, ReferenceContext(name), own_reference, random_));
  WAYPOST_ASSIGN_OR_RETURN(*record.mutable_lookup(), keys_.Lookup(body, kOwnReferenceKind, normalised));
  return absl::OkStatus();
}

absl::StatusOr<SealedContent> Sealing::SealNew(
    std::string_view name, const Sides& sides,
    const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections, std::string_view own_reference,
    absl::Time now) {
  SealedContent out;
  for (const v1::PersonSections& person : sections) {
    PersonKeys keys{.data = DataKey::Generate(random_), .screening = std::nullopt};
    keys.screening = crypto::DeriveSectionKey(*keys.data, kScreeningKey);
    WAYPOST_RETURN_IF_ERROR(SealPerson(name, person, keys, out));
    WAYPOST_ASSIGN_OR_RETURN(
        out.wraps.emplace_back(),
        MakeWrap(name, person.person(), sides.referring, storage::v1::KEY_SCOPE_DATA, *keys.data, now));
    WAYPOST_RETURN_IF_ERROR(
        AddPersonLookup(sides.referring, person.person(), person.details(), out.person_lookups));
    if (sides.receiving.empty()) continue;
    WAYPOST_ASSIGN_OR_RETURN(out.wraps.emplace_back(),
                             MakeWrap(name, person.person(), sides.receiving,
                                      storage::v1::KEY_SCOPE_SCREENING, *keys.screening, now));
  }
  if (!own_reference.empty()) {
    const SecretKey own = SecretKey::Generate(random_);
    WAYPOST_ASSIGN_OR_RETURN(out.wraps.emplace_back(),
                             MakeWrap(name, kCase, sides.referring, storage::v1::KEY_SCOPE_BODY, own, now));
    WAYPOST_RETURN_IF_ERROR(SealReference(name, sides.referring, own, own_reference, out));
  }
  return out;
}

absl::StatusOr<Sealing::PersonKeys> Sealing::KeysOf(std::string_view name, const std::vector<Wrap>& wraps,
                                                    uint32_t person) {
  PersonKeys keys;
  for (const Wrap& wrap : wraps) {
    const KeyScope scope = wrap.record.scope();
    if (wrap.person != person || scope == storage::v1::KEY_SCOPE_BODY) continue;
    absl::StatusOr<SecretKey> key =
        keys_.Unwrap(wrap.body, WrapContext(name, person, scope), WrappedOf(wrap));
    if (absl::IsNotFound(key.status())) continue;
    WAYPOST_RETURN_IF_ERROR(key.status());
    if (scope == storage::v1::KEY_SCOPE_DATA) {
      keys.screening = crypto::DeriveSectionKey(*key, kScreeningKey);
      keys.data = *std::move(key);
      return keys;
    }
    keys.screening = *std::move(key);
  }
  return keys;
}

absl::StatusOr<SealedContent> Sealing::SealAnew(std::string_view name, const std::vector<Wrap>& wraps,
                                                const v1::PersonSections& sections,
                                                const std::vector<std::string>& finders) {
  SealedContent out;
  WAYPOST_ASSIGN_OR_RETURN(const PersonKeys keys, KeysOf(name, wraps, sections.person()));
  if (!keys.screening.has_value()) return error::DataLoss("the key of a person's sections");
  WAYPOST_RETURN_IF_ERROR(SealPerson(name, sections, keys, out));
  if (!sections.has_details()) return out;
  for (const std::string& body : finders) {
    WAYPOST_RETURN_IF_ERROR(AddPersonLookup(body, sections.person(), sections.details(), out.person_lookups));
  }
  return out;
}

absl::StatusOr<SealedContent> Sealing::SealOwnReference(std::string_view name, std::string_view body,
                                                        const std::vector<Wrap>& wraps,
                                                        std::string_view own_reference, absl::Time now) {
  SealedContent out;
  WAYPOST_ASSIGN_OR_RETURN(OpenedKeys keys, OpenKeys(name, wraps, body));
  if (!keys.own.has_value()) {
    keys.own = SecretKey::Generate(random_);
    WAYPOST_ASSIGN_OR_RETURN(out.wraps.emplace_back(),
                             MakeWrap(name, kCase, body, storage::v1::KEY_SCOPE_BODY, *keys.own, now));
  }
  WAYPOST_RETURN_IF_ERROR(SealReference(name, body, *keys.own, own_reference, out));
  return out;
}

absl::StatusOr<SealedContent> Sealing::SealNote(std::string_view name, const Sides& sides, bool full,
                                                const std::vector<Wrap>& wraps, std::string_view text,
                                                absl::Time now, NoteRecord& note) {
  SealedContent out;
  const std::string body = note.body();
  WAYPOST_ASSIGN_OR_RETURN(OpenedKeys keys, OpenKeys(name, wraps, body));
  std::optional<SecretKey> key;
  if (note.visibility() == v1::NOTE_VISIBILITY_OWN_SIDE) {
    note.set_scope(storage::v1::KEY_SCOPE_BODY);
    if (!keys.own.has_value()) {
      keys.own = SecretKey::Generate(random_);
      WAYPOST_ASSIGN_OR_RETURN(out.wraps.emplace_back(),
                               MakeWrap(name, kCase, body, storage::v1::KEY_SCOPE_BODY, *keys.own, now));
    }
    key = keys.own->Duplicate();
  } else {
    note.set_scope(storage::v1::KEY_SCOPE_SCREENING);
    if (const auto held = keys.screening.find(kCase); held != keys.screening.end()) {
      key = held->second.Duplicate();
    } else {
      const DataKey case_key = DataKey::Generate(random_);
      key = crypto::DeriveSectionKey(case_key, kScreeningKey);
      if (!sides.referring.empty()) {
        WAYPOST_ASSIGN_OR_RETURN(
            out.wraps.emplace_back(),
            MakeWrap(name, kCase, sides.referring, storage::v1::KEY_SCOPE_DATA, case_key, now));
      }
      if (!sides.receiving.empty()) {
        const KeyScope scope = full ? storage::v1::KEY_SCOPE_DATA : storage::v1::KEY_SCOPE_SCREENING;
        WAYPOST_ASSIGN_OR_RETURN(out.wraps.emplace_back(),
                                 MakeWrap(name, kCase, sides.receiving, scope, full ? case_key : *key, now));
      }
    }
  }
  WAYPOST_ASSIGN_OR_RETURN(*note.mutable_sealed(),
                           crypto::Seal(*key, NoteContext(name, note.number()), text, random_));
  note.set_commitment(crypto::Commitment(*key, base::Cat("note.", note.number()), text));
  out.commitments.emplace_back(base::Cat("note.", note.number()), note.commitment());
  return out;
}

absl::StatusOr<std::vector<Wrap>> Sealing::Grant(std::string_view name, const std::vector<Wrap>& wraps,
                                                 std::string_view from, std::string_view to, bool full,
                                                 absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys, OpenKeys(name, wraps, from));
  std::vector<Wrap> granted;
  for (const auto& [person, key] : full ? keys.data : keys.screening) {
    const KeyScope scope = full ? storage::v1::KEY_SCOPE_DATA : storage::v1::KEY_SCOPE_SCREENING;
    WAYPOST_ASSIGN_OR_RETURN(granted.emplace_back(), MakeWrap(name, person, to, scope, key, now));
  }
  return granted;
}

absl::StatusOr<std::optional<SecretKey>> Sealing::OpenOwnKey(std::string_view name,
                                                             const std::vector<Wrap>& wraps,
                                                             std::string_view body) {
  for (const Wrap& wrap : wraps) {
    if (wrap.body != body || wrap.record.scope() != storage::v1::KEY_SCOPE_BODY) continue;
    absl::StatusOr<SecretKey> key =
        keys_.Unwrap(body, WrapContext(name, wrap.person, wrap.record.scope()), WrappedOf(wrap));
    if (absl::IsNotFound(key.status())) return std::nullopt;
    WAYPOST_RETURN_IF_ERROR(key.status());
    return *std::move(key);
  }
  return std::nullopt;
}

absl::Status Sealing::GiveWraps(std::string_view name, const std::vector<Wrap>& given, std::string_view to,
                                bool has_own, absl::Time now, rows::Holdings& holdings) {
  for (const Wrap& wrap : given) {
    const KeyScope scope = wrap.record.scope();
    if (has_own && scope == storage::v1::KEY_SCOPE_BODY) continue;
    const absl::StatusOr<SecretKey> key =
        keys_.Unwrap(wrap.body, WrapContext(name, wrap.person, scope), WrappedOf(wrap));
    if (absl::IsNotFound(key.status())) continue;
    WAYPOST_RETURN_IF_ERROR(key.status());
    WAYPOST_ASSIGN_OR_RETURN(Wrap mine, MakeWrap(name, wrap.person, to, scope, *key, now));
    mine.record.set_kept_for_hold(wrap.record.kept_for_hold());
    holdings.Put(mine);
  }
  // A data key opens all that a screening key does.
  std::set<uint32_t> opened;
  for (const Wrap& wrap : holdings.wraps()) {
    const bool data = wrap.body == to && wrap.record.scope() == storage::v1::KEY_SCOPE_DATA;
    if (data) opened.insert(wrap.person);
  }
  holdings.EraseWraps([&](const Wrap& wrap) {
    return wrap.body == to && wrap.record.scope() == storage::v1::KEY_SCOPE_SCREENING &&
           opened.contains(wrap.person);
  });
  return absl::OkStatus();
}

absl::Status Sealing::InheritNotes(std::string_view name, std::string_view from, std::string_view to,
                                   const std::vector<NoteRecord>& notes, const OpenedKeys& before,
                                   const SecretKey* own, Inheritance& inheritance) {
  for (const NoteRecord& note : notes) {
    if (note.body() != from || note.scope() != storage::v1::KEY_SCOPE_BODY) continue;
    NoteRecord& mine = inheritance.notes.emplace_back(note);
    mine.set_body(std::string(to));
    if (own == nullptr || !before.own.has_value()) continue;
    WAYPOST_ASSIGN_OR_RETURN(const std::string text, OpenNote(name, before, note));
    WAYPOST_ASSIGN_OR_RETURN(*mine.mutable_sealed(),
                             crypto::Seal(*own, NoteContext(name, note.number()), text, random_));
  }
  return absl::OkStatus();
}

absl::Status Sealing::InheritReference(std::string_view name, std::string_view from, std::string_view to,
                                       const OpenedKeys& before, const SecretKey* own,
                                       rows::Holdings& holdings, Inheritance& inheritance) {
  const OwnReferenceRecord* const held = holdings.OwnReferenceOf(from);
  if (held == nullptr) return absl::OkStatus();
  const OwnReferenceRecord reference = *held;
  holdings.EraseOwnReference(from);
  if (!before.own.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::string text, OpenOwnReference(name, before, reference));
  if (holdings.OwnReferenceOf(to) != nullptr) {
    inheritance.spare_reference = text;
    return absl::OkStatus();
  }
  SealedContent sealed;
  WAYPOST_RETURN_IF_ERROR(SealReference(name, to, own == nullptr ? *before.own : *own, text, sealed));
  holdings.PutOwnReference(to, *sealed.own_reference);
  return absl::OkStatus();
}

absl::StatusOr<Inheritance> Sealing::Inherit(std::string_view name, std::string_view from,
                                             std::string_view to, const std::vector<NoteRecord>& notes,
                                             absl::Time now, rows::Holdings& holdings) {
  OpenedKeys before;
  WAYPOST_ASSIGN_OR_RETURN(before.own, OpenOwnKey(name, holdings.wraps(), from));
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<SecretKey> own, OpenOwnKey(name, holdings.wraps(), to));
  const std::vector<Wrap> given = holdings.WrapsOf(from);
  holdings.EraseWraps([from](const Wrap& wrap) { return wrap.body == from; });
  WAYPOST_RETURN_IF_ERROR(GiveWraps(name, given, to, own.has_value(), now, holdings));
  const SecretKey* const key = own.has_value() ? &*own : nullptr;
  Inheritance inheritance;
  WAYPOST_RETURN_IF_ERROR(InheritNotes(name, from, to, notes, before, key, inheritance));
  WAYPOST_RETURN_IF_ERROR(InheritReference(name, from, to, before, key, holdings, inheritance));
  return inheritance;
}

absl::StatusOr<OpenedKeys> Sealing::OpenKeys(std::string_view name, const std::vector<Wrap>& wraps,
                                             std::string_view body) {
  OpenedKeys keys;
  for (const Wrap& wrap : wraps) {
    if (wrap.body != body || wrap.record.kept_for_hold()) continue;
    const KeyScope scope = wrap.record.scope();
    WAYPOST_ASSIGN_OR_RETURN(SecretKey key,
                             keys_.Unwrap(body, WrapContext(name, wrap.person, scope), WrappedOf(wrap)));
    if (scope == storage::v1::KEY_SCOPE_DATA) {
      keys.screening.insert_or_assign(wrap.person, crypto::DeriveSectionKey(key, kScreeningKey));
      keys.data.insert_or_assign(wrap.person, std::move(key));
    } else if (scope == storage::v1::KEY_SCOPE_BODY) {
      keys.own = std::move(key);
    } else {
      keys.screening.try_emplace(wrap.person, std::move(key));
    }
  }
  return keys;
}

absl::StatusOr<std::vector<v1::PersonSections>> Sealing::OpenSections(
    std::string_view name, const OpenedKeys& keys, const std::vector<SectionRecord>& sections,
    const std::vector<uint32_t>& persons, const std::vector<v1::SectionKind>& kinds) {
  std::map<uint32_t, v1::PersonSections> opened;
  for (const SectionRecord& record : sections) {
    const bool wanted =
        (persons.empty() || std::find(persons.begin(), persons.end(), record.person()) != persons.end()) &&
        (kinds.empty() || std::find(kinds.begin(), kinds.end(), record.section()) != kinds.end());
    if (!wanted) continue;
    const std::optional<SecretKey> key = SectionKeyOf(keys, record.person(), record.section());
    if (!key.has_value()) continue;
    WAYPOST_ASSIGN_OR_RETURN(
        const std::string plaintext,
        crypto::Open(*key, SectionContext(name, record.person(), record.section()), record.sealed()));
    v1::PersonSections& person = opened[record.person()];
    person.set_person(record.person());
    WAYPOST_RETURN_IF_ERROR(ParseSection(record.section(), plaintext, person));
  }
  std::vector<v1::PersonSections> result;
  result.reserve(opened.size());
  for (auto& [number, person] : opened) result.push_back(std::move(person));
  return result;
}

absl::StatusOr<std::string> Sealing::OpenNote(std::string_view name, const OpenedKeys& keys,
                                              const NoteRecord& note) {
  const SecretKey* key = nullptr;
  if (note.scope() == storage::v1::KEY_SCOPE_BODY) {
    if (keys.own.has_value()) key = &*keys.own;
  } else if (const auto held = keys.screening.find(kCase); held != keys.screening.end()) {
    key = &held->second;
  }
  if (key == nullptr) return error::NotFound(base::Cat(name, "/notes/", note.number()));
  return crypto::Open(*key, NoteContext(name, note.number()), note.sealed());
}

absl::StatusOr<std::string> Sealing::OpenOwnReference(std::string_view name, const OpenedKeys& keys,
                                                      const OwnReferenceRecord& record) {
  if (!keys.own.has_value()) return std::string();
  return crypto::Open(*keys.own, ReferenceContext(name), record.sealed());
}

absl::StatusOr<std::vector<std::string>> Sealing::LookupsOf(std::string_view body,
                                                            std::string_view own_reference) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string normalised, crypto::NormaliseReference(own_reference));
  return keys_.LookupCandidates(body, kOwnReferenceKind, normalised);
}

absl::Status Sealing::AddPersonLookup(std::string_view body, uint32_t person,
                                      const v1::PersonDetails& details,
                                      std::vector<rows::PersonLookup>& lookups) {
  const std::optional<std::string> text = LookupTextOf(details);
  if (!text.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(std::string lookup, keys_.Lookup(body, kPersonKind, *text));
  lookups.push_back({.person = person, .body = std::string(body), .lookup = std::move(lookup)});
  return absl::OkStatus();
}

absl::StatusOr<Sealing::PersonLookups> Sealing::PersonLookupsOf(std::string_view body,
                                                                const v1::PersonDetails& details) {
  PersonLookups lookups;
  std::optional<std::string> text = LookupTextOf(details);
  if (!text.has_value()) return lookups;
  WAYPOST_ASSIGN_OR_RETURN(lookups.same, keys_.LookupCandidates(body, kPersonKind, *text));
  const std::optional<std::string> swapped = SwappedDate(details.birth_date());
  if (!swapped.has_value()) return lookups;
  // The date is the end of it.
  text->replace(text->size() - swapped->size(), swapped->size(), *swapped);
  WAYPOST_ASSIGN_OR_RETURN(lookups.swapped, keys_.LookupCandidates(body, kPersonKind, *text));
  return lookups;
}

absl::StatusOr<std::vector<rows::PersonLookup>> Sealing::RenewPersonLookups(
    std::string_view name, const std::vector<Wrap>& wraps, const std::vector<SectionRecord>& sections,
    const std::vector<rows::PersonLookup>& lookups) {
  std::vector<rows::PersonLookup> renewed;
  for (const rows::PersonLookup& lookup : lookups) {
    WAYPOST_ASSIGN_OR_RETURN(const bool retired, keys_.IsRetired(crypto::LookupKeyId(lookup.lookup)));
    if (!retired) continue;
    WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys, OpenKeys(name, wraps, lookup.body));
    WAYPOST_ASSIGN_OR_RETURN(const auto opened,
                             OpenSections(name, keys, sections, {lookup.person}, {v1::SECTION_KIND_DETAILS}));
    for (const v1::PersonSections& person : opened) {
      WAYPOST_RETURN_IF_ERROR(AddPersonLookup(lookup.body, lookup.person, person.details(), renewed));
    }
  }
  return renewed;
}

absl::StatusOr<std::vector<Wrap>> Sealing::Rewrap(std::string_view name, const std::vector<Wrap>& wraps,
                                                  absl::Time now) {
  std::vector<Wrap> renewed;
  for (const Wrap& wrap : wraps) {
    WAYPOST_ASSIGN_OR_RETURN(const bool retired, keys_.IsRetired(wrap.record.key_id()));
    if (!retired) continue;
    WAYPOST_ASSIGN_OR_RETURN(
        crypto::WrappedKey wrapped,
        keys_.Rewrap(wrap.body, WrapContext(name, wrap.person, wrap.record.scope()), WrappedOf(wrap)));
    Wrap& next = renewed.emplace_back(wrap);
    next.record.set_key_id(wrapped.key_id);
    next.record.set_wrapped(std::move(wrapped.bytes));
    *next.record.mutable_create_time() = api::ToTimestamp(now);
  }
  return renewed;
}

absl::StatusOr<std::optional<OwnReferenceRecord>> Sealing::RenewLookup(std::string_view name,
                                                                       std::string_view body,
                                                                       const std::vector<Wrap>& wraps,
                                                                       const OwnReferenceRecord& record) {
  if (record.lookup().empty()) return std::nullopt;  // of a protected referral: no search finds it
  WAYPOST_ASSIGN_OR_RETURN(const bool retired, keys_.IsRetired(crypto::LookupKeyId(record.lookup())));
  if (!retired) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys, OpenKeys(name, wraps, body));
  WAYPOST_ASSIGN_OR_RETURN(const std::string plaintext, OpenOwnReference(name, keys, record));
  WAYPOST_ASSIGN_OR_RETURN(const std::string normalised, crypto::NormaliseReference(plaintext));
  OwnReferenceRecord renewed = record;
  WAYPOST_ASSIGN_OR_RETURN(*renewed.mutable_lookup(), keys_.Lookup(body, kOwnReferenceKind, normalised));
  return renewed;
}

std::vector<std::pair<std::string, std::string>> OrderCommitments(std::string_view order,
                                                                  const OpenedKeys& keys,
                                                                  const std::vector<uint32_t>& persons) {
  std::vector<std::pair<std::string, std::string>> commitments;
  const auto commit = [&](std::string name, const SecretKey& key) {
    std::string commitment = crypto::Commitment(key, name, order);
    commitments.emplace_back(std::move(name), std::move(commitment));
  };
  for (const auto& [person, key] : keys.screening) {
    if (!persons.empty() && std::find(persons.begin(), persons.end(), person) == persons.end()) continue;
    commit(base::Cat(person, ".legal_order"), key);
  }
  if (commitments.empty() && keys.own.has_value()) commit("own.legal_order", *keys.own);
  return commitments;
}

bool SameWraps(const std::vector<Wrap>& prepared, const std::vector<Wrap>& now) {
  return std::equal(
      prepared.begin(), prepared.end(), now.begin(), now.end(), [](const Wrap& a, const Wrap& b) {
        return a.person == b.person && a.body == b.body && a.record.scope() == b.record.scope() &&
               a.record.wrapped() == b.record.wrapped() &&
               a.record.kept_for_hold() == b.record.kept_for_hold();
      });
}

}  // namespace waypost::referral
