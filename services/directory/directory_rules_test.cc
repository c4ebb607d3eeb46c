#include "services/directory/directory_rules.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/abseil.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"

namespace waypost::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 10, 0, 0), absl::UTCTimeZone());
const absl::Time kLater = kNow + absl::Hours(5);

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

constexpr std::string_view kFuenlabrada = R"(
  display_name { text { key: "es" value: "Ayuntamiento de Fuenlabrada" } original_language: "es" }
  kind: BODY_KIND_MUNICIPALITY level: LEVEL_LOCAL parent: "bodies/es-madrid"
  memberships { association: "bodies/femp" period { start_date: "1981-01-01" } }
  territories: "ES300/28058"
  competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: "ES300/28058" }
  competences { theme: THEME_YOUTH function: COMPETENCE_FUNCTION_ASSESS territory: "ES300/28065"
                basis: "Convenio 2024/117" validity { start_date: "2024-01-01" end_date: "2027-12-31" } }
  languages: "es" languages: "ar"
  contacts { interlocutor { title: "Registro" telephone: "+34 916 49 70 00" } }
  contacts { theme: THEME_HOUSING unit: "bodies/es-fuenlabrada/units/vivienda"
             interlocutor { title: "Oficina de Vivienda" email: "vivienda@example.org" }
             deputies { title: "Bienestar Social" email: "bienestar@example.org" } }
  website: "https://www.ayto-fuenlabrada.es"
)";

constexpr std::string_view kAsl = R"(
  provider: "bodies/fr-pont-de-claix" theme: THEME_LANGUAGE kind: OFFER_KIND_ENROLMENT
  display_name { text { key: "fr" value: "Ateliers sociolinguistiques" }
                 text { key: "en" value: "Socio-linguistic workshops" }
                 original_language: "fr" }
  territories: "FRK24/38317" territories: "FRK24/38151"
  eligibility { age { min_years: 18 } }
  required_documents { text { key: "fr" value: "Justificatif de domicile" } original_language: "fr" }
  languages: "fr"
  schedule { text { key: "fr" value: "4 séances par semaine" } original_language: "fr" }
  groups { group_id: "alpha" level: "ALPHA" permanent: true capacity { places: 8 free: 0 waiting: 15 } }
  groups { group_id: "fle1" level: "FLE1" permanent: true }
  assured_date: "2026-11-01" status: OFFER_STATUS_ACTIVE
)";

v1::CreateBodyRequest NewBodyRequest(std::string_view changes = "") {
  v1::CreateBodyRequest request;
  request.set_body_id("es-fuenlabrada");
  *request.mutable_body() = Parse<v1::Body>(kFuenlabrada);
  request.mutable_body()->MergeFrom(Parse<v1::Body>(changes));
  return request;
}

v1::CreateOfferRequest NewOfferRequest(std::string_view changes = "") {
  v1::CreateOfferRequest request;
  request.set_offer_id("asl");
  *request.mutable_offer() = Parse<v1::Offer>(kAsl);
  request.mutable_offer()->MergeFrom(Parse<v1::Offer>(changes));
  return request;
}

template <typename Request>
std::vector<std::string> Fields(const Request& request) {
  std::vector<std::string> fields;
  for (const std::string& violation : error::ViolationsOf(Check(request))) {
    fields.push_back(violation.substr(0, violation.find(": ")));
  }
  return fields;
}

// --- Checks -----------------------------------------------------------------------------------------

TEST(CheckBody, TakesARealOne) {
  EXPECT_THAT(Fields(NewBodyRequest()), IsEmpty());
  EXPECT_TRUE(NewBody(NewBodyRequest(), kNow).ok());
}

TEST(CheckBody, TellsEverythingAtOnce) {
  v1::CreateBodyRequest request = NewBodyRequest(R"(
      languages: "Spanish" territories: "ES300/28058" parent: "units/x" website: "http://x"
      memberships { association: "femp" period { start_date: "2026-02-30" } }
      competences { territory: "Madrid" validity { start_date: "2026-01-02" end_date: "2026-01-01" } }
      contacts { theme: THEME_HOUSING interlocutor { email: "nobody" } })");
  request.set_body_id("-x");
  request.mutable_body()->set_kind(static_cast<v1::BodyKind>(99));
  request.mutable_body()->clear_level();
  (*request.mutable_body()->mutable_display_name()->mutable_text())["german"] = "x";
  request.mutable_body()->mutable_display_name()->set_original_language("fr");
  EXPECT_THAT(
      Fields(request),
      ElementsAre("body_id", "body.display_name", "body.display_name", "body.kind", "body.level",
                  "body.parent", "body.memberships[1].association", "body.memberships[1].period.start_date",
                  "body.territories[1]", "body.competences[2].theme", "body.competences[2].function",
                  "body.competences[2].territory", "body.competences[2].validity.end_date",
                  "body.languages[2]", "body.contacts[2].interlocutor.title",
                  "body.contacts[2].interlocutor.email", "body.contacts[2]", "body.website"));
}

