"""Every command that README and docs/ show in a block of its own is run on real servers, as a reader would type it.

A page's blocks are run from top to bottom. Names of hosts and files become the test's own by ReaderOfDocuments.names,
and nothing else is changed. What is not run is named in NOT_RUN with the reason. A command, or a block in a language,
that is neither run nor named there fails the test.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from harness.documents import PAGES_WITH_COMMANDS, ROOT, Block, blocks
from harness.reader_of_documents import TABLES, ReaderOfDocuments

from servers import Servers

# What is only looked at (`bash -n`; its options, by documents_test.py), and why.
NOT_RUN = {
    "scripts/quickstart": "installs and builds for minutes; the rest of it is run below",
    "scripts/build": "builds for minutes; what it builds is run here",
    "scripts/package": "tests/packaging/package_test.py runs it",
    "scripts/fuzz": "installs clang and fuzzes for as long as it is told",
    "ctest": "takes a finished build; scripts/test runs it",
    "bench/run": "measures for up to 40 minutes",
    "chaos/run": "builds, and breaks things for minutes", "chaos/undefended": "likewise",
    "simulate": "ctest runs it, in the tests simulation_*",
    "docker": "takes a container engine; tests/packaging/container_test.py checks the files that it names",
    "apt": "takes root; tests/packaging/package_test.py installs, upgrades, removes and purges in a chroot",
    "install -o root": "takes root and a user of the package; tests/packaging/package_test.py runs it",
    "sed -i": "tests/packaging/alerts_test.py checks that the rules have what it replaces",
    "systemctl": "takes a booted systemd", "journalctl": "takes a booted systemd",
    "ALTER_REPLICATION_SLOT": "takes PostgreSQL 17 or later: failover_slot_test.py runs it",
    "kafka-acls.sh": "rights_test.py runs what `check --print-acls` prints, and compares this with it",
}


@dataclass(frozen=True)
class How:
    """How a command or a block of SQL is run, when not beside a running relay until it ends with 0."""

    state: str = "running"  # Of the relay: `running`, `stopped` or `as it is`, see ReaderOfDocuments.needs().
    code: int = 0
    until: str = ""  # A regular expression: once this was written, Ctrl-C is typed.
    stays: bool = False  # Not then, but when a later command needs the relay stopped, or at the end of the page.
    shows: str = ""  # A regular expression of what must have been written.
    at_root: bool = False  # Of the repository, and not in a folder of the test's.
    after: str = ""  # SQL that undoes it.
    topic: str = ""  # What comes next needs this topic, as somebody who types finds it there.
    elsewhere: bool = False  # In a database of its own with the same tables, where no relay has been.


STREAMS = "(?i)streaming changes from"
NOBODY_CONFIRMS = 64  # `remove` without a terminal: it lists, and removes nothing; remove_test.py confirms.
LISTS = "(?s)replication slot.*publications.*checkpoint topic.*remove +spool"

# By how a command begins; the longest beginning counts.
COMMANDS = {
    "bottledwater": How(),
    "source": How(),
    "curl": How(shows='"version"'),
    "build/bottledwater --postgres": How("as it is", until=STREAMS, stays=True),
    "build/bottledwater check": How("as it is"),
    "build/bottledwater tail": How(until='"op":"d"', shows='(?s)"op":"r".*"op":"c".*"op":"u"'),
    "build/bottledwater remove": How("stopped", NOBODY_CONFIRMS, shows=LISTS),
    "bottledwater --config": How("as it is", until=STREAMS, stays=True),
    "bottledwater check": How("stopped"),
    "bottledwater check --print-sql": How(),
    "bottledwater check --print-acls": How(shows="kafka-acls.sh"),
    "bottledwater status": How(shows="PostgreSQL"),
    "bottledwater inspect": How(shows="captured|orders"),
    "bottledwater inspect --spool=DIR --transactions --json": How(),
    "bottledwater replay": How(shows="changes"),
    "bottledwater tail": How(until='"op":"r"'),
    "bottledwater resnapshot --config": How("as it is", until=STREAMS),
    "bottledwater resnapshot public.orders": How(shows="public.orders"),
    "bottledwater remove": How("stopped", NOBODY_CONFIRMS, shows=LISTS),
    "mv /var/lib/bottledwater/spool": How("stopped"),
    "python3 scripts/servers up": How("as it is", until="Ctrl-C", at_root=True),
}

# By how a block of SQL begins.
SQL = {
    "CREATE ROLE relay": How(elsewhere=True),
    "CREATE PUBLICATION shop_changes": How(elsewhere=True),
    "CREATE PUBLICATION shop_orders": How("as it is"),
    "SELECT slot_name": How(),
    "SELECT pid": How(),
    "SELECT pg_drop_replication_slot": How("stopped"),
    "ALTER SYSTEM SET max_slot_wal_keep_size": How(after="ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf()"),
    "SHOW wal_level": How("as it is", after="ALTER SYSTEM RESET wal_level"),
    "CREATE TABLE greetings": How("as it is"),
    "INSERT INTO greetings": How(topic="greetings"),
    "CREATE TABLE landing": How(),
    "COPY landing": How(),
    "SELECT key, value FROM (": How(),
}

SHELL = ("sh", "console")
ALL = list(blocks(*PAGES_WITH_COMMANDS))
# Which begin with no relay; and one that ends by removing its slot. They come last, so that the
# others share a relay.
BEGINS_ANEW = ("README.md", "docs/howto.md", "docs/tutorial.md")
SPOILS = "docs/operations.md"
PAGES = sorted({block.page for block in ALL if block.language}, key=lambda page: (page in BEGINS_ANEW, page == SPOILS, page))


def beginning(text: str, beginnings: dict) -> str:
    """The longest of them with which it begins; "" when none does."""
    text = re.sub(r"\\\n|\s+", " ", text.removeprefix("sudo -u bottledwater ")).replace("  ", " ").strip()
    return max((one for one in beginnings if text.startswith(one)), key=len, default="")


@pytest.fixture(scope="module")
def reader_of(servers: Servers) -> Iterator[Callable[[str], ReaderOfDocuments]]:
    """Of a page: a new one if it begins anew, after the one before is gone."""
    present: list[ReaderOfDocuments] = []

    def choose(page: str) -> ReaderOfDocuments:
        if page in BEGINS_ANEW:
            while present:
                present.pop().close()
        if not present:
            present.append(ReaderOfDocuments(servers))
        return present[-1]

    yield choose
    while present:
        present.pop().close()


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(page: str, reader_of: Callable[[str], ReaderOfDocuments]):
    mine = [block for block in ALL if block.page == page and block.language]
    someone = reader_of(page) if any(map(takes_servers, mine)) else None
    for block in mine:
        try:
            RUN[block.language](block, someone)
        except Exception as error:
            error.add_note(f"in the block {block.name}")
            raise


def takes_servers(block: Block) -> bool:
    shell = any(not beginning(command, NOT_RUN) for command in block.commands()) if block.language in SHELL else False
    return shell or block.language in ("sql", "toml", "yaml", "ini")


# --- A block of each language ---------------------------------------------------------------------


def run_shell(block: Block, someone: ReaderOfDocuments) -> None:
    parse = subprocess.run(["bash", "-n"], input="\n".join(block.commands()), capture_output=True, text=True)
    assert (parse.returncode, parse.stderr) == (0, ""), parse.stderr
    for command in block.commands():
        if not beginning(command, NOT_RUN):
            begins = beginning(command, COMMANDS)
            assert begins, f"{command}\nis neither in COMMANDS nor in NOT_RUN"
            how = COMMANDS[begins]
            someone.needs(how.state)
            code, written = someone.does(command, how.until, how.stays, ROOT if how.at_root else None)
            assert code == how.code, f"{command}\nended with {code}, not {how.code}:\n{written}"
            assert re.search(how.shows, written), f"{command}\nshows no {how.shows!r}, but:\n{written}"


def run_sql(block: Block, someone: ReaderOfDocuments) -> None:
    if beginning(block.text, NOT_RUN):
        return
    begins = beginning(block.text, SQL)
    assert begins, f"{block.text}is neither in SQL nor in NOT_RUN"
    how = SQL[begins]
    database = None
    if how.elsewhere:
        database = someone.scene.name + "e"
        someone.scene.execute(f"CREATE DATABASE {database}")
        someone.runs_sql(TABLES, database)
    else:
        someone.needs(how.state)
    try:
        someone.runs_sql(block.text, database)
    finally:
        someone.runs_sql(how.after)
        if how.topic:
            someone.waits_for_topic(how.topic)
        if database:
            someone.runs_sql("DROP OWNED BY relay CASCADE" if "ROLE relay" in block.text else "", database)
            someone.scene.execute(f"DROP DATABASE {database}")


def run_toml(block: Block, someone: ReaderOfDocuments) -> None:
    """The relay takes it; whether the servers are as it says is not this file's affair."""
    path = someone.writes(block.text)
    code, written = someone.does(f"bottledwater check --config={path} --spool={someone.folder}/another --slot=another")
    assert code in (0, 75), written


