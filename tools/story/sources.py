#!/usr/bin/env python3
"""Holds the directory of the story to the papers that it comes from, and writes SOURCES.md from its records.

    tools/story/sources.py                   checks; exits 1 on any finding
    tools/story/sources.py --write           checks, then writes SOURCES.md
    tools/story/sources.py --papers DIR --nuts FILE     where the papers and the NUTS table are

Checked without the papers: ids, references, periods, territory codes, that SOURCES.md is up to date.
With them: every quotation stands, word for word, on the line that it is said to stand on.
Standard library only.
"""

import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(HERE, "directory")

PAPERS = {
    "000": ("000_52146e76eeb92d68.txt", "CEMR, Inclusion goes local, 2023"),
    "001": ("001_9283e463e1861093.txt", "INTEGRA, A way forward for integration of third country nationals "
                                        "at city level, 2019"),
    "002": ("002_844fd86eae7ad96c.txt", "Summary of IncluCities"),
    "003": ("003_b5644412035e0d30.txt", "MUST-a-Lab D2.1, State-of-the-Art Report, 2023"),
    "004": ("004_5b636eeaf9d39093.txt", "Council of Europe, Policy Lab for inclusive integration, 2017"),
}
NUTS = "Eurostat, NUTS 2013"

# What is sent for a record: file, name of the resource, how it is told apart.
KINDS = {
    "bodies": ("Bodies", "body", lambda r: "bodies/" + r["bodyId"]),
    "units": ("Units", "unit", lambda r: f'{r["parent"]}/units/{r["unitId"]}'),
    "programmes": ("Programmes", "programme", lambda r: "programmes/" + r["programmeId"]),
    "offers": ("Offers", "offer", lambda r: "offers/" + r["offerId"]),
}


def load(kind):
    with open(os.path.join(FOLDER, kind + ".json"), encoding="utf-8") as file:
        return json.load(file)


def strings(value):
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, where, what):
        self.lines.append(f"{where}: {what}")


def check_records(records, findings):
    """Ids are told apart, what is referred to exists, and comes before what refers to it."""
    known = set()
    for kind, (_, field, name_of) in KINDS.items():
        for record in records[kind]:
            name = name_of(record["request"])
            if name in known:
                findings.add(name, "twice")
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", name.rsplit("/", 1)[-1]):
                findings.add(name, "not an id")
            if not record.get("sources"):
                findings.add(name, "no source")
            for text in strings(record["request"][field]):
                if re.match(r"(bodies|programmes)/", text) and text not in known:
                    findings.add(name, f"refers to {text}, which does not come before it")
            check_period(name, record["request"][field].get("period", {}), findings)
            known.add(name)


def check_period(name, period, findings):
    start, end = period.get("startDate", ""), period.get("endDate", "")
    if start and end and end < start:
        findings.add(name, f"ends on {end}, before {start}")


def territories(records):
    for kind, (_, field, name_of) in KINDS.items():
        for record in records[kind]:
            content = record["request"][field]
            codes = list(content.get("territories", []))
            codes += [c["territory"] for c in content.get("competences", [])]
            for code in codes:
                yield name_of(record["request"]), code


def check_nuts(records, table, findings):
    """`table` is {code: label}."""
    for name, code in territories(records):
        nuts = code.split("/")[0]
        if nuts != "EU" and nuts not in table:
            findings.add(name, f"{code} is not in NUTS 2013")
    for kind, (_, _, name_of) in KINDS.items():
        for record in records[kind]:
            for source in record["sources"]:
                if source["paper"] != "NUTS":
                    continue
                label = table.get(source["line"])
                if label is None or label.strip() != source["quote"].strip():
                    findings.add(name_of(record["request"]), f'{source["line"]} is {label!r} in NUTS 2013')


def check_quotations(records, papers, findings):
    """`papers` is {"000": [line, …]}."""
    for kind, (_, _, name_of) in KINDS.items():
        for record in records[kind]:
            for source in record["sources"]:
                if source["paper"] == "NUTS":
                    continue
                lines = papers[source["paper"]]
                line = lines[source["line"] - 1] if 0 < source["line"] <= len(lines) else ""
                if source["quote"] not in line:
                    findings.add(name_of(record["request"]),
                                 f'“{source["quote"]}” is not in {source["paper"]}, line {source["line"]}')


def read_papers(folder):
    papers = {}
    for key, (file_name, _) in PAPERS.items():
        with open(os.path.join(folder, file_name), encoding="utf-8") as file:
            papers[key] = file.read().split("\n")
    return papers


def read_nuts(path):
    table = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            table[fields[0]] = fields[1]
    return table


