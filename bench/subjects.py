"""What is compared: the relay, and Debezium under Kafka Connect, behind one interface."""

import abc
import tempfile
from pathlib import Path
from typing import Sequence
from urllib.parse import urlsplit

from load import SCHEMA
from process_usage import cpu_seconds, memory_mib, reset_peak
from servers import ConnectWorker, Process, Relay, ServerError, Servers


class Subject(abc.ABC):
    """One installation, with a slot and topics of its own, which carry `life`. Its process can be started repeatedly."""

    title: str

    def __init__(self, servers: Servers, life: str, options: Sequence[str] = ()):
        self.life = life
        self._servers = servers
        self._options = options
        self.folder = Path(tempfile.mkdtemp(prefix=f"{life}.", dir=servers.folder))

    @property
    def slot(self) -> str:
        return self.life

    def topic(self, table: str) -> str:
        """Of a table that is named with its schema, which is not `public`: then both name topics alike."""
        return f"{self.life}.{table}"

    @property
    @abc.abstractmethod
    def process(self) -> Process: ...

    @abc.abstractmethod
    def start(self) -> None:
        """Starts the process, and has it capture. Does not wait until it streams."""

    @abc.abstractmethod
    def retire(self) -> None:
        """Ends this life: nothing receives from its slot any more."""

    @abc.abstractmethod
    def renew(self, life: str) -> None:
        """After that, takes a snapshot under another name: in the process that has been running, if that can be."""

    def tend(self) -> None:
        """What whoever operates it does every second."""
        if not self.process.is_running():
            raise ServerError(f"{self.title} has ended; its log ends:\n{self.process.log_tail()}")

    def notes(self) -> list[str]:
        """What had to be done for it."""
        return []

    def stop(self) -> None:
        self.process.stop(timeout=60)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process.pid)

    def peak_mib(self) -> float:
        return memory_mib(self.process.pid, "VmHWM")

    def reset_peak(self) -> None:
        reset_peak(self.process.pid)


class RelaySubject(Subject):
    """With its defaults, but for the form of messages, which is Debezium's: JSON without schemas."""

    title = "Bottled Water"

    def __init__(self, servers: Servers, life: str, options: Sequence[str] = ()):
        super().__init__(servers, life, options)
        self._relay = self._new_relay()

    @property
    def process(self) -> Process:
        return self._relay

    def start(self) -> None:
        self._relay.start()

    def retire(self) -> None:
        """It serves one slot, so its next life is another process."""
        self.stop()

    def renew(self, life: str) -> None:
        self.life = life
        self._relay = self._new_relay()
        self._relay.start()

    def _new_relay(self) -> Relay:
        return Relay(self.folder / self.life, arguments=self._options, postgres=self._servers.postgres.url(),
                     broker=self._servers.kafka.address, slot=self.slot, topic_prefix=self.life, tables=f"{SCHEMA}.*",
                     output_format="plain-json")


class DebeziumSubject(Subject):
    """Tuned for throughput, with the producer's settings of the relay, and exactly once.

    JSON without schemas is the cheapest form that Connect can write. A poll every 10 ms instead of 500 ms is what
    gives it short latency; under load, batches are full before that.
    """

    title = "Debezium"

    WORKER = {
        **{f"{part}.converter": "org.apache.kafka.connect.json.JsonConverter" for part in ("key", "value")},
        **{f"{part}.converter.schemas.enable": "false" for part in ("key", "value")},
    }
    CONNECTOR = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": 1,
        "plugin.name": "pgoutput",
        "publication.autocreate.mode": "filtered",
        "schema.include.list": SCHEMA,
        "exactly.once.support": "required",
        "transaction.boundary": "poll",
        "max.batch.size": 8192,
        "max.queue.size": 32768,
        "poll.interval.ms": 10,
        "snapshot.fetch.size": 10240,
        "producer.override.linger.ms": 5,
        "producer.override.batch.size": 1_000_000,
        "producer.override.buffer.memory": 64 << 20,
        "producer.override.compression.type": "lz4",
        "producer.override.max.request.size": 16 << 20,
    }

    def __init__(self, servers: Servers, life: str, options: Sequence[str] = ()):
        super().__init__(servers, life, options)
        self._worker = ConnectWorker(self.folder, f"connect.{life}", servers.kafka.address, self.WORKER)
        self._deployed = False
        self._restarts = 0

    @property
    def process(self) -> Process:
        return self._worker.process

    def start(self) -> None:
        self._worker.start()
        if not self._deployed:
            self._worker.wait_ready()
            self._deploy()
            self._deployed = True

    def retire(self) -> None:
        self._worker.delete(self.life)

    def renew(self, life: str) -> None:
        self.life = life
        self._deploy()

    def tend(self) -> None:
        super().tend()
        self._restarts += self._worker.restart_failed(self.life)

    def notes(self) -> list[str]:
        return [f"failed tasks were started again {self._restarts} times"] if self._restarts else []

    def _deploy(self) -> None:
        postgres = urlsplit(self._servers.postgres.url())
        self._worker.deploy(self.life, {
            **self.CONNECTOR,
            "database.hostname": postgres.hostname,
            "database.port": postgres.port,
            "database.user": postgres.username,
            "database.password": postgres.password,
            "database.dbname": postgres.path.lstrip("/"),
            "topic.prefix": self.life,
            "slot.name": self.slot,
            "publication.name": f"{self.life}_publication",
            **dict(option.split("=", 1) for option in self._options),
        })


SUBJECTS = {"relay": RelaySubject, "debezium": DebeziumSubject}
