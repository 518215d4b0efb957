"""`bottledwater resnapshot`: the topics become what the tables are, tombstones included, wherever it is interrupted."""

import time
from collections import Counter

from harness import Scene
from harness.remedies import (change_behind_the_relays_back, every_message_is_there_once, halt_of, identity, messages_beyond,
                              nobody, published, remedies_noted, topics_are_right)
from harness.writer import Writer

USAGE, FOREIGN_SLOT = 64, 82


def test_resnapshot_makes_the_topics_what_the_tables_are(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    before = Counter(map(identity, scene.messages("items", "emptied", settle=False)))
    relay = scene.running_relay("resnapshot")
    topics_are_right(scene)
    new = messages_beyond(scene, before)
    assert [message.op for message in new["emptied"]] == ["d"] * 3
    # Tombstones first, for exactly the keys that are no more, and every row once.
    assert [message.op for message in new["items"]] == ["d"] * 3 + ["r"] * 8
    assert {message.key["id"] for message in new["items"][:3]} == {1, 2, 3}
    assert all(message.value is None for message in new["items"][:3])
    positions = [message.position for message in new["items"]]
    assert positions == sorted(positions) and len(set(positions)) == len(positions)
    assert "resnapshot" in remedies_noted(scene)
    # It was for once: a start without the command goes on where that relay was.
    relay.stop()
    everything = len(scene.messages("items", "emptied", settle=False))
    scene.running_relay()
    scene.execute("DELETE FROM items WHERE id = 4")
    topics_are_right(scene)
    assert len(scene.messages("items", "emptied")) == everything + 1


def test_resnapshot_while_kafka_is_away_is_remembered(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    relay = scene.running_relay("resnapshot", broker=nobody())
    scene.execute("INSERT INTO items VALUES (12, 'streamed')")
    relay.stop()
    scene.running_relay()
    topics_are_right(scene)
    assert scene.slots() == [scene.slot]


def test_resnapshot_that_is_killed_again_and_again_is_exact(scene: Scene):
    """Wherever it dies, the next start finishes it, and no key gets a second tombstone."""
    published(scene, rows=6000, transaction_max_messages=500).stop()
    scene.execute("DELETE FROM items WHERE id % 2 = 0")
    before = Counter(map(identity, scene.messages("items", settle=False)))
    relay = scene.relay("resnapshot", transaction_max_messages=200)
    relay.start()
    relay.wait_for_log("Looking in")
    for pause_s in 0.02, 0.05, 0.1, 0.2:
        time.sleep(pause_s)
        relay.kill9()
        relay = scene.relay(transaction_max_messages=200)
        relay.start()
        relay.wait_for_log("Publishing to Kafka from")
    topics_are_right(scene, "items")
    new = messages_beyond(scene, before, "items")["items"]
    assert Counter(message.op for message in new) == {"d": 3000, "r": 3000}
    assert len({message.headers["lsn"] for message in new}) == 6000


def test_resnapshot_takes_no_slot_that_is_somebody_elses(scene: Scene):
    scene.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [scene.slot])
    halt = halt_of(scene.relay("resnapshot"))
    assert (halt.code, halt.word) == (FOREIGN_SLOT, "slot-foreign")
    assert scene.slots() == [scene.slot]


def test_resnapshot_of_one_table_leaves_the_others_alone(scene: Scene):
    published(scene).stop()
    change_behind_the_relays_back(scene)
    before = Counter(map(identity, scene.messages("items", "emptied", settle=False)))
    relay = scene.running_relay("resnapshot", "public.emptied")
    scene.execute("INSERT INTO emptied VALUES (7, 'later')")
    topics_are_right(scene)
    every_message_is_there_once(scene)
    new = messages_beyond(scene, before)
    assert [message.op for message in new["emptied"]] == ["d"] * 3 + ["c"]
    assert [message.op for message in new["items"]] == ["d"] * 3 + ["u", "c"]  # Streamed, not read.
    assert "resnapshot public.emptied" in remedies_noted(scene)
    relay.stop()
    assert scene.slots() == [scene.slot]
    scene.running_relay()
    scene.execute("DELETE FROM emptied")
    topics_are_right(scene)
    every_message_is_there_once(scene)


def test_resnapshot_of_a_table_that_is_written_to_is_exact(scene: Scene):
    """Its rows stand between the changes that they hold already and those that they do not."""
    published(scene, rows=2000).stop()
    statement = ("INSERT INTO items VALUES (100000 + {n}, 'new'); UPDATE items SET text = '{n}' WHERE id <= 5; "
                 "DELETE FROM items WHERE id = 100000 + {n} - 30")
    with Writer(scene.url(), statement, per_second=200) as writer:
        writer.wait_for(50)
        relay = scene.relay("resnapshot", "items")
        relay.start()
        relay.wait_for_log("1 tables taken again")
        writer.wait_for(writer.written + 50)
    topics_are_right(scene)
    every_message_is_there_once(scene)
    messages = scene.messages("items", settle=False)
    assert Counter(message.op for message in messages)["r"] > 2 * 2000
    positions = [message.position for message in messages]
    assert positions == sorted(positions)


def test_resnapshot_of_a_table_that_is_not_captured(scene: Scene):
    published(scene).stop()
    relay = scene.relay("resnapshot", "public.itmes")
    assert relay.run() == USAGE
    assert "public.itmes" in relay.log_text()
    scene.running_relay()
    topics_are_right(scene)
