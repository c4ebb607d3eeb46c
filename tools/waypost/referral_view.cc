#include "tools/waypost/referral_view.h"

#include <ostream>

#include "common/base/strings.h"
#include "tools/waypost/details.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

absl::Time ToTime(const google::protobuf::Timestamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

// Of each person the documents that are not stated as held, and what the other side asks for or misses.
void ShowDocuments(const pb::Referral& referral, std::ostream& out) {
  const auto names = [&referral](const google::protobuf::RepeatedField<uint32_t>& numbers) {
    std::string text;
    for (const uint32_t number : numbers) {
      if (number < 1 || number > static_cast<uint32_t>(referral.required_documents_size())) continue;
      const std::string name = Original(referral.required_documents(static_cast<int>(number) - 1));
      text += base::Cat(text.empty() ? "" : ", ", number, " ", name);
    }
    return text;
  };
  for (const pb::DocumentsNotHeld& one : referral.documents_not_held()) {
    out << "  person " << one.person() << " is not stated to hold: " << names(one.documents()) << '\n';
  }
  if (!referral.asked_documents().empty()) {
    out << "  documents asked for: " << names(referral.asked_documents()) << '\n';
  }
  if (!referral.decline().missing_documents().empty()) {
    out << "  documents missing: " << names(referral.decline().missing_documents()) << '\n';
  }
}

// Whom the reader's own side has assigned it to: the other side's assignee is not in a list. Between units of
// one body both sides are its own.
std::string AssignedHere(const pb::ReferralSummary& referral) {
  const auto shown = [](const pb::Side& side) {
    return side.assignee().empty() ? std::string("-") : side.assignee();
  };
  if (referral.referring().body() == referral.receiving().body()) {
    return base::Cat(shown(referral.referring()), " / ", shown(referral.receiving()));
  }
  return shown(referral.receiving().assignee().empty() ? referral.referring() : referral.receiving());
}

}  // namespace

std::string DueWords(const pb::Due& due, absl::Time now, absl::TimeZone zone) {
  if (!due.has_time()) return "";
  const absl::Time time = ToTime(due.time());
  const std::string when =
      time >= now ? base::Cat("in ", ShowSpan(time - now)) : base::Cat("overdue by ", ShowSpan(now - time));
  return base::Cat(EnumWords(due.clock()), " by ", ShowTime(time, zone), " (", EnumWords(due.party()), ", ",
                   when, ")");
}

std::string DueCell(const google::protobuf::Timestamp& due, absl::Time now, absl::TimeZone zone) {
  std::string cell = ShowTime(due, zone);
  if (cell.empty() || ToTime(due) >= now) return cell;
  return base::Cat(cell, " (overdue by ", ShowSpan(now - ToTime(due)), ")");
}

std::vector<std::string> ReferralHeadings() {
  return {"name",      "state",     "priority",      "theme", "people",
          "referring", "receiving", "assigned here", "due",   "for"};
}

std::vector<std::string> ReferralRow(const pb::ReferralSummary& referral, absl::Time now,
                                     absl::TimeZone zone) {
  return {referral.name(),
          EnumWords(referral.state()),
          EnumWords(referral.priority()),
          EnumWords(referral.theme()),
          base::Cat(referral.person_count()),
          referral.referring().body(),
          referral.receiving().body(),
          AssignedHere(referral),
          DueCell(referral.due().time(), now, zone),
          EnumWords(referral.due().clock())};
}

absl::Status ShowChange(Session& session, const google::protobuf::Message& message) {
  if (session.json()) return session.ShowJson(message);
  const auto& referral = static_cast<const pb::Referral&>(message);
  std::ostream& out = session.env().out;
  out << Printable(referral.name()) << ": " << EnumWords(referral.state()) << " (revision "
      << referral.revision() << ", etag " << Printable(referral.etag()) << ")\n";
  const std::string due = DueWords(referral.due(), session.env().clock.Now(), session.zone());
  if (!due.empty()) out << "  due: " << due << '\n';
  if (referral.has_programme_end()) {
    out << "  ends with its programme: " << Printable(referral.programme_end().programme()) << ", "
        << Printable(referral.programme_end().end_date()) << '\n';
  }
  if (!referral.part_of().empty()) out << "  part of: " << Printable(referral.part_of()) << '\n';
  if (!referral.case_persons().empty()) {
    out << "  people of the case: " << Joined(referral.case_persons()) << '\n';
  }
  if (referral.open_part_count() > 0) out << "  open parts: " << referral.open_part_count() << '\n';
  if (referral.has_protection()) out << "  protected: for its named readers alone\n";
  if (!referral.forwarded_to().empty()) out << "  goes on as: " << Printable(referral.forwarded_to()) << '\n';
  for (const pb::PossibleDuplicate& one : referral.possible_duplicates()) {
    out << "  person " << one.person() << " may have been referred before: " << Printable(one.referral())
        << ", person " << one.referral_person() << " (" << EnumWords(one.strength()) << ")\n";
  }
  if (referral.more_possible_duplicates()) {
    out << "  there may be more of them: `waypost referral duplicates` tells ten of each person at most\n";
  }
  ShowDocuments(referral, out);
  if (!referral.allowed_actions().empty()) out << "  next: " << Joined(referral.allowed_actions()) << '\n';
  return absl::OkStatus();
}

std::string ReferralName(const std::string& text) {
  return text.find('/') == std::string::npos ? "referrals/" + text : text;
}

}  // namespace waypost::cli
