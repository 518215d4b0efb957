"""Under which subjects schemas are registered, and by whom."""

import json
import re
import threading
import urllib.request

import pytest
from harness import Scene

from servers import Relay

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text, \"a\u200cb\" text)"  # An invisible character, as in Persian.


def ask(scene: Scene, path: str, body=None):
    request = urllib.request.Request(scene.servers.registry.url + path, body and json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def subjects(scene: Scene, *tables: str) -> set[str]:
    """Of these tables. Other tests' subjects are in this registry, too, and so is the marker table's."""
    return {name for name in ask(scene, "/subjects") if any(re.search(rf"\b{table}\b", name) for table in tables)}


def full_names(scene: Scene, name: str) -> set[str]:
    schema = json.loads(ask(scene, f"/subjects/{name}/versions/latest")["schema"])
    return {schema["namespace"] + "." + schema["name"]}


def test_subjects_with_names_of_records(scene: Scene):
    """Two topics with one table's name: only the schema tells them apart, also in their keys."""
    table, schema = f"t_{scene.name}", f"s_{scene.name}"
    scene.execute(f"CREATE SCHEMA {schema}")
    for name in (f"public.{table}", f"{schema}.{table}"):
        scene.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
    scene.running_relay(subject_naming="record")
    for name in (f"public.{table}", f"{schema}.{table}"):
        scene.execute(f"INSERT INTO {name} VALUES (1, 'a'); UPDATE {name} SET v = 'b'; ALTER TABLE {name} ADD w int;"
                      f"INSERT INTO {name} VALUES (2, 'c', 3); DELETE FROM {name} WHERE id = 1")
    expected = [("c", {"id": 1}, {"id": 1, "v": "a"}), ("u", {"id": 1}, {"id": 1, "v": "b"}),
                ("c", {"id": 2}, {"id": 2, "v": "c", "w": 3}), ("d", {"id": 1}, None)]
    assert scene.changes(table) == expected
    assert scene.changes(f"{schema}.{table}") == expected
    records = {f"bottledwater.{s}.{table}{part}" for s in ("public", schema) for part in ("", ".Key")}
    assert subjects(scene, table) == records
    for name in records:
        assert full_names(scene, name) == {name}
    assert len(ask(scene, f"/subjects/bottledwater.public.{table}/versions")) == 2


def test_subjects_with_names_of_topics_and_records(scene: Scene):
    table = f"t_{scene.name}"
    scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    scene.running_relay(subject_naming="topic-record")
    scene.execute(f"INSERT INTO {table} VALUES (1)")
    assert scene.changes(table) == [("c", {"id": 1}, {"id": 1})]
    topic = scene.topic(table)
    assert subjects(scene, table) == {f"{topic}-bottledwater.public.{table}{part}" for part in ("", ".Key")}


ADDED = [("int", "7"), ("numeric(10,2)", "'NaN'"), ("numeric(10,2)", "1.5"), ("text NOT NULL DEFAULT 'x'", "'y'"), ("int[]", "'{1,NULL}'"),
         ("timestamptz NOT NULL DEFAULT now()", "now()"), ("interval", "'1 day'"), ("mood", "'low'"), ("positive", "3"), ("jsonb", "'[]'")]


@pytest.mark.parametrize("compatibility", ["BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"])
def test_the_registry_takes_columns_that_are_added_dropped_and_renamed(scene: Scene, compatibility: str):
    """Whatever it is told to ask for, with any type, and also where a value is beside its native form."""
    scene.execute("CREATE TYPE mood AS ENUM ('low', 'high'); CREATE DOMAIN positive AS int CHECK (value > 0);"
                  "CREATE TABLE test (id int PRIMARY KEY, v text NOT NULL); INSERT INTO test VALUES (1, 'a')")
    scene.running_relay()
    scene.settle()
    scene.set_compatibility("test", compatibility)
    expected = [["id", "v"]]
    for number, (kind, value) in enumerate(ADDED, 2):
        scene.execute(f"ALTER TABLE test ADD c{number} {kind}; INSERT INTO test (id, v, c{number}) VALUES ({number}, 'b', {value})")
        expected.append([*expected[0], *(f"c{n}" for n in range(2, number + 1))])
    scene.execute("ALTER TABLE test RENAME v TO w; INSERT INTO test (id, w) VALUES (100, 'c')")
    expected.append(["id", "w", *expected[-1][2:]])
    for number, _ in enumerate(ADDED, 2):
        scene.execute(f"ALTER TABLE test DROP c{number}; INSERT INTO test (id, w) VALUES ({100 + number}, 'd')")
        expected.append([name for name in expected[-1] if name != f"c{number}"])
    values = [message.value for message in scene.messages("test")]
    assert [[name for name in value if not name.endswith("__text")] for value in values] == expected
    assert [value["id"] for value in values if "c3__text" in value] == [3]
    asked = ask(scene, f"/config/{scene.topic('test')}-value")
    assert asked["compatibilityLevel"] == compatibility


def test_the_registry_takes_a_wider_type_where_old_rows_can_be_read_as_new(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int); INSERT INTO test VALUES (1, 1)")
    scene.running_relay()
    scene.settle()
    scene.set_compatibility("test", "BACKWARD")
    scene.execute("ALTER TABLE test ALTER v TYPE bigint; INSERT INTO test VALUES (2, 1::bigint << 40)")
    assert [value["v"] for _, _, value in scene.changes("test")] == [1, 1 << 40]


MISSING = re.compile(r"subject (\S+): this schema is not registered: (\{.*\})")


def register_what_is_missing(scene: Scene, relay: Relay) -> set[str]:
    missing = dict(MISSING.findall(relay.log_text()))
    for subject, schema in missing.items():
        ask(scene, f"/subjects/{subject}/versions", {"schema": schema})
    return set(missing)


def test_schemas_that_others_register_are_waited_for_and_named(scene: Scene):
    """As somebody would who reads the log: until everything is there, whatever is changed meanwhile."""
    scene.execute(TABLE)
    relay = scene.running_relay(auto_register="false")
    scene.execute("INSERT INTO test VALUES (1, 'a', 'x'); ALTER TABLE test ADD more int; INSERT INTO test VALUES (2, 'b', 'y', 3)")
    relay.wait_for_log(MISSING.pattern)
    assert subjects(scene, scene.topic("test")) == set()
    reader = threading.Thread(target=scene.settle)
    reader.start()
    registered = set()
    while reader.is_alive():
        registered |= register_what_is_missing(scene, relay)
        reader.join(0.2)
    assert [tuple(value.values()) for _, _, value in scene.changes("test")] == [(1, "a", "x"), (2, "b", "y", 3)]
    assert subjects(scene, scene.topic("test")) == {scene.topic("test") + "-key", scene.topic("test") + "-value"}
    assert {scene.topic("test") + "-key", scene.topic("test") + "-value"} <= registered
    assert relay.is_running()
