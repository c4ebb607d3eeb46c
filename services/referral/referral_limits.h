// Every limit of the referral service. Limits of texts that people write are in Unicode code points. The
// protos and the README repeat these numbers.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_LIMITS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace waypost::referral {

// People and what is said about them.
inline constexpr int kMaxPersons = 20;
inline constexpr uint32_t kMaxPersonNumber = 20;
inline constexpr int kMaxLanguages = 10;
inline constexpr int kMaxAccessibilityNeeds = 8;
inline constexpr size_t kMaxLanguageTagBytes = 35;
inline constexpr size_t kMaxLawBytes = 100;
inline constexpr size_t kMaxTerritoryBytes = 48;
inline constexpr int kMaxLocalTerritoryParts = 3;

// Encrypted texts.
inline constexpr size_t kMaxPersonNameCharacters = 200;
inline constexpr size_t kMaxContactCharacters = 1'000;
inline constexpr size_t kMaxLegalStatusCharacters = 200;
inline constexpr size_t kMaxNeedsCharacters = 10'000;
inline constexpr size_t kMaxReasonCharacters = 10'000;
inline constexpr size_t kMaxDocumentsCharacters = 4'000;
inline constexpr size_t kMaxScreeningCharacters = 4'000;
inline constexpr size_t kMaxChildViewCharacters = 4'000;
inline constexpr size_t kMaxParentalHolderCharacters = 400;
inline constexpr int kMaxParentalHolders = 5;
inline constexpr size_t kMaxAlertCharacters = 2'000;
inline constexpr int kMaxAlerts = 10;
inline constexpr size_t kMaxEventTextCharacters = 4'000;
inline constexpr size_t kMaxNoteCharacters = 10'000;
inline constexpr size_t kMaxOwnReferenceCharacters = 100;

// Documents: those that a person has or has not, and those of an offer that are kept with a referral.
inline constexpr int kMaxHeldDocuments = 20;
inline constexpr size_t kMaxDocumentCharacters = 300;
inline constexpr int kMaxRequiredDocuments = 30;  // as in the directory
inline constexpr size_t kMaxRequiredDocumentBytes = 16 * 1024;

// Zones, cursors.
inline constexpr size_t kMaxZoneBytes = 64;
inline constexpr size_t kMaxCursorBytes = 256;
inline constexpr size_t kMaxPageTokenBytes = 8 * 1024;

// Readers of a protected referral, on one side.
inline constexpr int kMaxReaders = 10;
// After so long without a change officers look after a protected draft, and after one that has ended and
// still wants somebody.
inline constexpr absl::Duration kLeftAloneDraft = absl::Hours(24 * 90);
inline constexpr absl::Duration kLeftAloneEnd = absl::Hours(24 * 14);

// The course of a referral.
inline constexpr int kMaxQuestions = 2;
inline constexpr int kMaxHops = 5;
// Rulings of a coordinating body lead on where nobody else may.
inline constexpr int kMaxHopsRuled = 10;
inline constexpr int kMaxHandOvers = 10;  // of one referral, that nobody took
inline constexpr int kMaxParts = 50;      // of one referral by one body, drafts and ended ones included
inline constexpr int kMaxAppointments = 50;
inline constexpr int kMaxVoidedOutcomes = 20;  // of one person
inline constexpr uint32_t kMaxNotes = 1'000;
// A breach of personal data is notified within 72 hours (Article 33(1) GDPR).
inline constexpr absl::Duration kBreachNoticeWithin = absl::Hours(72);
inline constexpr absl::Duration kReopenWithin = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxReviewAhead = absl::Hours(24 * 366);
inline constexpr absl::Duration kMaxOfferAhead = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxDateAhead = absl::Hours(24 * 366);
// A day is not in the future while it has begun anywhere on earth.
inline constexpr absl::Duration kFurthestZone = absl::Hours(14);

// Groups of offers.
inline constexpr size_t kMaxGroupIdBytes = 63;  // as in the directory
inline constexpr int kMaxWaiting = 1'000;       // referrals on one waiting list
inline constexpr int kMaxCriteria = 6;
inline constexpr int kMaxAssessments = 50;
inline constexpr int kMaxMoves = 50;
inline constexpr int kMaxAttendance = 500;  // days of one enrolment
inline constexpr int kMaxAttendanceInRequest = 31;
inline constexpr size_t kMaxLevelBytes = 60;  // as in the directory
// A cohort has begun when its day has ended everywhere on earth.
inline constexpr absl::Duration kLatestZone = absl::Hours(12);

// Rights that travel.
inline constexpr int kMaxRightMarks = 100;         // in one referral
inline constexpr int kMaxChainReferrals = 64;      // that continue one, and one another
inline constexpr int kMaxReach = 512;              // referrals that one use of a right reaches
inline constexpr int kMaxEnrolmentsExported = 50;  // of one person in one referral
inline constexpr int kMaxRightsReceipts = 5;       // kept of one holder; the facts of all are in the log

// Paths.
inline constexpr int kMaxPathSteps = 20;
inline constexpr int kMaxPathReferrals = 60;  // steps can be taken again
inline constexpr int kMaxPathsOfReferral = 60;
// For one page of paths: the paths, their referrals and what became of their steps. The path with which that
// is reached is the last one of its page.
inline constexpr int kMaxReadForPaths = 1'000;
// No step is taken, and no path begins, where more referrals than that hang together: what follows of hops
// must not take them out of a right's reach.
inline constexpr int kMaxReachOfPaths = 256;

// No part is said to have people of a case where more referrals than that hang together, parts and paths
// included: as above. Paths may add to them, up to their own limit.
inline constexpr int kMaxReachOfParts = 64;

// Retention.
inline constexpr int kMaxRulesInReport = 200;  // of one body and day; more are counted together
inline constexpr int kMaxRetentionCounted = 10'000;

// Listings and disclosures.
inline constexpr int kMaxStatesInQuery = 16;
inline constexpr int kMaxNotesDisclosed = 50;
inline constexpr size_t kMaxOrderReferenceCharacters = 200;
inline constexpr int kMaxFoundByReference = 50;
inline constexpr int kMaxSectionsDisclosed = 3;

// The duplicate check.
inline constexpr absl::Duration kDuplicateWithin = absl::Hours(24 * 366);  // of a referral's end
inline constexpr int kMaxDuplicatesOfPerson = 10;
inline constexpr int kMaxDuplicatesLookedAt = 50;  // under one lookup

inline constexpr int kMaxPossibleDuplicates = 10;  // told with one referral that is made
inline constexpr int kMaxPossibleLookedAt = 20;    // to find these

// Names that clients make: how long before it is sent, and how far ahead a clock may be.
inline constexpr absl::Duration kMaxNameAge = absl::Hours(24 * 90);
inline constexpr absl::Duration kMaxNameAhead = absl::Hours(24);

// Transport receipts kept with a referral: those of the ten sendings before are in the log alone.
inline constexpr int kMaxReceipts = 30;

// Referrals sent in one call.
inline constexpr int kMaxBatchRows = 500;

// Statistics: stored rows that one table is made of.
inline constexpr int kMaxStatisticsRows = 20'000;

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_LIMITS_H_
