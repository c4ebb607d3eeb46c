#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/trace.h"

namespace waypost::telemetry {
namespace {

using ::testing::HasSubstr;

class CountingRandom final : public base::Random {
 public:
  std::string Bytes(size_t size) override { return std::string(size, static_cast<char>(++calls_)); }

 private:
  int calls_ = 0;
};

TEST(ContinueTrace, KeepsTheTraceAndMakesItsOwnSpan) {
  CountingRandom random;
  const TraceContext trace = ContinueTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", random);
  EXPECT_EQ(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace.span_id, "0101010101010101");
  EXPECT_EQ(trace.ToTraceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01");
}

TEST(ContinueTrace, BeginsAFreshOneOnAnythingMalformed) {
  for (const std::string_view header : {"", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"}) {
    CountingRandom random;
    EXPECT_EQ(ContinueTrace(header, random).trace_id,
              std::string(32, '0').replace(0, 32, "01010101010101010101010101010101"))
        << header;
  }
}

TEST(AccessLog, IsJsonWhateverTheValuesHold) {
  const std::string line = ToJson(AccessRecord{.time = absl::UnixEpoch() + absl::Microseconds(1'500'000),
                                               .service = "s\"\\\n",
                                               .method = "m\xFF",
                                               .code = "OK",
                                               .reason = "",
                                               .body = "bodies/a",
                                               .actor = "x",
                                               .trace_id = "t",
                                               .span_id = "",
                                               .duration = absl::Milliseconds(2)});
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "1970-01-01T00:00:01.500000Z");
  EXPECT_EQ(json["service"], "s\"\\\n");
  EXPECT_EQ(json["method"], "m\xEF\xBF\xBD");
  EXPECT_EQ(json["duration_us"], 2000);
  EXPECT_FALSE(json.contains("reason"));
}

TEST(LogWriter, WritesEveryLineBeforeItEndsAndDropsBeyondItsLimit) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  uint64_t dropped = 0;
  {
    LogWriter writer(file, 10);
    writer.Write("12345");
    writer.Write(std::string(100, 'x'));
    dropped = writer.dropped();
  }
  EXPECT_EQ(dropped, 1);
  std::rewind(file);
  char text[16] = {};
  EXPECT_EQ(std::fread(text, 1, sizeof text, file), 6U);
  EXPECT_STREQ(text, "12345\n");
  std::fclose(file);
}

TEST(Metrics, CountsByMethodAndCode) {
  Metrics metrics;
  MethodMetrics& method = metrics.ForMethod("a.S", "M");
  EXPECT_EQ(&method, &metrics.ForMethod("a.S", "M"));
  method.Started();
  method.Record(absl::StatusCode::kNotFound, absl::Milliseconds(3));
  method.LeftFlight();
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, metrics.registry()->Collect());
  EXPECT_THAT(text.str(),
              HasSubstr("waypost_requests_total{code=\"NOT_FOUND\",method=\"M\",service=\"a.S\"} 1"));
  EXPECT_THAT(text.str(), HasSubstr("waypost_requests_in_flight{method=\"M\",service=\"a.S\"} 0"));
}

}  // namespace
}  // namespace waypost::telemetry
