"""`check --print-sql` and `--print-acls`: a relay with the rights that they print works, and none of them is too much."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import pytest
from clients import JsonDecoder, TopicReader
from confluent_kafka.admin import (AclBindingFilter, AclOperation, AclPermissionType, AdminClient, ResourcePatternType,
                                   ResourceType)
from harness import Scene, role_url

from servers import SHORT_LIVED, Relay, Servers, binary
from servers.fetch import fetch_kafka_tools
from servers.paths import postgres_program
from servers.relay import command_line

USAGE, REFUSED_CODES = 64, {67, 68, 69}
PASSWORDS = {"relay": "relay-secret", "admin": "admin-secret"}
# What a relay says when an ACL is missing.
REFUSED_BY_KAFKA = r"ACLs do not allow it|[aA]uthorization failed"


@pytest.fixture(scope="module")
def kafka_with_acls() -> Iterator[Servers]:
    fetch_kafka_tools()
    with Servers(postgres=False, registry=False, kafka_sasl_users=PASSWORDS, kafka_java=SHORT_LIVED) as servers:
        yield servers


@pytest.fixture
def guarded(servers: Servers, kafka_with_acls: Servers, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose relays log in to a Kafka in which they may do nothing yet."""
    kafka = kafka_with_acls.kafka
    admin = AdminClient({"bootstrap.servers": kafka.address})
    everything = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
                                  AclPermissionType.ANY)
    for done in admin.delete_acls([everything]).values():
        done.result(30)
    scene = Scene(SimpleNamespace(postgres=servers.postgres, kafka=kafka, registry=servers.registry), tmp_path)
    yield scene
    scene.close()
    # Without a prefix, the next test's tables have the same topics.
    topics = [name for name in scene.reader.topics() if not name.startswith("__")]
    for done in (admin.delete_topics(topics) if topics else {}).values():
        done.result(30)


def options_of(scene: Scene, **others: Any) -> dict[str, Any]:
    """Those of a relay that logs in to Kafka."""
    login = scene.folder / "relay.properties"
    login.write_text("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=relay\nsasl.password=relay-secret\n")
    login.chmod(0o600)
    return {"broker": scene.servers.kafka.sasl_address, "kafka_config_file": str(login), **others}