TEST(CheckBody, EveryListHasItsLimit) {
  v1::Body body = Parse<v1::Body>(kFuenlabrada);
  const auto fields = [&body] {
    v1::CreateBodyRequest request;
    request.set_body_id("xx");
    *request.mutable_body() = body;
    return Fields(request);
  };
  body.clear_territories();
  body.clear_competences();
  for (int i = 0; i < kMaxTerritories; ++i) body.add_territories(base::Cat("ES300/", 10000 + i));
  EXPECT_THAT(fields(), IsEmpty());
  body.add_territories("ES511");
  EXPECT_THAT(fields(), ElementsAre("body.territories"));
  body.clear_territories();
  const v1::Competence competence = Parse<v1::Competence>(
      "theme: THEME_YOUTH function: COMPETENCE_FUNCTION_FUND territory: 'ES' basis: 'x'");
  for (int i = 0; i <= kMaxCompetences; ++i) *body.add_competences() = competence;
  EXPECT_THAT(fields(), ElementsAre("body.competences"));
  body.clear_competences();
  body.set_website(base::Cat("https://", std::string(kMaxWebsiteBytes, 'x')));
  EXPECT_THAT(fields(), ElementsAre("body.website"));
}

TEST(CheckBody, AnUpdateIsCheckedOnlyWhereItsMaskSays) {
  v1::UpdateBodyRequest request;
  request.mutable_body()->set_name("bodies/es-fuenlabrada");
  request.mutable_body()->add_languages("Spanish");
  request.mutable_update_mask()->add_paths("website");
  EXPECT_THAT(Fields(request), IsEmpty());
  request.mutable_update_mask()->add_paths("languages");
  EXPECT_THAT(Fields(request), ElementsAre("body.languages[0]"));
  request.mutable_update_mask()->add_paths("display_name");  // would become empty
  EXPECT_THAT(Fields(request), ElementsAre("body.display_name", "body.languages[0]"));
  request.mutable_update_mask()->clear_paths();
  EXPECT_THAT(Fields(request), ElementsAre("update_mask"));
  for (const std::string_view path :
       {"status", "name", "etag", "*", "display_name.text", "nonsense", "allowed_actions"}) {
    request.mutable_update_mask()->clear_paths();
    request.mutable_update_mask()->add_paths(std::string(path));
    EXPECT_THAT(Fields(request), ElementsAre("update_mask")) << path;
  }
}

TEST(CheckBody, ListingTakesOneFilter) {
  EXPECT_TRUE(Check(Parse<v1::ListBodiesRequest>("")).ok());
  EXPECT_TRUE(Check(Parse<v1::ListBodiesRequest>("kind: BODY_KIND_REGION")).ok());
  EXPECT_FALSE(Check(Parse<v1::ListBodiesRequest>("kind: BODY_KIND_REGION level: LEVEL_LOCAL")).ok());
  EXPECT_FALSE(Check(Parse<v1::ListBodiesRequest>("page_size: -1")).ok());
  EXPECT_FALSE(Check(Parse<v1::ListBodiesRequest>("kind: 99")).ok());
}

TEST(CheckOffer, TakesARealOneAndRefusesEachDefect) {
  EXPECT_THAT(Fields(NewOfferRequest()), IsEmpty());
  EXPECT_TRUE(NewOffer(NewOfferRequest(), kNow).ok());
  v1::CreateOfferRequest request = NewOfferRequest(R"(
      programme: "RISING" review_date: "soon" territories: "FRK24" languages: "fr"
      eligibility { household { } } required_documents { original_language: "fr" }
      groups { group_id: "fle1" permanent: false capacity { places: 1 free: 2 waiting: -1 } }
      groups { group_id: "FLE 2" cohort_start_date: "2026-13-01" }
      assured_date: "yesterday")");
  request.mutable_offer()->set_provider("fr-pont-de-claix");
  request.mutable_offer()->clear_theme();
  request.mutable_offer()->clear_status();
  EXPECT_THAT(
      Fields(request),
      ElementsAre("offer.required_documents[1]", "offer.required_documents[1]", "offer.provider",
                  "offer.programme", "offer.theme", "offer.review_date", "offer.territories[0]",
                  "offer.territories[1]", "offer.eligibility.household", "offer.languages[1]",
                  "offer.groups[2].permanent", "offer.groups[2].capacity.waiting",
                  "offer.groups[2].capacity.free", "offer.groups[2].group_id", "offer.groups[3].group_id",
                  "offer.groups[3].cohort_start_date", "offer.assured_date", "offer.status"));
}

TEST(CheckOffer, ListingByThemeNeedsATerritory) {
  EXPECT_TRUE(Check(Parse<v1::ListOffersRequest>("")).ok());
  EXPECT_TRUE(Check(Parse<v1::ListOffersRequest>("theme: THEME_HOUSING territory: 'ES300'")).ok());
  for (const std::string_view request :
       {"theme: THEME_HOUSING", "territory: 'ES300'", "theme: THEME_HOUSING territory: 'x'",
        "provider: 'bodies/aa' programme: 'programmes/bb'",
        "provider: 'bodies/aa' theme: THEME_HOUSING territory: 'ES'"}) {
    EXPECT_FALSE(Check(Parse<v1::ListOffersRequest>(request)).ok()) << request;
  }
}

