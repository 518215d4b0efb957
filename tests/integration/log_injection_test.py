"""What came from outside stays within its line of the log, and commands no terminal."""

import re
import unicodedata
from pathlib import Path

import psycopg
import pytest
from harness import POSTGRES_MAJOR, Scene
from harness.poison import make_poison_type
from psycopg import sql

from servers import Relay

UNKEYED = 66
FORGED = "2026-01-01T00:00:00.000+00:00 critical forged"
EVIL = f"a\n{FORGED}\x1b[31m\u202e\\"
OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (trace|debug|info|warning|error|critical) |  |bottledwater: ")


def lines_of_its_own(relay: Relay) -> list[str]:
    """The log's lines, each of which the relay has made, and nothing in them that a terminal obeys."""
    lines = relay.log.read_bytes().decode("utf-8", "strict").split("\n")
    for line in filter(None, lines):
        assert OURS.match(line), line
        assert not line.startswith(FORGED)
        assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")], ascii(line)
    return lines


def identifier(name: str) -> str:
    return sql.Identifier(name).as_string(None)


@pytest.fixture
def evil(scene: Scene):
    """A database, a role, a schema, and within it a table with columns of that name."""
    with psycopg.connect(scene.servers.postgres.url(), autocommit=True) as maintenance:
        maintenance.execute(f"CREATE DATABASE {identifier(EVIL)}")
        maintenance.execute(f"CREATE ROLE {identifier(EVIL)} LOGIN REPLICATION SUPERUSER PASSWORD 'x'")
    parameters = psycopg.conninfo.conninfo_to_dict(scene.servers.postgres.url())
    parameters |= {"dbname": EVIL, "user": EVIL, "password": "x"}
    # psycopg's own words to libpq are the relay's, too.
    scene.evil = psycopg.conninfo.make_conninfo(**parameters)
    with psycopg.connect(scene.evil, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {identifier(EVIL)}")
        yield connection
    for relay in scene.relays:
        relay.kill9()
    with psycopg.connect(scene.servers.postgres.url(), autocommit=True) as maintenance:
        scene.wait_until(lambda: not maintenance.execute(
            "SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = %s", [scene.slot]).fetchall(), 20, "the slot")
        maintenance.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
                            [scene.slot])
        scene.wait_until(lambda: not maintenance.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", [EVIL]).fetchall(), 20,
                         "the last session")
        maintenance.execute(f"DROP DATABASE {identifier(EVIL)}")
        maintenance.execute(f"DROP ROLE {identifier(EVIL)}")


def test_names_from_the_server_forge_no_line_of_the_log(scene: Scene, evil: psycopg.Connection):
    table = f"{identifier(EVIL)}.{identifier(EVIL)}"
    evil.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, {identifier(EVIL)} timestamp)")
    evil.execute(f"INSERT INTO {table} VALUES (1, '294276-01-01')")
    relay = scene.running_relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": scene.evil}, on_error="log",
                                log_level="debug")
    evil.execute(f"INSERT INTO {table} VALUES (2, '294276-01-01')")
    evil.execute(f"TRUNCATE {table}")
    evil.execute(f"ALTER TABLE {table} ADD COLUMN {identifier(EVIL + '2')} int")
    evil.execute(f"INSERT INTO {table} VALUES (3, '2026-01-01', 1)")
    truncate = "TRUNCATE of .*" if POSTGRES_MAJOR >= 11 else ""  # 10 sends none.
    relay.wait_for_log(f"(?s)snapshot refused.*row at .* refused.*{truncate}Created topic ")
    relay.stop()
    lines = lines_of_its_own(relay)
    assert len([line for line in lines if FORGED in line]) > 4


def test_what_ends_the_relay_forges_no_line_either(scene: Scene, evil: psycopg.Connection):
    table = f"{identifier(EVIL)}.{identifier(EVIL)}"
    make_poison_type(evil)
    evil.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, {identifier(EVIL)} poison)")
    evil.execute(f"INSERT INTO {table} VALUES (1, '0')")
    relay = scene.relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": scene.evil})
    assert relay.run() != 0
    assert "critical" in relay.log_text().splitlines()[-1] and FORGED in relay.log_text()
    lines_of_its_own(relay)


def test_remedies_with_such_names_can_be_run_as_the_log_shows_them(scene: Scene, evil: psycopg.Connection):
    table = f"{identifier(EVIL)}.{identifier(EVIL)}"
    evil.execute(f"CREATE TABLE {table} (id int)")
    evil.execute(f"CREATE PUBLICATION {identifier(EVIL)} FOR ALL TABLES WITH (publish = 'insert')")
    evil.execute(f"CREATE PUBLICATION {scene.slot} FOR ALL TABLES")
    relay = scene.relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": scene.evil})
    assert relay.run() == UNKEYED
    [remedy] = [line for line in lines_of_its_own(relay) if line.endswith("REPLICA IDENTITY FULL;")]
    evil.execute(f"DROP PUBLICATION {scene.slot}")
    evil.execute(remedy)
    scene.running_relay(postgres=None, environment={"BOTTLEDWATER_POSTGRES": scene.evil}, publication=EVIL)


@pytest.mark.parametrize("option", ["broker", "spool", "publication", "config", "kafka_config", "tables", "log_level"])
def test_options_forge_no_line(scene: Scene, tmp_path: Path, option: str):
    relay = scene.relay(**{option: EVIL, "postgres": "host=127.0.0.1 port=1"})
    relay.start()
    scene.wait_until(lambda: relay.log_text().strip(), 10, "a first line")
    relay.kill9()
    lines_of_its_own(relay)
