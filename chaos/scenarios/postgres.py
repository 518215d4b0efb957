"""PostgreSQL and its walsender are killed, frozen and cut off in the middle of everything."""

import time

from servers import ServerError

from ..scenario import scenario
from ..workload import Workload
from ..world import World


@scenario("kill-postgres", faults="35")
def kill_postgres(world: World) -> None:
    """PostgreSQL is killed with -9 under load: COMMITs in doubt, transactions sent again."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(25):
            time.sleep(world.rng.uniform(0.5, 2))
            world.supervisor.kill_and_restart("postgres", world.rng.uniform(0, 1))


@scenario("pause-postgres", faults="37")
def pause_postgres(world: World) -> None:
    """PostgreSQL is frozen beyond twice its timeout and wakes up again."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            time.sleep(world.rng.uniform(0.5, 2))
            world.supervisor.pause(world.servers.postgres, "postgres", 13 if number % 2 else 3)


@scenario("walsender-terminate", faults="36")
def walsender_terminate(world: World) -> None:
    """An administrator ends the walsender every two seconds, and still there is progress."""
    world.supervisor.start_relay()
    with world.load():
        for _ in world.times(30):
            time.sleep(2)
            world.supervisor.terminate_walsender()


@scenario("password-rotated", faults="33")
def password_rotated(world: World) -> None:
    """The role gets another password, or may not replicate, and the walsender ends: it waits until that is mended."""
    world.scene.execute("CREATE ROLE chaos LOGIN SUPERUSER PASSWORD 'first'")
    world.relay.environment["BOTTLEDWATER_POSTGRES"] = world.servers.postgres.url(
        world.scene.url().rsplit("/", 1)[1], "chaos", "first")
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(4):
            time.sleep(2)
            world.scene.execute("ALTER ROLE chaos NOSUPERUSER" if number % 2 else "ALTER ROLE chaos PASSWORD 'second'")
            world.supervisor.terminate_walsender()
            world.done["right revoked" if number % 2 else "password rotated"] += 1
            time.sleep(world.rng.uniform(3, 8))
            world.supervisor.require_relay()
            world.scene.execute("ALTER ROLE chaos SUPERUSER PASSWORD 'first'")
            time.sleep(3)


@scenario("large-transactions", faults="42, 43")
def large_transactions(world: World) -> None:
    """Transactions of 200,000 rows and of thousands of savepoints beside twenty small writers, with kills between."""
    world.supervisor.start_relay()
    with world.load(per_second=100, workers=20):
        for _ in world.times(3):
            world.insert_many(200_000)
            world.scene.execute(SAVEPOINTS)
            world.supervisor.restart_killed_relay(world.rng.uniform(0, 2))


# Each block is a subtransaction; every other one is rolled back.
SAVEPOINTS = """
DO $$ BEGIN
  FOR i IN 1..5000 LOOP
    BEGIN
      INSERT INTO event VALUES (98);
      IF i % 2 = 0 THEN RAISE EXCEPTION 'back'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$
"""


@scenario("schema-changes", faults="45")
def schema_changes(world: World) -> None:
    """Columns come and go, tables appear, TRUNCATE happens, under load and across kills."""
    world.supervisor.start_relay()
    with world.load():
        for number in world.times(8):
            world.scene.execute(f"ALTER TABLE item ADD COLUMN extra_{number} int")
            world.new_table()
            time.sleep(world.rng.uniform(0.2, 1))
            world.scene.execute("CREATE TABLE IF NOT EXISTS scratch (id int PRIMARY KEY); TRUNCATE scratch")
            world.supervisor.restart_killed_relay(world.rng.uniform(0, 1))
            world.done["schema changed"] += 1


@scenario("table-added", faults="46", relay_options={"publication": "operators"})
def table_added(world: World) -> None:
    """The operator's publication gets tables on which transactions are open; `resnapshot TABLE` leaves no hole in them."""
    world.scene.execute("CREATE PUBLICATION operators FOR TABLE account, item, event, ledger, bw_marker")
    world.supervisor.start_relay()
    across = 0
    with world.load():
        for _ in world.times(6):
            table = world.new_table()
            with world.held_transactions(table) as held:
                wait_for_transactions(held, 20)
                if world.rng.random() < 0.5:
                    stop_relay(world)
                open_before = writers(world, table)
                world.scene.execute(f"ALTER PUBLICATION operators ADD TABLE {table}")
                across += len(open_before & writers(world, table))
                world.done["table added"] += 1
                if world.relay.is_running():
                    time.sleep(world.rng.uniform(0, 1))
                    stop_relay(world)
                take_again(world, table)
                world.supervisor.start_relay()
                wait_for_transactions(held, 20)
                world.supervisor.restart_killed_relay(world.rng.uniform(0, 1))
    world.figures["transactions open across the change"] = across
    if not across:
        raise ServerError("no transaction was open on a table when it was added")


def writers(world: World, table: str) -> set[str]:
    """Transactions that have changed the table and are open."""
    return {transaction for transaction, in world.scene.query(
        "SELECT virtualtransaction FROM pg_locks WHERE relation = %s::regclass AND mode = 'RowExclusiveLock'", [table])}


def stop_relay(world: World) -> None:
    if world.rng.random() < 0.5:
        world.supervisor.kill_relay()
    else:
        world.supervisor.terminate_relay()


def take_again(world: World, table: str) -> None:
    """As docs/operations.md says: the relay is stopped, and started once with the command."""
    relay = world.scene.relay("resnapshot", f"public.{table}", **world.relay.options)
    relay.start()
    relay.wait_for_log("1 tables taken again", 60)
    world.taken_again.add(table)
    time.sleep(world.rng.uniform(0, 1))
    if not relay.is_running():
        raise ServerError(f"the relay ended by itself:\n{relay.log_tail()}")
    relay.kill9()


def wait_for_transactions(held: Workload, count: int) -> None:
    wanted = held.transactions + count
    deadline = time.monotonic() + 60
    while held.transactions < wanted:
        if time.monotonic() > deadline:
            raise ServerError("the held transactions do not commit")
        time.sleep(0.05)