TEST(CheckUnit, ADutyDeskNeedsATelephone) {
  v1::CreateUnitRequest request = Parse<v1::CreateUnitRequest>(R"(
      parent: "bodies/es-fuenlabrada" unit_id: "guardia"
      unit { display_name { text { key: "es" value: "Guardia" } original_language: "es" }
             kind: UNIT_KIND_DUTY_DESK
             status: UNIT_STATUS_ACTIVE contact { title: "Guardia" email: "guardia@example.org" }
             themes: THEME_HEALTH })");
  EXPECT_THAT(Fields(request), ElementsAre("unit.contact.telephone"));
  request.mutable_unit()->mutable_contact()->set_telephone("+34916497000");
  EXPECT_THAT(Fields(request), IsEmpty());
  const v1::Unit unit = NewUnit(request, kNow);
  EXPECT_EQ(unit.name(), "bodies/es-fuenlabrada/units/guardia");
  v1::UpdateUnitRequest update;
  *update.mutable_unit() = unit;
  update.mutable_unit()->clear_contact();
  update.mutable_update_mask()->add_paths("contact");
  EXPECT_TRUE(Check(update).ok());
  EXPECT_FALSE(UpdatedUnit(unit, update, kLater).ok());
  request.mutable_unit()->add_themes(type::v1::THEME_HEALTH);
  EXPECT_THAT(Fields(request), ElementsAre("unit.themes[1]"));
}

TEST(CheckRoute, RefusesWhatItCannotAnswer) {
  EXPECT_TRUE(Check(Parse<v1::ResolveRouteRequest>("theme: THEME_HOUSING territory: 'EU'")).ok());
  EXPECT_THAT(
      Fields(Parse<v1::ResolveRouteRequest>(
          "function: 99 attributes { age_years: 200 } languages: 'x' origin: 'x' max_candidates: 101")),
      ElementsAre("theme", "territory", "function", "attributes.age_years", "languages[0]", "origin",
                  "max_candidates"));
}

TEST(CheckProgramme, PartnersTakePartOnce) {
  const auto request = [](std::string_view partners) {
    return Parse<v1::CreateProgrammeRequest>(base::Cat(
        "programme_id: 'rising' programme { lead: 'bodies/fr-metropole' period { start_date: '2020-01-01' } ",
        "display_name { text { key: 'fr' value: 'RISING' } original_language: 'fr' } funders: 'État' ",
        partners, " }"));
  };
  EXPECT_THAT(Fields(request("partners: 'bodies/aa' partners: 'bodies/bb'")), IsEmpty());
  EXPECT_THAT(Fields(request("partners: 'bodies/aa' partners: 'bodies/aa'")),
              ElementsAre("programme.partners[1]"));
  EXPECT_THAT(Fields(request("partners: 'bodies/fr-metropole'")), ElementsAre("programme.partners[0]"));
}

TEST(FieldChecks, Dates) {
  for (const std::string_view date : {"2026-01-31", "2024-02-29", "1900-01-01", "9999-12-31"}) {
    EXPECT_TRUE(ParseDate(date)) << date;
  }
  for (const std::string_view date :
       {"", "2026-1-31", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "1899-12-31", "2026/01/01",
        "2026-01-01 ", "+026-01-01", "2026-01-1x"}) {
    EXPECT_FALSE(ParseDate(date)) << date;
  }
}

TEST(FieldChecks, LanguageTags) {
  for (const std::string_view tag : {"fr", "pt-BR", "zh-Hant-TW", "ckb", "es-419"})
    EXPECT_TRUE(IsLanguageTag(tag)) << tag;
  for (const std::string_view tag :
       {"", "f", "FR", "french", "fr-", "-fr", "fr_FR", "fr-x", "fr-123456789"}) {
    EXPECT_FALSE(IsLanguageTag(tag)) << tag;
  }
}

TEST(FieldChecks, ContactPoints) {
  const auto ok = [](std::string_view email, std::string_view telephone) {
    error::FieldViolations violations;
    v1::ContactPoint point;
    point.set_title("x");
    point.set_email(std::string(email));
    point.set_telephone(std::string(telephone));
    CheckContactPoint("c", point, violations);
    return violations.empty();
  };
  EXPECT_TRUE(ok("a@b.eu", ""));
  EXPECT_TRUE(ok("", "+33 4 76 29 80 00"));
  EXPECT_FALSE(ok("", ""));
  for (const std::string_view email : {"a", "@b.eu", "a@", "a@b", "a@b@c.eu", "a b@c.eu", "a@.eu", "a@b."}) {
    EXPECT_FALSE(ok(email, "+3312345678")) << email;
  }
  for (const std::string_view telephone :
       {"112", "0034916497000", "+12345", "+1234567890123456", "+34-916497000", "+"}) {
    EXPECT_FALSE(ok("a@b.eu", telephone)) << telephone;
  }
}

TEST(FieldChecks, TimesOfDay) {
  EXPECT_EQ(ParseTimeOfDay("00:00"), 0);
  EXPECT_EQ(ParseTimeOfDay("09:05"), 545);
  EXPECT_EQ(ParseTimeOfDay("23:59"), 1439);
  EXPECT_EQ(ParseTimeOfDay("24:00"), 1440);
  for (const std::string_view time :
       {"", "9:05", "24:01", "25:00", "12:60", "12.30", "12:3", "12:300", " 12:30", "+1:30", "ab:cd"}) {
    EXPECT_FALSE(ParseTimeOfDay(time)) << time;
  }
}

std::vector<std::string> CalendarViolations(std::string_view text) {
  error::FieldViolations violations;
  CheckCalendar("c", Parse<v1::WorkingCalendar>(text), violations);
  return error::ViolationsOf(violations.ToStatus());
}

TEST(FieldChecks, ZonesOfCalendars) {
  const auto zone = [](std::string_view name) {
    return CalendarViolations(base::Cat("working_days: WEEKDAY_MONDAY zone: '", name, "'"));
  };
  for (const std::string_view name :
       {"UTC", "Europe/Madrid", "Atlantic/Canary", "America/Argentina/Buenos_Aires", "Etc/GMT+1", "CET"}) {
    EXPECT_THAT(zone(name), IsEmpty()) << name;
  }
  EXPECT_THAT(zone(""), ElementsAre("c.zone: is required"));
  EXPECT_THAT(zone(std::string(kMaxZoneBytes + 1, 'A')),
              ElementsAre(StartsWith("c.zone: is longer than 64")));
  for (const std::string_view name :
       {"Europe/Fuenlabrada", "Europe", "Europe/", "europe/madrid", "localtime", "/etc/localtime",
        "posixrules", "../zoneinfo/UTC", "right/Europe/Madrid", "Fixed/UTC+01:00:00", "UTC+1",
        "Europe//Madrid", "Madrid", "Europe/Madrid "}) {
    EXPECT_THAT(zone(name), ElementsAre(StartsWith("c.zone: is not an IANA time zone"))) << name;
  }
}

TEST(FieldChecks, DaysOfCalendars) {
  constexpr std::string_view kWeek =
      "zone: 'Europe/Madrid' working_days: WEEKDAY_SUNDAY working_days: WEEKDAY_MONDAY ";
  EXPECT_THAT(CalendarViolations(base::Cat(kWeek, "holidays: '2026-12-25' holidays: '2027-01-01'")),
              IsEmpty());
  EXPECT_THAT(CalendarViolations("zone: 'UTC'"), ElementsAre("c.working_days: is required"));
  EXPECT_THAT(CalendarViolations(base::Cat(kWeek, "working_days: WEEKDAY_SUNDAY")),
              ElementsAre("c.working_days[2]: is there twice"));
  EXPECT_THAT(CalendarViolations("zone: 'UTC' working_days: 0 working_days: 8 working_days: -1"),
              ElementsAre(StartsWith("c.working_days[0]: "), StartsWith("c.working_days[1]: "),
                          StartsWith("c.working_days[2]: ")));
  EXPECT_THAT(CalendarViolations("zone: 'UTC' working_days: [1, 2, 3, 4, 5, 6, 7]"), IsEmpty());
  EXPECT_THAT(CalendarViolations("zone: 'UTC' working_days: [1, 2, 3, 4, 5, 6, 7, 1]"),
              ElementsAre("c.working_days: has more than 7 entries"));
  EXPECT_THAT(CalendarViolations(base::Cat(kWeek, "holidays: '2027-01-01' holidays: '2026-12-25'")),
              ElementsAre("c.holidays[1]: is not after the one before it"));
  EXPECT_THAT(CalendarViolations(base::Cat(kWeek, "holidays: '2027-01-01' holidays: '2027-01-01'")),
              ElementsAre("c.holidays[1]: is not after the one before it"));
  EXPECT_THAT(CalendarViolations(base::Cat(kWeek, "holidays: '' holidays: '2027-02-29'")),
              ElementsAre("c.holidays[0]: is required", StartsWith("c.holidays[1]: is not a date")));
  std::string many(kWeek);
  absl::CivilDay day(2026, 1, 1);
  for (int i = 0; i < kMaxHolidays; ++i, ++day) {
    many += base::Cat("holidays: '", base::ToStd(absl::FormatCivilTime(day)), "' ");
  }
  EXPECT_THAT(CalendarViolations(many), IsEmpty());
  EXPECT_THAT(CalendarViolations(base::Cat(many, "holidays: '2030-01-01'")),
              ElementsAre("c.holidays: has more than 400 entries"));
}

TEST(FieldChecks, DutyHoursOfOneDayLieApart) {
  const auto check = [](std::string_view text) {
    error::FieldViolations violations;
    CheckDutyHours("d", Parse<v1::Unit>(text).duty_hours(), violations);
    return error::ViolationsOf(violations.ToStatus());
  };
  const auto span = [](int day, std::string_view opens, std::string_view closes) {
    return base::Cat("duty_hours { day: ", day, " opens: '", opens, "' closes: '", closes, "' } ");
  };
  // A night is two spans, and one may begin when another ends.
  EXPECT_THAT(check(span(1, "22:00", "24:00") + span(2, "00:00", "06:00") + span(2, "06:00", "06:01") +
                    span(1, "08:00", "22:00")),
              IsEmpty());
  EXPECT_THAT(check(span(1, "09:00", "14:00") + span(2, "09:00", "14:00") + span(1, "13:59", "15:00")),
              ElementsAre("d[2]: overlaps d[0]"));
  EXPECT_THAT(check(span(1, "09:00", "18:00") + span(1, "10:00", "11:00")),
              ElementsAre("d[1]: overlaps d[0]"));
  EXPECT_THAT(check(span(1, "10:00", "11:00") + span(1, "09:00", "18:00")),
              ElementsAre("d[1]: overlaps d[0]"));
  EXPECT_THAT(check(span(1, "09:00", "09:00")), ElementsAre("d[0].closes: is not after opens"));
  EXPECT_THAT(check(span(0, "24:00", "24:00")),
              ElementsAre("d[0].day: is required", StartsWith("d[0].opens: "), StartsWith("d[0].closes: ")));
  EXPECT_THAT(check(span(8, "9:00", "")),
              ElementsAre(StartsWith("d[0].day: "), StartsWith("d[0].opens: "), StartsWith("d[0].closes: ")));
  std::string week;
  for (int day = 1; day <= 7; ++day) {
    week += span(day, "00:00", "08:00") + span(day, "08:00", "16:00") + span(day, "16:00", "24:00");
  }
  EXPECT_THAT(check(week), IsEmpty());
  EXPECT_THAT(check(week + span(1, "09:00", "10:00")), ElementsAre("d: has more than 21 entries"));
}

