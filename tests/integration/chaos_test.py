"""The relay is killed again and again under a mixed load, and a consumer sees every committed change once.

BOTTLEDWATER_SEED repeats a run's load and its moments of killing, as far as timing does.
"""

import os
import random
import time

from harness import Scene
from harness.ledger import Expected, Ledger
from harness.workload import TABLES, Workload

KILLS = 20
KILLS_IN_SNAPSHOT = 3
SNAPSHOT_ROWS = 50_000


def test_killed_twenty_times_under_load_every_change_comes_once(scene: Scene):
    seed = int(os.environ.get("BOTTLEDWATER_SEED", random.randrange(1 << 32)))
    print(f"BOTTLEDWATER_SEED={seed}")
    rng = random.Random(seed)
    ledger = Ledger()
    for statement in TABLES.values():
        scene.execute(statement)
    fill_for_snapshot(scene, ledger)

    relay = scene.relay(allow_unkeyed=True)
    for _ in range(KILLS_IN_SNAPSHOT):
        relay.start()
        kill_after(relay, rng.uniform(0.1, 0.8))
    relay.start()
    relay.wait_streaming()
    with Workload(scene.url(), ledger, seed):
        for number in range(KILLS - KILLS_IN_SNAPSHOT):
            kill_after(relay, rng.uniform(0.0, 0.5) if number % 3 == 0 else rng.uniform(0.5, 2.0))
            relay.start()
    scene.settle(timeout=120)

    messages = scene.messages(*TABLES, settle=False, timeout=120)
    differences = ledger.differences(messages, scene.topic(""))
    assert not differences, f"{len(messages)} messages, {ledger.changes} changes\n" + "\n".join(differences)
    assert len(messages) == ledger.changes
    print(f"{ledger.changes} changes, {KILLS} kills")


def fill_for_snapshot(scene: Scene, ledger: Ledger) -> None:
    scene.execute("INSERT INTO account SELECT n, 0, n, repeat('x', 100) FROM generate_series(1, %s) n", [SNAPSHOT_ROWS])
    ledger.committed(
        Expected("account", {"id": n}, {"id": n, "writer": 0, "change": n, "filler": "x" * 100})
        for n in range(1, SNAPSHOT_ROWS + 1))


def kill_after(relay, seconds: float) -> None:
    """Kills at a moment chosen by chance: anything may be going on then."""
    time.sleep(seconds)
    assert relay.is_running(), f"the relay ended by itself:\n{relay.log_tail()}"
    relay.kill9()
