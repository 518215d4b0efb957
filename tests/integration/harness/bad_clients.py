"""Clients that send the admin endpoint what they should not: known mischief, and valid requests that were damaged.

As a program, `bad_clients.py HOST:PORT REQUESTS SEED` sends so many and prints how each ended, as JSON. It gives way to
other processes: clients have machines of their own, and what is measured beside them is the relay.
"""

import json
import os
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

THREADS = 4

BAD = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 4000, b"GET / HTTP/9.9\r\n\r\n", b"A" * 9000, b"GET /" + b"%" * 3000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + b"0-0," * 1900 + b"0-0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + b"0-," * 2500 + b"0-\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: " + b"a/b;q=0.1," * 700 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1300 + b"\r\n",
    b"POST /pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /pause HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    b"POST /pause HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=\r\nContent-Length: 5\r\n\r\n-----",
    b"GET /status?" + b"a=b&" * 1900 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /pause HTTP/1.1\r\nHost: localhost\r\nBottledwater-From-Owner: yes\r\n\r\n",
]

VALID = [
    b"GET /livez HTTP/1.1\r\nHost: localhost:9187\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /status?a=b&c=%20 HTTP/1.1\r\nHost: [::1]:9187\r\nConnection: keep-alive\r\nRange: bytes=0-99\r\n\r\n",
    b"POST /pause?side=capture HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\nContent-Length: 0\r\n\r\n",
    b"POST /resnapshot?table=public.orders&table=sales.* HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nside=publish",
]


def damaged(request: bytes, chance: random.Random) -> bytes:
    """The request after one to four of the things that can happen to bytes."""
    for _ in range(chance.randint(1, 4)):
        begin, end = sorted(chance.randint(0, len(request)) for _ in range(2))
        part = request[begin:end]
        request = request[:begin] + chance.choice([
            lambda: b"",
            lambda: part * 2,
            lambda: part + chance.randbytes(chance.randint(1, 20)),
            lambda: bytes(byte ^ (1 << chance.randint(0, 7)) for byte in part[:3]) + part[3:],
            lambda: part.swapcase(),
            lambda: part.replace(b"\r\n", b"\n"),
            lambda: part + b"\r\n" + part,
            lambda: part + chance.choice([b"%", b"%00", b"\x00", b"\xff\xfe", b":", b"=", b"&", b" ", b"99999999999", b"-1"]),
            lambda: part[::-1],
        ])() + request[end:]
    return request[:20_000]


def bad_requests(count: int, seed: int) -> list[bytes]:
    """Of the known ones, each comes many times: one in ten."""
    chance = random.Random(seed)
    return [BAD[number // 10 % len(BAD)] if number % 10 == 0 else damaged(chance.choice(VALID), chance) for number in range(count)]


def ask_raw(address: str, request: bytes, timeout: float = 10) -> bytes:
    """All that comes back until the server ends the connection; nothing where it is cut off. Raises when it is refused, or
    goes on for longer than `timeout`."""
    host, port = address.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except TimeoutError:
            raise
        except OSError:  # Reset, because we sent more than is read.
            pass
    return answer


def how_it_ended(address: str, request: bytes) -> str:
    """ "200", "closed", or the name of an error."""
    try:
        answer = ask_raw(address, request)
    except OSError as error:
        return type(error).__name__
    if answer.startswith(b"HTTP/1.1 100 "):
        answer = answer.partition(b"\r\n\r\n")[2]
    return answer[9:12].decode() if answer.startswith(b"HTTP/1.1 ") else "closed" if not answer else "not HTTP"


class Attack:
    """Sends bad requests in a process of its own from construction on."""

    def __init__(self, address: str, requests: int, seed: int):
        self._process = subprocess.Popen([sys.executable, __file__, address, str(requests), str(seed)], stdout=subprocess.PIPE)

    def result(self, timeout: float) -> Counter[str]:
        """How many requests ended how."""
        try:
            printed, _ = self._process.communicate(timeout=timeout)
        finally:
            self._process.kill()
            self._process.wait()
        return Counter(json.loads(printed))


class SlowClients:
    """So many connections at a time that send a request a byte each 200 ms, from construction to close()."""

    def __init__(self, address: str, count: int):
        self.served = 0  # How many of them the server has ended.
        self._address = address
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        host, port = self._address.split(":")
        while not self._stopping.is_set():
            try:
                with socket.create_connection((host, int(port)), timeout=10) as connection:
                    for byte in VALID[0] * 10:
                        if self._stopping.wait(0.2):
                            return
                        connection.sendall(bytes([byte]))
            except OSError:
                self.served += 1


class SilentClients:
    """So many connections at a time that send `first` and no more, from construction to close(). Those that the server ends
    are made again at once."""

    def __init__(self, address: str, count: int, first: bytes = b""):
        self.renewed = 0  # How many the server has ended.
        host, port = address.split(":")
        self._address = (host, int(port))
        self._first = first
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        for _ in range(count):
            self._connect()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _connect(self) -> None:
        connection = socket.create_connection(self._address, timeout=10)
        connection.sendall(self._first)
        self._selector.register(connection, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                self.renewed += 1
                try:
                    self._connect()
                except OSError:
                    pass


def main() -> None:
    address, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.nice(5)
    requests = bad_requests(count, seed)
    ends: list[Counter[str]] = [Counter() for _ in range(THREADS)]

    def send_each(first: int) -> None:
        for request in requests[first::THREADS]:
            ends[first][how_it_ended(address, request)] += 1

    threads = [threading.Thread(target=send_each, args=(first,)) for first in range(THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{count} bad requests (seed {seed}) in {time.monotonic() - began:.1f} s", file=sys.stderr)
    print(json.dumps(sum(ends, Counter())))


if __name__ == "__main__":
    main()
