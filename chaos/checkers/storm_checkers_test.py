"""The storm's checker bites: it is shown a log and messages of which one thing is wrong, and says so."""

import pytest

from chaos.checkers import storm_messages
from chaos.storm.evidence import LoggedRow, SeenRow, StormEvidence


def logged(id: int, change: int | None, **columns) -> LoggedRow:
    own = {"id": ("bigint", str(id)), "change": ("bigint", str(change))}
    return LoggedRow("s_1", id, change, None if change is None else {**own, **columns})


def seen(id: int, change: int | None, **texts) -> SeenRow:
    return SeenRow("s_1", id, (change or 99, 0), "u", None if change is None else {"id": str(id), "change": str(change), **texts})


LOG = [
    logged(1, 1, x_1=("numeric(10,2)", "1.50")),
    logged(1, 2, x_1=("numeric(10,2)", None), x_2=("integer[]", "{1}")),
    logged(2, 3, x_2=("time", "12:00:00")),
    logged(1, None),
]
SEEN = [seen(1, 1, x_1="1.50"), seen(1, 2, x_1=None, x_2="{1}"), seen(2, 3, x_2="12:00:00.000000"), seen(1, None)]


def violations(messages: list[SeenRow]) -> list[str]:
    return storm_messages.check(StormEvidence(LOG, messages), lambda doubts: {one for one in doubts if one[0] == "time"})


def test_what_is_right_is_right():
    assert violations(SEEN) == []


@pytest.mark.parametrize("number, instead, said", [
    (1, [], "3 changes and 2 messages"),
    (1, [SEEN[1], SEEN[1]], "3 changes and 4 messages"),
    (3, [], "3 changes and 2 messages"),
    (2, [seen(3, 3, x_2="12:00:00")], "1 changes and 0 messages"),
    (0, [seen(1, 1, x_1="1.5")], "'1.50' came as '1.5'"),
    (0, [seen(1, 1, x_1=None)], "came as None"),
    (0, [seen(1, 1)], "came as ['change', 'id']"),
    (1, [seen(1, 2, x_1=None, x_2="{1}", x_3=None)], "x_3"),
    (1, [seen(1, 2, x_1="", x_2="{1}")], "is None and came as ''"),
], ids=["lost", "twice", "tombstone lost", "another row's", "value", "null", "column lost", "column more", "not null"])
def test_what_is_wrong_is_said(number: int, instead: list[SeenRow], said: str):
    [found, *_] = violations(SEEN[:number] + instead + SEEN[number + 1:])
    assert said in found


def test_messages_in_another_order_are_wrong():
    assert "from number 0 on" in violations([SEEN[1], SEEN[0], *SEEN[2:]])[0]


def test_what_cannot_be_decoded_is_wrong():
    assert storm_messages.check(StormEvidence(LOG, SEEN, ["cannot be decoded"]), lambda doubts: doubts) == ["cannot be decoded"]
