#include "services/referral/referral_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/status/errors.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_testing.h"
#include "waypost/referral/v1/breach.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using policy::Relations;
using policy::Role;
using testing::After;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Now;
using testing::RecordIn;

policy::Authorized AsReferring() {
  return testing::As(testing::Referrer(), {Relation::kReferring});
}
policy::Authorized AsReceiving() {
  return testing::As(testing::Receiver(), {Relation::kReceiving});
}
policy::Authorized AsCoordinating() {
  return testing::As(testing::Coordinator(), {Relation::kCoordinating});
}

template <typename Body>
void ForEveryState(Body body) {
  for (int i = 1; i < kStateCount; ++i) body(static_cast<State>(i));
}

// --- Relations -------------------------------------------------------------------------------------------

TEST(Relations, AStrangerHasNone) {
  const policy::Caller stranger = testing::CallerOf("bodies/es-getafe", "p-luis");
  ForEveryState(
      [&](State state) { EXPECT_TRUE(RelationsOf(RecordIn(state), stranger).empty()) << StateName(state); });
  EXPECT_TRUE(RelationsOf(ReferralRecord(), stranger).empty());
}

TEST(Relations, NobodyElseKnowsOfADraft) {
  const ReferralRecord cancelled =
      After(Actor::kReferring, RecordIn(kDraft), testing::CommandFor(Event::kCancel));
  ReferralRecord draft = RecordIn(kDraft);
  draft.set_coordinating_body(std::string(testing::kCoordinatingBody));
  for (const ReferralRecord& record : {draft, cancelled}) {
    EXPECT_TRUE(RelationsOf(record, testing::Referrer()).Has(Relation::kReferring));
    EXPECT_TRUE(RelationsOf(record, testing::Receiver()).empty());
    EXPECT_TRUE(RelationsOf(record, testing::Coordinator()).empty());
  }
}

TEST(Relations, OnceSentTheReceivingAndCoordinatingBodiesHavePart) {
  ForEveryState([](State state) {
    if (state == kDraft) return;
    const ReferralRecord record = RecordIn(state);
    EXPECT_TRUE(RelationsOf(record, testing::Referrer()).Has(Relation::kReferring)) << StateName(state);
    EXPECT_TRUE(RelationsOf(record, testing::Receiver()).Has(Relation::kReceiving)) << StateName(state);
    EXPECT_EQ(RelationsOf(record, testing::Coordinator()), Relations{Relation::kCoordinating})
        << StateName(state);
  });
}

TEST(Relations, WhereNobodyIsAppointedTheReferringBodyCoordinates) {
  ForEveryState([](State state) {
    ReferralRecord record = RecordIn(state);
    record.clear_coordinating_body();
    EXPECT_EQ(RelationsOf(record, testing::Referrer()).Has(Relation::kCoordinating), state != kDraft)
        << StateName(state);
    EXPECT_FALSE(RelationsOf(record, testing::Receiver()).Has(Relation::kCoordinating)) << StateName(state);
    EXPECT_TRUE(RelationsOf(record, testing::Coordinator()).empty()) << StateName(state);
    EXPECT_FALSE(RelationsOf(RecordIn(state), testing::Referrer()).Has(Relation::kCoordinating))
        << StateName(state) << ": somebody else is appointed";
  });
}

TEST(Relations, WhereNobodyIsAppointedTheReferringBodysSupervisorsRemindAndDoNoMore) {
  ReferralRecord record = testing::RecordReadyFor(kRequested, Event::kRemind, Actor::kCoordinating);
  record.clear_coordinating_body();
  const Relations relations = RelationsOf(record, testing::Referrer());
  EXPECT_FALSE(kRemindReferral.Allows({Role::kSupervisor}, relations).empty());
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    if (role == Role::kSupervisor) continue;
    EXPECT_TRUE(kRemindReferral.Allows({role}, relations).empty()) << policy::RoleName(role);
  }
  const policy::Authorized as = testing::As(testing::Referrer(), relations);
  const auto reminded = Decide(record, command::Remind{}, as, Now());
  ASSERT_TRUE(reminded.ok()) << reminded.status();
  EXPECT_EQ(reminded->next.reminder_count(), record.reminder_count() + 1);
  for (const Event event : {Event::kRule, Event::kAssume}) {
    const auto refused = Decide(record, testing::CommandFor(event), as, Now());
    EXPECT_EQ(error::ReasonOf(refused.status()), "NOT_COORDINATED") << EventName(event);
  }
  const std::vector<std::string> actions = AllowedActions(record, as, Now());
  EXPECT_THAT(actions, Contains("REMIND"));
  for (const std::string action : {"RULE", "CONFIRM_COMPETENCE", "ASSUME"}) {
    EXPECT_THAT(actions, Not(Contains(action)));
  }
}

