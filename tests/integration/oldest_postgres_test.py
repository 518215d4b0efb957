"""PostgreSQL 10, which is fetched for this test: its catalog lacks much of what later ones have, so each query is asked there."""

import random
import string
from decimal import Decimal

import pytest
from harness import Scene

SERVER_SETTING = 68


def test_everything_is_captured_from_snapshot_and_stream(oldest_scene: Scene):
    scene = oldest_scene
    large = "".join(random.Random(1).choices(string.ascii_lowercase, k=5000))
    scene.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN state AS mood; CREATE TYPE pair AS (a int, b text);"
                  "CREATE TABLE test (id int PRIMARY KEY, doc text, m mood, s state, d mood[], p pair);"
                  "CREATE TABLE unkeyed (v int); CREATE TABLE whole (v int); ALTER TABLE whole REPLICA IDENTITY FULL;"
                  "ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, %s, 'sad', 'ok', '{ok}', '(1,a)')", [large])
    scene.execute("INSERT INTO test VALUES (2, 'short'); INSERT INTO unkeyed VALUES (1); INSERT INTO whole VALUES (1)")
    relay = scene.running_relay("--allow-unkeyed", enums="avro")
    scene.execute("UPDATE test SET id = 3, m = 'ok' WHERE id = 1; DELETE FROM test WHERE id = 2; UPDATE whole SET v = 2")
    scene.execute("INSERT INTO unkeyed VALUES (2)")
    scene.settle()
    relay.kill9()
    relay.start()
    scene.execute("ALTER TABLE test ADD n numeric(5,2)")
    scene.execute("UPDATE test SET n = 1.5")
    first = {"id": 1, "doc": large, "m": "sad", "s": "ok", "d": ["ok"], "p": "(1,a)"}
    assert [(op, key, value) for op, key, value in scene.changes("test")] == [
        ("r", {"id": 1}, first), ("r", {"id": 2}, {"id": 2, "doc": "short", "m": None, "s": None, "d": None, "p": None}),
        ("d", {"id": 1}, None), ("u", {"id": 3}, {**first, "id": 3, "m": "ok"}), ("d", {"id": 2}, None),
        ("u", {"id": 3}, {**first, "id": 3, "m": "ok", "n": Decimal("1.50")})]
    assert [value["v"] for _, _, value in scene.changes("whole")] == [1, 2]
    assert [value["v"] for _, _, value in scene.changes("unkeyed")] == [1, 2]
    scene.execute("DELETE FROM test; INSERT INTO test VALUES (9, 'new')")
    scene.settle()
    relay.stop()
    scene.running_relay("resnapshot", "--allow-unkeyed")
    assert scene.changes("test")[-1][:2] == ("r", {"id": 9})


@pytest.mark.parametrize("policy", ["tombstones", "halt"])
def test_truncates_that_are_not_sent_cannot_be_asked_for(oldest_scene: Scene, policy: str):
    scene = oldest_scene
    relay = scene.relay(on_truncate=policy)
    assert relay.run() == SERVER_SETTING
    assert "[truncate-not-sent] PostgreSQL 10 sends no TRUNCATE" in relay.log_text() and "--on-truncate=log" in relay.log_text()
    assert scene.slots() == scene.publications() == []
    scene.running_relay().wait_for_log("sends no TRUNCATE to logical decoding: topics keep the rows")
