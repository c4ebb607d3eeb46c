"""The chapters about referrals: one completed, one declined, one forwarded, one from the waiting list."""

import time

import cases
from client import DIRECTORY, ENROLMENT
from desk import in_days, minutes_ago, request_id, short_state, today

_LAND_WIEN = "bodies/at-wien-land"
_PATIENCE_SECONDS = 30


def _people(sections):
    for each in sections:
        details = each.get("details", {})
        if details.get("givenName"):
            yield f"{each['person']}: {details['givenName']} {details['familyName']}"


# --- c. the family of four ----------------------------------------------------------------------------

class FamilyOfFour:
    """Fuenlabrada refers a family of four to the social centers of Pont-de-Claix."""

    def __init__(self, report, cast, desk, run):
        self.report, self.cast, self.desk = report, cast, desk
        self.reference = f"SW-{run}"
        self.receiver_reference = f"ASL-{run}"
        self.name = ""

    def play(self):
        self.report.chapter("A family of four: asked about, accepted, completed")
        self.report.say("Marzia, Hamid, Laleh and Omid are invented, and so is their case. They move from "
                        "Fuenlabrada to Pont-de-Claix. The parents speak Dari and need an interpreter.")
        self.sent()
        self.sent_twice()
        self.not_theirs()
        self.before_acceptance()
        self.asked_about()
        self.accepted()
        self.after_acceptance()
        self.completed()
        self.looked_back_on()
        return self.name

    def sent(self):
        who = self.cast.fuenlabrada
        self.report.step(who.title, "sends the referral without saying what allows it",
                         "What is disclosed needs a purpose and a basis in law on both sides, for each.")
        bare = cases.family_of_four()
        for person in bare["referral"]["persons"]:
            del person["disclosure"]
        answer = self.desk.send(who, "SubmitReferral", {**bare, "ownReference": self.reference})
        self.report.check("it is refused whole, and told everything that is missing at once",
                          not answer.ok and len(answer.violations) >= 8, f"{answer} {answer.violations}")

        self.report.step(who.title, "sends it with purpose, basis, retention and how each was informed")
        self.request = {"requestId": request_id(), **cases.family_of_four(), "ownReference": self.reference}
        answer = self.desk.submit(who, self.request)
        self.name = answer.message["name"]
        self.first_etag = answer.message["etag"]
        self.report.equal("the referring body still holds the case", answer.message.get("caseHoldingBody"),
                          "bodies/es-fuenlabrada")
        self.report.equal("the receiving body owes an acknowledgement",
                          answer.message.get("due", {}).get("clock"), "CLOCK_ACKNOWLEDGE")
        self.report.check("the interpreter need travels with the case",
                          [p.get("interpreterLanguage", "") for p in answer.message.get("persons", [])]
                          == ["prs", "prs", "", ""])

    def sent_twice(self):
        who = self.cast.fuenlabrada
        self.report.step(who.title, "sends the same again, as after a lost connection")
        again = self.desk.send(who, "SubmitReferral", self.request)
        self.report.equal("the first answer comes back: no second referral", again.message.get("name"),
                          self.name)
        other = {**self.request, "ownReference": "something else"}
        answer = self.desk.send(who, "SubmitReferral", other)
        self.desk.refused("the same id with other content is refused", answer, "INVALID_ARGUMENT",
                          "REQUEST_ID_REUSED")

    def not_theirs(self):
        self.report.step("Others", "try to read it")
        answer = self.desk.read(self.cast.mechelen, "GetReferral", {"name": self.name})
        self.desk.refused("Mechelen has no part in it: for Mechelen it does not exist", answer, "NOT_FOUND",
                          "NOT_FOUND")
        answer = self.desk.read(self.cast.fuenlabrada_other, "GetReferral", {"name": self.name})
        self.desk.refused("a colleague of another unit in Fuenlabrada is refused", answer,
                          "PERMISSION_DENIED", "NOT_ALLOWED")
        nobody = self.cast.fuenlabrada.tool.run(
            ["--output", "json", "call", "waypost.referral.v1.ReferralService/GetReferral",
             f'{{"name": "{self.name}"}}'])
        self.desk.refused("without a token nobody gets in", nobody, "UNAUTHENTICATED", "TOKEN_MISSING")

    def before_acceptance(self):
        who = self.cast.pont
        self.report.step(who.title, "finds it in the inbox and looks at what is shown before a decision",
                         "Until it accepts, a receiving body sees ages in bands, languages and needs, and "
                         "what the referring body marked as necessary to decide.")
        inbox = self.desk.read(who, "ListReferrals", {"box": "BOX_INBOX", "unit": who.unit, "pageSize": 500})
        listed = next((r for r in inbox.message.get("referrals", []) if r["name"] == self.name), {})
        self.report.check("it is in the inbox: four people", listed.get("personCount") == 4, str(listed))
        seen = self.desk.get(who, self.name)
        for person in seen.get("persons", []):
            age = person["ageBand"].removeprefix("AGE_BAND_").replace("_", " ").lower()
            self.report.row(f"person {person['number']}: age {age}, speaks {', '.join(person['languages'])}, "
                            f"interpreter: {person.get('interpreterLanguage', 'none')}")
        self.report.check("no agreement, no legal facts, no parents' facts are shown yet",
                          seen.get("persons") and not any(
                              key in person for person in seen["persons"]
                              for key in ("agreement", "disclosure", "parentalResponsibility")))
        answer = self.desk.disclose(who, self.name, ["DETAILS"], "ASSESS_REQUEST")
        self.desk.refused("the details stay closed before acceptance", answer, "FAILED_PRECONDITION",
                          "NOT_YET_DISCLOSED")
        answer = self.desk.disclose(who, self.name, ["SCREENING"], "ASSESS_REQUEST")
        for section in answer.message.get("sections", []):
            self.report.came(f"person {section['person']}: {section['screening']['text']}")
        self.report.check("the screening of all four opens, and no name with it",
                          len(answer.message.get("sections", [])) == 4 and not list(
                              _people(answer.message["sections"])))
        answer = self.desk.read(who, "DiscloseReferral",
                                {"name": self.name, "sections": ["SECTION_KIND_SCREENING"]})
        self.desk.refused("without a purpose nothing opens", answer, "INVALID_ARGUMENT", "INVALID_FIELD")

    def asked_about(self):
        who, other = self.cast.pont, self.cast.fuenlabrada
        self.report.step(who.title, "acknowledges it, and asks a question",
                         "A person goes to ALPHA or to FLE1 by schooling; the file must not be guessed at.")
        answer = self.desk.send(who, "AcknowledgeReferral",
                                {"name": self.name, "etag": self.first_etag,
                                 "ownReference": self.receiver_reference})
        self.desk.state_is(answer, "ACKNOWLEDGED")
        stale = self.desk.send(who, "AcceptReferral", {"name": self.name, "etag": self.first_etag})
        self.desk.refused("a decision on an old version of it is refused", stale, "ABORTED",
                          "ETAG_MISMATCH")
        answer = self.desk.send(who, "RequestInformation",
                                {"name": self.name, "text": "How many years did the father go to school, and "
                                                            "which scripts does he read?"})
        self.desk.state_is(answer, "NEEDS_INFO")
        self.report.check("now Fuenlabrada owes the answer; the receiver's clock rests",
                          answer.message.get("due", {}).get("clock") == "CLOCK_INFORMATION"
                          and answer.message.get("due", {}).get("party") == "PARTY_REFERRING")

        self.report.step(other.title, "reads the question and answers it")
        notes = self.desk.read(other, "ListNotes", {"name": self.name}).message.get("notes", [])
        question = next((n["name"] for n in notes if n["kind"] == "NOTE_KIND_QUESTION"), "")
        opened = self.desk.read(other, "DiscloseNotes", {"name": self.name, "notes": [question],
                                                         "purpose": "PURPOSE_COORDINATE_CASE"})
        texts = [n["text"] for n in opened.message.get("notes", [])]
        self.report.check("the question can be read, and the look is recorded",
                          texts and texts[0].startswith("How many years"), f"{opened} {texts}")
        answer = self.desk.send(other, "ProvideInformation",
                                {"name": self.name, "text": "Nine years, in Dari. He reads Arabic and Latin "
                                                            "script."})
        self.desk.state_is(answer, "ACKNOWLEDGED")

    def accepted(self):
        who = self.cast.pont
        self.report.step(who.title, "reports two places that have become free, and accepts",
                         "In the paper's year 30 of 33 learners changed their level: places open.")
        for group, places in (("alpha", 8), ("fle1", 19)):
            self._make_room(group, places)
            answer = who.call(DIRECTORY, "ReportCapacity",
                              {"name": "offers/fr-pont-de-claix-asl", "groupId": group,
                               "capacity": {"places": places, "free": 1, "waiting": 0},
                               "requestId": request_id()})
            self.report.check(f"{group.upper()}: {places} places, 1 free, as of now", answer.ok, str(answer))
        bare = self.desk.send(who, "AcceptReferral", {"name": self.name})
        self.desk.refused("workshops are attended in groups: a place in one has to be named", bare,
                          "FAILED_PRECONDITION", "GROUP_REQUIRED")
        self.report.row("the groups are: " + bare.metadata.get("groups", ""))
        answer = self.desk.type(who, "referral", "accept", self.name,
                                "--place", '{"person":1,"groupId":"alpha"}',
                                "--place", '{"person":2,"groupId":"fle1"}',
                                "--etag", self.desk.get(who, self.name).get("etag", ""),
                                "--appointment-time", in_days(7), "--appointment-zone", "Europe/Paris",
                                "--text", "First positioning with the trainer; an interpreter is booked.")
        self.desk.state_is(answer, "ACCEPTED")
        self.report.equal("from now on Pont-de-Claix holds the case", answer.message.get("caseHoldingBody"),
                          "bodies/fr-pont-de-claix")
        self.report.equal("the parents have a place each, and are enrolled",
                          [p.get("groupId") for p in answer.message.get("places", []) if p.get("enrolment")],
                          ["alpha", "fle1"])
        self.report.equal("an appointment is set", [a.get("status") for a in
                                                    answer.message.get("appointments", [])],
                          ["APPOINTMENT_STATUS_SCHEDULED"])
        again = self.desk.send(who, "AcknowledgeReferral", {"name": self.name})
        self.desk.refused("what the state does not take is refused, and says what it does take", again,
                          "FAILED_PRECONDITION", "INVALID_TRANSITION")
        self.report.row("allowed now: " + again.metadata.get("allowed", ""))

    def _make_room(self, group, places):
        """On a node that has heard the story before, the group is full: somebody leaves it."""
        who, offer = self.cast.pont_supervisor, "offers/fr-pont-de-claix-asl"
        taken = who.call(ENROLMENT, "GetWaitingList", {
            "name": f"{offer}/groups/{group}/waitingList"}).message.get("taken", 0)
        if taken < places:
            return
        learners = who.call(ENROLMENT, "ListEnrolments", {"offer": offer, "groupId": group})
        leaves = learners.message.get("enrolments", [{}])[0].get("name", "")
        answer = who.call(ENROLMENT, "LeaveEnrolment", {
            "name": leaves, "requestId": request_id(), "reason": "LEAVE_REASON_MOVED_AWAY",
            "destination": "LEAVE_DESTINATION_UNKNOWN"})
        self.report.check(f"somebody leaves {group.upper()}", answer.ok, str(answer))

    def after_acceptance(self):
        who = self.cast.pont
        self.report.step(who.title, "opens the details, now that it has accepted")
        answer = self.desk.disclose(who, self.name, ["DETAILS"], "DELIVER_SERVICE")
        names = list(_people(answer.message.get("sections", [])))
        self.report.came("; ".join(names))
        self.report.equal("four people by name", len(names), 4)
        answer = self.desk.disclose(who, self.name, ["ALERTS"], "PROTECT_PERSON")
        self.desk.refused("safeguarding alerts are not for every caseworker", answer, "PERMISSION_DENIED",
                          "NOT_ALLOWED")
        answer = self.desk.disclose(self.cast.pont_safeguarding, self.name, ["ALERTS"], "PROTECT_PERSON")
        alerts = [alert for section in answer.message.get("sections", [])
                  for alert in section.get("alerts", {}).get("alerts", [])]
        self.report.check("the safeguarding officer can open the one there is", len(alerts) == 1,
                          f"{answer} {alerts}")

    def completed(self):
        who, day = self.cast.pont, today()
        self.report.step(who.title, "begins, records the appointment, and completes it",
                         "Each person has an outcome of their own, with who told them and in which language.")
        self.desk.state_is(self.desk.type(who, "referral", "start", self.name), "IN_PROGRESS")
        answer = self.desk.type(who, "referral", "record-appointment", self.name, "--number", "1",
                                "--status", "attended")
        self.desk.refused("nobody has attended what is still to come", answer, "INVALID_ARGUMENT",
                          "INVALID_FIELD")
        self.report.say("They have arrived early, and come today.")
        self.desk.type(who, "referral", "record-appointment", self.name, "--number", "1", "--status", "moved",
                       "--time", minutes_ago(1), "--zone", "Europe/Paris")
        answer = self.desk.type(who, "referral", "record-appointment", self.name, "--number", "2",
                                "--status", "attended")
        statuses = [a["status"].removeprefix("APPOINTMENT_STATUS_")
                    for a in answer.message.get("appointments", [])]
        self.report.equal("the first was moved, the second kept", statuses, ["MOVED", "ATTENDED"])
        outcomes = [cases.outcome(1, "ENROLLED", day, "prs"), cases.outcome(2, "ENROLLED", day, "prs"),
                    cases.outcome(3, "ADVISED", day, "es")]
        answer = self.desk.send(who, "CompleteReferral", {"name": self.name, "outcomes": outcomes})
        self.report.check("without an outcome for the youngest it is refused",
                          answer.code == "INVALID_ARGUMENT"
                          and any("person 4" in what for _, what in answer.violations),
                          f"{answer} {answer.violations}")
        outcomes.append(cases.outcome(4, "NEED_MET_ELSEWHERE", day, "es"))
        answer = self.desk.send(who, "CompleteReferral", {"name": self.name, "outcomes": outcomes})
        self.desk.state_is(answer, "COMPLETED")
        self.put_right(day)

    def put_right(self, day):
        who = self.cast.pont
        self.report.step(who.title, "voids one outcome: the daughter has her place in a course, too",
                         "The wrong one stays with her, marked; the referral stays as it ended.")
        answer = self.desk.send(who, "VoidOutcome",
                                {"name": self.name, "person": 3, "reason": "VOID_REASON_WRONG_CONTENT",
                                 "outcome": cases.outcome(3, "ENROLLED", day, "es")["outcome"]})
        third = next((p for p in answer.message.get("persons", []) if p.get("number") == 3), {})
        wrong = [v["outcome"]["kind"] for v in third.get("voidedOutcomes", [])]
        self.report.check("hers is put right, and the wrong one is kept as void",
                          third.get("outcome", {}).get("kind") == "OUTCOME_KIND_ENROLLED"
                          and wrong == ["OUTCOME_KIND_ADVISED"], f"{answer} {third}")

    def looked_back_on(self):
        who = self.cast.fuenlabrada
        self.report.step(who.title, "finds it by its own reference, and sees what came of it for each")
        found = self.desk.read(who, "FindByOwnReference", {"ownReference": self.reference}).message
        self.report.equal("one referral with that reference",
                          [r["name"] for r in found.get("referrals", [])], [self.name])
        seen = self.desk.get(who, self.name)
        kinds = []
        for person in seen.get("persons", []):
            outcome = person.get("outcome", {})
            kinds.append(outcome.get("kind", "").removeprefix("OUTCOME_KIND_"))
            self.report.row(f"person {person['number']}: {kinds[-1].lower().replace('_', ' ')} on "
                            f"{outcome.get('date')}, told in {outcome.get('informedLanguage')}")
        self.report.equal("an outcome per person", kinds,
                          ["ENROLLED", "ENROLLED", "ENROLLED", "NEED_MET_ELSEWHERE"])
        history = self.desk.read(who, "ListReferralHistory", {"name": self.name}).message.get("entries", [])
        self.report.row("history: " + " → ".join(entry["event"] for entry in history))
        self.report.check("nothing is missing in the history", history
                          and [int(entry["revision"]) for entry in history]
                          == list(range(1, int(seen["revision"]) + 1)), str(history))


