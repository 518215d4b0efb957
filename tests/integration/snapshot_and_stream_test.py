"""A row's way from PostgreSQL to its topic: first the snapshot, then the stream, nothing twice, nothing missing."""

import re
import signal
from pathlib import Path

import psycopg
from harness import Scene
from harness.writer import Writer

TEST = "CREATE TABLE test (id serial PRIMARY KEY, value text)"


def test_rows_there_before_come_as_snapshot_and_later_changes_follow(scene: Scene):
    scene.execute(TEST)
    scene.execute("INSERT INTO test (value) VALUES ('hello world!'), ('there before')")
    scene.running_relay()
    scene.execute("INSERT INTO test (value) VALUES ('came later')")
    assert scene.changes("test") == [
        ("r", {"id": 1}, {"id": 1, "value": "hello world!"}),
        ("r", {"id": 2}, {"id": 2, "value": "there before"}),
        ("c", {"id": 3}, {"id": 3, "value": "came later"}),
    ]


def test_first_start_says_what_it_does(scene: Scene):
    scene.execute(TEST)
    relay = scene.running_relay()
    relay.wait_for_log(rf'Created replication slot "{scene.slot}", capturing consistent snapshot [0-9A-F]+-[0-9A-F]+-\d')
    relay.wait_for_log(r"Table public\.test is keyed by index test_pkey")
    relay.wait_for_log(r"Snapshot complete, streaming changes from [0-9A-F]+/[0-9A-F]+")


def test_password_is_in_no_log(scene: Scene):
    relay = scene.running_relay(log_level="debug")
    scene.settle()
    relay.stop()
    assert "secret-of-postgres" not in relay.log.read_text()


