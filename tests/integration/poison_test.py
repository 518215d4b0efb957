"""A transaction that PostgreSQL cannot send: named, retried less and less often, and left out where the operator says so."""

import re
import time

import pytest
from harness import OwnPostgres, Scene, own_postgres
from harness.poison import make_poison_type
from harness.remedies import remedies_noted

from servers import Relay, Servers

STUCK = r"PostgreSQL has failed 3 times at transaction ([0-9A-F]+/[0-9A-F]+): (.*)"


@pytest.fixture
def poisoned(scene: Scene) -> Scene:
    make_poison_type(scene.connection)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, p poison)")
    return scene


def write_poison(scene: Scene) -> None:
    """A transaction before it, the poison with rows around it, a transaction behind it."""
    scene.execute("INSERT INTO test VALUES (1, poison_that_is_harmless())")
    with scene.connection.transaction():
        scene.execute("INSERT INTO test VALUES (2, poison_that_is_harmless())")
        scene.execute("INSERT INTO test VALUES (3, '0')")
        scene.execute("INSERT INTO test VALUES (4, poison_that_is_harmless())")
    scene.execute("INSERT INTO test VALUES (5, poison_that_is_harmless())")


def stuck(relay: Relay) -> str:
    """The commit LSN that it names."""
    lsn, words = relay.wait_for_log(STUCK, timeout=60).groups()
    assert "invalid internal value for enum: 0" in words and "public.test" in words
    assert f"commit LSN {lsn}, after 1 rows" in words and "associated LSN" in words
    assert f"--skip-transaction={lsn}" in words
    return lsn


def ids(scene: Scene) -> list[int]:
    return [key["id"] for _, key, _ in scene.changes("test")]


def test_a_transaction_that_cannot_be_sent_is_named_backed_off_from_and_skipped_on_request(poisoned: Scene):
    scene = poisoned
    relay = scene.running_relay()
    write_poison(scene)
    lsn = stuck(relay)
    before = len(re.findall("Streaming changes from", relay.log_text()))
    scene.execute("INSERT INTO test VALUES (6, poison_that_is_harmless())")
    with pytest.raises(AssertionError):
        scene.settle(timeout=5)
    assert relay.is_running()
    assert len(re.findall("Streaming changes from", relay.log_text())) <= before + 2
    assert len(re.findall(STUCK.replace("3", r"\d+"), relay.log_text())) == 1
    assert [key["id"] for _, key, _ in scene.changes("test", settle=False)] == [1]
    relay.stop()
    relay = scene.running_relay(skip_transaction=lsn)
    relay.wait_for_log(f"An operator has allowed: the transaction with commit LSN {lsn} is skipped")
    assert ids(scene) == [1, 5, 6]
    assert f"the transaction with commit LSN {lsn} is skipped" in remedies_noted(scene)
    relay.stop()
    for options in ({}, {"skip_transaction": lsn}):  # A flag left behind does nothing more.
        relay = scene.running_relay(**options)
        scene.execute("UPDATE test SET p = p WHERE id = 6")
        scene.settle()
        relay.stop()
    assert [key["id"] for _, key, _ in scene.changes("test", settle=False)] == [1, 5, 6, 6, 6]


def test_one_that_follows_another_closely_is_named_when_that_is_skipped(poisoned: Scene):
    """PostgreSQL can be at the second before anything could be confirmed to it."""
    scene = poisoned
    relay = scene.running_relay()
    for statement in "(1, poison_that_is_harmless())", "(2, '0')", "(3, '0')", "(4, poison_that_is_harmless())":
        scene.execute(f"INSERT INTO test VALUES {statement}")
    first = relay.wait_for_log(STUCK, timeout=60)[1]
    relay.stop()
    relay = scene.running_relay(skip_transaction=first)
    second = relay.wait_for_log(STUCK, timeout=60)[1]
    assert second != first
    relay.stop()
    relay = scene.running_relay(skip_transaction=second)
    assert ids(scene) == [1, 4]
    noted = "; ".join(remedies_noted(scene))  # Together or each by itself.
    assert noted == f"the transaction with commit LSN {first} is skipped; the transaction with commit LSN {second} is skipped"


