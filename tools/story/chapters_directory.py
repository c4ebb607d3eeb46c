"""The chapters about the directory: filling it, counting it, asking it the way."""

import concurrent.futures
import hashlib
import json

import cases
import sources
from client import DIRECTORY, ToolFailed

_METHODS = {"bodies": "CreateBody", "units": "CreateUnit", "programmes": "CreateProgramme",
            "offers": "CreateOffer"}
_AT_ONCE = 6
COUNTRIES = {"es": "Spain", "el": "Greece", "it": "Italy", "be": "Belgium", "fr": "France", "at": "Austria",
             "lv": "Latvia"}
LEVELS = {"LEVEL_LOCAL": "local", "LEVEL_REGIONAL": "regional", "LEVEL_NATIONAL": "national",
          "LEVEL_EUROPEAN": "European"}


def text_of(localized):
    """The original text."""
    return localized.get("text", {}).get(localized.get("originalLanguage", ""), "")


def short(code, prefix):
    return code.removeprefix(prefix).replace("_", " ").lower()


def _request_id(method, request):
    """The same content, the same id: filling the directory twice changes nothing."""
    content = json.dumps([method, request], sort_keys=True, ensure_ascii=False)
    return "story-" + hashlib.sha256(content.encode()).hexdigest()[:32]


def _create(cast, kind, request):
    """True when it was written, False when it was there."""
    who = cast.operator
    if kind == "units":
        who = cast.supervisor_of(request["parent"])
    elif kind == "offers":
        who = cast.supervisor_of(request["offer"]["provider"])
    method = _METHODS[kind]
    answer = who.call(DIRECTORY, method, {**request, "requestId": _request_id(method, request)})
    if not answer.ok and answer.code != "ALREADY_EXISTS":
        raise ToolFailed(f"{method} {sources.KINDS[kind][2](request)}: {answer} {answer.text} "
                         f"{answer.violations}")
    return answer.ok


def _waves():
    """The records in waves: what a record refers to is in an earlier one."""
    wave_of = {}
    waves = []
    for kind, (_, field, name_of) in sources.KINDS.items():
        for record in sources.load(kind):
            request = record["request"]
            texts = list(sources.strings(request[field])) + [request.get("parent", "")]
            wave = 1 + max((wave_of[text] for text in texts if text in wave_of), default=-1)
            wave_of[name_of(request)] = wave
            while len(waves) <= wave:
                waves.append([])
            waves[wave].append((kind, request))
    return waves


def fill(cast):
    """Sends every record that is not there yet. Returns how many were sent and how many were there."""
    done = []
    pool = concurrent.futures.ThreadPoolExecutor(_AT_ONCE)
    try:
        for wave in _waves():
            done += pool.map(lambda each: _create(cast, *each), wave)
    finally:
        pool.shutdown(cancel_futures=True)
    return sum(done), len(done) - sum(done)


def is_filled(cast):
    """True when all that comes last is there."""
    return all(cast.operator.call(DIRECTORY, "GetOffer", {"name": sources.KINDS[kind][2](request)}).ok
               for kind, request in _waves()[-1])


def all_bodies(cast):
    bodies, token = [], ""
    while True:
        page = cast.fuenlabrada.call(DIRECTORY, "ListBodies", {"pageSize": 500, "pageToken": token})
        bodies += page.message.get("bodies", [])
        token = page.message.get("nextPageToken", "")
        if not token:
            return bodies


# --- a. filling and counting --------------------------------------------------------------------------

def the_directory(report, cast):
    report.chapter("The directory: who exists, at every level")
    report.step("The operator and the supervisors", "register the bodies, units, programmes and offers",
                "All of them stand in five policy papers; tools/story/SOURCES.md has the words and lines.")
    if is_filled(cast):
        report.came("everything is there already, from an earlier run in this folder")
    else:
        sent, there = fill(cast)
        report.came(f"{sent} records written, {there} were there")
    _count(report, cast)
    _tree(report, cast)


