"""A database is set back to a cold copy of its files: same system identifier, same timeline. Nothing is missed silently.

When the copy's WAL has grown past what was captured, no LSN tells. The server must then prove that it still has the
newest captured transaction; and where it has it, nothing halts.
"""

import contextlib
import random
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Scene, own_postgres, since
from harness.poison import make_poison_type
from harness.remedies import follow, halt_of, halt_told, published, rows, topics_are_right, view
from harness.writer import Writer

from servers import PostgresServer, Relay, Servers, free_port

WENT_BACK = 85
IDLE_WAL = "SELECT pg_logical_emit_message(false, 'nobody', repeat('x', 200000))"


@dataclass
class Copied:
    """A scene on a server whose files can be copied and put back."""

    scene: Scene
    server: PostgresServer
    copy: Path

    def make_copy(self) -> None:
        self.scene.connection.close()
        self.server.stop()
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.server.data), str(self.copy)], check=True)
        self.server.restart()
        self.scene.reconnect()

    def put_copy_back(self, past: str, growth: str) -> None:
        """And lets its WAL grow past this LSN, where no relay sees it yet."""
        self.scene.connection.close()
        self.server.stop()
        shutil.rmtree(self.server.data)
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.copy), str(self.server.data)], check=True)
        port = self.server.port
        self._serve_at(free_port())
        self.grow(past, growth)
        self.scene.connection.close()
        self.server.stop()
        self._serve_at(port)

    def grow(self, past: str, growth: str) -> None:
        while self.scene.query("SELECT pg_current_wal_lsn() <= %s::pg_lsn + 65536", [past]) == [(True,)]:
            self.scene.execute(growth)

    def wal_end(self) -> str:
        [(end,)] = self.scene.query("SELECT pg_current_wal_insert_lsn()")
        return end

    def _serve_at(self, port: int) -> None:
        self.server.port = port
        self.server.configure(port=str(port))
        self.server.restart()
        self.scene.reconnect()


def published_and_copied(copied: Copied) -> Relay:
    relay = published(copied.scene)
    copied.make_copy()
    relay.wait_streaming()
    return relay


def insert_32(scene: Scene, what: str) -> None:
    for number in range(32):
        scene.execute("INSERT INTO items VALUES (%s, %s)", [1000 + number, what])


@pytest.fixture
def copied(servers: Servers, tmp_path, request) -> Iterator[Copied]:
    with own_postgres(servers, tmp_path, request, {"wal_sender_timeout": "9s"}) as own:  # A status every 3 s.
        yield Copied(own.scene, own.server, own.folder / "copy")


MANY_ROWS = """INSERT INTO items SELECT (SELECT max(id) FROM items) + n, (
                 SELECT string_agg(md5((n * 100 + m)::text), '') FROM generate_series(1, 50) m) FROM generate_series(1, 100) n"""
GROWTH = {
    "transactions": MANY_ROWS,
    "WAL without transactions": IDLE_WAL,
}


# --- It lacks what was captured ----------------------------------------------------------------------


@pytest.mark.parametrize("growth", GROWTH)
@pytest.mark.parametrize("confirmed", ["what was published", "nothing of it"])
def test_copy_that_lacks_captured_transactions_halts(copied: Copied, growth: str, confirmed: str):
    scene = copied.scene
    relay = published_and_copied(copied)
    if confirmed == "nothing of it":
        scene.settle()
        scene.servers.kafka.stop()
    insert_32(scene, "lost")
    captured_up_to(scene, relay, copied.wal_end())
    relay.stop()
    end = copied.wal_end()
    copied.put_copy_back(past=end, growth=GROWTH[growth])
    slot = slot_of(scene)
    if not scene.servers.kafka.is_running():
        scene.servers.kafka.restart()
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")
    assert slot_of(scene) == slot, "a halt changes nothing"
    assert halt_of(scene.relay()).word == "database-went-back", "also when it is started again"
    follow(scene, halt.remedy("bottledwater resnapshot"))
    topics_are_right(scene)
    assert not set(range(1000, 1032)) & set(view(scene, "items")) or growth == "transactions"


