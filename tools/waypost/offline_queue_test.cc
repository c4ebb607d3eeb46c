// Work without a server: changes kept in a file, sent later; and the receipts of what was sent.
#include "tools/waypost/offline_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/api/names.h"
#include "common/crypto/memory_key_provider.h"
#include "common/identity/base64url.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "services/referral/receipt_signature.h"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/referral_actions.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using nlohmann::json;
using ::testing::AllOf;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

constexpr char kOne[] = "referrals/01jd000000000000000000000a";
constexpr char kTwo[] = "referrals/01jd000000000000000000000b";

// What a client reads of a token: its signature is the server's matter.
std::string TokenOf(const std::string& body) {
  const json header = {{"alg", "EdDSA"}, {"kid", "k"}, {"typ", "JWT"}};
  const json claims = {
      {"iss", "https://idp.example"}, {"sub", "s"},   {"aud", "waypost"},
      {"exp", 4'000'000'000},         {"body", body}, {"roles", json::array({"caseworker"})}};
  return identity::EncodeBase64Url(header.dump()) + "." + identity::EncodeBase64Url(claims.dump()) + "." +
         identity::EncodeBase64Url(std::string(64, 's'));
}

class OfflineQueueTest : public ::testing::Test {
 protected:
  RunResult Offline(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--later", file_});
    // Nothing listens there.
    arguments.insert(arguments.end(), {"--server", "127.0.0.1:1"});
    return runner_.Run(arguments);
  }
  RunResult Note(const std::string& referral, const std::string& etag, const std::string& text) {
    std::vector<std::string> words = {"referral", "add-note", referral, "--visibility",
                                      "own-side", "--text",   text};
    if (!etag.empty()) words.insert(words.end(), {"--etag", etag});
    return Offline(std::move(words));
  }
  RunResult Send(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"send-later", file_, "--server", server_.address()};
    words.insert(words.end(), more.begin(), more.end());
    return runner_.Run(words);
  }
  std::vector<json> Lines() {
    std::vector<json> lines;
    std::istringstream content(folder_.Read("queue"));
    for (std::string line; std::getline(content, line);) lines.push_back(json::parse(line));
    return lines;
  }
  std::vector<std::string> States() {
    std::vector<std::string> states;
    for (const json& line : Lines()) states.push_back(line.at("state"));
    return states;
  }
  void SetFirstSent(const std::string& time) {
    std::vector<json> lines = Lines();
    lines.at(0)["firstSentTime"] = time;
    std::string content;
    for (const json& line : lines) content += line.dump() + "\n";
    WriteQueue(content);
  }
  void WriteQueue(const std::string& content) {
    folder_.Write("queue", content);
    ASSERT_EQ(chmod(file_.c_str(), 0600), 0);
  }
  // A line of `referral` with no request any more.
  static std::string Closed(const std::string& referral, const std::string& state) {
    const json line = {{"waypostQueue", 1},     {"method", "AddNote"}, {"referral", referral},
                       {"requestId", "closed"}, {"state", state},      {"keptTime", "2026-03-01T11:00:00Z"}};
    return line.dump() + "\n";
  }
  std::vector<pb::AddNoteRequest> Noted() { return server_.referrals.received().noted; }

  // Notes on kOne are refused until its etag is this.
  void Stands(const std::string& etag) {
    pb::Referral& now = server_.referrals.shown[kOne];
    now.set_name(kOne);
    now.set_state(pb::REFERRAL_STATE_ACCEPTED);
    now.set_revision(5);
    now.set_etag(etag);
    server_.referrals.on_note = [etag](const pb::AddNoteRequest& request, pb::Referral& response) {
      const bool stale = request.name() == kOne && request.etag() != etag;
      if (stale) return rpc::ToGrpc(error::EtagMismatch(request.name()));
      response.set_etag("\"6\"");
      return grpc::Status::OK;
    };
    server_.referrals.history.clear_entries();
    for (int revision = 1; revision <= 5; ++revision) {
      pb::HistoryEntry& entry = *server_.referrals.history.add_entries();
      entry.set_revision(revision);
      entry.set_event(revision == 5 ? "ACCEPT" : revision == 4 ? "ACKNOWLEDGE" : "SUBMIT");
      entry.set_body("bodies/es-madrid");
    }
  }

  TestFolder folder_;
  const std::string file_ = folder_.Path("queue");
  Runner runner_;
  FakeServer server_;
};

TEST_F(OfflineQueueTest, AChangeIsKeptAndNotSent) {
  const RunResult kept = Note(kOne, "\"3\"", "what she said");
  EXPECT_EQ(kept.code, ExitCode::kOk) << kept.err;
  EXPECT_THAT(kept.out, AllOf(HasSubstr("kept in "), HasSubstr("add-note"), HasSubstr(kOne)));
  EXPECT_EQ(kept.err, "");
  struct stat about = {};
  ASSERT_EQ(stat(file_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  const std::vector<json> lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].at("method"), "AddNote");
  EXPECT_EQ(lines[0].at("etag"), "\"3\"");
  EXPECT_EQ(lines[0].at("request").at("requestId"), lines[0].at("requestId"));
  EXPECT_THAT(Note(kTwo, "", "x").err, HasSubstr("Without --etag"));
  EXPECT_EQ(Lines().size(), 2u);
  EXPECT_TRUE(Noted().empty());
}

TEST_F(OfflineQueueTest, TheHelpOfWhatCanBeKeptSaysSo) {
  std::vector<std::string> names = {"create", "update", "submit"};
  for (const ReferralAction& action : ReferralActions()) names.push_back(ActionName(action.method));
  for (const std::string& name : names) {
    EXPECT_THAT(runner_.Run({"referral", name, "--help"}).out, HasSubstr("--later FILE")) << name;
  }
  for (const char* name : {"list", "show", "disclose", "watch", "import", "duplicates"}) {
    EXPECT_THAT(runner_.Run({"referral", name, "--help"}).out, Not(HasSubstr("--later"))) << name;
  }
  EXPECT_THAT(runner_.Run({"referral", "--help"}).out, HasSubstr("--later FILE"));
  const RunResult before = runner_.Run({"referral", "--later", file_, "claim", kOne, "--etag", "\"3\""});
  EXPECT_EQ(before.code, ExitCode::kOk) << before.err;
  EXPECT_EQ(Lines().size(), 1u);
}

TEST_F(OfflineQueueTest, OnlyChangesOfReferralsAreKept) {
  EXPECT_EQ(Offline({"referral", "show", kOne}).code, ExitCode::kUsage);
  EXPECT_EQ(Offline({"referral", "list"}).code, ExitCode::kUsage);
  EXPECT_EQ(
      Offline({"referral", "disclose", kOne, "--section", "details", "--purpose", "assess-request"}).code,
      ExitCode::kUsage);
  EXPECT_EQ(Offline({"referral", "duplicates", "--given-name", "A", "--family-name", "B", "--birth-date",
                     "1990-01-02"})
                .code,
            ExitCode::kUsage);
  EXPECT_EQ(Offline({"referral", "watch", "--once"}).code, ExitCode::kUsage);
  EXPECT_FALSE(folder_.Has("queue"));
}

TEST_F(OfflineQueueTest, AFileThatOthersReadIsRefused) {
  folder_.Write("queue", "");
  for (const mode_t mode : {0640, 0604, 0620, 0660}) {
    ASSERT_EQ(chmod(file_.c_str(), mode), 0);
    const RunResult kept = Note(kOne, "", "secret");
    EXPECT_EQ(kept.code, ExitCode::kConflict) << mode;
    EXPECT_THAT(kept.err, HasSubstr("FILE_NOT_PRIVATE"));
    EXPECT_EQ(Send().code, ExitCode::kConflict);
  }
  std::filesystem::remove(file_);
  std::filesystem::create_symlink(folder_.Write("elsewhere", ""), file_);
  EXPECT_EQ(Note(kOne, "", "secret").code, ExitCode::kUsage);
  EXPECT_EQ(folder_.Read("elsewhere"), "");
}

TEST_F(OfflineQueueTest, WhatIsSentIsMarkedAndTakenOutOfTheFile) {
  server_.referrals.on_note = [](const pb::AddNoteRequest&, pb::Referral& response) {
    response.set_etag("\"4\"");
    return grpc::Status::OK;
  };
  Note(kOne, "\"3\"", "what she said");
  Note(kTwo, "\"7\"", "what he said");
  const RunResult sent = Send();
  EXPECT_EQ(sent.code, ExitCode::kOk) << sent.err;
  EXPECT_THAT(sent.out, AllOf(HasSubstr(kOne), HasSubstr(kTwo)));
  EXPECT_THAT(sent.err, HasSubstr("2 sent"));
  ASSERT_EQ(Noted().size(), 2u);
  EXPECT_EQ(Noted()[0].text(), "what she said");
  EXPECT_EQ(Noted()[0].etag(), "\"3\"");
  EXPECT_THAT(folder_.Read("queue"), Not(HasSubstr("said")));
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "DONE"}));
  EXPECT_EQ(Send().code, ExitCode::kOk);
  EXPECT_EQ(Noted().size(), 2u) << "nothing is sent twice";
}

