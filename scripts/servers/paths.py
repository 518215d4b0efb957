"""Where the servers' programs are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
KAFKA_VERSION = "4.2.0"
REGISTRY_VERSION = "2.6.13.Final"


def cache() -> Path:
    base = os.environ.get("BOTTLEDWATER_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bottledwater"


def kafka_jars() -> Path:
    return cache() / f"kafka-{KAFKA_VERSION}"


def registry_app() -> Path:
    return cache() / f"apicurio-registry-{REGISTRY_VERSION}"


def postgres_program(name: str) -> str:
    return f"/usr/lib/postgresql/15/bin/{name}"
