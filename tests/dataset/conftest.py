"""Fixtures of the tests of polycap/dataset."""

from pathlib import Path

import pytest

from caption_files import add_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos in `Images`, and nothing else."""
    add_photos(tmp_path / "Images")
    return tmp_path
