"""`bottledwater check`: each kind of broken set-up is found with its remedy, all of several at once, and nothing is changed."""

import json
import subprocess
from pathlib import Path
from typing import Any, Optional

import psycopg
import pytest
from harness import Scene, make_role, postgres_with, role_url

from servers import binary, free_port


class Checked:
    def __init__(self, code: int, findings: list[dict[str, Any]]):
        self.code = code
        self.findings = findings

    def texts(self, verdict: str) -> str:
        return "\n".join(f"{one['subject']}: {one['text']}" for one in self.findings if one["verdict"] == verdict)


def check(scene: Scene, *, url: Optional[str] = None, **options: Any) -> Checked:
    chosen = {"broker": scene.servers.kafka.address, "schema-registry": scene.servers.registry.url, "slot": scene.slot,
              "topic-prefix": scene.prefix, "spool": str(scene.folder / "spool"), **options}
    words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in chosen.items()]
    done = subprocess.run([binary(), "check", "--json", *words], env={"BOTTLEDWATER_POSTGRES": url or scene.url()},
                          capture_output=True, text=True, timeout=60)
    assert done.stdout, done.stderr
    return Checked(done.returncode, json.loads(done.stdout))


def test_a_set_up_that_works_and_nothing_is_left_of_the_check(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    before = set(scene.reader.topics())
    checked = check(scene)
    assert (checked.code, checked.texts("bad")) == (0, "")
    good = checked.texts("good")
    for part in ("wal_level logical", "2 tables would be captured", "walsenders are free", "cluster id", "an fsync takes",
                 "Schema registry: http"):
        assert part in good, good
    assert scene.slots() == [] and scene.publications() == [] and not (scene.folder / "spool").exists()
    # Asking for topics makes Kafka's own for consumer groups; one for transactions would be the check's.
    assert set(scene.reader.topics()) - before <= {"__consumer_offsets"}
    scene.running_relay()


def test_a_check_beside_a_running_relay_does_not_disturb_it(scene: Scene):
    relay = scene.running_relay()
    scene.settle()
    checked = check(scene)
    assert checked.code == 0, checked.texts("bad")
    assert "A relay runs on" in checked.texts("doubtful")
    assert f'Replication slot "{scene.slot}" exists, in use' in checked.texts("good")
    scene.settle()
    assert "fenced" not in relay.log_text() and relay.is_running()


def test_everything_wrong_at_once(scene: Scene):
    make_role(scene, "NOREPLICATION")
    scene.execute("CREATE TABLE no_key (a int)")
    scene.execute("CREATE TABLE secret (id int PRIMARY KEY)")
    spool = scene.folder / "a file"
    spool.write_text("")
    checked = check(scene, url=role_url(scene), spool=spool, broker=f"127.0.0.1:{free_port()}",
                    **{"schema-registry": scene.servers.registry.url + "/nothing"})
    bad = checked.texts("bad")
    assert checked.code == 69, bad
    for part in (f'ALTER ROLE "{scene.name}" REPLICATION', "public.no_key", "--allow-unkeyed", "CREATE PUBLICATION", "Kafka: ",
                 "Schema registry: ", "/apis/ccompat", "is not a directory"):
        assert part in bad, bad


def test_rights_to_read_and_collisions(scene: Scene):
    make_role(scene, "REPLICATION")
    scene.execute(f"GRANT CREATE ON DATABASE {scene.name} TO {scene.name}")
    scene.execute("CREATE TABLE hidden (id int PRIMARY KEY)")
    scene.execute("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
    scene.execute("CREATE SCHEMA collides CREATE TABLE with_another (id int PRIMARY KEY)")
    scene.execute("CREATE TABLE collides_with_another (id int PRIMARY KEY)")
    scene.execute(f"CREATE PUBLICATION {scene.slot} FOR TABLE ONLY public.hidden, ONLY collides.with_another, "
                  "ONLY public.collides_with_another WITH (publish_via_partition_root = true)")
    scene.execute(f"CREATE PUBLICATION {scene.slot}_inserts FOR ALL TABLES "
                  "WITH (publish = 'insert', publish_via_partition_root = true)")
    scene.execute(f"ALTER PUBLICATION {scene.slot} OWNER TO {scene.name}")
    checked = check(scene, url=role_url(scene))
    assert checked.code == 69
    assert "GRANT SELECT" in checked.texts("bad") and "hidden" in checked.texts("bad")
    assert "cannot both have topic" in checked.texts("doubtful"), checked.findings


@pytest.mark.parametrize("change, code, part", [
    (dict(user="nobody-of-this-name"), 67, "nobody-of-this-name"),
    (dict(password="wrong"), 67, "password"),
])
def test_a_login_that_is_refused(scene: Scene, change: dict[str, str], code: int, part: str):
    make_role(scene, "REPLICATION")
    checked = check(scene, url=scene.url(**{"user": scene.name, "password": "role-secret", **change}))
    assert checked.code == code and part in checked.texts("bad")
    assert "cluster id" in checked.texts("good")  # The rest is checked all the same.
    assert "role-secret" not in json.dumps(checked.findings)


def test_postgres_that_is_away(scene: Scene):
    checked = check(scene, url=f"postgres://postgres@127.0.0.1:{free_port()}/x")
    assert checked.code != 0 and "PostgreSQL: " in checked.texts("bad")


def test_transactions_that_would_hold_up_the_slot(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    with psycopg.connect(scene.url(), autocommit=True) as other:
        try:
            other.execute("BEGIN")
            other.execute("INSERT INTO test VALUES (1)")
            other.execute("PREPARE TRANSACTION 'left'")
        except psycopg.errors.ObjectNotInPrerequisiteState:
            pytest.skip("max_prepared_transactions is 0")
        assert "prepared transaction is open" in check(scene).texts("doubtful")
        other.execute("ROLLBACK PREPARED 'left'")
    assert "No transaction makes" in check(scene).texts("good")


def test_a_slot_without_its_spool_and_no_table(scene: Scene):
    scene.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    checked = check(scene, tables="nothing.*")
    doubtful = checked.texts("doubtful")
    assert "but there is no spool here" in doubtful and "No table would be captured" in doubtful


def test_a_spool_in_memory(scene: Scene):
    folder = Path("/dev/shm") / scene.name
    checked = check(scene, spool=folder)
    assert "is in memory" in checked.texts("doubtful") and not folder.exists()


def test_settings_of_the_server(scene: Scene):
    with postgres_with(wal_level="replica", max_wal_senders="0", synchronous_standby_names="*",
                       synchronous_commit="local") as postgres:
        checked = check(scene, url=postgres.url())
    assert checked.code == 68
    for part in ("ALTER SYSTEM SET wal_level = logical", "max_wal_senders is 0", "synchronous_standby_names"):
        assert part in checked.texts("bad"), checked.texts("bad")


def test_the_text_has_a_sign_a_line(scene: Scene):
    done = subprocess.run([binary(), "check", f"--postgres={scene.url()}", f"--broker={scene.servers.kafka.address}",
                           f"--schema-registry={scene.servers.registry.url}", f"--spool={scene.folder}/spool"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["PostgreSQL", "Kafka", "Schema registry", "Spool"]
    assert all(line.lstrip()[0] in "✓!✗" for line in lines if line.startswith("  ") and not line.startswith("   "))
