#include "services/referral/referral_play_testing.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral::testing {
namespace {

using Stub = v1::ReferralService::Stub;

template <typename AnyStub, typename Request, typename Response>
absl::StatusOr<Response> Call(AnyStub& stub, const std::string& token,
                              grpc::Status (AnyStub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                              const Request& request) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", base::Cat("Bearer ", token));
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return rpc::FromGrpc(status);
  return response;
}

// How often an event is chosen among those that are allowed: a play in which every case ends at once shows
// little.
int WeightOf(std::string_view event) {
  for (const std::string_view rare :
       {"REPORT_MISDIRECTED", "ERASE", "NOTE", "ASSIGN", "CLAIM", "CHANGE_PRIORITY", "PROPOSE_DATE", "REMIND",
        "RECORD_APPOINTMENT", "DETACH"}) {
    if (event == rare) return 1;
  }
  for (const std::string_view end :
       {"CANCEL", "DECLINE", "END_WITHOUT_RESULT", "COMPLETE", "ASSUME", "RULE"}) {
    if (event == end) return 3;
  }
  return 9;
}

// Of the same, where holds are played.
constexpr int kLegalHoldWeight = 3;

constexpr std::string_view kLaw = "es/ley-40-2015/art-14";

bool IsOfLegalHold(std::string_view event) {
  return event == "PLACE_LEGAL_HOLD" || event == "RELEASE_LEGAL_HOLD";
}

// Who withdraws does so three times as often.
struct PlayedRight {
  v1::RightKind kind;
  std::string_view event;
};
constexpr auto kRights = std::to_array<PlayedRight>({{v1::RIGHT_KIND_WITHDRAWAL, "WITHDRAW"},
                                                     {v1::RIGHT_KIND_WITHDRAWAL, "WITHDRAW"},
                                                     {v1::RIGHT_KIND_WITHDRAWAL, "WITHDRAW"},
                                                     {v1::RIGHT_KIND_OBJECTION, "OBJECT"},
                                                     {v1::RIGHT_KIND_RECTIFICATION, "RECTIFY"},
                                                     {v1::RIGHT_KIND_RESTRICTION, "RESTRICT"},
                                                     {v1::RIGHT_KIND_ACCESS, "ASK_ACCESS"}});

// A long list of appointments is no play.
constexpr int kMostAppointments = 10;

bool IsStopped(const v1::Referral& seen, uint32_t person) {
  return std::any_of(
      seen.right_marks().begin(), seen.right_marks().end(),
      [person](const v1::RightMark& mark) { return mark.person() == person && mark.stops_disclosure(); });
}

bool Allows(const v1::Referral& seen, std::string_view event) {
  const auto& all = seen.allowed_actions();
  return std::find(all.begin(), all.end(), event) != all.end();
}

}  // namespace

Play::Play(Stub& stub, Options options) : stub_(stub), options_(std::move(options)), random_(options_.seed) {}

int Play::Below(int end) {
  return static_cast<int>(random_() % static_cast<unsigned>(end));
}

const std::string& Play::AnyBody() {
  return options_.players[static_cast<size_t>(Below(static_cast<int>(options_.players.size())))].body;
}

const PlayedOffer* Play::AnyOfferOf(const std::string& body) {
  std::vector<const PlayedOffer*> of_body;
  for (const PlayedOffer& offer : options_.offers) {
    if (offer.body == body) of_body.push_back(&offer);
  }
  return of_body.empty() ? nullptr : of_body[static_cast<size_t>(Below(static_cast<int>(of_body.size())))];
}

const std::string& Play::AnyGroupOf(const PlayedOffer& offer) {
  return offer.groups[static_cast<size_t>(Below(static_cast<int>(offer.groups.size())))];
}

const PlayedOffer* Play::FindOffer(const std::string& body, const std::string& offer) const {
  const auto found =
      std::find_if(options_.offers.begin(), options_.offers.end(),
                   [&](const PlayedOffer& each) { return each.body == body && each.offer == offer; });
  return found == options_.offers.end() ? nullptr : &*found;
}

template <typename Request, typename Resource>
Request Play::On(const Resource& seen) {
  Request request;
  request.set_name(seen.name());
  request.set_request_id(base::Cat(options_.run, "-", options_.seed, "-", ++requests_));
  return request;
}

template <typename Request>
Request Play::ToBody(const v1::Referral& seen, const std::string& body) {
  auto request = On<Request>(seen);
  request.set_body(body);
  for (const v1::Person& person : seen.persons()) {
    if (IsStopped(seen, person.number())) continue;
    v1::PersonDisclosure& disclosure = *request.add_disclosures();
    disclosure = NewDisclosures()[0];
    disclosure.set_person(person.number());
  }
  return request;
}

template <typename Request, typename Method>
Deed Play::Sending(const Player& by, std::string_view event, Method method, Request request) {
  Deed deed;
  if constexpr (requires { request.name(); }) deed.referral = request.name();
  deed.event = event;
  deed.body = by.body;
  deed.send = [token = by.token, method, request = std::move(request)](Stub& stub) {
    return Call(stub, token, method, request);
  };
  return deed;
}

v1::SubmitReferralRequest Play::NewReferral(const std::string& to) {
  v1::SubmitReferralRequest request;
  request.set_request_id(base::Cat(options_.run, "-", options_.seed, "-", ++requests_));
  *request.mutable_referral() = CompleteReferral();
  request.mutable_referral()->clear_persons();
  request.mutable_referral()->mutable_referring()->clear_unit();
  request.mutable_referral()->mutable_receiving()->clear_unit();
  request.mutable_referral()->mutable_receiving()->set_body(to);
  if (const PlayedOffer* offer = AnyOfferOf(to); offer != nullptr && Below(2) == 0) {
    request.mutable_referral()->set_offer(offer->offer);
  }
  if (!options_.receiving_readers.empty()) {
    v1::Protection& protection = *request.mutable_referral()->mutable_protection();
    protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
    for (const std::string& reader : options_.receiving_readers) protection.add_receiving_readers(reader);
  }
  const auto any_of = [this](const auto& all) {
    return all[static_cast<size_t>(Below(static_cast<int>(all.size())))];
  };
  if (!options_.themes.empty()) request.mutable_referral()->set_theme(any_of(options_.themes));
  if (!options_.territories.empty()) request.mutable_referral()->set_territory(any_of(options_.territories));
  for (uint32_t i = 1; i <= static_cast<uint32_t>(options_.persons); ++i) {
    v1::Person& person = *request.mutable_referral()->add_persons();
    person = CompletePerson(i);
    if (options_.every_second_consents && i % 2 == 0) {
      person.mutable_disclosure()->mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
      person.mutable_disclosure()->set_refusal_costs_nothing(true);
    }
    *request.add_sections() = SectionsOf(i, false);
  }
  return request;
}

Deed Play::Open() {
  const size_t to = 1 + static_cast<size_t>(Below(static_cast<int>(options_.players.size()) - 1));
  return Sending(options_.players[0], "SUBMIT", &Stub::SubmitReferral,
                 NewReferral(options_.players[to].body));
}

std::optional<Deed> Play::OpenPart(const std::string& referral) {
  const int count = static_cast<int>(options_.players.size());
  v1::GetReferralRequest look;
  look.set_name(referral);
  for (int i = 0; i < count; ++i) {
    const Player& by = options_.players[static_cast<size_t>(i)];
    const auto seen = Call(stub_, by.token, &Stub::GetReferral, look);
    const bool may =
        seen.ok() && !IsEnd(seen->state()) && seen->case_holding_body() == by.body && seen->part_of().empty();
    if (!may) continue;
    const int to = (i + 1 + Below(count - 1)) % count;
    v1::SubmitReferralRequest request = NewReferral(options_.players[static_cast<size_t>(to)].body);
    request.mutable_referral()->set_part_of(referral);
    return Sending(by, "SUBMIT", &Stub::SubmitReferral, std::move(request));
  }
  return std::nullopt;
}

template <typename MakeDeed>
auto Play::OfSomebody(const std::string& referral, const MakeDeed& make)
    -> decltype(make(Player(), v1::Referral())) {
  const int count = static_cast<int>(options_.players.size());
  const int first = Below(count);
  v1::GetReferralRequest look;
  look.set_name(referral);
  for (int i = 0; i < count; ++i) {
    const Player& by = options_.players[static_cast<size_t>((first + i) % count)];
    const auto seen = Call(stub_, by.token, &Stub::GetReferral, look);
    if (!seen.ok()) continue;
    if (auto deed = make(by, *seen); deed.has_value()) return deed;
  }
  return std::nullopt;
}

std::optional<Deed> Play::Choose(const std::string& referral) {
  return OfSomebody(referral, [this](const Player& by, const v1::Referral& seen) -> std::optional<Deed> {
    if (seen.allowed_actions().empty()) return std::nullopt;
    std::vector<int> weights;
    for (const std::string& event : seen.allowed_actions()) {
      weights.push_back(options_.legal_holds && IsOfLegalHold(event) ? kLegalHoldWeight : WeightOf(event));
    }
    std::discrete_distribution<int> any(weights.begin(), weights.end());
    return Make(by, seen, seen.allowed_actions(any(random_)));
  });
}

std::optional<Deed> Play::Make(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (auto deed = MakeAnswer(by, seen, event); deed.has_value()) return deed;
  if (auto deed = MakeWork(by, seen, event); deed.has_value()) return deed;
  if (auto deed = MakeAside(by, seen, event); deed.has_value()) return deed;
  if (auto deed = MakeLegalHold(by, seen, event); deed.has_value()) return deed;
  if (auto deed = MakeMove(by, seen, event); deed.has_value()) return deed;
  return MakeEnd(by, seen, event);
}

std::optional<Deed> Play::MakeAnswer(const Player& by, const v1::Referral& seen, std::string_view event) {
  const auto in_a_week = api::ToTimestamp(options_.now() + absl::Hours(24 * 7));
  if (event == "ACKNOWLEDGE") {
    return Sending(by, event, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(seen));
  }
  if (event == "REQUEST_INFORMATION") {
    auto request = On<v1::RequestInformationRequest>(seen);
    request.set_text("Which evenings?");
    return Sending(by, event, &Stub::RequestInformation, std::move(request));
  }
  if (event == "PROVIDE_INFORMATION") {
    auto request = On<v1::ProvideInformationRequest>(seen);
    request.set_text("Tuesdays.");
    return Sending(by, event, &Stub::ProvideInformation, std::move(request));
  }
  if (event == "WAITLIST") {
    auto request = On<v1::WaitlistReferralRequest>(seen);
    *request.mutable_review_time() = in_a_week;
    const PlayedOffer* offer = FindOffer(by.body, seen.offer());
    if (offer == nullptr && Below(3) > 0) offer = AnyOfferOf(by.body);
    if (offer != nullptr) {
      request.set_offer(offer->offer);
      request.set_group_id(AnyGroupOf(*offer));
    }
    return Sending(by, event, &Stub::WaitlistReferral, std::move(request));
  }
  if (event == "OFFER_PLACE") {
    auto request = On<v1::OfferPlaceRequest>(seen);
    *request.mutable_answer_by_time() = in_a_week;
    request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
    const PlayedOffer* offer = FindOffer(by.body, seen.offer());
    if (!seen.has_waiting() && offer != nullptr) {
      request.set_offer(offer->offer);
      request.set_group_id(AnyGroupOf(*offer));
    }
    return Sending(by, event, &Stub::OfferPlace, std::move(request));
  }
  if (event != "TAKE_PLACE" && event != "STAY_ON_LIST" && event != "LEAVE_LIST") return std::nullopt;
  auto request = On<v1::AnswerOfferRequest>(seen);
  request.set_answer(event == "TAKE_PLACE"     ? v1::AnswerOfferRequest::ANSWER_TAKE_PLACE
                     : event == "STAY_ON_LIST" ? v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST
                                               : v1::AnswerOfferRequest::ANSWER_LEAVE_LIST);
  return Sending(by, event, &Stub::AnswerOffer, std::move(request));
}