# --- d. declined --------------------------------------------------------------------------------------

def declined(report, cast, desk, run):
    report.chapter("A young man of 27: declined, with a reason")
    report.say("Karim is invented. cult.mobil works with people from 14 to 26; the social worker in Vienna "
               "asks all the same, because a rule advises and a person decides.")
    report.step(cast.vienna.title, "refers him to cult.mobil in Neubau")
    name = desk.submit(cast.vienna, {**cases.young_man_of_27(), "ownReference": f"W-{run}"}).message["name"]
    report.step(cast.cult_mobil.title, "looks at what was marked as necessary, and declines")
    answer = desk.disclose(cast.cult_mobil, name, ["SCREENING"], "ASSESS_REQUEST")
    report.check("the age is in the screening", answer.ok and "27" in answer.message["sections"][0]
                 ["screening"]["text"], str(answer))
    answer = desk.send(cast.cult_mobil, "DeclineReferral", {"name": name, "reason": "DECLINE_REASON_OTHER",
                                                            "declinedBy": "DECLINED_BY_PROVIDER"})
    desk.refused("OTHER without a text is refused", answer, "INVALID_ARGUMENT", "INVALID_FIELD")
    answer = desk.type(cast.cult_mobil, "referral", "decline", name, "--reason", "not-eligible",
                       "--declined-by", "provider", "--suggested-body", _LAND_WIEN,
                       "--text", "We work with people from 14 to 26 years.")
    desk.state_is(answer, "DECLINED")
    seen = desk.get(cast.vienna, name)
    report.equal("Vienna sees the coded reason", seen.get("decline", {}).get("reason"),
                 "DECLINE_REASON_NOT_ELIGIBLE")
    report.equal("and who might help instead", seen.get("decline", {}).get("suggestedBody"), _LAND_WIEN)
    answer = desk.read(cast.supervisor_of(_LAND_WIEN), "GetReferral", {"name": name})
    desk.refused("Land Wien is not told of him by that", answer, "NOT_FOUND")
    report.equal("the case is with Vienna, as it was all the time", seen.get("caseHoldingBody"),
                 "bodies/at-wien")
    report.step(cast.cult_mobil.title, "tries to look again")
    answer = desk.disclose(cast.cult_mobil, name, ["SCREENING"], "ASSESS_REQUEST")
    desk.refused("who declines loses access to the file", answer, "FAILED_PRECONDITION", "ACCESS_ENDED")
    _declined_for_a_paper(report, cast, desk)
    return name


