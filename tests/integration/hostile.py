"""Hostile clients and an honest one, each a process: `hostile.py ATTACK PORT SECONDS`.

An attacker keeps up to `connections` connections and does `rate` acts a second, so that how much it
asks of the machine is known; it is niced, the honest client is not. Each comes from an address of its
own in 127/8, so that none takes another's ports. At the end it prints what it did as JSON.
"""
# SPDX-License-Identifier: MIT
import collections
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time

MIB = 1024 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, leaving no port behind
STEP = 0.005


def request(target="/livez", method="GET", key=None, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class Peer:
    """One connection of an attacker."""

    def __init__(self, attack):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.sock.bind((attack.source, 0))
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", attack.port))
        self.acts = 0
        self.rest = b""

    def send(self, data):
        """Whether all of it was taken; what was not is sent first next time."""
        self.rest += data
        try:
            self.rest = self.rest[self.sock.send(self.rest):]
        except BlockingIOError:
            pass
        return not self.rest


class Attack:
    """What the attacks have in common: connections that are opened, acted on and replaced."""

    connections, rate, reads, hurries = 1000, 1000, True, False

    def __init__(self, port, seconds, scale):
        self.port, self.seconds = port, seconds
        self.rate = int(self.rate * scale)
        self.connections = min(self.connections,
                               resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 50)
        self.key = os.environ.get("SLUICE_API_KEY")
        self.source = f"127.0.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
        self.peers, self.order, self.turn = {}, collections.deque(), False
        self.poll = select.epoll()
        self.did = {"opened": 0, "acts": 0, "ended": 0, "answers": 0, "connected": 0}

    def act(self, peer):
        """One act on a connection; False ends it."""
        raise NotImplementedError

    def open(self):
        peer = Peer(self)
        if not self.reads:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.peers[peer.sock.fileno()] = peer
        self.poll.register(peer.sock, select.EPOLLIN | select.EPOLLRDHUP if self.reads
                           else select.EPOLLRDHUP)
        self.order.appendleft(peer)
        self.did["opened"] += 1

    def drop(self, peer):
        if self.peers.pop(peer.sock.fileno(), None):
            peer.sock.close()

    def read(self, peer):
        try:
            got = peer.sock.recv(65536)
            self.did["answers"] += got.count(b"HTTP/1.1 ")
            return got
        except BlockingIOError:
            return b" "
        except OSError:
            return b""

    def take_events(self):
        for number, events in self.poll.poll(0, 1024):
            peer = self.peers.get(number)
            if peer and (events & (select.EPOLLHUP | select.EPOLLERR) or
                         (events & select.EPOLLIN and not self.read(peer)) or
                         (events == select.EPOLLRDHUP)):
                self.did["ended"] += 1
                self.drop(peer)

    def act_on_next(self):
        """While there are too few, every other act (or each) is a new connection's first."""
        self.turn = self.hurries or not self.turn
        if len(self.peers) < self.connections and (self.turn or not self.peers):
            self.open()
        while self.order:
            peer = self.order.popleft()
            if peer.sock.fileno() >= 0:
                break
        else:
            return
        self.did["acts"] += 1
        try:
            go_on = self.act(peer)
        except OSError:
            go_on = False
        peer.acts += 1
        if go_on:
            self.order.append(peer)
        else:
            self.drop(peer)

    def run(self):
        started = time.monotonic()
        done = 0
        while (now := time.monotonic() - started) < self.seconds:
            for _ in range(max(0, min(int(now * self.rate) - done, self.rate))):
                self.act_on_next()
                done += 1
            self.take_events()
            time.sleep(STEP)
        self.did["connected"] = len(self.peers)
        for peer in list(self.peers.values()):
            self.drop(peer)


class Slowloris(Attack):
    """Heads that never end, a byte at a time, on more connections than the server has."""

    connections, rate = 5000, 8000

    def act(self, peer):
        peer.send(request()[:-2] + b"X-Slow: " if peer.acts == 0 else b"x")
        return True


class Idle(Attack):
    """Ten thousand connections that have been answered once, and wait."""

    connections, rate, hurries = 10000, 6000, True

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request())
        return True


class HalfBodies(Attack):
    """A caller with a key begins bodies of a MiB and withholds the last byte."""

    connections, rate = 600, 2000

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request("/api/check", "POST", self.key, [f"Content-Length: {MIB}"]))
        elif peer.acts <= 8:
            peer.send(b" " * (MIB // 8 - (peer.acts == 8)))
        return True


class StrangersBodies(Attack):
    """The same without a key: what a stranger may send is 4 KiB."""

    connections, rate = 5000, 6000

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request("/api/check", "POST", None, ["Content-Length: 4096"], b" " * 2000))
        else:
            peer.send(b" ")
        return True


class HeaderBombs(Attack):
    """Heads of 100 headers, of 16 KiB, and such as never end."""

    connections, rate = 500, 1500
    BOMBS = [request(headers=[f"X-{i}: {i}" for i in range(100)]),
             request(headers=["X: " + "x" * 16384]),
             b"GET /" + b"a" * 65536,
             b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000,
             b"M" * 9000 + b" / HTTP/1.1\r\n\r\n"]

    def act(self, peer):
        peer.send(random.choice(self.BOMBS) if peer.acts == 0 else b"x")
        return True


class Smuggling(Attack):
    """Requests that two servers may read differently, each followed by another."""

    connections, rate = 500, 1500

    def __init__(self, *args):
        super().__init__(*args)
        from test_framing import AMBIGUOUS, SMUGGLED
        self.forms = [form + SMUGGLED for form in AMBIGUOUS.values()]

    def act(self, peer):
        peer.send(random.choice(self.forms) if peer.acts == 0 else b"\r\n")
        return True


class Noise(Attack):
    """Random bytes, some behind the beginning of a request."""

    connections, rate = 500, 1500

    def act(self, peer):
        begin = random.choice([b"", b"GET ", request()[:-2], b"POST / HTTP/1.1\r\n"])
        peer.send((begin if peer.acts == 0 else b"") + random.randbytes(random.randint(1, 3000)))
        return True


class Pipelines(Attack):
    """A caller with a key that sends without waiting: 20 checks at once, on few connections."""

    connections, rate = 8, 500

    def act(self, peer):
        peer.send(request("/api/check?key=pipeline", key=self.key) * 20)
        return True


class DeepPipelines(Attack):
    """Strangers that send without a pause: 400 refused requests at once, on 200 connections."""

    connections, rate = 200, 250
    BYTES = request("/api/check?key=a") * 400

    def act(self, peer):
        if not peer.rest:
            peer.send(self.BYTES)
        else:
            peer.send(b"")
        return True


class Deaf(Attack):
    """A caller with a key that asks for large answers and reads none."""

    connections, rate, reads = 700, 400, False

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request("/api/limits?limit=1000", key=self.key))
        return True


