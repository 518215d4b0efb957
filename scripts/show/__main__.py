"""Shows Bottled Water at work, on servers of its own or on yours."""

import argparse
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg  # noqa: E402

from servers import ServerError  # noqa: E402
from show.demonstration import Demonstration  # noqa: E402


def parse() -> argparse.Namespace:
    """The options of scripts/quickstart, which checks and explains them."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--postgres")
    parser.add_argument("--broker")
    parser.add_argument("--schema-registry")
    return parser.parse_args()


def main() -> None:
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="bottledwater-quickstart."))
    folder.chmod(0o711)  # PostgreSQL, as a user of its own, must be able to pass through.
    exit_code = 0
    try:
        with ExitStack() as cleanup:
            Demonstration(folder, options, cleanup).run()
    except KeyboardInterrupt:
        print("\nStopped.")
        exit_code = 130 if options.once else 0
    except (ServerError, psycopg.Error) as error:
        sys.exit(f"\nerror: {error}\nThe logs are in {folder}.")
    shutil.rmtree(folder)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
