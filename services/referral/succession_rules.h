// What follows when other bodies stand in the place of one: who of a referral's bodies is replaced, and what
// the records say then. Who took whose place the directory knows; nothing here asks it. Pure; thread-safe.
//
// The referral keeps its name, its state, its clocks and its past: hops, who disclosed to whom, whose note it
// is for both sides. What changes is who answers for it from now on. People of the predecessor have no part
// in it any longer: assignments end, and what is in a unit goes to the unit that the succession names.
#ifndef WAYPOST_SERVICES_REFERRAL_SUCCESSION_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_SUCCESSION_RULES_H_

#include <string>
#include <string_view>
#include <vector>

#include "services/referral/referral_commands.h"
#include "services/referral/referral_rules.h"
#include "waypost/referral/storage/v1/rights_storage.pb.h"

namespace waypost::referral {

// Every body that has part in it, each once: the sides, who coordinates, who holds the case, where it began,
// and who is proposed instead. A receiving body to which it was misdirected has no part in it.
std::vector<std::string> BodiesOf(const ReferralRecord& record);

// Somebody still owes something: it is a draft or open, a next step or an answer to a right is owed, or
// people were placed by it. Where a body lost a competence alone, the rest stays with it.
bool IsOpenWork(const ReferralRecord& record);

// Both sides are one body: work within it, from unit to unit.
bool IsInternal(const ReferralRecord& record);

// Where both sides become one, that body coordinates for itself, answers for a use of a right once, has one
// legal hold, the longer one, and has what either side had. A draft for oneself has no recipient any more.
void MoveBodies(const std::vector<command::BodyMove>& moves, ReferralRecord& record);
// Of a protected one, that body's readers were people of the predecessor: the successor's safeguarding
// officers name others. Where both sides become one, who reads one side reads both. `before` has the bodies
// as they were.
void MoveReaders(const std::vector<command::BodyMove>& moves, const ReferralRecord& before,
                 ReferralRecord& record);

// The same in a rights request that reaches the referral. REQUIRES: `referral` was moved. False when nothing
// changes.
bool MoveBodies(const std::vector<command::BodyMove>& moves, const ReferralRecord& referral,
                storage::v1::RightsRequestRecord& request);

// Null when that body stays.
const command::BodyMove* FindMove(const std::vector<command::BodyMove>& moves, std::string_view body);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_SUCCESSION_RULES_H_
