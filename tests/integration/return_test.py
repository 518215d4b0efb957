"""A server that was away is back: the relay goes on within two seconds, and asked about once a second meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from harness import Scene

GOES_ON_WITHIN_S = 2.0
GRACE_S = 1.5  # For a machine that does other things too, and the polls of this test.
AWAY_S = 10.0  # Long enough for a backoff that doubles to have become long.


class Knocks:
    """Listens in a server's place, hangs up on everybody, and counts who came."""

    def __init__(self, port: int):
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Knocks":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()


@pytest.fixture
def streaming(scene: Scene) -> Iterator[Scene]:
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1)")
    scene.settle()
    yield scene


def seconds_until_published(scene: Scene, number: int, since: float) -> float:
    scene.reader.wait_for(scene.topic("test"), lambda message: message.key == {"id": number})
    return time.monotonic() - since


def wait_for_metadata(scene: Scene) -> float:
    """When the brokers first answer a client that has just come."""
    while True:
        try:
            AdminClient({"bootstrap.servers": scene.servers.kafka.address, "log_level": 0}).list_topics(timeout=0.3)
            return time.monotonic()
        except KafkaException:
            pass


def test_kafka_that_is_back_is_published_to_within_two_seconds_and_was_not_hammered(streaming: Scene):
    broker = streaming.servers.kafka.brokers[0]
    streaming.servers.kafka.stop()
    streaming.execute("INSERT INTO test VALUES (2)")
    streaming.relays[0].kill9()
    streaming.relays[0].start()
    time.sleep(2)  # The first tries come quicker.
    with Knocks(broker.port) as knocks:
        time.sleep(AWAY_S)
    streaming.servers.kafka.start()
    back = wait_for_metadata(streaming)
    assert seconds_until_published(streaming, 2, back) < GOES_ON_WITHIN_S + GRACE_S
    # One handle, which knows the broker by its address and, once it was there, by its number.
    assert AWAY_S / 2 <= knocks.count <= AWAY_S * 3


def test_registry_and_postgresql_that_are_back_are_asked_within_two_seconds(streaming: Scene):
    streaming.servers.registry.stop()
    streaming.execute("CREATE TABLE new (id int PRIMARY KEY)")
    streaming.execute("INSERT INTO new VALUES (1)")
    streaming.relays[0].wait_for_log("registry.* is away")
    streaming.servers.postgres.stop()
    time.sleep(AWAY_S)

    streaming.servers.registry.restart()
    back = time.monotonic()
    streaming.reader.wait_for(streaming.topic("new"), lambda message: message.key == {"id": 1})
    assert time.monotonic() - back < GOES_ON_WITHIN_S + GRACE_S

    streaming.servers.postgres.start()
    streaming.reconnect()
    back = time.monotonic()
    streaming.execute("INSERT INTO test VALUES (2)")
    assert seconds_until_published(streaming, 2, back) < GOES_ON_WITHIN_S + GRACE_S
