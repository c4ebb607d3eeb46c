#include "services/referral/referral_validation.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/api/names.h"
#include "common/base/strings.h"
#include "common/base/time_range.h"
#include "common/identity/actor.h"
#include "common/status/errors.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_limits.h"
#include "services/referral/required_documents.h"

namespace waypost::referral {
namespace {

using base::Cat;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxEtagBytes = 64;

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLetter(char c) {
  return IsLower(c) || IsUpper(c);
}

// --- What holds in every message -------------------------------------------------------------------------

// Where a field is in its request. Its text is made only for a violation: nearly every request has none.
struct Path {
  const Path* parent = nullptr;
  const FieldDescriptor* field = nullptr;  // null: the request itself
  int index = -1;

  std::string Text() const {
    if (field == nullptr) return {};
    std::string text = parent->Text();
    if (!text.empty()) text += '.';
    text += field->name();
    if (index >= 0) text += Cat("[", index, "]");
    return text;
  }
};

void CheckTimestamp(const Path& path, const google::protobuf::Timestamp& time,
                    error::FieldViolations& wrong) {
  if (!base::IsRecentTime(time)) {
    wrong.Add(path.Text(), "must be a time between the years 1970 and 9999");
  }
}

void CheckMessage(const Path& path, const Message& message, error::FieldViolations& wrong);

void CheckField(const Path& path, const Message& message, error::FieldViolations& wrong) {
  const FieldDescriptor& field = *path.field;
  const auto& reflection = *message.GetReflection();
  const bool repeated = path.index >= 0;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const int value = repeated ? reflection.GetRepeatedEnumValue(message, &field, path.index)
                               : reflection.GetEnumValue(message, &field);
    if (field.enum_type()->FindValueByNumber(value) == nullptr || (repeated && value == 0)) {
      wrong.Add(path.Text(), "must be a known value");
    }
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    std::string scratch;
    const std::string& text =
        repeated ? reflection.GetRepeatedStringReference(message, &field, path.index, &scratch)
                 : reflection.GetStringReference(message, &field, &scratch);
    if (field.type() == FieldDescriptor::TYPE_STRING && !base::IsValidUtf8(text)) {
      wrong.Add(path.Text(), "must be well-formed UTF-8");
    }
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    CheckMessage(path,
                 repeated ? reflection.GetRepeatedMessage(message, &field, path.index)
                          : reflection.GetMessage(message, &field),
                 wrong);
  }
}

// Known enum values, valid times, well-formed texts, throughout.
void CheckMessage(const Path& path, const Message& message, error::FieldViolations& wrong) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    CheckTimestamp(path, static_cast<const google::protobuf::Timestamp&>(message), wrong);
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated()) {
      CheckField({.parent = &path, .field = field}, message, wrong);
      continue;
    }
    const int size = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < size; ++i) CheckField({.parent = &path, .field = field, .index = i}, message, wrong);
  }
}

// Collects the violations of one request.
class Checker {
 public:
  explicit Checker(const Message& request) { CheckMessage(Path(), request, wrong_); }

  absl::Status Done() const { return wrong_.ToStatus(); }
  void Add(std::string_view field, std::string_view what) { wrong_.Add(field, what); }

