"""Another version of the relay was here: what it left is not understood, and is left as it is."""

import json
import shutil
import struct

import pytest
from confluent_kafka import Consumer, TopicPartition
from harness import Scene, spool_store
from harness.remedies import (change_behind_the_relays_back, checkpoints, every_message_is_there_once, nobody, published,
                              topics_are_right, write_checkpoint)

SPOOL_UNUSABLE, KAFKA = 74, 83
STARTS = pytest.mark.parametrize("start", [(), ("resnapshot",), ("--republish",)],
                                 ids=["as ever", "resnapshot", "--republish"])


# --- The spool ------------------------------------------------------------------------------------


@STARTS
def test_spool_of_a_newer_version_is_left_as_it_is(scene: Scene, start: tuple[str, ...]):
    spool_with_what_nobody_else_has(scene)
    set_spool_version(scene, 2)
    before = everything(scene)
    relay = scene.relay(*start)
    assert relay.run() == SPOOL_UNUSABLE
    message = relay.log_text().splitlines()[-1]
    assert "[spool-format] The spool has format version 2; this program knows version 1" in message
    assert "start the program version that wrote it, or a newer one" in message
    assert everything(scene) == before
    set_spool_version(scene, 1)
    scene.running_relay()
    topics_are_right(scene)
    every_message_is_there_once(scene)


def spool_with_what_nobody_else_has(scene: Scene) -> None:
    published(scene).stop()
    relay = scene.running_relay(broker=nobody(), max_wal_retained=0)
    change_behind_the_relays_back(scene, with_truncate=False)
    [(written,)] = scene.query("SELECT pg_current_wal_lsn()")
    scene.wait_until(lambda: confirmed(scene) >= number_of(written), 30, "the slot to follow the spool")
    relay.stop()
    assert len(spool_store.entries(scene.folder / "spool")[b"changes"]) > 5
    scene.execute("INSERT INTO items VALUES (12, 'only in the slot')")


def set_spool_version(scene: Scene, version: int) -> None:
    body = struct.pack(">I", version)
    spool_store.write_meta(scene.folder / "spool", "format", body)
    assert spool_store.entries(scene.folder / "spool")[spool_store.META][b"format"][4:] == body


# --- The checkpoint -------------------------------------------------------------------------------


@STARTS
@pytest.mark.parametrize("spool", ["with its spool", "without a spool"])
def test_checkpoint_of_a_newer_version_is_left_as_it_is(scene: Scene, spool: str, start: tuple[str, ...]):
    published(scene).stop()
    if spool == "without a spool":
        shutil.rmtree(scene.folder / "spool")
    [(committed,)] = scene.query("SELECT pg_current_wal_lsn()")
    change_behind_the_relays_back(scene, with_truncate=False)
    ours = checkpoints(scene)[-1].raw_value
    theirs = json.loads(ours)
    theirs["format"] = 4
    write_checkpoint(scene, json.dumps(theirs).encode())
    before = ends(scene)
    relay = scene.relay(*start)
    assert relay.run(60) == KAFKA
    message = relay.log_text().splitlines()[-1]
    assert f"The checkpoint in topic {scene.checkpoint_topic}, offset " in message
    assert "its format is 4, this version knows 3" in message
    assert "if a newer version wrote it, run that version" in message
    # Captured may be more than before, which harms nobody.
    assert ends(scene) == before
    assert scene.slots() == [scene.slot] and confirmed(scene) <= number_of(committed)
    write_checkpoint(scene, ours)
    scene.running_relay()
    topics_are_right(scene)
    every_message_is_there_once(scene)


# --- What must not change -------------------------------------------------------------------------


def everything(scene: Scene) -> tuple:
    """What the spool, the slot, the publications and the topics hold."""
    slot = scene.query("SELECT slot_name, restart_lsn, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s",
                       [scene.slot])
    return spool_store.entries(scene.folder / "spool"), slot, scene.publications(), ends(scene)


def ends(scene: Scene) -> dict[tuple[str, int], int]:
    """Where each partition ends, records of open and aborted transactions included."""
    consumer = Consumer({"bootstrap.servers": scene.servers.kafka.address, "group.id": "ends",
                         "isolation.level": "read_uncommitted"})
    try:
        topics = consumer.list_topics(timeout=20).topics
        return {(name, partition): consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=20)[1]
                for name, topic in topics.items() if name.startswith(scene.prefix) for partition in topic.partitions}
    finally:
        consumer.close()


def confirmed(scene: Scene) -> int:
    [(lsn,)] = scene.query("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    return number_of(lsn)


def number_of(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)
