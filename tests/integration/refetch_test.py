"""Unchanged large values that nothing has any more are read from their table: decisions/0024."""

import json
import random
import shutil
import threading
from types import SimpleNamespace
from typing import Optional

import psycopg
import pytest

from clients import AvroDecoder, Message, TopicReader
from harness import Scene, make_publications_for_role, make_role, postgres_with, role_url, with_roots

MARKER = "__bottledwater_unavailable_value"
TABLE = "CREATE TABLE test (id int PRIMARY KEY, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL;"
PARTITIONED = ("CREATE TABLE test (id int PRIMARY KEY, v int, doc text) PARTITION BY RANGE (id);"
               "CREATE TABLE test_1 PARTITION OF test FOR VALUES FROM (0) TO (100);"
               "CREATE TABLE test_2 PARTITION OF test FOR VALUES FROM (100) TO (200);"
               "ALTER TABLE test_1 ALTER doc SET STORAGE EXTERNAL;")
LOGGED = """
CREATE TABLE was (n bigserial PRIMARY KEY, op text, id int, row jsonb);
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN INSERT INTO was (op, id) VALUES ('d', OLD.id); RETURN NULL; END IF;
  INSERT INTO was (op, id, row) VALUES (CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END, NEW.id, to_jsonb(NEW));
  RETURN NULL; END $$;
CREATE TRIGGER log_it AFTER INSERT OR UPDATE OR DELETE ON test FOR EACH ROW EXECUTE FUNCTION log_it();"""


def text(seed: int, size: int = 5000) -> str:
    return f"{seed}:" + "".join(random.Random(seed).choices("abcdefghijklmnop", k=size))


def told(message: Message, field: str = "doc") -> tuple[str, Optional[str], Optional[str]]:
    """The value, and the two headers."""
    return message.value[field], message.headers.get("refetched"), message.headers.get("unavailable")


def updates(scene: Scene, table: str = "test", settle: bool = True) -> list[Message]:
    return [message for message in scene.messages(table, settle=settle) if message.op == "u"]


def without_cache(scene: Scene, setup: str = TABLE, **options: str):
    """A relay that has nothing but the table."""
    scene.execute(setup)
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1)])
    return scene.running_relay(toast_cache_max_bytes="0", **options)


def test_after_a_lost_spool_the_value_of_now_is_read_until_it_is_sent(scene: Scene):
    scene.execute(TABLE)
    scene.execute("INSERT INTO test VALUES (1, 0, %s), (2, 0, %s)", [text(1), text(2)])
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    shutil.rmtree(scene.folder / "spool")
    scene.execute("UPDATE test SET v = 1 WHERE id = 1")
    scene.execute("UPDATE test SET v = 1 WHERE id = 2")
    scene.execute("DELETE FROM test WHERE id = 2")
    scene.execute("UPDATE test SET doc = %s WHERE id = 1", [text(3)])
    scene.running_relay()
    scene.execute("UPDATE test SET v = 2 WHERE id = 1")
    assert [told(m) for m in updates(scene)] == [
        (text(3), "doc", None), (MARKER, None, "doc"), (text(3), None, None), (text(3), None, None)]


def test_what_was_read_is_not_kept(scene: Scene):
    """Only what is sent is certain."""
    scene.execute(TABLE)
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1)])
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    shutil.rmtree(scene.folder / "spool")
    scene.running_relay()
    for v in range(3):
        scene.execute("UPDATE test SET v = %s", [v])
    assert [told(m) for m in updates(scene)] == [(text(1), "doc", None)] * 3


@with_roots
def test_partitioned_tables_are_read_through_their_root(scene: Scene):
    without_cache(scene, PARTITIONED)
    scene.execute("UPDATE test SET v = 1")
    scene.settle()  # Under its former key there is no row any more.
    scene.execute("UPDATE test SET id = 2")
    scene.settle()
    scene.execute("BEGIN; UPDATE test SET doc = %s; UPDATE test SET v = 2; COMMIT" % ("'" + text(2) + "'"))
    assert [told(m) for m in updates(scene)] == [
        (text(1), "doc", None), (text(1), "doc", None), (text(2), None, None), (text(2), "doc", None)]


def test_a_locked_table_makes_nobody_wait(scene: Scene):
    relay = without_cache(scene)
    scene.execute("UPDATE test SET v = 1")
    scene.settle()
    relay.stop()
    scene.execute("UPDATE test SET v = 2")
    with scene.connect() as other:
        other.execute("BEGIN; LOCK TABLE test IN ACCESS EXCLUSIVE MODE")
        scene.running_relay(toast_cache_max_bytes="0")
        scene.settle()
        assert [told(m) for m in updates(scene, settle=False)] == [(text(1), "doc", None), (MARKER, None, "doc")]
        assert not scene.query("SELECT FROM pg_locks WHERE relation = 'test'::regclass AND NOT granted")
        other.execute("COMMIT")

    def is_read_again() -> bool:
        scene.execute("UPDATE test SET v = v + 1")
        return told(updates(scene)[-1]) == (text(1), "doc", None)

    scene.wait_until(is_read_again, 60, "the table to be read again")