TEST(Relations, AfterAMisdirectionTheReceivingBodyKnowsNothing) {
  const ReferralRecord cut = After(Actor::kReferring, RecordIn(kInProgress), command::Misdirected{});
  EXPECT_TRUE(RelationsOf(cut, testing::Receiver()).empty());
  EXPECT_TRUE(RelationsOf(cut, testing::Referrer()).Has(Relation::kReferring));
}

TEST(Relations, UnitsAndAssignmentsAreOfTheCallersOwnSide) {
  ReferralRecord record = RecordIn(kRequested);
  record.mutable_receiving()->set_assignee("p-luis");
  policy::Caller caller = testing::CallerOf(testing::kReceivingBody, "p-other");
  EXPECT_EQ(RelationsOf(record, caller), Relations{Relation::kReceiving});
  caller.units = {std::string(testing::kReferringUnit)};
  EXPECT_EQ(RelationsOf(record, caller), Relations{Relation::kReceiving}) << "a unit of the other side";
  caller.units = {std::string(testing::kReceivingUnit)};
  EXPECT_EQ(RelationsOf(record, caller), (Relations{Relation::kReceiving, Relation::kUnitMember}));
  caller.units.clear();
  caller.actor = "p-luis";
  EXPECT_EQ(RelationsOf(record, caller), (Relations{Relation::kReceiving, Relation::kAssignee}));
  caller.body = testing::kReferringBody;
  EXPECT_EQ(RelationsOf(record, caller), Relations{Relation::kReferring})
      << "the same pseudonym in another body";
}

TEST(Relations, OfNoUnitNobodyIsAMember) {
  ReferralRecord record = RecordIn(kRequested);
  record.mutable_receiving()->clear_unit();
  EXPECT_FALSE(RelationsOf(record, testing::Receiver()).Has(Relation::kUnitMember));
  EXPECT_FALSE(RelationsOf(record, testing::Receiver()).Has(Relation::kAssignee));
}

TEST(Relations, ToNewNeedsTheUnit) {
  policy::Caller caller = testing::CallerOf(testing::kReferringBody, "p-ana");
  EXPECT_EQ(RelationsToNew(testing::kReferringUnit, false, caller), Relations{Relation::kReferring});
  caller.units = {std::string(testing::kReferringUnit)};
  EXPECT_TRUE(RelationsToNew(testing::kReferringUnit, false, caller).Has(Relation::kUnitMember));
}

// --- Staged disclosure -----------------------------------------------------------------------------------

// A referral whose every fact can be told from every other in a view.
ReferralRecord Telltale(State state) {
  ReferralRecord record = RecordIn(state);
  if (record.persons_size() == 0) return record;
  v1::Person& person = *record.mutable_persons(0);
  person.set_interpreter_language("qab");
  person.add_accessibility_needs(v1::ACCESSIBILITY_NEED_HEARING_LOOP);
  v1::Disclosure& disclosure = *person.mutable_disclosure();
  disclosure.mutable_referring_basis()->set_law("law/referring");
  disclosure.mutable_receiving_basis()->set_law("law/receiving");
  disclosure.set_retention_rule("law/retention");
  disclosure.set_informed_language("qac");
  person.mutable_parental_responsibility()->set_holders(v1::PARENTAL_HOLDERS_GUARDIAN);
  record.add_appointments()->set_number(1);
  record.mutable_referring()->set_assignee("assignee-referring");
  record.mutable_receiving()->set_assignee("assignee-receiving");
  record.set_draft_actor("actor-draft");
  record.mutable_approval()->set_actor("actor-approval");
  record.mutable_approval()->set_party(v1::PARTY_REFERRING);
  record.mutable_receiving_approval()->set_actor("second-of-receiving");
  record.mutable_receiving_approval()->set_party(v1::PARTY_RECEIVING);
  return record;
}

