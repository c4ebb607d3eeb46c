// Referrals to test with: complete ones, in every state, reached by the rules themselves. For tests only.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_TESTING_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_TESTING_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_rules.h"

namespace waypost::referral::testing {

inline constexpr std::string_view kReferringBody = "bodies/es-fuenlabrada";
inline constexpr std::string_view kReferringUnit = "bodies/es-fuenlabrada/units/social-services";
inline constexpr std::string_view kReceivingBody = "bodies/es-madrid";
inline constexpr std::string_view kReceivingUnit = "bodies/es-madrid/units/intake";
inline constexpr std::string_view kThirdBody = "bodies/es-getafe";
inline constexpr std::string_view kThirdUnit = "bodies/es-getafe/units/intake";
inline constexpr std::string_view kFourthBody = "bodies/es-leganes";
inline constexpr std::string_view kCoordinatingBody = "bodies/es-comunidad-de-madrid";
inline constexpr std::string_view kName = "referrals/01jd0000000000000000000001";
inline constexpr std::string_view kRightsRequest = "rightsRequests/01jd0000000000000000000009";
inline constexpr std::string_view kLinkedName = "referrals/01jd0000000000000000000002";
inline constexpr std::string_view kParentName = "referrals/01jd0000000000000000000004";

// A Monday.
absl::Time Now();

// Everyone here has the role supervisor, and stands in `relations`.
policy::Caller CallerOf(std::string_view body, std::string_view actor);
policy::Authorized As(const policy::Caller& caller, policy::Relations relations);

// The usual people.
const policy::Caller& Referrer();     // of kReferringBody
const policy::Caller& Receiver();     // of kReceivingBody
const policy::Caller& Coordinator();  // of kCoordinatingBody

v1::Disclosure CompleteDisclosure();
// An adult, or a child with what a child needs.
v1::Person CompletePerson(uint32_t number);
v1::Person CompleteChild(uint32_t number);
// Sections that are filled in for them.
v1::PersonSections SectionsOf(uint32_t number, bool child);
v1::Referral CompleteReferral();
// The same request for a part of `parent`, to that body, in no unit of either side and with no reference.
v1::SubmitReferralRequest AsPart(v1::SubmitReferralRequest request, std::string_view parent,
                                 std::string_view to);
std::vector<v1::PersonDisclosure> NewDisclosures();
v1::Outcome PositiveOutcome();
v1::Outcome NegativeOutcome();
std::vector<v1::PersonOutcome> Outcomes(const v1::Outcome& outcome);
command::Create CreateCommand();
command::NewRecipient ToThird();

// A good command for an event, by somebody of that side; for each event that has one.
bool HasCommand(Event event);
Command CommandFor(Event event, Actor by = Actor::kReferring);

// By the actor's usual person; the system decides as the system. Dies when it is refused.
absl::StatusOr<Decision> DecideBy(Actor actor, const ReferralRecord& record, const Command& command,
                                  absl::Time now = Now());
ReferralRecord After(Actor actor, const ReferralRecord& record, const Command& command,
                     absl::Time now = Now());

// A referral in that state, with one person, come there by events an hour ago.
ReferralRecord RecordIn(State state);
// One on which the event's guard holds.
ReferralRecord RecordReadyFor(State state, Event event, Actor actor);

}  // namespace waypost::referral::testing

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_TESTING_H_
