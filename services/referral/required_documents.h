// The documents that an offer requires, and what is stated of those that people have. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_REQUIRED_DOCUMENTS_H_
#define WAYPOST_SERVICES_REFERRAL_REQUIRED_DOCUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/repeated_field.h"
#include "services/referral/referral_commands.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// As they are kept with a referral: each in all its languages, or where that is more than
// kMaxRequiredDocumentBytes, in its original one.
storage::v1::RequiredDocuments KeptDocuments(
    const google::protobuf::RepeatedPtrField<type::v1::LocalizedText>& documents);

// Puts what an offer requires in the place of what `record` has. Null: nothing is required.
void PutRequired(const DocumentsPtr& required, storage::v1::ReferralRecord& record);

// INVALID_FIELD where `record` has no required document of one of these numbers. `field` names them.
absl::Status CheckDocumentNumbers(std::string_view field, const std::vector<uint32_t>& numbers,
                                  const storage::v1::ReferralRecord& record);

// What documents are compared by: capitals and blanks around a name do not matter.
std::string DocumentKey(std::string_view document);

// Is it this document, in whatever language?
bool IsDocument(const type::v1::LocalizedText& required, std::string_view document);

// Whom a request speaks of.
enum class Speaks {
  kOfAll,    // it makes the referral: of whom it says nothing, nothing is stated
  kOfThose,  // whose sections it gives
};
// Which of the required documents the people of `record` are not stated to hold in `sections`; each person
// once, in the order of the record. Nobody where nothing is missing.
std::vector<v1::DocumentsNotHeld> NotHeld(
    const storage::v1::ReferralRecord& record,
    const google::protobuf::RepeatedPtrField<v1::PersonSections>& sections, Speaks speaks);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REQUIRED_DOCUMENTS_H_
