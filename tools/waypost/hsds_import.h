// Takes the services of HSDS packages over as offers, in two passes: the first checks every row and finds ids
// that several rows share, the second sends what is right. Both read, map and send on several threads.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_IMPORT_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_IMPORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/waypost/batch_import.h"
#include "tools/waypost/hsds_files.h"
#include "tools/waypost/hsds_mapping.h"
#include "tools/waypost/interrupts.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {

inline constexpr int kHsdsInFlight = 4;
inline constexpr size_t kMaxHsdsImportRows = 2'000'000;
// Of one call: rows, the territories that they name, and bytes.
inline constexpr int kHsdsRowsPerCall = 100;
inline constexpr int kHsdsPlacesPerCall = 1'000;
inline constexpr size_t kHsdsBytesPerCall = 2 * 1024 * 1024;

struct HsdsProgress {
  // The second pass.
  bool is_sending = false;
  size_t done = 0;
  size_t failed = 0;
  // In the first pass not known: 0.
  size_t all = 0;
};

struct HsdsImportOptions {
  int in_flight = kHsdsInFlight;
  // What the schemas of HSDS require and is missing is not right either.
  bool strict = false;
  // Only the first pass; what can be sent counts as not sent.
  bool dry_run = false;
  // Makes the request ids of this run.
  std::string run;
  // Sends one request; called by several threads at once.
  std::function<absl::Status(const directory::v1::ImportOffersRequest& request,
                             directory::v1::ImportOffersResponse& response)>
      send;
  // Never called by two threads at once.
  std::function<void(const HsdsProgress& progress)> on_progress;
};

// What became of the services. Fails where a file cannot be read, with nothing sent. Ends early after an
// interrupt or what EndsTheImport; what is in flight is waited for. Running it again goes on: what is there
// already is unchanged.
absl::StatusOr<BatchOutcome> RunHsdsImport(HsdsFiles& files, const HsdsMapping& mapping,
                                           const HsdsImportOptions& options, const Interrupts& interrupts);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_IMPORT_H_