def _ask_for_papers(cast, papers):
    texts = [{"text": {"de": paper}, "originalLanguage": "de"} for paper in papers]
    return cast.supervisor_of("bodies/at-mk-n").call(DIRECTORY, "UpdateOffer", {
        "requestId": request_id(), "updateMask": "requiredDocuments",
        "offer": {"name": "offers/at-wien-cult-mobil", "requiredDocuments": texts}})


def _draft_that_knows_the_papers(cast, desk):
    """A draft that has what the offer requires, as soon as the referral service has heard of it."""
    draft = desk.send(cast.vienna, "CreateReferral", cases.young_woman_without_a_paper()).message
    until = time.monotonic() + _PATIENCE_SECONDS
    while "requiredDocuments" not in draft and time.monotonic() < until:
        time.sleep(0.1)
        draft = desk.send(cast.vienna, "UpdateReferral", {
            "referral": {"name": draft["name"], "offer": "offers/at-wien-cult-mobil"},
            "updateMask": "offer"}, quiet=True).message
    return draft


def _declined_for_a_paper(report, cast, desk):
    report.step("cult.mobil", "asks for a Meldezettel from now on", "That it does is invented.")
    answer = _ask_for_papers(cast, ["Meldezettel"])
    report.check("the offer requires it", answer.ok, str(answer))
    report.step(cast.vienna.title, "refers Rima, who is 19 and has none")
    draft = _draft_that_knows_the_papers(cast, desk)
    report.equal("the referral says what the offer asks for",
                 [paper["text"].get("de") for paper in draft.get("requiredDocuments", [])], ["Meldezettel"])
    name = desk.submit(cast.vienna, {"name": draft["name"]}).message["name"]
    answer = _ask_for_papers(cast, [])
    report.check("soon the offer requires it no longer", answer.ok, str(answer))
    report.step(cast.cult_mobil.title, "sees what she has, and declines for the paper")
    answer = desk.disclose(cast.cult_mobil, name, ["SCREENING"], "ASSESS_REQUEST")
    papers = answer.message.get("sections", [{}])[0].get("screening", {}).get("documents", [{}])
    report.equal("the screening says that she has none", papers[0].get("status"), "DOCUMENT_STATUS_MISSING")
    answer = desk.type(cast.cult_mobil, "referral", "decline", name, "--reason", "missing-documents",
                       "--declined-by", "provider", "--missing-document", "1")
    desk.state_is(answer, "DECLINED")
    report.equal("Vienna sees which paper is missing",
                 desk.get(cast.vienna, name).get("decline", {}).get("missingDocuments"), [1])