TEST(View, BeforeAcceptanceTheReceivingBodySeesOnlyWhatItNeedsToDecide) {
  for (const State state : {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted, kOffered}) {
    const v1::Referral view = ToReferral(Telltale(state), AsReceiving(), Now());
    ASSERT_EQ(view.persons_size(), 1) << StateName(state);
    v1::Person screened;
    screened.set_number(1);
    screened.set_age_band(type::v1::AGE_BAND_25_TO_39);
    screened.add_languages("uk");
    screened.set_interpreter_language("qab");
    screened.add_accessibility_needs(v1::ACCESSIBILITY_NEED_HEARING_LOOP);
    EXPECT_EQ(view.persons(0).DebugString(), screened.DebugString()) << StateName(state);
    EXPECT_EQ(view.theme(), type::v1::THEME_LANGUAGE);
    EXPECT_EQ(view.territory(), "ES300/28058");
  }
}

TEST(View, AcceptanceOpensTheRest) {
  for (const State state : {kAccepted, kInProgress, kOnHold, kCancelRequested, kCompleted}) {
    const ReferralRecord record = Telltale(state);
    const v1::Referral view = ToReferral(record, AsReceiving(), Now());
    ASSERT_EQ(view.persons_size(), 1) << StateName(state);
    EXPECT_EQ(view.persons(0).DebugString(), record.persons(0).DebugString());
  }
}

TEST(View, AnEndOtherThanCompletionClosesIt) {
  for (const State state : {kDeclined, kForwarded, kEndedWithoutResult, kCancelled, kLapsed}) {
    const v1::Referral view = ToReferral(Telltale(state), AsReceiving(), Now());
    EXPECT_EQ(view.persons_size(), 0) << StateName(state);
    EXPECT_EQ(view.appointments_size(), 0);
    EXPECT_EQ(view.state(), state) << "codes and dates stay";
  }
}

TEST(View, AWishToCancelWhatWasNotAcceptedOpensNothing) {
  const ReferralRecord record =
      After(Actor::kReferring, Telltale(kAcknowledged), testing::CommandFor(Event::kCancel));
  EXPECT_FALSE(ToReferral(record, AsReceiving(), Now()).persons(0).has_disclosure());
}

TEST(View, TheCoordinatingBodySeesMetadataOnly) {
  ForEveryState([](State state) {
    if (state == kDraft) return;
    const v1::Referral view = ToReferral(Telltale(state), AsCoordinating(), Now());
    EXPECT_EQ(view.persons_size(), 0) << StateName(state);
    EXPECT_EQ(view.appointments_size(), 0);
    EXPECT_EQ(view.cancel_reason(), v1::CANCEL_REASON_UNSPECIFIED);
    EXPECT_EQ(view.hold_reason(), v1::HOLD_REASON_UNSPECIFIED);
    EXPECT_EQ(view.state(), state);
    EXPECT_EQ(view.case_holding_body(), RecordIn(state).case_holding_body());
    // It reminds, rules and assumes as long as the case is open, and does nothing else.
    EXPECT_THAT(view.allowed_actions(),
                ::testing::IsSubsetOf({"REMIND", "RULE", "CONFIRM_COMPETENCE", "ASSUME"}));
    EXPECT_EQ(view.allowed_actions().empty(), !IsOpen(state)) << StateName(state);
  });
}