def printed(scene: Scene, *words: str, url: Optional[str] = None, code: int = 0, **options: Any) -> str:
    chosen = {"broker": scene.servers.kafka.address, "schema_registry": scene.servers.registry.url, "slot": scene.slot,
              "topic_prefix": scene.prefix, "spool": scene.folder / "spool", **options}
    given = {name: value for name, value in chosen.items() if value is not None}
    done = subprocess.run([binary(), "check", *words, *command_line(given)],
                          env={"BOTTLEDWATER_POSTGRES": url or scene.url()}, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


# --- PostgreSQL ------------------------------------------------------------------------------------


@pytest.fixture
def closed(scene: Scene) -> Scene:
    """A database in which nobody may do anything unasked: some tables to capture, one without a key, one with policies,
    and one that is left out."""
    scene.execute(f"""
        REVOKE CONNECT ON DATABASE {scene.name} FROM PUBLIC; REVOKE USAGE ON SCHEMA public FROM PUBLIC;
        CREATE TABLE test (id int PRIMARY KEY, value text); INSERT INTO test VALUES (1, 'snapshot');
        CREATE SCHEMA sales CREATE TABLE orders (id int PRIMARY KEY) CREATE TABLE log (line text);
        ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY; INSERT INTO sales.orders VALUES (1);
        INSERT INTO sales.log VALUES ('first');
        CREATE SCHEMA secret CREATE TABLE payroll (id int PRIMARY KEY); INSERT INTO secret.payroll VALUES (1)""")
    return scene


SELECTION = {"exclude_tables": "secret.*", "allow_unkeyed": True}


def statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [one.strip() + ";" for one in "\n".join(lines).split(";\n") if one.strip()]


def run_sql(scene: Scene, script: str) -> None:
    done = subprocess.run([postgres_program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", scene.url()], input=script,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + script
    scene.execute(f"ALTER ROLE {scene.name} PASSWORD 'role-secret'")


def test_the_printed_sql_is_enough(closed: Scene):
    script = printed(closed, "--print-sql", role=closed.name, **SELECTION)
    assert "payroll" not in script and "GRANT CREATE" not in script, script
    run_sql(closed, script)
    relay = closed.running_relay(postgres=role_url(closed), **SELECTION)
    closed.execute("INSERT INTO test VALUES (2, 'streamed'); UPDATE test SET value = 'changed' WHERE id = 1; "
                   "DELETE FROM test WHERE id = 2; INSERT INTO sales.orders VALUES (2)")
    assert [(op, key["id"]) for op, key, _ in closed.changes("test")] == [("r", 1), ("c", 2), ("u", 1), ("d", 2)]
    assert [(op, key["id"]) for op, key, _ in closed.changes("sales.orders")] == [("r", 1), ("c", 2)]
    assert [message.op for message in closed.messages("sales.log")] == ["r"]
    assert "may not" not in relay.log_text() and "permission denied" not in relay.log_text()
    # It may take out a table that loses its key, so that its owner's UPDATE goes on.
    closed.execute("ALTER TABLE test DROP CONSTRAINT test_pkey")
    relay.wait_for_log("Table public.test has lost its replica identity")
    closed.execute("UPDATE test SET value = 'without a key'")
    with closed.connect(user=closed.name, password="role-secret") as connection:
        with pytest.raises(Exception, match="permission denied"):
            connection.execute("SELECT * FROM secret.payroll")


def test_the_printed_sql_is_enough_on_a_newer_server(newer_scene: Scene):
    newer_scene.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1)")
    script = printed(newer_scene, "--print-sql", role=newer_scene.name)
    assert f'-- GRANT EXECUTE ON FUNCTION pg_catalog.pg_log_standby_snapshot() TO "{newer_scene.name}";' in script
    run_sql(newer_scene, script)
    newer_scene.running_relay(postgres=role_url(newer_scene))
    newer_scene.execute("INSERT INTO test VALUES (2)")
    assert [(op, key["id"]) for op, key, _ in newer_scene.changes("test")] == [("r", 1), ("c", 2)]


NEEDED = {
    "replication": r"(?m)^CREATE ROLE \S+ LOGIN REPLICATION;",
    "connect": r"(?m)^GRANT CONNECT ON DATABASE .*;",
    "usage": r'(?m)^GRANT USAGE ON SCHEMA "sales" .*;',
    "select": r'(?m)^GRANT SELECT ON TABLE "public"\."bw_marker".*;',
    "policies": r"(?m)^ALTER ROLE \S+ BYPASSRLS;",
    "publications": r"(?ms)^CREATE PUBLICATION .*^ALTER PUBLICATION [^;]*;",
}


@pytest.mark.parametrize("needed", NEEDED)
def test_none_of_the_printed_sql_is_too_much(closed: Scene, needed: str):
    script = printed(closed, "--print-sql", role=closed.name, **SELECTION)
    instead = f"CREATE ROLE {closed.name} LOGIN;" if needed == "replication" else ""
    script, count = re.subn(NEEDED[needed], instead, script)
    assert count == 1, script
    run_sql(closed, script)
    relay = closed.relay(postgres=role_url(closed), **SELECTION)
    assert relay.run() in REFUSED_CODES, relay.log_text()
    # And what is missing is named.
    assert re.search("REPLICATION|GRANT|BYPASSRLS|CREATE PUBLICATION", relay.log_text())


def test_a_publication_of_the_owners_takes_no_superuser(closed: Scene):
    script = printed(closed, "--print-sql", role=closed.name, publication="mine", tables="public.*")
    assert "FOR ALL TABLES" not in script and "OWNER TO" not in script
    assert statements(script)[-1].startswith('CREATE PUBLICATION "mine" FOR TABLE ONLY')
    run_sql(closed, script)
    closed.running_relay(postgres=role_url(closed), publication="mine", tables="public.*")
    closed.execute("UPDATE test SET value = 'changed'")
    assert [op for op, _, _ in closed.changes("test")] == ["r", "u"]


def test_a_role_that_is_there_and_tables_without_a_key(closed: Scene):
    closed.execute(f"CREATE ROLE {closed.name} LOGIN")
    script = printed(closed, "--print-sql", role=closed.name)
    assert f'ALTER ROLE "{closed.name}" LOGIN REPLICATION;' in script
    assert '-- ALTER TABLE "sales"."log" ADD PRIMARY KEY' in script.replace("--   ", "-- ")
    assert all("log" not in one for one in statements(script) if "PUBLICATION" in one)


def test_without_postgres_a_form_to_fill_in(scene: Scene):
    script = printed(scene, "--print-sql", "--print-acls", url="postgres://relay@127.0.0.1:1/shop")
    assert "PostgreSQL could not be asked" in script and 'CREATE ROLE "relay"' in script and "<schema>.<table>" in script
    assert "--transactional-id bottledwater. --resource-pattern-type prefixed" in script
    assert f"bottledwater.shop.{scene.slot}.checkpoint" in script
    assert "--role: only with" in printed(scene, role="x", code=USAGE)
    assert "--principal: only with" in printed(scene, "--print-sql", principal="x", code=USAGE)


# --- Kafka -----------------------------------------------------------------------------------------


def run_acls(scene: Scene, script: str) -> None:
    login = scene.folder / "admin.properties"
    login.write_text("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
                     "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" "
                     "password=\"admin-secret\";\n")
    for line in script.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "kafka-acls.sh", line
        scene.servers.kafka.run_acls(*(str(login) if word == "admin.properties" else word for word in words[1:]))


SELECTIONS = {
    "prefix": {},
    "tables": {"topic_prefix": None, "tables": "public.test,public.bw_marker"},
    "everything": {"topic_prefix": None},
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_printed_acls_are_enough(guarded: Scene, selection: str):
    """First start, topics that it creates, a table that is made later, and a re-snapshot with its tombstones."""
    guarded.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1), (2)")
    options = options_of(guarded, **SELECTIONS[selection])
    if "topic_prefix" in options:
        guarded.prefix = ""
    script = printed(guarded, "--print-acls", **options)
    assert "'User:relay'" in script and (("'*'" in script) == (selection == "everything"))
    run_acls(guarded, script)
    relay = guarded.running_relay(**options)
    guarded.execute("INSERT INTO test VALUES (3)")
    assert [key["id"] for _, key, _ in guarded.changes("test")][-3:] == [1, 2, 3]
    if selection != "tables":
        guarded.execute("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)")
        guarded.reader.wait_for(guarded.topic("later"), lambda message: message.op == "r")
    relay.stop()
    guarded.execute("DELETE FROM test WHERE id = 2")
    relay = guarded.running_relay("resnapshot", **options)
    assert [op for op, key, _ in guarded.changes("test") if key["id"] == 2][-1] == "d"
    relay.kill9()  # Reads beyond the checkpoint at the next start.
    relay = guarded.running_relay(**options)
    guarded.execute("INSERT INTO test VALUES (4)")
    guarded.settle()
    assert not any(re.search(REFUSED_BY_KAFKA, one.log_text()) for one in guarded.relays)


def test_the_printed_acls_are_enough_for_debeziums_topics(guarded: Scene):
    """Which have the schema in their names, with those of dead letters and of transaction metadata."""
    guarded.execute("CREATE TABLE test (id int PRIMARY KEY, n numeric); INSERT INTO test VALUES (1, 1)")
    options = options_of(guarded, envelope="debezium", on_error="dead-letter", transaction_metadata=True)
    script = printed(guarded, "--print-acls", **options)
    assert f"--topic {guarded.prefix}. --resource-pattern-type prefixed" in script and "'*'" not in script
    run_acls(guarded, script)
    relay = guarded.running_relay(**options)
    guarded.execute("INSERT INTO test VALUES (2, 'NaN'), (3, 3)")
    guarded.reader.wait_for(guarded.topic("public.test"), lambda message: message.key == {"id": 3})
    guarded.reader.wait_for(guarded.topic("transaction-metadata"), lambda message: message.op == "E")
    [letter] = TopicReader(guarded.servers.kafka.address, JsonDecoder()).read(guarded.topic("dead-letter"))
    assert letter.key["table"] == "test" and not re.search(REFUSED_BY_KAFKA, relay.log_text())


@pytest.mark.parametrize("operation", ["Create", "Write", "Read", "transaction"])
def test_none_of_the_printed_acls_is_too_much(guarded: Scene, operation: str):
    guarded.execute("CREATE TABLE test (id int PRIMARY KEY); INSERT INTO test VALUES (1)")
    script = printed(guarded, "--print-acls", **options_of(guarded))
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    if operation == "transaction":
        lines = [line for line in lines if "--transactional-id" not in line]
    else:
        lines = [line if "--transactional-id" in line else line.replace(f" --operation {operation}", "") for line in lines]
    run_acls(guarded, "\n".join(lines))
    relay: Relay = guarded.relay(**options_of(guarded))
    relay.start()
    relay.wait_for_log(REFUSED_BY_KAFKA)
    relay.kill9()


def test_the_documented_passage_is_what_is_printed(guarded: Scene):
    """docs/operations.md, "ACLs in Kafka"."""
    docs = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
    documented = re.findall(r"^kafka-acls\.sh (?:[^\n]*\\\n)*[^\n]*", docs, re.M)
    assert documented, "the commands are in the documentation"
    operations = {tuple(sorted(re.findall(r"--operation (\w+)", one))) for one in documented}
    script = printed(guarded, "--print-acls", **options_of(guarded))
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert operations == {tuple(sorted(re.findall(r"--operation (\w+)", line))) for line in lines}
