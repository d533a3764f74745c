"""`sluice config`, and settings of serve from a file, the environment and secrets' files."""
# SPDX-License-Identifier: MIT
import json
import os
import subprocess

import pytest
from conftest import BOOTSTRAP, KEY, PASSWORD, Server, command, environment

SECRETS = (KEY, PASSWORD, BOOTSTRAP["SLUICE_BOOTSTRAP_CHECK_KEY"])


def run(*args, **variables):
    done = subprocess.run(command(*args), env=environment(**variables), timeout=20,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def write(path, text):
    path.write_text(text)
    return path


def test_check_says_that_a_file_is_fine(tmp_path):
    file = write(tmp_path / "s.yaml", "# ours\nlisten: '[::1]:0'\nkeys_max: 5\niface: [eth0]\n")
    assert run("config", "check", file) == (0, f"{file} is fine\n", "")
    assert not (tmp_path / "sluice-data").exists()


@pytest.mark.parametrize("text,words", [
    ("\n\nlisen: 127.0.0.1:0\n", "{file}:3: lisen: there is no such setting; did you mean 'listen'?"),
    ("keys_max: 0\n", "{file}:1: keys_max: takes a number, at least 1, not '0'"),
    ("keys_max: 5\nkeys_max: 6\n", "{file}:2: keys_max: is there twice, first in line 1"),
    ("data: [a, b]\n", "{file}:1: data: takes one value, not a list"),
    ("a: &a [x, x]\nb: [*a, *a]\n", "{file}:1: a: there is no such setting"),
    ("data: &a x\n", "{file}:1: data: anchors (&), aliases (*) and tags (!) are not taken"),
    ("\tdata: x\n", "{file}:1: not YAML"),
    ("data: {deep}", "{file}:1: data: its list may hold values only"),
    ("{long}", "{file}: has more than 1 MiB"),
    ("bootstrap_password_file: {tmp}/short\n", "{file}: SLUICE_BOOTSTRAP_PASSWORD: must have"),
])
def test_check_says_file_line_and_setting(tmp_path, text, words):
    write(tmp_path / "short", "short\n")
    # Not as parameters: pytest puts those into the environment.
    for name, meant in (("{tmp}", str(tmp_path)), ("{deep}", "[" * 500000),
                        ("{long}", "#" * ((1 << 20) + 1))):
        text = text.replace(name, meant)
    file = write(tmp_path / "s.yaml", text)
    status, out, err = run("config", "check", file)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert err.startswith("sluice: " + words.replace("{file}", str(file))), err


def test_check_of_no_file_is_refused(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        status, out, err = run("config", "check", path)
        assert (status, out) == (2, "") and str(path) in err and len(err.splitlines()) == 1


def test_check_looks_at_the_file_alone(tmp_path):
    file = write(tmp_path / "s.yaml", "keys_max: 5\n")
    assert run("config", "check", file, SLUICE_KEYS_MAX="x")[0] == 0


@pytest.mark.parametrize("args", [
    ["config"], ["config", "check"], ["config", "check", "a", "b"], ["config", "fly"],
    ["config", "show", "-o"], ["config", "show", "-o", "yaml"], ["config", "show", "--colour"],
])
def test_wrong_use_is_one_line_and_status_2(args):
    status, out, err = run(*args)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1


def test_show_says_where_each_value_comes_from(tmp_path):
    file = write(tmp_path / "s.yaml", "keys_max: 5\nhttp_threads: 2\nidle_timeout: 5s\n"
                 "iface: [eth0, eth1]\n")
    args = ("config", "show", "--config", file, "--idle-timeout", "7s")
    variables = {"SLUICE_HTTP_THREADS": "3", "SLUICE_IDLE_TIMEOUT": "6s", **BOOTSTRAP}
    status, out, err = run(*args, "-o", "json", **variables)
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert {type(row.pop("reload")) for row in shown.values()} == {bool}
    assert shown["keys_max"] == {"value": 5, "origin": f"{file}:1"}
    assert shown["http_threads"] == {"value": 3, "origin": "environment SLUICE_HTTP_THREADS"}
    assert shown["idle_timeout"] == {"value": "7s", "origin": "flag --idle-timeout"}
    assert shown["iface"] == {"value": ["eth0", "eth1"], "origin": f"{file}:4"}
    assert shown["body_timeout"] == {"value": "30s", "origin": "default"}
    assert shown["bootstrap_key"] == {"value": "(secret)",
                                      "origin": "environment SLUICE_BOOTSTRAP_KEY"}
    status, text, err = run(*args, **variables)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in text.splitlines()] == list(shown)
    assert ["http_threads", "3", "environment", "SLUICE_HTTP_THREADS"] in map(
        str.split, text.splitlines())
    assert not [secret for secret in SECRETS if secret in out + text]


def test_serve_takes_its_file(start, tmp_path):
    file = write(tmp_path / "s.yaml", "keys_max: 1\nidle_timeout: 5s\n")
    client = start("--config", file).client()
    client.make("*")
    assert client.get("/api/check?key=first").status == 200
    assert client.get("/api/check?key=second").status == 503, "keys_max of the file is in force"
    client.close()


def test_serve_takes_the_environment_before_its_file(start, tmp_path):
    file = write(tmp_path / "s.yaml", "keys_max: 1\n")
    client = start("--config", file, env={**BOOTSTRAP, "SLUICE_KEYS_MAX": "2"}).client()
    client.make("*")
    statuses = [client.get(f"/api/check?key={key}").status for key in ("a", "b", "c")]
    assert statuses == [200, 200, 503]
    client.close()


def test_serve_takes_all_settings_from_its_file(tmp_path):
    data = tmp_path / "d"
    file = write(tmp_path / "s.yaml", f"listen: 127.0.0.1:0\ndata: {data}\npin_dir: {data}.pins\n")
    process = subprocess.Popen(command("serve", "--config", file), env=environment(**BOOTSTRAP),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("sluice: listening on http://127.0.0.1:")
        assert (data / "store.db").exists()
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize("source", ["environment", "file", "flag"])
def test_serve_takes_a_secret_from_a_file(start, tmp_path, source):
    secret = write(tmp_path / "key", KEY + "\n")
    args, env = (), dict(BOOTSTRAP)
    del env["SLUICE_BOOTSTRAP_KEY"]
    if source == "environment":
        env["SLUICE_BOOTSTRAP_KEY_FILE"] = str(secret)
    elif source == "file":
        args = ("--config", write(tmp_path / "s.yaml", f"bootstrap_key_file: {secret}\n"))
    else:
        args = ("--bootstrap-key-file", secret)
    server = start(*args, env=env)
    client = server.client(KEY)
    assert client.get("/api/limits").status == 200
    assert KEY not in server.stderr()
    client.close()


@pytest.mark.parametrize("text,variables,words", [
    ("lisen: x\n", {}, "s.yaml:1: lisen: "), ("", {"SLUICE_KEYS_MAX": "x"}, "SLUICE_KEYS_MAX: "),
    ("", {"SLUICE_BOOTSTRAP_KEY_FILE": "/dev/null"}, "SLUICE_BOOTSTRAP_KEY_FILE: /dev/null is empty"),
    ("", {"SLUICE_BOOTSTRAP_KEY_FILE": "/dev/null", "SLUICE_BOOTSTRAP_KEY": KEY}, "SLUICE_BOOTSTRAP_KEY: "),
    ("bootstrap_key: " + KEY, {}, "did you mean 'bootstrap_key_file'?"),
    ("test_clock: true\niface: [lo]\n", {}, "s.yaml:1: test_clock: "),
])
def test_serve_refuses_before_it_makes_anything(tmp_path, text, variables, words):
    file = write(tmp_path / "s.yaml", text)
    status, out, err = run("serve", "--config", file, "--data", tmp_path / "d", **variables)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1
    assert words in err and KEY not in err
    assert not os.path.exists(tmp_path / "d")


def test_secret_of_the_environment_is_not_needed_later(tmp_path):
    """A wrong file is refused at every start, a secret that is no longer given at none."""
    first = Server(tmp_path / "d")
    first.stop()
    second = Server(tmp_path / "d", env={})
    try:
        client = second.client(KEY)
        assert client.get("/api/limits").status == 200
        client.close()
        second.stop()
    finally:
        second.kill()
