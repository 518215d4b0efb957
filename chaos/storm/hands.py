"""Who changes rows, and who changes columns. What others have altered meanwhile is abandoned; see ../drift/hand.py."""

from dataclasses import dataclass

from ..drift.hand import Abandoned, Hand
from .schema import KINDS, TABLES

IDS = 400
COLUMNS_MAX = 12
BATCH = 20  # Changes of one transaction.


@dataclass(frozen=True)
class Column:
    name: str
    type: str


def columns_of(hand: Hand, table: str) -> list[Column]:
    return [Column(*row) for row in hand.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(%s) "
        "AND attname ~ '^x_[0-9]+$' AND NOT attisdropped ORDER BY attnum", [table])]


def value(hand: Hand, type_name: str) -> str | None:
    return None if hand.rng.random() < 0.1 else KINDS[type_name].make(hand.rng)


# Rows

def change_rows(hand: Hand) -> None:
    """Several upserts and deletes in one transaction, with a savepoint that may be rolled back."""
    table = hand.rng.choice(TABLES)
    columns = columns_of(hand, table)
    with hand.transaction():
        for number in sorted(hand.rng.sample(range(1, IDS + 1), BATCH)):  # In one order: else they lock each other out.
            change(hand, table, number, columns)
        if hand.rng.random() < 0.2:
            hand.execute("SAVEPOINT s")
            change(hand, table, IDS + hand.rng.randint(1, IDS), columns)
            if hand.rng.random() < 0.5:
                hand.execute("ROLLBACK TO s")
        if hand.rng.random() < 0.05:
            hand.execute("ROLLBACK")
            raise Abandoned


def change(hand: Hand, table: str, number: int, columns: list[Column]) -> None:
    if hand.rng.random() < 0.1:
        hand.execute(f"DELETE FROM {table} WHERE id = %s", [number])
        return
    chosen = [column for column in columns if hand.rng.random() < 0.5]
    names = "".join(f", {column.name}" for column in chosen)
    marks = ", %s" * len(chosen)
    sets = "".join(f", {column.name} = EXCLUDED.{column.name}" for column in chosen)
    hand.execute(f"INSERT INTO {table} AS t (id{names}) VALUES (%s{marks}) ON CONFLICT (id) DO UPDATE "
                 f"SET change = nextval('storm.change'){sets}", [number, *(value(hand, column.type) for column in chosen)])


# Columns

def alter(hand: Hand) -> None:
    """One or two changes of a table in one transaction, with rows written between and after them."""
    table = hand.rng.choice(TABLES)
    with hand.transaction():
        for _ in range(hand.rng.choice((1, 1, 2))):
            alter_once(hand, table)
            if hand.rng.random() < 0.4:
                change(hand, table, hand.rng.randint(1, IDS), columns_of(hand, table))


def alter_once(hand: Hand, table: str) -> None:
    columns = columns_of(hand, table)
    what = hand.rng.choice(("add", "add", "type", "type", "type", "rename", "drop"))
    if not columns or what == "add" and len(columns) < COLUMNS_MAX:
        return add(hand, table)
    column = hand.rng.choice(columns)
    becomes = KINDS[column.type].becomes
    if what == "type" and becomes:
        wanted = hand.rng.choice(becomes)
        hand.execute(f"ALTER TABLE {table} ALTER {column.name} TYPE {wanted} USING {column.name}::text::{wanted}")
    elif what == "rename":
        hand.execute(f"ALTER TABLE {table} RENAME {column.name} TO x_{hand.shared.number()}")
    else:
        hand.execute(f"ALTER TABLE {table} DROP {column.name}")
    hand.diary.count(f"column: {what}")


def add(hand: Hand, table: str) -> None:
    type_name = hand.rng.choice(list(KINDS))
    default = ""
    if hand.rng.random() < 0.3:
        literal = KINDS[type_name].make(hand.rng).replace("'", "''")
        default = f" DEFAULT '{literal}'"
    # Without parameters: else psycopg looks for % in it.
    hand.execute(f"ALTER TABLE {table} ADD x_{hand.shared.number()} {type_name}{default}")
    hand.diary.count("column: add")


def grow_enum(hand: Hand) -> None:
    hand.execute(f"ALTER TYPE storm.mood ADD VALUE 'mood {hand.shared.number()}'")


ROWS = {change_rows: 1}
COLUMNS = {alter: 20, grow_enum: 1}
