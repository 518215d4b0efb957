"""In the end the topic of each table with a key holds the table's rows: by the last message of each key.

(A partitioned table has a key here when each of its partitions' identities gives it.)

Required without exception for rows whose newest change was made under the name, in the table, and with the key that are
the table's in the end; also where that change had no message because the table was not yet joined: re-reading heals it.
And a key that the topic still holds is a row of the table, unless its row ended in another way than by a change made
under that name, in that table and with that key.

What is let out, and counted, because DDL makes no messages: rows that came under the name by RENAME, SET SCHEMA or
ATTACH, until they change or `bottledwater resnapshot TABLE` reads them; rows that left by TRUNCATE, DROP, DETACH or
RENAME; and, while no row has been changed under the table's present key, rows and keys under an earlier one: with the first
such change the whole table is read again.
"""

from typing import Optional

from ..drift.evidence import DriftEvidence, KeyedTable, Logged, Published, key_of, topic_of


def check(evidence: DriftEvidence) -> list[str]:
    made: dict[Optional[str], Logged] = {}
    ended: dict[Optional[str], Logged] = {}
    for entry in evidence.log:
        if entry.new:
            made[entry.new["change"]] = entry
        if entry.old:
            ended[entry.old["change"]] = entry
    last: dict[str, dict[tuple, Published]] = {}
    for message in sorted(evidence.messages, key=lambda one: (one.at, one.value is not None)):
        if message.key is not None:
            last.setdefault(message.topic, {})[message.key] = message
    used = {entry.place for entry in evidence.log}
    wrong = []
    for table in evidence.tables:
        holds = {key: message for key, message in last.get(topic_of(table.table), {}).items() if message.value}
        wrong += check_rows(evidence, table, holds, made, used)
        wrong += check_leftovers(evidence, table, holds, made, ended, used)
    return wrong


def check_rows(evidence: DriftEvidence, table: KeyedTable, holds: dict, made: dict, used: set) -> list[str]:
    wrong = []
    for row in table.rows:
        message = holds.get(key_of(row, table.key_columns))
        if message is not None and message.version == row["change"]:
            continue
        origin = made.get(row["change"])
        if origin is not None and is_claimed(origin, table, used):
            wrong.append(f"{table.table}: the row is {row}, the topic's last message {message} (seq {origin.seq})")
        else:
            evidence.counted["rows that came by DDL and are not in the topic"] += 1
    return wrong


def check_leftovers(evidence: DriftEvidence, table: KeyedTable, holds: dict, made: dict, ended: dict,
                    used: set) -> list[str]:
    rows = {key_of(row, table.key_columns) for row in table.rows}
    wrong = []
    for key, message in holds.items():
        origin, end = made.get(message.version), ended.get(message.version)
        if key in rows:
            continue
        if end is not None and origin is not None and is_claimed(origin, table, used) and is_claimed(end, table, used):
            wrong.append(f"{table.table}: there is no row {dict(key)} any more ({end.op}, seq {end.seq}), "
                         f"the topic still has {message}")
        else:
            evidence.counted["keys whose rows went by DDL and are still in the topic"] += 1
    return wrong


def is_claimed(entry: Logged, table: KeyedTable, used: set) -> bool:
    """Whether the topic must know of this change."""
    place = table.root, table.table, table.key_columns
    return entry.place == place or ((entry.root, entry.table) == (table.root, table.table) and place in used)
