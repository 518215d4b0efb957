"""`bottledwater check`: each kind of broken set-up is found with its remedy, all of several at once, and nothing is changed."""

import contextlib
import json
import re
import socket
import subprocess
from pathlib import Path
from typing import Any, Optional

import psycopg
import pytest
from harness import Scene, make_publications_for_role, make_role, postgres_with, role_url

from servers import Authority, binary, free_port


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
    assert checked.code == 73
    assert [one["text"].split("]")[0] for one in checked.findings if one["verdict"] == "bad"] == ["[spool-in-use"]
    assert f'Replication slot "{scene.slot}" continues the spool, in use' in checked.texts("good")
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
    assert checked.code == 74, bad
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


def test_all_rights_that_are_missing_at_once(scene: Scene):
    make_role(scene, "REPLICATION")
    scene.execute("CREATE SCHEMA closed CREATE TABLE secret (id int PRIMARY KEY)")
    scene.execute("ALTER TABLE closed.secret ENABLE ROW LEVEL SECURITY")
    checked = check(scene, url=role_url(scene))
    bad = checked.texts("bad")
    assert checked.code == 69
    for part in ("FOR ALL TABLES", 'GRANT USAGE ON SCHEMA "closed"', 'GRANT SELECT ON TABLE "closed"."secret"', "BYPASSRLS"):
        assert part in bad, bad
    assert ";." not in bad


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
    assert checked.code == 75 and "PostgreSQL: " in checked.texts("bad")


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


def test_what_the_statistics_hide_from_the_least_role_is_not_called_good(scene: Scene):
    """Without pg_read_all_stats, pg_stat_activity shows other roles' sessions, but neither their kind nor since when they write."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)

    def free_walsenders() -> int:
        found = re.search(r"(\d+) of \d+ walsenders are free", json.dumps(check(scene, url=role_url(scene)).findings))
        assert found
        return int(found.group(1))

    before = free_walsenders()
    with contextlib.ExitStack() as others:
        for _ in range(4):
            others.enter_context(psycopg.connect(scene.url(), replication="database", autocommit=True))
        assert free_walsenders() <= before - 3  # One may be of the look before.
    with psycopg.connect(scene.url()) as other:
        other.execute("INSERT INTO test VALUES (1)")
        checked = check(scene, url=role_url(scene))
        assert "cannot be told" in checked.texts("doubtful") and "No transaction makes" not in checked.texts("good")
        remedy = re.search(r"GRANT pg_read_all_stats TO [^;]*;", checked.texts("doubtful"))
        assert remedy, checked.findings
        scene.execute(remedy.group())
        assert "No transaction makes" in check(scene, url=role_url(scene)).texts("good")  # Not for a minute yet.


def test_connection_limits(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_role(scene, "REPLICATION CONNECTION LIMIT 3")
    make_publications_for_role(scene)
    checked = check(scene, url=role_url(scene))
    remedy = re.search(r"ALTER ROLE [^;]*;", checked.texts("bad"))
    assert checked.code == 75 and remedy and "CONNECTION LIMIT 4" in remedy.group(), checked.findings
    relay = scene.relay(environment={"BOTTLEDWATER_POSTGRES": role_url(scene)}, postgres=None)
    scene.execute(f"ALTER ROLE {scene.name} CONNECTION LIMIT 2")
    relay.start()
    scene.wait_until(lambda: "or raise the limit that PostgreSQL names" in relay.log_text(), 30, "the limit's remedy")
    assert "too many connections for role" in relay.log_text()
    assert "PostgreSQL is away" not in relay.log_text()
    relay.stop()
    scene.execute(remedy.group())
    checked = check(scene, url=role_url(scene))
    assert checked.code == 0 and "connections" not in checked.texts("doubtful"), checked.findings
    scene.running_relay(environment={"BOTTLEDWATER_POSTGRES": role_url(scene)}, postgres=None)


def test_no_table(scene: Scene):
    assert "No table would be captured" in check(scene, tables="nothing.*").texts("doubtful")


def both(scene: Scene, *, url: Optional[str] = None, **options: Any) -> Checked:
    """What check says, after a look at whether a relay's start ends with the same code."""
    checked = check(scene, url=url, **options)
    chosen = {name.replace("-", "_"): value for name, value in options.items()}
    relay = scene.relay(environment={"BOTTLEDWATER_POSTGRES": url or scene.url()}, postgres=None, **chosen)
    relay.start()
    assert relay.exit_code(40) == checked.code, relay.log_tail(20) + checked.texts("bad")
    return checked


