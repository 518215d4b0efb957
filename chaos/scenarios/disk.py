"""The spool's disk is full, slow, and fails."""

import errno
import os
import resource
import shutil
import time
from pathlib import Path
from typing import Optional

from ..faults.bad_disk import BadDisk
from ..scenario import scenario
from ..world import World

EXIT_SPOOL = 74  # It cannot be written, or is corrupt.
BACKLOG_ROWS = 200_000  # More than a memtable holds: some of it is read from tables.


@scenario("disk-full", faults="6, 14", small_disk=True, relay_options={"max_wal_retained": "1MiB"})
def disk_full(world: World) -> None:
    """The disk is filled under load, and has room again later: no exit, nothing lost, no hand needed."""
    world.memory_bound = None
    world.supervisor.start_relay()
    with world.load(per_second=100):
        for number in world.times(4):
            time.sleep(2)
            if number % 2:  # Also with Kafka away, when nothing can be trimmed.
                world.servers.kafka.stop()
            world.disk.fill()
            world.done["disk filled"] += 1
            time.sleep(world.rng.uniform(5, 15))
            world.supervisor.require_relay()
            world.disk.make_room()
            if number % 2:
                world.servers.kafka.restart()
            time.sleep(3)


@scenario("disk-full-long", faults="6, 14", small_disk=True, relay_options={"max_wal_retained": "1MiB"})
def disk_full_long(world: World) -> None:
    """The disk stays full for ten minutes under load, then there is room again: no exit, nothing lost, no hand needed."""
    world.memory_bound = None
    world.supervisor.start_relay()
    with world.load(per_second=100):
        time.sleep(2)
        world.disk.fill()
        world.done["disk filled"] += 1
        time.sleep(world.seconds(600))
        world.supervisor.require_relay()
        world.disk.make_room()
        time.sleep(3)


@scenario("disk-full-kill", faults="1, 6", small_disk=True)
def disk_full_kill(world: World) -> None:
    """Killed while the disk is full, and started on the full disk: it waits for room, or says so and is started again."""
    world.memory_bound = None
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(3):
            time.sleep(2)
            world.disk.fill()
            world.done["disk filled"] += 1
            time.sleep(3)
            world.supervisor.kill_relay()
            world.supervisor.start_relay(wait=False)
            time.sleep(5)
            world.disk.make_room()
            if world.relay.is_running():
                world.relay.wait_streaming(60)
            start_again(world, "started on a full disk")


@scenario("spool-limit", faults="14", relay_options={"spool_max_bytes": "8MiB", "max_wal_retained": "0"})
def spool_limit(world: World) -> None:
    """--spool-max-bytes is reached while Kafka is away: capture pauses, keepalives are answered, and it drains later."""
    world.supervisor.start_relay()
    world.insert_many(10)
    world.scene.settle()
    world.servers.kafka.stop()
    with world.load(per_second=500, workers=6):
        for _ in range(3):
            world.insert_many(50_000)
        time.sleep(world.seconds(20))
        world.servers.kafka.restart()
    world.done["spool limit reached"] += 1


@scenario("slow-fsync", faults="10")
def slow_fsync(world: World) -> None:
    """Each fsync takes two seconds: the walsender, with a timeout of five, is answered in time."""
    disk = BadDisk(world.folder)
    world.supervisor.start_relay(environment=disk.environment)
    with world.load():
        for _ in world.times(2):
            time.sleep(2)
            before = walsender_timeouts(world)
            disk.disturb(milliseconds=2000)
            world.done["fsync slow"] += 1
            time.sleep(20)
            disk.heal()
            if timeouts := walsender_timeouts(world) - before:
                world.done["walsender timed out"] += timeouts
                raise AssertionError("the walsender timed out while the disk was slow")
            time.sleep(3)


