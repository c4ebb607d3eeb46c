#include "tests/fault/case_life.h"

#include "absl/time/clock.h"
#include "common/base/strings.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;
using base::Cat;

template <typename Request>
Request On(const Case& one) {
  Request request;
  request.set_name(one.name);
  request.set_request_id(Cat(kCrashRun, "-", one.number, "-", one.done));
  return request;
}

std::string NoteOf(const Case& one) {
  return Cat("Can come in the mornings; case ", one.number, ".");
}

pb::AddNoteRequest NoteRequest(const Case& one) {
  auto request = On<pb::AddNoteRequest>(one);
  request.set_visibility(pb::NOTE_VISIBILITY_BOTH_SIDES);
  request.set_text(NoteOf(one));
  return request;
}

pb::CompleteReferralRequest CompleteRequest(const Case& one) {
  auto request = On<pb::CompleteReferralRequest>(one);
  auto& person = *request.add_outcomes();
  person.set_person(1);
  person.mutable_outcome()->set_kind(pb::OUTCOME_KIND_PROVIDED);
  person.mutable_outcome()->set_date("2026-01-02");
  person.mutable_outcome()->set_informed_by(pb::INFORMED_BY_RECEIVING_BODY);
  person.mutable_outcome()->set_informed_how(pb::INFORMED_HOW_IN_PERSON);
  person.mutable_outcome()->set_informed_language("prs");
  return request;
}

template <typename Response>
absl::Status Keep(absl::StatusOr<Response> answer, Response& kept) {
  if (!answer.ok()) return answer.status();
  kept = *std::move(answer);
  return absl::OkStatus();
}

pb::ReferralState StateAt(int64_t revision) {
  for (const Step& step : kLife) {
    if (step.revision == revision) return step.state;
  }
  return pb::REFERRAL_STATE_UNSPECIFIED;
}

}  // namespace

absl::Status Caseworkers::Change(const Case& one, pb::Referral& answer) const {
  const std::string_view event = kLife[one.done].event;
  if (event == "SUBMIT") {
    return Keep(Ask(referrals_, &ReferralStub::SubmitReferral, tokens_.from, SubmitOf(kCrashRun, one.number)),
                answer);
  }
  if (event == "ACKNOWLEDGE") {
    const auto request = On<pb::AcknowledgeReferralRequest>(one);
    return Keep(Ask(referrals_, &ReferralStub::AcknowledgeReferral, tokens_.to, request), answer);
  }
  if (event == "NOTE") {
    return Keep(Ask(referrals_, &ReferralStub::AddNote, tokens_.from, NoteRequest(one)), answer);
  }
  if (event == "ACCEPT") {
    const auto request = On<pb::AcceptReferralRequest>(one);
    return Keep(Ask(referrals_, &ReferralStub::AcceptReferral, tokens_.to, request), answer);
  }
  return Keep(Ask(referrals_, &ReferralStub::CompleteReferral, tokens_.to, CompleteRequest(one)), answer);
}

absl::Status Caseworkers::Look(const std::string& token, Case& one) const {
  pb::DiscloseReferralRequest request;
  request.set_name(one.name);
  request.add_sections(pb::SECTION_KIND_SCREENING);
  request.add_sections(pb::SECTION_KIND_DETAILS);
  request.set_purpose(pb::PURPOSE_DELIVER_SERVICE);
  const auto opened = Ask(referrals_, &ReferralStub::DiscloseReferral, token, request);
  if (!opened.ok()) {
    ++one.looks_in_doubt;
    return opened.status();
  }
  ++one.looks;
  const pb::SubmitReferralRequest sent = SubmitOf(kCrashRun, one.number);
  if (opened->sections_size() == 1 &&
      opened->sections(0).SerializeAsString() == sent.sections(0).SerializeAsString()) {
    return absl::OkStatus();
  }
  return absl::InternalError(Cat(one.name, " opens to something else: ", opened->ShortDebugString()));
}

absl::Status Caseworkers::Advance(Case& one) const {
  const Step& step = kLife[one.done];
  one.in_doubt = true;
  if (step.event.empty()) {
    if (const absl::Status looked = Look(tokens_.to, one); !looked.ok()) return looked;
  } else {
    pb::Referral answer;
    if (const absl::Status changed = Change(one, answer); !changed.ok()) return changed;
    if (one.name.empty()) one.name = answer.name();
    if (answer.name() != one.name || answer.revision() != step.revision || answer.state() != step.state) {
      return absl::InternalError(
          Cat(one.name, ", ", step.event, ": another answer: ", answer.ShortDebugString()));
    }
  }
  one.in_doubt = false;
  ++one.done;
  return absl::OkStatus();
}

