// Referrals on a screen.
#ifndef WAYPOST_TOOLS_WAYPOST_REFERRAL_VIEW_H_
#define WAYPOST_TOOLS_WAYPOST_REFERRAL_VIEW_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tools/waypost/session.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {

// "acknowledge by 2026-03-01T14:05:00+01:00 (receiving, in 3 h)"; "overdue by 2 d" once it has passed. Empty
// when nothing is due.
std::string DueWords(const referral::v1::Due& due, absl::Time now, absl::TimeZone zone);

// The same for a cell of a listing: "2026-03-01T14:05:00+01:00", with "(overdue by 2 d)" once it has passed.
std::string DueCell(const google::protobuf::Timestamp& due, absl::Time now, absl::TimeZone zone);

// A line for a listing, under ReferralHeadings().
std::vector<std::string> ReferralHeadings();
std::vector<std::string> ReferralRow(const referral::v1::ReferralSummary& referral, absl::Time now,
                                     absl::TimeZone zone);

// What a change came to: name, state, due, and what may be done next. For CallCommand::show.
absl::Status ShowChange(Session& session, const google::protobuf::Message& referral);

// A resource name from what people type: "01jd…" is "referrals/01jd…".
std::string ReferralName(const std::string& text);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_REFERRAL_VIEW_H_
