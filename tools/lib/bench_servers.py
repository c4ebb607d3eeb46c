"""The processes that a benchmark runs: a bare echo, nodes, the loader, and the client that loads them."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import bench_stages
import processes

FROM, TO, OPERATOR = "bodies/es-bench-from", "bodies/es-bench-to", "bodies/es-bench-operator"
SMALL = "bodies/es-bench-sm"  # receives little; its name is as long as TO, so that a page has as many bytes
# One body makes all the load here; what a body may ask for in a second is not what is measured.
_CONFIG = "limits { body_rate: 1000000 }\n"
_START_SECONDS = 120


def end(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class Client:
    """Runs waypost-bench-client, in a process of its own."""

    def __init__(self, programs):
        self.program = programs / "waypost-bench-client"
        self.errors = 0  # calls that failed
        self.runs = 0

    def command(self, mode, **options):
        command = [str(self.program), "--mode", mode]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return command

    def result(self, mode, out, err):
        try:
            result = json.loads(out)
        except ValueError:
            sys.exit(f"the client's {mode} came to nothing: {out}{err}")
        if result.get("errors"):
            self.errors += result["errors"]
            print(f"  {mode}: {result['errors']} calls failed: {result['first_error']}", file=sys.stderr)
        return result

    def run(self, mode, **options):
        done = subprocess.run(self.command(mode, **options), capture_output=True, text=True, check=False)
        return self.result(mode, done.stdout, done.stderr)

    def run_watched(self, mode, every_seconds, look, **options):
        """As run(); calls `look` again and again meanwhile."""
        began = time.monotonic()
        with subprocess.Popen(self.command(mode, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as child:
            try:
                while True:
                    try:
                        out, err = child.communicate(timeout=every_seconds)
                        return self.result(mode, out, err)
                    except subprocess.TimeoutExpired:
                        look(time.monotonic() - began)
            finally:
                child.kill()

    def new_run(self):
        """A word that makes request ids unlike those of any other run."""
        self.runs += 1
        return f"{os.getpid()}-{self.runs}"


class Echo:
    def __init__(self, programs):
        self.process = subprocess.Popen([programs / "waypost-bench-echo"], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=processes.die_with_parent)
        self.port = int(self.process.stdout.readline())

    def close(self):
        end(self.process, signal.SIGKILL)


class Node:
    """A waypost-node with a folder of its own, which outlives stop() and start()."""

    def __init__(self, programs, client, folder):
        self.programs, self.client, self.folder = programs, client, pathlib.Path(folder)
        self.folder.mkdir()
        self.config = self.folder / "config.textproto"
        self.config.write_text(_CONFIG)
        self.process = None
        self.bodies = (FROM, TO)
        self.tokens = {}

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Returns the seconds from exec until its health is SERVING."""
        ports = self.folder / "ports"
        ports.unlink(missing_ok=True)
        waiting = subprocess.Popen(self.client.command("serving", port_file=ports), stdout=subprocess.PIPE,
                                   text=True)
        began = time.monotonic()
        self.process = subprocess.Popen(
            [self.programs / "waypost-node", "--demo", "--config", self.config,
             "--data-dir", self.folder / "data", "--key-dir", self.folder / "keys",
             "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--port-file", ports,
             "--access-log", self.folder / "access.log"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=processes.die_with_parent)
        try:
            out, _ = waiting.communicate(timeout=_START_SECONDS)
        finally:
            end(waiting, signal.SIGKILL)
        if waiting.returncode != 0:
            sys.exit("waypost-node does not come to serve")
        listening = json.loads(ports.read_text())
        self.port, self.metrics_port = listening["grpc"], listening["metrics"]
        return json.loads(out)["serving_at"] - began

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            end(self.process, how)
            self.process = None

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- its callers

    def mint(self, body, role):
        out = subprocess.run([self.programs / "waypost", "token", "--data-dir", self.folder / "data",
                              "--body", body, "--role", role, "--subject", f"bench-{role}"],
                             check=True, capture_output=True, text=True).stdout
        return out.strip().splitlines()[-1]

    def _call(self, token, method, request):
        done = subprocess.run(
            [self.programs / "waypost", "--server", f"127.0.0.1:{self.port}", "--output", "json", "call",
             method, json.dumps(request)],
            env={**os.environ, "WAYPOST_TOKEN": token}, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{method}: {done.stderr}")

    def mint_tokens(self):
        self.tokens = {body: self.mint(body, "supervisor") for body in self.bodies}

    def prepare_bodies(self):
        """Makes the bodies and their intake units; waits until the referral service has heard of them."""
        operator = self.mint(OPERATOR, "operator")
        for body in self.bodies:
            self._call(operator, "waypost.directory.v1.DirectoryService/CreateBody", {
                "requestId": f"bench-{body.split('/')[1]}", "bodyId": body.split("/")[1],
                "body": {"displayName": {"text": {"en": body}, "originalLanguage": "en"},
                         "kind": "BODY_KIND_MUNICIPALITY", "level": "LEVEL_LOCAL", "territories": ["ES300"],
                         "languages": ["es"]}})
        self.mint_tokens()
        for body in reversed(self.bodies):  # that of FROM last: who submits has heard of all
            self._call(self.tokens[body], "waypost.directory.v1.DirectoryService/CreateUnit", {
                "requestId": f"bench-intake-{body.split('/')[1]}", "parent": body, "unitId": "intake",
                "unit": {"displayName": {"text": {"en": "Intake"}, "originalLanguage": "en"},
                         "kind": "UNIT_KIND_INTAKE_DESK", "status": "UNIT_STATUS_ACTIVE"}})
        until = time.monotonic() + 30
        while not self.submits_once():
            if time.monotonic() > until:
                sys.exit("the referral service has not heard of the bodies")
            time.sleep(0.1)

    def submits_once(self):
        done = subprocess.run(
            self.client.command("submit", port=self.port, token=self.tokens[FROM], run=self.client.new_run(),
                                in_flight=1, seconds=0.01, warm_up=0),
            capture_output=True, text=True, check=False)
        return done.returncode == 0

    # --- what it says of itself

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            return answer.read().decode()

    def lag_events(self):
        return bench_stages.sum_of(self.metrics(), "waypost_relay_lag_events")

    def lag_seconds(self):
        return max(float(v) for v in re.findall(r"^waypost_relay_lag_seconds{[^}]*} (\S+)$", self.metrics(),
                                                re.MULTILINE))

    def answered_within(self, method, seconds):
        """(how many calls of a method were answered within so many seconds, how many in all)"""
        text = self.metrics()
        def value(pattern):
            found = re.search(pattern, text, re.MULTILINE)
            return float(found.group(1)) if found else 0.0
        labels = rf'[^}}]*method="{method}"[^}}]*'
        return (value(rf'^waypost_request_seconds_bucket{{{labels}le="{seconds}"}} (\S+)$'),
                value(rf'^waypost_request_seconds_count{{{labels}}} (\S+)$'))

    def clocks_fired(self):
        return float(re.search(r'^waypost_clocks_total{[^}]*result="fired"[^}]*} (\S+)$', self.metrics(),
                               re.MULTILINE)[1])

    def drain(self, seconds=180):
        """Waits until the relay has caught up; False when it has not by then."""
        until = time.monotonic() + seconds
        while self.lag_events() > 0:
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def settle(self, seconds=60):
        """Waits until it has nothing to do, compaction included: at most one twentieth of a core."""
        self.drain()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = sum(bench_stages.cpu_seconds(self.pid).values())
            time.sleep(1)
            if sum(bench_stages.cpu_seconds(self.pid).values()) - before < 0.05:
                return

    def memory_mb(self, which="VmRSS"):
        """Resident memory now, or with VmHWM the most it has been since the start."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024

    def load(self, referrals, due_in_seconds=0, to=(TO,)):
        """Fills the folder with referrals while the node is stopped, to these bodies in turns, all due so
        many seconds after that began (0: each after the usual time). Returns what the loader reports."""
        done = subprocess.run([self.programs / "waypost-bench-loader", "--data-dir", self.folder / "data",
                               "--key-dir", self.folder / "keys", "--from", FROM,
                               *(word for body in to for word in ("--to", body)),
                               "--referrals", str(referrals), "--run", self.client.new_run(),
                               "--due-in-seconds", str(due_in_seconds)],
                              stdout=subprocess.PIPE, text=True, check=False,
                              preexec_fn=processes.die_with_parent)
        if done.returncode != 0:
            sys.exit("the loader failed")
        return json.loads(done.stdout)
