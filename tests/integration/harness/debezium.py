"""Debezium's PostgreSQL connector, run beside a relay, and what it publishes that the relay does not.

`DIFFERENCES` is the whole list: docs/debezium.md has the same, with the reasons, and a test compares the two.
"""

import base64
import json
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import urlsplit

from clients import JsonDecoder, Message, TopicReader
from servers import ConnectWorker
from servers.fetch import fetch_for_comparison

from .scene import Scene

CONVERTERS = {f"{part}.converter": "org.apache.kafka.connect.json.JsonConverter" for part in ("key", "value")}
CONNECTOR = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "tasks.max": 1,
    "plugin.name": "pgoutput",
    "publication.autocreate.mode": "all_tables",
    "poll.interval.ms": 10,
    "topic.creation.default.replication.factor": 1,
    "topic.creation.default.partitions": 1,
}


class Debezium:
    """A connector with its defaults, but for `properties`, on the scene's servers, with a slot, a publication and topics of its own."""

    def __init__(self, scene: Scene, properties: Optional[dict[str, object]] = None, exactly_once: bool = True):
        fetch_for_comparison()
        self.prefix = f"d{scene.name}"
        once = {"exactly.once.source.support": "enabled" if exactly_once else "disabled"}
        self._worker = ConnectWorker(scene.folder / "connect", f"connect-{scene.name}", scene.servers.kafka.address, {**CONVERTERS, **once})
        self._scene = scene
        self._properties = properties or {}

    @property
    def address(self) -> str:
        """Of Connect's REST interface."""
        return f"127.0.0.1:{self._worker.port}"

    def __enter__(self) -> "Debezium":
        self._worker.start()
        try:
            self._worker.wait_ready()
            postgres = urlsplit(self._scene.url())
            self._worker.deploy(self.prefix, {
                **CONNECTOR, "topic.prefix": self.prefix, "slot.name": self.prefix, "publication.name": self.prefix,
                "database.hostname": postgres.hostname, "database.port": postgres.port, "database.user": postgres.username,
                "database.password": postgres.password, "database.dbname": self._scene.name, **self._properties})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._worker.process.stop(timeout=60)

    def failures(self) -> list[str]:
        return self._worker.failures(self.prefix)


def wait_for(scene: Scene, prefix: str, number: int, debezium: Optional[Debezium] = None, timeout: float = 60) -> None:
    """Returns when the row of table `marker` with this number is in its topic."""
    deadline = time.monotonic() + timeout
    reader = TopicReader(scene.servers.kafka.address, JsonDecoder())
    topic = f"{prefix}.public.marker"
    for message in reader.follow(lambda name: name == topic, lambda: time.monotonic() > deadline):
        if message.key["payload"]["id"] == number:
            return
    raise AssertionError(f"marker {number} did not come to {topic} in {timeout:g} s: {debezium.failures() if debezium else ''}")


def published(scene: Scene, prefix: str) -> dict[str, list[Message]]:
    """By topic, without the prefix. Each topic has one partition."""
    reader = TopicReader(scene.servers.kafka.address, JsonDecoder())
    topics = sorted(name for name in reader.topics() if name.startswith(f"{prefix}.") and not name.endswith(".checkpoint"))
    messages: dict[str, list[Message]] = {topic.removeprefix(f"{prefix}."): [] for topic in topics}
    for message in reader.read(*topics):
        messages[message.topic.removeprefix(f"{prefix}.")].append(message)
    return messages


# What differs

@dataclass(frozen=True)
class Place:
    """Where two messages differ. `path` is, for example, ("value", "payload", "after", "n")."""

    table: str
    path: tuple[str, ...]
    ours: Any
    theirs: Any
    op: str = ""

    @property
    def in_payload(self) -> bool:
        return self.path[1:2] == ("payload",)

    @property
    def column(self) -> str:
        """Of a row's value, or of its schema."""
        names = self.path[2:] if self.in_payload else [name for name in self.path[2:] if name != "fields"]
        return names[1] if len(names) > 1 and names[0] in ("before", "after") else ""

    def is_in(self, *names: str) -> bool:
        """Whether it is one of these members of `source`."""
        return self.path[:3] == ("value", "payload", "source") and self.path[3] in names


def columns(*names: str) -> Callable[[Place], bool]:
    return lambda place: place.column in names


def streamed(*names: str) -> Callable[[Place], bool]:
    return lambda place: place.op != "r" and place.column in names


