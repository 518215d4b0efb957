"""Changes of rows: short, long, prepared, of one table or several, also of tables that others are changing."""

from .catalog import Table
from .hand import Abandoned, Hand
from .schema import PARTS

IDS = 40
LOCK_S = 3.0
LONG_S = 6.0
PREPARED_S = 8.0
VALUES = {  # SQL, by the beginning of the type's name.
    "int": "(random() * 100)::int", "bigint": "(random() * 1e12)::bigint", "text": "'text ' || random()", "char": "'some'",
    "numeric": "12.50", "boolean": "random() < 0.5", "date": "date '2026-01-01' + (random() * 300)::int",
    "drift.colour": "(enum_range(NULL::drift.colour))[1 + (random() * 0.99)::int]", "drift.amount": "7.25",
}
EMPTIED_ABOVE = 400  # Rows of a table without a key only become more.


def change_rows(hand: Hand) -> None:
    """One statement, which commits by itself."""
    change(hand, hand.choose())


def change_several(hand: Hand) -> None:
    """A transaction over tables, with a savepoint that may be rolled back, and which may be rolled back itself."""
    found = hand.tables()
    if not found:
        raise Abandoned
    with hand.transaction():
        for _ in range(hand.rng.randint(2, 6)):
            change(hand, hand.rng.choice(found))
        if hand.rng.random() < 0.3:
            hand.execute("SAVEPOINT s")
            change(hand, hand.rng.choice(found))
            if hand.rng.random() < 0.5:
                hand.execute("ROLLBACK TO s")
        if hand.rng.random() < 0.1:
            hand.execute("ROLLBACK")
            raise Abandoned


def lock(hand: Hand) -> None:
    """A lock that conflicts with everything, or with what the relay needs, for seconds."""
    mode = hand.rng.choice(["ACCESS EXCLUSIVE", "ACCESS EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE"])
    with hand.transaction():
        hand.execute(f"LOCK TABLE {hand.choose().qualified} IN {mode} MODE")
        hand.linger(LOCK_S)


def change_for_long(hand: Hand) -> None:
    """A transaction that stays open between its changes."""
    table = hand.choose()
    with hand.transaction():
        for _ in range(hand.rng.randint(1, 3)):
            change(hand, table)
            hand.linger(LONG_S / 3)


def change_prepared(hand: Hand) -> None:
    """A prepared transaction, left for a while."""
    table = hand.choose()
    name = f"drift_{hand.shared.number()}"
    hand.execute("BEGIN")
    change(hand, table)
    hand.execute(f"PREPARE TRANSACTION '{name}'")
    hand.linger(PREPARED_S)
    hand.execute(("COMMIT" if hand.rng.random() < 0.8 else "ROLLBACK") + f" PREPARED '{name}'")


def change(hand: Hand, table: Table) -> None:
    rng = hand.rng
    what = rng.choices(["insert", "insert many", "update", "move", "delete", "empty"], [30, 5, 35, 6, 18, 1])[0]
    name = table.qualified
    if what == "insert" or what == "insert many":
        count = 1 if what == "insert" else rng.randint(5, 30)
        insert(hand, table, count)
    elif what == "update":
        hand.execute(f"UPDATE {name} SET change = DEFAULT, note = %s{extra(hand, table)} WHERE id BETWEEN %s AND %s",
                     ["n" * rng.randint(0, 40), *between(hand)])
    elif what == "move":
        column = rng.choice([f"id = {rng.randint(1, IDS)}", f"part = {part(hand, table)}", "alt = nextval('drift.alt')"])
        hand.execute(f"UPDATE {name} SET {column}, change = DEFAULT WHERE id = %s", [rng.randint(1, IDS)])
    elif what == "delete":
        hand.execute(f"DELETE FROM {name} WHERE id BETWEEN %s AND %s", list(between(hand)))
    else:
        hand.execute(f"DELETE FROM {name} WHERE change <= (SELECT max(change) FROM {name}) - %s", [EMPTIED_ABOVE])


def insert(hand: Hand, table: Table, count: int) -> None:
    hand.execute(f"INSERT INTO {table.qualified} (id, part, note) SELECT (random() * {IDS})::int, {part(hand, table)}, %s "
                 f"FROM generate_series(1, %s) ON CONFLICT DO NOTHING", ["i" * hand.rng.randint(0, 40), count])


def extra(hand: Hand, table: Table) -> str:
    """Sets one of the columns that come and go."""
    columns = table.extra_columns()
    if not columns:
        return ""
    column, kind = hand.rng.choice(columns)
    return f", {column} = {next((value for start, value in VALUES.items() if kind.startswith(start)), 'NULL')}"


def part(hand: Hand, table: Table) -> int:
    """One that the table takes, nearly always."""
    return hand.rng.choice(table.parts if table.parts and hand.rng.random() < 0.97 else PARTS)


def between(hand: Hand) -> tuple[int, int]:
    first = hand.rng.randint(1, IDS)
    return first, first + hand.rng.choice([0, 0, 0, 3])


ACTIONS = {change_rows: 20, change_several: 8}
HOLDING_ACTIONS = {lock: 3, change_for_long: 1, change_prepared: 2}
