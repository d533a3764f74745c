"""A client of /api/events: reads server-sent events from a socket of its own."""
# SPDX-License-Identifier: MIT
import json
import socket
import time

from conftest import KEY


class Stream:
    """One stream; the answer's head has been read, chunks are taken apart as they come."""

    def __init__(self, port, query="", key=KEY, version="1.1", buffer=None, tls=None):
        self.sock = socket.socket()
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.settimeout(10)
        self.sock.connect(("127.0.0.1", port))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.sock.sendall(f"GET /api/events{query} HTTP/{version}\r\nHost: x\r\n"
                          f"Authorization: Bearer {key}\r\n\r\n".encode())
        self.raw, self.text, self.ended = b"", b"", False
        while b"\r\n\r\n" not in self.raw:
            got = self.sock.recv(65536)
            assert got, self.raw
            self.raw += got
        self.head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.status = int(self.head.split(b" ")[1])
        self.chunked = b"Transfer-Encoding: chunked" in self.head

    def _unchunk(self):
        """Whole chunks become text; the last one is the end."""
        while self.chunked and b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            size = int(size, 16)
            if len(rest) < size + 2:
                return
            assert rest[size:size + 2] == b"\r\n"
            self.text += rest[:size]
            self.raw = rest[size + 2:]
            self.ended = size == 0
        if not self.chunked:
            self.text, self.raw = self.text + self.raw, b""

    def read(self, timeout_s=10):
        """The next event as (name, data), (None, text) of a comment or retry; None: the end."""
        until = time.monotonic() + timeout_s
        self._unchunk()
        while b"\n\n" not in self.text:
            if self.ended:
                return None
            self.sock.settimeout(max(until - time.monotonic(), 0.001))
            got = self.sock.recv(1 << 20)
            if not got:
                assert not self.chunked, "it ended without the last chunk"
                return None
            self.raw += got
            self._unchunk()
        block, self.text = self.text.split(b"\n\n", 1)
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
        if "event" not in fields:
            return None, block.decode()
        return fields["event"], json.loads(fields["data"])

    def next(self, name, timeout_s=10):
        """The data of the next event of that name."""
        until = time.monotonic() + timeout_s
        while (event := self.read(until - time.monotonic())) is not None:
            if event[0] == name:
                return event[1]
        raise AssertionError(f"the stream ended before {name}")

    def drain(self):
        """Reads to the end, which must come soon; the names of what came."""
        names = []
        while (event := self.read()) is not None:
            names.append(event[0])
        return names

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
