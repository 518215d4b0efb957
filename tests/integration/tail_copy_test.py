"""A table that is filled by COPY ... FROM PROGRAM 'bottledwater tail ...': each message once, whatever is killed."""

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Scene
from harness.tail import run_tail

from servers import binary

LANDING = """CREATE TABLE landing (
    partition int, "offset" bigint, op text, lsn pg_lsn, index bigint, key jsonb, value jsonb, headers jsonb,
    PRIMARY KEY (partition, "offset"))"""
COLUMNS = "partition,offset,op,lsn,index,key,value,headers"


class Landing:
    """The program and its options, where the server's user reaches both; the command for a topic."""

    def __init__(self, scene: Scene, folder: Path):
        self.scene = scene
        self.program = folder / "bottledwater"
        self.config = folder / "tail.conf"
        shutil.copy(binary(), self.program)
        self.config.write_text(f'postgres = "{scene.url()}"\nbroker = "{scene.servers.kafka.address}"\n'
                               f'schema-registry = "{scene.servers.registry.url}"\n')
        self.config.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(self.config, "postgres", "postgres")

    def statement(self, topic: str, *words: str, table: str = "landing", columns: str = COLUMNS) -> str:
        names = ", ".join('"offset"' if name == "offset" else name for name in columns.split(","))
        command = " ".join([str(self.program), "tail", topic, "--format=copy", f"--from-table={table}",
                            f"--columns={columns}", f"--config={self.config}", *words])
        return f"COPY {table} ({names}) FROM PROGRAM '{command}'"

    def fill(self, topic: str, *words: str, **more: str) -> int:
        """How many rows it added."""
        with self.scene.connect() as connection:
            return connection.execute(self.statement(topic, *words, **more)).rowcount

    def tails(self) -> list[int]:
        """The processes that now run for this table's COPY."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "cmdline").read_bytes().startswith(str(self.program).encode() + b"\0"):
                    found.append(int(entry.name))
        return found


@pytest.fixture
def landing(scene: Scene) -> Iterator[Landing]:
    folder = Path(tempfile.mkdtemp(prefix="bottledwater-tail."))
    folder.chmod(0o755)
    scene.execute(LANDING)
    yield Landing(scene, folder)
    shutil.rmtree(folder)


def produce(scene: Scene, topic: str, count: int, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    if topic not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])[topic].result(timeout=20)
    producer = Producer({"bootstrap.servers": scene.servers.kafka.address})
    for number in range(count):
        producer.produce(topic, value=str(number).encode(), partition=number % partitions)
    assert producer.flush(20) == 0


def test_every_value_survives_the_round_trip(scene: Scene, landing: Landing):
    scene.execute("CREATE TABLE odd (id int PRIMARY KEY, value text, doc jsonb, bytes bytea)")
    scene.running_relay(tables="public.odd,public.bw_marker")
    texts = ["", "\\N", "\\.", "\t", "a\\tb", "\n\r\b\f\v", '"quoted" \'too\'', "\\\\", "ü €  \U0001F600", "null", "{}",
             "".join(chr(code) for code in range(1, 0x180)), "x" * 100_000]
    for number, text in enumerate(texts):
        scene.execute("INSERT INTO odd VALUES (%s, %s, jsonb_build_object(%s::text, %s::text), %s)",
                      [number, text, text, text, text.encode()])
    scene.execute("INSERT INTO odd VALUES (100)")
    scene.execute("DELETE FROM odd WHERE id = 100")
    scene.settle()
    assert landing.fill(scene.topic("odd")) == len(texts) + 2
    assert scene.query("SELECT count(*) FROM odd o JOIN landing l ON o.id = (l.key->>'id')::int AND l.op = 'c' AND "
                       "o.value = l.value->>'value' AND o.doc = l.value->'doc' AND "
                       "o.bytes = (l.value->>'bytes')::bytea") == [(len(texts),)]
    assert scene.query("SELECT value, op FROM landing WHERE key->>'id' = '100' ORDER BY lsn, index")[1] == (None, "d")
    assert scene.query("SELECT count(*) FROM landing WHERE headers->>'lsn' <> lsn || ':' || index OR index <> 0") == [(0,)]
    # CSV goes the same way.
    scene.execute("CREATE TABLE landing2 (LIKE landing INCLUDING ALL)")
    statement = landing.statement(scene.topic("odd"), table="landing2").replace("--format=copy", "--format=csv")
    scene.execute(statement + " WITH (FORMAT csv, HEADER)")
    assert scene.query("SELECT * FROM landing EXCEPT SELECT * FROM landing2") == []


def test_it_is_filled_step_by_step(scene: Scene, landing: Landing):
    topic = scene.topic("numbers")
    produce(scene, topic, 10, partitions=3)
    assert landing.fill(topic) == 10
    assert landing.fill(topic) == 0
    produce(scene, topic, 5, partitions=3)
    assert [landing.fill(topic, "--limit=2") for _ in range(4)] == [2, 2, 1, 0]
    scene.execute("DELETE FROM landing WHERE partition = 1")  # Without rows it begins at the beginning.
    assert landing.fill(topic) == 5
    assert scene.query('SELECT partition, count(*), max("offset") FROM landing GROUP BY 1 ORDER BY 1') == [
        (0, 6, 5), (1, 5, 4), (2, 4, 3)]


def test_the_table_is_found_by_libpqs_environment_too(scene: Scene, landing: Landing):
    topic = scene.topic("numbers")
    produce(scene, topic, 3)
    assert landing.fill(topic, "--limit=2") == 2
    server = urlsplit(scene.url())
    environment = {**os.environ, "PGHOST": server.hostname, "PGPORT": str(server.port), "PGUSER": server.username,
                   "PGPASSWORD": server.password, "PGDATABASE": scene.name}
    for table in ("landing", "public.landing", '"landing"'):
        done = run_tail(scene, topic, "--format=copy", "--columns=offset,value,op", f"--from-table={table}", env=environment)
        assert (done.returncode, done.stdout) == (0, b"2\t2\t\\N\n"), done.stderr
    for table, complaint in {"nothing": "does not exist", "x.landing": "does not exist"}.items():
        done = run_tail(scene, topic, f"--from-table={table}", env=environment)
        assert done.returncode == 64 and complaint in done.stderr.decode()
    with scene.connection.transaction():
        scene.execute("LOCK landing IN ACCESS EXCLUSIVE MODE")
        done = run_tail(scene, topic, "--from-table=landing", env=environment)
        assert done.returncode == 75 and b"locked" in done.stderr, done.stderr


def test_a_table_of_several_topics_knows_them_apart(scene: Scene, landing: Landing):
    topics = [scene.topic("a"), scene.topic("b")]
    produce(scene, topics[0], 3)
    produce(scene, topics[1], 5)
    columns = "topic,partition,offset,value"
    scene.execute('CREATE TABLE many (topic text, partition int, "offset" bigint, value jsonb, PRIMARY KEY (topic, partition, "offset"))')
    assert landing.fill(topics[0], table="many", columns=columns) == 3
    assert landing.fill(" ".join(topics), table="many", columns=columns) == 5
    with pytest.raises(psycopg.Error):
        landing.fill(" ".join(topics))
    assert "has no column topic" in scene.servers.postgres.process.log_text()


def test_two_at_the_same_time_do_not_add_rows_twice(scene: Scene, landing: Landing):
    topic = scene.topic("numbers")
    produce(scene, topic, 1000)
    with scene.connect() as first:
        with first.transaction():
            first.execute(landing.statement(topic))
            results: list = []

            def second() -> None:
                try:
                    results.append(landing.fill(topic))
                except psycopg.Error as error:
                    results.append(error)

            thread = threading.Thread(target=second)
            thread.start()
            scene.wait_until(lambda: scene.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                                 "query LIKE 'COPY landing%%'"), 20, "the second to wait for the first")
        thread.join()
    assert isinstance(results[0], psycopg.errors.UniqueViolation), results
    assert scene.query("SELECT count(*) FROM landing") == [(1000,)]
    # An index over more than partition and offset lets the same message in twice.
    scene.execute('CREATE TABLE bare (partition int, "offset" bigint, value jsonb, UNIQUE (partition, "offset", value))')
    with pytest.raises(psycopg.Error):
        landing.fill(topic, table="bare", columns="partition,offset,value")
    log = scene.servers.postgres.process.log_text()
    assert "has no unique index" in log and 'ALTER TABLE "public"."bare" ADD UNIQUE (partition, "offset");' in log


def test_what_retention_took_is_told(scene: Scene, landing: Landing):
    topic = scene.topic("numbers")
    produce(scene, topic, 10)
    assert landing.fill(topic, "--limit=3") == 3
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    [answer] = admin.delete_records([TopicPartition(topic, 0, 6)]).values()
    answer.result()
    with pytest.raises(psycopg.Error):
        landing.fill(topic)
    log = scene.servers.postgres.process.log_text()
    assert "table landing goes on from offset 3, but the topic now begins at 6" in log and "--skip-lost" in log
    assert landing.fill(topic, "--skip-lost") == 4
    assert landing.fill(topic) == 0
    admin.delete_topics([topic])[topic].result(timeout=20)
    scene.wait_until(lambda: topic not in admin.list_topics(timeout=5).topics, 20, "the topic to be gone")
    produce(scene, topic, 9)
    with pytest.raises(psycopg.Error):
        landing.fill(topic, "--skip-lost")
    assert "goes on from offset 10, but the topic ends at 9: it was deleted and made again" in (
        scene.servers.postgres.process.log_text())


def test_no_secret_is_said(scene: Scene, landing: Landing):
    landing.config.write_text(landing.config.read_text().replace(scene.name, "no_such_database"))
    with pytest.raises(psycopg.Error):
        landing.fill(scene.topic("bw_marker"))
    with pytest.raises(psycopg.Error):
        produce(scene, scene.topic("x"), 1)
        landing.fill(scene.topic("x"))
    log = scene.servers.postgres.process.log_text()
    assert "no_such_database" in log and "secret-of-postgres" not in log


class Load:
    """Changes of a table until the end of the `with` block, by a connection that is made again when it breaks."""

    def __init__(self, scene: Scene):
        self._scene = scene
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            with suppress(psycopg.OperationalError), self._scene.connect() as connection:
                while not self._stopping.is_set():
                    number += 1
                    connection.execute("INSERT INTO test SELECT i, 'row' FROM generate_series(%s::int, %s::int) i "
                                       "ON CONFLICT DO NOTHING", [10 * number, 10 * number + 9])
                    connection.execute("UPDATE test SET value = value || '.' WHERE id = %s", [random.randint(1, 10 * number)])
                    connection.execute("DELETE FROM test WHERE id = %s", [random.randint(1, 10 * number)])
                    time.sleep(0.005)
            time.sleep(0.05)


@contextmanager
def a_copy(scene: Scene, statement: str) -> Iterator[tuple[psycopg.Connection, threading.Thread, list[bool]]]:
    """One that runs in a thread; whether it was committed."""
    done: list[bool] = []
    connection = scene.connect()

    def run() -> None:
        try:
            connection.execute(statement)
            done.append(True)
        except psycopg.Error:
            done.append(False)

    thread = threading.Thread(target=run)
    thread.start()
    yield connection, thread, done
    thread.join()
    connection.close()


def disturb(scene: Scene, landing: Landing, what: str, connection: psycopg.Connection, relay) -> None:
    backend = connection.info.backend_pid
    if what == "kill tail":
        for pid in landing.tails():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    elif what == "cancel":
        scene.query("SELECT pg_cancel_backend(%s)", [backend])
    elif what == "terminate":
        scene.query("SELECT pg_terminate_backend(%s)", [backend])
    elif what == "kill relay":
        relay.kill9()
        relay.start()
    elif what == "kill server":
        scene.servers.postgres.kill9()
        scene.servers.bring_back()
        scene.reconnect()


def rows_by_place(scene: Scene) -> dict:
    return {(partition, offset): rest for partition, offset, *rest in scene.query(
        'SELECT partition, "offset", op, key, value FROM landing')}


def test_it_ends_exact_whatever_is_killed(scene: Scene, landing: Landing):
    """COPY is killed and repeated at random moments, its program, its backend, the server and the relay too."""
    seed = int(os.environ.get("BOTTLEDWATER_TEST_SEED", random.randrange(1 << 31)))
    print(f"BOTTLEDWATER_TEST_SEED={seed}")
    chance = random.Random(seed)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test SELECT -i, repeat('x', 100) FROM generate_series(1, 100000) i")
    relay = scene.running_relay(tables="public.test,public.bw_marker", topic_config="partitions=4",
                                transaction_max_messages=500)
    topic = scene.topic("test")
    scene.settle()
    kinds = ["kill tail", "cancel", "terminate"] * 8 + ["kill relay", "none"] * 3 + ["kill server"] * 2
    chance.shuffle(kinds)
    committed = failed = 0
    usual_s = 1.0  # Of a COPY, so that most are hit while they run.
    with Load(scene):
        for what in kinds:
            statement = landing.statement(topic, f"--limit={chance.randint(1, 20000)}")
            began = time.monotonic()
            with a_copy(scene, statement) as (connection, thread, done):
                thread.join(chance.uniform(0, usual_s))
                disturb(scene, landing, what, connection, relay)
            if done[0] and what == "none":
                usual_s = (usual_s + time.monotonic() - began) / 2
            committed, failed = committed + done[0], failed + (not done[0])
            places = scene.query('SELECT count(*), count(DISTINCT (partition, "offset")) FROM landing')[0]
            assert places[0] == places[1]
    scene.settle()
    while landing.fill(topic):
        pass
    assert landing.tails() == []
    print(f"{committed} COPYs committed, {failed} failed; one takes about {usual_s:.2f} s")
    assert committed >= 3 and failed >= 3, "too few of each to say anything"
    messages = scene.messages("test")
    assert rows_by_place(scene) == {(m.partition, m.offset): [m.op, m.key, m.value] for m in messages}
    assert scene.query("""
        SELECT coalesce(t.id, (l.key->>'id')::int) FROM test t FULL JOIN (
            SELECT DISTINCT ON (key) key, value FROM landing ORDER BY key, lsn DESC, index DESC) l
        ON t.id = (l.key->>'id')::int
        WHERE t.value IS DISTINCT FROM l.value->>'value'""") == []
