"""A `read_committed` view of topics: what a careful consumer sees, and nothing else."""

import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Callable, Optional, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

POLL_S = 0.1


class Decoder(Protocol):
    def decode(self, data: Optional[bytes]) -> Any: ...


@dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    key: Any
    value: Any
    headers: dict[str, str]
    raw_key: Optional[bytes]
    raw_value: Optional[bytes]

    @property
    def op(self) -> str:
        return self.headers["op"]

    @property
    def position(self) -> tuple[int, int]:
        """The `lsn` header as numbers: commit LSN and index, comparable."""
        lsn, index = self.headers["lsn"].split(":")
        high, low = lsn.split("/")
        return int(high, 16) << 32 | int(low, 16), int(index)


class TopicReader:
    def __init__(self, brokers: str, decoder: Decoder):
        self._brokers = brokers
        self._decoder = decoder

    def topics(self) -> set[str]:
        consumer = self._consumer("read_committed")
        try:
            return _topics(consumer)
        finally:
            consumer.close()

    def partitions(self, topic: str) -> int:
        consumer = self._consumer("read_committed")
        try:
            return len(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
        finally:
            consumer.close()

    def read(self, *topics: str, timeout: float = 60, stable: bool = False) -> list[Message]:
        """All messages from the beginning up to now, in offset order per partition.

        "Now" is the high watermark, so a transaction that is still open is waited for: it ends when a relay
        commits or aborts it. With `stable`, now is where that open transaction begins. `timeout` is for the time in
        which nothing comes.
        """
        ends = self._ends(topics, "read_committed" if stable else "read_uncommitted")
        consumer = self._consumer("read_committed")
        messages, reached, deadline = [], set(), time.monotonic() + timeout
        try:
            for topic in topics:
                consumer.list_topics(topic, timeout=20)  # Else it asks for the leaders half a second after `assign`.
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in ends])
            while len(reached) < len(ends):
                batch = consumer.consume(10_000, POLL_S)
                if any(got.error() is None for got in batch):
                    deadline = time.monotonic() + timeout
                for got in batch:
                    place = got.topic(), got.partition()
                    if got.error() is None:
                        if got.offset() < ends[place]:
                            messages.append(self._decode(got))
                        if got.offset() + 1 >= ends[place]:
                            reached.add(place)
                    elif got.error().code() == KafkaError._PARTITION_EOF:
                        if got.offset() >= ends[place]:
                            reached.add(place)
                    elif got.error().fatal():
                        raise RuntimeError(got.error())
                if time.monotonic() > deadline:
                    missing = {place: end for place, end in ends.items() if place not in reached}
                    raise TimeoutError(f"read {len(messages)} messages, then none for {timeout:g} s, but not up to {missing}")
        finally:
            consumer.close()
        return messages

    def follow(self, wanted: Callable[[str], bool], until: Callable[[], bool]) -> Iterator[Message]:
        """Messages of all topics with a wanted name as they come, also of topics that come later."""
        consumer = self._consumer("read_committed")
        assigned: set[str] = set()
        look_again = 0.0
        try:
            while not until():
                if time.monotonic() >= look_again:
                    assigned |= self._assign_new(consumer, wanted, assigned)
                    look_again = time.monotonic() + (0.5 if assigned else 0.1)
                for got in consumer.consume(1000, POLL_S):
                    if got.error() is None:
                        yield self._decode(got)
        finally:
            consumer.close()

    def wait_for(self, topic: str, found: Callable[[Message], bool], timeout: float = 60) -> Message:
        """The first message of a topic, which need not exist yet, that is `found`."""
        deadline = time.monotonic() + timeout
        for message in self.follow(lambda name: name == topic, lambda: time.monotonic() > deadline):
            if found(message):
                return message
        raise TimeoutError(f"what was waited for did not come to topic {topic} in {timeout:g} s")

    def _assign_new(self, consumer: Consumer, wanted: Callable[[str], bool], assigned: set[str]) -> set[str]:
        try:
            known = consumer.list_topics(timeout=5).topics
        except Exception:  # The broker is away; the next look finds it.
            return set()
        new = {name for name, topic in known.items() if topic.partitions and wanted(name)} - assigned
        if new:
            consumer.incremental_assign([TopicPartition(name, partition, OFFSET_BEGINNING)
                                         for name in new for partition in known[name].partitions])
        return new

    def _ends(self, topics: Iterable[str], isolation: str) -> dict[tuple[str, int], int]:
        """Where each partition that is not empty ends."""
        consumer = self._consumer(isolation)
        try:
            ends = {}
            for topic in topics:
                for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
                    end = _end(consumer, TopicPartition(topic, partition))
                    if end > 0:
                        ends[topic, partition] = end
            return ends
        finally:
            consumer.close()

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer({
            "bootstrap.servers": self._brokers,
            "group.id": f"reader-{uuid.uuid4()}",  # Never joined, never committed to.
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "fetch.wait.max.ms": 50,
            "log_level": 0,  # A server that is away is no news here.
        })

    def _decode(self, got: KafkaMessage) -> Message:
        headers = {name: value.decode() for name, value in got.headers() or []}
        return Message(got.topic(), got.partition(), got.offset(), self._decoder.decode(got.key()),
                       self._decoder.decode(got.value()), headers, got.key(), got.value())


def _end(consumer: Consumer, partition: TopicPartition, timeout: float = 20) -> int:
    """Where a partition ends. A broker can name a new topic in its metadata before it leads it."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=timeout)[1]
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _topics(consumer: Consumer) -> set[str]:
    return {name for name, topic in consumer.list_topics(timeout=20).topics.items() if topic.partitions}
