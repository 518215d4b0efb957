"""The other forms of types: --enums, --intervals, --time-precision; and --schema-docs. docs/types.md, decisions/0018."""

import random
from decimal import Decimal

from clients import TopicReader
from clients.decoders import schema_id
from harness import POSTGRES_MAJOR, Scene
from harness.postgres_text import RawDecoder
from harness.tail import tail_lines

# Microseconds as the documents say: months of 365.25 / 12 days, days of 24 hours; of an interval `v`, exactly.
MICROS = """(date_part('year', v)::numeric * 12 + date_part('month', v)::numeric) * 2629800000000
            + date_part('day', v)::numeric * 86400000000
            + (extract(epoch FROM v - date_trunc('day', v)))::numeric * 1000000"""


def use_raw_numbers(scene: Scene) -> None:
    """Values as Avro has them, without logical types."""
    scene.reader = TopicReader(scene.servers.kafka.address, RawDecoder(scene.servers.registry.url))


def avro_types(scene: Scene, data: bytes) -> dict[str, object]:
    """What each field is beside null, by its name."""
    return {field["name"]: field["type"][1] for field in scene.schema(data)["fields"]}


def intervals(count: int) -> list[str]:
    """With and without each part, of either sign."""
    chance = random.Random(20261123)

    def part(largest: int) -> int:
        return chance.choice((0, 0, 1, -1, chance.randint(-largest, largest)))

    return [f"{part(1000)} years {part(11)} mons {part(400)} days {part(10000)} hours {part(59)} mins {part(59)} secs "
            f"{part(999999)} microseconds" for _ in range(count)]


# Before 15, PostgreSQL does not read what it prints of it.
LONGEST = ["2562047788:00:54.775807"] if POSTGRES_MAJOR >= 15 else []


def test_intervals_are_what_postgresql_prints_or_their_microseconds(scene: Scene):
    """The database's own intervalstyle does not matter."""
    scene.execute(f"ALTER DATABASE {scene.name} SET intervalstyle = 'sql_standard'")
    scene.execute("CREATE DOMAIN span AS interval; CREATE TABLE test (id int PRIMARY KEY, v interval, d span, a interval[])")
    rows = [*intervals(300), "0", "-178000000 years", "178000000 years", "-2147483648 days", *LONGEST]
    for number, text in enumerate(rows):
        scene.execute("INSERT INTO test VALUES (%s, %s, %s, ARRAY[%s::interval, NULL])", [number, text, text, text])
    use_raw_numbers(scene)
    relay = scene.running_relay(intervals="text")
    scene.execute("INSERT INTO test SELECT id + 1000, v, d, a FROM test")
    scene.execute("SET intervalstyle = 'postgres'")
    printed = dict(scene.query("SELECT id, v::text FROM test"))
    messages = scene.messages("test")
    assert {schema_id(message.raw_value) for message in messages} == {schema_id(messages[0].raw_value)}
    assert {message.value["id"]: message.value["v"] for message in messages} == printed
    assert all(message.value["v"] == message.value["d"] and message.value["a"] == [message.value["v"], None] for message in messages)
    relay.stop()

    scene.running_relay(intervals="micros")
    scene.execute("DELETE FROM test WHERE id >= 1000; INSERT INTO test SELECT id + 1000, v, d, a FROM test")
    expected = {number: int(micros) for number, micros in scene.query(f"SELECT id, {MICROS} FROM test WHERE id >= 1000")}
    iso = dict(scene.query("SELECT id, v::text FROM test WHERE id >= 1000"))
    values = [message.value for message in scene.messages("test") if message.value and isinstance(message.value["v"], (int, type(None)))]
    assert {value["id"] for value in values} == expected.keys() == iso.keys()
    for value in values:
        number = expected[value["id"]]
        if -2 ** 63 <= number < 2 ** 63:
            assert (value["v"], value["d"], value["a"]) == (number, number, [number, None]), iso[value["id"]]
            assert "v__text" not in value
        else:
            assert value["v"] is value["d"] is value["a"] is None
            assert value["v__text"] == value["d__text"] and value["v__text"] in ("P178000000Y", "P-178000000Y", "P-2147483648D")
            assert value["a__text"] == "{" + value["v__text"] + ",NULL}"
    assert sum("v__text" in value for value in values) == 3


