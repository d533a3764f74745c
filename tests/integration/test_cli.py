"""The command line against a real server: every command, both outputs, every exit status."""
# SPDX-License-Identifier: MIT
import http.server
import json
import re
import socket
import subprocess
import threading
import unicodedata

import pytest
from cli import Cli, fields
from conftest import CHECK_KEY, KEY, command

OTHER_KEY = "another-key-that-nobody-knows"
KEY_WITH_ALL = "ключ 名前 🦆/?#%&\"'"
COMMANDS = ["check", "limit list", "limit add", "limit show", "limit set", "limit rm",
            "limit reset", "limit confirm", "key list", "key add", "key show", "key set", "key rm",
            "status"]


@pytest.fixture
def cli(server):
    return Cli(server.url)


@pytest.fixture
def made(client):
    """Limits of a test, removed when it is over."""
    limits = []

    def make(key, **fields):
        limits.append(client.make(key, **fields))
        return limits[-1]

    yield make
    for limit in limits:
        client.ask("DELETE", f"/api/limits/{limit['id']}")


def columns(text):
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)


# --- check -----------------------------------------------------------------------------------


def test_check_says_allowed_and_denied_by_exit_status(cli, made):
    limit = made("cli-check", limit=3, interval="1m")
    out = cli.ok("check", "cli-check", "--cost", 2)
    assert out.splitlines()[0] == "allowed: cli-check, 1 of 3 left"
    assert re.fullmatch(rf"{limit['id']} +3 +1 +- +40s +enforce", out.splitlines()[2])
    status, out, err = cli.run("check", "cli-check", "--cost=2")
    assert (status, err) == (1, "")
    assert out.splitlines()[0] == "denied: cli-check, 1 of 3 left, retry after 20s"
    status, out, _ = cli.run("check", "--cost", "4", "cli-check")
    assert status == 1 and "no waiting helps" in out and " never " in out
    assert cli.ok("check", "cli-check", "--cost", "-2").startswith("allowed: ")
    assert cli.json("check", "cli-check", "--cost", "0")["remaining"] == 3


def test_check_in_json_is_the_answer_of_the_server(cli, client, made):
    made("cli-json", limit=2)
    assert cli.json("check", "cli-json", "--peek") == client.check("cli-json", peek=1)
    assert cli.ok("check", "cli-json", "--peek").startswith("would be allowed: cli-json, 2 of 2")
    cli.ok("check", "cli-json", "--cost", "2")
    status, out, err = cli.run("check", "cli-json", "--peek", "--output", "json")
    assert (status, err) == (1, "") and json.loads(out)["allowed"] is False
    assert cli.json("check", "cli-json-nobody")["limits"] == []
    assert cli.ok("check", "nobody") == "allowed: nobody, no limit in force covers it\n"


@pytest.mark.parametrize("key", [KEY_WITH_ALL, "-x", "--help", " ", "ä" * 256])
def test_check_takes_any_key(cli, client, made, key):
    made(key, limit=1)
    assert json.loads(cli.ok("check", "-o", "json", "--", key))["remaining"] == 0
    status, out, _ = cli.run("check", "--", key)
    assert status == 1 and key in out
    assert client.check(key)["allowed"] is False


def test_check_of_a_key_that_is_none_names_it(cli):
    assert "KEY: must" in cli.error("check", "")
    assert "KEY" in cli.error("check", "x" * 513)
    assert "not UTF-8" in cli.error("check", b"\xff".decode("utf-8", "surrogateescape"))


# --- limits ----------------------------------------------------------------------------------


def test_limit_lives_from_add_to_rm(cli, client):
    out = cli.ok("limit", "add", "cli-life", "--limit", 1000, "--interval", "1m", "--burst", 50,
                 "--algorithm", "token_bucket", "--mode", "shadow", "--name", "a life",
                 "--confirm", "60s")
    shown = fields(out)
    assert shown["key"] == "cli-life" and shown["limit"] == "1000 requests per 1m"
    assert (shown["burst"], shown["mode"], shown["name"]) == ("50", "shadow", "a life")
    assert "confirm by" in shown
    limit = shown["id"]
    got = client.get(f"/api/limits/{limit}").json
    assert cli.json("limit", "show", limit) == got
    assert fields(cli.ok("limit", "show", limit))["revision"] == str(got["revision"])
    assert "confirm by" not in fields(cli.ok("limit", "confirm", limit))
    assert "waits for no confirmation" in cli.error("limit", "confirm", limit)
    shown = fields(cli.ok("limit", "set", limit, "--limit", "20", "--burst", "", "--name", "",
                          "--mode", "enforce"))
    assert (shown["limit"], shown["burst"], shown["mode"]) == ("20 requests per 1m", "20", "enforce")
    assert "name" not in shown
    cli.ok("check", "cli-life", "--cost", "20")
    assert cli.ok("limit", "reset", limit, "other-key") == f"{limit}: reset\n"
    assert cli.run("check", "cli-life")[0] == 1
    cli.ok("limit", "reset", limit, "cli-life")
    assert cli.run("check", "cli-life", "--cost", "20")[0] == 0
    cli.ok("limit", "reset", limit)
    assert cli.run("check", "cli-life", "--cost", "20")[0] == 0
    assert cli.ok("limit", "rm", limit) == f"{limit}: removed\n"
    assert client.get(f"/api/limits/{limit}").status == 404


