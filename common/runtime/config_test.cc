#include "common/runtime/config.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::runtime {
namespace {

using config::v1::NodeConfig;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// What is wrong with a configuration that lacks nothing, with `change` over it.
std::vector<std::string> Wrong(std::string_view change, bool demo = false) {
  NodeConfig config =
      *ParseConfig(base::Cat("data_dir: 'd' key_dir: 'k' ",
                             demo ? "demo: true " : "issuers { issuer: 'i' audience: 'a' jwks: 'j' } "),
                   "base");
  const auto over = ParseConfig(std::string(change), "change");
  if (!over.ok()) return {std::string(base::ToStd(over.status().ToString()))};
  config.MergeFrom(*over);
  const absl::Status status = CompleteConfig(config);
  EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kInvalidArgument) << status;
  return error::ViolationsOf(status);
}

TEST(CompleteConfig, FillsInWhatIsLeftOut) {
  NodeConfig config;
  config.set_data_dir("d");
  config.set_key_dir("k");
  config.set_demo(true);
  ASSERT_TRUE(CompleteConfig(config).ok());
  EXPECT_EQ(config.listen(), "127.0.0.1:7400");
  EXPECT_EQ(config.limits().read_threads(), 2);
  EXPECT_EQ(config.limits().read_queue(), 1024);
  EXPECT_EQ(config.limits().write_queue(), 8192);
  EXPECT_EQ(config.limits().in_flight(), 4096);
  EXPECT_EQ(config.limits().body_rate(), 20'000);
  EXPECT_EQ(config.limits().watches(), 10'000);
  EXPECT_EQ(config.limits().body_watches(), 200);
  EXPECT_EQ(config.limits().signature_rate(), 2000);
}

TEST(CompleteConfig, EveryLimitHasBoundsThatHoldExactly) {
  const std::vector<std::pair<std::string, int64_t>> limits = {
      {"read_threads", 256},       {"read_queue", 1'000'000},    {"write_queue", 1'000'000},
      {"in_flight", 1'000'000},    {"body_rate", 10'000'000},    {"watches", 1'000'000},
      {"body_watches", 1'000'000}, {"signature_rate", 1'000'000}};
  // A limit that is new has to be listed here.
  EXPECT_EQ(NodeConfig::Limits::descriptor()->field_count(), static_cast<int>(limits.size()));
  for (const auto& [name, most] : limits) {
    const auto wrong = [&name = name](int64_t value) {
      return Wrong(base::Cat("limits { ", name, ": ", value, " }"));
    };
    for (const int64_t value : {int64_t{0}, int64_t{1}, most}) EXPECT_THAT(wrong(value), IsEmpty()) << name;
    for (const int64_t value : {int64_t{-1}, int64_t{-2'147'483'648}, most + 1, int64_t{2'147'483'647}}) {
      EXPECT_THAT(wrong(value), ElementsAre(StartsWith(base::Cat("limits.", name, ": ", value)))) << name;
      EXPECT_THAT(wrong(value), ElementsAre(HasSubstr(base::Cat("give 1 to ", most))));
    }
    EXPECT_THAT(wrong(4'294'967'296), ElementsAre(HasSubstr("change:1:"))) << "it says where";
  }
}

TEST(CompleteConfig, RetentionRulesAreCompletedAndEachCodeOccursOnce) {
  NodeConfig config = *ParseConfig(
      "data_dir: 'd' key_dir: 'k' demo: true retention { rules { code: 'es/ley-39-2015/art-17' } "
      "rules { days: 365 } }",
      "base");
  ASSERT_TRUE(CompleteConfig(config).ok());
  EXPECT_EQ(config.retention().rules(0).days(), 1826);
  EXPECT_EQ(config.retention().rules(1).days(), 365);
  EXPECT_EQ(config.retention().erase_rate(), 50);
  EXPECT_THAT(Wrong("retention { rules {} rules { code: 'a' days: 36525 } erase_rate: 10000 }"), IsEmpty());
  EXPECT_THAT(Wrong("retention { rules {} rules {} }"), ElementsAre(HasSubstr("at most one for each code")));
  EXPECT_THAT(Wrong("retention { rules { days: 36526 } }"), ElementsAre(StartsWith("retention.rules.days")));
  EXPECT_THAT(Wrong("retention { rules { days: -1 } }"), ElementsAre(StartsWith("retention.rules.days")));
  EXPECT_THAT(Wrong("retention { rules { code: 'Es/Ley 39' } }"),
              ElementsAre(StartsWith("retention.rules.code")));
  EXPECT_THAT(Wrong("retention { rules { law: 'a law' } }"), ElementsAre(StartsWith("retention.rules.law")));
  EXPECT_THAT(Wrong("retention { erase_rate: 10001 }"), ElementsAre(StartsWith("retention.erase_rate")));
}

TEST(CompleteConfig, SilenceIsRemindedOfAgainUnlessItIsSaidThatItIsNot) {
  EXPECT_THAT(Wrong("clocks { remind_again_percent: 0 }"), IsEmpty());
  EXPECT_THAT(Wrong("clocks { remind_again_percent: 1000 }"), IsEmpty());
  for (const int percent : {-1, 1001}) {
    EXPECT_THAT(Wrong(base::Cat("clocks { remind_again_percent: ", percent, " }")),
                ElementsAre(HasSubstr("give 0 to 1000")));
  }
  NodeConfig config;
  config.set_data_dir("d");
  config.set_key_dir("k");
  config.set_demo(true);
  ASSERT_TRUE(CompleteConfig(config).ok());
  EXPECT_EQ(config.clocks().remind_again_percent(), 100);
  config.mutable_clocks()->set_remind_again_percent(0);
  ASSERT_TRUE(CompleteConfig(config).ok());
  EXPECT_EQ(config.clocks().remind_again_percent(), 0);
}

TEST(CompleteConfig, ListenersAreHostAndPort) {
  for (const std::string address : {"127.0.0.1:7400", "127.0.0.1:0", "localhost:65535", "[::1]:7400"}) {
    EXPECT_THAT(Wrong(base::Cat("listen: '", address, "'")), IsEmpty()) << address;
    EXPECT_THAT(Wrong(base::Cat("metrics_listen: '", address, "'")), IsEmpty()) << address;
  }
  EXPECT_THAT(Wrong("listen: 'unix:/run/waypost'"), IsEmpty());
  EXPECT_THAT(Wrong("listen: '0.0.0.0:7400' tls_certificate_file: 'c' tls_key_file: 'k'"), IsEmpty());
  for (const std::string address :
       {"127.0.0.1", "7400", ":7400", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "127.0.0.1:http", "::1:7400", "[]:7400", "[::1]", "a b:7400", "127.0.0.1:7400/x",
        "http://127.0.0.1:7400", "unix:", "127.0.0.1:000080"}) {
    EXPECT_THAT(Wrong(base::Cat("listen: '", address, "'")),
                ElementsAre(AllOf(StartsWith("listen: "), HasSubstr("as in 127.0.0.1:7400"))))
        << address;
    EXPECT_THAT(Wrong(base::Cat("metrics_listen: '", address, "'")),
                ElementsAre(AllOf(StartsWith("metrics_listen: "), HasSubstr("as in 127.0.0.1:9464"))))
        << address;
  }
  EXPECT_THAT(Wrong("listen: '10.0.0.4:7400'"), ElementsAre(HasSubstr("tls_certificate_file")));
  for (const std::string_view key : {"listen", "metrics_listen"}) {
    EXPECT_THAT(Wrong(base::Cat(key, ": '10.0.0.4:7400'"), /*demo=*/true),
                ElementsAre(AllOf(StartsWith(base::Cat(key, ": ")), HasSubstr("loopback"))));
  }
  EXPECT_THAT(Wrong("tls_key_file: 'k'"), ElementsAre(StartsWith("tls_certificate_file: ")));
  EXPECT_THAT(Wrong("tls_certificate_file: 'c'"), ElementsAre(StartsWith("tls_key_file: ")));
}

TEST(CompleteConfig, PeersAreReachedInPlainTextOnThisMachineOnly) {
  for (const std::string_view key : {"directory_address", "audit_address"}) {
    EXPECT_THAT(Wrong(base::Cat(key, ": '127.0.0.1:7401'")), IsEmpty());
    EXPECT_THAT(Wrong(base::Cat(key, ": 'directory.example:7401' peer_ca_file: 'ca'")), IsEmpty());
    EXPECT_THAT(Wrong(base::Cat(key, ": 'directory.example:7401'")),
                ElementsAre(AllOf(StartsWith("peer_ca_file: "), HasSubstr(std::string(key)))));
    for (const std::string address : {"directory.example", "127.0.0.1:0", "127.0.0.1:70000", "x y:1"}) {
      EXPECT_THAT(Wrong(base::Cat(key, ": '", address, "'")),
                  ElementsAre(AllOf(StartsWith(base::Cat(key, ": ")), HasSubstr("host and port"))))
          << address;
    }
  }
}

TEST(CompleteConfig, EachIssuerIsComplete) {
  EXPECT_THAT(Wrong("issuers { }"), ElementsAre(StartsWith("issuers[1].issuer: is required"),
                                                StartsWith("issuers[1].audience: is required"),
                                                StartsWith("issuers[1].jwks: is required")));
  EXPECT_THAT(Wrong("issuers { issuer: 'i' audience: 'b' jwks: 'j' }"),
              ElementsAre(StartsWith("issuers[1].issuer: is given twice")));
  EXPECT_THAT(Wrong("issuers { issuer: 'n' audience: 'a' jwks: 'j' bodies: 'bodies/es-a' bodies: 'es-a' }"),
              ElementsAre(StartsWith("issuers[1].bodies[1]: 'es-a' is no body")));
  std::string many;
  for (int i = 0; i < 15; ++i) many += base::Cat("issuers { issuer: 'n", i, "' audience: 'a' jwks: 'j' } ");
  EXPECT_THAT(Wrong(many), IsEmpty());
  EXPECT_THAT(Wrong(base::Cat(many, "issuers { issuer: 'n' audience: 'a' jwks: 'j' }")),
              ElementsAre("issuers: are limited to 16"));
  EXPECT_THAT(Wrong("issuers { }", /*demo=*/true), ElementsAre(StartsWith("issuers: ")));
}

TEST(CompleteConfig, SaysEverythingAtOnce) {
  NodeConfig config;
  config.set_listen("nowhere");
  config.mutable_limits()->set_read_queue(-5);
  EXPECT_THAT(error::ViolationsOf(CompleteConfig(config)),
              ElementsAre(StartsWith("limits.read_queue: "), StartsWith("data_dir: "),
                          StartsWith("key_dir: "), StartsWith("listen: "), StartsWith("issuers: ")));
}

TEST(ParseConfig, UnknownAndRepeatedKeysAreRefusedByNameAndPlace) {
  for (const auto& [text, name, place] :
       {std::tuple{"demo: true\nno_such_key: 1", "no_such_key", "f:2:"},
        std::tuple{"limits {\n  threads: 4\n}", "threads", "f:2:"},
        std::tuple{"issuers { isuer: 'x' }", "isuer", "f:1:"},
        std::tuple{"listen: 'a:1'\n\nlisten: 'b:1'", "listen", "f:3:"},
        std::tuple{"limits { read_threads: 1 read_threads: 2 }", "read_threads", "f:1:"}}) {
    const auto config = ParseConfig(text, "f");
    ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(error::ViolationsOf(config.status()), ElementsAre(AllOf(StartsWith(place), HasSubstr(name))))
        << text;
  }
}

}  // namespace
}  // namespace waypost::runtime