def test_an_infinite_interval_comes_beside_its_number(newer_scene: Scene):
    """PostgreSQL has them since 17."""
    scene = newer_scene
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v interval); INSERT INTO test VALUES (1, '-infinity')")
    relay = scene.running_relay(intervals="micros")
    scene.execute("INSERT INTO test VALUES (2, 'infinity')")
    assert [value for _, _, value in scene.changes("test")] == [
        {"id": 1, "v": None, "v__text": "-infinity"}, {"id": 2, "v": None, "v__text": "infinity"}]
    relay.stop()
    scene.running_relay(intervals="text")
    scene.execute("INSERT INTO test VALUES (3, 'infinity')")
    assert scene.changes("test")[-1][2] == {"id": 3, "v": "infinity"}


TIMES = """CREATE DOMAIN moment AS timestamptz;
           CREATE TABLE test (id int PRIMARY KEY, t time, l timestamp, z timestamptz, d moment, a timestamp[])"""
LATE = "('23:59:59.999999', '1969-12-31 23:59:59.9999', '2026-11-21 12:30:00.1239+02', '2026-11-21 12:30:00.123+02', '{1970-01-01 00:00:00.001999,NULL,infinity}')"
LATE_MILLIS = {"t": 86_399_999, "l": -1, "z": 1_795_257_000_123, "d": 1_795_257_000_123, "a": [1, None, 2 ** 63 - 1]}
LAST = "('24:00:00', '294276-12-31 23:59:59.999999', '-infinity', '4714-11-24 00:00:00+00 BC', '{}')"
LAST_MILLIS = {"t": 86_400_000, "l": 9_224_318_015_999_999, "z": -2 ** 63, "d": -210_866_803_200_000, "a": []}


def insert_times(scene: Scene, first: int) -> None:
    for number, row in enumerate((LATE, LAST), first):
        scene.execute(f"INSERT INTO test VALUES ({number}, {row[1:]}")


def test_times_are_milliseconds_in_snapshot_and_stream(scene: Scene):
    """Cut off towards the past, as PostgreSQL's date_trunc() does; the whole of PostgreSQL's range fits."""
    scene.execute(TIMES)
    insert_times(scene, 1)
    use_raw_numbers(scene)
    scene.running_relay(time_precision="millis")
    insert_times(scene, 3)
    messages = scene.messages("test")
    assert [message.value for message in messages] == [
        {"id": number, **row} for number, row in ((1, LATE_MILLIS), (2, LAST_MILLIS), (3, LATE_MILLIS), (4, LAST_MILLIS))]
    assert len({schema_id(message.raw_value) for message in messages}) == 1
    types = avro_types(scene, messages[0].raw_value)
    assert types["t"] == {"type": "int", "logicalType": "time-millis"}
    assert types["l"] == {"type": "long", "logicalType": "local-timestamp-millis"}
    assert types["z"] == types["d"] == {"type": "long", "logicalType": "timestamp-millis"}
    assert types["a"]["items"] == ["null", types["l"]]
    cut = scene.query("SELECT extract(epoch FROM date_trunc('milliseconds', l)) * 1000, extract(epoch FROM date_trunc('milliseconds', z)) * 1000"
                      " FROM test WHERE id = 1")
    assert cut == [(Decimal(LATE_MILLIS["l"]), Decimal(LATE_MILLIS["z"]))]


def test_times_and_intervals_are_read_in_both_kinds_of_json(scene: Scene):
    scene.execute(TIMES + "; ALTER TABLE test ADD v interval")
    insert_times(scene, 1)
    scene.execute("UPDATE test SET v = '1 mon -1 days'")
    scene.use_json()
    relay = scene.running_relay(time_precision="millis", intervals="text", output_format="plain-json")
    first, second = scene.messages("test")
    assert first.value == {"id": 1, "t": "23:59:59.999", "l": "1969-12-31T23:59:59.999", "z": "2026-11-21T10:30:00.123Z",
                           "d": "2026-11-21T10:30:00.123Z", "a": ["1970-01-01T00:00:00.001", None, "infinity"], "v": "1 mon -1 days"}
    assert second.value["t"] == "24:00:00" and second.value["z"] == "-infinity"
    relay.stop()
    scene.running_relay(time_precision="millis", intervals="micros", output_format="json")
    scene.execute("UPDATE test SET v = '1 day' WHERE id = 1")
    assert scene.changes("test")[-1][2] == {
        "id": {"int": 1}, "t": {"int": 86_399_999}, "l": {"long": -1}, "z": {"long": LATE_MILLIS["z"]}, "d": {"long": LATE_MILLIS["d"]},
        "a": {"array": [{"long": 1}, None, {"long": 2 ** 63 - 1}]}, "v": {"long": 86_400_000_000}}


