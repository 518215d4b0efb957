"""Databases that are not UTF-8: every text arrives as the server would convert it, and one that cannot be converted is one
row's matter, never the stream's."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from harness import Scene

from servers import Servers

ROW_REFUSED, SERVER_SETTING = 65, 68
TABLES = Path(__file__).parents[2] / "src" / "base" / "single_byte_tables.inc"
# A text that the encoding has and UTF-8 does not, as an SQL expression.
BAD = {"SQL_ASCII": r"E'a\xffz'", "WIN1252": r"convert_from('\x61817a', 'WIN1252')"}
BAD_BYTES = {"SQL_ASCII": b"a\xffz", "WIN1252": b"a\x81z"}
ENCODINGS = pytest.mark.parametrize("encoding", list(BAD))


@pytest.fixture
def scene_in(servers: Servers, tmp_path: Path) -> Iterator[Callable[[str], Scene]]:
    """Makes a scene whose database has an encoding."""
    servers.bring_back()
    scenes = []

    def make(encoding: str) -> Scene:
        scenes.append(Scene(servers, tmp_path, encoding))
        return scenes[-1]

    yield make
    for scene in scenes:
        print(scene.report())
        scene.close()


def keys_and_texts(scene: Scene, table: str = "test") -> list[tuple]:
    return [(op, key["id"], value and value.get("t")) for op, key, value in scene.changes(table)]


@ENCODINGS
def test_a_text_without_utf8_is_a_row_error_like_any_other(scene_in, encoding: str):
    scene = scene_in(encoding)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, t text, other text)")
    scene.execute(f"INSERT INTO test VALUES (1, 'one'), (2, {BAD[encoding]}), (3, 'three')")
    relay = scene.running_relay(on_error="log")
    scene.execute(f"INSERT INTO test VALUES (4, {BAD[encoding]}), (5, 'five')")
    scene.execute(f"UPDATE test SET t = {BAD[encoding]} WHERE id = 1")
    scene.execute("UPDATE test SET t = 'two' WHERE id = 2")
    scene.execute("DELETE FROM test WHERE id = 4")
    assert keys_and_texts(scene) == [("r", 1, "one"), ("r", 3, "three"), ("c", 5, "five"), ("u", 2, "two"), ("d", 4, None)]
    text = relay.log_text()
    assert len(re.findall(r'table public\.test, column "t" \(text\): its text is neither valid UTF-8', text)) == 3


@ENCODINGS
def test_without_on_error_log_it_ends_the_relay_and_names_the_column(scene_in, encoding: str):
    scene = scene_in(encoding)
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, t text)")
    relay = scene.running_relay()
    scene.execute(f"INSERT INTO test VALUES (4, {BAD[encoding]})")
    assert relay.exit_code(30) == ROW_REFUSED
    assert 'table public.test, column "t"' in relay.log_text() and "--invalid-text" in relay.log_text()
    scene.running_relay(invalid_text="replace")
    assert keys_and_texts(scene) == [("c", 4, "a�z")]


@ENCODINGS
def test_what_has_no_utf8_is_replaced_on_request_in_values_and_keys(scene_in, encoding: str):
    scene = scene_in(encoding)
    scene.execute("CREATE TABLE test (id text PRIMARY KEY, t text)")
    scene.execute(f"INSERT INTO test VALUES ({BAD[encoding]}, {BAD[encoding]})")
    scene.running_relay(invalid_text="replace")
    scene.execute("UPDATE test SET t = 'good'")
    scene.execute("DELETE FROM test")
    assert keys_and_texts(scene) == [("r", "a�z", "a�z"), ("u", "a�z", "good"), ("d", "a�z", None)]


@ENCODINGS
def test_bytes_are_published_exactly_on_request(scene_in, encoding: str):
    scene = scene_in(encoding)
    bad = BAD_BYTES[encoding]
    scene.execute("CREATE TABLE test (id text PRIMARY KEY, t varchar, n numeric, b bytea)")
    scene.execute(f"INSERT INTO test VALUES ({BAD[encoding]}, {BAD[encoding]}, 1.5, '\\x00')")
    scene.running_relay(invalid_text="bytes")
    scene.execute("UPDATE test SET t = '\\x41'")
    scene.execute("UPDATE test SET id = 'b'")
    assert [(op, key, value) for op, key, value in scene.changes("test")] == [
        ("r", {"id": bad}, {"id": bad, "t": bad, "n": "1.5", "b": b"\0"}),
        ("u", {"id": bad}, {"id": bad, "t": b"\\x41", "n": "1.5", "b": b"\0"}),
        ("d", {"id": bad}, None),
        ("u", {"id": b"b"}, {"id": b"b", "t": b"\\x41", "n": "1.5", "b": b"\0"})]


@pytest.mark.parametrize("encoding, name, text", [
    ("WIN1252", "crêpes €", "à la crème – 5 €"), ("LATIN1", "straße", "ÄÖÜ\u0085"), ("KOI8R", "таблица", "Привет"),
    ("WIN1258", "ba\u0309ng", "Vi\u00ea\u0323t"), ("EUC_JP", "表", "日本語"), ("SQL_ASCII", "crêpes", "日本語"), ("UTF8", "crêpes", "日本語 🥞")])
def test_texts_and_names_arrive_in_utf8_from_snapshot_and_stream(scene_in, encoding: str, name: str, text: str):
    scene = scene_in(encoding)
    with psycopg.connect(scene.url() + "?client_encoding=utf8", autocommit=True) as connection:
        connection.execute("SET client_encoding = 'UTF8'") if encoding != "SQL_ASCII" else None
        connection.execute(f'CREATE TABLE "{name}" (id int PRIMARY KEY, "{name}" text, "text" varchar)')
        connection.execute(f'INSERT INTO "{name}" VALUES (1, %s, %s)', [text, text])
        relay = scene.running_relay()
        connection.execute(f'UPDATE "{name}" SET "{name}" = \'\'')
        scene.settle()
        relay.stop()
    [topic] = scene.topics()
    messages = scene.messages(topic, settle=False)
    assert [message.op for message in messages] == ["r", "u"]
    assert [message.value["text"] for message in messages] == [text, text]
    assert text in messages[0].value.values() and name in relay.log_text()


@pytest.mark.parametrize("encoding, name", [("WIN1252", r"\x6181"), ("SQL_ASCII", r"\x61ff")])
def test_even_names_may_have_no_utf8(scene_in, encoding: str, name: str):
    scene = scene_in(encoding)
    scene.execute(f"DO $$BEGIN EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, %I int)', "
                  f"convert_from('{name}', getdatabaseencoding()), convert_from('{name}', getdatabaseencoding())); END$$")
    insert = (f"DO $$BEGIN EXECUTE format('INSERT INTO %I VALUES (ROW, 1)', "
              f"convert_from('{name}', getdatabaseencoding())); END$$")
    scene.execute(insert.replace("ROW", "1"))
    scene.running_relay()
    scene.execute(insert.replace("ROW", "2"))
    scene.settle()
    [topic] = scene.topics()
    assert [key["id"] for _, key, _ in scene.changes(topic)] == [1, 2]


def test_our_tables_of_characters_are_the_servers(scene: Scene):
    ours = {name: [int(number, 0) for number in body.split(",")]
            for name, body in re.findall(r'\{"(\w+)",\s*\{([^}]*)\}', TABLES.read_text())}
    assert len(ours) == 27
    for encoding, characters in ours.items():
        assert len(characters) == 128
        good = [(byte, character) for byte, character in enumerate(characters, 128) if character]
        converted = scene.query("SELECT convert(%s, %s, 'UTF8')", [bytes(byte for byte, _ in good), encoding])[0][0]
        assert bytes(converted).decode() == "".join(chr(character) for _, character in good)
        for byte in set(range(128, 256)) - {byte for byte, _ in good}:
            with pytest.raises((psycopg.errors.UntranslatableCharacter, psycopg.errors.CharacterNotInRepertoire)):
                scene.query("SELECT convert(%s, %s, 'UTF8')", [bytes([byte]), encoding])


BAD_IN_EUC = r"convert_from('\x61a9a1', 'EUC_JP')"  # Well-formed, and no character of JIS X 0208.
NO_EQUIVALENT = 'character with byte sequence 0xa9 0xa1 in encoding "EUC_JP" has no equivalent in encoding "UTF8"'


def test_a_text_of_euc_jp_without_utf8_is_named_and_costs_its_transaction_at_most(scene_in):
    """The server converts, and fails at the whole transaction: src/base/text_encoding.h."""
    scene = scene_in("EUC_JP")
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, t text)")
    relay = scene.running_relay(on_error="log")
    scene.execute("INSERT INTO test VALUES (1, 'one')")
    scene.execute(f"INSERT INTO test VALUES (2, {BAD_IN_EUC})")
    scene.execute("INSERT INTO test VALUES (3, 'three')")
    lsn, words = relay.wait_for_log(r"PostgreSQL has failed 3 times at transaction ([0-9A-F]+/[0-9A-F]+): (.*)", 60).groups()
    assert NO_EQUIVALENT in words and "public.test" in words and f"--skip-transaction={lsn}" in words
    relay.stop()
    scene.running_relay(on_error="log", skip_transaction=lsn)
    assert keys_and_texts(scene) == [("c", 1, "one"), ("c", 3, "three")]


def test_a_text_of_euc_jp_without_utf8_that_the_snapshot_meets_is_named_with_its_table(scene_in):
    scene = scene_in("EUC_JP")
    scene.execute(f"CREATE TABLE test (id int PRIMARY KEY, t text); INSERT INTO test VALUES (2, {BAD_IN_EUC})")
    relay = scene.relay(on_error="log")
    assert relay.run(timeout=60) != 0
    assert "public.test" in relay.log_text() and NO_EQUIVALENT in relay.log_text()
    assert scene.slots() == []
    scene.execute("UPDATE test SET t = 'good'")
    scene.running_relay()
    assert keys_and_texts(scene) == [("r", 2, "good")]


def test_a_database_that_postgresql_cannot_convert_is_refused_at_the_start(scene_in, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")  # Or psycopg could not connect either.
    scene = scene_in("MULE_INTERNAL")
    monkeypatch.delenv("PGCLIENTENCODING")
    relay = scene.relay()
    assert relay.run() == SERVER_SETTING
    assert "MULE_INTERNAL" in relay.log_text() and "a database with another encoding" in relay.log_text()
    assert scene.slots() == scene.publications() == []


def test_a_comment_without_utf8_ends_nothing(scene_in):
    """Its table has no comments then, in snapshot and stream; other tables have theirs."""
    scene = scene_in("EUC_JP")
    bad = f"EXECUTE format('COMMENT ON TABLE test IS %L', {BAD_IN_EUC})"
    scene.execute(f"CREATE TABLE test (id int PRIMARY KEY); CREATE TABLE fine (id int PRIMARY KEY); DO $$BEGIN {bad}; END$$;"
                  "COMMENT ON TABLE fine IS 'good'; INSERT INTO test VALUES (1); INSERT INTO fine VALUES (1)")
    relay = scene.running_relay("--schema-docs")
    scene.execute("INSERT INTO test VALUES (2); INSERT INTO fine VALUES (2)")

    def docs(table: str) -> list[str | None]:
        return [scene.schema(message.raw_value).get("doc") for message in scene.messages(table)]

    assert (docs("test"), docs("fine")) == ([None] * 2, ["good"] * 2)
    assert "has a character that UTF-8 lacks" in relay.log_text()
