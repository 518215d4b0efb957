"""`bottledwater inspect`: what it says of a spool, that it changes nothing, and that it finds what is damaged."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Scene, spool_store
from harness.inspection import inspect, lines, summary
from harness.terminal import on_a_terminal
from harness.writer import Writer

from servers import Relay, binary

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
INSERT = "INSERT INTO test VALUES ({n}, 'value {n}')"


@pytest.fixture
def relay(scene: Scene) -> Iterator[Relay]:
    """Its Kafka is away once it streams."""
    scene.execute(TABLE)
    relay = scene.running_relay()
    scene.settle()
    scene.servers.kafka.kill9()
    yield relay


def spool_of(relay: Relay) -> Path:
    return Path(relay.options["spool"])


def wait_for_backlog(scene: Scene, relay: Relay, changes: int) -> None:
    scene.wait_until(lambda: summary(spool_of(relay))["changes"] >= changes, 30, f"{changes} changes in the spool")


def test_it_is_exact_beside_a_relay_under_load(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    seen = 0
    with Writer(scene.url(), INSERT, per_second=400) as writer:
        for _ in range(12):
            writer.wait_for(writer.written + 100)
            ids = [line["key"]["id"] for line in lines(spool, "--changes", "--table=test")]
            assert ids == list(range(1, len(ids) + 1)) and len(ids) >= seen
            seen = len(ids)
        assert inspect(spool, "--verify").endswith("nothing is wrong\n")
    assert seen > 500
    wait_for_backlog(scene, relay, writer.written)
    [table] = summary(spool)["tables"]
    assert table["table"] == "public.test" and table["changes"] == writer.written and table["schemas"] == 1
    scene.servers.bring_back()
    scene.settle()
    # The relay trims while it is read.
    scene.wait_until(lambda: summary(spool)["changes"] == 0, 20, "the backlog to be published")
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, writer.written + 1))


def test_changes_and_transactions_are_shown_as_they_are_and_can_be_selected(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    scene.execute("CREATE TABLE pair (a int, b text, n numeric, PRIMARY KEY (a, b))")
    scene.execute("INSERT INTO test VALUES (1, 'one'), (2, 'two')")
    scene.execute("UPDATE test SET id = 3 WHERE id = 2")
    scene.execute("ALTER TABLE test ADD more text")
    scene.execute("DELETE FROM test WHERE id = 1")
    scene.wait_until(lambda: len(lines(spool, "--changes", "--table=test")) == 4, 20, "the changes")
    one, two, moved, gone = lines(spool, "--changes", "--table=public.te*")
    assert [change["op"] for change in (one, two, moved, gone)] == ["c", "c", "u", "d"]
    assert (one["lsn"], one["index"], one["xid"]) == (two["lsn"], two["index"] - 1, two["xid"])
    assert one["table"] == "public.test" and one["key"] == {"id": 1} and one["value"] == {"id": 1, "value": "one"}
    assert moved["old_key"] == {"id": 2} and moved["key"] == {"id": 3}
    assert gone["value"] is None and gone["schema"] != one["schema"]
    assert lines(spool, "--changes", "--key=2") == [two, moved] == lines(spool, "--changes", '--key={"id": 2}')
    assert lines(spool, "--changes", "--table=test", f"--from-lsn={moved['lsn']}") == [moved, gone]
    assert lines(spool, "--changes", "--table=test", f"--to-lsn={one['lsn']}", "--limit=1") == [one]
    scene.execute("INSERT INTO pair VALUES (1, 'x', 1.50)")
    scene.wait_until(lambda: lines(spool, "--changes", "--table=pair", "--limit=1"), 20, "the other table")
    [pair] = lines(spool, "--changes", '--key={"b": "x", "a": 1}')
    assert pair["value"] == {"a": 1, "b": "x", "n": "1.50"}
    first = lines(spool, "--transactions", "--table=test")[0]
    assert first["tables"] == {"public.test": 2} and first["lsn"] == one["lsn"] and first["xid"] == one["xid"]
    text = inspect(spool, "--transactions", "--limit=1")
    assert one["lsn"] in text and "public.test 2" in text
    tables = {table["table"]: table for table in summary(spool)["tables"]}
    assert (tables["public.test"]["changes"], tables["public.test"]["schemas"]) == (4, 2)
    screen = inspect(spool)
    assert scene.slot in screen and "public.test" in screen and "not yet published" in screen
    assert "contradict" in inspect(spool, "--changes", "--verify", code=64)
    assert "--key: \"x\" is not JSON" in inspect(spool, "--key=x", code=64)
    assert "--limit: must be at least 1" in inspect(spool, "--changes", "--limit=0", code=64)
    assert "--table: --verify reads all" in inspect(spool, "--verify", "--table=test", code=64)


def test_a_numeric_key_is_found_and_a_terminal_is_not_controlled(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    scene.execute("CREATE TABLE bills (id numeric PRIMARY KEY, value text)")
    scene.execute("INSERT INTO bills VALUES (17.00, E'\\u009b31m\\x1b[2J\\u202e'), (170, 'ü')")
    scene.wait_until(lambda: len(lines(spool, "--changes", "--table=bills")) == 2, 20, "the changes")
    for key in ("17", "17.0", '{"id": 17}', '"17.00"'):
        [line] = lines(spool, "--changes", f"--key={key}")
        assert line["key"] == {"id": "17.00"} and line["value"]["value"] == "\x9b31m\x1b[2J\u202e"
    shown = on_a_terminal([str(binary()), "inspect", f"--spool={spool}", "--changes", "--table=bills"])
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", shown), ascii(shown)
    assert "ü" in shown and "u009b" in shown


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_copy_that_may_only_be_read_is_read_and_nothing_is_changed(scene: Scene, relay: Relay, public_folder: Path):
    scene.execute("INSERT INTO test SELECT i, 'x' FROM generate_series(1, 500) i")
    wait_for_backlog(scene, relay, 500)
    relay.stop()
    copy = public_folder / "copy"
    shutil.copytree(spool_of(relay), copy, ignore=shutil.ignore_patterns("*.sock"))
    program = shutil.copy(binary(), public_folder / "bottledwater")
    os.chmod(program, 0o755)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before, times = contents(copy), {path: path.stat().st_mtime_ns for path in [copy, *copy.rglob("*")]}
    for options in (["--changes", "--all"], ["--verify"], ["--json"]):
        done = subprocess.run([program, "inspect", f"--spool={copy}", *options], capture_output=True, text=True, timeout=30,
                              user=65534, group=65534, extra_groups=[])
        assert done.returncode == 0 and done.stderr == "", done.stderr
    assert contents(copy) == before
    assert {path: path.stat().st_mtime_ns for path in [copy, *copy.rglob("*")]} == times
    assert len(lines(copy, "--changes", "--table=test")) == 500


def test_verify_finds_a_wrong_checksum_and_a_damaged_file(scene: Scene, relay: Relay):
    spool = spool_of(relay)
    scene.execute("INSERT INTO test SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 2000) i")
    wait_for_backlog(scene, relay, 2000)
    relay.kill9()
    again = scene.running_relay()  # Writes files from the log.
    again.stop()
    assert inspect(spool, "--verify").endswith("nothing is wrong\n")
    changes = spool_store.entries(spool)[spool_store.CHANGES]
    key = sorted(changes)[1000]
    spool_store.write(spool, spool_store.CHANGES, key, changes[key][:-1] + bytes([changes[key][-1] ^ 1]))
    place = f"{int.from_bytes(key[:4]):X}/{int.from_bytes(key[4:8]):X}:{int.from_bytes(key[8:])}"
    told = inspect(spool, "--verify", code=74)
    assert f"record at {place}" in told and "checksum" in told and "What you can do: keep the spool" in told
    spool_store.write(spool, spool_store.CHANGES, key, changes[key])
    assert inspect(spool, "--verify").endswith("nothing is wrong\n")
    largest = max(spool.glob("db/*.sst"), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.write_bytes(damaged)
    told = inspect(spool, "--verify", code=74)
    assert largest.name in told and "After " in told, told
    assert "[spool-corrupt]" in inspect(spool, "--changes", "--all", code=74)


def test_nobody_reads_on(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i")
    wait_for_backlog(scene, relay, 20000)
    done = subprocess.run(f"{binary()} inspect --changes --spool={spool_of(relay)} | head -n 1", shell=True,
                          capture_output=True, text=True, timeout=30)
    assert done.stdout.count("\n") == 1 and done.stderr == ""


def test_what_is_no_spool_is_named(tmp_path: Path):
    assert "There is no spool" in inspect(tmp_path, code=74)
    assert list(tmp_path.iterdir()) == []
