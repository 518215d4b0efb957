"""Large values that an update leaves untouched: docs/types.md, decisions/0019."""

import json
import random
import shutil
from typing import Optional

import pytest

from harness import Scene
from harness.inspection import inspect


@pytest.fixture(autouse=True)
def with_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which relays have none of by default: docs/decisions/0019."""
    relay = Scene.relay
    monkeypatch.setattr(Scene, "relay", lambda self, *arguments, **options: relay(
        self, *arguments, **{"toast_cache_max_bytes": "1GiB", **options}))

MARKER = "__bottledwater_unavailable_value"
# What each row is after each change, as PostgreSQL has it. Rolled back with the change.
LOGGED = """
CREATE TABLE was (n bigserial PRIMARY KEY, op text, id int, row jsonb);
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN INSERT INTO was (op, id) VALUES ('d', OLD.id); RETURN NULL; END IF;
  IF TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN INSERT INTO was (op, id) VALUES ('d', OLD.id); END IF;
  INSERT INTO was (op, id, row) VALUES (CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END, NEW.id, to_jsonb(NEW));
  RETURN NULL; END $$;
CREATE TRIGGER log_it AFTER INSERT OR UPDATE OR DELETE ON test FOR EACH ROW EXECUTE FUNCTION log_it()"""
DOCS = """CREATE TABLE test (id int PRIMARY KEY, v int, doc text, tags text[], raw jsonb);
ALTER TABLE test ALTER doc SET STORAGE EXTERNAL, ALTER tags SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;"""


def text(seed: int, size: int) -> str:
    return f"{seed}:" + "".join(random.Random(seed).choices("abcdefghijklmnop", k=size))


def differences(scene: Scene) -> list[str]:
    """Each message beside what the row was, in the order of commits."""
    messages = [m for m in sorted(scene.messages("test"), key=lambda m: (m.position, m.op != "d")) if m.op != "r"]
    was = scene.query("SELECT op, id, row FROM was ORDER BY n")
    found = [] if len(messages) == len(was) else [f"{len(messages)} messages of {len(was)} changes"]
    for message, (op, key, row) in zip(messages, was):
        value = message.value
        if value is not None and isinstance(value.get("raw"), str):
            value = {**value, "raw": json.loads(value["raw"])}
        if (message.op, message.key, value) != (op, {"id": key}, row) or "unavailable" in message.headers:
            found.append(f"{message.headers}: {str(value)[:200]} for {op} {key} {str(row)[:200]}")
    return found


def headers_of(scene: Scene, table: str = "test") -> list[Optional[str]]:
    return [message.headers.get("unavailable") for message in scene.messages(table) if message.op == "u"]


def docs_of(scene: Scene, table: str = "test") -> list[str]:
    return [message.value["doc"] for message in scene.messages(table) if message.op == "u"]


def test_updates_have_whole_rows_across_kills_key_changes_and_savepoints(scene: Scene):
    dice = random.Random(19)
    scene.execute(DOCS + LOGGED)
    for i in range(40):
        scene.execute("INSERT INTO test VALUES (%s, 0, %s, %s, %s)",
                      [i, text(i, 3000), [text(-i, 900), None, text(i + 100, 1500)], '{"k": "%s"}' % text(i, 2500)])
    scene.execute("TRUNCATE was")
    relay = scene.running_relay(exclude_tables="was")
    for step in range(2000):
        key = dice.randrange(40)
        kind = dice.randrange(20)
        if kind < 12:
            scene.execute("UPDATE test SET v = %s WHERE id = %s", [step, key])
        elif kind < 14:
            column, value = dice.choice([("doc", text(step, dice.choice([5, 3000, 9000]))), ("doc", None),
                                         ("tags", [text(step, 2200)]), ("raw", '{"s": "%s"}' % text(step, 2300))])
            scene.execute(f"UPDATE test SET {column} = %s WHERE id = %s", [value, key])
        elif kind == 14:
            free = 40 + step
            scene.execute("UPDATE test SET id = %s WHERE id = %s", [free, key])
            scene.execute("UPDATE test SET v = v + 1 WHERE id = %s", [free])
            scene.execute("UPDATE test SET id = %s, v = v + 1 WHERE id = %s", [key, free])
        elif kind == 15:
            scene.execute(f"BEGIN; UPDATE test SET doc = '{text(step, 4000)}' WHERE id = {key}; SAVEPOINT s; "
                          f"UPDATE test SET doc = '{text(step + 1, 5000)}', v = -1 WHERE id = {key}; "
                          f"DELETE FROM test WHERE id = {(key + 1) % 40}; ROLLBACK TO s; "
                          f"UPDATE test SET v = {step} WHERE id IN ({key}, {(key + 1) % 40}); COMMIT")
        elif kind == 16:
            scene.execute("DELETE FROM test WHERE id = %s", [key])
            scene.execute("INSERT INTO test VALUES (%s, %s, %s)", [key, step, text(step, 6000)])
        elif kind == 17:
            scene.execute("UPDATE test SET v = v + 1 WHERE id < 8")
        elif kind == 18:
            scene.execute("ANALYZE test")
        elif step % 5 == 0:
            relay.kill9()
            relay.start()
    assert not differences(scene)
    relay.stop()
    inspect(scene.folder / "spool", "--verify")


def test_truncate_and_a_table_made_again_leave_nothing_behind(scene: Scene):
    scene.execute(DOCS + LOGGED)
    scene.running_relay(exclude_tables="was")
    for number, between in enumerate(["TRUNCATE test", "BEGIN; TRUNCATE test; COMMIT", "DELETE FROM test"]):
        scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(number, 5000)])
        scene.execute("UPDATE test SET v = 1")
        scene.execute(between)
    scene.execute("INSERT INTO test VALUES (1, 0, 'short')")
    scene.execute("UPDATE test SET v = 2")
    scene.settle()
    messages = [m for m in scene.messages("test") if m.op != "d"]
    assert [(m.value["doc"], m.headers.get("unavailable")) for m in messages] == [
        (doc, None) for doc in (text(0, 5000), text(0, 5000), text(1, 5000), text(1, 5000), text(2, 5000), text(2, 5000),
                                "short", "short")]


@pytest.mark.parametrize("alters", [
    "ALTER TABLE test ALTER doc TYPE text USING upper(doc)",
    "BEGIN; UPDATE test SET doc = doc || 'x'; ALTER TABLE test ALTER doc TYPE text USING upper(doc); COMMIT",
    "ALTER TABLE test RENAME doc TO was_doc; ALTER TABLE test RENAME other TO doc"])
def test_a_value_that_changed_unsent_is_marked_never_stale(scene: Scene, alters: str):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text, other text);"
                  "ALTER TABLE test ALTER doc SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s, %s)", [text(1, 5000), text(2, 5000)])
    relay = scene.running_relay()
    scene.execute("UPDATE test SET v = 1")
    scene.execute(alters)
    scene.execute("UPDATE test SET v = 2")
    scene.settle()
    relay.kill9()
    relay.start()
    scene.execute("UPDATE test SET v = 3")
    [(doc,)] = scene.query("SELECT doc FROM test")
    messages = [m for m in scene.messages("test") if m.op == "u" and m.value["v"] >= 2]
    assert messages
    for message in messages:
        assert message.value["doc"] in (doc, MARKER)
        assert ("doc" in message.headers.get("unavailable", "").split(",")) == (message.value["doc"] == MARKER)
    # Once it is sent again it is known again.
    scene.execute("UPDATE test SET doc = %s", [text(3, 5000)])
    scene.execute("UPDATE test SET v = 4")
    assert scene.messages("test")[-1].value["doc"] == text(3, 5000)


def test_analyze_and_a_new_column_forget_nothing(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    relay = scene.running_relay()
    for number, between in enumerate(["ANALYZE test", "VACUUM test", "ALTER TABLE test ADD w int DEFAULT 7", "GRANT SELECT ON test TO public"]):
        scene.execute(between)
        scene.execute("UPDATE test SET v = %s", [number])
        scene.settle()
        if number % 2:
            relay.kill9()
            relay.start()
    assert docs_of(scene) == [text(1, 5000)] * 4 and headers_of(scene) == [None] * 4


def test_a_change_that_a_filter_hid_is_not_forgotten(scene: Scene):
    """Rows of tables that are not selected in one run pass unseen."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay().stop()
    hiding = scene.running_relay(exclude_tables="test")
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.settle()
    hiding.stop()
    scene.running_relay()
    scene.execute("UPDATE test SET v = 1")
    assert (docs_of(scene)[-1], headers_of(scene)[-1]) in [(MARKER, "doc"), (text(2, 5000), None)]


