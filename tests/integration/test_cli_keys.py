"""`sluice key` against a real server: made, used, seen, changed, revoked, and what may not be."""
# SPDX-License-Identifier: MIT
import http.server
import json
import re
import subprocess
import threading

import pytest
from cli import Cli, fields
from conftest import CHECK_KEY, advance, command

ALL_RIGHTS = ["check", "limits:read", "limits:write", "metrics:read", "events:read", "keys:read",
              "keys:write", "audit:read", "usage:read", "all"]


@pytest.fixture
def cli(server):
    return Cli(server.url)


def add(cli, *args):
    """The token of a new key and its id, which stands in the note on stderr."""
    status, out, err = cli.run("key", "add", *args)
    assert status == 0, err
    assert re.fullmatch(r"slk_[0-9A-Za-z]{40}\n", out), out
    note = re.fullmatch(r"sluice: API key (key_\w+) is made; keep its token now: .*\n", err)
    assert note and out.strip() not in err, err
    return out.strip(), note[1]


def test_key_lives_from_add_to_rm(cli, server):
    token, key = add(cli, "--name", "gate way", "--right", "check,limits:read", "--right",
                     "metrics:read", "--expires-in", "30d")
    user = Cli(server.url, token)
    user.ok("limit", "list")
    shown = fields(cli.ok("key", "show", key))
    assert shown["name"] == "gate way" and shown["rights"] == "check,limits:read,metrics:read"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", shown["expires"]) and "last used" in shown
    row = next(line for line in cli.ok("key", "list").splitlines() if line.startswith(key))
    assert "gate way" in row and shown["expires"][:10] in row
    shown = fields(cli.ok("key", "set", key, "--right", "check", "--expires-in", ""))
    assert (shown["rights"], shown["expires"], shown["name"]) == ("check", "never", "gate way")
    assert "limits:read" in user.error("limit", "list")
    assert cli.ok("key", "rm", key) == f"{key}: revoked\n"
    said = user.error("limit", "list")
    assert "does not know this API key" in said and "sluice key recover" in said and token not in said


