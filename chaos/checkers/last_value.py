"""Who keeps only the last message of each key, as compaction does, has exactly the table's rows.

A column that was added behind a row's last message is null in the row and not in the message.
"""

from typing import Optional

from ..evidence import Evidence, key_columns, place_of


def check(evidence: Evidence) -> list[str]:
    wrong = []
    for table, rows in evidence.tables.items():
        wanted = {place_of(table, {name: row[name] for name in key_columns(table)}, row): row for row in rows}
        last = {place: messages[-1].value for place, messages in evidence.found.items() if place[0] == table}
        kept = {place: value for place, value in last.items() if value is not None}
        wrong += [f"{place}: the row is {wanted.get(place)}, the last message {kept.get(place)}"
                  for place in {**wanted, **kept} if not same(wanted.get(place), kept.get(place))]
    return wrong


def same(row: Optional[dict], value: Optional[dict]) -> bool:
    if row is None or value is None:
        return row is value
    return row == {**{name: None for name in row}, **value}
