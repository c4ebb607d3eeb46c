// The course of a change of a path. Taking a step is the submission of a referral, prepared and carried out
// as any other (referral_change.h), in one transaction with the path.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_CHANGE_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_CHANGE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "common/rpc/mutation.h"
#include "services/referral/path_rules.h"
#include "services/referral/referral_change.h"
#include "waypost/referral/v1/path.pb.h"

namespace waypost::referral {

// A path with all that it is judged by.
struct HeldPath {
  PathRecord record;
  std::vector<storage::v1::ReferralRecord> referrals;  // oldest first
  StepCourses courses;

  policy::Relations RelationsOf(const policy::Caller& caller) const {
    return RelationsToPath(record, referrals, caller);
  }
  v1::Path View(const policy::Caller& caller) const { return ToPath(record, courses, referrals, caller); }
};
// NOT_FOUND when there is none.
absl::StatusOr<HeldPath> HoldPath(const store::Reader& reader, std::string_view name);

// May a step be sent at once, or has a second person to approve it first?
enum class Sending { kAtOnce, kOnceApproved };

// What a step is sent with, made before the transaction.
struct PreparedStep {
  // From which sections go along.
  struct Source {
    std::string referral;
    int64_t revision = 0;             // for which it was made
    std::vector<Wrap> based_on = {};  // the wraps that it was made with
  };
  bool made = false;
  Sending how = Sending::kAtOnce;
  std::vector<Source> sources = {};
  std::vector<FilledSections> filled = {};
  Prepared sealed = {};
};

// All but Prepare run within the transaction. Thread-safe.
class PathChange {
 public:
  // Must outlive this.
  explicit PathChange(ReferralChange& change) : change_(change) {}

  // `name` is the new path's.
  absl::Status Create(rpc::Mutation& mutation, const v1::CreatePathRequest& request, const std::string& name,
                      v1::Path& response);
  absl::Status Update(rpc::Mutation& mutation, const v1::UpdatePathRequest& request, v1::Path& response);
  absl::Status End(rpc::Mutation& mutation, const v1::EndPathRequest& request, v1::Path& response);

  // `name` is the new referral's. What the snapshot does not take is left to the transaction to refuse.
  absl::StatusOr<PreparedStep> Prepare(const rpc::Call& call, const store::Reader& reader,
                                       const v1::TakeStepRequest& request, const std::string& name);
  // Returns rpc::PrepareAgain() when `prepared` is out of date.
  absl::Status Take(rpc::Mutation& mutation, const v1::TakeStepRequest& request, const std::string& name,
                    const PreparedStep& prepared, v1::TakeStepResponse& response);

 private:
  // Opens what goes along from one source, and adds it to `along`; the source to `prepared`.
  absl::Status AddFrom(const store::Reader& reader, const PathRecord& path, const StepSource& source,
                       PreparedStep& prepared, v1::PersonSections& along);
  // The submission that a step is.
  absl::StatusOr<Asked> SubmissionFor(const store::Reader& reader, const policy::Caller& caller,
                                      const v1::TakeStepRequest& request, const HeldPath& path,
                                      const storage::v1::ReferralRecord& source, const std::string& name,
                                      const std::vector<FilledSections>& filled) const;
  // Decides the submission, and writes nothing; what else than a missing approval speaks against it is an
  // error.
  absl::StatusOr<Sending> HowToSend(const rpc::Call& call, const store::Reader& reader,
                                    const policy::Authorized& as, const Asked& asked) const;

  ReferralChange& change_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_CHANGE_H_
