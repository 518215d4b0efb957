"""A type with values that can be stored, and that the server fails to print: the smallest poison there is."""

import psycopg


def make_poison_type(connection: psycopg.Connection) -> None:
    """`poison`: '0' cannot be printed, as nothing in pg_enum has this OID. `poison_that_is_harmless()` gives one that can."""
    connection.execute("""
        CREATE TYPE harmless AS ENUM ('harmless');
        CREATE TYPE poison;
        CREATE FUNCTION poison_in(cstring) RETURNS poison LANGUAGE internal IMMUTABLE STRICT AS 'oidin';
        CREATE FUNCTION poison_out(poison) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
        CREATE TYPE poison (INPUT = poison_in, OUTPUT = poison_out, LIKE = oid);
        CREATE CAST (oid AS poison) WITHOUT FUNCTION;
        CREATE FUNCTION poison_that_is_harmless() RETURNS poison LANGUAGE sql AS
            'SELECT oid::poison FROM pg_enum WHERE enumtypid = ''harmless''::regtype'""")
