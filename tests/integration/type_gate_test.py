"""Every type of pg_type, as a column, a key, an array's element and a domain: what comes out of Kafka is what went in.

BOTTLEDWATER_GATE_ROWS and BOTTLEDWATER_GATE_SEED give other values; scripts/versions runs this on other versions of PostgreSQL.
"""

import os
import random
from collections import Counter, defaultdict

import pytest
from harness import Scene
from harness.postgres_text import PostgresText, RawDecoder, Row
from harness.type_gate import Table, TypeGate, judge

from clients import Message, TopicReader
from servers.postgres import FOLDER_OF_ALL

ROWS = int(os.environ.get("BOTTLEDWATER_GATE_ROWS", 600))
SEED = int(os.environ.get("BOTTLEDWATER_GATE_SEED", random.SystemRandom().getrandbits(32)))
VERSIONS = ["chosen"] if os.environ.get(FOLDER_OF_ALL) else ["Debian's", "18"]
UNAVAILABLE = "__bottledwater_unavailable_value"


@pytest.fixture(params=VERSIONS)
def gate_scene(request: pytest.FixtureRequest) -> Scene:
    return request.getfixturevalue("newer_scene" if request.param == "18" else "scene")


def test_every_type_comes_back_as_it_was_from_snapshot_and_stream(gate_scene: Scene, capsys):
    scene = gate_scene
    print(f"seed {SEED}")  # Shown when it fails, wherever that is.
    gate = TypeGate(scene, SEED, ROWS)
    assert gate.missing() == [], "types without a case in harness/type_cases.py"
    tables = gate.make_tables()
    for table in tables:
        scene.execute(f"INSERT INTO gate.{table.name} SELECT * FROM source.{table.name}")
    scene.reader = TopicReader(scene.servers.kafka.address, gate.decoder)
    scene.running_relay(exclude_tables="source.*,back.*")
    for table in tables:
        scene.execute(f"DELETE FROM gate.{table.name}")
        scene.execute(f"INSERT INTO gate.{table.name} SELECT * FROM source.{table.name}")
    scene.settle(timeout=180)
    messages = defaultdict(list)
    for message in scene.messages(*(f"gate.{table.name}" for table in tables), settle=False):
        messages[message.topic].append(message)
    found = [judge(gate, table, messages[scene.topic(f"gate.{table.name}")]) for table in tables]
    avro = sum((one.avro for one in found), Counter())
    native = sum(columns for name, columns in avro.items() if name != "string")
    itself, arrays = (native_types(tables, first) for first in "va")
    with capsys.disabled():
        print(f"\nPostgreSQL {scene.connection.info.server_version}, seed {SEED}: {len(gate.cases)} types and {len(gate.row_types())} row "
              f"types in {sum(avro.values())} columns, {native} of them native and {avro['string']} text; native are {len(itself)} types and the arrays of {len(arrays)}; "
              f"{sum(one.values for one in found)} values, each from snapshot and stream, {sum(one.beside for one in found)} as text "
              f"beside; skipped: {', '.join(gate.skipped) or 'nothing'}")
    problems = [problem for one in found for problem in one.problems]
    assert len(itself) >= 20 and len(arrays) >= 100, "fewer native types than docs/types.md says"
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:100])


def native_types(tables: list[Table], first: str) -> set[str]:
    return {column.case.type for table in tables for column in table.columns if column.name[0] == first and column.avro != "string"
            and column.case.type != "row type"}


# --- What a native form cannot hold: docs/decisions/0018-native-types.md ---------------------------


ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, price numeric(10,2), days int[], notes text[], rest text)"
# By id: the row, and which columns of it have no native form.
ROWS_OF_ORDERS: dict[int, tuple[tuple, set[str]]] = {
    1: (("1.50", "{1,NULL}", '{a,NULL,"NULL",""}', "x"), set()),
    2: (("NaN", "{}", "{}", "x"), {"price"}),
    3: (("99999999.99", "{{1,2},{3,4}}", "{}", "x"), {"days"}),
    4: (("-0.01", "[0:1]={1,2}", "{}", "x"), {"days"}),
    5: (("NaN", "{{1},{2}}", '{{a,"{"},{b,NULL}}', "x"), {"price", "days", "notes"}),
    6: (("0.00", "{-2147483648}", '{"[0:1]={1,2}"}', "x"), set()),
    7: ((None, None, None, None), set()),
    8: (("NaN", None, None, None), {"price"}),
}


