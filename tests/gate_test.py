#!/usr/bin/env python3
"""The gate counts what it runs, fails what is over budget or leaves a process, and ends what it started."""

import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "lib"))

import changes  # noqa: E402
import clang_tidy  # noqa: E402
import gate  # noqa: E402
import processes  # noqa: E402
import suites  # noqa: E402


class GateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        processes.adopt_orphans()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = self.folder.name
        self.context = suites.Context(self.root, self.root, os.path.join(self.root, "logs"))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def suite(self, script, budget=20, needs=(), name="x"):
        return suites.Suite(name, budget, needs, lambda c: suites.verdict(c, c.run("sh", "-c", script)), "")

    def run_one(self, script, budget=20):
        return gate.run_suite(self.suite(script, budget), self.context)[0]

    def test_exit_codes(self):
        self.assertEqual((self.run_one("true").passed, self.run_one("true").failed), (1, 0))
        failed = self.run_one("echo the reason; exit 3")
        self.assertEqual((failed.passed, failed.failed), (0, 1))
        self.assertIn("exit code 3", failed.note)
        self.assertIn("the reason", failed.excerpt)

    def test_a_command_that_is_not_there_fails(self):
        outcome = gate.run_suite(suites.Suite(
            "x", 5, (), lambda c: suites.verdict(c, c.run("no-such-command")), ""), self.context)[0]
        self.assertEqual(outcome.failed, 1)

    def test_no_input(self):
        self.assertEqual(self.run_one("! read line").passed, 1)

    def test_out_of_time_is_a_failure_and_ends_all_children(self):
        started = time.monotonic()
        outcome = self.run_one("sh -c 'exec sleep 777' & sleep 777", budget=1)
        self.assertLess(time.monotonic() - started, 10)
        self.assertGreaterEqual(outcome.failed, 1)
        self.assertIn("OVER BUDGET", outcome.note)
        self.assertEqual(processes._descendants(), {})

    def test_a_process_left_behind_is_named_and_ended(self):
        outcome = self.run_one("setsid sleep 778 >/dev/null 2>&1 &")
        self.assertEqual(outcome.failed, 1)
        self.assertIn("sleep 778", outcome.excerpt)
        self.assertEqual(processes._descendants(), {})

    def test_a_broken_suite_is_a_failure(self):
        outcome = gate.run_suite(suites.Suite("x", 5, (), lambda c: 1 / 0, ""), self.context)[0]
        self.assertEqual(outcome.failed, 1)
        self.assertIn("ZeroDivisionError", outcome.excerpt)

    def test_what_needs_a_failed_suite_is_skipped(self):
        said = []
        gate.say, say = (lambda text="": said.append(text)), gate.say
        try:
            tally = gate.run_all([self.suite("false", name="a"), self.suite("true", needs=("a",), name="b"),
                                  self.suite("true", needs=("b",), name="c"), self.suite("true", name="d")],
                                 self.context)
        finally:
            gate.say = say
        self.assertEqual(tally.line(), "1 passed, 1 failed, 2 skipped")
        self.assertTrue(any(line.startswith("c ") and "needs b" in line for line in said), said)

    def test_counts_cases_of_ctest_and_googletest(self):
        self.write("ctest.xml", """<testsuite>
            <testcase name="store" status="run"/><testcase name="crypto" status="fail">
            <system-out>Expected equality</system-out></testcase>
            <testcase name="crash" status="fail"><system-out>Segmentation fault</system-out></testcase>
            <testcase name="script" status="run"/><testcase name="gone" status="notrun"/>
            <testcase name="off" status="disabled"/></testsuite>""")
        case = '<testcase name="{0}" classname="T" status="{1}" result="{2}">{3}</testcase>'
        report = "<testsuites><testsuite>{}</testsuite></testsuites>"
        self.write("gtest/store_test.xml", report.format(
            case.format("A", "run", "completed", "") + case.format("B", "run", "completed", "")
            + case.format("S", "run", "skipped", "<skipped/>")))
        self.write("gtest/crypto_test.xml", report.format(
            case.format("A", "run", "completed", "")
            + case.format("Bad", "run", "completed", '<failure message="x"/>')))
        outcome = suites.count_cases(self.path("ctest.xml"), self.path("gtest"))
        # store 2 + skipped, crypto 1 + failed, crash failed, script 1, gone failed, off skipped
        self.assertEqual((outcome.passed, outcome.failed, outcome.skipped), (4, 3, 2))
        for text in ("crypto: T.Bad", "Expected equality", "Segmentation fault", "gone: not run"):
            self.assertIn(text, outcome.excerpt)
        self.assertEqual(outcome.warnings, ["skipped: store: T.S", "disabled: off"])

    def test_no_report_is_no_pass(self):
        outcome = suites.count_cases(self.path("none.xml"), self.path("gtest"))
        self.assertEqual((outcome.passed, outcome.failed), (0, 0))

    def test_budgets_fit_45_minutes(self):
        self.assertLessEqual(sum(suite.budget for suite in suites.GATE), 45 * 60)
        for suite in suites.DEEP:
            self.assertLessEqual(suite.budget, 30 * 60)

    def test_suites_need_only_what_comes_before(self):
        seen = set()
        for suite in suites.GATE:
            self.assertLessEqual(set(suite.needs), seen, suite.name)
            seen.add(suite.name)

    def test_the_budget_of_clang_tidy_leaves_time_to_begin_with_a_file(self):
        for suite in suites.GATE + suites.DEEP:
            if suite.name == "clang-tidy":
                self.assertGreater(suite.budget, 2 * clang_tidy.LAST_START_SECONDS)

    def test_changed_headers_bring_a_source_that_shows_them(self):
        sources = {"a/x.cc", "a/y.cc", "a/z_test.cc"}
        text = {"a/x.cc": "", "a/y.cc": '#include "a/only.h"', "a/z_test.cc": '#include "a/only.h"'}
        changed = ["a/y.cc", "a/x.h", "a/only.h", "a/z.h", "a/gone.h", "b.py"]
        chosen = clang_tidy.with_headers(changed, sources, text.get)
        self.assertEqual(chosen, ["a/y.cc", "a/x.cc", "a/z_test.cc"])

    def test_clang_tidy_does_not_meet_what_only_gcc_knows(self):
        header = "-fpch-preprocess -Winvalid-pch -include /b/x.dir/cmake_pch.hxx"
        command = f"c++ -O0 --param ggc-min-heapsize=524288 {header} -o x.o -c /s/x.cc"
        self.assertEqual(clang_tidy.for_clang(command), "c++ -O0 -o x.o -c /s/x.cc")
        other = "c++ -include y.h -c x.cc"
        self.assertEqual(clang_tidy.for_clang(other), other)


class ChangesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.git("init", "-q", "-b", "main")
        os.environ.pop("WAYPOST_BASE", None)

    def git(self, *arguments, when=0):
        env = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
               "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
               "GIT_AUTHOR_DATE": f"@{when} +0000", "GIT_COMMITTER_DATE": f"@{when} +0000"}
        done = subprocess.run(["git", "-C", self.root, *arguments], env=env, check=True, capture_output=True,
                              text=True)
        return done.stdout.strip()

    def commit(self, name, hours):
        with open(os.path.join(self.root, name), "a", encoding="utf-8") as file:
            file.write(f"{hours}\n")
        self.git("add", name)
        self.git("commit", "-q", "-m", name, when=1_700_000_000 + int(hours * 3600))
        return self.git("rev-parse", "HEAD")

    def test_no_history(self):
        with open(os.path.join(self.root, "new"), "w", encoding="utf-8"):
            pass
        self.assertIsNone(changes.base(self.root))
        self.assertEqual(changes.changed_files(self.root, None), ["new"])

    def test_one_commit_is_all_new(self):
        self.commit("a", 0)
        self.assertIsNone(changes.base(self.root))

    def test_main_takes_the_commits_of_four_hours_for_one_change(self):
        self.commit("a", 0)
        before = self.commit("b", 10)
        self.commit("c", 15)
        self.commit("d", 17)
        self.assertEqual(changes.base(self.root), before)
        self.assertEqual(changes.changed_files(self.root, before), ["c", "d"])

    def test_young_repository_compares_with_its_first_commit(self):
        first = self.commit("a", 0)
        self.commit("b", 1)
        self.assertEqual(changes.base(self.root), first)

    def test_branch_compares_with_where_it_left_main(self):
        self.commit("a", 0)
        fork = self.commit("b", 10)
        self.git("update-ref", "refs/remotes/origin/main", fork)
        self.git("checkout", "-q", "-b", "work")
        self.commit("c", 10.5)
        self.assertEqual(changes.base(self.root), fork)

    def test_base_from_the_environment(self):
        first = self.commit("a", 0)
        self.commit("b", 10)
        self.commit("c", 20)
        os.environ["WAYPOST_BASE"] = first[:12]
        self.addCleanup(os.environ.pop, "WAYPOST_BASE", None)
        self.assertEqual(changes.base(self.root), first)
        os.environ["WAYPOST_BASE"] = "nowhere"
        with self.assertRaises(SystemExit):
            changes.base(self.root)

    def test_latest_first(self):
        self.commit("old", 0)
        self.commit("newer", 5)
        with open(os.path.join(self.root, "edited"), "w", encoding="utf-8"):
            pass
        self.assertEqual(changes.latest_first(self.root, ["old", "newer", "edited"]),
                         ["edited", "newer", "old"])


if __name__ == "__main__":
    unittest.main()
