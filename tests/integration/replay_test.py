"""`bottledwater replay`: a range of the spool once more, under another prefix, exactly once."""

import os
import random
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import Scene
from harness.inspection import inspect, lines, position, summary
from harness.writer import Writer

from servers import Relay, binary

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
INSERT = "INSERT INTO test VALUES ({n}, 'value {n}')"


@pytest.fixture
def relay(scene: Scene) -> Relay:
    scene.execute(TABLE)
    return scene.running_relay(replay_window="1GiB")


def spool_of(relay: Relay) -> Path:
    return Path(relay.options["spool"])


class Replay:
    """Its command line, and what becomes of it."""

    def __init__(self, scene: Scene, relay: Relay, prefix: str, **options: Any):
        chosen = {"broker": scene.servers.kafka.address, "schema_registry": scene.servers.registry.url,
                  "spool": relay.options["spool"], "topic_prefix": scene.prefix, "to_topic_prefix": prefix, **options}
        self.command = [str(binary()), "replay",
                        *(f"--{name.replace('_', '-')}={value}" for name, value in chosen.items() if value is not None)]
        self.environment = {**os.environ, "TMPDIR": str(scene.folder)}
        self.log = scene.folder / f"replay-{prefix}.log"

    def start(self) -> subprocess.Popen:
        with open(self.log, "a") as log:
            return subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def run(self, code: int = 0, timeout: float = 120) -> str:
        done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr[-3000:])
        return done.stdout + done.stderr

    def scratch(self, scene: Scene) -> list[Path]:
        return list(scene.folder.glob("bottledwater-replay-*"))


def counted(messages: list[Any]) -> Counter:
    """How often each message came."""
    return Counter((message.position, message.op) for message in messages)