std::optional<Deed> Play::MakeWork(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (event == "ACCEPT") {
    auto request = On<v1::AcceptReferralRequest>(seen);
    request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
    const PlayedOffer* offer = FindOffer(by.body, seen.offer());
    if (offer == nullptr && Below(2) == 0) offer = AnyOfferOf(by.body);
    const bool has_one = !seen.places().empty() || seen.has_waiting();
    if (offer != nullptr && (!has_one || Below(4) == 0)) {
      request.set_offer(offer->offer);
      for (const v1::Person& person : seen.persons()) {
        v1::PersonPlace& place = *request.add_places();
        place.set_person(person.number());
        place.set_group_id(AnyGroupOf(*offer));
      }
    }
    return Sending(by, event, &Stub::AcceptReferral, std::move(request));
  }
  if (event == "START") return Sending(by, event, &Stub::StartReferral, On<v1::StartReferralRequest>(seen));
  if (event == "RESUME")
    return Sending(by, event, &Stub::ResumeReferral, On<v1::ResumeReferralRequest>(seen));
  if (event == "HOLD") {
    auto request = On<v1::HoldReferralRequest>(seen);
    request.set_reason(v1::HOLD_REASON_WAITING_FOR_PERSON);
    *request.mutable_review_time() = api::ToTimestamp(options_.now() + absl::Hours(24 * 7));
    return Sending(by, event, &Stub::HoldReferral, std::move(request));
  }
  if (event != "NOTE") return std::nullopt;
  auto request = On<v1::AddNoteRequest>(seen);
  request.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  request.set_text("Was called.");
  return Sending(by, event, &Stub::AddNote, std::move(request));
}

std::optional<Deed> Play::MakeAside(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (event == "CLAIM") return Sending(by, event, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(seen));
  if (event == "REMIND") {
    return Sending(by, event, &Stub::RemindReferral, On<v1::RemindReferralRequest>(seen));
  }
  if (event == "ASSIGN") {
    auto request = On<v1::AssignReferralRequest>(seen);
    if (Below(2) == 0)
      request.set_assignee("actors/olgaxxxxxxxxxxxx");  // or back to where others may claim it
    return Sending(by, event, &Stub::AssignReferral, std::move(request));
  }
  if (event == "CHANGE_PRIORITY") {
    // An emergency is another play: each step of it needs a duty desk.
    if (seen.priority() != v1::PRIORITY_NORMAL) return std::nullopt;
    auto request = On<v1::ChangePriorityRequest>(seen);
    request.set_priority(v1::PRIORITY_URGENT);
    request.set_text("Loses the room next week.");
    return Sending(by, event, &Stub::ChangePriority, std::move(request));
  }
  if (event == "RECORD_APPOINTMENT") return MakeAppointment(by, seen);
  return MakeDate(by, seen, event);
}

std::optional<Deed> Play::MakeDate(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (event == "PROPOSE_DATE") {
    // How long a place is kept for somebody is not put off and on: when it lapses, others get it.
    if (seen.state() == kOffered) return std::nullopt;
    auto request = On<v1::ProposeDateRequest>(seen);
    *request.mutable_time() = api::ToTimestamp(options_.now() + options_.date_ahead);
    return Sending(by, event, &Stub::ProposeDate, std::move(request));
  }
  if (event != "AGREE_DATE" && event != "REFUSE_DATE") return std::nullopt;
  const bool agrees = event == "AGREE_DATE";
  if (agrees && api::FromTimestamp(seen.date_proposal().time()) <= options_.now()) return std::nullopt;
  auto request = On<v1::AnswerDateRequest>(seen);
  request.set_answer(agrees ? v1::AnswerDateRequest::ANSWER_AGREE : v1::AnswerDateRequest::ANSWER_REFUSE);
  return Sending(by, event, &Stub::AnswerDate, std::move(request));
}

// A first one; what became of one that was; or another time for one that is still to come.
std::optional<Deed> Play::MakeAppointment(const Player& by, const v1::Referral& seen) {
  const auto& all = seen.appointments();
  const auto open = std::find_if(all.begin(), all.end(), [](const v1::Appointment& each) {
    return each.status() == v1::APPOINTMENT_STATUS_SCHEDULED;
  });
  auto request = On<v1::RecordAppointmentRequest>(seen);
  if (open != all.end()) request.set_number(open->number());
  if (open != all.end() && api::FromTimestamp(open->time()) <= options_.now()) {
    request.set_status(Below(2) == 0 ? v1::APPOINTMENT_STATUS_ATTENDED : v1::APPOINTMENT_STATUS_MISSED);
    return Sending(by, "RECORD_APPOINTMENT", &Stub::RecordAppointment, std::move(request));
  }
  if (all.size() >= kMostAppointments) return std::nullopt;
  request.set_status(open != all.end() ? v1::APPOINTMENT_STATUS_MOVED : v1::APPOINTMENT_STATUS_SCHEDULED);
  *request.mutable_time() = api::ToTimestamp(options_.now() + options_.date_ahead);
  request.set_zone("Europe/Madrid");
  return Sending(by, "RECORD_APPOINTMENT", &Stub::RecordAppointment, std::move(request));
}

