"""The reader of bench/run compare tells rows that are missing from rows that came twice."""

import pytest

from arrivals import _Tally


class Message:
    """As the client returns it."""

    def __init__(self, number: int, born_us: int = 0):
        self._number, self._born_us = number, born_us

    def error(self):
        return None

    def key(self) -> bytes:
        return b'{"id":%d}' % self._number

    def value(self) -> bytes:
        return b'{"before":null,"after":{"id":%d,"born_us":%d,"payload":"x"}}' % (self._number, self._born_us)


@pytest.fixture
def tally() -> _Tally:
    return _Tally(base=100)


def test_each_row_once_is_no_problem(tally):
    tally.add([Message(number) for number in range(100, 105)], now=1.0)
    tally.add([Message(number) for number in range(105, 110)], now=2.0)
    arrival = tally.arrival(100, 109)
    assert arrival.problem() is None
    assert arrival.last == 2.0


def test_a_missing_row_is_noticed_even_when_another_came_twice(tally):
    tally.add([Message(number) for number in (100, 101, 101)], now=1.0)
    assert tally.distinct(100, 102) == 2
    assert tally.arrival(100, 102).problem() == "incomplete: 2 of 3 rows"


def test_a_row_that_came_twice_is_noticed(tally):
    tally.add([Message(number) for number in (100, 101, 102, 101)], now=1.0)
    assert tally.arrival(100, 102).problem() == "1 of 4 messages twice"


def test_a_load_is_told_from_what_came_before_it(tally):
    tally.add([Message(100), Message(101)], now=1.0)
    tally.add([Message(102), Message(103)], now=5.0)
    arrival = tally.arrival(102, 103)
    assert (arrival.messages, arrival.last) == (2, 5.0)


def test_ages_are_those_of_the_rows(tally):
    tally.with_ages = True
    tally.add([Message(100, born_us=9_990_000), Message(101, born_us=9_998_000)], now=10.0)
    assert tally.arrival(100, 101).ages_ms == [2.0, 10.0]


def test_what_was_forgotten_may_come_again(tally):
    tally.add([Message(100)], now=1.0)
    tally.forget()
    tally.add([Message(100)], now=2.0)
    assert tally.arrival(100, 100).problem() is None
