#include "services/directory/enquiry.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/memory_store.h"
#include "services/directory/directory_limits.h"
#include "services/directory/enquiry_repository.h"

namespace waypost::directory {
namespace {

using store::Writer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromCivil(absl::CivilSecond(2026, 11, 21, 10, 0, 0), absl::UTCTimeZone());

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

// 32 digits that end with these.
std::string Id(std::string_view digits) {
  return base::Cat(std::string(kEnquiryIdDigits - digits.size(), '0'), digits);
}

v1::EnquireRequest Request(std::string_view rest = "") {
  return Parse<v1::EnquireRequest>(base::Cat("enquiry_id: '", Id("1"),
                                             "' enquiry { body: 'bodies/bb' theme: THEME_HOUSING ",
                                             "territory: 'ES300' ", rest, " }"));
}

template <typename Message>
std::vector<std::string> Fields(const Message& request) {
  std::vector<std::string> fields;
  for (const std::string& violation : error::ViolationsOf(Check(request))) {
    fields.push_back(violation.substr(0, violation.find(": ")));
  }
  return fields;
}

TEST(CheckEnquiry, TakesCodesAndARandomNumber) {
  EXPECT_THAT(Fields(Request()), IsEmpty());
  EXPECT_THAT(Fields(Request("age_band: AGE_BAND_16_TO_17 language: 'ckb' household_persons: 50")),
              IsEmpty());
  EXPECT_THAT(Fields(Request("age_band: 99 language: 'Kurdish' household_persons: 51")),
              ElementsAre("enquiry.age_band", "enquiry.language", "enquiry.household_persons"));
  EXPECT_THAT(Fields(Request("household_persons: -1")), ElementsAre("enquiry.household_persons"));
  EXPECT_THAT(Fields(v1::EnquireRequest()),
              ElementsAre("enquiry_id", "enquiry.body", "enquiry.theme", "enquiry.territory"));
  // An id in which something could be written is none.
  for (const std::string& id : {std::string("family-haddad-of-villaverde-2026"), std::string(31, 'a'),
                                std::string(33, 'a'), std::string(32, 'A'), std::string(32, 'g')}) {
    v1::EnquireRequest request = Request();
    request.set_enquiry_id(id);
    EXPECT_THAT(Fields(request), ElementsAre("enquiry_id")) << id;
  }
}

// Whoever adds a text adds a place for a name.
TEST(CheckEnquiry, NoFieldOfAnEnquiryTakesAFreeText) {
  std::vector<std::string> texts;
  for (const auto* type : {v1::Enquiry::descriptor(), v1::EnquiryAnswer::descriptor()}) {
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->type() == google::protobuf::FieldDescriptor::TYPE_STRING)
        texts.push_back(type->field(i)->name());
    }
  }
  EXPECT_THAT(texts, ElementsAre("name", "enquirer", "body", "territory", "language", "etag"));
}

TEST(CheckEnquiry, AnAnswerSaysWhatItsVerdictNeeds) {
  const auto fields = [](std::string_view answer) {
    return Fields(Parse<v1::AnswerEnquiryRequest>(
        base::Cat("name: 'enquiries/", Id("1"), "' answer { ", answer, " }")));
  };
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_YES"), IsEmpty());
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_YES reason: ENQUIRY_REASON_OTHER"),
              ElementsAre("answer.reason"));
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_YES expected_wait_days: 1"),
              ElementsAre("answer.expected_wait_days"));
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_NO reason: ENQUIRY_REASON_NO_CAPACITY"), IsEmpty());
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_NO"), ElementsAre("answer.reason"));
  EXPECT_THAT(fields("verdict: ENQUIRY_VERDICT_NO reason: 99 expected_wait_days: -1"),
              ElementsAre("answer.reason", "answer.expected_wait_days"));
  const std::string_view wait = "verdict: ENQUIRY_VERDICT_YES_WITH_WAIT reason: ENQUIRY_REASON_NOT_YET ";
  for (const int days : {1, 730}) {
    EXPECT_THAT(fields(base::Cat(wait, "expected_wait_days: ", days)), IsEmpty());
  }
  for (const int days : {-1, 0, 731}) {
    EXPECT_THAT(fields(base::Cat(wait, "expected_wait_days: ", days)),
                ElementsAre("answer.expected_wait_days"));
  }
  EXPECT_THAT(fields(""), ElementsAre("answer.verdict"));
  EXPECT_THAT(fields("verdict: 99"), ElementsAre("answer.verdict"));
}

TEST(CheckEnquiry, AListingNamesItsBox) {
  EXPECT_TRUE(Check(Parse<v1::ListEnquiriesRequest>("box: ENQUIRY_BOX_SENT")).ok());
  EXPECT_THAT(Fields(Parse<v1::ListEnquiriesRequest>("page_size: -1")), ElementsAre("page_size", "box"));
  EXPECT_THAT(Fields(Parse<v1::ListEnquiriesRequest>("box: 99")), ElementsAre("box"));
}

