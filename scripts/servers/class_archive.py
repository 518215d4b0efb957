"""Java's archives of loaded classes (CDS), which halve what it costs to start Kafka and the registry.

They depend on the Java that made them, and on the jars. A Java that finds them unsuitable starts without them.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from .paths import KAFKA_VERSION, REGISTRY_VERSION, cache


def archive_options(server: str) -> list[str]:
    """For the command line of `java`. Empty as long as nobody has made that server's archive."""
    archive = archive_of(server)
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def kafka_name(version: str = KAFKA_VERSION) -> str:
    return f"kafka-{version}"


def registry_name() -> str:
    return f"apicurio-registry-{REGISTRY_VERSION}"


def archive_of(server: str) -> Path:
    java = Path(os.path.realpath(shutil.which("java") or "java"))
    installed = f"{java} {java.stat().st_mtime_ns}" if java.exists() else str(java)
    return cache() / "classes" / f"{server}-{hashlib.sha256(installed.encode()).hexdigest()[:12]}.jsa"


def make_archives() -> None:
    """Runs both servers once, and keeps the classes that they have loaded, unless that was done before."""
    from .kafka import KafkaServer
    from .registry import RegistryServer

    with tempfile.TemporaryDirectory(prefix="bottledwater.") as name:
        folder = Path(name)
        kafka, registry = KafkaServer(folder / "kafka"), RegistryServer(folder / "registry")
        wanted = [(server, process, archive_of(server)) for server, process in (
            (kafka_name(), kafka.brokers[0].process), (registry_name(), registry.process))]
        if all(archive.exists() for _, _, archive in wanted):
            return
        for server, process, _ in wanted:
            process.environment = {**os.environ, "JAVA_TOOL_OPTIONS": f"-XX:ArchiveClassesAtExit={folder / server}.jsa"}
        started = [kafka, registry]
        try:
            for each in started:
                each.start()
            for each in started:
                each.wait_ready()
        finally:
            for _, process, _ in wanted:
                process.stop(timeout=120)  # It writes the archive when it ends.
        for server, _, archive in wanted:
            if not (folder / f"{server}.jsa").exists():
                continue  # This Java cannot make one.
            archive.parent.mkdir(parents=True, exist_ok=True)
            # It gets its name last, so another run sees a whole one or none.
            partial = archive.with_name(f"{archive.name}.partial.{os.getpid()}")
            shutil.copyfile(folder / f"{server}.jsa", partial)
            partial.rename(archive)
