// Every command of `waypost referral`, run as people and scripts run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// To bodies/es-third, of person 1.
constexpr std::string_view kDisclosure =
    R"( --disclosure '{"person":1,"disclosure":{"purpose":"PURPOSE_DELIVER_SERVICE",)"
    R"("recipient":"bodies/es-third","sections":["SECTION_KIND_SCREENING","SECTION_KIND_DETAILS"],)"
    R"("referringBasis":{"article6":"LEGAL_BASIS_PUBLIC_TASK","law":"es/ley-7-1985/art-25"},)"
    R"("receivingBasis":{"article6":"LEGAL_BASIS_PUBLIC_TASK","law":"es/ley-7-1985/art-25"},)"
    R"("retentionRule":"es/ley-39-2015/art-17","informedHow":"INFORMED_HOW_IN_PERSON",)"
    R"("informedLanguage":"prs"}}')";
constexpr std::string_view kInformed =
    " --informed-by receiving-body --informed-how in-person --informed-language prs";

std::vector<std::string> NamesIn(const json& listing) {
  std::vector<std::string> names;
  for (const json& item : listing.value("referrals", json::array())) names.push_back(item.at("name"));
  return names;
}

// A span from now would be another time when the change is made again with the same request id.
std::string InDays(int days) {
  return absl::FormatTime("%Y-%m-%d", absl::Now() + absl::Hours(24 * days), absl::LocalTimeZone());
}

class CliReferralTest : public CliTest {
 protected:
  static void SetUpTestSuite() {
    StartWithBodies();
    if (HasFatalFailure()) return;
    Change("to", "units create bodies/es-to rooms --display-name en=Rooms --kind department --status active");
    Change("to",
           "offers create es-rooms --provider bodies/es-to --theme housing --kind one-off "
           "--display-name es=Cuartos --territory ES300 --language es --status active");
    AwaitReferrals("--receiving-unit bodies/es-to/units/rooms --offer offers/es-rooms");
  }
  // Does `action` and expects the referral to be in `state` then. Returns what the answer says.
  json Act(std::string_view who, const std::string& action, const std::string& referral,
           std::string_view flags, std::string_view state) {
    run_.insert(action);
    json after = Change(who, base::Cat("referral ", action, " ", referral, " ", flags));
    EXPECT_EQ(after.value("name", ""), referral) << action;
    EXPECT_EQ(after.value("state", ""), base::Cat("REFERRAL_STATE_", state)) << action;
    return after;
  }
  // Somebody more than the usual people.
  static void Mint(std::string_view who, std::string_view grant) {
    std::vector<std::string> command = {Program("waypost"), "token",     "--data-dir",
                                        *folder_ / "data",  "--subject", std::string(who)};
    for (std::string& word : Words(grant)) command.push_back(std::move(word));
    const Outcome minted = RunApart(command, *folder_);
    ASSERT_EQ(minted.exit_code, 0) << minted.errors;
    WriteFile(*folder_ / base::Cat(who, ".token"), minted.printed);
  }
  // As people see it.
  std::string Read(std::string_view who, const std::string& command, std::string_view flags) {
    run_.insert(command);
    return Text(who, base::Cat("referral ", command, " ", flags));
  }

  void DraftIsWrittenApprovedAndSent();
  void CaseIsAskedAboutAndOffered(const std::string& name);
  void CaseIsTaken(const std::string& name);
  void CaseIsEnded(const std::string& name);
  void CasesAreDeclinedAndForwarded();
  void CaseIsHandedOver();
  void CasesAreCalledOff();
  void CaseHasParts();
  void PersonOfACaseIsInAPart();
  void CaseIsReadAndDisclosed();

  std::set<std::string> run_;
};

