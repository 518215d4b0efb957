"""The scenarios, by what is broken in them. Importing a file registers its scenarios."""

from . import disk, drift, kafka, kill_points, mixed, network, postgres, registry, relay, storm

__all__ = ["disk", "drift", "kafka", "kill_points", "mixed", "network", "postgres", "registry", "relay", "storm"]
