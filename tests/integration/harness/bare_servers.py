"""What Kafka and the registry need for topics and schemas when nothing else is asked of them: the floor of what we need."""

import http.client
import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import Scene

REGISTRATIONS_AT_A_TIME = 8  # As the relay's.
PATIENCE = 120  # Seconds.


class BareServers:
    def __init__(self, scene: Scene):
        self._address = scene.servers.kafka.address
        self._admin = AdminClient({"bootstrap.servers": self._address})
        self._registry = urlsplit(scene.servers.registry.url)
        self._prefix = scene.name + "bare"
        self._numbers = itertools.count()

    def warm_up(self) -> None:
        """Both run on a Java that is slow at first."""
        self.make_topics(50)
        self.register_schemas(1000)

    def make_topics(self, count: int) -> float:
        """Seconds from one request for all until each has a leader, and a row from one transaction."""
        began = time.monotonic()
        names = [f"{self._prefix}{next(self._numbers)}" for _ in range(count)]
        topics = [NewTopic(name, num_partitions=1, replication_factor=1, config={"cleanup.policy": "compact"})
                  for name in names]
        for answer in self._admin.create_topics(topics, request_timeout=60).values():
            answer.result(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while missing := self._without_leader(names):
            assert time.monotonic() < deadline, f"no leaders in {PATIENCE} s: {len(missing)} topics, first {missing[0]}"
            time.sleep(0.1)
        producer = Producer({"bootstrap.servers": self._address, "transactional.id": names[0],
                             "transaction.timeout.ms": 1000 * PATIENCE})
        producer.init_transactions(PATIENCE)
        producer.begin_transaction()
        for name in names:
            producer.produce(name, key=b"key", value=b"value", partition=0)
        producer.commit_transaction(PATIENCE)
        return time.monotonic() - began

    def _without_leader(self, names: list[str]) -> list[str]:
        """By the broker's metadata, asked anew: list_offsets has said "No leaders found" for as long as it was asked."""
        topics = self._admin.list_topics(timeout=60).topics
        return [name for name in names if name not in topics or not topics[name].partitions or topics[name].partitions[0].leader < 0]

    def register_schemas(self, count: int) -> float:
        """Seconds, with as many requests at a time as the relay makes."""
        began = time.monotonic()
        share = count // REGISTRATIONS_AT_A_TIME
        with ThreadPoolExecutor(REGISTRATIONS_AT_A_TIME) as pool:
            for done in [pool.submit(self._register, share) for _ in range(REGISTRATIONS_AT_A_TIME)]:
                done.result()
        return time.monotonic() - began

    def _register(self, count: int) -> None:
        with closing(http.client.HTTPConnection(self._registry.netloc, timeout=60)) as connection:
            for _ in range(count):
                name = f"{self._prefix}{next(self._numbers)}"
                schema = json.dumps({"type": "record", "name": name, "fields": [{"name": "id", "type": "int"}]})
                connection.request("POST", f"{self._registry.path}/subjects/{name}-value/versions",
                                   json.dumps({"schema": schema}),
                                   {"Content-Type": "application/vnd.schemaregistry.v1+json"})
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()
