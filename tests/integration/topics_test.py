"""One topic per table: its name, when it is made, how it is configured, and in which partition a key stays."""

import re
import time

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from harness import Scene
from harness.murmur2 import partition_of


@pytest.fixture
def admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.servers.kafka.address})


@pytest.mark.parametrize("table, topic", [
    ("test", "test"),
    ("crêpes", "cr_c3__aa_pes"),
    ("a-b", "a_2d_b"),
    ("CamelCase", "CamelCase"),
    ("with space", "with_20_space"),
    ("1st", "_31_st"),
    ('quo"te', "quo_22_te"),
    ("n" * 63, "n" * 63),
], ids=range(8))
def test_topic_is_named_after_the_table_byte_by_byte(scene: Scene, table: str, topic: str):
    quoted = '"' + table.replace('"', '""') + '"'
    scene.execute(f"CREATE TABLE {quoted} (id int PRIMARY KEY)")
    scene.execute(f"INSERT INTO {quoted} VALUES (1)")
    scene.running_relay()
    scene.settle()
    assert scene.topics() == {topic}
    assert scene.changes(topic) == [("r", {"id": 1}, {"id": 1})]


def test_schema_is_in_the_name_unless_it_is_public(scene: Scene):
    scene.execute('CREATE SCHEMA "my sales"')
    scene.execute('CREATE TABLE "my sales"."order" (id int PRIMARY KEY)')
    scene.running_relay()
    scene.execute('INSERT INTO "my sales"."order" VALUES (1)')
    scene.settle()
    assert scene.topics() == {"my_20_sales.order"}


def test_without_prefix_topics_have_the_bare_names(scene: Scene):
    table = "bare_" + scene.name
    scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    scene.execute(f"INSERT INTO {table} VALUES (1)")
    scene.running_relay(topic_prefix=None)
    scene.prefix = ""
    scene.settle()
    assert table in scene.reader.topics()
    assert f"bottledwater.{scene.name}.{scene.slot}.checkpoint" in scene.reader.topics()


def test_name_that_kafka_would_refuse_as_too_long_is_cut(scene: Scene):
    schema, table = "s" * 63, "é" * 31  # Each é becomes eight characters.
    scene.execute(f'CREATE SCHEMA {schema} CREATE TABLE "{table}" (id int PRIMARY KEY)')
    scene.execute(f'INSERT INTO {schema}."{table}" VALUES (1)')
    scene.running_relay()
    scene.settle()
    [topic] = scene.topics()
    assert topic.startswith(f"{schema}._c3__a9_") and len(scene.topic(topic)) == 249


def test_checkpoint_topic_has_the_prefix_too(scene: Scene):
    scene.running_relay()
    scene.settle()
    assert f"{scene.prefix}.bottledwater.{scene.name}.{scene.slot}.checkpoint" in scene.reader.topics()


def test_topic_is_made_with_its_first_row(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.running_relay()
    scene.settle()
    assert scene.topics() == set()
    scene.execute("INSERT INTO test VALUES (1)")
    scene.settle()
    assert scene.topics() == {"test"}


def test_topics_of_keyed_tables_are_compacted_and_others_are_not(scene: Scene, admin: AdminClient):
    scene.execute("CREATE TABLE keyed (id int PRIMARY KEY)")
    scene.execute("CREATE TABLE unkeyed (id int)")
    scene.running_relay(allow_unkeyed=True)
    scene.execute("INSERT INTO keyed VALUES (1)")
    scene.execute("INSERT INTO unkeyed VALUES (1)")
    scene.settle()
    assert topic_config(admin, scene.topic("keyed"))["cleanup.policy"] == "compact"
    assert topic_config(admin, scene.topic("unkeyed"))["cleanup.policy"] == "delete"
    assert topic_config(admin, scene.checkpoint_topic)["cleanup.policy"] == "compact"


def test_key_stays_in_the_partition_where_java_clients_look_for_it(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value int)")
    scene.execute("INSERT INTO test SELECT n, 0 FROM generate_series(1, 50) n")
    scene.running_relay(topic_config=["partitions=2"])
    scene.execute("UPDATE test SET value = 1")
    scene.execute("DELETE FROM test")
    messages = scene.messages("test")
    assert len(messages) == 150
    assert {message.partition for message in messages} == {0, 1}
    for message in messages:
        assert message.partition == partition_of(message.raw_key, partitions=2)
    for key in range(1, 51):
        assert [message.op for message in messages if message.key == {"id": key}] == ["r", "u", "d"]


def test_topic_is_made_as_topic_config_says(scene: Scene, admin: AdminClient):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test VALUES (1)")
    scene.running_relay(topic_config=["partitions=3", "replication=1", "retention.ms=12345678"])
    scene.settle()
    assert scene.reader.partitions(scene.topic("test")) == 3
    assert topic_config(admin, scene.topic("test"))["retention.ms"] == "12345678"


def test_existing_topic_is_used_as_it_is(scene: Scene, admin: AdminClient):
    make_topic(admin, scene.topic("test"), partitions=3, config={"retention.ms": "12345678"})
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1)")
    assert scene.changes("test") == [("c", {"id": 1}, {"id": 1})]
    assert scene.reader.partitions(scene.topic("test")) == 3
    config = topic_config(admin, scene.topic("test"))
    assert config["retention.ms"] == "12345678" and config["cleanup.policy"] == "delete"


