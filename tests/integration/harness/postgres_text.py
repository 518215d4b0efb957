"""Avro bodies → PostgreSQL's text of each column, by what the documentation says of the Avro types, and by nothing else.

src/avro/README.md and docs/types.md are the documentation; fastavro reads the bodies, without logical types, since Python's dates
end at the year 9999.
"""

import io
import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import fastavro

from clients.decoders import schema_id

from .type_values import quoted

Convert = Callable[[Any], str]
DAY_MICROS = 86_400 * 10 ** 6
INFINITY = {2 ** 31 - 1: "infinity", -2 ** 31: "-infinity"}
LONG_INFINITY = {2 ** 63 - 1: "infinity", -2 ** 63: "-infinity"}


@dataclass(frozen=True)
class Field:
    name: str
    column: str
    avro: str  # As `avro_type` writes it.
    text_of: Optional[str]  # The field that this one has the text of.
    convert: Convert


@dataclass(frozen=True)
class Row:
    texts: dict[str, Optional[str]]  # By column.
    beside: dict[str, str]  # Those of them that came in a field beside a native one.
    schema: int


class RawDecoder:
    """Records with Avro's values as they are: days, microseconds, bytes. A TopicReader may have it."""

    def __init__(self, registry_url: str):
        self._registry_url = registry_url.rstrip("/")
        self._schemas: dict[int, tuple[dict, Any]] = {}

    def decode(self, data: Optional[bytes]) -> Any:
        if data is None:
            return None
        body = io.BytesIO(data[5:])
        value = fastavro.schemaless_reader(body, self._schema(schema_id(data))[1])
        assert not body.read(1), f"bytes after the Avro body: {data!r}"
        return value

    def json_schema(self, number: int) -> dict:
        return self._schema(number)[0]

    def _schema(self, number: int) -> tuple[dict, Any]:
        if number not in self._schemas:
            with urllib.request.urlopen(f"{self._registry_url}/schemas/ids/{number}", timeout=20) as answer:
                schema = json.loads(json.load(answer)["schema"])
            fastavro.parse_schema(json.loads(json.dumps(schema)))  # Also what it says of logical types must be well-formed.
            self._schemas[number] = schema, fastavro.parse_schema(_without_logical_types(schema))
        return self._schemas[number]


class PostgresText:
    """`delimiters` has, by column, what stands between the elements of an array where it is not a comma."""

    def __init__(self, decoder: RawDecoder, delimiters: Mapping[str, str]):
        self._decoder = decoder
        self._delimiters = delimiters
        self._fields: dict[int, list[Field]] = {}

    def row(self, data: bytes) -> Row:
        record, texts, beside = self._decoder.decode(data), {}, {}
        for field in self.fields(schema_id(data)):
            value = record[field.name]
            if field.text_of is None:
                texts[field.column] = None if value is None else field.convert(value)
            elif value is not None:
                assert record[field.text_of] is None, f"{field.text_of} is there twice, natively and as text"
                beside[field.column] = texts[field.column] = value
        return Row(texts, beside, schema_id(data))

    def fields(self, schema: int) -> list[Field]:
        if schema not in self._fields:
            found = self._decoder.json_schema(schema)["fields"]
            columns = {field["name"]: field.get("postgresql_name", field["name"]) for field in found}
            self._fields[schema] = [self._field(field, columns) for field in found]
        return self._fields[schema]

    def _field(self, field: dict, columns: dict[str, str]) -> Field:
        assert field["default"] is None and field["type"][0] == "null" and len(field["type"]) == 2, field
        text_of = field.get("postgresql_text_of")
        column = columns[text_of or field["name"]]
        return Field(field["name"], column, avro_type(field["type"][1]), text_of,
                     converter(field["type"][1], self._delimiters.get(column, ",")))


def avro_type(schema: Any) -> str:
    """In one word: int, long.timestamp-micros, bytes.decimal(10,2), array<string.uuid>."""
    if isinstance(schema, str):
        return schema
    if schema["type"] == "array":
        assert schema["items"][0] == "null" and len(schema["items"]) == 2, schema
        return f"array<{avro_type(schema['items'][1])}>"
    if schema["logicalType"] == "decimal":
        return f"{schema['type']}.decimal({schema['precision']},{schema.get('scale', 0)})"
    return f"{schema['type']}.{schema['logicalType']}"


def converter(schema: Any, delimiter: str = ",") -> Convert:
    name = avro_type(schema)
    if name.startswith("array<"):
        one = converter(schema["items"][1])
        return lambda values: array_text([None if value is None else one(value) for value in values], delimiter)
    if name.startswith("bytes.decimal"):
        return lambda data: decimal_text(data, schema["precision"], schema.get("scale", 0))
    return CONVERTERS[name]


def array_text(elements: list[Optional[str]], delimiter: str) -> str:
    """As PostgreSQL prints it (8.15.6, Array Input and Output Syntax): quoted is what could be read as something else."""
    def shown(element: Optional[str]) -> str:
        if element is None:
            return "NULL"
        plain = element and element.upper() != "NULL" and not set(element) & {*'"\\{} \t\n\r\v\f', delimiter}
        return element if plain else quoted(element)

    return "{" + delimiter.join(map(shown, elements)) + "}"


def decimal_text(data: bytes, precision: int, scale: int) -> str:
    unscaled = int.from_bytes(data, "big", signed=True)
    assert abs(unscaled) < 10 ** precision, f"more than {precision} digits: {unscaled}"
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    whole, fraction = (digits[:-scale], digits[-scale:]) if scale else (digits, "")
    return ("-" if unscaled < 0 else "") + whole + ("." + fraction if fraction else "")


def float_text(value: float) -> str:
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))


def date_text(days: int) -> str:
    if days in INFINITY:
        return INFINITY[days]
    year, month, day = _civil(days)
    return f"{year:04}-{month:02}-{day:02}" if year > 0 else f"{1 - year:04}-{month:02}-{day:02} BC"


def time_text(micros: int) -> str:
    seconds, fraction = divmod(micros, 10 ** 6)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def timestamp_text(micros: int, zone: str = "") -> str:
    if micros in LONG_INFINITY:
        return LONG_INFINITY[micros]
    days, rest = divmod(micros, DAY_MICROS)
    date, _, era = date_text(days).partition(" ")
    return f"{date} {time_text(rest)}{zone} {era}".rstrip()


CONVERTERS: dict[str, Convert] = {
    "boolean": lambda value: "t" if value else "f",
    "int": str,
    "long": str,
    "float": float_text,
    "double": float_text,
    "string": str,
    "string.uuid": str,
    "bytes": lambda data: "\\x" + data.hex(),
    "int.date": date_text,
    "long.time-micros": time_text,
    "long.local-timestamp-micros": timestamp_text,
    "long.timestamp-micros": lambda micros: timestamp_text(micros, "+00"),
}


def _civil(days: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 → the proleptic Gregorian year (0 is 1 BC), month, day. Years begin in March here."""
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    return year_of_era + era * 400 + (1 if month > 9 else 0), month + 3 if month < 10 else month - 9, day


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_logical_types(value) for name, value in schema.items()
                if name not in ("logicalType", "precision", "scale")}
    return [_without_logical_types(one) for one in schema] if isinstance(schema, list) else schema
