"""`bottledwater tail`: what it writes is what the topics have, of committed transactions, and it goes on where it shall."""

import base64
import csv
import io
import json
import re
import resource
import signal
import struct
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from harness import Scene
from harness.tail import FollowedTail, run_tail, tail_command, tail_lines, tail_text
from harness.terminal import on_a_terminal

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text, doc jsonb)"


@pytest.fixture
def admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.servers.kafka.address})


def make_topic(admin: AdminClient, name: str, partitions: int = 1) -> None:
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])[name].result(timeout=20)
    deadline = time.monotonic() + 20
    while name not in admin.list_topics(timeout=5).topics:  # The controller's answer comes before the broker knows it.
        assert time.monotonic() < deadline
        time.sleep(0.05)


def produce(scene: Scene, topic: str, *messages: tuple, **options: str) -> None:
    """Key, value and perhaps headers of each, not in a transaction."""
    producer = Producer({"bootstrap.servers": scene.servers.kafka.address, **options})
    for key, value, *headers in messages:
        producer.produce(topic, key=key, value=value, partition=0, headers=headers[0] if headers else None)
    assert producer.flush(20) == 0


@contextmanager
def transaction(scene: Scene, topic: str, *values: bytes) -> Iterator[Producer]:
    """An open one, whose messages have arrived at the broker."""
    producer = Producer({"bootstrap.servers": scene.servers.kafka.address, "transactional.id": f"{topic}-{values[0]!r}"})
    producer.init_transactions(20)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value=value, partition=0)
    producer.flush(20)
    yield producer


def shape(line: dict) -> tuple:
    return line["partition"], line["offset"], line["key"], line["value"], line["headers"]


@pytest.mark.parametrize("output_format", ["avro", "json", "plain-json"])
def test_lines_are_what_the_topic_has(scene: Scene, output_format: str):
    scene.execute(TABLE)
    if output_format != "avro":
        scene.use_json()
    scene.running_relay(output_format=output_format, topic_config="partitions=3")
    scene.execute("INSERT INTO test SELECT i, E'tab\\t \"quoted\" \\\\ \\n ü ' || i, '{\"a\": [1, null]}' FROM generate_series(1, 50) i")
    scene.execute("UPDATE test SET value = NULL WHERE id = 7")
    scene.execute("DELETE FROM test WHERE id = 8")
    messages = scene.messages("test")
    lines = tail_lines(scene, "--from=beginning", scene.topic("test"))
    assert len(lines) == 52
    if output_format == "avro":  # As plain-json writes it: a document is embedded, not a text.
        for line in lines:
            if line["value"]:
                line["value"]["doc"] = json.dumps(line["value"]["doc"])
    assert sorted(map(shape, lines), key=str) == sorted(
        ((m.partition, m.offset, m.key, m.value, m.headers) for m in messages), key=str)
    for partition in range(3):
        offsets = [line["offset"] for line in lines if line["partition"] == partition]
        assert offsets == sorted(offsets) and offsets
    assert {tuple(line) for line in lines} == {("topic", "partition", "offset", "timestamp", "key", "value", "headers")}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    assert [line["value"] for line in lines if line["headers"]["op"] == "d"] == [None]


def test_it_follows_new_rows_partitions_and_topics(scene: Scene, admin: AdminClient):
    scene.execute(TABLE)
    relay = scene.running_relay(topic_config="partitions=1")
    scene.execute("INSERT INTO test VALUES (1, 'first')")
    scene.settle()
    with FollowedTail(scene, scene.topic("[lt]*")) as tail:
        assert tail.lines(1)[0]["value"]["value"] == "first"
        for number in range(2, 6):
            scene.execute(f"INSERT INTO test VALUES ({number}, 'row')")
            assert tail.lines(1)[0]["key"] == {"id": number}
        admin.create_partitions([NewPartitions(scene.topic("test"), 4)])[scene.topic("test")].result(timeout=20)
        tail.wait_until_said("new partition 3")
        relay.kill9()  # A new session sees the partitions.
        relay.start()
        relay.wait_streaming()
        scene.execute("INSERT INTO test SELECT i, 'spread' FROM generate_series(100, 139) i")
        spread = tail.lines(40)
        assert sorted(line["key"]["id"] for line in spread) == list(range(100, 140))
        assert {line["partition"] for line in spread} == {0, 1, 2, 3}
        scene.execute("CREATE TABLE later (id int PRIMARY KEY)")
        scene.execute("INSERT INTO later VALUES (1)")
        scene.settle()
        assert tail.lines(1)[0]["topic"] == scene.topic("later")
        assert tail.end() == 0