TEST(Calendars, BelongToBodiesAndUnitsAndAreTakenOverOrTakenAway) {
  const v1::Body body =
      *NewBody(NewBodyRequest("calendar { zone: 'UTC' working_days: WEEKDAY_MONDAY }"), kNow);
  EXPECT_EQ(body.calendar().zone(), "UTC");
  v1::UpdateBodyRequest request;
  request.mutable_body()->set_name(body.name());
  request.mutable_update_mask()->add_paths("calendar");
  EXPECT_FALSE(UpdatedBody(body, request, kLater)->has_calendar());
  request.mutable_body()->mutable_calendar()->set_zone("Nowhere");
  EXPECT_THAT(Fields(request), ElementsAre("body.calendar.zone", "body.calendar.working_days"));
  v1::UpdateUnitRequest unit;
  *unit.mutable_unit() = Parse<v1::Unit>(R"(
      name: "bodies/es-fuenlabrada/units/guardia"
      calendar { zone: "Europe/Madrid" working_days: WEEKDAY_FRIDAY }
      duty_hours { day: WEEKDAY_SATURDAY opens: "10:00" closes: "24:00" })");
  unit.mutable_update_mask()->add_paths("calendar");
  unit.mutable_update_mask()->add_paths("duty_hours");
  EXPECT_THAT(Fields(unit), IsEmpty());
  const v1::Unit updated = *UpdatedUnit(v1::Unit(), unit, kLater);
  EXPECT_EQ(updated.calendar().working_days(0), v1::WEEKDAY_FRIDAY);
  EXPECT_EQ(updated.duty_hours(0).closes(), "24:00");
  unit.mutable_unit()->mutable_calendar()->clear_zone();
  unit.mutable_unit()->mutable_duty_hours(0)->clear_day();
  EXPECT_THAT(Fields(unit), ElementsAre("unit.calendar.zone", "unit.duty_hours[0].day"));
}

TEST(Names, AreTakenApartExactly) {
  EXPECT_EQ(ParseName("bodies/es-x")->id, "es-x");
  EXPECT_EQ(ParseName("bodies/es-x/units/u1")->parent_id, "es-x");
  EXPECT_EQ(ParseName("bodies/es-x/units/u1")->id, "u1");
  EXPECT_EQ(ParseName("coordinationAgreements/aa")->kind, ResourceKind::kCoordinationAgreement);
  for (const std::string_view name :
       {"", "bodies", "bodies/", "bodies/x", "bodies/ES", "bodies/a/b", "bodies/aa/units", "bodies/aa/units/",
        "bodies/aa/units/bb/cc", "successions/", "succession/aa", "enquiries/", "enquiry/aa", "/bodies/aa",
        "offers/aa ", "offers/aa/units/bb", "things/aa"}) {
    EXPECT_FALSE(ParseName(name)) << name;
  }
  EXPECT_FALSE(IdOf(ResourceKind::kOffer, "bodies/aa"));
}

// --- The machine ------------------------------------------------------------------------------------

TEST(BodyMachine, EveryStatusAndEventAgainstTheTable) {
  const auto code = [](v1::BodyStatus from, BodyEvent event) {
    v1::Body body;
    body.set_name("bodies/aa");
    body.set_status(from);
    const auto changed = ChangedBody(body, event, "why", kLater);
    if (!changed.ok()) {
      EXPECT_EQ(error::ReasonOf(changed.status()), "INVALID_TRANSITION");
      return std::string("refused");
    }
    EXPECT_EQ(changed->status_reason(), "why");
    EXPECT_EQ(api::FromTimestamp(changed->update_time()), kLater);
    return std::string(BodyStatusName(changed->status()));
  };
  EXPECT_EQ(code(v1::BODY_STATUS_ACTIVE, BodyEvent::kSuspend), "SUSPENDED");
  EXPECT_EQ(code(v1::BODY_STATUS_ACTIVE, BodyEvent::kReactivate), "refused");
  EXPECT_EQ(code(v1::BODY_STATUS_ACTIVE, BodyEvent::kDissolve), "DISSOLVED");
  EXPECT_EQ(code(v1::BODY_STATUS_SUSPENDED, BodyEvent::kSuspend), "refused");
  EXPECT_EQ(code(v1::BODY_STATUS_SUSPENDED, BodyEvent::kReactivate), "ACTIVE");
  EXPECT_EQ(code(v1::BODY_STATUS_SUSPENDED, BodyEvent::kDissolve), "DISSOLVED");
  for (const BodyEvent event : {BodyEvent::kSuspend, BodyEvent::kReactivate, BodyEvent::kDissolve}) {
    EXPECT_EQ(code(v1::BODY_STATUS_DISSOLVED, event), "refused");
    EXPECT_EQ(code(v1::BODY_STATUS_UNSPECIFIED, event), "refused");
  }
}

