"""Random values of PostgreSQL's types, as their input functions take them: text from a `Random`, so a seed gives them again."""

import json
from random import Random

# What texts, and the quoting around them, may get wrong.
PIECES = ["a", "B", "7", " ", "ä", "日", "𝄞", "'", '"', "\\", ",", ";", "{", "}", "(", ")", "[", "]", "\n", "\t", "\r", "NULL", "\\x",
          ":", "=", "\x01", "\x7f", "&", "%", "$"]
FIRST_DAY = 0           # Of date, 4714-11-24 BC, as a Julian day.
LAST_DAY = 2147483493   # 5874897-12-31.
LAST_TIMESTAMP_DAY = 109192577  # Of those whose microseconds since 1970 fit 64 bits.


def text(random: Random) -> str:
    return "".join(random.choices(PIECES, k=random.choice((0, 1, 3, 6, 12))))


def word(random: Random) -> str:
    return "".join(random.choices("abcxyz_089", k=random.randint(1, 8)))


def name(random: Random) -> str:
    return text(random).encode()[:63].decode(errors="ignore")


def whole(least: int, most: int):
    def value(random: Random) -> str:
        if random.random() < 0.3:
            return str(random.randint(max(least, -100), min(most, 100)))
        return str(random.randint(least, most))
    return value


def number(random: Random) -> str:
    return _number(random, random.randint(1, 40), random.randint(0, 40))


def decimal(precision: int, scale: int):
    """Of numeric(precision, scale): within it, often with fewer digits. A scale may be negative, or above the precision."""
    def value(random: Random) -> str:
        digits = random.randint(1, 10 ** random.randint(1, precision) - 1)
        return f"{random.choice(('', '-'))}{digits}e{-scale}"
    return value


def money(random: Random) -> str:
    return _number(random, random.randint(1, 16), 2)


def _number(random: Random, before: int, after: int) -> str:
    sign, whole_part = random.choice(("", "-")), random.randint(0, 10 ** before)
    return f"{sign}{whole_part}" + ("." + "".join(random.choices("0123456789", k=after)) if after else "")


def real(digits: int, exponent: int):
    def value(random: Random) -> str:
        if random.random() < 0.02:
            return random.choice(("NaN", "Infinity", "-Infinity", "-0"))
        return f"{random.choice(('', '-'))}{random.uniform(1, 10):.{digits}f}e{random.randint(-exponent, exponent)}"
    return value


double = real(16, 300)


def coordinate(random: Random) -> str:
    return random.choice((str(random.randint(-9, 9)), repr(random.uniform(-1e3, 1e3)), double(random)))


def point(random: Random) -> str:
    return f"({coordinate(random)},{coordinate(random)})"


def points(opening: str, closing: str):
    def value(random: Random) -> str:
        return opening + ",".join(point(random) for _ in range(random.randint(1, 4))) + closing
    return value


def path(random: Random) -> str:
    return random.choice((points("(", ")"), points("[", "]")))(random)


def two_points(random: Random) -> str:
    return f"{point(random)},{point(random)}"


def line(random: Random) -> str:
    return f"{{{random.randint(1, 9)},{random.uniform(-9, 9)!r},{random.uniform(-9, 9)!r}}}"


def circle(random: Random) -> str:
    return f"<{point(random)},{random.uniform(0, 1e6)!r}>"


def octets(random: Random) -> str:
    return "\\x" + random.randbytes(random.choice((0, 1, 4, 16))).hex()


def bits(least: int, most: int):
    def value(random: Random) -> str:
        return "".join(random.choices("01", k=random.randint(least, most)))
    return value


def day(last: int):
    def value(random: Random) -> str:
        return f"J{random.randint(2415021, 2488070) if random.random() < 0.7 else random.randint(FIRST_DAY, last)}"
    return value


def time(random: Random) -> str:
    micros = random.choice((random.randrange(86400 * 10 ** 6), random.randrange(86400) * 10 ** 6))
    seconds, fraction = divmod(micros, 10 ** 6)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def zone(random: Random) -> str:
    return random.choice((f"{random.choice('+-')}{random.randint(0, 14):02}:{random.choice((0, 30, 45)):02}", "+00"))


def timestamp(random: Random) -> str:
    return f"{day(LAST_TIMESTAMP_DAY)(random)} {time(random)}"


def instant(random: Random) -> str:
    return timestamp(random) + zone(random)


def interval(random: Random) -> str:
    parts = random.randint(-1000, 1000), random.randint(-11, 11), random.randint(-40, 40)
    return "{} years {} mons {} days ".format(*parts) + random.choice(("", "-")) + time(random)


