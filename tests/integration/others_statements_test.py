"""Other people's statements beside a running, a stopped and a killed relay: none fails, none waits, and the topics
become what the tables are.

Waiting is judged by who blocked whom, not by how long a statement took: on a busy machine everything takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from harness import Scene, since, with_roots

from chaos.drift.lock_watcher import LockWatcher
from servers import Servers

WAIT_MAX_S = 0.1  # That a statement may wait for the relay.
HEALED_S = 60  # On a busy machine; it takes about three seconds on an idle one.

# One life of everything that people do to tables. What is left of `t…` tables is compared with their topics.
# {n} makes each round's names its own. A statement that is expected to fail without any relay is not among them.
STATEMENTS = """
CREATE TABLE nokey{n} (id int, value text)
INSERT INTO nokey{n} VALUES (1, 'a'), (2, 'b'), (3, 'c')
UPDATE nokey{n} SET value = 'updated' WHERE id = 1
DELETE FROM nokey{n} WHERE id = 3
CREATE TABLE t_keyed{n} (id int PRIMARY KEY, value text)
INSERT INTO t_keyed{n} VALUES (1, 'a'), (2, 'b'), (3, 'c')
UPDATE t_keyed{n} SET value = 'updated' WHERE id = 1
DELETE FROM t_keyed{n} WHERE id = 3
UPDATE t_keyed{n} SET id = 20 WHERE id = 2
CREATE TABLE t_ctas{n} AS SELECT i AS id, 'v' || i AS value FROM generate_series(1, 20) i
DELETE FROM t_ctas{n} WHERE id > 10
ALTER TABLE t_ctas{n} ADD PRIMARY KEY (id)
UPDATE t_ctas{n} SET value = 'updated' WHERE id < 3
CREATE TABLE t_full{n} (id int PRIMARY KEY, value text)
ALTER TABLE t_full{n} REPLICA IDENTITY FULL
INSERT INTO t_full{n} VALUES (1, 'a'), (2, 'b')
UPDATE t_full{n} SET value = 'updated' WHERE id = 1
ALTER TABLE t_full{n} REPLICA IDENTITY DEFAULT
CREATE TABLE t_index{n} (id int NOT NULL, value text)
CREATE UNIQUE INDEX t_index{n}_unique ON t_index{n} (id)
ALTER TABLE t_index{n} REPLICA IDENTITY USING INDEX t_index{n}_unique
INSERT INTO t_index{n} VALUES (1, 'a'), (2, 'b')
UPDATE t_index{n} SET value = 'updated' WHERE id = 1
CREATE TABLE t_parts{n} (id int PRIMARY KEY, value text) PARTITION BY RANGE (id)
CREATE TABLE parts{n}_low PARTITION OF t_parts{n} FOR VALUES FROM (0) TO (100)
INSERT INTO t_parts{n} VALUES (1, 'a'), (2, 'b')
UPDATE t_parts{n} SET value = 'updated' WHERE id = 1
CREATE TABLE parts{n}_high (id int NOT NULL, value text)
ALTER TABLE t_parts{n} ATTACH PARTITION parts{n}_high FOR VALUES FROM (100) TO (200)
INSERT INTO t_parts{n} VALUES (150, 'c')
UPDATE t_parts{n} SET id = 151 WHERE id = 150
DELETE FROM t_parts{n} WHERE id = 2
CREATE TABLE t_parent{n} (id int PRIMARY KEY, value text)
CREATE TABLE child{n} () INHERITS (t_parent{n})
INSERT INTO child{n} VALUES (1, 'child')
UPDATE child{n} SET value = 'updated'
DELETE FROM child{n}
INSERT INTO t_parent{n} VALUES (1, 'parent')
UPDATE t_parent{n} SET value = 'updated'
CREATE TABLE before{n} (id int PRIMARY KEY, value text)
ALTER TABLE before{n} RENAME TO t_renamed{n}
INSERT INTO t_renamed{n} VALUES (1, 'a')
UPDATE t_renamed{n} SET value = 'updated'
CREATE SCHEMA s{n}
CREATE TABLE s{n}.moved{n} (id int PRIMARY KEY, value text)
INSERT INTO s{n}.moved{n} VALUES (1, 'a')
ALTER TABLE s{n}.moved{n} SET SCHEMA public
UPDATE moved{n} SET value = 'updated'
DROP SCHEMA s{n} CASCADE
CREATE TABLE t_refers{n} (id int PRIMARY KEY, value text, keyed int REFERENCES t_keyed{n} ON DELETE CASCADE)
INSERT INTO t_refers{n} VALUES (1, 'a', 1), (2, 'b', 20)
DELETE FROM t_keyed{n} WHERE id = 20
ALTER TABLE t_keyed{n} ENABLE ROW LEVEL SECURITY
ALTER TABLE t_keyed{n} DISABLE ROW LEVEL SECURITY
ALTER TABLE t_keyed{n} ADD COLUMN more int DEFAULT 7
ALTER TABLE t_keyed{n} DROP COLUMN more
ALTER TABLE t_keyed{n} ALTER COLUMN value TYPE varchar(50)
CREATE INDEX CONCURRENTLY keyed{n}_value ON t_keyed{n} (value)
REINDEX TABLE t_keyed{n}
CLUSTER t_keyed{n} USING t_keyed{n}_pkey
VACUUM FULL t_keyed{n}
ANALYZE t_keyed{n}
TRUNCATE before_truncated
CREATE UNLOGGED TABLE unlogged{n} (id int PRIMARY KEY)
INSERT INTO unlogged{n} VALUES (1)
UPDATE unlogged{n} SET id = 2
CREATE TEMP TABLE temp{n} (id int)
INSERT INTO temp{n} VALUES (1)
UPDATE temp{n} SET id = 2
DROP TABLE temp{n}
CREATE TABLE dropped{n} (id int PRIMARY KEY)
INSERT INTO dropped{n} VALUES (1)
DROP TABLE dropped{n}
CREATE VIEW view{n} AS SELECT * FROM t_keyed{n}
UPDATE view{n} SET value = 'by view' WHERE id = 1
CREATE MATERIALIZED VIEW materialized{n} AS SELECT * FROM t_keyed{n}
REFRESH MATERIALIZED VIEW materialized{n}
ALTER TABLE t_parts{n} DETACH PARTITION parts{n}_high
UPDATE parts{n}_high SET value = 'detached'
ALTER TABLE parts{n}_high ADD CONSTRAINT parts{n}_high_check CHECK (id > 0)
""".strip().splitlines()

LOCK_MODES = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE",
              "EXCLUSIVE", "ACCESS EXCLUSIVE"]


@pytest.fixture(scope="module")
def world(servers: Servers, tmp_path_factory) -> Iterator[Scene]:
    """One scene with a running relay for all tests that need nothing else, each with tables of its own."""
    scene = Scene(servers, tmp_path_factory.mktemp("shared"))
    for number in (1, 2, 3):
        scene.execute(f"CREATE TABLE keyed{number} (id int CONSTRAINT key{number} PRIMARY KEY, value text)")
        scene.execute(f"INSERT INTO keyed{number} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    scene.execute("CREATE TABLE parts (id int PRIMARY KEY, value text) PARTITION BY RANGE (id)")
    scene.execute("CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100)")
    scene.running_relay()
    yield scene
    scene.close()


@pytest.fixture
def shared(world: Scene, request) -> Iterator[Scene]:
    [relay] = world.relays
    if not relay.is_running():
        relay.start()
        relay.wait_streaming()
    with nobody_waits(world):
        yield world
    if getattr(request.node, "failed", False):
        print(world.report())


@contextmanager
def nobody_waits(scene: Scene, whom: str = "bottledwater%") -> Iterator[None]:
    """For these applications, that is."""
    watcher = LockWatcher(scene.url(), whom)
    watcher.start()
    try:
        scene.wait_until(lambda: watcher.looks or watcher.failure, 30, "the first look at who waits")
        yield
    finally:
        watcher.stop()
    late = [wait for wait in watcher.waits if wait.seconds > WAIT_MAX_S]
    assert not late, "; ".join(map(str, late))


def life(scene: Scene, number: int) -> None:
    with scene.connect() as somebody:
        somebody.execute("CREATE TABLE IF NOT EXISTS before_truncated (id int PRIMARY KEY)")
        for statement in STATEMENTS:
            somebody.execute(statement.replace("{n}", str(number)))
        for mode in LOCK_MODES:
            somebody.execute(f"BEGIN; LOCK TABLE t_keyed{number} IN {mode} MODE; COMMIT")


def rows(scene: Scene, table: str) -> dict:
    names = [name for name, in scene.query("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass "
                                           "AND attnum > 0 AND NOT attisdropped ORDER BY attnum", [table])]
    return {row[0]: dict(zip(names, row)) for row in scene.query(f"SELECT * FROM ONLY {table}"
                                                                 if not is_partitioned(scene, table) else f"SELECT * FROM {table}")}


def is_partitioned(scene: Scene, table: str) -> bool:
    return scene.query("SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", [table]) == [(True,)]


def folded(scene: Scene, *tables: str) -> dict[str, dict]:
    """What a consumer that keeps the newest row of each key has, by table."""
    kept: dict[str, dict] = {table: {} for table in tables}
    for message in scene.messages(*tables, settle=False):
        if message.key is not None:
            of_table = kept[message.topic.removeprefix(scene.topic(""))]
            of_table.pop(message.key["id"], None)
            if message.value is not None:
                of_table[message.key["id"]] = message.value
    return kept


def becomes_right(scene: Scene, *tables: str) -> None:
    scene.settle()
    left = list(tables)
    deadline = time.monotonic() + HEALED_S
    while left:
        topics = folded(scene, *left)
        left = [table for table in left if topics[table] != rows(scene, table)]
        if left and time.monotonic() > deadline:
            table = left[0]
            raise AssertionError(f"topics differ from {left}: {table} has {rows(scene, table)}, its topic {topics[table]}")
        time.sleep(0.2 if left else 0)


def members(scene: Scene) -> set[str]:
    return {name for name, in scene.query(
        "SELECT c.relname FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid "
        "JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = %s", [scene.slot])}


def is_joined(scene: Scene, table: str, timeout: float = 30) -> None:
    scene.wait_until(lambda: table in members(scene), timeout, f"{table} to be in the publication")


def is_taken_out(scene: Scene, table: str, timeout: float = 30) -> None:
    scene.wait_until(lambda: table not in members(scene), timeout, f"{table} to be taken out of the publication")


def compared_tables(*numbers: int) -> list[str]:
    # The keyless, the inherited and the detached are others' matter.
    kept = ("t_keyed", "t_ctas", "t_full", "t_index", "t_refers", "t_parent", "t_renamed")
    return [f"{name}{number}" for number in numbers for name in kept]


def test_a_statement_that_waits_for_the_relay_is_seen(scene: Scene):
    """What the judgement of the other tests rests on."""
    scene.execute("CREATE TABLE held (id int)")
    with scene.connect() as holder, scene.connect() as somebody:
        holder.execute("SET application_name = 'bottledwater'")
        holder.execute("BEGIN; LOCK TABLE held IN SHARE UPDATE EXCLUSIVE MODE")
        somebody.execute("SET lock_timeout = '1s'")
        with pytest.raises(AssertionError, match="VACUUM held"), nobody_waits(scene):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                somebody.execute("VACUUM held")


def test_no_statement_fails_or_waits_and_the_topics_become_right(scene: Scene):
    life(scene, 1)
    relay = scene.running_relay(allow_unkeyed=True)
    with nobody_waits(scene):
        life(scene, 2)
        becomes_right(scene, *compared_tables(1, 2))
        relay.stop()
        life(scene, 3)
        relay.start()
        relay.wait_streaming()
        relay.kill9()
        life(scene, 4)
        relay.start()
        relay.wait_streaming()
        life(scene, 5)
        becomes_right(scene, *compared_tables(3, 4, 5))


def test_a_table_created_without_a_key_is_writable_at_once_and_right_once_it_has_one(shared: Scene):
    [relay] = shared.relays
    shared.execute("CREATE TABLE log (id int, value text)")
    shared.execute("INSERT INTO log VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    shared.execute("UPDATE log SET value = 'updated' WHERE id = 1")
    shared.execute("DELETE FROM log WHERE id = 3")
    relay.wait_for_log("log has no replica identity")
    relay.stop()
    shared.execute("UPDATE log SET value = 'again' WHERE id = 1")
    relay.start()  # It never stops the relay, nor its restart.
    relay.wait_streaming()
    shared.execute("ALTER TABLE log ADD PRIMARY KEY (id)")
    shared.execute("DELETE FROM log WHERE id = 2")
    becomes_right(shared, "log")
    assert relay.is_running()


def test_a_keyed_table_used_in_the_moment_of_its_creation_is_right(shared: Scene):
    shared.execute("CREATE TABLE quick (id int PRIMARY KEY, value text)")
    shared.execute("INSERT INTO quick SELECT i, 'v' FROM generate_series(1, 10) i")
    shared.execute("UPDATE quick SET value = 'updated' WHERE id < 4; DELETE FROM quick WHERE id > 7")
    shared.execute("UPDATE quick SET id = 100 WHERE id = 5")
    becomes_right(shared, "quick")


def test_a_new_table_that_is_still_empty_makes_no_message_and_its_later_rows_come_once(shared: Scene):
    [relay] = shared.relays
    shared.execute("CREATE TABLE still_empty (id int PRIMARY KEY, value text)")
    relay.wait_for_log(r"(?s)Reading again, [^\n]*public\.still_empty.*tables read again, ")
    shared.settle()
    assert "still_empty" not in shared.topics()
    shared.execute("INSERT INTO still_empty VALUES (1, 'a'); UPDATE still_empty SET value = 'b'")
    assert [op for op, _, _ in shared.changes("still_empty")] == ["c", "u"]


def test_a_key_that_is_dropped_and_made_again_lets_others_write_and_the_topic_becomes_right(shared: Scene):
    shared.execute("ALTER TABLE keyed1 DROP CONSTRAINT key1")
    is_taken_out(shared, "keyed1")
    shared.execute("INSERT INTO keyed1 VALUES (4, 'd')")
    shared.execute("UPDATE keyed1 SET value = 'updated' WHERE id = 1")
    shared.execute("DELETE FROM keyed1 WHERE id = 2")
    shared.execute("ALTER TABLE keyed1 ADD PRIMARY KEY (id)")
    shared.execute("DELETE FROM keyed1 WHERE id = 3")
    becomes_right(shared, "keyed1")
    shared.execute("ALTER TABLE keyed1 REPLICA IDENTITY NOTHING")
    is_taken_out(shared, "keyed1")
    shared.execute("UPDATE keyed1 SET value = 'nothing' WHERE id = 1")
    shared.execute("ALTER TABLE keyed1 REPLICA IDENTITY DEFAULT")
    becomes_right(shared, "keyed1")


def test_what_happens_to_tables_while_the_relay_is_stopped_is_healed(shared: Scene):
    """keyed2 loses its key and gets it again; keyed3 is taken out of the publication and added again, by somebody."""
    [relay] = shared.relays
    relay.stop()
    shared.execute("ALTER TABLE keyed2 DROP CONSTRAINT key2")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):  # What nothing can close; said at start.
        shared.execute("UPDATE keyed2 SET value = 'updated' WHERE id = 1")
    shared.execute("INSERT INTO keyed2 VALUES (4, 'd')")  # Its message has a null key.
    shared.execute("ALTER TABLE keyed2 ADD PRIMARY KEY (id)")
    shared.execute("UPDATE keyed2 SET value = 'updated' WHERE id = 1")
    shared.execute(f"ALTER PUBLICATION {shared.slot} DROP TABLE keyed3")
    shared.execute("UPDATE keyed3 SET value = 'updated' WHERE id = 1; DELETE FROM keyed3 WHERE id = 2")
    shared.execute(f"ALTER PUBLICATION {shared.slot} ADD TABLE keyed3")
    relay.start()
    relay.wait_streaming()
    becomes_right(shared, "keyed2", "keyed3")


@with_roots
def test_partitions_without_identity_never_stop_others(shared: Scene):
    shared.execute("CREATE TABLE high PARTITION OF parts FOR VALUES FROM (100) TO (200)")
    shared.execute("INSERT INTO parts VALUES (1, 'a'), (101, 'b'), (102, 'c')")
    shared.execute("ALTER TABLE high REPLICA IDENTITY NOTHING")
    is_taken_out(shared, "parts")
    shared.execute("UPDATE parts SET value = 'updated' WHERE id IN (1, 101)")
    shared.execute("DELETE FROM parts WHERE id = 102")
    shared.execute("ALTER TABLE high REPLICA IDENTITY DEFAULT")
    becomes_right(shared, "parts")


def test_a_key_that_is_dropped_while_a_first_start_waits_for_its_slot(scene: Scene):
    scene.execute("CREATE TABLE busy (id int PRIMARY KEY); CREATE TABLE loses (id int PRIMARY KEY, value text); "
                  "INSERT INTO loses VALUES (1, 'a')")
    relay = scene.relay()
    with scene.connect() as writer:
        writer.autocommit = False
        writer.execute("INSERT INTO busy VALUES (1)")
        relay.start()
        relay.wait_for_log("Creating slot .* waits for")
        scene.execute("ALTER TABLE loses DROP CONSTRAINT loses_pkey")
        is_taken_out(scene, "loses")
        scene.execute("UPDATE loses SET value = 'updated'")
        scene.execute("ALTER TABLE loses ADD PRIMARY KEY (id)")
        writer.commit()
    relay.wait_streaming()
    becomes_right(scene, "busy", "loses")


RELAY_S_WAITS = """
SELECT l.waitstart FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND l.relation = 'behind'::regclass AND a.application_name LIKE 'bottledwater%'
"""


@since(14, "when a wait began cannot be seen")
def test_nobody_waits_long_behind_a_relay_that_waits_for_a_lock(world: Scene):
    """Who wants a lock that goes with the holder's, and not with the one that the relay wants, stands behind the relay."""
    world.execute("CREATE TABLE behind (id int PRIMARY KEY, value text) PARTITION BY RANGE (id);"
                  "CREATE TABLE behind_low PARTITION OF behind FOR VALUES FROM (0) TO (100);"
                  "ALTER TABLE behind_low REPLICA IDENTITY NOTHING")
    with world.connect() as holder, world.connect() as somebody:
        holder.execute("BEGIN; LOCK TABLE ONLY behind IN SHARE MODE")
        world.execute("ALTER TABLE behind_low REPLICA IDENTITY DEFAULT")  # Now the relay wants to add the root.
        somebody.execute("SET lock_timeout = '1s'")  # The relay gives up after 50 ms.
        waits = set()
        deadline = time.monotonic() + 30
        while len(waits) < 3:
            waits |= set(world.query(RELAY_S_WAITS))
            somebody.execute("BEGIN; LOCK TABLE ONLY behind IN SHARE MODE; COMMIT")
            assert time.monotonic() < deadline, "the relay does not try"
    is_joined(world, "behind")


