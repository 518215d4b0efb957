"""The systemd unit and the sample configuration file, as they are in packaging/systemd."""

import re
import shutil
import subprocess

import pytest
from waiting_relay import AWAY, RELAY, ROOT, free_address, takes

UNIT = ROOT / "packaging/systemd/bottledwater.service"
SAMPLE = ROOT / "packaging/systemd/bottledwater.toml"
EXPOSURE_MAX = 2.0


def setting(name: str) -> str:
    return re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE).group(1)


def exit_codes_in_help() -> set[int]:
    text = subprocess.run([RELAY, "--help"], capture_output=True, text=True, check=True).stdout
    return {int(code) for code in re.findall(r"^ +(\d+)  ", text.split("Exit codes:")[1], re.MULTILINE)}


def uncommented(text: str) -> str:
    """The sample with each option in use; sentences stay comments."""
    return re.sub(r'^#(?=[\["]|[a-z-]+ = )', "", text, flags=re.MULTILINE)


def systemd_analyze(*arguments) -> subprocess.CompletedProcess:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze: scripts/test installs Debian's package systemd")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)


def test_systemd_understands_all_of_the_unit(tmp_path):
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/bottledwater", RELAY))
    run = systemd_analyze("--man=no", "verify", unit)
    assert (run.returncode, run.stderr) == (0, "")


def test_sandbox_is_tight():
    run = systemd_analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", UNIT)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", run.stdout)
    assert run.returncode == 0 and exposure, run.stdout + run.stderr
    assert float(exposure.group(1)) <= EXPOSURE_MAX


def test_what_a_restart_cannot_mend_is_not_restarted():
    """docs/operations.md, "Exit codes"."""
    of_no_use = {code for code in exit_codes_in_help() if 64 <= code <= 69 or 80 <= code <= 89}
    assert {int(code) for code in setting("RestartPreventExitStatus").split()} == of_no_use
    assert len(of_no_use) == 13


def test_the_spool_is_where_the_unit_may_write():
    assert setting("Environment") == f"BOTTLEDWATER_SPOOL=/var/lib/{setting('StateDirectory')}/spool"


def test_the_sample_as_it_is_names_the_database_as_missing(tmp_path):
    run = subprocess.run([RELAY, f"--config={SAMPLE}", f"--spool={tmp_path}/spool"], capture_output=True, text=True)
    assert run.returncode == 64
    assert "--postgres is missing" in run.stderr


def test_each_option_of_the_sample_is_accepted(tmp_path):
    secrets = tmp_path / "kafka"
    secrets.write_text("sasl.username=relay\nsasl.password=secret\n")
    secrets.chmod(0o600)
    config = tmp_path / "bottledwater.toml"
    text = uncommented(SAMPLE.read_text()).replace("/etc/bottledwater/kafka", str(secrets))
    text = text.replace("host=db.example", AWAY).replace('"127.0.0.1:9187"', f'"{free_address()}"')
    config.write_text(text)
    config.chmod(0o600)
    assert text.count("\n#") < SAMPLE.read_text().count("\n#") - 15, "the sample's options are no longer found"
    takes([f"--config={config}", f"--spool={tmp_path}/spool"])
