"""What PostgreSQL and Kafka allow on this machine: clients that do nothing with what they receive, or send nothing real."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Iterator

from load import SCHEMA, Shape
from results import Result
from servers import ServerError
from servers.paths import postgres_program
from session import Ground

PROGRAM = Path(__file__).resolve().parent.parent / "build" / "bench" / "bench_limits"
PUBLICATION = "limits"
SLOTS = {"receive": "limit_receive", "pg_recvlogical": "limit_recvlogical"}
# A row's value as JSON beside its payload: names, numbers, punctuation.
JSON_BYTES_BESIDE_PAYLOAD = 56


@contextlib.contextmanager
def with_slots(ground: Ground, shape: Shape) -> Iterator[None]:
    """New tables, a publication of them, and a slot for each receiver: what is committed now waits for both."""
    ground.make_tables(shape)
    with ground.load.connect() as db:
        db.execute(f"CREATE PUBLICATION {PUBLICATION} FOR ALL TABLES")
        for slot in SLOTS.values():
            db.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
    try:
        yield
    finally:
        ground.clear()


def receive(ground: Ground, scenario: str, changes: int, phase: str = "") -> Result:
    figures = _own("receive", f"--postgres={ground.servers.postgres.url()}", f"--slot={SLOTS['receive']}",
                   f"--publication={PUBLICATION}", f"--until={_end(ground)}")
    received = figures["changes"]
    problem = None if received == changes else f"received {received} of {changes} rows"
    return Result(scenario, phase, "receive", received, figures["seconds"], problem=problem)


def receive_by_recvlogical(ground: Ground, scenario: str, changes: int, phase: str = "") -> Result:
    """It cannot count, so the changes are the load's."""
    end, begun = _end(ground), time.time()
    _run([postgres_program("pg_recvlogical"), "--start", f"--dbname={ground.servers.postgres.url()}",
          f"--slot={SLOTS['pg_recvlogical']}", "--file=/dev/null", f"--endpos={end}", "--no-loop",
          "--option=proto_version=1", f"--option=publication_names={PUBLICATION}"])
    return Result(scenario, phase, "pg_recvlogical", changes, time.time() - begun)


def copy_to_nowhere(ground: Ground, scenario: str, changes: int) -> Result:
    begun = time.time()
    _run([postgres_program("psql"), "-X", "-q", f"--dbname={ground.servers.postgres.url()}",
          "-c", f"\\copy {SCHEMA}.t0 TO /dev/null"])
    return Result(scenario, "", "copy", changes, time.time() - begun)


def produce(ground: Ground, scenario: str, messages: int, shape: Shape, phase: str = "") -> Result:
    topic = f"limits.{scenario}"
    topics = ground.tables_of(shape)
    ground.make_topics([f"{topic}.{i}" for i in range(topics)])
    try:
        figures = _own("produce", f"--brokers={ground.servers.kafka.address}", f"--topic={topic}",
                       f"--topics={topics}", f"--messages={messages}",
                       f"--message-bytes={shape.payload_bytes + JSON_BYTES_BESIDE_PAYLOAD}")
    finally:
        ground.clear()
    return Result(scenario, phase, "produce", figures["changes"], figures["seconds"])


def _end(ground: Ground) -> str:
    """Where WAL ends now. The server reports that it has got there when it has sent all that was committed before."""
    with ground.load.connect() as db:
        return db.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]


def _own(*arguments: str) -> dict:
    program = os.environ.get("BOTTLEDWATER_LIMITS", str(PROGRAM))
    return json.loads(_run([program, *arguments]))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise ServerError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout
