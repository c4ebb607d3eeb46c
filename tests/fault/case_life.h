// The life that the crash test gives every case, step by step, and what must be found of it at any moment.
#ifndef WAYPOST_TESTS_FAULT_CASE_LIFE_H_
#define WAYPOST_TESTS_FAULT_CASE_LIFE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tests/e2e/callers.h"

namespace waypost::e2e {

// A step is one call. A look at the sections changes nothing: its `event` is empty, its state and revision
// are those of the step before.
struct Step {
  std::string_view event;  // in the history
  std::string_view type;   // in the audit log
  referral::v1::ReferralState state;
  int64_t revision;
};

inline constexpr std::array<Step, 6> kLife = {{
    {"SUBMIT", "referral.submitted", referral::v1::REFERRAL_STATE_REQUESTED, 1},
    {"ACKNOWLEDGE", "referral.acknowledged", referral::v1::REFERRAL_STATE_ACKNOWLEDGED, 2},
    {"NOTE", "referral.noted", referral::v1::REFERRAL_STATE_ACKNOWLEDGED, 3},
    {"ACCEPT", "referral.accepted", referral::v1::REFERRAL_STATE_ACCEPTED, 4},
    {"", "referral.disclosed", referral::v1::REFERRAL_STATE_ACCEPTED, 4},
    {"COMPLETE", "referral.completed", referral::v1::REFERRAL_STATE_COMPLETED, 5},
}};

// One case, as far as its caller knows.
struct Case {
  uint64_t number = 0;
  std::string name = "";  // once a submission was acknowledged
  size_t done = 0;        // steps that were acknowledged
  bool in_doubt = false;  // step `done` was sent and not acknowledged
  int looks = 0;          // that were answered: each is in the audit log
  int looks_in_doubt = 0;

  int64_t revision() const { return done == 0 ? 0 : kLife[done - 1].revision; }
};

// The callers of cases. Thread-safe.
class Caseworkers {
 public:
  Caseworkers(ReferralStub& referrals, const Tokens& tokens) : referrals_(referrals), tokens_(tokens) {}

  // Sends step `one.done`, as it was sent before if it was, and counts it as done when it is acknowledged.
  // Fails as the call does, or with INTERNAL when the answer is not what the step must give.
  absl::Status Advance(Case& one) const;
  // What is wrong with the case as it is stored: its state, revision, history, notes, and whether they open.
  // With the step in doubt, before it is sent again, it may be there whole or not at all.
  std::vector<std::string> Check(Case& one) const;
  // The same, and settles what is in doubt by sending it again, twice.
  std::vector<std::string> CheckAndSettle(Case& one) const;

 private:
  absl::Status Change(const Case& one, referral::v1::Referral& answer) const;
  // Opens the sections as the receiving body, or the referring one.
  absl::Status Look(const std::string& token, Case& one) const;
  absl::Status LookAtNote(const std::string& note, Case& one) const;
  void CheckHistory(const Case& one, int64_t revision, std::vector<std::string>& wrong) const;
  void CheckNotes(Case& one, int64_t revision, std::vector<std::string>& wrong) const;

  ReferralStub& referrals_;
  const Tokens tokens_;
};

// The run of all submissions of the crash test.
inline constexpr std::string_view kCrashRun = "crash";

}  // namespace waypost::e2e

#endif  // WAYPOST_TESTS_FAULT_CASE_LIFE_H_
