"""Fixtures: servers shared by the tests of a file, and a scene on them for each test."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from harness import WITHOUT_FSYNC, Scene

from servers import SHORT_LIVED, DetourKind, PostgresServer, Servers
from servers.fetch import fetch_postgres
from servers.paths import NEWER_POSTGRES_VERSION


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with Servers(postgres_settings=WITHOUT_FSYNC, kafka_detours=DetourKind(), kafka_java=SHORT_LIVED) as servers:
        yield servers


@pytest.fixture
def scene(servers: Servers, tmp_path, request) -> Iterator[Scene]:
    servers.bring_back()  # Whatever the test before took away.
    scene = Scene(servers, tmp_path)
    version = scene.connection.info.server_version // 10000
    for marker in request.node.iter_markers("since_postgres"):
        if version < marker.args[0]:
            scene.close()
            pytest.skip(f"PostgreSQL {version} has no {marker.args[1]}")
    yield scene
    if getattr(request.node, "failed", False):
        print(scene.report())
    servers.bring_back()
    scene.close()


@pytest.fixture(scope="session")
def newer_postgres(servers: Servers) -> Iterator[PostgresServer]:
    """PostgreSQL 18, which is fetched."""
    server = PostgresServer(servers.folder / "newer-postgres", distribution=fetch_postgres(NEWER_POSTGRES_VERSION))
    server.restart()
    yield server
    server.stop()


@pytest.fixture
def newer_scene(servers: Servers, newer_postgres: PostgresServer, tmp_path) -> Iterator[Scene]:
    both = SimpleNamespace(postgres=newer_postgres, kafka=servers.kafka, registry=servers.registry)
    scene = Scene(both, tmp_path)
    yield scene
    scene.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True
    return report
