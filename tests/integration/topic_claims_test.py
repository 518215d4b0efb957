"""A topic has the rows of one table, through restarts and a lost spool, and a collision of names concerns only the table that
comes second."""

import json
import shutil

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Scene

from clients import JsonDecoder, TopicReader


class ClaimDecoder(JsonDecoder):
    """Keys are words, values JSON."""

    def decode(self, data):
        try:
            return json.loads(data)
        except ValueError:
            return data.decode()


def claims(scene: Scene) -> dict[str, tuple[str, str]]:
    records = TopicReader(scene.servers.kafka.address, ClaimDecoder()).read(scene.checkpoint_topic)
    return {record.key.removeprefix("topic/" + scene.topic("")): (record.value["schema"], record.value["table"])
            for record in records if record.key.startswith("topic/")}


def of(scene: Scene, topic: str) -> list:
    return [value["value"] for _, _, value in scene.changes(topic)]


def two_tables_of_one_name(scene: Scene) -> None:
    for table in '"a-b"', "a_2d_b":
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, value text)")


def suffixed(scene: Scene, name: str) -> str:
    [topic] = [topic for topic in scene.topics() if topic.startswith(name + "_") and len(topic) == len(name) + 9]
    return topic


@pytest.mark.parametrize("between", ["nothing", "restart", "kill", "lost spool"])
def test_second_table_of_a_topic_gets_its_own_whatever_happens_between(scene: Scene, between: str):
    two_tables_of_one_name(scene)
    relay = scene.running_relay()
    scene.execute("""INSERT INTO "a-b" VALUES (1, 'dash')""")
    scene.settle()
    if between != "nothing":
        relay.kill9() if between != "restart" else relay.stop()
        if between == "lost spool":
            shutil.rmtree(scene.folder / "spool")
        relay.start()
        relay.wait_streaming()
    scene.execute("INSERT INTO a_2d_b VALUES (1, 'escaped')")
    scene.execute("""INSERT INTO "a-b" VALUES (2, 'dash')""")
    assert of(scene, "a_2d_b") == ["dash", "dash"]
    other = suffixed(scene, "a_2d_b")
    assert of(scene, other) == ["escaped"]
    # For good, whoever comes first after a start without a spool.
    relay.kill9()
    shutil.rmtree(scene.folder / "spool")
    relay.start()
    relay.wait_streaming()
    scene.execute("UPDATE a_2d_b SET value = 'again'")
    scene.execute("""UPDATE "a-b" SET value = 'again' WHERE id = 1""")
    assert of(scene, other) == ["escaped", "again"]
    assert of(scene, "a_2d_b") == ["dash", "dash", "again"]
    assert claims(scene) | {"bw_marker": ("public", "bw_marker")} == {
        "a_2d_b": ("public", "a-b"), other: ("public", "a_2d_b"), "bw_marker": ("public", "bw_marker")}


def test_collision_within_a_snapshot_is_said_and_resnapshot_keeps_the_topics(scene: Scene):
    two_tables_of_one_name(scene)
    scene.execute("""INSERT INTO "a-b" VALUES (1, 'dash'); INSERT INTO a_2d_b VALUES (1, 'escaped')""")
    relay = scene.running_relay()
    scene.settle()
    other = suffixed(scene, "a_2d_b")
    before = of(scene, "a_2d_b"), of(scene, other)
    assert sorted(before) == [["dash"], ["escaped"]]
    assert "cannot both have topic" in relay.log_text()
    relay.stop()
    scene.execute('DELETE FROM "a-b"; DELETE FROM a_2d_b')
    scene.running_relay("resnapshot")
    assert [[op for op, _, _ in scene.changes(topic)] for topic in ("a_2d_b", other)] == [["r", "d"]] * 2


def test_schema_beside_a_name_that_kafka_takes_for_the_same_gets_a_suffix(scene: Scene):
    scene.execute("CREATE SCHEMA sales CREATE TABLE orders (id int PRIMARY KEY, value text)")
    scene.execute("CREATE TABLE sales_orders (id int PRIMARY KEY, value text)")
    relay = scene.running_relay()
    scene.execute("INSERT INTO sales.orders VALUES (1, 'dot')")
    scene.settle()
    scene.execute("INSERT INTO sales_orders VALUES (1, 'underscore')")
    assert of(scene, "sales.orders") == ["dot"]
    assert of(scene, suffixed(scene, "sales_orders")) == ["underscore"]
    assert relay.is_running() and "Kafka allows no topic" in relay.log_text()


def test_name_that_kafka_refuses_beside_somebody_elses_topic_gets_a_suffix(scene: Scene):
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    foreign = scene.topic("web.hits")
    admin.create_topics([NewTopic(foreign, num_partitions=1, replication_factor=1)])[foreign].result(timeout=20)
    scene.execute("CREATE TABLE web_hits (id int PRIMARY KEY, value text)")
    relay = scene.running_relay()
    scene.execute("INSERT INTO web_hits VALUES (1, 'ours')")
    scene.settle()
    assert of(scene, suffixed(scene, "web_hits")) == ["ours"]
    assert of(scene, "web.hits") == []
    assert relay.is_running()


def test_names_that_differ_only_in_case_and_names_of_dots_are_topics_of_their_own(scene: Scene):
    for table in '"Orders"', "orders", '"."', '".."':
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, value text)")
        scene.execute(f"INSERT INTO {table} VALUES (1, %s)", [table])
    scene.running_relay()
    scene.settle()
    assert scene.topics() == {"Orders", "orders", "_2e_", "_2e__2e_"}


def test_table_named_as_a_topic_of_kafkas_does_not_write_there(scene: Scene):
    scene.execute("CREATE TABLE __consumer_offsets (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO __consumer_offsets VALUES (1, 'ours')")
    relay = scene.running_relay(topic_prefix=None)
    scene.prefix = ""
    scene.settle()
    hash = crc32c(b"public\0__consumer_offsets")
    assert of(scene, f"__consumer_offsets_{hash:08x}") == ["ours"]
    assert relay.is_running()


def test_held_table_is_left_out_loudly_and_noted_to_be_read_again(scene: Scene):
    two_tables_of_one_name(scene)
    relay = scene.running_relay(on_collision="hold")
    scene.execute("""INSERT INTO "a-b" VALUES (1, 'dash')""")
    scene.settle()
    scene.execute("INSERT INTO a_2d_b VALUES (1, 'held')")
    scene.execute("""INSERT INTO "a-b" VALUES (2, 'dash')""")
    assert of(scene, "a_2d_b") == ["dash", "dash"]
    assert scene.topics() == {"a_2d_b"}
    assert "left out by --on-collision=hold" in relay.log_text()
    relay.stop()
    again = scene.running_relay("resnapshot", "public.a_2d_b", on_collision="suffix")
    scene.settle()
    assert of(scene, suffixed(scene, "a_2d_b")) == ["held"]
    assert again.is_running()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
