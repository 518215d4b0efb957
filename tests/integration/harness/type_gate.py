"""Tables with a column for every type of a server, filled with values; and what must come of them.

Each case of `type_cases` has a column of the type (`v`), of its array (`a`) and of a domain over it (`d`), and, where a btree
index is possible, is part of a key (`v` and `a` in tables named `key...`). The rows are kept in the schema `source`, which no
relay captures: so the very same rows are read by the snapshot, deleted, and streamed again.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from psycopg import errors, sql

from clients import Message

from . import type_cases as cases
from .postgres_text import PostgresText, RawDecoder, Row
from .scene import Scene
from .type_cases import Case
from .type_values import array_literal

CASES_PER_TABLE = 15
KEY_COLUMNS = 16         # PostgreSQL allows 32; but what one index entry holds is limited to 2.6 kB.
KEY_TEXT_MAX = 90
ROWS_MADE = 50           # Of types without an input function.
# Defaults of a database that must not change what is captured.
HOSTILE = {"datestyle": "German, DMY", "intervalstyle": "sql_standard", "bytea_output": "escape", "extra_float_digits": "0",
           "timezone": "Asia/Kathmandu"}


@dataclass(frozen=True)
class Column:
    name: str
    case: Case
    type: str
    avro: str
    is_array: bool

    @property
    def has_input(self) -> bool:
        return not self.case.made_by


@dataclass
class Table:
    name: str
    columns: list[Column]
    keyed: bool = False  # All columns are part of the key.
    rows: int = 0

    def names(self) -> list[str]:
        return ["id", *(column.name for column in self.columns)]


@dataclass
class Found:
    problems: list[str] = field(default_factory=list)
    values: int = 0
    beside: int = 0
    avro: Counter = field(default_factory=Counter)  # Avro type → columns.


class TypeGate:
    def __init__(self, scene: Scene, seed: int, rows: int):
        self.scene = scene
        self.seed = seed
        self.rows = rows
        self.version = scene.connection.info.server_version // 10000
        self.skipped: list[str] = []
        self._pools: dict[str, list[str]] = {}  # By type, what its case's query has found.
        scene.execute("SET extra_float_digits = 3")
        for name, value in HOSTILE.items():
            scene.execute(f"ALTER DATABASE {scene.name} SET {name} = '{value}'")
        scene.execute("CREATE SCHEMA gate; CREATE SCHEMA source; CREATE SCHEMA back")
        scene.execute(cases.USER_TYPES)
        if self.version >= 10:
            self._make_statistics()
        self.cases = [case for case in self._candidates() if self._exists(case)]
        self.decoder = RawDecoder(scene.servers.registry.url)

    # The types

    def missing(self) -> list[str]:
        """The types of pg_type that a column can have and that have no case."""
        covered = [case.type for case in self.cases]
        return [name for name, in self.scene.query("""
            SELECT format_type(oid, NULL) FROM pg_type t
            WHERE typtype NOT IN ('p', 'c') AND typnamespace NOT IN ('gate'::regnamespace, 'source'::regnamespace)
              AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid
                              AND (element.oid = ANY (%(covered)s::regtype[]) OR element.typtype IN ('p', 'c')))
              AND t.oid <> ALL (%(covered)s::regtype[]) ORDER BY 1""", {"covered": covered})]

    def row_types(self) -> list[str]:
        """Of all catalogs and system views whose row type a column may have: not those with a column of a pseudo type."""
        return [name for name, in self.scene.query("""
            SELECT c.oid::regclass::text FROM pg_class c
            WHERE relnamespace IN (11, 'information_schema'::regnamespace) AND relkind IN ('r', 'v')
              AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
                              WHERE attrelid = c.oid AND attnum > 0
                                AND (typtype = 'p' OR t.oid = to_regtype('pg_statistic[]'))) ORDER BY c.oid""")]

    def _candidates(self) -> Iterable[Case]:
        yield from cases.BUILT_IN
        if self.version >= 15:
            yield from cases.NUMBERS_OF_15
        yield from cases.OF_USERS
        for extension, of_it in cases.CONTRIB.items():
            if self.scene.query("SELECT FROM pg_available_extensions WHERE name = %s", [extension]):
                try:
                    self.scene.execute(f"CREATE EXTENSION {extension} SCHEMA public CASCADE")
                    yield from of_it
                    continue
                except errors.UndefinedFile:  # A library that was not packaged with it.
                    pass
            self.skipped.append(f"extension {extension}")

    def _exists(self, case: Case) -> bool:
        try:
            self.scene.query(f"SELECT NULL::{case.type}")
            if case.type == "xml":
                self.scene.query("SELECT '<a/>'::xml")
            return True
        except (errors.UndefinedObject, errors.FeatureNotSupported):
            self.skipped.append(case.type)
            return False

    def _make_statistics(self) -> None:
        self.scene.execute("CREATE TABLE source.correlated AS SELECT i / 10 AS a, i / 20 AS b FROM generate_series(1, 1000) i;"
                           "CREATE STATISTICS source.of_it ON a, b FROM source.correlated; ANALYZE source.correlated")
        if self.version < 12:  # Where pg_statistic_ext_data is not a catalog of its own.
            self.scene.execute("CREATE VIEW public.pg_statistic_ext_data AS SELECT stxndistinct AS stxdndistinct, "
                               "stxdependencies AS stxddependencies FROM pg_statistic_ext")

    # The tables

    def make_tables(self) -> list[Table]:
        tables = [Table(f"types{first}", self._columns(first)) for first in range(0, len(self.cases), CASES_PER_TABLE)]
        keys = [column for table in tables for column in table.columns if column.name[0] in "va" and self._has_btree(column)]
        tables += [Table(f"key{first}", keys[first:first + KEY_COLUMNS], keyed=True) for first in range(0, len(keys), KEY_COLUMNS)]
        for table in tables:
            self._make(table)
        return [*tables, self._make_row_types()]

    def _columns(self, first: int) -> list[Column]:
        found = []
        for number, case in enumerate(self.cases[first:first + CASES_PER_TABLE], first):
            found.append(Column(f"v{number}", case, case.type, case.avro, case.is_array))
            [(array, is_row)] = self.scene.query(
                "SELECT typarray <> 0, typtype = 'c' FROM pg_type WHERE oid = %s::regtype", [case.type])
            if array:
                found.append(Column(f"a{number}", case, case.type + "[]", case.array(), True))
            if not is_row or self.version >= 11:
                self.scene.execute(f"CREATE DOMAIN gate.d{number} AS {case.type}")
                found.append(Column(f"d{number}", case, f"gate.d{number}", case.avro, case.is_array))
        return found

    def _has_btree(self, column: Column) -> bool:
        """Arrays are compared by their elements, so an index on them can be made in vain."""
        element = column.case.type
        try:
            self.scene.query(f"SELECT NULL::{element} UNION SELECT NULL ORDER BY 1")
            self.scene.execute(f"CREATE TEMPORARY TABLE probe (c {element}, PRIMARY KEY (c)); DROP TABLE probe")
            return column.has_input
        except (errors.UndefinedFunction, errors.UndefinedObject):
            return False

    def _make(self, table: Table) -> None:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        key = ", ".join(table.names()) if table.keyed else "id"
        self.scene.execute(f"CREATE TABLE gate.{table.name} (id int, {columns}, PRIMARY KEY ({key}));"
                           f"CREATE TABLE source.{table.name} (id int PRIMARY KEY, {columns});"
                           f"CREATE TABLE back.{table.name} (id int PRIMARY KEY, {back_columns(table)})")
        rows = self._rows(table)
        with self.scene.connection.cursor() as cursor, cursor.copy(
                f"COPY source.{table.name} ({', '.join(given_names(table))}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        table.rows = len(rows)
        for column in table.columns:
            if not column.has_input:
                value = column.case.made_by.format(id="id")
                if column.is_array:
                    value = f"ARRAY[{value}, NULL]::{column.type}"
                self.scene.execute(f"UPDATE source.{table.name} SET {column.name} = {value} WHERE id BETWEEN 1 AND {ROWS_MADE}")

    def _make_row_types(self) -> Table:
        """A row of nulls, alone and in an array: one table, one row."""
        row = Case("row type")
        columns, values = [], []
        for number, name in enumerate(self.row_types()):
            [(members, array)] = self.scene.query(
                "SELECT relnatts, typarray <> 0 FROM pg_class c JOIN pg_type t ON t.oid = reltype WHERE c.oid = %s::regclass", [name])
            literal = "(" + "," * (members - 1) + ")"
            columns.append(Column(f"r{number}", row, name, "string", False))
            values.append(literal)
            if array:
                # The arrays of the four catalogs with a fixed row type are no arrays to the relay.
                built_in = name in ("pg_type", "pg_attribute", "pg_proc", "pg_class")
                native = "string" if built_in else "array<string>"
                columns.append(Column(f"a{number}", row, name + "[]", native, True))
                values.append(array_literal([literal, None]))
        table = Table("row_types", columns, rows=1)
        definitions = ", ".join(f"{column.name} {column.type}" for column in columns)
        for schema in "gate", "source":
            self.scene.execute(f"CREATE TABLE {schema}.{table.name} (id int PRIMARY KEY, {definitions})")
        self.scene.execute(f"CREATE TABLE back.{table.name} (id int PRIMARY KEY, {back_columns(table)})")
        marks = ", ".join(["%s"] * (len(values) + 1))
        with self.scene.connect() as connection:  # More parameters than a statement of a server's may have: as literals.
            literals = sql.SQL(marks.replace("%s", "{}")).format(0, *values)
            connection.execute(sql.SQL("INSERT INTO source.{} VALUES ({})").format(sql.Identifier(table.name), literals))
        return table

    # The values

    def _rows(self, table: Table) -> list[tuple]:
        rows = max(2, self.rows // 4) if table.keyed else self.rows
        made = [self._keys(column, rows) if table.keyed else self._values(column, rows)
                for column in table.columns if column.has_input]
        return list(zip(range(rows), *made))

    def _values(self, column: Column, rows: int) -> list[str | None]:
        """A null, then the special values, then random ones."""
        random = Random(f"{self.seed} {column.name} {column.type}")
        first: list[str | None] = [None, *self._specials(column, random)][:rows]
        return first + [self._random(column, random) for _ in range(rows - len(first))]

    def _keys(self, column: Column, rows: int) -> list[str]:
        """None of them null, and all of them short."""
        random = Random(f"{self.seed} key {column.name} {column.type}")
        found = [value for value in self._specials(column, random) if len(value) <= KEY_TEXT_MAX]
        while len(found) < rows:
            made = [self._random(column, random) for _ in range(20)]
            found += [value for value in made if len(value) <= KEY_TEXT_MAX] or found[:20]
        return found[:rows]

    def _specials(self, column: Column, random: Random) -> list[str]:
        case = column.case
        specials = [*case.specials, *(value for since, value in case.newer if self.version >= since)]
        if column.name[0] != "a":
            return specials
        two = array_literal([self._one(case, random), None], case.delimiter)
        four = "{" + case.delimiter.join([array_literal([self._one(case, random), self._one(case, random)], case.delimiter)] * 2) + "}"
        return ["{}", "{NULL}", array_literal(specials, case.delimiter), four, f"[0:1]={two}", f"[-5:-4][2:3]={four}"]

    def _random(self, column: Column, random: Random) -> str:
        if column.name[0] != "a":
            return self._one(column.case, random)
        elements = [None if random.random() < 0.2 else self._one(column.case, random) for _ in range(random.choice((0, 1, 2, 3)))]
        return array_literal(elements, column.case.delimiter)

    def _one(self, case: Case, random: Random) -> str:
        if case.random:
            return case.random(random)
        return random.choice([*case.specials, *self._pool(case)])

    def _pool(self, case: Case) -> list[str]:
        if case.pool and case.type not in self._pools:
            self._pools[case.type] = [value for value, in self.scene.query(case.pool + " ORDER BY 1")]
        return self._pools.get(case.type, [])


def back_columns(table: Table) -> str:
    return ", ".join(f"{column.name} {column.type if column.has_input else 'text'}" for column in table.columns)


def given_names(table: Table) -> list[str]:
    return ["id", *(column.name for column in table.columns if column.has_input)]


# What must have come


def judge(gate: TypeGate, table: Table, messages: list[Message]) -> Found:
    """Snapshot and stream alike; the schema's types as expected; the rows that come back the same."""
    found = Found()
    by_op = {op: {message.key["id"]: message for message in messages if message.op == op} for op in "rcd"}
    for op, of_op in by_op.items():
        if len(of_op) != table.rows or sum(message.op == op for message in messages) != table.rows:
            found.problems.append(f"{table.name}: {len(of_op)} messages {op!r} for {table.rows} rows")
            return found
    text = PostgresText(gate.decoder, {column.name: column.case.delimiter for column in table.columns if column.is_array})
    rows: dict[int, Row] = {}
    for number, read in by_op["r"].items():
        streamed, deleted = by_op["c"][number], by_op["d"][number]
        if (read.raw_key, read.raw_value) != (streamed.raw_key, streamed.raw_value):
            found.problems.append(f"{table.name} {number}: snapshot and stream differ:\n  {read.key} {read.value}\n"
                                  f"  {streamed.key} {streamed.value}")
        if deleted.raw_key != read.raw_key or deleted.raw_value is not None:
            found.problems.append(f"{table.name} {number}: the delete's key differs:\n  {read.key}\n  {deleted.key}")
        rows[number] = text.row(read.raw_value)
        key = text.row(read.raw_key)
        if any(one.text_of for one in text.fields(key.schema)) and not key.beside:
            found.problems.append(f"{table.name} {number}: text beside in a key that needs none: {read.key}")
        if any(rows[number].texts[column] != value for column, value in key.texts.items()):
            found.problems.append(f"{table.name} {number}: key and value differ: {read.key} {read.value}")
    judge_schemas(table, text, rows.values(), found)
    judge_texts(gate, table, rows, found)
    return found


