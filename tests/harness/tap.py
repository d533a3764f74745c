"""Reads what a cmocka binary prints under CMOCKA_MESSAGE_OUTPUT=TAP."""
# SPDX-License-Identifier: MIT
import re

from results import FAILED, PASSED, SKIPPED, Result

# cmocka 1.1.5 writes a skip as "not ok 3 # SKIP name", newer ones as "ok 3 # SKIP name"; number 0
# is a group whose setup or teardown failed.
_LINE = re.compile(r"^(not )?ok (\d+)(?: -)? ?(# SKIP\s*)?(.*)$")
_PLAN = re.compile(r"^1\.\.(\d+)$")
_REASON = re.compile(r"^# skip: (.+)$")


def parse(text):
    """Returns (results, complaint): the complaint is None or says what the output lacks.

    A failure's text is what was printed since the result before it and the comment lines after
    it; a skip's reason is the last "# skip: reason" printed since the result before it.
    """
    results, before, planned, numbered = [], [], 0, 0
    for line in text.splitlines():
        plan, match = _PLAN.match(line), _LINE.match(line)
        if plan:
            planned += int(plan.group(1))
        elif match:
            numbered += int(match.group(2)) != 0
            results.append(_result(match, before))
            before = []
        else:
            if results and results[-1].status == FAILED and line.startswith("#"):
                results[-1].text += line + "\n"
            before.append(line)
    return results, _complaint(planned, numbered, results)


def _result(match, before):
    failed, number, skipped, name = match.groups()
    name = name or f"test {number}"
    if skipped:
        reasons = [m.group(1) for m in map(_REASON.match, before) if m]
        return Result(name, SKIPPED, reasons[-1] if reasons else "no reason given")
    if failed:
        return Result(name, FAILED, "".join(line + "\n" for line in before))
    return Result(name, PASSED)


def _complaint(planned, numbered, results):
    if not results and planned == 0:
        return "reported no tests"
    if numbered < planned:
        return f"reported {numbered} of {planned} planned tests"
    return None
