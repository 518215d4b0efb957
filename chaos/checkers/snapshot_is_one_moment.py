"""A transaction is either wholly in the snapshot or wholly in the stream."""

from collections import defaultdict

from ..evidence import Evidence


def check(evidence: Evidence) -> list[str]:
    ways: dict[int, set[bool]] = defaultdict(set)
    for entry in evidence.entries:
        ways[entry.xid].add(entry.seq in evidence.snapshot_seqs)
    return [f"transaction {xid} is half in the snapshot" for xid, sides in ways.items() if len(sides) > 1]
