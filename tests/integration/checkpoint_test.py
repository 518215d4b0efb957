"""The checkpoint goes with the rows, in the same Kafka transaction: it is what makes a row appear once."""

from confluent_kafka import Consumer, TopicPartition
from harness import Scene

from clients import JsonDecoder, TopicReader


def test_checkpoint_is_committed_with_the_rows_and_once_per_transaction(scene: Scene):
    """A transaction leaves one control record in each partition it wrote to. So when every transaction writes one
    row and one checkpoint, each partition ends at twice the number of its messages."""
    scene.running_relay()
    for _ in range(5):
        scene.settle()  # One row, one transaction.
    for topic in scene.topic("bw_marker"), scene.checkpoint_topic:
        offsets = committed_offsets(scene, topic)
        assert end_offset(scene, topic) == 2 * len(offsets)
        assert all(offset % 2 == 0 for offset in offsets)
    rows, checkpoints = (len(committed_offsets(scene, topic)) for topic in (scene.topic("bw_marker"), scene.checkpoint_topic))
    assert rows == 5 and checkpoints >= 5


def test_newest_checkpoint_names_the_newest_published_change(scene: Scene):
    scene.running_relay()
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test SELECT generate_series(1, 10)")
    commits = [message.headers["lsn"].split(":")[0] for message in scene.messages("test", "bw_marker")]
    newest_commit = max(commits, key=lambda lsn: [int(half, 16) for half in lsn.split("/")])
    checkpoints = TopicReader(scene.servers.kafka.address, CheckpointDecoder()).read(scene.checkpoint_topic)
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
    """Its key is a word, its value JSON."""

    def decode(self, data):
        return "checkpoint" if data == b"checkpoint" else super().decode(data)


def committed_offsets(scene: Scene, topic: str) -> list[int]:
    consumer = raw_consumer(scene)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        offsets, end = [], end_offset(scene, topic)
        while True:
            message = consumer.poll(20)
            assert message is not None, f"no more messages, and no end, in {topic}"
            if message.error():
                return offsets
            offsets.append(message.offset())
            if message.offset() + 1 >= end:
                return offsets
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