def test_a_reread_waits_for_open_transactions_without_holding_up_capture(shared: Scene):
    [relay] = shared.relays
    with shared.connect() as holder:
        holder.autocommit = False
        holder.execute("CREATE TABLE invisible (id int)")  # Has a transaction id, and keeps it.
        shared.execute("CREATE TABLE waits (id int PRIMARY KEY, value text); INSERT INTO waits VALUES (1, 'a');"
                       "UPDATE waits SET value = 'updated'")
        is_joined(shared, "waits")
        for number in range(2, 6):
            shared.execute("INSERT INTO waits VALUES (%s, 'b')", [number])
            shared.settle(timeout=20)  # The stream goes on.
        assert folded(shared, "waits")["waits"][1] == {"id": 1, "value": "a"}
    becomes_right(shared, "waits")
    assert "read again, " in relay.log_text()


def test_a_thousand_new_tables_are_in_the_publication_in_a_few_seconds(shared: Scene):
    shared.execute("".join(f"CREATE TABLE many{n} (id int PRIMARY KEY, value text);" for n in range(1000)))
    begin = time.monotonic()
    shared.wait_until(lambda: "many999" in members(shared), 60, "all tables to be in the publication")
    assert time.monotonic() - begin < 30  # About 2 s on an idle machine.


