"""--envelope=debezium beside the real connector: docs/debezium.md, decisions/0022."""

import json
import re
from pathlib import Path

from clients import AvroDecoder, JsonDecoder, TopicReader
from harness import Scene, since
from harness.debezium import ALL_REASONS, Debezium, compare, published, wait_for

TYPES = """
CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy, really'); CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN posint AS int CHECK (value > 0); CREATE DOMAIN dnum AS numeric(8,3); CREATE DOMAIN dmood AS mood;
CREATE TABLE marker (id int PRIMARY KEY);
CREATE TABLE types (id int PRIMARY KEY,
  bo bool, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, n52 numeric(5,2), n0 numeric(5), n numeric, nneg numeric(3,-2),
  nbig numeric(38,10), mo money, t text, vc varchar(20), vcu varchar, ch char(9), bpc bpchar, nm name, ct citext, qch "char", by bytea,
  b1 bit(1), b7 bit(7), vb90 varbit(90), vb varbit, bt bit, u uuid, js json, jb jsonb, jp jsonpath, x xml, tsv tsvector, tsq tsquery,
  d date, t6 time, t0 time(0), t1 time(1), t3 time(3), t4 time(4), tt timetz, tt3 timetz(3), ts timestamp, ts0 timestamp(0),
  ts3 timestamp(3), ts4 timestamp(4), ts6 timestamp(6), tz timestamptz, tz3 timestamptz(3), tz0 timestamptz(0), iv interval,
  ivds interval day to second(2), pt point, ln line, ls lseg, bx box, pa path, pb path, pg polygon, ci circle, ine inet, cid cidr,
  mac macaddr, mac8 macaddr8, r4 int4range, r8 int8range, rn numrange, rd daterange, rts tsrange, rtz tstzrange, mr int4multirange,
  o oid, xi xid, pl pg_lsn, x8 xid8, td tid, rc regclass, iv2 int2vector, m mood, dm dmood, pi posint, dn dnum, co pair, hs hstore,
  lt ltree, lq lquery, ab bool[], a2 smallint[], ai int[], a8 bigint[], af real[], ad double precision[], an numeric(5,2)[],
  anu numeric[], at text[], av varchar(5)[], ac char(3)[], aby bytea[], au uuid[], aj json[], ajb jsonb[], adt date[], atm time[],
  ats timestamp[], atz timestamptz[], aiv interval[], am mood[], ain inet[], acid cidr[], ar4 int4range[], ar8 int8range[],
  arn numrange[], amo money[], apt point[], ahs hstore[], att timetz[], abit bit(3)[], avb varbit[], aoid oid[], axml xml[],
  alt ltree[], act citext[], amac macaddr[], apos posint[], ats3 timestamp(3)[], at3 time(3)[], aco pair[])
"""
TYPICAL = r"""INSERT INTO types VALUES (%d, true, 1, 2, 3, 1.5, 2.25, 123.45, 12345, 12.3400, 12300, 1234567890.0123456789, 1234.56, 'text ä 𝄞',
  'vc', 'vcu', 'ch', 'bpc', 'nm', 'Ct', 'q', '\x00ff', B'1', B'1010101', B'110', B'10101010101', B'1',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b": [1, 2]}', '$.a', '<a>x</a>', 'a b', 'a & b', '2020-02-29', '12:34:56.789012',
  '12:34:56', '12:34:56.7', '12:34:56.789', '12:34:56.7891', '12:34:56.789012+02', '12:34:56.789+02', '2020-02-29 12:34:56.789012',
  '2020-02-29 12:34:56', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.7891', '2020-02-29 12:34:56.789012',
  '2020-02-29 12:34:56.789012+02', '2020-02-29 12:34:56.789+02', '2020-02-29 12:34:56+02', '1 year 2 mons 3 days 04:05:06.789',
  '3 days 04:05:06.78', '(1.5,-2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(1,0))',
  '<(0,0),1>', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '[1,5)', '[1,5)', '[1.5,2.5]',
  '[2020-01-01,2020-01-05)', '[2020-01-01 00:00,2020-01-05 01:00)', '[2020-01-01 00:00+00,2020-01-05 01:00+00)', '{[1,2),[5,7)}',
  4294967295, '77', '16/B374D848', '99', '(1,2)', 'pg_class', '1 2', 'ok', 'sad', 7, 1.234, '(1,x)', '"k"=>"v", "n"=>NULL', 'a.b.c', 'a.*',
  '{t,f,NULL}', '{1,2}', '{1,NULL,3}', '{1}', '{1.5}', '{2.5}', '{1.25,NULL}', '{1.2500,3}', '{a,NULL,"b c","NULL",""}', '{a}', '{abc,d}',
  '{"\\x01","\\x"}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{"{\"a\":1}"}', '{"{\"a\": 1}"}', '{2020-01-01}', '{12:34:56.789012}',
  '{2020-01-01 00:00:00.123456}', '{2020-01-01 00:00:00.123456+02}', '{1 day}', '{ok,"happy, really"}', '{10.0.0.1}', '{10.0.0.0/8}',
  '{"[1,5)"}', '{"[1,5)"}', '{"[1,5)"}', '{1.50}', '{"(1,2)"}', '{"a=>1"}', '{12:00:00+02}', '{101}', '{101,1}', '{1,4294967295}',
  '{<a/>}', '{a.b}', '{X}', '{08:00:2b:01:02:03}', '{3}', '{2020-01-01 00:00:00.123}', '{12:34:56.789}', '{"(1,x)"}')"""
