"""How each kind of test runs: a check script, a cmocka binary, a pytest file, a fuzz target."""
# SPDX-License-Identifier: MIT
import dataclasses
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

import process
import tap
from results import FAILED, PASSED, SKIPPED, Result

RUN_ALONE = re.compile(r"^(/\*|#) run-alone\b", re.MULTILINE)

# Sanitizers report where cmocka would catch the signal and lose the stack; addr2line is there
# wherever a compiler is, llvm-symbolizer is not.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:allow_addr2line=1:"
                    "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2",
    "UBSAN_OPTIONS": "print_stacktrace=1:allow_addr2line=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:allow_addr2line=1",
}


@dataclasses.dataclass
class Case:
    """One thing to run: `run()` returns its results; `targets` must be made before."""

    name: str
    run: object
    targets: tuple = ()
    alone: bool = False


def asks_to_run_alone(source):
    return bool(RUN_ALONE.search(pathlib.Path(source).read_text("utf-8", "replace")))


@functools.lru_cache(None)
def unrandomized():
    """The prefix that turns address randomization off, if the machine allows it.

    clang 14's sanitizers cannot place their shadow when the kernel uses 32 random bits.
    """
    prefix = ["setarch", os.uname().machine, "-R"]
    if shutil.which("setarch") is None:
        return ()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return tuple(prefix) if subprocess.call(prefix + ["true"], **quiet) == 0 else ()


def run_command(name, argv, timeout_s, env=None):
    """One test out of one command: it passes by exiting 0."""
    done = process.run(argv, timeout_s, env=env)
    if done.status == 0 and not done.timed_out:
        return [Result(name, PASSED)]
    reason = done.death() or f"exited with {done.status}"
    return [Result(name, FAILED, f"{done.stdout}{done.stderr}{reason}")]


def run_build(name, argv, timeout_s, env=None):
    """A build that must succeed without one warning."""
    done = process.run(argv, timeout_s, env=env)
    said = done.stdout + done.stderr
    if done.status == 0 and "warning:" not in said:
        return [Result(name, PASSED)]
    lines = [line for line in said.splitlines() if not re.match(r"^(CC|AR|LINK|BPF) ", line)]
    return [Result(name, FAILED, "\n".join(lines) + "\n" + (done.death() or "warnings or errors"))]


def run_cmocka(name, binary, timeout_s, prefix=()):
    """The tests of one binary; dying, hanging or reporting less than planned is a failure more."""
    if not os.path.exists(binary):
        return [Result(name, FAILED, "was not built")]
    env = {**os.environ, **SANITIZER_ENV, "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    done = process.run([*prefix, os.path.abspath(binary)], timeout_s, env=env)
    results, complaint = tap.parse(done.stdout)
    failed = [result for result in results if result.status == FAILED]
    problem = done.death()
    if problem is None and done.status != 0 and not failed:
        problem = f"exited with {done.status}"
    if problem is None and not (failed and failed[-1].name.startswith("test 0")):
        problem = complaint
    if problem:
        tail = "" if results and not complaint else done.stdout
        results.append(Result("(the binary)", FAILED, f"{tail}{done.stderr}{problem}"))
    elif failed and done.stderr:
        failed[-1].text += done.stderr
    return [Result(f"{name}: {r.name}", r.status, r.text) for r in results]


def run_pytest(name, path, timeout_s, junit, env):
    """The tests of one pytest file, read from the XML that pytest writes."""
    junit = pathlib.Path(junit)
    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
            "-o", "junit_logging=all", f"--junitxml={junit}", path]
    done = process.run(argv, timeout_s, env=env, interrupt_first=True)
    results = _read_junit(name, junit)
    problem = done.death()
    if problem is None and done.status != 0 and not any(r.status == FAILED for r in results):
        problem = f"pytest exited with {done.status}"
    if problem or not results:
        results.append(Result(name, FAILED, f"{done.stdout}{done.stderr}{problem or 'no tests'}"))
    return results


def _read_junit(name, path):
    try:
        tests = xml.parse(path).iter("testcase")
    except (OSError, xml.ParseError):
        return []
    # The test that pytest was interrupted in stands there without a name or an outcome.
    return [_junit_result(f"{name}: {test.get('name')}", test) for test in tests if test.get("name")]


def _junit_result(name, test):
    bad = test.findall("failure") + test.findall("error")
    if bad:
        said = [node.text or node.get("message") or "" for node in bad]
        said += [node.text or "" for node in test.findall("system-out") + test.findall("system-err")]
        return Result(name, FAILED, "\n".join(said))
    skipped = test.find("skipped")
    if skipped is not None:
        return Result(name, SKIPPED, skipped.get("message") or "no reason given")
    return Result(name, PASSED)


def run_soak(name, seconds, env):
    """One result of a soak, and a skip where it had to leave packets out."""
    done = process.run([name, "--for", f"{seconds}s"], seconds + 120, env=env)
    said = done.stdout + done.stderr
    skips = [Result(f"{name}: packets", SKIPPED, why)
             for why in re.findall(r"without packets: (.*)", said)]
    if done.status == 0 and not done.timed_out:
        return [Result(name, PASSED), *skips]
    return [Result(name, FAILED, f"{said}{done.death() or f'exited with {done.status}'}"), *skips]


def run_fuzz(name, binary, seconds, corpus, scratch):
    """Fuzzes for some seconds; what it finds stays in scratch, the repository's corpus is read."""
    if not os.path.exists(binary):
        return [Result(name, FAILED, "was not built")]
    work, crashes = pathlib.Path(scratch, "corpus"), pathlib.Path(scratch, "crashes")
    work.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    argv = [*unrandomized(), binary, f"-max_total_time={seconds}", "-timeout=10",
            "-rss_limit_mb=2048", f"-artifact_prefix={crashes}/", str(work)]
    argv += [str(corpus)] if os.path.isdir(corpus) else []
    dictionary = pathlib.Path(str(corpus) + ".dict")
    argv += [f"-dict={dictionary}"] if dictionary.exists() else []
    done = process.run(argv, seconds + 120, env={**os.environ, **SANITIZER_ENV})
    if done.status == 0 and not done.timed_out:
        return [Result(name, PASSED)]
    found = re.findall(r"Test unit written to (\S+)", done.stderr)
    again = f"reproduce with: {binary} {found[-1]}" if found else "no input was saved"
    said = "\n".join(done.stderr.splitlines()[-60:])
    return [Result(name, FAILED, f"{said}\n{done.death() or 'found a failing input'}\n{again}")]
