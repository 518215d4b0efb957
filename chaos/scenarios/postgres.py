"""PostgreSQL and its walsender are killed, frozen and cut off in the middle of everything."""

import time

from ..scenario import scenario
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