void CliReferralTest::DraftIsWrittenApprovedAndSent() {
  run_.insert("create");
  const json draft = Change("worker", base::Cat("referral create ", ReferralFlags(),
                                                " --screening 'Needs a room' --own-reference EXP-1"));
  const std::string name = draft.at("name");
  EXPECT_EQ(draft.at("state"), "REFERRAL_STATE_DRAFT");
  EXPECT_EQ(draft.at("persons").at(0).at("ageBand"), "AGE_BAND_25_TO_39");
  EXPECT_EQ(Act("worker", "update", name, "--priority urgent --own-reference EXP-2", "DRAFT").at("priority"),
            "PRIORITY_URGENT");
  WriteFile(*folder_ / "change.json", R"({"referral":{"offer":"offers/es-rooms"},)"
                                      R"("sections":[{"person":1,"screening":{"text":"Two rooms"}}]})");
  EXPECT_EQ(
      Act("worker", "update", name, base::Cat("--file ", *folder_ / "change.json"), "DRAFT").at("offer"),
      "offers/es-rooms");
  ExpectFailure("worker", base::Cat("referral update ", name, " --offer offers/es-none"), 2, "INVALID_FIELD");
  EXPECT_FALSE(Act("worker", "update", name, "--clear offer", "DRAFT").contains("offer"));
  ExpectFailure("worker", base::Cat("referral update ", name), 2, "INVALID_FIELD");
  ExpectFailure("worker", base::Cat("referral update ", name, " --priority normal --etag '\"1\"'"), 4,
                "ETAG_MISMATCH");
  ExpectFailure("worker", base::Cat("referral approve ", name), 3, "NOT_ALLOWED");
  Act("second", "approve", name, "", "DRAFT");
  EXPECT_EQ(Act("second", "assign", name, "--unit bodies/es-from/units/intake", "DRAFT").at("revision"), "6");
  Act("worker", "claim", name, "", "DRAFT");
  ExpectFailure("to", base::Cat("referral show ", name), 3, "NOT_FOUND");
  const json sent = Act("worker", "submit", name, "", "REQUESTED");
  EXPECT_EQ(sent.at("due").at("clock"), "CLOCK_ACKNOWLEDGE");
  ExpectFailure("worker", base::Cat("referral submit ", name), 4, "INVALID_TRANSITION");
  EXPECT_THAT(Read("from", "find", "EXP-2"), AllOf(HasSubstr(name), HasSubstr("requested")));
  EXPECT_THAT(NamesIn(Json("from", "referral find EXP-2")), ElementsAre(name));
  EXPECT_THAT(Run("from", "referral find EXP-1").errors, HasSubstr("No referral has it."));
}

void CliReferralTest::CaseIsAskedAboutAndOffered(const std::string& name) {
  EXPECT_EQ(Act("to", "acknowledge", name, "", "ACKNOWLEDGED").at("due").at("clock"), "CLOCK_DECIDE");
  ExpectFailure("to", base::Cat("referral acknowledge ", name), 4, "INVALID_TRANSITION");
  ExpectFailure("from", base::Cat("referral acknowledge ", name), 3, "NOT_ALLOWED");
  Act("to", "request-information", name, "--text 'Since when?'", "NEEDS_INFO");
  ExpectFailure("worker", base::Cat("referral provide-information ", name), 2, "INVALID_FIELD");
  Act("worker", "provide-information", name, "--text 'Since May'", "ACKNOWLEDGED");
  Act("to", "waitlist", name, base::Cat("--review-time ", InDays(14)), "WAITLISTED");
  Act("to", "propose-date", name, base::Cat("--time ", InDays(20)), "WAITLISTED");
  Act("worker", "answer-date", name, "--answer agree", "WAITLISTED");
  const json other_start =
      Act("to", "propose-date", name, base::Cat("--clock start --time ", InDays(40)), "WAITLISTED");
  EXPECT_EQ(other_start.at("dateProposal").at("clock"), "CLOCK_START");
  const json agreed = Act("worker", "answer-date", name, "--answer agree", "WAITLISTED");
  EXPECT_EQ(agreed.at("startDueTime"), other_start.at("dateProposal").at("time"));
  EXPECT_EQ(agreed.at("due"), other_start.at("due"));
  ExpectFailure("to", base::Cat("referral propose-date ", name, " --clock decide --time ", InDays(40)), 4,
                "NOTHING_DUE");
  Act("to", "offer-place", name, base::Cat("--answer-by-time ", InDays(3)), "OFFERED");
  Act("worker", "answer-offer", name, "--answer stay-on-list", "WAITLISTED");
  Act("to", "offer-place", name, base::Cat("--answer-by-time ", InDays(3)), "OFFERED");
  EXPECT_EQ(Act("worker", "answer-offer", name, "--answer take-place", "OFFERED").value("placeTaken", false),
            true);
}

void CliReferralTest::CaseIsTaken(const std::string& name) {
  const json accepted =
      Act("to", "accept", name,
          base::Cat("--own-reference TO-1 --appointment-zone Europe/Madrid --appointment-time '", InDays(4),
                    " 10:00'"),
          "ACCEPTED");
  EXPECT_EQ(accepted.at("caseHoldingBody"), "bodies/es-to");
  EXPECT_EQ(accepted.at("appointments").at(0).at("zone"), "Europe/Madrid");
  EXPECT_THAT(Read("to", "find", "TO-1"), HasSubstr(name));
  const json second =
      Act("to", "record-appointment", name,
          base::Cat("--status scheduled --zone Europe/Madrid --time ", InDays(3)), "ACCEPTED");
  EXPECT_EQ(second.at("appointments").size(), 2u);
  Act("to", "start", name, "", "IN_PROGRESS");
  EXPECT_THAT(Read("to", "hold", base::Cat(name, " --reason waiting-for-documents --review-time 5d")),
              HasSubstr("on hold"));
  Act("to", "resume", name, "", "IN_PROGRESS");
  Act("to", "assign", name, "--unit bodies/es-to/units/rooms", "IN_PROGRESS");
  Act("to", "claim", name, "", "IN_PROGRESS");
  ExpectFailure("to", base::Cat("referral change-priority ", name, " --priority normal --text x"), 4,
                "PRIORITY_NOT_RAISED");
  EXPECT_EQ(Act("to", "change-priority", name, "--priority urgent --text 'It is cold'", "IN_PROGRESS")
                .at("priority"),
            "PRIORITY_URGENT");
}

