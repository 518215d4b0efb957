"""Every committed change has its message; and so has every row of the ledger, which tells the snapshot from the stream."""

from ..evidence import Evidence, counted
from ..workload import LEDGER_TABLE


def check(evidence: Evidence) -> list[str]:
    lost = []
    for place, values in evidence.expected.items():
        missing = counted(values) - counted(evidence.values(place))
        if missing:
            lost.append(f"{place}: {missing.total()} of {len(values)} changes have no message, as {next(iter(missing))}")
    published = {message.key["seq"] for message in evidence.messages if evidence.table(message) == LEDGER_TABLE}
    unpublished = [entry.seq for entry in evidence.entries if entry.seq not in published]
    if unpublished:
        lost.append(f"ledger: {len(unpublished)} rows have no message, from seq {unpublished[0]} to {unpublished[-1]}")
    return lost
