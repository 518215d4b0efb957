"""A Kafka Connect worker of the broker's version with Debezium's PostgreSQL connector, to compare with."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Mapping

from .paths import connect_jars, debezium_plugin
from .process import OneProcess, Process, ServerError, free_port

JVM = ["java", "-Xms512m", "-Xmx2g"]


class ConnectWorker(OneProcess):
    """In distributed mode, which exactly-once sources need: the only worker of its group.

    Its topics carry the worker's `name`. What was deployed is in them, so it runs again after a restart.
    """

    def __init__(self, folder: Path, name: str, brokers: str, settings: Mapping[str, str]):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        everything = {
            "bootstrap.servers": brokers,
            "group.id": name,
            "listeners": f"http://127.0.0.1:{self.port}",
            "plugin.path": debezium_plugin(),
            "plugin.discovery": "service_load",
            **{f"{kind}.storage.topic": f"{name}.{kind}" for kind in ("config", "offset", "status")},
            **{f"{kind}.storage.replication.factor": 1 for kind in ("config", "offset", "status")},
            **{f"{kind}.storage.partitions": 1 for kind in ("offset", "status")},
            "scheduled.rebalance.max.delay.ms": 0,  # The only worker: nobody else would take its tasks.
            "exactly.once.source.support": "enabled",
            "connector.client.config.override.policy": "All",
            **settings,
        }
        config = folder / "connect.properties"
        config.write_text("".join(f"{key}={value}\n" for key, value in everything.items()))
        command = [*JVM, "-cp", f"{connect_jars()}/*",
                   "org.apache.kafka.connect.cli.ConnectDistributed", str(config)]
        self.process = Process("Kafka Connect", command, folder / "connect.log", folder=folder)

    def start(self) -> None:
        self.process.start()

    def wait_ready(self) -> None:
        self.process.wait_ready(self._is_ready)

    def deploy(self, connector: str, config: Mapping[str, object]) -> None:
        """Returns when the worker has written it down; the connector starts soon after."""
        self._request("PUT", f"/connectors/{connector}/config", {name: str(value) for name, value in config.items()})

    def delete(self, connector: str) -> None:
        self._request("DELETE", f"/connectors/{connector}")

    def restart_failed(self, connector: str) -> int:
        """Starts the connector and its tasks again where they have failed: how many had."""
        failed = self.failures(connector)
        if failed:
            self._request("POST", f"/connectors/{connector}/restart?includeTasks=true&onlyFailed=true")
        return len(failed)

    def failures(self, connector: str) -> list[str]:
        """Why the connector or its tasks have failed; empty while they have not, or nobody knows."""
        try:
            status = self._request("GET", f"/connectors/{connector}/status")
        except ServerError:
            return []  # Not yet known, or the worker waits for Kafka.
        parts = [status["connector"], *status["tasks"]]
        return [part.get("trace", "no reason given") for part in parts if part["state"] == "FAILED"]

    def _is_ready(self) -> bool:
        try:
            self._request("GET", "/connectors")
            return True
        except ServerError:
            return False

    def _request(self, method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise ServerError(f"Kafka Connect: {method} {path}: {error.code} {error.read().decode()}") from None
        except OSError as error:
            raise ServerError(f"Kafka Connect: {method} {path}: {error}") from None