def topic_config(admin: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result(timeout=20)
    return {name: entry.value for name, entry in entries.items()}


def make_topic(admin: AdminClient, topic: str, partitions: int, config: dict[str, str] = {}) -> None:
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config)
    admin.create_topics([new])[topic].result(timeout=20)


def test_topic_that_is_deleted_while_it_is_written_to_is_made_again_at_once(scene: Scene, admin: AdminClient):
    """librdkafka would wait a minute for its return."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1)")
    relay = scene.running_relay()
    scene.settle()
    admin.delete_topics([scene.topic("test")])[scene.topic("test")].result(20)
    begin = time.monotonic()
    scene.execute("INSERT INTO test VALUES (2)")
    scene.settle()
    assert time.monotonic() - begin < 30
    assert [key["id"] for _, key, _ in scene.changes("test")] == [2]
    assert relay.is_running()


def test_topic_that_somebody_has_made_again_is_a_halt(scene: Scene, admin: AdminClient):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test SELECT generate_series(1, 100)")
    relay = scene.running_relay(topic_config=["partitions=1"])
    scene.settle()
    topic = scene.topic("test")
    admin.delete_topics([topic])[topic].result(20)
    scene.wait_until(lambda: "test" not in scene.topics(), 20, "the topic to be gone")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    scene.execute("INSERT INTO test VALUES (101)")
    assert relay.exit_code(60) == 83
    assert "[records-lost]" in relay.log_text()


@pytest.mark.parametrize("relay_runs", [True, False], ids=["running", "stopped"])
def test_topic_that_somebody_has_made_again_with_fewer_partitions_is_a_halt(scene: Scene, admin: AdminClient,
                                                                            relay_runs: bool):
    """Nothing was written to the partition that it still has: of the others, only their number shows what is lost."""
    scene.use_json()  # Its keys have no ids of schemas, so that they have the same partitions in all topics.
    options = {"output_format": "plain-json", "topic_config": ["partitions=3"]}
    scene.execute("CREATE TABLE probe (id int PRIMARY KEY); INSERT INTO probe SELECT generate_series(1, 30)")
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = scene.running_relay(**options)
    ids = sorted(message.key["id"] for message in scene.messages("probe") if message.partition == 2)
    scene.execute("INSERT INTO test SELECT unnest(%s::int[])", [ids[1:]])
    scene.settle()
    if not relay_runs:
        relay.stop()
    topic = scene.topic("test")
    admin.delete_topics([topic])[topic].result(20)
    scene.wait_until(lambda: "test" not in scene.topics(), 20, "the topic to be gone")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    scene.execute("INSERT INTO test VALUES (%s)", ids[:1])
    if not relay_runs:
        relay.start()
    assert relay.exit_code(60) == 83
    assert re.search(r"\[records-lost\] .*: topic \S+\.test has no partition 2 any more", relay.log_text())
    scene.running_relay("resnapshot", **options)
    assert sorted((message.op, message.key["id"]) for message in scene.messages("test")) == [("r", id) for id in ids]