void CliReferralTest::CaseIsEnded(const std::string& name) {
  ExpectFailure("to", base::Cat("referral complete ", name, " --outcome one=provided"), 2, "INVALID_FIELD");
  ExpectFailure("to", base::Cat("referral complete ", name, " --outcome 1=provided"), 2, "INVALID_FIELD");
  Act("to", "complete", name, base::Cat("--outcome 1=provided --date 2026-01-02", kInformed), "COMPLETED");
  const json outcome = Json("worker", base::Cat("referral show ", name))["referral"]["persons"][0]["outcome"];
  EXPECT_EQ(outcome["kind"], "OUTCOME_KIND_PROVIDED");
  EXPECT_EQ(outcome["informedBy"], "INFORMED_BY_RECEIVING_BODY");
  ExpectFailure("to",
                base::Cat("referral void-outcome ", name, " --reason wrong-content --date 2026-01-02",
                          " --outcome 1=no-place --remedy court-action", kInformed),
                4, "OUTCOME_OF_OTHER_END");
  const json right =
      Act("to", "void-outcome", name,
          base::Cat("--reason wrong-content --outcome 1=advised --date 2026-01-02", kInformed), "COMPLETED");
  EXPECT_EQ(right["persons"][0]["outcome"]["kind"], "OUTCOME_KIND_ADVISED");
  Act("to", "reopen", name, "--text 'Came back'", "IN_PROGRESS");
  Act("to", "end-without-result", name,
      base::Cat("--outcome 1=no-place --date 2026-01-02 --remedy court-action", kInformed),
      "ENDED_WITHOUT_RESULT");
  ExpectFailure("from", base::Cat("referral erase ", name), 2, "USAGE");
  Act("from", "place-legal-hold", name, "--law es/ley-50-1981/art-3", "ENDED_WITHOUT_RESULT");
  ExpectFailure("from", base::Cat("referral erase ", name, " --yes"), 4, "LEGAL_HOLD");
  Act("from", "release-legal-hold", name, "", "ENDED_WITHOUT_RESULT");
  Act("from", "erase", name, "--yes", "ENDED_WITHOUT_RESULT");
  ExpectFailure("from", base::Cat("referral disclose ", name, " --section details --purpose coordinate-case"),
                4, "SHARE_ERASED");
}

void CliReferralTest::CasesAreDeclinedAndForwarded() {
  const std::string declined = Submit();
  ExpectFailure("to", base::Cat("referral decline ", declined, " --reason no-capacity"), 2, "INVALID_FIELD");
  ExpectFailure("to", base::Cat("referral decline ", declined, " --reason tired --declined-by provider"), 2,
                "USAGE");
  Act("to", "decline", declined, "--reason no-capacity --declined-by provider", "DECLINED");
  EXPECT_EQ(Json("from", base::Cat("referral show ", declined))["referral"]["decline"]["reason"],
            "DECLINE_REASON_NO_CAPACITY");

  const std::string proposed = Submit();
  Act("to", "propose-forward", proposed, "--body bodies/es-third", "REQUESTED");
  ExpectFailure("worker", base::Cat("referral confirm-forward ", proposed, " --body bodies/es-third"), 2,
                "INVALID_FIELD");
  const json confirmed = Act("worker", "confirm-forward", proposed,
                             base::Cat("--body bodies/es-third", kDisclosure), "FORWARDED");
  const std::string linked = confirmed.at("forwardedTo");
  const std::string by_duty = Submit();
  Act("to", "forward-by-duty", by_duty,
      base::Cat("--body bodies/es-third --law es/ley-39-2015/art-14", kDisclosure), "FORWARDED");
  EXPECT_THAT(Read("third", "list", "--state requested"), HasSubstr(linked));
  EXPECT_EQ(NamesIn(Json("third", "referral list --state requested")).size(), 2u);
}

void CliReferralTest::CaseIsHandedOver() {
  const std::string name = Submit();
  Act("to", "accept", name, "", "ACCEPTED");
  const json held = Act("to", "hand-over", name, base::Cat("--body bodies/es-third", kDisclosure), "ON_HOLD");
  const std::string linked = held.at("forwardedTo");
  EXPECT_EQ(Act("third", "accept", linked, "", "ACCEPTED").at("caseHoldingBody"), "bodies/es-third");
  const std::string history = Read("to", "history", name);
  EXPECT_THAT(history, AllOf(HasSubstr("HAND_OVER_TAKEN"), HasSubstr("(system)")));
  const json entries = Json("to", base::Cat("referral history ", name)).at("entries");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[3].at("state"), "REFERRAL_STATE_FORWARDED");
}