std::optional<Deed> Play::MakeLegalHold(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (!options_.legal_holds || !IsOfLegalHold(event)) return std::nullopt;
  if (event == "RELEASE_LEGAL_HOLD") {
    return Sending(by, event, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(seen));
  }
  auto request = On<v1::PlaceLegalHoldRequest>(seen);
  request.set_law(std::string(kLaw));  // until it is released
  return Sending(by, event, &Stub::PlaceLegalHold, std::move(request));
}

std::optional<RightsDeed> Play::ChooseRight(const std::string& referral) {
  return OfSomebody(referral,
                    [this](const Player& by, const v1::Referral& seen) -> std::optional<RightsDeed> {
                      if (Below(3) == 0 && Allows(seen, "ANSWER_RIGHT")) {
                        if (auto deed = MakeRightAnswer(by, seen); deed.has_value()) return deed;
                      }
                      if (Allows(seen, "WITHDRAW")) return MakeRight(by, seen);
                      return std::nullopt;
                    });
}

RightsDeed Play::MakeRight(const Player& by, const v1::Referral& seen) {
  const PlayedRight& right = kRights[static_cast<size_t>(Below(static_cast<int>(kRights.size())))];
  auto request = On<v1::RecordRightsRequestRequest>(seen);
  request.set_kind(right.kind);
  request.set_person(1 + static_cast<uint32_t>(Below(options_.persons)));
  *request.mutable_ask_time() = api::ToTimestamp(options_.now() - absl::Hours(1));
  request.set_asked_how(v1::ASKED_HOW_BY_TELEPHONE);
  return {.referral = seen.name(),
          .event = std::string(right.event),
          .body = by.body,
          .person = request.person(),
          .answer = v1::RIGHT_ANSWER_UNSPECIFIED,
          .send = [token = by.token, request](Stub& stub) {
            return Call(stub, token, &Stub::RecordRightsRequest, request);
          }};
}

// Of what its body owes, the first.
std::optional<RightsDeed> Play::MakeRightAnswer(const Player& by, const v1::Referral& seen) {
  const auto& all = seen.right_marks();
  const auto owed =
      std::find_if(all.begin(), all.end(), [](const v1::RightMark& mark) { return mark.answer_pending(); });
  if (owed == all.end()) return std::nullopt;
  auto request = On<v1::AnswerRightsRequestRequest>(seen);
  request.set_name(owed->request());
  request.set_referral(seen.name());
  AnswerIt(by, seen, *owed, request);
  return RightsDeed{.referral = seen.name(),
                    .event = "ANSWER_RIGHT",
                    .body = by.body,
                    .person = owed->person(),
                    .answer = request.answer(),
                    .send = [token = by.token, request](Stub& stub) {
                      return Call(stub, token, &Stub::AnswerRightsRequest, request);
                    }};
}

void Play::AnswerIt(const Player& by, const v1::Referral& seen, const v1::RightMark& owed,
                    v1::AnswerRightsRequestRequest& request) {
  if (owed.kind() == v1::RIGHT_KIND_RESTRICTION) {
    request.set_answer(v1::RIGHT_ANSWER_RESTRICTED);
    return;
  }
  if (owed.kind() == v1::RIGHT_KIND_ACCESS) {
    request.set_answer(v1::RIGHT_ANSWER_PROVIDED);
    return;
  }
  if (owed.kind() != v1::RIGHT_KIND_RECTIFICATION) {
    // Also what is under hold somebody tries to erase, now and then.
    const bool keeps = seen.has_legal_hold() && Below(4) > 0;
    request.set_answer(keeps ? v1::RIGHT_ANSWER_RETAINED : v1::RIGHT_ANSWER_STOPPED_ERASED);
    if (keeps) request.set_law(std::string(kLaw));
    return;
  }
  if (Below(4) == 0) {
    request.set_answer(v1::RIGHT_ANSWER_REFUSED);
    request.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
    return;
  }
  request.set_answer(v1::RIGHT_ANSWER_RECTIFIED);
  // Nothing is given by who says that the other side has put it right; when it has not, that is refused.
  if (Below(3) == 0) return;
  v1::PersonSections& corrected = *request.mutable_corrected() = SectionsOf(owed.person(), false);
  corrected.mutable_details()->set_given_name("Olha");
  corrected.mutable_screening()->set_text("B1 course wanted, mornings only");
  const bool accepted = seen.state() == kAccepted || seen.state() == kInProgress || seen.state() == kOnHold ||
                        seen.state() == kCompleted;
  const bool opens_details = accepted || by.body == seen.referring().body();
  if (!opens_details || Below(2) == 0) corrected.clear_details();
}

