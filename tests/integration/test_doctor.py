"""`sluice doctor`: what it finds on hosts that lack something, and what it says to do."""
# SPDX-License-Identifier: MIT
import ctypes
import json
import os
import pathlib
import pwd
import resource
import shutil
import socket
import sqlite3
import struct
import subprocess
import tempfile

import pytest
from certificates import Pair
from conftest import binary, command, environment
from guard import Guard

NOBODY = pwd.getpwnam("nobody")
RANK = {"ok": 0, "warn": 1, "fail": 2}


class Findings:
    """One run of the doctor: what each check found."""

    def __init__(self, *args, prefix=(), executable=None, preexec=None, **variables):
        argv = [*prefix, *command("doctor", "-o", "json", *args, executable=executable)]
        done = subprocess.run(argv, env=environment(**variables), capture_output=True, text=True, timeout=30,
                              check=False, preexec_fn=preexec)
        assert done.stderr == "", done.stderr
        self.report = json.loads(done.stdout)
        self.all = self.report["checks"]
        worst = max((RANK[one["status"]] for one in self.all))
        assert done.returncode == worst == RANK[self.report["status"]]

    def of(self, check):
        return [one for one in self.all if one["check"] == check]

    def must(self, check, status, words, next_words=""):
        """A finding of this check and status that says so, and what to do."""
        found = [one for one in self.of(check) if one["status"] == status and words in one["message"]]
        assert found, (check, status, words, self.of(check))
        assert next_words in found[0]["next"], found[0]

    def all_ok(self, *checks):
        for check in checks:
            assert {one["status"] for one in self.of(check)} == {"ok"}, self.of(check)


def free_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def used(start, tmp_path):
    """A data directory that a service has left, with everything in it."""
    server = start("--snapshot-interval", "100ms", data=tmp_path / "d")
    client = server.client()
    client.make("k", limit=10)
    client.check("k")
    client.close()
    server.stop()
    return tmp_path / "d"


def test_fresh_host_has_no_fault(tmp_path):
    found = Findings("--data", tmp_path / "d", "--listen", free_address())
    found.must("data", "warn", "does not exist", "serve makes it")
    found.all_ok("store", "ledger", "snapshot", "listen", "files", "kernel", "interfaces")
    assert not found.of("limits") and not found.of("metrics_listen")
    assert found.report["status"] == "warn" and not (tmp_path / "d").exists()


def test_stopped_service_is_looked_at_and_left_alone(used):
    before = {path.name: path.read_bytes() for path in used.iterdir() if not path.name.endswith("-shm")}
    found = Findings("--data", used, "--listen", free_address())
    found.must("store", "ok", "store.db: pages whole, schema 1")
    found.must("ledger", "ok", "ledger.db: pages whole")
    found.must("snapshot", "ok", "sums are right, schema 2")
    found.must("data", "ok", "MiB are free")
    found.must("data", "ok", "a sync of 4 KiB takes")
    after = {path.name: path.read_bytes() for path in used.iterdir()}
    assert {name: after.get(name) for name in before} == before


def test_people_get_lines_with_what_to_do_below(used):
    done = subprocess.run(command("doctor", "--data", used, "--iface", "sl-no-such"), env=environment(),
                          capture_output=True, text=True, timeout=30, check=False)
    lines = done.stdout.splitlines()
    at = [i for i, line in enumerate(lines) if line.split()[:2] == ["fail", "interfaces"]]
    assert done.returncode == 2 and len(at) == 1 and "sl-no-such: there is no such interface" in lines[at[0]]
    assert lines[at[0] + 1].strip().startswith("-> `ip link` shows")
    assert all(line.split()[0] in ("ok", "warn", "fail", "->") for line in lines)


def test_running_service_is_named_and_no_fault(start, tmp_path):
    server = start("--metrics-listen", "127.0.0.1:0", data=tmp_path / "d")
    metrics = server.read_metrics_port()
    found = Findings("--data", server.data, "--listen", f"127.0.0.1:{server.port}",
                     "--metrics-listen", f"127.0.0.1:{metrics}")
    found.must("store", "ok", f"a controller serves from it: pid {server.process.pid}")
    found.must("listen", "ok", "the controller listens on")
    found.must("metrics_listen", "ok", "the controller listens on")
    client = server.client()
    assert client.get("/readyz").status == 200
    client.make("after")
    client.close()


def test_port_of_another_is_named_with_who_has_it(used):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        found = Findings("--data", used, "--listen", f"127.0.0.1:{other.getsockname()[1]}")
        found.must("listen", "fail", f"(pid {os.getpid()})", "choose another address")


def test_address_of_no_interface_is_a_fault(used):
    Findings("--data", used, "--listen", "192.0.2.1:4000").must("listen", "fail", "192.0.2.1:4000", "ip address")