TEST(View, PseudonymsStayOnTheirSide) {
  ForEveryState([](State state) {
    const ReferralRecord record = Telltale(state);
    const std::string referring = ToReferral(record, AsReferring(), Now()).DebugString();
    EXPECT_THAT(referring, HasSubstr("assignee-referring"));
    EXPECT_THAT(referring, HasSubstr("actor-approval"));
    EXPECT_THAT(referring, Not(HasSubstr("assignee-receiving"))) << StateName(state);
    EXPECT_THAT(referring, Not(HasSubstr("second-of-receiving"))) << StateName(state);
    const std::string receiving = ToReferral(record, AsReceiving(), Now()).DebugString();
    EXPECT_THAT(receiving, HasSubstr("assignee-receiving"));
    EXPECT_THAT(receiving, HasSubstr("second-of-receiving"));
    EXPECT_THAT(receiving, Not(HasSubstr("assignee-referring"))) << StateName(state);
    EXPECT_THAT(receiving, Not(HasSubstr("actor-"))) << StateName(state);
    const std::string coordinating = ToReferral(record, AsCoordinating(), Now()).DebugString();
    EXPECT_THAT(coordinating, Not(HasSubstr("assignee-"))) << StateName(state);
    EXPECT_THAT(coordinating, Not(HasSubstr("actor-"))) << StateName(state);
    EXPECT_THAT(referring + receiving + coordinating, Not(HasSubstr("actor-draft"))) << "shown to nobody";
    const std::string summary = ToSummary(record, testing::Receiver()).DebugString();
    EXPECT_THAT(summary, Not(HasSubstr("assignee-referring")));
    EXPECT_THAT(summary, Not(HasSubstr("law/")));
  });
}

TEST(View, WhereACaseWentNextIsNotTheForwardersBusiness) {
  EXPECT_EQ(ToReferral(RecordIn(kForwarded), AsReceiving(), Now()).forwarded_to(), "");
  EXPECT_EQ(ToReferral(RecordIn(kForwarded), AsReferring(), Now()).forwarded_to(), testing::kLinkedName);
  const ReferralRecord handed =
      After(Actor::kReceiving, RecordIn(kInProgress), testing::CommandFor(Event::kHandOver));
  EXPECT_EQ(ToReferral(handed, AsReceiving(), Now()).forwarded_to(), testing::kLinkedName)
      << "it asked for that";
}

TEST(View, AnErasedShareShowsNobody) {
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
    const ReferralRecord record = After(actor, RecordIn(kCompleted), command::Erase{});
    const auto own = actor == Actor::kReferring ? AsReferring() : AsReceiving();
    const auto other = actor == Actor::kReferring ? AsReceiving() : AsReferring();
    EXPECT_EQ(ToReferral(record, own, Now()).persons_size(), 0);
    EXPECT_TRUE(ToReferral(record, own, Now()).erased());
    EXPECT_EQ(ToReferral(record, other, Now()).persons_size(), 1) << "the other body's file stays";
    EXPECT_FALSE(ToReferral(record, other, Now()).erased());
  }
}

TEST(View, CarriesTheEtagOfItsRevision) {
  const ReferralRecord record = RecordIn(kAcknowledged);
  const v1::Referral view = ToReferral(record, AsReceiving(), Now());
  EXPECT_EQ(view.revision(), record.revision());
  EXPECT_EQ(view.etag(), ToSummary(record, testing::Receiver()).etag());
  EXPECT_NE(view.etag(), ToReferral(RecordIn(kRequested), AsReceiving(), Now()).etag());
}

// Text fields of what mutations, listings and watches return: names, codes and tags. Whoever adds another has
// to say here that it can hold no free text.
void CollectTextFields(const google::protobuf::Descriptor& message, std::set<std::string>& fields,
                       std::set<std::string>& seen) {
  if (!seen.insert(message.full_name()).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    if (field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING)
      fields.insert(field.full_name());
    if (field.message_type() != nullptr) CollectTextFields(*field.message_type(), fields, seen);
  }
}