  void Name(std::string_view field, std::string_view name) {
    if (!IsReferralName(name)) Add(field, "must be the name of a referral, 'referrals/{id}'");
  }
  void RightsName(std::string_view name) {
    if (!api::IsName(name, {"rightsRequests"})) {
      Add("name", "must be the name of a rights request, 'rightsRequests/{id}'");
    }
  }
  void Etag(std::string_view etag) {
    if (etag.size() > kMaxEtagBytes) Add("etag", "is none that was returned to you");
  }
  template <typename Request>
  void NameAndEtag(const Request& request) {
    Name("name", request.name());
    Etag(request.etag());
  }
  void Body(std::string_view field, std::string_view body, bool required) {
    if (body.empty() ? required : !api::IsName(body, {"bodies"})) {
      Add(field, "must be the name of a body, 'bodies/{id}'");
    }
  }
  void Unit(std::string_view field, std::string_view unit) {
    if (!unit.empty() && !api::IsName(unit, {"bodies", "units"})) {
      Add(field, "must be the name of a unit, 'bodies/{id}/units/{id}'");
    }
  }
  void Offer(std::string_view field, std::string_view offer) {
    if (!offer.empty() && !api::IsName(offer, {"offers"}))
      Add(field, "must be the name of an offer, 'offers/{id}'");
  }
  void GroupId(std::string_view field, std::string_view id) {
    const auto allowed = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
    if (id.empty() || id.size() > kMaxGroupIdBytes || !std::all_of(id.begin(), id.end(), allowed)) {
      Add(field, Cat("must be the id of a group, 1 to ", kMaxGroupIdBytes, " of a-z, 0-9 and '-'"));
    }
  }
  // Offer, group and persons of one choice.
  template <typename Request>
  void GroupChoice(const Request& request) {
    Offer("offer", request.offer());
    // Where the offer has one group alone, none need be named: see referral_directory.
    if (!request.group_id().empty()) GroupId("group_id", request.group_id());
    Count("persons", request.persons_size(), kMaxPersons);
    std::set<uint32_t> seen;
    for (int i = 0; i < request.persons_size(); ++i) {
      if (!seen.insert(request.persons(i)).second) Add(Cat("persons[", i, "]"), "is given twice");
    }
  }
  template <typename Request>
  void OutOfOrder(const Request& request) {
    if (request.out_of_order_reason() == v1::OUT_OF_ORDER_REASON_OTHER) RequiredEventText(request.text());
  }
  void Places(const google::protobuf::RepeatedPtrField<v1::PersonPlace>& places) {
    Count("places", places.size(), kMaxPersons);
    std::set<uint32_t> seen;
    for (int i = 0; i < places.size(); ++i) {
      GroupId(Cat("places[", i, "].group_id"), places[i].group_id());
      if (!seen.insert(places[i].person()).second) Add(Cat("places[", i, "].person"), "is given twice");
    }
  }
  void Text(std::string_view field, std::string_view text, size_t max) {
    if (CharactersIn(text) > max) Add(field, Cat("must be at most ", max, " characters"));
  }
  void RequiredText(std::string_view field, std::string_view text, size_t max) {
    if (IsBlank(text)) Add(field, "is required");
    Text(field, text, max);
  }
  void EventText(std::string_view text) { Text("text", text, kMaxEventTextCharacters); }
  void RequiredEventText(std::string_view text) { RequiredText("text", text, kMaxEventTextCharacters); }
  void OwnReference(std::string_view reference) {
    Text("own_reference", reference, kMaxOwnReferenceCharacters);
  }
  void Required(std::string_view field, int enum_value) {
    if (enum_value == 0) Add(field, "is required");
  }
  void Language(std::string_view field, std::string_view tag) {
    if (!tag.empty() && !IsLanguageTag(tag)) Add(field, "must be a BCP 47 language tag");
  }
  void Law(std::string_view field, std::string_view code) {
    if (!code.empty() && !IsLawCode(code)) {
      Add(field,
          Cat("must be a code of at most ", kMaxLawBytes, " lower-case letters, digits, '.', '-' and '/'"));
    }
  }
  // The legal order of a look: required where it obeys one, and for nothing else.
  template <typename Request>
  void LegalOrder(const Request& request) {
    const bool obeys = request.purpose() == v1::PURPOSE_LEGAL_OBLIGATION;
    Law("law", request.law());
    if (obeys) {
      if (request.law().empty()) Add("law", "is required: the law of the order, as in es/ley-40-2015/art-14");
      RequiredText("order_reference", request.order_reference(), kMaxOrderReferenceCharacters);
      Body("recipient_body", request.recipient_body(), /*required=*/false);
      return;
    }
    if (!request.law().empty()) Add("law", "is for LEGAL_OBLIGATION alone");
    if (!request.order_reference().empty()) Add("order_reference", "is for LEGAL_OBLIGATION alone");
    if (!request.recipient_body().empty()) Add("recipient_body", "is for LEGAL_OBLIGATION alone");
  }
  void Count(std::string_view field, int count, int max) {
    if (count > max) Add(field, Cat("must have at most ", max, " entries"));
  }
  void Page(int32_t page_size, std::string_view page_token) {
    if (page_size < 0) Add("page_size", "must not be negative");
    if (page_token.size() > kMaxPageTokenBytes) Add("page_token", "is none that was returned to you");
  }

  void Referral(const v1::Referral& referral);
  void Person(std::string_view path, const v1::Person& person);
  void Persons(std::string_view path, const v1::Referral& referral);
  void Disclosure(std::string_view path, const v1::Disclosure& disclosure);
  void Disclosures(const google::protobuf::RepeatedPtrField<v1::PersonDisclosure>& disclosures);
  // One that nobody has would be a person who never comes.
  void Actor(std::string_view field, std::string_view actor) {
    if (identity::IsActorPseudonym(actor)) return;
    Add(field, Cat("must be a pseudonym, '", identity::kActorPrefix, "' and ", identity::kActorCharacters,
                   " of a-z and 2-7; a colleague finds hers with `waypost whoami`"));
  }
  void Readers(std::string_view path, const google::protobuf::RepeatedPtrField<std::string>& readers) {
    Count(path, readers.size(), kMaxReaders);
    for (int i = 0; i < readers.size(); ++i) {
      Actor(Cat(path, "[", i, "]"), readers[i]);
    }
  }
  void Protection(std::string_view path, const v1::Protection& protection) {
    Required(Cat(path, ".ground"), protection.ground());
    Readers(Cat(path, ".referring_readers"), protection.referring_readers());
    Readers(Cat(path, ".receiving_readers"), protection.receiving_readers());
  }
  void Telephone(std::string_view path, const v1::TelephoneHandover& call);
  void Sections(const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections);
  void SectionsOfPerson(std::string_view path, const v1::PersonSections& person);
  void Screening(std::string_view path, const v1::Screening& screening);
  void DocumentNumbers(std::string_view field, const google::protobuf::RepeatedField<uint32_t>& numbers);
  void Details(std::string_view path, const v1::PersonDetails& details);
  void Alerts(std::string_view path, const v1::SafeguardingAlerts& alerts);
  void Outcomes(const google::protobuf::RepeatedPtrField<v1::PersonOutcome>& outcomes);
  void Outcome(std::string_view path, const v1::Outcome& outcome);
  // Why an entry is void, and in words where that is needed.
  void Voiding(v1::VoidReason reason, std::string_view text) {
    Required("reason", reason);
    if (reason == v1::VOID_REASON_OTHER) {
      RequiredEventText(text);
    } else {
      EventText(text);
    }
  }
  void Parts(const google::protobuf::RepeatedPtrField<v1::PartDecision>& parts);
  void AppointmentTime(std::string_view path, bool has_time, std::string_view zone);

