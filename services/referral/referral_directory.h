// What the referral service has to know of the directory, and the check of what a command names there:
// bodies, units, offers. Read from the service's replica, within the transaction.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_DIRECTORY_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_DIRECTORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "common/store/store.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_rules.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::referral {

struct BodyFacts {
  bool exists = false;
  bool active = false;
  bool enforcement = false;        // never receives a referral
  bool approval_required = false;  // its supervisor approves what it sends
  int64_t revision = 0;            // of the directory's row, which the decision relied on
};

// Whose unit it is, its name says.
struct UnitFacts {
  bool exists = false;
  bool active = false;
  bool duty_desk = false;
};

struct GroupFacts {
  std::string group_id;
  std::optional<int> places;  // as declared; nothing declared is no limit
  std::string cohort_start;   // a day, as in "2026-09-01"; empty: entry at any time
};

struct OfferFacts {
  bool exists = false;
  bool active = false;
  std::string provider;            // the body that delivers it
  bool enrolment = false;          // attended over time in a group; otherwise it is over with a result
  std::string programme = {};      // that pays for it; empty: none
  std::string programme_end = {};  // its last day, as in "2026-09-01"; empty: it goes on
  std::vector<GroupFacts> groups = {};
  DocumentsPtr required_documents = nullptr;  // null: none

  // Null when it has no such group. Valid as long as the facts are.
  const GroupFacts* FindGroup(std::string_view group_id) const;
};

// Who stands in a body's place for a theme in a territory.
struct Successor {
  std::string body;
  // The body itself exists no more: all that was its own went too, its offers and its archive among it.
  bool whole = false;
  // The body goes on, and its offers of what moved went too.
  bool offers = false;
  // Of its units, each with the successor's that has its work.
  std::map<std::string, std::string, std::less<>> units = {};

  bool TakesOffers() const { return whole || offers; }
};

// From whom to whom a referral is sent, and what about. Units and offer are empty when none is named.
struct Route {
  std::string_view referring;
  std::string_view receiving;
  type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
  std::string_view territory;
  std::string_view referring_unit = {};
  std::string_view receiving_unit = {};
  std::string_view offer = {};
};
struct RouteFacts {
  BodyFacts referring;
  BodyFacts receiving;
  // Who coordinates cases of the theme in the territory today, in UTC; empty: nobody is appointed.
  std::string coordinating_body;
  // Nothing is known of what is not named.
  UnitFacts referring_unit;
  UnitFacts receiving_unit;
  OfferFacts offer;
  // Of the unit, or else of the body; null: neither has one.
  CalendarPtr referring_calendar = nullptr;
  CalendarPtr receiving_calendar = nullptr;
  // Who stands in the place of either; empty: it has its place.
  std::string referring_successor = {};
  std::string receiving_successor = {};
};

// Bodies with their units and offers. Thread-safe.
class BodyRegistry {
 public:
  virtual ~BodyRegistry() = default;
  // UNAVAILABLE when the replica is too old to be relied on.
  virtual absl::Status CheckFresh(absl::Time now) const = 0;
  virtual absl::StatusOr<BodyFacts> Find(const store::Reader& reader, std::string_view body) const = 0;
  virtual absl::StatusOr<UnitFacts> FindUnit(const store::Reader& reader, std::string_view unit) const = 0;
  virtual absl::StatusOr<OfferFacts> FindOffer(const store::Reader& reader, std::string_view offer) const = 0;
  // The working days of a unit (empty: of none), or else of its body. Null when neither has a calendar.
  virtual absl::StatusOr<CalendarPtr> FindCalendar(const store::Reader& reader, std::string_view body,
                                                   std::string_view unit) const = 0;
  // Who stands in a body's place; nothing where it keeps it.
  virtual absl::StatusOr<std::optional<Successor>> FindSuccessor(const store::Reader& reader,
                                                                 std::string_view body, type::v1::Theme theme,
                                                                 std::string_view territory,
                                                                 absl::Time now) const = 0;
  // Who coordinates cases of a theme in a territory today, in UTC: whoever is appointed, or stands in the
  // place of who was. Empty: nobody is appointed.
  virtual absl::StatusOr<std::string> FindCoordinator(const store::Reader& reader, type::v1::Theme theme,
                                                      std::string_view territory, absl::Time now) const = 0;
  virtual absl::StatusOr<RouteFacts> FindRoute(const store::Reader& reader, const Route& route,
                                               absl::Time now) const = 0;
};

// The command with what the directory adds to it. Refused are:
//   - a recipient that is unknown, enforcement or not active: INVALID_FIELD, BODY_NOT_ACTIVE;
//   - a unit or offer that is not there or not of the body on that side: INVALID_FIELD, all of them at once;
//   - no group where the offer, named or asked for, has several: GROUP_REQUIRED. Where it has one, that is
//     filled in. A protected referral is in no group, and nobody is in a group of an offer that has none;
//   - one that is closed: UNIT_NOT_ACTIVE, OFFER_NOT_ACTIVE, GROUP_NOT_OPEN, PROGRAMME_ENDED;
//   - whoever sends, and whoever is to have the case, where another body stands in its place: BODY_SUCCEEDED,
//     which names it;
//   - a coordinating body whose agreement has ended, or another has taken its place: NOT_COORDINATED;
//   - with UNAVAILABLE, while the replica is too old, what is not there or closed: a newer one may know
//   better.
//     What it knows as open is taken; that a body is active, alone, has to be known anew.
// Not looked up: the body that a decline suggests, and the recipient of a draft until it is sent.
// `current` is without a state when the command creates the referral.
absl::StatusOr<Command> WithDirectory(const BodyRegistry& bodies, const store::Reader& reader,
                                      const rpc::Call& call, const Command& command,
                                      const ReferralRecord& current);

// A command of the system with what the directory adds to it: who coordinates today.
absl::StatusOr<Command> WithCoordinator(const BodyRegistry& bodies, const store::Reader& reader,
                                        const Command& command, const ReferralRecord& current,
                                        absl::Time now);

// By whose working days the command's clocks run: those of both sides, and of a new recipient. Nothing is
// looked up for a command that sets no clock. REQUIRES: `command` comes from WithDirectory, or is the
// system's.
absl::StatusOr<SideCalendars> CalendarsOf(const BodyRegistry& bodies, const store::Reader& reader,
                                          const Command& command, const ReferralRecord& current);

// When the programme of an offer ends; nothing: it goes on, or there is none. Read as ProgrammeEndsOf reads.
absl::StatusOr<std::optional<ProgrammeEndFacts>> ProgrammeEndOf(const BodyRegistry& bodies,
                                                                const store::Reader& reader,
                                                                std::string_view offer);

// When the programmes end of all offers that the command can leave the referral with, or open another one
// with. Read of the offers and programmes as the replica has them: a body's day is over by its own calendar.
absl::StatusOr<ProgrammeEnds> ProgrammeEndsOf(const BodyRegistry& bodies, const store::Reader& reader,
                                              const Command& command, const ReferralRecord& current);

// The moment of a decision at `now`: by the calendars of CalendarsOf, and with the ends of ProgrammeEndsOf
// where the command sets a clock. Its table is `clocks`, which outlives it. REQUIRES: as CalendarsOf.
absl::StatusOr<Moment> MomentOf(const BodyRegistry& bodies, const store::Reader& reader, absl::Time now,
                                const ClockTable& clocks, const Command& command,
                                const ReferralRecord& current);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_DIRECTORY_H_
