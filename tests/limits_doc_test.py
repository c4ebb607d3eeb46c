#!/usr/bin/env python3
"""docs/operating/limits.md gives the values of the sources."""

import math
import os
import re
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
DOC = "docs/operating/limits.md"

REFERRAL = "services/referral/referral_limits.h"
DIRECTORY = "services/directory/directory_limits.h"
AUDIT = "services/audit/audit_limits.h"
BREACH = "services/referral/breach_rules.h"
IMPORT = "tools/waypost/csv_import.h"
QUEUE = "tools/waypost/offline_queue.h"

# What a number of the page is counted in, in the unit of the sources: bytes, and hours.
UNITS = {"KiB": 1024, "MiB": 1024 ** 2, "days": 24}

# The beginning of a row, and the constants whose values it gives, in order.
ROWS = [
    ("| persons |", [(REFERRAL, "kMaxPersons")]),
    ("| needs, reason |", [(REFERRAL, "kMaxNeedsCharacters")]),
    ("| a note; notes of", [(REFERRAL, "kMaxNoteCharacters"), (REFERRAL, "kMaxNotes")]),
    ("| questions before", [(REFERRAL, "kMaxQuestions"), (REFERRAL, "kMaxHops"),
                            (REFERRAL, "kMaxHopsRuled")]),
    ("| hand-overs that", [(REFERRAL, "kMaxHandOvers"), (REFERRAL, "kMaxParts")]),
    ("| appointments of", [(REFERRAL, "kMaxAppointments"), (REFERRAL, "kMaxReceipts")]),
    ("| outcomes of one person", [(REFERRAL, "kMaxVoidedOutcomes")]),
    ("| documents, screening;", [(REFERRAL, "kMaxEventTextCharacters")]),
    ("| documents stated of one person;", [(REFERRAL, "kMaxHeldDocuments"),
                                           (REFERRAL, "kMaxDocumentCharacters")]),
    ("| what an offer requires,", [(REFERRAL, "kMaxRequiredDocuments"),
                                   (REFERRAL, "kMaxRequiredDocumentBytes")]),
    ("| uses of a right", [(REFERRAL, "kMaxRightMarks"), (REFERRAL, "kMaxReach"),
                           (REFERRAL, "kMaxRightsReceipts")]),
    ("| referrals that hang together", [(REFERRAL, "kMaxReachOfParts")]),
    ("| steps of a path;", [(REFERRAL, "kMaxPathSteps"), (REFERRAL, "kMaxPathReferrals")]),
    ("| readers of a protected", [(REFERRAL, "kMaxReaders")]),
    ("| entries of a breach;", [(BREACH, "kMaxBreachEntries"), (BREACH, "kMaxBreachReferenceBytes")]),
    ("| referrals on the waiting list", [(REFERRAL, "kMaxWaiting")]),
    ("| assessments, moves", [(REFERRAL, "kMaxAssessments"), (REFERRAL, "kMaxMoves"),
                              (REFERRAL, "kMaxAttendance")]),
    ("| referrals in one batch |", [(REFERRAL, "kMaxBatchRows")]),
    ("| stored rows that one table", [(REFERRAL, "kMaxStatisticsRows")]),
    ("| territories, competences", [(DIRECTORY, "kMaxTerritories"), (DIRECTORY, "kMaxCompetences")]),
    ("| contacts of a body;", [(DIRECTORY, "kMaxContacts"), (DIRECTORY, "kMaxDeputies")]),
    ("| groups of an offer;", [(DIRECTORY, "kMaxGroups"), (DIRECTORY, "kMaxPlaces")]),
    ("| holidays of a calendar;", [(DIRECTORY, "kMaxHolidays"), (DIRECTORY, "kMaxDutyHours")]),
    ("| enquiries to one body", [(DIRECTORY, "kMaxWaitingEnquiries")]),
    ("| successions of one body;", [(DIRECTORY, "kMaxSuccessionsOfBody"), (DIRECTORY, "kMaxShares")]),
    ("| days for which accounts follow", [(DIRECTORY, "kAccountsFollowDays"),
                                          (DIRECTORY, "kMaxAccountsFollowDays")]),
    ("| units of a body", [(DIRECTORY, "kMaxUnits")]),
    ("| bodies above a body |", [(DIRECTORY, "kMaxParents")]),
    ("| an eligibility rule |", [(DIRECTORY, "kMaxRuleNodes"), (DIRECTORY, "kMaxRuleDepth")]),
    ("| candidates of a route |", [(DIRECTORY, "kDefaultRouteCandidates"),
                                   (DIRECTORY, "kMaxRouteCandidates")]),
    ("| agreements on one theme", [(DIRECTORY, "kMaxAgreementsOfPlace")]),
    ("| offers in one import", [(DIRECTORY, "kMaxImportOffers"), (DIRECTORY, "kMaxImportTerritories")]),
    ("| territories in one import", [(DIRECTORY, "kMaxRegisterRows"), (DIRECTORY, "kMaxCompleteCountries")]),
    ("| envelopes in one append |", [(AUDIT, "kMaxAppendEnvelopes")]),
    ("| persons in one duplicate", [(REFERRAL, "kMaxPersons"), (REFERRAL, "kMaxDuplicatesOfPerson"),
                                    (REFERRAL, "kMaxDuplicatesLookedAt"), (REFERRAL, "kDuplicateWithin")]),
    ("| possible duplicates told", [(REFERRAL, "kMaxPossibleDuplicates"),
                                    (REFERRAL, "kMaxPossibleLookedAt")]),
    ("| a file to import;", [(IMPORT, "kMaxCsvBytes"), (IMPORT, "kMaxCsvRows")]),
    ("| changes kept to be sent", [(QUEUE, "kMaxQueueLines"), (QUEUE, "kMaxQueueBytes")]),
    ("| how long a change without a version", [(QUEUE, "kRequestIdsKnown")]),
]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def value_of(text, name):
    """The value of an integer constant, of a product of integers, or of a duration, in hours; ValueError
    where there is none of that name."""
    found = re.search(rf"\b{name} = (?:absl::Hours\()?([^;()]*)\)?;", re.sub(r"size_t\{(\d+)\}", r"\1", text))
    factors = found.group(1).split(" * ") if found else []
    if not factors or not all(re.fullmatch(r"\d[\d']*", factor) for factor in factors):
        raise ValueError(f"there is no constant {name}")
    return math.prod(int(factor.replace("'", "")) for factor in factors)


