"""Values of hundreds of megabytes. Each test needs minutes and up to 8 GiB of memory, so they run on request only:

    BOTTLEDWATER_LARGE_VALUES=1 ./run_pytest large_values_test.py
"""

import os
import re
from pathlib import Path

import pytest
from harness import Scene

from servers import Relay

pytestmark = pytest.mark.skipif("BOTTLEDWATER_LARGE_VALUES" not in os.environ,
                                reason="takes minutes and gigabytes; BOTTLEDWATER_LARGE_VALUES=1 runs it")

ROW_REFUSED = 65
TABLE = "CREATE TABLE test (id int PRIMARY KEY, value bytea)"
# Built by the server. A function that returns more than 1 GB fails, as would a parameter of that size.
UNSENDABLE = "convert_to(repeat('x', 500000000), 'UTF8') || convert_to(repeat('y', 40000000), 'UTF8')"
LARGE = "convert_to(repeat('x', 300000000), 'UTF8')"
REFUSED = r"(table|Table) public\.test, change .* cannot be published: its message has 3000000.. bytes, and 16777088 are allowed"


def peak_memory(relay: Relay) -> int:
    """In MiB."""
    status = Path(f"/proc/{relay.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) // 1024


def ids(scene: Scene, **options) -> list[int]:
    return [message.key["id"] for message in scene.messages("test", timeout=300, **options)]


def test_a_bytea_above_512_mb_is_named_backed_off_from_and_skipped_on_request(scene: Scene):
    """As text it has two digits a byte, which is more than the 1 GB that PostgreSQL allocates at a time."""
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'a')")
    with scene.connection.transaction():
        scene.execute("INSERT INTO test VALUES (2, 'a')")
        scene.execute(f"INSERT INTO test VALUES (3, {UNSENDABLE})")
    scene.execute("INSERT INTO test VALUES (4, 'a')")
    lsn, words = relay.wait_for_log(r"PostgreSQL has failed 3 times at transaction ([0-9A-F]+/[0-9A-F]+): (.*)",
                                    timeout=300).groups()
    assert "invalid memory alloc request size 1080000003" in words and "public.test" in words
    assert f"--skip-transaction={lsn}" in words and relay.is_running()
    assert peak_memory(relay) < 200
    relay.stop()
    scene.running_relay(skip_transaction=lsn)
    assert ids(scene) == [1, 4]


def test_a_value_of_300_mb_is_a_row_error_from_stream_and_snapshot(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay(on_error="log")
    scene.execute(f"INSERT INTO test VALUES (1, {LARGE})")
    scene.execute("INSERT INTO test VALUES (2, 'a')")
    assert ids(scene) == [2]
    assert re.search(REFUSED, relay.log_text())
    print(f"stream: {peak_memory(relay)} MiB")
    assert peak_memory(relay) < 12 * 300
    relay.stop()
    relay = scene.running_relay("resnapshot", on_error="log")
    assert ids(scene) == [2, 2]
    relay.wait_for_log(REFUSED)
    print(f"snapshot: {peak_memory(relay)} MiB")
    assert peak_memory(relay) < 12 * 300


def test_a_value_of_300_mb_ends_the_relay_once_with_on_error_exit(scene: Scene):
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.execute(f"INSERT INTO test VALUES (1, {LARGE})")
    assert relay.exit_code(300) == ROW_REFUSED
    assert re.search(REFUSED, relay.log_text())
    relay = scene.running_relay(on_error="log")
    scene.execute("INSERT INTO test VALUES (2, 'a')")
    assert ids(scene) == [2]
