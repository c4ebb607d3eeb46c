#!/usr/bin/env python3
"""The benchmark's judgement: what counts as met, a growing lag, and whose time a thread's is."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "lib"))

import bench_import  # noqa: E402
import bench_report  # noqa: E402
import bench_stages  # noqa: E402
from bench_report import Figure  # noqa: E402


class FigureTest(unittest.TestCase):
    def test_judges_the_median_of_the_ratios(self):
        figure = Figure("submit", "/s", [40, 50, 90], [100, 100, 100], floor=0.5)
        self.assertEqual(figure.ratio, 0.5)
        self.assertTrue(figure.met)
        self.assertFalse(Figure("submit", "/s", [40, 49, 90], [100, 100, 100], floor=0.5).met)

    def test_judges_the_value_where_there_is_no_reference(self):
        self.assertTrue(Figure("memory", "MB", [80], ceiling=80).met)
        self.assertFalse(Figure("memory", "MB", [80.1], ceiling=80).met)
        self.assertIsNone(Figure("load", "s", [200]).met)

    def test_a_need_that_does_not_hold_fails_the_figure(self):
        figure = Figure("submit", "/s", [100], [100], floor=0.5, needs=[("relay keeps up", False)])
        self.assertFalse(figure.met)
        self.assertEqual(figure.row()["conditions"], {"relay keeps up": False})
        self.assertIn("not: relay keeps up", bench_report.line(figure))

    def test_the_worst_is_judged_of_what_must_hold_each_time(self):
        figure = Figure("p99", "ms", [20, 30, 51], ceiling=50, worst=True)
        self.assertEqual((figure.value, figure.judged, figure.met), (30, 51, False))
        self.assertIn("NOT MET, 51 at the worst", bench_report.line(figure))
        self.assertTrue(Figure("p99", "ms", [20, 30, 50], ceiling=50, worst=True).met)
        self.assertFalse(Figure("submit", "/s", [49, 90, 90], [100, 100, 100], floor=0.5, worst=True).met)

    def test_a_row_names_what_was_measured_on(self):
        report = bench_report.Report({"cores": 2})
        report.figures.append(Figure("submit", "/s", [3, 1, 2], conditions={"runs": 3}))
        row = report.rows()[0]
        self.assertEqual((row["name"], row["value"], row["unit"], row["spread"]), ("submit", 2, "/s", [1, 3]))
        self.assertEqual(row["conditions"], {"runs": 3, "machine": {"cores": 2}})

    def test_the_spread_of_one_run_is_that_of_its_parts(self):
        self.assertEqual(bench_report.parts([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]), [2, 6, 10, 14, 18])
        self.assertEqual(bench_report.parts([4, 6, 5]), [4, 6, 5])
        self.assertEqual(bench_report.parts([]), [])


class LagTest(unittest.TestCase):
    RATE = 5000  # commands a second

    def test_batches_that_come_and_go_are_no_growth(self):
        samples = [(2.0 * i, 4000 if i % 2 else 500) for i in range(150)]
        self.assertFalse(bench_report.lag_grows(samples, self.RATE))

    def test_what_grew_at_first_and_then_stands_is_no_growth(self):
        samples = [(2.0 * i, min(i * 400, 18_000)) for i in range(150)]
        self.assertFalse(bench_report.lag_grows(samples, self.RATE))

    def test_a_relay_that_falls_behind_by_a_fiftieth_is_found(self):
        samples = [(2.0 * i, 2.0 * i * self.RATE / 50) for i in range(150)]
        self.assertTrue(bench_report.lag_grows(samples, self.RATE))

    def test_without_samples_nothing_is_shown(self):
        self.assertTrue(bench_report.lag_grows([], self.RATE))
        self.assertTrue(bench_report.lag_grows([(0.0, 0.0)], self.RATE))


class P99Test(unittest.TestCase):
    CALLS = [(10 + i / 100, 40.0 if 100 <= i < 300 else 2.0) for i in range(600)]  # busy from 11 to 13

    def test_what_is_quiet_afterwards_does_not_thin_it_out(self):
        slow = [(due, 90.0 if 11 <= due < 11.05 else ms) for due, ms in self.CALLS]  # 5 of 200, of 600
        self.assertEqual(bench_report.p99_between(slow, 10, 16), 40)
        self.assertEqual(bench_report.p99_between(slow, 11, 13), 90)

    def test_without_calls_nothing_is_shown(self):
        self.assertEqual(bench_report.p99_between(self.CALLS, 20, 30), float("inf"))
        self.assertEqual(bench_report.p99_between(self.CALLS, 13, float("inf")), 2)


class ImportTest(unittest.TestCase):
    def told(self, *sent, of=300_000):
        lines = "".join(f"{count} services checked, 0 failed\n" for count in range(0, of, 10_000))
        lines += "".join(f"{count} of {of} services sent, 0 failed\n" for count in sent)
        return bench_import.sent_counts(lines + f"{of} of {of} are there\n")

    def test_progress_is_counts_that_rise_until_all_are_sent(self):
        rising = range(10_000, 300_001, 10_000)
        self.assertEqual(self.told(100, 200, of=1000), [(100, 1000), (200, 1000)])
        self.assertTrue(bench_import.tells_progress(self.told(100, *rising), 300_000))
        self.assertFalse(bench_import.tells_progress(self.told(*rising[:-1]), 300_000))
        self.assertFalse(bench_import.tells_progress(self.told(20_000, *rising), 300_000))
        self.assertFalse(bench_import.tells_progress(self.told(*rising), 400_000))

    def test_a_line_or_two_are_no_progress(self):
        self.assertFalse(bench_import.tells_progress([], 300_000))
        self.assertFalse(bench_import.tells_progress([], 300))
        self.assertFalse(bench_import.tells_progress(self.told(300_000), 300_000))
        self.assertFalse(bench_import.tells_progress(self.told(*range(220_000, 300_001, 10_000)), 300_000))
        quick = self.told(100, 10_000, 20_000, 30_000, of=30_000)
        self.assertTrue(bench_import.tells_progress(quick, 30_000))
        self.assertFalse(bench_import.tells_progress(self.told(30_000, of=30_000), 30_000))


class StagesTest(unittest.TestCase):
    def test_reads_names_with_spaces_and_brackets(self):
        stat = "42 (a (b) c) S 1 42 42 0 -1 64 0 0 0 0 17 5 0 0 20 0"
        self.assertEqual(bench_stages.parse_stat(stat), ("a (b) c", 22))

    def test_knows_whose_a_thread_is(self):
        for name, stage in (("writer", "writer"), ("nexting_thread", "grpc"), ("grpc_global_tim", "grpc"),
                            ("rocksdb:low", "rocksdb"), ("log", "log"), ("waypost-node", "other")):
            self.assertEqual(bench_stages.stage_of(name), stage)

    def test_counts_the_commands_that_were_answered_ok(self):
        metrics = "\n".join((
            'waypost_requests_total{code="OK",method="SubmitReferral",service="r"} 10',
            'waypost_requests_total{code="ABORTED",method="SubmitReferral",service="r"} 3',
            'waypost_requests_total{code="OK",method="GetReferral",service="r"} 7',
            "waypost_store_written_rows_total 200"))
        counted = bench_stages.counts(metrics, "SubmitReferral")
        self.assertEqual((counted["commands"], counted["written_rows_total"]), (10, 200))

    def test_divides_by_the_commands(self):
        cpu = {**dict.fromkeys(bench_stages.MEANINGS, 0.0), "writer": 0.5, "grpc": 1.5}
        delta = {"commands": 10_000, "run_seconds_total": 0.2, "sync_seconds_sum": 0.4,
                 "sync_seconds_count": 100, "group_transactions_sum": 10_000, "written_rows_total": 150_000,
                 "written_bytes_total": 20_000_000}
        costs = {name: value for name, value, _ in bench_stages.per_command(cpu, delta)}
        self.assertAlmostEqual(costs["cpu_writer"], 50)
        self.assertAlmostEqual(costs["cpu_node"], 200)
        self.assertAlmostEqual(costs["store_sync_of_a_group"], 4000)
        self.assertAlmostEqual(costs["store_rows"], 15)


if __name__ == "__main__":
    unittest.main()
