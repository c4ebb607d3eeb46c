#include "tools/waypost/import_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <mutex>

#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "tools/waypost/csv_import.h"

namespace waypost::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<ImportItem> Items(int count) {
  std::vector<ImportItem> items(static_cast<size_t>(count));
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].row = i + 2;
    items[i].line = i + 2;
    items[i].request.set_request_id(RowRequestId("test", i + 2));
  }
  return items;
}

// What a run told, in its order.
struct Told {
  std::vector<uint64_t> rows;
  std::vector<size_t> done;
  std::string errors;
};

ImportRunOptions Options(Told& told, std::function<absl::Status(const std::string& id)> answer) {
  ImportRunOptions options;
  options.submit = [answer](const referral::v1::SubmitReferralRequest& request,
                            referral::v1::Referral& response) {
    response.set_name("referrals/" + request.request_id());
    return answer(request.request_id());
  };
  options.on_result = [&told](const ImportItem& item, const RowResult& result) {
    told.rows.push_back(item.row);
    told.errors += ErrorFileLines(item, result);
  };
  options.on_progress = [&told](const ImportProgress& progress) { told.done.push_back(progress.done); };
  return options;
}

TEST(RunImportTest, TellsRowsInTheirOrder) {
  Told told;
  const Interrupts interrupts;
  const std::vector<ImportItem> items = Items(500);
  const ImportOutcome outcome =
      RunImport(items, Options(told, [](const std::string&) { return absl::OkStatus(); }), interrupts);
  EXPECT_EQ(outcome.submitted, 500u);
  EXPECT_EQ(outcome.failed + outcome.not_sent, 0u);
  ASSERT_EQ(told.rows.size(), 500u);
  for (size_t i = 0; i < told.rows.size(); ++i) ASSERT_EQ(told.rows[i], i + 2);
  for (size_t i = 0; i < told.done.size(); ++i) ASSERT_EQ(told.done[i], i + 1);
  EXPECT_EQ(told.errors, "");
}

TEST(RunImportTest, HasSeveralInFlightAndNoMore) {
  Told told;
  const Interrupts interrupts;
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::latch all_there(4);
  ImportRunOptions options = Options(told, [&](const std::string&) {
    const int present = ++now;
    int seen = most;
    while (seen < present && !most.compare_exchange_weak(seen, present)) {
    }
    all_there.arrive_and_wait();  // passes only when four are in flight at once
    --now;
    return absl::OkStatus();
  });
  options.in_flight = 4;
  RunImport(Items(4), options, interrupts);
  EXPECT_EQ(most, 4);
}

TEST(RunImportTest, GoesOnAfterARefusedRow) {
  Told told;
  const Interrupts interrupts;
  std::vector<ImportItem> items = Items(4);
  items[1].problems.push_back({3, 3, "theme", "must be one of a, b"});
  const ImportOutcome outcome = RunImport(items,
                                          Options(told,
                                                  [](const std::string& id) {
                                                    if (id != "imp-test-4") return absl::OkStatus();
                                                    error::FieldViolations violations;
                                                    violations.Add("referral.territory", "is required");
                                                    violations.Add("referral.theme", "is required");
                                                    return violations.ToStatus();
                                                  }),
                                          interrupts);
  EXPECT_EQ(outcome.submitted, 2u);
  EXPECT_EQ(outcome.failed, 2u);
  EXPECT_TRUE(outcome.stopped_by.ok());
  const auto errors = ParseCsv(ErrorFileHeader() + told.errors);
  ASSERT_TRUE(errors.ok()) << errors.status();
  EXPECT_THAT(errors->header, ElementsAre("row", "line", "field", "problem", "reason", "request_id"));
  ASSERT_EQ(errors->rows.size(), 3u);
  EXPECT_THAT(errors->rows[0].fields,
              ElementsAre("3", "3", "theme", "must be one of a, b", "ROW_INVALID", "imp-test-3"));
  EXPECT_THAT(errors->rows[1].fields,
              ElementsAre("4", "4", "referral.territory", "is required", "INVALID_FIELD", "imp-test-4"));
}

