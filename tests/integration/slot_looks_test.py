"""What the relay sees of its slot: whose it is while somebody's first start runs, and how much WAL it keeps."""

import re

import pytest
from harness import Scene

ANOTHER_RELAY = 73


def ends_as_the_second(scene: Scene) -> str:
    second = scene.relay(spool=str(scene.folder / f"spool-{len(scene.relays)}"))
    assert second.run(timeout=60) == ANOTHER_RELAY, second.log_tail()
    return second.log_text()


@pytest.mark.parametrize("kafka", ["kafka", "no kafka yet"])
def test_second_relay_ends_while_the_first_reads_its_snapshot(scene: Scene, kafka: str):
    """The slot exists then, and nobody receives from it."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test SELECT generate_series(1, 1000)")
    if kafka == "no kafka yet":
        scene.servers.kafka.stop()
    first = scene.relay()
    first.start()
    first.wait_for_log("capturing consistent snapshot")
    first.pause()
    try:
        assert scene.query("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [scene.slot]) == [(False,)]
        scene.servers.bring_back()
        log = ends_as_the_second(scene)
        assert "[slot-active]" in log and "reads the snapshot" in log
        [(pid,)] = scene.query("SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT %'")
        assert f"PostgreSQL process {pid}" in log
    finally:
        first.resume()
    first.wait_streaming()
    assert sorted(message.key["id"] for message in scene.messages("test")) == list(range(1, 1001))


def test_second_relay_ends_while_the_first_waits_for_its_slot(scene: Scene):
    with scene.connect() as writer:
        writer.execute("BEGIN")
        writer.execute("SELECT txid_current()")
        first = scene.relay()
        first.start()
        scene.wait_until(lambda: scene.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active",
                                             [scene.slot]), 30, "the slot's creation to begin")
        assert "[slot-active]" in ends_as_the_second(scene)
    first.wait_streaming()


def test_second_relay_ends_between_the_first_ones_snapshot_and_its_stream(scene: Scene):
    """Whenever it looks, it never takes the slot for a stranger's."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test SELECT generate_series(1, 100000)")
    first = scene.relay()
    first.start()
    first.wait_for_log("Created replication slot")
    while not re.search("Streaming changes from", first.log_text()):
        assert "[slot-active]" in ends_as_the_second(scene)
    scene.settle()


def test_status_line_says_how_much_wal_is_kept_on_the_disk(scene: Scene):
    relay = scene.running_relay(status_interval="1s")
    found = relay.wait_for_log(r"retained WAL [\d.]+ \S+ \(([\d.]+) (\w+) on its disk\)")
    assert float(found.group(1)) >= 0 and found.group(2) in ("B", "KiB", "MiB")


def test_status_line_says_how_much_more_until_the_slot_is_lost(scene: Scene):
    scene.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
    scene.execute("SELECT pg_reload_conf()")
    try:
        scene.running_relay(status_interval="1s").wait_for_log(r"on its disk, [\d.]+ \w+ more until the slot is lost")
    finally:
        scene.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        scene.execute("SELECT pg_reload_conf()")
