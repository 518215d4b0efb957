"""A scene on a PostgreSQL of its own, for tests that copy that server, set it back, replace it or lose it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import pytest

from servers import PostgresServer, Servers

from .scene import Scene

# These servers are killed, but no machine loses power: what they have written is there again.
WITHOUT_FSYNC = {"fsync": "off"}


@dataclass
class OwnPostgres:
    scene: Scene  # With Kafka and the registry that it shares with others.
    server: PostgresServer
    folder: Path  # Room for copies and standbys; deleted with the server.


@contextmanager
def own_postgres(servers: Servers, folder: Path, request: pytest.FixtureRequest,
                 settings: Optional[Mapping[str, str]] = None) -> Iterator[OwnPostgres]:
    """When the test has failed, its relays' last words are printed. `servers` are brought back before and after."""
    servers.bring_back()
    with Servers(brokers=0, registry=False, postgres_settings={**WITHOUT_FSYNC, **(settings or {})}) as own:
        together = SimpleNamespace(postgres=own.postgres, kafka=servers.kafka, registry=servers.registry)
        scene = Scene(together, folder)
        try:
            yield OwnPostgres(scene, own.postgres, own.folder)
        finally:
            if getattr(request.node, "failed", False):
                print(scene.report())
            for relay in scene.relays:
                relay.kill9()
            scene.connection.close()
            servers.bring_back()


@contextmanager
def postgres_with(keystore: Optional[Path] = None, **settings: str) -> Iterator[PostgresServer]:
    """A server alone, with these settings."""
    with Servers(brokers=0, registry=False, postgres_settings={**WITHOUT_FSYNC, **settings},
                 postgres_keystore=keystore) as servers:
        yield servers.postgres
