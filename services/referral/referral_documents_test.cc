// Required documents through gRPC: what the offer asked for, what is stated of a person, and who is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kPassport = "Pasaporte";
constexpr std::string_view kResidence = "Volante de empadronamiento";
constexpr std::string_view kOwnWords = "document-given-in-the-clear";
constexpr std::string_view kNote = "document-note-given-in-the-clear";

class DocumentsTest : public ::testing::Test, protected ReferralRig {
 protected:
  DocumentsTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    Require(kOffer, kReceivingBody, {kPassport, kResidence});
  }

  void Require(std::string_view offer, std::string_view provider,
               const std::vector<std::string_view>& documents) {
    directory::v1::WatchChangesResponse changes;
    directory::v1::Change& change = *changes.add_changes();
    change.set_revision(++offer_revision_);
    directory::v1::Offer& changed = *change.mutable_offer();
    changed.set_name(std::string(offer));
    changed.set_provider(std::string(provider));
    changed.set_status(directory::v1::OFFER_STATUS_ACTIVE);
    for (const std::string_view document : documents) {
      type::v1::LocalizedText& text = *changed.add_required_documents();
      (*text.mutable_text())["es"] = std::string(document);
      text.set_original_language("es");
    }
    // As no change of the rig's own: each change has a cursor, and the routes found under another are
    // forgotten.
    changes.set_next_cursor(base::Cat("documents-", offer_revision_));
    changes.set_up_to_date(true);
    ASSERT_TRUE(replica.Apply(changes, rig.clock().Now()).ok());
  }
  static void State(std::string_view document, v1::DocumentStatus status, v1::PersonSections& sections,
                    std::string_view note = {}) {
    v1::HeldDocument& stated = *sections.mutable_screening()->add_documents();
    stated.set_document(std::string(document));
    stated.set_status(status);
    stated.set_note(std::string(note));
  }
  // To an offer that requires a passport and a certificate of residence.
  v1::SubmitReferralRequest NewAsking(int persons = 1) const {
    v1::SubmitReferralRequest request = NewReferral(persons);
    request.mutable_referral()->set_offer(std::string(kOffer));
    return request;
  }
  v1::Referral Sent(const v1::SubmitReferralRequest& request) {
    return Must(Do(referrer, &Stub::SubmitReferral, request));
  }
  static std::vector<std::string> Required(const v1::Referral& referral) {
    std::vector<std::string> texts;
    for (const auto& document : referral.required_documents()) texts.push_back(document.text().at("es"));
    return texts;
  }
  std::vector<v1::HeldDocument> Opened(const std::string& token, const std::string& name) {
    const auto opened =
        Must(Do(token, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
    const auto& documents = opened.sections(0).screening().documents();
    return {documents.begin(), documents.end()};
  }
  v1::DeclineReferralRequest DeclineFor(const std::string& name, const std::vector<uint32_t>& missing) {
    v1::DeclineReferralRequest request = Decline(name);
    request.set_reason(v1::DECLINE_REASON_MISSING_DOCUMENTS);
    request.mutable_missing_documents()->Assign(missing.begin(), missing.end());
    return request;
  }

 private:
  int64_t offer_revision_ = 1'000'000;  // after all of the rig's own
};

TEST_F(DocumentsTest, BothSidesSeeWhatWasAskedThoughTheOfferChanges) {
  const std::string name = Sent(NewAsking()).name();
  Require(kOffer, kReceivingBody, {"Something else"});
  for (const std::string& token : {referrer, receiver}) {
    EXPECT_THAT(Required(Must(Get(token, name))), ElementsAre(kPassport, kResidence));
  }
  EXPECT_THAT(Required(Must(Get(coordinator, name))), IsEmpty()) << "it is no side";
  EXPECT_THAT(Required(Sent(NewAsking())), ElementsAre("Something else"));
  EXPECT_THAT(Required(Sent(NewReferral())), IsEmpty()) << "of no offer";
  Require(kOffer, kReceivingBody, {});
  const v1::Referral nothing = Sent(NewAsking());
  EXPECT_THAT(Required(nothing), IsEmpty());
  EXPECT_EQ(nothing.documents_not_held_size(), 0);
}

TEST_F(DocumentsTest, WhoSendsIsToldOnceWhatIsNotStatedAndIsNotStopped) {
  v1::SubmitReferralRequest request = NewAsking(2);
  request.set_request_id("documents-told-once");
  State("pasaporte ", v1::DOCUMENT_STATUS_HELD, *request.mutable_sections(0));
  State(kResidence, v1::DOCUMENT_STATUS_HELD, *request.mutable_sections(0));
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *request.mutable_sections(1));
  State(kResidence, v1::DOCUMENT_STATUS_MISSING, *request.mutable_sections(1));
  const v1::Referral sent = Sent(request);
  EXPECT_EQ(sent.state(), kRequested);
  ASSERT_EQ(sent.documents_not_held_size(), 1);
  EXPECT_EQ(sent.documents_not_held(0).person(), 2U);
  EXPECT_THAT(sent.documents_not_held(0).documents(), ElementsAre(2));
  EXPECT_EQ(Sent(request).documents_not_held_size(), 1) << "the same call again";
  for (const std::string& token : {referrer, receiver}) {
    EXPECT_EQ(Must(Get(token, sent.name())).documents_not_held_size(), 0);
  }
}

