"""The relay itself is killed, frozen, ended, doubled, and robbed of its spool."""

import shutil
import time
from pathlib import Path

from servers import ServerError

from ..scenario import scenario
from ..world import World

EXIT_ANOTHER_RELAY = 73


@scenario("kill-relay", faults="1, 2, 44")
def kill_relay(world: World) -> None:
    """Killed with -9 a hundred times at random moments, every third time once more while it recovers."""
    world.fill(20_000)
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(75):
            world.supervisor.restart_killed_relay(world.rng.uniform(0.0, 1.5))


@scenario("snapshot-kill", faults="47")
def snapshot_kill(world: World) -> None:
    """Killed again and again inside first starts under load: no row of the snapshot comes twice or never."""
    violations = []
    for number in world.times(4):
        if number:
            world.new_scene()
        world.fill(60_000)
        with world.load():
            for _ in range(world.rng.randint(3, 6)):
                world.supervisor.start_relay(wait=False)
                world.supervisor.kill_relay(world.rng.uniform(0.05, 1.2))
            world.supervisor.start_relay()
            time.sleep(1)
        if number < len(world.times(4)) - 1:  # The last one is judged by the runner.
            violations += world.judge()
    if violations:
        raise ServerError("\n".join(violations))


@scenario("pause", faults="24", relay_options={"kafka_config": ["transaction.timeout.ms=10000"]})
def pause(world: World) -> None:
    """Frozen with SIGSTOP for longer than the transaction's and the walsender's timeout, and woken again."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(6):
            time.sleep(world.rng.uniform(0.5, 2))
            world.supervisor.pause(world.relay, "relay", 14 if number % 2 else world.rng.uniform(0.5, 4))
            world.supervisor.require_relay()


@scenario("sigterm", faults="3")
def sigterm(world: World) -> None:
    """Ended with SIGTERM in the middle of batches: exit code 0 in 10 s, and the next start goes on."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(12):
            time.sleep(world.rng.uniform(0.2, 2))
            if number % 4 == 3:
                world.insert_many(20_000)
            world.supervisor.terminate_relay()
            world.supervisor.start_relay()


@scenario("second-relay", faults="26")
def second_relay(world: World) -> None:
    """A second relay with the same slot, on the same spool or another, goes away; the first is unharmed."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            options = {} if number % 2 else {"spool": str(world.scene.folder / f"other-{number}")}
            second = world.scene.relay(allow_unkeyed=True, **options)
            code = second.run(60)
            world.done["second relay refused"] += 1
            if code != EXIT_ANOTHER_RELAY:
                raise ServerError(f"the second relay ended with {code}, not {EXIT_ANOTHER_RELAY}:\n{second.log_tail()}")
            world.supervisor.require_relay()


@scenario("spool-lost", faults="13")
def spool_lost(world: World) -> None:
    """The spool's disk is lost while Kafka is reachable: PostgreSQL still has what Kafka has not."""
    world.fill(5_000)
    world.supervisor.start_relay()
    world.scene.settle()  # Without spool and checkpoint the slot would be a stranger's.
    with world.load():
        for _ in world.times(8):
            time.sleep(world.rng.uniform(1, 3))
            world.supervisor.kill_relay()
            shutil.rmtree(spool(world))
            world.done["spool lost"] += 1
            world.supervisor.start_relay()


@scenario("spool-older-copy", faults="13")
def spool_older_copy(world: World) -> None:
    """The spool is replaced by an older copy of itself: it jumps forward to the checkpoint."""
    copy = world.scene.folder / "copy"
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(5):
            time.sleep(world.rng.uniform(1, 2))
            world.supervisor.kill_relay()
            shutil.copytree(spool(world), copy)
            world.supervisor.start_relay()
            time.sleep(world.rng.uniform(2, 4))
            world.supervisor.kill_relay()
            shutil.rmtree(spool(world))
            copy.rename(spool(world))
            world.done["spool replaced by a copy"] += 1
            world.supervisor.start_relay()


def spool(world: World) -> Path:
    return Path(str(world.relay.options["spool"]))