TEST(Protos, ReferralsHoldNoFreeText) {
  std::set<std::string> fields;
  std::set<std::string> seen;
  for (const auto* message :
       {v1::Referral::descriptor(), v1::ReferralSummary::descriptor(),
        v1::WatchReferralsResponse::descriptor(), v1::ListNotesResponse::descriptor(),
        v1::ListReferralHistoryResponse::descriptor(), v1::ListPartsResponse::descriptor(),
        v1::FindByOwnReferenceResponse::descriptor(), v1::RightsRequest::descriptor(),
        v1::ListRightsRequestsResponse::descriptor(), v1::ListRetentionResponse::descriptor(),
        v1::ListRetentionReportsResponse::descriptor(), v1::ListBreachesResponse::descriptor(),
        v1::Myself::descriptor()}) {
    CollectTextFields(*message, fields, seen);
  }
  std::set<std::string> names;
  const std::string package = "waypost.referral.v1.";
  for (const std::string& field : fields)
    names.insert(field.rfind(package, 0) == 0 ? field.substr(package.size()) : field);
  EXPECT_THAT(
      names,
      ::testing::UnorderedElementsAre(
          "Side.body", "Side.unit", "Side.assignee", "Basis.law", "Disclosure.recipient", "Disclosure.fields",
          "Disclosure.retention_rule", "Disclosure.informed_language", "Outcome.date",
          "Outcome.informed_language", "Outcome.follow_up_date", "Person.languages",
          "Person.interpreter_language", "Appointment.zone", "TelephoneHandover.unit", "ForwardProposal.body",
          "ForwardProposal.unit", "ForwardProposal.offer", "Hop.from_body", "Hop.to_body", "Hop.referral",
          "Hop.law", "Decline.suggested_body", "Approval.actor", "Referral.name", "Referral.etag",
          "Referral.coordinating_body", "Referral.case_holding_body", "Referral.offer", "Referral.territory",
          "Referral.forwarded_from", "Referral.forwarded_to", "Referral.allowed_actions", "Referral.part_of",
          "ListPartsResponse.next_page_token", "ReferralSummary.name", "ReferralSummary.etag",
          "ReferralSummary.case_holding_body", "ReferralSummary.territory",
          "ReferralSummary.coordinating_body", "WatchReferralsResponse.cursor",
          "WatchReferralsResponse.referral", "WatchReferralsResponse.event",
          "ListNotesResponse.next_page_token", "Note.name", "Note.body", "Note.actor", "Note.event",
          "ListReferralHistoryResponse.next_page_token", "HistoryEntry.event", "HistoryEntry.body",
          "HistoryEntry.actor", "HistoryEntry.next_on_list", "HistoryEntry.voided_entry", "Voiding.actor",
          "ListPlace.offer", "ListPlace.group_id", "PersonPlace.group_id", "PersonPlace.offer",
          "PersonPlace.enrolment", "Referral.next_on_list", "RightMark.request", "LegalHold.law",
          "LegalHold.until", "LegalHold.actor", "RightsHolder.referral", "RightsHolder.body",
          "RightsHolder.law", "RightsHolder.retained_until", "RightsHolder.actor", "RightsRequest.name",
          "RightsRequest.etag", "RightsRequest.referral", "RightsRequest.recorded_by",
          "RightsRequest.not_reached", "RightsRequest.linked_requests", "RightsTask.request",
          "RightsTask.referral", "Protection.referring_readers", "Protection.receiving_readers",
          "ListRightsRequestsResponse.next_page_token", "RetentionEntry.referral",
          "RetentionEntry.kept_until", "RetentionEntry.rules", "ListRetentionResponse.next_page_token",
          "RetentionRuleCount.rule", "RetentionReport.day", "ListRetentionReportsResponse.next_page_token",
          "ListRetentionReportsResponse.next_kept_until",
          // Of Referral.required_documents: what the directory says in public.
          "waypost.type.v1.LocalizedText.TextEntry.key", "waypost.type.v1.LocalizedText.TextEntry.value",
          "waypost.type.v1.LocalizedText.original_language",
          // Names, codes of what was done, pseudonyms; a file number of the authority, with a digit in it.
          "Referral.breach", "Breach.name", "Breach.etag", "Breach.allowed_actions", "Breach.body",
          "Breach.referral", "Breach.wrong_body", "Breach.notification_reference", "BreachEntry.action",
          "BreachEntry.body", "BreachEntry.actor", "BreachEntry.reference",
          "ListBreachesResponse.next_page_token",
          // Names, a programme's last day.
          "Referral.path", "ProgrammeEnd.programme", "ProgrammeEnd.end_date", "PossibleDuplicate.referral",
          // Names, a pseudonym, words of the token.
          "Myself.body", "Myself.actor", "Myself.roles", "Myself.units",
          // A hash over codes and keyed commitments; a signature over that, names, a kind and a time.
          "Referral.content_hash", "TransportReceipt.body", "TransportReceipt.content_hash",
          "TransportReceipt.signature",
          // Names, a code, a day and a language; a keyed commitment; a signature over that.
          "RightsReceipt.body", "RightsReceipt.law", "RightsReceipt.retained_until",
          "RightsReceipt.informed_language", "RightsReceipt.text_commitment", "RightsReceipt.signature"));
}

