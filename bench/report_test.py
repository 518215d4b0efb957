"""Tables and plot of bench/run compare, from recorded results and from some made for a claim."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from report import BAR_WIDTH, as_markdown, as_svg, as_text, limits_table, notes, rounded, rows_of, steady_table, throughput_table
from results import Result, Results

RECORDED = Path(__file__).resolve().parent / "recorded.json"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def recorded() -> Results:
    return Results.read(RECORDED)


def results(*measured: Result) -> Results:
    return Results({"commit": "abc"}, {"snapshot": "a <snapshot> | of a table"}, list(measured))


def took(seconds: float, subject: str = "relay", phase: str = "warm", **figures) -> Result:
    return Result("snapshot", phase, subject, changes=1_000_000, seconds=seconds, **figures)


def only_row(*measured: Result):
    [row] = rows_of(results(*measured))
    return row


def test_the_median_of_the_runs_is_shown_with_their_range():
    row = only_row(took(10), took(20), took(8))
    assert row.cell("relay").rate_text() == "100,000 (50,000–125,000)"


def test_a_run_that_was_not_exact_is_no_figure_and_is_named():
    row = only_row(took(10), took(1, problem="3 of 9 messages twice"))
    assert row.cell("relay").rate == 100_000
    assert notes([row]) == ["snapshot warm, Bottled Water: 1 of 2 runs do not count: 3 of 9 messages twice"]


def test_a_subject_that_failed_in_every_run_has_no_figure():
    row = only_row(took(1, problem="it has ended; its log ends:\nhello\nunknown option"))
    assert row.cell("relay").rate_text() == "failed"
    assert notes([row]) == [
        "snapshot warm, Bottled Water: 1 of 1 runs do not count: it has ended; its log ends: unknown option"]


def test_the_limit_is_the_slower_side_with_its_faster_client():
    row = only_row(took(10), took(2, "receive", ""), took(4, "pg_recvlogical", ""), took(5, "produce", ""))
    assert row.limit() == ("producer", 200_000)
    row = only_row(took(10), took(8, "receive", ""), took(6, "pg_recvlogical", ""), took(5, "produce", ""))
    assert row.limit() == ("pg_recvlogical", 1_000_000 / 6)


def test_a_limit_of_one_phase_is_not_that_of_another():
    capture, drain = rows_of(results(took(10, phase="capture"), took(10, phase="drain"), took(4, "receive", "capture"),
                                     took(5, "produce", "drain")))
    assert (capture.limit(), drain.limit()) == (("libpq receiver", 250_000), ("producer", 200_000))


def test_limits_alone_are_shown_too():
    row = only_row(took(5, "produce", ""), took(4, "copy", ""))
    assert row.limit() == ("producer", 200_000)
    rows = rows_of(results(took(5, "produce", "drain"), took(4, "receive", "capture")))
    assert [row.phase for row in rows] == ["drain", "capture"]


def test_ratios_are_to_the_limit_and_to_debezium():
    [_, line] = throughput_table([only_row(took(10, cpu_seconds=4), took(40, "debezium"), took(5, "produce", ""))])
    assert line[5:7] == ["0.50", "4.00"]
    assert line[7] == "4.0 / –"


def test_who_makes_nothing_durable_is_said_to():
    row = only_row(Result("snapshot", "capture", "debezium", seconds=10, wal_mib=250))
    assert row.cell("debezium").rate_text() == "nothing"
    assert notes([row]) == [
        "snapshot capture, Debezium: nothing was durable without Kafka: the slot still held 250 MiB of WAL after 10 s"]


def test_who_does_not_keep_up_is_said_to():
    steady = dict(p50_ms=500.0, p99_ms=900.0, asked_rate=1_000, reached_rate=990.0)
    row = only_row(took(10, behind_s=4.0, **steady), took(10, behind_s=5.0, **steady), took(10, behind_s=0.1, **steady))
    assert row.cell("relay").latency_text() == "500 / 900, fell behind"
    assert notes([row]) == ["snapshot warm, Bottled Water: 2 of 3 runs did not keep up: 5.0 s behind at the end of the load"]


def test_three_digits_count():
    assert [rounded(value) for value in (7.4, 999.6, 12_345, 152_848)] == ["7", "1,000", "12,300", "153,000"]


def test_recorded_results_are_all_in_the_tables(recorded):
    rows = rows_of(recorded)
    assert [row.scenario for row in rows] == sorted((row.scenario for row in rows), key=list(recorded.scenarios).index)
    shown = {(line[0], line[1]) for line in throughput_table(rows)[1:]}
    for one in recorded.results:
        if one.subject in ("relay", "debezium") and not one.asked_rate:
            assert (recorded.scenarios[one.scenario], one.phase) in shown
    assert [line[0] for line in steady_table(rows)[1:]] == ["1,000", "5,000", "10,000"]
    assert len(limits_table(rows)) > 1


def test_a_load_that_the_machine_cannot_make_is_named(recorded):
    assert any("the load itself reached only" in note for note in notes(rows_of(recorded)))
    assert "commits/s)" in as_svg(recorded)


def test_recorded_results_survive_writing_and_reading(recorded, tmp_path):
    recorded.write(tmp_path / "again.json")
    assert Results.read(tmp_path / "again.json") == recorded


def test_text_has_a_line_for_each_row_and_the_notes(recorded):
    text = as_text(recorded)
    for row in rows_of(recorded):
        assert row.title in text or row.is_steady
    for note in notes(rows_of(recorded)):
        assert note in text


def test_markdown_has_as_many_cells_in_each_line_as_in_its_head(recorded):
    for table in as_markdown(recorded).split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_markdown_escapes_what_would_end_a_cell():
    assert "a <snapshot> \\| of a table" in as_markdown(results(took(10)))


def test_the_plot_is_xml_with_a_bar_for_each_figure(recorded):
    plot = ElementTree.fromstring(as_svg(recorded))
    widths = [float(bar.get("width")) for bar in plot.iter(f"{SVG}rect")]
    expected = 0
    for row in rows_of(recorded):
        expected += sum(bool(row.cell(subject).good) for subject in ("relay", "debezium"))
        expected += bool(not row.is_steady and row.limit()[1])
    assert len(widths) == expected
    assert max(widths) == BAR_WIDTH


def test_the_longest_bar_is_the_fastest_and_others_are_in_proportion():
    plot = ElementTree.fromstring(as_svg(results(took(10), took(40, "debezium"))))
    widths = {bar.get("class"): float(bar.get("width")) for bar in plot.iter(f"{SVG}rect")}
    assert widths == {"relay": BAR_WIDTH, "debezium": BAR_WIDTH / 4}


def test_the_plot_escapes_texts_and_knows_the_dark_theme():
    plot = as_svg(results(took(10)))
    assert "a &lt;snapshot&gt; | of a table" in plot
    assert "prefers-color-scheme: dark" in plot
