"""The checkers bite: each is shown evidence in which one thing is wrong, and says so."""

import json

import pytest

from clients import Message

from chaos.checkers import ALL, violations
from chaos.evidence import Entry, Evidence, Watched

FIRST_LSN = 0x1000


def entry(seq: int, table: str, key, value, xid=None) -> Entry:
    return Entry(seq, xid or seq, table, key, value)


def account(id: int, change: int) -> dict:
    return {"id": id, "change": change, "filler": "x"}


ENTRIES = [
    entry(1, "account", {"id": 1}, account(1, 1), xid=1),
    entry(2, "account", {"id": 2}, account(2, 2), xid=1),
    entry(3, "account", {"id": 1}, account(1, 3)),  # Up to here the snapshot.
    entry(4, "account", {"id": 1}, account(1, 4)),
    entry(5, "account", {"id": 2}, None),
    entry(6, "account", {"id": 1}, account(1, 6)),
    entry(7, "event", None, {"writer": 1, "change": 7}),
    entry(8, "event", None, {"writer": 1, "change": 8}),
]
IN_SNAPSHOT = 3
TABLES = {"account": [account(1, 6)]}


def message(topic: str, number: int, op: str, key, value) -> Message:
    raw = None if key is None else json.dumps(key).encode()
    return Message("p." + topic, 0, number, key, value, {"op": op, "lsn": f"0/{FIRST_LSN + number:X}:0"}, raw, None)


def right() -> list[Message]:
    """What a relay that does all right publishes of ENTRIES."""
    data = [message("account", 0, "r", {"id": 1}, account(1, 3)), message("account", 1, "r", {"id": 2}, account(2, 2))]
    data += [message(one.table, one.seq, "c", one.key, one.value) for one in ENTRIES[IN_SNAPSHOT:]]
    ledger = [message("ledger", one.seq, "r" if one.seq <= IN_SNAPSHOT else "c", {"seq": one.seq}, {"seq": one.seq})
              for one in ENTRIES]
    return data + ledger


def found(messages: list[Message], **more) -> set[str]:
    """The names of the invariants that do not hold."""
    evidence = Evidence(more.get("entries", ENTRIES), messages, more.get("tables", TABLES), "p.",
                        more.get("watched", Watched()), more.get("taken_again", set()))
    return {text.split(":")[0] for text in violations(evidence)}


def without(topic: str, seq: int) -> list[Message]:
    return [one for one in right() if not (one.topic == "p." + topic and one.offset == seq)]


def test_nothing_is_wrong_with_what_is_right():
    assert found(right()) == set()


@pytest.mark.parametrize("topic, seq", [("account", 4), ("event", 7), ("ledger", 4), ("account", 5)])
def test_a_lost_message_is_found(topic: str, seq: int):
    assert "nothing lost" in found(without(topic, seq))


@pytest.mark.parametrize("number", range(len(right())))
def test_a_repeated_message_is_found(number: int):
    messages = right()
    assert "nothing twice" in found([*messages, messages[number]])


def test_a_message_that_nobody_committed_is_found():
    assert "nothing twice" in found([*right(), message("account", 99, "c", {"id": 9}, account(9, 9))])


def test_messages_of_a_key_in_the_wrong_order_are_found():
    messages = without("account", 4)
    messages.append(message("account", 99, "c", {"id": 1}, account(1, 4)))
    assert "order per key" in found(messages)
    assert "last value" in found(messages)


def test_a_partition_that_goes_back_is_found():
    messages = right()
    messages[2], messages[3] = messages[3], messages[2]
    assert "order per key" in found(messages)


def test_a_last_message_that_is_not_the_row_is_found():
    assert found(right(), tables={"account": [account(1, 6), account(3, 3)]}) == {"last value"}


def test_a_column_that_was_added_later_is_no_difference_while_it_is_null():
    assert found(right(), tables={"account": [{**account(1, 6), "extra": None}]}) == set()
    assert found(right(), tables={"account": [{**account(1, 6), "extra": 1}]}) == {"last value"}


def test_a_transaction_half_in_the_snapshot_is_found():
    entries = [entry(one.seq, one.table, one.key, one.value, xid=3) if one.seq == 4 else one for one in ENTRIES]
    assert found(right(), entries=entries) == {"snapshot"}


def late(id: int, change: int) -> dict:
    return {"id": id, "change": change}


# A table that is published from some moment on, and whose rows are taken when the second change has committed.
LATE_ENTRIES = [
    entry(11, "late", {"id": 1}, late(1, 11)),
    entry(12, "late", {"id": 2}, late(2, 12)),
    entry(21, "late", {"id": 1}, late(1, 21)),
    entry(22, "late", {"id": 2}, None),
]
LATE_ROWS_AT = 20
LATE_ROWS = [message("late", LATE_ROWS_AT, "r", {"id": 1}, late(1, 11)),
             message("late", LATE_ROWS_AT, "r", {"id": 2}, late(2, 12))]
LATE_STREAMED = [message("late", one.seq, "c", one.key, one.value) for one in LATE_ENTRIES[2:]]


def found_of_late(*messages: Message) -> set[str]:
    ledger = [message("ledger", one.seq, "c", {"seq": one.seq}, {"seq": one.seq}) for one in LATE_ENTRIES]
    return found([*right(), *ledger, *messages], entries=[*ENTRIES, *LATE_ENTRIES],
                 tables={**TABLES, "late": [late(1, 21)]}, taken_again={"late"})


def test_a_table_that_was_taken_again_is_judged_from_its_rows_on():
    before = message("late", 12, "c", {"id": 2}, late(2, 12))  # May have been published already, or not.
    assert found_of_late(*LATE_ROWS, *LATE_STREAMED) == set()
    assert found_of_late(before, *LATE_ROWS, *LATE_STREAMED) == set()


@pytest.mark.parametrize("number", range(4))
def test_a_hole_in_a_table_that_was_taken_again_is_found(number: int):
    messages = [*LATE_ROWS, *LATE_STREAMED]
    del messages[number]
    assert "nothing lost" in found_of_late(*messages)


def test_rows_of_another_moment_are_found():
    later = message("late", LATE_ROWS_AT, "r", {"id": 1}, late(1, 21))
    assert found_of_late(later, LATE_ROWS[1], *LATE_STREAMED) == {"nothing lost", "nothing twice"}


def test_a_table_that_was_not_taken_again_after_all_is_found():
    assert "nothing lost" in found_of_late(*LATE_STREAMED)


def test_bounds_are_kept():
    assert found(right(), watched=Watched(10, 9, 10, 9)) == {"WAL bounded", "memory bounded"}
    assert found(right(), watched=Watched(10, 10, 10, 10)) == set()
    assert found(right(), watched=Watched(10, None, 10, None)) == set()


def test_each_checker_has_been_shown_something():
    assert len(ALL) == 7