void Caseworkers::CheckHistory(const Case& one, int64_t revision, std::vector<std::string>& wrong) const {
  pb::ListReferralHistoryRequest request;
  request.set_name(one.name);
  const auto history = Ask(referrals_, &ReferralStub::ListReferralHistory, tokens_.from, request);
  if (!history.ok()) {
    wrong.push_back(Cat(one.name, ", history: ", base::ToStd(history.status().message())));
    return;
  }
  std::string expected;
  for (const Step& step : kLife) {
    if (step.event.empty() || step.revision > revision) continue;
    expected += Cat(step.revision, " ", step.event, " ", pb::ReferralState_Name(step.state), "; ");
  }
  std::string found;
  for (const auto& entry : history->entries()) {
    found += Cat(entry.revision(), " ", entry.event(), " ", pb::ReferralState_Name(entry.state()), "; ");
  }
  if (found != expected) wrong.push_back(Cat(one.name, ", history: ", found, "instead of ", expected));
}

absl::Status Caseworkers::LookAtNote(const std::string& note, Case& one) const {
  pb::DiscloseNotesRequest request;
  request.set_name(one.name);
  request.add_notes(note);
  request.set_purpose(pb::PURPOSE_DELIVER_SERVICE);
  const auto opened = Ask(referrals_, &ReferralStub::DiscloseNotes, tokens_.to, request);
  if (!opened.ok()) return opened.status();
  ++one.looks;
  if (opened->notes_size() == 1 && opened->notes(0).text() == NoteOf(one)) return absl::OkStatus();
  return absl::InternalError(Cat(note, " opens to something else"));
}

void Caseworkers::CheckNotes(Case& one, int64_t revision, std::vector<std::string>& wrong) const {
  pb::ListNotesRequest request;
  request.set_name(one.name);
  const auto notes = Ask(referrals_, &ReferralStub::ListNotes, tokens_.to, request);
  if (!notes.ok() || notes->notes_size() != (revision >= 3 ? 1 : 0)) {
    wrong.push_back(Cat(one.name, " at revision ", revision, ": ",
                        notes.ok() ? notes->ShortDebugString() : base::ToStd(notes.status().message())));
    return;
  }
  for (const auto& note : notes->notes()) {
    const absl::Status opened = LookAtNote(note.name(), one);
    if (!opened.ok()) wrong.push_back(Cat(base::ToStd(opened.message())));
  }
}

std::vector<std::string> Caseworkers::Check(Case& one) const {
  if (one.name.empty()) return {};
  pb::GetReferralRequest request;
  request.set_name(one.name);
  const auto found = Ask(referrals_, &ReferralStub::GetReferral, tokens_.from, request);
  if (!found.ok()) {
    return {Cat("acknowledged, and lost: ", one.name, ": ", base::ToStd(found.status().message()))};
  }
  std::vector<std::string> wrong;
  const int64_t revision = found->revision();
  const bool whole = revision == one.revision() || (one.in_doubt && revision == kLife[one.done].revision);
  if (!whole) wrong.push_back(Cat(one.name, " is at ", revision, ", acknowledged is ", one.revision()));
  if (found->state() != StateAt(revision)) wrong.push_back(Cat(one.name, ": ", found->ShortDebugString()));
  const bool completed = revision == kLife.back().revision;
  const bool has_outcome = found->persons(0).has_outcome() && found->has_end_time();
  if (completed != has_outcome) wrong.push_back(Cat(one.name, ": half an end"));
  CheckHistory(one, revision, wrong);
  CheckNotes(one, revision, wrong);
  const std::string& reader = revision >= 4 ? tokens_.to : tokens_.from;
  if (const absl::Status opened = Look(reader, one); !opened.ok()) {
    wrong.push_back(Cat(base::ToStd(opened.message())));
  }
  return wrong;
}

std::vector<std::string> Caseworkers::CheckAndSettle(Case& one) const {
  std::vector<std::string> wrong = Check(one);
  if (!wrong.empty() || !one.in_doubt) return wrong;
  const size_t step = one.done;
  for (int i = 0; i < 2; ++i) {
    one.done = step;
    const absl::Status settled = Advance(one);
    if (!settled.ok()) return {Cat("case ", one.number, ": ", base::ToStd(settled.message()))};
  }
  return Check(one);
}

}  // namespace waypost::e2e
