"""A standby is promoted: with all that was captured, with less, or without the slot. The relay goes on, or says why not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import WITHOUT_FSYNC, Scene, own_postgres, since
from harness.remedies import Halt, checkpoints, follow, halt_of, halt_told, published, rows, topics_are_right, view
from harness.writer import Writer

from servers import PostgresServer, PostgresStandby, Servers

pytestmark = since(12, "a standby has a recovery.conf")
SLOT, WENT_BACK = 81, 85
WRITE = "INSERT INTO items VALUES (1000 + {n}, 'new'); UPDATE items SET text = '{n}' WHERE id = 1"
LSN = r"([0-9A-F]+/[0-9A-F]+)"


@dataclass
class Cluster:
    """A primary, a standby of it that is not up yet, and a scene that stands on whichever serves."""

    scene: Scene
    primary: PostgresServer
    standby: PostgresStandby
    written: int = 0  # So many of WRITE are committed on the server that serves.

    def write(self, count: int) -> None:
        for _ in range(count):
            self.scene.execute(WRITE.format(n=self.written + 1))
            self.written += 1

    def start_standby_under_load(self, with_slot: bool = True) -> None:
        """Its base backup is taken, and its slot copied, while transactions commit and the relay captures them."""
        with Writer(self.scene.url(), WRITE) as writer:
            writer.wait_for(30)
            self.standby.restart()
            writer.wait_for(writer.written + 30)
            if with_slot:
                self._wait_for_slot()
                self.standby.stop()
                self.standby.carry_slot_over(self.scene.slot)
                self.standby.restart()
                writer.wait_for(writer.written + 30)
        self.written = writer.written

    def wait_for_standby(self) -> None:
        """Returns when it has all that the primary has."""
        [(end,)] = self.scene.query("SELECT pg_current_wal_lsn()")
        with self._connect_standby() as connection:
            behind = "SELECT coalesce(pg_last_wal_replay_lsn() < %s::pg_lsn, true)"
            self.scene.wait_until(lambda: connection.execute(behind, [end]).fetchone() == (False,), 30,
                                  "the standby to have everything")

    def lose_primary(self) -> None:
        self.scene.connection.close()
        self.primary.kill9()

    def promote_standby(self) -> None:
        with self._connect_standby() as connection:
            assert connection.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)
        self.turn_to(self.standby)

    def turn_to(self, server: PostgresServer) -> None:
        """From here on, this is the scene's PostgreSQL."""
        self.scene.servers.postgres = server
        self.scene.reconnect()

    def switch_point(self) -> str:
        """Where the standby left the primary's timeline, as its history file says."""
        [line] = (self.standby.data / "pg_wal" / "00000002.history").read_text().splitlines()
        return line.split("\t")[1]

    def _wait_for_slot(self) -> None:
        """Until it needs no WAL of before the base backup, which the standby does not have."""
        [(now,)] = self.scene.query("SELECT pg_current_wal_lsn()")
        enough = "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
        self.scene.wait_until(lambda: self._checkpoint() and self.scene.query(enough, [now, self.scene.slot]) == [(True,)],
                              30, "the slot to follow")
        self._checkpoint()

    def _checkpoint(self) -> bool:
        """Tells logical decoding what runs, so that slots can follow, and writes them to the disk."""
        self.scene.execute("CHECKPOINT")
        return True

    def _connect_standby(self):
        serving = self.scene.servers.postgres
        self.scene.servers.postgres = self.standby
        try:
            return self.scene.connect()
        finally:
            self.scene.servers.postgres = serving


@pytest.fixture
def cluster(servers: Servers, tmp_path, request) -> Iterator[Cluster]:
    with own_postgres(servers, tmp_path, request) as own:
        standby = PostgresStandby(own.folder / "standby", own.server, {**WITHOUT_FSYNC, "log_connections": "on"})
        try:
            yield Cluster(own.scene, own.server, standby)
        finally:
            standby.stop()


# --- It has everything ----------------------------------------------------------------------------


