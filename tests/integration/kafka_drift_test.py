"""Topics whose limits change while the relay runs, and many new topics at once."""

import asyncio
import re
import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from harness import Scene
from harness.bare_servers import BareServers

from chaos.faults.late_request import HEADER, PRODUCE, read_frame
from servers import Proxy
from servers.proxy import Connection

MIB = 1 << 20
TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
# Of this many bytes, and lz4 cannot make it smaller.
NOISE = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {} / 32))"


@pytest.fixture
def admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.servers.kafka.address})


def configure(admin: AdminClient, topic: str, name: str, value: str) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(timeout=20)


def set_limit(admin: AdminClient, topic: str, limit: int) -> None:
    configure(admin, topic, "max.message.bytes", str(limit))


def insert(scene: Scene, number: int, size: int) -> None:
    scene.execute(f"INSERT INTO test SELECT {number}, {NOISE.format(size)}")


def ids(scene: Scene) -> list[int]:
    return [message.key["id"] for message in scene.messages("test")]


def test_row_of_five_megabytes_arrives_at_default_settings(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay()
    insert(scene, 1, 5_000_000)
    scene.execute("INSERT INTO test SELECT 2, repeat('x', 15000000)")
    assert ids(scene) == [1, 2]
    assert relay.is_running()


def test_limit_that_is_lowered_refuses_the_row_and_nothing_else(scene: Scene, admin: AdminClient):
    scene.execute(TABLE)
    relay = scene.running_relay(on_error="log")
    insert(scene, 1, 500_000)
    scene.settle()
    set_limit(admin, scene.topic("test"), 100_000)
    for number, size in [(2, 500_000), (3, 10), (4, 90_000)]:
        insert(scene, number, size)
    assert ids(scene) == [1, 3, 4]
    relay.wait_for_log("change .* cannot be published: its message has 500... bytes, and 99872 are allowed")

    set_limit(admin, scene.topic("test"), MIB)  # And raised again: asked for before a row is refused.
    scene.wait_until(lambda: time.sleep(5) is None, 10, "the limit to be asked for again")
    insert(scene, 5, 500_000)
    assert ids(scene) == [1, 3, 4, 5]


def test_limit_that_is_lowered_ends_the_relay_with_on_error_exit(scene: Scene, admin: AdminClient):
    scene.execute(TABLE)
    relay = scene.running_relay()
    insert(scene, 1, 10)
    scene.settle()
    set_limit(admin, scene.topic("test"), 100_000)
    insert(scene, 2, 500_000)
    assert relay.exit_code(30) == 65
    set_limit(admin, scene.topic("test"), MIB)
    relay.start()
    assert ids(scene) == [1, 2]


@pytest.fixture
def slow_way(scene: Scene) -> Iterator[Proxy]:
    """To Kafka; messages that take it are old when they arrive."""

    async def pump(connection: Connection) -> None:
        while frame := await read_frame(connection.client_reader):
            if HEADER.unpack_from(frame, 4)[0] == PRODUCE:
                await asyncio.sleep(0.5)
            connection.server_writer.write(frame)

    [broker] = scene.servers.kafka.brokers
    proxy = Proxy(broker.detour.port, broker.detour.proxy_port, pump)
    proxy.start()
    yield proxy
    proxy.stop()


def test_rows_that_kafka_refuses_again_and_again_are_named(scene: Scene, admin: AdminClient, slow_way: Proxy):
    """No row's error, since the topic's configuration may change; and no outage, since nothing comes back."""
    scene.execute(TABLE)
    relay = scene.running_relay(broker=f"127.0.0.1:{slow_way.port}")
    insert(scene, 1, 10)
    scene.settle()
    # Kafka's own markers of ends of transactions are held to it, too: one that it refuses is never written.
    configure(admin, scene.topic("test"), "message.timestamp.before.max.ms", "400")
    scene.execute("INSERT INTO test SELECT i, 'x' FROM generate_series(2, 5000) i")
    words = relay.wait_for_log(r"Kafka has failed 3 times at (.*)", 60).group(1)
    assert re.match(r"change [0-9A-F]+/[0-9A-F]+:\d+ of table public\.test: .*[Tt]imestamp", words)
    assert f"topic {scene.topic('test')}" in words and relay.is_running()
    configure(admin, scene.topic("test"), "message.timestamp.before.max.ms", str(2**63 - 1))
    assert ids(scene) == list(range(1, 5001))


def test_a_thousand_new_tables_take_little_longer_than_kafka_and_the_registry_themselves(scene: Scene):
    """Judged by what the same servers need, in the same minute, for that many topics and schemas alone."""
    count = 1000
    bare = BareServers(scene)
    bare.warm_up()
    relay = scene.running_relay(topic_config=["partitions=1"])
    scene.settle()
    scene.execute("DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('CREATE TABLE many%%s (id int PRIMARY KEY)', i); "
                  "EXECUTE format('INSERT INTO many%%s VALUES (1)', i); END LOOP; END $$" % count)
    began = time.monotonic()
    scene.settle(240)
    taken = time.monotonic() - began
    assert len({name for name in scene.topics() if name.startswith("many")}) == count
    topics, schemas = bare.make_topics(count), bare.register_schemas(2 * count)
    print(f"{count} tables in {taken:.1f} s; bare, {count} topics in {topics:.1f} s and {2 * count} schemas in {schemas:.1f} s")
    assert "Kafka is away" not in relay.log_text()  # Its session lived through it.
    assert taken < 3 * (topics + schemas)
