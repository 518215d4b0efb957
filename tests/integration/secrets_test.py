"""Secrets and values of rows are planted, and looked for in everything that leaves the relay but its messages."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import Scene

from clients import Admin
from servers import Relay, free_port

PLANTED = {
    "sasl.password": "planted-for-sasl",
    "ssl.key.password": "planted-for-a-key",
    "registry": "planted-for-the-registry",
    "token": "planted-as-token",
    "value": "planted-in-a-row",
    "key": "planted-as-a-key",
}


@pytest.fixture
def relay(scene: Scene) -> Relay:
    def file(name: str, text: str) -> str:
        path = scene.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return str(path)

    kafka = file("kafka", "".join(f"{name}={PLANTED[name]}\n" for name in ("sasl.password", "ssl.key.password")))
    scene.execute("CREATE TABLE test (id text PRIMARY KEY, value text)")
    scene.execute("INSERT INTO test VALUES (%s, %s)", [PLANTED["key"], PLANTED["value"]])
    return scene.running_relay(
        log_level="trace", kafka_config_file=kafka,
        schema_registry_user="somebody", schema_registry_password_file=file("registry", PLANTED["registry"]),
        admin=f"127.0.0.1:{free_port()}", admin_token_file=file("token", PLANTED["token"]),
        max_message_bytes="64KiB", on_error="log")


def go_through_trouble(scene: Scene, relay: Relay) -> None:
    scene.settle()
    # Too large for its topic, so that the relay speaks of a row.
    scene.execute("INSERT INTO test VALUES (%s, repeat(%s, 10000))", [PLANTED["key"] + "-2", PLANTED["value"]])
    relay.wait_for_log("cannot be published")
    scene.servers.registry.kill9()
    scene.servers.kafka.kill9()
    scene.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [scene.slot])
    scene.execute("CREATE TABLE later (id int PRIMARY KEY, value text)")
    scene.execute("INSERT INTO later VALUES (1, %s)", [PLANTED["value"]])
    scene.execute("UPDATE test SET value = value || '!'")
    relay.wait_for_log("(?i)kafka is away")
    scene.servers.bring_back()
    scene.settle()


def assert_nothing_planted(scene: Scene, said: dict[str, str]) -> None:
    secrets = {**PLANTED, "postgres": urlsplit(scene.url()).password}
    found = [(where, what) for where, text in said.items() for what, secret in secrets.items() if secret in text]
    assert not found
    assert all(text for text in said.values()), "somebody said nothing"


def test_nothing_that_is_planted_leaves_but_in_messages(scene: Scene, relay: Relay):
    go_through_trouble(scene, relay)
    said = {path: Admin(relay.options["admin"]).request("GET", path)[1]
            for path in ("/", "/status", "/metrics", "/readyz", "/livez", "/nowhere")}
    said["refused POST"] = Admin(relay.options["admin"]).request("POST", "/pause", {"Authorization": "Bearer x"})[1]
    said["log"] = relay.log_text()
    said["command line"] = Path(f"/proc/{relay.pid}/cmdline").read_text()
    assert_nothing_planted(scene, said)
    # They did leave in messages.
    assert PLANTED["value"] in str(scene.messages("test", settle=False))
