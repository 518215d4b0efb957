"""A PostgreSQL, a Kafka and a schema registry of our own, for the quickstart, tests and chaos runs."""

from .certificates import Authority
from .connect import ConnectWorker
from .kafka import SHORT_LIVED, DetourKind, KafkaBroker, KafkaServer, keystore_settings
from .postgres import PostgresServer, PostgresStandby
from .process import Process, ServerError, free_port
from .proxy import Proxy
from .registry import RegistryServer
from .relay import Relay, binary
from .together import Servers

__all__ = ["Authority", "ConnectWorker", "DetourKind", "KafkaBroker", "KafkaServer", "PostgresServer", "PostgresStandby",
           "Process", "Proxy", "RegistryServer", "Relay", "SHORT_LIVED", "binary", "ServerError", "Servers", "free_port",
           "keystore_settings"]
