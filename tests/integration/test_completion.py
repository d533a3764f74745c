"""What bash offers behind `sluice`, run in bash itself."""
# SPDX-License-Identifier: MIT
import http.server
import json
import os
import socket
import subprocess
import threading
import time

import pytest
from cli import Cli
from conftest import CHECK_KEY, binary
from test_cli import COMMANDS


def complete(script, *words, env=None):
    """What bash would offer for the last of these words."""
    line = " ".join(f"'{word}'" for word in words)
    text = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _sluice; " \
           'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "--norc", "-c", text], capture_output=True, text=True,
                          timeout=20, check=True, stdin=subprocess.DEVNULL, env=env)
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


@pytest.fixture
def sluice(tmp_path):
    """A name for the binary under test, sanitized or not, as it stands on a command line."""
    prefix = "setarch -R " if "/asan/" in binary() or "/tsan/" in binary() else ""
    path = tmp_path / "sluice"
    path.write_text(f'#!/bin/sh\nexec {prefix}{binary()} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_completion_is_a_script_that_offers_what_is_taken():
    script = Cli(None, None).ok("completion", "bash")
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert {"check", "limit", "status", "serve", "completion"} <= complete(script, "sluice", "")
    assert complete(script, "sluice", "li") == {"limit"}
    for group, elsewhere in (("limit", set()), ("key", {"recover"})):
        assert complete(script, "sluice", group, "") == elsewhere | {
            c.split()[1] for c in COMMANDS if c.startswith(group + " ")}
    assert complete(script, "sluice", "key", "recover", "--d") == {"--data"}
    assert complete(script, "sluice", "check", "--") == {
        "--cost", "--peek", "--output", "--url", "--cacert", "--api-key-file", "--timeout", "--help"}
    assert "--dst-port" in complete(script, "sluice", "limit", "add", "x", "--d")
    assert complete(script, "sluice", "limit", "set", "x", "--per") == set()
    assert complete(script, "sluice", "limit", "add", "--mode", "s") == {"shadow"}
    assert complete(script, "sluice", "limit", "add", "--mode", "=", "o") == {"off"}
    assert complete(script, "sluice", "status", "-o", "=") == {"table", "json"}
    assert complete(script, "sluice", "serve", "--det") == {"--detach-on-exit"}
    assert complete(script, "sluice", "config", "sh") == {"show"}
    assert "--log-level" in complete(script, "sluice", "config", "show", "--l")
    assert complete(script, "sluice", "config", "check", "") == set()
    for command in (["serve"], ["config", "show"]):
        assert complete(script, "sluice", *command, "--log-format", "") == {"auto", "json", "text"}
        assert "warning" in complete(script, "sluice", *command, "--log-level", "=", "w")
    assert complete(script, "sluice", "completion", "") == {"bash"}
    for name in COMMANDS:
        shown = Cli(None, None).ok(*name.split(), "--help")
        assert all(option in shown for option in complete(script, "sluice", *name.split(), "--"))
    assert "bash" in Cli(None, None).error("completion")
    assert "bash" in Cli(None, None).error("completion", "fish")


def test_right_is_offered_behind_its_colon_as_bash_splits_it():
    script = Cli(None, None).ok("completion", "bash")
    add = ("sluice", "key", "add", "--right")
    assert "limits:read" in complete(script, *add, "lim")
    assert complete(script, *add, "limits", ":", "r") == {"read"}
    assert complete(script, *add, "keys", ":") == {"read", "write"}
    assert complete(script, *add, "=", "metrics", ":", "r") == {"read"}
    assert complete(script, *add, "limits:w") == {"limits:write"}  # without : in COMP_WORDBREAKS


def test_ids_are_those_of_the_server(server, client, sluice):
    script = Cli(None, None).ok("completion", "bash")
    env = Cli(server.url).env
    made = [client.make(f"complete-{i}")["id"] for i in range(3)]
    keys = {key["id"] for key in client.get("/api/keys").json["keys"]}
    for verb in ("show", "set", "rm", "reset", "confirm"):
        assert complete(script, sluice, "limit", verb, "lim_", env=env) >= set(made)
        assert complete(script, sluice, "limit", verb, made[0][:-1], env=env) == {made[0]}
    assert complete(script, sluice, "limit", "show", "", env=env) >= {*made, "--output"}
    for verb in ("show", "set", "rm"):
        assert complete(script, sluice, "key", verb, "key_", env=env) == keys
    assert complete(script, sluice, "key", "show", "lim_", env=env) == set()
    assert not complete(script, sluice, "limit", "show", "--o", env=env) & set(made)
    assert not complete(script, sluice, "limit", "reset", made[0], "", env=env) & set(made)
    assert not complete(script, sluice, "limit", "add", "", env=env) & set(made)
    for limit in made:
        client.ask("DELETE", f"/api/limits/{limit}")


def test_ids_fail_in_silence_and_at_once(server, sluice):
    """complete() itself asserts that nothing is said on stderr."""
    script = Cli(None, None).ok("completion", "bash")
    show = (script, sluice, "limit", "show", "lim_")
    assert complete(*show, env=Cli(server.url, None).env) == set()
    assert complete(*show, env=Cli(server.url, "no such key, and no key at all").env) == set()
    assert complete(*show, env=Cli(server.url, CHECK_KEY).env) == set()
    assert complete(*show, env=Cli("no url").env) == set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "http://127.0.0.1:%d" % silent.getsockname()[1]
        started = time.monotonic()
        assert complete(*show, env=Cli(url).env) == set()
        assert time.monotonic() - started < 5
    assert complete(*show, env=Cli(url).env) == set()
    assert complete(script, "/nowhere/sluice", "limit", "show", "lim_", env=os.environ) == set()
    for args in (["ids"], ["ids", "fly"], ["ids", "limit", "\x1b", "x"]):
        assert Cli("http://127.0.0.1:1").run("completion", *args) == (0, "", "")


def test_server_that_sends_commands_for_ids_has_none_of_them_run(sluice, tmp_path):
    """bash expands the words of `compgen -W`: an id like $(...) would run on the caller's host."""
    trace = tmp_path / "trace"
    ids = [f"lim_$(touch {trace})", f"lim_`touch {trace}`", f"lim_a $(touch {trace})", "lim_b\nlim_c",
           "lim_*", "lim_${HOME}", "lim_\\a", "key_0", "lim_" + "0" * 40, "", "lim_00000000000000000001"]

    class Hostile(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            body = json.dumps({"limits": [{"id": name} for name in ids] + [{}, 7, {"id": 7}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hostile) as hostile:
        threading.Thread(target=hostile.serve_forever, daemon=True).start()
        env = Cli(f"http://127.0.0.1:{hostile.server_port}").env
        script = Cli(None, None).ok("completion", "bash")
        offered = complete(script, sluice, "limit", "show", "lim_", env=env)
        hostile.shutdown()
    assert not trace.exists()
    assert offered == {"lim_00000000000000000001"}
