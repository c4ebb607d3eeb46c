"""What a command costs, stage by stage: CPU time of a node's threads, and what its store reports."""

import os
import pathlib
import re
import statistics

# What a thread's name, as /proc shows it, stands for; by its beginning.
_STAGES = [("nexting_thread", "grpc"), ("grpc", "grpc"), ("default-executo", "grpc"),
           ("resolver-execut", "grpc"), ("event_engine", "grpc"), ("timer_manager", "grpc"),
           ("rocksdb:", "rocksdb"), ("civetweb", "metrics"), ("writer", "writer"),
           ("completions", "completions"), ("executor", "executor"), ("relay", "relay"), ("log", "log"),
           ("dir-follower", "follower"), ("clocks", "clocks")]

MEANINGS = {
    "grpc": "the wire; the chain, sealing and hashing of a command",
    "writer": "transactions, in groups, and the synced write (the waiting for it is not counted)",
    "completions": "answers",
    "executor": "reads",
    "relay": "events on their way to the audit log",
    "log": "the access log",
    "rocksdb": "flushes and compactions",
    "follower": "the directory's changes; on the way it lends its time to gRPC",
    "clocks": "clocks of cases that are due",
    "metrics": "whoever asks for them",
    "other": "every other thread",
}


def stage_of(name):
    for beginning, stage in _STAGES:
        if name.startswith(beginning):
            return stage
    return "other"


def parse_stat(text):
    """(name, ticks of CPU time) of a thread, from its /proc/PID/task/TID/stat."""
    name = text[text.index("(") + 1:text.rindex(")")]
    fields = text[text.rindex(")") + 2:].split()
    return name, int(fields[11]) + int(fields[12])  # utime and stime


def cpu_seconds(pid):
    """CPU seconds of each stage of a process, since it began."""
    seconds = dict.fromkeys(MEANINGS, 0.0)
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name, ticks = parse_stat((task / "stat").read_text())
        except FileNotFoundError:
            continue  # it has just ended
        seconds[stage_of(name)] += ticks / os.sysconf("SC_CLK_TCK")
    return seconds


def sum_of(metrics, name):
    """The sum of a metric over its labels, in Prometheus' text format."""
    return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE))


def counts(metrics, method):
    """What is counted of the store, and how many commands were answered OK."""
    answered = re.findall(rf'^waypost_requests_total{{[^}}]*code="OK"[^}}]*method="{method}"[^}}]*}} (\S+)$',
                          metrics, re.MULTILINE)
    store = {name: sum_of(metrics, f"waypost_store_{name}") for name in (
        "run_seconds_total", "sync_seconds_sum", "sync_seconds_count", "group_transactions_sum",
        "written_rows_total", "written_bytes_total")}
    return {"commands": sum(float(v) for v in answered), **store}


class Probe:
    """Watches one node during one load."""

    def __init__(self, node, method):
        self.node, self.method = node, method
        self.before = self._look()

    def _look(self):
        return cpu_seconds(self.node.pid), counts(self.node.metrics(), self.method)

    def costs(self):
        """[(name, value, unit)] for each command since the probe was made."""
        (cpu_before, before), (cpu, after) = self.before, self._look()
        delta = {key: after[key] - before[key] for key in after}
        return per_command({key: cpu[key] - cpu_before[key] for key in cpu}, delta)


def per_command(cpu, delta):
    commands = max(1.0, delta["commands"])
    groups = max(1.0, delta["sync_seconds_count"])
    rows = [(f"cpu_{stage}", seconds / commands * 1e6, "us") for stage, seconds in cpu.items()]
    rows.append(("cpu_node", sum(cpu.values()) / commands * 1e6, "us"))
    return rows + [
        ("store_run", delta["run_seconds_total"] / commands * 1e6, "us"),
        ("store_write_and_sync", delta["sync_seconds_sum"] / commands * 1e6, "us"),
        ("store_sync_of_a_group", delta["sync_seconds_sum"] / groups * 1e6, "us"),
        ("store_group", delta["group_transactions_sum"] / groups, "tx"),
        ("store_transactions", delta["group_transactions_sum"] / commands, "tx"),
        ("store_rows", delta["written_rows_total"] / commands, ""),
        ("store_bytes", delta["written_bytes_total"] / commands, "B")]


def medians(runs):
    """One list of costs from those of several runs."""
    return [(first[0], statistics.median(run[i][1] for run in runs), first[2])
            for i, first in enumerate(runs[0])]


def print_table(title, costs):
    print(f"\n{title}\n  {'for each command':24} {'':>10}")
    for name, value, unit in costs:
        meaning = MEANINGS.get(name.removeprefix("cpu_"), "") if name.startswith("cpu_") else ""
        print(f"  {name:24} {value:>10.1f} {unit:3} {meaning}".rstrip())
    print(flush=True)
