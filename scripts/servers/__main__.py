"""python3 scripts/servers fetch | archive | postgres | up. See --help."""

import argparse
import signal
import sys
from pathlib import Path

if not __package__:  # Run by its path: make the folder a package.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "servers"

from servers import ServerError, Servers  # noqa: E402
from servers.class_archive import make_archives  # noqa: E402
from servers.fetch import fetch, fetch_postgres_named  # noqa: E402
from servers.paths import POSTGRES_ARCHIVES  # noqa: E402


def up(options: argparse.Namespace) -> None:
    with Servers(options.dir, brokers=options.brokers, registry=not options.no_registry, keep=bool(options.dir)) as servers:
        for name, value in servers.environment().items():
            print(f"export {name}={value}")
        print(f"# Logs are in {servers.folder}. Ctrl-C or SIGTERM ends all.", flush=True)
        while True:
            signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/servers", description=sys.modules["servers"].__doc__)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("fetch", help="fetch Kafka and the registry into the cache").set_defaults(run=lambda _: fetch())
    command = commands.add_parser("archive", help="keep the classes that Kafka and the registry load, so that they start sooner")
    command.set_defaults(run=lambda _: make_archives())
    command = commands.add_parser("postgres", help="fetch other versions of PostgreSQL, and print their folders")
    command.add_argument("version", nargs="*", default=list(POSTGRES_ARCHIVES), help=f"of {', '.join(POSTGRES_ARCHIVES)}, or one's major")
    command.set_defaults(run=lambda options: print(*map(fetch_postgres_named, options.version), sep="\n"))
    command = commands.add_parser("up", help="run the servers until Ctrl-C, and print where they are")
    command.add_argument("--dir", type=Path, help="keep everything in this new folder (default: one that is deleted)")
    command.add_argument("--brokers", type=int, default=1, metavar="N")
    command.add_argument("--no-registry", action="store_true")
    command.set_defaults(run=up)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options.run(options)
    except KeyboardInterrupt:
        pass
    except ServerError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
