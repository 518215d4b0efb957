"""`bottledwater replay`, as a test starts it."""

import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Optional

from servers import Relay, binary

from .scene import Scene


def spool_of(relay: Relay) -> Path:
    return Path(relay.options["spool"])


class Replay:
    """Its command line, and what becomes of it."""

    def __init__(self, scene: Scene, relay: Relay, prefix: Optional[str], **options: Any):
        chosen = {"broker": scene.servers.kafka.address, "schema_registry": scene.servers.registry.url,
                  "spool": relay.options["spool"], "topic_prefix": scene.prefix, "to_topic_prefix": prefix, **options}
        self.command = [str(binary()), "replay",
                        *(f"--{name.replace('_', '-')}={value}" for name, value in chosen.items() if value is not None)]
        self.environment = {**os.environ, "TMPDIR": str(scene.folder)}
        self.log = scene.folder / f"replay-{prefix}.log"  # None: into the relay's own topics.

    def start(self) -> subprocess.Popen:
        with open(self.log, "a") as log:
            return subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def run(self, code: int = 0, timeout: float = 120) -> str:
        done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr[-3000:])
        return done.stdout + done.stderr

    def scratch(self, scene: Scene) -> list[Path]:
        return list(scene.folder.glob("bottledwater-replay-*"))

    def is_killed_within(self, chance: random.Random, longest: float) -> bool:
        """Whether it was killed (-9), and did not end by itself before."""
        process = self.start()
        try:
            assert process.wait(chance.uniform(0.1, longest)) == 0, self.log.read_text()[-3000:]
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True


def counted(messages: list[Any]) -> Counter:
    """How often each message came."""
    return Counter((message.position, message.op) for message in messages)
