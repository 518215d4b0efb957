"""Keys: whatever identifies a table's rows, and whatever becomes of that, each topic ends as its table is."""

import itertools

import pytest
from harness import HAS_ROOTS, POSTGRES_MAJOR, Scene, with_roots
from harness.topic_is_table import becomes_its_table, last_rows, table_rows

PARTITIONED = """
CREATE TABLE p (id int NOT NULL, code int NOT NULL, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (10000);
CREATE UNIQUE INDEX p_low_code ON p_low (code);
"""


# What identifies the rows of a table "{t} (id, code, v)", and the columns of its key.
KINDS = {
    "t_pk": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text)", ["id"]),
    "t_pk_reversed": ("CREATE TABLE {t} (id int, code int, v text, PRIMARY KEY (code, id))", ["id", "code"]),
    "t_pk_include": ("CREATE TABLE {t} (id int, code int NOT NULL, v text, PRIMARY KEY (id) INCLUDE (code, v))", ["id"]),
    "t_text": ("CREATE TABLE {t} (id varchar(9) PRIMARY KEY, code int NOT NULL, v text)", ["id"]),
    "t_index": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text); CREATE UNIQUE INDEX {t}_i ON {t} (code); "
              "ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_i", ["code"]),
    "t_index_include": ("CREATE TABLE {t} (id int NOT NULL, code int NOT NULL, v text); "
                      "CREATE UNIQUE INDEX {t}_i ON {t} (code, id) INCLUDE (v); "
                      "ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_i", ["id", "code"]),
    "t_deferrable": ("CREATE TABLE {t} (id int PRIMARY KEY DEFERRABLE, code int NOT NULL, v text); "
                   "CREATE UNIQUE INDEX {t}_i ON {t} (code); ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_i", ["code"]),
    "t_full": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text); ALTER TABLE {t} REPLICA IDENTITY FULL", ["id"]),
    "t_full_reversed": ("CREATE TABLE {t} (id int, code int, v text, PRIMARY KEY (code, id) INCLUDE (v)); "
                      "ALTER TABLE {t} REPLICA IDENTITY FULL", ["id", "code"]),
    "t_parent": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text); "
               "CREATE TABLE {t}_child (PRIMARY KEY (id)) INHERITS ({t}); INSERT INTO {t}_child VALUES (1, 1, 'child')", ["id"]),
    "t_root": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text) PARTITION BY RANGE (id); "
             "CREATE TABLE {t}_a PARTITION OF {t} FOR VALUES FROM (0) TO (10); CREATE TABLE {t}_b PARTITION OF {t} DEFAULT", ["id"]),
    "t_root_full": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text) PARTITION BY RANGE (id); "
                  "CREATE TABLE {t}_a PARTITION OF {t} FOR VALUES FROM (0) TO (10); CREATE TABLE {t}_b PARTITION OF {t} DEFAULT; "
                  "ALTER TABLE {t} REPLICA IDENTITY FULL; ALTER TABLE {t}_b REPLICA IDENTITY FULL", ["id"]),
    "t_leaf_full": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text) PARTITION BY RANGE (id); "
                  "CREATE TABLE {t}_a PARTITION OF {t} DEFAULT; ALTER TABLE {t}_a REPLICA IDENTITY FULL", ["id"]),
    "t_leaf_reordered": ("CREATE TABLE {t} (id int, code int, v text, PRIMARY KEY (id, code)) PARTITION BY RANGE (id); "
                       "CREATE TABLE {t}_a (gone int, v text, code int NOT NULL, id int NOT NULL); "
                       "ALTER TABLE {t}_a DROP COLUMN gone; ALTER TABLE {t} ATTACH PARTITION {t}_a DEFAULT", ["id", "code"]),
    "t_leaf_larger": ("CREATE TABLE {t} (id int PRIMARY KEY, code int NOT NULL, v text) PARTITION BY RANGE (id); "
                    "CREATE TABLE {t}_a PARTITION OF {t} DEFAULT; CREATE UNIQUE INDEX {t}_i ON {t}_a (code, id); "
                    "ALTER TABLE {t}_a REPLICA IDENTITY USING INDEX {t}_i", ["id"]),
}
if not HAS_ROOTS:
    KINDS = {name: kind for name, kind in KINDS.items() if "PARTITION BY" not in kind[0]}

