"""Tests of polycap/training/settings.py."""

import pytest

from polycap.errors import TrainingError
from polycap.training.settings import TrainingSettings, parse_settings

pytest_plugins = ["tiny_fixtures"]


# --- settings ---


def test_settings_from_assignments() -> None:
    assert parse_settings([]) == TrainingSettings()
    found = parse_settings(["epochs=3", "kind=merge", "learning_rate=1e-3", "epochs=4"])
    assert found == TrainingSettings(epochs=4, kind="merge", learning_rate=0.001)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "expected NAME=VALUE, where NAME is one of kind, "),
        ("epoch=3", "'epoch=3': expected NAME=VALUE"),
        ("=3", "expected NAME=VALUE"),
        ("epochs=", "epochs=: "),
        ("epochs=many", "epochs=many: "),
        ("epochs=-1", "epochs=-1: .*greater than or equal to 0"),
        ("epochs=2.5", "epochs=2.5: "),
        ("output_dropout=1", "output_dropout=1: .*less than 1"),
        ("learning_rate=nan", "learning_rate=nan: "),
        ("kind=other", "kind=other: .*'merge'"),
        ("seed=-1", "seed=-1: "),
        ("seed=4294967296", "seed=4294967296: .*less than 4294967296"),
    ],
)
def test_settings_that_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        parse_settings([assignment])
    assert "\n" not in str(caught.value)
