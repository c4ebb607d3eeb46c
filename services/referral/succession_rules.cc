#include "services/referral/succession_rules.h"

#include <algorithm>
#include <utility>

#include "services/referral/referral_rights.h"
#include "services/referral/rights_receipts.h"

namespace waypost::referral {
namespace {

using command::BodyMove;
using storage::v1::LegalHoldRecord;
using storage::v1::RightMarkRecord;
using storage::v1::RightsHolderRecord;
using storage::v1::RightsRequestRecord;
using Moves = std::vector<BodyMove>;

bool IsCut(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
}

void MoveBody(const Moves& moves, std::string& body) {
  if (const BodyMove* move = FindMove(moves, body)) body = move->to;
}

std::string UnitAfter(const BodyMove& move, std::string_view unit) {
  const auto found = move.units.find(unit);
  return found == move.units.end() ? std::string() : found->second;
}

void MoveSide(const Moves& moves, v1::Side& side) {
  const BodyMove* const move = FindMove(moves, side.body());
  if (move == nullptr) return;
  side.set_body(move->to);
  side.set_unit(UnitAfter(*move, side.unit()));
  side.clear_assignee();
}

// No day given is for ever.
bool LastsLonger(const LegalHoldRecord& a, const LegalHoldRecord& b) {
  if (a.hold().until().empty() || b.hold().until().empty()) return a.hold().until().empty();
  return a.hold().until() > b.hold().until();
}

void KeepOneHold(ReferralRecord& record) {
  if (record.legal_holds().empty()) return;
  LegalHoldRecord kept = record.legal_holds(0);
  for (const LegalHoldRecord& each : record.legal_holds()) {
    if (LastsLonger(each, kept)) kept = each;
  }
  kept.set_party(v1::PARTY_REFERRING);
  record.clear_legal_holds();
  *record.add_legal_holds() = std::move(kept);
}

// What one of the two has not answered is not answered. An answer that keeps something outweighs one that
// does not. Where neither holds for both, it is to be answered anew.
v1::RightAnswer OneAnswer(v1::RightAnswer a, v1::RightAnswer b) {
  if (a == b) return a;
  if (a == v1::RIGHT_ANSWER_UNSPECIFIED || b == v1::RIGHT_ANSWER_UNSPECIFIED) {
    return v1::RIGHT_ANSWER_UNSPECIFIED;
  }
  for (const v1::RightAnswer keeps : {v1::RIGHT_ANSWER_RESTRICTED, v1::RIGHT_ANSWER_RETAINED}) {
    if (a == keeps || b == keeps) return keeps;
  }
  return v1::RIGHT_ANSWER_UNSPECIFIED;
}

void AnswerOnce(RightMarkRecord& mark) {
  if (!mark.receiving_asked()) return;
  std::string until;
  if (mark.referring_answer() == v1::RIGHT_ANSWER_RETAINED) until = mark.referring_retained_until();
  if (mark.receiving_answer() == v1::RIGHT_ANSWER_RETAINED) {
    until = std::max(until, mark.receiving_retained_until());
  }
  const v1::RightAnswer answer = mark.referring_asked()
                                     ? OneAnswer(mark.referring_answer(), mark.receiving_answer())
                                     : mark.receiving_answer();
  mark.set_referring_asked(true);
  mark.set_referring_answer(answer);
  mark.set_referring_retained_until(answer == v1::RIGHT_ANSWER_RETAINED ? until : std::string());
  mark.set_receiving_asked(false);
  mark.clear_receiving_answer();
  mark.clear_receiving_retained_until();
}

// The one body has what either of them has: what one side alone has erased is there still.
void KeepWhatEitherHas(ReferralRecord& record) {
  if (!record.has_submit_time() || IsCut(record)) return;
  if (record.has_referring_erase_time() != record.has_receiving_erase_time()) {
    record.clear_referring_erase_time();
    record.clear_receiving_erase_time();
  }
  auto& erasures = *record.mutable_person_erasures();
  const auto is_there = [&record](const storage::v1::PersonErasure& erasure) {
    return Concerns(record, erasure.person());
  };
  erasures.erase(std::remove_if(erasures.begin(), erasures.end(), is_there), erasures.end());
}

void BecomeInternal(ReferralRecord& record) {
  if (record.state() == kDraft) {
    record.clear_receiving();
    return;
  }
  record.clear_coordinating_body();
  KeepOneHold(record);
  KeepWhatEitherHas(record);
  for (RightMarkRecord& mark : *record.mutable_right_marks()) AnswerOnce(mark);
}

void Unanswer(v1::RightsHolder& holder) {
  holder.clear_answer();
  holder.clear_law();
  holder.clear_retained_until();
  holder.clear_refusal_ground();
  holder.clear_answer_time();
  holder.clear_actor();
}

// Of the two holders of a referral that are one body now, the one is kept whose answer is the one body's.
void KeepOneHolder(const ReferralRecord& referral, RightsRequestRecord& request) {
  auto& holders = *request.mutable_holders();
  const auto is_of_it = [&](const RightsHolderRecord& held) {
    return held.holder().referral() == referral.name() && held.holder().body() == referral.referring().body();
  };
  const auto first = std::find_if(holders.begin(), holders.end(), is_of_it);
  if (first == holders.end()) return;
  const auto second = std::find_if(first + 1, holders.end(), is_of_it);
  if (second != holders.end()) {
    const v1::RightsHolder& other = second->holder();
    const v1::RightAnswer answer = OneAnswer(first->holder().answer(), other.answer());
    const bool later = other.retained_until() > first->holder().retained_until();
    const bool takes_other = first->holder().answer() == other.answer() ? later : answer == other.answer();
    const int64_t changes = first->changes() + second->changes();
    if (takes_other) first->Swap(&*second);
    if (answer != first->holder().answer()) Unanswer(*first->mutable_holder());
    KeepReceiptsOfBoth(second->holder(), *first->mutable_holder());
    first->set_changes(changes);
    holders.erase(second);
  }
  first->mutable_holder()->set_party(v1::PARTY_REFERRING);
  first->clear_other_body();
}

}  // namespace

const BodyMove* FindMove(const Moves& moves, std::string_view body) {
  if (body.empty()) return nullptr;
  const auto found =
      std::find_if(moves.begin(), moves.end(), [body](const BodyMove& move) { return move.from == body; });
  return found == moves.end() ? nullptr : &*found;
}

std::vector<std::string> BodiesOf(const ReferralRecord& record) {
  std::vector<std::string> bodies;
  const auto add = [&bodies](const std::string& body) {
    if (body.empty() || std::find(bodies.begin(), bodies.end(), body) != bodies.end()) return;
    bodies.push_back(body);
  };
  add(record.referring().body());
  if (!IsCut(record)) add(record.receiving().body());
  add(record.coordinating_body());
  add(record.case_holding_body());
  add(record.origin_body());
  add(record.forward_proposal().body());
  return bodies;
}

bool IsOpenWork(const ReferralRecord& record) {
  if (!IsEnd(record.state()) || record.has_due()) return true;
  if (HasAnswerToGive(record, v1::PARTY_REFERRING) || HasAnswerToGive(record, v1::PARTY_RECEIVING))
    return true;
  return std::any_of(record.places().begin(), record.places().end(),
                     [](const v1::PersonPlace& place) { return !place.enrolment().empty(); });
}

bool IsInternal(const ReferralRecord& record) {
  return !record.referring().body().empty() && record.referring().body() == record.receiving().body();
}

namespace {

// What was counted stays in the figures of who was there then.
void LeaveCounts(const Moves& moves, ReferralRecord& record) {
  const bool moves_any = FindMove(moves, record.referring().body()) != nullptr ||
                         FindMove(moves, record.receiving().body()) != nullptr ||
                         FindMove(moves, record.coordinating_body()) != nullptr;
  if (moves_any) record.clear_outcomes_counted();
}

// Who voided an appointment or an outcome was of the predecessor.
void ForgetWhoVoided(ReferralRecord& record) {
  for (v1::Appointment& appointment : *record.mutable_appointments()) {
    if (appointment.has_voided()) appointment.mutable_voided()->clear_actor();
  }
  for (v1::Person& person : *record.mutable_persons()) {
    for (v1::VoidedOutcome& wrong : *person.mutable_voided_outcomes()) {
      wrong.mutable_voided()->clear_actor();
    }
  }
}

}  // namespace

void MoveBodies(const Moves& moves, ReferralRecord& record) {
  const bool was_internal = IsInternal(record);
  LeaveCounts(moves, record);
  MoveSide(moves, *record.mutable_referring());
  if (FindMove(moves, record.receiving().body()) != nullptr) ForgetWhoVoided(record);
  if (!IsCut(record) && !record.receiving().body().empty()) MoveSide(moves, *record.mutable_receiving());
  MoveBody(moves, *record.mutable_coordinating_body());
  MoveBody(moves, *record.mutable_case_holding_body());
  MoveBody(moves, *record.mutable_origin_body());
  if (record.has_forward_proposal()) {
    v1::ForwardProposal& proposal = *record.mutable_forward_proposal();
    const BodyMove* const move = FindMove(moves, proposal.body());
    if (move != nullptr) {
      proposal.set_unit(UnitAfter(*move, proposal.unit()));
      proposal.set_body(move->to);
    }
  }
  if (IsInternal(record) && !was_internal) BecomeInternal(record);
}

void MoveReaders(const Moves& moves, const ReferralRecord& before, ReferralRecord& record) {
  if (!record.has_protection()) return;
  v1::Protection& protection = *record.mutable_protection();
  if (FindMove(moves, before.referring().body()) != nullptr) protection.clear_referring_readers();
  if (FindMove(moves, before.receiving().body()) != nullptr) protection.clear_receiving_readers();
  if (!IsInternal(record) || IsInternal(before)) return;
  // Whom it should never have reached comes to read nothing by standing in the other one's place.
  if (IsCut(before)) protection.clear_receiving_readers();
  auto& readers = *protection.mutable_referring_readers();
  for (const std::string& reader : protection.receiving_readers()) {
    if (std::find(readers.begin(), readers.end(), reader) == readers.end()) *readers.Add() = reader;
  }
  *protection.mutable_receiving_readers() = readers;
}

bool MoveBodies(const Moves& moves, const ReferralRecord& referral, RightsRequestRecord& request) {
  const std::string before = request.SerializeAsString();
  for (RightsHolderRecord& held : *request.mutable_holders()) {
    if (held.holder().referral() != referral.name()) continue;
    // Who answered was of the predecessor: its pseudonyms say nothing to others.
    if (FindMove(moves, held.holder().body()) != nullptr) held.mutable_holder()->clear_actor();
    MoveBody(moves, *held.mutable_holder()->mutable_body());
    MoveBody(moves, *held.mutable_other_body());
  }
  if (request.referral() == referral.name()) MoveBody(moves, *request.mutable_recorded_by());
  MoveBody(moves, *request.mutable_origin_body());
  if (IsInternal(referral)) KeepOneHolder(referral, request);
  return request.SerializeAsString() != before;
}

}  // namespace waypost::referral
