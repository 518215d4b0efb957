"""Halts brought about for real, and remedies taken from the halt's own message: they end where the message says."""

import re
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Optional

from harness import Scene
from harness.writer import Writer

from clients import JsonDecoder, Message, TopicReader
from servers import Relay

USAGE, ANOTHER_RELAY, SPOOL_UNUSABLE = 64, 73, 74
GAP, SLOT, FOREIGN_SLOT, KAFKA, OTHER_DATABASE, WENT_BACK = 80, 81, 82, 83, 84, 85


# --- Re-snapshot ----------------------------------------------------------------------------------


def test_resnapshot_makes_the_topics_what_the_tables_are(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    before = Counter(map(identity, scene.messages("items", "emptied", settle=False)))
    relay = scene.running_relay("resnapshot")
    topics_are_right(scene)
    new = messages_beyond(scene, before)
    assert [message.op for message in new["emptied"]] == ["d"] * 3
    # Tombstones first, for exactly the keys that are no more, and every row once.
    assert [message.op for message in new["items"]] == ["d"] * 3 + ["r"] * 8
    assert {message.key["id"] for message in new["items"][:3]} == {1, 2, 3}
    assert all(message.value is None for message in new["items"][:3])
    positions = [message.position for message in new["items"]]
    assert positions == sorted(positions) and len(set(positions)) == len(positions)
    assert "resnapshot" in remedies_noted(scene)
    # It was for once: a start without the command goes on where that relay was.
    relay.stop()
    everything = len(scene.messages("items", "emptied", settle=False))
    scene.running_relay()
    scene.execute("DELETE FROM items WHERE id = 4")
    topics_are_right(scene)
    assert len(scene.messages("items", "emptied")) == everything + 1


def test_resnapshot_while_kafka_is_away_is_remembered(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    scene.servers.kafka.stop()
    relay = scene.running_relay("resnapshot")
    scene.execute("INSERT INTO items VALUES (12, 'streamed')")
    relay.stop()
    scene.servers.kafka.restart()
    scene.running_relay()
    topics_are_right(scene)
    assert scene.slots() == [scene.slot]


def test_resnapshot_that_is_killed_again_and_again_is_exact(scene: Scene):
    """Wherever it dies, the next start finishes it, and no key gets a second tombstone."""
    published(scene, rows=6000, transaction_max_messages=500).stop()
    scene.execute("DELETE FROM items WHERE id % 2 = 0")
    before = Counter(map(identity, scene.messages("items", settle=False)))
    relay = scene.relay("resnapshot", transaction_max_messages=200)
    relay.start()
    relay.wait_for_log("Looking in")
    for pause_s in 0.02, 0.05, 0.1, 0.2:
        time.sleep(pause_s)
        relay.kill9()
        relay = scene.relay(transaction_max_messages=200)
        relay.start()
        relay.wait_for_log("Publishing to Kafka from")
    topics_are_right(scene, "items")
    new = messages_beyond(scene, before, "items")["items"]
    assert Counter(message.op for message in new) == {"d": 3000, "r": 3000}
    assert len({message.headers["lsn"] for message in new}) == 6000


def test_resnapshot_takes_no_slot_that_is_somebody_elses(scene: Scene):
    scene.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    halt = halt_of(scene.relay("resnapshot"))
    assert (halt.code, halt.word) == (FOREIGN_SLOT, "slot-foreign")
    assert scene.slots() == [scene.slot]


def test_resnapshot_of_one_table_leaves_the_others_alone(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    before = Counter(map(identity, scene.messages("items", "emptied", settle=False)))
    relay = scene.running_relay("resnapshot", "public.emptied")
    scene.execute("INSERT INTO emptied VALUES (7, 'later')")
    topics_are_right(scene)
    every_message_is_there_once(scene)
    new = messages_beyond(scene, before)
    assert [message.op for message in new["emptied"]] == ["d"] * 3 + ["c"]
    assert [message.op for message in new["items"]] == ["d"] * 3 + ["u", "c"]  # Streamed, not read.
    assert "resnapshot public.emptied" in remedies_noted(scene)
    relay.stop()
    assert scene.slots() == [scene.slot]
    scene.running_relay()
    scene.execute("DELETE FROM emptied")
    topics_are_right(scene)
    every_message_is_there_once(scene)


def test_resnapshot_of_a_table_that_is_written_to_is_exact(scene: Scene):
    """Its rows stand between the changes that they hold already and those that they do not."""
    published(scene, rows=2000).stop()
    statement = ("INSERT INTO items VALUES (100000 + {n}, 'new'); UPDATE items SET text = '{n}' WHERE id <= 5; "
                 "DELETE FROM items WHERE id = 100000 + {n} - 30")
    with Writer(scene.url(), statement, per_second=200) as writer:
        writer.wait_for(50)
        relay = scene.relay("resnapshot", "items")
        relay.start()
        relay.wait_for_log("1 tables taken again")
        writer.wait_for(writer.written + 50)
    topics_are_right(scene)
    every_message_is_there_once(scene)
    messages = scene.messages("items", settle=False)
    assert Counter(message.op for message in messages)["r"] > 2 * 2000
    positions = [message.position for message in messages]
    assert positions == sorted(positions)


def test_resnapshot_of_a_table_that_is_not_captured(scene: Scene):
    published(scene).stop()
    relay = scene.relay("resnapshot", "public.itmes")
    assert relay.run() == USAGE
    assert "public.itmes" in relay.log_text()
    scene.running_relay()
    topics_are_right(scene)


# --- The gap --------------------------------------------------------------------------------------


def gap(scene: Scene) -> "Halt":
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


# --- What the operator does ------------------------------------------------------------------------


@dataclass(frozen=True)
class Remedy:
    what: str
    command: str


@dataclass(frozen=True)
class Halt:
    code: int
    word: str
    text: str
    remedies: list[Remedy]

    def remedy(self, command: str) -> Remedy:
        found = [remedy for remedy in self.remedies if command in remedy.command]
        assert len(found) == 1, f"{command!r} is the command of {len(found)} remedies in: {self.text}"
        return found[0]


def halt_of(relay: Relay) -> Halt:
    """Runs a relay that must halt, and takes its message apart."""
    code = relay.run(60)
    found = re.search(r"(?m)\[([a-z-]+)\] ([A-Z].*)$", relay.log_text().split("[critical]")[-1])
    assert found, relay.log_tail()
    word, text = found.groups()
    assert " What you can do: (1) " in text, text
    parts = re.split(r";? ?\((\d)\) ", text.split(" What you can do:", 1)[1])
    assert parts[1::2] == [str(number) for number in range(1, len(parts) // 2 + 1)]
    remedies = []
    for part in parts[2::2]:
        what, _, command = part.rpartition(": ")
        remedies.append(Remedy(what or part, command if what else ""))
    return Halt(code, word, text, remedies)


def follow(scene: Scene, remedy: Remedy, *, broker: Optional[str] = None, spool: Optional[str] = None,
           **words: str) -> Relay:
    """Does what the remedy says, with `words` for the words in capitals. The relay that it leads to streams."""
    command = remedy.command
    for name, value in words.items():
        assert name in command
        command = command.replace(name, value)
    arguments = []
    options = {}
    if broker:
        options["broker"] = broker
    if spool:
        options["spool"] = spool
    if command.startswith("SELECT "):
        scene.execute(command)
    elif command.startswith("mv "):
        subprocess.run(command, shell=True, check=True)
    elif command.startswith("bottledwater "):
        arguments = command.split()[1:]
    else:
        name = command.split("=")[0].removeprefix("--").replace("-", "_")
        if name in ("slot", "spool", "topic_prefix"):  # In the place of the one that there was.
            options[name] = command.split("=", 1)[1]
        else:
            arguments = [command]
    return scene.running_relay(*arguments, **options)


# --- Before and after -------------------------------------------------------------------------------


def make_tables(scene: Scene, rows: int = 10) -> None:
    scene.execute("CREATE TABLE items (id int PRIMARY KEY, text text)")
    scene.execute(f"INSERT INTO items SELECT id, 'old' FROM generate_series(1, {rows}) id")
    scene.execute("CREATE TABLE emptied (id int PRIMARY KEY, text text)")
    scene.execute("INSERT INTO emptied SELECT id, 'old' FROM generate_series(1, 3) id")


def published(scene: Scene, rows: int = 10, **options: Any) -> Relay:
    make_tables(scene, rows)
    relay = scene.running_relay(**options)
    scene.settle()
    return relay


def change_behind_the_relays_back(scene: Scene, first_new: int = 11, with_truncate: bool = True) -> None:
    scene.execute("DELETE FROM items WHERE id <= 3")
    scene.execute("UPDATE items SET text = 'changed' WHERE id = 4")
    scene.execute("INSERT INTO items VALUES (%s, 'new')", [first_new])
    if with_truncate:
        scene.execute("TRUNCATE emptied")  # Which makes no messages.


def rows(scene: Scene, table: str) -> dict[int, str]:
    return dict(scene.query(f"SELECT id, text FROM {table}"))


def view(scene: Scene, table: str, settle: bool = False) -> dict[int, str]:
    """What a consumer of the topic holds in the end."""
    latest = {}
    for message in scene.messages(table, settle=settle):
        latest[message.key["id"]] = message.value and message.value["text"]
    return {number: text for number, text in latest.items() if text is not None}


def topics_are_right(scene: Scene, *tables: str) -> None:
    scene.settle()
    for table in tables or ("items", "emptied"):
        assert view(scene, table) == rows(scene, table), table


def identity(message: Message) -> tuple:
    return message.topic, message.op, message.headers["lsn"]


def every_message_is_there_once(scene: Scene) -> None:
    assert set(Counter(map(identity, scene.messages("items", "emptied"))).values()) == {1}


def messages_beyond(scene: Scene, before: Counter, *tables: str) -> dict[str, list[Message]]:
    """By table, what has come since; none of it again."""
    new = {}
    for table in tables or ("items", "emptied"):
        new[table] = [message for message in scene.messages(table, settle=False) if identity(message) not in before]
    return new


class CheckpointDecoder(JsonDecoder):
    def decode(self, data):
        return "checkpoint" if data == b"checkpoint" else super().decode(data)


def checkpoints(scene: Scene) -> list[Message]:
    return TopicReader(scene.servers.kafka.address, CheckpointDecoder()).read(scene.checkpoint_topic)


def remedies_noted(scene: Scene) -> list[str]:
    """What the checkpoint topic says that operators have allowed."""
    return [message.value["remedy"] for message in checkpoints(scene) if message.value["remedy"]]
