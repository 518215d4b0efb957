"""Other people's locks, transactions and DDL: nothing of ours waits for them but the read of that very table, and no
statement of theirs waits for us."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from harness import Scene


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
