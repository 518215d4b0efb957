"""The Debian package: made, checked, installed, used, upgraded, removed and purged, in a Debian of its own."""

import filecmp
import os
import re
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


def test_links_of_its_pages_lead_to_files_in_it(package, tmp_path):
    run("dpkg-deb", "--extract", package, tmp_path)
    pages = list((tmp_path / "usr/share/doc/bottledwater").rglob("*.md"))
    assert len(pages) > 10
    dead = [f"{page.name}: {target}" for page in pages
            for target in re.findall(r"\]\(([^)#]+)", re.sub("`[^`]*`", "", page.read_text()))
            if "://" not in target and not (page.parent / target.replace("\n", "")).exists()]
    assert dead == []


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
    # debootstrap leaves it when another process, which looks at all mounts, has just opened it.
    if os.path.ismount(folder / "proc"):
        run("umount", "--lazy", folder / "proc")
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


def test_it_can_read_a_file_of_secrets_as_the_page_installs_it(installed):
    """docs/install.md, "The service". No server answers there, which is found after the options are read."""
    (installed.folder / "tmp/kafka.properties").write_text("sasl.password=secret\n")
    page = (ROOT / "docs/install.md").read_text()
    command = re.search(r"install -o root .* kafka\.properties /\S+", page).group()
    installed.run("sh", "-c", f"cd /tmp; {command}")
    options = "--postgres='host=127.0.0.1 port=1' --spool=/proc/no --kafka-config-file=/etc/bottledwater/kafka"
    try:
        said = installed.run("su", "-s", "/bin/sh", "bottledwater", "-c", f"cd; bottledwater check {options}", check=False)
        assert "cannot read" not in said.stdout and said.returncode not in (0, 64), said.stdout
    finally:
        (installed.folder / "etc/bottledwater/kafka").unlink()


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


def test_copies_of_the_unit_are_restarted_and_stopped_too(debian, package):
    """By the calls of a systemd that notes them: docs/install.md, "Several relays"."""
    debian.install(package)
    systemctl = debian.folder / "usr/bin/systemctl"
    assert not systemctl.exists()
    systemctl.write_text("#!/bin/sh\necho \"$@\" >>/tmp/systemctl.calls\n")
    systemctl.chmod(0o755)
    running = debian.folder / "run/systemd/system"
    running.mkdir(parents=True)
    try:
        debian.install(package)
        debian.run("apt-get", "remove", "-y", "bottledwater")
    finally:
        running.rmdir()
        systemctl.unlink()
    calls = (debian.folder / "tmp/systemctl.calls").read_text()
    assert re.search(r"try-restart bottledwater\.service bottledwater-\*\.service\n", calls), calls
    assert re.search(r"stop bottledwater\.service bottledwater-\*\.service\n", calls), calls


def test_purging_empties_a_disk_that_is_mounted_as_state_directory(debian, package):
    debian.install(package)
    state = debian.folder / STATE
    if run("mount", "-t", "tmpfs", "tmpfs", state, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        (state / "spool").mkdir()
        (state / "spool/CURRENT").write_text("a spool's file\n")
        debian.run("apt-get", "purge", "-y", "bottledwater")
        assert list(state.iterdir()) == []
    finally:
        run("umount", state)
        state.rmdir()


def test_removing_keeps_the_data_and_purging_leaves_only_the_user(debian, package):
    debian.install(package)
    spool = debian.folder / STATE / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "CURRENT").write_text("a spool's file\n")
    debian.run("apt-get", "remove", "-y", "bottledwater")
    assert (spool / "CURRENT").exists() and (debian.folder / CONFIG).exists()
    debian.run("apt-get", "purge", "-y", "bottledwater")
    assert debian.files_named_bottledwater() == []
    assert debian.run("getent", "passwd", "bottledwater").returncode == 0
