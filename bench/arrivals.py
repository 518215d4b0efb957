"""The independent read_committed reader of `bench/run compare`: which rows came, when, and how old they were.

Runs as a process of its own, and reads topics of any relay whose messages are JSON: a key {"id":N}, and a value
that somewhere has "born_us":MICROSECONDS, the time at which the row was inserted.
"""

import multiprocessing
import re
import signal
import time
from array import array
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from confluent_kafka import Message, TopicPartition

from reader import consumer_of_committed

BORN = re.compile(rb'"born_us":(\d+)')
BATCH = 10_000


@dataclass
class Arrival:
    """Of the rows of one load."""
    expected: int
    distinct: int = 0
    messages: int = 0
    last: float = 0.0  # When the last of them came.
    ages_ms: Optional[list] = None  # Sorted; only when asked for.

    def problem(self) -> Optional[str]:
        """Why this is not each row once; nothing when it is."""
        if self.distinct < self.expected:
            return f"incomplete: {self.distinct} of {self.expected} rows"
        if self.messages > self.expected:
            return f"{self.messages - self.expected} of {self.messages} messages twice"
        return None


@dataclass
class _Batch:
    at: float  # time.time(), which is the same clock in every process here.
    ids: array
    ages_us: Optional[array]

    def of(self, first: int, last: int) -> list:
        """Indexes of the messages whose ids are in the range."""
        return [i for i, number in enumerate(self.ids) if first <= number <= last]


class _Tally:
    """Everything that came. Ids are consecutive numbers from `base` on."""

    def __init__(self, base: int):
        self._base = base
        self._seen = bytearray()
        self._batches: list = []
        self.with_ages = False

    def forget(self) -> None:
        self._seen = bytearray()
        self._batches = []

    def add(self, messages: Sequence[Message], now: float) -> None:
        ids, ages = array("q"), array("q") if self.with_ages else None
        for message in messages:
            if message.error():
                continue  # The broker is away: librdkafka goes on by itself.
            ids.append(int(message.key()[6:-1]))  # {"id":N}
            if ages is not None:
                ages.append(int(now * 1e6) - int(BORN.search(message.value()).group(1)))
        if not ids:
            return
        self._mark(ids)
        self._batches.append(_Batch(now, ids, ages))

    def _mark(self, ids: array) -> None:
        end = max(ids) - self._base + 1
        if end > len(self._seen):
            self._seen.extend(bytes(end - len(self._seen)))
        for number in ids:
            self._seen[number - self._base] = 1

    def distinct(self, first: int, last: int) -> int:
        return self._seen.count(1, first - self._base, last - self._base + 1)

    def arrival(self, first: int, last: int) -> Arrival:
        result = Arrival(last - first + 1, self.distinct(first, last))
        ages: list = []
        for batch in self._batches:
            chosen = batch.of(first, last)
            if not chosen:
                continue
            result.messages += len(chosen)
            result.last = batch.at
            if batch.ages_us is not None:
                ages += [batch.ages_us[i] / 1000 for i in chosen]
        result.ages_ms = sorted(ages) or None
        return result


def _run(brokers: str, topics: Sequence[str], base: int, pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; `stop` ends this one.
    # With 1,000 partitions, answers without data are not to be asked for often; data are sent at once.
    consumer = consumer_of_committed(
        brokers, {"fetch.wait.max.ms": 100, "reconnect.backoff.max.ms": 200, "log_level": 2})
    consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
    tally = _Tally(base)
    pipe.send("ready")
    while True:
        message = consumer.poll(0.02)
        if message is not None:
            now = time.time()
            more = consumer.consume(num_messages=BATCH, timeout=0)
            # What the second call took along may have come since the first.
            tally.add([message, *more], time.time() if more else now)
        if pipe.poll():
            question, *arguments = pipe.recv()
            if question == "stop":
                break
            if question == "ages":
                [tally.with_ages] = arguments
            else:
                pipe.send(getattr(tally, question)(*arguments))
    consumer.close()


class Arrivals:
    """Reads `topics`, which exist and have one partition each, from their beginning until `stop`."""

    def __init__(self, brokers: str, topics: Sequence[str], base: int):
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_run, args=(brokers, topics, base, theirs), daemon=True)
        self._process.start()
        assert self._pipe.recv() == "ready"

    def measure_ages(self, wanted: bool) -> None:
        """Whether values are searched for the rows' ages, from now on."""
        self._pipe.send(("ages", wanted))

    def forget(self) -> None:
        """Ids that come from now on are new ones."""
        self._ask("forget")

    def wait(self, first: int, last: int, timeout: float, tend: Callable[[], None]) -> Arrival:
        """Until all ids from `first` to `last` have come, or for so long. Calls `tend` every second meanwhile."""
        deadline = time.time() + timeout
        tended = time.time()
        while self._ask("distinct", first, last) < last - first + 1 and time.time() < deadline:
            if time.time() - tended > 1:
                tend()
                tended = time.time()
            time.sleep(0.05)
        return self.look(first, last)

    def look(self, first: int, last: int) -> Arrival:
        return self._ask("arrival", first, last)

    def stop(self) -> None:
        self._pipe.send(("stop",))
        self._process.join()

    def _ask(self, *question):
        self._pipe.send(question)
        return self._pipe.recv()