TEST_F(OfflineQueueTest, OneChangeAfterAnotherIsForTheVersionThatTheFirstLedTo) {
  int revision = 3;
  server_.referrals.on_note = [&revision](const pb::AddNoteRequest&, pb::Referral& response) {
    response.set_etag("\"" + std::to_string(++revision) + "\"");
    return grpc::Status::OK;
  };
  for (const char* text : {"a", "b", "c"}) Note(kOne, "\"3\"", text);
  EXPECT_EQ(Send().code, ExitCode::kOk);
  ASSERT_EQ(Noted().size(), 3u);
  EXPECT_EQ(Noted()[0].etag(), "\"3\"");
  EXPECT_EQ(Noted()[1].etag(), "\"4\"");
  EXPECT_EQ(Noted()[2].etag(), "\"5\"");
}

TEST_F(OfflineQueueTest, AConflictIsShownAndHoldsUpItsReferralAlone) {
  Note(kOne, "\"3\"", "first");
  Note(kOne, "\"3\"", "second");
  Note(kTwo, "", "other");
  Stands("\"5\"");
  const RunResult sent = Send();
  EXPECT_EQ(sent.code, ExitCode::kConflict);
  EXPECT_THAT(sent.out,
              AllOf(HasSubstr("conflict: add-note " + std::string(kOne)), HasSubstr("for revision 3"),
                    HasSubstr("ETAG_MISMATCH"), HasSubstr("revision 4"), HasSubstr("ACCEPT"),
                    HasSubstr("now: accepted (revision 5"), HasSubstr("--retry"), HasSubstr("--drop")));
  EXPECT_THAT(sent.out, AllOf(Not(HasSubstr("revision 2 ")), Not(HasSubstr("first"))));
  EXPECT_THAT(sent.err, HasSubstr("1 sent, 1 in conflict, 1 wait for these"));
  ASSERT_EQ(Noted().size(), 2u);
  EXPECT_EQ(Noted()[1].name(), kTwo);
  EXPECT_EQ(States(), (std::vector<std::string>{"CONFLICT", "WAITING", "DONE"}));
  // Nothing is decided by running it again.
  EXPECT_EQ(Send().code, ExitCode::kConflict);
  EXPECT_EQ(Noted().size(), 2u);

  const RunResult retried = Send({"--retry", kOne});
  EXPECT_EQ(retried.code, ExitCode::kConflict) << "the second was meant for an older version, too";
  ASSERT_EQ(Noted().size(), 4u);
  EXPECT_EQ(Noted()[2].text(), "first");
  EXPECT_EQ(Noted()[2].etag(), "\"5\"");
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "CONFLICT", "DONE"}));
  EXPECT_EQ(Send({"--drop", std::string(kOne).substr(10)}).code, ExitCode::kOk);
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "DROPPED", "DONE"}));
  EXPECT_THAT(folder_.Read("queue"), Not(HasSubstr("second")));
  EXPECT_EQ(Send({"--drop", kOne}).code, ExitCode::kUsage) << "nothing is in conflict any more";
}

