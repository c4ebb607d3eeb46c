"""The chapter about what comes from elsewhere: services of HSDS 3.0, codes of territories. The services are
made up and stand in exchange/, with the mapping that says what they are here."""

import json
import os

import chapters_directory
import sources
from client import DIRECTORY

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exchange")
_PROVIDER = "bodies/fr-wimoov"
_OFFER = "offers/vallee-velo"
# All of NUTS where it is at hand; otherwise one small country.
_NUTS = os.path.join(sources.ROOT, "..", "shared", "data", "nuts-2013.tsv")


def _lines(answer):
    return [json.loads(line) for line in answer.out.splitlines() if line.strip()]


def _counts(answer):
    """What an import did, from its last line."""
    lines = _lines(answer)
    return lines[-1] if lines else {}


def exchanged(report, cast, folder):
    report.chapter("From elsewhere, and back: services of HSDS 3.0, and which territories there are")
    _services(report, cast, folder)
    _back(report, cast, folder)
    _territories(report, cast, folder)


def _import(report, cast, folder):
    report.sent("waypost offers import services.json --mapping mapping.json")
    answer = cast.operator.tell("offers", "import", os.path.join(_FOLDER, "services.json"), "--mapping",
                                os.path.join(_FOLDER, "mapping.json"), "--errors",
                                os.path.join(folder, "services.errors.csv"))
    counts = _counts(answer)
    report.came(", ".join(f"{what} {number}" for what, number in counts.items()))
    return answer, counts


def _services(report, cast, folder):
    report.step(cast.operator.title, "takes over two services that a region publishes (both are invented)",
                "A mapping says which organization is which body. It does not know the second.")
    answer, counts = _import(report, cast, folder)
    report.equal("one is an offer now; the other is told, and stops nothing",
                 (answer.exit_code, counts.get("created", 0) + counts.get("unchanged", 0),
                  counts.get("failed")), (5, 1, 1))
    wrong = [line for line in _lines(answer) if line.get("id") == "permis"]
    report.check("it says which, where, and what to do", any(
        line["field"].endswith("/organization/id") and line["problem"] for line in wrong), str(wrong))
    offer = cast.fuenlabrada.call(DIRECTORY, "GetOffer", {"name": _OFFER}).message
    report.equal("it is about mobility, and delivered by Wimoov", (offer.get("theme"), offer.get("provider")),
                 ("THEME_MOBILITY", _PROVIDER))
    _, counts = _import(report, cast, folder)
    report.equal("taken over once more, nothing changes",
                 (counts.get("created"), counts.get("updated"), counts.get("unchanged")), (0, 0, 1))


def _back(report, cast, folder):
    report.step(cast.operator.title, "gives the offers of Wimoov back as HSDS 3.0")
    path = os.path.join(folder, "offers.json")
    answer = cast.operator.tell("offers", "export", "--provider", _PROVIDER, "--out", path)
    if not report.check("they are written", answer.ok, str(answer)):
        return
    with open(path, encoding="utf-8") as file:
        services = {service["id"]: service for service in json.load(file)}
    with open(os.path.join(_FOLDER, "services.json"), encoding="utf-8") as file:
        before = json.load(file)[0]
    after = services.get(before["id"], {})
    kept = ("name", "description", "status", "interpretation_services")
    report.equal("it comes back with all that it said, also what an offer has no field for",
                 [after.get(key) for key in kept], [before[key] for key in kept])


def _territories(report, cast, folder):
    path = _NUTS if os.path.isfile(_NUTS) else os.path.join(_FOLDER, "territories.tsv")
    report.step(cast.operator.title, "imports which territories there are",
                "Until then a code is checked for its form alone.")
    report.sent(f"waypost territories import {os.path.basename(path)}")
    answer = cast.operator.tell("territories", "import", path, "--classification", "NUTS 2013",
                                "--valid-from", "2015-01-01", "--errors",
                                os.path.join(folder, "territories.errors.csv"))
    counts = _counts(answer)
    report.came(", ".join(f"{what} {number}" for what, number in counts.items()))
    report.check("every row is in", answer.ok and counts.get("failed") == 0 and
                 counts.get("created", 0) + counts.get("updated", 0) + counts.get("unchanged", 0) >= 4,
                 f"{answer} {counts}")
    below = cast.fuenlabrada.tell("territories", "list", "--parent", "LU00").message.get("territories", [])
    report.check("what lies in a region can be looked up", "LU000" in [unit["code"] for unit in below],
                 str(below))
    answer = chapters_directory.resolve(cast.fuenlabrada, "HOUSING", "LU000")
    report.check("asked about Luxembourg, the directory answers", answer.ok, str(answer))
    answer = chapters_directory.resolve(cast.fuenlabrada, "HOUSING", "LU009")
    report.check("a code that looks right and is none is refused",
                 answer.code == "INVALID_ARGUMENT" and any(field == "territory" for field, _ in
                                                           answer.violations), f"{answer} {answer.text}")
