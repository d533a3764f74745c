"""`sluice top`: on a real terminal, once, and as lines; what it does when the server goes."""
# SPDX-License-Identifier: MIT
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from certificates import Pair
from cli import Cli
from conftest import CHECK_KEY, KEY, command, environment, wait_for
from screen import Screen

HEAD_LINE = 4


class Load:
    """Asks for a few keys at a steady pace until it is stopped."""

    def __init__(self, server, keys, pace=200):
        self.server, self.keys, self.pace = server, keys, pace
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        client = self.server.client()
        turn = 0
        while not self.stop.is_set():
            client.check(self.keys[turn % len(self.keys)])
            turn += 1
            time.sleep(1 / self.pace)
        client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def fresh(start):
    server = start()
    client = server.client()
    client.make("user*", limit=20, interval="1h", name="users")
    client.make("free", limit=10**6, interval="1s")
    client.close()
    return server


@pytest.fixture
def screens():
    open_ones = []

    def open_one(server, *args, key=KEY, **size):
        env = environment(SLUICE_URL=server.url, SLUICE_API_KEY=key, TERM="xterm")
        open_ones.append(Screen(command("top", *args), env, **size))
        return open_ones[-1]

    yield open_one
    for screen in open_ones:
        screen.close()


def rates_of(text, name):
    """(allowed, denied) of the row that begins with this name; None: there is none, or no rate yet."""
    for line in text.split("\n"):
        found = re.match(re.escape(name) + r"\s.*?\s([\d.]+[kM]?)\s+([\d.]+[kM]?)$", line)
        if found:
            return tuple(float(n.replace("k", "e3")) for n in found.groups())
    return None


def is_busy(name):
    return lambda text: (rates_of(text, name) or (0, 0)) > (0, 0)


def test_screen_shows_limits_and_their_keys(fresh, screens):
    with Load(fresh, ["user1", "user1", "free"]):
        screen = screens(fresh)
        text = screen.becomes(lambda t: is_busy("users  user*")(t) and is_busy("  user1")(t))
        assert screen.alternate and not screen.cursor and not screen.wraps
        lines = text.split("\n")
        assert lines[0].startswith(f"sluice top  {fresh.url}") and lines[0].endswith(" UTC")
        assert re.match(r"checks/s  [\d.]+k? allowed  [\d.]+ denied", lines[1])
        assert lines[HEAD_LINE].startswith("LIMIT, BUSIEST KEYS") and screen.reverse == {HEAD_LINE}
        assert lines[-1].endswith("q quit  r a d sort  p pause  j k scroll")
        # It refreshes by itself: 20 of user1 are soon used up.
        screen.becomes(lambda t: (rates_of(t, "users  user*") or (1, 0))[0] == 0)
        screen.type("q")
        assert screen.end() == 0
    assert screen.is_as_before()


@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_is_wider_than_the_terminal(fresh, screens, width):
    client = fresh.client()
    client.make("\u4e16\u754c" * 40, limit=10, name="n" * 128)
    client.close()
    with Load(fresh, ["user" + "x" * 200, "free", "\u4e16\u754c" * 40]):
        screen = screens(fresh, width=width)
        screen.becomes(lambda t: "  userxxxx" in t and "\u2026" in t)
        for line in screen.text.split("\n"):
            assert len(line) <= width
        assert ("RULE" in screen.text) == (width >= 72)
        screen.type("q")
        screen.end()


def test_keys_sort_pause_and_scroll(fresh, screens):
    client = fresh.client()
    for i in range(10):
        client.make(f"quiet{i}", limit=10)
    client.close()
    with Load(fresh, ["user1", "free", "free", "free"]):
        screen = screens(fresh, height=12)
        screen.becomes(lambda t: (rates_of(t, "free") or (0, 0))[0] > 0)
        time.sleep(0.5)
        screen.type("d")
        # user1 is refused, once its 20 are used up.
        screen.becomes(lambda t: "by denied" in t and t.split("\n")[5].startswith("users"))
        screen.type("a")
        screen.becomes(lambda t: "by allowed" in t and t.split("\n")[5].startswith("free"))
        screen.type("r")
        screen.becomes(lambda t: "by rate" in t)
        screen.type("p")
        before = screen.becomes(lambda t: "PAUSED" in t)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            screen.read(0.1)
        assert screen.text == before
        screen.type("jj\x1b[B")
        screen.becomes(lambda t: t.split("\n")[-1].startswith("4-9 of "))
        screen.type("k\x1bOA")
        screen.becomes(lambda t: t.split("\n")[-1].startswith("2-7 of "))
        screen.type(b"\x1b[6")
        screen.read(0.1)
        screen.type(b"~")
        screen.becomes(lambda t: t.split("\n")[-1].startswith("6-"))
        screen.type("G")
        last = screen.becomes(lambda t: re.match(r"(\d+)-(\d+) of \2 ", t.split("\n")[-1]))
        screen.type("jjj")
        screen.read(0.3)
        assert screen.text == last
        screen.type("g")
        screen.becomes(lambda t: t.split("\n")[-1].startswith("1-6 of "))
        screen.type("p")
        screen.becomes(lambda t: "PAUSED" not in t)
        screen.becomes(lambda t: t.split("\n")[0] != before.splitlines()[0])
        screen.type("q")
        assert screen.end() == 0
    assert screen.is_as_before()


