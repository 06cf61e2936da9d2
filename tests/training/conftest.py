"""Fixtures of the tests of polycap/training."""

import pytest

from polycap.features.store import FeatureStore
from tiny import make_store


@pytest.fixture(autouse=True)
def _encoder_in_use(_offline: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the tiny inputs, so that packs of their runs can be loaded."""
    if "tiny_inputs" in request.fixturenames:
        monkeypatch.setenv("POLYCAP_ENCODER", str(request.getfixturevalue("tiny_encoder").folder))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[FeatureStore]:
    """Return stores of two views of 12 photos, in another order than the examples."""
    folder = tmp_path_factory.mktemp("views")
    names = [f"{p}.jpg" for p in reversed(range(12))]
    return [make_store(folder / "plain", names), make_store(folder / "mirrored", names, seed=1, mirrored=True)]
