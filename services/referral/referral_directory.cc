#include "services/referral/referral_directory.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "absl/time/civil_time.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_protection.h"
#include "services/referral/succession_rules.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using base::Cat;

absl::Status CheckMayRefer(const BodyFacts& facts, std::string_view body) {
  if (facts.exists && facts.active) return absl::OkStatus();
  return OwnBodyNotActive(body, facts.exists);
}

absl::Status CheckMayReceive(const BodyFacts& facts, std::string_view body, std::string_view field) {
  if (!facts.exists) {
    return error::InvalidField(field,
                               Cat("'", body, "' is not in the directory: look it up with ListBodies"));
  }
  if (facts.enforcement) {
    return error::InvalidField(field, Cat("'", body, "' is an enforcement body, which receives no referral"));
  }
  return facts.active ? absl::OkStatus() : BodyNotActive(body);
}

absl::Status CheckHasPlace(std::string_view body, std::string_view successor) {
  return successor.empty() ? absl::OkStatus() : BodySucceeded(body, successor);
}

// The units and offers that one command names. What is wrong is told at once, and before what is closed.
class Named {
 public:
  enum class Desk { kAny, kDuty };

  Named(const BodyRegistry& bodies, const store::Reader& reader, absl::Time now)
      : bodies_(bodies),
        reader_(reader),
        today_(absl::FormatCivilTime(absl::ToCivilDay(now, absl::UTCTimeZone()))) {}

  // Of `body`, unless that is not known yet. Nothing named is nothing wrong.
  absl::Status Unit(std::string_view field, std::string_view unit, std::string_view body,
                    Desk desk = Desk::kAny) {
    if (unit.empty()) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const UnitFacts facts, bodies_.FindUnit(reader_, unit));
    Judge(field, unit, body, facts, desk);
    return absl::OkStatus();
  }
  absl::Status Offer(std::string_view field, std::string_view offer, std::string_view body) {
    if (offer.empty()) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies_.FindOffer(reader_, offer));
    Judge(field, offer, body, facts);
    return absl::OkStatus();
  }

  void Judge(std::string_view field, std::string_view unit, std::string_view body, const UnitFacts& facts,
             Desk desk = Desk::kAny) {
    if (unit.empty()) return;
    if (!body.empty() && api::BodyOfUnit(unit) != body) {
      wrong_for_ever_ = true;
      wrong_.Add(field, Cat("'", unit, "' is no unit of '", body, "': look them up with ListUnits"));
    } else if (!facts.exists) {
      wrong_.Add(field, Cat("'", unit, "' is not in the directory: look it up with ListUnits"));
    } else if (desk == Desk::kDuty && !facts.duty_desk) {
      wrong_.Add(field, Cat("'", unit, "' is no duty desk: name the one that answered the call"));
    } else if (desk == Desk::kAny && !facts.active) {  // a desk may have closed since it took the call
      closed_.Update(UnitNotActive(unit));
    }
  }
  void Judge(std::string_view field, std::string_view offer, std::string_view body, const OfferFacts& facts) {
    if (offer.empty()) return;
    if (!facts.exists) {
      wrong_.Add(field, Cat("'", offer, "' is not in the directory: look it up with ListOffers"));
    } else if (!body.empty() && facts.provider != body) {
      wrong_for_ever_ = true;
      wrong_.Add(field, Cat("'", offer, "' is no offer of '", body, "': look them up with ListOffers"));
    } else if (!facts.active) {
      closed_.Update(OfferNotActive(offer));
    } else if (!facts.programme_end.empty() && facts.programme_end < today_) {
      closed_.Update(ProgrammeEnded(offer, facts.programme, facts.programme_end));
    }
  }

  // A group of an offer of `body`, in which somebody may wait or have a place; what limits it is added to
  // `limits`. `group_field` is the field that names the group.
  absl::Status Group(std::string_view group_field, const GroupKey& group, std::string_view body,
                     absl::Time now, std::vector<GroupLimit>& limits) {
    if (group.offer.empty()) {
      wrong_for_ever_ = true;
      wrong_.Add("offer", "name the offer that the group is of: the referral asks for none");
      return absl::OkStatus();
    }
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies_.FindOffer(reader_, group.offer));
    Judge("offer", group.offer, body, facts);
    if (!facts.exists || facts.provider != body) return absl::OkStatus();
    const GroupFacts* found = facts.FindGroup(group.group_id);
    if (found == nullptr) {
      wrong_.Add(group_field, Cat("'", group.group_id, "' is no group of '", group.offer,
                                  "': look them up with GetOffer"));
      return absl::OkStatus();
    }
    if (HasBegun(found->cohort_start, now)) {
      closed_.Update(GroupNotOpen(GroupName(group), found->cohort_start));
    }
    limits.push_back({.offer = group.offer,
                      .group_id = group.group_id,
                      .places = found->places,
                      .enrolment = facts.enrolment});
    return absl::OkStatus();
  }

  // The offer has several groups, and which one is meant nobody says.
  void NeedsGroup(std::string_view referral, std::string_view offer, const std::vector<GroupFacts>& groups) {
    constexpr size_t kMostNamed = 10;
    std::string names;
    for (size_t i = 0; i < std::min(groups.size(), kMostNamed); ++i) {
      names += Cat(i == 0 ? "" : ", ", groups[i].group_id);
    }
    if (groups.size() > kMostNamed) names += ", …";
    closed_.Update(GroupRequired(referral, offer, names));
  }
  void HasNoGroup(std::string_view field) {
    if (!wrong_.empty() || !closed_.ok()) return;
    wrong_.Add(field, "is required where an offer or persons are named");
  }

  // A replica that is too old refuses nothing that a newer one may know: what was registered or opened since.
  absl::Status ToStatus(absl::Time now) const {
    if (wrong_.empty() && closed_.ok()) return absl::OkStatus();
    if (!wrong_for_ever_) WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(now));
    return wrong_.empty() ? closed_ : wrong_.ToStatus();
  }

 private:
  const BodyRegistry& bodies_;
  const store::Reader& reader_;
  const std::string today_;
  error::FieldViolations wrong_;
  bool wrong_for_ever_ = false;  // units and offers stay with their bodies
  absl::Status closed_;
};

