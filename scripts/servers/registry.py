"""A schema registry with the Confluent interface: Apicurio, its schemas in a file, so that they outlive it."""

import urllib.error
import urllib.request
from pathlib import Path

from .class_archive import archive_options, registry_name
from .paths import registry_app
from .process import OneProcess, Process, ServerError, free_port

JVM = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


class RegistryServer(OneProcess):
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        options = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self.port,
            "registry.storage.kind": "sql",
            # Else a registry that is killed forgets the ids of the last half a second.
            "quarkus.datasource.jdbc.url": f"jdbc:h2:file:{folder / 'schemas'};WRITE_DELAY=0",
        }
        defines = [f"-D{name}={value}" for name, value in options.items()]
        self.process = Process("Schema registry", [*JVM, *archive_options(registry_name()), *defines, "-jar", str(_runner())], folder / "registry.log",
                               folder=folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process.start()

    def wait_ready(self) -> None:
        self.process.wait_ready(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False


def _runner() -> Path:
    runners = list(registry_app().glob("*runner.jar"))
    if not runners:
        raise ServerError(f"no schema registry in {registry_app()}; run: python3 scripts/servers fetch")
    return runners[0]