def test_limit_commands_in_json(cli):
    limit = cli.json("limit", "add", "cli-j", "--limit", "5", "--interval", "1s")
    assert (limit["key"], limit["limit"], limit["burst"]) == ("cli-j", 5, 5)
    assert cli.json("limit", "set", limit["id"], "--burst", "7")["burst"] == 7
    assert cli.ok("limit", "reset", limit["id"], "-o", "json") == ""
    assert cli.ok("limit", "rm", limit["id"], "-o", "json") == ""


def test_what_the_server_refuses_is_named_as_it_was_typed(cli, made):
    limit = made("cli-twin", limit=10, interval="1m")
    add = ("limit", "add", "cli-twin", "--limit")
    said = cli.error(*add, "10", "--interval", "1m")  # 409
    assert "same key, algorithm and interval" in said and f"limit set {limit['id']}" in said
    assert "--interval: must be" in cli.error(*add, "10", "--interval", "1x")
    assert "--limit: must be" in cli.error(*add, "0", "--interval", "1m")
    assert "--limit: " in cli.error("limit", "add", "cli-twin", "--interval", "1m")
    assert "--mode: " in cli.error("limit", "set", limit["id"], "--mode", "on")
    assert "--name: " in cli.error("limit", "set", limit["id"], "--name", "a\nb")
    packet = ("limit", "add", "--packet", "--limit", "10", "--interval", "1s")
    assert "--dst: must be an address" in cli.error(*packet, "--dst", "192.0.2.1", "--dst", "here")
    assert "--dst-port: " in cli.error(*packet, "--dst-port", "70000")
    said = cli.error(*packet, "--algorithm", "fixed_window")  # 422
    assert "--algorithm: " in said and "token_bucket" in said
    assert "packets are not limited" in cli.error(*packet)  # 503: no interface


def test_set_and_rm_of_another_revision_change_nothing(cli, client, made):
    limit = made("cli-revision", limit=10)
    old = str(limit["revision"])
    cli.ok("limit", "set", limit["id"], "--limit", "11", "--if-revision", old)
    for args in (("set", limit["id"], "--limit", "12"), ("rm", limit["id"])):
        said = cli.error("limit", *args, "--if-revision", old)  # 412
        assert "has changed meanwhile" in said and f"limit show {limit['id']}" in said
    got = client.get(f"/api/limits/{limit['id']}").json
    assert got["limit"] == 11
    cli.ok("limit", "rm", limit["id"], "--if-revision", str(got["revision"]))


@pytest.mark.parametrize("limit", ["lim_none", "..", "a/b", "a b?c#d", "é", "a\x1b[2J"])
@pytest.mark.parametrize("verb", ["show", "set", "rm", "reset", "confirm"])
def test_limit_that_is_not_there_is_404_with_what_to_do(cli, verb, limit):
    more = ("--limit", "1") if verb == "set" else ()
    said = cli.error("limit", verb, limit, *more)
    assert limit.replace("\x1b", "\\x1b") in said and "no such limit" in said and "`sluice limit list`" in said


def test_list_walks_all_pages(start):
    server = start()
    cli, client = Cli(server.url), server.client()
    assert cli.json("limit", "list") == {"limits": [], "next_cursor": None}
    assert "sluice limit add" in cli.ok("limit", "list")
    ids = sorted(client.make(f"page-{i}")["id"] for i in range(1003))
    got = cli.json("limit", "list")
    assert [limit["id"] for limit in got["limits"]] == ids and got["next_cursor"] is None
    assert got["limits"][0] == client.get("/api/limits?limit=1").json["limits"][0]
    lines = cli.ok("limit", "list").splitlines()
    assert lines[0].split() == ["ID", "LIMIT", "UNIT", "MODE", "OF"]
    assert [line.split()[0] for line in lines[1:]] == ids
    status = fields(cli.ok("status"))
    assert status["limits"].startswith("1003;")
    client.close()


