"""docs/how_to/move_from_the_original.md, step by step, with the page's own commands.

The original's extension cannot be built for the servers that the tests have: a slot of another plugin stands for its slot, and
rows written before the move for what it had published.
"""

from collections.abc import Iterator

import pytest
from harness import since
from harness.documents import Block, blocks
from harness.reader_of_documents import ReaderOfDocuments

from servers import Servers

PAGE = "docs/how_to/move_from_the_original.md"
BESIDE, DROP, PRINT_SQL, MAKE_SLOT, ADOPT, COPY_SLOT = blocks(PAGE)
STREAMS = "(?i)streaming changes from"


@pytest.fixture
def someone(servers: Servers) -> Iterator[ReaderOfDocuments]:
    reader = ReaderOfDocuments(servers)
    reader.scene.query("SELECT pg_create_logical_replication_slot('bottledwater', 'test_decoding')")
    yield reader
    reader.ends_what_runs()
    reader.scene.execute("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'bottledwater') THEN "
                         "DROP OWNED BY bottledwater CASCADE; DROP ROLE bottledwater; END IF; END $$")
    reader.close()


def command(block: Block, *options: str) -> str:
    [text] = block.commands()
    return " ".join((text.replace("\\\n", ""), *options))


def types(someone: ReaderOfDocuments, block: Block, *options: str) -> str:
    """A command that ends."""
    code, written = someone.does(command(block, *options))
    assert code == 0, written
    return written


def relays(someone: ReaderOfDocuments, text: str) -> None:
    """One that stays."""
    someone.does(text, until=STREAMS, stays=True)


def seen(someone: ReaderOfDocuments, newest: int) -> list[tuple[str, int]]:
    """Once this one is there."""
    scene = someone.scene

    def there() -> list[tuple[str, int]]:
        messages = scene.messages("orders", settle=False) if scene.topic("orders") in scene.reader.topics() else []
        return [(message.op, message.key["id"]) for message in messages]
    scene.wait_until(lambda: newest in [number for _, number in there()], 60, f"order {newest} in its topic")
    return there()


def test_beside_the_original_with_new_topics(someone: ReaderOfDocuments):
    relays(someone, command(BESIDE).replace("--topic-prefix=shop", f"--topic-prefix={someone.scene.prefix}"))
    someone.runs_sql(DROP.text)
    someone.scene.execute("INSERT INTO orders VALUES (3, 30)")
    assert seen(someone, 3) == [("r", 1), ("r", 2), ("c", 3)]
    assert someone.scene.slots() == ["relay"]


def test_in_the_same_topics_while_nobody_writes(someone: ReaderOfDocuments):
    someone.runs_sql(DROP.text)
    someone.runs_sql(types(someone, PRINT_SQL))
    someone.runs_sql(MAKE_SLOT.text)
    relays(someone, command(ADOPT))
    someone.scene.execute("INSERT INTO orders VALUES (3, 30)")
    assert seen(someone, 3) == [("c", 3)], "neither a snapshot, nor a gap"


@since(12, "no slot can be copied")
def test_from_a_fork_on_a_newer_server_while_applications_write(someone: ReaderOfDocuments):
    scene = someone.scene
    someone.runs_sql(types(someone, PRINT_SQL, "--slot=relay"))
    scene.execute("INSERT INTO orders VALUES (3, 30)")
    [published] = scene.query("SELECT pg_current_wal_insert_lsn()")
    scene.query("SELECT pg_replication_slot_advance('bottledwater', %s)", [*published])  # As the original confirms.
    scene.execute("INSERT INTO orders VALUES (4, 40)")
    someone.runs_sql(COPY_SLOT.text)
    scene.execute("INSERT INTO orders VALUES (5, 50)")
    relays(someone, command(ADOPT, "--slot=relay"))
    assert seen(someone, 5) == [("c", 4), ("c", 5)]
    assert sorted(scene.slots()) == ["bottledwater", "relay"]
