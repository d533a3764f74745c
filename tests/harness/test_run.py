"""The runner counts what it runs: binaries that fail, crash, hang, skip or stop halfway."""
# SPDX-License-Identifier: MIT
import io
import os
import pathlib
import stat
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402
import process  # noqa: E402
import tap  # noqa: E402
from results import FAILED, PASSED, SKIPPED, Report, Result  # noqa: E402


def script(tmp_path, body):
    """An executable that stands for a test binary."""
    path = tmp_path / "binary"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def count(results):
    return tuple(sum(r.status == s for r in results) for s in (PASSED, FAILED, SKIPPED))


def test_cmocka_all_pass_counts_each(tmp_path):
    path = script(tmp_path, "echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b'")
    assert count(cases.run_cmocka("t", path, 10)) == (2, 0, 0)


def test_cmocka_failure_carries_its_output(tmp_path):
    path = script(tmp_path, "echo 1..2; echo 'not ok 1 - a'; echo '# 1 != 2'; echo 'ok 2 - b'; exit 1")
    results = cases.run_cmocka("t", path, 10)
    assert count(results) == (1, 1, 0)
    assert results[0].name == "t: a" and "1 != 2" in results[0].text


@pytest.mark.parametrize("line", ["not ok 2 # SKIP b", "ok 2 # SKIP b"])
def test_cmocka_skip_carries_its_reason(tmp_path, line):
    path = script(tmp_path, f"echo 1..2; echo 'ok 1 - a'; echo '# skip: no kernel'; echo '{line}'")
    results = cases.run_cmocka("t", path, 10)
    assert count(results) == (1, 0, 1)
    assert results[1].text == "no kernel"


def test_cmocka_crash_after_a_pass_fails_with_stderr(tmp_path):
    path = script(tmp_path, "echo 1..2; echo 'ok 1 - a'; echo overflow >&2; kill -SEGV $$")
    results = cases.run_cmocka("t", path, 10)
    assert count(results) == (1, 1, 0)
    assert "overflow" in results[1].text and "SIGSEGV" in results[1].text


def test_cmocka_hang_is_killed_and_fails(tmp_path):
    path = script(tmp_path, "echo 1..1; sleep 60")
    started = time.monotonic()
    results = cases.run_cmocka("t", path, 0.3)
    assert time.monotonic() - started < 10
    assert count(results) == (0, 1, 0) and "timed out" in results[0].text


def test_cmocka_fewer_tests_than_planned_fails(tmp_path):
    path = script(tmp_path, "echo 1..3; echo 'ok 1 - a'")
    results = cases.run_cmocka("t", path, 10)
    assert count(results) == (1, 1, 0) and "1 of 3" in results[1].text


def test_cmocka_leak_after_all_pass_fails(tmp_path):
    path = script(tmp_path, "echo 1..1; echo 'ok 1 - a'; echo leaked >&2; exit 23")
    results = cases.run_cmocka("t", path, 10)
    assert count(results) == (1, 1, 0) and "leaked" in results[1].text


def test_cmocka_silent_success_fails(tmp_path):
    assert count(cases.run_cmocka("t", script(tmp_path, "exit 0"), 10)) == (0, 1, 0)


def test_cmocka_missing_binary_fails(tmp_path):
    assert count(cases.run_cmocka("t", str(tmp_path / "none"), 10)) == (0, 1, 0)


def test_tap_group_setup_failure_is_a_failure():
    results, complaint = tap.parse("1..2\nnot ok 0 - group [  FAILED  ] GROUP SETUP\n# ok - group\n")
    assert count(results) == (0, 1, 0) and "0 of 2" in complaint


def test_process_grandchild_does_not_outlive_its_test(tmp_path):
    pid_file = tmp_path / "pid"
    process.run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}"], 10)
    state = pathlib.Path("/proc", pid_file.read_text().strip(), "stat")
    deadline = time.monotonic() + 5
    while state.exists() and state.read_text().split()[2] not in "ZX":
        assert time.monotonic() < deadline, "the grandchild is still running"
        time.sleep(0.01)