void CliReferralTest::CasesAreCalledOff() {
  const std::string name = Submit();
  Act("to", "accept", name, "", "ACCEPTED");
  ExpectFailure("worker", base::Cat("referral cancel ", name, " --reason tired"), 2, "USAGE");
  Act("worker", "cancel", name, "--reason person-withdrew", "CANCEL_REQUESTED");
  Act("to", "refuse-cancel", name, "--text 'Almost done'", "ACCEPTED");
  Act("worker", "cancel", name, "--reason person-withdrew", "CANCEL_REQUESTED");
  Act("to", "confirm-cancel", name, "", "CANCELLED");
  Act("worker", "reopen", name, "--text 'She came back'", "REQUESTED");
  const json reported = Act("from", "report-misdirected", name, "--text 'Another city'", "CANCELLED");
  const std::string breach = reported.value("breach", "");
  Change("from", base::Cat("breaches assess ", breach, " --risk none --risk-reason not-opened"));
  EXPECT_EQ(Change("from", base::Cat("breaches close ", breach)).value("state", ""), "BREACH_STATE_CLOSED");
  for (const std::string_view command : {"show", "history", "notes"}) {
    ExpectFailure("to", base::Cat("referral ", command, " ", name), 3, "NOT_FOUND");
  }
  ExpectFailure("to", base::Cat("referral accept ", name), 3, "NOT_FOUND");
}

void CliReferralTest::CaseHasParts() {
  const std::string name = Submit();
  const auto part_of_it = [&name] {
    const json part = Change("worker", base::Cat("referral submit ", ReferralFlags(), " --part-of ", name));
    EXPECT_EQ(part.value("partOf", ""), name);
    return part.value("name", "");
  };
  const std::string first = part_of_it();
  const std::string second = part_of_it();
  EXPECT_THAT(Read("worker", "parts", name), AllOf(HasSubstr(first), HasSubstr(second)));
  EXPECT_EQ(Json("worker", base::Cat("referral parts ", name)).at("parts").size(), 2u);
  EXPECT_EQ(Json("worker", base::Cat("referral show ", name))["referral"].value("openPartCount", 0), 2);
  EXPECT_FALSE(Json("to", base::Cat("referral show ", first))["referral"].contains("partOf"));
  EXPECT_THAT(Run("to", base::Cat("referral parts ", name)).errors, HasSubstr("No parts."));
  Act("worker", "detach", second, "", "REQUESTED");
  ExpectFailure("worker", base::Cat("referral detach ", second), 4, "NOT_A_PART");
  ExpectFailure("worker", base::Cat("referral cancel ", name, " --reason need-met"), 4, "PARTS_OPEN");
  Act("worker", "cancel", name, base::Cat("--reason need-met --cancel-part ", first), "CANCELLED");
  EXPECT_EQ(Json("worker", base::Cat("referral show ", first))["referral"]["state"],
            "REFERRAL_STATE_CANCELLED");
}

void CliReferralTest::PersonOfACaseIsInAPart() {
  const std::string name = Submit();
  const std::string part_of = base::Cat("referral submit ", ReferralFlags(), " --part-of ", name);
  ExpectFailure("worker", base::Cat("referral submit ", ReferralFlags(), " --case-person 1"), 2,
                "INVALID_FIELD");
  ExpectFailure("worker", base::Cat(part_of, " --case-person 2"), 2, "INVALID_FIELD");
  EXPECT_THAT(Run("worker", base::Cat(part_of, " --case-person 0")).errors,
              HasSubstr("referral.case_persons[0]: is no person of this referral"));
  ExpectFailure("worker", base::Cat(part_of, " --case-person 1 --case-person 1"), 2, "INVALID_FIELD");
  EXPECT_NE(Run("worker", base::Cat(part_of, " --case-person first")).exit_code, 0);
  const json linked = Change("worker", base::Cat(part_of, " --case-person 1"));
  EXPECT_EQ(linked.at("casePersons"), json::parse("[1]"));
  WriteFile(*folder_ / "part.json",
            base::Cat(R"({"referral":{"partOf":")", name, R"(","casePersons":[1]}})"));
  const json by_file =
      Change("worker", base::Cat("referral submit ", ReferralFlags(), " --file ", *folder_ / "part.json"));
  EXPECT_EQ(by_file.at("casePersons"), json::parse("[1]"));
  const std::string unlinked = Change("worker", part_of).at("name");

  const std::string ask = base::Cat(
      "rights record ", name, " --kind access --person 1 --asked-how by-telephone --ask-time ", InDays(-1));
  const std::string told = Text("from", ask);
  EXPECT_THAT(told, AllOf(HasSubstr("goes on as:\n  rightsRequests/"), HasSubstr("Not reached"),
                          HasSubstr(unlinked)));
  for (const json& each : {linked, by_file}) {
    const std::string part = each.at("name");
    const json marks = Json("to", base::Cat("referral show ", part)).at("referral").at("rightMarks");
    ASSERT_EQ(marks.size(), 1u);
    EXPECT_THAT(told, HasSubstr(marks.at(0).at("request").get<std::string>()));
  }
}

