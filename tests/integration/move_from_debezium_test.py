"""docs/how_to/move_from_debezium.md, step by step, with the page's own commands, beside a real connector under Kafka Connect
without exactly-once support. Somebody writes all the while: afterwards each change is there once."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from clients import JsonDecoder, Message, TopicReader
from harness import since
from harness.debezium import Debezium
from harness.documents import Block, blocks
from harness.reader_of_documents import ReaderOfDocuments
from harness.writer import Writer

from servers import Servers

PAGE = "docs/how_to/move_from_debezium.md"
(OPTIONS, CHECK, STOP, IDLE, OFFSETS, ASK, RESUME, START, LOOK, DRAIN, ADVANCE, REMOVE, CONNECTOR_GOES_ON, CLEAN_UP, COPY_SLOT,
 NATIVE, DELETE, DROP) = [block for block in blocks(PAGE) if block.language]
STREAMS = "(?i)streaming changes from"
ANOTHER_RELAY = 73
AGAIN = "resume and stop again"
ADVANCES = since(11, "no slot can be advanced")

SLOT_AND_PUBLICATION = {"slot.name": "debezium", "publication.name": "dbz_publication"}
# Each record is a request of its own, and hardly any wait in memory: a transaction of thousands of rows takes seconds.
SLOWLY = {"max.batch.size": 10, "max.queue.size": 20, "producer.override.batch.size": 0, "producer.override.buffer.memory": 100_000,
          "producer.override.max.in.flight.requests.per.connection": 1}
ROWS_OF_A_LARGE_TRANSACTION = 5_000
# Transactions of four changes. TABLES has the orders 1 and 2.
WRITES = ("INSERT INTO orders SELECT 10 * {n} + i, {n} FROM generate_series(1, 3) i; "
          "UPDATE orders SET total = {n} + 0.5 WHERE id = 10 * {n} + 2")
STRADDLING, BETWEEN, LAST = (3, 4), 5, 6


class Mover:
    """Who does what the page says."""

    def __init__(self, someone: ReaderOfDocuments, debezium: Debezium):
        self.someone, self.scene = someone, someone.scene
        self._debezium = debezium
        self._reader = TopicReader(self.scene.servers.kafka.address, JsonDecoder())
        self.topic = f"{debezium.prefix}.public.orders"

    def in_own_words(self, text: str) -> str:
        for name, own in {"connect.example:8083": self._debezium.address, "connectors/shop": f"connectors/{self._debezium.prefix}",
                          'topic-prefix = "shop"': f'topic-prefix = "{self._debezium.prefix}"',
                          "--topic-prefix=relay": f"--topic-prefix={self.scene.prefix}"}.items():
            text = text.replace(name, own)
        return text

    def types(self, block: Block, code: int = 0) -> str:
        """Each command of a block; what the last one has written."""
        written = ""
        for command in block.commands():
            ended, written = self.someone.does(self.in_own_words(command.replace("\\\n", "")))
            assert ended == code, f"{command}\nended with {ended}:\n{written}"
        return written

    def configures(self) -> None:
        self.someone.config.write_text(self.someone.in_own_words(self.in_own_words(OPTIONS.text)))

    def checks(self) -> None:
        """Beside the connector: nothing but that the slot is in use."""
        found = [line for line in self.types(CHECK, ANOTHER_RELAY).splitlines() if "✗" in line]
        assert len(found) == 1 and 'receives from slot "debezium"' in found[0], found

    def stops_the_connector(self) -> None:
        stop, look = STOP.commands()

        def is_stopped() -> bool:
            status = json.loads(self.someone.does(self.in_own_words(look))[1])
            return status["connector"]["state"] == "STOPPED"
        assert self.someone.does(self.in_own_words(stop)) == (0, "")
        self.scene.wait_until(is_stopped, 60, "the connector to be stopped")
        self.waits_until_the_slot_is_idle()

    def waits_until_the_slot_is_idle(self) -> None:
        self.scene.wait_until(lambda: not self.scene.query(IDLE.text)[0][0], 60, "the slot to be idle")

    def resumes_the_connector(self) -> None:
        assert self.types(RESUME) == ""

    def asks(self, slot: str = "debezium") -> str:
        """What to do with the slot."""
        [place] = json.loads(self.types(OFFSETS))["offsets"]
        offset = place["offset"]
        text = ASK.text.replace("37482912", str(offset["lsn"])).replace("'761'", f"'{offset['txId']}'")
        [(answer,)] = self.scene.query(text.replace("'debezium'", f"'{slot}'").replace("''debezium''", f"''{slot}''"))
        return answer

    def hands_the_slot_over(self, copies: bool = False) -> None:
        """Steps 1 and 2, however often they have to be done, with the connector running."""
        for _ in range(20):
            self.stops_the_connector()
            if copies:
                self.someone.runs_sql(COPY_SLOT.text)
            answer = self.asks("relay" if copies else "debezium")
            if answer != AGAIN:
                if answer != "go on":
                    self.someone.runs_sql(answer)
                return
            if copies:
                self.scene.execute("SELECT pg_drop_replication_slot('relay')")
            [(newest,)] = self.scene.query("SELECT max(id) FROM orders")
            self.resumes_the_connector()
            self.waits_for(newest)
        raise AssertionError("the connector stopped within a transaction each time")

    def starts(self, block: Block, *options: str) -> None:
        [command] = block.commands()
        self.someone.does(" ".join((self.in_own_words(command.replace("\\\n", "")), *options)), until=STREAMS, stays=True)

    def waits_for(self, order: int) -> None:
        self._reader.wait_for(self.topic, lambda message: id_of(message) == order)

    def published(self) -> dict[int, str]:
        """By order: the operations on it as they came."""
        operations: dict[int, str] = defaultdict(str)
        for message in self._reader.read(self.topic):
            operations[id_of(message)] += message.value["payload"]["op"]
        return dict(operations)

    def asserts_that_each_change_is_there_once(self, writer: Writer, others: dict[int, str]) -> None:
        expected = {1: "r", 2: "r", **others}
        for number in range(1, writer.written + 1):
            expected |= {10 * number + 1: "c", 10 * number + 2: "cu", 10 * number + 3: "c"}
        assert writer.written > 20
        published = self.published()
        wrong = {order: (published.get(order, ""), expected.get(order, "")) for order in published.keys() | expected.keys()
                 if published.get(order) != expected.get(order)}
        assert not wrong, f"{len(wrong)} orders, (published, written): {dict(sorted(wrong.items())[:20])}"


def id_of(message: Message) -> int:
    return message.key["payload"]["id"]


@pytest.fixture
def someone(servers: Servers) -> Iterator[ReaderOfDocuments]:
    reader = ReaderOfDocuments(servers)
    yield reader
    reader.close()


@pytest.fixture
def mover(someone: ReaderOfDocuments, request: pytest.FixtureRequest) -> Iterator[Mover]:
    """With a connector that has published the first orders, and has the test's properties."""
    with Debezium(someone.scene, {**SLOT_AND_PUBLICATION, **getattr(request, "param", {})}, exactly_once=False) as debezium:
        mover = Mover(someone, debezium)
        mover.configures()
        mover.waits_for(2)
        yield mover
        someone.ends_what_runs()