 private:
  // Code points: every byte of UTF-8 but the continuing ones.
  static size_t CharactersIn(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }
  static bool IsBlank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  }

  error::FieldViolations wrong_;
};

bool IsPersonNumber(uint32_t number) {
  return number >= 1 && number <= kMaxPersonNumber;
}

void Checker::Disclosure(std::string_view path, const v1::Disclosure& disclosure) {
  Count(Cat(path, ".special_category_sections"), disclosure.special_category_sections_size(),
        kMaxSectionsDisclosed);
  Law(Cat(path, ".referring_basis.law"), disclosure.referring_basis().law());
  Law(Cat(path, ".receiving_basis.law"), disclosure.receiving_basis().law());
  Law(Cat(path, ".retention_rule"), disclosure.retention_rule());
  Language(Cat(path, ".informed_language"), disclosure.informed_language());
}

void Checker::Disclosures(const google::protobuf::RepeatedPtrField<v1::PersonDisclosure>& disclosures) {
  Count("disclosures", disclosures.size(), kMaxPersons);
  for (int i = 0; i < disclosures.size(); ++i) {
    Disclosure(Cat("disclosures[", i, "].disclosure"), disclosures[i].disclosure());
  }
}

void Checker::Person(std::string_view path, const v1::Person& person) {
  if (!IsPersonNumber(person.number())) Add(Cat(path, ".number"), Cat("must be 1 to ", kMaxPersonNumber));
  Count(Cat(path, ".languages"), person.languages_size(), kMaxLanguages);
  for (int i = 0; i < person.languages_size(); ++i) {
    if (!IsLanguageTag(person.languages(i)))
      Add(Cat(path, ".languages[", i, "]"), "must be a BCP 47 language tag");
  }
  Language(Cat(path, ".interpreter_language"), person.interpreter_language());
  Count(Cat(path, ".accessibility_needs"), person.accessibility_needs_size(), kMaxAccessibilityNeeds);
  Disclosure(Cat(path, ".disclosure"), person.disclosure());
}

void Checker::Persons(std::string_view path, const v1::Referral& referral) {
  Count(Cat(path, ".persons"), referral.persons_size(), kMaxPersons);
  std::set<uint32_t> numbers;
  for (int i = 0; i < referral.persons_size(); ++i) {
    const std::string person_path = Cat(path, ".persons[", i, "]");
    Person(person_path, referral.persons(i));
    if (!numbers.insert(referral.persons(i).number()).second)
      Add(Cat(person_path, ".number"), "is used twice");
  }
}

void Checker::Telephone(std::string_view path, const v1::TelephoneHandover& call) {
  if (!call.has_time()) Add(Cat(path, ".time"), "is required");
  if (call.unit().empty()) Add(Cat(path, ".unit"), "is required");
  Unit(Cat(path, ".unit"), call.unit());
}

// The fields that a caller may set.
void Checker::Referral(const v1::Referral& referral) {
  Unit("referral.referring.unit", referral.referring().unit());
  Body("referral.receiving.body", referral.receiving().body(), false);
  Unit("referral.receiving.unit", referral.receiving().unit());
  Offer("referral.offer", referral.offer());
  if (!referral.territory().empty() && !IsTerritoryCode(referral.territory())) {
    Add("referral.territory", "must be a NUTS code or a local administrative unit, 'ES300' or 'ES300/28058'");
  }
  if (referral.has_telephone_handover())
    Telephone("referral.telephone_handover", referral.telephone_handover());
  if (!referral.part_of().empty()) Name("referral.part_of", referral.part_of());
  Count("referral.case_persons", referral.case_persons_size(), kMaxPersons);
  Persons("referral", referral);
  if (referral.has_protection()) Protection("referral.protection", referral.protection());
}

void Checker::Screening(std::string_view path, const v1::Screening& screening) {
  Text(Cat(path, ".text"), screening.text(), kMaxScreeningCharacters);
  const std::string documents = Cat(path, ".documents");
  Count(documents, screening.documents_size(), kMaxHeldDocuments);
  std::set<std::string> names;
  for (int i = 0; i < screening.documents_size(); ++i) {
    const v1::HeldDocument& document = screening.documents(i);
    const std::string at = Cat(documents, "[", i, "]");
    RequiredText(Cat(at, ".document"), document.document(), kMaxDocumentCharacters);
    Required(Cat(at, ".status"), document.status());
    Text(Cat(at, ".note"), document.note(), kMaxDocumentCharacters);
    if (!names.insert(DocumentKey(document.document())).second) Add(Cat(at, ".document"), "is named twice");
  }
}