def judge_schemas(table: Table, text: PostgresText, rows: Iterable[Row], found: Found) -> None:
    expected = {"id": "int", **{column.name: column.avro for column in table.columns}}
    for schema in {row.schema for row in rows}:
        fields = text.fields(schema)
        is_so = {one.column: one.avro for one in fields if one.text_of is None}
        found.problems += [f"{table.name}.{column} is {is_so.get(column)}, expected {avro}" for column, avro in expected.items()
                           if is_so.get(column) != avro]
        beside = [row for row in rows if row.schema == schema and not row.beside]
        if any(one.text_of for one in fields) and beside:
            found.problems.append(f"{table.name}: a schema with text beside for a row that needs none: {beside[0].texts}")
    arrays = {column.name: column.is_array for column in table.columns}
    for row in rows:
        for column, value in row.beside.items():
            found.beside += 1
            if not (value.startswith(("[", "{{")) or "NaN" in value if arrays[column] else value == "NaN"):
                found.problems.append(f"{table.name}.{column}: as text, although it could be native: {value[:200]!r}")
    found.avro.update(expected[column.name] for column in table.columns)


def judge_texts(gate: TypeGate, table: Table, rows: dict[int, Row], found: Found) -> None:
    """PostgreSQL reads what came by its types' input functions, and finds no difference."""
    taken = list(table.columns)
    while problem := _copy_back(gate, table, taken, rows):
        column = re.search(r", column (\w+)", problem)
        found.problems.append(f"{table.name}: PostgreSQL does not take it back: {problem}")
        if not column:
            return
        taken = [one for one in taken if one.name != column[1]]
    found.values += len(taken) * len(rows)
    for first in range(0, len(taken), 100):
        found.problems += _differences(gate, table, taken[first:first + 100])


