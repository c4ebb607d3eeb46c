"""Calls Waypost through its command line tool, as a person or a script would."""

import json
import os
import subprocess

DIRECTORY = "waypost.directory.v1.DirectoryService"
REFERRAL = "waypost.referral.v1.ReferralService"
ENROLMENT = "waypost.referral.v1.EnrolmentService"
AUDIT = "waypost.audit.v1.AuditService"
_TIMEOUT_SECONDS = 60


class ToolFailed(Exception):
    """The tool did not do what no check of the story expects to fail."""


class Answer:
    """What came back: `ok` with `message`, or `code`, `reason`, `metadata`, `violations`, `text`."""

    def __init__(self, exit_code, out, err):
        self.exit_code, self.out, self.err = exit_code, out, err
        self.ok = exit_code == 0
        self.message = _json(out) if self.ok else {}
        error = {} if self.ok else _failure(err)
        self.code = "OK" if self.ok else error.get("code", "")
        self.reason = error.get("reason", "")
        self.text = error.get("message", err.strip())
        self.metadata = error.get("metadata", {})
        self.violations = [(v["field"], v["description"]) for v in error.get("fieldViolations", [])]

    def __str__(self):
        if self.ok:
            return "OK"
        return " / ".join(part for part in (self.code, self.reason) if part) or f"exit code {self.exit_code}"


def _json(text):
    try:
        return json.loads(text) if text.strip() else {}
    except json.JSONDecodeError:
        return {}


def _failure(text):
    for line in reversed(text.strip().splitlines()):
        value = _json(line)
        if isinstance(value, dict) and "error" in value:
            return value["error"]
    return {}


class Tool:
    """The command line tool for one node. Thread-safe."""

    def __init__(self, binary, node):
        self.binary, self.server, self.data_dir = binary, node.server, node.data_dir
        self._node = node
        self._tokens = {}

    def run(self, arguments, token="", text=""):
        """Runs the tool with `text` as its input, and waits. Raises ToolFailed when the node is gone."""
        environment = {**os.environ, "WAYPOST_SERVER": self.server, "WAYPOST_TOKEN": token}
        if not self._node.is_running():
            raise ToolFailed(f"the node has ended:\n{self._node.log_tail()}")
        try:
            done = subprocess.run([self.binary, *arguments], input=text, capture_output=True, text=True,
                                  timeout=_TIMEOUT_SECONDS, env=environment, check=False)
        except subprocess.TimeoutExpired as error:
            raise ToolFailed(f"waypost {arguments[0]} took longer than {_TIMEOUT_SECONDS} s") from error
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, arguments, token):
        """Starts the tool and leaves it running: for streams. The caller ends it."""
        environment = {**os.environ, "WAYPOST_SERVER": self.server, "WAYPOST_TOKEN": token}
        return subprocess.Popen([self.binary, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=environment)

    def token(self, body, roles, units, subject):
        key = (body, tuple(roles), tuple(units), subject)
        if key not in self._tokens:
            arguments = ["token", "--data-dir", self.data_dir, "--body", body, "--subject", subject]
            for role in roles:
                arguments += ["--role", role]
            for unit in units:
                arguments += ["--unit", unit]
            answer = self.run(arguments)
            if not answer.ok:
                raise ToolFailed(f"no token for {body}: {answer.err.strip()}")
            self._tokens[key] = answer.out.strip()
        return self._tokens[key]


class Person:
    """Somebody at work: a body, roles, units. Makes calls in that name."""

    def __init__(self, tool, title, body, roles, unit=""):
        self.tool, self.title, self.body, self.roles, self.unit = tool, title, body, roles, unit
        self.subject = "-".join([body.split("/")[1], unit.rsplit("/", 1)[-1], roles[0]]).replace("--", "-")

    @property
    def token(self):
        return self.tool.token(self.body, self.roles, [self.unit] if self.unit else [], self.subject)

    def call(self, service, method, request):
        return self.tool.run(["--output", "json", "call", f"{service}/{method}", "-"], self.token,
                             json.dumps(request, ensure_ascii=False))

    def tell(self, *arguments):
        """A command as a person would type it."""
        return self.tool.run(["--output", "json", *arguments], self.token)
