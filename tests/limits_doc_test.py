#!/usr/bin/env python3
"""docs/operating/limits.md gives the values of the sources."""

import os
import re
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
DOC = "docs/operating/limits.md"

REFERRAL = "services/referral/referral_limits.h"
DIRECTORY = "services/directory/directory_limits.h"
AUDIT = "services/audit/audit_limits.h"

# The beginning of a row, and the constants whose values it gives, in order.
ROWS = [
    ("| persons |", [(REFERRAL, "kMaxPersons")]),
    ("| needs, reason |", [(REFERRAL, "kMaxNeedsCharacters")]),
    ("| a note; notes of", [(REFERRAL, "kMaxNoteCharacters"), (REFERRAL, "kMaxNotes")]),
    ("| questions before", [(REFERRAL, "kMaxQuestions"), (REFERRAL, "kMaxHops"),
                            (REFERRAL, "kMaxHopsRuled")]),
    ("| hand-overs that", [(REFERRAL, "kMaxHandOvers"), (REFERRAL, "kMaxParts")]),
    ("| appointments of", [(REFERRAL, "kMaxAppointments"), (REFERRAL, "kMaxReceipts")]),
    ("| documents, screening;", [(REFERRAL, "kMaxEventTextCharacters")]),
    ("| uses of a right", [(REFERRAL, "kMaxRightMarks"), (REFERRAL, "kMaxReach")]),
    ("| steps of a path;", [(REFERRAL, "kMaxPathSteps"), (REFERRAL, "kMaxPathReferrals")]),
    ("| readers of a protected", [(REFERRAL, "kMaxReaders")]),
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
    ("| units of a body", [(DIRECTORY, "kMaxUnits")]),
    ("| bodies above a body |", [(DIRECTORY, "kMaxParents")]),
    ("| an eligibility rule |", [(DIRECTORY, "kMaxRuleNodes"), (DIRECTORY, "kMaxRuleDepth")]),
    ("| candidates of a route |", [(DIRECTORY, "kDefaultRouteCandidates"),
                                   (DIRECTORY, "kMaxRouteCandidates")]),
    ("| agreements on one theme", [(DIRECTORY, "kMaxAgreementsOfPlace")]),
    ("| offers in one import", [(DIRECTORY, "kMaxImportOffers"), (DIRECTORY, "kMaxImportTerritories")]),
    ("| territories in one import", [(DIRECTORY, "kMaxRegisterRows"), (DIRECTORY, "kMaxCompleteCountries")]),
    ("| envelopes in one append |", [(AUDIT, "kMaxAppendEnvelopes")]),
    ("| a file to import;", [("tools/waypost/csv_import.h", "kMaxCsvRows")]),
    ("| changes kept to be sent", [("tools/waypost/offline_queue.h", "kMaxQueueLines")]),
]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def value_of(text, name):
    """The value of an integer constant; ValueError where there is none of that name."""
    found = re.search(rf"\b{name} = (\d[\d']*);", text)
    if not found:
        raise ValueError(f"there is no constant {name}")
    return int(found.group(1).replace("'", ""))


def numbers_in(cell):
    return [int(each.replace(",", "")) for each in re.findall(r"\d+(?:,\d{3})*", cell)]


class LimitsDoc(unittest.TestCase):

    def test_gives_the_values_of_the_sources(self):
        lines = read(DOC).splitlines()
        for beginning, constants in ROWS:
            with self.subTest(beginning):
                rows = [line for line in lines if line.startswith(beginning)]
                self.assertEqual(len(rows), 1, "the row is there once")
                given = numbers_in(rows[0].rstrip("| ").rsplit("|", 1)[-1])
                wanted = [value_of(read(path), name) for path, name in constants]
                missing = [value for value in wanted if value not in given]
                self.assertEqual(missing, [], f"{rows[0]} gives {given}")


class Reading(unittest.TestCase):

    def test_finds_values_however_they_are_written(self):
        self.assertEqual(value_of("inline constexpr int kMaxRows = 20'000;\n", "kMaxRows"), 20000)
        self.assertRaises(ValueError, value_of, "inline constexpr int kMaxRows = 1;\n", "kMaxRow")
        self.assertEqual(numbers_in(" 10,000 characters; 1000 "), [10000, 1000])
        self.assertEqual(numbers_in(" 2; 5; 10 "), [2, 5, 10])


if __name__ == "__main__":
    unittest.main()