@pytest.mark.parametrize("takes_away", ["REVOKE SELECT ON test FROM {role}", "ALTER TABLE test ENABLE ROW LEVEL SECURITY"])
def test_what_may_not_be_read_is_marked_and_told_once(scene: Scene, takes_away: str):
    scene.execute(TABLE)
    scene.execute("INSERT INTO test VALUES (1, 0, %s)", [text(1)])
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    relay = scene.running_relay(postgres=role_url(scene), toast_cache_max_bytes="0")
    scene.execute("UPDATE test SET v = 1")
    scene.settle()
    scene.execute(takes_away.format(role=scene.name))
    for v in (2, 3):
        scene.execute("UPDATE test SET v = %s", [v])
    assert [told(m) for m in updates(scene)] == [(text(1), "doc", None), (MARKER, None, "doc"), (MARKER, None, "doc")]
    assert relay.log_text().count("cannot be read again") == 1
    assert ("GRANT SELECT" if "REVOKE" in takes_away else "BYPASSRLS") in relay.log_text()


@pytest.mark.parametrize("alters, field, now", [
    ("ALTER TABLE test RENAME doc TO other", "other", text(1)),
    ("ALTER TABLE test ALTER doc TYPE varchar(9000)", "doc", text(1)),
    ("ALTER TABLE test RENAME TO moved; CREATE TABLE test (id int PRIMARY KEY, v int, doc text); INSERT INTO test VALUES (1, 1, 'x');", "doc", None)])
def test_a_table_or_column_that_became_another(scene: Scene, alters: str, field: str, now: Optional[str]):
    relay = without_cache(scene)
    scene.execute("UPDATE test SET v = 1")
    scene.settle()
    relay.stop()
    scene.execute("UPDATE test SET v = 2")
    scene.execute(alters)
    scene.running_relay(toast_cache_max_bytes="0")
    scene.settle()
    first, second = updates(scene)
    assert told(first) == (text(1), "doc", None)
    # By OID: a table of another name is the same one.
    assert told(second) == ((text(1), "doc", None) if now is None else (MARKER, None, "doc"))
    scene.execute(f"UPDATE {'moved' if now is None else 'test'} SET v = 3")
    third = updates(scene, "moved")[-1] if now is None else updates(scene)[-1]
    assert told(third, field) == (text(1), field, None)


def test_a_table_that_is_altered_while_it_is_read(scene: Scene):
    without_cache(scene)
    for v in range(6):
        scene.execute("UPDATE test SET v = %s", [v])
        scene.settle()
        scene.execute(f"ALTER TABLE test RENAME doc TO x{v}; ALTER TABLE test ADD doc text; "
                      f"ALTER TABLE test DROP doc; ALTER TABLE test RENAME x{v} TO doc")
    assert [told(m) for m in updates(scene)] == [(text(1), "doc", None)] * 6


KEYS = {  # Types of keys, and a value each.
    "int": "7", "text": r"it''s \ \"here\"", "varchar(20)": "a b", "char(5)": "ab", "numeric(10,3)": "1.500", "timestamptz": "2024-02-29 12:00:00.5+02",
    "bytea": r"\x00ff", "uuid": "00000000-0000-0000-0000-000000000001", "code": "c1", "text[]": "{a,\"b c\"}", "date": "2024-02-29",
    "float8": "0.1", "boolean": "t", "interval": "1 mon 2 days", "inet": "10.0.0.1/8"}


def test_keys_of_many_types_and_names_with_quotes(scene: Scene):
    columns = ", ".join(f'"k {n}\'""é" {kind}' for n, kind in enumerate(KEYS))
    names = ", ".join(f'"k {n}\'""é"' for n in range(len(KEYS)))
    values = ", ".join(f"'{value}'" for value in KEYS.values())
    scene.execute("CREATE DOMAIN code AS varchar(9) CHECK (VALUE <> 'x');"
                  f'CREATE TABLE "crêpes" ({columns}, "do""c" text, v int, PRIMARY KEY ({names}));'
                  'ALTER TABLE "crêpes" ALTER "do""c" SET STORAGE EXTERNAL;'
                  f'INSERT INTO "crêpes" VALUES ({values}, \'{text(1)}\', 0)')
    scene.running_relay(toast_cache_max_bytes="0")
    scene.execute('UPDATE "crêpes" SET v = 1')
    [updated] = updates(scene, "cr_c3__aa_pes")
    field = updated.headers["refetched"]
    assert "unavailable" not in updated.headers and updated.value[field] == text(1)


