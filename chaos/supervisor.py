"""Starts, kills, freezes and restarts the relay and its servers, and counts what it did."""

import random
import time
from collections import Counter
from typing import Any, Optional

import psycopg

from harness import Scene
from servers import KafkaBroker, Relay, ServerError, Servers


class Supervisor:
    def __init__(self, servers: Servers, scene: Scene, relay: Relay, rng: random.Random):
        self.servers = servers
        self.scene = scene
        self.relay = relay
        self.rng = rng
        self.done: Counter[str] = Counter()  # What was done how often, for the report.
        self.restart_s: list[float] = []  # From the relay's start to streaming.

    # The relay

    def start_relay(self, wait: bool = True, environment: Optional[dict[str, str]] = None) -> None:
        """With `environment`, for this start only."""
        usual = self.relay.environment
        self.relay.environment = {**usual, **(environment or {})}
        begun = time.monotonic()
        self.relay.start()
        self.relay.environment = usual
        if wait:
            self.relay.wait_streaming(120)
            self.restart_s.append(time.monotonic() - begun)

    def kill_relay(self, after: float = 0.0) -> None:
        """At a moment chosen by chance: anything may be going on then."""
        time.sleep(after)
        self.require_relay()
        self.relay.kill9()
        self.done["relay killed"] += 1

    def restart_killed_relay(self, after: float) -> None:
        """Every third time it is killed once more while it recovers."""
        self.kill_relay(after)
        if self.rng.random() < 0.33:
            self.start_relay(wait=False)
            self.kill_relay(self.rng.uniform(0.0, 0.5))
        self.start_relay()

    def terminate_relay(self) -> None:
        """SIGTERM: it must end by itself, in 10 s, with exit code 0."""
        self.require_relay()
        begun = time.monotonic()
        self.relay.send(15)
        code = self.relay.exit_code(15)
        taken = time.monotonic() - begun
        if code != 0 or taken > 10.5:
            raise ServerError(f"after SIGTERM the relay ended with {code} in {taken:.1f} s:\n{self.relay.log_tail()}")
        self.done["relay terminated"] += 1

    def require_relay(self) -> None:
        if not self.relay.is_running():
            raise ServerError(f"the relay ended by itself with {self.relay.exit_code(0)}:\n{self.relay.log_tail()}")

    # Servers

    def kill_and_restart(self, name: str, down_s: float) -> None:
        """`name` is postgres, registry or kafka; of several brokers, one by chance."""
        server: Any = self.broker() if name == "kafka" else getattr(self.servers, name)
        server.kill9()
        self.done[f"{name} killed"] += 1
        time.sleep(down_s)
        server.restart()

    def broker(self) -> KafkaBroker:
        return self.rng.choice(self.servers.kafka.brokers)

    def pause(self, server: Any, name: str, seconds: float) -> None:
        server.pause()
        self.done[f"{name} paused"] += 1
        time.sleep(seconds)
        server.resume()

    def terminate_walsender(self) -> None:
        """As an administrator, or a failing server process, does."""
        with psycopg.connect(self.servers.postgres.url(), autocommit=True) as connection:
            ended = connection.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                                       "WHERE slot_name = %s AND active", [self.scene.slot]).fetchall()
        self.done["walsender terminated"] += len(ended)

    def bring_back(self) -> None:
        """Everything runs again, and nothing is frozen."""
        self.relay.resume()
        self.servers.bring_back()
        self.scene.reconnect()
        if not self.relay.is_running():
            self.start_relay()
