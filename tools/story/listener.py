"""Follows a watch in a process of its own, as a municipality's own system would."""

import json
import queue
import threading
import time

from client import REFERRAL


class Listener:
    """Reads changes until it is stopped. `cursor` empty: from now on."""

    def __init__(self, person, cursor=""):
        request = json.dumps({"cursor": cursor} if cursor else {})
        self._child = person.tool.start(["--output", "json", "call", f"{REFERRAL}/WatchReferrals", request],
                                        person.token)
        self._lines = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def changes(self, enough, seconds):
        """Changes until `enough(list)` says so, the stream ends, or the time is over."""
        got, text, deadline = [], "", time.monotonic() + seconds
        while not enough(got):
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                break
            text += line
            try:
                change = json.loads(text)
            except json.JSONDecodeError:
                continue  # the rest of it is on the next line
            text = ""
            if change.get("referral"):  # the first message from now on has a cursor alone
                got.append(change)
        return got

    def stop(self):
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(timeout=5)
            except Exception:  # it did not listen
                self._child.kill()
                self._child.wait()
        self._thread.join(timeout=5)
        self._child.stdout.close()
        self._child.stderr.close()
