"""What a new user may get wrong: one clear message with the remedy, a documented exit code, nothing left behind."""

import json
import re
from pathlib import Path
from typing import Optional

import psycopg
import pytest
from harness import Scene, make_publications_for_role, make_role, postgres_with, role_url

from servers import SHORT_LIVED, Authority, DetourKind, PostgresServer, Relay, Servers, free_port

USAGE, LOGIN_REFUSED, SERVER_SETTING, MISSING_RIGHT = 64, 67, 68, 69
ANOTHER_RELAY, SPOOL_UNUSABLE, FOREIGN_SLOT, OTHER_DATABASE = 73, 74, 82, 84


def refusal(scene: Scene, relay: Relay) -> tuple[int, str]:
    """Runs a relay that must end by itself, and checks that it leaves nothing; its exit code and its words."""
    before = scene.slots(), scene.publications()
    code = relay.run()
    assert (scene.slots(), scene.publications()) == before
    assert scene.topics() == set()
    return code, relay.log_text()


def no_spool_is_left(scene: Scene) -> bool:
    spool = scene.folder / "spool"
    return not spool.exists() or not any(spool.iterdir())


def test_wrong_password(scene: Scene):
    code, text = refusal(scene, scene.relay(postgres=scene.url(password="wrong-secret")))
    assert code == LOGIN_REFUSED
    assert "password" in text and "wrong-secret" not in text
    assert no_spool_is_left(scene)


def test_unknown_role(scene: Scene):
    code, text = refusal(scene, scene.relay(postgres=scene.url(user="nobody_there")))
    assert code == LOGIN_REFUSED and "nobody_there" in text
    assert no_spool_is_left(scene)


def test_unknown_database(scene: Scene):
    code, text = refusal(scene, scene.relay(postgres=scene.servers.postgres.url("no_such_database")))
    assert code == LOGIN_REFUSED and "no_such_database" in text
    assert no_spool_is_left(scene)


def test_wal_level_replica(scene: Scene):
    with postgres_with(wal_level="replica") as postgres:
        code, text = refusal(scene, scene.relay(postgres=postgres.url()))
        assert code == SERVER_SETTING
        assert "wal_level" in text and "logical" in text and "restart" in text.lower()
        assert left_on(postgres) == ([], [])
    assert no_spool_is_left(scene)


def test_no_free_slot(scene: Scene):
    with postgres_with(max_replication_slots="1") as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot('taken')")
        code, text = refusal(scene, scene.relay(postgres=postgres.url()))
        assert code == SERVER_SETTING and "max_replication_slots" in text
        assert left_on(postgres) == (["taken"], [])
    assert no_spool_is_left(scene)


def test_synchronous_standby_names_that_match_us(scene: Scene):
    with postgres_with(synchronous_standby_names="*", synchronous_commit="local") as postgres:
        code, text = refusal(scene, scene.relay(postgres=postgres.url()))
        assert code == SERVER_SETTING and "synchronous_standby_names" in text
        assert left_on(postgres) == ([], [])


@pytest.mark.parametrize("host, trusted, days, reason", [
    ("127.0.0.1", "strangers", 1, "certificate verify failed (unable to get local issuer certificate)"),
    ("127.0.0.1", "ours", 0, "certificate verify failed (certificate has expired)"),
    ("localhost", "ours", 1, 'does not match host name "localhost"'),
], ids=["unknown authority", "expired", "another host"])
def test_postgres_whose_certificate_does_not_hold(scene: Scene, host: str, trusted: str, days: int, reason: str):
    ours = Authority(scene.folder / "ours")
    authorities = {"ours": ours, "strangers": Authority(scene.folder / "strangers")}
    with postgres_with(ours.issue("postgres", "IP:127.0.0.1", days)) as postgres:
        url = f"{postgres.url()}?sslmode=verify-full&sslrootcert={authorities[trusted].certificate}"
        code, text = refusal(scene, scene.relay(postgres=url.replace("@127.0.0.1", f"@{host}")))
        assert code == LOGIN_REFUSED
        assert host in text and str(postgres.port) in text and reason in text
        assert left_on(postgres) == ([], [])
    assert no_spool_is_left(scene)


