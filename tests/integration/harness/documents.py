"""What README and the pages of docs/ show: their blocks of code, what stands in backticks, and their links."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Those whose commands are run: the pages of users and of those who work on the relay.
PAGES_WITH_COMMANDS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "bench/README.md", "chaos/README.md",
                       "packaging/README.md", "scripts/README.md", "tests/*/README.md")
PAGES_WITH_A_TEST = ("docs/how_to/*.md",)  # Each with a file of tests of its own, by its name, which runs its commands.


@dataclass(frozen=True)
class Block:
    page: str
    line: int  # Of its opening fence.
    language: str  # "" for figures and for what programs have written.
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """Of a block of shell commands; of a session, those behind `$ `. Without comments that stand alone."""
        if self.language == "console":
            found = re.findall(r"^\$ ((?:\\\n|.)+)", self.text, re.M)
        else:
            found = re.findall(r"^((?:\\\n|.)+)", self.text, re.M)
        return [command for command in found if command.strip() and not command.lstrip().startswith("#")]


@dataclass(frozen=True)
class Word:
    """What stands in backticks within a sentence or a table."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} has `{self.text}`"


@cache
def files() -> frozenset[str]:
    """Of the repository, those not yet committed too."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout
    return frozenset(name for name in listed.split("\0") if name and (ROOT / name).exists())


@cache
def folders() -> frozenset[str]:
    return frozenset(str(parent) for name in files() for parent in Path(name).parents)


@cache
def pages(*patterns: str) -> tuple[str, ...]:
    """Markdown files; all of the repository without a pattern."""
    chosen = {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}
    return tuple(sorted(name for name in files() if name.endswith(".md") and (name in chosen or not patterns)))


def blocks(*patterns: str) -> Iterator[Block]:
    for page in pages(*patterns):
        yield from blocks_of(page, (ROOT / page).read_text())


def blocks_of(page: str, text: str) -> Iterator[Block]:
    opening, inside = None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r" *```(\w*)\s*$", line)
        if fence and opening is None:
            opening, inside, language = number, [], fence.group(1)
            indent = len(line) - len(line.lstrip())
        elif fence:
            yield Block(page, opening, language, "".join(inside))
            opening = None
        elif opening is not None:
            inside.append(line[min(indent, len(line) - len(line.lstrip())):] + "\n")
    assert opening is None, f"{page}:{opening}: the block has no end"


def without_blocks(text: str) -> str:
    """With as many lines."""
    return re.sub(r"^ *```.*?^ *```", lambda block: "\n" * block.group(0).count("\n"), text, flags=re.M | re.S)


def words_of(page: str) -> Iterator[Word]:
    text = without_blocks((ROOT / page).read_text())
    for found in re.finditer(r"``(.+?)``|`([^`]+)`", text, re.S):
        inside = " ".join((found.group(1) or found.group(2)).split()).replace("\\|", "|")
        yield Word(page, text.count("\n", 0, found.start()) + 1, inside)


def links_of(page: str) -> Iterator[tuple[int, str]]:
    """Line and target."""
    text = re.sub(r"`[^`\n]*`", "", without_blocks((ROOT / page).read_text()))
    for found in re.finditer(r"\]\(\s*([^)\s]+)\s*\)", text):
        yield text.count("\n", 0, found.start()) + 1, found.group(1)


@cache
def anchors_of(page: str) -> frozenset[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", without_blocks((ROOT / page).read_text()), re.M)
    found: set[str] = set()
    for heading in headings:
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{base}-{number}" if number else base) in found:
            number += 1
        found.add(anchor)
    return frozenset(found)
