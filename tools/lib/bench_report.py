"""What a benchmark run has found: figures, each against its floor or ceiling, and the table of them all."""

import dataclasses
import os
import pathlib
import platform
import re
import statistics


def machine(folder):
    """What the figures were measured on; `folder` is where the servers keep their files."""
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    path = os.path.realpath(folder)
    holding = [m for m in mounts if path == m[1] or path.startswith(m[1].rstrip("/") + "/")]
    return {"cores": len(os.sched_getaffinity(0)),
            "cpu": cpu[1] if cpu else platform.machine(),
            "kernel": platform.release(),
            "file_system": max(holding, key=lambda m: len(m[1]))[2] if holding else "unknown",
            "load_average_at_start": os.getloadavg()[0]}


@dataclasses.dataclass
class Figure:
    """One figure. Its value is the median of `values`; with `references`, measured beside each value, what is
    judged is the median of the ratios. Where `worst`, the worst of them is judged instead: it must hold each
    time. `needs` are (what, whether) that must hold for it to count."""
    name: str
    unit: str
    values: list
    references: list = None
    floor: float = None
    ceiling: float = None
    worst: bool = False
    spread: list = None  # of a figure that is measured once: of its parts
    needs: list = dataclasses.field(default_factory=list)
    conditions: dict = dataclasses.field(default_factory=dict)

    @property
    def value(self):
        return statistics.median(self.values)

    @property
    def reference(self):
        return statistics.median(self.references) if self.references else None

    @property
    def ratio(self):
        return statistics.median(self._ratios()) if self.references else None

    def _ratios(self):
        return [v / r for v, r in zip(self.values, self.references)]

    @property
    def judged(self):
        """What is held against floor and ceiling."""
        runs = self._ratios() if self.references else self.values
        if not self.worst:
            return statistics.median(runs)
        return max(runs) if self.floor is None else min(runs)

    @property
    def met(self):
        """None where nothing is asked."""
        if self.floor is None and self.ceiling is None and not self.needs:
            return None
        return ((self.floor is None or self.judged >= self.floor) and
                (self.ceiling is None or self.judged <= self.ceiling) and
                all(held for _, held in self.needs))

    def row(self):
        low, high = (min(self.spread or self.values), max(self.spread or self.values))
        conditions = dict(self.conditions)
        for what, held in self.needs:
            conditions[what] = held
        return {"name": self.name, "value": _short(self.value), "unit": self.unit,
                "spread": [_short(low), _short(high)], "reference": _short(self.reference),
                "ratio": _short(self.ratio), "judged": _short(self.judged), "floor": self.floor,
                "ceiling": self.ceiling, "met": self.met, "conditions": conditions}


def _short(number):
    """Four digits that count."""
    return number if number is None or number == 0 else float(f"{number:.4g}")


def _wanted(figure):
    if figure.floor is not None:
        return f">= {figure.floor:g}"
    return "" if figure.ceiling is None else f"<= {figure.ceiling:g}"


def line(figure):
    """A figure as a line of the table."""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
    mark = {None: "", True: "met", False: "NOT MET"}[figure.met]
    if figure.worst:
        mark += f", {_short(figure.judged):g} at the worst"
    failed = "; ".join(f"not: {what}" for what, held in figure.needs if not held)
    low, high = figure.row()["spread"]
    spread = "" if low == high else f"{low:g} to {high:g}"
    return (f"  {figure.name:27} {_short(figure.value):>9g} {figure.unit:3} {spread:19} {ratio:>7} "
            f"{_wanted(figure):>8}  {mark} {failed}").rstrip()


HEADING = f"  {'figure':27} {'value':>9} {'':3} {'spread':19} {'ratio':>7} {'wanted':>8}"


class Report:
    """The figures of one run, in the order in which they were measured; each is printed at once."""

    def __init__(self, about_machine):
        self.machine = about_machine
        self.figures = []

    def add(self, figure):
        self.figures.append(figure)
        print(line(figure), flush=True)

    @property
    def met(self):
        return all(figure.met is not False for figure in self.figures)

    def rows(self):
        return [{**row, "conditions": {**row["conditions"], "machine": self.machine}}
                for row in (figure.row() for figure in self.figures)]

    def print_table(self):
        about = self.machine
        print(f"\n{about['cores']} cores of {about['cpu']}, kernel {about['kernel']}, "
              f"{about['file_system']}, load {about['load_average_at_start']:.2f} at the start\n{HEADING}")
        for figure in self.figures:
            print(line(figure))
        missed = [figure.name for figure in self.figures if figure.met is False]
        print(f"\nnot met: {', '.join(missed)}" if missed else "\neverything asked for is met")


# --- judging what is sampled over time ----------------------------------------------------------------

def p99_between(calls, begin, end):
    """Of calls, (when each was due, milliseconds), over those that were due from `begin` until `end`. Without
    any, nothing shows that it is short: infinite."""
    taken = sorted(ms for due, ms in calls if begin <= due <= end)
    return taken[len(taken) * 99 // 100] if taken else float("inf")


def parts(each_second, most=5):
    """Calls a second in equal parts of a measurement: how steady it was."""
    length = max(1, len(each_second) // most)
    whole = [each_second[i:i + length] for i in range(0, len(each_second) - length + 1, length)]
    return [sum(part) / len(part) for part in whole]


def slope(samples):
    """Of (seconds, value), by least squares, in a second; 0 for fewer than two."""
    if len(samples) < 2:
        return 0.0
    mean_at = statistics.fmean(at for at, _ in samples)
    mean = statistics.fmean(value for _, value in samples)
    square = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (value - mean) for at, value in samples) / square if square else 0.0


def last_two_thirds(samples):
    if not samples:
        return []
    begin = samples[0][0] + (samples[-1][0] - samples[0][0]) / 3
    return [sample for sample in samples if sample[0] >= begin]


def lag_grows(samples, per_second):
    """Whether a relay's lag, in events, has grown over the last two thirds by more than a second's work:
    it moves up and down by its batches, and a relay that falls behind does so steadily."""
    judged = last_two_thirds(samples)
    if len(judged) < 2:
        return True  # nothing shows that it does not
    return slope(judged) * (judged[-1][0] - judged[0][0]) > per_second
