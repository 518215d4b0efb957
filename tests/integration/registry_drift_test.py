"""The schema registry changes behind the relay: it takes no schemas for a while, or has forgotten some."""

import json
import time
import urllib.request
from collections.abc import Iterator

import pytest
from harness import Scene
from harness.murmur2 import partition_of
from harness.stand_in_registry import StandInRegistry

from clients import AvroDecoder, TopicReader


TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
LOST = 86


class AsIs:
    """Bytes stay bytes: the registry may not know their schema any more."""

    def decode(self, data):
        return data


def raw_reader(scene: Scene) -> TopicReader:
    return TopicReader(scene.servers.kafka.address, AsIs())


def wait_for_value(scene: Scene, text: str):
    return raw_reader(scene).wait_for(scene.topic("test"), lambda message: text.encode() in (message.raw_value or b""))


def wipe(scene: Scene) -> None:
    """The registry loses all schemas, and somebody else is the first to use it then."""
    registry = scene.servers.registry
    registry.stop()
    for file in registry.folder.glob("schemas*"):
        file.unlink()
    registry.restart()
    for number in range(4):
        schema = json.dumps({"type": "record", "name": f"other{number}", "fields": []})
        request = urllib.request.Request(f"{registry.url}/subjects/other{number}/versions",
                                         json.dumps({"schema": schema}).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=20).close()


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


def test_wiped_registry_that_can_import_gets_the_schemas_back_under_their_ids(scene: Scene, stand_in: StandInRegistry):
    scene.execute(TABLE)
    relay = scene.running_relay(schema_registry=stand_in.url, schema_check_interval="100ms")
    scene.execute("INSERT INTO test VALUES (1, 'one')")
    scene.settle()
    before = stand_in.ids()
    stand_in.wipe(first_id=100)
    time.sleep(0.2)
    scene.execute("UPDATE test SET value = 'two'")
    scene.execute("DELETE FROM test")
    messages = scene.messages("test")
    assert [message.op for message in messages] == ["c", "u", "d"]
    assert len({message.raw_key for message in messages}) == 1
    assert stand_in.ids() == before and not stand_in.subject_modes
    assert relay.is_running()


def test_registry_that_lost_ids_for_good_halts_by_name_and_goes_on_as_told(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay(schema_check_interval="100ms", topic_config=["partitions=1"])
    scene.execute("INSERT INTO test VALUES (1, 'one')")
    scene.settle()
    wipe(scene)
    scene.execute("INSERT INTO test VALUES (2, 'two')")
    assert relay.exit_code(60) == LOST
    assert "[schema-ids-lost]" in relay.log_text() and "--accept-new-schema-ids" in relay.log_text()
    assert relay.run(60) == LOST  # The spool has kept in mind what was published.

    told = scene.running_relay(accept_new_schema_ids=True)
    old, new = wait_for_value(scene, "one").raw_key, wait_for_value(scene, "two").raw_key
    assert old[1:5] != new[1:5] and old[5:] != new[5:]
    told.stop()
    plain = scene.running_relay()  # Not asked again.
    plain.stop()

    scene.execute("DELETE FROM test WHERE id = 2")
    scene.execute("UPDATE test SET value = 'uno'")
    scene.running_relay("resnapshot")
    wait_for_value(scene, "uno")
    newest = {message.raw_key: message.raw_value for message in raw_reader(scene).read(scene.topic("test"))}
    assert newest[old] is None and newest[new] is None
    assert [key[5:] for key, value in newest.items() if value] == [old[5:]]


def test_partition_by_key_body_is_the_same_whatever_the_id(scene: Scene):
    scene.execute(TABLE)
    scene.execute("INSERT INTO test SELECT n, 'x' FROM generate_series(1, 30) n")
    scene.running_relay(partition_by="key-body", topic_config=["partitions=8"])
    scene.execute("DELETE FROM test WHERE id <= 10")
    messages = scene.messages("test")
    assert len(messages) == 40 and len({message.partition for message in messages}) > 3
    assert all(message.partition == partition_of(message.raw_key[5:], partitions=8) for message in messages)
