// waypost referral watch: changes as they happen.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

// How soon an interrupt is noticed.
constexpr absl::Duration kInterruptCheck = absl::Milliseconds(200);
constexpr absl::Duration kReconnectMin = absl::Seconds(1);
constexpr absl::Duration kReconnectMax = absl::Seconds(30);

struct WatchOptions {
  std::string cursor;
  bool once = false;
  std::string idle = "2s";
};

absl::Status ShowOne(Session& session, const pb::WatchReferralsResponse& change) {
  std::ostream& out = session.env().out;
  if (session.json()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string line, ToJsonLine(change));
    out << line << '\n' << std::flush;
    return absl::OkStatus();
  }
  if (change.referral().empty()) return absl::OkStatus();  // only where "from now on" begins
  out << ShowTime(change.time(), session.zone()) << "  " << Printable(change.referral()) << "  revision "
      << change.revision() << "  " << Printable(change.event()) << "  " << EnumWords(change.state()) << '\n'
      << std::flush;
  return absl::OkStatus();
}

// How one connection ended.
struct Ended {
  // Nothing more is wanted: an interrupt, or `once` and nothing came.
  bool by_us = false;
  bool saw_changes = false;
  absl::Status status;
};

Ended FollowOnce(Session& session, Caller& caller, const WatchOptions& options, absl::Duration idle,
                 std::string& cursor) {
  pb::WatchReferralsRequest request;
  request.set_cursor(cursor);
  pb::WatchReferralsResponse change;
  const auto stream = caller.Open("waypost.referral.v1.ReferralService/WatchReferrals", request, change);
  Ended ended;
  absl::Duration waited = absl::ZeroDuration();
  for (;;) {
    switch (stream->Next(kInterruptCheck)) {
      case ServerStream::Event::kMessage:
        waited = absl::ZeroDuration();
        ended.saw_changes |= !change.referral().empty();
        cursor = change.cursor();
        ended.status = ShowOne(session, change);
        if (!ended.status.ok()) return ended;
        break;
      case ServerStream::Event::kIdle:
        waited += kInterruptCheck;
        ended.by_us = session.env().interrupts.requested() || (options.once && waited >= idle);
        break;
      case ServerStream::Event::kEnded:
        ended.status = stream->Finish();
        return ended;
    }
    if (ended.by_us || session.env().interrupts.requested()) {
      ended.by_us = true;
      return ended;
    }
  }
}

// The server or the way to it went, or it cut a stream that a new one may go on.
bool MayReconnect(const absl::Status& status) {
  return status.ok() || status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

absl::Status Watch(Session& session, const WatchOptions& options) {
  const auto idle = ParseSpan(options.idle);
  if (!idle.has_value()) return error::InvalidField("--idle", "must be a span as 2s");
  WAYPOST_ASSIGN_OR_RETURN(Caller * caller, session.caller());
  const Interrupts::Handling handling(session.env().interrupts);
  std::string cursor = options.cursor;
  absl::Duration wait = kReconnectMin;
  absl::Status result;
  for (;;) {
    const Ended ended = FollowOnce(session, *caller, options, *idle, cursor);
    result = ended.status;
    if (ended.by_us || options.once || !MayReconnect(result)) break;
    wait = ended.saw_changes ? kReconnectMin : wait;
    session.Hint(base::Cat("The stream ended", result.ok() ? "" : ": ",
                           result.ok() ? "" : base::ToStd(result.message()), "; again in ", ShowSpan(wait)));
    session.env().sleep(wait);
    if (session.env().interrupts.requested()) break;
    wait = std::min(wait * 2, kReconnectMax);
  }
  // A cursor that was refused is no place to go on from.
  const bool is_refused = cursor == options.cursor && !MayReconnect(result);
  if (!cursor.empty() && !is_refused) session.Hint(base::Cat("To go on from here: --cursor ", cursor));
  return result;
}

}  // namespace

void AddReferralWatch(CLI::App& referral, Session& session) {
  CLI::App& leaf = *referral.add_subcommand("watch", "Changes of the own body's referrals, until Ctrl-C");
  leaf.footer(
      "With --output json the first line of a watch without --cursor has its cursor alone: go on from it\n"
      "when nothing has changed yet.");
  auto options = std::make_shared<WatchOptions>();
  leaf.add_option("--cursor", options->cursor, "go on after this change; from now on if absent");
  leaf.add_flag("--once", options->once, "leave when no change has come for --idle");
  leaf.add_option("--idle", options->idle, "with --once: how long")->capture_default_str();
  session.On(leaf, [&session, options] { return Watch(session, *options); });
}

}  // namespace waypost::cli