def test_a_key_is_never_another_one_that_its_collation_takes_for_it(scene: Scene):
    scene.execute("CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
                  "CREATE TABLE test (k text COLLATE blind NOT NULL, v int, doc text); ALTER TABLE test ALTER doc SET STORAGE EXTERNAL;"
                  'CREATE UNIQUE INDEX exact ON test (k COLLATE "C"); ALTER TABLE test REPLICA IDENTITY USING INDEX exact')
    scene.execute("INSERT INTO test VALUES ('a', 0, %s), ('A', 0, %s)", [text(1), text(2)])
    relay = scene.running_relay(toast_cache_max_bytes="0")
    scene.settle()
    relay.stop()
    scene.execute("UPDATE test SET v = 1 WHERE k = 'a' COLLATE \"C\"")
    scene.execute("UPDATE test SET v = 1 WHERE k = 'A' COLLATE \"C\"")
    scene.execute("DELETE FROM test WHERE k = 'A' COLLATE \"C\"")
    relay.start()
    assert [told(m) for m in updates(scene)] == [(text(1), "doc", None), (MARKER, None, "doc")]


@pytest.mark.parametrize("kind, rows, alters", [
    ("varchar(20)", ("abcdefghij", "abcde"), "ALTER TABLE test ALTER id TYPE varchar(5)"),
    ("numeric(10,3)", ("1.200", "1.000"), "ALTER TABLE test ALTER id TYPE numeric(10,0)"),
    ("label", ("a", "b"), "ALTER TYPE label RENAME VALUE 'a' TO 'x'; ALTER TYPE label RENAME VALUE 'b' TO 'a'")])
def test_a_key_is_never_another_one_that_it_has_become_by_alter(scene: Scene, kind: str, rows: tuple[str, str], alters: str):
    scene.execute(f"CREATE TYPE label AS ENUM ('a', 'b'); CREATE TABLE test (id {kind} PRIMARY KEY, v int, doc text);"
                  "ALTER TABLE test ALTER doc SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO test VALUES (%s, 0, %s), (%s, 0, %s)", [rows[0], text(1), rows[1], text(2)])
    relay = scene.running_relay(toast_cache_max_bytes="0")
    scene.settle()
    relay.stop()
    scene.execute("UPDATE test SET v = 1 WHERE id = %s", [rows[0]])
    scene.execute("DELETE FROM test WHERE id = %s", [rows[0]])
    scene.execute(alters)
    relay.start()
    assert [told(m) for m in updates(scene)] == [(MARKER, None, "doc")]


def test_a_view_that_takes_the_table_s_name_runs_nothing(scene: Scene):
    """Its owner's functions would run with the relay's rights."""
    relay = without_cache(scene)
    scene.execute("CREATE FUNCTION steal() RETURNS text LANGUAGE plpgsql AS "
                  "$$ BEGIN RAISE LOG 'stolen by %', pg_catalog.current_setting('application_name'); RETURN ''; END $$;"
                  "UPDATE test SET v = v + 1")
    scene.settle()
    for _ in range(3):
        scene.execute("BEGIN; UPDATE test SET v = v + 1; UPDATE test SET v = v + 1; ALTER TABLE test RENAME TO away;"
                      "CREATE VIEW test AS SELECT 0::oid AS tableoid, id, v, doc || steal() AS doc FROM away; COMMIT")
        scene.settle()
        scene.execute("BEGIN; DROP VIEW test; ALTER TABLE away RENAME TO test; COMMIT; UPDATE test SET v = v + 1")
        scene.settle()
    assert "stolen by" not in scene.servers.postgres.process.log_text()
    # By the table's new name, which the catalog has, or not at all.
    assert {told(m)[0] for m in updates(scene)} <= {text(1), MARKER} and relay.is_running()
    scene.execute("UPDATE test SET v = v + 1")
    assert told(updates(scene)[-1]) == (text(1), "doc", None)


def test_types_have_the_stream_s_text(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, n numeric, b bytea, i int[], j jsonb, t timestamptz[], f float8[]);" +
                  "".join(f"ALTER TABLE test ALTER {c} SET STORAGE EXTERNAL;" for c in "nbijtf") +
                  "INSERT INTO test SELECT 1, 0, repeat('7', 20000)::numeric, decode(repeat('ab', 3000), 'hex'),"
                  "  array_agg(g), jsonb_agg(g), array_agg('2024-01-01 12:00+00'::timestamptz + g * interval '1 s'), array_agg(g / 3.0::float8)"
                  "  FROM generate_series(1, 2000) g")
    scene.running_relay(toast_cache_max_bytes="0")
    scene.execute("UPDATE test SET v = 1")
    snapshot, updated = scene.messages("test")
    assert updated.headers["refetched"] == "n,b,i,j,t,f" and updated.value == {**snapshot.value, "v": 1}