def test_no_key_is_cut_off(scene: Scene):
    """Two rows that differ in a microsecond, or in what a month is, stay two."""
    scene.execute("CREATE TABLE test (t timestamptz, v interval, n int, PRIMARY KEY (t, v))")
    rows = [("2026-01-01 00:00:00.000001+00", "1 mon"), ("2026-01-01 00:00:00.000002+00", "1 mon"),
            ("2026-01-01 00:00:00.000002+00", "30 days 10:30:00")]
    for number, row in enumerate(rows[:2]):
        scene.execute("INSERT INTO test VALUES (%s, %s, %s)", [*row, number])
    use_raw_numbers(scene)
    scene.running_relay(time_precision="millis", intervals="micros")
    scene.execute("INSERT INTO test VALUES (%s, %s, 2)", [*rows[2]])
    scene.execute("DELETE FROM test WHERE n = 1")
    messages = scene.messages("test")
    keys = [{"t": 1_767_225_600_000_001, "v": "P1M"}, {"t": 1_767_225_600_000_002, "v": "P1M"},
            {"t": 1_767_225_600_000_002, "v": "P30DT10H30M"}]
    assert [(message.op, message.key) for message in messages] == [("r", keys[0]), ("r", keys[1]), ("c", keys[2]), ("d", keys[1])]
    assert {**messages[0].value, "n": 0} == {**keys[0], "n": 0}, "a key column is the same in the value"
    assert len({message.raw_key for message in messages}) == 3


def test_tail_shows_them(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, l timestamp, v interval)")
    scene.running_relay(time_precision="millis", intervals="micros")
    scene.execute("INSERT INTO test VALUES (1, '2026-11-21 12:30:00.1239', '1 day'), (2, 'infinity', '178000000 years')")
    scene.settle()
    assert [line["value"] for line in tail_lines(scene, scene.topic("test"))] == [
        {"id": 1, "l": "2026-11-21T12:30:00.123", "v": 86_400_000_000}, {"id": 2, "l": "infinity", "v": "P178000000Y"}]


MOODS = """CREATE TYPE mood AS ENUM ('sad', 'ok', 'on hold', ''); CREATE DOMAIN state AS mood;
           CREATE TABLE test (id int, k mood, "int" mood, d state, a mood[], PRIMARY KEY (id, k))"""
MOOD_ROWS = ["'sad', 'ok', 'sad', '{ok,NULL}'", "'on hold', 'on hold', '', '{ok,on hold}'", "'ok', NULL, NULL, '{}'",
             "'sad', NULL, 'ok', '{{ok}}'"]
MOOD_VALUES = [
    {"k": "sad", "int": "ok", "d": "sad", "a": ["ok", None]},
    {"k": "on hold", "int": None, "int__text": "on hold", "d": None, "d__text": "", "a": None, "a__text": '{ok,"on hold"}'},
    {"k": "ok", "int": None, "d": None, "a": []},
    {"k": "sad", "int": None, "int__text": None, "d": "ok", "d__text": None, "a": None, "a__text": "{{ok}}"}]


def enum_of(field: str, symbols: list[str]) -> dict:
    return {"type": "enum", "name": f"test__{field}__enum", "namespace": "bottledwater.public", "symbols": symbols}


def test_enums_are_avro_enums_in_snapshot_and_stream(scene: Scene):
    """Labels that are no Avro names come beside; of a key, enums are strings."""
    scene.execute(MOODS)
    for number, row in enumerate(MOOD_ROWS):
        scene.execute(f"INSERT INTO test VALUES ({number}, {row})")
    use_raw_numbers(scene)
    scene.running_relay(enums="avro")
    for number, row in enumerate(MOOD_ROWS, 10):
        scene.execute(f"INSERT INTO test VALUES ({number}, {row})")
    messages = scene.messages("test")
    assert [message.value for message in messages] == [
        {"id": number + first, **value} for first in (0, 10) for number, value in enumerate(MOOD_VALUES)]
    assert [message.key for message in messages[:2]] == [{"id": 0, "k": "sad"}, {"id": 1, "k": "on hold"}]
    assert len({schema_id(message.raw_value) for message in messages}) == 2
    types = avro_types(scene, messages[0].raw_value)
    assert types["k"] == avro_types(scene, messages[0].raw_key)["k"] == "string"
    assert types["int"] == enum_of("int", ["sad", "ok"]) and types["d"] == enum_of("d", ["sad", "ok"])
    assert types["a"]["items"][1] == enum_of("a", ["sad", "ok"])


