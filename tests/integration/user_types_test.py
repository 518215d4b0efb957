"""Types that are not built in: domains, enums, and arrays of both. Snapshot and stream know them alike, also those that grow,
are dropped, or are made again."""

import threading
from decimal import Decimal

from clients.decoders import schema_id
from harness import Scene, make_publications_for_role, make_role, role_url

TYPES = """
    CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN net_price AS price CHECK (VALUE >= 0);
    CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN good_mood AS mood;
    CREATE DOMAIN weights AS numeric(8,3)[]; CREATE DOMAIN boxes AS box[]; CREATE DOMAIN counter AS bigint;
    CREATE TYPE pair AS (a int, b text)"""
TABLE = """
    CREATE TABLE test (id counter PRIMARY KEY, price price, net net_price, mood mood, good good_mood, weights weights,
                       boxes boxes, prices net_price[], moods mood[], goods good_mood[], all_weights weights[], pair pair)"""
ROW = """
    INSERT INTO test VALUES ({}, 1.5, 2.25, 'ok', 'sad', '{{1,2.5,NULL}}', '{{(1,1),(0,0);(3,3),(2,2)}}', '{{3.75}}',
                             '{{ok,NULL}}', '{{sad}}', '{{"{{1,2}}"}}', '(1,x)')"""
EXPECTED = {
    "price": Decimal("1.50"), "net": Decimal("2.25"), "mood": "ok", "good": "sad",
    "weights": [Decimal("1.000"), Decimal("2.500"), None], "boxes": ["(1,1),(0,0)", "(3,3),(2,2)"],
    "prices": [Decimal("3.75")], "moods": ["ok", None], "goods": ["sad"], "all_weights": ["{1.000,2.000}"],
    "pair": "(1,x)",
}


def schema_of(scene: Scene, message) -> dict[str, dict]:
    """The fields of a message's value, by name."""
    return {field["name"]: field for field in scene.schema(message.raw_value)["fields"]}


def type_of(field: dict):
    """Beside null."""
    return field["type"][1]


def row_of(message) -> dict:
    return {name: value for name, value in message.value.items() if name != "id"}


def test_snapshot_and_stream_have_one_schema_and_the_same_values(scene: Scene):
    scene.execute(TYPES + ";" + TABLE + ";" + ROW.format(1))
    scene.running_relay()
    scene.execute(ROW.format(2))
    read, streamed = scene.messages("test")
    assert (read.op, streamed.op) == ("r", "c")
    assert schema_id(read.raw_value) == schema_id(streamed.raw_value)
    assert schema_id(read.raw_key) == schema_id(streamed.raw_key)
    assert row_of(read) == row_of(streamed) == EXPECTED
    assert (read.key, streamed.key) == ({"id": 1}, {"id": 2})


def test_a_role_needs_no_right_to_the_types(scene: Scene):
    scene.execute("CREATE SCHEMA hidden; CREATE DOMAIN hidden.price AS numeric(10,2); REVOKE ALL ON TYPE hidden.price FROM PUBLIC;"
                  "CREATE TABLE test (id int PRIMARY KEY, price hidden.price); INSERT INTO test VALUES (1, 1.5)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    scene.running_relay(postgres=role_url(scene))
    scene.execute("INSERT INTO test VALUES (2, 2.5)")
    assert [value["price"] for _, _, value in scene.changes("test")] == [Decimal("1.50"), Decimal("2.50")]


def test_an_enum_grows_while_the_relay_runs(scene: Scene):
    scene.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE test (id int PRIMARY KEY, mood mood, moods mood[])")
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, 'sad', '{sad}')")
    scene.settle()
    scene.execute("ALTER TYPE mood ADD VALUE 'ok' BEFORE 'sad'")
    scene.execute("INSERT INTO test VALUES (2, 'ok', '{ok,sad}')")
    scene.execute("ALTER TABLE test ADD COLUMN more int")  # PostgreSQL announces the table again.
    scene.execute("INSERT INTO test VALUES (3, 'ok', '{}', 1)")
    messages = scene.messages("test")
    assert [message.value["mood"] for message in messages] == ["sad", "ok", "ok"]
    assert [message.value["moods"] for message in messages] == [["sad"], ["ok", "sad"], []]
    assert schema_of(scene, messages[0])["mood"]["postgresql_enum"] == ["sad"]
    assert schema_of(scene, messages[2])["mood"]["postgresql_enum"] == ["ok", "sad"]


