// Every action on a referral, a subcommand each, with flags from its request.
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/referral_actions.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

template <typename Request>
ReferralAction Action(std::string method, std::string help, std::set<std::string> required = {}) {
  return {std::move(method), std::move(help), Request::default_instance(), std::move(required)};
}

FlagOptions ActionFlags(const ReferralAction& action) {
  FlagOptions options;
  options.required = action.required;
  options.skip = {"appointment.number", "appointment.status", "appointment.voided"};
  options.flatten = {"appointment"};
  // Flags of their own (OutcomeFlags), or JSON for each person.
  if (action.request.GetDescriptor()->FindFieldByName("outcomes") != nullptr) options.skip.insert("outcomes");
  for (const char* said_by_flags : {"person", "outcome"}) {
    if (action.method == "VoidOutcome") options.skip.insert(said_by_flags);
  }
  if (action.method == "CancelReferral") options.skip.insert("parts");
  options.rename = {{"disclosures", "disclosure"}, {"persons", "person"},
                    {"places", "place"},           {"readers", "reader"},
                    {"documents", "document"},     {"missing_documents", "missing-document"}};
  options.help = {
      {"text", "in words; encrypted, for both sides, at most 4,000 characters"},
      {"own_reference", "the caller's own reference for the case"},
      {"review_time", "when it is looked at again"},
      {"answer_by_time", "until when the referring body can answer"},
      {"body", "as in bodies/es-madrid"},
      {"disclosures", R"(for a person, as {"person":1,"disclosure":{…}})"},
      {"law", "the law behind it, as es/ley-39-2015/art-14"},
      {"assignee",
       "pseudonym of the person to take it, as her `waypost whoami` says; without it, the unit's queue"},
      {"readers", "of a protected referral: pseudonym of a reader, in place of those there are"},
      {"protection", "makes it one for named readers alone, and says why; cannot be taken back"},
      {"until", "the last day on which it holds, YYYY-MM-DD; until it is released if absent"},
      {"number", "of an appointment that exists"},
      {"zone", "IANA zone of the time, as Europe/Madrid"},
      {"group_id", "the group of the offer in which there is a place, or a waiting list"},
      {"offer", "an offer of the receiving body; the one asked for if absent"},
      {"persons", "for whom, by number; everybody if absent"},
      {"documents", "a required document that it is about, by its number; any other in the text"},
      {"missing_documents", "with missing-documents: a required one, by its number; any other in the text"},
      {"places", R"(for a person, as {"person":1,"groupId":"alpha"})"},
      {"out_of_order_reason", "why before others who stand before it on the group's list"},
  };
  if (action.method == "VoidEntry" || action.method == "VoidOutcome") {
    options.help["text"] = "in words; encrypted, for the own side, at most 4,000 characters";
  }
  if (action.method == "VoidEntry") {
    options.help["note"] = "the note, as referrals/01jd…/notes/3 or 3";
    options.help["appointment"] = "the appointment, by its number";
  }
  if (action.method == "ProposeDate") {
    options.help["clock"] = "start: of a case that waits on a list, when it begins; absent: of what is due";
  }
  if (action.method == "AddNote") {
    options.help["text"] = "in words; encrypted, for whom --visibility says, at most 10,000 characters";
  }
  return options;
}

int NumberOf(const google::protobuf::EnumDescriptor& type, const std::string& text) {
  const auto* value = FindEnumValue(type, text);
  return value == nullptr ? 0 : value->number();
}

// CompleteReferral and EndReferralWithoutResult have the same fields.
template <typename Request>
absl::Status FillOutcomes(const OutcomeFlags& flags, const ValueContext& context, Message& message) {
  auto& request = static_cast<Request&>(message);
  if (!flags.outcomes.empty()) request.clear_outcomes();
  for (const std::string& text : flags.outcomes) {
    WAYPOST_ASSIGN_OR_RETURN(*request.add_outcomes(), OneOutcome(text, flags, context));
  }
  return absl::OkStatus();
}

