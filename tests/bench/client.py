"""A client that costs little beside what it measures: raw requests on connections kept alive."""
# SPDX-License-Identifier: MIT

import re
import socket
import threading

TOKEN = "bench-token-0123456789abcdefghijklmnopqrstu"
AUTHORIZATION = f"Bearer {TOKEN}"
HEADERS = {"Authorization": AUTHORIZATION}


class Connection:
    """One connection; `with` closes it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def post(self, path, body):
        """The answer's body; RuntimeError unless the status is 2xx."""
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {AUTHORIZATION}\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += self._receive()
        if head[9:10] != b"2":
            raise RuntimeError(f"POST {path} was answered {head[9:12].decode()}: {body.decode()}")
        return body.decode()

    def _receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise RuntimeError("the server closed a connection that was to be kept")
        return received


def in_parallel(port, clients, n, work):
    """work(connection, i) for every i below n, by so many clients; the first error is raised here."""
    errors = []

    def run(first):
        try:
            with Connection(port) as connection:
                for i in range(first, n, clients):
                    work(connection, i)
        except (OSError, RuntimeError) as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(f"the server did not take what it was filled with: {errors[0]}")
