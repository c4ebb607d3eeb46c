"""What the story prints: chapters, steps, what was sent, what came back, and checks that count."""

import sys
import textwrap
import time

_WIDTH = 100


class Report:
    """Prints as the story goes on and counts the checks. `stream` is a text stream."""

    def __init__(self, stream=sys.stdout):
        self._stream = stream
        self._colour = stream.isatty()
        self._chapters = []  # [title, passed, failed, seconds]
        self._began = self._chapter_began = time.monotonic()
        self._step = 0

    # --- text ---------------------------------------------------------------------------------------------

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def line(self, text=""):
        print(text, file=self._stream, flush=True)

    def _wrapped(self, text, first, rest):
        self.line(textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=rest,
                                break_long_words=False, break_on_hyphens=False))

    def say(self, text):
        """A sentence of the story."""
        self._wrapped(text, "   ", "   ")

    def chapter(self, title):
        self._close_chapter()
        self._chapters.append([title, 0, 0, 0.0])
        self._chapter_began = time.monotonic()
        self.line()
        self.line(self._paint("1;34", f"== {len(self._chapters)}. {title} " + "=" * max(0, 92 - len(title))))

    def step(self, who, what, why=""):
        """Who does what, and why."""
        self._step += 1
        self.line()
        self.line(self._paint("1", f"{self._step:2}. {who}: {what}"))
        if why:
            self._wrapped(why, "    ", "    ")

    def sent(self, text):
        self._wrapped(text, "    → ", "      ")

    def came(self, text):
        self._wrapped(text, "    ← ", "      ")

    def row(self, text):
        self._wrapped(text, "      ", "        ")

    def table_row(self, text):
        """As it is, however long."""
        self.line("      " + text)

    # --- checks -------------------------------------------------------------------------------------------

    def check(self, what, holds, instead=""):
        """Counts one check. Returns whether it held."""
        if not self._chapters:
            self.chapter("Before the story")
        chapter = self._chapters[-1]
        if holds:
            chapter[1] += 1
            self._wrapped(what, "    " + self._paint("32", "✓") + " ", "      ")
        else:
            chapter[2] += 1
            self._wrapped(what + (f"   — instead: {instead}" if instead else ""),
                          "    " + self._paint("1;31", "✗") + " ", "      ")
        return bool(holds)

    def equal(self, what, actual, expected):
        return self.check(what, actual == expected, f"{actual!r}, not {expected!r}")

    @property
    def failed(self):
        return sum(chapter[2] for chapter in self._chapters)

    @property
    def passed(self):
        return sum(chapter[1] for chapter in self._chapters)

    def _close_chapter(self):
        if self._chapters:
            self._chapters[-1][3] = time.monotonic() - self._chapter_began

    def summary(self):
        self._close_chapter()
        self.line()
        self.line(self._paint("1;34", "== Summary " + "=" * 87))
        self.line(f"   {'':3} {'chapter':62} {'held':>6} {'failed':>7} {'seconds':>8}")
        for number, (title, passed, failed, seconds) in enumerate(self._chapters, 1):
            mark = self._paint("32", "✓") if failed == 0 else self._paint("1;31", "✗")
            self.line(f"   {mark} {number:2} {title[:61]:61} {passed:6} {failed:7} {seconds:8.1f}")
        total = time.monotonic() - self._began
        verdict = "every check held" if self.failed == 0 else f"{self.failed} CHECKS FAILED"
        self.line(f"   {self.passed + self.failed} checks in {total:.1f} s: {verdict}")
