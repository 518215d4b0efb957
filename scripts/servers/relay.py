"""The relay under test: its options, its log, its end."""

import os
import re
import time
from pathlib import Path
from typing import Mapping, Optional, Sequence, Union

from .process import Process, ServerError

Option = Union[str, int, bool, list]


def binary() -> Path:
    built = Path(__file__).resolve().parent.parent.parent / "build" / "bottledwater"
    return Path(os.environ.get("BOTTLEDWATER_BINARY", built))


class Relay(Process):
    """`bottledwater` with a spool and a log in `folder`. Can be started again after its end, as it was.

    Options are named as on the command line, with `_` for `-`: `topic_prefix="x"`, `allow_unkeyed=True`,
    `kafka_config=["a=1", "b=2"]`. Those in `environment` (with their BOTTLEDWATER_ names) stay off the
    command line, where everyone on the machine could read them. `arguments` come first, as they are.
    """

    def __init__(self, folder: Path, environment: Optional[Mapping[str, str]] = None, *, program: Optional[Path] = None,
                 arguments: Sequence[str] = (), **options: Option):
        folder.mkdir(parents=True, exist_ok=True)
        options.setdefault("spool", str(folder / "spool"))
        self.options = options
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BOTTLEDWATER_")}
        super().__init__("The relay", [str(program or binary()), *arguments, *command_line(options)], folder / "relay.log",
                         environment={**inherited, **(environment or {})}, folder=folder)

    def use_program(self, program: Path) -> None:
        """Another build, from the next start on."""
        self._command[self._command.index("--") + 1] = str(program)

    def run(self, timeout: float = 30) -> int:
        """From start to end, for starts that are refused: the exit code."""
        self.start()
        return self.exit_code(timeout)

    def wait_for_log(self, pattern: str, timeout: float = 30) -> re.Match:
        """The first match since the newest start."""
        deadline = time.monotonic() + timeout
        while True:
            running = self.is_running()  # Asked before reading, so that its last words are read too.
            found = re.search(pattern, self.log_text())
            if found:
                return found
            if not running:
                raise ServerError(f"the relay ended without logging {pattern!r}; its log ends:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"the relay did not log {pattern!r} in {timeout:g} s; its log ends:\n{self.log_tail()}")
            time.sleep(0.02)

    def wait_streaming(self, timeout: float = 60) -> None:
        self.wait_for_log(r"(?i)streaming changes from", timeout)


def command_line(options: Mapping[str, Option]) -> list[str]:
    words = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value is not False:
            words += [f"{option}={one}" for one in (value if isinstance(value, list) else [value])]
    return words
