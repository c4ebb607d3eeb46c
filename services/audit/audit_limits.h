// Every limit of the audit service. Over one, the answer names it.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_LIMITS_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace waypost::audit {

// One Append request. gRPC's message limit (4 MiB) holds as well.
inline constexpr size_t kMaxAppendEnvelopes = 1000;

// One record: its canonical bytes, and the bodies that are parties to it, the acting one included.
inline constexpr size_t kMaxRecordBytes = 64 * 1024;
inline constexpr size_t kMaxParties = 500;

// Texts of a record, in bytes. They become parts of keys, so that the longest key stays under the store's
// limit.
inline constexpr size_t kMaxNameBytes = 256;  // resource, body, each party
inline constexpr size_t kMaxWordBytes = 128;  // service, type, actor, role, state, purpose, policy version
inline constexpr size_t kEventIdBytes = 16;
inline constexpr size_t kNonceBytes = 32;

// One transaction of an append: what the writer thread, which every service of a node shares, is held for.
inline constexpr size_t kMaxSliceRecords = 256;
inline constexpr size_t kMaxSliceWrites = 4000;

// A page ends before its records pass this many bytes, so that it fits a message of 4 MiB.
inline constexpr size_t kMaxPageBytes = 3 * 1024 * 1024;

// One log. A new period begins long before: this is 9 years of 1000 entries a second.
inline constexpr uint64_t kMaxLogEntries = uint64_t{1} << 38;

// A check of the log stops after this many findings.
inline constexpr size_t kMaxFindings = 100;

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_LIMITS_H_
