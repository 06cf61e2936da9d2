"""What the commands print is one safe line, whatever strangers wrote into names, captions and messages."""

import logging
import re
import sys
from pathlib import Path

import pytest

from polycap import cli
from polycap.captioning.rows import text_lines
from polycap.cli.output import print_json, print_line, print_lines, print_note, print_row

COMMANDS = Path(cli.__file__).parent
ESCAPE = "\x1b]0;title\x07\x9b2J\r\n"


def test_commands_print_by_the_safe_functions_alone() -> None:
    found = {
        f"{path.name}: {line.strip()}"
        for path in COMMANDS.glob("*.py")
        if path.name != "output.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(\bprint|\.echo)\(", line)
    }

    assert found == {"app.py: typer.echo(__version__)", "caption.py: print(_line(error_row(path, error)))"}


def test_what_is_printed_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(ESCAPE)
    print_lines([ESCAPE, ESCAPE])
    print_note(ESCAPE)
    print_row({"name": ESCAPE})
    print_json({"name": ESCAPE})

    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 7
    assert err.splitlines() == [r"polycap: \x1b]0;title\x07\x9b2J\r\n"]
    assert all(line.isprintable() for line in out.splitlines())


def test_log_lines_and_tracebacks_are_safe() -> None:
    try:
        raise ValueError(ESCAPE)
    except ValueError:
        record = logging.LogRecord("polycap", logging.ERROR, "", 0, "a photo %s", (ESCAPE,), sys.exc_info())

    first, *rest = cli._Formatter("polycap: %(message)s").format(record).splitlines()

    assert first == r"polycap: a photo \x1b]0;title\x07\x9b2J\r\n"
    assert all(line.isprintable() for line in rest)


def test_captions_are_safe() -> None:
    class Candidate:
        text = f"a dog{ESCAPE}"

    class Named:
        photo, candidates = Path(f"dog{ESCAPE}.jpg"), (Candidate,)

        class language:  # noqa: N801
            code = "de"

    (line,) = text_lines([Named], name_language=True)  # type: ignore[list-item]

    assert line == "dog\\x1b]0;title\\x07\\x9b2J\\r\\n.jpg\tde\ta dog\\x1b]0;title\\x07\\x9b2J\\r\\n"