def _count(report, cast):
    bodies = all_bodies(cast)
    expected = {}
    for record in sources.load("bodies"):
        level = record["request"]["body"]["level"]
        expected[level] = expected.get(level, 0) + 1
    for level, word in LEVELS.items():
        found = sum(1 for body in bodies if body["level"] == level)
        report.check(f"{found} bodies at the {word} level, {expected[level]} in the papers",
                     found >= expected[level])
    offers = cast.fuenlabrada.call(DIRECTORY, "ListOffers", {"pageSize": 500}).message.get("offers", [])
    programmes = cast.fuenlabrada.call(DIRECTORY, "ListProgrammes", {"pageSize": 500}).message
    known = {p["name"]: p for p in programmes.get("programmes", [])}
    report.check(f"{len(offers)} offers and {len(known)} programmes",
                 len(offers) >= len(sources.load("offers")) and len(known) >= len(sources.load("programmes")))
    for name, period in (("milma", {"startDate": "2018-03-01", "endDate": "2021-08-31"}),
                         ("estia", {"startDate": "2016-01-01"}),
                         ("rising", {"startDate": "2020-01-01", "endDate": "2023-12-31"})):
        dated = dict(known[f"programmes/{name}"]["period"])
        if "endDate" not in period:
            dated.pop("endDate", None)  # an earlier run of the story on this node has ended it
        report.equal(f"programme {name}: {' to '.join(period.values())}, as its paper dates it", dated,
                     period)
    asl = next(o for o in offers if o["name"] == "offers/fr-pont-de-claix-asl")
    levels = [g["level"] for g in asl["groups"] if g.get("level")]
    report.equal("the workshops of Pont-de-Claix have four levels", levels, ["ALPHA", "FLE1", "FLE2", "FLE3"])


def _tree(report, cast):
    bodies = {body["name"]: body for body in all_bodies(cast)}
    for prefix, country in COUNTRIES.items():
        own = [b for name, b in bodies.items() if name.startswith(f"bodies/{prefix}-")]
        associations = {m["association"] for b in own for m in b.get("memberships", [])}
        own += [bodies[name] for name in sorted(associations) if name not in {b["name"] for b in own}]
        parts = []
        for level in ("LEVEL_NATIONAL", "LEVEL_REGIONAL", "LEVEL_LOCAL"):
            names = sorted(text_of(b["displayName"]).split(" (")[0] for b in own if b["level"] == level)
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            parts.append((LEVELS[level], names, shown))
        report.row(f"{country:8} " + " | ".join(f"{word}: {shown}" for word, _, shown in parts))
        report.check(f"{country}: a body at the national, the regional and the local level",
                     all(names for _, names, _ in parts))
    european = [text_of(b["displayName"]) for b in bodies.values() if b["level"] == "LEVEL_EUROPEAN"]
    report.row("Europe   " + ", ".join(sorted(european)))


# --- b. the way ---------------------------------------------------------------------------------------

def _explain(report, answer, limit=4):
    """Candidates with their reasons, as the answer gives them."""
    for candidate in answer.message.get("candidates", [])[:limit]:
        what = text_of(candidate.get("offerDisplayName", {})) or "by its competence, without an offer"
        mark = "match" if candidate.get("matches") else "no match"
        report.table_row(f"{candidate['rank']}. {text_of(candidate['bodyDisplayName'])}: {what}  [{mark}]")
        for reason in candidate.get("reasons", []):
            effect = {"ROUTE_EFFECT_FOR": "+", "ROUTE_EFFECT_EXCLUDES": "-"}.get(reason["effect"], "·")
            subject = f" ({reason['subject']})" if reason.get("subject") else ""
            report.table_row(f"     {effect} {short(reason['code'], 'ROUTE_REASON_CODE_')}{subject}")
    if answer.message.get("emptyReason"):
        report.row("empty, because: " + short(answer.message["emptyReason"], "ROUTE_EMPTY_REASON_"))
    for exclusion in answer.message.get("exclusions", []):
        report.row(f"excluded: {exclusion['count']} × {short(exclusion['code'], 'ROUTE_REASON_CODE_')}")


def _codes(candidate):
    return {reason["code"].removeprefix("ROUTE_REASON_CODE_") for reason in candidate.get("reasons", [])}


def resolve(person, theme, territory, **more):
    return person.call(DIRECTORY, "ResolveRoute",
                       {"theme": "THEME_" + theme, "territory": territory, "origin": person.body, **more})


def the_way(report, cast):
    report.chapter("The way: who could help, and why")
    _at_home(report, cast)
    _where_they_go(report, cast)
    _by_age(report, cast)
    _for_housing(report, cast)


