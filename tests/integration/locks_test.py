"""Other people's locks, transactions and DDL: nothing of ours waits for them but the read of that very table, and no
statement of theirs waits for us."""

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from harness import HAS_ROOTS, Scene, in_pieces
from harness.writer import Writer
from servers import Proxy, Relay


@contextlib.contextmanager
def locked(scene: Scene, *tables: str) -> Iterator[int]:
    """In another session, ACCESS EXCLUSIVE, as ALTER TABLE and VACUUM FULL take it. Gives that session's pid."""
    with scene.connect() as holder, holder.transaction():
        holder.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield holder.info.backend_pid


def seconds_until_published(scene: Scene) -> float:
    begin = time.monotonic()
    scene.settle()
    return time.monotonic() - begin


def tables_of_all_kinds(scene: Scene) -> list[str]:
    """Names of those that a test locks: each is asked the catalog for in a way of its own."""
    scene.execute("CREATE TABLE plain (id int PRIMARY KEY, v text)")
    scene.execute("CREATE TABLE whole (id int PRIMARY KEY, v text)")
    scene.execute("ALTER TABLE whole REPLICA IDENTITY FULL")
    scene.execute("CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    scene.execute("CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100)")
    scene.execute("CREATE TABLE keyless (v text)")
    return ["plain", "whole", "parts", "parts_low", "keyless"]


def test_a_locked_table_does_not_slow_down_the_capture_of_others(scene: Scene):
    tables = tables_of_all_kinds(scene)
    scene.running_relay(allow_unkeyed=True)
    scene.settle()
    with locked(scene, *tables):
        for number in range(3):
            # A new table makes the relay look at the catalog.
            scene.execute(f"CREATE TABLE new_{number} (id int PRIMARY KEY)")
            scene.execute(f"ALTER TABLE new_{number} REPLICA IDENTITY FULL")
            scene.execute(f"INSERT INTO new_{number} VALUES (1)")
            assert seconds_until_published(scene) < 5


def test_a_restart_does_not_wait_for_a_locked_table(scene: Scene):
    tables = tables_of_all_kinds(scene)
    relay = scene.running_relay(allow_unkeyed=True)
    scene.execute("INSERT INTO whole VALUES (1, 'a')")
    scene.settle()
    relay.stop()
    scene.execute("UPDATE whole SET v = 'b'")  # Its key is looked up while it is locked.
    with locked(scene, *tables):
        begin = time.monotonic()
        scene.running_relay(allow_unkeyed=True)
        scene.settle()
        assert time.monotonic() - begin < 10
    assert [change[0] for change in scene.changes("whole")] == ["c", "u"]


def test_a_restart_with_a_filtered_publication_does_not_wait_for_its_locked_table(scene: Scene):
    """PostgreSQL deparses a row filter under a lock of its table."""
    scene.execute("CREATE TABLE plain (id int PRIMARY KEY, v text)")
    scene.execute("INSERT INTO plain SELECT n, 'x' FROM generate_series(1, 20) n")
    scene.execute("CREATE PUBLICATION chosen FOR TABLE plain (id) WHERE (id > 10), bw_marker")
    scene.running_relay(publication="chosen", skip_snapshot=True).stop()
    with locked(scene, "plain"):
        begin = time.monotonic()
        relay = scene.running_relay(publication="chosen")
        scene.settle()
        assert time.monotonic() - begin < 10
    relay.stop()
    scene.running_relay("resnapshot", publication="chosen")
    assert {key["id"]: value for _, key, value in scene.changes("plain")} == {n: {"id": n} for n in range(11, 21)}


# While a snapshot is read


def big_table(scene: Scene, name: str, rows: int) -> None:
    """The first that is read, for it is the biggest."""
    scene.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
    scene.execute(f"INSERT INTO {name} SELECT n, repeat('{name}', 10) FROM generate_series(1, {rows}) n")
    scene.execute(f"ANALYZE {name}")


@pytest.fixture
def detour(scene: Scene) -> Iterator[Proxy]:
    """To PostgreSQL, slow enough for a table to be still read when a test looks."""
    proxy = Proxy(scene.servers.postgres.port)
    proxy.bytes_per_s = 10e6
    proxy.start()
    yield proxy
    proxy.stop()


