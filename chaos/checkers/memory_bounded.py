"""The relay's resident memory stays below its bound, in scenarios that claim it."""

from ..evidence import Evidence


def check(evidence: Evidence) -> list[str]:
    watched = evidence.watched
    if watched.memory_bound is None or watched.memory_max <= watched.memory_bound:
        return []
    return [f"the relay had {watched.memory_max / 2**20:.0f} MiB, {watched.memory_bound / 2**20:.0f} are allowed"]
