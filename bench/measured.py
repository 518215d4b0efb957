"""A relay whose use of memory and processor time can be asked for."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from process_usage import cpu_seconds, memory_mib
from servers import Relay, Servers


class MeasuredRelay(Relay):
    """On these servers, with a folder of its own."""

    def __init__(self, servers: Servers, options: Sequence[str] = (), database: str = "postgres"):
        super().__init__(Path(tempfile.mkdtemp(dir=servers.folder)), arguments=options,
                         postgres=servers.postgres.url(database), broker=servers.kafka.address,
                         schema_registry=servers.registry.url)

    def start(self) -> None:
        super().start()
        self.wait_streaming()

    def memory_mib(self, name: str = "VmRSS") -> float:
        return memory_mib(self.pid, name)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)


def connect(servers: Servers, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(servers.postgres.url(database), autocommit=True)
