"""chaos/run SCENARIO... | all | --list. See README.md."""

import argparse
import random
import signal
import sys
import time
import traceback

from servers import ServerError

from . import scenarios  # noqa: F401  Registers them.
from .faults.unavailable import Unavailable
from .scenario import ALL, Scenario
from .world import World


def run(chosen: Scenario, seed: int, scale: float, keep: bool) -> bool:
    """Whether it went well, or could not be run here."""
    again = f"chaos/run {chosen.name} --seed {seed}" + (f" --scale {scale:g}" if scale != 1 else "")
    print(f"==> {again}", flush=True)
    begun = time.monotonic()
    world = None
    try:
        with World(seed, scale, **chosen.world) as world:
            world.keep = True  # Until it is known to be right.
            found = attempt(chosen, world)
            world.keep = keep or bool(found)
            report = world.report()
    except Unavailable as reason:
        print(f"    skipped: {reason}")
        return True
    print(f"    {report}; {time.monotonic() - begun:.0f} s")
    for text in found:
        print(f"    WRONG: {text}")
    if found:
        print(f"    logs, data and spool are in {world.folder}; again: {again}")
    print(f"    {'FAILED' if found else 'exactly once'}: {chosen.name} --seed {seed}", flush=True)
    return not found


def attempt(chosen: Scenario, world: World) -> list[str]:
    """What went wrong. A scenario that broke off is judged as well: its end may be the lesser finding."""
    found = []
    try:
        chosen.run(world)
    except (Unavailable, KeyboardInterrupt):
        world.keep = False
        raise
    except (ServerError, AssertionError, TimeoutError) as error:
        found.append(f"{type(error).__name__}: {error}")
    except Exception:
        found.append(traceback.format_exc())
    try:
        return found + world.judge()
    except Exception as error:
        return [*found, f"could not be judged: {type(error).__name__}: {error}"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos/run", description=sys.modules["chaos"].__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help="or `all`")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--seed", type=int, help="repeats a run's load and faults, as far as timing does")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the kills, or the seconds (default 1)")
    parser.add_argument("--keep", action="store_true", help="leave logs, data and spool behind, also when all is right")
    options = parser.parse_args()
    if options.list or not options.names:
        for one in ALL.values():
            print(f"{one.name:26} {one.claim}")
        return
    names = list(ALL) if options.names == ["all"] else options.names
    if unknown := [name for name in names if name not in ALL]:
        parser.error(f"no scenario {', '.join(unknown)}; chaos/run --list has them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    failed = [name for name in names if not run(ALL[name], seed, options.scale, options.keep)]
    sys.exit(f"FAILED: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
