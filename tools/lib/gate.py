#!/usr/bin/env python3
"""The gate behind tools/test, which says how to call it: runs suites within budgets, counts what passed."""

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
import traceback

import processes
import suites

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
EXCERPT_LINES = 40


class Tally:
    """Counts of cases over all suites."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, outcome):
        self.passed += outcome.passed
        self.failed += outcome.failed
        self.skipped += outcome.skipped

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def say(text=""):
    print(text, flush=True)


def run_suite(suite, context):
    """Runs one suite and returns its outcome; over budget and left processes are failures of their own."""
    context.begin(suite)
    started = time.monotonic()
    try:
        outcome = suite.function(context)
    except Exception:  # a broken suite is a failed one, with its reason in the log
        with open(context.log, "a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        outcome = suites.Outcome(failed=1, note="the suite itself broke", excerpt=traceback.format_exc())
    seconds = time.monotonic() - started
    left = processes.end_leftovers()
    if left:
        outcome.failed += 1
        outcome.excerpt += "left running, and ended now:\n" + "\n".join("  " + name[:200] for name in left)
    if seconds > suite.budget:
        outcome.failed += 1
        outcome.note = "OVER BUDGET. " + outcome.note
    return outcome, seconds


def report(suite, outcome, seconds):
    result = "FAILED" if outcome.failed else "ok" if outcome.passed else "skipped"
    say(f"{suite.name:<12} {result:<8} {seconds:7.1f} s of {suite.budget:4d} s   {outcome.note}")
    if outcome.failed and outcome.excerpt.strip():
        lines = outcome.excerpt.rstrip().splitlines()
        for line in lines[:EXCERPT_LINES]:
            say("    | " + line[:240])
        if len(lines) > EXCERPT_LINES:
            say(f"    | ... {len(lines) - EXCERPT_LINES} more lines in the log")
    for line in outcome.warnings:
        say(f"    ! {line}")


def run_all(chosen, context):
    tally = Tally()
    failed = set()
    started = time.monotonic()
    for suite in chosen:
        broken = [name for name in suite.needs if name in failed]
        if broken:
            outcome, seconds = suites.Outcome(skipped=1, note=f"needs {broken[0]}, which failed"), 0.0
            failed.add(suite.name)
        else:
            outcome, seconds = run_suite(suite, context)
            if outcome.failed:
                failed.add(suite.name)
        tally.add(outcome)
        report(suite, outcome, seconds)
    logs = os.path.relpath(context.logs, context.root)
    say(f"{time.monotonic() - started:.0f} s in all; logs are in {logs}/")
    return tally


def choose(options, parser):
    """The suites to run, in order, with everything they need."""
    if options.deep:
        if options.only:
            parser.error("--deep and --only do not go together")
        wanted, known = [options.deep], {suite.name: suite for suite in suites.DEEP}
    else:
        wanted, known = options.only, {suite.name: suite for suite in suites.GATE}
    for name in wanted:
        if name not in known:
            parser.error(f"no suite '{name}'; there are: {', '.join(known)}")
    everything = {suite.name: suite for suite in suites.GATE} | known
    if not wanted:
        return suites.GATE
    chosen = []

    def add(name):
        for need in everything[name].needs:
            add(need)
        if everything[name] not in chosen:
            chosen.append(everything[name])
    for name in wanted:
        add(name)
    return chosen


def end_everything(number, _):
    processes.end_leftovers(grace=0)
    say(f"stopped by signal {number}")
    os._exit(128 + number)


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description="Builds and tests everything.")
    parser.add_argument("--only", metavar="SUITE", action="append", default=[],
                        help="this suite and its needs")
    parser.add_argument("--deep", metavar="NAME", help="a long suite")
    parser.add_argument("--list", action="store_true", help="print the suites")
    options = parser.parse_args()
    if options.list:
        for title, table in (("Every run:", suites.GATE), ("--deep:", suites.DEEP)):
            say(title)
            for suite in table:
                say(f"  {suite.name:<12} {suite.budget:4d} s  {suite.about}")
        return 0
    chosen = choose(options, parser)

    build = os.path.join(ROOT, "build")
    os.makedirs(build, exist_ok=True)
    lock = open(os.path.join(build, ".gate.lock"), "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("tools/test: another run is under way in this tree")
        return 1
    processes.adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_everything)

    logs = os.path.join(build, "test-logs")
    if not options.only and not options.deep:
        shutil.rmtree(logs, ignore_errors=True)
    tally = run_all(chosen, suites.Context(ROOT, build, logs))
    if tally.passed == 0 and tally.failed == 0:
        tally.failed = 1  # nothing ran: never a pass
    say(tally.line())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
