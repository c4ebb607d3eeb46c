// waypost send-later: sends what was kept with --later, and shows what has happened in between.
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/commands.h"
#include "tools/waypost/exit_codes.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/offline_queue.h"
#include "tools/waypost/referral_actions.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using nlohmann::ordered_json;
using State = QueuedChange::State;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";

struct SendLaterOptions {
  std::string file;
  std::vector<std::string> retry;
  std::vector<std::string> drop;
  bool list = false;
};

// Another run will be of use, and until then nothing after it can be sent.
bool StopsTheRun(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return error::IsTooBusy(status);  // any other limit is one that this change passes
    default:
      return error::ReasonOf(status) == "CONTENDED";
  }
}

// The server's own word that it has not begun. Whatever else ends a call may come after it was carried out.
bool IsRefusedBeforehand(const absl::Status& status) {
  return error::IsTooBusy(status) || error::ReasonOf(status) == "TOKEN_REFUSED";
}

// The fields that a request gives, without what they hold.
std::string GivenIn(const google::protobuf::Message& request) {
  std::vector<const google::protobuf::FieldDescriptor*> present;
  request.GetReflection()->ListFields(request, &present);
  std::string given;
  for (const auto* field : present) {
    if (field->name() == "name" || field->name() == "etag" || field->name() == "request_id") continue;
    given += base::Cat(given.empty() ? "" : ", ", WordsFromSnake(field->name()));
  }
  return given;
}

// 3 for "\"3\""; 0 where it says none.
int64_t RevisionOf(std::string_view etag) {
  int64_t revision = 0;
  if (etag.size() > 2 && absl::SimpleAtoi(std::string(etag.substr(1, etag.size() - 2)), &revision)) {
    return revision;
  }
  return 0;
}

class Sender {
 public:
  Sender(Session& session, OfflineQueue& queue, std::string file)
      : session_(session), queue_(queue), file_(std::move(file)) {}

  // What is in conflict under that name; where nothing is, what waits.
  absl::Status Drop(const std::string& name) {
    std::vector<QueuedChange*> found = Named(name, State::kConflict);
    if (found.empty()) found = Named(name, State::kWaiting);
    if (found.empty()) return error::InvalidField("--drop", "names nothing that is in conflict or waits");
    for (QueuedChange* change : found) {
      change->state = State::kDropped;
      change->first_sent.reset();
      change->request.reset();
    }
    return queue_.Save();
  }

  // To be carried out on what there is now.
  absl::Status Retry(const std::string& name) {
    const std::vector<QueuedChange*> conflicts = Named(name, State::kConflict);
    if (conflicts.empty()) return error::InvalidField("--retry", "names nothing that is in conflict");
    for (QueuedChange* change : conflicts) {
      if (!change->etag.empty()) {
        pb::Referral now;
        WAYPOST_RETURN_IF_ERROR(Get(change->referral, now));
        change->etag = now.etag();
        SetEtag(*change->request, now.etag());
      }
      change->state = State::kWaiting;
      change->reason.clear();
      change->first_sent.reset();
    }
    return queue_.Save();
  }

  absl::StatusOr<ExitCode> SendAll() {
    const Interrupts::Handling handling(session_.env().interrupts);
    std::set<std::string> held_up;
    for (QueuedChange& change : queue_.changes()) {
      if (change.state == State::kConflict) held_up.insert(change.key());
      if (change.state != State::kWaiting) continue;
      if (held_up.contains(change.key())) {
        ++skipped_;
        continue;
      }
      if (session_.env().interrupts.requested()) {
        session_.Hint(base::Cat(sent_, " sent; interrupted: the rest waits in ", file_));
        return ExitCode::kPartial;
      }
      WAYPOST_RETURN_IF_ERROR(Send(change));
      if (change.state == State::kConflict) held_up.insert(change.key());
    }
    Summarise(held_up.size());
    return held_up.empty() ? ExitCode::kOk : ExitCode::kConflict;
  }

