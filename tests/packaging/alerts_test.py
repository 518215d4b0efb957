"""Alert rules, dashboard and runbooks: valid, tested, and about metrics and sections that exist."""

import json
import re
import shutil
import subprocess

import pytest
from waiting_relay import ROOT

RULES = ROOT / "packaging/prometheus/bottledwater.rules.yml"
RULES_TEST = ROOT / "packaging/prometheus/bottledwater.rules_test.yml"
DASHBOARD = ROOT / "packaging/grafana/bottledwater.json"
RUNBOOKS = ROOT / "docs/runbooks.md"
METRICS = ROOT / "docs/metrics.md"


def promtool(*arguments) -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool: scripts/test installs Debian's package prometheus")
    run = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:bottledwater|process)_[a-z_]+", text))


def documented_metrics() -> dict[str, str]:
    """Each metric's type, by name."""
    rows = re.findall(r"^\| `((?:bottledwater|process)_[a-z_]+)` \| (\w+)", METRICS.read_text(), re.MULTILINE)
    assert len(rows) > 30, "docs/metrics.md is no longer read correctly by this test"
    return dict(rows)


def series_names() -> set[str]:
    """The names that queries may use: a histogram is asked for by its parts."""
    names = set()
    for name, kind in documented_metrics().items():
        names |= {name + part for part in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return names


def dashboard_queries() -> list[str]:
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])]


def test_rules_are_valid():
    promtool("check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_otherwise():
    promtool("test", "rules", RULES_TEST)


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_is_tested(alert):
    assert f'alertname="{alert}"' in RULES_TEST.read_text()


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_severity_texts_and_a_runbook(alert):
    rule = RULES.read_text().split(f"- alert: {alert}\n")[1].split("- alert:")[0]
    assert re.search(r"severity: (critical|warning)\n", rule)
    assert "summary: " in rule and "description: " in rule
    assert f"runbook_url: file:///usr/share/doc/bottledwater/runbooks.md#{alert.lower()}\n" in rule
    section = RUNBOOKS.read_text().split(f"\n## {alert}\n")[1].split("\n## ")[0]
    assert all(f"**{part}:**" in section for part in ("Means", "Look at", "Do"))


def test_each_runbook_is_an_alert_s():
    sections = re.findall(r"^## (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(alerts())


def test_the_runbook_s_search_finds_warnings_in_both_forms_of_the_log():
    (pattern,) = re.findall(r"grep -E '([^']+)'", RUNBOOKS.read_text())
    for line in ("2026-11-22T03:11:19.042Z warning Left out a row", '{"time":"","level":"error","message":""}'):
        assert re.search(pattern, line), line
    assert not re.search(pattern, '{"time":"","level":"info","message":""}')


def test_rules_use_only_documented_metrics():
    assert metrics_in(RULES.read_text()) <= series_names()


def test_dashboard_uses_only_documented_metrics():
    used = metrics_in(" ".join(dashboard_queries()))
    assert used <= series_names()


def test_dashboard_shows_every_documented_metric():
    """A metric nobody sees is one nobody misses; sessions are on it by their failures, and whether there is a limit by
    what is left until it. How much is mapped says nothing about a program whose storage maps files. Whom the admin
    endpoint has refused concerns security, not relaying, and is in the log."""
    shown = {re.sub("_bucket$", "", name) for name in metrics_in(" ".join(dashboard_queries()))}
    assert set(documented_metrics()) - shown == {
        "bottledwater_admin_refused_total", "bottledwater_sessions_total", "bottledwater_captured_transactions_total",
        "bottledwater_published_bytes_total", "bottledwater_wal_limit_set", "process_virtual_memory_bytes"}


def test_dashboard_queries_parse(tmp_path):
    """Grafana's own variables have values; promtool then reads each query as a recording rule's."""
    rules = [f"  - record: test:query{number}\n    expr: {json.dumps(query.replace('$__rate_interval', '1m'))}\n"
             for number, query in enumerate(dashboard_queries())]
    file = tmp_path / "queries.yml"
    file.write_text("groups:\n- name: dashboard\n  rules:\n" + "".join(rules))
    promtool("check", "rules", file)


def test_links_of_the_runbooks_lead_somewhere():
    text = RUNBOOKS.read_text()
    for name, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", text):
        target = (RUNBOOKS.parent / name).read_text() if name else text
        headings = re.findall(r"^#+ (.*)$", target, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{name}#{anchor}"