# What changes the key of a table "{t} (id int PRIMARY KEY, code int NOT NULL, v text)" with a unique index {t}_i (code).
KEY_CHANGES = {
    "t_other_pk": "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (code)",
    "t_larger_pk": "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (code, id)",
    "t_index": "ALTER TABLE {t} REPLICA IDENTITY USING INDEX {t}_i",
    "t_type": "ALTER TABLE {t} ALTER COLUMN id TYPE bigint",
    "t_renamed": "ALTER TABLE {t} RENAME COLUMN id TO number",
    "t_full": "ALTER TABLE {t} REPLICA IDENTITY FULL",
    "t_full_other_pk": "ALTER TABLE {t} REPLICA IDENTITY FULL; ALTER TABLE {t} DROP CONSTRAINT {t}_pkey, ADD PRIMARY KEY (code)",
    "t_full_renamed": "ALTER TABLE {t} REPLICA IDENTITY FULL; ALTER TABLE {t} RENAME COLUMN id TO number",
    "t_full_swapped": "ALTER TABLE {t} REPLICA IDENTITY FULL; ALTER TABLE {t} RENAME COLUMN id TO x; "
                    "ALTER TABLE {t} RENAME COLUMN code TO id; ALTER TABLE {t} RENAME COLUMN x TO code",
}


def write_to(scene: Scene, table: str) -> None:
    scene.execute(f"INSERT INTO {table} VALUES (4, 14, 'd')")
    scene.execute(f"UPDATE {table} SET v = 'x' WHERE id = '1' AND code = 11")
    scene.execute(f"UPDATE {table} SET id = 20, code = 120 WHERE id = '2'")
    scene.execute(f"DELETE FROM {table} WHERE id = '3'")


def test_a_key_is_the_same_whatever_brings_it(scene: Scene):
    """Snapshot, insert, update, update of the key, delete, and a re-snapshot, for every kind of identity."""
    for name, (create, _) in KINDS.items():
        scene.execute(create.format(t=name))
        scene.execute(f"INSERT INTO {name} VALUES (1, 11, 'a'), (2, 12, 'b'), (3, 13, 'c')")
    relay = scene.running_relay()
    for name in KINDS:
        write_to(scene, name)
    came = messages_of_kinds(scene)
    for name, (_, columns) in KINDS.items():
        def key(number, code):
            return {column: {"id": str(number) if name == "t_text" else number, "code": code}[column] for column in columns}
        assert [(message.op, message.key) for message in came[name]] == [
            ("r", key(1, 11)), ("r", key(2, 12)), ("r", key(3, 13)), ("c", key(4, 14)), ("u", key(1, 11)),
            *moved(name, key(2, 12), key(20, 120)), ("d", key(3, 13))], name
        assert all(list(message.key) == columns for message in came[name]), name
    relay.stop()
    scene.running_relay("resnapshot", *KINDS)
    again = messages_of_kinds(scene)
    for name in KINDS:
        rows = table_rows(scene, "ONLY " + name if name == "t_parent" else name)
        assert last_rows(came[name]) == rows, name
        assert [message.op for message in again[name][len(came[name]):]] == ["r"] * 3, name
        assert last_rows(again[name]) == rows, name


def messages_of_kinds(scene: Scene) -> dict[str, list]:
    messages = {name: [] for name in KINDS}
    for message in scene.messages(*KINDS):
        messages[message.topic.removeprefix(scene.topic(""))].append(message)
    return messages


