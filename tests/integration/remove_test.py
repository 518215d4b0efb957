"""`bottledwater remove`: nothing of the relay is left, nobody else's things are touched, and whatever fails is said and can be repeated."""

import os
import pty
import subprocess
from pathlib import Path
from typing import Any, Optional

import psycopg
import pytest
from harness import Scene, make_publications_for_role, make_role, role_url, since
from harness.remedies import nobody

from servers import binary
from servers.paths import postgres_program

NOT_DONE, USAGE, MISSING_RIGHT, ANOTHER_RELAY, SPOOL_UNUSABLE, FOREIGN_SLOT = 1, 64, 69, 73, 74, 82


def remove_command(scene: Scene, *words: str, **options: Any) -> list[str]:
    chosen = {"broker": scene.servers.kafka.address, "schema-registry": scene.servers.registry.url, "slot": scene.slot,
              "topic-prefix": scene.prefix, "spool": str(scene.folder / "spool"), **options}
    return [str(binary()), "remove", *words, *(f"--{name}={value}" for name, value in chosen.items())]


def remove(scene: Scene, *words: str, url: Optional[str] = None, prefix: tuple[str, ...] = (), **options: Any) -> tuple[int, str]:
    done = subprocess.run([*prefix, *remove_command(scene, *words, **options)], env={"BOTTLEDWATER_POSTGRES": url or scene.url()},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout + done.stderr


def left_of(scene: Scene) -> dict[str, bool]:
    return {"slot": bool(scene.slots()), "publications": bool(scene.publications()),
            "trigger": bool(scene.query("SELECT FROM pg_event_trigger")),
            "schema": bool(scene.query("SELECT FROM pg_namespace WHERE nspname LIKE %s", ["%_trigger"])),
            "checkpoint": scene.checkpoint_topic in scene.reader.topics(),
            "spool": (scene.folder / "spool").exists()}


@pytest.fixture
def stopped(scene: Scene) -> Scene:
    """A relay has run, and has published three rows."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = scene.running_relay(install_event_trigger=True)
    scene.execute("INSERT INTO test VALUES (1), (2), (3)")
    scene.settle()
    scene.wait_until(lambda: left_of(scene)["trigger"], 10, "the event trigger")
    relay.stop()
    assert all(left_of(scene).values()), left_of(scene)
    return scene


def test_everything_is_listed_and_with_yes_removed(stopped: Scene):
    code, listed = remove(stopped)
    assert code == USAGE and "--yes" in listed
    for part in (f'replication slot "{stopped.slot}" (not in use, PostgreSQL retains ', f'"{stopped.slot}_inserts"',
                 f'event trigger "{stopped.slot}_trigger"', f"checkpoint topic {stopped.checkpoint_topic}",
                 "spool", "nothing in it that Kafka does not have", stopped.topic("test"), "schema registry's subjects"):
        assert part in listed, listed
    assert all(left_of(stopped).values()), "it was to list only"
    code, text = remove(stopped, "--yes")
    assert code == 0, text
    assert not any(left_of(stopped).values()), (left_of(stopped), text)
    assert [key["id"] for _, key, _ in stopped.changes("test", settle=False)] == [1, 2, 3]
    code, text = remove(stopped, "--yes")
    assert code == 0 and "nothing to remove" in text
    assert absent_in(text) == {"replication slot", "checkpoint topic", "spool"}, text
    # The name is free again.
    stopped.running_relay()
    stopped.settle()


def test_everything_is_removed_from_a_newer_server(newer_scene: Scene):
    newer_scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = newer_scene.running_relay(install_event_trigger=True)
    newer_scene.settle()
    newer_scene.wait_until(lambda: left_of(newer_scene)["trigger"], 10, "the event trigger")
    relay.stop()
    code, text = remove(newer_scene, "--yes")
    assert code == 0 and not any(left_of(newer_scene).values()), text


def absent_in(text: str) -> set[str]:
    return {part for part in ("replication slot", "publication", "checkpoint topic", "spool") if f"\n  absent  {part}" in text}


def test_what_has_another_name_than_the_options_give_is_said_to_be_absent(stopped: Scene):
    code, text = remove(stopped, **{"topic-prefix": "forgotten", "spool": str(stopped.folder / "elsewhere")})
    assert code == USAGE and absent_in(text) == {"checkpoint topic", "spool"}, text
    assert f'spool "{stopped.folder}/elsewhere": if the relay had another --spool, give that one' in text, text
    assert "checkpoint: if the relay had another --topic-prefix, give that one" in text, text
    code, text = remove(stopped, keep="checkpoint,spool", **{"topic-prefix": "forgotten"})
    assert code == USAGE and not absent_in(text), text
    code, text = remove(stopped)
    assert code == USAGE and not absent_in(text), text


def test_a_terminal_is_asked(stopped: Scene):
    def answer(text: str) -> int:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(remove_command(stopped), env={"BOTTLEDWATER_POSTGRES": stopped.url()}, stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        os.write(ours, (text + "\n").encode())
        assert "Remove all this? [y/N]" in process.communicate(timeout=60)[0]
        os.close(ours)
        os.close(theirs)
        return process.returncode

    for no in ("n", "", "yesterday"):
        assert answer(no) == NOT_DONE and all(left_of(stopped).values())
    assert answer("y") == 0 and not any(left_of(stopped).values())


def test_a_relay_that_runs_is_left_alone(scene: Scene):
    scene.running_relay()
    scene.settle()
    code, text = remove(scene, "--yes")
    assert code == ANOTHER_RELAY and "spool-in-use" in text
    code, text = remove(scene, "--yes", spool=scene.folder / "another")
    assert code == ANOTHER_RELAY and "slot-active" in text and '("bottledwater", from 127.0.0.1)' in text, text
    [(pid,)] = scene.query("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    assert f"process {pid} of PostgreSQL" in text
    assert not (scene.folder / "another").exists()
    scene.settle()


def test_an_address_that_is_hidden_is_not_called_this_host(scene: Scene):
    """As of another role's relay, for a role without pg_read_all_stats."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_role(scene, "REPLICATION")
    scene.running_relay()
    scene.settle()  # It streams, so the slot is in use.
    code, text = remove(scene, "--yes", url=role_url(scene), spool=scene.folder / "none")
    assert code == ANOTHER_RELAY and "from a hidden address" in text, text
    code, text = remove(scene, "--yes", spool=scene.folder / "none")
    assert code == ANOTHER_RELAY and "from 127.0.0.1" in text, text


def test_what_kafka_does_not_have_is_named_and_a_repeat_ends_what_an_outage_left(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test SELECT generate_series(1, 40)")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    relay = scene.running_relay(broker=nobody())
    scene.execute("INSERT INTO test SELECT generate_series(101, 350)")
    [(end,)] = scene.query("SELECT pg_current_wal_lsn()")
    scene.wait_until(lambda: scene.query("SELECT pg_wal_lsn_diff(write_lsn, %s) >= 0 FROM pg_stat_replication "
                                         "WHERE application_name = 'bottledwater' AND write_lsn IS NOT NULL "
                                         "AND pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s)",
                                         [end, scene.slot]) == [(True,)], 30, "the rows to be captured")
    relay.stop()
    code, text = remove(scene, "--yes", broker=nobody())
    assert "with 250 changes that Kafka does not have: THEY WOULD BE LOST" in text, text
    assert code == NOT_DONE and "kafka-topics.sh" in text and "rm -r -- " in text, text
    assert left_of(scene) == {"slot": False, "publications": False, "trigger": False, "schema": False, "checkpoint": True,
                              "spool": True}
    assert remove(scene, "--yes")[0] == 0
    assert not any(left_of(scene).values())


def test_without_postgres_nothing_is_removed_unless_it_is_said_to_be_gone(stopped: Scene):
    away = "postgres://nobody@127.0.0.1:1/gone"
    code, text = remove(stopped, "--yes", url=away)
    assert code == NOT_DONE and "Nothing was removed" in text
    assert f"SELECT pg_drop_replication_slot('{stopped.slot}');" in [line.strip() for line in text.splitlines()], text
    assert all(left_of(stopped).values())
    code, text = remove(stopped, "--yes", url=away, keep="slot,publication,trigger")
    assert code == 0, text
    left = left_of(stopped)
    assert left["slot"] and left["publications"] and not left["checkpoint"] and not left["spool"]


def test_what_is_to_be_kept_is_kept(stopped: Scene):
    code, text = remove(stopped, "--yes", keep="checkpoint,spool")
    assert code == 0 and "--keep" in text
    assert left_of(stopped) == {"slot": False, "publications": False, "trigger": False, "schema": False, "checkpoint": True,
                                "spool": True}
    code, text = remove(stopped, "--yes", keep="spoon")
    assert code == USAGE and '--keep' in text and "spoon" in text


def test_what_others_have_made_stays(scene: Scene):
    """A publication of theirs under our name, an event trigger of theirs, and one of --publication."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute(f"CREATE PUBLICATION {scene.slot} FOR TABLE test")
    scene.execute("CREATE PUBLICATION mine FOR TABLE test")
    scene.execute(f"""CREATE FUNCTION theirs() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
                      CREATE EVENT TRIGGER {scene.slot}_trigger ON ddl_command_end EXECUTE FUNCTION theirs()""")
    code, text = remove(scene, "--yes")
    assert code == 0 and "somebody else has made it" in text and "nothing to remove" in text, text
    code, text = remove(scene, "--yes", publication="mine")
    assert code == 0 and "it is that of --publication" in text, text
    assert scene.publications() == sorted(["mine", scene.slot]) and left_of(scene)["trigger"]


def test_publications_that_somebody_streams_from_stay(stopped: Scene):
    other = stopped.slot[:-1] + "z"
    stopped.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [other])
    stopped.execute("CREATE PUBLICATION theirs FOR TABLE test")
    stream = subprocess.Popen(
        [postgres_program("pg_recvlogical"), "-d", stopped.url(), "--slot", other, "--start", "-f", "-", "-o", "proto_version=1", "-o",
         f"publication_names=\"{stopped.slot}\",theirs"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        stopped.wait_until(lambda: stopped.query("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [other])
                           == [(True,)], 10, "the other stream")
        code, text = remove(stopped, "--yes")
        assert code == 0 and f'streams from "{stopped.slot}"' in text, text
    finally:
        stream.kill()
        stream.communicate()
    assert stopped.slots() == [other] and len(stopped.publications()) == 3


def test_a_slot_or_spool_that_is_another_relays_is_refused(stopped: Scene):
    other = stopped.slot[:-1] + "y"
    code, text = remove(stopped, "--yes", slot=other)
    assert code == SPOOL_UNUSABLE and "other-slot" in text, text
    stopped.query("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [other])
    code, text = remove(stopped, "--yes", slot=other, spool=stopped.folder / "none")
    assert code == FOREIGN_SLOT and "test_decoding" in text
    foreign = stopped.folder / "spool" / "letter.txt"
    foreign.write_text("mine")
    code, text = remove(stopped, "--yes")
    assert code == SPOOL_UNUSABLE and "letter.txt" in text
    foreign.unlink()
    assert all(left_of(stopped).values())


def test_a_directory_that_is_no_spool_is_left_as_it_is(scene: Scene):
    folder = scene.folder / "home"
    folder.mkdir(mode=0o755)
    assert remove(scene, "--yes", spool=folder)[0] == 0
    (folder / "diary").write_text("dear diary")
    code, text = remove(scene, "--yes", spool=folder)
    assert code == SPOOL_UNUSABLE and "diary" in text
    assert folder.stat().st_mode & 0o777 == 0o755 and [file.name for file in folder.iterdir()] == ["diary"]


@pytest.mark.parametrize("hidden", ["spool", "."], ids=["spool", "parent"])
def test_a_spool_that_cannot_be_seen_is_not_called_absent(stopped: Scene, hidden: str):
    # Root reads everything, unless it does without that.
    as_others = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    folder = stopped.folder / hidden
    mode = folder.stat().st_mode & 0o7777
    folder.chmod(0)
    try:
        for options in ({}, {"keep": "slot,publication,trigger"}):
            code, text = remove(stopped, "--yes", prefix=as_others, **options)
            assert code == SPOOL_UNUSABLE and "it cannot be read: Permission denied" in text and "user that runs the relay" in text, text
            assert f'"{stopped.folder}/spool"' in text and "removed slot" not in text and "there is none" not in text
    finally:
        folder.chmod(mode)
    assert all(left_of(stopped).values())


def test_a_damaged_spool_is_not_called_absent(stopped: Scene):
    (stopped.folder / "spool" / "db" / "CURRENT").write_text("nonsense\n")
    code, text = remove(stopped, "--yes", keep="slot,publication,trigger")
    assert code == USAGE and "there is none" not in text and "what is in it cannot be read: " in text and "rm -r -- " in text, text
    assert all(left_of(stopped).values())


def test_a_role_without_the_right_says_what_an_owner_is_to_run(scene: Scene):
    make_role(scene, "REPLICATION")
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_publications_for_role(scene)
    relay = scene.running_relay(postgres=role_url(scene))
    scene.settle()
    relay.stop()
    code, text = remove(scene, "--yes", url=role_url(scene))
    statement = f'DROP PUBLICATION IF EXISTS "{scene.slot}", "{scene.slot}_inserts";'
    assert code == MISSING_RIGHT and statement in text, text
    assert left_of(scene) == {"slot": False, "publications": True, "trigger": False, "schema": False, "checkpoint": False,
                              "spool": False}
    scene.execute(statement)
    assert "nothing to remove" in remove(scene, "--yes", url=role_url(scene))[1]


@since(15, "ALTER PUBLICATION locks nothing that DROP PUBLICATION waits for")
def test_a_lock_of_others_is_waited_for_and_lets_nobody_wait(stopped: Scene):
    with psycopg.connect(stopped.url()) as owner:
        owner.execute("CREATE TABLE later (id int PRIMARY KEY)")  # The event trigger adds it, which locks the publication.
        code, text = remove(stopped, "--yes")
        assert code == NOT_DONE and "not removed: publications" in text, text
        assert not stopped.slots(), "the slot goes first"
        owner.commit()
    assert remove(stopped, "--yes")[0] == 0
    assert not any(left_of(stopped).values())


def test_a_spool_without_its_store_is_removed_too(stopped: Scene):
    """As a removal that was killed leaves it."""
    for file in (stopped.folder / "spool" / "db").iterdir():
        if file.name == "CURRENT":
            file.unlink()
    assert remove(stopped, "--yes")[0] == 0
    assert not Path(stopped.folder / "spool").exists()