def test_what_a_native_form_cannot_hold_goes_as_text_beside(scene: Scene):
    scene.execute(ORDERS)
    for number, (row, _) in ROWS_OF_ORDERS.items():
        scene.execute("INSERT INTO orders VALUES (%s, %s, %s, %s, %s)", [number, *row])
    text = read_as_text(scene)
    scene.running_relay()
    scene.execute("UPDATE orders SET id = id + 100")
    rows = [text.row(message.raw_value) for message in scene.messages("orders") if message.op != "d"]
    assert len(rows) == 2 * len(ROWS_OF_ORDERS)
    for row in rows:
        expected, beside = ROWS_OF_ORDERS[int(row.texts.pop("id")) % 100]
        assert tuple(row.texts.values()) == normal(scene, expected)
        assert row.beside.keys() == beside
    assert len({row.schema for row in rows if row.beside}) == 1
    [native] = {row.schema for row in rows if not row.beside}
    assert [field.name for field in text.fields(native)] == ["id", "price", "days", "notes", "rest"]


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_keys_that_their_native_form_cannot_hold_are_equal_wherever_they_come(scene: Scene, identity: str):
    scene.execute("CREATE TABLE prices (price numeric(10,2), days int[], value numeric(4,1), PRIMARY KEY (price, days))")
    scene.execute(f"ALTER TABLE prices REPLICA IDENTITY {identity}")
    scene.execute("INSERT INTO prices VALUES (1, '{1}', 1), ('NaN', '{1}', 2), (3, '{{1,2},{3,4}}', 3)")
    text = read_as_text(scene)
    scene.running_relay()
    for change in ["UPDATE prices SET value = 'NaN' WHERE price = 1",
                   "UPDATE prices SET price = 'NaN', days = '[0:1]={1,2}' WHERE price = 1",  # Into such a key,
                   "UPDATE prices SET days = '[0:1]={7,8}' WHERE days = '[0:1]={1,2}'",      # from one to another,
                   "UPDATE prices SET price = 5, days = '{9}' WHERE days = '[0:1]={7,8}'",   # and out of it.
                   "UPDATE prices SET value = 8 WHERE price = 'NaN'",
                   "DELETE FROM prices WHERE price = 'NaN'",
                   "DELETE FROM prices WHERE price = 3"]:
        scene.execute(change)
    messages = scene.messages("prices")
    assert [told(text, message) for message in messages if message.op == "r"] == [
        ("r", "1.00 {1}", "1.0"), ("r", "NaN {1}", "2.0"), ("r", "3.00 {{1,2},{3,4}}", "3.0")]
    assert [told(text, message) for message in messages if message.op != "r"] == [
        ("u", "1.00 {1}", "NaN"),
        ("d", "1.00 {1}", None), ("u", "NaN [0:1]={1,2}", "NaN"),
        ("d", "NaN [0:1]={1,2}", None), ("u", "NaN [0:1]={7,8}", "NaN"),
        ("d", "NaN [0:1]={7,8}", None), ("u", "5.00 {9}", "NaN"),
        ("u", "NaN {1}", "8.0"),
        ("d", "NaN {1}", None),
        ("d", "3.00 {{1,2},{3,4}}", None)]
    positions = [message.position for message in messages if message.op != "r"]
    assert len(set(positions)) == len(positions) - 3, "a change of the key is one change"
    by_text = defaultdict(set)
    for message in messages:
        by_text[told(text, message)[1]].add((message.raw_key, message.partition))
    assert all(len(keys) == 1 for keys in by_text.values()), "equal keys have equal bytes, in one partition"
    assert len({key for keys in by_text.values() for key in keys}) == len(by_text)