def test_a_range_is_there_once_however_often_it_is_killed(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    chance = random.Random(scene.name)
    for begin in range(0, 12_000, 500):
        scene.execute(f"INSERT INTO test SELECT i, md5(i::text) FROM generate_series({begin + 1}, {begin + 500}) i")
    scene.execute("UPDATE test SET value = 'changed' WHERE id % 3 = 0")
    scene.execute("UPDATE test SET id = -id WHERE id <= 100")
    scene.execute("DELETE FROM test WHERE id % 5 = 0")
    scene.settle()
    original = counted(scene.messages("test"))
    transactions = lines(spool, "--transactions", "--all", "--table=test")
    first, last = transactions[3]["lsn"], transactions[-1]["lsn"]
    changes = lines(spool, "--changes", "--table=test", f"--from-lsn={first}", f"--to-lsn={last}")
    replay = Replay(scene, relay, scene.prefix + "-again", from_lsn=first, to_lsn=last, transaction_max_messages=50)
    kills = 0
    with Writer(scene.url(), "INSERT INTO test VALUES ({n} + 1000000, 'meanwhile')", per_second=50):
        while kills < 12:
            process = replay.start()
            try:
                assert process.wait(chance.uniform(0.3, 2.5)) == 0, replay.log.read_text()[-3000:]
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        told = replay.run()
    assert kills > 1 and "published" in told, (kills, told)
    scene.settle()
    got = scene.reader.read(f"{scene.prefix}-again.test")
    # A change of the key is a tombstone and a row.
    expected = Counter((position(change), change["op"]) for change in changes)
    moved = Counter((position(change), "d") for change in changes if "old_key" in change)
    assert counted(got) == expected + moved
    assert {message.position for message in got} == {position(change) for change in changes}
    assert "published 0 changes" in replay.run()
    assert len(scene.reader.read(f"{scene.prefix}-again.test")) == len(got)
    assert replay.scratch(scene) == []
    # The relay has noticed nothing.
    relayed = counted(scene.messages("test"))
    assert all(count == 1 for count in relayed.values()) and all(relayed[one] == 1 for one in original)
    assert relay.is_running()


def test_what_is_published_is_what_was_published(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, 'v' FROM generate_series(1, 50) i")
    scene.execute("ALTER TABLE test ADD more int DEFAULT 7")
    scene.execute("UPDATE test SET more = id")
    messages = scene.messages("test")
    first = lines(spool_of(relay), "--transactions", "--all", "--table=test")[0]["lsn"]
    told = Replay(scene, relay, scene.prefix + "-copy", from_lsn=first).run()
    assert re.search(r"published \d+ changes of \d+ transactions", told)
    copied = scene.reader.read(f"{scene.prefix}-copy.test")
    assert [(one.key, one.value, one.headers) for one in copied] == [(one.key, one.value, one.headers) for one in messages]


def test_a_resnapshot_within_the_range_leaves_no_stale_keys(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, 'v' FROM generate_series(1, 20) i")
    scene.settle()
    relay.stop()
    scene.execute("TRUNCATE test")  # No message says so.
    scene.execute("INSERT INTO test SELECT i, 'new' FROM generate_series(18, 25) i")
    again = scene.running_relay("resnapshot", "public.test", replay_window="1GiB")
    scene.settle()
    first = lines(spool_of(again), "--transactions", "--all", "--table=test")[0]["lsn"]
    Replay(scene, again, scene.prefix + "-stale", from_lsn=first).run()
    rows = {}
    for message in scene.reader.read(f"{scene.prefix}-stale.test"):
        rows[message.key["id"]] = message.value
    assert {key for key, value in rows.items() if value} == set(range(18, 26))
    assert {value["value"] for value in rows.values() if value} == {"new"}


def test_what_was_captured_while_kafka_was_away_is_replayed_once_it_is_back(scene: Scene, relay: Relay):
    scene.settle()
    scene.servers.kafka.kill9()
    scene.execute("INSERT INTO test SELECT i, 'v' FROM generate_series(1, 50) i")
    scene.wait_until(lambda: summary(spool_of(relay))["changes"] >= 50, 20, "the changes in the spool")
    first = lines(spool_of(relay), "--transactions", "--table=test")[0]["lsn"]
    replay = Replay(scene, relay, scene.prefix + "-late", from_lsn=first)
    process = replay.start()
    scene.wait_until(lambda: "is away" in replay.log.read_text(), 20, "the outage to be told")
    scene.servers.kafka.restart()
    assert process.wait(60) == 0, replay.log.read_text()[-3000:]
    assert [one.key["id"] for one in scene.reader.read(f"{scene.prefix}-late.test")] == list(range(1, 51))


def test_a_stop_is_told_and_the_next_run_goes_on(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, md5(i::text) FROM generate_series(1, 20000) i")
    scene.settle()
    first = lines(spool_of(relay), "--transactions", "--all", "--table=test")[0]["lsn"]
    replay = Replay(scene, relay, scene.prefix + "-slow", from_lsn=first, transaction_max_messages=20)
    process = replay.start()
    topic = f"{scene.prefix}-slow.test"
    scene.wait_until(lambda: topic in scene.reader.topics() and scene.reader.read(topic), 30, "its first rows")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 1 and "stopped before its end" in replay.log.read_text()
    assert "were published by an earlier run" in replay.run()
    assert sorted(one.key["id"] for one in scene.reader.read(topic)) == list(range(1, 20001))


def test_what_cannot_be_replayed_is_refused(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.settle()
    first = lines(spool, "--transactions", "--all")[0]["lsn"]
    one = lines(spool, "--transactions", "--all", "--table=test")[0]["lsn"]
    prefix = scene.prefix + "-r"
    told = Replay(scene, relay, prefix, from_lsn="0/1").run(code=64)
    # The end of the first snapshot, which has no rows.
    oldest = re.search(r"the oldest there are those of ([0-9A-F/]+)\.", told)
    assert oldest and oldest[1] < first and "bottledwater resnapshot" in told, told
    Replay(scene, relay, prefix + "-oldest", from_lsn=oldest[1]).run()
    assert "the prefix of the relay's own topics" in Replay(scene, relay, scene.prefix, from_lsn=one, topic_prefix=None).run(64)
    assert "the same as --topic-prefix" in Replay(scene, relay, scene.prefix, from_lsn=one).run(64)
    assert "--to-topic-prefix is missing" in Replay(scene, relay, "", from_lsn=one, to_topic_prefix=None).run(64)
    assert "--from-lsn is missing" in Replay(scene, relay, prefix).run(64)
    assert "--to-lsn: before --from-lsn" in Replay(scene, relay, prefix, from_lsn=one, to_lsn="0/1").run(64)
    Replay(scene, relay, prefix, from_lsn=one).run()
    assert "[replay-other-range]" in Replay(scene, relay, prefix, from_lsn=oldest[1]).run(64)
    # Without a window, what is published is gone soon, and a replay that is behind cannot go on.
    relay.stop()
    without = scene.running_relay()
    with Writer(scene.url(), "INSERT INTO test VALUES ({n} + 10, 'x')", per_second=200) as writer:
        writer.wait_for(300)
        scene.wait_until(lambda: summary(spool)["trimmed"] > one, 20, "the spool to be trimmed")
    scene.settle()
    scene.wait_until(lambda: summary(spool)["changes"] == 0 and not lines(spool, "--changes", f"--to-lsn={one}"), 20, "trimming")
    told = Replay(scene, without, prefix, from_lsn=one).run(64)
    assert "an earlier run came to" in told and "--replay-window" in told
    assert without.is_running() and "nothing is wrong" in inspect(spool, "--verify")
