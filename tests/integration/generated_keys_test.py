"""Keys with a generated column, which PostgreSQL does not send: never a part of a key, always as a table without one."""

import json
import re

import psycopg
import pytest
from harness import HAS_ROOTS, Scene, before
from harness.topic_is_table import last_rows

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
# There a test of newer_scene says what happens instead.
NOT_REFUSED = before(18, "it refuses UPDATE and DELETE of published tables with such a key")
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


@pytest.mark.parametrize("when", ["running", pytest.param("stopped", marks=NOT_REFUSED)])
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


@NOT_REFUSED
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


@NOT_REFUSED
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


VIRTUAL = "CREATE TABLE {t} (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (v) VIRTUAL); ALTER TABLE {t} REPLICA IDENTITY FULL"
STORED = "CREATE TABLE {t} (v text, g text GENERATED ALWAYS AS (v) STORED); ALTER TABLE {t} REPLICA IDENTITY FULL"
PARTS = ("CREATE TABLE {t} (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (v) STORED) PARTITION BY RANGE (id); "
         "CREATE TABLE {t}_a PARTITION OF {t} DEFAULT; ALTER TABLE {t}_a REPLICA IDENTITY FULL")


def keyed_rows(scene: Scene, table: str) -> list[tuple]:
    """With FULL, the first rows of a table that was altered since have no key."""
    return [(row["id"], row["v"]) for row in last_rows([message for message in scene.messages(table, settle=False) if message.key])]


def test_postgresql_18_never_refuses_an_update_with_full_identity_either(newer_scene: Scene):
    """There all generated columns of the table count, also virtual ones."""
    scene = newer_scene
    scene.execute("; ".join((VIRTUAL.format(t="virtual"), STORED.format(t="stored"), PARTS.format(t="parts"))))
    scene.execute("CREATE TABLE later (id int PRIMARY KEY, v text); ALTER TABLE later REPLICA IDENTITY FULL")
    relay = scene.relay()
    assert relay.run() == UNKEYED
    assert 'ALTER TABLE "public"."virtual" REPLICA IDENTITY DEFAULT;' in relay.log_text()
    assert 'ALTER TABLE "public"."stored" REPLICA IDENTITY USING INDEX <' in relay.log_text()
    relay = scene.running_relay(allow_unkeyed=True, install_event_trigger=True)
    relay.wait_for_log("Installed event trigger")
    scene.settle()
    scene.execute("BEGIN; " + VIRTUAL.format(t="beside") + "; INSERT INTO beside VALUES (1, 'a'); UPDATE beside SET v = 'b'; COMMIT")
    scene.execute("ALTER TABLE later ADD COLUMN g text GENERATED ALWAYS AS (v) STORED")
    # At once, unless the keeper holds the publication just then.
    scene.wait_until(lambda: not scene.query("SELECT FROM pg_publication_rel WHERE prrelid = 'later'::regclass"), 10, "it to be out")
    for table in "virtual", "parts", "beside", "later":
        scene.execute(f"INSERT INTO {table} VALUES (2, 'a'); UPDATE {table} SET v = 'b'; DELETE FROM {table} WHERE id = 1")
    scene.execute("INSERT INTO stored VALUES ('a'); UPDATE stored SET v = 'b'; DELETE FROM stored")
    scene.execute("; ".join(f"ALTER TABLE {table} REPLICA IDENTITY DEFAULT" for table in ("virtual", "parts_a", "beside", "later")))
    for value in "b", "c":
        for table in "virtual", "parts", "beside", "later":
            scene.wait_until(lambda: keyed_rows(scene, table) == [(2, value)], 30, table)
            scene.execute(f"UPDATE {table} SET v = 'c'")


def test_postgresql_18_without_the_trigger_a_generated_column_is_noticed(newer_scene: Scene):
    scene = newer_scene
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY FULL")
    relay = scene.running_relay()
    scene.execute("ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (v) STORED")
    relay.wait_for_log(r"Table public\.t .*generated columns are a part of REPLICA IDENTITY FULL.*was removed from publication")
    scene.execute("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'")


def members(scene: Scene) -> set[str]:
    return {name for name, in scene.query("SELECT r.prrelid::regclass::text FROM pg_publication_rel r "
                                          "JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = %s", [scene.slot])}


def test_postgresql_18_a_partitioned_table_that_became_a_partition_is_taken_out_too(newer_scene: Scene):
    scene = newer_scene
    scene.running_relay()
    scene.execute(PARTS.format(t="m").replace("REPLICA IDENTITY FULL", "REPLICA IDENTITY DEFAULT"))
    scene.wait_until(lambda: "m" in members(scene), 20, "m to join")
    scene.execute("CREATE TABLE r (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (v) STORED) PARTITION BY RANGE (id); "
                  "ALTER TABLE r ATTACH PARTITION m DEFAULT; INSERT INTO r VALUES (1, 'a')")
    scene.wait_until(lambda: {"m", "r"} <= members(scene), 20, "both to be members")
    scene.execute("ALTER TABLE m_a REPLICA IDENTITY FULL")
    scene.wait_until(lambda: not {"m", "r"} & members(scene), 20, "both to be out")
    scene.execute("UPDATE r SET v = 'b'")


