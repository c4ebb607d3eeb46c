"""The chapter about a case with several parts: who holds a case asks others for what belongs to it."""

import cases
from desk import short_state


def several_parts(report, cast, desk, name):
    """`name`: the case of the mother and her child, which K.E.DH.L. holds."""
    report.chapter("A case with several parts: papers in Athens, a place for the child in Livadia")
    report.say("Rima's papers and Nour's place at a nursery are referrals of their own, and parts of one "
               "case.")
    who, livadia = cast.estia, cast.supervisor_of("bodies/el-livadia")
    report.step(who.title, "asks the Athens centre about her papers, and Livadia for a place at a nursery")
    papers = desk.submit(who, cases.papers_of_the_mother(name)).message["name"]
    nursery = desk.submit(who, cases.nursery_for_the_child(name)).message["name"]
    answer = desk.type(who, "referral", "parts", name)
    report.equal("both are parts of the case", [p.get("name") for p in answer.message.get("parts", [])],
                 [papers, nursery])
    report.equal("two of them are open", desk.get(who, name).get("openPartCount"), 2)
    report.check("the Athens centre, which referred her, does not learn that this is a part",
                 "partOf" not in desk.get(cast.athens, papers))
    report.check("nor that her case has any", "openPartCount" not in desk.get(cast.athens, name))
    report.check("as long as they are open, the case cannot be completed",
                 "COMPLETE" not in desk.get(who, name).get("allowedActions", []))
    report.step(livadia.title, "has no place at the nursery")
    answer = desk.send(livadia, "DeclineReferral", {"name": nursery, "reason": "DECLINE_REASON_NO_CAPACITY",
                                                    "declinedBy": "DECLINED_BY_PROVIDER"})
    desk.state_is(answer, "DECLINED")
    report.equal("one is open", desk.get(who, name).get("openPartCount"), 1)
    report.step(who.title, "lets the papers go on by themselves: they will take a year")
    answer = desk.type(who, "referral", "detach", papers)
    report.equal("it is a referral like any other", short_state(answer.message), "REQUESTED")
    seen = desk.get(who, name)
    report.check("the case waits for nothing any more",
                 "openPartCount" not in seen and "COMPLETE" in seen.get("allowedActions", []), str(seen))