@pytest.mark.parametrize("how, words, next_words", [
    ("pages", "the file is damaged", ""), ("text", "not a file of Sluice's", ""),
    ("foreign", "not a file of Sluice's", "move it away"), ("newer", "schema 99, this one knows up to 1", "run that version"),
])
@pytest.mark.parametrize("name, check", [("store.db", "store"), ("ledger.db", "ledger")])
def test_faulty_database_is_a_fault_and_left_alone(used, name, check, how, words, next_words):
    path = used / name
    if how == "text":
        path.write_text("no database, but long enough to be one")
    elif how == "pages":
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 64)
    else:
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version=99" if how == "newer" else "PRAGMA application_id=7")
        database.commit()
        database.close()
    before = path.read_bytes()
    Findings("--data", used).must(check, "fail", words, next_words)
    assert path.read_bytes() == before


def test_faulty_snapshot_is_a_warning(used):
    path = used / "state.journal"
    path.write_bytes(path.read_bytes()[:-1])
    Findings("--data", used).must("snapshot", "warn", "it is damaged", "sets it aside")


@pytest.mark.parametrize("name, check", [("store.db", "store"), ("ledger.db", "ledger"), ("state.journal", "snapshot"),
                                         ("store.db-lock", None)])
def test_pipe_for_a_file_is_not_waited_for(used, name, check):
    (used / name).unlink(missing_ok=True)
    os.mkfifo(used / name)
    found = Findings("--data", used)
    assert not check or {one["status"] for one in found.of(check)} & {"fail", "warn"}, found.of(check)


def test_settings_and_limits_that_are_wrong_are_faults(used, tmp_path):
    (tmp_path / "s.yaml").write_text(f"data: {used}\nkeys_max: 0\n")
    found = Findings("--config", tmp_path / "s.yaml")
    found.must("settings", "fail", "s.yaml:2: keys_max: takes a number", "correct it")
    (tmp_path / "l").mkdir()
    (tmp_path / "l" / "x.yaml").write_text("limits:\n- {key: a, limit: 0, interval: 1h}\n")
    found = Findings("--data", used, "--limits", tmp_path / "l")
    found.must("limits", "fail", "x.yaml:2: limit: must be at least 1", "correct it")
    (tmp_path / "l" / "x.yaml").write_text("limits:\n- {key: a, limit: 1, interval: 1h}\n")
    Findings("--data", used, "--limits", tmp_path / "l").must("limits", "ok", "1 limits in 1 files")


def test_certificate_is_looked_at(used, tmp_path):
    good, other = Pair(tmp_path, "good"), Pair(tmp_path, "other")
    assert Findings("--data", used).of("tls") == []
    found = Findings("--data", used, *good.options)
    found.must("tls", "ok", "valid until")
    found = Findings("--data", used, "--tls-cert", good.cert, "--tls-key", other.key)
    found.must("tls", "fail", "tls_key: " + str(other.key), "correct it")
    found = Findings("--data", used, "--tls-cert", "/nope.pem", "--tls-key", good.key)
    found.must("tls", "fail", "tls_cert: /nope.pem: No such file", "correct it")
    Findings("--data", used, *Pair(tmp_path, "old", days=0).options).must("tls", "warn", "expired", "renew")
    Findings("--data", used, *Pair(tmp_path, "soon", days=3).options).must("tls", "warn", "expires at", "renew")
    os.chmod(good.key, 0o644)
    Findings("--data", used, *good.options).must("tls", "warn", "everybody", "chmod")


def test_directory_open_to_others_is_a_warning(used):
    used.chmod(0o755)
    Findings("--data", used).must("data", "warn", "mode 755", "chmod 700")


def test_few_descriptors_are_a_warning(used):
    found = Findings("--data", used, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000)))
    found.must("files", "warn", "only 1000 files may be open", "LimitNOFILE")


