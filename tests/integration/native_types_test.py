"""Decimals and arrays, and the texts beside them where a value is neither: docs/types.md, decisions/0018."""

from collections import Counter
from decimal import Decimal

from clients.decoders import schema_id
from harness import Scene, since
from harness.inspection import inspect, lines
from harness.remedies import identity, messages_beyond
from harness.tail import tail_lines

TABLE = "CREATE TABLE test (k numeric(6,2) PRIMARY KEY, n numeric(10,3), a int[], t text[], b box[], y bytea[])"
NATIVE = """(%s, -1234567.890, '{1,NULL,-3}', '{NULL,"NULL","","a\\"b\\\\\\\\c","{}",ä}', '{(1,1),(0,0);(3,3),(2,2)}',
             '{"\\\\x00ff","\\\\x"}')"""
NATIVE_VALUE = {"n": Decimal("-1234567.890"), "a": [1, None, -3], "t": [None, "NULL", "", 'a"b\\\\c', "{}", "ä"],
                "b": ["(1,1),(0,0)", "(3,3),(2,2)"], "y": [b"\x00\xff", b""]}
BESIDE = {"k__text", "n__text", "a__text", "t__text", "b__text", "y__text"}


def shown(value: dict) -> dict:
    """Without what is null."""
    return {name: member for name, member in value.items() if member is not None}


def test_decimals_and_arrays_are_native_in_snapshot_and_stream(scene: Scene):
    scene.execute(TABLE + "; INSERT INTO test VALUES " + NATIVE % "1.5")
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES " + NATIVE % "-2")
    read, streamed = scene.messages("test")
    assert read.value == {"k": Decimal("1.50"), **NATIVE_VALUE}
    assert streamed.value == {"k": Decimal("-2.00"), **NATIVE_VALUE}
    assert (read.key, streamed.key) == ({"k": Decimal("1.50")}, {"k": Decimal("-2.00")})
    assert schema_id(read.raw_value) == schema_id(streamed.raw_value)


def test_what_is_no_decimal_and_no_array_comes_as_text_beside_it(scene: Scene):
    rows = ["(1, 'NaN', '{{1,2},{3,4}}')", "(2, 1.5, '[0:1]={1,2}')", "(3, 3.5, '{}')", "(4, NULL, NULL)"]
    expected = [{"k": Decimal(1), "n__text": "NaN", "a__text": "{{1,2},{3,4}}"},
                {"k": Decimal(2), "n": Decimal("1.5"), "a__text": "[0:1]={1,2}"},
                {"k": Decimal(3), "n": Decimal("3.5"), "a": []}, {"k": Decimal(4)}]
    scene.execute("CREATE TABLE test (k numeric(6,2) PRIMARY KEY, n numeric(10,3), a int[])")
    scene.execute("INSERT INTO test VALUES " + ",".join(rows))
    scene.running_relay()
    scene.execute("INSERT INTO test SELECT k + 10, n, a FROM test ORDER BY k")
    messages = sorted(scene.messages("test"), key=lambda message: message.value["k"])
    assert [shown(message.value) for message in messages[:4]] == expected
    assert [shown(message.value) for message in messages[4:]] == [{**row, "k": row["k"] + 10} for row in expected]
    for read, streamed in zip(messages[:4], messages[4:]):
        assert schema_id(read.raw_value) == schema_id(streamed.raw_value)
    assert all("n__text" in message.value for message in messages if message.value["k"] % 10 <= 2)
    assert all(not BESIDE & message.value.keys() for message in messages if message.value["k"] % 10 > 2)
    assert len({schema_id(message.raw_key) for message in messages}) == 1


def test_a_key_changes_between_its_forms(scene: Scene):
    """Each old key gets its tombstone, byte for byte the key that it had."""
    scene.execute("CREATE TABLE test (k numeric(6,2) PRIMARY KEY, v text)")
    scene.execute("INSERT INTO test VALUES ('NaN', 'first'), (7, 'other')")
    scene.running_relay()
    for key in "1.5", "'NaN'", "2.5":
        scene.execute(f"UPDATE test SET k = {key} WHERE v = 'first'")
    scene.execute("UPDATE test SET k = 'NaN' WHERE v = 'first'; DELETE FROM test WHERE v = 'first'")
    nan = {"k": None, "k__text": "NaN"}
    messages = scene.messages("test")
    of_first = [message for message in messages if message.key != {"k": Decimal(7)}]
    assert [(message.op, message.key) for message in of_first] == [
        ("r", nan), ("d", nan), ("u", {"k": Decimal("1.50")}), ("d", {"k": Decimal("1.50")}), ("u", nan),
        ("d", nan), ("u", {"k": Decimal("2.50")}), ("d", {"k": Decimal("2.50")}), ("u", nan), ("d", nan)]
    assert len({message.raw_key for message in of_first if message.key == nan}) == 1
    left = {message.raw_key: message.value for message in messages}
    assert [value for value in left.values() if value] == [{"k": Decimal(7), "v": "other"}]


