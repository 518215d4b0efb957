"""What `chaos/run drift` has found, and no other file is about."""

import psycopg
import pytest
from harness import Scene


@pytest.mark.parametrize("temporary", [True, False])
def test_a_slot_with_the_name_of_a_resnapshot_is_in_nobodys_way(scene: Scene, temporary: bool):
    """Another relay's, or that of a relay that was killed: PostgreSQL notices late that its client is gone."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test VALUES (1)")
    scene.running_relay().stop()
    with psycopg.connect(scene.url(), autocommit=True) as killed:
        killed.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', %s)", [f"{scene.slot}_resnapshot", temporary])
        relay = scene.relay("resnapshot", "public.test")
        relay.start()
        relay.wait_for_log("1 tables taken again")
    assert scene.changes("test") == [("r", {"id": 1}, {"id": 1})] * 2
