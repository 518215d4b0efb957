"""Keys with a generated column, which PostgreSQL does not send: never a part of a key, always as a table without one."""

import json

import pytest
from harness import HAS_ROOTS, Scene

UNKEYED = 66

# "kind" is generated in each. Rows (1, 'A') and (1, 'B') differ in nothing of the key but that.
COLUMNS = "doc int NOT NULL, part text NOT NULL, kind text NOT NULL GENERATED ALWAYS AS (lower(part)) STORED, v text"
KINDS = {
    "t_part": f"CREATE TABLE {{t}} ({COLUMNS}, PRIMARY KEY (doc, kind))",
    "t_only": f"CREATE TABLE {{t}} ({COLUMNS}, PRIMARY KEY (kind))",
    "t_index": f"CREATE TABLE {{t}} ({COLUMNS}, PRIMARY KEY (doc, part)); CREATE UNIQUE INDEX {{t}}_i ON {{t}} (doc, kind); "
               "ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_i",
    "t_root": f"CREATE TABLE {{t}} ({COLUMNS}, PRIMARY KEY (doc, kind)) PARTITION BY RANGE (doc); "
              "CREATE TABLE {t}_a PARTITION OF {t} DEFAULT",
}
if not HAS_ROOTS:
    del KINDS["t_root"]
SOUND = f"CREATE TABLE t ({COLUMNS}, PRIMARY KEY (doc, part))"
SPOIL = "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (doc, kind)"
MEND = "CREATE UNIQUE INDEX t_sound ON t (doc, part); ALTER TABLE t REPLICA IDENTITY USING INDEX t_sound"


def fill(scene: Scene, table: str) -> None:
    scene.execute(f"INSERT INTO {table} (doc, part, v) VALUES (1, 'A', 'first'), (1, 'B', 'second')")


def row(part: str, v: str) -> dict:
    return {"doc": 1, "part": part, "v": v}


def without_key(scene: Scene, table: str) -> list[tuple]:
    """Operation and row of each message, none of which has a key."""
    changes = scene.changes(table)
    assert all(key is None for _, key, _ in changes), changes
    return [(op, value) for op, _, value in changes]


def whole_keys(scene: Scene, table: str) -> list[dict]:
    """The rows by their last message, as far as it has a key, which is one of all its columns."""
    latest = {}
    for message in scene.messages(table, settle=False):
        if message.key is None:
            continue
        assert list(message.key) == ["doc", "part"], message
        latest[json.dumps(message.key)] = message.value
    return sorted((value for value in latest.values() if value), key=lambda value: value["part"])


@pytest.mark.parametrize("kind", KINDS)
def test_refused_by_default_naming_table_and_column_and_leaving_nothing(scene: Scene, kind: str):
    scene.execute(KINDS[kind].format(t=kind))
    relay = scene.relay()
    assert relay.run() == UNKEYED
    text = relay.log_text()
    for part in f"public.{kind} ", "generated column kind", f'ALTER TABLE "public"."{kind}" REPLICA IDENTITY', "--allow-unkeyed":
        assert part in text
    assert "ADD PRIMARY KEY" not in text
    if kind == "t_index":
        assert 'ALTER TABLE "public"."t_index" REPLICA IDENTITY USING INDEX "t_index_pkey";' in text
    assert scene.slots() == [] and scene.publications() == []


@pytest.mark.parametrize("kind", KINDS)
def test_allowed_each_row_comes_without_a_key_and_tables_stay_writable(scene: Scene, kind: str):
    scene.execute(KINDS[kind].format(t=kind))
    fill(scene, kind)
    scene.running_relay(allow_unkeyed=True)
    scene.execute(f"INSERT INTO {kind} (doc, part, v) VALUES (1, 'C', 'third')")
    scene.execute(f"UPDATE {kind} SET v = 'x' WHERE part = 'A'; DELETE FROM {kind} WHERE part = 'B'")
    assert without_key(scene, kind) == [("r", row("A", "first")), ("r", row("B", "second")), ("c", row("C", "third"))]


def test_created_beside_a_running_relay_its_inserts_come_without_a_key(scene: Scene):
    relay = scene.running_relay()
    for kind, create in KINDS.items():
        scene.execute(create.format(t=kind))
        relay.wait_for_log(rf"(?i)table public\.{kind} has no replica identity.*generated column kind")
        fill(scene, kind)
        scene.execute(f"DELETE FROM {kind} WHERE part = 'A'")
        assert without_key(scene, kind) == [("c", row("A", "first")), ("c", row("B", "second"))]
    assert scene.query("SELECT tablename FROM pg_publication_tables WHERE pubname = %s AND tablename <> 'bw_marker'",
                       [scene.slot]) == []


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_a_key_that_gets_one_is_none_until_the_table_has_another(scene: Scene, when: str):
    scene.execute(SOUND)
    fill(scene, "t")
    relay = scene.running_relay()
    scene.settle()
    if when == "stopped":
        relay.stop()
    scene.execute(SPOIL)
    if when == "stopped":
        scene.execute("INSERT INTO t (doc, part, v) VALUES (1, 'C', 'early'); DELETE FROM t WHERE part = 'A'")
        relay.start()
        relay.wait_streaming()
    relay.wait_for_log(r"Table public\.t .*was removed from publication")
    scene.execute("INSERT INTO t (doc, part, v) VALUES (1, 'D', 'late'); UPDATE t SET v = 'x' WHERE part = 'B'")
    scene.settle()
    whole_keys(scene, "t")
    scene.execute(MEND)
    now = sorted((dict(part=part, doc=doc, v=v) for doc, part, v in scene.query("SELECT doc, part, v FROM t")),
                 key=lambda value: value["part"])
    scene.wait_until(lambda: whole_keys(scene, "t") == now, 30, "the topic to be its table")


