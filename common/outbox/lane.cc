#include "common/outbox/lane.h"

#include <optional>
#include <utility>

#include "common/base/big_endian.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/outbox/keys.h"
#include "common/status/errors.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::outbox {
namespace {

constexpr size_t kHeadBytes = 16;

struct Head {
  uint64_t epoch = 0;
  uint64_t position = 0;
};

absl::StatusOr<Head> ReadHead(const store::Reader& reader, std::string_view key) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(key));
  if (!value.has_value()) return Head{};
  if (value->size() != kHeadBytes) return error::DataLoss("outbox head");
  return Head{.epoch = base::ReadBigEndian(*value), .position = base::ReadBigEndian(*value, 8)};
}

void WriteHead(store::Writer& writer, std::string_view key, Head head) {
  std::string value;
  value.reserve(kHeadBytes);
  base::AppendBigEndian(head.epoch, value);
  base::AppendBigEndian(head.position, value);
  writer.Put(key, value);
}

}  // namespace

Lane::Lane(std::string name, uint64_t epoch)
    : name_(std::move(name)), epoch_(epoch), head_key_(HeadKey(name_)) {}

absl::StatusOr<Lane> Lane::Open(store::Store& store, std::string_view name) {
  uint64_t epoch = 0;
  const std::string key = HeadKey(name);
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(Head head, ReadHead(writer, key));
    epoch = ++head.epoch;
    WriteHead(writer, key, head);
    return absl::OkStatus();
  }));
  return Lane(std::string(name), epoch);
}

absl::StatusOr<uint64_t> Lane::Append(store::Writer& writer, std::string_view event,
                                      std::string_view nonce) const {
  WAYPOST_ASSIGN_OR_RETURN(Head head, ReadHead(writer, head_key_));
  if (head.epoch != epoch_) {
    return error::Make(absl::StatusCode::kAborted, "LANE_FENCED",
                       base::Cat("another process has taken over the outbox lane '", name_, "'"));
  }
  ++head.position;
  event::v1::Envelope envelope;
  envelope.set_event(event.data(), event.size());
  envelope.set_nonce(nonce.data(), nonce.size());
  envelope.set_lane(name_);
  envelope.set_epoch(epoch_);
  envelope.set_position(head.position);
  writer.Put(EventKey(name_, head.position), envelope.SerializeAsString());
  WriteHead(writer, head_key_, head);
  return head.position;
}

absl::StatusOr<uint64_t> HeadOf(const store::Reader& reader, std::string_view lane) {
  WAYPOST_ASSIGN_OR_RETURN(const Head head, ReadHead(reader, HeadKey(lane)));
  return head.position;
}

}  // namespace waypost::outbox
