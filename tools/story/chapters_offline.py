"""The chapters about who lets a referral go, and about work without a connection."""

import json
import os
import stat
import time

import cases
from client import DIRECTORY, REFERRAL
from desk import request_id, short_state

_BODY = "bodies/fr-afpa"
_PATIENCE_SECONDS = 30


# --- a second person ------------------------------------------------------------------------------------

def _require_approval(cast, required):
    return cast.operator.call(DIRECTORY, "UpdateBody", {
        "requestId": request_id(), "updateMask": "approvalRequired",
        "body": {"name": _BODY, "approvalRequired": required}})


def _learner_of_afpa(run):
    request = {**cases.learner_of_the_metropole(97), "ownReference": f"A-{run}"}
    request["referral"]["referring"] = {"unit": _BODY + "/units/pont-de-claix"}
    return request


def _draft_that_is_held(cast, desk, run):
    """A draft whose sending was refused, and the refusal: that a body wants approval takes a moment to be
    known."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        draft = desk.send(cast.afpa, "CreateReferral", _learner_of_afpa(run), quiet=True)
        name = draft.message.get("name", "")
        answer = desk.send(cast.afpa, "SubmitReferral", {"name": name}, quiet=True)
        if not answer.ok or time.monotonic() > end:
            return name, answer
        time.sleep(0.3)


def approved(report, cast, desk, run):
    report.chapter("A second person: a supervisor lets the referral go")
    report.step(cast.operator.title, "records that AFPA has all its referrals approved")
    answer = _require_approval(cast, True)
    report.check("it is recorded", answer.ok, str(answer))
    report.step(cast.afpa.title, "writes a draft for a learner, who is invented, and wants to send it")
    name, answer = _draft_that_is_held(cast, desk, run)
    desk.refused("nobody has approved it yet", answer, "FAILED_PRECONDITION", "APPROVAL_MISSING")
    desk.refused("a caseworker approves nothing", desk.type(cast.afpa, "referral", "approve", name),
                 "PERMISSION_DENIED")
    supervisor = cast.supervisor_of(_BODY)
    report.step("AFPA, supervisor", "writes a draft of another learner, and is no second person for that one")
    own = desk.send(supervisor, "CreateReferral", _learner_of_afpa(f"{run}-s"), quiet=True)
    desk.refused("who wrote it cannot approve it",
                 desk.type(supervisor, "referral", "approve", own.message.get("name", "")),
                 "FAILED_PRECONDITION", "SECOND_PERSON_REQUIRED")
    report.step("AFPA, supervisor", "reads the caseworker's draft and approves it")
    answer = desk.type(supervisor, "referral", "approve", name)
    report.check("it is approved", answer.ok, str(answer))
    report.step(cast.afpa.title, "sends it")
    desk.state_is(desk.type(cast.afpa, "referral", "submit", name), "REQUESTED")
    report.check("AFPA goes on without approval, as it did", _require_approval(cast, False).ok)


# --- without a connection -------------------------------------------------------------------------------

def _lines(answer):
    return [json.loads(line) for line in answer.out.splitlines() if line.strip()]


class Visit:
    """A visit where there is no connection, and what is sent when she is back."""

    def __init__(self, report, cast, desk, folder, run):
        self.report, self.cast, self.desk, self.run = report, cast, desk, run
        self.who = cast.metropole
        self.queue = os.path.join(folder, f"visit-{run}.queue")
        self.case = os.path.join(folder, f"visit-{run}.json")
        self.standing = {}
        self.new = ""

    def play(self):
        self.report.chapter("No connection: written down on a visit, sent later")
        self.written_down()
        self.sent_later()
        self.decided()

    def written_down(self):
        report, desk = self.report, self.desk
        self.standing = desk.submit(self.who, {**cases.learner_of_the_metropole(96),
                                               "ownReference": f"V-{self.run}"}).message
        with open(self.case, "w", encoding="utf-8") as file:
            json.dump(cases.learner_of_the_metropole(95), file)
        report.step(self.who.title, "is on a visit, and keeps in a file what is to be sent",
                    "With --later nothing leaves the machine. A new referral gets its name at once.")
        answer = desk.type(self.who, "referral", "submit", "--file", self.case, "--later", self.queue)
        self.new = answer.message.get("referral", "")
        report.check("it has a name already", self.new.startswith("referrals/"), str(answer))
        answer = desk.type(self.who, "referral", "add-note", self.new, "--visibility", "both-sides", "--text",
                           "Can come in the mornings, too.", "--later", self.queue)
        report.check("and a note to it is kept", answer.ok, str(answer))
        answer = desk.type(self.who, "referral", "change-priority", self.standing["name"], "--priority",
                           "urgent", "--text", "Begins work in two weeks.", "--etag", self.standing["etag"],
                           "--later", self.queue)
        report.check("so is a change of an older one, for the version that she has seen", answer.ok,
                     str(answer))
        report.equal("the file is hers alone", stat.S_IMODE(os.stat(self.queue).st_mode), 0o600)
        desk.refused("nothing was sent", desk.read(self.who, "GetReferral", {"name": self.new}), "NOT_FOUND")
        report.step(self.cast.pont.title, "acknowledges the older one meanwhile")
        desk.state_is(desk.send(self.cast.pont, "AcknowledgeReferral", {"name": self.standing["name"]}),
                      "ACKNOWLEDGED")

    def send(self, *more):
        self.report.sent(" ".join(["waypost send-later", os.path.basename(self.queue), *more]))
        answer = self.who.tell("send-later", self.queue, *more)
        self.report.came(f"exit code {answer.exit_code}")
        return answer, _lines(answer)

    def sent_later(self):
        report = self.report
        report.step(self.who.title, "is back, and sends")
        answer, lines = self.send()
        report.equal("the new referral is sent, and the note after it",
                     [line["sent"] for line in lines if "sent" in line], ["SubmitReferral", "AddNote"])
        report.equal("it has the name that it was given", short_state(self.desk.get(self.who, self.new)),
                     "REQUESTED")
        conflict = next((line for line in lines if "conflict" in line), {})
        report.equal("the change of the older one is a conflict, and not carried out",
                     (answer.exit_code, conflict.get("conflict"), conflict.get("reason")),
                     (4, "ChangePriority", "ETAG_MISMATCH"))
        report.equal("she is shown what has happened since",
                     [entry["event"] for entry in conflict.get("since", [])], ["ACKNOWLEDGE"])

    def decided(self):
        report, name = self.report, self.standing["name"]
        report.step(self.who.title, "sees that nothing speaks against it, and sends it for what it is now")
        answer, _ = self.send("--retry", name)
        report.check("it is carried out", answer.ok, str(answer))
        report.equal("the older one is urgent now", self.desk.get(self.who, name).get("priority"),
                     "PRIORITY_URGENT")
        answer, lines = self.send()
        report.equal("sent once more, nothing is done twice", (answer.exit_code, lines), (0, []))
        with open(self.queue, encoding="utf-8") as file:
            left = file.read()
        report.check("nothing of what was written is left in the file",
                     "in the evenings" not in left and "in the mornings" not in left)


# --- has it arrived? ------------------------------------------------------------------------------------

# All that a receipt consists of, and what the check of it adds.
_OF_A_RECEIPT = ("kind", "time", "sentTime", "body", "contentHash", "signature", "holds")


def receipts_checked(report, cast, desk, folder, name):
    """`name`: a referral of Fuenlabrada that has been read and completed."""
    report.chapter("Has it arrived? The sender checks the receipts")
    who = cast.fuenlabrada
    report.step(who.title, "looks how far the family's referral came, and checks the signatures")
    answer = desk.type(who, "referral", "receipts", name)
    found = answer.message.get("receipts", [])
    for each in found:
        report.row(f"{each['kind'].removeprefix('TRANSPORT_RECEIPT_KIND_').lower()} at {each['time']}, "
                   f"for {each['body']}")
    report.equal("it was received, delivered and read, once each",
                 [each["kind"].removeprefix("TRANSPORT_RECEIPT_KIND_") for each in found],
                 ["RECEIVED", "DELIVERED", "READ"])
    report.check("every signature holds", answer.ok and all(each["holds"] for each in found), str(answer))
    report.equal("they name the body", {each["body"] for each in found}, {"bodies/fr-pont-de-claix"})
    for each in found:
        kind = each["kind"].removeprefix("TRANSPORT_RECEIPT_KIND_")
        report.equal(f"of {kind} there is nothing else that could name who looked", sorted(each),
                     sorted(_OF_A_RECEIPT))
    keys = os.path.join(folder, "receipt-keys.json")
    with open(keys, "w", encoding="utf-8") as file:
        json.dump(who.call(REFERRAL, "ListReceiptKeys", {}).message, file)
    answer = who.tell("referral", "receipts", name, "--keys", keys)
    report.check("so they do with the keys that she keeps herself", answer.ok, str(answer))
    with open(keys, "w", encoding="utf-8") as file:
        file.write("{}")
    answer = who.tell("referral", "receipts", name, "--keys", keys)
    report.equal("without the key of that node they prove nothing: exit code 7", answer.exit_code, 7)