def uuid(random: Random) -> str:
    digits = random.randbytes(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def document(random: Random, depth: int = 3):
    kind = random.randrange(7 if depth else 5)
    if kind < 5:
        return (None, True, random.randint(-10 ** 20, 10 ** 20), random.uniform(-9, 9), text(random))[kind]
    inner = [document(random, depth - 1) for _ in range(random.randint(0, 3))]
    return inner if kind == 5 else {text(random): value for value in inner}


def json_text(random: Random) -> str:
    spaces = random.choice((None, 1))  # Line breaks, which json keeps.
    return json.dumps(document(random), ensure_ascii=random.random() < 0.5, indent=spaces)


def xml(random: Random) -> str:
    tag = random.choice(("a", "b", "long-tag"))
    return f"<{tag} x=\"{word(random)}\">{word(random)} &amp; ä{random.choice(('', chr(10)))}</{tag}>"


def address(random: Random) -> str:
    if random.random() < 0.5:
        return ".".join(str(byte) for byte in random.randbytes(4)) + random.choice(("", "/8", "/31", "/0"))
    return ":".join(f"{random.randrange(65536):x}" for _ in range(8)) + random.choice(("", "/64", "/1"))


def network(random: Random) -> str:
    return random.choice((f"10.{random.randrange(256)}.0.0/16", f"{random.randrange(1, 223)}.0.0.0/8", "2001:db8::/32",
                          f"2001:{random.randrange(1, 65536):x}::/32", f"1.2.3.{random.randrange(256)}/32"))


def mac(length: int):
    return lambda random: ":".join(f"{byte:02x}" for byte in random.randbytes(length))


def numbers(most: int):
    """Of int2vector and oidvector."""
    return lambda random: " ".join(str(random.randint(0, most)) for _ in range(random.randint(0, 5)))


def range_of(bound, key=None):
    """A range between two of `bound`, in the order of `key`."""
    def value(random: Random) -> str:
        if random.random() < 0.05:
            return "empty"
        low, high = sorted((bound(random), bound(random)), key=key)
        low, high = (random.choice((low, low, low, "")), random.choice((high, high, high, "")))
        return f'{random.choice("[(")}{low},{high}{random.choice("])")}'
    return value


def multirange_of(one):
    return lambda random: "{" + ",".join(one(random) for _ in range(random.randint(0, 3))) + "}"


def small_day(random: Random) -> str:
    return f"{random.randint(1000, 9999)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"


def small_timestamp(random: Random) -> str:
    return f"{small_day(random)} {time(random)}"


def lexemes(random: Random) -> str:
    return " ".join(f"{word(random)}:{random.randint(1, 99)}{random.choice('ABCD')}" for _ in range(random.randint(0, 4)))


def text_query(random: Random) -> str:
    return random.choice((" & ", " | ", " <-> ", " <3> ")).join(
        random.choice(("", "!")) + word(random) + random.choice(("", ":*", ":AB")) for _ in range(random.randint(1, 4)))


def log_position(random: Random) -> str:
    return f"{random.getrandbits(32):X}/{random.getrandbits(random.randint(1, 32)):X}"


def snapshot(random: Random) -> str:
    first = random.randint(1, 2 ** 40)
    running = sorted({first + random.randint(0, 50) for _ in range(random.randint(0, 4))})
    return f"{first}:{first + 60}:{','.join(map(str, running))}"


def tuple_id(random: Random) -> str:
    return f"({random.getrandbits(32)},{random.getrandbits(16)})"


def json_path(random: Random) -> str:
    return random.choice(("$", "strict $")) + "".join(random.choice((f".\"{word(random)}\"", "[*]", f"[{random.randint(0, 9)}]"))
                                                      for _ in range(random.randint(0, 4)))


def one_of(*values: str):
    return lambda random: random.choice(values)


def key_values(random: Random) -> str:
    """hstore."""
    return ", ".join(f"{quoted(text(random))} => {random.choice(('NULL', quoted(text(random))))}" for _ in range(random.randint(0, 3)))


def labels(random: Random) -> str:
    """ltree."""
    return ".".join(word(random) for _ in range(random.randint(1, 5)))


def cube(random: Random) -> str:
    corner = lambda: "(" + ",".join(repr(random.uniform(-9, 9)) for _ in range(3)) + ")"  # noqa: E731
    return random.choice((corner(), f"{corner()},{corner()}"))


def seg(random: Random) -> str:
    low = random.randint(-99, 99)
    return random.choice((f"{low} .. {low + random.randint(0, 9)}", f"~{low}.5", f"<{low}", f"{low} ..", f"{low}(+-)1"))


def integers_query(random: Random) -> str:
    """query_int of intarray."""
    return random.choice(("&", "|")).join(random.choice(("", "!")) + str(random.randint(0, 99)) for _ in range(random.randint(1, 4)))


def product_number(prefix: str, digits: int):
    """isn: PostgreSQL fills in the check digit."""
    return lambda random: prefix + "".join(random.choices("0123456789", k=digits)) + "?"


def row(*members):
    return lambda random: "(" + ",".join(quoted(member(random)) for member in members) + ")"


def quoted(value: str) -> str:
    """Within a composite, an array or an hstore."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array_literal(elements, delimiter: str = ",") -> str:
    return "{" + delimiter.join("NULL" if one is None else quoted(one) for one in elements) + "}"
