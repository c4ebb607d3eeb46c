"""Rights that travel, and the end of keeping: a person moves from Livadia to Athens to Vienna; another one
asks what is held of her, has it put right, has its use restricted, and objects."""

import cases
from desk import in_days, minutes_ago, short_state

_LIVADIA = "bodies/el-kedhl"
_ATHENS = "bodies/el-accmr"
_VIENNA = "bodies/at-wien"
_LAW = "el/nomos-4624-2019/art-34"
_FAR = "2150-12-31"
_WRONG_DATE = "1971-10-08"  # as cases.py has it
_RIGHT_DATE = "1971-08-10"


class WhoMoves:
    """One person, three bodies: who holds what, who is told, and what is kept how long."""

    def __init__(self, report, cast, desk, run):
        self.report = report
        self.cast = cast
        self.desk = desk
        self.run = run
        self.bosses = {body: cast.supervisor_of(body) for body in (_LIVADIA, _ATHENS, _VIENNA)}
        self.first = ""
        self.second = ""
        self.right = ""

    def play(self):
        self.report.chapter("From Livadia to Athens to Vienna: consent withdrawn there")
        self.report.say("Idris is invented. He lived in an apartment of ESTIA in Livadia, found work in "
                        "Athens, and moves on to his brother in Vienna.")
        self.moves()
        self.withdraws()
        self.receipts()
        self.report.chapter("Kept how long? A look ahead that erases nothing")
        self.looks_ahead()

    # --- the way --------------------------------------------------------------------------------------

    def moves(self):
        report, cast, desk = self.report, self.cast, self.desk
        report.step(cast.estia.title, "refers him to the Athens Coordination Centre, on his consent")
        request = {**cases.man_who_moves(), "ownReference": f"L-{self.run}"}
        self.first = desk.submit(cast.estia, request).message["name"]
        report.step(cast.athens.title, "accepts, and begins")
        desk.state_is(desk.type(cast.athens, "referral", "accept", self.first), "ACCEPTED")
        desk.state_is(desk.send(cast.athens, "StartReferral", {"name": self.first}), "IN_PROGRESS")
        report.step(cast.athens.title, "hands the case over to Vienna when he moves",
                    "He is asked again: consent is given for one recipient.")
        answer = desk.send(cast.athens, "HandOverReferral", {
            "name": self.first, "body": _VIENNA, "unit": cast.vienna.unit,
            "disclosures": [{"person": 1, "disclosure": cases.on_consent("el", "at", "ar")}]})
        self.second = answer.message.get("forwardedTo", "")
        report.check("a referral to Vienna is open", bool(self.second), str(answer))
        report.step(cast.vienna.title, "accepts")
        answer = desk.type(cast.vienna, "referral", "accept", self.second)
        report.equal("Vienna holds the case", answer.message.get("caseHoldingBody"), _VIENNA)

    # --- the right ------------------------------------------------------------------------------------

    def withdraws(self):
        report, cast, desk = self.report, self.cast, self.desk
        report.step(cast.vienna.title, "records that he withdraws: he wants no help any longer",
                    "Recorded once, it reaches every body that holds something of him.")
        answer = desk.send(cast.vienna, "RecordRightsRequest", {
            "name": self.second, "kind": "RIGHT_KIND_WITHDRAWAL", "person": 1,
            "askTime": minutes_ago(30), "askedHow": "ASKED_HOW_IN_PERSON"})
        self.right = answer.message.get("name", "")
        report.check("it has a name", self.right.startswith("rightsRequests/"), str(answer))
        report.equal("it reaches both referrals, on both sides", answer.message.get("holderCount"), 4)
        ended = desk.get(cast.vienna, self.second)
        report.equal("in Vienna it ended at once: consent was all that it rested on",
                     (ended.get("state"), ended.get("cancelReason")),
                     ("REFERRAL_STATE_CANCELLED", "CANCEL_REASON_PERSON_WITHDREW"))
        for body, owed in ((_LIVADIA, 1), (_ATHENS, 2), (_VIENNA, 1)):
            tasks = desk.read(self.bosses[body], "ListRightsRequests", {"pageSize": 500}).message
            mine = [t for t in tasks.get("tasks", []) if t["request"] == self.right]
            report.equal(f"{body} finds what it owes an answer to", len(mine), owed)

    def answer(self, body, referral, answer, **more):
        return self.desk.send(self.bosses[body], "AnswerRightsRequest", {
            "name": self.right, "referral": referral, "answer": "RIGHT_ANSWER_" + answer, **more})

    def receipts(self):
        report = self.report
        report.step("Vienna and Athens", "stop, and erase what they held")
        for body, referral in ((_VIENNA, self.second), (_ATHENS, self.second), (_ATHENS, self.first)):
            answer = self.answer(body, referral, "STOPPED_ERASED")
            report.check(f"{body} has erased its share of {referral}", answer.ok, str(answer))
        report.step("Livadia", "has a law that makes it keep the file of an apartment")
        answer = self.answer(_LIVADIA, self.first, "RETAINED", law=_LAW, retainedUntil="2036-12-31")
        report.equal("all have answered", answer.message.get("answeredCount"), 4)
        receipts = {(h["referral"], h["body"]): h.get("answer") for h in answer.message.get("holders", [])}
        report.equal("Livadia, which referred him first, has the receipts of all three", receipts, {
            (self.first, _LIVADIA): "RIGHT_ANSWER_RETAINED",
            (self.first, _ATHENS): "RIGHT_ANSWER_STOPPED_ERASED",
            (self.second, _ATHENS): "RIGHT_ANSWER_STOPPED_ERASED",
            (self.second, _VIENNA): "RIGHT_ANSWER_STOPPED_ERASED",
        })
        checked = self.bosses[_LIVADIA].tell("rights", "receipts", self.right)
        found = checked.message.get("receipts", [])
        report.check("each of the four is signed, and every signature holds",
                     checked.ok and len(found) == 4 and all(each["holds"] for each in found), str(checked))
        report.equal("each in the name of the body that answered", sorted(each["body"] for each in found),
                     sorted([_LIVADIA, _ATHENS, _ATHENS, _VIENNA]))
        again = self.desk.disclose(self.cast.vienna, self.second, ["DETAILS"], "DELIVER_SERVICE")
        self.desk.refused("Vienna opens nothing of him any longer", again, "FAILED_PRECONDITION",
                          "SHARE_ERASED")

    # --- the end of keeping -----------------------------------------------------------------------------

    def kept(self, body, held_back=False):
        """What a body will erase, by referral; held back instead where asked."""
        answer = self.desk.read(self.bosses[body], "ListRetention",
                                {"until": _FAR, "heldBack": held_back, "pageSize": 500})
        self.report.check(f"{body} may look", answer.ok, str(answer))
        return {entry["referral"]: entry for entry in answer.message.get("entries", [])}

    def looks_ahead(self):
        report, desk = self.report, self.desk
        report.step("Livadia, supervisor", "looks which files will be erased, and when")
        entry = self.kept(_LIVADIA).get(self.first, {})
        report.row(f"{self.first}: kept until {entry.get('keptUntil')}, by {entry.get('rules')}")
        report.equal("his file is kept as long as the law says, which is longer than the rule",
                     entry.get("keptUntil"), "2036-12-31")
        report.equal("all of its share goes then", entry.get("wholeShare"), True)
        for body in (_ATHENS, _VIENNA):
            left = [name for name in (self.first, self.second) if name in self.kept(body)]
            report.equal(f"{body} has nothing of him that could be erased", left, [])
        report.step("Livadia, supervisor", "places a hold on it: a court has asked for the file")
        desk.send(self.bosses[_LIVADIA], "PlaceLegalHold", {"name": self.first, "law": _LAW})
        report.check("it will not be erased on its day", self.first not in self.kept(_LIVADIA))
        held = self.kept(_LIVADIA, held_back=True).get(self.first, {})
        report.equal("it is listed as held back", held.get("heldBack"), "HELD_BACK_REASON_LEGAL_HOLD")
        desk.send(self.bosses[_LIVADIA], "ReleaseLegalHold", {"name": self.first})
        report.check("released, it has its day again", self.first in self.kept(_LIVADIA))
        answer = desk.read(self.cast.pont_supervisor, "ListRetention", {"until": _FAR, "pageSize": 500})
        days = [entry["keptUntil"] for entry in answer.message.get("entries", [])
                if entry.get("rules") == [cases.retention_rule("fr")]]
        report.check("what Pont-de-Claix has completed goes two years after its end, as its rule says",
                     in_days(731)[:10] in days, str(days))
        report.step("Livadia, supervisor", "reads what the job has erased so far")
        answer = desk.type(self.bosses[_LIVADIA], "retention", "report")
        report.check("nothing was due yet, and nothing was erased",
                     answer.ok and not answer.message.get("reports"), str(answer))