// The right outcome of one person; without the flag, as the request's JSON has it.
absl::Status FillRightOutcome(const OutcomeFlags& flags, const ValueContext& context,
                              pb::VoidOutcomeRequest& request) {
  if (flags.outcomes.empty() && request.has_outcome()) return absl::OkStatus();
  if (flags.outcomes.size() != 1) {
    return error::InvalidField("--outcome", "give the right one of one person, as 1=provided");
  }
  WAYPOST_ASSIGN_OR_RETURN(pb::PersonOutcome right, OneOutcome(flags.outcomes[0], flags, context));
  request.set_person(right.person());
  *request.mutable_outcome() = std::move(*right.mutable_outcome());
  return absl::OkStatus();
}

// What becomes of each open part of a referral that is cancelled.
struct PartFlags {
  std::vector<std::string> cancel;
  std::vector<std::string> detach;
};

void AddPartFlags(CLI::App& leaf, PartFlags& flags) {
  const auto add = [&leaf](const char* name, std::vector<std::string>& into, const char* help) {
    leaf.add_option(name, into, help)->type_name("REFERRAL")->allow_extra_args(false);
  };
  add("--cancel-part", flags.cancel, "a part that is cancelled too; once for each");
  add("--detach-part", flags.detach, "a part that goes on by itself; once for each");
}

void FillParts(const PartFlags& flags, pb::CancelReferralRequest& request) {
  const auto add = [&request](const std::vector<std::string>& names, pb::PartDecision::Action action) {
    for (const std::string& name : names) {
      pb::PartDecision& part = *request.add_parts();
      part.set_referral(ReferralName(name));
      part.set_action(action);
    }
  };
  add(flags.cancel, pb::PartDecision::ACTION_CANCEL);
  add(flags.detach, pb::PartDecision::ACTION_DETACH);
}

void AddAction(CLI::App& group, Session& session, const ReferralAction& action) {
  auto parts = std::make_shared<PartFlags>();
  auto outcomes = std::make_shared<OutcomeFlags>();
  const bool has_outcomes = action.method == "VoidOutcome" ||
                            action.request.GetDescriptor()->FindFieldByName("outcomes") != nullptr;
  CallCommand command = {.name = ActionName(action.method),
                         .help = action.help,
                         .method = "waypost.referral.v1.ReferralService/" + action.method,
                         .request = action.request,
                         .response = pb::Referral::default_instance(),
                         .arguments = {{"name", "referral", "as in referrals/01jd… or 01jd…"}},
                         .flags = ActionFlags(action),
                         .show = ShowChange};
  command.complete = [&session, outcomes, parts, method = action.method](Message& message) -> absl::Status {
    const auto* name = message.GetDescriptor()->FindFieldByName("name");
    message.GetReflection()->SetString(&message, name,
                                       ReferralName(message.GetReflection()->GetString(message, name)));
    if (method == "CancelReferral") FillParts(*parts, static_cast<pb::CancelReferralRequest&>(message));
    if (method == "VoidEntry") {
      auto& request = static_cast<pb::VoidEntryRequest&>(message);
      const bool by_number = request.has_note() && request.note().find('/') == std::string::npos;
      if (by_number) request.set_note(base::Cat(request.name(), "/notes/", request.note()));
    }
    if (method == "VoidOutcome") {
      return FillRightOutcome(*outcomes, session.values(), static_cast<pb::VoidOutcomeRequest&>(message));
    }
    if (method == "CompleteReferral") {
      return FillOutcomes<pb::CompleteReferralRequest>(*outcomes, session.values(), message);
    }
    if (method == "EndReferralWithoutResult") {
      return FillOutcomes<pb::EndReferralWithoutResultRequest>(*outcomes, session.values(), message);
    }
    return absl::OkStatus();
  };
  CLI::App& leaf = AddCall(group, session, std::move(command));
  AddLaterFlag(leaf, session);
  if (has_outcomes) AddOutcomeFlags(leaf, *outcomes);
  if (action.method == "CancelReferral") AddPartFlags(leaf, *parts);
  if (action.method == "EraseReferral") {
    leaf.add_flag("--yes")->description("surely; what is erased cannot be brought back")->required();
  }
}

}  // namespace

