"""The checkpoint goes with the rows, in the same Kafka transaction: it is what makes a row appear once."""

from confluent_kafka import Consumer, TopicPartition
from harness import Scene

from clients import JsonDecoder, TopicReader


def test_checkpoint_is_committed_with_the_rows_and_once_per_transaction(scene: Scene):
    """A transaction leaves one control record in each partition it wrote to. So when every transaction writes one
    row and one checkpoint, each partition ends at its messages and as many control records as it has rows or
    checkpoints; the checkpoint topic also has a record for each topic that a table claims."""
    scene.running_relay()
    for _ in range(5):
        scene.settle()  # One row, one transaction.
    rows = committed_keys(scene, scene.topic("bw_marker"))
    assert list(rows) == [0, 2, 4, 6, 8]
    assert end_offset(scene, scene.topic("bw_marker")) == 2 * len(rows)
    records = committed_keys(scene, scene.checkpoint_topic)
    checkpoints = [offset for offset, key in records.items() if key == b"checkpoint"]
    assert len(checkpoints) >= 5
    assert end_offset(scene, scene.checkpoint_topic) == len(records) + len(checkpoints)
    assert all(offset + 1 not in records for offset in checkpoints)  # The last of its transaction.


def test_newest_checkpoint_names_the_newest_published_change(scene: Scene):
    scene.running_relay()
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test SELECT generate_series(1, 10)")
    commits = [message.headers["lsn"].split(":")[0] for message in scene.messages("test", "bw_marker")]
    newest_commit = max(commits, key=lambda lsn: [int(half, 16) for half in lsn.split("/")])
    records = TopicReader(scene.servers.kafka.address, CheckpointDecoder()).read(scene.checkpoint_topic)
    checkpoints = [record for record in records if record.key == "checkpoint"]
    assert checkpoints[-1].value["position"] == f"{newest_commit}:end"
    newest = checkpoints[-1].value
    assert (newest["source"]["database"], newest["source"]["slot"]) == (scene.name, scene.slot)
    assert newest["offsets"][scene.topic("test")] == [10]


def test_checkpoint_topic_has_one_partition(scene: Scene):
    scene.running_relay()
    scene.settle()
    assert scene.reader.partitions(scene.checkpoint_topic) == 1


def test_lost_spool_is_made_up_for_by_checkpoint_and_slot(scene: Scene):
    """In normal times PostgreSQL keeps what Kafka has not: a new disk loses nothing and repeats nothing."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = scene.running_relay()
    scene.execute("INSERT INTO test SELECT generate_series(1, 100)")
    scene.settle()
    relay.kill9()
    (scene.folder / "spool").rename(scene.folder / "lost")
    scene.execute("INSERT INTO test SELECT generate_series(101, 200)")
    relay.start()
    assert [message.key["id"] for message in scene.messages("test")] == list(range(1, 201))


class CheckpointDecoder(JsonDecoder):
    """Its keys are texts, its values JSON."""

    def decode(self, data):
        return super().decode(data) if data is None or data.startswith(b"{") else data.decode()


def committed_keys(scene: Scene, topic: str) -> dict[int, bytes]:
    """By offset."""
    consumer = raw_consumer(scene)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        keys, end = {}, end_offset(scene, topic)
        while True:
            message = consumer.poll(20)
            assert message is not None, f"no more messages, and no end, in {topic}"
            if message.error():
                return keys
            keys[message.offset()] = message.key()
            if message.offset() + 1 >= end:
                return keys
    finally:
        consumer.close()


def end_offset(scene: Scene, topic: str) -> int:
    consumer = raw_consumer(scene)
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
    finally:
        consumer.close()


def raw_consumer(scene: Scene) -> Consumer:
    return Consumer({"bootstrap.servers": scene.servers.kafka.address, "group.id": "raw", "enable.partition.eof": True,
                     "isolation.level": "read_committed", "enable.auto.commit": False})
