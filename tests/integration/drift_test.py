"""What `chaos/run drift` has found, and no other file is about."""

import psycopg
from harness import Scene


def test_a_resnapshot_waits_for_the_temporary_slot_of_a_relay_that_was_killed(scene: Scene):
    """PostgreSQL notices late that its client is gone, and keeps the slot until then."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test VALUES (1)")
    scene.running_relay().stop()
    with psycopg.connect(scene.url(), autocommit=True) as killed:
        killed.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)", [f"{scene.slot}_resnapshot"])
        relay = scene.relay("resnapshot", "public.test")
        relay.start()
        relay.wait_for_log("Waiting until PostgreSQL has given up temporary slot")
    relay.wait_for_log("1 tables taken again")
    assert scene.changes("test") == [("r", {"id": 1}, {"id": 1})] * 2
