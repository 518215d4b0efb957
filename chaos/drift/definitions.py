"""Changes of the tables themselves: what administrators and migrations do on ordinary days."""

from collections.abc import Callable
from dataclasses import replace

from .catalog import Table
from .hand import Abandoned, Hand
from .rows import PREPARED_S, insert
from .schema import COLUMNS, OTHER_SCHEMA, PARTS, TRUNCATE_TRIGGER, WITHOUT_ROW_TRIGGERS, triggers

TABLES_MAX = 14
TYPES = ["int", "bigint", "text", "varchar(20)", "varchar(40)", "numeric(8,2)", "numeric(10,2)", "boolean", "date",
         "drift.colour", "drift.amount"]
CHANGED_TYPES = [  # From, to, and what converts it; some rewrite the table, some do not.
    ("integer", "bigint", ""), ("integer", "text", ""), ("bigint", "text", ""), ("bigint", "numeric(20,2)", ""),
    ("text", "varchar(40)", "::varchar(40)"), ("text", 'text COLLATE "C"', ""),
    ("character varying(20)", "character varying(40)", ""),
    ("character varying(20)", "text", ""), ("character varying(40)", "text", ""), ("numeric(8,2)", "numeric(10,2)", ""),
    ("numeric(10,2)", "text", ""), ("boolean", "text", ""), ("date", "text", ""), ("drift.colour", "text", "::text"),
    ("drift.amount", "text", "::text"), ("drift.amount", "numeric(10,2)", ""),
]


def is_table(table: Table) -> bool:
    return not table.is_partition


def is_plain(table: Table) -> bool:
    return not table.is_partition and table.kind == "r"


# Tables come and go

def create(hand: Hand) -> None:
    """With one of the identities that there are, written at once, also in the same transaction."""
    if len(hand.tables()) >= TABLES_MAX:
        return drop(hand)
    make(hand, f"{hand.rng.choice(['public', 'public', OTHER_SCHEMA])}.d_{hand.shared.number()}")


def make(hand: Hand, name: str) -> None:
    key = hand.rng.choice(["PRIMARY KEY (id)", "PRIMARY KEY (id)", "PRIMARY KEY (alt)", ""])
    identity = hand.rng.choice(["", "", "", "FULL", "NOTHING"])
    columns = f"{COLUMNS}, {key}" if key else COLUMNS
    with hand.transaction():
        hand.execute(f"CREATE TABLE {name} ({columns}); {triggers(name)}")
        if identity:
            hand.execute(f"ALTER TABLE {name} REPLICA IDENTITY {identity}")
        if hand.rng.random() < 0.5:
            hand.execute(f"INSERT INTO {name} (id) SELECT generate_series(1, 5)")
    for _ in range(3):
        hand.execute(f"INSERT INTO {name} (id) VALUES (%s) ON CONFLICT DO NOTHING", [hand.rng.randint(1, 40)])
        hand.execute(f"UPDATE {name} SET change = DEFAULT WHERE id < 5")
        hand.execute(f"DELETE FROM {name} WHERE id = %s", [hand.rng.randint(1, 5)])


def drop(hand: Hand) -> None:
    hand.execute(f"DROP TABLE {hand.choose(is_table).qualified}")


def recreate(hand: Hand) -> None:
    """Another table gets the name, in the same transaction or a moment later."""
    name = hand.choose(is_table).qualified
    if hand.rng.random() < 0.5:
        hand.execute("BEGIN")
        hand.execute(f"DROP TABLE {name}; CREATE TABLE {name} ({COLUMNS}, PRIMARY KEY (id)); {triggers(name)}")
        hand.execute(f"INSERT INTO {name} (id) SELECT generate_series(1, 5)")
        hand.execute("COMMIT")
    else:
        hand.execute(f"DROP TABLE {name}")
        make(hand, name)


def rename(hand: Hand) -> None:
    table = hand.choose()
    name = f"d_{hand.shared.number()}"
    hand.execute(f"ALTER TABLE {table.qualified} RENAME TO {name}")
    hand.diary.renamed({table.name: name})


def rename_prepared(hand: Hand) -> None:
    """Nobody else can use the table until it is decided."""
    table = hand.choose(is_plain)
    name, transaction = f"d_{hand.shared.number()}", f"drift_{hand.shared.number()}"
    hand.execute("BEGIN")
    hand.execute(f"ALTER TABLE {table.qualified} RENAME TO {name}")
    insert(hand, replace(table, name=name), 2)
    hand.execute(f"PREPARE TRANSACTION '{transaction}'")
    hand.linger(PREPARED_S / 2)
    hand.execute(f"COMMIT PREPARED '{transaction}'")
    hand.diary.renamed({table.name: name})


def swap(hand: Hand) -> None:
    """Two tables exchange their names in one transaction, and may be written in it before and after."""
    one = hand.choose(is_plain)
    other = hand.choose(lambda table: is_plain(table) and table.schema == one.schema and table.oid != one.oid)
    with hand.transaction():
        if hand.rng.random() < 0.3:
            insert(hand, one, 2)
        hand.execute(f"ALTER TABLE {one.qualified} RENAME TO d_swapped")
        hand.execute(f"ALTER TABLE {other.qualified} RENAME TO {one.name}")
        hand.execute(f"ALTER TABLE {one.schema}.d_swapped RENAME TO {other.name}")
        if hand.rng.random() < 0.3:
            insert(hand, one, 2)
    hand.diary.renamed({one.name: other.name, other.name: one.name})


