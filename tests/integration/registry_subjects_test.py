"""Under which subjects schemas are registered, and by whom."""

import json
import re
import threading
import urllib.request

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
