#include "services/directory/routing.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "common/api/resource.h"
#include "common/territory/territory.h"
#include "services/directory/counted_places.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rules.h"
#include "services/directory/eligibility.h"
#include "services/directory/field_checks.h"

namespace waypost::directory {
namespace {

using type::v1::Level;

constexpr int kFarthest = std::numeric_limits<int>::max();

// What a body's competences say about the question.
struct Standing {
  std::optional<v1::RouteReasonCode> code;  // nullopt: nothing is recorded on theme and territory
  bool competent = false;
  std::string territory;  // of the competence
};

// A candidate and its place in the order. Smaller is better in every criterion.
struct Ranked {
  v1::RouteCandidate candidate;
  int level = kFarthest;
  int breadth = kFarthest;
  int competence = 0;
  int eligibility = 0;
  int capacity = 0;
  int language = 0;

  auto Key() const {
    return std::make_tuple(!candidate.matches(), level, breadth, competence, eligibility, capacity, language,
                           std::string_view(candidate.body()), std::string_view(candidate.offer()));
  }
};

void AddReason(v1::RouteCandidate& candidate, v1::RouteReasonCode code, v1::RouteEffect effect,
               std::string_view subject = {}) {
  v1::RouteReason& reason = *candidate.add_reasons();
  reason.set_code(code);
  reason.set_effect(effect);
  reason.set_subject(std::string(subject));
}

void ShowPlaces(const v1::OfferGroup& group, const FreePlaces& places, v1::RouteCapacity& capacity) {
  capacity.set_group_id(group.group_id());
  *capacity.mutable_capacity() = group.capacity();
  if (!places.counted) return;
  capacity.mutable_counted()->set_free(places.free);
  *capacity.mutable_counted()->mutable_count_time() = api::ToTimestamp(places.count_time);
}

// True when nothing but the end of the body itself speaks against it.
bool IsExcludedByItsBodyAlone(const v1::RouteCandidate& candidate) {
  return std::all_of(candidate.reasons().begin(), candidate.reasons().end(),
                     [](const v1::RouteReason& reason) {
                       return reason.effect() != v1::ROUTE_EFFECT_EXCLUDES ||
                              reason.code() == v1::ROUTE_REASON_CODE_BODY_DISSOLVED ||
                              reason.code() == v1::ROUTE_REASON_CODE_HAS_SUCCESSOR;
                     });
}

bool HasExclusion(const v1::RouteCandidate& candidate) {
  return std::any_of(
      candidate.reasons().begin(), candidate.reasons().end(),
      [](const v1::RouteReason& reason) { return reason.effect() == v1::ROUTE_EFFECT_EXCLUDES; });
}

bool TakesCases(v1::CompetenceFunction function) {
  return function == v1::COMPETENCE_FUNCTION_ASSESS || function == v1::COMPETENCE_FUNCTION_PROVIDE ||
         function == v1::COMPETENCE_FUNCTION_DECIDE;
}

// One question over one material. Borrows both.
class Ranking {
 public:
  Ranking(const v1::ResolveRouteRequest& request, const RouteMaterial& material, absl::Time now)
      : request_(request), material_(material), now_(now), today_(DayOf(now)) {}

  v1::ResolveRouteResponse Run();

 private:
  void FindHeirs();
  void AddOffers();
  void AddSuccessors();
  void AddBodies();
  void AddLevels();
  Standing StandingOf(const v1::Body& body) const;
  bool FunctionFits(v1::CompetenceFunction function) const;
  std::optional<v1::RouteReasonCode> WhyNot(const v1::Competence& competence) const;

  const Successor* SuccessorOf(std::string_view body) const;
  Ranked FromBody(const v1::Body& body) const;
  void CompetenceReason(const Standing& standing, bool by_offer, Ranked& ranked) const;
  void InheritanceReason(const v1::Offer& offer, Ranked& ranked) const;
  // `succeeded`: another body stands in its place in this.
  void BodyState(const v1::Body& body, bool succeeded, Ranked& ranked) const;
  void OfferState(const v1::Offer& offer, Ranked& ranked) const;
  void Eligibility(const v1::Offer& offer, Ranked& ranked) const;
  void Places(const FoundOffer& found, Ranked& ranked) const;
  void Language(const google::protobuf::RepeatedPtrField<std::string>& served, Ranked& ranked) const;
  void Finish(Ranked ranked);