TEST(RunImportTest, EndsWhenNoRowCouldFareBetter) {
  for (const absl::Status& status :
       {error::TokenRefused("expired"), error::Unavailable("the server", "is away"),
        absl::DeadlineExceededError("late")}) {
    Told told;
    const Interrupts interrupts;
    ImportRunOptions options = Options(told, [&status](const std::string&) { return status; });
    options.in_flight = 2;
    const ImportOutcome outcome = RunImport(Items(100), options, interrupts);
    EXPECT_EQ(outcome.stopped_by.code(), status.code());
    EXPECT_LE(outcome.failed, 2u);
    EXPECT_GE(outcome.not_sent, 98u);
    EXPECT_EQ(told.rows.size(), 100u);
    EXPECT_NE(told.errors.find("NOT_SENT"), std::string::npos);
  }
}

TEST(RunImportTest, EndsAfterAnInterrupt) {
  Told told;
  Interrupts interrupts;
  ImportRunOptions options = Options(told, [&interrupts](const std::string& id) {
    if (id == "imp-test-4") interrupts.Request();
    return absl::OkStatus();
  });
  options.in_flight = 1;
  const ImportOutcome outcome = RunImport(Items(10), options, interrupts);
  EXPECT_EQ(outcome.submitted, 3u);
  EXPECT_EQ(outcome.not_sent, 7u);
  EXPECT_TRUE(outcome.stopped_by.ok());
}

// Answers each row of a batch by its request id.
void InBatches(ImportRunOptions& options, std::vector<int>& sizes,
               std::function<absl::Status(const std::string& id)> answer) {
  options.in_flight = 1;
  options.submit_batch = [&sizes, answer](const referral::v1::BatchSubmitReferralsRequest& request,
                                          referral::v1::BatchSubmitReferralsResponse& response) {
    sizes.push_back(request.requests_size());
    for (const auto& row : request.requests()) {
      referral::v1::BatchSubmitResult& result = *response.add_results();
      const absl::Status status = answer(row.request_id());
      if (status.ok()) {
        result.mutable_referral()->set_name("referrals/" + row.request_id());
      } else if (!result.mutable_error()->ParseFromString(rpc::ToGrpc(status).error_details())) {
        return absl::InternalError("no details");
      }
    }
    return absl::OkStatus();
  };
}

TEST(RunImportTest, SendsManyInACall) {
  Told told;
  const Interrupts interrupts;
  std::vector<int> sizes;
  std::vector<ImportItem> items = Items(250);
  items[1].problems.push_back({3, 3, "theme", "must be one of a, b"});
  int sent_alone = 0;
  ImportRunOptions options = Options(told, [&sent_alone](const std::string&) {
    ++sent_alone;
    return absl::OkStatus();
  });
  InBatches(options, sizes, [](const std::string& id) -> absl::Status {
    if (id == "imp-test-4") return error::InvalidField("referral.territory", "is required");
    if (id == "imp-test-5") return error::Overloaded("changes");
    return absl::OkStatus();
  });
  const ImportOutcome outcome = RunImport(items, options, interrupts);
  EXPECT_THAT(sizes, ElementsAre(99, 100, 50));
  EXPECT_EQ(sent_alone, 1) << "what found no room is sent again, and nothing else";
  EXPECT_EQ(outcome.submitted, 248u);
  EXPECT_EQ(outcome.failed, 2u);
  const auto errors = ParseCsv(ErrorFileHeader() + told.errors);
  ASSERT_TRUE(errors.ok()) << errors.status();
  ASSERT_EQ(errors->rows.size(), 2u);
  EXPECT_THAT(errors->rows[1].fields,
              ElementsAre("4", "4", "referral.territory", "is required", "INVALID_FIELD", "imp-test-4"));
  ASSERT_EQ(told.rows.size(), 250u);
  for (size_t i = 0; i < told.rows.size(); ++i) ASSERT_EQ(told.rows[i], i + 2);
}

