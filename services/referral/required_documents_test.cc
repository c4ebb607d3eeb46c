#include "services/referral/required_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Sections = google::protobuf::RepeatedPtrField<v1::PersonSections>;

type::v1::LocalizedText Document(std::string_view es, std::string_view fr) {
  type::v1::LocalizedText document;
  (*document.mutable_text())["es"] = std::string(es);
  (*document.mutable_text())["fr"] = std::string(fr);
  document.set_original_language("es");
  return document;
}

// Two people, and an offer that requires a passport and a certificate of residence.
storage::v1::ReferralRecord Record() {
  storage::v1::ReferralRecord record;
  *record.add_required_documents() = Document("Pasaporte", "Passeport");
  *record.add_required_documents() = Document("Volante de empadronamiento", "Justificatif de domicile");
  record.add_persons()->set_number(3);
  record.add_persons()->set_number(7);
  return record;
}

void State(uint32_t person, std::string_view document, v1::DocumentStatus status, Sections& sections) {
  v1::PersonSections* found = nullptr;
  for (v1::PersonSections& one : sections) found = one.person() == person ? &one : found;
  if (found == nullptr) {
    found = sections.Add();
    found->set_person(person);
  }
  v1::HeldDocument& stated = *found->mutable_screening()->add_documents();
  stated.set_document(std::string(document));
  stated.set_status(status);
}

TEST(RequiredDocuments, ADocumentIsNamedInAnyLanguage) {
  const type::v1::LocalizedText passport = Document("Pasaporte", "Passeport");
  for (const std::string_view name : {"Pasaporte", "  passeport\n", "PASAPORTE"}) {
    EXPECT_TRUE(IsDocument(passport, name)) << name;
  }
  for (const std::string_view name : {"", "Pasaport", "Pasaporte original", "es"}) {
    EXPECT_FALSE(IsDocument(passport, name)) << name;
  }
}

TEST(RequiredDocuments, WhatIsNotStatedAsHeldIsTold) {
  Sections sections;
  State(3, "passeport", v1::DOCUMENT_STATUS_HELD, sections);
  State(3, "Volante de empadronamiento", v1::DOCUMENT_STATUS_APPLIED_FOR, sections);
  State(7, "Pasaporte", v1::DOCUMENT_STATUS_MISSING, sections);
  const auto lacking = NotHeld(Record(), sections, Speaks::kOfAll);
  ASSERT_EQ(lacking.size(), 2U);
  EXPECT_EQ(lacking[0].person(), 3U);
  EXPECT_THAT(lacking[0].documents(), ElementsAre(2)) << "who waits for one does not hold it";
  EXPECT_EQ(lacking[1].person(), 7U);
  EXPECT_THAT(lacking[1].documents(), ElementsAre(1, 2));
}

TEST(RequiredDocuments, NobodyIsToldWhoHoldsAll) {
  Sections sections;
  for (const uint32_t person : {3U, 7U}) {
    State(person, "Pasaporte", v1::DOCUMENT_STATUS_HELD, sections);
    State(person, "Justificatif de domicile", v1::DOCUMENT_STATUS_HELD, sections);
    State(person, "Something else", v1::DOCUMENT_STATUS_MISSING, sections);
  }
  EXPECT_THAT(NotHeld(Record(), sections, Speaks::kOfAll), IsEmpty());
  storage::v1::ReferralRecord nothing_required = Record();
  PutRequired(nullptr, nothing_required);
  EXPECT_THAT(NotHeld(nothing_required, {}, Speaks::kOfAll), IsEmpty());
}

TEST(RequiredDocuments, OfWhomNothingIsSaidNothingIsToldWhereOnlySomeAreSpokenOf) {
  Sections sections;
  State(7, "Pasaporte", v1::DOCUMENT_STATUS_HELD, sections);
  const auto lacking = NotHeld(Record(), sections, Speaks::kOfThose);
  ASSERT_EQ(lacking.size(), 1U);
  EXPECT_EQ(lacking[0].person(), 7U);
  EXPECT_THAT(lacking[0].documents(), ElementsAre(2));
  EXPECT_EQ(NotHeld(Record(), sections, Speaks::kOfAll).size(), 2U);
}

TEST(RequiredDocuments, NumbersAreThoseOfTheReferral) {
  EXPECT_TRUE(CheckDocumentNumbers("documents", {}, {}).ok());
  EXPECT_TRUE(CheckDocumentNumbers("documents", {2, 1}, Record()).ok());
  for (const uint32_t number : {0U, 3U}) {
    const absl::Status refused = CheckDocumentNumbers("documents", {1, number}, Record());
    EXPECT_EQ(error::ReasonOf(refused), "INVALID_FIELD");
    EXPECT_THAT(error::ViolationsOf(refused), ElementsAre(::testing::StartsWith("documents[1]: ")));
  }
}

TEST(RequiredDocuments, LongOnesAreKeptInTheirOriginalLanguage) {
  google::protobuf::RepeatedPtrField<type::v1::LocalizedText> documents;
  *documents.Add() = Document("Pasaporte", "Passeport");
  EXPECT_EQ(KeptDocuments(documents).documents(0).text_size(), 2);
  while (documents.size() < kMaxRequiredDocuments) {
    *documents.Add() = Document(base::Cat(documents.size()), std::string(300, 'x'));
    for (int language = 0; language < 3; ++language) {
      (*documents.rbegin()->mutable_text())[base::Cat("qa", language)] = std::string(300, 'x');
    }
  }
  const storage::v1::RequiredDocuments kept = KeptDocuments(documents);
  ASSERT_EQ(kept.documents_size(), kMaxRequiredDocuments);
  EXPECT_LE(kept.ByteSizeLong(), kMaxRequiredDocumentBytes);
  EXPECT_EQ(kept.documents(0).text_size(), 1);
  EXPECT_EQ(kept.documents(0).text().at("es"), "Pasaporte");
  EXPECT_EQ(kept.documents(9).text().at("es"), "9");
}

}  // namespace
}  // namespace waypost::referral