// --- Allowed actions -------------------------------------------------------------------------------------

TEST(AllowedActions, AreWhatDecideTakes) {
  ForEveryState([](State state) {
    const ReferralRecord record = RecordIn(state);
    for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
      if (state == kDraft && actor == Actor::kReceiving) continue;
      const auto as = actor == Actor::kReferring ? AsReferring() : AsReceiving();
      const auto allowed = AllowedActions(record, as, Now());
      for (int i = 0; i < kEventCount; ++i) {
        const Event event = static_cast<Event>(i);
        if (!testing::HasCommand(event)) continue;
        const bool named = std::find(allowed.begin(), allowed.end(), EventName(event)) != allowed.end();
        // Which outcome it takes hangs on the people in it.
        const ReferralRecord ready =
            event == Event::kVoidOutcome ? testing::RecordReadyFor(state, event, actor) : record;
        const auto decision = testing::DecideBy(actor, ready, testing::CommandFor(event, actor));
        EXPECT_EQ(named, decision.ok())
            << StateName(state) << " " << EventName(event) << " " << decision.status();
      }
    }
  });
}

TEST(AllowedActions, NeedARoleThatMayCallThem) {
  policy::Caller officer = testing::CallerOf(testing::kReceivingBody, "p-x");
  officer.roles = {Role::kSafeguardingOfficer, Role::kSupervisor};
  const auto as_both = testing::As(officer, {Relation::kReceiving});
  EXPECT_THAT(AllowedActions(RecordIn(kRequested), as_both, Now()), Contains("ACCEPT"));
  policy::Caller reader = officer;
  reader.roles = {Role::kSafeguardingOfficer};
  const auto as_reader = policy::Authorize(kGetReferral, reader, {Relation::kReceiving}, testing::kName);
  ASSERT_TRUE(as_reader.ok());
  EXPECT_THAT(AllowedActions(RecordIn(kRequested), *as_reader, Now()), IsEmpty());
}

// --- Opening sections and notes --------------------------------------------------------------------------

policy::Authorized WithAlerts(const policy::Caller& base, Relations relations) {
  static auto* const kept = new std::vector<std::unique_ptr<policy::Caller>>;
  kept->push_back(std::make_unique<policy::Caller>(base));
  kept->back()->roles = {Role::kSupervisor, Role::kSafeguardingOfficer};
  return testing::As(*kept->back(), relations);
}

TEST(OpenSections, FollowTheStages) {
  const auto screening = ElementsAre(v1::SECTION_KIND_SCREENING);
  const auto details = ElementsAre(v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS);
  ForEveryState([&](State state) {
    const ReferralRecord record = RecordIn(state);
    EXPECT_THAT(OpenSections(record, AsReferring()), details) << StateName(state);
    EXPECT_THAT(OpenSections(record, AsCoordinating()), IsEmpty()) << StateName(state);
    const auto receiving = OpenSections(record, AsReceiving());
    if (record.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING) {
      EXPECT_THAT(receiving, screening) << StateName(state);
    } else if (record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL) {
      EXPECT_THAT(receiving, details) << StateName(state);
    } else {
      EXPECT_THAT(receiving, IsEmpty()) << StateName(state);
    }
  });
}

