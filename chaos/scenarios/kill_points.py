"""Death at each named point of the code, with the real servers."""

import random
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Optional

from servers import Relay, ServerError

from ..kill_points import in_first_start, kill_points, program, resnapshot_kill_points
from ..scenario import scenario
from ..world import World

KILLS_EACH = 10
REACHED_IN_S = 20
BEGUN_AT = "startup.begun_at"
ADVANCE_IDLE = "capture.after_advance_idle"
TABLE_POINTS = ("publish.topic_created", "publish.schema_registered")


@scenario("kill-points", faults="1, 2")
def kill_points_streaming(world: World) -> None:
    """Killed at every point that is reached in a resumed start or while streaming, ten times each."""
    use_program(world)
    points = [point for point in kill_points() if not in_first_start(point)]
    world.supervisor.start_relay()
    world.scene.settle()  # Without a checkpoint, nobody could go on without the spool (BEGUN_AT).
    counts = Counter()
    for _ in world.times(KILLS_EACH):
        for point in world.rng.sample(points, len(points)):
            if point == ADVANCE_IDLE:
                counts[point] += die_at(world, point, 1)
                continue
            with world.load():
                counts[point] += die_at(world, point, occurrence(world.rng, point))
    finish(world, counts, points)


@scenario("kill-points-first-start", faults="1, 2, 47")
def kill_points_first_start(world: World) -> None:
    """The same for the points of a first start: each life is a database of its own, killed at each point in turn."""
    points = [point for point in kill_points() if in_first_start(point)]
    counts = Counter()
    violations = []
    lives = world.times(KILLS_EACH)
    for number in lives:
        if number:
            world.new_scene()
        use_program(world)
        world.fill(20_000)
        with world.load(per_second=20):
            # What ends the first start comes last: after it there is none to be killed in.
            for point in sorted(world.rng.sample(points, len(points)), key=rank):
                counts[point] += die_at(world, point, world.rng.randint(1, 3) if point == "snapshot.after_append" else 1)
            if not world.relay.is_running():
                world.supervisor.start_relay()
        if number < len(lives) - 1:  # The last one is judged by the runner.
            violations += world.judge()
    finish(world, counts, points)
    if violations:
        raise ServerError("\n".join(violations))


@scenario("kill-points-resnapshot", faults="1, 2, 47")
def kill_points_resnapshot(world: World) -> None:
    """Killed at every point of a re-snapshot, of a table or of all, ten times each: in the end the topics are the tables."""
    use_program(world)
    # Rows are published again, as announced: what is claimed is where that ends.
    world.unclaimed = {"nothing lost", "nothing twice", "order per key", "snapshot"}
    points = resnapshot_kill_points()
    counts = Counter()
    world.supervisor.start_relay()
    for _ in world.times(KILLS_EACH):
        for point in world.rng.sample(points, len(points)):
            table = world.new_table()
            world.scene.settle()
            world.scene.execute(f"TRUNCATE {table}")  # No message: now only the topic has these keys.
            with world.load(per_second=20):
                # Only tables alone have a slot and rows of their own.
                alone = point in ("resnapshot.after_slot", "resnapshot.after_rows") or world.rng.random() < 0.5
                counts[point] += die_in_resnapshot(world, point, [f"public.{table}"] if alone else [])
                world.supervisor.start_relay()  # As ever, without the command.
    world.relay.kill9()
    last = resnapshot(world)
    last.start()
    world.scene.settle(120)
    check_no_place_twice(world)
    last.kill9()
    finish(world, counts, points)


def resnapshot(world: World, *tables: str, environment: Optional[dict[str, str]] = None) -> Relay:
    relay = world.scene.relay("resnapshot", *tables, environment=environment, **world.relay.options)
    relay.use_program(program())
    return relay


def die_in_resnapshot(world: World, point: str, tables: list[str]) -> int:
    world.relay.kill9()
    relay = resnapshot(world, *tables, environment={"BOTTLEDWATER_KILL_AT": f"{point}:1"})
    relay.start()
    if relay.exit_code(REACHED_IN_S) != -9:
        raise ServerError(f"instead of dying at {point} the relay ended:\n{relay.log_tail()}")
    world.done["relay killed at a point"] += 1
    return 1


def check_no_place_twice(world: World) -> None:
    """A position belongs to one message, or to two when an update changed the key; re-snapshots have positions of their own."""
    messages = world.scene.messages(*world.scene.topics())
    places = Counter((message.topic, message.headers["lsn"], message.op) for message in messages)
    twice = [place for place, count in places.items() if count > 1]
    if twice:
        raise AssertionError(f"published twice: {twice[:5]}, and {len(twice)} in all")


def rank(point: str) -> int:
    return {"first_start.after_streaming": 1, "publish.checkpoint_topic_created": 2}.get(point, 0)


def occurrence(rng: random.Random, point: str) -> int:
    """Points of a start are reached once; those of the stream again and again."""
    once = point.startswith("startup.") or point in TABLE_POINTS or point in (
        "publish.before_init", "publish.after_init", "publish.after_tail_scan", "capture.before_start", ADVANCE_IDLE)
    return 1 if once else rng.randint(1, 5)


def die_at(world: World, point: str, count: int) -> int:
    """1 when it did."""
    relay = world.relay
    relay.kill9()
    if point == BEGUN_AT:
        shutil.rmtree(Path(str(relay.options["spool"])), ignore_errors=True)
    world.supervisor.start_relay(wait=False, environment={"BOTTLEDWATER_KILL_AT": f"{point}:{count}"})
    deadline = time.monotonic() + REACHED_IN_S
    provoked = 0.0
    while relay.is_running() and time.monotonic() < deadline:
        if not in_first_start(point) and time.monotonic() > provoked + 2:
            provoke(world, point)
            provoked = time.monotonic()
        time.sleep(0.02)
    died = not relay.is_running()
    if died and relay.exit_code(0) != -9:
        raise ServerError(f"instead of dying at {point} the relay ended with {relay.exit_code(0)}:\n{relay.log_tail()}")
    if died:
        world.done["relay killed at a point"] += 1
        if not in_first_start(point):  # There each start must be a first one.
            restart_now_and_then(world)
    return int(died)


def provoke(world: World, point: str) -> None:
    """Brings about what makes it reach the point."""
    if point in TABLE_POINTS:
        world.new_table()
    elif point == "spool.after_chunk":
        world.insert_many(60_000)
    elif point == ADVANCE_IDLE:  # WAL in which there is nothing for us.
        world.scene.execute("SELECT pg_logical_emit_message(false, 'chaos', repeat('x', 1000)), pg_switch_wal()")


def restart_now_and_then(world: World) -> None:
    """Most often the next death comes in the recovery from this one."""
    if world.rng.random() < 0.25:
        world.supervisor.start_relay(wait=True)


def use_program(world: World) -> None:
    world.relay.use_program(program())


def finish(world: World, counts: Counter, points: list[str]) -> None:
    world.figures["points"] = len(points)
    world.figures["kills per point"] = f"{min(counts[point] for point in points)} to {max(counts.values())}"
    missed = [point for point in points if counts[point] == 0]
    if missed:
        raise ServerError(f"never reached: {', '.join(missed)}")