TEST(RunImportTest, ALimitThatARowPassesIsNoReasonToSendItAgain) {
  Told told;
  const Interrupts interrupts;
  std::vector<int> sizes;
  std::vector<std::string> sent_alone;
  ImportRunOptions options = Options(told, [&sent_alone](const std::string& id) {
    sent_alone.push_back(id);
    return absl::OkStatus();
  });
  InBatches(options, sizes, [](const std::string& id) -> absl::Status {
    if (id == "imp-test-3") return error::LimitExceeded("persons of a referral", 40, 41);
    if (id == "imp-test-4") return error::RateLimited(20, absl::Seconds(1));
    if (id == "imp-test-5") return error::DiskFull();
    return absl::OkStatus();
  });
  const ImportOutcome outcome = RunImport(Items(5), options, interrupts);
  EXPECT_THAT(sent_alone, ElementsAre("imp-test-4", "imp-test-5"));
  EXPECT_EQ(outcome.submitted, 4u);
  EXPECT_EQ(outcome.failed, 1u);
  EXPECT_THAT(told.errors, HasSubstr("LIMIT_EXCEEDED"));
}

// Killed while an earlier row is on its way, the rows after it are known to have gone through.
TEST(RunImportTest, WhatIsAnsweredIsKeptAtOnceWhateverIsSlow) {
  Told told;
  const Interrupts interrupts;
  std::promise<void> kept;
  std::future<void> is_kept = kept.get_future();
  ImportRunOptions options = Options(told, [&is_kept](const std::string& id) -> absl::Status {
    if (id != "imp-test-2") return absl::OkStatus();
    const bool in_time = is_kept.wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    return in_time ? absl::OkStatus() : absl::InternalError("the row after it was not kept");
  });
  std::vector<uint64_t> submitted;
  options.on_submitted = [&](const ImportItem& item, const std::string& referral) {
    EXPECT_EQ(referral, "referrals/" + item.request.request_id());
    submitted.push_back(item.row);
    if (item.row == 3) kept.set_value();
  };
  options.in_flight = 2;
  EXPECT_EQ(RunImport(Items(3), options, interrupts).submitted, 3u);
  EXPECT_THAT(submitted, UnorderedElementsAre(2, 3, 4));
  EXPECT_NE(submitted.front(), 2u);
  EXPECT_THAT(told.rows, ElementsAre(2, 3, 4)) << "they are still told in their order";
}

TEST(RunImportTest, WhatABatchAnswersIsKeptBeforeTheRestIsSentAgain) {
  Told told;
  const Interrupts interrupts;
  std::vector<int> sizes;
  std::vector<uint64_t> submitted;
  bool durable = false;
  ImportRunOptions options = Options(told, [&](const std::string&) {
    EXPECT_THAT(submitted, ElementsAre(3, 4));
    EXPECT_TRUE(durable);
    return absl::OkStatus();
  });
  InBatches(options, sizes, [](const std::string& id) -> absl::Status {
    return id == "imp-test-2" ? error::Overloaded("changes") : absl::OkStatus();
  });
  options.on_submitted = [&submitted](const ImportItem& item, const std::string&) {
    submitted.push_back(item.row);
  };
  options.on_call = [&durable] {
    durable = true;
    return absl::OkStatus();
  };
  EXPECT_EQ(RunImport(Items(3), options, interrupts).submitted, 3u);
  EXPECT_THAT(submitted, ElementsAre(3, 4, 2));
}

// What is not on its way is not sent any more, however many rows the call was to have.
TEST(RunImportTest, StopsWithinACallToo) {
  Told told;
  const Interrupts interrupts;
  std::atomic<int> sent = 0;
  ImportRunOptions options = Options(told, [&sent](const std::string&) {
    ++sent;
    return error::TokenRefused("expired");
  });
  options.in_flight = 1;
  options.submit_batch = [](const auto&, auto&) { return absl::UnimplementedError("not here"); };
  const ImportOutcome refused = RunImport(Items(300), options, interrupts);
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(refused.failed, 1u);
  EXPECT_EQ(refused.not_sent, 299u);
}

