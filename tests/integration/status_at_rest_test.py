"""`bottledwater status` when no relay runs: what slot, checkpoint and disk say, and who did not answer."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from harness import POSTGRES_MAJOR, Scene
from harness.remedies import nobody

from servers import binary

NO_RELAY = 1
WAL_STATUS = "reserved" if POSTGRES_MAJOR >= 13 else None


def status(scene: Scene, *words: str, postgres: bool = True, **options: Any) -> tuple[str, str]:
    """What it prints, and its last words."""
    chosen = {"broker": scene.servers.kafka.address, "slot": scene.slot, "topic-prefix": scene.prefix,
              "spool": scene.folder / "spool", **options}
    done = subprocess.run([binary(), "status", *words, *(f"--{name}={value}" for name, value in chosen.items())],
                          env={"BOTTLEDWATER_POSTGRES": scene.url()} if postgres else {}, capture_output=True, text=True, timeout=60)
    assert done.returncode == NO_RELAY, done.stdout + done.stderr
    assert "no relay runs on spool" in done.stderr
    return done.stdout, done.stderr


def test_a_stopped_relay(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1)")
    scene.settle()
    relay.stop()
    scene.execute("INSERT INTO test SELECT generate_series(2, 5000)")
    found = json.loads(status(scene, "--json")[0])
    assert found["running"] is False and found["problems"] == [], found
    assert found["source"]["database"] == scene.name and found["source"]["slot"] == scene.slot
    [(confirmed, retained)] = scene.query(
        "SELECT confirmed_flush_lsn::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint "
        "FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    assert found["slot"]["confirmed_lsn"] == confirmed and found["slot"]["active_pid"] is None
    assert 0 < found["slot"]["wal_on_disk_bytes"] <= retained + 1_000_000 and found["slot"]["wal_status"] == WAL_STATUS
    assert found["checkpoint"]["topic"] == scene.checkpoint_topic
    assert 100_000 < found["checkpoint"]["unpublished_wal_bytes"] < retained + 1_000_000
    assert found["spool"]["exists"] and found["spool"]["bytes"] > 0
    text, _ = status(scene)
    for part in ("Relay +none runs", f"database {scene.name}, slot {scene.slot}", "PostgreSQL +slot not in use, confirmed up to ",
                 "Kafka +published up to .* of WAL since then", "Spool +.* in "):
        assert re.search(part, text), text
    # It holds nothing: a relay can start beside it, and nothing was changed.
    scene.running_relay()
    scene.settle()


def test_a_watched_relay_is_seen_again_after_a_restart(scene: Scene, tmp_path: Path):
    relay = scene.running_relay()
    screen = tmp_path / "screen"
    with open(screen, "w") as output:
        watching = subprocess.Popen([binary(), "status", "--watch", f"--spool={scene.folder / 'spool'}"], stdout=output)
    try:
        scene.wait_until(lambda: "working" in screen.read_text(), 10, "the first look")
        relay.kill9()
        scene.wait_until(lambda: "none runs" in screen.read_text(), 10, "a look that finds no relay")
        scene.running_relay()
        scene.wait_until(lambda: "working" in screen.read_text().rpartition("none runs")[2], 30, "the relay again")
        assert watching.poll() is None
    finally:
        watching.kill()
        watching.wait()


def test_before_a_first_start(scene: Scene):
    text, _ = status(scene)
    assert "there is no slot" in text and f"no published position in {scene.checkpoint_topic}" in text and "there is none in" in text, text
    assert not (scene.folder / "spool").exists() and scene.checkpoint_topic not in scene.reader.topics()


def test_the_slot_is_that_of_the_spool_whatever_the_options_say(scene: Scene):
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    found = json.loads(status(scene, "--json", slot="another")[0])
    assert found["source"]["slot"] == scene.slot and found["slot"]["confirmed_lsn"], found
    assert found["checkpoint"]["topic"] == scene.checkpoint_topic and found["checkpoint"]["published_lsn"], found
    [problem] = found["problems"]
    assert f'"{scene.slot}"' in problem and '"another"' in problem and f"need --slot={scene.slot}" in problem
    assert f"need --slot={scene.slot}" in status(scene, postgres=False, slot="another")[0]


def test_who_does_not_answer_is_told(scene: Scene):
    found = json.loads(status(scene, "--json", broker=nobody())[0])
    assert found["slot"] is None and found["source"] and found["checkpoint"] is None
    assert [problem.split(":")[0] for problem in found["problems"]] == ["Kafka"]
    text, _ = status(scene, postgres=False)
    assert "give the relay's options, --postgres at least" in text and "not known" in text


def test_a_file_of_kafka_s_secrets_that_cannot_be_read_hides_kafka_only(scene: Scene):
    found = json.loads(status(scene, "--json", **{"kafka-config-file": "/run/credentials/bottledwater.service/kafka"})[0])
    assert found["source"] and found["checkpoint"] is None
    (problem,) = found["problems"]
    assert problem.startswith("Kafka: --kafka-config-file: cannot read"), problem


def test_the_documented_members_are_those_that_there_are(scene: Scene):
    """docs/status.md, "When no relay runs"."""
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    found = json.loads(status(scene, "--json")[0])
    members = {f"{name}.{inner}" for name in ("slot", "checkpoint", "spool") for inner in found[name]} | \
              {name for name in found if name not in ("slot", "checkpoint", "spool")}
    docs = (Path(__file__).resolve().parents[2] / "docs" / "status.md").read_text().partition("## When no relay runs")[2]
    assert members == set(re.findall(r"^\| `([a-z_.]+)` \|", docs, re.M))