def misdirected(report, cast, desk, run):
    report.chapter("Sent to the wrong body: what is recorded, and what is owed")
    report.step(cast.vienna.title, "sends the wrong person's file to cult.mobil, and notices it")
    name = desk.submit(cast.vienna, {**cases.young_man_of_27(), "ownReference": f"X-{run}"}).message["name"]
    answer = desk.type(cast.vienna, "referral", "report-misdirected", name, "--text", "Another young man.")
    desk.state_is(answer, "CANCELLED")
    breach = answer.message.get("breach", "")
    report.check("a record of the breach is opened with it", bool(breach), str(answer))
    answer = desk.read(cast.cult_mobil, "GetReferral", {"name": name})
    desk.refused("for cult.mobil it does not exist any longer", answer, "NOT_FOUND")
    report.step("Vienna, supervisor", "assesses the risk within 72 hours")
    supervisor = cast.supervisor_of("bodies/at-wien")
    supervisor.tell("breaches", "assess", breach, "--risk", "none", "--risk-reason", "not-opened")
    answer = supervisor.tell("breaches", "close", breach)
    report.equal("nothing more is owed: it is closed", answer.message.get("state"), "BREACH_STATE_CLOSED")
    report.check("and so is the follow-up", "due" not in desk.get(cast.vienna, name), name)