def test_the_mark_of_an_unchanged_toasted_value_goes_as_text_beside(scene: Scene):
    scene.execute(f"{ORDERS}; ALTER TABLE orders ALTER days SET STORAGE EXTERNAL, ALTER notes SET STORAGE EXTERNAL")
    text = read_as_text(scene)
    scene.running_relay(toast_cache_max_bytes="0", refetch="false")
    scene.execute("INSERT INTO orders SELECT 1, 1.5, array_agg(i), array_agg(i::text), 'x' FROM generate_series(1, 3000) i")
    scene.execute("UPDATE orders SET rest = 'y'")
    scene.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    scene.execute("UPDATE orders SET rest = 'z'")
    inserted, updated, full = (text.row(message.raw_value) for message in scene.messages("orders"))
    assert updated.texts == {**inserted.texts, "days": UNAVAILABLE, "notes": UNAVAILABLE, "rest": "y"}
    assert updated.beside == {"days": UNAVAILABLE, "notes": UNAVAILABLE}
    assert full.texts == {**inserted.texts, "rest": "z"} and not full.beside and full.schema == inserted.schema


def test_plain_json_of_every_row_is_what_postgresql_reads(scene: Scene):
    scene.execute(ORDERS)
    for number, (row, _) in ROWS_OF_ORDERS.items():
        scene.execute("INSERT INTO orders VALUES (%s, %s, %s, %s, %s)", [number, *row])
    scene.use_json()
    scene.running_relay(output_format="plain-json")
    messages = scene.messages("orders")
    assert {message.key["id"] for message in messages} == ROWS_OF_ORDERS.keys()
    for message in messages:
        assert list(message.value) == ["id", "price", "days", "notes", "rest"]
        [row] = scene.query("SELECT price::text, days::text, notes::text, rest FROM json_populate_record(null::orders, %s::json)",
                            [message.raw_value.decode()])
        assert row == normal(scene, ROWS_OF_ORDERS[message.key["id"]][0])


def test_plain_json_of_every_era_is_what_postgresql_reads(scene: Scene):
    scene.execute("CREATE TABLE days (id int PRIMARY KEY, d date, t timestamp, z timestamptz)")
    eras = ["4714-11-24 BC", "0001-12-31 BC", "0001-01-01", "2026-11-22", "9999-12-31", "10000-01-01", "294246-01-01", "infinity",
            "-infinity"]
    for number, text in enumerate(eras):
        scene.execute("INSERT INTO days VALUES (%s, %s, %s, %s)", [number, text, text, text])
    scene.use_json()
    scene.running_relay(output_format="plain-json")
    messages = scene.messages("days")
    assert {message.key["id"] for message in messages} == set(range(len(eras)))
    for message in messages:
        [same] = scene.query("SELECT back = days FROM json_populate_record(null::days, %s::json) back JOIN days USING (id)",
                             [message.raw_value.decode()])
        assert same == (True,), message.raw_value


def read_as_text(scene: Scene) -> PostgresText:
    decoder = RawDecoder(scene.servers.registry.url)
    scene.reader = TopicReader(scene.servers.kafka.address, decoder)
    return PostgresText(decoder, {})


def normal(scene: Scene, row: tuple) -> tuple:
    """As PostgreSQL prints it."""
    return scene.query("SELECT %s::numeric(10,2)::text, %s::int[]::text, %s::text[]::text, %s::text", row)[0]


def told(text: PostgresText, message: Message) -> tuple[str, str, str | None]:
    """Operation, key, and the column `value`; the key's columns are the same in the value."""
    key: Row = text.row(message.raw_key)
    value = message.raw_value and text.row(message.raw_value)
    assert not value or {name: value.texts[name] for name in key.texts} == key.texts
    return message.op, " ".join(map(str, key.texts.values())), value and value.texts["value"]
