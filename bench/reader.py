"""The independent read_committed reader of the benchmarks: counts messages and keeps when each batch came.

Runs as a process of its own, so that the load generator's Python does not slow it.
"""

import multiprocessing
import time
from dataclasses import dataclass, field
from typing import Mapping, Optional

from confluent_kafka import Consumer, TopicPartition


REGISTRY_HEADER = 5


@dataclass
class Reading:
    """What arrived. Times are time.time(), which is the same clock in every process here."""
    first: float = 0.0
    last: float = 0.0
    avro_bytes: int = 0  # Of keys and values, without the registry's header before each.
    lsns: list = field(default_factory=list)  # The `lsn` header of each message, in order of arrival.
    stamps: dict = field(default_factory=dict)  # Key -> time of arrival; only when asked for.


def consumer_of_committed(brokers: str, settings: Optional[Mapping] = None) -> Consumer:
    """`settings` replace ours."""
    return Consumer({
        "bootstrap.servers": brokers, "group.id": "bench", "isolation.level": "read_committed",
        "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5,
        "queued.max.messages.kbytes": 65536, "check.crcs": False,
        **(settings or {}),
    })


def assign(consumer: Consumer, topic: str) -> None:
    """Waits for the topic, which the relay makes on its first row."""
    while True:
        known = consumer.list_topics(topic, timeout=10).topics[topic]
        if known.error is None and known.partitions:
            consumer.assign([TopicPartition(topic, p, 0) for p in known.partitions])
            return
        time.sleep(0.02)


def _read(brokers: str, topic: str, expected: int, timeout: float, with_stamps: bool, pipe) -> None:
    consumer = consumer_of_committed(brokers)
    assign(consumer, topic)
    pipe.send("ready")
    reading = Reading()
    deadline = time.time() + timeout
    while len(reading.lsns) < expected and time.time() < deadline:
        messages = consumer.consume(num_messages=1 if with_stamps else 10000, timeout=0.2)
        now = time.time()
        if not messages:
            continue
        reading.first = reading.first or now
        reading.last = now
        for message in messages:
            reading.avro_bytes += len(message.key() or b"") + len(message.value() or b"") - 2 * REGISTRY_HEADER
            reading.lsns.append(next(value for name, value in message.headers() if name == "lsn"))
            if with_stamps:
                reading.stamps[bytes(message.key())] = now
    # What comes twice comes late: look a little longer than needed.
    quiet_until = time.time() + 2
    while time.time() < quiet_until:
        for message in consumer.consume(num_messages=10000, timeout=0.2):
            reading.lsns.append(next(value for name, value in message.headers() if name == "lsn"))
    pipe.send(reading)
    consumer.close()


class Reader:
    def __init__(self, brokers: str, topic: str, expected: int, timeout: float, with_stamps: bool = False):
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=_read, args=(brokers, topic, expected, timeout, with_stamps, theirs), daemon=True)
        self._process.start()

    def wait_assigned(self) -> None:
        assert self._pipe.recv() == "ready"

    def result(self) -> Reading:
        reading = self._pipe.recv()
        if reading == "ready":
            reading = self._pipe.recv()
        self._process.join()
        return reading