TEST(BodyMachine, AllowedActionsAreWhatTheCallerCanDoNow) {
  const auto actions = [](v1::BodyStatus status, BodyRights rights) {
    v1::Body body;
    body.set_status(status);
    body.add_allowed_actions("STALE");
    Show(body, 7, rights);
    EXPECT_EQ(body.etag(), "\"7\"");
    return std::vector<std::string>(body.allowed_actions().begin(), body.allowed_actions().end());
  };
  const BodyRights is_operator = {.is_operator = true};
  const BodyRights supervisor = {.is_own_supervisor = true};
  EXPECT_THAT(actions(v1::BODY_STATUS_ACTIVE, is_operator), ElementsAre("SUSPEND", "DISSOLVE", "UPDATE"));
  EXPECT_THAT(actions(v1::BODY_STATUS_SUSPENDED, is_operator),
              ElementsAre("REACTIVATE", "DISSOLVE", "UPDATE"));
  EXPECT_THAT(actions(v1::BODY_STATUS_DISSOLVED, is_operator), IsEmpty());
  EXPECT_THAT(actions(v1::BODY_STATUS_ACTIVE, supervisor), ElementsAre("UPDATE"));
  EXPECT_THAT(actions(v1::BODY_STATUS_DISSOLVED, supervisor), IsEmpty());
  EXPECT_THAT(actions(v1::BODY_STATUS_ACTIVE, {}), IsEmpty());
}

TEST(OfferMachine, DefunctIsFinal) {
  v1::Offer offer = *NewOffer(NewOfferRequest(), kNow);
  offer.set_status(v1::OFFER_STATUS_DEFUNCT);
  v1::UpdateOfferRequest update;
  update.mutable_offer()->set_status(v1::OFFER_STATUS_ACTIVE);
  update.mutable_update_mask()->add_paths("status");
  EXPECT_EQ(error::ReasonOf(UpdatedOffer(offer, update, kLater).status()), "INVALID_TRANSITION");
  v1::ReportCapacityRequest report;
  report.set_group_id("alpha");
  EXPECT_EQ(error::ReasonOf(WithCapacity(offer, report, kLater).status()), "INVALID_TRANSITION");
}

// --- Decisions --------------------------------------------------------------------------------------

TEST(NewBody, BeginsActiveWhateverTheRequestSays) {
  v1::CreateBodyRequest request = NewBodyRequest(R"(
      name: "bodies/other" status: BODY_STATUS_DISSOLVED status_reason: "x"
      allowed_actions: "DISSOLVE" etag: "y"
      create_time { seconds: 1 })");
  const auto body = NewBody(request, kNow);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(body->name(), "bodies/es-fuenlabrada");
  EXPECT_EQ(body->status(), v1::BODY_STATUS_ACTIVE);
  EXPECT_EQ(body->status_reason(), "");
  EXPECT_EQ(body->etag(), "");
  EXPECT_THAT(body->allowed_actions(), IsEmpty());
  EXPECT_EQ(api::FromTimestamp(body->create_time()), kNow);
}

TEST(NewBody, ItsPartsMustAgree) {
  const auto fields = [](const v1::CreateBodyRequest& request) {
    EXPECT_TRUE(Check(request).ok());
    return error::ViolationsOf(NewBody(request, kNow).status());
  };
  EXPECT_THAT(fields(NewBodyRequest("parent: 'bodies/es-fuenlabrada'")),
              ElementsAre(StartsWith("body.parent: ")));
  EXPECT_THAT(fields(NewBodyRequest("memberships { association: 'bodies/es-fuenlabrada' }")),
              ElementsAre(StartsWith("body.memberships[1].association: ")));
  EXPECT_THAT(fields(NewBodyRequest("contacts { theme: THEME_YOUTH unit: 'bodies/es-getafe/units/joven' "
                                    "interlocutor { title: 'x' email: 'a@b.eu' } }")),
              ElementsAre(StartsWith("body.contacts[2].unit: ")));
  // Outside its own territory a body serves by agreement only.
  v1::CreateBodyRequest neighbour = NewBodyRequest();
  neighbour.mutable_body()->mutable_competences(1)->clear_basis();
  EXPECT_THAT(fields(neighbour), ElementsAre(StartsWith("body.competences[1].basis: ")));
}

TEST(UpdatedBody, TakesOverTheMaskAndNothingElse) {
  const v1::Body current = *NewBody(NewBodyRequest(), kNow);
  v1::UpdateBodyRequest request;
  *request.mutable_body() = Parse<v1::Body>("website: 'https://x.eu' languages: 'fr' kind: BODY_KIND_REGION");
  request.mutable_update_mask()->add_paths("languages");
  request.mutable_update_mask()->add_paths("contacts");
  const auto updated = UpdatedBody(current, request, kLater);
  ASSERT_TRUE(updated.ok()) << updated.status();
  v1::Body expected = current;
  expected.clear_languages();
  expected.add_languages("fr");
  expected.clear_contacts();
  *expected.mutable_update_time() = api::ToTimestamp(kLater);
  EXPECT_EQ(updated->SerializeAsString(), expected.SerializeAsString());
}

