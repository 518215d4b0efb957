"""--on-truncate: what a TRUNCATE of captured tables leaves in their topics, in its place among the rows, once."""

import re
import time
from collections import Counter

from clients import AvroDecoder, Message, TopicReader
from harness import Scene, since

ROW_REFUSED = 65

pytestmark = since(11, "logical decoding knows no TRUNCATE")


def last_values(messages: list[Message]) -> dict[int, dict]:
    """What a consumer that keeps the last value of each key has."""
    state = {}
    for message in messages:
        state[message.key["id"]] = message.value
    return {key: value for key, value in state.items() if value is not None}


def expect_topic_is_table(scene: Scene, table: str) -> list[Message]:
    messages = scene.messages(table)
    assert sorted(last_values(messages)) == [number for number, in scene.query(f"SELECT id FROM {table} ORDER BY id")]
    return messages


def test_tombstones_come_at_the_place_of_the_truncate(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY)")
    scene.execute("INSERT INTO a VALUES (1, 'old'), (2, 'old'), (3, 'old')")
    relay = scene.running_relay(on_truncate="tombstones")
    with scene.connection.transaction():
        scene.execute("INSERT INTO a VALUES (4, 'old'); INSERT INTO other VALUES (1)")
        scene.execute("DELETE FROM a WHERE id = 3; TRUNCATE a; INSERT INTO a VALUES (1, 'new'); INSERT INTO other VALUES (2)")
    scene.execute("INSERT INTO a VALUES (5, 'new')")
    messages = scene.messages("a")
    assert [(message.op, message.key["id"]) for message in messages[3:5]] == [("c", 4), ("d", 3)]
    assert sorted((message.op, message.key["id"]) for message in messages[5:8]) == [("t", 1), ("t", 2), ("t", 4)]
    assert [(message.op, message.key["id"], message.value["v"]) for message in messages[8:]] == [("c", 1, "new"), ("c", 5, "new")]
    # A TRUNCATE takes one position.
    assert [message.position[1] for message in messages[3:9]] == [0, 2, 3, 3, 3, 4]
    assert [message.position[1] for message in scene.messages("other")] == [1, 5]
    relay.wait_for_log("TRUNCATE of public.a at .*: wrote tombstones for 3 keys")
    count = len(messages)
    relay.stop()
    relay.start()
    assert len(scene.messages("a")) == count


def test_every_table_of_a_truncate_gets_its_tombstones(scene: Scene):
    scene.execute("""CREATE TABLE a (id serial PRIMARY KEY);
                     CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
                     CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
                     CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
                     CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
                     CREATE TABLE empty (id int PRIMARY KEY); CREATE TABLE kept (id int PRIMARY KEY)""")
    scene.execute("INSERT INTO a SELECT FROM generate_series(1, 3); INSERT INTO b VALUES (1, 1), (2, 2);"
                  "INSERT INTO parts VALUES (1), (11); INSERT INTO kept VALUES (1)")
    scene.running_relay(on_truncate="tombstones")
    scene.execute("TRUNCATE a, empty RESTART IDENTITY CASCADE; TRUNCATE parts; INSERT INTO a DEFAULT VALUES")
    for table in ("a", "b", "parts", "kept"):
        expect_topic_is_table(scene, table)


def test_by_default_topics_keep_the_rows(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY)")
    relay = scene.running_relay()
    scene.execute("INSERT INTO a VALUES (1), (2)")
    with scene.connection.transaction():
        scene.execute("TRUNCATE a")
        scene.execute("INSERT INTO a VALUES (3)")
    messages = scene.messages("a")
    assert [(message.op, message.key["id"]) for message in messages] == [("c", 1), ("c", 2), ("c", 3)]
    # Positions do not depend on the policy.
    assert messages[-1].position[1] == 1
    relay.wait_for_log("TRUNCATE of public.a at .*: topics keep the rows that it removed")


def test_halt_stops_before_the_transaction_and_its_remedies_go_on(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    relay = scene.running_relay(on_truncate="halt")
    scene.execute("INSERT INTO a VALUES (1)")
    scene.settle()
    with scene.connection.transaction():
        scene.execute("INSERT INTO b VALUES (1); TRUNCATE a; INSERT INTO a VALUES (2)")
    assert relay.exit_code(60) == ROW_REFUSED
    assert re.search(r"\[truncate\] .*TRUNCATE of public\.a.*--on-truncate=tombstones.*--on-truncate=log", relay.log_text(),
                     re.DOTALL)
    assert "b" not in scene.topics()
    relay = scene.relay(on_truncate="halt")
    assert relay.run(60) == ROW_REFUSED
    scene.running_relay(on_truncate="tombstones")
    scene.settle()
    assert [(message.op, message.key["id"]) for message in scene.messages("a")] == [("c", 1), ("t", 1), ("c", 2)]
    assert [message.key["id"] for message in scene.messages("b")] == [1]


def test_each_tombstone_comes_once_however_often_the_relay_is_killed(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY)")
    relay = scene.running_relay(on_truncate="tombstones", transaction_max_messages=10, topic_config="partitions=3",
                                transaction_metadata=True)
    for number in range(5):
        # In one transaction with its TRUNCATE, so that a kill may come at any of its Kafka transactions.
        with scene.connection.transaction():
            scene.execute(f"INSERT INTO a SELECT generate_series({number * 100}, {number * 100 + 600})")
            scene.execute("TRUNCATE a")
            scene.execute(f"INSERT INTO a SELECT generate_series({number * 100 + 50}, {number * 100 + 99})")
        for wait in (0.2, 0.5, 0.8):
            time.sleep(wait)
            relay.kill9()
            relay.start()
            relay.wait_streaming()
        scene.execute("DELETE FROM a")
    messages = expect_topic_is_table(scene, "a")
    assert max(Counter((message.position, message.op, message.key["id"]) for message in messages).values()) == 1
    assert Counter(message.op for message in messages) == {"c": 5 * 651, "t": 5 * 601, "d": 5 * 50}
    reader = TopicReader(scene.servers.kafka.address, AvroDecoder(scene.servers.registry.url))
    events = Counter((event.value["status"], event.value["id"]) for event in reader.read(scene.topic("transaction-metadata")))
    assert max(events.values()) == 1
    assert "is in Kafka twice" not in relay.log_text()


def test_tombstones_wait_in_the_spool_with_the_rows(scene: Scene):
    """Captured while Kafka is away, published by a relay that is told to do otherwise from then on."""
    scene.execute("CREATE TABLE a (id int PRIMARY KEY)")
    relay = scene.running_relay(on_truncate="tombstones")
    scene.execute("INSERT INTO a VALUES (1), (2)")
    scene.settle()
    scene.servers.kafka.kill9()
    scene.execute("INSERT INTO a VALUES (3); TRUNCATE a; INSERT INTO a VALUES (4)")
    time.sleep(3)
    relay.kill9()
    scene.servers.bring_back()
    scene.running_relay(on_truncate="log")
    scene.execute("INSERT INTO a VALUES (5)")
    messages = expect_topic_is_table(scene, "a")
    assert sorted((message.op, message.key["id"]) for message in messages if message.op == "t") == [("t", 1), ("t", 2), ("t", 3)]