def moved(name: str, old: dict, new: dict) -> list:
    """An update of the key is one message for the old and one for the new; to another partition, a delete and an insert."""
    return [("d", old), ("c" if name in ("t_root", "t_root_full") else "u", new)]


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_a_key_that_changes_leaves_no_row_under_the_old_one(scene: Scene, when: str):
    for name in KEY_CHANGES:
        scene.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, code int NOT NULL, v text)")
        scene.execute(f"CREATE UNIQUE INDEX {name}_i ON {name} (code)")
        scene.execute(f"INSERT INTO {name} VALUES (1, 11, 'a'), (2, 12, 'b'), (3, 13, 'c'), (5, 15, 'e')")
    relay = scene.running_relay(allow_unkeyed=True)
    scene.settle()
    if when == "stopped":
        relay.stop()
    for name, change in KEY_CHANGES.items():
        scene.execute(f"DELETE FROM {name} WHERE code = 15")
        scene.execute(change.format(t=name))
        scene.execute(f"INSERT INTO {name} VALUES (4, 14, 'd')")
        scene.execute(f"DELETE FROM {name} WHERE v = 'a'")
        scene.execute(f"UPDATE {name} SET v = 'x' WHERE v = 'b'")
    if when == "stopped":
        scene.running_relay(allow_unkeyed=True)
    for name in KEY_CHANGES:
        becomes_its_table(scene, name)


def test_a_full_table_s_other_primary_key_is_that_of_its_topic_without_a_new_session(scene: Scene):
    """The stream does not say it, and the old key may be another row's by now."""
    scene.execute("CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL, v text); ALTER TABLE t REPLICA IDENTITY FULL")
    scene.execute("INSERT INTO t VALUES (1, 11, 'a'), (2, 12, 'b')")
    scene.running_relay()
    scene.settle()
    scene.execute("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (code)")
    scene.execute("INSERT INTO t VALUES (1, 13, 'c')")
    becomes_its_table(scene, "t")