def test_mended_while_stopped_no_row_of_before_has_a_part_of_a_key(scene: Scene):
    scene.execute(KINDS["t_part"].format(t="t"))
    fill(scene, "t")
    relay = scene.running_relay(allow_unkeyed=True)
    scene.settle()
    relay.stop()
    scene.execute("INSERT INTO t (doc, part, v) VALUES (1, 'C', 'third')")
    scene.execute(MEND)
    relay.start()
    relay.wait_streaming()
    scene.wait_until(lambda: len(whole_keys(scene, "t")) == 3, 30, "the table to be read again")
    assert ("c", None, row("C", "third")) in scene.changes("t")


def test_a_column_that_is_no_longer_generated_is_a_part_of_the_key(scene: Scene):
    scene.execute(KINDS["t_part"].format(t="t"))
    fill(scene, "t")
    scene.running_relay(allow_unkeyed=True)
    scene.execute("ALTER TABLE t ALTER COLUMN kind DROP EXPRESSION")
    scene.wait_until(lambda: [key for op, key, _ in scene.changes("t") if op == "r" and key] ==
                     [{"doc": 1, "kind": "a"}, {"doc": 1, "kind": "b"}], 20, "the table to be read again")


def test_a_key_of_which_a_column_list_hides_a_part_is_none(scene: Scene):
    """PostgreSQL allows that where only inserts are published."""
    scene.execute(SOUND)
    fill(scene, "t")
    scene.execute("CREATE PUBLICATION mine FOR TABLE t (doc, v), bw_marker WITH (publish = 'insert')")
    scene.running_relay(publication="mine")
    scene.execute("INSERT INTO t (doc, part, v) VALUES (1, 'C', 'third')")
    assert without_key(scene, "t") == [("r", {"doc": 1, "v": "first"}), ("r", {"doc": 1, "v": "second"}),
                                       ("c", {"doc": 1, "v": "third"})]


def test_in_the_operator_s_publication_its_changes_have_no_key_and_that_is_said(scene: Scene):
    scene.execute(KINDS["t_part"].format(t="t"))
    fill(scene, "t")
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES")
    relay = scene.running_relay(publication="mine")
    relay.wait_for_log("public.t .*generated column kind")
    scene.execute("UPDATE t SET v = 'x' WHERE part = 'A'; DELETE FROM t WHERE part = 'B'")
    assert without_key(scene, "t") == [("r", row("A", "first")), ("r", row("B", "second")), ("u", row("A", "x"))]
    text = relay.log_text()
    assert "refuses UPDATE" not in text and "ADD PRIMARY KEY" not in text
    assert 'ALTER TABLE "public"."t" REPLICA IDENTITY USING INDEX' in text


def test_with_full_identity_it_is_as_a_table_without_a_primary_key(scene: Scene):
    scene.execute(KINDS["t_part"].format(t="t") + "; ALTER TABLE t REPLICA IDENTITY FULL")
    fill(scene, "t")
    relay = scene.running_relay()
    scene.execute("UPDATE t SET v = 'x' WHERE part = 'A'; DELETE FROM t WHERE part = 'B'")
    assert without_key(scene, "t") == [("r", row("A", "first")), ("r", row("B", "second")), ("u", row("A", "x"))]
    assert "ADD PRIMARY KEY" not in relay.log_text()


def test_the_event_trigger_leaves_it_out(scene: Scene):
    relay = scene.running_relay(install_event_trigger=True)
    relay.wait_for_log("Installed event trigger")
    scene.execute("BEGIN; " + KINDS["t_part"].format(t="t"))
    assert scene.query("SELECT FROM pg_publication_rel WHERE prrelid = 't'::regclass") == []
    scene.execute("COMMIT")


def test_postgresql_18_never_refuses_an_update_for_the_relay(newer_scene: Scene):
    """It refuses UPDATE and DELETE on such a table in a publication that publishes them."""
    scene = newer_scene
    scene.execute(KINDS["t_part"].format(t="before"))
    assert scene.relay().run() == UNKEYED
    relay = scene.running_relay(allow_unkeyed=True, install_event_trigger=True)
    relay.wait_for_log("Installed event trigger")
    scene.execute("BEGIN; " + KINDS["t_part"].format(t="beside"))
    fill(scene, "beside")
    scene.execute("UPDATE beside SET v = 'x'; COMMIT")
    relay.wait_for_log(r"able public\.beside has no replica identity")
    fill(scene, "before")
    for table in "before", "beside":
        scene.execute(f"UPDATE {table} SET v = 'y'; DELETE FROM {table}")
        without_key(scene, table)


def test_postgresql_18_harm_of_an_operator_s_publication_is_said(newer_scene: Scene):
    scene = newer_scene
    scene.execute(KINDS["t_part"].format(t="t"))
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES")
    relay = scene.running_relay(publication="mine")
    relay.wait_for_log("public.t .*refuses UPDATE and DELETE")
