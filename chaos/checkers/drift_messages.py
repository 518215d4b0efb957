"""Every message of a table is the table's row as it was at that change.

Of a transaction's changes of one topic (a partitioned table's, or a table's, by its name at the change), in their order:

1. An INSERT has exactly one message, always: `c`, the row, and the key by the identity that the table had.
2. An UPDATE has `u` with the new row, behind a tombstone `d` of the old key where the key has changed. With REPLICA
   IDENTITY FULL and no key the message has none.
3. A DELETE has a tombstone; of a table without a key nothing.
4. 2 and 3 hold for a table with an identity that the relay's publication had before the change and before the
   transaction's earlier changes of that table, and did not lose before its commit. Otherwise the change may have its message, or not: then
   `drift_last_value` asks for a later re-reading. The same where a partition's own identity lacks the root's key.
5. With REPLICA IDENTITY FULL the key is not in the stream. Of a table that is gone, or has had several primary keys, a
   message may have any of them or none; then 2 and 3 need not be there, and `drift_last_value` asks for a re-reading.
   The same where a partitioned table has had several identities, and a change of it may come to the topic of an earlier
   name: PostgreSQL 15 announces neither again until the connection is new. (Nor a renamed schema: that is left out.)
6. There is no other message at that commit, and no `c` or `u` at any other.
7. A message of a re-reading (`r`) is a row that was there at its position: made before, and not yet replaced; no row
   twice in one re-reading. (Its columns are those of the reading's moment: only those that always stay are compared.)
   A tombstone where nothing was committed is one of a re-reading.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Optional

from ..drift.evidence import DriftEvidence, Logged, Published, key_of
from ..drift.schema import STAYING

Wanted = tuple[Published, bool]  # And whether it must be there.


def check(evidence: DriftEvidence) -> list[str]:
    wrong = [f"transaction {xid} of the log was never published" for xid in sorted(evidence.unpublished)]
    committed = set(evidence.commits.values())
    changes: dict[tuple[str, int], list[Logged]] = defaultdict(list)
    wanted: dict[tuple[str, int], list[tuple[Wanted, Logged]]] = defaultdict(list)
    for entry in evidence.log:
        if entry.xid not in evidence.unpublished:
            changes[entry.topic, evidence.commit(entry)].append(entry)
            wanted[entry.topic, evidence.commit(entry)] += [(one, entry) for one in messages_of(entry, evidence)]
    found: dict[tuple[str, int], list[Published]] = defaultdict(list)
    for message in evidence.messages:
        if message.op == "r" or (message.at[0] not in committed and message.op == "d"):
            continue
        found[message.topic, message.at[0]].append(message)
    rehome(found, changes, evidence)
    for place in sorted(wanted.keys() | found.keys(), key=lambda place: place[1]):
        messages = sorted(found[place], key=lambda one: (one.at, one.value is not None))
        wrong += compare(place, wanted[place], messages, changes[place], evidence)
    return wrong + check_rereadings(evidence)


def rehome(found: dict[tuple[str, int], list[Published]], changes: dict, evidence: DriftEvidence) -> None:
    """Puts messages that came to an earlier name's topic into that of the name at the change."""
    for (topic, commit), entries in list(changes.items()):
        for entry in entries:
            for earlier in evidence.earlier_topics(entry):
                if (earlier, commit) in changes:
                    continue  # Another table's name by then.
                moved = found.pop((earlier, commit), [])
                found[topic, commit] += moved
                evidence.counted["messages in the topic of an earlier name"] += len(moved)


def messages_of(entry: Logged, evidence: DriftEvidence) -> Iterator[Wanted]:
    at = evidence.commit(entry), 0
    old_key, new_key = key_of(entry.old, entry.key_columns), key_of(entry.new, entry.key_columns)
    must = is_required(entry) and evidence.is_key_certain(entry) and not evidence.was_taken_out_before_commit(entry)
    if entry.op == "INSERT":
        yield Published(entry.topic, at, "c", new_key, entry.new), True
    elif entry.op == "UPDATE":
        if old_key != new_key:
            yield Published(entry.topic, at, "d", old_key, None), must
        yield Published(entry.topic, at, "u", new_key, entry.new), must
    elif entry.op == "DELETE" and old_key is not None:
        yield Published(entry.topic, at, "d", old_key, None), must


