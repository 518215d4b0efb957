"""The messages of a key are in the order of their commits, and each partition is in the order of the WAL."""

from ..evidence import Evidence, counted


def check(evidence: Evidence) -> list[str]:
    wrong = []
    for place, values in evidence.expected.items():
        found = evidence.values(place)
        if found != values and counted(found) == counted(values):
            at = next(n for n, (a, b) in enumerate(zip(values, found)) if a != b)
            wrong.append(f"{place}: from number {at} on committed {values[at:at + 3]}, published {found[at:at + 3]}")
    return wrong + _partitions_going_back(evidence)


def _partitions_going_back(evidence: Evidence) -> list[str]:
    newest: dict[tuple, tuple] = {}
    wrong = []
    for message in evidence.messages:
        place = message.topic, message.partition
        if message.position < newest.get(place, (0, 0)):
            wrong.append(f"{message.topic}/{message.partition}: offset {message.offset} has {message.position}, behind "
                         f"{newest[place]} before it")
        newest[place] = max(message.position, newest.get(place, (0, 0)))
    return wrong
