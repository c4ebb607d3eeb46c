// Gives the offers of a body that is no more, and those that go with a competence which moved, to whoever
// stands in its place, once the first day of a succession has come: they are the successor's then, to keep,
// to report on and to be found under. Each goes by its theme and its first territory, as the referral
// service's replica reads it; what no share covers stays where it is. An offer that was handed on is no
// longer the predecessor's: begun again anywhere, it does nothing twice.
#ifndef WAYPOST_SERVICES_DIRECTORY_OFFER_INHERITANCE_H_
#define WAYPOST_SERVICES_DIRECTORY_OFFER_INHERITANCE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/environment.h"
#include "services/directory/directory_repository.h"

namespace waypost::directory {

// Not thread-safe: for one thread, as that of the ticks.
class OfferInheritance {
 public:
  // `env` must outlive this.
  explicit OfferInheritance(const rpc::Environment& env) : env_(env) {}

  // Hands on at most kOffersInheritedInStep offers; true when there is more to do at once. What fails is made
  // up for by the next step.
  absl::StatusOr<bool> Step(absl::Time now);

 private:
  absl::Status HandOn(const Page<v1::Offer>& offers, absl::Time now);

  const rpc::Environment& env_;
  const DirectoryRepository repository_ = {};
  // How far the offers of one succession's predecessor were walked.
  std::string succession_;
  std::string position_;
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_OFFER_INHERITANCE_H_
