"""The chapter about places: the socio-linguistic workshops of Pont-de-Claix in the figures of the paper, four
levels and an entry group, 33 learners, 15 people waiting."""

import cases
from client import REFERRAL
from desk import in_days, request_id, today

ENROLMENT = "waypost.referral.v1.EnrolmentService"
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
    """Somebody begins, reaches her goal and leaves; returns who is first on the list then."""
    learner = _first_in(cast, "entry", "PLACED")
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
    return answer.message.get("nextOnList", "")


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
    first = _leave(report, cast)
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
