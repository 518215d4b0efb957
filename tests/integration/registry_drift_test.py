"""The schema registry changes behind the relay: it takes no schemas for a while, or has forgotten some."""

from collections.abc import Iterator

import pytest
from harness import Scene
from harness.stand_in_registry import StandInRegistry

from clients import AvroDecoder, TopicReader


@pytest.fixture
def stand_in(scene: Scene) -> Iterator[StandInRegistry]:
    with StandInRegistry() as registry:
        scene.reader = TopicReader(scene.servers.kafka.address, AvroDecoder(registry.url))
        yield registry
        for relay in scene.relays:
            relay.kill9()


NO_VERDICTS = [
    (422, '{"error_code":42205,"message":"Subject is in read-only mode"}'),
    (422, "<html><body>422 Unprocessable Entity</body></html>"),
    (409, "<html><body>409 Conflict</body></html>"),
    (500, '{"error_code":50002,"message":"Register operation timed out"}'),
]


def test_registry_that_is_read_only_or_behind_a_proxy_that_answers_for_it_is_waited_for(scene: Scene, stand_in: StandInRegistry):
    relay = scene.running_relay(schema_registry=stand_in.url)
    scene.settle()
    for number, answer in enumerate(NO_VERDICTS):
        stand_in.answer_with = answer
        scene.execute(f"CREATE TABLE test{number} (id int PRIMARY KEY)")
        scene.execute(f"INSERT INTO test{number} VALUES (1)")
        relay.wait_for_log(f"subject {scene.topic(f'test{number}')}-key: .*{answer[0]}")
        stand_in.answer_with = None
        assert scene.changes(f"test{number}") == [("c", {"id": 1}, {"id": 1})]
    assert relay.is_running()