def test_postgres_without_tls_that_is_asked_for(scene: Scene):
    code, text = refusal(scene, scene.relay(postgres=f"{scene.url()}?sslmode=require"))
    assert code == LOGIN_REFUSED
    assert str(scene.servers.postgres.port) in text and "does not support SSL" in text
    assert no_spool_is_left(scene)


@pytest.mark.parametrize("host, trusted, days, reason", [
    ("127.0.0.1", "strangers", 1, "unable to get local issuer certificate"),
    ("127.0.0.1", "ours", 0, "certificate has expired"),
    ("localhost", "ours", 1, "[Hh]ostname mismatch"),
], ids=["unknown authority", "expired", "another host"])
def test_kafka_whose_certificate_does_not_hold_is_waited_for(scene: Scene, host: str, trusted: str, days: int, reason: str):
    """As for brokers that are away, and with the reason. Nothing is sent to it."""
    ours = Authority(scene.folder / "ours")
    authorities = {"ours": ours, "strangers": Authority(scene.folder / "strangers")}
    keystore = ours.issue("kafka", "IP:127.0.0.1", days)
    with Servers(postgres=False, registry=False, kafka_detours=DetourKind(keystore=keystore),
                 kafka_java=SHORT_LIVED) as servers:
        address = f"{host}:{servers.kafka.brokers[0].detour.port}"
        relay = scene.running_relay(broker=address, kafka_config=[
            "security.protocol=ssl", f"ssl.ca.location={authorities[trusted].certificate}"])
        relay.wait_for_log(f"Kafka.* is away.*{address}.*certificate.*{reason}")
        relay.stop()
        assert relay.exit_code(0) == 0


def test_slot_in_use_by_another_relay_which_goes_on(scene: Scene):
    scene.running_relay()
    scene.settle()  # From here on it does receive from its slot.
    second = scene.relay(spool=str(scene.folder / "second-spool"))
    assert second.run(timeout=60) == ANOTHER_RELAY
    assert scene.slot in second.log_text()
    scene.settle()


def test_spool_in_use_by_another_relay_which_goes_on(scene: Scene):
    scene.running_relay()
    second = scene.relay()
    assert second.run() == ANOTHER_RELAY
    assert str(scene.folder / "spool") in second.log_text()
    scene.settle()


def test_slot_of_somebody_else(scene: Scene):
    scene.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    code, text = refusal(scene, scene.relay())
    assert code == FOREIGN_SLOT
    assert scene.slot in text and "--adopt-slot" in text


def test_no_right_to_create_the_publication(scene: Scene):
    make_role(scene, "REPLICATION")
    scene.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {scene.name}")
    code, text = refusal(scene, scene.relay(postgres=role_url(scene)))
    assert code == MISSING_RIGHT
    assert "CREATE PUBLICATION" in text and "--publication" in text
    assert no_spool_is_left(scene)


def test_no_right_to_replicate(scene: Scene):
    make_role(scene, "")
    code, text = refusal(scene, scene.relay(postgres=role_url(scene)))
    assert code == MISSING_RIGHT and "ALTER ROLE" in text and "REPLICATION" in text
    assert no_spool_is_left(scene)


def test_no_right_to_read_a_table(scene: Scene):
    scene.execute("CREATE TABLE hidden (id int PRIMARY KEY)")
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES")
    make_role(scene, "REPLICATION")
    code, text = refusal(scene, scene.relay(postgres=role_url(scene), publication="mine"))
    assert code == MISSING_RIGHT and "GRANT SELECT" in text and "hidden" in text
    assert no_spool_is_left(scene)