// Who of the referral is enrolled, wherever that is, whether the referral still names it or not.
absl::StatusOr<std::vector<EnrolledPerson>> EnrolledIn(const store::Reader& reader,
                                                       std::string_view referral) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(reader, referral));
  std::vector<EnrolledPerson> enrolled;
  for (const EnrolmentRecord& enrolment : enrolments) {
    if (!HasPlace(enrolment.state())) continue;
    enrolled.push_back({.person = enrolment.person(),
                        .offer = enrolment.offer(),
                        .group_id = enrolment.group_id(),
                        .enrolment = enrolment.name()});
  }
  return enrolled;
}

bool IsEnrolledIn(const std::vector<EnrolledPerson>& enrolled, uint32_t person, const GroupKey& group) {
  return std::any_of(enrolled.begin(), enrolled.end(), [&](const EnrolledPerson& one) {
    return one.person == person && one.offer == group.offer && one.group_id == group.group_id;
  });
}

// The check of one command. Of() is for every kind of command; most name nothing in the directory.
class Check {
 public:
  Check(const BodyRegistry& bodies, const store::Reader& reader, const rpc::Call& call,
        const ReferralRecord& current)
      : bodies_(bodies), reader_(reader), call_(call), current_(current), named_(bodies, reader, call.now) {}

  absl::StatusOr<Command> Of(const command::Submit& submit);
  absl::StatusOr<Command> Of(const command::Create& create);
  absl::StatusOr<Command> Of(const command::Update& update);
  absl::StatusOr<Command> Of(const command::Waitlist& waitlist);
  absl::StatusOr<Command> Of(const command::OfferPlace& offer);
  absl::StatusOr<Command> Of(const command::Accept& accept);
  absl::StatusOr<Command> Of(const command::Reopen& reopen);
  // Of what a body sends on by its own wish. A duty to forward and a ruling leave it no choice.
  absl::StatusOr<Command> Of(const command::ConfirmForward& confirm) {
    return OfSender(confirm, current_.forward_proposal().offer());
  }
  absl::StatusOr<Command> Of(const command::HandOver& hand_over) {
    return OfSender(hand_over, hand_over.to.offer);
  }
  template <typename Kind>
  absl::StatusOr<Command> Of(const Kind& kind) {
    WAYPOST_RETURN_IF_ERROR(Look(kind));
    return Command(kind);
  }