TEST_F(DocumentsTest, ADraftIsToldWhenItsSectionsAreWritten) {
  v1::CreateReferralRequest create = NewDraft(2);
  create.mutable_referral()->set_offer(std::string(kOffer));
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *create.mutable_sections(0));
  const v1::Referral draft = Must(Do(referrer, &Stub::CreateReferral, create));
  EXPECT_THAT(Required(draft), ElementsAre(kPassport, kResidence));
  ASSERT_EQ(draft.documents_not_held_size(), 2);
  EXPECT_THAT(draft.documents_not_held(0).documents(), ElementsAre(2));
  EXPECT_THAT(draft.documents_not_held(1).documents(), ElementsAre(1, 2));

  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft.name());
  update.mutable_update_mask()->add_paths("sections");
  *update.add_sections() = MarkedSections(2);
  State(kResidence, v1::DOCUMENT_STATUS_HELD, *update.mutable_sections(0));
  const v1::Referral updated = Must(Do(referrer, &Stub::UpdateReferral, update));
  ASSERT_EQ(updated.documents_not_held_size(), 1) << "of whom nothing is given, nothing is told";
  EXPECT_EQ(updated.documents_not_held(0).person(), 2U);
  EXPECT_THAT(updated.documents_not_held(0).documents(), ElementsAre(1));

  Require(kOffer, kReceivingBody, {kResidence});
  const v1::Referral sent =
      Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft.name())));
  EXPECT_THAT(Required(sent), ElementsAre(kResidence)) << "what it requires when it is sent";
  EXPECT_EQ(sent.documents_not_held_size(), 0) << "no section is opened for it";
}

TEST_F(DocumentsTest, TheReceiverSeesDocumentsExactlyWhenItSeesTheScreening) {
  v1::SubmitReferralRequest request = NewAsking();
  State(kOwnWords, v1::DOCUMENT_STATUS_APPLIED_FOR, *request.mutable_sections(0), kNote);
  const std::string name = Sent(request).name();
  const auto seen = Opened(receiver, name);
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].document(), kOwnWords);
  EXPECT_EQ(seen[0].status(), v1::DOCUMENT_STATUS_APPLIED_FOR);
  EXPECT_EQ(seen[0].note(), kNote);
  const auto look = Disclose(name, {v1::SECTION_KIND_SCREENING});
  EXPECT_EQ(ReasonOf(Do(third, &Stub::DiscloseReferral, look)), "NOT_FOUND");
  EXPECT_NE(ReasonOf(Do(coordinator, &Stub::DiscloseReferral, look)), "OK");
  for (const std::string& token : {referrer, receiver, coordinator}) {
    EXPECT_THAT(std::string(Must(Get(token, name)).DebugString()), Not(HasSubstr("given-in-the-clear")));
  }
  Must(Do(receiver, &Stub::DeclineReferral, DeclineFor(name, {})));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, look)), "ACCESS_ENDED");
  EXPECT_THAT(Opened(referrer, name), SizeIs(1));
  for (const auto& [key, value] : rig.Dump()) {
    EXPECT_THAT(key + value, Not(HasSubstr(std::string(kOwnWords))));
    EXPECT_THAT(key + value, Not(HasSubstr(std::string(kNote))));
  }
}