def stop_within_a_transaction(mover: Mover) -> int:
    """How many orders, with the numbers -1, -2 and so on, were written for it."""
    written = 0
    for _ in range(5):
        first, written = written + 1, written + ROWS_OF_A_LARGE_TRANSACTION
        mover.scene.execute(f"INSERT INTO orders SELECT -i, 0 FROM generate_series({first}, {written}) i")
        mover.waits_for(-first)
        mover.stops_the_connector()
        if mover.asks() == AGAIN:
            return written
        mover.resumes_the_connector()
    raise AssertionError("the connector never stopped within a large transaction")


@ADVANCES
@pytest.mark.parametrize("mover", [pytest.param(SLOWLY, id="slowly")], indirect=True)
def test_the_relay_goes_on_where_the_connector_has_stopped(mover: Mover):
    scene = mover.scene
    with Writer(scene.url(), WRITES, per_second=20) as writer, scene.connect() as other:
        mover.waits_for(11)
        mover.checks()
        with other.transaction():
            other.execute("INSERT INTO orders VALUES (%s, 0)", [STRADDLING[0]])
            large = stop_within_a_transaction(mover)
            mover.resumes_the_connector()
            mover.waits_for(-large)
            mover.hands_the_slot_over()
            scene.execute(f"INSERT INTO orders VALUES ({BETWEEN}, 0)")
            mover.starts(START)
            other.execute("INSERT INTO orders VALUES (%s, 0)", [STRADDLING[1]])
        writer.wait_for(writer.written + 20)
    assert "capture" in mover.types(LOOK).lower()
    scene.execute(f"INSERT INTO orders VALUES ({LAST}, 0)")
    mover.waits_for(LAST)
    mover.types(CLEAN_UP)
    others = dict.fromkeys((*STRADDLING, BETWEEN, LAST, *range(-large, 0)), "c")
    mover.asserts_that_each_change_is_there_once(writer, others)