# --- access, rectification, a restriction, then an objection ----------------------------------------------

class WhoObjects:
    """One person, two bodies, and a law behind both: she asks what is held of her and has a date put right;
    its use is restricted and goes on, then she objects."""

    def __init__(self, report, cast, desk, run):
        self.report, self.cast, self.desk, self.run = report, cast, desk, run
        self.name = ""
        self.right = ""

    def play(self):
        self.report.chapter("She asks what is held of her, and has a wrong date put right")
        self.report.say("Amal is invented. The law allows both sides to work on her case; she may still ask "
                        "what is held of her, and that it is right.")
        self.under_way()
        self.asked()
        self.put_right()
        self.report.chapter("She asks that it rest, and later objects: what goes on, and what stops")
        self.report.say("She may also ask that what is held of her rests, and object.")
        self.restricted()
        self.lifted()
        self.objected()

    def under_way(self):
        cast, desk = self.cast, self.desk
        self.report.step(cast.estia.title, "refers her to the Athens Coordination Centre, which begins")
        request = {**cases.woman_who_objects(), "ownReference": f"O-{self.run}"}
        self.name = desk.submit(cast.estia, request).message["name"]
        desk.state_is(desk.type(cast.athens, "referral", "accept", self.name), "ACCEPTED")
        desk.state_is(desk.send(cast.athens, "StartReferral", {"name": self.name}), "IN_PROGRESS")

    def record(self, who, kind):
        answer = self.desk.send(who, "RecordRightsRequest", {
            "name": self.name, "kind": "RIGHT_KIND_" + kind, "person": 1, "askTime": minutes_ago(30),
            "askedHow": "ASKED_HOW_BY_TELEPHONE"})
        self.report.equal("it reaches both bodies", answer.message.get("holderCount"), 2)
        return answer.message.get("name", "")

    def answer(self, body, right, answer, **more):
        answer = self.desk.send(self.cast.supervisor_of(body), "AnswerRightsRequest", {
            "name": right, "referral": self.name, "answer": "RIGHT_ANSWER_" + answer, **more})
        self.report.check(f"{body} has answered", answer.ok, str(answer))
        return answer.message

    # --- access and rectification -----------------------------------------------------------------------

    def asked(self):
        report, desk, cast = self.report, self.desk, self.cast
        report.step(cast.estia.title, "records that she asks what is held of her")
        right = self.record(cast.estia, "ACCESS")
        report.step(cast.athens.title, "opens all that the Centre holds of her, to give it to her")
        answer = desk.type(cast.athens, "rights", "export", self.name, "--person", "1")
        held = answer.message
        details = held.get("sections", {}).get("details", {})
        report.check("her own details are in it", details.get("givenName") == "Amal"
                     and details.get("birthDate") == _WRONG_DATE, str(answer))
        report.equal("the rule by which they are kept", held.get("person", {}).get("disclosure", {})
                     .get("retentionRule"), cases.retention_rule("el"))
        report.equal("and who has them", sorted(held.get("recipients", [])), sorted([_ATHENS, _LIVADIA]))
        kinds = [each["kind"].removeprefix("TRANSPORT_RECEIPT_KIND_")
                 for each in desk.get(cast.estia, self.name).get("receipts", [])]
        report.check("it was a look like every other: Livadia sees that it was read", "READ" in kinds,
                     str(kinds))
        answer = cast.pont_supervisor.tell("rights", "export", self.name, "--person", "1")
        desk.refused("a body that has no part in her case gets nothing", answer, "NOT_FOUND")
        report.step("Both", "give her what they have of her")
        self.answer(_ATHENS, right, "PROVIDED")
        answered = self.answer(_LIVADIA, right, "PROVIDED")
        report.equal("all have answered", answered.get("answeredCount"), 2)
        report.equal("the case has gone on", short_state(desk.get(cast.athens, self.name)), "IN_PROGRESS")

    def put_right(self):
        report, desk, cast = self.report, self.desk, self.cast
        report.step(cast.athens.title, "records that her birth date is wrong: day and month are exchanged")
        right = self.record(cast.athens, "RECTIFICATION")
        report.step("Athens, supervisor", "puts it right",
                    "A section is given whole. Whoever could open it opens what is right, and nobody more.")
        corrected = {**cases.woman_who_objects()["sections"][0]["details"], "birthDate": _RIGHT_DATE}
        self.answer(_ATHENS, right, "RECTIFIED", corrected={"person": 1, "details": corrected})
        for who in (cast.estia, cast.athens):
            answer = desk.disclose(who, self.name, ["DETAILS"], "ANSWER_RIGHTS_REQUEST")
            details = answer.message.get("sections", [{}])[0].get("details", {})
            report.equal(f"{who.body} has the right date, and the rest as it was", details, corrected)
        answered = self.answer(_LIVADIA, right, "RECTIFIED")
        report.equal("all have answered", answered.get("answeredCount"), 2)
        answer = desk.read(cast.estia, "ListReferralHistory", {"name": self.name, "pageSize": 500})
        told = [entry.get("event") for entry in answer.message.get("entries", [])]
        report.check("the history says that something was put right, and not what", "RECTIFY" in told
                     and told.count("ANSWER_RIGHT") == 4 and "1971" not in answer.out, str(told))

    def look(self, purpose):
        return self.desk.disclose(self.cast.athens, self.name, ["DETAILS"], purpose)

    def restricted(self):
        self.report.step(self.cast.estia.title, "records that she wants its use restricted")
        self.right = self.record(self.cast.estia, "RESTRICTION")
        self.desk.refused("Athens opens her details for its work no longer", self.look("DELIVER_SERVICE"),
                          "FAILED_PRECONDITION", "USE_RESTRICTED")
        self.report.check("to protect her it still can", self.look("PROTECT_PERSON").ok)
        for body in (_LIVADIA, _ATHENS):
            self.answer(body, self.right, "RESTRICTED")

    def lifted(self):
        self.report.step("Both", "tell her, and lift the restriction", "She has to be told before.")
        for body in (_LIVADIA, _ATHENS):
            self.answer(body, self.right, "LIFTED", informedHow="INFORMED_HOW_IN_PERSON",
                        informedLanguage="ar")
        answer = self.look("DELIVER_SERVICE")
        self.report.check("the work goes on", answer.ok, str(answer))

    def objected(self):
        report, desk, cast = self.report, self.desk, self.cast
        report.step(cast.athens.title, "records that she objects")
        right = self.record(cast.athens, "OBJECTION")
        seen = desk.get(cast.athens, self.name)
        report.equal("the case rests on a law: it is not ended by that", short_state(seen), "IN_PROGRESS")
        report.check("it is marked, and nothing further is disclosed of her", any(
            mark.get("kind") == "RIGHT_KIND_OBJECTION" and mark.get("stopsDisclosure")
            for mark in seen.get("rightMarks", [])), str(seen.get("rightMarks")))
        answer = desk.send(cast.athens, "HandOverReferral", {
            "name": self.name, "body": _VIENNA, "unit": cast.vienna.unit,
            "disclosures": [{"person": 1, "disclosure": cases.disclosure("el", "at", "ar")}]})
        desk.refused("it cannot be handed over to Vienna", answer, "FAILED_PRECONDITION",
                     "DISCLOSURE_STOPPED")
        report.step("Athens and Livadia", "answer: one stops, the other has a law that makes it keep it")
        self.answer(_ATHENS, right, "STOPPED_ERASED")
        self.answer(_LIVADIA, right, "RETAINED", law=_LAW)
        report.equal("with that the case has ended", short_state(desk.get(cast.estia, self.name)),
                     "CANCELLED")
        desk.refused("Athens opens nothing of her any longer", self.look("PROTECT_PERSON"),
                     "FAILED_PRECONDITION", "SHARE_ERASED")