SPECIAL = [
    "(id) VALUES (%d)",
    """(id, i2, i4, i8, f4, f8, n52, nbig, mo, t, u, d, t6, ts, tz, iv, by, bo, b7, hs, ai, at, vb, ch, jb) VALUES (%d, -32768, -2147483648,
        -9223372036854775808, '-Infinity', 'Infinity', -999.99, -9999999999999999999999999999.9999999999, '-92233720368547758.08', '',
        '00000000-0000-0000-0000-000000000000', 'infinity', '24:00:00', 'infinity', 'infinity', '-1 mon -1 day -00:00:00.000001', '', false,
        B'0000000', '', '{}', '{}', '', '', 'null')""",
    """(id, i2, i4, i8, f4, f8, n, d, ts, tz, iv, ts3, ts0, mo, n52) VALUES (%d, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN', 1e40,
        '-infinity', '-infinity', '-infinity', '178000000 years', 'infinity', '-infinity', '-0.05', 0)""",
    """(id, f4, f8, n, d, ts, tz, ts3, t3, t0, t1, tt, tz3, pt) VALUES (%d, '1e-45', '5e-324', 1e-20, '0044-03-15 BC', '0044-03-15 12:00:00 BC',
        '0044-03-15 12:00:00+00 BC', '1969-12-31 23:59:59.999', '24:00:00', '24:00:00', '23:59:59.9', '00:00:00+15:59',
        '1969-12-31 23:59:59.9996+00', '(NaN,-Infinity)')""",
    """(id, d, ts, tz, f4, f8, t6, tt, tz3, n, vb90, hs) VALUES (%d, '5874897-12-31', '294246-12-31 23:59:59.999999',
        '294246-12-31 23:59:59.999999+00', 3.4028235e38, 1.7976931348623157e308, '00:00:00.000001', '12:00:00.120000+05:30',
        '2020-01-01 00:00:00+00', -0.000, repeat('10', 45)::varbit, hstore(ARRAY['a"b','z','sp ace'], ARRAY['x\\y','','ä']))""",
    "(id, tz, n, iv) VALUES (%d, '10000-01-01 00:00:00+00', 1200, '-3 years 04:00')",
]
REFUSED = ["n52 = 'NaN'", "n = 'NaN'", "n = 'Infinity'", "an = '{NaN}'", "tt = '24:00:00+00'", "ts = '294276-12-31 23:59:59.999999'",
           "ai = '{{1,2},{3,4}}'", "ai = '[0:1]={1,2}'"]
