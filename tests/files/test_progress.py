"""Tests of polycap/files/progress.py."""

import io

import pytest

from polycap.files.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "show", "drawn"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_bar_is_drawn_where_it_is_asked_for_and_stderr_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, show: bool, drawn: bool
) -> None:
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    assert list(progress_bar([1, 2], show=show, unit="photo")) == [1, 2]
    assert bool(stderr.getvalue()) == drawn
