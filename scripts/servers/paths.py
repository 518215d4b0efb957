"""Where the servers' programs are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
KAFKA_VERSION = "4.2.0"
OLDER_KAFKA_VERSIONS = ["3.6.2", "3.9.1"]  # In the order of an upgrade.
NEWER_POSTGRES_VERSION = "18.1.0"
OLDEST_POSTGRES_VERSION = "10.23.0"
# Of each major version, the newest that was published as binaries, with the SHA-256 of the archive: for scripts/versions.
POSTGRES_ARCHIVES = {
    "10.23.0": "e55e42533e1c2f135a4ef0c9e2cde634ff891dc71160483c12951fd611d8bc7c",
    "11.22.0": "6e4754c24484a9ec9e538e266044f8a82908ecb7b4bda09ba7b48700c87a1257",
    "12.22.0": "f50ddff3308a65e2423ecfd94aefc200d7fe7e2a24d45c6aadb0a6cfbe9284c4",
    "13.22.0": "df102cd31047d65cd10a3394240cda388e2b9804074d707937ac5b7c5d5d8de5",
    "14.19.0": "8de92fe6d209f864bfae82cb881e416716d139961cc06dbe18629f150a63c71b",
    "16.10.0": "17a8ded28bde97fe66247387806af30ee26190fc96503c47c3eaa4fcbdcff8b6",
    "17.6.0": "23da5a044b4fb7a5a081a45008c95749c873305328d73f86aefd56922ce1d29d",
    "18.1.0": "65d0723e0274ad3ec6230dcbdfe034af6ee096fce15a77b0f9b8be71d2702934",
}
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