TEST(UpdatedBody, IsCheckedAsAWholeAndNeverForADissolvedBody) {
  const v1::Body current = *NewBody(NewBodyRequest(), kNow);
  v1::UpdateBodyRequest request;
  request.mutable_body()->add_territories("ES511");
  request.mutable_update_mask()->add_paths("territories");
  EXPECT_THAT(error::ViolationsOf(UpdatedBody(current, request, kLater).status()),
              ElementsAre(StartsWith("body.competences[0].basis: ")));
  const v1::Body dissolved = *ChangedBody(current, BodyEvent::kDissolve, "merged", kNow);
  EXPECT_EQ(error::ReasonOf(UpdatedBody(dissolved, request, kLater).status()), "INVALID_TRANSITION");
  EXPECT_EQ(error::ReasonOf(CheckBodyMayGrow(dissolved, "ADD_UNIT")), "INVALID_TRANSITION");
  EXPECT_TRUE(CheckBodyMayGrow(*ChangedBody(current, BodyEvent::kSuspend, "x", kNow), "ADD_UNIT").ok());
}

TEST(NeedsOperator, ForEverythingButTheBodysOwnFields) {
  const std::set<std::string_view> own = {"display_name", "languages", "contacts", "website", "calendar"};
  for (const std::string_view path :
       {"display_name", "languages", "contacts", "website", "kind", "level", "parent", "memberships",
        "territories", "competences", "approval_required", "calendar"}) {
    v1::UpdateBodyRequest request;
    request.mutable_body()->set_name("bodies/aa");
    request.mutable_update_mask()->add_paths("languages");
    request.mutable_update_mask()->add_paths(std::string(path));
    EXPECT_EQ(NeedsOperator(request), !own.contains(path)) << path;
  }
}

TEST(NewOffer, FirstReportsAreDatedNow) {
  const auto offer = NewOffer(NewOfferRequest(), kNow);
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(api::FromTimestamp(offer->groups(0).capacity().update_time()), kNow);
  EXPECT_FALSE(offer->groups(1).has_capacity());
}

TEST(NewOffer, GroupsMustSuitTheKindAndNobodyConfirmsAheadOfTime) {
  const auto fields = [](v1::CreateOfferRequest request) {
    EXPECT_TRUE(Check(request).ok());
    return error::ViolationsOf(NewOffer(request, kNow).status());
  };
  v1::CreateOfferRequest request = NewOfferRequest();
  request.mutable_offer()->set_kind(v1::OFFER_KIND_ONE_OFF);
  EXPECT_THAT(fields(request), ElementsAre(StartsWith("offer.groups: "), StartsWith("offer.groups[0]: "),
                                           StartsWith("offer.groups[1]: ")));
  request = NewOfferRequest();
  request.mutable_offer()->mutable_groups(1)->clear_permanent();
  EXPECT_THAT(fields(request), ElementsAre(StartsWith("offer.groups[1]: ")));
  request.mutable_offer()->clear_groups();
  EXPECT_THAT(fields(request), ElementsAre(StartsWith("offer.groups: ")));
  EXPECT_THAT(fields(NewOfferRequest("assured_date: '2026-11-23'")),
              ElementsAre(StartsWith("offer.assured_date: ")));
  EXPECT_THAT(fields(NewOfferRequest("assured_date: '2026-11-22'")), IsEmpty());
}

TEST(UpdatedOffer, KeepsTheCapacityOfGroupsThatStay) {
  const v1::Offer current = *NewOffer(NewOfferRequest(), kNow);
  v1::UpdateOfferRequest request;
  *request.mutable_offer() = Parse<v1::Offer>(R"(
      groups { group_id: "fle1" permanent: true capacity { places: 99 free: 99 } }
      groups { group_id: "new" permanent: true capacity { places: 5 free: 5 } }
      groups { group_id: "alpha" level: "A" permanent: true capacity { places: 99 free: 99 } })");
  request.mutable_update_mask()->add_paths("groups");
  const auto updated = UpdatedOffer(current, request, kLater);
  ASSERT_TRUE(updated.ok());
  EXPECT_FALSE(updated->groups(0).has_capacity());
  EXPECT_EQ(updated->groups(1).capacity().places(), 5);
  EXPECT_EQ(api::FromTimestamp(updated->groups(1).capacity().update_time()), kLater);
  EXPECT_EQ(updated->groups(2).level(), "A");
  EXPECT_EQ(updated->groups(2).capacity().places(), 8);
  EXPECT_EQ(api::FromTimestamp(updated->groups(2).capacity().update_time()), kNow);
}

TEST(WithCapacity, ChangesOneGroup) {
  const v1::Offer current = *NewOffer(NewOfferRequest(), kNow);
  v1::ReportCapacityRequest request =
      Parse<v1::ReportCapacityRequest>("name: 'offers/asl' group_id: 'fle1' capacity { places: 20 free: 1 }");
  const auto offer = WithCapacity(current, request, kLater);
  ASSERT_TRUE(offer.ok());
  EXPECT_EQ(offer->groups(0).SerializeAsString(), current.groups(0).SerializeAsString());
  EXPECT_EQ(offer->groups(1).capacity().free(), 1);
  EXPECT_EQ(api::FromTimestamp(offer->groups(1).capacity().update_time()), kLater);
  request.set_group_id("fle9");
  EXPECT_THAT(error::ViolationsOf(WithCapacity(current, request, kLater).status()),
              ElementsAre(StartsWith("group_id: ")));
  request.mutable_capacity()->set_free(21);
  EXPECT_FALSE(Check(request).ok());
  request.clear_capacity();
  EXPECT_FALSE(Check(request).ok());
}

