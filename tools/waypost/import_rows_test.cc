#include "tools/waypost/import_rows.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "common/status/errors.h"
#include "tools/waypost/field_values.h"
#include "tools/waypost/import_columns.h"
#include "tools/waypost/times.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::ElementsAre;

absl::StatusOr<std::vector<ImportItem>> Csv(std::string_view content) {
  return ReadImport(ImportFormat::kCsv, content, "test", absl::FixedTimeZone(3600));
}
absl::StatusOr<std::vector<ImportItem>> Json(std::string_view content) {
  return ReadImport(ImportFormat::kJson, content, "test", absl::UTCTimeZone());
}

TEST(ImportColumnsTest, EveryColumnLeadsToAField) {
  std::set<std::string_view> names;
  for (const ImportColumn& column : ImportColumns()) {
    EXPECT_TRUE(names.insert(column.name).second) << column.name;
    const google::protobuf::Descriptor* type =
        column.of == ColumnOf::kRequest    ? pb::SubmitReferralRequest::descriptor()
        : column.of == ColumnOf::kReferral ? pb::Referral::descriptor()
        : column.of == ColumnOf::kPerson   ? pb::Person::descriptor()
                                           : pb::PersonSections::descriptor();
    if (column.of == ColumnOf::kCase) continue;
    std::string_view path = column.path;
    for (;;) {
      const size_t dot = path.find('.');
      const auto* field = type->FindFieldByName(std::string(path.substr(0, dot)));
      ASSERT_NE(field, nullptr) << column.name;
      if (dot == std::string_view::npos) break;
      type = field->message_type();
      path.remove_prefix(dot + 1);
    }
  }
}

TEST(ImportColumnsTest, EveryColumnIsDocumented) {
  const char* root = std::getenv("WAYPOST_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) + "/docs/concepts/importing.md");
  std::stringstream content;
  content << file.rdbuf();
  for (const ImportColumn& column : ImportColumns()) {
    EXPECT_NE(content.str().find("`" + std::string(column.name) + "`"), std::string::npos) << column.name;
  }
}

// A caller could not say in a CSV file what has no column.
TEST(ImportColumnsTest, EveryPersonalFieldHasAColumn) {
  for (const auto& [section, type] : {std::pair("details.", pb::PersonDetails::descriptor()),
                                      {"screening.", pb::Screening::descriptor()},
                                      {"alerts.", pb::SafeguardingAlerts::descriptor()},
                                      {"disclosure.referring_basis.", pb::Basis::descriptor()},
                                      {"disclosure.receiving_basis.", pb::Basis::descriptor()}}) {
    for (int i = 0; i < type->field_count(); ++i) {
      const std::string path = section + type->field(i)->name();
      const bool found = std::any_of(ImportColumns().begin(), ImportColumns().end(),
                                     [&path](const ImportColumn& column) { return column.path == path; });
      EXPECT_TRUE(found) << path;
    }
  }
}

TEST(CsvImportTest, MakesAReferralOfARow) {
  const auto items = Csv(
      "theme,priority,receiving_body,territory,age_band,language,agreement,purpose,special_category_section,"
      "referring_article_6,informed_how,refusal_costs_nothing,given_name,needs,alert,own_reference\n"
      "housing,normal,bodies/es-madrid,ES300,25-to-39,ar; "
      "fr,agreed,assess-request,details;alerts,consent,in-person,"
      "true,Layla,\"A flat; soon\",\"one; still one\ntwo\",AB-1\n");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 1u);
  const ImportItem& item = items->front();
  EXPECT_TRUE(item.problems.empty());
  EXPECT_EQ(item.row, 2u);
  const pb::SubmitReferralRequest& request = item.request;
  EXPECT_EQ(request.request_id(), "imp-test-2");
  EXPECT_EQ(request.own_reference(), "AB-1");
  EXPECT_EQ(request.referral().theme(), type::v1::THEME_HOUSING);
  EXPECT_EQ(request.referral().receiving().body(), "bodies/es-madrid");
  ASSERT_EQ(request.referral().persons_size(), 1);
  const pb::Person& person = request.referral().persons(0);
  EXPECT_EQ(person.number(), 1u);
  EXPECT_EQ(person.age_band(), type::v1::AGE_BAND_25_TO_39);
  EXPECT_THAT(person.languages(), ElementsAre("ar", "fr"));
  EXPECT_THAT(person.disclosure().special_category_sections(),
              ElementsAre(pb::SECTION_KIND_DETAILS, pb::SECTION_KIND_ALERTS));
  EXPECT_EQ(person.disclosure().referring_basis().article_6(), pb::LEGAL_BASIS_CONSENT);
  EXPECT_TRUE(person.disclosure().refusal_costs_nothing());
  ASSERT_EQ(request.sections_size(), 1);
  EXPECT_EQ(request.sections(0).person(), 1u);
  EXPECT_EQ(request.sections(0).details().given_name(), "Layla");
  EXPECT_EQ(request.sections(0).details().needs(), "A flat; soon");
  EXPECT_THAT(request.sections(0).alerts().alerts(), ElementsAre("one; still one", "two"));
}

