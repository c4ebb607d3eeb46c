// Every limit of the directory; those of ids, pages and request ids are in common/api and common/rpc. Sizes
// of texts are in bytes of UTF-8, for each language. The protos repeat these numbers in their comments.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_LIMITS_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace waypost::directory {

// Names and texts.
inline constexpr size_t kMaxLanguagesOfText = 40;
inline constexpr size_t kMaxLanguageTagBytes = 35;
inline constexpr size_t kMaxNameBytes = 300;
inline constexpr size_t kMaxDescriptionBytes = 8'000;
inline constexpr size_t kMaxScheduleBytes = 2'000;
inline constexpr size_t kMaxReasonBytes = 500;
inline constexpr size_t kMaxBasisBytes = 300;
inline constexpr size_t kMaxFunderBytes = 200;
inline constexpr size_t kMaxWebsiteBytes = 300;
inline constexpr size_t kMaxContactTitleBytes = 200;
inline constexpr size_t kMaxEmailBytes = 254;
inline constexpr size_t kMaxGroupLevelBytes = 60;
inline constexpr size_t kMaxZoneBytes = 64;

// Lists.
inline constexpr int kMaxMemberships = 50;
inline constexpr int kMaxTerritories = 200;
inline constexpr int kMaxCompetences = 400;
inline constexpr int kMaxLanguages = 60;
inline constexpr int kMaxContacts = 40;
inline constexpr int kMaxDeputies = 5;
inline constexpr int kMaxRequiredDocuments = 30;
inline constexpr int kMaxGroups = 50;
// Units of a body, closed ones included. A listing of all of a body's cases merges theirs: services/referral
// relies on this number.
inline constexpr int kMaxUnits = 200;
// Holidays of a calendar: some years of them.
inline constexpr int kMaxHolidays = 400;
// Spans of duty hours of a unit: three a day.
inline constexpr int kMaxDutyHours = 21;
inline constexpr int kMaxPartners = 100;
inline constexpr int kMaxFunders = 20;
// Bodies above a body, up to the one that has no parent.
inline constexpr int kMaxParents = 8;
// Bodies below one that is given a parent: all of them are looked at, so that none comes to lie too deep.
inline constexpr int kMaxBodiesBelow = 10'000;

inline constexpr int32_t kMaxPlaces = 1'000'000;

// Eligibility rules.
inline constexpr int kMaxRuleNodes = 64;
inline constexpr int kMaxRuleDepth = 6;
inline constexpr int kMaxRulesInList = 32;
inline constexpr int kMaxLegalStatuses = 20;
inline constexpr int kMaxResidenceTerritories = 50;
inline constexpr int kMaxLanguageSkills = 20;
inline constexpr uint32_t kMaxAgeYears = 130;
inline constexpr uint32_t kMaxHouseholdPersons = 50;

// Routing.
inline constexpr int kMaxRouteLanguages = 10;
inline constexpr int kDefaultRouteCandidates = 20;
inline constexpr int kMaxRouteCandidates = 100;
// How many competences one question looks at, how many offers, and in how many places within the one asked
// for.
inline constexpr int kMaxRouteEntries = 500;

// Agreements on coordination of one theme in one territory, ended ones included.
inline constexpr int kMaxAgreementsOfPlace = 100;

// Successions.
inline constexpr int kMaxShares = 20;
inline constexpr int kMaxShareTerritories = 50;
inline constexpr int kMaxShareUnits = 200;
// Of one predecessor, ended ones included.
inline constexpr int kMaxSuccessionsOfBody = 100;
// Steps from one body to the next: from Villaverde to Madrid is one.
inline constexpr int kMaxSuccessionSteps = 8;
// Looked at on both sides of a new one, so that none leads back to its beginning or too far.
inline constexpr int kMaxSuccessionsAround = 1'000;
// Days after its first one for which accounts follow a succession: unless the request says, where a body went
// over as a whole or was split; and at most.
inline constexpr int kAccountsFollowDays = 90;
inline constexpr int kMaxAccountsFollowDays = 365;

// Enquiries.
inline constexpr size_t kEnquiryIdDigits = 32;
inline constexpr int32_t kMaxWaitDays = 730;
// Of one body that wait for an answer.
inline constexpr int kMaxWaitingEnquiries = 200;
// Then they are removed, answered or not.
inline constexpr absl::Duration kEnquiryKept = absl::Hours(24 * 90);
inline constexpr int kEnquiriesSweptInStep = 500;
// One that has waited longer is a task of the body that is asked.
inline constexpr absl::Duration kEnquiryAnsweredWithin = absl::Hours(24 * 7);
inline constexpr int kEnquiriesMovedInStep = 100;
// After midnight, before what waits is moved to a successor: longer than a call may take, so that what was
// asked the day before is among it.
inline constexpr absl::Duration kEnquiriesMovedAfter = absl::Minutes(5);

// An answer that lists things ends once it is larger than this: a message takes 4 MiB, and nothing listed is
// larger than 1.5 MiB.
inline constexpr size_t kMaxAnswerBytes = 2 * 1024 * 1024;

// Imports. A transaction of the store takes 10 000 writes: an offer is about nine and one for each territory.
inline constexpr int kMaxImportOffers = 200;
inline constexpr int kMaxImportTerritories = 3'000;
// Territories that the offers of one import have or had, counted as it goes on: what goes beyond is refused.
inline constexpr int kMaxImportPlaces = 6'000;
inline constexpr size_t kMaxSourceIdBytes = 200;
inline constexpr size_t kMaxSourceSystemBytes = 200;
inline constexpr size_t kMaxSourceContentBytes = 32 * 1024;
inline constexpr int kMaxRegisterRows = 500;
inline constexpr int kMaxCompleteCountries = 60;
inline constexpr size_t kMaxVersionBytes = 60;

// Changes in one message of a watch.
inline constexpr int kMaxChangesInMessage = 100;

// Groups of which counts are reported in one request: each may write the record of an offer anew.
inline constexpr int kMaxPlacesReports = 50;

// A report of capacity older than this is shown as stale.
inline constexpr absl::Duration kCapacityStaleAfter = absl::Hours(24 * 30);
// A provider confirms its offers at least this often, in days.
inline constexpr int kAssuranceDays = 365;

// What ends is told so many days ahead.
inline constexpr int kTaskAheadDays = 30;
// Programmes under which a body has offers: as many are looked at for its tasks, by id.
inline constexpr int kMaxProgrammesOfBody = 1'000;
// Offers of a body that is no more that are handed on in one transaction; and in one tick, so many of these.
inline constexpr int kOffersInheritedInStep = 32;
inline constexpr int kInheritanceStepsInTick = 20;

// Rows that are given the indexes they lack in one transaction, and about how many entries: a transaction
// takes 10 000 writes.
inline constexpr int kIndexedInStep = 1'000;
inline constexpr size_t kIndexEntriesInStep = 5'000;

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_LIMITS_H_
