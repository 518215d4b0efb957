"""`bottledwater replay` into the relay's own topics: once more, in order, and no relay until it has ended."""

import random
import shutil
from typing import Any

import pytest
from clients import Message
from harness import Scene
from harness.inspection import lines, position, summary
from harness.remedies import follow, halt_of
from harness.replaying import Replay, counted, spool_of

from servers import Relay

WINDOW = {"replay_window": "1GiB", "topic_config": "partitions=3"}


@pytest.fixture
def relay(scene: Scene) -> Relay:
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value text)")
    return scene.running_relay(**WINDOW)


def change_everything(scene: Scene) -> None:
    for begin in range(0, 8000, 500):
        scene.execute(f"INSERT INTO test SELECT i, md5(i::text) FROM generate_series({begin + 1}, {begin + 500}) i")
    scene.execute("UPDATE test SET value = 'changed' WHERE id % 3 = 0")
    scene.execute("UPDATE test SET id = -id WHERE id <= 100")
    scene.execute("DELETE FROM test WHERE id % 5 = 0")
    scene.settle()


def first_of(relay: Relay, number: int = 0) -> str:
    return lines(spool_of(relay), "--transactions", "--all", "--table=test")[number]["lsn"]


def rows_by_offset(messages: list[Message]) -> dict[int, Any]:
    """What a consumer has that applies the messages in the order of their offsets."""
    rows = {}
    for message in messages:
        rows[message.key["id"]] = message.value
    return {key: value["value"] for key, value in rows.items() if value is not None}


def rows(scene: Scene) -> dict[int, Any]:
    return dict(scene.query("SELECT id, value FROM test"))


def ends(messages: list[Message]) -> dict[int, int]:
    return {message.partition: message.offset for message in messages}


def replayed(before: list[Message], now: list[Message]) -> list[Message]:
    ended = ends(before)
    return [message for message in now if message.offset > ended.get(message.partition, -1)]


def require_order(messages: list[Message]) -> None:
    for partition in ends(messages):
        positions = [message.position for message in messages if message.partition == partition]
        assert positions == sorted(positions)


def half_done(scene: Scene, relay: Relay, **options: Any) -> Replay:
    """A replay that was killed when some of its messages were there."""
    before = len(scene.reader.read(scene.topic("test")))
    replay = Replay(scene, relay, None, from_lsn=first_of(relay), transaction_max_messages=20, **options)
    process = replay.start()
    scene.wait_until(lambda: len(scene.reader.read(scene.topic("test"), stable=True)) > before, 30, "its first messages")
    process.kill()
    process.wait()
    return replay


def test_it_is_there_once_more_however_often_it_is_killed_and_no_relay_publishes_in_between(scene: Scene, relay: Relay):
    chance = random.Random(scene.name)
    change_everything(scene)
    relay.stop()
    original = scene.reader.read(scene.topic("test"))
    changes = lines(spool_of(relay), "--changes", "--all", "--table=test", f"--from-lsn={first_of(relay, 3)}")
    replay = Replay(scene, relay, None, from_lsn=first_of(relay, 3), transaction_max_messages=50)
    scene.execute("INSERT INTO test VALUES (1000001, 'meanwhile')")  # Waits in PostgreSQL.
    kills = halts = 0
    while kills < 12 and replay.is_killed_within(chance, 2.5):
        kills += 1
        if kills % 3 == 0 and len(scene.reader.read(scene.topic("test"), stable=True)) > len(original):
            halt = halt_of(relay)
            assert (halt.word, halt.code) == ("replay-unfinished", 83), halt
            assert halt.remedy("bottledwater replay").command == f"bottledwater replay --from-lsn={first_of(relay, 3)}"
            halts += 1
    told = replay.run()
    assert kills > 1 and halts > 0 and "published" in told, (kills, halts, told)
    assert "published 0 changes" in replay.run()  # The same one, until the relay has published more.
    relay.start()
    relay.wait_streaming()
    scene.settle()
    now = scene.reader.read(scene.topic("test"))
    again = replayed(original, now)
    range_again = [one for one in again if one.key != {"id": 1000001}]
    assert len(again) - len(range_again) == 1
    assert counted(range_again) == {(one.position, one.op): 1 for one in original if one.position >= position(changes[0])}
    require_order(again)
    assert rows_by_offset(now) == rows(scene)
    assert replay.scratch(scene) == []
    assert relay.is_running()


