"""Kafka in KRaft mode: one node or several, each broker and controller at once."""

import base64
import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence

from .class_archive import archive_options, kafka_name
from .paths import KAFKA_VERSION, kafka_jars, kafka_tools
from .process import OneProcess, Process, ServerError, free_port

JVM = ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC"]
# For a broker that lives for minutes: the compiler that makes code fast costs more than it saves.
SHORT_LIVED = ["-XX:TieredStopAtLevel=1"]


@dataclass(frozen=True)
class DetourKind:
    host: str = "127.0.0.1"  # Where clients are told that the proxy is.
    keystore: Optional[Path] = None  # Key and certificate in one PEM file: then by TLS only.


@dataclass(frozen=True)
class Detour:
    """A second listener, for clients that are to reach the broker through a proxy: it tells them the proxy's port."""

    port: int
    proxy_port: int
    kind: DetourKind

    def settings(self, listeners: str, port: int) -> dict[str, str]:
        """What the listener needs, beside the listeners there are."""
        protocol = "SSL" if self.kind.keystore else "PLAINTEXT"
        return {
            "listeners": f"{listeners},DETOUR://127.0.0.1:{self.port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},DETOUR://{self.kind.host}:{self.proxy_port}",
            "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:{protocol}",
            "inter.broker.listener.name": "PLAINTEXT",
            **(keystore_settings(self.kind.keystore) if self.kind.keystore else {}),
        }


@dataclass(frozen=True)
class SaslListener:
    """A listener for clients that log in (SASL/PLAIN); what they may do, ACLs say. Those of the first one may do everything."""

    port: int
    users: Mapping[str, str]  # Passwords by name. The user "admin" may do everything, too.

    def settings(self, listeners: str, port: int) -> dict[str, str]:
        users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        return {
            "listeners": f"{listeners},SASL://127.0.0.1:{self.port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl.plain.sasl.jaas.config":
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
        }


def keystore_settings(keystore: Path) -> dict[str, str]:
    """May be changed while the broker runs; it serves new connections with them."""
    return {"listener.name.detour.ssl.keystore.type": "PEM",
            "listener.name.detour.ssl.keystore.location": str(keystore)}


class KafkaBroker(OneProcess):
    def __init__(self, folder: Path, node: int, ports: Mapping[int, tuple[int, int]], cluster_id: str,
                 settings: Mapping[str, str], detour: Optional[Detour] = None, version: str = KAFKA_VERSION,
                 java: Sequence[str] = (), sasl: Optional[SaslListener] = None):
        """`ports` maps every node of the cluster to its broker port and its controller port."""
        self._java = java
        self.detour = detour
        self.sasl = sasl
        self.folder = folder
        self.port, controller_port = ports[node]
        self._cluster_id = cluster_id
        self._config = folder / "server.properties"
        listeners = f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller_port}"
        self._settings = {
            "node.id": node,
            "process.roles": "broker,controller",
            "listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{c}" for n, (_, c) in ports.items()),
            "log.dirs": folder / "data",
            **(detour.settings(listeners, self.port) if detour else {}),
            **(sasl.settings(listeners, self.port) if sasl else {}),
            **settings,
        }
        self._node = node
        self.use_version(version)

    def use_version(self, version: str) -> None:
        """Another Kafka, from the next start on, with the same data."""
        self._version = version
        gc_log = f"-Xlog:gc:file={self.folder / 'gc.log'}"
        command = [*JVM, *self._java, *archive_options(kafka_name(version)), gc_log, *_classpath(kafka_jars(version)),
                   "kafka.Kafka", str(self._config)]
        self.process = Process(f"Kafka broker {self._node}", command, self.folder / "kafka.log", folder=self.folder)

    def start(self) -> None:
        if not self._config.exists():
            self._format()
        self.process.start()

    def wait_ready(self) -> None:
        self.process.wait_ready(lambda: "Kafka Server started" in self.process.log_text())

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in self._settings.items())
        self._config.write_text(text)
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   *archive_options(kafka_name(self._version)), *_classpath(kafka_jars(self._version)),
                   "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", str(self._config)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode:
            self._config.unlink()
            raise ServerError(f"Kafka could not format its storage:\n{done.stdout}")


