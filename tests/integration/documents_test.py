"""What README, docs/ and the folders' READMEs name is there: files, links, options, commands. The commands themselves
are run by documented_commands_test.py."""

import fnmatch
import os
import re
import subprocess
import sys
from functools import cache

import pytest
from harness.documents import (PAGES_WITH_A_TEST, PAGES_WITH_COMMANDS, ROOT, Block, Word, anchors_of, blocks, files, folders, links_of, pages,
                               words_of)

from servers import binary

PAGES = [page for page in pages() if page != "CHANGELOG.md"]  # Which also names what was there once.

# Programs of this repository, and where each one's options are written; `bench/run` is asked for
# its help.
OPTIONS_OF = {
    "bench/run": [],
    "chaos/run": ["chaos/__main__.py"],
    "python3 scripts/servers": ["scripts/servers/__main__.py"],
    "scripts/fuzz": ["scripts/fuzz"],
    "scripts/versions": ["scripts/versions"],
    "scripts/quickstart": ["scripts/quickstart", "scripts/show/__main__.py"],
    "simulate": ["tests/simulation/simulate_main.cc"],
    "tests/integration/run_pytest": [],
}
OTHER_NAMES = {"build/tests/simulation/simulate": "simulate", "drift": "chaos/run", "drift-short": "chaos/run"}
# Pages on which an option that stands alone may be one of these programs'.
PROGRAMS_OF_PAGE = {"bench/README.md": ["bench/run"], "chaos/README.md": ["chaos/run"],
                    "docs/testing.md": ["simulate", "chaos/run", "scripts/versions"], "tests/simulation/README.md": ["simulate"]}
# Others' programs, whose options are not ours to check.
OTHERS = {"cmake", "ctest", "docker", "kafka-configs.sh", "kubectl", "man", "sudo", "systemctl", "systemd-analyze"}
# Others' options that stand alone.
OTHERS_OPTIONS = {"--pdeathsig": "setpriv", "--resource-pattern-type": "kafka-acls.sh", "--topic": "kafka-acls.sh"}

# What looks like a file of the repository, and what it is.
NO_FILES = {
    "./bottledwater.spool": "made by the relay",
    "2/44DAB970": "an LSN",
    ".py": "the end of a name",
    "rights.sql": "written by the command before it",
    "offsets/N/a": "a key of a record", "offsets/N/b": "a key of a record",
    "meta/captured": "a key of the spool", "claim/": "a key of the spool", "claims_read/": "a key of the spool",
    "held/": "a key of the spool", "key/": "a key of the spool", "reread/": "a key of the spool",
    "type/": "a key of the spool",
}
MADE_BY_BUILDING = "build/"
ENDING = r"\.(c|cc|css|h|html|js|json|md|mjs|py|sh|sql|svg|toml|txt|ya?ml)$"


# --- Files and links ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str):
    gone = [str(word) for word in words_of(page) if looks_like_a_file(word.text) and not is_there(word)]
    assert not gone, gone


@pytest.mark.parametrize("page", PAGES + ["CHANGELOG.md"])
def test_links_lead_somewhere(page: str):
    broken = [f"{page}:{line} links to {target}" for line, target in links_of(page) if not leads_somewhere(page, target)]
    assert not broken, broken


def test_readme_leads_to_every_page_of_docs():
    reached, new = set(), {"README.md"}
    while new:
        reached |= new
        new = {neighbour for page in new for neighbour in named_by(page) if neighbour.endswith(".md")} - reached
    unreached = {name for name in pages("docs/*.md") if name not in reached}
    assert not unreached
    assert {name for name in pages("docs/*.md") if name not in named_by("README.md")} == set()


def looks_like_a_file(text: str) -> bool:
    shape = re.fullmatch(r"[\w.*+-]+(/[\w.*+-]+)*/?", text)
    return bool(shape) and ("/" in text or bool(re.search(ENDING, text)))


def is_there(word: Word) -> bool:
    """From the root, from the page's folder, from the folders whose names go without saying, or by the end of its path."""
    if word.text in NO_FILES or word.text.startswith(MADE_BY_BUILDING):
        return True
    name = word.text.rstrip("/")
    known = files() | folders()
    places = ["", os.path.dirname(word.page), "src", "tests", "docs"]
    candidates = [os.path.normpath(os.path.join(place, name)) for place in places]
    if any(candidate in known or fits(candidate) for candidate in candidates):
        return True
    return any(path.endswith("/" + name) for path in known)


def fits(name: str) -> bool:
    """A glob, a name without its ending (`capture/change_assembler`), or a decision's number."""
    return any(fnmatch.fnmatch(path, name) or path.startswith((name + ".", name + "-")) for path in files())


def leads_somewhere(page: str, target: str) -> bool:
    if re.match(r"https?:", target):
        return True
    path, _, anchor = target.partition("#")
    name = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    return name in files() | folders() and (not anchor or anchor in anchors_of(name))


def named_by(page: str) -> set[str]:
    linked = {os.path.normpath(os.path.join(os.path.dirname(page), target.partition("#")[0])) for _, target in links_of(page)}
    return (linked | {word.text for word in words_of(page)}) & files()


