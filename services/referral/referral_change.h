// The course of a command, the same for all of them: prepare (outside the transaction: sealing and opening of
// keys), then, inside, read, authorize, decide, and write everything that the decision says.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_CHANGE_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_CHANGE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/duplicate_search.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_directory.h"
#include "services/referral/referral_receipts.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_rules.h"
#include "services/referral/referral_sealing.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// What a request asks, apart from who asks.
struct Asked {
  std::string name;  // empty: a referral is created
  // Of one that is created: its client made this name, which may be taken. Empty: the service made it.
  std::string client_name = {};
  std::string etag;
  Command command;
  std::string text;  // becomes a note
  v1::NoteVisibility visibility = v1::NOTE_VISIBILITY_BOTH_SIDES;
  std::string own_reference;
  bool clears_own_reference = false;  // the one there is goes, and none takes its place
  const google::protobuf::RepeatedPtrField<v1::PersonSections>* sections = nullptr;  // outlives the call
  const v1::PersonSections* corrected = nullptr;  // the same; in place of what is held of one person
};

// Sealed rows, made before the transaction.
struct Prepared {
  bool made = false;
  int64_t revision = 0;             // of the record that it was made for; 0 for a new one
  std::vector<Wrap> based_on = {};  // the wraps that it was made with
  SealedContent content = {};       // of the referral itself
  std::optional<storage::v1::NoteRecord> note = std::nullopt;
  SealedContent linked = {};     // of a referral that it opens
  SealedContent corrected = {};  // in place of what there is
  // Of a referral that exists and is sent: its commitments, for the content hash.
  Commitments sent = {};
  // By what people are found who were referred before.
  std::vector<Search> searches = {};
};

// By what the clocks of a referral run: the working days that the directory knows, and the table of a node.
struct Clockwork {
  const BodyRegistry& bodies;
  const ClockTable& clocks;
};

// What the system does by itself, told as such: by whom it came about would say what hangs together.
absl::StatusOr<policy::Authorized> AsSystem(const policy::Caller& system, std::string_view name);

// The feed that watchers of a body follow.
std::string FeedOf(std::string_view body);

// Decides commands of the system in the transaction, and what follows from them, and writes all of it: rows,
// indexes, history, events. In order. `as` is who caused it, and is told as who did it, but where a follow-up
// says that the system does it.
absl::Status CarryOut(rpc::Mutation& mutation, const policy::Authorized& as, const Clockwork& by,
                      const std::vector<FollowUp>& follow_ups);

// What a caller's decision says, where it needs no keys and gives no text: deletions, row, groups,
// enrolments, history, event, and what follows in other referrals.
absl::Status CarryOutOfCaller(rpc::Mutation& mutation, const policy::Authorized& as, const Clockwork& by,
                              const ReferralRecord& before, Decision decision);

// Thread-safe.
class ReferralChange {
 public:
  // All must outlive this.
  ReferralChange(Sealing& sealing, const BodyRegistry& bodies, const ClockTable& clocks)
      : sealing_(sealing), clockwork_{bodies, clocks} {}

  const Clockwork& clockwork() const { return clockwork_; }

  // True when the command may need keys or texts, and so a preparation.
  static bool NeedsPreparation(const Asked& asked);

  // For a referral that is created: seals on the calling thread; reads nothing.
  absl::StatusOr<Prepared> PrepareNew(const rpc::Call& call, const Asked& asked, const Sides& sides);

  // For one that exists: decides once on the snapshot to learn which keys the decision needs. A command that
  // the snapshot does not take is left to the transaction to refuse.
  absl::StatusOr<Prepared> Prepare(const rpc::Call& call, const store::Reader& reader, const Asked& asked);

  // What `body` can open by `wraps` of those people in a referral, as far as it was filled in: what goes
  // along where they are referred on.
  absl::StatusOr<google::protobuf::RepeatedPtrField<v1::PersonSections>> OpenHeld(
      const store::Reader& reader, std::string_view name, const std::vector<Wrap>& wraps,
      std::string_view body, const google::protobuf::RepeatedPtrField<v1::Person>& persons);

  // In the transaction. Returns rpc::PrepareAgain() when `prepared` is out of date.
  absl::Status Run(rpc::Mutation& mutation, const Asked& asked, const Prepared& prepared,
                   v1::Referral& response);

  // The same of a referral that is created by what is asked of another resource, to which `as` has authority.
  absl::Status RunNew(rpc::Mutation& mutation, const policy::Authorized& as, const Asked& asked,
                      const Prepared& prepared, v1::Referral& response) {
    return RunAuthorized(mutation, as, {}, asked, prepared, response);
  }

  // In the transaction of a change that nobody asked for: a clock. `note`, if any, is written with it;
  // returns rpc::PrepareAgain() when its number is taken.
  absl::Status RunAsSystem(rpc::Mutation& mutation, const policy::Authorized& as,
                           const ReferralRecord& current, const Command& command,
                           const std::optional<storage::v1::NoteRecord>& note = std::nullopt);

 private:
  absl::Status RunAuthorized(rpc::Mutation& mutation, const policy::Authorized& as,
                             const ReferralRecord& current, const Asked& asked, const Prepared& prepared,
                             v1::Referral& response);
  absl::Status PrepareKeys(const rpc::Call& call, const store::Reader& reader, const Asked& asked,
                           const ReferralRecord& current, Decision& decision, Prepared& prepared);
  absl::Status PrepareLinked(const rpc::Call& call, const store::Reader& reader,
                             const ReferralRecord& current, const ReferralRecord& linked, Prepared& prepared);
  absl::Status PrepareCorrected(const store::Reader& reader, const v1::PersonSections& corrected,
                                const ReferralRecord& next, Prepared& prepared);
  absl::Status PrepareNote(const rpc::Call& call, const Asked& asked, ReferralRecord& next,
                           const std::vector<Wrap>& wraps, Prepared& prepared);

  Sealing& sealing_;
  const Clockwork clockwork_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_CHANGE_H_