def test_table_stands_hostile_and_wide_names(start):
    server = start()
    cli, client = Cli(server.url), server.client()
    client.make("esc\x1b[31m\r\n\x07", name="\u202egnp.exe")
    client.make("\u2066hidden\u200b\u2028", name="名" * 40)
    client.make("k" * 512, name="e\u0301" * 30)
    client.make("plain", name=None)
    out = cli.ok("limit", "list")
    lines = out.split("\n")[:-1]
    assert len(lines) == 5 and all(columns(line) <= 80 for line in lines), out
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in out if c != "\n"), out
    assert "esc\\x1b[31m" in out and "\\u202egnp" in out and "\\u2066hidden" in out and "名…" in out
    head = lines[0].index("NAME")
    wide = next(line for line in lines if "名" in line)
    assert columns(wide[:wide.index("名")]) == head
    status, out, _ = cli.run("check", "\x1b[2J\u202e")
    assert status == 0 and out.startswith("allowed: \\x1b[2J\\u202e,")
    # JSON is exact.
    names = [limit["name"] for limit in cli.json("limit", "list")["limits"]]
    assert "\u202egnp.exe" in names and None in names
    client.close()


# --- status, the server, its key -------------------------------------------------------------


def test_status_of_a_server_without_packets(cli, client):
    shown = fields(cli.ok("status"))
    assert shown["ready"] == "yes" and shown["packets"].startswith("off: ")
    assert re.fullmatch(r"http://\S+, sluice \d+\.\d+\.\d+, up \S.*", shown["server"])
    got = cli.json("status")
    assert got["packets"] == client.get("/api/packets").json
    # Every part of which the server says how it is, those to come included.
    verbose = client.get("/readyz?verbose").json
    parts = {name: said for name, said in verbose.items() if isinstance(said, str)
             and name not in ("status", "version", "packets")}
    assert {"snapshot", "ledger", "settings"} <= set(parts)
    assert {name: shown[name] for name in parts} == parts
    assert verbose["version"] in shown["server"] and got["readyz"]["version"] == verbose["version"]


def test_list_with_stats_shows_what_was_counted(cli, client, made):
    limit = made("cli-counted", limit=2, interval="1h")
    for _ in range(5):
        cli.run("check", "cli-counted")
    lines = cli.ok("limit", "list", "--stats").splitlines()
    assert lines[0].split() == ["ID", "LIMIT", "ALLOWED", "DENIED", "MODE", "OF"]
    row = next(line for line in lines if line.startswith(limit["id"]))
    assert row.split() == [limit["id"], "2/1h", "2", "3", "enforce", "cli-counted"]
    listed = next(one for one in cli.json("limit", "list", "--stats")["limits"]
                  if one["id"] == limit["id"])
    assert listed["stats"] == {"allowed": 2, "denied": 3}
    plain = client.get("/api/limits?limit=1000").json
    assert all("stats" not in one for one in plain["limits"])
    assert plain["total"] == len(plain["limits"]) == client.get("/api/limits?limit=1").json["total"]
    assert client.get("/api/limits?stats=x").status == 400


def test_nobody_there_says_how_to_start_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % taken.getsockname()[1]
        for args in (["status"], ["check", "a"], ["limit", "list"]):
            said = Cli(url).error(*args)
            assert url in said and "nobody listens there" in said and "sluice serve" in said
            assert "SLUICE_URL" in said
        assert url in Cli("http://127.0.0.1:9").error("status", "--url", url)