TEST(CsvImportTest, ReadsTheDocumentsOfAPerson) {
  const auto items =
      Csv("theme,stated_document\nhousing,\"held=Passport; original\nApplied "
          "for=Residence=permit\"\nhousing,Passport\n");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  ASSERT_TRUE((*items)[0].problems.empty());
  const auto& documents = (*items)[0].request.sections(0).screening().documents();
  ASSERT_EQ(documents.size(), 2);
  EXPECT_EQ(documents[0].document(), "Passport; original");
  EXPECT_EQ(documents[0].status(), pb::DOCUMENT_STATUS_HELD);
  EXPECT_EQ(documents[1].document(), "Residence=permit");
  EXPECT_EQ(documents[1].status(), pb::DOCUMENT_STATUS_APPLIED_FOR);
  ASSERT_EQ((*items)[1].problems.size(), 1u);
  EXPECT_EQ((*items)[1].problems[0].field, "stated_document");
}

TEST(CsvImportTest, GroupsPeopleOfACase) {
  const auto items =
      Csv("case,theme,territory,given_name\n"
          "k1,housing,ES300,Layla\n"
          "k1,,,Omar\n"
          "k1,housing,ES300,Sami\n"
          "k2,health,ES300,Ana\n"
          ",health,ES300,Eva\n"
          ",health,ES300,Ivo\n");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4u);
  EXPECT_EQ((*items)[0].request.referral().persons_size(), 3);
  EXPECT_EQ((*items)[0].request.sections(2).person(), 3u);
  EXPECT_EQ((*items)[1].row, 5u);
  EXPECT_EQ((*items)[2].row, 6u);
  EXPECT_EQ((*items)[3].row, 7u);
  for (const ImportItem& item : *items) EXPECT_TRUE(item.problems.empty());
}

TEST(CsvImportTest, RefusesACaseThatContradictsItself) {
  const auto items =
      Csv("case,theme,own_reference,given_name\nk1,housing,,Layla\nk1,health,,Omar\nk1,,X,Sami\n");
  ASSERT_TRUE(items.ok());
  ASSERT_EQ(items->front().problems.size(), 2u);
  EXPECT_EQ(items->front().problems[0].field, "theme");
  EXPECT_EQ(items->front().problems[0].row, 3u);
  EXPECT_EQ(items->front().problems[1].field, "own_reference");
}

TEST(CsvImportTest, RefusesACaseInTwoPlaces) {
  const auto items = Csv("case,theme\nk1,housing\nk2,housing\nk1,housing\n");
  ASSERT_TRUE(items.ok());
  ASSERT_EQ(items->size(), 3u);
  EXPECT_TRUE((*items)[0].problems.empty());
  ASSERT_EQ((*items)[2].problems.size(), 1u);
  EXPECT_EQ((*items)[2].problems[0].field, "case");
}

TEST(CsvImportTest, HoldsTheLimitOfPeople) {
  std::string content = "case,theme\n";
  for (int i = 0; i < kMaxImportPersons; ++i) content += "k,housing\n";
  EXPECT_TRUE(Csv(content)->front().problems.empty());
  EXPECT_EQ(Csv(content + "k,housing\n")->front().problems.size(), 1u);
}