def _copy_back(gate: TypeGate, table: Table, columns: list[Column], rows: dict[int, Row]) -> str:
    names = ["id", *(column.name for column in columns)]
    try:
        with gate.scene.connection.cursor() as cursor, cursor.copy(f"COPY back.{table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows.values():
                copy.write_row([row.texts[name] for name in names])
        return ""
    except errors.DatabaseError as error:
        return str(error)


def _differences(gate: TypeGate, table: Table, columns: list[Column]) -> list[str]:
    def is_different(column: Column) -> str:
        if not column.has_input:  # Then `back` has texts.
            return f"o.{column.name}::text IS DISTINCT FROM b.{column.name}"
        compared_as = "{}::text" if column.is_array else column.case.compared_as
        return f"{compared_as.format('o.' + column.name)} IS DISTINCT FROM {compared_as.format('b.' + column.name)}"

    counts = ", ".join(f"count(*) FILTER (WHERE {is_different(column)})" for column in columns)
    joined = f"FROM source.{table.name} o FULL JOIN back.{table.name} b USING (id)"
    found = dict(zip(columns, gate.scene.query(f"SELECT {counts} {joined}")[0]))
    problems = []
    for column in [column for column, count in found.items() if count]:
        [sample] = gate.scene.query(f"SELECT id, left(o.{column.name}::text, 300), left(b.{column.name}::text, 300) {joined} "
                                    f"WHERE {is_different(column)} ORDER BY id LIMIT 1")
        problems.append(f"{table.name}.{column.name} {column.type}: {found[column]} differ, such as row {sample}")
    return problems
