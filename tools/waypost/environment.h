// What the tool takes from outside, injected so that tests decide it.
#ifndef WAYPOST_TOOLS_WAYPOST_ENVIRONMENT_H_
#define WAYPOST_TOOLS_WAYPOST_ENVIRONMENT_H_

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/rpc/client.h"
#include "tools/waypost/interrupts.h"

namespace waypost::cli {

// All references outlive the run.
struct Environment {
  std::istream& in;
  // Results.
  std::ostream& out;
  // Everything else: errors, progress, hints.
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // An environment variable; nothing when it is not set or empty.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  const base::Clock& clock;
  base::Random& random;
  // The zone in which people read and write times, unless they ask for UTC.
  absl::TimeZone zone;
  rpc::Sleeper sleep;
  Interrupts& interrupts;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_ENVIRONMENT_H_