def test_a_partition_that_comes_with_rows_is_not_taken_for_what_it_was(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text) PARTITION BY RANGE (id);"
                  "CREATE TABLE test_1 PARTITION OF test FOR VALUES FROM (0) TO (100);"
                  "ALTER TABLE test_1 ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay()
    scene.execute("UPDATE test SET v = 1")
    scene.execute("CREATE TABLE test_2 PARTITION OF test FOR VALUES FROM (100) TO (200)")
    scene.execute("UPDATE test SET v = 2")
    assert docs_of(scene) == [text(1, 5000)] * 2  # A new partition forgets nothing.
    scene.execute("ALTER TABLE test DETACH PARTITION test_1; ALTER TABLE test_1 DISABLE TRIGGER ALL")
    scene.execute("UPDATE test_1 SET doc = %s", [text(2, 5000)])
    scene.execute("ALTER TABLE test ATTACH PARTITION test_1 FOR VALUES FROM (0) TO (100)")
    scene.execute("UPDATE test SET v = 3")
    assert (docs_of(scene)[-1], headers_of(scene)[-1]) in [(MARKER, "doc"), (text(2, 5000), None)]


def test_the_oldest_are_forgotten_beyond_the_limit(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.running_relay(toast_cache_max_bytes="4MiB")
    for number in range(120):
        scene.execute("INSERT INTO test VALUES (%s, 0, %s)", [number, text(number, 100_000)])
    scene.execute("UPDATE test SET v = 1 WHERE id IN (0, 119)")
    oldest, newest = sorted((m for m in scene.messages("test") if m.op == "u"), key=lambda m: m.key["id"])
    assert (oldest.value["doc"], oldest.headers["unavailable"]) == (MARKER, "doc")
    assert (newest.value["doc"], newest.headers.get("unavailable")) == (text(119, 100_000), None)


def test_without_the_cache_the_header_names_each_marker(scene: Scene):
    scene.execute(DOCS)
    scene.running_relay(toast_cache_max_bytes="0")
    scene.execute("INSERT INTO test VALUES (1, 0, %s, %s)", [text(1, 5000), [text(2, 5000)]])
    scene.execute("UPDATE test SET v = 1")
    scene.execute("UPDATE test SET tags = NULL")
    assert headers_of(scene) == ["doc,tags", "doc"]


def test_a_lost_spool_is_not_guessed_from(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    relay = scene.running_relay()
    scene.execute("UPDATE test SET v = 1")
    scene.settle()
    relay.stop()
    shutil.rmtree(scene.folder / "spool")
    scene.execute("UPDATE test SET v = 2")
    scene.running_relay()
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.execute("UPDATE test SET v = 3")
    assert docs_of(scene) == [text(1, 5000), MARKER, text(2, 5000), text(2, 5000)]
    assert headers_of(scene) == [None, "doc", None, None]


def test_random_wide_rows_are_whole(scene: Scene):
    """Whatever PostgreSQL moves out of line was kept: numerics, arrays, bytea and composites, with any storage."""
    dice = random.Random(7)
    scene.execute("""CREATE TYPE pair AS (a int, b text);
        CREATE TABLE test (id int PRIMARY KEY, v int, t text, n numeric, b bytea, i int[], x text[], j jsonb, p pair, names name[], bits varbit);
        ALTER TABLE test ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER i SET STORAGE EXTERNAL""")
    scene.running_relay()

    def value(kind: str, size: int) -> str:
        return {"t": f"repeat('x', {size})", "n": f"(repeat('7', {size}) || '.5')::numeric",
                "b": f"decode(repeat('ab', {size}), 'hex')", "i": f"array(SELECT generate_series(1, {size // 3 + 1}))",
                "x": f"array(SELECT md5(g::text) FROM generate_series(1, {size // 30 + 1}) g)",
                "j": f"(SELECT jsonb_agg(g) FROM generate_series(1, {size // 4 + 1}) g)",
                "p": f"ROW(1, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, {size // 30 + 1}) g))::pair",
                "names": f"array(SELECT ('n' || g)::name FROM generate_series(1, {size // 20 + 1}) g)",
                "bits": f"repeat('10110', {size})::varbit"}[kind]

    kinds = ["t", "n", "b", "i", "x", "j", "p", "names", "bits"]
    for key in range(150):
        sizes = {kind: dice.choice([1, 20, 100, 400, 1200, 5000]) for kind in kinds if dice.random() < 0.6}
        columns = "".join(f", {kind}" for kind in sizes)
        scene.execute(f"INSERT INTO test (id, v{columns}) SELECT {key}, 0" + "".join(", " + value(*item) for item in sizes.items()))
        for _ in range(3):
            if dice.random() < 0.5:
                kind = dice.choice(kinds)
                scene.execute(f"UPDATE test SET {kind} = {value(kind, dice.choice([1, 100, 1200, 5000]))} WHERE id = {key}")
            scene.execute(f"UPDATE test SET v = v + 1 WHERE id = {key}")
    messages = scene.messages("test")
    [(external,)] = scene.query("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'test'")
    assert external > 100_000  # Else it shows nothing.
    assert [m.headers for m in messages if "unavailable" in m.headers] == []