TEST_F(OfflineQueueTest, AConflictAsJsonHasWhatIsNeededToDecide) {
  Note(kOne, "\"3\"", "first");
  Stands("\"5\"");
  const RunResult sent = Send({"--output", "json"});
  EXPECT_EQ(sent.code, ExitCode::kConflict);
  const json line = json::parse(sent.out);
  EXPECT_EQ(line.at("conflict"), "AddNote");
  EXPECT_EQ(line.at("reason"), "ETAG_MISMATCH");
  EXPECT_EQ(line.at("meantFor"), "\"3\"");
  EXPECT_EQ(line.at("since").size(), 2u);
  EXPECT_EQ(line.at("now").at("state"), "REFERRAL_STATE_ACCEPTED");
  const RunResult listed = runner_.Run({"send-later", file_, "--list"});
  EXPECT_THAT(listed.out, AllOf(HasSubstr("conflict"), HasSubstr("ETAG_MISMATCH"), Not(HasSubstr("first"))));
}

TEST_F(OfflineQueueTest, WithoutAServerEverythingWaitsAndIsSentUnderTheSameIds) {
  Note(kOne, "", "first");
  Note(kTwo, "", "second");
  const std::string before = folder_.Read("queue");
  RunResult unreachable = runner_.Run({"send-later", file_, "--server", "127.0.0.1:1", "--timeout", "200ms"});
  EXPECT_EQ(unreachable.code, ExitCode::kUnavailable);
  EXPECT_EQ(folder_.Read("queue"), before);
  // The answer of the second is lost.
  server_.referrals.on_note = [](const pb::AddNoteRequest& request, pb::Referral&) {
    return request.name() == kTwo ? rpc::ToGrpc(error::TokenRefused("it has expired")) : grpc::Status::OK;
  };
  EXPECT_EQ(Send().code, ExitCode::kRefused);
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "WAITING"}));
  server_.referrals.on_note = nullptr;
  EXPECT_EQ(Send().code, ExitCode::kOk);
  const auto noted = Noted();
  ASSERT_EQ(noted.size(), 3u);
  EXPECT_EQ(noted[1].SerializeAsString(), noted[2].SerializeAsString()) << "so that it is done once";
}

