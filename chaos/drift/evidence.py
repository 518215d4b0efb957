"""What the log says that the tables had, beside what a `read_committed` consumer sees."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Optional

from clients import Message

from .diary import Diary
from .lock_watcher import Wait

Row = dict[str, Optional[str]]
Key = Optional[tuple]  # Pairs of column and value; None for a null key.


@dataclass(frozen=True)
class Logged:
    """One row of drift.log."""

    seq: int
    xid: int
    op: str
    leaf: int
    root: int
    table: str
    key_columns: tuple[str, ...]
    identity: str
    leaf_gives_key: bool
    joined: bool
    old: Optional[Row]
    new: Optional[Row]

    @property
    def topic(self) -> str:
        return topic_of(self.table)

    @property
    def place(self) -> tuple:
        """What a row's key means something in: the table, its name, and its key."""
        return self.root, self.table, self.key_columns


@dataclass(frozen=True)
class Published:
    """A message, in the log's form."""

    topic: str
    at: tuple[int, int]
    op: str
    key: Key
    value: Optional[Row]

    @property
    def version(self) -> Optional[str]:
        return self.value["change"] if self.value else None

    def __str__(self) -> str:
        return f"{self.op} {dict(self.key) if self.key else None} -> {self.value}"


@dataclass(frozen=True)
class KeyedTable:
    """As it is in the end."""

    root: int
    table: str
    key_columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass
class DriftEvidence:
    log: list[Logged]
    messages: list[Published]
    transactions: list[Published]  # Of drift_tx.
    tables: list[KeyedTable] = field(default_factory=list)
    diary: Diary = field(default_factory=Diary)
    waits: list[Wait] = field(default_factory=list)
    keys: dict[int, set[tuple[str, ...]]] = field(default_factory=dict)  # The primary keys that each table has had,
    identities: dict[int, set[tuple[str, ...]]] = field(default_factory=dict)  # and the columns of its replica identity,
    names: dict[int, set[str]] = field(default_factory=dict)  # and its names.
    members: list[tuple[int, int, set[int]]] = field(default_factory=list)  # Of the publication, each time it was altered.
    there: set[int] = field(default_factory=set)  # The tables that are there in the end.
    relay_pids: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)  # Lines of the relay's log.
    counted: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # What is let out, and how often.

    def __post_init__(self):
        self.commits = {int(one.value["xid"]): one.at[0] for one in self.transactions if one.value}
        self.unpublished = {entry.xid for entry in self.log} - self.commits.keys()
        self.log.sort(key=lambda entry: (self.commits.get(entry.xid, 0), entry.seq))

    def is_key_certain(self, entry: Logged) -> bool:
        """With REPLICA IDENTITY FULL the stream does not say the key: it is known of tables that have always had the same.
        Of a partitioned table it does not say when the identity changes."""
        if entry.leaf != entry.root and len(self.identities.get(entry.root, ())) > 1:
            return False
        return entry.identity != "f" or (entry.root in self.there and len(self.keys.get(entry.root, ())) <= 1)

    def possible_keys(self, entry: Logged) -> set[tuple[str, ...]]:
        if self.is_key_certain(entry):
            return {entry.key_columns}
        return {(), entry.key_columns, *self.keys.get(entry.root, ()), *self.identities.get(entry.root, ())}

    def earlier_topics(self, entry: Logged) -> set[str]:
        """Where PostgreSQL 15 may go on to send a partition's change: it does not announce the root again when that is
        renamed."""
        names = self.names.get(entry.root, set()) if entry.leaf != entry.root else set()
        return {topic_of(name) for name in names} - {entry.topic}

    def was_taken_out_before_commit(self, entry: Logged) -> bool:
        """The publication lost the table between the change and its commit. PostgreSQL decodes at the commit, and keeps
        in mind what is published for a table as the newest change that it has decoded found it, not as each one did."""
        before = sorted((self.commits[xid], seq, roots) for seq, xid, roots in self.members
                        if self.commits.get(xid, self.commit(entry)) < self.commit(entry))
        return any(entry.root not in roots for _, seq, roots in before if seq > entry.seq or seq == before[-1][1])

    def commit(self, entry: Logged) -> int:
        return self.commits[entry.xid]


def topic_of(table: str) -> str:
    return table.removeprefix("public.")


def key_of(row: Optional[Row], columns: tuple[str, ...]) -> Key:
    return tuple((column, row[column]) for column in sorted(columns)) if row and columns else None


def published(message: Message, prefix: str) -> Published:
    key = tuple(sorted(texts(message.key).items())) if message.key is not None else None
    return Published(message.topic.removeprefix(prefix), message.position, message.op, key,
                     texts(message.value) if message.value is not None else None)


def texts(row: dict[str, Any]) -> Row:
    return {name: text(value) for name, value in row.items()}


def text(value: Any) -> Optional[str]:
    """As PostgreSQL's jsonb has it, taken as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return json.dumps(value)
    return str(value)

