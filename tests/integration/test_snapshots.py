"""What keys consumed survives stops and kills, and what cannot be kept is said."""
# SPDX-License-Identifier: MIT
import http.client
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import KEY, advance, command, environment, wait_for

KILL_ROUNDS = 200 if os.environ.get("SLUICE_LONG") else 30
STATE = "state.journal"


def figures(client, key):
    answer = client.check(key, peek=1)
    # Limits made in one millisecond come in another order after a restart.
    return sorted((hit["id"], hit["remaining"]) for hit in answer["limits"])


def snapshot_text(client):
    answer = client.get("/readyz?verbose")
    assert answer.status == 200
    return answer.json["snapshot"]


def test_stop_and_start_keep_every_quota_exactly(start, tmp_path):
    server = start(data=tmp_path / "d")
    client = server.client()
    client.make("user:*", limit=1000, interval="365d")
    client.make("user:1*", limit=500, interval="30d", algorithm="fixed_window")
    client.make("*", limit=800, interval="30d", algorithm="sliding_window")
    rng = random.Random(7)
    keys = [f"user:{i}" for i in range(300)]
    for key in keys:
        assert client.check(key, cost=rng.randrange(1, 400))["allowed"]
    before = {key: figures(client, key) for key in keys}
    client.close()
    for _ in range(3):
        server.stop()
        server = start(data=tmp_path / "d")
        client = server.client()
        assert {key: figures(client, key) for key in keys} == before
        assert snapshot_text(client) == "ok"
        client.close()


def test_what_a_limit_was_changed_to_meanwhile_holds(start, tmp_path):
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    kept = client.make("kept", limit=100, interval="365d")["id"]
    gone = client.make("gone", limit=100, interval="365d")["id"]
    for key in ("kept", "gone"):
        client.check(key, cost=60)
    path = tmp_path / "d" / STATE
    wait_for(path.exists)
    time.sleep(0.3)
    # No snapshot has the change: what was consumed is converted at the start.
    server.signal(signal.SIGSTOP)
    saved = path.read_bytes()
    server.signal(signal.SIGCONT)
    answer = client.ask("PUT", f"/api/limits/{kept}", {"limit": 70})
    assert answer.status == 200, answer
    assert client.ask("DELETE", f"/api/limits/{gone}").status == 204
    server.kill()
    path.write_bytes(saved)
    client = start(data=tmp_path / "d").client()
    assert client.check("kept", peek=1)["remaining"] == 10
    assert client.check("gone")["limits"] == []
    client.close()


def test_kill_loses_one_interval_at_most(start, tmp_path):
    server = start("--snapshot-interval", "1s", data=tmp_path / "d")
    client = server.client()
    client.make("k", limit=1000000, interval="365d")
    used = []
    ends = time.monotonic() + 3.5
    while time.monotonic() < ends:
        left = client.check("k")["remaining"]
        used.append((time.monotonic(), 1000000 - left))
        time.sleep(0.002)
    killed = time.monotonic()
    server.kill()
    client = start(data=tmp_path / "d").client()
    remembered = 1000000 - client.check("k", peek=1)["remaining"]
    due = [n for at, n in used if at < killed - 1.1]
    assert due[-1] <= remembered <= used[-1][1]
    client.close()


def hammer(port, stop, admitted):
    """Consumes until the server dies; notes when each was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        while not stop.is_set():
            connection.request("GET", "/api/check?key=k", headers={"Authorization": f"Bearer {KEY}"})
            if json.loads(connection.getresponse().read())["allowed"]:
                admitted.append(time.monotonic())
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def load_and_kill(server, workers, seconds):
    """When each check was admitted, and when the server was killed."""
    stop = threading.Event()
    admitted = [[] for _ in range(workers)]
    threads = [threading.Thread(target=hammer, args=(server.port, stop, one)) for one in admitted]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    killed = time.monotonic()
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    return sorted(sum(admitted, [])), killed


@pytest.fixture
def quick_disk():
    """A directory in memory, where no other writer delays a sync."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as path:
        yield pathlib.Path(path)