TABLES = """
CREATE TABLE plain (id int PRIMARY KEY, name text, n bigint NOT NULL DEFAULT 5, b boolean);
CREATE TABLE whole (id int PRIMARY KEY, name text, big text); ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE without_key (a int, b text); ALTER TABLE without_key REPLICA IDENTITY FULL;
CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c text); CREATE UNIQUE INDEX by_index_key ON by_index (a, b);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
CREATE SCHEMA other; CREATE TABLE other."Odd-Name" ("Id" int PRIMARY KEY, "a-b" text, "1x" text);
CREATE TABLE two_columns (b text, a int, v text, PRIMARY KEY (a, b));
CREATE TABLE required (id int PRIMARY KEY, i2 smallint NOT NULL, t text NOT NULL, num numeric(10,2) NOT NULL, vs numeric NOT NULL,
  d date NOT NULL, ts timestamp NOT NULL, tz timestamptz NOT NULL, j jsonb NOT NULL, by bytea NOT NULL, f float8 NOT NULL,
  bo boolean NOT NULL, u uuid NOT NULL, arr int[] NOT NULL, m mood NOT NULL, iv interval NOT NULL, pt point NOT NULL, tm time NOT NULL,
  bt bit(3) NOT NULL, mo money NOT NULL, r float4 NOT NULL, tmtz timetz NOT NULL, ine inet NOT NULL, b8 bigint NOT NULL,
  hs hstore NOT NULL, t0 timestamp(0) NOT NULL, tm0 time(0) NOT NULL, b1 bit(1) NOT NULL);
CREATE TABLE defaults (id serial PRIMARY KEY, i2 smallint DEFAULT 1, i4 int NOT NULL DEFAULT 42, i8 bigint DEFAULT -7, t text DEFAULT 'it''s',
  tnn text NOT NULL DEFAULT 'x', vc varchar(10) DEFAULT 'vc'::character varying, num numeric(10,2) DEFAULT 1.5, vs numeric DEFAULT 2.25,
  d date DEFAULT '2020-01-02', ts timestamp DEFAULT '2020-01-02 03:04:05', tsn timestamp DEFAULT now(),
  tz timestamptz DEFAULT '2020-01-02 03:04:05+00', tzn timestamptz NOT NULL DEFAULT now(), bo boolean DEFAULT true, f float8 DEFAULT 0.5,
  r real DEFAULT 1.5, j jsonb DEFAULT '{"a": 1}', u uuid DEFAULT gen_random_uuid(), m mood DEFAULT 'ok', arr int[] DEFAULT '{1,2}',
  by bytea DEFAULT '\\x01', expr int DEFAULT 1+1, nul text DEFAULT NULL, tm time DEFAULT '01:02:03', iv interval DEFAULT '1 day',
  bt bit(3) DEFAULT B'101', ch char(5) DEFAULT 'ab', neg int DEFAULT -5, mon money DEFAULT 1.5, fn text DEFAULT upper('a'),
  cur date DEFAULT CURRENT_DATE, gen int GENERATED ALWAYS AS (1) STORED, ident int GENERATED BY DEFAULT AS IDENTITY, xid8 xid8 DEFAULT '5',
  pt point DEFAULT '(1,2)');
CREATE TABLE long_values (id int PRIMARY KEY, t text, tn text, j jsonb, ta text[], ia int[], by bytea, c int);
CREATE TABLE refused (LIKE types INCLUDING ALL)
"""
BEFORE = """
INSERT INTO plain VALUES (1, 'one', 1, true), (2, 'two', 2, NULL); INSERT INTO whole VALUES (1, 'one', 'big');
INSERT INTO two_columns VALUES ('b', 1, 'v0'); INSERT INTO marker VALUES (0)
"""
AFTER = r"""
INSERT INTO plain VALUES (10, 'a', 1, true)
UPDATE plain SET name = 'b' WHERE id = 10
UPDATE plain SET id = 11 WHERE id = 10
DELETE FROM plain WHERE id = 11
BEGIN; INSERT INTO plain VALUES (20, 't', 1, false); INSERT INTO whole VALUES (20, 't', NULL); UPDATE plain SET n = 2 WHERE id = 20; COMMIT
INSERT INTO whole VALUES (10, 'a', NULL)
UPDATE whole SET name = 'b' WHERE id = 10
UPDATE whole SET id = 11 WHERE id = 10
DELETE FROM whole WHERE id = 11
INSERT INTO without_key VALUES (1, 'x'), (NULL, NULL)
UPDATE without_key SET b = 'y' WHERE a = 1
DELETE FROM without_key WHERE a = 1
INSERT INTO by_index VALUES (1, 'x', 'c')
UPDATE by_index SET c = 'd'
UPDATE by_index SET b = 'z'
DELETE FROM by_index
INSERT INTO other."Odd-Name" VALUES (1, 'x', 'y')
UPDATE other."Odd-Name" SET "a-b" = 'z'
DELETE FROM other."Odd-Name"
INSERT INTO two_columns VALUES ('b', 2, 'v')
UPDATE two_columns SET v = 'w' WHERE a = 2
UPDATE two_columns SET a = 3 WHERE a = 2
DELETE FROM two_columns
INSERT INTO defaults DEFAULT VALUES
UPDATE defaults SET t = NULL, i2 = NULL
DELETE FROM defaults
BEGIN; ALTER TABLE plain ADD COLUMN extra text; INSERT INTO plain (id, name, extra) VALUES (30, 'x', 'e'); COMMIT
ALTER TABLE plain ADD COLUMN extra2 int NOT NULL DEFAULT 9
INSERT INTO plain (id, name, extra) VALUES (31, 'x', 'e')
ALTER TABLE plain ALTER COLUMN name TYPE varchar(30)
INSERT INTO plain (id, name) VALUES (32, 'x')
UPDATE plain SET name = 'q' WHERE id = 32
INSERT INTO long_values VALUES (1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i), NULL, (SELECT json_build_object('a', string_agg(md5(i::text), '')) FROM generate_series(1, 500) i)::jsonb, (SELECT array_agg(md5(i::text)) FROM generate_series(1, 500) i), (SELECT array_agg(i) FROM generate_series(1, 5000) i), decode((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 900) i), 'hex'), 0)
UPDATE long_values SET c = 1
INSERT INTO required VALUES (1, 1, 't', 1.5, 2.5, '2020-01-01', '2020-01-01', '2020-01-01', '{}', '\x01', 1, true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1}', 'ok', '1 day', '(1,2)', '12:00', B'101', 1, 1, '12:00+00', '1.2.3.4', 1, 'a=>1', '2020-01-01', '12:00', B'1')
UPDATE required SET i2 = 2
UPDATE required SET id = 2
DELETE FROM required
"""
# Debezium has the column of an ALTER TABLE only once its message comes, with what the catalog says by then.
DROP = """
ALTER TABLE plain DROP COLUMN extra
INSERT INTO plain (id, name) VALUES (33, 'x')
"""