@scenario("failed-fsync", faults="7")
def failed_fsync(world: World) -> None:
    """fsync fails with EIO: nothing is confirmed past it, and the spool is opened anew, or the relay is started again."""
    disk = BadDisk(world.folder)
    world.supervisor.start_relay(environment=disk.environment)
    with world.load():
        for _ in world.times(6):
            time.sleep(world.rng.uniform(1, 3))
            disk.disturb(error=errno.EIO)
            world.done["fsync failed"] += 1
            time.sleep(world.rng.uniform(0.2, 2))
            disk.heal()
            time.sleep(1)
            start_again(world, "when fsync failed", disk.environment)


@scenario("failed-read", faults="8")
def failed_read(world: World) -> None:
    """A backlog's tables cannot be read (EIO): nothing is skipped, and it goes on when they can be, or when started again."""
    disk = BadDisk(world.folder)
    world.supervisor.start_relay(environment=disk.environment)
    with world.load():
        for _ in world.times(3):
            world.servers.kafka.stop()
            world.insert_many(BACKLOG_ROWS)
            world.supervisor.kill_relay(2)  # What it reads afterwards is in no cache.
            world.supervisor.start_relay(environment=disk.environment)
            disk.disturb(read_error=errno.EIO)
            world.done["reads failed"] += 1
            world.servers.kafka.restart()
            time.sleep(5)
            disk.heal()
            start_again(world, "when reads failed", disk.environment)
            time.sleep(3)


@scenario("few-descriptors", faults="15")
def few_descriptors(world: World) -> None:
    """The relay may open no more files for a while, under load and with a backlog: nothing is lost, and it goes on."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            time.sleep(2)
            pid = world.relay.pid
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), hard))
            world.done["no more descriptors"] += 1
            if number % 2:
                world.supervisor.terminate_walsender()
            world.insert_many(BACKLOG_ROWS)
            time.sleep(world.rng.uniform(3, 8))
            if world.relay.is_running():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            start_again(world, "without descriptors")


def start_again(world: World, circumstance: str, environment: Optional[dict[str, str]] = None) -> None:
    """If it has ended, as a supervisor would. The one reason it may have is that it gave the spool up."""
    if world.relay.is_running():
        return
    code = world.relay.exit_code(0)
    world.done[f"relay ended with {code}"] += 1
    assert code == EXIT_SPOOL, f"{circumstance}, the relay ended with {code}:\n{world.relay.log_tail()}"
    world.supervisor.start_relay(environment=environment)


def walsender_timeouts(world: World) -> int:
    return world.servers.postgres.process.log_text().count("terminating walsender process due to replication timeout")


@scenario("bit-flip", faults="9")
def bit_flip(world: World) -> None:
    """A bit of the spool flips while Kafka is away: noticed or harmless, never published; then the spool is given up."""
    world.supervisor.start_relay()
    world.scene.settle()  # Without spool and checkpoint the slot would be a stranger's.
    with world.load(per_second=100):
        for _ in world.times(8):
            time.sleep(2)
            world.servers.kafka.stop()
            time.sleep(world.rng.uniform(2, 5))
            world.supervisor.kill_relay()
            flipped = flip_bit(world)
            world.servers.kafka.restart()
            world.supervisor.start_relay(wait=False)
            time.sleep(5)
            if world.relay.is_running():
                world.done["bit flipped: harmless"] += 1
                continue
            code = world.relay.exit_code(0)
            world.done[f"bit flipped: exit code {code}"] += 1
            assert code == EXIT_SPOOL, f"a flipped bit in {flipped} ended the relay with {code}:\n{world.relay.log_tail()}"
            shutil.rmtree(str(world.relay.options["spool"]))  # PostgreSQL still has what Kafka has not.
            world.supervisor.start_relay()


def flip_bit(world: World) -> Path:
    """In one of the files that hold data."""
    files = [path for path in Path(str(world.relay.options["spool"])).rglob("*")
             if path.suffix in (".sst", ".log") or path.name.startswith("MANIFEST")]
    path = world.rng.choice([path for path in files if path.stat().st_size])
    with open(path, "r+b") as file:
        place = world.rng.randrange(path.stat().st_size)
        file.seek(place)
        [byte] = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << world.rng.randrange(8)]))
    return path