def test_least_privilege_is_enough(scene: Scene):
    """A role with REPLICATION and SELECT, and a publication that the owner made."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    scene.execute("INSERT INTO test VALUES (1)")
    scene.execute("CREATE PUBLICATION mine FOR ALL TABLES")
    make_role(scene, "REPLICATION")
    scene.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {scene.name}")
    scene.running_relay(postgres=role_url(scene), publication="mine")
    scene.execute("INSERT INTO test VALUES (2)")
    assert [(op, key["id"]) for op, key, _ in scene.changes("test")] == [("r", 1), ("c", 2)]


def test_least_privilege_is_enough_for_all_that_docs_operations_md_says(scene: Scene):
    """First start, streaming, tables made later, and reading again, whole and by table."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    relay = scene.running_relay(postgres=role_url(scene))
    scene.execute("INSERT INTO test VALUES (2); DELETE FROM test WHERE id = 1")
    assert [(op, key["id"]) for op, key, _ in scene.changes("test")] == [("r", 1), ("c", 2), ("d", 1)]

    scene.execute("CREATE TABLE owned (id int PRIMARY KEY, value int)")
    scene.execute(f"ALTER TABLE owned OWNER TO {scene.name}")
    scene.execute("INSERT INTO owned VALUES (1, 1)")
    relay.wait_for_log(f'added to publication "{scene.slot}", to be read again: public.owned')
    scene.execute("CREATE TABLE others (id int PRIMARY KEY, value int); INSERT INTO others VALUES (1, 1)")
    statement = relay.wait_for_log(r"Table public\.others is not where it belongs[^\n]*\n\s*(ALTER PUBLICATION [^\n]*;)").group(1)
    scene.execute("UPDATE others SET value = 2")
    scene.execute(statement)
    for table, value in (("owned", 1), ("others", 2)):
        scene.reader.wait_for(scene.topic(table), lambda message: message.op == "r" and message.value["value"] == value)
    scene.execute("UPDATE others SET value = 3; UPDATE owned SET value = 3")
    assert scene.changes("others")[-1][0] == scene.changes("owned")[-1][0] == "u"
    relay.stop()
    for number, arguments in enumerate((["resnapshot"], ["resnapshot", "public.test"], [])):
        relay = scene.running_relay(*arguments, postgres=role_url(scene))
        scene.execute(f"INSERT INTO test VALUES ({10 + number})")
        assert ("c", {"id": 10 + number}) in [(op, key) for op, key, _ in scene.changes("test")]
        relay.stop()
    assert [key["id"] for op, key, _ in scene.changes("test", settle=False) if op == "r"] == [1, 2, 2, 10]


@pytest.mark.parametrize("revoked, granted", [
    ("REVOKE CONNECT ON DATABASE {0} FROM PUBLIC", 'GRANT CONNECT ON DATABASE "?{0}"? TO "?{0}"?;'),
    ("REVOKE USAGE ON SCHEMA public FROM PUBLIC, {0}", 'GRANT USAGE ON SCHEMA "?public"? TO "?{0}"?;'),
    ("REVOKE SELECT ON test FROM {0}", 'GRANT SELECT ON TABLE "?public"?."?test"? TO "?{0}"?;'),
    ("ALTER ROLE {0} NOREPLICATION", 'ALTER ROLE "?{0}"? REPLICATION;'),
    ("ALTER TABLE test ENABLE ROW LEVEL SECURITY", 'ALTER ROLE "?{0}"? BYPASSRLS;'),
], ids=["connect", "usage", "select", "replication", "row-security"])
def test_each_missing_right_is_named_with_the_statement_that_gives_it(scene: Scene, revoked: str, granted: str):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    scene.execute(revoked.format(scene.name))
    code, text = refusal(scene, scene.relay(postgres=role_url(scene)))
    assert code == MISSING_RIGHT
    found = re.search(granted.format(scene.name), text)
    assert found, text
    assert no_spool_is_left(scene)
    scene.execute(found.group())
    scene.running_relay(postgres=role_url(scene))
    assert [key["id"] for _, key, _ in scene.changes("test")] == [1]