def test_a_part_of_a_transaction_that_is_published_is_all_that_comes_again(scene: Scene, relay: Relay):
    topic = scene.topic("test")
    scene.execute("INSERT INTO test VALUES (0, 'makes the topic')")
    scene.settle()
    relay.stop()
    scene.execute("INSERT INTO test SELECT i, md5(i::text) FROM generate_series(1, 20000) i")
    slow = scene.running_relay(**WINDOW, transaction_max_messages=20)
    scene.wait_until(lambda: len(scene.reader.read(topic, stable=True)) > 200, 60, "a part of it")
    slow.kill9()
    Replay(scene, slow, None, from_lsn=first_of(slow)).run()
    parts = scene.reader.read(topic)
    assert 400 < len(parts) < 40_000 and set(counted(parts).values()) == {2}
    slow.start()
    scene.settle()
    rest = replayed(parts, scene.reader.read(topic))
    assert len(rest) == 20_001 - len(parts) // 2 and not counted(rest) & counted(parts)


def test_a_resnapshot_within_it_leaves_no_stale_keys(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, 'v' FROM generate_series(1, 20) i")
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    scene.settle()
    relay.stop()
    scene.execute("TRUNCATE test")  # No message says so.
    scene.execute("INSERT INTO test SELECT i, 'new' FROM generate_series(18, 25) i")
    again = scene.running_relay("resnapshot", "public.test", **WINDOW)
    scene.settle()
    scene.execute("INSERT INTO test VALUES (30, 'after')")
    scene.settle()
    again.stop()
    another = scene.running_relay("resnapshot", "public.other", **WINDOW)  # The spool still knows of the one before.
    scene.settle()
    another.stop()
    before = scene.reader.read(scene.topic("test"))
    Replay(scene, another, None, from_lsn=first_of(another)).run()
    now = scene.reader.read(scene.topic("test"))
    assert len([one for one in replayed(before, now) if one.value]) == len([one for one in before if one.value])
    assert rows_by_offset(now) == rows(scene)


@pytest.mark.parametrize("remedy", ["bottledwater resnapshot", "--accept-gap"])
def test_what_is_not_ended_halts_also_where_the_spool_is_lost(scene: Scene, relay: Relay, remedy: str):
    change_everything(scene)
    relay.stop()
    half_done(scene, relay)
    shutil.rmtree(spool_of(relay))
    halt = halt_of(relay)
    assert (halt.word, halt.code) == ("replay-unfinished", 83), halt
    follow(scene, halt.remedy(remedy), spool=relay.options["spool"])
    scene.execute("INSERT INTO test VALUES (1000001, 'afterwards')")
    messages = scene.messages("test")
    if remedy == "bottledwater resnapshot":
        assert rows_by_offset(messages) == rows(scene)
    assert messages and rows_by_offset(messages)[1000001] == "afterwards"
    scene.relays[-1].stop()
    relay.start()
    relay.wait_streaming()
    scene.settle()


def test_what_cannot_be_replayed_is_refused(scene: Scene, relay: Relay):
    change_everything(scene)
    one, two = first_of(relay), first_of(relay, 1)
    before = len(scene.messages("test"))
    told = Replay(scene, relay, None, from_lsn=one).run(code=73)
    assert "[replay-beside-relay]" in told and "--to-topic-prefix" in told and "retains the WAL" in told
    relay.stop()
    assert "no longer in the spool" in Replay(scene, relay, None, from_lsn="0/1").run(64)
    assert "published only up to" in Replay(scene, relay, None, from_lsn="FF/0").run(64)
    assert "[checkpoint-missing]" in Replay(scene, relay, None, from_lsn=one, topic_prefix="another").run(83)
    assert "published" in Replay(scene, relay, scene.prefix + "-other", from_lsn=one).run()  # Nobody else's business.
    assert len(scene.reader.read(scene.topic("test"))) == before
    half_done(scene, relay)
    assert "[replay-unfinished]" in Replay(scene, relay, None, from_lsn=two).run(83)
    check = scene.relay("check", **WINDOW)
    assert check.run(60) == 83 and "replay-unfinished" in check.log_text(), check.log_text()
    assert summary(spool_of(relay))["changes"] == 0
    told = Replay(scene, relay, None, from_lsn=one).run()
    assert "were published by an earlier run" in told
    relay.start()
    relay.wait_streaming()
