"""Tests of polycap/errors.py."""

import pytest

from polycap.errors import reason_of


@pytest.mark.parametrize(
    ("error", "named", "reason"),
    [
        (ValueError("one\n  two\tthree"), False, "one two three"),
        (ValueError("one\n  two"), True, "ValueError: one two"),
        (ValueError(), False, "ValueError"),
        (ValueError(" \n"), True, "ValueError"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, named: bool, reason: str) -> None:
    assert reason_of(error, named=named) == reason
