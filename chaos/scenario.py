"""A scenario: a function with a name, what it needs of its world, and which rows of the list of faults it covers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .world import World


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable[[World], None]
    faults: str  # Rows of the list in README.md.
    world: dict[str, Any] = field(default_factory=dict)  # Arguments of World.

    @property
    def claim(self) -> str:
        return (self.run.__doc__ or "").strip().splitlines()[0]


ALL: dict[str, Scenario] = {}


def scenario(name: str, faults: str, **world: Any) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Registers a function. The relay is not yet started when it is called; what is committed is judged after it."""
    def register(run: Callable[[World], None]) -> Callable[[World], None]:
        assert name not in ALL
        ALL[name] = Scenario(name, run, faults, world)
        return run

    return register