def move_to_schema(hand: Hand) -> None:
    table = hand.choose(is_plain)
    schema = "public" if table.schema == OTHER_SCHEMA else OTHER_SCHEMA
    hand.execute(f"ALTER TABLE {table.qualified} SET SCHEMA {schema}")


# Columns

def add_column(hand: Hand) -> None:
    kind = hand.rng.choice(TYPES)
    default = {"int": " DEFAULT 7", "text": " DEFAULT 'late'"}.get(kind, "") if hand.rng.random() < 0.5 else ""
    hand.execute(f"ALTER TABLE {hand.choose(is_table).qualified} ADD COLUMN x_{hand.shared.number()} {kind}{default}")


def with_column(hand: Hand) -> tuple[Table, str, str]:
    table = hand.choose(lambda table: is_table(table) and bool(table.extra_columns()))
    return table, *hand.rng.choice(table.extra_columns())


def drop_column(hand: Hand) -> None:
    table, column, _ = with_column(hand)
    hand.execute(f"ALTER TABLE {table.qualified} DROP COLUMN {column}")


def rename_column(hand: Hand) -> None:
    table, column, _ = with_column(hand)
    hand.execute(f"ALTER TABLE {table.qualified} RENAME COLUMN {column} TO x_{hand.shared.number()}")


def change_type(hand: Hand) -> None:
    table, column, kind = with_column(hand)
    changes = [(to, cast) for before, to, cast in CHANGED_TYPES if before == kind]
    if not changes:
        raise Abandoned
    to, cast = hand.rng.choice(changes)
    using = f" USING {column}{cast}" if cast else ""
    hand.execute(f"ALTER TABLE {table.qualified} ALTER COLUMN {column} DROP DEFAULT, "
                 f"ALTER COLUMN {column} TYPE {to}{using}")


def grow_enum(hand: Hand) -> None:
    hand.execute(f"ALTER TYPE drift.colour ADD VALUE 'colour {hand.shared.number()}' BEFORE 'green'")


def change_domain(hand: Hand) -> None:
    name = f"c_{hand.shared.number()}"
    hand.execute(f"ALTER DOMAIN drift.amount ADD CONSTRAINT {name} CHECK (VALUE < 1e6)")
    hand.execute(f"ALTER DOMAIN drift.amount DROP CONSTRAINT {name}")


# Identity

def may_lose(hand: Hand, table: Table, statement: str) -> None:
    """Runs a statement that takes a table's identity away, or may."""
    hand.diary.lost_identity(table.name, *table.partitions)
    try:
        hand.execute(statement)
    finally:
        hand.diary.lost_identity(table.name, *table.partitions)


def primary_key(hand: Hand, table: Table) -> str:
    """Of a partitioned table the key must have the column that it is partitioned by."""
    columns = hand.rng.choice(["id", "id", "alt"])
    return f"ADD CONSTRAINT k_{hand.shared.number()} PRIMARY KEY ({columns}{', part' if table.kind == 'p' else ''})"


def constraint(hand: Hand, table: Table) -> str:
    found = hand.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s AND contype = 'p'", [table.oid]).fetchone()
    if found is None:
        raise Abandoned
    return found[0]


def drop_key(hand: Hand) -> None:
    table = hand.choose(lambda table: is_table(table) and table.has_primary_key)
    may_lose(hand, table, f"ALTER TABLE {table.qualified} DROP CONSTRAINT {constraint(hand, table)}")


def add_key(hand: Hand) -> None:
    table = hand.choose(lambda table: is_table(table) and not table.has_primary_key)
    with hand.transaction():
        hand.execute(f"LOCK TABLE {table.qualified} IN ACCESS EXCLUSIVE MODE")
        hand.execute(f"DELETE FROM {table.qualified} a USING {table.qualified} b WHERE a.id = b.id AND a.change < b.change"
                     if table.has_identity or hand.rng.random() < 0.5 else f"TRUNCATE {table.qualified}")
        hand.execute(f"ALTER TABLE {table.qualified} {primary_key(hand, table)}")


def move_key(hand: Hand) -> None:
    table = hand.choose(lambda table: is_table(table) and table.has_primary_key)
    changed = f"DROP CONSTRAINT {constraint(hand, table)}, {primary_key(hand, table)}"
    may_lose(hand, table, f"ALTER TABLE {table.qualified} {changed}")


def set_identity(hand: Hand) -> None:
    table = hand.choose()
    kind = hand.rng.choice(["DEFAULT", "DEFAULT", "FULL", "FULL", "NOTHING", "USING INDEX"])
    if kind == "USING INDEX":
        index = f"i_{hand.shared.number()}"
        columns = "alt, part" if table.kind == "p" else "alt"
        hand.execute(f"CREATE UNIQUE INDEX {index} ON {table.qualified} ({columns})")
        kind = f"USING INDEX {index}"
    may_lose(hand, table, f"ALTER TABLE {table.qualified} REPLICA IDENTITY {kind}")