def first_after_end(scene: Scene, tail: FollowedTail, topic: str) -> int:
    """It may have said what it waits for, and not yet have asked for the topic's end: what comes between is old."""
    for _ in range(3):
        produce(scene, topic, (None, b"2"))
        with suppress(Empty):
            return tail.lines(1, timeout=20)[0]["value"]
    raise AssertionError("nothing came")


def test_it_waits_for_a_topic_that_comes_later(scene: Scene, admin: AdminClient):
    known, later, group = scene.topic("known"), scene.topic("later"), f"--group={scene.name}"
    make_topic(admin, known)
    produce(scene, known, (None, b"1"))
    with FollowedTail(scene, known, later, scene.topic("more*"), "--from=end") as tail, FollowedTail(scene, later, group) as alone:
        tail.wait_until_said(f"there is no topic {later}")
        alone.wait_until_said(f"there is no topic {later}")
        assert first_after_end(scene, tail, known) == 2
        make_topic(admin, later, 2)
        produce(scene, later, (None, b"3"))
        for reader in (tail, alone):  # What came while it waited is all new.
            assert [(line["topic"], line["value"]) for line in reader.lines(1)] == [(later, 3)]
        make_topic(admin, scene.topic("more"))
        produce(scene, scene.topic("more"), (None, b"4"))
        assert tail.lines(1)[0]["value"] == 4
        assert tail.end() == 0 and alone.end() == 0
        assert tail.said().count("Waiting") == 2 and alone.said().count("Waiting") == 1
    assert tail_lines(scene, later, group) == []


def test_a_partition_of_a_topic_that_comes_later(scene: Scene, admin: AdminClient):
    later = scene.topic("later")
    with FollowedTail(scene, later, "--partition=1") as tail:
        tail.wait_until_said("Waiting")
        make_topic(admin, later, 2)
        produce(scene, later, (None, b"0"))
        producer = Producer({"bootstrap.servers": scene.servers.kafka.address})
        producer.produce(later, value=b"1", partition=1)
        assert producer.flush(20) == 0
        assert [line["value"] for line in tail.lines(1)] == [1]
        assert tail.end() == 0 and tail.wrote_nothing_more()


def test_a_deleted_topic_is_said(scene: Scene, admin: AdminClient):
    topic = scene.topic("gone")
    make_topic(admin, topic)
    produce(scene, topic, (b"k", b"1"))
    with FollowedTail(scene, topic) as tail:
        assert tail.lines(1)[0]["value"] == 1
        admin.delete_topics([topic])[topic].result(timeout=20)
        assert tail.wait() == 83
        assert f"topic {topic}" in tail.said() and "deleted" in tail.said()


