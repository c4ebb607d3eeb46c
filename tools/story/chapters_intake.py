"""The chapter about many at once: a file with one bad row, somebody referred before, a month in figures, to
be looked at and as a file."""

import csv
import datetime
import io
import json
import os

_PEOPLE = [("Samira", "1991-05-04"), ("Yusuf", "1987-09-12"), ("Nadia", "2000-02-03"),
           ("Tariq", "1979-11-30"), ("Leila", "1995-06-17"), ("Farid", "1983-01-08")]


def _row(name, birth_date, theme):
    return {
        "case": name, "theme": theme, "priority": "normal",
        "referring_unit": "bodies/es-fuenlabrada/units/social-welfare",
        "receiving_body": "bodies/fr-pont-de-claix",
        "receiving_unit": "bodies/fr-pont-de-claix/units/social-centres",
        "territory": "FR714/200040715/38317", "age_band": "25-to-39", "language": "prs",
        "agreement": "agreed", "secrecy_release": "released", "purpose": "deliver-service",
        "referring_article_6": "public-task", "referring_law": "es/ley-7-1985/art-25",
        "receiving_article_6": "public-task",
        "receiving_law": "fr/code-action-sociale-familles/art-l116-1",
        "retention_rule": "fr/dossier-social/2-years-after-end",
        "informed_how": "in-person", "informed_language": "prs",
        "screening": "Wants to learn French.", "given_name": name, "family_name": "Noori (invented)",
        "birth_date": birth_date, "needs": "A course nearby.",
    }


def _write(path, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.getvalue())


def _lines(answer):
    return [json.loads(line) for line in answer.out.splitlines() if line.strip()]


def many_at_once(report, cast, desk, folder):
    report.chapter("Many at once: a file, somebody known already, a month in figures")
    report.say("Seven people, all invented, want to learn French. Their referrals are rows of a file.")
    path = os.path.join(folder, "course.csv")
    rows = [_row(name, born, "language") for name, born in _PEOPLE] + [_row("Omar", "1990-04-04", "cooking")]
    _write(path, rows)
    who = cast.fuenlabrada
    report.step(who.title, "imports the file; one row has a theme that there is not")
    answer = _import(report, who, path)
    sent = [line["referral"] for line in _lines(answer) if "referral" in line]
    report.equal("a bad row stops no other: six are sent", len(sent), len(_PEOPLE))
    with open(path + ".errors.csv", encoding="utf-8", newline="") as file:
        wrong = list(csv.DictReader(file))
    report.row("; ".join(f"row {line['row']}, {line['field']}: {line['problem']}" for line in wrong))
    report.check("the error file names the row and the column, and no person",
                 [(line["row"], line["field"]) for line in wrong] == [("8", "theme")]
                 and "Omar" not in str(wrong), str(wrong))
    rows[-1]["theme"] = "language"
    _write(path, rows)
    report.step(who.title, "corrects the row where it stands, and imports again")
    again = _import(report, who, path)
    report.equal("the seventh is sent, and nobody twice",
                 [line["referral"] for line in _lines(again)][:len(sent)], sent)
    report.check("there is no error file any more", not os.path.exists(path + ".errors.csv"))
    _known_already(report, cast, sent[0])
    _month(report, cast, desk)


def _import(report, who, path):
    report.sent("waypost referral import course.csv --import-id french-course")
    answer = who.tell("referral", "import", path, "--import-id", "french-course")
    report.came(answer.err.strip().splitlines()[0] if answer.err.strip() else f"exit code {answer.exit_code}")
    return answer


def _known_already(report, cast, name):
    who = cast.fuenlabrada
    report.step(who.title, "is asked for help by Samira Noori, and looks whether she was referred before",
                "Name and birth date are compared as keyed hashes, within the own body alone.")
    asked = ["referral", "duplicates", "--given-name", "NOORI (invented)", "--family-name", "Samira",
             "--birth-date", "1991-05-04"]
    answer = who.tell(*asked)
    matches = [match["referral"]["name"] for match in answer.message.get("matches", [])]
    report.check("she was, whatever the order of her names", name in matches, str(answer))
    answer = cast.pont.tell(*asked)
    report.check("Pont-de-Claix cannot find out whom Fuenlabrada knows",
                 answer.ok and not answer.message.get("matches"), str(answer))


def _month(report, cast, desk):
    who = cast.pont_supervisor
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    report.step(who.title, "looks at the month in figures",
                "Counts from 1 to 4 could give a person away; they are not shown.")
    report.sent(f"waypost statistics {month}")
    answer = who.tell("statistics", month)
    cells = answer.message.get("rows", [{}])[0].get("cells", [])
    shown = {cell["measure"].removeprefix("STATISTICS_MEASURE_"): cell.get("count", "suppressed")
             for cell in cells}
    report.row(", ".join(f"{what.lower().replace('_', ' ')} {count}" for what, count in shown.items()))
    report.check("what reached it is counted", int(shown.get("RECEIVED", "0")) >= 8, str(answer))
    report.equal("the one that it completed is not told apart", shown.get("ENDED"), "suppressed")
    _exported(report, who, month, shown)
    answer = cast.pont.tell("statistics", month)
    desk.refused("a caseworker has no figures of the body", answer, "PERMISSION_DENIED", "NOT_ALLOWED")


def _exported(report, who, month, shown):
    report.sent(f"waypost statistics {month} --csv")
    answer = who.tool.run(["statistics", month, "--csv"], who.token)
    lines = answer.out.splitlines()
    head = " ".join(line for line in lines if line.startswith("#"))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    report.row(f"{len(rows)} lines under: {lines[0] if lines else answer}")
    said = (who.body, month, "the period runs", "Counts from 1 to 4 are suppressed")
    report.check("the file says whose figures they are, that the period still runs, and what is hidden",
                 all(words in head for words in said), head)
    counts = {row["measure"]: row["count"] for row in rows if row["theme"] == "total"}
    report.equal("its total is the one of the table", counts.get("received"), str(shown.get("RECEIVED")))
    small = [row for row in rows if row["count"] != "suppressed" and 0 < int(row["count"]) < 5]
    report.check("no small count is in it, in no line", bool(rows) and not small, str(small))