void CliReferralTest::CaseIsReadAndDisclosed() {
  const std::string name = Submit();
  const std::string id = name.substr(name.find('/') + 1);
  const std::string shown = Read("to", "show", id);
  EXPECT_THAT(shown, AllOf(HasSubstr(name), HasSubstr("Due: acknowledge by "), HasSubstr("SUBMIT"),
                           Not(HasSubstr("Marzia")), Not(HasSubstr("EXP-7"))));
  const json both = Json("to", base::Cat("referral show ", name));
  EXPECT_EQ(both.at("referral").at("state"), "REFERRAL_STATE_REQUESTED");
  EXPECT_EQ(both.at("history").at(0).at("event"), "SUBMIT");
  ExpectFailure("third", base::Cat("referral show ", name), 3, "NOT_FOUND");
  ExpectFailure("to", "referral show bodies/es-to", 2, "INVALID_FIELD");

  Act("to", "add-note", name, "--visibility both-sides --text 'Will look on Monday'", "REQUESTED");
  Act("to", "add-note", name, "--visibility own-side --text 'Ask the landlord'", "REQUESTED");
  const std::string note = base::Cat(name, "/notes/1");
  EXPECT_THAT(Read("from", "notes", name), AllOf(HasSubstr(note), Not(HasSubstr("Monday"))));
  EXPECT_EQ(Json("from", base::Cat("referral notes ", name)).at("notes").size(), 1u);
  EXPECT_EQ(Json("to", base::Cat("referral notes ", name)).at("notes").size(), 2u);
  const std::string look = base::Cat(name, " --purpose assess-request --note ", note);
  EXPECT_THAT(Read("from", "disclose-notes", look), HasSubstr("Will look on Monday"));
  EXPECT_EQ(Json("from", base::Cat("referral disclose-notes ", look)).at("notes").at(0).at("text"),
            "Will look on Monday");

  const std::string screening = base::Cat(name, " --section screening --purpose assess-request");
  EXPECT_THAT(Read("to", "disclose", screening), HasSubstr("Needs a room"));
  EXPECT_EQ(Json("to", base::Cat("referral disclose ", screening))["sections"][0]["screening"]["text"],
            "Needs a room");
  ExpectFailure("to", base::Cat("referral disclose --person 7 ", screening), 2, "INVALID_FIELD");
  ExpectFailure("to", base::Cat("referral disclose ", name, " --section screening"), 2, "INVALID_FIELD");
  const std::string details =
      base::Cat("referral disclose ", name, " --section details --purpose assess-request");
  ExpectFailure("to", details, 4, "NOT_YET_DISCLOSED");
  Act("to", "accept", name, "", "ACCEPTED");
  EXPECT_EQ(Json("to", details)["sections"][0]["details"]["givenName"], "Marzia");
  const Outcome alerts =
      Run("officer", base::Cat("referral disclose ", name, " --section alerts --purpose assess-request"));
  EXPECT_EQ(alerts.exit_code, 0) << alerts.errors;
  EXPECT_THAT(alerts.errors, HasSubstr("There is nothing of that."));
}

TEST_F(CliReferralTest, EveryCommandOfItsHelpDoesWhatItSays) {
  DraftIsWrittenApprovedAndSent();
  const std::string name = Submit();
  CaseIsAskedAboutAndOffered(name);
  CaseIsTaken(name);
  CaseIsEnded(name);
  CasesAreDeclinedAndForwarded();
  CaseIsHandedOver();
  CasesAreCalledOff();
  CaseHasParts();
  PersonOfACaseIsInAPart();
  CaseIsReadAndDisclosed();

  std::istringstream help(Text("to", "referral --help"));
  std::set<std::string> left;
  bool in_commands = false;
  for (std::string line; std::getline(help, line);) {
    in_commands = line == "Subcommands:" || (in_commands && !line.empty());
    if (in_commands && line.rfind("  ", 0) == 0) left.insert(Words(line).front());
  }
  EXPECT_GT(left.size(), 40u);
  for (const std::string& command : run_) EXPECT_EQ(left.erase(command), 1u) << command;
  EXPECT_THAT(left, ElementsAre("assume-responsibility", "duplicates", "import", "receipts", "remind",
                                "rule-on-competence", "settle-follow-up", "void", "watch"))
      << "which have tests of their own";
}

