"""--transaction-metadata: BEGIN and END of each transaction, in the Kafka transaction of its rows, with Debezium's fields."""

from collections import Counter
from typing import Any

import pytest
from clients import AvroDecoder, JsonDecoder, Message, TopicReader
from harness import Scene

FORMATS = pytest.mark.parametrize("output_format", ["avro", "json", "plain-json"])


def events(scene: Scene, output_format: str = "avro") -> list[Message]:
    decoder = AvroDecoder(scene.servers.registry.url) if output_format == "avro" else JsonDecoder()
    return TopicReader(scene.servers.kafka.address, decoder).read(scene.topic("transaction-metadata"))


def of_tables(event: dict[str, Any]) -> dict[str, int]:
    return {one["data_collection"]: one["event_count"] for one in event["data_collections"]}


def without_marker(messages: list[Message]) -> list[tuple[dict, dict]]:
    """(BEGIN, END) of each transaction; they come in that order, one transaction after the other."""
    pairs = [(begin.value, end.value) for begin, end in zip(messages[::2], messages[1::2], strict=True)]
    return [pair for pair in pairs if "public.bw_marker" not in of_tables(pair[1])]


@FORMATS
def test_each_transaction_has_its_begin_and_its_end(scene: Scene, output_format: str):
    if output_format != "avro":
        scene.use_json()
    scene.execute("CREATE SCHEMA s; CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE s.b (id int PRIMARY KEY)")
    scene.execute("INSERT INTO a VALUES (100, 0)")  # The snapshot is no transaction.
    scene.running_relay(transaction_metadata=True, output_format=output_format)
    with scene.connection.transaction():
        [(xid,)] = scene.query("SELECT txid_current()::text::bigint")
        scene.execute("INSERT INTO a VALUES (1, 1), (2, 2)")
        scene.execute("INSERT INTO s.b VALUES (1)")
        scene.execute("ALTER TABLE a ADD w int")  # Two forms of one table.
        scene.execute("UPDATE a SET v = 5 WHERE id = 1; DELETE FROM a WHERE id = 2")
    scene.execute("CREATE TABLE later (id int PRIMARY KEY)")  # Nothing of it is captured.
    scene.settle()
    messages = events(scene, output_format)
    [(begin, end)] = without_marker(messages)
    assert begin == {"status": "BEGIN", "id": end["id"], "event_count": None, "data_collections": None,
                     "ts_ms": end["ts_ms"]}
    assert (end["status"], end["event_count"], of_tables(end)) == ("END", 5, {"public.a": 4, "s.b": 1})
    rows = [message for message in scene.messages("a", settle=False) if message.op != "r"]
    commit_lsn = rows[0].position[0]
    assert end["id"] == f"{xid}:{commit_lsn}"
    assert {message.headers["ts"] for message in rows} == {str(end["ts_ms"])}
    [first, last] = [message for message in messages if message.value["id"] == end["id"]]
    assert first.key == last.key == {"id": end["id"]}
    assert (first.op, first.position) == ("B", (commit_lsn, 0))
    assert (last.op, last.position) == ("E", (commit_lsn, 2**64 - 1))


def test_a_split_transaction_has_its_begin_before_its_rows_and_its_end_after_them(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    relay = scene.running_relay(transaction_metadata=True, transaction_max_messages=7)
    sizes = [100, 1, 7, 14, 33]
    number = 0
    for size in sizes:
        with scene.connection.transaction():
            scene.execute(f"INSERT INTO a SELECT generate_series({number + 1}, {number + size})")
            scene.execute(f"INSERT INTO b VALUES ({number})")
        number += size
    scene.settle()
    ends = [end for _, end in without_marker(events(scene))]
    assert [of_tables(end) for end in ends] == [{"public.a": size, "public.b": 1} for size in sizes]
    assert relay.is_running()


def test_counts_are_right_and_come_once_however_often_the_relay_is_killed(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    relay = scene.running_relay(transaction_metadata=True, transaction_max_messages=5)
    sizes = []
    number = 0
    for round_ in range(8):
        for size in (1, 40, 200, round_ + 3):
            with scene.connection.transaction():
                scene.execute(f"INSERT INTO a SELECT generate_series({number + 1}, {number + size})")
                scene.execute(f"INSERT INTO b SELECT generate_series({number + 1}, {number + 2})")
            sizes.append(size)
            number += size + 2
        relay.kill9()
        relay.start()
        relay.wait_streaming()
    scene.settle()
    messages = events(scene)
    assert max(Counter((message.op, message.value["id"]) for message in messages).values()) == 1
    ends = [end for _, end in without_marker(messages)]
    assert [of_tables(end) for end in ends] == [{"public.a": size, "public.b": 2} for size in sizes]


def test_switched_on_and_off_it_disturbs_nothing(scene: Scene):
    scene.execute("CREATE TABLE a (id int PRIMARY KEY)")
    for number in range(1, 6):
        relay = scene.running_relay(transaction_metadata=number % 2 == 0)
        scene.execute(f"INSERT INTO a VALUES ({number})")
        scene.settle()
        relay.stop()
    assert [key["id"] for _, key, _ in scene.changes("a", settle=False)] == [1, 2, 3, 4, 5]
    assert [of_tables(end) for _, end in without_marker(events(scene))] == [{"public.a": 1}] * 2