// The server has forgotten the request by then, so it would be carried out a second time.
TEST_F(OfflineQueueTest, WhatWasSentLongAgoWithoutAnAnswerIsNotSentAgainByItself) {
  Note(kOne, "", "first");
  Note(kOne, "", "second");
  Note(kTwo, "\"3\"", "for a version");
  Stands("\"5\"");
  server_.referrals.history.mutable_entries(3)->mutable_time()->set_seconds(
      absl::ToUnixSeconds(testing::TestNow() - absl::Hours(40)));
  server_.referrals.history.mutable_entries(4)->mutable_time()->set_seconds(
      absl::ToUnixSeconds(testing::TestNow() - absl::Hours(22)));
  server_.referrals.on_note = [](const pb::AddNoteRequest& request, pb::Referral&) {
    if (request.name() == kTwo) return grpc::Status::OK;
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "the answer is lost");
  };
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  EXPECT_EQ(Lines()[0].at("firstSentTime"), "2026-03-01T12:00:00Z");
  EXPECT_FALSE(Lines()[1].contains("firstSentTime"));
  SetFirstSent("2026-02-28T13:00:01Z");
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  EXPECT_EQ(Noted().size(), 2u) << "for so long the server knows it again";
  EXPECT_EQ(Lines()[0].at("firstSentTime"), "2026-02-28T13:00:01Z") << "the first time counts";

  SetFirstSent("2026-02-28T13:00:00Z");
  const RunResult sent = Send();
  EXPECT_EQ(sent.code, ExitCode::kConflict);
  EXPECT_THAT(sent.out, AllOf(HasSubstr("not sent again"), HasSubstr("2026-02-28T14:00:00+01:00"),
                              HasSubstr("ANSWER_LOST"), HasSubstr("revision 5  "), HasSubstr("--retry"),
                              HasSubstr("--drop"), Not(HasSubstr("revision 4  "))));
  EXPECT_EQ(States(), (std::vector<std::string>{"CONFLICT", "WAITING", "DONE"}));
  ASSERT_EQ(Noted().size(), 3u);
  EXPECT_EQ(Noted()[2].name(), kTwo);
  EXPECT_EQ(Send().code, ExitCode::kConflict);
  EXPECT_EQ(Noted().size(), 3u) << "nothing is decided by running it again";

  server_.referrals.on_note = nullptr;
  EXPECT_EQ(Send({"--retry", kOne}).code, ExitCode::kOk);
  EXPECT_EQ(Noted().size(), 5u);
  EXPECT_FALSE(Lines()[0].contains("firstSentTime"));
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "DONE", "DONE"}));
}

// It is refused the second time, whoever has forgotten it.
TEST_F(OfflineQueueTest, WhatHoldsForOneVersionAloneIsSentAgainHoweverLate) {
  Note(kOne, "\"3\"", "first");
  server_.referrals.on_note = [](const pb::AddNoteRequest&, pb::Referral&) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "the answer is lost");
  };
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  EXPECT_FALSE(Lines()[0].contains("firstSentTime"));
}

