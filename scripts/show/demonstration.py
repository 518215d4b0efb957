"""The relay on live servers, from the first row to the last message.

Servers that the user named are left as they were found: we work in a schema, a publication and a slot of our
own and drop them at the end. Only the topics stay, under a prefix that says where they are from.
"""

import json
import time
from argparse import Namespace
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Iterable

import psycopg
from psycopg import sql

from clients import AvroDecoder, Message, TopicReader
from servers import Relay, ServerError, Servers

from .sample import ROWS, SNAPSHOT, STATEMENTS, TABLES, Expected

NAME = "bottledwater_quickstart"  # Of our schema, publication and slot on the user's PostgreSQL.
ARRIVAL_TIMEOUT_S = 60


class Demonstration:
    def __init__(self, folder: Path, options: Namespace, cleanup: ExitStack):
        self._folder = folder
        self._options = options
        self._cleanup = cleanup

    def run(self) -> None:
        self._start_servers()
        self._make_tables()
        self._start_relay()
        arrivals = self._arrivals()
        print("\nEach line is a message in Kafka: topic, key, value, what happened, and its place in the WAL.\n\n"
              "What the tables held already (op=r, for read):", flush=True)
        arrivals.show(SNAPSHOT)
        for statement, expected in STATEMENTS:
            print(f"\n{statement};", flush=True)
            self._database.execute(statement)
            arrivals.show(expected)
        if self._options.once:
            self._conclude(arrivals)
        else:
            self._say_how_to_look_further()
            arrivals.show_for_ever()

    def _start_servers(self) -> None:
        given = self._options
        own = Servers(self._folder / "servers", postgres=not given.postgres, brokers=0 if given.broker else 1,
                      registry=not given.schema_registry, keep=True)
        if own.names():
            say(f"Starting {', '.join(own.names())}")
        self._cleanup.enter_context(own)
        variables = own.environment()
        self._postgres = given.postgres or variables["BOTTLEDWATER_POSTGRES"]
        self._broker = given.broker or variables["BOTTLEDWATER_BROKER"]
        self._registry = given.schema_registry or variables["BOTTLEDWATER_SCHEMA_REGISTRY"]
        self._prefix = time.strftime("quickstart_%Y%m%d_%H%M%S") if given.broker or given.schema_registry else ""

    def _make_tables(self) -> None:
        self._database = self._cleanup.enter_context(closing(psycopg.connect(self._postgres, autocommit=True)))
        if self._options.postgres:
            self._restore_database()  # An earlier run may have been killed.
            self._cleanup.callback(self._restore_database)
            self._database.execute(f"CREATE SCHEMA {NAME}")
            self._database.execute(f"SET search_path = {NAME}")
        for table, columns in TABLES.items():
            self._database.execute(f"CREATE TABLE {table} ({columns})")
        for statement in ROWS:
            self._database.execute(statement)
        if self._options.postgres:
            self._database.execute(f"CREATE PUBLICATION {NAME} FOR TABLE {', '.join(TABLES)}")

    def _restore_database(self) -> None:
        """Of what may be there, drops all; runs when the relay has stopped, so nobody holds the slot."""
        name = sql.Literal(NAME)
        self._database.execute(sql.SQL(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = {}").format(name))
        self._database.execute(f"DROP PUBLICATION IF EXISTS {NAME}")
        self._database.execute(f"DROP SCHEMA IF EXISTS {NAME} CASCADE")

    def _start_relay(self) -> None:
        options = {"slot": NAME, "publication": NAME} if self._options.postgres else {}
        if self._prefix:
            options["topic_prefix"] = self._prefix
        environment = {"BOTTLEDWATER_POSTGRES": self._postgres, "BOTTLEDWATER_BROKER": self._broker,
                       "BOTTLEDWATER_SCHEMA_REGISTRY": self._registry}
        self._relay = Relay(self._folder / "relay", environment, **options)
        say("Starting the relay")
        self._relay.start()
        self._cleanup.callback(self._relay.stop)
        self._relay.wait_streaming()

    def _arrivals(self) -> "Arrivals":
        prefix = f"{self._prefix}." if self._prefix else ""
        schema = f"{NAME}." if self._options.postgres else ""
        arrivals = Arrivals(TopicReader(self._broker, AvroDecoder(self._registry)), prefix + schema, self._relay)
        self._cleanup.callback(arrivals.close)
        return arrivals

    def _conclude(self, arrivals: "Arrivals") -> None:
        self._relay.stop()
        expected = len(SNAPSHOT) + sum(len(messages) for _, messages in STATEMENTS)
        found = arrivals.count(TABLES)
        if found != expected:
            raise ServerError(f"{expected} messages were expected, and the topics hold {found}")
        print(f"\nAll {expected} expected messages came, each once.")

    def _say_how_to_look_further(self) -> None:
        postgres = "your PostgreSQL" if self._options.postgres else f"psql {self._postgres}"
        table = f"{NAME}.test" if self._options.postgres else "test"
        print(f"""
Now you: change something in another terminal, and see it arrive here.
  {postgres}
  for example: INSERT INTO {table} (value) VALUES ('my first message');

  Kafka            {self._broker}
  schema registry  {self._registry}
  relay's log      {self._relay.log}
  all files        {self._folder}

Ctrl-C ends everything.
""", flush=True)


class Arrivals:
    """Messages of our topics, in the order of arrival."""

    def __init__(self, reader: TopicReader, prefix: str, relay: Relay):
        self._reader = reader
        self._prefix = prefix
        self._relay = relay
        self._deadline = float("inf")
        self._messages = reader.follow(self._is_ours, self._is_in_vain)

    def show(self, expected: list[Expected]) -> None:
        """Waits until these have come, and prints each as it does: in order, except between topics."""
        missing = list(expected)
        self._deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        while missing:
            message = self._next()
            found = (message.op, self._table(message), message.key, message.value)
            if found not in missing:
                raise ServerError(f"that message was not expected; these were: {missing}")
            missing.remove(found)

    def show_for_ever(self) -> None:
        self._deadline = float("inf")
        while True:
            self._next()

    def close(self) -> None:
        self._messages.close()

    def count(self, tables: Iterable[str]) -> int:
        """How many messages the tables' topics hold."""
        return len(self._reader.read(*(self._prefix + table for table in tables)))

    def _next(self) -> Message:
        message = next(self._messages, None)
        if message is None:
            raise ServerError(f"waited in vain for messages; the relay's log ends:\n{self._relay.log_tail()}")
        key, value = (json.dumps(part, ensure_ascii=False, default=str) for part in (message.key, message.value))
        lsn = message.headers["lsn"]
        print(f"  {self._table(message)}  key {key}  value {value}  op={message.op} lsn={lsn}", flush=True)
        return message

    def _table(self, message: Message) -> str:
        return message.topic.removeprefix(self._prefix)

    def _is_ours(self, topic: str) -> bool:
        return topic.startswith(self._prefix) and not topic.startswith("__") and not topic.endswith(".checkpoint")

    def _is_in_vain(self) -> bool:
        return not self._relay.is_running() or time.monotonic() > self._deadline


def say(text: str) -> None:
    print(f"==> {text}", flush=True)
