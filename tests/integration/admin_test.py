"""The admin endpoint: what the relay says of itself, who may ask and steer, and what bad clients can do to it."""

import json
import os
import random
import re
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
from harness import Scene
from harness.bad_clients import Attack, SilentClients, SlowClients, ask_raw
from harness.writer import Writer

from clients import Admin
from servers import Relay, binary, free_port

TABLE = "CREATE TABLE test (id int PRIMARY KEY, value text)"
INSERT = "INSERT INTO test VALUES ({n}, 'secret-value')"


@pytest.fixture
def relay(scene: Scene) -> Relay:
    scene.execute(TABLE)
    return scene.running_relay(stall_after="5s", admin=f"127.0.0.1:{free_port()}")


def socket_of(relay: Relay) -> Path:
    """It is there once the relay has its spool."""
    path = Path(relay.options["spool"]) / "admin.sock"
    deadline = time.monotonic() + 5
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return path


def by_socket(relay: Relay) -> Admin:
    return Admin(socket_of(relay).parent)


def by_tcp(relay: Relay) -> Admin:
    return Admin(relay.options["admin"])


def test_status_and_metrics_say_what_was_relayed(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test SELECT i, 'secret-value' FROM generate_series(1, 100) i")
    scene.settle()
    scene.wait_until(lambda: by_socket(relay).status()["publish"]["changes"] >= 101, 10, "the monitor's next look")
    for admin in (by_socket(relay), by_tcp(relay)):
        status = admin.status()
        assert (status["capture"]["state"], status["publish"]["state"]) == ("working", "working")
        assert status["source"]["database"] == scene.name and status["source"]["slot"] == scene.slot
        assert status["ready"] and status["reasons"] == []
        assert status["spool"]["backlog_changes"] == 0 and status["spool"]["room_bytes"] > 0
        tables = {table["table"]: table for table in status["publish"]["tables"]}
        assert tables["public.test"]["changes"] == 100 and tables["public.test"]["bytes"] > 100
        metrics = admin.metrics()
        assert metrics['bottledwater_table_changes_total{table="public.test"}'] == 100
        assert metrics["bottledwater_ready"] == 1
        # 100 rows in one transaction, and the marker's.
        assert metrics["bottledwater_commit_to_kafka_seconds_count"] == 2
        assert metrics["bottledwater_commit_to_spool_seconds_count"] == 2
        assert metrics["bottledwater_commit_to_kafka_seconds_sum"] < 60
        assert metrics["bottledwater_registry_request_seconds_count"] >= 1
        assert admin.get("/livez") == "alive\n"
        assert admin.readiness()[0]
        assert "<html" in admin.get("/")
        for path in ("/status", "/metrics", "/readyz", "/"):
            assert "secret-value" not in admin.get(path)


def test_an_outage_of_kafka_is_told_within_15_seconds_and_the_drain_after_it(scene: Scene, relay: Relay):
    admin = by_tcp(relay)
    with Writer(scene.url(), INSERT, per_second=500) as writer:
        writer.wait_for(500)
        scene.servers.kafka.kill9()
        went_away = time.time()
        scene.wait_until(lambda: not admin.readiness()[0], 15, "not to be ready")
        ready, answer = admin.readiness()
        assert "publish has not advanced" in answer["reasons"][0]
        away = [trouble["what"] for trouble in answer["publish"]["troubles"]]
        assert away and all("Kafka" in what and scene.servers.kafka.address in what for what in away), away
        assert answer["capture"]["state"] == "working"
        scene.wait_until(lambda: admin.readiness()[1]["seconds_until_spool_full"], 15 - (time.time() - went_away),
                         "how long the spool will last")
        assert admin.metrics()['bottledwater_trouble_seconds{side="publish"}'] >= 1
        status = admin.status()
        assert status["spool"]["backlog_changes"] > 100
        assert any("is away" in event["message"] for event in status["events"])
        scene.servers.kafka.restart()
        scene.wait_until(lambda: admin.readiness()[0], 60, "to be ready again")
    scene.settle()
    scene.wait_until(lambda: admin.status()["spool"]["backlog_changes"] == 0, 10, "the backlog to be drained")
    assert admin.status()["publish"]["troubles"] == []


@pytest.mark.parametrize("paused", [False, True], ids=["dead", "silent"])
def test_an_outage_that_begins_within_a_kafka_transaction_is_told(scene: Scene, relay: Relay, paused: bool):
    """The transaction waits a minute for its broker; nobody else may have to."""
    admin = by_socket(relay)
    rows = 400_000
    admin.request("POST", "/pause?side=publish")
    scene.execute(f"INSERT INTO test SELECT n, 'x' FROM generate_series(1, {rows}) n")
    scene.wait_until(lambda: admin.status()["spool"]["backlog_changes"] >= rows, 60, "the rows to be captured")
    admin.request("POST", "/resume?side=publish")
    scene.wait_until(lambda: admin.status()["publish"]["changes"] > 0, 30, "the first Kafka transaction")
    kafka = scene.servers.kafka
    kafka.pause() if paused else kafka.kill9()
    scene.wait_until(lambda: admin.status()["publish"]["troubles"], 15, "the outage")
    assert admin.status()["publish"]["state"] == "trouble"
    assert "Publishing to Kafka from" not in relay.log_text().partition("is away")[2], "a new session is no wait"
    kafka.resume() if paused else kafka.restart()
    scene.wait_until(lambda: not admin.status()["publish"]["troubles"], 60, "the end of the outage")
    scene.settle()


def test_capture_waiting_for_postgres_is_not_ready(scene: Scene, relay: Relay):
    admin = by_socket(relay)
    scene.connection.close()
    scene.servers.postgres.stop()
    try:
        scene.wait_until(lambda: not admin.readiness()[0], 20, "not to be ready")
        reasons = admin.readiness()[1]["reasons"]
        assert "capture has not advanced" in reasons[0] and "PostgreSQL" in reasons[0]
    finally:
        scene.servers.bring_back()
    scene.reconnect()
    scene.wait_until(lambda: admin.readiness()[0], 30, "to be ready again")


def test_a_relay_that_waits_for_its_first_postgres_is_shown_and_steered(scene: Scene):
    """Before its first start it has no spool yet."""
    scene.execute(TABLE)
    scene.connection.close()
    scene.servers.postgres.stop()
    try:
        relay = scene.relay()
        relay.start()
        admin = by_socket(relay)
        scene.wait_until(lambda: admin.status()["capture"]["troubles"], 10, "what it waits for")
        [trouble] = admin.status()["capture"]["troubles"]
        assert trouble["server"] == "PostgreSQL" and "is away, waiting for it: cannot connect" in trouble["what"]
        assert admin.get("/livez") == "alive\n"
        code, text = command(relay, "status")
        assert code == 0 and "PostgreSQL is away, waiting for it" in text and "none runs" not in text, text
        assert command(relay, "pause")[0] == 0
        status, answer = admin.request("POST", "/resnapshot")
        assert status == 503 and "has not completed its first snapshot" in answer, answer
        second = scene.relay()
        second.start()
        assert second.exit_code(20) == 73 and "in use by another relay" in second.log_text()
    finally:
        scene.servers.bring_back()
    scene.reconnect()
    time.sleep(2)
    assert not scene.slots(), "it is paused"
    assert command(relay, "resume")[0] == 0
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.settle()
    assert [key["id"] for _, key, _ in scene.changes("test")] == [1]


def test_a_relay_that_is_stopped_before_its_first_start_leaves_no_spool(scene: Scene):
    spool = scene.folder / "spool"
    for is_made_before in (False, True):
        relay = scene.relay(postgres=f"postgres://nobody@127.0.0.1:{free_port()}/gone")
        relay.start()
        assert socket_of(relay).exists()
        relay.stop()
        assert spool.exists() == is_made_before and (not is_made_before or not list(spool.iterdir()))
        spool.mkdir(exist_ok=True)


@pytest.mark.parametrize("side", ["capture", "publish"])
def test_a_side_can_be_paused_and_goes_on(scene: Scene, relay: Relay, side: str):
    admin = by_socket(relay)
    assert admin.request("POST", f"/pause?side={side}")[0] == 200
    scene.wait_until(lambda: admin.status()[side]["state"] == "paused", 10, "the pause")
    time.sleep(2)
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    with pytest.raises(AssertionError):
        scene.settle(timeout=4)
    scene.wait_until(lambda: not admin.readiness()[0], 20, "not to be ready")
    assert "paused by an operator" in admin.readiness()[1]["reasons"][0]
    assert admin.request("POST", f"/resume?side={side}")[0] == 200
    scene.settle()
    assert [key["id"] for _, key, _ in scene.changes("test")] == [1]


def test_a_paused_capture_goes_on_watching_its_slot(scene: Scene, relay: Relay):
    """Beyond max_slot_wal_keep_size it is a trouble, and never "no limit"."""
    admin = by_socket(relay)
    scene.wait_until(lambda: admin.status()["capture"]["wal_limit"] == "none", 20, "the first look at the slot")
    scene.execute("CHECKPOINT")  # The next one, which could give the slot up, is then far.
    scene.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
    scene.execute("SELECT pg_reload_conf()")
    try:
        assert "of WAL for the slot" in admin.request("POST", "/pause?side=capture")[1]
        scene.wait_until(lambda: admin.status()["capture"]["state"] == "paused", 10, "the session's end")
        for number in range(3):
            scene.execute(f"INSERT INTO test SELECT {number} * 40000 + i, repeat('x', 1000) FROM generate_series(1, 40000) i")
        scene.wait_until(lambda: (admin.status()["capture"]["retained_wal_bytes"] or 0) > 64 * 2**20, 20, "a look after that")
        capture = admin.status()["capture"]
        assert capture["safe_wal_bytes"] < 0 and capture["wal_limit"] == "set" and capture["lag_bytes"] > 64 * 2**20
        assert [(trouble["kind"], trouble["server"]) for trouble in capture["troubles"]] == [("at risk", "PostgreSQL")]
        assert "beyond the limit by" in command(relay, "status")[1]
        assert by_tcp(relay).metrics()["bottledwater_safe_wal_bytes"] < 0
    finally:
        scene.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        scene.execute("SELECT pg_reload_conf()")
    scene.wait_until(lambda: admin.status()["capture"]["wal_limit"] == "none", 20, "no limit")
    assert admin.request("POST", "/resume?side=capture")[0] == 200
    scene.settle()


def test_a_slot_that_is_lost_during_a_pause_is_told_as_that(scene: Scene, relay: Relay):
    admin = by_socket(relay)
    scene.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
    scene.execute("SELECT pg_reload_conf()")
    try:
        admin.request("POST", "/pause?side=capture")
        scene.wait_until(lambda: admin.status()["capture"]["state"] == "paused", 10, "the session's end")
        assert by_tcp(relay).metrics()["bottledwater_slot_lost"] == 0
        scene.execute("INSERT INTO test SELECT i, repeat('x', 1000) FROM generate_series(1, 80000) i")
        scene.execute("CHECKPOINT")
        scene.wait_until(lambda: admin.status()["capture"]["slot_status"] == "lost", 20, "a look after that")
    finally:
        scene.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        scene.execute("SELECT pg_reload_conf()")
    relay.wait_for_log(f'given up slot "{scene.slot}".* When capture is resumed, the relay ends with exit code 81')
    assert by_tcp(relay).metrics()["bottledwater_slot_lost"] == 1
    assert relay.log_text().count("given up slot") == 1
    assert "When capture is resumed, the relay ends with exit code 81" in command(relay, "pause", "capture")[1]
    code, text = command(relay, "resume", "capture")
    assert code == 0 and "given up the slot" in text and "Now the relay ends with exit code 81" in text, text
    # Which of the two depends on who comes first: its own look at the slot, or START_REPLICATION.
    assert relay.exit_code(30) == 81 and re.search(r"\[slot-(invalidated|unusable)\]", relay.log_text())


def test_what_is_said_of_postgres_fits_together_and_ends_when_it_is_away(scene: Scene, relay: Relay):
    admin = by_socket(relay)

    def lsn(name: str) -> int:
        high, low = capture[name].split("/")
        return int(high, 16) << 32 | int(low, 16)

    scene.settle()
    scene.wait_until(lambda: admin.status()["capture"]["state"] == "working", 10, "the session")
    for number in range(30):
        scene.execute(f"INSERT INTO test VALUES ({number}, 'x')")
        time.sleep(0.1)
        capture = admin.status()["capture"]
        assert lsn("captured_lsn") <= lsn("received_lsn") <= lsn("server_lsn"), capture
    assert any('position="server"' in name for name in by_tcp(relay).metrics())
    scene.connection.close()
    scene.servers.postgres.stop()
    try:
        scene.wait_until(lambda: admin.status()["capture"]["server_lsn"] is None, 12, "nothing to be known of the server")
        capture = admin.status()["capture"]
        assert [capture[name] for name in ("retained_wal_bytes", "wal_on_disk_bytes", "lag_bytes", "lag_seconds", "slot_status")] == [None] * 5
        assert lsn("captured_lsn") <= lsn("received_lsn")
        assert not any('position="server"' in name for name in by_tcp(relay).metrics())
    finally:
        scene.servers.bring_back()
    scene.reconnect()
    scene.wait_until(lambda: admin.status()["capture"]["server_lsn"], 30, "the server's end")
    scene.settle()


def test_what_kafka_refuses_is_not_an_outage(scene: Scene):
    scene.execute(TABLE)
    relay = scene.relay("--topic-config=replication=3")
    relay.start()
    relay.wait_for_log("Kafka.* refuses")
    admin = by_socket(relay)
    scene.wait_until(lambda: admin.status()["publish"]["troubles"], 10, "the trouble")
    [trouble] = admin.status()["publish"]["troubles"]
    assert trouble["kind"] == "refuses" and "replication" in trouble["remedy"], trouble
    assert "Kafka" in trouble["server"]
    time.sleep(10)
    assert "is away" not in relay.log_text() and relay.log_text().count("Creating topic ") == 1
    assert relay.log_text().count("Publishing to Kafka from") <= 1


def test_a_pause_of_publish_ends_what_is_said_of_kafka(scene: Scene, relay: Relay):
    admin = by_socket(relay)
    scene.settle()
    scene.servers.kafka.kill9()
    scene.execute("INSERT INTO test VALUES (1, 'so that publish needs Kafka')")
    scene.wait_until(lambda: admin.status()["publish"]["troubles"], 15, "the outage")
    admin.request("POST", "/pause?side=publish")
    scene.wait_until(lambda: not admin.status()["publish"]["troubles"], 30, "nothing to be said of Kafka")
    scene.servers.kafka.restart()
    admin.request("POST", "/resume?side=publish")
    scene.settle()


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
def test_an_outage_that_begins_while_publish_starts_is_told(scene: Scene, relay: Relay, after: float):
    time.sleep(after)
    scene.servers.kafka.kill9()
    scene.execute("INSERT INTO test VALUES (1, 'so that publish needs Kafka')")
    admin = by_socket(relay)
    scene.wait_until(lambda: admin.status()["publish"]["troubles"], 20, "the outage")
    scene.servers.kafka.restart()
    scene.settle()


def test_systemd_is_told_that_the_relay_is_ready_alive_and_stopping(scene: Scene, tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        relay = scene.relay(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        relay.start()
        told = [manager.recv(4096).decode() for _ in range(4)]
        assert "READY=1" in told
        assert any(one.startswith("WATCHDOG=1\nSTATUS=") for one in told)
        relay.wait_streaming()
        relay.stop()
        while told[-1] != "STOPPING=1":
            told.append(manager.recv(4096).decode())


def test_only_the_owner_or_the_token_steers(scene: Scene, tmp_path: Path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    relay = scene.running_relay(admin=f"127.0.0.1:{free_port()}", admin_token_file=str(token))
    admin = by_tcp(relay)
    assert admin.request("POST", "/pause")[0] == 401
    assert admin.request("POST", "/pause", {"Authorization": "Bearer s3creT"})[0] == 401
    refused = relay.wait_for_log(r"has refused POST /pause from 127\.0\.0\.1, Host .*: The Authorization header")
    assert admin.metrics()['bottledwater_admin_refused_total{status="401"}'] == 2
    assert admin.metrics()['bottledwater_admin_refused_total{status="421"}'] == 0
    assert relay.log_text().count("has refused") == 1 and "s3creT" not in relay.log_text(), refused
    assert admin.request("POST", "/pause", {"Authorization": "Bearer s3cret"})[0] == 200
    assert admin.request("POST", "/resume", {"Authorization": "Bearer s3cret"})[0] == 200
    assert admin.request("POST", "/pause?side=nothing", {"Authorization": "Bearer s3cret"})[0] == 400
    assert admin.request("DELETE", "/status")[0] == 405
    # What is mistyped does not pause both, nor read all tables again.
    for target in ("/pause?sid=capture", "/pause?side=", "/pause?side=capture&side=publish", "/pause?side=capture&x=1",
                   "/resnapshot?tabel=public.test", "/resnapshot?table=public.test&x=1", "/resnapshot?table="):
        assert admin.request("POST", target, {"Authorization": "Bearer s3cret"})[0] == 400, target
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nside=publish"
    answer = ask_raw(relay.options["admin"], b"POST /pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\n" + form)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert admin.status()["capture"]["state"] != "paused" and admin.status()["publish"]["state"] != "paused"
    assert admin.request("GET", "/nothing")[0] == 404
    file = socket_of(relay)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    relay.stop()
    assert not file.exists()
    relay = scene.running_relay(admin=f"127.0.0.1:{free_port()}")
    assert by_tcp(relay).request("POST", "/pause")[0] == 403
    assert by_tcp(relay).request("POST", "/pause", {"Bottledwater-From-Owner": ""})[0] == 403
    # A killed relay leaves its socket; the next one replaces it.
    relay.kill9()
    assert file.exists()
    relay.start()
    relay.wait_streaming()
    scene.wait_until(lambda: by_socket(relay).request("GET", "/livez")[0] == 200, 10, "the new socket")


def command(relay: Relay, *words: str) -> tuple[int, str]:
    done = subprocess.run([binary(), *words, f"--spool={relay.options['spool']}"], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_the_commands_show_and_steer(scene: Scene, relay: Relay):
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.settle()
    socket_of(relay)
    scene.wait_until(lambda: "public.test" in command(relay, "status")[1], 10, "the table")
    code, screen = command(relay, "status")
    assert code == 0 and re.search(r"PostgreSQL +working", screen) and re.search(r"Kafka +working", screen), screen
    assert "\x1b" not in screen
    code, text = command(relay, "status", "--json")
    assert json.loads(text)["source"]["slot"] == scene.slot
    assert command(relay, "pause", "publish") == (0, "paused publish\n")
    scene.wait_until(lambda: re.search(r"Kafka +paused", command(relay, "status")[1]), 10, "the pause")
    code, answer = command(relay, "resume")
    assert code == 0 and answer.startswith("resumed capture and publish; PostgreSQL retains "), answer
    assert command(relay, "pause", "both")[0] == 64
    relay.stop()
    code, text = command(relay, "status")
    assert code == 1 and "no relay runs on spool" in text


@pytest.mark.parametrize("host, code", [("localhost", 200), ("localhost:9187", 200), ("127.0.0.1", 200), ("[::1]:1", 200),
                                        ("rebound.example", 421), ("127.0.0.1.rebound.example:80", 421), ("", 421)])
def test_a_name_that_is_not_ours_is_refused(relay: Relay, host: str, code: int):
    assert by_tcp(relay).request("GET", "/status", {"Host": host})[0] == code


def test_names_that_are_listed_are_ours(scene: Scene):
    relay = scene.running_relay(admin=f"127.0.0.1:{free_port()}", admin_host="relay.example,bottledwater")
    for host, code in (("relay.example", 200), ("RELAY.example:443", 200), ("bottledwater:9187", 200), ("localhost", 200),
                       ("rebound.example", 421), ("x.relay.example", 421)):
        assert by_tcp(relay).request("GET", "/status", {"Host": host})[0] == code, host
    relay.stop()
    wrong = scene.relay(admin_host="relay.example:9187")
    assert wrong.run() == 64
    assert '--admin-host: "relay.example:9187" is not the name of a host' in wrong.log_text()


@pytest.mark.parametrize("address, complaint", [("nonsense", "is not HOST:PORT"), ("127.0.0.1:1", "cannot listen"), ("127.0.0.1:70000", "from 1 to 65535"),
                                                ("203.0.113.1:9187", "cannot listen")])
def test_an_address_that_cannot_be_used_is_named(scene: Scene, address: str, complaint: str):
    if address.endswith(":1") and os.geteuid() == 0:
        pytest.skip("root may listen anywhere")
    relay = scene.relay(admin=address)
    assert relay.run() == 64
    assert f"--admin: " in relay.log_text() and complaint in relay.log_text()


def latency(relay: Relay) -> tuple[float, float]:
    """From commits in PostgreSQL to their commit in Kafka so far: how many, and the sum of the seconds."""
    metrics = by_socket(relay).metrics()
    return metrics["bottledwater_commit_to_kafka_seconds_count"], metrics["bottledwater_commit_to_kafka_seconds_sum"]


def mean_latency(begin: tuple[float, float], end: tuple[float, float]) -> float:
    assert end[0] > begin[0], "nothing was published"
    return (end[1] - begin[1]) / (end[0] - begin[0])


def test_ten_thousand_bad_requests_and_slow_clients_have_no_effect_on_relaying(scene: Scene, relay: Relay):
    """What is written meanwhile comes exactly once, and nearly as soon as before."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    with Writer(scene.url(), INSERT, per_second=200) as writer:
        writer.wait_for(300)
        before = latency(relay)
        writer.wait_for(writer.written + 600)
        time.sleep(1)  # Until the monitor's next look.
        calm = latency(relay)
        slow = SlowClients(relay.options["admin"], 16)
        attack = Attack(relay.options["admin"], 10_000, seed)
        ended = attack.result(timeout=60)
        scene.wait_until(lambda: slow.served >= 16, 30, "slow requests to be ended")
        slow.close()
        time.sleep(1)
        after = latency(relay)
    scene.settle()
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, writer.written + 1))
    print(f"{ended}, {slow.served} slow clients, seconds to Kafka {mean_latency(before, calm):.3f}, then {mean_latency(calm, after):.3f}")
    answered = sum(count for end, count in ended.items() if end.isdigit())
    assert sum(ended.values()) == 10_000 and answered + ended["closed"] == 10_000, ended
    assert answered > 5_000, ended
    assert ended["202"] == 0 and not [end for end in ended if end.startswith("5")], ended
    # Beside attackers on the same two cores: a relay that waited for them would be seconds behind.
    assert mean_latency(calm, after) < 4 * mean_latency(before, calm) + 0.3
    assert peak_memory_kib(relay) < 400 * 1024


def test_a_thousand_connections_leave_the_relay_alone(scene: Scene, relay: Relay):
    address = relay.options["admin"]
    host, port = address.split(":")
    with Writer(scene.url(), INSERT, per_second=200) as writer:
        idle: list[socket.socket] = []
        for number in range(1_000):
            connection = socket.socket()
            connection.settimeout(0.2)
            try:
                connection.connect((host, int(port)))
                connection.sendall(b"GET /status HT"[:number % 14 + 1])
            except OSError:
                pass
            idle.append(connection)
        # The socket in the spool's directory is not in the way of TCP's clients.
        assert by_socket(relay).request("GET", "/livez")[0] == 200
        for connection in idle:
            connection.close()
        writer.wait_for(writer.written + 50)
    scene.wait_until(lambda: _answers(relay), 15, "TCP to answer again")
    scene.settle()
    assert [key["id"] for _, key, _ in scene.changes("test")] == list(range(1, writer.written + 1))
    assert peak_memory_kib(relay) < 400 * 1024


@pytest.mark.parametrize("count", [32, 200])
def test_connections_that_say_nothing_keep_nobody_out(relay: Relay, count: int):
    """A liveness probe that they kept out would have the relay restarted by a stranger."""
    for first in (b"", b"GET /livez HTTP/1.1\r\nHost: local"):
        assert_answers_beside(SilentClients(relay.options["admin"], count, first), by_tcp(relay))


def assert_answers_beside(silent: SilentClients, admin: Admin) -> None:
    slowest = 0.0
    try:
        for path in ["/livez", "/readyz"] * 4:
            began = time.monotonic()
            assert admin.request("GET", path)[0] == 200
            slowest = max(slowest, time.monotonic() - began)
    finally:
        silent.close()
    print(f"{silent.renewed} connections made way; the slowest answer took {slowest:.3f} s")
    assert slowest < 2 and silent.renewed > 0


def peak_memory_kib(relay: Relay) -> int:
    [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{relay.pid}/status").read_text())
    return int(peak)


def _answers(relay: Relay) -> bool:
    try:
        return by_tcp(relay).request("GET", "/livez")[0] == 200
    except OSError:
        return False


def test_the_documented_members_are_those_that_there_are(scene: Scene, relay: Relay):
    """docs/status.md lists each member of /status as `a.b`, docs/metrics.md each metric."""
    scene.execute("INSERT INTO test VALUES (1, 'x')")
    scene.settle()
    scene.wait_until(lambda: len(by_socket(relay).status()["publish"]["tables"]) == 2, 10, "both tables")
    docs = Path(__file__).resolve().parents[2] / "docs"
    listed = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", (docs / "status.md").read_text().partition("## When no relay runs")[0], re.M))

    def members(prefix: str, value: object) -> set[str]:
        if isinstance(value, dict):
            return set().union(*(members(f"{prefix}.{name}".lstrip("."), one) for name, one in value.items()))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return members(prefix + "[]", value[0])
        return {prefix}

    found = members("", by_socket(relay).status())
    listed = {re.sub(r"(held)\[\].*", r"\1", name) for name in listed}  # No table is held here: hold_test.py has the members.
    assert {re.sub(r"(troubles|failed_sessions)\b.*", r"\1", name) for name in found} == listed
    metrics = {re.sub(r"(\{.*|_bucket|_sum|_count)", "", name) for name in by_socket(relay).metrics()}
    documented = set(re.findall(r"^\| `((?:bottledwater|process)_[a-z_]+)` \|", (docs / "metrics.md").read_text(), re.M))
    assert metrics <= documented, metrics - documented
    assert {name for name in documented if name.startswith("process_")} <= metrics