TEST_F(OfflineQueueTest, ALimitOfOneChangeIsItsOwnConflict) {
  Note(kOne, "", "one too many");
  Note(kTwo, "", "other");
  server_.referrals.on_note = [](const pb::AddNoteRequest& request, pb::Referral&) {
    if (request.name() == kTwo) return grpc::Status::OK;
    return rpc::ToGrpc(error::LimitExceeded("notes of a referral", 1000, 1001));
  };
  const RunResult sent = Send();
  EXPECT_EQ(sent.code, ExitCode::kConflict);
  EXPECT_THAT(sent.out, AllOf(HasSubstr("not done: "), HasSubstr("LIMIT_EXCEEDED")));
  EXPECT_EQ(States(), (std::vector<std::string>{"CONFLICT", "DONE"}));
  EXPECT_FALSE(Lines()[0].contains("firstSentTime")) << "it was answered";
}

TEST_F(OfflineQueueTest, AServerThatIsTooBusyIsTriedAgainLater) {
  Note(kOne, "", "first");
  Note(kTwo, "", "second");
  for (const absl::Status& busy :
       {error::Overloaded("changes"), error::DiskFull(), error::RateLimited(20, absl::Seconds(1))}) {
    server_.referrals.on_note = [&busy](const pb::AddNoteRequest&, pb::Referral&) {
      return rpc::ToGrpc(busy);
    };
    EXPECT_EQ(Send().code, ExitCode::kUnavailable) << busy;
    EXPECT_EQ(States(), (std::vector<std::string>{"WAITING", "WAITING"})) << busy;
    EXPECT_FALSE(Lines()[0].contains("firstSentTime")) << busy << ": nothing was done";
  }
  for (const pb::AddNoteRequest& noted : Noted()) EXPECT_EQ(noted.name(), kOne);
}

TEST_F(OfflineQueueTest, WhatTheServerRefusedBeforehandEachTimeIsNotLost) {
  Note(kOne, "", "first");
  const auto refuse = [this](const absl::Status& first, const absl::Status& then) {
    server_.referrals.on_note = [first, then, is_first = true](const pb::AddNoteRequest&,
                                                               pb::Referral&) mutable {
      return rpc::ToGrpc(std::exchange(is_first, false) ? first : then);
    };
  };
  const absl::Status busy = error::Overloaded("changes");
  const absl::Status expired = error::TokenRefused("it has expired");
  refuse(busy, expired);
  EXPECT_EQ(Send().code, ExitCode::kRefused);
  EXPECT_FALSE(Lines()[0].contains("firstSentTime"));
  // Somebody on the way may say so after the server has carried it out.
  refuse(absl::UnauthenticatedError("the gateway says no"), busy);
  EXPECT_EQ(Send().code, ExitCode::kRefused);
  EXPECT_TRUE(Lines()[0].contains("firstSentTime"));
  // What an earlier run marked stays so.
  refuse(busy, busy);
  SetFirstSent("2026-03-01T11:30:00Z");
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  EXPECT_EQ(Lines()[0].at("firstSentTime"), "2026-03-01T11:30:00Z");
}

TEST_F(OfflineQueueTest, OneLostAnswerAmongRefusalsKeepsTheMark) {
  Note(kOne, "", "first");
  int attempts = 0;
  server_.referrals.on_note = [&attempts](const pb::AddNoteRequest&, pb::Referral&) {
    if (++attempts == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the answer is lost");
    return rpc::ToGrpc(error::Overloaded("changes"));
  };
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  ASSERT_GT(attempts, 1);
  EXPECT_TRUE(Lines()[0].contains("firstSentTime"));
}

TEST_F(OfflineQueueTest, WhatWaitsCanBeDroppedToo) {
  for (const char* id : {"r1", "r2", "r3"}) {
    Offline({"referral", "add-note", kOne, "--visibility", "own-side", "--text", id, "--request-id", id});
  }
  EXPECT_THAT(runner_.Run({"send-later", file_, "--list"}).out, HasSubstr("r2"));
  EXPECT_EQ(Send({"--drop", "r2"}).code, ExitCode::kOk);
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "DROPPED", "DONE"}));
  ASSERT_EQ(Noted().size(), 2u);
  EXPECT_EQ(Noted()[1].text(), "r3");

  // Of one referral: what is in conflict, and only then what waits for it.
  Note(kTwo, "\"3\"", "in conflict");
  Note(kTwo, "", "waits");
  Note(kTwo, "", "waits, too");
  server_.referrals.on_note = [](const pb::AddNoteRequest& request, pb::Referral&) {
    return rpc::ToGrpc(error::EtagMismatch(request.name()));
  };
  EXPECT_EQ(Send().code, ExitCode::kConflict);
  EXPECT_EQ(Send({"--drop", kTwo, "--drop", kTwo}).code, ExitCode::kOk);
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "DROPPED", "DONE", "DROPPED", "DROPPED", "DROPPED"}));
  EXPECT_THAT(folder_.Read("queue"), Not(HasSubstr("waits")));
}

