// For the tests of this room: events to append, and a log in memory to append them to.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_TEST_UTIL_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/store/memory_store.h"
#include "common/store/store.h"
#include "services/audit/audit_repository.h"
#include "services/audit/audit_rules.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::audit {

inline constexpr std::string_view kTestLog = "changes";
inline constexpr absl::Time kTestTime = absl::FromUnixSeconds(1'800'000'000);

// Well-formed; other numbers make other events. Numbers are spread over 3 bodies' cases, 7 resources, 4
// actors and 5 types; the revisions of each resource run from 1 without gaps when the numbers run from 0.
inline event::v1::Event TestEvent(uint64_t number) {
  event::v1::Event event;
  event.set_event_id(crypto::Sha256(base::Cat("event ", number)).substr(0, 16));
  event.set_service("referral");
  event.set_type(base::Cat("referral.type", number % 5));
  event.set_resource(base::Cat("referrals/r", number % 7));
  event.set_revision(static_cast<int64_t>(number / 7 + 1));
  *event.mutable_time() = api::ToTimestamp(kTestTime + absl::Seconds(number));
  event.set_actor(base::Cat("actor", number % 4));
  event.set_body(base::Cat("bodies/b", number % 3));
  event.set_role("caseworker");
  event.add_parties(event.body());
  event.add_parties(base::Cat("bodies/b", (number + 1) % 3));
  event.set_state("ACCEPTED");
  event.set_policy_version("1");
  event.set_kind(event::v1::Event::KIND_CHANGE);
  return event;
}

inline event::v1::Envelope Seal(const event::v1::Event& event) {
  event::v1::Envelope envelope;
  envelope.set_event(event.SerializeAsString());
  envelope.set_nonce(crypto::Sha256(base::Cat("nonce ", event.event_id())));
  envelope.set_lane("referral");
  envelope.set_epoch(1);
  return envelope;
}

inline std::vector<const event::v1::Envelope*> PointersTo(const std::vector<event::v1::Envelope>& envelopes) {
  std::vector<const event::v1::Envelope*> pointers;
  for (const auto& envelope : envelopes) pointers.push_back(&envelope);
  return pointers;
}

// Checked and prepared.
inline std::vector<PreparedRecord> Prepare(const std::vector<event::v1::Envelope>& envelopes) {
  const auto records = CheckEnvelopes(PointersTo(envelopes));
  EXPECT_TRUE(records.ok()) << records.status();
  if (!records.ok()) return {};
  return AuditRepository(kTestLog).Prepare(*records);
}

inline std::vector<PreparedRecord> TestRecords(uint64_t first, uint64_t count) {
  std::vector<event::v1::Envelope> envelopes;
  for (uint64_t i = 0; i < count; ++i) envelopes.push_back(Seal(TestEvent(first + i)));
  return Prepare(envelopes);
}

// Appends in slices, one transaction each, all at `now`.
inline absl::StatusOr<Appended> AppendTo(store::Store& store, const std::vector<PreparedRecord>& records,
                                         absl::Time now) {
  const AuditRepository repository(kTestLog);
  Appended all;
  for (const auto slice : SlicesOf(records)) {
    Appended done;
    const absl::Status status = store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
      auto appended = repository.Append(writer, slice, now);
      if (!appended.ok()) return appended.status();
      done = *std::move(appended);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    all.indexes.insert(all.indexes.end(), done.indexes.begin(), done.indexes.end());
    all.tree_size = done.tree_size;
    all.added += done.added;
    all.out_of_order_count += done.out_of_order_count;
  }
  return all;
}

inline std::unique_ptr<store::Reader> SnapshotOf(const store::Store& store) {
  auto snapshot = store.Snapshot();
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return *std::move(snapshot);
}

// Every row of a store.
inline std::map<std::string, std::string> RowsOf(const store::Store& store) {
  std::map<std::string, std::string> rows;
  const auto snapshot = SnapshotOf(store);
  for (const auto cursor = snapshot->Scan({}); cursor->Valid(); cursor->Next()) {
    rows.emplace(cursor->key(), cursor->value());
  }
  return rows;
}

// The root over leaf hashes, by the definition of RFC 6962.
inline Hash RootOf(const std::vector<Hash>& leaves, size_t begin, size_t end) {
  if (begin == end) return EmptyRoot();
  if (end - begin == 1) return leaves[begin];
  size_t split = 1;
  while (split * 2 < end - begin) split *= 2;
  return HashChildren(RootOf(leaves, begin, begin + split), RootOf(leaves, begin + split, end));
}

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_TEST_UTIL_H_