TEST_F(CliReferralTest, OfTwoCaseworkersOneTakesItFromTheQueue) {
  Mint("first", "--body es-to --role caseworker --unit rooms");
  Mint("other", "--body es-to --role caseworker --unit rooms");
  const std::string name =
      Json("worker", base::Cat("referral submit ", ReferralFlags(),
                               " --screening 'Needs a room' --receiving-unit bodies/es-to/units/rooms"))
          .at("name");
  const std::string mine = "referral list --limit 0 --assigned-to-me";
  for (const char* who : {"first", "other"}) {
    EXPECT_THAT(NamesIn(Json(who, "referral list --limit 0")), ::testing::Contains(name)) << who;
    EXPECT_THAT(NamesIn(Json(who, mine)), Not(::testing::Contains(name))) << who;
  }
  const json taken = Act("first", "claim", name, "", "REQUESTED");
  EXPECT_THAT(taken.at("receiving").at("assignee").get<std::string>(), ::testing::StartsWith("actors/"));
  ExpectFailure("other", base::Cat("referral claim ", name), 4, "ALREADY_ASSIGNED");
  // Also on the version that she had before her.
  ExpectFailure("other", base::Cat("referral claim ", name, " --etag '\"1\"'"), 4, "ETAG_MISMATCH");
  EXPECT_THAT(NamesIn(Json("first", mine)), ::testing::Contains(name));
  const std::string first = Json("first", "whoami").at("actor");
  EXPECT_EQ(taken.at("receiving").at("assignee"), first);
  EXPECT_THAT(Text("other", "referral list --limit 0"), HasSubstr(first));
  EXPECT_THAT(Text("worker", "referral list --limit 0 --box outbox"), Not(HasSubstr(first)));
  EXPECT_THAT(NamesIn(Json("other", mine)), Not(::testing::Contains(name)));
  const json shown = Json("other", base::Cat("referral show ", name)).at("referral");
  EXPECT_EQ(shown.at("receiving").at("assignee"), taken.at("receiving").at("assignee"));
  Act("first", "acknowledge", name, "", "ACKNOWLEDGED");
}

TEST_F(CliReferralTest, WhatIsDisclosedAgainstAWishIsSentOnceASecondPersonApproves) {
  std::string flags = ReferralFlags();
  const std::string_view agreed = "--agreement agreed";
  flags.replace(flags.find(agreed), agreed.size(), "--agreement refused --override-ground child-at-risk");
  const std::string create = base::Cat("referral create ", flags, " --screening 'Needs a room'");
  // Not without approval, at once or from a draft.
  ExpectFailure("worker", base::Cat("referral submit ", flags, " --screening x"), 4, "APPROVAL_MISSING");
  const std::string name = Change("worker", create).at("name");
  ExpectFailure("worker", base::Cat("referral submit ", name), 4, "APPROVAL_MISSING");
  ExpectFailure("worker", base::Cat("referral approve ", name), 3, "NOT_ALLOWED");
  const json approved = Act("from", "approve", name, "", "DRAFT");
  EXPECT_TRUE(approved.contains("approval"));
  Act("worker", "submit", name, "", "REQUESTED");
  EXPECT_THAT(Text("from", base::Cat("referral history ", name)), HasSubstr("APPROVE"));
  // A supervisor who wrote it is not the second person.
  const std::string own = Change("second", create).at("name");
  ExpectFailure("second", base::Cat("referral approve ", own), 4, "SECOND_PERSON_REQUIRED");
  // What is changed after that is to be approved anew.
  Act("from", "approve", own, "", "DRAFT");
  Act("second", "update", own, "--priority urgent", "DRAFT");
  ExpectFailure("second", base::Cat("referral submit ", own), 4, "APPROVAL_MISSING");
  Act("from", "approve", own, "", "DRAFT");
  Act("second", "submit", own, "", "REQUESTED");
}

TEST_F(CliReferralTest, ListsBothBoxesByStateUnitAndPage) {
  const std::string one = Submit();
  const std::string two = Submit();
  for (const auto& [who, box] : {std::pair("to", "inbox"), std::pair("from", "outbox")}) {
    const std::string all = base::Cat("referral list --limit 0 --box ", box);
    EXPECT_THAT(Text(who, all), AllOf(HasSubstr("NAME "), HasSubstr(one), HasSubstr(two)));
    EXPECT_THAT(NamesIn(Json(who, all)), ::testing::IsSupersetOf({one, two}));
    const json page = Json(who, base::Cat("referral list --limit 1 --box ", box));
    ASSERT_EQ(NamesIn(page).size(), 1u);
    const json next = Json(who, base::Cat("referral list --limit 1 --box ", box, " --page-token ",
                                          page.at("nextPageToken").get<std::string>()));
    ASSERT_EQ(NamesIn(next).size(), 1u);
    EXPECT_NE(NamesIn(next), NamesIn(page));
    EXPECT_THAT(Run(who, base::Cat("referral list --limit 1 --box ", box)).errors,
                HasSubstr("--page-token "));
  }
  EXPECT_THAT(
      NamesIn(Json("worker", "referral list --box outbox --limit 0 --unit bodies/es-from/units/intake")),
      ::testing::IsSupersetOf({one, two}));
  const std::string lapsed = "referral list --state lapsed --state on-hold --unit bodies/es-to/units/none";
  EXPECT_THAT(Run("to", lapsed).errors, HasSubstr("No referrals."));
  EXPECT_EQ(Json("to", lapsed), json::object());
  ExpectFailure("to", "referral list --state tired", 2, "USAGE");
}

