"""The chapters about places: the socio-linguistic workshops of Pont-de-Claix in the figures of the paper,
four levels and an entry group, 33 learners, 15 people waiting; and about the way on from there, told once."""

import cases
from client import ENROLMENT, REFERRAL
from desk import in_days, request_id, today

PATH = "waypost.referral.v1.PathService"
_OFFER = "offers/fr-pont-de-claix-asl"
_GROUPS = {"alpha": 8, "fle1": 19, "fle2": 2, "fle3": 3, "entry": 1}
_WAITING = 15


def _list_of(person, group):
    return person.call(ENROLMENT, "GetWaitingList", {"name": f"{_OFFER}/groups/{group}/waitingList"}).message


def _refer(cast, run, number):
    """From the Métropole; returns its name, or nothing."""
    request = {**cases.learner_of_the_metropole(number), "ownReference": f"ASL-{run}-{number}",
               "requestId": request_id()}
    return cast.metropole.call(REFERRAL, "SubmitReferral", request).message.get("name", "")


def _fill(report, cast, run):
    """Takes whatever place is left; on a node that has heard the story before there is none."""
    number = 0
    for group, places in _GROUPS.items():
        while _list_of(cast.pont_supervisor, group).get("taken", 0) < places:
            number += 1
            answer = cast.pont_supervisor.call(REFERRAL, "AcceptReferral", {
                "name": _refer(cast, run, number), "offer": _OFFER,
                "places": [{"person": 1, "groupId": group}], "requestId": request_id()})
            if not answer.ok:
                report.check(f"a place in {group} is taken", False, str(answer))
                return
    taken = {group: _list_of(cast.pont_supervisor, group).get("taken", 0) for group in _GROUPS}
    report.equal("every place is taken, by level", taken, _GROUPS)
    report.equal("that is 33 learners", sum(taken.values()), 33)


def _queue(report, cast, run):
    number = 100
    while _list_of(cast.pont_supervisor, "entry").get("waitingCount", 0) < _WAITING:
        number += 1
        answer = cast.pont_supervisor.call(REFERRAL, "WaitlistReferral", {
            "name": _refer(cast, run, number), "offer": _OFFER, "groupId": "entry",
            "reviewTime": in_days(60), "requestId": request_id()})
        if not answer.ok:
            report.check("somebody joins the list", False, str(answer))
            return
    report.equal("15 people wait", _list_of(cast.pont_supervisor, "entry").get("waitingCount"), _WAITING)


def _first_in(cast, group, state):
    answer = cast.pont_supervisor.call(ENROLMENT, "ListEnrolments", {
        "offer": _OFFER, "groupId": group, "states": ["ENROLMENT_STATE_" + state]})
    return answer.message.get("enrolments", [{}])[0].get("name", "")


def _attend(report, cast, learner):
    """What is recorded of somebody who attends: dates and levels, and no remarks."""
    who = cast.pont_supervisor
    answer = who.tell("enrolment", "assess", learner, "--placement-test", "--cefr-level", "a1",
                      "--level", "FLE1")
    report.check("a placement test is recorded, with its level", answer.ok
                 and answer.message["assessments"][-1].get("placementTest"), str(answer))
    answer = who.call(ENROLMENT, "RecordAttendance", {
        "name": learner, "requestId": request_id(),
        "days": [{"date": today(), "status": "ATTENDANCE_STATUS_PRESENT"}]})
    report.check("that she was there today, too", answer.ok, str(answer))
    answer = who.call(ENROLMENT, "PauseEnrolment", {"name": learner, "requestId": request_id(),
                                                    "reviewTime": in_days(30)})
    report.equal("she pauses, and keeps the place", answer.message.get("state"), "ENROLMENT_STATE_PAUSED")
    answer = who.call(ENROLMENT, "ResumeEnrolment", {"name": learner, "requestId": request_id()})
    report.equal("she comes back", answer.message.get("state"), "ENROLMENT_STATE_ATTENDING")


