"""Fixtures of the tests of polycap/cli."""

from pathlib import Path

import pytest


@pytest.fixture
def photo(tiny_data: Path) -> Path:
    return tiny_data / "Images" / "p00.jpg"