// Whether there are documents of these numbers, the rules say.
void Checker::DocumentNumbers(std::string_view field,
                              const google::protobuf::RepeatedField<uint32_t>& numbers) {
  Count(field, numbers.size(), kMaxRequiredDocuments);
  std::set<uint32_t> seen;
  for (int i = 0; i < numbers.size(); ++i) {
    if (!seen.insert(numbers[i]).second) Add(Cat(field, "[", i, "]"), "is given twice");
  }
}

void Checker::Details(std::string_view path, const v1::PersonDetails& details) {
  Text(Cat(path, ".given_name"), details.given_name(), kMaxPersonNameCharacters);
  Text(Cat(path, ".family_name"), details.family_name(), kMaxPersonNameCharacters);
  if (!details.birth_date().empty() && !ParseDay(details.birth_date()).has_value()) {
    Add(Cat(path, ".birth_date"), "must be a day, YYYY-MM-DD");
  }
  Text(Cat(path, ".contact"), details.contact(), kMaxContactCharacters);
  Text(Cat(path, ".legal_status"), details.legal_status(), kMaxLegalStatusCharacters);
  Text(Cat(path, ".needs"), details.needs(), kMaxNeedsCharacters);
  Text(Cat(path, ".reason"), details.reason(), kMaxReasonCharacters);
  Text(Cat(path, ".documents"), details.documents(), kMaxDocumentsCharacters);
  Text(Cat(path, ".child_view"), details.child_view(), kMaxChildViewCharacters);
  const std::string holders = Cat(path, ".parental_responsibility_holders");
  Count(holders, details.parental_responsibility_holders_size(), kMaxParentalHolders);
  for (int i = 0; i < details.parental_responsibility_holders_size(); ++i) {
    RequiredText(Cat(holders, "[", i, "]"), details.parental_responsibility_holders(i),
                 kMaxParentalHolderCharacters);
  }
}

void Checker::Alerts(std::string_view path, const v1::SafeguardingAlerts& alerts) {
  Count(Cat(path, ".alerts"), alerts.alerts_size(), kMaxAlerts);
  for (int i = 0; i < alerts.alerts_size(); ++i) {
    RequiredText(Cat(path, ".alerts[", i, "]"), alerts.alerts(i), kMaxAlertCharacters);
  }
}

void Checker::Sections(const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections) {
  Count("sections", sections.size(), kMaxPersons);
  std::set<uint32_t> numbers;
  for (int i = 0; i < sections.size(); ++i) {
    const v1::PersonSections& person = sections[i];
    const std::string path = Cat("sections[", i, "]");
    SectionsOfPerson(path, person);
    if (!numbers.insert(person.person()).second) Add(Cat(path, ".person"), "is used twice");
  }
}

void Checker::SectionsOfPerson(std::string_view path, const v1::PersonSections& person) {
  if (!IsPersonNumber(person.person())) Add(Cat(path, ".person"), Cat("must be 1 to ", kMaxPersonNumber));
  Screening(Cat(path, ".screening"), person.screening());
  Details(Cat(path, ".details"), person.details());
  Alerts(Cat(path, ".alerts"), person.alerts());
}

void Checker::Outcomes(const google::protobuf::RepeatedPtrField<v1::PersonOutcome>& outcomes) {
  Count("outcomes", outcomes.size(), kMaxPersons);
  for (int i = 0; i < outcomes.size(); ++i) {
    Outcome(Cat("outcomes[", i, "].outcome"), outcomes[i].outcome());
  }
}

void Checker::Outcome(std::string_view path, const v1::Outcome& outcome) {
  if (!ParseDay(outcome.date()).has_value()) Add(Cat(path, ".date"), "must be a day, YYYY-MM-DD");
  if (!outcome.follow_up_date().empty() && !ParseDay(outcome.follow_up_date()).has_value()) {
    Add(Cat(path, ".follow_up_date"), "must be a day, YYYY-MM-DD");
  }
  Language(Cat(path, ".informed_language"), outcome.informed_language());
}

void Checker::Parts(const google::protobuf::RepeatedPtrField<v1::PartDecision>& parts) {
  Count("parts", parts.size(), kMaxParts);
  std::set<std::string_view> names;
  for (int i = 0; i < parts.size(); ++i) {
    const std::string path = Cat("parts[", i, "]");
    Name(Cat(path, ".referral"), parts[i].referral());
    Required(Cat(path, ".action"), parts[i].action());
    if (!names.insert(parts[i].referral()).second) Add(Cat(path, ".referral"), "is given twice");
  }
}

void Checker::AppointmentTime(std::string_view path, bool has_time, std::string_view zone) {
  const std::string prefix = path.empty() ? std::string() : Cat(path, ".");
  if (!has_time) Add(Cat(prefix, "time"), "is required");
  if (!IsZoneName(zone)) Add(Cat(prefix, "zone"), "must be an IANA time zone, as in 'Europe/Madrid'");
}

// Requests that say nothing but which referral.
template <typename Request>
absl::Status ValidateBare(const Request& request) {
  Checker check(request);
  check.NameAndEtag(request);
  return check.Done();
}