def test_a_table_and_its_types_that_one_transaction_makes_are_known_at_once(scene: Scene):
    """The stream may send that transaction before the catalog shows it."""
    relay = scene.running_relay()
    for number in range(20):
        scene.execute(f"CREATE DOMAIN price{number} AS numeric(10,2); CREATE TYPE mood{number} AS ENUM ('ok');"
                      f"CREATE TABLE test{number} (id int PRIMARY KEY, price price{number}, moods mood{number}[]);"
                      f"INSERT INTO test{number} VALUES (1, 1.5, '{{ok}}')")
    scene.settle()
    for number in range(20):
        first = scene.messages(f"test{number}", settle=False)[0]
        assert first.value == {"id": 1, "price": Decimal("1.50"), "moods": ["ok"]}, (number, first)
    assert relay.is_running()


def test_types_that_are_dropped_and_made_again_under_load_lose_no_row(scene: Scene):
    """A type that the relay comes to know too late makes a text of its value, which is another form and the same value."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, price numeric(10,2))")
    relay = scene.running_relay()
    done = threading.Event()
    written = []

    def write() -> None:
        with scene.connect() as connection:
            for number in range(100_000):
                if done.is_set():
                    return
                # No parameters: PostgreSQL would not find the type of one that was dropped since the statement was parsed.
                connection.execute(f"INSERT INTO test VALUES ({number}, {number}.25)")
                written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(15):
            scene.execute("CREATE DOMAIN price AS numeric(10,2)")
            scene.execute("ALTER TABLE test ALTER price TYPE price")
            count = len(written)
            scene.wait_until(lambda: len(written) > count + 5, 60, "rows with the domain")  # noqa: B023
            scene.execute("ALTER TABLE test ALTER price TYPE numeric(10,2)")
            scene.execute("DROP DOMAIN price")
    finally:
        done.set()
        writer.join()
    latest = {message.key["id"]: Decimal(str(message.value["price"])) for message in scene.messages("test")}
    assert latest == {number: Decimal(f"{number}.25") for number in written}
    assert relay.is_running()


def test_a_type_that_is_dropped_while_the_relay_is_stopped_keeps_its_form(scene: Scene):
    scene.execute(TYPES + ";" + TABLE + ";" + ROW.format(1))
    scene.running_relay().stop()
    scene.execute(ROW.format(2))
    scene.execute("DROP TABLE test; DROP TYPE pair; DROP DOMAIN net_price, price, good_mood, weights, boxes, counter; DROP TYPE mood")
    scene.running_relay()
    read, streamed = scene.messages("test")
    assert row_of(read) == row_of(streamed) == EXPECTED
    assert schema_id(read.raw_value) == schema_id(streamed.raw_value)


def test_a_type_that_the_relay_has_never_seen_is_text_unless_it_is_a_domain_over_a_built_in_type(scene: Scene):
    """docs/guarantees.md says so."""
    scene.running_relay().stop()
    scene.execute(TYPES + ";" + TABLE + ";" + ROW.format(1))
    scene.execute("DROP TABLE test; DROP TYPE pair; DROP DOMAIN net_price, price, good_mood, weights, boxes, counter; DROP TYPE mood")
    scene.running_relay()
    [message] = scene.messages("test")
    assert message.value["id"] == 1, "pgoutput says that the domain's base is bigint"
    assert message.value["price"] == "1.50", "but not its precision"
    assert message.value["moods"] == "{ok,NULL}"


def test_forms_are_chosen_and_may_be_changed(scene: Scene):
    scene.execute("CREATE DOMAIN price AS numeric(10,2);"
                  "CREATE TABLE test (id int PRIMARY KEY, p price, d numeric(5,1), n numeric, l price[]);"
                  "INSERT INTO test VALUES (1, 1.5, 2.5, 3.25, '{4.5}')")
    relay = scene.running_relay(numeric="string", arrays="text")
    scene.execute("INSERT INTO test VALUES (2, 1.5, 2.5, 3.25, '{4.5}')")
    assert [value for _, _, value in scene.changes("test")] == [
        {"id": number, "p": "1.50", "d": "2.5", "n": "3.25", "l": "{4.50}"} for number in (1, 2)]
    relay.stop()
    relay = scene.running_relay(numeric="double")
    scene.execute("INSERT INTO test VALUES (3, 1.5, 2.5, 3.25, '{4.5}')")
    assert scene.changes("test")[-1][2] == {"id": 3, "p": 1.5, "d": 2.5, "n": "3.25", "l": [4.5]}
    relay.stop()
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (4, 1.5, 2.5, 3.25, '{4.5}')")
    assert scene.changes("test")[-1][2] == {"id": 4, "p": Decimal("1.50"), "d": Decimal("2.5"), "n": "3.25", "l": [Decimal("4.50")]}


def test_a_key_whose_form_changes_is_read_again_by_itself(scene: Scene):
    scene.execute("CREATE TABLE test (id numeric(10,2) PRIMARY KEY); INSERT INTO test VALUES (1)")
    scene.running_relay(numeric="string").stop()
    relay = scene.running_relay()
    scene.execute("INSERT INTO test VALUES (2)")
    relay.wait_for_log("has another type")
    scene.reader.wait_for(scene.topic("test"), lambda message: message.op == "r" and message.key["id"] == Decimal("2.00"))
    latest = {}
    for message in scene.messages("test"):
        latest[(type(message.key["id"]).__name__, str(message.key["id"]))] = message.value
    assert {key for key, value in latest.items() if value is not None} == {("Decimal", "1.00"), ("Decimal", "2.00")}


def test_stored_generated_columns_are_named_at_start(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO test (id) VALUES (1)")
    relay = scene.running_relay()
    relay.wait_for_log(r"does not send the stored generated columns of public\.test \(twice\)")
    assert [value for _, _, value in scene.changes("test")] == [{"id": 1}]


def test_generated_columns_that_are_published_are_in_the_snapshot_too(newer_scene: Scene):
    """Of PostgreSQL 18."""
    scene = newer_scene
    scene.execute("CREATE DOMAIN price AS numeric(10,2);"
                  "CREATE TABLE test (a price GENERATED ALWAYS AS (id * 2) STORED, id int PRIMARY KEY, v int GENERATED ALWAYS AS (1), "
                  "b int GENERATED ALWAYS AS (id + 1) STORED, c int);"
                  "CREATE TABLE listed (a int GENERATED ALWAYS AS (id * 2) STORED, id int PRIMARY KEY,"
                  " b int GENERATED ALWAYS AS (id + 1) STORED);"
                  "INSERT INTO test (id) VALUES (1); INSERT INTO listed (id) VALUES (1);"
                  "CREATE PUBLICATION mine FOR TABLE test, listed (id, b), bw_marker WITH (publish_generated_columns = stored)")
    relay = scene.running_relay(publication="mine")
    scene.execute("INSERT INTO test (id) VALUES (2); INSERT INTO listed (id) VALUES (2)")
    read, streamed = scene.messages("test")
    assert read.value == {"a": Decimal("2.00"), "id": 1, "b": 2, "c": None}
    assert streamed.value == {"a": Decimal("4.00"), "id": 2, "b": 3, "c": None}
    assert schema_id(read.raw_value) == schema_id(streamed.raw_value)
    assert [value for _, _, value in scene.changes("listed")] == [{"id": 1, "b": 2}, {"id": 2, "b": 3}]
    relay.wait_for_log(r"does not send the stored generated columns of public\.listed \(a\)")
    assert "is read again" not in relay.log_text()
