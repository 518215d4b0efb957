"""A Kafka request that is lost on its way, repeated by the client, and then arrives after all, in the next transaction.

This is KAFKA-17754: librdkafka repeats an EndTxn silently after a lost connection; the first one, late, ends the next
transaction of the same epoch. What a network does by itself in bad hours, the proxy does here on demand.
"""

import asyncio
import struct
from collections import Counter
from typing import Optional

from servers.proxy import Connection, Proxy

PRODUCE, END_TXN = 0, 26
HEADER = struct.Struct(">hhi")  # API key, version, correlation id: the start of every request.
LATE_S_MAX = 5  # It is delivered then, also when nothing is produced any more.


class LateRequests:
    """The pump for the clients' bytes of all brokers' proxies. One request is late at a time."""

    def __init__(self, produces_between: int = 2):
        self.answers: Counter[int] = Counter()  # Error codes of the brokers' answers to what came late.
        self.taken = 0
        self._wanted: Optional[int] = None
        self._produces_between = produces_between
        self._frame: Optional[bytes] = None
        self._produces = 0
        self._delivered: Optional[asyncio.Event] = None

    def take_next(self, api_key: int, produces_between: int) -> None:
        """The next request of that kind goes astray, until so many Produce requests have passed."""
        self._produces_between = produces_between
        self._wanted = api_key

    @property
    def is_idle(self) -> bool:
        return self._wanted is None and self._frame is None

    async def __call__(self, connection: Connection) -> None:
        """Carries whole requests from client to server."""
        while True:
            frame = await read_frame(connection.client_reader)
            await connection.proxy.passage()
            if frame is None:
                return
            api_key = HEADER.unpack_from(frame, 4)[0]
            if self._wanted == api_key and self._frame is None:
                self._take(frame, connection.proxy)
                return  # And the connection is reset with its answer outstanding.
            connection.server_writer.write(frame)
            await connection.server_writer.drain()
            self._see(api_key)

    def _take(self, frame: bytes, proxy: Proxy) -> None:
        self._wanted = None
        self._frame = frame
        self._produces = 0
        self.taken += 1
        self._delivered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._delivery = asyncio.ensure_future(self._deliver_later(proxy.target_port))

    def _see(self, api_key: int) -> None:
        """May run on another proxy's loop: each has its own thread."""
        if self._frame is not None and api_key == PRODUCE:
            self._produces += 1
            if self._produces >= self._produces_between:
                self._loop.call_soon_threadsafe(self._delivered.set)

    async def _deliver_later(self, port: int) -> None:
        try:
            await asyncio.wait_for(self._delivered.wait(), LATE_S_MAX)
        except asyncio.TimeoutError:
            pass
        try:
            self.answers[await asyncio.wait_for(_request(port, self._frame), 10)] += 1
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            self.answers[-1] += 1
        finally:
            self._frame = None


async def read_frame(reader: asyncio.StreamReader) -> Optional[bytes]:
    """A whole request, or None at the end."""
    try:
        length = await reader.readexactly(4)
        return length + await reader.readexactly(struct.unpack(">i", length)[0])
    except asyncio.IncompleteReadError:
        return None


async def _request(port: int, frame: bytes) -> int:
    """Sends the request on a connection of its own; the error code of the answer, where it has one we know how to find."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(frame)
        await writer.drain()
        answer = await read_frame(reader)
        if answer is None:
            return -1
        # An EndTxn answer: length, correlation id, throttle time, error code. Of others only that there was one.
        return struct.unpack_from(">h", answer, 12)[0] if HEADER.unpack_from(frame, 4)[0] == END_TXN else 0
    finally:
        writer.close()