class KafkaServer:
    """A cluster of `brokers` nodes. What clients do not ask for is not created: no automatic topics.

    With `detours`, each broker can also be reached through a proxy, which is the caller's to start. With `sasl_users`,
    clients can also log in, and then need ACLs.
    """

    def __init__(self, folder: Path, brokers: int = 1, settings: Optional[Mapping[str, str]] = None,
                 detours: Optional[DetourKind] = None, version: str = KAFKA_VERSION, java: Sequence[str] = (),
                 sasl_users: Optional[Mapping[str, str]] = None):
        replicas = min(brokers, 3)
        common = {
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": max(1, replicas - 1),
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": max(1, replicas - 1),
            "min.insync.replicas": max(1, replicas - 1),
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 4000,  # After kill -9 a broker waits that long for its own old self.
            "broker.heartbeat.interval.ms": 1000,
            "auto.create.topics.enable": "false",
            **(settings or {}),
        }
        ports = {node: (free_port(), free_port()) for node in range(1, brokers + 1)}
        # As Kafka makes them itself; one that began with "-" would look like an option.
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        self.brokers = [KafkaBroker(folder / f"broker-{node}", node, ports, cluster_id, common,
                                    Detour(free_port(), free_port(), detours) if detours else None, version, java,
                                    SaslListener(free_port(), sasl_users) if sasl_users else None)
                        for node in ports]

    @property
    def address(self) -> str:
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    @property
    def sasl_address(self) -> str:
        return ",".join(f"127.0.0.1:{broker.sasl.port}" for broker in self.brokers)

    def run_acls(self, *arguments: str) -> str:
        """What kafka-acls.sh would do with these arguments."""
        return self._tool("org.apache.kafka.tools.AclCommand", *arguments)

    def features(self) -> dict[str, str]:
        """By name, the level that the cluster has finalized."""
        return dict(re.findall(r"Feature: (\S+).*FinalizedVersionLevel: (\S+)", self._feature_command("describe")))

    def finish_upgrade(self) -> None:
        """All brokers run our newest Kafka, and from now on the cluster uses what that can do. There is no way back."""
        self._feature_command("upgrade", "--release-version", KAFKA_VERSION.rpartition(".")[0])

    def _feature_command(self, *arguments: str) -> str:
        return self._tool("org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", self.address, *arguments)

    def _tool(self, name: str, *arguments: str) -> str:
        """One of Kafka's command-line tools, which fetch.fetch_kafka_tools() fetches."""
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   *_classpath(kafka_tools(), kafka_jars()), name, *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode:
            raise ServerError(f"{name} {' '.join(arguments)} failed:\n{done.stdout}")
        return done.stdout

    def is_running(self) -> bool:
        """Whether all of it does."""
        return all(broker.is_running() for broker in self.brokers)

    def start(self) -> None:
        """Starts the brokers that do not run."""
        for broker in self.brokers:
            if not broker.is_running():
                broker.start()

    def wait_ready(self) -> None:
        for broker in self.brokers:
            broker.wait_ready()

    def restart(self) -> None:
        self.start()
        self.wait_ready()

    def stop(self) -> None:
        for broker in self.brokers:
            broker.stop()

    def kill9(self) -> None:
        for broker in self.brokers:
            broker.kill9()

    def pause(self) -> None:
        for broker in self.brokers:
            broker.pause()

    def resume(self) -> None:
        for broker in self.brokers:
            broker.resume()


def _classpath(*folders: Path) -> list[str]:
    return ["-cp", ":".join(f"{folder}/*" for folder in folders)]
