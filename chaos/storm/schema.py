"""The storm's tables, the log that triggers keep of each row as PostgreSQL prints it, and what its columns may be.

Every table has `id`, its key, and `change`, which has a number of its own for every change: so a row's version is known by it.
All other columns (x_<number>) come, change their type and name, and go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from harness import type_values as v

LOG_SCHEMA = "storm"  # Left out of the capture: --exclude-tables=storm.*
TABLES = tuple(f"s_{number}" for number in range(6))
FIRST_ROWS = 50  # Of each table, for the snapshot.

# Columns as [name, type, text], with the settings that our sessions have; of a deleted row only its key.
SETUP = """
CREATE SCHEMA storm;
CREATE SEQUENCE storm.change;
CREATE TYPE storm.mood AS ENUM ('sad', 'so "so"', 'häppy');
CREATE DOMAIN storm.price AS numeric(10,2);
CREATE DOMAIN storm.days AS int[];
CREATE TABLE storm.log (seq bigserial PRIMARY KEY, tbl text NOT NULL, id bigint NOT NULL, change bigint, row jsonb);

CREATE FUNCTION storm.keep_log() RETURNS trigger LANGUAGE plpgsql SET datestyle = 'ISO' SET intervalstyle = 'iso_8601'
  SET timezone = 'UTC' SET bytea_output = 'hex' SET extra_float_digits = 3 AS $$
DECLARE
  found jsonb;
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO storm.log (tbl, id) VALUES (TG_TABLE_NAME, OLD.id);
    RETURN NULL;
  END IF;
  EXECUTE (SELECT format('SELECT jsonb_build_array(%s)', string_agg(format('jsonb_build_array(%L, %L, ($1).%I::text)',
             attname, format_type(atttypid, atttypmod), attname), ', '))
             FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped)
     INTO found USING NEW;
  INSERT INTO storm.log (tbl, id, change, row) VALUES (TG_TABLE_NAME, NEW.id, NEW.change, found);
  RETURN NULL;
END $$;
"""
TABLE = """
CREATE TABLE {name} (id bigint PRIMARY KEY, change bigint NOT NULL DEFAULT nextval('storm.change'));
CREATE TRIGGER storm_log AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION storm.keep_log();
"""

Make = Callable[[Random], str]


@dataclass(frozen=True)
class Kind:
    """A type: how to make a value, and what a column of it may be altered to."""

    make: Make
    becomes: tuple[str, ...] = ()


def or_special(make: Make, *specials: str) -> Make:
    return lambda random: random.choice(specials) if random.random() < 0.1 else make(random)


def array_of(make: Make) -> Make:
    """Now and then of two dimensions, or with another lower bound: what an Avro array cannot be."""
    def value(random: Random) -> str:
        elements = [None if random.random() < 0.1 else make(random) for _ in range(random.randint(0, 4))]
        plain = v.array_literal(elements)
        if not elements or random.random() < 0.9:
            return plain
        return random.choice((f"[0:{len(elements) - 1}]={plain}", f"{{{plain},{plain}}}"))
    return value


INT = v.whole(-2 ** 31, 2 ** 31 - 1)
MONEY = or_special(v.decimal(10, 2), "NaN", "0.00", "-99999999.99")
KINDS = {
    "boolean": Kind(v.one_of("t", "f"), ("text",)),
    "smallint": Kind(v.whole(-2 ** 15, 2 ** 15 - 1), ("integer", "numeric(10,2)")),
    "integer": Kind(INT, ("bigint", "text", "numeric(12,4)", "numeric")),
    "bigint": Kind(v.whole(-2 ** 63, 2 ** 63 - 1), ("numeric(30,10)", "text")),
    "real": Kind(v.real(6, 30), ("double precision",)),
    "double precision": Kind(v.double, ("text",)),
    "numeric(10,2)": Kind(MONEY, ("numeric(12,4)", "numeric(12,2)", "numeric", "text", "storm.price")),
    "numeric(12,2)": Kind(or_special(v.decimal(12, 2), "NaN"), ("numeric(30,10)",)),
    "numeric(12,4)": Kind(or_special(v.decimal(12, 4), "NaN"), ("numeric(30,10)", "numeric(10,2)")),
    "numeric(30,10)": Kind(or_special(v.decimal(30, 10), "NaN"), ("numeric",)),
    "numeric": Kind(or_special(v.number, "NaN"), ("text",)),
    "text": Kind(v.text, ("character varying(40)",)),
    "character varying(40)": Kind(v.word, ("character varying(80)", "text")),
    "character varying(80)": Kind(v.word, ("text",)),
    "uuid": Kind(v.uuid, ("text",)),
    "json": Kind(v.json_text, ("text",)),
    "bytea": Kind(v.octets),
    "date": Kind(or_special(v.small_day, "infinity"), ("timestamp without time zone", "text")),
    "time without time zone": Kind(v.time, ("text",)),
    "timestamp without time zone": Kind(or_special(v.small_timestamp, "-infinity"), ("timestamp with time zone", "date")),
    "timestamp with time zone": Kind(v.small_timestamp, ("text",)),
    "interval": Kind(v.interval, ("text",)),
    "inet": Kind(v.address, ("text",)),
    "int4range": Kind(v.range_of(v.whole(-99, 99), int), ("text",)),
    "storm.mood": Kind(v.one_of("sad", 'so "so"', "häppy"), ("text",)),
    "storm.price": Kind(MONEY, ("numeric(10,2)",)),
    "storm.days": Kind(array_of(INT), ("integer[]",)),
    "integer[]": Kind(array_of(INT), ("bigint[]", "text", "storm.days")),
    "bigint[]": Kind(array_of(INT), ("text[]",)),
    "text[]": Kind(array_of(v.text), ("text",)),
    "numeric(10,2)[]": Kind(array_of(MONEY), ("numeric(12,4)[]", "text[]")),
    "numeric(12,4)[]": Kind(array_of(MONEY), ("text",)),
    "timestamp with time zone[]": Kind(array_of(v.small_timestamp), ("text",)),
    "storm.mood[]": Kind(array_of(v.one_of("sad", "häppy")), ("text[]",)),
}