 private:
  template <typename Kind>
  absl::StatusOr<Command> OfSender(const Kind& kind, const std::string& offer) {
    WAYPOST_RETURN_IF_ERROR(Look(kind));
    Kind filled = kind;
    WAYPOST_ASSIGN_OR_RETURN(filled.to.approval_required, HasAllApproved(call_.caller->body));
    WAYPOST_ASSIGN_OR_RETURN(filled.to.required_documents, DocumentsOf(offer));
    return Command(std::move(filled));
  }
  template <typename Kind>
  absl::Status Look(const Kind&) {
    return absl::OkStatus();
  }
  absl::Status Look(const command::Create& create);
  absl::Status Look(const command::Update& update);
  absl::Status Look(const command::Assign& assign) { return LookAtUnit(assign.unit, call_.caller->body); }
  absl::Status Look(const command::ProposeForward& propose);
  absl::Status Look(const command::ConfirmForward& confirm);
  absl::Status Look(const command::ForwardByDuty& forward) {
    return LookAtNew(forward.to, "unit", forward.to.unit, "offer", forward.to.offer);
  }
  absl::Status Look(const command::HandOver& hand_over) {
    return LookAtNew(hand_over.to, "unit", hand_over.to.unit, "offer", hand_over.to.offer);
  }
  absl::Status Look(const command::Remind&) { return LookAtCoordinator(); }
  absl::Status Look(const command::Rule& rule) {
    WAYPOST_RETURN_IF_ERROR(LookAtCoordinator());
    return LookAtNew(rule.to, "unit", rule.to.unit, "offer", "");
  }
  absl::Status Look(const command::Assume& assume) {
    WAYPOST_RETURN_IF_ERROR(LookAtCoordinator());
    return LookAtUnit(assume.to.unit, current_.coordinating_body());
  }
  absl::Status Look(const command::ChangePriority& change);

  // The group of an offer of the receiving body that has one alone, in which places are counted; empty where
  // they are counted in none. Several are refused, where the state takes the event at all.
  absl::StatusOr<std::string> OnlyGroup(Event event, const std::string& offer);
  // Fills in the offer, and the group where none is named; both are empty where it is for none.
  absl::Status Complete(Event event, GroupChoice& choice);
  // The same for an acceptance: one place for each who gets one.
  absl::Status Complete(command::Accept& accept);

  absl::Status LookAtUnit(std::string_view unit, std::string_view body);
  absl::Status LookAtNew(const command::NewRecipient& to, std::string_view unit_field, std::string_view unit,
                         std::string_view offer_field, std::string_view offer);
  absl::Status LookAtRecipient(std::string_view body, std::string_view field);
  absl::StatusOr<bool> HasAllApproved(std::string_view body);
  absl::StatusOr<DocumentsPtr> DocumentsOf(const std::string& offer);
  absl::Status LookAtCoordinator();
  absl::Status LookAtSuccession(std::string_view body, type::v1::Theme theme, std::string_view territory);
  absl::Status LookAtDesk(std::string_view field, const v1::TelephoneHandover& call, std::string_view body) {
    return named_.Unit(field, call.unit(), body, Named::Desk::kDuty);
  }

  const BodyRegistry& bodies_;
  const store::Reader& reader_;
  const rpc::Call& call_;
  const ReferralRecord& current_;
  Named named_;
};

constexpr std::string_view kReferringUnit = "referral.referring.unit";
constexpr std::string_view kReceivingUnit = "referral.receiving.unit";
constexpr std::string_view kOffer = "referral.offer";
constexpr std::string_view kDesk = "referral.telephone_handover.unit";

absl::StatusOr<Command> Check::Of(const command::Submit& submit) {
  const auto send = [&](const auto& sent) -> absl::StatusOr<Command> {
    WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(call_.now));
    const Route route{.referring = call_.caller->body,
                      .receiving = sent.receiving().body(),
                      .theme = sent.theme(),
                      .territory = sent.territory(),
                      .referring_unit = sent.referring().unit(),
                      .receiving_unit = sent.receiving().unit(),
                      .offer = sent.offer()};
    WAYPOST_ASSIGN_OR_RETURN(RouteFacts facts, bodies_.FindRoute(reader_, route, call_.now));
    WAYPOST_RETURN_IF_ERROR(CheckHasPlace(route.referring, facts.referring_successor));
    WAYPOST_RETURN_IF_ERROR(CheckHasPlace(route.receiving, facts.receiving_successor));
    WAYPOST_RETURN_IF_ERROR(CheckMayReceive(facts.receiving, route.receiving, "referral.receiving.body"));
    WAYPOST_RETURN_IF_ERROR(CheckMayRefer(facts.referring, route.referring));
    named_.Judge(kReferringUnit, route.referring_unit, route.referring, facts.referring_unit);
    named_.Judge(kReceivingUnit, route.receiving_unit, route.receiving, facts.receiving_unit);
    named_.Judge(kOffer, route.offer, route.receiving, facts.offer);
    WAYPOST_RETURN_IF_ERROR(LookAtDesk(kDesk, sent.telephone_handover(), route.receiving));
    WAYPOST_RETURN_IF_ERROR(named_.ToStatus(call_.now));
    command::Submit filled = submit;
    filled.approval_required = facts.referring.approval_required;
    filled.coordinating_body = std::move(facts.coordinating_body);
    filled.calendars = {.referring = std::move(facts.referring_calendar),
                        .receiving = std::move(facts.receiving_calendar)};
    filled.required_documents = std::move(facts.offer.required_documents);
    return Command(std::move(filled));
  };
  return submit.created == nullptr ? send(current_) : send(submit.created->referral);
}

