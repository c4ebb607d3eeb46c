// The life of a body as a table. Pure and constexpr. (An offer goes freely from status to status until it is
// DEFUNCT, after which nothing of it changes: see UpdatedOffer.)
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_MACHINE_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_MACHINE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "waypost/directory/v1/directory.pb.h"

namespace waypost::directory {

enum class BodyEvent : uint8_t { kSuspend, kReactivate, kDissolve };
inline constexpr int kBodyEventCount = 3;

struct BodyTransition {
  v1::BodyStatus from;
  BodyEvent event;
  v1::BodyStatus to;
};

// All of it: whatever is not here is INVALID_TRANSITION. Every one belongs to the operator.
inline constexpr std::array kBodyTransitions = {
    BodyTransition{v1::BODY_STATUS_ACTIVE, BodyEvent::kSuspend, v1::BODY_STATUS_SUSPENDED},
    BodyTransition{v1::BODY_STATUS_ACTIVE, BodyEvent::kDissolve, v1::BODY_STATUS_DISSOLVED},
    BodyTransition{v1::BODY_STATUS_SUSPENDED, BodyEvent::kReactivate, v1::BODY_STATUS_ACTIVE},
    BodyTransition{v1::BODY_STATUS_SUSPENDED, BodyEvent::kDissolve, v1::BODY_STATUS_DISSOLVED},
};

// "SUSPEND", "REACTIVATE", "DISSOLVE".
constexpr std::string_view BodyEventName(BodyEvent event) {
  constexpr std::array<std::string_view, kBodyEventCount> kNames = {"SUSPEND", "REACTIVATE", "DISSOLVE"};
  return kNames[static_cast<size_t>(event)];
}

// "directory.body_suspended", …: the type of the event that tells of it.
constexpr std::string_view BodyEventType(BodyEvent event) {
  constexpr std::array<std::string_view, kBodyEventCount> kTypes = {
      "directory.body_suspended", "directory.body_reactivated", "directory.body_dissolved"};
  return kTypes[static_cast<size_t>(event)];
}

constexpr std::optional<v1::BodyStatus> NextStatus(v1::BodyStatus from, BodyEvent event) {
  for (const BodyTransition& row : kBodyTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

static_assert(NextStatus(v1::BODY_STATUS_DISSOLVED, BodyEvent::kReactivate) == std::nullopt);

// "ACTIVE", …: the enumerator without its prefix.
std::string_view BodyStatusName(v1::BodyStatus status);
std::string_view OfferStatusName(v1::OfferStatus status);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_MACHINE_H_