  absl::Status List() {
    Table table({"kept", "change", "referral", "etag", "state", "reason", "request id"});
    for (const QueuedChange& change : queue_.changes()) {
      table.Add({change.kept_time, ActionName(change.method), change.referral, change.etag, StateWord(change),
                 change.reason, change.request_id});
      if (session_.json()) {
        ordered_json line = {
            {"method", change.method},      {"referral", change.referral}, {"requestId", change.request_id},
            {"keptTime", change.kept_time}, {"etag", change.etag},         {"state", StateWord(change)},
            {"reason", change.reason}};
        session_.env().out << line.dump() << '\n';
      }
    }
    if (!session_.json()) session_.env().out << table.ToText(session_.colour());
    return absl::OkStatus();
  }

 private:
  static std::string StateWord(const QueuedChange& change) {
    switch (change.state) {
      case State::kWaiting:
        return "waiting";
      case State::kDone:
        return "done";
      case State::kConflict:
        return "conflict";
      default:
        return "dropped";
    }
  }

  // By the referral; or the one change, by its request id.
  std::vector<QueuedChange*> Named(const std::string& name, State state) {
    std::vector<QueuedChange*> found;
    for (QueuedChange& change : queue_.changes()) {
      const bool named = change.key() == ReferralName(name) || change.request_id == name;
      if (named && change.state == state) found.push_back(&change);
    }
    return found;
  }

  absl::Status Get(const std::string& name, pb::Referral& referral) {
    pb::GetReferralRequest get;
    get.set_name(name);
    return session_.Call(base::Cat(kService, "GetReferral"), get, referral);
  }

  // A change of our own from this file has made a new version of what this one was meant for. True where that
  // changes the request.
  bool Follow(QueuedChange& change) {
    if (change.etag.empty()) return false;
    std::string follows;
    for (const QueuedChange& other : queue_.changes()) {
      if (&other == &change) break;
      const bool same = other.state == State::kDone && other.referral == change.referral;
      if (same && other.etag == change.etag && !other.done_etag.empty()) follows = other.done_etag;
    }
    if (follows.empty() || EtagIn(*change.request) == follows) return false;
    SetEtag(*change.request, follows);
    return true;
  }

  // So that what is never sent is not marked as sent: a call that changes nothing is answered first.
  absl::Status ReachServer() {
    if (is_reached_) return absl::OkStatus();
    pb::ListReceiptKeysResponse keys;
    pb::ListReceiptKeysRequest request;
    const absl::Status status = session_.Call(base::Cat(kService, "ListReceiptKeys"), request, keys);
    if (StopsTheRun(status)) return status;
    is_reached_ = true;
    return absl::OkStatus();
  }

  // Kept before it is sent: after a crash it is the same request, and known to have been sent.
  absl::Status Mark(QueuedChange& change) {
    const bool follows = Follow(change);
    const bool is_first = !change.first_sent.has_value() && CanBeDoneTwice(*change.request);
    if (is_first) change.first_sent = session_.env().clock.Now();
    return follows || is_first ? queue_.Save() : absl::OkStatus();
  }

  // It was not begun: as if it had never been sent.
  absl::Status Unmark(QueuedChange& change) {
    if (!change.first_sent.has_value()) return absl::OkStatus();
    change.first_sent.reset();
    return queue_.Save();
  }

  // The server no longer knows whether it carried it out.
  bool IsForgotten(const QueuedChange& change) const {
    if (!change.first_sent.has_value()) return false;
    return absl::AbsDuration(session_.env().clock.Now() - *change.first_sent) >= kRequestIdsKnown;
  }

  absl::Status AnswerLost(const QueuedChange& change) const {
    return error::Make(
        absl::StatusCode::kAborted, kAnswerLost,
        base::Cat("it was sent at ", ShowTime(*change.first_sent, session_.zone()),
                  ", and no answer said what became of it: it may have been carried out, and by now the "
                  "server may not know it again. Look whether it is in what has happened since. If it is, "
                  "drop it; if not, retry it"));
  }

  absl::Status Stopped(const absl::Status& why) {
    session_.Hint(base::Cat(sent_, " sent; the rest waits in ", file_));
    return why;
  }

  absl::Status TakeConflict(QueuedChange& change, const absl::Status& why) {
    change.state = State::kConflict;
    change.reason = error::ReasonOf(why);
    if (change.reason.empty()) change.reason = StatusCodeName(why.code());
    if (change.reason != kAnswerLost) change.first_sent.reset();
    WAYPOST_RETURN_IF_ERROR(queue_.Save());
    return TellConflict(change, why);
  }

