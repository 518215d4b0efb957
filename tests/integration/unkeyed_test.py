"""Tables without replica identity: never a surprise for those who write to them."""

import psycopg
import pytest
from harness import Scene

UNKEYED = "CREATE TABLE log (line text)"
KEYED = "CREATE TABLE test (id int PRIMARY KEY, value text)"


def test_refused_by_default_naming_table_and_remedies_and_leaving_nothing(scene: Scene):
    scene.execute(UNKEYED)
    scene.execute(KEYED)
    relay = scene.relay()
    assert relay.run() == 66
    text = relay.log_text()
    assert "public.log" in text or "log" in text
    assert "public.test" not in text
    for remedy in "PRIMARY KEY", "REPLICA IDENTITY", "--allow-unkeyed":
        assert remedy in text
    assert scene.slots() == [] and scene.publications() == []


def test_allowed_they_are_published_insert_only_and_stay_writable(scene: Scene):
    scene.execute(UNKEYED)
    scene.execute("INSERT INTO log VALUES ('one')")
    scene.running_relay(allow_unkeyed=True)
    scene.execute("INSERT INTO log VALUES ('two')")
    scene.execute("UPDATE log SET line = 'three' WHERE line = 'two'")
    scene.execute("DELETE FROM log")
    assert scene.changes("log") == [("r", None, {"line": "one"}), ("c", None, {"line": "two"})]


def test_allowed_keyed_tables_beside_them_are_published_whole(scene: Scene):
    scene.execute(UNKEYED)
    scene.execute(KEYED)
    scene.running_relay(allow_unkeyed=True)
    scene.execute("INSERT INTO test VALUES (1, 'a')")
    scene.execute("UPDATE test SET value = 'b'")
    scene.execute("DELETE FROM test")
    assert [op for op, _, _ in scene.changes("test")] == ["c", "u", "d"]


def test_with_full_identity_updates_give_the_new_row_and_deletes_nothing(scene: Scene):
    scene.execute(UNKEYED)
    scene.execute("ALTER TABLE log REPLICA IDENTITY FULL")
    scene.running_relay()
    scene.execute("INSERT INTO log VALUES ('one')")
    scene.execute("UPDATE log SET line = 'two'")
    scene.execute("DELETE FROM log")
    assert scene.changes("log") == [("c", None, {"line": "one"}), ("u", None, {"line": "two"})]


def test_allowed_the_choice_survives_a_restart(scene: Scene):
    scene.execute(UNKEYED)
    relay = scene.running_relay(allow_unkeyed=True)
    relay.stop()
    scene.execute("INSERT INTO log VALUES ('meanwhile')")
    relay.start()
    assert scene.changes("log") == [("c", None, {"line": "meanwhile"})]


def test_given_publication_is_used_as_it_is(scene: Scene):
    scene.execute(KEYED)
    scene.execute("CREATE TABLE left_out (id int PRIMARY KEY)")
    scene.execute("CREATE PUBLICATION mine FOR TABLE test, bw_marker WITH (publish = 'insert')")
    relay = scene.running_relay(publication="mine")
    scene.execute("INSERT INTO test VALUES (1, 'a')")
    scene.execute("UPDATE test SET value = 'b'")
    scene.execute("INSERT INTO left_out VALUES (1)")
    assert scene.changes("test") == [("c", {"id": 1}, {"id": 1, "value": "a"})]
    assert scene.topics() == {"test"}
    assert scene.publications() == ["mine"]
    relay.wait_for_log("left_out", timeout=1)
    assert scene.query("SELECT pubinsert, pubupdate, pubdelete, puballtables FROM pg_publication") == [
        (True, False, False, False)]


def test_never_makes_a_user_s_update_fail(scene: Scene):
    """What the default refusal protects from: PostgreSQL itself would refuse this UPDATE."""
    scene.execute(UNKEYED)
    scene.execute("INSERT INTO log VALUES ('one')")
    scene.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        scene.execute("UPDATE log SET line = 'two'")
    scene.execute("DROP PUBLICATION everything")
    relay = scene.relay()
    relay.run()
    scene.execute("UPDATE log SET line = 'two'")