def _move_up(report, cast, late):
    """Somebody leaves FLE2; a learner of FLE1 whose test says so moves up, and her place is free."""
    who = cast.pont_supervisor
    answer = who.call(ENROLMENT, "LeaveEnrolment", {
        "name": _first_in(cast, "fle2", "PLACED"), "requestId": request_id(),
        "reason": "LEAVE_REASON_NEVER_STARTED", "destination": "LEAVE_DESTINATION_UNKNOWN"})
    report.check("one of FLE2 never came: a place is free", answer.ok, str(answer))
    learner = _first_in(cast, "fle1", "PLACED")
    answer = who.call(ENROLMENT, "RecordAssessment", {
        "name": learner, "requestId": request_id(),
        "assessment": {"date": today(), "placementTest": True, "cefrLevel": "CEFR_LEVEL_A2",
                       "level": "FLE2"}})
    report.check("a learner of FLE1 is tested: A2", answer.ok, str(answer))
    answer = who.tell("enrolment", "move", learner, "--group", "fle2")
    report.equal("she moves up to FLE2", answer.message.get("groupId"), "fle2")
    answer = who.call(REFERRAL, "AcceptReferral", {"name": late, "offer": _OFFER, "requestId": request_id(),
                                                   "places": [{"person": 1, "groupId": "fle1"}]})
    report.check("who was refused before gets her place", answer.ok, str(answer))
    taken = {group: _list_of(who, group).get("taken", 0) for group in _GROUPS}
    report.equal("every place is taken again", taken, _GROUPS)


def _publish_criteria(report, cast):
    criteria = ["PRIORITY", "MINORS_FIRST", "WAITING_SINCE"]
    answer = cast.pont_supervisor.call(ENROLMENT, "SetWaitingListCriteria", {
        "name": f"{_OFFER}/groups/entry/waitingList", "requestId": request_id(),
        "criteria": ["WAITING_LIST_CRITERION_" + each for each in criteria]})
    report.check("the criteria are published: priority, minors first, then time", answer.ok, str(answer))
    seen = cast.metropole.tell("waiting-list", "criteria", _OFFER, "entry").message.get("criteria", [])
    report.equal("anybody may read them", [c.removeprefix("WAITING_LIST_CRITERION_") for c in seen], criteria)


def _leave(report, cast):
    """Somebody begins, reaches her goal and leaves: her referral, and who is first on the list then."""
    learner = _first_in(cast, "entry", "PLACED")
    hers = cast.pont_supervisor.call(ENROLMENT, "GetEnrolment", {"name": learner}).message.get("referral", "")
    outcome = {"kind": "OUTCOME_KIND_ENROLLED", "date": today(), "informedBy": "INFORMED_BY_RECEIVING_BODY",
               "informedHow": "INFORMED_HOW_IN_PERSON", "informedLanguage": "ar"}
    answer = cast.pont_supervisor.call(ENROLMENT, "StartEnrolment", {
        "name": learner, "requestId": request_id(), "outcomes": [{"person": 1, "outcome": outcome}]})
    report.check("she begins, and with that her referral is completed", answer.ok, str(answer))
    _attend(report, cast, learner)
    answer = cast.pont_supervisor.call(ENROLMENT, "LeaveEnrolment", {
        "name": learner, "requestId": request_id(), "reason": "LEAVE_REASON_GOAL_REACHED",
        "destination": "LEAVE_DESTINATION_VOCATIONAL_TRAINING"})
    report.check("she leaves for vocational training: a place is free", answer.ok, str(answer))
    return hers, answer.message.get("nextOnList", "")


def _states(path):
    return [step.get("state", "").removeprefix("PATH_STEP_STATE_") for step in path.get("steps", [])]


