"""Brokers are killed, frozen and away, one of one and one of three."""

import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewPartitions,
                                   ResourcePatternType, ResourceType)

from servers import KafkaBroker
from servers.paths import KAFKA_VERSION, OLDER_KAFKA_VERSIONS

from ..scenario import scenario
from ..world import MIB, World

WAL_MAX_MIB = 16
OUTAGE_S = 60
TERMINATED = 143  # What Java says after SIGTERM, when all was shut down.


@scenario("kill-broker", faults="16, 18, 19")
def kill_broker(world: World) -> None:
    """The only broker is killed with -9 under load, between Produce and EndTxn too."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(10):
            time.sleep(world.rng.uniform(1, 4))
            world.supervisor.kill_and_restart("kafka", world.rng.uniform(0, 3))


@scenario("pause-broker", faults="16, 24", relay_options={"kafka_config": ["transaction.timeout.ms=10000"]})
def pause_broker(world: World) -> None:
    """The broker is frozen, also for longer than a transaction may last."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            time.sleep(world.rng.uniform(1, 3))
            world.supervisor.pause(world.servers.kafka, "kafka", 15 if number % 2 else 4)


@scenario("kafka-outage", faults="14, 16", relay_options={"max_wal_retained": f"{WAL_MAX_MIB}MiB"})
def kafka_outage(world: World) -> None:
    """Kafka is away under a steady load: WAL and memory stay bounded, everything comes once after its return."""
    world.supervisor.start_relay()
    world.insert_many(10)
    world.scene.settle()
    world.wal_bound = (WAL_MAX_MIB + 16) * MIB
    world.watcher.forget_wal()
    world.servers.kafka.stop()
    with world.load(per_second=500, workers=6):
        time.sleep(world.seconds(OUTAGE_S))
        world.servers.kafka.restart()
        time.sleep(5)
    world.done["kafka away"] += 1


@scenario("three-brokers", faults="17, 18, 27", brokers=3)
def three_brokers(world: World) -> None:
    """Of three brokers, the one that leads the checkpoint or the transactions is killed, and comes back, again and again."""
    world.supervisor.start_relay()
    with world.load():
        time.sleep(3)
        for number in world.times(9):
            topic = ["__transaction_state", world.scene.checkpoint_topic, world.scene.topic("account")][number % 3]
            broker = leader(world, topic)
            broker.kill9()
            world.done[f"leader of {topic.rsplit('.', 1)[-1]} killed"] += 1
            time.sleep(world.rng.uniform(5, 9))
            broker.restart()
            time.sleep(world.rng.uniform(3, 6))


@scenario("brokers-upgraded", faults="34", brokers=3, oldest_kafka=True)
def brokers_upgraded(world: World) -> None:
    """Three brokers are upgraded one by one under load, from Kafka 3.6 to 3.9 to 4.2, then the cluster's features."""
    kafka = world.servers.kafka
    before = kafka.features()
    world.supervisor.start_relay()
    with world.load():
        time.sleep(world.seconds(5))
        for version in [*OLDER_KAFKA_VERSIONS[1:], KAFKA_VERSION]:
            for broker in world.rng.sample(kafka.brokers, 3):
                broker.process.stop(timeout=60)
                assert broker.process.exit_code(0) == TERMINATED, f"{broker.process.name} did not stop in an orderly way"
                broker.use_version(version)
                time.sleep(world.rng.uniform(1, 5))
                broker.restart()
                world.done[f"broker upgraded to {version}"] += 1
                time.sleep(world.seconds(world.rng.uniform(3, 8)))
        kafka.finish_upgrade()
        time.sleep(world.seconds(5))
        for broker in world.rng.sample(kafka.brokers, 3):  # Whose new features are now in all that they wrote.
            broker.kill9()
            world.done["upgraded broker killed"] += 1
            time.sleep(world.rng.uniform(1, 5))
            broker.restart()
    after = kafka.features()
    world.figures["metadata.version"] = f"{before['metadata.version']} to {after['metadata.version']}"
    assert before["metadata.version"].startswith("3.6") and after["metadata.version"].startswith("4.2")


