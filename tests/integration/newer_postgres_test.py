"""PostgreSQL 18, which is fetched for these tests: what it does differently never loses a row."""

import time

from harness import Scene

from servers import Servers

SLOT = 81


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


ASKED = "asked for a record of the running transactions"


def slot_distance(scene: Scene) -> int:
    """MiB of WAL that the slot keeps before what was confirmed."""
    [(distance,)] = scene.query("SELECT (confirmed_flush_lsn - restart_lsn)::bigint / 1048576 FROM pg_replication_slots "
                                "WHERE slot_name = %s", [scene.slot])
    return distance


def keep_much_wal_until(scene: Scene, condition) -> None:
    """150 MiB at a time that are no table's. Again, where the server was slow: every 15 s it writes such a record by itself."""
    def write_and_ask() -> bool:
        scene.execute("SELECT pg_logical_emit_message(false, 'none', repeat('x', 1000000)) FROM generate_series(1, 150)")
        scene.settle()
        try:
            scene.wait_until(condition, 5, "it")
            return True
        except AssertionError:
            return False

    scene.wait_until(write_and_ask, 120, "a slot that keeps much, and what follows from it")


def test_a_slot_that_keeps_much_wal_is_let_go_on_where_the_role_may(newer_scene: Scene):
    scene = newer_scene
    relay = scene.running_relay(log_level="debug")
    keep_much_wal_until(scene, lambda: ASKED in relay.log_text())
    scene.settle()
    scene.wait_until(lambda: slot_distance(scene) < 64, 30, "the slot to keep less")


def test_where_the_role_may_not_nothing_is_tried_until_it_may(newer_scene: Scene, servers: Servers):
    scene = newer_scene
    scene.execute(f"CREATE ROLE {scene.name} LOGIN REPLICATION PASSWORD 'role-secret'")
    scene.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {scene.name}")
    scene.execute("CREATE PUBLICATION mine FOR TABLE bw_marker")
    relay = scene.running_relay(postgres=scene.url(user=scene.name, password="role-secret"), publication="mine",
                                log_level="debug")
    keep_much_wal_until(scene, lambda: slot_distance(scene) >= 64)
    scene.wait_until(lambda: time.sleep(3) is None, 10, "a few looks at the slot")
    assert ASKED not in relay.log_text()
    assert "pg_log_standby_snapshot" not in (servers.folder / "newer-postgres" / "postgres.log").read_text()
    scene.execute(f"GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO {scene.name}")
    keep_much_wal_until(scene, lambda: ASKED in relay.log_text())
