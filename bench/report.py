"""Tables and a plot of what `bench/run compare` measured. Pure: from Results to text."""

from dataclasses import dataclass, field
from html import escape
from statistics import median
from textwrap import wrap
from typing import Callable, Iterable, Optional, Sequence

from results import SINKS, SOURCES, Result, Results

TITLES = {"relay": "Bottled Water", "debezium": "Debezium"}
NOTHING = "–"
REACHED = 0.95  # Of the rate that was asked for: less is named.


@dataclass
class Cell:
    """The runs of one subject in one row."""
    runs: list = field(default_factory=list)

    @property
    def good(self) -> list:
        return [run for run in self.runs if not run.problem]

    def middle(self, figure: Callable[[Result], Optional[float]]) -> Optional[float]:
        values = [value for value in map(figure, self.good) if value is not None]
        return median(values) if values else None

    @property
    def rate(self) -> Optional[float]:
        return self.middle(lambda run: run.rate)

    def rate_text(self) -> str:
        if self.rate is None:
            return "failed" if self.runs else NOTHING
        if not self.rate:
            return "nothing"
        rates = [run.rate for run in self.good]
        return f"{rounded(self.rate)} ({rounded(min(rates))}–{rounded(max(rates))})" if len(rates) > 1 else rounded(self.rate)

    def latency_text(self) -> str:
        p50, p99 = self.middle(lambda run: run.p50_ms), self.middle(lambda run: run.p99_ms)
        if p50 is None or p99 is None:
            return "failed" if self.runs else NOTHING
        return f"{milliseconds(p50)} / {milliseconds(p99)}" + (", fell behind" if self.fell_behind else "")

    @property
    def fell_behind(self) -> bool:
        """In most runs."""
        return 2 * sum(run.fell_behind for run in self.good) > len(self.good)

    def notes(self) -> list:
        """What its figures alone would hide."""
        lines = []
        for problem in unique(run.problem for run in self.runs if run.problem):
            count = sum(run.problem == problem for run in self.runs)
            lines.append(f"{count} of {len(self.runs)} runs do not count: {in_one_line(problem)}")
        reached, asked = self.middle(lambda run: run.reached_rate), self.middle(lambda run: run.asked_rate)
        if reached and reached < REACHED * asked:
            lines.append(f"the load itself reached only {reached:,.0f} of {asked:,} commits/s on this machine")
        late = [run.behind_s for run in self.good if run.fell_behind]
        if late:
            lines.append(f"{len(late)} of {len(self.runs)} runs did not keep up: {max(late):.1f} s behind at the end of the load")
        held = self.middle(lambda run: run.wal_mib)
        if held is not None and not self.rate:
            seconds = self.middle(lambda run: run.seconds)
            lines.append(f"nothing was durable without Kafka: the slot still held {held:,.0f} MiB of WAL after {seconds:.0f} s")
        return lines + unique(note for run in self.runs for note in run.notes)


@dataclass
class Row:
    scenario: str
    phase: str
    title: str
    cells: dict = field(default_factory=dict)  # Subject -> Cell, limits included.

    def cell(self, subject: str) -> Cell:
        return self.cells.get(subject, Cell())

    @property
    def is_steady(self) -> bool:
        return any(run.asked_rate for cell in self.cells.values() for run in cell.runs)

    def limit(self) -> tuple:
        """(what, rate): the better client on each side, and of those the slower side. (None, None) when not measured."""
        sides = []
        for side in (SOURCES, SINKS):
            rates = [(self.cell(subject).rate, name) for subject, name in side.items() if self.cell(subject).rate]
            if rates:
                sides.append(max(rates))
        rate, name = min(sides, default=(None, None))
        return name, rate


def rows_of(results: Results) -> list:
    """In the order of the scenarios, and of the phases as they were measured. A limit without a phase is in all rows."""
    rows: dict = {}
    limits = {*SOURCES, *SINKS}
    # Limits make rows of their own only where nothing else was measured.
    measured = {one.scenario for one in results.results if one.subject not in limits}
    for one in results.results:
        if one.subject not in limits or one.scenario not in measured:
            title = results.scenarios.get(one.scenario, one.scenario)
            rows.setdefault((one.scenario, one.phase), Row(one.scenario, one.phase, title))
    for row in rows.values():
        for one in results.results:
            is_limit_of_all = one.subject in limits and not one.phase
            if one.scenario == row.scenario and (one.phase == row.phase or is_limit_of_all):
                row.cells.setdefault(one.subject, Cell()).runs.append(one)
    order = list(results.scenarios)
    return sorted(rows.values(), key=lambda row: order.index(row.scenario) if row.scenario in order else len(order))


