"""Certificates for servers of ours, by openssl, from an authority that is made for one run."""

import subprocess
from pathlib import Path

from .process import ServerError

HERE = "IP:127.0.0.1"


class Authority:
    """Clients that trust its `certificate` accept what it issues. All is in `folder`."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.certificate = folder / "authority.crt"
        self._folder = folder
        self._key = folder / "authority.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN=Authority of {folder.name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, name: str, host: str = HERE, days: int = 1) -> Path:
        """A new file with a key and its certificate, which holds for `host` ("DNS:..." or "IP:...").

        With no days, it is expired a second later.
        """
        key, request, certificate = (self._folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=server",
                 "-addext", f"subjectAltName={host}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-days", str(days),
                 "-copy_extensions", "copy", "-out", certificate)
        both = self._folder / f"{name}.pem"
        both.write_text(key.read_text() + certificate.read_text())
        return both


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise ServerError(f"openssl {arguments[0]}: {done.stderr}")