def insert_types(scene: Scene, base: int) -> None:
    scene.execute(TYPICAL % (base + 1))
    for number, row in enumerate(SPECIAL):
        scene.execute("INSERT INTO types " + row % (base + 10 + number))


def execute_all(scene: Scene, statements: str) -> None:
    for line in statements.strip().splitlines():
        for statement in line.split("; ") if line.startswith("BEGIN") else [line]:
            scene.execute(statement)


def mark(scene: Scene, number: int, prefixes: list[str], debezium: Debezium) -> None:
    scene.execute(f"INSERT INTO marker VALUES ({number})")
    for prefix in prefixes:
        wait_for(scene, prefix, number, debezium)


@since(15, "no numeric has a negative scale")
def test_messages_are_debeziums_but_for_the_listed_differences(scene: Scene):
    scene.execute(TYPES)
    scene.execute(TABLES)
    insert_types(scene, 0)
    scene.execute(BEFORE)
    options = {"envelope": "debezium", "output_format": "json", "on_error": "log", "topic_config": "partitions=1",
               "exclude_tables": "public.bw_marker", "topic_prefix": f"r{scene.name}"}
    with Debezium(scene) as debezium:
        scene.running_relay(**options)
        prefixes = [f"r{scene.name}", debezium.prefix]
        for prefix in prefixes:
            wait_for(scene, prefix, 0, debezium)
        insert_types(scene, 1000)
        execute_all(scene, AFTER)
        for number, value in enumerate(REFUSED):
            scene.execute(f"INSERT INTO refused (id) VALUES ({number})")
            scene.execute(f"UPDATE refused SET {value} WHERE id = {number}")
        mark(scene, 1, prefixes, debezium)
        execute_all(scene, DROP)
        mark(scene, 2, prefixes, debezium)
    theirs = {topic: messages for topic, messages in published(scene, debezium.prefix).items() if topic != "public.bw_marker"}
    compared = compare(published(scene, prefixes[0]), theirs, *prefixes, refusing={"public.refused"})
    print(compared)
    assert not compared.unexplained, "\n".join(map(str, [*compared.unexplained.values(), compared]))
    assert compared.messages >= 89
    assert compared.reasons.keys() == ALL_REASONS, "a listed difference no longer exists, or is not listed"