TEST(Enquiry, IsOfWhoAsksAndIsGoneAfterNinetyDays) {
  const auto made = NewEnquiry(
      Request("name: 'enquiries/x' enquirer: 'bodies/zz' etag: 'x' answer { verdict: ENQUIRY_VERDICT_YES }"),
      "bodies/aa", kNow);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->name(), base::Cat("enquiries/", Id("1")));
  EXPECT_EQ(made->enquirer(), "bodies/aa");
  EXPECT_FALSE(made->has_answer());
  EXPECT_EQ(made->etag(), "");
  EXPECT_EQ(EnquiryState(*made), "OPEN");
  EXPECT_FALSE(HasExpired(*made, kNow + kEnquiryKept - absl::Nanoseconds(1)));
  EXPECT_TRUE(HasExpired(*made, kNow + absl::Hours(24 * 90)));
  EXPECT_THAT(error::ViolationsOf(NewEnquiry(Request(), "bodies/bb", kNow).status()),
              ElementsAre("enquiry.body: is the body that asks"));
}

TEST(Enquiry, OnlyActiveBodiesAreAskedAndEnforcementNever) {
  v1::Body body;
  for (int status = v1::BodyStatus_MIN; status <= v1::BodyStatus_MAX; ++status) {
    body.set_status(static_cast<v1::BodyStatus>(status));
    EXPECT_EQ(error::ReasonOf(CheckMayBeAsked(body)),
              status == v1::BODY_STATUS_ACTIVE ? "" : "INVALID_TRANSITION");
  }
  body.set_status(v1::BODY_STATUS_ACTIVE);
  body.set_enforcement(true);
  EXPECT_EQ(error::ReasonOf(CheckMayBeAsked(body)), "INVALID_FIELD");
}

TEST(Enquiry, IsAnsweredOnce) {
  const auto made = *NewEnquiry(Request(), "bodies/aa", kNow);
  const auto request = Parse<v1::AnswerEnquiryRequest>(
      "answer { verdict: ENQUIRY_VERDICT_YES_WITH_WAIT reason: ENQUIRY_REASON_NO_CAPACITY "
      "expected_wait_days: 30 }");
  const auto answered = AnsweredEnquiry(made, request, kNow + absl::Hours(1));
  ASSERT_TRUE(answered.ok());
  EXPECT_EQ(answered->answer().expected_wait_days(), 30);
  EXPECT_EQ(api::FromTimestamp(answered->answer().answer_time()), kNow + absl::Hours(1));
  EXPECT_EQ(EnquiryState(*answered), "ANSWERED");
  EXPECT_EQ(error::ReasonOf(AnsweredEnquiry(*answered, request, kNow).status()), "INVALID_TRANSITION");
}

// --- In the store -----------------------------------------------------------------------------------

class Enquiries : public ::testing::Test {
 protected:
  template <typename Run>
  absl::Status Transact(Run run) {
    return store::TransactAndWait(store, [&run](Writer& writer) -> absl::Status { return run(writer); });
  }
  absl::Status Ask(std::string_view id, std::string_view enquirer, std::string_view body, absl::Time now) {
    v1::EnquireRequest request = Request();
    request.set_enquiry_id(Id(id));
    request.mutable_enquiry()->set_body(base::Cat("bodies/", body));
    return Transact([&](Writer& writer) {
      return repository.Create(writer, *NewEnquiry(request, base::Cat("bodies/", enquirer), now)).status();
    });
  }
  absl::Status Answer(std::string_view id, absl::Time now) {
    return Transact([&](Writer& writer) -> absl::Status {
      const auto before = repository.Get(writer, base::Cat("enquiries/", Id(id)), now);
      if (!before.ok()) return before.status();
      const auto request = Parse<v1::AnswerEnquiryRequest>("answer { verdict: ENQUIRY_VERDICT_YES }");
      return repository.Update(writer, *before, *AnsweredEnquiry(before->resource, request, now)).status();
    });
  }
  // The last digits of what a box holds, read in pages of `size`.
  std::string Box(std::string_view body, v1::EnquiryBox box, absl::Time now, int size = 2) {
    const auto reader = *store.Snapshot();
    std::string ids;
    std::string position;
    do {
      const auto page = repository.List(*reader, base::Cat("bodies/", body), box, now, position, size);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      EXPECT_TRUE(page->next.empty() || page->items.size() == static_cast<size_t>(size));
      for (const auto& item : page->items) ids += item.resource.name().back();
      position = page->next;
    } while (!position.empty());
    return ids;
  }
  size_t Rows() {
    const auto reader = *store.Snapshot();
    size_t rows = 0;
    for (auto at = reader->Scan({}); at->Valid(); at->Next()) ++rows;
    return rows;
  }
  int Sweep(absl::Time now, int limit) {
    int swept = -1;
    EXPECT_TRUE(Transact([&](Writer& writer) -> absl::Status {
                  const auto result = repository.Sweep(writer, now, limit);
                  if (result.ok()) swept = *result;
                  return result.status();
                }).ok());
    return swept;
  }