@pytest.mark.parametrize("partitions", ["root", "leaf"])
def test_postgresql_18_the_event_trigger_sees_what_a_statement_does_to_other_tables(newer_scene: Scene, partitions: str):
    scene = newer_scene
    relay = scene.running_relay(install_event_trigger=True, partitions=partitions)
    relay.wait_for_log("Installed event trigger")
    scene.execute("CREATE TABLE p (id int PRIMARY KEY, v text); CREATE TABLE c (PRIMARY KEY (id)) INHERITS (p); "
                  "CREATE TABLE r (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
                  "CREATE TABLE m PARTITION OF r DEFAULT PARTITION BY RANGE (id); CREATE TABLE l PARTITION OF m DEFAULT; "
                  "INSERT INTO c VALUES (1, 'a'); INSERT INTO r VALUES (1, 'a')")
    published = {"p", "c"} | ({"r"} if partitions == "root" else {"l"})
    scene.wait_until(lambda: published <= members(scene), 20, "all to be members")
    scene.settle()
    relay.stop()
    assert members(scene) & {"p", "c", "r", "m", "l"} == published
    scene.execute("BEGIN; ALTER TABLE c REPLICA IDENTITY FULL; ALTER TABLE l REPLICA IDENTITY FULL; "
                  "ALTER TABLE p ADD COLUMN g text GENERATED ALWAYS AS (v) STORED; "
                  "ALTER TABLE r ADD COLUMN g text GENERATED ALWAYS AS (v) STORED; "
                  "UPDATE p SET v = 'b'; UPDATE r SET v = 'b'; COMMIT")
    assert members(scene) & {"p", "c", "r", "m", "l"} == {"p"}


def test_postgresql_18_an_event_trigger_of_another_version_is_renewed(newer_scene: Scene):
    """As pg_upgrade brings it along from 17."""
    scene = newer_scene
    relay = scene.running_relay(install_event_trigger=True)
    relay.wait_for_log("Installed event trigger")
    relay.stop()
    [(body,)] = scene.query("SELECT prosrc FROM pg_proc WHERE proname = 'keep_publication'")
    scene.execute(f'CREATE OR REPLACE FUNCTION "{scene.slot}_trigger".keep_publication() RETURNS event_trigger '
                  "LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN NULL; END$$")
    relay = scene.running_relay()
    relay.wait_for_log("Event trigger .* was of another version of the relay or of PostgreSQL: renewed")
    assert scene.query("SELECT prosrc FROM pg_proc WHERE proname = 'keep_publication'") == [(body,)]


@pytest.mark.parametrize("via_root", ["true", "false"])
@pytest.mark.parametrize("table", ["r", "m", "l"])
def test_postgresql_18_full_identity_of_a_partition_in_an_operator_s_publication(newer_scene: Scene, table: str, via_root: str):
    scene = newer_scene
    scene.execute("CREATE TABLE r (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (v) STORED) PARTITION BY RANGE (id); "
                  "CREATE TABLE m PARTITION OF r DEFAULT PARTITION BY RANGE (id); CREATE TABLE l PARTITION OF m DEFAULT; "
                  "ALTER TABLE l REPLICA IDENTITY FULL; INSERT INTO r VALUES (1, 'a'); "
                  f"CREATE PUBLICATION mine FOR TABLE {table} WITH (publish_via_partition_root = {via_root})")
    with pytest.raises(psycopg.Error):
        scene.execute("UPDATE r SET v = 'b'")
    relay = scene.running_relay(publication="mine")
    relay.wait_for_log(r"able public\.[rml] .*refuses UPDATE and DELETE")
    assert re.search(r'ALTER TABLE ("public"\."l"|<each such partition>) REPLICA IDENTITY DEFAULT;', relay.log_text())


@pytest.mark.parametrize("sends", ["none", "stored"])
def test_postgresql_18_full_identity_in_an_operator_s_publication(newer_scene: Scene, sends: str):
    scene = newer_scene
    scene.execute(STORED.format(t="t"))
    scene.execute(f"CREATE PUBLICATION mine FOR ALL TABLES WITH (publish_generated_columns = {sends})")
    relay = scene.running_relay(publication="mine")
    if sends == "stored":
        scene.execute("INSERT INTO t VALUES ('a'); UPDATE t SET v = 'b'")
        scene.settle()
        assert "refuses UPDATE" not in relay.log_text()
    else:
        relay.wait_for_log("public.t .*refuses UPDATE and DELETE")


def test_postgresql_18_full_identity_of_a_partition_that_an_operator_sends_whole(newer_scene: Scene):
    scene = newer_scene
    scene.execute(PARTS.format(t="t"))
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES WITH (publish_via_partition_root = true, publish_generated_columns = stored)")
    relay = scene.running_relay(publication="mine")
    scene.execute("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'")
    assert [value["g"] for _, _, value in scene.changes("t")] == ["a", "b"]
    assert "refuses UPDATE" not in relay.log_text() and "cannot be published" not in relay.log_text()
