// WAYPOST_RETURN_IF_ERROR(expr): returns the status of `expr` from the enclosing function unless it is OK.
// WAYPOST_ASSIGN_OR_RETURN(lhs, expr): the same for a StatusOr; moves its value into `lhs` otherwise.
#ifndef WAYPOST_COMMON_BASE_STATUS_MACROS_H_
#define WAYPOST_COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define WAYPOST_STATUS_CONCAT_INNER_(a, b) a##b
#define WAYPOST_STATUS_CONCAT_(a, b) WAYPOST_STATUS_CONCAT_INNER_(a, b)

// __COUNTER__, since `expr` may hold a lambda that uses these macros again.
#define WAYPOST_RETURN_IF_ERROR(expr) \
  WAYPOST_RETURN_IF_ERROR_IMPL_(WAYPOST_STATUS_CONCAT_(waypost_status_, __COUNTER__), expr)

#define WAYPOST_RETURN_IF_ERROR_IMPL_(name, expr) \
  do {                                            \
    absl::Status name = (expr);                   \
    if (!name.ok()) return name;                  \
  } while (false)

#define WAYPOST_ASSIGN_OR_RETURN(lhs, expr) \
  WAYPOST_ASSIGN_OR_RETURN_IMPL_(WAYPOST_STATUS_CONCAT_(waypost_statusor_, __COUNTER__), lhs, expr)

#define WAYPOST_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expr) \
  auto statusor = (expr);                                   \
  if (!statusor.ok()) return std::move(statusor).status();  \
  lhs = *std::move(statusor)

#endif  // WAYPOST_COMMON_BASE_STATUS_MACROS_H_
