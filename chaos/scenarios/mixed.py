"""Several faults after one another and at once, by chance."""

import time
from collections.abc import Callable

from ..faults.late_request import END_TXN
from ..scenario import scenario
from ..world import World

SHORT_S = 100
LONG_S = 600


@scenario("short", faults="53", proxied=True)
def short(world: World) -> None:
    """Kills inside the snapshot, then a random mix for 100 seconds: the run that is part of scripts/test."""
    world.fill(30_000)
    with world.load():
        for _ in range(3):
            world.supervisor.start_relay(wait=False)
            world.supervisor.kill_relay(world.rng.uniform(0.1, 0.8))
        world.supervisor.start_relay()
        mix(world, world.seconds(SHORT_S))


@scenario("kill-everything", faults="53", proxied=True)
def kill_everything(world: World) -> None:
    """A random mix for ten minutes."""
    world.fill(30_000)
    world.supervisor.start_relay()
    with world.load():
        mix(world, world.seconds(LONG_S))


@scenario("kill-everything-three", faults="53", proxied=True, brokers=3)
def kill_everything_three(world: World) -> None:
    """The same with three brokers."""
    world.supervisor.start_relay()
    with world.load():
        mix(world, world.seconds(LONG_S))


def mix(world: World, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fault, = world.rng.choices(list(FAULTS), list(FAULTS.values()))
        fault(world)
        if not world.relay.is_running():
            world.supervisor.start_relay()
        time.sleep(world.rng.uniform(0, 1.5))


def kill_relay(world: World) -> None:
    world.supervisor.restart_killed_relay(world.rng.uniform(0, 1))


def terminate_relay(world: World) -> None:
    world.supervisor.require_relay()
    world.supervisor.terminate_relay()


def kill_postgres(world: World) -> None:
    world.supervisor.kill_and_restart("postgres", world.rng.uniform(0, 1))
    world.scene.reconnect()


def kill_broker(world: World) -> None:
    world.supervisor.kill_and_restart("kafka", world.rng.uniform(0, 2))


def kill_relay_and_broker(world: World) -> None:
    broker = world.supervisor.broker()
    broker.kill9()
    world.done["kafka killed"] += 1
    time.sleep(world.rng.uniform(0, 1))
    world.supervisor.kill_relay()
    broker.restart()


def kill_registry(world: World) -> None:
    world.servers.registry.kill9()
    world.done["registry killed"] += 1
    world.new_table()
    world.servers.registry.restart()


def pause_something(world: World) -> None:
    name = world.rng.choice(["relay", "postgres", "kafka"])
    server = world.relay if name == "relay" else getattr(world.servers, name)
    world.supervisor.pause(server, name, world.rng.uniform(0.5, 4))


def cut_something(world: World) -> None:
    name = world.rng.choice(["postgres", "kafka", "registry"])
    for proxy in world.proxies[name]:
        proxy.cut()
    world.done[f"{name} cut"] += 1


def freeze_something(world: World) -> None:
    name = world.rng.choice(["postgres", "kafka"])
    proxy = world.rng.choice(world.proxies[name])
    proxy.freeze()
    world.done[f"{name} frozen"] += 1
    time.sleep(world.rng.uniform(0.5, 5))
    proxy.heal()


def half_open_postgres(world: World) -> None:
    world.proxies["postgres"][0].half_open()
    world.done["postgres half-open"] += 1


def late_end_txn(world: World) -> None:
    if world.late.is_idle:
        world.late.take_next(END_TXN, world.rng.randint(1, 3))
        world.done["EndTxn delivered late"] += 1


def terminate_walsender(world: World) -> None:
    world.supervisor.terminate_walsender()


FAULTS: dict[Callable[[World], None], int] = {  # With their weights: what takes long is rare.
    kill_relay: 8,
    cut_something: 4,
    late_end_txn: 3,
    terminate_walsender: 3,
    terminate_relay: 2,
    kill_postgres: 3,
    pause_something: 2,
    freeze_something: 2,
    half_open_postgres: 1,
    kill_broker: 1,
    kill_relay_and_broker: 1,
    kill_registry: 1,
}