TEST(CsvImportTest, TellsEveryBadCellAndNoValue) {
  const auto items =
      Csv("theme,priority,age_band,telephone_handover_time,refusal_costs_nothing\n"
          "casa,soon,30,14d,perhaps\n"
          "housing,normal,25-to-39,2026-03-01 10:00,true\n");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  std::vector<std::string> fields;
  for (const RowProblem& problem : (*items)[0].problems) {
    fields.push_back(problem.field);
    EXPECT_EQ(problem.row, 2u);
    EXPECT_EQ(problem.problem.find("casa"), std::string::npos);
    EXPECT_EQ(problem.problem.find("perhaps"), std::string::npos);
    EXPECT_EQ(problem.problem.find(problem.field + ":"), std::string::npos) << problem.problem;
  }
  EXPECT_THAT(fields, ElementsAre("theme", "priority", "age_band", "telephone_handover_time",
                                  "refusal_costs_nothing"));
  EXPECT_TRUE((*items)[1].problems.empty());
  EXPECT_EQ(ShowTime((*items)[1].request.referral().telephone_handover().time(), absl::UTCTimeZone()),
            "2026-03-01T09:00:00Z");
}

TEST(CsvImportTest, RefusesUnknownColumnsAsAWhole) {
  const auto items = Csv("theme,colour,size\nhousing,red,9\n");
  EXPECT_EQ(items.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error::ViolationsOf(items.status()).size(), 2u);
}

TEST(JsonImportTest, MakesARequestOfEachElement) {
  const auto items =
      Json("[\n {\"referral\":{\"theme\":\"THEME_HOUSING\"}},\n {\"ownReference\":\"a]b\\\"}\"}\n]\n");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].line, 2u);
  EXPECT_EQ((*items)[0].request.request_id(), "imp-test-1");
  EXPECT_EQ((*items)[1].line, 3u);
  EXPECT_EQ((*items)[1].request.own_reference(), "a]b\"}");
}

TEST(JsonImportTest, StopsNoOtherForABadOne) {
  const auto items =
      Json(R"([{"referral":{"theme":"María"}}, {"name":"referrals/1"}, {"requestId":"12345678"}, {}])");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4u);
  ASSERT_EQ((*items)[0].problems.size(), 1u);
  EXPECT_EQ((*items)[0].problems[0].problem.find("María"), std::string::npos);
  EXPECT_EQ((*items)[1].problems[0].field, "name");
  EXPECT_EQ((*items)[2].problems[0].field, "requestId");
  EXPECT_TRUE((*items)[3].problems.empty());
}

TEST(JsonImportTest, RefusesWhatIsNoArray) {
  for (const char* content :
       {"", "{}", "[", "[{}", "[{},]", "[,{}]", "[{}] x", "[}", "[{}}", "1", "[{\"a\":\"]"}) {
    EXPECT_FALSE(Json(content).ok()) << content;
  }
  EXPECT_TRUE(Json("[]")->empty());
  EXPECT_TRUE(Json(" [ ] \n")->empty());
  EXPECT_FALSE(Json(std::string(100, '[') + std::string(100, ']')).ok());
  EXPECT_FALSE(Json("[\"\xFF\"]").ok());
}

TEST(JsonImportTest, ReadsLines) {
  const auto items =
      ReadImport(ImportFormat::kJsonLines, "{}\n\n{\"ownReference\":\"x\"}\n{", "test", absl::UTCTimeZone());
  ASSERT_TRUE(items.ok());
  ASSERT_EQ(items->size(), 3u);
  EXPECT_EQ((*items)[1].line, 3u);
  EXPECT_EQ((*items)[1].row, 2u);
  EXPECT_FALSE((*items)[2].problems.empty());
}

TEST(ImportIdTest, FollowsFromTheContent) {
  EXPECT_EQ(DefaultImportId("a"), DefaultImportId("a"));
  EXPECT_NE(DefaultImportId("a"), DefaultImportId("b"));
  EXPECT_TRUE(CheckImportId(DefaultImportId("a")).ok());
  EXPECT_LE(RowRequestId(std::string(40, 'x'), kMaxImportRows + 1).size(), 64u);
  for (const char* id : {"", "abc", "a b c d", "ñandú", "0123456789012345678901234567890123456789x"}) {
    EXPECT_FALSE(CheckImportId(id).ok()) << id;
  }
}

TEST(ImportFormatTest, GoesByTheEnding) {
  EXPECT_EQ(*ImportFormatOf("a.csv"), ImportFormat::kCsv);
  EXPECT_EQ(*ImportFormatOf("a.json"), ImportFormat::kJson);
  EXPECT_EQ(*ImportFormatOf("a.jsonl"), ImportFormat::kJsonLines);
  EXPECT_EQ(*ImportFormatOf("a.ndjson"), ImportFormat::kJsonLines);
  EXPECT_FALSE(ImportFormatOf("a.xlsx").ok());
  EXPECT_FALSE(ImportFormatOf("-").ok());
}

}  // namespace
}  // namespace waypost::cli