def test_an_excluded_table_without_a_key_changes_nothing_for_the_others(scene: Scene):
    """Finding 7."""
    scene.execute("CREATE TABLE left_out (line text)")
    scene.running_relay(exclude_tables="left_out")
    scene.execute("CREATE TABLE quick (id int PRIMARY KEY, value text); INSERT INTO quick VALUES (1, 'a'), (2, 'b');"
                  "UPDATE quick SET value = 'updated' WHERE id = 1; DELETE FROM quick WHERE id = 2")
    becomes_right(scene, "quick")
    scene.execute("INSERT INTO left_out VALUES ('a'); UPDATE left_out SET line = 'b'; DELETE FROM left_out")


def test_a_table_that_is_locked_holds_up_neither_the_start_nor_others(scene: Scene):
    scene.execute("CREATE TABLE locked (id int PRIMARY KEY, value text); INSERT INTO locked VALUES (1, 'a'), (2, 'b')")
    scene.execute("CREATE TABLE free (id int PRIMARY KEY, value text)")
    with scene.connect() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE locked IN SHARE UPDATE EXCLUSIVE MODE")  # As VACUUM does, for hours.
        scene.running_relay()
        scene.execute("INSERT INTO free VALUES (1, 'a')")
        scene.execute("UPDATE locked SET value = 'updated' WHERE id = 1; DELETE FROM locked WHERE id = 2")
        becomes_right(scene, "free")
        assert "locked" not in members(scene)
    is_joined(scene, "locked")
    becomes_right(scene, "locked")