def _way_on(report, cast, desk, referral):
    """Of who left the workshop for a training: the Métropole, which had referred her there, leads on."""
    report.chapter("From the workshop to a training and a job, told once")
    report.step(cast.metropole.title, "plans her way on from the referral to the workshop")
    made = cast.metropole.call(PATH, "CreatePath", {
        "referral": referral, "person": 1, "requestId": request_id(),
        "steps": [{"theme": "THEME_VOCATIONAL_TRAINING"}, {"theme": "THEME_EMPLOYMENT"}]})
    report.equal("two steps are to come", _states(made.message), ["PLANNED", "PLANNED"])
    path = made.message.get("name", "")
    step = {"name": path, "step": 1, "receiving": {"body": "bodies/fr-afpa",
                                                   "unit": "bodies/fr-afpa/units/pont-de-claix"},
            "territory": cases.PONT_DE_CLAIX, "priority": "PRIORITY_NORMAL",
            "disclosure": cases.disclosure("fr", "fr", "ar"),
            "screening": {"text": "French for a training. She begins whenever a place is free."}}
    report.step(cast.metropole.title, "refers her to AFPA: the basis is new, her story is not asked again")
    taken = cast.metropole.call(PATH, "TakeStep", {**step, "requestId": request_id()})
    report.check("the step is taken", taken.ok, str(taken))
    name = taken.message.get("referral", {}).get("name", "")
    again = cast.metropole.call(PATH, "TakeStep", {**step, "requestId": request_id()})
    desk.refused("no step is taken twice", again, "FAILED_PRECONDITION", "INVALID_TRANSITION")
    report.step(cast.afpa.title, "accepts, and opens what she told the Métropole")
    desk.state_is(desk.send(cast.afpa, "AcceptReferral", {"name": name}), "ACCEPTED")
    opened = desk.disclose(cast.afpa, name, ["DETAILS"], "DELIVER_SERVICE")
    told = desk.disclose(cast.metropole, referral, ["DETAILS"], "COORDINATE_CASE")
    of = [answer.message.get("sections", [{}])[0].get("details", {}) for answer in (opened, told)]
    report.check("it is what she told once, word for word", bool(of[0]) and of[0] == of[1])
    seen = desk.get(cast.afpa, name)
    report.check("AFPA sees a referral, and no path", "path" not in seen and not seen.get("hops"))
    mine = cast.metropole.call(PATH, "GetPath", {"name": path}).message
    report.equal("the first step is under way", _states(mine), ["UNDER_WAY", "PLANNED"])
    others = cast.pont_supervisor.call(PATH, "GetPath", {"name": path})
    desk.refused("for the workshop there is no path", others, "NOT_FOUND")


def full(report, cast, desk, run):
    report.chapter("Workshops with four levels: 33 learners, and 15 people waiting")
    report.say("“There are more requests each year than places.” The learners here are invented.")
    report.step("Pont-de-Claix, supervisor", "takes learners until every place of each level is taken")
    _fill(report, cast, run)
    late = _refer(cast, run, 99)
    answer = desk.send(cast.pont_supervisor, "AcceptReferral",
                       {"name": late, "offer": _OFFER, "places": [{"person": 1, "groupId": "fle1"}]})
    desk.refused("no place is sold twice", answer, "FAILED_PRECONDITION", "NO_PLACE_FREE")
    report.step("Pont-de-Claix, supervisor", "moves a learner to another level")
    _move_up(report, cast, late)
    report.step("Pont-de-Claix, supervisor", "publishes the criteria, and puts whoever comes now on the list")
    _publish_criteria(report, cast)
    _queue(report, cast, run)
    report.step("Pont-de-Claix, supervisor", "sees a learner of the entry group through, who then leaves")
    hers, first = _leave(report, cast)
    page = cast.pont_supervisor.call(ENROLMENT, "ListWaitingList", {
        "name": f"{_OFFER}/groups/entry/waitingList"}).message
    rows = page.get("entries", [])
    report.check("whoever is first on the list is named", bool(first), first)
    if rows:
        report.equal("it is the first row of it", rows[0].get("referral"), first)
    seen = desk.get(cast.metropole, first)
    report.equal("the referring body sees the position", seen.get("waiting", {}).get("position"), 1)
    answer = desk.send(cast.pont_supervisor, "OfferPlace", {"name": first, "answerByTime": in_days(5)})
    desk.state_is(answer, "OFFERED")
    report.step(cast.metropole.title, "asks him, and takes the place")
    desk.send(cast.metropole, "AnswerOffer", {"name": first, "answer": "ANSWER_TAKE_PLACE"})
    answer = desk.send(cast.pont_supervisor, "AcceptReferral", {"name": first})
    desk.state_is(answer, "ACCEPTED")
    report.equal("14 wait, and every place is taken again",
                 (_list_of(cast.pont_supervisor, "entry").get("waitingCount"),
                  _list_of(cast.pont_supervisor, "entry").get("taken")), (14, 1))
    _way_on(report, cast, desk, hers)
