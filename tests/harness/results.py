"""Collects test results and prints them: failures and skips as they come, then the summary."""
# SPDX-License-Identifier: MIT
import dataclasses
import sys
import threading

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass
class Result:
    """One test: `text` is the output of a failure or the reason of a skip."""

    name: str
    status: str
    text: str = ""


class Report:
    """All results by suite; safe to add to from several threads."""

    def __init__(self, out=sys.stdout):
        self._out = out
        self._lock = threading.Lock()
        self._suites = {}

    def begin(self, suite):
        self._suites[suite] = {PASSED: 0, FAILED: 0, SKIPPED: 0, "seconds": 0.0}
        self._print(f"== {suite} ==")

    def add(self, suite, results):
        """Counts the results and prints each that did not pass."""
        with self._lock:
            for result in results:
                self._suites[suite][result.status] += 1
                if result.status == FAILED:
                    self._print(f"FAIL {suite}: {result.name}")
                    self._print(_indent(result.text))
                elif result.status == SKIPPED:
                    self._print(f"skip {suite}: {result.name}: {result.text}")

    def end(self, suite, seconds):
        counts = self._suites[suite]
        counts["seconds"] = seconds
        total = sum(counts[status] for status in (PASSED, FAILED, SKIPPED))
        self._print(f"   {counts[PASSED]} of {total} passed, {seconds:.1f} s")

    def total(self, status):
        return sum(counts[status] for counts in self._suites.values())

    def finish(self):
        """Prints the summary, whose last line scripts read; returns the exit status."""
        self._print("\nsuite           passed  failed skipped  seconds")
        for name, counts in self._suites.items():
            self._print(f"{name:<14} {counts[PASSED]:>7} {counts[FAILED]:>7} "
                        f"{counts[SKIPPED]:>7} {counts['seconds']:>8.1f}")
        passed, failed, skipped = (self.total(s) for s in (PASSED, FAILED, SKIPPED))
        if passed + failed == 0:
            self._print("nothing ran: that is a failure")
        self._print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed or passed == 0 else 0

    def _print(self, line):
        print(line, file=self._out, flush=True)


def _indent(text):
    return "\n".join("     | " + line for line in text.rstrip().splitlines()) or "     | (no output)"
