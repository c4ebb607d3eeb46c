"""The chapter about a protected referral: a family with one member whom nobody must find."""

import chapters_audit
import cases
from client import REFERRAL
from desk import StoryBroken

_STATES = ["REFERRAL_STATE_" + state for state in ("DRAFT", "REQUESTED", "ACCEPTED")]
_BOXES = ("INBOX", "OUTBOX", "SILENCE", "FOLLOW_UP")


def _lists(desk, person):
    """Names in every list of this person's body."""
    names = []
    for box in _BOXES:
        answer = desk.read(person, "ListReferrals", {"box": "BOX_" + box, "states": _STATES, "pageSize": 500})
        names += [row["name"] for row in answer.message.get("referrals", [])]
    return names


def one_protected_member(report, cast, desk, run):
    report.chapter("A family with one protected member")
    report.say("Salma, the sister of Rima, is invented. There are indicators that she was trafficked. An "
               "indicator is an indicator, never a label; and whoever looks for her must not find her by her "
               "sister's apartment.")
    family = _taken_out(report, cast, desk, run)
    hers = _referred_alone(report, cast, desk, run)
    _hidden(report, cast, desk, hers, run)
    _read_by_whom_it_is_for(report, cast, desk, hers)
    _a_second_reader(report, cast, desk, hers)
    _no_trace(report, cast, desk, family, hers)


def _taken_out(report, cast, desk, run):
    report.step(cast.athens.title, "has all three in one draft, and takes Salma out of it before it is sent")
    request = cases.with_a_sister()
    draft = desk.send(cast.athens, "CreateReferral", {**request, "ownReference": f"A-F-{run}"})
    name = draft.message.get("name", "")
    if not name:
        raise StoryBroken("a draft could not be made")
    rest = [p for p in request["referral"]["persons"] if p["number"] != 3]
    answer = desk.send(cast.athens, "UpdateReferral", {"referral": {"name": name, "persons": rest},
                                                       "updateMask": "persons"})
    report.equal("two are left in it", len(answer.message.get("persons", [])), 2)
    desk.state_is(desk.send(cast.athens, "SubmitReferral", {"name": name}), "REQUESTED")
    return name


def _referred_alone(report, cast, desk, run):
    report.step(cast.athens.title, "refers Salma alone, protected, to K.E.DH.L.",
                "On the telephone nobody could say who will work on it: its safeguarding officers will.")
    request = {**cases.sister_alone(), "ownReference": f"A-S-{run}"}
    request["referral"]["protection"] = {"ground": "PROTECTION_GROUND_TRAFFICKING_INDICATORS"}
    answer = desk.submit(cast.athens, request)
    report.equal("no coordinating body watches over it", answer.message.get("coordinatingBody", ""), "")
    report.check("its maker reads it", len(answer.message.get("protection", {}).get("referringReaders", []))
                 == 1, str(answer.message.get("protection")))
    return answer.message["name"]


def _hidden(report, cast, desk, hers, run):
    others = [cast.supervisor_of("bodies/el-accmr"), cast.supervisor_of("bodies/el-kedhl"), cast.estia,
              cast.mechelen]
    report.step("Supervisors and caseworkers of both bodies, and a stranger", "look for it, and find nothing")
    nothing = {"name": hers[:-4] + "zzzz"}
    for person in others:
        answer = desk.read(person, "GetReferral", {"name": hers})
        never = desk.read(person, "GetReferral", nothing)
        desk.refused(f"{person.title} is told that there is none", answer, "NOT_FOUND", "NOT_FOUND")
        report.equal("in the same words as of a name that never was", answer.text.replace(hers, ""),
                     never.text.replace(nothing["name"], ""))
        report.check("no list has it", hers not in _lists(desk, person))
    answer = cast.athens.call(REFERRAL, "FindByOwnReference", {"ownReference": f"A-S-{run}"})
    report.equal("no search finds it, not even for its reader", answer.message.get("referrals", []), [])
    for body in ("el-accmr", "el-kedhl"):
        entries = chapters_audit.entries_of(cast.auditor_of("bodies/" + body), hers)
        report.equal(f"the auditor of {body} finds no record of it", entries, [])


def _read_by_whom_it_is_for(report, cast, desk, hers):
    officer = cast.estia_safeguarding
    report.step(officer.title, "finds it without readers, and takes it")
    report.check("it is in the officer's list", hers in _lists(desk, officer))
    answer = desk.disclose(officer, hers, ["SCREENING"], "ASSESS_REQUEST")
    desk.refused("who is to name readers reads nothing", answer, "FAILED_PRECONDITION", "READER_FIRST")
    report.check("nor is the ground shown", "ground" not in desk.get(officer, hers).get("protection", {}))
    answer = desk.type(officer, "referral", "claim", hers)
    report.check("it is taken", answer.ok, str(answer))
    answer = desk.disclose(officer, hers, ["SCREENING"], "ASSESS_REQUEST")
    report.check("and can be read now", answer.ok, str(answer))
    desk.state_is(desk.type(officer, "referral", "accept", hers), "ACCEPTED")
    report.check("Athens follows it", hers in _lists(desk, cast.athens))


def _a_second_reader(report, cast, desk, hers):
    officer, second = cast.estia_safeguarding, cast.supervisor_of("bodies/el-kedhl")
    report.step(second.title, "reads out how Waypost knows her, and is named as the second reader")
    own, told = (desk.type(person, "whoami").message.get("actor", "") for person in (officer, second))
    answer = desk.type(officer, "referral", "assign", hers, "--reader", own, "--reader", told[:-1])
    desk.refused("a letter lost on the telephone is noticed", answer, "INVALID_ARGUMENT", "INVALID_FIELD")
    answer = desk.read(second, "GetReferral", {"name": hers})
    desk.refused("nobody came to read it by that", answer, "NOT_FOUND")
    answer = desk.type(officer, "referral", "assign", hers, "--reader", own, "--reader", told)
    report.check("she is named", answer.ok, str(answer))
    report.equal("and reads it", desk.get(second, hers).get("name", ""), hers)


def _no_trace(report, cast, desk, family, hers):
    report.step(cast.estia.title, "accepts the family, and reads all of it")
    desk.state_is(desk.type(cast.estia, "referral", "accept", family), "ACCEPTED")
    seen = desk.get(cast.estia, family)
    report.equal("there are two people in it", [p["number"] for p in seen.get("persons", [])], [1, 2])
    answer = desk.disclose(cast.estia, family, ["SCREENING", "DETAILS"], "DELIVER_SERVICE")
    history = desk.read(cast.estia, "ListReferralHistory", {"name": family}).message
    everything = str(seen) + str(answer.message) + str(history)
    report.check("nothing of Salma is in it, and nothing leads to her",
                 answer.ok and "Salma" not in everything and hers not in everything)