def test_token_is_all_of_stdout_for_a_shell(server, cli, tmp_path):
    """As in TOKEN=$(sluice key add ...), with the note left to the terminal."""
    words = " ".join(f"'{word}'" for word in command())
    words = words.replace("'serve'", "")
    script = f'TOKEN=$({words} key add --name sh --right check 2>"$1"); ' \
             f'SLUICE_API_KEY=$TOKEN {words} check anybody'
    done = subprocess.run(["sh", "-c", script, "sh", tmp_path / "note"], env=cli.env, timeout=60,
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("allowed: anybody")
    assert "keep its token now" in (tmp_path / "note").read_text()


def test_key_commands_in_json_are_the_answers_of_the_server(cli, client):
    status, out, err = cli.run("key", "add", "--name", "j", "--right", "check", "-o", "json")
    made = json.loads(out)
    assert (status, err) == (0, "") and out.count("\n") == 1
    assert made["token"].startswith("slk_") and made["rights"] == ["check"]
    path = f"/api/keys/{made['id']}"
    assert cli.json("key", "show", made["id"]) == client.get(path).json
    assert cli.json("key", "set", made["id"], "--name", "k")["name"] == "k"
    listed = cli.json("key", "list")
    assert listed["next_cursor"] is None
    assert listed["keys"] == client.get("/api/keys?limit=1000").json["keys"]
    assert cli.ok("key", "rm", made["id"], "-o", "json") == ""
    assert client.get(path).status == 404


def test_expired_key_is_shown_as_such_and_its_holder_told(start):
    server = start("--test-clock")
    cli, client = Cli(server.url), server.client()
    token, key = add(cli, "--name", "short", "--right", "all", "--expires-in", "1h")
    advance(client, 3600 * 1000)
    assert re.search(rf"^{key} .* expired ", cli.ok("key", "list"), re.MULTILINE)
    assert fields(cli.ok("key", "show", key))["expires"].endswith("Z: it has expired")
    said = Cli(server.url, token).error("status")
    assert "has expired" in said and "sluice key set ID --expires-in" in said
    cli.ok("key", "set", key, "--expires-in", "1h")
    Cli(server.url, token).ok("status")
    client.close()


def test_what_is_refused_is_named_as_it_was_typed(cli, server):
    assert "needs --name" in cli.error("key", "add", "--right", "check")
    assert "needs --right" in cli.error("key", "add", "--name", "n")
    for wrong in ("fly", ""):
        said = cli.error("key", "add", "--name", "n", "--right", wrong)
        assert "--right: must be check, limits:read" in said and f"or all, not '{wrong}'\n" in said
    assert "--right: is named already" in cli.error("key", "add", "--name", "n", "--right", "check,check")
    assert "--name: must" in cli.error("key", "add", "--name", "n" * 64, "--right", "check")
    assert "--expires-in: must be a duration" in cli.error(
        "key", "add", "--name", "n", "--right", "check", "--expires-in", "soon")
    assert "needs what to change" in cli.error("key", "set", "key_a")
    assert "--mode: there is no such option" in cli.error("key", "set", "key_a", "--mode", "off")
    for verb in (["show"], ["set", "--name", "x"], ["rm"]):
        said = cli.error("key", verb[0], "key_none", *verb[1:])
        assert "key_none: there is no such API key" in said and "`sluice key list`" in said
    weak = Cli(server.url, add(cli, "--name", "weak", "--right", "keys:read,keys:write",
                               "--expires-in", "1d")[0])
    said = weak.error("key", "add", "--name", "n", "--right", "all", "--expires-in", "1h")
    assert "SLUICE_API_KEY: this API key lacks the right check, and so cannot grant it" in said
    said = weak.error("key", "add", "--name", "n", "--right", "keys:read")
    assert "--expires-in: must end before" in said
    assert "keys:read" in Cli(server.url, CHECK_KEY).error("key", "list")


def test_token_that_cannot_be_written_says_which_key_to_remove(cli, client):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command("key", "add", "--name", "lost", "--right", "check"), env=cli.env,
                              stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
    said = done.stderr.decode()
    lost = next(key["id"] for key in client.get("/api/keys").json["keys"] if key["name"] == "lost")
    assert done.returncode == 2 and said.count("\n") == 1
    assert "cannot write" in said and f"`sluice key rm {lost}`" in said and "slk_" not in said
    cli.ok("key", "rm", lost)


@pytest.mark.parametrize("token", ["slk_\x1b]0;x\x07", "slk a", "slk_\n", "", 7])
def test_token_of_another_server_does_not_reach_the_terminal(token):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            body = json.dumps({"id": "key_\x1b[2J", "token": token}).encode()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        status, out, err = Cli(f"http://127.0.0.1:{other.server_port}").run(
            "key", "add", "--name", "n", "--right", "check")
        other.shutdown()
    assert (status, out) == (2, "") and "without showing its token" in err and "\x1b" not in err


def test_own_key_and_other_revisions_stay(cli, client):
    own = next(key["id"] for key in client.get("/api/keys").json["keys"] if key["rights"] == ["all"])
    assert "cannot revoke itself: ask with another one" in cli.error("key", "rm", own)
    assert "make another one first" in cli.error("key", "set", own, "--right", "check")
    _, key = add(cli, "--name", "revision", "--right", "check")
    old = str(client.get(f"/api/keys/{key}").json["revision"])
    cli.ok("key", "set", key, "--name", "moved", "--if-revision", old)
    said = cli.error("key", "rm", key, "--if-revision", old)
    assert "has changed meanwhile" in said and f"sluice key show {key}" in said
    cli.ok("key", "rm", key)


def test_list_fits_80_columns_and_hides_what_steers_a_terminal(start):
    server = start()
    cli = Cli(server.url)
    add(cli, "--name", "n" * 63, "--right", ",".join(ALL_RIGHTS[:8]), "--expires-in", "30d")
    add(cli, "--name", "\u202egnp\u200b", "--right", "check")
    lines = cli.ok("key", "list").splitlines()
    assert lines[0].split() == ["ID", "NAME", "RIGHTS", "EXPIRES", "LAST", "USED"]
    assert len(lines) == 5 and all(len(line) <= 80 for line in lines), lines
    assert "\\u202egnp" in "".join(lines) and "\u202e" not in "".join(lines)
    assert any(re.search(r"bootstrap +all +never +\d{4}-\d\d-\d\d$", line) for line in lines)
    assert any(re.search(r"bootstrap ch\S+ +check +never +-$", line) for line in lines), lines


def test_help_offers_every_right_that_the_server_knows(cli, client):
    detail = client.post("/api/keys", {"name": "a", "rights": ["fly"]}).json["detail"]
    known = re.search(r"must be (.*), not", detail)[1].replace(" or ", " ").split(", ")
    assert [right.strip() for right in known] == ALL_RIGHTS
