"""Tests of polycap/files/progress.py."""

import io

import pytest

from polycap.files.progress import print_above_bar, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "show", "drawn"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_a_bar_is_drawn_in_a_terminal_or_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, show: bool | None, drawn: bool
) -> None:
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    assert list(progress_bar([1, 2], show=show, unit="photo")) == [1, 2]
    assert bool(stderr.getvalue()) == drawn


@pytest.mark.parametrize("closed", [False, True])
def test_without_stderr_there_is_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], closed: bool
) -> None:
    stream = io.StringIO() if closed else None
    if stream:
        stream.close()
    monkeypatch.setattr("sys.stderr", stream)
    assert list(progress_bar(range(9), unit="photo", show=True)) == list(range(9))
    print_above_bar("a note")
    assert capsys.readouterr().out == ""
