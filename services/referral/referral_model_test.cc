// Every state × event × relation × basis, against a model that is written in the words of the domain and of
// the law, and shares nothing with the rules but the protos and the names of states, events and sides:
// whether it may be done, what the referral is then, and who reads what of the person.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_domain_testing.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using base::Cat;
using policy::Relation;
using policy::Relations;

// --- 1. Which disclosures are lawful -----------------------------------------------------------------------

// What the law asks about, one by one. Each is enumerated.
enum class Why : uint8_t { kNone, kConsent, kContract, kObligation, kVital, kPublicTask, kLegitimate };
enum class Special : uint8_t { kNo, kHealthTheme, kAccessibility, kSection };
enum class Condition : uint8_t { kNone, kExplicitConsent, kSocialProtection };
enum class Wish : uint8_t { kUnknown, kAgreed, kRefused };
enum class Secrecy : uint8_t { kUnknown, kNotBound, kReleased, kNotReleased };
enum class Told : uint8_t { kUnknown, kInOwnLanguage, kInNoLanguage, kNotTold };
enum class Age : uint8_t { kAdult, kChild, kChildWhoOpposes, kChildOfUnknownParents };

struct Facts {
  Why referring = Why::kPublicTask;
  Why receiving = Why::kPublicTask;
  bool names_laws = true;
  Special special = Special::kNo;
  Condition condition = Condition::kNone;
  Wish wish = Wish::kAgreed;
  Secrecy secrecy = Secrecy::kNotBound;
  Told told = Told::kInOwnLanguage;
  bool refusing_costs_nothing = false;
  bool names_ground = false;
  Age age = Age::kAdult;
};

bool NeedsLaw(Why why) {
  return why == Why::kObligation || why == Why::kPublicTask;
}

bool OnConsent(const Facts& facts) {
  return facts.referring == Why::kConsent || facts.receiving == Why::kConsent ||
         facts.condition == Condition::kExplicitConsent;
}

bool AgainstTheWish(const Facts& facts) {
  return facts.wish == Wish::kRefused || facts.secrecy == Secrecy::kNotReleased ||
         facts.age == Age::kChildWhoOpposes;
}

// In the order of the Regulation: lawfulness (6), consent (7), special categories (9), information (13, 14).
bool Lawful(const Facts& facts) {
  if (facts.referring == Why::kNone || facts.receiving == Why::kNone) return false;
  if (!facts.names_laws && (NeedsLaw(facts.referring) || NeedsLaw(facts.receiving))) return false;
  if (OnConsent(facts) && !(facts.refusing_costs_nothing && facts.wish == Wish::kAgreed)) return false;
  if (facts.special != Special::kNo && facts.condition == Condition::kNone) return false;
  if (facts.told == Told::kUnknown || facts.told == Told::kInNoLanguage) return false;
  if (facts.told == Told::kNotTold && !facts.names_ground) return false;
  if (facts.wish == Wish::kUnknown || facts.secrecy == Secrecy::kUnknown) return false;
  if (AgainstTheWish(facts) && !facts.names_ground) return false;
  return facts.age != Age::kChildOfUnknownParents;
}

v1::LegalBasis ArticleSix(Why why) {
  switch (why) {
    case Why::kNone:
      return v1::LEGAL_BASIS_UNSPECIFIED;
    case Why::kConsent:
      return v1::LEGAL_BASIS_CONSENT;
    case Why::kContract:
      return v1::LEGAL_BASIS_CONTRACT;
    case Why::kObligation:
      return v1::LEGAL_BASIS_LEGAL_OBLIGATION;
    case Why::kVital:
      return v1::LEGAL_BASIS_VITAL_INTERESTS;
    case Why::kPublicTask:
      return v1::LEGAL_BASIS_PUBLIC_TASK;
    case Why::kLegitimate:
      return v1::LEGAL_BASIS_LEGITIMATE_INTERESTS;
  }
  return v1::LEGAL_BASIS_UNSPECIFIED;
}

