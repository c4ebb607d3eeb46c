"""The chapter about a succession: a municipality that merges, and the work that goes with it."""

import time

import cases
from client import DIRECTORY
from desk import request_id, today

_GONE = "bodies/be-schaerbeek"
_HEIR = "bodies/be-brussels-city"
_PATIENCE_SECONDS = 30


def _names(report, who, answer):
    report.equal(f"{who} is refused, and told whom to ask instead",
                 (answer.reason, answer.metadata.get("successor")), ("BODY_SUCCEEDED", _HEIR))


def _record(report, cast, run):
    report.step(cast.operator.title,
                "records that the City of Brussels stands in Schaerbeek's place, from today",
                "A succession is dated, and rests on an act. Nobody moves anything by hand.")
    answer = cast.operator.call(DIRECTORY, "CreateSuccession", {
        "requestId": request_id(), "successionId": f"be-schaerbeek-{run}",
        "succession": {"kind": "SUCCESSION_KIND_MERGED", "predecessor": _GONE,
                       "shares": [{"successor": _HEIR}], "period": {"startDate": today()},
                       "reference": "An act that is invented"}})
    report.check("it is recorded", answer.ok, str(answer))


def _wait_until_moved(desk, person, name):
    """The referral once its receiving body is the successor, or as it is after some patience."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        seen = desk.get(person, name)
        if seen.get("receiving", {}).get("body") == _HEIR or time.monotonic() > end:
            return seen
        time.sleep(0.2)


def merged(report, cast, desk, run):
    report.chapter("A municipality that merges: Schaerbeek and the City of Brussels")
    report.say("Both are real; the merger is invented, and so is Salma.")
    request = {**cases.woman_who_moves_to_schaerbeek(), "ownReference": f"M-{run}"}
    if cast.operator.call(DIRECTORY, "ListSuccessions", {"predecessor": _GONE}).message.get("successions"):
        report.say("They have merged in an earlier run of the story on this node.")
        _names(report, "Mechelen", desk.send(cast.mechelen, "SubmitReferral", request))
        return
    schaerbeek = cast.supervisor_of(_GONE)
    brussels = cast.supervisor_of(_HEIR)
    report.step(cast.mechelen.title, "refers Salma to Schaerbeek, where she moves")
    name = desk.submit(cast.mechelen, request).message["name"]
    report.step("Schaerbeek, supervisor", "accepts, and has the case")
    desk.state_is(desk.type(schaerbeek, "referral", "accept", name), "ACCEPTED")
    _record(report, cast, run)

    seen = _wait_until_moved(desk, cast.mechelen, name)
    report.equal("the City of Brussels holds the case", seen.get("caseHoldingBody"), _HEIR)
    report.equal("its state and its name stay", (seen.get("name"), seen.get("state")),
                 (name, "REFERRAL_STATE_ACCEPTED"))
    entries = desk.read(cast.mechelen, "ListReferralHistory", {"name": name}).message.get("entries", [])
    report.row(" → ".join(entry["event"] for entry in entries))
    report.equal("the history says so", entries[-1]["event"] if entries else "", "SUCCEED")
    answer = desk.disclose(brussels, name, ["DETAILS"], "DELIVER_SERVICE")
    report.check("Brussels opens what Schaerbeek could open", answer.ok and
                 answer.message["sections"][0]["details"]["givenName"] == "Salma", str(answer))
    report.step("Schaerbeek, supervisor", "signs in with the old account",
                "It acts for the City of Brussels for 90 days: nobody waits for a new one.")
    found = desk.read(schaerbeek, "GetReferral", {"name": name})
    report.equal("it opens the case as the City of Brussels",
                 found.message.get("receiving", {}).get("body"), _HEIR)
    answer = cast.operator.call(DIRECTORY, "ListSuccessions", {"predecessor": _GONE})
    report.check("the record says until when",
                 all(each.get("accountsUntil") for each in answer.message.get("successions", [{}])),
                 str(answer))
    report.step(cast.mechelen.title, "has another one ready for Schaerbeek, as it is used to")
    _names(report, "Mechelen", desk.send(cast.mechelen, "SubmitReferral", {**request, "ownReference": ""}))
    report.step("City of Brussels, supervisor", "goes on with the work")
    desk.state_is(desk.type(brussels, "referral", "start", name), "IN_PROGRESS")
