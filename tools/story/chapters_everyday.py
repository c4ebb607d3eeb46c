"""The chapters about the work of every day: asking before there is a case, claiming from a queue, another
date, and what a body has to see to."""

import datetime
import json
import uuid

import cases
from chapters_directory import resolve
from client import DIRECTORY, Person
from desk import in_days


def asked_first(report, cast):
    report.chapter("Could you help? An enquiry, before there is a case")
    report.step(cast.fuenlabrada.title, "asks Pont-de-Claix whether it could teach somebody of 25 to 39",
                "Codes alone: nobody is named, and there is no field for a text.")
    answer = cast.fuenlabrada.tell(
        "enquiries", "ask", "--id", uuid.uuid4().hex, "--body", "bodies/fr-pont-de-claix",
        "--theme", "language", "--territory", cases.PONT_DE_CLAIX, "--age-band", "25-to-39",
        "--language", "prs", "--household", "4")
    report.check("it is asked", answer.ok, str(answer))
    name = answer.message.get("name", "")
    listed = cast.pont.tell("enquiries", "list", "--box", "to-answer").message
    report.check("Pont-de-Claix finds it among those to answer",
                 name in [e["name"] for e in listed.get("enquiries", [])], str(listed)[:300])
    answer = cast.mechelen.call(DIRECTORY, "GetEnquiry", {"name": name})
    report.check("for every other body it is not there", answer.code == "NOT_FOUND", str(answer))
    report.step(cast.pont.title, "answers: yes, after about two months")
    answer = cast.pont.tell("enquiries", "answer", name, "--verdict", "yes-with-wait", "--reason",
                            "no-capacity", "--wait-days", "60")
    report.check("it is answered", answer.ok, str(answer))
    answer = cast.pont.tell("enquiries", "answer", name, "--verdict", "yes")
    report.check("an answer is given once and for all", answer.code == "FAILED_PRECONDITION", str(answer))
    seen = cast.fuenlabrada.call(DIRECTORY, "GetEnquiry", {"name": name}).message.get("answer", {})
    report.equal("Fuenlabrada reads it", (seen.get("verdict"), seen.get("expectedWaitDays")),
                 ("ENQUIRY_VERDICT_YES_WITH_WAIT", 60))
    _to_see_to(report, cast)


def _to_see_to(report, cast):
    report.step(cast.pont_supervisor.title, "looks at what the body has to see to in the directory")
    tasks = cast.pont_supervisor.tell("bodies", "tasks", "bodies/fr-pont-de-claix").message.get("tasks", [])
    for task in tasks[:4]:
        report.row(f"{task['kind'].removeprefix('DIRECTORY_TASK_KIND_').lower().replace('_', ' ')}: "
                   f"{task['resource']}, since {task['sinceDate']}")
    report.check("that nobody has confirmed the workshops for a year is a task",
                 any(t["kind"] == "DIRECTORY_TASK_KIND_OFFER_ASSURANCE_OVERDUE"
                     and t["resource"] == "offers/fr-pont-de-claix-asl" for t in tasks), str(tasks)[:300])


def _point(title, email="", telephone=""):
    return {"title": title, "email": email, "telephone": telephone}


def whom_to_call(report, cast, desk):
    report.chapter("Whom to call: who answers for a theme, who stands in, and when")
    report.step(cast.pont_supervisor.title, "records who answers for language learning, and two who stand in",
                "Offices and role addresses, all invented; nobody's name belongs here.")
    contact = {"theme": "THEME_LANGUAGE", "unit": cast.pont.unit,
               "interlocutor": _point("Workshops, coordination", "workshops@example.org", "+33 476 000 001"),
               "deputies": [_point("Social centers, reception", telephone="+33 476 000 002"),
                            _point("Town hall, inclusion", "inclusion@example.org")]}
    answer = cast.pont_supervisor.call(DIRECTORY, "UpdateBody", {
        "requestId": uuid.uuid4().hex, "updateMask": "contacts",
        "body": {"name": cast.pont.body, "contacts": [contact]}})
    report.check("it is recorded", answer.ok, str(answer))
    hours = [{"day": f"WEEKDAY_{day}", "opens": "08:30", "closes": "17:00"} for day in ("MONDAY", "THURSDAY")]
    answer = desk.type(cast.pont_supervisor, "units", "update", cast.pont.unit,
                       *(word for each in hours for word in ("--duty-hours", json.dumps(each))))
    report.check("so is when somebody picks up the telephone there", answer.ok, str(answer))
    report.step(cast.fuenlabrada.title, "asks the way, and is told whom to call")
    answer = resolve(cast.fuenlabrada, "LANGUAGE", cases.PONT_DE_CLAIX, includeUnmatched=True)
    first = answer.message.get("candidates", [{}])[0]
    seen = first.get("contact", {})
    for point in [seen.get("interlocutor", {}), *seen.get("deputies", [])]:
        report.row(", ".join(text for text in (point.get("title"), point.get("email"),
                                               point.get("telephone")) if text))
    report.equal("the contact for that theme comes first", seen.get("interlocutor", {}).get("title"),
                 "Workshops, coordination")
    report.equal("who stands in follows, in order", [d.get("title") for d in seen.get("deputies", [])],
                 ["Social centers, reception", "Town hall, inclusion"])
    unit = cast.fuenlabrada.tell("units", "show", seen.get("unit", cast.pont.unit)).message
    report.equal("and the unit says when", unit.get("dutyHours"), hours)


def from_the_queue(report, cast, desk, run):
    report.chapter("From a unit's queue to the end: who takes it, and when")
    name = desk.submit(cast.metropole, {**cases.learner_of_the_metropole(98),
                                        "ownReference": f"Q-{run}"}).message["name"]
    colleague = Person(cast.pont.tool, "Pont-de-Claix, a colleague in the social centers", cast.pont.body,
                       ["caseworker"], cast.pont.unit)
    colleague.subject += "-2"
    report.step(cast.pont.title, "takes it from the queue; a colleague is a moment late")
    answer = desk.type(cast.pont, "referral", "claim", name)
    report.check("it is hers", answer.ok and answer.message.get("receiving", {}).get("assignee"), str(answer))
    answer = desk.type(colleague, "referral", "claim", name)
    desk.refused("the colleague is told that it is taken", answer, "FAILED_PRECONDITION", "ALREADY_ASSIGNED")
    report.equal("the Métropole does not see who has it",
                 desk.get(cast.metropole, name).get("receiving", {}).get("assignee", ""), "")
    _another_date(report, cast, desk, name)
    _ended(report, cast, desk, name)


def _another_date(report, cast, desk, name):
    report.step(cast.pont.title, "cannot decide before the next placement test, and proposes another date")
    when = in_days(25)
    answer = desk.type(cast.pont, "referral", "propose-date", name, "--time", when,
                       "--text", "The next placement test is then.")
    report.equal("it is proposed, and not agreed yet",
                 answer.message.get("dateProposal", {}).get("time"), when)
    answer = desk.type(cast.metropole, "referral", "answer-date", name, "--answer", "agree")
    report.equal("the Métropole agrees: that is the due time now",
                 answer.message.get("due", {}).get("time"), when)


def _ended(report, cast, desk, name):
    report.step(cast.pont.title, "hears that he has found a course elsewhere, and declines for him")
    answer = desk.send(cast.pont, "DeclineReferral", {
        "name": name, "reason": "DECLINE_REASON_PERSON_DECLINED", "declinedBy": "DECLINED_BY_PERSON",
        "text": "He has found a course near his work."})
    desk.state_is(answer, "DECLINED")
    report.step(cast.metropole.title, "finds it among what wants a next step, and settles it")
    box = desk.read(cast.metropole, "ListReferrals", {"box": "BOX_FOLLOW_UP", "pageSize": 500,
                                                      "states": ["REFERRAL_STATE_DECLINED"]}).message
    report.check("it is in the box of follow-ups", name in [r["name"] for r in box.get("referrals", [])],
                 str(box)[:300])
    answer = desk.type(cast.metropole, "referral", "settle-follow-up", name, "--text",
                       f"Called him on {datetime.date.today():%d %B}.")
    report.check("it is settled", answer.ok and "due" not in answer.message, str(answer))
