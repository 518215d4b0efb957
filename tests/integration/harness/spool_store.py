"""A spool's entries, read and written behind the relay's back, as docs/spool_format.md has them. By RocksDB's C interface:
the library is there where the relay is, and knows nothing of the relay's code."""

import ctypes
import ctypes.util
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

META = b"default"
CHANGES = b"changes"

Entries = dict[bytes, dict[bytes, bytes]]  # By column family and key.


def entries(spool: Path) -> Entries:
    """All there is. Opened for reading only, so nothing of it changes."""
    with _opened(spool, "rocksdb_open_for_read_only_column_families", ctypes.c_ubyte(0)) as (database, families):
        return {name: dict(_scan(database, family)) for name, family in families.items()}


def write_meta(spool: Path, name: str, body: bytes) -> None:
    key = name.encode()
    write(spool, META, key, struct.pack(">I", crc32c(key + body)) + body)


def write(spool: Path, family: bytes, key: bytes, value: bytes) -> None:
    with _opened(spool, "rocksdb_open_column_families") as (database, families):
        options = _call("rocksdb_writeoptions_create")
        _checked("rocksdb_put_cf", database, options, families[family], key, ctypes.c_size_t(len(key)), value,
                 ctypes.c_size_t(len(value)))
        _call("rocksdb_writeoptions_destroy", options)


def crc32c(data: bytes) -> int:
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


@contextmanager
def _opened(spool: Path, function: str, *more: Any) -> Iterator[tuple[ctypes.c_void_p, dict[bytes, ctypes.c_void_p]]]:
    path = bytes(spool / "db")
    options = _call("rocksdb_options_create")
    count = ctypes.c_size_t()
    listed = ctypes.cast(_checked("rocksdb_list_column_families", options, path, ctypes.byref(count)),
                         ctypes.POINTER(ctypes.c_char_p))
    names = listed[:count.value]
    families = (ctypes.c_void_p * len(names))()
    database = _checked(function, options, path, ctypes.c_int(len(names)), (ctypes.c_char_p * len(names))(*names),
                        (ctypes.c_void_p * len(names))(*[options.value] * len(names)), families, *more)
    try:
        yield database, {name: ctypes.c_void_p(family) for name, family in zip(names, families)}
    finally:
        for family in families:
            _call("rocksdb_column_family_handle_destroy", ctypes.c_void_p(family))
        _call("rocksdb_close", database)
        _call("rocksdb_list_column_families_destroy", listed, count)
        _call("rocksdb_options_destroy", options)


def _scan(database: ctypes.c_void_p, family: ctypes.c_void_p) -> Iterator[tuple[bytes, bytes]]:
    options = _call("rocksdb_readoptions_create")
    iterator = _call("rocksdb_create_iterator_cf", database, options, family)
    _call("rocksdb_iter_seek_to_first", iterator)
    while _library().rocksdb_iter_valid(iterator) & 0xFF:
        yield _bytes_of("rocksdb_iter_key", iterator), _bytes_of("rocksdb_iter_value", iterator)
        _call("rocksdb_iter_next", iterator)
    _checked("rocksdb_iter_get_error", iterator)
    _call("rocksdb_iter_destroy", iterator)
    _call("rocksdb_readoptions_destroy", options)


def _bytes_of(function: str, iterator: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    return ctypes.string_at(_call(function, iterator, ctypes.byref(size)).value, size.value)


def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("rocksdb")
    assert name, "the relay has a RocksDB, and this has none"
    return ctypes.CDLL(name)


def _call(function: str, *arguments: Any) -> ctypes.c_void_p:
    callable = getattr(_library(), function)
    callable.restype = ctypes.c_void_p
    return ctypes.c_void_p(callable(*arguments))


def _checked(function: str, *arguments: Any) -> ctypes.c_void_p:
    """The last argument of these is where they say what went wrong."""
    error = ctypes.c_char_p()
    result = _call(function, *arguments, ctypes.byref(error))
    assert error.value is None, f"{function}: {error.value!r}"
    return result
