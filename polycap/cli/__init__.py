"""The command line: parse, call, print. Results go to stdout, all else to stderr."""

import logging
import os
import sys

from polycap.errors import PolycapError

__all__ = ["main"]


def main() -> None:
    """Run the command line; polycap's own errors become one line and status 1."""
    logging.basicConfig(level=logging.WARNING, format="polycap: %(message)s", stream=sys.stderr)
    logging.getLogger("polycap").setLevel(logging.INFO)
    try:
        _run()
    except PolycapError as error:
        sys.exit(f"polycap: {error}")
    except BrokenPipeError:  # the reader has seen enough, as in `polycap … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(f"polycap: {error.filename or ''}: {error.strerror or error}")


def _run() -> None:
    if sys.argv[1:] == ["languages"]:  # there is nothing to parse, and loading the parser takes as long as the list
        from polycap.cli.listing import print_languages

        print_languages()
    else:
        from polycap.cli.app import app

        app()