def test_standby_that_has_everything_is_streamed_from(cluster: Cluster):
    """What was committed before, while nobody listened, on the old server and on the new one, and after: each once."""
    relay = published(cluster.scene)
    cluster.start_standby_under_load()
    relay.stop()
    cluster.write(10)
    cluster.wait_for_standby()
    cluster.lose_primary()
    cluster.promote_standby()
    cluster.write(10)
    cluster.scene.running_relay()
    cluster.write(10)
    every_change_is_there_once(cluster)
    goes_on_on_the_new_timeline(cluster)


def test_standby_is_waited_for_until_it_is_promoted(cluster: Cluster):
    relay = published(cluster.scene)
    cluster.start_standby_under_load()
    relay.stop()
    cluster.write(10)
    cluster.wait_for_standby()
    cluster.lose_primary()
    cluster.scene.servers.postgres = cluster.standby
    relay = cluster.scene.relay()
    relay.start()
    relay.wait_for_log("waiting for its promotion")
    cluster.promote_standby()
    relay.wait_streaming()
    cluster.write(10)
    every_change_is_there_once(cluster)
    goes_on_on_the_new_timeline(cluster)


def test_relay_that_runs_through_the_failover_goes_on(cluster: Cluster):
    """The standby takes over the primary's address, as with a virtual one: nobody tells the relay."""
    relay = published(cluster.scene)
    cluster.start_standby_under_load()
    cluster.wait_for_standby()
    cluster.lose_primary()
    cluster.standby.stop()
    cluster.standby.move_to(cluster.primary.port)
    cluster.standby.restart()
    asked = r"connection authorized: user=\w+ application_name=bottledwater"  # A replication connection's line has no database.
    cluster.scene.wait_until(lambda: re.search(asked, cluster.standby.process.log_text()), 30, "the relay to find the standby")
    cluster.promote_standby()
    cluster.write(10)
    every_change_is_there_once(cluster)
    relay.stop()
    goes_on_on_the_new_timeline(cluster)


# --- It has less ----------------------------------------------------------------------------------


def left_behind(cluster: Cluster) -> None:
    """The standby ends, and the relay captures and publishes what only the primary has."""
    cluster.start_standby_under_load()
    cluster.wait_for_standby()
    cluster.standby.stop()
    cluster.scene.execute("INSERT INTO items SELECT id, 'lost' FROM generate_series(100, 900) id")
    cluster.scene.settle()


@pytest.mark.parametrize("its_wal", ["ends before", "is longer"])
def test_standby_that_has_less_halts_until_a_person_decides(cluster: Cluster, its_wal: str):
    scene = cluster.scene
    published(scene)
    left_behind(cluster)
    scene.relays[-1].stop()
    cluster.lose_primary()
    cluster.standby.restart()
    cluster.promote_standby()
    if its_wal == "is longer":
        scene.execute("INSERT INTO items SELECT id, repeat('x', 100) FROM generate_series(5000, 9000) id")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")
    names_what_is_lost(cluster, halt, its_wal)
    # The first remedy: the right server, after all, is the old primary.
    assert halt.remedies[0].command.startswith("--postgres=")
    cluster.primary.restart()
    cluster.turn_to(cluster.primary)
    scene.running_relay()
    cluster.write(10)
    every_change_is_there_once(cluster, lost=range(100, 901))
    scene.relays[-1].stop()
    cluster.primary.kill9()
    # The second: its changes are given up.
    cluster.turn_to(cluster.standby)
    follow(scene, halt_of(scene.relay()).remedy("bottledwater resnapshot"))
    topics_are_right(scene)
    assert not set(range(100, 901)) & set(view(scene, "items"))


