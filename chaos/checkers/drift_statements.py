"""No statement of anybody fails because of the relay, or waits for it for more than 100 ms.

Waiting is judged by who blocked whom (drift/lock_watcher.py), not by how long a statement took. Failing: everything that
is not known to come from the workload's meeting itself is held against the relay; above all "does not have a replica
identity". Let out, and counted, is the window that nothing can close: a table that loses its identity while the relay is
away, or less than SEEN_S before, refuses updates until the relay, once it runs, has looked.
"""

import re

from ..drift.diary import NO_IDENTITY, OWN_FAULTS, RACES, Diary, Failure
from ..drift.evidence import DriftEvidence

WAIT_MAX_S = 0.1
DEADLOCK = "40P01"
SEEN_S = 4.0  # The relay's look every second, its lock_timeout, and a loaded machine.


def check(evidence: DriftEvidence) -> list[str]:
    wrong = [str(wait) for wait in evidence.waits if wait.seconds > WAIT_MAX_S]
    for failure in evidence.diary.failures:
        if NO_IDENTITY in failure.text:
            if in_window(failure, evidence.diary):
                evidence.counted["updates refused in the window that nothing closes"] += 1
            else:
                wrong.append(f"refused because of the relay's publication: {failure}")
        elif failure.code == DEADLOCK and evidence.relay_pids & processes(failure.detail):
            wrong.append(f"deadlock with the relay: {failure}; {failure.detail}")
        elif failure.code not in OWN_FAULTS and not any(race in failure.text for race in RACES):
            wrong.append(f"failed: {failure}")
        else:
            evidence.counted["statements that the workload itself made fail"] += 1
    return wrong


def in_window(failure: Failure, diary: Diary) -> bool:
    named = re.search(r'table "([^"]+)"', failure.text)
    losses = [at for at, names in diary.identity_lost if named and named.group(1) in names]
    return any(at - 1 <= failure.at <= seen_at(at, diary) for at in losses)


def seen_at(lost_at: float, diary: Diary) -> float:
    """When the relay has had time to see it: it has run for SEEN_S without a break."""
    end = lost_at + SEEN_S
    for begun, ended in sorted(diary.relay_away):
        if begun < end and ended > lost_at:
            end = max(end, ended + SEEN_S)
    return end


def processes(detail: str) -> set[int]:
    """Those that a deadlock's report names."""
    return {int(pid) for pid in re.findall(r"rocess (\d+)", detail)}