def test_a_full_table_s_delete_has_its_key_whatever_ddl_follows_while_stopped(scene: Scene):
    ddl = {
        "renamed": "ALTER TABLE renamed RENAME TO other",
        "moved": "CREATE SCHEMA elsewhere; ALTER TABLE moved SET SCHEMA elsewhere",
        "column_renamed": "ALTER TABLE column_renamed RENAME COLUMN id TO number",
        "key_lost": "ALTER TABLE key_lost DROP CONSTRAINT key_lost_pkey",
        "key_changed": "ALTER TABLE key_changed DROP CONSTRAINT key_changed_pkey, ADD PRIMARY KEY (v)",
        "column_lost": "ALTER TABLE column_lost DROP COLUMN id",
        "no_longer_full": "ALTER TABLE no_longer_full REPLICA IDENTITY DEFAULT",
        "dropped": "DROP TABLE dropped",
    }
    for name in ddl:
        scene.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text); ALTER TABLE {name} REPLICA IDENTITY FULL")
        scene.execute(f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    for name, statement in ddl.items():
        scene.execute(f"DELETE FROM {name} WHERE id = 1")
        scene.execute(statement)
    scene.running_relay()
    scene.settle()
    for name in ddl:
        deletes = [key for op, key, _ in scene.changes(name, settle=False) if op == "d"]
        assert deletes[:1] == [{"id": 1}], name


def test_a_null_is_never_part_of_a_key(scene: Scene):
    """The operator's publication, with a partition whose identity lacks its root's key."""
    scene.execute(PARTITIONED)
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES WITH (publish_via_partition_root = true)")
    scene.execute("INSERT INTO p VALUES (1, 11, 'a'), (2, 12, 'b')")
    relay = scene.running_relay(publication="mine")
    scene.execute("ALTER TABLE p_low REPLICA IDENTITY USING INDEX p_low_code")
    scene.execute("DELETE FROM p WHERE id = 1")
    scene.execute("INSERT INTO p VALUES (3, 13, 'c')")
    scene.settle()
    assert [(op, key) for op, key, _ in scene.changes("p") if op != "r"][-1] == ("c", {"id": 3})
    assert all(None not in key.values() for _, key, _ in scene.changes("p"))
    text = relay.log_text()
    assert "public.p" in text and "REPLICA IDENTITY" in text
    scene.execute("ALTER TABLE p_low REPLICA IDENTITY DEFAULT")
    becomes_its_table(scene, "p")


def test_a_moved_row_of_a_partition_without_its_root_s_key_is_healed(scene: Scene):
    """Its update has no old row in the WAL, so that no null in a key tells of it."""
    scene.execute(PARTITIONED)
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES WITH (publish_via_partition_root = true)")
    scene.execute("INSERT INTO p VALUES (1, 11, 'a'), (2, 12, 'b')")
    relay = scene.running_relay(publication="mine")
    scene.settle()
    scene.execute("ALTER TABLE p_low REPLICA IDENTITY USING INDEX p_low_code")
    scene.execute("UPDATE p SET id = 3 WHERE id = 1")
    relay.wait_for_log(r"key of table public\.p is not in the replica identity of public\.p_low")
    assert "refuses UPDATE" not in relay.log_text()
    scene.execute("ALTER TABLE p_low REPLICA IDENTITY DEFAULT")
    becomes_its_table(scene, "p")


@with_roots
def test_a_partition_with_another_identity_is_named_before_anything_is_made(scene: Scene):
    scene.execute(PARTITIONED)
    scene.execute("ALTER TABLE p_low REPLICA IDENTITY USING INDEX p_low_code")
    relay = scene.relay()
    assert relay.run() == 66
    assert 'ALTER TABLE "public"."p_low" REPLICA IDENTITY DEFAULT;' in relay.log_text()
    assert scene.slots() == [] and scene.publications() == []


# DDL that PostgreSQL 15 does not announce to a connection: what makes the table, the DDL, and its name and key from then on.
UNANNOUNCED = {
    "root renamed": (PARTITIONED, "ALTER TABLE p RENAME TO q", "q", ["id"]),
    "root moved": (PARTITIONED, "CREATE SCHEMA other; ALTER TABLE p SET SCHEMA other", "other.p", ["id"]),
    "root's identity": (PARTITIONED + "CREATE UNIQUE INDEX p_both ON p (id, code); "
                        "ALTER TABLE p_low REPLICA IDENTITY USING INDEX p_low_id_code_idx",
                        "ALTER TABLE p REPLICA IDENTITY USING INDEX p_both", "p", ["id", "code"]),
    "schema renamed": ("CREATE SCHEMA one; CREATE TABLE one.p (id int PRIMARY KEY, code int NOT NULL, v text)",
                       "ALTER SCHEMA one RENAME TO two", "two.p", ["id"]),
}


@pytest.mark.parametrize("when", ["with rows at once", "with rows later"])
@pytest.mark.parametrize("case", [pytest.param(case, marks=with_roots if "root" in case else ()) for case in UNANNOUNCED])
def test_rows_have_their_table_s_name_and_key_soon_after_ddl_that_is_not_announced(scene: Scene, case: str, when: str):
    create, change, table, columns = UNANNOUNCED[case]
    before = "one.p" if case == "schema renamed" else "p"
    scene.execute(create)
    scene.execute(f"INSERT INTO {before} VALUES (1, 11, 'a'), (2, 12, 'b')")
    relay = scene.running_relay()
    scene.execute(f"INSERT INTO {before} VALUES (3, 13, 'c')")
    scene.settle()
    with scene.connect() as holder:  # Tables cannot be read again meanwhile: the stream alone has to be right.
        holder.execute("BEGIN; SELECT txid_current()")
        scene.execute(change)
        if when == "with rows at once":
            scene.execute(f"DELETE FROM {table} WHERE id = 3")
            numbers = itertools.count(10)
            scene.wait_until(lambda: has_key(scene, insert(scene, table, next(numbers)), columns), 30, "rows as those of " + table)
        else:
            relay.wait_for_log("(?s)PostgreSQL does not announce.*Streaming changes from")
        insert(scene, table, 5)
        scene.execute(f"DELETE FROM {table} WHERE id = 1")
        came = [(message.op, list(message.key)) for message in scene.messages(table)][-2:]
        assert came == [("c", columns), ("d", columns)]
    becomes_its_table(scene, table)
    # Newer ones announce some of it with the first row.
    assert relay.log_text().count("PostgreSQL does not announce") in ((1,) if POSTGRES_MAJOR <= 15 else (0, 1))


def insert(scene: Scene, table: str, number: int) -> str:
    scene.execute(f"INSERT INTO {table} VALUES ({number}, {number + 10}, 'new')")
    return table


def has_key(scene: Scene, table: str, columns: list[str]) -> bool:
    """Whether rows of the stream, not of a re-read, come under the table's name and with these key columns."""
    return any(message.op == "c" and list(message.key) == columns for message in scene.messages(table))


@with_roots
def test_rows_of_a_renamed_root_are_healed_when_the_relay_is_killed_before_it_sees_the_name(scene: Scene):
    scene.execute(PARTITIONED)
    relay = scene.running_relay()
    scene.execute("INSERT INTO p VALUES (1, 11, 'a'), (2, 12, 'b')")
    scene.settle()
    scene.execute("ALTER TABLE p RENAME TO q; INSERT INTO q VALUES (3, 13, 'c'); DELETE FROM q WHERE id = 1")
    scene.settle()
    relay.kill9()
    relay.start()
    relay.wait_streaming()
    becomes_its_table(scene, "q")


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_tables_that_swap_their_names_swap_their_topics(scene: Scene, when: str):
    for table in "a", "b":
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text)")
    scene.execute("INSERT INTO a VALUES (1, 'a'), (2, 'a'); INSERT INTO b VALUES (2, 'b'), (3, 'b')")
    relay = scene.running_relay()
    scene.settle()
    if when == "stopped":
        relay.stop()
    scene.execute("BEGIN; ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b; COMMIT")
    if when == "stopped":
        relay.start()
        relay.wait_streaming()
    for table in "a", "b":
        becomes_its_table(scene, table)


