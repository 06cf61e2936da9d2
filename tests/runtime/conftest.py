"""Fixtures of the tests of polycap/runtime."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_cache(folder_of_all_workers: Path) -> Path:
    """Tracing takes seconds: what one test traced the others find."""
    return folder_of_all_workers / "runtime-cache"


@pytest.fixture
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYCAP_CACHE", str(shared_cache))
    monkeypatch.delenv("POLYCAP_RUNTIME")
    return shared_cache