def test_envelopes_say_so_too(scene: Scene):
    without_cache(scene, envelope="debezium")
    scene.execute("UPDATE test SET v = 1")
    reader = TopicReader(scene.servers.kafka.address, AvroDecoder(scene.servers.registry.url))
    topic = scene.topic("public.test")
    update = next(m for m in reader.follow(lambda name: name == topic, lambda: False) if m.op == "u")
    assert (update.value["after"]["doc"], update.headers.get("refetched"), update.headers.get("unavailable")) == (text(1), "doc", None)


@with_roots
def test_a_value_from_before_the_change_is_never_taken(scene: Scene):
    """A transaction that waits for a synchronous standby is sent long before others see it."""
    with postgres_with(synchronous_standby_names="missing", synchronous_commit="local") as postgres:
        own = Scene(SimpleNamespace(postgres=postgres, kafka=scene.servers.kafka, registry=scene.servers.registry), scene.folder)
        relay = without_cache(own, PARTITIONED)
        own.execute("UPDATE test SET v = 1")
        assert told(updates(own)[-1]) == (text(1), "doc", None)
        waiting = own.connect()

        def commit() -> None:
            try:
                waiting.execute("SET synchronous_commit = on")
                waiting.execute(f"BEGIN; UPDATE test SET doc = '{text(2)}'; UPDATE test SET v = 2; COMMIT")
            except psycopg.Error:
                pass

        thread = threading.Thread(target=commit)
        thread.start()
        try:
            own.wait_until(lambda: own.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), 60, "the commit to wait")
            own.settle()
            assert own.query("SELECT v FROM test") == [(1,)]
            assert [told(m) for m in updates(own, settle=False)][1:] == [(text(2), None, None), (MARKER, None, "doc")]
        finally:
            own.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            thread.join()
            waiting.close()
            relay.stop()
            own.close()


def differences(scene: Scene) -> list[str]:
    """What a message has without a header is the row's of its commit; what was read again, the row's of then or later."""
    messages = [m for m in sorted(scene.messages("test"), key=lambda m: m.position) if m.op != "r"]
    was = scene.query("SELECT op, id, row FROM was ORDER BY n")
    found = [] if len(messages) == len(was) else [f"{len(messages)} messages of {len(was)} changes"]
    for place, (message, (op, key, row)) in enumerate(zip(messages, was)):
        if row is None or message.value is None:
            found += [] if (message.op, message.key, message.value) == (op, {"id": key}, row) else [f"{message.headers}: {message}"]
            continue
        value = dict(message.value)
        if isinstance(value.get("raw"), str) and value["raw"] != MARKER:
            value["raw"] = json.loads(value["raw"])
        read, marked = (message.headers.get(name, "").split(",") for name in ("refetched", "unavailable"))
        later = [r for _, k, r in was[place:] if k == key and r is not None]
        for field in row:
            right = ([r[field] for r in later] if field in read else [MARKER] if field in marked else [row[field]])
            if value[field] not in right:
                found.append(f"{message.headers}: {field} {str(value[field])[:100]} for {str(row[field])[:100]}")
    return found


def test_no_message_without_a_header_is_wrong_in_a_storm_of_updates_and_kills(scene: Scene):
    dice = random.Random(24)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v int, doc text, raw jsonb);"
                  "ALTER TABLE test ALTER doc SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;" + LOGGED)
    for i in range(20):
        scene.execute("INSERT INTO test VALUES (%s, 0, %s, %s)", [i, text(i), json.dumps({"k": text(i, 2500)})])
    scene.execute("TRUNCATE was")
    relay = scene.running_relay(exclude_tables="was", toast_cache_max_bytes="0")
    for step in range(600):
        key, kind = dice.randrange(20), dice.randrange(12)
        if kind < 7:
            scene.execute("UPDATE test SET v = %s WHERE id = %s", [step, key])
        elif kind < 9:
            scene.execute("UPDATE test SET doc = %s WHERE id = %s", [dice.choice([text(step), text(step, 5), None]), key])
        elif kind == 9:
            scene.execute(f"BEGIN; UPDATE test SET doc = '{text(step)}' WHERE id = {key}; UPDATE test SET v = {step} WHERE id = {key}; COMMIT")
        elif kind == 10:
            scene.execute("DELETE FROM test WHERE id = %s", [key])
            scene.execute("INSERT INTO test VALUES (%s, %s, %s)", [key, step, text(step)])
        elif step % 3 == 0:
            relay.kill9()
            # The cache begins with nothing each time that it is there.
            relay = scene.running_relay(exclude_tables="was", toast_cache_max_bytes=dice.choice(["0", "1GiB"]))
    assert not differences(scene)
    headers = [name for m in scene.messages("test") for name in m.headers]
    assert "refetched" in headers
