"""Runs one child process to its end or its time limit, and leaves none of its group behind."""
# SPDX-License-Identifier: MIT
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
import time

OUTPUT_LIMIT_BYTES = 200_000

_running = set()
_lock = threading.Lock()
_stopping = False


@dataclasses.dataclass
class Finished:
    """What a process left: its status is negative for a signal, as in subprocess."""

    status: int
    stdout: str
    stderr: str
    timed_out: bool
    seconds: float

    def death(self):
        """Why the process did not end by itself, or None when it did."""
        if self.timed_out:
            return f"timed out after {self.seconds:.0f} s and was killed"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return None


def run(argv, timeout_s, env=None, cwd=None, interrupt_first=False):
    """Runs argv with empty input; at the time limit kills its whole process group.

    interrupt_first sends SIGINT and waits ten seconds before killing, for children (pytest) that
    write down what they know when interrupted.
    """
    # Files, not pipes: a grandchild that outlives its parent would keep a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        with _lock:
            if _stopping:
                raise KeyboardInterrupt
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd,
                start_new_session=True)
            _running.add(child.pid)
        timed_out = False
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            if interrupt_first:
                _signal_politely(child)
        finally:
            _kill_group(child.pid)
            child.wait()
            with _lock:
                _running.discard(child.pid)
        return Finished(child.returncode, _read(out), _read(err), timed_out,
                        time.monotonic() - started)


def heed_interrupts():
    """Takes SIGINT back: shells start background jobs with it ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill_all():
    """Kills every child still running and lets no new one start."""
    global _stopping
    with _lock:
        _stopping = True
        for pid in _running:
            _kill_group(pid)


def _signal_politely(child):
    child.send_signal(signal.SIGINT)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        pass


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _read(file):
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - OUTPUT_LIMIT_BYTES))
    text = file.read().decode("utf-8", "replace")
    return text if size <= OUTPUT_LIMIT_BYTES else "[... cut ...]\n" + text
