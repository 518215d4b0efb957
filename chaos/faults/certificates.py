"""The certificates that Kafka and PostgreSQL show, replaced while they run: for new connections, those that there are stay."""

import socket
import ssl
import time
from pathlib import Path

import psycopg
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from servers import Authority, KafkaServer, PostgresServer, ServerError, keystore_settings

TIMEOUT_S = 30


class KafkaCertificate:
    """Of the listener of the detours."""

    def __init__(self, kafka: KafkaServer, authority: Authority):
        [self._broker] = kafka.brokers
        self._admin = AdminClient({"bootstrap.servers": kafka.address})
        self._authority = authority

    def replace(self, keystore: Path, *, holds: bool) -> None:
        """Returns when clients see the new one, which `holds`, or does not."""
        operations = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                      for name, value in keystore_settings(keystore).items()]
        resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=operations)
        [done] = self._admin.incremental_alter_configs([resource]).values()
        done.result(TIMEOUT_S)
        _wait(lambda: self._holds() == holds)

    def _holds(self) -> bool:
        context = ssl.create_default_context(cafile=self._authority.certificate)
        with socket.create_connection(("127.0.0.1", self._broker.detour.port), TIMEOUT_S) as connection:
            try:
                with context.wrap_socket(connection, server_hostname="127.0.0.1"):
                    return True
            except ssl.SSLCertVerificationError:
                return False


class PostgresCertificate:
    def __init__(self, postgres: PostgresServer, authority: Authority):
        self._postgres = postgres
        self._url = f"{postgres.url()}?sslmode=verify-full&sslrootcert={authority.certificate}"

    def replace(self, keystore: Path, *, holds: bool) -> None:
        """Returns when clients see the new one, which `holds`, or does not."""
        self._postgres.use_keystore(keystore)
        _wait(lambda: self._holds() == holds)

    def _holds(self) -> bool:
        try:
            psycopg.connect(self._url).close()
            return True
        except psycopg.OperationalError as error:
            if "certificate" not in str(error):
                raise
            return False


def _wait(condition) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError("the server does not show its new certificate")
        time.sleep(0.1)
