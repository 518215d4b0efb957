"""Of every row, the messages are its changes, each once and in their order; each has the columns, and the values, of its moment.

Texts that differ may still be the same value (a date's era, the zeros of a time): `same` asks PostgreSQL about those, by type.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Optional

from ..storm.evidence import LoggedRow, SeenRow, StormEvidence

Doubt = tuple[str, str, str]  # Type, the log's text, the message's.


def check(evidence: StormEvidence, same: Callable[[set[Doubt]], set[Doubt]]) -> list[str]:
    """`same` returns those that are the same value."""
    wrong = list(evidence.wrong)
    logged: dict[tuple[str, int], list[LoggedRow]] = defaultdict(list)
    seen: dict[tuple[str, int], list[SeenRow]] = defaultdict(list)
    for entry in evidence.log:
        logged[entry.table, entry.id].append(entry)
    for message in evidence.seen:
        seen[message.table, message.id].append(message)
    doubts: dict[Doubt, str] = {}
    for place in sorted(logged.keys() | seen.keys()):
        wrong += compare(place, logged[place], seen[place], doubts)
    right = same(set(doubts))
    return wrong + [f"{where}: {doubt[1]!r} came as {doubt[2]!r} ({doubt[0]})" for doubt, where in doubts.items()
                    if doubt not in right]


def compare(place: tuple[str, int], logged: list[LoggedRow], seen: list[SeenRow], doubts: dict[Doubt, str]) -> list[str]:
    where = f"{place[0]}, id {place[1]}"
    wanted, found = [entry.change for entry in logged], [message.change for message in seen]
    if wanted != found:
        first = next((n for n, (one, other) in enumerate(zip(wanted, found)) if one != other), min(len(wanted), len(found)))
        return [f"{where}: {len(wanted)} changes and {len(found)} messages; from number {first} on the changes are "
                f"{wanted[first:first + 3]} and the messages {found[first:first + 3]}"]
    return [problem for entry, message in zip(logged, seen) for problem in compare_row(where, entry, message, doubts)]


def compare_row(where: str, entry: LoggedRow, message: SeenRow, doubts: dict[Doubt, str]) -> list[str]:
    if entry.columns is None or message.texts is None:
        return []
    where = f"{where}, change {entry.change}"
    if entry.columns.keys() != message.texts.keys():
        return [f"{where}: columns {sorted(entry.columns)} came as {sorted(message.texts)}"]
    wrong = []
    for name, (type_name, text) in entry.columns.items():
        came: Optional[str] = message.texts[name]
        if text == came:
            continue
        if text is None or came is None:
            wrong.append(f"{where}: column {name} ({type_name}) is {text!r} and came as {came!r}")
        else:
            doubts.setdefault((type_name, text, came), f"{where}, column {name}")
    return wrong