def _at_home(report, cast):
    report.step(cast.fuenlabrada.title, "asks who teaches the language in Fuenlabrada",
                "The papers name no such service there. An empty answer has to say why it is empty.")
    answer = resolve(cast.fuenlabrada, "LANGUAGE", cases.FUENLABRADA)
    _explain(report, answer)
    report.check("no match", answer.ok and not answer.message.get("matchCount"), str(answer))
    report.equal("the empty answer is explained: nothing is recorded", answer.message.get("emptyReason"),
                 "ROUTE_EMPTY_REASON_NOTHING_RECORDED")

    report.step(cast.fuenlabrada.title, "asks for vocational training in Fuenlabrada",
                "There was MILMA: 28 BC Labs, co-financed from March 2018 to August 2021.")
    answer = resolve(cast.fuenlabrada, "VOCATIONAL_TRAINING", cases.FUENLABRADA, includeUnmatched=True)
    _explain(report, answer)
    milma = next((c for c in answer.message.get("candidates", [])
                  if c.get("offer") == "offers/es-fuenlabrada-milma-bc-labs"), {})
    report.check("MILMA is found, and left out because its programme has ended and its cohort has begun",
                 {"PROGRAMME_NOT_RUNNING", "NO_OPEN_GROUP"} <= _codes(milma), sorted(_codes(milma)))
    report.check("a body is never proposed to itself", "IS_ORIGIN" in _codes(milma), sorted(_codes(milma)))
    report.equal("the empty answer is explained: all that was found is excluded",
                 answer.message.get("emptyReason"), "ROUTE_EMPTY_REASON_ALL_EXCLUDED")


def _where_they_go(report, cast):
    report.step(cast.fuenlabrada.title, "asks who teaches French in Pont-de-Claix, where the family moves",
                "Four people; mother and father need an interpreter for Dari. Attributes are not kept.")
    answer = resolve(cast.fuenlabrada, "LANGUAGE", cases.PONT_DE_CLAIX, languages=["prs"],
                     includeUnmatched=True,
                     attributes={"ageBand": "AGE_BAND_25_TO_39", "householdPersons": 4,
                                 "householdHasMinors": True, "legalStatus": "LEGAL_STATUS_RESIDENCE_PERMIT",
                                 "languageSkills": [{"language": "fr", "level": "LANGUAGE_LEVEL_NONE"}]})
    _explain(report, answer)
    candidates = answer.message.get("candidates", [{}])
    first = candidates[0]
    report.equal("the social centers come first: near, and competent", first.get("offer"),
                 "offers/fr-pont-de-claix-asl")
    report.check("it says that they are competent", "COMPETENT" in _codes(first), sorted(_codes(first)))
    report.check("it warns that an interpreter will be needed", "INTERPRETER_NEEDED" in _codes(first),
                 sorted(_codes(first)))
    report.check("it warns that nobody has confirmed the offer for a year",
                 "ASSURANCE_OVERDUE" in _codes(first), sorted(_codes(first)))
    rising = next((c for c in candidates if c.get("offer") == "offers/fr-rising-french"), {})
    report.check("RISING is shown too, and left out: 2020 to 2023, and for people with protection",
                 {"PROGRAMME_NOT_RUNNING", "NOT_ELIGIBLE"} <= _codes(rising), sorted(_codes(rising)))


def _by_age(report, cast):
    report.step(cast.vienna.title, "asks for youth work in Neubau for a young man of 27")
    answer = resolve(cast.vienna, "YOUTH", cases.NEUBAU, attributes={"ageYears": 27}, includeUnmatched=True)
    _explain(report, answer)
    mobil = next((c for c in answer.message.get("candidates", [])
                  if c.get("offer") == "offers/at-wien-cult-mobil"), {})
    conditions = mobil.get("eligibility", {}).get("conditions", [])
    for condition in conditions:
        report.row(f"cult.mobil asks: {condition['description']}: "
                   + short(condition["outcome"], "OUTCOME_"))
    report.check("cult.mobil is not for him: from 14 to 26 years",
                 "NOT_ELIGIBLE" in _codes(mobil)
                 and any(c["outcome"] == "OUTCOME_NOT_MET" for c in conditions),
                 sorted(_codes(mobil)))
    answer = resolve(cast.vienna, "YOUTH", cases.NEUBAU, attributes={"ageYears": 17})
    report.equal("for somebody of 17, two of the three are matches", answer.message.get("matchCount"), 2)


def _for_housing(report, cast):
    report.step(cast.athens.title, "asks who houses an asylum seeker with a child")
    attributes = {"legalStatus": "LEGAL_STATUS_ASYLUM_SEEKER", "householdPersons": 2,
                  "householdHasMinors": True}
    answer = resolve(cast.athens, "HOUSING", cases.ATHENS, attributes=attributes, languages=["ar"])
    _explain(report, answer)
    first = answer.message.get("candidates", [{}])[0]
    report.equal("ESTIA in Livadia is found", first.get("offer"), "offers/el-livadia-estia")
    report.check("she is eligible, and it says so", "ELIGIBLE" in _codes(first), sorted(_codes(first)))
    answer = resolve(cast.athens, "HOUSING", cases.ATHENS)
    first = answer.message.get("candidates", [{}])[0]
    report.check("when nothing is told of her, eligibility is unknown, not guessed",
                 "ELIGIBILITY_UNKNOWN" in _codes(first), sorted(_codes(first)))