absl::StatusOr<Command> Check::Of(const command::Create& create) {
  WAYPOST_RETURN_IF_ERROR(Look(create));
  command::Create filled = create;
  WAYPOST_ASSIGN_OR_RETURN(filled.required_documents, DocumentsOf(create.referral.offer()));
  return Command(std::move(filled));
}

absl::StatusOr<Command> Check::Of(const command::Update& update) {
  WAYPOST_RETURN_IF_ERROR(Look(update));
  const bool names_offer = std::find(update.paths.begin(), update.paths.end(), "offer") != update.paths.end();
  command::Update filled = update;
  WAYPOST_ASSIGN_OR_RETURN(filled.required_documents,
                           DocumentsOf(names_offer ? update.referral.offer() : current_.offer()));
  return Command(std::move(filled));
}

absl::Status Check::Look(const command::Create& create) {
  const v1::Referral& draft = create.referral;
  const std::string& body = draft.receiving().body();
  WAYPOST_RETURN_IF_ERROR(LookAtSuccession(call_.caller->body, draft.theme(), draft.territory()));
  WAYPOST_RETURN_IF_ERROR(named_.Unit(kReferringUnit, draft.referring().unit(), call_.caller->body));
  WAYPOST_RETURN_IF_ERROR(named_.Unit(kReceivingUnit, draft.receiving().unit(), body));
  WAYPOST_RETURN_IF_ERROR(named_.Offer(kOffer, draft.offer(), body));
  WAYPOST_RETURN_IF_ERROR(LookAtDesk(kDesk, draft.telephone_handover(), body));
  return named_.ToStatus(call_.now);
}

// What it leaves as it is was looked up when it was named, and is again when the draft is sent.
absl::Status Check::Look(const command::Update& update) {
  const v1::Referral& input = update.referral;
  const auto names = [&update](std::string_view path) {
    return std::find(update.paths.begin(), update.paths.end(), path) != update.paths.end();
  };
  const std::string& body = names("receiving") ? input.receiving().body() : current_.receiving().body();
  if (names("referring.unit")) {
    WAYPOST_RETURN_IF_ERROR(
        named_.Unit(kReferringUnit, input.referring().unit(), current_.referring().body()));
  }
  if (names("receiving")) {
    WAYPOST_RETURN_IF_ERROR(named_.Unit(kReceivingUnit, input.receiving().unit(), body));
  }
  if (names("offer")) WAYPOST_RETURN_IF_ERROR(named_.Offer(kOffer, input.offer(), body));
  if (names("telephone_handover")) {
    WAYPOST_RETURN_IF_ERROR(LookAtDesk(kDesk, input.telephone_handover(), body));
  }
  return named_.ToStatus(call_.now);
}

absl::Status Check::Look(const command::ProposeForward& propose) {
  WAYPOST_RETURN_IF_ERROR(LookAtRecipient(propose.body, "body"));
  WAYPOST_RETURN_IF_ERROR(named_.Unit("unit", propose.unit, propose.body));
  WAYPOST_RETURN_IF_ERROR(named_.Offer("offer", propose.offer, propose.body));
  return named_.ToStatus(call_.now);
}

// Unit and offer are those of the proposal, and may have closed since.
absl::Status Check::Look(const command::ConfirmForward& confirm) {
  const v1::ForwardProposal& proposal = current_.forward_proposal();
  // Another body than the proposed one is refused by the rules.
  const bool same = confirm.to.body == proposal.body();
  return LookAtNew(confirm.to, "forward_proposal.unit", same ? proposal.unit() : "", "forward_proposal.offer",
                   same ? proposal.offer() : "");
}