# --- e. forwarded -------------------------------------------------------------------------------------

def forwarded(report, cast, desk, run):
    report.chapter("Training for the father: forwarded, after Fuenlabrada confirmed it")
    report.step(cast.fuenlabrada.title, "refers the father to Grenoble-Alpes Métropole",
                "The Métropole coordinates employment and training there since 2019.")
    request = {**cases.father_to_the_metropole(), "ownReference": f"SW-F-{run}"}
    name = desk.submit(cast.fuenlabrada, request).message["name"]
    report.step(cast.metropole.title, "proposes AFPA, which trains on the spot",
                "RISING, its own programme, ended with 2023.")
    answer = desk.send(cast.metropole, "ProposeForward",
                       {"name": name, "body": "bodies/fr-afpa", "unit": "bodies/fr-afpa/units/pont-de-claix",
                        "text": "AFPA offers training in Pont-de-Claix."})
    report.equal("it is proposed, and not sent on", answer.message.get("forwardProposal", {}).get("body"),
                 "bodies/fr-afpa")
    desk.refused("AFPA knows nothing of it", desk.read(cast.afpa, "GetReferral", {"name": name}), "NOT_FOUND",
                 "NOT_FOUND")

    report.step(cast.fuenlabrada.title, "asks the father, and confirms the new recipient",
                "It is a new disclosure: purpose, basis and information are given for AFPA.")
    told = [{"person": 1, "disclosure": cases.disclosure("es", "fr", "prs")}]
    wrong = desk.send(cast.fuenlabrada, "ConfirmForward",
                      {"name": name, "body": "bodies/fr-simplon", "disclosures": told})
    desk.refused("only the body that was proposed can be confirmed", wrong, "FAILED_PRECONDITION",
                 "FORWARD_DIFFERS")
    answer = desk.send(cast.fuenlabrada, "ConfirmForward",
                       {"name": name, "body": "bodies/fr-afpa", "disclosures": told})
    desk.state_is(answer, "FORWARDED")
    linked = answer.message.get("forwardedTo", "")
    report.check("a linked referral is opened", linked.startswith("referrals/"), linked)

    report.step(cast.afpa.title, "finds it in the inbox, and accepts")
    seen = desk.get(cast.afpa, linked)
    for hop in seen.get("hops", []):
        report.row(f"came from {hop['fromBody']} to {hop['toBody']}: {hop['kind'].removeprefix('HOP_KIND_')}")
    report.equal("the way it came is written on it", [(h["fromBody"], h["toBody"]) for h in
                                                      seen.get("hops", [])],
                 [("bodies/fr-grenoble-alpes-metropole", "bodies/fr-afpa")])
    answer = desk.send(cast.afpa, "AcceptReferral", {"name": linked, "appointment": {
        "time": in_days(10, 8, 0), "zone": "Europe/Paris"}})
    desk.state_is(answer, "ACCEPTED")
    report.equal("exactly one body holds the case: AFPA", answer.message.get("caseHoldingBody"),
                 "bodies/fr-afpa")
    report.equal("Fuenlabrada follows the case to the linked referral, and sees that AFPA holds it",
                 desk.get(cast.fuenlabrada, linked).get("caseHoldingBody"), "bodies/fr-afpa")
    answer = desk.disclose(cast.metropole, name, ["SCREENING"], "ASSESS_REQUEST")
    desk.refused("the Métropole, out of it, can open nothing any more", answer, "FAILED_PRECONDITION",
                 "ACCESS_ENDED")
    return name, linked


