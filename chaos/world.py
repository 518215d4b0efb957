"""What a scenario stands in: servers, a database with the workload's tables, a relay, and the judgement at the end."""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Optional

from harness import Scene
from servers import Authority, DetourKind, Proxy, Relay, Servers
from servers.fetch import fetch_for_upgrade
from servers.paths import KAFKA_VERSION, OLDER_KAFKA_VERSIONS

from .checkers import violations
from .evidence import Evidence, Watched, read_entries
from .faults.late_request import LateRequests
from .faults.small_disk import SmallDisk
from .supervisor import Supervisor
from .watcher import Watcher
from .workload import KEYED_TABLES, LEDGER_TABLE, NEW_TABLE, SCHEMA, UNKEYED_TABLE, HeldWorkload, Workload

MIB = 1 << 20
MEMORY_BOUND = 300 * MIB
SMALL_DISK_MIB = 192
POSTGRES_SETTINGS = {"wal_sender_timeout": "5s", "max_wal_size": "4GB"}  # So that a silent connection is noticed soon.


class World:
    """Up inside `with`. Its folder is deleted at the end, unless `keep` was set: a failure leaves all behind."""

    def __init__(self, seed: int, scale: float = 1.0, *, brokers: int = 1, proxied: bool = False, tls: bool = False,
                 kafka_host: str = "127.0.0.1", oldest_kafka: bool = False, small_disk: bool = False,
                 postgres_settings: Optional[dict[str, str]] = None, kafka_settings: Optional[dict[str, str]] = None,
                 relay_options: Optional[dict[str, Any]] = None):
        self.seed = seed
        self.rng = random.Random(seed)
        self.scale = scale
        self.folder = Path(tempfile.mkdtemp(prefix="bottledwater-chaos."))
        self.folder.chmod(0o711)  # PostgreSQL, as a user of its own, must be able to pass through.
        self.keep = False
        self.late = LateRequests()
        self.wal_bound: Optional[int] = None
        self.memory_bound: Optional[int] = MEMORY_BOUND
        self.unclaimed: set[str] = set()  # Invariants that the scenario breaks itself.
        self.taken_again: set[str] = set()  # Tables that `bottledwater resnapshot TABLE` has read, once each.
        self.figures: dict[str, Any] = {}
        self.proxies: dict[str, list[Proxy]] = {"kafka": [], "postgres": [], "registry": []}
        self._stack = ExitStack()
        self._new_tables: list[str] = []
        self._proxied = proxied
        self._kafka_host = kafka_host  # By which the relay reaches the proxies.
        self._small_disk = small_disk
        self._relay_options = relay_options or {}
        self.authority = Authority(self.folder / "certificates") if tls else None
        self.keystore = self.authority.issue("servers") if self.authority else None
        if oldest_kafka:
            fetch_for_upgrade()
        self.servers = Servers(self.folder / "servers", brokers=brokers, keep=True,
                               kafka_detours=DetourKind(kafka_host, self.keystore) if proxied else None,
                               postgres_keystore=self.keystore,
                               postgres_settings={**POSTGRES_SETTINGS, **(postgres_settings or {})},
                               kafka_settings=kafka_settings,
                               kafka_version=OLDER_KAFKA_VERSIONS[0] if oldest_kafka else KAFKA_VERSION)

    def __enter__(self) -> "World":
        try:
            if self._small_disk:
                self.disk = self._stack.enter_context(SmallDisk(self.folder, SMALL_DISK_MIB))
            self._stack.enter_context(self.servers)
            self._begin_scene()
        except BaseException:
            self.keep = True
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for proxy in self._all_proxies():
            proxy.heal()
        self._end_scene()
        if self.keep and self._small_disk and hasattr(self, "disk"):
            shutil.copytree(self.disk.path, self.folder / "disk-contents", ignore=shutil.ignore_patterns("ballast", "lost*"))
        self._stack.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def new_scene(self, **relay_options: Any) -> None:
        """Another database, slot and spool on the same servers: a first start once more."""
        self._end_scene()
        self._begin_scene(**relay_options)

    # The load

    def times(self, count: int) -> range:
        return range(max(1, round(count * self.scale)))

    def seconds(self, count: float) -> float:
        return max(3.0, count * self.scale)

    @contextmanager
    def load(self, per_second: float = 50, workers: int = 3) -> Iterator[Workload]:
        with Workload(self.scene.url(), self.rng.randrange(1 << 32), workers, per_second) as workload:
            yield workload
        self.figures["transactions"] = self.figures.get("transactions", 0) + workload.transactions

    @contextmanager
    def held_transactions(self, table: str) -> Iterator[Workload]:
        """Changes of one of `new_table()`, in transactions that are held open."""
        with HeldWorkload(self.scene.url(), self.rng.randrange(1 << 32), table) as workload:
            yield workload
        self.figures["held transactions"] = self.figures.get("held transactions", 0) + workload.transactions

    def fill(self, rows: int) -> None:
        """Rows for the snapshot."""
        self.scene.execute("INSERT INTO account SELECT 100000 + n, nextval('change'), repeat('x', 100) "
                           "FROM generate_series(1, %s) n", [rows])

    def insert_many(self, rows: int) -> None:
        """One large transaction."""
        self.scene.execute("INSERT INTO event SELECT 99 FROM generate_series(1, %s)", [rows])

    def new_table(self) -> str:
        """With rows: a topic to create, and two schemas to register. Returns its name."""
        name = f"new_{len(self._new_tables) + 1}"
        self.scene.execute(NEW_TABLE.format(name=name))
        self._new_tables.append(name)
        self.scene.execute(f"INSERT INTO {name} SELECT generate_series(1, 3)")
        return name

    # The judgement

    def settle(self, timeout: float = 240) -> None:
        """All is back, and everything that is committed has been published."""
        for proxy in self._all_proxies():
            proxy.heal()
        self.supervisor.bring_back()
        begun = time.monotonic()
        self.scene.settle(timeout)
        self.figures["settled_s"] = round(time.monotonic() - begun, 1)

    def judge(self) -> list[str]:
        """What is wrong; empty when nothing is."""
        self.settle()
        self.supervisor.require_relay()
        evidence = self._evidence()
        figures = self.figures
        figures["changes"] = figures.get("changes", 0) + len(evidence.entries)
        figures["messages"] = figures.get("messages", 0) + len(evidence.messages)
        figures["memory_mib"] = max(figures.get("memory_mib", 0), evidence.watched.memory_max // MIB)
        figures["retained_wal_mib"] = max(figures.get("retained_wal_mib", 0), evidence.watched.retained_wal_max // MIB)
        return violations(evidence, unclaimed=self.unclaimed)

    def report(self) -> str:
        """One line of figures."""
        done = ", ".join(f"{what} {count}x" for what, count in sorted(self.done.items()))
        restarts = self.restart_s
        parts = [done, f"restart to streaming {max(restarts):.1f} s at most" if restarts else "",
                 ", ".join(f"{name} {value}" for name, value in self.figures.items())]
        return "; ".join(part for part in parts if part)

    @property
    def done(self):
        return self.supervisor.done

    @property
    def restart_s(self) -> list[float]:
        return self.supervisor.restart_s

    @property
    def relay(self) -> Relay:
        return self.supervisor.relay

    # Inside

    def _begin_scene(self, **relay_options: Any) -> None:
        number = getattr(self, "_scenes", 0) + 1
        self._scenes = number
        self._new_tables = []
        folder = self.folder / f"relay-{number}"
        folder.mkdir()
        self.scene = Scene(self.servers, folder)
        self.scene.execute(SCHEMA)
        options = {"allow_unkeyed": True, "topic_config": ["partitions=3"], **self._relay_options, **relay_options}
        if self._small_disk:
            options.setdefault("spool", str(self.disk.path / "spool"))
        relay = self.scene.relay(**self._detours(), **options)
        before = getattr(self, "supervisor", None)
        self.supervisor = Supervisor(self.servers, self.scene, relay, self.rng)
        if before:  # The counts are the scenario's.
            self.supervisor.done, self.supervisor.restart_s = before.done, before.restart_s
        self.watcher = Watcher(self.scene.url(), self.scene.slot)
        self.watcher.relay = relay
        self.watcher.start()

    def _end_scene(self) -> None:
        if hasattr(self, "watcher"):
            self.watcher.stop()
        if hasattr(self, "scene"):
            for relay in self.scene.relays:
                relay.kill9()
            if not self.keep:
                self.servers.bring_back()
                self.scene.reconnect()
                self.scene.close()
        for proxy in self._all_proxies():
            proxy.stop()
        self.proxies = {name: [] for name in self.proxies}

    def _all_proxies(self) -> list[Proxy]:
        return [proxy for proxies in self.proxies.values() for proxy in proxies]

    def _detours(self) -> dict[str, Any]:
        """Where the relay finds its servers, when the scenario has proxies."""
        if not self._proxied:
            return {}
        self.proxies = {
            "kafka": [Proxy(broker.detour.port, broker.detour.proxy_port, None if self.authority else self.late)
                      for broker in self.servers.kafka.brokers],
            "postgres": [Proxy(self.servers.postgres.port)],
            "registry": [Proxy(self.servers.registry.port)],
        }
        for proxy in self._all_proxies():
            proxy.start()
        [postgres], [registry] = self.proxies["postgres"], self.proxies["registry"]
        url = self.scene.url().replace(f":{postgres.target_port}", f":{postgres.port}")
        tls = {}
        if self.authority:
            url += f"?sslmode=verify-full&sslrootcert={self.authority.certificate}"
            tls["kafka_config"] = ["security.protocol=ssl", f"ssl.ca.location={self.authority.certificate}"]
        return {
            **tls,
            "environment": {"BOTTLEDWATER_POSTGRES": url},
            "broker": ",".join(f"{self._kafka_host}:{proxy.port}" for proxy in self.proxies["kafka"]),
            "schema_registry": self.servers.registry.url.replace(f":{registry.target_port}", f":{registry.port}"),
        }

    def _evidence(self) -> Evidence:
        entries = read_entries(self.scene.query("SELECT seq, xid, tbl, key, value FROM ledger ORDER BY seq"))
        keyed = [*KEYED_TABLES, *self._new_tables]
        tables = {name: [row for row, in self.scene.query(f"SELECT to_jsonb(t) FROM {name} t")] for name in keyed}
        there = self.scene.topics()
        topics = [name for name in (*keyed, UNKEYED_TABLE, LEDGER_TABLE) if name in there]
        messages = self.scene.messages(*topics, settle=False, timeout=300)
        watched = Watched(self.watcher.retained_wal_max, self.wal_bound, self.watcher.memory_max, self.memory_bound)
        # A table made beside the relay is read again once it is in the publication (docs/decisions/0008).
        again = self.taken_again | set(self._new_tables)
        return Evidence(entries, messages, tables, self.scene.topic(""), watched, again)
