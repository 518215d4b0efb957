"""What the documents name as evidence is there."""

import re
from pathlib import Path

from chaos import scenarios  # noqa: F401  Registers them.
from chaos.scenario import ALL

ROOT = Path(__file__).resolve().parent.parent


def rows(document: str, heading: str) -> list[list[str]]:
    """Of the first table behind the heading, without its head."""
    text = (ROOT / document).read_text().split(heading, 1)[1]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE).group(0)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_guarantees_name_what_exists():
    evidence = rows("docs/guarantees.md", "## What a failure does")
    assert len(evidence) > 20
    mutations = set(re.findall(r"\w+", (ROOT / "tests/simulation/mutations.txt").read_text()))
    for failure, *_, shown_by in evidence:
        names = re.findall(r"`([^`]+)`", shown_by)
        assert names or "simulation" in shown_by, f"nothing shows: {failure}"
        for name in names:
            path = name.split()[0]
            there = name in ALL or name in mutations or any(ROOT.glob(f"{path}*")) or any(ROOT.glob(f"tests/**/{path}"))
            assert there, f"{failure}: there is no {name}"


def test_readme_has_every_scenario():
    assert {name.strip("`") for name, *_ in rows("chaos/README.md", "## Scenarios")} == set(ALL)
