"""--on-error=hold: a table whose row cannot be published stops in the spool, the others flow, and it goes on where it stopped,
each change once and in order, whatever is killed, lost or copied back in between."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import pytest
from clients import Admin, JsonDecoder, TopicReader
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from harness import Scene
from harness.topic_is_table import table_rows, topic_rows

from servers import Relay, Servers, binary

SMALL, LARGE = 20_000, 1_000_000
NOISE = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 2000))"  # 64,000 bytes.
NOT_DONE, USAGE, ROW_REFUSED = 1, 64, 65


@pytest.fixture
def ascii_scene(servers: Servers, tmp_path: Path) -> Iterator[Scene]:
    """Its database takes texts that are not UTF-8."""
    servers.bring_back()
    scene = Scene(servers, tmp_path, "SQL_ASCII")
    yield scene
    print(scene.report())
    scene.close()


def set_limit(scene: Scene, table: str, limit: int) -> None:
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    resource = ConfigResource(ResourceType.TOPIC, scene.topic(table), incremental_configs=[
        ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(timeout=20)


def status(relay: Relay) -> dict:
    return Admin(Path(relay.options["spool"])).status()


def held(relay: Relay) -> list[str]:
    return [one["table"] for one in status(relay)["publish"]["held"]]


def is_held(scene: Scene, relay: Relay, *tables: str) -> None:
    scene.wait_until(lambda: held(relay) == list(tables), 60, f"{tables} to be held")


def resume(relay: Relay, *words: str) -> tuple[int, str]:
    done = subprocess.run([binary(), "resume", *words, f"--spool={relay.options['spool']}"], capture_output=True, text=True,
                          timeout=30)
    return done.returncode, done.stdout + done.stderr


def resnapshot(scene: Scene, relay: Relay, table: str) -> tuple[int, str]:
    done = subprocess.run([binary(), "resnapshot", table, f"--spool={relay.options['spool']}"], capture_output=True, text=True,
                          timeout=30, env={"BOTTLEDWATER_POSTGRES": scene.url()})
    return done.returncode, done.stdout + done.stderr


def ids(scene: Scene, table: str) -> list[int]:
    return [message.key["id"] for message in scene.messages(table, settle=False)]


def expect(scene: Scene, table: str, numbers) -> None:
    """All of these, in this order, and nothing else, and no position twice."""
    scene.wait_until(lambda: len(ids(scene, table)) >= len(list(numbers)), 60, f"the rows of {table}")
    scene.settle()
    assert ids(scene, table) == list(numbers)
    positions = [message.position for message in scene.messages(table, settle=False)]
    assert positions == sorted(set(positions))


def with_a_held_table(scene: Scene, table: str = "big", **options) -> Relay:
    """Row 1 of the table is published, row 2 is too large, row 3 waits behind it; other has rows 1 to 3."""
    scene.execute(f"CREATE TABLE other (id serial PRIMARY KEY); CREATE TABLE {table} (id int PRIMARY KEY, v text);"
                  f"INSERT INTO {table} VALUES (1, 'a')")
    relay = scene.running_relay(on_error="hold", **options)
    scene.settle()
    set_limit(scene, table, SMALL)
    with scene.connection.transaction():
        scene.execute("INSERT INTO other VALUES (DEFAULT)")
        scene.execute(f"INSERT INTO {table} VALUES (2, {NOISE})")
        scene.execute("INSERT INTO other VALUES (DEFAULT)")
    scene.execute(f"INSERT INTO {table} VALUES (3, 'c'); INSERT INTO other VALUES (DEFAULT)")
    is_held(scene, relay, f"public.{table}")
    scene.settle()
    assert ids(scene, table) == [1] and sorted(ids(scene, "other")) == [1, 2, 3]
    return relay


def test_a_row_too_large_holds_its_table_until_a_restart_finds_the_limit_raised(scene: Scene):
    relay = with_a_held_table(scene)
    relay.stop()
    relay.start()
    relay.wait_streaming()
    scene.settle()
    is_held(scene, relay, "public.big")
    assert ids(scene, "big") == [1]
    relay.stop()
    set_limit(scene, "big", LARGE)
    relay.start()
    expect(scene, "big", [1, 2, 3])
    is_held(scene, relay)
    scene.execute("INSERT INTO big VALUES (4, 'd')")
    expect(scene, "big", [1, 2, 3, 4])
    assert sorted(ids(scene, "other")) == [1, 2, 3]


def test_resume_lets_a_table_go_on_and_names_what_is_not_held(scene: Scene):
    relay = with_a_held_table(scene)
    code, text = resume(relay, "public.big")
    assert code == 0 and "tried again: public.big" in text
    scene.wait_until(lambda: status(relay)["publish"]["sessions"] >= 2, 60, "another session")
    is_held(scene, relay, "public.big")
    set_limit(scene, "big", LARGE)
    code, text = resume(relay, "public.big", "public.other")
    assert code == USAGE and "table public.other is not held; these are: public.big" in text
    assert ids(scene, "big") == [1]
    code, text = resume(relay, "public.big")
    assert code == 0, text
    expect(scene, "big", [1, 2, 3])
    is_held(scene, relay)
    code, text = resume(relay, "public.big")
    assert code == USAGE and "is not held; none is" in text
    assert resume(relay, "capture", "public.big")[0] == USAGE
    relay.stop()
    assert resume(relay, "public.big")[0] == NOT_DONE


def test_what_is_held_is_told_once_and_counted_once(scene: Scene):
    relay = with_a_held_table(scene)
    [one] = status(relay)["publish"]["held"]
    assert set(one) == {"table", "published_through", "reason"}
    assert re.search(r"its message has 6\d\d\d\d bytes, and 19872 are allowed", one["reason"]), one
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+:\w+", one["published_through"]), one
    [trouble] = status(relay)["publish"]["troubles"]
    assert trouble["kind"] == "at risk" and "public.big" in trouble["what"] and "resume" in trouble["remedy"]
    assert Admin(Path(relay.options["spool"])).metrics()["bottledwater_held_tables"] == 1
    before = status(relay)["publish"]["sessions"]
    resume(relay, "public.big")
    scene.wait_until(lambda: status(relay)["publish"]["sessions"] > before, 60, "another session")
    scene.settle()
    assert len(re.findall("Table public.big is held: its changes wait", relay.log_text())) == 1
    set_limit(scene, "big", LARGE)
    resume(relay, "public.big")
    expect(scene, "big", [1, 2, 3])
    is_held(scene, relay)
    scene.wait_until(lambda: status(relay)["capture"]["changes"] == status(relay)["publish"]["changes"], 60, "equal counts")
    assert status(relay)["publish"]["troubles"] == [] and status(relay)["spool"]["backlog_changes"] == 0


def test_a_schema_that_the_registry_refuses_holds_its_table(scene: Scene):
    scene.execute("CREATE TABLE other (id serial PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)")
    relay = scene.running_relay(on_error="hold")
    scene.settle()
    scene.set_compatibility("t", "BACKWARD")
    scene.execute("ALTER TABLE t ALTER v TYPE text; INSERT INTO t VALUES (2, 'b'); INSERT INTO other VALUES (DEFAULT);"
                  "INSERT INTO t VALUES (3, 'c')")
    is_held(scene, relay, "public.t")
    scene.settle()
    assert ids(scene, "t") == [1] and ids(scene, "other") == [1]
    assert "the registry refuses the schema" in status(relay)["publish"]["held"][0]["reason"]
    scene.set_compatibility("t", "NONE")
    assert resume(relay, "public.t")[0] == 0
    expect(scene, "t", [1, 2, 3])


def test_a_row_that_capture_cannot_encode_holds_its_table_until_another_policy(ascii_scene: Scene):
    scene = ascii_scene
    scene.execute("CREATE TABLE other (id serial PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')")
    relay = scene.running_relay(on_error="hold")
    scene.execute(r"INSERT INTO t VALUES (2, E'a\xffz'); INSERT INTO t VALUES (3, 'c'); INSERT INTO other VALUES (DEFAULT)")
    is_held(scene, relay, "public.t")
    scene.settle()
    assert ids(scene, "t") == [1] and ids(scene, "other") == [1]
    relay.stop()
    assert scene.relay(on_error="exit").run(60) == ROW_REFUSED
    relay = scene.running_relay(on_error="dead-letter")
    expect(scene, "t", [1, 3])
    letters = TopicReader(scene.servers.kafka.address, JsonDecoder()).read(scene.topic("dead-letter"))
    assert [letter.value["key"]["id"] for letter in letters] == [2]
    is_held(scene, relay)


@pytest.mark.parametrize("copied", ["", "while held", "before"])
def test_with_the_spool_lost_or_an_older_copy_of_it_a_held_table_is_made_whole(scene: Scene, copied: str):
    """What a held table had left was in that spool alone."""
    older = scene.folder / "older"
    # WAL that is published is confirmed, so that an older copy cannot simply receive all of it again.
    scene.execute("CREATE TABLE other (id serial PRIMARY KEY); CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big VALUES (1, 'a')")
    relay = scene.running_relay(on_error="hold")
    scene.settle()

    def copy() -> None:
        relay.stop()
        shutil.copytree(relay.options["spool"], older, ignore=shutil.ignore_patterns("*.sock"))
        relay.start()
        relay.wait_streaming()

    if copied == "before":
        copy()
    set_limit(scene, "big", SMALL)
    scene.execute(f"INSERT INTO big VALUES (2, {NOISE}), (3, 'c')")
    is_held(scene, relay, "public.big")
    if copied == "while held":
        copy()
    scene.execute("INSERT INTO big VALUES (4, 'd'); DELETE FROM big WHERE id = 1; INSERT INTO other VALUES (DEFAULT)")
    scene.settle()
    relay.stop()
    shutil.rmtree(relay.options["spool"])
    if copied:
        shutil.copytree(older, relay.options["spool"])
    set_limit(scene, "big", LARGE)
    relay.start()
    scene.wait_until(lambda: topic_rows(scene, "big") == table_rows(scene, "big"), 60, "the topic to be its table")
    scene.settle()
    assert topic_rows(scene, "big") == table_rows(scene, "big") and len(table_rows(scene, "big")) == 3
    assert ids(scene, "other") == [1]
    is_held(scene, relay)


def test_what_a_held_table_leaves_is_bounded_by_spool_max_bytes(scene: Scene):
    relay = with_a_held_table(scene, spool_max_bytes="4MiB")
    number = 3

    def is_full() -> Optional[str]:
        nonlocal number
        scene.execute(f"INSERT INTO big SELECT n, {NOISE} || n FROM generate_series({number + 1}, {number + 20}) n")
        number += 20
        assert number < 2_000, "the spool grows without limit"
        return status(relay)["spool"]["obstacle"]

    scene.wait_until(is_full, 120, "the spool to be full")
    assert "--spool-max-bytes" in status(relay)["spool"]["obstacle"]
    assert status(relay)["spool"]["bytes"] < 40 << 20
    set_limit(scene, "big", LARGE)
    assert resume(relay, "public.big")[0] == 0
    expect(scene, "big", range(1, number + 1))
    scene.wait_until(lambda: not status(relay)["spool"]["obstacle"], 60, "room in the spool")


def test_reading_a_held_table_again_ends_its_being_held(scene: Scene):
    relay = with_a_held_table(scene)
    scene.execute("DELETE FROM big WHERE id IN (1, 2)")
    code, text = resnapshot(scene, relay, "public.big")
    assert code == 0, text
    is_held(scene, relay)
    scene.wait_until(lambda: topic_rows(scene, "big") == table_rows(scene, "big"), 60, "the topic to be its table")
    scene.execute("INSERT INTO big VALUES (5, 'e')")
    scene.settle()
    assert [row["id"] for row in topic_rows(scene, "big")] == [3, 5]


def test_reading_a_held_table_again_makes_room_in_a_spool_that_it_has_filled(scene: Scene):
    relay = with_a_held_table(scene, spool_max_bytes="8MiB")
    number = 3
    while not status(relay)["spool"]["obstacle"]:
        assert number < 3000
        scene.execute(f"INSERT INTO big SELECT n, repeat({NOISE}, 8) || n FROM generate_series({number + 1}, {number + 20}) n")
        number += 20
    scene.execute("DELETE FROM big; INSERT INTO big VALUES (9999, 'now'); INSERT INTO other VALUES (DEFAULT)")
    assert "Let held tables go on" in json.dumps(status(relay)["capture"]["troubles"])
    code, text = resnapshot(scene, relay, "public.big")
    assert code == 0 and "what these were held for is given up: public.big" in text
    is_held(scene, relay)
    scene.settle(120)
    scene.wait_until(lambda: topic_rows(scene, "big") == table_rows(scene, "big"), 60, "the topic to equal the table")


def test_what_a_dropped_table_was_held_for_can_be_given_up(scene: Scene):
    relay = with_a_held_table(scene)
    scene.execute("DROP TABLE big")
    scene.settle()
    code, text = resnapshot(scene, relay, "public.nothing")
    assert code == USAGE and "none of the captured tables is public.nothing" in text
    code, text = resnapshot(scene, relay, "public.big")
    assert code == 0 and "0 tables will be read again; what these were held for is given up: public.big" in text
    is_held(scene, relay)
    relay.stop()
    relay.start()
    scene.execute("INSERT INTO other VALUES (DEFAULT)")
    scene.settle()
    is_held(scene, relay)
    assert ids(scene, "big") == [1] and sorted(ids(scene, "other")) == [1, 2, 3, 4]


def test_a_catch_up_leaves_other_tables_topics_alone(scene: Scene):
    """One that is gone, with its table, is not made again: it would look as if Kafka had lost records."""
    relay = with_a_held_table(scene)
    scene.execute("CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)")
    scene.settle()
    scene.execute("DROP TABLE gone")
    scene.settle()
    admin = AdminClient({"bootstrap.servers": scene.servers.kafka.address})
    admin.delete_topics([scene.topic("gone")])[scene.topic("gone")].result(20)
    scene.wait_until(lambda: "gone" not in scene.topics(), 60, "the topic to be gone")
    relay.stop()
    relay.start()
    relay.wait_streaming()

    def is_tried() -> bool:
        publish = status(relay)["publish"]
        return bool(publish["held"] and publish["held"][0]["reason"])

    scene.wait_until(is_tried, 60, "another try")
    scene.settle()
    assert relay.is_running() and "gone" not in scene.topics()
    set_limit(scene, "big", LARGE)
    assert resume(relay, "public.big")[0] == 0
    expect(scene, "big", [1, 2, 3])
    assert "gone" not in scene.topics()


def test_with_the_registry_away_a_held_table_stops_no_other(scene: Scene):
    scene.execute("CREATE TABLE other (id serial PRIMARY KEY); CREATE TABLE big (id int PRIMARY KEY, v int);"
                  "INSERT INTO big VALUES (1, 1); INSERT INTO other VALUES (DEFAULT)")
    relay = scene.running_relay(on_error="hold")
    scene.settle()
    scene.set_compatibility("big", "BACKWARD")
    scene.execute("ALTER TABLE big ALTER v TYPE text; INSERT INTO big VALUES (2, 'b')")
    is_held(scene, relay, "public.big")
    scene.servers.registry.stop()
    scene.execute("INSERT INTO big VALUES (3, 'c')")
    scene.settle()
    scene.execute("ALTER TABLE big ADD more int; INSERT INTO big VALUES (4, 'd', 4)")  # A schema that nobody has.
    scene.settle()
    assert resume(relay, "public.big")[0] == 0
    scene.wait_until(lambda: status(relay)["publish"]["sessions"] >= 2, 60, "another session")
    scene.settle()
    scene.servers.bring_back()
    scene.set_compatibility("big", "NONE")
    scene.wait_until(lambda: "change" in json.dumps(status(relay)["publish"]["held"]) or not held(relay), 60, "another try")
    assert not held(relay) or resume(relay, "public.big")[0] == 0
    expect(scene, "big", [1, 2, 3, 4])


def test_what_is_held_is_told_of_a_relay_that_does_not_run(scene: Scene):
    relay = with_a_held_table(scene)
    relay.stop()
    servers = {"BOTTLEDWATER_POSTGRES": scene.url(), "BOTTLEDWATER_BROKER": scene.servers.kafka.address}
    ours = [f"--spool={relay.options['spool']}", f"--slot={scene.slot}", f"--topic-prefix={scene.prefix}"]

    def ask(*words: str) -> str:
        done = subprocess.run([binary(), *words], capture_output=True, text=True, timeout=60, env=servers)
        return done.stdout + done.stderr

    assert "changes of held tables (--on-error=hold) that Kafka does not have: THEY WOULD BE LOST" in ask("remove", *ours)
    assert "held, and not all published: public.big" in ask("status", *ours)
    assert "is not all published (--on-error=hold)" in ask("inspect", ours[0])


def test_each_change_comes_once_and_in_order_however_often_the_relay_is_killed(scene: Scene):
    """Two tables that are held at different positions; killed while they are held, and while they catch up."""
    scene.execute("CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE one (id int PRIMARY KEY, v text);"
                  "CREATE TABLE two (id int PRIMARY KEY, v text); INSERT INTO one VALUES (0, ''); INSERT INTO two VALUES (0, '')")
    relay = scene.running_relay(on_error="hold", transaction_max_messages=5)
    scene.settle()
    set_limit(scene, "one", SMALL)
    set_limit(scene, "two", SMALL)
    rows = 0

    def insert(first_large: str) -> None:
        nonlocal rows
        for _ in range(15):
            rows += 1
            large = {table: NOISE if first_large == table and rows % 15 == 1 else "'x'" for table in ("one", "two")}
            scene.execute(f"INSERT INTO one VALUES ({rows}, {large['one']}); INSERT INTO two VALUES ({rows}, {large['two']});"
                          f"INSERT INTO other VALUES ({rows})")

    for number, large in enumerate(("one", "two", "", "one")):
        insert(large)
        if number % 2 == 0:
            scene.settle()
        relay.kill9()
        relay.start()
        relay.wait_streaming()
    scene.settle()
    is_held(scene, relay, "public.one", "public.two")
    assert (ids(scene, "one"), ids(scene, "two")) == ([0], list(range(16))) and ids(scene, "other") == list(range(1, rows + 1))
    relay.kill9()
    set_limit(scene, "one", LARGE)
    set_limit(scene, "two", LARGE)
    for wanted in (1, 20, 40, rows + 10):  # While they catch up.
        relay.start()
        scene.wait_until(lambda: len(ids(scene, "one")) + len(ids(scene, "two")) >= 17 + wanted, 60, f"{wanted} more rows")
        relay.kill9()
    relay.start()
    expect(scene, "one", range(rows + 1))
    expect(scene, "two", range(rows + 1))
    assert ids(scene, "other") == list(range(1, rows + 1))
    is_held(scene, relay)