TEST_F(CliReferralTest, RequestIdUsedForOtherContentIsRefused) {
  const std::string name = Submit();
  const std::string note =
      base::Cat("referral add-note ", name, " --request-id note-once --visibility own-side");
  EXPECT_EQ(Json("to", base::Cat(note, " --text one")), Json("to", base::Cat(note, " --text one")));
  ExpectFailure("to", base::Cat(note, " --text two"), 2, "REQUEST_ID_REUSED");
  EXPECT_EQ(Json("to", base::Cat("referral notes ", name)).at("notes").size(), 1u);
}

TEST_F(CliReferralTest, ImportTellsTheWrongRowAndSubmitsTheOthersOnce) {
  const std::string file = *folder_ / "cases.csv";
  const std::string flags = base::Cat(ReferralFlags(), " --screening room");
  WriteFile(file, CsvOf({{"ROW-A", "housing"}, {"ROW-B", "cheese"}, {"ROW-C", "housing"}}, flags));
  const Outcome checked = Run("worker", base::Cat("referral import --dry-run ", file));
  EXPECT_EQ(checked.exit_code, 5);
  EXPECT_THAT(checked.errors, HasSubstr("2 can be sent, 1 failed"));
  EXPECT_THAT(Run("worker", "referral find ROW-A").errors, HasSubstr("No referral has it."));

  const Outcome imported = Run("worker", base::Cat("referral import ", file));
  EXPECT_EQ(imported.exit_code, 5) << imported.errors;
  EXPECT_THAT(imported.printed,
              AllOf(HasSubstr("row 2: referrals/"), HasSubstr("row 3: failed\n  row 3, theme"),
                    HasSubstr("row 4: referrals/")));
  EXPECT_THAT(ReadFile(base::Cat(file, ".errors.csv")),
              AllOf(HasSubstr("\n3,3,theme,"), Not(HasSubstr("cheese")), Not(HasSubstr("Marzia"))));
  const Outcome again = Run("worker", base::Cat("referral import --output json ", file));
  EXPECT_EQ(again.exit_code, 5);
  EXPECT_EQ(again.errors, "");
  const std::vector<json> lines = JsonLines(again.printed);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1].at("problems").at(0).at("field"), "theme");
  for (const auto& [line, reference] : {std::pair(lines[0], "ROW-A"), std::pair(lines[2], "ROW-C")}) {
    EXPECT_THAT(imported.printed, HasSubstr(line.at("referral").get<std::string>()))
        << "the first answer again";
    EXPECT_EQ(NamesIn(Json("worker", base::Cat("referral find ", reference))).size(), 1u) << reference;
  }
}

TEST_F(CliReferralTest, AnImportIsCorrectedByItsErrorFileAndRunAgain) {
  const std::string file = *folder_ / "spring.csv";
  const std::string errors = base::Cat(file, ".errors.csv");
  const std::string flags = base::Cat(ReferralFlags(), " --screening room");
  const std::string import = base::Cat("referral import --import-id spring-26 ", file);
  WriteFile(file, CsvOf({{"SPRING-A", "housing"}, {"SPRING-B", "cheese"}, {"SPRING-C", "housing"}}, flags));
  EXPECT_EQ(Run("worker", import).exit_code, 5);
  std::istringstream lines(ReadFile(errors));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "row,line,field,problem,reason,request_id\r");
  std::getline(lines, line);
  EXPECT_THAT(line, ::testing::StartsWith("3,3,theme,"));
  EXPECT_FALSE(std::getline(lines, line)) << "nothing else was wrong";
  EXPECT_THAT(Run("worker", "referral find SPRING-B").errors, HasSubstr("No referral has it."));

  WriteFile(file, CsvOf({{"SPRING-A", "housing"}, {"SPRING-B", "housing"}, {"SPRING-C", "housing"}}, flags));
  const Outcome corrected = Run("worker", import);
  EXPECT_EQ(corrected.exit_code, 0) << corrected.errors;
  for (const char* reference : {"SPRING-A", "SPRING-B", "SPRING-C"}) {
    EXPECT_EQ(NamesIn(Json("worker", base::Cat("referral find ", reference))).size(), 1u) << reference;
  }
  // A row that was sent is not sent again, whatever it says by then.
  WriteFile(file, CsvOf({{"SPRING-Z", "housing"}, {"SPRING-B", "housing"}, {"SPRING-C", "housing"}}, flags));
  EXPECT_EQ(Run("worker", import).exit_code, 0);
  EXPECT_THAT(Run("worker", "referral find SPRING-Z").errors, HasSubstr("No referral has it."));
  // Where it is not known any more what went through, the server knows.
  std::filesystem::remove(base::Cat(file, ".done.csv"));
  EXPECT_EQ(Run("worker", import).exit_code, 5);
  EXPECT_THAT(ReadFile(errors), HasSubstr("REQUEST_ID_REUSED"));
}

