"""A connection that commits one statement after another, in a thread, while the test does something else."""

import threading
import time

import psycopg


class Writer:
    """Executes `statement` with {n} = 1, 2, 3, ... until the end of the `with` block.

    `written` is how many of them are committed. An error of PostgreSQL ends the writer, and the `with` block raises it.
    """

    def __init__(self, url: str, statement: str, *, per_second: float = 500):
        self.written = 0
        self._url = url
        self._statement = statement
        self._pause_s = 1 / per_second
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._failure: list[Exception] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failure:
            raise self._failure[0]

    def wait_for(self, count: int, timeout: float = 60) -> None:
        """Returns when so many are committed."""
        with self._changed:
            done = self._changed.wait_for(lambda: self.written >= count or self._failure, timeout)
        assert done and not self._failure, f"the writer committed {self.written} of {count}: {self._failure}"

    def _run(self) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._stopping.is_set():
                    connection.execute(self._statement.format(n=self.written + 1))
                    with self._changed:
                        self.written += 1
                        self._changed.notify_all()
                    time.sleep(self._pause_s)
        except Exception as error:
            with self._changed:
                self._failure.append(error)
                self._changed.notify_all()
