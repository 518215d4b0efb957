"""`pg_ctl stop -m fast` ends within seconds, whatever the relay is doing, and nothing is lost by it."""

import re
import signal
import time
from contextlib import closing

import pytest
from harness import Scene

from servers import ServerError

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
# 4 KB each.
ROWS = """INSERT INTO test SELECT n, (SELECT string_agg(md5((n * 1000 + m)::text), '') FROM generate_series(1, 128) m)
          FROM generate_series({first}, {last}) n"""
LIMIT = "4MiB"
STOP_SECONDS_MAX = 15  # 2 to 3 on an idle machine.


def stop_fast(scene: Scene) -> float:
    """As `pg_ctl stop -m fast`: how long it takes, in seconds."""
    scene.connection.close()
    begin = time.monotonic()
    scene.servers.postgres.process.send(signal.SIGINT)
    try:
        scene.servers.postgres.process.exit_code(STOP_SECONDS_MAX)
    except ServerError:
        scene.servers.postgres.kill9()  # The next test needs it.
        raise
    return time.monotonic() - begin


def goes_on(scene: Scene, rows: int) -> bool:
    """After PostgreSQL and Kafka are back: every row has arrived once."""
    scene.servers.bring_back()
    scene.reconnect()
    keys = [message.key["id"] for message in scene.messages("test", timeout=120)]
    assert sorted(keys) == list(range(1, rows + 1))
    return True


def fill_spool(scene: Scene, **options) -> int:
    """Kafka is away and rows are written until capture pauses; how many there are."""
    scene.execute(TABLE)
    relay = scene.running_relay(**options)
    scene.settle()
    scene.servers.kafka.stop()
    rows = 0
    while not re.search("Capture pauses", relay.log_text()):
        scene.execute(ROWS.format(first=rows + 1, last=rows + 500))
        rows += 500
        assert rows < 100_000, relay.log_tail()
    scene.execute(ROWS.format(first=rows + 1, last=rows + 5_000))  # More than all buffers between the two hold.
    return rows + 5_000


def test_full_spool_does_not_hold_up_a_shutdown(scene: Scene):
    rows = fill_spool(scene, spool_max_bytes=LIMIT)
    stop_fast(scene)
    assert goes_on(scene, rows)


def test_full_spool_leaves_the_connection_until_there_is_room(scene: Scene):
    """It is closed once, not again and again, and the log says what happens."""
    rows = fill_spool(scene, spool_max_bytes=LIMIT)
    [relay] = scene.relays
    relay.wait_for_log("(?i)closing the replication connection")
    time.sleep(3)  # In which nothing must happen: no reconnecting.
    streams = len(re.findall("Streaming changes from", relay.log_text()))
    assert scene.query("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [scene.slot]) == [(False,)]
    scene.servers.kafka.restart()
    assert goes_on(scene, rows)
    assert relay.is_running() and len(re.findall("Streaming changes from", relay.log_text())) > streams


def test_transaction_larger_than_the_spool_may_be_half_received(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay(spool_max_bytes=LIMIT)
    scene.settle()
    scene.servers.kafka.stop()
    scene.execute("INSERT INTO test VALUES (1, 'unpublished')")
    scene.execute(ROWS.format(first=2, last=8_000))
    relay.wait_for_log("Capture pauses")
    stop_fast(scene)
    assert goes_on(scene, 8_000)


def test_lazily_confirmed_slot_does_not_hold_up_a_shutdown(scene: Scene):
    """Kafka is away, so the slot is not confirmed up to what was sent."""
    scene.execute(TABLE)
    scene.running_relay()
    scene.settle()
    scene.servers.kafka.stop()
    [(before,)] = scene.query("SELECT pg_current_wal_lsn()")
    scene.execute(ROWS.format(first=1, last=1000))
    stop_fast(scene)
    scene.servers.postgres.restart()
    scene.reconnect()
    after = scene.query("SELECT confirmed_flush_lsn <= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s",
                        [before, scene.slot])
    assert after == [(True,)], "what only the spool has must stay in PostgreSQL"
    assert goes_on(scene, 1000)


def test_snapshot_that_is_read_does_not_hold_up_a_shutdown(scene: Scene):
    scene.execute(TABLE)
    scene.execute(ROWS.format(first=1, last=10_000))
    relay = scene.relay()
    relay.start()
    relay.wait_for_log("(?i)capturing consistent snapshot")
    stop_fast(scene)
    scene.servers.bring_back()
    relay.wait_streaming()
    assert goes_on(scene, 10_000)


def test_resnapshot_of_a_table_does_not_hold_up_a_shutdown(scene: Scene):
    scene.execute(TABLE)
    scene.execute(ROWS.format(first=1, last=8_000))
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    relay = scene.relay("resnapshot", "test")
    relay.start()
    relay.wait_for_log("(?i)temporary slot")
    stop_fast(scene)
    scene.servers.bring_back()
    scene.reconnect()
    relay.wait_for_log("taken again", timeout=120)
    scene.execute("INSERT INTO test VALUES (0, 'after')")
    assert scene.messages("test", timeout=120)[-1].key == {"id": 0}


@pytest.mark.parametrize("waits_for", ["open", "prepared"])
def test_first_start_that_waits_for_a_transaction_does_not_hold_up_a_shutdown(scene: Scene, waits_for: str):
    scene.execute(TABLE)
    if waits_for == "prepared" and scene.query("SHOW max_prepared_transactions") == [("0",)]:
        scene.servers.postgres.configure(max_prepared_transactions="5")
        scene.servers.postgres.stop()
        scene.servers.postgres.restart()
        scene.reconnect()
    with closing(scene.connect()) as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO test VALUES (1, 'waited for')")
        if waits_for == "prepared":
            other.execute(f"PREPARE TRANSACTION '{scene.name}'")
        relay = scene.relay()
        relay.start()
        scene.wait_until(lambda: scene.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [scene.slot]), 30,
                         "the slot's creation to begin")
        stop_fast(scene)
    scene.servers.bring_back()
    scene.reconnect()
    if waits_for == "prepared":
        scene.execute(f"COMMIT PREPARED '{scene.name}'")
    relay.wait_streaming()
    assert goes_on(scene, rows=1 if waits_for == "prepared" else 0)
