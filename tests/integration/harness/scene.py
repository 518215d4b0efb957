"""One test's world on the shared servers.

It has a database, a slot name, a topic prefix and a folder of its own, so tests do not see each other.
"""

import itertools
import json
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Callable, Optional

import psycopg
from psycopg import sql

from clients import AvroDecoder, JsonDecoder, Message, TopicReader
from clients.decoders import schema_id
from servers import Relay, Servers

MARKER_TABLE = "bw_marker"


class Scene:
    def __init__(self, servers: Servers, folder: Path, encoding: str = "UTF8"):
        self.servers = servers
        self.folder = folder
        self.name = "t" + uuid.uuid4().hex[:12]  # Of the database, the slot and the topic prefix.
        self.slot = self.name
        self.prefix = self.name
        self.relays: list[Relay] = []
        self._markers = itertools.count(1)
        with psycopg.connect(servers.postgres.url(), autocommit=True) as maintenance:
            maintenance.execute(sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'").format(
                sql.Identifier(self.name), encoding))
        self.connection = self.connect()
        self.execute(f"CREATE TABLE {MARKER_TABLE} (id bigint PRIMARY KEY)")
        self.reader = TopicReader(servers.kafka.address, AvroDecoder(servers.registry.url))

    # PostgreSQL

    def url(self, **user_and_password: str) -> str:
        return self.servers.postgres.url(self.name, **user_and_password)

    def begin_markers_at(self, number: int) -> None:
        """When this scene's topics hold markers of another one."""
        self._markers = itertools.count(number)

    def connect(self, **user_and_password: str) -> psycopg.Connection:
        return psycopg.connect(self.url(**user_and_password), autocommit=True)

    def execute(self, statement: str, parameters: Any = None) -> None:
        self.connection.execute(statement, parameters)

    def query(self, statement: str, parameters: Any = None) -> list[tuple]:
        return self.connection.execute(statement, parameters).fetchall()

    def reconnect(self, timeout: float = 30) -> None:
        """After PostgreSQL was away."""
        self.connection.close()
        self.wait_until(self._try_connect, timeout, "PostgreSQL to accept connections")

    def slots(self) -> list[str]:
        """The replication slots of this database."""
        rows = self.query("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
        return [name for name, in rows]

    def publications(self) -> list[str]:
        return [name for name, in self.query("SELECT pubname FROM pg_publication ORDER BY 1")]

    def retained_wal(self) -> int:
        """Bytes of WAL that the slot makes PostgreSQL keep."""
        [(retained,)] = self.query(
            "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s",
            [self.slot])
        return retained

    # The relay

    def relay(self, *arguments: str, environment: Optional[dict[str, str]] = None, **options: Any) -> Relay:
        """A relay on this scene's servers. Options not given here are the scene's; None leaves one out.
        `arguments` are put on the command line as they are.

        The database's URL has a password, so it goes through the environment, as in real life.
        """
        number = len(self.relays) + 1
        if "postgres" not in options:
            environment = {"BOTTLEDWATER_POSTGRES": self.url(), **(environment or {})}
        chosen = {
            "broker": self.servers.kafka.address,
            "schema_registry": self.servers.registry.url,
            "slot": self.slot,
            "topic_prefix": self.prefix,
            "spool": str(self.folder / "spool"),
            **options,
        }
        given = {name: value for name, value in chosen.items() if value is not None}
        relay = Relay(self.folder / f"relay-{number}", environment, arguments=arguments, **given)
        self.relays.append(relay)
        return relay

    def running_relay(self, *arguments: str, **options: Any) -> Relay:
        """A relay that has taken its snapshot and streams."""
        relay = self.relay(*arguments, **options)
        relay.start()
        relay.wait_streaming()
        return relay

    # Kafka

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name

    def topics(self) -> set[str]:
        """The tables' topics, without prefix; neither the marker's nor the checkpoint's."""
        start = self.topic("")
        names = {name.removeprefix(start) for name in self.reader.topics() if name.startswith(start)}
        return {name for name in names if name != MARKER_TABLE and not name.endswith(".checkpoint")}

    @property
    def checkpoint_topic(self) -> str:
        return self.topic(f"bottledwater.{self.name}.{self.slot}.checkpoint")

    def use_json(self) -> None:
        """Read messages as JSON from now on."""
        self.reader = TopicReader(self.servers.kafka.address, JsonDecoder())

    def settle(self, timeout: float = 60) -> None:
        """Returns when everything committed so far is published.

        Commits are published in their order, so when this one has come, all before it have.
        """
        number = next(self._markers)
        self.execute(f"INSERT INTO {MARKER_TABLE} VALUES (%s)", [number])
        deadline = time.monotonic() + timeout

        def is_in_vain() -> bool:
            return time.monotonic() > deadline or not any(relay.is_running() for relay in self.relays)

        topic = self.topic(MARKER_TABLE)
        for message in self.reader.follow(lambda name: name == topic, is_in_vain):
            if message.key in ({"id": number}, {"id": {"long": number}}):  # The second in JSON.
                return
        raise AssertionError(f"in {timeout:g} s the relay did not publish all that is committed, or it ended")

    def messages(self, *tables: str, settle: bool = True, timeout: float = 60) -> list[Message]:
        """Every message of these tables' topics, after all that is committed has been published."""
        if settle:
            self.settle(timeout)
        return self.reader.read(*map(self.topic, tables), timeout=timeout)

    def changes(self, *tables: str, settle: bool = True) -> list[tuple[str, Any, Any]]:
        """The same as (operation, key, value)."""
        return [(message.op, message.key, message.value) for message in self.messages(*tables, settle=settle)]

    def schema(self, data: bytes) -> dict[str, Any]:
        """That of a key or value in Avro, as the registry has it."""
        with urllib.request.urlopen(f"{self.servers.registry.url}/schemas/ids/{schema_id(data)}") as answer:
            return json.loads(json.load(answer)["schema"])

    def set_compatibility(self, table: str, compatibility: str) -> None:
        """What the registry asks of the next schemas of the table's values. There has to be one already."""
        request = urllib.request.Request(f"{self.servers.registry.url}/config/{self.topic(table)}-value",
                                         json.dumps({"compatibility": compatibility}).encode(),
                                         {"Content-Type": "application/json"}, method="PUT")
        urllib.request.urlopen(request, timeout=20).close()

    # Waiting

    def wait_until(self, condition: Callable[[], Any], timeout: float, what: str) -> Any:
        """Waits for a condition to give something true, and returns that."""
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}"
            time.sleep(0.05)
        return result

    # The end

    def close(self) -> None:
        for relay in self.relays:
            relay.kill9()
        self.connection.close()
        with psycopg.connect(self.servers.postgres.url(), autocommit=True) as maintenance:
            self._end_sessions(maintenance)
            maintenance.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", [self.name])
            maintenance.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(self.name)))
            maintenance.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self.name)))  # Some tests make one.

    def report(self) -> str:
        """The relays' last words, for a test that failed."""
        return "\n".join(f"--- end of {relay.log}\n{relay.log_tail(60)}" for relay in self.relays)

    def _end_sessions(self, maintenance: psycopg.Connection) -> None:
        """All sessions in the database and on its slots. DROP DATABASE WITH (FORCE) came only with PostgreSQL 13."""
        def are_gone() -> bool:
            [(left,)] = maintenance.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE datname = %(name)s "
                "UNION SELECT active_pid FROM pg_replication_slots WHERE database = %(name)s AND active) session",
                {"name": self.name}).fetchall()
            return not left

        self.wait_until(are_gone, 60, "the end of all sessions")

    def _try_connect(self) -> bool:
        try:
            self.connection = self.connect()
            return True
        except psycopg.OperationalError:
            return False