  bool IsOpen(const v1::Offer& offer, const v1::OfferGroup& group) const;
  int PlacesRank(const v1::OfferGroup& group, const CountedGroups& counted) const;
  bool ProgrammeRuns(const std::string& name) const;
  void Explain(v1::ResolveRouteResponse& response) const;

  const v1::ResolveRouteRequest& request_;
  const RouteMaterial& material_;
  const absl::Time now_;
  const absl::CivilDay today_;
  std::vector<Ranked> ranked_;
  // By successor: the competent bodies in whose place it stands.
  std::map<std::string, std::vector<std::string>, std::less<>> heirs_;
  // By body whose offers went: the territory of an offer that would be a match were it still there.
  std::map<std::string, std::string, std::less<>> orphaned_;
  // Those that stand in the place of others, without anything of their own.
  std::set<std::string, std::less<>> placed_;
};

const Successor* Ranking::SuccessorOf(std::string_view body) const {
  const auto found = material_.successors.find(body);
  return found == material_.successors.end() ? nullptr : &found->second;
}

bool Ranking::FunctionFits(v1::CompetenceFunction function) const {
  if (request_.function() == v1::COMPETENCE_FUNCTION_UNSPECIFIED) return TakesCases(function);
  return request_.function() == function;
}

// nullopt: it is a competence for what is asked, now.
std::optional<v1::RouteReasonCode> Ranking::WhyNot(const v1::Competence& competence) const {
  if (!FunctionFits(competence.function())) return v1::ROUTE_REASON_CODE_OTHER_FUNCTION;
  switch (PositionOf(competence.validity(), today_)) {
    case PeriodPosition::kFuture:
      return v1::ROUTE_REASON_CODE_COMPETENCE_NOT_YET_VALID;
    case PeriodPosition::kPast:
      return v1::ROUTE_REASON_CODE_COMPETENCE_EXPIRED;
    case PeriodPosition::kCurrent:
      break;
  }
  return std::nullopt;
}

// The narrowest competence that holds; failing that, the first reason why one does not.
Standing Ranking::StandingOf(const v1::Body& body) const {
  Standing standing;
  for (const v1::Competence& competence : body.competences()) {
    if (competence.theme() != request_.theme() ||
        !territory::Covers(competence.territory(), request_.territory()))
      continue;
    const std::optional<v1::RouteReasonCode> why_not = WhyNot(competence);
    if (why_not) {
      if (!standing.code) standing = {.code = why_not, .territory = competence.territory()};
      continue;
    }
    if (standing.competent &&
        territory::TerritoryDepth(competence.territory()) <= territory::TerritoryDepth(standing.territory))
      continue;
    const bool own =
        std::any_of(body.territories().begin(), body.territories().end(),
                    [&](const std::string& code) { return territory::Covers(code, competence.territory()); });
    standing = {.code = own ? v1::ROUTE_REASON_CODE_COMPETENT : v1::ROUTE_REASON_CODE_COMPETENT_BY_AGREEMENT,
                .competent = true,
                .territory = competence.territory()};
  }
  return standing;
}

Ranked Ranking::FromBody(const v1::Body& body) const {
  Ranked ranked;
  v1::RouteCandidate& candidate = ranked.candidate;
  candidate.set_body(body.name());
  *candidate.mutable_body_display_name() = body.display_name();
  candidate.set_level(body.level());
  if (body.level() != type::v1::LEVEL_UNSPECIFIED) ranked.level = body.level();
  const v1::Contact* contact = nullptr;
  for (const v1::Contact& each : body.contacts()) {
    if (each.theme() == request_.theme()) contact = &each;
    if (each.theme() == type::v1::THEME_UNSPECIFIED && contact == nullptr) contact = &each;
  }
  if (contact != nullptr) *candidate.mutable_contact() = *contact;
  return ranked;
}

void Ranking::CompetenceReason(const Standing& standing, bool by_offer, Ranked& ranked) const {
  const auto inherited = heirs_.find(ranked.candidate.body());
  if (standing.competent) {
    AddReason(ranked.candidate, *standing.code, v1::ROUTE_EFFECT_FOR, standing.territory);
  } else if (inherited != heirs_.end()) {
    for (const std::string& predecessor : inherited->second) {
      AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_SUCCEEDED, v1::ROUTE_EFFECT_FOR, predecessor);
    }
  } else if (by_offer) {
    ranked.competence = 1;
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_OFFER_ONLY, v1::ROUTE_EFFECT_FOR,
              ranked.candidate.territory());
  } else {
    ranked.competence = 2;
    AddReason(ranked.candidate, *standing.code, v1::ROUTE_EFFECT_EXCLUDES, standing.territory);
  }
}