def test_copy_that_lacks_captured_transactions_halts_also_when_the_spool_is_lost(copied: Copied):
    scene = copied.scene
    relay = published_and_copied(copied)
    insert_32(scene, "lost")
    scene.settle()
    relay.stop()
    shutil.rmtree(scene.folder / "spool")
    copied.put_copy_back(past=copied.wal_end(), growth=GROWTH["transactions"])
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")


def test_relay_that_runs_meanwhile_ends(copied: Copied):
    scene = copied.scene
    relay = published_and_copied(copied)
    insert_32(scene, "lost")
    scene.settle()
    copied.put_copy_back(past=copied.wal_end(), growth=GROWTH["transactions"])
    halt = halt_told(relay, relay.exit_code(60))
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")


def test_look_at_the_server_and_the_stream_are_one_connection(copied: Copied, tmp_path):
    """A virtual address leads the first connection to the right server, and from the next on to a copy that has grown: what was
    looked at is what is streamed from, and a new connection is looked at anew."""
    scene = copied.scene
    relay = published_and_copied(copied)
    insert_32(scene, "captured")
    scene.settle()
    relay.stop()
    end = copied.wal_end()
    with ExitStack() as stack:
        other = PostgresServer(copied.server.folder.parent / "other")
        other.folder.mkdir()
        shutil.chown(other.folder, "postgres", "postgres")
        subprocess.run(["cp", "-a", "--reflink=auto", str(copied.copy), str(other.data)], check=True)
        other.configure(port=str(other.port))
        other.start()
        stack.callback(other.stop)
        other.wait_ready()
        scene.connection.close()
        scene.servers.postgres = other
        scene.reconnect()
        copied.grow(end, GROWTH["transactions"])
        scene.connection.close()
        scene.servers.postgres = copied.server
        scene.reconnect()
        address = stack.enter_context(Detour(copied.server.port, other.port, first_elsewhere=2))
        url = scene.url().replace(f":{copied.server.port}/", f":{address.port}/")
        relay = scene.relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": url})
        relay.start()
        relay.wait_streaming()
        scene.execute("INSERT INTO items VALUES (1999, 'right server')")
        scene.settle()  # What was looked at is what is streamed from.
        address.cut()
        halt = halt_told(relay, relay.exit_code(60))
        assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")
    scene.running_relay()
    scene.execute("INSERT INTO items VALUES (2000, 'right server')")
    topics_are_right(scene)


# --- It has everything that was captured --------------------------------------------------------------


@pytest.mark.parametrize("relay_is", ["stopped", "running"])
def test_copy_that_has_everything_captured_goes_on_and_nothing_is_missed(copied: Copied, relay_is: str):
    """Also what it commits at LSNs that the relay has noted as idle WAL."""
    scene = copied.scene
    relay = published_and_copied(copied)
    scene.execute(IDLE_WAL)
    end = copied.wal_end()
    captured_up_to(scene, relay, end, "confirmed_flush_lsn")
    if relay_is == "stopped":
        relay.stop()
    copied.put_copy_back(past=end, growth=MANY_ROWS)
    if relay_is == "stopped":
        scene.running_relay()
    topics_are_right(scene)
    messages = scene.messages("items")
    assert len({message.position for message in messages}) == len(messages) == len(rows(scene, "items"))


# --- It is no copy at all: never a false halt ----------------------------------------------------------


def test_transaction_that_was_captured_and_not_confirmed_is_sent_again_and_known(copied: Copied):
    scene = copied.scene
    relay = published(scene, log_level="debug")
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO items SELECT id, 'spooled' FROM generate_series(100, 200) id")
    captured_up_to(scene, relay, copied.wal_end())
    proofs = 0
    for server, how in ((copied.server, "stop"), (copied.server, "kill9"), (relay, "kill9"), (relay, "stop")):
        if server is copied.server:
            scene.connection.close()
        getattr(server, how)()
        if server is copied.server:
            server.restart()
            scene.reconnect()
            proofs += 1
        else:
            server.start()
            proofs = 1  # In its log of this start.
        scene.wait_until(lambda: relay.log_text().count("was sent again") >= proofs, 30, "the proof")
    scene.servers.kafka.restart()
    topics_are_right(scene)
    messages = scene.messages("items")
    assert len({message.position for message in messages}) == len(messages) == 10 + 101


