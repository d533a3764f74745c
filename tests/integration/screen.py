"""A program on a real pty, and what its screen shows: the few sequences that sluice sends."""
# SPDX-License-Identifier: MIT
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")
MARGIN = 10  # of a line that comes whole, whatever is behind it


class Screen:
    """Starts argv as the leader of a session whose terminal is ours."""

    def __init__(self, argv, env, width=80, height=24):
        self.width, self.height = width, height
        self.alternate, self.cursor, self.wraps, self.raw = False, True, True, b""
        self.normal = ""  # what was written outside of the alternate screen
        self._clear()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # The size is there before the program looks: the parent sets it, then says go.
            os.read(0, 1)
            os.execvpe(argv[0], argv, env)
        self.resize(width, height, tell=False)
        self.modes = termios.tcgetattr(self.master)
        os.write(self.master, b"\n")
        self.status = None

    def _clear(self):
        self.rows, self.y, self.x, self.reverse = [""] * self.height, 0, 0, set()

    def resize(self, width, height, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.width, self.height = width, height
        if tell:
            self._clear()
            os.kill(self.pid, signal.SIGWINCH)

    def type(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def _put(self, char):
        if not self.alternate:
            self.normal += char
            return
        assert self.wraps is False
        row = self.rows[self.y].ljust(self.x)
        if self.x < self.width:
            self.rows[self.y] = row[:self.x] + char + row[self.x + 1:]
            self.x += 1

    def _sequence(self, parameters, last):
        if last in "hl":
            value = last == "h"
            if parameters == "?1049":
                self.alternate = value
                self._clear()
            elif parameters == "?25":
                self.cursor = value
            elif parameters == "?7":
                self.wraps = value
            else:
                raise AssertionError(f"unknown mode {parameters}")
        elif last == "H" and not parameters:
            self.y = self.x = 0
        elif last == "K" and not parameters:
            self.rows[self.y] = self.rows[self.y][:self.x]
        elif last == "J" and not parameters:
            self.rows[self.y] = self.rows[self.y][:self.x]
            self.rows[self.y + 1:] = [""] * (self.height - self.y - 1)
        elif last == "m" and parameters in ("7", "0"):
            if parameters == "7":
                self.reverse = {self.y}
        else:
            raise AssertionError(f"unknown sequence {parameters}{last}")

    def _take(self, text):
        while text:
            found = SEQUENCE.match(text)
            if found:
                self._sequence(*found.groups())
                text = text[found.end():]
                continue
            if text[0] == "\x1b":
                return text  # the rest has yet to come
            if text[0] == "\r":
                self.x = 0
            elif text[0] == "\n" and self.alternate:
                self.y += 1
                assert self.y < self.height, "it writes below the screen"
            elif text[0] == "\n":
                self.normal += "\n"
            else:
                self._put(text[0])
            text = text[1:]
        return ""

    def read(self, seconds):
        """Takes what comes in that time; False once the program's side is closed."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return True
        try:
            got = os.read(self.master, 65536)
        except OSError:
            return False
        self.raw += got
        text = self.raw.decode("utf-8", "ignore" if len(got) == 65536 else "strict")
        self.raw = self._take(text).encode()
        return bool(got)

    def becomes(self, condition, seconds=15):
        """Waits until the screen, as text, meets the condition."""
        until = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < until, f"in vain:\n{self.text}\n---\n{self.normal}"
            assert self.read(0.1) or condition(self.text), f"it ended:\n{self.text}\n{self.normal}"
        return self.text

    @property
    def text(self):
        return "\n".join(row.rstrip() for row in self.rows)

    def end(self, seconds=10):
        """Waits for the end; the exit status, or minus the signal's number."""
        until = time.monotonic() + seconds
        while self.status is None:
            assert time.monotonic() < until, f"it does not end:\n{self.text}"
            self.read(0.05)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
        while self.read(0.05) and select.select([self.master], [], [], 0)[0]:
            pass
        return self.status

    def is_as_before(self):
        """Screen, cursor, wrapping and modes."""
        return (not self.alternate and self.cursor and self.wraps and
                termios.tcgetattr(self.master) == self.modes)

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.master)
