"""The suites of the gate: what each runs, how long it may take, what it needs first.

A suite takes a Context and returns an Outcome. The budgets of the gate add up to 45 minutes on two cores with
nothing cached; a usual run takes far less.
"""

import collections
import concurrent.futures
import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree

import changes
import clang_tidy
import processes

JOBS = "2"
FUZZ_SECONDS = 10
KILLS = 50
# Whatever has one of these labels runs in a suite of its own; all other ctest cases are the unit suite.
OTHER_LABELS = "tidy|e2e|fault|bench|deep-.*"


@dataclasses.dataclass
class Outcome:
    """Cases of one suite, what to say on its line, and what to show if it failed."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    excerpt: str = ""
    warnings: list = dataclasses.field(default_factory=list)


Suite = collections.namedtuple("Suite", "name budget needs function about")


class Context:
    """Where things are, and the log and deadline of the suite under way."""

    def __init__(self, root, build, logs):
        self.root, self.build, self.logs = root, build, logs
        self.log = self.deadline = self.name = None

    def begin(self, suite):
        os.makedirs(self.logs, exist_ok=True)
        self.name = suite.name
        self.log = os.path.join(self.logs, suite.name + ".log")
        with open(self.log, "w", encoding="utf-8"):
            pass
        self.deadline = time.monotonic() + suite.budget

    def left(self):
        return self.deadline - time.monotonic()

    def run(self, *command, env=None, cwd=None):
        """Exit code, or None if the suite's time ran out."""
        return processes.run(list(command), self.log, self.left(), env=env, cwd=cwd or self.root)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def tail(self, lines=25):
        return "\n".join(self.read_log().splitlines()[-lines:])


def verdict(context, code, note="", excerpt=None):
    """The outcome of a suite that is one command."""
    if code == 0:
        return Outcome(passed=1, note=note)
    reason = "out of time" if code is None else f"exit code {code}"
    return Outcome(failed=1, note=f"{reason}{'; ' if note else ''}{note}",
                   excerpt=context.tail() if excerpt is None else excerpt)


# --- building -----------------------------------------------------------------------------------------

def install(context):
    return verdict(context, context.run(context.path("tools", "install-dependencies")))


def configure_tree(context, build, *options):
    return context.run("cmake", "-S", context.root, "-B", build, "-G", "Ninja", *options)


def build_tree(context, build, *targets):
    """Goes on after an error, so that one run shows all of them."""
    return context.run("ninja", "-C", build, "-k", "0", "-j", JOBS, *targets)


def build_errors(context):
    lines = [line for line in context.read_log().splitlines()
             if re.search(r"error[: ]|undefined (reference|symbol)|^FAILED:|multiple definition", line)]
    return "\n".join(lines) or context.tail()


def configure(context):
    code = configure_tree(context, context.build)
    return verdict(context, code)


def build(context):
    code = build_tree(context, context.build)
    steps = re.findall(r"^\[(\d+)/\d+\]", context.read_log(), re.MULTILINE)
    return verdict(context, code, f"{len(steps)} steps", build_errors(context) if code != 0 else "")


# --- ctest --------------------------------------------------------------------------------------------

def ctest(context, build_folder, *selection, env=None, required=True):
    """Runs the selected ctest cases and counts what is in them: a GoogleTest binary counts its own cases."""
    work = os.path.join(context.logs, context.name + "-cases")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    junit = os.path.join(work, "ctest.xml")
    code = context.run("ctest", "--test-dir", build_folder, "-j", JOBS, "--output-on-failure",
                       "--output-junit", junit, *selection,
                       env={"GTEST_OUTPUT": f"xml:{work}/gtest/", **(env or {})})
    outcome = count_cases(junit, os.path.join(work, "gtest"))
    total = outcome.passed + outcome.failed + outcome.skipped
    if code is None or (code != 0 and not outcome.failed):
        outcome.failed += 1
        outcome.excerpt += context.tail()
        outcome.note = ("out of time; " if code is None else f"ctest exit code {code}; ") + outcome.note
    elif total == 0:
        outcome.note = "no such tests in this tree"
        outcome.failed, outcome.skipped = (1, 0) if required else (0, 1)
    return outcome