absl::StatusOr<std::string> Check::OnlyGroup(Event event, const std::string& offer) {
  if (offer.empty() || IsProtected(current_) || !Takes(current_.state(), event)) return std::string();
  WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies_.FindOffer(reader_, offer));
  if (facts.groups.empty() || facts.provider != current_.receiving().body()) return std::string();
  if (facts.groups.size() == 1) return facts.groups[0].group_id;
  named_.NeedsGroup(current_.name(), offer, facts.groups);
  return std::string();
}

absl::Status Check::Complete(Event event, GroupChoice& choice) {
  const v1::ListPlace& waiting = current_.waiting();
  const bool names_part = choice.group_id.empty() && (!choice.offer.empty() || !choice.persons.empty());
  if (names_part) WAYPOST_RETURN_IF_ERROR(named_.Offer("offer", choice.offer, current_.receiving().body()));
  if (choice.offer.empty()) choice.offer = waiting.offer().empty() ? current_.offer() : waiting.offer();
  if (choice.group_id.empty() && choice.offer == waiting.offer()) choice.group_id = waiting.group_id();
  if (!choice.group_id.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(choice.group_id, OnlyGroup(event, choice.offer));
  if (!choice.group_id.empty()) return absl::OkStatus();
  if (names_part) named_.HasNoGroup("group_id");
  choice.offer.clear();
  return absl::OkStatus();
}

// What was offered, or where it waits, needs no choice.
absl::Status Check::Complete(command::Accept& accept) {
  if (!accept.places.empty()) return absl::OkStatus();
  const v1::ListPlace& waiting = current_.waiting();
  const bool chosen = !current_.places().empty() || !waiting.group_id().empty();
  std::string group;
  if (!chosen) {
    const std::string& offer = accept.offer.empty() ? current_.offer() : accept.offer;
    WAYPOST_ASSIGN_OR_RETURN(group, OnlyGroup(Event::kAccept, offer));
  }
  if (group.empty()) {
    if (accept.offer.empty()) return absl::OkStatus();
    WAYPOST_RETURN_IF_ERROR(named_.Offer("offer", accept.offer, current_.receiving().body()));
    named_.HasNoGroup("places");
    return absl::OkStatus();
  }
  // Who waits without a list is still who waits.
  const auto& waits = waiting.persons();
  for (const v1::Person& person : current_.persons()) {
    const bool gets_one =
        waits.empty() || std::find(waits.begin(), waits.end(), person.number()) != waits.end();
    if (!gets_one) continue;
    v1::PersonPlace& place = accept.places.emplace_back();
    place.set_person(person.number());
    place.set_group_id(group);
  }
  return absl::OkStatus();
}

absl::StatusOr<Command> Check::Of(const command::Waitlist& waitlist) {
  command::Waitlist filled = waitlist;
  WAYPOST_RETURN_IF_ERROR(Complete(Event::kWaitlist, filled.choice));
  std::vector<GroupLimit> limits;  // nobody takes a place by waiting
  if (!filled.choice.group_id.empty()) {
    WAYPOST_RETURN_IF_ERROR(named_.Group("group_id", {filled.choice.offer, filled.choice.group_id},
                                         current_.receiving().body(), call_.now, limits));
  }
  WAYPOST_RETURN_IF_ERROR(named_.ToStatus(call_.now));
  return Command(std::move(filled));
}

absl::StatusOr<Command> Check::Of(const command::OfferPlace& offer) {
  command::OfferPlace filled = offer;
  GroupChoice& choice = filled.choice;
  WAYPOST_RETURN_IF_ERROR(Complete(Event::kOfferPlace, choice));
  if (!choice.group_id.empty()) {
    WAYPOST_RETURN_IF_ERROR(named_.Group("group_id", {choice.offer, choice.group_id},
                                         current_.receiving().body(), call_.now, filled.limits));
  }
  WAYPOST_RETURN_IF_ERROR(named_.ToStatus(call_.now));
  return Command(std::move(filled));
}

// Places that it holds already are looked up no more: what was offered is kept for it.
absl::StatusOr<Command> Check::Of(const command::Accept& accept) {
  const std::string& body = current_.receiving().body();
  const v1::ListPlace& waiting = current_.waiting();
  command::Accept filled = accept;
  WAYPOST_RETURN_IF_ERROR(named_.Unit("unit", accept.unit, body));
  WAYPOST_RETURN_IF_ERROR(Complete(filled));
  const bool keeps = filled.places.empty();
  if (keeps && current_.places().empty() && !waiting.group_id().empty()) {
    WAYPOST_RETURN_IF_ERROR(
        named_.Group("places", {waiting.offer(), waiting.group_id()}, body, call_.now, filled.limits));
  }
  if (keeps) {
    for (const v1::PersonPlace& place : current_.places()) {
      WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies_.FindOffer(reader_, place.offer()));
      filled.limits.push_back({.offer = place.offer(),
                               .group_id = place.group_id(),
                               .places = std::nullopt,
                               .enrolment = facts.enrolment});
    }
  }
  const std::string& offer = !accept.offer.empty()        ? accept.offer
                             : !current_.places().empty() ? current_.places(0).offer()
                             : !waiting.offer().empty()   ? waiting.offer()
                                                          : current_.offer();
  WAYPOST_ASSIGN_OR_RETURN(filled.enrolled, EnrolledIn(reader_, current_.name()));
  std::set<GroupKey> seen;
  for (size_t i = 0; i < filled.places.size(); ++i) {
    filled.places[i].set_offer(offer);
    const GroupKey group{offer, filled.places[i].group_id()};
    // The group need not take anybody any more for those who are in it.
    if (IsEnrolledIn(filled.enrolled, filled.places[i].person(), group)) {
      filled.limits.push_back(
          {.offer = offer, .group_id = group.group_id, .places = std::nullopt, .enrolment = true});
      continue;
    }
    if (!seen.insert(group).second) continue;
    WAYPOST_RETURN_IF_ERROR(
        named_.Group(Cat("places[", i, "].group_id"), group, body, call_.now, filled.limits));
  }
  WAYPOST_RETURN_IF_ERROR(named_.ToStatus(call_.now));
  return Command(std::move(filled));
}

