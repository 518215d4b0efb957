"""`bottledwater resnapshot` beside a relay that runs: it is asked, goes on, and in the end the topics are what the tables are."""

import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest
from harness import Scene
from harness.remedies import every_message_is_there_once, published, remedies_noted, topics_are_right
from harness.writer import Writer

from clients import Admin
from servers import Relay, binary, free_port

NOT_DONE, USAGE = 1, 64


def ask(relay: Relay, scene: Scene, *tables: str) -> tuple[int, str]:
    """The command with the options of the relay."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in relay.options.items()]
    done = subprocess.run([binary(), "resnapshot", *tables, *words], env={"BOTTLEDWATER_POSTGRES": scene.url()},
                          capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def waiting(relay: Relay) -> int:
    return Admin(Path(relay.options["spool"])).status()["spool"]["tables_to_read_again"]


def wait_until_read(scene: Scene, relay: Relay) -> None:
    """By a look that the relay has taken since."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")

    def is_read() -> bool:
        status = Admin(Path(relay.options["spool"])).status()
        return status["time"] > now and status["spool"]["tables_to_read_again"] == 0

    scene.wait_until(is_read, 60, "the tables to be read again")


def started(scene: Scene) -> Relay:
    relay = scene.relays[-1]
    scene.wait_until(lambda: (Path(relay.options["spool"]) / "admin.sock").exists(), 10, "the socket")
    return relay


LOAD = ("INSERT INTO items VALUES (100000 + {n}, 'new'); UPDATE items SET text = '{n}' WHERE id <= 5; "
        "DELETE FROM items WHERE id = 100000 + {n} - 30")


@pytest.mark.parametrize("tables", [["items", "public.emptied"], []])
def test_under_load_the_topics_become_what_the_tables_are(scene: Scene, tables: list[str]):
    """Also after a TRUNCATE, which makes no messages; and neither slot nor spool is dropped."""
    published(scene, rows=2000)
    relay = started(scene)
    slot = scene.query("SELECT catalog_xmin IS NOT NULL, active_pid FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    with Writer(scene.url(), LOAD, per_second=200) as writer:
        writer.wait_for(50)
        scene.execute("TRUNCATE emptied; INSERT INTO emptied VALUES (9, 'left')")
        code, text = ask(relay, scene, *tables)
        assert code == 0 and "will be read again: " in text and "public.emptied" in text, text
        assert ("public.bw_marker" in text) == (not tables)
        wait_until_read(scene, relay)
        writer.wait_for(writer.written + 50)
    topics_are_right(scene)
    every_message_is_there_once(scene)
    assert [message.op for message in scene.messages("emptied") if message.key["id"] == 2][-1] == "d"
    assert [message.op for message in scene.messages("items")].count("r") >= 2 * 2000
    assert relay.is_running() and len(slot) == 1 and scene.slots() == [scene.slot]
    assert any(one.startswith("resnapshot") and "without a stop" in one for one in remedies_noted(scene))


def test_it_is_remembered_when_the_relay_is_killed(scene: Scene):
    published(scene)
    relay = started(scene)
    with psycopg.connect(scene.url()) as other:
        other.execute("INSERT INTO items VALUES (1000, 'open')")  # The re-read waits until it ends.
        scene.execute("TRUNCATE emptied")
        code, text = ask(relay, scene, "emptied")
        assert code == 0, text
        scene.wait_until(lambda: waiting(relay) == 1, 20, "the note")
        screen = subprocess.run([binary(), "status", f"--spool={relay.options['spool']}"], capture_output=True, text=True)
        assert "1 table waits to be read again" in screen.stdout, screen.stdout
        relay.kill9()
        other.commit()
    relay = scene.running_relay()
    wait_until_read(scene, started(scene))
    topics_are_right(scene)


def test_what_cannot_be_read_again_is_refused_and_nothing_is_noted(scene: Scene):
    scene.execute("CREATE TABLE no_key (line text)")
    published(scene, allow_unkeyed=True)
    relay = started(scene)
    code, text = ask(relay, scene, "items", "public.itmes", "s*.t")
    assert code == USAGE and "none of the captured tables is public.itmes, s*.t" in text, text
    code, text = ask(relay, scene, "no_key")
    assert code == USAGE and "public.no_key" in text and "key" in text, text
    code, text = ask(relay, scene, *(f"public.table_of_a_long_name_{number}" for number in range(400)))
    assert code == USAGE and "too long" in text, text
    wait_until_read(scene, relay)
    assert "Reading again" not in relay.log_text()
    code, text = ask(relay, scene, "*")
    assert code == 0 and "not these, which have no key: public.no_key" in text, text
    wait_until_read(scene, relay)


def test_without_postgres_it_is_refused(scene: Scene):
    published(scene)
    relay = started(scene)
    scene.connection.close()
    scene.servers.postgres.stop()
    try:
        code, text = ask(relay, scene, "items")
        assert code == NOT_DONE and "refuses" in text, text
    finally:
        scene.servers.bring_back()
        scene.reconnect()
    scene.settle()
    wait_until_read(scene, relay)


def test_a_pause_is_said_and_ends_the_wait(scene: Scene):
    published(scene)
    relay = started(scene)
    admin = Admin(Path(relay.options["spool"]))
    assert admin.request("POST", "/pause?side=capture")[0] == 200
    assert "capture is paused" in ask(relay, scene, "items")[1]
    scene.execute("UPDATE items SET text = 'meanwhile' WHERE id = 1")
    assert admin.request("POST", "/resume")[0] == 200
    wait_until_read(scene, relay)
    topics_are_right(scene)


def test_over_tcp_it_takes_the_token(scene: Scene, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    relay = published(scene, admin=f"127.0.0.1:{free_port()}", admin_token_file=str(token))
    admin = Admin(relay.options["admin"])
    assert admin.request("POST", "/resnapshot?table=items")[0] == 401
    code, text = admin.request("POST", "/resnapshot?table=items&table=public.empt*", {"Authorization": "Bearer s3cret"})
    assert code == 202 and text.startswith("2 tables will be read again: public.emptied, public.items"), (code, text)
    assert admin.request("GET", "/resnapshot")[0] == 405
    empty = admin.request("POST", "/resnapshot?table=", {"Authorization": "Bearer s3cret"})
    assert empty[0] == 400 and "write ?table=PATTERN" in empty[1], empty
    assert json.loads(admin.get("/status"))["ready"]
    wait_until_read(scene, started(scene))
    topics_are_right(scene)