// Whose offer it was before, where that was not said of the body already.
void Ranking::InheritanceReason(const v1::Offer& offer, Ranked& ranked) const {
  const auto before = material_.inherited.find(offer.name());
  if (before == material_.inherited.end()) return;
  const auto& reasons = ranked.candidate.reasons();
  const bool said = std::any_of(reasons.begin(), reasons.end(), [&before](const v1::RouteReason& reason) {
    return reason.code() == v1::ROUTE_REASON_CODE_SUCCEEDED && reason.subject() == before->second;
  });
  if (!said) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_SUCCEEDED, v1::ROUTE_EFFECT_FOR, before->second);
  }
}

void Ranking::BodyState(const v1::Body& body, bool succeeded, Ranked& ranked) const {
  if (succeeded) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_HAS_SUCCESSOR, v1::ROUTE_EFFECT_EXCLUDES,
              SuccessorOf(body.name())->body);
  }
  const auto exclude = [&ranked](v1::RouteReasonCode code) {
    AddReason(ranked.candidate, code, v1::ROUTE_EFFECT_EXCLUDES);
  };
  if (body.status() == v1::BODY_STATUS_SUSPENDED) {
    exclude(v1::ROUTE_REASON_CODE_BODY_SUSPENDED);
  } else if (body.status() != v1::BODY_STATUS_ACTIVE) {
    exclude(v1::ROUTE_REASON_CODE_BODY_DISSOLVED);
  }
  if (body.enforcement()) exclude(v1::ROUTE_REASON_CODE_ENFORCEMENT_BODY);
  if (body.name() == request_.origin()) exclude(v1::ROUTE_REASON_CODE_IS_ORIGIN);
}

bool Ranking::ProgrammeRuns(const std::string& name) const {
  const auto programme = material_.programmes.find(name);
  return programme != material_.programmes.end() &&
         PositionOf(programme->second.period(), today_) == PeriodPosition::kCurrent;
}

void Ranking::OfferState(const v1::Offer& offer, Ranked& ranked) const {
  if (offer.status() != v1::OFFER_STATUS_ACTIVE) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_OFFER_NOT_ACTIVE, v1::ROUTE_EFFECT_EXCLUDES);
  }
  if (!offer.programme().empty() && !ProgrammeRuns(offer.programme())) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_PROGRAMME_NOT_RUNNING, v1::ROUTE_EFFECT_EXCLUDES,
              offer.programme());
  }
  if (AssuranceOverdue(offer, now_)) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_ASSURANCE_OVERDUE, v1::ROUTE_EFFECT_CAUTION,
              offer.assured_date());
  }
}

void Ranking::Eligibility(const v1::Offer& offer, Ranked& ranked) const {
  v1::Outcome outcome = v1::OUTCOME_MET;
  if (offer.has_eligibility()) {
    *ranked.candidate.mutable_eligibility() =
        Evaluate(offer.eligibility(), request_.attributes(), request_.territory());
    outcome = ranked.candidate.eligibility().outcome();
  }
  if (outcome == v1::OUTCOME_MET) {
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_ELIGIBLE, v1::ROUTE_EFFECT_FOR);
  } else if (outcome == v1::OUTCOME_NOT_MET) {
    ranked.eligibility = 2;
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_NOT_ELIGIBLE, v1::ROUTE_EFFECT_EXCLUDES);
  } else {
    ranked.eligibility = 1;
    AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_ELIGIBILITY_UNKNOWN, v1::ROUTE_EFFECT_CAUTION);
  }
}

bool Ranking::IsOpen(const v1::Offer& offer, const v1::OfferGroup& group) const {
  if (offer.kind() != v1::OFFER_KIND_ENROLMENT || group.permanent()) return true;
  const auto start = ParseDate(group.cohort_start_date());
  return start && today_ <= *start;
}

// 0 free places, 1 not known, 2 stale, 3 full.
int Ranking::PlacesRank(const v1::OfferGroup& group, const CountedGroups& counted) const {
  if (!group.has_capacity()) return 1;
  const FreePlaces places = FreePlacesOf(group, counted);
  if (places.none_left) return 3;
  if (IsStale(places.report_time, now_)) return 2;
  return places.free > 0 ? 0 : 3;
}

void Ranking::Places(const FoundOffer& found, Ranked& ranked) const {
  const v1::OfferGroup* best = nullptr;
  int rank = 0;
  for (const v1::OfferGroup& group : found.offer.groups()) {
    if (!IsOpen(found.offer, group)) continue;
    const int of_group = PlacesRank(group, found.counted);
    if (best != nullptr && of_group >= rank) continue;
    best = &group;
    rank = of_group;
  }
  v1::RouteCandidate& candidate = ranked.candidate;
  ranked.capacity = 1;
  if (best == nullptr && !found.offer.groups().empty()) {
    return AddReason(candidate, v1::ROUTE_REASON_CODE_NO_OPEN_GROUP, v1::ROUTE_EFFECT_EXCLUDES);
  }
  if (best == nullptr || !best->has_capacity()) {
    return AddReason(candidate, v1::ROUTE_REASON_CODE_CAPACITY_UNKNOWN, v1::ROUTE_EFFECT_CAUTION);
  }
  const FreePlaces places = FreePlacesOf(*best, found.counted);
  ShowPlaces(*best, places, *candidate.mutable_capacity());
  candidate.mutable_capacity()->set_stale(rank == 2);
  const std::string& group_id = best->group_id();
  switch (rank) {
    case 0:
      ranked.capacity = 0;
      return AddReason(
          candidate,
          places.counted ? v1::ROUTE_REASON_CODE_PLACES_FREE_COUNTED : v1::ROUTE_REASON_CODE_PLACES_FREE,
          v1::ROUTE_EFFECT_FOR, group_id);
    case 2:
      return AddReason(candidate, v1::ROUTE_REASON_CODE_CAPACITY_STALE, v1::ROUTE_EFFECT_CAUTION, group_id);
    default:
      ranked.capacity = 2;
      return AddReason(candidate,
                       places.counted ? v1::ROUTE_REASON_CODE_FULL_COUNTED : v1::ROUTE_REASON_CODE_FULL,
                       v1::ROUTE_EFFECT_CAUTION, group_id);
  }
}

void Ranking::Language(const google::protobuf::RepeatedPtrField<std::string>& served, Ranked& ranked) const {
  if (request_.languages().empty()) return;
  for (int i = 0; i < request_.languages_size(); ++i) {
    const std::string_view wanted = PrimarySubtag(request_.languages(i));
    const bool found = std::any_of(served.begin(), served.end(),
                                   [wanted](const std::string& tag) { return PrimarySubtag(tag) == wanted; });
    if (!found) continue;
    ranked.language = i;
    return AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_LANGUAGE_SERVED, v1::ROUTE_EFFECT_FOR,
                     request_.languages(i));
  }
  ranked.language = request_.languages_size();
  AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_INTERPRETER_NEEDED, v1::ROUTE_EFFECT_CAUTION);
}

void Ranking::Finish(Ranked ranked) {
  ranked.breadth = -territory::TerritoryDepth(ranked.candidate.territory());
  ranked.candidate.set_matches(!HasExclusion(ranked.candidate));
  ranked_.push_back(std::move(ranked));
}

