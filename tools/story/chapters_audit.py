"""The chapters about evidence: what the log holds, what it proves, and what is left after an erasure."""

import base64
import json
import os
import time

import second_verifier
from client import AUDIT, REFERRAL
from chapters_workshops import ENROLMENT
from desk import request_id

_CATCH_UP_SECONDS = 20


def tree_head(auditor):
    return auditor.call(AUDIT, "GetTreeHead", {})


def entries_of(auditor, resource):
    entries, token = [], ""
    while True:
        page = auditor.call(AUDIT, "ListEntries", {"resource": resource, "order": "ORDER_OLDEST_FIRST",
                                                   "pageSize": 500, "pageToken": token})
        if not page.ok:
            return entries
        entries += page.message.get("entries", [])
        token = page.message.get("nextPageToken", "")
        if not token:
            return entries


def _changes(entries):
    return [e for e in entries if e["record"].get("kind") == "KIND_CHANGE"]


def _when_caught_up(auditor, resource, revision):
    """The entries of a resource once the log has its revision; it is filled a moment after each change."""
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    while True:
        entries = entries_of(auditor, resource)
        revisions = [int(e["record"].get("revision", 0)) for e in _changes(entries)]
        if revision in revisions or time.monotonic() > deadline:
            return entries
        time.sleep(0.1)


def _verify_offline(tool, path):
    """With the tool and without any server: the address given leads nowhere."""
    return tool.run(["--server", "127.0.0.1:1", "--output", "json", "audit", "verify", path])


