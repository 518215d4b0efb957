"""The Debian package: made, checked, installed, used, upgraded, removed and purged, in a Debian of its own."""

import filecmp
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting_relay import RELAY, ROOT

CONFIG = "etc/bottledwater/bottledwater.toml"
STATE = "var/lib/bottledwater"


def run(*command, check: bool = True, **options) -> subprocess.CompletedProcess:
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert not check or done.returncode == 0, done.stdout
    return done


def make_package(folder: Path) -> Path:
    """Of the program that is built, as scripts/package does, without building it again."""
    run("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-D", "CMAKE_BUILD_TYPE=Release", "-D", "BOTTLEDWATER_TESTS=OFF")
    shutil.copy2(RELAY, folder / "bottledwater")
    sourced = '. "$0/scripts/lib/common.sh"; . "$0/scripts/lib/build.sh"; package "$1"'
    run("bash", "-euc", sourced, ROOT, folder)
    (package,) = (folder / "package").glob("*.deb")
    return package


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return make_package(tmp_path_factory.mktemp("build"))


def test_lintian_finds_nothing(package):
    if not shutil.which("lintian"):
        pytest.skip("no lintian: scripts/test installs it")
    run("lintian", "--allow-root", "--fail-on", "error,warning", package)


def test_the_same_commit_gives_the_same_package(package, tmp_path):
    assert filecmp.cmp(package, make_package(tmp_path / "again"), shallow=False)


def test_libraries_are_dependencies(package):
    depends = run("dpkg-deb", "--field", package, "Depends").stdout
    assert all(library in depends for library in ("libpq5", "librdkafka1", "librocksdb", "libavro", "libc6"))


class Chroot:
    """A minimal Debian in a folder. Nothing is started in it: it has no init."""

    def __init__(self, folder: Path):
        self.folder = folder

    def run(self, *command, check: bool = True) -> subprocess.CompletedProcess:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return run("chroot", self.folder, *command, check=check, env=environment)

    def install(self, package: Path) -> None:
        shutil.copy(package, self.folder / "tmp/package.deb")
        self.run("apt-get", "install", "-y", "--no-install-recommends", "--reinstall", "/tmp/package.deb")

    def files_named_bottledwater(self) -> list[str]:
        return self.run("find", "/", "-xdev", "-iname", "*bottledwater*", "-not", "-path", "/proc/*").stdout.split()


def codename() -> str:
    return run("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME").stdout.strip()


def minimal_debian() -> Path:
    """An archive, made once: it takes a minute."""
    cache = Path(os.environ.get("BOTTLEDWATER_CACHE", os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))) / "bottledwater"
    archive = cache / f"debian-{codename()}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / f"debian-{codename()}.{os.getpid()}.partial.tar"
        run("debootstrap", "--variant=minbase", "--make-tarball", partial, codename(), partial.with_suffix(".folder"))
        partial.rename(archive)
    return archive


@pytest.fixture(scope="module")
def debian(tmp_path_factory) -> Iterator[Chroot]:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip("a chroot takes root and debootstrap")
    folder = tmp_path_factory.mktemp("debian")
    folder.chmod(0o755)
    run("debootstrap", "--variant=minbase", "--unpack-tarball", minimal_debian(), codename(), folder)
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    chroot = Chroot(folder)
    chroot.run("apt-get", "update")
    yield chroot
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(debian: Chroot, package: Path) -> Chroot:
    debian.install(package)
    return debian


def test_the_installed_program_runs(installed):
    assert installed.run("bottledwater", "--version").stdout.startswith("bottledwater ")


def test_the_service_is_neither_enabled_nor_started(installed):
    enabled = [path for path in installed.files_named_bottledwater() if ".wants/" in path]
    assert enabled == []


def test_spool_and_configuration_are_the_service_s_alone(installed):
    said = installed.run("stat", "--format=%a %U:%G", f"/{STATE}", f"/{CONFIG}").stdout
    assert said.split("\n")[:2] == ["700 bottledwater:bottledwater", "640 root:bottledwater"]


def test_the_service_s_user_can_read_its_configuration(installed):
    said = installed.run("su", "-s", "/bin/sh", "bottledwater", "-c", f"cd; bottledwater --config=/{CONFIG}", check=False)
    assert said.returncode == 64 and "--postgres is missing" in said.stdout


def test_man_page_and_completions_are_there(installed):
    page = installed.folder / "usr/share/man/man1/bottledwater.1.gz"
    if shutil.which("man"):
        said = run("man", "--warnings", "-l", page, env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"}).stdout
        assert "--max-wal-retained" in said and "warning:" not in said
    installed.run("bash", "-c", ". /usr/share/bash-completion/completions/bottledwater; complete -p bottledwater")


def test_an_upgrade_keeps_what_the_administrator_wrote(installed, package):
    config = installed.folder / CONFIG
    config.write_text('postgres = "dbname=mine"\n')
    installed.run("chmod", "0600", f"/{CONFIG}")
    installed.install(package)
    assert config.read_text() == 'postgres = "dbname=mine"\n'
    assert config.stat().st_mode & 0o777 == 0o600


def test_removing_keeps_the_data_and_purging_leaves_nothing(debian, package):
    debian.install(package)
    spool = debian.folder / STATE / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "CURRENT").write_text("a spool's file\n")
    debian.run("apt-get", "remove", "-y", "bottledwater")
    assert (spool / "CURRENT").exists() and (debian.folder / CONFIG).exists()
    debian.run("apt-get", "purge", "-y", "bottledwater")
    assert debian.files_named_bottledwater() == []
    assert debian.run("getent", "passwd", "bottledwater", check=False).returncode == 2
    assert debian.run("getent", "group", "bottledwater", check=False).returncode == 2