TEST_F(CliReferralTest, ImportTellsWhatTheServerRefusesAndWhatIsNoJson) {
  const std::string file = *folder_ / "cases.jsonl";
  const std::string name = Submit();
  // What one referral is made of, from what is shown and opened of another.
  const json shown = Json("from", base::Cat("referral show ", name)).at("referral");
  json good;
  for (const char* field : {"theme", "priority", "receiving", "territory", "persons"}) {
    good["referral"][field] = shown.at(field);
  }
  good["referral"]["persons"][0]["disclosure"].erase("fields");
  good["sections"] = Json("from", base::Cat("referral disclose --section screening --section details "
                                            "--purpose coordinate-case ",
                                            name))
                         .at("sections");
  json elsewhere = good;
  elsewhere["referral"]["receiving"]["body"] = "bodies/es-none";
  elsewhere["referral"]["persons"][0]["disclosure"].erase("recipient");
  WriteFile(file, base::Cat(good.dump(), "\n", elsewhere.dump(), "\n{\n"));
  const Outcome imported = Run("from", base::Cat("referral import ", file));
  EXPECT_EQ(imported.exit_code, 5);
  EXPECT_THAT(imported.printed,
              AllOf(HasSubstr("row 1: referrals/"), HasSubstr("row 2: failed: referral.receiving.body: "),
                    HasSubstr("row 3: failed\n")));
  EXPECT_THAT(ReadFile(base::Cat(file, ".errors.csv")), AllOf(HasSubstr("\n2,2,referral.receiving.body,"),
                                                              HasSubstr("\n3,3,"), HasSubstr("ROW_INVALID")));
}

TEST_F(CliReferralTest, ImportEndsWithTheCodeOfWhatStoppedIt) {
  const std::string file = *folder_ / "good.csv";
  WriteFile(file, CsvOf({{"GOOD", "housing"}}, base::Cat(ReferralFlags(), " --screening room")));
  EXPECT_EQ(Run("worker", base::Cat("referral import ", file)).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(base::Cat(file, ".errors.csv")));
  // What went through is not sent again, whoever asks for it.
  WriteFile(file, CsvOf({{"ANOTHER", "housing"}}, base::Cat(ReferralFlags(), " --screening room")));
  WriteFile(*folder_ / "stranger.token", "no token");
  EXPECT_EQ(Run("stranger", base::Cat("referral import ", file)).exit_code, 2) << "blanks are in no token";
  WriteFile(*folder_ / "stranger.token", "no.token");
  EXPECT_EQ(Run("stranger", base::Cat("referral import ", file)).exit_code, 3);
  ExpectFailure("worker", base::Cat("referral import ", *folder_ / "none.csv"), 2, "INVALID_FIELD");
  WriteFile(file, "own_reference,cheese\nA,B\n");
  EXPECT_EQ(Run("worker", base::Cat("referral import ", file)).exit_code, 2);
}

// Waits until `watch` has printed `text`.
void AwaitPrinted(Process& watch, std::string_view text) {
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (watch.Printed().find(text) == std::string::npos && absl::Now() < until) {
    if (watch.WaitForExit(absl::Milliseconds(10)).has_value()) return;
  }
}

TEST_F(CliReferralTest, WatchTellsChangesAsTheyHappenAndGoesOnFromACursor) {
  const std::string errors = *folder_ / "watch.errors";
  Process watch(Command("to", "referral watch --output json"), *folder_ / "watch", errors);
  AwaitPrinted(watch, "\n");
  const std::string name = Submit();
  AwaitPrinted(watch, name);
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.WaitForExit(absl::Seconds(10)), 0) << ReadFile(errors);
  const std::vector<json> lines = JsonLines(watch.Printed());
  ASSERT_EQ(lines.size(), 2u) << watch.Printed();
  EXPECT_EQ(lines[0].size(), 1u) << "where \"from now on\" is";
  EXPECT_EQ(lines[1].at("referral"), name);
  EXPECT_EQ(lines[1].at("state"), "REFERRAL_STATE_REQUESTED");

  const std::string cursor = lines[0].at("cursor");
  Process again(Command("to", base::Cat("referral watch --utc --cursor ", cursor)), *folder_ / "again",
                errors);
  AwaitPrinted(again, "\n");
  again.Signal(SIGINT);
  EXPECT_EQ(again.WaitForExit(absl::Seconds(10)), 0) << ReadFile(errors);
  EXPECT_THAT(again.Printed(),
              MatchesRegex(base::Cat("[0-9T:-]+Z  ", name, "  revision 1  SUBMIT  requested\n")));
  EXPECT_THAT(ReadFile(errors), HasSubstr(base::Cat("--cursor ", lines[1].at("cursor").get<std::string>())));
}

TEST_F(CliReferralTest, WatchLeavesWhenToldToAndRefusesWhatIsNoCursor) {
  EXPECT_EQ(Run("to", "referral watch --once --idle 1ms").exit_code, 0);
  ExpectFailure("to", "referral watch --once --cursor yesterday", 2, "INVALID_FIELD");
  ExpectFailure("to", "referral watch --once --idle soon", 2, "INVALID_FIELD");
}

}  // namespace
}  // namespace waypost::e2e