void SetBasis(Why why, const Facts& facts, v1::Basis& basis) {
  basis.Clear();
  basis.set_article_6(ArticleSix(why));
  if (facts.names_laws) basis.set_law("es/ley-7-1985/art-25");
  if (facts.condition == Condition::kExplicitConsent) {
    basis.set_article_9(v1::SPECIAL_CATEGORY_CONDITION_EXPLICIT_CONSENT);
  } else if (facts.condition == Condition::kSocialProtection) {
    basis.set_article_9(v1::SPECIAL_CATEGORY_CONDITION_SOCIAL_PROTECTION);
  }
}

void SetTold(Told told, v1::Disclosure& disclosure) {
  disclosure.set_informed_language(told == Told::kInOwnLanguage ? "uk" : "");
  disclosure.set_informed_how(told == Told::kUnknown   ? v1::INFORMED_HOW_UNSPECIFIED
                              : told == Told::kNotTold ? v1::INFORMED_HOW_NOT_INFORMED
                                                       : v1::INFORMED_HOW_IN_PERSON);
}

// The disclosure of a person of whom these are the facts; sections and fields stay.
void SetDisclosure(const Facts& facts, v1::Disclosure& disclosure) {
  disclosure.set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  disclosure.set_retention_rule("es/ley-39-2015/art-17");
  SetBasis(facts.referring, facts, *disclosure.mutable_referring_basis());
  SetBasis(facts.receiving, facts, *disclosure.mutable_receiving_basis());
  SetTold(facts.told, disclosure);
  disclosure.set_refusal_costs_nothing(facts.refusing_costs_nothing);
  disclosure.set_override_ground(facts.names_ground ? v1::OVERRIDE_GROUND_CHILD_AT_RISK
                                                    : v1::OVERRIDE_GROUND_UNSPECIFIED);
  disclosure.clear_special_category_sections();
  if (facts.special == Special::kSection) disclosure.add_special_category_sections(v1::SECTION_KIND_DETAILS);
}

void SetPerson(const Facts& facts, v1::Person& person) {
  const bool child = facts.age != Age::kAdult;
  person.set_age_band(child ? type::v1::AGE_BAND_12_TO_15 : type::v1::AGE_BAND_25_TO_39);
  person.clear_parental_responsibility();
  if (child) person.mutable_parental_responsibility()->set_holders(v1::PARENTAL_HOLDERS_NONE_KNOWN);
  if (facts.age == Age::kChild || facts.age == Age::kChildWhoOpposes) {
    person.mutable_parental_responsibility()->set_conflict(v1::PARENTAL_CONFLICT_NONE);
    person.mutable_parental_responsibility()->set_child_view(
        facts.age == Age::kChild ? v1::CHILD_VIEW_AGREES : v1::CHILD_VIEW_OPPOSES);
  }
  person.set_agreement(facts.wish == Wish::kUnknown  ? v1::AGREEMENT_UNSPECIFIED
                       : facts.wish == Wish::kAgreed ? v1::AGREEMENT_AGREED
                                                     : v1::AGREEMENT_REFUSED);
  constexpr std::array kReleases = {v1::SECRECY_RELEASE_UNSPECIFIED, v1::SECRECY_RELEASE_NOT_BOUND,
                                    v1::SECRECY_RELEASE_RELEASED, v1::SECRECY_RELEASE_NOT_RELEASED};
  person.set_secrecy_release(kReleases[static_cast<size_t>(facts.secrecy)]);
  person.clear_accessibility_needs();
  if (facts.special == Special::kAccessibility) {
    person.add_accessibility_needs(v1::ACCESSIBILITY_NEED_STEP_FREE_ACCESS);
  }
  SetDisclosure(facts, *person.mutable_disclosure());
}

type::v1::Theme ThemeOf(const Facts& facts) {
  return facts.special == Special::kHealthTheme ? type::v1::THEME_HEALTH : type::v1::THEME_LANGUAGE;
}