PLACEHOLDER = "__debezium_unavailable_value"  # As text, bytea, and an array's elements of text and of integers.
PLACEHOLDERS = [PLACEHOLDER, base64.b64encode(PLACEHOLDER.encode()).decode(), [PLACEHOLDER], list(PLACEHOLDER.encode())]
DIFFERENCES: dict[str, Callable[[Place], bool]] = {
    "capture-time": lambda place: place.in_payload and place.path[2:] in (("ts_ms",), ("ts_us",), ("ts_ns",)),
    "version": lambda place: place.is_in("version"),
    "snapshot-time": lambda place: place.op == "r" and place.is_in("ts_ms", "ts_us", "ts_ns"),
    "snapshot-place": lambda place: place.op == "r" and place.is_in("lsn", "sequence", "txId"),
    "snapshot-marker": lambda place: place.op == "r" and place.is_in("snapshot"),
    "first-sequence": lambda place: place.is_in("sequence") and json.loads(place.theirs)[0] is None,
    "null-defaults": lambda place: (place.in_payload and place.table == "public.defaults" and bool(place.column)
                                    and place.ours is None),
    "negative-scale": columns("nneg"),
    "bit-arrays": columns("abit"),
    "int2vector": columns("iv2"),
    "name-lost": lambda place: streamed("nm")(place) and place.theirs is None,
    "array-times": lambda place: place.column == "atm" and place.in_payload,
    "infinite-dates": lambda place: place.column == "d" and place.ours in (2 ** 31 - 1, -2 ** 31),
    "whole-rows": lambda place: place.theirs in PLACEHOLDERS,
    "snapshot-years": lambda place: place.op == "r" and place.column == "d" and place.in_payload and place.ours < -719162,
}
REFUSED = "refused-values"
ALL_REASONS = {*DIFFERENCES, REFUSED}


@dataclass
class Comparison:
    messages: int
    reasons: Counter[str]
    unexplained: dict[tuple[str, ...], Place | str]  # One of each kind.

    def __str__(self) -> str:
        by_reason = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        return f"{self.messages} messages compared, differences by reason: {by_reason or 'none'}"


def compare(ours: dict[str, list[Message]], theirs: dict[str, list[Message]], our_prefix: str, their_prefix: str,
            refusing: set[str]) -> Comparison:
    """Topic by topic, in the order of their messages. Tables in `refusing` have only updates to values that we refuse."""
    result = Comparison(0, Counter(), {})
    if ours.keys() != theirs.keys():
        result.unexplained["topics",] = f"topics: {ours.keys() ^ theirs.keys()} are not in both"
    for topic in ours.keys() & theirs.keys():
        mine = [_parts(message, our_prefix) for message in _in_order(ours[topic])]
        other = [_parts(message, their_prefix) for message in _in_order(theirs[topic])]
        if topic in refusing:
            left = [parts for parts in other if parts["value"]["payload"]["op"] != "u"]
            result.reasons[REFUSED] += len(other) - len(left)
            other = left
        if len(mine) != len(other):
            result.unexplained[topic,] = (f"{topic}: {len(mine)} messages of ours, {len(other)} of Debezium's:\n"
                                          f"{_outline(mine)}\n{_outline(other)}")
        result.messages += min(len(mine), len(other))
        for one, two in zip(mine, other):
            value = two["value"]
            op = value["payload"]["op"] if value else ""
            for path, left, right in _places((), one, two):
                place = Place(topic, path, left, right, op)
                reason = next((name for name, explains in DIFFERENCES.items() if explains(place)), None)
                if reason:
                    result.reasons[reason] += 1
                else:
                    result.unexplained.setdefault((topic, op == "r", *path), place)
    return result


def _in_order(messages: list[Message]) -> list[Message]:
    """A snapshot's rows come in any order."""
    def is_read(message: Message) -> bool:
        return message.value is not None and message.value["payload"]["op"] == "r"

    def row(message: Message) -> str:
        return json.dumps((message.key or message.value)["payload"], sort_keys=True)

    read = sorted(filter(is_read, messages), key=row)
    return read + [message for message in messages if not is_read(message)]


def _outline(messages: list[dict[str, Any]]) -> str:
    return " ".join(f"{message['value']['payload']['op'] if message['value'] else 't'}" for message in messages)


def _parts(message: Message, prefix: str) -> dict[str, Any]:
    """Key and value, with schemas whose fields are found by their names; the prefix of names is the same for all."""
    def decoded(raw: Optional[bytes]) -> Any:
        if raw is None:
            return None
        whole = json.loads(raw.decode().replace(prefix, "PREFIX"))
        return {"schema": _schema(whole["schema"]), "payload": whole["payload"]}

    return {"key": decoded(message.raw_key), "value": decoded(message.raw_value)}


def _schema(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    result = {name: _schema(member) for name, member in schema.items() if name not in ("fields", "field")}
    if "fields" in schema:
        result["fields"] = {field["field"]: _schema(field) for field in schema["fields"]}
        result["order"] = [field["field"] for field in schema["fields"]]
    return result


def _places(path: tuple[str, ...], ours: Any, theirs: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {**ours, **theirs}:
            one, two = ours.get(name, "absent"), theirs.get(name, "absent")
            if name == "order" and isinstance(one, list) and isinstance(two, list):
                both = set(one) & set(two)
                one, two = ([field for field in order if field in both] for order in (one, two))
            yield from _places((*path, name), one, two)
    elif not _is_same(path, ours, theirs):
        yield path, ours, theirs


def _is_same(path: tuple[str, ...], ours: Any, theirs: Any) -> bool:
    if ours == theirs and type(ours) is type(theirs):
        return True
    column = path[3] if len(path) > 3 else ""
    if column in ("hs", "ahs") and ours and theirs:  # The order of an hstore's keys means nothing.
        texts = [ours, theirs] if isinstance(ours, str) else [*ours, *theirs]
        half = len(texts) // 2
        return [json.loads(text) for text in texts[:half]] == [json.loads(text) for text in texts[half:]]
    if isinstance(ours, float) and isinstance(theirs, float) and column in ("f4", "r"):  # The same float, in other digits.
        return struct.pack("f", ours) == struct.pack("f", theirs)
    return False
