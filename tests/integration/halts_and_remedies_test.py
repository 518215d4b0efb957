"""Every halt, brought about for real, and every remedy, taken from the halt's own message: it ends where the message says."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Scene, own_postgres
from harness.remedies import (Halt, change_behind_the_relays_back, checkpoints, every_message_is_there_once, follow, halt_of,
                              identity, make_tables, nobody, published, remedies_noted, rows, topics_are_right, view,
                              write_checkpoint)

from clients import TopicReader
from servers import SHORT_LIVED, Servers

ANOTHER_RELAY, SPOOL_UNUSABLE = 73, 74
GAP, SLOT, FOREIGN_SLOT, KAFKA, OTHER_DATABASE, WENT_BACK = 80, 81, 82, 83, 84, 85


# --- The gap --------------------------------------------------------------------------------------


def gap(scene: Scene) -> Halt:
    published(scene).stop()
    change_behind_the_relays_back(scene)
    scene.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [scene.slot])
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (GAP, "gap")
    return halt


def test_gap_and_resnapshot(scene: Scene):
    follow(scene, gap(scene).remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def test_gap_that_is_accepted_leaves_out_what_lies_in_it_and_nothing_else(scene: Scene):
    halt = gap(scene)
    before = view(scene, "items")
    scene.execute("INSERT INTO items VALUES (12, 'behind the gap')")
    follow(scene, halt.remedy("--accept-gap="))
    scene.settle()
    assert view(scene, "items") == {**before, 12: "behind the gap"}
    assert any(noted.startswith("accept-gap=") for noted in remedies_noted(scene))


def test_gap_that_was_accepted_is_not_accepted_again(scene: Scene):
    accepted = gap(scene).remedy("--accept-gap=").command
    scene.running_relay(accepted).stop()
    change_behind_the_relays_back(scene, first_new=12)
    scene.query("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [scene.slot])
    assert halt_of(scene.relay(accepted)).word == "gap"


def test_gap_because_the_spool_is_elsewhere(scene: Scene):
    published(scene).stop()
    relay = scene.running_relay(broker=nobody(), max_wal_retained=0)
    scene.execute("INSERT INTO items VALUES (11, 'only in the spool')")
    [(written,)] = scene.query("SELECT pg_current_wal_lsn()")
    followed = "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
    scene.wait_until(lambda: scene.query(followed, [written, scene.slot]) == [(True,)], 30, "the slot to follow the spool")
    relay.stop()
    elsewhere = scene.folder / "elsewhere"
    (scene.folder / "spool").rename(elsewhere)
    halt = halt_of(scene.relay())
    assert halt.word == "gap"
    follow(scene, halt.remedy("--spool=DIR"), DIR=str(elsewhere))
    topics_are_right(scene)


# --- The slot -------------------------------------------------------------------------------------


@pytest.mark.parametrize("spool", ["with its spool", "with its checkpoint alone"])
def test_slot_missing_and_resnapshot(scene: Scene, spool: str):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    scene.query("SELECT pg_drop_replication_slot(%s)", [scene.slot])
    if spool != "with its spool":
        shutil.rmtree(scene.folder / "spool")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (SLOT, "slot-missing")
    follow(scene, halt.remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def test_slot_missing_because_it_has_another_name(scene: Scene):
    published(scene).stop()
    shutil.rmtree(scene.folder / "spool")
    scene.query("SELECT pg_copy_logical_replication_slot(%s, 'renamed')", [scene.slot])
    scene.query("SELECT pg_drop_replication_slot(%s)", [scene.slot])
    halt = halt_of(scene.relay())
    assert "--slot=NAME" in halt.text


def test_slot_invalidated_and_resnapshot(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    with slots_that_keep_little(scene):
        halt = halt_of(scene.relay())
        assert (halt.code, halt.word) == (SLOT, "slot-invalidated")
    follow(scene, halt.remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def slot_of_somebody(scene: Scene) -> Halt:
    make_tables(scene)
    scene.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    scene.execute(f"CREATE PUBLICATION {scene.slot} FOR ALL TABLES")
    scene.execute("INSERT INTO items VALUES (11, 'streamed')")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (FOREIGN_SLOT, "slot-foreign")
    return halt


def follow_without_the_slot(scene: Scene, halt: Halt) -> None:
    remedy = halt.remedy("bottledwater resnapshot")
    scene.execute(re.search(r"\((SELECT pg_drop_replication_slot\(.*?\);)\)", remedy.what).group(1))
    follow(scene, remedy)


def test_foreign_slot_that_is_adopted_is_streamed_from_without_snapshot(scene: Scene):
    follow(scene, slot_of_somebody(scene).remedy("--adopt-slot"))
    assert [(message.op, message.key["id"]) for message in scene.messages("items")] == [("c", 11)]
    assert "adopt-slot" in remedies_noted(scene)


def test_foreign_slot_that_is_dropped(scene: Scene):
    follow_without_the_slot(scene, slot_of_somebody(scene))
    topics_are_right(scene)


def test_slot_whose_spool_and_checkpoint_are_both_lost(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    shutil.rmtree(scene.folder / "spool")
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    admin.delete_topics([scene.checkpoint_topic])[scene.checkpoint_topic].result(20)
    scene.wait_until(lambda: scene.checkpoint_topic not in scene.reader.topics(), 20, "the checkpoint topic to be gone")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (FOREIGN_SLOT, "slot-foreign")
    follow_without_the_slot(scene, halt)
    topics_are_right(scene)


def test_foreign_slot_that_is_left_alone(scene: Scene):
    follow(scene, slot_of_somebody(scene).remedy("--slot=NAME"), NAME="another")
    topics_are_right(scene)
    assert sorted(scene.slots()) == sorted([scene.slot, "another"])


@contextmanager
def slot_of_another_database(scene: Scene, servers: Servers, folder: Path) -> Iterator[tuple[Scene, Halt]]:
    make_tables(scene)
    neighbour = Scene(servers, folder)
    try:
        neighbour.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
        halt = halt_of(scene.relay())
        assert (halt.code, halt.word) == (FOREIGN_SLOT, "slot-foreign")
        yield neighbour, halt
    finally:
        neighbour.close()


def test_slot_of_another_database_that_is_left_alone(scene: Scene, servers: Servers, tmp_path):
    with slot_of_another_database(scene, servers, tmp_path) as (_, halt):
        follow(scene, halt.remedy("--slot=NAME"), NAME="another")
        topics_are_right(scene)


def test_slot_of_another_database_that_is_dropped_there(scene: Scene, servers: Servers, tmp_path):
    with slot_of_another_database(scene, servers, tmp_path) as (neighbour, halt):
        neighbour.execute(halt.remedy("pg_drop_replication_slot").command)
        scene.running_relay()
        topics_are_right(scene)


def test_slot_in_use(scene: Scene):
    published(scene)
    scene.settle()
    halt = halt_of(scene.relay(spool=str(scene.folder / "second")))
    assert (halt.code, halt.word) == (ANOTHER_RELAY, "slot-active")
    assert scene.query(halt.remedy("pg_stat_activity").command)
    other = scene.running_relay(slot="another", spool=str(scene.folder / "second"), topic_prefix=scene.prefix + "2")
    scene.settle()
    # Or the first one stops: the second has another spool, and goes on from the checkpoint.
    other.stop()
    scene.relays[0].stop()
    scene.execute("INSERT INTO items VALUES (11, 'by the second')")
    scene.running_relay(spool=str(scene.folder / "third"))
    topics_are_right(scene)
    every_message_is_there_once(scene)


def test_spool_of_another_slot(scene: Scene):
    published(scene).stop()
    scene.execute("INSERT INTO items VALUES (11, 'later')")
    halt = halt_of(scene.relay(slot="another"))
    assert (halt.code, halt.word) == (SPOOL_UNUSABLE, "other-slot")
    relay = follow(scene, halt.remedy("--slot="))
    topics_are_right(scene)
    relay.stop()
    # Or the other slot gets a spool of its own, and topics.
    scene.prefix += "2"
    follow(scene, halt.remedy("--spool=DIR"), DIR=str(scene.folder / "second"), slot="another")
    topics_are_right(scene)


# --- Kafka ----------------------------------------------------------------------------------------


def checkpoint_missing(scene: Scene, **options: Any) -> Halt:
    published(scene, **options).stop()
    change_behind_the_relays_back(scene)
    delete_topics(scene, scene.checkpoint_topic)
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (KAFKA, "checkpoint-missing")
    return halt


def test_checkpoint_missing_and_republish(scene: Scene):
    halt = checkpoint_missing(scene, replay_window="1GiB")
    follow(scene, halt.remedy("--republish"))
    assert view(scene, "items", settle=True) == rows(scene, "items")
    assert any("republish" in noted for noted in remedies_noted(scene))
    # Announced: the ten rows of the snapshot came twice. Nothing else did.
    counts = Counter(map(identity, scene.messages("items")))
    assert Counter(counts.values()) == {2: 10, 1: 5}


def test_checkpoint_missing_and_resnapshot(scene: Scene):
    follow(scene, checkpoint_missing(scene).remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def test_checkpoint_missing_because_of_a_wrong_prefix(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene, with_truncate=False)
    halt = halt_of(scene.relay(topic_prefix="wrong"))
    assert halt.word == "checkpoint-missing"
    assert "--topic-prefix" in halt.text
    scene.running_relay()
    topics_are_right(scene)


def checkpoint_behind(scene: Scene, **options: Any) -> Halt:
    relay = published(scene, **options)
    scene.execute("INSERT INTO items VALUES (100, 'published')")
    scene.settle()
    relay.stop()
    old = next(message for message in checkpoints(scene) if scene.topic("items") in message.value["offsets"])
    write_checkpoint(scene, old.raw_value)
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (KAFKA, "checkpoint-behind")
    return halt


def test_checkpoint_behind_and_republish(scene: Scene):
    follow(scene, checkpoint_behind(scene, replay_window="1GiB").remedy("--republish"))
    assert view(scene, "items", settle=True) == rows(scene, "items")


def test_checkpoint_behind_and_resnapshot(scene: Scene):
    halt = checkpoint_behind(scene)
    change_behind_the_relays_back(scene)
    follow(scene, halt.remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def topic_made_anew(scene: Scene) -> Halt:
    published(scene).stop()
    change_behind_the_relays_back(scene)
    delete_topics(scene, scene.topic("items"))
    make_topic(scene, scene.topic("items"))
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (KAFKA, "records-lost")
    return halt


def test_topic_that_lost_records_and_resnapshot(scene: Scene):
    follow(scene, topic_made_anew(scene).remedy("bottledwater resnapshot"))
    topics_are_right(scene)


def test_topic_that_lost_records_and_going_on_without_them(scene: Scene):
    follow(scene, topic_made_anew(scene).remedy("--republish"))
    scene.settle()
    assert view(scene, "items") == {4: "changed", 11: "new"}
    assert any("republish" in noted for noted in remedies_noted(scene))


def test_checkpoint_of_a_relay_that_went_on_without_this_spool(scene: Scene):
    published(scene).stop()
    (scene.folder / "spool").rename(scene.folder / "leftover")
    scene.running_relay()
    scene.execute("INSERT INTO items VALUES (11, 'by the second spool')")
    scene.settle()
    scene.relays[-1].stop()
    change_behind_the_relays_back(scene, first_new=12, with_truncate=False)
    shutil.rmtree(scene.folder / "spool")
    (scene.folder / "leftover").rename(scene.folder / "spool")
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (ANOTHER_RELAY, "checkpoint-foreign")
    follow(scene, halt.remedy("mv "))
    topics_are_right(scene)
    every_message_is_there_once(scene)


def checkpoint_of_an_earlier_life(scene: Scene) -> Halt:
    """Slot and spool are gone, and so is Kafka, which alone knows that this is no first start."""
    published(scene).stop()
    shutil.rmtree(scene.folder / "spool")
    scene.query("SELECT pg_drop_replication_slot(%s)", [scene.slot])
    change_behind_the_relays_back(scene)
    scene.running_relay(broker=nobody()).stop()
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (KAFKA, "checkpoint-foreign")
    return halt


def test_checkpoint_of_an_earlier_life_that_is_superseded(scene: Scene):
    relay = follow(scene, checkpoint_of_an_earlier_life(scene).remedy("bottledwater resnapshot"))
    topics_are_right(scene)
    relay.stop()
    scene.running_relay()
    topics_are_right(scene)


def test_checkpoint_of_an_earlier_life_that_is_left_alone(scene: Scene):
    remedy = checkpoint_of_an_earlier_life(scene).remedy("--topic-prefix=PREFIX")
    for command in re.findall(r"\(((?:SELECT|mv) .*?)\)(?=[, ])", remedy.what):
        scene.execute(command) if command.startswith("SELECT") else subprocess.run(command, shell=True, check=True)
    scene.prefix += "2"
    follow(scene, remedy, PREFIX=scene.prefix)
    topics_are_right(scene)


def test_another_kafka_cluster(scene: Scene):
    published(scene, replay_window="1GiB").stop()
    change_behind_the_relays_back(scene)
    with Servers(postgres=False, registry=False, kafka_java=SHORT_LIVED) as other:
        halt = halt_of(scene.relay(broker=other.kafka.address))
        assert (halt.code, halt.word) == (KAFKA, "other-kafka-cluster")
        # The right one after all.
        scene.running_relay(replay_window="1GiB")
        scene.settle()
        scene.relays[-1].stop()
        halt = halt_of(scene.relay(broker=other.kafka.address))
        reader = scene.reader
        scene.reader = TopicReader(other.kafka.address, reader._decoder)
        follow(scene, halt.remedy("--republish"), broker=other.kafka.address)
        assert view(scene, "items", settle=True) == rows(scene, "items")
        scene.relays[-1].stop()
        # And back, which is another cluster again.
        scene.reader = reader
        halt = halt_of(scene.relay())
        assert halt.word == "other-kafka-cluster"
        scene.execute("DELETE FROM items WHERE id = 5")
        follow(scene, halt.remedy("bottledwater resnapshot"))
        topics_are_right(scene)


def test_checkpoint_that_cannot_be_read(scene: Scene):
    published(scene).stop()
    write_checkpoint(scene, b"not a checkpoint")
    relay = scene.relay()
    assert relay.run(60) == KAFKA
    assert "cannot be read" in relay.log_text() and scene.checkpoint_topic in relay.log_text()


# --- The database ---------------------------------------------------------------------------------


@pytest.fixture
def own_database(servers: Servers, tmp_path, request) -> Iterator[Scene]:
    """A scene whose PostgreSQL can be turned back or replaced."""
    with own_postgres(servers, tmp_path, request) as own:
        yield own.scene


def test_database_that_went_back_and_resnapshot(own_database: Scene):
    scene, postgres = own_database, own_database.servers.postgres
    relay = published(scene)
    relay.stop()
    postgres.stop()
    backup = postgres.folder / "backup"
    subprocess.run(["cp", "-a", str(postgres.data), str(backup)], check=True)
    postgres.restart()
    scene.reconnect()
    relay.start()
    scene.execute("INSERT INTO items SELECT id, 'lost' FROM generate_series(100, 2000) id")
    scene.settle()
    relay.stop()
    postgres.stop()
    shutil.rmtree(postgres.data)
    backup.rename(postgres.data)
    postgres.restart()
    scene.reconnect()
    halt = halt_of(scene.relay())
    assert (halt.code, halt.word) == (WENT_BACK, "database-went-back")
    follow(scene, halt.remedy("bottledwater resnapshot"))
    assert 100 not in rows(scene, "items")
    topics_are_right(scene)


def rebuilt(scene: Scene, new: Scene) -> Scene:
    """Another cluster with a database of the same name and tables, as after pg_upgrade or dump and restore."""
    new.execute(f"CREATE DATABASE {scene.name}")
    new.name = new.slot = new.prefix = scene.name
    new.connection.close()
    new.connection = new.connect()
    new.execute("CREATE TABLE bw_marker (id bigint PRIMARY KEY)")
    new.begin_markers_at(1000)  # The topic has the old one's.
    make_tables(new)
    return new


def test_database_that_was_rebuilt(scene: Scene, own_database: Scene):
    published(scene).stop()
    new = rebuilt(scene, own_database)
    change_behind_the_relays_back(new)
    halt = halt_of(new.relay())
    assert (halt.code, halt.word) == (OTHER_DATABASE, "other-database")
    # The right database after all.
    scene.running_relay()
    topics_are_right(scene)
    scene.relays[-1].stop()
    # Its second remedy has two steps; who forgets the second is told again.
    moving = halt.remedy("mv ")
    subprocess.run(moving.command, shell=True, check=True)
    again = halt_of(new.relay())
    assert (again.code, again.word) == (OTHER_DATABASE, "checkpoint-other-database")
    assert "bottledwater resnapshot" in moving.what
    follow(new, again.remedy("bottledwater resnapshot"))
    topics_are_right(new)


def test_checkpoint_of_another_database_is_left_alone(scene: Scene, own_database: Scene):
    published(scene).stop()
    new = rebuilt(scene, own_database)
    shutil.rmtree(scene.folder / "spool")
    halt = halt_of(new.relay())
    assert (halt.code, halt.word) == (OTHER_DATABASE, "checkpoint-other-database")
    new.prefix = scene.prefix + "2"
    follow(new, halt.remedy("--topic-prefix=PREFIX"), PREFIX=new.prefix)
    topics_are_right(new)


# --- The spool ------------------------------------------------------------------------------------


def test_corrupt_spool_that_is_moved_away(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene, with_truncate=False)
    for manifest in (scene.folder / "spool" / "db").glob("MANIFEST-*"):
        data = bytearray(manifest.read_bytes())
        data[len(data) // 2] ^= 0xFF
        manifest.write_bytes(data)
    relay = scene.relay()
    assert relay.run() == SPOOL_UNUSABLE
    assert "move it away and start again" in relay.log_text()
    (scene.folder / "spool").rename(scene.folder / "moved-away")
    relay.start()
    topics_are_right(scene)
    every_message_is_there_once(scene)


# --- What breaks things ------------------------------------------------------------------------------


def admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.servers.kafka.address})


def delete_topics(scene: Scene, *topics: str) -> None:
    client = admin(scene)
    for deleted in client.delete_topics(list(topics)).values():
        deleted.result(20)
    scene.wait_until(lambda: not set(topics) & scene.reader.topics(), 20, "the topics to be gone")


def make_topic(scene: Scene, topic: str) -> None:
    client = admin(scene)
    for made in client.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result(20)
    scene.wait_until(lambda: topic in scene.reader.topics(), 20, "the topic to be there")


@contextmanager
def slots_that_keep_little(scene: Scene) -> Iterator[None]:
    """PostgreSQL gives up this scene's slot, by max_slot_wal_keep_size."""
    scene.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    scene.query("SELECT pg_reload_conf()")
    try:
        scene.wait_until(lambda: give_up_slot(scene), 60, "the slot to be invalidated")
        yield
    finally:
        scene.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        scene.query("SELECT pg_reload_conf()")


def give_up_slot(scene: Scene) -> bool:
    scene.execute("CREATE TABLE IF NOT EXISTS filler (id int PRIMARY KEY)")
    scene.execute("TRUNCATE filler")
    scene.query("SELECT pg_switch_wal()")
    scene.execute("CHECKPOINT")
    [(status,)] = scene.query("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    return status == "lost"
