#include "services/directory/directory_rules.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/api/field_mask.h"
#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/eligibility.h"
#include "services/directory/field_checks.h"

namespace waypost::directory {
namespace {

using error::FieldViolations;
using google::protobuf::FieldMask;

using Paths = std::vector<std::string_view>;

Paths SupervisorBodyPaths() {
  return {"display_name", "languages", "contacts", "website", "calendar"};
}
Paths BodyPaths() {
  return {"display_name", "languages",   "contacts",    "website",           "kind",    "level", "parent",
          "memberships",  "territories", "competences", "approval_required", "calendar"};
}
Paths UnitPaths() {
  return {"display_name", "kind", "themes", "languages", "contact", "status", "calendar", "duty_hours"};
}
Paths ProgrammePaths() {
  return {"display_name", "partners", "funders"};
}
Paths OfferPaths() {
  return {"programme",    "theme",       "display_name",       "description",        "review_date",
          "territories",  "eligibility", "languages",          "schedule",           "groups",
          "assured_date", "status",      "required_documents", "translation_reviews"};
}

// Which fields of a resource a check is about: all of a new one, those of the mask of an update.
class Fields {
 public:
  explicit Fields(std::string_view prefix) : prefix_(prefix) {}
  Fields(std::string_view prefix, const FieldMask& mask) : prefix_(prefix), mask_(&mask) {}

  bool Has(std::string_view field) const {
    return mask_ == nullptr ||
           std::find(mask_->paths().begin(), mask_->paths().end(), field) != mask_->paths().end();
  }
  std::string Path(std::string_view field) const { return base::Cat(prefix_, ".", field); }