// Requests that also carry a text, which must not be empty.
template <typename Request>
absl::Status ValidateWithText(const Request& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.RequiredEventText(request.text());
  return check.Done();
}

// What goes with RECTIFIED, and what with LIFTED.
void CheckCorrection(const v1::AnswerRightsRequestRequest& request, Checker& check) {
  if (!request.has_corrected()) return;
  if (request.answer() != v1::RIGHT_ANSWER_RECTIFIED) check.Add("corrected", "is for RECTIFIED alone");
  const v1::PersonSections& corrected = request.corrected();
  check.SectionsOfPerson("corrected", corrected);
  if (!corrected.has_screening() && !corrected.has_details() && !corrected.has_alerts()) {
    check.Add("corrected", "has no section");
  }
}

void CheckLifted(const v1::AnswerRightsRequestRequest& request, Checker& check) {
  const bool lifted = request.answer() == v1::RIGHT_ANSWER_LIFTED;
  const bool told = request.informed_how() != v1::INFORMED_HOW_UNSPECIFIED;
  if (lifted != told) check.Add("informed_how", "is required with LIFTED, and for nothing else");
  if (request.informed_how() == v1::INFORMED_HOW_NOT_INFORMED) {
    check.Add("informed_how", "the person is told before a restriction is lifted (Article 18(3) GDPR)");
  }
  if (lifted != !request.informed_language().empty()) {
    check.Add("informed_language", "is required with LIFTED, and for nothing else");
  }
  check.Language("informed_language", request.informed_language());
}

constexpr std::string_view kNoNote = "must be the name of a note of this referral";

// "referrals/x/notes/3" of "referrals/x".
bool IsNoteOf(std::string_view referral, const std::string& name) {
  const std::string prefix = Cat(referral, "/notes/");
  uint32_t number = 0;
  return name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
         absl::SimpleAtoi(name.substr(prefix.size()), &number) && number >= 1 && Cat(prefix, number) == name;
}

template <typename Request>
void CheckNewRecipient(const Request& request, Checker& check) {
  check.NameAndEtag(request);
  check.Body("body", request.body(), true);
  check.Disclosures(request.disclosures());
  check.Readers("readers", request.readers());
  check.EventText(request.text());
  if (request.has_telephone_handover()) check.Telephone("telephone_handover", request.telephone_handover());
}

constexpr std::string_view kUpdatable[] = {
    "theme",   "priority",           "referring.unit", "receiving",     "offer",   "territory",
    "persons", "telephone_handover", "sections",       "own_reference", "part_of", "case_persons"};

}  // namespace

bool IsReferralName(std::string_view name) {
  return api::IsName(name, {"referrals"});
}

bool IsLanguageTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxLanguageTagBytes) return false;
  bool first = true;
  while (true) {
    const std::string_view subtag = tag.substr(0, tag.find('-'));
    if (subtag.empty() || subtag.size() > 8) return false;
    if (first && (subtag.size() < 2 || !std::all_of(subtag.begin(), subtag.end(), IsLetter))) return false;
    if (!std::all_of(subtag.begin(), subtag.end(), [](char c) { return IsLetter(c) || IsDigit(c); }))
      return false;
    first = false;
    if (subtag.size() == tag.size()) return true;
    tag.remove_prefix(subtag.size() + 1);
  }
}

bool IsLawCode(std::string_view code) {
  const auto allowed = [](char c) { return IsLower(c) || IsDigit(c) || c == '.' || c == '-' || c == '/'; };
  return !code.empty() && code.size() <= kMaxLawBytes && (IsLower(code.front()) || IsDigit(code.front())) &&
         std::all_of(code.begin(), code.end(), allowed);
}

bool IsTerritoryCode(std::string_view code) {
  constexpr size_t kNuts3Bytes = 5;
  if (code == "EU") return true;
  if (code.size() > kMaxTerritoryBytes) return false;
  const std::string_view nuts = code.substr(0, code.find('/'));
  const auto upper_or_digit = [](char c) { return IsUpper(c) || IsDigit(c); };
  if (nuts.size() < 2 || nuts.size() > kNuts3Bytes || !IsUpper(nuts[0]) || !IsUpper(nuts[1]) ||
      nuts.substr(0, 2) == "EU" || !std::all_of(nuts.begin(), nuts.end(), upper_or_digit)) {
    return false;
  }
  std::string_view rest = code.substr(nuts.size());
  if (!rest.empty() && nuts.size() != kNuts3Bytes) return false;
  for (int parts = 0; !rest.empty(); ++parts) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    const auto local = [&](char c) { return upper_or_digit(c) || c == '-' || c == '.'; };
    if (part.empty() || parts >= kMaxLocalTerritoryParts || !std::all_of(part.begin(), part.end(), local))
      return false;
    rest.remove_prefix(part.size());
  }
  return true;
}