def test_update_has_the_whole_new_row_and_delete_has_no_value(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    scene.execute("INSERT INTO test (value) VALUES ('one')")
    scene.execute("UPDATE test SET value = 'two'")
    scene.execute("UPDATE test SET value = NULL")
    scene.execute("DELETE FROM test")
    assert scene.changes("test") == [
        ("c", {"id": 1}, {"id": 1, "value": "one"}),
        ("u", {"id": 1}, {"id": 1, "value": "two"}),
        ("u", {"id": 1}, {"id": 1, "value": None}),
        ("d", {"id": 1}, None),
    ]


def test_update_of_the_key_is_a_tombstone_for_the_old_and_then_the_row(scene: Scene):
    scene.execute(TEST)
    scene.execute("INSERT INTO test VALUES (1, 'moves')")
    scene.running_relay()
    scene.execute("UPDATE test SET id = 7")
    assert scene.changes("test") == [
        ("r", {"id": 1}, {"id": 1, "value": "moves"}),
        ("d", {"id": 1}, None),
        ("u", {"id": 7}, {"id": 7, "value": "moves"}),
    ]


def test_key_is_the_replica_identity_index_where_one_is_chosen(scene: Scene):
    scene.execute("CREATE TABLE test (id int, code text NOT NULL, value text)")
    scene.execute("CREATE UNIQUE INDEX by_code ON test (code)")
    scene.execute("ALTER TABLE test REPLICA IDENTITY USING INDEX by_code")
    scene.execute("INSERT INTO test VALUES (1, 'a', 'x')")
    scene.running_relay()
    scene.execute("DELETE FROM test")
    assert scene.changes("test") == [
        ("r", {"code": "a"}, {"id": 1, "code": "a", "value": "x"}),
        ("d", {"code": "a"}, None),
    ]


def test_key_of_several_columns_has_them_all(scene: Scene):
    scene.execute("CREATE TABLE test (a int, b text, c int, PRIMARY KEY (c, a))")
    scene.execute("INSERT INTO test VALUES (1, 'x', 3)")
    scene.running_relay()
    scene.execute("UPDATE test SET b = 'y'")
    assert scene.changes("test") == [
        ("r", {"a": 1, "c": 3}, {"a": 1, "b": "x", "c": 3}),
        ("u", {"a": 1, "c": 3}, {"a": 1, "b": "y", "c": 3}),
    ]


def test_skip_snapshot_streams_only(scene: Scene):
    scene.execute(TEST)
    scene.execute("INSERT INTO test (value) VALUES ('before')")
    scene.running_relay(skip_snapshot=True)
    scene.execute("INSERT INTO test (value) VALUES ('after')")
    assert scene.changes("test") == [("c", {"id": 2}, {"id": 2, "value": "after"})]


def test_skip_snapshot_is_ignored_when_the_slot_exists(scene: Scene):
    scene.execute(TEST)
    scene.running_relay().stop()
    scene.execute("INSERT INTO test (value) VALUES ('while the relay was away')")
    scene.running_relay(skip_snapshot=True)
    assert scene.changes("test") == [("c", {"id": 1}, {"id": 1, "value": "while the relay was away"})]


def test_writes_during_the_snapshot_are_neither_lost_nor_doubled(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n")
    relay = scene.relay()
    with Writer(scene.url(), "INSERT INTO test VALUES ({n} + 1000000, 'written meanwhile')") as writer:
        writer.wait_for(20)
        relay.start()
        relay.wait_streaming()
        writer.wait_for(writer.written + 20)
    keys = [message.key["id"] for message in scene.messages("test")]
    assert len(keys) == 100000 + writer.written
    assert len(set(keys)) == len(keys)


def test_snapshot_rows_have_positions_below_all_streamed_ones(scene: Scene):
    scene.execute(TEST)
    scene.execute("INSERT INTO test (value) SELECT 'x' FROM generate_series(1, 100)")
    scene.running_relay()
    scene.execute("INSERT INTO test (value) VALUES ('streamed'), ('streamed')")
    positions = [message.position for message in scene.messages("test")]
    assert positions == sorted(positions)
    assert len(set(positions)) == 102
    assert len({lsn for lsn, _ in positions[:100]}) == 1


def test_rolled_back_work_and_savepoints_leave_no_message(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    with scene.connection.transaction(force_rollback=True):
        scene.execute("INSERT INTO test VALUES (1, 'never')")
    with scene.connection.transaction():
        scene.execute("INSERT INTO test VALUES (2, 'kept')")
        with scene.connection.transaction(force_rollback=True):
            scene.execute("INSERT INTO test VALUES (3, 'taken back')")
        scene.execute("INSERT INTO test VALUES (4, 'kept too')")
    assert [key["id"] for _, key, _ in scene.changes("test")] == [2, 4]


def test_changes_of_one_transaction_share_the_lsn_and_count_up(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    with scene.connection.transaction():
        scene.execute("INSERT INTO test (value) VALUES ('a'), ('b')")
        scene.execute("UPDATE test SET value = 'c' WHERE id = 1")
    positions = [message.position for message in scene.messages("test")]
    assert len({lsn for lsn, _ in positions}) == 1
    assert [index for _, index in positions] == sorted({index for _, index in positions})


def test_empty_transactions_and_truncate_are_no_trouble(scene: Scene):
    scene.execute(TEST)
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    relay = scene.running_relay()
    with scene.connection.transaction():
        scene.execute("SELECT txid_current()")
    scene.execute("INSERT INTO test VALUES (1, 'goes')")
    scene.execute("TRUNCATE test, other RESTART IDENTITY CASCADE")
    with scene.connection.transaction():
        scene.execute("INSERT INTO test VALUES (2, 'goes too')")
        scene.execute("TRUNCATE test")
        scene.execute("INSERT INTO test VALUES (1, 'comes')")
    assert [(key["id"], value["value"]) for _, key, value in scene.changes("test")] == [
        (1, "goes"), (2, "goes too"), (1, "comes")]
    assert relay.is_running()


def test_table_made_while_the_relay_runs_is_captured(scene: Scene):
    scene.running_relay()
    scene.execute(TEST)
    scene.execute("INSERT INTO test (value) VALUES ('new table')")
    assert scene.changes("test") == [("c", {"id": 1}, {"id": 1, "value": "new table"})]


def test_each_row_has_the_columns_of_its_own_time(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'as it was')")
    scene.execute("ALTER TABLE test ADD COLUMN extra int")
    scene.execute("INSERT INTO test VALUES (2, 'wider', 22)")
    with scene.connection.transaction():
        scene.execute("INSERT INTO test VALUES (3, 'same transaction', 33)")
        scene.execute("ALTER TABLE test RENAME COLUMN extra TO more")
        scene.execute("INSERT INTO test VALUES (4, 'renamed', 44)")
    scene.execute("ALTER TABLE test DROP COLUMN value")
    scene.execute("INSERT INTO test VALUES (5, 55)")
    scene.execute("ALTER TABLE test ALTER COLUMN more TYPE text")
    scene.execute("INSERT INTO test VALUES (6, 'sixty-six')")
    values = {key["id"]: value for op, key, value in scene.changes("test") if op == "c"}
    assert values == {
        1: {"id": 1, "value": "as it was"},
        2: {"id": 2, "value": "wider", "extra": 22},
        3: {"id": 3, "value": "same transaction", "extra": 33},
        4: {"id": 4, "value": "renamed", "more": 44},
        5: {"id": 5, "more": 55},
        6: {"id": 6, "more": "sixty-six"},
    }


def test_dropped_and_made_again_table_goes_on_in_its_topic(scene: Scene):
    scene.execute(TEST)
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'old table')")
    scene.execute("DROP TABLE test")
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, other int)")
    scene.execute("INSERT INTO test VALUES (1, 2)")
    assert [value for _, _, value in scene.changes("test")] == [{"id": 1, "value": "old table"}, {"id": 1, "other": 2}]


def test_unchanged_large_value_is_taken_from_the_old_row_under_full_identity(scene: Scene):
    large = "".join(chr(97 + n * n % 26) for n in range(200_000))
    scene.execute(TEST)
    scene.execute("ALTER TABLE test ADD COLUMN large text, ALTER COLUMN large SET STORAGE EXTERNAL, REPLICA IDENTITY FULL")
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'a', %s)", [large])
    scene.execute("UPDATE test SET value = 'b'")
    assert [value for _, _, value in scene.changes("test")] == [
        {"id": 1, "value": "a", "large": large}, {"id": 1, "value": "b", "large": large}]


def test_transaction_larger_than_a_kafka_transaction_comes_whole_and_in_order(scene: Scene):
    scene.execute(TEST)
    scene.running_relay(transaction_max_messages=1000)
    scene.execute("INSERT INTO test (value) SELECT 'x' FROM generate_series(1, 10500)")
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, 10501))


