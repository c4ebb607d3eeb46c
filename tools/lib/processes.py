"""Runs commands so that nothing outlives them: each in its own session, killed at its time limit, and
whatever it leaves behind is found, named and ended."""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 2.0


def adopt_orphans():
    """Makes this process the parent of every orphan among its descendants, to find them (Linux)."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent():
    """For a child's preexec_fn: it is killed when the thread that began it ends, however it ends (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(command, log, timeout, env=None, cwd=None):
    """Runs `command`, output appended to the file `log`. Returns its exit code, or None if it took longer
    than `timeout` seconds and was killed with all its children. Takes no input."""
    if timeout <= 0:
        return None
    with open(log, "ab") as output:
        output.write(("$ " + " ".join(command) + "\n").encode())
        output.flush()
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
                                     env={**os.environ, **(env or {})}, start_new_session=True)
        except OSError as error:
            output.write(f"{command[0]}: {error.strerror}\n".encode())
            return 127
        try:
            return child.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            output.write(f"\nkilled after {timeout:.0f} s: out of time\n".encode())
            _kill_group(child.pid)
            child.wait()
            return None


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _descendants():
    """Living descendants of this process: {pid: command line}."""
    parent, name = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state, ppid = file.read().rpartition(")")[2].split()[:2]
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                line = file.read().replace("\0", " ").strip()
        except OSError:
            continue  # gone meanwhile
        if state not in "ZX":
            parent[int(entry)] = int(ppid)
            name[int(entry)] = line
    ours = {os.getpid()}
    while True:
        more = {pid for pid, ppid in parent.items() if ppid in ours and pid not in ours}
        if not more:
            break
        ours |= more
    return {pid: name[pid] for pid in ours if pid in name and pid != os.getpid()}


def end_leftovers(grace=_GRACE_SECONDS):
    """Ends every living descendant, and returns the command lines of those that did not end by themselves
    within `grace` seconds. Call it only while no command of run() is under way."""
    deadline = time.monotonic() + grace
    left = _descendants()
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _descendants()
    for _ in range(20):  # a killed parent may leave children that it had just started
        alive = _descendants()
        if not alive:
            break
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    _reap()
    return sorted(left.values())


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