def test_a_resnapshot_knows_keys_of_both_forms(scene: Scene):
    scene.execute("CREATE TABLE test (k numeric(6,2) PRIMARY KEY)")
    scene.execute("INSERT INTO test VALUES ('NaN'), (1), (2)")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    before = Counter(map(identity, scene.messages("test", settle=False)))
    scene.execute("DELETE FROM test WHERE k = 2")
    scene.running_relay("resnapshot")
    scene.settle()
    new = messages_beyond(scene, before, "test")["test"]
    # One tombstone, for what was deleted: no key that is still in the table has one.
    assert [message.key for message in new if message.op == "d"] == [{"k": Decimal(2)}]
    left = {message.raw_key: message.value for message in scene.messages("test")}
    assert sorted(str(shown(value)) for value in left.values() if value) == sorted(
        [str({"k": Decimal("1.00")}), str({"k__text": "NaN"})])


def test_an_unchanged_toasted_array_is_marked_beside_it(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, a text[]); ALTER TABLE test ALTER a SET STORAGE EXTERNAL")
    scene.running_relay(toast_cache_max_bytes="0", refetch="false")
    scene.execute("INSERT INTO test VALUES (1, 1, ARRAY[repeat('x', 10000), NULL])")
    scene.execute("UPDATE test SET v = 2")
    inserted, updated = scene.messages("test")
    assert inserted.value == {"id": 1, "v": 1, "a": ["x" * 10000, None]}
    assert updated.value == {"id": 1, "v": 2, "a": None, "a__text": "__bottledwater_unavailable_value"}


@since(11, "json_populate_record makes an array of [] that does not equal '{}'")
def test_plain_json_reads_back_in_postgresql(scene: Scene):
    scene.execute(TABLE + "; INSERT INTO test VALUES " + NATIVE % "1.5")
    scene.execute("INSERT INTO test (k, n, a, t) VALUES ('NaN', 'NaN', '{{1,2},{3,4}}', '[0:0]={\"a,b\"}'), (2, NULL, '{}', NULL)")
    scene.use_json()
    scene.running_relay(output_format="plain-json")
    messages = scene.messages("test")
    assert {message.raw_key for message in messages} == {b'{"k":"1.50"}', b'{"k":"NaN"}', b'{"k":"2.00"}'}
    assert all(not BESIDE & message.value.keys() for message in messages)
    for message in messages:
        [(same,)] = scene.query(
            "SELECT count(*) FROM json_populate_record(NULL::test, %s::json) r, test t "
            "WHERE (t.k, t.n, t.a, t.t, t.y) IS NOT DISTINCT FROM (r.k, r.n, r.a, r.t, r.y) AND t.b::text IS NOT DISTINCT FROM r.b::text",
            [message.raw_value.decode()])
        assert same == 1, message.raw_value


def test_tail_and_inspect_show_them_by_the_column_s_name(scene: Scene):
    scene.execute("CREATE TABLE test (k numeric(6,2) PRIMARY KEY, a int[])")
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1.5, '{1,NULL}'), ('NaN', '{{1}}')")
    scene.execute("UPDATE test SET k = 2.5 WHERE k = 'NaN'")
    scene.settle()
    values = [line["value"] for line in tail_lines(scene, scene.topic("test"))]
    assert values == [{"k": "1.50", "a": [1, None]}, {"k": "NaN", "a": "{{1}}"}, None, {"k": "2.50", "a": "{{1}}"}]
    relay.stop()
    spool = scene.folder / "spool"
    found = [line for line in lines(spool, "--changes", "--key=2.5", "--table=public.test")]
    assert [(line["op"], line.get("old_key"), line["key"]) for line in found] in (
        [("u", {"k": "NaN"}, {"k": "2.50"})], [])  # Unless it is trimmed.
    inspect(spool, "--verify")
