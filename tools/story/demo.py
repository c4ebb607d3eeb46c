#!/usr/bin/env python3
"""The story from the source papers, played on a node of its own. Started by tools/demo.

Installs and builds what is needed, starts a node in demonstration mode over a fresh folder, and plays:
the directory of the papers, the way to a service, a family of four with an interpreter need, receipts that
the sender checks, whom to call, a decline, a forward, a waiting list, a case with parts, silence that
escalates and a ruling on competence, a protected member of a family, a programme that ends, what declines
say about the directory, a file of referrals and a month in figures, a supervisor's approval, a visit without
a connection, a person who moves from Livadia to Athens to Vienna, one who asks what is held of her and has it
put right, a restriction and an objection, a municipality that merges, services and territories from
elsewhere, the audit log and its proofs, an erasure. Each step says what happened and checks it.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time

import cases
import chapters_audit
import chapters_directory
import chapters_everyday
import chapters_exchange
import chapters_intake
import chapters_offline
import chapters_parts
import chapters_programmes
import chapters_protected
import chapters_referral
import chapters_rights
import chapters_silence
import chapters_succession
import chapters_workshops
import node as nodes
from cast import Cast
from client import Tool, ToolFailed
from desk import Desk, StoryBroken
from listener import Listener
from report import Report

EPILOG = """
Without --exit the node stays up until Ctrl-C, and the demo says how to go on.
With --data-dir the folder is kept, and may be used again; without, it is temporary.
Exit codes: 0 every check held; 1 a check failed; 2 wrong usage; 3 it could not be started.
"""


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/demo", description=__doc__.split("\n\n", maxsplit=1)[1], epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exit", action="store_true", help="end after the story; not 0 if any check fails")
    parser.add_argument("--data-dir", help="play in this folder and keep it")
    parser.add_argument("--port", type=int, help=f"where to listen on 127.0.0.1 ({nodes.DEFAULT_PORT}; "
                        "0 for any free port)")
    parser.add_argument("--bin", help="build nothing; use the programs in this folder")
    return parser.parse_args()


def choose_port(wanted, say):
    """The port asked for. The usual one gives way to any free one when it is taken."""
    if wanted is not None:
        return wanted
    if nodes.is_free(nodes.DEFAULT_PORT):
        return nodes.DEFAULT_PORT
    say(f"port {nodes.DEFAULT_PORT} is taken; using a free one")
    return 0


def play(report, tool, folder):
    """The whole story. Returns the cast."""
    cast = Cast(tool)
    desk = Desk(report)
    run = time.strftime("%Y%m%d-%H%M%S")
    listener = Listener(cast.pont_supervisor)
    try:
        chapters_directory.the_directory(report, cast)
        chapters_directory.the_way(report, cast)
        first_head = chapters_audit.tree_head(cast.fuenlabrada_auditor).message
        family = chapters_referral.FamilyOfFour(report, cast, desk, run)
        completed = family.play()
        heard = listener.changes(lambda got: any(c["referral"] == completed for c in got), seconds=5)
    finally:
        listener.stop()
    chapters_offline.receipts_checked(report, cast, desk, folder, completed)
    chapters_everyday.whom_to_call(report, cast, desk)
    chapters_everyday.asked_first(report, cast)
    chapters_everyday.from_the_queue(report, cast, desk, run)
    chapters_referral.declined(report, cast, desk, run)
    chapters_referral.misdirected(report, cast, desk, run)
    first, linked = chapters_referral.forwarded(report, cast, desk, run)
    case = chapters_referral.waited_for(report, cast, desk, run)
    chapters_parts.several_parts(report, cast, desk, case)
    chapters_workshops.full(report, cast, desk, run)
    chapters_silence.silence(report, cast, desk, run)
    chapters_protected.one_protected_member(report, cast, desk, run)
    chapters_programmes.ends(report, cast, desk, run)
    chapters_programmes.corrected(report, cast, desk, run)
    chapters_intake.many_at_once(report, cast, desk, folder)
    chapters_offline.approved(report, cast, desk, run)
    chapters_offline.Visit(report, cast, desk, folder, run).play()
    chapters_rights.WhoMoves(report, cast, desk, run).play()
    chapters_rights.WhoObjects(report, cast, desk, run).play()
    chapters_referral.boxes(report, cast, desk, (completed, first, linked))
    chapters_succession.merged(report, cast, desk, run)
    chapters_exchange.exchanged(report, cast, folder)
    catch_up(report, cast, desk, completed, heard)
    evidence = chapters_audit.Evidence(report, cast, desk, folder, completed, family.receiver_reference)
    evidence.play(first_head)
    evidence.erased()
    return cast


def tell(report, tool, folder):
    """Plays and sums up. What breaks the story off counts as a failed check."""
    try:
        return play(report, tool, folder)
    except (StoryBroken, ToolFailed) as error:
        report.check("the story can go on", False, str(error))
        return Cast(tool)
    finally:
        report.summary()


def catch_up(report, cast, desk, name, heard):
    report.step("Pont-de-Claix, its own system", "was switched off after the first change, and catches up",
                "It kept a cursor. Going on from there it misses nothing.")
    mine = [change for change in heard if change["referral"] == name]
    if not report.check("the first change had come by itself: SUBMIT", mine
                        and mine[0]["event"] == "SUBMIT", str(heard)):
        return
    last = int(desk.get(cast.pont_supervisor, name)["revision"])
    again = Listener(cast.pont_supervisor, mine[0]["cursor"])
    try:
        got = again.changes(lambda changes: any(
            c["referral"] == name and int(c["revision"]) >= last for c in changes), seconds=10)
    finally:
        again.stop()
    rest = [c for c in got if c["referral"] == name]
    report.row(" → ".join(c["event"] for c in rest))
    report.equal("every later change came, in order", sorted({int(c["revision"]) for c in rest}),
                 list(range(2, last + 1)))


def how_to_go_on(report, node, cast):
    waypost = cast.fuenlabrada.tool.binary
    person = cast.fuenlabrada
    token = (f"{shlex.quote(waypost)} token --data-dir {shlex.quote(node.data_dir)} --body {person.body} "
             f"--role caseworker --unit {person.unit} --subject me")
    report.line()
    report.line(f"The node goes on at {node.server}. There is no web console yet; go on at the command line:")
    report.line()
    report.line(f"  export WAYPOST_SERVER={node.server}")
    report.line(f"  export WAYPOST_TOKEN=$({token})")
    for command in ("referral list --box outbox --state completed --state forwarded "
                    "--unit bodies/es-fuenlabrada/units/social-welfare",
                    "route language FR714/200040715/38317 --language prs --include-unmatched", "bodies tree",
                    "referral --help"):
        report.line(f"  {shlex.quote(waypost)} {command}")
    report.line()
    report.line(f"Metrics: http://127.0.0.1:{node.ports['metrics']}/metrics")
    report.line("Ctrl-C ends it.")


def run(options):
    report = Report()
    folder = os.path.abspath(options.data_dir or tempfile.mkdtemp(prefix="waypost-demo-"))
    os.makedirs(folder, exist_ok=True)
    node = None
    try:
        programs = nodes.Programs(os.path.abspath(options.bin)) if options.bin else nodes.Programs()
        if not options.bin:
            nodes.build(report.line)
        node = nodes.Node(programs, folder, choose_port(options.port, report.line),
                          chapters_silence.CONFIG + cases.retention_config())
        report.line("starting a node in demonstration mode (no real data belongs in it) …")
        node.start()
        report.line(f"  it serves at {node.server}; its folder is {folder}")
        cast = tell(report, Tool(programs.waypost, node), folder)
        if not options.exit:
            how_to_go_on(report, node, cast)
            node.wait()
    except KeyboardInterrupt:
        report.line("\nended")
    finally:
        code = node.stop() if node else 0
        if not options.data_dir:
            shutil.rmtree(folder, ignore_errors=True)
    if code not in (0, None) or (node and code is None):
        report.line(f"the node did not end well (exit code {code})")
        return 1
    return 1 if report.failed else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    try:
        return run(options)
    except (nodes.NotReady, ToolFailed) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