def reading(scene: Scene, detour: Proxy) -> Relay:
    """A relay that reads the first table of the snapshot."""
    url = scene.url().replace(f":{detour.target_port}/", f":{detour.port}/")
    relay = scene.relay(environment={"BOTTLEDWATER_POSTGRES": url}, snapshot_connections=1)
    relay.start()
    scene.wait_until(lambda: scene.query("SELECT FROM pg_stat_activity WHERE datname = current_database() "
                                         "AND application_name = 'bottledwater' AND query LIKE 'COPY%'"),
                     30, "the snapshot to be read")
    return relay


@contextlib.contextmanager
def frozen_before_all_but_the_first(scene: Scene, detour: Proxy) -> Iterator[Relay]:
    big_table(scene, "first", 150_000)
    relay = reading(scene, detour)
    relay.send(signal.SIGSTOP)
    yield relay
    relay.send(signal.SIGCONT)


def every_row_is_read_once(scene: Scene, table: str, rows: int) -> None:
    assert Counter(key["id"] for op, key, _ in scene.changes(table) if op == "r") == Counter(range(1, rows + 1))


@in_pieces
def test_alter_table_waits_for_a_piece_of_the_snapshot_at_most(scene: Scene, detour: Proxy):
    rows = 300_000
    big_table(scene, "big", rows)
    waited = []
    relay = reading(scene, detour)
    begin = time.monotonic()
    while f"Table public.big: {rows:,} rows in" not in relay.log_text():
        asked = time.monotonic()
        scene.execute(f"ALTER TABLE big ADD COLUMN c{len(waited)} int")
        waited.append(time.monotonic() - asked)
        time.sleep(0.1)
    took = time.monotonic() - begin
    relay.wait_streaming()
    assert len(waited) > 3 and max(waited) < took / 3, (waited, took)
    assert "taken again" not in relay.log_text()
    every_row_is_read_once(scene, "big", rows)


def test_a_rename_swap_while_the_snapshot_is_read_mixes_no_tables(scene: Scene, detour: Proxy):
    """The second statement waits for the read of b; then the name of a means b, and a has another."""
    rows = 200_000
    big_table(scene, "b", rows)
    scene.execute("CREATE TABLE a (id int PRIMARY KEY, v text)")
    scene.execute("INSERT INTO a SELECT n, 'a' FROM generate_series(1, 10) n")
    relay = reading(scene, detour)
    scene.execute("BEGIN; ALTER TABLE a RENAME TO a_old; ALTER TABLE b RENAME TO a; COMMIT")
    relay.wait_streaming()
    scene.settle()
    assert {(key["id"], value["v"]) for _, key, value in scene.changes("a_old")} == {(n, "a") for n in range(1, 11)}
    every_row_is_read_once(scene, "a", rows)


def test_a_swap_of_schemas_while_the_snapshot_is_read_mixes_no_tables(scene: Scene, detour: Proxy):
    """Renaming a schema takes no lock on its tables."""
    rows = 200_000
    scene.execute("CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.t (id int PRIMARY KEY, v text)")
    scene.execute("INSERT INTO one.t SELECT n, 'one' FROM generate_series(1, 10) n")
    big_table(scene, "two.t", rows)
    relay = reading(scene, detour)
    scene.execute("BEGIN; ALTER SCHEMA one RENAME TO old; ALTER SCHEMA two RENAME TO one; COMMIT")
    relay.wait_streaming()
    assert [value["v"] for _, _, value in scene.changes("old.t")] == ["one"] * 10
    every_row_is_read_once(scene, "one.t", rows)


@in_pieces
def test_columns_that_change_names_while_their_table_is_read_keep_their_values(scene: Scene, detour: Proxy):
    rows = 200_000
    big_table(scene, "big", rows)
    scene.execute("ALTER TABLE big ADD COLUMN w text")
    relay = reading(scene, detour)
    scene.execute("BEGIN; ALTER TABLE big RENAME v TO x; ALTER TABLE big RENAME w TO v; ALTER TABLE big RENAME x TO w; COMMIT")
    relay.wait_streaming()
    assert {(value["v"], value["w"]) for _, _, value in scene.changes("big")} == {(None, "big" * 10)}
    every_row_is_read_once(scene, "big", rows)


