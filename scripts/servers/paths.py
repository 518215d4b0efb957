"""Where the servers' programs are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
KAFKA_VERSION = "4.2.0"
OLDER_KAFKA_VERSIONS = ["3.6.2", "3.9.1"]  # In the order of an upgrade.
NEWER_POSTGRES_VERSION = "18.1.0"
REGISTRY_VERSION = "2.6.13.Final"
DEBEZIUM_VERSION = "3.7.0.Final"


def cache() -> Path:
    base = os.environ.get("BOTTLEDWATER_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bottledwater"


def kafka_jars(version: str = KAFKA_VERSION) -> Path:
    return cache() / f"kafka-{version}"


def kafka_tools() -> Path:
    return cache() / f"kafka-tools-{KAFKA_VERSION}"


def connect_jars() -> Path:
    return cache() / f"connect-{KAFKA_VERSION}"


def debezium_plugin() -> Path:
    return cache() / f"debezium-postgres-{DEBEZIUM_VERSION}"


def registry_app() -> Path:
    return cache() / f"apicurio-registry-{REGISTRY_VERSION}"


def postgres_distribution(version: str) -> Path:
    """Of another version than Debian's; see fetch.fetch_postgres()."""
    return cache() / f"postgres-{version}"


def postgres_program(name: str) -> str:
    """Of the newest version that Debian's packages have installed."""
    found = list(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise FileNotFoundError(f"no PostgreSQL with {name} in /usr/lib/postgresql: install the package postgresql")
    return str(max(found, key=lambda path: [int(part) for part in path.parts[4].split(".")]))
