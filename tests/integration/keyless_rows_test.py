"""Rows of tables that have lost their key, for topics that were made for keyed rows: nobody else's wait for them."""

from harness import Scene


def keyed_table(scene: Scene, name: str) -> None:
    scene.execute(f"CREATE TABLE {name} (id int CONSTRAINT {name}_key PRIMARY KEY, value text); INSERT INTO {name} VALUES (1, 'a')")


def last_values(scene: Scene, name: str) -> dict[int, str]:
    last = {}
    for message in scene.messages(name):
        if message.value is None:
            last.pop(message.key["id"], None)
        else:
            last[message.key["id"]] = message.value["value"]
    return last


def others_go_on(scene: Scene) -> None:
    scene.execute("INSERT INTO other VALUES (1)")
    scene.settle()
    assert scene.changes("other") == [("c", {"id": 1}, {"id": 1})]


def test_a_table_that_loses_its_key_and_is_dropped_with_rows_in_between(scene: Scene):
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    keyed_table(scene, "test")
    relay = scene.running_relay()
    scene.settle()
    scene.execute("ALTER TABLE test DROP CONSTRAINT test_key")
    scene.execute("INSERT INTO test VALUES (2, 'b')")
    scene.execute("DROP TABLE test")
    others_go_on(scene)
    relay.wait_for_log("Table public.test, change .* is left out until the table has a key")
    relay.stop()
    relay.start()
    relay.wait_streaming()


def test_a_full_table_that_is_altered_beyond_recognition_and_dropped_while_nobody_looks(scene: Scene):
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    keyed_table(scene, "test")
    scene.execute("ALTER TABLE test REPLICA IDENTITY FULL")
    relay = scene.running_relay()
    scene.settle()
    relay.stop()
    scene.execute("ALTER TABLE test RENAME id TO number; ALTER TABLE test ADD COLUMN more int")
    scene.execute("UPDATE test SET value = 'b'")
    scene.execute("DROP TABLE test")
    relay.start()
    relay.wait_streaming()
    others_go_on(scene)


def test_a_keyed_topic_keeps_its_rows_while_its_table_is_identified_by_all_columns(scene: Scene):
    """REPLICA IDENTITY FULL lets updates pass in PostgreSQL, but gives messages no key."""
    scene.execute("CREATE TABLE other (id int PRIMARY KEY)")
    keyed_table(scene, "test")
    relay = scene.running_relay()
    scene.settle()
    scene.execute("ALTER TABLE test DROP CONSTRAINT test_key")
    scene.execute("INSERT INTO test VALUES (2, 'b')")
    relay.wait_for_log("Table public.test, change .* is left out until the table has a key")
    # Otherwise the keeper may find it FULL at its next look, and has nothing to add.
    relay.wait_for_log("Table public.test has lost its replica identity")
    scene.execute("ALTER TABLE test REPLICA IDENTITY FULL")
    relay.wait_for_log("added to publication")
    scene.execute("UPDATE test SET value = 'c' WHERE id = 1")
    others_go_on(scene)
    assert [message.key for message in scene.messages("test")] == [{"id": 1}]
    assert relay.is_running()
    scene.execute("ALTER TABLE test REPLICA IDENTITY DEFAULT; ALTER TABLE test ADD PRIMARY KEY (id)")
    scene.wait_until(lambda: last_values(scene, "test") == {1: "c", 2: "b"}, 60, "the topic to become right")