def test_resize_is_followed(fresh, screens):
    screen = screens(fresh)
    screen.becomes(lambda t: "users  user*" in t)
    for width, height in [(60, 12), (120, 40), (30, 4), (1, 1), (80, 24)]:
        screen.resize(width, height)
        screen.becomes(lambda t: t.startswith("sluice top"[:width]))
        for line in screen.text.split("\n"):
            assert len(line) <= width
    screen.becomes(lambda t: "q quit" in t.split("\n")[23])
    screen.type("q")
    assert screen.end() == 0
    assert screen.is_as_before()


@pytest.mark.parametrize("how", ["ctrl-c", "sigint", "sigterm", "sighup", "sigquit"])
def test_terminal_is_as_before_however_it_ends(fresh, screens, how):
    screen = screens(fresh)
    screen.becomes(lambda t: "users  user*" in t)
    number = {"ctrl-c": signal.SIGINT}.get(how) or getattr(signal, how.upper())
    if how == "ctrl-c":
        screen.type("\x03")
    else:
        os.kill(screen.pid, number)
    assert screen.end() == -number
    assert screen.is_as_before()


def test_stop_gives_the_terminal_back_and_going_on_takes_it(fresh, screens):
    screen = screens(fresh)
    screen.becomes(lambda t: "users  user*" in t)
    for stop in (lambda: screen.type("\x1a"), lambda: os.kill(screen.pid, signal.SIGTSTP)):
        stop()
        _, status = os.waitpid(screen.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        while screen.alternate:
            assert screen.read(1)
        assert screen.is_as_before()
        os.kill(screen.pid, signal.SIGCONT)
        screen.becomes(lambda t: "users  user*" in t)
    screen.type("q")
    assert screen.end() == 0
    assert screen.is_as_before()


def test_terminal_that_goes_away_ends_it(fresh, screens):
    screen = screens(fresh)
    screen.becomes(lambda t: "users  user*" in t)
    os.close(screen.master)
    screen.master = os.open("/dev/null", os.O_RDONLY)
    _, screen.status = wait_for(lambda: (done := os.waitpid(screen.pid, os.WNOHANG))[0] and done, timeout_s=5)


def test_server_that_goes_is_waited_for(start, tmp_path, screens):
    server = start(data=tmp_path / "data")
    client = server.client()
    client.make("user*", name="users")
    client.close()
    screen = screens(server)
    screen.becomes(lambda t: "users  user*" in t)
    server.stop()
    screen.becomes(lambda t: "connection lost, trying again in" in t)
    assert "users  user*" in screen.text  # what was last known stays
    again = start(data=tmp_path / "data", listen=f"127.0.0.1:{server.port}")
    screen.becomes(lambda t: "connection lost" not in t, 30)
    with Load(again, ["user1"]):
        screen.becomes(is_busy("  user1"))
    # Keys work while it waits, too.
    again.stop()
    screen.becomes(lambda t: "connection lost, trying again in 1 s" in t)
    screen.type("q")
    assert screen.end() == 0
    assert screen.is_as_before()


def test_key_that_is_revoked_meanwhile_ends_it_with_one_line(fresh, screens):
    client = fresh.client()
    made = client.post("/api/keys", {"name": "watcher", "rights": ["events:read"]}).json
    screen = screens(fresh, key=made["token"])
    screen.becomes(lambda t: "users  user*" in t)
    assert client.ask("DELETE", f"/api/keys/{made['id']}").status == 204
    client.close()
    assert screen.end() == 2
    assert screen.is_as_before()
    assert re.search(r"\nsluice: SLUICE_API_KEY: .*does not know this API key.*\n$", screen.normal)


def test_hostile_keys_steer_no_terminal(fresh, screens):
    client = fresh.client()
    client.make("\x1b[2J\r\n*", limit=5, name="a\u202eb")
    client.close()
    with Load(fresh, ["\x1b[2J\r\n\x1b]0;owned\x07", "\x1b[2J\r\n\u202e\u009b2J"]):
        screen = screens(fresh)
        # Any sequence that is none of ours fails the screen.
        screen.becomes(lambda t: "\\x1b]0;owned\\x07" in t and "\\u202e\\u009b2J" in t)
        assert "a\\u202eb  \\x1b[2J\\r\\n*" in screen.text
        screen.type("q")
        screen.end()


def test_one_limit_shows_all_its_keys(fresh, screens):
    client = fresh.client()
    (limit,) = [one for one in client.get("/api/limits").json["limits"] if one["name"] == "users"]
    client.close()
    with Load(fresh, [f"user{i}" for i in range(8)] + ["free"], pace=400):
        screen = screens(fresh, limit["id"])
        screen.becomes(lambda t: all(f"  user{i}" in t for i in range(8)))
        assert "free" not in screen.text
        screen.type("q")
        screen.end()
        out = Cli(fresh.url).ok("top", limit["id"], "--once")
    assert "users  user*" in out and "free" not in out


def test_once_prints_one_table(fresh):
    with Load(fresh, ["user1", "free"]):
        out = Cli(fresh.url).ok("top", "--once")
    assert "\x1b" not in out
    assert all(len(line) <= 80 for line in out.split("\n"))
    assert is_busy("free")(out) and is_busy("  free")(out)
    assert not re.search("quit|PAUSED", out)


def test_top_asks_over_tls(start, tmp_path, screens):
    pair = Pair(tmp_path, "localhost")
    server = start(*pair.options)
    url = f"https://localhost:{server.port}"
    assert url in Cli(url).ok("top", "--once", "--cacert", pair.cert)
    assert "--cacert or SLUICE_CACERT" in Cli(url).error("top", "--once")


def lines_of(server, *args, n):
    """The first n lines of `top -o json`."""
    env = environment(SLUICE_URL=server.url, SLUICE_API_KEY=KEY)
    process = subprocess.Popen(command("top", "-o", "json", *args), env=env, text=True,
                               stdout=subprocess.PIPE)
    try:
        return [json.loads(process.stdout.readline()) for _ in range(n)]
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_json_is_a_line_for_each_event(fresh):
    with Load(fresh, ["user1", "free"]):
        events = lines_of(fresh, n=40)
    assert {event["event"] for event in events} == {"rates", "decision"}
    for event in events:
        assert set(event) == {"event", "data"}
        assert ("limits" in event["data"]) == (event["event"] == "rates")
    once = Cli(fresh.url).json("top", "--once")
    assert once["event"] == "rates" and len(once["data"]["limits"]) == 2


def test_json_goes_on_after_the_server_was_gone(start, tmp_path):
    server = start(data=tmp_path / "data")
    env = environment(SLUICE_URL=server.url, SLUICE_API_KEY=KEY)
    process = subprocess.Popen(command("top", "-o", "json"), env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert json.loads(process.stdout.readline())["event"] == "rates"
        server.stop()
        assert process.stderr.readline().startswith(
            "sluice: connection lost, trying again in 1 s: ")
        start(data=tmp_path / "data", listen=f"127.0.0.1:{server.port}")
        while json.loads(process.stdout.readline())["event"] != "rates":
            pass
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_errors_are_one_line_that_says_what_to_do(fresh):
    cli = Cli(fresh.url)
    assert "--once" in cli.error("top")
    assert "lacks the right events:read" in cli.error("top", "--once", SLUICE_API_KEY=CHECK_KEY)
    assert "there is no limit of this id: see `sluice limit list`" in cli.error(
        "top", "--once", "lim_of_nobody")
    assert "ID: must not be empty" in cli.error("top", "--once", "")
    assert "nobody listens there" in cli.error("top", "--once", "--url", "http://127.0.0.1:1")
    assert "one word too many" in cli.error("top", "a", "b")


def test_no_room_for_another_stream_is_said(start):
    server = start("--events-max", "0")
    assert "events_max is 0" in Cli(server.url).error("top", "--once")
