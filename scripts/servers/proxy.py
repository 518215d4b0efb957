"""A TCP proxy on the loopback address that can cut, delay, freeze and half-open the connections through it.

It runs on an asyncio loop in a thread of its own; what the methods ask for has happened when they return.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Optional

from .process import free_port

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset.

# Looks at the client's bytes on their way: reads from the client, writes to the server, until the end.
ClientPump = Callable[["Connection"], Awaitable[None]]


class Connection:
    def __init__(self, proxy: "Proxy", client: tuple, server: tuple):
        self.proxy = proxy
        self.client_reader, self.client_writer = client
        self.server_reader, self.server_writer = server
        self.ending = False  # Set by Proxy.break_off: the next bytes are the last.

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes of one direction, until its end."""
        while True:
            data = await reader.read(CHUNK)
            await self.proxy.passage(len(data))
            if not data:
                return
            if self.ending:
                writer.write(data[:len(data) // 2])
                return
            writer.write(data)
            await writer.drain()

    async def run(self, pump: Optional[ClientPump]) -> None:
        to_server = pump(self) if pump else self.carry(self.client_reader, self.server_writer)
        ways = [asyncio.ensure_future(to_server),
                asyncio.ensure_future(self.carry(self.server_reader, self.client_writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        if self.ending:
            await asyncio.gather(_end(self.client_reader, self.client_writer), _end(self.server_reader, self.server_writer))

    def reset(self) -> None:
        _reset(self.client_writer)
        _reset(self.server_writer)

    def reset_server_half(self) -> None:
        """The client's half stays: open, and silent for ever."""
        _reset(self.server_writer)


class Proxy:
    """One port of ours that leads to a server's. `port` is what clients are told."""

    def __init__(self, target_port: int, port: Optional[int] = None, client_pump: Optional[ClientPump] = None):
        self.target_port = target_port
        self._host = "127.0.0.1"
        self.port = port or free_port()
        self.client_pump = client_pump
        self.delay_s = 0.0
        self.bytes_per_s: Optional[float] = None
        self._refusing = False
        self._connections: dict[asyncio.Task, Connection] = {}
        self._deserted: list[Connection] = []  # Half-open ones, kept so that nobody closes them.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Resets every connection; new ones get through."""
        self._call(self._cut())

    def break_off(self) -> None:
        """Ends every connection without a word (FIN) in the middle of the next bytes, which of TLS is within a record."""
        self._call(self._break_off())

    def refuse(self) -> None:
        """Resets every connection, and new ones too, until `heal`."""
        self._refusing = True
        self.cut()

    def move(self, host: str) -> None:
        """Resets every connection; from now on the port is that of another loopback address."""
        self._call(self._move(host))

    def freeze(self) -> None:
        """A black hole: connections stay and new ones are accepted, but nothing passes until `heal`."""
        self._call(self._set_open(False))

    def half_open(self) -> None:
        """The servers' halves of all connections are reset, and the clients never hear of it. New ones get through."""
        self._call(self._desert())

    def heal(self) -> None:
        self._refusing = False
        self.delay_s = 0.0
        self._call(self._set_open(True))

    def call(self, coroutine: Any) -> Any:
        """Runs something on the proxy's loop and waits for it."""
        return self._call(coroutine)

    async def passage(self, size: int = 0) -> None:
        """Returns when so many bytes may pass."""
        if self.bytes_per_s:
            await asyncio.sleep(size / self.bytes_per_s)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._open.wait()

    def _call(self, coroutine: Any) -> Any:
        future: Future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(30)

    async def _listen(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        await self._serve()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, self._host, self.port)

    async def _move(self, host: str) -> None:
        self._server.close()
        await self._cut()
        self._host = host
        await self._serve()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            return _reset(writer)
        await self._open.wait()
        try:
            server = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:  # The server is away: then so are we.
            return _reset(writer)
        task = asyncio.current_task()
        connection = self._connections[task] = Connection(self, (reader, writer), server)
        try:
            await connection.run(self.client_pump)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            if self._connections.pop(task, None):  # Else it is deserted.
                connection.reset()

    async def _cut(self) -> None:
        for connection in [*self._connections.values(), *self._deserted]:
            connection.reset()
        self._deserted.clear()
        await self._end_tasks()

    async def _break_off(self) -> None:
        for connection in self._connections.values():
            connection.ending = True

    async def _desert(self) -> None:
        deserted = list(self._connections.values())
        tasks = list(self._connections)
        self._connections.clear()
        self._deserted += deserted
        for task in tasks:
            task.cancel()
        for connection in deserted:
            connection.reset_server_half()

    async def _end_tasks(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _set_open(self, is_open: bool) -> None:
        if is_open:
            self._open.set()
        else:
            self._open.clear()

    async def _close(self) -> None:
        self._server.close()
        self._refusing = True
        self._open.set()
        await self._cut()


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends FIN and waits for the other side's, however long that takes: a close with unread bytes would be a reset."""
    writer.write_eof()
    while await reader.read(CHUNK):
        pass


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