bool IsZoneName(std::string_view zone) {
  if (zone == "UTC") return true;
  if (zone.empty() || zone.size() > kMaxZoneBytes || zone.find('/') == std::string_view::npos) return false;
  bool at_start = true;
  for (const char c : zone) {
    if (at_start && !IsUpper(c)) return false;
    if (!IsLetter(c) && !IsDigit(c) && c != '_' && c != '-' && c != '+' && c != '/') return false;
    at_start = c == '/';
  }
  return !at_start;
}

absl::Status Validate(const v1::CreateReferralRequest& request) {
  Checker check(request);
  if (!request.has_referral()) check.Add("referral", "is required");
  check.Referral(request.referral());
  check.Sections(request.sections());
  check.OwnReference(request.own_reference());
  return check.Done();
}

absl::Status Validate(const v1::UpdateReferralRequest& request) {
  Checker check(request);
  check.Name("referral.name", request.referral().name());
  check.Etag(request.referral().etag());
  check.Referral(request.referral());
  check.Sections(request.sections());
  check.OwnReference(request.own_reference());
  const auto& paths = request.update_mask().paths();
  if (paths.empty()) check.Add("update_mask", "must name at least one field");
  for (int i = 0; i < paths.size(); ++i) {
    if (std::find(std::begin(kUpdatable), std::end(kUpdatable), paths[i]) == std::end(kUpdatable)) {
      check.Add(Cat("update_mask.paths[", i, "]"), "names no field that can be changed");
    }
  }
  const bool sections_named = std::find(paths.begin(), paths.end(), "sections") != paths.end();
  if (!request.sections().empty() && !sections_named) check.Add("sections", "are not named in update_mask");
  const bool reference_named = std::find(paths.begin(), paths.end(), "own_reference") != paths.end();
  if (!request.own_reference().empty() && !reference_named) {
    check.Add("own_reference", "is not named in update_mask");
  }
  return check.Done();
}

absl::Status Validate(const v1::SubmitReferralRequest& request) {
  Checker check(request);
  check.Etag(request.etag());
  if (request.name().empty()) {
    if (!request.has_referral()) check.Add("referral", "name a draft, or give a new referral");
    check.Referral(request.referral());
    check.Sections(request.sections());
    check.OwnReference(request.own_reference());
    return check.Done();
  }
  check.Name("name", request.name());
  if (request.has_referral()) check.Add("referral", "must be empty where a draft is named");
  if (!request.sections().empty()) check.Add("sections", "must be empty where a draft is named");
  if (!request.own_reference().empty()) check.Add("own_reference", "must be empty where a draft is named");
  return check.Done();
}

absl::Status Validate(const v1::ApproveReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::AcknowledgeReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.OwnReference(request.own_reference());
  return check.Done();
}

absl::Status Validate(const v1::RequestInformationRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.RequiredEventText(request.text());
  check.DocumentNumbers("documents", request.documents());
  return check.Done();
}

absl::Status Validate(const v1::ProvideInformationRequest& request) {
  return ValidateWithText(request);
}

absl::Status Validate(const v1::WaitlistReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.EventText(request.text());
  if (!request.has_review_time()) check.Add("review_time", "is required");
  check.GroupChoice(request);
  return check.Done();
}

absl::Status Validate(const v1::OfferPlaceRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.EventText(request.text());
  if (!request.has_answer_by_time()) check.Add("answer_by_time", "is required");
  check.GroupChoice(request);
  check.OutOfOrder(request);
  return check.Done();
}

absl::Status Validate(const v1::AnswerOfferRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.EventText(request.text());
  check.Required("answer", request.answer());
  return check.Done();
}

absl::Status Validate(const v1::AcceptReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.EventText(request.text());
  check.OwnReference(request.own_reference());
  check.Unit("unit", request.unit());
  if (request.has_appointment()) {
    check.AppointmentTime("appointment", request.appointment().has_time(), request.appointment().zone());
  }
  check.Offer("offer", request.offer());
  check.Places(request.places());
  check.OutOfOrder(request);
  return check.Done();
}

absl::Status Validate(const v1::DeclineReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("reason", request.reason());
  check.Required("declined_by", request.declined_by());
  check.Body("suggested_body", request.suggested_body(), false);
  check.EventText(request.text());
  if (request.reason() == v1::DECLINE_REASON_OTHER) check.RequiredEventText(request.text());
  check.DocumentNumbers("missing_documents", request.missing_documents());
  if (!request.missing_documents().empty() && request.reason() != v1::DECLINE_REASON_MISSING_DOCUMENTS) {
    check.Add("missing_documents", "are for MISSING_DOCUMENTS alone");
  }
  return check.Done();
}

absl::Status Validate(const v1::ProposeForwardRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Body("body", request.body(), true);
  check.Unit("unit", request.unit());
  check.Offer("offer", request.offer());
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::ConfirmForwardRequest& request) {
  Checker check(request);
  CheckNewRecipient(request, check);
  return check.Done();
}

absl::Status Validate(const v1::ForwardByDutyRequest& request) {
  Checker check(request);
  CheckNewRecipient(request, check);
  check.Unit("unit", request.unit());
  if (!IsLawCode(request.law())) check.Add("law", "must name the law that imposes the duty, as a code");
  return check.Done();
}