  // OK for what was carried out, and for a conflict; otherwise why the run ends.
  absl::Status Send(QueuedChange& change) {
    if (const absl::Status reached = ReachServer(); !reached.ok()) return Stopped(reached);
    if (IsForgotten(change)) return TakeConflict(change, AnswerLost(change));
    const bool was_marked = change.first_sent.has_value();
    WAYPOST_RETURN_IF_ERROR(Mark(change));
    pb::Referral after;
    bool may_be_done = was_marked;
    const absl::Status status =
        session_.Call(kService + change.method, *change.request, after, [&](const absl::Status& ended) {
          if (!IsRefusedBeforehand(ended)) may_be_done = true;
        });
    if (StopsTheRun(status)) {
      if (!may_be_done) WAYPOST_RETURN_IF_ERROR(Unmark(change));
      return Stopped(status);
    }
    if (!status.ok()) return TakeConflict(change, status);
    return TakeDone(change, after);
  }

  absl::Status TakeDone(QueuedChange& change, const pb::Referral& after) {
    change.state = State::kDone;
    change.referral = after.name();
    change.done_etag = after.etag();
    change.first_sent.reset();
    change.request.reset();
    ++sent_;
    WAYPOST_RETURN_IF_ERROR(queue_.Save());
    if (session_.json()) {
      ordered_json line = {{"sent", change.method}, {"referral", after.name()}, {"etag", after.etag()}};
      session_.env().out << line.dump() << '\n';
      return absl::OkStatus();
    }
    session_.env().out << ActionName(change.method) << ' ';
    return ShowChange(session_, after);
  }

  // Whether it happened after the version that was meant, or after what was sent without an answer; of the
  // last where neither says.
  static bool IsSince(const QueuedChange& change, const pb::HistoryEntry& entry, bool is_of_last) {
    if (change.first_sent.has_value()) {
      constexpr absl::Duration kClocksDiffer = absl::Hours(1);
      return absl::FromUnixSeconds(entry.time().seconds()) >= *change.first_sent - kClocksDiffer;
    }
    const int64_t meant = RevisionOf(EtagIn(*change.request));
    return meant > 0 ? entry.revision() > meant : is_of_last;
  }

  pb::ListReferralHistoryResponse Since(const QueuedChange& change) {
    pb::ListReferralHistoryRequest list;
    list.set_name(change.referral);
    pb::ListReferralHistoryResponse all;
    pb::ListReferralHistoryResponse since;
    if (!session_
             .ListAll(base::Cat(kService, "ListReferralHistory"), {.limit = 0, .page_token = ""}, list, all)
             .ok()) {
      return since;
    }
    constexpr int kLast = 5;
    for (int i = 0; i < all.entries_size(); ++i) {
      const bool is_of_last = i + kLast >= all.entries_size();
      if (IsSince(change, all.entries(i), is_of_last)) *since.add_entries() = all.entries(i);
    }
    return since;
  }

  absl::Status TellConflict(const QueuedChange& change, const absl::Status& why) {
    pb::Referral now;
    const bool seen = !change.referral.empty() && Get(change.referral, now).ok();
    const pb::ListReferralHistoryResponse since = seen ? Since(change) : pb::ListReferralHistoryResponse();
    if (session_.json()) return TellConflictJson(change, why, since, seen ? &now : nullptr);
    const std::string given = GivenIn(*change.request);
    const int64_t meant = RevisionOf(EtagIn(*change.request));
    std::ostream& out = session_.env().out;
    out << "conflict: " << ActionName(change.method) << ' ' << Printable(change.key()) << '\n'
        << "  meant: kept " << Printable(change.kept_time)
        << (meant > 0 ? base::Cat(", for revision ", meant) : "")
        << (given.empty() ? "" : base::Cat(", with ", given)) << '\n'
        << (change.reason == kAnswerLost ? "  not sent again: " : "  not done: ")
        << Printable(base::ToStd(why.message())) << " (" << change.reason << ")\n";
    TellSince(since);
    if (seen) {
      out << "  now: " << EnumWords(now.state()) << " (revision " << now.revision() << ", etag "
          << Printable(now.etag()) << ")\n";
    } else if (change.referral.empty()) {
      out << "  now: it has no name that is known here: look among what your body asks of others "
             "(waypost referral list --box outbox)\n";
    } else {
      out << "  now: there is nothing that you may see under that name\n";
    }
    out << "  decide: send-later " << Printable(file_) << " --retry " << Printable(change.key())
        << ", or --drop " << Printable(change.key()) << '\n';
    return absl::OkStatus();
  }

