"""Rows that cannot be published: each kind, under each --on-error, ends as documented, with nothing else disturbed."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import JsonDecoder, Message, TopicReader
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic,
                                  ResourceType)
from harness import Scene

from servers import Servers

ROW_REFUSED = 65
LIMIT = 20_000
NOISE = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 2000))"  # 64,000 bytes.


@pytest.fixture
def ascii_scene(servers: Servers, tmp_path: Path) -> Iterator[Scene]:
    """Its database takes texts that are not UTF-8."""
    servers.bring_back()
    scene = Scene(servers, tmp_path, "SQL_ASCII")
    yield scene
    print(scene.report())
    scene.close()


def set_limit(scene: Scene, topic: str, limit: int) -> None:
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(timeout=20)


def letters(scene: Scene) -> list[Message]:
    reader = TopicReader(scene.servers.kafka.address, JsonDecoder())
    return sorted(reader.read(scene.topic("dead-letter")), key=lambda message: message.position)


def ids(scene: Scene, table: str) -> list[int]:
    return [key["id"] for _, key, _ in scene.changes(table)]


class Kind:
    """A way in which row 2 of a table cannot be published, row 1 can, and row 3, unless the whole table cannot."""

    def __init__(self, table: str, column: str, reason: str, published=(1, 3)):
        self.table, self.column, self.reason, self.published = table, column, reason, list(published)

    @property
    def refused(self) -> list[int]:
        return [number for number in (1, 2, 3) if number not in self.published]

    def prepare(self, scene: Scene) -> None:
        scene.execute(f"CREATE TABLE {self.table} (id int PRIMARY KEY, v {self.column})")

    def before(self, scene: Scene) -> None:
        """Row 1 is published."""

    good, bad = "'1'", ""


class Text(Kind):
    bad = r"E'a\xffz'"


class Range(Kind):
    good, bad = "'2026-01-01'", "'294276-12-31'"


class Size(Kind):
    bad = NOISE

    def before(self, scene: Scene) -> None:
        set_limit(scene, scene.topic(self.table), LIMIT)


class Registry(Kind):
    bad = "'2'"

    def before(self, scene: Scene) -> None:
        scene.set_compatibility(self.table, "BACKWARD")
        scene.execute(f"ALTER TABLE {self.table} ALTER v TYPE text")


KINDS = [
    Text("t_text", "text", r'table public\.t_text, column "v" \(text\): its text is neither valid UTF-8'),
    Range("t_range", "timestamp", r'table public\.t_range, column "v" .*: Avro cannot hold its value'),
    Size("t_size", "text", r"its message has 6\d\d\d\d bytes, and 19872 are allowed"),
    Registry("t_registry", "int", r'-value: the registry refuses the schema: .*Refused: {.*"string".*; of the subject, its '
             r'newest: {.*"int"', published=[1]),
]
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)


def provoke(scene: Scene, kind: Kind) -> None:
    """After row 1: the refused row, between others of its transaction, and a row of its table in the next one."""
    kind.before(scene)
    with scene.connection.transaction():
        scene.execute("INSERT INTO other VALUES (DEFAULT)")
        scene.execute(f"INSERT INTO {kind.table} VALUES (2, {kind.bad})")
        scene.execute("INSERT INTO other VALUES (DEFAULT)")
    scene.execute(f"INSERT INTO {kind.table} VALUES (3, {kind.good})")


def first_rows(scene: Scene, *kinds: Kind) -> None:
    scene.execute("CREATE TABLE other (id serial PRIMARY KEY)")
    for kind in kinds:
        kind.prepare(scene)
        scene.execute(f"INSERT INTO {kind.table} VALUES (1, {kind.good})")


def expect_the_others(scene: Scene, *kinds: Kind) -> None:
    for kind in kinds:
        assert ids(scene, kind.table) == kind.published, kind.table
    assert sorted(ids(scene, "other")) == list(range(1, 2 * len(kinds) + 1))


def check_letter(kind: Kind, letter: Message) -> None:
    value = letter.value
    assert (value["schema"], value["op"], letter.op) == ("public", "c", "c")
    assert letter.key == {"schema": "public", "table": kind.table, "key": value["key"]}
    assert value["position"] == letter.headers["lsn"] and value["xid"] > 0
    assert re.search(kind.reason, value["reason"]), value["reason"]
    number = value["key"]["id"]
    if kind.table == "t_text":
        assert value["row"] == {"id": "2", "v": {"hex": "61ff7a"}}
    elif kind.table == "t_range":
        assert value["row"] == {"id": "2", "v": "294276-12-31 00:00:00"}
    else:
        assert value["value"]["id"] == number and value["topic"].endswith(kind.table)


def test_dead_letters_take_the_place_of_their_rows(ascii_scene: Scene):
    scene = ascii_scene
    first_rows(scene, *KINDS)
    relay = scene.running_relay(on_error="dead-letter")
    scene.settle()
    for kind in KINDS:
        provoke(scene, kind)
    expect_the_others(scene, *KINDS)
    by_table: dict[str, list[Message]] = {}
    for letter in letters(scene):
        by_table.setdefault(letter.value["table"], []).append(letter)
    assert {table: [one.value["key"]["id"] for one in some] for table, some in by_table.items()} == {
        kind.table: kind.refused for kind in KINDS}
    for kind in KINDS:
        for letter in by_table[kind.table]:
            check_letter(kind, letter)
    relay.wait_for_log(r"t_size, change .* cannot be published: .* \(it goes to the dead-letter topic\)")
    count = len(letters(scene))
    relay.stop()
    relay.start()
    scene.settle()
    assert len(letters(scene)) == count


def test_log_leaves_out_the_rows_and_nothing_else(ascii_scene: Scene):
    scene = ascii_scene
    first_rows(scene, *KINDS)
    relay = scene.running_relay(on_error="log")
    scene.settle()
    for kind in KINDS:
        provoke(scene, kind)
    expect_the_others(scene, *KINDS)
    assert "dead-letter" not in scene.topics()
    for kind in KINDS:
        assert re.search(kind.reason, relay.log_text()), kind.table


@EACH_KIND
def test_exit_stops_before_the_row_and_another_policy_goes_on_there(ascii_scene: Scene, kind: Kind):
    scene = ascii_scene
    first_rows(scene, kind)
    relay = scene.running_relay()
    scene.settle()
    provoke(scene, kind)
    assert relay.exit_code(60) == ROW_REFUSED
    assert re.search(kind.reason, relay.log_text())
    assert [key["id"] for _, key, _ in scene.changes(kind.table, settle=False)] == [1]
    scene.running_relay(on_error="dead-letter")
    expect_the_others(scene, kind)
    assert [letter.value["key"]["id"] for letter in letters(scene)] == kind.refused


def test_rows_of_the_snapshot_become_dead_letters_too(ascii_scene: Scene):
    scene = ascii_scene
    kinds = KINDS[:2]
    first_rows(scene, *kinds)
    for kind in kinds:
        scene.execute(f"INSERT INTO {kind.table} VALUES (2, {kind.bad}), (3, {kind.good})")
    scene.running_relay(on_error="dead-letter")
    for kind in kinds:
        assert sorted(ids(scene, kind.table)) == [1, 3]
    found = letters(scene)
    assert sorted(letter.value["table"] for letter in found) == ["t_range", "t_text"]
    for letter in found:
        assert (letter.op, letter.value["xid"], letter.value["key"]) == ("r", 0, {"id": 2})


def test_rows_in_the_spool_follow_the_policy_of_the_start_that_publishes_them(ascii_scene: Scene):
    """A row that was captured as a dead letter, and is published by a relay with another --on-error."""
    scene = ascii_scene
    [kind, *_] = KINDS
    first_rows(scene, kind)
    relay = scene.running_relay(on_error="dead-letter")
    scene.settle()
    scene.servers.kafka.kill9()
    provoke(scene, kind)
    scene.wait_until(lambda: relay.wait_for_log("(?i)kafka") and time.sleep(3) is None, 30, "the rows to be captured")
    relay.kill9()
    scene.servers.bring_back()
    relay = scene.relay(on_error="exit")
    assert relay.run(60) == ROW_REFUSED
    scene.running_relay(on_error="log")
    expect_the_others(scene, kind)


def test_a_row_above_the_dead_letter_topics_limit_is_named_there_without_its_value(scene: Scene):
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    scene.running_relay(on_error="dead-letter", max_message_bytes="64KiB")
    scene.execute(f"INSERT INTO t VALUES (1, 'a'), (2, {NOISE} || {NOISE}), (3, 'c')")
    assert ids(scene, "t") == [1, 3]
    [letter] = letters(scene)
    assert "value" not in letter.value and letter.value["value_size"] > 120_000
    assert letter.value["key"] == {"id": 2} and letter.value["table"] == "t"
    # Its own limit may be lowered at any time.
    set_limit(scene, scene.topic("dead-letter"), 1024)
    scene.execute(f"INSERT INTO t VALUES (4, {NOISE} || {NOISE}), (5, 'e')")
    assert ids(scene, "t") == [1, 3, 5]
    assert [one.value.get("key", {}).get("id") for one in letters(scene)] == [2, 4]


def test_dead_letters_come_once_however_often_the_relay_is_killed(ascii_scene: Scene):
    scene = ascii_scene
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    relay = scene.running_relay(on_error="dead-letter", transaction_max_messages=5)
    number = 0
    for _ in range(8):
        for _ in range(20):
            scene.execute(r"INSERT INTO t SELECT i, CASE i % 3 WHEN 0 THEN E'\xff' ELSE 'x' END "
                          f"FROM generate_series({number + 1}, {number + 10}) i")
            number += 10
        relay.kill9()
        relay.start()
        relay.wait_streaming()
    assert sorted(ids(scene, "t")) == [i for i in range(1, number + 1) if i % 3]
    assert sorted(letter.value["key"]["id"] for letter in letters(scene)) == [i for i in range(1, number + 1) if i % 3 == 0]
    positions = [message.position for message in [*scene.messages("t"), *letters(scene)]]
    assert len(set(positions)) == len(positions) == number


def test_relays_that_share_the_topic_leave_each_others_letters_alone(ascii_scene: Scene):
    """Two of one database have the same positions and times: without the header `relay`, one's letter is the other's torn row."""
    scene = ascii_scene
    scene.execute("CREATE TABLE items (id int PRIMARY KEY, v text); CREATE TABLE bad (id int PRIMARY KEY, v text);"
                  "CREATE PUBLICATION one FOR TABLE items, bw_marker; CREATE PUBLICATION two FOR TABLE bad")

    def relay(name: str):
        return scene.running_relay(slot=scene.name + name, publication=name, spool=str(scene.folder / name), on_error="dead-letter")

    relay("two")
    first = relay("one")
    scene.settle()
    first.kill9()
    with scene.connection.transaction():
        scene.execute("INSERT INTO items VALUES (1, 'must come')")
        scene.execute("INSERT INTO bad VALUES (1, E'\\xff')")
    scene.wait_until(lambda: len(letters(scene)) == 1, 60, "the other relay's letter")
    first.start()
    first.wait_streaming()
    scene.settle()
    assert [message.key["id"] for message in scene.messages("items", settle=False)] == [1]
    assert "torn" not in first.log_text()


def test_a_refused_row_keeps_its_key_in_the_topic_over_a_resnapshot(ascii_scene: Scene):
    scene = ascii_scene
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'good'), (2, 'good')")
    relay = scene.running_relay(on_error="dead-letter")
    scene.execute("UPDATE t SET v = E'\\xff' WHERE id = 1")
    scene.settle()
    relay.stop()
    scene.running_relay("resnapshot", "public.t", on_error="dead-letter")
    scene.settle()
    assert "d" not in {message.op for message in scene.messages("t", settle=False)}
    assert len(letters(scene)) == 2


def test_a_row_is_mended_by_changing_the_key_that_was_refused(ascii_scene: Scene):
    scene = ascii_scene
    scene.execute("CREATE TABLE t (id text PRIMARY KEY, v text); INSERT INTO t VALUES (E'a\\xff', 'row')")
    scene.running_relay(on_error="dead-letter")
    scene.execute("UPDATE t SET id = 'good'")
    assert [(message.op, message.key["id"]) for message in scene.messages("t")] == [("u", "good")]
    assert len(letters(scene)) == 1


def test_the_dead_letter_topic_may_be_emptied_and_is_never_compacted(ascii_scene: Scene):
    scene = ascii_scene
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, E'\\xff'), (2, 'good')")
    relay = scene.running_relay(on_error="dead-letter", topic_config=["cleanup.policy=compact"])
    scene.settle()
    topic = scene.topic("dead-letter")
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    assert admin.describe_configs([resource])[resource].result(20)["cleanup.policy"].value == "delete"
    relay.stop()
    admin.delete_topics([topic])[topic].result(20)
    scene.wait_until(lambda: topic not in scene.reader.topics(), 60, "the topic to be gone")
    [done] = admin.create_topics([NewTopic(topic, 1, 1)]).values()
    done.result(20)
    relay.start()
    relay.wait_streaming()
    scene.execute("INSERT INTO t VALUES (3, E'\\xff')")
    scene.settle()
    assert "was emptied, or made again" in relay.log_text()
    assert [json.loads(one.raw_key)["key"]["id"] for one in letters(scene)] == [3]