# Partitions

def create_partitioned(hand: Hand) -> None:
    if len(hand.tables()) >= TABLES_MAX:
        return drop(hand)
    name = f"public.d_{hand.shared.number()}"
    key = hand.rng.choice([", PRIMARY KEY (id, part)", ", PRIMARY KEY (id, part)", ""])
    with hand.transaction():
        hand.execute(f"CREATE TABLE {name} ({COLUMNS}{key}) PARTITION BY LIST (part); {triggers(name)}")
        for number in hand.rng.sample(PARTS, 3):
            leaf = f"public.d_{hand.shared.number()}"
            hand.execute(f"CREATE TABLE {leaf} PARTITION OF {name} FOR VALUES IN ({number}); "
                         f"{TRUNCATE_TRIGGER.format(table=leaf)}")
    for _ in range(4):
        hand.execute(f"INSERT INTO {name} (id, part) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                     [hand.rng.randint(1, 40), hand.rng.choice(PARTS)])
        hand.execute(f"UPDATE {name} SET change = DEFAULT WHERE id < 20")


def free(root: Table) -> list[int]:
    return [value for value in PARTS if value not in root.parts]


def attach(hand: Hand) -> None:
    """A table that was written on its own, with its own identity or the same, becomes a partition."""
    root = hand.choose(lambda table: table.kind == "p" and bool(free(table)))
    name = f"public.d_{hand.shared.number()}"
    identity = hand.rng.choice(["DEFAULT", "DEFAULT", "FULL", "NOTHING"])
    value = hand.rng.choice(free(root))
    with hand.transaction():
        hand.execute(f"CREATE TABLE {name} (LIKE {root.qualified} INCLUDING DEFAULTS INCLUDING INDEXES); "
                     f"{triggers(name)}")
    hand.execute(f"INSERT INTO {name} (id, part) SELECT 100 + n, {value} FROM generate_series(1, 5) n")
    hand.linger(2)
    may_lose(hand, root, f"""
        BEGIN; {WITHOUT_ROW_TRIGGERS.format(table=name)}
        ALTER TABLE {name} REPLICA IDENTITY {identity};
        ALTER TABLE {root.qualified} ATTACH PARTITION {name} FOR VALUES IN ({value}); COMMIT""")
    hand.diary.lost_identity(name)


def detach(hand: Hand) -> None:
    root = hand.choose(lambda table: bool(table.partitions))
    leaf = hand.rng.choice(root.partitions)
    trigger = triggers(leaf).replace(TRUNCATE_TRIGGER.format(table=leaf), "")
    hand.execute(f"BEGIN; ALTER TABLE {root.qualified} DETACH PARTITION {leaf}; {trigger} COMMIT")


# Rows of a whole table

def truncate(hand: Hand) -> None:
    hand.execute(f"TRUNCATE {hand.choose().qualified}")


def vacuum_full(hand: Hand) -> None:
    hand.execute(f"VACUUM FULL {hand.choose(is_plain).qualified}")


def index_concurrently(hand: Hand) -> None:
    """Waits for everybody who could still see rows without it."""
    table = hand.choose(is_plain)
    hand.execute(f"CREATE INDEX CONCURRENTLY ON {table.qualified} (change)")


def cluster(hand: Hand) -> None:
    table = hand.choose(lambda table: is_plain(table) and table.has_primary_key)
    hand.execute(f"CLUSTER {table.qualified} USING {constraint(hand, table)}")


# Publications

def take_out(hand: Hand) -> None:
    """Somebody alters the relay's own publication."""
    table = hand.choose(is_table)
    hand.execute(f'ALTER PUBLICATION "{hand.shared.slot}" DROP TABLE {table.qualified}')


def put_in(hand: Hand) -> None:
    table = hand.choose(is_table)
    may_lose(hand, table, f'ALTER PUBLICATION "{hand.shared.slot}" ADD TABLE {table.qualified}')


def other_publication(hand: Hand) -> None:
    """Somebody else's, of inserts alone: it refuses nobody anything."""
    hand.execute("DROP PUBLICATION IF EXISTS somebody_else")
    tables = "ALL TABLES" if hand.rng.random() < 0.5 else f"TABLE {hand.choose(is_table).qualified}"
    hand.execute(f"CREATE PUBLICATION somebody_else FOR {tables} WITH (publish = 'insert')")


# With their weights.
ACTIONS: dict[Callable[[Hand], None], int] = {
    create: 12, create_partitioned: 4, drop: 3, recreate: 3, rename: 4, swap: 4, move_to_schema: 2,
    add_column: 6, drop_column: 3, rename_column: 3, change_type: 5, grow_enum: 1, change_domain: 1,
    drop_key: 4, add_key: 4, move_key: 4, set_identity: 6,
    attach: 4, detach: 3,
    truncate: 2, vacuum_full: 3, cluster: 2, index_concurrently: 2,
    take_out: 2, put_in: 2, other_publication: 1,
}
