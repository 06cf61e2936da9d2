"""Fixtures of the tests of polycap/runtime."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tracing takes seconds: what one test traced the others find."""
    return tmp_path_factory.mktemp("runtime-cache")


@pytest.fixture
def cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYCAP_CACHE", str(shared_cache))
    monkeypatch.delenv("POLYCAP_RUNTIME")
    return shared_cache
