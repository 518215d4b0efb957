"""--tables and --exclude-tables: what they leave out for a while is made good, and what they never select is said."""

import time

import pytest
from harness import Scene, with_roots
from harness.topic_is_table import becomes_its_table, table_rows, topic_rows

MARKER = "public.bw_marker"
PUBLICATIONS = pytest.mark.parametrize("publication", [None, "mine"], ids=["own pair", "operator's publication"])


def start(scene: Scene, publication, *arguments: str, **options):
    relay = scene.relay(*arguments, publication=publication, **options)
    relay.start()
    relay.wait_streaming()
    return relay


def make(scene: Scene, publication, *tables: str) -> None:
    for table in tables:
        scene.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text); INSERT INTO {table} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    if publication:
        scene.execute(f"CREATE PUBLICATION {publication} FOR ALL TABLES")


def change(scene: Scene, table: str) -> None:
    scene.execute(f"UPDATE {table} SET v = 'changed' WHERE id = 1; DELETE FROM {table} WHERE id = 2")
    scene.settle()


@PUBLICATIONS
def test_a_table_that_was_left_out_for_a_while_is_read_again(scene: Scene, publication):
    make(scene, publication, "t")
    start(scene, publication).stop()
    without = start(scene, publication, exclude_tables="t")
    change(scene, "t")
    without.kill9()
    again = start(scene, publication)
    becomes_its_table(scene, "t")
    scene.settle()
    assert again.log_text().count("tables read again") == 1


@PUBLICATIONS
def test_also_when_it_was_renamed_meanwhile(scene: Scene, publication):
    make(scene, publication, "t")
    start(scene, publication).stop()
    without = start(scene, publication, exclude_tables="t,other")
    change(scene, "t")
    scene.execute("ALTER TABLE t RENAME TO other")
    without.wait_for_log("Streaming changes")
    scene.settle()
    without.stop()
    start(scene, publication)
    becomes_its_table(scene, "other")


def test_also_when_all_else_was_read_again_meanwhile(scene: Scene):
    make(scene, None, "t", "u")
    start(scene, None).stop()
    without = start(scene, None, exclude_tables="t")
    change(scene, "t")
    without.stop()
    without = start(scene, None, "resnapshot", exclude_tables="t")
    scene.settle()
    without.stop()
    start(scene, None)
    becomes_its_table(scene, "t")


@PUBLICATIONS
def test_a_table_that_was_renamed_out_of_the_selection_and_back_is_read_again(scene: Scene, publication):
    make(scene, publication, "t")
    start(scene, publication, tables=f"public.t,{MARKER}")
    scene.settle()
    scene.execute("ALTER TABLE t RENAME TO other")
    change(scene, "other")
    scene.execute("ALTER TABLE other RENAME TO t")
    scene.execute("INSERT INTO t VALUES (4, 'd')")
    becomes_its_table(scene, "t")


@PUBLICATIONS
def test_a_table_that_is_renamed_into_the_selection_is_read(scene: Scene, publication):
    make(scene, publication, "other")
    start(scene, publication, tables=f"public.t,{MARKER}")
    change(scene, "other")
    scene.execute("ALTER TABLE other RENAME TO t")
    becomes_its_table(scene, "t")


@PUBLICATIONS
def test_a_table_that_is_to_be_read_again_waits_while_it_is_left_out(scene: Scene, publication):
    make(scene, publication, "t")
    relay = start(scene, publication)
    scene.settle()
    with scene.connect() as holder:  # Nothing can be read again meanwhile.
        holder.execute("BEGIN; SELECT txid_current()")
        scene.execute("ALTER TABLE t RENAME TO early")
        relay.wait_for_log(r"Table public\.early: its name was public\.t")
        relay.stop()
    without = start(scene, publication, exclude_tables="early")
    change(scene, "early")
    scene.wait_until(lambda: time.sleep(4) is None, 10, "a few looks at the notes")
    without.stop()
    assert "read again" not in without.log_text() and "Reading again" not in without.log_text()
    start(scene, publication)
    becomes_its_table(scene, "early")


def test_what_the_log_says_of_a_table_that_is_left_out_is_true(scene: Scene):
    make(scene, None, "t", "u")
    start(scene, None).stop()
    without = start(scene, None, exclude_tables="t")
    scene.execute("ALTER TABLE t DROP CONSTRAINT t_pkey")
    without.wait_for_log(r"Table public\.t has lost its replica identity")
    assert "inserts are captured" not in without.log_text()


@with_roots
def test_patterns_that_select_nothing_are_named(scene: Scene):
    make(scene, None, "t")
    scene.execute("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p_1 PARTITION OF p DEFAULT")
    relay = start(scene, None, tables=f"public.t,{MARKER},publc.*,p_1", exclude_tables="secrets")
    text = relay.wait_for_log(r"(?s)--tables=publc\.\* .*--exclude-tables=secrets ").string
    assert "--tables=p_1 " in text and "partition" in text
    assert "--tables=public.t " not in text
    relay.stop()
    relay = start(scene, None, tables=f"t,{MARKER}")
    scene.settle()
    assert "--tables=" not in relay.log_text()


@PUBLICATIONS
def test_a_selection_of_nothing_is_said_loudly_and_waits_for_its_tables(scene: Scene, publication):
    make(scene, publication, "t")
    relay = start(scene, publication, tables="typo")
    relay.wait_for_log("error .*select no table")
    scene.execute("CREATE TABLE typo (id int PRIMARY KEY, v text); INSERT INTO typo VALUES (1, 'a')")
    # Without settle(), whose table is not selected.
    scene.wait_until(lambda: topic_rows(scene, "typo") == table_rows(scene, "typo"), 30, "topic typo to be its table")
