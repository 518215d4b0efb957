"""A checkpoint that does not fit into one record is several records of the same Kafka transaction.

200,000 partitions are more than this broker should hold for a test, so the checkpoint topic's `max.message.bytes` is lowered until
400 do not fit; the unit tests have the 200,000 (`checkpoint_writer_test.cc`)."""

import json
import shutil

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Scene

RECORD_BYTES_MAX = 1200


@pytest.fixture
def small_records(scene: Scene) -> Scene:
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    config = {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_BYTES_MAX), "segment.ms": "1000",
              "min.cleanable.dirty.ratio": "0.01"}
    new = NewTopic(scene.checkpoint_topic, num_partitions=1, replication_factor=1, config=config)
    admin.create_topics([new])[scene.checkpoint_topic].result(timeout=20)
    for table in "wide", "other":
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, value int)")
        scene.execute(f"INSERT INTO {table} SELECT n, 0 FROM generate_series(1, 500) n")
    return scene


def relay_of(scene: Scene):
    return scene.running_relay(topic_config=["partitions=200"], kafka_config=["compression.type=none"])


def test_checkpoint_larger_than_a_record_may_be_is_published_and_goes_on(small_records: Scene):
    scene = small_records
    relay = relay_of(scene)
    for value in 1, 2, 3:
        scene.execute("UPDATE wide SET value = %s", [value])
        scene.execute("UPDATE other SET value = %s WHERE id %% 100 = 0", [value])
        scene.settle()
        relay.kill9()
        relay.start()
        relay.wait_streaming()
    assert len(scene.messages("wide")) == 500 * 4
    assert len(scene.messages("other")) == 500 + 5 * 3
    keys = [key for key, _ in checkpoint_records(scene)]
    assert "offsets/0/a" in keys and "offsets/0/b" in keys
    newest = [value for key, value in checkpoint_records(scene) if key == "checkpoint"][-1]
    assert newest["format"] == 2 and "offsets" not in newest and len(newest["parts"]) > 1


def test_lost_spool_is_made_up_for_by_a_checkpoint_of_several_records(small_records: Scene):
    scene = small_records
    relay = relay_of(scene)
    scene.execute("UPDATE wide SET value = 1")
    scene.settle()
    relay.kill9()
    shutil.rmtree(scene.folder / "spool")
    scene.execute("UPDATE wide SET value = 2")
    relay.start()
    relay.wait_streaming()
    messages = scene.messages("wide")
    assert len(messages) == 500 * 3
    assert sorted(message.value["value"] for message in messages) == [0] * 500 + [1] * 500 + [2] * 500


def checkpoint_records(scene: Scene) -> list[tuple[str, dict]]:
    consumer = Consumer({"bootstrap.servers": scene.servers.kafka.address, "group.id": "parts", "enable.partition.eof": True,
                         "isolation.level": "read_committed", "enable.auto.commit": False})
    records = []
    try:
        consumer.assign([TopicPartition(scene.checkpoint_topic, 0, 0)])
        while True:
            message = consumer.poll(20)
            assert message is not None, "no more messages, and no end"
            if message.error():
                return records
            records.append((message.key().decode(), json.loads(message.value())))
    finally:
        consumer.close()