def test_a_table_that_is_dropped_while_the_snapshot_is_read_is_left_out(scene: Scene, detour: Proxy):
    scene.execute("CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)")
    scene.execute("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    for low in 0, 100:
        scene.execute(f"CREATE TABLE parts_{low} PARTITION OF parts FOR VALUES FROM ({low}) TO ({low + 100})")
    scene.execute("INSERT INTO parts VALUES (1), (101)")
    with frozen_before_all_but_the_first(scene, detour) as relay:
        scene.execute("DROP TABLE gone, parts_0")
    relay.wait_streaming()
    assert [key["id"] for _, key, _ in scene.changes("parts" if HAS_ROOTS else "parts_100")] == [101]
    assert "Table public.gone was dropped" in relay.log_text() and "taken again" not in relay.log_text()


def test_a_locked_table_is_named_and_delays_nothing_but_itself(scene: Scene, detour: Proxy):
    scene.execute("CREATE TABLE held (id int PRIMARY KEY); INSERT INTO held VALUES (1)")
    scene.execute("CREATE TABLE later (id int PRIMARY KEY)")
    with contextlib.ExitStack() as stack:
        with frozen_before_all_but_the_first(scene, detour) as relay:
            pid = stack.enter_context(locked(scene, "held"))
        relay.wait_for_log(f"Table public.held is locked.*pid {pid}")
        relay.wait_for_log("Table public.later: 0 rows")
    relay.wait_streaming()
    every_row_is_read_once(scene, "held", 1)


def test_tables_that_come_and_go_disturb_neither_start_nor_resnapshot(scene: Scene):
    scene.execute("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items SELECT generate_series(1, 100)")
    for number in range(100):
        scene.execute(f"CREATE TABLE other_{number} (id int PRIMARY KEY)")
    statement = "BEGIN; CREATE TABLE {0}_{{n}} (id int PRIMARY KEY); COMMIT; SELECT pg_sleep(0.05); DROP TABLE {0}_{{n}}"
    with Writer(scene.url(), statement.format("one")) as one, Writer(scene.url(), statement.format("two")) as two:
        one.wait_for(20)
        two.wait_for(20)
        relay = scene.running_relay()
        for _ in range(5):
            relay.stop()
            relay = scene.running_relay("resnapshot", "items")
            relay.wait_for_log("1 tables taken again")
        assert "critical" not in relay.log_text()


# Transactions that a new slot waits for


def test_an_orphaned_prepared_transaction_of_another_database_is_named(scene: Scene):
    gid = f"orphan of {scene.name}"
    relay = scene.relay()
    with psycopg.connect(scene.servers.postgres.url(), autocommit=True) as elsewhere:
        elsewhere.execute(f"BEGIN; SELECT txid_current(); PREPARE TRANSACTION '{gid}'")
        try:
            relay.start()
            told = relay.wait_for_log(f"prepared transaction '{gid}' of role postgres in database postgres.*")
            assert f"ROLLBACK PREPARED '{gid}';" in told.group(0)
        finally:
            elsewhere.execute(f"ROLLBACK PREPARED '{gid}'")
    relay.wait_streaming()


def test_an_open_transaction_that_a_resnapshot_waits_for_is_named(scene: Scene):
    scene.execute("CREATE TABLE items (id int PRIMARY KEY)")
    scene.running_relay().stop()
    relay = scene.relay("resnapshot", "items")
    with scene.connect() as writer, writer.transaction():
        writer.execute("INSERT INTO items VALUES (1)")
        relay.start()
        pid = writer.info.backend_pid
        relay.wait_for_log(f"pid {pid} of role postgres in database {scene.name}.*idle in transaction.*"
                           f"pg_terminate_backend.{pid}.")
    relay.wait_for_log("1 tables taken again")
    every_row_is_read_once(scene, "items", 1)
