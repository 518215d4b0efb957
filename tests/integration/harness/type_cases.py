"""Every type that a column can have, with its values and its Avro type. `type_gate` fails for a type of pg_type that is not here.

The Avro types are from docs/types.md, the values from PostgreSQL's documentation of each type (8. Data Types), not from the relay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from . import type_values as v


@dataclass(frozen=True)
class Case:
    type: str  # As in CREATE TABLE; where the server has no such type, the case is left out.
    avro: str = "string"  # As `avro_type` writes it.
    specials: tuple[str, ...] = ()
    random: Callable[[Random], str] | None = None  # Without it, one of the special values.
    newer: tuple[tuple[int, str], ...] = ()  # Special values that servers have from this major version on.
    pool: str = ""  # A query for texts of values, where those depend on the server.
    made_by: str = ""  # An expression over `id`, where the type has no input function: there is no way back, texts are compared.
    delimiter: str = ","  # pg_type.typdelim.
    compared_as: str = "{}::text"
    nested: str = ""  # Of a domain's or an array's array: the Avro type of `type[]` where it is not array<avro>.
    is_array: bool = False

    def array(self) -> str:
        """The Avro type of an array of it."""
        return self.nested or f"array<{self.avro}>"


def decimal(modifier: str, precision: int, scale: int, declared: tuple[int, int], *specials: str) -> Case:
    return Case(f"numeric({modifier})", f"bytes.decimal({precision},{scale})", ("NaN", "0", *specials), v.decimal(*declared))


def text_only(type: str, reason: str) -> Case:
    """Nobody can make a value of it; the column is there, and null."""
    return Case(type, made_by="NULL")


NO_VALUES = "internal to an index or to statistics; its input function refuses everything"
BLANKS = "{0}::text || octet_length({0})"  # A cast to text takes the blanks away.
AS_PRINTED = "({0} IS NULL, format('%s', {0}))::text"  # xml's output function leaves out what its cast to text has.
TEXTS = ("", " ", "NULL", "null", "{}", '"', "\\", "a,b", "\n", "日本", "𝄞", "x" * 3000)
INFINITE = ("infinity", "-infinity")

NUMBERS = [
    Case("boolean", "boolean", ("t", "f")),
    Case("smallint", "int", ("-32768", "32767", "0"), v.whole(-2 ** 15, 2 ** 15 - 1)),
    Case("integer", "int", ("-2147483648", "2147483647", "0"), v.whole(-2 ** 31, 2 ** 31 - 1)),
    Case("bigint", "long", (str(-2 ** 63), str(2 ** 63 - 1), "0"), v.whole(-2 ** 63, 2 ** 63 - 1)),
    Case("real", "float", ("NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1"), v.real(7, 37)),
    Case("double precision", "double", ("NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1"), v.double),
    Case("numeric", "string", ("NaN", "0", "-0.000", "1e5000", "1e-5000", "1." + "0" * 500, "1e131071"), v.number,
         newer=((14, "Infinity"), (14, "-Infinity"))),
    decimal("10,2", 10, 2, (10, 2), "99999999.99", "-99999999.99", "0.01", "-0.01", "1"),
    decimal("5", 5, 0, (5, 0), "99999", "-99999"),
    decimal("38,10", 38, 10, (38, 10), "9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10, "1.28", "-1.28", "0.0000000256"),
    decimal("1000,500", 1000, 500, (1000, 500), "9" * 500 + "." + "9" * 500, "-" + "9" * 500, "1e-500"),
    Case("money", specials=("0", "-92233720368547758.08", "92233720368547758.07"), random=v.money),
    Case("oid", "long", ("0", "4294967295"), v.whole(0, 2 ** 32 - 1)),
    Case("xid", "long", ("0", "4294967295"), v.whole(0, 2 ** 32 - 1)),
    Case("cid", "long", ("0", "4294967295"), v.whole(0, 2 ** 32 - 1)),
    Case("xid8", specials=("0", str(2 ** 64 - 1)), random=v.whole(0, 2 ** 64 - 1)),
]
# PostgreSQL takes them since version 15.
NUMBERS_OF_15 = [
    decimal("3,-2", 5, 0, (3, -2), "99900", "-99900"),
    decimal("2,5", 5, 5, (2, 5), "0.00099", "-0.00099"),
]
CHARACTERS = [
    Case("text", specials=TEXTS, random=v.text),
    Case("varchar", specials=TEXTS, random=v.text),
    Case("varchar(20)", specials=("", "日" * 20), random=lambda random: v.text(random)[:20]),
    Case("char(9)", specials=("", " ", "a b ", "日" * 9), random=v.word, compared_as=BLANKS),
    Case("bpchar", specials=("", "a  "), random=v.word, compared_as=BLANKS),
    Case("name", specials=("", "x" * 63), random=v.name),
    Case('"char"', specials=("", "a", " ", "\\", '"', "\n", "\x7f"), newer=((15, "\\200"), (15, "\\377"))),
    Case("bytea", "bytes", ("\\x", "\\x00", "\\xff", "\\x5c5c", "\\x" + "00ff" * 2000), v.octets),
    Case("bit(7)", specials=("0000000", "1111111"), random=v.bits(7, 7)),
    Case("varbit(90)", specials=("", "1" * 90), random=v.bits(0, 90)),
    Case("varbit", specials=("", "10" * 500), random=v.bits(0, 90)),
    Case("uuid", "string.uuid", ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"), v.uuid),
    Case("json", specials=('""', "null", ' {"a" : 1, "a":\n 2} ', '"\\u0000"', "[" * 500 + "]" * 500), random=v.json_text),
    Case("jsonb", specials=('""', "null", '{"a": 1, "a": 2}', "1e500", "-0"), random=v.json_text),
    Case("jsonpath", specials=("$", "strict $", '$ ? (@.a > 1 && @.b like_regex "x")'), random=v.json_path),
    Case("xml", specials=("", "<a/>", "text only", '<?xml version="1.0"?><a>ä</a>', "<![CDATA[<]]>"), random=v.xml,
         compared_as=AS_PRINTED),
    Case("tsvector", specials=("", "'a b':1A,2 c", "'it''s':3", "a:16383"), random=v.lexemes),
    Case("tsquery", specials=("", "a & !b", "'it''s' <-> c", "a:*AB"), random=v.text_query),
]
TIMES = [
    Case("date", "int.date", (*INFINITE, "4714-11-24 BC", "0001-12-31 BC", "0001-01-01", "1969-12-31", "2000-02-29", "5874897-12-31"),
         v.day(v.LAST_DAY)),
    Case("time", "long.time-micros", ("00:00:00", "24:00:00", "23:59:59.999999", "00:00:00.000001"), v.time),
    Case("time(3)", "long.time-micros", ("24:00:00", "23:59:59.9994"), v.time),
    Case("timetz", specials=("00:00:00+15:59:59", "24:00:00-15:59:59"), random=lambda random: v.time(random) + v.zone(random)),
    Case("timestamp", "long.local-timestamp-micros",
         (*INFINITE, "4714-11-24 00:00:00 BC", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "294247-01-10 04:00:54.775806",
          "0001-12-31 23:59:59.999999 BC"), v.timestamp),
    Case("timestamp(0)", "long.local-timestamp-micros", (*INFINITE, "2016-12-31 23:59:59.6"), v.timestamp),
    Case("timestamptz", "long.timestamp-micros",
         (*INFINITE, "4714-11-24 00:00:00+00 BC", "1970-01-01 00:00:00+00", "294247-01-10 04:00:54.775806+00", "2021-03-28 02:30+02"),
         v.instant),
    Case("timestamptz(3)", "long.timestamp-micros", (*INFINITE, "1969-12-31 23:59:59.9996+00"), v.instant),
    Case("interval", specials=("0", "178000000 years", "-178000000 years", "1 mon -1 day 00:00:00.000001", "-2147483648 days"),
         random=v.interval, newer=((17, "infinity"), (17, "-infinity"))),
    Case("interval day to second(2)", specials=("0", "-1 day 23:59:59.99"), random=v.interval),
]
GEOMETRY_AND_NETWORK = [
    Case("point", specials=("(0,0)", "(NaN,Infinity)", "(-0,1e-300)"), random=v.point),
    Case("line", specials=("{0,1,0}", "{1e300,-1,0.1}"), random=v.line),
    Case("lseg", specials=("[(0,0),(0,0)]",), random=v.two_points),
    Case("box", specials=("(1,1),(0,0)", "(Infinity,1),(0,-Infinity)"), random=v.two_points, delimiter=";"),
    Case("path", specials=("[(0,0)]", "((0,0))"), random=v.path),
    Case("polygon", specials=("((0,0))",), random=v.points("(", ")")),
    Case("circle", specials=("<(0,0),0>", "<(1,1),Infinity>"), random=v.circle),
    Case("inet", specials=("0.0.0.0/0", "255.255.255.255", "::", "::ffff:1.2.3.4", "::1/0"), random=v.address),
    Case("cidr", specials=("0.0.0.0/0", "::/0", "::1/128"), random=v.network),
    Case("macaddr", specials=("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"), random=v.mac(6)),
    Case("macaddr8", specials=("ff:ff:ff:ff:ff:ff:ff:ff",), random=v.mac(8)),
]
RANGES = [case for name, one, specials in [
    ("int4", v.range_of(v.whole(-99, 99), int), ("empty", "(,)", "[-2147483648,2147483647)")),
    ("int8", v.range_of(v.whole(-2 ** 62, 2 ** 62), int), ("empty", "(,)")),
    ("num", v.range_of(v.whole(-99, 99), int), ("empty", "(,)", "[1.50,NaN]")),
    ("date", v.range_of(v.small_day), ("empty", "(,)", "[-infinity,infinity]")),
    ("ts", v.range_of(v.small_timestamp), ("empty", "(,)", "[-infinity,infinity)")),
    ("tstz", v.range_of(v.small_timestamp), ("empty", "(,)")),
] for case in (Case(f"{name}range", specials=specials, random=one),
               Case(f"{name}multirange", specials=("{}", "{(,)}"), random=v.multirange_of(one)))]
SYSTEM = [
    Case("tid", specials=("(0,0)", "(4294967295,65535)"), random=v.tuple_id),
    Case("pg_lsn", specials=("0/0", "FFFFFFFF/FFFFFFFF"), random=v.log_position),
    Case("txid_snapshot", specials=("1:1:",), random=v.snapshot),
    Case("pg_snapshot", specials=("1:1:",), random=v.snapshot),
    Case("int2vector", specials=("", "-32768 32767"), random=v.numbers(9999)),
    Case("oidvector", specials=("", "4294967295"), random=v.numbers(2 ** 32 - 1)),
    Case("refcursor", specials=TEXTS, random=v.text),
    Case("aclitem", specials=("postgres=r/postgres", "=r*w/postgres")),
    *(Case(type, specials=("-", "4000000000"), pool=pool) for type, pool in {
        "regproc": "SELECT min(oid::regproc::text) FROM pg_proc GROUP BY proname HAVING count(*) = 1",
        "regprocedure": "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 11",
        "regclass": "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 11",
        "regtype": "SELECT oid::regtype::text FROM pg_type WHERE typnamespace = 11",
        "regconfig": "SELECT oid::regconfig::text FROM pg_ts_config",
        "regdictionary": "SELECT oid::regdictionary::text FROM pg_ts_dict",
        "regnamespace": "SELECT oid::regnamespace::text FROM pg_namespace WHERE nspname !~ 'temp'",
        "regrole": "SELECT oid::regrole::text FROM pg_roles",
        "regcollation": "SELECT oid::regcollation::text FROM pg_collation WHERE collencoding IN (-1, 6) AND collprovider <> 'i'",
    }.items()),
    Case("regoper", specials=("0", "4000000000"), pool="SELECT min(oid::regoper::text) FROM pg_operator "
                                                       "GROUP BY oprname HAVING count(*) = 1"),
    Case("regoperator", specials=("0", "4000000000"), pool="SELECT oid::regoperator::text FROM pg_operator WHERE oprnamespace = 11"),
    Case("pg_node_tree", made_by="(SELECT ev_action FROM pg_rewrite ORDER BY oid LIMIT 1 OFFSET {id} % 9)"),
    Case("pg_ndistinct", made_by="(SELECT stxdndistinct FROM pg_statistic_ext_data LIMIT 1)"),
    Case("pg_dependencies", made_by="(SELECT stxddependencies FROM pg_statistic_ext_data LIMIT 1)"),
    Case("pg_mcv_list", made_by="(SELECT stxdmcv FROM pg_statistic_ext_data LIMIT 1)"),
    *(text_only(type, NO_VALUES) for type in ("gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary")),
    # Of PostgreSQL 10 and 11; the relay knows none of their arrays.
    Case("abstime", specials=("infinity", "-infinity", "1970-01-01 00:00:00+00"), nested="string"),
    Case("reltime", specials=("1 year", "-1 day"), nested="string"),
    Case("tinterval", specials=('["1970-01-01 00:00:00+00" "2000-01-01 00:00:00+00"]',), nested="string"),
    Case("smgr", specials=("magnetic disk",)),
]
INFORMATION_SCHEMA = [
    Case("information_schema.cardinal_number", "int", ("0", "2147483647"), v.whole(0, 2 ** 31 - 1)),
    Case("information_schema.character_data", specials=TEXTS, random=v.text),
    Case("information_schema.sql_identifier", specials=("", "x" * 63), random=v.name),
    Case("information_schema.time_stamp", "long.timestamp-micros", (*INFINITE, "2026-11-22 17:00:00.12+00"), v.instant),
    Case("information_schema.yes_or_no", specials=("YES", "NO")),
]
BUILT_IN = [*NUMBERS, *CHARACTERS, *TIMES, *GEOMETRY_AND_NETWORK, *RANGES, *SYSTEM, *INFORMATION_SCHEMA]

# Users' types, in the schema `gate`.
USER_TYPES = """
CREATE TYPE gate.mood AS ENUM ('sad', '', 'so "so"', 'häppy', 'NULL', 'a,b', '{');
CREATE TYPE gate.pair AS (a int, "b c" text);
CREATE TYPE gate.nest AS (one gate.pair, many gate.pair[], mood gate.mood);
CREATE TYPE gate.floats AS RANGE (subtype = float8);
CREATE DOMAIN gate.price AS numeric(10,2);
CREATE DOMAIN gate.fair_price AS gate.price CHECK (value > -1e9);
CREATE DOMAIN gate.prices AS numeric(10,2)[];
CREATE DOMAIN gate.numbers AS int[] CHECK (array_ndims(value) < 3);
CREATE DOMAIN gate.humour AS gate.mood;
CREATE DOMAIN gate.moods AS gate.mood[];
"""


def arrays_of(random_one, delimiter: str = ","):
    def value(random: Random) -> str:
        return v.array_literal([None if random.random() < 0.2 else random_one(random) for _ in range(random.randint(0, 4))], delimiter)
    return value


MOODS = ("sad", "", 'so "so"', "häppy", "NULL", "a,b", "{")
PRICES = ("NaN", "0.00", "-99999999.99")
PAIRS = ("(,)", '(1,"")', '(2,"NULL")', '(3,"a""b\\\\c")')
OF_USERS = [
    Case("gate.mood", specials=MOODS),
    Case("gate.pair", specials=PAIRS, random=v.row(v.whole(-9, 9), v.text)),
    Case("gate.nest", specials=("(,,)", '("(1,x)","{""(2,y)"",NULL}",sad)')),
    Case("gate.floats", specials=("empty", "(,)", "[-Infinity,NaN)"), random=v.range_of(v.whole(-99, 99), int)),
    Case("gate.price", "bytes.decimal(10,2)", PRICES, v.decimal(10, 2)),
    Case("gate.fair_price", "bytes.decimal(10,2)", PRICES, v.decimal(10, 2)),
    Case("gate.prices", "array<bytes.decimal(10,2)>", ("{}", "{NaN,1}", "{{1},{2}}"), arrays_of(v.decimal(10, 2)),
         nested="array<string>", is_array=True),
    Case("gate.numbers", "array<int>", ("{}", "{{1,2},{3,4}}", "[0:1]={1,2}"), arrays_of(v.whole(-9, 9)),
         nested="array<string>", is_array=True),
    Case("gate.humour", specials=MOODS),
    Case("gate.moods", "array<string>", ("{}", '{"",sad}', "{{sad}}"), arrays_of(v.one_of(*MOODS)),
         nested="array<string>", is_array=True),
]

# Of contrib. An extension that the server does not have is skipped, and said so.
CONTRIB = {
    "hstore": [Case("hstore", specials=("", '""=>""', '"a"=>NULL', '"a"=>"NULL"'), random=v.key_values), text_only("ghstore", NO_VALUES)],
    "citext": [Case("citext", specials=TEXTS, random=v.text)],
    "ltree": [Case("ltree", specials=("", "Top.Science"), random=v.labels),
              Case("lquery", specials=("*.a.b*@%|c.*",), random=v.labels, newer=((13, "*.a{1,2}.b"),)),
              Case("ltxtquery", specials=("a & b*@",), random=v.word), text_only("ltree_gist", NO_VALUES)],
    "cube": [Case("cube", specials=("()", "(0)", "(1e300),(-1e300)", "(NaN)"), random=v.cube)],
    "earthdistance": [Case("earth", specials=("(6378168, 0, 0)", "(0, 0, 6378168)"))],
    "seg": [Case("seg", specials=("1", "1 .. 2", "~1.50", "< 3"), random=v.seg), ],
    "isn": [Case("ean13", specials=("4006381333931",), random=v.product_number("400", 9)),
            Case("isbn13", specials=("978-0-11-000533-1",), random=v.product_number("978", 9)),
            Case("isbn", specials=("0-11-000533-3",), random=v.product_number("", 9)),
            Case("ismn13", specials=("979-0-060-11561-5",), random=v.product_number("9790", 8)),
            Case("ismn", specials=("M-060-11561-5",), random=v.product_number("M", 8)),
            Case("issn13", specials=("977-1436-452-00-8",), random=v.product_number("977", 9)),
            Case("issn", specials=("1436-4522",), random=v.product_number("", 7)),
            Case("upc", specials=("220356483481",), random=v.product_number("2", 10))],
    "intarray": [Case("query_int", specials=("1&(2|!3)",), random=v.integers_query), text_only("intbig_gkey", NO_VALUES)],
    "lo": [Case("lo", "long", ("0", "4294967295"), v.whole(0, 2 ** 32 - 1))],
    "pg_trgm": [text_only("gtrgm", NO_VALUES)],
    "btree_gist": [text_only(f"gbtreekey{size}", NO_VALUES) for size in ("2", "4", "8", "16", "32", "_var")],
    "tablefunc": [],  # Row types only.
    "dblink": [],
    "chkpass": [Case("chkpass", specials=(":abcdefgh",))],  # Up to PostgreSQL 10.
}
