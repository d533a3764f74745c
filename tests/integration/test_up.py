"""`make up`'s script: what it prints works, and it leaves nothing behind."""
# SPDX-License-Identifier: MIT
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import ROOT, binary, environment

TIMEOUT_S = 30


class Up:
    def __init__(self, tmp_path, **env):
        # Sanitized binaries want a prefix, so build/sluice is a script that runs the one we test.
        build = tmp_path / "build"
        build.mkdir(exist_ok=True)
        prefix = "setarch -R " if "/asan/" in binary() or "/tsan/" in binary() else ""
        (build / "sluice").write_text(f'#!/bin/sh\nexec {prefix}{binary()} "$@"\n')
        (build / "sluice").chmod(0o755)
        self.tmp = tmp_path / "tmp"
        self.tmp.mkdir(exist_ok=True)
        self.out = open(tmp_path / "up.out", "w+b")
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "up"], stdin=subprocess.DEVNULL, stdout=self.out,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=environment(BUILD=str(build), TMPDIR=str(self.tmp), **env))

    def text(self):
        self.out.flush()
        self.out.seek(0)
        return self.out.read().decode()

    def wait_for(self, words):
        deadline = time.monotonic() + TIMEOUT_S
        while words not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)
        return self.text()

    def end(self, number, group=False):
        """Ctrl-C reaches the whole group; a supervisor signals the script alone."""
        send = os.killpg if group else os.kill
        send(self.process.pid, number)
        return self.process.wait(TIMEOUT_S)

    def kill(self):
        if self.process.poll() is None:
            self.end(signal.SIGTERM)

    def group_is_gone(self):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def up(tmp_path):
    running = []

    def run(**env):
        running.append(Up(tmp_path, **env))
        return running[-1]

    yield run
    for one in running:
        one.kill()


@pytest.mark.parametrize("number,group", [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_printed_curls_work_and_nothing_is_left(up, number, group):
    one = up(LISTEN="127.0.0.1:0")
    text = one.wait_for("Ctrl-C stops it.")
    curls = [line.strip() for line in text.splitlines() if line.strip().startswith("curl ")]
    assert len(curls) == 2
    answers = [subprocess.run(["sh", "-c", curl], capture_output=True, text=True, timeout=20,
                              check=True).stdout for curl in curls]
    assert answers[0].startswith('{"allowed":true,"key":"user123","limit":1000,"remaining":999,')
    assert '"existing_id":"lim_' in answers[1]
    assert one.end(number, group) == 0
    assert one.group_is_gone()
    assert list(one.tmp.iterdir()) == []
    url = re.search(r"http://127\.0\.0\.1:(\d+)", text)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.group(1))))


def test_kept_data_keeps_the_key_and_the_limit(up, tmp_path):
    keys = set()
    for _ in range(2):
        one = up(LISTEN="127.0.0.1:0", DATA=str(tmp_path / "kept"))
        keys.add(re.search(r"API key +(\S+)", one.wait_for("Ctrl-C stops it.")).group(1))
        one.end(signal.SIGTERM)
    assert len(keys) == 1
    assert (tmp_path / "kept" / "store.db").exists()


def test_taken_port_is_said_clearly(up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = up(LISTEN="127.0.0.1:%d" % taken.getsockname()[1])
        assert one.process.wait(TIMEOUT_S) == 1
    assert "cannot listen on" in one.text() and "in use" in one.text()
    assert list(one.tmp.iterdir()) == []


def test_server_that_does_not_start_is_quoted(up):
    one = up(LISTEN="127.0.0.1:0", DATA="/dev/null/nowhere")
    assert one.process.wait(TIMEOUT_S) == 1
    assert "/dev/null/nowhere" in one.text()
    assert list(one.tmp.iterdir()) == []
