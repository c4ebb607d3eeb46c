"""clang-tidy over a list of files, two at a time, remembering which exact contents were clean."""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import time

TOOL = "clang-tidy-14"
# A file takes 5 to 60 s; none is begun with less left than this. One that is cut off counts as left out.
LAST_START_SECONDS = 15


class Cache:
    """Keys of clean runs: tool, configuration, compile command, and the content of the file and of every
    header of the project that it includes (from ninja's record). A file that ninja has not compiled has no
    key."""

    def __init__(self, root, build):
        self.root = root
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        self.folder = os.path.join(home, "waypost", "clang-tidy")
        with open(os.path.join(root, ".clang-tidy"), "rb") as file:
            version = subprocess.run([TOOL, "--version"], stdout=subprocess.PIPE, check=True).stdout
            self.salt = hashlib.sha256(version + file.read()).digest()
        self.headers = self._headers(build)
        self.digests = {}

    def _headers(self, build):
        done = subprocess.run(["ninja", "-C", build, "-t", "deps"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        by_source = {}
        for block in re.split(r"\n(?=\S)", done.stdout):
            names = [os.path.normpath(os.path.join(build, line.strip()))
                     for line in block.split("\n")[1:] if line]
            ours = [name for name in names
                    if name.startswith(self.root + os.sep) and "/cmake_pch." not in name]
            sources = [name for name in ours if name.endswith(".cc")]
            if sources and "(VALID)" in block.split("\n", 1)[0]:
                by_source[sources[0]] = sorted(ours)
        return by_source

    def _digest(self, path):
        if path not in self.digests:
            with open(path, "rb") as file:
                self.digests[path] = hashlib.sha256(file.read()).digest()
        return self.digests[path]

    def key(self, path, command):
        if path not in self.headers:
            return None
        whole = hashlib.sha256(self.salt + command.replace(self.root, "").encode())
        try:
            for name in self.headers[path]:
                whole.update(name[len(self.root):].encode() + self._digest(name))
        except OSError:
            return None
        return whole.hexdigest()

    def clean(self, key):
        return key is not None and os.path.exists(os.path.join(self.folder, key))

    def remember(self, key):
        if key is not None:
            os.makedirs(self.folder, exist_ok=True)
            with open(os.path.join(self.folder, key), "w", encoding="utf-8"):
                pass


def with_headers(files, sources, read):
    """`files` and, for each changed header among them, the source that shows it: the one of the same name, or
    else the first that includes it."""
    chosen = [name for name in files if name in sources]
    for name in files:
        if not name.endswith(".h"):
            continue
        same = [name[:-2] + ".cc", name[:-2] + "_test.cc"]
        including = (s for s in sorted(sources) if f'"{name}"' in read(s))
        found = next((s for s in same if s in sources), None) or next(including, None)
        if found and found not in chosen:
            chosen.append(found)
    return chosen


def own_database(build):
    """A compilation database without what clang does not take: GCC's precompiled headers, and its parameters;
    returns its folder, and the command for each file."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    for entry in entries:
        entry["command"] = for_clang(entry["command"])
    folder = os.path.join(build, "clang-tidy")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file)
    return folder, {entry["file"]: entry["command"] for entry in entries}


def for_clang(command):
    own_of_gcc = r" (-fpch-preprocess|-Winvalid-pch|-include \S*/cmake_pch\.hxx|--param \S+)(?= )"
    return re.sub(own_of_gcc, "", command)


def check(root, build, files, deadline, run, log):
    """Checks `files` (paths from the root, in order of importance) until `deadline` (monotonic seconds).

    `run(command, log, timeout)` runs a command. Returns (clean, findings, left out): lists of paths; the
    output for those with findings is in `log`.
    """
    database, commands = own_database(build)
    cache = Cache(root, build)
    clean, findings, left_out = [], [], []

    def one(name):
        path = os.path.join(root, name)
        key = cache.key(path, commands[path])
        if cache.clean(key):
            return clean
        if deadline - time.monotonic() < LAST_START_SECONDS:
            return left_out
        own_log = log + "." + re.sub(r"\W", "_", name)
        # GCC's warning options are not all clang's.
        command = [TOOL, "-p", database, "--quiet", "--extra-arg=-Wno-unknown-warning-option", path]
        code = run(command, own_log, deadline - time.monotonic())
        with open(own_log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        os.remove(own_log)
        if code is None:
            return left_out
        if code == 0:
            cache.remember(key)
            return clean
        with open(log, "a", encoding="utf-8") as file:
            file.write(text)
        return findings

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for name, outcome in zip(files, pool.map(one, files)):
            outcome.append(name)
    return clean, findings, left_out