def numbers_in(cell):
    return [int(number.replace(",", "")) * UNITS.get(unit, 1)
            for number, unit in re.findall(r"(\d+(?:,\d{3})*)(?: (\w+))?", cell)]


def missing_of(wanted, given):
    """Those of `wanted` that `given` does not have after the ones before: each number stands for one."""
    rest = iter(given)
    return [value for value in wanted if value not in rest]


class LimitsDoc(unittest.TestCase):

    def test_gives_the_values_of_the_sources(self):
        lines = read(DOC).splitlines()
        for beginning, constants in ROWS:
            with self.subTest(beginning):
                rows = [line for line in lines if line.startswith(beginning)]
                self.assertEqual(len(rows), 1, "the row is there once")
                given = numbers_in(rows[0].rstrip("| ").rsplit("|", 1)[-1])
                wanted = [value_of(read(path), name) for path, name in constants]
                self.assertEqual(missing_of(wanted, given), [], f"{rows[0]} gives {given}")


class Reading(unittest.TestCase):

    def test_finds_values_however_they_are_written(self):
        self.assertEqual(value_of("inline constexpr int kMaxRows = 20'000;\n", "kMaxRows"), 20000)
        self.assertRaises(ValueError, value_of, "inline constexpr int kMaxRows = 1;\n", "kMaxRow")
        self.assertEqual(numbers_in(" 10,000 characters; 1000 "), [10000, 1000])
        self.assertEqual(numbers_in(" 2; 5; 10 "), [2, 5, 10])
        self.assertEqual(value_of("constexpr size_t kMaxBytes = size_t{64} * 1024 * 1024;\n", "kMaxBytes"),
                         64 * 1024 ** 2)
        self.assertEqual(value_of("constexpr absl::Duration kWithin = absl::Hours(24 * 366);  // days\n",
                                  "kWithin"), 24 * 366)
        self.assertRaises(ValueError, value_of, "constexpr int kMaxRows = kOther;\n", "kMaxRows")
        self.assertEqual(numbers_in(" 64 MiB; 366 days; 23 hours "), [64 * 1024 ** 2, 24 * 366, 23])

    def test_each_number_stands_for_one_value_in_its_place(self):
        self.assertEqual(missing_of([2, 5], [2, 3, 5]), [])
        self.assertEqual(missing_of([5, 2], [2, 5]), [2], "the other way round")
        self.assertEqual(missing_of([20, 20], [20]), [20], "two of one value")


if __name__ == "__main__":
    unittest.main()
