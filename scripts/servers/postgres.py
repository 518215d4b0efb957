"""A PostgreSQL cluster of our own, made by initdb, on a loopback port, with passwords.

It is of Debian's version, 15, unless another is asked for: by the caller, or for all of them by BOTTLEDWATER_POSTGRES_FOLDER in the
environment, a folder as fetch.fetch_postgres() makes it (scripts/versions).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Mapping, Optional

from .paths import postgres_program
from .process import OneProcess, Process, ServerError, free_port

SUPERUSER = "postgres"
FOLDER_OF_ALL = "BOTTLEDWATER_POSTGRES_FOLDER"
PASSWORD = "secret-of-postgres"  # Tests look for it in logs, where it must never be.

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "40",
    "max_replication_slots": "40",
    "max_connections": "150",
    "max_prepared_transactions": "10",
}


class PostgresServer(OneProcess):
    """PostgreSQL refuses to run as root: then it runs as `postgres`, the user Debian's package makes.

    With a `keystore`, a PEM file of key and certificate, it also accepts TLS. With a `distribution`, a folder as
    fetch.fetch_postgres() makes it, it is of that version.
    """

    def __init__(self, folder: Path, settings: Optional[Mapping[str, str]] = None, keystore: Optional[Path] = None,
                 distribution: Optional[Path] = None):
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._keystore = keystore
        self._own_keystore = folder / "keystore.pem"
        tls = {"ssl": "on", "ssl_cert_file": self._own_keystore, "ssl_key_file": self._own_keystore} if keystore else {}
        self._settings = {**SETTINGS, **tls, **(settings or {}), "port": str(self.port)}
        self._user = "postgres" if os.geteuid() == 0 else None
        everywhere = os.environ.get(FOLDER_OF_ALL)
        self._distribution = distribution or (Path(everywhere) if everywhere else None)
        self.process = Process("PostgreSQL", [self._program("postgres"), "-D", str(self.data)],
                               folder / "postgres.log", user=self._user, folder=folder)

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD) -> str:
        return f"postgres://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        if not self.data.exists():
            self._init()
        self._install()  # Data may be a copy of another server's.
        self.process.start()

    def wait_ready(self) -> None:
        self.process.wait_ready(self._is_ready)

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back."""
        self.process.stop(signal.SIGINT)

    def kill9(self) -> None:
        """As when the machine loses power, but for the disk: every process of it is gone at once."""
        self.process.send(signal.SIGSTOP)  # So that no new ones start meanwhile.
        children = self._children()
        _signal_all(children, signal.SIGKILL)
        self.process.kill9()
        _wait_until_gone(children)  # Else the next start may find the shared memory still in use.

    def pause(self) -> None:
        _signal_all([self.process.pid, *self._children()], signal.SIGSTOP)

    def resume(self) -> None:
        if self.is_running():
            _signal_all([self.process.pid, *self._children()], signal.SIGCONT)

    def configure(self, **settings: str) -> None:
        """For the next start."""
        self._settings.update(settings)
        self._write_settings()

    def upgrade_from(self, old: "PostgresServer") -> None:
        """By pg_upgrade: this one, which has not run yet, becomes what `old` is, which ends; then it runs."""
        self.restart()
        self.stop()
        old.stop()
        self._run("pg_upgrade", "--old-bindir", str(Path(old._program("postgres")).parent),
                  "--new-bindir", str(Path(self._program("postgres")).parent), "--old-datadir", str(old.data),
                  "--new-datadir", str(self.data), "--username", SUPERUSER, "--socketdir", str(self.folder),
                  PGPASSWORD=PASSWORD)
        self.restart()

    def use_keystore(self, keystore: Path) -> None:
        """For new connections, from now on; those that there are stay."""
        self._write_keystore(keystore)
        self.process.send(signal.SIGHUP)

    def _init(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            shutil.chown(self.folder, self._user, self._user)
        self._install()
        self._fill_data()
        if self._keystore:
            self._write_keystore(self._keystore)
        self._write_settings()

    def _install(self) -> None:
        """What is fetched, where the server's user may go."""
        program = self.folder / "program"
        if self._distribution and not program.exists():
            shutil.copytree(self._distribution, program, symlinks=True)

    def _program(self, name: str) -> str:
        is_server = name in ("postgres", "initdb")  # What is fetched has no clients: Debian's are of another version then.
        if self._distribution and (is_server or (self._distribution / "bin" / name).exists()):
            return str(self.folder / "program" / "bin" / name)
        return postgres_program(name)

    def _fill_data(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        try:
            self._run("initdb", "-D", str(self.data), "-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256",
                      "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        finally:
            password.unlink()
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write("include 'ours.conf'\n")

    def _run(self, program: str, *arguments: str, **variables: str) -> None:
        as_user = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups"] if self._user else []
        done = subprocess.run([*as_user, self._program(program), *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise ServerError(f"{program} failed:\n{done.stdout}")

    def _write_keystore(self, keystore: Path) -> None:
        self._own_keystore.write_bytes(keystore.read_bytes())
        self._own_keystore.chmod(0o600)
        if self._user:
            shutil.chown(self._own_keystore, self._user, self._user)

    def _write_settings(self) -> None:
        lines = [f"{name} = '{value}'\n" for name, value in self._settings.items()]
        (self.data / "ours.conf").write_text("".join(lines))

    def _is_ready(self) -> bool:
        command = [postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0

    def _children(self) -> list[int]:
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # It may have ended meanwhile.
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []


# As pg_basebackup, which copies no server that is newer than itself. What it lacks of the WAL, a standby streams.
BASE_BACKUP = """
SELECT :SERVER_VERSION_NUM >= 150000 AS renamed \\gset
\\if :renamed
SELECT pg_backup_start('copy', true);
\\else
SELECT pg_start_backup('copy', true, false);
\\endif
\\! cp -a {source} {copy}; rm -rf {copy}/postmaster.pid {copy}/pg_replslot/* {copy}/pg_wal/*
\\o {copy}/backup_label
\\if :renamed
SELECT labelfile FROM pg_backup_stop();
\\else
SELECT labelfile FROM pg_stop_backup(false);
\\endif
"""


class PostgresStandby(PostgresServer):
    """A copy of `primary`, which must run when this starts for the first time; follows it until promoted.

    It has none of the primary's replication slots: base backups leave them out.
    """

    def __init__(self, folder: Path, primary: PostgresServer, settings: Optional[Mapping[str, str]] = None):
        super().__init__(folder, {**(settings or {}), "primary_conninfo": primary.url()})
        self._primary = primary

    def carry_slot_over(self, slot: str) -> None:
        """Copies the slot as the primary's disk has it, which may be behind. For the next start.

        Before PostgreSQL 17 a logical slot comes to a standby in this way only; Patroni does it so.
        """
        assert not self.is_running()
        copy = self.data / "pg_replslot" / slot
        copy.mkdir(mode=0o700)
        # PostgreSQL replaces this file as a whole, by a rename.
        shutil.copyfile(self._primary.data / "pg_replslot" / slot / "state", copy / "state")
        if self._user:
            for path in copy, copy / "state":
                shutil.chown(path, self._user, self._user)

    def move_to(self, port: int) -> None:
        """Answers there from the next start on, as when an address moves from a primary to its standby."""
        self.port = port
        self.configure(port=str(port))

    def _fill_data(self) -> None:
        script = self.folder / "base_backup.sql"
        script.write_text(BASE_BACKUP.format(source=self._primary.data, copy=self.data))
        self._run("psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-f", str(script), self._primary.url())
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        if self._user:
            shutil.chown(signal_file, self._user, self._user)


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # A backend can end at any moment.
            os.kill(pid, number)


def _wait_until_gone(pids: list[int], timeout: float = 10) -> None:
    """Those of them that are zombies hold nothing any more."""
    deadline = time.monotonic() + timeout
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