// Whoever is sent it once more must be active now. Who takes a place again finds the group as it is now.
absl::StatusOr<Command> Check::Of(const command::Reopen& reopen) {
  WAYPOST_RETURN_IF_ERROR(LookAtSuccession(call_.caller->body, current_.theme(), current_.territory()));
  command::Reopen filled = reopen;
  WAYPOST_ASSIGN_OR_RETURN(
      filled.coordinating_body,
      bodies_.FindCoordinator(reader_, current_.theme(), current_.territory(), call_.now));
  if (call_.caller->body == current_.referring().body()) {
    WAYPOST_RETURN_IF_ERROR(LookAtRecipient(current_.receiving().body(), "referral.receiving.body"));
    WAYPOST_ASSIGN_OR_RETURN(filled.approval_required, HasAllApproved(current_.referring().body()));
    return Command(std::move(filled));
  }
  // The move of a competence leaves what has ended: opened again, it would be open work of the other body.
  WAYPOST_RETURN_IF_ERROR(
      LookAtSuccession(current_.referring().body(), current_.theme(), current_.territory()));
  for (const v1::PersonPlace& place : current_.places()) {
    WAYPOST_ASSIGN_OR_RETURN(const OfferFacts facts, bodies_.FindOffer(reader_, place.offer()));
    const GroupFacts* group = facts.FindGroup(place.group_id());
    if (group == nullptr) continue;
    filled.limits.push_back({.offer = place.offer(), .group_id = place.group_id(), .places = group->places});
  }
  return Command(std::move(filled));
}

absl::Status Check::Look(const command::ChangePriority& change) {
  if (!change.telephone_handover.has_value()) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(
      LookAtDesk("telephone_handover.unit", *change.telephone_handover, current_.receiving().body()));
  return named_.ToStatus(call_.now);
}

absl::Status Check::LookAtUnit(std::string_view unit, std::string_view body) {
  WAYPOST_RETURN_IF_ERROR(named_.Unit("unit", unit, body));
  return named_.ToStatus(call_.now);
}

absl::Status Check::LookAtNew(const command::NewRecipient& to, std::string_view unit_field,
                              std::string_view unit, std::string_view offer_field, std::string_view offer) {
  WAYPOST_RETURN_IF_ERROR(LookAtRecipient(to.body, "body"));
  WAYPOST_RETURN_IF_ERROR(named_.Unit(unit_field, unit, to.body));
  WAYPOST_RETURN_IF_ERROR(named_.Offer(offer_field, offer, to.body));
  if (to.telephone_handover.has_value()) {
    WAYPOST_RETURN_IF_ERROR(LookAtDesk("telephone_handover.unit", *to.telephone_handover, to.body));
  }
  return named_.ToStatus(call_.now);
}

absl::StatusOr<bool> Check::HasAllApproved(std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const BodyFacts facts, bodies_.Find(reader_, body));
  return facts.approval_required;
}

