"""PostgreSQL 18, which is fetched for these tests: what it does differently never loses a row."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from harness import Scene

from servers import PostgresServer, Servers
from servers.fetch import fetch_postgres
from servers.paths import NEWER_POSTGRES_VERSION

SLOT = 81


@pytest.fixture(scope="module")
def newer_postgres(servers: Servers, tmp_path_factory) -> Iterator[PostgresServer]:
    server = PostgresServer(servers.folder / "newer-postgres", distribution=fetch_postgres(NEWER_POSTGRES_VERSION))
    server.restart()
    yield server
    server.stop()


@pytest.fixture
def newer_scene(servers: Servers, newer_postgres: PostgresServer, tmp_path) -> Iterator[Scene]:
    both = SimpleNamespace(postgres=newer_postgres, kafka=servers.kafka, registry=servers.registry)
    scene = Scene(both, tmp_path)
    yield scene
    scene.close()


def test_a_publication_that_was_gone_for_a_while_is_a_halt_not_a_gap(newer_scene: Scene):
    """PostgreSQL 18 goes on without it and only warns."""
    scene = newer_scene
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("CREATE PUBLICATION mine FOR TABLE test, bw_marker")
    relay = scene.running_relay(publication="mine")
    scene.execute("INSERT INTO test VALUES (1)")
    scene.settle()
    scene.execute("DROP PUBLICATION mine")
    scene.execute("INSERT INTO test VALUES (2)")
    scene.execute("CREATE PUBLICATION mine FOR TABLE test, bw_marker")
    scene.execute("INSERT INTO test VALUES (3)")
    assert relay.exit_code(30) == SLOT
    assert "[publication-missing]" in relay.log_text() and "skipped loading publication" in relay.log_text()
    assert relay.run() == SLOT
    assert [key for _, key, _ in scene.changes("test", settle=False)] == [{"id": 1}]
    scene.running_relay("resnapshot", publication="mine")
    assert {key["id"] for _, key, _ in scene.changes("test")} == {1, 2, 3}


def test_timeouts_that_an_administrator_sets_do_not_end_our_sessions(newer_scene: Scene):
    scene = newer_scene
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i")
    for setting in ("transaction_timeout", "statement_timeout", "idle_session_timeout", "lock_timeout",
                    "idle_in_transaction_session_timeout"):
        scene.execute(f"ALTER DATABASE {scene.name} SET {setting} = '300ms'")
    scene.execute(f"ALTER DATABASE {scene.name} SET default_transaction_read_only = on")
    relay = scene.running_relay()
    with scene.connect() as writer:
        writer.execute("SET default_transaction_read_only = off; SET statement_timeout = 0")
        writer.execute("CREATE TABLE quick (id int PRIMARY KEY, value text)")
        writer.execute("INSERT INTO quick VALUES (1, 'a'); UPDATE quick SET value = 'updated'")
    scene.reader.wait_for(scene.topic("quick"), lambda message: message.op == "r" and message.value["value"] == "updated")
    assert len(scene.messages("test", settle=False)) == 20000
    assert " timeout" not in relay.log_text()


def test_everything_is_captured_and_new_tables_are_healed(newer_scene: Scene):
    scene = newer_scene
    scene.running_relay()
    scene.execute("CREATE TABLE quick (id int PRIMARY KEY, value text); INSERT INTO quick VALUES (1, 'a'), (2, 'b');"
                  "UPDATE quick SET value = 'updated' WHERE id = 1; DELETE FROM quick WHERE id = 2")
    scene.reader.wait_for(scene.topic("quick"), lambda message: message.op == "r" and message.value["value"] == "updated")
    scene.execute("DELETE FROM quick")
    assert [change for change in scene.changes("quick")][-1] == ("d", {"id": 1}, None)
