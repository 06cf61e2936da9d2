"""The command line: parse, call, print. Results go to stdout, all else to stderr."""

import io
import logging
import os
import sys
from collections.abc import Callable

from polycap.errors import PolycapError

__all__ = ["main"]


def main() -> None:
    """Run the command line; polycap's own errors become one line and status 1."""
    if getattr(sys, "frozen", False):  # an application by PyInstaller, whose children are itself
        from polycap.machine.child import freeze_support

        freeze_support()
    _set_encoding()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_once())
    logging.basicConfig(level=logging.WARNING, format="polycap: %(message)s", handlers=[handler])
    logging.getLogger("polycap").setLevel(logging.INFO)
    try:
        _run()
    except PolycapError as error:
        sys.exit(f"polycap: {error}")
    except BrokenPipeError:  # the reader has seen enough, as in `polycap … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"polycap: {place}{error.strerror or error}")
    except KeyboardInterrupt:  # before typer is there to catch it
        sys.exit(130)


def _once() -> Callable[[logging.LogRecord], bool]:
    """What the registry has to say, it says each time that a command looks for languages; once is enough."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        if record.name != "polycap.language.registry":
            return True
        message = record.getMessage()
        new = message not in said
        said.add(message)
        return new

    return is_new


def _set_encoding() -> None:
    """Captions leave in UTF-8, whatever is usual here: a pipe of Windows', for one, takes 256 letters."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where it is closed
        if "PYTHONIOENCODING" in os.environ:
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # names of files go out as they are


def _run() -> None:
    if sys.argv[1:] == ["languages"]:  # there is nothing to parse, and loading the parser takes as long as the list
        from polycap.cli.listing import print_languages

        print_languages()
    else:
        from polycap.cli.app import app

        app()
