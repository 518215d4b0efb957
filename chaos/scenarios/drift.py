"""What changes behind the relay on ordinary days: names, keys, partitions, publications, types, locks."""

import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from servers import ServerError

from ..checkers import drift_violations
from ..drift import definitions, rows
from ..drift.diary import Diary
from ..drift.evidence import DriftEvidence, KeyedTable, Logged, published
from ..drift.hand import Hand, Shared, at_work
from ..drift.lock_watcher import LockWatcher
from ..drift.schema import DEFINITIONS, SETUP, TRANSACTIONS
from ..scenario import scenario
from ..world import World

LONG_S = 300
SHORT_S = 40
HEALED_S = 60  # From the last change to a topic that holds what its table holds.
EXIT_USAGE = 64  # `resnapshot TABLE` of a table that has just been dropped.
WORLD = {
    "postgres_settings": {"max_prepared_transactions": "20"},
    # A table that loses its key writes null keys, which a compacted topic refuses.
    "relay_options": {"exclude_tables": ["drift.*"], "topic_config": ["partitions=3", "cleanup.policy=delete"]},
}


@scenario("drift", faults="54-60", **WORLD)
def drift(world: World) -> None:
    """Names, keys, partitions, publications, types and locks change under load for five minutes, with the relay killed."""
    run(world, world.seconds(LONG_S))


@scenario("drift-short", faults="54-60", **WORLD)
def drift_short(world: World) -> None:
    """The same for 40 seconds."""
    run(world, world.seconds(SHORT_S))


def run(world: World, seconds: float) -> None:
    world.scene.execute((SETUP + DEFINITIONS).format(publication=world.scene.slot))
    world.supervisor.start_relay()
    diary = Diary()
    found = []
    watcher = LockWatcher(world.scene.url())
    watcher.start()
    with world.load(per_second=5, workers=1), hands(world, diary):
        disturb(world, diary, seconds, found)
    watcher.stop()
    found += judge(world, diary, watcher)
    if found:
        raise ServerError("\n".join(found))


@contextmanager
def hands(world: World, diary: Diary) -> Iterator[None]:
    stopping = threading.Event()
    shared = Shared(world.scene.slot)

    def hand(name: str, actions: dict, pause_s: float) -> Hand:
        rng = random.Random(world.rng.randrange(1 << 32))
        return Hand(world.scene.url(), name, rng, diary, stopping, actions, pause_s, shared)

    everyone = [hand(f"rows {n}", rows.ACTIONS, 0.04) for n in range(4)]
    everyone += [hand(f"definitions {n}", definitions.ACTIONS, 0.15) for n in range(3)]
    everyone += [hand(f"holder {n}", {**rows.HOLDING_ACTIONS, definitions.rename_prepared: 1}, 1.0) for n in range(2)]
    with at_work(everyone, stopping):
        yield


