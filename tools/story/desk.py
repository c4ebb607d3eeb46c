"""What the referral chapters have in common: sending with a fresh request id, and saying what came back."""

import datetime
import shlex
import uuid

from client import REFERRAL


def request_id():
    return str(uuid.uuid4())


def in_days(days, hour=9, minute=30):
    day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def minutes_ago(minutes):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def short_state(referral):
    return referral.get("state", "").removeprefix("REFERRAL_STATE_")


class StoryBroken(Exception):
    """Nothing after this can be played; the checks so far stand."""


class Desk:
    """Plays referral steps and reports them."""

    def __init__(self, report):
        self.report = report

    def send(self, person, method, request, quiet=False):
        """A change, with a new request id unless one is given. Says what came back."""
        request = {"requestId": request_id(), **request}
        answer = person.call(REFERRAL, method, request)
        if not quiet:
            self.tell(method, request, answer)
        return answer

    def read(self, person, method, request):
        return person.call(REFERRAL, method, request)

    def get(self, person, name):
        return self.read(person, "GetReferral", {"name": name}).message

    def type(self, person, *arguments):
        """A command as a person types it."""
        self.report.sent("waypost " + shlex.join(arguments))
        answer = person.tell(*arguments)
        self.report.came(self.about(answer))
        return answer

    def tell(self, method, request, answer):
        extra = [f"{key} {value}" for key, value in request.items()
                 if key in ("reason", "declinedBy", "answer", "body", "reviewTime", "answerByTime")]
        text = f" “{request['text']}”" if request.get("text") else ""
        self.report.sent(method + (" " + ", ".join(extra) if extra else "") + text)
        self.report.came(self.about(answer))

    @staticmethod
    def about(answer):
        if not answer.ok:
            wrong = "; ".join(f"{field}: {what}" for field, what in answer.violations[:4])
            more = f"; and {len(answer.violations) - 4} more" if len(answer.violations) > 4 else ""
            return f"{answer}: " + (wrong + more if wrong else answer.text)
        referral = answer.message
        if "state" not in referral:
            return "OK"
        parts = [short_state(referral), f"revision {referral.get('revision', '?')}"]
        if referral.get("caseHoldingBody"):
            parts.append(f"the case is held by {referral['caseHoldingBody']}")
        due = referral.get("due")
        if due:
            parts.append(f"{due['party'].removeprefix('PARTY_').lower()} body owes "
                         f"{due['clock'].removeprefix('CLOCK_').lower().replace('_', ' ')} by {due['time']}")
        return ", ".join(parts)

    def submit(self, person, request):
        """Sends a referral. Returns its name; without one there is no going on."""
        answer = self.send(person, "SubmitReferral", request)
        self.state_is(answer, "REQUESTED")
        if not answer.message.get("name"):
            raise StoryBroken("a referral could not be sent")
        return answer

    def state_is(self, answer, state):
        return self.report.equal(f"it is {state.replace('_', ' ')}", short_state(answer.message), state)

    def refused(self, what, answer, code, reason=""):
        holds = answer.code == code and (not reason or answer.reason == reason)
        return self.report.check(f"{what}: {code}" + (f" / {reason}" if reason else ""), holds, str(answer))

    def disclose(self, person, name, sections, purpose):
        """Opens sections. The look is recorded with its purpose."""
        request = {"name": name, "sections": ["SECTION_KIND_" + s for s in sections],
                   "purpose": "PURPOSE_" + purpose}
        answer = self.read(person, "DiscloseReferral", request)
        self.report.sent(f"DiscloseReferral {' and '.join(sections).lower()}, "
                         f"to {purpose.replace('_', ' ').lower()}")
        if not answer.ok:
            self.report.came(self.about(answer))
        return answer