TEST_F(DocumentsTest, AQuestionNamesRequiredDocumentsWhileItIsOpen) {
  const std::string name = Sent(NewAsking()).name();
  auto ask = On<v1::RequestInformationRequest>(name);
  ask.set_text("Can she bring it?");
  ask.add_documents(3);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::RequestInformation, ask)), "INVALID_FIELD") << "there are two";
  ask.set_documents(0, 2);
  ask.add_documents(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::RequestInformation, ask)), "INVALID_FIELD") << "given twice";
  ask.mutable_documents()->RemoveLast();
  EXPECT_THAT(Must(Do(receiver, &Stub::RequestInformation, ask)).asked_documents(), ElementsAre(2));
  EXPECT_THAT(Must(Get(referrer, name)).asked_documents(), ElementsAre(2));
  EXPECT_THAT(Must(Get(coordinator, name)).asked_documents(), IsEmpty());
  auto answer = On<v1::ProvideInformationRequest>(name);
  answer.set_text("On Monday.");
  EXPECT_THAT(Must(Do(referrer, &Stub::ProvideInformation, answer)).asked_documents(), IsEmpty());
  ask.clear_documents();
  EXPECT_THAT(Must(Do(receiver, &Stub::RequestInformation, ask)).asked_documents(), IsEmpty())
      << "a question of its own";
}

TEST_F(DocumentsTest, ADeclineNamesRequiredDocumentsToTheTwoSides) {
  const std::string name = Sent(NewAsking()).name();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DeclineReferral, DeclineFor(name, {0}))), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DeclineReferral, DeclineFor(name, {3}))), "INVALID_FIELD");
  v1::DeclineReferralRequest other = DeclineFor(name, {1});
  other.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DeclineReferral, other)), "INVALID_FIELD")
      << "for that reason alone";
  Must(Do(receiver, &Stub::DeclineReferral, DeclineFor(name, {2, 1})));
  for (const std::string& token : {referrer, receiver}) {
    EXPECT_THAT(Must(Get(token, name)).decline().missing_documents(), ElementsAre(2, 1));
  }
  const v1::Referral metadata = Must(Get(coordinator, name));
  EXPECT_EQ(metadata.decline().reason(), v1::DECLINE_REASON_MISSING_DOCUMENTS);
  EXPECT_THAT(metadata.decline().missing_documents(), IsEmpty());
}

TEST_F(DocumentsTest, OfAProtectedReferralItsReadersAloneSeeThem) {
  v1::SubmitReferralRequest request = NewAsking();
  v1::Protection& protection = *request.mutable_referral()->mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *request.mutable_sections(0));
  const v1::Referral sent = Must(Do(referring_caseworker, &Stub::SubmitReferral, request));
  ASSERT_EQ(sent.documents_not_held_size(), 1);
  EXPECT_THAT(Required(sent), ElementsAre(kPassport, kResidence));
  EXPECT_THAT(Required(Must(Get(receiving_safeguarding, sent.name()))), IsEmpty()) << "she names its readers";
  EXPECT_EQ(ReasonOf(Get(receiver, sent.name())), "NOT_FOUND");
  auto assign = On<v1::AssignReferralRequest>(sent.name());
  assign.add_readers("actors/raulxxxxxxxxxxxx");
  Must(Do(receiving_safeguarding, &Stub::AssignReferral, assign));
  EXPECT_THAT(Required(Must(Get(receiving_caseworker, sent.name()))), ElementsAre(kPassport, kResidence));
  EXPECT_THAT(Opened(receiving_caseworker, sent.name()), SizeIs(1));
}

TEST_F(DocumentsTest, WhatIsForwardedAsksForWhatTheOfferThereRequires) {
  Require(kThirdOffer, kThirdBody, {"Título"});
  v1::SubmitReferralRequest request = NewAsking();
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *request.mutable_sections(0));
  const std::string name = Sent(request).name();
  auto propose = On<v1::ProposeForwardRequest>(name);
  propose.set_body(std::string(kThirdBody));
  propose.set_offer(std::string(kThirdOffer));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  const std::string linked =
      Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(name, kThirdBody)))
          .forwarded_to();
  for (const std::string& token : {referrer, third}) {
    EXPECT_THAT(Required(Must(Get(token, linked))), ElementsAre("Título"));
  }
  const auto along = Opened(third, linked);
  ASSERT_THAT(along, SizeIs(1)) << "what is known of the person's documents goes along";
  EXPECT_EQ(along[0].document(), kPassport);
}