def disturb(world: World, diary: Diary, seconds: float, found: list[str]) -> None:
    """The relay is killed, stopped for a while, and told to read tables again; otherwise it runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(world.rng.uniform(3, 10))
        if not world.relay.is_running():
            found.append(f"the relay ended by itself with {world.relay.exit_code(0)}:\n{world.relay.log_tail(8)}")
        with diary.without_relay():
            try:
                world.rng.choice([killed, killed, stopped, read_again])(world)
            except ServerError as error:
                found.append(str(error))
            start_again(world, found)


def start_again(world: World, found: list[str]) -> None:
    """What keeps it from starting is found once; the run goes on when another start succeeds."""
    for _ in range(3):
        if world.relay.is_running():
            return
        try:
            world.supervisor.start_relay()
        except ServerError as error:
            found.append(f"it does not start: {error}")
    raise ServerError("\n".join(found))


def killed(world: World) -> None:
    if world.relay.is_running():
        world.supervisor.kill_relay()
    time.sleep(world.rng.choice([0, 0, world.rng.uniform(0, 6)]))


def stopped(world: World) -> None:
    if world.relay.is_running():
        world.supervisor.terminate_relay()
    time.sleep(world.rng.uniform(0, 8))


def read_again(world: World) -> None:
    """`bottledwater resnapshot TABLE`, which then goes on as any other start; killed at last, as an operator does not."""
    world.relay.kill9()
    names = [name for name, in world.scene.query(
        "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE relname ~ '^d_[0-9]+$' "
        "AND relkind IN ('r', 'p') AND NOT relispartition")]
    if not names:
        return
    chosen = world.rng.sample(names, min(len(names), world.rng.randint(1, 3)))
    relay = world.scene.relay("resnapshot", *chosen, **world.relay.options)
    relay.start()
    deadline = time.monotonic() + 60
    while relay.is_running() and "tables taken again" not in relay.log_text():
        if time.monotonic() > deadline:
            raise ServerError(f"resnapshot takes longer than a minute:\n{relay.log_tail()}")
        time.sleep(0.05)
    world.done["tables read again" if relay.is_running() else "tables gone before they were read again"] += 1
    if not relay.is_running() and relay.exit_code(0) != EXIT_USAGE:
        raise ServerError(f"resnapshot ended with {relay.exit_code(0)}:\n{relay.log_tail(8)}")
    relay.kill9()


EXPECTED = ("none of the captured tables is",  # Dropped before `resnapshot TABLE` came to it.
            "has no value for key column")  # A partition with another identity than its root's: said loudly, read again.
COMPLAINT = re.compile(r"^\S+ (error|critical) +(.*)$", re.MULTILINE)


def complaints(world: World) -> list[str]:
    """Errors in the logs of all relays, with how often each was said."""
    said = Counter(re.sub(r"\d+", "N", line) for relay in world.scene.relays if relay.log.exists()
                   for _, line in COMPLAINT.findall(relay.log.read_text(errors="replace"))
                   if not any(text in line for text in EXPECTED))
    return [f"{count}x {line[:300]}" for line, count in said.most_common()]


# The judgement

def judge(world: World, diary: Diary, watcher: LockWatcher) -> list[str]:
    for name, in world.scene.query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
        world.scene.execute(f"ROLLBACK PREPARED '{name}'")
    deadline = time.monotonic() + HEALED_S
    while True:
        world.settle()
        evidence = gather(world, diary, watcher)
        found = drift_violations(evidence)
        if not found or time.monotonic() > deadline:
            break
        time.sleep(2)
    report(world, diary, watcher, evidence)
    return found + [f"the relay's log: {line}" for line in complaints(world)]


def report(world: World, diary: Diary, watcher: LockWatcher, evidence: DriftEvidence) -> None:
    figures = world.figures
    figures["actions"] = diary.statements.total()
    figures["logged changes"] = len(evidence.log)
    figures["their messages"] = len(evidence.messages)
    figures["tables at the end"] = len(evidence.tables)
    figures["looks at locks"] = f"{watcher.looks} ({watcher.late_looks} late)"
    figures["waits for the relay"] = len(watcher.waits)
    figures["longest ms"] = round(max((wait.seconds for wait in watcher.waits), default=0) * 1000)
    figures.update(evidence.counted)
    print("    actions:", ", ".join(f"{name} {count}" for name, count in diary.statements.most_common()))
    codes = Counter(failure.code for failure in diary.failures)
    print("    refused:", ", ".join(f"{code} {count}" for code, count in codes.most_common()))


LOG = """
SELECT seq, xid, op, leaf::bigint, root::bigint, tbl, key_columns, identity, leaf_gives_key, joined, old, new FROM drift.log
"""
KEYED = """
SELECT c.oid::bigint, c.relnamespace::regnamespace || '.' || c.relname, drift.identity_columns(c.oid, c.relreplident)
  FROM pg_class c WHERE c.relname ~ '^d_[0-9]+$' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND drift.identity_columns(c.oid, c.relreplident) <> '{}' AND NOT EXISTS (
     SELECT FROM pg_inherits i JOIN pg_class l ON l.oid = i.inhrelid WHERE i.inhparent = c.oid AND l.relreplident <> 'f'
        AND NOT drift.identity_columns(c.oid, c.relreplident) <@ drift.identity_columns(l.oid, l.relreplident))
"""
ROWS = "SELECT (SELECT jsonb_object_agg(k, v) FROM jsonb_each_text(to_jsonb(t)) e(k, v)) FROM {} t"


def gather(world: World, diary: Diary, watcher: LockWatcher) -> DriftEvidence:
    scene = world.scene
    log = [Logged(*row[:6], tuple(row[6]), *row[7:]) for row in scene.query(LOG)]
    tables = [KeyedTable(oid, name, tuple(keys), tuple(row for row, in scene.query(ROWS.format(name))))
              for oid, name, keys in scene.query(KEYED)]
    keys, identities, names = defaultdict(set), defaultdict(set), defaultdict(set)
    for oid, name, key, identity in scene.query("SELECT * FROM drift.forms"):
        keys[oid].add(tuple(key))
        identities[oid].add(tuple(identity))
        names[oid].add(name)
    members = [(seq, xid, set(roots)) for seq, xid, roots in scene.query("SELECT seq, xid, roots FROM drift.members")]
    there = {oid for oid, in scene.query("SELECT oid::bigint FROM pg_class WHERE relkind IN ('r', 'p')")}
    topics = [name for name in scene.topics() if name.rsplit(".", 1)[-1].startswith("d_")]
    messages = scene.messages(*topics, TRANSACTIONS, settle=False, timeout=120)
    found = [published(message, scene.topic("")) for message in messages]
    return DriftEvidence(log, [one for one in found if one.topic != TRANSACTIONS],
                         [one for one in found if one.topic == TRANSACTIONS], tables, diary, watcher.waits,
                         keys, identities, names, members, there, watcher.relay_pids)
