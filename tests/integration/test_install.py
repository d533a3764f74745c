"""`make install` into an empty directory, and what a service manager is told."""
# SPDX-License-Identifier: MIT
import os
import re
import signal
import socket
import subprocess

import pytest

from certificates import Pair
from conftest import ROOT, BOOTSTRAP, binary, command, environment

INSTALL = ROOT / "scripts" / "install"
BUILD = os.path.dirname(binary())


def install(dest, *args, **more):
    env = {**os.environ, "BUILD": BUILD, "DESTDIR": str(dest), **more}
    return subprocess.run([INSTALL, *args], env=env, capture_output=True, text=True, timeout=60)


def files_of(top):
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def test_all_lands_below_destdir_and_goes_again(tmp_path):
    done = install(tmp_path)
    assert done.returncode == 0, done.stderr
    there = files_of(tmp_path)
    docs = [f"usr/local/share/doc/sluice/{path.name}" for path in (ROOT / "docs").glob("*.md")]
    assert there == sorted(docs + [
        "etc/sluice/sluice.yaml", "usr/local/bin/sluice",
        "usr/local/lib/systemd/system/sluice.service",
        "usr/local/share/bash-completion/completions/sluice"])
    assert done.stdout.splitlines() and all(line.startswith(str(tmp_path))
                                            for line in done.stdout.splitlines())
    shown = subprocess.run([tmp_path / "usr/local/bin/sluice", "--version"], capture_output=True)
    assert shown.returncode == 0
    assert install(tmp_path, "--remove").returncode == 0
    assert files_of(tmp_path) == ["etc/sluice/sluice.yaml"]


def test_settings_of_an_operator_stay(tmp_path):
    settings = tmp_path / "etc/sluice/sluice.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("keys_max: 7\n")
    done = install(tmp_path)
    assert done.returncode == 0 and "left as it is" in done.stdout
    assert settings.read_text() == "keys_max: 7\n"


def test_first_settings_are_sound(tmp_path):
    install(tmp_path)
    settings = tmp_path / "etc/sluice/sluice.yaml"
    text = settings.read_text()
    assert not re.search("@[a-z]+@", text) and "data: /var/lib/sluice" in text
    checked = subprocess.run([binary(), "config", "check", settings], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    # What stands behind a # is sound too.
    (tmp_path / "limits.d").mkdir()
    everything = re.sub(r"^# ([a-z_]+: )", r"\1", text, flags=re.M)
    assert everything.count("\n# ") == text.count("\n# ") - 5
    pair = Pair(tmp_path, "localhost")
    for path, ours in (("/etc/sluice/limits.d", tmp_path / "limits.d"),
                       ("/etc/letsencrypt/live/NAME/fullchain.pem", pair.cert),
                       ("/etc/letsencrypt/live/NAME/privkey.pem", pair.key)):
        assert path in everything
        everything = everything.replace(path, str(ours))
    settings.write_text(everything)
    checked = subprocess.run([binary(), "config", "check", settings], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_prefix_is_filled_in(tmp_path):
    done = install(tmp_path, PREFIX="/opt/sluice/", SYSCONFDIR="/etc/opt")
    assert done.returncode == 0, done.stderr
    unit = (tmp_path / "opt/sluice/lib/systemd/system/sluice.service").read_text()
    assert not re.search("@[a-z]+@", unit)
    assert "ExecStart=/opt/sluice/bin/sluice serve --config /etc/opt/sluice/sluice.yaml\n" in unit


def test_relative_prefix_is_refused(tmp_path):
    done = install(tmp_path, PREFIX="usr")
    assert done.returncode == 1 and "PREFIX is 'usr'" in done.stderr
    assert files_of(tmp_path) == []


def test_systemd_takes_the_unit(tmp_path):
    """The binary must be where the unit says, so both are taken from here."""
    install(tmp_path)
    root = tmp_path / "usr/local"
    unit = root / "lib/systemd/system/sluice.service"
    unit.write_text(unit.read_text().replace("/usr/local/bin/sluice", str(root / "bin/sluice")))
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                            text=True, timeout=60)
    about_us = [line for line in judged.stderr.splitlines() if "sluice" in line]
    assert judged.returncode == 0 and not about_us, judged.stderr
    broken = unit.read_text().replace("ProtectHome=yes", "ProtectHome=perhaps")
    unit.write_text(broken)
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                            text=True, timeout=60)
    assert "protect home" in judged.stderr


@pytest.mark.parametrize("abstract", [False, True])
def test_service_manager_hears_of_start_and_stop(tmp_path, abstract):
    name = f"\0sluice-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(30)
        server = subprocess.Popen(
            command("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data"),
            env=environment(**BOOTSTRAP, NOTIFY_SOCKET=name.replace("\0", "@")),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert manager.recv(256) == b"READY=1"
            assert "listening" in server.stdout.readline()
            server.send_signal(signal.SIGTERM)
            assert manager.recv(256) == b"STOPPING=1"
        finally:
            server.terminate()
            server.wait(10)
            server.stdout.close()


def test_manager_that_is_gone_hinders_nothing(tmp_path):
    server = subprocess.Popen(
        command("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data"),
        env=environment(**BOOTSTRAP, NOTIFY_SOCKET=str(tmp_path / "nobody")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "listening" in server.stdout.readline()
    server.send_signal(signal.SIGTERM)
    _, err = server.communicate(timeout=10)
    assert server.returncode == 0 and "cannot tell the service manager" in err