 private:
  std::string_view prefix_;
  const FieldMask* mask_ = nullptr;
};

void CheckMask(const FieldMask& mask, const Paths& updatable, FieldViolations& violations) {
  if (mask.paths().empty()) violations.Add("update_mask", "is required");
  for (const std::string& path : mask.paths()) {
    if (std::find(updatable.begin(), updatable.end(), path) == updatable.end()) {
      violations.Add("update_mask", "names a field that cannot be updated");
    }
  }
}

// --- Bodies -----------------------------------------------------------------------------------------

void CheckCompetence(const std::string& path, const v1::Competence& competence, FieldViolations& violations) {
  CheckTheme(base::Cat(path, ".theme"), competence.theme(), violations);
  CheckEnum(base::Cat(path, ".function"), competence.function(), v1::CompetenceFunction_IsValid, violations);
  CheckTerritory(base::Cat(path, ".territory"), competence.territory(), violations);
  CheckPeriod(base::Cat(path, ".validity"), competence.validity(), /*start_required=*/false, violations);
  CheckText(base::Cat(path, ".basis"), competence.basis(), kMaxBasisBytes, /*required=*/false, violations);
}

void CheckContact(const std::string& path, const v1::Contact& contact, FieldViolations& violations) {
  CheckTheme(base::Cat(path, ".theme"), contact.theme(), violations, /*optional=*/true);
  CheckName(base::Cat(path, ".unit"), ResourceKind::kUnit, contact.unit(), /*required=*/false, violations);
  CheckContactPoint(base::Cat(path, ".interlocutor"), contact.interlocutor(), violations);
  const std::string deputies = base::Cat(path, ".deputies");
  if (!CheckCount(deputies, contact.deputies_size(), kMaxDeputies, violations)) return;
  for (int i = 0; i < contact.deputies_size(); ++i) {
    CheckContactPoint(At(deputies, i), contact.deputies(i), violations);
  }
}

void CheckContacts(const std::string& path, const v1::Body& body, FieldViolations& violations) {
  if (!CheckCount(path, body.contacts_size(), kMaxContacts, violations)) return;
  std::set<type::v1::Theme> themes;
  for (int i = 0; i < body.contacts_size(); ++i) {
    CheckContact(At(path, i), body.contacts(i), violations);
    if (!themes.insert(body.contacts(i).theme()).second) {
      violations.Add(At(path, i), "is the second contact for its theme");
    }
  }
}

void CheckMemberships(const std::string& path, const v1::Body& body, FieldViolations& violations) {
  if (!CheckCount(path, body.memberships_size(), kMaxMemberships, violations)) return;
  for (int i = 0; i < body.memberships_size(); ++i) {
    const std::string at = At(path, i);
    CheckName(base::Cat(at, ".association"), ResourceKind::kBody, body.memberships(i).association(),
              /*required=*/true, violations);
    CheckPeriod(base::Cat(at, ".period"), body.memberships(i).period(), /*start_required=*/false, violations);
  }
}

void CheckCompetences(const std::string& path, const v1::Body& body, FieldViolations& violations) {
  if (!CheckCount(path, body.competences_size(), kMaxCompetences, violations)) return;
  for (int i = 0; i < body.competences_size(); ++i)
    CheckCompetence(At(path, i), body.competences(i), violations);
}

void CheckBody(const Fields& fields, const v1::Body& body, FieldViolations& violations) {
  if (fields.Has("display_name")) {
    CheckLocalized(fields.Path("display_name"), body.display_name(), kMaxNameBytes, /*required=*/true,
                   violations);
  }
  if (fields.Has("kind")) CheckEnum(fields.Path("kind"), body.kind(), v1::BodyKind_IsValid, violations);
  if (fields.Has("level")) CheckEnum(fields.Path("level"), body.level(), type::v1::Level_IsValid, violations);
  if (fields.Has("parent")) {
    CheckName(fields.Path("parent"), ResourceKind::kBody, body.parent(), /*required=*/false, violations);
  }
  if (fields.Has("memberships")) CheckMemberships(fields.Path("memberships"), body, violations);
  if (fields.Has("territories")) {
    CheckTerritories(fields.Path("territories"), body.territories(), kMaxTerritories, violations);
  }
  if (fields.Has("competences")) CheckCompetences(fields.Path("competences"), body, violations);
  if (fields.Has("languages"))
    CheckLanguages(fields.Path("languages"), body.languages(), kMaxLanguages, violations);
  if (fields.Has("contacts")) CheckContacts(fields.Path("contacts"), body, violations);
  if (fields.Has("website")) {
    const std::string path = fields.Path("website");
    CheckText(path, body.website(), kMaxWebsiteBytes, /*required=*/false, violations);
    if (!body.website().empty() && body.website().rfind("https://", 0) != 0) {
      violations.Add(path, "does not begin with https://");
    }
  }
  if (fields.Has("calendar") && body.has_calendar())
    CheckCalendar(fields.Path("calendar"), body.calendar(), violations);
}

bool IsOwnTerritory(const v1::Body& body, std::string_view code) {
  return std::any_of(body.territories().begin(), body.territories().end(),
                     [code](const std::string& own) { return territory::Covers(own, code); });
}

// What only the whole body can contradict.
absl::Status CheckWhole(const v1::Body& body) {
  FieldViolations violations;
  if (body.parent() == body.name()) violations.Add("body.parent", "is the body itself");
  for (int i = 0; i < body.memberships_size(); ++i) {
    if (body.memberships(i).association() == body.name()) {
      violations.Add(base::Cat(At("body.memberships", i), ".association"), "is the body itself");
    }
  }
  for (int i = 0; i < body.competences_size(); ++i) {
    const v1::Competence& competence = body.competences(i);
    if (competence.basis().empty() && !IsOwnTerritory(body, competence.territory())) {
      violations.Add(base::Cat(At("body.competences", i), ".basis"),
                     "is required for a territory outside the body's own");
    }
  }
  const std::string units = base::Cat(body.name(), "/units/");
  for (int i = 0; i < body.contacts_size(); ++i) {
    const std::string& unit = body.contacts(i).unit();
    if (!unit.empty() && unit.rfind(units, 0) != 0) {
      violations.Add(base::Cat(At("body.contacts", i), ".unit"), "is not a unit of this body");
    }
  }
  return violations.ToStatus();
}

std::vector<std::string> EventsFrom(v1::BodyStatus status) {
  std::vector<std::string> events;
  for (const BodyTransition& row : kBodyTransitions) {
    if (row.from == status) events.emplace_back(BodyEventName(row.event));
  }
  return events;
}

template <typename Request>
absl::Status CheckStatusChange(const Request& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kBody, request.name(), /*required=*/true, violations);
  CheckText("reason", request.reason(), kMaxReasonBytes, /*required=*/true, violations);
  return violations.ToStatus();
}

// --- Units ------------------------------------------------------------------------------------------

void CheckUnit(const Fields& fields, const v1::Unit& unit, FieldViolations& violations) {
  if (fields.Has("display_name")) {
    CheckLocalized(fields.Path("display_name"), unit.display_name(), kMaxNameBytes, /*required=*/true,
                   violations);
  }
  if (fields.Has("kind")) CheckEnum(fields.Path("kind"), unit.kind(), v1::UnitKind_IsValid, violations);
  if (fields.Has("themes")) CheckThemes(fields.Path("themes"), unit.themes(), violations);
  if (fields.Has("languages"))
    CheckLanguages(fields.Path("languages"), unit.languages(), kMaxLanguages, violations);
  if (fields.Has("contact") && unit.has_contact()) {
    CheckContactPoint(fields.Path("contact"), unit.contact(), violations);
  }
  if (fields.Has("status"))
    CheckEnum(fields.Path("status"), unit.status(), v1::UnitStatus_IsValid, violations);
  if (fields.Has("calendar") && unit.has_calendar())
    CheckCalendar(fields.Path("calendar"), unit.calendar(), violations);
  if (fields.Has("duty_hours")) CheckDutyHours(fields.Path("duty_hours"), unit.duty_hours(), violations);
}

absl::Status CheckWhole(const v1::Unit& unit) {
  if (unit.kind() == v1::UNIT_KIND_DUTY_DESK && unit.contact().telephone().empty()) {
    return error::InvalidField("unit.contact.telephone", "is required for a duty desk");
  }
  return absl::OkStatus();
}

// --- Offers -----------------------------------------------------------------------------------------

void CheckCapacity(const std::string& path, const v1::Capacity& capacity, FieldViolations& violations) {
  const auto check = [&](std::string_view field, int32_t number) {
    if (number < 0 || number > kMaxPlaces)
      violations.Add(base::Cat(path, field), "is not from 0 to 1 000 000");
  };
  check(".places", capacity.places());
  check(".free", capacity.free());
  check(".waiting", capacity.waiting());
  if (capacity.free() > capacity.places()) violations.Add(base::Cat(path, ".free"), "is more than places");
}

bool IsGroupId(std::string_view id) {
  return !id.empty() && id.size() <= api::kMaxIdLength && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

void CheckGroup(const std::string& path, const v1::OfferGroup& group, FieldViolations& violations) {
  if (!IsGroupId(group.group_id())) {
    violations.Add(base::Cat(path, ".group_id"), "is not 1 to 63 lower-case letters, digits and hyphens");
  }
  CheckLocalized(base::Cat(path, ".display_name"), group.display_name(), kMaxNameBytes, /*required=*/false,
                 violations);
  CheckText(base::Cat(path, ".level"), group.level(), kMaxGroupLevelBytes, /*required=*/false, violations);
  if (group.has_cohort_start_date()) {
    CheckDate(base::Cat(path, ".cohort_start_date"), group.cohort_start_date(), /*required=*/true,
              violations);
  }
  if (group.has_permanent() && !group.permanent())
    violations.Add(base::Cat(path, ".permanent"), "must be true");
  if (group.has_capacity()) CheckCapacity(base::Cat(path, ".capacity"), group.capacity(), violations);
}

void CheckGroups(const std::string& path, const v1::Offer& offer, FieldViolations& violations) {
  if (!CheckCount(path, offer.groups_size(), kMaxGroups, violations)) return;
  std::set<std::string_view> ids;
  for (int i = 0; i < offer.groups_size(); ++i) {
    CheckGroup(At(path, i), offer.groups(i), violations);
    if (!ids.insert(offer.groups(i).group_id()).second) {
      violations.Add(base::Cat(At(path, i), ".group_id"), "is there twice");
    }
  }
}

void CheckOfferTexts(const Fields& fields, const v1::Offer& offer, FieldViolations& violations) {
  if (fields.Has("display_name")) {
    CheckLocalized(fields.Path("display_name"), offer.display_name(), kMaxNameBytes, /*required=*/true,
                   violations);
  }
  if (fields.Has("description")) {
    CheckLocalized(fields.Path("description"), offer.description(), kMaxDescriptionBytes, /*required=*/false,
                   violations);
  }
  if (fields.Has("schedule")) {
    CheckLocalized(fields.Path("schedule"), offer.schedule(), kMaxScheduleBytes, /*required=*/false,
                   violations);
  }
  if (!fields.Has("required_documents")) return;
  const std::string documents = fields.Path("required_documents");
  if (!CheckCount(documents, offer.required_documents_size(), kMaxRequiredDocuments, violations)) return;
  for (int i = 0; i < offer.required_documents_size(); ++i) {
    CheckLocalized(At(documents, i), offer.required_documents(i), kMaxNameBytes, /*required=*/true,
                   violations);
  }
}

// Each language once, each with a day. That there are texts in it is checked of the whole offer.
void CheckTranslationReviews(const std::string& field, const v1::Offer& offer, FieldViolations& violations) {
  if (!CheckCount(field, offer.translation_reviews_size(), static_cast<int>(kMaxLanguagesOfText), violations))
    return;
  std::set<std::string_view> seen;
  for (int i = 0; i < offer.translation_reviews_size(); ++i) {
    const v1::TranslationReview& review = offer.translation_reviews(i);
    CheckDate(base::Cat(At(field, i), ".review_date"), review.review_date(), /*required=*/true, violations);
    if (!IsLanguageTag(review.language())) {
      violations.Add(base::Cat(At(field, i), ".language"), "must be a BCP 47 tag");
    } else if (!seen.insert(review.language()).second) {
      violations.Add(base::Cat(At(field, i), ".language"), "is there twice");
    }
  }
}

void CheckOffer(const Fields& fields, const v1::Offer& offer, FieldViolations& violations) {
  CheckOfferTexts(fields, offer, violations);
  if (fields.Has("provider")) {
    CheckName(fields.Path("provider"), ResourceKind::kBody, offer.provider(), /*required=*/true, violations);
  }
  if (fields.Has("programme")) {
    CheckName(fields.Path("programme"), ResourceKind::kProgramme, offer.programme(), /*required=*/false,
              violations);
  }
  if (fields.Has("theme")) CheckTheme(fields.Path("theme"), offer.theme(), violations);
  if (fields.Has("kind")) CheckEnum(fields.Path("kind"), offer.kind(), v1::OfferKind_IsValid, violations);
  if (fields.Has("review_date")) {
    CheckDate(fields.Path("review_date"), offer.review_date(), /*required=*/false, violations);
  }
  if (fields.Has("translation_reviews")) {
    CheckTranslationReviews(fields.Path("translation_reviews"), offer, violations);
  }
  if (fields.Has("territories")) {
    if (offer.territories().empty()) violations.Add(fields.Path("territories"), "is required");
    CheckTerritories(fields.Path("territories"), offer.territories(), kMaxTerritories, violations);
  }
  if (fields.Has("eligibility") && offer.has_eligibility()) {
    CheckEligibilityRule(fields.Path("eligibility"), offer.eligibility(), violations);
  }
  if (fields.Has("languages")) {
    CheckLanguages(fields.Path("languages"), offer.languages(), kMaxLanguages, violations);
  }
  if (fields.Has("groups")) CheckGroups(fields.Path("groups"), offer, violations);
  if (fields.Has("assured_date")) {
    CheckDate(fields.Path("assured_date"), offer.assured_date(), /*required=*/false, violations);
  }
  if (fields.Has("status"))
    CheckEnum(fields.Path("status"), offer.status(), v1::OfferStatus_IsValid, violations);
}

// Of texts that are there, which an update does not repeat.
void CheckReviewedLanguages(const v1::Offer& offer, FieldViolations& violations) {
  for (int i = 0; i < offer.translation_reviews_size(); ++i) {
    const std::string& language = offer.translation_reviews(i).language();
    if (offer.display_name().text().contains(language) || offer.description().text().contains(language)) {
      continue;
    }
    violations.Add(base::Cat(At("offer.translation_reviews", i), ".language"),
                   "is a language in which the offer has neither name nor description");
  }
}

// The groups must suit the kind, which an update does not repeat; and nobody confirms an offer ahead of time.
absl::Status CheckWhole(const v1::Offer& offer, absl::Time now) {
  FieldViolations violations;
  CheckReviewedLanguages(offer, violations);
  const bool enrolment = offer.kind() == v1::OFFER_KIND_ENROLMENT;
  if (enrolment && offer.groups().empty()) violations.Add("offer.groups", "is required for an enrolment");
  if (!enrolment && offer.groups_size() > 1)
    violations.Add("offer.groups", "has more than one group for a one-off");
  for (int i = 0; i < offer.groups_size(); ++i) {
    const bool has_entry = offer.groups(i).entry_case() != v1::OfferGroup::ENTRY_NOT_SET;
    if (has_entry == enrolment) continue;
    violations.Add(At("offer.groups", i), enrolment ? "needs permanent or cohort_start_date"
                                                    : "has permanent or cohort_start_date in a one-off");
  }
  const auto assured = ParseDate(offer.assured_date());
  // A day's grace: it may be tomorrow already where the provider is.
  if (assured && *assured > DayOf(now) + 1) violations.Add("offer.assured_date", "lies in the future");
  return violations.ToStatus();
}

absl::Status CheckNotDefunct(const v1::Offer& offer, std::string_view event) {
  if (offer.status() != v1::OFFER_STATUS_DEFUNCT) return absl::OkStatus();
  return error::InvalidTransition(offer.name(), OfferStatusName(offer.status()), event, {});
}

// The index of a group; nullopt when the offer has no such group.
std::optional<int> FindGroup(const v1::Offer& offer, std::string_view group_id) {
  for (int i = 0; i < offer.groups_size(); ++i) {
    if (offer.groups(i).group_id() == group_id) return i;
  }
  return std::nullopt;
}

// First reports are dated now; groups of `before` keep what they have.
void SettleCapacities(const v1::Offer* before, v1::Offer& offer, absl::Time now) {
  for (v1::OfferGroup& group : *offer.mutable_groups()) {
    const std::optional<int> known = before == nullptr ? std::nullopt : FindGroup(*before, group.group_id());
    if (!known) {
      if (group.has_capacity()) *group.mutable_capacity()->mutable_update_time() = api::ToTimestamp(now);
    } else if (before->groups(*known).has_capacity()) {
      *group.mutable_capacity() = before->groups(*known).capacity();
    } else {
      group.clear_capacity();
    }
  }
}

// --- Programmes and agreements ------------------------------------------------------------------------

// `lead` may be empty: an update does not repeat it.
void CheckPartners(const std::string& field, const v1::Programme& programme, std::string_view lead,
                   FieldViolations& violations) {
  if (!CheckCount(field, programme.partners_size(), kMaxPartners, violations)) return;
  std::set<std::string_view> seen = {lead};
  for (int i = 0; i < programme.partners_size(); ++i) {
    const std::string path = At(field, i);
    CheckName(path, ResourceKind::kBody, programme.partners(i), /*required=*/true, violations);
    if (!programme.partners(i).empty() && !seen.insert(programme.partners(i)).second)
      violations.Add(path, "takes part already");
  }
}

void CheckProgramme(const Fields& fields, const v1::Programme& programme, FieldViolations& violations) {
  if (fields.Has("display_name")) {
    CheckLocalized(fields.Path("display_name"), programme.display_name(), kMaxNameBytes, /*required=*/true,
                   violations);
  }
  if (fields.Has("lead")) {
    CheckName(fields.Path("lead"), ResourceKind::kBody, programme.lead(), /*required=*/true, violations);
  }
  if (fields.Has("partners")) {
    CheckPartners(fields.Path("partners"), programme, fields.Has("lead") ? programme.lead() : "", violations);
  }
  const std::string funders = fields.Path("funders");
  if (fields.Has("funders") && CheckCount(funders, programme.funders_size(), kMaxFunders, violations)) {
    for (int i = 0; i < programme.funders_size(); ++i) {
      CheckText(At(funders, i), programme.funders(i), kMaxFunderBytes, /*required=*/true, violations);
    }
  }
  if (fields.Has("period")) {
    CheckPeriod(fields.Path("period"), programme.period(), /*start_required=*/true, violations);
  }
}

template <typename Resource>
void StampNew(Resource& resource, absl::Time now) {
  *resource.mutable_create_time() = api::ToTimestamp(now);
  *resource.mutable_update_time() = api::ToTimestamp(now);
  resource.clear_etag();
}

template <typename Resource>
void StampUpdate(Resource& resource, absl::Time now) {
  *resource.mutable_update_time() = api::ToTimestamp(now);
}

}  // namespace

// --- Checks -----------------------------------------------------------------------------------------

absl::Status Check(const v1::CreateBodyRequest& request) {
  FieldViolations violations;
  CheckNewId("body_id", request.body_id(), violations);
  CheckBody(Fields("body"), request.body(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::GetBodyRequest& request) {
  return CheckOneName(ResourceKind::kBody, request.name());
}

absl::Status Check(const v1::ListBodiesRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckName("parent", ResourceKind::kBody, request.parent(), /*required=*/false, violations);
  CheckName("association", ResourceKind::kBody, request.association(), /*required=*/false, violations);
  CheckEnum("kind", request.kind(), v1::BodyKind_IsValid, violations, /*optional=*/true);
  CheckEnum("level", request.level(), type::v1::Level_IsValid, violations, /*optional=*/true);
  const int filters = int{!request.parent().empty()} + int{!request.association().empty()} +
                      int{request.kind() != v1::BODY_KIND_UNSPECIFIED} +
                      int{request.level() != type::v1::LEVEL_UNSPECIFIED};
  if (filters > 1) violations.Add("parent", "parent, association, kind and level exclude each other");
  return violations.ToStatus();
}

absl::Status Check(const v1::UpdateBodyRequest& request) {
  FieldViolations violations;
  CheckName("body.name", ResourceKind::kBody, request.body().name(), /*required=*/true, violations);
  CheckMask(request.update_mask(), BodyPaths(), violations);
  CheckBody(Fields("body", request.update_mask()), request.body(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::SuspendBodyRequest& request) {
  return CheckStatusChange(request);
}
absl::Status Check(const v1::ReactivateBodyRequest& request) {
  return CheckStatusChange(request);
}
absl::Status Check(const v1::DissolveBodyRequest& request) {
  return CheckStatusChange(request);
}

absl::Status Check(const v1::CreateUnitRequest& request) {
  FieldViolations violations;
  CheckName("parent", ResourceKind::kBody, request.parent(), /*required=*/true, violations);
  CheckNewId("unit_id", request.unit_id(), violations);
  CheckUnit(Fields("unit"), request.unit(), violations);
  if (!CheckWhole(request.unit()).ok()) {
    violations.Add("unit.contact.telephone", "is required for a duty desk");
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::GetUnitRequest& request) {
  return CheckOneName(ResourceKind::kUnit, request.name());
}

absl::Status Check(const v1::ListUnitsRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckName("parent", ResourceKind::kBody, request.parent(), /*required=*/true, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::UpdateUnitRequest& request) {
  FieldViolations violations;
  CheckName("unit.name", ResourceKind::kUnit, request.unit().name(), /*required=*/true, violations);
  CheckMask(request.update_mask(), UnitPaths(), violations);
  CheckUnit(Fields("unit", request.update_mask()), request.unit(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::CreateOfferRequest& request) {
  FieldViolations violations;
  CheckNewId("offer_id", request.offer_id(), violations);
  CheckOffer(Fields("offer"), request.offer(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::GetOfferRequest& request) {
  return CheckOneName(ResourceKind::kOffer, request.name());
}

absl::Status Check(const v1::ListOffersRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckName("provider", ResourceKind::kBody, request.provider(), /*required=*/false, violations);
  CheckName("programme", ResourceKind::kProgramme, request.programme(), /*required=*/false, violations);
  CheckTheme("theme", request.theme(), violations, /*optional=*/true);
  const bool by_theme = request.theme() != type::v1::THEME_UNSPECIFIED;
  if (by_theme || !request.territory().empty()) CheckTerritory("territory", request.territory(), violations);
  if (!request.territory().empty() && !by_theme) violations.Add("theme", "goes with territory");
  if (int{!request.provider().empty()} + int{!request.programme().empty()} + int{by_theme} > 1) {
    violations.Add("provider", "provider, programme and theme exclude each other");
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::UpdateOfferRequest& request) {
  FieldViolations violations;
  CheckName("offer.name", ResourceKind::kOffer, request.offer().name(), /*required=*/true, violations);
  CheckMask(request.update_mask(), OfferPaths(), violations);
  CheckOffer(Fields("offer", request.update_mask()), request.offer(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::ReportCapacityRequest& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kOffer, request.name(), /*required=*/true, violations);
  if (!IsGroupId(request.group_id())) violations.Add("group_id", "is not the id of a group");
  if (!request.has_capacity()) violations.Add("capacity", "is required");
  CheckCapacity("capacity", request.capacity(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::CreateProgrammeRequest& request) {
  FieldViolations violations;
  CheckNewId("programme_id", request.programme_id(), violations);
  CheckProgramme(Fields("programme"), request.programme(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::GetProgrammeRequest& request) {
  return CheckOneName(ResourceKind::kProgramme, request.name());
}

absl::Status Check(const v1::ListProgrammesRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::UpdateProgrammeRequest& request) {
  FieldViolations violations;
  CheckName("programme.name", ResourceKind::kProgramme, request.programme().name(), /*required=*/true,
            violations);
  CheckMask(request.update_mask(), ProgrammePaths(), violations);
  CheckProgramme(Fields("programme", request.update_mask()), request.programme(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::EndProgrammeRequest& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kProgramme, request.name(), /*required=*/true, violations);
  CheckDate("end_date", request.end_date(), /*required=*/true, violations);
  CheckText("reason", request.reason(), kMaxReasonBytes, /*required=*/true, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::CreateCoordinationAgreementRequest& request) {
  FieldViolations violations;
  const v1::CoordinationAgreement& agreement = request.coordination_agreement();
  CheckNewId("coordination_agreement_id", request.coordination_agreement_id(), violations);
  CheckTheme("coordination_agreement.theme", agreement.theme(), violations);
  CheckTerritory("coordination_agreement.territory", agreement.territory(), violations);
  CheckName("coordination_agreement.body", ResourceKind::kBody, agreement.body(), /*required=*/true,
            violations);
  CheckText("coordination_agreement.reference", agreement.reference(), kMaxBasisBytes, /*required=*/true,
            violations);
  CheckPeriod("coordination_agreement.period", agreement.period(), /*start_required=*/true, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::GetCoordinationAgreementRequest& request) {
  return CheckOneName(ResourceKind::kCoordinationAgreement, request.name());
}

absl::Status Check(const v1::ListCoordinationAgreementsRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::EndCoordinationAgreementRequest& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kCoordinationAgreement, request.name(), /*required=*/true, violations);
  CheckDate("end_date", request.end_date(), /*required=*/true, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::ResolveRouteRequest& request) {
  FieldViolations violations;
  CheckTheme("theme", request.theme(), violations);
  CheckTerritory("territory", request.territory(), violations);
  CheckEnum("function", request.function(), v1::CompetenceFunction_IsValid, violations, /*optional=*/true);
  CheckAttributes("attributes", request.attributes(), violations);
  CheckLanguages("languages", request.languages(), kMaxRouteLanguages, violations);
  CheckName("origin", ResourceKind::kBody, request.origin(), /*required=*/false, violations);
  if (request.max_candidates() < 0 || request.max_candidates() > kMaxRouteCandidates) {
    violations.Add("max_candidates", base::Cat("is not from 0 to ", kMaxRouteCandidates));
  }
  return violations.ToStatus();
}

absl::Status Check(const v1::ListChangesRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  return violations.ToStatus();
}

// --- Decisions --------------------------------------------------------------------------------------

absl::StatusOr<v1::Body> NewBody(const v1::CreateBodyRequest& request, absl::Time now) {
  v1::Body body = request.body();
  body.set_name(BodyName(request.body_id()));
  body.set_status(v1::BODY_STATUS_ACTIVE);
  body.clear_status_reason();
  body.clear_allowed_actions();
  StampNew(body, now);
  WAYPOST_RETURN_IF_ERROR(CheckWhole(body));
  return body;
}

absl::StatusOr<v1::Body> UpdatedBody(const v1::Body& current, const v1::UpdateBodyRequest& request,
                                     absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckBodyMayGrow(current, "UPDATE"));
  v1::Body body = current;
  WAYPOST_RETURN_IF_ERROR(api::ApplyMask(request.update_mask(), BodyPaths(), request.body(), body));
  StampUpdate(body, now);
  WAYPOST_RETURN_IF_ERROR(CheckWhole(body));
  return body;
}

bool NeedsOperator(const v1::UpdateBodyRequest& request) {
  const Paths free = SupervisorBodyPaths();
  return std::any_of(
      request.update_mask().paths().begin(), request.update_mask().paths().end(),
      [&free](const std::string& path) { return std::find(free.begin(), free.end(), path) == free.end(); });
}

absl::StatusOr<v1::Body> ChangedBody(const v1::Body& current, BodyEvent event, std::string_view reason,
                                     absl::Time now) {
  const std::optional<v1::BodyStatus> next = NextStatus(current.status(), event);
  if (!next) {
    return error::InvalidTransition(current.name(), BodyStatusName(current.status()), BodyEventName(event),
                                    EventsFrom(current.status()));
  }
  v1::Body body = current;
  body.set_status(*next);
  body.set_status_reason(std::string(reason));
  StampUpdate(body, now);
  return body;
}

absl::Status CheckBodyMayGrow(const v1::Body& body, std::string_view event) {
  if (body.status() != v1::BODY_STATUS_DISSOLVED) return absl::OkStatus();
  return error::InvalidTransition(body.name(), BodyStatusName(body.status()), event, {});
}

v1::Unit NewUnit(const v1::CreateUnitRequest& request, absl::Time now) {
  v1::Unit unit = request.unit();
  unit.set_name(UnitName(*IdOf(ResourceKind::kBody, request.parent()), request.unit_id()));
  StampNew(unit, now);
  return unit;
}

absl::StatusOr<v1::Unit> UpdatedUnit(const v1::Unit& current, const v1::UpdateUnitRequest& request,
                                     absl::Time now) {
  v1::Unit unit = current;
  WAYPOST_RETURN_IF_ERROR(api::ApplyMask(request.update_mask(), UnitPaths(), request.unit(), unit));
  StampUpdate(unit, now);
  WAYPOST_RETURN_IF_ERROR(CheckWhole(unit));
  return unit;
}

absl::StatusOr<v1::Offer> NewOffer(const v1::CreateOfferRequest& request, absl::Time now) {
  v1::Offer offer = request.offer();
  offer.set_name(OfferName(request.offer_id()));
  offer.clear_assurance_overdue();
  offer.clear_source();
  StampNew(offer, now);
  SettleCapacities(nullptr, offer, now);
  WAYPOST_RETURN_IF_ERROR(CheckWhole(offer, now));
  return offer;
}

absl::StatusOr<v1::Offer> UpdatedOffer(const v1::Offer& current, const v1::UpdateOfferRequest& request,
                                       absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckNotDefunct(current, "UPDATE"));
  v1::Offer offer = current;
  WAYPOST_RETURN_IF_ERROR(api::ApplyMask(request.update_mask(), OfferPaths(), request.offer(), offer));
  SettleCapacities(&current, offer, now);
  StampUpdate(offer, now);
  WAYPOST_RETURN_IF_ERROR(CheckWhole(offer, now));
  return offer;
}

absl::StatusOr<v1::Offer> WithCapacity(const v1::Offer& current, const v1::ReportCapacityRequest& request,
                                       absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckNotDefunct(current, "REPORT_CAPACITY"));
  const std::optional<int> found = FindGroup(current, request.group_id());
  if (!found) return error::InvalidField("group_id", "is not a group of this offer");
  v1::Offer offer = current;
  v1::OfferGroup& group = *offer.mutable_groups(*found);
  *group.mutable_capacity() = request.capacity();
  *group.mutable_capacity()->mutable_update_time() = api::ToTimestamp(now);
  StampUpdate(offer, now);
  return offer;
}

v1::Programme NewProgramme(const v1::CreateProgrammeRequest& request, absl::Time now) {
  v1::Programme programme = request.programme();
  programme.set_name(ProgrammeName(request.programme_id()));
  programme.clear_end_reason();
  StampNew(programme, now);
  return programme;
}

absl::StatusOr<v1::Programme> UpdatedProgramme(const v1::Programme& current,
                                               const v1::UpdateProgrammeRequest& request, absl::Time now) {
  v1::Programme programme = current;
  WAYPOST_RETURN_IF_ERROR(
      api::ApplyMask(request.update_mask(), ProgrammePaths(), request.programme(), programme));
  StampUpdate(programme, now);
  FieldViolations violations;
  CheckPartners("programme.partners", programme, programme.lead(), violations);
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  return programme;
}

absl::StatusOr<v1::Programme> EndedProgramme(const v1::Programme& current,
                                             const v1::EndProgrammeRequest& request, absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckEnd(current.period(), request.end_date(), "programme"));
  v1::Programme programme = current;
  programme.mutable_period()->set_end_date(request.end_date());
  programme.set_end_reason(request.reason());
  StampUpdate(programme, now);
  return programme;
}

v1::CoordinationAgreement NewAgreement(const v1::CreateCoordinationAgreementRequest& request,
                                       absl::Time now) {
  v1::CoordinationAgreement agreement = request.coordination_agreement();
  agreement.set_name(CoordinationAgreementName(request.coordination_agreement_id()));
  StampNew(agreement, now);
  return agreement;
}

absl::StatusOr<v1::CoordinationAgreement> EndedAgreement(const v1::CoordinationAgreement& current,
                                                         const v1::EndCoordinationAgreementRequest& request,
                                                         absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckEnd(current.period(), request.end_date(), "agreement"));
  v1::CoordinationAgreement agreement = current;
  agreement.mutable_period()->set_end_date(request.end_date());
  StampUpdate(agreement, now);
  return agreement;
}

// --- What is shown ----------------------------------------------------------------------------------

void Show(v1::Body& body, int64_t revision, BodyRights rights) {
  body.set_etag(api::EtagOf(revision));
  body.clear_allowed_actions();
  if (rights.is_operator) {
    for (std::string& event : EventsFrom(body.status())) body.add_allowed_actions(std::move(event));
  }
  if ((rights.is_operator || rights.is_own_supervisor) && body.status() != v1::BODY_STATUS_DISSOLVED) {
    body.add_allowed_actions("UPDATE");
  }
}

void Show(v1::Unit& unit, int64_t revision) {
  unit.set_etag(api::EtagOf(revision));
}

void Show(v1::Offer& offer, int64_t revision, absl::Time now) {
  offer.set_etag(api::EtagOf(revision));
  offer.set_assurance_overdue(AssuranceOverdue(offer, now));
}

void Show(v1::Programme& programme, int64_t revision) {
  programme.set_etag(api::EtagOf(revision));
}

void Show(v1::CoordinationAgreement& agreement, int64_t revision) {
  agreement.set_etag(api::EtagOf(revision));
}

bool AssuranceOverdue(const v1::Offer& offer, absl::Time now) {
  const auto assured = ParseDate(offer.assured_date());
  return !assured || DayOf(now) - *assured > kAssuranceDays;
}

bool IsStale(absl::Time reported, absl::Time now) {
  return now - reported > kCapacityStaleAfter;
}

}  // namespace waypost::directory
