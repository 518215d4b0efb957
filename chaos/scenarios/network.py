"""The network between the relay and its servers, by proxies that cut, freeze, delay and half-open."""

import time

from servers import ServerError
from servers.relay import binary

from ..faults.certificates import KafkaCertificate, PostgresCertificate
from ..faults.late_request import END_TXN, PRODUCE
from ..faults.own_names import OwnNames
from ..scenario import scenario
from ..world import World

BROKERS = "kafka.bottledwater.test"
PROGRESS_S_MAX = 30
SAYS_SO = {"kafka": "Kafka.* away.*certificate", "postgres": "PostgreSQL.* away.*certificate"}
FENCED = {47, 90, 49}  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, INVALID_PRODUCER_ID_MAPPING.


@scenario("cut-kafka", faults="19", proxied=True)
def cut_kafka(world: World) -> None:
    """Connections to the broker are reset at random moments: EndTxn's answer is lost now and then."""
    cut_repeatedly(world, "kafka", 60)


@scenario("cut-postgres", faults="37", proxied=True)
def cut_postgres(world: World) -> None:
    """The replication connection is reset at random moments."""
    cut_repeatedly(world, "postgres", 60)


@scenario("refuse-kafka", faults="16, 19", proxied=True)
def refuse_kafka(world: World) -> None:
    """The broker runs, and cannot be reached for a while."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(6):
            time.sleep(world.rng.uniform(1, 3))
            world.proxies["kafka"][0].refuse()
            world.done["kafka unreachable"] += 1
            time.sleep(world.rng.uniform(1, 6))
            world.proxies["kafka"][0].heal()


@scenario("half-open", faults="37", proxied=True)
def half_open(world: World) -> None:
    """The servers' ends of all connections vanish and the relay's stay: noticed in time, and nothing is lost."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            time.sleep(2)
            name = ["postgres", "kafka"][number % 2]
            world.proxies[name][0].half_open()
            world.done[f"{name} half-open"] += 1
            begun = time.monotonic()
            world.scene.settle(150)  # Only new connections make progress.
            note_longest(world, f"{name}_half_open_s", begun)


@scenario("freeze", faults="37, 16", proxied=True)
def freeze(world: World) -> None:
    """A black hole: nothing passes to PostgreSQL or Kafka for a while, then all that was sent arrives after all."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(6):
            time.sleep(world.rng.uniform(1, 2))
            name = ["postgres", "kafka"][number % 2]
            world.proxies[name][0].freeze()
            world.done[f"{name} frozen"] += 1
            time.sleep(world.rng.uniform(2, 13))
            world.proxies[name][0].heal()


@scenario("slow-network", faults="10, 19", proxied=True)
def slow_network(world: World) -> None:
    """Everything takes 100 ms longer, with cuts between."""
    world.supervisor.start_relay()
    for proxy in world.proxies["postgres"] + world.proxies["kafka"]:
        proxy.delay_s = 0.05
    with world.load(per_second=20):
        for _ in world.times(8):
            time.sleep(world.rng.uniform(1, 3))
            world.rng.choice(world.proxies["postgres"] + world.proxies["kafka"]).cut()
            world.done["slow connection cut"] += 1


@scenario("tls", faults="33, 51", proxied=True, tls=True)
def tls(world: World) -> None:
    """Verified TLS everywhere, cut within records, with and without a reset, frozen; the servers' certificates expire."""
    world.supervisor.start_relay()
    world.scene.settle()  # From here on it does receive from its slot.
    assert world.scene.query("SELECT bool_and(ssl) FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)") == [(True,)]
    with world.load():
        for _ in world.times(40):
            time.sleep(world.rng.uniform(0.05, 1.5))
            name = world.rng.choice(["postgres", "kafka"])
            [proxy] = world.proxies[name]
            if world.rng.random() < 0.5:
                proxy.cut()
                world.done[f"{name} reset"] += 1
            else:
                proxy.break_off()
                world.done[f"{name} broken off"] += 1
        for name in ("postgres", "kafka"):
            [proxy] = world.proxies[name]
            proxy.freeze()
            time.sleep(world.rng.uniform(2, 13))
            proxy.heal()
            world.done[f"{name} frozen"] += 1
        let_certificates_expire(world)


