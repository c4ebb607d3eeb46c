"""PostgreSQL 15 as a reference: four INSERTs a transaction, in a cluster of its own with Debian's defaults.

The rows are those that a submission cannot do without: the record, its place in the recipient's inbox, the
request id with its answer, and the event for the outbox. Together they hold somewhat less than half the
bytes that Waypost commits for a submission; there is no service in front of them.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

import processes

_FOLDER = pathlib.Path("/usr/lib/postgresql/15/bin")
_START_SECONDS = 30

_TABLES = """
CREATE TABLE referral (id bigint PRIMARY KEY, revision bigint NOT NULL, record bytea NOT NULL);
CREATE TABLE inbox (body text, state smallint, due timestamptz, referral bigint, summary bytea NOT NULL,
                    PRIMARY KEY (body, state, due, referral));
CREATE TABLE request (id bigint PRIMARY KEY, expires timestamptz NOT NULL, answer bytea NOT NULL);
CREATE TABLE outbox (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event bytea NOT NULL);
"""

_TRANSACTION = r"""
\set id random(1, 9000000000000000000)
\set days random(1, 30)
BEGIN;
INSERT INTO referral VALUES (:id, 1, repeat('x', 900)::bytea);
INSERT INTO inbox VALUES ('bodies/es-bench-to', 2, now() + :days * interval '1 day', :id,
                          repeat('x', 200)::bytea);
INSERT INTO request VALUES (:id, now() + interval '2 days', repeat('x', 300)::bytea);
INSERT INTO outbox (event) VALUES (repeat('x', 400)::bytea);
COMMIT;
"""


def missing():
    """What to do before this can run; None when all is there."""
    if (_FOLDER / "initdb").exists() and shutil.which("pgbench"):
        return None
    return ("PostgreSQL 15 is not installed: run tools/install-dependencies --bench, "
            "or leave it out with --only")


class Cluster:
    """Made when first used; removed by close(). Runs as postgres, since the server refuses to run as root."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waypost-bench-pg-"))
        self.identity = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.made = False
        self.server = None

    def _run(self, *command, text=None):
        done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True,
                              cwd=self.folder, check=False, **self.identity)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def _make(self):
        self._run(_FOLDER / "initdb", "--pgdata", self.folder / "data", "--auth", "trust",
                  "--username", "bench")
        script = self.folder / "transaction.sql"
        script.write_text(_TRANSACTION)
        script.chmod(0o644)
        self.made = True

    @contextlib.contextmanager
    def running(self):
        """Starts the server on a socket in its folder, with empty tables; ends it with everything written."""
        new = not self.made
        if new:
            self._make()
        with open(self.folder / "server.log", "ab") as log:
            self.server = subprocess.Popen(
                [_FOLDER / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c",
                 "listen_addresses="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=processes.die_with_parent, **self.identity)
        try:
            self._await_ready()
            self._sql(_TABLES if new else "TRUNCATE referral, inbox, request, outbox; CHECKPOINT;")
            yield
        finally:
            self._end(signal.SIGINT)

    def _await_ready(self):
        until = time.monotonic() + _START_SECONDS
        while subprocess.run([_FOLDER / "pg_isready", "--quiet", "--host", self.folder], check=False,
                             stdout=subprocess.DEVNULL).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def _sql(self, text):
        return self._run("psql", "--host", self.folder, "--username", "bench", "--dbname", "postgres",
                         "--quiet", "--no-psqlrc", "--tuples-only", "--no-align",
                         "--set", "ON_ERROR_STOP=1", text=text)

    def transactions_per_second(self, clients, seconds):
        """What pgbench reaches, on prepared statements, with the server running."""
        out = self._run("pgbench", "--host", self.folder, "--username", "bench", "--no-vacuum",
                        "--file", self.folder / "transaction.sql", "--client", clients, "--jobs", 2,
                        "--protocol", "prepared", "--time", int(seconds), "postgres")
        return float(re.search(r"^tps = (\S+)", out, re.MULTILINE)[1])

    def settings(self):
        """What says that a commit is durable here, and the version."""
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        return {name: self._sql(f"SHOW {name};").strip() for name in names}

    def _end(self, how):
        if self.server is None:
            return
        self.server.send_signal(how)
        try:
            self.server.wait(60)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.server = None

    def close(self):
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
