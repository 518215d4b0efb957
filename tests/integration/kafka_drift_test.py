"""Topics whose limits change while the relay runs, and many new topics at once."""

import re
import time

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from harness import Scene

MIB = 1 << 20
TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
# Of this many bytes, and lz4 cannot make it smaller.
NOISE = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {} / 32))"


@pytest.fixture
def admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.servers.kafka.address})


def set_limit(admin: AdminClient, topic: str, limit: int) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(timeout=20)


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


def test_hundreds_of_new_tables_appear_side_by_side(scene: Scene):
    """One after the other took 60 ms each."""
    count = 300
    relay = scene.running_relay(topic_config=["partitions=1"])
    scene.settle()
    scene.execute("DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('CREATE TABLE many%%s (id int PRIMARY KEY)', i); "
                  "EXECUTE format('INSERT INTO many%%s VALUES (1)', i); END LOOP; END $$" % count)
    began = time.monotonic()
    scene.settle()
    print(f"{count} tables in {time.monotonic() - began:.1f} s")
    assert len({name for name in scene.topics() if name.startswith("many")}) == count
    created = [line for line in relay.log_text().splitlines() if "Created topic" in line and ".many" in line]
    first, last = (re.match(r"\S+T(\d+):(\d+):([\d.]+)", line).groups() for line in (created[0], created[-1]))
    seconds = [int(hour) * 3600 + int(minute) * 60 + float(second) for hour, minute, second in (first, last)]
    assert len(created) == count and (seconds[1] - seconds[0]) % 86400 < 1.0  # Of one answer.