class DeafStrangers(Attack):
    """Pipelines of refused requests whose answers nobody reads."""

    connections, rate, reads = 1500, 1500, False

    def act(self, peer):
        if peer.acts < 3:
            peer.send(request("/api/check?key=a") * 400)
        return True


class Storm(Attack):
    """Connections that are reset as soon as they are there, some after half a request."""

    connections, rate = 1000, 4000

    def act(self, peer):
        if random.random() < 0.5:
            peer.send(request()[:random.randint(1, 20)])
        return False


class WrongKeys(Attack):
    """Keys that nobody has, a new one each time, so that none is remembered."""

    connections, rate = 16, 3000

    def act(self, peer):
        """Ten at once: 30,000 a second."""
        peer.send(b"".join(request("/api/check?key=a", key="%032x" % random.getrandbits(128))
                           for _ in range(10)))
        return True


class Batches(Attack):
    """A careless caller: batches of a thousand checks without a pause."""

    connections, rate = 8, 40

    def act(self, peer):
        checks = ",".join('{"key":"batch%d"}' % random.randrange(10000) for _ in range(1000))
        body = ('{"checks":[' + checks + "]}").encode()
        peer.send(request("/api/check", "POST", self.key, [f"Content-Length: {len(body)}"], body))
        return True


class DeafStreams(Attack):
    """A caller with a key that opens every stream of events there may be, and reads none."""

    connections, rate, reads = 64, 64, False

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request("/api/events", key=self.key))
        return True


class VanishingStreams(Attack):
    """Streams of events whose client is gone as soon as they begin, or a moment later."""

    connections, rate = 100, 2000

    def act(self, peer):
        if peer.acts == 0:
            peer.send(request("/api/events", key=self.key))
        return random.random() < 0.5


ATTACKS = {"slowloris": Slowloris, "idle": Idle, "half-bodies": HalfBodies,
           "strangers-bodies": StrangersBodies, "header-bombs": HeaderBombs,
           "smuggling": Smuggling, "noise": Noise, "pipelines": Pipelines,
           "deep-pipelines": DeepPipelines, "deaf": Deaf,
           "deaf-strangers": DeafStrangers, "storm": Storm, "wrong-keys": WrongKeys,
           "batches": Batches, "deaf-streams": DeafStreams,
           "vanishing-streams": VanishingStreams}


class Honest:
    """Checks on one kept connection and on new ones, at a steady pace, and how long each took."""

    KEPT, FRESH = 250, 50  # a second

    def __init__(self, port, seconds):
        self.port, self.seconds = port, seconds
        self.bytes = request("/api/check?key=honest", key=os.environ.get("SLUICE_API_KEY"))
        self.kept = self.connect()
        self.took, self.failed = {"kept": [], "fresh": []}, []

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def ask(self, sock):
        sock.sendall(self.bytes)
        got = sock.recv(65536)
        if not got.startswith(b"HTTP/1.1 200 ") or b'"allowed":true' not in got:
            raise OSError(f"answered {got[:200]!r}")

    def ask_fresh(self):
        with self.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.ask(sock)

    def measure(self, kind):
        started = time.perf_counter()
        try:
            if kind == "fresh":
                self.ask_fresh()
            else:
                self.ask(self.kept)
        except OSError as error:
            self.failed.append(f"{kind}: {error}")
            if kind == "kept":
                self.kept.close()
                self.kept = self.connect()
            return
        self.took[kind].append((time.perf_counter() - started) * 1000)

    def run(self):
        every = self.KEPT // self.FRESH
        started = time.monotonic()
        for n in range(int(self.seconds * self.KEPT)):
            pause = started + n / self.KEPT - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.measure("kept")
            if n % every == 0:
                self.measure("fresh")
        return {"failed": self.failed[:10], **self.took}


def main():
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    scale = float(sys.argv[4]) if len(sys.argv) > 4 else 1
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    print("ready", flush=True)
    if name == "honest":
        print(json.dumps(Honest(port, seconds).run()))
        return
    os.nice(10)
    attack = ATTACKS[name](port, seconds, scale)
    attack.run()
    print(json.dumps(attack.did))


if __name__ == "__main__":
    main()