TEST_F(OfflineQueueTest, InAFullFileWhatIsSettledMakesRoom) {
  Note(kOne, "\"3\"", "waits");
  std::string content = Closed(kOne, "DONE") + folder_.Read("queue");
  for (size_t i = 2; i < kMaxQueueLines; ++i) content += Closed(kTwo, i % 2 == 0 ? "DONE" : "DROPPED");
  WriteQueue(content);
  EXPECT_EQ(Note(kOne, "\"3\"", "new").code, ExitCode::kOk);
  EXPECT_EQ(States(), (std::vector<std::string>{"DONE", "WAITING", "WAITING"}))
      << "what led to the version that others are meant for is still needed";
}

TEST_F(OfflineQueueTest, AFileFullOfWhatWaitsCanBeEmptied) {
  Note(kOne, "", "waits");
  const std::string line = folder_.Read("queue");
  std::string content;
  for (size_t i = 0; i < kMaxQueueLines; ++i) content += line;
  WriteQueue(content);
  const RunResult full = Note(kTwo, "", "new");
  EXPECT_EQ(full.code, ExitCode::kUsage);
  EXPECT_THAT(full.err, AllOf(HasSubstr("is full: it takes 1000 changes"), HasSubstr("drop")));
  EXPECT_EQ(folder_.Read("queue"), content);
  EXPECT_EQ(Send({"--drop", kOne}).code, ExitCode::kOk);
  EXPECT_TRUE(Noted().empty());
  EXPECT_EQ(Note(kTwo, "", "new").code, ExitCode::kOk);
  EXPECT_EQ(States(), (std::vector<std::string>{"WAITING"}));
}

// What becomes of a change is written beside it, also where the file had no room for more changes.
TEST_F(OfflineQueueTest, AFileWithoutRoomForMoreIsStillMarked) {
  const auto change = [](size_t text_bytes) {
    auto request = std::make_unique<pb::AddNoteRequest>();
    request->set_name(kOne);
    request->set_request_id("r");
    request->set_text(std::string(text_bytes, 'x'));
    QueuedChange made;
    made.method = "AddNote";
    made.referral = kOne;
    made.request_id = "r";
    made.request = std::move(request);
    return made;
  };
  constexpr OfflineQueue::Options kSmall = {.max_bytes = 64 * 1024};
  auto queue = OfflineQueue::Open(file_, OfflineQueue::Missing::kIsEmpty, kSmall);
  ASSERT_TRUE(queue.ok()) << queue.status();
  ASSERT_TRUE((*queue)->Add(change(1)).ok());
  const size_t without_text = folder_.Read("queue").size() - 1;
  ASSERT_TRUE((*queue)->Add(change(kSmall.max_bytes - 2 * without_text - 1)).ok());
  const absl::Status full = (*queue)->Add(change(1));
  EXPECT_EQ(error::ReasonOf(full), "INVALID_FIELD");
  EXPECT_THAT(std::string(full.message()), HasSubstr("is full: it takes 64 KiB."));
  EXPECT_EQ((*queue)->changes().size(), 2u);
  for (QueuedChange& each : (*queue)->changes()) {
    each.state = QueuedChange::State::kConflict;
    each.reason = kAnswerLost;
    each.first_sent = testing::TestNow();
  }
  EXPECT_TRUE((*queue)->Save().ok());
  queue->reset();
  queue = OfflineQueue::Open(file_, OfflineQueue::Missing::kIsRefused, kSmall);
  ASSERT_TRUE(queue.ok()) << queue.status();
  EXPECT_EQ((*queue)->changes().at(1).first_sent, testing::TestNow());
}