class Evidence:
    """The log, a proof from it, and what the proof is worth after an erasure.

    `folder` takes the files; `name` is the family's referral, `own_reference` Pont-de-Claix's for it.
    """

    def __init__(self, report, cast, desk, folder, name, own_reference):
        self.report, self.cast, self.desk, self.folder, self.name = report, cast, desk, folder, name
        self.own_reference = own_reference
        self.path = os.path.join(folder, "proof.json")
        self.head = {}

    def _found(self, who):
        answer = who.call(REFERRAL, "FindByOwnReference", {"ownReference": self.own_reference})
        return [referral["name"] for referral in answer.message.get("referrals", [])]

    def play(self, first_head):
        self.report.chapter("The audit log: what happened, and the proof of it")
        self.listed()
        self.only_grew(first_head)
        if self.proved():
            self.tampered_with()
        self.not_for_others()

    def listed(self):
        who = self.cast.fuenlabrada_auditor
        self.report.step(who.title, "lists what is recorded of the family's referral")
        revision = int(self.desk.get(self.cast.fuenlabrada, self.name).get("revision", 0))
        entries = _when_caught_up(who, self.name, revision)
        for entry in entries:
            record = entry["record"]
            purpose = f", to {record['purpose'].lower().replace('_', ' ')}" if record.get("purpose") else ""
            self.report.table_row(f"{entry.get('index', '0'):>5}  {record['type']:32} "
                                  f"{record['body']}{purpose}")
        revisions = [int(e["record"]["revision"]) for e in _changes(entries)]
        self.report.check(f"every one of the {revision} changes is in the log, in order, without a gap",
                          revision > 0 and revisions == list(range(1, revision + 1)), str(revisions))
        looks = [e["record"] for e in entries if e["record"].get("kind") == "KIND_ACCESS"]
        self.report.check(f"{len(looks)} looks at personal data are recorded, each with its purpose",
                          len(looks) >= 4 and all(record.get("purpose") for record in looks))
        text = json.dumps(entries, ensure_ascii=False)
        self.report.check("the log holds no name and no text of anybody",
                          not any(word in text for word in ("Rahimi", "Marzia", "Did not go to school")))

    def only_grew(self, first_head):
        who = self.cast.fuenlabrada_auditor
        self.report.step(who.title, "has kept the log's first root, and asks for proof that it only grew")
        self.head = tree_head(who).message
        size = int(self.head.get("treeSize", 0))
        self.report.row(f"{size} entries now, {first_head.get('treeSize', 0)} when the story began; root "
                        f"{self.head.get('rootHash', '')[:16]}…")
        first_size = int(first_head.get("treeSize", 0))
        if first_size == 0:
            self.report.check("the log was empty before", size > 0)
            return
        proof = who.call(AUDIT, "GetConsistencyProof", {"firstSize": first_size, "secondSize": size}).message
        self.report.check("nothing was rewritten: the old log is the beginning of the new one",
                          self._holds(second_verifier.check_consistency, proof, first_head["rootHash"]))
        other = first_head["rootHash"][:-5] + ("AAAA=" if first_head["rootHash"][-5:] != "AAAA=" else "BBBA=")
        self.report.check("with another root kept, the same proof fails",
                          not self._holds(second_verifier.check_consistency, proof, other))

    @staticmethod
    def _holds(check, *arguments):
        try:
            check(*arguments)
        except (second_verifier.Refused, KeyError):
            return False
        return True

    def proved(self):
        who = self.cast.fuenlabrada_auditor
        self.report.step(who.title, "takes the proof of the last change with her, as a file")
        self.report.sent(f"waypost audit prove {self.name} --out proof.json")
        answer = who.tell("audit", "prove", self.name, "--out", self.path)
        if not self.report.check("the proof is taken", answer.ok, answer.err[:300]):
            return False
        with open(self.path, encoding="utf-8") as file:
            proof = json.load(file)
        hashes = len(proof.get("path", []))
        self.report.row(f"{proof.get('name')}: {hashes} hashes lead to the root of {proof.get('treeSize')} "
                        "entries")
        self.report.sent("waypost audit verify proof.json")
        answer = _verify_offline(self.cast.fuenlabrada.tool, self.path)
        self.report.check("waypost audit verify: it holds, with no server at hand", answer.ok,
                          answer.err[:300])
        self.report.check("a second verifier, 100 lines of Python that share no code, agrees",
                          self._holds(second_verifier.check_proof, proof))
        return True

    def tampered_with(self):
        self.report.step("Somebody", "changes one letter in the file")
        with open(self.path, encoding="utf-8") as file:
            proof = json.load(file)
        record = bytearray(base64.b64decode(proof["record"]))
        record[-1] ^= 0x01
        forged = {**proof, "record": base64.b64encode(bytes(record)).decode()}
        path = os.path.join(self.folder, "forged.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(forged, file, ensure_ascii=False, indent=2)
        answer = _verify_offline(self.cast.fuenlabrada.tool, path)
        self.report.came(f"{answer}: {answer.text[:200]}")
        self.report.equal("waypost audit verify refuses it, with its own exit code", answer.exit_code, 7)
        self.report.check("the second verifier refuses it too",
                          not self._holds(second_verifier.check_proof, forged))

    def not_for_others(self):
        who = self.cast.mechelen_auditor
        self.report.step(who.title, "asks for the same records")
        self.report.equal("Mechelen is no party to them, and sees none", entries_of(who, self.name), [])
        answer = who.call(AUDIT, "GetProof", {"resource": self.name})
        self.desk.refused("nor is there a proof for Mechelen", answer, "NOT_FOUND", "NOT_FOUND")

    # --- after an erasure -----------------------------------------------------------------------------

    def erased(self):
        self.report.chapter("Erasure: one body forgets, the proofs stay")
        who, name = self.cast.pont_supervisor, self.name
        found_before = self._found(who)
        self.report.step(who.title, "sees the parents leave the workshops: their places are free")
        for place in self.desk.get(who, name).get("places", []):
            answer = who.call(ENROLMENT, "LeaveEnrolment", {
                "name": place.get("enrolment", ""), "requestId": request_id(),
                "reason": "LEAVE_REASON_GOAL_REACHED", "destination": "LEAVE_DESTINATION_EMPLOYMENT"})
            self.report.check(f"a place in {place.get('groupId')} is free", answer.ok, str(answer))
        self.report.step(who.title, "erases what Pont-de-Claix holds of the family, at the end of its term",
                         "Its keys are destroyed. What Fuenlabrada holds by its own law stays Fuenlabrada's.")
        answer = self.desk.send(who, "EraseReferral", {"name": name})
        self.report.equal("erased, for Pont-de-Claix", answer.message.get("erased"), True)
        revision = int(answer.message.get("revision", 0))
        answer = self.desk.disclose(self.cast.pont, name, ["DETAILS"], "HANDLE_COMPLAINT")
        self.desk.refused("Pont-de-Claix can open nothing any more", answer, "FAILED_PRECONDITION",
                          "SHARE_ERASED")
        answer = self.desk.disclose(self.cast.fuenlabrada, name, ["DETAILS"], "ANSWER_RIGHTS_REQUEST")
        names = [s["details"]["givenName"] for s in answer.message.get("sections", [])]
        self.report.equal("Fuenlabrada still can", names, ["Marzia", "Hamid", "Laleh", "Omid"])
        self.report.equal("by its own reference Pont-de-Claix found it before, and finds nothing now",
                          (found_before, self._found(who)), ([name], []))

        auditor = self.cast.pont_auditor
        self.report.step(auditor.title, "checks the evidence again")
        entries = _when_caught_up(auditor, name, revision)
        self.report.check("the erasure itself is on record", any(
            e["record"]["type"] == "referral.erased" for e in entries))
        answer = _verify_offline(self.cast.fuenlabrada.tool, self.path)
        self.report.check("the proof taken before still holds", answer.ok, answer.err[:300])
        fresh = auditor.call(AUDIT, "GetProof", {"resource": name, "revision": str(revision)})
        self.report.check("so does a new one, of the erasure",
                          self._holds(second_verifier.check_proof, fresh.message), str(fresh))
        later = tree_head(auditor).message
        proof = auditor.call(AUDIT, "GetConsistencyProof", {"firstSize": self.head["treeSize"],
                                                           "secondSize": later["treeSize"]}).message
        self.report.check("and the log only grew",
                          self._holds(second_verifier.check_consistency, proof, self.head["rootHash"]))