TEST_F(DocumentsTest, ARectificationPutsThemRightAndRenewsTheContentHash) {
  v1::SubmitReferralRequest request = NewAsking();
  State(kPassport, v1::DOCUMENT_STATUS_MISSING, *request.mutable_sections(0));
  const v1::Referral sent = Sent(request);
  EXPECT_THAT(sent.persons(0).disclosure().fields(), ::testing::Contains("screening.documents"));
  const auto right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(sent.name(), v1::RIGHT_KIND_RECTIFICATION)));
  auto answer = Receipt(right.name(), sent.name(), v1::RIGHT_ANSWER_RECTIFIED);
  answer.mutable_corrected()->set_person(1);
  answer.mutable_corrected()->mutable_screening()->set_text("as before");
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *answer.mutable_corrected());
  Must(Do(referrer, &Stub::AnswerRightsRequest, answer));
  for (const std::string& token : {referrer, receiver}) {
    const auto seen = Opened(token, sent.name());
    ASSERT_THAT(seen, SizeIs(1));
    EXPECT_EQ(seen[0].status(), v1::DOCUMENT_STATUS_HELD);
  }
  EXPECT_NE(Must(Get(referrer, sent.name())).content_hash(), sent.content_hash());
}

TEST_F(DocumentsTest, ABatchTakesThemAndTellsOfEachRow) {
  v1::BatchSubmitReferralsRequest batch;
  v1::SubmitReferralRequest& row = *batch.add_requests();
  row = NewAsking();
  row.set_request_id("documents-row-1");
  State(kPassport, v1::DOCUMENT_STATUS_HELD, *row.mutable_sections(0));
  const auto done = Must(Do(referrer, &IntakeStub::BatchSubmitReferrals, batch));
  ASSERT_EQ(done.results_size(), 1);
  const v1::Referral& sent = done.results(0).referral();
  ASSERT_EQ(sent.documents_not_held_size(), 1);
  EXPECT_THAT(sent.documents_not_held(0).documents(), ElementsAre(2));
  EXPECT_THAT(Opened(receiver, sent.name()), SizeIs(1));
}

TEST_F(DocumentsTest, StatementsAreWithinTheirLimits) {
  const auto refused = [&](auto change) {
    v1::SubmitReferralRequest request = NewAsking();
    change(*request.mutable_sections(0));
    return ReasonOf(Do(referrer, &Stub::SubmitReferral, request));
  };
  const auto state_many = [](int count) {
    return [count](v1::PersonSections& sections) {
      for (int i = 0; i < count; ++i) State(base::Cat("d", i), v1::DOCUMENT_STATUS_HELD, sections);
    };
  };
  EXPECT_EQ(refused(state_many(20)), "OK");
  EXPECT_EQ(refused(state_many(21)), "INVALID_FIELD");
  const auto one = [](std::string document, v1::DocumentStatus status, std::string note) {
    return [=](v1::PersonSections& sections) { State(document, status, sections, note); };
  };
  EXPECT_EQ(refused(one(std::string(300, 'x'), v1::DOCUMENT_STATUS_HELD, std::string(300, 'x'))), "OK");
  EXPECT_EQ(refused(one(std::string(301, 'x'), v1::DOCUMENT_STATUS_HELD, "")), "INVALID_FIELD");
  EXPECT_EQ(refused(one("x", v1::DOCUMENT_STATUS_HELD, std::string(301, 'x'))), "INVALID_FIELD");
  EXPECT_EQ(refused(one("x", v1::DOCUMENT_STATUS_UNSPECIFIED, "")), "INVALID_FIELD");
  EXPECT_EQ(refused(one(" ", v1::DOCUMENT_STATUS_HELD, "")), "INVALID_FIELD");
  EXPECT_EQ(refused([](v1::PersonSections& sections) {
              State("Passport", v1::DOCUMENT_STATUS_HELD, sections);
              State("passport ", v1::DOCUMENT_STATUS_MISSING, sections);
            }),
            "INVALID_FIELD");
}

}  // namespace
}  // namespace waypost::referral
