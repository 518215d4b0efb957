"""Replays topics into tables as a sink with upserts does (Iceberg, Hudi): a message replaces the row with its key, a tombstone
deletes it, and a new field is a new column.

The type of a column follows from the field's Avro type alone. Where a field's type changes the column is made anew, which with
most sinks an operator does by hand; rows that came before have nothing there until they come again.
"""

from typing import Any

import psycopg
from harness.postgres_text import Field, PostgresText
from psycopg import sql

from clients import Message
from clients.decoders import schema_id

SCHEMA = "replayed"
SQL_TYPES = {
    "boolean": "boolean", "int": "integer", "long": "bigint", "float": "real", "double": "double precision", "string": "text",
    "bytes": "bytea", "string.uuid": "uuid", "int.date": "date", "long.time-micros": "time",
    "long.local-timestamp-micros": "timestamp", "long.timestamp-micros": "timestamptz",
}


def sql_type(avro: str) -> str:
    if avro.startswith("array<"):
        return sql_type(avro.removeprefix("array<").removesuffix(">")) + "[]"
    if avro.startswith("bytes.decimal"):
        return avro.replace("bytes.decimal", "numeric")
    return SQL_TYPES[avro]


class Sink:
    """One table, named as its topic's. Within a transaction of the connection's."""

    def __init__(self, connection: psycopg.Connection, table: str, texts: PostgresText):
        self._connection = connection
        self._table = sql.Identifier(SCHEMA, table)
        self._texts = texts
        self._columns: dict[str, str] = {}  # By field, its type.
        self._schema = -1
        connection.execute(sql.SQL("CREATE TABLE {} (id bigint PRIMARY KEY)").format(self._table))

    def take(self, key: dict[str, Any], message: Message, value: dict[str, Any] | None) -> None:
        if value is None:
            self._connection.execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(self._table), [key["id"]])
            return
        fields = [field for field in self._texts.fields(schema_id(message.raw_value)) if field.name != "id"]
        if self._schema != schema_id(message.raw_value):
            self._schema = schema_id(message.raw_value)
            self._evolve(fields)
        # What a message does not have is null in its row.
        texts = {name: None for name in self._columns} | {
            field.name: None if value[field.name] is None else field.convert(value[field.name]) for field in fields}
        names = [sql.Identifier(name) for name in texts]
        self._connection.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}").format(
            self._table, sql.SQL(", ").join([sql.Identifier("id"), *names]),
            sql.SQL(", ").join(sql.Placeholder() * (len(names) + 1)),
            sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(name) for name in names)), [key["id"], *texts.values()])

    def _evolve(self, fields: list[Field]) -> None:
        for field in fields:
            wanted, name = sql_type(field.avro), sql.Identifier(field.name)
            if self._columns.get(field.name) == wanted:
                continue
            if field.name in self._columns:
                self._connection.execute(sql.SQL("ALTER TABLE {} DROP {}").format(self._table, name))
            self._connection.execute(sql.SQL("ALTER TABLE {} ADD {} {}").format(self._table, name, sql.SQL(wanted)))
            self._columns[field.name] = wanted


def differences(connection: psycopg.Connection, table: str, columns: list[tuple[str, str]], replayed: set[str]) -> list[str]:
    """Between a table and what was replayed of it: in each of the table's columns (name and type), what is text beside included."""
    found = []
    pairs = "public.{0} a FULL JOIN {1}.{0} b ON a.id = b.id".format(table, SCHEMA)
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {pairs} WHERE a.id IS NULL OR b.id IS NULL").fetchall()
    if rows:
        found.append(f"{table}: {rows} rows are only in the table, or only replayed")
    for name, type_name in columns:
        if name not in replayed:
            found.append(f"{table}: column {name} was not replayed")
            continue
        here = f"b.{name}::text" if f"{name}__text" not in replayed else f"coalesce(b.{name}__text, b.{name}::text)"
        compared = "a.{0}::text".format(name) if type_name == "json" else f"a.{name}"
        back = "" if type_name == "json" else f"::{type_name}"
        wrong = connection.execute(f"SELECT a.id, a.{name}::text, {here} FROM {pairs} WHERE a.id IS NOT NULL AND b.id IS NOT NULL "
                                   f"AND {compared} IS DISTINCT FROM ({here}){back} LIMIT 3").fetchall()
        found += [f"{table}, id {number}, column {name} ({type_name}): {text!r} was replayed as {came!r}" for number, text, came in wrong]
    return found