@since(15, "a transaction without changes is sent all the same, and proves as much")
def test_other_publications_are_no_halt(copied: Copied):
    """By them the newest captured transaction is not sent again."""
    scene = copied.scene
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    scene.execute("CREATE PUBLICATION others FOR TABLE other, bw_marker")
    relay = published(scene)
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO items VALUES (100, 'not sent again')")
    captured_up_to(scene, relay, copied.wal_end())
    relay.stop()
    scene.execute("INSERT INTO other VALUES (1)")
    relay = scene.running_relay(publication="others")
    relay.wait_for_log("could not be checked")
    scene.servers.kafka.restart()
    assert [message.key["id"] for message in scene.messages("other")] == [1]
    assert 100 in view(scene, "items")


def test_kills_of_both_never_halt(copied: Copied):
    scene = copied.scene
    relay = published(scene, max_wal_retained="1MiB")
    chance = random.Random(9)
    written = 0
    for _ in range(8):
        with Writer(scene.url(), "INSERT INTO items VALUES (1000 + %d + {n}, 'x')" % written) as writer:
            writer.wait_for(chance.randint(10, 150))
        written += writer.written
        scene.connection.close()
        if chance.random() < 0.6:
            chance.choice([copied.server.kill9, copied.server.stop])()
            copied.server.restart()
        if chance.random() < 0.7:
            relay.kill9()
            relay.start()
        scene.reconnect()
        assert relay.is_running(), relay.log_tail()
    ids = [message.key["id"] for message in scene.messages("items")]
    assert ids == [*range(1, 11), *range(1001, 1001 + written)]


# --- Helpers -------------------------------------------------------------------------------------------


def slot_of(scene: Scene) -> list[tuple]:
    return scene.query("SELECT confirmed_flush_lsn, restart_lsn FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])


def captured_up_to(scene: Scene, relay: Relay, end: str, by: str = "write_lsn") -> None:
    """The relay says so in its status messages, or (`confirmed_flush_lsn`) has confirmed it."""
    scene.wait_until(lambda: scene.query(
        f"SELECT {by} >= %s::pg_lsn FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid "
        "WHERE slot_name = %s", [end, scene.slot]) == [(True,)], 60, f"the relay to have everything up to {end}")
    assert relay.is_running()


class Detour:
    """A port that leads the first connections to one server, and those from `first_elsewhere` on to another."""

    def __init__(self, port: int, elsewhere: int, first_elsewhere: int):
        self.connections = 0
        self._open: list[socket.socket] = []
        self.port = free_port()
        self._ports = (port, elsewhere, first_elsewhere)
        self._listener = socket.create_server(("127.0.0.1", self.port))

    def __enter__(self) -> "Detour":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._listener.close()

    def _accept(self) -> None:
        port, elsewhere, first_elsewhere = self._ports
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", elsewhere if self.connections >= first_elsewhere else port))
            self._open += [client, server]
            threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()

    def cut(self) -> None:
        """Ends what is connected now."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Both ways, until one of them ends."""
    others = {client: server, server: client}
    with client, server, contextlib.suppress(OSError):
        while True:
            for source in select.select(list(others), [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                others[source].sendall(data)


@pytest.mark.parametrize("has_newest", [True, False])
def test_copy_from_before_a_skipped_transaction_is_not_believed(copied: Copied, has_newest: bool):
    """What it commits below the skipped LSN is captured; without the newest captured transaction it halts."""
    scene = copied.scene
    make_poison_type(scene.connection)
    scene.execute("CREATE TABLE poisoned (id int PRIMARY KEY, p poison)")
    relay = published_and_copied(copied)
    if not has_newest:
        scene.execute("INSERT INTO items VALUES (1000, 'lost')")
        scene.settle()
    for _ in range(5):
        scene.execute(IDLE_WAL)
    scene.execute("INSERT INTO poisoned VALUES (1, '0')")
    lsn = relay.wait_for_log("PostgreSQL has failed 3 times at transaction ([0-9A-F/]+): ", timeout=60)[1]
    relay.stop()
    relay = scene.running_relay(skip_transaction=lsn)
    relay.wait_for_log(r"is skipped, its changes[^\0]*Streaming changes")  # The slot is moved.
    relay.stop()
    copied.put_copy_back(copied.wal_end(), MANY_ROWS)
    if has_newest:
        scene.running_relay()
        topics_are_right(scene)
    else:
        assert halt_of(scene.relay()).code == WENT_BACK