  void TellSince(const pb::ListReferralHistoryResponse& since) {
    std::ostream& out = session_.env().out;
    if (!since.entries().empty()) out << "  what happened since:\n";
    for (const pb::HistoryEntry& entry : since.entries()) {
      out << "    revision " << entry.revision() << "  " << ShowTime(entry.time(), session_.zone()) << "  "
          << Printable(entry.event()) << "  " << EnumWords(entry.state()) << "  "
          << (entry.body().empty() ? "(system)" : Printable(entry.body())) << '\n';
    }
  }

  // `now`: null where it cannot be seen.
  absl::Status TellConflictJson(const QueuedChange& change, const absl::Status& why,
                                const pb::ListReferralHistoryResponse& since, const pb::Referral* now) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string history, ToJsonLine(since));
    ordered_json line = {{"conflict", change.method},
                         {"referral", change.referral},
                         {"requestId", change.request_id},
                         {"keptTime", change.kept_time},
                         {"meantFor", EtagIn(*change.request)},
                         {"reason", change.reason},
                         {"message", std::string(base::ToStd(why.message()))}};
    if (change.first_sent.has_value()) {
      line["firstSentTime"] = ShowTime(*change.first_sent, absl::UTCTimeZone());
    }
    line["since"] = ordered_json::parse(history).value("entries", ordered_json::array());
    if (now != nullptr) {
      WAYPOST_ASSIGN_OR_RETURN(const std::string referral, ToJsonLine(*now));
      line["now"] = ordered_json::parse(referral);
    }
    session_.env().out << line.dump() << '\n';
    return absl::OkStatus();
  }

  void Summarise(size_t conflicts) {
    std::string summary = base::Cat(sent_, " sent");
    if (conflicts > 0) summary += base::Cat(", ", conflicts, " in conflict, ", skipped_, " wait for these");
    session_.Hint(summary);
  }

  Session& session_;
  OfflineQueue& queue_;
  const std::string file_;
  int sent_ = 0;
  int skipped_ = 0;
  bool is_reached_ = false;
};

absl::StatusOr<ExitCode> SendLater(Session& session, const SendLaterOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const auto queue,
                           OfflineQueue::Open(options.file, OfflineQueue::Missing::kIsRefused));
  Sender sender(session, *queue, options.file);
  if (options.list) {
    WAYPOST_RETURN_IF_ERROR(sender.List());
    return ExitCode::kOk;
  }
  for (const std::string& name : options.drop) WAYPOST_RETURN_IF_ERROR(sender.Drop(name));
  for (const std::string& name : options.retry) WAYPOST_RETURN_IF_ERROR(sender.Retry(name));
  return sender.SendAll();
}

}  // namespace

void AddSendLaterCommand(CLI::App& root, Session& session) {
  CLI::App& leaf = *root.add_subcommand(
      "send-later", "Send what `waypost referral` has kept in a file, in order; show what is in conflict");
  auto options = std::make_shared<SendLaterOptions>();
  leaf.add_option("file", options->file, "the file; each change is marked in it once it is sent")->required();
  leaf.add_option("--retry", options->retry,
                  "a referral in conflict, or a request id: send the change again, for what there is now")
      ->allow_extra_args(false);
  leaf.add_option(
          "--drop", options->drop,
          "a referral: its changes in conflict are not to be sent any more, nor, where none is, those "
          "that wait; or the request id of one change (--list shows it)")
      ->allow_extra_args(false);
  leaf.add_flag("--list", options->list, "show what is in the file, and send nothing");
  leaf.footer(
      "Exit code 4: something is in conflict. 6, 3: the server was not reached, or refused the token;\n"
      "what was sent is marked, and the same command goes on with the rest.");
  session.OnWithCode(leaf, [&session, options] { return SendLater(session, *options); });
}

}  // namespace waypost::cli