void AddOutcomeFlags(CLI::App& leaf, OutcomeFlags& flags) {
  leaf.add_option("--outcome", flags.outcomes, "PERSON=KIND, as 1=provided; once for each person")
      ->type_name("PERSON=KIND")
      ->allow_extra_args(false);
  leaf.add_option("--date", flags.date, "the day of all outcomes, YYYY-MM-DD; today if absent");
  const auto choice = [&leaf](const char* name, std::string& into, const char* help,
                              const google::protobuf::EnumDescriptor* type) {
    leaf.add_option(name, into, help)->type_name("WORD")->check(EnumChoice(*type));
  };
  choice("--informed-by", flags.informed_by, "who told the people", pb::InformedBy_descriptor());
  choice("--informed-how", flags.informed_how, "how", pb::InformedHow_descriptor());
  leaf.add_option("--informed-language", flags.informed_language, "in which language, a BCP 47 tag");
  choice("--remedy", flags.remedy, "what can be done against a negative decision", pb::Remedy_descriptor());
  leaf.add_option("--follow-up-date", flags.follow_up_date, "a day to look again, YYYY-MM-DD");
}

absl::StatusOr<pb::PersonOutcome> OneOutcome(const std::string& text, const OutcomeFlags& flags,
                                             const ValueContext& context) {
  const size_t equals = text.find('=');
  uint32_t person = 0;
  const bool has_person = equals != std::string::npos && absl::SimpleAtoi(text.substr(0, equals), &person);
  const int kind = has_person ? NumberOf(*pb::OutcomeKind_descriptor(), text.substr(equals + 1)) : 0;
  if (kind == 0) return error::InvalidField("--outcome", "must be PERSON=KIND, as in 1=provided");
  pb::PersonOutcome outcome;
  outcome.set_person(person);
  pb::Outcome& details = *outcome.mutable_outcome();
  details.set_kind(static_cast<pb::OutcomeKind>(kind));
  details.set_date(flags.date.empty() ? absl::FormatTime("%Y-%m-%d", context.now, context.zone) : flags.date);
  details.set_informed_by(
      static_cast<pb::InformedBy>(NumberOf(*pb::InformedBy_descriptor(), flags.informed_by)));
  details.set_informed_how(
      static_cast<pb::InformedHow>(NumberOf(*pb::InformedHow_descriptor(), flags.informed_how)));
  details.set_informed_language(flags.informed_language);
  if (NeedsRemedy(details.kind())) {
    details.set_remedy(static_cast<pb::Remedy>(NumberOf(*pb::Remedy_descriptor(), flags.remedy)));
  }
  details.set_follow_up_date(flags.follow_up_date);
  return outcome;
}

bool NeedsRemedy(pb::OutcomeKind kind) {
  return kind == pb::OUTCOME_KIND_REFUSED || kind == pb::OUTCOME_KIND_NOT_ELIGIBLE ||
         kind == pb::OUTCOME_KIND_NO_PLACE;
}

std::string ActionName(const std::string& method) {
  std::string name = KebabFromCamel(method);
  if (name == "void-entry") return "void";  // which entry, its flags say
  const size_t at = name.find("-referral");
  if (at != std::string::npos) name.erase(at, std::string("-referral").size());
  return name;
}

