// Moves enquiries that wait for the answer of a body to whoever stands in its place, once the first day of a
// succession has come: by theme and territory, as everything that is succeeded. What nobody took over stays
// where it is, until it expires.
//
// A row says which successions are still to be looked at (DueSuccessionsPrefix), and how far that is: so a
// step costs nothing where there is none, and done twice changes nothing.
#ifndef WAYPOST_SERVICES_DIRECTORY_ENQUIRY_MOVER_H_
#define WAYPOST_SERVICES_DIRECTORY_ENQUIRY_MOVER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/environment.h"
#include "common/rpc/mutation.h"
#include "common/store/store.h"
#include "services/directory/directory_repository.h"
#include "services/directory/enquiry_repository.h"

namespace waypost::directory {

// Stateless; thread-safe.
class EnquiryMover {
 public:
  // True when Step would do something; false also when the store cannot tell.
  bool AnyDue(const store::Reader& reader, absl::Time now) const;

  // Looks at no more than kEnquiriesMovedInStep enquiries, in one transaction; waits until it is durable.
  // Not for a thread of the store. `env` must outlive the call.
  absl::Status Step(const rpc::Environment& env, absl::Time now) const;

 private:
  absl::Status Move(rpc::Mutation& mutation) const;

  const DirectoryRepository repository_ = {};
  const EnquiryRepository enquiries_ = {};
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ENQUIRY_MOVER_H_