// Calls `body` with each of the values 0 … count - 1 of an enumeration.
template <typename Value>
void ForEach(int count, const std::function<void(Value)>& body) {
  for (int i = 0; i < count; ++i) body(static_cast<Value>(i));
}

template <typename Field>
void Vary(Field Facts::*field, int count, std::vector<Facts>& all) {
  std::vector<Facts> varied;
  for (const Facts& facts : all) {
    ForEach<Field>(count, [&](Field value) {
      varied.push_back(facts);
      varied.back().*field = value;
    });
  }
  all = std::move(varied);
}

std::string Show(const Facts& facts) {
  return Cat("referring ", static_cast<int>(facts.referring), ", receiving ",
             static_cast<int>(facts.receiving), ", laws ", facts.names_laws ? "named" : "not named",
             ", special ", static_cast<int>(facts.special), ", condition ", static_cast<int>(facts.condition),
             ", wish ", static_cast<int>(facts.wish), ", secrecy ", static_cast<int>(facts.secrecy),
             ", told ", static_cast<int>(facts.told), ", refusing costs ",
             facts.refusing_costs_nothing ? "nothing" : "something", ", ground ",
             facts.names_ground ? "named" : "not named", ", age ", static_cast<int>(facts.age));
}

TEST(Model, EveryDisclosureIsLawfulOrNotAsTheLawSays) {
  std::vector<Facts> all = {Facts()};
  Vary(&Facts::referring, 7, all);
  Vary(&Facts::receiving, 7, all);
  Vary(&Facts::names_laws, 2, all);
  Vary(&Facts::special, 4, all);
  Vary(&Facts::condition, 3, all);
  Vary(&Facts::wish, 3, all);
  Vary(&Facts::refusing_costs_nothing, 2, all);
  Vary(&Facts::names_ground, 2, all);
  std::vector<Facts> rest = {Facts()};
  Vary(&Facts::secrecy, 4, rest);
  Vary(&Facts::told, 4, rest);
  Vary(&Facts::age, 4, rest);
  v1::Person person = testing::CompletePerson(1);
  person.mutable_disclosure()->add_sections(v1::SECTION_KIND_DETAILS);
  int lawful = 0;
  const auto check = [&](const Facts& facts) {
    SetPerson(facts, person);
    error::FieldViolations missing;
    CheckDisclosure("persons[0]", person, ThemeOf(facts), missing);
    ASSERT_EQ(missing.empty(), Lawful(facts)) << Show(facts) << ": " << missing.ToStatus();
    ASSERT_EQ(NeedsApproval(person), AgainstTheWish(facts)) << Show(facts);
    ASSERT_EQ(RestsOnConsent(person.disclosure()), OnConsent(facts)) << Show(facts);
    lawful += Lawful(facts) ? 1 : 0;
  };
  // Secrecy, information and age stand beside the rest: each of them with each of what they can meet.
  for (const Facts& facts : all) {
    for (Facts both : rest) {
      const Facts mixed = {.referring = facts.referring,
                           .receiving = facts.receiving,
                           .names_laws = facts.names_laws,
                           .special = facts.special,
                           .condition = facts.condition,
                           .wish = facts.wish,
                           .secrecy = both.secrecy,
                           .told = both.told,
                           .refusing_costs_nothing = facts.refusing_costs_nothing,
                           .names_ground = facts.names_ground,
                           .age = both.age};
      check(mixed);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_EQ(all.size() * rest.size(), 903'168U);
  EXPECT_GT(lawful, 10'000);
}

// --- 2. What each body may do with each of them ------------------------------------------------------------

struct Profile {
  std::string_view name;
  Facts facts;
};

const std::vector<Profile>& Profiles() {
  static const auto* const profiles = new std::vector<Profile>{
      {"a public task", {}},
      {"a legal obligation", {.referring = Why::kObligation, .receiving = Why::kObligation}},
      {"vital interests", {.referring = Why::kVital, .receiving = Why::kVital, .names_laws = false}},
      {"consent", {.receiving = Why::kConsent, .refusing_costs_nothing = true}},
      {"consent that costs something", {.receiving = Why::kConsent}},
      {"consent of who refused",
       {.receiving = Why::kConsent,
        .wish = Wish::kRefused,
        .refusing_costs_nothing = true,
        .names_ground = true}},
      {"explicit consent to data on health",
       {.special = Special::kSection,
        .condition = Condition::kExplicitConsent,
        .refusing_costs_nothing = true}},
      {"data on health without a condition", {.special = Special::kSection}},
      {"data on health for social protection",
       {.special = Special::kSection, .condition = Condition::kSocialProtection}},
      {"against the wish, with a ground", {.wish = Wish::kRefused, .names_ground = true}},
      {"against the wish, without one", {.wish = Wish::kRefused}},
      {"secrecy that nobody released, with a ground",
       {.secrecy = Secrecy::kNotReleased, .names_ground = true}},
      {"not told, with a ground", {.told = Told::kNotTold, .names_ground = true}},
      {"not told, without one", {.told = Told::kNotTold}},
      {"a child", {.age = Age::kChild}},
      {"a child who opposes it, with a ground", {.names_ground = true, .age = Age::kChildWhoOpposes}},
      {"a child who opposes it, without one", {.age = Age::kChildWhoOpposes}},
      {"a child of unknown parents", {.age = Age::kChildOfUnknownParents}},
      {"no basis of the receiving body", {.receiving = Why::kNone}},
      {"no law", {.names_laws = false}},
  };
  return *profiles;
}

// Who stands how to the referral, and as which bodies that counts.
struct Standing {
  std::string_view name;
  const policy::Caller& (*caller)();
  Relations relations;
  std::vector<Actor> actors;
};

const std::vector<Standing>& Standings() {
  static const auto* const standings = new std::vector<Standing>{
      {"referring", testing::Referrer, {Relation::kReferring}, {Actor::kReferring}},
      {"referring, of the unit",
       testing::Referrer,
       {Relation::kReferring, Relation::kUnitMember},
       {Actor::kReferring}},
      {"referring, assigned",
       testing::Referrer,
       {Relation::kReferring, Relation::kAssignee},
       {Actor::kReferring}},
      {"receiving", testing::Receiver, {Relation::kReceiving}, {Actor::kReceiving}},
      {"receiving, of the unit",
       testing::Receiver,
       {Relation::kReceiving, Relation::kUnitMember},
       {Actor::kReceiving}},
      {"coordinating", testing::Coordinator, {Relation::kCoordinating}, {Actor::kCoordinating}},
      {"referring and coordinating",
       testing::Referrer,
       {Relation::kReferring, Relation::kCoordinating},
       {Actor::kReferring, Actor::kCoordinating}},
      {"receiving and coordinating",
       testing::Receiver,
       {Relation::kReceiving, Relation::kCoordinating},
       {Actor::kReceiving, Actor::kCoordinating}},
      {"of the same body only", testing::Referrer, {Relation::kOwnBody}, {}},
  };
  return *standings;
}

// Who of them may do that then, by the table of the domain.
std::optional<Actor> ActorFor(State state, Event event, const Standing& standing) {
  for (const Actor actor : standing.actors) {
    if (testing::InDomain(state, event, actor) != nullptr) return actor;
  }
  return std::nullopt;
}

// Does it disclose to a body that did not have it, or once more?
bool Discloses(Event event) {
  return event == Event::kSubmit || event == Event::kConfirmForward || event == Event::kForwardByDuty ||
         event == Event::kHandOver || event == Event::kReopen;
}

std::string Expected(Event event, Actor actor, const Facts& facts) {
  if ((event == Event::kRule || event == Event::kAssume) && OnConsent(facts)) return "CONSENT_BINDS";
  if (!Discloses(event)) return "OK";
  if (!Lawful(facts)) return "REFERRAL_INCOMPLETE";
  // Whoever has accepted goes on with what it has been given.
  const bool goes_on = event == Event::kReopen && actor == Actor::kReceiving;
  if (AgainstTheWish(facts) && !goes_on) return "APPROVAL_MISSING";
  return "OK";
}

void SetFacts(const Facts& facts, ReferralRecord& record) {
  record.set_theme(ThemeOf(facts));
  for (v1::Person& person : *record.mutable_persons()) SetPerson(facts, person);
}

void SetFacts(const Facts& facts, command::NewRecipient& to) {
  for (v1::PersonDisclosure& each : to.disclosures) SetDisclosure(facts, *each.mutable_disclosure());
}

// The event's command with disclosures of these facts, where it gives any.
Command CommandWith(Event event, State state, const Facts& facts, Actor by) {
  Command command = testing::CommandFor(event, by);
  if (auto* confirm = std::get_if<command::ConfirmForward>(&command)) SetFacts(facts, confirm->to);
  if (auto* duty = std::get_if<command::ForwardByDuty>(&command)) SetFacts(facts, duty->to);
  if (auto* hand_over = std::get_if<command::HandOver>(&command)) SetFacts(facts, hand_over->to);
  if (event == Event::kSubmit && state == kNothing) {
    command::Create create = testing::CreateCommand();
    create.referral.set_theme(ThemeOf(facts));
    SetPerson(facts, *create.referral.mutable_persons(0));
    std::get<command::Submit>(command).created = std::make_shared<const command::Create>(std::move(create));
  }
  return command;
}

std::string ReasonOf(const absl::StatusOr<Decision>& decision) {
  if (decision.ok()) return "OK";
  return std::string(error::ReasonOf(decision.status()));
}

// --- 3. What it is then, and who reads what of the person --------------------------------------------------

enum class Extent : uint8_t { kNothing, kScreening, kAll };

// Of each side: what its keys open, and what it may open with them to deliver the service.
struct Readers {
  Extent referring = Extent::kAll;
  Extent receiving = Extent::kNothing;
  friend bool operator==(const Readers&, const Readers&) = default;
};

std::string Show(const Readers& readers) {
  return Cat("referring ", static_cast<int>(readers.referring), ", receiving ",
             static_cast<int>(readers.receiving));
}

// Asked, it knows what it needs to decide; once it has said yes, the rest; and after an end only what it did.
Readers ReadersIn(State state) {
  switch (state) {
    case kRequested:
    case kAcknowledged:
    case kNeedsInfo:
    case kWaitlisted:
    case kOffered:
      return {.receiving = Extent::kScreening};
    case kAccepted:
    case kInProgress:
    case kOnHold:
    case kCancelRequested:  // by events of testing::RecordIn, after it was begun
    case kCompleted:
      return {.receiving = Extent::kAll};
    default:
      return {};
  }
}

bool HasEnded(State state) {
  return state == kDeclined || state == kForwarded || state == kCompleted || state == kEndedWithoutResult ||
         state == kCancelled || state == kLapsed;
}

// A consent that is withdrawn ends what rests on it alone.
bool EndsByWithdrawal(State state, Event event, const Facts& facts) {
  return event == Event::kWithdraw && OnConsent(facts) && state != kNothing && !HasEnded(state);
}

std::string StateAfter(State state, Event event, Actor actor, const Facts& facts) {
  if (EndsByWithdrawal(state, event, facts)) return "CANCELLED";
  const std::string to = *testing::InDomain(state, event, actor);
  if (to == "=") return std::string(StateName(state));
  // By testing::RecordIn, questions are asked of what was acknowledged, and work in progress is to end.
  if (to == "<") return state == kNeedsInfo ? "ACKNOWLEDGED" : "IN_PROGRESS";
  return to;
}

Readers ReadersAfter(State state, Event event, Actor actor, const Facts& facts) {
  Readers after = ReadersIn(state);
  const std::string to = StateAfter(state, event, actor, facts);
  if (to == "REQUESTED" && (event == Event::kSubmit || event == Event::kReopen)) {
    after.receiving = Extent::kScreening;
  } else if (to == "ACCEPTED" && state != kAccepted) {
    after.receiving = Extent::kAll;
  } else if (to == "IN_PROGRESS" && event == Event::kReopen) {
    after.receiving = Extent::kAll;
  } else if (!HasEnded(state) && (to == "DECLINED" || to == "FORWARDED" || to == "ENDED_WITHOUT_RESULT" ||
                                  to == "CANCELLED" || to == "LAPSED")) {
    after.receiving = Extent::kNothing;
  }
  if (event == Event::kErase) {
    (actor == Actor::kReferring ? after.referring : after.receiving) = Extent::kNothing;
  }
  return after;
}

// What the keys of the first person open after a decision is carried out as the README of this room says.
Readers CarriedOut(Readers keys, const Decision& decision) {
  const auto has = [](const std::vector<uint32_t>& persons) {
    return std::find(persons.begin(), persons.end(), 1U) != persons.end();
  };
  const Effects& effects = decision.effects;
  if (effects.Has(Effect::kCloseReceiver) && !has(decision.kept_persons)) keys.receiving = Extent::kNothing;
  if (has(decision.closed_persons)) keys.receiving = Extent::kNothing;
  if (effects.Has(Effect::kOpenScreening)) keys.receiving = Extent::kScreening;
  if (effects.Has(Effect::kOpenAll)) keys.receiving = Extent::kAll;
  if (effects.Has(Effect::kEraseReferringShare)) keys.referring = Extent::kNothing;
  if (effects.Has(Effect::kEraseReceivingShare)) keys.receiving = Extent::kNothing;
  for (const Decision::PersonErasure& erasure : decision.person_erasures) {
    if (erasure.person != 1) continue;
    (erasure.body == testing::kReferringBody ? keys.referring : keys.receiving) = Extent::kNothing;
  }
  if (effects.Has(Effect::kDropSections) || has(decision.removed_persons)) {
    keys = {.referring = Extent::kNothing, .receiving = Extent::kNothing};
  }
  return keys;
}

// How much of what a side has keys to it is let open for that purpose.
Extent Opened(const ReferralRecord& record, Extent keys, const policy::Authorized& as, v1::Purpose purpose) {
  const auto opens = [&](v1::SectionKind kind) {
    return CheckMayOpen(record, {kind}, as).ok() && CheckRights(record, {1}, {kind}, purpose, as).ok();
  };
  if (keys == Extent::kAll && opens(v1::SECTION_KIND_DETAILS)) return Extent::kAll;
  return keys != Extent::kNothing && opens(v1::SECTION_KIND_SCREENING) ? Extent::kScreening
                                                                       : Extent::kNothing;
}

Readers OpenedBy(const ReferralRecord& record, const Readers& keys, v1::Purpose purpose) {
  return {.referring = Opened(record, keys.referring,
                              testing::As(testing::Referrer(), {Relation::kReferring}), purpose),
          .receiving = Opened(record, keys.receiving,
                              testing::As(testing::Receiver(), {Relation::kReceiving}), purpose)};
}

// What is to be so after something that may be done was done.
void CheckAfter(State state, Event event, Actor actor, const Facts& facts, const Decision& decided) {
  ReferralRecord next = decided.next;
  Readers keys = CarriedOut(ReadersIn(state), decided);
  // As RightsChange carries it out, in the same transaction.
  if (event == Event::kWithdraw && WithdrawalEnds(next, 1)) {
    const auto ended =
        DecideAsSystem(next, command::Cancel{v1::CANCEL_REASON_PERSON_WITHDREW}, testing::Now());
    ASSERT_TRUE(ended.ok()) << ended.status();
    keys = CarriedOut(keys, *ended);
    next = ended->next;
  }
  const Readers expected = ReadersAfter(state, event, actor, facts);
  EXPECT_EQ(StateName(next.state()), StateAfter(state, event, actor, facts));
  EXPECT_TRUE(keys == expected) << "keys: " << Show(keys) << "; expected: " << Show(expected);
  // Of what is protected the named readers alone open anything, and there are none here.
  if (next.has_protection()) return;
  Readers to_deliver = expected;
  if (event == Event::kRestrict) to_deliver.receiving = Extent::kNothing;
  const Readers delivering = OpenedBy(next, keys, v1::PURPOSE_DELIVER_SERVICE);
  EXPECT_TRUE(delivering == to_deliver)
      << "to deliver: " << Show(delivering) << "; expected: " << Show(to_deliver);
  const Readers protecting = OpenedBy(next, keys, v1::PURPOSE_PROTECT_PERSON);
  EXPECT_TRUE(protecting == expected)
      << "to protect: " << Show(protecting) << "; expected: " << Show(expected);
}

// Whoever has it next is asked, or has taken it: a coordinating body that assumes it.
void CheckLinked(Event event, const ReferralRecord& linked) {
  const bool assumed = event == Event::kAssume;
  EXPECT_EQ(StateName(linked.state()), assumed ? "ACCEPTED" : "REQUESTED");
  EXPECT_EQ(linked.receiver_access(),
            assumed ? storage::v1::RECEIVER_ACCESS_FULL : storage::v1::RECEIVER_ACCESS_SCREENING);
  // What was found lawful is what goes on, and nothing is disclosed to anybody else.
  EXPECT_EQ(linked.persons_size(), 1);
  for (const v1::Person& person : linked.persons()) {
    EXPECT_EQ(person.disclosure().recipient(), linked.receiving().body());
  }
}

bool OpensLinked(Event event) {
  return event == Event::kConfirmForward || event == Event::kForwardByDuty || event == Event::kHandOver ||
         event == Event::kRule || event == Event::kAssume;
}

void CheckOne(State state, Event event, const Standing& standing, const Profile& profile) {
  const std::optional<Actor> actor = ActorFor(state, event, standing);
  ReferralRecord record = testing::RecordReadyFor(state, event, actor.value_or(Actor::kReferring));
  if (state != kNothing) SetFacts(profile.facts, record);
  const auto decision =
      Decide(record, CommandWith(event, state, profile.facts, actor.value_or(Actor::kReferring)),
             testing::As(standing.caller(), standing.relations), testing::Now());
  const std::string expected =
      actor.has_value() ? Expected(event, *actor, profile.facts) : "INVALID_TRANSITION";
  EXPECT_EQ(ReasonOf(decision), expected)
      << StateName(state) << " " << EventName(event) << ", " << standing.name << ", " << profile.name << ": "
      << decision.status();
  if (!decision.ok() || !actor.has_value()) return;
  CheckAfter(state, event, *actor, profile.facts, *decision);
  EXPECT_EQ(decision->linked.has_value(), OpensLinked(event));
  if (decision->linked.has_value()) CheckLinked(event, *decision->linked);
  if (::testing::Test::HasFailure()) {
    ADD_FAILURE() << StateName(state) << " " << EventName(event) << ", " << standing.name << ", "
                  << profile.name;
  }
}

TEST(Model, EveryStateEventRelationAndBasis) {
  int checked = 0;
  for (int state = 0; state < kStateCount; ++state) {
    for (int event = 0; event < kEventCount; ++event) {
      if (!testing::HasCommand(static_cast<Event>(event))) continue;
      for (const Standing& standing : Standings()) {
        for (const Profile& profile : Profiles()) {
          CheckOne(static_cast<State>(state), static_cast<Event>(event), standing, profile);
          ++checked;
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
  EXPECT_GT(checked, 150'000);
}

}  // namespace
}  // namespace waypost::referral