  store::MemoryStore store;
  EnquiryRepository repository;
};

TEST_F(Enquiries, AreListedByBothSides) {
  for (int i = 1; i <= 5; ++i) {
    EXPECT_TRUE(Ask(base::Cat(i), i == 4 ? "cc" : "aa", i == 5 ? "dd" : "bb", kNow + absl::Minutes(i)).ok());
  }
  const absl::Time later = kNow + absl::Hours(1);
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_TO_ANSWER, later), "1234");
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_RECEIVED, later), "4321");
  EXPECT_EQ(Box("aa", v1::ENQUIRY_BOX_SENT, later), "5321");
  EXPECT_EQ(Box("aa", v1::ENQUIRY_BOX_RECEIVED, later), "");
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_SENT, later), "");
  EXPECT_TRUE(Answer("2", later).ok());
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_TO_ANSWER, later), "134");
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_RECEIVED, later, 1), "4321");
  EXPECT_EQ(Box("aa", v1::ENQUIRY_BOX_SENT, later, 4), "5321");
  const auto reader = *store.Snapshot();
  EXPECT_EQ(error::ReasonOf(
                repository.List(*reader, "bodies/bb", v1::ENQUIRY_BOX_SENT, later, "nothing", 1).status()),
            "PAGE_TOKEN_INVALID");
  EXPECT_EQ(Ask("2", "zz", "yy", later).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(Enquiries, WhatHasExpiredIsNotThereThoughItWaitsToBeRemoved) {
  EXPECT_TRUE(Ask("1", "aa", "bb", kNow).ok());
  EXPECT_TRUE(Ask("2", "aa", "bb", kNow + absl::Hours(1)).ok());
  const absl::Time end = kNow + kEnquiryKept;
  const auto get = [&](absl::Time now) {
    return error::ReasonOf(
        repository.Get(**store.Snapshot(), base::Cat("enquiries/", Id("1")), now).status());
  };
  const absl::Time before = end - absl::Microseconds(1);
  EXPECT_EQ(get(before), "");
  EXPECT_EQ(get(end), "NOT_FOUND");
  for (const auto box : {v1::ENQUIRY_BOX_TO_ANSWER, v1::ENQUIRY_BOX_RECEIVED}) {
    EXPECT_EQ(Box("bb", box, before).size(), 2u);
    EXPECT_EQ(Box("bb", box, end), "2");
    EXPECT_EQ(Box("bb", box, end + absl::Hours(1)), "");
  }
  EXPECT_EQ(Box("aa", v1::ENQUIRY_BOX_SENT, end), "2");
}

TEST_F(Enquiries, AreRemovedWithoutATraceInBoundedSteps) {
  EXPECT_TRUE(Ask("9", "aa", "bb", kNow + absl::Hours(1)).ok());
  const size_t rows = Rows();
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(Ask(base::Cat(i), "aa", "bb", kNow).ok());
  EXPECT_TRUE(Answer("3", kNow).ok());
  const absl::Time end = kNow + kEnquiryKept;
  EXPECT_FALSE(repository.AnyExpired(**store.Snapshot(), end - absl::Microseconds(1)));
  EXPECT_EQ(Sweep(end - absl::Microseconds(1), 10), 0);
  EXPECT_TRUE(repository.AnyExpired(**store.Snapshot(), end));
  EXPECT_EQ(Sweep(end, 3), 3);
  EXPECT_EQ(Sweep(end, 3), 2);
  EXPECT_EQ(Sweep(end, 3), 0);
  EXPECT_FALSE(repository.AnyExpired(**store.Snapshot(), end));
  EXPECT_EQ(Rows(), rows);
  EXPECT_EQ(Box("bb", v1::ENQUIRY_BOX_TO_ANSWER, end), "9");
}

TEST_F(Enquiries, OnlySoManyOfABodyWait) {
  for (int i = 0; i < kMaxWaitingEnquiries; ++i) {
    ASSERT_TRUE(Ask(base::Cat(1000 + i), "aa", base::Cat("b", i), kNow).ok()) << i;
  }
  EXPECT_EQ(error::ReasonOf(Ask("1", "aa", "bb", kNow)), "LIMIT_EXCEEDED");
  EXPECT_TRUE(Ask("2", "cc", "bb", kNow).ok());
  EXPECT_TRUE(Answer("1000", kNow).ok());
  EXPECT_TRUE(Ask("1", "aa", "bb", kNow).ok());
}

}  // namespace
}  // namespace waypost::directory
