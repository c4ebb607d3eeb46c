// What a node says at /metrics against docs/operating/observing.md: everything that stands there and nothing
// else, with values that follow from a few calls, and nothing about anybody.
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"

namespace waypost::e2e {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::Not;

size_t Append(const char* data, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

// The body of a 200 from this machine; empty for anything else.
std::string Get(int port, const std::string& path) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string body;
  curl_easy_setopt(curl.get(), CURLOPT_URL, base::Cat("http://127.0.0.1:", port, path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return code == CURLE_OK && status == 200 ? body : "";
}

// Kind and names of the labels of a metric, as in "counter; code, method, service".
using Kinds = std::map<std::string, std::string>;

std::string KindWords(const std::string& kind, const std::set<std::string>& labels) {
  std::string words = kind;
  for (const std::string& label : labels) words += base::Cat(words == kind ? "; " : ", ", label);
  return words;
}

Kinds Documented(const std::string& page) {
  Kinds kinds;
  std::istringstream lines(page);
  const std::regex row(R"(\| `(waypost_\w+)` \| (\w+)([^|]*)\|.*)");
  const std::regex label("`(\\w+)`");
  std::smatch cells;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, cells, row)) continue;
    const std::string names = cells[3];
    std::set<std::string> labels;
    for (std::sregex_iterator at(names.begin(), names.end(), label), end; at != end; ++at) {
      labels.insert((*at)[1]);
    }
    kinds[cells[1]] = KindWords(cells[2], labels);
  }
  return kinds;
}

// A page of metrics, read.
struct Metrics {
  explicit Metrics(const std::string& page);
  // The sum of all samples of this name that have all of these labels, as in `method="CreateBody"`.
  double Sum(const std::string& name, const std::vector<std::string>& labels = {}) const;

  Kinds kinds;
  // By name and labels as they are written.
  std::map<std::string, double> samples;
};

Metrics::Metrics(const std::string& page) {
  std::istringstream lines(page);
  std::map<std::string, std::string> types;
  std::map<std::string, std::set<std::string>> labels;
  const std::regex type(R"(# TYPE (waypost_\w+) (\w+))");
  const std::regex label(R"re((\w+)="[^"]*")re");
  std::smatch cells;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, cells, type)) types[cells[1]] = cells[2];
    if (line.rfind("waypost_", 0) != 0) continue;
    const size_t blank = line.rfind(' ');
    const std::string sample = line.substr(0, blank);
    samples[sample] = std::strtod(line.c_str() + blank, nullptr);
    const std::string family =
        std::regex_replace(sample.substr(0, sample.find('{')), std::regex("_(bucket|sum|count)$"), "");
    for (std::sregex_iterator at(sample.begin(), sample.end(), label), end; at != end; ++at) {
      if ((*at)[1] != "le") labels[family].insert((*at)[1]);
    }
  }
  for (const auto& [name, kind] : types) kinds[name] = KindWords(kind, labels[name]);
}

double Metrics::Sum(const std::string& name, const std::vector<std::string>& labels) const {
  double sum = 0;
  for (const auto& [sample, value] : samples) {
    bool fits = sample.substr(0, sample.find('{')) == name;
    for (const std::string& label : labels) fits = fits && sample.find(label) != std::string::npos;
    sum += fits ? value : 0;
  }
  return sum;
}

// One node for all, after two bodies, one referral, a read that is refused for its token and one for its
// name.
class MetricsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempFolder>();
    auto node = StartDemoNode(*folder_, {"--metrics-listen", "127.0.0.1:0"});
    ASSERT_TRUE(node.ok()) << node.status();
    node_ = *std::move(node);
    const auto tokens = DemoTokens(*folder_ / "data");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *tokens;
    MakeCalls();
    page_ = AwaitPage();
  }
  static void TearDownTestSuite() {
    if (node_ != nullptr) {
      node_->process().Signal(SIGTERM);
      EXPECT_EQ(node_->process().WaitForExit(absl::Seconds(10)), 0) << node_->process().Printed();
    }
    node_.reset();
    folder_.reset();
  }
  void SetUp() override { ASSERT_THAT(page_, HasSubstr("waypost_requests_total")); }

  static void MakeCalls() {
    const auto directory = directory::v1::DirectoryService::NewStub(node_->Connect());
    ASSERT_TRUE(CreateBodies(*directory, tokens_).ok());
    const auto referral = referral::v1::ReferralService::NewStub(node_->Connect());
    const auto made = SubmitFirst(*referral, *node_, tokens_, "metrics", 1);
    ASSERT_TRUE(made.ok()) << made.status();
    referral_ = made->name();
    referral::v1::GetReferralRequest get;
    get.set_name(referral_);
    EXPECT_FALSE(Ask(*referral, &ReferralStub::GetReferral, "no.token", get).ok());
    get.set_name("referrals/none");
    EXPECT_FALSE(Ask(*referral, &ReferralStub::GetReferral, tokens_.to, get).ok());
  }

  // The page once it counts both refused reads: a call is counted after it was answered.
  static std::string AwaitPage() {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (true) {
      std::string page = Get(node_->metrics_port(), "/metrics");
      const double counted = Metrics(page).Sum("waypost_request_seconds_count", {"method=\"GetReferral\""});
      if (counted >= 2 || absl::Now() > until) return page;
      if (node_->process().WaitForExit(absl::Milliseconds(10)).has_value()) return page;
    }
  }

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<Server> node_;
  static Tokens tokens_;
  static std::string referral_;
  static std::string page_;
};

