"""Re-reads that nobody has asked for: none is repeated for ever, none is forgotten, and what stands in the way of one table
stands in the way of that table alone."""

import re
import threading
import time

import pytest
from harness import Scene, with_roots
from harness.poison import make_poison_type
from harness.role import make_publications_for_role, make_role, role_url
from harness.topic_is_table import becomes_its_table

from servers import Relay

MISSING_RIGHT = 69


def rereads(relay: Relay) -> int:
    return relay.log_text().count("Reading again")


def table(scene: Scene, name: str) -> None:
    scene.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text); INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")


def others_go_on(scene: Scene, seconds: float) -> None:
    """For so long, no change of another table waits for what the caller holds up: it would wait for ever. The limit leaves room for
    a stream that begins again, and has all WAL since the last confirmation to decode, on a machine that others use."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        scene.settle(timeout=30)
        time.sleep(0.1)


# --- None for ever --------------------------------------------------------------------------------


@with_roots
@pytest.mark.parametrize("attached", ["after it was added", "in one transaction, with the event trigger", "renamed later"])
def test_a_table_that_becomes_a_partition_is_not_read_again_and_again(scene: Scene, attached: str):
    with_trigger = "trigger" in attached
    scene.execute("CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    relay = scene.running_relay(*["--install-event-trigger"] * with_trigger)
    if with_trigger:
        relay.wait_for_log("event trigger")
    with scene.connection.transaction():
        scene.execute("CREATE TABLE l (LIKE p INCLUDING ALL)")
        if with_trigger:
            scene.execute("ALTER TABLE p ATTACH PARTITION l FOR VALUES FROM (0) TO (100)")
    if not with_trigger:
        relay.wait_for_log("added to publication .*public.l")
        scene.execute("ALTER TABLE p ATTACH PARTITION l FOR VALUES FROM (0) TO (100)")
    if attached == "renamed later":
        time.sleep(3)
        scene.execute("ALTER TABLE l RENAME TO low")
    time.sleep(4)
    before = rereads(relay)
    others_go_on(scene, 8)
    assert rereads(relay) == before
    scene.execute("INSERT INTO p VALUES (1, 'a')")
    becomes_its_table(scene, "p")


# --- None forgotten -------------------------------------------------------------------------------


def staged(scene: Scene, relay: Relay, name: str) -> None:
    """A table with rows of which none ever came through the stream."""
    scene.execute(f"CREATE UNLOGGED TABLE {name} (id int PRIMARY KEY, v text); INSERT INTO {name} VALUES (1, 'new'), (3, 'new')")
    scene.execute(f"ALTER TABLE {name} SET LOGGED")
    relay.wait_for_log(f"added to publication .*public.{name}")


def test_a_table_that_is_renamed_before_it_was_read(scene: Scene):
    relay = scene.running_relay()
    staged(scene, relay, "a")
    scene.execute("ALTER TABLE a RENAME TO a2")
    becomes_its_table(scene, "a2")


def test_a_table_that_is_loaded_beside_and_swapped_with_the_one_in_use(scene: Scene):
    table(scene, "o")
    relay = scene.running_relay()
    staged(scene, relay, "o_new")
    scene.execute("ALTER TABLE o RENAME TO o_old; ALTER TABLE o_new RENAME TO o")
    becomes_its_table(scene, "o")
    becomes_its_table(scene, "o_old")


def test_a_table_whose_schema_is_renamed_while_its_reread_waits(scene: Scene):
    scene.execute("CREATE SCHEMA s")
    relay = scene.running_relay()
    with scene.connect() as open_transaction:
        open_transaction.autocommit = False
        open_transaction.execute("INSERT INTO bw_marker VALUES (-1)")
        scene.execute("CREATE TABLE s.a (id int PRIMARY KEY, v text); INSERT INTO s.a VALUES (1, 'a')")
        scene.execute("UPDATE s.a SET v = 'b'")
        relay.wait_for_log("added to publication .*s.a")
        scene.execute("ALTER SCHEMA s RENAME TO t")
        time.sleep(2)
    becomes_its_table(scene, "t.a")


# --- One in the way of itself alone ---------------------------------------------------------------


def test_a_row_that_cannot_be_sent(scene: Scene):
    make_poison_type(scene.connection)
    table(scene, "o")
    scene.execute("CREATE TABLE k (id int PRIMARY KEY, p poison); INSERT INTO k VALUES (1, poison_that_is_harmless())")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    scene.execute("UPDATE k SET p = '0'")
    relay.start()
    lsn = relay.wait_for_log("--skip-transaction=([0-9A-F/]+)", timeout=60)[1]
    relay.stop()
    relay = scene.running_relay("--skip-transaction=" + lsn)
    scene.settle()
    scene.execute("ALTER TABLE k RENAME TO k2")
    relay.wait_for_log("Table public.k2 cannot be read again now, which is tried again in .*invalid internal value")
    table(scene, "another")
    becomes_its_table(scene, "another")
    others_go_on(scene, 6)
    scene.execute("UPDATE k2 SET p = poison_that_is_harmless()")
    scene.wait_until(lambda: re.search("1 tables read again", relay.log_text().split("cannot be read again")[-1]), 60, "a re-read")
    assert relay.is_running()


@pytest.mark.parametrize("lock", ["ALTER TABLE big ADD COLUMN z int", "LOCK TABLE big IN ACCESS EXCLUSIVE MODE"])
def test_a_table_that_is_locked_while_it_is_read(scene: Scene, lock: str):
    relay = scene.running_relay()
    scene.execute("CREATE UNLOGGED TABLE big (id int PRIMARY KEY, v text)")
    scene.execute("INSERT INTO big SELECT n, repeat('x', 300) FROM generate_series(1, 300000) n")
    scene.execute("ALTER TABLE big SET LOGGED")
    relay.wait_for_log("Reading again.*big")
    with scene.connect() as locker:
        locker.autocommit = False
        locker.execute(lock)
        read_before = "tables read again" in relay.log_text()
        others_go_on(scene, 12)
    assert not read_before, "the lock came too late to test anything"
    scene.wait_until(lambda: "tables read again" in relay.log_text(), 60, "the re-read")
    assert "Table public.big cannot be read again now" in relay.log_text()


def test_a_table_that_is_truncated_all_the_time(scene: Scene):
    relay = scene.running_relay()
    end = threading.Event()

    def truncate() -> None:
        with scene.connect() as connection:
            while not end.wait(0.1):
                connection.execute("TRUNCATE q; INSERT INTO q VALUES (1, 'a')")

    table(scene, "q")
    thread = threading.Thread(target=truncate)
    thread.start()
    try:
        table(scene, "n")
        scene.execute("UPDATE n SET v = 'x' WHERE id = 1; DELETE FROM n WHERE id = 2")
        becomes_its_table(scene, "n", timeout=60)
    finally:
        end.set()
        thread.join()
    assert relay.is_running()


# --- On request -----------------------------------------------------------------------------------


def test_resnapshot_of_a_table_that_the_role_may_not_read_ends_with_the_remedy(scene: Scene):
    table(scene, "test")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    as_role = {"environment": {"BOTTLEDWATER_POSTGRES": role_url(scene)}, "postgres": None}
    scene.running_relay(**as_role).stop()
    scene.execute(f"REVOKE SELECT ON test FROM {scene.name}")
    relay = scene.relay("resnapshot", "public.test", **as_role)
    assert relay.run() == MISSING_RIGHT
    assert f"GRANT SELECT ON TABLE \"public\".\"test\" TO \"{scene.name}\"" in relay.log_text()
    scene.execute(f"GRANT SELECT ON test TO {scene.name}")
    relay = scene.running_relay("resnapshot", "public.test", **as_role)
    relay.wait_for_log("1 tables taken again, 2 rows")