def test_server_that_is_silent_or_none_of_ours_is_named():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "http://127.0.0.1:%d" % silent.getsockname()[1]
        said = Cli(url).error("status", "--timeout", "50ms")
        assert "no answer in 0.05 s" in said and "--timeout" in said

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = {"/api/limits/lim_a": b"[1]", "/api/limits/lim_b": b"\x1b[2J <html>"}.get(
                self.path, b"{}")
            self.send_response(404 if self.path.endswith("lim_c") else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            cli = Cli("http://127.0.0.1:%d" % other.server_port)
            assert "not as a Sluice does" in cli.error("limit", "show", "lim_a")
            assert "200 without JSON" in cli.error("limit", "show", "lim_b")
            assert "404 without saying why" in cli.error("limit", "show", "lim_c")
            assert "without limits" in cli.error("limit", "list")
        finally:
            other.shutdown()
            thread.join()


@pytest.mark.parametrize("args", [["check", "a"], ["limit", "list"], ["limit", "add", "a"], ["status"]])
def test_url_with_a_path_too_many_is_named(server, args):
    said = Cli(server.url + "/below/").error(*args)
    assert f"{server.url}/below/: there is nothing at this path" in said and "SLUICE_URL" in said


@pytest.mark.parametrize("url", ["127.0.0.1:4000", "ftp://127.0.0.1", "http://a:b@127.0.0.1"])
def test_url_that_is_none_says_what_to_set(url):
    said = Cli(url).error("status")
    assert url in said and "SLUICE_URL" in said


def test_key_that_is_missing_wrong_or_weak_names_the_variable(server, tmp_path):
    assert "SLUICE_API_KEY is not set" in Cli(server.url, None).error("status")
    assert "SLUICE_API_KEY is not set" in Cli(server.url, "").error("status")
    said = Cli(server.url, OTHER_KEY).error("limit", "list")
    assert "SLUICE_API_KEY" in said and "does not know this API key" in said
    assert OTHER_KEY not in said
    assert "SLUICE_API_KEY: an API key" in Cli(server.url, "two\nlines").error("status")
    said = Cli(server.url, CHECK_KEY).error("limit", "list")
    assert "SLUICE_API_KEY" in said and "limits:read" in said
    file = tmp_path / "key"
    file.write_text(OTHER_KEY)
    assert str(file) in Cli(server.url).error("status", "--api-key-file", file)
    assert str(tmp_path / "no") in Cli(server.url).error("status", "--api-key-file", tmp_path / "no")
    file.write_text("\n")
    assert "holds no API key" in Cli(server.url).error("status", "--api-key-file", file)
    file.write_text("k" * 5000)
    assert str(file) in Cli(server.url).error("status", "--api-key-file", file)


def test_key_comes_from_a_file(server, tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    Cli(server.url, OTHER_KEY).ok("status", "--api-key-file", file)
    Cli(server.url, None).ok("status", "--api-key-file", server.data / "bootstrap.json")


def test_status_of_a_server_that_is_not_ready_is_an_error_below_the_table(start):
    server = start("--iface", "nosuch0")
    status, out, err = Cli(server.url).run("status")
    assert status == 2 and err.count("\n") == 1 and "is not ready: " in err, err
    assert fields(out.split("\n\n")[0])["ready"].startswith("no: ")
    assert re.search(r"^nosuch0 +none +\S", out, re.MULTILINE), out
    status, out, _ = Cli(server.url).run("status", "-o", "json")
    assert status == 2 and json.loads(out)["readyz"]["status"] == "unavailable"


def test_output_that_cannot_be_written_is_an_error(cli, made):
    made("cli-full", limit=1)
    with open("/dev/full", "wb") as full:
        for args in (["status"], ["check", "cli-full"], ["completion", "bash"], ["check", "--help"]):
            done = subprocess.run(command(*args), env=cli.env, stdout=full, timeout=20,
                                  stderr=subprocess.PIPE, check=False)
            assert done.returncode == 2 and b"cannot write" in done.stderr, (args, done)


def test_closed_descriptors_do_not_become_the_connection():
    """What is printed would be sent to the server if its socket got the number of stderr."""
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cli = Cli("http://127.0.0.1:%d" % listener.getsockname()[1])
        with subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
                               *command("limit", "list")],
                              env=cli.env) as process:
            with listener.accept()[0] as sock:
                sock.settimeout(20)
                while not sock.recv(65536).endswith(b"\r\n\r\n"):
                    pass
                sock.sendall(answer)
                assert sock.recv(65536) == b""
            assert process.wait(20) == 2


# --- what is typed ---------------------------------------------------------------------------


@pytest.mark.parametrize("args,words", [
    (["limit"], "limit: a command"), (["limit", "fly"], "'fly'"), (["check"], "needs KEY"),
    (["check", "a", "b"], "'b'"), (["check", "a", "b", "c"], "one word too many"),
    (["limit", "show"], "needs ID"), (["limit", "list", "x"], "'x'"),
    (["limit", "show", ""], "must not be empty"),
    (["limit", "add"], "needs a KEY or --packet"), (["limit", "add", "a", "--packet"], "leave one out"),
    (["limit", "add", "a", "--per", "src"], "--packet"), (["limit", "set", "a"], "--limit N"),
    (["limit", "set", "a", "--per", "src"], "--per"), (["status", "--peek"], "--peek"),
    (["check", "a", "--cost", "x"], "'x'"), (["check", "a", "-o", "xml"], "table json"),
    (["check", "a", "--api-key", "secret"], "--api-key: there is no such option"),
    (["check", "a", "--x\x1b[2J"], "--x\\x1b[2J"),
])
def test_wrong_words_are_one_line_and_status_2(cli, args, words):
    assert words in cli.error(*args)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help(name):
    out = Cli(None, None).ok(*name.split(), "--help")
    assert out.startswith(f"usage: sluice {name}") and "--api-key-file FILE" in out
    assert all(columns(line) <= 80 for line in out.splitlines())
    assert f"sluice {name}" in Cli(None, None).ok("help")
