"""Tests of polycap/cli/output.py, and of what the commands say before they begin."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polycap.cli import main
from polycap.cli.caption import _streamed
from polycap.cli.output import json_text, name_as_bytes
from tiny import run_polycap

ROW = {"photo": "größe \udcfc.jpg", "caption": "一只狗"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252", "shift-jis"])
def test_json_is_json_whatever_the_encoding_of_stdout_is(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding, errors="backslashreplace"))
    print(json_text(ROW), flush=True)
    assert json.loads(printed.getvalue().decode(encoding)) == ROW
    assert ("一" in printed.getvalue().decode(encoding)) == (encoding == "utf-8")


def test_a_name_is_printed_as_its_bytes_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale of another encoding than UTF-8 decodes names by it; what is printed must name the file."""
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="utf-8", errors="surrogateescape"))
    on_disk = "größe.jpg".encode("iso-8859-1")
    print(name_as_bytes(on_disk.decode("iso-8859-1"), "iso-8859-1") + "\tein 狗", flush=True)
    assert printed.getvalue() == on_disk + "\tein 狗\n".encode()
    assert name_as_bytes("größe \udcfc.jpg", "utf-8") == "größe \udcfc.jpg"


def test_an_address_names_the_way_to_caption_it() -> None:
    done = run_polycap("caption", "https://example.org/a.jpg")
    assert done.status == 1
    assert done.err == (
        "polycap: https://example.org/a.jpg: is an address, and polycap fetches none; "
        "`curl -L https://example.org/a.jpg | polycap caption -`\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_a_photo_through_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", f"printf photo > '{tmp_path / 'pipe'}'"]) as writer:
        photo = _streamed(tmp_path / "pipe")
    assert photo is not None
    assert (photo.name, photo.data, writer.returncode) == (str(tmp_path / "pipe"), b"photo", 0)
    assert _streamed(tmp_path) is _streamed(tmp_path / "none") is None


def test_memory_that_runs_out_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        raise MemoryError

    monkeypatch.setattr("polycap.cli._run", run)
    with pytest.raises(SystemExit, match=r"^polycap: not enough memory; close other programs"):
        main()


def test_commands_keep_their_help_without_docstrings() -> None:
    code = (
        "import sys, typer; from polycap.cli.app import app; "
        "group = typer.main.get_command(app); "
        "names = {**group.commands, **group.commands['data'].commands}; "
        "print(sorted(name for name, command in names.items() if not command.help))"
    )
    done = subprocess.run([sys.executable, "-P", "-OO", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