def test_enums_are_read_in_both_kinds_of_json_and_by_tail(scene: Scene):
    scene.execute(MOODS + "; INSERT INTO test VALUES (0, " + MOOD_ROWS[0] + "), (1, " + MOOD_ROWS[1] + ")")
    scene.use_json()
    relay = scene.running_relay(enums="avro", output_format="plain-json")
    first, second = scene.messages("test")
    assert first.value == {"id": 0, "k": "sad", "int": "ok", "d": "sad", "a": ["ok", None]}
    assert second.value == {"id": 1, "k": "on hold", "int": "on hold", "d": "", "a": '{ok,"on hold"}'}
    relay.stop()
    scene.running_relay(enums="avro", output_format="json")
    scene.execute("UPDATE test SET d = 'ok' WHERE id = 0")
    space = "bottledwater.public.test_"
    assert scene.changes("test")[-1][2] == {
        "id": {"int": 0}, "k": {"string": "sad"}, "int": {f"{space}_int__enum": "ok"}, "d": {f"{space}_d__enum": "ok"},
        "a": {"array": [{f"{space}_a__enum": "ok"}, None]}}


def test_an_avro_enum_grows_at_the_next_announcement(scene: Scene):
    """Until then, a new label is beside. Keys do not change."""
    scene.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE test (k mood, id int, m mood, PRIMARY KEY (k, id))")
    relay = scene.running_relay(enums="avro")
    scene.execute("INSERT INTO test VALUES ('sad', 1, 'sad')")
    scene.settle()
    scene.execute("ALTER TYPE mood ADD VALUE 'ok' BEFORE 'sad'")
    scene.execute("INSERT INTO test VALUES ('sad', 2, 'ok'), ('sad', 3, 'sad')")
    scene.settle()  # A walsender that lags behind announces the table again before these rows.
    scene.execute("ALTER TABLE test ADD COLUMN more int")  # PostgreSQL announces the table again.
    scene.execute("INSERT INTO test VALUES ('sad', 4, 'ok')")
    messages = scene.messages("test")
    assert [(message.value["m"], message.value.get("m__text")) for message in messages] == [
        ("sad", None), (None, "ok"), ("sad", None), ("ok", None)]
    assert [avro_types(scene, message.raw_value)["m"]["symbols"] for message in messages] == [["sad"], ["sad"], ["sad"], ["ok", "sad"]]
    assert len({schema_id(message.raw_key) for message in messages}) == 1
    assert [line["value"]["m"] for line in tail_lines(scene, scene.topic("test"))] == ["sad", "ok", "sad", "ok"]
    assert relay.is_running()


def docs_of(scene: Scene, data: bytes) -> tuple[str | None, dict[str, str]]:
    """Of the record, and of the fields that have one."""
    schema = scene.schema(data)
    return schema.get("doc"), {field["name"]: field["doc"] for field in schema["fields"] if "doc" in field}


def test_comments_are_docs_of_values_as_of_the_announcement(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int); INSERT INTO test VALUES (1, 1);"
                  "COMMENT ON TABLE test IS 'what is \"tested\"'; COMMENT ON COLUMN test.id IS 'ä number'")
    relay = scene.running_relay("--schema-docs")
    docs = 'what is "tested"', {"id": "ä number"}
    scene.execute("INSERT INTO test VALUES (2, 2)")
    scene.execute("ALTER TABLE test ALTER v SET NOT NULL")  # It is announced again, with the same comments.
    scene.execute("INSERT INTO test VALUES (3, 3)")
    messages = scene.messages("test")
    assert len({schema_id(message.raw_value) for message in messages}) == 1
    assert docs_of(scene, messages[0].raw_value) == docs
    scene.execute("COMMENT ON TABLE test IS NULL; COMMENT ON COLUMN test.v IS 'value'")
    relay.stop()
    relay = scene.running_relay("--schema-docs")
    scene.execute("INSERT INTO test VALUES (4, 4)")
    last = scene.messages("test")[-1]
    assert docs_of(scene, last.raw_value) == (None, {"id": "ä number", "v": "value"})
    relay.stop()
    scene.running_relay()
    scene.execute("DELETE FROM test WHERE id = 1; INSERT INTO test VALUES (5, 5)")
    messages = scene.messages("test")
    assert docs_of(scene, messages[-1].raw_value) == (None, {})
    assert len({schema_id(message.raw_key) for message in messages}) == 1
    assert docs_of(scene, messages[0].raw_key) == (None, {})
