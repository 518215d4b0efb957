"""No message is there twice, and none is there that nobody committed."""

from collections import Counter

from ..evidence import Evidence, counted
from ..workload import LEDGER_TABLE


def check(evidence: Evidence) -> list[str]:
    wrong = []
    for place in evidence.found:
        extra = counted(evidence.values(place)) - counted(evidence.expected.get(place, []))
        if extra:
            wrong.append(f"{place}: {extra.total()} messages too many, as {next(iter(extra))}")
    seqs = Counter(message.key["seq"] for message in evidence.messages if evidence.table(message) == LEDGER_TABLE)
    committed = {entry.seq for entry in evidence.entries}
    wrong += [f"ledger: seq {seq} is there {count} times" for seq, count in seqs.items() if count > 1]
    wrong += [f"ledger: seq {seq} was never committed" for seq in seqs if seq not in committed]
    return wrong + _same_change_twice(evidence)


def _same_change_twice(evidence: Evidence) -> list[str]:
    """The `lsn` header is a change's identity: one change is one message, or a tombstone and a row."""
    seen = Counter((message.topic, message.position, message.raw_key, message.value is None)
                   for message in evidence.messages)
    return [f"{topic}: change {position} is there {count} times" for (topic, position, _, _), count in seen.items()
            if count > 1]