absl::Status Validate(const v1::HandOverReferralRequest& request) {
  Checker check(request);
  CheckNewRecipient(request, check);
  check.Unit("unit", request.unit());
  check.Offer("offer", request.offer());
  return check.Done();
}

absl::Status Validate(const v1::StartReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::HoldReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("reason", request.reason());
  if (request.reason() == v1::HOLD_REASON_HAND_OVER) check.Add("reason", "is set by HandOverReferral alone");
  if (!request.has_review_time()) check.Add("review_time", "is required");
  check.EventText(request.text());
  if (request.reason() == v1::HOLD_REASON_OTHER) check.RequiredEventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::ResumeReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::CompleteReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Outcomes(request.outcomes());
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::EndReferralWithoutResultRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Outcomes(request.outcomes());
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::CancelReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("reason", request.reason());
  if (request.reason() == v1::CANCEL_REASON_MISDIRECTED) check.Add("reason", "is for ReportMisdirected");
  if (request.reason() == v1::CANCEL_REASON_PLACE_REFUSED) check.Add("reason", "is for AnswerOffer");
  check.EventText(request.text());
  if (request.reason() == v1::CANCEL_REASON_OTHER) check.RequiredEventText(request.text());
  check.Parts(request.parts());
  return check.Done();
}

absl::Status Validate(const v1::DetachReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::ConfirmCancelRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::RefuseCancelRequest& request) {
  return ValidateWithText(request);
}

absl::Status Validate(const v1::ReopenReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Disclosures(request.disclosures());
  check.RequiredEventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::ReportMisdirectedRequest& request) {
  return ValidateWithText(request);
}

absl::Status Validate(const v1::AssignReferralRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Unit("unit", request.unit());
  if (!request.assignee().empty()) check.Actor("assignee", request.assignee());
  check.Readers("readers", request.readers());
  return check.Done();
}

absl::Status Validate(const v1::ClaimReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::ChangePriorityRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("priority", request.priority());
  check.RequiredEventText(request.text());
  if (request.has_telephone_handover()) check.Telephone("telephone_handover", request.telephone_handover());
  return check.Done();
}

absl::Status Validate(const v1::ProposeDateRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  if (!request.has_time()) check.Add("time", "is required");
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::AnswerDateRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("answer", request.answer());
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::RecordAppointmentRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("status", request.status());
  if (request.number() > static_cast<uint32_t>(kMaxAppointments)) check.Add("number", "is no appointment");
  const bool timed = request.number() == 0 || request.status() == v1::APPOINTMENT_STATUS_MOVED;
  if (timed) {
    check.AppointmentTime("", request.has_time(), request.zone());
  } else if (request.has_time() || !request.zone().empty()) {
    check.Add("time", "is for a new or moved appointment");
  }
  return check.Done();
}

absl::Status Validate(const v1::AddNoteRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("visibility", request.visibility());
  check.RequiredText("text", request.text(), kMaxNoteCharacters);
  return check.Done();
}

absl::Status Validate(const v1::VoidEntryRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  switch (request.entry_case()) {
    case v1::VoidEntryRequest::kNote:
      if (!IsNoteOf(request.name(), request.note())) check.Add("note", kNoNote);
      break;
    case v1::VoidEntryRequest::kAppointment:
      if (request.appointment() < 1 || request.appointment() > static_cast<uint32_t>(kMaxAppointments)) {
        check.Add("appointment", "is no appointment");
      }
      break;
    case v1::VoidEntryRequest::ENTRY_NOT_SET:
      check.Add("note", "name a note or an appointment");
      break;
  }
  check.Voiding(request.reason(), request.text());
  return check.Done();
}

absl::Status Validate(const v1::VoidOutcomeRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  if (!IsPersonNumber(request.person())) check.Add("person", Cat("must be 1 to ", kMaxPersonNumber));
  check.Outcome("outcome", request.outcome());
  check.Voiding(request.reason(), request.text());
  return check.Done();
}

absl::Status Validate(const v1::RemindReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::RuleOnCompetenceRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Body("body", request.body(), true);
  check.Unit("unit", request.unit());
  if (!IsLawCode(request.law())) check.Add("law", "must name what the ruling rests on, as a code");
  if (request.has_telephone_handover()) check.Telephone("telephone_handover", request.telephone_handover());
  return check.Done();
}

absl::Status Validate(const v1::AssumeResponsibilityRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Unit("unit", request.unit());
  if (!IsLawCode(request.law())) check.Add("law", "must name what it rests on, as a code");
  return check.Done();
}

absl::Status Validate(const v1::SettleFollowUpRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::EraseReferralRequest& request) {
  return ValidateBare(request);
}

absl::Status Validate(const v1::GetReferralRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  return check.Done();
}

absl::Status Validate(const v1::ListReferralsRequest& request) {
  Checker check(request);
  check.Required("box", request.box());
  check.Page(request.page_size(), request.page_token());
  check.Count("states", request.states_size(), kMaxStatesInQuery);
  std::set<int> states;
  for (int i = 0; i < request.states_size(); ++i) {
    if (!states.insert(request.states(i)).second) check.Add(Cat("states[", i, "]"), "is given twice");
  }
  check.Unit("unit", request.unit());
  return check.Done();
}

