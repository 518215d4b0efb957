"""Large values that an update leaves untouched: docs/types.md, decisions/0019.

What is certain and what is not shows without --refetch, which refetch_test.py has.
"""

import json
import random
import shutil
from typing import Optional

import pytest

from clients import AvroDecoder, TopicReader
from harness import Scene, with_roots
from harness.inspection import inspect
from servers import Relay

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
        if (message.op, message.key, value) != (op, {"id": key}, row) or {"unavailable", "refetched"} & message.headers.keys():
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
        # A walsender that lags behind learns of TRUNCATE's new file before it sends the update, and the value cannot be proven.
        scene.settle()
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
    relay = scene.running_relay(refetch="false")
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
    with_default = "DEFAULT 7" if scene.connection.info.server_version >= 110000 else ""  # Before, it rewrites the table.
    for number, between in enumerate(["ANALYZE test", "VACUUM test", f"ALTER TABLE test ADD w int {with_default}",
                                      "GRANT SELECT ON test TO public"]):
        scene.execute(between)
        scene.execute("UPDATE test SET v = %s", [number])
        scene.settle()
        if number % 2:
            relay.kill9()
            relay.start()
    assert docs_of(scene) == [text(1, 5000)] * 4 and headers_of(scene) == [None] * 4
    assert all("refetched" not in message.headers for message in scene.messages("test"))


def test_a_change_that_a_filter_hid_is_not_forgotten(scene: Scene):
    """Rows of tables that are not selected in one run pass unseen."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay().stop()
    hiding = scene.running_relay(exclude_tables="test", refetch="false")
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.settle()
    hiding.stop()
    scene.running_relay(refetch="false")
    scene.execute("UPDATE test SET v = 1")
    assert (docs_of(scene)[-1], headers_of(scene)[-1]) in [(MARKER, "doc"), (text(2, 5000), None)]


def judge(scene: Scene, v: int, table: str = "test", kept: Optional[bool] = None) -> None:
    """The latest update to this v has the row's value of now, or the marker with its header. `kept`: which of the two."""
    scene.settle()
    [(doc,)] = scene.query(f"SELECT doc::text FROM {table} WHERE v = %s", [v])
    message = [m for m in scene.messages(table, settle=False) if m.op == "u" and m.value["v"] == v][-1]
    is_marked = "doc" in message.headers.get("unavailable", "").split(",")
    assert message.value["doc"] == (MARKER if is_marked else doc), message.headers
    assert kept is None or kept is not is_marked, message.headers