@ADVANCES
def test_the_connector_gets_its_slot_back(mover: Mover):
    scene = mover.scene
    with Writer(scene.url(), WRITES, per_second=20) as writer:
        mover.waits_for(11)
        mover.hands_the_slot_over()
        mover.starts(START)
        writer.wait_for(writer.written + 20)
        mover.waits_for(10 * writer.written + 1)
        captured = drained(mover)
        mover.someone.ends_what_runs()
        mover.waits_until_the_slot_is_idle()
        mover.someone.runs_sql(ADVANCE.text.replace("0/23BF2E8", captured))
        assert "spool" in mover.types(REMOVE)
        mover.types(CONNECTOR_GOES_ON)
        writer.wait_for(writer.written + 20)
    scene.execute(f"INSERT INTO orders VALUES ({LAST}, 0)")
    mover.waits_for(LAST)
    mover.asserts_that_each_change_is_there_once(writer, {LAST: "c"})


def drained(mover: Mover) -> str:
    """Up to where."""
    pause, look = DRAIN.commands()

    def status() -> dict[str, Any]:
        return json.loads(mover.someone.does(look)[1])

    def is_drained() -> bool:
        now = status()
        return now["capture"]["state"] == "paused" and now["spool"]["backlog_changes"] == 0
    assert mover.someone.does(pause)[0] == 0
    mover.scene.wait_until(is_drained, 60, "all that was captured to be published")
    return status()["capture"]["captured_lsn"]


@ADVANCES
def test_after_copy_another_row_shows_where_the_connector_is(mover: Mover):
    """All rows of a COPY have one LSN."""
    scene = mover.scene
    scene.execute("COPY orders FROM PROGRAM 'printf ''3,0\\n4,0\\n5,0\\n''' WITH (FORMAT csv)")
    mover.waits_for(5)
    mover.stops_the_connector()
    assert mover.asks() == AGAIN
    mover.resumes_the_connector()
    scene.execute(f"INSERT INTO orders VALUES ({LAST}, 0)")
    mover.waits_for(LAST)
    mover.stops_the_connector()
    assert mover.asks().startswith("SELECT pg_replication_slot_advance")


@since(12, "no slot can be copied")
def test_a_copy_of_the_slot_for_pgoutput(mover: Mover):
    """The connector's own plugin is pgoutput here: decoderbufs is not among what the tests have."""
    scene = mover.scene
    with Writer(scene.url(), WRITES, per_second=20) as writer:
        mover.waits_for(11)
        mover.hands_the_slot_over(copies=True)
        mover.starts(START, "--slot=relay")
        writer.wait_for(writer.written + 20)
    scene.execute(f"INSERT INTO orders VALUES ({LAST}, 0)")
    mover.waits_for(LAST)
    mover.asserts_that_each_change_is_there_once(writer, {LAST: "c"})


def test_native_topics_beside_the_connectors(mover: Mover):
    scene = mover.scene
    scene.slot = "relay"
    scene.execute(f"INSERT INTO orders VALUES ({BETWEEN}, 0)")
    mover.starts(NATIVE)
    mover.types(DELETE)
    mover.waits_until_the_slot_is_idle()
    mover.someone.runs_sql(DROP.text)
    scene.execute(f"INSERT INTO orders VALUES ({LAST}, 0)")
    scene.reader.wait_for(scene.topic("orders"), lambda message: message.key["id"] == LAST)
    assert [(message.op, message.key["id"]) for message in scene.messages("orders", settle=False)] == [
        ("r", 1), ("r", 2), ("r", BETWEEN), ("c", LAST)]
    assert (scene.slots(), "dbz_publication" in scene.publications()) == (["relay"], False)