void Ranking::AddOffers() {
  if (!OffersCountFor(request_.function())) return;
  v1::Body missing;
  missing.set_status(v1::BODY_STATUS_DISSOLVED);
  for (const FoundOffer& found : material_.offers) {
    const auto entry = material_.bodies.find(found.offer.provider());
    const v1::Body& body = entry == material_.bodies.end() ? missing : entry->second;
    Ranked ranked = FromBody(body);
    ranked.candidate.set_body(found.offer.provider());
    ranked.candidate.set_offer(found.offer.name());
    *ranked.candidate.mutable_offer_display_name() = found.offer.display_name();
    ranked.candidate.set_territory(found.territory);
    const Successor* const successor = SuccessorOf(body.name());
    const bool has_place = successor == nullptr;
    // The offers of a body that goes on are still its own, but for those that went with a competence.
    const bool gone = !has_place && (successor->whole || found.goes);
    CompetenceReason(has_place ? StandingOf(body) : Standing(), /*by_offer=*/true, ranked);
    InheritanceReason(found.offer, ranked);
    BodyState(body, gone, ranked);
    OfferState(found.offer, ranked);
    Eligibility(found.offer, ranked);
    Places(found, ranked);
    Language(found.offer.languages().empty() ? body.languages() : found.offer.languages(), ranked);
    if (gone && IsExcludedByItsBodyAlone(ranked.candidate)) {
      std::string& territory = orphaned_[body.name()];
      if (territory.empty() ||
          territory::TerritoryDepth(found.territory) > territory::TerritoryDepth(territory)) {
        territory = found.territory;
      }
    }
    Finish(std::move(ranked));
  }
}

void Ranking::FindHeirs() {
  for (const auto& [predecessor, successor] : material_.successors) {
    const auto body = material_.bodies.find(predecessor);
    if (body != material_.bodies.end() && StandingOf(body->second).competent)
      heirs_[successor.body].push_back(predecessor);
  }
}

// A successor stands for itself where it has nothing of its own here: by what it inherited.
void Ranking::AddSuccessors() {
  std::set<std::string> by_offer;
  for (const Ranked& each : ranked_) {
    if (each.candidate.matches()) by_offer.insert(each.candidate.body());
  }
  struct Place {
    std::string territory;  // the narrowest inherited
    bool competent = false;
  };
  std::map<std::string, Place> places;
  const auto inherit = [&places](const std::string& successor, const std::string& territory, bool competent) {
    Place& place = places[successor];
    place.competent |= competent;
    if (place.territory.empty() ||
        territory::TerritoryDepth(territory) > territory::TerritoryDepth(place.territory))
      place.territory = territory;
  };
  for (const auto& [predecessor, successor] : material_.successors) {
    const auto body = material_.bodies.find(predecessor);
    const Standing standing = body == material_.bodies.end() ? Standing() : StandingOf(body->second);
    if (standing.competent) inherit(successor.body, standing.territory, true);
    const auto orphan = orphaned_.find(predecessor);
    if (orphan == orphaned_.end()) continue;
    inherit(successor.body, orphan->second, false);
    if (!standing.competent) heirs_[successor.body].push_back(predecessor);
  }
  for (const auto& [successor, place] : places) {
    const auto body = material_.bodies.find(successor);
    if (body == material_.bodies.end() || by_offer.contains(successor)) continue;
    if (StandingOf(body->second).competent) continue;
    Ranked ranked = FromBody(body->second);
    ranked.candidate.set_territory(place.territory);
    CompetenceReason(Standing(), /*by_offer=*/false, ranked);
    ranked.competence = place.competent ? 0 : 1;
    BodyState(body->second, SuccessorOf(successor) != nullptr, ranked);
    ranked.eligibility = 1;
    ranked.capacity = 1;
    Language(body->second.languages(), ranked);
    placed_.insert(successor);
    Finish(std::move(ranked));
  }
}