TEST(RunImportTest, AfterAnInterruptNothingIsSentAgain) {
  Told told;
  Interrupts interrupts;
  int sent_alone = 0;
  ImportRunOptions options = Options(told, [&sent_alone](const std::string&) {
    ++sent_alone;
    return absl::OkStatus();
  });
  std::vector<int> sizes;
  InBatches(options, sizes, [&interrupts](const std::string& id) -> absl::Status {
    if (id == "imp-test-3") interrupts.Request();
    return id == "imp-test-2" ? absl::OkStatus() : error::Overloaded("changes");
  });
  const ImportOutcome outcome = RunImport(Items(200), options, interrupts);
  EXPECT_EQ(sent_alone, 0);
  EXPECT_EQ(outcome.submitted, 1u);
  EXPECT_EQ(outcome.not_sent, 199u) << "what found no room may be sent with the next run";
  EXPECT_THAT(sizes, ElementsAre(100));
}

TEST(RunImportTest, ABatchThatCannotBeSentIsSentRowByRow) {
  Told told;
  const Interrupts interrupts;
  ImportRunOptions options = Options(told, [](const std::string&) { return absl::OkStatus(); });
  options.submit_batch = [](const auto&, auto&) { return absl::UnimplementedError("not here"); };
  EXPECT_EQ(RunImport(Items(30), options, interrupts).submitted, 30u);
  // A token that is refused is refused row by row, too.
  options.submit_batch = [](const auto&, auto&) { return error::TokenRefused("expired"); };
  const ImportOutcome outcome = RunImport(Items(300), options, interrupts);
  EXPECT_EQ(outcome.submitted, 0u);
  EXPECT_EQ(outcome.stopped_by.code(), absl::StatusCode::kUnauthenticated);
}

// What was sent and cannot be kept is sent anew by the next run, so nothing more is sent.
TEST(RunImportTest, WhereARowCannotBeKeptNoneAfterItIsSent) {
  for (const bool whole_batch_refused : {true, false}) {
    Told told;
    const Interrupts interrupts;
    std::vector<int> sizes;
    int sent_alone = 0;
    ImportRunOptions options = Options(told, [&sent_alone](const std::string&) {
      ++sent_alone;
      return absl::OkStatus();
    });
    InBatches(options, sizes, [](const std::string&) { return error::Overloaded("changes"); });
    if (whole_batch_refused) {
      options.submit_batch = [](const auto&, auto&) { return absl::UnimplementedError("not here"); };
    }
    options.on_call = [&sent_alone] {
      return sent_alone < 2 ? absl::OkStatus() : absl::InternalError("the disk is full");
    };
    const ImportOutcome outcome = RunImport(Items(30), options, interrupts);
    EXPECT_EQ(sent_alone, 2) << whole_batch_refused;
    EXPECT_EQ(outcome.submitted, 2u);
    EXPECT_EQ(outcome.not_sent, 28u);
    EXPECT_EQ(outcome.stopped_by.code(), absl::StatusCode::kInternal);
  }
}

TEST(RunImportTest, EachRowThatIsSentAloneIsKeptBeforeTheNext) {
  Told told;
  const Interrupts interrupts;
  int submitted = 0;
  int durable = 0;
  ImportRunOptions options = Options(told, [&](const std::string&) {
    EXPECT_EQ(durable, submitted);
    return absl::OkStatus();
  });
  options.in_flight = 1;
  options.submit_batch = [](const auto&, auto&) { return absl::UnimplementedError("not here"); };
  options.on_submitted = [&submitted](const ImportItem&, const std::string&) { ++submitted; };
  options.on_call = [&] {
    durable = submitted;
    return absl::OkStatus();
  };
  EXPECT_EQ(RunImport(Items(5), options, interrupts).submitted, 5u);
}

TEST(RunImportTest, TakesAnEmptyFile) {
  Told told;
  const Interrupts interrupts;
  const ImportOutcome outcome =
      RunImport({}, Options(told, [](const std::string&) { return absl::OkStatus(); }), interrupts);
  EXPECT_EQ(outcome.submitted + outcome.failed + outcome.not_sent, 0u);
}

TEST(InterruptsTest, EndTheProgramUnlessSomeoneHandlesThem) {
  Interrupts alone;
  EXPECT_FALSE(alone.Request());
  Interrupts handled;
  const Interrupts::Handling handling(handled);
  EXPECT_TRUE(handled.Request());
  EXPECT_FALSE(handled.Request());  // the second time
  EXPECT_TRUE(handled.requested());
}

}  // namespace
}  // namespace waypost::cli
