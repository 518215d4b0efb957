"""Every type of pg_type, as a column, a key, an array's element and a domain: what comes out of Kafka is what went in.

BOTTLEDWATER_GATE_ROWS and BOTTLEDWATER_GATE_SEED give other values; scripts/versions runs this on other versions of PostgreSQL.
"""

import os
import random
from collections import Counter, defaultdict

import pytest
from harness import Scene
from harness.type_gate import TypeGate, judge

from clients import TopicReader

ROWS = int(os.environ.get("BOTTLEDWATER_GATE_ROWS", 1000))
SEED = int(os.environ.get("BOTTLEDWATER_GATE_SEED", random.SystemRandom().getrandbits(32)))


@pytest.fixture(params=["15", "18"])
def gate_scene(request: pytest.FixtureRequest) -> Scene:
    return request.getfixturevalue("scene" if request.param == "15" else "newer_scene")


def test_every_type_comes_back_as_it_was_from_snapshot_and_stream(gate_scene: Scene, capsys):
    scene = gate_scene
    gate = TypeGate(scene, SEED, ROWS)
    assert gate.missing() == [], "types without a case in harness/type_cases.py"
    tables = gate.make_tables()
    for table in tables:
        scene.execute(f"INSERT INTO gate.{table.name} SELECT * FROM source.{table.name}")
    scene.reader = TopicReader(scene.servers.kafka.address, gate.decoder)
    scene.running_relay(exclude_tables="source.*,back.*")
    for table in tables:
        scene.execute(f"DELETE FROM gate.{table.name}")
        scene.execute(f"INSERT INTO gate.{table.name} SELECT * FROM source.{table.name}")
    scene.settle(timeout=120)
    messages = defaultdict(list)
    for message in scene.messages(*(f"gate.{table.name}" for table in tables), settle=False):
        messages[message.topic].append(message)
    found = [judge(gate, table, messages[scene.topic(f"gate.{table.name}")]) for table in tables]
    avro = sum((one.avro for one in found), Counter())
    native = sum(columns for name, columns in avro.items() if name != "string")
    with capsys.disabled():
        print(f"\nPostgreSQL {scene.connection.info.server_version}, seed {SEED}: {len(gate.cases)} types and {len(gate.row_types())} row "
              f"types in {sum(avro.values())} columns, {native} of them native and {avro['string']} text; "
              f"{sum(one.values for one in found)} values, each from snapshot and stream, {sum(one.beside for one in found)} as text "
              f"beside; skipped: {', '.join(gate.skipped) or 'nothing'}")
    problems = [problem for one in found for problem in one.problems]
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:100])