std::unique_ptr<TempFolder> MetricsTest::folder_;
std::unique_ptr<Server> MetricsTest::node_;
Tokens MetricsTest::tokens_;
std::string MetricsTest::referral_;
std::string MetricsTest::page_;

TEST_F(MetricsTest, EveryMetricIsDocumentedWithItsKindAndLabelsAndNoOther) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const Kinds documented = Documented(ReadFile(base::Cat(source, "/docs/operating/observing.md")));
  EXPECT_GE(documented.size(), 12u);
  EXPECT_EQ(Metrics(page_).kinds, documented);
}

TEST_F(MetricsTest, CallsAreCountedByMethodAndCode) {
  const Metrics metrics(page_);
  const std::string create = "method=\"CreateBody\"";
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {create, "code=\"OK\"", "DirectoryService"}), 2);
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {create}), 2);
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {"method=\"SubmitReferral\"", "code=\"OK\""}), 1);
  const std::string get = "method=\"GetReferral\"";
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {get, "code=\"UNAUTHENTICATED\""}), 1);
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {get, "code=\"NOT_FOUND\""}), 1);
  EXPECT_EQ(metrics.Sum("waypost_requests_total", {"code=\"INTERNAL\""}), 0);
  EXPECT_EQ(metrics.Sum("waypost_request_seconds_count", {create}), 2);
  EXPECT_EQ(metrics.Sum("waypost_request_seconds_bucket", {create, "le=\"+Inf\""}), 2);
  EXPECT_THAT(metrics.Sum("waypost_request_seconds_sum", {create}), AllOf(Gt(0.0), Lt(20.0)));
  for (const std::string& method : {create, get}) {
    EXPECT_EQ(metrics.Sum("waypost_requests_in_flight", {method}), 0) << method;
  }
}

TEST_F(MetricsTest, StoreRelayAndReplicaAreMeasured) {
  const Metrics metrics(page_);
  const double groups = metrics.Sum("waypost_store_group_transactions_count");
  EXPECT_GE(metrics.Sum("waypost_store_group_transactions_sum"), groups);
  EXPECT_GE(groups, 1);
  EXPECT_GE(metrics.Sum("waypost_store_sync_seconds_count"), 1);
  EXPECT_GT(metrics.Sum("waypost_store_sync_seconds_sum"), 0);
  EXPECT_THAT(metrics.Sum("waypost_store_run_seconds_total"), AllOf(Gt(0.0), Lt(20.0)));
  // A referral alone is 13 rows.
  EXPECT_GE(metrics.Sum("waypost_store_written_rows_total"), 13);
  EXPECT_GT(metrics.Sum("waypost_store_written_bytes_total"), 1000);
  EXPECT_EQ(metrics.Sum("waypost_log_lines_dropped_total"), 0);
  EXPECT_THAT(metrics.Sum("waypost_relay_lag_events"), AllOf(Ge(0), Lt(10)));
  EXPECT_THAT(metrics.Sum("waypost_relay_lag_seconds"), AllOf(Ge(0), Lt(60)));
  EXPECT_THAT(metrics.Sum("waypost_replica_age_seconds", {"service=\"referral\""}), AllOf(Ge(0), Lt(30)));
}

TEST_F(MetricsTest, NothingOfWhatIsThereTellsOfAnybody) {
  for (const std::string& secret :
       {std::string("es-test"), referral_, referral_.substr(referral_.find('/') + 1), std::string("EXP-"),
        std::string("Invented"), std::string("Person"), std::string("1990-03-21"), std::string("ES300"),
        std::string("bodies/"), std::string("actors/"), std::string("subject"),
        tokens_.to.substr(tokens_.to.rfind('.') + 1), std::string("no.token")}) {
    EXPECT_THAT(page_, Not(HasSubstr(secret)));
  }
  EXPECT_EQ(Get(node_->metrics_port(), "/"), "") << "there is nothing beside";
}

}  // namespace
}  // namespace waypost::e2e
