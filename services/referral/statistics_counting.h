// What a change of a referral counts for in the statistics, and for which bodies. Pure; thread-safe. What
// each measure is: waypost/referral/v1/statistics.proto.
//
// A thing is counted when it happens, and stays counted; but an outcome that is voided in the month in which
// it was counted, and for the same bodies, is taken back. Its month is that of the change, in UTC.
#ifndef WAYPOST_SERVICES_REFERRAL_STATISTICS_COUNTING_H_
#define WAYPOST_SERVICES_REFERRAL_STATISTICS_COUNTING_H_

#include <string>
#include <vector>

#include "services/referral/referral_clocks.h"
#include "services/referral/referral_machine.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/storage/v1/statistics_storage.pb.h"
#include "waypost/referral/v1/statistics.pb.h"

namespace waypost::referral {

// Of OUTCOME, which counts people, the referrals that these are of are counted, too: under so much more than
// the kind. Nobody is shown them; by them is judged whether the people may be.
inline constexpr uint32_t kOfReferrals = 100;

// Protected referrals count for nothing. Marks in `next` what is not to be counted again. By the calendars
// and outages of `at`, time in which nobody could answer makes no answer late. REQUIRES: `next` is what
// `event` has made of `before`.
std::vector<storage::v1::Counted> CountChange(const storage::v1::ReferralRecord& before, Event event,
                                              const Moment& at, storage::v1::ReferralRecord& next);

// The same of a referral that another one opened.
std::vector<storage::v1::Counted> CountOpened(storage::v1::ReferralRecord& opened);

// Whose figures a referral is in.
struct CountingBody {
  v1::StatisticsSide side;
  std::string body;
  std::string counter_body;
};
std::vector<CountingBody> CountingBodies(const storage::v1::ReferralRecord& record);

// The cell that a count is shown in, without its value. REQUIRES: it is not one of kOfReferrals.
v1::StatisticsCell CellOf(v1::StatisticsMeasure measure, uint32_t detail);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_STATISTICS_COUNTING_H_
