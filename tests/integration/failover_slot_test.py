"""PostgreSQL 17 and later copy a slot that is marked for failover to the standbys; 18 is fetched for this test."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from harness import WITHOUT_FSYNC, Scene
from harness.remedies import change_behind_the_relays_back, every_message_is_there_once, published, topics_are_right
from harness.writer import Writer

from servers import PostgresServer, Servers
from servers.fetch import fetch_postgres
from servers.paths import NEWER_POSTGRES_VERSION

STANDBYS_SLOT = "standby"


class CopiedStandby(PostgresServer):
    """A cold copy: what was fetched has no pg_basebackup."""

    def __init__(self, folder: Path, primary: PostgresServer):
        self._primary = primary
        super().__init__(folder, {
            **WITHOUT_FSYNC, "primary_conninfo": primary.url("postgres"), "primary_slot_name": STANDBYS_SLOT,
            "hot_standby_feedback": "on", "sync_replication_slots": "on"},
            distribution=fetch_postgres(NEWER_POSTGRES_VERSION))

    def copy(self) -> None:
        """Of the primary, which is stopped."""
        self._init()

    def _fill_data(self) -> None:
        shutil.copytree(self._primary.data, self.data)
        for slot in (self.data / "pg_replslot").iterdir():
            shutil.rmtree(slot)  # As in base backups.
        (self.data / "standby.signal").touch()
        if self._user:
            for path in (self.data, *self.data.rglob("*")):
                shutil.chown(path, self._user, self._user)


@pytest.fixture
def pair(servers: Servers, tmp_path: Path) -> Iterator[tuple[Scene, PostgresServer, CopiedStandby]]:
    """A scene on the primary; and the standby, which has not run yet."""
    servers.bring_back()
    with Servers(postgres=False, brokers=0, registry=False) as own:
        primary = PostgresServer(own.folder / "primary", {**WITHOUT_FSYNC, "synchronized_standby_slots": STANDBYS_SLOT},
                                 distribution=fetch_postgres(NEWER_POSTGRES_VERSION))
        standby = CopiedStandby(own.folder / "standby", primary)
        primary.restart()
        scene = Scene(SimpleNamespace(postgres=primary, kafka=servers.kafka, registry=servers.registry), tmp_path)
        try:
            yield scene, primary, standby
        finally:
            print(scene.report(), primary.process.log_tail(), standby.process.log_tail(), sep="\n")  # For a test that failed.
            for relay in scene.relays:
                relay.kill9()
            scene.connection.close()
            standby.stop()
            primary.stop()


def follow_primary(scene: Scene, primary: PostgresServer, standby: CopiedStandby) -> None:
    """The relay's slot is marked, and the standby runs."""
    scene.query("SELECT pg_create_physical_replication_slot(%s, true)", [STANDBYS_SLOT])
    url = scene.url() + "?replication=database"
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as marking:
        marking.execute(f"ALTER_REPLICATION_SLOT {scene.slot} ( FAILOVER true )")
    scene.connection.close()
    primary.stop()
    standby.copy()
    primary.restart()
    standby.restart()  # When the primary answers: else PostgreSQL tries to copy slots again only after a minute.
    scene.reconnect()


def wait_for_slot(scene: Scene, standby: CopiedStandby) -> None:
    """Until the relay has moved it beyond the copy, and PostgreSQL has brought it to the standby."""
    with psycopg.connect(standby.url(scene.name), autocommit=True) as asking:
        has_slot = "SELECT synced AND NOT temporary FROM pg_replication_slots WHERE slot_name = %s"
        scene.wait_until(lambda: wrote(scene) and asking.execute(has_slot, [scene.slot]).fetchone() == (True,), 60,
                         "the slot to be on the standby")


def wrote(scene: Scene) -> bool:
    """The slot can only follow where WAL is written."""
    scene.execute("SELECT pg_log_standby_snapshot()")
    return True


def test_relay_goes_on_from_a_standby_to_which_postgresql_has_copied_the_slot(pair):
    scene, primary, standby = pair
    published(scene).stop()  # Marking takes a slot that nobody uses.
    follow_primary(scene, primary, standby)
    relay = scene.running_relay()
    wait_for_slot(scene, standby)
    change_behind_the_relays_back(scene, with_truncate=False)
    scene.settle()
    relay.stop()
    scene.execute("INSERT INTO items VALUES (12, 'committed while no relay ran')")
    has_all(scene, standby)
    scene.connection.close()
    primary.kill9()
    promote(scene, standby)
    scene.execute("INSERT INTO items VALUES (13, 'on the new primary')")
    scene.running_relay()
    topics_are_right(scene)
    every_message_is_there_once(scene)


def test_relay_that_knows_both_addresses_goes_on_by_itself_and_is_never_ahead_of_the_standby(pair):
    """The primary is lost under load: synchronized_standby_slots has sent the relay nothing that the standby lacks."""
    scene, primary, standby = pair
    published(scene).stop()
    follow_primary(scene, primary, standby)
    addresses = f":{primary.port},127.0.0.1:{standby.port}/"
    both = scene.url().replace(f":{primary.port}/", addresses) + "?target_session_attrs=primary"
    relay = scene.running_relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": both})
    wait_for_slot(scene, standby)
    with pytest.raises(psycopg.OperationalError), Writer(scene.url(), "INSERT INTO items VALUES (1000 + {n}, 'new')") as writer:
        writer.wait_for(300)
        scene.connection.close()
        primary.kill9()
    promote(scene, standby)
    scene.execute("INSERT INTO items VALUES (13, 'on the new primary')")
    topics_are_right(scene)
    every_message_is_there_once(scene)
    assert relay.is_running() and len(scene.query("SELECT FROM items")) > 300


def promote(scene: Scene, standby: PostgresServer) -> None:
    with psycopg.connect(standby.url(scene.name), autocommit=True) as promoting:
        assert promoting.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)
    scene.servers.postgres = standby
    scene.reconnect()


def has_all(scene: Scene, standby: PostgresServer) -> None:
    [(end,)] = scene.query("SELECT pg_current_wal_lsn()")
    with psycopg.connect(standby.url(scene.name), autocommit=True) as asking:
        scene.wait_until(lambda: asking.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]).fetchone() == (True,),
                         30, "the standby to have everything")
