"""What every test file shares."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real material; a test that needs it is skipped without it."""
    folder = os.environ.get("POLYCAP_SHARED")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real photos and captions: set POLYCAP_SHARED to their folder")
    return Path(folder)
