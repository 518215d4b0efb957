"""Kafka, the registry and PostgreSQL go away and come back: everything arrives, once, and WAL stays bounded."""

import re
import shutil
import time

import psycopg
import pytest
from harness import Scene
from harness.writer import Writer

from clients import Admin

MIB = 1 << 20
TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"


def all_arrived_once_in_order(scene: Scene, count: int) -> bool:
    return [message.key["id"] for message in scene.messages("test")] == list(range(1, count + 1))


@pytest.mark.parametrize("away", ["kafka", "registry", "kafka and registry"])
def test_first_start_and_capture_go_on_while_it_is_away(scene: Scene, away: str):
    scene.execute(TABLE)
    scene.execute("INSERT INTO test VALUES (1, 'snapshot')")
    down = [getattr(scene.servers, name) for name in away.split(" and ")]
    for server in down:
        server.stop()
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (2, 'streamed')")
    for server in down:
        server.restart()
    assert all_arrived_once_in_order(scene, 2)
    assert relay.is_running()


@pytest.mark.parametrize("away", ["kafka", "registry"])
@pytest.mark.parametrize("how", ["stop", "kill9", "pause"])
def test_nothing_is_lost_or_doubled_when_it_goes_away_under_load(scene: Scene, away: str, how: str):
    scene.execute(TABLE)
    scene.running_relay()
    server = getattr(scene.servers, away)
    with Writer(scene.url(), "INSERT INTO test VALUES ({n}, 'x')") as writer:
        writer.wait_for(200)
        getattr(server, how)()
        scene.execute("CREATE TABLE new_schema (id int PRIMARY KEY)")  # The registry is asked about a table's first row.
        scene.execute("INSERT INTO new_schema VALUES (1)")
        writer.wait_for(writer.written + 500)
        scene.servers.bring_back()
        writer.wait_for(writer.written + 200)
    assert all_arrived_once_in_order(scene, writer.written)
    # A table that is created beside the relay is read again once it is in the publication (docs/decisions/0008).
    assert [op for op, _, _ in scene.changes("new_schema") if op != "r"] == ["c"]


def test_relay_restarted_while_kafka_is_away_captures_on(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.settle()
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO test VALUES (2, 'x')")
    relay.kill9()
    relay.start()
    relay.wait_streaming()
    scene.execute("INSERT INTO test VALUES (3, 'x')")
    scene.servers.kafka.restart()
    assert all_arrived_once_in_order(scene, 3)


def test_outage_is_said_once_and_not_on_every_try(scene: Scene):
    scene.servers.kafka.stop()
    relay = scene.running_relay()
    relay.wait_for_log("(?i)(kafka|broker)")
    with Writer(scene.url(), "INSERT INTO bw_marker VALUES (-{n})", per_second=100) as writer:
        writer.wait_for(500)  # Five seconds of outage.
    lines = [line for line in relay.log_text().splitlines() if re.search(r"(?i)(away|unreachable|waiting|refused)", line)]
    assert 1 <= len(lines) <= 3, "\n".join(lines)


def test_wal_stays_bounded_while_kafka_is_away(scene: Scene):
    scene.execute(TABLE)
    scene.running_relay(max_wal_retained="16MiB")
    scene.settle()
    scene.servers.kafka.stop()
    with Writer(scene.url(), "INSERT INTO test SELECT {n} * 1000 + i, repeat('x', 1000) FROM generate_series(1, 1000) i",
                per_second=20) as writer:
        writer.wait_for(100)  # About 120 MiB of WAL.
        scene.wait_until(lambda: scene.retained_wal() < 32 * MIB, 60, "the slot to let go of WAL")
    scene.servers.kafka.restart()
    keys = [message.key["id"] for message in scene.messages("test")]
    assert len(keys) == writer.written * 1000
    assert len(set(keys)) == len(keys)


def test_idle_database_beside_a_busy_one_retains_no_wal(scene: Scene):
    scene.running_relay()
    scene.settle()
    make_wal = "SELECT pg_switch_wal(), pg_logical_emit_message(false, 'x', repeat('x', 1000000))"
    with psycopg.connect(scene.servers.postgres.url(), autocommit=True) as elsewhere:
        elsewhere.execute("CREATE TABLE IF NOT EXISTS busy (line text)")
        for _ in range(40):
            elsewhere.execute("INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
            elsewhere.execute(make_wal)
    scene.wait_until(lambda: scene.retained_wal() < 2 * MIB, 60, "the idle database's slot to follow the WAL's end")


def test_postgresql_away_at_start_is_waited_for(scene: Scene):
    scene.execute(TABLE)
    scene.servers.postgres.stop()
    relay = scene.relay()
    relay.start()
    relay.wait_for_log("(?i)postgresql|postgres")
    scene.servers.postgres.restart()
    scene.reconnect()
    relay.wait_streaming()
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    assert all_arrived_once_in_order(scene, 1)


@pytest.mark.parametrize("how", ["stop", "kill9"])
def test_postgresql_that_comes_back_is_streamed_from_again(scene: Scene, how: str):
    scene.execute(TABLE)
    relay = scene.running_relay()
    for number in range(1, 4):
        scene.execute(f"INSERT INTO test VALUES ({number}, 'x')")
        getattr(scene.servers.postgres, how)()
        scene.servers.postgres.restart()
        scene.reconnect()
    assert all_arrived_once_in_order(scene, 3)
    assert relay.is_running()


def test_publishing_goes_on_while_postgresql_is_away(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.settle()
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO test SELECT n, 'x' FROM generate_series(1, 1000) n")
    scene.wait_until(lambda: spooled(scene), 30, "the relay to spool the rows")
    scene.servers.postgres.stop()
    scene.servers.kafka.restart()
    deadline = time.monotonic() + 60
    seen = set()
    for message in scene.reader.follow(lambda name: name == scene.topic("test"), lambda: time.monotonic() > deadline):
        seen.add(message.key["id"])
        if len(seen) == 1000:
            break
    assert len(seen) == 1000
    assert relay.is_running()


def spooled(scene: Scene) -> bool:
    """Whether the relay has said that it has received all WAL up to now: written to disk is at or past it."""
    [(received,)] = scene.query(
        "SELECT coalesce(bool_or(flush_lsn >= pg_current_wal_flush_lsn() OR write_lsn >= pg_current_wal_flush_lsn()), false) "
        "FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = %s", [scene.slot])
    return received


def test_spool_that_is_lost_while_kafka_is_away_was_not_the_only_copy(scene: Scene):
    """Below --max-wal-retained, PostgreSQL still has what only the spool had."""
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'published')")
    scene.settle()
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO test SELECT id, 'only in the spool' FROM generate_series(2, 100) id")
    spooled = Admin(scene.folder / "spool")
    scene.wait_until(lambda: spooled.status()["spool"]["backlog_changes"] >= 99, 30, "the rows to be in the spool")
    relay.kill9()
    shutil.rmtree(scene.folder / "spool")
    scene.servers.kafka.restart()
    relay.start()
    relay.wait_streaming()
    assert all_arrived_once_in_order(scene, 100)