def test_a_table_that_is_renamed_before_it_was_read_again_is_read_under_its_name(scene: Scene):
    scene.running_relay()
    with scene.connect() as holder:  # Nothing can be read again meanwhile.
        holder.execute("BEGIN; SELECT txid_current()")
        scene.execute("CREATE TABLE early (id int PRIMARY KEY, v text); INSERT INTO early VALUES (1, 'a'), (2, 'b')")
        scene.execute("UPDATE early SET v = 'x' WHERE id = 1; DELETE FROM early WHERE id = 2")  # Not captured.
        scene.wait_until(lambda: scene.query("SELECT FROM pg_publication_tables WHERE tablename = 'early'"), 30, "early to join")
        scene.execute("ALTER TABLE early RENAME TO late")
        scene.settle()
    becomes_its_table(scene, "late")


@pytest.mark.parametrize("before", ["NOTHING", "USING INDEX t_i"])
def test_full_does_not_take_over_the_key_of_the_identity_before(scene: Scene, before: str):
    scene.running_relay()
    scene.execute(
        "BEGIN; CREATE TABLE t (id int NOT NULL, alt int PRIMARY KEY, v text); CREATE UNIQUE INDEX t_i ON t (id); "
        f"ALTER TABLE t REPLICA IDENTITY {before}; INSERT INTO t VALUES (1, 11, 'a'); COMMIT")
    scene.settle()
    scene.execute("ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (2, 12, 'b')")

    def came() -> list:
        return [(message.op, message.key) for message in scene.messages("t")]

    if before == "NOTHING":  # Then it joins the publication of updates and deletes first.
        scene.wait_until(lambda: ("r", {"alt": 11}) in came(), 30, "t to be read again")
    scene.execute("UPDATE t SET v = 'x' WHERE id = 1; DELETE FROM t WHERE id = 2")
    scene.settle()
    assert ("u", {"alt": 11}) in came() and ("d", {"alt": 12}) in came(), came()
    if before != "NOTHING":  # Whose rows had null keys, which nothing buries.
        becomes_its_table(scene, "t")
