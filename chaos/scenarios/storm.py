"""Columns of native types that are added, altered, renamed and dropped under load, with Kafka away half the time."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from harness.postgres_text import PostgresText, RawDecoder

from clients import Message, TopicReader
from clients.decoders import schema_id
from servers import ServerError

from ..checkers import storm_messages
from ..drift.diary import Diary
from ..drift.hand import Hand, Shared, at_work
from ..scenario import scenario
from ..storm import hands, sink
from ..storm.evidence import LoggedRow, SeenRow, StormEvidence
from ..storm.schema import FIRST_ROWS, SETUP, TABLE, TABLES
from ..world import World

STORM_S = 300
SETTINGS = "SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC'; SET bytea_output = 'hex'; " \
           "SET extra_float_digits = 3"


@scenario("schema-storm", faults="16, 45", proxied=True,
          relay_options={"exclude_tables": ["storm.*"], "topic_config": ["partitions=3"]})
def schema_storm(world: World) -> None:
    """Columns of native types change under load for five minutes: each message is the row of its moment, and replays to it."""
    world.scene.execute(SETUP)
    for name in TABLES:
        world.scene.execute(TABLE.format(name=name))
        world.scene.execute(f"INSERT INTO {name} SELECT generate_series(1, %s)", [FIRST_ROWS])
    world.supervisor.start_relay()
    diary = Diary()
    with everyone(world, diary):
        end = time.monotonic() + world.seconds(STORM_S)
        while time.monotonic() < end:
            disturb(world)
    touch_every_row(world)
    world.settle()
    found = judge(world)
    world.figures["refused"] = len(diary.failures)
    world.figures["alterations"] = sum(count for name, count in diary.statements.items() if name.startswith("column: "))
    print("    actions:", ", ".join(f"{name} {count}" for name, count in diary.statements.most_common()))
    print("    refused:", ", ".join(f"{code} {count}" for code, count in Counter(one.code for one in diary.failures).most_common()))
    if found:
        raise ServerError(f"{len(found)} problems:\n" + "\n".join(found[:50]))


@contextmanager
def everyone(world: World, diary: Diary) -> Iterator[None]:
    stopping, shared = threading.Event(), Shared(world.scene.slot)

    def hand(name: str, actions: dict, pause_s: float) -> Hand:
        return Hand(world.scene.url(), name, random.Random(world.rng.randrange(1 << 32)), diary, stopping, actions, pause_s, shared)

    every = [hand(f"rows {n}", hands.ROWS, 0.1) for n in range(2)] + [hand(f"columns {n}", hands.COLUMNS, 0.6) for n in range(2)]
    with at_work(every, stopping):
        yield


def disturb(world: World) -> None:
    """Kafka is away as long as it is there, and the relay is killed somewhere in both."""
    for away in True, False:
        if away:
            world.proxies["kafka"][0].refuse()
            world.done["kafka away"] += 1
        else:
            world.proxies["kafka"][0].heal()
        half = world.rng.uniform(2, 8)
        if world.rng.random() < 0.6:
            time.sleep(half * world.rng.random())
            world.supervisor.restart_killed_relay(0)
        time.sleep(half / 2)


def touch_every_row(world: World) -> None:
    """What ALTER TABLE writes into rows is in no stream: only rows that are written again come as they are now."""
    for name in TABLES:
        world.scene.execute(f"UPDATE {name} SET change = nextval('storm.change')")


# The judgement

def judge(world: World) -> list[str]:
    scene = world.scene
    decoder = RawDecoder(scene.servers.registry.url)
    scene.reader = TopicReader(scene.servers.kafka.address, decoder)
    messages = sorted(scene.messages(*TABLES, settle=False, timeout=300), key=lambda one: (one.position, one.value is not None))
    texts = PostgresText(decoder, {})
    evidence = gather(world, messages, texts)
    world.figures["logged changes"] = len(evidence.log)
    world.figures["their messages"] = len(evidence.seen)
    world.figures["schemas"] = len({schema_id(one.raw_value) for one in messages if one.raw_value})
    with psycopg.connect(scene.url(), prepare_threshold=None) as connection:
        connection.execute(SETTINGS)
        found = storm_messages.check(evidence, lambda doubts: same_values(connection, doubts))
        return found + replay(world, connection, messages, texts)


def gather(world: World, messages: list[Message], texts: PostgresText) -> StormEvidence:
    log = [LoggedRow(table, number, change, row and {name: (type_name, text) for name, type_name, text in row})
           for table, number, change, row in world.scene.query("SELECT tbl, id, change, row FROM storm.log ORDER BY seq")]
    evidence = StormEvidence(log, [])
    prefix = world.scene.topic("")
    beside = 0
    for message in messages:
        try:
            row = texts.row(message.raw_value) if message.raw_value is not None else None
        except Exception as error:
            evidence.wrong.append(f"{message.topic} at {message.headers['lsn']} cannot be decoded: {error!r}")
            continue
        beside += len(row.beside) if row else 0
        evidence.seen.append(SeenRow(message.topic.removeprefix(prefix), message.key["id"], message.position, message.op,
                                     row and row.texts))
    world.figures["values as text beside"] = beside
    return evidence


def same_values(connection: psycopg.Connection, doubts: set[storm_messages.Doubt]) -> set[storm_messages.Doubt]:
    """Types are compared without their modifiers: a cast would round."""
    def is_same(doubt: storm_messages.Doubt) -> bool:
        type_name, text, came = doubt
        bare = type_name.split("(")[0] + ("[]" if type_name.endswith("[]") else "")
        try:
            with connection.transaction():
                return connection.execute(f"SELECT %s::{bare} IS NOT DISTINCT FROM %s::{bare}", [text, came]).fetchall() == [(True,)]
        except psycopg.Error:
            return False
    return {doubt for doubt in doubts if is_same(doubt)}


def replay(world: World, connection: psycopg.Connection, messages: list[Message], texts: PostgresText) -> list[str]:
    connection.execute(f"CREATE SCHEMA {sink.SCHEMA}")
    sinks = {world.scene.topic(name): sink.Sink(connection, name, texts) for name in TABLES}
    with connection.pipeline():
        for message in messages:
            sinks[message.topic].take(message.key, message, message.value)
    found = []
    for name in TABLES:
        columns = world.scene.query("SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
                                    "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", [name])
        replayed = {column for column, in connection.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"{sink.SCHEMA}.{name}"])}
        found += sink.differences(connection, name, columns, replayed)
    world.figures["replayed"] = len(messages)
    return found