@pytest.fixture
def streaming(scene: Scene) -> Scene:
    """A relay has taken its snapshot, has published something and was stopped."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    return scene


def drop_slot(scene: Scene) -> None:
    scene.execute("SELECT pg_drop_replication_slot(%s)", [scene.slot])


def test_a_stopped_relay_would_go_on(streaming: Scene):
    checked = check(streaming)
    assert checked.code == 0 and "continues the spool" in checked.texts("good"), checked.findings


@pytest.mark.parametrize("gone", [["_inserts"], [""], ["", "_inserts"]])
def test_publications_that_were_dropped(streaming: Scene, gone: list[str]):
    names = [streaming.slot + suffix for suffix in gone]
    streaming.execute(f"DROP PUBLICATION {', '.join(names)}")
    checked = both(streaming)
    assert checked.code == 68 and "[no-publication]" in checked.texts("bad") and "resnapshot" in checked.texts("bad")
    for name in names:
        assert f'CREATE PUBLICATION "{name}"' in checked.texts("bad")


@pytest.mark.parametrize("has_spool", [True, False])
def test_a_slot_that_was_dropped(streaming: Scene, has_spool: bool):
    drop_slot(streaming)
    options = {} if has_spool else {"spool": str(streaming.folder / "another")}
    checked = both(streaming, **options)
    assert checked.code == 81 and "[slot-missing]" in checked.texts("bad") and "resnapshot" in checked.texts("bad")
    assert "CREATE PUBLICATION" not in checked.texts("bad")


def test_a_slot_that_is_not_ours(streaming: Scene):
    drop_slot(streaming)
    streaming.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [streaming.slot])
    for options in ({}, {"spool": str(streaming.folder / "another")}):
        checked = both(streaming, **options)
        assert checked.code == 82 and "[slot-foreign]" in checked.texts("bad")


def test_a_slot_of_another_database(scene: Scene):
    with psycopg.connect(scene.servers.postgres.url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
        try:
            checked = both(scene)
        finally:
            other.execute("SELECT pg_drop_replication_slot(%s)", [scene.slot])
    assert checked.code == 82 and "[slot-foreign]" in checked.texts("bad")


def test_a_slot_that_nobody_knows(scene: Scene):
    scene.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    checked = both(scene)
    assert checked.code == 82 and "--adopt-slot" in checked.texts("bad")


def test_the_spool_of_another_slot_or_database(streaming: Scene):
    checked = both(streaming, slot=streaming.slot + "_other")
    assert checked.code == 74 and "[other-slot]" in checked.texts("bad")
    assert "CREATE PUBLICATION" not in checked.texts("bad")
    drop_slot(streaming)
    checked = both(streaming, url=streaming.servers.postgres.url("postgres"))
    assert checked.code == 84 and "[other-database]" in checked.texts("bad"), checked.findings


def test_places_that_cannot_be_a_spool(scene: Scene):
    stranger = scene.folder / "stranger"
    stranger.mkdir()
    (stranger / "notes.txt").write_text("x")
    for place, part in [(scene.folder / "no/such/spool", "does not exist"), (stranger, "notes.txt"), (Path("/tmp"), "shared")]:
        checked = check(scene, spool=place)
        assert checked.code == 74 and part in checked.texts("bad"), checked.findings
    assert both(scene, spool=str(stranger)).code == 74


def test_an_admin_port_that_is_taken(scene: Scene):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        checked = both(scene, admin=f"127.0.0.1:{taken.getsockname()[1]}")
    assert checked.code == 64 and "Admin endpoint: " in checked.texts("bad")


def test_a_certificate_is_checked_beside_a_relay_that_runs(scene: Scene):
    """Its port is the relay's own."""
    pair = Authority(scene.folder / "authority").issue("relay")
    pair.chmod(0o600)
    options = {"admin": f"127.0.0.1:{free_port()}", "admin_certificate": str(pair), "admin_key": str(pair)}
    scene.running_relay(**options)
    asked = {name.replace("_", "-"): value for name, value in options.items()}
    checked = check(scene, **asked)
    assert "The certificate is valid until 20" in checked.texts("doubtful"), "it has a day left"
    assert "is free" not in checked.texts("good")
    assert "Admin endpoint" not in checked.texts("bad"), checked.findings
    broken = pair.with_suffix(".broken")
    broken.write_text(pair.read_text()[:-40])
    checked = check(scene, **asked | {"admin-certificate": str(broken)})
    assert f'Admin endpoint: --admin-certificate: "{broken}" is damaged' in checked.texts("bad"), checked.findings