def test_an_event_trigger_lets_a_table_lose_and_get_its_key_without_a_moment_between(scene: Scene):
    scene.execute("CREATE TABLE test (id int CONSTRAINT test_key PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test VALUES (1, 'a'), (2, 'b')")
    relay = scene.running_relay(install_event_trigger=True)
    scene.wait_until(lambda: scene.query("SELECT FROM pg_event_trigger"), 30, "the event trigger")
    relay.kill9()
    scene.execute("ALTER TABLE test DROP CONSTRAINT test_key")
    scene.execute("UPDATE test SET value = 'updated' WHERE id = 1; DELETE FROM test WHERE id = 2")
    scene.execute("ALTER TABLE test ADD PRIMARY KEY (id)")
    scene.execute("CREATE TABLE quick (id int PRIMARY KEY, value text)")
    assert {"test", "quick"} <= members(scene)
    # It can never fail a statement, nor let it wait for long.
    with scene.connect() as holder:
        holder.autocommit = False
        holder.execute("SET application_name = 'holder'")
        holder.execute("CREATE TABLE held (id int PRIMARY KEY)")  # Its trigger has locked the publication until the end.
        with nobody_waits(scene, "holder"):
            scene.execute("CREATE TABLE beside (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO beside VALUES (1, 'a'); UPDATE beside SET value = 'updated'")
    relay.start()
    relay.wait_streaming()
    becomes_right(scene, "test", "quick", "beside")
    scene.execute(f"DROP PUBLICATION {scene.slot}_inserts")  # Whatever else is wrong.
    scene.execute(f"ALTER PUBLICATION {scene.slot} RENAME TO other")
    scene.execute("CREATE TABLE still (id int PRIMARY KEY); ALTER TABLE still ADD COLUMN more int; DROP TABLE still")


