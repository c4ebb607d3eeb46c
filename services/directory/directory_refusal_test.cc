// What is refused, through gRPC: fields beyond their limits, malformed names, unknown enum values, stale
// etags, bad pages, missing and reused request ids. Each is answered as documented, and the store is byte for
// byte what it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/status/errors.h"
#include "services/directory/directory_rig.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT: the rig of this room
using policy::Role;
using ::testing::Contains;
using ::testing::StartsWith;

std::string Long(size_t bytes) {
  return std::string(bytes, 'x');
}

// "aa", "ab", …
std::string Language(int index) {
  return {static_cast<char>('a' + index / 26), static_cast<char>('a' + index % 26)};
}

// Those of the service that change something.
std::set<std::string> EveryChange() {
  std::set<std::string> changes;
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "waypost.directory.v1.DirectoryService");
  for (int i = 0; i < described->method_count(); ++i) {
    const auto& method = *described->method(i);
    if (method.input_type()->FindFieldByName("request_id") != nullptr) changes.insert(method.name());
  }
  return changes;
}

class DirectoryRefusal : public ::testing::Test, protected DirectoryRig {
 protected:
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request>
  static std::string NameOf() {
    const std::string& type = Request::descriptor()->name();
    return type.substr(0, type.size() - std::string_view("Request").size());
  }

  // Something of everything, as `Request` can be made of it; its id. keeper() may do whatever can be done.
  template <typename Request>
  std::string Fresh() {
    const std::string id = base::Cat(++made_);
    Make(id);
    keeper_ = rig.TokenOf(base::Cat("bodies/", id), {Role::kSupervisor, Role::kOperator});
    if (NameOf<Request>() == "ReactivateBody") {
      EXPECT_TRUE(Do(keeper_, &Stub::SuspendBody, Valid<v1::SuspendBodyRequest>(id)).ok());
    }
    return id;
  }

  template <typename Request>
  static Request With(const std::string& id, std::string_view text) {
    auto request = Valid<Request>(id);
    Merge(text, request);
    return request;
  }

  template <typename Request, typename Response>
  void Accepted(Method<Request, Response> method, std::string_view text) {
    const auto answer = Do(keeper_, method, With<Request>(Fresh<Request>(), text));
    EXPECT_TRUE(answer.ok()) << NameOf<Request>() << " " << text << ": " << answer.status();
  }

  // Refused as INVALID_FIELD that names `field`, and nothing is written.
  template <typename Request, typename Response>
  void Refused(Method<Request, Response> method, std::string_view text, std::string_view field) {
    const auto request = With<Request>(Fresh<Request>(), text);
    const auto before = rig.Dump();
    const absl::Status status = Do(keeper_, method, request).status();
    const std::string what = base::Cat(NameOf<Request>(), " ", text.substr(0, 300));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what << ": " << status;
    EXPECT_EQ(error::ReasonOf(status), "INVALID_FIELD") << what;
    EXPECT_THAT(error::ViolationsOf(status), Contains(StartsWith(base::Cat(field, ": ")))) << what;
    EXPECT_TRUE(rig.Dump() == before) << what << ": something was written";
    looked_at_.insert(NameOf<Request>());
  }

  // A text of `most` bytes between the two is taken, one of a byte more refused.
  template <typename Request, typename Response>
  void AtMost(size_t most, Method<Request, Response> method, std::string_view head, std::string_view tail,
              std::string_view field) {
    Accepted(method, base::Cat(head, "'", Long(most), "'", tail));
    Refused(method, base::Cat(head, "'", Long(most + 1), "'", tail), field);
  }

  using Item = std::function<std::string(int index)>;
  static std::string Repeat(int count, std::string_view head, const Item& item, std::string_view tail) {
    std::string text(head);
    for (int i = 0; i < count; ++i) text += item(i);
    return text + std::string(tail);
  }
  template <typename Request, typename Response>
  void Count(int most, Method<Request, Response> method, std::string_view head, const Item& item,
             std::string_view tail, std::string_view field) {
    Accepted(method, Repeat(most, head, item, tail));
    Refused(method, Repeat(most + 1, head, item, tail), field);
  }

  // Every change was looked at, but for these, which have nothing of the sort.
  void ExpectEveryChangeBut(const std::set<std::string>& none) {
    for (const std::string& change : EveryChange()) {
      EXPECT_NE(looked_at_.contains(change), none.contains(change)) << change;
    }
  }

  std::set<std::string> looked_at_;
  std::string keeper_;
  int made_ = 10'000;
};

constexpr std::string_view kContact = "body { contacts { interlocutor { email: 'a@b.eu' title: ";
constexpr std::string_view kEmail = "body { contacts { interlocutor { title: 't' email: 'a@";
constexpr std::string_view kCompetence =
    "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' ";

