"""Who keeps only the last message of each key, as compaction does, has exactly the table's rows."""

from ..evidence import Evidence, key_columns, place_of


def check(evidence: Evidence) -> list[str]:
    wrong = []
    for table, rows in evidence.tables.items():
        wanted = {place_of(table, {name: row[name] for name in key_columns(table)}, row): row for row in rows}
        last = {place: messages[-1].value for place, messages in evidence.found.items() if place[0] == table}
        kept = {place: value for place, value in last.items() if value is not None}
        wrong += [f"{place}: the row is {wanted.get(place)}, the last message {kept.get(place)}"
                  for place in {**wanted, **kept} if wanted.get(place) != kept.get(place)]
    return wrong