def test_tables_and_exclude_tables_choose_by_glob(scene: Scene):
    scene.execute("CREATE TABLE wanted_a (id int PRIMARY KEY)")
    scene.execute("CREATE TABLE wanted_b (id int PRIMARY KEY)")
    scene.execute("CREATE TABLE unwanted (id int PRIMARY KEY)")
    for table in "wanted_a", "wanted_b", "unwanted":
        scene.execute(f"INSERT INTO {table} VALUES (1)")
    scene.running_relay(tables="public.wanted_*,public.bw_marker", exclude_tables="public.*_b")
    for table in "wanted_a", "wanted_b", "unwanted":
        scene.execute(f"INSERT INTO {table} VALUES (2)")
    scene.settle()
    assert scene.topics() == {"wanted_a"}
    assert [key["id"] for _, key, _ in scene.changes("wanted_a")] == [1, 2]


def test_restart_resumes_without_duplicate_or_gap(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    with Writer(scene.url(), "INSERT INTO test VALUES ({n})") as writer:
        relay = scene.running_relay()
        for _ in range(3):
            writer.wait_for(writer.written + 50)
            relay.send(signal.SIGTERM)
            assert relay.exit_code(timeout=10) == 0
            writer.wait_for(writer.written + 50)
            relay.start()
            relay.wait_streaming()
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, writer.written + 1))


def test_stop_under_load_takes_less_than_ten_seconds_and_exits_0(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    for number in signal.SIGTERM, signal.SIGINT:
        relay = scene.running_relay()
        with Writer(scene.url(), "INSERT INTO test SELECT {n} * 1000 + i FROM generate_series(1, 999) i "
                                 "ON CONFLICT DO NOTHING") as writer:
            writer.wait_for(20)
            relay.send(number)
            assert relay.exit_code(timeout=10) == 0


def test_stop_during_the_snapshot_starts_it_again_and_it_comes_once(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test SELECT n, repeat('x', 200) FROM generate_series(1, 300000) n")
    relay = scene.relay()
    relay.start()
    relay.wait_for_log("capturing consistent snapshot")
    relay.send(signal.SIGTERM)
    assert relay.exit_code(timeout=10) == 0
    relay.start()
    relay.wait_for_log("capturing consistent snapshot")
    relay.kill9()
    relay.start()
    relay.wait_streaming()
    keys = [message.key["id"] for message in scene.messages("test")]
    assert len(keys) == 300000 and len(set(keys)) == 300000


def test_after_restart_the_log_tells_where_it_goes_on(scene: Scene):
    relay = scene.running_relay()
    relay.stop()
    relay.start()
    found = relay.wait_for_log(r"(?i)streaming changes from ([0-9A-F]+/[0-9A-F]+)")
    assert re.fullmatch("[0-9A-F]+/[0-9A-F]+", found[1])
    assert "snapshot" not in relay.log_text().lower()


def test_walsender_that_is_terminated_again_and_again_loses_nothing(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.running_relay()
    with Writer(scene.url(), "INSERT INTO test VALUES ({n})") as writer:
        for _ in range(5):
            writer.wait_for(writer.written + 50)
            scene.wait_until(lambda: terminate_walsender(scene), 30, "the walsender to be there")
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, writer.written + 1))


def terminate_walsender(scene: Scene) -> bool:
    try:
        return bool(scene.query(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
            [scene.slot]))
    except psycopg.OperationalError:
        return False


def test_threads_have_the_names_that_the_architecture_gives_them(scene: Scene):
    scene.execute(TEST)
    relay = scene.running_relay()
    scene.settle()
    names = {(task / "comm").read_text().strip() for task in Path(f"/proc/{relay.pid}/task").iterdir()}
    assert names >= {"bottledwater", "capture", "spool writer", "publish", "keeper", "monitor", "admin"}
