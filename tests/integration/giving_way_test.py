"""A re-read gives its snapshot up at once for a statement of others that waits for all older snapshots: who waited for
whom is judged by the lock watcher. The topics become what the tables are all the same."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from harness import Scene, in_pieces
from harness.role import make_publications_for_role, make_role, role_url

from chaos.drift.lock_watcher import LockWatcher, Wait
from servers import Proxy, Relay

WAIT_MAX_S = 0.1
ROWS = 20_000  # 40 MB, which take four seconds or more.
TABLES = ("big", "wide")  # One for each reader.
NOTICED_S = 6  # Until a re-read begins, and some more.
GIVEN_UP = "the snapshot is given up"

RELAY_WAITS_FOR_A_LOCK = """
SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND a.application_name = 'bottledwater' AND a.query LIKE '%LOCK TABLE%'
"""

INDEX = "CREATE INDEX CONCURRENTLY ON other (value)"
WAITING_FOR_SNAPSHOTS = [
    INDEX,
    "CREATE INDEX CONCURRENTLY ON big (id, value)",
    "REINDEX TABLE CONCURRENTLY other",
    "ALTER TABLE parts DETACH PARTITION low FINALIZE",
]


@pytest.fixture
def detour(scene: Scene) -> Iterator[Proxy]:
    proxy = Proxy(scene.servers.postgres.port)
    proxy.start()
    yield proxy
    proxy.stop()


def make_tables(scene: Scene) -> None:
    for table in TABLES:
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, value text)")
        scene.execute(f"INSERT INTO {table} SELECT n, repeat('{table}', 450) FROM generate_series(1, {ROWS}) n")
    scene.execute("CREATE TABLE other (id int PRIMARY KEY, value text)")
    scene.execute("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    scene.execute("CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100)")


def through(detour: Proxy, url: str) -> dict[str, str]:
    return {"BOTTLEDWATER_POSTGRES": url.replace(f":{detour.target_port}/", f":{detour.port}/")}


def slow_relay(scene: Scene, detour: Proxy, url: str) -> Relay:
    """Has captured everything, through a network that has become slow."""
    relay = scene.running_relay(environment=through(detour, url))
    scene.settle()
    detour.bytes_per_s = 5e6
    return relay


@pytest.fixture
def relay(scene: Scene, detour: Proxy) -> Relay:
    make_tables(scene)
    return slow_relay(scene, detour, scene.url())


def want_a_reread(scene: Scene) -> None:
    for table in TABLES:
        scene.execute(f"BEGIN; ALTER PUBLICATION {scene.slot} DROP TABLE {table}; "
                      f"UPDATE {table} SET value = 'missed' WHERE id <= 3; DELETE FROM {table} WHERE id = 10; "
                      f"ALTER PUBLICATION {scene.slot} ADD TABLE {table}; COMMIT")


def begin_to_detach(scene: Scene) -> None:
    """Which is left to be finalized."""
    with scene.connect() as reader, scene.connect() as somebody:
        reader.execute("BEGIN; LOCK TABLE parts IN ACCESS SHARE MODE")
        somebody.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            somebody.execute("ALTER TABLE parts DETACH PARTITION low CONCURRENTLY")


def is_reading(scene: Scene, timeout: float = 120) -> None:
    scene.wait_until(lambda: len(scene.query("SELECT FROM pg_stat_activity WHERE datname = current_database() "
                                             "AND application_name = 'bottledwater' AND query LIKE 'COPY%'")) == len(TABLES),
                     timeout, "both tables to be read")


def times_given_up(relay: Relay) -> int:
    return relay.log_text().count(GIVEN_UP)


@contextlib.contextmanager
def watched(scene: Scene) -> Iterator[list[Wait]]:
    """Gives what has waited for the relay for too long, when it is over."""
    watcher = LockWatcher(scene.url())
    watcher.start()
    late: list[Wait] = []
    try:
        scene.wait_until(lambda: watcher.looks or watcher.failure, 30, "the first look at who waits")
        yield late
    finally:
        watcher.stop()
        late += [wait for wait in watcher.waits if wait.seconds > WAIT_MAX_S]
        print("waited for the relay:", [str(wait) for wait in watcher.waits])


def topics_are_right(scene: Scene, detour: Proxy) -> None:
    """And every row is there as often as it was written or read: of what was given up nothing is there."""
    detour.bytes_per_s = None
    for table in TABLES:
        changes = scene.changes(table)
        kept: dict[int, dict] = {}
        for _, key, value in changes:
            kept[key["id"]] = value
        assert {id: row["value"] for id, row in kept.items() if row} == dict(scene.query(f"SELECT id, value FROM {table}"))
        # The first snapshot and one re-read.
        assert sum(op == "r" for op, _, _ in changes) == 2 * ROWS - 1


def gives_way_once_and_reads_later(scene: Scene, detour: Proxy, relay: Relay, done: str) -> None:
    is_reading(scene)
    with watched(scene) as late:
        scene.execute(INDEX)
    assert not late
    detour.bytes_per_s = None
    relay.wait_for_log(done, timeout=60)
    assert times_given_up(relay) == 1
    topics_are_right(scene, detour)


@pytest.mark.parametrize("statement", WAITING_FOR_SNAPSHOTS)
def test_a_reread_gives_way_to_who_waits_for_its_snapshot_and_is_done_later(
        scene: Scene, detour: Proxy, relay: Relay, statement: str):
    want_a_reread(scene)
    is_reading(scene)
    if "FINALIZE" in statement:
        begin_to_detach(scene)
    with watched(scene) as late:
        scene.execute(statement)
    assert not late
    relay.wait_for_log(GIVEN_UP)
    detour.bytes_per_s = None
    scene.execute("UPDATE big SET value = 'after' WHERE id = 5")
    relay.wait_for_log("[23] tables read again", timeout=60)  # One that was detached is a third.
    assert times_given_up(relay) == 1
    topics_are_right(scene, detour)


def test_a_role_that_does_not_see_what_others_wait_for_gives_way_too(scene: Scene, detour: Proxy):
    make_tables(scene)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    scene.execute(f"ALTER PUBLICATION {scene.slot} ADD TABLE ONLY big, ONLY wide")
    relay = slow_relay(scene, detour, role_url(scene))
    want_a_reread(scene)
    gives_way_once_and_reads_later(scene, detour, relay, "2 tables read again")


@in_pieces
def test_a_relay_that_is_killed_while_it_waits_for_a_lock_leaves_no_snapshot_behind(scene: Scene, relay: Relay):
    want_a_reread(scene)
    is_reading(scene)
    with scene.connect() as holder, scene.connect() as somebody:
        holder.execute("BEGIN; LOCK TABLE big, wide IN ACCESS EXCLUSIVE MODE")
        scene.wait_until(lambda: scene.query(RELAY_WAITS_FOR_A_LOCK), 60, "a reader to wait for a lock")
        relay.kill9()
        with watched(scene) as late:
            somebody.execute(INDEX)
        assert not late
        holder.execute("COMMIT")


def test_a_resnapshot_of_tables_gives_way_and_is_done_later(scene: Scene, detour: Proxy, relay: Relay):
    relay.stop()
    scene.execute("DELETE FROM big WHERE id = 10; DELETE FROM wide WHERE id = 10")
    relay = scene.running_relay("resnapshot", "public.big", "public.wide", environment=through(detour, scene.url()))
    gives_way_once_and_reads_later(scene, detour, relay, "2 tables taken again")


def test_a_reread_does_not_begin_while_an_index_is_built_concurrently(scene: Scene, detour: Proxy, relay: Relay):
    with scene.connect() as reader, scene.connect() as builder:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT")  # The index waits for this snapshot, and the relay does not.
        building = threading.Thread(target=builder.execute, args=(INDEX,))
        building.start()
        try:
            scene.wait_until(lambda: scene.query("SELECT FROM pg_stat_progress_create_index"), 30, "the index to be begun")
            want_a_reread(scene)
            time.sleep(NOTICED_S)
            assert "Reading again" not in relay.log_text()
        finally:
            reader.execute("COMMIT")
            building.join()
    detour.bytes_per_s = None
    relay.wait_for_log("2 tables read again", timeout=60)
    assert times_given_up(relay) == 0
    topics_are_right(scene, detour)


@pytest.mark.skipif("BOTTLEDWATER_SLOW_TESTS" not in os.environ, reason="takes three minutes: BOTTLEDWATER_SLOW_TESTS=1")
def test_a_reread_that_has_given_way_five_times_is_done_all_the_same(scene: Scene, detour: Proxy, relay: Relay):
    """It is retried less and less often."""
    want_a_reread(scene)
    for number in range(1, 6):
        is_reading(scene)
        with watched(scene) as late:
            scene.execute(INDEX)
        assert not late
        scene.wait_until(lambda: times_given_up(relay) == number, 10, f"the re-read to be given up {number} times")
    is_reading(scene)
    with watched(scene) as late:
        scene.execute(INDEX)
    assert late  # As the warning says.
    detour.bytes_per_s = None
    relay.wait_for_log(r"has given way to statements of others 5 times in a row")
    relay.wait_for_log("2 tables read again", timeout=60)
    assert times_given_up(relay) == 5
    topics_are_right(scene, detour)
