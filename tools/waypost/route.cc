// waypost route: who could help, and why.
#include <array>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/route_words.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using google::protobuf::Message;

FlagOptions RouteFlags() {
  FlagOptions options;
  options.skip = {"theme", "territory", "attributes.language_skills"};
  options.flatten = {"attributes"};
  options.rename = {{"attributes.age_band", "age-band"},
                    {"attributes.age_years", "age"},
                    {"attributes.legal_status", "legal-status"},
                    {"attributes.household_persons", "household"},
                    {"attributes.household_has_minors", "with-minors"},
                    {"languages", "language"},
                    {"max_candidates", "max"}};
  options.help = {{"function", "what is asked of the body"},
                  {"attributes.age_years", "in completed years"},
                  {"attributes.household_persons", "how many people, the person included"},
                  {"attributes.household_has_minors", "minors are among them, or not"},
                  {"languages", "in which the person can be served, best first"},
                  {"origin", "the body that would refer"},
                  {"include_unmatched", "also show what does not match, with the reasons"},
                  {"max_candidates", "how many candidates at most, up to 100"}};
  return options;
}

// "fr=a2".
absl::Status AddSkill(const std::string& text, pb::PersonAttributes& attributes) {
  const size_t equals = text.find('=');
  const auto* level = equals == std::string::npos
                          ? nullptr
                          : FindEnumValue(*type::v1::LanguageLevel_descriptor(), text.substr(equals + 1));
  if (level == nullptr || equals == 0) {
    return error::InvalidField("--language-skill", "must be LANGUAGE=LEVEL, as in fr=a2 or ar=none");
  }
  pb::LanguageSkill& skill = *attributes.add_language_skills();
  skill.set_language(text.substr(0, equals));
  skill.set_level(static_cast<type::v1::LanguageLevel>(level->number()));
  return absl::OkStatus();
}

void ShowContactPoint(std::string_view part, const pb::ContactPoint& point, std::ostream& out) {
  if (point.title().empty()) return;
  out << "     " << part << ": " << Printable(point.title());
  for (const std::string& way : {point.email(), point.telephone()}) {
    if (!way.empty()) out << ", " << Printable(way);
  }
  out << '\n';
}

void ShowContact(const pb::Contact& contact, std::ostream& out) {
  ShowContactPoint("contact", contact.interlocutor(), out);
  for (const pb::ContactPoint& deputy : contact.deputies()) ShowContactPoint("stands in", deputy, out);
}

// "places: 1 of 8 free, counted by Waypost at 2026-05-04T10:00:00Z; 2 reported by the provider at
// 2026-05-01T08:00:00Z"
void ShowPlaces(const pb::RouteCapacity& places, absl::TimeZone zone, std::ostream& out) {
  const pb::Capacity& declared = places.capacity();
  const std::string by_provider =
      base::Cat("reported by the provider at ", ShowTime(declared.update_time(), zone));
  if (!places.has_counted()) {
    out << "     places: " << declared.free() << " of " << declared.places() << " free, " << by_provider
        << '\n';
    return;
  }
  out << "     places: " << places.counted().free() << " of " << declared.places()
      << " free, counted by Waypost at " << ShowTime(places.counted().count_time(), zone) << "; "
      << declared.free() << ' ' << by_provider << '\n';
}

void ShowCandidate(const pb::RouteCandidate& candidate, absl::TimeZone zone, std::ostream& out) {
  out << (candidate.matches() ? "  " : "x ") << candidate.rank() << ". " << Printable(candidate.body())
      << "  " << Printable(Original(candidate.body_display_name())) << " (" << EnumWords(candidate.level())
      << ")\n";
  if (!candidate.offer().empty()) {
    out << "     offer: " << Printable(candidate.offer()) << "  "
        << Printable(Original(candidate.offer_display_name())) << '\n';
  }
  for (const pb::RouteReason& reason : candidate.reasons()) {
    out << "     " << EffectSign(reason.effect()) << ' ' << ReasonWords(reason.code());
    if (!reason.subject().empty()) out << " [" << Printable(reason.subject()) << ']';
    out << '\n';
  }
  for (const pb::ConditionResult& condition : candidate.eligibility().conditions()) {
    out << "       eligibility: " << (condition.inverted() ? "not " : "")
        << Printable(condition.description()) << ": " << EnumWords(condition.outcome()) << '\n';
  }
  if (candidate.has_capacity()) ShowPlaces(candidate.capacity(), zone, out);
  ShowContact(candidate.contact(), out);
}

void ShowEmpty(const pb::ResolveRouteResponse& response, std::ostream& out) {
  if (response.empty_reason() == pb::ROUTE_EMPTY_REASON_UNSPECIFIED) return;
  out << EmptyWords(response.empty_reason()) << '\n';
  for (const pb::RouteExclusion& exclusion : response.exclusions()) {
    out << "  " << exclusion.count() << " x " << ReasonWords(exclusion.code()) << '\n';
  }
}

absl::Status ShowRoute(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  const auto& response = static_cast<const pb::ResolveRouteResponse&>(message);
  std::ostream& out = session.env().out;
  ShowEmpty(response, out);
  for (const pb::RouteCandidate& candidate : response.candidates()) {
    ShowCandidate(candidate, session.zone(), out);
  }
  if (!response.coordinating_body().empty()) {
    out << "Coordinated here by " << Printable(response.coordinating_body()) << '\n';
  }
  if (response.truncated()) {
    session.Hint("More is recorded here than is looked at for one question; ask with a narrower territory.");
  }
  return absl::OkStatus();
}

}  // namespace

void AddRouteCommand(CLI::App& root, Session& session) {
  auto theme = std::make_shared<std::string>();
  auto skills = std::make_shared<std::vector<std::string>>();
  CallCommand route = {.name = "route",
                       .help = "Who could help with a need: candidates in order, each with its reasons",
                       .method = "waypost.directory.v1.DirectoryService/ResolveRoute",
                       .request = pb::ResolveRouteRequest::default_instance(),
                       .response = pb::ResolveRouteResponse::default_instance(),
                       .flags = RouteFlags(),
                       .show = ShowRoute};
  auto territory = std::make_shared<std::string>();
  route.complete = [theme, territory, skills](Message& message) -> absl::Status {
    auto& request = static_cast<pb::ResolveRouteRequest&>(message);
    const auto* value = FindEnumValue(*type::v1::Theme_descriptor(), *theme);
    if (value != nullptr) request.set_theme(static_cast<type::v1::Theme>(value->number()));
    request.set_territory(*territory);
    for (const std::string& skill : *skills) {
      WAYPOST_RETURN_IF_ERROR(AddSkill(skill, *request.mutable_attributes()));
    }
    return absl::OkStatus();
  };
  CLI::App& leaf = AddCall(root, session, std::move(route));
  leaf.add_option("theme", *theme, "what the need is about")
      ->required()
      ->type_name("WORD")
      ->check(EnumChoice(*type::v1::Theme_descriptor()));
  leaf.add_option("territory", *territory, "where the person is: EU, ES300, ES300/28058")->required();
  leaf.add_option("--language-skill", *skills, "command of a language, as fr=a2; may be repeated")
      ->type_name("LANGUAGE=LEVEL")
      ->allow_extra_args(false);
}

}  // namespace waypost::cli
