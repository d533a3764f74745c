"""Under attack: honest clients are answered at once, and what strangers can fill has a bound."""
# SPDX-License-Identifier: MIT
# run-alone
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from conftest import CHECK_KEY, KEY, binary, wait_for

import hostile

LONG = bool(os.environ.get("SLUICE_LONG"))
SECONDS = 20 if LONG else 2.5
P99_MS = 10
KEY_WITH_RIGHTS = ("deaf", "half-bodies", "deaf-streams", "vanishing-streams")
TRIES = 3  # other work on the machine may delay anybody
MIB = 1024 * 1024
MEMORY = 32 * MIB  # --http-memory of the tests
# Of connections: 4096 of up to 18 KiB and their own record; a loop's and two workers' answers.
GROWTH_MAX = MEMORY + 4096 * 24 * 1024 + 32 * MIB


def run_script(name, port, seconds, key, *more):
    env = {**os.environ, "SLUICE_API_KEY": key, "PYTHONDONTWRITEBYTECODE": "1"}
    script = subprocess.Popen([sys.executable, hostile.__file__, name, str(port), str(seconds), *more],
                              stdout=subprocess.PIPE, env=env, text=True)
    assert script.stdout.readline() == "ready\n"
    return script


def finish(script, seconds):
    out, _ = script.communicate(timeout=seconds + 30)
    assert script.returncode == 0
    return json.loads(out)


def p99(took):
    return sorted(took)[len(took) * 99 // 100]


class MostMemory(threading.Thread):
    """The most that the server held while this ran."""

    def __init__(self, watch):
        super().__init__()
        self.watch, self.most, self.over = watch, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.watch.rss())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Watch:
    """What the server's process holds."""

    def __init__(self, server):
        self.folder = pathlib.Path(f"/proc/{server.process.pid}")

    def rss(self):
        (line,) = [row for row in (self.folder / "status").read_text().splitlines()
                   if row.startswith("VmRSS")]
        return int(line.split()[1]) * 1024

    def descriptors(self):
        return len(list((self.folder / "fd").iterdir()))


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    from conftest import Server
    one = Server(tmp_path_factory.mktemp("target") / "data", "--http-memory", "32MiB",
                 "--header-timeout", "2s", "--body-timeout", "3s", "--idle-timeout", "3s")
    client = one.client()
    client.make("honest", 10**6, "1s")
    client.make("pipeline", 10**6, "1s")
    client.make("batch*", 10**6, "1s")
    for n in range(1000):
        client.make(f"filler{n}", 10, "1h", name="n" * 64)
    client.close()
    one.rss_before = Watch(one).rss()
    try:
        yield one
        one.stop()
    finally:
        one.kill()


@pytest.fixture(scope="module")
def table():
    """One line for each attack, shown at the end (pytest -s)."""
    lines = []
    yield lines
    print("\n| attack | p99 kept, new (ms) | worst (ms) | memory (MiB) | what it did |\n|---|---|---|---|---|")
    print("\n".join(lines))


def measure(target, name, scale="1"):
    """What honest clients see while that attack runs from the first tenth of their time on."""
    with MostMemory(Watch(target)) as memory:
        honest = run_script("honest", target.port, SECONDS, CHECK_KEY)
        if name:
            time.sleep(SECONDS / 10)
            key = KEY if name in KEY_WITH_RIGHTS else CHECK_KEY
            attacker = run_script(name, target.port, SECONDS * 0.8, key, scale)
        seen = finish(honest, SECONDS)
        seen["did"] = finish(attacker, SECONDS) if name else {}
    seen["grown"] = memory.most - target.rss_before
    return seen


def describe(name, seen):
    return (f"| {name} | {p99(seen['kept']):.2f}, {p99(seen['fresh']):.2f} "
            f"| {max(seen['kept'] + seen['fresh']):.1f} | {seen['grown'] / MIB:.1f} "
            f"| {', '.join(f'{n} {what}' for what, n in seen['did'].items() if n)} |")


def worst_p99(seen):
    return max(p99(seen["kept"]), p99(seen["fresh"]))


@pytest.mark.parametrize("name", ["", *hostile.ATTACKS])
def test_attack_hurts_no_honest_client(target, table, name):
    watch = Watch(target)
    descriptors = watch.descriptors()
    for _ in range(TRIES):
        seen = measure(target, name)
        assert seen["failed"] == []
        # A sanitizer keeps what was freed for a while, and takes its time.
        assert seen["grown"] < GROWTH_MAX or "/asan/" in binary()
        wait_for(lambda: watch.descriptors() <= descriptors, "descriptors stay open", 5)
        if worst_p99(seen) < P99_MS or "/asan/" in binary():
            break
    table.append(describe(name or "none", seen))
    assert worst_p99(seen) < P99_MS or "/asan/" in binary(), table[-1]
