#include "tools/waypost/route_words.h"

#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

std::string_view CompetenceWords(pb::RouteReasonCode code) {
  switch (code) {
    case pb::ROUTE_REASON_CODE_COMPETENT:
      return "it has a recorded competence here";
    case pb::ROUTE_REASON_CODE_COMPETENT_BY_AGREEMENT:
      return "it is competent here by agreement, outside its own territory";
    case pb::ROUTE_REASON_CODE_OFFER_ONLY:
      return "no recorded competence here, but an offer that serves the territory";
    case pb::ROUTE_REASON_CODE_COMPETENCE_NOT_YET_VALID:
      return "its competence begins later";
    case pb::ROUTE_REASON_CODE_COMPETENCE_EXPIRED:
      return "its competence has ended";
    case pb::ROUTE_REASON_CODE_OTHER_FUNCTION:
      return "it is competent, but not for the function asked for";
    case pb::ROUTE_REASON_CODE_NEAREST_LEVEL:
      return "no matching body is at a nearer level";
    case pb::ROUTE_REASON_CODE_NEARER_LEVEL_FIRST:
      return "a matching body at a nearer level comes first";
    case pb::ROUTE_REASON_CODE_BODY_SUSPENDED:
      return "the body is suspended";
    case pb::ROUTE_REASON_CODE_BODY_DISSOLVED:
      return "the body is dissolved";
    case pb::ROUTE_REASON_CODE_ENFORCEMENT_BODY:
      return "enforcement bodies are never proposed";
    case pb::ROUTE_REASON_CODE_IS_ORIGIN:
      return "it is the body that asks: a matter for its own units";
    case pb::ROUTE_REASON_CODE_SUCCEEDED:
      return "it stands in the place of another body, by a recorded succession";
    case pb::ROUTE_REASON_CODE_HAS_SUCCESSOR:
      return "its place here went to another body, by a recorded succession";
    default:
      return "";
  }
}

std::string_view ServiceWords(pb::RouteReasonCode code) {
  switch (code) {
    case pb::ROUTE_REASON_CODE_ELIGIBLE:
      return "the eligibility rule holds, or there is none";
    case pb::ROUTE_REASON_CODE_ELIGIBILITY_UNKNOWN:
      return "what is known does not suffice for the eligibility rule";
    case pb::ROUTE_REASON_CODE_NOT_ELIGIBLE:
      return "the eligibility rule does not hold";
    case pb::ROUTE_REASON_CODE_PLACES_FREE:
      return "it reported free places lately";
    case pb::ROUTE_REASON_CODE_FULL:
      return "it reported no free place: expect a waiting list";
    case pb::ROUTE_REASON_CODE_PLACES_FREE_COUNTED:
      return "places are free, but fewer than it reported, as Waypost counts";
    case pb::ROUTE_REASON_CODE_FULL_COUNTED:
      return "no place is free, as Waypost counts: expect a waiting list";
    case pb::ROUTE_REASON_CODE_CAPACITY_UNKNOWN:
      return "it never reported its places";
    case pb::ROUTE_REASON_CODE_CAPACITY_STALE:
      return "its last report of places is too old to rely on";
    case pb::ROUTE_REASON_CODE_LANGUAGE_SERVED:
      return "it serves people in a language asked for";
    case pb::ROUTE_REASON_CODE_INTERPRETER_NEEDED:
      return "an interpreter will be needed: it serves in none of the languages";
    case pb::ROUTE_REASON_CODE_OFFER_NOT_ACTIVE:
      return "the offer is closed, not published or ended";
    case pb::ROUTE_REASON_CODE_NO_OPEN_GROUP:
      return "every group has begun and none admits at any time";
    case pb::ROUTE_REASON_CODE_PROGRAMME_NOT_RUNNING:
      return "the programme behind the offer has not begun or has ended";
    case pb::ROUTE_REASON_CODE_ASSURANCE_OVERDUE:
      return "the provider has not confirmed the offer for a year";
    default:
      return "";
  }
}

}  // namespace

std::string ReasonWords(pb::RouteReasonCode code) {
  std::string_view words = CompetenceWords(code);
  if (words.empty()) words = ServiceWords(code);
  return words.empty() ? EnumWords(code) : std::string(words);
}

std::string_view EffectSign(pb::RouteEffect effect) {
  switch (effect) {
    case pb::ROUTE_EFFECT_FOR:
      return "+";
    case pb::ROUTE_EFFECT_CAUTION:
      return "!";
    case pb::ROUTE_EFFECT_EXCLUDES:
      return "x";
    default:
      return "?";
  }
}

std::string EmptyWords(pb::RouteEmptyReason reason) {
  switch (reason) {
    case pb::ROUTE_EMPTY_REASON_NOTHING_RECORDED:
      return "Nobody: no body is recorded as competent here, and no offer serves the territory.";
    case pb::ROUTE_EMPTY_REASON_ONLY_FOR_PARTS:
      return "Nobody for the whole territory, but something is recorded for parts of it: ask with a narrower "
             "one.";
    case pb::ROUTE_EMPTY_REASON_ALL_EXCLUDED:
      return "Nobody: something was found, and all of it is excluded (--include-unmatched shows each):";
    default:
      return "Nobody: " + EnumWords(reason);
  }
}

}  // namespace waypost::cli