def run_yaml(block: Block, someone: ReaderOfDocuments) -> None:
    """Of Prometheus."""
    folder = someone.folder
    shutil.copy(ROOT / "packaging/prometheus/bottledwater.rules.yml", folder)
    (folder / "prometheus.yml").write_text(block.text)
    checked = subprocess.run(["promtool", "check", "config", folder / "prometheus.yml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def run_ini(block: Block, someone: ReaderOfDocuments) -> None:
    """Of systemd: an addition to the service."""
    folder = someone.folder
    unit = (ROOT / "packaging/systemd/bottledwater.service").read_text().replace("/usr/bin/bottledwater", "/bin/true")
    (folder / "bottledwater.service").write_text(unit + block.text)
    checked = subprocess.run(["systemd-analyze", "--man=no", "verify", folder / "bottledwater.service"],
                             capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def run_python(block: Block, _: ReaderOfDocuments) -> None:
    """An excerpt, whose names come from the place where it stands."""
    compile(block.text, block.name, "exec")


RUN = {"sh": run_shell, "console": run_shell, "sql": run_sql, "toml": run_toml, "yaml": run_yaml, "ini": run_ini,
       "python": run_python}


def test_quickstart_works_once_all_is_installed_and_built(servers: Servers):
    """On servers that are given to it, as with `scripts/quickstart --postgres=...`."""
    given = servers.environment()
    options = [f"--{name.lower().replace('_', '-')}={given['BOTTLEDWATER_' + name]}"
               for name in ("POSTGRES", "BROKER", "SCHEMA_REGISTRY")]
    done = subprocess.run([sys.executable, ROOT / "scripts/show", "--once", *options], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "expected messages came, each once." in done.stdout, done.stdout + done.stderr


# --- Nothing escapes ------------------------------------------------------------------------------


def test_every_block_is_run_or_named_with_a_reason():
    commands = [(block, command) for block in ALL if block.language in SHELL for command in block.commands()]
    neither = [f"{block.name}: {command}" for block, command in commands
               if not beginning(command, NOT_RUN) and not beginning(command, COMMANDS)]
    neither += [block.name for block in ALL if block.language == "sql" and not beginning(block.text, {**SQL, **NOT_RUN})]
    neither += [block.name for block in ALL if block.language and block.language not in RUN]
    assert not neither, neither


def test_blocks_of_no_language_show_no_commands():
    programs = "|".join(map(re.escape, ["$ ", *NOT_RUN, *COMMANDS, "psql", "kubectl", "sudo"]))
    shown = [f"{block.name}: {line}" for block in ALL if not block.language for line in block.text.splitlines()
             if re.match(rf"({programs})(\s|$)", line.strip() if line.startswith("$") else line)]
    assert not shown, shown


def test_nothing_is_named_that_no_page_shows():
    commands = [command for block in ALL if block.language in SHELL for command in block.commands()]
    used = {beginning(command, NOT_RUN) or beginning(command, COMMANDS) for command in commands}
    used |= {beginning(block.text, {**SQL, **NOT_RUN}) for block in ALL if block.language == "sql"}
    assert {*NOT_RUN, *COMMANDS, *SQL} - used <= {"bottledwater"}