def count_cases(junit, gtest_folder):
    """Reads ctest's report and those of the GoogleTest binaries that it ran."""
    outcome = Outcome()
    try:
        cases = list(xml.etree.ElementTree.parse(junit).getroot().iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return outcome
    for case in cases:
        name, status = case.get("name"), case.get("status")
        inner = gtest_cases(os.path.join(gtest_folder, name + "_test.xml"))
        if status == "run":
            outcome.passed += len(inner["passed"]) if any(inner.values()) else 1
            outcome.skipped += len(inner["skipped"])
            outcome.warnings += [f"skipped: {name}: {skipped}" for skipped in inner["skipped"]]
        elif status == "fail":
            outcome.passed += len(inner["passed"])
            outcome.failed += max(1, len(inner["failed"]))
            outcome.excerpt += f"{name}: {', '.join(inner['failed']) or 'failed'}\n" + indent(
                case.findtext("system-out") or "")
        else:  # disabled, or not run: its binary is missing
            missing = status == "notrun"
            outcome.failed += missing
            outcome.skipped += not missing
            outcome.excerpt += f"{name}: not run\n" if missing else ""
            outcome.warnings += [] if missing else [f"disabled: {name}"]
    total = outcome.passed + outcome.failed + outcome.skipped
    outcome.note = f"{total} cases in {len(cases)} tests"
    return outcome


def gtest_cases(path):
    """Names of the cases in a GoogleTest report, by result; empty if there is no report (it is no GoogleTest
    binary, or it crashed)."""
    found = {"passed": [], "failed": [], "skipped": []}
    try:
        cases = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
    except (OSError, xml.etree.ElementTree.ParseError):
        return found
    for case in cases:
        result = "passed"
        if case.find("failure") is not None:
            result = "failed"
        elif case.get("status") != "run" or case.get("result") != "completed":
            result = "skipped"
        found[result].append(f"{case.get('classname')}.{case.get('name')}")
    return found


def indent(text, lines=25):
    kept = [line for line in text.splitlines() if line.strip()]
    shown = kept if len(kept) <= lines else kept[:lines - 5] + ["..."] + kept[-5:]
    return "".join(f"  {line}\n" for line in shown)


def has_room(context, room):
    return os.path.exists(context.path("tests", room, "CMakeLists.txt"))


def unit(context):
    return ctest(context, context.build, "-LE", f"^({OTHER_LABELS})$")


def e2e(context):
    return ctest(context, context.build, "-L", "^e2e$", required=has_room(context, "e2e"))


def fault(context):
    return ctest(context, context.build, "-L", "^fault$", required=has_room(context, "fault"))


def demo(context):
    """The story on a node of its own; the story counts its checks itself."""
    code = context.run(context.path("tools", "demo"), "--exit", "--bin", os.path.join(context.build, "bin"),
                       "--port", "0")
    checks = re.findall(r"(\d+) checks in ", context.read_log())
    note = f"{checks[-1]} checks" if checks else ""
    return verdict(context, code, note, context.tail() if code != 0 else "")


# --- static checks ------------------------------------------------------------------------------------

def tidy(context):
    """tools/tidy, and the tests of the scripts. They need no build. (ctest -L tidy runs them too.)"""
    outcome = Outcome()
    for script in ("tools/tidy", "tests/tidy_test.py", "tests/gate_test.py"):
        before = len(context.read_log())
        code = context.run("python3", "-B", context.path(script))
        outcome.passed += code == 0
        outcome.failed += code != 0
        if code != 0:
            output = context.read_log()[before:].splitlines()[1:]
            outcome.excerpt += f"{script}: {'out of time' if code is None else 'failed'}\n" + indent(
                "\n".join(output), lines=35)
    outcome.note = f"{outcome.passed + outcome.failed} scripts"
    return outcome


def style(context):
    files = [name for name in changes.tree_files(context.root)
             if name.endswith((".cc", ".h")) and not name.startswith("proto/google/")]
    if not files:
        return Outcome(failed=1, note="no C++ files found")
    code = context.run("clang-format-14", "--dry-run", "--Werror", *files)
    wrong = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: error:", context.read_log(), re.MULTILINE)))
    if not wrong:
        return verdict(context, code, f"{len(files)} files")
    return Outcome(failed=1, note=f"{len(wrong)} of {len(files)} files; mend with: clang-format-14 -i FILE",
                   excerpt="\n".join(wrong))


def lint_cpp(context):
    """clang-tidy on what has changed, the most recent first, as far as the budget goes.

    Tests cost up to half a minute each: they are linted by --deep clang-tidy.
    """
    commit = changes.base(context.root)
    latest = changes.latest_first(context.root, changes.changed_files(context.root, commit))
    changed = [name for name in latest if not name.endswith("_test.cc")]
    what = f"changed since {commit[:10]}" if commit else "a tree without history"
    return lint_files(context, changed, what)


def lint_files(context, changed, what):
    sources = compiled_sources(context)
    files = clang_tidy.with_headers(changed, sources, lambda name: read(context.path(name)))
    if not files:
        return Outcome(passed=1, note=f"0 files, {what}")
    clean, wrong, left_out = clang_tidy.check(
        context.root, context.build, files, context.deadline - 5,
        lambda command, log, timeout: processes.run(command, log, timeout, cwd=context.root), context.log)
    outcome = Outcome(note=f"{len(clean)} of {len(files)} files clean, {what}")
    outcome.passed, outcome.failed = (0, 1) if wrong else (1, 0)
    outcome.skipped = len(left_out)
    found = re.findall(r"^.*: (?:error|warning): .*$", context.read_log().replace(context.root + os.sep, ""),
                       re.MULTILINE)
    outcome.excerpt = "\n".join(dict.fromkeys(found))  # a header's findings come once for each source
    if left_out:
        outcome.warnings = [f"LEFT OUT for lack of time, {len(left_out)} files; tools/test --deep clang-tidy "
                            "checks them:"] + [f"  {name}" for name in left_out]
    return outcome


def compiled_sources(context):
    """Sources of the project that the build compiles, as paths from the root."""
    text = read(os.path.join(context.build, "compile_commands.json"))
    files = re.findall(r'"file": "([^"]+)"', text)
    return {os.path.relpath(name, context.root) for name in files
            if name.startswith(context.root + os.sep) and not name.startswith(context.build + os.sep)}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def buf(context):
    """buf lint on the protos, and buf breaking against the commit that this change starts from."""
    folder = context.path("tools", "buf")
    binary = os.path.join(folder, "node_modules", ".bin", "buf")
    stamp = os.path.join(folder, "node_modules", ".package-lock.json")
    lock = os.path.join(folder, "package-lock.json")
    if not os.path.exists(binary) or os.path.getmtime(stamp) < os.path.getmtime(lock):
        # Its install script only checks what npm has just put there.
        code = context.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        if code != 0:
            return verdict(context, code, "npm could not install buf")
    code = context.run(binary, "lint")
    if code != 0:
        return verdict(context, code, "buf lint")
    commit = changes.base(context.root)
    if commit is None or not changes.git(context.root, "ls-tree", commit, "proto/", "buf.yaml"):
        return Outcome(passed=1, note="lint clean; no earlier protos to compare with")
    with tempfile.TemporaryDirectory() as before:
        archive = os.path.join(before, "proto.tar")
        code = context.run("git", "archive", "--output", archive, commit, "proto", "buf.yaml")
        code = code or context.run("tar", "-xf", archive, "-C", before)
        code = code or context.run(binary, "breaking", "--against", before)
    return verdict(context, code, f"lint, and breaking against {commit[:10]}")


# --- fuzzing ------------------------------------------------------------------------------------------

def fuzz(context):
    return run_fuzzers(context, lambda count: FUZZ_SECONDS, seed="1")


def deep_fuzz(context):
    """Shares the time that is left after the build among the targets, two at a time."""
    return run_fuzzers(context, lambda count: int((context.left() - 60) / ((count + 1) // 2)), seed="0")


def run_fuzzers(context, seconds_each, seed):
    lists = context.path("tests", "fuzz", "CMakeLists.txt")
    if not os.path.exists(lists) or not re.search(r"^\s*waypost_fuzz\(", read(lists), re.MULTILINE):
        return Outcome(skipped=1, note="no fuzz targets in tests/fuzz/CMakeLists.txt")
    folder = context.path("build-fuzz")
    code = configure_tree(context, folder, "-DCMAKE_CXX_COMPILER=clang++-14", "-DWAYPOST_FUZZ=ON",
                          "-DWAYPOST_SANITIZE=address,undefined",
                          "-DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link")
    if code == 0:
        code = build_tree(context, folder, "fuzzers")
    if code != 0:
        return verdict(context, code, "the fuzz build", build_errors(context))
    targets = read(os.path.join(folder, "fuzzers.txt")).split()
    seconds = seconds_each(len(targets))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda target: fuzz_one(context, folder, target, seconds, seed), targets))
    outcome = Outcome(note=f"{len(targets)} targets, {seconds} s each")
    for target, (code, log) in zip(targets, results):
        outcome.passed += code == 0
        outcome.failed += code != 0
        if code != 0:
            lines = read(log).splitlines()
            telling = [line for line in lines if re.search(r"ERROR|SUMMARY|Test unit|runtime error", line)]
            reason = "out of time" if code is None else f"exit code {code}"
            outcome.excerpt += f"{target}: {reason}\n" + indent("\n".join(telling or lines[-9:]))
    return outcome


def fuzz_one(context, folder, target, seconds, seed):
    """Fuzzes one target from its seeds and what earlier runs found; returns exit code and log."""
    found = os.path.join(folder, "corpus", target)
    failing = os.path.join(context.logs, "fuzz-failing", target)
    os.makedirs(found, exist_ok=True)
    os.makedirs(failing, exist_ok=True)
    seeds = context.path("tests", "fuzz", "corpus", target)
    log = os.path.join(context.logs, f"{context.name}-{target}.log")
    if os.path.exists(log):
        os.remove(log)
    command = [os.path.join(folder, "bin", target), f"-max_total_time={seconds}", f"-seed={seed}",
               "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={failing}/", found]
    command += [seeds] if os.path.isdir(seeds) else []
    return processes.run(command, log, context.left(), env=sanitizer_options(context), cwd=folder), log


# --- sanitizers and other long suites -----------------------------------------------------------------

def sanitizer_options(context):
    """Environment for instrumented binaries; the suppression files give a reason for each line."""
    def supp(name):
        return "suppressions=" + context.path("tests", "sanitizers", name + ".supp")
    return {
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
        "LSAN_OPTIONS": supp("lsan") + ":print_suppressions=0",
        "UBSAN_OPTIONS": supp("ubsan") + ":print_stacktrace=1",
        "TSAN_OPTIONS": supp("tsan") + ":ignore_noninstrumented_modules=1:second_deadlock_stack=1"
                                       ":history_size=4:print_suppressions=0",
    }


def unit_programs(folder):
    """The program of each unit test, by the test's name. ctest names none that is not built yet."""
    command = ["ctest", "--test-dir", folder, "--show-only=json-v1", "-LE", f"^({OTHER_LABELS})$"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    names = [test["name"] for test in json.loads(listed.stdout)["tests"]]
    return {name: name if name.endswith("_replay") else name + "_test" for name in names}


def sanitized(context, name, sanitizers, wanted):
    """The tests whose name is wanted, with what they need alone: an instrumented build takes long."""
    folder = context.path("build-" + name)
    env = sanitizer_options(context)
    code = configure_tree(context, folder, f"-DWAYPOST_SANITIZE={sanitizers}")
    if code != 0:
        return verdict(context, code, "the instrumented build", build_errors(context))
    programs = {test: program for test, program in unit_programs(folder).items() if wanted(test)}
    outputs = list(programs.values())
    if sanitizers == "thread":
        libraries = ("lib/libtsan_absl_sync.so", "lib/libtsan_grpc_order.so")
        env["LD_PRELOAD"] = ":".join(os.path.join(folder, library) for library in libraries)
        outputs += libraries
    code = build_tree(context, folder, *outputs)
    if code != 0:
        return verdict(context, code, "the instrumented build", build_errors(context))
    return ctest(context, folder, "-R", f"^({'|'.join(programs)})$", env=env)


# An instrumented build of all tests takes longer than half an hour: they are built and run in three parts.
def part_of(test):
    """The part of the sanitized suites that a test is in."""
    if test == "referral_rules":
        return "rules"
    return "referral" if "referral" in test or test == "across" else "rest"


def asan_part(part):
    return lambda context: sanitized(context, "asan", "address,undefined", lambda test: part_of(test) == part)


def tsan_part(part):
    return lambda context: sanitized(context, "tsan", "thread", lambda test: part_of(test) == part)


def kills(context):
    return ctest(context, context.build, "-L", "^deep-kills$", env={"WAYPOST_KILLS": str(KILLS)})


def deep_lint_cpp(context):
    files = changes.latest_first(context.root, changes.tree_files(context.root))
    return lint_files(context, files, "the whole tree")


_BUILT = ("install", "configure", "build")

GATE = [
    Suite("install", 80, (), install, "Debian packages that are missing"),
    Suite("configure", 20, ("install",), configure, "CMake"),
    Suite("tidy", 45, ("install",), tidy, "arrows between rooms, dead files, banned words and calls"),
    Suite("format", 20, ("install",), style, "clang-format"),
    Suite("buf", 30, ("install",), buf, "the protos: lint, and no breaking change"),
    Suite("build", 1740, ("install", "configure"), build, "everything, warnings are errors"),
    Suite("unit", 220, _BUILT, unit, "every room's test binary"),
    Suite("e2e", 80, _BUILT, e2e, "whole servers, driven through their APIs"),
    Suite("fault", 80, _BUILT, fault, "crashes, full disks, failing peers"),
    Suite("demo", 70, _BUILT, demo, "the story of the demonstration, every check of it"),
    Suite("fuzz", 265, ("install",), fuzz, f"each fuzz target for {FUZZ_SECONDS} s"),
    Suite("clang-tidy", 50, _BUILT, lint_cpp, "changed files but tests, the most recent first"),
]

DEEP = [
    Suite("asan", 1800, ("install",), asan_part("rest"), "unit tests, address and undefined behaviour"),
    Suite("asan-referral", 1800, ("install",), asan_part("referral"), "the same, of the referral service"),
    Suite("asan-rules", 1800, ("install",), asan_part("rules"), "the same, of its rules"),
    Suite("tsan", 1800, ("install",), tsan_part("rest"), "unit tests, threads"),
    Suite("tsan-referral", 1800, ("install",), tsan_part("referral"), "the same, of the referral service"),
    Suite("tsan-rules", 1800, ("install",), tsan_part("rules"), "the same, of its rules"),
    Suite("fuzz", 1800, ("install",), deep_fuzz, "the fuzz targets for half an hour"),
    Suite("kills", 1800, _BUILT, kills, f"{KILLS} kills of a loaded server, nothing acknowledged is lost"),
    Suite("clang-tidy", 1800, _BUILT, deep_lint_cpp, "the whole tree"),
]
