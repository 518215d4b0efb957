"""What an operator does at a halt, knowing only its message; and two tables to see by what came of it."""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import Any, Optional

from confluent_kafka import Producer

from clients import JsonDecoder, Message, TopicReader
from servers import Relay, free_port

from .scene import Scene

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
    return halt_told(relay, relay.run(60))


def halt_told(relay: Relay, code: int) -> Halt:
    """The same for a relay that has ended with that code."""
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
           slot: Optional[str] = None, **words: str) -> Relay:
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
    if slot:
        options["slot"] = slot
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
        return super().decode(data) if data.startswith(b"{") else data.decode()


def checkpoints(scene: Scene) -> list[Message]:
    """The topic has other records, too: the parts of large ones, and the claims of topics."""
    records = TopicReader(scene.servers.kafka.address, CheckpointDecoder()).read(scene.checkpoint_topic)
    return [record for record in records if record.key == "checkpoint"]


def write_checkpoint(scene: Scene, value: bytes) -> None:
    """By somebody else."""
    producer = Producer({"bootstrap.servers": scene.servers.kafka.address})
    producer.produce(scene.checkpoint_topic, key=b"checkpoint", value=value, partition=0)
    assert producer.flush(20) == 0


def remedies_noted(scene: Scene) -> list[str]:
    """What the checkpoint topic says that operators have allowed."""
    return [message.value["remedy"] for message in checkpoints(scene) if message.value["remedy"]]


def nobody() -> str:
    """An address of brokers where none answers."""
    return f"127.0.0.1:{free_port()}"
