"""--partitions=leaf: each partition is a table with a topic of its own."""

import pytest
from harness import Scene, with_roots

SERVER_SETTING = 68
TABLE = """
    CREATE TABLE p (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
    CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
    INSERT INTO p VALUES (1, 1, 'snapshot'), (2, 2, 'snapshot')"""


@pytest.fixture
def leaves(scene: Scene) -> Scene:
    scene.execute(TABLE)
    return scene


def seen(scene: Scene, *tables: str) -> list[tuple[str, str, int]]:
    """In the order of positions; the snapshot's, which reads tables beside each other, by tables."""
    messages = sorted(scene.messages(*tables), key=lambda one: (
        one.op != "r", one.topic if one.op == "r" else "", one.position, one.value is not None))
    return [(one.topic.removeprefix(scene.topic("")), one.op, one.key["id"]) for one in messages]


def test_each_partition_has_its_topic(leaves: Scene):
    scene = leaves
    relay = scene.running_relay(partitions="leaf")
    scene.execute("UPDATE p SET v = 'streamed' WHERE id = 1")
    scene.settle()
    relay.kill9()
    scene.execute("UPDATE p SET part = 2 WHERE id = 1")  # Moves: a delete here, an insert there.
    relay.start()
    scene.execute("CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3)")
    scene.wait_until(lambda: scene.query("SELECT FROM pg_publication_tables WHERE pubname = %s AND tablename = 'p3'", [scene.slot]),
                     60, "the new partition to join")
    scene.execute("INSERT INTO p VALUES (3, 3, 'new'); UPDATE p SET v = 'newer' WHERE id = 3; DELETE FROM p WHERE id = 2")
    assert seen(scene, "p1", "p2", "p3") == [
        ("p1", "r", 1), ("p2", "r", 2), ("p1", "u", 1), ("p1", "d", 1), ("p2", "c", 1), ("p3", "c", 3), ("p3", "u", 3), ("p2", "d", 2)]
    assert scene.topic("p") not in scene.reader.topics()


@with_roots
@pytest.mark.parametrize("first, then", [("root", "leaf"), ("leaf", "root")])
def test_another_form_is_refused_until_all_begins_anew(leaves: Scene, first: str, then: str):
    scene = leaves
    scene.running_relay(partitions=first).stop()
    scene.execute("UPDATE p SET v = 'meanwhile'")
    relay = scene.relay(partitions=then)
    assert relay.run() == SERVER_SETTING
    assert "[partition-form]" in relay.log_text() and f"--partitions={first}" in relay.log_text()
    scene.execute(f"DROP PUBLICATION {scene.slot}, {scene.slot}_inserts")
    scene.running_relay("resnapshot", partitions=then)
    topics = {"root": ["p"], "leaf": ["p1", "p2"]}
    assert {(op, number) for _, op, number in seen(scene, *topics[then])} == {("r", 1), ("r", 2)}


def test_a_root_without_a_key_does_not_hide_its_partitions(scene: Scene):
    """As every root before PostgreSQL 11."""
    scene.execute("CREATE TABLE p (id int NOT NULL, part int NOT NULL) PARTITION BY LIST (part);"
                  "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); ALTER TABLE p1 ADD PRIMARY KEY (id);"
                  "INSERT INTO p VALUES (1, 1)")
    scene.running_relay(partitions="leaf")
    scene.execute("UPDATE p1 SET id = 2; DELETE FROM p1")
    assert seen(scene, "p1") == [("p1", "r", 1), ("p1", "d", 1), ("p1", "u", 2), ("p1", "d", 2)]
