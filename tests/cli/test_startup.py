"""Tests of polycap/cli/startup.py."""

import json
from pathlib import Path

import pytest

from command_line import HEAVY, RUN, python
from tiny import make_language, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- what is loaded when ---


@pytest.mark.parametrize(
    "command", [["--help"], ["languages"], ["languages", "--json"], ["caption", "--help"], ["doctor", "--help"]]
)
def test_light_commands(command: list[str]) -> None:
    spy = f"import sys, atexit; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n{RUN}"
    done = python("-c", spy, *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.endswith("\n[]\n")
    assert len(done.stdout.splitlines()) > 1


def test_the_list_is_made_without_what_it_does_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser; and the registries of codes, unless there are folders that polycap's own tests have not seen."""
    make_language(tmp_path)
    loaded = "[name for name in ('typer', 'langcodes') if name in sys.modules]"
    spy = f"import sys, atexit; atexit.register(lambda: print({loaded}))\n{RUN}"
    for place, expected in (("", []), (str(tmp_path), ["langcodes"])):
        monkeypatch.setenv("POLYCAP_LANGUAGES", place)
        *lines, last = python("-c", spy, "languages").stdout.splitlines()
        assert last == str(expected)
        parsed = json.loads(run_polycap("languages", "--json").out)  # by way of the parser
        listed = [line.split()[:2] for line in lines]
        assert sorted(listed) == [[row["code"], row["status"]] for row in parsed]
        assert [status for _, status in listed] == sorted(status for _, status in listed), "the trained ones first"


def test_light_import() -> None:
    code = f"import sys, polycap, polycap.cli; dir(polycap); print([m for m in {HEAVY} if m in sys.modules])"
    done = python("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")