// The file has its new name by then: what is said to be lost would be sent all the same.
TEST_F(OfflineQueueTest, WhatIsInTheFileIsNotSaidToBeLostWhereItsFolderCannotBeMadeDurable) {
  Note(kOne, "", "first");
  const auto fails = [](int) {
    errno = EIO;
    return -1;
  };
  auto queue = OfflineQueue::Open(file_, OfflineQueue::Missing::kIsRefused, {.sync_folder = fails});
  ASSERT_TRUE(queue.ok()) << queue.status();
  QueuedChange second;
  second.method = "AddNote";
  second.referral = kTwo;
  second.request_id = "second";
  second.request = std::make_unique<pb::AddNoteRequest>();
  const absl::Status added = (*queue)->Add(std::move(second));
  EXPECT_EQ(error::ReasonOf(added), "FILE_NOT_SYNCED");
  EXPECT_THAT(std::string(added.message()), HasSubstr("may have been kept"));
  EXPECT_EQ((*queue)->changes().size(), 2u);
  ASSERT_EQ(Lines().size(), 2u);
  EXPECT_EQ(Lines()[1].at("requestId"), "second");
  EXPECT_FALSE(folder_.Has("queue.part"));
}

TEST_F(OfflineQueueTest, WhatCannotBeWrittenIsNotAdded) {
  Note(kOne, "", "first");
  const std::string before = folder_.Read("queue");
  auto queue = OfflineQueue::Open(file_, OfflineQueue::Missing::kIsRefused);
  ASSERT_TRUE(queue.ok()) << queue.status();
  // Nothing else can be made under that name.
  std::filesystem::create_directories(folder_.Path("queue.part") + "/in-the-way");
  QueuedChange second;
  second.method = "AddNote";
  second.request_id = "second";
  second.request = std::make_unique<pb::AddNoteRequest>();
  EXPECT_EQ(error::ReasonOf((*queue)->Add(std::move(second))), "FILE_NOT_WRITTEN");
  EXPECT_EQ((*queue)->changes().size(), 1u);
  EXPECT_EQ(folder_.Read("queue"), before);
}

TEST(CanBeDoneTwiceTest, NotWhatIsForAVersionOrMakesSomethingUnderItsOwnName) {
  pb::AddNoteRequest note;
  note.set_name(kOne);
  EXPECT_TRUE(CanBeDoneTwice(note));
  note.set_etag("\"3\"");
  EXPECT_FALSE(CanBeDoneTwice(note));
  pb::CreateReferralRequest create;
  EXPECT_TRUE(CanBeDoneTwice(create));
  create.mutable_referral()->set_name(kOne);
  EXPECT_FALSE(CanBeDoneTwice(create));
  pb::SubmitReferralRequest submit;
  submit.mutable_referral()->set_name(kOne);
  EXPECT_FALSE(CanBeDoneTwice(submit));
  submit.set_name(kTwo);
  EXPECT_TRUE(CanBeDoneTwice(submit)) << "a draft";
  pb::UpdateReferralRequest update;
  update.mutable_referral()->set_name(kOne);
  EXPECT_TRUE(CanBeDoneTwice(update));
  update.mutable_referral()->set_etag("\"3\"");
  EXPECT_FALSE(CanBeDoneTwice(update));
}

TEST_F(OfflineQueueTest, ANewReferralGetsItsNameWhenItIsKept) {
  runner_.variables["WAYPOST_TOKEN"] = TokenOf("bodies/es-fuenlabrada");
  const RunResult kept = Offline({"referral", "submit", "--theme", "housing", "--priority", "normal"});
  EXPECT_EQ(kept.code, ExitCode::kOk) << kept.err;
  EXPECT_EQ(kept.err, "");
  const std::string name = Lines()[0].at("referral");
  EXPECT_TRUE(api::TimeOfIdOf(name.substr(10), "bodies/es-fuenlabrada").has_value()) << name;
  EXPECT_THAT(kept.out, HasSubstr(name));
  Note(name, "", "to what was just made");
  EXPECT_EQ(Send().code, ExitCode::kOk);
  const auto received = server_.referrals.received();
  ASSERT_EQ(received.submitted.size(), 1u);
  EXPECT_EQ(received.submitted[0].referral().name(), name);
  ASSERT_EQ(received.noted.size(), 1u);
  EXPECT_EQ(received.noted[0].name(), name);
  // What is protected the server names.
  Offline({"referral", "submit", "--theme", "housing", "--protect", "shelter"});
  EXPECT_FALSE(Lines().back().contains("referral"));
}

