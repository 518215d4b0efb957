"""Bytes of a Kafka key or value → Python values."""

import io
import json
import struct
import urllib.request
from typing import Any, Optional

import fastavro

MAGIC = 0


class AvroDecoder:
    """Confluent's wire format: a zero byte, the schema's id at the registry, the Avro body."""

    def __init__(self, registry_url: str):
        self._registry_url = registry_url.rstrip("/")
        self._schemas: dict[int, Any] = {}

    def decode(self, data: Optional[bytes]) -> Any:
        if data is None:
            return None
        body = io.BytesIO(data[5:])
        value = fastavro.schemaless_reader(body, self.schema(schema_id(data)))
        if body.read(1):
            raise ValueError(f"bytes after the Avro body: {data!r}")
        return value

    def schema(self, number: int) -> Any:
        """The schema with that id, parsed; asked of the registry once."""
        if number not in self._schemas:
            with urllib.request.urlopen(f"{self._registry_url}/schemas/ids/{number}", timeout=20) as answer:
                self._schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return self._schemas[number]


class JsonDecoder:
    def decode(self, data: Optional[bytes]) -> Any:
        return None if data is None else json.loads(data)


def schema_id(data: bytes) -> int:
    if len(data) < 5 or data[0] != MAGIC:
        raise ValueError(f"not in Confluent's wire format: {data!r}")
    return struct.unpack(">I", data[1:5])[0]
