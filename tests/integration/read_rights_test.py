"""What the relay's role may not read is named with the statements that mend it, all of them at once."""

import re

import pytest
from harness import Scene, make_publications_for_role, make_role, role_url

MISSING_RIGHT = 69

# What keeps the role from reading table "t", and the statement that mends it, as a superuser.
REASONS = {
    "policy": ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", 'ALTER ROLE "?{role}"? BYPASSRLS;'),
    "right": ("REVOKE SELECT ON t FROM {role}", 'GRANT SELECT ON TABLE "?public"?."?t"? TO "?{role}"?;'),
    "schema": ("REVOKE USAGE ON SCHEMA public FROM PUBLIC, {role}", 'GRANT USAGE ON SCHEMA "?public"? TO "?{role}"?;'),
    "policy on the owner": ("ALTER TABLE t OWNER TO {role}; ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
                            'ALTER TABLE "?public"?."?t"? NO FORCE ROW LEVEL SECURITY;'),
}


def statement(scene: Scene, reason: str, text: str) -> str:
    found = re.search(REASONS[reason][1].format(role=scene.name), text)
    assert found, text
    return found.group()


def has_other_remedies(reason: str, text: str) -> bool:
    needed = {"right": "GRANT SELECT", "schema": "GRANT USAGE"}.get(reason, "BYPASSRLS")
    return any(remedy in text for remedy in {"GRANT SELECT", "GRANT USAGE", "BYPASSRLS"} - {needed})


@pytest.mark.parametrize("reason", REASONS)
def test_a_first_start_names_what_mends_it(scene: Scene, reason: str):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    scene.execute(REASONS[reason][0].format(role=scene.name))
    relay = scene.relay(postgres=role_url(scene))
    assert relay.run() == MISSING_RIGHT
    assert not has_other_remedies(reason, relay.log_text())
    scene.execute(statement(scene, reason, relay.log_text()))
    scene.running_relay(postgres=role_url(scene))
    assert [key["id"] for _, key, _ in scene.changes("t")] == [1]


def test_a_first_start_names_all_that_is_missing_at_once(scene: Scene):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    scene.execute(f"REVOKE SELECT ON t FROM {scene.name}; ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    relay = scene.relay(postgres=role_url(scene))
    assert relay.run() == MISSING_RIGHT
    for reason in "right", "policy":
        scene.execute(statement(scene, reason, relay.log_text()))
    scene.running_relay(postgres=role_url(scene))
    assert [key["id"] for _, key, _ in scene.changes("t")] == [1]


@pytest.mark.parametrize("reason", REASONS)
def test_a_table_that_has_to_be_read_again_is_once_that_is_mended(scene: Scene, reason: str):
    scene.execute("CREATE TABLE test (id int PRIMARY KEY)")
    make_role(scene, "REPLICATION")
    make_publications_for_role(scene)
    relay = scene.running_relay(postgres=role_url(scene))
    scene.execute("BEGIN; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE id = 1; "
                  f"{REASONS[reason][0].format(role=scene.name)}; ALTER PUBLICATION {scene.slot} ADD TABLE ONLY t; COMMIT")
    relay.wait_for_log(r"Table public\.t has to be read again, and the relay's role may not")
    assert not has_other_remedies(reason, relay.log_text())
    scene.execute(statement(scene, reason, relay.log_text()))
    scene.wait_until(lambda: ("r", 2) in [(op, key["id"]) for op, key, _ in scene.changes("t")], 60, "t to be read again")