TEST_F(OfflineQueueTest, WhatIsNoQueueIsRefusedWithItsLine) {
  EXPECT_THAT(Send().err, HasSubstr("nothing is kept there"));
  Note(kOne, "", "x");
  const std::string good = folder_.Read("queue");
  const auto refused = [&](const std::string& content, const std::string& problem) {
    folder_.Write("queue", content);
    ASSERT_EQ(chmod(file_.c_str(), 0600), 0);
    const RunResult sent = Send();
    EXPECT_EQ(sent.code, ExitCode::kUsage) << content;
    EXPECT_THAT(sent.err, HasSubstr(problem));
    EXPECT_EQ(folder_.Read("queue"), content);
  };
  refused(good + "x\n", "line 2 is no JSON object");
  refused("{}\n", "line 1 is of no known format");
  for (const auto& [member, value] :
       {std::pair("method", "DropTables"), std::pair("state", "TIRED"), std::pair("requestId", "")}) {
    json line = json::parse(good);
    line[member] = value;
    refused(line.dump() + "\n", "line 1 has no known method and state");
  }
  json line = json::parse(good);
  line["request"]["unheardOf"] = 1;
  refused(line.dump() + "\n", "line 1");
  line.erase("request");
  refused(line.dump() + "\n", "has no request");
  line = json::parse(good);
  line["firstSentTime"] = "yesterday";
  refused(line.dump() + "\n", "firstSentTime");
  std::string many;
  for (size_t i = 0; i <= kMaxQueueLines; ++i) many += good;
  refused(many, "one too many: 1000 at most");
  EXPECT_TRUE(Noted().empty());
}

TEST_F(OfflineQueueTest, TwoRunsDoNotShareAFile) {
  Note(kOne, "", "x");
  const auto held = OfflineQueue::Open(file_, OfflineQueue::Missing::kIsRefused);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(Send().code, ExitCode::kUnavailable);
  EXPECT_EQ(Note(kOne, "", "y").code, ExitCode::kUnavailable);
  EXPECT_EQ(Lines().size(), 1u);
}

TEST_F(OfflineQueueTest, ReceiptsAreShownAndChecked) {
  testing::CountingRandom random;
  crypto::MemoryKeyProvider provider(random, testing::TestNow());
  const auto signer = referral::ReceiptSigner::Make(provider);
  ASSERT_TRUE(signer.ok()) << signer.status();
  pb::Referral& shown = server_.referrals.shown[kOne];
  shown.set_name(kOne);
  for (const auto kind : {pb::TRANSPORT_RECEIPT_KIND_RECEIVED, pb::TRANSPORT_RECEIPT_KIND_DELIVERED}) {
    pb::TransportReceipt& receipt = *shown.add_receipts();
    receipt.set_kind(kind);
    receipt.set_body("bodies/es-madrid");
    receipt.set_content_hash(std::string(32, 'h'));
    receipt.mutable_time()->set_seconds(1'772'000'000 + kind);
  }
  ASSERT_TRUE(signer->Sign(shown).ok());
  for (const pb::ReceiptKey& key : signer->keys()) *server_.referrals.receipt_keys.add_keys() = key;
  const std::vector<std::string> words = {"referral", "receipts", kOne, "--server", server_.address()};
  const RunResult good = runner_.Run(words);
  EXPECT_EQ(good.code, ExitCode::kOk) << good.err;
  EXPECT_THAT(good.out, AllOf(HasSubstr("received"), HasSubstr("delivered"), HasSubstr("holds"),
                              Not(HasSubstr("DOES NOT"))));
  shown.mutable_receipts(1)->set_body("bodies/es-getafe");
  const RunResult bad = runner_.Run(words);
  EXPECT_EQ(bad.code, ExitCode::kVerificationFailed);
  EXPECT_THAT(bad.out, HasSubstr("DOES NOT HOLD"));
  std::vector<std::string> as_json = words;
  as_json.insert(as_json.end(), {"--output", "json"});
  const json listed = json::parse(runner_.Run(as_json).out);
  EXPECT_EQ(listed.at("receipts").at(0).at("holds"), true);
  EXPECT_EQ(listed.at("receipts").at(1).at("holds"), false);
  // Keys that were kept say more than the server's own.
  std::vector<std::string> with_keys = words;
  with_keys.insert(with_keys.end(), {"--keys", folder_.Write("keys.json", "{}")});
  EXPECT_EQ(runner_.Run(with_keys).code, ExitCode::kVerificationFailed);
}

}  // namespace
}  // namespace waypost::cli