TEST_F(DirectoryRefusal, TextsOfBodiesAndUnitsBeyondTheirLimits) {
  const std::string_view name = "display_name { original_language: 'es' text { key: 'es' value: ";
  AtMost(300, &Stub::CreateBody, base::Cat("body { ", name), "}}}", "body.display_name.text[es]");
  AtMost(300, &Stub::CreateBody, base::Cat("body { ", kCompetence, "basis: "), "}}",
         "body.competences[0].basis");
  AtMost(200, &Stub::CreateBody, kContact, "}}}", "body.contacts[0].interlocutor.title");
  Accepted(&Stub::CreateBody, base::Cat(kEmail, Long(249), ".eu' }}}"));
  Refused(&Stub::CreateBody, base::Cat(kEmail, Long(250), ".eu' }}}"), "body.contacts[0].interlocutor.email");
  const std::string_view website = "update_mask { paths: 'website' } body { website: 'https://";
  Accepted(&Stub::UpdateBody, base::Cat(website, Long(292), "' }"));
  Refused(&Stub::UpdateBody, base::Cat(website, Long(293), "' }"), "body.website");
  AtMost(500, &Stub::SuspendBody, "reason: ", "", "reason");
  AtMost(500, &Stub::ReactivateBody, "reason: ", "", "reason");
  AtMost(500, &Stub::DissolveBody, "reason: ", "", "reason");
  AtMost(300, &Stub::CreateUnit, base::Cat("unit { ", name), "}}}", "unit.display_name.text[es]");
  AtMost(200, &Stub::CreateUnit, "unit { contact { email: 'a@b.eu' title: ", "}}", "unit.contact.title");
  AtMost(300, &Stub::UpdateUnit, base::Cat("update_mask { paths: 'display_name' } unit { ", name), "}}}",
         "unit.display_name.text[es]");
  // The next test has these.
  ExpectEveryChangeBut({"CreateOffer", "UpdateOffer", "ReportCapacity", "CreateProgramme", "UpdateProgramme",
                        "EndProgramme", "CreateCoordinationAgreement", "EndCoordinationAgreement",
                        "CreateSuccession", "EndSuccession", "Enquire", "AnswerEnquiry", "ImportOffers",
                        "ImportTerritories"});
}

