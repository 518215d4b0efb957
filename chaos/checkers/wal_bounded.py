"""The slot keeps no more WAL than --max-wal-retained and a little, in scenarios that claim it."""

from ..evidence import Evidence


def check(evidence: Evidence) -> list[str]:
    watched = evidence.watched
    if watched.retained_wal_bound is None or watched.retained_wal_max <= watched.retained_wal_bound:
        return []
    return [f"{watched.retained_wal_max / 2**20:.0f} MiB were retained, {watched.retained_wal_bound / 2**20:.0f} are allowed"]
