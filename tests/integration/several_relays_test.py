"""Relays that share a database: each has a publication, a slot and a spool of its own (docs/howto.md)."""

from harness import Scene
from harness.remedies import every_message_is_there_once, make_tables, published, topics_are_right


def divide(scene: Scene) -> None:
    """The marker goes with the items, so scene.settle() waits for these; view() of the others is waited for."""
    scene.execute("CREATE PUBLICATION one FOR TABLE items, bw_marker WITH (publish_via_partition_root = true)")
    scene.execute("CREATE PUBLICATION two FOR TABLE emptied WITH (publish_via_partition_root = true)")


def run_both(scene: Scene, *command: str) -> None:
    for name in ("two", "one"):
        scene.running_relay(*command, slot=scene.name + name, publication=name, spool=str(scene.folder / name))


def change(scene: Scene, text: str) -> None:
    for table in ("items", "emptied"):
        scene.execute(f"INSERT INTO {table} SELECT max(id) + 1, '{text}' FROM {table}")
        scene.execute(f"UPDATE {table} SET text = '{text}' WHERE id = 4")
        scene.execute(f"DELETE FROM {table} WHERE id = 5")


def test_two_relays_share_the_tables_and_the_prefix(scene: Scene):
    make_tables(scene)
    divide(scene)
    run_both(scene)
    for text in ("streamed", "after kill -9"):
        change(scene, text)
        becomes_right(scene)
        for relay in scene.relays[-2:]:
            relay.kill9()
        change(scene, "while both are away")
        run_both(scene)
    becomes_right(scene)
    every_message_is_there_once(scene)


def test_two_relays_take_over_from_one(scene: Scene):
    """Each takes its first snapshot by `resnapshot`, so that the topics get tombstones for what nobody captured."""
    published(scene).stop()
    change(scene, "before")
    divide(scene)
    run_both(scene, "resnapshot")
    change(scene, "after")
    becomes_right(scene)


def becomes_right(scene: Scene) -> None:
    def is_right() -> bool:
        try:
            topics_are_right(scene)
            return True
        except AssertionError:
            assert all(relay.is_running() for relay in scene.relays[-2:])
            return False

    scene.wait_until(is_right, 30, "both topics to be their tables")