def let_certificates_expire(world: World) -> None:
    """One after the other: the relay says so and waits. Without Kafka, capture goes on."""
    expired = world.authority.issue("expired", days=0)
    time.sleep(2)
    for name, certificate in (("kafka", KafkaCertificate(world.servers.kafka, world.authority)),
                              ("postgres", PostgresCertificate(world.servers.postgres, world.authority))):
        certificate.replace(expired, holds=False)
        try:
            world.proxies[name][0].cut()
            world.relay.wait_for_log(SAYS_SO[name], 90)  # A reason that is new in an outage is told a minute later.
            time.sleep(world.rng.uniform(2, 6))
            world.supervisor.require_relay()
            if name == "kafka":
                wait_for_capture(world)
        finally:
            certificate.replace(world.keystore, holds=True)
        world.done[f"certificate of {name} expired"] += 1
        world.scene.settle(30)


def wait_for_capture(world: World) -> None:
    [(written,)] = world.scene.query("SELECT pg_current_wal_lsn()")
    received = "SELECT 1 FROM pg_stat_replication WHERE write_lsn >= %s"
    world.scene.wait_until(lambda: world.scene.query(received, [written]), 30, "capture to go on")


@scenario("dns", faults="50", proxied=True, kafka_host=BROKERS)
def dns(world: World) -> None:
    """The brokers' name vanishes or leads nowhere, then to another address, again and again: progress in 30 s."""
    names = OwnNames(world.folder)
    names.set(BROKERS, "127.0.0.1")
    world.relay.use_program(names.program(binary()))
    world.supervisor.start_relay()
    [proxy] = world.proxies["kafka"]
    with world.load():
        for number in world.times(9):
            time.sleep(world.rng.uniform(1, 3))
            address = ["127.0.0.2", "127.0.0.1"][number % 2]
            if number % 3 == 2:
                world.done["name led nowhere"] += 1
            else:
                names.forget()
                world.done["name gone"] += 1
            proxy.move(address)
            if number % 3 == 1:
                world.supervisor.kill_relay(world.rng.uniform(0, 2))
                world.supervisor.start_relay()  # Streaming needs no Kafka.
            time.sleep(world.rng.uniform(1, 20))
            world.supervisor.require_relay()
            names.set(BROKERS, address)
            begun = time.monotonic()
            world.scene.settle(PROGRESS_S_MAX)
            note_longest(world, "progress_s", begun)


@scenario("late-endtxn", faults="19, 20", proxied=True)
def late_end_txn(world: World) -> None:
    """An EndTxn is lost, repeated by librdkafka, and arrives in the next transaction (KAFKA-17754): it must be fenced."""
    deliver_late(world, END_TXN, 40)
    unfenced = {code: count for code, count in world.late.answers.items() if code not in FENCED}
    world.figures["late EndTxn answered with"] = dict(world.late.answers)
    if 0 in unfenced:
        raise ServerError(f"{unfenced[0]} late EndTxn were accepted: they ended somebody's transaction")


@scenario("late-produce", faults="21", proxied=True)
def late_produce(world: World) -> None:
    """The same with Produce: the late one is not to join the next transaction."""
    deliver_late(world, PRODUCE, 40)


def note_longest(world: World, figure: str, begun: float) -> None:
    world.figures[figure] = max(world.figures.get(figure, 0), round(time.monotonic() - begun, 1))


def deliver_late(world: World, api_key: int, count: int) -> None:
    world.supervisor.start_relay()
    with world.load():
        time.sleep(2)
        for _ in world.times(count):
            world.late.take_next(api_key, world.rng.randint(1, 4))
            world.scene.wait_until(lambda: world.late.is_idle, 60, "the request that is to be late to pass, and to arrive")
            world.done["request delivered late"] += 1
            time.sleep(world.rng.uniform(0, 0.3))


def cut_repeatedly(world: World, name: str, count: int) -> None:
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(count):
            time.sleep(world.rng.uniform(0.05, 1.5))
            for proxy in world.proxies[name]:
                proxy.cut()
            world.done[f"{name} cut"] += 1