INTRODUCTION = """# Where the story's directory comes from

The bodies, units, programmes and offers in `directory/` stand in five papers and in the NUTS 2013 table.
Each record keeps the words it rests on. This page lists them all; `sources.py` writes it, and checks every
quotation against its line.

"""

RULES = """
## What we did with the papers' words

- **Status.** No status is read out of free text. The papers give none, so every offer is entered as ACTIVE.
  What is over shows by the dates of its programme.
- **Dates.** The directory needs days; the papers often give years or months. A period then begins with the
  first day of the first and ends with the last day of the last. An open end stays open.
- **Confirmed on.** Every offer has 2023-05-12, the date of the amended report. That is more than a year ago,
  so Waypost shows each as overdue, which is true.
- **Competences.** Only where a paper says who deals with what. The others have none.
- **Memberships.** “Accompanied by” in paper 000 stands as membership of a city's association.
- **Languages of a body** are the official languages of its place: not in the papers.
- **Codes.** NUTS codes are those of 2013. A part after a slash is the official number of the municipality
  (INE, INSEE, ISTAT, NIS, ATVK, district 07 of Vienna), as public registers have it: not in the papers. Where
  no number was at hand the body has no territory.
- **People.** No person named in the papers is in the directory: offices stand instead. The people in the
  cases of the story are invented, and their family names say so.

## What was left out

- *IncluCities*, *INTEGRA* and *MUST-a-Lab* as programmes: a programme needs a first day and a leading body.
  The papers give no first day for the first two, and for MUST-a-Lab (2022-01-01, 36 months) no coordinator.
- *Curing the Limbo*, *Children Zones*, *Reference Group Education*, the citizen panel and other practices
  that no one can be referred to, or whose provider is not named.
- The Swedish city of paper 002, which the paper counts and does not name.
- RiskMonitor and RiSSC: logos on a cover, with neither city nor task.
- UCLG and other worldwide networks: the directory's levels end with the European one.

## Traps that were kept as they are

- 8 + 19 + 2 + 3 learners are 32, not 33 (003, lines 922 to 928); nor do their origins add up.
- “83 were withheld” (003, line 718), probably *retained*: nothing is derived from it.
- “32,7% / 30%” (003, line 323): achieved / aimed at, with a decimal comma.
- “From 2017 to 2017” (003, line 1444).
- Livadia and Levadia, Pont-de-Claix and Pont de Claix.
- Paper 002 has Sweden among the partners, paper 000 has not; 002 counts eight associations, 000 six, and its
  footnote names seven.
"""


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def page(records):
    parts = [INTRODUCTION, "| short | paper |\n|---|---|\n"]
    for key, (file_name, title) in PAPERS.items():
        parts.append(f"| {key} | {title} (`{file_name}`) |\n")
    parts.append(f"| NUTS | {NUTS} |\n")
    parts.append(RULES)
    for kind, (title, _, name_of) in KINDS.items():
        parts.append(f"\n## {title} ({len(records[kind])})\n\n")
        parts.append("| resource | in the papers | note |\n|---|---|---|\n")
        for record in records[kind]:
            quotes = "<br>".join(f'{source["paper"]}, {source["line"]}: “{cell(source["quote"])}”'
                                 for source in record["sources"])
            parts.append(f'| `{name_of(record["request"])}` | {quotes} | {cell(record.get("note", ""))} |\n')
    return "".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="write SOURCES.md")
    parser.add_argument("--papers", default=os.path.join(ROOT, "..", "shared", "seeds"))
    parser.add_argument("--nuts", default=os.path.join(ROOT, "..", "shared", "data", "nuts-2013.tsv"))
    options = parser.parse_args()

    records = {kind: load(kind) for kind in KINDS}
    findings = Findings()
    check_records(records, findings)
    skipped = []
    if os.path.isdir(options.papers):
        check_quotations(records, read_papers(options.papers), findings)
    else:
        skipped.append("the papers")
    if os.path.isfile(options.nuts):
        check_nuts(records, read_nuts(options.nuts), findings)
    else:
        skipped.append("the NUTS table")

    target = os.path.join(HERE, "SOURCES.md")
    if options.write:
        with open(target, "w", encoding="utf-8") as file:
            file.write(page(records))
    else:
        with open(target, encoding="utf-8") as file:
            if file.read() != page(records):
                findings.add("SOURCES.md", "out of date: run tools/story/sources.py --write")
    for line in findings.lines:
        print(line)
    counts = ", ".join(f"{len(records[kind])} {kind}" for kind in KINDS)
    skipped_text = f'; not checked, because absent: {" and ".join(skipped)}' if skipped else ""
    print(f"sources: {counts}; {len(findings.lines)} findings{skipped_text}")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    sys.exit(main())