def test_settings_of_topics_that_kafka_refuses(scene: Scene):
    before = set(scene.reader.topics())
    checked = both(scene, **{"topic-config": "no.such=3"})
    assert checked.code == 64 and "no.such" in checked.texts("bad")
    assert scene.slots() == [] and scene.publications() == [] and not (scene.folder / "spool").exists()
    checked = check(scene, **{"topic-config": "replication=3"})
    assert checked.code == 75 and "as many brokers" in checked.texts("bad")
    assert check(scene, **{"topic-config": "partitions=3"}).code == 0
    assert set(scene.reader.topics()) - before <= {"__consumer_offsets", "__transaction_state"}


def test_a_transaction_timeout_that_kafka_refuses(scene: Scene):
    checked = check(scene, **{"kafka-config": "transaction.timeout.ms=3600000"})
    assert checked.code == 75 and "transaction.max.timeout.ms, 900000" in checked.texts("bad"), checked.findings
    assert check(scene, **{"kafka-config": "transaction.timeout.ms=900000"}).code == 0


def test_a_snapshot_that_does_not_fit_into_the_spool(scene: Scene):
    scene.execute("CREATE TABLE big (id int PRIMARY KEY, value text) WITH (autovacuum_enabled = false)")
    scene.execute("ALTER TABLE big ALTER value SET STORAGE EXTERNAL")
    scene.execute("INSERT INTO big SELECT i, repeat('x', 100000) FROM generate_series(1, 240) i")
    assert "the snapshot reads about 2" in check(scene).texts("good")
    checked = check(scene, **{"spool-max-bytes": "8MiB"})
    assert checked.code == 0 and "Raise --spool-max-bytes" in checked.texts("doubtful")
    checked = check(scene, **{"spool-max-bytes": "1MiB"})
    assert checked.code == 75 and "Raise --spool-max-bytes" in checked.texts("bad")


@pytest.mark.parametrize("words", [["check", "--json"], ["status", "--json"], ["man"], ["completion", "bash"], ["--help"]])
def test_output_that_cannot_be_written_is_an_error(scene: Scene, words: list[str]):
    options = [f"--postgres={scene.url()}", f"--broker={scene.servers.kafka.address}", f"--spool={scene.folder}/spool",
               f"--schema-registry={scene.servers.registry.url}"] if "--json" in words else []
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([binary(), *words, *options], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode != 0
    assert "cannot be written" in done.stderr or words[0] == "status"


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(["bash", "-c", f"'{binary()}' man | true; exit ${{PIPESTATUS[0]}}"], stderr=subprocess.PIPE, text=True,
                          timeout=60)
    assert done.returncode in (0, 141) and done.stderr == ""  # 141: SIGPIPE.


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
    assert [line for line in lines if not line.startswith(" ")] == ["Spool", "PostgreSQL", "Start", "Kafka", "Schema registry"]
    assert all(line.lstrip()[0] in "✓!✗" for line in lines if line.startswith("  ") and not line.startswith("   "))
