"""What is in a message: Avro in Confluent's wire format, JSON in two forms, and headers."""

import json
import time
import urllib.request
from datetime import date
from decimal import Decimal

from clients.decoders import schema_id
from harness import Scene

TEST = "CREATE TABLE test (id serial PRIMARY KEY, value text)"


def test_schemas_are_registered_under_the_topic_s_subjects(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    scene.execute("INSERT INTO test (value) VALUES ('x')")
    [message] = scene.messages("test")
    for part, data in ("key", message.raw_key), ("value", message.raw_value):
        latest = registry(scene, f"/subjects/{scene.topic('test')}-{part}/versions/latest")
        assert latest["id"] == schema_id(data)
        assert latest["subject"] == f"{scene.topic('test')}-{part}"


def test_schema_names_the_table_and_every_field_is_nullable_with_its_postgresql_type(scene: Scene):
    scene.execute("CREATE TABLE crêpes (id int PRIMARY KEY, \"très-bon\" boolean NOT NULL, price numeric(8,2))")
    scene.running_relay()
    scene.execute("INSERT INTO crêpes VALUES (1, true, 9.50)")
    [message] = scene.messages("cr_c3__aa_pes")
    schema = json.loads(registry(scene, f"/schemas/ids/{schema_id(message.raw_value)}")["schema"])
    assert (schema["type"], schema["name"], schema["namespace"]) == ("record", "cr_c3__aa_pes", "bottledwater.public")
    assert [field["name"] for field in schema["fields"]] == ["id", "tr_c3__a8_s_2d_bon", "price"]
    for field in schema["fields"]:
        assert field["type"][0] == "null" and len(field["type"]) == 2
        assert field["default"] is None
    described = json.dumps(schema)
    for postgresql_type in "integer", "boolean", "numeric(8,2)":
        assert postgresql_type in described


def test_values_arrive_as_postgresql_has_them(scene: Scene):
    scene.execute("""CREATE TABLE test (id bigint PRIMARY KEY, b boolean, s smallint, i integer, f real, d double precision,
                     t text, v varchar(20), c char(4), bin bytea, day date, moment timestamptz, local timestamp,
                     u uuid, j json, jb jsonb, other inet, list int[])""")
    row = """({id}, true, -7, 2147483647, 1.5, 2.5, 'täxt', 'var', 'ch', '\\xdeadbeef', '2026-11-21',
              '2026-11-21 12:34:56.789012+02', '2026-11-21 12:34:56.789012',
              '123e4567-e89b-12d3-a456-426614174000', '{{"a":  1}}', '{{"a": 1}}', '10.1.2.3/8', '{{1,NULL,3}}')"""
    scene.execute(f"INSERT INTO test VALUES {row.format(id=1)}")
    scene.execute("INSERT INTO test (id) VALUES (2)")
    scene.running_relay()
    scene.execute(f"INSERT INTO test VALUES {row.format(id=3)}")
    values = {key["id"]: value for _, key, value in scene.changes("test")}
    assert all(value is None for name, value in values[2].items() if name != "id")
    for number in 1, 3:
        value = values[number]
        assert (value["b"], value["s"], value["i"]) == (True, -7, 2147483647)
        assert (value["f"], value["d"]) == (1.5, 2.5)
        assert (value["t"], value["v"], value["c"].rstrip()) == ("täxt", "var", "ch")
        assert value["bin"] == bytes.fromhex("deadbeef")
        assert value["day"] in (date(2026, 11, 21), "2026-11-21")
        assert str(value["u"]) == "123e4567-e89b-12d3-a456-426614174000"
        assert json.loads(value["j"]) == json.loads(value["jb"]) == {"a": 1}
        assert value["other"] == "10.1.2.3/8"
    assert {**values[1], "id": 0} == {**values[3], "id": 0}, "a snapshot row looks like a streamed one"


def test_numbers_keep_every_digit(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, n numeric, m numeric(10,2), big bigint)")
    scene.running_relay()
    digits = "12345678901234567890.123456789012345678901234567890"
    scene.execute(f"INSERT INTO test VALUES (1, {digits}, 12345678.90, 9223372036854775807)")
    [(_, _, value)] = scene.changes("test")
    assert Decimal(value["n"]) == Decimal(digits)
    assert Decimal(value["m"]) == Decimal("12345678.90")
    assert value["big"] == 9223372036854775807


def test_headers_tell_position_operation_and_commit_time(scene: Scene):
    scene.execute(TEST)
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.running_relay()
    before = time.time()
    scene.execute("INSERT INTO test VALUES (2, 'x')")
    scene.execute("UPDATE test SET value = 'y' WHERE id = 2")
    scene.execute("DELETE FROM test WHERE id = 2")
    after = time.time()
    messages = scene.messages("test")
    assert [message.op for message in messages] == ["r", "c", "u", "d"]
    assert [message.position for message in messages] == sorted(message.position for message in messages)
    for message in messages[1:]:
        assert before - 1 <= int(message.headers["ts"]) / 1000 <= after + 1


def test_json_has_the_original_form(scene: Scene):
    scene.execute(TEST)
    scene.use_json()
    scene.running_relay(output_format="json")
    scene.execute("INSERT INTO test (value) VALUES ('hello world!'), (NULL)")
    scene.execute("DELETE FROM test WHERE id = 1")
    assert scene.changes("test") == [
        ("c", {"id": {"int": 1}}, {"id": {"int": 1}, "value": {"string": "hello world!"}}),
        ("c", {"id": {"int": 2}}, {"id": {"int": 2}, "value": None}),
        ("d", {"id": {"int": 1}}, None),
    ]


def test_plain_json_has_bare_values(scene: Scene):
    scene.execute(TEST)
    scene.use_json()
    scene.running_relay(output_format="plain-json")
    scene.execute("INSERT INTO test (value) VALUES ('hello world!')")
    [message] = scene.messages("test")
    assert message.raw_key == b'{"id":1}'
    assert message.raw_value == '{"id":1,"value":"hello world!"}'.encode()


def test_json_needs_no_registry(scene: Scene):
    scene.execute(TEST)
    scene.use_json()
    scene.running_relay(output_format="json", schema_registry=None)
    scene.execute("INSERT INTO test (value) VALUES ('no registry')")
    assert len(scene.changes("test")) == 1


def registry(scene: Scene, path: str):
    with urllib.request.urlopen(scene.servers.registry.url + path, timeout=20) as answer:
        return json.load(answer)