def test_kills_under_load_mint_no_more_than_one_interval_each(quick_disk, start):
    limit = 10000000
    workers = 2
    # An interval is 0.1 s; the rest is for a machine that is busy.
    interval_s = 0.4
    options = ("--snapshot-interval", "100ms")
    server = start(*options, data=quick_disk / "d")
    client = server.client()
    client.make("k", limit=limit, interval="365d", algorithm="fixed_window")
    client.close()
    rng = random.Random(11)
    remembered = 0
    forgotten = 0
    for _ in range(KILL_ROUNDS):
        times, killed = load_and_kill(server, workers, rng.uniform(0.5, 0.7))
        server = start(*options, data=quick_disk / "d")
        assert "not taken over" not in server.stderr()
        client = server.client()
        before, remembered = remembered, limit - client.check("k", peek=1)["remaining"]
        client.close()
        surely = sum(at < killed - interval_s for at in times)
        assert before + surely <= remembered <= before + len(times) + workers
        forgotten += len(times) - (remembered - before)
    assert forgotten > 0, "the kills came at no bad moment"
    server.stop()


RESET_KEYS = 60


def reset_until_killed(port, limit, done):
    """Resets one key after the other; notes those that were acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        for number in range(RESET_KEYS):
            connection.request("POST", f"/api/limits/{limit}/reset", body=json.dumps({"key": f"k{number}"}),
                               headers={"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 204:
                done.append(number)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def test_kill_undoes_no_reset_that_was_acknowledged(quick_disk, start):
    options = ("--snapshot-interval", "100ms")
    rng = random.Random(13)
    acknowledged = 0
    for number in range(KILL_ROUNDS // 2):
        data = quick_disk / str(number)
        server = start(*options, data=data)
        client = server.client()
        limit = client.make("k*", limit=10, interval="365d")["id"]
        for key in range(RESET_KEYS):
            client.check(f"k{key}", cost=4)
        client.close()
        wait_for((data / STATE).exists)
        time.sleep(0.12)
        done = []
        thread = threading.Thread(target=reset_until_killed, args=(server.port, limit, done))
        thread.start()
        time.sleep(rng.uniform(0.01, 0.12))
        server.kill()
        thread.join()
        client = start(*options, data=data).client()
        left = [client.check(f"k{key}", peek=1)["remaining"] for key in range(RESET_KEYS)]
        client.close()
        assert {left[key] for key in done} <= {10}, (done, left)
        # One more may have been under way.
        assert left[len(done) + 1:] == [6] * len(left[len(done) + 1:])
        acknowledged += len(done)
    assert acknowledged > KILL_ROUNDS


def test_frozen_clock_goes_on_where_it_stood(start, tmp_path):
    server = start("--test-clock", data=tmp_path / "d")
    client = server.client()
    client.make("bucket", limit=10, interval="365d")
    client.make("window", limit=10, interval="365d", algorithm="fixed_window")
    client.check("bucket", cost=4)
    client.check("window", cost=4)
    # Ahead of the clock that the next start finds: time goes back, and mints nothing.
    advance(client, 20 * 86400 * 1000)
    assert client.check("bucket", peek=1)["remaining"] == 6
    client.close()
    server.stop()
    server = start("--test-clock", data=tmp_path / "d")
    client = server.client()
    assert client.check("bucket", peek=1)["remaining"] == 6
    assert client.check("window", peek=1)["remaining"] == 6
    advance(client, 40 * 86400 * 1000)
    assert client.check("bucket", peek=1)["remaining"] == 7
    client.close()


def damage(data):
    path = data / STATE
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)
    return bytes(held)


def test_damaged_snapshot_is_kept_aside_and_said(start, tmp_path):
    data = tmp_path / "d"
    server = start(data=data)
    client = server.client()
    client.make("k", limit=10, interval="365d")
    kept = []
    for n in (1, 2):
        client.check("k", cost=4)
        client.close()
        server.stop()
        kept.append(damage(data))
        server = start(data=data)
        client = server.client()
        said = snapshot_text(client)
        assert "damaged" in said and f"{STATE}.refused-{n}" in said
        assert client.check("k", peek=1)["remaining"] == 10
        server.said(said)
    time.sleep(1.2)
    assert server.stderr().count("it is damaged") == 2, "each is said once"
    for n, held in enumerate(kept, 1):
        assert (data / f"{STATE}.refused-{n}").read_bytes() == held
    client.check("k", cost=3)
    client.close()
    server.stop()
    server = start(data=data)
    client = server.client()
    assert snapshot_text(client) == "ok"
    assert client.check("k", peek=1)["remaining"] == 7
    client.close()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_snapshot_of_a_newer_version_is_kept_aside_and_said(start, tmp_path):
    data = tmp_path / "d"
    server = start(data=data)
    client = server.client()
    client.make("k", limit=10, interval="365d")
    client.check("k", cost=4)
    client.close()
    server.stop()
    held = bytearray((data / STATE).read_bytes())
    held[12] = 3
    held[20:24] = crc32c(held[:20]).to_bytes(4, "little")
    (data / STATE).write_bytes(held)
    client = start(data=data).client()
    said = snapshot_text(client)
    assert "newer version (schema 3; this one knows up to 2)" in said
    assert (data / f"{STATE}.refused-1").read_bytes() == held
    client.close()


def test_without_room_it_serves_and_says_so_once_until_it_can_write_again(start, tmp_path):
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    client.make("k*", limit=1000, interval="365d")
    # More bytes of keys than the log has, which must go on.
    for n in range(800):
        client.check(f"k{n}")
    client.check("k")
    path = tmp_path / "d" / STATE
    wait_for(lambda: path.exists() and path.stat().st_size > 16000)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16000, resource.RLIM_INFINITY))
    before = path.read_bytes()
    for _ in range(10):
        assert client.check("k")["allowed"]
        time.sleep(0.15)
    assert "cannot be written: File too large" in snapshot_text(client)
    assert path.read_bytes() == before and not path.with_suffix(".journal.new").exists()
    server.said("cannot be written")
    assert server.stderr().count("cannot be written") == 1
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for(lambda: snapshot_text(client) == "ok")
    server.said("written again")
    client.close()
    server.stop()
    client = start(data=tmp_path / "d").client()
    assert client.check("k", peek=1)["remaining"] == 989
    client.close()


def test_last_snapshot_that_cannot_be_written_is_said(start, tmp_path):
    server = start("--snapshot-interval", "1d", data=tmp_path / "d")
    client = server.client()
    client.make("k*", limit=1000, interval="365d")
    for n in range(800):
        client.check(f"k{n}")
    client.close()
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16000, resource.RLIM_INFINITY))
    server.stop()
    assert "snapshots cannot be written: File too large" in server.stderr()
    assert not list((tmp_path / "d").glob(f"{STATE}*"))


def test_full_disk_keeps_the_former_snapshot(small_disk, start):
    server = start("--snapshot-interval", "100ms", data=small_disk)
    client = server.client()
    client.make("k*", limit=1000, interval="365d")
    client.check("k", cost=10)
    path = small_disk / STATE
    wait_for(path.exists)
    before = path.read_bytes()
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    for n in range(2000):
        assert client.check(f"k{n}")["allowed"]
    wait_for(lambda: "cannot be written: No space left on device" in snapshot_text(client))
    assert path.read_bytes() == before
    filler.unlink()
    wait_for(lambda: snapshot_text(client) == "ok")
    client.close()
    server.stop()
    client = start(data=small_disk).client()
    assert client.check("k", peek=1)["remaining"] == 990
    assert client.check("k77", peek=1)["remaining"] == 999
    client.close()


def test_nothing_is_written_when_nothing_changes(start, tmp_path):
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    client.make("k", limit=1000, interval="365d")
    client.check("k")
    path = tmp_path / "d" / STATE
    wait_for(path.exists)
    time.sleep(0.3)
    before = path.stat()
    for _ in range(5):
        client.check("k", peek=1)
        time.sleep(0.1)
    server.stop()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    client.close()


def test_snapshot_is_private_and_interval_is_checked(start, tmp_path):
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    client.make("k")
    client.check("k")
    path = tmp_path / "d" / STATE
    wait_for(path.exists)
    assert path.stat().st_mode & 0o7777 == 0o600
    client.close()
    done = subprocess.run(command("serve", "--snapshot-interval", "99ms"), env=environment(),
                          timeout=20, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "snapshot-interval" in done.stderr