absl::Status Validate(const v1::WatchReferralsRequest& request) {
  Checker check(request);
  check.Text("cursor", request.cursor(), kMaxCursorBytes);
  return check.Done();
}

absl::Status Validate(const v1::DiscloseReferralRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  check.Required("purpose", request.purpose());
  check.LegalOrder(request);
  if (request.sections().empty()) check.Add("sections", "name at least one");
  check.Count("sections", request.sections_size(), kMaxSectionsDisclosed);
  check.Count("persons", request.persons_size(), kMaxPersons);
  std::set<uint32_t> persons;
  for (int i = 0; i < request.persons_size(); ++i) {
    const std::string path = Cat("persons[", i, "]");
    if (!IsPersonNumber(request.persons(i))) check.Add(path, Cat("must be 1 to ", kMaxPersonNumber));
    if (!persons.insert(request.persons(i)).second) check.Add(path, "is given twice");
  }
  return check.Done();
}

absl::Status Validate(const v1::ListNotesRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::ListPartsRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::DiscloseNotesRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  check.Required("purpose", request.purpose());
  check.LegalOrder(request);
  if (request.notes().empty()) check.Add("notes", "name at least one");
  check.Count("notes", request.notes_size(), kMaxNotesDisclosed);
  std::set<std::string_view> names;
  for (int i = 0; i < request.notes_size(); ++i) {
    const std::string& name = request.notes(i);
    if (!IsNoteOf(request.name(), name)) check.Add(Cat("notes[", i, "]"), kNoNote);
    if (!names.insert(name).second) check.Add(Cat("notes[", i, "]"), "is given twice");
  }
  return check.Done();
}

absl::Status Validate(const v1::ListReferralHistoryRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::FindByOwnReferenceRequest& request) {
  Checker check(request);
  check.RequiredText("own_reference", request.own_reference(), kMaxOwnReferenceCharacters);
  return check.Done();
}

absl::Status Validate(const v1::RecordRightsRequestRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  check.Required("kind", request.kind());
  if (!IsPersonNumber(request.person())) check.Add("person", Cat("must be 1 to ", kMaxPersonNumber));
  if (!request.has_ask_time()) check.Add("ask_time", "is required");
  check.Required("asked_how", request.asked_how());
  check.EventText(request.text());
  return check.Done();
}

absl::Status Validate(const v1::GetRightsRequestRequest& request) {
  Checker check(request);
  check.RightsName(request.name());
  return check.Done();
}

absl::Status Validate(const v1::ListRightsRequestsRequest& request) {
  Checker check(request);
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::AnswerRightsRequestRequest& request) {
  Checker check(request);
  check.RightsName(request.name());
  check.Etag(request.etag());
  check.Name("referral", request.referral());
  check.Required("answer", request.answer());
  const bool retained = request.answer() == v1::RIGHT_ANSWER_RETAINED;
  const bool refused = request.answer() == v1::RIGHT_ANSWER_REFUSED;
  if (retained != !request.law().empty()) check.Add("law", "is required with RETAINED, and for nothing else");
  check.Law("law", request.law());
  if (!request.retained_until().empty()) {
    if (!retained) check.Add("retained_until", "is for RETAINED alone");
    if (!ParseDay(request.retained_until()).has_value()) check.Add("retained_until", "must be YYYY-MM-DD");
  }
  if (refused != (request.refusal_ground() != v1::REFUSAL_GROUND_UNSPECIFIED)) {
    check.Add("refusal_ground", "is required with REFUSED, and for nothing else");
  }
  CheckCorrection(request, check);
  CheckLifted(request, check);
  return check.Done();
}

// It asks for nothing.
absl::Status Validate(const v1::ListReceiptKeysRequest&) {
  return absl::OkStatus();
}

// So does this.
absl::Status Validate(const v1::GetMyselfRequest&) {
  return absl::OkStatus();
}

absl::Status Validate(const v1::ListRetentionRequest& request) {
  Checker check(request);
  const auto until = ParseDay(request.until());
  if (!until.has_value()) {
    check.Add("until", "must be a day, as in 2031-12-31");
  } else if (until->year() < 2000 || until->year() > 2199) {
    check.Add("until", "must be from 2000 to 2199");
  }
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::ListRetentionReportsRequest& request) {
  Checker check(request);
  check.Page(request.page_size(), request.page_token());
  return check.Done();
}

absl::Status Validate(const v1::ExportPersonRequest& request) {
  Checker check(request);
  check.Name("name", request.name());
  if (!IsPersonNumber(request.person())) check.Add("person", Cat("must be 1 to ", kMaxPersonNumber));
  return check.Done();
}

absl::Status Validate(const v1::PlaceLegalHoldRequest& request) {
  Checker check(request);
  check.NameAndEtag(request);
  if (request.law().empty()) check.Add("law", "is required");
  check.Law("law", request.law());
  if (!request.until().empty() && !ParseDay(request.until()).has_value())
    check.Add("until", "must be YYYY-MM-DD");
  return check.Done();
}

absl::Status Validate(const v1::ReleaseLegalHoldRequest& request) {
  return ValidateBare(request);
}

}  // namespace waypost::referral
