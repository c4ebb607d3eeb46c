#include "services/referral/referral_domain_testing.h"

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/abseil.h"

namespace waypost::referral::testing {
namespace {

// Event, from, to, who. "any-open" and "any-end" stand for the states named here.
constexpr std::string_view kAnyOpen =
    "REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED";
constexpr std::string_view kAnyEnd = "DECLINED FORWARDED COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED";
constexpr std::string_view kDomain = R"(
CREATE              | NOTHING | DRAFT | referring
UPDATE              | DRAFT | = | referring
APPROVE             | DRAFT any-open COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED | = | referring
APPROVE             | any-open COMPLETED | = | receiving
SUBMIT              | NOTHING DRAFT | REQUESTED | referring
OPEN_LINKED         | NOTHING | REQUESTED | system
ACKNOWLEDGE         | REQUESTED | ACKNOWLEDGED | receiving
REQUEST_INFORMATION | REQUESTED ACKNOWLEDGED | NEEDS_INFO | receiving
PROVIDE_INFORMATION | NEEDS_INFO | < | referring
INFORMATION_LAPSE   | NEEDS_INFO | < | system
WAITLIST            | REQUESTED ACKNOWLEDGED | WAITLISTED | receiving
WAITLIST            | WAITLISTED | = | receiving
OFFER_PLACE         | WAITLISTED | OFFERED | receiving
TAKE_PLACE          | OFFERED | = | referring
STAY_ON_LIST        | OFFERED | WAITLISTED | referring
LEAVE_LIST          | OFFERED | CANCELLED | referring
OFFER_LAPSE         | OFFERED | WAITLISTED | system
ACCEPT              | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED | ACCEPTED | receiving
DECLINE             | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED ACCEPTED | DECLINED | receiving
PROPOSE_FORWARD     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | = | receiving
CONFIRM_FORWARD     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | FORWARDED | referring
FORWARD_BY_DUTY     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | FORWARDED | receiving
HAND_OVER           | ACCEPTED IN_PROGRESS ON_HOLD | ON_HOLD | receiving
HAND_OVER_TAKEN     | ON_HOLD CANCEL_REQUESTED | FORWARDED | system
HAND_OVER_NOT_TAKEN | ON_HOLD | < | system
HAND_OVER_NOT_TAKEN | CANCEL_REQUESTED | = | system
HAND_OVER_MOVED     | ON_HOLD CANCEL_REQUESTED | = | system
START               | ACCEPTED | IN_PROGRESS | receiving
HOLD                | IN_PROGRESS | ON_HOLD | receiving
RESUME              | ON_HOLD | IN_PROGRESS | receiving
COMPLETE            | ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED | COMPLETED | receiving
END_WITHOUT_RESULT  | ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED | ENDED_WITHOUT_RESULT | receiving
CANCEL              | DRAFT REQUESTED WAITLISTED OFFERED | CANCELLED | referring
CANCEL              | ACKNOWLEDGED NEEDS_INFO ACCEPTED IN_PROGRESS ON_HOLD | CANCEL_REQUESTED | referring
CONFIRM_CANCEL      | CANCEL_REQUESTED | CANCELLED | receiving
REFUSE_CANCEL       | CANCEL_REQUESTED | < | receiving
REMINDER            | any-open | = | system
GIVE_BACK_TIME      | any-open | = | system
ESCALATE            | DRAFT any-open any-end | = | system
LAPSE               | REQUESTED ACKNOWLEDGED | LAPSED | system
REOPEN              | COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED | REQUESTED | referring
REOPEN              | COMPLETED | IN_PROGRESS | receiving
REPORT_MISDIRECTED  | any-open | CANCELLED | referring system
REPORT_MISDIRECTED  | any-end | = | system
REMIND              | any-open | = | coordinating
RULE                | any-open | FORWARDED | coordinating
CONFIRM_COMPETENCE  | any-open | = | coordinating
ASSUME              | any-open | FORWARDED | coordinating
SETTLE_FOLLOW_UP    | any-end | = | referring receiving
DETACH              | DRAFT any-open any-end | = | referring system
ASSIGN              | DRAFT | = | referring
ASSIGN              | any-open any-end | = | referring receiving
CLAIM               | DRAFT | = | referring
CLAIM               | any-open any-end | = | referring receiving
NOTE                | DRAFT DECLINED FORWARDED ENDED_WITHOUT_RESULT CANCELLED LAPSED | = | referring
NOTE                | any-open COMPLETED | = | referring receiving
VOID_ENTRY          | DRAFT any-open any-end | = | referring
VOID_ENTRY          | any-open any-end | = | receiving
VOID_OUTCOME        | COMPLETED ENDED_WITHOUT_RESULT | = | receiving
PROPOSE_DATE        | any-open | = | referring receiving
AGREE_DATE          | any-open | = | referring receiving
REFUSE_DATE         | any-open | = | referring receiving
RECORD_APPOINTMENT  | ACCEPTED IN_PROGRESS ON_HOLD | = | receiving
CHANGE_PRIORITY     | any-open | = | referring receiving
CANCEL              | DRAFT any-open | CANCELLED | system
WITHDRAW            | DRAFT any-open any-end | = | referring system
WITHDRAW            | any-open any-end | = | receiving
OBJECT              | DRAFT any-open any-end | = | referring system
OBJECT              | any-open any-end | = | receiving
RECTIFY             | DRAFT any-open any-end | = | referring system
RECTIFY             | any-open any-end | = | receiving
RESTRICT            | DRAFT any-open any-end | = | referring system
RESTRICT            | any-open any-end | = | receiving
ASK_ACCESS          | DRAFT any-open any-end | = | referring system
ASK_ACCESS          | any-open any-end | = | receiving
PLACE_LEGAL_HOLD    | DRAFT any-open any-end | = | referring
PLACE_LEGAL_HOLD    | any-open any-end | = | receiving
RELEASE_LEGAL_HOLD  | DRAFT any-open any-end | = | referring
RELEASE_LEGAL_HOLD  | any-open any-end | = | receiving
ANSWER_RIGHT        | DRAFT any-open any-end | = | referring
ANSWER_RIGHT        | any-open any-end | = | receiving
ERASE               | any-end | = | referring receiving
END_RETENTION       | any-end | = | system
SUCCEED             | DRAFT any-open any-end | = | system
PROGRAMME_ENDING    | any-open | = | system
PROGRAMME_GOES_ON   | any-open | = | system
)";

Domain ReadDomain() {
  Domain domain;
  for (const absl::string_view line : absl::StrSplit(base::ToAbsl(kDomain), '\n', absl::SkipEmpty())) {
    std::vector<std::string> columns = absl::StrSplit(line, '|');
    for (std::string& column : columns) absl::StripAsciiWhitespace(&column);
    absl::StrReplaceAll({{"any-open", base::ToAbsl(kAnyOpen)}, {"any-end", base::ToAbsl(kAnyEnd)}},
                        &columns[1]);
    for (const std::string& from : std::vector<std::string>(absl::StrSplit(columns[1], ' '))) {
      for (const std::string& actor : std::vector<std::string>(absl::StrSplit(columns[3], ' '))) {
        if (domain.insert({{from, columns[0], actor}, columns[2]}).second) continue;
        std::cerr << "twice in the domain: " << line << std::endl;
        std::abort();
      }
    }
  }
  return domain;
}

}  // namespace

const Domain& TheDomain() {
  static const auto* const domain = new Domain(ReadDomain());
  return *domain;
}

const std::string* InDomain(State state, Event event, Actor actor) {
  const auto found = TheDomain().find(
      {std::string(StateName(state)), std::string(EventName(event)), std::string(ActorName(actor))});
  return found == TheDomain().end() ? nullptr : &found->second;
}

}  // namespace waypost::referral::testing
