"""The sample tables, what happens to them, and the messages that must come of it."""

from typing import Any

Expected = tuple[str, str, Any, Any]  # Operation, table, key, value.

TABLES = {
    "test": "id serial PRIMARY KEY, value text",
    "book": "isbn text PRIMARY KEY, title text, pages integer, in_stock boolean",
}

ROWS = [
    "INSERT INTO test (value) VALUES ('hello world!'), ('so long')",
    "INSERT INTO book VALUES ('0-19-852663-6', 'Crêpes of Brittany', 96, true)",
]

SNAPSHOT: list[Expected] = [
    ("r", "test", {"id": 1}, {"id": 1, "value": "hello world!"}),
    ("r", "test", {"id": 2}, {"id": 2, "value": "so long"}),
    ("r", "book", {"isbn": "0-19-852663-6"},
     {"isbn": "0-19-852663-6", "title": "Crêpes of Brittany", "pages": 96, "in_stock": True}),
]

STATEMENTS: list[tuple[str, list[Expected]]] = [
    ("INSERT INTO test (value) VALUES ('thanks for all the fish')",
     [("c", "test", {"id": 3}, {"id": 3, "value": "thanks for all the fish"})]),
    ("UPDATE test SET value = 'hello again!' WHERE id = 1",
     [("u", "test", {"id": 1}, {"id": 1, "value": "hello again!"})]),
    ("DELETE FROM test WHERE id = 2",
     [("d", "test", {"id": 2}, None)]),
    ("UPDATE book SET isbn = '0-19-852663-7', in_stock = false",
     [("d", "book", {"isbn": "0-19-852663-6"}, None),
      ("u", "book", {"isbn": "0-19-852663-7"},
       {"isbn": "0-19-852663-7", "title": "Crêpes of Brittany", "pages": 96, "in_stock": False})]),
]
