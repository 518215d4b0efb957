"""Shows Bottled Water at work, on servers of its own or on yours."""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

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


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="bottledwater-quickstart."))
    try:
        with ExitStack() as cleanup:
            return Demonstration(folder, options, cleanup).run()
    except KeyboardInterrupt:
        print(f"\nEverything is stopped. Its folder is {folder}.")
        return 130 if options.once else 0
    except (ServerError, TimeoutError) as error:
        print(f"\nerror: {error}\nThe folder with all logs is {folder}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