TEST(OpenSections, AlertsNeedTheirOwnRoleAndAcceptance) {
  const auto officer = WithAlerts(testing::Receiver(), {Relation::kReceiving});
  EXPECT_THAT(OpenSections(RecordIn(kRequested), officer), ElementsAre(v1::SECTION_KIND_SCREENING));
  EXPECT_THAT(OpenSections(RecordIn(kAccepted), officer), Contains(v1::SECTION_KIND_ALERTS));
  EXPECT_EQ(CheckMayOpen(RecordIn(kAccepted), {v1::SECTION_KIND_ALERTS}, AsReceiving()).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CheckMayOpen(RecordIn(kDraft), {v1::SECTION_KIND_ALERTS}, AsReferring()).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(OpenSections, SayWhyNot) {
  const std::vector<v1::SectionKind> details = {v1::SECTION_KIND_DETAILS};
  EXPECT_EQ(error::ReasonOf(CheckMayOpen(RecordIn(kOffered), details, AsReceiving())), "NOT_YET_DISCLOSED");
  EXPECT_EQ(error::ReasonOf(CheckMayOpen(RecordIn(kDeclined), details, AsReceiving())), "ACCESS_ENDED");
  const ReferralRecord erased = After(Actor::kReferring, RecordIn(kCompleted), command::Erase{});
  EXPECT_EQ(error::ReasonOf(CheckMayOpen(erased, details, AsReferring())), "SHARE_ERASED");
  EXPECT_TRUE(CheckMayOpen(erased, details, AsReceiving()).ok());
}

TEST(Notes, OfOneSideAreThatSides) {
  storage::v1::NoteRecord note;
  note.set_number(3);
  note.set_body(std::string(testing::kReceivingBody));
  note.set_actor("p-luis");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  const ReferralRecord record = RecordIn(kInProgress);
  EXPECT_TRUE(MayOpenNote(record, note, AsReceiving()));
  EXPECT_FALSE(MayOpenNote(record, note, AsReferring()));
  EXPECT_FALSE(MayOpenNote(record, note, AsCoordinating()));
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  EXPECT_TRUE(MayOpenNote(record, note, AsReferring()));
  EXPECT_FALSE(MayOpenNote(record, note, AsCoordinating()));
  EXPECT_EQ(ToNote(record, note, testing::Referrer()).actor(), "");
  EXPECT_EQ(ToNote(record, note, testing::Receiver()).actor(), "p-luis");
  EXPECT_EQ(ToNote(record, note, testing::Receiver()).name(), std::string(testing::kName) + "/notes/3");
}

TEST(Notes, CloseWithTheAccess) {
  storage::v1::NoteRecord note;
  note.set_body(std::string(testing::kReferringBody));
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  EXPECT_TRUE(MayOpenNote(RecordIn(kRequested), note, AsReceiving()));
  EXPECT_FALSE(MayOpenNote(RecordIn(kDeclined), note, AsReceiving()));
  EXPECT_TRUE(MayOpenNote(RecordIn(kDeclined), note, AsReferring()));
  const ReferralRecord erased = After(Actor::kReferring, RecordIn(kDeclined), command::Erase{});
  EXPECT_FALSE(MayOpenNote(erased, note, AsReferring()));
}

TEST(History, ShowsPseudonymsToTheirBody) {
  storage::v1::HistoryRecord entry;
  entry.set_event("ACCEPT");
  entry.set_body(std::string(testing::kReceivingBody));
  entry.set_actor("p-luis");
  EXPECT_EQ(ToHistoryEntry(entry, testing::Receiver()).actor(), "p-luis");
  EXPECT_EQ(ToHistoryEntry(entry, testing::Referrer()).actor(), "");
  EXPECT_EQ(ToHistoryEntry(entry, testing::Referrer()).event(), "ACCEPT");
}

TEST(Parties, HearOfWhatTheyHavePartIn) {
  const ReferralRecord draft = RecordIn(kDraft);
  EXPECT_THAT(PartiesOf(ReferralRecord(), draft), ElementsAre(testing::kReferringBody));
  const ReferralRecord sent = RecordIn(kRequested);
  EXPECT_THAT(PartiesOf(draft, sent),
              ElementsAre(testing::kReferringBody, testing::kReceivingBody, testing::kCoordinatingBody));
  const ReferralRecord cut = After(Actor::kReferring, sent, command::Misdirected{});
  EXPECT_THAT(PartiesOf(sent, cut), Contains(testing::kReceivingBody)) << "it hears that it is over";
  const ReferralRecord noted = After(Actor::kReferring, cut, command::AddNote{});
  EXPECT_THAT(PartiesOf(cut, noted), Not(Contains(testing::kReceivingBody)));
}

}  // namespace
}  // namespace waypost::referral