std::optional<EnrolmentDeed> Play::ChooseEnrolment(v1::EnrolmentService::Stub& enrolments) {
  if (options_.offers.empty()) return std::nullopt;
  const std::string& provider =
      options_.offers[static_cast<size_t>(Below(static_cast<int>(options_.offers.size())))].body;
  const auto by = std::find_if(options_.players.begin(), options_.players.end(),
                               [&provider](const Player& each) { return each.body == provider; });
  v1::ListEnrolmentsRequest look;
  look.set_page_size(500);
  const auto page = Call(enrolments, by->token, &v1::EnrolmentService::Stub::ListEnrolments, look);
  if (!page.ok() || page->enrolments().empty()) return std::nullopt;
  v1::GetEnrolmentRequest one;
  one.set_name(page->enrolments(Below(page->enrolments_size())).name());
  const auto seen = Call(enrolments, by->token, &v1::EnrolmentService::Stub::GetEnrolment, one);
  if (!seen.ok() || seen->allowed_actions().empty()) return std::nullopt;
  return MakeOfEnrolment(*by, *seen, seen->allowed_actions(Below(seen->allowed_actions_size())));
}

std::optional<EnrolmentDeed> Play::MakeOfEnrolment(const Player& by, const v1::Enrolment& seen,
                                                   std::string_view event) {
  using Enrolments = v1::EnrolmentService::Stub;
  const auto sending = [&](auto method, auto request) {
    return EnrolmentDeed{seen.name(), std::string(event), by.body,
                         [token = by.token, method, request = std::move(request)](Enrolments& stub) {
                           return Call(stub, token, method, request);
                         }};
  };
  if (event == "START") {
    auto request = On<v1::StartEnrolmentRequest>(seen);
    v1::GetReferralRequest look;
    look.set_name(seen.referral());
    const auto referral = Call(stub_, by.token, &Stub::GetReferral, look);
    if (!referral.ok()) return std::nullopt;
    const bool ended = referral->state() == v1::REFERRAL_STATE_COMPLETED;
    for (const v1::Person& person : referral->persons()) {
      if (ended) break;
      v1::PersonOutcome& one = *request.add_outcomes();
      one.set_person(person.number());
      *one.mutable_outcome() = PositiveOutcome();
      one.mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
    }
    return sending(&Enrolments::StartEnrolment, std::move(request));
  }
  if (event == "PAUSE") {
    auto request = On<v1::PauseEnrolmentRequest>(seen);
    *request.mutable_review_time() = api::ToTimestamp(options_.now() + absl::Hours(24 * 7));
    return sending(&Enrolments::PauseEnrolment, std::move(request));
  }
  if (event == "RESUME") return sending(&Enrolments::ResumeEnrolment, On<v1::ResumeEnrolmentRequest>(seen));
  if (event == "MOVE") {
    auto request = On<v1::MoveEnrolmentRequest>(seen);
    const PlayedOffer* const offer = FindOffer(by.body, seen.offer());
    if (offer == nullptr) return std::nullopt;
    request.set_group_id(AnyGroupOf(*offer));
    return sending(&Enrolments::MoveEnrolment, std::move(request));
  }
  if (event != "LEAVE") return std::nullopt;
  auto request = On<v1::LeaveEnrolmentRequest>(seen);
  request.set_reason(v1::LEAVE_REASON_MOVED_ON);
  request.set_destination(v1::LEAVE_DESTINATION_EMPLOYMENT);
  return sending(&Enrolments::LeaveEnrolment, std::move(request));
}

