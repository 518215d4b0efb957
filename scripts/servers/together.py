"""All servers at once, in one folder that is ours."""

import shutil
import tempfile
from pathlib import Path
from typing import Mapping, Optional, Sequence

from .kafka import DetourKind, KafkaServer
from .paths import KAFKA_VERSION
from .postgres import PostgresServer
from .registry import RegistryServer


class Servers:
    """Those that are asked for. A context manager: up inside, then stopped and (unless `keep`) deleted."""

    def __init__(self, folder: Optional[Path] = None, *, postgres: bool = True, brokers: int = 1, registry: bool = True,
                 keep: bool = False, postgres_settings: Optional[Mapping[str, str]] = None,
                 kafka_settings: Optional[Mapping[str, str]] = None, kafka_detours: Optional[DetourKind] = None,
                 postgres_keystore: Optional[Path] = None, kafka_version: str = KAFKA_VERSION,
                 kafka_java: Sequence[str] = (), kafka_sasl_users: Optional[Mapping[str, str]] = None):
        self.folder = folder or Path(tempfile.mkdtemp(prefix="bottledwater."))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # PostgreSQL, as a user of its own, must be able to pass through.
        self._keep = keep
        self.postgres = PostgresServer(self.folder / "postgres", postgres_settings, postgres_keystore) if postgres else None
        self.kafka = KafkaServer(self.folder / "kafka", brokers, kafka_settings, kafka_detours,
                                 kafka_version, kafka_java, kafka_sasl_users) if brokers else None
        self.registry = RegistryServer(self.folder / "registry") if registry else None
        self._all = [server for server in (self.kafka, self.registry, self.postgres) if server]

    def __enter__(self) -> "Servers":
        try:
            for server in self._all:
                server.start()
            for server in self._all:
                server.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for server in self._all:
            server.stop()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def bring_back(self) -> None:
        """Starts again what was stopped or killed, and wakes what was paused."""
        down = [server for server in self._all if not server.is_running()]
        for server in self._all:
            server.resume()
        for server in down:
            server.start()
        for server in down:
            server.wait_ready()

    def names(self) -> list[str]:
        return [name for name, server in [("PostgreSQL", self.postgres), ("Kafka", self.kafka),
                                          ("a schema registry", self.registry)] if server]

    def environment(self) -> dict[str, str]:
        """The relay's options for these servers, as the environment variables it reads."""
        variables = {}
        if self.postgres:
            variables["BOTTLEDWATER_POSTGRES"] = self.postgres.url()
        if self.kafka:
            variables["BOTTLEDWATER_BROKER"] = self.kafka.address
        if self.registry:
            variables["BOTTLEDWATER_SCHEMA_REGISTRY"] = self.registry.url
        return variables
