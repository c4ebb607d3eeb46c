"""The import of HSDS services: a package as a public directory publishes it, made anew each time."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import uuid

from bench_servers import FROM, OPERATOR, TO

_SYSTEM = "https://services.example.org"
# One service in so many is of another body, term and area.
_TERMS, _AREAS = 8, 50
# The tool tells the progress once for so many services; of so many lines at least it is progress.
_SERVICES_PER_LINE, _LINES = 10_000, 10
_WORDS = ("Advice and support for people who have arrived lately and look for a home, a course or work. "
          "Ask at the reception; bring what papers you have. An interpreter can be called. ") * 3


def _uuid(what):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_SYSTEM}/{what}"))


def _service(number):
    """About 1.6 KB, half of it in fields that an offer has none for."""
    return {
        "id": _uuid(f"service/{number}"), "name": f"Support service {number}", "status": "active",
        "description": _WORDS, "url": f"https://example.org/{number}", "email": "office@example.org",
        "application_process": "Call or come by.", "eligibility_description": "For people aged 16 and over.",
        "minimum_age": 16, "maximum_age": 99, "assured_date": "2026-01-31",
        "organization": {"id": _uuid(f"organization/{number % 2}"), "name": f"Organization {number % 2}",
                         "description": "An organization."},
        "languages": [{"id": _uuid(f"language/{number}"), "name": "Spanish", "code": "es"}],
        "phones": [{"id": _uuid(f"phone/{number}"), "number": "+34 910 000 000", "type": "voice"}],
        "schedules": [{"id": _uuid(f"schedule/{number}"), "freq": "WEEKLY", "byday": "MO,TU,WE",
                       "opens_at": "09:00", "closes_at": "14:00"}],
        "service_areas": [{"id": _uuid(f"area/{number % _AREAS}"), "name": f"Area {number % _AREAS}"}],
        "attributes": [{"id": _uuid(f"attribute/{number}"), "link_entity": "service",
                        "taxonomy_term": {"id": _uuid(f"term/{number % _TERMS}"), "name": "Term",
                                          "code": f"T-{number % _TERMS}", "description": "A term."}}]}


def write_package(folder, services):
    """The files of a package of so many services, and the mapping for it."""
    package, mapping = folder / "services.jsonl", folder / "mapping.json"
    with open(package, "w", encoding="utf-8") as file:
        for number in range(services):
            file.write(json.dumps(_service(number), separators=(",", ":")) + "\n")
    themes = ("housing", "language", "employment", "health", "education", "youth", "legal-aid", "mobility")
    mapping.write_text(json.dumps({
        "format": 1, "system": _SYSTEM, "offer_prefix": "bench", "language": "en",
        "themes": {_uuid(f"term/{n}"): themes[n] for n in range(_TERMS)},
        "territories": {_uuid(f"area/{n}"): [f"ES300/28{n:03}"] for n in range(_AREAS)},
        "organizations": {_uuid("organization/0"): {"body": FROM}, _uuid("organization/1"): {"body": TO}},
        "defaults": {"kind": "one-off"}}))
    return package, mapping


def run(node, package, mapping):
    """Imports the package with the command line tool; returns (seconds, what it says of the rows, what it
    told meanwhile)."""
    began = time.monotonic()
    done = subprocess.run(
        [node.programs / "waypost", "--server", f"127.0.0.1:{node.port}", "--output", "json", "offers",
         "import", package, "--mapping", mapping, "--progress"],
        env={**os.environ, "WAYPOST_TOKEN": node.mint(OPERATOR, "operator")}, capture_output=True, text=True,
        check=False)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(f"the import failed: {done.stderr[-2000:]}")
    return seconds, json.loads(done.stdout.splitlines()[-1]), done.stderr


def sent_counts(told):
    """[(how many were sent, of how many)], as they were told one after the other."""
    lines = re.findall(r"^(\d+) of (\d+) services sent", told, re.MULTILINE)
    return [(int(sent), int(of)) for sent, of in lines]


def tells_progress(counts, services):
    """Whether counts rise, line by line, until all are sent, in ten lines at least, or of a small package in
    as many as it has ten thousands."""
    sent = [count for count, _ in counts]
    return (len(sent) >= min(_LINES, max(1, services // _SERVICES_PER_LINE)) and
            all(before < after for before, after in zip(sent, sent[1:])) and
            all(of == services for _, of in counts) and sent[-1] == services)


# --- referrals

_COLUMNS = ("case", "own_reference", "theme", "priority", "receiving_body", "referring_unit", "territory",
            "age_band", "language", "interpreter_language", "agreement", "secrecy_release", "purpose",
            "referring_article_6", "referring_law", "receiving_article_6", "receiving_law", "retention_rule",
            "informed_how", "informed_language", "screening", "given_name", "family_name", "birth_date",
            "contact", "needs", "reason")
_SAME_FOR_ALL = ("language", "normal", TO, f"{FROM}/units/intake", "ES300", "25-to-39", "prs", "prs",
                 "agreed", "not-bound", "deliver-service", "public-task", "es/ley-7-1985/art-25",
                 "public-task", "es/ley-7-1985/art-25", "es/ley-39-2015/art-17", "in-person", "prs",
                 "Needs a beginners' course in the morning; no Latin script yet.", "Invented")
_TEXTS = ("1990-03-21", "+34 600 000 000",
          "Spanish from the first letter; wants to work as a tailor, which was her trade for nine years.",
          "Arrived in spring; the municipal course is full until autumn.")


def write_referrals(folder, rows, run):
    """A file of so many referrals, each as the client's submissions are, with a name of its own."""
    path = folder / f"cases-{run}.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(_COLUMNS)
        for number in range(rows):
            out.writerow((number, f"IMP-{run}-{number:012}", *_SAME_FOR_ALL, f"Person {number:06}", *_TEXTS))
    return path


def run_referrals(node, path):
    """Imports the file with the command line tool; returns (seconds, what it says)."""
    began = time.monotonic()
    done = subprocess.run(
        [node.programs / "waypost", "--server", f"127.0.0.1:{node.port}", "--output", "json", "referral",
         "import", path],
        env={**os.environ, "WAYPOST_TOKEN": node.tokens[FROM]}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the import of referrals failed: {done.stdout[-1000:]} {done.stderr[-2000:]}")
    return time.monotonic() - began, json.loads(done.stdout.splitlines()[-1])
