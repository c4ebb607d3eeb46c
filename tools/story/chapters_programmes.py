"""The chapters about what goes wrong: a programme that ends with work open under it, and declines that say
something about the directory. No clock is moved: the last day of the programme is set into the past."""

import datetime
import time

import cases
from client import DIRECTORY
from desk import request_id

CORRECTION = "waypost.referral.v1.CorrectionService"
_PROGRAMME = "programmes/estia"
_OFFER = "offers/el-livadia-estia"
_PROVIDER = "bodies/el-kedhl"
_NEXT = "bodies/el-livadia"
_PATIENCE_SECONDS = 40


def _day(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def _until(look, holds):
    """What `look` gives once `holds` is true of it, or after some patience."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        seen = look()
        if holds(seen) or time.monotonic() > end:
            return seen
        time.sleep(0.3)


def _begun(cast, desk, run, number):
    request = {**cases.mother_and_child_in_athens(), "ownReference": f"E-{run}-{number}"}
    name = desk.submit(cast.athens, request).message["name"]
    desk.send(cast.estia, "AcceptReferral", {"name": name}, quiet=True)
    desk.state_is(desk.send(cast.estia, "StartReferral", {"name": name}), "IN_PROGRESS")
    return name


def _end(report, supervisor, day):
    answer = supervisor.call(DIRECTORY, "EndProgramme", {
        "requestId": request_id(), "name": _PROGRAMME, "endDate": day,
        "reason": "Its funding ends; this end is invented."})
    report.check(f"the last day of ESTIA is {day}", answer.ok, str(answer))


def _another_payer(report, supervisor):
    answer = supervisor.call(DIRECTORY, "UpdateOffer", {
        "requestId": request_id(), "updateMask": "programme", "offer": {"name": _OFFER}})
    report.check("the offer is under no programme any longer", answer.ok, str(answer))


def _has_ended(supervisor):
    answer = supervisor.call(DIRECTORY, "GetOffer", {"name": _OFFER})
    return answer.message.get("programme") != _PROGRAMME


def _marked(report, desk, cast, names, day):
    for name in names:
        seen = _until(lambda n=name: desk.get(cast.estia, n), lambda r: "programmeEnd" in r)
        report.equal("it says which programme ends, and when", seen.get("programmeEnd"),
                     {"programme": _PROGRAMME, "endDate": day})
        due = seen.get("due", {})
        report.equal("K.E.DH.L. owes a hand-over", (due.get("clock"), due.get("party")),
                     ("CLOCK_HAND_OVER", "PARTY_RECEIVING"))
    entries = desk.read(cast.athens, "ListReferralHistory", {"name": names[0]}).message.get("entries", [])
    report.equal("the history says so, to both sides", entries[-1]["event"] if entries else "",
                 "PROGRAMME_ENDING")


def _task_seen(report, supervisor):
    tasks = supervisor.call(DIRECTORY, "ListDirectoryTasks", {"body": _PROVIDER}).message.get("tasks", [])
    mine = [t for t in tasks if t["kind"] == "DIRECTORY_TASK_KIND_PROGRAMME_ENDING"]
    report.equal("the offer is a task of the directory, too", [t.get("resource") for t in mine], [_OFFER])


def _hand_over(report, cast, desk, name):
    report.step(cast.estia.title, "asks the Municipality of Livadia to take the first family over",
                "The old case is held until somebody has it.")
    told = cases.disclosure("el", "el", "ar")
    answer = desk.send(cast.estia, "HandOverReferral", {
        "name": name, "body": _NEXT,
        "disclosures": [{"person": number, "disclosure": told} for number in (1, 2)]})
    desk.state_is(answer, "ON_HOLD")
    livadia = cast.supervisor_of(_NEXT)
    report.step("Municipality of Livadia, supervisor", "accepts")
    linked = answer.message.get("forwardedTo", "")
    desk.state_is(desk.send(livadia, "AcceptReferral", {"name": linked}), "ACCEPTED")
    seen = desk.get(cast.estia, name)
    report.equal("the old one has gone over", seen.get("state"), "REFERRAL_STATE_FORWARDED")
    report.check("and owes no hand-over any longer", "programmeEnd" not in seen,
                 str(seen.get("programmeEnd")))
    report.equal("Livadia holds the case", desk.get(cast.athens, name).get("caseHoldingBody"), _NEXT)


def _silence(report, cast, desk, supervisor, name):
    report.step("K.E.DH.L., supervisor", "has to say that the last day has passed; a family is still there",
                "The day is a fact of the directory. Nobody sets a clock for it.")
    _end(report, supervisor, _day(-2))
    seen = _until(lambda: desk.get(cast.athens, name), lambda r: "escalateTime" in r.get("silence", {}))
    report.equal("the silence is about the hand-over", seen.get("silence", {}).get("clock"),
                 "CLOCK_HAND_OVER")
    report.check("it was escalated", "escalateTime" in seen.get("silence", {}), str(seen.get("silence")))
    report.equal("and no case ends by it", seen.get("state"), "REFERRAL_STATE_IN_PROGRESS")
    page = desk.read(cast.supervisor_of("bodies/el-accmr"), "ListReferrals",
                     {"box": "BOX_SILENCE", "pageSize": 500}).message
    report.check("it is in the Athens centre's list of silence",
                 any(row["name"] == name for row in page.get("referrals", [])))
    report.step(cast.athens.title, "wants to refer another family")
    desk.refused("nothing new comes under a programme that has ended",
                 desk.send(cast.athens, "SubmitReferral", cases.mother_and_child_in_athens()),
                 "FAILED_PRECONDITION", "PROGRAMME_ENDED")


def ends(report, cast, desk, run):
    report.chapter("A programme that ends: ESTIA in Livadia, and the families in its apartments")
    report.say("“From 2016 until today”, says the paper. That it ends is invented here, and so are the two "
               "families.")
    supervisor = cast.supervisor_of(_PROVIDER)
    if _has_ended(supervisor):
        report.say("It has ended in an earlier run of the story on this node, and the apartments are there.")
        answer = desk.send(cast.athens, "SubmitReferral", cases.mother_and_child_in_athens(), quiet=True)
        report.check("families still come", answer.ok and "programmeEnd" not in answer.message, str(answer))
        return
    report.step(cast.estia.title, "has two families of the Athens centre in apartments of the programme")
    first, second = _begun(cast, desk, run, 1), _begun(cast, desk, run, 2)
    report.check("work that goes on owes nothing by a date",
                 "due" not in desk.get(cast.estia, first), str(desk.get(cast.estia, first).get("due")))
    report.step("K.E.DH.L., supervisor", "records the last day of ESTIA, three weeks from now")
    last = _day(20)
    _end(report, supervisor, last)
    _marked(report, desk, cast, (first, second), last)
    _task_seen(report, supervisor)
    _hand_over(report, cast, desk, first)
    _silence(report, cast, desk, supervisor, second)
    report.step("K.E.DH.L., supervisor", "has found who pays for the apartments from now on")
    _another_payer(report, supervisor)
    seen = _until(lambda: desk.get(cast.estia, second), lambda r: "programmeEnd" not in r)
    report.check("the hand-over is not due any longer, and the silence is over",
                 "programmeEnd" not in seen and "due" not in seen and "silence" not in seen,
                 str(seen.get("due")))
    # Known to new referrals, too, before the story goes on.
    answer = _until(lambda: desk.send(cast.athens, "SubmitReferral", cases.mother_and_child_in_athens(),
                                      quiet=True), lambda a: a.ok)
    report.check("and new families come again", answer.ok, str(answer))


def _tasks(supervisor):
    page = supervisor.call(CORRECTION, "ListCorrectionTasks", {"pageSize": 500}).message
    return [t for t in page.get("tasks", [])
            if t.get("offer") == _OFFER and t["reason"] == "DECLINE_REASON_NO_CAPACITY"]


def _decline(cast, desk, run, number):
    request = {**cases.mother_and_child_in_athens(), "ownReference": f"C-{run}-{number}"}
    name = desk.submit(cast.athens, request).message["name"]
    answer = desk.send(cast.estia, "DeclineReferral", {
        "name": name, "reason": "DECLINE_REASON_NO_CAPACITY", "declinedBy": "DECLINED_BY_PROVIDER"})
    desk.state_is(answer, "DECLINED")
    return answer


def corrected(report, cast, desk, run):
    report.chapter("What declines say: an entry of the directory to look at")
    report.say("Each decline is for whoever can mend its cause. Nothing in the directory changes by itself.")
    supervisor = cast.supervisor_of(_PROVIDER)
    before = sum(t.get("declineCount", 0) for t in _tasks(supervisor))
    report.step(cast.estia.title, "declines two families: no apartment is free")
    _decline(cast, desk, run, 1)
    answer = _decline(cast, desk, run, 2)
    due = answer.message.get("due", {})
    report.equal("the Athens centre has the case, and a next step to take",
                 (due.get("clock"), due.get("party")), ("CLOCK_FOLLOW_UP", "PARTY_REFERRING"))
    tasks = _tasks(supervisor)
    report.equal("K.E.DH.L. has one task for both: the declared capacity of the offer",
                 [t.get("declineCount") for t in tasks], [before + 2])
    report.check("it names no referral and nobody", tasks and "referral" not in str(tasks[0]), str(tasks))
    if not tasks:
        return
    report.step("K.E.DH.L., supervisor", "looks at the entry, puts it right, and says so")
    answer = supervisor.tell("corrections", "settle", tasks[0]["name"], "--finding", "corrected")
    report.equal("it is settled", answer.message.get("finding"), "CORRECTION_FINDING_CORRECTED")
    report.equal("nothing is left to look at", _tasks(supervisor), [])
    report.step(cast.estia.title, "declines a third one")
    _decline(cast, desk, run, 3)
    again = _tasks(supervisor)
    report.check("that is a new task", len(again) == 1 and again[0]["name"] != tasks[0]["name"]
                 and again[0]["declineCount"] == 1, str(again))