def test_where_it_begins(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    produce(scene, topic, *((None, str(number).encode()) for number in range(20)))
    time.sleep(0.01)
    with transaction(scene, topic, b"20", b"21") as producer:
        producer.commit_transaction(20)
    values = lambda *words: [line["value"] for line in tail_lines(scene, topic, *words)]
    scene.wait_until(lambda: values("--from=beginning") == list(range(22)), 10, "the transaction's marker")
    assert values() == list(range(12, 22))  # The last ten; the marker's offset is none of them.
    assert values("--from=-3") == [19, 20, 21]
    assert values("--from=-1000") == list(range(22))
    assert values("--from=15", "--limit=3") == [15, 16, 17]
    assert values("--from=end") == []
    assert values("--from=999") == []
    times = [line["timestamp"] for line in tail_lines(scene, topic, "--from=beginning")]
    assert times == sorted(times)
    assert values(f"--from={times[20]}") == [20, 21]
    assert values("--from=2001-01-01T00:00:00Z") == list(range(22))
    assert values("--from=2099-01-01T00:00:00+01:00") == []


def test_only_committed_transactions_are_seen(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    with transaction(scene, topic, b"1") as aborted:
        aborted.abort_transaction(20)
    with transaction(scene, topic, b"2") as committed:
        committed.commit_transaction(20)
    with FollowedTail(scene, "--from=beginning", topic) as tail:
        assert tail.lines(1)[0]["value"] == 2
        with transaction(scene, topic, b"3") as open_one:
            produce(scene, topic, (None, b"4"))
            began = time.monotonic()
            assert [line["value"] for line in tail_lines(scene, "--from=beginning", topic)] == [2]
            assert time.monotonic() - began < 10, "an open transaction of others is not waited for"
            assert tail.wrote_nothing_more()
            open_one.abort_transaction(20)
        assert tail.lines(1)[0]["value"] == 4


def test_a_group_goes_on_where_it_was(scene: Scene, admin: AdminClient):
    topics = [scene.topic("a"), scene.topic("b")]
    for topic in topics:
        make_topic(admin, topic, 2)
        produce(scene, topic, *((None, str(number).encode()) for number in range(5)))
    group = scene.name
    values = lambda *words: [line["value"] for line in tail_lines(scene, *topics, f"--group={group}", *words)]
    assert sorted(values()) == sorted([*range(5), *range(5)])
    assert values() == []
    produce(scene, topics[0], (None, b"5"), (None, b"6"))
    assert values("--limit=1") == [5]
    assert values() == [6]
    assert len(values("--from=beginning")) == 12
    with FollowedTail(scene, *topics, f"--group={group}") as tail:
        produce(scene, topics[1], (None, b"7"))
        assert tail.lines(1)[0]["value"] == 7
        assert tail.end(signal.SIGTERM) == 0
    assert values() == []


def no_more_than(size: int) -> None:
    """Before a program starts: its files cannot grow beyond this, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_group_does_not_repeat_what_was_written_before_an_error(scene: Scene, admin: AdminClient, tmp_path: Path):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    undecodable = b"\0\0\0\x0f\xff\x02"
    produce(scene, topic, (None, b"0"), (None, b"1"), (None, undecodable), *((None, str(n).encode()) for n in range(3, 200)))
    words = ("--until=end", topic, f"--group={scene.name}")
    done = run_tail(scene, *words)
    assert done.returncode == 65 and [json.loads(line)["value"] for line in done.stdout.splitlines()] == [0, 1], done.stderr
    done = run_tail(scene, *words)
    assert done.returncode == 65 and done.stdout == b"" and b"offset 2, value" in done.stderr
    # The disk is full in the middle of a line: that line comes again, and none before it.
    written = tmp_path / "written"
    with written.open("wb") as file:
        done = subprocess.run(tail_command(scene, "--raw", *words), stdout=file, stderr=subprocess.PIPE, timeout=60,
                              preexec_fn=lambda: no_more_than(5000), restore_signals=False)
    assert done.returncode == 74 and b"output cannot be written" in done.stderr, done.stderr
    whole, _, torn = written.read_text().rpartition("\n")
    assert torn and written.stat().st_size == 5000
    first = [json.loads(line)["offset"] for line in whole.splitlines()]
    assert [line["offset"] for line in tail_lines(scene, *words[1:])] == list(range(first[-1] + 1, 200))
    assert first == list(range(2, first[-1] + 1))


def test_a_group_keeps_its_place_in_the_others_when_a_topic_is_deleted(scene: Scene, admin: AdminClient):
    kept, gone = scene.topic("kept"), scene.topic("gone")
    for topic in (kept, gone):
        make_topic(admin, topic)
        produce(scene, topic, (None, b"1"))
    group = f"--group={scene.name}"
    with FollowedTail(scene, kept, gone, group) as tail:
        tail.lines(2)
        admin.delete_topics([gone])[gone].result(timeout=20)
        began = time.monotonic()
        assert tail.wait() == 83
        assert time.monotonic() - began < 9, "it tried to store offsets of the deleted topic"
    produce(scene, kept, (None, b"2"))
    assert [line["value"] for line in tail_lines(scene, kept, group)] == [2]


def test_a_group_of_others_is_left_to_them(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    produce(scene, topic, (None, b"1"))
    member = Consumer({"bootstrap.servers": scene.servers.kafka.address, "group.id": scene.name})
    member.subscribe([topic])
    scene.wait_until(lambda: member.poll(0.1) or member.assignment(), 30, "the assignment")
    done = run_tail(scene, "--until=end", topic, f"--group={scene.name}")
    member.close()
    assert done.returncode == 64 and b"--group: other clients are subscribed under the name" in done.stderr, done.stderr
    assert [line["value"] for line in tail_lines(scene, topic, f"--group={scene.name}")] == [1]


def test_messages_that_are_no_avro(scene: Scene, admin: AdminClient):
    topic = scene.topic("others")
    make_topic(admin, topic)
    produce(scene, topic, (b"text key", b'{"a":\n 1}', [("h", b"1"), ("h", b"\xff"), ("empty", b"")]), (b"1", b"\xff\x00"),
            (None, None), (b"", b"two\nlines"), (b"\0", b"12e999"))
    lines = tail_text(scene, "--until=end", "--from=beginning", topic).splitlines()
    assert '"value":12e999' in lines[4]
    assert [(line["key"], line["value"]) for line in map(json.loads, lines[:4])] == [
        ("text key", {"a": 1}), (1, {"base64": "/wA="}), (None, None), ("", "two\nlines")]
    assert json.loads(lines[0])["headers"] == {"h": ["1", {"base64": "/w=="}], "empty": ""}


def register(scene: Scene, subject: str, schema: dict) -> bytes:
    """What its id looks like in front of a body."""
    request = urllib.request.Request(f"{scene.servers.registry.url}/subjects/{subject}/versions",
                                     json.dumps({"schema": json.dumps(schema)}).encode(),
                                     {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return b"\0" + struct.pack(">I", json.load(answer)["id"])


def test_avro_of_other_producers(scene: Scene, admin: AdminClient):
    topic = scene.topic("others")
    make_topic(admin, topic)
    head = register(scene, f"{topic}-value", {"type": "record", "name": "order", "fields": [
        {"name": "id", "type": "long"}, {"name": "state", "type": {"type": "enum", "name": "state", "symbols": ["OPEN", "DONE"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}}, {"name": "note", "type": ["null", "string"]}]})
    key = register(scene, f"{topic}-key", {"type": "string"})
    tree = register(scene, f"{topic}-tree", {"type": "record", "name": "tree", "fields": [
        {"name": "next", "type": ["null", "tree"]}]})
    produce(scene, topic, (key + b"\x04k1", head + b"\x0e\x02\x02\x02a\x00\x02\x02n"), (None, tree + b"\0"))
    done = run_tail(scene, "--until=end", topic)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["key"], first["value"]) == ("k1", {"id": 7, "state": "DONE", "tags": ["a"], "note": "n"})
    assert list(second["value"]) == ["base64"] and "recursive" in done.stderr.decode()
    produce(scene, topic, (None, head + b"\x0e"))
    done = run_tail(scene, "--until=end", topic)
    assert done.returncode == 65 and "offset 2, value: its Avro body does not fit its schema" in done.stderr.decode()
    assert len(done.stdout.splitlines()) == 2


def test_numbers_and_uuids_of_other_producers_are_no_avro(scene: Scene, admin: AdminClient):
    """A number of 8 bytes begins like Avro with schema id `number >> 24`."""
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    head = register(scene, f"{topic}-value", {"type": "record", "name": "order", "fields": [{"name": "id", "type": "long"}]})
    numbers = [1, 2**24 - 1, 4095 << 24, (int.from_bytes(head[1:]) << 24) + 0xFFFFFF, 2**40, 2**24 * 4095 + 1]
    key = lambda number: struct.pack(">q", number)
    value = head + b"\x0e"
    produce(scene, topic, *((key(number), value) for number in numbers), (b"\0" + b"\xab" * 15, value), (value, value))
    done = run_tail(scene, "--until=end", topic)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [base64.b64decode(line["key"]["base64"]) for line in lines[:-1]] == [*map(key, numbers), b"\0" + b"\xab" * 15]
    assert lines[-1]["key"] == {"id": 7} and all(line["value"] == {"id": 7} for line in lines)
    assert done.stderr.decode().count("taken for numbers or UUIDs") == 1 and "--schema-registry" in done.stderr.decode()
    # A relay's own of that size are Avro, or an error; so are those of other sizes.
    produce(scene, topic, (key(4095 << 24), None, [("lsn", b"0/1:0"), ("op", b"c")]))
    code, text = refusal(scene, "--until=end", "--from=-1", topic)
    assert code == 65 and "offset 8, key: its schema id 4095" in text
    produce(scene, topic, (b"\0\0\0\x0f\xff\x02", value))
    code, text = refusal(scene, "--until=end", "--from=-1", topic)
    assert code == 65 and "offset 9, key: its schema id 4095" in text and "--raw-keys" in text
    [line] = tail_lines(scene, "--raw-keys", "--from=-1", topic)
    assert line["key"] == {"base64": "AAAAD/8C"} and line["value"] == {"id": 7}


def test_no_registry_is_needed_for_numbers(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    produce(scene, topic, (struct.pack(">q", 4095 << 24), b"text"))
    words = [word for word in tail_command(scene, topic, "--until=end") if not word.startswith("--schema-registry")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and json.loads(done.stdout)["value"] == "text", done.stderr
    assert "--schema-registry" in done.stderr


@pytest.mark.parametrize("output_format", ["json", "csv", "copy"])
def test_a_terminal_is_not_controlled(scene: Scene, admin: AdminClient, output_format: str):
    topic = scene.topic("texts")
    make_topic(admin, topic)
    produce(scene, topic, ("a\x1b[2J\x9b2Jü".encode(), '"\x9b31m\u202e"'.encode(), [("op", b"\x1b[2J"), ("\x9b", b"\x7f")]))
    words = ["--until=end", "--from=beginning", f"--format={output_format}", topic]
    if output_format != "json":
        words.append("--columns=op,key,value,headers")
    shown = on_a_terminal(tail_command(scene, *words))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", shown), ascii(shown)
    assert "ü" in shown and "u009b" in shown
    assert "\x9b" in tail_text(scene, *words)  # Elsewhere it is as it is.


def test_csv_is_read_back(scene: Scene):
    scene.execute(TABLE)
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1, E'a,\"b\"\\r\\nc', '[1, \"x,y\"]'), (2, '', NULL)")
    scene.execute("DELETE FROM test WHERE id = 2")
    scene.settle()
    text = tail_text(scene, "--format=csv", scene.topic("test"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    lines = tail_lines(scene, "--from=beginning", scene.topic("test"))
    assert len(rows) == len(lines) == 3
    for row, line in zip(rows, lines):
        assert list(row) == list(line)
        assert (row["topic"], int(row["partition"]), int(row["offset"]), row["timestamp"]) == (
            line["topic"], line["partition"], line["offset"], line["timestamp"])
        assert json.loads(row["key"]) == line["key"] and json.loads(row["headers"]) == line["headers"]
        assert (json.loads(row["value"]) if row["value"] else None) == line["value"]
    some = tail_text(scene, "--format=csv", "--columns=op,lsn,index", scene.topic("test")).splitlines()
    assert some[0] == "op,lsn,index" and re.fullmatch(r"c,[0-9A-F]+/[0-9A-F]+,0", some[1])


def test_it_waits_for_kafka_and_for_the_registry(scene: Scene):
    scene.execute(TABLE)
    scene.running_relay()
    scene.execute("INSERT INTO test VALUES (1)")
    scene.settle()
    scene.servers.registry.stop()
    with FollowedTail(scene, "--from=beginning", scene.topic("test")) as tail:
        tail.wait_until_said("Schema registry")
        scene.servers.registry.start()
        assert tail.lines(1)[0]["key"] == {"id": 1}
        scene.servers.kafka.kill9()
        tail.wait_until_said("Kafka (")
        scene.servers.kafka.restart()
        scene.execute("INSERT INTO test VALUES (2)")
        assert tail.lines(1, timeout=60)[0]["key"] == {"id": 2}
        assert tail.end() == 0
        assert tail.said().count("is away") == 2, tail.said()


def test_nobody_there_to_read_is_a_quiet_end(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    produce(scene, topic, *((None, b"1") for _ in range(1000)))
    with subprocess.Popen(tail_command(scene, "--from=beginning", topic), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0 and process.stderr.read() == b""
    full = subprocess.run(["sh", "-c", 'exec "$@" > /dev/full', "sh", *tail_command(scene, "--until=end", topic)],
                          capture_output=True, text=True, timeout=30)
    assert full.returncode == 74 and "No space left on device" in full.stderr


def refusal(scene: Scene, *words: str) -> tuple[int, str]:
    done = run_tail(scene, *words)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


def test_what_is_wrong_is_named_with_its_remedy(scene: Scene, admin: AdminClient):
    topic = scene.topic("orders")
    make_topic(admin, topic, 3)
    code, text = refusal(scene, "--until=end", scene.topic("oders"))
    assert code == 64 and f"did you mean {topic}?" in text
    assert refusal(scene, "two words")[0] == 64
    assert refusal(scene, topic, "--partition=1,5") == (
        64, f"bottledwater: --partition: topic {topic} has no partition 5, only 0 to 2\n")
    assert refusal(scene, topic, "--from=yesterday")[0] == 64
    assert refusal(scene, topic, "--from=stored")[0] == 64
    produce(scene, topic, (None, b"\0\0\0\x0f\xff\x02"))
    code, text = refusal(scene, "--until=end", topic)
    assert code == 65 and f"topic {topic} partition 0 offset 0, value: its schema id 4095" in text and "--raw" in text
    assert tail_lines(scene, "--raw", topic)[0]["value"] == {"base64": "AAAAD/8C"}


def test_no_registry_where_nobody_has_said_one(scene: Scene, admin: AdminClient):
    topic = scene.topic("orders")
    make_topic(admin, topic)
    produce(scene, topic, (None, b"\0\0\0\0\x01\x02"))
    words = [word for word in tail_command(scene, topic, "--until=end") if not word.startswith("--schema-registry")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 64 and "--schema-registry: " in done.stderr and "--raw" in done.stderr
    assert done.stdout == ""


def test_a_group_is_told_what_retention_took(scene: Scene, admin: AdminClient):
    topic = scene.topic("numbers")
    make_topic(admin, topic)
    produce(scene, topic, *((None, str(number).encode()) for number in range(10)))
    group = f"--group={scene.name}"
    assert len(tail_lines(scene, topic, group, "--limit=3")) == 3
    delete_before(admin, topic, 6)
    code, text = refusal(scene, "--until=end", topic, group)
    assert code == 83 and "offset 3" in text and "begins at 6" in text and "--skip-lost" in text
    assert [line["value"] for line in tail_lines(scene, topic, group, "--skip-lost")] == [6, 7, 8, 9]
    admin.delete_topics([topic])[topic].result(timeout=20)
    scene.wait_until(lambda: topic not in admin.list_topics(timeout=5).topics, 20, "the topic to be gone")
    make_topic(admin, topic)  # Kafka forgets a group's offsets of a deleted topic.
    produce(scene, topic, (None, b"100"))
    assert [line["value"] for line in tail_lines(scene, topic, group)] == [100]


def delete_before(admin: AdminClient, topic: str, offset: int) -> None:
    [answer] = admin.delete_records([TopicPartition(topic, 0, offset)]).values()
    answer.result()