# --- f. from the waiting list -------------------------------------------------------------------------

def waited_for(report, cast, desk, run):
    report.chapter("A mother and her child: a place in Livadia, from the waiting list")
    report.say("Rima and Nour are invented. ESTIA hosts families in apartments “scattered throughout the "
               "town”; 1,733 people from 2016 until its paper was written. How many places it has is "
               "invented.")
    report.step(cast.athens.title, "refers them to K.E.DH.L., urgently")
    request = {**cases.mother_and_child_in_athens(), "ownReference": f"A-{run}"}
    name = desk.submit(cast.athens, request).message["name"]
    report.step(cast.estia.title, "has no apartment free today, and puts them on the waiting list")
    answer = desk.send(cast.estia, "WaitlistReferral", {"name": name, "reviewTime": in_days(14)})
    desk.state_is(answer, "WAITLISTED")
    report.equal("the waiting list has a day on which it is looked at again",
                 answer.message.get("due", {}).get("clock"), "CLOCK_REVIEW")
    report.equal("the offer has one list, and they are on it",
                 answer.message.get("waiting", {}).get("groupId"), "apartments")
    waiting = cast.estia.call(ENROLMENT, "GetWaitingList", {
        "name": "offers/el-livadia-estia/groups/apartments/waitingList"}).message
    report.equal("K.E.DH.L. sees who is next", waiting.get("nextReferral"), name)
    report.step(cast.estia.title, "offers an apartment that has become free")
    answer = desk.send(cast.estia, "OfferPlace", {"name": name, "answerByTime": in_days(3)})
    desk.state_is(answer, "OFFERED")
    report.step(cast.athens.title, "asks the mother, and takes the place")
    answer = desk.send(cast.athens, "AnswerOffer", {"name": name, "answer": "ANSWER_TAKE_PLACE"})
    report.equal("the place is taken", answer.message.get("placeTaken"), True)
    report.step(cast.estia.title, "accepts")
    answer = desk.type(cast.estia, "referral", "accept", name)
    desk.state_is(answer, "ACCEPTED")
    report.equal("a place for each of the two is theirs",
                 [place.get("groupId") for place in answer.message.get("places", [])],
                 ["apartments", "apartments"])
    report.equal("K.E.DH.L. holds the case", answer.message.get("caseHoldingBody"), "bodies/el-kedhl")
    return name


