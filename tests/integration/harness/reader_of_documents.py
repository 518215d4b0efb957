"""Somebody who does what a page says: a database `shop`, a relay on it, a shell and psql. What the pages call by names of
their own (hosts, files, the first LSN) is put in the place of those names: `names` has all of that."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Optional

from servers import Relay, Servers, binary
from servers.paths import cache, postgres_program
from servers.postgres import PASSWORD, SUPERUSER

from .scene import Scene

TABLES = """
    CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2));
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    INSERT INTO orders VALUES (1, 10.00), (2, 20.50);
    INSERT INTO customers VALUES (1, 'one')"""


class ReaderOfDocuments:
    def __init__(self, servers: Servers):
        self.folder = Path(tempfile.mkdtemp(prefix="bottledwater-documents."))
        self.folder.chmod(0o755)  # PostgreSQL runs programs of it: COPY ... FROM PROGRAM.
        for name in ("bin", "home/.config/fish/completions"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(binary(), self.folder / "bin/bottledwater")
        self.scene = Scene(servers, self.folder)
        self.scene.slot = "bottledwater"  # As by default.
        self.scene.execute(TABLES)
        self.scene.execute("CREATE SCHEMA sales CREATE TABLE orders (id int PRIMARY KEY)")
        self.config = self.folder / "bottledwater.toml"
        self.spool = self.folder / "spool"
        self._write_config()
        self._first_lsn = "0/0"
        self._relay: Optional[Relay] = None
        self._left_running: list[subprocess.Popen] = []

    def close(self) -> None:
        self.ends_what_runs()
        self.scene.connection.close()
        self.scene.connection = self.scene.connect()  # A page may have left a transaction open.
        self.scene.execute("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'relay') THEN "
                           "DROP OWNED BY relay CASCADE; DROP ROLE relay; END IF; END $$")
        self.scene.close()
        shutil.rmtree(self.folder)

    @property
    def names(self) -> dict[str, str]:
        """What stands for what."""
        return {
            "sudo -u bottledwater ": "",
            "build/bottledwater": "bottledwater",
            "'bottledwater tail": f"'{self.folder}/bin/bottledwater tail",  # Run by PostgreSQL, which has its own PATH.
            "/etc/bottledwater/bottledwater.toml": str(self.config),
            "/etc/bottledwater/landing.conf": f"{self.folder}/landing.conf",
            "/etc/bottledwater.secrets": f"{self.folder}/secrets",
            "/var/lib/bottledwater/spool": str(self.spool),
            "--spool=DIR": f"--spool={self.spool}",
            "--config=FILE": f"--config={self.config} --spool={self.spool}",  # A file that names the spool, too.
            "postgres://relay@db.example/shop": self.scene.url(),
            "dbname=shop": self.scene.url(),
            "DATABASE shop": f"DATABASE {self.scene.name}",
            "kafka.example:9092": self.scene.servers.kafka.address,
            "k1.example:9092,k2.example:9092": self.scene.servers.kafka.address,
            "https://registry.example": self.scene.servers.registry.url,
            "shop.orders": f"{self.scene.prefix}.orders",
            "0/19F0120": self._first_lsn,
            " [--to-lsn=LSN]": "",
            "/usr/local/share/man/man1/": f"{self.folder}/",
            '"${fpath[1]}/_bottledwater"': f'"{self.folder}/_bottledwater"',
        }

    def in_own_words(self, text: str) -> str:
        for name, own in self.names.items():
            text = text.replace(name, own)
        return text

    def needs(self, state: str) -> None:
        """Brings the relay into that state: `running`, `stopped` after it has published, or `as it is`."""
        if state == "as it is" or (state == "running" and self._left_running):
            return
        if self._left_running:
            self.ends_what_runs()
            return
        if not self._relay:
            self._start()
        elif state == "running" and not self._relay.is_running():
            self._relay.start()
            self._relay.wait_streaming()
        if state == "stopped":
            self._relay.stop()

    def does(self, command: str, until: Optional[str] = None, stays: bool = False, folder: Optional[Path] = None,
             timeout: float = 60) -> tuple[int, str]:
        """Exit code and all that was written. With `until`, a regular expression, Ctrl-C is typed once that was written,
        or, if it `stays`, when it has to make room."""
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", self.in_own_words(command)],
                                       cwd=folder or self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            self._left_running.append(process)
            if until:
                self._wait_for(output, until, process, timeout)
            code = 0
            if not stays:
                code = self._end(self._left_running.pop(), timeout, interrupted=bool(until))
            output.seek(0)
            return code, output.read()

    def ends_what_runs(self) -> None:
        while self._left_running:
            process = self._left_running.pop()
            ended = process.poll()
            code = self._end(process, 30, interrupted=True)
            assert ended is None and code == 0, f"what was left running has ended with {code}: {process.args[-1]}"

    def waits_for_topic(self, name: str) -> None:
        self.scene.wait_until(lambda: name in self.scene.reader.topics(), 30, f"topic {name}")

    def runs_sql(self, text: str, database: Optional[str] = None) -> None:
        """As with psql, which stops at the first error."""
        environment = {**self._environment(), "PGDATABASE": database or self.scene.name}
        done = subprocess.run([postgres_program("psql"), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"],
                              input=self.in_own_words(text), env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}\nends with: {done.stderr}"

    def writes(self, text: str) -> Path:
        """A configuration file, where its first line says, but beside the relay's own."""
        path = Path(self.in_own_words(re.match(r"# (\S+)", text).group(1)))
        if path == self.config:
            path = self.folder / "documented.toml"
        path.write_text(self.in_own_words(text))
        path.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
        return path

    def _write_config(self) -> None:
        """As packaging/systemd has it: the spool is named elsewhere."""
        self.config.write_text(f'postgres = "{self.scene.url()}"\nbroker = "{self.scene.servers.kafka.address}"\n'
                               f'schema-registry = "{self.scene.servers.registry.url}"\ntopic-prefix = "{self.scene.prefix}"\n'
                               'exclude-tables = "public.landing"\nreplay-window = "1GiB"\n')
        self.config.chmod(0o600)
        secrets = self.folder / "secrets"
        secrets.write_text("sasl.username=relay\nsasl.password=secret\n")
        secrets.chmod(0o600)

    def _start(self) -> None:
        self._relay = self.scene.running_relay(f"--config={self.config}", broker=None, schema_registry=None, topic_prefix=None)
        [(self._first_lsn,)] = self.scene.query("SELECT pg_current_wal_lsn()::text")
        self.scene.execute("INSERT INTO orders VALUES (17, 17.00)")
        self.scene.settle()

    def _environment(self) -> dict[str, str]:
        postgres = self.scene.servers.postgres
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "HOME": f"{self.folder}/home", "LC_ALL": "C.UTF-8",
                "XDG_CACHE_HOME": str(cache().parent),  # Where scripts/servers finds what was fetched.
               
                "PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": SUPERUSER,
                "PGPASSWORD": PASSWORD, "PGDATABASE": self.scene.name}

    def _end(self, process: subprocess.Popen, timeout: float, interrupted: bool) -> int:
        with process:
            try:
                if interrupted and process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                return process.wait(timeout)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def _wait_for(self, output, text: str, process: subprocess.Popen, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            ended = process.poll() is not None
            written = Path(f"/proc/self/fd/{output.fileno()}").read_text()
            if re.search(text, written):
                return
            assert not ended and time.monotonic() < deadline, f"{text!r} was not written, but: {written}"
            time.sleep(0.05)
