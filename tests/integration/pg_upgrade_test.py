"""PostgreSQL is upgraded with pg_upgrade, as docs/howto.md says: to the relay it is another database, captured anew.

Old and new are of one version, Debian's, which pg_upgrade allows: what the relay sees is the same, a new cluster with the
old one's tables and publications, and without its slot.
"""

import pytest
from harness import WITHOUT_FSYNC, own_postgres, with_server_programs
from harness.remedies import change_behind_the_relays_back, halt_of, published, topics_are_right

from servers import PostgresServer, Servers

OTHER_DATABASE = 84


@with_server_programs
def test_after_pg_upgrade_the_topics_become_the_tables_again(servers: Servers, tmp_path, request: pytest.FixtureRequest):
    with own_postgres(servers, tmp_path, request) as own:
        scene = own.scene
        published(scene).stop()
        change_behind_the_relays_back(scene)
        scene.query("SELECT pg_drop_replication_slot(%s)", [scene.slot])
        scene.connection.close()
        new = PostgresServer(own.folder / "new", WITHOUT_FSYNC)
        try:
            new.upgrade_from(own.server)
            scene.servers.postgres = new
            scene.reconnect()
            assert len(scene.publications()) == 2
            halt = halt_of(scene.relay())
            assert (halt.code, halt.word) == (OTHER_DATABASE, "other-database")
            (tmp_path / "spool").rename(tmp_path / "spool.old")
            scene.running_relay("resnapshot")
            topics_are_right(scene)
            scene.relays[-1].stop()
            scene.running_relay()
            topics_are_right(scene)
        finally:
            new.stop()