def begin(scene: Scene, setup: str = "", kept: bool = True, **options: str) -> Relay:
    """A relay that has seen one large value, and an update that left it alone."""
    scene.execute(setup or "CREATE TABLE test (id int PRIMARY KEY, v int, doc text)")
    scene.execute("ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    relay = scene.running_relay(refetch="false", **options)
    scene.execute("UPDATE test SET v = 1")
    judge(scene, 1, kept=kept)
    return relay


PARTITIONED = ("CREATE TABLE test (id int PRIMARY KEY, v int, doc text) PARTITION BY RANGE (id);"
               "CREATE TABLE test_1 PARTITION OF test FOR VALUES FROM (0) TO (100);"
               "ALTER TABLE test_1 ALTER doc SET STORAGE EXTERNAL")


@with_roots
def test_partitioned_tables_that_are_published_as_one_are_marked(scene: Scene):
    """Their partitions may come with rows, within one transaction and under the same name."""
    begin(scene, PARTITIONED, kept=False)
    if scene.connection.info.server_version < 150000:
        return  # Which sends nothing of the partition that was attached.
    scene.execute(f"BEGIN; CREATE TABLE test_new (LIKE test INCLUDING ALL); INSERT INTO test_new VALUES (1, 1, '{text(2, 5000)}');"
                  "DROP TABLE test_1; ALTER TABLE test ATTACH PARTITION test_new FOR VALUES FROM (0) TO (100); COMMIT")
    scene.execute("UPDATE test SET v = 2")
    judge(scene, 2, kept=False)


def test_partitions_that_are_published_by_themselves_are_kept(scene: Scene):
    scene.execute(PARTITIONED)
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay(partitions="leaf", refetch="false")
    scene.execute("UPDATE test SET v = 1")
    judge(scene, 1, table="test_1", kept=True)
    scene.execute("ALTER TABLE test DETACH PARTITION test_1")
    scene.execute("UPDATE test_1 SET doc = %s", [text(2, 5000)])
    scene.execute("ALTER TABLE test ATTACH PARTITION test_1 FOR VALUES FROM (0) TO (100)")
    scene.execute("UPDATE test SET v = 2")
    judge(scene, 2, table="test_1")


def test_a_table_that_leaves_a_published_schema_and_returns(scene: Scene):
    scene.execute("CREATE SCHEMA other; CREATE PUBLICATION mine FOR TABLES IN SCHEMA public")
    begin(scene, publication="mine")
    scene.execute("ALTER TABLE test SET SCHEMA other")
    scene.execute("UPDATE other.test SET doc = %s", [text(2, 5000)])
    scene.execute("ALTER TABLE other.test SET SCHEMA public")
    scene.execute("UPDATE test SET v = 2")
    judge(scene, 2)


UNDER_OTHERS = ("CREATE TABLE {0}root (id int PRIMARY KEY, v int, doc text) PARTITION BY RANGE (id);"
                "CREATE TABLE sub PARTITION OF {0}root FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);"
                "CREATE TABLE test PARTITION OF sub FOR VALUES FROM (0) TO (100);")


@pytest.mark.parametrize("publishes, leaves, returns", [
    ("TABLE root, bw_marker", "ALTER TABLE root DETACH PARTITION sub", "ALTER TABLE root ATTACH PARTITION sub FOR VALUES FROM (0) TO (100)"),
    ("TABLES IN SCHEMA s, TABLE bw_marker", "ALTER PUBLICATION mine DROP TABLES IN SCHEMA s", "ALTER PUBLICATION mine ADD TABLES IN SCHEMA s")])
def test_a_table_above_leaves_the_publication_and_returns(scene: Scene, publishes: str, leaves: str, returns: str):
    prefix = "s." if "SCHEMA" in publishes else ""
    scene.execute(("CREATE SCHEMA s;" if prefix else "") + UNDER_OTHERS.format(prefix) + f"CREATE PUBLICATION mine FOR {publishes}")
    begin(scene, "SELECT 1", kept=scene.connection.info.server_version >= 150000, publication="mine")
    scene.execute(leaves)
    scene.execute("CREATE PUBLICATION another FOR TABLE bw_marker")  # After which the relay's are looked up again.
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.execute(returns)
    scene.execute("UPDATE test SET v = 2")
    if scene.connection.info.server_version >= 150000:  # Before, nothing comes of a branch that was attached.
        judge(scene, 2)


@pytest.mark.parametrize("mine, other", [("mine", "other"), (None, "other"), ("mine", "columns")])
def test_another_publication_for_one_start(scene: Scene, mine: Optional[str], other: str):
    setup = ("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); CREATE PUBLICATION mine FOR TABLE test, bw_marker;"
             "CREATE PUBLICATION other FOR TABLE bw_marker; CREATE PUBLICATION columns FOR TABLE bw_marker, test (id, v)")
    options = {"publication": mine} if mine else {}
    begin(scene, setup, **options).stop()
    hiding = scene.running_relay(publication=other)
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.settle()
    hiding.kill9()
    scene.running_relay(refetch="false", **options)
    scene.execute("UPDATE test SET v = 2")
    judge(scene, 2)


@pytest.mark.parametrize("of", ["ALL TABLES", "TABLE test, bw_marker"])
def test_a_publication_that_leaves_updates_out_for_a_while(scene: Scene, of: str):
    """Before 15, tables of a publication of all tables are not announced again."""
    setup = f"CREATE TABLE test (id int PRIMARY KEY, v int, doc text); CREATE PUBLICATION mine FOR {of}"
    before = of == "ALL TABLES" and scene.connection.info.server_version < 150000
    begin(scene, setup, kept=not before, publication="mine")
    scene.execute("ALTER PUBLICATION mine SET (publish = 'insert, delete')")
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.execute("ALTER PUBLICATION mine SET (publish = 'insert, update, delete, truncate')")
    scene.execute("UPDATE test SET v = 2")
    judge(scene, 2)


def test_a_publication_that_sends_updates_but_no_inserts(scene: Scene):
    """Another row comes under the same key unseen."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL;"
                  "CREATE PUBLICATION mine FOR TABLE test WITH (publish = 'update')")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay(publication="mine", refetch="false")
    scene.execute("UPDATE test SET v = 1")
    scene.execute("DELETE FROM test")
    scene.execute("INSERT INTO test VALUES (1, 1, %s)", [text(2, 5000)])
    scene.execute("UPDATE test SET v = 2")
    topic = scene.topic("test")
    updates = (m for m in scene.reader.follow(lambda name: name == topic, lambda: False) if m.op == "u")
    message = next(m for m in updates if m.value["v"] == 2)
    assert (message.value["doc"], message.headers["unavailable"]) == (MARKER, "doc")


def test_keys_are_known_by_their_text_in_postgresql(scene: Scene):
    """However they are published: 31 as a decimal has the bytes of 13105 as a string with its length."""
    scene.execute("CREATE TABLE test (id numeric(6,0) PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (13105, 0, %s), (31, 0, %s)", [text(1, 5000), text(2, 5000)])
    scene.running_relay().stop()
    scene.execute("UPDATE test SET v = 1 WHERE id = 31")
    scene.running_relay(numeric="string", refetch="false")
    judge(scene, 1, kept=True)


@pytest.mark.parametrize("kind, rename", [
    ("kind", "ALTER TYPE kind RENAME VALUE 'a' TO 'c'; ALTER TYPE kind RENAME VALUE 'b' TO 'a'"),
    ("regclass", "ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a")])
def test_a_key_whose_text_changes_is_not_kept(scene: Scene, kind: str, rename: str):
    scene.execute(f"CREATE TABLE a (i int PRIMARY KEY); CREATE TABLE b (i int PRIMARY KEY); CREATE TYPE kind AS ENUM ('a', 'b');"
                  f"CREATE TABLE test (id {kind} PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES ('a', 0, %s), ('b', 0, %s)", [text(1, 5000), text(2, 5000)])
    scene.running_relay(refetch="false")
    scene.execute(rename)
    scene.execute(f"UPDATE test SET v = 1 WHERE id = 'a'::{kind}")
    judge(scene, 1, kept=False)


@pytest.mark.parametrize("kind, value, change", [
    ("regclass[]", "array_agg('a'::regclass)", "ALTER TABLE a RENAME TO c"),
    ("kinds[]", "array_agg('x'::kinds)", "ALTER TYPE kind RENAME VALUE 'x' TO 'z'"),
    ("pair", "ROW(1, string_agg('ab' || g, ''))::pair", "ALTER TYPE pair ADD ATTRIBUTE c int")])
def test_a_value_whose_text_changes_is_marked(scene: Scene, kind: str, value: str, change: str):
    scene.execute("CREATE TABLE a (i int PRIMARY KEY); CREATE TYPE kind AS ENUM ('x'); CREATE DOMAIN kinds AS kind; CREATE TYPE pair AS (a int, b text);"
                  f"CREATE TABLE test (id int PRIMARY KEY, v int, doc {kind}); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute(f"INSERT INTO test SELECT 1, 0, {value} FROM generate_series(1, 2000) g")
    scene.running_relay(arrays="text", refetch="false")
    scene.execute(change)
    scene.execute("UPDATE test SET v = 1")
    judge(scene, 1, kept=False)


@pytest.mark.parametrize("limit", ["1GiB", "0"])
def test_envelopes_are_whole_or_marked_too(scene: Scene, limit: str):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1, 5000)])
    scene.running_relay(envelope="debezium", toast_cache_max_bytes=limit, refetch="false")
    scene.execute("UPDATE test SET v = 1")
    reader = TopicReader(scene.servers.kafka.address, AvroDecoder(scene.servers.registry.url))
    topic = scene.topic("public.test")
    update = next(m for m in reader.follow(lambda name: name == topic, lambda: False) if m.op == "u")
    seen = (update.value["after"]["doc"], update.headers.get("unavailable"))
    assert seen == ((text(1, 5000), None) if limit != "0" else ("__debezium_unavailable_value", "doc"))


def test_the_oldest_are_forgotten_beyond_the_limit(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.running_relay(toast_cache_max_bytes="4MiB", refetch="false")
    for number in range(120):
        scene.execute("INSERT INTO test VALUES (%s, 0, %s)", [number, text(number, 100_000)])
    scene.execute("UPDATE test SET v = 1 WHERE id IN (0, 119)")
    oldest, newest = sorted((m for m in scene.messages("test") if m.op == "u"), key=lambda m: m.key["id"])
    assert (oldest.value["doc"], oldest.headers["unavailable"]) == (MARKER, "doc")
    assert (newest.value["doc"], newest.headers.get("unavailable")) == (text(119, 100_000), None)


def test_without_the_cache_the_header_names_each_marker(scene: Scene):
    scene.execute(DOCS)
    scene.running_relay(toast_cache_max_bytes="0", refetch="false")
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
    scene.running_relay(refetch="false")
    scene.execute("UPDATE test SET doc = %s", [text(2, 5000)])
    scene.execute("UPDATE test SET v = 3")
    assert docs_of(scene) == [text(1, 5000), MARKER, text(2, 5000), text(2, 5000)]
    assert headers_of(scene) == [None, "doc", None, None]


def test_random_wide_rows_are_whole(scene: Scene):
    """Whatever PostgreSQL moves out of line was kept: numerics, arrays, bytea and jsonb, with any storage."""
    dice = random.Random(7)
    scene.execute("""
        CREATE TABLE test (id int PRIMARY KEY, v int, t text, n numeric, b bytea, i int[], x text[], j jsonb, names name[], bits varbit);
        ALTER TABLE test ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER i SET STORAGE EXTERNAL""")
    scene.running_relay()

    def value(kind: str, size: int) -> str:
        return {"t": f"repeat('x', {size})", "n": f"(repeat('7', {size}) || '.5')::numeric",
                "b": f"decode(repeat('ab', {size}), 'hex')", "i": f"array(SELECT generate_series(1, {size // 3 + 1}))",
                "x": f"array(SELECT md5(g::text) FROM generate_series(1, {size // 30 + 1}) g)",
                "j": f"(SELECT jsonb_agg(g) FROM generate_series(1, {size // 4 + 1}) g)",
                "names": f"array(SELECT ('n' || g)::name FROM generate_series(1, {size // 20 + 1}) g)",
                "bits": f"repeat('10110', {size})::varbit"}[kind]

    kinds = ["t", "n", "b", "i", "x", "j", "names", "bits"]
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
    assert [m.headers for m in messages if {"unavailable", "refetched"} & m.headers.keys()] == []