def test_relay_that_runs_through_a_failover_that_lost_changes_ends(cluster: Cluster):
    scene = cluster.scene
    relay = published(scene)
    left_behind(cluster)
    cluster.lose_primary()
    cluster.standby.move_to(cluster.primary.port)
    cluster.standby.restart()
    cluster.promote_standby()
    halt = halt_told(relay, relay.exit_code(60))
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")
    names_what_is_lost(cluster, halt, "ends before")
    follow(scene, halt.remedy("bottledwater resnapshot"))
    cluster.write(10)
    topics_are_right(scene)


# --- It has no slot -------------------------------------------------------------------------------


def test_standby_without_the_slot_halts_until_the_snapshot_is_taken_again(cluster: Cluster):
    scene = cluster.scene
    relay = published(scene)
    cluster.start_standby_under_load(with_slot=False)
    relay.stop()
    cluster.wait_for_standby()
    cluster.lose_primary()
    cluster.promote_standby()
    scene.execute("DELETE FROM items WHERE id <= 3")  # Which no slot has seen.
    scene.execute("TRUNCATE emptied")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (SLOT, "slot-missing")
    assert scene.slots() == []
    follow(scene, halt.remedy("bottledwater resnapshot"))
    scene.execute("DELETE FROM items WHERE id = 4")
    topics_are_right(scene)
    assert 1 not in view(scene, "items") and view(scene, "emptied") == {}


def test_standby_without_the_wal_that_the_slot_needs_is_left_for_a_new_snapshot(cluster: Cluster):
    """Its slot was carried over, but it was made when that slot still needed older WAL."""
    scene = cluster.scene
    published(scene).stop()
    cluster.write(10)
    cluster.standby.restart()
    cluster.standby.stop()
    cluster.standby.carry_slot_over(scene.slot)
    cluster.standby.restart()
    cluster.wait_for_standby()
    cluster.lose_primary()
    cluster.promote_standby()
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (SLOT, "slot-invalidated")
    follow(scene, halt.remedy("bottledwater resnapshot"))
    cluster.write(10)
    topics_are_right(scene)


# --- What must hold -------------------------------------------------------------------------------


def every_change_is_there_once(cluster: Cluster, lost: range = range(0)) -> None:
    """In the order of the commits. `lost` are rows that were inserted by one more transaction, somewhere among them."""
    messages = cluster.scene.messages("items")
    assert sorted(message.key["id"] for message in messages if message.op == "r") == list(range(1, 11))
    streamed = [(message.op, message.key["id"], message.value["text"]) for message in messages if message.op != "r"]
    assert [change for change in streamed if change[2] == "lost"] == [("c", number, "lost") for number in lost]
    assert [change for change in streamed if change[2] != "lost"] == [
        change for n in range(1, cluster.written + 1) for change in (("c", 1000 + n, "new"), ("u", 1, str(n)))]
    positions = [message.position for message in messages]
    assert positions == sorted(set(positions))
    assert view(cluster.scene, "items") == rows(cluster.scene, "items")


def goes_on_on_the_new_timeline(cluster: Cluster) -> None:
    """Also when it starts once more."""
    scene = cluster.scene
    scene.relays[-1].stop()
    relay = scene.running_relay()
    cluster.write(10)
    every_change_is_there_once(cluster)
    assert "timeline" not in relay.log_text()
    assert checkpoints(scene)[-1].value["source"]["timeline"] == 2


def names_what_is_lost(cluster: Cluster, halt: Halt, its_wal: str) -> None:
    """The message has where this server's WAL leaves the old one's, or ends, and up to where changes were captured."""
    if its_wal == "is longer":
        found = re.search(fr"branched off timeline 1 at {LSN}, but changes up to {LSN} were captured from timeline 1", halt.text)
    else:
        found = re.search(fr"WAL ends at {LSN}, but changes up to {LSN} were captured", halt.text)
    assert found, halt.text
    ends, captured = map(number_of, found.groups())
    if its_wal == "is longer":
        assert found.group(1) == cluster.switch_point()
    [lost] = {message.position[0] for message in cluster.scene.messages("items", settle=False)
              if message.value["text"] == "lost"}
    assert number_of(cluster.switch_point()) <= ends < lost < captured


def number_of(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)