def rounded(value: float) -> str:
    """Three digits that count."""
    digits = len(str(int(value)))
    step = 10 ** max(0, digits - 3)
    return f"{int(value / step + 0.5) * step:,}"


def milliseconds(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def number(value: Optional[float]) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def ratio(above: Optional[float], below: Optional[float]) -> str:
    return f"{above / below:.2f}" if above and below else NOTHING


def _usage(row: Row) -> list:
    """CPU and memory, the relay's and Debezium's."""
    cpu = [number(row.cell(subject).middle(lambda run: run.cpu_per_million)) for subject in TITLES]
    peak = [number(row.cell(subject).middle(lambda run: run.peak_mib)) for subject in TITLES]
    return [" / ".join(cpu), " / ".join(peak)]


THROUGHPUT_HEAD = ["scenario", "", "Bottled Water, changes/s", "Debezium, changes/s", "limit", "of the limit", "x Debezium",
                   "CPU s per million", "peak MiB"]
STEADY_HEAD = ["commits/s", "reached by the load (both)", "Bottled Water, p50 / p99 ms", "Debezium, p50 / p99 ms",
               "CPU s per million (both)", "peak MiB (both)"]


def throughput_table(rows: Iterable[Row]) -> list:
    """Its lines, each a list of texts; the first is the head."""
    table = [THROUGHPUT_HEAD]
    for row in rows:
        if row.is_steady:
            continue
        relay, debezium, (limit, limit_rate) = row.cell("relay"), row.cell("debezium"), row.limit()
        limit_text = f"{rounded(limit_rate)} ({limit})" if limit_rate else NOTHING
        table.append([row.title, row.phase, relay.rate_text(), debezium.rate_text(), limit_text,
                      ratio(relay.rate, limit_rate), ratio(relay.rate, debezium.rate), *_usage(row)])
    return table


def steady_table(rows: Iterable[Row]) -> list:
    table = [STEADY_HEAD]
    for row in rows:
        if row.is_steady:
            reached = [cell.middle(lambda run: run.reached_rate) for cell in map(row.cell, TITLES)]
            table.append([row.phase.removesuffix("/s"), " / ".join(rounded(rate) if rate else NOTHING for rate in reached),
                          row.cell("relay").latency_text(), row.cell("debezium").latency_text(), *_usage(row)])
    return table


def limits_table(rows: Iterable[Row]) -> list:
    names = {**SOURCES, **SINKS}
    by_scenario: dict = {}  # Title -> limit -> text
    for row in rows:
        for subject in names:
            if row.cell(subject).runs:
                by_scenario.setdefault(row.title, {})[subject] = row.cell(subject).rate_text()
    return [["limits, changes/s", *names.values()],
            *([title, *(texts.get(subject, NOTHING) for subject in names)] for title, texts in by_scenario.items())]


def notes(rows: Iterable[Row]) -> list:
    """Who failed, who did not keep up, where the machine was too small."""
    return unique(f"{row.scenario} {row.phase}".rstrip() + f", {TITLES.get(subject, subject)}: {note}"
                  for row in rows for subject, cell in row.cells.items() for note in cell.notes())


def in_one_line(problem: str) -> str:
    """Of a long one, which ends with a log, the first line and the last, which says most."""
    first, *_, last = problem.splitlines() * 2
    return first if first == last else f"{first} {last}"


def unique(values: Iterable) -> list:
    return list(dict.fromkeys(values))


def about_text(results: Results) -> str:
    return "; ".join(f"{name} {value}" for name, value in results.about.items())


def as_text(results: Results) -> str:
    rows = rows_of(results)
    parts = [about_text(results)]
    for table in (throughput_table(rows), steady_table(rows), limits_table(rows)):
        if len(table) > 1:
            widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
            parts.append("\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()
                                   for line in table))
    parts.append("\n".join(notes(rows)))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_markdown(results: Results) -> str:
    rows = rows_of(results)
    parts = []
    for table in (throughput_table(rows), steady_table(rows), limits_table(rows)):
        if len(table) > 1:
            head, *body = table
            lines = [head, ["---"] * len(head), *body]
            parts.append("\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines))
    if notes(rows):
        parts.append("\n".join(f"- {note}" for note in notes(rows)))
    parts.append(f"Measured with `bench/run compare`: {about_text(results)}.")
    return "\n\n".join(parts) + "\n"


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; font-size: 15px; }
  .faint { fill: #59636e; font-size: 12px; }
  .relay { fill: #0969da; } .debezium { fill: #bc6c00; } .limit { fill: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .relay { fill: #58a6ff; } .debezium { fill: #e3a13a; } .limit { fill: #57606a; }
  }
"""
WIDTH, LEFT, BAR_WIDTH, BAR, GAP = 860, 20, 480, 14, 4


class _Drawing:
    """Grows downwards. Without a background: the page's shows, light or dark."""

    def __init__(self) -> None:
        self._y = 0
        self._elements: list = []

    def text(self, text: str, kind: str = "") -> None:
        self._y += 32 if kind == "head" else 20
        self._elements.append(f'<text x="{LEFT}" y="{self._y}" class="{kind}">{escape(text)}</text>')

    def bars(self, label: str, bars: Sequence[tuple]) -> None:
        """Each is (kind, length from 0 to 1, text)."""
        self.text(label)
        self._y += 6
        for kind, length, text in bars:
            width = max(1.0, length * BAR_WIDTH)
            self._elements.append(f'<rect x="{LEFT}" y="{self._y}" width="{width:.1f}" height="{BAR}" rx="2" class="{kind}"/>')
            self._elements.append(f'<text x="{LEFT + width + 8:.1f}" y="{self._y + BAR - 2}" class="faint">{escape(text)}</text>')
            self._y += BAR + GAP
        self._y += 4

    def svg(self, title: str) -> str:
        height = self._y + 16
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *self._elements, "</svg>"]) + "\n"