CRASHES = """
CREATE TYPE crash;
CREATE FUNCTION crash_in(cstring) RETURNS crash LANGUAGE internal IMMUTABLE STRICT AS 'oidin';
CREATE FUNCTION crash_out(crash) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'array_out';
CREATE TYPE crash (INPUT = crash_in, OUTPUT = crash_out, LIKE = oid);
CREATE TABLE crashes (id int PRIMARY KEY, p crash)"""


def crashes_seldom(own: OwnPostgres) -> None:
    def times_crashed() -> int:
        return (own.server.folder / "postgres.log").read_text().count("was terminated by signal")

    before = times_crashed()
    time.sleep(12)
    assert times_crashed() <= before + 2


def test_a_server_that_crashes_at_it_does_so_less_and_less_often(servers: Servers, tmp_path, request):
    """Its first row is of a table that the relay then asks about, on another connection, which is lost with the stream."""
    with own_postgres(servers, tmp_path, request) as own:
        own.scene.execute(CRASHES)
        relay = own.scene.running_relay()
        own.scene.execute("INSERT INTO crashes VALUES (1, '0')")
        lsn = relay.wait_for_log(STUCK, timeout=60)[1]

        crashes_seldom(own)
        relay.stop()
        relay = own.scene.running_relay(skip_transaction=lsn)
        relay.wait_for_log("is skipped")
        own.scene.reconnect()
        own.scene.execute("INSERT INTO crashes VALUES (2, NULL)")
        assert [key["id"] for _, key, _ in own.scene.changes("crashes")] == [2]


def test_an_lsn_behind_the_end_of_the_wal_skips_nothing_that_comes_there_later(poisoned: Scene):
    scene = poisoned
    scene.running_relay().stop()
    [(lsn,)] = scene.query("SELECT pg_current_wal_insert_lsn() + 100000000")
    relay = scene.running_relay(skip_transaction=lsn)
    relay.wait_for_log("nothing commits there, the server's WAL ends at .*; nothing is skipped")
    scene.execute("INSERT INTO test VALUES (1, poison_that_is_harmless())")
    assert ids(scene) == [1]


def test_an_lsn_at_which_no_transaction_commits_skips_nothing(poisoned: Scene):
    scene = poisoned
    scene.running_relay().stop()
    scene.execute("INSERT INTO test VALUES (1, poison_that_is_harmless())")
    [(lsn,)] = scene.query("SELECT pg_current_wal_insert_lsn() + 1")
    scene.execute("INSERT INTO test VALUES (2, poison_that_is_harmless())")
    relay = scene.running_relay(skip_transaction=lsn)
    relay.wait_for_log("no transaction of captured tables commits there; nothing is skipped")
    assert ids(scene) == [1, 2]
    assert remedies_noted(scene) == []


def test_poison_that_the_snapshot_meets_names_its_table_and_leaves_nothing(poisoned: Scene):
    scene = poisoned
    scene.execute("INSERT INTO test VALUES (1, '0')")
    relay = scene.relay()
    assert relay.run() != 0
    assert "Cannot read table public.test: invalid internal value for enum: 0" in relay.log_text()
    assert scene.slots() == []
    scene.execute("DELETE FROM test")
    scene.running_relay()


def test_a_server_that_crashes_in_the_snapshot_does_so_less_and_less_often(servers: Servers, tmp_path, request):
    with own_postgres(servers, tmp_path, request) as own:
        own.scene.execute(CRASHES)
        own.scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO crashes VALUES (1, '0')")
        relay = own.scene.relay()
        relay.start()
        relay.wait_for_log("PostgreSQL has failed 3 times at the snapshot: .*--exclude-tables", timeout=60)
        crashes_seldom(own)
        relay.stop()
        relay = own.scene.relay(exclude_tables="crashes")
        relay.start()
        own.scene.reconnect()
        own.scene.execute("INSERT INTO test VALUES (1)")
        assert [key["id"] for _, key, _ in own.scene.changes("test")] == [1]