def test_a_role_that_is_dropped_between_login_and_the_first_question(scene: Scene):
    """Its session goes on, and fails when it asks who it is."""
    make_role(scene, "REPLICATION")
    with psycopg.connect(scene.url()) as holder:
        holder.execute("SET allow_system_table_mods = on")
        holder.execute("ALTER VIEW pg_catalog.pg_roles RESET (security_barrier)")  # Whoever reads it waits.
        relay = scene.relay(postgres=role_url(scene))
        relay.start()
        scene.wait_until(lambda: scene.query("SELECT 1 FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'",
                                             [scene.name]), 20, "the relay to wait")
        scene.execute(f"DROP ROLE {scene.name}")
        holder.rollback()
    assert relay.exit_code(30) == LOGIN_REFUSED
    assert "was dropped" in relay.log_text() and "CREATE ROLE" in relay.log_text()
    assert no_spool_is_left(scene)


def test_publication_that_does_not_exist(scene: Scene):
    code, text = refusal(scene, scene.relay(publication="not_there"))
    assert code in (SERVER_SETTING, MISSING_RIGHT, USAGE) and "not_there" in text and "CREATE PUBLICATION" in text
    assert no_spool_is_left(scene)


@pytest.mark.parametrize("spool", ["/proc/bottledwater", "file/spool"], ids=["read-only", "below-a-file"])
def test_spool_directory_that_cannot_be_made(scene: Scene, spool: str):
    (scene.folder / "file").write_text("not a folder")
    path = str(scene.folder / spool)
    code, text = refusal(scene, scene.relay(spool=path))
    assert code == SPOOL_UNUSABLE and path in text


def test_spool_directory_with_other_files(scene: Scene):
    spool = scene.folder / "spool"
    spool.mkdir()
    (spool / "diary.txt").write_text("dear diary")
    spool.chmod(0o1777)  # Like /tmp, which a relay of root's could close to everybody.
    code, text = refusal(scene, scene.relay())
    assert code == SPOOL_UNUSABLE and str(spool) in text
    assert [path.name for path in spool.iterdir()] == ["diary.txt"]
    assert spool.stat().st_mode & 0o7777 == 0o1777


def test_spool_of_another_database(scene: Scene, servers: Servers, tmp_path: Path):
    scene.running_relay().stop()
    other = Scene(servers, tmp_path)
    try:
        code, text = refusal(other, other.relay())
        assert code == OTHER_DATABASE
        assert scene.name in text and other.name in text
    finally:
        other.close()


@pytest.mark.parametrize("options, mentioned", [
    ({"bogus": "1"}, ["--bogus"]),
    ({"topic_prefx": "x"}, ["--topic-prefx", "--topic-prefix"]),
    ({"postgres": "not a url ://"}, ["--postgres"]),
    ({"postgres": None}, ["--postgres"]),
    ({"schema_registry": "ftp://registry"}, ["--schema-registry"]),
    ({"broker": "host:notaport"}, ["--broker"]),
    ({"output_format": "xml"}, ["--output-format", "avro", "json"]),
    ({"on_error": "panic"}, ["--on-error", "log", "exit"]),
    ({"slot": "Not A Slot"}, ["--slot"]),
    ({"max_wal_retained": "lots"}, ["--max-wal-retained", "MiB"]),
    ({"config": "/does/not/exist.conf"}, ["--config", "/does/not/exist.conf"]),
    ({"kafka_config": "no.such.setting=1"}, ["--kafka-config", "no.such.setting"]),
    ({"kafka_config": ["security.protocol=ssl", "ssl.ca.location=/does/not/exist"]}, ["--kafka-config", "ssl.ca.location"]),
    ({"topic_config": "no.equals.sign"}, ["--topic-config"]),
    ({"publication": ""}, ["--publication"]),
], ids=lambda value: "-".join(value) if isinstance(value, dict) else "")
def test_option_that_is_wrong(scene: Scene, options: dict, mentioned: list[str]):
    code, text = refusal(scene, scene.relay(**options))
    assert code == USAGE
    for word in mentioned:
        assert word in text
    assert no_spool_is_left(scene)