@scenario("too-few-replicas", faults="27", brokers=3)
def too_few_replicas(world: World) -> None:
    """Two of three brokers are killed at once: publishing waits, and nothing is lost."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(3):
            time.sleep(3)
            down = world.rng.sample(world.servers.kafka.brokers, 2)
            for broker in down:
                broker.kill9()
                world.done["two brokers killed"] += 1
            time.sleep(world.rng.uniform(3, 8))
            for broker in down:
                broker.start()
            for broker in down:
                broker.wait_ready()


@scenario("transactional-id-expired", faults="25",
          kafka_settings={"transactional.id.expiration.ms": "8000",
                          "transaction.remove.expired.transaction.cleanup.interval.ms": "2000"})
def transactional_id_expired(world: World) -> None:
    """The brokers forget an idle relay's transactional id: it runs on."""
    world.supervisor.start_relay()
    for _ in world.times(3):
        with world.load():
            time.sleep(3)
        time.sleep(14)
        world.done["idle beyond expiry"] += 1


@scenario("foreign-transaction", faults="31")
def foreign_transaction(world: World) -> None:
    """Somebody else's transaction stays open on the checkpoint's partition while the relay starts: no old checkpoint is believed."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            world.scene.settle()
            world.supervisor.kill_relay()
            other = Producer({"bootstrap.servers": world.servers.kafka.address, "transactional.id": f"other-{number}"})
            other.init_transactions(30)
            other.begin_transaction()
            other.produce(world.scene.checkpoint_topic, b"never committed", b"somebody else's")
            other.flush(30)
            world.supervisor.start_relay()
            time.sleep(world.rng.uniform(1, 6))
            other.abort_transaction(30)
            world.done["foreign transaction open"] += 1


@scenario("partitions-added", faults="29")
def partitions_added(world: World) -> None:
    """A topic gets more partitions under load: nothing is lost or repeated. (Its keys move: their order is not claimed.)"""
    world.unclaimed = {"order per key", "last value"}
    world.supervisor.start_relay()
    admin = AdminClient({"bootstrap.servers": world.servers.kafka.address})
    with world.load():
        for number in world.times(4):
            time.sleep(world.rng.uniform(1, 3))
            [done] = admin.create_partitions([NewPartitions(world.scene.topic("account"), 4 + number)]).values()
            done.result(30)
            world.done["partition added"] += 1
            time.sleep(world.rng.uniform(0, 2))
            world.supervisor.restart_killed_relay(world.rng.uniform(0, 1))


@scenario("acl-revoked", faults="33",
          kafka_settings={"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                          "allow.everyone.if.no.acl.found": "true"})
def acl_revoked(world: World) -> None:
    """The right to write a topic, or to use the transactional id, is taken away for a while: capture goes on, it waits."""
    world.supervisor.start_relay()
    admin = AdminClient({"bootstrap.servers": world.servers.kafka.address})
    resources = [(ResourceType.TOPIC, world.scene.topic("account")), (ResourceType.TOPIC, world.scene.checkpoint_topic),
                 (ResourceType.TRANSACTIONAL_ID, "bottledwater.")]
    with world.load():
        for number in world.times(6):
            time.sleep(2)
            kind, name = resources[number % 3]
            pattern = ResourcePatternType.PREFIXED if kind == ResourceType.TRANSACTIONAL_ID else ResourcePatternType.LITERAL
            denied = (kind, name, pattern, "User:ANONYMOUS", "*", AclOperation.WRITE, AclPermissionType.DENY)
            [made] = admin.create_acls([AclBinding(*denied)]).values()
            made.result(30)
            world.done[f"right to {kind.name.lower()} taken away"] += 1
            time.sleep(world.rng.uniform(3, 6))
            world.supervisor.require_relay()
            [gone] = admin.delete_acls([AclBindingFilter(*denied)]).values()
            assert gone.result(30), "the rule was not found"
            time.sleep(world.rng.uniform(1, 4))


def leader(world: World, topic: str) -> KafkaBroker:
    """The broker that leads a partition of the topic: of the transactions' log, one that is in use by chance."""
    consumer = Consumer({"bootstrap.servers": world.servers.kafka.address, "group.id": "chaos", "log_level": 0})
    try:
        known = consumer.list_topics(timeout=20)
        partitions = [one for one in known.topics[topic].partitions.values() if one.leader >= 0]
        address = known.brokers[world.rng.choice(partitions).leader].port
    finally:
        consumer.close()
    return next(broker for broker in world.servers.kafka.brokers if broker.port == address)
