"""Command line: parse, call, print. Results go to stdout, notes and progress to stderr."""

import io
import logging
import os
import re
import sys
from typing import Any

from polycap.errors import PolycapError, one_line

__all__ = ["main", "name_options"]

_ARGUMENT = re.compile(r"`([a-z][a-z0-9_]*)`")
"""Argument in a message, in backquotes; see `polycap.errors`."""


def main() -> None:
    """Run the command line; on a PolycapError print one line and exit with status 1."""
    if getattr(sys, "frozen", False):  # an application by PyInstaller, which starts itself as its children
        from polycap.machine.child import freeze_support

        freeze_support()
    _set_encoding()
    _set_stderr()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("polycap: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("polycap").setLevel(logging.INFO)
    try:
        _run()
    except PolycapError as error:
        sys.exit(f"polycap: {one_line(name_options(str(error)))}")
    except MemoryError:
        sys.exit(
            "polycap: not enough memory; close other programs, raise the limit (`ulimit -v`), or give fewer photos"
        )
    except BrokenPipeError:  # the reader has closed the pipe, as in `polycap … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"polycap: {one_line(place)}{one_line(error.strerror or error)}")
    except KeyboardInterrupt:  # before typer catches it
        sys.exit(130)


def name_options(message: str) -> str:
    """Replace arguments in a message by options of the command line: `` `beam_width` `` → `--beam-width`."""
    return _ARGUMENT.sub(lambda match: "--" + match[1].replace("_", "-"), message)


class _Formatter(logging.Formatter):
    """Formatter of log lines that names options, and escapes control characters in messages and tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return one_line(name_options(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(map(one_line, super().formatException(ei).split("\n")))


def _set_encoding() -> None:
    """Set stdout to UTF-8: the default of a pipe on Windows, for example, has 256 characters."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # None if it is closed
        if "PYTHONIOENCODING" in os.environ:
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # bytes of file names are kept


def _set_stderr() -> None:
    """Open the null device as stderr if the process has none, as in services, by pythonw.exe or after `2>&-`.

    `print` would write notes to stdout, among the results; and the next file that is opened would be descriptor 2, to
    which libraries write.
    """
    if sys.stderr is not None and not sys.stderr.closed:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.fstat(2)
    except OSError:
        os.dup2(null, 2)
    sys.stderr = open(null, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process


def _run() -> None:
    if sys.argv[1:] == ["languages"]:  # without typer, whose import takes as long as the list
        from polycap.cli.listing import print_languages

        print_languages()
    else:
        from polycap.cli.app import app
        from polycap.language.registry import one_search

        with one_search():
            app()