def test_unknown_key_in_a_configuration_file_suggests_the_nearest(scene: Scene):
    config = scene.folder / "relay.conf"
    config.write_text("topic-prefx = 'x'\n")
    code, text = refusal(scene, scene.relay(config=str(config)))
    assert code == USAGE
    assert "topic-prefx" in text and "topic-prefix" in text and str(config) in text


def test_wrong_value_in_the_environment_names_the_variable(scene: Scene):
    relay = scene.relay(output_format=None, environment={"BOTTLEDWATER_OUTPUT_FORMAT": "xml"})
    code, text = refusal(scene, relay)
    assert code == USAGE and "BOTTLEDWATER_OUTPUT_FORMAT" in text


def test_options_from_environment_and_file_work(scene: Scene):
    config = scene.folder / "relay.conf"
    config.write_text(f"slot = '{scene.slot}'\ntopic-prefix = '{scene.prefix}'\n")
    scene.running_relay(slot=None, topic_prefix=None, config=str(config))
    scene.settle()


def test_wrong_starts_end_soon_even_when_kafka_is_away(scene: Scene):
    relay = scene.relay(postgres=scene.url(password="wrong"), broker=f"127.0.0.1:{free_port()}")
    assert relay.run(timeout=10) == LOGIN_REFUSED


@pytest.mark.parametrize("option", ["help", "version", "config_help"])
def test_questions_are_answered_without_any_server(tmp_path: Path, option: str):
    relay = Relay(tmp_path, **{option: True})
    assert relay.run() == 0
    assert relay.log_text().strip()


@pytest.mark.parametrize("arguments", [["man"], ["completion", "bash"], ["resnapshot", "--help"]], ids=" ".join)
def test_commands_that_print_need_no_server(tmp_path: Path, arguments: list[str]):
    relay = Relay(tmp_path, arguments=arguments, spool=False)
    assert relay.run() == 0
    assert "resnapshot" in relay.log_text() and not (tmp_path / "spool").exists()


def test_unknown_command_suggests_the_nearest(tmp_path: Path):
    relay = Relay(tmp_path, arguments=["resnapsho"])
    assert relay.run() == USAGE
    assert "unknown command resnapsho; did you mean resnapshot?" in relay.log_text()


def test_a_log_in_json_has_one_object_a_line(scene: Scene):
    relay = scene.running_relay(log_format="json")
    relay.stop()
    lines = [json.loads(line) for line in relay.log_text().splitlines()]
    assert all(set(line) == {"time", "level", "message"} for line in lines)
    code, text = refusal(scene, scene.relay(log_format="json", postgres=scene.url(password="wrong-secret")))
    assert code == LOGIN_REFUSED
    assert "password" in json.loads(text.splitlines()[-1])["message"]


def test_a_quiet_relay_logs_nothing_while_all_is_well(scene: Scene):
    relay = scene.relay(quiet=True)
    relay.start()
    scene.settle()
    relay.stop()
    assert relay.log_text() == ""


def test_help_lists_exit_codes_and_every_option_of_the_original(tmp_path: Path):
    relay = Relay(tmp_path, help=True)
    relay.run()
    text = relay.log_text()
    for option in ("-d", "--postgres", "-s", "--slot", "-b", "--broker", "-r", "--schema-registry", "-f", "--output-format",
                   "-u", "--allow-unkeyed", "-p", "--topic-prefix", "-e", "--on-error", "-x", "--skip-snapshot",
                   "-C", "--kafka-config", "-T", "--topic-config", "--config-help"):
        assert option in text
    for code in (64, 65, 66, 67, 68, 69, 73, 74, 80, 85):
        assert str(code) in text


def left_on(postgres: PostgresServer) -> tuple[list[str], list[str]]:
    """Slots and publications there."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        slots = connection.execute("SELECT slot_name FROM pg_replication_slots").fetchall()
        publications = connection.execute("SELECT pubname FROM pg_publication").fetchall()
    return [name for name, in slots], [name for name, in publications]