std::vector<ReferralAction> ReferralActions() {
  return {
      Action<pb::ApproveReferralRequest>("ApproveReferral", "Approve a draft, as a second person"),
      Action<pb::AcknowledgeReferralRequest>("AcknowledgeReferral", "Confirm that people have seen it"),
      Action<pb::RequestInformationRequest>("RequestInformation", "Ask the referring body a question",
                                            {"text"}),
      Action<pb::ProvideInformationRequest>("ProvideInformation", "Answer a question", {"text"}),
      Action<pb::WaitlistReferralRequest>("WaitlistReferral", "Put it on the waiting list", {"review_time"}),
      Action<pb::OfferPlaceRequest>("OfferPlace", "Offer a place until an answer-by time",
                                    {"answer_by_time"}),
      Action<pb::AnswerOfferRequest>("AnswerOffer", "Answer an offered place", {"answer"}),
      Action<pb::AcceptReferralRequest>("AcceptReferral", "Take the case"),
      Action<pb::DeclineReferralRequest>("DeclineReferral", "Refuse it with a coded reason",
                                         {"reason", "declined_by"}),
      Action<pb::ProposeForwardRequest>("ProposeForward", "Propose another recipient", {"body"}),
      Action<pb::ConfirmForwardRequest>("ConfirmForward", "Confirm the recipient of a proposed forward",
                                        {"body"}),
      Action<pb::ForwardByDutyRequest>("ForwardByDuty", "Forward it because the law says so",
                                       {"body", "law"}),
      Action<pb::HandOverReferralRequest>("HandOverReferral", "Ask another body to take the case over",
                                          {"body"}),
      Action<pb::StartReferralRequest>("StartReferral", "Begin the work"),
      Action<pb::HoldReferralRequest>("HoldReferral", "Rest the work until a review date",
                                      {"reason", "review_time"}),
      Action<pb::ResumeReferralRequest>("ResumeReferral", "Go on with the work"),
      Action<pb::CompleteReferralRequest>("CompleteReferral", "End it with an outcome for each person"),
      Action<pb::EndReferralWithoutResultRequest>("EndReferralWithoutResult",
                                                  "End it without result, with an outcome for each person"),
      Action<pb::CancelReferralRequest>("CancelReferral", "Call it off, or ask for it once work has begun",
                                        {"reason"}),
      Action<pb::DetachReferralRequest>("DetachReferral", "Let a part of a referral go on by itself"),
      Action<pb::ConfirmCancelRequest>("ConfirmCancel", "Agree to a wish to cancel"),
      Action<pb::RefuseCancelRequest>("RefuseCancel", "Refuse a wish to cancel", {"text"}),
      Action<pb::ReopenReferralRequest>("ReopenReferral", "Open an ended one again, within 90 days",
                                        {"text"}),
      Action<pb::ReportMisdirectedRequest>("ReportMisdirected", "Cut the receiving body's access at once",
                                           {"text"}),
      Action<pb::AssignReferralRequest>("AssignReferral", "Give it to a unit or a person of the own body"),
      Action<pb::ClaimReferralRequest>("ClaimReferral", "Take it from the unit's queue"),
      Action<pb::ChangePriorityRequest>("ChangePriority", "Raise the priority", {"priority", "text"}),
      Action<pb::ProposeDateRequest>("ProposeDate", "Propose another time for what is due, or for the start",
                                     {"time"}),
      Action<pb::AnswerDateRequest>("AnswerDate", "Agree to the proposed time, or not", {"answer"}),
      Action<pb::RecordAppointmentRequest>("RecordAppointment", "A new appointment, or what became of one",
                                           {"status"}),
      Action<pb::RemindReferralRequest>("RemindReferral",
                                        "Remind the side that owes the next step (coordinating supervisor)"),
      Action<pb::RuleOnCompetenceRequest>(
          "RuleOnCompetence", "Say which body is competent (coordinating supervisor)", {"body", "law"}),
      Action<pb::AssumeResponsibilityRequest>("AssumeResponsibility",
                                              "Take the case itself (coordinating supervisor)", {"law"}),
      Action<pb::SettleFollowUpRequest>("SettleFollowUp", "Take an ended one off the list of follow-ups"),
      Action<pb::AddNoteRequest>("AddNote", "Add a note", {"visibility", "text"}),
      Action<pb::VoidEntryRequest>("VoidEntry", "Void a wrong note or appointment of the own body",
                                   {"reason"}),
      Action<pb::VoidOutcomeRequest>("VoidOutcome", "Void a person's wrong outcome, and record the right one",
                                     {"reason"}),
      Action<pb::PlaceLegalHoldRequest>("PlaceLegalHold",
                                        "Keep the own body's share from being erased (supervisor)", {"law"}),
      Action<pb::ReleaseLegalHoldRequest>("ReleaseLegalHold", "Let it be erased again (supervisor)"),
      Action<pb::EraseReferralRequest>("EraseReferral", "Erase the own body's share: its keys and lookups"),
  };
}

void AddReferralActions(CLI::App& referral, Session& session) {
  for (const ReferralAction& action : ReferralActions()) AddAction(referral, session, action);
}

}  // namespace waypost::cli
