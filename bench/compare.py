"""Measures the relay beside Debezium and beside what PostgreSQL and Kafka allow. See bench/README.md, "Compared"."""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Callable, Iterable, Iterator

import psycopg
from confluent_kafka import KafkaException

from limits import produce
from load import SETTINGS, Load, Shape
from report import as_markdown, as_svg, as_text
from results import Result, Results
from scenarios import SCENARIOS
from servers import ServerError, Servers
from servers.fetch import fetch_for_comparison
from servers.paths import DEBEZIUM_VERSION, KAFKA_VERSION
from session import Ground, Session
from subjects import SUBJECTS

ROOT = Path(__file__).resolve().parent.parent
LIMITS = "limits"
# A broker that has just started is slow, and would make the first subject look so.
BROKER_WARM_UP = 300_000


def measurements(ground: Ground, arguments, scenario, subject: str, run: int) -> Iterator[Result]:
    if subject == LIMITS:
        yield from scenario.limits(ground)
        return
    options = [*scenario.relay_options, *arguments.relay] if subject == "relay" else arguments.debezium
    make = partial(SUBJECTS[subject], options=options)
    with Session(ground, scenario, make, subject, run) as session:
        yield from scenario.measure(session)
        session.look_again()


def measured(ground: Ground, arguments, scenario, subject: str, run: int) -> Iterator[Result]:
    """What fails is a result, too, and does not end the comparison."""
    try:
        for result in measurements(ground, arguments, scenario, subject, run):
            result.run = run
            yield result
    except (ServerError, KafkaException, psycopg.Error) as error:
        yield Result(scenario.name, "", subject, problem=str(error), run=run)


def warm_up_broker(ground: Ground) -> None:
    produce(ground, "warm-up", ground.scaled(BROKER_WARM_UP, 10_000), Shape())


def compare(arguments, results: Results) -> None:
    """Subject by subject within each scenario, and beginning with another one in each run: what changes on the machine
    meanwhile meets all of them."""
    begun = time.time()
    with Servers(registry=False, postgres_settings=SETTINGS, kafka_java=["-Xmx1g"]) as servers:
        ground = Ground(servers, Load(servers.postgres), arguments.scale)
        for run in range(1, arguments.runs + 1):
            run_begun = time.time()
            one_run(ground, arguments, results, run, begun)
            results.about["whole runs"] = run
            now = time.time()
            if run < arguments.runs and now + (now - run_begun) > begun + arguments.minutes * 60:
                print(f"Another run would end after --minutes={arguments.minutes}: this was the last.", file=sys.stderr)
                return


def one_run(ground: Ground, arguments, results: Results, run: int, begun: float) -> None:
    warm_up_broker(ground)
    shift = (run - 1) % len(arguments.subjects)
    for name in arguments.scenarios:
        for subject in arguments.subjects[shift:] + arguments.subjects[:shift]:
            for result in measured(ground, arguments, SCENARIOS[name], subject, run):
                results.results.append(result)
                say(result, time.time() - begun)
                if arguments.json:
                    results.write(arguments.json)


def say(result: Result, since: float) -> None:
    figure = result.problem or (f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms" if result.p50_ms is not None
                                else f"{result.rate:,.0f} changes/s")
    print(f"[{since:5.0f} s] run {result.run}: {result.scenario} {result.phase} {result.subject}: {figure}", file=sys.stderr)


def about(arguments) -> dict:
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    models = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    facts = {
        "commit": commit.stdout.strip(), "on": time.strftime("%Y-%m-%d", time.gmtime()), "whole runs": 0,
        "processors": f"{os.cpu_count()} ({models[0] if models else platform.machine()}), shared by all",
        "PostgreSQL": "15", "Kafka and Connect": KAFKA_VERSION, "Debezium": DEBEZIUM_VERSION,
        "messages": "JSON without schemas",
    }
    if arguments.scale != 1:
        facts["loads scaled by"] = arguments.scale
    return facts


def names(known: Iterable[str]) -> Callable[[str], list]:
    def parse(text: str) -> list:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return chosen
    return parse


def parse_arguments() -> argparse.Namespace:
    subjects = [*SUBJECTS, LIMITS]
    parser = argparse.ArgumentParser(prog="bench/run compare", description=__doc__,
                                     epilog="scenarios: " + "; ".join(f"{s.name}: {s.title}" for s in SCENARIOS.values()))
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of everything; median and range are shown (default 3)")
    parser.add_argument("--minutes", type=float, default=40, metavar="M",
                        help="begin no further run that would end later (default 40)")
    parser.add_argument("--scenarios", type=names(SCENARIOS), default=list(SCENARIOS), metavar="A,B", help="default: all")
    parser.add_argument("--subjects", type=names(subjects), default=subjects, metavar="A,B",
                        help=f"default: {','.join(subjects)}")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="of the loads, e.g. 0.01 to see whether all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured, each time more of it")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables for a README")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the plot")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: show what --json wrote")
    parser.add_argument("--relay", action="append", default=[], metavar="OPTION", help="a further option of the relay")
    parser.add_argument("--debezium", action="append", default=[], metavar="KEY=VALUE", help="a further option of the connector")
    return parser.parse_args()


def show(arguments, results: Results) -> None:
    print(as_text(results), end="")
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(results))
    if arguments.svg:
        arguments.svg.write_text(as_svg(results))


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that servers are stopped and folders deleted.
    arguments = parse_arguments()
    interrupted = False
    if arguments.source:
        results = Results.read(arguments.source)
    else:
        results = Results(about(arguments), {name: SCENARIOS[name].title for name in arguments.scenarios})
        if "debezium" in arguments.subjects:
            fetch_for_comparison()
        try:
            compare(arguments, results)
        except KeyboardInterrupt:
            interrupted = True
            print("Interrupted: this is what was measured so far.", file=sys.stderr)
        if arguments.json:
            results.write(arguments.json)
    show(arguments, results)
    if interrupted:
        sys.exit(130)
    if any(result.problem for result in results.results):
        sys.exit(1)


if __name__ == "__main__":
    main()