def as_svg(results: Results) -> str:
    rows = rows_of(results)
    drawing = _Drawing()
    throughput = [row for row in rows if not row.is_steady]
    if throughput:
        drawing.text("Changes per second, longer is better", "head")
    for row in throughput:
        limit, limit_rate = row.limit()
        figures = [(subject, row.cell(subject).rate, title) for subject, title in TITLES.items()]
        figures.append(("limit", limit_rate, f"limit: {limit}"))
        longest = max((rate for _, rate, _ in figures if rate), default=1.0)
        drawing.bars(f"{row.title}, {row.phase}", [
            (kind, rate / longest, f"{rounded(rate) if rate else 'nothing'}  {title}")
            for kind, rate, title in figures if rate is not None])
    steady = [row for row in rows if row.is_steady]
    if steady:
        drawing.text("From insert to reader, 99th percentile in milliseconds, shorter is better", "head")
    for row in steady:
        drawing.bars(*_latency_bars(row))
    for line in wrap(about_text(results), 130):
        drawing.text(line, "faint")
    return drawing.svg("Bottled Water and Debezium, measured with bench/run compare")


def _latency_bars(row: Row) -> tuple:
    """(label, bars): see _Drawing.bars."""
    figures = [(subject, row.cell(subject).middle(lambda run: run.p99_ms), title) for subject, title in TITLES.items()]
    longest = max((value for _, value, _ in figures if value), default=1.0)
    bars = []
    for subject, value, title in figures:
        cell = row.cell(subject)
        if value is None:
            continue
        text = f"{milliseconds(value)} ms  {title}" + (", fell behind" if cell.fell_behind else "")
        reached = cell.middle(lambda run: run.reached_rate)
        if reached < REACHED * cell.middle(lambda run: run.asked_rate):
            text += f" (at {rounded(reached)} commits/s)"
        bars.append((subject, value / longest, text))
    return f"{row.phase.removesuffix('/s')} commits a second", bars