def test_file_size_limit_is_seen_as_serve_would(used):
    found = Findings("--data", used, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
    found.must("data", "fail", "a file cannot be written and synced", "quota")


def test_arguments_that_are_wrong_are_status_2():
    done = subprocess.run(command("doctor", "-o", "xml"), env=environment(), capture_output=True, text=True, timeout=30,
                          check=False)
    assert (done.returncode, done.stdout) == (2, "") and "-o: takes json" in done.stderr
    Findings("--nonsense").must("settings", "fail", "there is no such option")


def test_full_disk_in_memory_is_a_fault(small_disk):
    found = Findings("--data", small_disk)
    found.must("data", "warn", "is on tmpfs", "gone with the next boot")
    found.must("data", "fail", "KiB are free", "free some space")
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    Findings("--data", small_disk).must("data", "fail", "No space left on device")


@pytest.fixture
def as_nobody(root):
    """Arguments that run a copy of the binary as nobody, without rights."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "sluice"
        shutil.copy(binary(), copy)
        pathlib.Path(folder).chmod(0o755)
        yield {"executable": copy, "prefix": ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}",
                                              "--clear-groups", "--inh-caps=-all"]}


def test_missing_rights_are_named_one_by_one(as_nobody, used):
    found = Findings("--data", used, "--iface", "lo", **as_nobody)
    for right, status in (("CAP_BPF", "fail"), ("CAP_NET_ADMIN", "fail"), ("CAP_PERFMON", "warn")):
        found.must("rights", status, f"{right} is missing")
    found.must("bpf", "fail", "the kernel loads no XDP program", "rights")
    found.must("data", "fail", "Permission denied", "as a user that may")
    found = Findings("--data", "/nonexistent", **as_nobody)
    assert {one["status"] for one in found.of("rights")} == {"ok"}, "no packets are to be limited"


def test_time_namespace_is_a_fault_for_packets(root, used):
    prefix = ["unshare", "--time", "--monotonic", "86400", "--fork"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no time namespaces here")
    Findings("--data", used, "--iface", "lo", prefix=prefix).must("clock", "fail", "86400 s", "time namespace")
    Findings("--data", used, prefix=prefix).must("clock", "warn", "86400 s")


# What the kernel's bpf(2) takes: load and pin a program that passes everything.
BPF_PROG_LOAD, BPF_OBJ_PIN, BPF_PROG_TYPE_XDP, SYS_BPF = 5, 6, 6, 321
PASS_ALL = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def bpf(number, attributes):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(SYS_BPF, number, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pin_stranger(path):
    code, licence = ctypes.create_string_buffer(PASS_ALL, len(PASS_ALL)), ctypes.create_string_buffer(b"GPL")
    name = ctypes.create_string_buffer(os.fsencode(path))
    program = bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", BPF_PROG_TYPE_XDP, len(PASS_ALL) // 8, ctypes.addressof(code),
                                             ctypes.addressof(licence)))
    bpf(BPF_OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), program))
    os.close(program)


def test_interface_is_looked_at_and_another_program_named(wire, used, tmp_path):
    guard = Guard(wire, tmp_path)
    args = ("--data", used, "--iface", wire.near, "--pin-dir", guard.pins)
    try:
        found = Findings(*args)
        found.all_ok("rights", "bpf", "pins", "kernel")
        found.must("interfaces", "warn", "an MTU of 9000", "lower the MTU")
        subprocess.run(["ip", "link", "set", wire.near, "mtu", "1500"], check=True)
        found = Findings(*args)
        found.must("interfaces", "ok", f"{wire.near}: up")
        subprocess.run(["ip", "link", "set", wire.near, "down"], check=True)
        Findings(*args).must("interfaces", "warn", f"{wire.near} is down", "up")
        subprocess.run(["ip", "link", "set", wire.near, "up"], check=True)
        pin_stranger(guard.bpffs / "stranger")
        subprocess.run(["ip", "link", "set", wire.near, "xdpgeneric", "pinned", guard.bpffs / "stranger"], check=True)
        number = wire.xdp()["prog"]["id"]
        Findings(*args).must("interfaces", "fail", f"another XDP program is attached to it (id {number})", "detach it")
        subprocess.run(["ip", "link", "set", wire.near, "xdpgeneric", "off"], check=True)
        assert wire.xdp() is None
    finally:
        subprocess.run(["ip", "link", "set", wire.near, "xdpgeneric", "off"], check=False)
        subprocess.run(["ip", "link", "set", wire.near, "mtu", "9000"], check=True)
        guard.close()


def test_own_program_is_no_stranger(wire, tmp_path):
    guard = Guard(wire, tmp_path)
    try:
        guard.start()
        args = ("--data", guard.server.data, "--iface", wire.near, "--pin-dir", guard.pins,
                "--listen", f"127.0.0.1:{guard.server.port}")
        found = Findings(*args)
        found.must("interfaces", "ok", "a Sluice limits its packets, by native XDP")
        found.must("pins", "ok", "the controller uses")
        Findings("--data", tmp_path / "other", *args[2:]).must(
            "pins", "fail", f"another controller uses {guard.pins} (pid {guard.server.process.pid})")
        guard.stop()
        Findings(*args).must("pins", "ok", "packets of 1 interfaces go on being limited by an earlier start")
    finally:
        guard.close()


def test_pins_off_a_bpffs_are_a_fault(root, used, tmp_path):
    Findings("--data", used, "--iface", "lo", "--pin-dir", tmp_path / "pins").must(
        "pins", "fail", "is not on a bpffs", "--pin-dir")
