"""What a test needs of PostgreSQL, where scripts/versions runs the tests on others than Debian's."""

import os
import re

import pytest

from servers.postgres import FOLDER_OF_ALL

_chosen = re.search(r"postgres-(\d+)", os.environ.get(FOLDER_OF_ALL, ""))
POSTGRES_MAJOR = int(_chosen[1]) if _chosen else 15


def since(version: int, why: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(POSTGRES_MAJOR < version, reason=f"PostgreSQL before {version}: {why}")


def before(version: int, why: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(POSTGRES_MAJOR >= version, reason=f"PostgreSQL from {version} on: {why}")


# What scripts/versions fetches has no client programs.
with_server_programs = pytest.mark.skipif(bool(_chosen), reason="PostgreSQL without pg_upgrade and pg_controldata")
# Partitions that come as the one table that they are parts of.
HAS_ROOTS = POSTGRES_MAJOR >= 13
with_roots = since(13, "each partition is published by itself")
in_pieces = since(14, "a table is read in one piece, under one lock")