absl::StatusOr<DocumentsPtr> Check::DocumentsOf(const std::string& offer) {
  if (offer.empty()) return DocumentsPtr();
  WAYPOST_ASSIGN_OR_RETURN(OfferFacts facts, bodies_.FindOffer(reader_, offer));
  return std::move(facts.required_documents);
}

absl::Status Check::LookAtSuccession(std::string_view body, type::v1::Theme theme,
                                     std::string_view territory) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<Successor> successor,
                           bodies_.FindSuccessor(reader_, body, theme, territory, call_.now));
  return CheckHasPlace(body, successor.has_value() ? successor->body : "");
}

// Its agreement may have ended since the referral was sent, or it may have been marked since.
absl::Status Check::LookAtCoordinator() {
  const std::string& body = current_.coordinating_body();
  if (body.empty() || call_.caller->body != body) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::string today, bodies_.FindCoordinator(reader_, current_.theme(),
                                                                            current_.territory(), call_.now));
  if (today == body) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(call_.now));
  return CoordinatesNoLonger(current_.name(), today);
}

absl::Status Check::LookAtRecipient(std::string_view body, std::string_view field) {
  // It must be known to be active now.
  WAYPOST_RETURN_IF_ERROR(bodies_.CheckFresh(call_.now));
  WAYPOST_RETURN_IF_ERROR(LookAtSuccession(body, current_.theme(), current_.territory()));
  WAYPOST_ASSIGN_OR_RETURN(const BodyFacts facts, bodies_.Find(reader_, body));
  return CheckMayReceive(facts, body, field);
}

}  // namespace

const GroupFacts* OfferFacts::FindGroup(std::string_view group_id) const {
  for (const GroupFacts& group : groups) {
    if (group.group_id == group_id) return &group;
  }
  return nullptr;
}

absl::StatusOr<Command> WithDirectory(const BodyRegistry& bodies, const store::Reader& reader,
                                      const rpc::Call& call, const Command& command,
                                      const ReferralRecord& current) {
  Check check(bodies, reader, call, current);
  return std::visit([&check](const auto& kind) { return check.Of(kind); }, command);
}

absl::StatusOr<Command> WithCoordinator(const BodyRegistry& bodies, const store::Reader& reader,
                                        const Command& command, const ReferralRecord& current,
                                        absl::Time now) {
  Command filled = command;
  auto* escalate = std::get_if<command::Escalate>(&filled);
  auto* reminder = std::get_if<command::Reminder>(&filled);
  if (escalate == nullptr && reminder == nullptr) return filled;
  WAYPOST_ASSIGN_OR_RETURN(std::string body,
                           bodies.FindCoordinator(reader, current.theme(), current.territory(), now));
  (escalate != nullptr ? escalate->coordinating_body : reminder->coordinating_body) = std::move(body);
  return filled;
}

namespace {

// Who gets the case, and in which unit, by a command that sends it on.
struct Recipient {
  std::string_view body;
  std::string_view unit;
};
std::optional<Recipient> RecipientOf(const Command& command, const ReferralRecord& current) {
  const auto of = [](const command::NewRecipient& to) { return Recipient{to.body, to.unit}; };
  if (const auto* confirm = std::get_if<command::ConfirmForward>(&command)) {
    return Recipient{confirm->to.body, current.forward_proposal().unit()};
  }
  if (const auto* forward = std::get_if<command::ForwardByDuty>(&command)) return of(forward->to);
  if (const auto* hand_over = std::get_if<command::HandOver>(&command)) return of(hand_over->to);
  if (const auto* rule = std::get_if<command::Rule>(&command)) return of(rule->to);
  if (const auto* assume = std::get_if<command::Assume>(&command)) {
    return Recipient{current.coordinating_body(), assume->to.unit};
  }
  return std::nullopt;
}

template <typename... Kinds>
bool IsAnyOf(const Command& command) {
  return (std::holds_alternative<Kinds>(command) || ...);
}

bool SetsNoClock(const Command& command) {
  return IsAnyOf<command::Create, command::Update, command::Approve, command::Assign, command::Claim,
                 command::AddNote, command::RecordAppointment, command::Erase, command::SettleFollowUp,
                 command::Detach>(command);
}

}  // namespace

