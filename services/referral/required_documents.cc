#include "services/referral/required_documents.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using base::Cat;

bool IsHeld(const type::v1::LocalizedText& required, const v1::PersonSections* sections) {
  if (sections == nullptr) return false;
  const auto& stated = sections->screening().documents();
  return std::any_of(stated.begin(), stated.end(), [&](const v1::HeldDocument& one) {
    return one.status() == v1::DOCUMENT_STATUS_HELD && IsDocument(required, one.document());
  });
}

}  // namespace

storage::v1::RequiredDocuments KeptDocuments(
    const google::protobuf::RepeatedPtrField<type::v1::LocalizedText>& documents) {
  storage::v1::RequiredDocuments kept;
  *kept.mutable_documents() = documents;
  if (kept.ByteSizeLong() <= kMaxRequiredDocumentBytes) return kept;
  for (type::v1::LocalizedText& document : *kept.mutable_documents()) {
    const auto original = document.text().find(document.original_language());
    if (original == document.text().end()) continue;
    std::string text = original->second;
    document.clear_text();
    (*document.mutable_text())[document.original_language()] = std::move(text);
  }
  return kept;
}

void PutRequired(const DocumentsPtr& required, storage::v1::ReferralRecord& record) {
  record.clear_required_documents();
  if (required != nullptr) *record.mutable_required_documents() = required->documents();
}

absl::Status CheckDocumentNumbers(std::string_view field, const std::vector<uint32_t>& numbers,
                                  const storage::v1::ReferralRecord& record) {
  error::FieldViolations wrong;
  const auto count = static_cast<uint32_t>(record.required_documents_size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] >= 1 && numbers[i] <= count) continue;
    wrong.Add(Cat(field, "[", i, "]"), Cat("is no number of a required document: the referral has ", count,
                                           ", see GetReferral; name any other one in the text"));
  }
  return wrong.ToStatus();
}

std::string DocumentKey(std::string_view document) {
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(base::ToAbsl(document)));
}

bool IsDocument(const type::v1::LocalizedText& required, std::string_view document) {
  const std::string key = DocumentKey(document);
  return std::any_of(required.text().begin(), required.text().end(),
                     [&key](const auto& one) { return DocumentKey(one.second) == key; });
}

std::vector<v1::DocumentsNotHeld> NotHeld(
    const storage::v1::ReferralRecord& record,
    const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections, Speaks speaks) {
  std::vector<v1::DocumentsNotHeld> all;
  for (const v1::Person& person : record.persons()) {
    const auto given = std::find_if(sections.begin(), sections.end(), [&](const v1::PersonSections& one) {
      return one.person() == person.number();
    });
    const bool is_given = given != sections.end();
    if (!is_given && speaks == Speaks::kOfThose) continue;
    v1::DocumentsNotHeld lacking;
    lacking.set_person(person.number());
    for (int i = 0; i < record.required_documents_size(); ++i) {
      if (IsHeld(record.required_documents(i), is_given ? &*given : nullptr)) continue;
      lacking.add_documents(static_cast<uint32_t>(i + 1));
    }
    if (lacking.documents_size() > 0) all.push_back(std::move(lacking));
  }
  return all;
}

}  // namespace waypost::referral