def boxes(report, cast, desk, names):
    """`names`: completed, forwarded, linked."""
    report.chapter("Inbox, outbox, and catching up")
    completed, first, linked = names
    report.step(cast.fuenlabrada.title, "looks through the outbox")
    everything = ["REFERRAL_STATE_" + s for s in ("REQUESTED", "ACCEPTED", "COMPLETED", "FORWARDED")]
    answer = desk.read(cast.fuenlabrada, "ListReferrals",
                       {"box": "BOX_OUTBOX", "unit": cast.fuenlabrada.unit, "states": everything,
                        "pageSize": 500})
    listed = {r["name"]: short_state(r) for r in answer.message.get("referrals", [])}
    report.equal("both of its referrals are there with their ends",
                 {name: listed.get(name) for name in (completed, first)},
                 {completed: "COMPLETED", first: "FORWARDED"})
    report.step(cast.afpa.title, "looks through the inbox")
    answer = desk.read(cast.afpa, "ListReferrals",
                       {"box": "BOX_INBOX", "unit": cast.afpa.unit, "pageSize": 500})
    inbox = [r["name"] for r in answer.message.get("referrals", [])]
    report.check("the forwarded case is in it", linked in inbox, str(inbox))
    text = str(answer.message)
    report.check("a listing opens nothing: no name is in it", "Rahimi" not in text and "Hamid" not in text)