@since(15, "whoever adds a table holds up no other ALTER PUBLICATION")
def test_who_holds_the_publication_while_a_key_is_dropped_is_named(scene: Scene):
    """The event trigger gives up then, and the keeper can only wait as well."""
    scene.execute("CREATE TABLE test (id int CONSTRAINT test_key PRIMARY KEY); INSERT INTO test VALUES (1)")
    relay = scene.running_relay(install_event_trigger=True)
    scene.wait_until(lambda: scene.query("SELECT FROM pg_event_trigger"), 30, "the event trigger")
    with scene.connect() as holder:
        holder.autocommit = False
        holder.execute("CREATE TABLE report (id int PRIMARY KEY)")
        scene.execute("ALTER TABLE test DROP CONSTRAINT test_key")
        relay.wait_for_log(rf"waits for the session with pid {holder.info.backend_pid} .*\n.*DROP TABLE ONLY")
        holder.commit()
    scene.wait_until(lambda: "test" not in members(scene), 10, "the table to be taken out")
    scene.execute("UPDATE test SET id = 2")


def test_a_publication_of_one_s_own_is_never_altered_and_its_harm_is_said(scene: Scene):
    scene.execute(f"CREATE PUBLICATION {scene.slot} FOR ALL TABLES")
    relay = scene.running_relay()
    scene.execute("CREATE TABLE log (line text)")
    relay.wait_for_log("(?s)log has no replica identity.*does not alter.*REPLICA IDENTITY FULL")
    assert scene.publications() == [scene.slot]
    scene.execute("ALTER TABLE log REPLICA IDENTITY FULL")
