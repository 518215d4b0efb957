"""What the integration tests stand on: a scene with a database of its own, relays on it, and what came of it."""

from .scene import Scene

__all__ = ["Scene"]
