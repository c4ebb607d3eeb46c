#include "common/telemetry/clock_failures.h"

#include <string>

namespace waypost::telemetry {

ClockFailures::ClockFailures(Metrics& metrics, std::string_view service)
    : ClockFailures(prometheus::BuildCounter()
                        .Name("waypost_clock_failures_total")
                        .Help("Steps of the clocks that failed, and rows of them that could not be read")
                        .Register(*metrics.registry()),
                    service) {}

ClockFailures::ClockFailures(prometheus::Family<prometheus::Counter>& family, std::string_view service)
    : steps_(family.Add({{"service", std::string(service)}, {"what", "step"}})),
      rows_(family.Add({{"service", std::string(service)}, {"what", "row"}})) {}

}  // namespace waypost::telemetry