// A competent body stands for itself where no offer of it is a match.
void Ranking::AddBodies() {
  std::map<std::string, bool, std::less<>> any_match;  // of the bodies that have an offer here
  for (const Ranked& each : ranked_) {
    bool& match = any_match[each.candidate.body()];
    match = match || each.candidate.matches();
  }
  for (const auto& [name, body] : material_.bodies) {
    const Standing standing = StandingOf(body);
    const auto offers = any_match.find(name);
    if (!standing.code || (offers != any_match.end() && offers->second) || placed_.contains(name)) continue;
    Ranked ranked = FromBody(body);
    ranked.candidate.set_territory(standing.territory);
    CompetenceReason(standing, /*by_offer=*/false, ranked);
    BodyState(body, SuccessorOf(name) != nullptr, ranked);
    if (offers != any_match.end()) {
      AddReason(ranked.candidate, v1::ROUTE_REASON_CODE_NO_MATCHING_OFFER, v1::ROUTE_EFFECT_CAUTION);
    }
    ranked.eligibility = 1;
    ranked.capacity = 1;
    Language(body.languages(), ranked);
    Finish(std::move(ranked));
  }
}

// Says of every match whether a nearer level comes first. The reason stands second, after the competence.
void Ranking::AddLevels() {
  int nearest = kFarthest;
  for (const Ranked& each : ranked_) {
    if (each.candidate.matches()) nearest = std::min(nearest, each.level);
  }
  for (Ranked& each : ranked_) {
    if (!each.candidate.matches()) continue;
    const bool is_nearest = each.level == nearest;
    AddReason(each.candidate,
              is_nearest ? v1::ROUTE_REASON_CODE_NEAREST_LEVEL : v1::ROUTE_REASON_CODE_NEARER_LEVEL_FIRST,
              is_nearest ? v1::ROUTE_EFFECT_FOR : v1::ROUTE_EFFECT_CAUTION);
    auto* reasons = each.candidate.mutable_reasons();
    for (int i = reasons->size() - 1; i > 1; --i) reasons->SwapElements(i, i - 1);
  }
}

void Ranking::Explain(v1::ResolveRouteResponse& response) const {
  std::map<v1::RouteReasonCode, int> excluded;
  int matches = 0;
  for (const Ranked& each : ranked_) {
    if (each.candidate.matches()) ++matches;
    for (const v1::RouteReason& reason : each.candidate.reasons()) {
      if (reason.effect() == v1::ROUTE_EFFECT_EXCLUDES) ++excluded[reason.code()];
    }
  }
  response.set_match_count(matches);
  for (const auto& [code, count] : excluded) {
    v1::RouteExclusion& exclusion = *response.add_exclusions();
    exclusion.set_code(code);
    exclusion.set_count(count);
  }
  response.set_truncated(material_.truncated);
  response.set_coordinating_body(material_.coordinating_body);
  if (matches > 0) return;
  if (!ranked_.empty()) {
    response.set_empty_reason(v1::ROUTE_EMPTY_REASON_ALL_EXCLUDED);
  } else {
    response.set_empty_reason(material_.recorded_for_parts ? v1::ROUTE_EMPTY_REASON_ONLY_FOR_PARTS
                                                           : v1::ROUTE_EMPTY_REASON_NOTHING_RECORDED);
  }
}

v1::ResolveRouteResponse Ranking::Run() {
  FindHeirs();
  AddOffers();
  AddSuccessors();
  AddBodies();
  AddLevels();
  std::sort(ranked_.begin(), ranked_.end(),
            [](const Ranked& a, const Ranked& b) { return a.Key() < b.Key(); });
  v1::ResolveRouteResponse response;
  Explain(response);
  const int limit = request_.max_candidates() > 0 ? request_.max_candidates() : kDefaultRouteCandidates;
  size_t bytes = 0;
  for (Ranked& each : ranked_) {
    if (response.candidates_size() >= limit || bytes >= kMaxAnswerBytes) break;
    if (!each.candidate.matches() && !request_.include_unmatched()) break;
    each.candidate.set_rank(response.candidates_size() + 1);
    bytes += each.candidate.ByteSizeLong();
    *response.add_candidates() = std::move(each.candidate);
  }
  return response;
}

}  // namespace

bool OffersCountFor(v1::CompetenceFunction function) {
  return function == v1::COMPETENCE_FUNCTION_UNSPECIFIED || function == v1::COMPETENCE_FUNCTION_PROVIDE;
}

v1::ResolveRouteResponse Rank(const v1::ResolveRouteRequest& request, const RouteMaterial& material,
                              absl::Time now) {
  return Ranking(request, material, now).Run();
}

}  // namespace waypost::directory
