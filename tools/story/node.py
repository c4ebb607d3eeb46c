"""Builds Waypost, runs one node for a demonstration, and stops it again."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
TARGETS = ["waypost-node", "waypost"]
DEFAULT_PORT = 7400
_PR_SET_PDEATHSIG = 1
_START_SECONDS = 60
_STOP_SECONDS = 20


class NotReady(Exception):
    """Says what is missing, for the person who started the demonstration."""


class Programs:
    """Where the two programs are."""

    def __init__(self, folder=os.path.join(BUILD, "bin")):
        self.waypost = os.path.join(folder, "waypost")
        self.node = os.path.join(folder, "waypost-node")


def build(say):
    """Installs what is missing and builds the two programs. Quick when there is nothing to do."""
    _step(say, "installing what is missing (tools/install-dependencies --demo)",
          [os.path.join(ROOT, "tools", "install-dependencies"), "--demo"])
    if not os.path.exists(os.path.join(BUILD, "build.ninja")):
        _step(say, "configuring the build", ["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja"])
    _step(say, f"building {' and '.join(TARGETS)} (the first time takes minutes)",
          ["ninja", "-C", BUILD, *TARGETS])


def _step(say, what, command):
    say(what + " …")
    began = time.monotonic()
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as child:
        for line in child.stdout:
            lines.append(line.rstrip())
            if sys.stdout.isatty() and line.startswith("["):
                print("\r  " + line.split("]")[0] + "]", end="", flush=True)
    if child.returncode != 0:
        tail = "\n".join(lines[-30:])
        raise NotReady(f"{' '.join(command)} failed with exit code {child.returncode}:\n{tail}")
    say(("\r" if sys.stdout.isatty() else "") + f"  done in {time.monotonic() - began:.1f} s")


def is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _die_with_parent():
    """In the child: the node ends when this process does, however it does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Node:
    """A node in demonstration mode over the embedded store in `folder`. Port 0 takes any free one. `config`
    is what else it is told, as protobuf text."""

    def __init__(self, programs, folder, port, config=""):
        self._program = programs.node
        self._config = config
        self.folder = folder
        self.data_dir = os.path.join(folder, "data")
        self.key_dir = os.path.join(folder, "keys")
        self.log_path = os.path.join(folder, "node.log")
        self._port = port
        self._child = None
        self.ports = {}

    @property
    def server(self):
        return f"127.0.0.1:{self.ports['grpc']}"

    def start(self):
        port_file = os.path.join(self.folder, "ports.json")
        if os.path.exists(port_file):
            os.remove(port_file)
        command = [self._program, "--demo", "--data-dir", self.data_dir, "--key-dir", self.key_dir,
                   "--listen", f"127.0.0.1:{self._port}", "--metrics-listen", "127.0.0.1:0",
                   "--access-log", os.path.join(self.folder, "access.log"), "--port-file", port_file]
        if self._config:
            config_path = os.path.join(self.folder, "node.textproto")
            with open(config_path, "w", encoding="utf-8") as file:
                file.write(self._config)
            command += ["--config", config_path]
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True, preexec_fn=_die_with_parent)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if self._child.poll() is not None:
                raise NotReady(f"the node ended with exit code {self._child.returncode}:\n{self.log_tail()}")
            if self._read_ports(port_file):
                return
            if time.monotonic() > deadline:
                self.stop()
                raise NotReady(f"the node did not serve within {_START_SECONDS} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def _read_ports(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                self.ports = json.load(file)
        except (OSError, json.JSONDecodeError):
            return False
        return bool(self.ports.get("grpc"))

    def log_tail(self, lines=20):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().splitlines()[-lines:])

    def is_running(self):
        return self._child is not None and self._child.poll() is None

    def wait(self):
        """Until the node ends by itself. Returns its exit code."""
        return self._child.wait()

    def stop(self):
        """Returns the exit code; None when it had to be killed. Harmless when nothing runs."""
        if not self.is_running():
            return None if self._child is None else self._child.returncode
        self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            return None