def test_pytest_file_counts_passes_failures_and_skips(tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text("import pytest\n"
                    "def test_good(): pass\n"
                    "def test_bad(): assert 1 == 2\n"
                    "def test_not_here(): pytest.skip('no nginx')\n")
    results = cases.run_pytest("p", str(path), 60, tmp_path / "out.xml", dict(os.environ))
    assert count(results) == (1, 1, 1)
    assert [r.text for r in results if r.status == SKIPPED] == ["no nginx"]
    assert "assert 1 == 2" in next(r.text for r in results if r.status == FAILED)


def test_pytest_file_that_does_not_import_fails(tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text("import no_such_module_at_all\n")
    results = cases.run_pytest("p", str(path), 60, tmp_path / "out.xml", dict(os.environ))
    assert count(results)[1] >= 1


def test_pytest_file_without_tests_fails(tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text("x = 1\n")
    results = cases.run_pytest("p", str(path), 60, tmp_path / "out.xml", dict(os.environ))
    assert count(results) == (0, 1, 0)


def test_pytest_hang_fails_and_keeps_what_ran(tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text("import time\ndef test_good(): pass\ndef test_stuck(): time.sleep(60)\n")
    results = cases.run_pytest("p", str(path), 3, tmp_path / "out.xml", dict(os.environ))
    assert count(results) == (1, 1, 0)
    assert "timed out" in results[-1].text and "test_sample.py:3" in results[-1].text


def test_child_of_background_job_can_be_interrupted():
    body = ("import process; process.heed_interrupts();"
            "print(process.run(['sh', '-c', 'kill -INT $$'], 10).status)")
    done = subprocess.run(["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", body],
                          cwd=HERE, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "-2\n"


def test_build_warning_fails(tmp_path):
    assert count(cases.run_build("b", ["echo", "x.c:1: warning: odd"], 10)) == (0, 1, 0)
    assert count(cases.run_build("b", ["echo", "CC x.o"], 10)) == (1, 0, 0)


def test_soak_without_packets_passes_and_counts_a_skip(tmp_path):
    path = script(tmp_path, "echo '[    0.1] without packets: no rights'")
    results = cases.run_soak(path, 1, dict(os.environ))
    assert count(results) == (1, 0, 1)
    assert results[1].text == "no rights"


def test_soak_broken_promise_fails_with_its_table(tmp_path):
    path = script(tmp_path, "echo 'soak: 1 promises broken, seed 7'; echo BROKEN >&2; exit 1")
    results = cases.run_soak(path, 1, dict(os.environ))
    assert count(results) == (0, 1, 0)
    assert "seed 7" in results[0].text and "BROKEN" in results[0].text


def test_fuzz_crash_prints_how_to_reproduce(tmp_path):
    path = script(tmp_path, "echo 'artifact; Test unit written to /tmp/crash-1' >&2; exit 77")
    results = cases.run_fuzz("f", path, 1, tmp_path / "corpus", tmp_path / "work")
    assert count(results) == (0, 1, 0)
    assert f"reproduce with: {path} /tmp/crash-1" in results[0].text


def report_of(results):
    out = io.StringIO()
    report = Report(out)
    report.begin("s")
    report.add("s", results)
    report.end("s", 0.1)
    return report.finish(), out.getvalue()


@pytest.mark.parametrize("results, status, last", [
    ([Result("a", PASSED), Result("b", SKIPPED, "why")], 0, "1 passed, 0 failed, 1 skipped"),
    ([Result("a", PASSED), Result("b", FAILED, "x")], 1, "1 passed, 1 failed, 0 skipped"),
    ([Result("b", SKIPPED, "why")], 1, "0 passed, 0 failed, 1 skipped"),
    ([], 1, "0 passed, 0 failed, 0 skipped"),
])
def test_report_last_line_and_status(results, status, last):
    got, text = report_of(results)
    assert got == status and text.splitlines()[-1] == last


def test_report_prints_failures_and_skip_reasons():
    _, text = report_of([Result("a", FAILED, "boom"), Result("b", SKIPPED, "no root")])
    assert "FAIL s: a" in text and "boom" in text and "skip s: b: no root" in text


def test_runner_selecting_nothing_fails():
    done = subprocess.run([HERE / "run", "--only", "no such test anywhere"],
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"