def test_the_document_lists_the_same_differences():
    document = (Path(__file__).resolve().parents[2] / "docs" / "debezium.md").read_text()
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", document, re.MULTILINE)
    assert sorted(listed) == sorted(ALL_REASONS)


def test_a_relay_takes_over_a_connectors_slot_and_topics(scene: Scene):
    """Nothing is missing; what the connector had published and not confirmed comes again, in its order."""
    scene.execute("CREATE TABLE marker (id int PRIMARY KEY); INSERT INTO marker VALUES (0)")
    with Debezium(scene) as debezium:
        wait_for(scene, debezium.prefix, 0, debezium)
        for number in 1, 2, 3:
            mark(scene, number, [debezium.prefix], debezium)
    scene.execute("INSERT INTO marker VALUES (4)")
    theirs = len(published(scene, debezium.prefix)["public.marker"])
    scene.running_relay("--adopt-slot", envelope="debezium", output_format="json", slot=debezium.prefix,
                        publication=debezium.prefix, topic_prefix=debezium.prefix)
    mark(scene, 5, [debezium.prefix], debezium)
    messages = published(scene, debezium.prefix)["public.marker"]
    ours = [message.key["payload"]["id"] for message in messages[theirs:]]
    assert {message.key["payload"]["id"] for message in messages[:theirs]} == {0, 1, 2, 3}
    assert ours == list(range(ours[0], 6)) and ours[0] in (1, 2, 3, 4)
    one, other = (message.raw_key.replace(b":3}", b":5}") for message in (messages[theirs - 1], messages[-1]))
    assert one == other, "keys are not the same bytes: a row would change its partition"


def test_avro_has_the_same_payload_as_json(scene: Scene):
    """Snapshot, stream, key change and delete: what a registry's client decodes."""
    scene.execute("CREATE TABLE test (id int PRIMARY KEY, v text DEFAULT 'x', n numeric, r int2 NOT NULL, \"a-b\" int[])")
    scene.execute("INSERT INTO test VALUES (1, NULL, 1.50, 7, '{1,NULL}')")
    scene.running_relay(envelope="debezium")
    scene.execute("UPDATE test SET id = 2, v = 'y'")
    scene.execute("DELETE FROM test")
    avro = AvroDecoder(scene.servers.registry.url)
    reader = TopicReader(scene.servers.kafka.address, avro)
    topic = f"{scene.prefix}.public.test"
    seen = []
    for message in reader.follow(lambda name: name == topic, lambda: len(seen) == 6):
        seen.append(message)
    assert [(message.op, message.key) for message in seen] == [
        ("r", {"id": 1}), ("d", {"id": 1}), ("n", {"id": 1}), ("c", {"id": 2}), ("d", {"id": 2}), ("n", {"id": 2})]
    row = {"id": 1, "v": None, "n": {"scale": 1, "value": b"\x0f"}, "r": 7, "a_b": [1, None]}
    none = {"v": None, "n": None, "r": 0, "a_b": None}
    befores = [message.value and message.value["before"] for message in seen]
    afters = [message.value and message.value["after"] for message in seen]
    assert afters == [row, None, None, {**row, "id": 2, "v": "y"}, None, None]
    assert befores == [None, {**none, "id": 1}, None, None, {**none, "id": 2}, None]
    assert seen[0].value["source"]["snapshot"] == "true" and seen[3].value["source"]["txId"] is not None
    schema = json.dumps(avro.schema(int.from_bytes(seen[0].raw_value[1:5], "big")))
    assert "connect.version" in schema and f"{scene.prefix}.public.test.Envelope" in schema
