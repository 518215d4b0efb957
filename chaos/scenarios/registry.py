"""The schema registry is killed and away when new tables need it."""

import time

from ..scenario import scenario
from ..world import World


@scenario("kill-registry", faults="48")
def kill_registry(world: World) -> None:
    """Killed while new tables ask for schema ids: capture goes on, their rows wait, nothing is lost."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(5):
            time.sleep(world.rng.uniform(0.5, 2))
            world.servers.registry.kill9()
            world.done["registry killed"] += 1
            world.new_table()
            time.sleep(world.rng.uniform(0, 3))
            world.servers.registry.restart()
            world.new_table()
