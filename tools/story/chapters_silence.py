"""The chapter about silence: a clock that runs out, and what happens then. The node of the story gives a step
of the theme discrimination and hate crime a few seconds instead of two weeks; no clock is moved by hand."""

import time

import cases
from client import DIRECTORY
from desk import request_id

_COORDINATOR = "bodies/es-comunidad-de-madrid"
_RECEIVER = "bodies/es-mesa-por-la-convivencia"
_PATIENCE_SECONDS = 40

# What the node of the story is started with.
CONFIG = """clocks {
  step_times { theme: THEME_DISCRIMINATION_AND_HATE_CRIME normal_seconds: 4 }
  lapse_percent: 150
  remind_again_percent: 0
}
"""


def _listed(desk, person, box, name, states=()):
    """True once that box has the referral; False after some patience."""
    end = time.monotonic() + _PATIENCE_SECONDS
    request = {"box": "BOX_" + box, "pageSize": 500, "states": list(states)}
    while True:
        page = desk.read(person, "ListReferrals", request).message
        if any(row["name"] == name for row in page.get("referrals", [])):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.3)


def _events(desk, person, name):
    entries = desk.read(person, "ListReferralHistory", {"name": name}).message.get("entries", [])
    return [entry["event"] for entry in entries]


def _appoint(report, cast):
    report.step(cast.operator.title,
                "records that the Comunidad de Madrid coordinates this theme in its territory",
                "An agreement is recorded; that a body is the larger one does not make it a supervisor.")
    answer = cast.operator.call(DIRECTORY, "CreateCoordinationAgreement", {
        "requestId": request_id(), "coordinationAgreementId": "es-madrid-discrimination",
        "coordinationAgreement": {"theme": "THEME_DISCRIMINATION_AND_HATE_CRIME", "territory": "ES30",
                                  "body": _COORDINATOR, "reference": "An agreement that is invented",
                                  "period": {"startDate": "2026-01-01"}}})
    report.check("it is recorded, or was", answer.ok or answer.code == "ALREADY_EXISTS", str(answer))


def _wait_until_coordinated(cast, desk, run):
    """A referral that the coordinating body watches over: the agreement takes a moment to be known."""
    end = time.monotonic() + _PATIENCE_SECONDS
    number = 0
    while True:
        number += 1
        request = {**cases.man_who_was_turned_away(), "ownReference": f"S-{run}-{number}"}
        sent = desk.submit(cast.fuenlabrada, request).message
        if sent.get("coordinatingBody") == _COORDINATOR or time.monotonic() > end:
            return sent
        time.sleep(0.5)


def _ruled(report, cast, desk, run, coordinator):
    """The coordinating body says who is competent, and that binds."""
    request = {**cases.man_who_was_turned_away(), "ownReference": f"S-{run}-ruled"}
    name = desk.submit(cast.fuenlabrada, request).message["name"]
    report.step("Comunidad de Madrid, supervisor",
                "rules on another one: it is for the Mesa por la Convivencia",
                "A ruling names the law or agreement that it rests on. It binds whom it names.")
    answer = desk.type(coordinator, "referral", "rule-on-competence", name, "--body", _RECEIVER, "--law",
                       "es/ley-7-1985/art-58")
    report.check("it is ruled", answer.ok, str(answer))
    report.equal("both sides see that it was", desk.get(cast.fuenlabrada, name).get("competenceRuled"), True)
    receiver = cast.supervisor_of(_RECEIVER)
    report.step("Mesa por la Convivencia, supervisor", "wants to refuse it as not competent, and takes it")
    answer = desk.send(receiver, "DeclineReferral", {
        "name": name, "reason": "DECLINE_REASON_NOT_COMPETENT", "declinedBy": "DECLINED_BY_PROVIDER",
        "text": "Not for us."})
    desk.refused("that is settled", answer, "FAILED_PRECONDITION", "RULING_BINDS")
    desk.state_is(desk.type(receiver, "referral", "accept", name), "ACCEPTED")


def silence(report, cast, desk, run):
    report.chapter("Silence: nobody answers, and that is seen")
    report.say("In Lebanon a quarter of the health referrals in RAIS got no feedback. Yusuf is invented, and "
               "so is the silence of the Mesa por la Convivencia.")
    coordinator = cast.supervisor_of(_COORDINATOR)
    referrer = cast.supervisor_of("bodies/es-fuenlabrada")
    _appoint(report, cast)
    report.step(cast.fuenlabrada.title,
                "refers Yusuf, who was turned away at a door, to the Mesa por la Convivencia")
    sent = _wait_until_coordinated(cast, desk, run)
    name = sent["name"]
    report.equal("the Comunidad de Madrid coordinates", sent.get("coordinatingBody"), _COORDINATOR)
    report.say("Nobody there answers. Here a step has four seconds; otherwise it is two weeks.")
    report.check("the silence is in Fuenlabrada's own list", _listed(desk, referrer, "SILENCE", name))
    report.check("and in that of the coordinating body", _listed(desk, coordinator, "COORDINATION", name))
    seen = desk.get(cast.fuenlabrada, name)
    report.equal("it says what is missing", seen.get("silence", {}).get("clock"), "CLOCK_ACKNOWLEDGE")
    report.equal("the receiving body was reminded first, then it was escalated",
                 _events(desk, referrer, name)[:3], ["SUBMIT", "REMINDER", "ESCALATE"])

    report.step("Comunidad de Madrid, supervisor",
                "sees codes and dates, and no people; reminds, then takes it over",
                "It may remind, rule who is competent, or assume the case.")
    report.equal("people are not shown to who only coordinates",
                 desk.get(coordinator, name).get("persons", []), [])
    answer = desk.send(coordinator, "RemindReferral", {"name": name})
    report.check("it reminds", answer.ok, str(answer))
    answer = desk.send(coordinator, "AssumeResponsibility", {"name": name, "law": "es/ley-7-1985/art-58"})
    desk.state_is(answer, "FORWARDED")
    seen = desk.get(cast.fuenlabrada, name)
    report.equal("the case is held by the coordinating body", seen.get("caseHoldingBody"), _COORDINATOR)

    _ruled(report, cast, desk, run, coordinator)

    report.step(cast.fuenlabrada.title, "refers another one, whom nobody looks at at all")
    request = {**cases.man_who_was_turned_away(), "ownReference": f"S-{run}-lapsed"}
    lapsed = desk.submit(cast.fuenlabrada, request).message["name"]
    report.check("it lapses after the escalation, and Fuenlabrada has a next step to take",
                 _listed(desk, referrer, "FOLLOW_UP", lapsed, ["REFERRAL_STATE_LAPSED"]))
    report.equal("the case was never away from Fuenlabrada",
                 desk.get(cast.fuenlabrada, lapsed).get("caseHoldingBody"), "bodies/es-fuenlabrada")
    answer = desk.send(cast.fuenlabrada, "SettleFollowUp",
                       {"name": lapsed, "text": "Rang them; another way was found."})
    report.check("she says what she did, and the task is gone", answer.ok, str(answer))