def is_required(entry: Logged) -> bool:
    """Whether an update or delete has its message for certain."""
    has_identity = bool(entry.key_columns) or entry.identity == "f"
    return has_identity and entry.joined and entry.leaf_gives_key


def compare(place: tuple[str, int], wanted: list[tuple[Wanted, Logged]], found: list[Published],
            changes: list[Logged], evidence: DriftEvidence) -> list[str]:
    where = f"{place[0]} at {place[1] >> 32:X}/{place[1] & 0xFFFFFFFF:X}"
    wrong = []
    next_wanted = 0
    for message in found:
        match = next((n for n in range(next_wanted, len(wanted)) if same(*wanted[n], message, evidence)), None)
        if match is None and is_of_uncertain_key(changes, message, evidence):
            evidence.counted["tombstones of a key that was not certain"] += 1
            continue
        if match is None:
            wrong.append(f"{where}: no change made {message}" + nearest(wanted, message))
            continue
        wrong += lost(where, wanted[next_wanted:match], evidence)
        next_wanted = match + 1
    return wrong + lost(where, wanted[next_wanted:], evidence)


def same(wanted: Wanted, entry: Logged, found: Published, evidence: DriftEvidence) -> bool:
    one, _ = wanted
    if (one.op, one.value) != (found.op, found.value):
        return False
    row = entry.new if one.value else entry.old
    return one.key == found.key or found.key in {key_of(row, columns) for columns in evidence.possible_keys(entry)}


def is_of_uncertain_key(changes: list[Logged], message: Published, evidence: DriftEvidence) -> bool:
    """An update of what is the key for the relay, and was not, or not any more, for the table."""
    return message.op == "d" and any(
        entry.old is not None and message.key in {key_of(entry.old, columns) for columns in evidence.possible_keys(entry)}
        for entry in changes if not evidence.is_key_certain(entry))


def nearest(wanted: list[tuple[Wanted, Logged]], message: Published) -> str:
    """The change it should be, when its version is known."""
    version: Optional[str] = message.version
    for (one, _), entry in wanted:
        if version and one.version == version:
            return f"; it should be {one} (identity {entry.identity} {list(entry.key_columns)})"
    return f"; {len(wanted)} changes of this table committed there"


def lost(where: str, skipped: list[tuple[Wanted, Logged]], evidence: DriftEvidence) -> list[str]:
    evidence.counted["updates and deletes before the table was joined, without a message"] += sum(
        1 for (_, must), _ in skipped if not must)
    return [f"{where}: no message for {entry.op} (seq {entry.seq}, identity {entry.identity} {list(entry.key_columns)}): "
            f"{one}" for (one, must), entry in skipped if must]


def check_rereadings(evidence: DriftEvidence) -> list[str]:
    made: dict[str, Logged] = {}
    ended: dict[str, Logged] = {}
    for entry in evidence.log:
        if entry.new:
            made[entry.new["change"] or ""] = entry
        if entry.old:
            ended.setdefault(entry.old["change"] or "", entry)
    wrong = []
    seen = set()
    for message in evidence.messages:
        if message.op != "r" or message.version is None:
            continue
        origin, end = made.get(message.version), ended.get(message.version)
        at = message.at[0]
        if origin is None or evidence.commits.get(origin.xid, 0) > at:
            wrong.append(f"{message.topic}: a re-reading has a row that was not there yet: {message}")
        elif end is not None and evidence.commits.get(end.xid, 0) <= at:
            wrong.append(f"{message.topic}: a re-reading has a row that had ended ({end.op}, seq {end.seq}): {message}")
        elif any(message.value[name] != origin.new[name] for name in STAYING):  # type: ignore[index]
            wrong.append(f"{message.topic}: a re-reading has {message}, the row was {origin.new}")
        if (message.topic, at, message.version) in seen:
            wrong.append(f"{message.topic}: a re-reading has a row twice: {message}")
        seen.add((message.topic, at, message.version))
        evidence.counted["rows read again"] += 1
    return wrong
