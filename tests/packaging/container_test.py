"""Container and Kubernetes files, as far as they can be checked without Docker and a cluster: they agree with the relay and each other."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from waiting_relay import AWAY, ROOT, free_address, takes

DOCKERFILE = ROOT / "packaging/container/Dockerfile"
COMPOSE = ROOT / "packaging/container/compose.yaml"
KUBERNETES = ROOT / "packaging/kubernetes/bottledwater.yaml"


def documents(file: Path) -> list[Any]:
    """By Debian's python3-yaml, which the tests' own environment does not see."""
    if subprocess.run(["/usr/bin/python3", "-c", "import yaml"], capture_output=True).returncode != 0:
        pytest.skip("no PyYAML: scripts/test installs Debian's package python3-yaml")
    to_json = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"
    text = subprocess.run(["/usr/bin/python3", "-c", to_json], input=file.read_text(), capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def kubernetes() -> dict[str, Any]:
    return {document["kind"]: document for document in documents(KUBERNETES)}


def pod() -> dict[str, Any]:
    return kubernetes()["StatefulSet"]["spec"]["template"]["spec"]


def test_the_image_runs_as_the_user_that_kubernetes_names():
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert f"--uid {user} " in DOCKERFILE.read_text()
    security = pod()["securityContext"]
    assert security["runAsNonRoot"]
    assert {security[name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user)}


def test_all_copied_into_the_image_exists():
    sources = re.findall(r"^COPY ([^-]\S*) ", DOCKERFILE.read_text(), re.MULTILINE)
    assert sources and all((ROOT / source).exists() for source in sources)


def test_spool_of_the_image_is_on_the_volume():
    spool = re.search(r"BOTTLEDWATER_SPOOL=(\S+)", DOCKERFILE.read_text()).group(1)
    (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    mounts = [mount["mountPath"] for mount in pod()["containers"][0]["volumeMounts"] if mount["name"] == "state"]
    assert mounts == [volume] and Path(spool).parent == Path(volume)
    assert f"spool:{volume}" in documents(COMPOSE)[0]["services"]["bottledwater"]["volumes"]


def test_the_relay_takes_the_options_of_compose(tmp_path):
    service = documents(COMPOSE)[0]["services"]["bottledwater"]
    arguments = [word.replace("0.0.0.0:9187", free_address()) for word in service["command"]]
    takes([*arguments, f"--spool={tmp_path}/spool"], BOTTLEDWATER_POSTGRES=AWAY)


def test_the_relay_takes_the_options_of_kubernetes(tmp_path):
    secrets = tmp_path / "kafka"
    secrets.write_text(kubernetes()["Secret"]["stringData"]["kafka"])
    secrets.chmod(0o440)
    text = kubernetes()["ConfigMap"]["data"]["bottledwater.toml"]
    config = tmp_path / "bottledwater.toml"
    config.write_text(text.replace("/etc/bottledwater/secrets/kafka", str(secrets)).replace("host=db.example", AWAY)
                      .replace("0.0.0.0:9187", free_address()).replace('log-format = "json"', ""))
    config.chmod(0o644)  # As a ConfigMap's file: a secret in it would be refused.
    takes([f"--config={config}", f"--spool={tmp_path}/spool"], PGPASSWORD="secret")


def test_the_image_is_the_one_that_the_page_pushes():
    """docs/install.md; its tag is the version."""
    version = re.search(r"^project\(\S+\s+VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE).group(1)
    image = pod()["containers"][0]["image"]
    assert image.endswith(f":{version}")
    assert f"docker push {image}\n" in (ROOT / "docs/install.md").read_text()


def test_probes_ask_what_the_relay_answers():
    container = pod()["containers"][0]
    admin = (ROOT / "docs/admin.md").read_text()
    assert [container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")] == ["/livez", "/readyz"]
    assert all(f"`GET {container[probe]['httpGet']['path']}`" in admin for probe in ("livenessProbe", "readinessProbe"))
    assert {"name": "admin", "containerPort": 9187} in container["ports"]


def test_there_is_one_relay():
    assert kubernetes()["StatefulSet"]["spec"]["replicas"] == 1


def test_the_spool_s_limit_is_below_its_volume():
    limit = re.search(r'spool-max-bytes = "(\d+)GiB"', kubernetes()["ConfigMap"]["data"]["bottledwater.toml"])
    (claim,) = kubernetes()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    assert int(limit.group(1)) < int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
