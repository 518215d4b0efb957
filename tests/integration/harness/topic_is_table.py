"""Whether a topic is its table, in the eyes of a consumer that keeps the last value of each key."""

import json

from .scene import Scene


def topic_rows(scene: Scene, table: str) -> list[dict]:
    return last_rows(scene.messages(table, settle=False))


def last_rows(messages: list) -> list[dict]:
    latest = {}
    for message in messages:
        assert message.key is None or None not in message.key.values(), message
        latest[json.dumps(message.key, sort_keys=True)] = message.value
    return in_order(row for row in latest.values() if row is not None)


def table_rows(scene: Scene, table: str) -> list[dict]:
    return in_order(row for row, in scene.query(f"SELECT row_to_json(t) FROM {table} t"))


def in_order(rows) -> list[dict]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def becomes_its_table(scene: Scene, table: str, timeout: float = 30) -> None:
    """Now, or when the relay has read the table again."""
    scene.settle()
    scene.wait_until(lambda: topic_rows(scene, table) == table_rows(scene, table), timeout, f"topic {table} to be its table")
    scene.settle()
    assert topic_rows(scene, table) == table_rows(scene, table)