std::optional<Deed> Play::MakeMove(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (event == "PROPOSE_FORWARD") {
    auto request = On<v1::ProposeForwardRequest>(seen);
    request.set_body(AnyBody());
    return Sending(by, event, &Stub::ProposeForward, std::move(request));
  }
  if (event == "CONFIRM_FORWARD") {
    return Sending(by, event, &Stub::ConfirmForward,
                   ToBody<v1::ConfirmForwardRequest>(seen, seen.forward_proposal().body()));
  }
  if (event == "FORWARD_BY_DUTY") {
    auto request = ToBody<v1::ForwardByDutyRequest>(seen, AnyBody());
    // Before it has accepted, a receiving body knows the numbers of the people, and no more.
    request.set_law(std::string(kLaw));
    return Sending(by, event, &Stub::ForwardByDuty, std::move(request));
  }
  if (event == "HAND_OVER") {
    return Sending(by, event, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(seen, AnyBody()));
  }
  if (event == "RULE" || event == "CONFIRM_COMPETENCE") {
    auto request = On<v1::RuleOnCompetenceRequest>(seen);
    request.set_body(event == "RULE" ? AnyBody() : seen.receiving().body());
    request.set_law(std::string(kLaw));
    return Sending(by, event, &Stub::RuleOnCompetence, std::move(request));
  }
  if (event != "ASSUME") return std::nullopt;
  auto request = On<v1::AssumeResponsibilityRequest>(seen);
  request.set_law(std::string(kLaw));
  return Sending(by, event, &Stub::AssumeResponsibility, std::move(request));
}

std::optional<Deed> Play::MakeCancel(const Player& by, const v1::Referral& seen) {
  auto request = On<v1::CancelReferralRequest>(seen);
  request.set_reason(v1::CANCEL_REASON_NEED_MET);
  v1::ListPartsRequest list;
  list.set_name(seen.name());
  const auto page = Call(stub_, by.token, &Stub::ListParts, list);
  if (!page.ok()) return std::nullopt;
  for (const v1::ReferralSummary& part : page->parts()) {
    if (part.state() == kForwarded) return std::nullopt;
    if (IsEnd(part.state())) continue;
    const bool cancels = part.state() != kCancelRequested && Below(2) == 0;
    v1::PartDecision& decision = *request.add_parts();
    decision.set_referral(part.name());
    decision.set_action(cancels ? v1::PartDecision::ACTION_CANCEL : v1::PartDecision::ACTION_DETACH);
  }
  return Sending(by, "CANCEL", &Stub::CancelReferral, std::move(request));
}

std::optional<Deed> Play::MakeEnd(const Player& by, const v1::Referral& seen, std::string_view event) {
  if (event == "DECLINE") {
    auto request = On<v1::DeclineReferralRequest>(seen);
    request.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
    request.set_declined_by(v1::DECLINED_BY_PROVIDER);
    return Sending(by, event, &Stub::DeclineReferral, std::move(request));
  }
  const auto outcomes = [&seen](auto request, const v1::Outcome& outcome) {
    for (const v1::Person& person : seen.persons()) {
      v1::PersonOutcome& one = *request.add_outcomes();
      one.set_person(person.number());
      *one.mutable_outcome() = outcome;
    }
    return request;
  };
  if (event == "COMPLETE") {
    return Sending(by, event, &Stub::CompleteReferral,
                   outcomes(On<v1::CompleteReferralRequest>(seen), PositiveOutcome()));
  }
  if (event == "END_WITHOUT_RESULT") {
    return Sending(by, event, &Stub::EndReferralWithoutResult,
                   outcomes(On<v1::EndReferralWithoutResultRequest>(seen), NegativeOutcome()));
  }
  if (event == "CANCEL") return MakeCancel(by, seen);
  if (event == "DETACH") {
    return Sending(by, event, &Stub::DetachReferral, On<v1::DetachReferralRequest>(seen));
  }
  if (event == "CONFIRM_CANCEL") {
    return Sending(by, event, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(seen));
  }
  const auto with_text = [this, &seen](auto request) {
    request = On<decltype(request)>(seen);
    request.set_text("As agreed.");
    return request;
  };
  if (event == "REFUSE_CANCEL") {
    return Sending(by, event, &Stub::RefuseCancel, with_text(v1::RefuseCancelRequest()));
  }
  if (event == "REOPEN") {
    return Sending(by, event, &Stub::ReopenReferral, with_text(v1::ReopenReferralRequest()));
  }
  if (event == "REPORT_MISDIRECTED") {
    return Sending(by, event, &Stub::ReportMisdirected, with_text(v1::ReportMisdirectedRequest()));
  }
  if (event == "ERASE") return Sending(by, event, &Stub::EraseReferral, On<v1::EraseReferralRequest>(seen));
  return std::nullopt;
}

}  // namespace waypost::referral::testing