TEST_F(DirectoryRefusal, TextsAndNumbersOfTheOthersBeyondTheirLimits) {
  const std::string_view text = " { original_language: 'es' text { key: 'es' value: ";
  AtMost(300, &Stub::CreateOffer, base::Cat("offer { display_name", text), "}}}",
         "offer.display_name.text[es]");
  AtMost(8'000, &Stub::CreateOffer, base::Cat("offer { description", text), "}}}",
         "offer.description.text[es]");
  AtMost(2'000, &Stub::CreateOffer, base::Cat("offer { schedule", text), "}}}", "offer.schedule.text[es]");
  AtMost(300, &Stub::CreateOffer, base::Cat("offer { required_documents", text), "}}}",
         "offer.required_documents[0].text[es]");
  const std::string_view group = "update_mask { paths: 'groups' } offer { groups { group_id: 'all' ";
  AtMost(60, &Stub::UpdateOffer, base::Cat(group, "level: "), "}}", "offer.groups[0].level");
  AtMost(300, &Stub::UpdateOffer, base::Cat(group, "display_name ", text), "}}}}",
         "offer.groups[0].display_name.text[es]");
  Accepted(&Stub::ReportCapacity, "capacity { places: 1000000 waiting: 1000000 }");
  Refused(&Stub::ReportCapacity, "capacity { places: 1000001 }", "capacity.places");
  Refused(&Stub::ReportCapacity, "capacity { waiting: 1000001 }", "capacity.waiting");
  Refused(&Stub::ReportCapacity, "capacity { free: -1 }", "capacity.free");
  Refused(&Stub::ReportCapacity, "capacity { places: 2 free: 3 }", "capacity.free");
  AtMost(300, &Stub::CreateProgramme, base::Cat("programme { display_name", text), "}}}",
         "programme.display_name.text[es]");
  AtMost(200, &Stub::CreateProgramme, "programme { funders: ", "}", "programme.funders[0]");
  AtMost(300, &Stub::UpdateProgramme,
         base::Cat("update_mask { paths: 'display_name' } programme { display_name", text), "}}}",
         "programme.display_name.text[es]");
  AtMost(200, &Stub::UpdateProgramme, "programme { funders: ", "}", "programme.funders[1]");
  AtMost(500, &Stub::EndProgramme, "reason: ", "", "reason");
  Refused(&Stub::EndProgramme, "reason: ''", "reason");
  Refused(&Stub::EndProgramme, "end_date: ''", "end_date");
  Refused(&Stub::EndProgramme, "end_date: '2026-02-30'", "end_date");
  Refused(&Stub::EndProgramme, "end_date: '2025-12-31'", "end_date");
  AtMost(300, &Stub::CreateCoordinationAgreement, "coordination_agreement { reference: ", "}",
         "coordination_agreement.reference");
  Refused(&Stub::EndCoordinationAgreement, "end_date: '2026-02-30'", "end_date");
  Refused(&Stub::EndCoordinationAgreement, "end_date: '2028-12-310'", "end_date");
  Refused(&Stub::EndCoordinationAgreement, "end_date: '2025-12-31'", "end_date");
  AtMost(300, &Stub::CreateSuccession, "succession { reference: ", "}", "succession.reference");
  Refused(&Stub::CreateSuccession, "succession { period { start_date: '' } }",
          "succession.period.start_date");
  Refused(&Stub::CreateSuccession, "succession { kind: SUCCESSION_KIND_MERGED }", "succession.shares");
  Refused(&Stub::EndSuccession, "end_date: ''", "end_date");
  Accepted(&Stub::Enquire, "enquiry { household_persons: 50 }");
  Refused(&Stub::Enquire, "enquiry { household_persons: 51 }", "enquiry.household_persons");
  const std::string_view wait = "answer { verdict: ENQUIRY_VERDICT_YES_WITH_WAIT expected_wait_days: ";
  Accepted(&Stub::AnswerEnquiry, base::Cat(wait, "730 }"));
  Refused(&Stub::AnswerEnquiry, base::Cat(wait, "731 }"), "answer.expected_wait_days");
  Refused(&Stub::EndSuccession, "end_date: '2025-12-31'", "end_date");
  // Rows of imports are refused one by one: directory_import_test.cc.
  ExpectEveryChangeBut({"CreateBody", "UpdateBody", "SuspendBody", "ReactivateBody", "DissolveBody",
                        "CreateUnit", "UpdateUnit", "ImportOffers", "ImportTerritories"});
}

TEST_F(DirectoryRefusal, CountsBeyondTheirLimits) {
  const Item language = [](int i) { return base::Cat("languages: '", Language(i), "' "); };
  const Item place = [](int i) { return base::Cat("territories: 'PT100/", 10'000 + i, "' "); };
  const Item deputy = [](int) { return std::string("deputies { title: 't' email: 'a@b.eu' } "); };
  const Item document = [](int) {
    return std::string("required_documents { text { key: 'es' value: 'DNI' } original_language: 'es' } ");
  };
  const auto same = [](std::string_view text) { return [text](int) { return std::string(text); }; };
  Count(60, &Stub::CreateBody, "body { ", language, "}", "body.languages");
  Count(199, &Stub::CreateBody, "body { ", place, "}", "body.territories");
  Count(400, &Stub::CreateBody, "body { ", same(base::Cat(kCompetence, "} ")), "}", "body.competences");
  Count(50, &Stub::CreateBody, "body { ", same("memberships { association: 'bodies/es-association' } "), "}",
        "body.memberships");
  Count(5, &Stub::CreateBody, "body { contacts { interlocutor { title: 't' telephone: '+34600000' } ", deputy,
        "}}", "body.contacts[0].deputies");
  Refused(&Stub::CreateBody, Repeat(41, "body { ", same("contacts { } "), "}"), "body.contacts");
  Count(60, &Stub::CreateUnit, "unit { ", language, "}", "unit.languages");
  const Item day = [](int i) { return base::Cat("working_days: ", i + 1, " "); };
  Count(7, &Stub::CreateUnit, "unit { calendar { zone: 'UTC' ", day, "} }", "unit.calendar.working_days");
  const Item holiday = [](int i) { return base::Cat("holidays: '", 2000 + i, "-12-25' "); };
  Count(400, &Stub::CreateBody, "body { calendar { zone: 'UTC' working_days: 1 ", holiday, "} }",
        "body.calendar.holidays");
  const Item span = [](int i) {
    return base::Cat("duty_hours { day: ", i % 7 + 1, " opens: '0", i / 7, ":00' closes: '0", i / 7,
                     ":30' } ");
  };
  Count(21, &Stub::CreateUnit, "unit { ", span, "}", "unit.duty_hours");
  Count(199, &Stub::CreateOffer, "offer { ", place, "}", "offer.territories");
  Count(60, &Stub::CreateOffer, "offer { ", language, "}", "offer.languages");
  Count(30, &Stub::CreateOffer, "offer { ", document, "}", "offer.required_documents");
  Refused(&Stub::CreateOffer, Repeat(50, "offer { ", same("groups { group_id: 'x' } "), "}"), "offer.groups");
  const Item share = [](int i) {
    return base::Cat("shares { successor: 'bodies/es-node' territories: 'ES30", i % 10, "/", i, "' } ");
  };
  Count(19, &Stub::CreateSuccession, "succession { ", share, "}", "succession.shares");
  Count(50, &Stub::CreateSuccession, "succession { shares { successor: 'bodies/es-node' ", place, "} }",
        "succession.shares[1].territories");
  const Item unit = [](int i) {
    return base::Cat("units { unit: 'bodies/es-node/units/u", i,
                     "' successor_unit: 'bodies/es-node/units/u' } ");
  };
  Refused(&Stub::CreateSuccession,
          base::Cat("succession { shares { successor: 'bodies/es-node' ", Repeat(201, "", unit, ""), "} }"),
          "succession.shares[1].units");
  Count(
      199, &Stub::ImportOffers, "", [](int i) { return base::Cat("offers { offer_id: 'row-", i, "' } "); },
      "", "offers");
  Refused(&Stub::ImportOffers, "offers { offer_id: 'row' } offers { offer_id: 'row' }", "offers[2]");
  Count(
      499, &Stub::ImportTerritories, "",
      [](int i) { return base::Cat("territories { code: 'PT1", i, "' } "); }, "", "territories");
  Refused(&Stub::ImportTerritories, "territories { code: 'PT' }", "territories[1]");
  Refused(&Stub::ImportTerritories, "complete_countries: 'PT' complete_countries: 'PT'",
          "complete_countries[1]");
  Refused(&Stub::ImportTerritories,
          Repeat(
              61, "", [](int i) { return base::Cat("complete_countries: '", Language(i), "' "); }, ""),
          "complete_countries");
  Count(20, &Stub::CreateProgramme, "programme { ", same("funders: 'EU' "), "}", "programme.funders");
  Count(19, &Stub::UpdateProgramme, "programme { ", same("funders: 'EU' "), "}", "programme.funders");
  Refused(&Stub::UpdateProgramme,
          Repeat(
              101, "update_mask { paths: 'partners' } programme { ",
              [](int i) { return base::Cat("partners: 'bodies/p", i, "' "); }, "}"),
          "programme.partners");
  Refused(&Stub::CreateProgramme,
          Repeat(
              101, "programme { ", [](int i) { return base::Cat("partners: 'bodies/p", i, "' "); }, "}"),
          "programme.partners");
}

TEST_F(DirectoryRefusal, EligibilityRulesBeyondTheirLimits) {
  const std::string age = "rules { age { min_years: 18 } } ";
  const auto rule = [](std::string_view text) { return base::Cat("offer { eligibility { ", text, " } }"); };
  const auto list = [&](int count) {
    return Repeat(
        count, "all_of { ", [&](int) { return age; }, "} ");
  };
  Accepted(&Stub::CreateOffer, rule(list(32)));
  Refused(&Stub::CreateOffer, rule(list(33)), "offer.eligibility.all_of");
  // Nodes: one, three lists in it, and 20 in each.
  const auto lists = [&](int in_last) {
    return base::Cat("any_of { rules { ", list(20), "} rules { ", list(20), "} rules { ", list(in_last),
                     "} }");
  };
  Accepted(&Stub::CreateOffer, rule(lists(20)));
  Refused(&Stub::CreateOffer, rule(lists(21)), "offer.eligibility.any_of[2].all_of[20]");
  const auto deep = [&](int lists_above) {
    std::string text = "age { min_years: 18 }";
    for (int i = 0; i < lists_above; ++i) text = base::Cat("none_of { rules { ", text, " } }");
    return text;
  };
  Accepted(&Stub::CreateOffer, rule(deep(5)));
  const auto request = With<v1::CreateOfferRequest>(Fresh<v1::CreateOfferRequest>(), rule(deep(6)));
  const auto before = rig.Dump();
  EXPECT_EQ(error::ReasonOf(Do(keeper_, &Stub::CreateOffer, request).status()), "INVALID_FIELD");
  EXPECT_TRUE(rig.Dump() == before);
  Refused(&Stub::CreateOffer, rule("age { min_years: 131 }"), "offer.eligibility.age.min_years");
  Refused(&Stub::CreateOffer, rule("household { min_persons: 51 }"),
          "offer.eligibility.household.min_persons");
}

constexpr std::string_view kBadBodies[] = {"bodies/",
                                           "bodies/AA",
                                           "body/aa",
                                           "bodies/aa/units/bb",
                                           "aa",
                                           "bodies/..",
                                           "bodies/a",
                                           "bodies/aa ",
                                           "bodies/aa/bb",
                                           "/bodies/aa",
                                           "offers/aa",
                                           "bodies/-a",
                                           "bodies/se\\303\\261or"};
constexpr std::string_view kBadIds[] = {"", "a", "AA", "-aa", "aa-", "a b", "bodies/aa", "aa/bb", "a.b"};

TEST_F(DirectoryRefusal, MalformedNamesOfBodies) {
  for (const std::string_view name : kBadBodies) {
    const auto field = [name](std::string_view path) { return base::Cat(path, ": '", name, "' "); };
    Refused(&Stub::CreateBody, base::Cat("body { ", field("parent"), "}"), "body.parent");
    Refused(&Stub::CreateBody, base::Cat("body { memberships { ", field("association"), "} }"),
            "body.memberships[0].association");
    Refused(&Stub::UpdateBody, base::Cat("body { ", field("name"), "}"), "body.name");
    Refused(&Stub::SuspendBody, field("name"), "name");
    Refused(&Stub::ReactivateBody, field("name"), "name");
    Refused(&Stub::DissolveBody, field("name"), "name");
    Refused(&Stub::CreateUnit, field("parent"), "parent");
    Refused(&Stub::CreateOffer, base::Cat("offer { ", field("provider"), "}"), "offer.provider");
    Refused(&Stub::CreateProgramme, base::Cat("programme { ", field("lead"), "}"), "programme.lead");
    Refused(&Stub::CreateProgramme, base::Cat("programme { ", field("partners"), "}"),
            "programme.partners[0]");
    Refused(&Stub::UpdateProgramme,
            base::Cat("update_mask { paths: 'partners' } programme { ", field("partners"), "}"),
            "programme.partners[0]");
    Refused(&Stub::CreateCoordinationAgreement, base::Cat("coordination_agreement { ", field("body"), "}"),
            "coordination_agreement.body");
    Refused(&Stub::CreateSuccession, base::Cat("succession { ", field("predecessor"), "}"),
            "succession.predecessor");
    Refused(&Stub::CreateSuccession, base::Cat("succession { shares { ", field("successor"), "} }"),
            "succession.shares[1].successor");
    Refused(&Stub::ListSuccessions, field("predecessor"), "predecessor");
    Refused(&Stub::ListSuccessions, field("successor"), "successor");
    Refused(&Stub::ListDirectoryTasks, field("body"), "body");
    Refused(&Stub::Enquire, base::Cat("enquiry { ", field("body"), "}"), "enquiry.body");
    Refused(&Stub::GetBody, field("name"), "name");
    Refused(&Stub::ListBodies, field("parent"), "parent");
    Refused(&Stub::ListBodies, field("association"), "association");
    Refused(&Stub::ListUnits, field("parent"), "parent");
    Refused(&Stub::ListOffers, field("provider"), "provider");
    Refused(&Stub::ExportOffers, field("provider"), "provider");
    Refused(&Stub::ResolveRoute, field("origin"), "origin");
  }
  // The next test has these.
  ExpectEveryChangeBut({"UpdateUnit", "UpdateOffer", "ReportCapacity", "EndProgramme",
                        "EndCoordinationAgreement", "EndSuccession", "AnswerEnquiry", "ImportOffers",
                        "ImportTerritories"});
}

TEST_F(DirectoryRefusal, MalformedNamesOfWhatBodiesHave) {
  for (const std::string_view name : {"bodies/aa", "bodies/aa/units/", "units/bb", "bodies/aa/units/bb/cc",
                                      "bodies/aa/units/B", "bodies//units/bb", "bodies/aa/unit/bb"}) {
    const auto unit = base::Cat("name: '", name, "' ");
    Refused(&Stub::UpdateUnit, base::Cat("unit { ", unit, "}"), "unit.name");
    Refused(&Stub::GetUnit, unit, "name");
    Refused(&Stub::CreateBody,
            base::Cat("body { contacts { unit: '", name, "' interlocutor { title: 't' email: 'a@b.eu' } } }"),
            "body.contacts[0].unit");
  }
  for (const std::string_view id : {"", "A", "aa/bb", "bodies/aa", "a ", "-a"}) {
    const auto named = [id](std::string_view kind) { return base::Cat("name: '", kind, "/", id, "' "); };
    Refused(&Stub::UpdateOffer, base::Cat("offer { ", named("offers"), "}"), "offer.name");
    Refused(&Stub::ReportCapacity, named("offers"), "name");
    Refused(&Stub::UpdateProgramme, base::Cat("programme { ", named("programmes"), "}"), "programme.name");
    Refused(&Stub::EndProgramme, named("programmes"), "name");
    Refused(&Stub::EndCoordinationAgreement, named("coordinationAgreements"), "name");
    Refused(&Stub::GetOffer, named("offers"), "name");
    Refused(&Stub::EndSuccession, named("successions"), "name");
    Refused(&Stub::GetSuccession, named("successions"), "name");
    Refused(&Stub::GetEnquiry, named("enquiries"), "name");
    Refused(&Stub::AnswerEnquiry, named("enquiries"), "name");
    Refused(&Stub::GetProgramme, named("programmes"), "name");
    Refused(&Stub::GetCoordinationAgreement, named("coordinationAgreements"), "name");
    Refused(&Stub::ListOffers, base::Cat("programme: 'programmes/", id, "'"), "programme");
    Refused(&Stub::CreateOffer, base::Cat("offer { programme: 'programmes/", id, "' }"), "offer.programme");
  }
  for (const std::string_view id : {"", "A", "a b", "a/b"}) {
    Refused(&Stub::ReportCapacity, base::Cat("group_id: '", id, "'"), "group_id");
  }
  for (const std::string_view change : {"UpdateUnit", "UpdateOffer", "ReportCapacity", "EndProgramme",
                                        "EndCoordinationAgreement", "EndSuccession", "AnswerEnquiry"}) {
    EXPECT_TRUE(looked_at_.contains(std::string(change))) << change;
  }
}

TEST_F(DirectoryRefusal, MalformedIdsAndCodes) {
  std::vector<std::string> ids(std::begin(kBadIds), std::end(kBadIds));
  ids.push_back(Long(64));
  for (const std::string& id : ids) {
    Refused(&Stub::CreateBody, base::Cat("body_id: '", id, "'"), "body_id");
    Refused(&Stub::CreateUnit, base::Cat("unit_id: '", id, "'"), "unit_id");
    Refused(&Stub::CreateOffer, base::Cat("offer_id: '", id, "'"), "offer_id");
    Refused(&Stub::CreateProgramme, base::Cat("programme_id: '", id, "'"), "programme_id");
    Refused(&Stub::CreateCoordinationAgreement, base::Cat("coordination_agreement_id: '", id, "'"),
            "coordination_agreement_id");
    Refused(&Stub::CreateSuccession, base::Cat("succession_id: '", id, "'"), "succession_id");
    Refused(&Stub::Enquire, base::Cat("enquiry_id: '", id, "'"), "enquiry_id");
  }
  for (const std::string_view code : {"es300", "E", "ES3000", "ES30/1", "ES300/", "ES300/a", "EU1"}) {
    Refused(&Stub::CreateBody, base::Cat("body { territories: '", code, "' }"), "body.territories[1]");
    Refused(&Stub::CreateOffer, base::Cat("offer { territories: '", code, "' }"), "offer.territories[1]");
    Refused(&Stub::CreateCoordinationAgreement,
            base::Cat("coordination_agreement { territory: '", code, "' }"),
            "coordination_agreement.territory");
    Refused(&Stub::CreateSuccession,
            base::Cat("succession { shares { successor: 'bodies/es-node' territories: '", code, "' } }"),
            "succession.shares[1].territories[0]");
    Refused(&Stub::Enquire, base::Cat("enquiry { territory: '", code, "' }"), "enquiry.territory");
    Refused(&Stub::ResolveRoute, base::Cat("territory: '", code, "'"), "territory");
  }
  for (const std::string_view tag : {"e", "es_ES", "-es", "ES", "es-", "es-very-long-subtagbeyond"}) {
    Refused(&Stub::UpdateBody, base::Cat("body { languages: '", tag, "' }"), "body.languages[1]");
    Refused(&Stub::UpdateOffer, base::Cat("offer { languages: '", tag, "' }"), "offer.languages[1]");
    Refused(&Stub::Enquire, base::Cat("enquiry { language: '", tag, "' }"), "enquiry.language");
  }
  for (const std::string_view zone : {"", "Europe/Nowhere", "/etc/localtime", "europe/madrid"}) {
    const std::string calendar =
        base::Cat("update_mask { paths: 'calendar' } $ { calendar { working_days: 1 zone: '", zone, "' } }");
    const auto of = [&calendar](std::string_view what) {
      std::string text = calendar;
      return text.replace(text.find('$'), 1, what);
    };
    Refused(&Stub::UpdateBody, of("body"), "body.calendar.zone");
    Refused(&Stub::UpdateUnit, of("unit"), "unit.calendar.zone");
  }
}

TEST_F(DirectoryRefusal, MasksThatNameWhatCannotBeUpdatedOrNothing) {
  for (const std::string_view path :
       {"name", "status", "etag", "create_time", "nothing", "display_name.text", "*", ""}) {
    Refused(&Stub::UpdateBody, base::Cat("update_mask { paths: '", path, "' }"), "update_mask");
  }
  for (const std::string_view path : {"name", "etag", "contact.title", "update_time"}) {
    Refused(&Stub::UpdateUnit, base::Cat("update_mask { paths: '", path, "' }"), "update_mask");
  }
  for (const std::string_view path : {"name", "provider", "kind", "assurance_overdue", "groups.capacity"}) {
    Refused(&Stub::UpdateOffer, base::Cat("update_mask { paths: '", path, "' }"), "update_mask");
  }
  for (const std::string_view path : {"name", "lead", "period", "end_reason", "period.end_date", "*"}) {
    Refused(&Stub::UpdateProgramme, base::Cat("update_mask { paths: '", path, "' }"), "update_mask");
  }
  const std::string id = Fresh<v1::UpdateBodyRequest>();
  auto request = Valid<v1::UpdateBodyRequest>(id);
  request.clear_update_mask();
  const auto before = rig.Dump();
  EXPECT_THAT(error::ViolationsOf(Do(keeper_, &Stub::UpdateBody, request).status()),
              Contains("update_mask: is required"));
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(DirectoryRefusal, EnumValuesThatAreNotKnown) {
  const std::string_view mask = "update_mask { paths: ";
  for (const std::string_view value : {"999", "-1", "0"}) {
    const auto in = [value](std::string_view message, std::string_view rest) {
      return base::Cat(message, " { ", rest, ": ", value, " }");
    };
    Refused(&Stub::CreateBody, in("body", "kind"), "body.kind");
    Refused(&Stub::CreateBody, in("body", "level"), "body.level");
    Refused(&Stub::CreateBody, in("body { competences", "function") + " }", "body.competences[0].function");
    Refused(&Stub::CreateBody, in("body { competences", "theme") + " }", "body.competences[0].theme");
    Refused(&Stub::UpdateBody, base::Cat(mask, "'kind' } ", in("body", "kind")), "body.kind");
    Refused(&Stub::CreateUnit, in("unit", "kind"), "unit.kind");
    Refused(&Stub::CreateUnit, in("unit", "status"), "unit.status");
    Refused(&Stub::CreateUnit, in("unit", "themes"), "unit.themes[0]");
    Refused(&Stub::CreateUnit, in("unit { calendar", "working_days") + " }", "unit.calendar.working_days[0]");
    Refused(&Stub::CreateUnit, in("unit { duty_hours", "day") + " }", "unit.duty_hours[0].day");
    Refused(&Stub::UpdateUnit, in("unit", "status"), "unit.status");
    Refused(&Stub::CreateOffer, in("offer", "theme"), "offer.theme");
    Refused(&Stub::CreateOffer, in("offer", "kind"), "offer.kind");
    Refused(&Stub::CreateOffer, in("offer", "status"), "offer.status");
    Refused(&Stub::CreateOffer, in("offer { eligibility { legal_status", "any_of") + " } }",
            "offer.eligibility.legal_status.any_of[0]");
    Refused(&Stub::UpdateOffer, base::Cat(mask, "'status' } ", in("offer", "status")), "offer.status");
    Refused(&Stub::CreateCoordinationAgreement, in("coordination_agreement", "theme"),
            "coordination_agreement.theme");
    Refused(&Stub::Enquire, in("enquiry", "theme"), "enquiry.theme");
    Refused(&Stub::AnswerEnquiry, in("answer", "verdict"), "answer.verdict");
    Refused(&Stub::AnswerEnquiry, in("answer", "reason"), "answer.reason");
    Refused(&Stub::ListEnquiries, base::Cat("box: ", value), "box");
    Refused(&Stub::CreateSuccession, in("succession", "kind"), "succession.kind");
    Refused(&Stub::CreateSuccession, in("succession { shares", "themes") + " }",
            "succession.shares[1].themes[0]");
    Refused(&Stub::ResolveRoute, base::Cat("theme: ", value), "theme");
    if (value == "0") continue;  // there it says: whichever
    Refused(&Stub::CreateBody, in("body { contacts", "theme") + " }", "body.contacts[0].theme");
    Refused(&Stub::Enquire, in("enquiry", "age_band"), "enquiry.age_band");
    Refused(&Stub::ListBodies, base::Cat("kind: ", value), "kind");
    Refused(&Stub::ListBodies, base::Cat("level: ", value), "level");
    Refused(&Stub::ListOffers, base::Cat("territory: 'ES300' theme: ", value), "theme");
    Refused(&Stub::ResolveRoute, base::Cat("function: ", value), "function");
  }
  ExpectEveryChangeBut({"SuspendBody", "ReactivateBody", "DissolveBody", "ReportCapacity", "CreateProgramme",
                        "UpdateProgramme", "EndProgramme", "EndCoordinationAgreement", "EndSuccession",
                        "ImportOffers", "ImportTerritories"});
}

class StaleEtags : public DirectoryRefusal {
 protected:
  // `head` and `tail`: around the etag.
  template <typename Request, typename Response>
  void Check(Method<Request, Response> method, std::string_view head, std::string_view tail) {
    const std::string id = Fresh<Request>();
    const auto with = [&](std::string_view etag) {
      return Do(keeper_, method, With<Request>(id, base::Cat(head, "etag: '", etag, "'", tail)));
    };
    const std::string now = NameOf<Request>() == "ReactivateBody" ? "\"2\"" : "\"1\"";
    const auto before = rig.Dump();
    for (const std::string_view etag : {"\"999\"", "\"0\"", "1", "2", "W/\"1\"", "\"-1\"", "*", "x"}) {
      const absl::Status status = with(etag).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << NameOf<Request>() << " " << etag;
      EXPECT_EQ(error::ReasonOf(status), "ETAG_MISMATCH") << NameOf<Request>() << " " << etag;
    }
    EXPECT_TRUE(rig.Dump() == before) << NameOf<Request>();
    EXPECT_TRUE(with(now).ok()) << NameOf<Request>();
    const auto after = rig.Dump();
    EXPECT_EQ(error::ReasonOf(with(now).status()), "ETAG_MISMATCH")
        << NameOf<Request>() << ": was right once";
    EXPECT_TRUE(rig.Dump() == after) << NameOf<Request>();
    looked_at_.insert(NameOf<Request>());
  }
};

TEST_F(StaleEtags, AreRefusedByEveryChangeOfWhatIsThere) {
  Check(&Stub::UpdateBody, "body { ", " }");
  Check(&Stub::SuspendBody, "", "");
  Check(&Stub::ReactivateBody, "", "");
  Check(&Stub::DissolveBody, "", "");
  Check(&Stub::UpdateUnit, "unit { ", " }");
  Check(&Stub::UpdateOffer, "offer { ", " }");
  Check(&Stub::ReportCapacity, "", "");
  Check(&Stub::UpdateProgramme, "programme { ", " }");
  Check(&Stub::EndProgramme, "", "");
  Check(&Stub::EndCoordinationAgreement, "", "");
  Check(&Stub::EndSuccession, "", "");
  Check(&Stub::AnswerEnquiry, "", "");
  ExpectEveryChangeBut({"CreateBody", "CreateUnit", "CreateOffer", "CreateProgramme",
                        "CreateCoordinationAgreement", "CreateSuccession", "Enquire", "ImportOffers",
                        "ImportTerritories"});
}

class RequestIds : public DirectoryRefusal {
 protected:
  template <typename Request, typename Response>
  void Check(Method<Request, Response> method, std::string_view other_content) {
    const std::string id = Fresh<Request>();
    auto request = Valid<Request>(id);
    const auto before = rig.Dump();
    for (const std::string& bad : {std::string(), std::string("short-1"), Long(65), std::string("has space"),
                                   std::string("sla/sh-slash"), std::string("ñññññññññ")}) {
      request.set_request_id(bad);
      const absl::Status status = rig.CallAsItIs(*stub, keeper_, method, request).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << NameOf<Request>() << " '" << bad << "'";
      EXPECT_EQ(error::ReasonOf(status), "INVALID_FIELD") << NameOf<Request>();
      EXPECT_THAT(error::ViolationsOf(status), Contains(StartsWith("request_id: "))) << NameOf<Request>();
    }
    EXPECT_TRUE(rig.Dump() == before) << NameOf<Request>();

    request.set_request_id(base::Cat("used-once-", id));
    const auto first = Do(keeper_, method, request);
    ASSERT_TRUE(first.ok()) << NameOf<Request>() << ": " << first.status();
    auto other = request;
    Merge(other_content, other);
    const auto after = rig.Dump();
    const absl::Status reused = Do(keeper_, method, other).status();
    EXPECT_EQ(reused.code(), absl::StatusCode::kInvalidArgument) << NameOf<Request>() << ": " << reused;
    EXPECT_EQ(error::ReasonOf(reused), "REQUEST_ID_REUSED") << NameOf<Request>();
    const auto again = Do(keeper_, method, request);
    ASSERT_TRUE(again.ok()) << NameOf<Request>() << ": " << again.status();
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString()) << NameOf<Request>();
    EXPECT_TRUE(rig.Dump() == after) << NameOf<Request>();
    looked_at_.insert(NameOf<Request>());
  }
};

TEST_F(RequestIds, AreNeededByEveryChangeAndGoodForOneContent) {
  Check(&Stub::CreateBody, "body_id: 'another'");
  Check(&Stub::UpdateBody, "body { languages: 'fa' }");
  Check(&Stub::SuspendBody, "reason: 'another'");
  Check(&Stub::ReactivateBody, "reason: 'another'");
  Check(&Stub::DissolveBody, "reason: 'another'");
  Check(&Stub::CreateUnit, "unit_id: 'another'");
  Check(&Stub::UpdateUnit, "unit { status: UNIT_STATUS_ACTIVE }");
  Check(&Stub::CreateOffer, "offer_id: 'another'");
  Check(&Stub::UpdateOffer, "offer { languages: 'fa' }");
  Check(&Stub::ReportCapacity, "capacity { free: 3 }");
  Check(&Stub::ImportOffers, "offers { offer_id: 'another' }");
  Check(&Stub::ImportTerritories, "complete_countries: 'PT'");
  Check(&Stub::CreateProgramme, "programme_id: 'another'");
  Check(&Stub::UpdateProgramme, "programme { funders: 'EU' }");
  Check(&Stub::EndProgramme, "reason: 'another'");
  Check(&Stub::CreateCoordinationAgreement, "coordination_agreement_id: 'another'");
  Check(&Stub::EndCoordinationAgreement, "end_date: '2028-05-31'");
  Check(&Stub::CreateSuccession, "succession_id: 'another'");
  Check(&Stub::EndSuccession, "end_date: '2028-05-31'");
  Check(&Stub::Enquire, "enquiry { household_persons: 4 }");
  Check(&Stub::AnswerEnquiry, "answer { reason: ENQUIRY_REASON_OUT_OF_AREA }");
  ExpectEveryChangeBut({});
}

class BadPages : public DirectoryRefusal {
 protected:
  BadPages() {
    Fresh<v1::ListBodiesRequest>();
    id_ = Fresh<v1::ListBodiesRequest>();
    // Two of everything, so that there is a second page; two units, and two offers of one body.
    EXPECT_TRUE(Do(keeper_, &Stub::CreateUnit, Valid<v1::CreateUnitRequest>(id_)).ok());
    EXPECT_TRUE(Do(keeper_, &Stub::CreateOffer, Valid<v1::CreateOfferRequest>(id_)).ok());
    auto enquiry = With<v1::EnquireRequest>(id_, base::Cat("enquiry { body: 'bodies/", id_, "' }"));
    EXPECT_TRUE(Do(rig.TokenOf(kOtherBody, {Role::kCaseworker}), &Stub::Enquire, enquiry).ok());
  }

  template <typename Request, typename Response>
  void BadToken(Method<Request, Response> method, const Request& request, std::string_view why) {
    const auto before = rig.Dump();
    const absl::Status status = Do(keeper_, method, request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << NameOf<Request>() << ": " << why;
    EXPECT_EQ(error::ReasonOf(status), "PAGE_TOKEN_INVALID") << NameOf<Request>() << ": " << why;
    EXPECT_TRUE(rig.Dump() == before) << NameOf<Request>();
  }

  // `others`: queries of the same method that are not the one of Valid.
  template <typename Request, typename Response>
  void Check(Method<Request, Response> method, const std::vector<std::string_view>& others) {
    auto request = Valid<Request>(id_);
    for (const std::string& token : {std::string("x"), std::string("AAAA"), Long(100), Long(8 * 1024 + 1)}) {
      request.set_page_token(token);
      BadToken(method, request, token.substr(0, 100));
    }
    request.clear_page_token();
    const auto first = Do(keeper_, method, request);
    ASSERT_TRUE(first.ok()) << first.status();
    const std::string token = first->next_page_token();
    ASSERT_FALSE(token.empty()) << NameOf<Request>();
    for (const std::string_view other : others) {
      auto another = request;
      Merge(other, another);
      EXPECT_TRUE(Do(keeper_, method, another).ok()) << NameOf<Request>() << " " << other;
      another.set_page_token(token);
      BadToken(method, another, other);
    }
    request.set_page_token(token);
    EXPECT_TRUE(Do(keeper_, method, request).ok()) << NameOf<Request>();
    const std::string keeper = std::exchange(
        keeper_, rig.TokenOf(base::Cat("bodies/", made_), {Role::kSupervisor, Role::kOperator}));
    BadToken(method, request, "of another caller");
    keeper_ = keeper;
    request.set_page_token(token_before_);
    if (!token_before_.empty()) BadToken(method, request, "of another method");
    token_before_ = token;
    request.set_page_token(token + "A");
    BadToken(method, request, "with a letter more");
    Sizes(method);
  }

  template <typename Request, typename Response>
  void Sizes(Method<Request, Response> method) {
    Refused(method, "page_size: -1", "page_size");
    Refused(method, "page_size: -2147483648", "page_size");
    Accepted(method, "page_size: 2147483647");
  }

  std::string id_;
  std::string token_before_;
};

TEST_F(BadPages, OfEveryListing) {
  Check(&Stub::ListBodies, {"kind: BODY_KIND_MUNICIPALITY", "level: LEVEL_LOCAL", "parent: 'bodies/es-node'",
                            "association: 'bodies/es-association'"});
  Check(&Stub::ListUnits, {"parent: 'bodies/10001'"});
  Check(&Stub::ListOffers, {"provider: 'bodies/10001'", "programme: 'programmes/10001'",
                            "theme: THEME_HOUSING territory: 'ES300'"});
  Check(&Stub::ExportOffers, {"provider: 'bodies/10001'", "programme: 'programmes/10001'"});
  Check(&Stub::ListTerritories, {"parent: 'PT'"});
  Check(&Stub::ListProgrammes, {});
  Check(&Stub::ListCoordinationAgreements, {});
  Check(&Stub::ListDirectoryTasks, {"body: 'bodies/10001'"});
  // Its pages are of the caller's body: the one that has two.
  keeper_ = rig.TokenOf(base::Cat("bodies/", id_), {Role::kSupervisor, Role::kOperator});
  Check(&Stub::ListEnquiries, {"box: ENQUIRY_BOX_SENT", "box: ENQUIRY_BOX_TO_ANSWER"});
  Check(&Stub::ListSuccessions, {"predecessor: 'bodies/10001'", "successor: 'bodies/es-node'"});
}

TEST_F(BadPages, ATokenIsNotTakenByAQueryThatWouldReadTheSameRows) {
  // What serves the narrower place includes all that serves the wider one: the position alone would do.
  auto request = With<v1::ListOffersRequest>(id_, "theme: THEME_HOUSING territory: 'ES300'");
  const auto first = Do(keeper_, &Stub::ListOffers, request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_FALSE(first->next_page_token().empty());
  request.set_page_token(first->next_page_token());
  EXPECT_TRUE(Do(keeper_, &Stub::ListOffers, request).ok());
  request.set_territory("ES300/28058");
  BadToken(&Stub::ListOffers, request, "of a wider place");
}

TEST_F(BadPages, OfTheFeed) {
  Sizes(&Stub::ListChanges);
  for (const std::string_view cursor : {"x", "01", "-1", " 1", "1 ", "+1", "0x1", "18446744073709551616"}) {
    Refused(&Stub::ListChanges, base::Cat("cursor: '", cursor, "'"), "cursor");
  }
  const auto before = rig.Dump();
  const auto beyond = With<v1::ListChangesRequest>(id_, "cursor: '18446744073709551615'");
  const absl::Status status = Do(keeper_, &Stub::ListChanges, beyond).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(error::ReasonOf(status), "CURSOR_TOO_OLD");
  EXPECT_TRUE(rig.Dump() == before);
}

}  // namespace
}  // namespace waypost::directory