# --- Commands and options -------------------------------------------------------------------------


# Decisions also name what was considered.
@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("docs/decisions/")])
def test_commands_and_options_that_a_page_names_are_in_the_help(page: str):
    unknown = [f"{word}, of which {wrong}" for word in words_of(page) if (wrong := what_is_unknown(word.text, page))]
    assert not unknown, unknown


@pytest.mark.parametrize("block", [block for block in blocks(*PAGES_WITH_COMMANDS, *PAGES_WITH_A_TEST) if block.language in ("sh", "console")],
                         ids=lambda block: block.name)
def test_commands_and_options_of_a_block_are_in_the_help(block: Block):
    """Also where the block is too long to be run."""
    unknown = [f"{command!r}, of which {wrong}" for command in block.commands()
               for part in re.split(r"\||&&|;|<\(", re.sub(r"'[^']*'|#.*", "", command).replace("\\\n", " "))
               if is_ours(part) and (wrong := what_is_unknown(" ".join(part.split()), block.page))]
    assert not unknown, unknown


def test_each_page_whose_commands_are_not_run_here_has_tests_of_its_own():
    pages_of_their_own = {block.page for block in blocks(*PAGES_WITH_A_TEST)}
    tests = {f"docs/how_to/{path.name.removesuffix('_test.py')}.md" for path in (ROOT / "tests/integration").glob("*_test.py")}
    assert pages_of_their_own and pages_of_their_own <= tests


def what_is_unknown(text: str, page: str) -> str:
    """Why these words are no command of ours with options that it has; "" when they are, or are something else."""
    words = text.removeprefix("sudo -u bottledwater ").split(" | ")[0].split()
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    if not words:
        return ""
    options = options_in(" ".join(words))
    program = program_of(words)
    if program == "bottledwater":
        return unknown_to_bottledwater([word for word in words if word != "bottledwater"], options)
    if program is None:
        return f"{words[0]} is no program that this test knows" if long(options) else ""
    if program in OTHERS:
        return ""
    if program:
        return unknown_of(long(options), options_in_sources(program) | {"--help"})
    if not long(options):
        return ""  # A single letter, such as a value that begins with a minus.
    its_own = (options_in_sources(program) for program in PROGRAMS_OF_PAGE.get(page, []))
    return unknown_of(options, options_of_any().union(OTHERS_OPTIONS, *its_own))


def program_of(words: list[str]) -> str | None:
    """"" for an option that stands alone, None for one that is not known."""
    first = words[0].removeprefix("build/") if words[0] == "build/bottledwater" else words[0]
    if first in OTHERS:
        return first
    if first == "bottledwater" or (first in commands() and len(words) > 1 and words[1].startswith("-")):
        return "bottledwater"
    if first.startswith(("-", "[-")):
        return ""
    for name in (*OPTIONS_OF, *OTHER_NAMES):
        if " ".join(words).startswith(name + " ") or " ".join(words) == name:
            return OTHER_NAMES.get(name, name)
    return None


def is_ours(text: str) -> bool:
    words = text.replace("sudo -u bottledwater", "").split()
    return bool(words) and program_of(words) not in (None, "") and program_of(words) not in OTHERS


def unknown_to_bottledwater(words: list[str], options: set[str]) -> str:
    command = words[0] if words and re.fullmatch(r"[a-z]+", words[0]) else ""
    if command and command not in commands():
        return f"{command} is no command"
    return unknown_of(options, options_of(command) | {"--help", "--version", "--config-help"})


def unknown_of(options: set[str], known: set[str]) -> str:
    return ", ".join(sorted(options - known))


def long(options: set[str]) -> set[str]:
    return {option for option in options if option.startswith("--")}


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-zA-Z](?![\w]))", text))


@cache
def options_of(command: str) -> set[str]:
    """Of the relay itself for ""."""
    text = help_text(command)
    return options_in("\n".join(re.findall(r"^ +(?:-\w, )?--.*", text, re.M)))


@cache
def options_of_any() -> set[str]:
    return set().union(*(options_of(command) for command in ("", *commands())))


@cache
def commands() -> tuple[str, ...]:
    section = re.search(r"^Commands.*?\n\n", help_text(""), re.M | re.S).group(0)
    return tuple(re.findall(r"^  ([a-z]+)", section, re.M))


@cache
def help_text(command: str) -> str:
    words = [str(binary()), *([command] if command else []), "--help"]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


@cache
def options_in_sources(program: str) -> set[str]:
    sources = [(ROOT / source).read_text() for source in OPTIONS_OF.get(program, [])]
    return set().union(*map(options_in, sources + (help_of_bench() if program == "bench/run" else [])))


def help_of_bench() -> list[str]:
    asked = ["bench.py outage", "bench.py drain", "bench.py latency", "bench.py idle", "compare.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    return [subprocess.run([sys.executable, *f"{ROOT}/bench/{words} --help".split()], check=True, capture_output=True,
                           text=True, env=environment, timeout=60).stdout for words in asked]