absl::StatusOr<SideCalendars> CalendarsOf(const BodyRegistry& bodies, const store::Reader& reader,
                                          const Command& command, const ReferralRecord& current) {
  if (const auto* submit = std::get_if<command::Submit>(&command)) return submit->calendars;
  SideCalendars calendars;
  if (SetsNoClock(command)) return calendars;
  if (const auto* succeed = std::get_if<command::Succeed>(&command)) {
    // A place that is given up leaves a clock behind, by the days of whoever has the case then.
    if (current.state() != kOffered) return calendars;
    ReferralRecord moved = current;
    MoveBodies(succeed->moves, moved);
    WAYPOST_ASSIGN_OR_RETURN(calendars.receiving,
                             bodies.FindCalendar(reader, moved.receiving().body(), moved.receiving().unit()));
    return calendars;
  }
  WAYPOST_ASSIGN_OR_RETURN(calendars.referring, bodies.FindCalendar(reader, current.referring().body(),
                                                                    current.referring().unit()));
  std::string_view unit = current.receiving().unit();
  if (const auto* accept = std::get_if<command::Accept>(&command)) {
    if (!accept->unit.empty()) unit = accept->unit;
  }
  WAYPOST_ASSIGN_OR_RETURN(calendars.receiving,
                           bodies.FindCalendar(reader, current.receiving().body(), unit));
  if (const std::optional<Recipient> to = RecipientOf(command, current); to.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(calendars.next, bodies.FindCalendar(reader, to->body, to->unit));
  }
  return calendars;
}

namespace {

// Offers that a command names, of either referral.
std::vector<std::string> OffersIn(const Command& command, const ReferralRecord& current) {
  if (const auto* submit = std::get_if<command::Submit>(&command)) {
    return {submit->created == nullptr ? std::string() : submit->created->referral.offer()};
  }
  if (const auto* waitlist = std::get_if<command::Waitlist>(&command)) return {waitlist->choice.offer};
  if (const auto* offer = std::get_if<command::OfferPlace>(&command)) return {offer->choice.offer};
  if (const auto* accept = std::get_if<command::Accept>(&command)) {
    std::vector<std::string> offers;
    for (const v1::PersonPlace& place : accept->places) offers.push_back(place.offer());
    return offers;
  }
  if (std::holds_alternative<command::ConfirmForward>(command)) return {current.forward_proposal().offer()};
  if (const auto* forward = std::get_if<command::ForwardByDuty>(&command)) return {forward->to.offer};
  if (const auto* hand_over = std::get_if<command::HandOver>(&command)) return {hand_over->to.offer};
  return {};
}

}  // namespace

absl::StatusOr<std::optional<ProgrammeEndFacts>> ProgrammeEndOf(const BodyRegistry& bodies,
                                                                const store::Reader& reader,
                                                                std::string_view offer) {
  WAYPOST_ASSIGN_OR_RETURN(OfferFacts facts, bodies.FindOffer(reader, offer));
  if (facts.programme_end.empty()) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(const CalendarPtr calendar, bodies.FindCalendar(reader, facts.provider, {}));
  const absl::Time over = DayIsOver(facts.programme_end, calendar);
  if (over == absl::InfiniteFuture()) return std::nullopt;
  return ProgrammeEndFacts{
      .programme = std::move(facts.programme), .end_date = std::move(facts.programme_end), .over = over};
}

absl::StatusOr<ProgrammeEnds> ProgrammeEndsOf(const BodyRegistry& bodies, const store::Reader& reader,
                                              const Command& command, const ReferralRecord& current) {
  std::vector<std::string> offers = OffersNamedIn(current);
  for (std::string& offer : OffersIn(command, current)) offers.push_back(std::move(offer));
  ProgrammeEnds ends;
  for (const std::string& offer : offers) {
    if (offer.empty() || ends.contains(offer)) continue;
    WAYPOST_ASSIGN_OR_RETURN(std::optional<ProgrammeEndFacts> end, ProgrammeEndOf(bodies, reader, offer));
    if (end.has_value()) ends.emplace(offer, *std::move(end));
  }
  return ends;
}

absl::StatusOr<Moment> MomentOf(const BodyRegistry& bodies, const store::Reader& reader, absl::Time now,
                                const ClockTable& clocks, const Command& command,
                                const ReferralRecord& current) {
  WAYPOST_ASSIGN_OR_RETURN(SideCalendars calendars, CalendarsOf(bodies, reader, command, current));
  Moment moment(now, clocks, std::move(calendars));
  if (SetsNoClock(command)) return moment;
  WAYPOST_ASSIGN_OR_RETURN(moment.programme_ends, ProgrammeEndsOf(bodies, reader, command, current));
  return moment;
}

}  // namespace waypost::referral