TEST(Programmes, AnUpdateTakesOverTheMaskAndItsLeadIsNoPartner) {
  const v1::Programme current = Parse<v1::Programme>(
      "name: 'programmes/rising' lead: 'bodies/aa' partners: 'bodies/bb' funders: 'AMIF' "
      "period { start_date: '2020-01-01' }");
  v1::UpdateProgrammeRequest request = Parse<v1::UpdateProgrammeRequest>(
      "programme { name: 'programmes/rising' lead: 'bodies/zz' partners: 'bodies/cc' funders: 'EU' "
      "period { start_date: '2001-01-01' } end_reason: 'x' } update_mask { paths: 'partners' }");
  EXPECT_THAT(Fields(request), IsEmpty());
  v1::Programme expected = current;
  expected.set_partners(0, "bodies/cc");
  *expected.mutable_update_time() = api::ToTimestamp(kLater);
  EXPECT_EQ(UpdatedProgramme(current, request, kLater)->SerializeAsString(), expected.SerializeAsString());
  request.mutable_programme()->add_partners("bodies/aa");
  EXPECT_THAT(Fields(request), IsEmpty());
  EXPECT_THAT(error::ViolationsOf(UpdatedProgramme(current, request, kLater).status()),
              ElementsAre("programme.partners[1]: takes part already"));
  request.mutable_programme()->set_partners(1, "bodies/cc");
  EXPECT_THAT(Fields(request), ElementsAre("programme.partners[1]"));
}

TEST(Programmes, EndWithinThemselvesAndSayWhy) {
  v1::Programme current;
  *current.mutable_period() = Parse<v1::Period>("start_date: '2026-01-01' end_date: '2026-12-31'");
  const auto ended = [&](std::string_view date) {
    v1::EndProgrammeRequest request;
    request.set_end_date(std::string(date));
    request.set_reason("no funds");
    return EndedProgramme(current, request, kLater);
  };
  EXPECT_EQ(ended("2026-06-30")->period().end_date(), "2026-06-30");
  EXPECT_EQ(ended("2026-06-30")->period().start_date(), "2026-01-01");
  EXPECT_EQ(ended("2026-06-30")->end_reason(), "no funds");
  EXPECT_EQ(api::FromTimestamp(ended("2026-06-30")->update_time()), kLater);
  EXPECT_TRUE(ended("2026-01-01").ok());
  EXPECT_FALSE(ended("2025-12-31").ok());
  EXPECT_TRUE(ended("2026-12-31").ok());
  EXPECT_FALSE(ended("2027-01-01").ok());
  current.mutable_period()->clear_end_date();
  EXPECT_TRUE(ended("2030-01-01").ok());
  v1::CreateProgrammeRequest made;
  made.mutable_programme()->set_end_reason("x");
  EXPECT_EQ(NewProgramme(made, kNow).end_reason(), "");
}

TEST(Agreements, EndWithinThemselves) {
  v1::CoordinationAgreement current;
  *current.mutable_period() = Parse<v1::Period>("start_date: '2026-01-01' end_date: '2026-12-31'");
  const auto ended = [&](std::string_view date) {
    v1::EndCoordinationAgreementRequest request;
    request.set_end_date(std::string(date));
    return EndedAgreement(current, request, kLater);
  };
  EXPECT_EQ(ended("2026-06-30")->period().end_date(), "2026-06-30");
  EXPECT_TRUE(ended("2026-01-01").ok());
  EXPECT_FALSE(ended("2025-12-31").ok());
  EXPECT_FALSE(ended("2027-01-01").ok());
}

TEST(Agreements, PeriodsOverlapWhenADayLiesInBoth) {
  const auto overlap = [](std::string_view a, std::string_view b) {
    const bool result = PeriodsOverlap(Parse<v1::Period>(a), Parse<v1::Period>(b));
    EXPECT_EQ(result, PeriodsOverlap(Parse<v1::Period>(b), Parse<v1::Period>(a)));
    return result;
  };
  EXPECT_TRUE(overlap("", ""));
  EXPECT_TRUE(overlap("start_date: '2026-01-01' end_date: '2026-06-30'", "start_date: '2026-06-30'"));
  EXPECT_FALSE(overlap("start_date: '2026-01-01' end_date: '2026-06-29'", "start_date: '2026-06-30'"));
  EXPECT_FALSE(overlap("end_date: '2025-12-31'", "start_date: '2026-01-01'"));
  EXPECT_TRUE(overlap("start_date: '2020-01-01'", "start_date: '2026-01-01' end_date: '2026-01-01'"));
}

TEST(Overdue, OneYearAndNeverConfirmed) {
  v1::Offer offer;
  EXPECT_TRUE(AssuranceOverdue(offer, kNow));
  offer.set_assured_date("2025-11-21");
  EXPECT_FALSE(AssuranceOverdue(offer, kNow));
  offer.set_assured_date("2025-11-20");
  EXPECT_TRUE(AssuranceOverdue(offer, kNow));
  EXPECT_FALSE(IsStale(kNow - kCapacityStaleAfter, kNow));
  EXPECT_TRUE(IsStale(kNow - kCapacityStaleAfter, kNow + absl::Seconds(1)));
}

}  // namespace
}  // namespace waypost::directory
